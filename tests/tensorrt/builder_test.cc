#include "NvInfer.h"
#include "base/version.h"
#include "recording.h"
#include "tensorrt/metadata.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {
namespace {

using namespace nvinfer1;
using Severity = ILogger::Severity;

constexpr uint32_t kExplicit = 1U << static_cast<uint32_t>(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH);

class BuilderTest : public testing::Test {
 protected:
  Recording logger;
  std::unique_ptr<IBuilder> builder{createInferBuilder(logger)};
  std::unique_ptr<IBuilderConfig> config{builder->createBuilderConfig()};

  // y = relu(x)
  std::unique_ptr<INetworkDefinition> relu(const std::vector<int64_t>& shape, uint32_t flags = kExplicit) {
    std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(flags));
    ITensor* x = network->addInput("x", DataType::kFLOAT, dims(shape));
    ITensor* y = network->addActivation(*x, ActivationType::kRELU)->getOutput(0);
    y->setName("y");
    network->markOutput(*y);
    return network;
  }
  IOptimizationProfile* profile(const std::vector<int64_t>& min, const std::vector<int64_t>& opt,
                                const std::vector<int64_t>& max) {
    IOptimizationProfile* made = builder->createOptimizationProfile();
    EXPECT_TRUE(made->setDimensions("x", OptProfileSelector::kMIN, dims(min)));
    EXPECT_TRUE(made->setDimensions("x", OptProfileSelector::kOPT, dims(opt)));
    EXPECT_TRUE(made->setDimensions("x", OptProfileSelector::kMAX, dims(max)));
    return made;
  }
  std::unique_ptr<IHostMemory> build(INetworkDefinition& network) {
    return std::unique_ptr<IHostMemory>(builder->buildSerializedNetwork(network, *config));
  }
};

TEST_F(BuilderTest, APlanRunsLikeAnyOther) {
  const auto network = relu({2, 3});
  const auto memory = build(*network);
  ASSERT_TRUE(memory) << logger.errors();
  EXPECT_EQ(run(*memory, {2, 3}, {-1, 2, -3, 4, -5, 6}), (std::vector<float>{0, 2, 0, 4, 0, 6}));
  const auto metadata = metadata_of(read_plan(*memory));
  ASSERT_TRUE(metadata.ok()) << metadata.status().message();
  ASSERT_EQ(metadata->bindings.size(), 2u);
  EXPECT_EQ(metadata->bindings[0].name, "x");
  EXPECT_TRUE(metadata->bindings[0].input);
  EXPECT_EQ(metadata->bindings[1].name, "y");
  EXPECT_EQ(metadata->bindings[1].dims, (Shape{2, 3}));
  EXPECT_FALSE(metadata->implicit_batch);
  EXPECT_FALSE(metadata->refittable);
  EXPECT_EQ(metadata->profiles.size(), 1u);
}

TEST_F(BuilderTest, AnEngineTellsWhereTheNetworkSaidThatATensorLies) {
  const auto network = relu({2, 3});
  network->getInput(0)->setLocation(TensorLocation::kHOST);
  const auto memory = build(*network);
  ASSERT_TRUE(memory) << logger.errors();
  const std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  const std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(memory->data(), memory->size()));
  ASSERT_TRUE(engine) << logger.errors();
  EXPECT_EQ(engine->getTensorLocation("x"), TensorLocation::kHOST);
  EXPECT_EQ(engine->getLocation(0), TensorLocation::kHOST);
  EXPECT_EQ(engine->getTensorLocation("y"), TensorLocation::kDEVICE);
  EXPECT_EQ(run(*memory, {2, 3}, {-1, 2, -3, 4, -5, 6}), (std::vector<float>{0, 2, 0, 4, 0, 6}));
}

