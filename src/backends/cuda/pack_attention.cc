#include "backends/cuda/pack_attention.h"

#include <algorithm>

namespace vivace::cuda {

namespace {

// Columns of a tensor of 3 dimensions.
struct Columns {
  ir::Value* source = nullptr;
  int64_t begin = 0, size = 0;
};

Columns columns_of(ir::Value* v) {
  if (v->type.rank() != 3 || !(*v->type.dims)[2].known()) return {};
  const Columns own{v, 0, (*v->type.dims)[2].value()};
  const ir::Node* const split = v->producer();
  if (!split || split->op != "Split" || split->input(0)->type.rank() != 3 || !(*split->input(0)->type.dims)[2].known())
    return own;
  if (const int64_t axis = split->attributes.integer("axis"); axis != 2 && axis != -1) return own;
  Columns columns{split->input(0), 0, own.size};
  for (const ir::Value* part : split->outputs()) {
    if (part == v) return columns;
    if (!part->type.dims || !(*part->type.dims)[2].known()) return own;
    columns.begin += (*part->type.dims)[2].value();
  }
  return own;
}

}  // namespace

void pack_attention(ir::Graph& graph) {
  for (ir::Node* node : graph.node_list()) {
    if (node->op != "Attention" || node->inputs().size() > 4 || node->outputs().size() != 1) continue;
    std::vector<ir::Value*> inputs;
    std::vector<int64_t> sources, begins, sizes;
    bool packed = false;
    for (size_t i = 0; i < 3; ++i) {
      const Columns columns = columns_of(node->input(i));
      if (!columns.source) break;
      packed = packed || columns.source != node->input(i);
      const auto at = std::find(inputs.begin(), inputs.end(), columns.source);
      sources.push_back(at - inputs.begin());
      if (at == inputs.end()) inputs.push_back(columns.source);
      begins.push_back(columns.begin);
      sizes.push_back(columns.size);
    }
    if (!packed || sources.size() != 3) continue;
    if (ir::Value* mask = node->input(3)) inputs.push_back(mask);
    ir::Attributes attributes = node->attributes;
    attributes["sources"] = sources;
    attributes["begins"] = begins;
    attributes["sizes"] = sizes;
    ir::Node* const made =
        graph.add_node("vivace.PackedAttention", std::move(inputs), 1, std::move(attributes), node->name, node);
    made->output()->name = node->output()->name;
    made->output()->type = node->output()->type;
    graph.replace_uses(node->output(), made->output());
  }
  graph.erase_unused();
}

}  // namespace vivace::cuda
