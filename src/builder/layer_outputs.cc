#include "builder/layer_outputs.h"

#include <set>

#include "backends/cpu/tactic.h"
#include "backends/cuda/tactic.h"

namespace vivace::builder {

plan::Program with_layer_outputs(const plan::Program& program, const std::string& device) {
  plan::Program made = program;
  made.graph = program.graph->clone();
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
