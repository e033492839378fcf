// Vec operations across lanes.
#pragma once

#include "backends/cpu/kernels/simd.h"

namespace vivace::cpu::VIVACE_ISA {

#if defined(__AVX512F__)
inline Vec interleave_low(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
inline Vec interleave_high(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
inline Vec swap_halves_16(Vec v) {
  return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
}
inline Vec swap_halves_8(Vec v) {
  return __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
}
inline Vec swap_halves_4(Vec v) {
  return __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}
inline Vec swap_halves_2(Vec v) {
  return __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
}
#elif defined(__AVX2__)
inline Vec interleave_low(Vec a, Vec b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
inline Vec interleave_high(Vec a, Vec b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
inline Vec swap_halves_8(Vec v) { return __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3); }
inline Vec swap_halves_4(Vec v) { return __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5); }
inline Vec swap_halves_2(Vec v) { return __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6); }
#else
inline Vec interleave_low(Vec a, Vec b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
inline Vec interleave_high(Vec a, Vec b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
inline Vec swap_halves_4(Vec v) { return __builtin_shufflevector(v, v, 2, 3, 0, 1); }
inline Vec swap_halves_2(Vec v) { return __builtin_shufflevector(v, v, 1, 0, 3, 2); }
#endif

/// All lanes folded into one by `op`, in an order that is the same for every call.
template <class Op>
inline float fold_lanes(Vec v, Op op) {
#if defined(__AVX512F__)
  v = op(v, swap_halves_16(v));
#endif
#if defined(__AVX2__)
  v = op(v, swap_halves_8(v));
#endif
  v = op(v, swap_halves_4(v));
  v = op(v, swap_halves_2(v));
  return v[0];
}
inline float sum_lanes(Vec v) {
  return fold_lanes(v, [](Vec a, Vec b) { return a + b; });
}
inline float max_lanes(Vec v) {
  return fold_lanes(v, [](Vec a, Vec b) { return max(a, b); });
}

/// Transposes a square of kLanes rows: log2(kLanes) rounds of a perfect shuffle.
inline void transpose(Vec (&v)[kLanes]) {
#pragma GCC unroll 4
  for (int round = 1; round < kLanes; round *= 2) {
    Vec t[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes / 2; ++i) {
      t[2 * i] = interleave_low(v[i], v[i + kLanes / 2]);
      t[2 * i + 1] = interleave_high(v[i], v[i + kLanes / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) v[i] = t[i];
  }
}

}  // namespace vivace::cpu::VIVACE_ISA
