// Loops and Scans that certainly run a few times become what they compute, turn after turn.
#include <algorithm>

#include "ops/operator.h"
#include "ops/random.h"
#include "passes/constants.h"
#include "passes/pipeline.h"
#include "passes/rules.h"
#include "passes/subgraphs.h"

namespace vivace::passes {

namespace {

// Nodes that the turns together may have: beyond, a loop's own cost no longer counts, and building takes longer.
constexpr int64_t kMostNodes = 256;

bool contains_loop(ir::Graph& body) {
  bool found = false;
  ir::for_each_graph(body, [&](ir::Graph& graph) {
    for (const auto& node : graph.nodes()) found = found || node->op == "Loop" || node->op == "Scan";
  });
  return found;
}

// Loops inside a loop come first, else each level of nesting would multiply what the one above it made.
bool short_enough(ir::Graph& body, int64_t turns) {
  return turns <= 1 || (turns <= kMostNodes && turns * count_nodes(body) <= kMostNodes && !contains_loop(body));
}

// One Loop or Scan as a straight line of nodes, in a graph that takes what the node takes.
class Line {
 public:
  Line(const ir::Node& node, const LoopForm& loop, int64_t turns) : node_(node), loop_(loop), turns_(turns) {}

  std::unique_ptr<ir::Graph> make() {
    for (const ir::Value* outer : node_.inputs()) {
      inputs_.push_back(!outer                 ? nullptr
                        : outer->is_constant() ? graph_->add_constant(outer->constant(), outer->name)
                                               : graph_->add_input(outer->name, outer->type));
      if (outer) inputs_.back()->known = outer->known;
    }
    carried_.assign(inputs_.begin() + static_cast<std::ptrdiff_t>(loop_.first),
                    inputs_.begin() + static_cast<std::ptrdiff_t>(loop_.first + loop_.carried));
    gathered_.resize(loop_.given() - loop_.carried);
    for (size_t i = 0; i < loop_.scan_inputs; ++i)
      slices_.push_back(slices_of(inputs_[loop_.first + loop_.carried + i], axis("input", i), backwards("input", i)));
    for (int64_t turn = 0; turn < turns_; ++turn) add_turn(turn);
    for (size_t i = 0; i < node_.outputs().size(); ++i) {
      ir::Value* made = i < loop_.carried ? carried_[i] : joined(i);
      if (!made) return nullptr;
      graph_->mark_output(made);
    }
    graph_->erase_unused();
    // A loop that would fail when it runs stays, for it may never run.
    return ops::infer_graph(*graph_).ok() ? std::move(graph_) : nullptr;
  }

 private:
  int64_t axis(const char* what, size_t i) const {
    const auto axes = node_.attributes.integers(std::string("scan_") + what + "_axes", {});
    return i < axes.size() ? axes[i] : 0;
  }
  bool backwards(const char* what, size_t i) const {
    const auto directions = node_.attributes.integers(std::string("scan_") + what + "_directions", {});
    return i < directions.size() && directions[i] != 0;
  }

  ir::Value* add(const char* op, std::vector<ir::Value*> inputs, ir::Attributes attributes = {}) {
    return graph_->add_node(op, std::move(inputs), 1, std::move(attributes), node_.name)->output();
  }
  ir::Value* one(int64_t number) { return graph_->add_constant(Tensor::of(std::vector<int64_t>{number})); }

  std::vector<ir::Value*> slices_of(ir::Value* whole, int64_t axis, bool backwards) {
    std::vector<ir::Value*> slices{whole};
    if (turns_ > 1)
      slices = graph_
                   ->add_node(
                       "Split",
                       {whole, graph_->add_constant(Tensor::of(std::vector<int64_t>(static_cast<size_t>(turns_), 1)))},
                       static_cast<int>(turns_), {{"axis", axis}}, node_.name)
                   ->outputs();
    for (ir::Value*& slice : slices) slice = add("Squeeze", {slice, one(axis)});
    if (backwards) std::reverse(slices.begin(), slices.end());
    return slices;
  }

