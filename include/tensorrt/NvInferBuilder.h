// The builder and its configuration.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include <cstddef>

#include "NvInferCallbacks.h"
#include "NvInferNetwork.h"

namespace nvinfer1 {

// Values are those of generation 8 below major 10 and those of generation 10 from there on; names that a generation
// lacks follow after its own.
#if VIVACE_TENSORRT_MAJOR < 10
/// What the builder may do.
enum class BuilderFlag : int32_t {
  /// Tensors of f32 may be of f16 within an engine of a GPU; the CPU computes f32 networks in f32.
  kFP16 = 0,
  /// A calibrator is called for its ranges. Computation of f32 networks stays in f32.
  kINT8 = 1,
  /// Accepted: every layer has ended before the next begins.
  kDEBUG = 2,
  /// Accepted: there is no DLA to fall back from.
  kGPU_FALLBACK = 3,
  /// An algorithm selector that selects none fails the build. Types are as the network says in any case.
  kSTRICT_TYPES = 4,
  /// The engine keeps what a refitter needs.
  kREFIT = 5,
  /// The timing cache is neither read nor filled.
  kDISABLE_TIMING_CACHE = 6,
  /// On a GPU what products of f32 multiply may be rounded to TF32; the CPU has no such type.
  kTF32 = 7,
  /// Accepted: no tactic needs sparse weights.
  kSPARSE_WEIGHTS = 8,
  /// Accepted: there is no restricted runtime.
  kSAFETY_SCOPE = 9,
  /// Accepted: types are as the network says.
  kOBEY_PRECISION_CONSTRAINTS = 10,
  /// Accepted: types are as the network says.
  kPREFER_PRECISION_CONSTRAINTS = 11,
  /// Accepted: nothing is reformatted at the engine's border.
  kDIRECT_IO = 12,
  /// An algorithm selector that selects none fails the build.
  kREJECT_EMPTY_ALGORITHMS = 13,
  /// Fewer tactics are timed: those that estimates put first.
  kENABLE_TACTIC_HEURISTIC = 14,
  /// Accepted: a plan of any version is lowered again where it has to be.
  kVERSION_COMPATIBLE = 15,
  /// Accepted: plans hold no runtime.
  kEXCLUDE_LEAN_RUNTIME = 16,
  /// Accepted: computation of f32 networks is in f32.
  kFP8 = 17,
  /// A build that would have to time something fails.
  kERROR_ON_TIMING_CACHE_MISS = 18,
  /// As kFP16, which goes first, with bf16.
  kBF16 = 19,
  /// Accepted: nothing is compiled.
  kDISABLE_COMPILATION_CACHE = 20,
  /// The same under its older name.
  kWEIGHTLESS = 21,
  /// The plan holds no large weights; a refitter gives them to its engine. The engine is refittable.
  kSTRIP_PLAN = 21,
  /// As kREFIT.
  kREFIT_IDENTICAL = 22,
  /// The engine takes a budget for its weights, which are in host memory all the time.
  kWEIGHT_STREAMING = 23,
  /// Accepted: computation of f32 networks is in f32.
  kINT4 = 24,
  /// As kREFIT, for the weights that INetworkDefinition::markWeightsRefittable() names.
  kREFIT_INDIVIDUAL = 25,
  /// Accepted: no tactic is chosen by what it does to a NaN.
  kSTRICT_NANS = 26,
  /// Accepted: a build tells the memory that its engine takes anyway.
  kMONITOR_MEMORY = 27,
  /// Accepted: computation of f32 networks is in f32.
  kFP4 = 28,
  /// Accepted: every timing cache can be edited.
  kEDITABLE_TIMING_CACHE = 29,
  /// Accepted: no tactic is chosen by it.
  kDISTRIBUTIVE_INDEPENDENCE = 30
};
template <>
constexpr int32_t EnumMax<BuilderFlag>() noexcept {
  return 31;
}
#else
/// What the builder may do.
enum class BuilderFlag : int32_t {
  /// Tensors of f32 may be of f16 within an engine of a GPU; the CPU computes f32 networks in f32.
  kFP16 = 0,
  /// A calibrator is called for its ranges. Computation of f32 networks stays in f32.
  kINT8 = 1,
  /// Accepted: every layer has ended before the next begins.
  kDEBUG = 2,
  /// Accepted: there is no DLA to fall back from.
  kGPU_FALLBACK = 3,
  /// The engine keeps what a refitter needs.
  kREFIT = 4,
  /// The timing cache is neither read nor filled.
  kDISABLE_TIMING_CACHE = 5,
  /// On a GPU what products of f32 multiply may be rounded to TF32; the CPU has no such type.
  kTF32 = 6,
  /// Accepted: no tactic needs sparse weights.
  kSPARSE_WEIGHTS = 7,
  /// Accepted: there is no restricted runtime.
  kSAFETY_SCOPE = 8,
  /// Accepted: types are as the network says.
  kOBEY_PRECISION_CONSTRAINTS = 9,
  /// Accepted: types are as the network says.
  kPREFER_PRECISION_CONSTRAINTS = 10,
  /// Accepted: nothing is reformatted at the engine's border.
  kDIRECT_IO = 11,
  /// An algorithm selector that selects none fails the build.
  kREJECT_EMPTY_ALGORITHMS = 12,
  /// Accepted: a plan of any version is lowered again where it has to be.
  kVERSION_COMPATIBLE = 13,
  /// Accepted: plans hold no runtime.
  kEXCLUDE_LEAN_RUNTIME = 14,
  /// Accepted: computation of f32 networks is in f32.
  kFP8 = 15,
  /// A build that would have to time something fails.
  kERROR_ON_TIMING_CACHE_MISS = 16,
  /// As kFP16, which goes first, with bf16.
  kBF16 = 17,
  /// Accepted: nothing is compiled.
  kDISABLE_COMPILATION_CACHE = 18,
  /// The plan holds no large weights; a refitter gives them to its engine. The engine is refittable.
  kSTRIP_PLAN = 19,
  /// The same under its older name.
  kWEIGHTLESS = 19,
  /// As kREFIT.
  kREFIT_IDENTICAL = 20,
  /// The engine takes a budget for its weights, which are in host memory all the time.
  kWEIGHT_STREAMING = 21,
  /// Accepted: computation of f32 networks is in f32.
  kINT4 = 22,
  /// As kREFIT, for the weights that INetworkDefinition::markWeightsRefittable() names.
  kREFIT_INDIVIDUAL = 23,
  /// Accepted: no tactic is chosen by what it does to a NaN.
  kSTRICT_NANS = 24,
  /// Accepted: a build tells the memory that its engine takes anyway.
  kMONITOR_MEMORY = 25,
  /// Accepted: computation of f32 networks is in f32.
  kFP4 = 26,
  /// Accepted: every timing cache can be edited.
  kEDITABLE_TIMING_CACHE = 27,
  /// Accepted: no tactic is chosen by it.
  kDISTRIBUTIVE_INDEPENDENCE = 28,
  /// An algorithm selector that selects none fails the build. Types are as the network says in any case.
  kSTRICT_TYPES = 29,
  /// Fewer tactics are timed: those that estimates put first.
  kENABLE_TACTIC_HEURISTIC = 30
};
template <>
constexpr int32_t EnumMax<BuilderFlag>() noexcept {
  return 31;
}
#endif

/// A bit mask of `1U << BuilderFlag`.
using BuilderFlags = uint32_t;

/// How calibration is done.
enum class QuantizationFlag : int32_t { kCALIBRATE_BEFORE_FUSION = 0 };
template <>
constexpr int32_t EnumMax<QuantizationFlag>() noexcept {
  return 1;
}

/// A bit mask of `1U << QuantizationFlag`.
using QuantizationFlags = uint32_t;

/// Where the engine will run.
enum class RuntimePlatform : int32_t { kSAME_AS_BUILD = 0, kWINDOWS_AMD64 = 1 };
template <>
constexpr int32_t EnumMax<RuntimePlatform>() noexcept {
  return 2;
}

/// Kinds of memory with a limit each, in bytes.
enum class MemoryPoolType : int32_t {
  kWORKSPACE = 0,
  kDLA_MANAGED_SRAM = 1,
  kDLA_LOCAL_DRAM = 2,
  kDLA_GLOBAL_DRAM = 3,
  kTACTIC_DRAM = 4,
  kTACTIC_SHARED_MEMORY = 5
};
template <>
constexpr int32_t EnumMax<MemoryPoolType>() noexcept {
  return 6;
}

#if VIVACE_TENSORRT_MAJOR < 10
/// Features under trial. Accepted without effect.
enum class PreviewFeature : int32_t {
  kFASTER_DYNAMIC_SHAPES_0805 = 0,
  kDISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805 = 1,
  kPROFILE_SHARING_0806 = 2,
  kALIASED_PLUGIN_IO_10_03 = 3,
  kRUNTIME_ACTIVATION_RESIZE_10_10 = 4,
  kMULTIDEVICE_RUNTIME_10_16 = 5
};
template <>
constexpr int32_t EnumMax<PreviewFeature>() noexcept {
  return 6;
}
#else
/// Features under trial. Accepted without effect.
enum class PreviewFeature : int32_t {
  kPROFILE_SHARING_0806 = 0,
  kALIASED_PLUGIN_IO_10_03 = 1,
  kRUNTIME_ACTIVATION_RESIZE_10_10 = 2,
  kMULTIDEVICE_RUNTIME_10_16 = 3,
  kFASTER_DYNAMIC_SHAPES_0805 = 4,
  kDISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805 = 5
};
template <>
constexpr int32_t EnumMax<PreviewFeature>() noexcept {
  return 6;
}
#endif

/// Which other devices the engine must run on.
enum class HardwareCompatibilityLevel : int32_t { kNONE = 0, kAMPERE_PLUS = 1, kSAME_COMPUTE_CAPABILITY = 2 };
template <>
constexpr int32_t EnumMax<HardwareCompatibilityLevel>() noexcept {
  return 3;
}

/// How hard the builder looks for tilings. Accepted without effect.
enum class TilingOptimizationLevel : int32_t { kNONE = 0, kFAST = 1, kMODERATE = 2, kFULL = 3 };
template <>
constexpr int32_t EnumMax<TilingOptimizationLevel>() noexcept {
  return 4;
}

/// Names an entry of a timing cache.
struct TimingCacheKey {
  uint8_t data[16];
};

/// An entry of a timing cache.
struct TimingCacheValue {
  uint64_t tacticHash;
  float timingMSec;
  static constexpr uint64_t kINVALID_TACTIC_HASH = UINT64_MAX;
};

/// What a build learned of tactics' times; a later build with it measures less.
class ITimingCache {
 public:
  virtual ~ITimingCache() noexcept = default;
  virtual IHostMemory* serialize() const noexcept = 0;
  virtual bool combine(ITimingCache const& inputCache, bool ignoreMismatch) noexcept = 0;
  virtual bool reset() noexcept = 0;
  virtual int64_t queryKeys(TimingCacheKey* keyBuffer, int64_t capacity) const noexcept = 0;
  virtual TimingCacheValue query(TimingCacheKey const& key) const noexcept = 0;
  virtual bool update(TimingCacheKey const& key, TimingCacheValue const& value) noexcept = 0;
  void destroy() noexcept { delete this; }
};

/// Ranges of shapes, and of the values of shape tensors, that an engine must serve and is tuned for.
class IOptimizationProfile {
 public:
  virtual ~IOptimizationProfile() noexcept = default;
  virtual bool setDimensions(char const* inputName, OptProfileSelector select, Dims const& dims) noexcept = 0;
  virtual Dims getDimensions(char const* inputName, OptProfileSelector select) const noexcept = 0;
  virtual bool setShapeValues(char const* inputName, OptProfileSelector select, int32_t const* values,
                              int32_t nbValues) noexcept = 0;
  virtual int32_t getNbShapeValues(char const* inputName) const noexcept = 0;
  virtual int32_t const* getShapeValues(char const* inputName, OptProfileSelector select) const noexcept = 0;
  virtual bool setExtraMemoryTarget(float target) noexcept = 0;
  virtual float getExtraMemoryTarget() const noexcept = 0;
  virtual bool isValid() const noexcept = 0;
  virtual bool setShapeValuesV2(char const* inputName, OptProfileSelector select, int64_t const* values,
                                int32_t nbValues) noexcept = 0;
  virtual int64_t const* getShapeValuesV2(char const* inputName, OptProfileSelector select) const noexcept = 0;
};

/// How an engine is built.
class IBuilderConfig {
 public:
  virtual ~IBuilderConfig() noexcept = default;
  virtual void setAvgTimingIterations(int32_t avgTiming) noexcept = 0;
  virtual int32_t getAvgTimingIterations() const noexcept = 0;
  virtual void setEngineCapability(EngineCapability capability) noexcept = 0;
  virtual EngineCapability getEngineCapability() const noexcept = 0;
  virtual void setInt8Calibrator(IInt8Calibrator* calibrator) noexcept = 0;
  virtual IInt8Calibrator* getInt8Calibrator() const noexcept = 0;
  virtual void setFlags(BuilderFlags builderFlags) noexcept = 0;
  virtual BuilderFlags getFlags() const noexcept = 0;
  virtual void clearFlag(BuilderFlag builderFlag) noexcept = 0;
  virtual void setFlag(BuilderFlag builderFlag) noexcept = 0;
  virtual bool getFlag(BuilderFlag builderFlag) const noexcept = 0;
  virtual void setDeviceType(ILayer const* layer, DeviceType deviceType) noexcept = 0;
  virtual DeviceType getDeviceType(ILayer const* layer) const noexcept = 0;
  virtual bool isDeviceTypeSet(ILayer const* layer) const noexcept = 0;
  virtual void resetDeviceType(ILayer const* layer) noexcept = 0;
  virtual bool canRunOnDLA(ILayer const* layer) const noexcept = 0;
  virtual void setDLACore(int32_t dlaCore) noexcept = 0;
  virtual int32_t getDLACore() const noexcept = 0;
  virtual void setDefaultDeviceType(DeviceType deviceType) noexcept = 0;
  virtual DeviceType getDefaultDeviceType() const noexcept = 0;
  virtual void reset() noexcept = 0;
  virtual void setProfileStream(const cudaStream_t stream) noexcept = 0;
  virtual cudaStream_t getProfileStream() const noexcept = 0;
  virtual int32_t addOptimizationProfile(IOptimizationProfile const* profile) noexcept = 0;
  virtual int32_t getNbOptimizationProfiles() const noexcept = 0;
  virtual void setProfilingVerbosity(ProfilingVerbosity verbosity) noexcept = 0;
  virtual ProfilingVerbosity getProfilingVerbosity() const noexcept = 0;
  virtual void setAlgorithmSelector(IAlgorithmSelector* selector) noexcept = 0;
  virtual IAlgorithmSelector* getAlgorithmSelector() const noexcept = 0;
  virtual bool setCalibrationProfile(IOptimizationProfile const* profile) noexcept = 0;
  virtual IOptimizationProfile const* getCalibrationProfile() noexcept = 0;
  virtual void setQuantizationFlags(QuantizationFlags flags) noexcept = 0;
  virtual QuantizationFlags getQuantizationFlags() const noexcept = 0;
  virtual void clearQuantizationFlag(QuantizationFlag flag) noexcept = 0;
  virtual void setQuantizationFlag(QuantizationFlag flag) noexcept = 0;
  virtual bool getQuantizationFlag(QuantizationFlag flag) const noexcept = 0;
  virtual bool setTacticSources(TacticSources tacticSources) noexcept = 0;
  virtual TacticSources getTacticSources() const noexcept = 0;
  virtual ITimingCache* createTimingCache(void const* blob, std::size_t size) const noexcept = 0;
  virtual bool setTimingCache(ITimingCache const& cache, bool ignoreMismatch) noexcept = 0;
  virtual ITimingCache const* getTimingCache() const noexcept = 0;
  virtual void setMemoryPoolLimit(MemoryPoolType pool, std::size_t poolSize) noexcept = 0;
  virtual std::size_t getMemoryPoolLimit(MemoryPoolType pool) const noexcept = 0;
  virtual void setPreviewFeature(PreviewFeature feature, bool enable) noexcept = 0;
  virtual bool getPreviewFeature(PreviewFeature feature) const noexcept = 0;
  virtual void setBuilderOptimizationLevel(int32_t level) noexcept = 0;
  virtual int32_t getBuilderOptimizationLevel() noexcept = 0;
  virtual void setHardwareCompatibilityLevel(HardwareCompatibilityLevel hardwareCompatibilityLevel) noexcept = 0;
  virtual HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept = 0;
  virtual void setPluginsToSerialize(char const* const* paths, int32_t nbPaths) noexcept = 0;
  virtual char const* getPluginToSerialize(int32_t index) const noexcept = 0;
  virtual int32_t getNbPluginsToSerialize() const noexcept = 0;
  virtual int32_t getMaxAuxStreams() const noexcept = 0;
  virtual void setProgressMonitor(IProgressMonitor* monitor) noexcept = 0;
  virtual IProgressMonitor* getProgressMonitor() const noexcept = 0;
  virtual void setRuntimePlatform(RuntimePlatform runtimePlatform) noexcept = 0;
  virtual RuntimePlatform getRuntimePlatform() const noexcept = 0;
  virtual void setMaxNbTactics(int32_t maxNbTactics) noexcept = 0;
  virtual int32_t getMaxNbTactics() const noexcept = 0;
  virtual bool setTilingOptimizationLevel(TilingOptimizationLevel level) noexcept = 0;
  virtual TilingOptimizationLevel getTilingOptimizationLevel() const noexcept = 0;
  virtual bool setL2LimitForTiling(int64_t size) noexcept = 0;
  virtual int64_t getL2LimitForTiling() const noexcept = 0;
  virtual bool setRemoteAutoTuningConfig(char const* config) noexcept = 0;
  virtual char const* getRemoteAutoTuningConfig() const noexcept = 0;
  virtual bool setBuildRoute(char const* buildRoute) noexcept = 0;
  virtual char const* getBuildRoute() const noexcept = 0;
  virtual char const* getAllBuildRoutes() const noexcept = 0;
  /// @return generation 11: whether the number is taken; earlier clients have no use for it
  virtual bool setMaxAuxStreams(int32_t nbStreams) noexcept = 0;

