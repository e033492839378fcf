#include "tensorrt/tensor.h"

#include "tensorrt/network.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

void NetworkTensor::setName(char const* value) noexcept {
  if (value) name = value;
}

void NetworkTensor::setDimensions(nvinfer1::Dims const& dimensions) noexcept {
  if (producer)
    return network.report({Code::invalid_argument, "tensor '" + name +
                                                       "' is not an input; its dimensions follow from "
                                                       "its layer"});
  dims = dimensions;
  network.stale();
}

nvinfer1::Dims NetworkTensor::getDimensions() const noexcept { return network.dimensions_of(*this); }

void NetworkTensor::setType(nvinfer1::DataType value) noexcept {
  if (producer) return producer->set_output_type(index, to_dtype(value));
  type = to_dtype(value);
  network.stale();
}

nvinfer1::DataType NetworkTensor::getType() const noexcept { return network.type_of(*this); }

bool NetworkTensor::setDynamicRange(float min, float max) noexcept {
  if (!(min <= max)) return false;
  range_min_ = min;
  range_max_ = max;
  return range_set_ = true;
}

bool NetworkTensor::isNetworkInput() const noexcept { return !producer && network.is_input(*this); }
bool NetworkTensor::isNetworkOutput() const noexcept { return network.is_output(*this); }
bool NetworkTensor::isShapeTensor() const noexcept { return network.is_shape_tensor(*this); }
bool NetworkTensor::isExecutionTensor() const noexcept { return !isShapeTensor(); }

void NetworkTensor::setDimensionName(int32_t at, char const* value) noexcept {
  if (producer || at < 0 || at >= nvinfer1::Dims::MAX_DIMS) return;
  dim_names[static_cast<size_t>(at)] = value ? value : "";
  network.stale();
}

char const* NetworkTensor::getDimensionName(int32_t at) const noexcept {
  if (at < 0 || at >= nvinfer1::Dims::MAX_DIMS || dim_names[static_cast<size_t>(at)].empty()) return nullptr;
  return dim_names[static_cast<size_t>(at)].c_str();
}

}  // namespace vivace::tensorrt
