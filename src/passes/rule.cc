#include "passes/rule.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "ops/operator.h"
#include "passes/constants.h"

namespace vivace::passes {

ir::Value* Match::operator[](std::string_view name) const {
  for (const auto& [known, value] : named_)
    if (known == name) return value;
  return nullptr;
}

Pattern Pattern::named(std::string name) && {
  name_ = std::move(name);
  return std::move(*this);
}
Pattern Pattern::single_use() && {
  single_use_ = true;
  return std::move(*this);
}
Pattern Pattern::commutative() && {
  commutative_ = true;
  return std::move(*this);
}
Pattern Pattern::optional() && {
  optional_ = true;
  return std::move(*this);
}
Pattern Pattern::where(std::function<bool(const ir::Node&)> condition) && {
  node_conditions_.push_back(std::move(condition));
  return std::move(*this);
}
Pattern Pattern::where_value(std::function<bool(const ir::Value&)> condition) && {
  value_conditions_.push_back(std::move(condition));
  return std::move(*this);
}
Pattern Pattern::floating() && {
  return std::move(*this).where_value([](const ir::Value& v) { return is_float(v.type.dtype); });
}
Pattern Pattern::attribute(std::string name, int64_t value, int64_t fallback) && {
  return std::move(*this).where([=](const ir::Node& node) { return node.attributes.integer(name, fallback) == value; });
}

Pattern any(std::string name) {
  Pattern p;
  p.name_ = std::move(name);
  return p;
}
Pattern constant(std::string name) {
  Pattern p = any(std::move(name));
  p.kind_ = Pattern::Kind::constant;
  return p;
}
Pattern scalar(std::string name) {
  return constant(std::move(name)).where_value([](const ir::Value& v) {
    return v.constant().count() == 1 && splat_of(&v);
  });
}
Pattern scalar_near(double value) {
  return scalar().where_value([value](const ir::Value& v) {
    if (!is_float(v.type.dtype))
      return is_integer(v.type.dtype) && static_cast<double>(to_int64(v.constant())[0]) == value;
    const double found = to_double(v.constant())[0];
    return std::abs(found - value) <= 2 * rounding_of(v.type.dtype) * std::abs(value);
  });
}
Pattern either_list(std::vector<Pattern> parts) {
  Pattern p;
  p.kind_ = Pattern::Kind::either;
  p.inputs_ = std::move(parts);
  return p;
}
Pattern optional(Pattern part) { return std::move(part).optional(); }
Pattern op_list(std::string_view names, std::vector<Pattern> inputs) {
  Pattern p;
  p.kind_ = Pattern::Kind::op;
  for (size_t begin = 0; begin <= names.size();) {
    const size_t end = std::min(names.find('|', begin), names.size());
    p.ops_.emplace_back(names.substr(begin, end - begin));
    begin = end + 1;
  }
  p.inputs_ = std::move(inputs);
  return p;
}

// Backtracks over the orders of commutative inputs: a list of parts still to match, the match so far.
class Matcher {
 public:
  struct Part {
    const Pattern* pattern;
    ir::Value* value;
  };

  static bool fits_root(const Pattern& pattern, const ir::Node& node) {
    if (pattern.kind_ == Pattern::Kind::either)
      return std::any_of(pattern.inputs_.begin(), pattern.inputs_.end(),
                         [&](const Pattern& p) { return fits_root(p, node); });
    return std::find(pattern.ops_.begin(), pattern.ops_.end(), node.op) != pattern.ops_.end();
  }

