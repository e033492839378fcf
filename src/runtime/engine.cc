#include "runtime/engine.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/log.h"
#include "base/version.h"
#include "ir/text.h"

namespace vivace::runtime {

namespace {

// Where the plan is to run: on the device asked for, else on one of its kind, else on the CPU.
Result<cuda::Target> target_for(const plan::Plan& plan, const std::string& asked, int threads) {
  if (!asked.empty()) return cuda::find_target(asked, threads);
  if (plan.origin.device.starts_with("cuda")) {
    Result<cuda::Target> gpu = cuda::find_target("cuda", threads);
    if (gpu.ok()) return gpu;
    log(Severity::warning, "the plan was made for '" + plan.origin.device + "': " + gpu.status().message());
  }
  return cuda::find_target("cpu", threads);
}

std::string foreign(const plan::Origin& origin, const cuda::Target& machine) {
  if (origin.library_version != version())
    return "the plan was made by Vivace " + origin.library_version + ", this is " + version();
  if (origin.device != machine.device())
    return "the plan was made for '" + origin.device + "', this machine is '" + machine.device() + "'";
  return {};
}

class Laps {
 public:
  double milliseconds() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

bool allows(const plan::ShapeRange& range, const Shape& shape) {
  if (shape.size() != range.min.size()) return false;
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] < range.min[i] || (range.max[i] >= 0 && shape[i] > range.max[i])) return false;
  return true;
}

std::string range_text(const plan::ShapeRange& range) {
  if (range.min == range.max) return to_string(range.min);
  std::string text = to_string(range.min) + " to ";
  for (size_t i = 0; i < range.max.size(); ++i)
    text += (i ? "x" : "") + (range.max[i] < 0 ? std::string("any") : std::to_string(range.max[i]));
  return text;
}

TensorSpec spec_of(const ir::Value* value, const std::string& name) {
  return {name, value->type.dtype, value->type.dims, value->type};
}

// What an instance is made for: lists have no shape.
Shape shape_of(const TensorView& input) { return input.type == DType::list ? Shape() : input.shape; }

// invalid_argument where a value is not what its type says, elements of lists included.
Status check_value(const std::string& what, const ir::Type& type, const TensorView& value) {
  const auto wrong = [&](const std::string& is) {
    return Status(Code::invalid_argument, what + " is " + type.to_string() + ", not " + is);
  };
  if (type.is_list() != (value.type == DType::list)) return wrong(to_string(value.type));
  if (value.type == DType::undefined) return wrong("empty");
  if (!type.is_list()) {
    if (type.dtype != DType::undefined && value.type != type.dtype) return wrong(to_string(value.type));
    const std::optional<ir::Dims>& dims = type.dims;
    bool fits = !dims || dims->size() == value.shape.size();
    for (size_t i = 0; fits && dims && i < dims->size(); ++i)
      fits = !(*dims)[i].known() || (*dims)[i].value() == value.shape[i];
    if (!fits) return wrong("of shape " + to_string(value.shape));
    return !value.data && value.bytes() > 0 ? wrong("without data") : Status();
  }
  const std::span<const Tensor> elements = value.span<const Tensor>();
  const std::string each = "an element of " + what;
  if (type.kind == ir::Kind::map) {
    if (elements.size() != 2) return wrong("a list of " + std::to_string(elements.size()));
    VIVACE_TRY(check_value("the keys of " + what, ir::Type::tensor(type.key, {ir::Dim()}), elements[0]));
    const DType values = type.element ? type.element->dtype : DType::undefined;
    VIVACE_TRY(check_value("the values of " + what, ir::Type::tensor(values, {ir::Dim()}), elements[1]));
    return elements[0].count() == elements[1].count() ? Status() : wrong("one with fewer values than keys, or more");
  }
  if (type.kind == ir::Kind::optional && elements.size() > 1)
    return wrong("a list of " + std::to_string(elements.size()));
  for (const Tensor& element : elements) {
    const ir::Type any = element.type() == DType::list ? ir::Type::of_unknown(ir::Kind::sequence) : ir::Type();
    VIVACE_TRY(check_value(each, type.element ? *type.element : any, element));
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<Engine>> Engine::load(plan::Plan plan, EngineOptions options) {
  std::shared_ptr<Engine> engine(new Engine());
  const auto asked = plan.options.find("threads");
  const int planned = asked == plan.options.end() ? 0 : std::atoi(asked->second.c_str());
  const Laps laps;
  VIVACE_ASSIGN(const cuda::Target target,
                target_for(plan, options.device, options.threads > 0 ? options.threads : planned));
  engine->threads_ = target.host.threads;
  if (target.gpu) {
    engine->ordinal_ = target.gpu->ordinal;
    engine->place_ =
        target.gpu->ordinal < 0 ? target.gpu->architecture() : "cuda:" + std::to_string(target.gpu->ordinal);
  }
  engine->memory_limit_ = options.memory_limit ? options.memory_limit : plan.memory_limit;

  const double found = laps.milliseconds();
  plan::Program program = options.adapt ? options.adapt(plan.program) : plan.program;
  std::string reason = foreign(plan.origin, target);
  if (reason.empty()) {
    Result<std::shared_ptr<const backends::Executor>> made = cuda::create_executor(program, target);
    if (made.ok())
      engine->executor_ = *std::move(made);
    else if (made.status().code() == Code::version_mismatch)
      reason = made.status().message();
    else
      return made.status();
  }
  if (!engine->executor_) {
    if (options.strict || !options.lower_again || !plan.portable)
      return Status(Code::version_mismatch, "Version tag does not match: " + reason + ". Build the plan again here" +
                                                (plan.portable ? ", or load it without strict mode" : ""));
    VIVACE_ASSIGN(program, options.lower_again(plan, target));
    if (options.adapt) program = options.adapt(program);
    VIVACE_ASSIGN(engine->executor_, cuda::create_executor(std::move(program), target));
    engine->notice_ = reason + "; it was lowered again for this machine. Building it here may make it faster";
    log(Severity::warning, engine->notice_);
  }
  const ir::Graph& graph = engine->executor_->graph();
  for (const ir::Value* v : graph.inputs()) engine->inputs_.push_back(spec_of(v, v->name));
  for (size_t i = 0; i < graph.outputs().size(); ++i)
    engine->outputs_.push_back(spec_of(graph.outputs()[i], graph.output_name(i)));
  if (plan.ranges.size() != engine->inputs_.size())
    return Status(Code::corrupt_file, "the plan has " + std::to_string(engine->inputs_.size()) + " inputs but " +
                                          std::to_string(plan.ranges.size()) + " shape ranges");
  engine->plan_ = std::move(plan);

  const double made = laps.milliseconds();
  // The optimum shapes are made ready now, so that the first run is like any other.
  std::vector<Shape> optimum;
  for (const plan::ShapeRange& range : engine->plan_.ranges) optimum.push_back(range.opt);
  Result<std::shared_ptr<const backends::Instance>> instance = engine->executor_->instance(optimum);
  if (!instance.ok() && engine->plan_.options.contains("untuned")) return engine;  // they were guessed, and do not fit
  if (!instance.ok()) return instance.status();
  const double ready = laps.milliseconds();
  log(Severity::verbose, "loaded in " + std::to_string(ready) + " ms: finding the device " + std::to_string(found) +
                             ", its context and the program " + std::to_string(made - found) +
                             ", kernels and constants " + std::to_string(ready - made));
  const backends::MemoryUse memory = engine->executor_->memory_use(**instance);
  engine->weight_bytes_ = memory.constant_bytes;
  if (engine->memory_limit_ && memory.constant_bytes + memory.arena_bytes > engine->memory_limit_)
    return Status(Code::out_of_memory,
                  "the engine needs " + std::to_string(memory.constant_bytes + memory.arena_bytes) +
                      " bytes (weights " + std::to_string(memory.constant_bytes) + ", activations " +
                      std::to_string(memory.arena_bytes) + "), the limit is " + std::to_string(engine->memory_limit_));
  return engine;
}

Engine::~Engine() = default;

Result<backends::MemoryUse> Engine::memory_use(const std::vector<Shape>& inputs) const {
  VIVACE_ASSIGN(const auto instance, executor_->instance(inputs));
  return executor_->memory_use(*instance);
}

Result<std::vector<std::optional<Shape>>> Engine::output_shapes(const std::vector<Shape>& inputs) const {
  VIVACE_ASSIGN(const auto instance, executor_->instance(inputs));
  std::vector<std::optional<Shape>> shapes;
  for (size_t i = 0; i < outputs_.size(); ++i) shapes.push_back(executor_->output_shape(*instance, i));
  return shapes;
}

Status Engine::check_count(size_t inputs) const {
  if (inputs == inputs_.size()) return {};
  std::string names;
  for (const TensorSpec& spec : inputs_) names += (names.empty() ? "" : ", ") + spec.name;
  return {Code::invalid_argument, "the engine takes " + std::to_string(inputs_.size()) + " inputs (" + names +
                                      "), not " + std::to_string(inputs)};
}

Status Engine::check_shape(size_t i, const Shape& shape) const {
  if (!inputs_[i].dims || allows(plan_.ranges[i], shape)) return {};  // an input of any rank has no range
  return {Code::shape_mismatch, "input '" + inputs_[i].name + "' has shape " + to_string(shape) +
                                    ", the engine was built for " + range_text(plan_.ranges[i])};
}

Status Engine::check_shapes(const std::vector<Shape>& shapes) const {
  VIVACE_TRY(check_count(shapes.size()));
  for (size_t i = 0; i < shapes.size(); ++i) VIVACE_TRY(check_shape(i, shapes[i]));
  return {};
}

Status Engine::check_inputs(const std::vector<TensorView>& inputs) const {
  VIVACE_TRY(check_count(inputs.size()));
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs_[i].value.is_list()) {
      VIVACE_TRY(check_value("input '" + inputs_[i].name + "'", inputs_[i].value, inputs[i]));
      continue;
    }
    if (inputs[i].type != inputs_[i].type)
      return {Code::invalid_argument, "input '" + inputs_[i].name + "' is " + to_string(inputs_[i].type) + ", not " +
                                          to_string(inputs[i].type)};
    VIVACE_TRY(check_shape(i, inputs[i].shape));
    if (!inputs[i].data && inputs[i].bytes() > 0)
      return {Code::invalid_argument, "input '" + inputs_[i].name + "' has no data"};
  }
  return {};
}

Status Engine::account(size_t old_bytes, size_t new_bytes) {
  const std::lock_guard lock(mutex_);
  const uint64_t total = arena_bytes_ - old_bytes + new_bytes;
  if (memory_limit_ && new_bytes > old_bytes && total + weight_bytes_ > memory_limit_)
    return {Code::out_of_memory, "this run needs " + std::to_string(total + weight_bytes_) +
                                     " bytes with what other contexts hold, the limit is " +
                                     std::to_string(memory_limit_)};
  arena_bytes_ = total;
  return {};
}

Status Engine::run(const std::vector<TensorView>& inputs, std::vector<Tensor>& outputs) {
  std::unique_ptr<Context> context;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      context = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!context) {
    context.reset(new Context(nullptr, threads_, {}));
    context->of_ = this;
  }
  Status status = context->run(inputs, outputs);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(context));
  return status;
}

