// Features of ai.onnx.ml: ArrayFeatureExtractor, Binarizer, FeatureVectorizer, Imputer, Normalizer, OneHotEncoder,
// Scaler.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "ops/ml_scores.h"

namespace vivace::ops {

namespace {

Status require_number(const Inference& in) {
  return require_type(in, 0, {DType::f32, DType::f64, DType::i32, DType::i64});
}

template <class F>
void for_number(DType type, F f) {
  visit_dtype<float, double, int32_t, int64_t>(type, f);
}

// A list of one element, or of one for each feature, which the last dimension counts.
Status check_per_feature(const Inference& in, const std::string& name, size_t size) {
  if (size == 1) return {};
  const bool known = in.rank(0) > 0 && in.dims(0)->back().known();
  if (size > 0 && (in.rank(0) == -1 || (in.rank(0) > 0 && !known))) return {};
  if (known && in.dims(0)->back().is(static_cast<int64_t>(size))) return {};
  return in.error(name + " has " + std::to_string(size) + " elements; it must have 1, or one for each feature");
}
Status check_per_feature(const Call& call, const std::string& name, size_t size) {
  const TensorView& x = call.input(0);
  if (size == 1 || (x.rank() > 0 && x.shape.back() == static_cast<int64_t>(size))) return {};
  return call.error(name + " has " + std::to_string(size) + " elements; it must have 1, or one for each feature");
}

}  // namespace

// --- ArrayFeatureExtractor: a gather along the last axis; a vector counts as a matrix of one row

Status infer_array_feature_extractor(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i64}));
  if (in.dims(0) && in.rank(0) == 0) return in.error("input 0 must have a dimension to pick from");
  if (!in.dims(0)) return in.set_unknown_rank(0, in.dtype(0)), Status();
  ir::Dims out = *in.dims(0);
  if (out.size() == 1) out.insert(out.begin(), 1);
  out.back() = ir::Dim();
  if (in.dims(1)) {
    const std::optional<Shape> shape = in.type(1).shape();
    if (shape)
      out.back() = elements(*shape);
    else if (in.rank(1) == 1)
      out.back() = in.dims(1)->front();
  }
  in.set(0, in.dtype(0), std::move(out));
  return {};
}

Status reference_array_feature_extractor(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView &x = call.input(0), &y = call.output();
  const int64_t features = x.shape.back(), rows = elements(Shape(x.shape.begin(), x.shape.end() - 1));
  VIVACE_ASSIGN(const std::vector<int64_t> indices, normalized_indices(call, call.input(1), features));
  const auto count = static_cast<int64_t>(indices.size());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < count; ++i)
      copy_elements({y, row * count + i}, {x, row * features + indices[static_cast<size_t>(i)]}, 1);
  return {};
}

// --- Binarizer

Status infer_binarizer(Inference& in) {
  VIVACE_TRY(require_number(in));
  return infer_same_as_first(in);
}

Status reference_binarizer(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const float threshold = call.attributes.real("threshold");
  for_number(x.type, [&]<class T>() {
    using W = std::conditional_t<std::is_same_v<T, float>, float, double>;
    for (int64_t i = 0; i < x.count(); ++i)
      y.as<T>()[i] = static_cast<T>(static_cast<W>(x.as<T>()[i]) > static_cast<W>(threshold) ? 1 : 0);
  });
  return {};
}

// --- FeatureVectorizer: columns of all inputs side by side as f32, each cut or filled up with zeros to its width

namespace {
// Width of input i: what `inputdimensions` says, or its own.
std::optional<int64_t> width_of(const ir::Attributes& attributes, size_t i) {
  const std::vector<int64_t> widths = attributes.integers("inputdimensions");
  return i < widths.size() ? std::optional(widths[i]) : std::nullopt;
}
}  // namespace

