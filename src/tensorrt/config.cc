#include "tensorrt/config.h"

#include <unistd.h>

#include <algorithm>

namespace vivace::tensorrt {

using nvinfer1::MemoryPoolType;
using nvinfer1::PreviewFeature;
using Severity = nvinfer1::ILogger::Severity;

namespace {

// The machine's memory: what a workspace may take where the client sets no limit.
std::size_t all_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && page > 0 ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(page) : SIZE_MAX;
}

constexpr std::size_t KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;

std::size_t default_limit(MemoryPoolType pool) {
  switch (pool) {
    case MemoryPoolType::kWORKSPACE:
    case MemoryPoolType::kTACTIC_DRAM: return all_memory();
    case MemoryPoolType::kDLA_MANAGED_SRAM: return MiB;
    case MemoryPoolType::kDLA_LOCAL_DRAM: return GiB;
    case MemoryPoolType::kDLA_GLOBAL_DRAM: return 512 * MiB;
    case MemoryPoolType::kTACTIC_SHARED_MEMORY: return 48 * KiB;
  }
  return 0;
}

}  // namespace

void BuilderConfig::reset() noexcept {
  s_ = Settings();
  // All sources there are; from generation 10 on those of other libraries are off.
  s_.tactic_sources = (1U << nvinfer1::EnumMax<nvinfer1::TacticSource>()) - 1U;
  if (NV_TENSORRT_MAJOR >= 10)
    s_.tactic_sources = 1U << static_cast<int32_t>(nvinfer1::TacticSource::kEDGE_MASK_CONVOLUTIONS) |
                        1U << static_cast<int32_t>(nvinfer1::TacticSource::kJIT_CONVOLUTIONS);
}

void BuilderConfig::setDeviceType(const nvinfer1::ILayer* layer, nvinfer1::DeviceType type) noexcept {
  guarded(errors_, [&] {
    if (!layer) return Status(Code::invalid_argument, "setDeviceType: the layer is null");
    s_.devices[layer] = type;
    return Status();
  });
}

nvinfer1::DeviceType BuilderConfig::getDeviceType(const nvinfer1::ILayer* layer) const noexcept {
  const auto at = s_.devices.find(layer);
  return at == s_.devices.end() ? s_.default_device : at->second;
}

void BuilderConfig::setDefaultDeviceType(nvinfer1::DeviceType type) noexcept {
  if (type == nvinfer1::DeviceType::kDLA)
    errors_.log(Severity::kWARNING, "there is no DLA here; layers run where all others do");
  s_.default_device = type;
}

int32_t BuilderConfig::addOptimizationProfile(const nvinfer1::IOptimizationProfile* profile) noexcept {
  int32_t index = -1;
  guarded(errors_, [&]() -> Status {
    if (!profile) return {Code::invalid_argument, "addOptimizationProfile: the profile is null"};
    const auto& own = static_cast<const OptimizationProfile&>(*profile);
    VIVACE_TRY(own.problem());
    s_.profiles.push_back(own.ranges());
    index = static_cast<int32_t>(s_.profiles.size()) - 1;
    return {};
  });
  return index;
}

bool BuilderConfig::setCalibrationProfile(const nvinfer1::IOptimizationProfile* profile) noexcept {
  if (profile && !profile->isValid()) return false;
  s_.calibration_profile = profile;
  return true;
}

nvinfer1::ITimingCache* BuilderConfig::createTimingCache(const void* blob, std::size_t size) const noexcept {
  nvinfer1::ITimingCache* made = nullptr;
  guarded(errors_, [&]() -> Status {
    made = TimingCache::from_bytes(blob, size).release();
    if (!made)
      return {Code::corrupt_file, "createTimingCache: the bytes are no timing cache of this version; create an empty one "
                                  "(nullptr, 0) and store it after the build"};
    return {};
  });
  return made;
}

bool BuilderConfig::setTimingCache(const nvinfer1::ITimingCache& cache, bool /*ignore_mismatch*/) noexcept {
  s_.timing_cache = &cache;
  s_.timings = static_cast<const TimingCache&>(cache).entries();
  return true;
}

void BuilderConfig::setMemoryPoolLimit(MemoryPoolType pool, std::size_t bytes) noexcept {
  guarded(errors_, [&]() -> Status {
    const auto number = static_cast<int32_t>(pool);
    if (number < 0 || number >= nvinfer1::EnumMax<MemoryPoolType>())
      return {Code::invalid_argument, "setMemoryPoolLimit: there is no memory pool " + std::to_string(number)};
    const bool of_dla = pool == MemoryPoolType::kDLA_MANAGED_SRAM || pool == MemoryPoolType::kDLA_LOCAL_DRAM ||
                        pool == MemoryPoolType::kDLA_GLOBAL_DRAM;
    if (of_dla && (bytes < 4 * KiB || (bytes & (bytes - 1)) != 0))
      return {Code::invalid_argument, "setMemoryPoolLimit: a pool of a DLA is a power of two of at least 4 KiB, not " +
                                          std::to_string(bytes) + " bytes"};
    s_.pools[pool] = bytes;
    return {};
  });
}

std::size_t BuilderConfig::getMemoryPoolLimit(MemoryPoolType pool) const noexcept {
  const auto at = s_.pools.find(pool);
  return at == s_.pools.end() ? default_limit(pool) : at->second;
}

void BuilderConfig::setPreviewFeature(PreviewFeature feature, bool enable) noexcept {
  guarded(errors_, [&] { return s_.previews[feature] = enable, Status(); });
}

bool BuilderConfig::getPreviewFeature(PreviewFeature feature) const noexcept {
  if (const auto at = s_.previews.find(feature); at != s_.previews.end()) return at->second;
  return feature == PreviewFeature::kFASTER_DYNAMIC_SHAPES_0805 ||
         feature == PreviewFeature::kDISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805;
}

void BuilderConfig::setBuilderOptimizationLevel(int32_t level) noexcept {
  guarded(errors_, [&]() -> Status {
    if (level < 0)
      return {Code::invalid_argument,
              "setBuilderOptimizationLevel: the level is 0 to 5, not " + std::to_string(level)};
    s_.optimization_level = level;
    return {};
  });
}

void BuilderConfig::setPluginsToSerialize(const char* const* paths, int32_t count) noexcept {
  guarded(errors_, [&]() -> Status {
    if (count < 0 || (count > 0 && (!paths || std::any_of(paths, paths + count, [](const char* p) { return !p; }))))
      return {Code::invalid_argument, "setPluginsToSerialize: a path is null"};
    s_.plugins.assign(paths, paths + count);
    return {};
  });
}

const char* BuilderConfig::getPluginToSerialize(int32_t index) const noexcept {
  return index >= 0 && index < getNbPluginsToSerialize() ? s_.plugins[static_cast<size_t>(index)].c_str() : nullptr;
}

bool BuilderConfig::setRemoteAutoTuningConfig(const char* config) noexcept {
  return guarded(errors_, [&] { return s_.auto_tuning = config ? config : "", Status(); });
}

bool BuilderConfig::setBuildRoute(const char* route) noexcept {
  return guarded(errors_, [&]() -> Status {
    if (route && *route)
      return {Code::unsupported, "setBuildRoute: there is one route only; the tactics are chosen by the tuner"};
    s_.route.clear();
    return {};
  });
}

}  // namespace vivace::tensorrt
