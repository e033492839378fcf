// The kernel of conv_stem.h.
#include "backends/cuda/rows/conv_stem.h"
#include "backends/cuda/rows/mma.h"

namespace vivace::cuda {

namespace {

// Lines between "@conv" or "@pool" and the next such line are for kernels that store the convolution, or maxima of it.
constexpr const char* kStart = R"(
constexpr int kThreads = 32 * kWarpsM * kWarpsN * kWarpsK, kSlots = 16 * kM * kWarpsM, kTileN = kN * kWarpsN;
constexpr int kOutBlocks = (kOutChannels + 7) / 8, kPairs = kKernelH * kInChannels * kPairsW, kSteps = (kPairs + 7) / 8;
@conv
constexpr int kTilesW = (kOutW + kTileW - 1) / kTileW, kTilesH = (kOutH + kTileH - 1) / kTileH;
@pool
constexpr int kTilesW = (kPoolW + kPoolTileW - 1) / kPoolTileW, kTilesH = (kPoolH + kPoolTileH - 1) / kPoolTileH;
@end
constexpr bool kEach = kStrideW % 2;  // every column begins a word
constexpr int kColumn = kEach ? 1 : 2, kRows = kPatchH * kInChannels, kWords = (kRows + kSlackRows) * kRowWords;
constexpr bool kAligned = !kEach && kInW % 2 == 0 && (kPadW + kShift) % 2 == 0;
constexpr int kTogether = 8;  // loads of a thread that fly at once where they are no copies
constexpr int kUnroll = kWarpsK == 1 && kSteps <= 24 ? kSteps : 8;
@conv
constexpr int kItems = kSlots * kTileN, kFinishes = (kItems + kThreads - 1) / kThreads;
@end
extern "C" __global__ void __launch_bounds__(kThreads) conv(const In* x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(128) unsigned char memory[];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, wm = warp % kWarpsM;
  const int wn = warp / kWarpsM % kWarpsN, wk = kWarpsK > 1 ? warp / (kWarpsM * kWarpsN) : 0;
  const int tile = blockIdx.x, n = tile / (kTilesW * kTilesH);
@conv
  const int oh = tile / kTilesW % kTilesH * kTileH, ow = tile % kTilesW * kTileW;
@pool
  const int ph = tile / kTilesW % kTilesH * kPoolTileH, pw = tile % kTilesW * kPoolTileW;  // of maxima
  const int oh = ph * kPoolStrideH - kPoolPadH, ow = pw * kPoolStrideW - kPoolPadW;
@end
  const int j0 = blockIdx.y * kTileN;
  unsigned* const patch = (unsigned*)(memory + kWeightBytes);

  // Before the wait: weights, bias, places of pixels.
  const unsigned weights = shared_address(memory);
  for (int i = tid; i < kWeightBytes / 16; i += kThreads)
    copy_16(weights + i * 16, (const Words*)w + (size_t)blockIdx.y * (kWeightBytes / 16) + i, true);
  float* const biases = (float*)(memory + kBiasAt);
  for (int i = tid; i < kTileN * 2; i += kThreads)
    copy_16(shared_address(biases + i * 4), bias + j0 * 8 + i * 4, true);
  commit_copies();
@conv
  const auto pixel_of = [&](int slot) {
    const int h = oh + slot / kTileW, v = ow + slot % kTileW;
    return slot < kTileH * kTileW && h < kOutH && v < kOutW ? (n * kOutH + h) * kOutW + v : -1;
  };
@end
  // The pairs 4 q to 4 q + 3, one for each lane of four, lie at a place of q and one of the lane.
  const int t = lane & 3, of_lane = t / kPairsW * kRowWords + t % kPairsW * (2 / kColumn);
  int from[kM][2];
#pragma unroll
  for (int u = 0; u < kM; ++u)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      int slot = (wm * kM + u) * 16 + (lane >> 2) + h * 8;
      if (slot >= kTileH * kTileW) slot = 0;
      from[u][h] = of_lane + slot / kTileW * kStrideH * (kInChannels * kRowWords) + slot % kTileW * (kStrideW / kColumn);
    }
  wait();
  allow_next();

