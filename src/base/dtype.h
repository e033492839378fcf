// Element types, and the small floating-point types C++20 lacks.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace vivace {

/// Element types; the numbers are those of ONNX's TensorProto.DataType.
enum class DType : uint8_t {
  undefined = 0,
  f32 = 1, u8 = 2, i8 = 3, u16 = 4, i16 = 5, i32 = 6, i64 = 7, string = 8, boolean = 9, f16 = 10, f64 = 11,
  u32 = 12, u64 = 13, c64 = 14, c128 = 15, bf16 = 16,
  f8e4m3fn = 17, f8e4m3fnuz = 18, f8e5m2 = 19, f8e5m2fnuz = 20, u4 = 21, i4 = 22, f4e2m1 = 23, f8e8m0 = 24,
  u2 = 25, i2 = 26,
  list = 64,  // not of the standard: elements are Tensor objects, see Tensor::list
};
constexpr int kDTypeCount = 27;  // the standard's

/// Bits of one element; 0 for undefined and for those that are objects.
constexpr int bits_of(DType type) {
  switch (type) {
    case DType::u2: case DType::i2: return 2;
    case DType::u4: case DType::i4: case DType::f4e2m1: return 4;
    case DType::u8: case DType::i8: case DType::boolean: case DType::f8e4m3fn: case DType::f8e4m3fnuz:
    case DType::f8e5m2: case DType::f8e5m2fnuz: case DType::f8e8m0: return 8;
    case DType::u16: case DType::i16: case DType::f16: case DType::bf16: return 16;
    case DType::f32: case DType::i32: case DType::u32: return 32;
    case DType::f64: case DType::i64: case DType::u64: case DType::c64: return 64;
    case DType::c128: return 128;
    case DType::string: case DType::list: case DType::undefined: return 0;
  }
  return 0;
}
/// Whether elements are objects (std::string, Tensor) rather than bytes: copied one by one, never in an arena.
constexpr bool are_objects(DType type) { return type == DType::string || type == DType::list; }
/// Bytes that `count` elements take; sub-byte types are packed, low bits first. Objects: count * sizeof.
size_t byte_size(DType type, int64_t count);

constexpr bool is_float(DType t) {
  return t == DType::f32 || t == DType::f16 || t == DType::bf16 || t == DType::f64;
}
constexpr bool is_integer(DType t) {
  return t == DType::i8 || t == DType::i16 || t == DType::i32 || t == DType::i64 || t == DType::u8 ||
         t == DType::u16 || t == DType::u32 || t == DType::u64;
}

const char* to_string(DType type);                  // "f32"
DType dtype_from_string(std::string_view name);     // undefined where unknown

float half_to_float(uint16_t bits);
uint16_t float_to_half(float value);  // round to nearest even, overflow to infinity

struct Float16 {
  uint16_t bits = 0;
  Float16() = default;
  Float16(float value) : bits(float_to_half(value)) {}
  operator float() const { return half_to_float(bits); }
};
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  BFloat16(float value);  // round to nearest even
  operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

template <class T> constexpr DType dtype_of = DType::undefined;
template <> inline constexpr DType dtype_of<float> = DType::f32;
template <> inline constexpr DType dtype_of<double> = DType::f64;
template <> inline constexpr DType dtype_of<Float16> = DType::f16;
template <> inline constexpr DType dtype_of<BFloat16> = DType::bf16;
template <> inline constexpr DType dtype_of<int8_t> = DType::i8;
template <> inline constexpr DType dtype_of<int16_t> = DType::i16;
template <> inline constexpr DType dtype_of<int32_t> = DType::i32;
template <> inline constexpr DType dtype_of<int64_t> = DType::i64;
template <> inline constexpr DType dtype_of<uint8_t> = DType::u8;
template <> inline constexpr DType dtype_of<uint16_t> = DType::u16;
template <> inline constexpr DType dtype_of<uint32_t> = DType::u32;
template <> inline constexpr DType dtype_of<uint64_t> = DType::u64;
template <> inline constexpr DType dtype_of<bool> = DType::boolean;

/// Sums and intermediate results of T are kept in Wide<T>: f32 for the half types, T itself otherwise.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>, float, T>;

/// Calls f.template operator()<T>() for the C++ type of `type` if it is one of Ts; false otherwise.
template <class... Ts, class F>
bool visit_dtype(DType type, F&& f) {
  return ((type == dtype_of<Ts> && (f.template operator()<Ts>(), true)) || ...);
}

}  // namespace vivace
