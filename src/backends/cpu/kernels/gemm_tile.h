// The register tile of the matrix product: R rows by NB vectors of columns.
//
// A is blocked as [k / kLanes][row][kLanes], so that every load of the tile has a constant offset and rows never
// collide in the cache; B is a panel [k][NB][kLanes]. 14x2 (AVX-512) uses 31 of 32 registers and needs 16 loads for 28
// multiplications; 6x2 (AVX2) uses 15 of 16.
#pragma once

#include <utility>

#include "backends/cpu/kernels/simd.h"

namespace vivace::cpu::VIVACE_ISA {

#if defined(__AVX512F__)
constexpr int kMaxRows = 14;
#elif defined(__AVX2__)
constexpr int kMaxRows = 6;
#else
constexpr int kMaxRows = 4;
#endif
constexpr int kPanel = 2 * kLanes;  // columns of B in a full panel

/// c = clamp(alpha * sums + bias + add, lo, hi)
struct TileStore {
  float* c;
  int64_t c_row;
  const float* add;  // null: nothing
  int64_t add_row;
  const float* bias;  // null: zero
  int columns;        // of this panel, 1 to NB * kLanes
  float alpha, lo, hi;
};

template <int R, int NB>
void gemm_tile(const float* a, int64_t a_block, const float* b, int64_t depth, const float* next, int64_t next_step,
               const TileStore& out) {
  Vec sum[R][NB];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int j = 0; j < NB; ++j) sum[r][j] = Vec{};
  for (; depth > 0; depth -= kLanes, a += a_block) {
    const int count = static_cast<int>(depth < kLanes ? depth : kLanes);
    for (int k = 0; k < count; ++k) {
      Vec w[NB];
#pragma GCC unroll 2
      for (int j = 0; j < NB; ++j) w[j] = load(b + j * kLanes);
      b += NB * kLanes;
      __builtin_prefetch(next, 0, 2);  // what comes next into L2, a piece per step
      next += next_step;
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const Vec x = splat(a[r * kLanes + k]);
#pragma GCC unroll 2
        for (int j = 0; j < NB; ++j) sum[r][j] += x * w[j];
      }
    }
  }
  const Vec lo = splat(out.lo), hi = splat(out.hi);
  const int last = out.columns - (NB - 1) * kLanes;  // lanes of the last vector
  Vec bias[NB];
#pragma GCC unroll 2
  for (int j = 0; j < NB; ++j)
    bias[j] = !out.bias ? Vec{} : load_first(out.bias + j * kLanes, j + 1 < NB ? kLanes : last);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int j = 0; j < NB; ++j) {
      const int lanes = j + 1 < NB ? kLanes : last;
      Vec v = sum[r][j] * out.alpha + bias[j];
      if (out.add) v += load_first(out.add + r * out.add_row + j * kLanes, lanes);
      v = min(hi, max(lo, v));  // keeps NaN
      if (lanes == kLanes)
        store(out.c + r * out.c_row + j * kLanes, v);
      else
        store_first(out.c + r * out.c_row + j * kLanes, v, lanes);
    }
}

using Tile = void (*)(const float*, int64_t, const float*, int64_t, const float*, int64_t, const TileStore&);
template <int NB, class Rows>
struct TileTable;
template <int NB, int... R>
struct TileTable<NB, std::integer_sequence<int, R...>> {
  static constexpr Tile rows[] = {gemm_tile<R + 1, NB>...};
};
/// Tiles<NB>::rows[r - 1] computes r rows.
template <int NB>
using Tiles = TileTable<NB, std::make_integer_sequence<int, kMaxRows>>;

}  // namespace vivace::cpu::VIVACE_ISA