  static bool run(std::vector<Part> parts, Match& match) {
    while (!parts.empty()) {
      const auto [pattern, value] = parts.back();
      parts.pop_back();
      if (!value) {
        if (!pattern->optional_) return false;
        continue;
      }
      if (!fits(*pattern, *value, match)) return false;
      if (pattern->kind_ == Pattern::Kind::either) {
        for (const Pattern& choice : pattern->inputs_) {
          Match tried = match;
          std::vector<Part> rest = parts;
          rest.push_back({&choice, value});
          if (!run(std::move(rest), tried)) continue;
          match = std::move(tried);
          return true;
        }
        return false;
      }
      if (pattern->kind_ != Pattern::Kind::op) continue;
      ir::Node* node = value->producer();
      match.nodes_.push_back(node);
      if (pattern->inputs_.empty()) continue;
      if (pattern->commutative_ && node->inputs().size() == 2) {
        Match other = match;
        std::vector<Part> swapped = parts;
        swapped.push_back({&pattern->inputs_[1], node->input(0)});
        swapped.push_back({&pattern->inputs_[0], node->input(1)});
        push_inputs(*pattern, *node, parts);
        Match first = match;
        if (run(parts, first)) {
          match = std::move(first);
          return true;
        }
        if (!run(std::move(swapped), other)) return false;
        match = std::move(other);
        return true;
      }
      push_inputs(*pattern, *node, parts);
    }
    return true;
  }

  static std::optional<Match> start(const Pattern& pattern, ir::Node& root) {
    Match match;
    match.root_ = root.output();
    if (!match.root_ || !run({{&pattern, match.root_}}, match)) return std::nullopt;
    return match;
  }

 private:
  static void push_inputs(const Pattern& pattern, const ir::Node& node, std::vector<Part>& parts) {
    for (size_t i = pattern.inputs_.size(); i-- > 0;) parts.push_back({&pattern.inputs_[i], node.input(i)});
  }

  // Everything but the inputs.
  static bool fits(const Pattern& pattern, ir::Value& value, Match& match) {
    if (pattern.kind_ == Pattern::Kind::constant && !value.is_constant()) return false;
    if (pattern.kind_ == Pattern::Kind::op) {
      const ir::Node* node = value.producer();
      if (!node || value.producer_index() != 0 || !fits_root(pattern, *node)) return false;
      for (size_t i = 1; i < node->outputs().size(); ++i)
        if (!node->outputs()[i]->unused()) return false;
      if (!pattern.inputs_.empty())
        for (size_t i = pattern.inputs_.size(); i < node->inputs().size(); ++i)
          if (node->inputs()[i]) return false;
      for (const auto& condition : pattern.node_conditions_)
        if (!condition(*node)) return false;
    }
    if (pattern.single_use_ && !value.single_use()) return false;
    for (const auto& condition : pattern.value_conditions_)
      if (!condition(value)) return false;
    if (pattern.name_.empty()) return true;
    if (const ir::Value* known = match[pattern.name_]) return known == &value;
    match.named_.emplace_back(pattern.name_, &value);
    return true;
  }
};

std::optional<Match> match(const Pattern& pattern, ir::Node& root) { return Matcher::start(pattern, root); }

std::string joined_names(const std::vector<ir::Node*>& nodes) {
  std::vector<std::string> names;
  for (auto at = nodes.rbegin(); at != nodes.rend(); ++at)  // the root is last in the graph
    if (!(*at)->name.empty() && std::find(names.begin(), names.end(), (*at)->name) == names.end())
      names.push_back((*at)->name);
  constexpr size_t kMost = 4;
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names.size() > kMost && i == kMost / 2) {
      text += "+...";
      i = names.size() - kMost / 2;
    }
    text += (i ? "+" : "") + names[i];
  }
  return text;
}

Rewriter::Rewriter(ir::Graph& g, const Match& match, const PassContext& c)
    : graph(g), context(c), before_(match.root_node()), name_(joined_names(match.nodes())) {}

ir::Value* Rewriter::constant(Tensor tensor, std::string name) {
  constants_.push_back(graph.add_constant(std::move(tensor), std::move(name)));
  return constants_.back();
}

ir::Value* Rewriter::ints(const std::vector<int64_t>& values) { return constant(Tensor::of(values)); }

