// vivace bench.
#include "bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace tool {

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

// Memory that a long run may add without being a leak: what allocators keep, a page table.
constexpr double kGrowthShare = 0.01;
constexpr uint64_t kGrowthBytes = 8 << 20;

double percentile(const std::vector<double>& sorted, double p) {
  const auto rank = static_cast<size_t>(std::ceil(p / 100 * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

Json latency_json(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const auto milliseconds = [&](double p) { return percentile(seconds, p) * 1e3; };
  const double mean = std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
  return {{"min", seconds.front() * 1e3}, {"mean", mean * 1e3},      {"p50", milliseconds(50)},
          {"p90", milliseconds(90)},      {"p95", milliseconds(95)}, {"p99", milliseconds(99)},
          {"max", seconds.back() * 1e3}};
}

bool grown(uint64_t before, uint64_t after) {
  return static_cast<double>(after) > static_cast<double>(before) * (1 + kGrowthShare) + kGrowthBytes;
}

Json check_json(const Streams& streams) {
  long different = 0;
  for (const Stream& stream : streams.all) different += stream.different;
  const bool flat = !grown(streams.before.host, streams.after.host) && !grown(streams.before.gpu, streams.after.gpu);
  return {{"passed", different == 0 && flat},
          {"different_runs", different},
          {"memory_flat", flat},
          {"host_bytes", {streams.before.host, streams.after.host}},
          {"gpu_bytes", {streams.before.gpu, streams.after.gpu}}};
}

std::string check_text(const Json& check) {
  const auto mebibytes = [](const Json& bytes) { return bytes.get<double>() / (1 << 20); };
  std::string text =
      fmt::format("  {}: {}; memory {}, host {:.1f} to {:.1f} MiB", check["passed"].get<bool>() ? "passed" : "FAILED",
                  check["different_runs"] == 0
                      ? std::string("all outputs are equal bit by bit")
                      : fmt::format("{} runs gave OTHER outputs than the first", check["different_runs"].get<long>()),
                  check["memory_flat"].get<bool>() ? "is flat" : "GROWS", mebibytes(check["host_bytes"][0]),
                  mebibytes(check["host_bytes"][1]));
  if (check["gpu_bytes"][0].get<double>() > 0)
    text +=
        fmt::format(", GPU {:.1f} to {:.1f} MiB", mebibytes(check["gpu_bytes"][0]), mebibytes(check["gpu_bytes"][1]));
  return text + "\n";
}

// What the build noted of layers without a kernel.
Json layers_on_cpu(const vivace::Plan& plan) {
  Json found = Json::array();
  const Json report = Json::parse(plan.report(VIVACE_JSON), nullptr, /*allow_exceptions=*/false);
  if (!report.is_object() || !report.contains("notes")) return found;
  for (const Json& note : report["notes"])
    if (note.get<std::string>().find("runs on the CPU") != std::string::npos) found.push_back(note);
  return found;
}

std::string gpu_text(const Json& gpu) {
  std::string text;
  if (gpu.contains("reason")) {
    text = fmt::format("  no GPU time alone: {}\n", gpu["reason"].get<std::string>());
    for (const Json& layer : gpu["on_cpu"]) text += fmt::format("    {}\n", layer.get<std::string>());
    return text;
  }
  for (const auto& [key, what] : {std::pair{"warm", "GPU time"}, std::pair{"flushed", "with its caches flushed"},
                                std::pair{"pinned", "wall time, pinned memory"}})
    text += fmt::format("  {:24} min {:.4f}, median {:.4f}, mean {:.4f} ms\n", what, gpu[key]["min"].get<double>(),
                        gpu[key]["median"].get<double>(), gpu[key]["mean"].get<double>());
  return text;
}

std::string text_of(const Json& json, const BenchCommand& command, bool on_gpu) {
  std::string text = fmt::format("{}: loaded in {:.1f} ms; {}, {} threads, {} streams, {} runs\n", command.model,
                                 json["load_ms"].get<double>(), json["device"].get<std::string>(),
                                 json["threads"].get<int>(), command.streams, json["runs"].get<size_t>());
  if (on_gpu) text += gpu_text(json["gpu_ms"]) + "  from host memory to host memory:\n";
  for (const char* key : {"min", "mean", "p50", "p90", "p95", "p99", "max"})
    text += fmt::format("  {:5} {:10.3f} ms\n", key, json["latency_ms"][key].get<double>());
  text += fmt::format("  {:.1f} runs per second\n", json["runs_per_second"].get<double>());
  if (command.check) text += check_text(json["check"]);
  if (command.profile) text += layer_text(json["layers"], on_gpu);
  return text;
}

}  // namespace

Exit run(const BenchCommand& command) {
  auto start = Clock::now();
  const vivace::Plan plan = open_plan(command.model, command.build);
  if (!vivace::Plan::is_plan_file(command.model)) start = Clock::now();  // a build is no part of loading
  vivace::Engine engine = open_engine(plan, command.build.threads, command.strict, command.build.device);
  const double load = std::chrono::duration<double>(Clock::now() - start).count();
  const bool on_gpu = engine.device() != "cpu";
  Json gpu = on_gpu ? gpu_times(engine, command) : Json();
  if (gpu.contains("reason")) gpu["on_cpu"] = layers_on_cpu(plan);
  const Streams streams = measure(engine, command);

  std::vector<double> all;
  double throughput = 0;
  for (const Stream& stream : streams.all) {
    all.insert(all.end(), stream.latencies.begin(), stream.latencies.end());
    throughput += static_cast<double>(stream.latencies.size()) / stream.wall;
  }
  Json json = {{"model", command.model},          {"device", engine.device()},    {"threads", engine.threads()},
               {"streams", command.streams},      {"runs", all.size()},           {"load_ms", load * 1e3},
               {"latency_ms", latency_json(all)}, {"runs_per_second", throughput}};
  if (on_gpu) json["gpu_ms"] = gpu;
  if (command.check) json["check"] = check_json(streams);
  if (command.profile) json["layers"] = layer_table(engine, command, streams.all[0].layers, gpu);
  print(command.json ? json.dump(2) + "\n" : text_of(json, command, on_gpu));
  return command.check && !json["check"]["passed"].get<bool>() ? kDifferent : kOk;
}

}  // namespace tool
