// ONNX Runtime's operators on quantized tensors: products of integers where the standard has them, else computed on
// numbers between DequantizeLinear and QuantizeLinear.
#include "frontends/onnx/contrib.h"

namespace vivace::onnx::contrib {

namespace {

ir::Attributes window_attributes(const Step& s) {
  ir::Attributes made;
  for (const char* name :
       {"auto_pad", "ceil_mode", "count_include_pad", "dilations", "group", "kernel_shape", "pads", "strides"})
    if (const auto at = s.attributes.find(name); at != s.attributes.end()) made.insert(*at);
  return made;
}

// x, scale, zero point, in inputs from `first` on.
ir::Value* number(Step& s, size_t first) {
  return dequantized(s, s.input(first), s.input(first + 1), s.input(first + 2));
}

// Scale and zero point in inputs from `first` on.
void finish(Step& s, ir::Value* y, size_t first) {
  s.results = {quantized(s, y, s.input(first), s.input(first + 1), s.dtype(0))};
}

// The product of integers as numbers, without bias.
ir::Value* product(Step& s, ir::Value* a, ir::Value* b, ir::Value* a_zero, ir::Value* b_zero, ir::Value* a_scale,
                   ir::Value* b_scale) {
  std::vector<ir::Value*> inputs = {a, b, a_zero, b_zero};
  while (!inputs.back()) inputs.pop_back();
  ir::Value* y = cast(s, s.add("MatMulInteger", inputs), a_scale->type.dtype);
  return s.add("Mul", {y, s.add("Mul", {a_scale, b_scale})});
}

ir::Value* biased(Step& s, ir::Value* y, ir::Value* bias) { return bias ? s.add("Add", {y, bias}) : y; }

}  // namespace

void qlinear_binary(Step& s) {
  finish(s, s.add(s.op.ends_with("Add") ? "Add" : "Mul", {number(s, 0), number(s, 3)}), 6);
}

void qlinear_unary(Step& s) {
  const bool leaky = s.op.ends_with("LeakyRelu");
  const ir::Attributes slope = {{"alpha", s.attributes.real("alpha", 0.01f)}};
  finish(s, leaky ? s.add("LeakyRelu", {number(s, 0)}, slope) : s.add("Sigmoid", {number(s, 0)}), 3);
}

void qlinear_softmax(Step& s) {
  const int64_t opset = s.attributes.integer("opset", 13);
  Step inner(s.graph, "Softmax", opset);
  inner.name = s.name;
  inner.inputs = {number(s, 0)};
  inner.attributes = {{"axis", s.attributes.integer("axis", opset < 13 ? 1 : -1)}};
  if (!s.status.ok()) return;
  s.fail(vivace::onnx::convert(inner));
  if (s.status.ok()) finish(s, inner.results[0], 3);
}

void qlinear_average_pool(Step& s) {
  const bool last = s.attributes.integer("channels_last") != 0;
  ir::Value* x = number(s, 0);
  ir::Value* y = s.add("AveragePool", {last ? channels_first(s, x) : x}, window_attributes(s));
  finish(s, last ? channels_last(s, y) : y, 3);
}

void qlinear_global_average_pool(Step& s) {
  const bool last = s.attributes.integer("channels_last") != 0;
  ir::Value* x = number(s, 0);
  ir::Value* y = s.add("GlobalAveragePool", {last ? channels_first(s, x) : x});
  finish(s, last ? channels_last(s, y) : y, 3);
}

void qlinear_reduce_mean(Step& s) {
  std::vector<ir::Value*> inputs = {number(s, 0)};
  if (const std::vector<int64_t> axes = s.attributes.integers("axes"); !axes.empty())
    inputs.push_back(s.constant(axes));
  finish(s, s.add("ReduceMean", inputs, {{"keepdims", s.attributes.integer("keepdims", 1)}}), 3);
}

// Inputs: scale and zero point of the result, then x, scale and zero point of each part.
void qlinear_concat(Step& s) {
  if (s.inputs.size() % 3 != 2) return s.fail(s.error("every part needs a scale and a zero point"));
  std::vector<ir::Value*> parts;
  for (size_t i = 2; i + 2 < s.inputs.size(); i += 3) {
    if (!s.input(i) || !s.input(i + 1)) return s.fail(s.error("input " + std::to_string(i) + " is required"));
    parts.push_back(number(s, i));
  }
  ir::Value* y = joined(s, parts, s.attributes.integer("axis"));
  s.results = {quantized(s, y, s.input(0), s.input(1), s.dtype(1))};
}

void qlinear_where(Step& s) {
  ir::Value* y = s.add("Where", {s.input(0), number(s, 1), number(s, 4)});
  s.results = {quantized(s, y, s.input(7), s.input(8), s.dtype(1))};
}

void qlinear_conv(Step& s) {
  const bool last = s.attributes.integer("channels_last") != 0;
  if (last) s.inputs[0] = channels_first(s, s.inputs[0]);
  ir::Attributes attributes = window_attributes(s);
  ir::Value* y = s.add("QLinearConv", s.inputs, attributes);
  s.results = {last ? channels_last(s, y) : y};
}

// Inputs: A, B, scale and zero point of B, bias.
void dynamic_quantize_matmul(Step& s) {
  const std::vector<ir::Value*> a = s.add("DynamicQuantizeLinear", {s.input(0)}, {}, 3)->producer()->outputs();
  s.results = {biased(s, product(s, a[0], s.input(1), a[2], s.input(3), a[1], s.input(2)), s.input(4))};
}

// Inputs: A, B, their scales, their zero points, bias.
void matmul_integer_to_float(Step& s) {
  ir::Value* y = product(s, s.input(0), s.input(1), s.input(4), s.input(5), s.input(2), s.input(3));
  s.results = {biased(s, y, s.input(6))};
}

// Inputs: A, scale, zero point, B, scale, zero point, C (i32, in steps of both scales), scale and zero point of Y.
void qgemm(Step& s) {
  const auto operand = [&](size_t i, const char* transposes) {
    return s.attributes.integer(transposes) ? transposed(s, s.input(i), {1, 0}) : s.input(i);
  };
  ir::Value* y = s.add("MatMulInteger", {operand(0, "transA"), operand(3, "transB"), s.input(2), s.input(5)});
  y = cast(s, biased(s, y, s.input(6)), s.dtype(1));
  y = s.add("Mul", {y, times(s, s.add("Mul", {s.input(1), s.input(4)}), s.attributes.real("alpha", 1))});
  if (s.input(7)) return s.results = {quantized(s, y, s.input(7), s.input(8), s.dtype(0))}, void();
  s.results = {y};
}

// Weights as numbers, their gates in rows as the standard has them. What ONNX Runtime rounds before each product, the
// inputs, stays as it is.
void dynamic_quantize_lstm(Step& s) {
  const auto weights = [&](size_t i, size_t scale) {
    ir::Value *w = s.input(i), *factor = s.input(scale), *zero = s.input(scale + 1);
    const int rank = factor->type.rank();
    if (rank < 1) s.fail(s.unsupported("the ranks of its scales must be known"));
    const std::vector<int64_t> axes = rank == 1 ? std::vector<int64_t>{1, 2} : std::vector<int64_t>{1};
    const DType type = factor->type.dtype;
    ir::Value* centered = s.add("Sub", {cast(s, w, type), unsqueezed(s, cast(s, zero, type), axes)});
    return transposed(s, s.add("Mul", {centered, unsqueezed(s, factor, axes)}), {0, 2, 1});
  };
  std::vector<ir::Value*> inputs = {s.input(0), weights(1, 8), weights(2, 10)};
  for (size_t i = 3; i < 8; ++i) inputs.push_back(s.input(i));
  while (!inputs.back()) inputs.pop_back();
  s.inputs = std::move(inputs);
  s.op = "LSTM";
  s.emit();
}

// Rows of a table in blocks of integers. Inputs: data, indices, scales, zero points; data of u8 holds two numbers of
// four bits in each element, the first in the low bits.
void gather_block_quantized(Step& s) {
  const int64_t block = s.attributes.integer("block_size", 128), bits = s.attributes.integer("bits", 4);
  int64_t axis = s.attributes.integer("gather_axis"), blocks = s.attributes.integer("quantize_axis", 1);
  const int rank = s.rank(0), index_rank = s.rank(1);
  if (rank < 0 || index_rank < 0) return s.fail(s.unsupported("the ranks of its inputs must be known"));
  if (axis < 0) axis += rank;
  if (blocks < 0) blocks += rank;
  if (axis < 0 || axis >= rank || blocks < 0 || blocks >= rank || axis == blocks)
    return s.fail(s.unsupported("gather_axis and quantize_axis must be two of the input's"));
  if (block < 1) return s.fail(s.error("block_size must be positive"));
  const ir::Attributes along = {{"axis", axis}};
  const auto rows = [&](ir::Value* x) { return s.add("Gather", {x, s.input(1)}, along); };
  const int64_t made_axis = blocks > axis ? blocks + index_rank - 1 : blocks;
  const auto numbers = [&](ir::Value* x) {  // of packed bytes, along the axis of blocks
    if (x->type.dtype != DType::u8 || bits == 8) return x;
    std::vector<ir::Value*> parts;
    for (int64_t shift = 0; shift < 8; shift += bits) {
      ir::Value* low = s.add("BitShift", {x, s.scalar(DType::u8, static_cast<double>(shift))},
                             {{"direction", std::string("RIGHT")}});
      low = s.add("BitwiseAnd", {low, s.scalar(DType::u8, static_cast<double>((1 << bits) - 1))});
      parts.push_back(unsqueezed(s, low, {made_axis + 1}));
    }
    std::vector<int64_t> flat(static_cast<size_t>(rank + index_rank - 1), 0);
    flat[static_cast<size_t>(made_axis)] = -1;
    ir::Value* both = joined(s, parts, made_axis + 1);
    // [.., n, parts, ..] -> [.., n * parts, ..]
    std::vector<ir::Value*> shape;
    for (int64_t d = 0; d < rank + index_rank - 1; ++d)
      shape.push_back(d == made_axis ? s.constant({-1}) : size_of(s, both, d > made_axis ? d + 1 : d));
    return s.add("Reshape", {both, joined(s, shape, 0)});
  };
  if (s.dtype(0) == DType::u8 && bits != 8 && bits != 4 && bits != 2)
    return s.fail(s.unsupported("bits must be 2, 4 or 8"));
  ir::Value *x = numbers(rows(s.input(0))), *scales = rows(s.input(2));
  std::vector<ir::Value*> inputs = {x, scales};
  if (s.input(3)) {
    ir::Value* zero = numbers(rows(s.input(3)));
    // Packed bytes may hold one zero point more than there are blocks.
    if (s.dtype(0) == DType::u8 && bits != 8)
      zero = sliced(s, zero, made_axis, s.constant({0}), size_of(s, scales, made_axis));
    inputs.push_back(zero);
  } else if (s.dtype(0) == DType::u8) {
    ir::Value* middle = s.scalar(DType::u8, static_cast<double>(1 << (bits - 1)));
    inputs.push_back(s.add("Expand", {middle, s.add("Shape", {scales})}));
  }
  s.results = {s.add("DequantizeLinear", inputs, {{"axis", made_axis}, {"block_size", block}})};
}

}  // namespace vivace::onnx::contrib
