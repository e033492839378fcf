// Rearrangement of weights in memory (generations 7 and 8).
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInfer.h"

namespace nvinfer1 {
namespace utils {

/// Transposes weights of the dimensions `shape` into `data`: dimension i of the result is dimension shapeOrder[i].
TENSORRTAPI bool reshapeWeights(Weights const& input, int32_t const* shape, int32_t const* shapeOrder, void* data,
                                int32_t nbDims) noexcept;
/// Reorders `num` buffers of `size` bytes that lie one after the other; buffer i becomes what buffer order[i] was.
TENSORRTAPI bool reorderSubBuffers(void* input, int32_t const* order, int32_t num, int32_t size) noexcept;
/// Transposes `num` matrices that lie one after the other.
TENSORRTAPI bool transposeSubBuffers(void* input, DataType type, int32_t num, int32_t height, int32_t width) noexcept;

}  // namespace utils
}  // namespace nvinfer1
