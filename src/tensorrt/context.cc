#include "tensorrt/context.h"

#include <algorithm>

#include "tensorrt/formats.h"
#include "tensorrt/memory.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

using nvinfer1::Dims;

namespace {

Status bad(const std::string& what) { return {Code::invalid_argument, what}; }

bool complete(const Shape& shape) {
  return std::all_of(shape.begin(), shape.end(), [](int64_t d) { return d >= 0; });
}

}  // namespace

Context::Context(Engine& engine, std::shared_ptr<Core> core)
    : of_(engine), core_(std::move(core)), ports_(core_->slots().size()), errors_{engine.errors().logger, nullptr} {
  ++core_->contexts;
  errors_.record_to(engine.errors().recorder);
}

Result<std::unique_ptr<Context>> Context::create(Engine& engine,
                                                 nvinfer1::ExecutionContextAllocationStrategy strategy) {
  std::unique_ptr<Context> made(new Context(engine, engine.core()));
  made->config_.setExecutionContextAllocationStrategy(strategy);
  if (const std::string& gpu = made->core_->gpu(); !gpu.empty()) {
    VIVACE_ASSIGN(made->bridge_, Bridge::open(gpu));
  }
  made->generation_ = made->core_->generation() + 1;  // none yet
  VIVACE_TRY(made->refresh());
  VIVACE_TRY(made->reserve());
  made->inputs_.resize(made->engine_->inputs().size());
  for (const Slot& slot : made->core_->slots())
    if (slot.input) made->inputs_[slot.index].type = slot.engine_type;
  made->reset_shapes();
  return made;
}

Status Context::refresh() {
  const uint64_t generation = core_->generation();
  if (generation == generation_) return {};
  engine_ = core_->engine();
  VIVACE_ASSIGN(context_, engine_->create_context(0, memory_of(core_->options().allocator)));
  VIVACE_TRY(use_lent());
  context_->set_profiling(profiler_ != nullptr);
  outputs_.assign(engine_->outputs().size(), Tensor());
  debug_tensors_ = core_->debug_tensors(*engine_);
  generation_ = generation;
  stale_ = true;
  return {};
}

// Memory of the wrong kind is of no use to the engine, which then takes its own.
Status Context::use_lent() {
  if (!user_managed()) return {};
  if (!user_memory_ || (home_of(user_memory_) == Home::device) == (bridge_ != nullptr))
    return context_->use_memory(user_memory_, user_bytes_);
  context_->release_memory();
  return {};
}

Status Context::reserve() {
  if (user_managed() || !core_->options().allocator) return {};
  const bool all = config_.getExecutionContextAllocationStrategy() == RuntimeConfig::Strategy::kSTATIC;
  VIVACE_ASSIGN(const std::size_t bytes, of_.memory_needed(all ? Engine::kAllProfiles : profile_));
  context_->release_memory();
  return context_->reserve(bytes);
}

void Context::reset_shapes() {
  for (const Slot& slot : core_->slots()) {
    Port& port = this->port(slot);
    port.shape = slot.dims;
    if (implicit()) port.shape.insert(port.shape.begin(), core_->metadata().max_batch);
    port.specified = complete(port.shape);
    if (slot.input) inputs_[slot.index].shape = port.shape;
  }
  stale_ = true;
}

Status Context::set_shape(const Slot& slot, Shape shape) {
  if (!slot.input) return bad("'" + slot.name + "' is an output; only inputs' shapes can be set");
  if (implicit())
    return bad("the engine has an implicit batch dimension: give the batch to execute or enqueue, not the shape of '" +
               slot.name + "'");
  if (!complete(shape)) return bad("input '" + slot.name + "': " + to_string(shape) + " has a negative dimension");
  const std::optional<Shape> min = of_.profile_shape(slot, profile_, nvinfer1::OptProfileSelector::kMIN);
  const std::optional<Shape> max = of_.profile_shape(slot, profile_, nvinfer1::OptProfileSelector::kMAX);
  bool fits = shape.size() == slot.dims.size() && min && max && min->size() == shape.size();
  for (size_t i = 0; fits && i < shape.size(); ++i)
    fits = (slot.dims[i] < 0 || slot.dims[i] == shape[i]) && shape[i] >= std::max<int64_t>((*min)[i], 0) &&
           ((*max)[i] < 0 || shape[i] <= (*max)[i]);
  if (!fits)
    return {Code::shape_mismatch,
            "input '" + slot.name + "': shape " + to_string(shape) + " does not fit optimization profile " +
                std::to_string(profile_) + ", which goes from " + (min ? to_string(*min) : "?") + " to " +
                (max ? to_string(*max) : "?") + "; choose another profile, or build the engine for that shape"};
  Port& port = this->port(slot);
  if (port.specified && port.shape == shape) return {};
  port.shape = std::move(shape);
  port.specified = true;
  inputs_[slot.index].shape = port.shape;
  stale_ = true;
  return {};
}

