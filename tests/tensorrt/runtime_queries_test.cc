// What engines, contexts and refitters tell, and the settings that they keep.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "tensorrt/runtime_testing.h"

namespace vivace::tensorrt {
namespace {

using nvinfer1::Dims;
using nvinfer1::OptProfileSelector;
using nvinfer1::TensorFormat;
using nvinfer1::TensorLocation;

// y = x reshaped as n says; n is a shape tensor.
std::vector<std::byte> reshape_plan() {
  Metadata metadata;
  metadata.bindings = {{"x", true, false, {2, 6}}, {"n", true, true, {2}}, {"y", false, false, {-1, -1}}};
  metadata.profiles.resize(1);
  metadata.profiles[0].values["n"] = {{1, 2}, {3, 4}, {12, 12}};
  return plan_bytes(R"((%x: f32[2,6], %n: i32[2]) {
    %m = Cast(%n) {to=7}
    %r = Relu(%x)
    %y = Reshape(%r, %m)
    return %y
  })",
                    {}, &metadata);
}

class RuntimeQueries : public ::testing::Test {
 protected:
  void load(const std::vector<std::byte>& bytes) {
    engine.reset(runtime->deserializeCudaEngine(bytes.data(), bytes.size()));
    ASSERT_TRUE(engine) << logger.errors;
    context.reset(engine->createExecutionContext());
    ASSERT_TRUE(context) << logger.errors;
  }
  TestLogger logger;
  std::unique_ptr<nvinfer1::IRuntime> runtime{nvinfer1::createInferRuntime(logger)};
  std::unique_ptr<nvinfer1::ICudaEngine> engine;
  std::unique_ptr<nvinfer1::IExecutionContext> context;
};

TEST_F(RuntimeQueries, ShapeTensors) {
  load(reshape_plan());
  EXPECT_TRUE(engine->isShapeBinding(1));
  EXPECT_FALSE(engine->isShapeBinding(0));
  EXPECT_TRUE(engine->isExecutionBinding(0));
  EXPECT_EQ(engine->getLocation(1), TensorLocation::kHOST);
  EXPECT_EQ(engine->getTensorLocation("x"), TensorLocation::kDEVICE);
  EXPECT_EQ(engine->getProfileTensorValues("n", 0, OptProfileSelector::kOPT)[1], 4);
  EXPECT_EQ(engine->getProfileTensorValuesV2("n", 0, OptProfileSelector::kMAX)[0], 12);
  EXPECT_EQ(engine->getProfileShapeValues(0, 1, OptProfileSelector::kMIN)[1], 2);
  EXPECT_EQ(engine->getProfileTensorValues("x", 0, OptProfileSelector::kOPT), nullptr);

  EXPECT_TRUE(context->allInputShapesSpecified());
  EXPECT_EQ(context->getMaxOutputSize("y"), -1);  // depends on the values
  const int32_t n[2] = {3, 4};
  int32_t read[2] = {};
  EXPECT_FALSE(context->setInputShapeBinding(0, n));
  ASSERT_TRUE(context->setInputShapeBinding(1, n));
  ASSERT_TRUE(context->getShapeBinding(1, read));
  EXPECT_EQ(read[1], 4);
  struct Allocator : nvinfer1::IOutputAllocator {
    void* reallocateOutput(char const*, void*, uint64_t, uint64_t) noexcept override { return memory; }
    void notifyShape(char const*, Dims const& dims) noexcept override { shape = dims; }
    float memory[12] = {};
    Dims shape{};
  } allocator;
  float x[12];
  for (int i = 0; i < 12; ++i) x[i] = static_cast<float>(i - 3);
  ASSERT_TRUE(context->setTensorAddress("x", x));
  ASSERT_TRUE(context->setOutputAllocator("y", &allocator));
  ASSERT_TRUE(context->enqueueV3(nullptr)) << logger.errors;
  EXPECT_EQ(allocator.shape.nbDims, 2);
  EXPECT_EQ(allocator.shape.d[0], 3);
  EXPECT_EQ(allocator.memory[0], 0);
  EXPECT_EQ(allocator.memory[11], 8);
}

