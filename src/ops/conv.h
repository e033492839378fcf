// What the convolutions share: Conv, ConvInteger, QLinearConv and the fused one.
#pragma once

#include "ops/infer.h"

namespace vivace::ops {

/// Shape of a convolution of input `x` with weights `w`; `bias` may be omitted or beyond the inputs.
Status infer_convolution(Inference& in, size_t x, size_t w, size_t bias, DType out);

/// y [N,M,...] += convolution of x [N,C,...] with w [M,C/group,...], by the node's attributes. W: float, double,
/// uint32_t (integers modulo 2^32).
template <class W>
Status convolve_add(const Call& call, const Shape& x_shape, const W* x, const Shape& w_shape, const W* w,
                    const Shape& y_shape, W* y);

/// y [N,M,...] = bias of the channel, 0 without one.
template <class W>
void fill_channels(const Shape& y_shape, const W* bias, W* y) {
  const int64_t channels = y_shape[1], inner = elements(std::span(y_shape).subspan(2));
  for (int64_t i = 0; i < y_shape[0] * channels; ++i)
    std::fill_n(y + i * inner, inner, bias ? bias[i % channels] : W(0));
}

/// Conv on tensors as they are in a Call: float types computed in W, result added to the bias in y.
template <class W>
Status reference_conv_into(const Call& call, W* y);

/// Attributes of one of a fused block's operators: those whose names begin with `prefix`, without it.
ir::Attributes attributes_of_part(const ir::Attributes& attributes, std::string_view prefix);

/// The convolutions, vivace.FusedConv, that a vivace.InvertedResidual with inputs of these types stands for: in a graph
/// of the inputs that are present.
Result<std::unique_ptr<ir::Graph>> inverted_residual_parts(const ir::Node& node, const std::vector<ir::Type>& types,
                                                           const std::vector<bool>& present);

/// The window of a ConvTranspose over an input of these spatial dimensions, its pads resolved.
Result<Window> transposed_window(const ir::Node& node, const ir::Dims& in, const std::vector<int64_t>& kernel);

}  // namespace vivace::ops
