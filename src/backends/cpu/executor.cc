#include "backends/cpu/executor.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>

#include "backends/cpu/sample_turns.h"
#include "base/recycle.h"
#include "ops/extension.h"
#include "ops/kernel.h"
#include "ops/samples.h"

namespace vivace::cpu {

namespace {
constexpr size_t kKeptInstances = 64;
size_t index(const ir::Value* v) { return static_cast<size_t>(v->id()); }

Shape concrete_shape(const ir::Type& type) { return *type.shape(); }

bool holds_objects(const ir::Node& node, const ConcreteGraph& at) {
  const auto holds = [&](const ir::Value* v) { return v && at.type(v) && are_objects(at.type(v)->dtype); };
  return std::any_of(node.inputs().begin(), node.inputs().end(), holds) ||
         std::any_of(node.outputs().begin(), node.outputs().end(), holds);
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
}  // namespace

void Scratch::drop() {
  if (data_ && !lent_) {
    if (source_.release)
      source_.release(data_);
    else
      std::free(data_);
  }
  data_ = nullptr;
  bytes_ = 0;
  lent_ = false;
}

Status Scratch::reserve(size_t bytes) {
  if (bytes <= bytes_) return {};
  if (lent_)
    return {Code::out_of_memory, "a run needs " + std::to_string(bytes) + " bytes of memory, " +
                                     std::to_string(bytes_) + " were given for it"};
  const size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  drop();
  void* made = source_.allocate ? source_.allocate(rounded, kAlignment) : std::aligned_alloc(kAlignment, rounded);
  if (!made) return {Code::out_of_memory, "no memory for the " + std::to_string(rounded) + " bytes a run needs"};
  data_ = static_cast<std::byte*>(made);
  bytes_ = rounded;
  return {};
}

Status Scratch::lend(void* memory, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(memory) % kAlignment != 0)
    return {Code::invalid_argument,
            "the memory for a run must start at a multiple of " + std::to_string(kAlignment) + " bytes"};
  drop();
  data_ = static_cast<std::byte*>(memory);
  bytes_ = memory ? bytes : 0;
  lent_ = true;
  return {};
}

bool has_subgraph(const ir::Node& node) {
  for (const auto& [name, attribute] : node.attributes)
    if (std::holds_alternative<std::shared_ptr<ir::Graph>>(attribute)) return true;
  return false;
}

bool is_known_late(const ir::Node& node, const ConcreteGraph& at) {
  return !at.concrete(node) || has_subgraph(node) || holds_objects(node, at);
}

class Executor::Instance final : public backends::Instance {
 public:
  struct Step {
    size_t node = 0;
    Bound bound;
    std::vector<Place> inputs, outputs;        // Base::none: left out
    size_t workspace = 0;                      // offset in the arena
    std::shared_ptr<const SampleTurns> turns;  // of a vivace.ForSamples, instead of bound.run
    bool when_known = false;  // shapes are known only while running, it runs subgraphs, or holds objects
  };
  ConcreteGraph at;
  Placement placement;
  std::vector<Step> steps;
  size_t arena_bytes = 0;
  MemoryUse memory;
  bool run_values = false;  // some value has Base::run
};

Executor::~Executor() = default;

Result<std::shared_ptr<const Executor>> Executor::create(plan::Program program, const Machine& machine) {
  std::shared_ptr<Executor> made(new Executor());
  made->program_ = std::move(program);
  made->machine_ = machine;
  made->nodes_ = made->program_.graph->node_list();
  made->kept_ = std::make_unique<ops::Kept[]>(made->nodes_.size());
  if (made->program_.choices.size() != made->nodes_.size())
    return Status(Code::corrupt_file, "the program has " + std::to_string(made->nodes_.size()) + " nodes but " +
                                          std::to_string(made->program_.choices.size()) + " tactics");
  size_t steps = made->nodes_.size();
  for (const auto& [where, body] : made->program_.bodies) {
    made->first_of_body_.emplace(where.first, steps);
    steps += backends::steps_of(body).size();
  }
  for (size_t i = 0; i < made->nodes_.size(); ++i) {
    const ir::Node& node = *made->nodes_[i];
    const plan::Choice& choice = made->program_.choices[i];
    if (!choice.tactic.empty()) {
      const Tactic* tactic = find_tactic(choice.tactic);
      if (!tactic || tactic->version != choice.version)
        return Status(Code::version_mismatch,
                      node.describe() + ": the plan runs it with tactic '" + choice.tactic + "' version " +
                          std::to_string(choice.version) + ", this library has " +
                          (tactic ? "version " + std::to_string(tactic->version) : "no such tactic"));
    }
    VIVACE_ASSIGN(std::shared_ptr<const ops::Operation> operation, ops::open_extension(node));
    if (operation) made->operations_.push_back(std::move(operation));
    for (const auto& [name, attribute] : node.attributes) {
      if (!std::holds_alternative<std::shared_ptr<ir::Graph>>(attribute)) continue;
      const auto body = made->program_.bodies.find({i, name});
      if (body == made->program_.bodies.end())
        return Status(Code::corrupt_file, node.describe() + ": the program of its '" + name + "' is missing");
      Machine body_machine = machine;
      if (node.op == ops::kForSamples) body_machine.threads = 1;
      VIVACE_ASSIGN(made->bodies_[std::pair(i, name)], create(body->second, body_machine));
    }
  }
  return std::shared_ptr<const Executor>(std::move(made));
}

Result<Executor::Ready> Executor::bind(size_t i, const Problem& problem) const {
  const plan::Choice& choice = program_.choices[i];
  if (!choice.tactic.empty()) {
    const Tactic* tactic = find_tactic(choice.tactic);
    if (tactic->supports(problem, machine_)) {
      VIVACE_ASSIGN(Bound bound, tactic->bind(problem, choice.configuration, choice.packed, machine_));
      return Ready{tactic, choice.packed, std::move(bound)};
    }
  }
  // The choice was made for another shape, or needs a library that is not here: the first that can run it does.
  for (const Tactic* tactic : all_tactics()) {
    if (!tactic->runs(problem.node->op) || !tactic->supports(problem, machine_)) continue;
    const std::string configuration = tactic->configurations ? tactic->configurations(problem, machine_).front() : "";
    std::vector<Tensor> packed;
    if (tactic->prepare) {
      VIVACE_ASSIGN(packed, tactic->prepare(problem, configuration, machine_));
    }
    VIVACE_ASSIGN(Bound bound, tactic->bind(problem, configuration, packed, machine_));
    return Ready{tactic, std::move(packed), std::move(bound)};
  }
  return Status(Code::internal, problem.node->describe() + ": no tactic can run it at this shape: " + problem.key());
}

Result<std::shared_ptr<const Executor::Instance>> Executor::instance_at(std::vector<Shape> inputs) const {
  for (size_t i = 0; i < inputs.size() && i < graph().inputs().size(); ++i)
    if (graph().inputs()[i]->type.is_list()) inputs[i].clear();  // an instance serves lists of any length
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = instances_.find(inputs); found != instances_.end()) return found->second;
  }
  VIVACE_ASSIGN(std::shared_ptr<const Instance> made, make_instance(inputs));
  const std::lock_guard lock(mutex_);
  if (instances_.size() >= kKeptInstances) instances_.erase(instances_.begin());
  instances_[inputs] = made;
  return made;
}

