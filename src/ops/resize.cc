// Resize: each dimension on its own turns output positions into weighted input positions.
#include "ops/resize.h"

#include <algorithm>
#include <cmath>

#include "ops/reference.h"

namespace vivace::ops {

namespace {

constexpr double kMostElements = 1e15;

// What Resize does to one dimension.
struct Along {
  int64_t in = 0, out = 0;
  double scale = 1;
  double begin = 0, end = 1;  // region of interest, as fractions
};

bool given(const TensorView& view) { return view.type != DType::undefined && view.count() > 0; }

// The axes attribute, or all; an error where one is out of range or named twice.
Result<std::vector<int>> resize_axes(const ir::Node& node, int rank) {
  std::vector<int> axes;
  std::vector<int64_t> named = node.attributes.integers("axes");
  if (named.empty())
    for (int i = 0; i < rank; ++i) named.push_back(i);
  for (const int64_t axis : named) {
    const int normal = normalized_axis(axis, rank);
    if (normal < 0 || std::find(axes.begin(), axes.end(), normal) != axes.end())
      return Status(Code::invalid_model, node.describe() + ": axis " + std::to_string(axis) + " is out of range for " +
                                             std::to_string(rank) + " dimensions, or named twice");
    axes.push_back(normal);
  }
  return axes;
}

bool preserves_aspect(const ir::Node& node) {
  return node.attributes.text("keep_aspect_ratio_policy", "stretch") != "stretch";
}

// Sizes and scales of all dimensions from the values of the inputs; scales and sizes: one of them is not empty.
Result<std::vector<Along>> resized(const ir::Node& node, const Shape& shape, const std::vector<double>& scales,
                                   const std::vector<int64_t>& sizes, const std::vector<double>& roi) {
  const auto bad = [&](const std::string& what) {
    return Status(Code::invalid_argument, node.describe() + ": " + what);
  };
  VIVACE_ASSIGN(const std::vector<int> axes, resize_axes(node, static_cast<int>(shape.size())));
  std::vector<Along> dims(shape.size());
  for (size_t d = 0; d < shape.size(); ++d) dims[d].in = dims[d].out = shape[d];
  if (scales.empty() == sizes.empty()) return bad("exactly one of scales and sizes must be given");
  if (std::max(scales.size(), sizes.size()) != axes.size())
    return bad("scales or sizes must have one element for each of " + std::to_string(axes.size()) + " axes");
  // Other modes leave the region of interest alone, whatever it holds.
  const bool crops = !roi.empty() && node.attributes.text("coordinate_transformation_mode") == "tf_crop_and_resize";
  if (crops && roi.size() != 2 * axes.size()) return bad("roi must have a begin and an end for each axis");
  double common = 0;  // the scale of all axes where the aspect ratio is kept
  if (!sizes.empty() && preserves_aspect(node)) {
    const bool larger = node.attributes.text("keep_aspect_ratio_policy") == "not_smaller";
    for (size_t i = 0; i < axes.size(); ++i) {
      const double scale = static_cast<double>(sizes[i]) / static_cast<double>(shape[static_cast<size_t>(axes[i])]);
      common = i == 0 ? scale : larger ? std::max(common, scale) : std::min(common, scale);
    }
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    Along& d = dims[static_cast<size_t>(axes[i])];
    double out = 0;
    if (sizes.empty()) {
      d.scale = scales[i];
      out = static_cast<float>(d.in) * static_cast<float>(d.scale);  // in f32, as the scales are
    } else if (preserves_aspect(node)) {
      d.scale = common;
      out = std::floor(common * static_cast<double>(d.in) + 0.5);
    } else {
      out = static_cast<double>(sizes[i]);
      d.scale = d.in == 0 ? 1 : out / static_cast<double>(d.in);
    }
    if (!(d.scale >= 0) || !(out >= 0) || out > kMostElements || (d.in == 0 && out > 0))
      return bad("cannot resize " + std::to_string(d.in) + " elements by " + std::to_string(d.scale));
    d.out = static_cast<int64_t>(out);
    if (crops) {
      d.begin = roi[i];
      d.end = roi[axes.size() + i];
    }
  }
  return dims;
}

// A dimension times a scale, where that can be said of a symbol.
ir::Dim scaled(const ir::Dim& dim, double scale) {
  if (scale == std::floor(scale) && scale >= 1 && scale < 1e6) return dim * ir::Dim(static_cast<int64_t>(scale));
  const double inverse = 1 / scale;
  if (inverse == std::floor(inverse) && inverse >= 1 && inverse < 1e6)
    return ir::floor_div(dim, static_cast<int64_t>(inverse));
  return {};
}

bool one_of(const std::string& text, std::initializer_list<const char*> names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

}  // namespace

Status infer_resize(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::f32, DType::f16, DType::f64}));
  VIVACE_TRY(require_type(in, 2, {DType::f32}));
  VIVACE_TRY(require_type(in, 3, {DType::i64}));
  const std::string mode = in.attributes.text("mode", "nearest");
  if (!one_of(mode, {"nearest", "linear", "cubic"})) return in.error("unknown mode '" + mode + "'");
  if (mode != "nearest" && !is_float(in.dtype(0)) && !is_integer(in.dtype(0)))
    return in.error(std::string("mode ") + mode + " does not take type " + to_string(in.dtype(0)));
  if (bits_of(in.dtype(0)) % 8 != 0) return in.error(std::string("it does not take type ") + to_string(in.dtype(0)));
  const std::string transformation = in.attributes.text("coordinate_transformation_mode", "half_pixel");
  if (!one_of(transformation, {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                               "asymmetric", "tf_crop_and_resize"}))
    return in.error("unknown coordinate_transformation_mode '" + transformation + "'");
  const std::string nearest = in.attributes.text("nearest_mode", "round_prefer_floor");
  if (!one_of(nearest, {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}))
    return in.error("unknown nearest_mode '" + nearest + "'");
  const std::string policy = in.attributes.text("keep_aspect_ratio_policy", "stretch");
  if (!one_of(policy, {"stretch", "not_larger", "not_smaller"}))
    return in.error("unknown keep_aspect_ratio_policy '" + policy + "'");
  if (!in.dims(0)) {
    in.set_unknown_rank(0, in.dtype(0));
    return {};
  }
  const ir::Dims& x = *in.dims(0);
  VIVACE_ASSIGN(const std::vector<int> axes, resize_axes(in.node, in.rank(0)));
  const Tensor* scales = in.constant(2);
  const bool scaling = scales && scales->count() > 0;
  const std::optional<ir::Dims> sizes = in.known(3);
  const std::optional<Shape> shape = ir::to_shape(x), numbers = sizes ? ir::to_shape(*sizes) : std::nullopt;
  ir::Dims y = x;
  if (shape && (scaling || (numbers && !numbers->empty()))) {
    const std::vector<int64_t> none;
    VIVACE_ASSIGN(
        const std::vector<Along> dims,
        resized(in.node, *shape, scaling ? to_double(*scales) : std::vector<double>(), numbers ? *numbers : none, {}));
    for (size_t d = 0; d < y.size(); ++d) y[d] = dims[d].out;
  } else if (scaling) {
    if (static_cast<size_t>(scales->count()) != axes.size())
      return in.error("scales must have one element for each axis");
    const std::vector<double> factors = to_double(*scales);
    for (size_t i = 0; i < axes.size(); ++i) {
      ir::Dim& d = y[static_cast<size_t>(axes[i])];
      if (!(factors[i] > 0)) return in.error("scales must be positive");
      if (factors[i] != 1)
        d = d.known() ? ir::Dim(static_cast<int64_t>(std::clamp<double>(
                            static_cast<float>(d.value()) * static_cast<float>(factors[i]), 0, kMostElements)))
                      : scaled(d, factors[i]);
    }
  } else {
    const bool follow = sizes && sizes->size() == axes.size() && !preserves_aspect(in.node);
    for (size_t i = 0; i < axes.size(); ++i) y[static_cast<size_t>(axes[i])] = follow ? (*sizes)[i] : ir::Dim();
  }
  in.set(0, in.dtype(0), y);
  return {};
}

