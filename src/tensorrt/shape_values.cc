#include "tensorrt/shape_values.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace vivace::tensorrt {

namespace {

struct Row {
  std::string_view op;
  std::initializer_list<size_t> inputs;
};
const Row kShapeInputs[] = {
    {"Reshape", {1}},
    {"Expand", {1}},
    {"Slice", {1, 2, 3, 4}},
    {"Resize", {1, 2, 3}},
    {"ConstantOfShape", {0}},
    {"Range", {0, 1, 2}},
    {"Tile", {1}},
    {"Pad", {1, 3}},
    {"Unsqueeze", {1}},
    {"Squeeze", {1}},
    {"TopK", {1}},
    {"OneHot", {1}},
    {"Split", {1}},
    {"CenterCropPad", {1}},
    {"Loop", {0}},
    {"ReduceSum", {1}},
    {"ReduceMean", {1}},
    {"ReduceMax", {1}},
    {"ReduceMin", {1}},
    {"ReduceProd", {1}},
    {"CumSum", {1}},
    {"AffineGrid", {1}},
    {"NonMaxSuppression", {2}},
};

}  // namespace

std::unordered_set<const ir::Value*> shape_values_of(const ir::Graph& graph) {
  std::unordered_set<const ir::Value*> found;
  std::vector<const ir::Value*> open;
  const auto take = [&](const ir::Value* value) {
    if (value && value->type.dims && value->type.rank() <= 1 && found.insert(value).second) open.push_back(value);
  };
  for (const auto& node : graph.nodes()) {
    // The dimensions of a tensor are a shape tensor whoever uses them.
    if (node->op == "Shape" || node->op == "Size") take(node->output());
    for (const Row& row : kShapeInputs)
      if (row.op == node->op)
        for (const size_t i : row.inputs) take(node->input(i));
  }
  // And what is computed from nothing else.
  for (const auto& node : graph.nodes()) {
    if (node->inputs().empty() || node->outputs().size() != 1) continue;
    const auto own = [&](const ir::Value* input) { return !input || input->is_constant() || found.contains(input); };
    const bool from_shapes = std::any_of(node->inputs().begin(), node->inputs().end(),
                                         [&](const ir::Value* input) { return input && found.contains(input); });
    const DType type = node->output()->type.dtype;
    if (from_shapes && (is_integer(type) || type == DType::boolean) &&
        std::all_of(node->inputs().begin(), node->inputs().end(), own))
      take(node->output());
  }
  while (!open.empty()) {
    const ir::Node* const producer = open.back()->producer();
    open.pop_back();
    if (!producer || producer->op == "Shape" || producer->op == "Size") continue;
    for (const ir::Value* input : producer->inputs()) take(input);
  }
  return found;
}

}  // namespace vivace::tensorrt
