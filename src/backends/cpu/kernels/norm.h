// Softmax, normalizations and reductions, f32. Sums run in f32 lanes over pieces of some thousand elements, and in
// double over the pieces.
#pragma once

#include <cstdint>

#include "backends/cpu/isa.h"

namespace vivace {
class ThreadPool;
}

namespace vivace::cpu {

enum class Reduction : uint8_t { sum, mean, max, min, prod, sum_square, sum_abs };

/// Arrays are contiguous. A result may be the input itself, except in `reduce`.
struct NormKernels {
  /// Over the middle of [outer, n, inner]; logarithm: its logarithm.
  void (*softmax)(const float* x, float* y, int64_t outer, int64_t n, int64_t inner, bool logarithm, ThreadPool& pool);
  /// y = (x - mean) / sqrt(var + epsilon) * scale + bias for each of `rows` rows of n. scale and bias: n floats or
  /// null. add (or null) is added to x first, and the sum kept in `sum` (or null), which may be x or add.
  void (*layer_norm)(const float* x, const float* add, const float* scale, const float* bias, float* sum, float* y,
                     int64_t rows, int64_t n, float epsilon, ThreadPool& pool);
  /// y = x / sqrt(mean(x^2) + epsilon) * scale; the rest as layer_norm.
  void (*rms_norm)(const float* x, const float* add, const float* scale, float* sum, float* y, int64_t rows, int64_t n,
                   float epsilon, ThreadPool& pool);
  /// Over [batch, channels, spatial], statistics over each of `groups` groups of channels; instance normalization has
  /// as many groups as channels. scale and bias: one per channel or null.
  void (*group_norm)(const float* x, const float* scale, const float* bias, float* y, int64_t batch, int64_t channels,
                     int64_t spatial, int64_t groups, float epsilon, ThreadPool& pool);
  /// y = x * scale + shift with one of each per channel, over [outer, channels, inner].
  void (*scale_shift)(const float* x, const float* scale, const float* shift, float* y, int64_t outer, int64_t channels,
                      int64_t inner, ThreadPool& pool);
  /// The same in the blocked layout [outer, blocks, inner, lanes]; scale and shift: blocks * lanes, lanes those of the
  /// instruction set.
  void (*scale_shift_blocked)(const float* x, const float* scale, const float* shift, float* y, int64_t outer,
                              int64_t blocks, int64_t inner, ThreadPool& pool);
  /// y = x with the pairs (i, half + i) turned by angles of these cosines and sines; elements from 2 * half on stay.
  void (*rotate)(const float* x, const float* cosines, const float* sines, float* y, int64_t half, int64_t size);
  /// [outer, n, inner] to [outer, inner]. Nothing reduces to 0, 1 (prod), -inf (max), inf (min), NaN (mean).
  void (*reduce)(Reduction reduction, const float* x, float* y, int64_t outer, int64_t n, int64_t inner,
                 ThreadPool& pool);
};
const NormKernels& norm_kernels(Isa isa);

}  // namespace vivace::cpu
