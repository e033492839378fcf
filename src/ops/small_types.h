// Numbers of 8 bits and less: the float types f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz, f8e8m0 and f4e2m1, and integers
// packed in 2 or 4 bits. Sources: the ONNX standard; "FP8 formats for deep learning" (Micikevicius et al., 2022);
// "8-bit numerical formats for deep neural networks" (Noune et al., 2022); the OCP microscaling specification.
#pragma once

#include "base/tensor.h"

namespace vivace::ops {

/// Whether `type` is one of the six small float types.
bool is_small_float(DType type);
/// The number that the bits of a small float mean.
float decode_small_float(DType type, uint8_t bits);
/// The nearest number of the type, ties to even. Beyond the largest one: that one where `saturate`, otherwise infinity
/// or NaN, whichever the type has.
uint8_t encode_small_float(DType type, float value, bool saturate);

/// Element i of a tensor packed in 2, 4 or 8 bits, as bits without sign.
uint8_t get_bits(const TensorView& tensor, int64_t i);
/// Puts bits into element i, whose bits must be zero.
void put_bits(const TensorView& tensor, int64_t i, uint8_t bits);

/// Least and greatest number of an integer type of at most 32 bits, packed ones among them; {0, 0} for others.
struct IntegerRange {
  int64_t low, high;
};
IntegerRange integer_range(DType type);

/// All elements of a tensor of f32, f16, bf16, a small float or an integer of up to 32 bits, as f64. Empty for others.
std::vector<double> small_to_double(const TensorView& tensor);

/// A copy of a tensor of small floats as f32, of packed integers as i8 or u8; both are exact.
Result<Tensor> widened(const TensorView& tensor);

}  // namespace vivace::ops
