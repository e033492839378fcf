#include "tensorrt/types.h"

#include <algorithm>

namespace vivace::tensorrt {

namespace {

struct Pair {
  nvinfer1::DataType face;
  DType own;
};
constexpr Pair kTypes[] = {
    {nvinfer1::DataType::kFLOAT, DType::f32},    {nvinfer1::DataType::kHALF, DType::f16},
    {nvinfer1::DataType::kINT8, DType::i8},      {nvinfer1::DataType::kINT32, DType::i32},
    {nvinfer1::DataType::kBOOL, DType::boolean}, {nvinfer1::DataType::kUINT8, DType::u8},
    {nvinfer1::DataType::kFP8, DType::f8e4m3fn}, {nvinfer1::DataType::kBF16, DType::bf16},
    {nvinfer1::DataType::kINT64, DType::i64},    {nvinfer1::DataType::kINT4, DType::i4},
    {nvinfer1::DataType::kFP4, DType::f4e2m1},   {nvinfer1::DataType::kE8M0, DType::f8e8m0},
};

}  // namespace

DType to_dtype(nvinfer1::DataType type) {
  for (const Pair& pair : kTypes)
    if (pair.face == type) return pair.own;
  return DType::undefined;
}

nvinfer1::DataType to_data_type(DType type, bool* known) {
  for (const Pair& pair : kTypes) {
    if (pair.own != type) continue;
    if (known) *known = true;
    return pair.face;
  }
  if (known) *known = false;
  return nvinfer1::DataType::kFLOAT;
}

nvinfer1::Dims to_dims(const ir::Dims& dims, size_t skip) {
  nvinfer1::Dims made = no_dims();
  if (dims.size() < skip || dims.size() - skip > nvinfer1::Dims::MAX_DIMS) return made;
  made.nbDims = static_cast<int32_t>(dims.size() - skip);
  for (size_t i = skip; i < dims.size(); ++i)
    made.d[i - skip] = static_cast<nvinfer1::detail::Extent>(dims[i].known() ? dims[i].value() : -1);
  return made;
}

nvinfer1::Dims to_dims(const std::vector<int64_t>& sizes) {
  nvinfer1::Dims made = no_dims();
  if (sizes.size() > nvinfer1::Dims::MAX_DIMS) return made;
  made.nbDims = static_cast<int32_t>(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) made.d[i] = static_cast<nvinfer1::detail::Extent>(sizes[i]);
  return made;
}

std::vector<int64_t> to_vector(const nvinfer1::Dims& dims) {
  const int count = std::clamp<int>(dims.nbDims, 0, nvinfer1::Dims::MAX_DIMS);
  return {dims.d, dims.d + count};
}

}  // namespace vivace::tensorrt
