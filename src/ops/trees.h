// Ensembles of decision trees as flat arrays, for TreeEnsemble and the two operators before it.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/ml_scores.h"

namespace vivace::ops {

enum class Branch : uint8_t { leq, lt, gte, gt, eq, neq, member };  // numbered as TreeEnsemble does
enum class Aggregate : uint8_t { average, sum, min, max };          // likewise

/// An inner node: features[feature] compared with `split`. Next steps are positions of nodes, or ~leaf.
struct TreeNode {
  double split = 0;  // BRANCH_MEMBER: the index of a set
  int32_t feature = 0;
  int32_t yes = 0, no = 0;
};

struct Vote {
  int32_t target;
  double weight;
};

struct Trees {
  std::vector<TreeNode> nodes;
  std::vector<Branch> branches;           // of each node
  std::vector<bool> missing_is_true;      // of each node: where a NaN goes
  std::vector<std::vector<double>> sets;  // members, ascending
  std::vector<int32_t> roots;             // nodes, or ~leaf
  std::vector<int32_t> first_vote;        // of each leaf, and one more
  std::vector<Vote> votes;
  int32_t targets = 0;
  int32_t features = 0;  // how many the nodes look at: one more than the largest index
  bool uniform = false;  // all nodes compare as the first does, and a NaN is compared like any number

  /// invalid_model unless every step leads to a node or leaf, no way leads back, and all votes are for targets.
  /// Works out `features` and `uniform`.
  Status check();
};

/// What the attributes of TreeEnsemble say.
Result<Trees> read_trees(const ir::Attributes& attributes);
/// What those of TreeEnsembleClassifier ("class") and TreeEnsembleRegressor ("target") say.
Result<Trees> read_legacy_trees(const ir::Attributes& attributes, const std::string& votes, int64_t targets);

/// The values of `name` (floats), or of the tensor `name`_as_tensor.
Result<std::vector<double>> reals_of(const ir::Attributes& attributes, const std::string& name);

/// Scores of `count` rows, aggregated over the trees but without base values. `voted` says whether anyone voted for
/// the target. Both have count * targets elements.
void vote(const Trees& trees, Aggregate aggregate, const float* x, int64_t features, int64_t count, double* scores,
          bool* voted);
void vote(const Trees& trees, Aggregate aggregate, const double* x, int64_t features, int64_t count, double* scores,
          bool* voted);

}  // namespace vivace::ops