TEST_F(BuilderTest, SeveralProfilesAreKeptAndTheirUnionIsBuilt) {
  const auto network = relu({-1, 3});
  EXPECT_EQ(config->addOptimizationProfile(profile({1, 3}, {4, 3}, {8, 3})), 0);
  EXPECT_EQ(config->addOptimizationProfile(profile({16, 3}, {16, 3}, {32, 3})), 1);
  EXPECT_EQ(config->getNbOptimizationProfiles(), 2);
  const auto memory = build(*network);
  ASSERT_TRUE(memory) << logger.errors();
  const plan::Plan plan = read_plan(*memory);
  EXPECT_EQ(plan.ranges[0].min, (Shape{1, 3}));
  EXPECT_EQ(plan.ranges[0].opt, (Shape{4, 3}));
  EXPECT_EQ(plan.ranges[0].max, (Shape{32, 3}));
  const auto metadata = metadata_of(plan);
  ASSERT_TRUE(metadata.ok());
  ASSERT_EQ(metadata->profiles.size(), 2u);
  EXPECT_EQ(metadata->profiles[1].shapes.at("x").max, (Shape{32, 3}));
  EXPECT_EQ(metadata->bindings[0].dims, (Shape{-1, 3}));
  EXPECT_EQ(run(*memory, {1, 3}, {-1, 0, 1}), (std::vector<float>{0, 0, 1}));
}

TEST_F(BuilderTest, SizesThatAllProfilesShareAreFixed) {
  const auto network = relu({-1, -1});
  config->addOptimizationProfile(profile({1, 3}, {2, 3}, {4, 3}));
  for (const int64_t rows : {int64_t{-1}, int64_t{2}}) {
    const auto memory = build(*network);
    ASSERT_TRUE(memory) << logger.errors();
    const std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
    const std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(memory->data(), memory->size()));
    ASSERT_TRUE(engine) << logger.errors();
    for (const char* name : {"x", "y"}) EXPECT_EQ(to_vector(engine->getTensorShape(name)), (Shape{rows, 3})) << name;
    const std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
    EXPECT_EQ(context->allInputDimensionsSpecified(), rows == 2);
    if (rows == 2) {  // runs without a word about shapes
      const float x[6] = {-1, 2, -3, 4, -5, 6};
      float y[6] = {};
      void* bindings[] = {const_cast<float*>(x), y};
      EXPECT_TRUE(context->executeV2(bindings)) << logger.errors();
      EXPECT_EQ(y[5], 6);
    }
    config.reset(builder->createBuilderConfig());
    config->addOptimizationProfile(profile({2, 3}, {2, 3}, {2, 3}));
  }
}

TEST_F(BuilderTest, ADynamicInputNeedsAProfile) {
  const auto network = relu({-1, 3});
  EXPECT_FALSE(build(*network));
  EXPECT_TRUE(logger.has(Severity::kERROR, "no optimization profile")) << logger.errors();
  EXPECT_TRUE(logger.has(Severity::kERROR, "'x'"));
  EXPECT_EQ(config->addOptimizationProfile(builder->createOptimizationProfile()), 0);  // of nothing
  EXPECT_FALSE(build(*network));
  EXPECT_TRUE(logger.has(Severity::kERROR, "lacks input 'x'")) << logger.errors();
}

TEST_F(BuilderTest, ProfilesMustFitTheNetwork) {
  const auto network = relu({-1, 3});
  config->addOptimizationProfile(profile({1, 4}, {1, 4}, {1, 4}));
  EXPECT_FALSE(build(*network));
  EXPECT_TRUE(logger.has(Severity::kERROR, "dimension 1 is 3")) << logger.errors();
  config->reset();
  config->addOptimizationProfile(profile({1}, {1}, {1}));
  EXPECT_FALSE(build(*network));
  EXPECT_TRUE(logger.has(Severity::kERROR, "2 dimensions")) << logger.errors();
}