namespace {

// The input position that output position i comes from.
double source_position(const std::string& transformation, const Along& d, int64_t i) {
  const auto position = static_cast<double>(i), in = static_cast<double>(d.in), out = static_cast<double>(d.out);
  if (transformation == "asymmetric") return position / d.scale;
  if (transformation == "align_corners") return d.out == 1 ? 0 : position * (in - 1) / (out - 1);
  if (transformation == "tf_crop_and_resize")
    return d.out == 1 ? 0.5 * (d.begin + d.end) * (in - 1)
                      : d.begin * (in - 1) + position * (d.end - d.begin) * (in - 1) / (out - 1);
  if (transformation == "pytorch_half_pixel" && d.out == 1) return 0;
  const double half_pixel = (position + 0.5) / d.scale - 0.5;
  if (transformation != "half_pixel_symmetric") return half_pixel;
  return in / 2 * (1 - out / (d.scale * in)) + half_pixel;
}

double cubic_weight(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

using Taps = ResizeTaps;

Taps taps_of(const ir::Attributes& attributes, const Along& d) {
  const std::string transformation = attributes.text("coordinate_transformation_mode", "half_pixel");
  const std::string mode = attributes.text("mode", "nearest"),
                    nearest = attributes.text("nearest_mode", "round_prefer_floor");
  const bool exclude_outside = attributes.integer("exclude_outside") != 0, cubic = mode == "cubic";
  const double a = attributes.real("cubic_coeff_a", -0.75f);
  // Antialiasing widens the filter as much as the image shrinks.
  const double shrink = attributes.integer("antialias") != 0 && d.scale > 0 ? std::min(1.0, d.scale) : 1;
  const double support = (cubic ? 2 : 1) / shrink;
  Taps taps;
  taps.at.resize(static_cast<size_t>(d.out));
  const auto last = static_cast<double>(d.in - 1);
  for (int64_t i = 0; i < d.out; ++i) {
    auto& here = taps.at[static_cast<size_t>(i)];
    double x = source_position(transformation, d, i);
    if (!(x >= 0 && x <= last) && transformation == "tf_crop_and_resize") {
      taps.identity = false;
      continue;
    }
    if (mode == "nearest") {
      // What roundings of the scale kept from a half or a whole is one.
      constexpr double kRounding = 1e-12;
      if (std::abs(2 * x - std::round(2 * x)) < kRounding * (1 + std::abs(x))) x = std::round(2 * x) / 2;
      double n = nearest == "floor"               ? std::floor(x)
                 : nearest == "ceil"              ? std::ceil(x)
                 : nearest == "round_prefer_ceil" ? std::floor(x + 0.5)
                                                  : std::ceil(x - 0.5);
      n = n > 0 ? std::min(n, last) : 0;
      here = {{static_cast<int64_t>(n), 1}};
    } else {
      x = x > -support - 1 ? std::min(x, last + support + 1) : -support - 1;
      const auto base = static_cast<int64_t>(std::floor(x));
      const auto first = static_cast<int64_t>(std::floor(-support)) + 1;
      double sum = 0;
      for (int64_t j = first; j <= 1 - first; ++j) {
        const double distance = (static_cast<double>(base + j) - x) * shrink;
        const double weight = cubic ? cubic_weight(distance, a) : std::max(0.0, 1 - std::abs(distance));
        const bool outside = base + j < 0 || base + j >= d.in;
        if (weight == 0 || (outside && exclude_outside)) continue;
        sum += weight;
        here.emplace_back(std::clamp<int64_t>(base + j, 0, d.in - 1), weight);
      }
      if (sum != 0)
        for (auto& tap : here) tap.second /= sum;
    }
    taps.identity = taps.identity && here.size() == 1 && here[0].first == i;
  }
  taps.identity = taps.identity && d.in == d.out;
  return taps;
}

// Elements that some dimension takes from outside the image get the value.
template <class T>
void extrapolate(const std::vector<Taps>& taps, const Shape& shape, T value, T* y) {
  int64_t inner = elements(shape);
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const int64_t outer_step = inner;
    inner = shape[axis] ? inner / shape[axis] : 0;
    for (int64_t i = 0; i < shape[axis]; ++i)
      if (taps[axis].at[static_cast<size_t>(i)].empty())
        for (int64_t start = i * inner; start < elements(shape); start += outer_step)
          std::fill_n(y + start, inner, value);
  }
}

template <class W, class T>
T rounded(W value) {
  if constexpr (std::is_floating_point_v<T> || !is_integer(dtype_of<T>)) {
    return static_cast<T>(value);
  } else {
    constexpr auto low = static_cast<double>(std::numeric_limits<T>::lowest());
    constexpr auto high = static_cast<double>(std::numeric_limits<T>::max());
    const double v = std::trunc(static_cast<double>(value));
    return v >= high ? std::numeric_limits<T>::max() : v > low ? static_cast<T>(v) : std::numeric_limits<T>::lowest();
  }
}

// Integers come out rounded towards zero.
template <class W>
Status interpolate(Call& call, const std::vector<Taps>& taps, const std::vector<Along>& dims) {
  VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
  Shape shape = call.input(0).shape;
  const W* from = x.data();
  Tensor current;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (taps[axis].identity) continue;
    const AxisSplit split = split_at(shape, static_cast<int>(axis));
    const int64_t out = dims[axis].out;
    shape[axis] = out;
    VIVACE_ASSIGN(Tensor next, Tensor::allocate(dtype_of<W>, shape));
    W* to = next.as<W>();
    in_parallel(call.pool, split.outer, [&](int64_t outer) {
      for (int64_t i = 0; i < out; ++i)
        for (const auto& [index, weight] : taps[axis].at[static_cast<size_t>(i)]) {
          const W* source = from + (outer * split.size + index) * split.inner;
          W* target = to + (outer * out + i) * split.inner;
          for (int64_t j = 0; j < split.inner; ++j) target[j] += static_cast<W>(weight) * source[j];
        }
    });
    current = std::move(next);
    from = to;
  }
  VIVACE_ASSIGN(Tensor result, Tensor::allocate(dtype_of<W>, shape));
  std::copy_n(from, result.count(), result.as<W>());
  extrapolate<W>(taps, shape, call.attributes.real("extrapolation_value"), result.as<W>());
  const TensorView& y = call.output();
  const bool stored = visit_dtype<float, double, Float16, BFloat16, int8_t, int16_t, int32_t, int64_t, uint8_t,
                                  uint16_t, uint32_t, uint64_t>(y.type, [&]<class T>() {
    for (int64_t i = 0; i < y.count(); ++i) y.as<T>()[i] = rounded<W, T>(result.as<W>()[i]);
  });
  return stored ? Status() : call.error(std::string("it does not interpolate type ") + to_string(y.type));
}

