// Engines and execution contexts.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInferDynamicPlugin.h"

namespace nvinfer1 {

class ICudaEngine;
class IExecutionContext;
class IEngineInspector;
enum class HardwareCompatibilityLevel : int32_t;

/// What an engine must be able to do.
enum class EngineCapability : int32_t {
  kSTANDARD = 0,
  kSAFETY = 1,
  kDLA_STANDALONE = 2,
  kDEFAULT = 0,
  kSAFE_GPU = 1,
  kSAFE_DLA = 2
};
template <>
constexpr int32_t EnumMax<EngineCapability>() noexcept {
  return 3;
}

/// Kinds of devices.
enum class DeviceType : int32_t { kGPU = 0, kDLA = 1 };
template <>
constexpr int32_t EnumMax<DeviceType>() noexcept {
  return 2;
}

/// Ends and middle of a profile's range.
enum class OptProfileSelector : int32_t { kMIN = 0, kOPT = 1, kMAX = 2 };
template <>
constexpr int32_t EnumMax<OptProfileSelector>() noexcept {
  return 3;
}

/// Where kernels come from. Accepted without effect.
enum class TacticSource : int32_t {
  kCUBLAS = 0,
  kCUBLAS_LT = 1,
  kCUDNN = 2,
  kEDGE_MASK_CONVOLUTIONS = 3,
  kJIT_CONVOLUTIONS = 4
};
template <>
constexpr int32_t EnumMax<TacticSource>() noexcept {
  return 5;
}

/// A bit mask of `1U << TacticSource`.
using TacticSources = uint32_t;

/// What an engine tells of its layers.
enum class ProfilingVerbosity : int32_t { kLAYER_NAMES_ONLY = 0, kNONE = 1, kDETAILED = 2, kDEFAULT = 0, kVERBOSE = 2 };
template <>
constexpr int32_t EnumMax<ProfilingVerbosity>() noexcept {
  return 3;
}

/// Elements of a constant. The memory belongs to the client.
class Weights {
 public:
  DataType type;
  void const* values;
  int64_t count;
};

/// Bytes that the library made, such as a plan.
class IHostMemory {
 public:
  virtual ~IHostMemory() noexcept = default;
  virtual void* data() const noexcept = 0;
  virtual std::size_t size() const noexcept = 0;
  virtual DataType type() const noexcept = 0;
  void destroy() noexcept { delete this; }
};

/// Takes the bytes of a plan.
class IStreamWriter : public IVersionedInterface {
 public:
  IStreamWriter() = default;
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IStreamWriter", 1, 0}; }
  /// @return how many bytes were written; fewer than given is an error
  virtual int64_t write(void const* data, int64_t nbBytes) = 0;
};

/// What goes into a serialized engine.
enum class SerializationFlag : int32_t {
  /// Large weights that a refitter can give again are left out, as by BuilderFlag::kSTRIP_PLAN.
  kEXCLUDE_WEIGHTS = 0,
  /// Accepted: plans hold no runtime.
  kEXCLUDE_LEAN_RUNTIME = 1,
  /// The plan's engine can be refitted if this one can; without it only a plan without weights can.
  kINCLUDE_REFIT = 2
};
template <>
constexpr int32_t EnumMax<SerializationFlag>() noexcept {
  return 3;
}

/// A bit mask of `1U << SerializationFlag`.
using SerializationFlags = uint32_t;

/// How an engine is serialized.
class ISerializationConfig {
 public:
  virtual ~ISerializationConfig() noexcept = default;
  virtual bool setFlags(SerializationFlags serializationFlags) noexcept = 0;
  virtual SerializationFlags getFlags() const noexcept = 0;
  virtual bool clearFlag(SerializationFlag serializationFlag) noexcept = 0;
  virtual bool setFlag(SerializationFlag serializationFlag) noexcept = 0;
  virtual bool getFlag(SerializationFlag serializationFlag) const noexcept = 0;
};

/// Who provides a context's memory, and when.
enum class ExecutionContextAllocationStrategy : int32_t {
  /// The context, for all profiles at once: from the allocator if there is one, else as runs need it.
  kSTATIC = 0,
  /// The context, for each profile when it is chosen.
  kON_PROFILE_CHANGE = 1,
  /// The client, by setDeviceMemoryV2().
  kUSER_MANAGED = 2
};
template <>
constexpr int32_t EnumMax<ExecutionContextAllocationStrategy>() noexcept {
  return 3;
}

/// How a context is made.
class IRuntimeConfig {
 public:
  virtual ~IRuntimeConfig() noexcept = default;
  virtual void setExecutionContextAllocationStrategy(ExecutionContextAllocationStrategy strategy) noexcept = 0;
  virtual ExecutionContextAllocationStrategy getExecutionContextAllocationStrategy() const noexcept = 0;
};

/// Sizes that an engine tells.
enum class EngineStat : int32_t { kTOTAL_WEIGHTS_SIZE = 0, kSTRIPPED_WEIGHTS_SIZE = 1 };
template <>
constexpr int32_t EnumMax<EngineStat>() noexcept {
  return 2;
}

/// Told of each layer's time after a run.
class IProfiler : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IProfiler", 1, 0}; }
  virtual void reportLayerTime(char const* layerName, float ms) TRTNOEXCEPT = 0;
};