Result<std::unique_ptr<Context>> Engine::create_context(int threads, backends::MemorySource source) {
  return std::unique_ptr<Context>(
      new Context(shared_from_this(), threads > 0 ? std::min(threads, threads_) : threads_, std::move(source)));
}

Context::Context(std::shared_ptr<Engine> engine, int threads, backends::MemorySource source)
    : engine_(std::move(engine)), of_(engine_.get()), threads_(threads), source_(std::move(source)) {}

Context::~Context() {
  if (engine_ && session_) (void)engine_->account(session_->bytes(), 0);
}

Result<backends::Session*> Context::session() {
  if (!session_) {
    VIVACE_ASSIGN(session_, of_->executor_->session(threads_, source_));
  }
  return session_.get();
}

Status Context::reserve(size_t bytes) {
  VIVACE_ASSIGN(backends::Session * session, this->session());
  const size_t before = session->bytes();
  VIVACE_TRY(of_->account(before, std::max(before, bytes)));
  const Status status = session->reserve(bytes);
  (void)of_->account(std::max(before, bytes), session->bytes());  // none, or rounded up
  return status;
}

void Context::release_memory() {
  if (!session_) return;
  (void)of_->account(session_->bytes(), 0);
  session_->drop();
}

Status Context::use_memory(void* memory, size_t bytes) {
  VIVACE_ASSIGN(backends::Session * session, this->session());
  const size_t before = session->bytes();
  const Status status = session->lend(memory, bytes);
  (void)of_->account(before, session->bytes());
  return status;
}

