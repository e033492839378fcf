// Values of an image between its pixels.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/shape.h"

namespace vivace::ops {

/// A pixel and what it counts: an index along one dimension, or an offset into the image.
struct Tap {
  int64_t at;
  double weight;
};

/// The pixels that a position is made of, from those along each dimension; `taps` is replaced.
inline void combine(const Shape& image, const std::vector<std::vector<Tap>>& along, std::vector<Tap>& taps) {
  taps.assign(1, {0, 1});
  for (size_t d = 0; d < image.size(); ++d) {
    std::vector<Tap> next;
    for (const Tap& tap : taps)
      for (const Tap& step : along[d]) next.push_back({tap.at * image[d] + step.at, tap.weight * step.weight});
    taps = std::move(next);
  }
}

/// The two neighbours of x among `size` pixels, without those outside.
inline std::vector<Tap> linear_taps(double x, int64_t size) {
  std::vector<Tap> taps;
  if (!(x > -1 && x < static_cast<double>(size))) return taps;
  const auto low = static_cast<int64_t>(std::floor(x));
  const double above = x - static_cast<double>(low);
  if (low >= 0) taps.push_back({low, 1 - above});
  if (low + 1 < size && above > 0) taps.push_back({low + 1, above});
  return taps;
}

template <class W>
W sample(const W* image, const std::vector<Tap>& taps) {
  double sum = 0;
  for (const Tap& tap : taps) sum += tap.weight * static_cast<double>(image[tap.at]);
  return static_cast<W>(sum);
}

}  // namespace vivace::ops
