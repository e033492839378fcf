// NCHW <-> NCHWc: transposes of kLanes x kLanes squares in registers.
#include <utility>

#include "backends/cpu/kernels/conv_table.h"
#include "backends/cpu/kernels/conv_util.h"
#include "base/threads.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {
template <int First, int... I>
Vec interleave(Vec a, Vec b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (First + I / 2 + I % 2 * kLanes)...);
}

// A perfect shuffle of the rows and lanes, log2(kLanes) times, transposes.
inline __attribute__((always_inline)) void transpose(Vec (&v)[kLanes]) {
  using Lanes = std::make_integer_sequence<int, kLanes>;
#pragma GCC unroll 4
  for (int step = 1; step < kLanes; step *= 2) {
    Vec t[kLanes];
#pragma GCC unroll 8
    for (int i = 0; i < kLanes / 2; ++i) {
      t[2 * i] = interleave<0>(v[i], v[i + kLanes / 2], Lanes{});
      t[2 * i + 1] = interleave<kLanes / 2>(v[i], v[i + kLanes / 2], Lanes{});
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) v[i] = t[i];
  }
}

constexpr int64_t kTaskPixels = 512 * kLanes;  // of one block: some 10 us or more; less is not worth a thread's waking

// Calls body(plain, blocked, pixels, channels) for the squares of all blocks: at most kLanes pixels and channels each.
template <class Body>
void for_squares(int batch, int channels, int64_t pixels, ThreadPool& threads, const Body& body) {
  const int blocks = blocks_of(channels);
  if (pixels == 0) return;
  // Large planes are cut, small ones put together.
  const int64_t planes = static_cast<int64_t>(batch) * blocks, chunks = ceil_div(pixels, kTaskPixels);
  const int64_t together = ceil_div(kTaskPixels, pixels);
  threads.run(ceil_div(planes, together) * chunks, [&](int64_t task, int) {
    const int64_t first = task % chunks * kTaskPixels;
    const int64_t last = first + kTaskPixels < pixels ? first + kTaskPixels : pixels;
    for (int64_t plane = task / chunks * together; plane < (task / chunks + 1) * together && plane < planes; ++plane) {
      const int block = static_cast<int>(plane % blocks), n = min(kLanes, channels - block * kLanes);
      const int64_t plain = (plane / blocks * channels + block * kLanes) * pixels, blocked = plane * pixels * kLanes;
      for (int64_t p = first; p < last; p += kLanes)
        body(plain + p, blocked + p * kLanes, last - p < kLanes ? static_cast<int>(last - p) : kLanes, n);
    }
  });
}
}  // namespace

void to_blocked(int batch, int channels, int64_t pixels, const float* plain, float* blocked, ThreadPool& threads) {
  for_squares(batch, channels, pixels, threads, [&](int64_t from, int64_t to, int count, int n) {
    Vec v[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      const float* row = plain + from + i * pixels;
      v[i] = i >= n ? Vec{} : count == kLanes ? load(row) : load_first(row, count);
    }
    transpose(v);
    for (int i = 0; i < count; ++i) store(blocked + to + i * kLanes, v[i]);
  });
}

void to_plain(int batch, int channels, int64_t pixels, const float* blocked, float* plain, ThreadPool& threads) {
  for_squares(batch, channels, pixels, threads, [&](int64_t to, int64_t from, int count, int n) {
    Vec v[kLanes];
    for (int i = 0; i < kLanes; ++i) v[i] = i < count ? load(blocked + from + i * kLanes) : Vec{};
    transpose(v);
    for (int i = 0; i < n; ++i)
      if (count == kLanes)
        store(plain + to + i * pixels, v[i]);
      else
        store_first(plain + to + i * pixels, v[i], count);
  });
}

}  // namespace vivace::cpu::VIVACE_ISA
