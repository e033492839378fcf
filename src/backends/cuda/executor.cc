#include "backends/cuda/executor.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <unordered_set>

#include "backends/cuda/compiler.h"
#include "backends/cuda/image.h"
#include "base/log.h"

namespace vivace::cuda {

namespace {

constexpr size_t kKeptInstances = 64;
size_t index(const ir::Value* v) { return static_cast<size_t>(v->id()); }
double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
size_t aligned(size_t bytes) { return (bytes + 255) / 256 * 256; }

bool makes_nothing(const ir::Node& node, const cpu::ConcreteGraph& at) {
  return std::all_of(node.outputs().begin(), node.outputs().end(),
                     [&](const ir::Value* v) { return elements(*at.type(v)->shape()) == 0; });
}

}  // namespace

// An address: in the session's memory, or one that never changes (of a constant).
struct Address {
  size_t offset = 0;
  DevicePointer fixed = 0;
  const void* host = nullptr;  // where a constant is for the CPU
};

struct Executor::Step {
  struct Kernels {
    std::shared_ptr<Kernel> kernel;
    Launch launch;  // its source is dropped
    std::vector<Tensor> packed;
  };
  struct Bytes {
    size_t offset, bytes;
  };
  size_t node = 0;
  std::vector<Kernels> kernels;
  std::vector<std::vector<Address>> arguments;  // of each kernel
  // Where the node runs on the CPU:
  bool on_host = false;
  cpu::Bound bound;
  std::vector<Address> inputs, outputs;
  std::vector<Bytes> downloads, uploads;
  size_t workspace = 0;
  std::string fault;  // what it says where a kernel sets its fault word
};

class Executor::Instance final : public backends::Instance {
 public:
  struct Copy {
    size_t to;
    Address from;
    size_t bytes;
  };
  uint64_t id = 0;  // sessions keep graphs by it
  cpu::ConcreteGraph at;
  std::vector<Step> steps;
  std::vector<size_t> inputs, outputs;  // where they are in the session's memory
  std::vector<size_t> output_bytes;
  std::vector<Copy> copies;             // at the end
  size_t faults = 0;                    // words of all steps that have one: zeroed before a run, read after it
  std::vector<std::string> complaints;  // one for each
  size_t bytes = 0;                     // of the session's memory
  size_t host_bytes = 0;  // of its mirror on the CPU: inputs and outputs, all where a node runs on the CPU
  backends::MemoryUse memory;
};

Result<std::shared_ptr<const Executor>> Executor::create(plan::Program program, const Device& device,
                                                         const cpu::Machine& host) {
  std::shared_ptr<Executor> made(new Executor());
  made->program_ = std::move(program);
  made->device_ = device;
  made->host_ = host;
  made->nodes_ = made->program_.graph->node_list();
  if (made->program_.choices.size() != made->nodes_.size())
    return Status(Code::corrupt_file, "the program has " + std::to_string(made->nodes_.size()) + " nodes but " +
                                          std::to_string(made->program_.choices.size()) + " tactics");
  for (size_t i = 0; i < made->nodes_.size(); ++i) {
    const plan::Choice& choice = made->program_.choices[i];
    if (choice.tactic == kHost) continue;
    const Tactic* tactic = find_tactic(choice.tactic);
    if (!tactic || tactic->version != choice.version)
      return Status(Code::version_mismatch,
                    made->nodes_[i]->describe() + ": the plan runs it with tactic '" + choice.tactic + "' version " +
                        std::to_string(choice.version) + ", this library has " +
                        (tactic ? "version " + std::to_string(tactic->version) : "no such tactic"));
  }
  VIVACE_ASSIGN(made->gpu_, Gpu::open(device.ordinal));
  return std::shared_ptr<const Executor>(std::move(made));
}

Result<std::shared_ptr<Kernel>> Executor::kernel(const Launch& launch, const plan::Choice& choice) const {
  const std::string key = image_key(launch, device_.architecture());
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Kernel>& kept = kernels_[key];
  if (kept) return kept;
  std::string code = find_image(choice.packed, key);
  if (code.empty() && gpu_->runs_kernels()) {
    VIVACE_ASSIGN(code, compile(launch.source, launch.name, device_.architecture()));
  }
  VIVACE_ASSIGN(kept, Kernel::load(gpu_, code, launch.name, launch.shared_bytes));
  return kept;
}

Result<DevicePointer> Executor::upload(const Tensor& tensor) const {
  const std::lock_guard lock(mutex_);
  const auto found = constants_.find(tensor.data());
  if (found != constants_.end() && found->second.second.bytes() >= tensor.bytes()) return found->second.second.device();
  VIVACE_ASSIGN(Memory memory, Memory::allocate(gpu_, Memory::Kind::device, tensor.bytes()));
  const DevicePointer address = memory.device();
  if (tensor.bytes() > 0) {
    const Gpu::Scope scope(*gpu_);
    const Driver& d = gpu_->driver();
    VIVACE_CUDA(d, cuMemcpyHtoDAsync_v2(address, tensor.data(), tensor.bytes(), nullptr));
    VIVACE_CUDA(d, cuStreamSynchronize(nullptr));
  }
  constants_[tensor.data()] = {tensor, std::move(memory)};
  return address;
}

Result<bool> Executor::bind_kernels(size_t i, const Problem& problem, Step& step) const {
  const plan::Choice& choice = program_.choices[i];
  // The choice may have been made for another shape: then the first row that can run it does.
  const Tactic* tactic = find_tactic(choice.tactic);
  std::string configuration = choice.configuration;
  if (!tactic || !tactic->supports(problem, device_)) {
    tactic = nullptr;
    for (const Tactic* other : all_tactics())
      if (!tactic && other->runs(problem.node->op) && other->supports(problem, device_)) tactic = other;
    if (!tactic) return false;
    configuration = tactic->configurations ? tactic->configurations(problem, device_).front() : "";
  }
  std::vector<Tensor> packed = without_images(choice.packed);
  if (tactic->name != choice.tactic && tactic->prepare) {
    VIVACE_ASSIGN(packed, tactic->prepare(problem, configuration, device_));
  }
  VIVACE_ASSIGN(Job job, tactic->generate(problem, configuration, device_));
  for (Launch& launch : job.launches) {
    Result<std::shared_ptr<Kernel>> made = kernel(launch, choice);
    if (!made.ok() && made.status().code() == Code::device_unavailable) {
      log(Severity::warning, problem.node->describe() +
                                 ": runs on the CPU at these shapes, for which the plan has no "
                                 "kernels: " +
                                 made.status().message());
      return false;
    }
    if (!made.ok()) return made.status().within(problem.node->describe());
    launch.source.clear();
    step.kernels.push_back({*std::move(made), std::move(launch), packed});
  }
  step.workspace = job.workspace;  // its size; its place comes later
  step.fault = std::move(job.fault);
  return true;
}

Status Executor::bind_host(const Problem& problem, Step& step) const {
  step.on_host = true;
  for (const cpu::Tactic* tactic : cpu::all_tactics()) {
    if (!tactic->runs(problem.node->op) || !tactic->supports(problem, host_)) continue;
    const std::string configuration = tactic->configurations ? tactic->configurations(problem, host_).front() : "";
    std::vector<Tensor> packed;
    if (tactic->prepare) {
      VIVACE_ASSIGN(packed, tactic->prepare(problem, configuration, host_));
    }
    VIVACE_ASSIGN(step.bound, tactic->bind(problem, configuration, packed, host_));
    step.workspace = step.bound.workspace;
    return {};
  }
  return {Code::internal, problem.node->describe() + ": no tactic can run it at this shape: " + problem.key()};
}

Result<std::shared_ptr<const backends::Instance>> Executor::instance(const std::vector<Shape>& inputs) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = instances_.find(inputs); found != instances_.end())
      return std::shared_ptr<const backends::Instance>(found->second);
  }
  VIVACE_ASSIGN(std::shared_ptr<const Instance> made, make_instance(inputs));
  const std::lock_guard lock(mutex_);
  if (instances_.size() >= kKeptInstances) instances_.erase(instances_.begin());
  instances_[inputs] = made;
  return std::shared_ptr<const backends::Instance>(std::move(made));
}

