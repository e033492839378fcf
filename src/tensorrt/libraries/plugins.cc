// libnvinfer_plugin: the entry point, which registers what src/tensorrt/plugins has.
#include "NvInferPlugin.h"

#include "tensorrt/plugins/plugin.h"

extern "C" TENSORRTAPI bool initLibNvInferPlugins(void* logger, char const* libNamespace) {
  try {
    vivace::tensorrt::plugins::register_all(static_cast<nvinfer1::ILogger*>(logger), libNamespace);
    return true;
  } catch (...) {  // no memory
    return false;
  }
}
