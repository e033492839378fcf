// Runs a plan once, by the names of its tensors.
//
// usage: run_plan MODEL.plan [INPUT.raw [OUTPUT.raw [BATCH]]]
// INPUT.raw are the floats of the first input; without it and for other inputs, ones. Free dimensions are BATCH (1).
#include <memory>

#include "example.h"

using namespace nvinfer1;

int main(int argc, char** argv) {
  require(argc >= 2 && argc <= 5, "usage: run_plan MODEL.plan [INPUT.raw [OUTPUT.raw [BATCH]]]");
  const int batch = argc > 4 ? std::atoi(argv[4]) : 1;

  Logger logger;
  std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  require(runtime != nullptr, "creating the runtime");
  const std::vector<char> plan = read_file(argv[1]);
  std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(plan.data(), plan.size()));
  require(engine != nullptr, "loading the plan");
  std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  require(context != nullptr, "creating a context");
  cudaStream_t stream = nullptr;
  require(cudaStreamCreate(&stream), "creating a stream");

  // The shapes of the inputs first: those of the outputs follow from them.
  for (int i = 0; i < engine->getNbIOTensors(); ++i) {
    const char* name = engine->getIOTensorName(i);
    if (engine->getTensorIOMode(name) != TensorIOMode::kINPUT) continue;
    Dims dims = engine->getTensorShape(name);
    for (int d = 0; d < dims.nbDims; ++d)
      if (dims.d[d] < 0) dims.d[d] = batch;
    require(context->setInputShape(name, dims), std::string("setting the shape of ") + name);
  }

  std::vector<DeviceArray> arrays;
  std::vector<std::string> outputs;
  std::vector<std::vector<float>> results;
  std::vector<size_t> places;
  bool is_first = true;
  for (int i = 0; i < engine->getNbIOTensors(); ++i) {
    const char* name = engine->getIOTensorName(i);
    require(engine->getTensorDataType(name) == DataType::kFLOAT, std::string(name) + " is of floats");
    std::vector<float> host(static_cast<size_t>(volume(context->getTensorShape(name))), 1.0f);
    arrays.emplace_back(host.size());
    require(context->setTensorAddress(name, arrays.back().data()), std::string("setting the address of ") + name);
    if (engine->getTensorIOMode(name) == TensorIOMode::kOUTPUT) {
      outputs.push_back(name);
      results.push_back(host);
      places.push_back(arrays.size() - 1);
      continue;
    }
    if (is_first && argc > 2) {
      const std::vector<char> bytes = read_file(argv[2]);
      require(bytes.size() == host.size() * sizeof(float), std::string(argv[2]) + " has the size of " + name);
      const float* values = reinterpret_cast<const float*>(bytes.data());
      host.assign(values, values + host.size());
    }
    is_first = false;
    arrays.back().put(host.data(), stream);
    require(cudaStreamSynchronize(stream), "waiting for the input");
  }

  require(context->enqueueV3(stream), "running");
  for (size_t i = 0; i < results.size(); ++i) arrays[places[i]].get(results[i].data(), stream);
  require(cudaStreamSynchronize(stream), "waiting for the outputs");
  require(cudaStreamDestroy(stream), "destroying the stream");

  for (size_t i = 0; i < results.size(); ++i) {
    std::printf("%s:", outputs[i].c_str());
    for (size_t j = 0; j < results[i].size() && j < 5; ++j) std::printf(" %g", results[i][j]);
    std::printf("%s\n", results[i].size() > 5 ? " ..." : "");
  }
  if (argc > 3) write_file(argv[3], results[0].data(), results[0].size() * sizeof(float));
  return 0;
}
