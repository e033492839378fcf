// TreeEnsemble, TreeEnsembleRegressor, TreeEnsembleClassifier of ai.onnx.ml: one walk over the trees, three ways to
// say what the leaves' votes mean.
#include <algorithm>
#include <set>

#include "ops/prepared.h"
#include "ops/trees.h"

namespace vivace::ops {

namespace {

struct Ensemble {
  Trees trees;
  Aggregate aggregate = Aggregate::sum;
  PostTransform transform = PostTransform::none;
  std::vector<double> base;   // of each target, or nothing
  Labels labels;              // of a classifier
  bool one_sided = false;     // two classes, but all votes are for one of them
  bool all_positive = false;  // no weight is negative
};

Result<Ensemble> make_ensemble(const ir::Node& node) {
  Ensemble made;
  const int64_t aggregate = node.attributes.integer("aggregate_function", 1),
                transform = node.attributes.integer("post_transform", 0);
  if (aggregate < 0 || aggregate > static_cast<int64_t>(Aggregate::max))
    return Status(Code::invalid_model, "aggregate_function is " + std::to_string(aggregate));
  if (transform < 0 || transform > static_cast<int64_t>(PostTransform::probit))
    return Status(Code::invalid_model, "post_transform is " + std::to_string(transform));
  made.aggregate = static_cast<Aggregate>(aggregate);
  made.transform = static_cast<PostTransform>(transform);
  VIVACE_ASSIGN(made.trees, read_trees(node.attributes));
  return made;
}

Result<Ensemble> make_regressor(const ir::Node& node) {
  Ensemble made;
  constexpr std::string_view kNames[] = {"AVERAGE", "SUM", "MIN", "MAX"};
  const std::string name = node.attributes.text("aggregate_function", "SUM");
  const auto at = std::find(std::begin(kNames), std::end(kNames), name);
  if (at == std::end(kNames)) return Status(Code::invalid_model, "unknown aggregate_function '" + name + "'");
  made.aggregate = static_cast<Aggregate>(at - std::begin(kNames));
  VIVACE_ASSIGN(made.transform, post_transform_of(node.attributes));
  VIVACE_ASSIGN(made.trees, read_legacy_trees(node.attributes, "target", node.attributes.integer("n_targets", 1)));
  VIVACE_ASSIGN(made.base, reals_of(node.attributes, "base_values"));
  if (!made.base.empty() && made.base.size() != static_cast<size_t>(made.trees.targets))
    return Status(Code::invalid_model, "base_values has " + std::to_string(made.base.size()) + " elements for " +
                                           std::to_string(made.trees.targets) + " targets");
  return made;
}

Result<Ensemble> make_classifier(const ir::Node& node) {
  Ensemble made;
  VIVACE_ASSIGN(made.transform, post_transform_of(node.attributes));
  VIVACE_ASSIGN(made.labels, labels_of(node.attributes, "classlabels_int64s"));
  const auto classes = static_cast<int64_t>(made.labels.size());
  VIVACE_ASSIGN(made.trees, read_legacy_trees(node.attributes, "class", classes));
  VIVACE_ASSIGN(made.base, reals_of(node.attributes, "base_values"));
  const auto& votes = made.trees.votes;
  made.all_positive = std::all_of(votes.begin(), votes.end(), [](const Vote& v) { return v.weight >= 0; });
  made.one_sided = classes == 2 &&
                   std::all_of(votes.begin(), votes.end(), [&](const Vote& v) { return v.target == votes[0].target; });
  if (!made.base.empty() && made.base.size() != made.labels.size() && !(made.one_sided && made.base.size() == 1))
    return Status(Code::invalid_model, "base_values has " + std::to_string(made.base.size()) + " elements for " +
                                           std::to_string(classes) + " classes");
  return made;
}

Result<std::shared_ptr<const Ensemble>> ensemble_of(const ir::Node& node) {
  return prepared<Ensemble>(node, node.op == "ai.onnx.ml.TreeEnsemble"            ? make_ensemble
                                  : node.op == "ai.onnx.ml.TreeEnsembleRegressor" ? make_regressor
                                                                                  : make_classifier);
}

// Calls f(row, scores, voted) for every row, with the votes of its trees; rows in blocks, on threads.
template <class F>
Status for_each_row(Call& call, const Ensemble& ensemble, F f) {
  const TensorView& x = call.input(0);
  const FeatureRows shape = feature_rows(x);
  if (ensemble.trees.features > shape.features)
    return call.error("the trees look at " + std::to_string(ensemble.trees.features) + " features, the input has " +
                      std::to_string(shape.features));
  constexpr int64_t kBlock = 64;
  const auto targets = static_cast<size_t>(ensemble.trees.targets);
  const auto run = [&](const auto* data) {
    parallel_for(call.pool, (shape.rows + kBlock - 1) / kBlock, 1, [&](int64_t begin, int64_t end) {
      std::vector<double> scores(kBlock * targets);
      const auto voted = std::make_unique<bool[]>(kBlock * targets);
      for (int64_t block = begin; block < end; ++block) {
        const int64_t first = block * kBlock, count = std::min(kBlock, shape.rows - first);
        std::fill(scores.begin(), scores.end(), 0.0);
        std::fill_n(voted.get(), kBlock * targets, false);
        vote(ensemble.trees, ensemble.aggregate, data + first * shape.features, shape.features, count, scores.data(),
             voted.get());
        for (int64_t i = 0; i < count; ++i) {
          const size_t at = static_cast<size_t>(i) * targets;
          f(first + i, std::span<double>(scores).subspan(at, targets), std::span<bool>(voted.get() + at, targets));
        }
      }
    });
  };
  if (x.type == DType::f32)
    run(x.as<const float>());
  else
    run(numbers_as<double>(x).data());
  return {};
}

Status infer_ensemble(Inference& in, DType type) {
  VIVACE_ASSIGN(const std::shared_ptr<const Ensemble> ensemble, ensemble_of(in.node));
  in.set(0, type, {rows_of(in), ensemble->trees.targets});
  return {};
}

}  // namespace

Status infer_tree_ensemble(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::f32, DType::f64, DType::f16}));
  VIVACE_TRY(require_rank(in, 0, 1, 2));
  return infer_ensemble(in, in.dtype(0));
}
Status infer_tree_ensemble_regressor(Inference& in) {
  VIVACE_TRY(require_feature_rows(in));
  return infer_ensemble(in, DType::f32);
}

