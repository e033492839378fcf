// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear.
#include <algorithm>
#include <cmath>

#include "ops/reference.h"
#include "ops/small_types.h"

namespace vivace::ops {

namespace {

using enum DType;

// Which element of a scale belongs to an element of x: one for all, one per index of an axis, or, where the scale has
// the rank of x, one per block of the axis.
struct Granularity {
  enum { whole, axis, blocks } kind = whole;
  int64_t size = 1, inner = 1;         // of the axis, below the axis
  int64_t block = 1, block_count = 1;  // elements of a block, blocks along the axis

  int64_t at(int64_t i) const {
    if (kind == whole) return 0;
    const int64_t index = i / inner % size;
    if (kind == axis) return index;
    return (i / inner / size * block_count + index / block) * inner + i % inner;
  }
};

// Checks the shape of scale (and zero point) against x, so far as they are known.
Status check_granularity(const Inference& in, size_t scale) {
  if (!in.has(scale) || !in.dims(0) || !in.dims(scale)) return {};
  const ir::Dims &x = *in.dims(0), &s = *in.dims(scale);
  const int64_t block = in.attributes.integer("block_size");
  const auto misfit = [&](const std::string& why) {
    return in.error("input " + std::to_string(scale) + " of shape [" + ir::to_string(s) + "] does not fit [" +
                    ir::to_string(x) + "]: " + why);
  };
  if (block < 0) return in.error("block_size must not be negative");
  if (s.empty() || (s.size() == 1 && s[0].is(1) && block == 0)) return {};
  const int axis = x.size() == 1 ? 0 : normalized_axis(in.attributes.integer("axis", 1), static_cast<int>(x.size()));
  if (axis < 0) return misfit("axis " + std::to_string(in.attributes.integer("axis", 1)) + " is out of range");
  const ir::Dim& size = x[static_cast<size_t>(axis)];
  if (block == 0) {
    if (s.size() != 1) return misfit("without block_size it must be one number or a vector");
    return clash(s[0], size) ? misfit("it must have an element for each index of axis " + std::to_string(axis))
                             : Status();
  }
  if (s.size() != x.size()) return misfit("with block_size the ranks must agree");
  for (size_t d = 0; d < x.size(); ++d)
    if (clash(s[d], static_cast<int>(d) == axis ? ir::ceil_div(x[d], block) : x[d]))
      return misfit("blocks do not cover it");
  return {};
}

Granularity granularity_of(const Call& call) {
  const Shape &x = call.input(0).shape, &s = call.input(1).shape;
  Granularity g;
  const int64_t block = call.attributes.integer("block_size");
  if (s.empty() || (s.size() == 1 && s[0] == 1 && block == 0)) return g;
  const int axis = x.size() == 1 ? 0 : normalized_axis(call.attributes.integer("axis", 1), static_cast<int>(x.size()));
  const AxisSplit split = split_at(x, axis);
  g.kind = block == 0 ? Granularity::axis : Granularity::blocks;
  g.size = split.size;
  g.inner = split.inner;
  g.block = std::max<int64_t>(1, block);
  g.block_count = block == 0 ? 1 : s[static_cast<size_t>(axis)];
  return g;
}

// The element type that an attribute names; undefined where it is 0 or absent.
Result<DType> type_attribute(const Inference& in, const char* name, std::initializer_list<DType> allowed) {
  const int64_t value = in.attributes.integer(name);
  if (value == 0) return undefined;
  for (const DType type : allowed)
    if (value == static_cast<int64_t>(type)) return type;
  return in.error(std::string(name) + " " + std::to_string(value) + " is not a type it can have");
}

float rounded_to(DType type, float value) {
  return type == f16 ? float{Float16(value)} : type == bf16 ? float{BFloat16(value)} : value;
}

}  // namespace

Status infer_quantize_linear(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {f32, f16, bf16, i32}));
  VIVACE_TRY(require_type(in, 1, {f32, f16, bf16, i32, f8e8m0}));
  VIVACE_TRY(require_type(in, 2, {i8, u8, i16, u16, f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz, u4, i4, f4e2m1, u2, i2}));
  VIVACE_TRY(type_attribute(in, "precision", {f32, f16, bf16}).status());
  VIVACE_ASSIGN(DType out,
                type_attribute(in, "output_dtype",
                               {i8, u8, i16, u16, f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz, u4, i4, f4e2m1, u2, i2}));
  if (in.has(2)) {
    if (out != undefined && in.dtype(2) != undefined && in.dtype(2) != out)
      return in.error("output_dtype and the zero point disagree");
    out = in.dtype(2);
  } else if (out == undefined) {
    out = u8;
  }
  VIVACE_TRY(check_granularity(in, 1));
  VIVACE_TRY(check_granularity(in, 2));
  in.set(0, ir::Type{ir::Kind::tensor, out, in.dims(0), 0, nullptr});
  return {};
}

