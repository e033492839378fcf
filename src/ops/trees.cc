#include "ops/trees.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vivace::ops {

namespace {

Status bad(const std::string& what) { return {Code::invalid_model, what}; }

// Whether the node's condition holds. NaN is equal to nothing, itself included.
template <class T>
bool holds(const Trees& trees, size_t i, T x) {
  const TreeNode& node = trees.nodes[i];
  const auto split = node.split;
  const double value = static_cast<double>(x);
  if (std::isnan(value) && trees.missing_is_true[i]) return true;
  switch (trees.branches[i]) {
    case Branch::leq: return value <= split;
    case Branch::lt: return value < split;
    case Branch::gte: return value >= split;
    case Branch::gt: return value > split;
    case Branch::eq: return value == split;
    case Branch::neq: return value != split;
    case Branch::member: {
      const std::vector<double>& set = trees.sets[static_cast<size_t>(split)];
      return !std::isnan(value) && std::binary_search(set.begin(), set.end(), value);
    }
  }
  return false;
}

// The leaves that `count` rows come to in one tree. A step waits for memory, so several rows take theirs together.
constexpr int64_t kTogether = 8;
template <class T, class Condition>
void find_leaves(const Trees& trees, int32_t root, const T* x, int64_t features, int64_t count, int32_t* leaves,
                 Condition condition) {
  int32_t at[kTogether];
  std::fill_n(at, count, root);
  for (bool inside = root >= 0; inside;) {
    inside = false;
    for (int64_t i = 0; i < count; ++i) {
      if (at[i] < 0) continue;
      const TreeNode& node = trees.nodes[static_cast<size_t>(at[i])];
      at[i] = condition(at[i], x[i * features + node.feature], node.split) ? node.yes : node.no;
      inside |= at[i] >= 0;
    }
  }
  for (int64_t i = 0; i < count; ++i) leaves[i] = ~at[i];
}

void count_vote(Aggregate aggregate, const Vote& vote, double& score, bool& voted) {
  if (!voted || aggregate == Aggregate::sum || aggregate == Aggregate::average)
    score += vote.weight;
  else
    score = aggregate == Aggregate::min ? std::min(score, vote.weight) : std::max(score, vote.weight);
  voted = true;
}

// One tree for all rows, then the next, so that a tree stays in the cache.
template <class T, class Condition>
void vote_with(const Trees& trees, Aggregate aggregate, const T* x, int64_t features, int64_t count, double* scores,
               bool* voted, Condition condition) {
  const int64_t targets = trees.targets;
  int32_t leaves[kTogether];
  for (const int32_t root : trees.roots)
    for (int64_t first = 0; first < count; first += kTogether) {
      const int64_t rows = std::min(kTogether, count - first);
      find_leaves(trees, root, x + first * features, features, rows, leaves, condition);
      for (int64_t i = 0; i < rows; ++i) {
        const auto leaf = static_cast<size_t>(leaves[i]);
        for (int32_t v = trees.first_vote[leaf]; v < trees.first_vote[leaf + 1]; ++v) {
          const Vote& vote = trees.votes[static_cast<size_t>(v)];
          const int64_t at = (first + i) * targets + vote.target;
          count_vote(aggregate, vote, scores[at], voted[at]);
        }
      }
    }
  if (aggregate == Aggregate::average)
    for (int64_t i = 0; i < count * targets; ++i) scores[i] /= static_cast<double>(trees.roots.size());
}

template <class T>
void vote_any(const Trees& trees, Aggregate aggregate, const T* x, int64_t features, int64_t count, double* scores,
              bool* voted) {
  const auto run = [&](auto condition) { vote_with(trees, aggregate, x, features, count, scores, voted, condition); };
  const Branch branch = trees.branches.empty() ? Branch::leq : trees.branches[0];
  const auto f64 = [](T v) { return static_cast<double>(v); };
  if (trees.uniform && branch == Branch::leq) return run([&](int32_t, T v, double split) { return f64(v) <= split; });
  if (trees.uniform && branch == Branch::lt) return run([&](int32_t, T v, double split) { return f64(v) < split; });
  run([&](int32_t at, T v, double) { return holds(trees, static_cast<size_t>(at), v); });
}

}  // namespace

Status Trees::check() {
  const auto node_count = static_cast<int64_t>(nodes.size()), leaf_count = static_cast<int64_t>(first_vote.size()) - 1;
  const auto leads = [&](int32_t to) { return to >= 0 ? to < node_count : ~to < leaf_count; };
  for (const TreeNode& node : nodes) {
    if (!leads(node.yes) || !leads(node.no)) return bad("a node of a tree leads to a node or leaf that does not exist");
    if (node.feature < 0) return bad("feature " + std::to_string(node.feature) + " of a tree is negative");
    features = std::max(features, node.feature + 1);
  }
  for (const int32_t root : roots)
    if (!leads(root)) return bad("the root of a tree does not exist");
  for (const Vote& vote : votes)
    if (vote.target < 0 || vote.target >= targets)
      return bad("a leaf votes for " + std::to_string(vote.target) + " of " + std::to_string(targets) + " targets");
  // Depth first, without recursion: a node that is met again while it is open closes a cycle.
  enum class Mark : uint8_t { fresh, open, done };
  std::vector<Mark> marks(nodes.size(), Mark::fresh);
  std::vector<int32_t> stack;
  for (int32_t first = 0; first < static_cast<int32_t>(nodes.size()); ++first) {
    stack.push_back(first);
    while (!stack.empty()) {
      const int32_t at = stack.back();
      if (at < 0 || marks[static_cast<size_t>(at)] == Mark::done) {
        stack.pop_back();
        continue;
      }
      Mark& mark = marks[static_cast<size_t>(at)];
      if (mark == Mark::open) {
        mark = Mark::done;
        stack.pop_back();
        continue;
      }
      mark = Mark::open;
      for (const int32_t next : {nodes[static_cast<size_t>(at)].no, nodes[static_cast<size_t>(at)].yes}) {
        if (next < 0) continue;
        if (marks[static_cast<size_t>(next)] == Mark::open) return bad("a tree has a cycle");
        stack.push_back(next);
      }
    }
  }
  uniform = std::all_of(branches.begin(), branches.end(), [&](Branch b) { return b == branches[0]; }) &&
            std::find(missing_is_true.begin(), missing_is_true.end(), true) == missing_is_true.end();
  return {};
}

void vote(const Trees& trees, Aggregate aggregate, const float* x, int64_t features, int64_t count, double* scores,
          bool* voted) {
  vote_any(trees, aggregate, x, features, count, scores, voted);
}
void vote(const Trees& trees, Aggregate aggregate, const double* x, int64_t features, int64_t count, double* scores,
          bool* voted) {
  vote_any(trees, aggregate, x, features, count, scores, voted);
}

}  // namespace vivace::ops
