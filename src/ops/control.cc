// If, Loop, Scan. Their subgraphs are closed: what they take from outside comes as the node's last inputs and the
// subgraph's last inputs, as many as the attribute `captures` says.
#include "ops/control.h"

#include <algorithm>

#include "ops/reference.h"
#include "ops/samples.h"

namespace vivace::ops {

namespace {

// What is certain of a value that may be either.
Result<ir::Type> either(const Inference& in, const ir::Type& a, const ir::Type& b) {
  std::optional<ir::Type> merged = ir::common_type(a, b);
  if (!merged)
    return in.error("one value is " + a.to_string() + " here and " + b.to_string() + " there; the types must agree");
  return *std::move(merged);
}

}  // namespace

Result<size_t> captures_of(const Inference& in, size_t own) {
  const int64_t captures = in.attributes.integer("captures");
  if (captures < 0 || static_cast<size_t>(captures) + own > in.node.inputs().size())
    return in.error("it has " + std::to_string(in.node.inputs().size()) + " inputs, of which " +
                    std::to_string(captures) + " are captures; that is too few");
  return static_cast<size_t>(captures);
}

Argument argument(const Inference& in, size_t i) {
  if (i >= in.input_count()) return {};
  return {in.type(i), in.known(i)};
}

void add_captures(const Inference& in, size_t captures, std::vector<Argument>& arguments) {
  const size_t inputs = in.node.inputs().size();
  for (size_t i = inputs - captures; i < inputs; ++i) arguments.push_back(argument(in, i));
}

Result<const ir::Graph*> subgraph_of(const Inference& in, const char* name, size_t inputs) {
  const ir::Graph* body = in.node.subgraph(name);
  if (!body) return in.error(std::string("it has no subgraph '") + name + "'");
  if (body->inputs().size() != inputs)
    return in.error(std::string("its subgraph '") + name + "' takes " + std::to_string(body->inputs().size()) +
                    " inputs, not " + std::to_string(inputs));
  return body;
}

Result<std::vector<ir::Type>> infer_subgraph(const Inference& in, const ir::Graph& graph,
                                             const std::vector<Argument>& arguments) {
  const std::unique_ptr<ir::Graph> copy = graph.clone();
  for (ir::Value* value : copy->values()) {
    if (value->is_constant()) continue;
    if (value->producer()) {
      value->type = {};
      value->known = std::nullopt;
    }
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    ir::Value& input = *copy->inputs()[i];
    const ir::Type declared = std::move(input.type);
    input.type = arguments[i].type;
    input.known = arguments[i].known;
    if (input.type.dtype == DType::undefined) input.type.dtype = declared.dtype;
  }
  if (const Status status = infer_graph(*copy); !status.ok()) return status.within(in.node.describe());
  std::vector<ir::Type> types;
  for (const ir::Value* output : copy->outputs()) types.push_back(output->type);
  return types;
}

Status infer_if(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::boolean}));
  VIVACE_ASSIGN(const size_t captures, captures_of(in, 1));
  std::vector<Argument> arguments;
  add_captures(in, captures, arguments);
  const Tensor* condition = in.constant(0);
  if (condition && condition->count() != 1) return in.error("the condition must be one bool");
  std::vector<ir::Type> merged;
  for (const bool branch : {true, false}) {
    const char* name = branch ? "then_branch" : "else_branch";
    VIVACE_ASSIGN(const ir::Graph* graph, subgraph_of(in, name, captures));
    if (graph->outputs().size() != in.output_count())
      return in.error(std::string(name) + " has " + std::to_string(graph->outputs().size()) + " outputs, the node " +
                      std::to_string(in.output_count()));
    if (condition && *condition->as<bool>() != branch) continue;
    VIVACE_ASSIGN(std::vector<ir::Type> types, infer_subgraph(in, *graph, arguments));
    if (merged.empty())
      merged = std::move(types);
    else
      for (size_t i = 0; i < merged.size(); ++i) {
        VIVACE_ASSIGN(merged[i], either(in, merged[i], types[i]));
      }
  }
  for (size_t i = 0; i < merged.size(); ++i) in.set(i, merged[i]);
  return {};
}

Status reference_if(Call& call) {
  if (call.input(0).count() != 1) return call.error("the condition must be one bool");
  std::vector<Tensor> arguments;
  for (size_t i = 1; i < call.inputs.size(); ++i) arguments.push_back(borrowed(call.input(i)));
  VIVACE_ASSIGN(const std::vector<Tensor> results,
                call.run_subgraph(*call.input(0).as<bool>() ? "then_branch" : "else_branch", arguments));
  for (size_t i = 0; i < results.size(); ++i) VIVACE_TRY(give_output(call, i, results[i]));
  return {};
}

