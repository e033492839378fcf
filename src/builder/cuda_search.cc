#include "builder/cuda_search.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include "backends/cuda/instance.h"
#include "ir/text.h"

namespace vivace::builder {

namespace {

using Clock = std::chrono::steady_clock;
using cuda::Memory;

// Less is noise.
constexpr double kLeastGain = 0.003;
constexpr double kMostWorse = 2;  // alone; what takes longer is not tried

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Result<std::vector<Tensor>> random_arguments(const ir::Graph& graph, const std::vector<Shape>& shapes) {
  std::vector<Tensor> arguments;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const DType type = graph.inputs()[i]->type.dtype;
    VIVACE_ASSIGN(Tensor zeros, Tensor::allocate(type, shapes[i]));  // valid as indices wherever anything is
    arguments.push_back(is_float(type) ? ir::random_tensor(type, shapes[i], i + 1) : std::move(zeros));
  }
  return arguments;
}

// The network's memory and its launches in order, of which those of a problem can be exchanged.
class Network {
 public:
  Network(const cuda::Instance& instance, const std::vector<CudaWork*>& works, const GpuClock& clock)
      : instance_(instance), works_(works), clock_(clock) {}

  Status open(const std::vector<Tensor>& arguments) {
    size_t workspace = 16;
    for (const CudaWork* work : works_)
      for (size_t i = 0; work && i < work->options.size(); ++i)
        workspace = std::max(workspace, work->options[i].job.workspace);
    VIVACE_ASSIGN(memory_, zeroed(instance_.bytes));
    VIVACE_ASSIGN(workspace_, zeroed(workspace));
    VIVACE_ASSIGN(faults_, zeroed(works_.size() * sizeof(uint32_t)));
    const cuda::Driver& d = clock_.gpu()->driver();
    for (size_t i = 0; i < arguments.size(); ++i)
      if (arguments[i].bytes() > 0)
        VIVACE_CUDA(d, cuMemcpyHtoDAsync_v2(memory_.device() + instance_.inputs[i], arguments[i].data(),
                                            arguments[i].bytes(), clock_.stream()));
    VIVACE_CUDA(d, cuStreamSynchronize(clock_.stream()));
    return {};
  }

  /// Exchangeable are steps that do what their problem's first option says.
  std::set<CudaWork*> exchangeable() {
    std::set<CudaWork*> found, lost;
    for (const cuda::Step& step : instance_.steps) {
      CudaWork* work = works_[step.node];
      if (!work || step.on_host) continue;
      const std::vector<cuda::Launch>& expected = work->options[0].job.launches;
      bool same = expected.size() == step.kernels.size() && work->options[0].kernels.size() == expected.size();
      for (size_t k = 0; same && k < expected.size(); ++k)
        same = expected[k].name == step.kernels[k].launch.name &&
               std::equal(expected[k].grid, expected[k].grid + 3, step.kernels[k].launch.grid);
      (same ? found : lost).insert(work);
    }
    for (CudaWork* work : lost) found.erase(work);
    exchangeable_ = found;
    return found;
  }

  /// @param together  nodes whose steps run in one launch with those beside them
  Result<Recording> record(const std::set<size_t>& together = {}) {
    std::vector<CudaArguments> all;
    for (const cuda::Step& step : instance_.steps) {
      VIVACE_ASSIGN(CudaArguments arguments, arguments_of(step));
      all.push_back(std::move(arguments));
    }
    return clock_.record([&](cuda::Queue& queue) -> Status {
      for (size_t i = 0; i < instance_.steps.size(); ++i) {
        const cuda::Step& step = instance_.steps[i];
        if (step.on_host) continue;
        if (step.together.kernel && together.contains(step.node)) {
          std::vector<cuda::DevicePointer> values;
          for (size_t k = 0; k < step.together.steps; ++k)
            for (const cuda::Address& address : instance_.steps[i + k].arguments[0]) values.push_back(device(address));
          VIVACE_TRY(queue.launch(*step.together.kernel, step.together.launch, std::move(values)));
          i += step.together.steps - 1;
          continue;
        }
        if (CudaWork* work = works_[step.node]; exchangeable_.contains(work)) {
          VIVACE_TRY(launch(work->options[0], all[i], queue));
          continue;
        }
        for (size_t k = 0; k < step.kernels.size(); ++k) {
          std::vector<cuda::DevicePointer> values;
          for (const cuda::Address& address : step.arguments[k]) values.push_back(device(address));
          VIVACE_TRY(queue.launch(*step.kernels[k].kernel, step.kernels[k].launch, std::move(values)));
        }
      }
      return {};
    });
  }

