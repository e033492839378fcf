// Channels that change places.
#pragma once

#include "ir/graph.h"

namespace vivace::cuda {

/// A shuffle of channels (Reshape, Transpose, Reshape of an image), with the concatenation of channels before it and
/// the split behind it where nothing else uses what lies between, becomes one vivace.MoveChannels. Changes `graph` in
/// place.
void merge_channel_moves(ir::Graph& graph, DType type);

}  // namespace vivace::cuda
