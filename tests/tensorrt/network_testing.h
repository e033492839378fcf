// A network built through the interface, run by the reference kernels.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "ops/operator.h"
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

  /// Runs the network on these inputs, in order; its outputs are what is marked.
  std::vector<vivace::Tensor> run(const std::vector<vivace::Tensor>& inputs) {
    Result<std::unique_ptr<ir::Graph>> graph = network.to_graph();
    EXPECT_TRUE(graph.ok()) << graph.status().message();
    if (!graph.ok()) return {};
    EXPECT_TRUE(ir::verify(**graph).ok());
    Result<std::vector<vivace::Tensor>> made = ops::run_graph_reference(**graph, inputs);
    EXPECT_TRUE(made.ok()) << made.status().message();
    return made.ok() ? *made : std::vector<vivace::Tensor>();
  }
  static vivace::Tensor floats(Shape shape, const std::vector<float>& values) {
    return vivace::Tensor::of<float>(std::span<const float>(values), std::move(shape));
  }

  /// Marks a layer's output, runs, and compares with what is expected, and with the dimensions the tensor told.
  void expect(nvinfer1::ILayer* layer, const std::vector<vivace::Tensor>& inputs, const Shape& shape,
              const std::vector<double>& values, int output = 0) {
    ASSERT_NE(layer, nullptr);
    nvinfer1::ITensor* const tensor = layer->getOutput(output);
    while (network.getNbOutputs()) network.unmarkOutput(*network.getOutput(0));
    network.markOutput(*tensor);
    const nvinfer1::Dims told = tensor->getDimensions();
    const std::vector<vivace::Tensor> made = run(inputs);
    for (const std::string& error : log.errors) ADD_FAILURE() << error;
    ASSERT_EQ(made.size(), 1U);
    EXPECT_EQ(made[0].shape(), shape);
    ASSERT_EQ(told.nbDims, static_cast<int>(shape.size()));
    for (size_t i = 0; i < shape.size(); ++i)
      if (told.d[i] >= 0) {
        EXPECT_EQ(told.d[i], shape[i]);
      }
    EXPECT_EQ(to_data_type(made[0].type()), tensor->getType());
    std::vector<double> got;
    if (is_float(made[0].type()))
      got = to_double(made[0]);
    else if (made[0].type() == DType::boolean)
      for (const bool one : made[0].span<bool>()) got.push_back(one);
    else
      for (const int64_t one : to_int64(made[0])) got.push_back(static_cast<double>(one));
    ASSERT_EQ(got.size(), values.size());
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], values[i], 1e-4 * std::max(1.0, std::abs(values[i])));
  }

 private:
  std::vector<std::unique_ptr<std::vector<float>>> kept_;
  std::vector<std::unique_ptr<std::vector<int32_t>>> kept_integers_;
};

}  // namespace vivace::tensorrt