Status Context::set_batch(int64_t batch) {
  if (!implicit()) {
    if (batch == 1) return {};  // as clients give it who do not know better
    return bad("execute and enqueue with a batch of " + std::to_string(batch) +
               ": the engine has an explicit batch dimension; call executeV2 or enqueueV2");
  }
  const int64_t most = core_->metadata().max_batch;
  if (batch < 1 || batch > most)
    return bad("a batch of " + std::to_string(batch) + " is not within 1 and " + std::to_string(most) +
               ", the engine's maximum; build it with a larger setMaxBatchSize");
  for (const Slot& slot : core_->slots()) {
    Port& port = this->port(slot);
    if (port.shape[0] == batch) continue;
    port.shape[0] = batch;
    if (slot.input) inputs_[slot.index].shape = port.shape;
    stale_ = true;
  }
  return {};
}

Status Context::infer() {
  VIVACE_TRY(refresh());
  if (!stale_) return {};
  std::vector<Shape>& shapes = input_shapes_;
  shapes.resize(inputs_.size());
  for (const Slot& slot : core_->slots()) {
    if (!slot.input) continue;
    if (!port(slot).specified)
      return bad("the shape of input '" + slot.name + "' is not set: call setInputShape (or setBindingDimensions)");
    shapes[slot.index] = port(slot).shape;
  }
  VIVACE_ASSIGN(const auto made, engine_->output_shapes(shapes));
  output_shapes_.clear();
  for (const std::optional<Shape>& shape : made) output_shapes_.push_back(shape.value_or(Shape()));
  for (const Slot& slot : core_->slots()) {
    if (slot.input) continue;
    Port& port = this->port(slot);
    port.inferred = made[slot.index];
    outputs_[slot.index] = Tensor();
  }
  stale_ = false;
  return {};
}

Status Context::bind(void* const* bindings) {
  if (!bindings) return bad("the bindings are null; give an array of one address for each binding of the engine");
  void* const* own = bindings + static_cast<size_t>(profile_) * ports_.size();
  for (size_t i = 0; i < ports_.size(); ++i) ports_[i].address = own[i];
  return {};
}

bool Context::executeV2(void* const* bindings) noexcept {
  return guarded(errors_, [&]() -> Status {
    VIVACE_TRY(bind(bindings));
    return run(true, true, nullptr);
  });
}

bool Context::enqueueV2(void* const* bindings, cudaStream_t stream, cudaEvent_t* consumed) noexcept {
  return guarded(errors_, [&]() -> Status {
    VIVACE_TRY(bind(bindings));
    return run_on(stream, consumed);
  });
}

bool Context::enqueueV3(cudaStream_t stream) noexcept {
  return guarded(errors_, [&] { return run_on(stream); });
}

bool Context::enqueue(int32_t batch, void* const* bindings, cudaStream_t stream, cudaEvent_t* consumed) noexcept {
  return guarded(errors_, [&]() -> Status {
    VIVACE_TRY(set_batch(batch));
    VIVACE_TRY(bind(bindings));
    return run_on(stream, consumed);
  });
}

bool Context::execute(int32_t batch, void* const* bindings) noexcept {
  return guarded(errors_, [&]() -> Status {
    VIVACE_TRY(set_batch(batch));
    VIVACE_TRY(bind(bindings));
    return run(true, true, nullptr);
  });
}

bool Context::setInputShape(char const* name, Dims const& dims) noexcept {
  const Slot* slot = of_.slot(name);
  return slot && guarded(errors_, [&] { return set_shape(*slot, to_vector(dims)); });
}

Dims Context::visible_shape(const Slot& slot) {
  const size_t skip = implicit() ? 1 : 0;
  const auto visible = [&](const Shape& shape) {
    return to_dims(Shape(shape.begin() + static_cast<std::ptrdiff_t>(skip), shape.end()));
  };
  if (slot.input) return visible(port(slot).shape);
  if (!allInputDimensionsSpecified()) return to_dims(slot.dims);
  Dims made = no_dims();
  guarded(errors_, [&]() -> Status {
    VIVACE_TRY(infer());
    const Port& port = this->port(slot);
    made = port.inferred ? visible(*port.inferred) : to_dims(slot.dims);
    return {};
  });
  return made;
}

