// Plugins of the third generation.
#include <algorithm>
#include <cstdlib>

#include "tensorrt/plugin_instance.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

using nvinfer1::DataType;
using nvinfer1::Dims;
using nvinfer1::DimsExprs;
using nvinfer1::DynamicPluginTensorDesc;
using nvinfer1::IPluginV3OneBuild;
using nvinfer1::IPluginV3OneBuildV2;
using nvinfer1::IPluginV3OneCore;
using nvinfer1::IPluginV3OneRuntime;
using nvinfer1::PluginCapabilityType;
using nvinfer1::PluginTensorDesc;

namespace {

// Memory of the machine, or of the GPU.
class OwnAllocator final : public nvinfer1::IGpuAllocator {
 public:
  explicit OwnAllocator(bool on_gpu) : on_gpu_(on_gpu) {}
  void* allocate(uint64_t size, uint64_t alignment, nvinfer1::AllocatorFlags) noexcept override {
    if (on_gpu_) return allocate_on_gpu(size);
    const uint64_t step = std::max<uint64_t>(alignment, alignof(std::max_align_t));
    const bool valid = size > 0 && (step & (step - 1)) == 0 && size <= UINT64_MAX - step;
    return valid ? std::aligned_alloc(step, (size + step - 1) / step * step) : nullptr;
  }
  bool deallocate(void* memory) noexcept override {
    on_gpu_ ? free_on_gpu(memory) : std::free(memory);
    return true;
  }

 private:
  bool on_gpu_;
};

// What plugins keep for as long as they like. There is no recorder of the context's own.
class Resources final : public nvinfer1::IPluginResourceContext {
 public:
  explicit Resources(bool on_gpu) : allocator_(on_gpu) {}
  nvinfer1::IGpuAllocator* getGpuAllocator() const noexcept override { return &allocator_; }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return nullptr; }

 private:
  mutable OwnAllocator allocator_;
};

template <class Capability>
Capability* part(nvinfer1::IPluginV3& plugin, PluginCapabilityType type) {
  return static_cast<Capability*>(plugin.getCapabilityInterface(type));
}
IPluginV3OneBuild* build_part(nvinfer1::IPluginV3& plugin) {
  return part<IPluginV3OneBuild>(plugin, PluginCapabilityType::kBUILD);
}

std::string name_of(nvinfer1::IPluginV3& plugin) {
  const auto* core = part<IPluginV3OneCore>(plugin, PluginCapabilityType::kCORE);
  return core && core->getPluginName() ? core->getPluginName() : "?";
}

Status fail(nvinfer1::IPluginV3& plugin, const std::string& what) {
  return plugin_error(name_of(plugin).c_str(), what);
}

struct Shapes {
  DimensionExprs exprs;
  std::vector<DimsExprs> outputs;
  std::vector<DType> types;
};

// What the outputs are for these inputs; `values` are the elements of the shape inputs.
Status shapes_of(nvinfer1::IPluginV3& plugin, const std::vector<ir::Type>& inputs, const std::vector<ir::Dims>& values,
                 Shapes& to) {
  IPluginV3OneBuild* build = build_part(plugin);
  if (!build) return fail(plugin, "it has no build part, which tells the shapes of its outputs");
  const size_t count = static_cast<size_t>(std::max(build->getNbOutputs(), 0));
  std::vector<DimsExprs> in, shape_in;
  std::vector<DataType> types, made(count, DataType::kFLOAT);
  for (const ir::Type& type : inputs) {
    in.push_back(to.exprs.of(*type.dims));
    types.push_back(to_data_type(type.dtype));
  }
  for (const ir::Dims& dims : values) shape_in.push_back(to.exprs.of(dims));
  to.outputs.assign(count, DimsExprs{});
  const auto n = static_cast<int32_t>(in.size()), m = static_cast<int32_t>(count);
  if (build->getOutputDataTypes(made.data(), m, types.data(), n) != 0) return fail(plugin, "getOutputDataTypes failed");
  if (build->getOutputShapes(in.data(), n, shape_in.data(), static_cast<int32_t>(shape_in.size()), to.outputs.data(), m,
                             to.exprs) != 0)
    return fail(plugin, "getOutputShapes failed");
  for (size_t i = 0; i < count; ++i) {
    if (to.outputs[i].nbDims < 0 || to.outputs[i].nbDims > Dims::MAX_DIMS)
      return fail(plugin, "getOutputShapes gave " + std::to_string(to.outputs[i].nbDims) + " dimensions");
    to.types.push_back(to_dtype(made[i]));
  }
  return {};
}

