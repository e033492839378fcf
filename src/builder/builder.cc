#include "builder/builder.h"

#include <algorithm>
#include <chrono>

#include "backends/cpu/samples.h"
#include "backends/cuda/tactic.h"
#include "backends/cuda/vendor.h"
#include "base/version.h"
#include "builder/cpu_blocks.h"
#include "builder/cuda_blocks.h"
#include "builder/cuda_layers.h"
#include "builder/tuner.h"
#include "ops/operator.h"
#include "passes/pipeline.h"
#include "passes/precision.h"

namespace vivace::builder {

namespace {

using Clock = std::chrono::steady_clock;

// Where the user says nothing: one image, a sequence of moderate length.
constexpr int64_t kGuessedFirst = 1, kGuessedOther = 128;

Result<std::vector<plan::ShapeRange>> ranges_of(const ir::Graph& graph, const BuildConfig& config,
                                                const cuda::Target& target, Report& report) {
  const auto bad = [](const std::string& what) { return Status(Code::invalid_argument, what); };
  for (const auto& [name, range] : config.shapes) {
    const auto& inputs = graph.inputs();
    if (std::none_of(inputs.begin(), inputs.end(), [&, n = name](const ir::Value* v) { return v->name == n; })) {
      std::string names;
      for (const ir::Value* v : inputs) names += (names.empty() ? "" : ", ") + v->name;
      return bad("shapes are given for input '" + name + "', which the model does not have; it has " + names);
    }
  }
  std::vector<plan::ShapeRange> ranges;
  std::map<std::string, int64_t> guesses;
  for (const ir::Value* input : graph.inputs()) {
    const auto given = config.shapes.find(input->name);
    if (input->type.is_list()) {  // no shape
      if (given != config.shapes.end())
        return bad("input '" + input->name + "' is a " + input->type.to_string() + ", which has no shape to give");
      ranges.emplace_back();
      continue;
    }
    if (!input->type.dims && given == config.shapes.end()) {
      if (target.gpu)
        return bad("input '" + input->name + "' has no shape in the model; give one (--shape " + input->name +
                   ":1x...)");
      report.notes.push_back("input '" + input->name + "' has no shape in the model and none was given: any runs");
      ranges.emplace_back();
      continue;
    }
    plan::ShapeRange range;
    if (given != config.shapes.end()) {
      range = given->second;
      if (range.min.size() != range.opt.size() || range.opt.size() != range.max.size())
        return bad("the shapes given for input '" + input->name + "' have different ranks");
      if (input->type.dims && range.opt.size() != input->type.dims->size())
        return bad("input '" + input->name + "' has rank " + std::to_string(input->type.rank()) +
                   ", the shape given has rank " + std::to_string(range.opt.size()));
      for (size_t i = 0; i < range.opt.size(); ++i) {
        if (range.min[i] < 0 || range.min[i] > range.opt[i] || (range.max[i] >= 0 && range.opt[i] > range.max[i]))
          return bad("input '" + input->name + "', dimension " + std::to_string(i) +
                     ": min <= opt <= max does not hold");
        const ir::Dim d = input->type.dims ? (*input->type.dims)[i] : ir::Dim();
        if (d.known() && (range.min[i] != d.value() || range.max[i] != d.value()))
          return bad("input '" + input->name + "', dimension " + std::to_string(i) + " is " + d.to_string() +
                     " in the model; it cannot be given as " + std::to_string(range.opt[i]));
      }
    } else {
      for (size_t i = 0; i < input->type.dims->size(); ++i) {
        const ir::Dim& d = (*input->type.dims)[i];
        if (d.known()) {
          range.min.push_back(d.value());
          range.opt.push_back(d.value());
          range.max.push_back(d.value());
          continue;
        }
        // The same symbol is the same size wherever it stands.
        int64_t guess = i == 0 ? kGuessedFirst : kGuessedOther;
        if (!d.symbol().empty()) guess = guesses.emplace(d.symbol(), guess).first->second;
        range.min.push_back(0);
        range.opt.push_back(guess);
        range.max.push_back(-1);
      }
      if (range.min != range.max)
        report.notes.push_back("input '" + input->name + "' has a dynamic shape and none was given: tuned for " +
                               to_string(range.opt) + ", any size runs");
    }
    ranges.push_back(std::move(range));
  }
  return ranges;
}

// A shape the user fixed is a number from now on.
void narrow_inputs(ir::Graph& graph, const std::vector<plan::ShapeRange>& ranges, const BuildConfig& config) {
  for (size_t k = 0; k < ranges.size(); ++k) {
    ir::Type& type = graph.inputs()[k]->type;
    if (type.is_list() || (!type.dims && !config.shapes.contains(graph.inputs()[k]->name))) continue;
    if (!type.dims) type.dims = ir::Dims(ranges[k].opt.size());
    for (size_t i = 0; i < type.dims->size(); ++i)
      if (ranges[k].min[i] == ranges[k].max[i]) (*type.dims)[i] = ranges[k].opt[i];
  }
}

std::vector<Shape> shapes_at(const std::vector<plan::ShapeRange>& ranges, Shape plan::ShapeRange::*which) {
  std::vector<Shape> shapes;
  for (const plan::ShapeRange& range : ranges) {
    Shape shape = range.*which;
    for (size_t i = 0; i < shape.size(); ++i)
      if (shape[i] < 0) shape[i] = range.opt[i];  // no limit
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

std::string join(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& s : list) text += (text.empty() ? "" : ",") + s;
  return text;
}

// What lower_and_tune() does for large batches on the CPU can be disabled like a pass.
constexpr const char* kSamplesInTurn = "samples_in_turn";

constexpr const char* kUntuned =
    "the sizes guessed for dynamic shapes do not fit the model: nothing was tuned; give shapes for that";

// Some dimension is neither in the model nor given.
bool guessed(const ir::Graph& graph, const BuildConfig& config) {
  const auto& inputs = graph.inputs();
  return std::any_of(inputs.begin(), inputs.end(), [&](const ir::Value* input) {
    const auto& dims = input->type.dims;
    return !input->type.is_list() && !config.shapes.contains(input->name) &&
           (!dims || std::any_of(dims->begin(), dims->end(), [](const ir::Dim& d) { return !d.known(); }));
  });
}

Result<plan::Program> lower_and_tune(const ir::Graph& portable, const std::vector<plan::ShapeRange>& ranges,
                                     const BuildConfig& config, const cuda::Target& target, Report& report) {
  std::shared_ptr<ir::Graph> lowered = portable.clone();
  if (target.gpu) {
    const DType type = storage_of(config.precision);
    if (type != DType::f32) VIVACE_TRY(passes::lower_precision(*lowered, type).status());
    return make_blocks_and_program(std::move(lowered), shapes_at(ranges, &plan::ShapeRange::opt), config, target,
                                   report);
  }
  const auto& off = config.disabled_passes;
  if (std::none_of(off.begin(), off.end(), [](const auto& name) { return name == kSamplesInTurn || name == "all"; }))
    VIVACE_TRY(cpu::outline_samples(*lowered, target.host));
  std::vector<std::vector<Shape>> also;
  const std::vector<Shape> optimum = shapes_at(ranges, &plan::ShapeRange::opt);
  for (const auto which : {&plan::ShapeRange::min, &plan::ShapeRange::max})
    if (const auto shapes = shapes_at(ranges, which); shapes != optimum && config.shapes.size()) also.push_back(shapes);
  // Sizes that were only guessed may not fit each other: the graph then runs untuned, rather than not at all.
  if (guessed(portable, config) && !cpu::concretize(*lowered, optimum).ok()) {
    report.notes.push_back(kUntuned);
    return reference_program(portable.clone());
  }
  return make_cpu_program(*lowered, optimum, also, config, target.host, report);
}

// Where a build is to run, and the shapes it is for.
struct Setting {
  cuda::Target target;
  std::vector<plan::ShapeRange> ranges;
};

// Checks the config and runs the passes: what all builds begin with.
Result<Setting> optimize(ir::Graph& graph, const BuildConfig& config, Report& report) {
  Setting setting;
  VIVACE_ASSIGN(setting.target, cuda::find_target(config.device, config.threads));
  const cuda::Target& target = setting.target;
  const cpu::Machine& machine = target.host;
  report.model = config.model_name;
  report.device = target.device();
  report.machine = (target.gpu ? target.gpu->name : machine.processor) + ", " + std::to_string(machine.threads) +
                   (machine.threads == 1 ? " thread" : " threads");
  if (config.effort < 0 || config.effort > 5)
    return Status(Code::invalid_argument, "effort is 0 to 5, not " + std::to_string(config.effort));
  if (storage_of(config.precision) != DType::f32 && !target.gpu)
    return Status(Code::unsupported, std::string("precision ") + to_string(config.precision) + " on " +
                                         target.device() +
                                         ": GPUs compute in f16, bf16 and tf32, the CPU in the model's own types");
  for (const std::string& rule : config.forced_tactics) {
    const size_t at = rule.rfind('=');
    const std::string name = at == std::string::npos ? std::string() : rule.substr(at + 1);
    if (target.gpu ? !cuda::find_tactic(name) && name != cuda::kHost : !cpu::find_tactic(name))
      return Status(Code::invalid_argument,
                    "'" + rule + "' is not NAME=TACTIC with a tactic that `vivace list-tactics` shows");
  }

  for (const std::string& name : config.tactic_sources) VIVACE_TRY(cuda::parse_tactic_sources(name).status());
  if (!target.gpu && (!config.tactic_sources.empty() || config.compare_vendors))
    report.notes.push_back("libraries of the GPU's vendor do nothing for the CPU");

  VIVACE_ASSIGN(setting.ranges, ranges_of(graph, config, target, report));
  narrow_inputs(graph, setting.ranges, config);
  VIVACE_TRY(ops::infer_graph(graph));

  ThreadPool pool(machine.threads);
  passes::Options options;
  options.disabled.insert(config.disabled_passes.begin(), config.disabled_passes.end());
  options.disabled.erase(kSamplesInTurn);
  options.pool = &pool;
  options.dump = config.dump;
  if (config.progress) options.cancelled = [&] { return !config.progress("optimize", 0); };
  VIVACE_ASSIGN(const passes::PassReport passes, passes::optimize(graph, options));
  report.nodes_before = passes.nodes_before;
  report.nodes_after = passes.nodes_after;
  for (const passes::PassRecord& pass : passes.passes) report.passes.push_back({pass.name, pass.changes, pass.seconds});
  return setting;
}

}  // namespace

Result<BuildResult> build(std::unique_ptr<ir::Graph> graph, const BuildConfig& config) {
  BuildResult result;
  Report& report = result.report;
  auto phase_start = Clock::now();
  const auto end_phase = [&](const std::string& name) {
    const auto now = Clock::now();
    report.phases.emplace_back(name, std::chrono::duration<double>(now - phase_start).count());
    phase_start = now;
  };
  VIVACE_ASSIGN(const Setting setting, optimize(*graph, config, report));
  const cuda::Target& target = setting.target;
  const std::vector<plan::ShapeRange>& ranges = setting.ranges;
  end_phase("optimize");

  plan::Plan& plan = result.plan;
  plan.name = config.model_name;
  plan.ranges = ranges;
  plan.portable = std::move(graph);
  plan.memory_limit = config.memory_limit;
  plan.origin = {version(), target.device(), report.machine};
  plan.options["threads"] = std::to_string(target.host.threads);
  plan.options["effort"] = std::to_string(config.effort);
  if (config.precision != Precision::f32) plan.options["precision"] = to_string(config.precision);
  plan.options["disabled_tactics"] = join(config.disabled_tactics);
  plan.options["forced_tactics"] = join(config.forced_tactics);
  if (!config.tactic_sources.empty()) plan.options["tactic_sources"] = join(config.tactic_sources);
  VIVACE_ASSIGN(plan.program, lower_and_tune(*plan.portable, ranges, config, target, report));
  end_phase("tune");

  VIVACE_ASSIGN(const auto executor, cuda::create_executor(plan.program, target));
  const auto memory_at = [&](const std::vector<Shape>& shapes) -> Result<backends::MemoryUse> {
    VIVACE_ASSIGN(const auto instance, executor->instance(shapes));
    return executor->memory_use(*instance);
  };
  if (std::find(report.notes.begin(), report.notes.end(), kUntuned) != report.notes.end()) {
    plan.options["untuned"] = "yes";  // the engine makes nothing ready for the guessed shapes
  } else {
    VIVACE_ASSIGN(report.memory, memory_at(shapes_at(ranges, &plan::ShapeRange::opt)));
  }
  if (config.memory_limit) {
    VIVACE_ASSIGN(const backends::MemoryUse most, memory_at(shapes_at(ranges, &plan::ShapeRange::max)));
    const uint64_t needed = most.constant_bytes + most.arena_bytes;
    if (needed > config.memory_limit)
      return Status(Code::out_of_memory, "the engine needs " + std::to_string(needed) + " bytes (weights " +
                                             std::to_string(most.constant_bytes) + ", activations " +
                                             std::to_string(most.arena_bytes) + "), the limit is " +
                                             std::to_string(config.memory_limit) + ". Raise the limit to " +
                                             std::to_string(needed) + " or build for smaller shapes");
  }
  plan.report = to_json(report, /*stable=*/true);
  if (!config.keep_portable) plan.portable.reset();
  end_phase("finish");
  return result;
}

Result<Report> check(std::unique_ptr<ir::Graph> graph, const BuildConfig& config) {
  Report report;
  BuildConfig untimed = config;
  untimed.effort = 0;
  VIVACE_ASSIGN(const Setting setting, optimize(*graph, untimed, report));
  if (setting.target.gpu) {
    VIVACE_TRY(
        list_cuda_layers(*graph, shapes_at(setting.ranges, &plan::ShapeRange::opt), untimed, setting.target, report));
  } else {
    VIVACE_TRY(lower_and_tune(*graph, setting.ranges, untimed, setting.target, report).status());
  }
  return report;
}

Result<plan::Program> lower_again(const plan::Plan& plan, const cuda::Target& target) {
  if (!plan.portable) return Status(Code::version_mismatch, "the plan holds no portable graph");
  BuildConfig config;
  config.effort = 0;
  config.threads = target.host.threads;
  if (const auto at = plan.options.find("precision"); at != plan.options.end() && target.gpu)
    config.precision = precision_from_string(at->second).value_or(Precision::f32);
  Report report;
  return lower_and_tune(*plan.portable, plan.ranges, config, target, report);
}

}  // namespace vivace::builder
