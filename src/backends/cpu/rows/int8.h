// What the rows for products and convolutions of 8-bit integers share.
#pragma once

#include "backends/cpu/kernels/int8.h"
#include "backends/cpu/rows/rows.h"

namespace vivace::cpu {

inline bool is_byte(DType type) { return type == DType::u8 || type == DType::i8; }

/// Where an operator has the tensors of a quantized product; kNone: it has no such input.
struct QuantizedInputs {
  static constexpr size_t kNone = 99;
  size_t a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero, bias;
};

/// The zero point or scale of a tensor is one number, or left out.
Verdict single(const Problem& p, size_t input);
/// It is one number, or one for each of `count`, or left out.
Verdict single_or_each(const Problem& p, size_t input, int64_t count);

/// A zero point from memory; 0 where it is null.
inline int zero_at(const void* data, DType type, int64_t i) {
  if (!data) return 0;
  return type == DType::u8 ? int{static_cast<const uint8_t*>(data)[i]} : int{static_cast<const int8_t*>(data)[i]};
}

/// Rounds up to whole cache lines.
inline size_t lines(int64_t bytes) { return (static_cast<size_t>(bytes) + 63) / 64 * 64; }

}  // namespace vivace::cpu