// round(x / scale) + zero point, saturated; float types without the rounding to integers.
Status reference_quantize_linear(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const std::vector<double> scale = small_to_double(call.input(1));
  const std::vector<double> zero = call.has(2) ? small_to_double(call.input(2)) : std::vector<double>(scale.size(), 0);
  if (zero.size() != scale.size()) return call.error("scale and zero point have different shapes");
  VIVACE_ASSIGN(const auto values, Reader<float>::of(x));
  const Granularity g = granularity_of(call);
  const int64_t named = call.attributes.integer("precision");
  const DType precision = named ? static_cast<DType>(named) : call.input(1).type;
  const bool saturate = call.attributes.integer("saturate", 1) != 0;
  const IntegerRange range = integer_range(y.type);
  const auto low = static_cast<double>(range.low), high = static_cast<double>(range.high);
  if (bits_of(y.type) < 8) std::fill_n(y.as<uint8_t>(), y.bytes(), uint8_t{0});
  for (int64_t i = 0; i < x.count(); ++i) {
    const auto at = static_cast<size_t>(g.at(i));
    const float quotient = rounded_to(precision, rounded_to(precision, values[i]) / static_cast<float>(scale[at]));
    if (is_small_float(y.type)) {
      const float moved = zero[at] == 0 ? quotient : quotient + static_cast<float>(zero[at]);  // -0 stays
      const uint8_t bits = encode_small_float(y.type, moved, saturate);
      if (bits_of(y.type) == 8)
        y.as<uint8_t>()[i] = bits;
      else
        put_bits(y, i, bits);
      continue;
    }
    const double whole = std::nearbyint(static_cast<double>(quotient)) + zero[at];
    const auto result = static_cast<int64_t>(whole > low ? std::min(whole, high) : low);  // NaN becomes the least
    if (bits_of(y.type) < 8)
      put_bits(y, i, static_cast<uint8_t>(result));
    else if (bits_of(y.type) == 8)
      y.as<uint8_t>()[i] = static_cast<uint8_t>(result);
    else
      y.as<uint16_t>()[i] = static_cast<uint16_t>(result);
  }
  return {};
}

Status infer_dequantize_linear(Inference& in) {
  VIVACE_TRY(
      require_type(in, 0, {i8, u8, i16, u16, i32, f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz, u4, i4, f4e2m1, u2, i2}));
  VIVACE_TRY(require_type(in, 1, {f32, f16, bf16, f8e8m0}));
  VIVACE_TRY(require_same_type(in, 2, 0));
  VIVACE_ASSIGN(DType out, type_attribute(in, "output_dtype", {f32, f16, bf16}));
  if (out == undefined) out = in.dtype(1);
  if (out == f8e8m0) return in.error("a scale of type f8e8m0 needs the attribute output_dtype");
  VIVACE_TRY(check_granularity(in, 1));
  VIVACE_TRY(check_granularity(in, 2));
  in.set(0, ir::Type{ir::Kind::tensor, out, in.dims(0), 0, nullptr});
  return {};
}

// (x - zero point) * scale
Status reference_dequantize_linear(Call& call) {
  const std::vector<double> x = small_to_double(call.input(0)), scale = small_to_double(call.input(1));
  const std::vector<double> zero = call.has(2) ? small_to_double(call.input(2)) : std::vector<double>(scale.size(), 0);
  if (zero.size() != scale.size()) return call.error("scale and zero point have different shapes");
  const Granularity g = granularity_of(call);
  VIVACE_ASSIGN(const auto y, Writer<float>::of(call.output()));
  for (size_t i = 0; i < x.size(); ++i) {
    const auto at = static_cast<size_t>(g.at(static_cast<int64_t>(i)));
    y.data()[i] = static_cast<float>(x[i] - zero[at]) * static_cast<float>(scale[at]);
  }
  return y.store();
}

Status infer_dynamic_quantize_linear(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {f32}));
  in.set(0, ir::Type{ir::Kind::tensor, u8, in.dims(0), 0, nullptr});
  in.set(1, f32, {});
  in.set(2, u8, {});
  return {};
}

// The range of x, widened to hold 0, is spread over 0 to 255.
Status reference_dynamic_quantize_linear(Call& call) {
  const std::span<const float> x = call.input(0).span<const float>();
  float low = 0, high = 0;
  for (const float v : x) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  const float scale = low == high ? 1 : (high - low) / 255;
  const float zero = std::nearbyint(std::clamp(-low / scale, 0.0f, 255.0f));
  for (size_t i = 0; i < x.size(); ++i) {
    const float v = std::nearbyint(x[i] / scale) + zero;
    call.output(0).as<uint8_t>()[i] = static_cast<uint8_t>(v > 0 ? std::min(v, 255.0f) : 0);
  }
  if (call.wants(1)) *call.output(1).as<float>() = scale;
  if (call.wants(2)) *call.output(2).as<uint8_t>() = static_cast<uint8_t>(zero > 0 ? zero : 0);
  return {};
}

}  // namespace vivace::ops