// Copies whole elements of type T, whatever they mean.
template <class T>
void pick(Call& call, const std::vector<Taps>& taps) {
  const TensorView &x = call.input(0), &y = call.output();
  const size_t rank = y.shape.size(), last = rank - 1;
  const Shape strides = strides_of(x.shape);
  const int64_t row = y.shape[last];
  in_parallel(call.pool, row ? y.count() / row : 0, [&](int64_t task) {
    int64_t from = 0, rest = task;
    for (size_t d = last; d-- > 0; rest /= y.shape[d]) {
      const auto& tap = taps[d].at[static_cast<size_t>(rest % y.shape[d])];
      from += tap.empty() ? 0 : tap[0].first * strides[d];
    }
    for (int64_t i = 0; i < row; ++i) {
      const auto& tap = taps[last].at[static_cast<size_t>(i)];
      y.as<T>()[task * row + i] = x.as<const T>()[from + (tap.empty() ? 0 : tap[0].first)];
    }
  });
}

}  // namespace

Result<std::vector<ResizeTaps>> resize_taps(const ir::Node& node, const Shape& in, const TensorView& roi,
                                            const TensorView& scales, const TensorView& sizes) {
  const auto values = [](const TensorView& view) { return given(view) ? view : TensorView{}; };
  VIVACE_ASSIGN(const std::vector<Along> dims,
                resized(node, in, to_double(values(scales)), to_int64(values(sizes)), to_double(values(roi))));
  std::vector<ResizeTaps> taps;
  for (const Along& d : dims) taps.push_back(taps_of(node.attributes, d));
  return taps;
}

