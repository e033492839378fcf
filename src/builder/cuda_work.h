// The distinct problems of a program for a GPU, and what may run each.
#pragma once

#include <functional>
#include <map>
#include <span>
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
  std::optional<Comparison> comparison;
  int nodes = 0;
  bool known = false;  // a cache had the times of all options

  double seconds() const;  // of the best, measured or estimated
  /// Usable options beside the best?
  bool has_choice() const;
};

/// By key; a rule that names a node makes its problem one of its own.
using CudaWorks = std::map<std::string, CudaWork>;
using CudaImages = std::map<std::string, std::string>;
/// By the key of their image.
using CudaLaunches = std::map<std::string, const cuda::Launch*>;

/// An option of which nothing is known yet.
CudaOption make_option(const cuda::Tactic& tactic, const std::string& configuration);

/// What is known of an option from another build on such a GPU.
std::optional<double> recorded_seconds(const RecordedTimes& recorded, const CudaOption& option,
                                       const std::string& problem);

/// The options of a problem: those with recorded times first, fastest first, then each tactic's best by estimate, each
/// one's second, and so on; those beyond `most` are spare. unsupported where `forced` cannot run it.
Result<CudaWork> list_work(const ir::Node& node, const cuda::Problem& problem, const std::string* forced,
                           const BuildConfig& config, const cuda::Device& gpu, const RecordedTimes& recorded,
                           size_t most);

/// Makes options of the spare ones whose configurations differ least from that of the best, `most` of them; how many.
size_t add_neighbours(CudaWork& work, size_t most);

/// Names an option in a cache, after the GPU. `when`: "", "cold", or the network it is a part of.
std::string option_key(const CudaOption& option, const std::string& when, const std::string& problem);

struct Wanted {
  CudaWork* work;
  size_t option;
};
using Compile = std::function<Result<std::string>(const std::string& source, const std::string& name,
                                                  const std::string& architecture)>;
using Progress = decltype(BuildConfig::progress);

/// Adds the machine code of those launches that `images` lacks, compiled on all threads; `failed`: why others have
/// none. cancelled where `progress`, which may be empty, says so.
Status compile_all(const CudaLaunches& launches, const std::string& architecture, ThreadPool& pool,
                   const Compile& compile, const Progress& progress, CudaImages& images,
                   std::map<std::string, Status>& failed);

/// Writes an option's kernels and packs its constants.
Status generate(CudaOption& option, const cuda::Problem& problem, const cuda::Device& gpu);

/// Writes the kernels of those options that have none yet, packs their constants, and compiles what `images` has not,
/// each distinct kernel once, on all threads. Options whose kernels do not compile, and those that need more memory
/// than `config` allows, are dropped; whether there were any.
Result<bool> make_options(std::vector<Wanted> wanted, const BuildConfig& config, const cuda::Device& gpu,
                          ThreadPool& pool, const Compile& compile, CudaImages& images);

/// Moves an option that cannot run to those refused, with a warning. Where it was the last, a spare one takes its
/// place.
void drop(CudaWork& work, size_t option, const Status& why);

/// Of options timed together, the first had been timed before: it keeps that time, and those of the others become what
/// they would have been beside it. A build that finds all of them in a cache then ranks them in each round as this one.
void keep_time(std::span<CudaOption> timed, double before);

}  // namespace vivace::builder
