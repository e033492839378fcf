#include "base/shape.h"

#include <algorithm>

namespace vivace {

std::optional<int64_t> checked_elements(std::span<const int64_t> shape) {
  int64_t count = 1;
  bool overflow = false;
  for (const int64_t d : shape) {
    if (d < 0) return std::nullopt;
    if (d == 0) return 0;  // whatever the other dimensions are, there is nothing to hold
    overflow |= __builtin_mul_overflow(count, d, &count);
  }
  return overflow ? std::nullopt : std::optional<int64_t>(count);
}

// Beside a 0 other dimensions may be so large that their product wraps around.
int64_t elements(std::span<const int64_t> shape) {
  uint64_t count = 1;
  for (const int64_t d : shape) count *= static_cast<uint64_t>(d);
  return static_cast<int64_t>(count);
}

Shape strides_of(std::span<const int64_t> shape) {
  Shape strides(shape.size());
  uint64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = static_cast<int64_t>(step);
    step *= static_cast<uint64_t>(shape[i]);
  }
  return strides;
}

std::string to_string(const Shape& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? "x" : "") + std::to_string(shape[i]);
  return text;
}

std::optional<Shape> broadcast(const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) return std::nullopt;
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

}  // namespace vivace
