// Symbolic dimensions: a number, a symbol of the model's ("batch"), an expression over both, or unknown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/shape.h"

namespace vivace::ir {

class Dim {
 public:
  Dim() = default;  // unknown
  Dim(int64_t value) : value_(value) {}
  static Dim symbol(std::string name);

  bool known() const { return value_.has_value(); }
  int64_t value() const { return *value_; }
  /// "batch", "(seq+1)"; empty for a number and for an unknown dimension.
  const std::string& symbol() const { return symbol_; }
  bool is(int64_t value) const { return value_ == value; }
  /// Certainly the same size: equal numbers, or the same symbol. Two unknowns are not.
  bool same(const Dim& other) const;
  /// "224", "batch", "?".
  std::string to_string() const;

 private:
  std::optional<int64_t> value_;
  std::string symbol_;
};

using Dims = std::vector<Dim>;

// Arithmetic folds numbers; anything else becomes an expression in canonical text, so equal sums compare equal.
Dim operator+(const Dim& a, const Dim& b);
Dim operator-(const Dim& a, const Dim& b);
Dim operator*(const Dim& a, const Dim& b);
/// Rounds down (to minus infinity); unknown where b is 0.
Dim floor_div(const Dim& a, const Dim& b);
Dim ceil_div(const Dim& a, const Dim& b);

/// Product of the dimensions.
Dim product(const Dims& dims);
Dims to_dims(const Shape& shape);
/// Empty unless every dimension is known.
std::optional<Shape> to_shape(const Dims& dims);
/// Dimensions both broadcast to; where one is unknown, the other if it is known and not 1, else unknown.
/// Empty where two numbers clash.
std::optional<Dims> broadcast(const Dims& a, const Dims& b);
std::string to_string(const Dims& dims);  // "1,3,height,?"

}  // namespace vivace::ir
