// Positions between pixels as a few taps: indices and weights in tables of [tap][point].
#pragma once

#include <cmath>
#include <cstdint>

namespace vivace::cpu {

struct Taps {
  int32_t* indices;
  float* weights;
  int64_t stride;  // points of the table

  void set(int tap, int64_t point, int64_t index, double weight) const {
    indices[tap * stride + point] = static_cast<int32_t>(index);
    weights[tap * stride + point] = static_cast<float>(weight);
  }
};

/// The four neighbours of (y, x) in an image, as taps from `first` on; those outside weigh nothing.
inline void set_linear_taps(const Taps& taps, int64_t point, double y, double x, int64_t height, int64_t width,
                            double share) {
  const bool inside = y > -1 && y < static_cast<double>(height) && x > -1 && x < static_cast<double>(width);
  const double top = inside ? std::floor(y) : 0, left = inside ? std::floor(x) : 0;
  const double below = inside ? y - top : 0, right = inside ? x - left : 0;
  for (int t = 0; t < 4; ++t) {
    const int64_t row = static_cast<int64_t>(top) + t / 2, column = static_cast<int64_t>(left) + t % 2;
    const bool there = inside && row >= 0 && row < height && column >= 0 && column < width;
    const double weight = (t / 2 ? below : 1 - below) * (t % 2 ? right : 1 - right);
    taps.set(t, point, there ? row * width + column : 0, there ? weight * share : 0);
  }
}

}  // namespace vivace::cpu
