// Between the element types and dimensions of the interface and those of the graph.
#pragma once

#include "NvInfer.h"
#include "ir/type.h"

namespace vivace::tensorrt {

/// undefined where the number is none of the enumeration.
DType to_dtype(nvinfer1::DataType type);
/// kFLOAT where the interface has no such type (f64 and strings); `known` says so where given.
nvinfer1::DataType to_data_type(DType type, bool* known = nullptr);
/// Symbols and unknown dimensions are -1. nbDims is -1 where there are more than Dims::MAX_DIMS.
nvinfer1::Dims to_dims(const ir::Dims& dims, size_t skip = 0);
nvinfer1::Dims to_dims(const std::vector<int64_t>& sizes);
/// `count` dimensions of one size.
inline nvinfer1::Dims repeated(int64_t size, int32_t count) {
  return to_dims(std::vector<int64_t>(static_cast<size_t>(count), size));
}
std::vector<int64_t> to_vector(const nvinfer1::Dims& dims);
/// nbDims of -1: dimensions that nobody knows, or that an error hides.
inline nvinfer1::Dims no_dims() {
  nvinfer1::Dims none{};
  none.nbDims = -1;
  return none;
}

}  // namespace vivace::tensorrt
