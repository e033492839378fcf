#include "builder/tuner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "ops/operator.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace vivace::builder {

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Candidates timed per problem, by effort.
constexpr size_t kTimed[] = {0, 2, 3, 6, 12, 1000};
// Seconds of timing per candidate, by effort.
constexpr double kSeconds[] = {0, 0.003, 0.005, 0.01, 0.03, 0.1};
// A problem whose reference is estimated to take longer is checked against another tactic instead.
constexpr double kReferenceSeconds = 0.05;
// Largest max |difference| / max |reference| a candidate may show. Winograd F(4,3) in f32 comes to some 1e-5 of the
// largest result; 1e-3 leaves room for long sums and still catches every mistake in indexing.
constexpr double kTolerance = 1e-3;
constexpr double kLargestCache = 32e6;
// A tactic that packs weights has to be this much faster than one that takes them as they are.
constexpr double kLeastGainOfPacking = 1.04;

// Random inputs of a problem; constants are its own. Padding lanes of blocked tensors are zero.
Result<std::vector<Tensor>> random_inputs(const cpu::Problem& problem) {
  std::vector<Tensor> tensors;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (const cpu::TensorInfo& info : problem.inputs) {
    if (!info.present()) {
      tensors.emplace_back();
      continue;
    }
    if (info.constant) {
      tensors.push_back(*info.constant);
      continue;
    }
    const size_t unit = byte_size(info.type, 1);
    VIVACE_ASSIGN(Tensor tensor, Tensor::allocate(DType::u8, {static_cast<int64_t>(info.bytes() + unit)}));
    if (info.type == DType::f32) {
      float* x = tensor.as<float>();
      const auto n = static_cast<int64_t>(info.bytes() / sizeof(float));
      if (!info.channel_block) {
        for (int64_t i = 0; i < n; ++i) x[i] = normal(random);
      } else {
        const int64_t c = info.channel_block, channels = info.shape[1], blocks = (channels + c - 1) / c;
        const int64_t pixels = elements(std::span(info.shape).subspan(2));
        for (int64_t i = 0; i < n; ++i) {
          const int64_t channel = (i / (pixels * c)) % std::max<int64_t>(blocks, 1) * c + i % c;
          x[i] = channel < channels ? normal(random) : 0;
        }
      }
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

// max |difference| / max |reference| over all float outputs; other types must agree exactly.
double difference(const cpu::Problem& problem, const std::vector<Tensor>& got, const std::vector<Tensor>& want) {
  double worst = 0;
  for (size_t k = 0; k < got.size(); ++k) {
    const cpu::TensorInfo& info = problem.outputs[k];
    if (info.type != DType::f32) {
      if (!std::equal(got[k].as<uint8_t>(), got[k].as<uint8_t>() + info.bytes(), want[k].as<uint8_t>()))
        worst = std::numeric_limits<double>::infinity();
      continue;
    }
    double largest = 1e-30, gap = 0;
    const size_t n = info.bytes() / sizeof(float);
    for (size_t i = 0; i < n; ++i) {
      const float a = got[k].as<float>()[i], b = want[k].as<float>()[i];
      if (std::isnan(a) != std::isnan(b)) return std::numeric_limits<double>::infinity();
      if (a == b || std::isnan(b)) continue;
      largest = std::max(largest, std::abs(static_cast<double>(b)));
      gap = std::max(gap, std::abs(static_cast<double>(a) - static_cast<double>(b)));
    }
    worst = std::max(worst, gap / largest);
  }
  return worst;
}

void evict(const std::vector<Tensor>& tensors) {
#if defined(__x86_64__)
  for (const Tensor& tensor : tensors) {
    const auto* p = tensor.as<const char>();
    for (size_t i = 0; i < tensor.bytes(); i += 64) _mm_clflush(p + i);
  }
  _mm_mfence();
#else
  (void)tensors;
#endif
}

std::string shapes_text(const cpu::Problem& problem) {
  const auto one = [](const cpu::TensorInfo& t) {
    if (!t.present()) return std::string("-");
    return std::string(to_string(t.type)) + "[" + to_string(t.shape) + "]" +
           (t.channel_block ? "/" + std::to_string(t.channel_block) : "");
  };
  std::string text;
  for (const auto& t : problem.inputs) text += (text.empty() ? "" : " ") + one(t);
  text += " ->";
  for (const auto& t : problem.outputs) text += " " + one(t);
  return text;
}

plan::Choice reference_choice() {
  plan::Choice choice;
  choice.tactic = "reference";
  choice.version = cpu::find_tactic("reference")->version;
  return choice;
}

// Bodies of control flow meet their shapes only while running; the executor finds tactics for them then.
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

bool runs_operator(const cpu::Tactic& tactic, const std::string& op) {
  return tactic.operators.empty() ||
         std::find(tactic.operators.begin(), tactic.operators.end(), op) != tactic.operators.end();
}

}  // namespace

Tuner::Tuner(const BuildConfig& config, const cpu::Machine& machine, Report& report)
    : config_(config), machine_(machine), report_(report), pool_(machine.threads), start_(Clock::now()) {
  for (const std::string& rule : config.forced_tactics) {
    const size_t at = rule.rfind('=');
    if (at != std::string::npos) forced_[rule.substr(0, at)] = rule.substr(at + 1);
  }
}

const std::string* Tuner::forced(const ir::Node& node) const {
  const auto named = [&](const std::string& name) {
    if (name == "*" || name == node.op || name == node.name) return true;
    // Nodes that were fused are called "a+b+c".
    const std::string parts = "+" + node.name + "+";
    return !name.empty() && parts.find("+" + name + "+") != std::string::npos;
  };
  for (const auto& [name, tactic] : forced_)
    if (named(name)) {
      obeyed_.insert(name);
      return &tactic;
    }
  return nullptr;
}

Status Tuner::check_all_forced() const {
  for (const auto& [name, tactic] : forced_)
    if (!obeyed_.contains(name))
      return {
          Code::invalid_argument,
          "tactic '" + tactic + "' was asked for '" + name +
              "', but no node and no operator is called so after optimization; `vivace inspect` shows what is left"};
  return {};
}

bool Tuner::out_of_time() const { return config_.time_budget > 0 && since(start_) > config_.time_budget; }

std::string Tuner::cache_key(const Option& option, const std::string& problem_key) const {
  return machine_.processor + ", " + to_string(machine_.isa) + ", " + std::to_string(machine_.threads) + " threads | " +
         std::string(option.tactic->name) + " " + std::to_string(option.tactic->version) + " " + option.configuration +
         (flush_constants_ ? " | cold | " : " | ") + problem_key;
}

Status Tuner::list_options(const ir::Node& node, const cpu::Problem& problem, const std::vector<cpu::Problem>& also,
                           std::vector<Option>& options, LayerReport& layer) const {
  const std::string* only = forced(node);
  const auto refuse = [&](const cpu::Tactic& tactic, std::string why) {
    layer.candidates.push_back({std::string(tactic.name), "", std::move(why), 0, 0, -1});
  };
  for (const cpu::Tactic* tactic : cpu::all_tactics()) {
    if (!runs_operator(*tactic, node.op)) continue;
    const auto disabled = std::find(config_.disabled_tactics.begin(), config_.disabled_tactics.end(), tactic->name);
    if (only && *only != tactic->name) {
      refuse(*tactic, "'" + *only + "' was asked for");
      continue;
    }
    if (disabled != config_.disabled_tactics.end() && tactic->name != "reference") {
      refuse(*tactic, "disabled");
      continue;
    }
    cpu::Verdict verdict = tactic->supports(problem, machine_);
    for (const cpu::Problem& other : also)
      if (verdict) verdict = tactic->supports(other, machine_);
    if (!verdict) {
      refuse(*tactic, verdict.reason);
      continue;
    }
    std::vector<std::string> configurations{""};
    if (tactic->configurations) configurations = tactic->configurations(problem, machine_);
    for (const std::string& configuration : configurations) {
      Option option{tactic, configuration, {std::string(tactic->name), configuration, "", 0, 0, -1}, {}, {}};
      option.candidate.estimate = tactic->estimate(problem, configuration, machine_);
      options.push_back(std::move(option));
    }
  }
  if (!options.empty()) return {};
  std::string why;
  for (const Candidate& c : layer.candidates) why += "; " + c.tactic + ": " + c.refused;
  return {Code::unsupported, node.describe() + ": no tactic can run it" + why};
}

Status Tuner::time_options(const cpu::Problem& problem, std::vector<Option*>& options) {
  VIVACE_ASSIGN(const std::vector<Tensor> inputs, random_inputs(problem));
  std::vector<Tensor> outputs, expected;
  for (const cpu::TensorInfo& info : problem.outputs) {
    VIVACE_ASSIGN(Tensor made, Tensor::allocate(DType::u8, {static_cast<int64_t>(info.bytes() + 1)}));
    VIVACE_ASSIGN(Tensor want, Tensor::allocate(DType::u8, {static_cast<int64_t>(info.bytes() + 1)}));
    outputs.push_back(std::move(made));
    expected.push_back(std::move(want));
  }
  cpu::Scratch scratch;
  const auto run = [&](Option& option, const std::vector<Tensor>& to) -> Status {
    std::vector<void*> pointers;
    for (const Tensor& t : inputs) pointers.push_back(t.data());
    for (size_t i = 0; i < to.size(); ++i) pointers.push_back(problem.outputs[i].present() ? to[i].data() : nullptr);
    VIVACE_TRY(scratch.reserve(option.bound.workspace));
    return option.bound.run({pointers.data(), pointers.data() + inputs.size(), scratch.data(), pool_});
  };
  // The oracle: the reference where it is quick, else the first listed tactic, itself tested against the reference.
  bool have_oracle = false;
  cpu::Verdict reference_can = cpu::no("none");
  const cpu::Tactic* reference = cpu::find_tactic("reference");
  if (reference) reference_can = reference->supports(problem, machine_);
  if (reference_can && reference->estimate(problem, "", machine_) < kReferenceSeconds) {
    Option oracle{reference, "", {}, {}, {}};
    VIVACE_ASSIGN(oracle.bound, reference->bind(problem, "", {}, machine_));
    have_oracle = run(oracle, expected).ok();
  }
  for (Option* option : options) {
    if (option->tactic->prepare) {
      VIVACE_ASSIGN(option->packed, option->tactic->prepare(problem, option->configuration, machine_));
    }
    VIVACE_ASSIGN(option->bound, option->tactic->bind(problem, option->configuration, option->packed, machine_));
    if (config_.workspace_limit && option->bound.workspace > config_.workspace_limit) {
      option->candidate.refused = "it needs " + std::to_string(option->bound.workspace) +
                                  " bytes of workspace, the limit is " + std::to_string(config_.workspace_limit);
      continue;
    }
    if (const Status status = run(*option, outputs); !status.ok()) {
      option->candidate.refused = "it failed: " + status.message();
      continue;
    }
    if (!have_oracle) {
      std::swap(outputs, expected);
      have_oracle = true;
      option->candidate.error = 0;
      continue;
    }
    option->candidate.error = difference(problem, outputs, expected);
    if (!(option->candidate.error <= kTolerance))
      option->candidate.refused = "its result differs from the reference by " +
                                  std::to_string(option->candidate.error) + " of the largest value";
  }
  // Rounds over all candidates, so that a change of the clock meets all alike.
  const double limit = kSeconds[std::clamp(config_.effort, 0, 5)];
  std::vector<double> spent(options.size(), 0);
  for (int round = 0; round < 50; ++round) {
    bool any = false;
    for (size_t i = 0; i < options.size(); ++i) {
      Option& option = *options[i];
      if (!option.candidate.refused.empty() || (round >= 3 && spent[i] > limit)) continue;
      if (flush_constants_) evict(option.packed.empty() ? std::vector<Tensor>() : option.packed);
      const auto begin = Clock::now();
      if (!run(option, outputs).ok()) continue;
      const double seconds = since(begin);
      spent[i] += seconds;
      any = true;
      if (option.candidate.seconds == 0 || seconds < option.candidate.seconds) option.candidate.seconds = seconds;
    }
    if (!any || (round >= 1 && out_of_time())) break;
  }
  report_.timed += static_cast<int>(options.size());
  return {};
}

Result<plan::Choice> Tuner::choose(const ir::Node& node, const cpu::Problem& problem,
                                   const std::vector<cpu::Problem>& also, LayerReport& layer) {
  std::vector<Option> options;
  VIVACE_TRY(list_options(node, problem, also, options, layer));
  const std::string key = problem.key();

  // By estimate, but every tactic's best before anyone's second: tactics differ more than their configurations.
  std::vector<Option*> order;
  for (Option& option : options) order.push_back(&option);
  std::stable_sort(order.begin(), order.end(),
                   [](const Option* a, const Option* b) { return a->candidate.estimate < b->candidate.estimate; });
  std::map<const cpu::Tactic*, int> places;
  std::map<const Option*, int> place;
  for (const Option* option : order) place[option] = places[option->tactic]++;
  std::stable_sort(order.begin(), order.end(), [&](const Option* a, const Option* b) { return place[a] < place[b]; });
  const size_t timed = std::min(kTimed[std::clamp(config_.effort, 0, 5)], order.size());
  Option* best = order[0];
  const auto known = chosen_.find(key);
  if (known != chosen_.end()) {
    const LayerReport& same = seen_[key];
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
        VIVACE_TRY(time_options(problem, tried));
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
    const auto better = [](const Option* a, const Option* b) {
      const auto cost = [](const Option* o) {
        if (!o->candidate.refused.empty()) return std::numeric_limits<double>::infinity();
        // Weights of a layout of their own are stored and loaded twice: that has to gain something.
        const double gain = o->tactic->prepare ? kLeastGainOfPacking : 1;
        return o->candidate.seconds > 0 ? o->candidate.seconds * gain : 1e3 + o->candidate.estimate;
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
    chosen_[key] = {std::string(best->tactic->name), best->configuration};
    seen_[key] = layer;
  }
  plan::Choice choice;
  choice.tactic = best->tactic->name;
  choice.version = best->tactic->version;
  choice.configuration = best->configuration;
  choice.packed = std::move(best->packed);
  choice.seconds = best->candidate.seconds > 0 ? best->candidate.seconds : best->candidate.estimate;
  if (best->tactic->prepare && choice.packed.empty()) {
    VIVACE_ASSIGN(choice.packed, best->tactic->prepare(problem, best->configuration, machine_));
  }
  layer.seconds = choice.seconds;
  layer.fallback = choice.tactic == "reference";
  return choice;
}

Result<plan::Program> Tuner::make_program(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& inputs,
                                          const std::vector<std::vector<Shape>>& also) {
  plan::Program program;
  program.graph = graph;
  VIVACE_ASSIGN(const cpu::ConcreteGraph at, cpu::concretize(*graph, inputs));
  std::vector<cpu::ConcreteGraph> others;
  for (const std::vector<Shape>& shapes : also) {
    VIVACE_ASSIGN(cpu::ConcreteGraph other, cpu::concretize(*graph, shapes));
    others.push_back(std::move(other));
  }
  double constants = 0;
  for (const ir::Value* v : graph->values())
    if (v->is_constant()) constants += static_cast<double>(v->constant().bytes());
  flush_constants_ = constants > kLargestCache;

  const std::vector<ir::Node*> nodes = graph->node_list();
  for (size_t i = 0; i < nodes.size(); ++i) {
    const ir::Node& node = *nodes[i];
    if (config_.progress && !config_.progress("tune", static_cast<double>(i) / static_cast<double>(nodes.size())))
      return Status(Code::cancelled, "the build was cancelled");
    LayerReport layer;
    layer.name = node.name.empty() ? node.output()->name : node.name;
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
    for (const auto& [name, attribute] : node.attributes)
      if (const auto* body = std::get_if<std::shared_ptr<ir::Graph>>(&attribute))
        program.bodies[{i, name}] = reference_program(*body);
    report_.layers.push_back(std::move(layer));
    program.choices.push_back(std::move(choice));
  }
  return program;
}

}  // namespace vivace::builder