ir::Value* Rewriter::scalar(DType type, double value) { return constant(float_scalar(type, value)); }

ir::Value* Rewriter::reshape(ir::Value* x, const ir::Dims& dims) {
  if (!x->type.dims) return nullptr;
  if (same_dims(*x->type.dims, dims)) return x;
  const std::optional<std::vector<int64_t>> shape = reshape_shape(*x->type.dims, dims);
  if (!shape) return nullptr;
  ir::Value* y = add("Reshape", {x, ints(*shape)});
  y->type.dims = dims;
  return y;
}

ir::Node* Rewriter::add_node(std::string op, std::vector<ir::Value*> inputs, int outputs, ir::Attributes attributes) {
  ir::Node* node = graph.add_node(std::move(op), std::move(inputs), outputs, std::move(attributes), name_, before_);
  added_.push_back(node);
  if (Status inferred = ops::infer_node(*node); !inferred.ok() && status_.ok()) status_ = inferred;
  return node;
}

ir::Value* Rewriter::add(std::string op, std::vector<ir::Value*> inputs, ir::Attributes attributes) {
  return add_node(std::move(op), std::move(inputs), 1, std::move(attributes))->output();
}

bool Rewriter::replace(ir::Value* old, ir::Value* with) {
  if (!status_.ok()) return false;
  if (Status kept = keep_type(*old, *with); !kept.ok()) {
    status_ = kept;
    return false;
  }
  if (with->name.empty() && with->producer()) with->name = old->name;
  graph.replace_uses(old, with);
  return true;
}

void Rewriter::remove_unused() {
  for (auto at = added_.rbegin(); at != added_.rend(); ++at) {
    const auto& outputs = (*at)->outputs();
    if (std::all_of(outputs.begin(), outputs.end(), [](const ir::Value* v) { return v->unused(); })) graph.erase(*at);
  }
  for (ir::Value* value : constants_)
    if (value->unused()) graph.remove_unused_constant(value);
}

void erase_dead(ir::Graph& graph, ir::Node* node) {
  std::vector<ir::Node*> queue = {node};
  std::unordered_set<ir::Node*> queued = {node};
  while (!queue.empty()) {
    ir::Node* next = queue.back();
    queue.pop_back();
    queued.erase(next);
    const auto& outputs = next->outputs();
    if (!std::all_of(outputs.begin(), outputs.end(), [](const ir::Value* v) { return v->unused(); })) continue;
    const std::vector<ir::Value*> inputs = next->inputs();
    graph.erase(next);
    std::unordered_set<ir::Value*> seen;
    for (ir::Value* input : inputs) {
      if (!input || !seen.insert(input).second || !input->unused()) continue;
      if (input->is_constant())
        graph.remove_unused_constant(input);
      else if (input->producer() && queued.insert(input->producer()).second)
        queue.push_back(input->producer());
    }
  }
}

Result<int> apply(const Rule& rule, ir::Graph& graph, PassContext& context) {
  int changes = 0;
  for (auto at = graph.nodes().begin(); at != graph.nodes().end();) {
    ir::Node* node = (at++)->get();  // a rewrite may erase this node and those before it, none after it
    if (!Matcher::fits_root(rule.pattern, *node)) continue;
    const std::optional<Match> found = match(rule.pattern, *node);
    if (!found) continue;
    Rewriter rewriter(graph, *found, context);
    const bool changed = rule.build(*found, rewriter);
    if (!rewriter.status().ok()) return rewriter.status().within("rule " + rule.name);
    rewriter.remove_unused();
    if (!changed) continue;
    ++changes;
    erase_dead(graph, node);
  }
  return changes;
}

Pass pass_of(const Rule& rule) {
  return {rule.name, rule.purpose,
          [&rule](ir::Graph& graph, PassContext& context) { return apply(rule, graph, context); }};
}

}  // namespace vivace::passes