TEST_F(BuilderTest, ProfilesCheckThemselves) {
  IOptimizationProfile* p = builder->createOptimizationProfile();
  EXPECT_TRUE(p->isValid());
  EXPECT_EQ(p->getDimensions("x", OptProfileSelector::kMIN).nbDims, -1);
  EXPECT_TRUE(p->setDimensions("x", OptProfileSelector::kMIN, dims({1, 2})));
  EXPECT_FALSE(p->isValid());
  EXPECT_EQ(config->addOptimizationProfile(p), -1);
  EXPECT_TRUE(logger.has(Severity::kERROR, "lack the optimum")) << logger.errors();
  EXPECT_FALSE(p->setDimensions("x", OptProfileSelector::kOPT, dims({1, 2, 3})));
  EXPECT_FALSE(p->setDimensions("x", OptProfileSelector::kOPT, dims({1, -1})));
  EXPECT_FALSE(p->setDimensions(nullptr, OptProfileSelector::kOPT, dims({1, 2})));
  EXPECT_TRUE(p->setDimensions("x", OptProfileSelector::kOPT, dims({5, 2})));
  EXPECT_TRUE(p->setDimensions("x", OptProfileSelector::kMAX, dims({4, 2})));
  EXPECT_FALSE(p->isValid());  // 5 > 4
  EXPECT_TRUE(p->setDimensions("x", OptProfileSelector::kMAX, dims({6, 2})));
  EXPECT_TRUE(p->isValid());
  EXPECT_EQ(sizes(p->getDimensions("x", OptProfileSelector::kMAX)), (Shape{6, 2}));

  EXPECT_EQ(p->getNbShapeValues("s"), -1);
  const int32_t values[] = {1, 2, 3};
  EXPECT_TRUE(p->setShapeValues("s", OptProfileSelector::kMIN, values, 3));
  const int64_t wide[] = {int64_t{1} << 40, 2, 3};
  EXPECT_FALSE(p->setShapeValuesV2("s", OptProfileSelector::kOPT, wide, 2));
  EXPECT_TRUE(p->setShapeValuesV2("s", OptProfileSelector::kOPT, wide, 3));
  EXPECT_EQ(p->getNbShapeValues("s"), 3);
  EXPECT_EQ(p->getShapeValues("s", OptProfileSelector::kMIN)[2], 3);
  EXPECT_EQ(p->getShapeValuesV2("s", OptProfileSelector::kOPT)[0], wide[0]);
  EXPECT_EQ(p->getShapeValuesV2("s", OptProfileSelector::kMAX), nullptr);
  EXPECT_FALSE(p->isValid());
  EXPECT_FALSE(p->setExtraMemoryTarget(1.5F));
  EXPECT_TRUE(p->setExtraMemoryTarget(0.5F));
  EXPECT_EQ(p->getExtraMemoryTarget(), 0.5F);
}

TEST_F(BuilderTest, AnImplicitBatchIsOneToTheLargest) {
  builder->setMaxBatchSize(4);
  EXPECT_EQ(builder->getMaxBatchSize(), 4);
  const auto network = relu({3}, 0);
  ASSERT_TRUE(network->hasImplicitBatchDimension());
  const auto memory = build(*network);
  ASSERT_TRUE(memory) << logger.errors();
  const plan::Plan plan = read_plan(*memory);
  EXPECT_EQ(plan.ranges[0].min, (Shape{1, 3}));
  EXPECT_EQ(plan.ranges[0].max, (Shape{4, 3}));
  const auto metadata = metadata_of(plan);
  ASSERT_TRUE(metadata.ok());
  EXPECT_TRUE(metadata->implicit_batch);
  EXPECT_EQ(metadata->max_batch, 4);
  EXPECT_EQ(metadata->bindings[0].dims, (Shape{3}));
  EXPECT_EQ(run(*memory, {2, 3}, {-1, 2, -3, 4, -5, 6}), (std::vector<float>{0, 2, 0, 4, 0, 6}));
}

TEST_F(BuilderTest, ImagesMayStandInRowsBesideAnImplicitBatch) {
  const std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(0));
  builder->setMaxBatchSize(2);
  const float kernel[2] = {1, 10};
  ITensor* y = network->addInput("x", DataType::kFLOAT, dims({2, 1, 1, 2}));
  y = network->addConvolutionNd(*y, 2, Dims2{1, 1}, {DataType::kFLOAT, kernel, 2}, {})->getOutput(0);
  y = network->addPoolingNd(*y, PoolingType::kMAX, Dims2{1, 2})->getOutput(0);
  EXPECT_EQ(to_vector(y->getDimensions()), (Shape{2, 2, 1, 1}));
  network->markOutput(*y);
  const std::unique_ptr<ICudaEngine> engine(builder->buildEngineWithConfig(*network, *config));
  ASSERT_TRUE(engine) << logger.errors();
  const std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  float x[8] = {1, 2, 4, 3, 5, 6, 8, 7};
  std::vector<float> made(8);
  void* bindings[] = {x, made.data()};
  ASSERT_TRUE(context->execute(2, bindings)) << logger.errors();
  EXPECT_EQ(made, (std::vector<float>{2, 20, 4, 40, 6, 60, 8, 80}));
}

