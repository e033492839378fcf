// Concrete shapes. Symbolic dimensions live in ir/dim.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vivace {

using Shape = std::vector<int64_t>;

/// Number of elements; 1 for a scalar. Empty where it does not fit 63 bits or a dimension is negative.
std::optional<int64_t> checked_elements(std::span<const int64_t> shape);
/// Number of elements of a shape already known to be sane.
int64_t elements(std::span<const int64_t> shape);
/// Row-major strides, in elements.
Shape strides_of(std::span<const int64_t> shape);
/// "2x3x224"; "scalar" for rank 0.
std::string to_string(const Shape& shape);
/// The shape both broadcast to by NumPy's rule; empty where they do not fit.
std::optional<Shape> broadcast(const Shape& a, const Shape& b);

}  // namespace vivace
