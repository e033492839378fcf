// From the portable graph to the one a GPU runs.
#pragma once

#include "ir/graph.h"

namespace vivace::cuda {

/// Chooses layouts: images of a 16-bit type have their channels last (one block of all channels, filled up to a
/// multiple of kChannelUnit), f32 stays row-major; forms what kernels of GPUs do at once, and puts nodes that can run
/// together next to each other (groups.h). Changes `graph` in place.
///
/// With `tf32` products of f32 may round what they multiply to TF32: such nodes get the attribute `tf32`, without which
/// no row does so, and images of f32 have their channels last as well.
///
/// Element (n, c, pixel) of such an image is at (n * pixels + pixel) * channel_block + c. channel_block is the pitch
/// between pixels and may be larger than the image's own channels, where the image is a part of another one: rows read
/// and write the first round_up(channels, kChannelUnit) of each pixel, those past the last channel as zeros, and leave
/// the rest alone.
Status lower(ir::Graph& graph, DType type, bool tf32 = false);

constexpr int kChannelUnit = 8;

}  // namespace vivace::cuda
