// Trees out of attributes: the arrays of TreeEnsemble, and the tuples of the two operators before it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "ops/trees.h"

namespace vivace::ops {

namespace {

Status bad(const std::string& what) { return {Code::invalid_model, what}; }

Status check_size(const std::string& name, size_t size, size_t expected) {
  if (size == expected) return {};
  return bad(name + " has " + std::to_string(size) + " elements instead of " + std::to_string(expected));
}

bool fits(int64_t v) { return v >= 0 && v < std::numeric_limits<int32_t>::max(); }

// A list of positions, features or targets: `size` of them, none of which may be negative.
Result<std::vector<int64_t>> indices_of(const ir::Attributes& attributes, const std::string& name, size_t size) {
  std::vector<int64_t> list = attributes.integers(name);
  VIVACE_TRY(check_size(name, list.size(), size));
  for (const int64_t v : list)
    if (!fits(v)) return bad(name + " holds " + std::to_string(v));
  return list;
}

// A list of flags which may be left out.
Result<std::vector<bool>> flags_of(const ir::Attributes& attributes, const std::string& name, size_t size) {
  const std::vector<int64_t> list = attributes.integers(name);
  if (list.empty()) return std::vector<bool>(size, false);
  VIVACE_TRY(check_size(name, list.size(), size));
  return std::vector<bool>(list.begin(), list.end());
}

Result<std::vector<double>> tensor_of(const ir::Attributes& attributes, const std::string& name) {
  const auto* tensor = attributes.get<Tensor>(name);
  if (!tensor) return std::vector<double>();
  if (!is_float(tensor->type())) return bad(name + " must hold floats");
  return to_double(*tensor);
}

// One set for each node of mode BRANCH_MEMBER, in the nodes' order, each ended by a NaN.
Status read_sets(const ir::Attributes& attributes, Trees& trees) {
  VIVACE_ASSIGN(const std::vector<double> values, tensor_of(attributes, "membership_values"));
  std::vector<double> set;
  for (const double v : values) {
    if (!std::isnan(v)) {
      set.push_back(v);
      continue;
    }
    std::sort(set.begin(), set.end());
    trees.sets.push_back(std::move(set));
    set.clear();
  }
  size_t used = 0;
  for (size_t i = 0; i < trees.nodes.size(); ++i)
    if (trees.branches[i] == Branch::member) trees.nodes[i].split = static_cast<double>(used++);
  if (used > trees.sets.size() || !set.empty())
    return bad("membership_values must hold a set, ended by a NaN, for each of " + std::to_string(used) +
               " nodes of mode BRANCH_MEMBER");
  return {};
}

}  // namespace

Result<std::vector<double>> reals_of(const ir::Attributes& attributes, const std::string& name) {
  VIVACE_ASSIGN(std::vector<double> list, tensor_of(attributes, name + "_as_tensor"));
  const std::vector<float> reals = attributes.reals(name);
  if (list.empty()) list.assign(reals.begin(), reals.end());
  return list;
}

Result<Trees> read_trees(const ir::Attributes& attributes) {
  Trees trees;
  VIVACE_ASSIGN(const std::vector<double> splits, tensor_of(attributes, "nodes_splits"));
  const size_t n = splits.size();
  VIVACE_ASSIGN(const std::vector<int64_t> features, indices_of(attributes, "nodes_featureids", n));
  VIVACE_ASSIGN(const std::vector<int64_t> yes, indices_of(attributes, "nodes_truenodeids", n));
  VIVACE_ASSIGN(const std::vector<int64_t> no, indices_of(attributes, "nodes_falsenodeids", n));
  VIVACE_ASSIGN(const std::vector<int64_t> yes_leaf, indices_of(attributes, "nodes_trueleafs", n));
  VIVACE_ASSIGN(const std::vector<int64_t> no_leaf, indices_of(attributes, "nodes_falseleafs", n));
  VIVACE_ASSIGN(trees.missing_is_true, flags_of(attributes, "nodes_missing_value_tracks_true", n));
  const auto* modes = attributes.get<Tensor>("nodes_modes");
  if (!modes || modes->type() != DType::u8) return bad("nodes_modes must be a u8 tensor");
  VIVACE_TRY(check_size("nodes_modes", static_cast<size_t>(modes->count()), n));
  for (const uint8_t mode : modes->span<const uint8_t>()) {
    if (mode > static_cast<uint8_t>(Branch::member)) return bad("nodes_modes holds " + std::to_string(mode));
    trees.branches.push_back(static_cast<Branch>(mode));
  }
  const auto step = [](int64_t to, int64_t is_leaf) { return static_cast<int32_t>(is_leaf ? ~to : to); };
  for (size_t i = 0; i < n; ++i)
    trees.nodes.push_back(
        {splits[i], static_cast<int32_t>(features[i]), step(yes[i], yes_leaf[i]), step(no[i], no_leaf[i])});
  VIVACE_TRY(read_sets(attributes, trees));

  VIVACE_ASSIGN(const std::vector<double> weights, tensor_of(attributes, "leaf_weights"));
  VIVACE_ASSIGN(const std::vector<int64_t> targets, indices_of(attributes, "leaf_targetids", weights.size()));
  for (size_t i = 0; i < weights.size(); ++i) {
    trees.first_vote.push_back(static_cast<int32_t>(i));
    trees.votes.push_back({static_cast<int32_t>(targets[i]), weights[i]});
  }
  trees.first_vote.push_back(static_cast<int32_t>(weights.size()));
  const int64_t most = targets.empty() ? 0 : *std::max_element(targets.begin(), targets.end()) + 1;
  const int64_t count = attributes.integer("n_targets", most);
  if (!fits(count)) return bad("n_targets is " + std::to_string(count));
  trees.targets = static_cast<int32_t>(count);
  const std::vector<int64_t> roots = attributes.integers("tree_roots");
  if (roots.empty()) return bad("tree_roots is empty");
  for (const int64_t root : roots) {
    if (!fits(root)) return bad("tree_roots holds " + std::to_string(root));
    trees.roots.push_back(static_cast<int32_t>(root));
  }
  VIVACE_TRY(trees.check());
  return trees;
}

namespace {

// Where the tuples of one tree and id stand.
struct Key {
  int64_t tree, id;
  bool operator==(const Key&) const = default;
};
struct KeyHash {
  size_t operator()(const Key& key) const {
    return std::hash<uint64_t>()(static_cast<uint64_t>(key.tree) * 0x9E3779B97F4A7C15u + static_cast<uint64_t>(key.id));
  }
};
using Places = std::unordered_map<Key, size_t, KeyHash>;

constexpr std::string_view kModes[] = {"BRANCH_LEQ", "BRANCH_LT",  "BRANCH_GTE", "BRANCH_GT",
                                       "BRANCH_EQ",  "BRANCH_NEQ", "LEAF"};

// The weights of each tuple, which are those of its leaf.
Result<std::vector<std::vector<Vote>>> read_votes(const ir::Attributes& attributes, const std::string& kind,
                                                  const Places& places) {
  VIVACE_ASSIGN(const std::vector<double> weights, reals_of(attributes, kind + "_weights"));
  VIVACE_ASSIGN(const std::vector<int64_t> trees, indices_of(attributes, kind + "_treeids", weights.size()));
  VIVACE_ASSIGN(const std::vector<int64_t> nodes, indices_of(attributes, kind + "_nodeids", weights.size()));
  VIVACE_ASSIGN(const std::vector<int64_t> ids, indices_of(attributes, kind + "_ids", weights.size()));
  std::vector<std::vector<Vote>> votes(places.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto at = places.find({trees[i], nodes[i]});
    if (at == places.end())
      return bad("a weight is for node " + std::to_string(nodes[i]) + " of tree " + std::to_string(trees[i]) +
                 ", which does not exist");
    votes[at->second].push_back({static_cast<int32_t>(ids[i]), weights[i]});
  }
  return votes;
}

}  // namespace

Result<Trees> read_legacy_trees(const ir::Attributes& attributes, const std::string& kind, int64_t targets) {
  const std::vector<std::string> modes = attributes.texts("nodes_modes");
  const size_t n = modes.size();
  if (n == 0) return bad("nodes_modes is empty");
  VIVACE_ASSIGN(const std::vector<int64_t> tree_ids, indices_of(attributes, "nodes_treeids", n));
  VIVACE_ASSIGN(const std::vector<int64_t> ids, indices_of(attributes, "nodes_nodeids", n));
  VIVACE_ASSIGN(const std::vector<double> splits, reals_of(attributes, "nodes_values"));
  VIVACE_TRY(check_size("nodes_values", splits.size(), n));
  VIVACE_ASSIGN(const std::vector<bool> missing, flags_of(attributes, "nodes_missing_value_tracks_true", n));
  const std::vector<int64_t> features = attributes.integers("nodes_featureids"),
                             yes = attributes.integers("nodes_truenodeids"),
                             no = attributes.integers("nodes_falsenodeids");
  for (const auto& [name, list] : {std::pair("nodes_featureids", &features), std::pair("nodes_truenodeids", &yes),
                                   std::pair("nodes_falsenodeids", &no)})
    VIVACE_TRY(check_size(name, list->size(), n));

  Places places;
  for (size_t i = 0; i < n; ++i)
    if (!places.emplace(Key{tree_ids[i], ids[i]}, i).second)
      return bad("tree " + std::to_string(tree_ids[i]) + " has two nodes " + std::to_string(ids[i]));
  VIVACE_ASSIGN(const std::vector<std::vector<Vote>> votes, read_votes(attributes, kind, places));

  // Inner nodes and leaves are counted apart; a step names a tuple, whose number it becomes.
  Trees trees;
  std::vector<int32_t> numbers(n);
  std::vector<Branch> branch_of(n);
  int32_t inner = 0, leaves = 0;
  for (size_t i = 0; i < n; ++i) {
    const auto mode = std::find(std::begin(kModes), std::end(kModes), modes[i]);
    if (mode == std::end(kModes)) return bad("unknown mode '" + modes[i] + "' of a node");
    branch_of[i] = static_cast<Branch>(mode - std::begin(kModes));
    numbers[i] = modes[i] == "LEAF" ? ~leaves++ : inner++;
  }
  std::vector<bool> is_child(n, false);
  const auto step = [&](size_t from, int64_t id) -> Result<int32_t> {
    const auto at = places.find({tree_ids[from], id});
    if (at == places.end())
      return bad("node " + std::to_string(ids[from]) + " of tree " + std::to_string(tree_ids[from]) +
                 " leads to node " + std::to_string(id) + ", which does not exist");
    is_child[at->second] = true;
    return numbers[at->second];
  };
  for (size_t i = 0; i < n; ++i) {
    if (numbers[i] < 0) {
      trees.first_vote.push_back(static_cast<int32_t>(trees.votes.size()));
      trees.votes.insert(trees.votes.end(), votes[i].begin(), votes[i].end());
      continue;
    }
    if (!fits(features[i])) return bad("nodes_featureids holds " + std::to_string(features[i]));
    TreeNode node{splits[i], static_cast<int32_t>(features[i]), 0, 0};
    VIVACE_ASSIGN(node.yes, step(i, yes[i]));
    VIVACE_ASSIGN(node.no, step(i, no[i]));
    trees.nodes.push_back(node);
    trees.branches.push_back(branch_of[i]);
    trees.missing_is_true.push_back(missing[i]);
  }
  trees.first_vote.push_back(static_cast<int32_t>(trees.votes.size()));
  // The root is the first node of a tree that no other leads to.
  std::unordered_map<int64_t, bool> rooted;
  for (size_t i = 0; i < n; ++i) {
    bool& has_root = rooted[tree_ids[i]];
    if (has_root || is_child[i]) continue;
    has_root = true;
    trees.roots.push_back(numbers[i]);
  }
  for (const auto& [tree, has_root] : rooted)
    if (!has_root) return bad("tree " + std::to_string(tree) + " has a cycle");
  if (!fits(targets)) return bad("it has " + std::to_string(targets) + " targets");
  trees.targets = static_cast<int32_t>(targets);
  VIVACE_TRY(trees.check());
  return trees;
}

}  // namespace vivace::ops
