#include "backends/cpu/shapes.h"

#include <algorithm>

#include "ops/operator.h"
#include "ops/random.h"

namespace vivace::cpu {

namespace {

// Values larger than this are computed in each run rather than kept with every instance.
constexpr int64_t kLargestKeptValue = int64_t{1} << 22;

constexpr int64_t kMostParameters = 16;

size_t index(const ir::Value* v) { return static_cast<size_t>(v->id()); }

// An integer tensor of rank 0 or 1 from its elements, if all are numbers.
std::optional<Tensor> tensor_of(const ir::Type& type, const ir::Dims& elements) {
  const std::optional<Shape> numbers = ir::to_shape(elements), shape = type.shape();
  if (!numbers || !shape || vivace::elements(*shape) != static_cast<int64_t>(numbers->size())) return std::nullopt;
  if (type.dtype == DType::i64) return Tensor::of<int64_t>(*numbers, *shape);
  if (type.dtype == DType::i32)
    return Tensor::of<int32_t>(std::vector<int32_t>(numbers->begin(), numbers->end()), *shape);
  return std::nullopt;
}

bool depends_on_more_than_inputs(const ir::Node& node) {
  for (const auto& [name, attribute] : node.attributes)
    if (std::holds_alternative<std::shared_ptr<ir::Graph>>(attribute)) return true;
  return ops::draws_numbers(node);
}

}  // namespace

bool ConcreteGraph::settled(const ir::Node& node) const {
  return std::all_of(node.outputs().begin(), node.outputs().end(),
                     [&](const ir::Value* v) { return v->unused() || value(v); });
}

bool ConcreteGraph::concrete(const ir::Node& node) const {
  const auto has_type = [&](const ir::Value* v) { return !v || type(v); };
  return std::all_of(node.inputs().begin(), node.inputs().end(), has_type) &&
         std::all_of(node.outputs().begin(), node.outputs().end(), [&](const ir::Value* v) { return has_type(v); });
}

Result<ConcreteGraph> concretize(const ir::Graph& graph, const std::vector<Shape>& inputs) {
  ConcreteGraph at;
  at.types.resize(static_cast<size_t>(graph.value_id_limit()));
  at.values.resize(at.types.size());
  for (const ir::Value* v : graph.values()) {
    if (!v->is_constant()) continue;
    at.types[index(v)] = v->type;
    at.values[index(v)] = v->constant();
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    ir::Type type = graph.inputs()[i]->type;
    if (type.is_list()) continue;  // what is in it is known only while running
    type.dims = ir::to_dims(inputs[i]);
    at.types[index(graph.inputs()[i])] = std::move(type);
  }
  for (const auto& node : graph.nodes()) {
    ops::Inference in(*node);
    bool all_known = !node->inputs().empty();
    bool all_typed = true;
    for (size_t i = 0; i < in.types.size(); ++i) {
      const ir::Value* v = node->inputs()[i];
      if (!v) continue;
      ir::Type type = at.type(v) ? *at.type(v) : v->type;
      type.channel_block = 0;  // inference sees logical shapes
      in.set_input(i, std::move(type), at.value(v));
      all_typed = all_typed && at.type(v);
      all_known = all_known && at.value(v);
    }
    VIVACE_TRY(ops::infer(in));
    int64_t size = 0;
    bool shapes_known = true;
    for (size_t i = 0; i < node->outputs().size(); ++i) {
      const ir::Value* v = node->outputs()[i];
      if (!in.outputs[i].shape()) {
        shapes_known = shapes_known && in.outputs[i].dtype == DType::undefined && v->unused();
        continue;
      }
      const std::optional<int64_t> count = checked_elements(*in.outputs[i].shape());
      if (!count)
        return Status(Code::shape_mismatch, node->describe() + ": output of shape " +
                                                vivace::to_string(*in.outputs[i].shape()) + " is too large to hold");
      size += *count;
      at.types[index(v)] = in.outputs[i];
      at.types[index(v)]->channel_block = v->type.channel_block;
      if (in.output_knowns[i])
        if (auto tensor = tensor_of(in.outputs[i], *in.output_knowns[i])) at.values[index(v)] = std::move(*tensor);
    }
    if (!all_known || !all_typed || !shapes_known || size > kLargestKeptValue || depends_on_more_than_inputs(*node))
      continue;
    std::vector<Tensor> arguments;
    for (const ir::Value* v : node->inputs()) arguments.push_back(v ? at.values[index(v)] : Tensor());
    VIVACE_ASSIGN(std::vector<Tensor> made, ops::run_reference(*node, arguments));
    for (size_t i = 0; i < made.size(); ++i)
      if (made[i].valid()) at.values[index(node->outputs()[i])] = std::move(made[i]);
  }
  return at;
}

Problem problem_of(const ir::Node& node, const ConcreteGraph& at) {
  const auto info = [&](const ir::Value* v) {
    TensorInfo tensor;
    const ir::Type* type = v ? at.type(v) : nullptr;
    if (!type) return tensor;
    tensor.type = type->dtype;
    tensor.shape = *type->shape();
    tensor.channel_block = type->channel_block;
    // Parameters that follow from the shapes (sizes, axes) are as good as constants at these shapes.
    const Tensor* value = at.value(v);
    tensor.constant = v->is_constant() ? &v->constant() : value && value->count() <= kMostParameters ? value : nullptr;
    return tensor;
  };
  Problem problem;
  problem.node = &node;
  for (const ir::Value* v : node.inputs()) problem.inputs.push_back(info(v));
  for (const ir::Value* v : node.outputs()) problem.outputs.push_back(info(v));
  return problem;
}

}  // namespace vivace::cpu
