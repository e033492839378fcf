// Products, reductions, softmax and normalizations.
#include <algorithm>
#include <limits>
#include <numeric>

#include "tensorrt/layers/layers.h"
#include "tensorrt/network.h"

namespace vivace::tensorrt {

using namespace nvinfer1;

void LRNLayer::emit(Build& b) {
  b.out(b.add("LRN", {b.in()}, {{"size", window}, {"alpha", alpha}, {"beta", beta}, {"bias", k}}));
}

namespace {

// Where a client names no axis: the third from the end, or the first.
uint32_t usual_axis(int client_rank) { return static_cast<uint32_t>(std::max(0, client_rank - 3)); }

}  // namespace

uint32_t SoftMaxLayer::getAxes() const noexcept {
  if (axes || inputs.empty() || !inputs[0]) return axes;
  return 1U << usual_axis(inputs[0]->getDimensions().nbDims);
}

void SoftMaxLayer::emit(Build& b) {
  ir::Value* const x = b.in();
  const int rank = b.rank(x);
  const int axis = axes ? axis_of_mask(axes) : static_cast<int>(usual_axis(rank - b.batch()));
  if (b.ok() && (axis < 0 || axis + b.batch() >= rank)) b.fail("the mask must name one axis of the input");
  b.out(b.add("Softmax", {x}, {{"axis", static_cast<int64_t>(axis + b.batch())}}));
}

void RaggedSoftMaxLayer::emit(Build& b) {
  ir::Value *const x = b.in(0), *const bounds = b.i64(b.in(1));
  const int rank = b.rank(x);
  if (b.ok() && rank < 1) b.fail("its input needs a dimension");
  if (!b.ok()) return;
  ir::Value* const length = b.add("Squeeze", {b.dim(x, rank - 1)});
  ir::Value* const places = b.add("Range", {b.integer(0), length, b.integer(1)});
  ir::Value* const inside = b.add("Less", {places, bounds});
  ir::Value* const least = b.real(std::numeric_limits<float>::lowest(), x);
  ir::Value* const y = b.add("Softmax", {b.add("Where", {inside, x, least})}, {{"axis", int64_t{-1}}});
  b.out(b.add("Where", {inside, y, b.real(0, x)}));
}

void ReduceLayer::emit(Build& b) {
  static const char* const ops[] = {"ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceMean", "Identity"};
  static_assert(std::size(ops) == EnumMax<ReduceOperation>());
  const char* const op = ops[static_cast<size_t>(operation)];
  if (operation == ReduceOperation::kNONE) return b.out(b.add(op, {b.in()}));
  b.out(b.add(op, {b.in(), b.ints(axes_of_mask(axes, b.batch()))}, {{"keepdims", int64_t{keep}}}));
}

void MatrixMultiplyLayer::emit(Build& b) {
  ir::Value* factors[2];
  for (size_t i = 0; i < 2; ++i) {
    ir::Value*& x = factors[i] = b.in(i);
    const int rank = b.rank(x);
    if (!b.ok()) return;
    if (operations[i] == MatrixOperation::kVECTOR) {
      x = b.add("Unsqueeze", {x, b.ints({i == 0 ? -2 : -1})});
    } else if (operations[i] == MatrixOperation::kTRANSPOSE) {
      if (rank < 2) return b.fail("a matrix needs 2 dimensions or more");
      std::vector<int64_t> order(static_cast<size_t>(rank));
      std::iota(order.begin(), order.end(), 0);
      std::swap(order[order.size() - 1], order[order.size() - 2]);
      x = b.transpose(x, order);
    } else if (rank < 2) {
      return b.fail("a matrix needs 2 dimensions or more; kVECTOR takes a vector");
    }
  }
  ir::Value* y = b.add("MatMul", {factors[0], factors[1]});
  std::vector<int64_t> gone;
  if (operations[0] == MatrixOperation::kVECTOR) gone.push_back(-2);
  if (operations[1] == MatrixOperation::kVECTOR) gone.push_back(-1);
  b.out(gone.empty() ? y : b.add("Squeeze", {y, b.ints(gone)}));
}

void EinsumLayer::emit(Build& b) {
  std::vector<ir::Value*> operands;
  for (size_t i = 0; i < inputs.size(); ++i) operands.push_back(b.in(i));
  b.out(b.add("Einsum", std::move(operands), {{"equation", equation}}));
}

void NormalizationLayer::emit(Build& b) {
  ir::Value *const x = b.in(0), *const scale = b.cast_like(b.in(1), x), *const bias = b.cast_like(b.in(2), x);
  const int rank = b.rank(x);
  if (!b.ok()) return;
  std::vector<int64_t> over = axes_of_mask(axes, b.batch());
  if (over.empty() || over.back() >= rank) return b.fail("the mask must name axes of the input");
  const bool tail = over.size() == static_cast<size_t>(rank - over.front());
  const auto flat = [&](ir::Value* value, int from) {  // dimensions before `from` are 1
    const ir::Dims dims = b.dims(value);
    if (!b.ok() || static_cast<int>(dims.size()) != rank) return false;
    return std::all_of(dims.begin(), dims.begin() + from, [](const ir::Dim& d) { return d.is(1); });
  };
  if (groups == 1 && tail && flat(scale, static_cast<int>(over.front())) &&
      flat(bias, static_cast<int>(over.front())) && to_shape(*scale->type.dims) && to_shape(*bias->type.dims)) {
    const auto own = [&](ir::Value* value) {
      const Shape shape = *to_shape(*value->type.dims);
      return b.reshape(value, {shape.begin() + over.front(), shape.end()});
    };
    // A scale of fewer elements than the axes have is broadcast below.
    const std::optional<Shape> whole = to_shape(ir::Dims(x->type.dims->begin() + over.front(), x->type.dims->end()));
    const Shape shape = *to_shape(*scale->type.dims);
    if (whole && *whole == Shape(shape.begin() + over.front(), shape.end()))
      return b.out(
          b.add("LayerNormalization", {x, own(scale), own(bias)}, {{"axis", over.front()}, {"epsilon", epsilon}}));
  }
  ir::Value* seen = x;  // what is normalized: groups have an axis of their own
  if (groups != 1) {
    seen = b.add("Reshape", {x, b.ints({0, groups, -1})});
    over = {2};
  }
  ir::Value* const mean = b.add("ReduceMean", {seen, b.ints(over)});
  ir::Value* const away = b.add("Sub", {seen, mean});
  ir::Value* const variance = b.add("ReduceMean", {b.add("Mul", {away, away}), b.ints(over)});
  ir::Value* const deviation = b.add("Sqrt", {b.add("Add", {variance, b.real(epsilon, x)})});
  ir::Value* y = b.add("Div", {away, deviation});
  if (!b.ok()) return;
  ir::Value *factor = scale, *term = bias;
  const std::optional<Shape> factors = scale->type.shape();
  const std::optional<Shape> channels = ir::to_shape({rank > 1 ? (*x->type.dims)[1] : ir::Dim()});
  const bool per_group = groups != 1 && factors && elements(*factors) == groups && channels != Shape{groups};
  if (per_group) {
    factor = b.reshape(factor, {1, groups, 1});
    term = b.reshape(term, {1, groups, 1});
    y = b.add("Add", {b.add("Mul", {y, factor}), term});
  }
  if (groups != 1) y = b.add("Reshape", {y, b.shape(x)});
  b.out(per_group ? y : b.add("Add", {b.add("Mul", {y, factor}), term}));
}

void CumulativeLayer::emit(Build& b) {
  ir::Value* axis = b.i64(b.in(1));
  if (b.batch()) axis = b.add("Add", {axis, b.integer(1)});
  b.out(b.add("CumSum", {b.in(0), axis}, {{"exclusive", int64_t{exclusive}}, {"reverse", int64_t{reverse}}}));
}

int32_t ConcatenationLayer::getAxis() const noexcept {
  if (axis || inputs.empty() || !inputs[0]) return axis.value_or(0);
  return static_cast<int32_t>(usual_axis(inputs[0]->getDimensions().nbDims));
}

void ConcatenationLayer::emit(Build& b) {
  std::vector<ir::Value*> parts;
  for (size_t i = 0; i < inputs.size(); ++i) parts.push_back(b.in(i));
  const int rank = b.ok() ? b.rank(parts[0]) : 0;
  if (!b.ok()) return;
  const int at = (axis ? *axis : static_cast<int>(usual_axis(rank - b.batch()))) + b.batch();
  // With an implicit batch, constants have a batch of 1: repeated to that of the others.
  if (b.batch()) {
    const auto lacks = [&](ir::Value* part) { return b.rank(part) > 0 && (*part->type.dims)[0].is(1); };
    const auto whole = std::find_if_not(parts.begin(), parts.end(), lacks);
    for (ir::Value*& part : parts) {
      if (whole == parts.end() || !lacks(part)) continue;
      std::vector<int64_t> ones(static_cast<size_t>(rank - 1), 1);
      ir::Value* const to = b.add("Concat", {b.dim(*whole, 0), b.ints(ones)}, {{"axis", int64_t{0}}});
      part = b.add("Expand", {part, to});
    }
  }
  b.out(b.add("Concat", std::move(parts), {{"axis", static_cast<int64_t>(at)}}));
}

}  // namespace vivace::tensorrt
