// Runs on a GPU's own memory and streams.
#include "api/handles.h"
#include "backends/cuda/driver.h"

using namespace vivace;

namespace {

Status check_type(const runtime::TensorSpec& spec, const TensorView& view, const char* what) {
  if (view.type == spec.type) return {};
  return {Code::invalid_argument,
          std::string(what) + " '" + spec.name + "' is " + to_string(spec.type) + ", not " + to_string(view.type)};
}

// The tensors' shapes, and their places.
struct Buffers {
  std::vector<Shape> shapes;
  std::vector<backends::DeviceBuffer> places;
};

Result<Buffers> buffers_of(const std::vector<runtime::TensorSpec>& specs, const vivace_tensor* const* tensors,
                           size_t count, const char* what) {
  if (count != specs.size() || (!tensors && count))
    return Status(Code::invalid_argument, "the engine has " + std::to_string(specs.size()) + " " + what + "s, not " +
                                              std::to_string(tensors ? count : 0));
  VIVACE_ASSIGN(const std::vector<TensorView> views, api::views_of(tensors, count));
  Buffers made;
  for (size_t i = 0; i < count; ++i) {
    VIVACE_TRY(check_type(specs[i], views[i], what));
    made.shapes.push_back(views[i].shape);
    made.places.push_back({views[i].data, views[i].bytes()});
  }
  return made;
}

Status check_output_shapes(const runtime::Engine& engine, const Buffers& inputs, const Buffers& outputs) {
  VIVACE_ASSIGN(const auto shapes, engine.output_shapes(inputs.shapes));
  for (size_t i = 0; i < shapes.size(); ++i) {
    const std::string& name = engine.outputs()[i].name;
    if (!shapes[i])
      return {Code::unsupported, "the shape of output '" + name + "' depends on the data; use vivace_context_run()"};
    if (*shapes[i] != outputs.shapes[i])
      return {Code::shape_mismatch, "output '" + name + "' has shape " + to_string(*shapes[i]) +
                                        ", the tensor given for it " + to_string(outputs.shapes[i])};
  }
  return {};
}

// Memory of the GPU, or pinned for it, as a tensor that owns it.
Result<Tensor> allocate_on(int ordinal, cuda::Memory::Kind kind, DType type, Shape shape) {
  VIVACE_ASSIGN(std::shared_ptr<cuda::Gpu> gpu, cuda::Gpu::open(ordinal));
  const size_t bytes = byte_size(type, elements(shape));
  VIVACE_ASSIGN(cuda::Memory memory, cuda::Memory::allocate(std::move(gpu), kind, bytes));
  auto owner = std::make_shared<cuda::Memory>(std::move(memory));
  return Tensor::wrap(type, std::move(shape), owner->host(), owner);
}

}  // namespace

vivace_status vivace_context_enqueue(vivace_context* context, const vivace_tensor* const* inputs, size_t input_count,
                                     vivace_tensor* const* outputs, size_t output_count, void* stream) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(context);
    const runtime::Engine& engine = *context->engine;
    VIVACE_ASSIGN(const Buffers from, buffers_of(engine.inputs(), inputs, input_count, "input"));
    VIVACE_ASSIGN(const Buffers to, buffers_of(engine.outputs(), outputs, output_count, "output"));
    VIVACE_TRY(engine.check_shapes(from.shapes));
    VIVACE_TRY(check_output_shapes(engine, from, to));
    return context->context->enqueue(from.shapes, from.places, to.places, stream);
  });
}

vivace_status vivace_context_time(vivace_context* context, const vivace_tensor* const* inputs, size_t input_count,
                                  int32_t runs, int flush, vivace_device_times* times) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(context);
    VIVACE_NEED(times);
    VIVACE_ASSIGN(const std::vector<Shape> shapes, api::shapes_of(*context->engine, inputs, input_count));
    VIVACE_ASSIGN(const backends::DeviceTimes found, context->context->time_on_device(shapes, runs, flush != 0));
    *times = {found.minimum, found.median, found.mean};
    return {};
  });
}

vivace_status vivace_engine_allocate(const vivace_engine* engine, vivace_place place, vivace_dtype dtype, int32_t rank,
                                     const int64_t* shape, vivace_tensor** tensor) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(engine);
    VIVACE_NEED(tensor);
    if (place != VIVACE_ON_DEVICE && place != VIVACE_PINNED)
      return {Code::invalid_argument, "a place is VIVACE_ON_DEVICE or VIVACE_PINNED, not " + std::to_string(place)};
    if (dtype == VIVACE_STRING)
      return {Code::invalid_argument, "strings are in ordinary memory alone; use vivace_tensor_create"};
    VIVACE_ASSIGN(Shape dims, api::shape_of(dtype, rank, shape));
    const auto type = static_cast<DType>(dtype);
    const int ordinal = engine->engine->ordinal();
    Result<Tensor> made =
        ordinal < 0
            ? Tensor::allocate(type, std::move(dims))
            : allocate_on(ordinal, place == VIVACE_PINNED ? cuda::Memory::Kind::pinned : cuda::Memory::Kind::device,
                          type, std::move(dims));
    if (!made.ok()) return made.status();
    *tensor = new vivace_tensor{*std::move(made)};
    return {};
  });
}

vivace_status vivace_engine_wait(const vivace_engine* engine, void* stream) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(engine);
    if (engine->engine->ordinal() < 0) return {};
    VIVACE_ASSIGN(const std::shared_ptr<cuda::Gpu> gpu, cuda::Gpu::open(engine->engine->ordinal()));
    const cuda::Gpu::Scope scope(*gpu);
    VIVACE_CUDA(gpu->driver(), cuStreamSynchronize(static_cast<cuda::StreamHandle*>(stream)));
    return {};
  });
}
