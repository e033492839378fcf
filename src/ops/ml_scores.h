// What the classifiers and regressors of ai.onnx.ml share: transforms of scores, labels, rows of any number type.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ops/kernel.h"

namespace vivace::ops {

enum class PostTransform : uint8_t { none, softmax, logistic, softmax_zero, probit };  // numbered as TreeEnsemble does

/// Of the attribute post_transform, a name; invalid_model for one that does not exist.
Result<PostTransform> post_transform_of(const ir::Attributes& attributes);
/// In place, over the scores of one row.
void apply_transform(PostTransform transform, std::span<double> scores);
double logistic(double x);

/// A classifier's labels: the attribute `classlabels_strings`, or the integers of the name given.
struct Labels {
  std::vector<std::string> texts;
  std::vector<int64_t> numbers;

  DType type() const { return texts.empty() ? DType::i64 : DType::string; }
  size_t size() const { return texts.empty() ? numbers.size() : texts.size(); }
  void write(const TensorView& to, int64_t row, size_t label) const;
};
Result<Labels> labels_of(const ir::Attributes& attributes, std::string_view integers);

/// invalid_model unless input 0 is f32, f64, i32 or i64 of rank 1 (one row) or 2.
Status require_feature_rows(const Inference& in);
/// Rows of input 0 as inference knows them.
ir::Dim rows_of(const Inference& in);
/// A matrix of features: [N, C], or [C] as one row.
struct FeatureRows {
  int64_t rows, features;
};
FeatureRows feature_rows(const TensorView& x);
/// The numbers of a whole tensor as T.
template <class T>
std::vector<T> numbers_as(const TensorView& x) {
  std::vector<T> made(static_cast<size_t>(x.count()));
  visit_dtype<float, double, Float16, BFloat16, int64_t, int32_t, int16_t, int8_t, uint64_t, uint32_t, uint16_t,
              uint8_t, bool>(x.type, [&]<class From>() {
    for (size_t i = 0; i < made.size(); ++i) made[i] = static_cast<T>(static_cast<Wide<From>>(x.as<From>()[i]));
  });
  return made;
}

/// y[rows, outs] = x[rows, n] * w[outs, n]^T + bias (of outs elements, or nothing), summed in f64.
void affine_rows(ThreadPool* pool, std::span<const float> x, std::span<const float> w, std::span<const float> bias,
                 FeatureRows shape, int64_t outs, std::span<double> y);

}  // namespace vivace::ops
