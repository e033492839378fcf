// Nodes that need nothing of each other, so that their kernels may run as one (together.h).
#pragma once

#include <span>
#include <vector>

#include "ir/graph.h"

namespace vivace::cuda {

/// More kernels in one are not tried.
constexpr size_t kMostTogether = 4;

/// Puts nodes whose kernels are worth running together, convolutions, products and poolings, next to each other where
/// dependencies let them: each moves up to the first such node behind what it reads, over a few of them at most, so
/// that results do not have to be kept for long. Their order is otherwise as it was.
void bring_together(ir::Graph& graph);

/// How many of the nodes from `first` on, at most kMostTogether, are such nodes and need nothing of each other; 1 where
/// `first` stands alone.
size_t together_from(std::span<ir::Node* const> nodes, size_t first);

}  // namespace vivace::cuda