Result<std::shared_ptr<const Executor::Instance>> Executor::make_instance(const std::vector<Shape>& inputs) const {
  auto made = std::make_shared<Instance>();
  VIVACE_ASSIGN(made->at, concretize(graph(), inputs));
  const ConcreteGraph& at = made->at;
  std::vector<Ready> ready(nodes_.size());
  std::vector<size_t> workspaces(nodes_.size(), 0);
  WeightCount weights(nodes_.size());
  const auto takes_turns = [&](const ir::Node& node) { return node.op == ops::kForSamples && at.concrete(node); };
  const auto when_known = [&](const ir::Node& node) { return is_known_late(node, at) && !takes_turns(node); };
  std::vector<std::shared_ptr<const SampleTurns>> turns(nodes_.size());
  // Outputs without elements need no work, and the dimensions beside a 0 may be too large to walk.
  const auto makes_nothing = [&](const ir::Node& node) {
    return std::all_of(node.outputs().begin(), node.outputs().end(),
                       [&](const ir::Value* v) { return elements(concrete_shape(*at.type(v))) == 0; });
  };
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (at.settled(*nodes_[i]) || when_known(*nodes_[i]) || makes_nothing(*nodes_[i])) continue;
    if (takes_turns(*nodes_[i])) {
      VIVACE_ASSIGN(turns[i], SampleTurns::make(*nodes_[i], at, bodies_.at({i, "body"}), machine_.threads));
      workspaces[i] = turns[i]->workspace();
      continue;
    }
    VIVACE_ASSIGN(ready[i], bind(i, problem_of(*nodes_[i], at)));
    workspaces[i] = ready[i].bound.workspace;
  }
  made->placement = place_values(graph(), at, workspaces);
  const auto place_of = [&](const ir::Value* v) { return v ? made->placement.places[index(v)] : Place{}; };
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const ir::Node& node = *nodes_[i];
    if (at.settled(node) || made->placement.is_view[i] || (!when_known(node) && makes_nothing(node))) continue;
    Instance::Step step;
    step.node = i;
    step.when_known = when_known(node);
    step.bound = std::move(ready[i].bound);
    step.turns = std::move(turns[i]);
    step.workspace = made->placement.workspaces[i];
    for (const ir::Value* v : node.inputs()) step.inputs.push_back(place_of(v));
    for (const ir::Value* v : node.outputs()) step.outputs.push_back(place_of(v));
    if (step.when_known || step.turns)
      weights.add(i, node, program_);
    else
      weights.add(i, *ready[i].tactic, problem_of(node, at), ready[i].packed);
    made->steps.push_back(std::move(step));
  }
  const auto& places = made->placement.places;
  made->run_values =
      std::any_of(made->steps.begin(), made->steps.end(), [](const auto& step) { return step.when_known; }) ||
      std::any_of(places.begin(), places.end(), [](const Place& p) { return p.base == Base::run; });
  made->arena_bytes = made->placement.arena_bytes;
  made->memory.arena_bytes = made->arena_bytes;
  made->memory.largest_live = made->placement.largest_live;
  made->memory.live = made->placement.live;
  made->memory.weights = weights.use();
  made->memory.constant_bytes = made->memory.weights.read_bytes;
  return std::shared_ptr<const Instance>(std::move(made));
}

