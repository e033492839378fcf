#include "report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tensors.h"

namespace trtexec {

namespace {

double median(const std::vector<double>& sorted) {
  if (sorted.empty()) return INFINITY;
  const size_t middle = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

/// One of the times of all queries.
class Metric {
 public:
  Metric(const std::vector<Trace>& traces, double (Trace::*get)() const) {
    for (const Trace& trace : traces) sorted_.push_back((trace.*get)());
    std::sort(sorted_.begin(), sorted_.end());
  }

  double total() const { return sum(sorted_); }
  double mean() const { return total() / static_cast<double>(sorted_.size()); }
  double middle() const { return median(sorted_); }
  /// The standard deviation in percent of the mean.
  double variation() const {
    const double center = mean();
    double squares = 0;
    for (const double value : sorted_) squares += (value - center) * (value - center);
    return center > 0 ? std::sqrt(squares / static_cast<double>(sorted_.size())) / center * 100 : 0;
  }
  /// The time that the fastest `percent` of the queries do not exceed.
  double percentile(double percent) const {
    const auto all = static_cast<int64_t>(sorted_.size());
    const auto left_out = static_cast<int64_t>((1 - percent / 100) * static_cast<double>(all));
    return sorted_[static_cast<size_t>(std::max<int64_t>(all - 1 - left_out, 0))];
  }
  std::string text(const std::vector<double>& percentiles) const {
    std::string text = fmt::format("min = {:g} ms, max = {:g} ms, mean = {:g} ms, median = {:g} ms", sorted_.front(),
                                   sorted_.back(), mean(), middle());
    for (const double p : percentiles) text += fmt::format(", percentile({:g}%) = {:g} ms", p, percentile(p));
    return text;
  }

 private:
  std::vector<double> sorted_;
};

void print_averages(const std::vector<Trace>& traces, int runs, Log& log) {
  std::string text = fmt::format("\n=== Trace details ===\nTrace averages of {} runs:", runs);
  const auto n = static_cast<size_t>(runs);
  for (size_t first = 0; first + n <= traces.size(); first += n) {
    double compute = 0, latency = 0, enqueue = 0;
    for (size_t i = first; i < first + n; ++i) {
      compute += traces[i].compute() / runs;
      latency += traces[i].latency() / runs;
      enqueue += traces[i].enqueue() / runs;
    }
    text += fmt::format("\nAverage on {} runs - GPU latency: {:g} ms - Host latency: {:g} ms (enqueue {:g} ms)", runs,
                        compute, latency, enqueue);
  }
  log.print(Log::Severity::kINFO, text);
}

void print_explanations(Log& log) {
  log.print(Log::Severity::kVERBOSE,
            "\n=== Explanations of the performance metrics ===\n"
            "Total Host Walltime: from the start of the first query after the warm-up to the end of the last one.\n"
            "GPU Compute Time: how long the engine computes for one query, on whatever device it runs.\n"
            "Total GPU Compute Time: the sum of that over all queries.\n"
            "Throughput: queries per second of Total Host Walltime.\n"
            "Enqueue Time: how long the call takes that starts a query; on a CPU it ends with the query.\n"
            "H2D Latency, D2H Latency: copying the inputs of a query to the device, and its outputs back.\n"
            "Latency: H2D Latency, GPU Compute Time and D2H Latency of one query together.");
}

void print_summary(const std::vector<Trace>& traces, const Options& options, double wall_ms, Log& log) {
  const auto& percentiles = options.reporting.percentiles;
  const Metric compute(traces, &Trace::compute), h2d(traces, &Trace::h2d), d2h(traces, &Trace::d2h);
  const int batch = std::max(options.inference.batch, 1);
  log.info("");
  log.info("=== Performance summary ===");
  log.info("Throughput: {:g} qps", static_cast<double>(traces.size()) * batch / wall_ms * 1000);
  log.info("Latency: {}", Metric(traces, &Trace::latency).text(percentiles));
  log.info("Enqueue Time: {}", Metric(traces, &Trace::enqueue).text(percentiles));
  log.info("H2D Latency: {}", h2d.text(percentiles));
  log.info("GPU Compute Time: {}", compute.text(percentiles));
  log.info("D2H Latency: {}", d2h.text(percentiles));
  log.info("Total Host Walltime: {:g} s", wall_ms / 1000);
  log.info("Total GPU Compute Time: {:g} s", compute.total() / 1000);
  for (const auto& [copy, what] : {std::pair(&h2d, "inputs"), std::pair(&d2h, "outputs")}) {
    if (copy->middle() < compute.middle()) continue;
    log.warning("* Copying the {} takes longer than computing. --noDataTransfers measures without it.", what);
  }
  constexpr double kUnstable = 1;  // percent
  if (compute.variation() > kUnstable) {
    log.warning("* GPU compute time is unstable, with coefficient of variance = {:g}%.", compute.variation());
    log.warning("  Other programs on this machine, or a clock that changes, are the usual cause.");
  }
  if (options.inference.streams > 1) {
    log.warning("* {} streams share the machine: compare Throughput, not Latency.", options.inference.streams);
  }
  log.info("Explanations of the performance metrics are printed in the verbose logs.");
  print_explanations(log);
  log.info("");
}

void export_times(const std::vector<Trace>& traces, const std::string& path) {
  std::string text = "[\n";
  const char* separator = "  ";
  for (const Trace& t : traces) {
    const std::pair<const char*, double> values[] = {
        {"startEnqMs", t.enqueue_start},
        {"endEnqMs", t.enqueue_end},
        {"startH2dMs", t.h2d_start},
        {"endH2dMs", t.h2d_end},
        {"startComputeMs", t.compute_start},
        {"endComputeMs", t.compute_end},
        {"startD2hMs", t.d2h_start},
        {"endD2hMs", t.d2h_end},
        {"h2dMs", t.h2d()},
        {"computeMs", t.compute()},
        {"d2hMs", t.d2h()},
        {"latencyMs", t.latency()},
    };
    text += fmt::format("{}{{ ", separator);
    separator = "";
    for (const auto& [name, value] : values) {
      text += fmt::format("{}\"{}\" : {:.9g}", separator, name, value);
      separator = ", ";
    }
    text += " }\n";
  }
  text += "]\n";
  write_file(path, text.data(), text.size());
}

std::string values(const Binding& binding, const char* separator, bool json) {
  std::string text;
  const int64_t count = volume(binding.shape());
  for (int64_t i = 0; i < count; ++i) {
    if (i) text += separator;
    text += element(binding.data(), binding.type, i, json);
  }
  return text;
}

void export_outputs(const std::vector<Binding>& bindings, const std::string& path) {
  std::string text = "[\n";
  const char* separator = "  ";
  for (const Binding& binding : bindings) {
    if (binding.is_input) continue;
    text += fmt::format("{}{{ \"name\" : {}\n  , \"dimensions\" : \"{}\"\n  , \"values\" : [ {} ]\n  }}\n", separator,
                        quoted(binding.name), to_text(binding.shape()), values(binding, ", ", true));
    separator = ", ";
  }
  text += "]\n";
  write_file(path, text.data(), text.size());
}

void write_raw(const std::vector<Binding>& bindings, Log& log) {
  log.info("Dumping I/O Bindings to RAW Files:");
  for (const Binding& binding : bindings) {
    std::string name = binding.name;
    for (char& c : name) {
      if (!std::isalnum(static_cast<unsigned char>(c)) && !std::strchr("._-,", c)) c = '_';
    }
    const std::string path = fmt::format("{}.{}.{}.{}.raw", name, binding.is_input ? "input" : "output",
                                         to_text(binding.shape()), name_of(binding.type));
    write_file(path, binding.data(), static_cast<size_t>(bytes_of(binding.type, volume(binding.shape()))));
    log.info("Wrote {}", path);
  }
}

}  // namespace

void report_times(const std::vector<Trace>& traces, const Options& options, Log& log) {
  const double warm_up = options.inference.warm_up_ms;
  const auto first =
      std::find_if(traces.begin(), traces.end(), [&](const Trace& trace) { return trace.compute_start >= warm_up; });
  const std::vector<Trace> counted(first, traces.end());
  double end = 0;
  for (const Trace& trace : counted) end = std::max(end, trace.d2h_end);
  const double wall_ms = end - counted.front().h2d_start;
  const int batch = std::max(options.inference.batch, 1);
  log.info("Warmup completed {} queries over {:g} ms", (first - traces.begin()) * batch, warm_up);
  log.info("Timing trace has {} queries over {:g} s", counted.size() * static_cast<size_t>(batch), wall_ms / 1000);
  print_averages(counted, options.reporting.average, log);
  print_summary(counted, options, wall_ms, log);
  if (!options.reporting.times.empty()) export_times(counted, options.reporting.times);
}

void report_outputs(const std::vector<Binding>& bindings, const Options::Reporting& options, Log& log) {
  if (options.dump_output) {
    log.info("Output Tensors:");
    for (const Binding& binding : bindings) {
      if (binding.is_input) continue;
      log.info("{}: ({})", binding.name, to_text(binding.shape()));
      log.info("{}", values(binding, " ", false));
    }
  }
  if (options.dump_raw) write_raw(bindings, log);
  if (!options.output.empty()) export_outputs(bindings, options.output);
}

void report_layers(nvinfer1::ICudaEngine& engine, nvinfer1::IExecutionContext* context,
                   const Options::Reporting& options, Log& log) {
  if (!options.dump_layers && options.layers.empty()) return;
  const std::unique_ptr<nvinfer1::IEngineInspector> inspector(engine.createEngineInspector());
  if (!inspector) throw Failure("the layers of the engine cannot be told");
  if (context) inspector->setExecutionContext(context);
  const auto text = [&](nvinfer1::LayerInformationFormat format) {
    const char* information = inspector->getEngineInformation(format);
    return std::string(information ? information : "");
  };
  if (options.dump_layers) {
    log.info("Layer Information:");
    std::string lines = text(nvinfer1::LayerInformationFormat::kONELINE);
    while (!lines.empty() && lines.back() == '\n') lines.pop_back();
    log.print(Log::Severity::kINFO, lines);
  }
  if (!options.layers.empty()) {
    const std::string json = text(nvinfer1::LayerInformationFormat::kJSON);
    write_file(options.layers, json.data(), json.size());
  }
}

void report_profiles(nvinfer1::ICudaEngine& engine, Log& log) {
  using nvinfer1::OptProfileSelector;
  log.info("Optimization Profiles:");
  for (int p = 0; p < engine.getNbOptimizationProfiles(); ++p) {
    for (int i = 0; i < engine.getNbIOTensors(); ++i) {
      const char* name = engine.getIOTensorName(i);
      if (engine.getTensorIOMode(name) != nvinfer1::TensorIOMode::kINPUT) continue;
      const auto shape = [&](OptProfileSelector which) { return to_text(engine.getProfileShape(name, p, which)); };
      log.info("Profile {}: {} min={} opt={} max={}", p, name, shape(OptProfileSelector::kMIN),
               shape(OptProfileSelector::kOPT), shape(OptProfileSelector::kMAX));
    }
  }
}

void report_refit(nvinfer1::ICudaEngine& engine, Log& log) {
  const std::unique_ptr<nvinfer1::IRefitter> refitter(nvinfer1::createInferRefitter(engine, log));
  if (!refitter) {
    log.warning("--dumpRefit: the engine was built without --refit");
    return;
  }
  const int count = refitter->getAllWeights(0, nullptr);
  std::vector<const char*> names(static_cast<size_t>(std::max(count, 0)));
  refitter->getAllWeights(count, names.data());
  log.info("Refittable weights:");
  for (const char* name : names) log.info("{}", name ? name : "");
}

double LayerTimes::Layer::total() const { return sum(times); }

void LayerTimes::reportLayerTime(char const* name, float ms) noexcept {
  try {
    if (next_ == layers_.size() && !layers_.empty() && layers_[0].name == name) next_ = 0;  // the next run begins
    if (next_ == layers_.size()) layers_.push_back({name, {}});
    layers_[next_++].times.push_back(ms);
  } catch (...) {  // without memory, a time is lost
  }
}

size_t LayerTimes::runs() const { return layers_.empty() ? 0 : layers_[0].times.size(); }

double LayerTimes::total() const {
  double total = 0;
  for (const Layer& layer : layers_) total += layer.total();
  return total;
}

std::string LayerTimes::table() const {
  const auto row = [](double ms, double mean, double middle, double percent, const std::string& name) {
    return fmt::format("\n{:11.2f}{:13.4f}{:13.4f}{:10.1f}   {}", ms, mean, middle, percent, name);
  };
  const double all = total();
  std::string text = fmt::format("\n=== Profile ({} iterations ) ===\n", runs());
  text += "   Time(ms)     Avg.(ms)   Median(ms)   Time(%)   Layer";
  double medians = 0;
  for (const Layer& layer : layers_) {
    std::vector<double> sorted = layer.times;
    std::sort(sorted.begin(), sorted.end());
    medians += median(sorted);
    if (layer.total() <= 0) continue;  // it did not run
    text += row(layer.total(), layer.total() / static_cast<double>(sorted.size()), median(sorted),
                layer.total() / all * 100, layer.name);
  }
  text += row(all, all / static_cast<double>(std::max<size_t>(runs(), 1)), medians, 100, "Total");
  return text + "\n";
}

std::string LayerTimes::json() const {
  std::string text = fmt::format("[\n  {{ \"count\" : {} }}\n", runs());
  const double all = total();
  for (const Layer& layer : layers_) {
    std::vector<double> sorted = layer.times;
    std::sort(sorted.begin(), sorted.end());
    text += fmt::format(
        ", {{ \"name\" : {}, \"timeMs\" : {:g}, \"averageMs\" : {:g}, \"medianMs\" : {:g}, \"percentage\" : {:g} }}\n",
        quoted(layer.name), layer.total(), layer.total() / static_cast<double>(sorted.size()), median(sorted),
        all > 0 ? layer.total() / all * 100 : 0);
  }
  return text + "]\n";
}

void LayerTimes::report(const Options::Reporting& options, Log& log) const {
  if (options.dump_profile) log.print(Log::Severity::kINFO, table());
  if (!options.profile.empty()) {
    const std::string text = json();
    write_file(options.profile, text.data(), text.size());
  }
}

}  // namespace trtexec
