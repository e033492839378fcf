#include "backends/cuda/channels.h"

#include <algorithm>

#include "backends/cpu/layouts.h"

namespace vivace::cuda {

namespace {

bool is_of_channels(const ir::Node& node) {
  const int64_t axis = node.attributes.integer("axis");
  return axis == 1 || axis == -3;
}

// The node that makes `v` for one user alone, if it is of this operator.
ir::Node* sole_maker(const ir::Value* v, std::string_view op) {
  ir::Node* const node = v ? v->producer() : nullptr;
  return node && node->op == op && v->single_use() ? node : nullptr;
}

// How many groups of channels the Reshape at the end of a shuffle takes turns through, and the image before it.
struct Shuffle {
  ir::Value* image = nullptr;
  int64_t groups = 0;
};
Shuffle shuffle_before(const ir::Node& last, DType type) {
  if (last.op != "Reshape" || !cpu::is_image(last.output(), type)) return {};
  const ir::Node* const turn = sole_maker(last.input(0), "Transpose");
  if (!turn || turn->attributes.integers("perm") != std::vector<int64_t>{0, 2, 1, 3, 4}) return {};
  const ir::Node* const first = sole_maker(turn->input(0), "Reshape");
  if (!first || !cpu::is_image(first->input(0), type)) return {};
  const ir::Dims &in = *first->input(0)->type.dims, &apart = *turn->input(0)->type.dims,
                 &out = *last.output()->type.dims;
  for (const size_t d : {size_t{0}, size_t{1}, size_t{2}, size_t{3}})
    if (!in[d].same(out[d])) return {};
  const bool fits = apart[0].same(in[0]) && apart[1].known() && apart[2].known() && apart[3].same(in[2]) &&
                    apart[4].same(in[3]) && apart[1].value() * apart[2].value() == in[1].value();
  return fits ? Shuffle{first->input(0), apart[1].value()} : Shuffle{};
}

}  // namespace

void merge_channel_moves(ir::Graph& graph, DType type) {
  const auto is_image = [type](const ir::Value* v) { return cpu::is_image(v, type); };
  const auto channels = [](const ir::Value* v) { return (*v->type.dims)[1].value(); };
  for (ir::Node* node : graph.node_list()) {
    const Shuffle shuffle = shuffle_before(*node, type);
    if (!shuffle.image || shuffle.groups <= 0) continue;
    std::vector<ir::Value*> inputs = {shuffle.image};
    if (const ir::Node* whole = sole_maker(shuffle.image, "Concat");
        whole && is_of_channels(*whole) && std::all_of(whole->inputs().begin(), whole->inputs().end(), is_image))
      inputs = whole->inputs();
    std::vector<ir::Value*> outputs = {node->output()};
    if (node->output()->single_use()) {
      const ir::Node& user = *node->output()->uses()[0].node;
      if (user.op == "Split" && is_of_channels(user) &&
          std::all_of(user.outputs().begin(), user.outputs().end(), is_image))
        outputs = user.outputs();
    }
    const int64_t all = channels(shuffle.image), each = all / shuffle.groups;
    std::vector<int64_t> from(static_cast<size_t>(all)), sizes;
    for (int64_t c = 0; c < all; ++c) from[static_cast<size_t>(c)] = c % shuffle.groups * each + c / shuffle.groups;
    for (const ir::Value* v : outputs) sizes.push_back(channels(v));
    ir::Node* const made = graph.add_node("vivace.MoveChannels", inputs, static_cast<int>(outputs.size()),
                                          {{"from", from}, {"sizes", sizes}}, node->name, node);
    for (size_t i = 0; i < outputs.size(); ++i) {
      made->output(i)->name = outputs[i]->name;
      made->output(i)->type = outputs[i]->type;
      graph.replace_uses(outputs[i], made->output(i));
    }
  }
  graph.erase_unused();
}

}  // namespace vivace::cuda
