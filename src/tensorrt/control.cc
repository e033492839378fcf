// Loops and conditionals. Their bodies are layers like any other, told apart by what they depend on; they become the
// subgraphs of one Loop or If node when an output of the construct is emitted. A layer of a body that is emitted by
// itself, for its dimensions, sees the values of the first iteration.
#include "tensorrt/control.h"

#include <algorithm>
#include <unordered_map>

#include "tensorrt/layer.h"
#include "tensorrt/network.h"

namespace vivace::tensorrt {

using namespace nvinfer1;

namespace {

/// Which layers stand inside a construct: those that depend on the values it gives to its body.
class Inside {
 public:
  explicit Inside(const void* construct) : construct_(construct) {}
  bool operator()(const Layer& layer);

 private:
  const void* construct_;
  std::unordered_map<const Layer*, bool> known_;
};

/// What boundary layers of both kinds say of themselves.
struct Boundary {
  virtual ~Boundary() = default;
  virtual const void* construct() const = 0;
  /// Gives the body a value, rather than taking one from it.
  virtual bool gives() const = 0;
};

bool Inside::operator()(const Layer& layer) {
  if (const auto found = known_.find(&layer); found != known_.end()) return found->second;
  known_[&layer] = false;  // on a cycle, through a recurrence
  const auto* boundary = dynamic_cast<const Boundary*>(&layer);
  if (boundary && boundary->construct() == construct_) return known_[&layer] = boundary->gives();
  for (const NetworkTensor* source : layer.sources())
    if (source && source->producer && (*this)(*source->producer)) return known_[&layer] = true;
  return false;
}

class Loop;

template <class Interface, bool kGives>
class LoopBoundary : public LayerOf<Interface>, public Boundary {
 public:
  using LayerOf<Interface>::LayerOf;
  Loop* loop = nullptr;
  ILoop* getLoop() const noexcept override;
  const void* construct() const override { return loop; }
  bool gives() const override { return kGives; }
};

class Recurrence final : public LoopBoundary<IRecurrenceLayer, true> {
 public:
  using LoopBoundary::LoopBoundary;
  std::vector<NetworkTensor*> dependencies() const override { return {inputs.begin(), inputs.begin() + 1}; }
  void emit(Build& b) override { b.out(b.add("Identity", {b.in()})); }
};

class Iterator final : public LoopBoundary<IIteratorLayer, true> {
 public:
  using LoopBoundary::LoopBoundary;
  VIVACE_PARAMETER(int32_t, Axis, axis, 0)
  VIVACE_PARAMETER(bool, Reverse, reverse, false)
  void emit(Build& b) override { slice(b, b.in(), b.integer(0)); }
  /// The slice at `iteration`, clamped to the last.
  void slice(Build& b, ir::Value* x, ir::Value* iteration) {
    ir::Value* const last = b.add("Sub", {b.add("Squeeze", {b.dim(x, axis)}), b.integer(1)});
    ir::Value* at = b.add("Min", {iteration, last});
    if (reverse) at = b.add("Sub", {last, at});
    b.out(b.add("Gather", {x, at}, {{"axis", int64_t{axis}}}));
  }
};

class TripLimitLayer final : public LoopBoundary<ITripLimitLayer, false> {
 public:
  using LoopBoundary::LoopBoundary;
  TripLimit limit = TripLimit::kCOUNT;
  TripLimit getTripLimit() const noexcept override { return limit; }
  void emit(Build&) override {}
};

class LoopOutputLayer final : public LoopBoundary<ILoopOutputLayer, false> {
 public:
  using LoopBoundary::LoopBoundary;
  LoopOutput kind = LoopOutput::kLAST_VALUE;
  LoopOutput getLoopOutput() const noexcept override { return kind; }
  VIVACE_PARAMETER(int32_t, Axis, axis, 0)
  /// With a length, input 1, all values come out.
  void setInput(int32_t index, ITensor& tensor) noexcept override {
    if (index == 1 && kind == LoopOutput::kLAST_VALUE) change(kind, LoopOutput::kCONCATENATE);
    set_input(index, tensor);
  }
  std::vector<NetworkTensor*> dependencies() const override { return {}; }
  std::vector<NetworkTensor*> sources() const override;
  void emit(Build& b) override;
};

class Loop final : public ILoop {
 public:
  explicit Loop(Network& network) : network_(network) {}
  IRecurrenceLayer* addRecurrence(ITensor& initialValue) noexcept override {
    auto* const made = add<Recurrence>(LayerType::kRECURRENCE, initialValue, 1);
    if (made) recurrences_.push_back(made);
    return made;
  }
  ITripLimitLayer* addTripLimit(ITensor& tensor, TripLimit limit) noexcept override {
    for (const TripLimitLayer* other : limits_)
      if (other->limit == limit) return refuse("addTripLimit", "the loop has a limit of this kind");
    auto* const made = add<TripLimitLayer>(LayerType::kTRIP_LIMIT, tensor, 0);
    if (made) made->limit = limit;
    if (made) limits_.push_back(made);
    return made;
  }
  IIteratorLayer* addIterator(ITensor& tensor, int32_t axis, bool reverse) noexcept override {
    auto* const made = add<Iterator>(LayerType::kITERATOR, tensor, 1);
    if (!made) return made;
    made->axis = axis;
    made->reverse = reverse;
    iterators_.push_back(made);
    return made;
  }
  ILoopOutputLayer* addLoopOutput(ITensor& tensor, LoopOutput outputKind, int32_t axis) noexcept override {
    auto* const made = add<LoopOutputLayer>(LayerType::kLOOP_OUTPUT, tensor, 1);
    if (!made) return made;
    made->kind = outputKind;
    made->axis = axis;
    outputs_.push_back(made);
    return made;
  }
  void setName(char const* name) noexcept override { name_ = name ? name : ""; }
  char const* getName() const noexcept override { return name_.c_str(); }

