// Conversions between float and floats of 16 and 8 bits, for the types of cuda_fp16.h, cuda_bf16.h and cuda_fp8.h.
#ifndef VIVACE_CUDA_SMALL_FLOAT_H_
#define VIVACE_CUDA_SMALL_FLOAT_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace vivace_cuda {

/// A float with `kExponent` bits of exponent and `kMantissa` of mantissa. `kInfinity`: the largest exponent is that of
/// infinity and NaN, as IEEE has it; without, only all ones are NaN and what is too large becomes the largest number.
/// `kSaturate`: what is too large, infinity too, becomes the largest number.
template <int kExponent, int kMantissa, bool kInfinity, bool kSaturate>
struct SmallFloat {
  static constexpr int kBias = (1 << (kExponent - 1)) - 1;
  static constexpr uint32_t kSign = 1u << (kExponent + kMantissa);
  static constexpr uint32_t kAllOnes = kSign - 1;
  static constexpr uint32_t kInf = ((1u << kExponent) - 1) << kMantissa;
  static constexpr uint32_t kNan = kInfinity ? kInf | (1u << (kMantissa - 1)) : kAllOnes;
  static constexpr uint32_t kLargest = (kInfinity ? kInf : kAllOnes) - 1;

  /// To the nearest, ties to even.
  static uint32_t from_float(float value) {
    const uint32_t sign = std::signbit(value) ? kSign : 0;
    if (std::isnan(value)) return sign | kNan;
    if (std::isinf(value)) return sign | (kInfinity && !kSaturate ? kInf : kLargest);
    if (value == 0.0f) return sign;
    int exponent = 0;
    const double fraction = std::frexp(std::fabs(static_cast<double>(value)), &exponent);  // in [0.5, 1)
    int biased = exponent - 1 + kBias;
    if (biased < 1) biased = 1;  // a subnormal: the unit is that of the smallest exponent
    // Units in the last place, the leading one among them; a carry out of the mantissa moves the exponent by itself.
    const double units = std::nearbyint(std::ldexp(fraction, exponent - (biased - kBias) + kMantissa));
    const uint32_t bits = (static_cast<uint32_t>(biased - 1) << kMantissa) + static_cast<uint32_t>(units);
    if (bits > kLargest) return sign | (kInfinity && !kSaturate ? kInf : kLargest);
    return sign | bits;
  }

  static float to_float(uint32_t bits) {
    const uint32_t magnitude = bits & kAllOnes;
    const float sign = (bits & kSign) != 0 ? -1.0f : 1.0f;
    if (kInfinity ? magnitude > kInf : magnitude == kAllOnes) return std::numeric_limits<float>::quiet_NaN();
    if (kInfinity && magnitude == kInf) return sign * std::numeric_limits<float>::infinity();
    const int biased = static_cast<int>(magnitude >> kMantissa);
    const uint32_t fraction = magnitude & ((1u << kMantissa) - 1);
    if (biased == 0) return sign * std::ldexp(static_cast<float>(fraction), 1 - kBias - kMantissa);
    return sign * std::ldexp(static_cast<float>(fraction | (1u << kMantissa)), biased - kBias - kMantissa);
  }
};

/// A number of `Storage` that converts as `Format` says. Arithmetic goes through float.
template <class Format, class Storage>
struct Number {
  Storage __x;

  Number() = default;
  Number(float value) : __x(static_cast<Storage>(Format::from_float(value))) {}
  explicit Number(double value) : Number(static_cast<float>(value)) {}
  explicit Number(int value) : Number(static_cast<float>(value)) {}
  operator float() const { return Format::to_float(__x); }

  Number& operator+=(const Number& other) { return *this = Number(float(*this) + float(other)); }
  Number& operator-=(const Number& other) { return *this = Number(float(*this) - float(other)); }
  Number& operator*=(const Number& other) { return *this = Number(float(*this) * float(other)); }
  Number& operator/=(const Number& other) { return *this = Number(float(*this) / float(other)); }
};

}  // namespace vivace_cuda

#endif  // VIVACE_CUDA_SMALL_FLOAT_H_
