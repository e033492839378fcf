#include "backends/cuda/lower.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "backends/cpu/prologue.h"
#include "backends/cpu/rows/plugin.h"
#include "backends/cuda/channels.h"
#include "backends/cuda/groups.h"
#include "backends/cuda/pack_attention.h"

namespace vivace::cuda {

namespace {

bool is_of_channels(const ir::Node& node) {
  const int64_t axis = node.attributes.integer("axis");
  return axis == 1 || axis == -3;
}

// Operators on images that have rows for channels last, where their parameters allow it.
bool has_rows_for_channels_last(const ir::Node& node) {
  static constexpr std::string_view kOperators[] = {"BatchNormalization", "GlobalLpPool",          "GlobalMaxPool",
                                                    "GroupNormalization", "InstanceNormalization", "LRN"};
  if (node.op != "PRelu")
    return std::find(std::begin(kOperators), std::end(kOperators), node.op) != std::end(kOperators);
  const ir::Value* slope = node.input(1);
  if (!slope->is_constant()) return false;
  const Shape& shape = slope->constant().shape();  // one for all, or one a channel
  return slope->constant().count() == 1 || (shape.size() >= 3 && slope->constant().count() == shape[shape.size() - 3] &&
                                            (*node.input(0)->type.dims)[1].is(slope->constant().count()));
}

// What cuda_conv_taps can do with channels last, whatever the images' sizes.
bool is_transposed_convolution(const ir::Node& node) {
  if (node.op != "ConvTranspose" || node.attributes.integer("group", 1) != 1) return false;
  if (!node.input(1)->is_constant() || (node.input(2) && !node.input(2)->is_constant())) return false;
  constexpr int64_t kMostTaps = 1024, kMostPhases = 64;
  int64_t phases = 1;
  for (const int64_t stride : node.attributes.integers("strides")) phases *= std::min(stride, kMostPhases + 1);
  return phases <= kMostPhases && elements(std::span(node.input(1)->constant().shape()).subspan(2)) <= kMostTaps;
}

// What cuda_move_last can do, known now in all but the images' sizes.
bool moves_pixels(const ir::Node& node) {
  const auto known = [&](size_t i) { return !node.input(i) || node.input(i)->is_constant(); };
  if (node.op == "DepthToSpace" || node.op == "SpaceToDepth") return true;
  if (node.op == "Pad")
    return known(1) && known(3) && (!node.input(2) || node.input(2)->type.dtype == node.input(0)->type.dtype);
  return node.op == "Slice" && known(1) && known(2) && known(3) && known(4) &&
         (*node.input(0)->type.dims)[1].same((*node.output()->type.dims)[1]);
}

// A reduction over the pixels of each channel.
bool reduces_pixels(const ir::Node& node) {
  if (node.op != "ReduceMean" && node.op != "ReduceMax" && node.op != "ReduceMin") return false;
  if (!node.input(1) || !node.input(1)->is_constant()) return false;
  std::vector<int64_t> axes = to_int64(node.input(1)->constant());
  for (int64_t& axis : axes) axis += axis < 0 ? 4 : 0;
  std::sort(axes.begin(), axes.end());
  return axes == std::vector<int64_t>{2, 3};
}

bool is_converted(const ir::Value* v) {
  return v->type.dtype == DType::f32 || v->type.dtype == DType::f16 || v->type.dtype == DType::bf16;
}

// The first convolution of images, which reads rows and makes channels last, rounds f32 itself.
bool rounds_itself(const ir::Node& node) {
  const ir::Value *image = node.input(0), *weights = node.input(1), *bias = node.input(2);
  return (node.op == "Conv" || node.op == "vivace.FusedConv" || node.op == "vivace.PooledConv") &&
         node.output()->type.channel_block && !image->type.channel_block && node.output()->type.rank() == 4 &&
         weights->is_constant() && weights->type.dtype == image->type.dtype && (!bias || bias->is_constant());
}

// A matrix product, a classifier's as a rule, whose sums are f32 in any case.
bool makes_f32_itself(const ir::Node& node) {
  const ir::Value* made = node.output();
  return (node.op == "MatMul" || node.op == "vivace.FusedMatMul") && made->single_use() && !node.input(3) &&
         (made->type.dtype == DType::f16 || made->type.dtype == DType::bf16) &&
         node.input(0)->type.dtype == made->type.dtype;
}

// A Cast before a Reorder or behind it becomes part of it: one kernel, which reads and writes once. So does one before
// a first convolution, where that alone reads it, and one that makes f32 of a matrix product.
void merge_casts(ir::Graph& graph) {
  for (ir::Node* node : graph.node_list()) {
    ir::Node* const before = node->input(0) ? node->input(0)->producer() : nullptr;
    if (!before) continue;
    if (before->op == "Cast" && before->input(0)->type.dtype == DType::f32 && before->output()->uses().size() == 1 &&
        rounds_itself(*node)) {
      if (node->op == "Conv") node->op = "vivace.FusedConv";
      graph.set_input(node, 0, before->input(0));
      continue;
    }
    if (node->op == "Cast" && node->output()->type.dtype == DType::f32 && makes_f32_itself(*before)) {
      before->op = "vivace.FusedMatMul";
      before->attributes["to"] = static_cast<int64_t>(DType::f32);
      before->output()->type.dtype = DType::f32;
      ir::Value* const result = node->output();
      before->output()->name = result->name;
      graph.replace_uses(result, before->output());
      continue;
    }
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

int64_t channels(const ir::Value* v) { return (*v->type.dims)[1].value(); }

// A Transpose that moves channels last reads an image that has them there, and one that moves them back makes one:
// where pixels have no more channels than the image these are views.
void merge_transposes(ir::Graph& graph) {
  const auto moves = [](const ir::Node& node, const std::vector<int64_t>& perm, const ir::Value* image) {
    return node.op == "Transpose" && node.attributes.integers("perm") == perm && channels(image) % kChannelUnit == 0;
  };
  for (ir::Node* node : graph.node_list()) {
    ir::Node* const before = node->input(0) ? node->input(0)->producer() : nullptr;
    if (!before || !before->input(0) || node->outputs().size() != 1) continue;
    const bool keeps_type = before->input(0)->type.dtype == node->output()->type.dtype;
    if (before->op == "vivace.Reorder" && before->input(0)->type.channel_block && keeps_type &&
        before->input(0)->type.rank() == 4 && moves(*node, {0, 2, 3, 1}, before->input(0))) {
      graph.set_input(node, 0, before->input(0));
    } else if (node->op == "vivace.Reorder" && node->output()->type.channel_block && keeps_type &&
               node->output()->type.rank() == 4 && moves(*before, {0, 3, 1, 2}, node->output())) {
      ir::Node* const made = graph.add_node("Transpose", {before->input(0)}, 1, before->attributes, node->name, node);
      made->output()->name = node->output()->name;
      made->output()->type = node->output()->type;
      graph.replace_uses(node->output(), made->output());
    }
  }
  graph.erase_unused();
}

// Parts of a concatenation of channels get the distance between pixels of the whole, and outputs of a Split that of its
// input, where each begins at a multiple of the unit: they then are views, into which their producers write and from
// which their users read, and no kernel runs (cpu/placement.h finds the places).
class Views {
 public:
  void run(const ir::Graph& graph) {
    const std::vector<ir::Node*> nodes = graph.node_list();
    // The longest concatenation of the same parts comes last; shorter ones then lie in it.
    for (size_t i = nodes.size(); i-- > 0;)
      if (nodes[i]->op == "Concat" && nodes[i]->output()->type.channel_block) concatenation(*nodes[i]);
    for (ir::Node* node : nodes)
      if (node->op == "Split" && node->output()->type.channel_block) split(*node);
  }

 private:
  struct Place {
    const ir::Value* whole;
    int64_t begin;  // the first channel
  };
  struct Part {
    ir::Value* value;
    int64_t begin;
  };

  // Values one behind the other, from channel 0 on; empty where one does not begin at a multiple of the unit.
  static std::vector<Part> aligned(const std::vector<ir::Value*>& values) {
    std::vector<Part> parts;
    int64_t begin = 0;
    for (ir::Value* v : values) {
      if (!v || !v->type.channel_block || begin % kChannelUnit) return {};
      parts.push_back({v, begin});
      begin += channels(v);
    }
    return parts;
  }

  void put(ir::Value* v, const Place& at) {
    places_[v] = at;
    v->type.channel_block = at.whole->type.channel_block;
    if (ir::Node* node = v->producer(); node->op == "vivace.Reorder")
      node->attributes["channel_block"] = int64_t{v->type.channel_block};
  }

  void concatenation(const ir::Node& node) {
    ir::Value* const whole = node.output();
    const std::vector<Part> parts = aligned(node.inputs());
    if (parts.empty()) return;
    const auto first = places_.find(parts[0].value);
    const bool lined_up = first != places_.end() && std::all_of(parts.begin(), parts.end(), [&](const Part& p) {
                            const auto at = places_.find(p.value);
                            return at != places_.end() && at->second.whole == first->second.whole &&
                                   at->second.begin == first->second.begin + p.begin;
                          });
    if (lined_up && parts.size() > 1 && !places_.contains(whole)) return put(whole, first->second);
    std::set<const ir::Value*> distinct;
    for (const Part& p : parts)
      if (!p.value->producer() || places_.contains(p.value) || !distinct.insert(p.value).second) return;
    const Place base = places_.contains(whole) ? places_.at(whole) : Place{whole, 0};
    for (const Part& p : parts) put(p.value, {base.whole, base.begin + p.begin});
  }

  void split(const ir::Node& node) {
    ir::Value* const whole = node.input(0);
    const std::vector<Part> parts = aligned(node.outputs());
    if (parts.empty()) return;
    const auto is_placed = [&](const Part& p) { return places_.contains(p.value); };
    if (std::none_of(parts.begin(), parts.end(), is_placed)) {
      for (const Part& p : parts) p.value->type.channel_block = whole->type.channel_block;
      return;
    }
    // All in one concatenation, as they are here: then what is split is made there.
    if (!std::all_of(parts.begin(), parts.end(), is_placed) || places_.contains(whole) || !whole->producer()) return;
    const Place first = places_.at(parts[0].value);
    for (const Part& p : parts) {
      const Place at = places_.at(p.value);
      if (at.whole != first.whole || at.begin != first.begin + p.begin) return;
    }
    put(whole, first);
  }

  std::unordered_map<const ir::Value*, Place> places_;
};

void allow_tf32(ir::Graph& graph) {
  static constexpr std::string_view kProducts[] = {
      "Conv", "vivace.FusedConv", "Gemm", "MatMul", "vivace.FusedMatMul", "Attention", "vivace.PackedAttention"};
  for (ir::Node* node : graph.node_list())
    if (std::find(std::begin(kProducts), std::end(kProducts), node->op) != std::end(kProducts) &&
        node->output()->type.dtype == DType::f32)
      node->attributes["tf32"] = int64_t{1};
}

}  // namespace

Status lower(ir::Graph& graph, DType type, bool tf32) {
  pack_attention(graph);
  if (tf32) allow_tf32(graph);
  if (type == DType::f32 && !tf32) {
    bring_together(graph);
    return ir::verify(graph);
  }
  cpu::LayoutPolicy policy;
  policy.type = type;
  if (type == DType::f32) policy.few_channels = 0;  // tensor cores want channels last from the start
  policy.block = [](int64_t channels) {
    return static_cast<int>((channels + kChannelUnit - 1) / kChannelUnit * kChannelUnit);
  };
  policy.joins = [](int64_t) { return true; };
  policy.follows = [type, &policy](const ir::Node& node) {
    if (cpu::plugin_takes_blocks(node, policy, ops::Where::gpu)) return true;
    const auto image = [&](const ir::Value* v) { return cpu::is_image(v, type); };
    if (image(node.input(0)) && reduces_pixels(node)) return true;
    if (!image(node.input(0)) || !std::all_of(node.outputs().begin(), node.outputs().end(), image)) return false;
    if (node.op == "Resize") return (*node.input(0)->type.dims)[1].same((*node.output()->type.dims)[1]);
    if (node.op == "vivace.MoveChannels") return true;
    if (is_transposed_convolution(node) || moves_pixels(node)) return type != DType::f32;  // of 16 bits alone
    return has_rows_for_channels_last(node) || (node.op == "Split" && is_of_channels(node));
  };
  merge_channel_moves(graph, type);
  VIVACE_TRY(cpu::assign_layouts(graph, policy));
  merge_casts(graph);
  if (type != DType::f32) cpu::fold_prologues(graph, true);
  Views().run(graph);
  merge_transposes(graph);
  bring_together(graph);
  return ir::verify(graph);
}

}  // namespace vivace::cuda
