// Blocks of several operators that a backend may run as one kernel.
#pragma once

#include <functional>
#include <string_view>

#include "ir/graph.h"

namespace vivace::passes {

/// Puts one operator in the place of each block of which `has_kernel` says that the backend runs it: of
/// vivace.SqueezeExcite. The graph has been optimized. Gives the number of blocks.
Result<int> fuse_blocks(ir::Graph& graph, const std::function<bool(std::string_view op)>& has_kernel);

}  // namespace vivace::passes
