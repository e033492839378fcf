// Pooling. Blocked tensors: one vector of channels at a time. Plain tensors: one value at a time, vectors of columns in
// the global average. Averages are sums in window order divided once; a global average adds kSums chains.
#include "backends/cpu/kernels/conv_table.h"
#include "backends/cpu/kernels/conv_util.h"
#include "base/threads.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {
// Taps [first, last) of a window whose first tap lies at `start` fall into [low, high).
struct Taps {
  int first, last;
  int count() const { return max(0, last - first); }
};
Taps taps_inside(int start, int kernel, int dilation, int low, int high) {
  const int first = start >= low ? 0 : ceil_div(low - start, dilation);
  return {first, start >= high ? 0 : min(kernel, (high - 1 - start) / dilation + 1)};
}

inline Vec load_value(const float* p, Vec) { return load(p); }
inline float load_value(const float* p, float) { return *p; }
inline void store_value(float* p, Vec v) { store(p, v); }
inline void store_value(float* p, float v) { *p = v; }
// NaN wins.
inline Vec larger(Vec a, Vec b) { return a != a ? a : max(a, b); }
inline float larger(float a, float b) { return a > b || a != a ? a : b; }

// One plane of values of type T (Vec: a block of channels; float: a channel), output rows [first, last).
template <class T>
void pool_rows(const PoolShape& p, const float* input, float* output, int first, int last) {
  constexpr int kWidth = sizeof(T) / sizeof(float);
  const ConvShape& s = p.window;
  const bool maximum = p.pooling == Pooling::max, padded = p.pooling == Pooling::average_with_padding;
  const T start = maximum ? T{} - __builtin_inff() : T{};
  for (int y = first; y < last; ++y) {
    const int top = y * s.stride_h - s.pad_top;
    const Taps rows = taps_inside(top, s.kernel_h, s.dilation_h, 0, s.in_h);
    const Taps counted_rows =
        padded ? taps_inside(top, s.kernel_h, s.dilation_h, -s.pad_top, s.in_h + p.pad_bottom) : rows;
    for (int x = 0; x < s.out_w; ++x, output += kWidth) {
      const int left = x * s.stride_w - s.pad_left;
      const Taps columns = taps_inside(left, s.kernel_w, s.dilation_w, 0, s.in_w);
      T result = start;
      for (int ky = rows.first; ky < rows.last; ++ky) {
        const float* from = input + (static_cast<ptrdiff_t>(top + ky * s.dilation_h) * s.in_w + left) * kWidth;
        const ptrdiff_t step = static_cast<ptrdiff_t>(s.dilation_w) * kWidth;
        if (maximum)
          for (int kx = columns.first; kx < columns.last; ++kx) result = larger(result, load_value(from + kx * step, T{}));
        else
          for (int kx = columns.first; kx < columns.last; ++kx) result += load_value(from + kx * step, T{});
      }
      if (!maximum) {
        const Taps counted =
            padded ? taps_inside(left, s.kernel_w, s.dilation_w, -s.pad_left, s.in_w + p.pad_right) : columns;
        const int count = counted_rows.count() * counted.count();
        result = result / static_cast<float>(count);
      }
      store_value(output, result);
    }
  }
}

template <class T>
void pool(const PoolShape& p, const float* input, float* output, ThreadPool& threads) {
  constexpr int kWidth = sizeof(T) / sizeof(float), kTaskOutputs = 1024 * kLanes / kWidth;  // some 10 us
  const ConvShape& s = p.window;
  if (s.out_h == 0 || s.out_w == 0) return;
  const int64_t planes = static_cast<int64_t>(s.batch) * ceil_div(s.in_channels, kWidth);
  const ptrdiff_t in = static_cast<ptrdiff_t>(s.in_h) * s.in_w * kWidth, out_row = static_cast<ptrdiff_t>(s.out_w) * kWidth;
  // Large planes are cut, small ones put together.
  const int outputs = s.out_h * s.out_w, chunks = clamp(outputs / kTaskOutputs, 1, s.out_h);
  const int64_t together = ceil_div(kTaskOutputs, outputs), groups = ceil_div(planes, together);
  threads.run(groups * chunks, [&](int64_t task, int) {
    const int chunk = static_cast<int>(task % chunks), first = part(s.out_h, chunks, chunk);
    for (int64_t i = task / chunks * together; i < (task / chunks + 1) * together && i < planes; ++i)
      pool_rows<T>(p, input + i * in, output + (i * s.out_h + first) * out_row, first, part(s.out_h, chunks, chunk + 1));
  });
}

constexpr int kSums = 4;
constexpr int64_t kTaskVectors = 8192;  // some 10 us

Vec sum_of_vectors(const float* p, int64_t vectors) {
  Vec sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= vectors; i += kSums)
    for (int j = 0; j < kSums; ++j) sums[j] += load(p + (i + j) * kLanes);
  for (; i < vectors; ++i) sums[0] += load(p + i * kLanes);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}
}  // namespace

void pool_blocked(const PoolShape& shape, const float* input, float* output, ThreadPool& threads) {
  pool<Vec>(shape, input, output, threads);
}
void pool_plain(const PoolShape& shape, const float* input, float* output, ThreadPool& threads) {
  pool<float>(shape, input, output, threads);
}

void global_average_blocked(int batch, int channels, int64_t pixels, const float* input, float* output,
                            ThreadPool& threads) {
  const int blocks = blocks_of(channels);
  const int64_t all = static_cast<int64_t>(batch) * blocks, together = kTaskVectors / (pixels + 1) + 1;
  threads.run(ceil_div(all, together), [&](int64_t task, int) {
    for (int64_t i = task * together; i < (task + 1) * together && i < all; ++i) {
      const int block = static_cast<int>(i % blocks);
      const Vec mean = sum_of_vectors(input + i * pixels * kLanes, pixels) / static_cast<float>(pixels);
      store_first(output + i / blocks * channels + block * kLanes, mean, min(kLanes, channels - block * kLanes));
    }
  });
}

void global_average_plain(int batch, int channels, int64_t pixels, const float* input, float* output,
                          ThreadPool& threads) {
  const int64_t all = static_cast<int64_t>(batch) * channels, together = kTaskVectors * kLanes / (pixels + kLanes) + 1;
  threads.run(ceil_div(all, together), [&](int64_t task, int) {
    for (int64_t i = task * together; i < (task + 1) * together && i < all; ++i) {
      const float* p = input + i * pixels;
      const int64_t vectors = pixels / kLanes;
      Vec sums = sum_of_vectors(p, vectors) + load_first(p + vectors * kLanes, static_cast<int>(pixels % kLanes));
      float sum = 0;
      for (int lane = 0; lane < kLanes; ++lane) sum += sums[lane];
      output[i] = sum / static_cast<float>(pixels);
    }
  });
}

}  // namespace vivace::cpu::VIVACE_ISA
