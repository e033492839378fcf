// What the convolution kernels share: small integer arithmetic and the epilogue.
#pragma once

#include <cstddef>

#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/simd.h"

namespace vivace::cpu::VIVACE_ISA {

// Not <algorithm>'s: their out-of-line copies would be shared with code of other instruction sets.
constexpr int min(int a, int b) { return a < b ? a : b; }
constexpr int max(int a, int b) { return a > b ? a : b; }
constexpr int clamp(int x, int low, int high) { return max(low, min(x, high)); }
constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int blocks_of(int channels) { return ceil_div(channels, kLanes); }
constexpr size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }
/// First of the i-th of n nearly equal parts of total.
constexpr int part(int total, int n, int i) { return static_cast<int>(static_cast<int64_t>(total) * i / n); }

inline ptrdiff_t in_plane(const ConvShape& s) { return static_cast<ptrdiff_t>(s.in_h) * s.in_w * kLanes; }
inline ptrdiff_t out_plane(const ConvShape& s) { return static_cast<ptrdiff_t>(s.out_h) * s.out_w * kLanes; }
inline size_t no_scratch(const ConvShape&, int, int) { return 0; }

/// An epilogue in two parts: what every kernel does in registers (bias, residual, limits), and the rest. Where there
/// is a rest, a kernel stores its tile in a small buffer, from where finish_rest brings it to the output.
struct Finish {
  const Epilogue* epilogue;
  const float* residual;  // added in registers; null: none
  float low, high;
  bool rest;      // call finish_rest
  int last_lanes;  // channels in the last block
  int last_block;
};
Finish plan_finish(const Epilogue& epilogue, int out_channels);
/// Brings `pixels` neighbours of one block from `sums` to output + offset.
void finish_rest(const Finish& finish, int block, const float* sums, float* output, ptrdiff_t offset, int pixels);

/// Bias of `blocks` blocks from `block` on, zero past the last channel; `room`: blocks * kLanes floats to build it in.
inline const float* bias_of(const Epilogue& e, int out_channels, int block, int blocks, float* room) {
  const int first = block * kLanes, n = min(blocks * kLanes, out_channels - first);
  if (e.bias && n == blocks * kLanes) return e.bias + first;
  for (int i = 0; i < blocks * kLanes; ++i) room[i] = e.bias && i < n ? e.bias[first + i] : 0.f;
  return room;
}
inline Vec limit(Vec v, Vec low, Vec high) { return min(high, max(low, v)); }  // keeps NaN

}  // namespace vivace::cpu::VIVACE_ISA
