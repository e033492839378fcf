// A graph as Graphviz DOT, for pictures.
#pragma once

#include <string>

#include "ir/graph.h"

namespace vivace::ir {

/// One box per node with its operator, name, output shape, weights and what is fused into it; subgraphs are clusters.
std::string to_dot(const Graph& graph);

}  // namespace vivace::ir