TEST_F(RuntimeQueries, Formats) {
  load(plan_bytes("(%x: f16[2,3]) { %y = Relu(%x) %z = Cast(%y) {to=7} return %y, %z }"));
  EXPECT_EQ(engine->getBindingDataType(0), nvinfer1::DataType::kHALF);
  EXPECT_EQ(engine->getTensorDataType("z"), nvinfer1::DataType::kINT32);  // 64 bits for clients from 9 on
  EXPECT_EQ(engine->getBindingBytesPerComponent(2), 4);
  EXPECT_EQ(engine->getBindingComponentsPerElement(0), 1);
  EXPECT_EQ(engine->getTensorComponentsPerElement("x"), 1);
  EXPECT_EQ(engine->getTensorComponentsPerElement("nobody"), -1);
  EXPECT_EQ(engine->getBindingVectorizedDim(0), -1);
  EXPECT_EQ(engine->getTensorVectorizedDim("x"), -1);
  EXPECT_EQ(engine->getBindingFormat(0), TensorFormat::kLINEAR);
  EXPECT_EQ(engine->getTensorFormat("x"), TensorFormat::kLINEAR);
  EXPECT_STREQ(engine->getTensorFormatDesc("x"), "Row major linear FP16");
  EXPECT_STREQ(engine->getBindingFormatDesc(2), "Row major linear INT32");
  EXPECT_EQ(engine->getAliasedInputTensor("y"), nullptr);
  EXPECT_EQ(context->getMaxOutputSize("z"), 24);
  EXPECT_EQ(context->getStrides(1).d[0], 3);
}

TEST_F(RuntimeQueries, Memory) {
  load(
      plan_bytes("(%x: f32[64,64]) { %a = MatMul(%x, const f32[64,64] random(1)) %y = Softmax(%a) %z = MatMul(%y, %a) "
                 "return %z }"));
  EXPECT_GE(engine->getEngineStat(nvinfer1::EngineStat::kTOTAL_WEIGHTS_SIZE), 64 * 64 * 4);
  EXPECT_GE(engine->getDeviceMemorySize(), 64U * 64 * 4);
  EXPECT_EQ(engine->getDeviceMemorySizeV2(), static_cast<int64_t>(engine->getDeviceMemorySizeForProfile(0)));
  EXPECT_EQ(engine->getDeviceMemorySizeForProfileV2(0), engine->getDeviceMemorySizeV2());
  EXPECT_EQ(context->updateDeviceMemorySizeForShapes(), engine->getDeviceMemorySize());
  EXPECT_EQ(engine->getStreamableWeightsSize(), 0);
  EXPECT_FALSE(engine->setWeightStreamingBudgetV2(0));  // not built for it
  EXPECT_TRUE(logger.told("kWEIGHT_STREAMING")) << logger.errors;
  EXPECT_EQ(engine->getWeightStreamingBudgetV2(), 0);
  EXPECT_EQ(engine->getWeightStreamingAutomaticBudget() + engine->getWeightStreamingScratchMemorySize() +
                engine->getWeightStreamingBudget() + engine->getMinimumWeightStreamingBudget(),
            0);
  // A context runs in the memory that the client gives, and in no other.
  const std::unique_ptr<nvinfer1::IExecutionContext> other(engine->createExecutionContextWithoutDeviceMemory());
  struct alignas(64) Line {
    char bytes[64] = {};
  };
  std::vector<Line> memory(engine->getDeviceMemorySize() / sizeof(Line) + 1);
  const auto size = static_cast<int64_t>(engine->getDeviceMemorySize());
  std::vector<float> x(64 * 64, 1), z(64 * 64), same(64 * 64);
  void* bindings[] = {x.data(), z.data()};
  EXPECT_FALSE(other->executeV2(bindings));
  EXPECT_TRUE(logger.told("setDeviceMemoryV2")) << logger.errors;
  other->setDeviceMemoryV2(memory.data(), size - 1);
  EXPECT_FALSE(other->executeV2(bindings));
  logger.errors.clear();
  other->setDeviceMemoryV2(memory.data()->bytes + 1, size);
  EXPECT_TRUE(logger.told("multiple of 64")) << logger.errors;
  other->setDeviceMemoryV2(memory.data(), size);
  ASSERT_TRUE(other->executeV2(bindings)) << logger.errors;
  const auto written = [](const Line& line) {
    return std::any_of(line.bytes, line.bytes + 64, [](char c) { return c; });
  };
  EXPECT_TRUE(std::any_of(memory.begin(), memory.end(), written));
  other->setDeviceMemory(memory.data());
  ASSERT_TRUE(other->executeV2(bindings)) << logger.errors;
  logger.errors.clear();
  context->setDeviceMemory(memory.data());
  EXPECT_TRUE(logger.told("kUSER_MANAGED")) << logger.errors;
  bindings[1] = same.data();
  ASSERT_TRUE(context->executeV2(bindings));
  EXPECT_EQ(z, same);
  EXPECT_EQ(other->getRuntimeConfig()->getExecutionContextAllocationStrategy(),
            nvinfer1::ExecutionContextAllocationStrategy::kUSER_MANAGED);
}