Result<std::shared_ptr<const Executor::Instance>> Executor::make_instance(const std::vector<Shape>& shapes) const {
  auto made = std::make_shared<Instance>();
  static std::atomic<uint64_t> instances = 0;
  made->id = ++instances;
  VIVACE_ASSIGN(made->at, cpu::concretize(graph(), shapes));
  const cpu::ConcreteGraph& at = made->at;
  std::vector<Step> steps(nodes_.size());
  std::vector<size_t> workspaces(nodes_.size(), 0);
  bool any_on_host = false;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const ir::Node& node = *nodes_[i];
    if (at.settled(node)) continue;
    if (!at.concrete(node))
      return Status(Code::unsupported, node.describe() +
                                           ": its shapes are known only while running, which the GPU "
                                           "cannot do yet; build for device cpu");
    if (makes_nothing(node, at)) continue;
    const Problem problem = cpu::problem_of(node, at);
    bool on_gpu = false;
    if (program_.choices[i].tactic != kHost) {
      VIVACE_ASSIGN(on_gpu, bind_kernels(i, problem, steps[i]));
    }
    if (!on_gpu) {
      steps[i] = {};
      VIVACE_TRY(bind_host(problem, steps[i]));
      any_on_host = true;
    }
    steps[i].node = i;
    workspaces[i] = steps[i].workspace;
  }
  const cpu::Placement placement = cpu::place_values(graph(), at, workspaces);

  // The session's memory: inputs, outputs, arena.
  for (const ir::Value* v : graph().inputs()) {
    made->inputs.push_back(made->bytes);
    made->bytes += aligned(byte_size(at.type(v)->dtype, elements(*at.type(v)->shape())));
  }
  for (const ir::Value* v : graph().outputs()) {
    const ir::Type* type = at.type(v);
    if (!type)
      return Status(Code::unsupported, "output '" + v->name +
                                           "': its shape is known only while running, which the GPU "
                                           "cannot do yet; build for device cpu");
    made->outputs.push_back(made->bytes);
    made->output_bytes.push_back(byte_size(type->dtype, elements(*type->shape())));
    made->bytes += aligned(made->output_bytes.back());
  }
  made->faults = made->bytes;
  size_t complaints = 0;
  for (const Step& step : steps) complaints += !step.fault.empty();
  made->bytes += aligned(complaints * sizeof(uint32_t));
  const size_t arena = made->bytes;
  made->host_bytes = made->bytes;
  made->bytes += aligned(placement.arena_bytes);
  if (any_on_host) made->host_bytes = made->bytes;

  std::unordered_set<const void*> counted;
  const auto count = [&](size_t node, const Tensor& tensor) {
    made->memory.weights.by_node[node] += tensor.bytes();
    if (counted.insert(tensor.data()).second) made->memory.weights.read_bytes += tensor.bytes();
  };
  made->memory.weights.by_node.resize(nodes_.size());
  const auto address_of = [&](const ir::Value* v, bool on_gpu) -> Result<Address> {
    Address address;
    if (!v) return address;
    const cpu::Place& place = placement.places[index(v)];
    const auto i = static_cast<size_t>(place.index);
    switch (place.base) {
      case cpu::Base::none: break;
      case cpu::Base::arena: address.offset = arena + place.offset; break;
      case cpu::Base::input: address.offset = made->inputs[i] + place.offset; break;
      case cpu::Base::output: address.offset = made->outputs[i] + place.offset; break;
      case cpu::Base::run: return Status(Code::internal, "value '" + v->name + "' has no place");
      case cpu::Base::constant: {
        const Tensor& tensor = at.values[i];
        address.host = static_cast<const std::byte*>(tensor.data()) + place.offset;
        if (!on_gpu) break;
        VIVACE_ASSIGN(address.fixed, upload(tensor));
        address.fixed += place.offset;
        break;
      }
    }
    return address;
  };
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const ir::Node& node = *nodes_[i];
    if (at.settled(node) || placement.is_view[i] || makes_nothing(node, at)) continue;
    Step& step = steps[i];
    step.workspace = arena + placement.workspaces[i];
    for (const ir::Value* v : node.inputs()) {
      VIVACE_ASSIGN(const Address address, address_of(v, !step.on_host));
      step.inputs.push_back(address);
      if (v && address.host && v->is_constant()) count(i, v->constant());
      if (v && step.on_host && !address.host)
        step.downloads.push_back({address.offset, byte_size(at.type(v)->dtype, elements(*at.type(v)->shape()))});
    }
    for (const ir::Value* v : node.outputs()) {
      VIVACE_ASSIGN(const Address address, address_of(v, !step.on_host));
      step.outputs.push_back(address);
      const cpu::Base base = placement.places[index(v)].base;
      if (step.on_host && base != cpu::Base::none)
        step.uploads.push_back({address.offset, byte_size(at.type(v)->dtype, elements(*at.type(v)->shape()))});
    }
    for (Step::Kernels& k : step.kernels) {
      std::vector<Address>& arguments = step.arguments.emplace_back();
      for (const Argument& argument : k.launch.arguments) {
        const auto at_index = static_cast<size_t>(argument.index);
        Address address;
        switch (argument.kind) {
          case Argument::Kind::input: address = step.inputs[at_index]; break;
          case Argument::Kind::output: address = step.outputs[at_index]; break;
          case Argument::Kind::workspace: address.offset = step.workspace; break;
          case Argument::Kind::fault: address.offset = made->faults + made->complaints.size() * sizeof(uint32_t); break;
          case Argument::Kind::packed: {
            if (at_index >= k.packed.size())
              return Status(Code::corrupt_file, node.describe() + ": its packed constants are missing");
            VIVACE_ASSIGN(address.fixed, upload(k.packed[at_index]));
            count(i, k.packed[at_index]);
            break;
          }
        }
        (address.fixed ? address.fixed : address.offset) += argument.offset;
        arguments.push_back(address);
      }
    }
    if (!step.fault.empty()) made->complaints.push_back(node.describe() + ": " + step.fault);
    made->steps.push_back(std::move(step));
  }
  for (const auto& [k, v] : placement.output_copies) {
    const auto o = static_cast<size_t>(k);
    VIVACE_ASSIGN(const Address from, address_of(v, true));
    if (made->output_bytes[o] > 0) made->copies.push_back({made->outputs[o], from, made->output_bytes[o]});
  }
  made->memory.arena_bytes = made->bytes;
  made->memory.largest_live = placement.largest_live;
  made->memory.live = placement.live;
  made->memory.weights.model_bytes = made->memory.weights.read_bytes;
  made->memory.constant_bytes = made->memory.weights.read_bytes;
  return std::shared_ptr<const Instance>(std::move(made));
}

