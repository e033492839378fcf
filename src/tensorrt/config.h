// IBuilderConfig: what a client asks of a build. Most of it is only kept; build_plan.cc says what has an effect.
#pragma once

#include <array>
#include <map>
#include <set>

#include "tensorrt/profile.h"
#include "tensorrt/report.h"
#include "tensorrt/timing_cache.h"

namespace vivace::tensorrt {

/// All that a configuration holds, so that reset() is an assignment.
struct Settings {
  nvinfer1::BuilderFlags flags = 1U << static_cast<int32_t>(nvinfer1::BuilderFlag::kTF32);
  nvinfer1::QuantizationFlags quantization_flags = 0;
  nvinfer1::TacticSources tactic_sources = 0;
  bool tactic_sources_given = false;  // by setTacticSources; else plans need no library of NVIDIA's
  nvinfer1::EngineCapability capability = nvinfer1::EngineCapability::kSTANDARD;
  nvinfer1::ProfilingVerbosity verbosity = nvinfer1::ProfilingVerbosity::kLAYER_NAMES_ONLY;
  nvinfer1::DeviceType default_device = nvinfer1::DeviceType::kGPU;
  nvinfer1::HardwareCompatibilityLevel hardware_compatibility = nvinfer1::HardwareCompatibilityLevel::kNONE;
  nvinfer1::RuntimePlatform platform = nvinfer1::RuntimePlatform::kSAME_AS_BUILD;
  nvinfer1::TilingOptimizationLevel tiling = nvinfer1::TilingOptimizationLevel::kNONE;
  int32_t min_timing = 1, avg_timing = 1;
  int32_t dla_core = -1;
  int32_t optimization_level = 3;
  int32_t max_aux_streams = -1;
  int32_t max_tactics = -1;
  int64_t l2_limit = -1;
  std::map<nvinfer1::MemoryPoolType, std::size_t> pools;  // those that were set
  std::map<const nvinfer1::ILayer*, nvinfer1::DeviceType> devices;
  std::map<nvinfer1::PreviewFeature, bool> previews;
  std::vector<std::string> plugins;
  std::vector<Profile> profiles;
  std::string auto_tuning, route;
  nvinfer1::IInt8Calibrator* calibrator = nullptr;
  nvinfer1::IAlgorithmSelector* selector = nullptr;
  nvinfer1::IProgressMonitor* monitor = nullptr;
  const nvinfer1::IOptimizationProfile* calibration_profile = nullptr;
  const nvinfer1::ITimingCache* timing_cache = nullptr;  // the client's object
  std::shared_ptr<builder::TimingCache> timings;         // its entries, which outlive it
  cudaStream_t profile_stream = nullptr;
};

class BuilderConfig final : public nvinfer1::IBuilderConfig {
 public:
  explicit BuilderConfig(const Errors& errors) : errors_{errors.logger, nullptr} {
    errors_.record_to(errors.recorder);
    reset();
  }
  ~BuilderConfig() noexcept override { errors_.record_to(nullptr); }

  const Settings& settings() const { return s_; }
  bool has(nvinfer1::BuilderFlag flag) const { return s_.flags >> static_cast<int32_t>(flag) & 1U; }

  void setAvgTimingIterations(int32_t n) noexcept override { s_.avg_timing = n; }
  int32_t getAvgTimingIterations() const noexcept override { return s_.avg_timing; }
  void setMinTimingIterations(int32_t n) noexcept override { s_.min_timing = n; }
  int32_t getMinTimingIterations() const noexcept override { return s_.min_timing; }
  void setEngineCapability(nvinfer1::EngineCapability capability) noexcept override { s_.capability = capability; }
  nvinfer1::EngineCapability getEngineCapability() const noexcept override { return s_.capability; }
  void setInt8Calibrator(nvinfer1::IInt8Calibrator* calibrator) noexcept override { s_.calibrator = calibrator; }
  nvinfer1::IInt8Calibrator* getInt8Calibrator() const noexcept override { return s_.calibrator; }

  void setFlags(nvinfer1::BuilderFlags flags) noexcept override { s_.flags = flags; }
  nvinfer1::BuilderFlags getFlags() const noexcept override { return s_.flags; }
  void setFlag(nvinfer1::BuilderFlag flag) noexcept override { s_.flags |= 1U << static_cast<int32_t>(flag); }
  void clearFlag(nvinfer1::BuilderFlag flag) noexcept override { s_.flags &= ~(1U << static_cast<int32_t>(flag)); }
  bool getFlag(nvinfer1::BuilderFlag flag) const noexcept override { return has(flag); }

  void setDeviceType(const nvinfer1::ILayer* layer, nvinfer1::DeviceType type) noexcept override;
  nvinfer1::DeviceType getDeviceType(const nvinfer1::ILayer* layer) const noexcept override;
  bool isDeviceTypeSet(const nvinfer1::ILayer* layer) const noexcept override { return s_.devices.count(layer) != 0; }
  void resetDeviceType(const nvinfer1::ILayer* layer) noexcept override { s_.devices.erase(layer); }
  bool canRunOnDLA(const nvinfer1::ILayer*) const noexcept override { return false; }  // there is none
  void setDLACore(int32_t core) noexcept override { s_.dla_core = core; }
  int32_t getDLACore() const noexcept override { return s_.dla_core; }
  void setDefaultDeviceType(nvinfer1::DeviceType type) noexcept override;
  nvinfer1::DeviceType getDefaultDeviceType() const noexcept override { return s_.default_device; }