Status infer_feature_vectorizer(Inference& in) {
  ir::Dim rows(1), columns(0);
  for (size_t i = 0; i < in.input_count(); ++i) {
    VIVACE_TRY(require_type(in, i, {DType::f32, DType::f64, DType::i32, DType::i64}));
    VIVACE_TRY(require_rank(in, i, 1, 2));
    if (in.rank(i) == 2) rows = in.dims(i)->front();
    if (!in.dims(i)) rows = ir::Dim();
    const std::optional<int64_t> width = width_of(in.attributes, i);
    constexpr int64_t kMost = int64_t{1} << 32;
    if (width && (*width < 0 || *width > kMost)) return in.error("inputdimensions holds " + std::to_string(*width));
    const ir::Dim own = width ? ir::Dim(*width) : in.dims(i) ? in.dims(i)->back() : ir::Dim();
    columns = own.known() && columns.known() ? ir::Dim(columns.value() + own.value()) : ir::Dim();
  }
  in.set(0, DType::f32, {rows, columns});
  return {};
}

Status reference_feature_vectorizer(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView& y = call.output();
  const int64_t total = y.shape[1];
  int64_t first = 0;
  for (size_t i = 0; i < call.input_count(); ++i) {
    const FeatureRows shape = feature_rows(call.input(i));
    if (shape.rows != y.shape[0])
      return call.error("input " + std::to_string(i) + " has " + std::to_string(shape.rows) + " rows, others have " +
                        std::to_string(y.shape[0]));
    const int64_t width = width_of(call.attributes, i).value_or(shape.features), kept = std::min(width, shape.features);
    const std::vector<float> x = numbers_as<float>(call.input(i));
    for (int64_t row = 0; row < shape.rows; ++row) {
      float* to = y.as<float>() + row * total + first;
      std::copy_n(x.data() + row * shape.features, kept, to);
      std::fill_n(to + kept, width - kept, 0.0f);
    }
    first += width;
  }
  return {};
}

// --- Imputer: replaces one value

Status infer_imputer(Inference& in) {
  VIVACE_TRY(require_number(in));
  const std::string name = is_float(in.dtype(0)) ? "imputed_value_floats" : "imputed_value_int64s";
  if (in.dtype(0) != DType::undefined)
    VIVACE_TRY(check_per_feature(
        in, name, is_float(in.dtype(0)) ? in.attributes.reals(name).size() : in.attributes.integers(name).size()));
  return infer_same_as_first(in);
}

Status reference_imputer(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  Status status;
  for_number(x.type, [&]<class T>() {
    const auto replace = [&](const auto& values, auto replaced) {
      status = check_per_feature(call, "the list of imputed values", values.size());
      if (!status.ok()) return;
      const auto value = static_cast<T>(replaced);
      for (int64_t i = 0; i < x.count(); ++i) {
        const T v = x.as<T>()[i];
        const bool hit = v == value || (v != v && value != value);
        y.as<T>()[i] = hit ? static_cast<T>(values[static_cast<size_t>(i) % values.size()]) : v;
      }
    };
    if constexpr (std::is_floating_point_v<T>)
      replace(call.attributes.reals("imputed_value_floats"), call.attributes.real("replaced_value_float"));
    else
      replace(call.attributes.integers("imputed_value_int64s"), call.attributes.integer("replaced_value_int64"));
  });
  return status;
}

// --- Normalizer: each row over its largest magnitude, its sum of magnitudes, or its length

Status infer_normalizer(Inference& in) {
  VIVACE_TRY(require_feature_rows(in));
  const std::string norm = in.attributes.text("norm", "MAX");
  if (norm != "MAX" && norm != "L1" && norm != "L2") return in.error("unknown norm '" + norm + "'");
  VIVACE_TRY(infer_same_as_first(in));
  in.outputs[0].dtype = DType::f32;
  return {};
}

Status reference_normalizer(Call& call) {
  const FeatureRows shape = feature_rows(call.input(0));
  const std::string norm = call.attributes.text("norm", "MAX");
  const std::vector<double> x = numbers_as<double>(call.input(0));
  for (int64_t row = 0; row < shape.rows; ++row) {
    const double* from = x.data() + row * shape.features;
    double divisor = norm == "MAX" && shape.features > 0 ? from[0] : 0;
    for (int64_t i = 0; i < shape.features; ++i)
      divisor = norm == "MAX"  ? std::max(divisor, from[i])
                : norm == "L1" ? divisor + std::abs(from[i])
                               : divisor + from[i] * from[i];
    if (norm == "L2") divisor = std::sqrt(divisor);
    float* to = call.output().as<float>() + row * shape.features;
    for (int64_t i = 0; i < shape.features; ++i) to[i] = static_cast<float>(divisor == 0 ? from[i] : from[i] / divisor);
  }
  return {};
}