  /// Every tensor that goes into the loop.
  std::vector<NetworkTensor*> sources() const {
    std::vector<NetworkTensor*> found;
    const auto take = [&](const auto& layers) {
      for (const auto* layer : layers) found.insert(found.end(), layer->inputs.begin(), layer->inputs.end());
    };
    take(recurrences_), take(iterators_), take(limits_);
    return found;
  }
  /// Adds the Loop node and gives every output of the loop a value. `b` is of one of them.
  void emit(Build& b);

 private:
  template <class L>
  L* add(LayerType type, ITensor& tensor, size_t outputs) {
    NetworkTensor* const input = network_.own(tensor);
    if (!input) return refuse("loop", "the tensor belongs to another network");
    auto layer = std::make_unique<L>(network_, type);
    layer->loop = this;
    return static_cast<L*>(network_.keep(std::move(layer), {input}, outputs));
  }
  std::nullptr_t refuse(const char* method, const char* why) {
    network_.report({Code::invalid_argument, std::string(method) + ": " + why});
    return nullptr;
  }
  NetworkTensor* limit(TripLimit kind) const {
    for (const TripLimitLayer* layer : limits_)
      if (layer->limit == kind) return layer->inputs[0];
    return nullptr;
  }
  /// The while condition, from these values of the recurrences and this iteration, in the graph of `around`.
  ir::Value* condition(Build& b, Emitter& around, const std::vector<ir::Value*>& values, ir::Value* iteration);
  ir::Value* value(Build& b, Emitter& from, NetworkTensor& tensor) {
    if (!b.ok()) return nullptr;
    Result<ir::Value*> made = from.value(tensor);
    if (made.ok()) return *made;
    b.fail(made.status());
    return nullptr;
  }

