// The register tile of the direct and Winograd convolutions: R neighbouring output pixels times NB blocks of output
// channels. All R * NB sums stay in registers; each step loads NB weight vectors and broadcasts one input value per
// pixel. 14 x 2 fills the 32 registers of AVX-512, 6 x 2 the 16 of the others; 12 x 1 hides their latency. With
// AVX-512, where the last block has at most 8 channels, its sums are half as wide: a processor that adds 256 bits at a
// time, twice for 512, is done with 24 channels in three quarters of the time of 32; no other is slower for it.
#pragma once

#include "backends/cpu/kernels/conv_util.h"

namespace vivace::cpu::VIVACE_ISA {

#if defined(__AVX512F__)
constexpr int kTileRows = 14;
constexpr int tile_rows(int) { return kTileRows; }
#else
constexpr int kTileRows = 6;  // of the widest tile
constexpr int tile_rows(int blocks) { return blocks == 1 ? 2 * kTileRows : kTileRows; }
#endif
constexpr int kTileBlocks = 2;
constexpr int kTileFloats = kTileRows * kTileBlocks * kLanes;  // sums of any tile

#if defined(__AVX512F__)
constexpr bool kHalves = true;
typedef float HalfVec __attribute__((vector_size(kLanes / 2 * sizeof(float))));
inline HalfVec lower_half(Vec v) { return __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7); }
inline Vec with_zeros(HalfVec v) {
  return __builtin_shufflevector(v, HalfVec{}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
#else
constexpr bool kHalves = false;
typedef Vec HalfVec;
inline HalfVec lower_half(Vec v) { return v; }
inline Vec with_zeros(HalfVec v) { return v; }
#endif
/// Whether `blocks` blocks from `block` on end in half a block.
constexpr bool ends_in_half(int out_channels, int block, int blocks) {
  return kHalves && (block + blocks) * kLanes - out_channels >= kLanes / 2;
}

struct ConvTile {
  const ConvShape* shape;
  const float* input;    // of this image, at the first channel block that the weights read
  int depth;             // input channels read
  int y, x;              // the first output pixel; the tile may run over the ends of rows
  const float* weights;  // [kernel_h][kernel_w][depth][NB * kLanes]
  const char* next;      // weights to fetch into the second-level cache meanwhile: next_step bytes per step
  ptrdiff_t next_step;
  float* output;
  const float* residual;                   // or null
  ptrdiff_t output_plane, residual_plane;  // floats from one block of output channels to the next
  const float* bias;                       // NB * kLanes; null: zero
  float low, high;
};

template <int R, int NB>
inline __attribute__((always_inline)) void start_sums(Vec (&sums)[R][NB], const float* bias) {
#pragma GCC unroll 4
  for (int n = 0; n < NB; ++n) {
    const Vec b = bias ? load(bias + n * kLanes) : Vec{};
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sums[r][n] = b;
  }
}

template <int R, int NB>
inline __attribute__((always_inline)) void store_sums(const Vec (&sums)[R][NB], const ConvTile& t) {
  const Vec low = splat(t.low), high = splat(t.high);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int n = 0; n < NB; ++n) {
      Vec v = sums[r][n];
      if (t.residual) v = v + load(t.residual + n * t.residual_plane + r * kLanes);
      store(t.output + n * t.output_plane + r * kLanes, limit(v, low, high));
    }
}

/// Offsets of the input pixels that tap (ky, kx) of the tile's pixels reads, -1 outside the image; false: all outside.
template <int R>
bool tap_offsets(const ConvTile& t, int ky, int kx, ptrdiff_t (&offsets)[R]) {
  const ConvShape& s = *t.shape;
  bool any = false;
  int x = t.x, y = t.y * s.stride_h - s.pad_top + ky * s.dilation_h;
  if (x + R <= s.out_w) {  // the same in fewer steps, which counts where a tap has few channels
    if (y < 0 || y >= s.in_h) return false;
    const ptrdiff_t row = static_cast<ptrdiff_t>(y) * s.in_w;
    x = x * s.stride_w - s.pad_left + kx * s.dilation_w;
    for (int r = 0; r < R; ++r, x += s.stride_w) offsets[r] = x >= 0 && x < s.in_w ? (row + x) * kLanes : -1;
    return true;
  }
  for (int r = 0; r < R; ++r) {
    const int in_x = x * s.stride_w - s.pad_left + kx * s.dilation_w;
    const bool inside = y >= 0 && y < s.in_h && in_x >= 0 && in_x < s.in_w;
    offsets[r] = inside ? (static_cast<ptrdiff_t>(y) * s.in_w + in_x) * kLanes : -1;
    any |= inside;
    if (++x == s.out_w) x = 0, y += s.stride_h;
  }
  return any;
}

/// Taps whose pixels are neighbours at distance S (1 or 2) in one row are read in place; others (borders, other
/// strides, tiles over several rows) are gathered first, which costs 3 to 6 %. kHalf: the last block has half its
/// lanes.
template <int R, int NB, int S, bool kHalf>
void conv_tile(const ConvTile& t) {
  const ConvShape& s = *t.shape;
  const ptrdiff_t plane = in_plane(s), next_step = t.next_step;
  const bool one_row = t.x + R <= s.out_w && s.stride_w == S;
  const char* next = t.next;
  alignas(64) float gathered[R * S * kLanes];
  ptrdiff_t offsets[R];
  constexpr int kWhole = kHalf ? NB - 1 : NB;  // blocks
  Vec sums[R][NB];
  start_sums(sums, t.bias);
  HalfVec halves[R];
  if constexpr (kHalf)
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) halves[r] = lower_half(sums[r][NB - 1]);
  for (int ky = 0; ky < s.kernel_h; ++ky)
    for (int kx = 0; kx < s.kernel_w; ++kx) {
      const int in_y = t.y * s.stride_h - s.pad_top + ky * s.dilation_h;
      const int in_x = t.x * s.stride_w - s.pad_left + kx * s.dilation_w;
      if (one_row && (in_y < 0 || in_y >= s.in_h)) continue;
      const bool in_place = one_row && in_x >= 0 && in_x + (R - 1) * S < s.in_w;
      const float* from = t.input;
      if (in_place)
        from += (static_cast<ptrdiff_t>(in_y) * s.in_w + in_x) * kLanes;
      else if (!tap_offsets<R>(t, ky, kx, offsets))
        continue;
      const float* w = t.weights + static_cast<ptrdiff_t>(ky * s.kernel_w + kx) * t.depth * (NB * kLanes);
      for (int depth = t.depth; depth > 0; depth -= kLanes, from += plane) {
        const float* a = from;
        if (!in_place) {
          for (int r = 0; r < R; ++r)
            store(gathered + r * S * kLanes, offsets[r] < 0 ? Vec{} : load(from + offsets[r]));
          a = gathered;
        }
        const float* end = a + min(depth, kLanes);
#pragma GCC unroll 1
        for (; a < end; ++a, w += NB * kLanes, next += next_step) {
          Vec weight[NB];
#pragma GCC unroll 4
          for (int n = 0; n < NB; ++n) weight[n] = load(w + n * kLanes);
          __builtin_prefetch(next, 0, 2);
#pragma GCC unroll 16
          for (int r = 0; r < R; ++r) {
            const Vec value = splat(a[r * S * kLanes]);
#pragma GCC unroll 4
            for (int n = 0; n < kWhole; ++n) sums[r][n] += value * weight[n];
            if constexpr (kHalf) halves[r] += lower_half(value) * lower_half(weight[NB - 1]);
          }
        }
      }
    }
  if constexpr (kHalf)
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sums[r][NB - 1] = with_zeros(halves[r]);
  store_sums(sums, t);
}

using TileFunction = void (*)(const ConvTile&);
/// The tile of `rows` pixels (1 to tile_rows(blocks)) and `blocks` blocks (1 to kTileBlocks; `half`: as ends_in_half
/// says) for a horizontal stride.
TileFunction conv_tile_function(int rows, int blocks, bool half, int stride);

}  // namespace vivace::cpu::VIVACE_ISA
