// The runtime phase: engines out of plans, contexts, inspector, refitter, through the interface that clients see.
#include <atomic>
#include <cmath>
#include <cstring>
#include <thread>

#include "runtime/engine.h"
#include "tensorrt/runtime_testing.h"

namespace vivace::tensorrt {
namespace {

using nvinfer1::Dims;
using nvinfer1::ICudaEngine;
using nvinfer1::IExecutionContext;
using nvinfer1::OptProfileSelector;

template <class T>
using Ptr = std::unique_ptr<T>;

constexpr const char* kSmall = R"((%x: f32[2,3]) {
  %a = Relu(%x)
  %y = Add(%a, const f32[3] {1, 2, 3})
  return %y, %a as "positive"
})";

constexpr const char* kDynamic = R"((%x: f32[batch,4], %z: f32[batch,4]) {
  %y = Sub(%x, %z)
  return %y
})";

Dims dims(std::initializer_list<int> sizes) {
  Dims made{};
  for (const int size : sizes) made.d[made.nbDims++] = size;
  return made;
}

std::string text(const Dims& of) {
  std::string made = std::to_string(of.nbDims) + ":";
  for (int i = 0; i < of.nbDims; ++i) made += " " + std::to_string(of.d[i]);
  return made;
}

class Runtime : public ::testing::Test {
 protected:
  Ptr<ICudaEngine> load(const std::vector<std::byte>& bytes) {
    return Ptr<ICudaEngine>(runtime->deserializeCudaEngine(bytes.data(), bytes.size()));
  }
  TestLogger logger;
  TestRecorder recorder;
  Ptr<nvinfer1::IRuntime> runtime{nvinfer1::createInferRuntime(logger)};
};

// Two profiles over a dynamic batch.
Metadata two_profiles() {
  Metadata metadata;
  metadata.name = "net";
  metadata.bindings = {{"x", true, false, {-1, 4}}, {"z", true, false, {-1, 4}}, {"y", false, false, {-1, 4}}};
  const plan::ShapeRange small{{1, 4}, {1, 4}, {2, 4}}, large{{4, 4}, {4, 4}, {8, 4}};
  metadata.profiles = {{{{"x", small}, {"z", small}}, {}}, {{{"x", large}, {"z", large}}, {}}};
  metadata.profiling_verbosity = static_cast<int32_t>(nvinfer1::ProfilingVerbosity::kDETAILED);
  return metadata;
}

std::vector<std::byte> dynamic_plan() {
  const plan::ShapeRange range{{1, 4}, {2, 4}, {8, 4}};
  const Metadata metadata = two_profiles();
  return plan_bytes(kDynamic, {{"x", range}, {"z", range}}, &metadata);
}

TEST_F(Runtime, RunsAPlanBuiltWithoutThisInterface) {
  const Ptr<ICudaEngine> engine = load(plan_bytes(kSmall));
  ASSERT_TRUE(engine) << logger.errors;
  ASSERT_EQ(engine->getNbBindings(), 3);
  EXPECT_EQ(engine->getNbIOTensors(), 3);
  EXPECT_STREQ(engine->getBindingName(0), "x");
  EXPECT_STREQ(engine->getIOTensorName(2), "positive");
  EXPECT_TRUE(engine->bindingIsInput(0));
  EXPECT_FALSE(engine->bindingIsInput(1));
  EXPECT_EQ(engine->getBindingIndex("positive"), 2);
  EXPECT_EQ(text(engine->getBindingDimensions(1)), "2: 2 3");
  EXPECT_EQ(engine->getTensorIOMode("y"), nvinfer1::TensorIOMode::kOUTPUT);
  EXPECT_EQ(engine->getTensorIOMode("nobody"), nvinfer1::TensorIOMode::kNONE);
  EXPECT_EQ(engine->getTensorDataType("y"), nvinfer1::DataType::kFLOAT);
  EXPECT_EQ(engine->getTensorBytesPerComponent("y"), 4);
  EXPECT_FALSE(engine->hasImplicitBatchDimension());

  const Ptr<IExecutionContext> context(engine->createExecutionContext());
  ASSERT_TRUE(context);
  const float x[6] = {-1, 0, 1, 2, -3, 4};
  float y[6] = {}, positive[6] = {};
  void* bindings[] = {const_cast<float*>(x), y, positive};
  ASSERT_TRUE(context->executeV2(bindings)) << logger.errors;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(positive[i], std::max(x[i], 0.f));
    EXPECT_EQ(y[i], std::max(x[i], 0.f) + static_cast<float>(i % 3 + 1));
  }
  std::memset(y, 0, sizeof y);
  ASSERT_TRUE(context->enqueueV2(bindings, nullptr, nullptr));
  EXPECT_EQ(y[5], 7);
  // By name, to other memory.
  float other[6] = {};
  ASSERT_TRUE(context->setInputTensorAddress("x", x));
  ASSERT_TRUE(context->setTensorAddress("y", other));
  ASSERT_TRUE(context->setOutputTensorAddress("positive", positive));
  ASSERT_TRUE(context->enqueueV3(nullptr)) << logger.errors;
  EXPECT_EQ(std::memcmp(other, y, sizeof y), 0);
  EXPECT_EQ(text(context->getTensorStrides("y")), "2: 3 1");
  EXPECT_EQ(logger.errors, "");
}

