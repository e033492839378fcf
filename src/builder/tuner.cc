#include "builder/tuner.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "backends/cpu/lower.h"
#include "ops/control.h"
#include "ops/operator.h"
#include "ops/samples.h"

namespace vivace::builder {

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Candidates timed per problem, by effort.
constexpr size_t kTimed[] = {0, 2, 3, 6, 12, 1000};
// Seconds of timing per candidate, by effort.
constexpr double kSeconds[] = {0, 0.003, 0.005, 0.01, 0.03, 0.1};
// Constants of a model beyond this do not stay in a cache between runs.
constexpr double kLargestCache = 32e6;
// A tactic that packs weights has to be this much faster than one that takes them as they are.
constexpr double kLeastGainOfPacking = 1.04;

plan::Choice reference_choice() {
  plan::Choice choice;
  choice.tactic = "reference";
  choice.version = cpu::find_tactic("reference")->version;
  return choice;
}

double constant_bytes(const ir::Graph& graph) {
  double bytes = 0;
  for (const ir::Value* v : graph.values())
    if (v->is_constant()) bytes += static_cast<double>(v->constant().bytes());
  for (const auto& node : graph.nodes())
    for (const auto& [name, attribute] : node->attributes)
      if (const auto* body = std::get_if<std::shared_ptr<ir::Graph>>(&attribute)) bytes += constant_bytes(**body);
  return bytes;
}

// A body as it runs: its types those of its arguments, its layouts the backend's. The node keeps the body as it was,
// for inference.
Result<std::shared_ptr<ir::Graph>> lower_body(const ir::Node& node, const ir::Graph& body,
                                              const cpu::Machine& machine) {
  std::vector<ir::Type> inputs, outputs;
  for (const ir::Value* v : node.inputs()) inputs.push_back(v ? v->type : ir::Type());
  for (const ir::Value* v : node.outputs()) outputs.push_back(v->type);
  const std::vector<ir::Type> types = ops::subgraph_input_types(node, inputs, outputs);
  std::shared_ptr<ir::Graph> lowered = body.clone();
  for (ir::Value* v : lowered->values()) {
    if (!v->producer()) continue;
    v->type = {};
    v->known = std::nullopt;
  }
  for (size_t i = 0; i < lowered->inputs().size() && i < types.size(); ++i) {
    ir::Value& input = *lowered->inputs()[i];
    const DType declared = input.type.dtype;
    input.type = types[i];
    input.type.channel_block = 0;  // a subgraph is given row-major tensors
    input.known = std::nullopt;
    if (input.type.dtype == DType::undefined) input.type.dtype = declared;
  }
  VIVACE_TRY(ops::infer_graph(*lowered));
  VIVACE_TRY(cpu::lower(*lowered, machine));
  return lowered;
}

// Where a dimension is known only while running, a body is tuned for this size.
constexpr int64_t kGuessedSize = 16;

// Shapes of the body's inputs at the shapes the node is at; empty where not even a rank is known.
std::optional<std::vector<Shape>> body_shapes(const ir::Node& node, const cpu::ConcreteGraph& at) {
  const auto type_of = [&](const ir::Value* v) { return !v ? ir::Type() : at.type(v) ? *at.type(v) : v->type; };
  std::vector<ir::Type> inputs, outputs;
  for (const ir::Value* v : node.inputs()) inputs.push_back(type_of(v));
  for (const ir::Value* v : node.outputs()) outputs.push_back(type_of(v));
  std::vector<Shape> shapes;
  for (const ir::Type& type : ops::subgraph_input_types(node, inputs, outputs)) {
    if (!type.dims) return std::nullopt;
    Shape shape;
    for (const ir::Dim& d : *type.dims) shape.push_back(d.known() ? d.value() : kGuessedSize);
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

}  // namespace

Tuner::Tuner(const BuildConfig& config, const cpu::Machine& machine, Report& report)
    : config_(config),
      machine_(machine),
      one_thread_(machine),
      report_(report),
      pool_(machine.threads),
      own_thread_(1),
      forced_(config.forced_tactics),
      start_(Clock::now()) {
  one_thread_.threads = 1;
}

bool Tuner::out_of_time() const { return config_.time_budget > 0 && since(start_) > config_.time_budget; }

std::string Tuner::cache_key(const Option& option, const std::string& problem_key) const {
  return machine().processor + ", " + to_string(machine().isa) + ", " + std::to_string(machine().threads) +
         " threads | " + std::string(option.tactic->name) + " " + std::to_string(option.tactic->version) + " " +
         option.configuration + (flush_constants_ ? " | cold | " : " | ") + problem_key;
}

Result<std::vector<Option>> Tuner::options_of(const ir::Node& node, const cpu::Problem& problem,
                                              const std::vector<cpu::Problem>& also, LayerReport& layer) const {
  const std::string* only = forced_.find(node);
  const auto veto = [&](const cpu::Tactic& tactic) -> std::string {
    if (only && *only != tactic.name) return "'" + *only + "' was asked for";
    const auto& disabled = config_.disabled_tactics;
    const bool off = std::find(disabled.begin(), disabled.end(), tactic.name) != disabled.end();
    return off && tactic.name != "reference" ? "disabled" : "";
  };
  std::vector<Option> options = list_options(problem, also, machine(), veto, layer.candidates);
  if (!options.empty()) return options;
  std::string why;
  for (const Candidate& c : layer.candidates) why += "; " + c.tactic + ": " + c.refused;
  return Status(Code::unsupported, node.describe() + ": no tactic can run it" + why);
}

Result<plan::Choice> Tuner::choose(const ir::Node& node, const cpu::Problem& problem,
                                   const std::vector<cpu::Problem>& also, LayerReport& layer) {
  VIVACE_ASSIGN(std::vector<Option> options, options_of(node, problem, also, layer));
  const std::string key = problem.key(), known_as = (alone_ ? "1 thread | " : "") + key;

  // By estimate, but every tactic's best before anyone's second: tactics differ more than their configurations. The
  // reference kernel comes last: its estimate knows the work of products alone.
  const auto is_last = [](const Option* option) { return option->tactic->name == "reference"; };
  std::vector<Option*> order;
  for (Option& option : options) order.push_back(&option);
  std::stable_sort(order.begin(), order.end(), [&](const Option* a, const Option* b) {
    if (is_last(a) != is_last(b)) return is_last(b);
    return a->candidate.estimate < b->candidate.estimate;
  });
  std::map<const cpu::Tactic*, int> places;
  std::map<const Option*, int> place;
  for (const Option* option : order) place[option] = places[option->tactic]++;
  std::stable_sort(order.begin(), order.end(), [&](const Option* a, const Option* b) { return place[a] < place[b]; });
  const size_t timed = std::min(kTimed[std::clamp(config_.effort, 0, 5)], order.size());
  Option* best = order[0];
  const auto known = chosen_.find(known_as);
  if (known != chosen_.end()) {
    const LayerReport& same = seen_[known_as];
    layer.candidates = same.candidates;
    layer.from_cache = same.from_cache;
    for (Option* option : order)
      if (option->tactic->name == known->second.first && option->configuration == known->second.second) best = option;
    if (!same.candidates.empty()) best->candidate = same.candidates[0];
  } else {
    if (timed > 0 && (order.size() > 1 || config_.workspace_limit)) {
      std::vector<Option*> tried(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(timed));
      std::vector<Option*> fresh;
      for (Option* option : tried) {
        const auto cached = config_.cache ? config_.cache->find(cache_key(*option, key)) : std::nullopt;
        if (cached)
          option->candidate.seconds = *cached;
        else
          fresh.push_back(option);
      }
      layer.from_cache = fresh.empty();
      report_.from_cache += static_cast<int>(tried.size() - fresh.size());
      // Times taken at another moment do not compare well: whoever has to be timed is timed with its rivals.
      if (!fresh.empty() && !out_of_time()) {
        for (Option* option : tried) option->candidate.seconds = 0;
        const TimingLimits limits{kSeconds[std::clamp(config_.effort, 0, 5)], flush_constants_, config_.workspace_limit,
                                  [&] { return out_of_time(); }};
        VIVACE_TRY(time_options(problem, tried, limits, machine(), pool()));
        report_.timed += static_cast<int>(tried.size());
        for (Option* option : tried)
          if (config_.cache && option->candidate.seconds > 0)
            config_.cache->put(cache_key(*option, key), option->candidate.seconds);
        if (config_.cache)
          for (Option* option : tried)
            if (const auto kept = config_.cache->find(cache_key(*option, key))) option->candidate.seconds = *kept;
      } else if (!fresh.empty() && !told_out_of_time_) {
        told_out_of_time_ = true;
        report_.notes.push_back("the time budget ran out; layers from '" + node.name + "' on were chosen by estimate");
      }
    }
    const auto better = [&](const Option* a, const Option* b) {
      const auto cost = [&](const Option* o) {
        if (!o->candidate.refused.empty()) return std::numeric_limits<double>::infinity();
        // Weights of a layout of their own are stored and loaded twice: that has to gain something.
        const double gain = o->tactic->prepare ? kLeastGainOfPacking : 1;
        return o->candidate.seconds > 0 ? o->candidate.seconds * gain
                                        : (is_last(o) ? 1e6 : 1e3) + o->candidate.estimate;
      };
      return cost(a) < cost(b);
    };
    std::stable_sort(order.begin(), order.end(), better);
    best = order[0];
    if (!best->candidate.refused.empty())
      return Status(Code::unsupported, node.describe() + ": no tactic is left: " + best->candidate.tactic + ": " +
                                           best->candidate.refused);
    std::vector<Candidate> ranked;
    for (const Option* option : order) ranked.push_back(option->candidate);
    ranked.insert(ranked.end(), layer.candidates.begin(), layer.candidates.end());
    layer.candidates = std::move(ranked);
    chosen_[known_as] = {std::string(best->tactic->name), best->configuration};
    seen_[known_as] = layer;
  }
  plan::Choice choice;
  choice.tactic = best->tactic->name;
  choice.version = best->tactic->version;
  choice.configuration = best->configuration;
  choice.seconds = best->candidate.seconds > 0 ? best->candidate.seconds : best->candidate.estimate;
  if (best->tactic->prepare) {
    VIVACE_ASSIGN(choice.packed,
                  packing_.once(*best->tactic, best->configuration, problem, [&]() -> Result<std::vector<Tensor>> {
                    if (!best->packed.empty()) return std::move(best->packed);  // for timing it
                    return best->tactic->prepare(problem, best->configuration, machine());
                  }));
  }
  layer.seconds = choice.seconds;
  layer.fallback = choice.tactic == "reference";
  return choice;
}

plan::Program reference_program(std::shared_ptr<ir::Graph> graph) {
  plan::Program program;
  const std::vector<ir::Node*> nodes = graph->node_list();
  for (size_t i = 0; i < nodes.size(); ++i) {
    program.choices.push_back(reference_choice());
    for (const auto& [name, attribute] : nodes[i]->attributes)
      if (const auto* body = std::get_if<std::shared_ptr<ir::Graph>>(&attribute))
        program.bodies[{i, name}] = reference_program(*body);
  }
  program.graph = std::move(graph);
  return program;
}

Result<plan::Program> Tuner::make_program(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& inputs,
                                          const std::vector<std::vector<Shape>>& also) {
  flush_constants_ = constant_bytes(*graph) > kLargestCache;
  ir::for_each_graph(*graph, [&](const ir::Graph& part) { nodes_ += part.nodes().size(); });
  return tune(std::move(graph), inputs, also, "");
}

// A body is tuned like any graph, at the shapes it has where the graph around it has its optimum shapes.
Result<plan::Program> Tuner::tune_body(const ir::Node& node, const std::shared_ptr<ir::Graph>& body,
                                       const cpu::ConcreteGraph& at, const std::string& name) {
  const auto shapes = body_shapes(node, at);
  if (!shapes || shapes->size() != body->inputs().size()) return reference_program(body);
  Result<std::shared_ptr<ir::Graph>> lowered = lower_body(node, *body, machine());
  // A branch that is never taken may not even fit its arguments, and a guessed size may not fit the others.
  if (!lowered.ok() || !cpu::concretize(**lowered, *shapes).ok()) return reference_program(body);
  const bool takes_samples = node.op == ops::kForSamples;
  const bool before = std::exchange(alone_, alone_ || takes_samples);
  const double outer = share_;
  if (takes_samples) {
    const auto batch = static_cast<double>((*at.type(node.input(0))->shape())[0]);
    share_ *= batch / static_cast<double>(ops::samples_of_turn(node) * machine_.threads);
  }
  auto program = tune(*std::move(lowered), *shapes, {}, takes_samples ? "" : name + "/");
  alone_ = before;
  share_ = outer;
  return program;
}

Result<plan::Program> Tuner::tune(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& inputs,
                                  const std::vector<std::vector<Shape>>& also, const std::string& prefix) {
  plan::Program program;
  program.graph = graph;
  VIVACE_ASSIGN(const cpu::ConcreteGraph at, cpu::concretize(*graph, inputs));
  std::vector<cpu::ConcreteGraph> others;
  for (const std::vector<Shape>& shapes : also) {
    VIVACE_ASSIGN(cpu::ConcreteGraph other, cpu::concretize(*graph, shapes));
    others.push_back(std::move(other));
  }

  const std::vector<ir::Node*> nodes = graph->node_list();
  for (size_t i = 0; i < nodes.size(); ++i) {
    const ir::Node& node = *nodes[i];
    const double done = std::min(1.0, static_cast<double>(done_++) / static_cast<double>(nodes_));
    if (config_.progress && !config_.progress("tune", done)) return Status(Code::cancelled, "the build was cancelled");
    LayerReport layer;
    layer.name = prefix + (node.name.empty() ? node.output()->name : node.name);
    layer.op = node.op;
    plan::Choice choice;
    bool by_key = at.concrete(node) && !at.settled(node) && !cpu::has_subgraph(node);
    for (const cpu::ConcreteGraph& other : others) by_key = by_key && other.concrete(node);
    if (by_key) {
      const cpu::Problem problem = cpu::problem_of(node, at);
      std::vector<cpu::Problem> elsewhere;
      for (const cpu::ConcreteGraph& other : others) elsewhere.push_back(cpu::problem_of(node, other));
      layer.shapes = shapes_text(problem);
      layer.view = cpu::is_alias(node);
      VIVACE_ASSIGN(choice, choose(node, problem, elsewhere, layer));
      layer.view = layer.view || at.settled(node);
    } else {
      choice = reference_choice();
      layer.fallback = !at.settled(node) && !cpu::has_subgraph(node);
      layer.view = at.settled(node);
    }
    for (Candidate& candidate : layer.candidates) candidate.estimate *= share_, candidate.seconds *= share_;
    layer.seconds *= share_;
    choice.seconds *= share_;
    const std::string called = layer.name;
    report_.layers.push_back(std::move(layer));
    program.choices.push_back(std::move(choice));
    for (const auto& [name, attribute] : node.attributes)
      if (const auto* body = std::get_if<std::shared_ptr<ir::Graph>>(&attribute)) {
        VIVACE_ASSIGN(plan::Program tuned, tune_body(node, *body, at, called + "/" + name));
        if (node.op == ops::kForSamples)  // what its turns take, all in all
          for (const plan::Choice& inner : tuned.choices) program.choices[i].seconds += inner.seconds;
        program.bodies[std::pair(i, name)] = std::move(tuned);
      }
  }
  return program;
}

}  // namespace vivace::builder
