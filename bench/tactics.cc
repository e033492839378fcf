// Walks the manifest of tactics: times every configuration of every tactic that supports a problem, as the builder's
// tuner does, and says how far each is from the best.
//   bench_tactics [--only TEXT] [--threads N] [--isa NAME] [--json FILE] ...
// Problems come from problems.txt, one line each. Convolutions and their like are tried in every layout: "blocked" has
// its channels in blocks of a vector.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "backends/cpu/shapes.h"
#include "builder/timing.h"
#include "ir/text.h"
#include "ops/operator.h"

namespace {
using namespace vivace;
using Json = nlohmann::ordered_json;

struct Settings {
  std::string problems = VIVACE_BENCH_PROBLEMS, isa, json;
  std::vector<std::string> only, tactics;
  int threads = 1;
  double seconds = 0.05, reference_seconds = 0.1;
  bool cold = false, list = false, refused = false;
};

struct Line {
  std::string name, graph;
};

// A problem in one layout of its images, with what each option took.
struct Timed {
  std::string layout;
  std::vector<builder::Option> options;
  std::vector<builder::Candidate> refused;
};

std::vector<Line> read_problems(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  std::vector<Line> lines;
  for (std::string text; std::getline(file, text);) {
    if (text.empty() || text[0] == '#') continue;
    const size_t colon = text.find(": ");
    if (colon == std::string::npos) throw std::runtime_error(path + ": no name in '" + text + "'");
    lines.push_back({text.substr(0, colon), text.substr(colon + 2)});
  }
  return lines;
}

bool wanted(const std::string& name, const std::vector<std::string>& parts) {
  return parts.empty() || std::any_of(parts.begin(), parts.end(),
                                      [&](const std::string& p) { return name.find(p) != std::string::npos; });
}

// The problem with its images in these layouts; false where it has none.
bool in_layout(cpu::Problem& problem, bool blocked_in, bool blocked_out, int block) {
  bool fits = true;
  const auto set = [&](cpu::TensorInfo& tensor, bool blocked) {
    if (!blocked || !tensor.present() || tensor.constant) return;
    fits = fits && tensor.type == DType::f32 && tensor.shape.size() == 4;
    tensor.channel_block = block;
  };
  constexpr size_t kResidual = 3;  // laid out as the output
  for (size_t i = 0; i < problem.inputs.size(); ++i) set(problem.inputs[i], i == kResidual ? blocked_out : blocked_in);
  set(problem.outputs[0], blocked_out);
  return fits;
}

Result<std::vector<Timed>> time_problem(const cpu::Problem& plain, const Settings& settings,
                                        const cpu::Machine& machine, ThreadPool& pool) {
  const auto veto = [&](const cpu::Tactic& tactic) -> std::string {
    if (tactic.name == "reference" && tactic.estimate(plain, "", machine) > settings.reference_seconds)
      return "it is slow (--reference-seconds)";
    return wanted(std::string(tactic.name), settings.tactics) ? "" : "not asked for";
  };
  std::vector<Timed> all;
  for (const bool blocked_in : {false, true})
    for (const bool blocked_out : {false, true}) {
      cpu::Problem problem = plain;
      if (!in_layout(problem, blocked_in, blocked_out, machine.channel_block())) continue;
      Timed timed;
      timed.layout = fmt::format("{} -> {}", blocked_in ? "blocked" : "plain", blocked_out ? "blocked" : "plain");
      timed.options = builder::list_options(problem, {}, machine, veto, timed.refused);
      std::vector<builder::Option*> options;
      for (builder::Option& option : timed.options) options.push_back(&option);
      builder::TimingLimits limits;
      limits.seconds = settings.seconds;
      limits.flush_constants = settings.cold;
      VIVACE_TRY(builder::time_options(problem, options, limits, machine, pool));
      all.push_back(std::move(timed));
    }
  return all;
}

double best_of(const std::vector<Timed>& all) {
  double best = std::numeric_limits<double>::infinity();
  for (const Timed& timed : all)
    for (const builder::Option& option : timed.options)
      if (option.candidate.refused.empty()) best = std::min(best, option.candidate.seconds);
  return best;
}

void print(const std::string& name, const cpu::Problem& problem, const std::vector<Timed>& all, bool refused) {
  fmt::print("{}  {} {}\n", name, problem.node->op, builder::shapes_text(problem));
  struct Row {
    const std::string* layout;
    const builder::Candidate* candidate;
  };
  std::vector<Row> rows;
  for (const Timed& timed : all)
    for (const builder::Option& option : timed.options) rows.push_back({&timed.layout, &option.candidate});
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.candidate->seconds < b.candidate->seconds; });
  const double best = best_of(all);
  for (const auto& [layout, c] : rows) {
    const std::string tactic = c->tactic + (c->configuration.empty() ? "" : " " + c->configuration);
    if (c->refused.empty())
      fmt::print("{:12.2f} us {:8.2f} x best {:8.1f} GFLOP/s {:7.1f} GB/s  {:18} {:20} error {:.1e}\n",
                 c->seconds * 1e6, c->seconds / best, cpu::flops_of(problem) / c->seconds * 1e-9,
                 cpu::bytes_of(problem) / c->seconds * 1e-9, *layout, tactic, c->error);
    else
      fmt::print("{:>15} {:54} {:18} {:20} {}\n", "WRONG", "", *layout, tactic, c->refused);
  }
  if (refused)
    for (const Timed& timed : all)
      for (const builder::Candidate& c : timed.refused)
        fmt::print("{:>15} {:54} {:18} {:20} {}\n", "no", "", timed.layout, c.tactic, c.refused);
  fmt::print("\n");
}