// --- OneHotEncoder

Status infer_one_hot_encoder(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::string, DType::i64, DType::i32, DType::f32, DType::f64}));
  const size_t texts = in.attributes.texts("cats_strings").size(),
               numbers = in.attributes.integers("cats_int64s").size();
  const DType type = in.dtype(0);
  if (type != DType::undefined && (type == DType::string ? texts : numbers) == 0)
    return in.error(std::string("it needs ") + (type == DType::string ? "cats_strings" : "cats_int64s") +
                    " for an input of type " + to_string(type));
  if (!in.dims(0)) return in.set_unknown_rank(0, DType::f32), Status();
  ir::Dims out = *in.dims(0);
  out.emplace_back(type == DType::undefined ? ir::Dim()
                                            : ir::Dim(static_cast<int64_t>(type == DType::string ? texts : numbers)));
  in.set(0, DType::f32, std::move(out));
  return {};
}

namespace {
template <class Key>
std::unordered_map<Key, int64_t> positions_of(const std::vector<Key>& keys) {
  std::unordered_map<Key, int64_t> positions;
  for (size_t i = 0; i < keys.size(); ++i) positions.emplace(keys[i], static_cast<int64_t>(i));
  return positions;
}
}  // namespace

Status reference_one_hot_encoder(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView &x = call.input(0), &y = call.output();
  const int64_t categories = y.shape.back();
  const bool zeros = call.attributes.integer("zeros", 1) != 0;
  std::fill_n(y.as<float>(), y.count(), 0.0f);
  const auto encode = [&](const auto& positions, const auto* keys) -> Status {
    for (int64_t i = 0; i < x.count(); ++i) {
      const auto at = positions.find(keys[i]);
      if (at != positions.end())
        y.as<float>()[i * categories + at->second] = 1;
      else if (!zeros)
        return call.error("element " + std::to_string(i) + " is none of the categories, and zeros is 0");
    }
    return {};
  };
  if (x.type == DType::string)
    return encode(positions_of(call.attributes.texts("cats_strings")), x.as<const std::string>());
  std::vector<int64_t> keys(static_cast<size_t>(x.count()));
  for_number(x.type, [&]<class T>() {
    for (size_t i = 0; i < keys.size(); ++i) {
      const T v = x.as<T>()[i];
      constexpr auto kLimit = static_cast<double>(INT64_MAX);
      if constexpr (std::is_floating_point_v<T>)
        keys[i] = std::abs(static_cast<double>(v)) < kLimit ? static_cast<int64_t>(v) : INT64_MIN;
      else
        keys[i] = static_cast<int64_t>(v);
    }
  });
  return encode(positions_of(call.attributes.integers("cats_int64s")), keys.data());
}

// --- Scaler: (x - offset) * scale, as f32

Status infer_scaler(Inference& in) {
  VIVACE_TRY(require_number(in));
  VIVACE_TRY(check_per_feature(in, "scale", in.attributes.reals("scale").size()));
  VIVACE_TRY(check_per_feature(in, "offset", in.attributes.reals("offset").size()));
  VIVACE_TRY(infer_same_as_first(in));
  in.outputs[0].dtype = DType::f32;
  return {};
}

Status reference_scaler(Call& call) {
  const std::vector<float> scale = call.attributes.reals("scale"), offset = call.attributes.reals("offset");
  VIVACE_TRY(check_per_feature(call, "scale", scale.size()));
  VIVACE_TRY(check_per_feature(call, "offset", offset.size()));
  const std::vector<double> x = numbers_as<double>(call.input(0));
  for (size_t i = 0; i < x.size(); ++i)
    call.output().as<float>()[i] = static_cast<float>((x[i] - static_cast<double>(offset[i % offset.size()])) *
                                                      static_cast<double>(scale[i % scale.size()]));
  return {};
}

}  // namespace vivace::ops
