// What does not change from one turn of a Loop or Scan to the next is computed in front of it, once.
#include <algorithm>
#include <map>
#include <set>

#include "ops/operator.h"
#include "ops/pointwise_nodes.h"
#include "ops/random.h"
#include "passes/rules.h"
#include "passes/subgraphs.h"

namespace vivace::passes {

namespace {

// Where a loop may have no turn, what stands in front of it must cost less than the loop itself and never fail.
constexpr int64_t kLittle = 4096;  // elements, which take about a microsecond

std::optional<int64_t> elements_of(const ir::Value* value) {
  const std::optional<Shape> shape = value->type.shape();
  return value->type.kind == ir::Kind::tensor && shape ? checked_elements(*shape) : std::nullopt;
}

// Operators that only move elements, and cannot fail once inference has seen all sizes. Of most the inputs after the
// first are parameters (a shape, positions), which might be out of range where only the run knows them.
bool only_moves(const ir::Node& node) {
  static const std::set<std::string, std::less<>> equals{"Concat", "Where", "And", "Or", "Not"},
      parameters{"Expand", "Flatten", "Identity", "Reshape",   "Shape",    "Size",
                 "Slice",  "Squeeze", "Tile",     "Transpose", "Unsqueeze"};
  return equals.contains(node.op) ||
         (parameters.contains(node.op) && std::all_of(node.inputs().begin() + 1, node.inputs().end(),
                                                      [](const ir::Value* v) { return !v || v->is_constant(); }));
}

bool cheap_and_safe(const ir::Node& node) {
  const auto little = [](const ir::Value* v) { return !v || elements_of(v).value_or(kLittle + 1) <= kLittle; };
  return std::all_of(node.inputs().begin(), node.inputs().end(), little) &&
         std::all_of(node.outputs().begin(), node.outputs().end(), little) &&
         (ops::pointwise_program_of(node) || only_moves(node));
}

// The body only runs while its condition is true.
int know_condition(const LoopForm& loop) {
  if (!loop.is_loop || loop.body->inputs()[1]->unused()) return 0;
  loop.body->replace_uses(loop.body->inputs()[1], loop.body->add_constant(Tensor::scalar(true)));
  return 1;
}

// Carried values that every turn hands on as it got them are captures.
int capture_unchanged(ir::Graph& graph, ir::Node* node, const LoopForm& loop) {
  Leavings leavings{std::vector<bool>(node->inputs().size()), std::vector<bool>(loop.body->outputs().size())};
  int changes = 0;
  for (size_t i = 0; i < loop.carried; ++i) {
    ir::Value *outer = node->inputs()[loop.first + i], *inner = loop.body->inputs()[loop.first + i];
    if (!outer || loop.body->outputs()[loop.first_given + i] != inner) continue;
    if (i < node->outputs().size()) {
      ir::Value* output = node->outputs()[i];
      if (output->type.kind != outer->type.kind) continue;  // it gives what is in an optional
      graph.replace_uses(output, outer);
    }
    loop.body->replace_uses(inner, add_capture(graph, node, *loop.body, outer));
    leavings.inputs.push_back(false);
    leavings.inputs[loop.first + i] = leavings.body_outputs[loop.first_given + i] = true;
    ++changes;
  }
  if (changes > 0) leave_out(graph, node, leavings);
  return changes;
}

class Hoisting {
 public:
  Hoisting(ir::Graph& graph, ir::Node* node, const LoopForm& loop)
      : graph_(graph), node_(node), body_(*loop.body), runs_(runs_at_all(*node, loop)) {
    const size_t inputs = node->inputs().size();
    for (size_t i = inputs - loop.captures; i < inputs; ++i) outside_[body_.inputs()[i]] = node->inputs()[i];
  }

  int run() {
    int changes = 0;
    for (ir::Node* inner : body_.node_list()) {
      if (!unchanging(*inner) || ops::draws_numbers(*inner)) continue;
      ir::Node* copy = copy_outside(*inner);
      if (copy && !stays(*copy)) {
        move_out(inner, *copy);
        ++changes;
      }
    }
    if (changes > 0) body_.erase_unused();
    for (auto at = copies_.rbegin(); at != copies_.rend(); ++at) {
      const auto& made = (*at)->outputs();
      if (std::all_of(made.begin(), made.end(), [](const ir::Value* v) { return v->unused(); })) graph_.erase(*at);
    }
    for (ir::Value* constant : constants_) graph_.remove_unused_constant(constant);
    return changes;
  }

 private:
  bool unchanging(const ir::Node& inner) const {
    return std::all_of(inner.inputs().begin(), inner.inputs().end(),
                       [&](ir::Value* v) { return !v || v->is_constant() || outside_.contains(v); });
  }

