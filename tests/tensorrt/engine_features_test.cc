// What a build's flags and a client's objects change: debug tensors, weights left out, budgets, allocators, algorithm
// selectors, calibrators, integers of 64 bits.
#include <bit>
#include <cstring>
#include <map>
#include <set>

#include "NvOnnxParser.h"
#include "onnx/model_writer.h"
#include "recording.h"

namespace vivace::tensorrt {
namespace {

using namespace nvinfer1;
using Severity = ILogger::Severity;

template <class T>
using Ptr = std::unique_ptr<T>;

constexpr int kSize = 32, kBytes = kSize * kSize * 4;

// 1, 2, ... times something.
std::vector<float> counted(float times) {
  std::vector<float> made(kSize);
  for (int i = 0; i < kSize; ++i) made[static_cast<size_t>(i)] = times * static_cast<float>(i + 1);
  return made;
}

class EngineFeatures : public testing::Test {
 protected:
  Recording logger;
  Ptr<IBuilder> builder{createInferBuilder(logger)};
  Ptr<IBuilderConfig> config{builder->createBuilderConfig()};
  Ptr<INetworkDefinition> network{builder->createNetworkV2(1U)};
  Ptr<IRuntime> runtime{createInferRuntime(logger)};
  std::vector<float> weights = std::vector<float>(kSize * kSize);
  Ptr<ICudaEngine> engine;
  Ptr<IExecutionContext> context;

