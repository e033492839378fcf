// What rows of convolutions share.
#pragma once

#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/rows/rows.h"

namespace vivace::cpu {

/// A window over images of shape x that gives images of shape y; one group.
ConvShape window_shape(const Shape& x, const Shape& y, const ops::Window& window);

/// The shape of a two-dimensional f32 convolution with constant weights and blocked output; the reason where the
/// problem is no such thing.
Verdict blocked_convolution(const Problem& p, const Machine& machine, ConvShape& shape);

}  // namespace vivace::cpu
