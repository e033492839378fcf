// What an engine may compute a network of f32 in.
#pragma once

#include <optional>
#include <string_view>

#include "base/dtype.h"

namespace vivace {

/// tf32: stored as f32, and what is multiplied may be rounded to 11 bits, with sums in f32. f16, bf16: stored in 16
/// bits where that does no harm.
enum class Precision : uint8_t { f32, tf32, f16, bf16 };

constexpr const char* to_string(Precision precision) {
  constexpr const char* kNames[] = {"f32", "tf32", "f16", "bf16"};
  return kNames[static_cast<size_t>(precision)];
}
/// No value where the name is unknown.
constexpr std::optional<Precision> precision_from_string(std::string_view name) {
  for (const Precision p : {Precision::f32, Precision::tf32, Precision::f16, Precision::bf16})
    if (name == to_string(p)) return p;
  return std::nullopt;
}
/// What values of f32 become.
constexpr DType storage_of(Precision precision) {
  return precision == Precision::f16 ? DType::f16 : precision == Precision::bf16 ? DType::bf16 : DType::f32;
}

}  // namespace vivace
