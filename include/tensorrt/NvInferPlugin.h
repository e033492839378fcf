// The plugins that come with the library: there are none; operators that TensorRT computes by plugins are built in.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInfer.h"
#include "NvInferPluginUtils.h"

extern "C" {
/// Accepted, with one message; the registry stays as it is.
TENSORRTAPI bool initLibNvInferPlugins(void* logger, char const* libNamespace);
}