Status Context::prepare(std::vector<Shape> shapes) {
  if (last_ && shapes == last_shapes_) return {};
  VIVACE_ASSIGN(last_, of_->executor_->instance(shapes));
  last_shapes_ = std::move(shapes);
  Status status = reserve(of_->executor_->memory_use(*last_).arena_bytes);
  if (!status.ok()) last_.reset();
  return status;
}

Status Context::enqueue(const std::vector<Shape>& input_shapes, const std::vector<backends::DeviceBuffer>& inputs,
                        const std::vector<backends::DeviceBuffer>& outputs, void* stream) {
  VIVACE_TRY(of_->check_shapes(input_shapes));
  VIVACE_TRY(prepare(input_shapes));
  return session_->enqueue(*last_, inputs, outputs, stream);
}

Result<backends::DeviceTimes> Context::time_on_device(const std::vector<Shape>& input_shapes, int runs, bool flush_l2) {
  VIVACE_TRY(of_->check_shapes(input_shapes));
  VIVACE_TRY(prepare(input_shapes));
  for (const TensorSpec& spec : of_->inputs_)
    if (spec.value.is_list())
      return Status(Code::unsupported,
                    "input '" + spec.name + "' is a " + spec.value.to_string() + ", of which there are no random ones");
  std::vector<Tensor> inputs;
  std::vector<TensorView> views;
  for (size_t i = 0; i < input_shapes.size(); ++i) {
    // Whole numbers may be indices: 0 is in any range.
    const DType type = of_->inputs_[i].type;
    inputs.push_back(ir::random_tensor(type, input_shapes[i], i + 1));
    if (!is_float(type) && inputs[i].bytes() > 0) std::memset(inputs[i].data(), 0, inputs[i].bytes());
    views.push_back(inputs.back().view());
  }
  return session_->time(*last_, views, runs, flush_l2);
}

