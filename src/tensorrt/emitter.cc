#include "tensorrt/emitter.h"

#include "ops/operator.h"
#include "tensorrt/layer.h"
#include "tensorrt/network.h"

namespace vivace::tensorrt {

Result<ir::Value*> Emitter::value(NetworkTensor& tensor) {
  if (const auto found = values_.find(&tensor); found != values_.end()) return found->second;
  if (outer_ && (!tensor.producer || !inside_(*tensor.producer))) {
    VIVACE_ASSIGN(ir::Value* const outside, outer_->value(tensor));
    ir::Value* const inner = &graph_ == &outer_->graph_ ? outside : capture(outside);
    bind(tensor, inner);
    return inner;
  }
  if (!tensor.producer)
    return Status(Code::invalid_argument, "tensor '" + tensor.name + "' is an input that was removed from the network");
  VIVACE_TRY(emit(*tensor.producer));
  const auto made = values_.find(&tensor);
  if (made == values_.end())
    return Status(Code::invalid_argument, tensor.producer->describe() + " makes no value for '" + tensor.name + "'");
  return made->second;
}

ir::Value* Emitter::capture(ir::Value* outer_value) {
  if (outer_value->is_constant()) {
    ir::Value*& copy = constants_[outer_value];
    if (!copy) copy = graph_.add_constant(outer_value->constant(), outer_value->name);
    return copy;
  }
  ir::Value*& inner = captured_[outer_value];
  if (!inner) {
    inner = graph_.add_input("outer:" + std::to_string(captures_.size()), outer_value->type);
    inner->known = outer_value->known;
    captures_.push_back(outer_value);
  }
  return inner;
}

ir::Value* Emitter::constant(const ir::Value& of) {
  ir::Value*& copy = constants_[&of];
  if (!copy) copy = graph_.add_constant(of.constant(), of.name);
  return copy;
}

Status Emitter::emit(Layer& layer) {
  if (const auto found = done_.find(&layer); found != done_.end()) return found->second;
  done_[&layer] = Status(Code::invalid_argument, layer.describe() + " depends on itself");
  Build build(*this, layer);
  for (NetworkTensor* input : layer.dependencies()) {
    if (!input || !build.ok()) continue;
    Result<ir::Value*> made = value(*input);
    if (!made.ok()) build.fail(made.status());
  }
  if (build.ok() && layer.source)
    emit_source(build);
  else if (build.ok())
    layer.emit(build);
  for (size_t i = 0; build.ok() && i < layer.outputs.size(); ++i) {
    const auto made = values_.find(layer.outputs[i].get());
    if (made == values_.end() || !layer.output_types[i]) continue;
    // A float stays what the layers around it take; an output of the network is cast where it is bound.
    if (layer.network.only_rounds(made->second->type.dtype, *layer.output_types[i])) continue;
    build.out(build.cast(made->second, *layer.output_types[i]), i);
  }
  return done_[&layer] = build.status();
}

void Build::fail(const std::string& what) { fail(Status(Code::invalid_argument, layer.describe() + ": " + what)); }
void Build::fail(Status status) {
  if (ok()) status_ = std::move(status);
}

int Build::batch() const { return layer.network.implicit_batch() ? 1 : 0; }

bool Build::has(size_t i) const { return i < layer.inputs.size() && layer.inputs[i]; }

ir::Value* Build::in(size_t i) {
  if (!ok()) return nullptr;
  if (!has(i)) {
    fail("input " + std::to_string(i) + " is missing");
    return nullptr;
  }
  Result<ir::Value*> made = emitter.value(*layer.inputs[i]);
  if (made.ok()) return *made;
  fail(made.status());
  return nullptr;
}

int Build::rank(const ir::Value* value) {
  if (!ok() || !value) return 0;
  if (!value->type.dims) fail("the number of dimensions of '" + value->name + "' must be known");
  return std::max(0, value->type.rank());
}

ir::Dims Build::dims(const ir::Value* value) {
  rank(value);
  return ok() && value ? *value->type.dims : ir::Dims();
}

ir::Value* Build::add(std::string op, std::vector<ir::Value*> inputs, ir::Attributes attributes, int outputs) {
  if (!ok()) return nullptr;
  while (!inputs.empty() && !inputs.back()) inputs.pop_back();
  last_ = emitter.graph().add_node(std::move(op), std::move(inputs), outputs, std::move(attributes), layer.name);
  for (int i = 0; i < outputs; ++i) last_->output(static_cast<size_t>(i))->name = layer.name;
  if (Status status = ops::infer_node(*last_); !status.ok()) {
    emitter.graph().erase(last_);
    last_ = nullptr;
    fail(status.within(layer.describe()));
    return nullptr;
  }
  return last_->output();
}

void Build::out(ir::Value* value, size_t i) {
  if (!ok() || !value || i >= layer.outputs.size()) return;
  emitter.bind(*layer.outputs[i], value);
}

ir::Value* Build::constant(vivace::Tensor tensor) {
  if (!ok()) return nullptr;
  if (!tensor.valid()) {
    fail(Status(Code::out_of_memory, layer.describe() + ": no memory for a constant"));
    return nullptr;
  }
  return emitter.graph().add_constant(std::move(tensor), layer.name);
}

ir::Value* Build::real(double value, const ir::Value* like) {
  ir::Value* const made = constant(vivace::Tensor::scalar(static_cast<float>(value)));
  return ok() ? cast_like(made, like) : nullptr;
}

ir::Value* Build::weights(const nvinfer1::Weights& weights, Shape shape, const ir::Value* like, const char* what) {
  if (!ok() || weights.count == 0) return nullptr;
  const DType type = to_dtype(weights.type);
  const std::optional<int64_t> count = checked_elements(shape);
  if (!weights.values || type == DType::undefined || count != weights.count) {
    fail(std::string(what) + " has " + std::to_string(weights.count) + " elements" +
         (weights.values ? "" : " and no memory") + "; its shape is " + vivace::to_string(shape));
    return nullptr;
  }
  // The client keeps the memory until the engine is built.
  ir::Value* const made =
      constant(vivace::Tensor::wrap(type, std::move(shape), const_cast<void*>(weights.values), nullptr));
  if (made) made->name = layer.network.weights_name(weights.values);  // without one, after the layer and the role
  return cast_like(made, like);
}

ir::Value* Build::cast(ir::Value* value, DType type) {
  if (!ok() || !value || value->type.dtype == type) return value;
  return add("Cast", {value}, {{"to", static_cast<int64_t>(type)}});
}

ir::Value* Build::transpose(ir::Value* value, std::vector<int64_t> order) {
  bool moves = false;
  for (size_t i = 0; i < order.size(); ++i) moves |= order[i] != static_cast<int64_t>(i);
  return moves ? add("Transpose", {value}, {{"perm", std::move(order)}}) : value;
}

ir::Value* Build::reshape(ir::Value* value, std::vector<int64_t> shape) { return add("Reshape", {value, ints(shape)}); }

ir::Value* Build::shape(ir::Value* value) {
  if (!ok()) return nullptr;
  if (const std::optional<Shape> known = value->type.shape()) return ints(*known);
  return add("Shape", {value});
}

ir::Value* Build::dim(ir::Value* value, int64_t axis) {
  if (!ok()) return nullptr;
  return add("Shape", {value}, {{"start", axis}, {"end", axis + 1}});
}

}  // namespace vivace::tensorrt
