#include "tensorrt/build_plan.h"

#include <algorithm>

#include "builder/builder.h"
#include "ops/operator.h"
#include "tensorrt/algorithms.h"
#include "tensorrt/calibration.h"
#include "tensorrt/core.h"
#include "tensorrt/device.h"
#include "tensorrt/formats.h"
#include "tensorrt/stripping.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

using nvinfer1::BuilderFlag;
using nvinfer1::MemoryPoolType;
using Severity = nvinfer1::ILogger::Severity;

namespace {

Status bad(const std::string& what) { return {Code::invalid_argument, what}; }

bool is_dynamic(const ir::Value& input) {
  return !input.type.dims ||
         std::any_of(input.type.dims->begin(), input.type.dims->end(), [](const ir::Dim& d) { return !d.known(); });
}

// The batch dimension, which the client does not see, is 1 to the largest batch.
Result<std::map<std::string, plan::ShapeRange>> implicit_ranges(const ir::Graph& graph, int64_t max_batch) {
  std::map<std::string, plan::ShapeRange> ranges;
  for (const ir::Value* input : graph.inputs()) {
    Shape shape = {max_batch};
    for (size_t i = 1; input->type.dims && i < input->type.dims->size(); ++i) {
      const ir::Dim& d = (*input->type.dims)[i];
      if (!d.known())
        return bad("input '" + input->name +
                   "' has a dynamic dimension, which needs an explicit batch; create the "
                   "network with kEXPLICIT_BATCH");
      shape.push_back(d.value());
    }
    Shape least = shape;
    least[0] = 1;
    ranges[input->name] = {least, shape, shape};
  }
  return ranges;
}

Status check_range(const ir::Value& input, const plan::ShapeRange& range) {
  const std::string what = "optimization profile: input '" + input.name + "'";
  if (!input.type.dims) return {};
  const ir::Dims& dims = *input.type.dims;
  if (range.opt.size() != dims.size())
    return bad(what + " has " + std::to_string(dims.size()) + " dimensions, the profile gives it " +
               std::to_string(range.opt.size()));
  for (size_t i = 0; i < dims.size(); ++i)
    if (dims[i].known() && (range.min[i] != dims[i].value() || range.max[i] != dims[i].value()))
      return bad(what + ", dimension " + std::to_string(i) + " is " + dims[i].to_string() +
                 " in the network; the profile may not give it " + std::to_string(range.min[i]) + " to " +
                 std::to_string(range.max[i]) + ". Only dimensions of -1 are free");
  return {};
}

// An engine has one program for all profiles: it is built for the union of their ranges, at the optimum of the first.
Result<std::map<std::string, plan::ShapeRange>> profile_ranges(const ir::Graph& graph,
                                                               const std::vector<Profile>& profiles,
                                                               const Errors& errors) {
  std::map<std::string, plan::ShapeRange> ranges;
  for (const ir::Value* input : graph.inputs()) {
    const bool dynamic = is_dynamic(*input);
    if (dynamic && profiles.empty())
      return bad("input '" + input->name + "' is " + input->type.to_string() +
                 " and no optimization profile is "
                 "defined: call IBuilder::createOptimizationProfile, setDimensions for kMIN, kOPT and kMAX, and "
                 "IBuilderConfig::addOptimizationProfile");
    for (size_t p = 0; p < profiles.size(); ++p) {
      const auto at = profiles[p].shapes.find(input->name);
      if (at == profiles[p].shapes.end()) {
        if (!dynamic) continue;
        return bad("optimization profile " + std::to_string(p) + " lacks input '" + input->name +
                   "', which has dynamic dimensions");
      }
      VIVACE_TRY(check_range(*input, at->second));
      const auto [first, fresh] = ranges.emplace(input->name, at->second);
      for (size_t i = 0; !fresh && i < at->second.opt.size(); ++i) {
        first->second.min[i] = std::min(first->second.min[i], at->second.min[i]);
        first->second.max[i] = std::max(first->second.max[i], at->second.max[i]);
      }
    }
  }
  const auto& inputs = graph.inputs();
  for (const Profile& profile : profiles)
    for (const auto& entry : profile.shapes)
      if (std::none_of(inputs.begin(), inputs.end(), [&](const ir::Value* v) { return v->name == entry.first; }))
        errors.log(Severity::kWARNING, "optimization profile: the network has no input '" + entry.first + "'");
  return ranges;
}

// Dimensions that have one size in all profiles are of that size in the engine: nobody needs to set them.
Status fix_dimensions(ir::Graph& graph, const std::map<std::string, plan::ShapeRange>& ranges) {
  bool any = false;
  for (ir::Value* input : graph.inputs()) {
    const auto at = ranges.find(input->name);
    if (at == ranges.end() || !input->type.dims) continue;
    const plan::ShapeRange& range = at->second;
    for (size_t i = 0; i < input->type.dims->size(); ++i) {
      ir::Dim& dim = (*input->type.dims)[i];
      if (dim.known() || range.min[i] != range.max[i]) continue;
      dim = ir::Dim(range.min[i]);
      any = true;
    }
  }
  return any ? ops::infer_graph(graph) : Status();
}

// What tensors of f32 may be computed in. A strongly typed network says the types itself, but not how f32 is
// multiplied.
Precision precision_of(const Network& network, const BuilderConfig& config, const std::string& device) {
  const bool typed = network.getFlag(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
  if (device == "cpu") return Precision::f32;
  if (!typed && config.has(BuilderFlag::kFP16)) return Precision::f16;
  if (!typed && config.has(BuilderFlag::kBF16)) return Precision::bf16;
  return config.has(BuilderFlag::kTF32) ? Precision::tf32 : Precision::f32;
}

// What a client asked for and does not get; each build says so once.
void tell_without_effect(const BuilderConfig& config, const builder::BuildConfig& build, const Errors& errors) {
  const std::tuple<BuilderFlag, const char*, std::optional<Precision>> precisions[] = {
      {BuilderFlag::kFP16, "FP16", Precision::f16}, {BuilderFlag::kBF16, "BF16", Precision::bf16},
      {BuilderFlag::kINT8, "INT8", std::nullopt},   {BuilderFlag::kFP8, "FP8", std::nullopt},
      {BuilderFlag::kINT4, "INT4", std::nullopt},   {BuilderFlag::kFP4, "FP4", std::nullopt}};
  std::string asked;
  for (const auto& [flag, name, precision] : precisions)
    if (config.has(flag) && precision != build.precision) asked += (asked.empty() ? "" : ", ") + std::string(name);
  if (!asked.empty())
    errors.log(Severity::kINFO, asked + " is allowed, but networks of f32 are computed in " +
                                    to_string(build.precision) + " on " + build.device);
}

// Libraries that these sources stand for; cuBLAS by cuBLASLt.
std::vector<std::string> libraries_of(nvinfer1::TacticSources sources) {
  const auto has = [&](nvinfer1::TacticSource source) { return sources >> static_cast<int32_t>(source) & 1U; };
  std::vector<std::string> names;
  if (has(nvinfer1::TacticSource::kCUDNN)) names.emplace_back("cudnn");
  if (has(nvinfer1::TacticSource::kCUBLAS) || has(nvinfer1::TacticSource::kCUBLAS_LT)) names.emplace_back("cublaslt");
  return names;
}

// Shapes for calibration: the optimum of its own profile, or of the first.
std::map<std::string, Shape> calibration_shapes(const BuilderConfig& config) {
  std::map<std::string, Shape> shapes;
  const Settings& settings = config.settings();
  const auto* own = static_cast<const OptimizationProfile*>(settings.calibration_profile);
  if (!own && settings.profiles.empty()) return shapes;
  for (const auto& [name, range] : (own ? own->ranges() : settings.profiles[0]).shapes) shapes[name] = range.opt;
  return shapes;
}

// Builds; where an algorithm selector wants other tactics than the fastest, builds again with those.
Result<builder::BuildResult> build_selected(std::unique_ptr<ir::Graph> graph, builder::BuildConfig& build,
                                            const BuilderConfig& config) {
  nvinfer1::IAlgorithmSelector* selector = config.getAlgorithmSelector();
  if (!selector) return builder::build(std::move(graph), build);
  builder::TimingCache own;  // so that nothing is measured twice
  if (!build.cache && !config.has(BuilderFlag::kDISABLE_TIMING_CACHE)) build.cache = &own;
  std::unique_ptr<ir::Graph> again = graph->clone();
  VIVACE_ASSIGN(builder::BuildResult built, builder::build(std::move(graph), build));
  VIVACE_ASSIGN(Algorithms offered, Algorithms::of(built));
  VIVACE_ASSIGN(build.forced_tactics, offered.ask(*selector, config.has(BuilderFlag::kREJECT_EMPTY_ALGORITHMS) ||
                                                                 config.has(BuilderFlag::kSTRICT_TYPES)));
  if (!build.forced_tactics.empty()) {
    VIVACE_ASSIGN(built, builder::build(std::move(again), build));
    VIVACE_ASSIGN(offered, Algorithms::of(built));
  }
  offered.report_to(*selector);
  if (build.cache == &own) build.cache = nullptr;
  return built;
}

// Where nobody named the device, what a GPU cannot run yet is built for the CPU.
Result<builder::BuildResult> build_where_possible(std::unique_ptr<ir::Graph> graph, builder::BuildConfig& build,
                                                  const BuilderConfig& config, const Errors& errors) {
  if (build.device == "cpu" || !device_of_environment().empty()) return build_selected(std::move(graph), build, config);
  std::unique_ptr<ir::Graph> spare = graph->clone();
  Result<builder::BuildResult> built = build_selected(std::move(graph), build, config);
  const Code code = built.status().code();
  if (built.ok() || (code != Code::unsupported && code != Code::device_unavailable)) return built;
  errors.log(Severity::kWARNING, "built for the CPU, for the GPU refused it: " + built.status().message());
  build.device = "cpu";
  build.precision = Precision::f32;
  build.forced_tactics.clear();
  build.tactic_sources.clear();
  return build_selected(std::move(spare), build, config);
}

Status check_all_from_cache(const builder::Report& report) {
  if (report.timed == 0) return {};
  const auto& layers = report.layers;
  const auto missed = std::find_if(layers.begin(), layers.end(), [](const builder::LayerReport& layer) {
    return !layer.from_cache && !layer.candidates.empty() && layer.candidates[0].seconds > 0;
  });
  return bad("kERROR_ON_TIMING_CACHE_MISS: the timing cache lacks layer '" +
             (missed == layers.end() ? std::string("?") : missed->name) + "'; build once without the flag to fill it");
}

void tell_result(const builder::Report& report, const Errors& errors) {
  double seconds = 0;
  for (const auto& phase : report.phases) seconds += phase.second;
  errors.log(Severity::kINFO, "Built an engine of " + std::to_string(report.layers.size()) + " layers for " +
                                  report.machine + " in " + std::to_string(static_cast<int64_t>(seconds * 1e3)) +
                                  " ms: " + std::to_string(report.memory.constant_bytes) + " bytes of weights, " +
                                  std::to_string(report.memory.arena_bytes) + " of activations; " +
                                  std::to_string(report.timed) + " tactics measured, " +
                                  std::to_string(report.from_cache) + " known from the timing cache");
}

// Phases of the build as IProgressMonitor wants them: the build, and optimizing and tuning within it.
class Progress {
 public:
  explicit Progress(nvinfer1::IProgressMonitor* monitor) : monitor_(monitor) {
    if (monitor_) monitor_->phaseStart(kBuild, nullptr, kBuildSteps);
  }
  ~Progress() {
    if (!monitor_) return;
    if (!phase_.empty()) monitor_->phaseFinish(phase_.c_str());
    monitor_->phaseFinish(kBuild);
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  bool step(const std::string& phase, double fraction) {
    if (stopped_) return false;
    if (phase != phase_) {
      if (!next_phase()) return false;
      phase_ = phase;
      monitor_->phaseStart(phase_.c_str(), kBuild, kSteps);
    }
    for (const auto reached = static_cast<int32_t>(fraction * kSteps); step_ < std::min(reached, kSteps); ++step_)
      if (!monitor_->stepComplete(phase_.c_str(), step_)) return stop();
    return true;
  }
  /// False where the client wants no more.
  bool next_phase() {
    if (!monitor_ || phase_.empty()) return !stopped_;
    for (; !stopped_ && step_ < kSteps; ++step_)
      if (!monitor_->stepComplete(phase_.c_str(), step_)) stop();
    monitor_->phaseFinish(phase_.c_str());
    phase_.clear();
    step_ = 0;
    if (!stopped_ && build_step_ < kBuildSteps && !monitor_->stepComplete(kBuild, build_step_++)) stop();
    return !stopped_;
  }

 private:
  bool stop() { return stopped_ = true, false; }

  static constexpr const char* kBuild = "Building the engine";
  static constexpr int32_t kBuildSteps = 2, kSteps = 20;
  nvinfer1::IProgressMonitor* monitor_;
  std::string phase_;
  int32_t step_ = 0, build_step_ = 0;
  bool stopped_ = false;
};

Binding binding_of(const nvinfer1::ITensor& tensor, bool input) {
  const std::vector<int64_t> sizes = to_vector(tensor.getDimensions());
  ir::Dims dims;
  for (const int64_t size : sizes) dims.push_back(size < 0 ? ir::Dim() : ir::Dim(size));
  // A format that fits no tensor made no graph.
  const Result<nvinfer1::TensorFormat> format = choose_format(tensor.getAllowedFormats(), dims, "");
  return {tensor.getName(),
          input,
          input && tensor.isShapeTensor(),
          sizes,
          1U << static_cast<uint32_t>(format.ok() ? *format : nvinfer1::TensorFormat::kLINEAR),
          tensor.getLocation() == nvinfer1::TensorLocation::kHOST};
}

// The sizes that the graph knows and the network does not, of the bindings from `first` on. The graph has more outputs
// than these where tensors are shown for debugging.
void complete(std::vector<Binding>& bindings, size_t first, const std::vector<ir::Value*>& values) {
  for (size_t k = 0; k < values.size() && first + k < bindings.size(); ++k) {
    const ir::Value* value = values[k];
    std::vector<int64_t>& dims = bindings[first + k].dims;
    if (value->type.dims && value->type.dims->size() == dims.size())
      for (size_t i = 0; i < dims.size(); ++i)
        if (dims[i] < 0 && (*value->type.dims)[i].known()) dims[i] = (*value->type.dims)[i].value();
  }
}

Metadata describe(const Network& network, const BuilderConfig& config, const BuildOptions& options) {
  Metadata made;
  made.name = network.getName() ? network.getName() : "";
  for (int32_t i = 0; i < network.getNbInputs(); ++i) made.bindings.push_back(binding_of(*network.getInput(i), true));
  for (int32_t i = 0; i < network.getNbOutputs(); ++i)
    made.bindings.push_back(binding_of(*network.getOutput(i), false));
  made.profiles = config.settings().profiles;
  if (made.profiles.empty()) made.profiles.emplace_back();
  made.implicit_batch = network.implicit_batch();
  made.max_batch = options.max_batch;
  const bool all_refittable = config.has(BuilderFlag::kREFIT) || config.has(BuilderFlag::kREFIT_IDENTICAL) ||
                              (config.has(BuilderFlag::kSTRIP_PLAN) && !config.has(BuilderFlag::kREFIT_INDIVIDUAL));
  if (!all_refittable && config.has(BuilderFlag::kREFIT_INDIVIDUAL))
    made.refittable_weights.assign(network.refittable_weights().begin(), network.refittable_weights().end());
  made.refittable = all_refittable || !made.refittable_weights.empty();
  for (const NetworkTensor* tensor : network.debug_tensors()) made.debug.push_back(tensor->name);
  made.unfused_debug = network.unfused_are_debug();
  made.weight_streaming = config.has(BuilderFlag::kWEIGHT_STREAMING);
  made.profiling_verbosity = static_cast<int32_t>(config.getProfilingVerbosity());
  made.engine_capability = static_cast<int32_t>(config.getEngineCapability());
  made.hardware_compatibility = static_cast<int32_t>(config.getHardwareCompatibilityLevel());
  return made;
}

}  // namespace

Result<plan::Plan> build_plan(Network& network, const BuilderConfig& config, const BuildOptions& options,
                              const Errors& errors) {
  if (network.getNbOutputs() == 0)
    return bad("the network has no outputs; mark at least one with INetworkDefinition::markOutput");
  VIVACE_ASSIGN(std::unique_ptr<ir::Graph> graph, network.to_graph());
  const Settings& settings = config.settings();
  builder::BuildConfig build;
  if (network.implicit_batch()) {
    VIVACE_ASSIGN(build.shapes, implicit_ranges(*graph, options.max_batch));
  } else {
    VIVACE_ASSIGN(build.shapes, profile_ranges(*graph, settings.profiles, errors));
    VIVACE_TRY(fix_dimensions(*graph, build.shapes));
  }
  build.threads = options.threads ? options.threads : threads_of_environment();
  build.effort = std::min(settings.optimization_level, config.has(BuilderFlag::kENABLE_TACTIC_HEURISTIC) ? 1 : 5);
  if (const auto at = settings.pools.find(MemoryPoolType::kWORKSPACE); at != settings.pools.end())
    build.workspace_limit = std::max<std::size_t>(at->second, 1);  // 0 would be no limit
  Metadata metadata = describe(network, config, options);
  if (!metadata.implicit_batch) {
    complete(metadata.bindings, 0, graph->inputs());
    complete(metadata.bindings, static_cast<size_t>(network.getNbInputs()), graph->outputs());
  }
  build.model_name = metadata.name;
  if (!config.has(BuilderFlag::kDISABLE_TIMING_CACHE)) build.cache = settings.timings.get();
  build.device = device_of_builds();
  build.precision = precision_of(network, config, build.device);
  if (settings.tactic_sources_given && build.device != "cpu")
    build.tactic_sources = libraries_of(settings.tactic_sources);
  tell_without_effect(config, build, errors);

  std::unique_ptr<ir::Graph> as_it_was = metadata.refittable ? graph->clone() : nullptr;
  Progress progress(settings.monitor);
  if (settings.monitor)
    build.progress = [&](const std::string& phase, double fraction) { return progress.step(phase, fraction); };
  VIVACE_ASSIGN(builder::BuildResult built, build_where_possible(std::move(graph), build, config, errors));
  if (!progress.next_phase()) return Status(Code::cancelled, "the progress monitor stopped the build");
  for (const std::string& note : built.report.notes) errors.log(Severity::kINFO, note);
  if (config.has(BuilderFlag::kERROR_ON_TIMING_CACHE_MISS)) VIVACE_TRY(check_all_from_cache(built.report));
  tell_result(built.report, errors);

  plan::Plan& plan = built.plan;
  if (as_it_was) {
    // New weights go through all passes again; those would have folded the old ones into one another.
    for (size_t i = 0; i < as_it_was->inputs().size(); ++i)
      as_it_was->inputs()[i]->type = plan.portable->inputs()[i]->type;
    VIVACE_TRY(ops::infer_graph(*as_it_was));
    plan.portable = std::move(as_it_was);
  }
  plan.metadata = to_entries(metadata);
  if (config.has(BuilderFlag::kINT8) && config.getInt8Calibrator())
    VIVACE_TRY(calibrate(*config.getInt8Calibrator(), plan, calibration_shapes(config), network.narrow(), errors));
  if (config.has(BuilderFlag::kSTRIP_PLAN) && metadata.refittable) return without_weights(plan, metadata);
  return std::move(plan);
}

}  // namespace vivace::tensorrt