Status reference_resize(Call& call) {
  const TensorView& x = call.input(0);
  const auto at = [&](size_t i) { return call.has(i) && given(call.input(i)) ? call.input(i) : TensorView{}; };
  VIVACE_ASSIGN(const std::vector<Along> dims,
                resized(call.node, x.shape, to_double(at(2)), to_int64(at(3)), to_double(at(1))));
  Shape shape;
  std::vector<Taps> taps;
  for (const Along& d : dims) shape.push_back(d.out);
  if (!checked_elements(shape)) return call.error("an output of " + to_string(shape) + " is too large");
  VIVACE_TRY(ensure_output(call, 0, x.type, shape));
  if (call.output().count() == 0) return {};
  for (const Along& d : dims) taps.push_back(taps_of(call.attributes, d));
  if (shape.empty()) {  // a scalar stays as it is
    copy_elements({call.output(), 0}, {x, 0}, x.count());
    return {};
  }
  if (call.attributes.text("mode", "nearest") != "nearest")
    return x.type == DType::f64 || (bits_of(x.type) >= 32 && is_integer(x.type)) ? interpolate<double>(call, taps, dims)
                                                                                 : interpolate<float>(call, taps, dims);
  if (!visit_storage(x.type, [&]<class T>() { pick<T>(call, taps); }))
    return call.error(std::string("it does not take type ") + to_string(x.type));
  visit_dtype<float, double, Float16, BFloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t,
              uint64_t>(x.type, [&]<class T>() {
    extrapolate<T>(taps, shape, rounded<float, T>(call.attributes.real("extrapolation_value")), call.output().as<T>());
  });
  return {};
}

}  // namespace vivace::ops
