#include "backends/cuda/session.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <unordered_map>

#include "base/threads.h"

namespace vivace::cuda {

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

class Session final : public backends::Session {
 public:
  Session(std::shared_ptr<Gpu> gpu, const ir::Graph& graph, int threads, backends::MemorySource source)
      : gpu_(std::move(gpu)), graph_(graph), nodes_(graph.node_list()), pool_(threads), source_(std::move(source)) {}
  ~Session() override {
    const Gpu::Scope scope(*gpu_);
    drop();
    if (stream_) (void)driver().cuStreamDestroy_v2(stream_);
  }
  Status open() {
    const Gpu::Scope scope(*gpu_);
    VIVACE_CUDA(driver(), cuStreamCreate(&stream_, kStreamNonBlocking));
    return {};
  }

  size_t bytes() const override { return bytes_; }

  Status reserve(size_t bytes) override {
    if (bytes <= bytes_) return {};
    if (lent_)
      return {Code::out_of_memory, "a run needs " + std::to_string(bytes) + " bytes of memory, " +
                                       std::to_string(bytes_) + " were given for it"};
    drop();
    if (source_.allocate) {
      void* made = source_.allocate(bytes, kAlignment);
      if (!made) return {Code::out_of_memory, "no memory for the " + std::to_string(bytes) + " bytes a run needs"};
      address_ = reinterpret_cast<DevicePointer>(made);
    } else {
      VIVACE_ASSIGN(own_, Memory::allocate(gpu_, Memory::Kind::device, bytes));
      address_ = own_.device();
    }
    bytes_ = bytes;
    return {};
  }

  Status lend(void* memory, size_t bytes) override {
    if (reinterpret_cast<uintptr_t>(memory) % kAlignment != 0)
      return {Code::invalid_argument,
              "the memory for a run must start at a multiple of " + std::to_string(kAlignment) + " bytes"};
    drop();
    address_ = reinterpret_cast<DevicePointer>(memory);
    bytes_ = memory ? bytes : 0;
    lent_ = true;
    return {};
  }

  void drop() override {
    const Gpu::Scope scope(*gpu_);
    forget_graphs();
    if (address_ && !lent_ && source_.release) source_.release(reinterpret_cast<void*>(address_));
    own_ = {};
    address_ = 0;
    bytes_ = 0;
    lent_ = false;
  }

  Status run(const backends::Instance& instance, const std::vector<TensorView>& inputs, std::vector<Tensor>& outputs,
             const backends::StepObserver& observe) override {
    const auto& i = static_cast<const Instance&>(instance);
    VIVACE_TRY(reserve(i.bytes));
    if (i.host_bytes > mirror_.bytes()) {
      forget_graphs();
      VIVACE_ASSIGN(mirror_, Memory::allocate(gpu_, Memory::Kind::pinned, i.host_bytes));
    }
    outputs.resize(graph_.outputs().size());
    for (size_t k = 0; k < outputs.size(); ++k) {
      const ir::Type& type = *i.at.type(graph_.outputs()[k]);
      if (outputs[k].valid() && outputs[k].type() == type.dtype && outputs[k].shape() == *type.shape()) continue;
      VIVACE_ASSIGN(outputs[k], Tensor::allocate(type.dtype, *type.shape()));
    }
    for (size_t k = 0; k < inputs.size(); ++k)
      if (inputs[k].bytes() > 0) std::memcpy(mirror_.host() + i.inputs[k], inputs[k].data, inputs[k].bytes());
    const Gpu::Scope scope(*gpu_);
    if (observe) {
      VIVACE_TRY(run_observed(i, inputs, observe));
    } else {
      VIVACE_TRY(run_graphs(i, inputs));
    }
    for (size_t k = 0; k < i.complaints.size(); ++k)
      if (reinterpret_cast<const uint32_t*>(mirror_.host() + i.faults)[k])
        return {Code::invalid_argument, i.complaints[k]};
    for (size_t k = 0; k < outputs.size(); ++k)
      if (outputs[k].bytes() > 0) std::memcpy(outputs[k].data(), mirror_.host() + i.outputs[k], outputs[k].bytes());
    return {};
  }

