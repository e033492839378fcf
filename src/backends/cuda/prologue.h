// What happens to a convolution's input by channel, in the convolution.
#pragma once

#include "ir/graph.h"

namespace vivace::cuda {

/// A pointwise max(x * scale + shift, 0) by channel, which one convolution of single pixels reads, becomes part of it
/// (vivace.ScaledConv), where images have their channels last: nothing between them is stored. DenseNet's layers begin
/// so. For graphs that have their layouts; changes `graph` in place.
void fold_prologues(ir::Graph& graph);

}  // namespace vivace::cuda
