// What a plugin and its creator implement: fields, and the interfaces of the second generation.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInferRuntimeBase.h"

namespace nvinfer1 {

using PluginFormat = TensorFormat;

static constexpr int32_t kPLUGIN_VERSION_PYTHON_BIT = 0x40;

/// Types of a plugin's fields.
enum class PluginFieldType : int32_t {
  kFLOAT16 = 0,
  kFLOAT32 = 1,
  kFLOAT64 = 2,
  kINT8 = 3,
  kINT16 = 4,
  kINT32 = 5,
  kCHAR = 6,
  kDIMS = 7,
  kUNKNOWN = 8,
  kBF16 = 9,
  kINT64 = 10,
  kFP8 = 11,
  kINT4 = 12,
  kFP4 = 13
};
template <>
constexpr int32_t EnumMax<PluginFieldType>() noexcept {
  return 14;
}

/// A named parameter of a plugin; `length` elements of `type`. The memory belongs to whoever made the field.
class PluginField {
 public:
  AsciiChar const* name;
  void const* data;
  PluginFieldType type;
  int32_t length;
  PluginField(AsciiChar const* const name_ = nullptr, void const* const data_ = nullptr,
              PluginFieldType const type_ = PluginFieldType::kUNKNOWN, int32_t const length_ = 0) noexcept
      : name(name_), data(data_), type(type_), length(length_) {}
};

/// Parameters of a plugin.
struct PluginFieldCollection {
  int32_t nbFields;
  PluginField const* fields;
};

/// Whether a plugin is made for a build or for a run.
enum class TensorRTPhase : int32_t { kBUILD = 0, kRUNTIME = 1 };
template <>
constexpr int32_t EnumMax<TensorRTPhase>() noexcept {
  return 2;
}

/// Parts of a plugin of the third generation.
enum class PluginCapabilityType : int32_t { kCORE = 0, kBUILD = 1, kRUNTIME = 2 };
template <>
constexpr int32_t EnumMax<PluginCapabilityType>() noexcept {
  return 3;
}

/// Shape, type and layout of a plugin's input or output. `scale`: of an 8-bit tensor.
struct PluginTensorDesc {
  Dims dims;
  DataType type;
  TensorFormat format;
  float scale;
};

/// The highest byte of getTensorRTVersion(): which interface a plugin implements.
enum class PluginVersion : uint8_t {
  kV2 = 0,
  kV2_EXT = 1,
  kV2_IOEXT = 2,
  kV2_DYNAMICEXT = 3,
  kV2_DYNAMICEXT_PYTHON = kPLUGIN_VERSION_PYTHON_BIT | 3
};

/// Which interface a creator implements.
enum class PluginCreatorVersion : int32_t { kV1 = 0, kV1_PYTHON = kPLUGIN_VERSION_PYTHON_BIT };

namespace detail {
constexpr int32_t plugin_version(PluginVersion version) {
  return static_cast<int32_t>(static_cast<uint32_t>(version) << 24 |
                              (static_cast<uint32_t>(kNV_TENSORRT_VERSION_IMPL) & 0xFFFFFFU));
}
}  // namespace detail

/// A client's layer over tensors whose batch is implicit.
class IPluginV2 {
 public:
  IPluginV2() = default;
  virtual ~IPluginV2() noexcept = default;
  virtual int32_t getTensorRTVersion() const TRTNOEXCEPT { return detail::plugin_version(PluginVersion::kV2); }
  virtual AsciiChar const* getPluginType() const TRTNOEXCEPT = 0;
  virtual AsciiChar const* getPluginVersion() const TRTNOEXCEPT = 0;
  virtual int32_t getNbOutputs() const TRTNOEXCEPT = 0;
  virtual Dims getOutputDimensions(int32_t index, Dims const* inputs, int32_t nbInputDims) TRTNOEXCEPT = 0;
  virtual bool supportsFormat(DataType type, PluginFormat format) const TRTNOEXCEPT = 0;
  virtual void configureWithFormat(Dims const* inputDims, int32_t nbInputs, Dims const* outputDims, int32_t nbOutputs,
                                   DataType type, PluginFormat format, int32_t maxBatchSize) TRTNOEXCEPT = 0;
  virtual int32_t initialize() TRTNOEXCEPT = 0;
  virtual void terminate() TRTNOEXCEPT = 0;
  virtual std::size_t getWorkspaceSize(int32_t maxBatchSize) const TRTNOEXCEPT = 0;
#if VIVACE_TENSORRT_MAJOR >= 8
  virtual int32_t enqueue(int32_t batchSize, void const* const* inputs, void* const* outputs, void* workspace,
                          cudaStream_t stream) noexcept = 0;
#else
  virtual int32_t enqueue(int32_t batchSize, void const* const* inputs, void** outputs, void* workspace,
                          cudaStream_t stream) = 0;
#endif
  virtual std::size_t getSerializationSize() const TRTNOEXCEPT = 0;
  virtual void serialize(void* buffer) const TRTNOEXCEPT = 0;
  virtual void destroy() TRTNOEXCEPT = 0;
  virtual IPluginV2* clone() const TRTNOEXCEPT = 0;
  virtual void setPluginNamespace(AsciiChar const* pluginNamespace) TRTNOEXCEPT = 0;
  virtual AsciiChar const* getPluginNamespace() const TRTNOEXCEPT = 0;
};

/// IPluginV2 with a type for each output.
class IPluginV2Ext : public IPluginV2 {
 public:
  IPluginV2Ext() = default;
  virtual DataType getOutputDataType(int32_t index, DataType const* inputTypes, int32_t nbInputs) const TRTNOEXCEPT = 0;
  /// Pure up to generation 10, gone in 11.
  virtual bool isOutputBroadcastAcrossBatch(int32_t /*outputIndex*/, bool const* /*inputIsBroadcasted*/,
                                            int32_t /*nbInputs*/) const TRTNOEXCEPT {
    return false;
  }
  /// Pure up to generation 10, gone in 11.
  virtual bool canBroadcastInputAcrossBatch(int32_t /*inputIndex*/) const TRTNOEXCEPT { return false; }
  virtual void configurePlugin(Dims const* inputDims, int32_t nbInputs, Dims const* outputDims, int32_t nbOutputs,
                               DataType const* inputTypes, DataType const* outputTypes, bool const* inputIsBroadcast,
                               bool const* outputIsBroadcast, PluginFormat floatFormat,
                               int32_t maxBatchSize) TRTNOEXCEPT = 0;
  virtual void attachToContext(cudnnContext* /*cudnn*/, cublasContext* /*cublas*/,
                               IGpuAllocator* /*allocator*/) TRTNOEXCEPT {}
  virtual void detachFromContext() TRTNOEXCEPT {}
  IPluginV2Ext* clone() const TRTNOEXCEPT override = 0;

