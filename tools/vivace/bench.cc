// vivace bench.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "model.h"

namespace tool {

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

struct Stream {
  std::vector<double> latencies;  // seconds
  double wall = 0;                // from the first measured run to the end of the last
  std::vector<vivace::LayerTime> layers;
};

// Runs until `command` has enough; the outputs of the first run are written to again and again.
Stream measure(const vivace::Engine& engine, const BenchCommand& command) {
  vivace::Context context(engine, command.build.threads);
  const std::vector<vivace::Tensor> inputs = make_inputs(engine.inputs(), command.input, command.build.shapes);
  std::vector<vivace::Tensor> outputs(engine.outputs().size());
  const auto start = Clock::now();
  do context.run(inputs, outputs);
  while (seconds_between(start, Clock::now()) < command.warm_up);
  context.set_profiling(command.profile);
  Stream stream;
  const auto begin = Clock::now();
  for (auto now = begin;;) {
    context.run(inputs, outputs);
    const auto end = Clock::now();
    stream.latencies.push_back(seconds_between(now, end));
    now = end;
    stream.wall = seconds_between(begin, end);
    if (command.iterations > 0 ? static_cast<long>(stream.latencies.size()) >= command.iterations : stream.wall >= command.duration) break;
  }
  if (command.profile) stream.layers = context.profile();
  return stream;
}

double percentile(const std::vector<double>& sorted, double p) {
  const auto rank = static_cast<size_t>(std::ceil(p / 100 * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

Json latency_json(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const auto milliseconds = [&](double p) { return percentile(seconds, p) * 1e3; };
  const double mean = std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
  return {{"min", seconds.front() * 1e3}, {"mean", mean * 1e3}, {"p50", milliseconds(50)}, {"p90", milliseconds(90)},
          {"p95", milliseconds(95)}, {"p99", milliseconds(99)}, {"max", seconds.back() * 1e3}};
}

}  // namespace

Exit run(const BenchCommand& command) {
  auto start = Clock::now();
  const vivace::Plan plan = open_plan(command.model, command.build);
  if (!vivace::Plan::is_plan_file(command.model)) start = Clock::now();  // a build is no part of loading
  const vivace::Engine engine = open_engine(plan, command.build.threads, command.strict, command.build.device);
  const double load = seconds_between(start, Clock::now());
  std::vector<Stream> streams(static_cast<size_t>(command.streams));
  std::vector<std::thread> threads;
  std::exception_ptr error;
  std::mutex mutex;
  for (Stream& stream : streams) {
    threads.emplace_back([&] {
      try {
        stream = measure(engine, command);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex);
        error = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (error) std::rethrow_exception(error);

  std::vector<double> all;
  double throughput = 0;
  for (const Stream& stream : streams) {
    all.insert(all.end(), stream.latencies.begin(), stream.latencies.end());
    throughput += static_cast<double>(stream.latencies.size()) / stream.wall;
  }
  Json json = {{"model", command.model}, {"threads", engine.threads()}, {"streams", command.streams},
               {"runs", all.size()}, {"load_ms", load * 1e3}, {"latency_ms", latency_json(all)}, {"runs_per_second", throughput}};
  if (command.profile) {
    json["layers"] = Json::array();
    for (const vivace::LayerTime& layer : streams[0].layers)
      json["layers"].push_back({{"name", layer.name}, {"op", layer.op}, {"tactic", layer.tactic},
                                {"ms", layer.seconds / static_cast<double>(std::max<int64_t>(layer.runs, 1)) * 1e3}});
  }
  if (command.json) {
    print(json.dump(2) + "\n");
    return kOk;
  }
  const Json& latency = json["latency_ms"];
  std::string text = fmt::format("{}: loaded in {:.1f} ms; {} threads, {} streams, {} runs\n", command.model, load * 1e3,
                                 engine.threads(), command.streams, all.size());
  for (const char* key : {"min", "mean", "p50", "p90", "p95", "p99", "max"})
    text += fmt::format("  {:5} {:10.3f} ms\n", key, latency[key].get<double>());
  text += fmt::format("  {:.1f} runs per second\n", throughput);
  if (command.profile) {
    double total = 0;
    for (const Json& layer : json["layers"]) total += layer["ms"].get<double>();
    text += fmt::format("\n{:>10} {:>6}  {:24} {:32} {}\n", "ms", "share", "operator", "tactic", "layer");
    for (const Json& layer : json["layers"])
      text += fmt::format("{:10.4f} {:5.1f}%  {:24} {:32} {}\n", layer["ms"].get<double>(), 100 * layer["ms"].get<double>() / total,
                          layer["op"].get<std::string>(), layer["tactic"].get<std::string>(), layer["name"].get<std::string>());
  }
  print(text);
  return kOk;
}

}  // namespace tool
