#include "builder/layer_outputs.h"

#include <set>

#include "backends/cpu/tactic.h"
#include "backends/cuda/tactic.h"
#include "ops/samples.h"
#include "passes/subgraphs.h"

namespace vivace::builder {

namespace {

// The same program with all layers on the whole batch: bodies that take samples in turn stand in the place of their
// nodes.
plan::Program on_whole_batches(const plan::Program& program) {
  plan::Program made;
  made.graph = program.graph->clone();
  ir::Graph& graph = *made.graph;
  const std::vector<ir::Node*> nodes = graph.node_list();
  for (size_t i = 0; i < nodes.size(); ++i) {
    ir::Node* node = nodes[i];
    const size_t at = made.choices.size();
    const bool in_turn = node->op == ops::kForSamples;
    for (const auto& [where, body] : program.bodies)
      if (where.first == i && !in_turn) made.bodies[{at, where.second}] = body;
    if (!in_turn) {
      made.choices.push_back(program.choices[i]);
      continue;
    }
    const plan::Program& body = program.bodies.at({i, "body"});
    made.choices.insert(made.choices.end(), body.choices.begin(), body.choices.end());
    for (const auto& [where, inner] : body.bodies) made.bodies[{at + where.first, where.second}] = inner;
    const ir::Dim batch = node->input(0)->type.dims->front();
    const int first_new = graph.value_id_limit();
    const std::vector<ir::Value*> outputs = passes::inline_graph(graph, *body.graph, node->inputs(), node);
    for (ir::Value* v : graph.values())
      if (v->id() >= first_new && v->producer() && v->type.dims) v->type.dims->front() = batch;
    for (size_t k = 0; k < outputs.size(); ++k) graph.replace_uses(node->outputs()[k], outputs[k]);
    graph.erase(node);
  }
  return made;
}

}  // namespace

plan::Program with_layer_outputs(const plan::Program& program, const std::string& device) {
  plan::Program made = on_whole_batches(program);
  ir::Graph& graph = *made.graph;
  std::set<std::string> names;
  for (size_t i = 0; i < graph.outputs().size(); ++i) names.insert(graph.output_name(i));
  const bool on_gpu = device.starts_with("cuda");
  const std::string reorder = on_gpu ? "cuda_reorder" : "reorder";
  const int version = on_gpu ? cuda::find_tactic(reorder)->version : cpu::find_tactic(reorder)->version;
  for (const ir::Node* node : graph.node_list()) {
    if (node->op == "vivace.Reorder") continue;  // the value it brings into another layout is there as it is
    for (ir::Value* value : node->outputs()) {
      if (value->name.empty() || value->unused() || value->type.kind != ir::Kind::tensor) continue;
      if (!names.insert(value->name).second) continue;
      if (!value->type.channel_block) {
        graph.mark_output(value, value->name);
        continue;
      }
      ir::Value* plain =
          graph.add_node("vivace.Reorder", {value}, 1, {{"channel_block", int64_t{0}}}, value->name + ".shown")
              ->output();
      plain->type = value->type;
      plain->type.channel_block = 0;
      graph.mark_output(plain, value->name);
      made.choices.push_back({reorder, version, "", {}, 0});
    }
  }
  return made;
}

}  // namespace vivace::builder