 private:
  Result<Memory> zeroed(size_t bytes) {
    VIVACE_ASSIGN(Memory made, Memory::allocate(clock_.gpu(), Memory::Kind::device, bytes + 16));
    VIVACE_CUDA(clock_.gpu()->driver(), cuMemsetD8Async(made.device(), 0, made.bytes(), clock_.stream()));
    return made;
  }
  cuda::DevicePointer device(const cuda::Address& a) const {
    using Base = cuda::Address::Base;
    switch (a.base) {
      case Base::none:
      case Base::run: break;  // only where instance.run_values
      case Base::session: return memory_.device() + a.offset;
      case Base::input: return memory_.device() + instance_.inputs[a.index] + a.offset;
      case Base::output: return memory_.device() + instance_.outputs[a.index] + a.offset;
      case Base::fault: return faults_.device() + a.offset;
      case Base::fixed: return a.fixed + a.offset;
    }
    return 0;
  }
  // Each node has a copy of its problem's packed constants, so that they fill the cache as the network's own do.
  Result<CudaArguments> arguments_of(const cuda::Step& step) {
    CudaArguments arguments;
    CudaWork* work = works_[step.node];
    if (step.on_host || !exchangeable_.contains(work)) return arguments;
    for (const cuda::Address& a : step.inputs) arguments.inputs.push_back(device(a));
    for (const cuda::Address& a : step.outputs) arguments.outputs.push_back(device(a));
    arguments.workspace = workspace_.device();
    arguments.fault = faults_.device() + step.node * sizeof(uint32_t);
    for (const Tensor& tensor : work->options[0].packed) {
      Memory& copy = packed_[{step.node, tensor.data()}];
      if (copy.bytes() == 0) {
        VIVACE_ASSIGN(copy, upload(clock_.gpu(), tensor));
      }
      arguments.packed.push_back(copy.device());
    }
    return arguments;
  }

  const cuda::Instance& instance_;
  const std::vector<CudaWork*>& works_;
  const GpuClock& clock_;
  std::set<CudaWork*> exchangeable_;
  Memory memory_, workspace_, faults_;
  std::map<std::pair<size_t, const void*>, Memory> packed_;
};

// The shortest of some means.
Result<double> best_time(const GpuClock& clock, const Recording& recording, int replays) {
  constexpr int kMeans = 3;
  double best = INFINITY;
  for (int i = 0; i < kMeans; ++i) {
    VIVACE_ASSIGN(const double took, clock.time(recording, replays));
    best = std::min(best, took);
  }
  return best;
}

}  // namespace

Result<SearchResult> search_in_place(const backends::Executor& executor, const std::vector<Shape>& shapes,
                                     const std::vector<CudaWork*>& works, const GpuClock& clock,
                                     const SearchLimits& limits) {
  const auto start = Clock::now();
  const cuda::Gpu::Scope scope(*clock.gpu());
  VIVACE_ASSIGN(const auto kept, executor.instance(shapes));
  const auto& instance = static_cast<const cuda::Instance&>(*kept);
  VIVACE_ASSIGN(const std::vector<Tensor> arguments, random_arguments(executor.graph(), shapes));
  if (instance.run_values) return SearchResult();  // a part of the schedule is known only while running
  Network network(instance, works, clock);
  VIVACE_TRY(network.open(arguments));
  std::vector<CudaWork*> order;
  for (CudaWork* work : network.exchangeable())
    if (work->has_choice()) order.push_back(work);
  std::sort(order.begin(), order.end(), [](const CudaWork* a, const CudaWork* b) {
    const double x = a->seconds() * a->nodes, y = b->seconds() * b->nodes;
    return x != y ? x > y : a->key < b->key;
  });

  SearchResult result;
  VIVACE_ASSIGN(Recording current, network.record());
  VIVACE_ASSIGN(const double first, clock.time(current, 3));
  const int replays = std::clamp(static_cast<int>(2e-3 / std::max(first, 1e-6)), 2, 50);
  VIVACE_ASSIGN(result.before, best_time(clock, current, replays));
  result.after = result.before;
  std::map<CudaWork*, std::string> at_first;
  for (CudaWork* work : order) at_first[work] = option_key(work->options[0], "", "");
  bool any = true;
  for (int pass = 0; any && since(start) < limits.seconds; ++pass) {
    any = false;
    for (CudaWork* work : order) {
      const std::vector<CudaOption> options = work->options;
      size_t tried = 0;
      for (const CudaOption& option : options) {
        const Candidate& candidate = option.candidate;
        if (since(start) >= limits.seconds || tried >= limits.alternatives) break;
        if (!candidate.refused.empty() || candidate.seconds <= 0 || option.kernels.empty()) continue;
        if (candidate.seconds > kMostWorse * options[0].candidate.seconds) continue;
        const CudaOption previous = work->options[0];
        if (option.tactic == previous.tactic && option.configuration == previous.configuration) continue;
        ++tried;
        work->options[0] = option;
        VIVACE_ASSIGN(Recording changed, network.record());
        VIVACE_ASSIGN(double took, best_time(clock, changed, replays));
        bool better = took < result.after * (1 - kLeastGain);
        if (better) {
          // Once more side by side: the clock may have changed since the best was timed.
          VIVACE_ASSIGN(const double old, best_time(clock, current, replays));
          VIVACE_ASSIGN(const double again, best_time(clock, changed, replays));
          took = std::min(took, again);
          better = again < old * (1 - kLeastGain);
        }
        if (!better) {
          work->options[0] = previous;
          continue;
        }
        current = std::move(changed);
        result.after = took;
        any = true;
      }
      // The winner first, the others as they were.
      CudaOption winner = work->options[0];
      work->options = options;
      const auto at = std::find_if(work->options.begin(), work->options.end(), [&](const CudaOption& o) {
        return o.tactic == winner.tactic && o.configuration == winner.configuration;
      });
      std::rotate(work->options.begin(), at, at + 1);
    }
  }
  for (CudaWork* work : order) result.changed += at_first[work] != option_key(work->options[0], "", "");
  return result;
}