 private:
  const Driver& driver() const { return gpu_->driver(); }
  DevicePointer device(const Address& a) const { return a.fixed ? a.fixed : address_ + a.offset; }
  void* host(const Address& a) const {
    return a.host ? const_cast<void*>(a.host) : static_cast<void*>(mirror_.host() + a.offset);
  }

  Status begin(const std::vector<TensorView>& inputs, const Instance& i) {
    if (const size_t bytes = i.complaints.size() * sizeof(uint32_t))
      VIVACE_CUDA(driver(), cuMemsetD8Async(address_ + i.faults, 0, bytes, stream_));
    for (size_t k = 0; k < inputs.size(); ++k)
      if (inputs[k].bytes() > 0)
        VIVACE_CUDA(driver(), cuMemcpyHtoDAsync_v2(address_ + i.inputs[k], mirror_.host() + i.inputs[k],
                                                   inputs[k].bytes(), stream_));
    return {};
  }
  Status end(const Instance& i) {
    for (const Instance::Copy& copy : i.copies)
      VIVACE_CUDA(driver(), cuMemcpyDtoDAsync_v2(address_ + copy.to, device(copy.from), copy.bytes, stream_));
    if (const size_t bytes = i.complaints.size() * sizeof(uint32_t))
      VIVACE_CUDA(driver(), cuMemcpyDtoHAsync_v2(mirror_.host() + i.faults, address_ + i.faults, bytes, stream_));
    for (size_t k = 0; k < i.outputs.size(); ++k)
      if (i.output_bytes[k] > 0)
        VIVACE_CUDA(driver(), cuMemcpyDtoHAsync_v2(mirror_.host() + i.outputs[k], address_ + i.outputs[k],
                                                   i.output_bytes[k], stream_));
    return {};
  }
  Status launch(const Step& step) {
    for (size_t k = 0; k < step.kernels.size(); ++k) {
      const Launch& l = step.kernels[k].launch;
      std::vector<DevicePointer> values;
      std::vector<void*> parameters;
      for (const Address& a : step.arguments[k]) values.push_back(device(a));
      for (DevicePointer& value : values) parameters.push_back(&value);
      VIVACE_CUDA(driver(), cuLaunchKernel(step.kernels[k].kernel->function(), l.grid[0], l.grid[1], l.grid[2], l.block,
                                           1, 1, l.shared_bytes, stream_, parameters.data(), nullptr));
    }
    return {};
  }
  Status download(const Step& step) {
    for (const Step::Bytes& b : step.downloads)
      if (b.bytes > 0)
        VIVACE_CUDA(driver(), cuMemcpyDtoHAsync_v2(mirror_.host() + b.offset, address_ + b.offset, b.bytes, stream_));
    return {};
  }
  Status upload(const Step& step) {
    for (const Step::Bytes& b : step.uploads)
      if (b.bytes > 0)
        VIVACE_CUDA(driver(), cuMemcpyHtoDAsync_v2(address_ + b.offset, mirror_.host() + b.offset, b.bytes, stream_));
    return {};
  }
  Status run_host(const Step& step) {
    std::vector<void*> pointers;
    const ir::Node& node = *nodes_[step.node];
    for (size_t k = 0; k < step.inputs.size(); ++k)
      pointers.push_back(node.inputs()[k] ? host(step.inputs[k]) : nullptr);
    for (const Address& a : step.outputs) pointers.push_back(host(a));
    return step.bound.run(
        {pointers.data(), pointers.data() + step.inputs.size(), mirror_.host() + step.workspace, pool_});
  }

