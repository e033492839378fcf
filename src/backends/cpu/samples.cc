#include "backends/cpu/samples.h"

#include <algorithm>
#include <set>

#include "backends/cpu/tactic.h"
#include "ops/operator.h"
#include "ops/samples.h"

namespace vivace::cpu {

namespace {

// Samples of one turn worth trying.
constexpr int64_t kSamples[] = {1, 2, 4, 8};
// A cache that cores share holds some so many times what a core has of its own.
constexpr double kSharedCache = 16;
// Channels of an image that convolutions read as it comes, without rearranging it first.
constexpr int64_t kFewChannels = 4;

double bytes(const ir::Value* v) {
  const std::optional<Shape> shape = v->type.shape();
  return shape ? static_cast<double>(byte_size(v->type.dtype, elements(*shape))) : 0;
}

bool is_moving(const ir::Value* v) { return v && !v->is_constant() && !v->unused(); }

// What a node moves: of images (of the whole batch), and of constants.
struct Traffic {
  double images = 0, weights = 0;
};
Traffic traffic_of(const ir::Node& node) {
  Traffic traffic;
  if (is_alias(node)) return traffic;
  for (const ir::Value* v : node.inputs())
    if (v) (v->is_constant() ? traffic.weights : traffic.images) += bytes(v);
  for (const ir::Value* v : node.outputs())
    if (is_moving(v)) traffic.images += bytes(v);
  return traffic;
}

// How dear a byte is where so many are in use: nothing from a core's own cache, more from one that cores share, most
// from memory.
double distance(double in_use, const Machine& machine) {
  const auto beyond = [&](double cache) { return std::clamp(in_use / cache - 1, 0.0, 1.0); };
  const auto own = static_cast<double>(machine.l2_bytes);
  return beyond(own) + beyond(own * kSharedCache);
}

// Every thread gets as much, or nearly so.
bool is_even(int64_t turns, int threads) { return turns % threads == 0 || turns >= 4 * threads; }

class Regions {
 public:
  Regions(const ir::Graph& graph, const Machine& machine) : machine_(machine), nodes_(graph.node_list()) {
    std::vector<size_t> place(static_cast<size_t>(graph.value_id_limit()), 0);
    for (size_t i = 0; i < nodes_.size(); ++i) {
      batches_.push_back(batch_of(*nodes_[i]));
      traffic_.push_back(traffic_of(*nodes_[i]));
      weights_ += traffic_.back().weights;
    }
    // Images that are alive between two nodes; those are rearranged where a region begins or ends. What comes from
    // outside has no blocks of channels in any case.
    alive_.resize(nodes_.size() + 1, 0);
    for (size_t i = 0; i < nodes_.size(); ++i)
      for (const ir::Value* v : nodes_[i]->outputs()) place[static_cast<size_t>(v->id())] = i + 1;
    std::vector<size_t> last(place.size(), 0);
    for (size_t i = 0; i < nodes_.size(); ++i)
      for (const ir::Value* v : nodes_[i]->inputs())
        if (v) last[static_cast<size_t>(v->id())] = i;
    for (const ir::Value* v : graph.values()) {
      const std::optional<Shape> shape = v->type.shape();
      if (!v->producer() || !shape || shape->size() != 4 || (*shape)[1] <= kFewChannels) continue;
      if ((*shape)[2] * (*shape)[3] == 1) continue;
      const auto id = static_cast<size_t>(v->id());
      for (size_t i = place[id]; i <= last[id]; ++i) alive_[i] += bytes(v);
    }
  }

  SampleRegion best() const {
    SampleRegion best;
    for (size_t begin = 0; begin < nodes_.size();) {
      size_t end = begin;
      while (end < nodes_.size() && batches_[end] == batches_[begin]) ++end;
      if (batches_[begin] > 1)
        for (const int64_t samples : kSamples) improve(best, begin, end, samples);
      begin = std::max(end, begin + 1);
    }
    return best;
  }

 private:
  // What one node gains, in bytes of one step away.
  double gain(size_t node, int64_t batch, int64_t samples) const {
    const Traffic& t = traffic_[node];
    const double threads = machine_.threads;
    const double together = t.images * distance(t.images / threads, machine_);
    const double apart = t.images * distance(t.images * static_cast<double>(samples) / static_cast<double>(batch) +
                                                 std::min(t.weights, 0.25 * static_cast<double>(machine_.l2_bytes)),
                                             machine_);
    const int64_t turns = batch / samples;
    const double again = (static_cast<double>(turns) - threads) * t.weights * distance(weights_, machine_);
    return together - apart - std::max(0.0, again);
  }

  // What rearranging images costs where a region begins or ends: each is read and written there, and again beyond.
  double edge(size_t at) const { return 4 * alive_[at] * distance(alive_[at] / machine_.threads, machine_); }

