// Blocks of several operators that a backend may run as one kernel.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "ir/graph.h"

namespace vivace::passes {

/// Puts one operator in the place of each block of which `has_kernel` says that the backend runs it:
/// vivace.SqueezeExcite, vivace.InvertedResidual, vivace.PooledConv. The graph has been optimized. Gives the number of blocks.
/// @param apart  names of outputs of blocks to leave alone
Result<int> fuse_blocks(ir::Graph& graph, const std::function<bool(std::string_view op)>& has_kernel,
                        const std::set<std::string, std::less<>>& apart = {});

/// Whether an operator stands for such a block.
bool is_block(std::string_view op);

}  // namespace vivace::passes
