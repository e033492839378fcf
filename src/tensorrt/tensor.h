// Tensors of a network definition.
#pragma once

#include <array>
#include <string>

#include "NvInfer.h"
#include "base/dtype.h"

namespace vivace::tensorrt {

class Layer;
class Network;

class NetworkTensor final : public nvinfer1::ITensor {
 public:
  /// `producer` is null for an input of the network.
  NetworkTensor(Network& network, Layer* producer, int index, std::string name)
      : network(network), producer(producer), index(index), name(std::move(name)) {}

  Network& network;
  Layer* const producer;
  const int index;  // which output of the producer
  std::string name;
  // Of an input: what is bound, and what layers see where setType() only changed how exact it is.
  DType type = DType::undefined, computed = DType::undefined;
  nvinfer1::Dims dims{};
  std::array<std::string, nvinfer1::Dims::MAX_DIMS> dim_names;
  nvinfer1::TensorFormats formats = 1U << static_cast<int>(nvinfer1::TensorFormat::kLINEAR);

  void setName(char const* name) noexcept override;
  char const* getName() const noexcept override { return name.c_str(); }
  void setDimensions(nvinfer1::Dims const& dimensions) noexcept override;
  nvinfer1::Dims getDimensions() const noexcept override;
  void setType(nvinfer1::DataType type) noexcept override;
  nvinfer1::DataType getType() const noexcept override;
  bool setDynamicRange(float min, float max) noexcept override;
  bool isNetworkInput() const noexcept override;
  bool isNetworkOutput() const noexcept override;
  void setBroadcastAcrossBatch(bool broadcastAcrossBatch) noexcept override { broadcast_ = broadcastAcrossBatch; }
  bool getBroadcastAcrossBatch() const noexcept override { return broadcast_; }
  nvinfer1::TensorLocation getLocation() const noexcept override { return location_; }
  void setLocation(nvinfer1::TensorLocation location) noexcept override { location_ = location; }
  bool dynamicRangeIsSet() const noexcept override { return range_set_; }
  void resetDynamicRange() noexcept override { range_set_ = false; }
  float getDynamicRangeMin() const noexcept override { return range_min_; }
  float getDynamicRangeMax() const noexcept override { return range_max_; }
  void setAllowedFormats(nvinfer1::TensorFormats value) noexcept override { formats = value; }
  nvinfer1::TensorFormats getAllowedFormats() const noexcept override { return formats; }
  bool isShapeTensor() const noexcept override;
  bool isExecutionTensor() const noexcept override;
  void setDimensionName(int32_t index, char const* name) noexcept override;
  char const* getDimensionName(int32_t index) const noexcept override;

 private:
  nvinfer1::TensorLocation location_ = nvinfer1::TensorLocation::kDEVICE;
  bool broadcast_ = false, range_set_ = false;
  float range_min_ = 0, range_max_ = 0;
};

}  // namespace vivace::tensorrt