/// An engine: immutable, shared by its contexts, safe for concurrent use.
/// Tensors have names. Bindings, up to generation 9, number them: inputs and outputs in the order of the network, once
/// for each profile.
class ICudaEngine {
 public:
  virtual ~ICudaEngine() noexcept = default;
  virtual Dims getTensorShape(char const* tensorName) const noexcept = 0;
  virtual DataType getTensorDataType(char const* tensorName) const noexcept = 0;
  virtual int32_t getNbLayers() const noexcept = 0;
  virtual IHostMemory* serialize() const noexcept = 0;
  virtual IExecutionContext* createExecutionContext(
      ExecutionContextAllocationStrategy strategy = ExecutionContextAllocationStrategy::kSTATIC) noexcept = 0;
  virtual IExecutionContext* createExecutionContext(IRuntimeConfig* runtimeConfig) noexcept = 0;
  virtual IExecutionContext* createExecutionContextWithoutDeviceMemory() noexcept = 0;
  virtual IRuntimeConfig* createRuntimeConfig() noexcept = 0;
  /// kHOST for shape tensors, kDEVICE for all else. An engine takes any of them from where it lies.
  virtual TensorLocation getTensorLocation(char const* tensorName) const noexcept = 0;
  virtual bool isShapeInferenceIO(char const* tensorName) const noexcept = 0;
  virtual TensorIOMode getTensorIOMode(char const* tensorName) const noexcept = 0;
  virtual char const* getAliasedInputTensor(char const* tensorName) const noexcept = 0;
  virtual std::size_t getDeviceMemorySize() const noexcept = 0;
  virtual std::size_t getDeviceMemorySizeForProfile(int32_t profileIndex) const noexcept = 0;
  virtual int64_t getDeviceMemorySizeV2() const noexcept = 0;
  virtual int64_t getDeviceMemorySizeForProfileV2(int32_t profileIndex) const noexcept = 0;
  virtual bool isRefittable() const noexcept = 0;
  virtual int32_t getTensorBytesPerComponent(char const* tensorName) const noexcept = 0;
  virtual int32_t getTensorBytesPerComponent(char const* tensorName, int32_t profileIndex) const noexcept = 0;
  virtual int32_t getTensorComponentsPerElement(char const* tensorName) const noexcept = 0;
  virtual int32_t getTensorComponentsPerElement(char const* tensorName, int32_t profileIndex) const noexcept = 0;
  virtual TensorFormat getTensorFormat(char const* tensorName) const noexcept = 0;
  virtual TensorFormat getTensorFormat(char const* tensorName, int32_t profileIndex) const noexcept = 0;
  virtual char const* getTensorFormatDesc(char const* tensorName) const noexcept = 0;
  virtual char const* getTensorFormatDesc(char const* tensorName, int32_t profileIndex) const noexcept = 0;
  virtual int32_t getTensorVectorizedDim(char const* tensorName) const noexcept = 0;
  virtual int32_t getTensorVectorizedDim(char const* tensorName, int32_t profileIndex) const noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  virtual int32_t getNbOptimizationProfiles() const noexcept = 0;
  virtual Dims getProfileShape(char const* tensorName, int32_t profileIndex,
                               OptProfileSelector select) const noexcept = 0;
  virtual int32_t const* getProfileTensorValues(char const* tensorName, int32_t profileIndex,
                                                OptProfileSelector select) const noexcept = 0;
  virtual int64_t const* getProfileTensorValuesV2(char const* tensorName, int32_t profileIndex,
                                                  OptProfileSelector select) const noexcept = 0;
  virtual EngineCapability getEngineCapability() const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
  virtual bool hasImplicitBatchDimension() const noexcept = 0;
  virtual TacticSources getTacticSources() const noexcept = 0;
  virtual ProfilingVerbosity getProfilingVerbosity() const noexcept = 0;
  virtual IEngineInspector* createEngineInspector() const noexcept = 0;
  virtual int32_t getNbIOTensors() const noexcept = 0;
  virtual char const* getIOTensorName(int32_t index) const noexcept = 0;
  virtual HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept = 0;
  virtual int32_t getNbAuxStreams() const noexcept = 0;
  virtual ISerializationConfig* createSerializationConfig() noexcept = 0;
  virtual IHostMemory* serializeWithConfig(ISerializationConfig& config) const noexcept = 0;
  /// Budgets are for engines built with BuilderFlag::kWEIGHT_STREAMING, of which no context is left: else false.
  /// Weights are in host memory all the time, so that a budget changes no more than the numbers that follow from it.
  /// @param gpuMemoryBudget -1: chosen by the library; 0: no streaming; else getMinimumWeightStreamingBudget() or more
  virtual bool setWeightStreamingBudget(int64_t gpuMemoryBudget) noexcept = 0;
  virtual int64_t getWeightStreamingBudget() const noexcept = 0;
  virtual int64_t getMinimumWeightStreamingBudget() const noexcept = 0;
  virtual int64_t getStreamableWeightsSize() const noexcept = 0;
  /// @param gpuMemoryBudget 0 or more; getStreamableWeightsSize() or more: no streaming
  virtual bool setWeightStreamingBudgetV2(int64_t gpuMemoryBudget) noexcept = 0;
  virtual int64_t getWeightStreamingBudgetV2() const noexcept = 0;
  virtual int64_t getWeightStreamingAutomaticBudget() const noexcept = 0;
  virtual int64_t getWeightStreamingScratchMemorySize() const noexcept = 0;
  virtual bool isDebugTensor(char const* name) const noexcept = 0;
  virtual int64_t getEngineStat(EngineStat stat) const noexcept = 0;

