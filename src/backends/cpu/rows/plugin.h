// Plugins at work (ops/extension.h).
#pragma once

#include "backends/cpu/layouts.h"
#include "backends/cpu/tactic.h"
#include "ops/extension.h"

namespace vivace::cpu {

/// The types, shapes and layouts of a node's tensors, without addresses.
ops::PlacedTensors placed_tensors(const Problem& p);

/// The node's plugin, ready to run on such tensors there; or why there is none.
struct OpenedPlugin {
  std::shared_ptr<const ops::Operation> operation;
  Verdict verdict;
};
OpenedPlugin open_plugin(const Problem& p, ops::Where where);

/// Whether a plugin runs the node on images in the policy's layout.
bool plugin_takes_blocks(const ir::Node& node, const LayoutPolicy& policy, ops::Where where);

}  // namespace vivace::cpu