Dims Context::getTensorShape(char const* name) const noexcept {
  const Slot* slot = of_.slot(name);
  return slot ? const_cast<Context*>(this)->visible_shape(*slot) : no_dims();
}

Dims Context::getTensorStrides(char const* name) const noexcept {
  const Slot* slot = of_.slot(name);
  return slot ? strides_of(const_cast<Context*>(this)->visible_shape(*slot), of_.format(slot)) : no_dims();
}

bool Context::allInputDimensionsSpecified() const noexcept {
  for (const Slot& slot : core_->slots())
    if (slot.input && !port(slot).specified) return false;
  return true;
}

int32_t Context::inferShapes(int32_t capacity, char const** names) noexcept {
  int32_t missing = 0;
  for (const Slot& slot : core_->slots()) {
    if (!slot.input || port(slot).specified) continue;
    if (names && missing < capacity) names[missing] = slot.name.c_str();
    ++missing;
  }
  if (missing > 0) return missing;
  return guarded(errors_, [&] { return infer(); }) ? 0 : -1;
}

bool Context::setOptimizationProfile(int32_t index) noexcept {
  if (!of_.profile_exists(index)) return false;
  return guarded(errors_, [&] {
    if (index == profile_) return Status();
    profile_ = index;
    reset_shapes();
    return config_.getExecutionContextAllocationStrategy() == RuntimeConfig::Strategy::kON_PROFILE_CHANGE ? reserve()
                                                                                                          : Status();
  });
}

bool Context::setTensorAddress(char const* name, void* data) noexcept {
  const Slot* slot = of_.slot(name);
  if (slot) port(*slot).address = data;
  return slot != nullptr;
}

bool Context::setInputTensorAddress(char const* name, void const* data) noexcept {
  const Slot* slot = of_.slot(name);
  return slot && guarded(errors_, [&]() -> Status {
           if (!slot->input) return bad("setInputTensorAddress: '" + slot->name + "' is an output");
           port(*slot).address = const_cast<void*>(data);
           return {};
         });
}

bool Context::setOutputTensorAddress(char const* name, void* data) noexcept {
  const Slot* slot = of_.slot(name);
  return slot && guarded(errors_, [&]() -> Status {
           if (slot->input) return bad("setOutputTensorAddress: '" + slot->name + "' is an input");
           port(*slot).address = data;
           return {};
         });
}

void const* Context::getTensorAddress(char const* name) const noexcept {
  const Slot* slot = of_.slot(name);
  return slot ? port(*slot).address : nullptr;
}

void* Context::getOutputTensorAddress(char const* name) const noexcept {
  const Slot* slot = of_.slot(name);
  return slot && !slot->input ? port(*slot).address : nullptr;
}

bool Context::setOutputAllocator(char const* name, nvinfer1::IOutputAllocator* allocator) noexcept {
  const Slot* slot = of_.slot(name);
  return slot && guarded(errors_, [&]() -> Status {
           if (slot->input) return bad("setOutputAllocator: '" + slot->name + "' is an input");
           port(*slot).allocator = allocator;
           return {};
         });
}

nvinfer1::IOutputAllocator* Context::getOutputAllocator(char const* name) const noexcept {
  const Slot* slot = of_.slot(name);
  return slot ? port(*slot).allocator : nullptr;
}

int64_t Context::getMaxOutputSize(char const* name) const noexcept {
  const Slot* slot = of_.slot(name);
  if (!slot || slot->input) return -1;
  const Dims dims = getTensorShape(name);
  if (dims.nbDims < 0) return -1;
  int64_t count = implicit() ? core_->metadata().max_batch : 1;
  for (int32_t i = 0; i < dims.nbDims; ++i) {
    if (dims.d[i] < 0) return -1;  // only the run knows
    count *= dims.d[i];
  }
  return static_cast<int64_t>(byte_size(slot->type, count));
}

bool Context::setBindingDimensions(int32_t index, Dims dims) noexcept {
  const Slot* slot = of_.binding(index);
  return slot && guarded(errors_, [&] { return set_shape(*slot, to_vector(dims)); });
}

Dims Context::getBindingDimensions(int32_t index) const noexcept {
  const Slot* slot = of_.binding(index);
  return slot ? const_cast<Context*>(this)->visible_shape(*slot) : no_dims();
}

