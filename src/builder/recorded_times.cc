#include "builder/recorded_times.h"

#include <string_view>
#include <vector>

namespace vivace::builder {

// Of generated code: the files in recorded/.
extern const char* const kRecordedTimes[];
extern const int kRecordedTimesCount;

namespace {

constexpr std::string_view kBar = " | ";

const TimingCache& shipped() {
  static TimingCache all;
  static const bool read = [] {
    for (int i = 0; i < kRecordedTimesCount; ++i) (void)all.add_text(kRecordedTimes[i]);
    return true;
  }();
  (void)read;
  return all;
}

}  // namespace

std::string gpu_key(const cuda::Device& device, const std::string& rest) {
  return device.name + ", " + device.device() + std::string(kBar) + rest;
}

RecordedTimes RecordedTimes::of(const cuda::Device& device) { return {shipped(), device}; }

RecordedTimes::RecordedTimes(const TimingCache& times, const cuda::Device& device) {
  const std::string own = device.name + ", " + device.device(), architecture = ", " + device.device();
  std::unordered_map<std::string, double> others;
  for (const auto& [key, seconds] : times.entries()) {
    const size_t bar = key.find(kBar);
    if (bar == std::string::npos) continue;
    const std::string gpu = key.substr(0, bar), rest = key.substr(bar + kBar.size());
    if (gpu == own)
      seconds_[rest] = seconds;
    else if (gpu.ends_with(architecture))
      others.emplace(rest, seconds);
  }
  for (auto& [rest, seconds] : others) seconds_.emplace(rest, seconds);
}

std::optional<double> RecordedTimes::find(const std::string& rest) const {
  const auto at = seconds_.find(rest);
  return at == seconds_.end() ? std::nullopt : std::optional<double>(at->second);
}

}  // namespace vivace::builder