  void reset() noexcept override;
  void setProfileStream(cudaStream_t const stream) noexcept override { s_.profile_stream = stream; }
  cudaStream_t getProfileStream() const noexcept override { return s_.profile_stream; }
  int32_t addOptimizationProfile(const nvinfer1::IOptimizationProfile* profile) noexcept override;
  int32_t getNbOptimizationProfiles() const noexcept override { return static_cast<int32_t>(s_.profiles.size()); }
  void setProfilingVerbosity(nvinfer1::ProfilingVerbosity verbosity) noexcept override { s_.verbosity = verbosity; }
  nvinfer1::ProfilingVerbosity getProfilingVerbosity() const noexcept override { return s_.verbosity; }
  void setAlgorithmSelector(nvinfer1::IAlgorithmSelector* selector) noexcept override { s_.selector = selector; }
  nvinfer1::IAlgorithmSelector* getAlgorithmSelector() const noexcept override { return s_.selector; }
  bool setCalibrationProfile(const nvinfer1::IOptimizationProfile* profile) noexcept override;
  const nvinfer1::IOptimizationProfile* getCalibrationProfile() noexcept override { return s_.calibration_profile; }

  void setQuantizationFlags(nvinfer1::QuantizationFlags flags) noexcept override { s_.quantization_flags = flags; }
  nvinfer1::QuantizationFlags getQuantizationFlags() const noexcept override { return s_.quantization_flags; }
  void clearQuantizationFlag(nvinfer1::QuantizationFlag flag) noexcept override {
    s_.quantization_flags &= ~(1U << static_cast<int32_t>(flag));
  }
  void setQuantizationFlag(nvinfer1::QuantizationFlag flag) noexcept override {
    s_.quantization_flags |= 1U << static_cast<int32_t>(flag);
  }
  bool getQuantizationFlag(nvinfer1::QuantizationFlag flag) const noexcept override {
    return s_.quantization_flags >> static_cast<int32_t>(flag) & 1U;
  }
  bool setTacticSources(nvinfer1::TacticSources sources) noexcept override {
    s_.tactic_sources = sources;
    return s_.tactic_sources_given = true;
  }
  nvinfer1::TacticSources getTacticSources() const noexcept override { return s_.tactic_sources; }

  nvinfer1::ITimingCache* createTimingCache(const void* blob, std::size_t size) const noexcept override;
  bool setTimingCache(const nvinfer1::ITimingCache& cache, bool ignore_mismatch) noexcept override;
  const nvinfer1::ITimingCache* getTimingCache() const noexcept override { return s_.timing_cache; }

  void setMemoryPoolLimit(nvinfer1::MemoryPoolType pool, std::size_t bytes) noexcept override;
  std::size_t getMemoryPoolLimit(nvinfer1::MemoryPoolType pool) const noexcept override;
  void setMaxWorkspaceSize(std::size_t bytes) noexcept override {
    setMemoryPoolLimit(nvinfer1::MemoryPoolType::kWORKSPACE, bytes);
  }
  std::size_t getMaxWorkspaceSize() const noexcept override {
    return getMemoryPoolLimit(nvinfer1::MemoryPoolType::kWORKSPACE);
  }

  void setPreviewFeature(nvinfer1::PreviewFeature feature, bool enable) noexcept override;
  bool getPreviewFeature(nvinfer1::PreviewFeature feature) const noexcept override;
  void setBuilderOptimizationLevel(int32_t level) noexcept override;
  int32_t getBuilderOptimizationLevel() noexcept override { return s_.optimization_level; }
  void setHardwareCompatibilityLevel(nvinfer1::HardwareCompatibilityLevel level) noexcept override {
    s_.hardware_compatibility = level;
  }
  nvinfer1::HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override {
    return s_.hardware_compatibility;
  }
  void setPluginsToSerialize(const char* const* paths, int32_t count) noexcept override;
  const char* getPluginToSerialize(int32_t index) const noexcept override;
  int32_t getNbPluginsToSerialize() const noexcept override { return static_cast<int32_t>(s_.plugins.size()); }
  bool setMaxAuxStreams(int32_t streams) noexcept override { return s_.max_aux_streams = streams, true; }
  int32_t getMaxAuxStreams() const noexcept override { return s_.max_aux_streams; }
  void setProgressMonitor(nvinfer1::IProgressMonitor* monitor) noexcept override { s_.monitor = monitor; }
  nvinfer1::IProgressMonitor* getProgressMonitor() const noexcept override { return s_.monitor; }
  void setRuntimePlatform(nvinfer1::RuntimePlatform platform) noexcept override { s_.platform = platform; }
  nvinfer1::RuntimePlatform getRuntimePlatform() const noexcept override { return s_.platform; }
  void setMaxNbTactics(int32_t count) noexcept override { s_.max_tactics = count; }
  int32_t getMaxNbTactics() const noexcept override { return s_.max_tactics; }
  bool setTilingOptimizationLevel(nvinfer1::TilingOptimizationLevel level) noexcept override {
    return s_.tiling = level, true;
  }
  nvinfer1::TilingOptimizationLevel getTilingOptimizationLevel() const noexcept override { return s_.tiling; }
  bool setL2LimitForTiling(int64_t size) noexcept override { return s_.l2_limit = size, true; }
  int64_t getL2LimitForTiling() const noexcept override { return s_.l2_limit; }
  bool setRemoteAutoTuningConfig(const char* config) noexcept override;
  const char* getRemoteAutoTuningConfig() const noexcept override { return s_.auto_tuning.c_str(); }
  bool setBuildRoute(const char* route) noexcept override;
  const char* getBuildRoute() const noexcept override { return s_.route.c_str(); }
  const char* getAllBuildRoutes() const noexcept override { return ""; }

 private:
  Errors errors_;
  Settings s_;
};

}  // namespace vivace::tensorrt
