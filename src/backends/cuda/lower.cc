#include "backends/cuda/lower.h"

#include <algorithm>

#include "backends/cpu/layouts.h"

namespace vivace::cuda {

namespace {

bool is_of_channels(const ir::Node& node) {
  const int64_t axis = node.attributes.integer("axis");
  return axis == 1 || axis == -3;
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
  return cpu::assign_layouts(graph, policy);
}

}  // namespace vivace::cuda