TEST_F(Runtime, ResultsAreThoseOfTheNativeEngine) {
  const std::vector<std::byte> bytes = plan_bytes(R"((%x: f32[1,3,17,15]) {
    %a = Conv(%x, const f32[24,3,3,3] random(1), const f32[24] random(2)) {pads=[1,1,1,1], strides=[2,2]}
    %b = Relu(%a)
    %c = GlobalAveragePool(%b)
    %d = Flatten(%c)
    %y = Softmax(%d)
    return %y
  })");
  Result<plan::Plan> plan = plan::from_bytes(bytes, nullptr);
  ASSERT_TRUE(plan.ok());
  const auto native = runtime::Engine::load(*std::move(plan));
  ASSERT_TRUE(native.ok());
  const Tensor x = ir::random_tensor(DType::f32, {1, 3, 17, 15}, 3);
  std::vector<Tensor> want;
  ASSERT_TRUE((*native)->run({x.view()}, want).ok());

  const Ptr<ICudaEngine> engine = load(bytes);
  ASSERT_TRUE(engine);
  const Ptr<IExecutionContext> context(engine->createExecutionContext());
  std::vector<float> y(24);
  void* bindings[] = {x.data(), y.data()};
  ASSERT_TRUE(context->executeV2(bindings));
  EXPECT_EQ(std::memcmp(y.data(), want[0].data(), want[0].bytes()), 0);
}

TEST_F(Runtime, RefusesForeignAndDamagedPlans) {
  runtime->setErrorRecorder(&recorder);
  EXPECT_EQ(recorder.references, 1);
  std::vector<std::byte> bytes = plan_bytes(kSmall);
  EXPECT_EQ(runtime->deserializeCudaEngine("ptrt, not ours", 14), nullptr);
  EXPECT_TRUE(logger.told("no plan of Vivace's")) << logger.errors;
  ASSERT_EQ(recorder.getNbErrors(), 1);
  EXPECT_EQ(recorder.getErrorCode(0), nvinfer1::ErrorCode::kFAILED_INITIALIZATION);
  EXPECT_EQ(runtime->deserializeCudaEngine(bytes.data(), bytes.size() / 2), nullptr);
  EXPECT_EQ(runtime->deserializeCudaEngine(nullptr, 10), nullptr);
  bytes[bytes.size() / 3] ^= std::byte{0x5a};
  bytes[200] ^= std::byte{0x5a};
  EXPECT_EQ(runtime->deserializeCudaEngine(bytes.data(), bytes.size(), nullptr), nullptr);
  EXPECT_EQ(recorder.getNbErrors(), 4) << logger.errors;
  EXPECT_EQ(runtime->loadRuntime("lean.so"), nullptr);
  runtime.reset();
  EXPECT_EQ(recorder.references, 0);
}

