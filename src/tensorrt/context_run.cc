// Executions: bound memory, wherever it is, and the engine.
#include <algorithm>

#include "tensorrt/capture.h"
#include "tensorrt/context.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

namespace {

Status bad(const std::string& what) { return {Code::invalid_argument, what}; }

constexpr uint64_t kOutputAlignment = 256;

}  // namespace

Status Context::prepare_output(const Slot& slot, Port& port, cudaStream_t stream) {
  Tensor& tensor = outputs_[slot.index];
  if (!port.inferred) {  // only the run knows its size
    if (!port.allocator)
      return bad("the shape of output '" + slot.name +
                 "' depends on data; set an IOutputAllocator for it and call enqueueV3");
    tensor = Tensor();
    return {};
  }
  if (port.allocator) {
    const size_t bytes = byte_size(slot.type, elements(*port.inferred));
    void* memory = port.allocator->reallocateOutputAsync(slot.name.c_str(), port.address, std::max<size_t>(bytes, 1),
                                                         kOutputAlignment, stream);
    if (!memory)
      return {Code::out_of_memory,
              "the output allocator gave no memory for the " + std::to_string(bytes) + " bytes of '" + slot.name + "'"};
    port.address = memory;
  }
  if (!port.address && elements(*port.inferred) > 0)
    return bad("output '" + slot.name + "' has no address: call setTensorAddress, or give one in the bindings");
  return {};
}

Status Context::fetch(const Slot& slot, Port& port, cudaStream_t stream) {
  void*& data = inputs_[slot.index].data;
  data = port.address;
  if (!port.address) return {};  // what is missing is said when the engine runs
  if (port.home != Home::unknown) {
    if (!port.near.valid() || port.near.shape() != port.shape) {
      VIVACE_ASSIGN(port.near, Tensor::allocate(slot.type, port.shape));
    }
    VIVACE_TRY(read_from(port.near.data(), port.address, port.near.bytes(), stream));
    data = port.near.data();
  }
  if (slot.type == slot.engine_type) return {};
  if (!port.wide.valid() || port.wide.shape() != port.shape) {
    VIVACE_ASSIGN(port.wide, Tensor::allocate(slot.engine_type, port.shape));
  }
  const auto* from = static_cast<const int32_t*>(data);
  std::copy(from, from + port.wide.count(), port.wide.as<int64_t>());
  data = port.wide.data();
  return {};
}

// Tells an allocator what came out; a result that only the run knew the size of is copied into its memory. Integers of
// fewer bits than the engine's are converted.
Status Context::deliver(const Slot& slot, Port& port, cudaStream_t stream) {
  const Tensor& tensor = outputs_[slot.index];
  const size_t bytes = byte_size(slot.type, tensor.count());
  if (port.inferred && tensor.shape() != *port.inferred)
    return {Code::internal,
            "output '" + slot.name + "' came as " + to_string(tensor.shape()) + ", not " + to_string(*port.inferred)};
  if (!port.inferred && bytes > 0) {
    void* memory =
        port.allocator->reallocateOutputAsync(slot.name.c_str(), port.address, bytes, kOutputAlignment, stream);
    if (!memory)
      return {Code::out_of_memory,
              "the output allocator gave no memory for the " + std::to_string(bytes) + " bytes of '" + slot.name + "'"};
    port.address = memory;
  }
  if (slot.type != slot.engine_type) {
    const std::span<const int64_t> wide = tensor.span<const int64_t>();
    std::vector<int32_t> narrow(wide.size());
    std::transform(wide.begin(), wide.end(), narrow.begin(),
                   [](int64_t v) { return static_cast<int32_t>(std::clamp<int64_t>(v, INT32_MIN, INT32_MAX)); });
    VIVACE_TRY(write_to(port.address, narrow.data(), bytes, stream));
  } else if (tensor.data() != port.address) {
    VIVACE_TRY(write_to(port.address, tensor.data(), bytes, stream));
  }
  if (port.allocator) port.allocator->notifyShape(slot.name.c_str(), to_dims(tensor.shape()));
  return {};
}

