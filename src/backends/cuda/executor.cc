#include "backends/cuda/executor.h"

#include <algorithm>
#include <atomic>
#include <unordered_set>

#include "backends/cuda/compiler.h"
#include "backends/cuda/groups.h"
#include "backends/cuda/host.h"
#include "backends/cuda/image.h"
#include "backends/cuda/instance.h"
#include "backends/cuda/queue.h"
#include "backends/cuda/session.h"
#include "backends/cuda/together.h"
#include "backends/cuda/vendor.h"
#include "base/log.h"

namespace vivace::cuda {

namespace {

constexpr size_t kKeptInstances = 64;
size_t index(const ir::Value* v) { return static_cast<size_t>(v->id()); }
size_t aligned(size_t bytes) { return (bytes + 255) / 256 * 256; }

Address in_session(size_t offset) { return {Address::Base::session, 0, offset, offset, 0, nullptr}; }

bool makes_nothing(const ir::Node& node, const cpu::ConcreteGraph& at) {
  return std::all_of(node.outputs().begin(), node.outputs().end(),
                     [&](const ir::Value* v) { return elements(*at.type(v)->shape()) == 0; });
}

// What one kernel reads once, or writes and nothing reads, need not be copied first: over the bus it comes as fast.
void find_direct(Instance& i) {
  std::vector<int> reads(i.inputs.size()), uses(i.outputs.size());
  const auto count = [&](const Address& a, bool once) {
    if (a.base == Address::Base::input) reads[a.index] += once ? 1 : 2;
    if (a.base == Address::Base::output) ++uses[a.index];
  };
  for (const Step& step : i.steps)
    for (const std::vector<Address>& arguments : step.arguments)
      for (const Address& a : arguments) count(a, step.reads_once);
  for (const Instance::Copy& copy : i.copies) {  // on the GPU
    if (copy.from.base == Address::Base::input) reads[copy.from.index] = 2;
    if (copy.from.base == Address::Base::output) uses[copy.from.index] = 2;
    uses[copy.output] = 2;
  }
  for (size_t k = 0; k < reads.size(); ++k) i.direct_inputs.push_back(!i.any_on_host && reads[k] == 1);
  for (size_t k = 0; k < uses.size(); ++k) i.direct_outputs.push_back(!i.any_on_host && uses[k] == 1);
}

}  // namespace

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
    if (tactic && !tactic->library.empty())
      if (const Status here = library_status(tactic->library); !here.ok())
        return Status(Code::version_mismatch, made->nodes_[i]->describe() + ": the plan runs it with tactic '" +
                                                  choice.tactic + "', which calls a library: " + here.message());
    if (!tactic || tactic->version != choice.version)
      return Status(Code::version_mismatch,
                    made->nodes_[i]->describe() + ": the plan runs it with tactic '" + choice.tactic + "' version " +
                        std::to_string(choice.version) + ", this library has " +
                        (tactic ? "version " + std::to_string(tactic->version) : "no such tactic"));
  }
  plan::Program host_program{made->program_.graph, std::vector<plan::Choice>(made->nodes_.size()),
                             made->program_.bodies};
  VIVACE_ASSIGN(made->on_host_, cpu::Executor::create(std::move(host_program), host));
  VIVACE_ASSIGN(made->gpu_, Gpu::open(device.ordinal));
  return std::shared_ptr<const Executor>(std::move(made));
}

Result<std::shared_ptr<Kernel>> Executor::kernel(const Launch& launch, const plan::Choice& choice) const {
  const std::string key = image_key(launch, device_.architecture());
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Kernel>& kept =
      kernels_[key + " " + std::to_string(launch.shared_bytes) + " " + std::to_string(launch.cluster)];
  if (kept) return kept;
  std::string code = find_image(choice.packed, key);
  if (code.empty() && gpu_->runs_kernels()) {
    Result<std::string> compiled = compile(launch.source, launch.name, device_.architecture());
    if (compiled.status().code() == Code::device_unavailable)  // no compiler
      return Status(Code::unsupported, "the plan has no kernel for these shapes: " + compiled.status().message());
    VIVACE_ASSIGN(code, std::move(compiled));
  }
  VIVACE_ASSIGN(kept, Kernel::load(gpu_, code, launch.name, launch.shared_bytes, launch.cluster));
  return kept;
}