namespace {

// A body may take an optional and give what is in one: what it gives becomes an optional again for the next iteration.
bool becomes_optional(const ir::Type& given, const ir::Type& carried) {
  return carried.kind == ir::Kind::optional && given.known() && given.kind != ir::Kind::optional;
}

// Values that a body hands on to its next iteration have one type for all: widens `arguments` [first, first + count)
// until the body's outputs [out, out + count) agree. Returns the types of all outputs of the body.
Result<std::vector<ir::Type>> infer_iterated(const Inference& in, const ir::Graph& body,
                                             std::vector<Argument>& arguments, size_t first, size_t count, size_t out) {
  // Each level of nesting may infer its body several times; deep inside, one inference with nothing known must do.
  static thread_local int depth = 0;
  struct Level {
    Level() { ++depth; }
    ~Level() { --depth; }
  } level;
  constexpr int kDeep = 6, kRounds = 4;
  for (size_t i = 0; i < count; ++i) arguments[first + i].known = std::nullopt;
  for (int round = 0;; ++round) {
    if (depth > kDeep || round == kRounds)
      for (size_t i = 0; i < count; ++i) arguments[first + i].type.dims = std::nullopt;
    VIVACE_ASSIGN(std::vector<ir::Type> types, infer_subgraph(in, body, arguments));
    bool stable = true;
    for (size_t i = 0; i < count; ++i) {
      ir::Type& carried = arguments[first + i].type;
      const ir::Type& given = types[out + i];
      VIVACE_ASSIGN(const ir::Type merged,
                    either(in, carried, becomes_optional(given, carried) ? ir::Type::optional(given) : given));
      stable = stable && ir::same_type(merged, carried);
      carried = merged;
    }
    if (stable || round >= kRounds || depth > kDeep) return types;
  }
}

// Whether the condition a Loop's body returns is always true, as long as the one it gets is.
bool goes_on(const ir::Graph& body) {
  const ir::Value* condition = body.outputs()[0];
  while (condition->producer() && condition->producer()->op == "Identity") condition = condition->producer()->input(0);
  if (condition->is_constant()) return condition->constant().count() == 1 && *condition->constant().as<bool>();
  return condition == body.inputs()[1];
}

}  // namespace

// Inputs: trip count, condition, carried values, captures. The body takes iteration, condition, carried values,
// captures and gives condition, carried values, scan outputs.
Status infer_loop(Inference& in) {
  VIVACE_ASSIGN(const size_t captures, captures_of(in, 2));
  VIVACE_TRY(require_type(in, 0, {DType::i64}));
  VIVACE_TRY(require_type(in, 1, {DType::boolean}));
  for (const size_t i : {0, 1})
    if (in.constant(i) && in.constant(i)->count() != 1)
      return in.error("trip count and condition must be one element each");
  const size_t carried = in.node.inputs().size() - 2 - captures;
  VIVACE_ASSIGN(const ir::Graph* body, subgraph_of(in, "body", in.node.inputs().size()));
  if (body->outputs().size() < 1 + carried || in.output_count() > body->outputs().size() - 1)
    return in.error("its body has " + std::to_string(body->outputs().size()) + " outputs, which do not fit " +
                    std::to_string(carried) + " carried values and " + std::to_string(in.output_count()) + " outputs");
  std::vector<Argument> arguments{{ir::Type::tensor(DType::i64, {}), {}}, {ir::Type::tensor(DType::boolean, {}), {}}};
  for (size_t i = 0; i < carried; ++i) arguments.push_back(argument(in, 2 + i));
  add_captures(in, captures, arguments);
  VIVACE_ASSIGN(const std::vector<ir::Type> types, infer_iterated(in, *body, arguments, 2, carried, 1));
  for (size_t i = 0; i < carried; ++i) {
    const ir::Type &given = types[1 + i], &held = arguments[2 + i].type;
    const bool inside = becomes_optional(given, held);
    in.set(i, !inside ? held : held.element ? *held.element : given);
  }

  ir::Dim trips;
  const std::optional<std::vector<int64_t>> limit = in.has(0) ? in.numbers(0) : std::nullopt;
  const bool starts = !in.has(1) || (in.constant(1) && *in.constant(1)->as<bool>());
  if (in.has(1) && in.constant(1) && !starts)
    trips = 0;
  else if (limit && limit->size() == 1 && starts && goes_on(*body))
    trips = std::max<int64_t>(0, limit->at(0));
  for (size_t i = carried; i < in.output_count(); ++i) {
    ir::Type type = types[1 + i];
    if (type.is_list()) return in.error("a scan output must be a tensor");
    if (type.dims) type.dims->insert(type.dims->begin(), trips);
    in.set(i, type);
  }
  return {};
}

