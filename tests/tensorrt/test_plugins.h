// Plugins as a client writes them, one of each interface, and their creators, which register themselves.
#pragma once

#include <cstring>
#include <string>

#include "NvInfer.h"

namespace vivace::tensorrt {

/// What all plugins of the second generation have.
template <class Base>
class TestPlugin : public Base {
 public:
  char const* getPluginVersion() const noexcept override { return "1"; }
  int32_t getNbOutputs() const noexcept override { return 1; }
  int32_t initialize() noexcept override { return 0; }
  void terminate() noexcept override {}
  void destroy() noexcept override { delete this; }
  void setPluginNamespace(char const* name) noexcept override { space_ = name; }
  char const* getPluginNamespace() const noexcept override { return space_.c_str(); }
  nvinfer1::DataType getOutputDataType(int32_t, nvinfer1::DataType const* types, int32_t) const noexcept override {
    return types[0];
  }

 private:
  std::string space_;
};

inline bool linear_floats(const nvinfer1::PluginTensorDesc& desc) {
  return desc.format == nvinfer1::TensorFormat::kLINEAR && desc.type == nvinfer1::DataType::kFLOAT;
}

/// Its input times a factor, twice, one after the other. A negative factor makes it fail.
class RepeatPlugin final : public TestPlugin<nvinfer1::IPluginV2DynamicExt> {
 public:
  explicit RepeatPlugin(float factor) : factor_(factor) {}
  char const* getPluginType() const noexcept override { return "Repeat"; }
  nvinfer1::DimsExprs getOutputDimensions(int32_t, nvinfer1::DimsExprs const* inputs, int32_t,
                                          nvinfer1::IExprBuilder& exprs) noexcept override {
    nvinfer1::DimsExprs made = inputs[0];
    made.d[0] = exprs.operation(nvinfer1::DimensionOperation::kPROD, *made.d[0], *exprs.constant(2));
    return made;
  }
  bool supportsFormatCombination(int32_t pos, nvinfer1::PluginTensorDesc const* all, int32_t,
                                 int32_t) noexcept override {
    return linear_floats(all[pos]);
  }
  void configurePlugin(nvinfer1::DynamicPluginTensorDesc const*, int32_t, nvinfer1::DynamicPluginTensorDesc const*,
                       int32_t) noexcept override {}
  size_t getWorkspaceSize(nvinfer1::PluginTensorDesc const*, int32_t, nvinfer1::PluginTensorDesc const*,
                          int32_t) const noexcept override {
    return sizeof(float);
  }
  int32_t enqueue(nvinfer1::PluginTensorDesc const* in, nvinfer1::PluginTensorDesc const* out,
                  void const* const* inputs, void* const* outputs, void* workspace,
                  cudaStream_t stream) noexcept override {
    if (where && !where(inputs[0], outputs[0], workspace, stream)) return 8;
    if (factor_ < 0 || out[0].dims.d[0] != 2 * in[0].dims.d[0]) return 7;
    *static_cast<float*>(workspace) = factor_;
    int64_t count = 1;
    for (int32_t i = 0; i < in[0].dims.nbDims; ++i) count *= in[0].dims.d[i];
    const auto* x = static_cast<const float*>(inputs[0]);
    auto* y = static_cast<float*>(outputs[0]);
    for (int64_t i = 0; i < 2 * count; ++i) y[i] = x[i % count] * *static_cast<float*>(workspace);
    return 0;
  }
  size_t getSerializationSize() const noexcept override { return sizeof factor_; }
  void serialize(void* to) const noexcept override { std::memcpy(to, &factor_, sizeof factor_); }
  nvinfer1::IPluginV2DynamicExt* clone() const noexcept override { return new RepeatPlugin(*this); }

  /// Looks at an input, an output, the workspace and the stream; false makes a run fail.
  inline static bool (*where)(const void*, const void*, const void*, cudaStream_t) = nullptr;

