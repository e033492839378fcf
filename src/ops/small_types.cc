#include "ops/small_types.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace vivace::ops {

namespace {

struct Format {
  DType type;
  int mantissa, bias;
  int largest;        // code of the largest finite number
  int infinity, nan;  // codes, without sign; -1: none
  bool one_zero;      // the code of -0 is NaN
};
constexpr Format kFormats[] = {
    {DType::f8e4m3fn, 3, 7, 0x7e, -1, 0x7f, false},  {DType::f8e4m3fnuz, 3, 8, 0x7f, -1, 0x80, true},
    {DType::f8e5m2, 2, 15, 0x7b, 0x7c, 0x7e, false}, {DType::f8e5m2fnuz, 2, 16, 0x7f, -1, 0x80, true},
    {DType::f4e2m1, 1, 1, 0x7, -1, -1, false},
};
const Format* format_of(DType type) {
  const auto* at =
      std::find_if(std::begin(kFormats), std::end(kFormats), [&](const Format& f) { return f.type == type; });
  return at == std::end(kFormats) ? nullptr : at;
}

// What a code without sign would mean were it a number.
float magnitude(const Format& f, int code) {
  const int exponent = code >> f.mantissa, fraction = code & ((1 << f.mantissa) - 1);
  if (exponent == 0) return std::ldexp(static_cast<float>(fraction), 1 - f.bias - f.mantissa);
  return std::ldexp(static_cast<float>(fraction + (1 << f.mantissa)), exponent - f.bias - f.mantissa);
}

}  // namespace

bool is_small_float(DType type) { return type == DType::f8e8m0 || format_of(type); }

float decode_small_float(DType type, uint8_t bits) {
  if (type == DType::f8e8m0) return bits == 0xff ? NAN : std::ldexp(1.0f, bits - 127);
  const Format* f = format_of(type);
  if (!f) return NAN;
  const int sign = type == DType::f4e2m1 ? 0x8 : 0x80, code = bits & (sign - 1);
  if (f->one_zero && bits == f->nan) return NAN;
  float value = magnitude(*f, code);
  if (code > f->largest) value = code == f->infinity ? INFINITY : NAN;
  return bits & sign ? -value : value;
}

uint8_t encode_small_float(DType type, float value, bool saturate) {
  if (type == DType::f8e8m0) {
    if (!(value >= 0)) return 0xff;
    int exponent = 0;
    const float fraction = std::frexp(value, &exponent);  // in [0.5, 1): value is 2^(exponent - 1) and up
    if (std::isinf(value)) return saturate ? 0xfe : 0xff;
    const int code = exponent - 1 + 127 + (fraction > 0.75f);
    return static_cast<uint8_t>(value == 0 ? 0 : std::clamp(code, 0, 0xfe));
  }
  const Format* f = format_of(type);
  if (!f) return 0;
  const int sign = std::signbit(value) ? (type == DType::f4e2m1 ? 0x8 : 0x80) : 0;
  if (std::isnan(value)) return static_cast<uint8_t>(f->nan < 0 ? 0 : f->one_zero ? f->nan : f->nan | sign);
  const float x = std::abs(value);
  // The largest code not above x, then up where the next is nearer, or as near and even.
  int low = 0;
  for (int step = 64; step > 0; step /= 2)
    if (low + step <= f->largest && magnitude(*f, low + step) <= x) low += step;
  const float below = magnitude(*f, low), above = magnitude(*f, low + 1);
  int code = x - below > above - x || (x - below == above - x && low % 2 == 1) ? low + 1 : low;
  if (code > f->largest || std::isinf(value)) {
    if (saturate || (f->infinity < 0 && f->nan < 0))
      code = f->largest;
    else if (f->infinity >= 0)
      code = f->infinity;
    else
      return static_cast<uint8_t>(f->one_zero ? f->nan : f->nan | sign);
  }
  return static_cast<uint8_t>(code == 0 && f->one_zero ? 0 : code | sign);
}

uint8_t get_bits(const TensorView& tensor, int64_t i) {
  const int bits = bits_of(tensor.type);
  const uint8_t byte = tensor.as<const uint8_t>()[i * bits / 8];
  return bits == 8 ? byte : static_cast<uint8_t>((byte >> (i * bits % 8)) & ((1 << bits) - 1));
}

void put_bits(const TensorView& tensor, int64_t i, uint8_t value) {
  const int bits = bits_of(tensor.type);
  tensor.as<uint8_t>()[i * bits / 8] |= static_cast<uint8_t>((value & ((1 << bits) - 1)) << (i * bits % 8));
}

IntegerRange integer_range(DType type) {
  const int bits = bits_of(type);
  switch (type) {
    case DType::u2:
    case DType::u4:
    case DType::u8:
    case DType::u16:
    case DType::u32: return {0, (int64_t{1} << bits) - 1};
    case DType::i2:
    case DType::i4:
    case DType::i8:
    case DType::i16:
    case DType::i32: return {-(int64_t{1} << (bits - 1)), (int64_t{1} << (bits - 1)) - 1};
    default: return {0, 0};
  }
}

Result<Tensor> widened(const TensorView& tensor) {
  const bool real = is_small_float(tensor.type);
  const IntegerRange range = integer_range(tensor.type);
  VIVACE_ASSIGN(Tensor wide, Tensor::allocate(real ? DType::f32 : range.low < 0 ? DType::i8 : DType::u8, tensor.shape));
  for (int64_t i = 0; i < tensor.count(); ++i) {
    const uint8_t code = get_bits(tensor, i);
    if (real)
      wide.as<float>()[i] = decode_small_float(tensor.type, code);
    else
      wide.as<uint8_t>()[i] = static_cast<uint8_t>(code > range.high ? code + 2 * range.low : code);
  }
  return wide;
}

std::vector<double> small_to_double(const TensorView& tensor) {
  if (is_float(tensor.type)) return to_double(tensor);
  std::vector<double> out;
  if (is_integer(tensor.type) && bits_of(tensor.type) <= 32) {
    for (const int64_t v : to_int64(tensor)) out.push_back(static_cast<double>(v));
    return out;
  }
  const bool real = is_small_float(tensor.type);
  const IntegerRange range = integer_range(tensor.type);
  if (!real && range.high == 0) return out;
  std::array<double, 256> meaning{};
  for (int code = 0; code < 1 << bits_of(tensor.type); ++code)
    meaning[static_cast<size_t>(code)] = real ? decode_small_float(tensor.type, static_cast<uint8_t>(code))
                                              : static_cast<double>(code > range.high ? code + 2 * range.low : code);
  for (int64_t i = 0; i < tensor.count(); ++i) out.push_back(meaning[get_bits(tensor, i)]);
  return out;
}

}  // namespace vivace::ops