  const int ih0 = oh * kStrideH - kPadH, iw0 = ow * kStrideW - kPadW - kShift;
  const auto place = [&](int i, int& row, int& ih, int& iw) {
    row = i / kRowWords, ih = ih0 + row / kInChannels, iw = iw0 + i % kRowWords * kColumn;
    return x + ((n * kInChannels + row % kInChannels) * kInH + ih) * kInW + iw;
  };
)";

// Pairs of columns that are words in memory, too: copied, or where they are f32, loaded and rounded.
constexpr const char* kCopyPairs = R"(  if (kAligned) {
    for (int i = tid; i < kWords; i += kThreads) {
      int row, ih, iw;
      const In* const at = place(i, row, ih, iw);
      const bool inside = row < kRows && (unsigned)ih < (unsigned)kInH && (unsigned)iw < (unsigned)kInW;
      copy_pair(patch + i, inside ? at : x, inside);
    }
    commit_copies();
)";
constexpr const char* kLoadPairs = R"(  if (kAligned) {
    for (int first = tid; first < kWords; first += kThreads * kTogether) {
      float2 pairs[kTogether];
#pragma unroll
      for (int k = 0; k < kTogether; ++k) {
        int row, ih, iw;
        const In* const at = place(first + k * kThreads, row, ih, iw);
        const bool inside = row < kRows && (unsigned)ih < (unsigned)kInH && (unsigned)iw < (unsigned)kInW;
        pairs[k] = inside ? *(const float2*)at : make_float2(0, 0);
      }
#pragma unroll
      for (int k = 0; k < kTogether; ++k)
        if (first + k * kThreads < kWords) patch[first + k * kThreads] = pack(pairs[k].x, pairs[k].y);
    }
)";

constexpr const char* kSums = R"(  } else {
    for (int first = tid; first < kWords; first += kThreads * kTogether) {
      unsigned l[kTogether], h[kTogether];
#pragma unroll
      for (int k = 0; k < kTogether; ++k) {
        int row, ih, iw;
        const In* const at = place(first + k * kThreads, row, ih, iw);
        const bool inside = row < kRows && (unsigned)ih < (unsigned)kInH;
        l[k] = inside && (unsigned)iw < (unsigned)kInW ? bits_at(at) : 0;
        h[k] = inside && (unsigned)(iw + 1) < (unsigned)kInW ? bits_at(at + 1) : 0;
      }
#pragma unroll
      for (int k = 0; k < kTogether; ++k)
        if (first + k * kThreads < kWords) patch[first + k * kThreads] = l[k] | h[k] << 16;
    }
  }
  wait_copies<0>();
  __syncthreads();

  float sums[kM][kN][4] = {};
  const Words* const factors = (const Words*)memory + wn * (kN / 2) * kSteps * 32 + lane;
#pragma unroll kUnroll
  for (int s = wk; s < kSteps; s += kWarpsK) {
    const auto place_of = [](int pair) {
      return pair < kPairs ? pair / kPairsW * kRowWords + pair % kPairsW * (2 / kColumn) : 0;
    };
    const int p0 = place_of(s * 8), p1 = place_of(s * 8 + 4);
    unsigned a[kM][4];
#pragma unroll
    for (int u = 0; u < kM; ++u) {
      a[u][0] = patch[from[u][0] + p0];
      a[u][1] = patch[from[u][1] + p0];
      a[u][2] = patch[from[u][0] + p1];
      a[u][3] = patch[from[u][1] + p1];
    }
#pragma unroll
    for (int v = 0; v < kN; v += 2) {
      const Words b = factors[(v / 2 * kSteps + s) * 32];
#pragma unroll
      for (int u = 0; u < kM; ++u) {
        multiply(sums[u][v], a[u], b.v[0], b.v[1]);
        multiply(sums[u][v + 1], a[u], b.v[2], b.v[3]);
      }
    }
  }
  __syncthreads();

  // Through shared memory, so that 16 bytes of a pixel are stored at once.
  constexpr int kSumPitch = kTileN * 8 + 4;
  float* const part = (float*)memory;
#pragma unroll
  for (int u = 0; u < kM; ++u)