Result<TogetherResult> search_together(const backends::Executor& executor, const std::vector<Shape>& shapes,
                                       const std::map<size_t, TogetherGroup>& groups, const GpuClock& clock,
                                       double seconds) {
  const auto start = Clock::now();
  const cuda::Gpu::Scope scope(*clock.gpu());
  VIVACE_ASSIGN(const auto kept, executor.instance(shapes));
  const auto& instance = static_cast<const cuda::Instance&>(*kept);
  VIVACE_ASSIGN(const std::vector<Tensor> arguments, random_arguments(executor.graph(), shapes));
  TogetherResult result;
  if (instance.run_values) return result;
  const std::vector<CudaWork*> none(executor.graph().nodes().size(), nullptr);
  Network network(instance, none, clock);
  VIVACE_TRY(network.open(arguments));
  std::set<size_t> all;
  std::map<std::string, std::set<size_t>> kinds;
  for (const auto& [node, group] : groups) {
    all.insert(node);
    kinds[group.kind].insert(node);
  }

  VIVACE_ASSIGN(Recording current, network.record());
  VIVACE_ASSIGN(const double first, clock.time(current, 3));
  const int replays = std::clamp(static_cast<int>(2e-3 / std::max(first, 1e-6)), 2, 50);
  // As if what runs alone did so with its best kernel.
  const auto time = [&](const Recording& recording, const std::set<size_t>& nodes) -> Result<double> {
    VIVACE_ASSIGN(double took, best_time(clock, recording, replays));
    for (const auto& [node, group] : groups) took -= nodes.contains(node) ? 0 : group.extra;
    return took;
  };
  VIVACE_ASSIGN(result.before, time(current, {}));
  result.after = result.before;
  const auto try_with = [&](std::set<size_t> nodes) -> Status {
    VIVACE_ASSIGN(Recording changed, network.record(nodes));
    VIVACE_ASSIGN(const double took, time(changed, nodes));
    if (took >= result.after * (1 - kLeastGain)) return {};
    VIVACE_ASSIGN(const double old, time(current, result.nodes));
    VIVACE_ASSIGN(const double again, time(changed, nodes));
    if (again >= old * (1 - kLeastGain)) return {};
    current = std::move(changed);
    result.after = std::min(took, again);
    result.nodes = std::move(nodes);
    return {};
  };
  VIVACE_TRY(try_with(all));
  for (const auto& [kind, nodes] : kinds) {
    if (since(start) >= seconds) break;
    std::set<size_t> changed = result.nodes;
    for (const size_t node : nodes)
      if (!changed.erase(node)) changed.insert(node);
    VIVACE_TRY(try_with(std::move(changed)));
  }
  return result;
}

Status check_replay(const backends::Executor& executor, const std::vector<Shape>& shapes) {
  VIVACE_ASSIGN(const auto instance, executor.instance(shapes));
  VIVACE_ASSIGN(const std::vector<Tensor> arguments, random_arguments(executor.graph(), shapes));
  std::vector<TensorView> views;
  for (const Tensor& t : arguments) views.push_back(t.view());
  VIVACE_ASSIGN(const auto session, executor.session(0, {}));
  std::vector<Tensor> stepwise, replayed;
  VIVACE_TRY(session->run(*instance, views, stepwise, [](size_t, double) {}));
  constexpr int kRuns = 3;
  for (int run = 0; run < kRuns; ++run) {
    VIVACE_TRY(session->run(*instance, views, replayed, {}));
    for (size_t i = 0; i < stepwise.size(); ++i) {
      if (!is_float(stepwise[i].type()) || stepwise[i].bytes() == 0) continue;
      const std::vector<double> a = to_double(replayed[i]), b = to_double(stepwise[i]);
      double largest = 1e-30, worst = 0;
      for (size_t k = 0; k < a.size(); ++k) {
        if (std::isfinite(b[k])) largest = std::max(largest, std::abs(b[k]));
        if (a[k] != b[k] && !(std::isnan(a[k]) && std::isnan(b[k]))) worst = std::max(worst, std::abs(a[k] - b[k]));
        if (std::isnan(a[k]) != std::isnan(b[k])) worst = INFINITY;
      }
      // Sums by atomic additions may differ in their last bits, which later layers may make more of.
      constexpr double kMost = 1e-2;
      if (worst > kMost * largest)
        return {Code::internal, "output '" + executor.graph().output_name(i) +
                                    "' of a run as one CUDA graph is off by " + std::to_string(worst / largest) +
                                    " from a run that waits after each layer: a kernel reads what is not yet written. "
                                    "Disable the tactic that does; --effort 0 builds without this check"};
    }
  }
  return {};
}

}  // namespace vivace::builder