TEST_F(RuntimeQueries, SettingsAreKept) {
  load(plan_bytes("(%x: f32[2]) { %y = Neg(%x) return %y }"));
  context->setNvtxVerbosity(nvinfer1::ProfilingVerbosity::kDETAILED);
  EXPECT_EQ(context->getNvtxVerbosity(), nvinfer1::ProfilingVerbosity::kDETAILED);
  context->setPersistentCacheLimit(7);
  EXPECT_EQ(context->getPersistentCacheLimit(), 7U);
  context->setDebugSync(true);
  EXPECT_TRUE(context->getDebugSync());
  EXPECT_TRUE(context->setDebugListener(nullptr));
  EXPECT_EQ(context->getDebugListener(), nullptr);
  EXPECT_FALSE(context->setTensorDebugState("x", true));
  EXPECT_TRUE(logger.told("markDebug")) << logger.errors;
  EXPECT_TRUE(context->setAllTensorsDebugState(true));
  EXPECT_FALSE(context->setUnfusedTensorsDebugState(true));
  EXPECT_FALSE(context->getDebugState("x") || context->getUnfusedTensorsDebugState() || engine->isDebugTensor("x"));
  EXPECT_TRUE(context->setInputConsumedEvent(nullptr));
  EXPECT_EQ(context->getInputConsumedEvent(), nullptr);
  EXPECT_TRUE(context->setTemporaryStorageAllocator(nullptr));
  EXPECT_EQ(context->getTemporaryStorageAllocator(), nullptr);
  context->setAuxStreams(nullptr, 0);
  EXPECT_EQ(engine->getNbAuxStreams(), 0);
  EXPECT_EQ(context->getProfiler(), nullptr);
  EXPECT_TRUE(context->getEnqueueEmitsProfile());
  EXPECT_EQ(context->getOptimizationProfile(), 0);
  float x[2] = {};
  ASSERT_TRUE(context->setTensorAddress("y", x));
  EXPECT_EQ(context->getTensorAddress("y"), x);
  EXPECT_EQ(context->getOutputTensorAddress("y"), x);
  EXPECT_EQ(context->getOutputTensorAddress("x"), nullptr);

  const std::unique_ptr<nvinfer1::IRuntimeConfig> config(engine->createRuntimeConfig());
  config->setExecutionContextAllocationStrategy(nvinfer1::ExecutionContextAllocationStrategy::kON_PROFILE_CHANGE);
  const std::unique_ptr<nvinfer1::IExecutionContext> other(engine->createExecutionContext(config.get()));
  EXPECT_EQ(other->getRuntimeConfig()->getExecutionContextAllocationStrategy(),
            nvinfer1::ExecutionContextAllocationStrategy::kON_PROFILE_CHANGE);
  const std::unique_ptr<nvinfer1::ISerializationConfig> how(engine->createSerializationConfig());
  how->setFlag(nvinfer1::SerializationFlag::kINCLUDE_REFIT);
  EXPECT_EQ(how->getFlags(), 4U);
  how->clearFlag(nvinfer1::SerializationFlag::kINCLUDE_REFIT);
  EXPECT_FALSE(how->getFlag(nvinfer1::SerializationFlag::kINCLUDE_REFIT));
  const std::unique_ptr<nvinfer1::IHostMemory> bytes(engine->serializeWithConfig(*how)), same(engine->serialize());
  ASSERT_TRUE(bytes && same);
  EXPECT_EQ(bytes->size(), same->size());

  runtime->setTemporaryDirectory("/somewhere");
  EXPECT_STREQ(runtime->getTemporaryDirectory(), "/somewhere");
  runtime->setTempfileControlFlags(1);
  EXPECT_EQ(runtime->getTempfileControlFlags(), 1U);
  runtime->setEngineHostCodeAllowed(true);
  EXPECT_TRUE(runtime->getEngineHostCodeAllowed());
  const std::unique_ptr<nvinfer1::IEngineInspector> inspector(engine->createEngineInspector());
  EXPECT_TRUE(inspector->setExecutionContext(context.get()));
  EXPECT_EQ(inspector->getExecutionContext(), context.get());
}