  void add_turn(int64_t turn) {
    std::vector<ir::Value*> arguments;
    if (loop_.is_loop) {
      arguments.push_back(graph_->add_constant(Tensor::scalar(turn)));
      arguments.push_back(graph_->add_constant(Tensor::scalar(true)));
    }
    arguments.insert(arguments.end(), carried_.begin(), carried_.end());
    for (const auto& slices : slices_) arguments.push_back(slices[static_cast<size_t>(turn)]);
    arguments.insert(arguments.end(), inputs_.end() - static_cast<std::ptrdiff_t>(loop_.captures), inputs_.end());
    const size_t before = graph_->nodes().size();
    const std::vector<ir::Value*> given =
        inline_graph(*graph_, *loop_.body, arguments, nullptr, "/" + std::to_string(turn));
    // Types of the body hold for all turns; those of one turn say more, and the nodes before it make them.
    auto at = graph_->nodes().begin();
    for (std::advance(at, before); at != graph_->nodes().end(); ++at)
      for (ir::Value* output : (*at)->outputs()) {
        output->type = {};
        output->known = std::nullopt;
      }
    for (size_t i = 0; i < loop_.carried; ++i) carried_[i] = given[loop_.first_given + i];
    for (size_t i = 0; i < gathered_.size(); ++i) gathered_[i].push_back(given[loop_.first_given + loop_.carried + i]);
  }

  // Output i of the node: what the turns gave, stacked.
  ir::Value* joined(size_t i) {
    const ir::Value* output = node_.outputs()[i];
    if (turns_ == 0) {
      const std::optional<Shape> shape = output->type.shape();
      Result<Tensor> empty = shape ? Tensor::allocate(output->type.dtype, *shape) : Result<Tensor>(Tensor());
      return empty.ok() && empty->valid() && empty->count() == 0 ? graph_->add_constant(*std::move(empty)) : nullptr;
    }
    const size_t k = i - loop_.carried;
    const int64_t along = loop_.is_loop ? 0 : axis("output", k);
    std::vector<ir::Value*> parts;
    for (ir::Value* value : gathered_[k]) parts.push_back(add("Unsqueeze", {value, one(along)}));
    if (!loop_.is_loop && backwards("output", k)) std::reverse(parts.begin(), parts.end());
    return parts.size() == 1 ? parts[0] : add("Concat", parts, {{"axis", along}});
  }

  const ir::Node& node_;
  const LoopForm& loop_;
  int64_t turns_;
  std::unique_ptr<ir::Graph> graph_ = std::make_unique<ir::Graph>();
  std::vector<ir::Value*> inputs_, carried_;
  std::vector<std::vector<ir::Value*>> slices_, gathered_;  // by turn
};

bool unroll(ir::Graph& graph, ir::Node* node) {
  const std::optional<LoopForm> loop = loop_form(*node);
  if (!loop) return false;
  for (size_t i = 0; i < loop->carried; ++i) {
    const ir::Value* start = node->input(loop->first + i);
    if (!start || start->type.kind == ir::Kind::optional) return false;  // see infer_loop: it may give what is in one
  }
  const std::optional<int64_t> turns = turns_of(*node, *loop);
  if (!turns || (*turns == 0 && !loop->is_loop) || !short_enough(*loop->body, *turns)) return false;
  if (ops::draws_numbers(*node)) return false;  // turns draw different numbers; nodes with one seed the same
  const std::unique_ptr<ir::Graph> line = Line(*node, *loop, *turns).make();
  if (!line) return false;
  for (size_t i = 0; i < node->outputs().size(); ++i)
    if (!keep_type(*node->outputs()[i], *line->outputs()[i]).ok()) return false;
  std::vector<ir::Value*> arguments;
  for (ir::Value* input : node->inputs())
    if (input && !input->is_constant()) arguments.push_back(input);
  const std::vector<ir::Value*> made = inline_graph(graph, *line, arguments, node);
  for (size_t i = 0; i < made.size(); ++i) graph.replace_uses(node->outputs()[i], made[i]);
  erase_dead(graph, node);
  return true;
}

}  // namespace

Result<int> unroll_short_loops(ir::Graph& graph, PassContext&) {
  int changes = 0;
  for (ir::Node* node : graph.node_list()) changes += unroll(graph, node);
  if (changes > 0) graph.erase_unused();
  return changes;
}

}  // namespace vivace::passes
