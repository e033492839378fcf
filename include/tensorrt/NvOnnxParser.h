// The parser of ONNX models, and the refitter that takes weights from one.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include <stddef.h>

#include <string>
#include <utility>
#include <vector>

#include "NvInfer.h"

#define NV_ONNX_PARSER_MAJOR 0
#define NV_ONNX_PARSER_MINOR 1
// Tells libnvonnxparser which of its two forms a client's networks are of.
#if VIVACE_TENSORRT_MAJOR < 10
#define NV_ONNX_PARSER_PATCH 0
#else
#define NV_ONNX_PARSER_PATCH 1
#endif

static constexpr int32_t NV_ONNX_PARSER_VERSION =
    NV_ONNX_PARSER_MAJOR * 10000 + NV_ONNX_PARSER_MINOR * 100 + NV_ONNX_PARSER_PATCH;

/// Indices of nodes, and whether all of them are supported.
typedef std::pair<std::vector<size_t>, bool> SubGraph_t;
typedef std::vector<SubGraph_t> SubGraphCollection_t;

namespace nvonnxparser {

template <typename T>
constexpr int32_t EnumMax() noexcept;

/// Kinds of errors of the parser.
enum class ErrorCode : int {
  kSUCCESS = 0,
  kINTERNAL_ERROR = 1,
  kMEM_ALLOC_FAILED = 2,
  kMODEL_DESERIALIZE_FAILED = 3,
  kINVALID_VALUE = 4,
  kINVALID_GRAPH = 5,
  kINVALID_NODE = 6,
  kUNSUPPORTED_GRAPH = 7,
  kUNSUPPORTED_NODE = 8,
  kUNSUPPORTED_NODE_ATTR = 9,
  kUNSUPPORTED_NODE_INPUT = 10,
  kUNSUPPORTED_NODE_DATATYPE = 11,
  kUNSUPPORTED_NODE_DYNAMIC = 12,
  kUNSUPPORTED_NODE_SHAPE = 13,
  kREFIT_FAILED = 14
};
template <>
constexpr int32_t EnumMax<ErrorCode>() noexcept {
  return 15;
}

/// Choices of the parser. Accepted without effect.
enum class OnnxParserFlag : int32_t {
  kNATIVE_INSTANCENORM = 0,
  kENABLE_UINT8_AND_ASYMMETRIC_QUANTIZATION_DLA = 1,
  kREPORT_CAPABILITY_DLA = 2,
  /// Plugins that are registered come before operators of the same name.
  kENABLE_PLUGIN_OVERRIDE = 3,
  kADJUST_FOR_DLA = 4
};
template <>
constexpr int32_t EnumMax<OnnxParserFlag>() noexcept {
  return 5;
}
/// A bit mask of `1U << OnnxParserFlag`.
using OnnxParserFlags = uint32_t;

/// What went wrong, and where.
class IParserError {
 public:
  virtual ErrorCode code() const = 0;
  virtual char const* desc() const = 0;
  virtual char const* file() const = 0;
  virtual int line() const = 0;
  virtual char const* func() const = 0;
  /// Index of the node in the model; -1 where the error is of no node.
  virtual int node() const = 0;
  virtual char const* nodeName() const { return ""; }
  virtual char const* nodeOperator() const { return ""; }
  virtual char const* const* localFunctionStack() const { return nullptr; }
  virtual int32_t localFunctionStackSize() const { return 0; }