  // Up to generation 9.
  virtual void setMaxWorkspaceSize(std::size_t workspaceSize) noexcept = 0;
  virtual std::size_t getMaxWorkspaceSize() const noexcept = 0;
  virtual void setMinTimingIterations(int32_t minTiming) noexcept = 0;
  virtual int32_t getMinTimingIterations() const noexcept = 0;
  void destroy() noexcept { delete this; }
};

/// Makes networks, configurations, and engines of them.
class IBuilder {
 public:
  virtual ~IBuilder() noexcept = default;
  virtual bool platformHasFastFp16() const noexcept = 0;
  virtual bool platformHasFastInt8() const noexcept = 0;
  virtual int32_t getMaxDLABatchSize() const noexcept = 0;
  virtual int32_t getNbDLACores() const noexcept = 0;
  virtual void setGpuAllocator(IGpuAllocator* allocator) noexcept = 0;
  virtual IBuilderConfig* createBuilderConfig() noexcept = 0;
  virtual INetworkDefinition* createNetworkV2(NetworkDefinitionCreationFlags flags) noexcept = 0;
  virtual IOptimizationProfile* createOptimizationProfile() noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
  virtual void reset() noexcept = 0;
  virtual bool platformHasTf32() const noexcept = 0;
  virtual IHostMemory* buildSerializedNetwork(INetworkDefinition& network, IBuilderConfig& config) noexcept = 0;
  virtual bool buildSerializedNetworkToStream(INetworkDefinition& network, IBuilderConfig& config,
                                              IStreamWriter& writer) noexcept = 0;
  virtual IHostMemory* buildSerializedNetwork(INetworkDefinition& network, IBuilderConfig& config,
                                              IHostMemory*& kernelText) noexcept = 0;
  virtual ICudaEngine* buildEngineWithConfig(INetworkDefinition& network, IBuilderConfig& config) noexcept = 0;
  virtual bool isNetworkSupported(INetworkDefinition const& network, IBuilderConfig const& config) const noexcept = 0;
  virtual ILogger* getLogger() const noexcept = 0;
  virtual bool setMaxThreads(int32_t maxThreads) noexcept = 0;
  virtual int32_t getMaxThreads() const noexcept = 0;
  virtual IPluginRegistry& getPluginRegistry() noexcept = 0;

