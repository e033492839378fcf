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

// Channels of an image one behind the other.
struct Range {
  ir::Value* value = nullptr;
  int64_t begin = 0, size = 0;
};

int64_t channels(const ir::Value* v) { return (*v->type.dims)[1].value(); }

// What a Slice takes, where that is a range of channels; no value where it is not.
Range slice_of(const ir::Node& node, DType type) {
  if (node.op != "Slice" || !cpu::is_image(node.input(0), type) || !cpu::is_image(node.output(), type)) return {};
  std::vector<int64_t> numbers = {0, 0, 0, 1};  // start, end, axis, step
  for (size_t i = 1; i < node.inputs().size(); ++i) {
    const ir::Value* v = node.input(i);
    if (!v && i == 4) continue;
    if (!v || !v->is_constant() || v->constant().count() != 1) return {};
    numbers[i - 1] = to_int64(v->constant())[0];
  }
  if ((numbers[2] != 1 && numbers[2] != -3) || numbers[3] != 1) return {};
  const int64_t all = channels(node.input(0));
  const int64_t begin = std::clamp<int64_t>(numbers[0] < 0 ? numbers[0] + all : numbers[0], 0, all);
  return {node.output(), begin, channels(node.output())};
}

// Where a value's channels are wanted: in the outputs of a Split, in those of Slices, or in itself.
std::vector<Range> wanted_of(ir::Value* v, DType type) {
  std::vector<Range> ranges;
  if (v->output_count() > 0) return {{v, 0, channels(v)}};
  for (const ir::Use& use : v->uses()) {
    const Range range = slice_of(*use.node, type);
    if (!range.value) break;
    ranges.push_back(range);
  }
  if (!ranges.empty() && ranges.size() == v->uses().size()) {
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    return ranges;
  }
  if (v->single_use() && v->uses()[0].node->op == "Split" && is_of_channels(*v->uses()[0].node)) {
    ranges.clear();
    int64_t begin = 0;
    for (ir::Value* part : v->uses()[0].node->outputs()) {
      if (!cpu::is_image(part, type)) return {{v, 0, channels(v)}};
      ranges.push_back({part, begin, channels(part)});
      begin += channels(part);
    }
    return ranges;
  }
  return {{v, 0, channels(v)}};
}

// A Slice of channels is a Split whose other parts nobody wants.
void split_slices(ir::Graph& graph, DType type) {
  for (ir::Node* node : graph.node_list()) {
    const Range range = slice_of(*node, type);
    if (!range.value || range.size == 0) continue;
    const int64_t rest = channels(node->input(0)) - range.begin - range.size;
    if (rest < 0) continue;
    std::vector<int64_t> sizes;
    if (range.begin > 0) sizes.push_back(range.begin);
    const size_t own = sizes.size();
    sizes.push_back(range.size);
    if (rest > 0) sizes.push_back(rest);
    ir::Value* const parts = graph.add_constant(Tensor::of<int64_t>(sizes), node->name + ".parts");
    ir::Node* const split = graph.add_node("Split", {node->input(0), parts}, static_cast<int>(sizes.size()),
                                           {{"axis", int64_t{1}}}, node->name, node);
    for (size_t i = 0; i < sizes.size(); ++i) {
      split->output(i)->type = range.value->type;
      (*split->output(i)->type.dims)[1] = sizes[i];
    }
    split->output(own)->name = range.value->name;
    graph.replace_uses(range.value, split->output(own));
  }
}

}  // namespace

void merge_channel_moves(ir::Graph& graph, DType type) {
  const auto is_image = [type](const ir::Value* v) { return cpu::is_image(v, type); };
  for (ir::Node* node : graph.node_list()) {
    const Shuffle shuffle = shuffle_before(*node, type);
    if (!shuffle.image || shuffle.groups <= 0) continue;
    std::vector<ir::Value*> inputs = {shuffle.image};
    if (const ir::Node* whole = sole_maker(shuffle.image, "Concat");
        whole && is_of_channels(*whole) && std::all_of(whole->inputs().begin(), whole->inputs().end(), is_image))
      inputs = whole->inputs();
    const std::vector<Range> outputs = wanted_of(node->output(), type);
    const int64_t each = channels(shuffle.image) / shuffle.groups;
    std::vector<int64_t> from, sizes;
    for (const Range& range : outputs) {
      for (int64_t c = range.begin; c < range.begin + range.size; ++c)
        from.push_back(c % shuffle.groups * each + c / shuffle.groups);
      sizes.push_back(range.size);
    }
    ir::Node* const made = graph.add_node("vivace.MoveChannels", inputs, static_cast<int>(outputs.size()),
                                          {{"from", from}, {"sizes", sizes}}, node->name, node);
    for (size_t i = 0; i < outputs.size(); ++i) {
      made->output(i)->name = outputs[i].value->name;
      made->output(i)->type = outputs[i].value->type;
      graph.replace_uses(outputs[i].value, made->output(i));
    }
  }
  split_slices(graph, type);
  graph.erase_unused();
}

}  // namespace vivace::cuda