 private:
  float factor_;
};

/// Adds the batch to each element; sees one item of the batch.
class BatchPlugin final : public TestPlugin<nvinfer1::IPluginV2IOExt> {
 public:
  char const* getPluginType() const noexcept override { return "Batch"; }
  nvinfer1::Dims getOutputDimensions(int32_t, nvinfer1::Dims const* inputs, int32_t) noexcept override {
    return inputs[0];
  }
  void configurePlugin(nvinfer1::PluginTensorDesc const* in, int32_t, nvinfer1::PluginTensorDesc const*,
                       int32_t) noexcept override {
    size_ = 1;
    for (int32_t i = 0; i < in[0].dims.nbDims; ++i) size_ *= in[0].dims.d[i];
  }
  bool supportsFormatCombination(int32_t pos, nvinfer1::PluginTensorDesc const* all, int32_t,
                                 int32_t) const noexcept override {
    return linear_floats(all[pos]);
  }
  size_t getWorkspaceSize(int32_t) const noexcept override { return 0; }
  int32_t enqueue(int32_t batch, void const* const* inputs, void* const* outputs, void*,
                  cudaStream_t) noexcept override {
    for (int64_t i = 0; i < batch * size_; ++i)
      static_cast<float*>(outputs[0])[i] = static_cast<const float*>(inputs[0])[i] + static_cast<float>(batch);
    return 0;
  }
  size_t getSerializationSize() const noexcept override { return sizeof size_; }
  void serialize(void* to) const noexcept override { std::memcpy(to, &size_, sizeof size_); }
  nvinfer1::IPluginV2IOExt* clone() const noexcept override { return new BatchPlugin(*this); }