TEST_F(Runtime, ReadsFromStreamsAndSerializesTheSame) {
  struct Reader : nvinfer1::IStreamReader {
    int64_t read(void* to, int64_t bytes) override {
      const auto size = std::min<int64_t>({bytes, 1000, static_cast<int64_t>(all.size() - at)});
      std::memcpy(to, all.data() + at, static_cast<size_t>(size));
      at += static_cast<size_t>(size);
      return size;
    }
    std::vector<std::byte> all;
    size_t at = 0;
  } reader;
  reader.all = dynamic_plan();
  const Ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(reader));
  ASSERT_TRUE(engine) << logger.errors;
  EXPECT_STREQ(engine->getName(), "net");
  const Ptr<nvinfer1::IHostMemory> again(engine->serialize());
  ASSERT_TRUE(again);
  ASSERT_EQ(again->size(), reader.all.size());
  EXPECT_EQ(std::memcmp(again->data(), reader.all.data(), again->size()), 0);
}

TEST_F(Runtime, ProfilesAndDynamicShapes) {
  const Ptr<ICudaEngine> engine = load(dynamic_plan());
  ASSERT_TRUE(engine) << logger.errors;
  EXPECT_EQ(engine->getNbOptimizationProfiles(), 2);
  EXPECT_EQ(engine->getNbBindings(), 6);
  EXPECT_STREQ(engine->getBindingName(3), "x [profile 1]");
  EXPECT_EQ(engine->getBindingIndex("y [profile 1]"), 5);
  EXPECT_EQ(text(engine->getTensorShape("x")), "2: -1 4");
  EXPECT_EQ(text(engine->getProfileShape("x", 1, OptProfileSelector::kMAX)), "2: 8 4");
  EXPECT_EQ(text(engine->getProfileDimensions(0, 0, OptProfileSelector::kMIN)), "2: 1 4");

  const Ptr<IExecutionContext> context(engine->createExecutionContext());
  std::vector<float> x(32, 3), z(32, 1), y(32);
  void* bindings[] = {x.data(), z.data(), y.data(), x.data(), z.data(), y.data()};
  const char* missing[2] = {};
  EXPECT_FALSE(context->allInputDimensionsSpecified());
  EXPECT_EQ(context->inferShapes(2, missing), 2);
  EXPECT_STREQ(missing[1], "z");
  EXPECT_FALSE(context->executeV2(bindings));
  EXPECT_TRUE(logger.told("setInputShape")) << logger.errors;
  EXPECT_EQ(text(context->getTensorShape("y")), "2: -1 4");

  ASSERT_TRUE(context->setInputShape("x", dims({2, 4})));
  ASSERT_TRUE(context->setBindingDimensions(1, dims({2, 4})));
  EXPECT_EQ(context->inferShapes(0, nullptr), 0);
  EXPECT_EQ(text(context->getTensorShape("y")), "2: 2 4");
  ASSERT_TRUE(context->executeV2(bindings)) << logger.errors;
  EXPECT_EQ(y[7], 2);
  EXPECT_EQ(y[8], 0);

  logger.errors.clear();
  EXPECT_FALSE(context->setInputShape("x", dims({5, 4})));  // of the other profile
  EXPECT_TRUE(logger.told("2x4") && logger.told("5x4")) << logger.errors;
  EXPECT_FALSE(context->setInputShape("x", dims({2, 5})));
  EXPECT_FALSE(context->setInputShape("x", dims({2})));
  EXPECT_FALSE(context->setInputShape("x", dims({-1, 4})));
  EXPECT_FALSE(context->setInputShape("y", dims({2, 4})));
  EXPECT_FALSE(context->setInputShape("nobody", dims({2, 4})));
  EXPECT_FALSE(context->setOptimizationProfile(2));

  ASSERT_TRUE(context->setOptimizationProfileAsync(1, nullptr));
  EXPECT_FALSE(context->allInputDimensionsSpecified());
  ASSERT_TRUE(context->setInputShape("x", dims({8, 4})));
  ASSERT_TRUE(context->setInputShape("z", dims({8, 4})));
  void* second[] = {nullptr, nullptr, nullptr, x.data(), z.data(), y.data()};
  ASSERT_TRUE(context->executeV2(second)) << logger.errors;
  EXPECT_EQ(y[31], 2);
}