 protected:
  virtual ~IParserError() {}
};

/// Adds the layers of an ONNX model to a network. Methods of later generations have defaults that decline, for classes
/// of clients written against earlier ones.
class IParser {
 public:
  virtual ~IParser() noexcept = default;
  /// @param model_path where the model came from, to find its external weights
  virtual bool parse(void const* serialized_onnx_model, size_t serialized_onnx_model_size,
                     char const* model_path = nullptr) TRTNOEXCEPT = 0;
  /// @param verbosity a severity of ILogger; accepted without effect
  virtual bool parseFromFile(char const* onnxModelFile, int verbosity) TRTNOEXCEPT = 0;
  virtual bool supportsModel(void const* /*serialized_onnx_model*/, size_t /*serialized_onnx_model_size*/,
                             SubGraphCollection_t& /*sub_graph_collection*/,
                             char const* /*model_path*/ = nullptr) TRTNOEXCEPT {
    return false;
  }
  virtual bool parseWithWeightDescriptors(void const* /*serialized_onnx_model*/,
                                          size_t /*serialized_onnx_model_size*/) TRTNOEXCEPT {
    return false;
  }
  virtual bool supportsOperator(char const* op_name) const TRTNOEXCEPT = 0;
  virtual void destroy() TRTNOEXCEPT { delete this; }
  virtual int getNbErrors() const TRTNOEXCEPT = 0;
  virtual IParserError const* getError(int index) const TRTNOEXCEPT = 0;
  virtual void clearErrors() TRTNOEXCEPT = 0;
  /// Generation 7: how many weights can be refitted, and which.
  virtual int getRefitMap(char const** /*weightNames*/, char const** /*layerNames*/,
                          nvinfer1::WeightsRole* /*roles*/) TRTNOEXCEPT {
    return 0;
  }
  virtual char const* const* getUsedVCPluginLibraries(int64_t& nbPluginLibs) const noexcept {
    nbPluginLibs = 0;
    return nullptr;
  }
  virtual void setFlags(OnnxParserFlags /*onnxParserFlags*/) noexcept {}
  virtual OnnxParserFlags getFlags() const noexcept { return 0; }
  virtual void clearFlag(OnnxParserFlag /*onnxParserFlag*/) noexcept {}
  virtual void setFlag(OnnxParserFlag /*onnxParserFlag*/) noexcept {}
  virtual bool getFlag(OnnxParserFlag /*onnxParserFlag*/) const noexcept { return false; }
  virtual nvinfer1::ITensor const* getLayerOutputTensor(char const* /*name*/, int64_t /*i*/) noexcept {
    return nullptr;
  }
  virtual bool supportsModelV2(void const* /*serializedOnnxModel*/, size_t /*serializedOnnxModelSize*/,
                               char const* /*modelPath*/ = nullptr) noexcept {
    return false;
  }
  virtual int64_t getNbSubgraphs() noexcept { return 0; }
  virtual bool isSubgraphSupported(int64_t const /*index*/) noexcept { return false; }
  virtual int64_t* getSubgraphNodes(int64_t const /*index*/, int64_t& subgraphLength) noexcept {
    subgraphLength = 0;
    return nullptr;
  }
  virtual bool loadModelProto(void const* /*serializedOnnxModel*/, size_t /*serializedOnnxModelSize*/,
                              char const* /*modelPath*/ = nullptr) noexcept {
    return false;
  }
  virtual bool loadInitializer(char const* /*name*/, void const* /*data*/, size_t /*size*/) noexcept { return false; }
  virtual bool parseModelProto() noexcept { return false; }
  virtual bool setBuilderConfig(nvinfer1::IBuilderConfig const* const /*builderConfig*/) noexcept { return false; }
};

/// Gives an engine the weights of another ONNX model of the same structure.
class IParserRefitter {
 public:
  virtual ~IParserRefitter() noexcept = default;
  virtual bool refitFromBytes(void const* serializedOnnxModel, size_t serializedOnnxModelSize,
                              char const* modelPath = nullptr) noexcept = 0;
  virtual bool refitFromFile(char const* onnxModelFile) noexcept = 0;
  virtual int32_t getNbErrors() const noexcept = 0;
  virtual IParserError const* getError(int32_t index) const noexcept = 0;
  virtual void clearErrors() = 0;
  virtual bool loadModelProto(void const* /*serializedOnnxModel*/, size_t /*serializedOnnxModelSize*/,
                              char const* /*modelPath*/ = nullptr) noexcept {
    return false;
  }
  virtual bool loadInitializer(char const* /*name*/, void const* /*data*/, size_t /*size*/) noexcept { return false; }
  virtual bool refitModelProto() noexcept { return false; }
};

}  // namespace nvonnxparser

extern "C" TENSORRTAPI void* createNvOnnxParser_INTERNAL(void* network, void* logger, int version) noexcept;
extern "C" TENSORRTAPI void* createNvOnnxParserRefitter_INTERNAL(void* refitter, void* logger,
                                                                 int32_t version) noexcept;
extern "C" TENSORRTAPI int getNvOnnxParserVersion() noexcept;

namespace nvonnxparser {
namespace {

/// Makes a parser that adds to `network`, which must outlive it.
inline IParser* createParser(nvinfer1::INetworkDefinition& network, nvinfer1::ILogger& logger) noexcept {
  return static_cast<IParser*>(createNvOnnxParser_INTERNAL(&network, &logger, NV_ONNX_PARSER_VERSION));
}

/// Makes a refitter of ONNX models over `refitter`, which must outlive it.
inline IParserRefitter* createParserRefitter(nvinfer1::IRefitter& refitter, nvinfer1::ILogger& logger) noexcept {
  return static_cast<IParserRefitter*>(createNvOnnxParserRefitter_INTERNAL(&refitter, &logger, NV_ONNX_PARSER_VERSION));
}

}  // namespace
}  // namespace nvonnxparser