  void improve(SampleRegion& best, size_t first, size_t last, int64_t samples) const {
    const int64_t batch = batches_[first];
    if (samples >= batch || batch % samples != 0 || !is_even(batch / samples, machine_.threads)) return;
    size_t begin = first;
    double so_far = -edge(first);
    for (size_t i = first; i < last; ++i) {
      if (-edge(i) > so_far) begin = i, so_far = -edge(i);
      so_far += gain(i, batch, samples);
      if (so_far - edge(i + 1) > best.gain) best = {begin, i + 1, batch, samples, so_far - edge(i + 1)};
    }
  }

  const Machine& machine_;
  const std::vector<ir::Node*> nodes_;
  std::vector<int64_t> batches_;
  std::vector<Traffic> traffic_;
  std::vector<double> alive_;  // bytes of images before each node
  double weights_ = 0;
};

// The same value for fewer samples.
ir::Type part_of(ir::Type type, int64_t samples) {
  type.dims->front() = samples;
  return type;
}

// A shape that says nothing of the batch.
ir::Value* shape_of_parts(ir::Graph& body, const ir::Type& type) {
  Shape shape = *type.shape();
  shape[0] = 0;  // as it is
  return body.add_constant(Tensor::of<int64_t>(shape));
}

}  // namespace

SampleRegion best_region(const ir::Graph& graph, const Machine& machine) { return Regions(graph, machine).best(); }

Status outline(ir::Graph& graph, const SampleRegion& region) {
  const std::vector<ir::Node*> all = graph.node_list();
  const std::vector<ir::Node*> nodes(all.begin() + static_cast<std::ptrdiff_t>(region.begin),
                                     all.begin() + static_cast<std::ptrdiff_t>(region.end));
  const std::set<const ir::Node*> inside(nodes.begin(), nodes.end());
  auto body = std::make_shared<ir::Graph>();
  body->name = nodes.front()->name + " to " + nodes.back()->name;
  std::vector<ir::Value*> to(static_cast<size_t>(graph.value_id_limit()), nullptr), inputs, outputs;
  const auto mapped = [&](ir::Value* v) {
    ir::Value*& made = to[static_cast<size_t>(v->id())];
    if (made) return made;
    if (v->is_constant()) return made = body->add_constant(v->constant(), v->name);
    inputs.push_back(v);
    return made = body->add_input(v->name, part_of(v->type, region.samples));
  };
  for (ir::Node* node : nodes) {
    std::vector<ir::Value*> arguments;
    ir::Attributes attributes = node->attributes;
    for (ir::Value* v : node->inputs()) {
      const bool is_shape = node->op == "Reshape" && !arguments.empty();
      arguments.push_back(!v ? nullptr : is_shape ? shape_of_parts(*body, node->output()->type) : mapped(v));
    }
    if (node->op == "Reshape") attributes.erase("allowzero");
    ir::Node* copy = body->add_node(node->op, std::move(arguments), static_cast<int>(node->outputs().size()),
                                    std::move(attributes), node->name);
    for (size_t i = 0; i < node->outputs().size(); ++i) {
      ir::Value *old = node->outputs()[i], *made = copy->outputs()[i];
      to[static_cast<size_t>(old->id())] = made;
      made->name = old->name;
      const bool outside = old->output_count() > 0 || std::any_of(old->uses().begin(), old->uses().end(),
                                                                  [&](auto& u) { return !inside.contains(u.node); });
      if (!outside) continue;
      outputs.push_back(old);
      body->mark_output(made, old->name);
    }
  }
  VIVACE_TRY(ops::infer_graph(*body));
  ir::Node* made =
      graph.add_node(ops::kForSamples, inputs, static_cast<int>(outputs.size()),
                     {{"body", std::shared_ptr<ir::Graph>(body)}, {"samples", region.samples}}, body->name, nodes[0]);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const ir::Type inner = body->outputs()[i]->type;
    if (!inner.shape() || !ir::same_type(inner, part_of(outputs[i]->type, region.samples)))
      return {Code::internal, "'" + body->name + "': " + outputs[i]->name + " is " + inner.to_string() +
                                  " for a part of " + outputs[i]->type.to_string()};
    made->outputs()[i]->name = outputs[i]->name;
    made->outputs()[i]->type = outputs[i]->type;
    graph.replace_uses(outputs[i], made->outputs()[i]);
  }
  for (size_t i = nodes.size(); i-- > 0;) graph.erase(nodes[i]);
  graph.erase_unused();
  return ir::verify(graph);
}

Status outline_samples(ir::Graph& graph, const Machine& machine) {
  // A gain of less than this is lost in what the turns themselves cost.
  const auto least = static_cast<double>(machine.l2_bytes);
  for (;;) {
    const SampleRegion region = best_region(graph, machine);
    if (region.gain < least) return {};
    VIVACE_TRY(outline(graph, region));
  }
}

}  // namespace vivace::cpu