  // Up to generation 9.
  virtual void setMaxBatchSize(int32_t batchSize) noexcept = 0;
  virtual int32_t getMaxBatchSize() const noexcept = 0;
  void destroy() noexcept { delete this; }

  // Generation 7: the builder is its own configuration.
  virtual INetworkDefinition* createNetwork() noexcept = 0;
  virtual ICudaEngine* buildCudaEngine(INetworkDefinition& network) noexcept = 0;
  virtual void setMaxWorkspaceSize(std::size_t workspaceSize) noexcept = 0;
  virtual std::size_t getMaxWorkspaceSize() const noexcept = 0;
  virtual void setHalf2Mode(bool mode) noexcept = 0;
  virtual bool getHalf2Mode() const noexcept = 0;
  virtual void setFp16Mode(bool mode) noexcept = 0;
  virtual bool getFp16Mode() const noexcept = 0;
  virtual void setInt8Mode(bool mode) noexcept = 0;
  virtual bool getInt8Mode() const noexcept = 0;
  virtual void setInt8Calibrator(IInt8Calibrator* calibrator) noexcept = 0;
  virtual void setDebugSync(bool sync) noexcept = 0;
  virtual bool getDebugSync() const noexcept = 0;
  virtual void setMinFindIterations(int32_t minFind) noexcept = 0;
  virtual int32_t getMinFindIterations() const noexcept = 0;
  virtual void setAverageFindIterations(int32_t avgFind) noexcept = 0;
  virtual int32_t getAverageFindIterations() const noexcept = 0;
  virtual void setDeviceType(ILayer* layer, DeviceType deviceType) noexcept = 0;
  virtual DeviceType getDeviceType(ILayer const* layer) const noexcept = 0;
  virtual bool isDeviceTypeSet(ILayer const* layer) const noexcept = 0;
  virtual void resetDeviceType(ILayer* layer) noexcept = 0;
  virtual bool canRunOnDLA(ILayer const* layer) const noexcept = 0;
  virtual void setDefaultDeviceType(DeviceType deviceType) noexcept = 0;
  virtual DeviceType getDefaultDeviceType() const noexcept = 0;
  virtual void setDLACore(int32_t dlaCore) noexcept = 0;
  virtual int32_t getDLACore() const noexcept = 0;
  virtual void allowGPUFallback(bool setFallBackMode) noexcept = 0;
  virtual void setRefittable(bool canRefit) noexcept = 0;
  virtual bool getRefittable() const noexcept = 0;
  virtual void setStrictTypeConstraints(bool mode) noexcept = 0;
  virtual bool getStrictTypeConstraints() const noexcept = 0;
  virtual void setEngineCapability(EngineCapability capability) noexcept = 0;
  virtual EngineCapability getEngineCapability() const noexcept = 0;
  virtual void reset(INetworkDefinition& network) noexcept = 0;
};

}  // namespace nvinfer1