TEST_F(Runtime, AnImplicitBatchIsNotSeen) {
  Metadata metadata;
  metadata.bindings = {{"x", true, false, {4}}, {"z", true, false, {4}}, {"y", false, false, {4}}};
  metadata.profiles.resize(1);
  metadata.implicit_batch = true;
  metadata.max_batch = 3;
  const plan::ShapeRange range{{1, 4}, {3, 4}, {3, 4}};
  const Ptr<ICudaEngine> engine = load(plan_bytes(kDynamic, {{"x", range}, {"z", range}}, &metadata));
  ASSERT_TRUE(engine) << logger.errors;
  EXPECT_TRUE(engine->hasImplicitBatchDimension());
  EXPECT_EQ(engine->getMaxBatchSize(), 3);
  EXPECT_EQ(text(engine->getBindingDimensions(2)), "1: 4");
  IExecutionContext* context = engine->createExecutionContext();
  std::vector<float> x(12, 3), z(12, 1), y(12);
  void* bindings[] = {x.data(), z.data(), y.data()};
  ASSERT_TRUE(context->execute(2, bindings)) << logger.errors;
  EXPECT_EQ(y[7], 2);
  EXPECT_EQ(y[8], 0);
  ASSERT_TRUE(context->enqueue(3, bindings, nullptr, nullptr));
  EXPECT_EQ(y[11], 2);
  EXPECT_EQ(text(context->getBindingDimensions(2)), "1: 4");
  EXPECT_FALSE(context->execute(4, bindings));
  EXPECT_TRUE(logger.told("maximum")) << logger.errors;
  context->destroy();
}

TEST_F(Runtime, WrongUseIsAnErrorAndNoMore) {
  const Ptr<ICudaEngine> engine = load(plan_bytes(kSmall));
  ASSERT_TRUE(engine);
  engine->setErrorRecorder(&recorder);
  const Ptr<IExecutionContext> context(engine->createExecutionContext());
  EXPECT_EQ(recorder.references, 2);
  EXPECT_FALSE(context->executeV2(nullptr));
  float x[6] = {}, y[6] = {};
  void* no_output[] = {x, y, nullptr};
  EXPECT_FALSE(context->executeV2(no_output));
  EXPECT_TRUE(logger.told("'positive'")) << logger.errors;
  void* no_input[] = {nullptr, y, y};
  EXPECT_FALSE(context->executeV2(no_input));
  EXPECT_FALSE(context->execute(2, no_output));
  EXPECT_EQ(engine->getBindingIndex("nobody"), -1);
  EXPECT_EQ(engine->getBindingName(7), nullptr);
  EXPECT_EQ(engine->getIOTensorName(-1), nullptr);
  EXPECT_EQ(engine->getTensorShape(nullptr).nbDims, -1);
  EXPECT_FALSE(context->setTensorAddress("nobody", x));
  EXPECT_FALSE(context->setCommunicator(nullptr));
  EXPECT_GE(recorder.getNbErrors(), 8);
}

class Allocator : public nvinfer1::IOutputAllocator {
 public:
  void* reallocateOutput(char const* name, void*, uint64_t size, uint64_t) noexcept override {
    memory.resize(size);
    of = name;
    return refuses ? nullptr : memory.data();
  }
  void notifyShape(char const*, Dims const& dims) noexcept override { shape = text(dims); }
  std::vector<char> memory;
  std::string of, shape;
  bool refuses = false;
};

