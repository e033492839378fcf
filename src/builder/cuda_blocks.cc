#include "builder/cuda_blocks.h"

#include <algorithm>

#include "backends/cuda/lower.h"
#include "backends/cuda/tactic.h"
#include "builder/blocks.h"
#include "builder/cuda_work.h"
#include "passes/fuse_blocks.h"

namespace vivace::builder {

namespace {

constexpr int kHasClusters = 9;                  // compute capability; their blocks share what one would do alone
constexpr size_t kLeastSharedBytes = 200 << 10;  // what the largest blocks' weights were sized for
constexpr std::string_view kPooled = "vivace.PooledConv";     // needs no cluster
constexpr int kTrialEffort = 2;                               // of builds that only compare
constexpr double kTrialShare = 0.25;                          // of the time for tuning, each
constexpr std::string_view kAlways = "vivace.SqueezeExcite";  // took less time than its parts wherever it was measured

bool is_recorded(const RecordedTimes& recorded, const plan::Choice& choice, const std::string& problem) {
  const cuda::Tactic* tactic = cuda::find_tactic(choice.tactic);
  return tactic && recorded_seconds(recorded, make_option(*tactic, choice.configuration), problem).has_value();
}

}  // namespace

Result<plan::Program> make_blocks_and_program(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& shapes,
                                              const BuildConfig& config, const cuda::Target& target, Report& report) {
  const cuda::Device& gpu = *target.gpu;
  const bool small = storage_of(config.precision) != DType::f32;
  // A rule that forces a tactic may name what a block takes in.
  const bool forced = !config.forced_tactics.empty(), timed = config.effort > 0 && gpu.ordinal >= 0;
  const RecordedTimes recorded = RecordedTimes::of(gpu);
  const auto has_kernel = [&](std::string_view op) {
    if (!small) return false;
    if (op != kPooled && (gpu.major < kHasClusters || (op != kAlways && gpu.shared_bytes < kLeastSharedBytes)))
      return false;
    return has_row(cuda::all_tactics(), op, config.disabled_tactics);
  };
  const std::unique_ptr<ir::Graph> probe = graph->clone();
  VIVACE_ASSIGN(const int blocks, passes::fuse_blocks(*probe, has_kernel));
  TimingCache own;
  BuildConfig cached = config;
  if (!cached.cache) cached.cache = &own;
  BuildConfig trial_config = cached;
  trial_config.effort = std::min(config.effort, kTrialEffort);
  trial_config.time_budget = config.time_budget * kTrialShare;
  const auto make = [&](const Blocks& fused, const Apart& apart, bool trial) -> Result<Variant> {
    const BuildConfig& how = trial ? trial_config : cached;
    Variant made{graph->clone(), {}, report};
    VIVACE_TRY(passes::fuse_blocks(*made.graph, fused, apart).status());
    VIVACE_TRY(cuda::lower(*made.graph, storage_of(config.precision), config.precision == Precision::tf32));
    VIVACE_ASSIGN(made.program, make_cuda_program(made.graph, shapes, how, target, made.report, trial));
    return made;
  };
  const auto take = [&](Variant made) {
    report = std::move(made.report);
    return std::move(made.program);
  };
  const auto always = [&](std::string_view op) { return op == kAlways && has_kernel(op); };
  if (blocks == 0 || forced || (!timed && recorded.size() == 0)) {
    VIVACE_ASSIGN(Variant made, make(always, {}, false));
    return take(std::move(made));
  }
  // By what was measured, now or when times were recorded; an estimate says too little.
  const auto loses = [&](const ir::Node& node, const plan::Choice& choice,
                         const cpu::ConcreteGraph& at) -> std::optional<bool> {
    if (choice.tactic == cuda::kHost) return true;
    if (!timed && node.op == kAlways) return false;
    if (!timed && !is_recorded(recorded, choice, cpu::problem_of(node, at).key())) return true;
    return std::nullopt;
  };
  // Where nothing is timed there is nothing to search later: the last one is the program.
  VIVACE_ASSIGN(Variant fused, compare_blocks({.fused = has_kernel,
                                               .parts = [&](std::string_view op) { return !timed && always(op); },
                                               .make = make,
                                               .loses = loses,
                                               .trials_only = timed,
                                               .otherwise = timed ? " would take more time than their parts"
                                                                  : " are not known to be faster"},
                                              shapes));
  return take(std::move(fused));
}

}  // namespace vivace::builder
