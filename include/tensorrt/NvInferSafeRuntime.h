// The safety runtime. There is none: its functions give null.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInferRuntimeCommon.h"

namespace nvinfer1 {
namespace safe {

class IExecutionContext;
class IPluginRegistry;

/// Where a safe engine tells of infinities and NaNs.
struct FloatingPointErrorInformation {
  int32_t nbErrors;
};

/// An engine of a safe plan. Nobody makes one; programs that also serve the safety runtime compile with it.
class ICudaEngine {
 public:
  virtual ~ICudaEngine() noexcept = default;
  virtual int32_t getNbBindings() const noexcept = 0;
  virtual int32_t getBindingIndex(AsciiChar const* const name) const noexcept = 0;
  virtual AsciiChar const* getBindingName(int32_t const bindingIndex) const noexcept = 0;
  virtual bool bindingIsInput(int32_t const bindingIndex) const noexcept = 0;
  virtual Dims getBindingDimensions(int32_t const bindingIndex) const noexcept = 0;
  virtual DataType getBindingDataType(int32_t const bindingIndex) const noexcept = 0;
  virtual IExecutionContext* createExecutionContext() noexcept = 0;
  virtual IExecutionContext* createExecutionContextWithoutDeviceMemory() noexcept = 0;
  virtual std::size_t getDeviceMemorySize() const noexcept = 0;
  virtual int32_t getBindingBytesPerComponent(int32_t const bindingIndex) const noexcept = 0;
  virtual int32_t getBindingComponentsPerElement(int32_t const bindingIndex) const noexcept = 0;
  virtual TensorFormat getBindingFormat(int32_t const bindingIndex) const noexcept = 0;
  virtual int32_t getBindingVectorizedDim(int32_t const bindingIndex) const noexcept = 0;
  virtual AsciiChar const* getName() const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* const recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
  virtual Dims getTensorShape(AsciiChar const* tensorName) const noexcept = 0;
  virtual DataType getTensorDataType(AsciiChar const* tensorName) const noexcept = 0;
  virtual TensorIOMode getTensorIOMode(AsciiChar const* tensorName) const noexcept = 0;
  virtual int32_t getTensorBytesPerComponent(AsciiChar const* tensorName) const noexcept = 0;
  virtual int32_t getTensorComponentsPerElement(AsciiChar const* tensorName) const noexcept = 0;
  virtual TensorFormat getTensorFormat(AsciiChar const* tensorName) const noexcept = 0;
  virtual int32_t getTensorVectorizedDim(AsciiChar const* tensorName) const noexcept = 0;
  virtual int32_t getNbIOTensors() const noexcept = 0;
  virtual AsciiChar const* getIOTensorName(int32_t const index) const noexcept = 0;
};

/// A context of such an engine.
class IExecutionContext {
 public:
  virtual ~IExecutionContext() noexcept = default;
  virtual ICudaEngine const& getEngine() const noexcept = 0;
  virtual void setName(AsciiChar const* const name) noexcept = 0;
  virtual AsciiChar const* getName() const noexcept = 0;
  virtual void setDeviceMemory(void* const memory) noexcept = 0;
  virtual Dims getStrides(int32_t const bindingIndex) const noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* const recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
  virtual bool enqueueV2(void* const* const bindings, cudaStream_t const stream,
                         cudaEvent_t const* const inputConsumed) noexcept = 0;
  virtual void setErrorBuffer(FloatingPointErrorInformation* const buffer) noexcept = 0;
  virtual FloatingPointErrorInformation* getErrorBuffer() const noexcept = 0;
  virtual Dims getTensorStrides(AsciiChar const* tensorName) const noexcept = 0;
  virtual bool setInputTensorAddress(AsciiChar const* tensorName, void const* data) noexcept = 0;
  virtual bool setOutputTensorAddress(AsciiChar const* tensorName, void* data) noexcept = 0;
  virtual bool setInputConsumedEvent(cudaEvent_t event) noexcept = 0;
  virtual cudaEvent_t getInputConsumedEvent() const noexcept = 0;
  virtual void const* getInputTensorAddress(AsciiChar const* tensorName) const noexcept = 0;
  virtual void* getOutputTensorAddress(AsciiChar const* tensorName) const noexcept = 0;
  virtual bool enqueueV3(cudaStream_t stream) noexcept = 0;
};

/// Makes engines out of safe plans.
class IRuntime {
 public:
  virtual ~IRuntime() noexcept = default;
  virtual ICudaEngine* deserializeCudaEngine(void const* const blob, std::size_t const size) noexcept = 0;
  virtual void setGpuAllocator(IGpuAllocator* const allocator) noexcept = 0;
  virtual void setErrorRecorder(IErrorRecorder* const recorder) noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;
};

/// Always null.
inline IRuntime* createInferRuntime(ILogger& logger) noexcept {
  logger.log(ILogger::Severity::kERROR,
             "There is no safety runtime here; nvinfer1::createInferRuntime makes a runtime that reads every plan.");
  return nullptr;
}

}  // namespace safe
}  // namespace nvinfer1