Status Executor::upload(const std::vector<Tensor>& tensors) const {
  const std::lock_guard lock(mutex_);
  std::vector<const Tensor*> fresh;
  size_t bytes = 0;
  std::unordered_set<const void*> seen;
  for (const Tensor& tensor : tensors) {
    if (tensor.bytes() == 0 || !seen.insert(tensor.data()).second) continue;
    if (const auto at = constants_.find(tensor.data());
        at != constants_.end() && at->second.first.bytes() >= tensor.bytes())
      continue;
    fresh.push_back(&tensor);
    bytes += aligned(tensor.bytes());
  }
  if (fresh.empty()) return {};
  VIVACE_ASSIGN(Memory memory, Memory::allocate(gpu_, Memory::Kind::device, bytes));
  const Gpu::Scope scope(*gpu_);
  VIVACE_ASSIGN(const Stream stream, Stream::make(gpu_));
  Queue queue(*gpu_, stream.handle());
  DevicePointer next = memory.device();
  for (const Tensor* tensor : fresh) {
    VIVACE_TRY(queue.to_device(next, tensor->data(), tensor->bytes()));
    next += aligned(tensor->bytes());
  }
  VIVACE_TRY(queue.wait());
  next = memory.device();
  for (const Tensor* tensor : fresh) {
    constants_[tensor->data()] = {*tensor, next};
    next += aligned(tensor->bytes());
  }
  constant_memory_.push_back(std::move(memory));
  return {};
}

Result<DevicePointer> Executor::uploaded(const Tensor& tensor) const {
  if (tensor.bytes() == 0) return DevicePointer{0};
  VIVACE_TRY(upload({tensor}));
  const std::lock_guard lock(mutex_);
  return constants_.at(tensor.data()).second;
}

Result<bool> Executor::bind_kernels(size_t i, const Problem& problem, Step& step) const {
  const Gpu::Scope scope(*gpu_);  // in whose context a library works
  const plan::Choice& choice = program_.choices[i];
  // The choice may have been made for another shape: then the first row that can run it does.
  const Tactic* tactic = find_tactic(choice.tactic);
  std::string configuration = choice.configuration;
  if (!tactic || !tactic->supports(problem, device_)) {
    tactic = nullptr;
    for (const Tactic* other : all_tactics())
      if (!tactic && other->library.empty() && other->runs(problem.node->op) && other->supports(problem, device_))
        tactic = other;
    if (!tactic) return false;
    configuration = tactic->configurations ? tactic->configurations(problem, device_).front() : "";
  }
  if (!tactic->library.empty()) {
    // Another version of the library may have other algorithms.
    const std::vector<std::string> all = tactic->configurations(problem, device_);
    if (std::find(all.begin(), all.end(), configuration) == all.end()) configuration = all.front();
  }
  step.reads_once = tactic->reads_once;
  std::vector<Tensor> packed = without_images(choice.packed);
  if (tactic->name != choice.tactic && tactic->prepare) {
    VIVACE_ASSIGN(packed, tactic->prepare(problem, configuration, device_));
  }
  VIVACE_ASSIGN(Job job, tactic->generate(problem, configuration, device_));
  for (Launch& launch : job.launches) {
    Result<std::shared_ptr<Kernel>> made = kernel(launch, choice);
    if (!made.ok() && made.status().code() == Code::unsupported) {
      log(Severity::warning, problem.node->describe() + ": runs on the CPU: " + made.status().message());
      return false;
    }
    if (!made.ok()) return made.status().within(problem.node->describe());
    step.kernels.push_back({*std::move(made), std::move(launch), packed});
  }
  step.workspace = job.workspace;  // its size; its place comes later
  step.fault = std::move(job.fault);
  return true;
}

