// The distinct problems of a program for a GPU, and what may run each.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "builder/builder.h"
#include "builder/cuda_timing.h"
#include "builder/recorded_times.h"

namespace vivace::builder {

/// What may run one problem, however many nodes have it.
struct CudaWork {
  cuda::Problem problem;
  std::string key;
  std::vector<CudaOption> options;  // the first is the best so far; none: only the CPU can run it
  std::vector<CudaOption> spare;    // what else may run it, most promising first
  std::vector<Candidate> refused;
  int nodes = 0;
  bool known = false;  // a cache had the times of all options

  double seconds() const;  // of the best, measured or estimated
  /// Usable options beside the best?
  bool has_choice() const;
};

/// By key; a rule that names a node makes its problem one of its own.
using CudaWorks = std::map<std::string, CudaWork>;
using CudaImages = std::map<std::string, std::string>;

/// The options of a problem: those with recorded times first, fastest first, then each tactic's best by estimate, each
/// one's second, and so on; those beyond `most` are spare. unsupported where `forced` cannot run it.
Result<CudaWork> list_work(const ir::Node& node, const cuda::Problem& problem, const std::string* forced,
                           const BuildConfig& config, const cuda::Device& gpu, const RecordedTimes& recorded,
                           size_t most);

/// Makes options of the spare ones whose configurations differ least from that of the best, `most` of them; how many.
size_t add_neighbours(CudaWork& work, size_t most);

/// Names an option in a cache, after the GPU. `when`: "", "cold", or the network it is a part of.
std::string option_key(const CudaOption& option, const std::string& when, const std::string& problem);

/// Writes the kernels and packs the constants of these options.
struct Wanted {
  CudaWork* work;
  size_t option;
};
Status generate(const std::vector<Wanted>& wanted, const cuda::Device& gpu, ThreadPool& pool);

/// Machine code of these options' kernels, each distinct one once, on all threads.
Status compile_all(const std::vector<Wanted>& wanted, const BuildConfig& config, const cuda::Target& target,
                   ThreadPool& pool, CudaImages& images);

}  // namespace vivace::builder