TEST_F(Runtime, OutputAllocators) {
  const Ptr<ICudaEngine> engine = load(plan_bytes(R"((%x: f32[2,3]) {
    %n = NonZero(%x)
    %y = Neg(%x)
    return %n, %y
  })"));
  ASSERT_TRUE(engine) << logger.errors;
  const Ptr<IExecutionContext> context(engine->createExecutionContext());
  float x[6] = {0, 1, 0, 0, 0, 2}, y[6] = {};
  ASSERT_TRUE(context->setTensorAddress("x", x));
  ASSERT_TRUE(context->setTensorAddress("y", y));
  EXPECT_FALSE(context->enqueueV3(nullptr));
  EXPECT_TRUE(logger.told("IOutputAllocator")) << logger.errors;
  Allocator of_n, of_y;
  ASSERT_TRUE(context->setOutputAllocator("n", &of_n));
  EXPECT_EQ(context->getOutputAllocator("n"), &of_n);
  ASSERT_TRUE(context->enqueueV3(nullptr)) << logger.errors;
  EXPECT_EQ(of_n.of, "n");
  EXPECT_EQ(of_n.shape, "2: 2 2");
  using Index = std::conditional_t<NV_TENSORRT_MAJOR >= 9, int64_t, int32_t>;  // as the client's generation knows it
  const Index want[4] = {0, 1, 1, 2};
  ASSERT_EQ(of_n.memory.size(), sizeof want);
  EXPECT_EQ(std::memcmp(of_n.memory.data(), want, sizeof want), 0);
  EXPECT_EQ(y[5], -2);
  x[0] = 5;
  ASSERT_TRUE(context->setOutputAllocator("y", &of_y));
  ASSERT_TRUE(context->enqueueV3(nullptr));
  EXPECT_EQ(of_n.shape, "2: 2 3");
  EXPECT_EQ(of_y.shape, "2: 2 3");
  EXPECT_EQ(reinterpret_cast<float*>(of_y.memory.data())[0], -5);
  of_y.refuses = true;
  EXPECT_FALSE(context->enqueueV3(nullptr));
}

TEST_F(Runtime, ReportsLayersToAProfiler) {
  struct Profiler : nvinfer1::IProfiler {
    void reportLayerTime(char const* name, float ms) noexcept override {
      EXPECT_GE(ms, 0);
      names.push_back(name);
    }
    std::vector<std::string> names;
  } profiler;
  const Ptr<ICudaEngine> engine = load(plan_bytes(kSmall));
  ASSERT_TRUE(engine);
  const Ptr<IExecutionContext> context(engine->createExecutionContext());
  context->setProfiler(&profiler);
  float x[6] = {}, y[6] = {}, z[6] = {};
  void* bindings[] = {x, y, z};
  ASSERT_TRUE(context->executeV2(bindings));
  const size_t once = profiler.names.size();
  EXPECT_GT(once, 0U);
  EXPECT_LE(once, static_cast<size_t>(engine->getNbLayers()));
  context->setEnqueueEmitsProfile(false);
  ASSERT_TRUE(context->enqueueV2(bindings, nullptr, nullptr));
  EXPECT_EQ(profiler.names.size(), once);
  ASSERT_TRUE(context->reportToProfiler());
  EXPECT_EQ(profiler.names.size(), 2 * once);
}

TEST_F(Runtime, DescribesLayers) {
  using nvinfer1::LayerInformationFormat;
  const Ptr<ICudaEngine> engine = load(dynamic_plan());
  ASSERT_TRUE(engine);
  const Ptr<nvinfer1::IEngineInspector> inspector(engine->createEngineInspector());
  const std::string json = inspector->getEngineInformation(LayerInformationFormat::kJSON);
  EXPECT_EQ(json.find("{\"Layers\": [{\"Name\": \""), 0U) << json;
  EXPECT_NE(json.find("\"LayerType\": \"vivace.Pointwise\""), std::string::npos) << json;
  EXPECT_NE(json.find("\"Bindings\": [\"x\",\n\"z\",\n\"y\"]}"), std::string::npos) << json;
  EXPECT_NE(json.find("\"Dimensions\": [-1,4], \"Format/Datatype\": \"Row major linear FP32\""), std::string::npos)
      << json;
  const std::string line = inspector->getLayerInformation(0, LayerInformationFormat::kONELINE);
  EXPECT_EQ(line.find("Name: "), 0U) << line;
  EXPECT_NE(line.find("LayerType: vivace.Pointwise, Inputs: [ { Name: x, "), std::string::npos) << line;
  EXPECT_STREQ(inspector->getLayerInformation(9, LayerInformationFormat::kJSON), "");
  const Ptr<ICudaEngine> plain = load(plan_bytes(kSmall));  // names only
  const Ptr<nvinfer1::IEngineInspector> names(plain->createEngineInspector());
  EXPECT_EQ(std::string(names->getEngineInformation(LayerInformationFormat::kJSON)).find("LayerType"),
            std::string::npos);
}