 private:
  int64_t size_ = 0;
};

/// The elements above a limit; output 1 is how many they are.
class AbovePlugin final : public nvinfer1::IPluginV3,
                          public nvinfer1::IPluginV3OneCore,
                          public nvinfer1::IPluginV3OneBuild,
                          public nvinfer1::IPluginV3OneRuntime {
 public:
  explicit AbovePlugin(float limit) : limit_(limit) {}
  nvinfer1::IPluginCapability* getCapabilityInterface(nvinfer1::PluginCapabilityType type) noexcept override {
    if (type == nvinfer1::PluginCapabilityType::kBUILD) return static_cast<nvinfer1::IPluginV3OneBuild*>(this);
    if (type == nvinfer1::PluginCapabilityType::kRUNTIME) return static_cast<nvinfer1::IPluginV3OneRuntime*>(this);
    return static_cast<nvinfer1::IPluginV3OneCore*>(this);
  }
  nvinfer1::IPluginV3* clone() noexcept override { return new AbovePlugin(limit_); }
  char const* getPluginName() const noexcept override { return "Above"; }
  char const* getPluginVersion() const noexcept override { return "1"; }
  char const* getPluginNamespace() const noexcept override { return ""; }
  int32_t getNbOutputs() const noexcept override { return 2; }
  int32_t configurePlugin(nvinfer1::DynamicPluginTensorDesc const*, int32_t, nvinfer1::DynamicPluginTensorDesc const*,
                          int32_t) noexcept override {
    return 0;
  }
  int32_t getOutputDataTypes(nvinfer1::DataType* types, int32_t, nvinfer1::DataType const* in,
                             int32_t) const noexcept override {
    types[0] = in[0];
    types[1] = nvinfer1::DataType::kINT32;
    return 0;
  }
  int32_t getOutputShapes(nvinfer1::DimsExprs const* inputs, int32_t, nvinfer1::DimsExprs const*, int32_t,
                          nvinfer1::DimsExprs* outputs, int32_t, nvinfer1::IExprBuilder& exprs) noexcept override {
    const nvinfer1::IDimensionExpr* most = inputs[0].d[0];
    for (int32_t i = 1; i < inputs[0].nbDims; ++i)
      most = exprs.operation(nvinfer1::DimensionOperation::kPROD, *most, *inputs[0].d[i]);
    outputs[0].nbDims = 1;
    outputs[0].d[0] = exprs.declareSizeTensor(1, *most, *most);
    outputs[1].nbDims = 0;
    return 0;
  }
  bool supportsFormatCombination(int32_t pos, nvinfer1::DynamicPluginTensorDesc const* all, int32_t,
                                 int32_t) noexcept override {
    return pos == 2 || linear_floats(all[pos].desc);
  }
  int32_t onShapeChange(nvinfer1::PluginTensorDesc const*, int32_t, nvinfer1::PluginTensorDesc const*,
                        int32_t) noexcept override {
    return 0;
  }
  int32_t enqueue(nvinfer1::PluginTensorDesc const* in, nvinfer1::PluginTensorDesc const*, void const* const* inputs,
                  void* const* outputs, void*, cudaStream_t) noexcept override {
    int64_t count = 1;
    for (int32_t i = 0; i < in[0].dims.nbDims; ++i) count *= in[0].dims.d[i];
    int32_t found = 0;
    for (int64_t i = 0; i < count; ++i)
      if (const float x = static_cast<const float*>(inputs[0])[i]; x > limit_)
        static_cast<float*>(outputs[0])[found++] = x;
    *static_cast<int32_t*>(outputs[1]) = found;
    return 0;
  }
  nvinfer1::IPluginV3* attachToContext(nvinfer1::IPluginResourceContext*) noexcept override { return clone(); }
  nvinfer1::PluginFieldCollection const* getFieldsToSerialize() noexcept override {
    field_ = {"limit", &limit_, nvinfer1::PluginFieldType::kFLOAT32, 1};
    fields_ = {1, &field_};
    return &fields_;
  }

 private:
  float limit_;
  nvinfer1::PluginField field_;
  nvinfer1::PluginFieldCollection fields_{};
};

class RepeatCreator final : public nvinfer1::IPluginCreator {
 public:
  char const* getPluginName() const noexcept override { return "Repeat"; }
  char const* getPluginVersion() const noexcept override { return "1"; }
  nvinfer1::PluginFieldCollection const* getFieldNames() noexcept override { return &fields_; }
  nvinfer1::IPluginV2* createPlugin(char const*, nvinfer1::PluginFieldCollection const*) noexcept override {
    return new RepeatPlugin(1);
  }
  nvinfer1::IPluginV2* deserializePlugin(char const*, void const* state, size_t bytes) noexcept override {
    float factor = 0;
    if (bytes != sizeof factor) return nullptr;
    std::memcpy(&factor, state, sizeof factor);
    return new RepeatPlugin(factor);
  }
  void setPluginNamespace(char const*) noexcept override {}
  char const* getPluginNamespace() const noexcept override { return ""; }

 private:
  nvinfer1::PluginFieldCollection fields_{};
};
REGISTER_TENSORRT_PLUGIN(RepeatCreator);

class AboveCreator final : public nvinfer1::IPluginCreatorV3One {
 public:
  char const* getPluginName() const noexcept override { return "Above"; }
  char const* getPluginVersion() const noexcept override { return "1"; }
  char const* getPluginNamespace() const noexcept override { return ""; }
  nvinfer1::PluginFieldCollection const* getFieldNames() noexcept override { return &fields_; }
  nvinfer1::IPluginV3* createPlugin(char const*, nvinfer1::PluginFieldCollection const* fields,
                                    nvinfer1::TensorRTPhase) noexcept override {
    if (fields->nbFields != 1 || std::strcmp(fields->fields[0].name, "limit") != 0) return nullptr;
    return new AbovePlugin(*static_cast<const float*>(fields->fields[0].data));
  }

 private:
  nvinfer1::PluginFieldCollection fields_{};
};
REGISTER_TENSORRT_PLUGIN(AboveCreator);

}  // namespace vivace::tensorrt
