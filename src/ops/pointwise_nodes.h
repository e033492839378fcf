// Which nodes are pointwise programs.
#pragma once

#include <optional>

#include "ir/graph.h"
#include "ops/pointwise_program.h"

namespace vivace::ops {

/// What a node computes for each element of its (broadcast) inputs, if it is a pointwise operator on floats whose
/// parameters are known: Add, Relu, Clip with constant bounds, ... and vivace.Pointwise itself. Inputs of the program
/// are the node's first inputs, in order.
std::optional<PointwiseProgram> pointwise_program_of(const ir::Node& node);

}  // namespace vivace::ops
