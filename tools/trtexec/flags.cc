// The table of flags. A flag that changes nothing here says why in its Note.
#include <algorithm>

#include "log.h"
#include "options.h"
#include "tensors.h"
#include "values.h"

namespace trtexec {

namespace {

constexpr Note kOneDevice{"there is no DLA here; everything runs on the same device"};
constexpr Note kNoCalibration{"INT8 is not calibrated; layers compute in FP32"};
constexpr Note kOneRuntime{"there is one runtime, and plans need no other"};
constexpr Note kOwnMemory{"the runtime keeps its memory itself"};
constexpr Note kNoDebugTensors{"tensors inside of the engine cannot be watched"};
constexpr Note kNoStreaming{"weights are mapped from the plan and need no streaming"};
constexpr Note kNoTiling{"the tuner chooses tiles by itself"};
constexpr Note kImplied{"that is how it works anyway"};

Read refuse(std::string_view why) {
  return [why](const std::string&) { throw Failure(std::string(why)); };
}

/// Sets `target` to the place of the word in `words`; `legacy` words stand for one of them.
Read choice(std::function<void(size_t)> set, Strings words) {
  return [set = std::move(set), words = std::move(words)](const std::string& value) {
    for (size_t i = 0; i < words.size(); ++i) {
      if (words[i] == value) return set(i);
    }
    throw Failure(fmt::format("'{}' is not one of {}", value, join(words, ", ")));
  };
}

// Those with a plus, as a mask.
uint32_t to_tactic_sources(const std::string& spec) {
  using Source = nvinfer1::TacticSource;
  static const std::pair<std::string_view, Source> kSources[] = {
      {"CUBLAS", Source::kCUBLAS},
      {"CUBLAS_LT", Source::kCUBLAS_LT},
      {"CUDNN", Source::kCUDNN},
      {"EDGE_MASK_CONVOLUTIONS", Source::kEDGE_MASK_CONVOLUTIONS},
      {"JIT_CONVOLUTIONS", Source::kJIT_CONVOLUTIONS}};
  uint32_t sources = 0;
  for (const std::string& word : split(spec, ',')) {
    const auto* const found = std::find_if(std::begin(kSources), std::end(kSources), [&](const auto& known) {
      return (word.starts_with('+') || word.starts_with('-')) && word.substr(1) == known.first;
    });
    if (found == std::end(kSources))
      throw Failure(fmt::format("'{}' is not + or - with CUBLAS, CUBLAS_LT, CUDNN, EDGE_MASK_CONVOLUTIONS or "
                                "JIT_CONVOLUTIONS", word));
    if (word[0] == '+') sources |= 1U << static_cast<int32_t>(found->second);
  }
  return sources;
}

Read shapes_of_profile(Options::Build& build, Shapes Profile::*which) {
  return [&build, which](const std::string& value) {
    build.profiles[static_cast<size_t>(build.current_profile)].*which = to_shapes(value);
  };
}

Section model_flags(Options& o) {
  const Read no_caffe = refuse("Caffe and UFF models are not read; convert the model to ONNX and give --onnx=FILE");
  return {"Model Options",
          {
              {"--onnx", "FILE", &o.model.onnx, "ONNX model"},
              {"--model", "FILE", no_caffe, "Caffe weights: refused, there is no parser of Caffe models"},
              {"--deploy", "FILE", no_caffe, "Caffe model: refused"},
              {"--uff", "FILE", no_caffe, "UFF model: refused"},
              {"--uffInput", "SPEC", no_caffe, "refused with --uff"},
              {"--uffNHWC", "", no_caffe, "refused with --uff"},
              {"--output", "NAME", Note{"an ONNX model says itself what its outputs are"}, "Output of a Caffe model"},
          }};
}

Section shape_flags(Options& o) {
  auto& b = o.build;
  const Note no_batch{"an ONNX model has its batch in its shapes; give --optShapes and --shapes"};
  return {"Shapes",
          {
              {"--minShapes", "SHAPES", shapes_of_profile(b, &Profile::min), "Smallest shapes the engine is built for"},
              {"--optShapes", "SHAPES", shapes_of_profile(b, &Profile::opt), "Shapes it is tuned for"},
              {"--maxShapes", "SHAPES", shapes_of_profile(b, &Profile::max), "Largest shapes it is built for"},
              {"--shapes", "SHAPES", &o.inference.shapes,
               "Shapes to run, as name:1x3x224x224,other:8; quote names that have commas: 'a,b':1x3"},
              {"--profile", "N", Read([&b](const std::string& value) {
                 const int index = to_int(value);
                 if (index < 0 || index > 99) throw Failure("profiles are numbered from 0 on");
                 b.current_profile = index;
                 b.profiles.resize(std::max(b.profiles.size(), static_cast<size_t>(index) + 1));
               }),
               "The min/opt/maxShapes that follow belong to optimization profile N (default 0)"},
              {"--useProfile", "N", &o.inference.use_profile, "Run with optimization profile N (default 0)"},
              {"--minShapesCalib", "SHAPES", kNoCalibration, "Shapes of calibration"},
              {"--optShapesCalib", "SHAPES", kNoCalibration, "Shapes of calibration"},
              {"--maxShapesCalib", "SHAPES", kNoCalibration, "Shapes of calibration"},
              {"--calibProfile", "N", kNoCalibration, "Profile of calibration"},
              {"--explicitBatch", "", Note{"ONNX models always have an explicit batch"}, "Legacy"},
              {"--explicitPrecision", "", kImplied, "Legacy"},
              {"--maxBatch", "N", no_batch, "Legacy: largest batch of a model with an implicit batch"},
              {"--batch", "N", &o.inference.batch, "Batch to run, of an engine with an implicit batch"},
          }};
}

Section precision_flags(Options& o) {
  auto& b = o.build;
  return {
      "Types",
      {
          {"--inputIOFormats", "SPEC", Read([&b](const std::string& v) { b.inputs = to_formats(v); }),
           "Type and format of each input as fp16:chw,int32:chw; one stands for all"},
          {"--outputIOFormats", "SPEC", Read([&b](const std::string& v) { b.outputs = to_formats(v); }),
           "Type and format of each output"},
          {"--noTF32", "", Off{&b.tf32}, "Do not allow TF32"},
          {"--fp16", "", &b.fp16, "Allow FP16"},
          {"--bf16", "", &b.bf16, "Allow BF16"},
          {"--int8", "", &b.int8, "Allow INT8"},
          {"--fp8", "", &b.fp8, "Allow FP8"},
          {"--int4", "", &b.int4, "Allow INT4"},
          {"--best", "", &b.best, "Allow all of them"},
          {"--stronglyTyped", "", &b.strongly_typed, "Every tensor keeps the type that the model gives it"},
          {"--directIO", "", &b.direct_io, "No reformatting at inputs and outputs"},
          {"--precisionConstraints", "MODE",
           choice([&b](size_t i) { b.precision_constraints = i == 0   ? "obey"
                                                             : i == 1 ? "prefer"
                                                                      : "none"; },
                  {"obey", "prefer", "none"}),
           "obey, prefer or none: what --layerPrecisions and --layerOutputTypes mean"},
          {"--layerPrecisions", "SPEC", Read([&b](const std::string& v) { b.layer_precisions = to_layer_types(v); }),
           "Precision by layer as conv1:fp16,*:fp32; a name may have one *"},
          {"--layerOutputTypes", "SPEC", Read([&b](const std::string& v) { b.layer_output_types = to_layer_types(v); }),
           "Types of the outputs by layer"},
          {"--layerDeviceTypes", "SPEC", kOneDevice, "Device by layer"},
          {"--decomposableAttentions", "SPEC", kImplied, "Attentions that may be decomposed"},
          {"--calib", "FILE", kNoCalibration, "Calibration cache"},
          {"--sparsity", "MODE", choice([&b](size_t i) { b.sparse = i > 0; }, {"disable", "enable", "force"}),
           "disable, enable or force sparse weights"},
          {"--uint8AsymmetricQuantizationDLA", "", kOneDevice, "Quantization on DLA"},
      }};
}

Section build_flags(Options& o) {
  auto& b = o.build;
  const auto verbosity = choice(
      [&b](size_t i) {
        static constexpr nvinfer1::ProfilingVerbosity modes[] = {nvinfer1::ProfilingVerbosity::kLAYER_NAMES_ONLY,
                                                                 nvinfer1::ProfilingVerbosity::kDETAILED,
                                                                 nvinfer1::ProfilingVerbosity::kNONE};
        b.verbosity = modes[i > 2 ? i - 3 : i];
      },
      {"layer_names_only", "detailed", "none", "default", "verbose"});
  return {
      "Build Options",
      {
          {"--saveEngine", "FILE", &b.save, "Write the plan"},
          {"--loadEngine", "FILE", &b.load, "Read a plan instead of building one"},
          {"--skipInference", "", &b.skip_inference, "Stop when the engine is built"},
          {"--buildOnly", "", &b.skip_inference, "Legacy name of --skipInference"},
          {"--getPlanVersionOnly", "", Note{"a plan of another version is lowered again when it is loaded"},
           "Print the version that made the plan"},
          {"--builderOptimizationLevel", "N", &b.level, "0 (fast build) to 5 (fast engine)"},
          {"--workspace", "N", &b.workspace, "Legacy: workspace in MiB; use --memPoolSize=workspace:N"},
          {"--memPoolSize", "SPEC", Read([&b](const std::string& v) {
             for (const auto& [name, size] : to_pools(v)) (name == "workspace" ? b.workspace : b.pools[name]) = size;
           }),
           "Caps as workspace:1024,tacticSharedMem:8; in MiB, or with a suffix B, K, M, G"},
          {"--timingCacheFile", "FILE", &b.timing_cache, "Timings of earlier builds; read if there, then written"},
          {"--noBuilderCache", "", &b.no_timing_cache, "No timing cache"},
          {"--errorOnTimingCacheMiss", "", Note{"a layer that is not in the cache is timed"}, "No timing"},
          {"--noCompilationCache", "", Note{"nothing is compiled while building"}, "No cache of compiled kernels"},
          {"--profilingVerbosity", "MODE", verbosity,
           "layer_names_only, detailed or none: what the engine tells of its layers"},
          {"--nvtxMode", "MODE", verbosity, "Legacy name of --profilingVerbosity"},
          {"--minTiming", "N", &b.min_timing, "Least number of runs when a tactic is timed"},
          {"--avgTiming", "N", &b.avg_timing, "Runs to average when a tactic is timed"},
          {"--maxTactics", "N", &b.max_tactics, "Tactics to time for a layer at most"},
          {"--maxAuxStreams", "N", &b.max_aux_streams, "Streams inside of one inference"},
          {"--refit", "", &b.refit, "Weights of the engine may be replaced"},
          {"--stripWeights", "", &b.strip_weights, "Leave the weights out of the plan"},
          {"--stripAllWeights", "", &b.strip_weights, "Leave all weights out of the plan"},
          {"--weightless", "", &b.strip_weights, "Legacy name of --stripWeights"},
          {"--versionCompatible", "", &b.version_compatible, "Plans that later versions run"},
          {"--vc", "", &b.version_compatible, "Short for --versionCompatible"},
          {"--excludeLeanRuntime", "", &b.exclude_lean_runtime, "A version-compatible plan without a runtime in it"},
          {"--useRuntime", "NAME", kOneRuntime, "full, lean or dispatch"},
          {"--leanDLLPath", "FILE", kOneRuntime, "The lean runtime"},
          {"--hardwareCompatibilityLevel", "MODE", Note{"plans run on every machine, lowered again where it differs"},
           "none or ampere+"},
          {"--runtimePlatform", "NAME", kOneRuntime, "Platform that the plan is for"},
          {"--heuristic", "", Note{"give --builderOptimizationLevel"}, "Legacy"},
          {"--tacticSources", "SPEC", Read([&b](const std::string& v) { b.tactic_sources = to_tactic_sources(v); }),
           "Libraries that may run layers of a GPU, as -CUDNN,+CUBLAS; the engine then needs them"},
          {"--preview", "SPEC", kImplied, "Preview features, as +fasterDynamicShapes0805"},
          {"--pluginInstanceNorm", "", kImplied, "InstanceNormalization by plugin"},
          {"--pi", "", kImplied, "Short for --pluginInstanceNorm"},
          {"--enablePluginOverride", "", kImplied, "Plugins stand in for operators of the same name"},
          {"--tempdir", "FOLDER", Note{"no temporary files are written"}, "Folder of temporary files"},
          {"--tempfileControls", "SPEC", Note{"no temporary files are written"}, "Where they may be"},
          {"--safe", "", kOneRuntime, "Build for the safety runtime"},
          {"--restricted", "", kOneRuntime, "Safety scope"},
          {"--consistency", "", kOneRuntime, "Check a safe engine"},
          {"--serialized", "FILE", Note{"networks are not written by themselves; see --saveEngine"},
           "Save the network"},
          {"--distributiveIndependence", "", kImplied, "The same results wherever an element stands"},
          {"--tilingOptimizationLevel", "N", kNoTiling, "0 to 3"},
          {"--l2LimitForTiling", "N", kNoTiling, "Bytes of L2 cache"},
          {"--remoteAutoTuningConfig", "SPEC", Note{"engines are tuned on this machine"}, "Tune elsewhere"},
          {"--markDebug", "NAMES", kNoDebugTensors, "Tensors to watch"},
          {"--markUnfusedTensorsAsDebugTensors", "", kNoDebugTensors, "Watch all tensors"},
          {"--allowWeightStreaming", "", kNoStreaming, "Weights may stay on the host"},
          {"--monitorMemory", "", kOwnMemory, "Watch memory while building"},
          {"--cpuOnly", "", kImplied, "Build without a GPU"},
          {"--dumpKernelText", "", Note{"no kernels are generated"}, "Print generated kernels"},
          {"--reportCapabilityDLA", "", kOneDevice, "Layers that DLA can run"},
          {"--adjustForDLA", "", kOneDevice, "Change the network for DLA"},
      }};
}

Section inference_flags(Options& o) {
  auto& i = o.inference;
  return {"Inference Options",
          {
              {"--loadInputs", "SPEC", Read([&i](const std::string& v) {
                 for (const std::string& part : split(v, ',')) i.load.insert(split_name(part));
               }),
               "Raw bytes of inputs, as name:file,other:file; the rest gets random values"},
              {"--iterations", "N", &i.iterations, "Run at least so often (default 10)"},
              {"--warmUp", "MS", &i.warm_up_ms, "Run so long before times count (default 200)"},
              {"--duration", "S", &i.duration_s, "Run at least so long after that (default 3); -1: until interrupted"},
              {"--sleepTime", "MS", &i.sleep_ms, "Wait before the first inference"},
              {"--idleTime", "MS", &i.idle_ms, "Wait after each inference"},
              {"--infStreams", "N", &i.streams, "Contexts that run at the same time (default 1)"},
              {"--streams", "N", &i.streams, "Legacy name of --infStreams"},
              {"--threads", "", &i.threads, "A thread for each context; on a CPU always so"},
              {"--noDataTransfers", "", Off{&i.transfers}, "Do not copy inputs and outputs"},
              {"--useCudaGraph", "", &i.graph, "Replay launches from a graph, where there is a GPU"},
              {"--useSpinWait", "", &i.spin, "Spin instead of waiting"},
              {"--exposeDMA", "", &i.expose_dma, "Do not overlap copies with inference"},
              {"--useManagedMemory", "", kOwnMemory, "Managed memory instead of copies"},
              {"--timeDeserialize", "", &i.time_deserialize, "Time how long the plan takes to load, and stop"},
              {"--timeRefit", "", Note{"weights are replaced in place, which takes as long as copying them"},
               "Time how long a refit takes"},
              {"--separateProfileRun", "", &i.separate_profile, "Measure layers in a run of its own"},
              {"--persistentCacheRatio", "R", kOwnMemory, "Part of the L2 cache to keep"},
              {"--allocationStrategy", "NAME", kOwnMemory, "static, profile or runtime"},
              {"--weightStreamingBudget", "N", kNoStreaming, "Bytes of weights on the device"},
              {"--saveDebugTensors", "SPEC", kNoDebugTensors, "Write watched tensors"},
              {"--saveAllDebugTensors", "SPEC", kNoDebugTensors, "Write all watched tensors"},
              {"--refitFromOnnx", "FILE", Note{"use vivace refit"}, "Take new weights from a model"},
              {"--asyncFileReader", "", kImplied, "Read the plan in parts"},
          }};
}

Section reporting_flags(Options& o) {
  auto& r = o.reporting;
  return {
      "Reporting Options",
      {
          {"--verbose", "", &r.verbose, "Print what the library has to say in full"},
          {"-v", "", &r.verbose, "Short for --verbose"},
          {"--avgRuns", "N", &r.average, "Print means of so many inferences (default 10)"},
          {"--percentile", "LIST", Read([&r](const std::string& v) {
             r.percentiles.clear();
             for (const std::string& part : split(v, ',')) {
               r.percentiles.push_back(to_number(part));
               const double p = r.percentiles.back();
               if (p < 0 || p > 100) throw Failure(fmt::format("{} is not between 0 and 100", part));
             }
           }),
           "Percentiles to report (default 90,95,99)"},
          {"--dumpOutput", "", &r.dump_output, "Print the outputs of the last inference"},
          {"--dumpRawBindingsToFile", "", &r.dump_raw, "Write inputs and outputs of the last inference as raw bytes"},
          {"--dumpProfile", "", &r.dump_profile, "Print times of layers"},
          {"--dumpLayerInfo", "", &r.dump_layers, "Print the layers"},
          {"--dumpOptimizationProfile", "", &r.dump_optimization_profile, "Print the optimization profiles"},
          {"--dumpRefit", "", &r.dump_refit, "Print the weights that may be replaced"},
          {"--exportTimes", "FILE", &r.times, "Write the time of every inference as JSON"},
          {"--exportOutput", "FILE", &r.output, "Write the outputs of the last inference as JSON"},
          {"--exportProfile", "FILE", &r.profile, "Write times of layers as JSON"},
          {"--exportLayerInfo", "FILE", &r.layers, "Write the layers as JSON"},
      }};
}

Section system_flags(Options& o) {
  auto& s = o.system;
  return {"System Options",
          {
              {"--device", "N", &s.device, "Device to use (default 0)"},
              {"--useDLACore", "N", kOneDevice, "DLA core to use"},
              {"--allowGPUFallback", "", &o.build.dla_fallback, "Layers that DLA lacks run on the device"},
              {"--buildDLAStandalone", "", kOneDevice, "Build for DLA alone"},
              {"--plugins", "FILE", &s.plugins, "Library of plugins to load; may be given several times"},
              {"--staticPlugins", "FILE", &s.plugins, "The same"},
              {"--safetyPlugins", "FILE", &s.plugins, "The same"},
              {"--dynamicPlugins", "FILE", &s.dynamic_plugins, "Library of plugins that the engine needs"},
              {"--setPluginsToSerialize", "FILE", &s.serialized_plugins, "Library of plugins to put into the plan"},
              {"--ignoreParsedPluginLibs", "", kImplied, "Do not load libraries that the parser asks for"},
              {"--version", "", &o.version, "Print the version and stop"},
              {"--help", "", &o.help, "Print this and stop"},
              {"-h", "", &o.help, "Short for --help"},
          }};
}

}  // namespace

std::vector<Section> flags(Options& options) {
  return {model_flags(options),     shape_flags(options),     precision_flags(options), build_flags(options),
          inference_flags(options), reporting_flags(options), system_flags(options)};
}

}  // namespace trtexec
