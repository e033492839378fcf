// LinearRegressor and LinearClassifier of ai.onnx.ml.
#include <algorithm>

#include "ops/ml_scores.h"

namespace vivace::ops {

namespace {

// Coefficients and intercepts for each of `outs` scores.
Status check_coefficients(const Inference& in, size_t outs) {
  const size_t coefficients = in.attributes.reals("coefficients").size(),
               intercepts = in.attributes.reals("intercepts").size();
  if (outs == 0 || coefficients == 0 || coefficients % outs != 0)
    return in.error("it has " + std::to_string(coefficients) + " coefficients for " + std::to_string(outs) + " scores");
  if (intercepts != 0 && intercepts != outs)
    return in.error("it has " + std::to_string(intercepts) + " intercepts for " + std::to_string(outs) + " scores");
  const int rank = in.rank(0);
  if (rank < 0) return {};
  const ir::Dim& features = in.dims(0)->back();
  if (features.known() && !features.is(static_cast<int64_t>(coefficients / outs)))
    return in.error("the input has " + std::to_string(features.value()) + " features, the coefficients are for " +
                    std::to_string(coefficients / outs));
  return {};
}

// One score for each intercept; without them as many as there are labels.
size_t scores_of(const ir::Attributes& attributes, const Labels& labels) {
  const size_t intercepts = attributes.reals("intercepts").size();
  return intercepts ? intercepts : labels.size();
}

Result<std::vector<double>> compute_scores(const Call& call, int64_t outs) {
  const FeatureRows shape = feature_rows(call.input(0));
  const std::vector<float> coefficients = call.attributes.reals("coefficients"),
                           intercepts = call.attributes.reals("intercepts"), x = numbers_as<float>(call.input(0));
  if (shape.features * outs != static_cast<int64_t>(coefficients.size()))
    return call.error("the input has " + std::to_string(shape.features) + " features for " +
                      std::to_string(coefficients.size()) + " coefficients of " + std::to_string(outs) + " scores");
  std::vector<double> scores(static_cast<size_t>(shape.rows * outs));
  affine_rows(call.pool, x, coefficients, intercepts, shape, outs, scores);
  return scores;
}

}  // namespace

Status infer_linear_regressor(Inference& in) {
  VIVACE_TRY(require_feature_rows(in));
  const int64_t targets = in.attributes.integer("targets", 1);
  if (targets < 1) return in.error("targets is " + std::to_string(targets));
  VIVACE_TRY(check_coefficients(in, static_cast<size_t>(targets)));
  const Result<PostTransform> transform = post_transform_of(in.attributes);
  if (!transform.ok()) return in.error(transform.status().message());
  in.set(0, DType::f32, {rows_of(in), targets});
  return {};
}

Status reference_linear_regressor(Call& call) {
  const int64_t targets = call.attributes.integer("targets", 1);
  VIVACE_ASSIGN(std::vector<double> scores, compute_scores(call, targets));
  const PostTransform transform = post_transform_of(call.attributes).value();
  for (size_t row = 0; row < scores.size(); row += static_cast<size_t>(targets))
    apply_transform(transform, std::span(scores).subspan(row, static_cast<size_t>(targets)));
  std::copy(scores.begin(), scores.end(), call.output().as<float>());
  return {};
}

Status infer_linear_classifier(Inference& in) {
  VIVACE_TRY(require_feature_rows(in));
  const Result<Labels> labels = labels_of(in.attributes, "classlabels_ints");
  if (!labels.ok()) return in.error(labels.status().message());
  const Result<PostTransform> transform = post_transform_of(in.attributes);
  if (!transform.ok()) return in.error(transform.status().message());
  const size_t outs = scores_of(in.attributes, *labels);
  VIVACE_TRY(check_coefficients(in, outs));
  if (outs > labels->size())
    return in.error("it has " + std::to_string(outs) + " scores for " + std::to_string(labels->size()) + " labels");
  const size_t columns = outs == 1 && labels->size() == 2 ? 2 : outs;
  in.set(0, labels->type(), {rows_of(in)});
  in.set(1, DType::f32, {rows_of(in), static_cast<int64_t>(columns)});
  return {};
}

// The label of the largest score. Of two classes with one score, the second is meant where that is above 0, and the
// first has what lacks to 1; transforms that need two scores leave it as it is, as in ONNX Runtime.
Status reference_linear_classifier(Call& call) {
  const Labels labels = labels_of(call.attributes, "classlabels_ints").value();
  const size_t outs = scores_of(call.attributes, labels);
  VIVACE_ASSIGN(std::vector<double> scores, compute_scores(call, static_cast<int64_t>(outs)));
  const PostTransform transform = post_transform_of(call.attributes).value();
  const bool second = outs == 1 && labels.size() == 2;
  for (size_t row = 0; row < scores.size() / outs; ++row) {
    const std::span<double> own = std::span(scores).subspan(row * outs, outs);
    const auto best = std::max_element(own.begin(), own.end()) - own.begin();
    const size_t label = second ? own[0] > 0 : static_cast<size_t>(best);
    if (call.wants(0)) labels.write(call.output(0), static_cast<int64_t>(row), label);
    if (!call.wants(1)) continue;
    const bool needs_two = transform == PostTransform::softmax || transform == PostTransform::softmax_zero;
    if (!second || !needs_two) apply_transform(transform, own);
    float* y = call.output(1).as<float>() + row * (second ? 2 : outs);
    if (second) *y++ = static_cast<float>(1 - own[0]);
    std::copy(own.begin(), own.end(), y);
  }
  return {};
}

}  // namespace vivace::ops