// Threads and an arena.
class Executor::Session final : public backends::Session {
 public:
  Session(const Executor& executor, int threads, MemorySource source)
      : executor_(executor), pool_(threads), scratch_(std::move(source)) {}
  size_t bytes() const override { return scratch_.bytes(); }
  Status reserve(size_t bytes) override { return scratch_.reserve(bytes); }
  Status lend(void* memory, size_t bytes) override { return scratch_.lend(memory, bytes); }
  void drop() override { scratch_.drop(); }
  Status run(const backends::Instance& instance, const std::vector<TensorView>& inputs, std::vector<Tensor>& outputs,
             const StepObserver& observe) override {
    return executor_.run(static_cast<const Instance&>(instance), inputs, outputs, scratch_, pool_, observe);
  }

 private:
  const Executor& executor_;
  ThreadPool pool_;
  Scratch scratch_;
};

Result<std::shared_ptr<const backends::Instance>> Executor::instance(const std::vector<Shape>& inputs) const {
  VIVACE_ASSIGN(std::shared_ptr<const Instance> found, instance_at(inputs));
  return std::shared_ptr<const backends::Instance>(std::move(found));
}

std::optional<Shape> Executor::output_shape(const backends::Instance& instance, size_t i) const {
  const ir::Type* type = static_cast<const Instance&>(instance).at.type(graph().outputs()[i]);
  return type ? type->shape() : std::nullopt;
}

MemoryUse Executor::memory_use(const backends::Instance& instance) const {
  return static_cast<const Instance&>(instance).memory;
}