namespace {

// Copies between a whole tensor and the slice at `index` of `axis`.
Status copy_slice(const Call& call, const TensorView& whole, int axis, int64_t index, const TensorView& slice,
                  bool into_whole) {
  const AxisSplit split = split_at(whole.shape, axis);
  const bool done = visit_storage(whole.type, [&]<class T>() {
    for (int64_t outer = 0; outer < split.outer; ++outer) {
      T* w = whole.as<T>() + (outer * split.size + index) * split.inner;
      T* s = slice.as<T>() + outer * split.inner;
      if (into_whole)
        std::copy_n(s, split.inner, w);
      else
        std::copy_n(w, split.inner, s);
    }
  });
  return done ? Status() : call.error(std::string("it cannot take slices of type ") + to_string(whole.type));
}

// Makes output i of the slices, one for each iteration, along `axis`; `like` says type and shape where there are none.
Status stack(Call& call, size_t i, const std::vector<Tensor>& slices, int64_t axis, bool reverse,
             const ir::Type& like) {
  if (i >= call.outputs.size()) return {};
  Shape shape;
  DType type = like.dtype;
  if (!slices.empty()) {
    shape = slices[0].shape();
    type = slices[0].type();
  } else if (like.dims) {
    for (const ir::Dim& d : *like.dims) shape.push_back(d.known() ? d.value() : 0);
  }
  for (const Tensor& slice : slices)
    if (slice.type() != type || slice.shape() != shape)
      return call.error("scan output " + std::to_string(i) + " changes from " + to_string(shape) + " to " +
                        to_string(slice.shape()));
  const int at = normalized_axis(axis, static_cast<int>(shape.size()) + 1);
  if (at < 0) return call.error("scan output axis " + std::to_string(axis) + " is out of range");
  const auto count = static_cast<int64_t>(slices.size());
  if (count > 0 || !call.wants(i)) {
    shape.insert(shape.begin() + at, count);
    VIVACE_TRY(ensure_output(call, i, type, shape));
  }
  for (int64_t n = 0; n < count; ++n)
    VIVACE_TRY(copy_slice(call, call.output(i), at, reverse ? count - 1 - n : n, slices[static_cast<size_t>(n)], true));
  return {};
}

}  // namespace

Status reference_loop(Call& call) {
  const size_t captures = static_cast<size_t>(call.attributes.integer("captures"));
  const size_t carried = call.inputs.size() - 2 - captures;
  for (const size_t i : {0, 1})
    if (call.has(i) && call.input(i).count() != 1)
      return call.error("trip count and condition must be one element each");
  const int64_t limit = call.has(0) ? *call.input(0).as<int64_t>() : INT64_MAX;
  bool condition = !call.has(1) || *call.input(1).as<bool>();
  std::vector<Tensor> arguments(2);
  for (size_t i = 2; i < call.inputs.size(); ++i) arguments.push_back(borrowed(call.input(i)));
  const ir::Graph& body = *call.node.subgraph("body");
  const auto unpacks = [&](size_t i) {
    const ir::Value* start = call.node.input(2 + i);
    const ir::Value* end = i < call.node.outputs().size() ? call.node.outputs()[i] : body.outputs()[1 + i];
    return start && becomes_optional(end->type, start->type);
  };
  std::vector<std::vector<Tensor>> scans(body.outputs().size() - 1 - carried);
  for (int64_t iteration = 0; iteration < limit && condition; ++iteration) {
    arguments[0] = Tensor::scalar(iteration);
    arguments[1] = Tensor::scalar(condition);
    VIVACE_ASSIGN(std::vector<Tensor> results, call.run_subgraph("body", arguments));
    if (results.size() != 1 + carried + scans.size() || results[0].type() != DType::boolean || results[0].count() != 1)
      return call.error("its body must return one bool first");
    condition = *results[0].as<bool>();
    for (size_t i = 0; i < carried; ++i) {
      arguments[2 + i] = std::move(results[1 + i]);
      if (unpacks(i)) arguments[2 + i] = Tensor::list({std::move(arguments[2 + i])});
    }
    for (size_t i = 0; i < scans.size(); ++i) scans[i].push_back(std::move(results[1 + carried + i]));
  }
  for (size_t i = 0; i < carried && i < call.outputs.size(); ++i) {
    const Tensor& last = arguments[2 + i];
    if (unpacks(i) && last.count() == 0) return call.error("it gives what is in an optional, which is empty");
    VIVACE_TRY(give_output(call, i, unpacks(i) ? *last.as<Tensor>() : last));
  }
  for (size_t i = 0; i < scans.size(); ++i)
    VIVACE_TRY(stack(call, carried + i, scans[i], 0, false, body.outputs()[1 + carried + i]->type));
  return {};
}

