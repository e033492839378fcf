// Plugins of the second generation. Those of static shapes see one item of an implicit batch, or, where the batch is
// explicit, whole tensors as one item.
#include <algorithm>

#include "tensorrt/plugin_instance.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

using nvinfer1::DataType;
using nvinfer1::Dims;
using nvinfer1::IPluginV2;
using nvinfer1::IPluginV2DynamicExt;
using nvinfer1::IPluginV2Ext;
using nvinfer1::IPluginV2IOExt;
using nvinfer1::PluginTensorDesc;
using nvinfer1::PluginVersion;

namespace {

PluginVersion version_of(const IPluginV2& plugin) {
  constexpr uint32_t kKind = 0x3f;  // without the bit that says Python
  return static_cast<PluginVersion>(static_cast<uint32_t>(plugin.getTensorRTVersion()) >> 24 & kKind);
}

Status fail(const IPluginV2& plugin, const std::string& what) { return plugin_error(plugin.getPluginType(), what); }

std::vector<DataType> types_of(const std::vector<ir::Type>& inputs) {
  std::vector<DataType> types;
  for (const ir::Type& type : inputs) types.push_back(to_data_type(type.dtype));
  return types;
}

// Types of the outputs; those before generation 2.1 have one type throughout.
DType output_type(const IPluginV2& plugin, int32_t i, const std::vector<DataType>& inputs) {
  if (version_of(plugin) == PluginVersion::kV2) return inputs.empty() ? DType::f32 : to_dtype(inputs[0]);
  return to_dtype(static_cast<const IPluginV2Ext&>(plugin).getOutputDataType(i, inputs.data(),
                                                                             static_cast<int32_t>(inputs.size())));
}

// Where the plugin's inputs and outputs lie, in whatever memory it works on.
struct Addresses {
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  static Result<Addresses> of(const ops::Call& call, const std::vector<size_t>& output_bytes, PluginPlace& place) {
    Addresses made;
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      VIVACE_ASSIGN(const void* const from, place.input(i, call.inputs[i]));
      made.inputs.push_back(from);
    }
    for (size_t i = 0; i < output_bytes.size(); ++i) {
      VIVACE_ASSIGN(void* const to, place.output(i, call.wants(i) ? call.outputs[i].data : nullptr, output_bytes[i]));
      made.outputs.push_back(to);
    }
    return made;
  }
};

class StaticV2 final : public PluginInstance {
 public:
  StaticV2(OwnedV2 plugin, bool implicit, bool on_gpu)
      : plugin_(std::move(plugin)), skip_(implicit ? 1 : 0), place_(on_gpu) {}
  ~StaticV2() override {
    if (initialized_) plugin_->terminate();
  }

  Result<std::unique_ptr<PluginInstance>> clone() override {
    OwnedV2 copy(plugin_->clone());
    if (!copy) return fail(*plugin_, "clone() gave null");
    return make_instance(std::move(copy), skip_ == 1, place_.on_gpu());
  }

  Status infer(ops::Inference& in) override {
    const std::vector<DataType> types = types_of(in.types);
    std::vector<Dims> dims;
    bool known = true;
    for (size_t i = 0; i < in.input_count(); ++i) {
      dims.push_back(in.dims(i) ? to_dims(*in.dims(i), skip_) : no_dims());
      known = known && dims.back().nbDims >= 0 &&
              std::none_of(dims.back().d, dims.back().d + dims.back().nbDims, [](auto d) { return d < 0; });
    }
    for (int32_t i = 0; i < std::min<int32_t>(plugin_->getNbOutputs(), static_cast<int32_t>(in.output_count())); ++i) {
      const DType type = output_type(*plugin_, i, types);
      if (!known) {
        in.set_unknown_rank(static_cast<size_t>(i), type);
        continue;
      }
      const Dims made = plugin_->getOutputDimensions(i, dims.data(), static_cast<int32_t>(dims.size()));
      if (made.nbDims < 0 || made.nbDims > Dims::MAX_DIMS)
        return fail(*plugin_, "getOutputDimensions gave " + std::to_string(made.nbDims) + " dimensions");
      ir::Dims whole = ir::to_dims(to_vector(made));
      if (skip_) whole.insert(whole.begin(), in.dims(0)->front());
      in.set(static_cast<size_t>(i), type, std::move(whole));
    }
    return {};
  }