Result<std::unique_ptr<backends::Session>> Executor::session(int threads, MemorySource source) const {
  return std::unique_ptr<backends::Session>(new Session(*this, threads, std::move(source)));
}

Status Executor::run(const Instance& instance, const std::vector<TensorView>& inputs, std::vector<Tensor>& outputs,
                     Scratch& scratch, ThreadPool& pool, const StepObserver& observe) const {
  const ConcreteGraph& at = instance.at;
  VIVACE_TRY(scratch.reserve(instance.arena_bytes));
  outputs.resize(graph().outputs().size());
  std::vector<bool> given;  // the caller's own memory
  for (const Tensor& output : outputs) given.push_back(output.valid());
  for (size_t k = 0; k < outputs.size(); ++k) {
    const ir::Type* type = at.type(graph().outputs()[k]);
    if (!type) continue;  // made while running
    if (!outputs[k].valid() || outputs[k].type() != type->dtype || outputs[k].shape() != concrete_shape(*type)) {
      VIVACE_ASSIGN(outputs[k], allocate_unset(type->dtype, concrete_shape(*type)));
      given[k] = false;
    }
  }
  // Values that only this run knows the size of.
  std::vector<Tensor> values(instance.run_values ? at.types.size() : 0);
  if (instance.run_values)
    for (size_t k = 0; k < inputs.size(); ++k)
      values[index(graph().inputs()[k])] = Tensor::wrap(inputs[k].type, inputs[k].shape, inputs[k].data, nullptr);
  const auto address = [&](const Place& place) -> void* {
    switch (place.base) {
      case Base::none: return nullptr;
      case Base::arena: return scratch.data() + place.offset;
      case Base::constant:
        return static_cast<std::byte*>(at.values[static_cast<size_t>(place.index)].data()) + place.offset;
      case Base::input: return static_cast<std::byte*>(inputs[static_cast<size_t>(place.index)].data) + place.offset;
      case Base::output:
        return static_cast<std::byte*>(outputs[static_cast<size_t>(place.index)].data()) + place.offset;
      case Base::run: return values[static_cast<size_t>(place.index)].data();
    }
    return nullptr;
  };
  const auto tensor_at = [&](const ir::Value* v) -> Tensor {
    if (!v) return {};
    const Place& place = instance.placement.places[index(v)];
    if (place.base == Base::run) return values[index(v)];
    const ir::Type& type = *at.type(v);
    return Tensor::wrap(type.dtype, concrete_shape(type), address(place), nullptr);
  };

  std::vector<void*> pointers;
  std::vector<double> within;  // of each node of a body that takes turns
  for (const Instance::Step& step : instance.steps) {
    const double start = observe ? now() : 0;
    const ir::Node& node = *nodes_[step.node];
    Status status;
    if (!step.when_known) {
      pointers.clear();
      for (const Place& place : step.inputs) pointers.push_back(address(place));
      for (const Place& place : step.outputs) pointers.push_back(address(place));
      const Launch launch{pointers.data(), pointers.data() + step.inputs.size(), scratch.data() + step.workspace, pool};
      status = step.turns ? step.turns->run(launch, observe ? &within : nullptr) : step.bound.run(launch);
    } else {
      for (const ir::Value* v : node.inputs())
        if (v) values[index(v)] = tensor_at(v);
      status = run_when_known(step.node, values, pool);
      for (const ir::Value* v : node.outputs()) {  // where the shape was known all the same, there is a place for it
        if (!status.ok()) break;
        const Place& place = instance.placement.places[index(v)];
        if (place.base == Base::run || place.base == Base::none) continue;
        const Tensor& value = values[index(v)];
        if (value.shape() != concrete_shape(*at.type(v)))
          return {Code::internal, node.describe() + ": output '" + v->name + "' has shape " +
                                      vivace::to_string(value.shape()) + ", expected " +
                                      vivace::to_string(concrete_shape(*at.type(v)))};
        if (value.bytes() > 0) std::memcpy(address(place), value.data(), value.bytes());
      }
    }
    if (!status.ok()) return status;
    if (!observe) continue;
    double rest = now() - start;
    for (size_t k = 0; k < within.size(); ++k) {
      if (within[k] > 0) observe(first_of_body_.at(step.node) + k, within[k]);
      rest -= within[k];
    }
    within.clear();
    observe(step.node, std::max(0.0, rest));
  }
  for (const auto& [k, v] : instance.placement.output_copies) {
    const Tensor& to = outputs[static_cast<size_t>(k)];
    const void* from = address(instance.placement.places[index(v)]);
    if (to.bytes() > 0 && to.data() != from) std::memcpy(to.data(), from, to.bytes());
  }
  for (size_t k = 0; k < outputs.size(); ++k) {  // objects, and what only the run knew the size of
    const ir::Value* v = graph().outputs()[k];
    const Base base = instance.placement.places[index(v)].base;
    if (base != Base::run && !are_objects(outputs[k].type())) continue;
    const Tensor made = tensor_at(v);
    if (given[k] && outputs[k].type() == made.type() && outputs[k].shape() == made.shape()) {
      ops::copy_elements({outputs[k], 0}, {made, 0}, made.count());
      continue;
    }
    if (made.owner()) {
      outputs[k] = made;
      continue;
    }
    VIVACE_ASSIGN(outputs[k], Tensor::allocate(made.type(), made.shape()));  // an input or a constant, given back
    ops::copy_elements({outputs[k], 0}, {made, 0}, made.count());
  }
  return {};
}