TEST_F(Runtime, RefitsWeights) {
  Metadata metadata;
  metadata.bindings = {{"x", true, false, {1, 2}}, {"y", false, false, {1, 2}}};
  metadata.profiles.resize(1);
  metadata.refittable = true;
  const Ptr<ICudaEngine> engine = load(plan_bytes(R"((%x: f32[1,2]) {
    %w = const f32[2,2] {1, 0, 0, 1}
    %b = const f32[2] {0.5, 0.5}
    %y = Gemm(%x, %w, %b) "fc"
    return %y
  })",
                                                  {}, &metadata));
  ASSERT_TRUE(engine) << logger.errors;
  EXPECT_TRUE(engine->isRefittable());
  const Ptr<IExecutionContext> context(engine->createExecutionContext());
  const float x[2] = {3, 4};
  float y[2] = {};
  void* bindings[] = {const_cast<float*>(x), y};
  ASSERT_TRUE(context->executeV2(bindings));
  EXPECT_EQ(y[0], 3.5);

  const Ptr<nvinfer1::IRefitter> refitter(nvinfer1::createInferRefitter(*engine, logger));
  ASSERT_TRUE(refitter);
  const char* names[2] = {};
  ASSERT_EQ(refitter->getAllWeights(2, names), 2);
  EXPECT_STREQ(names[0], "w");
  const float w[4] = {0, 2, 1, 0}, b[2] = {0, 0};
  EXPECT_FALSE(refitter->setNamedWeights("w", {nvinfer1::DataType::kFLOAT, w, 3}));
  EXPECT_FALSE(refitter->setNamedWeights("nobody", {nvinfer1::DataType::kFLOAT, w, 4}));
  ASSERT_TRUE(refitter->setNamedWeights("w", {nvinfer1::DataType::kFLOAT, w, 4}));
  ASSERT_TRUE(refitter->setWeights("fc", nvinfer1::WeightsRole::kBIAS, {nvinfer1::DataType::kFLOAT, b, 2}));
  ASSERT_TRUE(refitter->refitCudaEngine()) << logger.errors;
  ASSERT_TRUE(context->executeV2(bindings)) << logger.errors;  // the context made before
  EXPECT_EQ(y[0], 4);
  EXPECT_EQ(y[1], 6);
  // Serialized with the new weights, and refittable still.
  const Ptr<nvinfer1::IHostMemory> bytes(engine->serialize());
  const Ptr<ICudaEngine> again(runtime->deserializeCudaEngine(bytes->data(), bytes->size()));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->isRefittable());

  const Ptr<ICudaEngine> fixed = load(plan_bytes(kSmall));
  const Ptr<nvinfer1::IRefitter> none(nvinfer1::createInferRefitter(*fixed, logger));
  EXPECT_EQ(none->getAllWeights(0, nullptr), 0);
  EXPECT_FALSE(none->refitCudaEngine());
  EXPECT_TRUE(logger.told("kREFIT")) << logger.errors;
}

TEST_F(Runtime, ContextsRunAtTheSameTime) {
  const Ptr<ICudaEngine> engine = load(plan_bytes(kSmall));
  ASSERT_TRUE(engine);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const Ptr<IExecutionContext> context(engine->createExecutionContext());
      for (int run = 0; run < 50; ++run) {
        float x[6], y[6], z[6];
        for (float& value : x) value = static_cast<float>(t * 100 + run);
        void* bindings[] = {x, y, z};
        if (!context->executeV2(bindings) || z[3] != x[3]) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Library, SaysItsVersion) {
  EXPECT_EQ(getInferLibVersion(), NV_TENSORRT_VERSION);
  EXPECT_EQ(getInferLibMajorVersion(), NV_TENSORRT_MAJOR);
  EXPECT_EQ(createInferRuntime_INTERNAL(nullptr, NV_TENSORRT_VERSION), nullptr);
}

}  // namespace
}  // namespace vivace::tensorrt
