// Checks of safe plans. There are none: the checker is null.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInferRuntimeCommon.h"

namespace nvinfer1 {
namespace consistency {

/// Checks a plan.
class IConsistencyChecker {
 public:
  virtual ~IConsistencyChecker() = default;
  virtual bool validate() const noexcept = 0;
};

/// A creator that checks what its plugins wrote into a plan.
class IPluginChecker : public IPluginCreator {
 public:
  IPluginChecker() = default;
  virtual bool validate(char const* name, void const* serialData, std::size_t serialLength, PluginTensorDesc const* in,
                        std::size_t nbInputs, PluginTensorDesc const* out, std::size_t nbOutputs,
                        int64_t workspaceSize) const noexcept = 0;
};

/// Always null.
inline IConsistencyChecker* createConsistencyChecker(ILogger& logger, void const* /*blob*/, std::size_t /*size*/) {
  logger.log(ILogger::Severity::kERROR,
             "There is no consistency checker here; a runtime checks every plan before it makes an engine of it.");
  return nullptr;
}

}  // namespace consistency
}  // namespace nvinfer1