  Network& network_;
  std::string name_;
  std::vector<Recurrence*> recurrences_;
  std::vector<Iterator*> iterators_;
  std::vector<TripLimitLayer*> limits_;
  std::vector<LoopOutputLayer*> outputs_;
};

template <class Interface, bool kGives>
ILoop* LoopBoundary<Interface, kGives>::getLoop() const noexcept {
  return loop;
}

std::vector<NetworkTensor*> LoopOutputLayer::sources() const {
  std::vector<NetworkTensor*> found = loop->sources();
  found.insert(found.end(), inputs.begin(), inputs.end());
  return found;
}

void LoopOutputLayer::emit(Build& b) {
  if (!b.emitter.values().contains(outputs[0].get())) loop->emit(b);
}

ir::Value* Loop::condition(Build& b, Emitter& around, const std::vector<ir::Value*>& values, ir::Value* iteration) {
  Emitter scope(around.graph(), around, Inside(this));
  for (size_t i = 0; i < recurrences_.size(); ++i)
    if (b.ok()) scope.bind(*recurrences_[i]->outputs[0], values[i]);
  for (Iterator* iterator : iterators_) {
    Build own(scope, *iterator);
    iterator->slice(own, value(b, around, *iterator->inputs[0]), iteration);
    if (!own.ok()) b.fail(own.status());
  }
  ir::Value* const made = value(b, scope, *limit(TripLimit::kWHILE));
  Build own(around, b.layer);
  ir::Value* const single = b.ok() ? own.reshape(made, {}) : nullptr;
  if (!own.ok()) b.fail(own.status());
  return single;
}

// So many of the values of all iterations; after those there are, zeros.
ir::Value* of_length(Build& b, ir::Value* all, ir::Value* length) {
  length = b.reshape(b.i64(length), {1});
  const int rank = b.rank(all);
  ir::Value* const none = b.ints({0});
  ir::Value* const lacking = b.add("Max", {b.add("Sub", {length, b.dim(all, 0)}), none});
  ir::Value* const pads = b.add("Concat", {none, lacking}, {{"axis", int64_t{0}}});
  all = b.add("Pad", {all, pads, nullptr, none});
  all = b.add("Slice", {all, none, length, none});
  // That the length is known, where it is, shows in the dimensions.
  ir::Value* const rest = b.add("Shape", {all}, {{"start", int64_t{1}}});
  return rank > 0 ? b.add("Reshape", {all, b.add("Concat", {length, rest}, {{"axis", int64_t{0}}})},
                          {{"allowzero", int64_t{1}}})
                  : all;
}

void Loop::emit(Build& b) {
  NetworkTensor *const count = limit(TripLimit::kCOUNT), *const goes_on = limit(TripLimit::kWHILE);
  if (!count && !goes_on) return b.fail("its loop has no trip limit; see addTripLimit");
  std::vector<ir::Value*> initial;
  for (const Recurrence* recurrence : recurrences_) {
    if (recurrence->inputs.size() < 2 || !recurrence->inputs[1])
      return b.fail(recurrence->describe() + " has no input 1, the value after an iteration");
    initial.push_back(value(b, b.emitter, *recurrence->inputs[0]));
  }
  std::vector<ir::Value*> inputs{nullptr, nullptr};
  if (count) inputs[0] = b.reshape(b.i64(value(b, b.emitter, *count)), {});
  if (goes_on) inputs[1] = condition(b, b.emitter, initial, b.integer(0));
  if (!b.ok()) return;

  auto graph = std::make_shared<ir::Graph>();
  Emitter body(*graph, b.emitter, Inside(this));
  Build in_body(body, b.layer);
  ir::Value* const iteration = graph->add_input("iteration", ir::Type::tensor(DType::i64, {}));
  graph->add_input("goes_on", ir::Type::tensor(DType::boolean, {}));
  for (size_t i = 0; i < recurrences_.size(); ++i) {
    ir::Value* const carried = graph->add_input("carried:" + std::to_string(i), initial[i]->type);
    body.bind(*recurrences_[i]->outputs[0], carried);
    inputs.push_back(initial[i]);
  }
  for (Iterator* iterator : iterators_) {
    Build own(body, *iterator);
    iterator->slice(own, value(b, body, *iterator->inputs[0]), iteration);
    if (!own.ok()) b.fail(own.status());
  }
  std::vector<ir::Value*> next, scans;
  for (const Recurrence* recurrence : recurrences_) next.push_back(value(b, body, *recurrence->inputs[1]));
  std::vector<int> slots;  // which output of the node each output of the loop is taken from
  for (const LoopOutputLayer* output : outputs_) {
    const auto same = [&](const Recurrence* r) { return r->outputs[0].get() == output->inputs[0]; };
    const auto at = std::find_if(recurrences_.begin(), recurrences_.end(), same);
    if (output->kind == LoopOutput::kLAST_VALUE && at != recurrences_.end()) {
      slots.push_back(static_cast<int>(at - recurrences_.begin()));
    } else {
      slots.push_back(static_cast<int>(recurrences_.size() + scans.size()));
      scans.push_back(value(b, body, *output->inputs[0]));
    }
  }
  const bool yes = true;
  ir::Value* again = in_body.constant(vivace::Tensor::scalar(yes));
  if (goes_on && b.ok()) again = condition(b, body, next, in_body.add("Add", {iteration, in_body.integer(1)}));
  if (!in_body.ok()) b.fail(in_body.status());
  if (!b.ok()) return;
  const auto give = [&](ir::Value* made, const std::string& name) {
    graph->mark_output(in_body.add("Identity", {made}), name);
  };
  graph->mark_output(again, "again");
  for (size_t i = 0; i < next.size(); ++i) give(next[i], "next:" + std::to_string(i));
  for (size_t i = 0; i < scans.size(); ++i) give(scans[i], "scan:" + std::to_string(i));
  graph->erase_unused();
  inputs.insert(inputs.end(), body.captures().begin(), body.captures().end());
  const int outputs = static_cast<int>(next.size() + scans.size());
  b.add("Loop", inputs, {{"body", graph}, {"captures", static_cast<int64_t>(body.captures().size())}}, outputs);
  ir::Node* const node = b.last();
  for (size_t i = 0; b.ok() && i < outputs_.size(); ++i) {
    LoopOutputLayer& output = *outputs_[i];
    Build own(b.emitter, output);
    ir::Value* made = node->output(static_cast<size_t>(slots[i]));
    const bool scanned = slots[i] >= static_cast<int>(next.size());
    if (scanned && output.inputs.size() > 1 && output.inputs[1])
      made = of_length(own, made, value(b, b.emitter, *output.inputs[1]));
    if (output.kind == LoopOutput::kREVERSE)
      made = own.add("Slice", {made, own.ints({-1}), own.ints({INT64_MIN}), own.ints({0}), own.ints({-1})});
    if (scanned && output.kind == LoopOutput::kLAST_VALUE) {
      made = own.add("Gather", {made, own.integer(-1)});
    } else if (scanned && output.axis > 0) {
      std::vector<int64_t> order;
      for (int64_t axis = 1; axis < own.rank(made); ++axis) order.push_back(axis);
      order.insert(order.begin() + std::min<ptrdiff_t>(output.axis, static_cast<ptrdiff_t>(order.size())), 0);
      made = own.transpose(made, order);
    }
    own.out(made);
    if (!own.ok()) b.fail(own.status());
  }
}

// ---- Conditionals ----

class Conditional;

template <class Interface, bool kGives>
class ConditionalBoundary : public LayerOf<Interface>, public Boundary {
 public:
  using LayerOf<Interface>::LayerOf;
  Conditional* conditional = nullptr;
  IIfConditional* getConditional() const noexcept override;
  const void* construct() const override { return conditional; }
  bool gives() const override { return kGives; }
};

class ConditionLayer final : public ConditionalBoundary<IConditionLayer, false> {
 public:
  using ConditionalBoundary::ConditionalBoundary;
  void emit(Build&) override {}
};

class ConditionalInput final : public ConditionalBoundary<IIfConditionalInputLayer, true> {
 public:
  using ConditionalBoundary::ConditionalBoundary;
  void emit(Build& b) override { b.out(b.add("Identity", {b.in()})); }
};

class ConditionalOutput final : public ConditionalBoundary<IIfConditionalOutputLayer, false> {
 public:
  using ConditionalBoundary::ConditionalBoundary;
  std::vector<NetworkTensor*> dependencies() const override { return {}; }
  std::vector<NetworkTensor*> sources() const override;
  void emit(Build& b) override;
};

class Conditional final : public IIfConditional {
 public:
  explicit Conditional(Network& network) : network_(network) {}
  IConditionLayer* setCondition(ITensor& condition) noexcept override {
    if (!condition_)
      condition_ = add<ConditionLayer>(LayerType::kCONDITION, {&condition}, 0);
    else
      condition_->setInput(0, condition);
    return condition_;
  }
  IIfConditionalOutputLayer* addOutput(ITensor& whenTrue, ITensor& whenFalse) noexcept override {
    auto* const made = add<ConditionalOutput>(LayerType::kCONDITIONAL_OUTPUT, {&whenTrue, &whenFalse}, 1);
    if (made) outputs_.push_back(made);
    return made;
  }
  IIfConditionalInputLayer* addInput(ITensor& input) noexcept override {
    auto* const made = add<ConditionalInput>(LayerType::kCONDITIONAL_INPUT, {&input}, 1);
    if (made) inputs_.push_back(made);
    return made;
  }
  void setName(char const* name) noexcept override { name_ = name ? name : ""; }
  char const* getName() const noexcept override { return name_.c_str(); }

