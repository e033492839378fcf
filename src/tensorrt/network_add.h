// What the add methods of a network share.
#pragma once

#include <string>

#include "tensorrt/network.h"

namespace vivace::tensorrt {

template <class E>
bool valid(E value) {
  return static_cast<int32_t>(value) >= 0 && static_cast<int32_t>(value) < nvinfer1::EnumMax<E>();
}

inline std::string numbered(const char* what, int64_t value) { return std::string(what) + " " + std::to_string(value); }

template <class L>
L* Network::make(nvinfer1::LayerType type, nvinfer1::ITensor* const* inputs, int32_t count, size_t outputs) {
  std::vector<NetworkTensor*> found;
  for (int32_t i = 0; inputs && i < count; ++i) {
    found.push_back(inputs[i] ? own(*inputs[i]) : nullptr);
    if (!found.back())
      return refuse("add", std::string(to_string(type)) + " layer: input " + std::to_string(i) +
                               (inputs[i] ? " belongs to another network" : " is null"));
  }
  return static_cast<L*>(keep(std::make_unique<L>(*this, type), found, outputs));
}

template <class L>
L* Network::make(nvinfer1::LayerType type, std::initializer_list<const nvinfer1::ITensor*> inputs, size_t outputs) {
  std::vector<nvinfer1::ITensor*> list;
  for (const nvinfer1::ITensor* input : inputs) list.push_back(const_cast<nvinfer1::ITensor*>(input));
  return make<L>(type, list.data(), static_cast<int32_t>(list.size()), outputs);
}

}  // namespace vivace::tensorrt