TEST_F(RuntimeQueries, RefittersTellWhatTheyHave) {
  Metadata metadata;
  metadata.bindings = {{"x", true, false, {1, 2}}, {"y", false, false, {1, 2}}};
  metadata.profiles.resize(1);
  metadata.refittable = true;
  load(plan_bytes("(%x: f32[1,2]) { %w = const f32[2,2] {1, 0, 0, 1} %y = MatMul(%x, %w) \"fc\" return %y }", {},
                  &metadata));
  const std::unique_ptr<nvinfer1::IRefitter> refitter(nvinfer1::createInferRefitter(*engine, logger));
  const char* layer = nullptr;
  nvinfer1::WeightsRole role{};
  ASSERT_EQ(refitter->getAll(1, &layer, &role), 1);
  EXPECT_STREQ(layer, "fc");
  EXPECT_EQ(role, nvinfer1::WeightsRole::kKERNEL);
  EXPECT_EQ(refitter->getMissing(0, nullptr, nullptr), 0);
  EXPECT_EQ(refitter->getMissingWeights(0, nullptr), 0);
  EXPECT_EQ(refitter->getWeightsPrototype("w").count, 4);
  EXPECT_EQ(refitter->getNamedWeights("w").values, nullptr);
  const float w[4] = {2, 0, 0, 2};
  ASSERT_TRUE(refitter->setNamedWeights("w", {nvinfer1::DataType::kFLOAT, w, 4}, TensorLocation::kHOST));
  EXPECT_EQ(refitter->getNamedWeights("w").values, w);
  EXPECT_EQ(refitter->getWeightsLocation("w"), TensorLocation::kHOST);
  EXPECT_TRUE(refitter->unsetNamedWeights("w"));
  EXPECT_FALSE(refitter->unsetNamedWeights("w"));
  ASSERT_TRUE(refitter->setNamedWeights("w", {nvinfer1::DataType::kFLOAT, w, 4}));
  refitter->setWeightsValidation(false);
  EXPECT_FALSE(refitter->getWeightsValidation());
  EXPECT_FALSE(refitter->setDynamicRange("x", 0, 1));
  EXPECT_TRUE(std::isnan(refitter->getDynamicRangeMin("x")) && std::isnan(refitter->getDynamicRangeMax("x")));
  EXPECT_EQ(refitter->getTensorsWithDynamicRange(0, nullptr), 0);
  ASSERT_TRUE(refitter->refitCudaEngineAsync(nullptr));
  float x[2] = {1, 2}, y[2] = {};
  void* bindings[] = {x, y};
  ASSERT_TRUE(context->executeV2(bindings));
  EXPECT_EQ(y[1], 4);
}

}  // namespace
}  // namespace vivace::tensorrt