Status Context::run(bool emits_profile, bool waits, cudaStream_t stream) {
  if (core_->lacks_weights())
    return bad("the engine's plan was stripped of its weights; give them back with an IRefitter first");
  VIVACE_TRY(infer());
  for (const Slot& slot : core_->slots()) {
    Port& port = this->port(slot);
    if (!slot.input) VIVACE_TRY(prepare_output(slot, port, stream));
    port.home = home_of(port.address);
  }
  // Times of layers come from runs that wait for each; who has no memory of a GPU is shown none.
  const bool on_gpu = bridge_ && !profiler_ && (!debug_ || uses_driver());
  Status status = on_gpu ? run_on_gpu_memory(waits, stream) : Status(Code::unsupported, "");
  // Shapes that depend on data are known once a run has ended.
  if (status.code() == Code::unsupported && !(on_gpu && uses_driver() && is_captured_by_driver(stream)))
    status = run_on_host_memory(emits_profile, stream);
  if (status.code() != Code::out_of_memory || !user_managed()) return status;
  return {status.code(), status.message() + "; give setDeviceMemoryV2 as many as getDeviceMemorySizeV2 says"};
}

Status Context::run_on_host_memory(bool emits_profile, cudaStream_t stream) {
  bool to_deliver = false;
  const bool is_drivers = uses_driver();
  if (is_drivers && is_captured_by_driver(stream))
    return {Code::unsupported, profiler_ ? "a profiled run cannot be captured into a CUDA graph; remove the profiler"
                                         : "the engine runs on the CPU, which a CUDA graph cannot; build it for a GPU"};
  for (const Slot& slot : core_->slots()) {
    Port& port = this->port(slot);
    if (slot.input) {
      VIVACE_TRY(fetch(slot, port, stream));
      continue;
    }
    Tensor& tensor = outputs_[slot.index];
    const bool same_shape = port.inferred && tensor.valid() && tensor.shape() == *port.inferred;
    const bool direct = slot.type == slot.engine_type && port.home == Home::unknown;
    to_deliver |= port.allocator || !direct;
    if (port.inferred && direct && !(same_shape && tensor.data() == port.address))
      tensor = Tensor::wrap(slot.type, *port.inferred, port.address, nullptr);
    else if (!port.inferred || (!direct && (!same_shape || port.wrapped)))
      tensor = Tensor();  // the run makes one, and deliver() converts or copies it
    port.wrapped = port.inferred && direct;
  }
  if (profiler_) context_->reset_profile();
  VIVACE_TRY(context_->run(inputs_, outputs_));
  if (to_deliver)
    for (const Slot& slot : core_->slots())
      if (!slot.input) VIVACE_TRY(deliver(slot, port(slot), stream));
  if (consumed_ && is_drivers) VIVACE_TRY(record(consumed_, stream));
  if (profiler_ && emits_profile) report_profile();
  if (!debug_) return {};
  // To a client without a GPU the host's memory is what it calls the device's.
  const auto location = is_drivers ? nvinfer1::TensorLocation::kHOST : nvinfer1::TensorLocation::kDEVICE;
  for (const DebugTensor& shown : debug_tensors_) {
    const Tensor& tensor = outputs_[shown.index];
    VIVACE_TRY(show(shown, tensor.data(), location, tensor.type(), tensor.shape(), stream));
  }
  return {};
}

bool Context::uses_driver() const {
  return std::any_of(ports_.begin(), ports_.end(), [](const Port& port) { return port.home != Home::unknown; });
}

