#include "ops/ml_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace vivace::ops {

Result<PostTransform> post_transform_of(const ir::Attributes& attributes) {
  constexpr std::string_view kNames[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  const std::string name = attributes.text("post_transform", "NONE");
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (name == kNames[i]) return static_cast<PostTransform>(i);
  return Status(Code::invalid_model, "unknown post_transform '" + name + "'");
}

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

namespace {

// The inverse of the normal distribution, by Winitzki's approximation of the inverse error function, which is what
// the standard's evaluator takes: relative error below 2e-3.
double probit(double p) {
  const double x = 2 * p - 1;
  const double log = std::log((1 - x) * (1 + x));
  constexpr double a = 0.147;
  const double half = 2 / (std::numbers::pi * a) + log / 2;
  return std::copysign(std::numbers::sqrt2 * std::sqrt(std::sqrt(half * half - log / a) - half), x);
}

// Scores of 0 stay 0 where `skip_zeros`, and do not count.
void softmax(std::span<double> scores, bool skip_zeros) {
  if (scores.empty()) return;
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& s : scores) {
    s = skip_zeros && std::abs(s) <= 1e-7 ? 0 : std::exp(s - top);
    sum += s;
  }
  for (double& s : scores) s = sum == 0 ? 0.5 : s / sum;
}

}  // namespace

void apply_transform(PostTransform transform, std::span<double> scores) {
  switch (transform) {
    case PostTransform::none: return;
    case PostTransform::softmax: return softmax(scores, false);
    case PostTransform::softmax_zero: return softmax(scores, true);
    case PostTransform::logistic:
      for (double& s : scores) s = logistic(s);
      return;
    case PostTransform::probit:
      for (double& s : scores) s = probit(s);
      return;
  }
}

void Labels::write(const TensorView& to, int64_t row, size_t label) const {
  if (texts.empty())
    to.as<int64_t>()[row] = numbers[label];
  else
    to.as<std::string>()[row] = texts[label];
}

Result<Labels> labels_of(const ir::Attributes& attributes, std::string_view integers) {
  Labels labels{attributes.texts("classlabels_strings"), attributes.integers(integers)};
  if (labels.texts.empty() == labels.numbers.empty())
    return Status(Code::invalid_model,
                  "either classlabels_strings or " + std::string(integers) + " must list the labels");
  return labels;
}

Status require_feature_rows(const Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::f32, DType::f64, DType::i32, DType::i64}));
  return require_rank(in, 0, 1, 2);
}

ir::Dim rows_of(const Inference& in) {
  return !in.dims(0) ? ir::Dim() : in.rank(0) == 2 ? in.dims(0)->front() : ir::Dim(1);
}

FeatureRows feature_rows(const TensorView& x) {
  return x.rank() == 2 ? FeatureRows{x.shape[0], x.shape[1]} : FeatureRows{1, x.count()};
}

void affine_rows(ThreadPool* pool, std::span<const float> x, std::span<const float> w, std::span<const float> bias,
                 FeatureRows shape, int64_t outs, std::span<double> y) {
  const int64_t n = shape.features;
  parallel_for(pool, shape.rows, std::max<int64_t>(1, (1 << 15) / std::max<int64_t>(1, n * outs)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row)
                   for (int64_t o = 0; o < outs; ++o) {
                     const float *a = x.data() + row * n, *b = w.data() + o * n;
                     double sum = bias.empty() ? 0.0 : static_cast<double>(bias[static_cast<size_t>(o)]);
                     for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
                     y[static_cast<size_t>(row * outs + o)] = sum;
                   }
               });
}

}  // namespace vivace::ops
