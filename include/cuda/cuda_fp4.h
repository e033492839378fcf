// The type of 4-bit floats with its conversions, on the host. It has no infinity and no NaN: what is too large becomes
// the largest number, and NaN too.
#ifndef VIVACE_CUDA_FP4_H_
#define VIVACE_CUDA_FP4_H_

#ifdef __cplusplus
#include "cuda_fp8.h"
#include "vivace_small_float.h"

typedef unsigned char __nv_fp4_storage_t;

namespace vivace_cuda {

/// A sign, two bits of exponent and one of mantissa: 0, 0.5, 1, 1.5, 2, 3, 4, 6.
struct Float4 {
  static float magnitude(uint32_t bits) {
    const uint32_t exponent = bits >> 1 & 3;
    const float fraction = static_cast<float>(bits & 1) * 0.5f;
    return exponent == 0 ? fraction : std::ldexp(1.0f + fraction, static_cast<int>(exponent) - 1);
  }
  static float to_float(uint32_t bits) { return (bits & 8) != 0 ? -magnitude(bits) : magnitude(bits); }
  /// To the nearest, ties to even.
  static uint32_t from_float(float value) {
    const uint32_t sign = std::signbit(value) ? 8 : 0;
    const float size = std::fabs(value);
    uint32_t bits = 0;
    while (bits < 7) {
      const float middle = (magnitude(bits) + magnitude(bits + 1)) / 2;
      if (size < middle || (size == middle && bits % 2 == 0)) break;
      ++bits;
    }
    return sign | bits;
  }
};

}  // namespace vivace_cuda

struct __nv_fp4_e2m1 : vivace_cuda::Number<vivace_cuda::Float4, __nv_fp4_storage_t> {
  using Number::Number;
  __nv_fp4_e2m1() = default;
};

#endif  // __cplusplus

#endif  // VIVACE_CUDA_FP4_H_
