// From the portable graph to the one the CPU runs.
#pragma once

#include "backends/cpu/machine.h"
#include "ir/graph.h"

namespace vivace::cpu {

/// Chooses the layout of every value over the whole graph, with blocks of the vector width (layouts.h).
Status lower(ir::Graph& graph, const Machine& machine);

}  // namespace vivace::cpu
