// Rewrite rules: a pattern of operators, and what to put in its place.
//
//   const Rule eliminate_double_negation{
//       .name = "eliminate_double_negation",
//       .purpose = "-(-x) is x",
//       .pattern = op("Neg", op("Neg", any("x"))),
//       .build = [](const Match& m, Rewriter& to) { return to.replace(m.root(), m["x"]); },
//   };
//
// Conditions that the pattern can state belong there: single_use, commutative, types, attributes. `build` returns
// false where a condition only it can see does not hold; what it added until then is taken away again.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "passes/pass.h"

namespace vivace::passes {

/// Where a pattern fits: the values its parts were named after.
class Match {
 public:
  /// nullptr where an optional part is absent.
  ir::Value* operator[](std::string_view name) const;
  /// The node that makes the named value.
  ir::Node* node(std::string_view name) const { return (*this)[name]->producer(); }
  /// The first output of the node that the pattern started from.
  ir::Value* root() const { return root_; }
  ir::Node* root_node() const { return root_->producer(); }
  /// The nodes of the pattern, the root first.
  const std::vector<ir::Node*>& nodes() const { return nodes_; }

 private:
  friend class Matcher;
  ir::Value* root_ = nullptr;
  std::vector<ir::Node*> nodes_;
  std::vector<std::pair<std::string_view, ir::Value*>> named_;
};

class Pattern {
 public:
  /// Remembers the value as `name`. Two parts of one name must be the same value.
  Pattern named(std::string name) &&;
  /// The value has no other use than in the part of the pattern around it.
  Pattern single_use() &&;
  /// The two inputs may come in either order.
  Pattern commutative() &&;
  /// Matches an input left out as well.
  Pattern optional() &&;
  Pattern where(std::function<bool(const ir::Node&)> condition) &&;
  Pattern where_value(std::function<bool(const ir::Value&)> condition) &&;
  Pattern floating() &&;  // elements are f32, f16, bf16 or f64
  /// An integer attribute has this value, `fallback` being what its absence means.
  Pattern attribute(std::string name, int64_t value, int64_t fallback) &&;

 private:
  friend class Matcher;
  friend Pattern any(std::string);
  friend Pattern constant(std::string);
  friend Pattern scalar(std::string);
  friend Pattern op_list(std::string_view, std::vector<Pattern>);
  friend Pattern either_list(std::vector<Pattern>);

  enum class Kind : uint8_t { any, constant, op, either };
  Kind kind_ = Kind::any;
  std::vector<std::string> ops_;
  std::vector<Pattern> inputs_;  // the alternatives of either()
  std::string name_;
  bool single_use_ = false, commutative_ = false, optional_ = false;
  std::vector<std::function<bool(const ir::Node&)>> node_conditions_;
  std::vector<std::function<bool(const ir::Value&)>> value_conditions_;
};

Pattern any(std::string name = {});
Pattern constant(std::string name = {});
/// A constant of one element: a number, whose value splat_of() gives.
Pattern scalar(std::string name = {});
/// A constant of one element that is `value` up to the rounding of its type.
Pattern scalar_near(double value);
Pattern optional(Pattern part);
Pattern op_list(std::string_view names, std::vector<Pattern> inputs);
/// A node of one of the operators ("Add|Sub") whose inputs fit the parts; inputs beyond them are absent. Without parts
/// the inputs may be anything. Outputs other than the first must be unused.
template <class... Parts>
Pattern op(std::string_view names, Parts&&... parts) {
  std::vector<Pattern> inputs;
  (inputs.push_back(std::forward<Parts>(parts)), ...);
  return op_list(names, std::move(inputs));
}

Pattern either_list(std::vector<Pattern> parts);
/// The first of the parts that fits, with all that surrounds it.
template <class... Parts>
Pattern either(Parts&&... parts) {
  std::vector<Pattern> list;
  (list.push_back(std::forward<Parts>(parts)), ...);
  return either_list(std::move(list));
}

/// Puts new nodes before the root of a match.
class Rewriter {
 public:
  Rewriter(ir::Graph& graph, const Match& match, const PassContext& context);

  ir::Graph& graph;
  const PassContext& context;

  ir::Value* constant(Tensor tensor, std::string name = {});
  ir::Value* ints(const std::vector<int64_t>& values);  // i64[n]
  ir::Value* scalar(DType type, double value);          // of a float type
  /// The first output of a new node, its type inferred; it is called like the nodes of the match ("a+b").
  ir::Value* add(std::string op, std::vector<ir::Value*> inputs, ir::Attributes attributes = {});
  ir::Node* add_node(std::string op, std::vector<ir::Value*> inputs, int outputs, ir::Attributes attributes = {});
  /// `x` under other dimensions of as many elements: x itself where they are the same, a Reshape with a constant shape
  /// where one can say it (see reshape_shape), nullptr where none can.
  ir::Value* reshape(ir::Value* x, const ir::Dims& dims);
  /// Every use of `old` becomes a use of `with`. A new value takes the old one's name and what was known of its type.
  bool replace(ir::Value* old, ir::Value* with);

  /// What went wrong in inferring a new node's type or in a replacement; a defect of the rule.
  const Status& status() const { return status_; }
  /// Takes away what was added and is not used.
  void remove_unused();

 private:
  ir::Node* before_;
  std::string name_;
  std::vector<ir::Node*> added_;
  std::vector<ir::Value*> constants_;
  Status status_;
};

struct Rule {
  std::string name;
  std::string purpose;
  Pattern pattern;
  std::function<bool(const Match&, Rewriter&)> build;
};

/// The pattern at one node; empty where it does not fit.
std::optional<Match> match(const Pattern& pattern, ir::Node& root);
/// Applies the rule wherever it fits, from the graph's inputs to its outputs, once; gives the number of rewrites.
Result<int> apply(const Rule& rule, ir::Graph& graph, PassContext& context);
Pass pass_of(const Rule& rule);

/// Erases the node if nothing uses it, and then those that only it used, and their constants.
void erase_dead(ir::Graph& graph, ir::Node* node);
/// The nodes' names joined by '+', shortened in the middle where there are many.
std::string joined_names(const std::vector<ir::Node*>& nodes);

}  // namespace vivace::passes