namespace {

// Axes and directions of a Scan, one for each scan input or output.
struct Scanned {
  std::vector<int64_t> axes, directions;
};
Result<Scanned> scanned(const ir::Node& node, const std::string& what, size_t count) {
  Scanned s;
  s.axes = node.attributes.integers("scan_" + what + "_axes", std::vector<int64_t>(count, 0));
  s.directions = node.attributes.integers("scan_" + what + "_directions", std::vector<int64_t>(count, 0));
  if (s.axes.size() != count || s.directions.size() != count)
    return Status(Code::invalid_model, node.describe() + ": scan_" + what + "_axes and directions must have " +
                                           std::to_string(count) + " elements");
  return s;
}

}  // namespace

// Inputs: states, scan inputs, captures. The body takes states, slices, captures and gives states, slices.
Status infer_scan(Inference& in) {
  VIVACE_ASSIGN(const size_t captures, captures_of(in, 1));
  const size_t own = in.node.inputs().size() - captures;
  const int64_t count = in.attributes.integer("num_scan_inputs");
  if (count < 1 || static_cast<size_t>(count) > own)
    return in.error("num_scan_inputs " + std::to_string(count) + " does not fit its " + std::to_string(own) +
                    " inputs");
  const auto scan_inputs = static_cast<size_t>(count);
  const size_t states = own - scan_inputs;
  VIVACE_ASSIGN(const ir::Graph* body, subgraph_of(in, "body", in.node.inputs().size()));
  if (body->outputs().size() < states || in.output_count() > body->outputs().size())
    return in.error("its body has " + std::to_string(body->outputs().size()) + " outputs, which do not fit " +
                    std::to_string(states) + " states and " + std::to_string(in.output_count()) + " outputs");
  VIVACE_ASSIGN(const Scanned ins, scanned(in.node, "input", scan_inputs));
  VIVACE_ASSIGN(const Scanned outs, scanned(in.node, "output", body->outputs().size() - states));
  std::vector<Argument> arguments;
  for (size_t i = 0; i < states; ++i) arguments.push_back(argument(in, i));
  ir::Dim length;
  for (size_t i = 0; i < scan_inputs; ++i) {
    Argument slice = argument(in, states + i);
    if (slice.type.is_list()) return in.error("a scan input must be a tensor");
    slice.known = std::nullopt;
    if (slice.type.dims) {
      const int axis = normalized_axis(ins.axes[i], slice.type.rank());
      if (axis < 0) return in.error("scan input axis " + std::to_string(ins.axes[i]) + " is out of range");
      const ir::Dim size = (*slice.type.dims)[static_cast<size_t>(axis)];
      if (clash(length, size))
        return in.error("scan inputs have " + length.to_string() + " and " + size.to_string() + " slices");
      if (!length.known()) length = size;
      slice.type.dims->erase(slice.type.dims->begin() + axis);
    }
    arguments.push_back(slice);
  }
  add_captures(in, captures, arguments);
  VIVACE_ASSIGN(const std::vector<ir::Type> types, infer_iterated(in, *body, arguments, 0, states, 0));
  for (size_t i = 0; i < states; ++i) in.set(i, arguments[i].type);
  for (size_t i = states; i < in.output_count(); ++i) {
    ir::Type type = types[i];
    if (type.is_list()) return in.error("a scan output must be a tensor");
    if (type.dims) {
      const int axis = normalized_axis(outs.axes[i - states], type.rank() + 1);
      if (axis < 0) return in.error("scan output axis " + std::to_string(outs.axes[i - states]) + " is out of range");
      type.dims->insert(type.dims->begin() + axis, length);
    }
    in.set(i, type);
  }
  return {};
}

