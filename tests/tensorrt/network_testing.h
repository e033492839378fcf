// A network built through the interface, and run.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tensorrt/network.h"

namespace vivace::tensorrt {

/// Keeps what is logged.
class Log final : public nvinfer1::ILogger {
 public:
  void log(Severity severity, nvinfer1::AsciiChar const* text) noexcept override {
    if (severity <= Severity::kERROR) errors.emplace_back(text);
  }
  std::vector<std::string> errors;
  bool says(const std::string& part) const {
    for (const std::string& error : errors)
      if (error.find(part) != std::string::npos) return true;
    return false;
  }
};

inline nvinfer1::Dims dims(const std::vector<int64_t>& sizes) { return to_dims(sizes); }

/// Weights over a vector that outlives them.
inline nvinfer1::Weights weights(const std::vector<float>& values) {
  return {nvinfer1::DataType::kFLOAT, values.data(), static_cast<int64_t>(values.size())};
}
inline nvinfer1::Weights weights(const std::vector<int32_t>& values) {
  return {nvinfer1::DataType::kINT32, values.data(), static_cast<int64_t>(values.size())};
}

class NetworkTest : public testing::Test {
 protected:
  Log log;
  Network network{nullptr, &log, 1U << static_cast<int>(nvinfer1::NetworkDefinitionCreationFlag::kEXPLICIT_BATCH)};

  nvinfer1::ITensor& input(const std::string& name, const std::vector<int64_t>& sizes,
                           nvinfer1::DataType type = nvinfer1::DataType::kFLOAT) {
    return *network.addInput(name.c_str(), type, dims(sizes));
  }
  nvinfer1::ITensor& constant(const std::vector<int64_t>& sizes, const std::vector<float>& values) {
    return *network.addConstant(dims(sizes), weights(keep(values)))->getOutput(0);
  }
  nvinfer1::ITensor& integers(const std::vector<int64_t>& sizes, const std::vector<int32_t>& values) {
    kept_integers_.push_back(std::make_unique<std::vector<int32_t>>(values));
    return *network.addConstant(dims(sizes), weights(*kept_integers_.back()))->getOutput(0);
  }
  /// Memory that lasts as long as the test.
  const std::vector<float>& keep(const std::vector<float>& values) {
    kept_.push_back(std::make_unique<std::vector<float>>(values));
    return *kept_.back();
  }

  /// Builds an engine and runs it on these inputs, in order; its outputs are what is marked.
  std::vector<vivace::Tensor> run(const std::vector<vivace::Tensor>& inputs);
  static vivace::Tensor floats(Shape shape, const std::vector<float>& values) {
    return vivace::Tensor::of<float>(std::span<const float>(values), std::move(shape));
  }

  /// Marks a layer's output, runs, and compares with what is expected, and with the dimensions the tensor told.
  void expect(nvinfer1::ILayer* layer, const std::vector<vivace::Tensor>& inputs, const Shape& shape,
              const std::vector<double>& values, int output = 0);

 private:
  std::vector<std::unique_ptr<std::vector<float>>> kept_;
  std::vector<std::unique_ptr<std::vector<int32_t>>> kept_integers_;
};

}  // namespace vivace::tensorrt