class ThirdGeneration final : public PluginInstance {
 public:
  ThirdGeneration(OwnedV3 plugin, OwnedV3 attached, size_t shape_inputs, int32_t tactic, bool on_gpu)
      : plugin_(std::move(plugin)),
        attached_(std::move(attached)),
        shape_inputs_(shape_inputs),
        tactic_(tactic),
        place_(on_gpu) {}

  Result<std::unique_ptr<PluginInstance>> clone() override {
    OwnedV3 copy(plugin_->clone());
    if (!copy) return fail(*plugin_, "clone() gave null");
    return make_instance(std::move(copy), shape_inputs_, tactic_, place_.on_gpu());
  }

  Status infer(ops::Inference& in) override {
    const size_t count = in.input_count() - std::min(shape_inputs_, in.input_count());
    const std::vector<ir::Type> inputs(in.types.begin(), in.types.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<ir::Dims> values;
    bool known = std::all_of(inputs.begin(), inputs.end(), [](const ir::Type& type) {
      return type.dims && type.dims->size() <= static_cast<size_t>(Dims::MAX_DIMS);
    });
    for (size_t i = count; known && i < in.input_count(); ++i) {
      const std::optional<ir::Dims> elements = in.known(i);
      known = elements && elements->size() <= static_cast<size_t>(Dims::MAX_DIMS);
      if (known) values.push_back(*elements);
    }
    if (!known) {
      for (size_t i = 0; i < in.output_count(); ++i) in.set_unknown_rank(i, DType::f32);
      return {};
    }
    Shapes made;
    VIVACE_TRY(shapes_of(*plugin_, inputs, values, made));
    for (size_t i = 0; i < std::min(made.outputs.size(), in.output_count()); ++i)
      in.set(i, made.types[i], DimensionExprs::dims(made.outputs[i]));
    return {};
  }

  Status run(ops::Call& call) override {
    std::optional<cuda::Gpu::Scope> scope;
    VIVACE_TRY(place_.enter(scope));
    const size_t count = call.inputs.size() - std::min(shape_inputs_, call.inputs.size());
    Shapes shapes;
    VIVACE_TRY(shapes_now(call, count, shapes));
    std::vector<PluginTensorDesc> in, out;
    std::vector<const void*> from;
    std::vector<void*> to;
    for (size_t i = 0; i < count; ++i) {
      in.push_back(describe(call.inputs[i].type, to_dims(call.inputs[i].shape)));
      VIVACE_ASSIGN(const void* const address, place_.input(i, call.inputs[i]));
      from.push_back(address);
    }
    for (size_t i = 0; i < shapes.outputs.size(); ++i) {
      const Shape most = shape_of(shapes.outputs[i], {});
      if (std::any_of(most.begin(), most.end(), [](int64_t d) { return d < 0; }))
        return fail(*plugin_, "the shape of output " + std::to_string(i) + " has no upper bound");
      out.push_back(describe(shapes.types[i], to_dims(most)));
      VIVACE_ASSIGN(void* const address, place_.output(i, call.wants(i) ? call.outputs[i].data : nullptr,
                                                       byte_size(shapes.types[i], elements(most))));
      to.push_back(address);
    }
    VIVACE_TRY(alias(call, from, to));
    VIVACE_TRY(tell_shapes(in, out));
    VIVACE_ASSIGN(void* workspace, place_.workspace(workspace_));
    const int32_t code = runtime().enqueue(in.data(), out.data(), from.data(), to.data(), workspace, place_.stream());
    if (code != 0) return fail(*plugin_, "enqueue() gave " + std::to_string(code));
    VIVACE_TRY(place_.finish());
    return deliver(call, shapes, to);
  }

 private:
  IPluginV3OneRuntime& runtime() const {
    return *part<IPluginV3OneRuntime>(*attached_, PluginCapabilityType::kRUNTIME);
  }

  static Shape shape_of(const DimsExprs& exprs, const std::map<int32_t, int64_t>& sizes) {
    Shape shape;
    for (int32_t i = 0; i < exprs.nbDims; ++i) shape.push_back(DimensionExprs::value(exprs.d[i], sizes));
    return shape;
  }

  Status shapes_now(const ops::Call& call, size_t count, Shapes& to) {
    std::vector<ir::Type> types;
    std::vector<ir::Dims> values;
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      const TensorView& input = call.inputs[i];
      if (i < count)
        types.push_back(ir::Type::tensor(input.type, ir::to_dims(input.shape)));
      else
        values.push_back(ir::to_dims(to_int64(input)));
    }
    for (const ir::Type& type : types)
      if (type.dims->size() > static_cast<size_t>(Dims::MAX_DIMS))
        return fail(*plugin_, "an input has too many dimensions");
    return shapes_of(*plugin_, types, values, to);
  }

