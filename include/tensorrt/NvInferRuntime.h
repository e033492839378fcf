// The runtime phase: engines out of plans, and their execution.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInferEngine.h"

extern "C" TENSORRTAPI void* createInferRuntime_INTERNAL(void* logger, int32_t version) noexcept;
extern "C" TENSORRTAPI void* createInferRefitter_INTERNAL(void* engine, void* logger, int32_t version) noexcept;

namespace nvinfer1 {

/// Which temporary files a runtime may make.
enum class TempfileControlFlag : int32_t { kALLOW_IN_MEMORY_FILES = 0, kALLOW_TEMPORARY_FILES = 1 };
template <>
constexpr int32_t EnumMax<TempfileControlFlag>() noexcept {
  return 2;
}

/// A bit mask of `1U << TempfileControlFlag`.
using TempfileControlFlags = uint32_t;

/// Gives the bytes of a plan, in order.
class IStreamReader : public IVersionedInterface {
 public:
  IStreamReader() = default;
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IStreamReader", 1, 0}; }
  /// @return how many bytes were read; fewer than asked for at the end
  virtual int64_t read(void* destination, int64_t nbBytes) = 0;
};

/// Where a seek counts from.
enum class SeekPosition : int32_t { kSET = 0, kCUR = 1, kEND = 2 };
template <>
constexpr int32_t EnumMax<SeekPosition>() noexcept {
  return 3;
}

/// Gives the bytes of a plan, from any place of it.
class IStreamReaderV2 : public IVersionedInterface {
 public:
  IStreamReaderV2() = default;
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IStreamReaderV2", 1, 0}; }
  virtual int64_t read(void* destination, int64_t nbBytes, cudaStream_t stream) noexcept = 0;
  virtual bool seek(int64_t offset, SeekPosition where) noexcept = 0;
};

/// Makes engines out of plans. A plan that is damaged or of another program gives null, and a message tells why.
class IRuntime {
 public:
  virtual ~IRuntime() noexcept = default;
  /// Accepted without effect: there is no DLA.
  virtual void setDLACore(int32_t dlaCore) noexcept = 0;
  virtual int32_t getDLACore() const noexcept = 0;
  virtual int32_t getNbDLACores() const noexcept = 0;
  /// For the engines made afterwards.
  virtual void setGpuAllocator(IGpuAllocator* allocator) noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
  /// @param blob a plan, copied: its memory may go after the call
  virtual ICudaEngine* deserializeCudaEngine(void const* blob, std::size_t size) noexcept = 0;
  /// Up to generation 8; the factory is ignored.
  ICudaEngine* deserializeCudaEngine(void const* blob, std::size_t size, IPluginFactory* /*pluginFactory*/) noexcept {
    return deserializeCudaEngine(blob, size);
  }
  virtual ICudaEngine* deserializeCudaEngine(IStreamReader& streamReader) noexcept = 0;
  virtual ICudaEngine* deserializeCudaEngine(IStreamReaderV2& streamReader) noexcept = 0;
  virtual ILogger* getLogger() const noexcept = 0;
  /// Threads of the engines made afterwards; by default one per core.
  virtual bool setMaxThreads(int32_t maxThreads) noexcept = 0;
  virtual int32_t getMaxThreads() const noexcept = 0;
  /// Accepted without effect: no temporary files are made.
  virtual void setTemporaryDirectory(char const* path) noexcept = 0;
  virtual char const* getTemporaryDirectory() const noexcept = 0;
  virtual void setTempfileControlFlags(TempfileControlFlags flags) noexcept = 0;
  virtual TempfileControlFlags getTempfileControlFlags() const noexcept = 0;
  virtual IPluginRegistry& getPluginRegistry() noexcept = 0;
  /// A runtime of another copy of this library; of anything else null and a message.
  virtual IRuntime* loadRuntime(char const* path) noexcept = 0;
  /// Accepted without effect: plans hold no code.
  virtual void setEngineHostCodeAllowed(bool allowed) noexcept = 0;
  virtual bool getEngineHostCodeAllowed() const noexcept = 0;
  void destroy() noexcept { delete this; }
};

/// What a layer's weights are.
enum class WeightsRole : int32_t { kKERNEL = 0, kBIAS = 1, kSHIFT = 2, kSCALE = 3, kCONSTANT = 4, kANY = 5 };
template <>
constexpr int32_t EnumMax<WeightsRole>() noexcept {
  return 6;
}

/// Gives new weights to an engine. Weights are named; the names are those of getAllWeights.
class IRefitter {
 public:
  virtual ~IRefitter() noexcept = default;
  virtual bool setWeights(char const* layerName, WeightsRole role, Weights weights) noexcept = 0;
  virtual bool refitCudaEngine() noexcept = 0;
  virtual int32_t getMissing(int32_t size, char const** layerNames, WeightsRole* roles) noexcept = 0;
  virtual int32_t getAll(int32_t size, char const** layerNames, WeightsRole* roles) noexcept = 0;
  /// Dynamic ranges belong to 8-bit tensors, of which engines have none: false, NaN and 0.
  virtual bool setDynamicRange(char const* tensorName, float min, float max) noexcept = 0;
  virtual float getDynamicRangeMin(char const* tensorName) const noexcept = 0;
  virtual float getDynamicRangeMax(char const* tensorName) const noexcept = 0;
  virtual int32_t getTensorsWithDynamicRange(int32_t size, char const** tensorNames) const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
  virtual bool setNamedWeights(char const* name, Weights weights) noexcept = 0;
  virtual bool setNamedWeights(char const* name, Weights weights, TensorLocation location) noexcept = 0;
  /// @return how many names there are; at most `size` of them are written
  virtual int32_t getMissingWeights(int32_t size, char const** weightsNames) noexcept = 0;
  virtual int32_t getAllWeights(int32_t size, char const** weightsNames) noexcept = 0;
  virtual ILogger* getLogger() const noexcept = 0;
  /// Accepted without effect.
  virtual bool setMaxThreads(int32_t maxThreads) noexcept = 0;
  virtual int32_t getMaxThreads() const noexcept = 0;
  virtual Weights getNamedWeights(char const* weightsName) const noexcept = 0;
  virtual TensorLocation getWeightsLocation(char const* weightsName) const noexcept = 0;
  virtual bool unsetNamedWeights(char const* weightsName) noexcept = 0;
  virtual void setWeightsValidation(bool weightsValidation) noexcept = 0;
  virtual bool getWeightsValidation() const noexcept = 0;
  /// Refits before it returns.
  virtual bool refitCudaEngineAsync(cudaStream_t stream) noexcept = 0;
  virtual Weights getWeightsPrototype(char const* weightsName) const noexcept = 0;
  void destroy() noexcept { delete this; }
};

namespace {

/// Makes a runtime; null where the library does not fit the headers' version.
inline IRuntime* createInferRuntime(ILogger& logger) noexcept {
  return static_cast<IRuntime*>(createInferRuntime_INTERNAL(&logger, NV_TENSORRT_VERSION));
}

/// Makes a refitter of `engine`, which must outlive it.
inline IRefitter* createInferRefitter(ICudaEngine& engine, ILogger& logger) noexcept {
  return static_cast<IRefitter*>(createInferRefitter_INTERNAL(&engine, &logger, NV_TENSORRT_VERSION));
}

}  // namespace

/// Names of generation 10's interface versions.
namespace v_1_0 {
using nvinfer1::IDebugListener;
using nvinfer1::IErrorRecorder;
using nvinfer1::IGpuAllocator;
using nvinfer1::IGpuAsyncAllocator;
using nvinfer1::IOutputAllocator;
using nvinfer1::IPluginCapability;
using nvinfer1::IPluginCreator;
using nvinfer1::IPluginCreatorInterface;
using nvinfer1::IPluginCreatorV3One;
using nvinfer1::IPluginResource;
using nvinfer1::IPluginV3;
using nvinfer1::IPluginV3OneBuild;
using nvinfer1::IPluginV3OneCore;
using nvinfer1::IPluginV3OneRuntime;
using nvinfer1::IProfiler;
using nvinfer1::IStreamReader;
using nvinfer1::IStreamReaderV2;
using nvinfer1::IStreamWriter;
}  // namespace v_1_0
namespace v_2_0 {
using IPluginV3OneBuild = nvinfer1::IPluginV3OneBuildV2;
}

}  // namespace nvinfer1