Status Context::run_on_gpu_memory(bool waits, cudaStream_t clients) {
  const std::vector<Slot>& slots = core_->slots();
  const cuda::Gpu::Scope scope(bridge_->gpu());
  const bool is_drivers = uses_driver();
  auto* const stream = is_drivers ? reinterpret_cast<cuda::StreamHandle*>(clients) : bridge_->own_stream();
  const auto elements_of = [](const Slot& slot) {
    return slot.type == slot.engine_type ? Bridge::Elements::same : Bridge::Elements::narrow;
  };
  from_.assign(engine_->inputs().size(), {});
  to_.assign(engine_->outputs().size(), {});
  for (size_t k = 0; k < to_.size(); ++k)
    to_[k].bytes = byte_size(engine_->outputs()[k].type, elements(output_shapes_[k]));
  for (size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = slots[i];
    Port& port = ports_[i];
    waits |= port.address && port.home == Home::unknown;
    if (slot.input) {
      const size_t bytes = byte_size(slot.type, elements(port.shape));
      if (!port.address && bytes > 0) return bad("input '" + slot.name + "' has no data");
      VIVACE_ASSIGN(from_[slot.index].data, bridge_->input(i, port.address, bytes, elements_of(slot), stream));
      from_[slot.index].bytes = byte_size(slot.engine_type, elements(port.shape));
    } else {
      if (!port.inferred)
        return {Code::unsupported, "output '" + slot.name + "': a shape that depends on data is known too late"};
      VIVACE_ASSIGN(
          to_[slot.index].data,
          bridge_->output(i, port.address, byte_size(slot.type, elements(*port.inferred)), elements_of(slot)));
    }
  }
  for (size_t k = 0; k < to_.size(); ++k)  // those that only a debug listener sees
    if (!to_[k].data) {
      VIVACE_ASSIGN(to_[k].data, bridge_->output(slots.size() + k, nullptr, to_[k].bytes, Bridge::Elements::same));
    }
  VIVACE_TRY(context_->enqueue(input_shapes_, from_, to_, stream));
  if (consumed_ && is_drivers) VIVACE_TRY(record(consumed_, clients));
  for (size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = slots[i];
    if (slot.input) continue;
    VIVACE_TRY(bridge_->deliver(i, ports_[i].address, byte_size(slot.type, elements(*ports_[i].inferred)),
                                elements_of(slot), stream));
  }
  const bool captured = is_drivers && is_captured_by_driver(clients);
  if (!captured && (waits || debug_)) VIVACE_TRY(bridge_->wait(stream));
  for (const Slot& slot : slots)
    if (const Port& port = this->port(slot); port.allocator)
      port.allocator->notifyShape(slot.name.c_str(), to_dims(*port.inferred));
  if (!debug_ || captured) return {};
  for (const DebugTensor& shown : debug_tensors_)
    VIVACE_TRY(show(shown, to_[shown.index].data, nvinfer1::TensorLocation::kDEVICE,
                    engine_->outputs()[shown.index].type, output_shapes_[shown.index], clients));
  return {};
}

Status Context::show(const DebugTensor& tensor, const void* data, nvinfer1::TensorLocation location, DType type,
                     const Shape& shape, cudaStream_t stream) {
  if (tensor.unfused ? !unfused_on_ : !debug_on_.contains(tensor.name)) return {};
  if (debug_->processDebugTensor(data, location, to_data_type(type), to_dims(shape), tensor.name.c_str(), stream))
    return {};
  return {Code::cancelled, "the debug listener failed on '" + tensor.name + "'"};
}

Status Context::run_on(cudaStream_t stream, cudaEvent_t* consumed) {
  if (!is_captured(stream)) {
    const cudaEvent_t kept = consumed_;
    if (consumed) consumed_ = *consumed;
    const Status status = run(enqueue_emits_profile_, false, stream);
    consumed_ = kept;
    return status;
  }
  VIVACE_TRY(infer());
  for (const Slot& slot : core_->slots())
    if (!slot.input) VIVACE_TRY(prepare_output(slot, port(slot), stream));
  capture(stream, [this, ports = ports_, stream] { replay(ports, stream); });
  return {};
}

void Context::replay(const std::vector<Port>& ports, cudaStream_t stream) {
  const std::vector<Port> own = ports_;
  const auto use = [this](const std::vector<Port>& used) {
    ports_ = used;
    for (const Slot& slot : core_->slots()) {
      if (!slot.input || inputs_[slot.index].shape == port(slot).shape) continue;
      inputs_[slot.index].shape = port(slot).shape;
      stale_ = true;
    }
  };
  use(ports);
  guarded(errors_, [&] { return run(enqueue_emits_profile_, true, stream); });
  use(own);
}

}  // namespace vivace::tensorrt