  // y = softmax(relu(x) w), w twice the identity; "a" is relu(x), "b" its product.
  void chain() {
    for (size_t i = 0; i < kSize; ++i) weights[(kSize + 1) * i] = 2;
    const auto named = [](ILayer* layer, const char* name) {
      layer->setName(name);
      layer->getOutput(0)->setName(name);
      return layer->getOutput(0);
    };
    ITensor* x = network->addInput("x", DataType::kFLOAT, dims({1, kSize}));
    ITensor* a = named(network->addActivation(*x, ActivationType::kRELU), "a");
    const Weights w{DataType::kFLOAT, weights.data(), kSize * kSize};
    EXPECT_TRUE(network->setWeightsName(w, "w"));
    ITensor* k = named(network->addConstant(dims({kSize, kSize}), w), "k");
    ITensor* b = named(network->addMatrixMultiply(*a, MatrixOperation::kNONE, *k, MatrixOperation::kNONE), "b");
    ITensor* y = named(network->addSoftMax(*b), "y");
    network->markOutput(*y);
  }
  ITensor* tensor(const char* name) {
    for (int32_t i = 0; i < network->getNbLayers(); ++i)
      if (std::string(name) == network->getLayer(i)->getOutput(0)->getName()) return network->getLayer(i)->getOutput(0);
    return nullptr;
  }
  Ptr<IHostMemory> build() { return Ptr<IHostMemory>(builder->buildSerializedNetwork(*network, *config)); }
  bool load(const IHostMemory* memory) {
    context.reset();
    engine.reset(memory ? runtime->deserializeCudaEngine(memory->data(), memory->size()) : nullptr);
    if (engine) context.reset(engine->createExecutionContext());
    return context != nullptr;
  }
  // With x = {1, 2, ...}.
  std::vector<float> result(bool* ran = nullptr) {
    std::vector<float> x = counted(1), y(kSize);
    void* bindings[] = {x.data(), y.data()};
    const bool fine = context->executeV2(bindings);
    EXPECT_TRUE(fine || ran) << logger.errors();
    if (ran) *ran = fine;
    return y;
  }
};

struct Listener final : IDebugListener {
  bool processDebugTensor(const void* data, TensorLocation, DataType type, const Dims& shape, const char* name,
                          cudaStream_t) override {
    EXPECT_EQ(type, DataType::kFLOAT);
    const auto* values = static_cast<const float*>(data);
    seen[name] = {values, values + shape.d[0] * shape.d[1]};
    return accepts;
  }
  std::map<std::string, std::vector<float>> seen;
  bool accepts = true;
};

TEST_F(EngineFeatures, DebugTensorsAreShownToAListener) {
  chain();
  EXPECT_TRUE(network->markDebug(*network->getInput(0)));  // which nobody has to be shown
  EXPECT_TRUE(network->markDebug(*tensor("a")));
  EXPECT_TRUE(network->markDebug(*tensor("b")));
  EXPECT_TRUE(network->isDebugTensor(*tensor("b")));
  EXPECT_TRUE(network->unmarkDebug(*tensor("b")));
  EXPECT_FALSE(network->unmarkDebug(*tensor("b")));
  EXPECT_TRUE(network->markDebug(*tensor("y")));  // an output too
  ASSERT_TRUE(load(build().get())) << logger.errors();
  EXPECT_EQ(engine->getNbIOTensors(), 2);
  EXPECT_TRUE(engine->isDebugTensor("a") && engine->isDebugTensor("y"));
  EXPECT_FALSE(engine->isDebugTensor("b") || engine->isDebugTensor("x"));
  Listener listener;
  EXPECT_TRUE(context->setDebugListener(&listener));
  EXPECT_EQ(context->getDebugListener(), &listener);
  result();
  EXPECT_TRUE(listener.seen.empty());  // off until asked for
  EXPECT_TRUE(context->setTensorDebugState("a", true));
  EXPECT_TRUE(context->getDebugState("a"));
  const std::vector<float> y = result();
  ASSERT_EQ(listener.seen.size(), 1U);
  EXPECT_EQ(listener.seen["a"], counted(1));
  EXPECT_TRUE(context->setAllTensorsDebugState(true));
  result();
  EXPECT_EQ(listener.seen["y"], y);
  EXPECT_TRUE(context->setAllTensorsDebugState(false));
  EXPECT_FALSE(context->getDebugState("a"));
  EXPECT_TRUE(context->setTensorDebugState("a", true));
  listener.accepts = false;
  bool ran = true;
  result(&ran);
  EXPECT_FALSE(ran);
  EXPECT_TRUE(logger.has(Severity::kERROR, "debug listener"));
}

TEST_F(EngineFeatures, UnfusedTensorsAreShownToo) {
  chain();
  EXPECT_TRUE(network->markUnfusedTensorsAsDebugTensors());
  EXPECT_TRUE(network->unmarkUnfusedTensorsAsDebugTensors());
  ASSERT_TRUE(load(build().get()));
  EXPECT_FALSE(context->setUnfusedTensorsDebugState(true));
  network->markUnfusedTensorsAsDebugTensors();
  ASSERT_TRUE(load(build().get()));
  Listener listener;
  context->setDebugListener(&listener);
  result();
  EXPECT_TRUE(listener.seen.empty());
  EXPECT_TRUE(context->setUnfusedTensorsDebugState(true));
  EXPECT_TRUE(context->getUnfusedTensorsDebugState());
  result();
  EXPECT_EQ(listener.seen["b"], counted(2));
  EXPECT_FALSE(engine->isDebugTensor("b"));
  // The plan holds none of it; a second engine shows the same.
  ASSERT_TRUE(load(Ptr<IHostMemory>(engine->serialize()).get()));
  EXPECT_TRUE(context->setUnfusedTensorsDebugState(true));
}

TEST_F(EngineFeatures, AStrippedPlanIsFilledByARefitter) {
  chain();
  const Ptr<IHostMemory> full = build();
  ASSERT_TRUE(load(full.get()));
  EXPECT_EQ(engine->getEngineStat(EngineStat::kSTRIPPED_WEIGHTS_SIZE), -1);
  const std::vector<float> want = result();
  config->setFlag(BuilderFlag::kSTRIP_PLAN);
  const Ptr<IHostMemory> stripped = build();
  ASSERT_TRUE(stripped) << logger.errors();
  EXPECT_LT(stripped->size() + kBytes / 2, full->size());
  const auto foreign = plan::from_bytes({static_cast<const std::byte*>(stripped->data()), stripped->size()}, nullptr);
  EXPECT_EQ(foreign.status().code(), Code::unsupported);
  ASSERT_TRUE(load(stripped.get())) << logger.errors();
  EXPECT_TRUE(engine->isRefittable());
  EXPECT_EQ(engine->getEngineStat(EngineStat::kSTRIPPED_WEIGHTS_SIZE), kBytes);
  bool ran = true;
  result(&ran);
  EXPECT_FALSE(ran);
  EXPECT_TRUE(logger.has(Severity::kERROR, "IRefitter"));
  const Ptr<IHostMemory> again(engine->serialize());
  EXPECT_EQ(again->size(), stripped->size());

  const Ptr<IRefitter> refitter(createInferRefitter(*engine, logger));
  const char* name = nullptr;
  const char* layer = nullptr;
  WeightsRole role{};
  ASSERT_EQ(refitter->getMissingWeights(1, &name), 1);
  EXPECT_STREQ(name, "w");
  EXPECT_EQ(refitter->getMissing(1, &layer, &role), 1);
  EXPECT_EQ(role, WeightsRole::kKERNEL);
  EXPECT_FALSE(refitter->refitCudaEngine());
  EXPECT_TRUE(logger.has(Severity::kERROR, "'w' has none yet"));
  ASSERT_TRUE(refitter->setNamedWeights("w", {DataType::kFLOAT, weights.data(), kSize * kSize}));
  EXPECT_EQ(refitter->getMissingWeights(0, nullptr), 0);
  ASSERT_TRUE(refitter->refitCudaEngine()) << logger.errors();
  EXPECT_EQ(result(), want);

  // Serialized with weights, without, and for good.
  const Ptr<ISerializationConfig> how(engine->createSerializationConfig());
  const auto bytes = [&](SerializationFlags flags) {
    EXPECT_TRUE(how->setFlags(flags));
    return Ptr<IHostMemory>(engine->serializeWithConfig(*how));
  };
  const auto bit = [](SerializationFlag flag) { return 1U << static_cast<uint32_t>(flag); };
  const Ptr<IHostMemory> whole = bytes(bit(SerializationFlag::kINCLUDE_REFIT)), fixed = bytes(0),
                         none = bytes(bit(SerializationFlag::kEXCLUDE_WEIGHTS));
  EXPECT_LT(none->size() + kBytes / 2, whole->size());
  ASSERT_TRUE(load(whole.get())) << logger.errors();
  EXPECT_EQ(result(), want);
  EXPECT_TRUE(engine->isRefittable());
  ASSERT_TRUE(load(fixed.get()));
  EXPECT_EQ(result(), want);
  EXPECT_FALSE(engine->isRefittable());
  ASSERT_TRUE(load(none.get()));
  EXPECT_EQ(engine->getEngineStat(EngineStat::kSTRIPPED_WEIGHTS_SIZE), kBytes);
}

TEST_F(EngineFeatures, WeightsAreRefittableOneByOne) {
  chain();
  const auto refittable = [&] {
    EXPECT_TRUE(load(build().get())) << logger.errors();
    return engine->isRefittable();
  };
  config->setFlag(BuilderFlag::kREFIT_INDIVIDUAL);
  EXPECT_FALSE(refittable());
  EXPECT_TRUE(network->markWeightsRefittable("w"));
  EXPECT_TRUE(network->areWeightsMarkedRefittable("w"));
  EXPECT_TRUE(refittable());
  EXPECT_TRUE(network->unmarkWeightsRefittable("w"));
  EXPECT_TRUE(network->markWeightsRefittable("others"));
  EXPECT_TRUE(refittable());
  const Ptr<IRefitter> refitter(createInferRefitter(*engine, logger));
  EXPECT_EQ(refitter->getAllWeights(0, nullptr), 0);
  config->clearFlag(BuilderFlag::kREFIT_INDIVIDUAL);
  EXPECT_FALSE(refittable());
  config->setFlag(BuilderFlag::kREFIT_IDENTICAL);
  EXPECT_TRUE(refittable());
}

TEST_F(EngineFeatures, BudgetsOfWeights) {
  chain();
  config->setFlag(BuilderFlag::kWEIGHT_STREAMING);
  ASSERT_TRUE(load(build().get()));
  const int64_t all = engine->getStreamableWeightsSize();
  EXPECT_GE(all, kBytes);
  EXPECT_FALSE(engine->setWeightStreamingBudgetV2(0));  // there is a context
  EXPECT_TRUE(logger.has(Severity::kERROR, "no contexts"));
  context.reset();
  EXPECT_EQ(engine->getWeightStreamingBudgetV2(), all);
  EXPECT_EQ(engine->getWeightStreamingAutomaticBudget(), all);
  EXPECT_EQ(engine->getWeightStreamingScratchMemorySize(), 0);
  EXPECT_FALSE(engine->setWeightStreamingBudgetV2(-1));
  EXPECT_TRUE(engine->setWeightStreamingBudgetV2(10));
  EXPECT_EQ(engine->getWeightStreamingBudgetV2(), 10);
  EXPECT_EQ(engine->getWeightStreamingScratchMemorySize(), kBytes);
  EXPECT_EQ(engine->getDeviceMemorySizeV2(), static_cast<int64_t>(engine->getDeviceMemorySize()) + kBytes);
  EXPECT_TRUE(engine->setWeightStreamingBudgetV2(all));
  EXPECT_EQ(engine->getWeightStreamingScratchMemorySize(), 0);
  EXPECT_EQ(engine->getMinimumWeightStreamingBudget(), kBytes);
  EXPECT_FALSE(engine->setWeightStreamingBudget(kBytes - 1));
  EXPECT_TRUE(engine->setWeightStreamingBudget(kBytes));
  EXPECT_EQ(engine->getWeightStreamingBudget(), kBytes);
  EXPECT_TRUE(engine->setWeightStreamingBudget(0));
  EXPECT_EQ(engine->getWeightStreamingBudget(), 0);
  context.reset(engine->createExecutionContext());
  result();
}

// Gives memory of its own until it has given enough.
template <class Base>
struct Counting : Base {
  void* take(uint64_t size, uint64_t alignment) {
    if (taken.size() >= most) return nullptr;
    void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    taken.insert(memory);
    sizes.push_back(size);
    return memory;
  }
  bool give_back(void* memory) {
    EXPECT_EQ(taken.erase(memory), 1U);
    std::free(memory);
    return true;
  }
  std::set<void*> taken;
  std::vector<uint64_t> sizes;
  size_t most = 100;
};
struct Allocator final : Counting<IGpuAllocator> {
  void* allocate(uint64_t size, uint64_t alignment, AllocatorFlags) noexcept override { return take(size, alignment); }
  void free(void* memory) noexcept override { give_back(memory); }  // as clients of generation 8
};
struct AsyncAllocator final : Counting<IGpuAsyncAllocator> {
  void* allocateAsync(uint64_t size, uint64_t alignment, AllocatorFlags, cudaStream_t) noexcept override {
    return take(size, alignment);
  }
  bool deallocateAsync(void* memory, cudaStream_t) noexcept override { return give_back(memory); }
};

TEST_F(EngineFeatures, AllocatorsGiveTheMemoryOfEnginesAndContexts) {
  chain();
  const Ptr<IHostMemory> plan = build();
  Allocator allocator;
  runtime->setGpuAllocator(&allocator);
  ASSERT_TRUE(load(plan.get())) << logger.errors();
  ASSERT_EQ(allocator.sizes.size(), 2U);
  EXPECT_EQ(allocator.sizes[0], plan->size());
  EXPECT_GE(allocator.sizes[1], engine->getDeviceMemorySize());
  const std::vector<float> y = result();
  EXPECT_GT(y[kSize - 1], 0.8F);
  context.reset();
  EXPECT_EQ(allocator.taken.size(), 1U);
  allocator.most = 1;
  EXPECT_EQ(engine->createExecutionContext(), nullptr);
  EXPECT_TRUE(logger.has(Severity::kERROR, "no memory for the"));
  engine.reset();
  EXPECT_TRUE(allocator.taken.empty());
  allocator.most = 0;
  EXPECT_FALSE(load(plan.get()));
  EXPECT_TRUE(logger.has(Severity::kERROR, "the allocator gave no memory"));
  runtime->setGpuAllocator(nullptr);
  EXPECT_TRUE(load(plan.get()));

  AsyncAllocator async;
  builder->setGpuAllocator(&async);
  context.reset();
  engine.reset(builder->buildEngineWithConfig(*network, *config));
  ASSERT_TRUE(engine);
  context.reset(engine->createExecutionContext());
  EXPECT_EQ(async.taken.size(), 2U);
  EXPECT_EQ(result(), y);
  context.reset(engine->createExecutionContext(ExecutionContextAllocationStrategy::kUSER_MANAGED));
  EXPECT_EQ(async.taken.size(), 1U);  // that of the client's own
  context.reset();
  engine.reset();
  EXPECT_TRUE(async.taken.empty());
}

TEST_F(EngineFeatures, MemoryOfAProfile) {
  ITensor* x = network->addInput("x", DataType::kFLOAT, dims({-1, 64}));
  ITensor* y = network->addSoftMax(*x)->getOutput(0);
  for (int i = 0; i < 3; ++i)
    y = network->addSoftMax(*network->addElementWise(*y, *x, ElementWiseOperation::kPROD)->getOutput(0))->getOutput(0);
  network->markOutput(*y);
  for (const int rows : {4, 64}) {
    IOptimizationProfile* profile = builder->createOptimizationProfile();
    for (const auto select : {OptProfileSelector::kMIN, OptProfileSelector::kOPT, OptProfileSelector::kMAX})
      profile->setDimensions("x", select, dims({rows, 64}));
    config->addOptimizationProfile(profile);
  }
  const Ptr<IHostMemory> plan = build();
  Allocator allocator;
  runtime->setGpuAllocator(&allocator);
  ASSERT_TRUE(load(plan.get())) << logger.errors();
  const size_t small = engine->getDeviceMemorySizeForProfile(0), large = engine->getDeviceMemorySizeForProfile(1);
  EXPECT_GE(small, 4U * 64 * 4);
  EXPECT_LT(small * 4, large);
  EXPECT_EQ(engine->getDeviceMemorySize(), large);
  EXPECT_EQ(engine->getDeviceMemorySizeForProfileV2(1), engine->getDeviceMemorySizeV2());
  EXPECT_EQ(engine->getDeviceMemorySizeForProfile(2), 0U);
  EXPECT_GE(allocator.sizes.back(), large);
  context.reset(engine->createExecutionContext(ExecutionContextAllocationStrategy::kON_PROFILE_CHANGE));
  EXPECT_LT(allocator.sizes.back(), large);
  EXPECT_TRUE(context->setOptimizationProfileAsync(1, nullptr));
  EXPECT_GE(allocator.sizes.back(), large);
  EXPECT_TRUE(context->setInputShape("x", dims({64, 64})));
  EXPECT_EQ(context->updateDeviceMemorySizeForShapes(), large);
  context.reset();
  engine.reset();
}

// Offers are looked at, and the slowest is taken.
class Slowest final : public IAlgorithmSelector {
 public:
  int32_t selectAlgorithms(const IAlgorithmContext& layer, const IAlgorithm* const* choices, int32_t count,
                           int32_t* selection) noexcept override {
    EXPECT_GT(count, 0);
    asked.push_back(layer.getName());
    int32_t slowest = 0;
    for (int32_t i = 0; i < count; ++i) {
      EXPECT_GE(choices[i]->getTimingMSec(), 0);
      EXPECT_EQ(choices[i]->getWorkspaceSize(), 0U);
      if (choices[i]->getTimingMSec() >= choices[slowest]->getTimingMSec()) slowest = i;
    }
    wanted[layer.getName()] = choices[slowest]->getAlgorithmVariant().getImplementation();
    selection[0] = answer == 1 ? slowest : -1;
    return answer;
  }
  void reportAlgorithms(const IAlgorithmContext* const* layers, const IAlgorithm* const* choices,
                        int32_t count) noexcept override {
    for (int32_t i = 0; i < count; ++i) {
      const IAlgorithmVariant& variant = choices[i]->getAlgorithmVariant();
      taken[layers[i]->getName()] = variant.getImplementation();
      EXPECT_GE(variant.getTactic(), 0);
      if (std::string(layers[i]->getName()) != "b") continue;
      EXPECT_EQ(layers[i]->getNbInputs(), 1);  // the other is a constant
      EXPECT_EQ(layers[i]->getNbOutputs(), 1);
      EXPECT_EQ(sizes(layers[i]->getDimensions(1, OptProfileSelector::kMAX)), (Shape{1, kSize}));
      EXPECT_EQ(layers[i]->getDimensions(2, OptProfileSelector::kMAX).nbDims, -1);
      const IAlgorithmIOInfo& io = choices[i]->getAlgorithmIOInfo(0);
      EXPECT_EQ(&io, choices[i]->getAlgorithmIOInfoByIndex(0));
      EXPECT_EQ(choices[i]->getAlgorithmIOInfoByIndex(2), nullptr);
      EXPECT_EQ(io.getDataType(), DataType::kFLOAT);
      EXPECT_EQ(sizes(io.getStrides()), (Shape{kSize, 1}));
      EXPECT_EQ(io.getTensorFormat(), TensorFormat::kLINEAR);
      EXPECT_EQ(io.getVectorizedDim(), -1);
      EXPECT_EQ(io.getComponentsPerElement(), 1);
    }
  }
  int32_t answer = 1;
  std::vector<std::string> asked;
  std::map<std::string, int64_t> wanted, taken;
};

TEST_F(EngineFeatures, AnAlgorithmSelectorChoosesTactics) {
  chain();
  Slowest selector;
  config->setAlgorithmSelector(&selector);
  ASSERT_TRUE(load(build().get())) << logger.errors();
  EXPECT_FALSE(selector.asked.empty());
  EXPECT_TRUE(selector.taken.contains("b"));
  EXPECT_EQ(selector.taken, selector.wanted);
  EXPECT_GT(result()[kSize - 1], 0.8F);
  selector.answer = 0;  // whatever is best
  ASSERT_TRUE(build());
  config->setFlag(BuilderFlag::kREJECT_EMPTY_ALGORITHMS);
  EXPECT_FALSE(build());
  EXPECT_TRUE(logger.has(Severity::kERROR, "kREJECT_EMPTY_ALGORITHMS"));
  config->clearFlag(BuilderFlag::kREJECT_EMPTY_ALGORITHMS);
  config->setFlag(BuilderFlag::kSTRICT_TYPES);
  EXPECT_FALSE(build());
  selector.answer = 1000;
  EXPECT_FALSE(build());
  EXPECT_TRUE(logger.has(Severity::kERROR, "none of the"));
}

class Batches final : public IInt8MinMaxCalibrator {
 public:
  int32_t getBatchSize() const noexcept override { return 1; }
  bool getBatch(void* bindings[], const char* names[], int32_t count) noexcept override {
    EXPECT_EQ(count, 1);
    EXPECT_STREQ(names[0], "x");
    bindings[0] = batch;
    batch[0] = 127.0F;
    return given++ < 2;
  }
  const void* readCalibrationCache(std::size_t& length) noexcept override {
    length = cache.size();
    return cache.data();
  }
  void writeCalibrationCache(const void* data, std::size_t length) noexcept override {
    written.assign(static_cast<const char*>(data), length);
  }
  float batch[kSize] = {};
  int given = 0;
  std::string cache, written;
};

TEST_F(EngineFeatures, ACalibratorIsAskedForBatches) {
  chain();
  Batches calibrator;
  config->setInt8Calibrator(&calibrator);
  ASSERT_TRUE(build());
  EXPECT_EQ(calibrator.given, 0);  // not without kINT8
  config->setFlag(BuilderFlag::kINT8);
  ASSERT_TRUE(build()) << logger.errors();
  EXPECT_EQ(calibrator.given, 3);
  EXPECT_EQ(calibrator.written.find("TRT-8601-MinMaxCalibration\n"), 0U) << calibrator.written;
  // The scales: what a tensor was at most, over 127.
  EXPECT_NE(calibrator.written.find("x: 3f800000\n"), std::string::npos) << calibrator.written;
  EXPECT_NE(calibrator.written.find("b: 40000000\n"), std::string::npos) << calibrator.written;
  calibrator.cache = calibrator.written;
  calibrator.given = 0;
  ASSERT_TRUE(build());
  EXPECT_EQ(calibrator.given, 0);
  EXPECT_TRUE(logger.has(Severity::kINFO, "no batch is run"));
}

TEST_F(EngineFeatures, TimingCachesCanBeDisabled) {
  chain();
  const Ptr<ITimingCache> cache(config->createTimingCache(nullptr, 0));
  config->setTimingCache(*cache, false);
  config->setFlag(BuilderFlag::kDISABLE_TIMING_CACHE);
  ASSERT_TRUE(build());
  EXPECT_EQ(cache->queryKeys(nullptr, 0), 0);
  config->clearFlag(BuilderFlag::kDISABLE_TIMING_CACHE);
  config->setFlag(BuilderFlag::kENABLE_TACTIC_HEURISTIC);
  ASSERT_TRUE(build());
  const int64_t few = cache->queryKeys(nullptr, 0);
  config->clearFlag(BuilderFlag::kENABLE_TACTIC_HEURISTIC);
  ASSERT_TRUE(build());
  EXPECT_GT(few, 0);
  EXPECT_GT(cache->queryKeys(nullptr, 0), few);
}

// y = x[i], i of INT64, and i itself.
onnx::test::Message gather() {
  using namespace onnx::test;
  return model(graph({node("Gather", {"x", "i"}, {"y"}), node("Identity", {"i"}, {"j"})},
                     {value("x", DType::f32, {"4"}), value("i", DType::i64, {"2"})},
                     {value("y", DType::f32, {"2"}), value("j", DType::i64, {"2"})}));
}

TEST_F(EngineFeatures, ClientsOfGeneration8BindIntegersOf32Bits) {
  const Ptr<nvonnxparser::IParser> parser(nvonnxparser::createParser(*network, logger));
  const onnx::test::Message m = gather();
  ASSERT_TRUE(parser->parse(m.bytes.data(), m.bytes.size()));
  EXPECT_TRUE(logger.has(Severity::kWARNING, "INT64"));
  EXPECT_EQ(network->getInput(1)->getType(), DataType::kINT32);
  EXPECT_EQ(network->getOutput(1)->getType(), DataType::kINT32);
  const Ptr<IHostMemory> plan = build();
  ASSERT_TRUE(load(plan.get())) << logger.errors();
  EXPECT_EQ(engine->getBindingDataType(1), DataType::kINT32);
  EXPECT_EQ(engine->getTensorBytesPerComponent("j"), 4);
  float x[4] = {5, 6, 7, 8}, y[2] = {};
  int32_t i[2] = {3, -4}, j[3] = {0, 0, 42};
  void* bindings[] = {x, i, y, j};
  ASSERT_TRUE(context->executeV2(bindings)) << logger.errors();
  EXPECT_EQ(y[0], 8);
  EXPECT_EQ(y[1], 5);
  EXPECT_EQ(j[0], 3);
  EXPECT_EQ(j[1], -4);
  EXPECT_EQ(j[2], 42);
  i[0] = 1;
  ASSERT_TRUE(context->executeV2(bindings));
  EXPECT_EQ(y[0], 6);
  void* missing[] = {x, nullptr, y, j};
  EXPECT_FALSE(context->executeV2(missing));
  EXPECT_TRUE(logger.has(Severity::kERROR, "'i'"));

  // The same plan for a client of generation 9, which knows INT64.
  const Ptr<IRuntime> later(static_cast<IRuntime*>(createInferRuntime_INTERNAL(&logger, 9300)));
  const Ptr<ICudaEngine> wide(later->deserializeCudaEngine(plan->data(), plan->size()));
  ASSERT_TRUE(wide);
  EXPECT_EQ(wide->getTensorDataType("i"), DataType::kINT64);
  const Ptr<IExecutionContext> of_wide(wide->createExecutionContext());
  int64_t i64[2] = {2, 0}, j64[2] = {};
  void* wide_bindings[] = {x, i64, y, j64};
  ASSERT_TRUE(of_wide->executeV2(wide_bindings));
  EXPECT_EQ(y[0], 7);
  EXPECT_EQ(j64[0], 2);
}

}  // namespace
}  // namespace vivace::tensorrt