Status Context::run(const std::vector<TensorView>& inputs, std::vector<Tensor>& outputs) {
  VIVACE_TRY(of_->check_inputs(inputs));
  const bool same =
      last_ && std::equal(inputs.begin(), inputs.end(), last_shapes_.begin(), last_shapes_.end(),
                          [](const TensorView& view, const Shape& shape) { return shape_of(view) == shape; });
  if (!same) {
    std::vector<Shape> shapes;
    for (const TensorView& view : inputs) shapes.push_back(shape_of(view));
    VIVACE_TRY(prepare(std::move(shapes)));
  }
  if (!profiling_) return session_->run(*last_, inputs, outputs);
  if (times_.empty()) times_.resize(backends::steps_of(of_->executor_->program()).size());
  return session_->run(*last_, inputs, outputs, [this](size_t node, double seconds) {
    times_[node].first += seconds;
    ++times_[node].second;
  });
}

std::vector<LayerTime> Context::profile() const {
  std::vector<LayerTime> list;
  if (times_.empty()) return list;
  const std::vector<backends::ProgramStep> steps = backends::steps_of(of_->executor_->program());
  for (size_t i = 0; i < times_.size(); ++i)
    if (times_[i].second > 0)
      list.push_back(
          {steps[i].node->name, steps[i].node->op, steps[i].choice->tactic, times_[i].first, times_[i].second});
  return list;
}

}  // namespace vivace::runtime