#pragma unroll
    for (int v = 0; v < kN; ++v)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int slot = (wm * kM + u) * 16 + (lane >> 2) + h * 8, c = (wn * kN + v) * 8 + (lane & 3) * 2;
        *(float2*)(part + (wk * kSlots + slot) * kSumPitch + c) =
            make_float2(sums[u][v][h * 2], sums[u][v][h * 2 + 1]);
      }
  __syncthreads();
@conv
#pragma unroll
  for (int f = 0; f < kFinishes; ++f) {
    const int i = tid + f * kThreads, j = j0 + i % kTileN, pixel = i < kItems ? pixel_of(i / kTileN) : -1;
    if (pixel < 0 || j >= kOutBlocks) continue;
    const float* const sum = part + i / kTileN * kSumPitch + i % kTileN * 8;
    float v[8], added[8];
    *(float4*)v = *(const float4*)sum;
    *(float4*)(v + 4) = *(const float4*)(sum + 4);
#pragma unroll
    for (int k = 1; k < kWarpsK; ++k)
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] += sum[k * kSlots * kSumPitch + e];
    *(float4*)added = *(const float4*)(biases + i % kTileN * 8);
    *(float4*)(added + 4) = *(const float4*)(biases + i % kTileN * 8 + 4);
    finish_8(v, added, residual_8(residual, pixel, j * 8), y, pixel, j * 8);
  }
@pool
  // No window of maxima reaches beyond the tile; what lies beside the image is no part of it.
  for (int i = tid; i < kPoolTileH * kPoolTileW * kTileN; i += kThreads) {
    const int j = j0 + i % kTileN, row = i / kTileN / kPoolTileW, column = i / kTileN % kPoolTileW;
    if (j >= kOutBlocks || ph + row >= kPoolH || pw + column >= kPoolW) continue;
    float most[8], added[8];
#pragma unroll
    for (int e = 0; e < 8; ++e) most[e] = -__uint_as_float(0x7f800000u);
#pragma unroll
    for (int at = 0; at < kPoolKernelH * kPoolKernelW; ++at) {
      const int h = row * kPoolStrideH + at / kPoolKernelW, v = column * kPoolStrideW + at % kPoolKernelW;
      if ((unsigned)(oh + h) >= (unsigned)kOutH || (unsigned)(ow + v) >= (unsigned)kOutW) continue;
      const float* const sum = part + (h * kTileW + v) * kSumPitch + i % kTileN * 8;
      float x[8];
      *(float4*)x = *(const float4*)sum;
      *(float4*)(x + 4) = *(const float4*)(sum + 4);
#pragma unroll
      for (int k = 1; k < kWarpsK; ++k)
#pragma unroll
        for (int e = 0; e < 8; ++e) x[e] += sum[k * kSlots * kSumPitch + e];
#pragma unroll
      for (int e = 0; e < 8; ++e) most[e] = x[e] != x[e] || most[e] != most[e] ? x[e] + most[e] : fmaxf(x[e], most[e]);
    }
    *(float4*)added = *(const float4*)(biases + i % kTileN * 8);
    *(float4*)(added + 4) = *(const float4*)(biases + i % kTileN * 8 + 4);
    finish_8(most, added, Words{}, y, (n * kPoolH + ph + row) * kPoolW + pw + column, j * 8);
  }
@end
}
)";

// The bits of a value as one of T, and two neighbouring ones of T into shared memory.
constexpr const char* kSameType = R"(
__device__ __forceinline__ unsigned bits_at(const T* x) { return x->bits; }
__device__ __forceinline__ void copy_pair(unsigned* to, const T* from, bool inside) {
  copy_4(shared_address(to), from, inside);
}
)";
constexpr const char* kFromFloat = R"(
__device__ __forceinline__ unsigned bits_at(const float* x) { return pack(*x, 0.0f) & 0xffffu; }
)";
constexpr const char* kCopy = R"(
__device__ __forceinline__ void copy_4(unsigned to, const void* from, bool inside) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(inside ? 4 : 0) : "memory");
}
)";

}  // namespace

std::string conv_stem_text(bool same_type, bool pooled) {
  std::string text(kCopy);
  text.append(same_type ? kSameType : kFromFloat).append(kStart).append(same_type ? kCopyPairs : kLoadPairs);
  return chosen_lines(text.append(kSums), pooled ? "pool" : "conv");
}

}  // namespace vivace::cuda
