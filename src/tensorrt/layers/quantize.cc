// Quantization and dequantization.
#include "tensorrt/layers/layers.h"

namespace vivace::tensorrt {

// The operator's zero point says the quantized type; where the layer has none, it is zeros of the scale's shape.
template <class Interface>
void QuantizationLayer<Interface>::emit_linear(Build& b, const char* op, DType quantized) {
  ir::Value *const x = b.in(0), *scale = b.in(1);
  const int rank = b.rank(scale);
  if (!b.ok()) return;
  if (rank > 1) return emit_blocks(b, op, quantized);
  const std::optional<Shape> shape = scale->type.shape();
  const bool single = shape && elements(*shape) == 1;
  if (single && rank > 0) scale = b.reshape(scale, {});
  ir::Value* zero = b.has(2) ? b.in(2) : nullptr;
  if (zero && single && b.rank(zero) > 0) zero = b.reshape(zero, {});
  if (!zero && quantized != DType::undefined) {
    if (!shape) return b.fail("the shape of its scale must be known");
    Result<vivace::Tensor> zeros = vivace::Tensor::allocate(quantized, single ? Shape{} : *shape);
    if (!zeros.ok()) return b.fail(zeros.status());
    zero = b.constant(std::move(*zeros));
  }
  const int64_t at = axis < 0 ? (single ? 1 : axis) : axis + b.batch();
  b.out(b.add(op, {x, scale, zero}, {{"axis", at}}));
}

// A scale of as many dimensions as the data has: each stands for a block of one dimension.
template <class Interface>
void QuantizationLayer<Interface>::emit_blocks(Build& b, const char* op, DType quantized) {
  ir::Value *const x = b.in(0), *const scale = b.in(1);
  const std::optional<Shape> sizes = x->type.shape(), blocks = scale->type.shape();
  if (!sizes || !blocks || sizes->size() != blocks->size())
    return b.fail("scales of blocks need as many dimensions as the data, all of them known");
  int64_t at = -1, each = 1;
  for (size_t i = 0; i < sizes->size(); ++i) {
    const int64_t size = (*sizes)[i], count = (*blocks)[i];
    if (size == count) continue;
    if (count < 1 || size % count != 0 || at >= 0) return b.fail("its blocks must divide one dimension");
    at = static_cast<int64_t>(i);
    each = size / count;
  }
  if (at < 0) at = static_cast<int64_t>(sizes->size()) - 1;
  const std::vector<int64_t> asked = to_vector(block);
  for (size_t i = 0; i < asked.size(); ++i) {
    const int64_t own = static_cast<int64_t>(i) + b.batch() == at ? each : 1;
    if (asked[i] != own && !(asked[i] == -1 && own == (*sizes)[i + static_cast<size_t>(b.batch())]))
      return b.fail("the scales are for blocks of " + std::to_string(own) + " along dimension " + std::to_string(i) +
                    ", not of " + std::to_string(asked[i]));
  }
  const DType out = quantized == DType::undefined ? to_dtype(to) : quantized;
  b.out(b.add(op, {x, scale, b.has(2) ? b.in(2) : nullptr},
              {{"axis", at}, {"block_size", each}, {"output_dtype", static_cast<int64_t>(out)}}));
}

template class QuantizationLayer<nvinfer1::IQuantizeLayer>;
template class QuantizationLayer<nvinfer1::IDequantizeLayer>;

}  // namespace vivace::tensorrt
