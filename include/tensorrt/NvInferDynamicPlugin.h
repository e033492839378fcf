// Plugins over tensors of dynamic shapes, those of the third generation, and those of generation 7.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInferRuntimeCommon.h"

namespace nvinfer1 {

/// Operations on dimensions.
enum class DimensionOperation : int32_t {
  kSUM = 0,
  kPROD = 1,
  kMAX = 2,
  kMIN = 3,
  kSUB = 4,
  kEQUAL = 5,
  kLESS = 6,
  kFLOOR_DIV = 7,
  kCEIL_DIV = 8
};
template <>
constexpr int32_t EnumMax<DimensionOperation>() noexcept {
  return 9;
}

/// A dimension as an expression of other dimensions. Owned by the expression builder.
class IDimensionExpr : public INoCopy {
 public:
  virtual bool isConstant() const noexcept = 0;
  virtual detail::DimsValue getConstantValue() const noexcept = 0;
  virtual bool isSizeTensor() const noexcept = 0;

 protected:
  ~IDimensionExpr() noexcept override = default;
};

/// Makes expressions of dimensions.
class IExprBuilder : public INoCopy {
 public:
  virtual IDimensionExpr const* constant(detail::DimsValue value) noexcept = 0;
  virtual IDimensionExpr const* operation(DimensionOperation op, IDimensionExpr const& first,
                                          IDimensionExpr const& second) noexcept = 0;
  /// A size that depends on data: output `outputIndex` holds it after the run.
  virtual IDimensionExpr const* declareSizeTensor(int32_t outputIndex, IDimensionExpr const& opt,
                                                  IDimensionExpr const& upper) = 0;

 protected:
  ~IExprBuilder() noexcept override = default;
};

/// Dimensions as expressions.
class DimsExprs {
 public:
  int32_t nbDims;
  IDimensionExpr const* d[Dims::MAX_DIMS];
};

/// A tensor whose dimensions vary: -1 in desc.dims, and their range.
struct DynamicPluginTensorDesc {
  PluginTensorDesc desc;
  Dims min;
  Dims max;
  Dims opt;
};

/// A plugin of the second generation over tensors with an explicit batch and dynamic shapes.
class IPluginV2DynamicExt : public IPluginV2Ext {
 public:
  static constexpr int32_t kFORMAT_COMBINATION_LIMIT = 100;

  IPluginV2DynamicExt* clone() const TRTNOEXCEPT override = 0;
  virtual DimsExprs getOutputDimensions(int32_t outputIndex, DimsExprs const* inputs, int32_t nbInputs,
                                        IExprBuilder& exprBuilder) TRTNOEXCEPT = 0;
  virtual bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* inOut, int32_t nbInputs,
                                         int32_t nbOutputs) TRTNOEXCEPT = 0;
  virtual void configurePlugin(DynamicPluginTensorDesc const* in, int32_t nbInputs, DynamicPluginTensorDesc const* out,
                               int32_t nbOutputs) TRTNOEXCEPT = 0;
  virtual std::size_t getWorkspaceSize(PluginTensorDesc const* inputs, int32_t nbInputs,
                                       PluginTensorDesc const* outputs, int32_t nbOutputs) const TRTNOEXCEPT = 0;
  virtual int32_t enqueue(PluginTensorDesc const* inputDesc, PluginTensorDesc const* outputDesc,
                          void const* const* inputs, void* const* outputs, void* workspace,
                          cudaStream_t stream) TRTNOEXCEPT = 0;

 protected:
  int32_t getTensorRTVersion() const TRTNOEXCEPT override {
    return detail::plugin_version(PluginVersion::kV2_DYNAMICEXT);
  }
  ~IPluginV2DynamicExt() noexcept override = default;

 private:
  // What these mean for an implicit batch has no sense here.
  void configurePlugin(Dims const*, int32_t, Dims const*, int32_t, DataType const*, DataType const*, bool const*,
                       bool const*, PluginFormat, int32_t) TRTNOEXCEPT final {}
  bool supportsFormat(DataType, PluginFormat) const TRTNOEXCEPT final { return false; }
  Dims getOutputDimensions(int32_t, Dims const*, int32_t) TRTNOEXCEPT final { return Dims{-1, {}}; }
  bool isOutputBroadcastAcrossBatch(int32_t, bool const*, int32_t) const TRTNOEXCEPT final { return false; }
  bool canBroadcastInputAcrossBatch(int32_t) const TRTNOEXCEPT final { return true; }
  std::size_t getWorkspaceSize(int32_t) const TRTNOEXCEPT final { return 0; }
#if VIVACE_TENSORRT_MAJOR >= 8
  int32_t enqueue(int32_t, void const* const*, void* const*, void*, cudaStream_t) noexcept final { return 1; }
#else
  int32_t enqueue(int32_t, void const* const*, void**, void*, cudaStream_t) final { return 1; }
#endif
};

/// What a plugin of the third generation finds in its execution context.
class IPluginResourceContext {
 public:
  virtual ~IPluginResourceContext() noexcept = default;
  virtual IGpuAllocator* getGpuAllocator() const noexcept = 0;
  virtual IErrorRecorder* getErrorRecorder() const noexcept = 0;

 protected:
  IPluginResourceContext() = default;
  IPluginResourceContext(IPluginResourceContext const&) = default;
  IPluginResourceContext(IPluginResourceContext&&) = default;
  IPluginResourceContext& operator=(IPluginResourceContext const&) & = default;
  IPluginResourceContext& operator=(IPluginResourceContext&&) & = default;
};

