#include "builder/cpu_blocks.h"

#include <algorithm>
#include <chrono>

#include "backends/cpu/lower.h"
#include "builder/blocks.h"
#include "builder/tuner.h"
#include "passes/fuse_blocks.h"

namespace vivace::builder {

Result<plan::Program> make_cpu_program(const ir::Graph& graph, const std::vector<Shape>& inputs,
                                       const std::vector<std::vector<Shape>>& also, const BuildConfig& config,
                                       const cpu::Machine& machine, Report& report) {
  using Clock = std::chrono::steady_clock;
  constexpr double kNoTime = 1e-9;     // 0 would be no limit
  constexpr double kLeastGain = 1.02;  // less is within what two measurements of one kernel differ by
  const auto start = Clock::now();
  TimingCache own;
  BuildConfig cached = config;
  if (!cached.cache) cached.cache = &own;
  bool in_time = true;
  int timed = 0;
  const auto make = [&](const Blocks& fused, const Apart& apart, bool) -> Result<Variant> {
    Variant made{graph.clone(), {}, report};
    VIVACE_TRY(passes::fuse_blocks(*made.graph, fused, apart).status());
    VIVACE_TRY(cpu::lower(*made.graph, machine));
    const double spent = std::chrono::duration<double>(Clock::now() - start).count();
    if (config.time_budget > 0) cached.time_budget = std::max(kNoTime, config.time_budget - spent);
    Tuner tuner(cached, machine, made.report);
    VIVACE_ASSIGN(made.program, tuner.make_program(made.graph, inputs, also));
    VIVACE_TRY(tuner.forced().check());
    in_time = in_time && !tuner.out_of_time();
    timed = made.report.timed += timed;
    return made;
  };
  const auto has_kernel = [&](std::string_view op) { return has_row(cpu::all_tactics(), op, config.disabled_tactics); };
  const auto none = [](std::string_view) { return false; };
  const auto take = [&](Variant made) {
    report = std::move(made.report);
    return std::move(made.program);
  };
  // An estimate says too little, and a rule that forces a tactic may name what a block takes in.
  const bool compared = config.effort > 0 && config.forced_tactics.empty();
  VIVACE_ASSIGN(const int blocks, compared ? passes::fuse_blocks(*graph.clone(), has_kernel) : 0);
  if (blocks == 0) {
    VIVACE_ASSIGN(Variant made, make(none, {}, false));
    return take(std::move(made));
  }
  VIVACE_ASSIGN(
      Variant fused,
      compare_blocks({.fused = has_kernel,
                      .parts = none,
                      .make = make,
                      .loses = [&](const ir::Node&, const plan::Choice&,
                                   const cpu::ConcreteGraph&) { return in_time ? std::nullopt : std::optional(true); },
                      .least_gain = kLeastGain,
                      .otherwise = " would take more time than their parts"},
                     inputs));
  return take(std::move(fused));
}

}  // namespace vivace::builder
