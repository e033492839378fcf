// Layouts of tensors at an engine's border other than row-major: channels last, or in vectors. The graph has the
// tensor's own dimensions there and turns the elements around itself, so the memory holds as many as the dimensions
// say.
#pragma once

#include "NvInfer.h"
#include "ir/graph.h"

namespace vivace::tensorrt {

/// Which of the allowed formats a tensor gets: row-major where that is one of them, else the first that fits.
/// invalid_argument where none does, in words that `what` begins.
Result<nvinfer1::TensorFormat> choose_format(nvinfer1::TensorFormats allowed, const ir::Dims& dims,
                                             const std::string& what);
/// Users of an input see its elements in order, whatever format they come in.
Status take_in(ir::Graph& graph, ir::Value* input, nvinfer1::TensorFormat format);
/// The elements of a value in the order of a format, as a value of the same dimensions.
Result<ir::Value*> bring_out(ir::Graph& graph, ir::Value* value, nvinfer1::TensorFormat format);

/// Of a mask of one: that format.
nvinfer1::TensorFormat single_format(nvinfer1::TensorFormats mask);
/// Elements of a vector, 1 where there are none.
int32_t components_of(nvinfer1::TensorFormat format);
/// The dimension that vectors are of; -1 where there are none.
int32_t vectorized_dim(nvinfer1::TensorFormat format, int32_t rank);
/// How many vectors lie between neighbours of each dimension.
nvinfer1::Dims strides_of(nvinfer1::Dims dims, nvinfer1::TensorFormat format);

}  // namespace vivace::tensorrt
