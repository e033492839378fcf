// The safety runtime. There is none: its functions give null.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInferRuntimeCommon.h"

namespace nvinfer1 {
namespace safe {

class ICudaEngine;
class IExecutionContext;
class IPluginRegistry;

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