  // An output that shares an input's memory starts as a copy of it.
  Status alias(const ops::Call& call, std::vector<const void*>& from, const std::vector<void*>& to) {
    IPluginV3OneBuild* build = build_part(*plugin_);
    if (build->getInterfaceInfo().major < 2) return {};
    auto* second = static_cast<IPluginV3OneBuildV2*>(build);
    for (size_t i = 0; i < to.size(); ++i) {
      const int32_t input = second->getAliasedInput(static_cast<int32_t>(i));
      if (input < 0 || static_cast<size_t>(input) >= from.size()) continue;
      VIVACE_TRY(place_.copy(to[i], from[static_cast<size_t>(input)], call.inputs[static_cast<size_t>(input)].bytes()));
      from[static_cast<size_t>(input)] = to[i];
    }
    return {};
  }

  Status tell_shapes(const std::vector<PluginTensorDesc>& in, const std::vector<PluginTensorDesc>& out) {
    std::vector<Shape> shapes;
    for (const PluginTensorDesc& desc : in) shapes.push_back(to_vector(desc.dims));
    if (told_ && shapes == shapes_) return {};
    const auto n = static_cast<int32_t>(in.size()), m = static_cast<int32_t>(out.size());
    if (runtime().onShapeChange(in.data(), n, out.data(), m) != 0) return fail(*plugin_, "onShapeChange failed");
    std::vector<DynamicPluginTensorDesc> ins, outs;
    for (const PluginTensorDesc& desc : in) ins.push_back(describe_range(desc));
    for (const PluginTensorDesc& desc : out) outs.push_back(describe_range(desc));
    workspace_ = build_part(*plugin_)->getWorkspaceSize(ins.data(), n, outs.data(), m);
    shapes_ = std::move(shapes);
    told_ = true;
    return {};
  }

  // Outputs of sizes that the plugin found are cut to them.
  Status deliver(ops::Call& call, const Shapes& shapes, const std::vector<void*>& made) {
    std::map<int32_t, int64_t> sizes;
    for (const DimsExprs& exprs : shapes.outputs)
      for (int32_t i = 0; i < exprs.nbDims; ++i) {
        const int32_t output = DimensionExprs::size_output(exprs.d[i]);
        if (output < 0 || static_cast<size_t>(output) >= made.size()) continue;
        const void* at = made[static_cast<size_t>(output)];
        int64_t wide = 0;
        int32_t narrow = 0;
        const bool is_wide = shapes.types[static_cast<size_t>(output)] == DType::i64;
        VIVACE_TRY(is_wide ? place_.read(&wide, at, sizeof(wide)) : place_.read(&narrow, at, sizeof(narrow)));
        sizes[output] = is_wide ? wide : narrow;
      }
    for (size_t i = 0; i < std::min(made.size(), call.outputs.size()); ++i) {
      if (ir::to_shape(DimensionExprs::dims(shapes.outputs[i]))) continue;  // written where it belongs
      const Shape shape = shape_of(shapes.outputs[i], sizes);
      const Shape most = shape_of(shapes.outputs[i], {});
      if (!checked_elements(shape) || elements(shape) > elements(most))
        return fail(*plugin_, "output " + std::to_string(i) + " is larger than it said");
      VIVACE_TRY(call.allocate(i, shapes.types[i], shape));
      const TensorView& to = call.outputs[i];
      if (to.bytes() > 0) VIVACE_TRY(place_.read(to.data, made[i], to.bytes()));
    }
    return {};
  }

