// The C++ fragments of document 003 in a program around them: STEPS_* are files with the code that the document
// prints, its slips of the pen corrected. The document's Caffe parser is a class of ours, which fills the network by
// the document's "low-level" calls: a pooling layer.
#include <NvInfer.h>
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

using namespace nvinfer1;

namespace {

class Logger : public ILogger {
 public:
  void log(Severity severity, const char* message) noexcept override {
    if (severity <= Severity::kWARNING) fprintf(stderr, "%s\n", message);
  }
} gLogger;

#define CHECK(condition)                                              \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                   \
    }                                                                 \
  } while (false)

class Blobs {
 public:
  std::map<std::string, ITensor*> tensors;
  ITensor* find(const char* name) const { return tensors.at(name); }
};

class CaffeParser {
 public:
  Blobs* parse(const char*, const char*, INetworkDefinition& definition, DataType) {
    INetworkDefinition* network = &definition;
#include STEPS_LAYERS
    CHECK(in && pool);
    pool->setStrideNd(Dims2{2, 2});
    pool->getOutput(0)->setName("prob");
    blobs_.tensors["prob"] = pool->getOutput(0);
    return &blobs_;
  }

 private:
  Blobs blobs_;
};

std::vector<char> build() {
  const std::string trained_file = "net.caffemodel";
#include STEPS_BUILD
  CHECK(engine);
  IHostMemory* plan = engine->serialize();
  CHECK(plan);
  const char* data = static_cast<const char*>(plan->data());
  std::vector<char> bytes(data, data + plan->size());
  plan->destroy();
  engine->destroy();
  network->destroy();
  builder->destroy();
  return bytes;
}

}  // namespace

// usage: steps BATCH INPUT.raw OUTPUT.raw PLAN
int main(int argc, char** argv) {
  CHECK(argc == 5);
  const int batchSize = std::atoi(argv[1]);
  const std::vector<char> plan = build();
  std::ofstream(argv[4], std::ios::binary).write(plan.data(), plan.size());
  const void* modelData = plan.data();
  const size_t modelSize = plan.size();
#include STEPS_RUNTIME
  CHECK(engine);

  const char* INPUT_LAYER_NAME = "input";
  const char* OUTPUT_LAYER_NAME = "prob";
  const size_t size_of_single_input = 4 * 8 * 8 * sizeof(float), size_of_single_output = size_of_single_input / 4;
  std::vector<char> input_bytes(batchSize * size_of_single_input), output_bytes(batchSize * size_of_single_output);
  CHECK(std::ifstream(argv[2], std::ios::binary).read(input_bytes.data(), input_bytes.size()));
  void* input = input_bytes.data();
  void* output = output_bytes.data();
#include STEPS_DEPLOY
  std::ofstream(argv[3], std::ios::binary).write(output_bytes.data(), output_bytes.size());
  CHECK(cudaFree(buffers[inputIndex]) == cudaSuccess && cudaFree(buffers[outputIndex]) == cudaSuccess);
  free(buffers);
  context->destroy();
  engine->destroy();
  runtime->destroy();
  return 0;
}