  std::vector<NetworkTensor*> sources() const {
    std::vector<NetworkTensor*> found;
    if (condition_) found = condition_->inputs;
    for (const ConditionalInput* input : inputs_) found.push_back(input->inputs[0]);
    return found;
  }
  void emit(Build& b);

 private:
  template <class L>
  L* add(LayerType type, std::initializer_list<ITensor*> tensors, size_t outputs) {
    std::vector<NetworkTensor*> found;
    for (const ITensor* tensor : tensors) {
      found.push_back(network_.own(*tensor));
      if (found.back()) continue;
      network_.report({Code::invalid_argument, "conditional: the tensor belongs to another network"});
      return nullptr;
    }
    auto layer = std::make_unique<L>(network_, type);
    layer->conditional = this;
    return static_cast<L*>(network_.keep(std::move(layer), found, outputs));
  }
  /// One branch, whose first inputs are these captures in this order.
  std::shared_ptr<ir::Graph> branch(Build& b, size_t which, std::vector<ir::Value*>& captures);

  Network& network_;
  std::string name_;
  ConditionLayer* condition_ = nullptr;
  std::vector<ConditionalInput*> inputs_;
  std::vector<ConditionalOutput*> outputs_;
};

template <class Interface, bool kGives>
IIfConditional* ConditionalBoundary<Interface, kGives>::getConditional() const noexcept {
  return conditional;
}

std::vector<NetworkTensor*> ConditionalOutput::sources() const {
  std::vector<NetworkTensor*> found = conditional->sources();
  found.insert(found.end(), inputs.begin(), inputs.end());
  return found;
}

void ConditionalOutput::emit(Build& b) {
  if (!b.emitter.values().contains(outputs[0].get())) conditional->emit(b);
}

std::shared_ptr<ir::Graph> Conditional::branch(Build& b, size_t which, std::vector<ir::Value*>& captures) {
  auto graph = std::make_shared<ir::Graph>();
  Emitter body(*graph, b.emitter, Inside(this));
  for (ir::Value* taken : captures) body.capture(taken);
  Build in_body(body, b.layer);
  for (ConditionalInput* input : inputs_) {
    Result<ir::Value*> made = body.value(*input->inputs[0]);
    if (!made.ok()) return b.fail(made.status()), nullptr;
    body.bind(*input->outputs[0], *made);
  }
  for (const ConditionalOutput* output : outputs_) {
    Result<ir::Value*> made = body.value(*output->inputs[which]);
    if (!made.ok()) return b.fail(made.status()), nullptr;
    graph->mark_output(in_body.add("Identity", {*made}), output->name);
  }
  if (!in_body.ok()) b.fail(in_body.status());
  captures = body.captures();
  graph->erase_unused();
  return graph;
}

void Conditional::emit(Build& b) {
  if (!condition_) return b.fail("its conditional has no condition; see setCondition");
  Result<ir::Value*> held = b.emitter.value(*condition_->inputs[0]);
  if (!held.ok()) return b.fail(held.status());
  ir::Value* const condition = b.reshape(*held, {});
  // Both branches take the same captures: once to know them, once with all of them in one order.
  std::vector<ir::Value*> captures;
  branch(b, 0, captures);
  if (b.ok()) branch(b, 1, captures);
  if (!b.ok()) return;
  const std::vector<ir::Value*> all = captures;
  std::shared_ptr<ir::Graph> branches[2];
  for (size_t i = 0; b.ok() && i < 2; ++i) branches[i] = branch(b, i, captures);
  if (!b.ok()) return;
  std::vector<ir::Value*> inputs{condition};
  inputs.insert(inputs.end(), all.begin(), all.end());
  b.add("If", inputs,
        {{"then_branch", branches[0]}, {"else_branch", branches[1]}, {"captures", static_cast<int64_t>(all.size())}},
        static_cast<int>(outputs_.size()));
  for (size_t i = 0; b.ok() && i < outputs_.size(); ++i)
    b.emitter.bind(*outputs_[i]->outputs[0], b.output(static_cast<int>(i)));
}

}  // namespace

std::unique_ptr<ILoop> make_loop(Network& network) { return std::make_unique<Loop>(network); }
std::unique_ptr<IIfConditional> make_conditional(Network& network) { return std::make_unique<Conditional>(network); }

}  // namespace vivace::tensorrt
