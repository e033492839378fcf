#include "backends/cpu/weights.h"

namespace vivace::cpu {

void WeightCount::add_model(const ir::Node& node) {
  for (const ir::Value* v : node.inputs())
    if (v && v->is_constant() && in_model_.insert(v->constant().data()).second)
      use_.model_bytes += v->constant().bytes();
}

void WeightCount::add_read(size_t node, const Tensor& tensor, bool packed) {
  if (!tensor.valid()) return;
  use_.by_node[node] += tensor.bytes();
  if (!read_.insert(tensor.data()).second) return;
  use_.read_bytes += tensor.bytes();
  if (packed) use_.packed_bytes += tensor.bytes();
}

void WeightCount::add(size_t node, const Tactic& tactic, const Problem& problem, const std::vector<Tensor>& packed) {
  add_model(*problem.node);
  for (const Tensor& tensor : packed) add_read(node, tensor, true);
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const ir::Value* v = problem.node->input(i);
    const bool replaced = !packed.empty() && tactic.packs && tactic.packs(problem, i);
    if (v && v->is_constant() && !replaced) add_read(node, v->constant(), false);
  }
}

void WeightCount::add(size_t node, const ir::Node& what, const plan::Program& program) {
  add_model(what);
  for (const ir::Value* v : what.inputs())
    if (v && v->is_constant()) add_read(node, v->constant(), false);
  for (const auto& [where, body] : program.bodies)
    if (where.first == node) add_body(node, body);
}

// Shapes in bodies may be known only while they run: where weights are packed, that stands for all of the node's.
void WeightCount::add_body(size_t node, const plan::Program& body) {
  size_t i = 0;
  for (const auto& inner : body.graph->nodes()) {
    const std::vector<Tensor>& packed = body.choices[i++].packed;
    add_model(*inner);
    for (const Tensor& tensor : packed) add_read(node, tensor, true);
    if (!packed.empty()) continue;
    for (const ir::Value* v : inner->inputs())
      if (v && v->is_constant()) add_read(node, v->constant(), false);
  }
  for (const auto& [where, nested] : body.bodies) add_body(node, nested);
}

}  // namespace vivace::cpu