Status reference_tree_ensemble(Call& call) {
  VIVACE_ASSIGN(const std::shared_ptr<const Ensemble> ensemble, ensemble_of(call.node));
  const TensorView& y = call.output();
  return for_each_row(call, *ensemble, [&](int64_t row, std::span<double> scores, std::span<bool>) {
    for (size_t i = 0; i < ensemble->base.size(); ++i) scores[i] += ensemble->base[i];
    apply_transform(ensemble->transform, scores);
    for (size_t i = 0; i < scores.size(); ++i) {
      const int64_t at = row * ensemble->trees.targets + static_cast<int64_t>(i);
      visit_dtype<float, double, Float16>(
          y.type, [&]<class T>() { y.as<T>()[at] = static_cast<T>(static_cast<Wide<T>>(scores[i])); });
    }
  });
}

Status infer_tree_ensemble_classifier(Inference& in) {
  VIVACE_TRY(require_feature_rows(in));
  VIVACE_ASSIGN(const std::shared_ptr<const Ensemble> ensemble, ensemble_of(in.node));
  in.set(0, ensemble->labels.type(), {rows_of(in)});
  in.set(1, DType::f32, {rows_of(in), static_cast<int64_t>(ensemble->labels.size())});
  return {};
}

namespace {

// Two classes, and votes for the first alone: its score says which it is, and is given as the second's; the first
// gets what makes them 1 in sum, or 0 where weights may be negative. ONNX Runtime reads such models so too.
size_t decide_one_sided(const Ensemble& ensemble, std::span<double> scores) {
  const double score = scores[0];
  const bool as_logistic = ensemble.transform == PostTransform::logistic;
  scores[0] = as_logistic ? logistic(-score) : ensemble.all_positive ? 1 - score : -score;
  scores[1] = as_logistic ? logistic(score) : score;
  return score > (ensemble.all_positive ? 0.5 : 0.0);
}

// The class of the highest score, of those that were voted for.
size_t best_of(std::span<const double> scores, std::span<const bool> voted) {
  size_t best = 0;
  for (size_t i = 1; i < scores.size(); ++i)
    if (voted[i] && (!voted[best] || scores[i] > scores[best])) best = i;
  return best;
}

}  // namespace

Status reference_tree_ensemble_classifier(Call& call) {
  VIVACE_ASSIGN(const std::shared_ptr<const Ensemble> ensemble, ensemble_of(call.node));
  const std::vector<double>& base = ensemble->base;
  const size_t classes = ensemble->labels.size();
  return for_each_row(call, *ensemble, [&](int64_t row, std::span<double> scores, std::span<bool> voted) {
    size_t label = 0;
    for (size_t i = 0; i < base.size(); ++i) {
      scores[i] += base[i];
      voted[i] = true;
    }
    if (ensemble->one_sided && base.size() < 2 && !voted[1]) {
      label = decide_one_sided(*ensemble, scores);
    } else {
      label = ensemble->one_sided && base.empty() ? scores[1] > (ensemble->all_positive ? 0.5 : 0.0)
                                                  : best_of(scores, voted);
      apply_transform(ensemble->transform, scores);
    }
    if (call.wants(0)) ensemble->labels.write(call.output(0), row, label);
    if (call.wants(1))
      for (size_t i = 0; i < classes; ++i)
        call.output(1).as<float>()[static_cast<size_t>(row) * classes + i] = static_cast<float>(scores[i]);
  });
}

}  // namespace vivace::ops
