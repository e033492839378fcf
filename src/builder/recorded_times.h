// Times that were measured on GPUs and come with the library (the files in recorded/), for builds that time nothing.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "backends/cuda/device.h"
#include "builder/timing_cache.h"

namespace vivace::builder {

/// A cache's key for a GPU: "NVIDIA H100, cuda sm_90 | rest".
std::string gpu_key(const cuda::Device& device, const std::string& rest);

class RecordedTimes {
 public:
  /// Those of this GPU; where there are none, of another of its architecture.
  static RecordedTimes of(const cuda::Device& device);
  RecordedTimes(const TimingCache& times, const cuda::Device& device);
  std::optional<double> find(const std::string& rest) const;
  size_t size() const { return seconds_.size(); }

 private:
  std::unordered_map<std::string, double> seconds_;  // by the key's rest
};

}  // namespace vivace::builder