 protected:
  int32_t getTensorRTVersion() const TRTNOEXCEPT override { return detail::plugin_version(PluginVersion::kV2_EXT); }
  void configureWithFormat(Dims const* /*inputDims*/, int32_t /*nbInputs*/, Dims const* /*outputDims*/,
                           int32_t /*nbOutputs*/, DataType /*type*/, PluginFormat /*format*/,
                           int32_t /*maxBatchSize*/) TRTNOEXCEPT override {}
};

/// IPluginV2Ext with a type and layout for each input and output.
class IPluginV2IOExt : public IPluginV2Ext {
 public:
  IPluginV2IOExt() = default;
  virtual void configurePlugin(PluginTensorDesc const* in, int32_t nbInput, PluginTensorDesc const* out,
                               int32_t nbOutput) TRTNOEXCEPT = 0;
  virtual bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* inOut, int32_t nbInputs,
                                         int32_t nbOutputs) const TRTNOEXCEPT = 0;

 protected:
  int32_t getTensorRTVersion() const TRTNOEXCEPT override { return detail::plugin_version(PluginVersion::kV2_IOEXT); }

 private:
  void configurePlugin(Dims const*, int32_t, Dims const*, int32_t, DataType const*, DataType const*, bool const*,
                       bool const*, PluginFormat, int32_t) TRTNOEXCEPT final {}
  bool supportsFormat(DataType, PluginFormat) const TRTNOEXCEPT final { return false; }
};

/// What a plugin of the third generation can do, one part of it.
class IPluginCapability : public IVersionedInterface {};

/// A plugin of the third generation: an object that gives its parts.
class IPluginV3 : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"PLUGIN", 1, 0}; }
  virtual IPluginCapability* getCapabilityInterface(PluginCapabilityType type) noexcept = 0;
  virtual IPluginV3* clone() noexcept = 0;
};

/// Something that plugins share under a key of the registry.
class IPluginResource : public IVersionedInterface {
 public:
  IPluginResource() = default;
  IPluginResource(IPluginResource const&) = default;
  IPluginResource(IPluginResource&&) = default;
  IPluginResource& operator=(IPluginResource const&) & = default;
  IPluginResource& operator=(IPluginResource&&) & = default;
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IPluginResource", 1, 0}; }
  virtual int32_t release() noexcept = 0;
  virtual IPluginResource* clone() noexcept = 0;
};

/// A maker of plugins, of any generation: getInterfaceInfo().kind tells which.
class IPluginCreatorInterface : public IVersionedInterface {
 protected:
  IPluginCreatorInterface() = default;
};

/// Makes plugins of the second generation.
class IPluginCreator : public IPluginCreatorInterface {
 public:
  IPluginCreator() = default;
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"PLUGIN CREATOR_V1", 1, 0}; }
  virtual int32_t getTensorRTVersion() const TRTNOEXCEPT { return kNV_TENSORRT_VERSION_IMPL; }
  virtual AsciiChar const* getPluginName() const TRTNOEXCEPT = 0;
  virtual AsciiChar const* getPluginVersion() const TRTNOEXCEPT = 0;
  virtual PluginFieldCollection const* getFieldNames() TRTNOEXCEPT = 0;
  virtual IPluginV2* createPlugin(AsciiChar const* name, PluginFieldCollection const* fc) TRTNOEXCEPT = 0;
  virtual IPluginV2* deserializePlugin(AsciiChar const* name, void const* serialData,
                                       std::size_t serialLength) TRTNOEXCEPT = 0;
  virtual void setPluginNamespace(AsciiChar const* pluginNamespace) TRTNOEXCEPT = 0;
  virtual AsciiChar const* getPluginNamespace() const TRTNOEXCEPT = 0;
};

/// Makes plugins of the third generation.
class IPluginCreatorV3One : public IPluginCreatorInterface {
 public:
  IPluginCreatorV3One() = default;
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"PLUGIN CREATOR_V3ONE", 1, 0}; }
  virtual IPluginV3* createPlugin(AsciiChar const* name, PluginFieldCollection const* fc,
                                  TensorRTPhase phase) noexcept = 0;
  virtual PluginFieldCollection const* getFieldNames() noexcept = 0;
  virtual AsciiChar const* getPluginName() const noexcept = 0;
  virtual AsciiChar const* getPluginVersion() const noexcept = 0;
  virtual AsciiChar const* getPluginNamespace() const noexcept = 0;
};

}  // namespace nvinfer1