void Executor::bring_together(std::vector<Step>& steps, size_t first) const {
  const size_t count = program_.choices[first].beside + size_t{1};
  if (count == 1 || !gpu_->runs_together() || together_from(nodes_, first) < count) return;
  std::vector<const Launch*> launches;
  for (size_t i = first; i < first + count; ++i) {
    if (steps[i].on_host || steps[i].kernels.size() != 1) return;
    launches.push_back(&steps[i].kernels[0].launch);
  }
  Result<Launch> all = together(launches);
  if (!all.ok()) return;  // at other shapes than those that the plan was made for
  Result<std::shared_ptr<Kernel>> made = kernel(*all, program_.choices[first]);
  if (!made.ok()) return log(Severity::verbose, nodes_[first]->describe() + ": runs alone: " + made.status().message());
  all->source.clear();
  steps[first].together = {*std::move(made), *std::move(all), count};
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

Result<std::shared_ptr<const Instance>> Executor::make_instance(const std::vector<Shape>& shapes) const {
  auto made = std::make_shared<Instance>();
  static std::atomic<uint64_t> instances = 0;
  made->id = ++instances;
  VIVACE_ASSIGN(made->at, cpu::concretize(graph(), shapes));
  const cpu::ConcreteGraph& at = made->at;
  std::vector<Step> steps(nodes_.size());
  std::vector<size_t> workspaces(nodes_.size(), 0);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const ir::Node& node = *nodes_[i];
    if (at.settled(node)) continue;
    if (cpu::is_known_late(node, at)) {
      steps[i].on_host = steps[i].known_late = made->run_values = true;
      continue;
    }
    if (makes_nothing(node, at)) continue;
    const Problem problem = cpu::problem_of(node, at);
    bool on_gpu = false;
    if (program_.choices[i].tactic != kHost) {
      VIVACE_ASSIGN(on_gpu, bind_kernels(i, problem, steps[i]));
    }
    if (!on_gpu) {
      steps[i] = {};
      steps[i].on_host = true;
      VIVACE_ASSIGN(steps[i].bound, bind_on_host(problem, host_));
      steps[i].workspace = steps[i].bound.workspace;
    }
    steps[i].node = i;
    workspaces[i] = steps[i].workspace;
  }
  std::vector<cpu::Moment> moments;
  for (size_t i = 0; i < nodes_.size(); i += steps[i].together.steps) {
    bring_together(steps, i);
    if (const size_t count = steps[i].together.steps; count > 1) moments.push_back({i, i + count - 1});
  }
  for (Step& step : steps)
    for (Step::Kernels& k : step.kernels) k.launch.source.clear();
  const cpu::Placement placement = cpu::place_values(graph(), at, workspaces, kBufferAlignment, moments);
  for (size_t i = 0; i < steps.size(); ++i)
    made->any_on_host = made->any_on_host || (steps[i].on_host && !placement.is_view[i]);

  std::vector<Tensor> constants;
  for (const Step& step : steps) {
    for (const Step::Kernels& k : step.kernels) constants.insert(constants.end(), k.packed.begin(), k.packed.end());
    if (step.kernels.empty()) continue;
    for (const ir::Value* v : nodes_[step.node]->inputs())
      if (v && placement.places[index(v)].base == cpu::Base::constant)
        constants.push_back(at.values[static_cast<size_t>(placement.places[index(v)].index)]);
  }
  VIVACE_TRY(upload(constants));

  // The session's memory: inputs, outputs, arena.
  for (const ir::Value* v : graph().inputs()) {
    made->inputs.push_back(made->bytes);
    const ir::Type* type = at.type(v);
    made->input_bytes.push_back(Instance::is_placed(type) ? byte_size(type->dtype, elements(*type->shape())) : 0);
    made->bytes += aligned(made->input_bytes.back());
  }
  for (const ir::Value* v : graph().outputs()) {
    const ir::Type* type = at.type(v);
    const bool placed = Instance::is_placed(type);
    made->run_values = made->run_values || !placed;
    made->outputs.push_back(made->bytes);
    made->output_bytes.push_back(placed ? byte_size(type->dtype, elements(*type->shape())) : 0);
    made->bytes += aligned(made->output_bytes.back());
  }
  const size_t arena = made->bytes;
  made->host_bytes = made->bytes;
  made->bytes += aligned(placement.arena_bytes);
  if (made->any_on_host) made->host_bytes = made->bytes;

  std::unordered_set<const void*> counted;
  const auto count = [&](size_t node, const Tensor& tensor) {
    made->memory.weights.by_node[node] += tensor.bytes();
    if (counted.insert(tensor.data()).second) made->memory.weights.read_bytes += tensor.bytes();
  };
  made->memory.weights.by_node.resize(nodes_.size());
  const auto info_of = [&](const ir::Value* v) {
    const ir::Type& type = *at.type(v);
    return TensorInfo{type.dtype, *type.shape(), type.channel_block, nullptr};
  };
  const auto span_of = [&](const ir::Value* v) { return span_bytes(info_of(v)); };
  const auto address_of = [&](const ir::Value* v, bool on_gpu) -> Result<Address> {
    Address address;
    if (!v) return address;
    const cpu::Place& place = placement.places[index(v)];
    const auto i = static_cast<size_t>(place.index);
    switch (place.base) {
      case cpu::Base::none: break;
      case cpu::Base::arena: address = in_session(arena + place.offset); break;
      case cpu::Base::input:
        address = {Address::Base::input, i, place.offset, made->inputs[i] + place.offset, 0, nullptr};
        break;
      case cpu::Base::output:
        address = {Address::Base::output, i, place.offset, made->outputs[i] + place.offset, 0, nullptr};
        break;
      case cpu::Base::run:
        address.base = Address::Base::run;
        address.index = i;
        break;
      case cpu::Base::constant: {
        const Tensor& tensor = at.values[i];
        address.host = static_cast<const std::byte*>(tensor.data()) + place.offset;
        if (!on_gpu) break;
        address.base = Address::Base::fixed;
        address.offset = place.offset;
        VIVACE_ASSIGN(address.fixed, uploaded(tensor));
        break;
      }
    }
    return address;
  };
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const ir::Node& node = *nodes_[i];
    Step& step = steps[i];
    if (at.settled(node) || placement.is_view[i] || (!step.known_late && makes_nothing(node, at))) continue;
    step.node = i;
    step.workspace = arena + placement.workspaces[i];
    for (const ir::Value* v : node.inputs()) {
      VIVACE_ASSIGN(const Address address, address_of(v, !step.on_host));
      step.inputs.push_back(address);
      if (v && address.host && v->is_constant()) count(i, v->constant());
      if (v && step.on_host && !address.host && address.base != Address::Base::run)
        step.downloads.push_back({address, span_of(v)});
    }
    for (const ir::Value* v : node.outputs()) {
      VIVACE_ASSIGN(const Address address, address_of(v, !step.on_host));
      step.outputs.push_back(address);
      const Address::Base base = address.base;
      if (!step.on_host || base == Address::Base::none || base == Address::Base::run) continue;
      step.uploads.push_back({address, span_of(v)});
      if (is_interleaved(info_of(v))) step.downloads.push_back(step.uploads.back());  // what stands between stays
    }
    for (Step::Kernels& k : step.kernels) {
      std::vector<Address>& arguments = step.arguments.emplace_back();
      for (const Argument& argument : k.launch.arguments) {
        const auto at_index = static_cast<size_t>(argument.index);
        Address address;
        switch (argument.kind) {
          case Argument::Kind::input: address = step.inputs[at_index]; break;
          case Argument::Kind::output: address = step.outputs[at_index]; break;
          case Argument::Kind::workspace: address = in_session(step.workspace); break;
          case Argument::Kind::fault: address = {Address::Base::fault, 0, i * sizeof(uint32_t), 0, 0, nullptr}; break;
          case Argument::Kind::packed: {
            if (at_index >= k.packed.size())
              return Status(Code::corrupt_file, node.describe() + ": its packed constants are missing");
            address.base = Address::Base::fixed;
            VIVACE_ASSIGN(address.fixed, uploaded(k.packed[at_index]));
            count(i, k.packed[at_index]);
            break;
          }
        }
        address.offset += argument.offset;
        arguments.push_back(address);
      }
    }
    if (!step.fault.empty()) made->complaints.emplace_back(i, node.describe() + ": " + step.fault);
    made->steps.push_back(std::move(step));
  }
  for (const auto& [k, v] : placement.output_copies) {
    const auto o = static_cast<size_t>(k);
    VIVACE_ASSIGN(const Address from, address_of(v, true));
    if (made->output_bytes[o] > 0) made->copies.push_back({o, from});
  }
  find_direct(*made);
  made->memory.arena_bytes = made->bytes;
  made->memory.largest_live = placement.largest_live;
  made->memory.live = placement.live;
  made->memory.weights.model_bytes = made->memory.weights.read_bytes;
  made->memory.constant_bytes = made->memory.weights.read_bytes;
  return std::shared_ptr<const Instance>(std::move(made));
}

std::optional<Shape> Executor::output_shape(const backends::Instance& instance, size_t i) const {
  const ir::Type* type = static_cast<const Instance&>(instance).at.type(graph().outputs()[i]);
  return type ? type->shape() : std::nullopt;
}

backends::MemoryUse Executor::memory_use(const backends::Instance& instance) const {
  return static_cast<const Instance&>(instance).memory;
}

Result<std::unique_ptr<backends::Session>> Executor::session(int threads, backends::MemorySource source) const {
  return open_session(gpu_, on_host_, device_.l2_bytes, threads, std::move(source));
}

}  // namespace vivace::cuda
