// Times what may run each problem of a program for a GPU, in rounds, and keeps the times in a cache.
#pragma once

#include <chrono>

#include "builder/cuda_search.h"
#include "builder/cuda_work.h"

namespace vivace::builder {

/// What the effort of a build allows for.
struct CudaEffort {
  size_t options;       // compiled and timed per problem
  int rounds;           // of those that differ least from the best so far
  size_t neighbours;    // in each round
  double seconds;       // for each option
  SearchLimits search;  // in place
};
const CudaEffort& cuda_effort(int effort);

/// What all parts of such a build work with.
struct CudaBuild {
  const BuildConfig& config;
  const cuda::Target& target;
  Report& report;
  const CudaEffort& effort;
  bool cold;  // each run finds constants in memory, not in the cache
  ThreadPool pool{target.host.threads};
  CudaWorks works = {};
  std::string network = {};  // names all problems together
  CudaImages images = {};
  std::shared_ptr<cuda::Gpu> gpu = {};
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();

  /// Seconds of the time budget.
  double left() const;
  std::string cache_key(const CudaOption& option, const std::string& when, const CudaWork& work) const;
  /// As make_options.
  Result<bool> make(std::vector<Wanted> wanted);
  Status load(CudaOption& option);
  /// Loads the kernels of options that have not been loaded yet, and drops those that cannot be; whether there were
  /// any.
  bool load(CudaWork& work);
};

/// Opens the GPU, and times every problem that has several options, then in rounds what differs least from its best;
/// the fastest comes first.
Status time_in_rounds(CudaBuild& build);

/// What was chosen in place comes first, where the cache knows that of all problems.
bool remember_places(CudaBuild& build);

}  // namespace vivace::builder
