// Cast and CastLike.
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "ops/kernel.h"
#include "ops/small_types.h"

namespace vivace::ops {

namespace {

// Real numbers become integers toward zero and as the narrow end of an i64, as processors do it; NaN becomes 0.
template <class To, class From>
To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    constexpr From kLimit = static_cast<From>(9223372036854775808.0);  // 2^63
    if (value != value) return 0;
    if (std::is_same_v<To, uint64_t> && value >= kLimit)
      return static_cast<To>(value < kLimit * 2 ? static_cast<uint64_t>(value) : std::numeric_limits<uint64_t>::max());
    if (value >= kLimit) return static_cast<To>(std::numeric_limits<int64_t>::max());
    if (value < -kLimit) return static_cast<To>(std::numeric_limits<int64_t>::min());
    return static_cast<To>(static_cast<int64_t>(value));
  } else {
    return static_cast<To>(value);
  }
}

template <class F>
bool visit_castable(DType type, F&& f) {
  return visit_dtype<float, double, Float16, BFloat16, int64_t, int32_t, int16_t, int8_t, uint64_t, uint32_t, uint16_t,
                     uint8_t, bool>(type, f);
}

// The shortest text that reads back as the same number; "NaN", "INF" and "-INF" as the standard spells them.
template <class T>
std::string text_of(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "INF" : "-INF";
  }
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}
template <>
std::string text_of(bool value) {
  return value ? "1" : "0";
}

// A whole string as a number, empty where it is none.
std::optional<double> number_of(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (failure == std::errc::result_out_of_range)  // overflow, or too small for anything but 0
    return text.find("e-") != text.npos || text.find("E-") != text.npos ? 0.0
           : text.front() == '-'                                        ? -std::numeric_limits<double>::infinity()
                                                                        : std::numeric_limits<double>::infinity();
  return value;
}
std::optional<int64_t> integer_of(std::string_view text) {
  int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return end == text.data() + text.size() && failure == std::errc() ? std::optional(value) : std::nullopt;
}

Status cast_from_strings(const Call& call, const TensorView& x, const TensorView& y) {
  for (int64_t i = 0; i < x.count(); ++i) {
    const std::string& text = x.as<std::string>()[i];
    const std::optional<int64_t> integer = integer_of(text);
    const std::optional<double> real = integer ? static_cast<double>(*integer) : number_of(text);
    if (!real) return call.error("'" + text.substr(0, 40) + "' is not a number");
    if (!visit_castable(y.type, [&]<class T>() {
          y.as<T>()[i] =
              integer && std::is_integral_v<T> ? convert<T>(*integer) : static_cast<T>(convert<Wide<T>>(*real));
        }))
      return no_kernel_for(call, y.type);
  }
  return {};
}

// Between types of whole bytes.
Status cast_plain(const Call& call, const TensorView& x, const TensorView& y) {
  if (x.type == y.type) {
    copy_elements({y, 0}, {x, 0}, y.count());
    return {};
  }
  if (x.type == DType::string) return cast_from_strings(call, x, y);
  bool known = false;
  const bool from = visit_castable(x.type, [&]<class From>() {
    const From* in = x.as<From>();
    if (y.type == DType::string) {
      known = true;
      for (int64_t i = 0; i < y.count(); ++i) y.as<std::string>()[i] = text_of<Wide<From>>(in[i]);
      return;
    }
    known = visit_castable(y.type, [&]<class To>() {
      To* out = y.as<To>();
      parallel_for(call.pool, y.count(), 1 << 14, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          out[i] = static_cast<To>(convert<Wide<To>>(static_cast<Wide<From>>(in[i])));
      });
    });
  });
  return from && known ? Status() : no_kernel_for(call, from ? y.type : x.type);
}

bool is_small(DType type) { return is_small_float(type) || (bits_of(type) > 0 && bits_of(type) < 8); }

