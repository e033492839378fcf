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

/// Configurations of a kernel that numbers them.
std::vector<std::string> configuration_numbers(int count);
Result<int> configuration_number(const Problem& p, const std::string& configuration, int count);
/// An error unless `packed` is one tensor of so many floats.
Status check_packed(const Problem& p, const std::vector<Tensor>& packed, size_t floats);

}  // namespace vivace::cpu
