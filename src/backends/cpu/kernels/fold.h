// Folding arrays into one value, and maps over arrays, for the kernels.
#pragma once

#include "backends/cpu/kernels/launch.h"
#include "backends/cpu/kernels/simd_math.h"
#include "backends/cpu/kernels/simd_shuffle.h"

namespace vivace::cpu::VIVACE_ISA {

inline VecI lane_numbers() {
  VecI lanes;
  for (int i = 0; i < kLanes; ++i) lanes[i] = i;
  return lanes;
}

/// y[i] = f(x[i]); y may be x.
template <class F>
inline void map(const float* x, float* y, int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(x + i)));
  if (const int rest = static_cast<int>(n - i)) store_first(y + i, f(load_first(x + i, rest)), rest);
}
template <class F>
inline void map2(const float* x, const float* z, float* y, int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(x + i), load(z + i)));
  if (const int rest = static_cast<int>(n - i))
    store_first(y + i, f(load_first(x + i, rest), load_first(z + i, rest)), rest);
}

/// Folds x with `step(sum, x)` in four chains of lanes, then the chains and lanes with `join`.
template <class Step, class Join>
inline float fold(const float* x, int64_t n, float neutral, Step step, Join join) {
  Vec a = splat(neutral), b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    a = step(a, load(x + i)), b = step(b, load(x + i + kLanes));
    c = step(c, load(x + i + 2 * kLanes)), d = step(d, load(x + i + 3 * kLanes));
  }
  for (; i + kLanes <= n; i += kLanes) a = step(a, load(x + i));
  if (const int rest = static_cast<int>(n - i)) b = lane_numbers() < rest ? step(b, load_first(x + i, rest)) : b;
  return fold_lanes(join(join(a, b), join(c, d)), join);
}

inline Vec plus(Vec a, Vec b) { return a + b; }
inline Vec max_or_nan(Vec a, Vec b) { return ((a > b) | (a != a)) ? a : b; }
inline Vec min_or_nan(Vec a, Vec b) { return ((a < b) | (a != a)) ? a : b; }

/// Sum of f(x[i]), in double over pieces.
template <class F>
inline double sum_of(const float* x, int64_t n, F f) {
  constexpr int64_t kPiece = 4096;
  double total = 0;
  for (int64_t i = 0; i < n; i += kPiece)
    total += static_cast<double>(fold(
        x + i, smaller(kPiece, n - i), 0, [=](Vec sum, Vec v) { return sum + f(v); }, plus));
  return total;
}

}  // namespace vivace::cpu::VIVACE_ISA
