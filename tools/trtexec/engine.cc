#include "engine.h"

#include <chrono>
#include <fstream>

#include "NvOnnxParser.h"
#include "tensors.h"

namespace trtexec {

using nvinfer1::BuilderFlag;
using nvinfer1::DataType;
using nvinfer1::Dims;
using nvinfer1::OptProfileSelector;

namespace {

/// Raises Failure where the pointer is null: the library has said why.
template <class T>
T* must(T* pointer, const char* what) {
  if (!pointer) throw Failure(std::string(what));
  return pointer;
}

void parse_model(const Options& o, nvinfer1::INetworkDefinition& network, Log& log) {
  const double start = now();
  log.info("Start parsing network model.");
  const std::unique_ptr<nvonnxparser::IParser> parser(
      must(nvonnxparser::createParser(network, log), "the ONNX parser cannot be made"));
  const auto severity = o.reporting.verbose ? Log::Severity::kVERBOSE : Log::Severity::kINFO;
  if (!parser->parseFromFile(o.model.onnx.c_str(), static_cast<int>(severity))) {
    for (int i = 0; i < parser->getNbErrors(); ++i) log.error("{}", parser->getError(i)->desc());
    throw Failure(fmt::format("{}: Failed to parse the ONNX model", o.model.onnx));
  }
  log.info("Finished parsing network model. Parse time: {:g}", now() - start);
}

void set_formats(const std::vector<IoFormat>& formats, int count, const char* flag,
                 const std::function<nvinfer1::ITensor*(int)>& tensor) {
  if (formats.empty()) return;
  if (formats.size() != 1 && formats.size() != static_cast<size_t>(count)) {
    throw Failure(fmt::format("{} has {} entries for {} tensors: give one for each, or one for all", flag,
                              formats.size(), count));
  }
  for (int i = 0; i < count; ++i) {
    const IoFormat& format = formats[formats.size() == 1 ? 0 : static_cast<size_t>(i)];
    tensor(i)->setType(format.type);
    tensor(i)->setAllowedFormats(format.formats);
  }
}

/// A name with at most one '*', which stands for anything.
bool matches(const std::string& pattern, const std::string& name) {
  const size_t star = pattern.find('*');
  if (star == std::string::npos) return pattern == name;
  const std::string end = pattern.substr(star + 1);
  return name.size() + 1 >= pattern.size() && name.compare(0, star, pattern, 0, star) == 0 &&
         name.compare(name.size() - end.size(), end.size(), end) == 0;
}

/// Sets what the last fitting row says; a name without '*' goes before a pattern.
void set_layer_types(nvinfer1::INetworkDefinition& network, const std::vector<std::pair<std::string, DataType>>& types,
                     const std::function<void(nvinfer1::ILayer&, DataType)>& apply) {
  if (types.empty()) return;
  for (int i = 0; i < network.getNbLayers(); ++i) {
    nvinfer1::ILayer& layer = *network.getLayer(i);
    const DataType* chosen = nullptr;
    bool exact = false;
    for (const auto& [pattern, type] : types) {
      const bool is_exact = pattern == layer.getName();
      if (is_exact || (!exact && matches(pattern, layer.getName()))) {
        chosen = &type;
        exact = is_exact;
      }
    }
    if (chosen) apply(layer, *chosen);
  }
}

void set_flags(const Options& o, nvinfer1::IBuilderConfig& config) {
  const auto& b = o.build;
  const std::pair<bool, BuilderFlag> flags[] = {
      {b.fp16, BuilderFlag::kFP16},
      {b.bf16, BuilderFlag::kBF16},
      {b.int8, BuilderFlag::kINT8},
      {b.fp8, BuilderFlag::kFP8},
      {b.int4, BuilderFlag::kINT4},
      {b.refit || b.strip_weights, BuilderFlag::kREFIT},
      {b.strip_weights, BuilderFlag::kSTRIP_PLAN},
      {b.direct_io, BuilderFlag::kDIRECT_IO},
      {b.sparse, BuilderFlag::kSPARSE_WEIGHTS},
      {b.version_compatible, BuilderFlag::kVERSION_COMPATIBLE},
      {b.exclude_lean_runtime, BuilderFlag::kEXCLUDE_LEAN_RUNTIME},
      {b.dla_fallback, BuilderFlag::kGPU_FALLBACK},
      {b.no_timing_cache, BuilderFlag::kDISABLE_TIMING_CACHE},
      {b.precision_constraints == "obey", BuilderFlag::kOBEY_PRECISION_CONSTRAINTS},
      {b.precision_constraints == "prefer", BuilderFlag::kPREFER_PRECISION_CONSTRAINTS},
  };
  for (const auto& [set, flag] : flags) {
    if (set) config.setFlag(flag);
  }
  if (!b.tf32) config.clearFlag(BuilderFlag::kTF32);
}

void set_config(const Options& o, nvinfer1::IBuilderConfig& config) {
  using nvinfer1::MemoryPoolType;
  static const std::pair<const char*, MemoryPoolType> pools[] = {
      {"dlaSRAM", MemoryPoolType::kDLA_MANAGED_SRAM},
      {"dlaLocalDRAM", MemoryPoolType::kDLA_LOCAL_DRAM},
      {"dlaGlobalDRAM", MemoryPoolType::kDLA_GLOBAL_DRAM},
      {"tacticSharedMem", MemoryPoolType::kTACTIC_SHARED_MEMORY},
  };
  const auto& b = o.build;
  const auto bytes = [](double mebibytes) { return static_cast<size_t>(mebibytes * (1 << 20)); };
  set_flags(o, config);
  if (b.workspace >= 0) config.setMemoryPoolLimit(MemoryPoolType::kWORKSPACE, bytes(b.workspace));
  for (const auto& [name, type] : pools) {
    const auto found = b.pools.find(name);
    if (found != b.pools.end()) config.setMemoryPoolLimit(type, bytes(found->second));
  }
  if (b.level >= 0) config.setBuilderOptimizationLevel(b.level);
  if (b.tactic_sources) config.setTacticSources(*b.tactic_sources);
  if (b.max_aux_streams >= 0) config.setMaxAuxStreams(b.max_aux_streams);
  if (b.max_tactics >= 0) config.setMaxNbTactics(b.max_tactics);
  config.setAvgTimingIterations(b.avg_timing);
  config.setProfilingVerbosity(b.verbosity);
  if (!o.system.serialized_plugins.empty()) {
    std::vector<const char*> paths;
    for (const std::string& path : o.system.serialized_plugins) paths.push_back(path.c_str());
    config.setPluginsToSerialize(paths.data(), static_cast<int32_t>(paths.size()));
  }
}

/// Dimensions the model leaves open become 1.
Shape closed(const nvinfer1::ITensor& tensor, Log& log) {
  const Dims dims = tensor.getDimensions();
  Shape shape(dims.d, dims.d + std::max(dims.nbDims, 0));
  for (int64_t& d : shape) d = d < 0 ? 1 : d;
  log.warning("Dynamic dimensions required for input: {}; no shapes given, running it with {}", tensor.getName(),
              to_text(shape));
  return shape;
}

void set_range(nvinfer1::IOptimizationProfile& profile, const nvinfer1::ITensor& tensor, OptProfileSelector selector,
               const Shape& shape, const char* flag) {
  const char* name = tensor.getName();
  bool fits = true;
  if (tensor.isShapeTensor()) {
    std::vector<int32_t> values(shape.begin(), shape.end());
    fits = profile.setShapeValues(name, selector, values.data(), static_cast<int32_t>(values.size()));
  } else {
    fits = profile.setDimensions(name, selector, to_dims(shape));
  }
  if (!fits) throw Failure(fmt::format("{}: input '{}' cannot have {}", flag, name, to_text(shape)));
}

/// Checks a shape against what the model says.
void check_shape(const nvinfer1::ITensor& tensor, const Shape& shape) {
  if (tensor.isShapeTensor()) return;
  const Dims dims = tensor.getDimensions();
  bool fits = shape.size() == static_cast<size_t>(dims.nbDims);
  for (size_t d = 0; fits && d < shape.size(); ++d) fits = dims.d[d] < 0 || dims.d[d] == shape[d];
  if (!fits) {
    throw Failure(fmt::format("input '{}' is {} in the model, and {} was asked for", tensor.getName(), to_text(dims),
                              to_text(shape)));
  }
}

/// Adds the optimization profiles where an input needs one, and completes the shapes to run.
void add_profiles(const Options& o, nvinfer1::IBuilder& builder, nvinfer1::INetworkDefinition& network,
                  nvinfer1::IBuilderConfig& config, Log& log) {
  Strings names;
  bool dynamic = false;
  for (int i = 0; i < network.getNbInputs(); ++i) {
    const nvinfer1::ITensor& input = *network.getInput(i);
    names.emplace_back(input.getName());
    dynamic = dynamic || is_dynamic(input.getDimensions()) || input.isShapeTensor();
  }
  for (const Profile& profile : o.build.profiles) {
    for (const auto& [name, shape] : profile.opt) {
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        throw Failure(fmt::format("the model has no input '{}'; its inputs: {}", name, join(names, ", ")));
      }
    }
  }
  if (!dynamic) {
    for (int i = 0; i < network.getNbInputs(); ++i) {
      const auto found = o.build.profiles[0].opt.find(names[static_cast<size_t>(i)]);
      if (found != o.build.profiles[0].opt.end()) check_shape(*network.getInput(i), found->second);
    }
    return;
  }
  for (const Profile& given : o.build.profiles) {
    nvinfer1::IOptimizationProfile* profile = must(builder.createOptimizationProfile(), "no optimization profile");
    for (int i = 0; i < network.getNbInputs(); ++i) {
      const nvinfer1::ITensor& input = *network.getInput(i);
      const std::string name = input.getName();
      const bool known = given.opt.count(name) != 0;
      if (!known && !is_dynamic(input.getDimensions()) && !input.isShapeTensor()) continue;
      const Shape standard = known ? Shape() : closed(input, log);
      const auto shape = [&](const Shapes& shapes) -> const Shape& { return known ? shapes.at(name) : standard; };
      for (const Shapes* shapes : {&given.min, &given.opt, &given.max}) check_shape(input, shape(*shapes));
      set_range(*profile, input, OptProfileSelector::kMIN, shape(given.min), "--minShapes");
      set_range(*profile, input, OptProfileSelector::kOPT, shape(given.opt), "--optShapes");
      set_range(*profile, input, OptProfileSelector::kMAX, shape(given.max), "--maxShapes");
    }
    if (config.addOptimizationProfile(profile) < 0) throw Failure("the shapes are no valid optimization profile");
  }
}

/// Reads the cache file if it is there.
std::unique_ptr<nvinfer1::ITimingCache> attach_timing_cache(const Options& o, nvinfer1::IBuilderConfig& config,
                                                            Log& log) {
  if (o.build.timing_cache.empty() || o.build.no_timing_cache) return nullptr;
  std::vector<char> bytes;
  if (std::ifstream(o.build.timing_cache)) {
    bytes = read_file(o.build.timing_cache);
    log.info("Loaded {} bytes of timing cache from {}", bytes.size(), o.build.timing_cache);
  }
  std::unique_ptr<nvinfer1::ITimingCache> cache(config.createTimingCache(bytes.data(), bytes.size()));
  if (!cache && !bytes.empty()) {
    log.warning("{} is no timing cache of this version; starting an empty one", o.build.timing_cache);
    cache.reset(config.createTimingCache(nullptr, 0));
  }
  if (!cache || !config.setTimingCache(*cache, false)) throw Failure("no timing cache can be made");
  return cache;
}

void save_timing_cache(const Options& o, const nvinfer1::IBuilderConfig& config, Log& log) {
  const nvinfer1::ITimingCache* cache = config.getTimingCache();
  const std::unique_ptr<nvinfer1::IHostMemory> bytes(cache ? cache->serialize() : nullptr);
  if (!bytes) {
    log.warning("{}: the timing cache cannot be written", o.build.timing_cache);
    return;
  }
  write_file(o.build.timing_cache, bytes->data(), bytes->size());
  log.info("Saved {} bytes of timing cache to {}", bytes->size(), o.build.timing_cache);
}

std::vector<char> build(const Options& o, Log& log) {
  const std::unique_ptr<nvinfer1::IBuilder> builder(must(nvinfer1::createInferBuilder(log), "no builder can be made"));
  using nvinfer1::NetworkDefinitionCreationFlag;
  const auto bit = [](NetworkDefinitionCreationFlag flag) { return 1U << static_cast<uint32_t>(flag); };
  const uint32_t flags = bit(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH) |
                         (o.build.strongly_typed ? bit(NetworkDefinitionCreationFlag::kSTRONGLY_TYPED) : 0);
  const std::unique_ptr<nvinfer1::INetworkDefinition> network(
      must(builder->createNetworkV2(flags), "no network can be made"));
  parse_model(o, *network, log);
  set_formats(o.build.inputs, network->getNbInputs(), "--inputIOFormats", [&](int i) { return network->getInput(i); });
  set_formats(o.build.outputs, network->getNbOutputs(), "--outputIOFormats",
              [&](int i) { return network->getOutput(i); });
  set_layer_types(*network, o.build.layer_precisions,
                  [](nvinfer1::ILayer& layer, DataType type) { layer.setPrecision(type); });
  set_layer_types(*network, o.build.layer_output_types, [](nvinfer1::ILayer& layer, DataType type) {
    for (int i = 0; i < layer.getNbOutputs(); ++i) layer.setOutputType(i, type);
  });
  const std::unique_ptr<nvinfer1::IBuilderConfig> config(must(builder->createBuilderConfig(), "no configuration"));
  set_config(o, *config);
  add_profiles(o, *builder, *network, *config, log);
  const std::unique_ptr<nvinfer1::ITimingCache> cache = attach_timing_cache(o, *config, log);
  const std::unique_ptr<nvinfer1::IHostMemory> plan(
      must(builder->buildSerializedNetwork(*network, *config), "the engine cannot be built"));
  if (cache) save_timing_cache(o, *config, log);
  const char* data = static_cast<const char*>(plan->data());
  return {data, data + plan->size()};
}

}  // namespace

double now() {
  static const auto start = std::chrono::steady_clock::now();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::unique_ptr<nvinfer1::ICudaEngine> deserialize(nvinfer1::IRuntime& runtime, const std::vector<char>& plan) {
  return std::unique_ptr<nvinfer1::ICudaEngine>(
      must(runtime.deserializeCudaEngine(plan.data(), plan.size()), "Error deserializing the engine"));
}

Loaded make_engine(const Options& options, Log& log) {
  Loaded loaded;
  const double start = now();
  const bool load = !options.build.load.empty();
  loaded.plan = load ? read_file(options.build.load) : build(options, log);
  if (!options.build.save.empty()) {
    write_file(options.build.save, loaded.plan.data(), loaded.plan.size());
    log.info("Saved {} bytes of engine to {}", loaded.plan.size(), options.build.save);
  }
  const double ready = now();
  loaded.runtime.reset(must(nvinfer1::createInferRuntime(log), "no runtime can be made"));
  loaded.engine = deserialize(*loaded.runtime, loaded.plan);
  log.info("Engine deserialized in {:g} sec.", now() - ready);
  log.info("Engine {} in {:g} sec.", load ? "loaded" : "built", now() - start);
  return loaded;
}

}  // namespace trtexec