  // Up to generation 9.
  virtual int32_t getNbBindings() const noexcept = 0;
  virtual int32_t getBindingIndex(char const* name) const noexcept = 0;
  virtual char const* getBindingName(int32_t bindingIndex) const noexcept = 0;
  virtual bool bindingIsInput(int32_t bindingIndex) const noexcept = 0;
  virtual Dims getBindingDimensions(int32_t bindingIndex) const noexcept = 0;
  virtual DataType getBindingDataType(int32_t bindingIndex) const noexcept = 0;
  virtual int32_t getMaxBatchSize() const noexcept = 0;
  virtual std::size_t getWorkspaceSize() const noexcept = 0;
  virtual TensorLocation getLocation(int32_t bindingIndex) const noexcept = 0;
  virtual int32_t getBindingBytesPerComponent(int32_t bindingIndex) const noexcept = 0;
  virtual int32_t getBindingComponentsPerElement(int32_t bindingIndex) const noexcept = 0;
  virtual TensorFormat getBindingFormat(int32_t bindingIndex) const noexcept = 0;
  virtual char const* getBindingFormatDesc(int32_t bindingIndex) const noexcept = 0;
  virtual int32_t getBindingVectorizedDim(int32_t bindingIndex) const noexcept = 0;
  virtual Dims getProfileDimensions(int32_t bindingIndex, int32_t profileIndex,
                                    OptProfileSelector select) const noexcept = 0;
  virtual int32_t const* getProfileShapeValues(int32_t profileIndex, int32_t inputIndex,
                                               OptProfileSelector select) const noexcept = 0;
  virtual bool isShapeBinding(int32_t bindingIndex) const noexcept = 0;
  virtual bool isExecutionBinding(int32_t bindingIndex) const noexcept = 0;
  void destroy() noexcept { delete this; }
};