/// The name of a plugin of the third generation.
class IPluginV3OneCore : public IPluginCapability {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"PLUGIN_V3ONE_CORE", 1, 0}; }
  virtual AsciiChar const* getPluginName() const noexcept = 0;
  virtual AsciiChar const* getPluginVersion() const noexcept = 0;
  virtual AsciiChar const* getPluginNamespace() const noexcept = 0;
};

/// What a plugin of the third generation tells while an engine is built.
class IPluginV3OneBuild : public IPluginCapability {
 public:
  static constexpr int32_t kDEFAULT_FORMAT_COMBINATION_LIMIT = 100;

  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"PLUGIN_V3ONE_BUILD", 1, 0}; }
  virtual int32_t configurePlugin(DynamicPluginTensorDesc const* in, int32_t nbInputs,
                                  DynamicPluginTensorDesc const* out, int32_t nbOutputs) noexcept = 0;
  virtual int32_t getOutputDataTypes(DataType* outputTypes, int32_t nbOutputs, DataType const* inputTypes,
                                     int32_t nbInputs) const noexcept = 0;
  virtual int32_t getOutputShapes(DimsExprs const* inputs, int32_t nbInputs, DimsExprs const* shapeInputs,
                                  int32_t nbShapeInputs, DimsExprs* outputs, int32_t nbOutputs,
                                  IExprBuilder& exprBuilder) noexcept = 0;
  virtual bool supportsFormatCombination(int32_t pos, DynamicPluginTensorDesc const* inOut, int32_t nbInputs,
                                         int32_t nbOutputs) noexcept = 0;
  virtual int32_t getNbOutputs() const noexcept = 0;
  virtual std::size_t getWorkspaceSize(DynamicPluginTensorDesc const* /*inputs*/, int32_t /*nbInputs*/,
                                       DynamicPluginTensorDesc const* /*outputs*/,
                                       int32_t /*nbOutputs*/) const noexcept {
    return 0;
  }
  virtual int32_t getValidTactics(int32_t* /*tactics*/, int32_t /*nbTactics*/) noexcept { return 0; }
  virtual int32_t getNbTactics() noexcept { return 0; }
  virtual char const* getTimingCacheID() noexcept { return nullptr; }
  virtual int32_t getFormatCombinationLimit() noexcept { return kDEFAULT_FORMAT_COMBINATION_LIMIT; }
  virtual char const* getMetadataString() noexcept { return nullptr; }
};

/// IPluginV3OneBuild with outputs that share memory with an input.
class IPluginV3OneBuildV2 : public IPluginV3OneBuild {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"PLUGIN_V3ONE_BUILD", 2, 0}; }
  virtual int32_t getAliasedInput(int32_t /*outputIndex*/) noexcept { return -1; }
};

/// What a plugin of the third generation does while an engine runs.
class IPluginV3OneRuntime : public IPluginCapability {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"PLUGIN_V3ONE_RUNTIME", 1, 0}; }
  virtual int32_t setTactic(int32_t /*tactic*/) noexcept { return 0; }
  virtual int32_t onShapeChange(PluginTensorDesc const* in, int32_t nbInputs, PluginTensorDesc const* out,
                                int32_t nbOutputs) noexcept = 0;
  virtual int32_t enqueue(PluginTensorDesc const* inputDesc, PluginTensorDesc const* outputDesc,
                          void const* const* inputs, void* const* outputs, void* workspace,
                          cudaStream_t stream) noexcept = 0;
  virtual IPluginV3* attachToContext(IPluginResourceContext* context) noexcept = 0;
  virtual PluginFieldCollection const* getFieldsToSerialize() noexcept = 0;
};

/// A plugin of the first generation. Declared for programs of generation 7; networks take IPluginV2 and IPluginV3.
class IPlugin {
 public:
  virtual ~IPlugin() {}
  virtual int32_t getNbOutputs() const TRTNOEXCEPT = 0;
  virtual Dims getOutputDimensions(int32_t index, Dims const* inputs, int32_t nbInputDims) TRTNOEXCEPT = 0;
  virtual void configure(Dims const* inputDims, int32_t nbInputs, Dims const* outputDims, int32_t nbOutputs,
                         int32_t maxBatchSize) TRTNOEXCEPT = 0;
  virtual int32_t initialize() TRTNOEXCEPT = 0;
  virtual void terminate() TRTNOEXCEPT = 0;
  virtual std::size_t getWorkspaceSize(int32_t maxBatchSize) const TRTNOEXCEPT = 0;
  virtual int32_t enqueue(int32_t batchSize, void const* const* inputs, void** outputs, void* workspace,
                          cudaStream_t stream) TRTNOEXCEPT = 0;
  virtual std::size_t getSerializationSize() TRTNOEXCEPT = 0;
  virtual void serialize(void* buffer) TRTNOEXCEPT = 0;
};

/// IPlugin with formats.
class IPluginExt : public IPlugin {
 public:
  virtual int32_t getTensorRTVersion() const TRTNOEXCEPT { return kNV_TENSORRT_VERSION_IMPL; }
  virtual bool supportsFormat(DataType type, PluginFormat format) const TRTNOEXCEPT = 0;
  virtual void configureWithFormat(Dims const* inputDims, int32_t nbInputs, Dims const* outputDims, int32_t nbOutputs,
                                   DataType type, PluginFormat format, int32_t maxBatchSize) TRTNOEXCEPT = 0;

 protected:
  void configure(Dims const*, int32_t, Dims const*, int32_t, int32_t) TRTNOEXCEPT final {}
};

/// Makes plugins of the first generation while an engine is read.
class IPluginFactory {
 public:
  virtual ~IPluginFactory() {}
  virtual IPlugin* createPlugin(char const* layerName, void const* serialData,
                                std::size_t serialLength) TRTNOEXCEPT = 0;
};

}  // namespace nvinfer1
