#include "backends/cpu/prologue.h"

#include <algorithm>

#include "ops/pointwise_nodes.h"

namespace vivace::cpu {

namespace {

// Input 0 of the program times one input and plus another, clipped at 0; -1: it is something else.
struct Factors {
  int image = -1, scale = -1, shift = -1;
};
Factors factors_of(const PointwiseProgram& program) {
  const std::vector<PointwiseInstruction>& steps = program.instructions;
  if (program.inputs != 3 || steps.size() != 3 || steps[0].op != PointwiseOp::mul || steps[1].op != PointwiseOp::add ||
      steps[2].op != PointwiseOp::relu || steps[2].operand[0] != 4)
    return {};
  const int product = 3, *sum = steps[1].operand, *factors = steps[0].operand;
  const int shift = sum[0] == product ? sum[1] : sum[1] == product ? sum[0] : -1;
  if (shift < 0 || shift >= product || factors[0] >= product || factors[1] >= product) return {};
  return {factors[0], factors[1], shift};
}

bool is_one_per_channel(const ir::Value* v, int64_t channels) {
  return v->is_constant() && v->constant().count() == channels;
}

// Of one tap, one group, no padding, all constants known.
bool reads_single_pixels(const ir::Node& conv, bool strided) {
  if ((conv.op != "Conv" && conv.op != "vivace.FusedConv") || conv.attributes.integer("group", 1) != 1) return false;
  if (!conv.output()->type.channel_block || !conv.input(0)->type.channel_block || !conv.input(1)->is_constant())
    return false;
  if (conv.input(2) && !conv.input(2)->is_constant()) return false;
  const Shape& w = conv.input(1)->constant().shape();
  const std::vector<int64_t> pads = conv.attributes.integers("pads"), strides = conv.attributes.integers("strides");
  if (!strided && std::count(strides.begin(), strides.end(), 1) != std::ssize(strides)) return false;
  return w.size() == 4 && w[2] == 1 && w[3] == 1 && std::count(pads.begin(), pads.end(), 0) == std::ssize(pads);
}

}  // namespace

void fold_prologues(ir::Graph& graph, bool strided) {
  for (ir::Node* node : graph.node_list()) {
    if (!reads_single_pixels(*node, strided)) continue;
    const ir::Node* const before = node->input(0)->producer();
    if (!before || !node->input(0)->single_use()) continue;
    const auto program = ops::pointwise_program_of(*before);
    if (!program || before->inputs().size() != 3) continue;
    Factors at = factors_of(*program);
    if (at.image < 0) continue;
    const int64_t channels = (*node->input(0)->type.dims)[1].value();
    ir::Value* image = before->input(static_cast<size_t>(at.image));
    if (image->is_constant()) {
      std::swap(at.image, at.scale);
      image = before->input(static_cast<size_t>(at.image));
    }
    const ir::Value* const scale = before->input(static_cast<size_t>(at.scale));
    const ir::Value* const shift = before->input(static_cast<size_t>(at.shift));
    const ir::Dims &from = *image->type.dims, &to = *node->input(0)->type.dims;
    const bool whole =
        image->type.channel_block && from.size() == to.size() &&
        std::equal(from.begin(), from.end(), to.begin(), [](const auto& a, const auto& b) { return a.same(b); });
    if (!whole || !is_one_per_channel(scale, channels) || !is_one_per_channel(shift, channels)) continue;
    std::vector<ir::Value*> inputs = {image, node->input(1), node->input(2), node->input(3)};
    for (const ir::Value* factor : {scale, shift})
      inputs.push_back(graph.add_constant(factor->constant().reshaped({channels}), factor->name));
    ir::Node* const made = graph.add_node("vivace.ScaledConv", std::move(inputs), 1, node->attributes,
                                          before->name.empty() ? node->name : before->name + "+" + node->name, node);
    made->output()->name = node->output()->name;
    made->output()->type = node->output()->type;
    graph.replace_uses(node->output(), made->output());
  }
  graph.erase_unused();
}

}  // namespace vivace::cpu