// A power of two, rounded as round_mode says; not a number where it is out of range and does not saturate.
uint8_t encode_exponent(float value, const std::string& round_mode, bool saturate) {
  constexpr uint8_t kNaN = 0xff, kLargest = 0xfe;
  if (!(value >= 0)) return kNaN;
  if (value == 0 || std::isinf(value)) return !saturate ? kNaN : value == 0 ? 0 : kLargest;
  int exponent = 0;
  const float fraction = std::frexp(value, &exponent);  // in [0.5, 1): value is 2^(exponent - 1) or more
  const bool up = round_mode == "up" ? fraction > 0.5f : round_mode == "nearest" && fraction >= 0.75f;
  const int code = exponent - 1 + 127 + up;
  if (code < 0 || code > kLargest) return !saturate ? kNaN : code < 0 ? 0 : kLargest;
  return static_cast<uint8_t>(code);
}

// f32 to a small float, or i64 to packed integers, of which the low bits count.
void narrow(const Call& call, const TensorView& x, const TensorView& y) {
  const bool saturate = call.attributes.integer("saturate", 1) != 0;
  const std::string round_mode = call.attributes.text("round_mode", "up");
  std::memset(y.data, 0, y.bytes());
  for (int64_t i = 0; i < y.count(); ++i)
    put_bits(y, i,
             y.type == DType::f8e8m0  ? encode_exponent(x.as<float>()[i], round_mode, saturate)
             : is_small_float(y.type) ? encode_small_float(y.type, x.as<float>()[i], saturate)
                                      : static_cast<uint8_t>(x.as<int64_t>()[i]));
}

Status infer_conversion(Inference& in, DType to) {
  if (to == DType::c64 || to == DType::c128) return in.error("there is no cast to complex numbers");
  const std::string round_mode = in.attributes.text("round_mode", "up");
  if (round_mode != "up" && round_mode != "down" && round_mode != "nearest")
    return in.error("unknown round_mode '" + round_mode + "'");
  in.set(0, ir::Type{ir::Kind::tensor, to, in.dims(0), 0, nullptr});
  const bool whole = is_integer(to) && bits_of(to) >= 32;
  if (auto known = in.known(0); known && whole && (in.rank(0) == 0 || in.rank(0) == 1)) {
    for (ir::Dim& d : *known) d = fitting(to, d);
    in.set_known(0, std::move(*known));
  }
  return {};
}

}  // namespace

namespace {
Result<DType> target_type(const Inference& in) {
  const int64_t to = in.attributes.integer("to");
  if (to <= 0 || to >= kDTypeCount) return in.error("'to' is not an element type: " + std::to_string(to));
  return static_cast<DType>(to);
}
}  // namespace

Status infer_cast(Inference& in) {
  VIVACE_ASSIGN(const DType to, target_type(in));
  return infer_conversion(in, to);
}

Status infer_cast_like(Inference& in) { return infer_conversion(in, in.dtype(1)); }

// To and from small types by way of f32 or i64.
Status reference_cast(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  if (y.count() == 0) return {};
  if (x.type == y.type) return cast_plain(call, x, y);
  Tensor wide;
  if (is_small(x.type)) {
    VIVACE_ASSIGN(wide, widened(x));
  }
  const TensorView& source = wide.valid() ? wide.view() : x;
  if (!is_small(y.type)) return cast_plain(call, source, y);
  VIVACE_ASSIGN(const Tensor middle, Tensor::allocate(is_small_float(y.type) ? DType::f32 : DType::i64, y.shape));
  VIVACE_TRY(cast_plain(call, source, middle));
  narrow(call, middle, y);
  return {};
}

// The same bits under another type of the same width.
Status infer_bit_cast(Inference& in) {
  VIVACE_ASSIGN(const DType to, target_type(in));
  if (in.dtype(0) == DType::string || to == DType::string ||
      (in.dtype(0) != DType::undefined && bits_of(to) != bits_of(in.dtype(0))))
    return in.error(std::string("elements of ") + to_string(in.dtype(0)) + " and " + to_string(to) +
                    " differ in width");
  in.set(0, ir::Type{ir::Kind::tensor, to, in.dims(0), 0, nullptr});
  return {};
}
Status reference_bit_cast(Call& call) {
  const TensorView& y = call.output();
  copy_elements({y, 0}, {TensorView{y.type, y.shape, call.input(0).data}, 0}, y.count());
  return {};
}

}  // namespace vivace::ops