  // One graph up to each node of the CPU, one for the rest.
  Status record(const Instance& i, const std::vector<TensorView>& inputs, std::vector<GraphExecHandle*>& graphs) {
    const auto finish = [&]() -> Status {
      GraphHandle* graph = nullptr;
      VIVACE_CUDA(driver(), cuStreamEndCapture(stream_, &graph));
      GraphExecHandle* exec = nullptr;
      const Error error = driver().cuGraphInstantiateWithFlags(&exec, graph, 0);
      (void)driver().cuGraphDestroy(graph);
      if (error) return driver().status(error, "cuGraphInstantiate");
      graphs.push_back(exec);
      return {};
    };
    const auto all = [&]() -> Status {
      VIVACE_TRY(begin(inputs, i));
      for (const Step& step : i.steps) {
        if (!step.on_host) {
          VIVACE_TRY(launch(step));
          continue;
        }
        VIVACE_TRY(download(step));
        VIVACE_TRY(finish());
        VIVACE_CUDA(driver(), cuStreamBeginCapture_v2(stream_, kCaptureRelaxed));
        VIVACE_TRY(upload(step));
      }
      return end(i);
    };
    VIVACE_CUDA(driver(), cuStreamBeginCapture_v2(stream_, kCaptureRelaxed));
    const Status status = all();
    const Status ended = finish();
    return status.ok() ? ended : status;
  }

  Status run_graphs(const Instance& i, const std::vector<TensorView>& inputs) {
    std::vector<GraphExecHandle*>& graphs = graphs_[i.id];
    if (graphs.empty()) {
      if (Status status = record(i, inputs, graphs); !status.ok()) {
        for (GraphExecHandle* exec : graphs) (void)driver().cuGraphExecDestroy(exec);
        graphs_.erase(i.id);
        return status;
      }
    }
    size_t next = 0;
    for (const Step& step : i.steps) {
      if (!step.on_host) continue;
      VIVACE_CUDA(driver(), cuGraphLaunch(graphs[next++], stream_));
      VIVACE_CUDA(driver(), cuStreamSynchronize(stream_));
      VIVACE_TRY(run_host(step));
    }
    VIVACE_CUDA(driver(), cuGraphLaunch(graphs[next], stream_));
    VIVACE_CUDA(driver(), cuStreamSynchronize(stream_));
    return {};
  }

  // Node by node, waiting for each.
  Status run_observed(const Instance& i, const std::vector<TensorView>& inputs, const backends::StepObserver& observe) {
    VIVACE_TRY(begin(inputs, i));
    for (const Step& step : i.steps) {
      VIVACE_CUDA(driver(), cuStreamSynchronize(stream_));
      const double start = now();
      if (step.on_host) {
        VIVACE_TRY(download(step));
        VIVACE_CUDA(driver(), cuStreamSynchronize(stream_));
        VIVACE_TRY(run_host(step));
        VIVACE_TRY(upload(step));
      } else {
        VIVACE_TRY(launch(step));
      }
      VIVACE_CUDA(driver(), cuStreamSynchronize(stream_));
      observe(step.node, now() - start);
    }
    VIVACE_TRY(end(i));
    VIVACE_CUDA(driver(), cuStreamSynchronize(stream_));
    return {};
  }

  void forget_graphs() {
    for (auto& [id, graphs] : graphs_)
      for (GraphExecHandle* exec : graphs) (void)driver().cuGraphExecDestroy(exec);
    graphs_.clear();
  }

  std::shared_ptr<Gpu> gpu_;
  const ir::Graph& graph_;
  std::vector<ir::Node*> nodes_;
  ThreadPool pool_;
  StreamHandle* stream_ = nullptr;
  backends::MemorySource source_;
  DevicePointer address_ = 0;  // of memory on the GPU: its own, lent, or from the source
  size_t bytes_ = 0;
  bool lent_ = false;
  Memory own_;
  Memory mirror_;                                                       // the same places in pinned memory of the host
  std::unordered_map<uint64_t, std::vector<GraphExecHandle*>> graphs_;  // by instance
};

}  // namespace

Result<std::unique_ptr<backends::Session>> open_session(std::shared_ptr<Gpu> gpu, const ir::Graph& graph, int threads,
                                                        backends::MemorySource source) {
  auto made = std::make_unique<Session>(std::move(gpu), graph, threads, std::move(source));
  VIVACE_TRY(made->open());
  return std::unique_ptr<backends::Session>(std::move(made));
}

}  // namespace vivace::cuda
