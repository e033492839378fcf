// Which nodes work on each sample of a batch alone.
#include <algorithm>
#include <span>

#include "backends/cpu/samples.h"
#include "ops/pointwise_nodes.h"

namespace vivace::cpu {

namespace {

// Of this many samples along the outermost axis, with a shape that is known.
bool is_batch(const ir::Value* v, int64_t batch) {
  if (!v || v->is_constant() || v->type.kind != ir::Kind::tensor || !is_float(v->type.dtype)) return false;
  const std::optional<Shape> shape = v->type.shape();
  return shape && !shape->empty() && shape->front() == batch && elements(*shape) > 0;
}

bool is_constant_or_none(const ir::Value* v) { return !v || v->is_constant(); }

bool constants_from(const ir::Node& node, size_t first) {
  for (size_t i = first; i < node.inputs().size(); ++i)
    if (!is_constant_or_none(node.input(i))) return false;
  return true;
}

bool one_output(const ir::Node& node) {
  return std::all_of(node.outputs().begin() + 1, node.outputs().end(), [](const ir::Value* v) { return v->unused(); });
}

bool all_batches(const ir::Node& node, int64_t batch) {
  return std::all_of(node.inputs().begin(), node.inputs().end(),
                     [&](const ir::Value* v) { return is_batch(v, batch); });
}

// An axis that is there and is not the outermost.
bool is_inner(int64_t axis, int rank) { return axis < 0 ? axis + rank > 0 : axis > 0; }

bool axis_is_inner(const ir::Node& node, int64_t fallback) {
  return is_inner(node.attributes.integer("axis", fallback), node.input(0)->type.rank());
}

// The axes in this input are given, and the outermost is not among them.
bool axes_are_inner(const ir::Node& node, size_t input, int rank) {
  const ir::Value* v = node.input(input);
  if (!v || !v->is_constant()) return false;
  const std::vector<int64_t> axes = to_int64(v->constant());
  return !axes.empty() && std::all_of(axes.begin(), axes.end(), [&](int64_t a) { return is_inner(a, rank); });
}

// Each says whether the node does, given that its first input and its outputs are batches.
using Rule = bool (*)(const ir::Node&, int64_t batch);

bool image_and_constants(const ir::Node& node, int64_t) { return one_output(node) && constants_from(node, 1); }

// Weights and bias, then perhaps an image to add.
bool convolution(const ir::Node& node, int64_t batch) {
  const ir::Value* residual = node.input(3);
  return is_constant_or_none(node.input(1)) && is_constant_or_none(node.input(2)) &&
         (!residual || is_batch(residual, batch)) && constants_from(node, 4);
}

bool inverted_residual(const ir::Node& node, int64_t batch) {
  for (size_t i = 1; i < 7; ++i)
    if (!is_constant_or_none(node.input(i))) return false;
  return !node.input(7) || is_batch(node.input(7), batch);
}

bool batch_normalization(const ir::Node& node, int64_t batch) {
  return node.attributes.integer("training_mode") == 0 && image_and_constants(node, batch);
}

bool along_inner_axis(const ir::Node& node, int64_t) { return axis_is_inner(node, -1) && constants_from(node, 1); }

bool concatenation(const ir::Node& node, int64_t batch) { return axis_is_inner(node, 0) && all_batches(node, batch); }

bool split(const ir::Node& node, int64_t) { return axis_is_inner(node, 0) && constants_from(node, 1); }

bool slice(const ir::Node& node, int64_t) {
  return constants_from(node, 1) && axes_are_inner(node, 3, node.input(0)->type.rank());
}

bool with_inner_axes(const ir::Node& node, int64_t) { return axes_are_inner(node, 1, node.input(0)->type.rank()); }

bool unsqueeze(const ir::Node& node, int64_t) { return axes_are_inner(node, 1, node.output()->type.rank()); }

bool transpose(const ir::Node& node, int64_t) {
  const std::vector<int64_t> perm = node.attributes.integers("perm");
  return !perm.empty() && perm[0] == 0;
}

bool flatten(const ir::Node& node, int64_t) { return node.attributes.integer("axis", 1) == 1; }

// Row-major, a reshape that keeps the outermost dimension keeps the samples apart.
bool reshape(const ir::Node& node, int64_t) { return constants_from(node, 1); }

bool pointwise(const ir::Node& node, int64_t batch) {
  if (!ops::pointwise_program_of(node)) return false;
  const int rank = node.output()->type.rank();
  return std::all_of(node.inputs().begin(), node.inputs().end(), [&](const ir::Value* v) {
    if (!v) return true;
    if (v->type.rank() == rank) return v->is_constant() ? (*v->type.dims)[0].is(1) : is_batch(v, batch);
    return v->is_constant() && v->type.rank() < rank;
  });
}

struct Row {
  std::string_view op;
  Rule rule;
};
constexpr Row kRows[] = {
    {"AveragePool", image_and_constants},
    {"BatchNormalization", batch_normalization},
    {"Concat", concatenation},
    {"Conv", image_and_constants},
    {"ConvTranspose", image_and_constants},
    {"DepthToSpace", image_and_constants},
    {"Flatten", flatten},
    {"GlobalAveragePool", image_and_constants},
    {"GlobalMaxPool", image_and_constants},
    {"InstanceNormalization", image_and_constants},
    {"LRN", image_and_constants},
    {"LogSoftmax", along_inner_axis},
    {"MaxPool", image_and_constants},
    {"ReduceMax", with_inner_axes},
    {"ReduceMean", with_inner_axes},
    {"ReduceSum", with_inner_axes},
    {"Reshape", reshape},
    {"Slice", slice},
    {"Softmax", along_inner_axis},
    {"SpaceToDepth", image_and_constants},
    {"Split", split},
    {"Squeeze", with_inner_axes},
    {"Transpose", transpose},
    {"Unsqueeze", unsqueeze},
    {"vivace.FusedConv", convolution},
    {"vivace.InvertedResidual", inverted_residual},
    {"vivace.MoveChannels", all_batches},
    {"vivace.PooledConv", image_and_constants},
    {"vivace.ScaledConv", convolution},
    {"vivace.SqueezeExcite", image_and_constants},
};

}  // namespace

int64_t batch_of(const ir::Node& node) {
  // A pointwise operation's first input may be a constant.
  const std::optional<Shape> shape = node.output() ? node.output()->type.shape() : std::nullopt;
  if (!shape || shape->empty()) return 0;
  const int64_t batch = shape->front();
  for (const ir::Value* v : node.outputs())
    if (!v->unused() && !is_batch(v, batch)) return 0;
  const Row* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.op == node.op; });
  if (row == std::end(kRows)) {
    const bool any =
        std::any_of(node.inputs().begin(), node.inputs().end(), [&](const ir::Value* v) { return is_batch(v, batch); });
    return any && pointwise(node, batch) ? batch : 0;
  }
  return is_batch(node.input(0), batch) && row->rule(node, batch) ? batch : 0;
}

}  // namespace vivace::cpu
