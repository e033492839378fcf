// Builds a small network layer by layer, y = softmax(relu(x) * w + b) for any number of rows, runs it and checks it.
//
// usage: network
#include <algorithm>
#include <cmath>
#include <memory>

#include "example.h"

using namespace nvinfer1;

namespace {

const int kInputs = 4, kOutputs = 3, kRows = 2, kLargest = 16;

Weights weights_of(const std::vector<float>& values) {
  return Weights{DataType::kFLOAT, values.data(), static_cast<int64_t>(values.size())};
}

std::vector<float> expected(const std::vector<float>& x, const std::vector<float>& w, const std::vector<float>& b) {
  std::vector<float> y(kRows * kOutputs);
  for (int row = 0; row < kRows; ++row) {
    float sum = 0;
    for (int out = 0; out < kOutputs; ++out) {
      float value = b[out];
      for (int in = 0; in < kInputs; ++in) value += std::max(x[row * kInputs + in], 0.0f) * w[in * kOutputs + out];
      sum += y[row * kOutputs + out] = std::exp(value);
    }
    for (int out = 0; out < kOutputs; ++out) y[row * kOutputs + out] /= sum;
  }
  return y;
}

}  // namespace

int main() {
  std::vector<float> w(kInputs * kOutputs), b(kOutputs), x(kRows * kInputs), y(kRows * kOutputs);
  for (size_t i = 0; i < w.size(); ++i) w[i] = 0.1f * static_cast<float>(i) - 0.5f;
  for (size_t i = 0; i < b.size(); ++i) b[i] = 0.2f * static_cast<float>(i);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) - 3.0f;

  Logger logger;
  std::unique_ptr<IBuilder> builder(createInferBuilder(logger));
  require(builder != nullptr, "creating the builder");
  const uint32_t flags = 1U << static_cast<uint32_t>(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH);
  std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(flags));
  ITensor* input = network->addInput("x", DataType::kFLOAT, Dims2(-1, kInputs));
  require(input != nullptr, "adding the input");
  ITensor* relu = network->addActivation(*input, ActivationType::kRELU)->getOutput(0);
  ITensor* kernel = network->addConstant(Dims2(kInputs, kOutputs), weights_of(w))->getOutput(0);
  ITensor* bias = network->addConstant(Dims2(1, kOutputs), weights_of(b))->getOutput(0);
  ITensor* product =
      network->addMatrixMultiply(*relu, MatrixOperation::kNONE, *kernel, MatrixOperation::kNONE)->getOutput(0);
  ITensor* sum = network->addElementWise(*product, *bias, ElementWiseOperation::kSUM)->getOutput(0);
  ISoftMaxLayer* softmax = network->addSoftMax(*sum);
  softmax->setAxes(1U << 1);
  softmax->getOutput(0)->setName("y");
  network->markOutput(*softmax->getOutput(0));

  std::unique_ptr<IBuilderConfig> config(builder->createBuilderConfig());
  IOptimizationProfile* profile = builder->createOptimizationProfile();
  profile->setDimensions("x", OptProfileSelector::kMIN, Dims2(1, kInputs));
  profile->setDimensions("x", OptProfileSelector::kOPT, Dims2(kRows, kInputs));
  profile->setDimensions("x", OptProfileSelector::kMAX, Dims2(kLargest, kInputs));
  require(config->addOptimizationProfile(profile) == 0, "adding the profile");
  std::unique_ptr<IHostMemory> plan(builder->buildSerializedNetwork(*network, *config));
  require(plan != nullptr, "building the plan");

  std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(plan->data(), plan->size()));
  require(engine != nullptr, "loading the plan");
  std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  cudaStream_t stream = nullptr;
  require(cudaStreamCreate(&stream), "creating a stream");
  DeviceArray device_x(x.size()), device_y(y.size());
  device_x.put(x.data(), stream);
  require(context->setInputShape("x", Dims2(kRows, kInputs)), "setting the shape of x");
  require(context->setTensorAddress("x", device_x.data()), "setting the address of x");
  require(context->setTensorAddress("y", device_y.data()), "setting the address of y");
  require(context->enqueueV3(stream), "running");
  device_y.get(y.data(), stream);
  require(cudaStreamSynchronize(stream), "waiting");
  require(cudaStreamDestroy(stream), "destroying the stream");

  const std::vector<float> right = expected(x, w, b);
  for (size_t i = 0; i < y.size(); ++i) {
    std::printf("%.4f%s", y[i], (i + 1) % kOutputs == 0 ? "\n" : " ");
    require(std::fabs(y[i] - right[i]) < 1e-5f, "comparing with the right result");
  }
  return 0;
}
