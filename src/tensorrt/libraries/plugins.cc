// libnvinfer_plugin: there is nothing in it to register.
#include "NvInferPlugin.h"

extern "C" TENSORRTAPI bool initLibNvInferPlugins(void* logger, char const*) {
  if (logger)
    static_cast<nvinfer1::ILogger*>(logger)->log(
        nvinfer1::ILogger::Severity::kVERBOSE,
        "No plugins come with Vivace; operators that TensorRT computes by plugins are part of it.");
  return true;
}
