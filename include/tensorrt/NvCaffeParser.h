// The parser of Caffe models (generations 7 and 8). Declared; every parse gives null and logs the way out: ONNX.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include <cstddef>

#include "NvInfer.h"

namespace nvinfer1 {
class IPlugin;
class IPluginV2;
}  // namespace nvinfer1

namespace nvcaffeparser1 {

/// Tensors by the names of the model's blobs.
class IBlobNameToTensor {
 public:
  virtual nvinfer1::ITensor* find(char const* name) const noexcept = 0;

 protected:
  virtual ~IBlobNameToTensor() {}
};

/// A tensor read from a binary file.
class IBinaryProtoBlob {
 public:
  virtual ~IBinaryProtoBlob() noexcept = default;
  virtual void const* getData() noexcept = 0;
  virtual nvinfer1::DimsNCHW getDimensions() noexcept = 0;
  virtual nvinfer1::DataType getDataType() noexcept = 0;
  void destroy() noexcept { delete this; }
};

/// Makes plugins for layers (generation 7).
class IPluginFactory {
 public:
  virtual ~IPluginFactory() {}
  virtual bool isPlugin(char const* layerName) TRTNOEXCEPT = 0;
  virtual nvinfer1::IPlugin* createPlugin(char const* layerName, nvinfer1::Weights const* weights,
                                          int32_t nbWeights) TRTNOEXCEPT = 0;
};

/// Makes extended plugins for layers (generation 7).
class IPluginFactoryExt : public IPluginFactory {
 public:
  virtual int32_t getVersion() const TRTNOEXCEPT { return NV_TENSORRT_VERSION; }
  virtual bool isPluginExt(char const* layerName) TRTNOEXCEPT = 0;
};

/// Makes plugins of the second generation for layers.
class IPluginFactoryV2 {
 public:
  virtual ~IPluginFactoryV2() {}
  virtual bool isPluginV2(char const* layerName) TRTNOEXCEPT = 0;
  virtual nvinfer1::IPluginV2* createPlugin(char const* layerName, nvinfer1::Weights const* weights, int32_t nbWeights,
                                            char const* libNamespace = "") TRTNOEXCEPT = 0;
};

/// Adds the layers of a Caffe model to a network.
class ICaffeParser {
 public:
  virtual ~ICaffeParser() noexcept = default;
  virtual IBlobNameToTensor const* parse(char const* deploy, char const* model, nvinfer1::INetworkDefinition& network,
                                         nvinfer1::DataType weightType) noexcept = 0;
  virtual IBlobNameToTensor const* parseBuffers(char const* deployBuffer, std::size_t deployLength,
                                                char const* modelBuffer, std::size_t modelLength,
                                                nvinfer1::INetworkDefinition& network,
                                                nvinfer1::DataType weightType) noexcept = 0;
  virtual IBinaryProtoBlob* parseBinaryProto(char const* fileName) noexcept = 0;
  virtual void setProtobufBufferSize(size_t size) noexcept = 0;
  virtual void setPluginFactory(IPluginFactory* factory) noexcept = 0;
  virtual void setPluginFactoryExt(IPluginFactoryExt* factory) noexcept = 0;
  virtual void setPluginFactoryV2(IPluginFactoryV2* factory) noexcept = 0;
  virtual void setPluginNamespace(char const* libNamespace) noexcept = 0;
  virtual void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept = 0;
  virtual nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept = 0;
  void destroy() noexcept { delete this; }
};

TENSORRTAPI ICaffeParser* createCaffeParser() noexcept;
TENSORRTAPI void shutdownProtobufLibrary() noexcept;

}  // namespace nvcaffeparser1
