// What a GPU spends its time on.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>

#include "bench.h"

namespace tool {

namespace {

using Json = nlohmann::ordered_json;

constexpr double kHalfTeraflops = 790, kFullTeraflops = 60;  // of an H100 or H200, dense
constexpr double kLeastShare = 0.1;                          // of a layer's time with events that is its own
constexpr int kFewRuns = 20, kMostRuns = 2000, kWarmUps = 5;
constexpr double kShareOfDuration = 0.3;  // what each measurement may take

Json in_milliseconds(const vivace_device_times& times) {
  return {{"min", times.minimum * 1e3}, {"median", times.median * 1e3}, {"mean", times.mean * 1e3}};
}

// "f16[1,64,56,56]/64 ... -> f16[...]": what the layer writes.
bool writes_half(const std::string& shapes) {
  const size_t arrow = shapes.find("-> ");
  const std::string written = arrow == std::string::npos ? "" : shapes.substr(arrow + 3);
  return written.rfind("f16", 0) == 0 || written.rfind("bf16", 0) == 0;
}

// Wall time of inferences from pinned memory to pinned memory, queued and waited for: without the host's copies.
Json pinned_latency(const vivace::Engine& engine, vivace::Context& context, const std::vector<vivace::Tensor>& inputs,
                    int runs) {
  std::vector<vivace::Tensor> from, to;
  for (const vivace::Tensor& input : inputs) {
    from.push_back(engine.allocate(VIVACE_PINNED, input.dtype(), input.shape()));
    if (input.bytes()) std::memcpy(from.back().data(), input.data(), input.bytes());
  }
  for (size_t i = 0; i < engine.outputs().size(); ++i)
    to.push_back(engine.allocate(VIVACE_PINNED, engine.outputs()[i].dtype, engine.output_shape(inputs, i)));
  std::vector<double> seconds;
  for (int run = -kWarmUps; run < runs; ++run) {
    const auto start = std::chrono::steady_clock::now();
    context.enqueue(from, to, nullptr);
    engine.wait(nullptr);
    if (run >= 0) seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  const double mean = std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
  return in_milliseconds({seconds.front(), seconds[seconds.size() / 2], mean});
}

// Layers are timed with events between them, which add a few microseconds to each: the mean excess over the time of the
// whole is taken off, so that what is left adds up to the whole.
void add_net_times(Json& layers, double whole) {
  double sum = 0;
  for (const Json& layer : layers) sum += layer["ms"].get<double>();
  const double excess = layers.empty() ? 0 : std::max(sum - whole, 0.0) / static_cast<double>(layers.size());
  for (Json& layer : layers) {
    const double time = layer["ms"].get<double>();
    layer["net_ms"] = std::max(time - excess, kLeastShare * time);
  }
}

}  // namespace

Json gpu_times(const vivace::Engine& engine, const BenchCommand& command) {
  const std::vector<vivace::Tensor> inputs = make_inputs(engine.inputs(), command.input, command.build.shapes);
  vivace::Context context(engine, command.build.threads);
  Json json;
  try {
    const double estimate = std::max(context.time(inputs, kFewRuns, false).median, 1e-6);
    const double wanted = command.iterations > 0 ? static_cast<double>(command.iterations)
                                                 : kShareOfDuration * command.duration / estimate;
    const int runs = static_cast<int>(std::clamp<double>(wanted, kFewRuns, kMostRuns));
    json["runs"] = runs;
    json["warm"] = in_milliseconds(context.time(inputs, runs, false));
    json["flushed"] = in_milliseconds(context.time(inputs, runs, true));
    json["pinned"] = pinned_latency(engine, context, inputs, runs);
  } catch (const vivace::Error& error) {
    if (error.status() != VIVACE_UNSUPPORTED) throw;
    json["reason"] = error.what();
  }
  return json;
}

Json layer_table(const vivace::Engine& engine, const BenchCommand& command,
                 const std::vector<vivace::LayerTime>& layers, const Json& gpu) {
  std::map<std::string, Json> described;
  const Json description = Json::parse(engine.inspect(VIVACE_JSON));
  for (const Json& layer : description["layers"]) described[layer["name"].get<std::string>()] = layer;
  const bool on_gpu = engine.device() != "cpu";
  Json table = Json::array();
  for (const vivace::LayerTime& layer : layers) {
    Json row = {{"name", layer.name},
                {"op", layer.op},
                {"tactic", layer.tactic},
                {"ms", layer.seconds / static_cast<double>(std::max<int64_t>(layer.runs, 1)) * 1e3}};
    const Json& known = described[layer.name];
    if (known.is_object() && known["bytes"].is_number()) {
      const double bytes = known["bytes"].get<double>(), flops = known["flops"].get<double>();
      row["bytes"] = bytes;
      row["flops"] = flops;
      if (on_gpu) {
        const double teraflops = command.teraflops > 0                             ? command.teraflops
                                 : writes_half(known["shapes"].get<std::string>()) ? kHalfTeraflops
                                                                                   : kFullTeraflops;
        row["floor_ms"] = std::max(bytes / (command.terabytes_per_second * 1e12), flops / (teraflops * 1e12)) * 1e3;
      }
    }
    table.push_back(std::move(row));
  }
  if (gpu.contains("warm")) add_net_times(table, gpu["warm"]["median"].get<double>());
  return table;
}

std::string layer_text(const Json& layers, bool on_gpu) {
  // A GPU's layers take microseconds.
  const double unit = on_gpu ? 1e3 : 1;
  const int digits = on_gpu ? 2 : 4;
  const auto time_of = [&](const Json& layer) {
    return layer[layer.contains("net_ms") ? "net_ms" : "ms"].get<double>() * unit;
  };
  double total = 0, floors = 0, with_events = 0;
  bool net = false;
  for (const Json& layer : layers) {
    total += time_of(layer);
    with_events += layer["ms"].get<double>() * unit;
    net = net || layer.contains("net_ms");
    if (layer.contains("floor_ms")) floors += layer["floor_ms"].get<double>() * unit;
  }
  const auto share = [](double part, double whole) { return whole > 0 ? 100 * part / whole : 0; };
  std::string text = fmt::format("\n{:>10} {:>6} ", on_gpu ? "us" : "ms", "share");
  if (on_gpu) text += fmt::format("{:>10} {:>6} {:>9} {:>9} ", "floor us", "floor", "MB", "GFLOP");
  text += fmt::format(" {:24} {:32} {}\n", "operator", "tactic", "layer");
  for (const Json& layer : layers) {
    const double time = time_of(layer);
    text += fmt::format("{:10.{}f} {:5.1f}% ", time, digits, share(time, total));
    if (on_gpu && layer.contains("floor_ms")) {
      const double floor = layer["floor_ms"].get<double>() * unit;
      text += fmt::format("{:10.{}f} {:5.1f}% {:9.3f} {:9.3f} ", floor, digits, share(floor, time),
                          layer["bytes"].get<double>() / 1e6, layer["flops"].get<double>() / 1e9);
    } else if (on_gpu) {
      text += fmt::format("{:>10} {:>6} {:>9} {:>9} ", "-", "-", "-", "-");
    }
    text += fmt::format(" {:24} {:32} {}\n", layer["op"].get<std::string>(), layer["tactic"].get<std::string>(),
                        layer["name"].get<std::string>());
  }
  text += fmt::format("{:10.{}f} {:>6} ", total, digits, "all");
  if (on_gpu) text += fmt::format("{:10.{}f} {:5.1f}%", floors, digits, share(floors, total));
  if (net)
    text += fmt::format(
        "\nLayers were timed with events between them, {:.1f} us in all; what events add, {:.2f} us each, is taken "
        "off.",
        with_events, (with_events - total) / static_cast<double>(std::max<size_t>(layers.size(), 1)));
  return text + "\n";
}

}  // namespace tool