TEST_F(BuilderTest, ANetworkWithoutOutputsIsRefused) {
  const std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(kExplicit));
  network->addInput("x", DataType::kFLOAT, dims({1}));
  EXPECT_FALSE(build(*network));
  EXPECT_TRUE(logger.has(Severity::kERROR, "no outputs")) << logger.errors();
}

TEST_F(BuilderTest, DefaultsAreTensorRTs) {
  EXPECT_TRUE(config->getFlag(BuilderFlag::kTF32));
  EXPECT_FALSE(config->getFlag(BuilderFlag::kFP16));
  EXPECT_EQ(config->getBuilderOptimizationLevel(), 3);
  EXPECT_EQ(config->getAvgTimingIterations(), 1);
  EXPECT_EQ(config->getDLACore(), -1);
  EXPECT_EQ(config->getMaxAuxStreams(), -1);
  EXPECT_EQ(config->getEngineCapability(), EngineCapability::kSTANDARD);
  EXPECT_EQ(config->getProfilingVerbosity(), ProfilingVerbosity::kLAYER_NAMES_ONLY);
  EXPECT_EQ(config->getDefaultDeviceType(), DeviceType::kGPU);
  EXPECT_EQ(config->getTacticSources(), 31u);
  EXPECT_EQ(config->getTimingCache(), nullptr);
  EXPECT_EQ(config->getInt8Calibrator(), nullptr);
  EXPECT_GT(config->getMemoryPoolLimit(MemoryPoolType::kWORKSPACE), size_t{1} << 28);
  EXPECT_EQ(config->getMemoryPoolLimit(MemoryPoolType::kDLA_MANAGED_SRAM), size_t{1} << 20);
  EXPECT_EQ(builder->getMaxBatchSize(), 1);
  EXPECT_GE(builder->getMaxThreads(), 1);
  EXPECT_EQ(builder->getNbDLACores(), 0);
  EXPECT_EQ(builder->getLogger(), &logger);
}

TEST_F(BuilderTest, WhatIsSetIsKeptUntilReset) {
  config->setFlag(BuilderFlag::kFP16);
  config->setFlag(BuilderFlag::kREFIT);
  config->clearFlag(BuilderFlag::kTF32);
  EXPECT_EQ(config->getFlags(),
            1u << static_cast<int>(BuilderFlag::kFP16) | 1u << static_cast<int>(BuilderFlag::kREFIT));
  config->setMaxWorkspaceSize(1 << 20);
  EXPECT_EQ(config->getMemoryPoolLimit(MemoryPoolType::kWORKSPACE), size_t{1} << 20);
  config->setMemoryPoolLimit(MemoryPoolType::kDLA_LOCAL_DRAM, 5000);  // no power of two
  EXPECT_EQ(config->getMemoryPoolLimit(MemoryPoolType::kDLA_LOCAL_DRAM), size_t{1} << 30);
  EXPECT_TRUE(logger.has(Severity::kERROR, "power of two"));
  config->setPreviewFeature(PreviewFeature::kPROFILE_SHARING_0806, true);
  EXPECT_TRUE(config->getPreviewFeature(PreviewFeature::kPROFILE_SHARING_0806));
  const char* plugins[] = {"a.so", "b.so"};
  config->setPluginsToSerialize(plugins, 2);
  EXPECT_STREQ(config->getPluginToSerialize(1), "b.so");
  EXPECT_EQ(config->getPluginToSerialize(2), nullptr);
  config->reset();
  EXPECT_TRUE(config->getFlag(BuilderFlag::kTF32));
  EXPECT_FALSE(config->getFlag(BuilderFlag::kFP16));
  EXPECT_EQ(config->getNbPluginsToSerialize(), 0);
}

TEST_F(BuilderTest, PrecisionsAreAcceptedWithAMessage) {
  const auto network = relu({1});
  config->setFlag(BuilderFlag::kFP16);
  EXPECT_TRUE(build(*network));
  EXPECT_TRUE(logger.has(Severity::kINFO, "FP16"));
  EXPECT_TRUE(logger.errors().empty()) << logger.errors();
}

