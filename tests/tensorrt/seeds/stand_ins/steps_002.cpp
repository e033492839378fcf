// The C++ steps of document 002 in a program around them: STEPS_* are files with the lines that the document prints.
// Names that come from TensorRT's samples are declared here as the document uses them.
#include <NvInfer.h>
#include <NvOnnxParser.h>
#include <cuda_runtime_api.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

using namespace nvinfer1;

namespace samplesCommon {
struct InferDeleter {
  template <class T>
  void operator()(T* object) const {
    delete object;
  }
};
}  // namespace samplesCommon

template <class T>
using SampleUniquePtr = std::unique_ptr<T, samplesCommon::InferDeleter>;

namespace sample {
class Logger : public ILogger {
 public:
  void log(Severity severity, const char* message) noexcept override {
    if (severity <= Severity::kWARNING) fprintf(stderr, "%s\n", message);
  }
  ILogger& getTRTLogger() { return *this; }
} gLogger;
}  // namespace sample

// "using Dims = Dims32", with what the document says about it.
static_assert(std::is_same<Dims, Dims32>::value, "Dims");
static_assert(Dims32::MAX_DIMS == 8, "MAX_DIMS");
static_assert(std::is_same<decltype(Dims32::nbDims), int32_t>::value, "nbDims");
static_assert(std::is_same<decltype(Dims32::d), int32_t[Dims32::MAX_DIMS]>::value, "d");

namespace {

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                   \
    }                                                                 \
  } while (false)

int64_t volume(const Dims& dims) {
  int64_t count = 1;
  for (int i = 0; i < dims.nbDims; ++i) count *= dims.d[i];
  return count;
}

// "3 memory for inputs and outputs, 4 copies, 5 enqueueV2(), 6 wait for the stream, 7 compare"
void infer(ICudaEngine& engine, int batch, const std::vector<float>& input, std::vector<float>& output) {
  SampleUniquePtr<IExecutionContext> context(engine.createExecutionContext());
  CHECK(context);
  Dims dims = engine.getBindingDimensions(0);
  dims.d[0] = batch;
  CHECK(context->setBindingDimensions(0, dims));
  CHECK(context->allInputDimensionsSpecified());
  output.resize(volume(context->getBindingDimensions(1)));
  CHECK(input.size() == static_cast<size_t>(volume(dims)));
  void* buffers[2];
  CHECK(cudaMalloc(&buffers[0], input.size() * sizeof(float)) == cudaSuccess);
  CHECK(cudaMalloc(&buffers[1], output.size() * sizeof(float)) == cudaSuccess);
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream) == cudaSuccess);
  CHECK(cudaMemcpyAsync(buffers[0], input.data(), input.size() * sizeof(float), cudaMemcpyHostToDevice, stream) ==
        cudaSuccess);
  CHECK(context->enqueueV2(buffers, stream, nullptr));
  CHECK(cudaMemcpyAsync(output.data(), buffers[1], output.size() * sizeof(float), cudaMemcpyDeviceToHost, stream) ==
        cudaSuccess);
  CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
  CHECK(cudaStreamDestroy(stream) == cudaSuccess);
  for (void* buffer : buffers) CHECK(cudaFree(buffer) == cudaSuccess);
}

}  // namespace

// usage: steps MODEL.onnx BATCH INPUT.raw OUTPUT.raw PLAN
int main(int argc, char** argv) {
  CHECK(argc == 6);
  const int batch = std::stoi(argv[2]);
  SampleUniquePtr<IBuilder> builder(createInferBuilder(sample::gLogger.getTRTLogger()));
  SampleUniquePtr<INetworkDefinition> network(
      builder->createNetworkV2(1U << static_cast<uint32_t>(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH)));
  SampleUniquePtr<nvonnxparser::IParser> parser(nvonnxparser::createParser(*network, sample::gLogger.getTRTLogger()));
  CHECK(parser->parseFromFile(argv[1], static_cast<int>(ILogger::Severity::kWARNING)));
  SampleUniquePtr<IBuilderConfig> config(builder->createBuilderConfig());

  // The batch is free, in the range of a profile.
  Dims dims = network->getInput(0)->getDimensions();
  CHECK(dims.d[0] == -1);
  IOptimizationProfile* profile = builder->createOptimizationProfile();
  const int batches[] = {1, 2, 8};
  const OptProfileSelector ends[] = {OptProfileSelector::kMIN, OptProfileSelector::kOPT, OptProfileSelector::kMAX};
  for (int i = 0; i < 3; ++i) {
    dims.d[0] = batches[i];
    CHECK(profile->setDimensions(network->getInput(0)->getName(), ends[i], dims));
  }
  CHECK(config->addOptimizationProfile(profile) == 0);
  builder->setMaxBatchSize(8);

#include STEPS_CONFIG

  std::ifstream file(argv[3], std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const float* first = reinterpret_cast<const float*>(bytes.data());
  const std::vector<float> input(first, first + bytes.size() / sizeof(float));
  std::vector<float> one, other;

  {
#include STEPS_DECLARE
#include STEPS_ENGINE
    CHECK(mEngine);
    infer(*mEngine, batch, input, one);
  }
  {
    std::shared_ptr<nvinfer1::ICudaEngine> mEngine;
#include STEPS_PLAN
    CHECK(mEngine);
    infer(*mEngine, batch, input, other);
    std::ofstream(argv[5], std::ios::binary).write(static_cast<const char*>(plan->data()), plan->size());
  }
  // Two builds may pick different kernels, which add up in different orders.
  CHECK(one.size() == other.size());
  for (size_t i = 0; i < one.size(); ++i) CHECK(std::fabs(one[i] - other[i]) <= 1e-3f * (1 + std::fabs(one[i])));
  std::ofstream(argv[4], std::ios::binary).write(reinterpret_cast<const char*>(one.data()), one.size() * sizeof(float));
  return 0;
}
