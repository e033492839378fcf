// Nodes that a plugin runs, with memory of the arena for its workspace.
#include "backends/cpu/rows/plugin.h"

#include "backends/cpu/rows/rows.h"

namespace vivace::cpu {

ops::PlacedTensors placed_tensors(const Problem& p) {
  const auto placed = [](const std::vector<TensorInfo>& tensors) {
    std::vector<ops::PlacedTensor> list;
    for (const TensorInfo& t : tensors) list.push_back({{t.type, t.shape, nullptr}, t.channel_block, true});
    return list;
  };
  return {placed(p.inputs), placed(p.outputs)};
}

OpenedPlugin open_plugin(const Problem& p, ops::Where where) {
  if (!ops::find_extension(p.node->op)) return {nullptr, no("no plugin")};
  Result<std::shared_ptr<const ops::Operation>> opened = ops::open_extension(*p.node);
  if (!opened.ok()) return {nullptr, no(opened.status().message())};
  if (!*opened) return {nullptr, no("it has no way of its own to run")};
  const bool fits = (*opened)->supports(where, placed_tensors(p));
  return {*std::move(opened),
          fits ? yes() : no("the plugin does not work there on tensors of these types and layouts")};
}

bool plugin_takes_blocks(const ir::Node& node, const LayoutPolicy& policy, ops::Where where) {
  if (!ops::find_extension(node.op)) return false;
  const auto image = [&](const ir::Value* v) { return is_image(v, policy.type); };
  if (!std::all_of(node.outputs().begin(), node.outputs().end(), image)) return false;
  const Result<std::shared_ptr<const ops::Operation>> opened = ops::open_extension(node);
  if (!opened.ok() || !*opened) return false;
  ops::PlacedTensors tensors = ops::placed_tensors(node);
  const auto in_blocks = [&](ops::PlacedTensor& t) { t.channel_block = policy.block(t.view.shape[1]); };
  for (size_t i = 0; i < tensors.inputs.size(); ++i) {
    const ir::Value* v = node.input(i);
    if (!v || v->is_constant() || v->type.rank() != 4) continue;
    if (!image(v)) return false;
    in_blocks(tensors.inputs[i]);
  }
  for (ops::PlacedTensor& t : tensors.outputs) in_blocks(t);
  return (*opened)->supports(where, tensors);
}

namespace {

Verdict supports(const Problem& p, const Machine&) { return open_plugin(p, ops::Where::cpu).verdict; }

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine&) {
  VIVACE_ASSIGN(std::shared_ptr<const ops::Operation> operation, ops::open_extension(*p.node));
  if (!operation) return Status(Code::internal, p.node->describe() + ": the plugin is gone");
  ops::PlacedTensors tensors = placed_tensors(p);
  Bound bound;
  VIVACE_ASSIGN(bound.workspace, operation->workspace(ops::Where::cpu, tensors));
  bound.run = [operation = std::move(operation), tensors = std::move(tensors)](const Launch& launch) {
    ops::PlacedTensors at = tensors;
    for (size_t i = 0; i < at.inputs.size(); ++i) at.inputs[i].view.data = launch.inputs[i];
    for (size_t i = 0; i < at.outputs.size(); ++i) at.outputs[i].view.data = launch.outputs[i];
    return operation->run(at, launch.workspace, &launch.pool);
  };
  return bound;
}

}  // namespace

extern const Tactic plugin_tactic{
    .name = "plugin",
    .version = 1,
    .operators = {},
    .supports = supports,
    .configurations = nullptr,
    .estimate = estimate_bytes,
    .prepare = nullptr,
    .bind = bind,
};

}  // namespace vivace::cpu