Dims Context::getStrides(int32_t index) const noexcept {
  const Slot* slot = of_.binding(index);
  return slot ? getTensorStrides(slot->name.c_str()) : no_dims();
}

// The values are read from the binding's address when the engine runs.
bool Context::setInputShapeBinding(int32_t index, int32_t const* data) noexcept {
  const Slot* slot = of_.binding(index);
  return slot && guarded(errors_, [&]() -> Status {
           if (!slot->input || !slot->shape_tensor) return bad("'" + slot->name + "' is no input that gives a shape");
           if (!data) return bad("setInputShapeBinding: the values of '" + slot->name + "' are null");
           port(*slot).address = const_cast<int32_t*>(data);
           return {};
         });
}

bool Context::getShapeBinding(int32_t index, int32_t* data) const noexcept {
  const Slot* slot = of_.binding(index);
  return slot && guarded(errors_, [&]() -> Status {
           const Port& port = this->port(*slot);
           if (!port.address || !data || slot->type != DType::i32)
             return bad("getShapeBinding: '" + slot->name + "' has no 32-bit values yet");
           const Shape& shape = slot->input ? port.shape : port.inferred.value_or(Shape{0});
           return read_from(data, port.address, byte_size(slot->type, elements(shape)), nullptr);
         });
}

void Context::setProfiler(nvinfer1::IProfiler* profiler) noexcept {
  profiler_ = profiler;
  context_->set_profiling(profiler != nullptr);
}

void Context::report_profile() const {
  for (const runtime::LayerTime& layer : context_->profile()) {
    const std::string& name = layer.name.empty() ? layer.op : layer.name;
    profiler_->reportLayerTime(name.c_str(), static_cast<float>(layer.seconds / static_cast<double>(layer.runs) * 1e3));
  }
}

bool Context::reportToProfiler() const noexcept {
  return guarded(errors_, [&]() -> Status {
    if (!profiler_) return bad("reportToProfiler: no profiler is set");
    report_profile();
    return {};
  });
}

void Context::setName(char const* name) noexcept {
  guarded(errors_, [&] { return name_ = name ? name : "", Status(); });
}

std::size_t Context::updateDeviceMemorySizeForShapes() noexcept {
  std::size_t bytes = 0;
  guarded(errors_, [&]() -> Status {
    VIVACE_TRY(infer());
    std::vector<Shape> shapes;
    for (const TensorView& view : inputs_) shapes.push_back(view.shape);
    VIVACE_ASSIGN(const backends::MemoryUse use, engine_->memory_use(shapes));
    bytes = use.arena_bytes;
    return {};
  });
  return bytes;
}

void Context::setDeviceMemory(void* memory) noexcept {
  setDeviceMemoryV2(memory, static_cast<int64_t>(of_.getDeviceMemorySize()));
}

void Context::setDeviceMemoryV2(void* memory, int64_t size) noexcept {
  guarded(errors_, [&]() -> Status {
    if (!user_managed())
      return bad(
          "setDeviceMemory: the context has memory of its own; create it with kUSER_MANAGED, or by "
          "createExecutionContextWithoutDeviceMemory");
    user_memory_ = memory;
    user_bytes_ = static_cast<std::size_t>(std::max<int64_t>(size, 0));
    return use_lent().within("setDeviceMemory");
  });
}

bool Context::setTensorDebugState(char const* name, bool on) noexcept {
  return guarded(errors_, [&]() -> Status {
    if (!of_.isDebugTensor(name))
      return bad("'" + std::string(name ? name : "") +
                 "' is no debug tensor; mark it with INetworkDefinition::markDebug before the build");
    on ? void(debug_on_.insert(name)) : void(debug_on_.erase(name));
    return {};
  });
}

bool Context::setAllTensorsDebugState(bool on) noexcept {
  return guarded(errors_, [&] {
    debug_on_.clear();
    if (on) debug_on_.insert(core_->metadata().debug.begin(), core_->metadata().debug.end());
    return Status();
  });
}

bool Context::setUnfusedTensorsDebugState(bool on) noexcept {
  return guarded(errors_, [&]() -> Status {
    if (on && !core_->metadata().unfused_debug)
      return bad(
          "the engine has no unfused debug tensors; call INetworkDefinition::markUnfusedTensorsAsDebugTensors "
          "before the build");
    unfused_on_ = on;
    return {};
  });
}

bool Context::setCommunicator(void*) noexcept {
  return guarded(errors_, [] {
    return Status(Code::unsupported, "setCommunicator: there are no collective operations on the CPU backend");
  });
}

}  // namespace vivace::tensorrt
