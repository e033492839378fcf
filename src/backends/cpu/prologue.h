// What happens to a convolution's input by channel, in the convolution.
#pragma once

#include "ir/graph.h"

namespace vivace::cpu {

/// A pointwise max(x * scale + shift, 0) by channel, which one convolution of single pixels reads, becomes part of it
/// (vivace.ScaledConv), where images have their channels in blocks: nothing between them is stored. DenseNet's layers
/// begin so. A block may be of all channels, as GPUs have them. For graphs that have their layouts; changes `graph` in
/// place.
/// @param strided  whether strides may be other than 1
void fold_prologues(ir::Graph& graph, bool strided);

}  // namespace vivace::cpu
