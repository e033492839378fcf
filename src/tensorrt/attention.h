// Attention: a layer for what goes in, one for what comes out, and the object that sets their parameters.
#pragma once

#include <memory>

#include "NvInfer.h"

namespace vivace::tensorrt {

class Network;

/// Null, with the reason logged, where a tensor is of another network.
std::unique_ptr<nvinfer1::IAttention> make_attention(Network& network, nvinfer1::ITensor* const (&tensors)[3],
                                                     nvinfer1::AttentionNormalizationOp normalization,
                                                     nvinfer1::CausalMaskKind causal);

}  // namespace vivace::tensorrt