Json json_of(const std::string& name, const cpu::Problem& problem, const std::vector<Timed>& all) {
  Json json = {{"name", name},
               {"op", problem.node->op},
               {"shapes", builder::shapes_text(problem)},
               {"flops", cpu::flops_of(problem)},
               {"bytes", cpu::bytes_of(problem)},
               {"candidates", Json::array()}};
  const double best = best_of(all);
  for (const Timed& timed : all) {
    for (const builder::Option& option : timed.options) {
      const builder::Candidate& c = option.candidate;
      Json row = {{"tactic", c.tactic}, {"configuration", c.configuration}, {"layout", timed.layout}};
      if (!c.refused.empty())
        row["wrong"] = c.refused;
      else
        row.update({{"seconds", c.seconds}, {"ratio", c.seconds / best}, {"estimate", c.estimate}, {"error", c.error}});
      json["candidates"].push_back(std::move(row));
    }
    for (const builder::Candidate& c : timed.refused)
      json["candidates"].push_back({{"tactic", c.tactic}, {"layout", timed.layout}, {"refused", c.refused}});
  }
  return json;
}

// Whether every tactic gave the right result.
bool run(const Settings& settings) {
  cpu::Machine machine = cpu::this_machine(settings.threads);
  for (const cpu::Isa isa : {cpu::Isa::generic, cpu::Isa::avx2, cpu::Isa::avx512})
    if (settings.isa == cpu::to_string(isa)) {
      if (isa > machine.isa) throw std::runtime_error("this processor has no " + settings.isa);
      machine.isa = isa;
    }
  ThreadPool pool(machine.threads);
  Json json = {{"processor", machine.processor},
               {"isa", cpu::to_string(machine.isa)},
               {"threads", machine.threads},
               {"problems", Json::array()}};
  bool right = true;
  for (const Line& line : read_problems(settings.problems)) {
    if (!wanted(line.name, settings.only)) continue;
    if (settings.list) {
      fmt::print("{}: {}\n", line.name, line.graph);
      continue;
    }
    const auto need = [&](const Status& status) {
      if (!status.ok()) throw std::runtime_error(line.name + ": " + status.message());
    };
    const auto graph = ir::parse("graph " + line.graph);
    need(graph.status());
    need(ops::infer_graph(**graph));
    std::vector<Shape> shapes;
    for (const ir::Value* v : (*graph)->inputs()) shapes.push_back(v->type.shape().value());
    const auto at = cpu::concretize(**graph, shapes);
    need(at.status());
    const cpu::Problem problem = cpu::problem_of(**(*graph)->nodes().begin(), *at);
    const auto timed = time_problem(problem, settings, machine, pool);
    need(timed.status());
    print(line.name, problem, *timed, settings.refused);
    std::fflush(stdout);
    json["problems"].push_back(json_of(line.name, problem, *timed));
    for (const Timed& t : *timed)
      for (const builder::Option& option : t.options) right = right && option.candidate.refused.empty();
  }
  if (!settings.json.empty() && !(std::ofstream(settings.json) << json.dump(1) << "\n"))
    throw std::runtime_error(settings.json + ": cannot be written");
  return right;
}
}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app(
      "Times every tactic that supports a problem, for each problem of a table. Exit status 1: one was wrong.");
  app.add_option("--problems", settings.problems, "The table; lines of \"name: graph of one node\"")
      ->capture_default_str();
  app.add_option("--only", settings.only, "Problems whose names contain this");
  app.add_option("--tactic", settings.tactics, "Tactics whose names contain this");
  app.add_option("--threads", settings.threads, "Threads")->capture_default_str();
  app.add_option("--isa", settings.isa, "Kernels of this instruction set")
      ->check(CLI::IsMember({"generic", "avx2", "avx512"}));
  app.add_option("--seconds", settings.seconds, "Of timing for each configuration")->capture_default_str();
  app.add_option("--reference-seconds", settings.reference_seconds,
                 "Leave the reference out where it would take longer")
      ->capture_default_str();
  app.add_flag("--cold", settings.cold, "Packed weights come from memory");
  app.add_flag("--refused", settings.refused, "Say why tactics do not run a problem");
  app.add_flag("--list", settings.list, "Print the problems and stop");
  app.add_option("--json", settings.json, "Write the results to this file");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(settings) ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
