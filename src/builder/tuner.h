// Chooses a tactic for each node of a lowered graph: filter, estimate, check, time, cache.
#pragma once

#include <chrono>

#include "builder/builder.h"
#include "builder/forced.h"
#include "builder/packing.h"
#include "builder/timing.h"

namespace vivace::builder {

/// Runs a graph whose shapes cannot even be guessed before it runs: by reference kernels alone.
plan::Program reference_program(std::shared_ptr<ir::Graph> graph);

class Tuner {
 public:
  Tuner(const BuildConfig& config, const cpu::Machine& machine, Report& report);

  /// Makes the program of a lowered graph. `inputs` are the optimum shapes; `also` other shapes (min, max) that every
  /// choice must support. Subgraphs are lowered and tuned too, at the shapes they have when the inputs are `inputs`.
  Result<plan::Program> make_program(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& inputs,
                                     const std::vector<std::vector<Shape>>& also);
  const ForcedTactics& forced() const { return forced_; }
  bool out_of_time() const;

 private:
  Result<plan::Program> tune(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& inputs,
                             const std::vector<std::vector<Shape>>& also, const std::string& prefix);
  Result<plan::Program> tune_body(const ir::Node& node, const std::shared_ptr<ir::Graph>& body,
                                  const cpu::ConcreteGraph& at, const std::string& name);
  Result<plan::Choice> choose(const ir::Node& node, const cpu::Problem& problem, const std::vector<cpu::Problem>& also,
                              LayerReport& layer);
  Result<std::vector<Option>> options_of(const ir::Node& node, const cpu::Problem& problem,
                                         const std::vector<cpu::Problem>& also, LayerReport& layer) const;
  std::string cache_key(const Option& option, const std::string& problem_key) const;

  const BuildConfig& config_;
  const cpu::Machine& machine() const { return alone_ ? one_thread_ : machine_; }
  ThreadPool& pool() { return alone_ ? own_thread_ : pool_; }

  const cpu::Machine& machine_;
  cpu::Machine one_thread_;
  Report& report_;
  ThreadPool pool_, own_thread_;
  bool alone_ = false;  // what is tuned runs on one thread, beside others of its kind
  double share_ = 1;    // how often that is in one run: turns of each thread
  ForcedTactics forced_;
  std::map<std::string, std::pair<std::string, std::string>> chosen_;  // by problem: tactic, configuration
  std::map<std::string, LayerReport> seen_;
  Packing packing_;
  size_t nodes_ = 0, done_ = 0;   // of the graph and all in it, as they come and as they are tuned
  bool flush_constants_ = false;  // the model's weights do not stay in the cache between runs
  std::chrono::steady_clock::time_point start_;
  bool told_out_of_time_ = false;
};

}  // namespace vivace::builder
