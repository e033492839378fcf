#include "backends/cpu/lower.h"

#include "backends/cpu/prologue.h"
#include "backends/cpu/rows/plugin.h"

namespace vivace::cpu {

Status lower(ir::Graph& graph, const Machine& machine) {
  const int block = machine.channel_block();
  LayoutPolicy policy;
  policy.block = [block](int64_t) { return block; };
  policy.joins = [block](int64_t channels) { return channels % block == 0; };
  policy.follows = [&policy](const ir::Node& node) { return plugin_takes_blocks(node, policy, ops::Where::cpu); };
  VIVACE_TRY(assign_layouts(graph, policy));
  fold_prologues(graph, false);
  return {};
}

}  // namespace vivace::cpu