std::optional<Shape> Executor::output_shape(const backends::Instance& instance, size_t i) const {
  return static_cast<const Instance&>(instance).at.type(graph().outputs()[i])->shape();
}

backends::MemoryUse Executor::memory_use(const backends::Instance& instance) const {
  return static_cast<const Instance&>(instance).memory;
}

// A stream, memory, and the CUDA graphs recorded over that memory.
class Executor::Session final : public backends::Session {
 public:
  Session(const Executor& executor, int threads, backends::MemorySource source)
      : executor_(executor), pool_(threads), source_(std::move(source)) {}
  ~Session() override {
    const Gpu::Scope scope(*executor_.gpu_);
    drop();
    if (stream_) (void)driver().cuStreamDestroy_v2(stream_);
  }
  Status open() {
    const Gpu::Scope scope(*executor_.gpu_);
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
      VIVACE_ASSIGN(own_, Memory::allocate(executor_.gpu_, Memory::Kind::device, bytes));
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
    const Gpu::Scope scope(*executor_.gpu_);
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
      VIVACE_ASSIGN(mirror_, Memory::allocate(executor_.gpu_, Memory::Kind::pinned, i.host_bytes));
    }
    const ir::Graph& graph = executor_.graph();
    outputs.resize(graph.outputs().size());
    for (size_t k = 0; k < outputs.size(); ++k) {
      const ir::Type& type = *i.at.type(graph.outputs()[k]);
      if (outputs[k].valid() && outputs[k].type() == type.dtype && outputs[k].shape() == *type.shape()) continue;
      VIVACE_ASSIGN(outputs[k], Tensor::allocate(type.dtype, *type.shape()));
    }
    for (size_t k = 0; k < inputs.size(); ++k)
      if (inputs[k].bytes() > 0) std::memcpy(mirror_.host() + i.inputs[k], inputs[k].data, inputs[k].bytes());
    const Gpu::Scope scope(*executor_.gpu_);
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
  const Driver& driver() const { return executor_.gpu_->driver(); }
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
    const ir::Node& node = *executor_.nodes_[step.node];
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

  const Executor& executor_;
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

Result<std::unique_ptr<backends::Session>> Executor::session(int threads, backends::MemorySource source) const {
  auto made = std::make_unique<Session>(*this, threads, std::move(source));
  VIVACE_TRY(made->open());
  return std::unique_ptr<backends::Session>(std::move(made));
}

}  // namespace vivace::cuda
