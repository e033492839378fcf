// What the library says of itself.
#include "NvInfer.h"

extern "C" {
TENSORRTAPI int32_t getInferLibVersion() noexcept { return static_cast<int32_t>(NV_TENSORRT_VERSION); }
TENSORRTAPI int32_t getInferLibMajorVersion() noexcept { return NV_TENSORRT_MAJOR; }
TENSORRTAPI int32_t getInferLibMinorVersion() noexcept { return NV_TENSORRT_MINOR; }
TENSORRTAPI int32_t getInferLibPatchVersion() noexcept { return NV_TENSORRT_PATCH; }
TENSORRTAPI int32_t getInferLibBuildVersion() noexcept { return NV_TENSORRT_BUILD; }
}

namespace nvinfer1 {
extern "C" TENSORRTAPI bool setInternalLibraryPath(char const* path) noexcept { return path != nullptr; }
}  // namespace nvinfer1
