// The build phase: network definition, builder, configuration.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInferBuilder.h"

extern "C" TENSORRTAPI void* createInferBuilder_INTERNAL(void* logger, int32_t version) noexcept;

namespace nvinfer1 {

namespace {
/// Makes a builder; null where the library does not fit the headers' version.
inline IBuilder* createInferBuilder(ILogger& logger) noexcept {
  return static_cast<IBuilder*>(createInferBuilder_INTERNAL(&logger, NV_TENSORRT_VERSION));
}
}  // namespace

namespace safe {
class IPluginRegistry;
}

extern "C" TENSORRTAPI IPluginRegistry* getBuilderPluginRegistry(EngineCapability capability) noexcept;
/// The registry of a safety runtime: there is none, so always null.
extern "C" TENSORRTAPI safe::IPluginRegistry* getBuilderSafePluginRegistry(EngineCapability capability) noexcept;
/// Accepted without effect.
extern "C" TENSORRTAPI bool setInternalLibraryPath(char const* path) noexcept;

}  // namespace nvinfer1
