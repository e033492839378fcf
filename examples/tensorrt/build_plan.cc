// Builds a plan from an ONNX model.
//
// usage: build_plan MODEL.onnx MODEL.plan [LARGEST]     LARGEST: of each free dimension, which may be 1 to that
#include <NvOnnxParser.h>

#include <memory>

#include "example.h"

using namespace nvinfer1;

int main(int argc, char** argv) {
  require(argc == 3 || argc == 4, "usage: build_plan MODEL.onnx MODEL.plan [LARGEST]");
  const int largest = argc == 4 ? std::atoi(argv[3]) : 8;

  Logger logger;
  std::unique_ptr<IBuilder> builder(createInferBuilder(logger));
  require(builder != nullptr, "creating the builder");
  const uint32_t flags = 1U << static_cast<uint32_t>(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH);
  std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(flags));
  std::unique_ptr<nvonnxparser::IParser> parser(nvonnxparser::createParser(*network, logger));
  if (!parser->parseFromFile(argv[1], static_cast<int>(ILogger::Severity::kWARNING))) {
    for (int i = 0; i < parser->getNbErrors(); ++i) std::fprintf(stderr, "%s\n", parser->getError(i)->desc());
    return 1;
  }

  std::unique_ptr<IBuilderConfig> config(builder->createBuilderConfig());
  config->setMemoryPoolLimit(MemoryPoolType::kWORKSPACE, size_t(256) << 20);
  IOptimizationProfile* profile = builder->createOptimizationProfile();
  bool is_dynamic = false;
  for (int i = 0; i < network->getNbInputs(); ++i) {
    ITensor* input = network->getInput(i);
    Dims least = input->getDimensions(), most = least;
    bool is_free = false;
    for (int d = 0; d < least.nbDims; ++d) {
      if (least.d[d] >= 0) continue;
      least.d[d] = 1;
      most.d[d] = largest;
      is_free = true;
    }
    if (!is_free) continue;
    is_dynamic = true;
    profile->setDimensions(input->getName(), OptProfileSelector::kMIN, least);
    profile->setDimensions(input->getName(), OptProfileSelector::kOPT, least);
    profile->setDimensions(input->getName(), OptProfileSelector::kMAX, most);
  }
  if (is_dynamic) require(config->addOptimizationProfile(profile) >= 0, "adding the profile");

  std::unique_ptr<IHostMemory> plan(builder->buildSerializedNetwork(*network, *config));
  require(plan != nullptr, "building the plan");
  write_file(argv[2], plan->data(), plan->size());
  std::printf("%s: %zu bytes\n", argv[2], plan->size());
  return 0;
}