TEST_F(BuilderTest, TimingCaches) {
  std::unique_ptr<ITimingCache> cache(config->createTimingCache(nullptr, 0));
  ASSERT_TRUE(cache);
  EXPECT_EQ(cache->queryKeys(nullptr, 0), 0);
  ASSERT_TRUE(config->setTimingCache(*cache, false));
  EXPECT_EQ(config->getTimingCache(), cache.get());
  const std::string text = std::string("vivace timing cache 1\n") + "1.000000e-03 one\n" + "2.000000e-03 two\n";
  const std::unique_ptr<ITimingCache> other(config->createTimingCache(text.data(), text.size()));
  ASSERT_TRUE(other);
  EXPECT_TRUE(cache->combine(*other, false));
  const std::unique_ptr<IHostMemory> bytes(cache->serialize());
  EXPECT_EQ(std::string(static_cast<const char*>(bytes->data()), bytes->size()), text);
  TimingCacheKey keys[2];
  ASSERT_EQ(cache->queryKeys(keys, 2), 2);
  EXPECT_FLOAT_EQ(cache->query(keys[1]).timingMSec, 2.0F);
  EXPECT_TRUE(cache->update(keys[1], {0, 5.0F}));
  EXPECT_FLOAT_EQ(cache->query(keys[1]).timingMSec, 5.0F);
  EXPECT_FALSE(cache->update(keys[1], {0, -1.0F}));
  EXPECT_EQ(cache->query(TimingCacheKey{}).tacticHash, TimingCacheValue::kINVALID_TACTIC_HASH);
  EXPECT_TRUE(cache->reset());
  EXPECT_EQ(cache->queryKeys(nullptr, 0), 0);
  EXPECT_FALSE(config->createTimingCache("rubbish", 7));
  EXPECT_TRUE(logger.has(Severity::kERROR, "no timing cache"));
}

TEST_F(BuilderTest, ABuildFillsTheTimingCache) {
  const std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(kExplicit));
  ITensor* x = network->addInput("x", DataType::kFLOAT, dims({1, 8, 16, 16}));
  const std::vector<float> kernel(8 * 8 * 3 * 3, 0.5F);
  IConvolutionLayer* conv = network->addConvolutionNd(
      *x, 8, dims({3, 3}), {DataType::kFLOAT, kernel.data(), static_cast<int64_t>(kernel.size())},
      {DataType::kFLOAT, nullptr, 0});
  network->markOutput(*conv->getOutput(0));
  const std::unique_ptr<ITimingCache> cache(config->createTimingCache(nullptr, 0));
  config->setTimingCache(*cache, false);
  config->setFlag(BuilderFlag::kERROR_ON_TIMING_CACHE_MISS);
  EXPECT_FALSE(build(*network));
  EXPECT_TRUE(logger.has(Severity::kERROR, "the timing cache lacks layer"));
  cache->reset();
  config->clearFlag(BuilderFlag::kERROR_ON_TIMING_CACHE_MISS);
  ASSERT_TRUE(build(*network)) << logger.errors();
  EXPECT_GT(cache->queryKeys(nullptr, 0), 0);
  config->setFlag(BuilderFlag::kERROR_ON_TIMING_CACHE_MISS);
  ASSERT_TRUE(build(*network)) << logger.errors();
  EXPECT_TRUE(logger.has(Severity::kINFO, "0 tactics measured"));
}

class Monitor final : public IProgressMonitor {
 public:
  explicit Monitor(int allowed) : allowed_(allowed) {}
  void phaseStart(const char* phase, const char* parent, int32_t steps) noexcept override {
    EXPECT_GT(steps, 0);
    EXPECT_TRUE(!parent || open.contains(parent)) << parent;
    EXPECT_TRUE(open.emplace(phase, std::pair(steps, -1)).second) << phase;
    ++phases;
  }
  bool stepComplete(const char* phase, int32_t step) noexcept override {
    const auto at = open.find(phase);
    EXPECT_TRUE(at != open.end()) << phase;
    EXPECT_GT(step, at->second.second);
    EXPECT_LT(step, at->second.first);
    at->second.second = step;
    return --allowed_ >= 0;
  }
  void phaseFinish(const char* phase) noexcept override { EXPECT_EQ(open.erase(phase), 1u) << phase; }
  std::map<std::string, std::pair<int, int>> open;
  int phases = 0;

 private:
  int allowed_;
};