/// Provides the memory of an output whose size is known only when the engine has run.
class IOutputAllocator : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IOutputAllocator", 1, 0}; }
  virtual int32_t getInterfaceVersion() const noexcept { return 1; }
  /// @param currentMemory what setTensorAddress gave or an earlier call returned
  virtual void* reallocateOutput(char const* /*tensorName*/, void* /*currentMemory*/, uint64_t /*size*/,
                                 uint64_t /*alignment*/) noexcept {
    return nullptr;
  }
  virtual void* reallocateOutputAsync(char const* tensorName, void* currentMemory, uint64_t size, uint64_t alignment,
                                      cudaStream_t /*stream*/) {
    return reallocateOutput(tensorName, currentMemory, size, alignment);
  }
  virtual void notifyShape(char const* tensorName, Dims const& dims) noexcept = 0;
};

/// Shown the debug tensors of a network whose state is on, at the end of each run and in the order they were computed.
class IDebugListener : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IDebugListener", 1, 0}; }
  /// @param addr valid during the call @return false: the run fails
  virtual bool processDebugTensor(void const* addr, TensorLocation location, DataType type, Dims const& shape,
                                  char const* name, cudaStream_t stream) = 0;
};

/// A context to run an engine in: shapes, addresses, memory. One thread at a time.
/// On the CPU backend addresses are of host memory, a stream is not looked at, and every run has ended when the call
/// returns.
class IExecutionContext {
 public:
  virtual ~IExecutionContext() noexcept = default;
  /// Accepted without effect.
  virtual void setDebugSync(bool sync) noexcept = 0;
  virtual bool getDebugSync() const noexcept = 0;
  virtual void setProfiler(IProfiler* profiler) noexcept = 0;
  virtual IProfiler* getProfiler() const noexcept = 0;
  virtual ICudaEngine const& getEngine() const noexcept = 0;
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  /// Memory for runs, of a context made with kUSER_MANAGED: getDeviceMemorySizeV2() bytes (V2: or as many as
  /// updateDeviceMemorySizeForShapes() says) at a multiple of 64.
  virtual void setDeviceMemory(void* memory) noexcept = 0;
  virtual void setDeviceMemoryV2(void* memory, int64_t size) noexcept = 0;
  virtual Dims getTensorStrides(char const* tensorName) const noexcept = 0;
  virtual int32_t getOptimizationProfile() const noexcept = 0;
  virtual bool setInputShape(char const* tensorName, Dims const& dims) noexcept = 0;
  virtual Dims getTensorShape(char const* tensorName) const noexcept = 0;
  virtual bool allInputDimensionsSpecified() const noexcept = 0;
  virtual bool allInputShapesSpecified() const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
  virtual bool executeV2(void* const* bindings) noexcept = 0;
  virtual bool setOptimizationProfileAsync(int32_t profileIndex, cudaStream_t stream) noexcept = 0;
  virtual void setEnqueueEmitsProfile(bool enqueueEmitsProfile) noexcept = 0;
  virtual bool getEnqueueEmitsProfile() const noexcept = 0;
  virtual bool reportToProfiler() const noexcept = 0;
  virtual bool setTensorAddress(char const* tensorName, void* data) noexcept = 0;
  virtual void const* getTensorAddress(char const* tensorName) const noexcept = 0;
  virtual bool setOutputTensorAddress(char const* tensorName, void* data) noexcept = 0;
  virtual bool setInputTensorAddress(char const* tensorName, void const* data) noexcept = 0;
  virtual void* getOutputTensorAddress(char const* tensorName) const noexcept = 0;
  /// @return 0, or how many input shapes or values are missing; at most nbMaxNames of their names are written
  virtual int32_t inferShapes(int32_t nbMaxNames, char const** tensorNames) noexcept = 0;
  virtual std::size_t updateDeviceMemorySizeForShapes() noexcept = 0;
  /// Recorded in the stream after a run that the caller's CUDA driver queued; of no use where enqueueV3 waits.
  virtual bool setInputConsumedEvent(cudaEvent_t event) noexcept = 0;
  virtual cudaEvent_t getInputConsumedEvent() const noexcept = 0;
  virtual bool setOutputAllocator(char const* tensorName, IOutputAllocator* outputAllocator) noexcept = 0;
  virtual IOutputAllocator* getOutputAllocator(char const* tensorName) const noexcept = 0;
  virtual int64_t getMaxOutputSize(char const* tensorName) const noexcept = 0;
  virtual bool setTemporaryStorageAllocator(IGpuAllocator* allocator) noexcept = 0;
  virtual IGpuAllocator* getTemporaryStorageAllocator() const noexcept = 0;
  virtual bool enqueueV3(cudaStream_t stream) noexcept = 0;
  /// Accepted without effect.
  virtual void setPersistentCacheLimit(std::size_t size) noexcept = 0;
  virtual std::size_t getPersistentCacheLimit() const noexcept = 0;
  virtual bool setNvtxVerbosity(ProfilingVerbosity verbosity) noexcept = 0;
  virtual ProfilingVerbosity getNvtxVerbosity() const noexcept = 0;
  virtual void setAuxStreams(cudaStream_t* auxStreams, int32_t nbStreams) noexcept = 0;
  virtual bool setDebugListener(IDebugListener* listener) noexcept = 0;
  virtual IDebugListener* getDebugListener() noexcept = 0;
  virtual bool setTensorDebugState(char const* name, bool flag) noexcept = 0;
  virtual bool getDebugState(char const* name) const noexcept = 0;
  virtual IRuntimeConfig* getRuntimeConfig() const noexcept = 0;
  virtual bool setAllTensorsDebugState(bool flag) noexcept = 0;
  virtual bool setUnfusedTensorsDebugState(bool flag) noexcept = 0;
  virtual bool getUnfusedTensorsDebugState() const noexcept = 0;
  /// There are no collective operations: false.
  virtual bool setCommunicator(void* communicator) noexcept = 0;

