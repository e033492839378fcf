#include "builder/cuda_blocks.h"

#include <algorithm>
#include <map>
#include <set>

#include "backends/cpu/executor.h"
#include "backends/cuda/lower.h"
#include "backends/cuda/tactic.h"
#include "builder/cuda_work.h"
#include "passes/fuse_blocks.h"

namespace vivace::builder {

namespace {

constexpr int kHasClusters = 9;                  // compute capability; their blocks share what one would do alone
constexpr size_t kLeastSharedBytes = 200 << 10;  // what the largest blocks' weights were sized for
constexpr std::string_view kPooled = "vivace.PooledConv";  // needs no cluster
constexpr std::string_view kBlocks[] = {"vivace.SqueezeExcite", "vivace.InvertedResidual", kPooled};
constexpr int kTrialEffort = 2;                   // of builds that only compare
constexpr double kTrialShare = 0.25;              // of the time for tuning, each
constexpr std::string_view kAlways = kBlocks[0];  // took less time than its parts wherever it was measured

bool is_block(const ir::Node& node) {
  return std::find(std::begin(kBlocks), std::end(kBlocks), node.op) != std::end(kBlocks);
}

// A graph, its program and what the build says of it.
struct Variant {
  std::shared_ptr<ir::Graph> graph;
  plan::Program program;
  Report report;
};

// Seconds of the nodes that make a block's output of its inputs.
double seconds_apart(const Variant& apart, const ir::Node& block) {
  std::map<const ir::Node*, double> seconds;
  const ir::Value* output = nullptr;
  const std::vector<ir::Node*> nodes = apart.graph->node_list();
  for (size_t i = 0; i < nodes.size(); ++i) {
    seconds[nodes[i]] = apart.program.choices[i].seconds;
    for (const ir::Value* v : nodes[i]->outputs())
      if (v->name == block.output()->name) output = v;
  }
  std::set<std::string> inputs;
  for (const ir::Value* v : block.inputs())
    if (v && !v->is_constant()) inputs.insert(v->name);
  double total = 0;
  std::set<const ir::Node*> counted;
  std::vector<const ir::Value*> open = {output};
  while (!open.empty()) {
    const ir::Value* v = open.back();
    open.pop_back();
    if (!v || !v->producer() || inputs.contains(v->name) || !counted.insert(v->producer()).second) continue;
    total += seconds[v->producer()];
    for (const ir::Value* input : v->producer()->inputs()) open.push_back(input);
  }
  return total;
}

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
    const auto rows = cuda::all_tactics();
    return std::any_of(rows.begin(), rows.end(), [&](const cuda::Tactic* row) {
      const auto& disabled = config.disabled_tactics;
      return row->runs(op) && !row->operators.empty() &&
             std::find(disabled.begin(), disabled.end(), row->name) == disabled.end();
    });
  };
  const std::unique_ptr<ir::Graph> probe = graph->clone();
  VIVACE_ASSIGN(const int blocks, passes::fuse_blocks(*probe, has_kernel));
  TimingCache own;
  BuildConfig cached = config;
  if (!cached.cache) cached.cache = &own;
  BuildConfig trial_config = cached;
  trial_config.effort = std::min(config.effort, kTrialEffort);
  trial_config.time_budget = config.time_budget * kTrialShare;
  const auto make = [&](const std::function<bool(std::string_view)>& fused,
                        const std::set<std::string, std::less<>>& apart, bool trial) -> Result<Variant> {
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
  const auto parts = [&](std::string_view op) { return !timed && always(op); };
  VIVACE_ASSIGN(const Variant apart, make(parts, {}, true));
  // Where nothing is timed there is nothing to search later: the last one is the program.
  VIVACE_ASSIGN(Variant fused, make(has_kernel, {}, timed));
  // By what was measured, now or when times were recorded; an estimate says too little.
  const auto loses = [&](const ir::Node& node, const plan::Choice& choice, const cpu::ConcreteGraph& at) {
    if (choice.tactic == cuda::kHost) return true;
    if (!timed && node.op == kAlways) return false;
    if (!timed && !is_recorded(recorded, choice, cpu::problem_of(node, at).key())) return true;
    return choice.seconds >= seconds_apart(apart, node);
  };
  std::set<std::string, std::less<>> slower;
  // What stays apart may leave a smaller block, which is tried next.
  for (size_t known = SIZE_MAX; known != slower.size();) {
    known = slower.size();
    const std::vector<ir::Node*> nodes = fused.graph->node_list();
    VIVACE_ASSIGN(const cpu::ConcreteGraph at, cpu::concretize(*fused.graph, shapes));
    for (size_t i = 0; i < nodes.size(); ++i)
      if (is_block(*nodes[i]) && loses(*nodes[i], fused.program.choices[i], at))
        slower.insert(nodes[i]->output()->name);
    if (known != slower.size()) {
      VIVACE_ASSIGN(fused, make(has_kernel, slower, timed));
    }
  }
  if (timed) {
    VIVACE_ASSIGN(fused, make(has_kernel, slower, false));
  }
  const auto kept = std::count_if(fused.graph->nodes().begin(), fused.graph->nodes().end(),
                                  [](const auto& node) { return is_block(*node); });
  fused.report.notes.push_back(std::to_string(kept) + " blocks of layers run as one kernel each; " +
                               std::to_string(slower.size()) +
                               (timed ? " would take more time than their parts" : " are not known to be faster"));
  return take(std::move(fused));
}

}  // namespace vivace::builder
