#include "backends/cuda/lower.h"

#include <algorithm>

#include "backends/cpu/layouts.h"

namespace vivace::cuda {

namespace {

bool is_of_channels(const ir::Node& node) {
  const int64_t axis = node.attributes.integer("axis");
  return axis == 1 || axis == -3;
}

bool is_converted(const ir::Value* v) {
  return v->type.dtype == DType::f32 || v->type.dtype == DType::f16 || v->type.dtype == DType::bf16;
}

// A Cast before a Reorder or behind it becomes part of it: one kernel, which reads and writes once.
void merge_casts(ir::Graph& graph) {
  for (ir::Node* node : graph.node_list()) {
    const ir::Node* const before = node->input(0) ? node->input(0)->producer() : nullptr;
    if (!before) continue;
    if (node->op == "vivace.Reorder" && before->op == "Cast" && is_converted(before->input(0))) {
      node->attributes["to"] = static_cast<int64_t>(node->output()->type.dtype);
      graph.set_input(node, 0, before->input(0));
    } else if (node->op == "Cast" && before->op == "vivace.Reorder" && !before->output()->type.channel_block &&
               is_converted(node->output())) {
      ir::Value* const result = node->output();
      ir::Node* const made = graph.add_node(
          "vivace.Reorder", {before->input(0)}, 1,
          {{"channel_block", int64_t{0}}, {"to", static_cast<int64_t>(result->type.dtype)}}, node->name, node);
      made->output()->name = result->name;
      made->output()->type = result->type;
      graph.replace_uses(result, made->output());
    }
  }
  graph.erase_unused();
}

}  // namespace

Status lower(ir::Graph& graph, DType type) {
  if (type == DType::f32) return {};
  cpu::LayoutPolicy policy;
  policy.type = type;
  policy.block = [](int64_t channels) {
    return static_cast<int>((channels + kChannelUnit - 1) / kChannelUnit * kChannelUnit);
  };
  policy.joins = [](int64_t) { return true; };
  policy.follows = [type](const ir::Node& node) {
    const auto image = [&](const ir::Value* v) { return cpu::is_image(v, type); };
    if (!image(node.input(0)) || !std::all_of(node.outputs().begin(), node.outputs().end(), image)) return false;
    if (node.op == "Resize") return (*node.input(0)->type.dims)[1].same((*node.output()->type.dims)[1]);
    return node.op == "GlobalMaxPool" || (node.op == "Split" && is_of_channels(node));
  };
  VIVACE_TRY(cpu::assign_layouts(graph, policy));
  merge_casts(graph);
  return ir::verify(graph);
}

}  // namespace vivace::cuda