Status reference_scan(Call& call) {
  const size_t captures = static_cast<size_t>(call.attributes.integer("captures"));
  const auto scan_inputs = static_cast<size_t>(call.attributes.integer("num_scan_inputs"));
  const size_t states = call.inputs.size() - captures - scan_inputs;
  const ir::Graph& body = *call.node.subgraph("body");
  std::vector<std::vector<Tensor>> slices(body.outputs().size() - states);
  VIVACE_ASSIGN(const Scanned ins, scanned(call.node, "input", scan_inputs));
  VIVACE_ASSIGN(const Scanned outs, scanned(call.node, "output", slices.size()));
  std::vector<Tensor> arguments;
  for (const TensorView& input : call.inputs) arguments.push_back(borrowed(input));
  int64_t length = -1;
  for (size_t i = 0; i < scan_inputs; ++i) {
    const TensorView& x = call.input(states + i);
    const int axis = normalized_axis(ins.axes[i], x.rank());
    if (axis < 0) return call.error("scan input axis " + std::to_string(ins.axes[i]) + " is out of range");
    const int64_t size = x.shape[static_cast<size_t>(axis)];
    if (length >= 0 && size != length) return call.error("scan inputs differ in length");
    length = size;
  }
  for (int64_t n = 0; n < length; ++n) {
    for (size_t i = 0; i < scan_inputs; ++i) {
      const TensorView& x = call.input(states + i);
      const int axis = normalized_axis(ins.axes[i], x.rank());
      Shape shape = x.shape;
      shape.erase(shape.begin() + axis);
      VIVACE_ASSIGN(arguments[states + i], Tensor::allocate(x.type, shape));
      VIVACE_TRY(copy_slice(call, x, axis, ins.directions[i] ? length - 1 - n : n, arguments[states + i], false));
    }
    VIVACE_ASSIGN(std::vector<Tensor> results, call.run_subgraph("body", arguments));
    if (results.size() != states + slices.size()) return call.error("its body gave too few outputs");
    for (size_t i = 0; i < states; ++i) arguments[i] = std::move(results[i]);
    for (size_t i = 0; i < slices.size(); ++i) slices[i].push_back(std::move(results[states + i]));
  }
  for (size_t i = 0; i < states && i < call.outputs.size(); ++i) VIVACE_TRY(give_output(call, i, arguments[i]));
  for (size_t i = 0; i < slices.size(); ++i)
    VIVACE_TRY(
        stack(call, states + i, slices[i], outs.axes[i], outs.directions[i] != 0, body.outputs()[states + i]->type));
  return {};
}

std::vector<ir::Type> subgraph_input_types(const ir::Node& node, const std::vector<ir::Type>& inputs,
                                           const std::vector<ir::Type>& outputs) {
  if (node.op == "If") return {inputs.begin() + 1, inputs.end()};
  std::vector<ir::Type> types = inputs;
  if (node.op == kForSamples) {
    for (ir::Type& type : types)
      if (type.dims && !type.dims->empty()) type.dims->front() = samples_of_turn(node);
    return types;
  }
  const size_t captures = static_cast<size_t>(node.attributes.integer("captures"));
  if (node.op == "SequenceMap") {
    for (size_t i = 0; i + captures < types.size(); ++i) types[i] = mapped_element(types[i]);
    return types;
  }
  // A value that is carried on has the type that its output has after all iterations.
  const auto carry = [&](size_t first, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (i < outputs.size())
        types[first + i] = becomes_optional(outputs[i], types[first + i]) ? ir::Type::optional(outputs[i]) : outputs[i];
      else
        types[first + i].dims = std::nullopt;
    }
  };
  if (node.op == "Loop") {
    types[0] = ir::Type::tensor(DType::i64, {});
    types[1] = ir::Type::tensor(DType::boolean, {});
    carry(2, inputs.size() - 2 - captures);
    return types;
  }
  const size_t scans = static_cast<size_t>(node.attributes.integer("num_scan_inputs"));
  const size_t states = inputs.size() - captures - scans;
  carry(0, states);
  const std::vector<int64_t> axes = node.attributes.integers("scan_input_axes", std::vector<int64_t>(scans, 0));
  for (size_t i = 0; i < scans; ++i) {
    std::optional<ir::Dims>& dims = types[states + i].dims;
    const int axis = dims ? normalized_axis(axes[i], static_cast<int>(dims->size())) : -1;
    if (axis >= 0)
      dims->erase(dims->begin() + axis);
    else
      dims = std::nullopt;
  }
  return types;
}

}  // namespace vivace::ops
