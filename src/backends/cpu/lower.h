// From the portable graph to the one the CPU runs.
#pragma once

#include "backends/cpu/machine.h"
#include "ir/graph.h"

namespace vivace::cpu {

/// Chooses the layout of every value over the whole graph: convolutions work on channels in blocks of the vector
/// width, and what lies between them follows, so that tensors are rearranged (`vivace.Reorder`) only where a blocked
/// part begins or ends. Changes `graph` in place; Value::type.channel_block says the layout.
Status lower(ir::Graph& graph, const Machine& machine);

}  // namespace vivace::cpu
