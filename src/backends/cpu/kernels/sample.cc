#include "backends/cpu/kernels/sample.h"

#include "backends/cpu/kernels/fold.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

// x at these indices, 0 where not wanted: what weighs nothing may be infinite.
Vec gathered(const float* x, VecI at, VecI wanted) {
#if defined(__AVX512F__)
  return _mm512_mask_i32gather_ps(Vec{}, _mm512_movepi32_mask((__m512i)wanted), (__m512i)at, x, 4);
#elif defined(__AVX2__)
  return _mm256_mask_i32gather_ps(Vec{}, x, (__m256i)at, (__m256)wanted, 4);
#else
  Vec v;
  for (int i = 0; i < kLanes; ++i) v[i] = wanted[i] ? x[at[i]] : 0;
  return v;
#endif
}

// Four channels at once share what is read of indices and weights.
template <int C>
void gather_channels(const float* x, int64_t x_plane, const int32_t* indices, const float* weights, int taps,
                     int64_t points, int64_t stride, float* y, int64_t y_row) {
  int64_t p = 0;
  for (; p + kLanes <= points; p += kLanes) {
    Vec sum[C] = {};
    for (int t = 0; t < taps; ++t) {
      VecI at;
      std::memcpy(&at, indices + t * stride + p, sizeof at);
      const Vec weight = load(weights + t * stride + p);
#pragma GCC unroll 4
      for (int c = 0; c < C; ++c) sum[c] += weight * gathered(x + c * x_plane, at, weight != 0.f);
    }
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) store(y + c * y_row + p, sum[c]);
  }
  for (; p < points; ++p)
    for (int c = 0; c < C; ++c) {
      float sum = 0;
      for (int t = 0; t < taps; ++t)
        if (const float weight = weights[t * stride + p]; weight != 0)
          sum += weight * x[c * x_plane + indices[t * stride + p]];
      y[c * y_row + p] = sum;
    }
}

void gather(const float* x, int64_t x_plane, int64_t channels, const int32_t* indices, const float* weights, int taps,
            int64_t points, int64_t stride, float* y, int64_t y_row) {
  int64_t c = 0;
  for (; c + 4 <= channels; c += 4)
    gather_channels<4>(x + c * x_plane, x_plane, indices, weights, taps, points, stride, y + c * y_row, y_row);
  for (; c < channels; ++c)
    gather_channels<1>(x + c * x_plane, x_plane, indices, weights, taps, points, stride, y + c * y_row, y_row);
}

void add_strided(const float* x, int64_t n, float* y, int64_t step) {
  if (step == 1) return map2(x, y, y, n, plus);
  int64_t i = 0;
  if (step == 2) {
    // Pairs of x and zeros, added to whole vectors; the last pair's second place may not be ours.
    for (; i + kLanes < n; i += kLanes) {
      const Vec v = load(x + i);
      float* to = y + 2 * i;
      store(to, load(to) + interleave_low(v, Vec{}));
      store(to + kLanes, load(to + kLanes) + interleave_high(v, Vec{}));
    }
  }
  for (; i < n; ++i) y[i * step] += x[i];
}

}  // namespace

const SampleKernels& sample_kernels() {
  static constexpr SampleKernels table{.gather = gather, .add_strided = add_strided};
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
