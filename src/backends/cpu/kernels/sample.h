// Values between the pixels of images, f32: weighted sums of a few pixels, the same ones for every channel.
#pragma once

#include <cstdint>

#include "backends/cpu/isa.h"

namespace vivace {
class ThreadPool;
}

namespace vivace::cpu {

struct SampleKernels {
  /// y[c * y_row + p] = sum over t of weights[t * stride + p] * x[c * x_plane + indices[t * stride + p]] for `points`
  /// points, on the calling thread.
  void (*gather)(const float* x, int64_t x_plane, int64_t channels, const int32_t* indices, const float* weights,
                 int taps, int64_t points, int64_t stride, float* y, int64_t y_row);
  /// y[i * step] += x[i] for n elements; step 2 rewrites what lies between as it was.
  void (*add_strided)(const float* x, int64_t n, float* y, int64_t step);
};
const SampleKernels& sample_kernels(Isa isa);

}  // namespace vivace::cpu