  Status run(ops::Call& call) override {
    std::optional<cuda::Gpu::Scope> scope;
    VIVACE_TRY(place_.enter(scope));
    if (!initialized_ && plugin_->initialize() != 0) return fail(*plugin_, "initialize() failed");
    initialized_ = true;
    const int64_t batch = skip_ ? call.input(0).shape.at(0) : 1;
    std::vector<Dims> dims;
    std::vector<DataType> types;
    for (const TensorView& input : call.inputs) {
      dims.push_back(to_dims(Shape(input.shape.begin() + static_cast<std::ptrdiff_t>(skip_), input.shape.end())));
      types.push_back(to_data_type(input.type));
    }
    std::vector<size_t> bytes;
    for (int32_t i = 0; i < plugin_->getNbOutputs(); ++i) {
      const Dims made = plugin_->getOutputDimensions(i, dims.data(), static_cast<int32_t>(dims.size()));
      bytes.push_back(byte_size(output_type(*plugin_, i, types), batch * elements(to_vector(made))));
    }
    VIVACE_ASSIGN(Addresses at, Addresses::of(call, bytes, place_));
    const auto items = static_cast<int32_t>(batch);
    VIVACE_ASSIGN(void* workspace, place_.workspace(plugin_->getWorkspaceSize(items)));
    const int32_t code = plugin_->enqueue(items, at.inputs.data(), at.outputs.data(), workspace, place_.stream());
    return code == 0 ? place_.finish() : fail(*plugin_, "enqueue() gave " + std::to_string(code));
  }

 private:
  OwnedV2 plugin_;
  size_t skip_;  // dimensions that the plugin does not see
  bool initialized_ = false;
  PluginPlace place_;
};

class DynamicV2 final : public PluginInstance {
 public:
  DynamicV2(OwnedV2 plugin, bool on_gpu) : plugin_(std::move(plugin)), place_(on_gpu) {}
  ~DynamicV2() override {
    if (initialized_) plugin_->terminate();
  }

  Result<std::unique_ptr<PluginInstance>> clone() override {
    OwnedV2 copy(plugin_->clone());
    if (!copy) return fail(*plugin_, "clone() gave null");
    return make_instance(std::move(copy), false, place_.on_gpu());
  }

  Status infer(ops::Inference& in) override {
    const std::vector<DataType> types = types_of(in.types);
    DimensionExprs exprs;
    std::vector<nvinfer1::DimsExprs> inputs;
    bool ranks = true;
    for (size_t i = 0; i < in.input_count(); ++i) {
      ranks = ranks && in.dims(i) && in.dims(i)->size() <= static_cast<size_t>(Dims::MAX_DIMS);
      inputs.push_back(exprs.of(ranks ? *in.dims(i) : ir::Dims()));
    }
    for (int32_t i = 0; i < std::min<int32_t>(own().getNbOutputs(), static_cast<int32_t>(in.output_count())); ++i) {
      const DType type = output_type(own(), i, types);
      if (!ranks) {
        in.set_unknown_rank(static_cast<size_t>(i), type);
        continue;
      }
      const nvinfer1::DimsExprs made =
          own().getOutputDimensions(i, inputs.data(), static_cast<int32_t>(inputs.size()), exprs);
      if (made.nbDims < 0 || made.nbDims > Dims::MAX_DIMS)
        return fail(*plugin_, "getOutputDimensions gave " + std::to_string(made.nbDims) + " dimensions");
      in.set(static_cast<size_t>(i), type, DimensionExprs::dims(made));
    }
    return {};
  }

