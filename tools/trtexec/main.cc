// trtexec: builds an engine of a model, runs it and reports how fast it is, with the flags and the report of
// TensorRT's tool of that name. It sees nothing but the headers of include/tensorrt.
#include <dlfcn.h>

#include "NvInferPlugin.h"
#include "device.h"
#include "engine.h"
#include "inference.h"
#include "report.h"
#include "tensors.h"

namespace trtexec {
namespace {

void print_device(const Options& options, Log& log) {
  const Device& device = Device::get();
  const auto note = [&](bool set, const char* text) {
    if (set) log.info("Note: {}", text);
  };
  if (!device.is_gpu()) {
    note(options.system.device != 0, "--device: engines run on the CPU, which is device 0");
    note(options.inference.graph, "--useCudaGraph: nothing is launched that a graph could replay");
  }
  note(options.inference.spin, "--useSpinWait: times are the device's own, however it is waited for");
  log.info("=== Device Information ===");
  log.info("Selected Device: {}", device.name());
  log.info("{}", device.details());
  log.info("Device Global Memory: {} MiB", device.memory());
  log.info("");
}

void load_plugins(const Options::System& options, Log& log) {
  log.info("Loading standard plugins");
  initLibNvInferPlugins(&log, "");
  for (const Strings* paths : {&options.plugins, &options.dynamic_plugins}) {
    for (const std::string& path : *paths) {
      log.info("Loading supplied plugin library: {}", path);
      // Its plugins register themselves; it stays until the program ends.
      if (!dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL)) throw Failure(fmt::format("{}: {}", path, dlerror()));
    }
  }
}

void time_deserialize(const Loaded& loaded, Log& log) {
  constexpr int kRuns = 20;
  double first = 0, rest = 0;
  for (int i = 0; i <= kRuns; ++i) {
    const double start = now();
    deserialize(*loaded.runtime, loaded.plan);
    (i ? rest : first) += (now() - start) * 1000;
  }
  log.info("First deserialization time = {:g} milliseconds", first);
  log.info("Total deserialization time = {:g} milliseconds in {} iterations", rest, kRuns);
  log.info("Average deserialization time = {:g} milliseconds", rest / kRuns);
}

void infer(const Options& options, Loaded& loaded, Log& log) {
  LayerTimes layer_times;  // outlives the contexts that report to it
  Streams streams = make_streams(*loaded.engine, options, log);
  nvinfer1::IExecutionContext& context = streams[0]->context();
  report_layers(*loaded.engine, &context, options.reporting, log);
  const bool profiling = options.reporting.profiling();
  if (profiling && !options.inference.separate_profile) context.setProfiler(&layer_times);
  log.info("Starting inference");
  const std::vector<Trace> traces = run(streams, options.inference);
  if (profiling && !options.inference.separate_profile) {
    log.info(
        "Times of the whole network are not reported, for the profiler costs time. Add --separateProfileRun for "
        "both.");
  } else {
    report_times(traces, options, log);
  }
  report_outputs(streams[0]->bindings(), options.reporting, log);
  if (profiling && options.inference.separate_profile) {
    context.setProfiler(&layer_times);
    run(streams, options.inference);
  }
  if (profiling) layer_times.report(options.reporting, log);
}

void execute(const Options& options, Log& log) {
  log.verbose = options.reporting.verbose;
  std::string description = describe(options);
  description.pop_back();  // the last line break
  log.print(Log::Severity::kINFO, description);
  for (const std::string& note : options.notes) log.info("Note: {}", note);
  Device::choose(options.system.device);
  print_device(options, log);
  log.info("TensorRT version: {}.{}.{}", NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR, NV_TENSORRT_PATCH);
  load_plugins(options.system, log);
  Loaded loaded = make_engine(options, log);
  if (options.reporting.dump_optimization_profile) report_profiles(*loaded.engine, log);
  if (options.reporting.dump_refit) report_refit(*loaded.engine, log);
  if (options.build.skip_inference) {
    report_layers(*loaded.engine, nullptr, options.reporting, log);
    log.info("Skipped inference phase since --skipInference is added.");
  } else if (options.inference.time_deserialize) {
    time_deserialize(loaded, log);
  } else {
    infer(options, loaded, log);
  }
}

int main(const Strings& arguments, const std::string& command) {
  Log log;
  log.verdict("RUNNING", command);
  try {
    const Options options = arguments.empty() ? Options() : parse(arguments);
    if (options.version) {
      log.info("TensorRT version: {}.{}.{}", NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR, NV_TENSORRT_PATCH);
    } else if (options.help || arguments.empty()) {
      fmt::print("{}", help());
    } else {
      execute(options, log);
    }
    log.verdict("PASSED", command);
    return 0;
  } catch (const Failure& failure) {
    log.print(Log::Severity::kERROR, failure.what());
  } catch (const std::exception& error) {
    log.error("Uncaught exception detected: {}", error.what());
  }
  log.verdict("FAILED", command);
  return 1;
}

}  // namespace
}  // namespace trtexec

int main(int argc, char** argv) {
  const trtexec::Strings arguments(argv + 1, argv + argc);
  return trtexec::main(arguments, trtexec::join({argv, argv + argc}, " "));
}