  // Up to generation 9. `bindings`: an address for each binding of the engine.
  virtual bool execute(int32_t batchSize, void* const* bindings) noexcept = 0;
  virtual bool enqueue(int32_t batchSize, void* const* bindings, cudaStream_t stream,
                       cudaEvent_t* inputConsumed) noexcept = 0;
  virtual bool enqueueV2(void* const* bindings, cudaStream_t stream, cudaEvent_t* inputConsumed) noexcept = 0;
  virtual Dims getStrides(int32_t bindingIndex) const noexcept = 0;
  virtual bool setOptimizationProfile(int32_t profileIndex) noexcept = 0;
  virtual bool setBindingDimensions(int32_t bindingIndex, Dims dimensions) noexcept = 0;
  virtual Dims getBindingDimensions(int32_t bindingIndex) const noexcept = 0;
  virtual bool setInputShapeBinding(int32_t bindingIndex, int32_t const* data) noexcept = 0;
  virtual bool getShapeBinding(int32_t bindingIndex, int32_t* data) const noexcept = 0;
  void destroy() noexcept { delete this; }
};

/// Forms of a description.
enum class LayerInformationFormat : int32_t { kONELINE = 0, kJSON = 1 };
template <>
constexpr int32_t EnumMax<LayerInformationFormat>() noexcept {
  return 2;
}

/// Describes an engine's layers. A text is valid until the next call, or the inspector's end.
class IEngineInspector {
 public:
  virtual ~IEngineInspector() noexcept = default;
  virtual bool setExecutionContext(IExecutionContext const* context) noexcept = 0;
  virtual IExecutionContext const* getExecutionContext() const noexcept = 0;
  virtual char const* getLayerInformation(int32_t layerIndex, LayerInformationFormat format) const noexcept = 0;
  virtual char const* getEngineInformation(LayerInformationFormat format) const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
  void destroy() noexcept { delete this; }
};

}  // namespace nvinfer1
