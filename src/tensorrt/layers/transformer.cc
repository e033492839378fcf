// Rotary embeddings, caches, mixtures of experts, quantization in blocks.
#include "tensorrt/layers/transformer.h"

#include <algorithm>
#include <cmath>

namespace vivace::tensorrt {

using namespace nvinfer1;

void RotaryEmbeddingLayer::emit(Build& b) {
  ir::Value* const positions = b.has(3) ? b.i64(b.in(3)) : nullptr;
  b.out(b.add("RotaryEmbedding", {b.in(0), b.in(1), b.in(2), positions},
              {{"interleaved", int64_t{interleaved}}, {"rotary_embedding_dim", int64_t{rotated}}}));
}

void KVCacheUpdateLayer::emit(Build& b) {
  b.out(b.add("TensorScatter", {b.in(0), b.in(1), b.i64(b.in(2))},
              {{"axis", int64_t{2}}, {"mode", std::string("linear")}}));
}

// ---- Quantization in blocks ----

namespace {

struct Quantized {
  ir::Value *data = nullptr, *scales = nullptr;
  ir::Value* restored = nullptr;  // what the data stands for, in f32
};

double largest(DType type) {
  return type == DType::i8 ? 127 : type == DType::f8e4m3fn ? 448 : type == DType::f4e2m1 ? 6 : 0;
}

// `second`, where there is one, is the scale of the scales.
Quantized quantize_blocks(Build& b, ir::Value* x, const std::vector<int64_t>& block, DType to, DType scale_type,
                          ir::Value* second) {
  const ir::Dims dims = b.dims(x);
  if (b.ok() && block.size() != dims.size()) b.fail("a block needs as many dimensions as the input");
  if (b.ok() && largest(to) == 0) b.fail("blocks are quantized to kINT8, kFP8 or kFP4");
  if (!b.ok()) return {};
  std::vector<int64_t> split, inside;  // [d0 / b0, b0, d1 / b1, b1, ...], and the axes of the blocks' elements
  for (size_t i = 0; i < dims.size(); ++i) {
    const bool known = dims[i].known();
    const int64_t each = block[i] == -1 && known ? dims[i].value() : block[i];
    if (each < 1 || (known ? dims[i].value() % each != 0 : each != 1))
      return b.fail("blocks of " + std::to_string(block[i]) + " do not divide dimension " + std::to_string(i) + " of " +
                    dims[i].to_string()),
             Quantized();
    split.push_back(known ? dims[i].value() / each : -1);
    split.push_back(each);
    inside.push_back(static_cast<int64_t>(2 * i + 1));
  }
  if (std::count(split.begin(), split.end(), -1) > 1)
    return b.fail("all dimensions but one must be known"), Quantized();
  ir::Value* const whole = b.shape(x);
  x = b.reshape(b.cast(x, DType::f32), split);
  if (second) second = b.cast(b.reshape(second, {}), DType::f32);
  Quantized made;
  ir::Value* scale = b.add("ReduceMax", {b.add("Abs", {x}), b.ints(inside)}, {{"keepdims", int64_t{0}}});
  scale = b.add("Div", {scale, b.real(largest(to), x)});
  if (second) scale = b.add("Div", {scale, second});
  made.scales = b.cast(scale, scale_type);
  ir::Value* used = b.add("Unsqueeze", {b.cast(made.scales, DType::f32), b.ints(inside)});
  if (second) used = b.add("Mul", {used, second});
  used = b.add("Where", {b.add("Greater", {used, b.real(0, x)}), used, b.real(1, x)});
  ir::Value* parts = b.add("Div", {x, used});
  if (to == DType::i8) parts = b.add("Clip", {b.add("Round", {parts}), b.real(-128, x), b.real(127, x)});
  parts = b.cast(parts, to);
  made.data = b.add("Reshape", {parts, whole});
  made.restored = b.add("Reshape", {b.add("Mul", {b.cast(parts, DType::f32), used}), whole});
  return made;
}

}  // namespace

void DynamicQuantizeLayer::emit(Build& b) {
  ir::Value* const x = b.in();
  const int rank = b.rank(x) - b.batch();
  std::vector<int64_t> shape = to_vector(block);
  if (shape.empty()) {
    const int at = axis < 0 ? axis + rank : axis;
    if (b.ok() && (at < 0 || at >= rank)) return b.fail("it has no axis " + std::to_string(axis));
    shape.assign(static_cast<size_t>(rank), 1);
    if (b.ok()) shape[static_cast<size_t>(at)] = block_size;
  }
  if (b.batch()) shape.insert(shape.begin(), 1);
  const Quantized made = quantize_blocks(b, x, shape, to_dtype(to), to_dtype(scale_type), b.has(1) ? b.in(1) : nullptr);
  b.out(made.data, 0);
  b.out(made.scales, 1);
}

// ---- Mixture of experts ----

// x times the weights of every expert: [experts, tokens, ...].
ir::Value* MoELayer::linear(Build& b, ir::Value* x, int which) {
  const int weights_at = kWeights + which, bias_at = kBiases + which;
  ir::Value* const weights = b.cast_like(b.in(static_cast<size_t>(weights_at)), x);
  ir::Value* const y = b.add("MatMul", {x, weights});
  if (!b.has(static_cast<size_t>(bias_at))) return y;
  ir::Value* const bias = b.cast_like(b.in(static_cast<size_t>(bias_at)), x);
  return b.add("Add", {y, b.add("Unsqueeze", {bias, b.ints({1})})});
}

ir::Value* MoELayer::quantize(Build& b, ir::Value* x) {
  if (quantized == DataType::kFLOAT) return x;
  ir::Value* const scale = b.in(kScale);
  if (dynamic)
    return b.cast_like(
        quantize_blocks(b, x, to_vector(block), to_dtype(quantized), to_dtype(scale_type), scale).restored, x);
  Result<vivace::Tensor> none = vivace::Tensor::allocate(to_dtype(quantized), {});
  if (!none.ok()) return b.fail(none.status()), nullptr;
  ir::Value *const zero = b.constant(std::move(*none)), *const single = b.reshape(scale, {});
  return b.cast_like(b.add("DequantizeLinear", {b.add("QuantizeLinear", {x, single, zero}), single, zero}), x);
}

// Every expert sees every token; those that a token did not choose count nothing.
void MoELayer::emit(Build& b) {
  ir::Value *const whole = b.in(kStates), *const scores = b.cast_like(b.in(kScores), whole);
  const ir::Dims weights = b.dims(b.in(kWeights));
  if (b.ok() && (weights.size() != 3 || !weights[0].known() || !weights[1].known()))
    b.fail("weights need dimensions experts, hidden size, inner size; see setGatedWeights");
  if (!b.ok()) return;
  const int64_t experts = weights[0].value();
  ir::Value* const x = b.reshape(whole, {-1, weights[1].value()});
  ir::Value *gate = linear(b, x, 0), *up = linear(b, x, 1);
  if (std::isfinite(limit)) {
    gate = b.add("Min", {gate, b.real(limit, x)});
    up = b.add("Clip", {up, b.real(-limit, x), b.real(limit, x)});
  }
  if (activation == MoEActType::kSILU)
    gate = b.add("Mul", {gate, b.add("Sigmoid", {b.add("Mul", {gate, b.real(alpha, x)})})});
  if (beta != 0) up = b.add("Add", {up, b.real(beta, x)});
  ir::Value* const down = linear(b, quantize(b, b.add("Mul", {gate, up})), 2);
  // The score of each expert for each token: [experts, tokens, 1].
  ir::Value* const no_and_yes = b.cast_like(b.constant(vivace::Tensor::of(std::vector<float>{0, 1})), x);
  ir::Value* const chosen = b.add("OneHot", {b.i64(b.in(kChosen)), b.integer(experts), no_and_yes});
  ir::Value* shares = b.add("Mul", {chosen, b.add("Unsqueeze", {scores, b.ints({-1})})});
  shares = b.add("ReduceSum", {shares, b.ints({-2})}, {{"keepdims", int64_t{0}}});
  shares = b.add("Unsqueeze", {b.transpose(b.reshape(shares, {-1, experts}), {1, 0}), b.ints({2})});
  ir::Value* const sum = b.add("ReduceSum", {b.add("Mul", {down, shares}), b.ints({0})}, {{"keepdims", int64_t{0}}});
  b.out(b.add("Reshape", {sum, b.shape(whole)}));
}

}  // namespace vivace::tensorrt