  Status run(ops::Call& call) override {
    std::optional<cuda::Gpu::Scope> scope;
    VIVACE_TRY(place_.enter(scope));
    if (!initialized_ && own().initialize() != 0) return fail(*plugin_, "initialize() failed");
    initialized_ = true;
    VIVACE_TRY(configure(call));
    std::vector<size_t> bytes;
    for (const PluginTensorDesc& out : outputs_)
      bytes.push_back(byte_size(to_dtype(out.type), elements(to_vector(out.dims))));
    VIVACE_ASSIGN(Addresses at, Addresses::of(call, bytes, place_));
    VIVACE_ASSIGN(void* workspace, place_.workspace(workspace_));
    const int32_t code =
        own().enqueue(inputs_.data(), outputs_.data(), at.inputs.data(), at.outputs.data(), workspace, place_.stream());
    return code == 0 ? place_.finish() : fail(*plugin_, "enqueue() gave " + std::to_string(code));
  }

 private:
  IPluginV2DynamicExt& own() const { return static_cast<IPluginV2DynamicExt&>(*plugin_); }

  // Tells the plugin of new shapes.
  Status configure(const ops::Call& call) {
    std::vector<Shape> shapes;
    for (const TensorView& input : call.inputs) shapes.push_back(input.shape);
    if (configured_ && shapes == shapes_) return {};
    DimensionExprs exprs;
    std::vector<nvinfer1::DimsExprs> dims;
    std::vector<DataType> types;
    inputs_.clear();
    outputs_.clear();
    for (const TensorView& input : call.inputs) {
      dims.push_back(exprs.of(ir::to_dims(input.shape)));
      types.push_back(to_data_type(input.type));
      inputs_.push_back(describe(input.type, to_dims(input.shape)));
    }
    for (int32_t i = 0; i < own().getNbOutputs(); ++i) {
      const nvinfer1::DimsExprs made =
          own().getOutputDimensions(i, dims.data(), static_cast<int32_t>(dims.size()), exprs);
      const std::optional<Shape> shape = ir::to_shape(DimensionExprs::dims(made));
      if (!shape)
        return fail(*plugin_, "the shape of output " + std::to_string(i) + " does not follow from the inputs'");
      outputs_.push_back(describe(output_type(own(), i, types), to_dims(*shape)));
    }
    std::vector<nvinfer1::DynamicPluginTensorDesc> in, out;
    for (const PluginTensorDesc& desc : inputs_) in.push_back(describe_range(desc));
    for (const PluginTensorDesc& desc : outputs_) out.push_back(describe_range(desc));
    const auto n = static_cast<int32_t>(in.size()), m = static_cast<int32_t>(out.size());
    own().configurePlugin(in.data(), n, out.data(), m);
    workspace_ = own().getWorkspaceSize(inputs_.data(), n, outputs_.data(), m);
    shapes_ = std::move(shapes);
    configured_ = true;
    return {};
  }

  OwnedV2 plugin_;
  bool initialized_ = false, configured_ = false;
  std::vector<Shape> shapes_;
  std::vector<PluginTensorDesc> inputs_, outputs_;
  size_t workspace_ = 0;
  PluginPlace place_;
};

// Asks whether all may be linear, then tells shapes and types, as the interface of each version wants it.
Status configure_static(IPluginV2& plugin, const std::vector<PluginTensorDesc>& in,
                        const std::vector<PluginTensorDesc>& out) {
  const auto n = static_cast<int32_t>(in.size()), m = static_cast<int32_t>(out.size());
  std::vector<PluginTensorDesc> all = in;
  all.insert(all.end(), out.begin(), out.end());
  const Status refused = fail(plugin, "it takes no linear tensors of these types");
  if (version_of(plugin) == PluginVersion::kV2_IOEXT) {
    auto& own = static_cast<IPluginV2IOExt&>(plugin);
    for (int32_t i = 0; i < n + m; ++i)
      if (!own.supportsFormatCombination(i, all.data(), n, m)) return refused;
    own.configurePlugin(in.data(), n, out.data(), m);
    return {};
  }
  const DataType type = in.empty() ? DataType::kFLOAT : in[0].type;
  constexpr auto kLinear = nvinfer1::PluginFormat::kLINEAR;
  if (!plugin.supportsFormat(type, kLinear)) return refused;
  std::vector<Dims> in_dims, out_dims;
  std::vector<DataType> in_types, out_types;
  for (const PluginTensorDesc& desc : in) in_dims.push_back(desc.dims), in_types.push_back(desc.type);
  for (const PluginTensorDesc& desc : out) out_dims.push_back(desc.dims), out_types.push_back(desc.type);
  constexpr int32_t kMaxBatch = 1;
  if (version_of(plugin) == PluginVersion::kV2) {
    plugin.configureWithFormat(in_dims.data(), n, out_dims.data(), m, type, kLinear, kMaxBatch);
    return {};
  }
  const auto none = std::make_unique<bool[]>(all.size());
  static_cast<IPluginV2Ext&>(plugin).configurePlugin(in_dims.data(), n, out_dims.data(), m, in_types.data(),
                                                     out_types.data(), none.get(), none.get(), kLinear, kMaxBatch);
  return {};
}

