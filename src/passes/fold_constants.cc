// Values that are known before the model runs.
#include <algorithm>

#include "ops/operator.h"
#include "ops/random.h"
#include "passes/constants.h"
#include "passes/rules.h"

namespace vivace::passes {

namespace {

bool has_subgraph(const ir::Node& node) {
  return std::any_of(node.attributes.begin(), node.attributes.end(), [](const auto& entry) {
    return std::holds_alternative<std::shared_ptr<ir::Graph>>(entry.second);
  });
}

// What the node makes is no larger than what it is made from, or than the limit (Expand, Tile, ConstantOfShape).
bool small_enough(const ir::Node& node, int64_t limit) {
  int64_t from = 0, made = 0;
  for (const ir::Value* input : node.inputs())
    if (input) from += static_cast<int64_t>(input->constant().bytes());
  for (const ir::Value* output : node.outputs()) {
    const std::optional<Shape> shape = output->type.shape();
    if (output->type.kind != ir::Kind::tensor) return false;
    if (!shape) {  // depends on the data (NonZero): a few times the input at most
      if (from > limit) return false;
      continue;
    }
    const std::optional<int64_t> count = checked_elements(*shape);
    if (!count || *count > (int64_t{1} << 40)) return false;
    made += static_cast<int64_t>(byte_size(output->type.dtype, *count));
  }
  return made <= std::max(from, limit);
}

}  // namespace

Result<int> fold_constants(ir::Graph& graph, PassContext& context) {
  int changes = 0;
  for (auto at = graph.nodes().begin(); at != graph.nodes().end();) {
    ir::Node* node = (at++)->get();
    const bool constant = std::all_of(node->inputs().begin(), node->inputs().end(),
                                      [](const ir::Value* v) { return !v || v->is_constant(); });
    if (!constant || ops::draws_numbers(*node) || has_subgraph(*node) || !small_enough(*node, context.options.fold_limit))
      continue;
    std::vector<Tensor> inputs;
    for (const ir::Value* input : node->inputs()) inputs.push_back(input ? input->constant() : Tensor());
    Result<std::vector<Tensor>> made = ops::run_reference(*node, inputs, context.options.pool);
    if (!made.ok()) continue;  // the model fails there when it runs, if it comes there
    bool all = true;
    for (size_t i = 0; i < made->size(); ++i)  // lists are no constants
      all = all && (node->outputs()[i]->unused() || ((*made)[i].valid() && (*made)[i].type() != DType::list));
    if (!all) continue;
    for (size_t i = 0; i < made->size(); ++i) {
      ir::Value* output = node->outputs()[i];
      if (output->unused()) continue;
      graph.replace_uses(output, graph.add_constant(std::move((*made)[i]), output->name));
    }
    erase_dead(graph, node);
    ++changes;
  }
  return changes;
}

namespace {

// A constant with the elements that inference found.
Tensor tensor_of_known(const ir::Value& value) {
  const std::optional<Shape> shape = value.type.shape();
  if (!value.known || !shape || !is_integer(value.type.dtype)) return {};
  const std::optional<Shape> numbers = ir::to_shape(*value.known);
  if (!numbers || static_cast<int64_t>(numbers->size()) != elements(*shape)) return {};
  Result<Tensor> made = Tensor::allocate(value.type.dtype, *shape);
  if (!made.ok()) return {};
  visit_dtype<int64_t, int32_t, int16_t, int8_t, uint64_t, uint32_t, uint16_t, uint8_t>(
      value.type.dtype, [&]<class T>() {
        std::transform(numbers->begin(), numbers->end(), made->as<T>(), [](int64_t n) { return static_cast<T>(n); });
      });
  return *std::move(made);
}

// Reshape to a shape that is computed, or says 0 or -1 where a number is known: a constant shape where one says it.
bool fold_reshape(ir::Graph& graph, ir::Node& node) {
  if (node.op != "Reshape" || !node.input(1) || !node.input(0)->type.dims || !node.output()->type.dims) return false;
  const auto shape = reshape_shape(*node.input(0)->type.dims, *node.output()->type.dims);
  if (!shape || constant_ints(node.input(1)) == shape) return false;
  ir::Value* old = node.input(1);
  graph.set_input(&node, 1, graph.add_constant(Tensor::of(*shape)));
  node.attributes.erase("allowzero");
  if (old->is_constant()) graph.remove_unused_constant(old);
  return true;
}

}  // namespace

Result<int> fold_shapes(ir::Graph& graph, PassContext&) {
  int changes = 0;
  for (ir::Node* node : graph.node_list()) {
    changes += fold_reshape(graph, *node);
    for (ir::Value* output : node->outputs()) {
      if (output->unused()) continue;
      Tensor tensor = tensor_of_known(*output);
      if (!tensor.valid()) continue;
      graph.replace_uses(output, graph.add_constant(std::move(tensor), output->name));
      ++changes;
    }
  }
  if (changes > 0) graph.erase_unused();
  return changes;
}

}  // namespace vivace::passes
