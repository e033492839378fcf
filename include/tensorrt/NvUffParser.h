// The parser of UFF models (generations 7 and 8). Declared; every parse gives false and logs the way out: ONNX.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include <cstddef>

#include "NvInfer.h"

#define UFF_REQUIRED_VERSION_MAJOR 0
#define UFF_REQUIRED_VERSION_MINOR 6
#define UFF_REQUIRED_VERSION_PATCH 9

namespace nvinfer1 {
class IPlugin;
}

namespace nvuffparser {

/// Order of an input's dimensions.
enum class UffInputOrder : int32_t { kNCHW = 0, kNHWC = 1, kNC = 2 };

/// Types of fields.
enum class FieldType : int32_t { kFLOAT = 0, kINT32 = 1, kCHAR = 2, kDIMS = 4, kDATATYPE = 5, kUNKNOWN = 6 };

/// A field of a layer: its name and data.
class FieldMap {
 public:
  char const* name;
  void const* data;
  FieldType type;
  int32_t length;
  FieldMap(char const* name_, void const* data_, FieldType const type_, int32_t length_ = 1) noexcept
      : name(name_), data(data_), type(type_), length(length_) {}
};

/// Fields of a layer.
struct FieldCollection {
  int32_t nbFields;
  FieldMap const* fields;
};

/// Makes plugins for layers (generation 7).
class IPluginFactory {
 public:
  virtual ~IPluginFactory() {}
  virtual bool isPlugin(char const* layerName) TRTNOEXCEPT = 0;
  virtual nvinfer1::IPlugin* createPlugin(char const* layerName, nvinfer1::Weights const* weights, int32_t nbWeights,
                                          FieldCollection const fc) TRTNOEXCEPT = 0;
};

/// Makes extended plugins for layers (generation 7).
class IPluginFactoryExt : public IPluginFactory {
 public:
  virtual int32_t getVersion() const TRTNOEXCEPT { return NV_TENSORRT_VERSION; }
  virtual bool isPluginExt(char const* layerName) TRTNOEXCEPT = 0;
};

/// Adds the layers of a UFF model to a network.
class IUffParser {
 public:
  virtual ~IUffParser() noexcept = default;
  virtual bool registerInput(char const* inputName, nvinfer1::Dims inputDims, UffInputOrder inputOrder) noexcept = 0;
  virtual bool registerOutput(char const* outputName) noexcept = 0;
  virtual bool parse(char const* file, nvinfer1::INetworkDefinition& network,
                     nvinfer1::DataType weightsType = nvinfer1::DataType::kFLOAT) noexcept = 0;
  virtual bool parseBuffer(char const* buffer, std::size_t size, nvinfer1::INetworkDefinition& network,
                           nvinfer1::DataType weightsType = nvinfer1::DataType::kFLOAT) noexcept = 0;
  virtual int32_t getUffRequiredVersionMajor() noexcept = 0;
  virtual int32_t getUffRequiredVersionMinor() noexcept = 0;
  virtual int32_t getUffRequiredVersionPatch() noexcept = 0;
  virtual void setPluginFactory(IPluginFactory* factory) noexcept = 0;
  virtual void setPluginFactoryExt(IPluginFactoryExt* factory) noexcept = 0;
  virtual void setPluginNamespace(char const* libNamespace) noexcept = 0;
  virtual void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept = 0;
  virtual nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept = 0;
  void destroy() noexcept { delete this; }
};

TENSORRTAPI IUffParser* createUffParser() noexcept;
TENSORRTAPI void shutdownProtobufLibrary(void) noexcept;

}  // namespace nvuffparser
