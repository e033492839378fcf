#include "builder/blocks.h"

#include <algorithm>
#include <map>

#include "passes/fuse_blocks.h"

namespace vivace::builder {

namespace {

// Seconds of the nodes that make a block's output of its inputs.
double seconds_apart(const Variant& apart, const ir::Node& block) {
  std::map<const ir::Node*, double> seconds;
  const ir::Value* output = nullptr;
  const std::vector<ir::Node*> nodes = apart.graph->node_list();
  for (size_t i = 0; i < nodes.size(); ++i) {
    seconds[nodes[i]] = apart.program.choices[i].seconds;
    for (const ir::Value* v : nodes[i]->outputs())
      if (v->name == block.output()->name) output = v;
  }
  std::set<std::string> inputs;
  for (const ir::Value* v : block.inputs())
    if (v && !v->is_constant()) inputs.insert(v->name);
  double total = 0;
  std::set<const ir::Node*> counted;
  std::vector<const ir::Value*> open = {output};
  while (!open.empty()) {
    const ir::Value* v = open.back();
    open.pop_back();
    if (!v || !v->producer() || inputs.contains(v->name) || !counted.insert(v->producer()).second) continue;
    total += seconds[v->producer()];
    for (const ir::Value* input : v->producer()->inputs()) open.push_back(input);
  }
  return total;
}

}  // namespace

Result<Variant> compare_blocks(const BlockTrials& trials, const std::vector<Shape>& shapes) {
  VIVACE_ASSIGN(const Variant apart, trials.make(trials.parts, {}, true));
  VIVACE_ASSIGN(Variant fused, trials.make(trials.fused, {}, trials.trials_only));
  const auto loses = [&](const ir::Node& node, const plan::Choice& choice, const cpu::ConcreteGraph& at) {
    const std::optional<bool> decided = trials.loses(node, choice, at);
    return decided ? *decided : choice.seconds * trials.least_gain >= seconds_apart(apart, node);
  };
  Apart slower;
  for (size_t known = SIZE_MAX; known != slower.size();) {
    known = slower.size();
    const std::vector<ir::Node*> nodes = fused.graph->node_list();
    VIVACE_ASSIGN(const cpu::ConcreteGraph at, cpu::concretize(*fused.graph, shapes));
    for (size_t i = 0; i < nodes.size(); ++i)
      if (passes::is_block(nodes[i]->op) && loses(*nodes[i], fused.program.choices[i], at))
        slower.insert(nodes[i]->output()->name);
    if (known != slower.size()) {
      VIVACE_ASSIGN(fused, trials.make(trials.fused, slower, trials.trials_only));
    }
  }
  if (trials.trials_only) {
    VIVACE_ASSIGN(fused, trials.make(trials.fused, slower, false));
  }
  const auto kept = std::count_if(fused.graph->nodes().begin(), fused.graph->nodes().end(),
                                  [](const auto& node) { return passes::is_block(node->op); });
  fused.report.notes.push_back(std::to_string(kept) + " blocks of layers run as one kernel each; " +
                               std::to_string(slower.size()) + trials.otherwise);
  return fused;
}

}  // namespace vivace::builder
