// The plugins that come with the library.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInfer.h"
#include "NvInferPluginUtils.h"

extern "C" {
/// Registers creators of all plugins of libnvinfer_plugin in a namespace ("": none), where there are none yet.
TENSORRTAPI bool initLibNvInferPlugins(void* logger, char const* libNamespace);
}