  OwnedV3 plugin_, attached_;
  size_t shape_inputs_;
  int32_t tactic_;
  bool told_ = false;
  std::vector<Shape> shapes_;
  size_t workspace_ = 0;
  PluginPlace place_;
};

}  // namespace

int32_t output_count(nvinfer1::IPluginV3& plugin) {
  const IPluginV3OneBuild* build = build_part(plugin);
  return build ? std::max(build->getNbOutputs(), 0) : 0;
}

Result<std::unique_ptr<PluginInstance>> make_instance(OwnedV3 plugin, size_t shape_inputs, int32_t tactic,
                                                      bool on_gpu) {
  auto* runtime = part<IPluginV3OneRuntime>(*plugin, PluginCapabilityType::kRUNTIME);
  if (!runtime) return fail(*plugin, "it has no runtime part");
  static Resources host(false), gpu(true);
  OwnedV3 attached(runtime->attachToContext(on_gpu ? &gpu : &host));
  runtime = attached ? part<IPluginV3OneRuntime>(*attached, PluginCapabilityType::kRUNTIME) : nullptr;
  if (!runtime) return fail(*plugin, "attachToContext gave no plugin that runs");
  if (runtime->setTactic(tactic) != 0) return fail(*plugin, "setTactic(" + std::to_string(tactic) + ") failed");
  return std::unique_ptr<PluginInstance>(
      std::make_unique<ThirdGeneration>(std::move(plugin), std::move(attached), shape_inputs, tactic, on_gpu));
}

Status configure_for_build(nvinfer1::IPluginV3& plugin, const std::vector<ir::Type>& all_inputs, size_t shape_inputs,
                           int32_t& tactic) {
  std::vector<ir::Type> inputs(all_inputs.begin(), all_inputs.end() - static_cast<std::ptrdiff_t>(shape_inputs));
  for (const ir::Type& type : inputs)
    if (!type.dims || type.dims->size() > static_cast<size_t>(Dims::MAX_DIMS))
      return fail(plugin, "the rank of an input is not known");
  // Unknown elements of shape inputs are unknown dimensions.
  std::vector<ir::Dims> values;
  for (size_t i = inputs.size(); i < all_inputs.size(); ++i) {
    const std::optional<Shape> shape = all_inputs[i].shape();
    values.emplace_back(shape && shape->size() == 1 ? static_cast<size_t>((*shape)[0]) : 0);
  }
  Shapes made;
  VIVACE_TRY(shapes_of(plugin, inputs, values, made));
  std::vector<DynamicPluginTensorDesc> all;
  for (const ir::Type& type : inputs) all.push_back(describe_range(describe(type.dtype, to_dims(*type.dims))));
  for (size_t i = 0; i < made.outputs.size(); ++i)
    all.push_back(describe_range(describe(made.types[i], to_dims(DimensionExprs::dims(made.outputs[i])))));
  IPluginV3OneBuild& build = *build_part(plugin);
  const auto n = static_cast<int32_t>(inputs.size()), m = static_cast<int32_t>(made.outputs.size());
  for (int32_t i = 0; i < n + m; ++i)
    if (!build.supportsFormatCombination(i, all.data(), n, m))
      return fail(plugin, "it takes no linear tensors of these types");
  if (build.configurePlugin(all.data(), n, all.data() + n, m) != 0) return fail(plugin, "configurePlugin failed");
  std::vector<int32_t> tactics(static_cast<size_t>(std::max(build.getNbTactics(), 0)));
  if (!tactics.empty() && build.getValidTactics(tactics.data(), static_cast<int32_t>(tactics.size())) != 0)
    return fail(plugin, "getValidTactics failed");
  tactic = tactics.empty() ? 0 : tactics[0];
  return {};
}

}  // namespace vivace::tensorrt
