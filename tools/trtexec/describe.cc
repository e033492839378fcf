// The options as trtexec prints them before it starts: scripts read these lines.
#include "log.h"
#include "options.h"
#include "tensors.h"

namespace trtexec {

namespace {

const char* enabled(bool value) { return value ? "Enabled" : "Disabled"; }

/// Lines "label: value".
class Lines {
 public:
  void title(const char* name) { text_ += fmt::format("=== {} ===\n", name); }
  template <class T>
  void add(const char* label, const T& value) {
    text_ += fmt::format("{}: {}\n", label, value);
  }
  void add_list(const char* label, const Strings& values) {
    text_ += fmt::format("{}:", label);
    for (const std::string& value : values) text_ += " " + value;
    text_ += '\n';
  }
  void add_line(const std::string& line) { text_ += line + '\n'; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string pool(double size) { return size < 0 ? "default" : fmt::format("{:g} MiB", size); }

std::string pools(const Options::Build& b) {
  std::string text = "workspace: " + pool(b.workspace);
  for (const char* name : {"dlaSRAM", "dlaLocalDRAM", "dlaGlobalDRAM"}) {
    const auto found = b.pools.find(name);
    text += fmt::format(", {}: {}", name, pool(found == b.pools.end() ? -1 : found->second));
  }
  return text;
}

std::string precision(const Options::Build& b) {
  std::string text = b.strongly_typed ? "Strongly typed" : "FP32";
  const std::pair<bool, const char*> types[] = {
      {b.fp16, "+FP16"}, {b.bf16, "+BF16"}, {b.int8, "+INT8"}, {b.fp8, "+FP8"}, {b.int4, "+INT4"}};
  for (const auto& [set, name] : types) {
    if (set) text += name;
  }
  if (b.precision_constraints != "none") text += fmt::format(" ({} precision constraints)", b.precision_constraints);
  return text;
}

std::string layer_types(const std::vector<std::pair<std::string, nvinfer1::DataType>>& types) {
  Strings parts;
  for (const auto& [name, type] : types) parts.push_back(name + ":" + name_of(type));
  return join(parts, ",");
}

void add_formats(Lines& lines, const char* label, const std::vector<IoFormat>& formats) {
  if (formats.empty()) lines.add(fmt::format("{}s format", label).c_str(), "fp32:CHW");
  for (const IoFormat& format : formats) lines.add(label, format.text);
}

void add_shapes(Lines& lines, const char* phase, const std::map<std::string, std::string>& shapes) {
  if (shapes.empty()) lines.add(fmt::format("Input {} shapes", phase).c_str(), "model");
  for (const auto& [name, text] : shapes) {
    lines.add(fmt::format("Input {} shape", phase).c_str(), fmt::format("{}={}", name, text));
  }
}

void add_build(Lines& lines, const Options& o) {
  const auto& b = o.build;
  lines.title("Build Options");
  lines.add("Max batch", o.inference.batch > 0 ? std::to_string(o.inference.batch) : "explicit batch");
  lines.add("Memory Pools", pools(b));
  lines.add("minTiming", b.min_timing);
  lines.add("avgTiming", b.avg_timing);
  lines.add("Precision", precision(b));
  lines.add("LayerPrecisions", layer_types(b.layer_precisions));
  lines.add("Calibration", b.int8 ? "Dynamic" : "");
  lines.add("Refit", enabled(b.refit));
  lines.add("Version Compatible", enabled(b.version_compatible));
  lines.add("TensorRT runtime", "full");
  lines.add("Exclude Lean Runtime", enabled(b.exclude_lean_runtime));
  lines.add("Sparsity", enabled(b.sparse));
  lines.add("Safe mode", enabled(false));
  lines.add("Build DLA standalone loadable", enabled(false));
  lines.add("Allow GPU fallback for DLA", enabled(b.dla_fallback));
  lines.add("DirectIO mode", enabled(b.direct_io));
  lines.add("Restricted mode", enabled(false));
  lines.add("Skip inference", enabled(b.skip_inference));
  lines.add("Save engine", b.save);
  lines.add("Load engine", b.load);
  lines.add("Profiling verbosity", static_cast<int>(b.verbosity));
  lines.add("Tactic sources", "Using default tactic sources");
  lines.add("timingCacheMode", b.no_timing_cache ? "disable" : b.timing_cache.empty() ? "local" : "global");
  lines.add("timingCacheFile", b.timing_cache);
  lines.add("MaxAuxStreams", b.max_aux_streams);
  lines.add("BuilderOptimizationLevel", b.level);
  add_formats(lines, "Input(s)", b.inputs);
  add_formats(lines, "Output(s)", b.outputs);
  std::map<std::string, std::string> ranges;
  for (size_t p = 0; p < b.profiles.size(); ++p) {
    for (const auto& [name, opt] : b.profiles[p].opt) {
      const std::string text = fmt::format("{}+{}+{}", to_text(b.profiles[p].min.at(name)), to_text(opt),
                                           to_text(b.profiles[p].max.at(name)));
      std::string& range = ranges[name];
      range += (range.empty() ? "" : ", ") + text;
    }
  }
  add_shapes(lines, "build", ranges);
  add_shapes(lines, "calibration", {});
}

void add_inference(Lines& lines, const Options::Inference& i) {
  lines.title("Inference Options");
  lines.add("Batch", i.batch > 0 && i.shapes.empty() ? std::to_string(i.batch) : "Explicit");
  std::map<std::string, std::string> shapes;
  for (const auto& [name, shape] : i.shapes) shapes[name] = to_text(shape);
  add_shapes(lines, "inference", shapes);
  lines.add("Iterations", i.iterations);
  lines.add("Duration", fmt::format("{:g}s (+ {:g}ms warm up)", i.duration_s, i.warm_up_ms));
  lines.add("Sleep time", fmt::format("{:g}ms", i.sleep_ms));
  lines.add("Idle time", fmt::format("{:g}ms", i.idle_ms));
  lines.add("Inference Streams", i.streams);
  lines.add("ExposeDMA", enabled(i.expose_dma));
  lines.add("Data transfers", enabled(i.transfers));
  lines.add("Spin-wait", enabled(i.spin));
  lines.add("Multithreading", enabled(i.threads));
  lines.add("CUDA Graph", enabled(i.graph));
  lines.add("Separate profiling", enabled(i.separate_profile));
  lines.add("Time Deserialize", enabled(i.time_deserialize));
  lines.add("Time Refit", enabled(false));
  lines.add_list("Inputs", {});
  for (const auto& [name, file] : i.load) lines.add_line(fmt::format("{}<-{}", name, file));
}

}  // namespace

std::string describe(const Options& o) {
  Lines lines;
  lines.title("Model Options");
  lines.add("Format", o.model.onnx.empty() ? "*" : "ONNX");
  lines.add("Model", o.model.onnx);
  lines.add_list("Output", {});
  add_build(lines, o);
  lines.title("System Options");
  lines.add("Device", o.system.device);
  lines.add("DLACore", "");
  lines.add_list("Plugins", o.system.plugins);
  lines.add_list("setPluginsToSerialize", o.system.serialized_plugins);
  lines.add_list("dynamicPlugins", o.system.dynamic_plugins);
  add_inference(lines, o.inference);
  lines.title("Reporting Options");
  lines.add("Verbose", enabled(o.reporting.verbose));
  lines.add("Averages", fmt::format("{} inferences", o.reporting.average));
  Strings percentiles;
  for (const double p : o.reporting.percentiles) percentiles.push_back(fmt::format("{:g}", p));
  lines.add("Percentiles", join(percentiles, ","));
  lines.add("Dump refittable layers", enabled(o.reporting.dump_refit));
  lines.add("Dump output", enabled(o.reporting.dump_output));
  lines.add("Profile", enabled(o.reporting.dump_profile));
  lines.add("Export timing to JSON file", o.reporting.times);
  lines.add("Export output to JSON file", o.reporting.output);
  lines.add("Export profile to JSON file", o.reporting.profile);
  return lines.take();
}

}  // namespace trtexec
