#include "backends/cpu/layouts.h"

#include <algorithm>
#include <unordered_map>

#include "backends/cpu/tactic.h"
#include "ops/pointwise_nodes.h"

namespace vivace::cpu {

bool is_image(const ir::Value* v, DType type) {
  if (!v || v->type.dtype != type || v->type.rank() != 4) return false;
  // A dimension without even a name depends on data; such parts run row-major, by their reference kernels.
  for (const ir::Dim& d : *v->type.dims)
    if (!d.known() && d.symbol().empty()) return false;
  return (*v->type.dims)[1].known();
}

namespace {

int64_t channels(const ir::Value* v) { return (*v->type.dims)[1].value(); }

bool is_convolution(const ir::Node& node, DType type) {
  static constexpr std::string_view kOperators[] = {"Conv", "vivace.FusedConv", "vivace.SqueezeExcite",
                                                    "vivace.InvertedResidual", "vivace.PooledConv"};
  if (std::find(std::begin(kOperators), std::end(kOperators), node.op) == std::end(kOperators)) return false;
  const ir::Value* weights = node.input(1);
  return is_image(node.input(0), type) && is_image(node.output(), type) && weights->is_constant() &&
         (!node.input(2) || node.input(2)->is_constant());
}

bool is_pooling(const ir::Node& node, DType type) {
  static constexpr std::string_view kOperators[] = {"MaxPool", "AveragePool", "GlobalAveragePool"};
  if (std::find(std::begin(kOperators), std::end(kOperators), node.op) == std::end(kOperators)) return false;
  return is_image(node.input(0), type) && is_image(node.output(), type) &&
         (node.outputs().size() == 1 || node.output(1)->unused());
}

bool same_dims(const ir::Value* a, const ir::Value* b) {
  return std::equal(a->type.dims->begin(), a->type.dims->end(), b->type.dims->begin(), b->type.dims->end(),
                    [](const ir::Dim& x, const ir::Dim& y) { return x.same(y); });
}

// How a blocked pointwise operation can take an operand.
enum class Operand { impossible, constant, blocked };

Operand operand_kind(const ir::Value* v, const ir::Value* out, DType type) {
  if (v->type.dtype != type || !v->type.dims) return Operand::impossible;
  const ir::Dims& dims = *v->type.dims;
  if (v->is_constant()) {
    if (v->constant().count() == 1) return Operand::constant;
    const int channel_axis = v->type.rank() - 3;  // [C,1,1] or [1,C,1,1]
    if (channel_axis < 0 || channel_axis > 1 || v->constant().count() != channels(out)) return Operand::impossible;
    return dims[static_cast<size_t>(channel_axis)].is(channels(out)) ? Operand::constant : Operand::impossible;
  }
  if (!is_image(v, type)) return Operand::impossible;
  if (same_dims(v, out)) return Operand::blocked;
  const bool per_channel =
      dims[0].same((*out->type.dims)[0]) && dims[1].same((*out->type.dims)[1]) && dims[2].is(1) && dims[3].is(1);
  return per_channel ? Operand::blocked : Operand::impossible;
}

bool is_pointwise(const ir::Node& node, DType type) {
  if (!is_image(node.output(), type) || !ops::pointwise_program_of(node)) return false;
  return std::all_of(node.inputs().begin(), node.inputs().end(), [&](const ir::Value* v) {
    return v && operand_kind(v, node.output(), type) != Operand::impossible;
  });
}

bool is_channel_concatenation(const ir::Node& node, const LayoutPolicy& policy) {
  if (node.op != "Concat" || !is_image(node.output(), policy.type)) return false;
  const int64_t axis = node.attributes.integer("axis");
  return (axis == 1 || axis == -3) && std::all_of(node.inputs().begin(), node.inputs().end(), [&](const ir::Value* v) {
           return is_image(v, policy.type) && policy.joins(channels(v));
         });
}

class Layouts {
 public:
  Layouts(ir::Graph& graph, const LayoutPolicy& policy) : graph_(graph), policy_(policy) {}

  /// `v` in the layout wanted, for a node that stands before `user`.
  ir::Value* in_layout(ir::Value* v, int block, ir::Node* user) {
    if (v->type.channel_block == block) return v;
    auto& known = block ? blocked_ : plain_;
    if (const auto at = known.find(v); at != known.end()) return at->second;
    ir::Node* reorder = graph_.add_node("vivace.Reorder", {v}, 1, {{"channel_block", int64_t{block}}},
                                        v->name + (block ? ".blocked" : ".plain"), user);
    ir::Value* made = reorder->output();
    made->name = reorder->name;
    made->type = v->type;
    made->type.channel_block = block;
    known[v] = made;
    (block ? plain_ : blocked_)[made] = v;
    return made;
  }

  bool available_blocked(ir::Value* v) const { return v->type.channel_block || blocked_.contains(v); }

  void run_blocked(ir::Node* node) {
    for (size_t i = 0; i < node->inputs().size(); ++i) {
      ir::Value* v = node->input(i);
      if (!v || v->is_constant() || v->type.rank() != 4) continue;
      const bool stem = i == 0 && is_convolution(*node, policy_.type) && channels(v) < policy_.few_channels &&
                        !v->type.channel_block && node->attributes.integer("group", 1) == 1;
      if (!stem) graph_.set_input(node, i, in_layout(v, policy_.block(channels(v)), node));
    }
    for (ir::Value* v : node->outputs())
      if (is_image(v, policy_.type)) v->type.channel_block = policy_.block(channels(v));
  }

  void run_plain(ir::Node* node) {
    for (size_t i = 0; i < node->inputs().size(); ++i)
      if (ir::Value* v = node->input(i); v && v->type.channel_block) graph_.set_input(node, i, in_layout(v, 0, node));
  }

  bool wants_blocked(const ir::Node& node) const {
    if (is_convolution(node, policy_.type)) return true;
    // The others follow their inputs: blocked where all that are images are so already.
    if (!is_pooling(node, policy_.type) && !is_pointwise(node, policy_.type) &&
        !is_channel_concatenation(node, policy_) && !(policy_.follows && policy_.follows(node)))
      return false;
    bool any = false;
    for (ir::Value* v : node.inputs()) {
      if (!v || v->is_constant()) continue;
      if (!available_blocked(v)) return false;
      any = true;
    }
    return any;
  }

  void assign() {
    for (ir::Node* node : graph_.node_list()) wants_blocked(*node) ? run_blocked(node) : run_plain(node);
    for (size_t i = 0; i < graph_.outputs().size(); ++i) {
      ir::Value* v = graph_.outputs()[i];
      if (v->type.channel_block) graph_.set_output(i, in_layout(v, 0, nullptr));
    }
  }

 private:
  ir::Graph& graph_;
  const LayoutPolicy& policy_;
  std::unordered_map<ir::Value*, ir::Value*> blocked_, plain_;  // the same value in the other layout
};

}  // namespace

Status assign_layouts(ir::Graph& graph, const LayoutPolicy& policy) {
  Layouts(graph, policy).assign();
  return ir::verify(graph);
}

}  // namespace vivace::cpu
