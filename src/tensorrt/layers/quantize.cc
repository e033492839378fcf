// Quantization and dequantization.
#include "tensorrt/layers/layers.h"

namespace vivace::tensorrt {

// The operator's zero point says the quantized type; where the layer has none, it is zeros of the scale's shape.
template <class Interface>
void QuantizationLayer<Interface>::emit_linear(Build& b, const char* op, DType quantized) {
  ir::Value *const x = b.in(0), *scale = b.in(1);
  const int rank = b.rank(scale);
  if (!b.ok()) return;
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

template class QuantizationLayer<nvinfer1::IQuantizeLayer>;
template class QuantizationLayer<nvinfer1::IDequantizeLayer>;

}  // namespace vivace::tensorrt
