// What `vivace bench` measures, in its parts.
#pragma once

#include <nlohmann/json.hpp>

#include "model.h"

namespace tool {

/// Bytes that this process and its GPU hold now. 0 where they cannot be told.
struct MemoryHeld {
  uint64_t host = 0, gpu = 0;
};

/// What came of one stream of runs.
struct Stream {
  std::vector<double> latencies;  // seconds
  double wall = 0;                // from the first measured run to the end of the last
  std::vector<vivace::LayerTime> layers;
  long different = 0;  // runs whose outputs were not those of the first
};

/// All streams at once, and memory before and after the measured runs.
struct Streams {
  std::vector<Stream> all;
  MemoryHeld before, after;
};
Streams measure(vivace::Engine& engine, const BenchCommand& command);

/// {"min", "median", "mean"} in milliseconds of the GPU's own time, with "warm" caches and "flushed" ones, and of the wall
/// time from "pinned" memory to pinned memory; {"reason"} where there is no such time.
nlohmann::ordered_json gpu_times(const vivace::Engine& engine, const BenchCommand& command);

/// One object for each layer: its time, bytes, operations, and the time that those take at least on this GPU.
/// @param gpu  gpu_times(): "net_ms" of the layers is what they take of the whole
nlohmann::ordered_json layer_table(const vivace::Engine& engine, const BenchCommand& command,
                                   const std::vector<vivace::LayerTime>& layers, const nlohmann::ordered_json& gpu);
std::string layer_text(const nlohmann::ordered_json& layers, bool on_gpu);

}  // namespace tool