TEST_F(BuilderTest, ProgressIsReportedAndCanStopTheBuild) {
  const auto network = relu({4});
  Monitor all(1000);
  config->setProgressMonitor(&all);
  EXPECT_TRUE(build(*network)) << logger.errors();
  EXPECT_TRUE(all.open.empty());
  EXPECT_GE(all.phases, 3);
  for (int allowed = 0; allowed < 30; allowed += 7) {
    Monitor some(allowed);
    config->setProgressMonitor(&some);
    EXPECT_FALSE(build(*network)) << allowed;
    EXPECT_TRUE(some.open.empty());
  }
}

TEST_F(BuilderTest, StreamsTakeAPlan) {
  class Writer final : public IStreamWriter {
   public:
    int64_t write(const void* data, int64_t bytes) override {
      written.assign(static_cast<const char*>(data), static_cast<size_t>(bytes));
      return full ? bytes : bytes - 1;
    }
    std::string written;
    bool full = true;
  } writer;
  const auto network = relu({4});
  config->setBuilderOptimizationLevel(0);  // plans tell what was measured
  EXPECT_TRUE(builder->buildSerializedNetworkToStream(*network, *config, writer));
  const auto memory = build(*network);
  ASSERT_TRUE(memory);
  EXPECT_EQ(writer.written.size(), memory->size());
  writer.full = false;
  EXPECT_FALSE(builder->buildSerializedNetworkToStream(*network, *config, writer));
}

TEST_F(BuilderTest, ARefittablePlanKeepsTheNetworkAsItWas) {
  const auto network = relu({4});
  config->setFlag(BuilderFlag::kREFIT);
  const auto memory = build(*network);
  ASSERT_TRUE(memory) << logger.errors();
  const plan::Plan plan = read_plan(*memory);
  ASSERT_TRUE(plan.portable);
  EXPECT_EQ(plan.portable->node_list()[0]->op, "Relu");
  EXPECT_TRUE(metadata_of(plan)->refittable);
  EXPECT_EQ(run(*memory, {4}, {-1, 1, -2, 2}), (std::vector<float>{0, 1, 0, 2}));
}

TEST_F(BuilderTest, EnginesWithoutADetour) {
  const auto network = relu({2, 2});
  std::unique_ptr<ICudaEngine> engine(builder->buildEngineWithConfig(*network, *config));
  ASSERT_TRUE(engine) << logger.errors();
  builder->setMaxBatchSize(2);
  const auto implicit = relu({2}, 0);
  const std::unique_ptr<ICudaEngine> old(builder->buildCudaEngine(*implicit));
  ASSERT_TRUE(old) << logger.errors();
  EXPECT_EQ(old->getMaxBatchSize(), 2);
  for (ICudaEngine* each : {engine.get(), old.get()}) {
    const std::unique_ptr<IExecutionContext> context(each->createExecutionContext());
    ASSERT_TRUE(context) << logger.errors();
    float x[] = {-1, 2, 3, -4}, y[4] = {};
    void* bindings[] = {x, y};
    ASSERT_TRUE(each == old.get() ? context->execute(2, bindings) : context->executeV2(bindings)) << logger.errors();
    EXPECT_EQ(std::vector<float>(y, y + 4), (std::vector<float>{0, 2, 3, 0}));
  }
  const auto nothing = relu({-1});
  EXPECT_FALSE(builder->buildEngineWithConfig(*nothing, *config));
}

TEST_F(BuilderTest, TheBuilderOfGeneration7IsItsOwnConfiguration) {
  builder->setFp16Mode(true);
  EXPECT_TRUE(builder->getFp16Mode());
  EXPECT_FALSE(builder->getInt8Mode());
  builder->setInt8Mode(true);
  EXPECT_TRUE(builder->getInt8Mode());
  EXPECT_FALSE(config->getFlag(BuilderFlag::kINT8));
  builder->setMaxWorkspaceSize(1 << 24);
  EXPECT_EQ(builder->getMaxWorkspaceSize(), size_t{1} << 24);
  builder->reset();
  EXPECT_FALSE(builder->getFp16Mode());
}

