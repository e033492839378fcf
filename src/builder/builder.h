// From a graph to a plan: optimize, lower, tune, pack.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/cuda/target.h"
#include "base/precision.h"
#include "builder/report.h"
#include "builder/timing_cache.h"
#include "plan/plan.h"

namespace vivace::builder {

struct BuildConfig {
  std::string device = "cpu";  // "cuda", "cuda:1", or for a GPU that is not here "sm_90"; see cuda::find_device
  int threads = 0;             // one run will use; 0: all processors
  /// Ranges of inputs with symbolic dimensions, by input name. A dimension of max may be -1: no upper limit.
  /// Inputs left out get guesses (first dimension 1, others 128) and no limits; the report says so.
  std::map<std::string, plan::ShapeRange> shapes;
  int effort = 3;          // 0: estimates only, nothing timed; 5: every candidate timed
  double time_budget = 0;  // seconds of tuning; 0: no limit. What is left over is chosen by estimate
  /// f16 or bf16: of GPUs only (passes/precision.h). tf32: on the CPU as f32.
  Precision precision = Precision::f32;
  uint64_t workspace_limit = 0;  // bytes one tactic may use beside its tensors; 0: no limit
  uint64_t memory_limit = 0;     // bytes of weights and arena at the largest shapes (optimum where unlimited); 0: none
  std::string model_name;
  TimingCache* cache = nullptr;  // read and added to; may be null
  std::vector<std::string> disabled_passes, disabled_tactics;
  /// "NAME=TACTIC" with NAME a node's name, an operator, or "*": that tactic or an error that says why not.
  std::vector<std::string> forced_tactics;
  /// Libraries of the GPU's vendor whose rows may be chosen where they are fastest: "cudnn", "cublaslt". The plan then
  /// needs the library to run. Those that are not here are left out, which the report says.
  std::vector<std::string> tactic_sources;
  /// Times the rows of all of the vendor's libraries that are here beside the best of ours, for the report alone.
  bool compare_vendors = false;
  bool keep_portable = true;  // false: a smaller plan that other machines refuse
  /// Called as the build goes on; false cancels it.
  std::function<bool(const std::string& phase, double fraction)> progress;
  /// Receives the graph as text after each pass that changed it.
  std::function<void(const std::string& pass, const ir::Graph&)> dump;
};

struct BuildResult {
  plan::Plan plan;
  Report report;
};

/// invalid_argument where the config does not fit the graph, unsupported for an operator Vivace does not know,
/// out_of_memory with the bytes needed where the limit is too small, cancelled.
Result<BuildResult> build(std::unique_ptr<ir::Graph> graph, const BuildConfig& config);

/// What would run each layer, by estimates, and which would fall back to slow kernels or to the CPU, and why: as a build
/// would say it, but nothing is compiled for GPUs or timed. Errors as build().
Result<Report> check(std::unique_ptr<ir::Graph> graph, const BuildConfig& config);

/// Lowers a plan's portable graph for this machine, choosing by estimates: what a runtime does with a plan made
/// elsewhere.
Result<plan::Program> lower_again(const plan::Plan& plan, const cuda::Target& target);

}  // namespace vivace::builder