  ir::Value* outside(const ir::Value* inner) {
    if (!inner) return nullptr;
    ir::Value*& outer = outside_[inner];
    if (!outer) {
      outer = graph_.add_constant(inner->constant(), inner->name);
      constants_.push_back(outer);
    }
    return outer;
  }

  // nullptr where the node must not run there.
  ir::Node* copy_outside(const ir::Node& inner) {
    std::vector<ir::Value*> inputs;
    for (const ir::Value* input : inner.inputs()) inputs.push_back(outside(input));
    ir::Node* copy = graph_.add_node(inner.op, std::move(inputs), static_cast<int>(inner.outputs().size()),
                                     inner.attributes, inner.name, node_);
    if (!ops::infer_node(*copy).ok() || !(runs_ || cheap_and_safe(*copy))) {
      graph_.erase(copy);
      return nullptr;
    }
    for (size_t i = 0; i < copy->outputs().size(); ++i) {
      copy->outputs()[i]->name = inner.outputs()[i]->name;
      outside_[inner.outputs()[i]] = copy->outputs()[i];
    }
    copies_.push_back(copy);
    return copy;
  }

  // Numbers that follow from shapes: inside, inference sees where they come from; as an input they would be data.
  static bool stays(const ir::Node& copy) {
    return std::all_of(copy.outputs().begin(), copy.outputs().end(), [](const ir::Value* v) { return v->known; });
  }

  void move_out(ir::Node* inner, const ir::Node& copy) {
    for (size_t i = 0; i < copy.outputs().size(); ++i) {
      ir::Value* old = inner->outputs()[i];
      outside_.erase(old);
      if (old->unused()) continue;
      ir::Value* capture = add_capture(graph_, node_, body_, copy.outputs()[i]);
      body_.replace_uses(old, capture);
      outside_[capture] = copy.outputs()[i];
    }
    body_.erase(inner);
  }

  ir::Graph& graph_;
  ir::Node* node_;
  ir::Graph& body_;
  bool runs_;
  std::map<const ir::Value*, ir::Value*> outside_;  // what a value of the body is in front of it
  std::vector<ir::Node*> copies_;
  std::vector<ir::Value*> constants_;
};

}  // namespace

Result<int> hoist_loop_invariants(ir::Graph& graph, PassContext&) {
  int changes = 0;
  for (ir::Node* node : graph.node_list()) {
    const std::optional<LoopForm> loop = loop_form(*node);
    if (!loop) continue;
    changes += know_condition(*loop);
    changes += Hoisting(graph, node, *loop).run();
    changes += capture_unchanged(graph, node, *loop_form(*node));
  }
  if (changes > 0) graph.erase_unused();
  return changes;
}

Result<int> eliminate_unused_captures(ir::Graph& graph, PassContext&) {
  int changes = 0;
  for (ir::Node* node : graph.node_list()) {
    const size_t captures = capture_count(*node), inputs = node->inputs().size();
    std::vector<ir::Graph*> bodies;
    for (auto& [key, attribute] : node->attributes)
      if (auto* body = std::get_if<std::shared_ptr<ir::Graph>>(&attribute)) bodies.push_back(body->get());
    const bool fit = std::all_of(bodies.begin(), bodies.end(), [&](const ir::Graph* body) {
      return body->inputs().size() + (node->op == "If" ? 1 : 0) == inputs &&
             body->outputs().size() == bodies[0]->outputs().size() &&
             body->outputs().size() >= node->outputs().size() + (node->op == "Loop" ? 1 : 0);
    });
    if (bodies.empty() || captures == 0 || !fit) continue;
    Leavings leavings{std::vector<bool>(inputs), std::vector<bool>(bodies[0]->outputs().size())};
    const auto at = [&](ir::Graph* body, size_t i) { return body->inputs()[body->inputs().size() - (inputs - i)]; };
    const auto first_capture = node->inputs().begin() + static_cast<std::ptrdiff_t>(inputs - captures);
    for (size_t i = inputs - captures; i < inputs; ++i) {  // of what is captured twice the first one is enough
      const auto first = std::find(first_capture, node->inputs().end(), node->inputs()[i]) - node->inputs().begin();
      for (ir::Graph* body : bodies) body->replace_uses(at(body, i), at(body, static_cast<size_t>(first)));
    }
    int found = 0;
    for (size_t i = inputs - captures; i < inputs; ++i) {
      leavings.inputs[i] = std::all_of(bodies.begin(), bodies.end(), [&](ir::Graph* b) { return at(b, i)->unused(); });
      found += leavings.inputs[i];
    }
    if (found > 0) leave_out(graph, node, leavings);
    changes += found;
  }
  if (changes > 0) graph.erase_unused();
  return changes;
}

}  // namespace vivace::passes