Status configure_dynamic(IPluginV2DynamicExt& plugin, const std::vector<PluginTensorDesc>& in,
                         const std::vector<PluginTensorDesc>& out) {
  const auto n = static_cast<int32_t>(in.size()), m = static_cast<int32_t>(out.size());
  std::vector<PluginTensorDesc> all = in;
  all.insert(all.end(), out.begin(), out.end());
  for (int32_t i = 0; i < n + m; ++i)
    if (!plugin.supportsFormatCombination(i, all.data(), n, m))
      return fail(plugin, "it takes no linear tensors of these types");
  std::vector<nvinfer1::DynamicPluginTensorDesc> ins, outs;
  for (const PluginTensorDesc& desc : in) ins.push_back(describe_range(desc));
  for (const PluginTensorDesc& desc : out) outs.push_back(describe_range(desc));
  plugin.configurePlugin(ins.data(), n, outs.data(), m);
  return {};
}

}  // namespace

Result<std::unique_ptr<PluginInstance>> make_instance(OwnedV2 plugin, bool implicit_batch, bool on_gpu) {
  if (version_of(*plugin) == PluginVersion::kV2_DYNAMICEXT)
    return std::unique_ptr<PluginInstance>(std::make_unique<DynamicV2>(std::move(plugin), on_gpu));
  return std::unique_ptr<PluginInstance>(std::make_unique<StaticV2>(std::move(plugin), implicit_batch, on_gpu));
}

Status configure_for_build(IPluginV2& plugin, const std::vector<ir::Type>& inputs, bool implicit_batch) {
  const bool dynamic = version_of(plugin) == PluginVersion::kV2_DYNAMICEXT;
  if (dynamic && implicit_batch) return fail(plugin, "plugins of dynamic shapes need a network with an explicit batch");
  const std::vector<DataType> types = types_of(inputs);
  std::vector<PluginTensorDesc> in, out;
  std::vector<Dims> dims;
  DimensionExprs exprs;
  std::vector<nvinfer1::DimsExprs> expressions;
  for (const ir::Type& type : inputs) {
    if (!type.dims || type.dims->size() > static_cast<size_t>(Dims::MAX_DIMS))
      return fail(plugin, "the rank of an input is not known");
    dims.push_back(to_dims(*type.dims, implicit_batch ? 1 : 0));
    in.push_back(describe(type.dtype, dims.back()));
    expressions.push_back(exprs.of(*type.dims));
  }
  const auto n = static_cast<int32_t>(in.size());
  for (int32_t i = 0; i < plugin.getNbOutputs(); ++i) {
    Dims made = no_dims();
    if (dynamic)
      made = to_dims(DimensionExprs::dims(
          static_cast<IPluginV2DynamicExt&>(plugin).getOutputDimensions(i, expressions.data(), n, exprs)));
    else
      made = plugin.getOutputDimensions(i, dims.data(), n);
    out.push_back(describe(output_type(plugin, i, types), made));
  }
  return dynamic ? configure_dynamic(static_cast<IPluginV2DynamicExt&>(plugin), in, out)
                 : configure_static(plugin, in, out);
}

}  // namespace vivace::tensorrt
