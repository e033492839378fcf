// What the subgraphs of If, Loop and Scan are given.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace vivace::ops {

/// Types of a subgraph's inputs that hold in each of its runs, from the types of the node's inputs and outputs. What
/// changes from one iteration to the next has no such dimensions.
std::vector<ir::Type> subgraph_input_types(const ir::Node& node, const std::vector<ir::Type>& inputs,
                                           const std::vector<ir::Type>& outputs);

}  // namespace vivace::ops