TEST_F(BuilderTest, ErrorsGoToTheRecorderToo) {
  class Recorder final : public IErrorRecorder {
   public:
    int32_t getNbErrors() const noexcept override { return static_cast<int32_t>(errors.size()); }
    ErrorCode getErrorCode(int32_t i) const noexcept override { return errors[static_cast<size_t>(i)].first; }
    ErrorDesc getErrorDesc(int32_t i) const noexcept override { return errors[static_cast<size_t>(i)].second.c_str(); }
    bool hasOverflowed() const noexcept override { return false; }
    void clear() noexcept override { errors.clear(); }
    bool reportError(ErrorCode code, ErrorDesc text) noexcept override { return errors.emplace_back(code, text), true; }
    RefCount incRefCount() noexcept override { return ++references; }
    RefCount decRefCount() noexcept override { return --references; }
    std::vector<std::pair<ErrorCode, std::string>> errors;
    int references = 0;
  } recorder;
  builder->setErrorRecorder(&recorder);
  EXPECT_EQ(builder->getErrorRecorder(), &recorder);
  const auto network = relu({-1});
  EXPECT_FALSE(build(*network));
  ASSERT_EQ(recorder.getNbErrors(), 1);
  EXPECT_EQ(recorder.getErrorCode(0), ErrorCode::kINVALID_ARGUMENT);
  std::unique_ptr<IBuilderConfig> other(builder->createBuilderConfig());
  other->setBuilderOptimizationLevel(-1);
  EXPECT_EQ(recorder.getNbErrors(), 2);
  other.reset();
  builder->setErrorRecorder(nullptr);
  EXPECT_EQ(recorder.references, 0);
}

TEST_F(BuilderTest, TheBuilderRefusesNonsense) {
  builder->setMaxBatchSize(0);
  EXPECT_EQ(builder->getMaxBatchSize(), 1);
  EXPECT_FALSE(builder->setMaxThreads(0));
  EXPECT_TRUE(builder->setMaxThreads(1));
  EXPECT_EQ(builder->getMaxThreads(), 1);
  EXPECT_EQ(createInferBuilder_INTERNAL(nullptr, NV_TENSORRT_VERSION), nullptr);
  const auto network = relu({1});
  EXPECT_TRUE(builder->isNetworkSupported(*network, *config));
}

TEST(Metadata, EntriesThatMakeNoSenseAreRefused) {
  Recording logger;
  const std::unique_ptr<IBuilder> builder(createInferBuilder(logger));
  const std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(kExplicit));
  ITensor* x = network->addInput("x", DataType::kFLOAT, dims({1}));
  network->markOutput(*network->addIdentity(*x)->getOutput(0));
  const std::unique_ptr<IBuilderConfig> config(builder->createBuilderConfig());
  const std::unique_ptr<IHostMemory> memory(builder->buildSerializedNetwork(*network, *config));
  ASSERT_TRUE(memory) << logger.errors();
  const plan::Plan plan = read_plan(*memory);
  ASSERT_TRUE(metadata_of(plan).ok());
  const auto refused = [&](const std::string& key, const std::string& value) {
    plan::Plan damaged = plan;
    damaged.metadata[key] = value;
    return metadata_of(damaged).status().code() == Code::corrupt_file;
  };
  EXPECT_TRUE(refused("tensorrt.binding.0", "z"));
  EXPECT_TRUE(refused("tensorrt.binding.0.dims", "1,"));
  EXPECT_TRUE(refused("tensorrt.binding.0.dims", "-2"));
  EXPECT_TRUE(refused("tensorrt.binding.0.input", "2"));
  EXPECT_TRUE(refused("tensorrt.binding.0.host", "yes"));
  EXPECT_TRUE(refused("tensorrt.profiles", "0"));
  EXPECT_TRUE(refused("tensorrt.profiles", "99999999999"));
  EXPECT_TRUE(refused("tensorrt.profile.0.shape.0", "1;2"));
  EXPECT_TRUE(refused("tensorrt.profile.0.shape.1", "1;1;1"));
  EXPECT_TRUE(refused("tensorrt.max_batch", "0"));
  // A plan of another interface says what its graph does.
  plan::Plan other = plan;
  other.metadata.clear();
  const auto metadata = metadata_of(other);
  ASSERT_TRUE(metadata.ok());
  EXPECT_EQ(metadata->bindings[0].name, "x");
  EXPECT_EQ(metadata->profiles.size(), 1u);
}

}  // namespace
}  // namespace vivace::tensorrt