Status Executor::run_when_known(size_t i, std::vector<Tensor>& values, ThreadPool& pool) const {
  const ir::Node& node = *nodes_[i];
  const ops::Kept::Scope scope(kept_[i], node);
  ops::Inference in(node);
  ops::Call call(node);
  call.pool = &pool;
  const Tensor none;
  for (size_t k = 0; k < node.inputs().size(); ++k) {
    const ir::Value* v = node.inputs()[k];
    const Tensor& tensor = !v ? none : v->is_constant() ? v->constant() : values[index(v)];
    if (v && !tensor.valid()) return {Code::internal, node.describe() + ": input '" + v->name + "' was never made"};
    call.inputs.push_back(tensor.view());
    if (!v || k >= in.types.size()) continue;
    in.set_input(k, ops::type_of_value(node, k, tensor), &tensor);
  }
  VIVACE_TRY(ops::infer(in));
  call.outputs.resize(node.outputs().size());
  call.allocate = [&](size_t k, DType type, const Shape& shape) -> Status {
    Tensor& to = values[index(node.outputs()[k])];
    VIVACE_ASSIGN(to, Tensor::allocate(type, shape));
    call.outputs[k] = to.view();
    return {};
  };
  call.run_subgraph = [&](std::string_view attribute,
                          const std::vector<Tensor>& arguments) -> Result<std::vector<Tensor>> {
    const auto body = bodies_.find({i, std::string(attribute)});
    if (body == bodies_.end())
      return Status(Code::internal, node.describe() + ": no subgraph '" + std::string(attribute) + "'");
    return body->second->run_tensors(arguments, pool);
  };
  for (size_t k = 0; k < node.outputs().size(); ++k)
    if (const auto shape = in.outputs[k].shape()) VIVACE_TRY(call.allocate(k, in.outputs[k].dtype, *shape));
  return ops::compute(call);
}

Result<std::vector<Tensor>> Executor::run_tensors(const std::vector<Tensor>& inputs, ThreadPool& pool) const {
  std::vector<Shape> shapes;
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) {
    shapes.push_back(input.shape());
    views.push_back(input.view());
  }
  if (inputs.size() != graph().inputs().size())
    return Status(Code::internal, "subgraph '" + graph().name + "' takes " + std::to_string(graph().inputs().size()) +
                                      " inputs, not " + std::to_string(inputs.size()));
  VIVACE_ASSIGN(std::shared_ptr<const Instance> bound, instance_at(shapes));
  Scratch scratch;
  std::vector<Tensor> outputs;
  VIVACE_TRY(run(*bound, views, outputs, scratch, pool));
  return outputs;
}

}  // namespace vivace::cpu
