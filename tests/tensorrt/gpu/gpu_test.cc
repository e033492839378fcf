// Engines on a GPU, with the null device: what is copied, whose memory and which stream is used. Its kernels compute
// nothing, so nodes whose results are looked at run on the CPU, between copies.
#include <array>
#include <cstdlib>
#include <cstring>

#include "backends/cuda/compiler.h"
#include "base/version.h"
#include "cuda/graphs.h"
#include "tensorrt/device.h"
#include "tensorrt/runtime_testing.h"
#include "tensorrt/test_plugins.h"

namespace vivace::tensorrt {
namespace {

template <class T>
using Ptr = std::unique_ptr<T>;
using Values = std::vector<float>;

const bool null_device = setenv("VIVACE_CUDA", "null", 1) == 0;

TestLogger& logger() {
  static TestLogger& all = *new TestLogger;  // the first logger also serves the plugin registry, for good
  return all;
}

// Memory of the device.
class OnGpu {
 public:
  explicit OnGpu(size_t bytes)
      : memory_(*cuda::Memory::allocate(*cuda::Gpu::open(0), cuda::Memory::Kind::device, bytes)) {}
  explicit OnGpu(const Values& values) : OnGpu(values.size() * sizeof(float)) {
    std::memcpy(data(), values.data(), values.size() * sizeof(float));
  }
  void* data() const { return reinterpret_cast<void*>(memory_.device()); }
  Values values() const {
    const auto* first = static_cast<const float*>(data());
    return {first, first + memory_.bytes() / sizeof(float)};
  }

 private:
  cuda::Memory memory_;
};

constexpr const char* kText = "(%x: f32[2,3]) { %a = Relu(%x) %y = Neg(%a) return %y }";
const Values kX = {-2, -1, 0, 1, 2, 3}, kY = {0, 0, 0, -1, -2, -3};

// A plan for a GPU: all nodes on the CPU, or kernels without machine code.
std::vector<std::byte> gpu_plan(const char* text, bool kernels = false, const Metadata* metadata = nullptr) {
  plan::Plan plan;
  const std::shared_ptr<ir::Graph> graph = cuda::graph_of(text);
  std::vector<Shape> shapes;
  for (const ir::Value* input : graph->inputs()) {
    shapes.push_back(*input->type.shape());
    plan.ranges.push_back({shapes.back(), shapes.back(), shapes.back()});
  }
  plan.program = cuda::program_of(graph, *cpu::concretize(*graph, shapes), kernels);
  plan.portable = graph->clone();
  plan.origin = {version(), "cuda sm_90", "null device"};
  if (metadata) plan.metadata = to_entries(*metadata);
  return *plan::to_bytes(plan);
}

struct Loaded {
  Ptr<nvinfer1::IRuntime> runtime{nvinfer1::createInferRuntime(logger())};
  Ptr<nvinfer1::ICudaEngine> engine;
  Ptr<nvinfer1::IExecutionContext> context;

  explicit Loaded(const std::vector<std::byte>& plan, nvinfer1::IGpuAllocator* allocator = nullptr) {
    logger().errors.clear();
    runtime->setGpuAllocator(allocator);
    engine.reset(runtime->deserializeCudaEngine(plan.data(), plan.size()));
    if (engine) context.reset(engine->createExecutionContext());
    EXPECT_TRUE(context) << logger().errors;
  }
  bool run(void* x, void* y, cudaStream_t stream = nullptr) {
    return context->setTensorAddress("x", x) && context->setTensorAddress("y", y) && context->enqueueV3(stream);
  }
};
const auto some_stream = reinterpret_cast<cudaStream_t>(0x1000);

class Capture {
 public:
  Capture() { driver_.cuStreamBeginCapture_v2(nullptr, 0); }
  ~Capture() {
    cuda::GraphHandle* graph = nullptr;
    driver_.cuStreamEndCapture(nullptr, &graph);
    driver_.cuGraphDestroy(graph);
  }

 private:
  const cuda::Driver& driver_ = **cuda::driver();
};

TEST(GpuEngines, RunOnMemoryOfTheGpu) {
  Loaded loaded(gpu_plan(kText));
  const OnGpu x(kX), y(Values(6));
  ASSERT_TRUE(loaded.run(x.data(), y.data(), some_stream)) << logger().errors;
  EXPECT_EQ(y.values(), kY);
  void* bindings[] = {x.data(), y.data()};
  std::memset(y.data(), 0, 24);
  ASSERT_TRUE(loaded.context->executeV2(bindings)) << logger().errors;
  EXPECT_EQ(y.values(), kY);
  EXPECT_FALSE(loaded.run(nullptr, y.data()));
  EXPECT_TRUE(logger().told("'x' has no data")) << logger().errors;
}

TEST(GpuEngines, SayWhichLibrariesTheirBuildsAllowed) {
  const std::vector<std::byte> bytes = gpu_plan(kText);
  EXPECT_EQ(Loaded(bytes).engine->getTacticSources(), 0u);
  plan::Plan plan = *plan::from_bytes(bytes, nullptr);
  plan.options["tactic_sources"] = "cudnn,cublaslt";
  EXPECT_EQ(Loaded(*plan::to_bytes(plan)).engine->getTacticSources(), 6u);
}

// As clients have it that use the CUDA runtime over host memory.
TEST(GpuEngines, AcceptMemoryOfTheHost) {
  Loaded loaded(gpu_plan(kText));
  Values x = kX, y(6);
  ASSERT_TRUE(loaded.run(x.data(), y.data(), some_stream)) << logger().errors;
  EXPECT_EQ(y, kY);
  const OnGpu there(Values(6));
  ASSERT_TRUE(loaded.run(x.data(), there.data())) << logger().errors;
  EXPECT_EQ(there.values(), kY);
}

TEST(GpuEngines, WriteWhereAnOutputAllocatorSays) {
  struct Output final : nvinfer1::IOutputAllocator {
    void* reallocateOutput(const char*, void*, uint64_t, uint64_t) noexcept override { return memory.data(); }
    void notifyShape(const char*, const nvinfer1::Dims& dims) noexcept override { rows = dims.d[0]; }
    OnGpu memory{Values(6)};
    int64_t rows = 0;
  } output;
  Loaded loaded(gpu_plan(kText));
  const OnGpu x(kX);
  ASSERT_TRUE(loaded.context->setOutputAllocator("y", &output));
  ASSERT_TRUE(loaded.run(x.data(), nullptr)) << logger().errors;
  EXPECT_EQ(output.memory.values(), kY);
  EXPECT_EQ(output.rows, 2);
}

TEST(GpuEngines, BecomePartOfAGraph) {
  const OnGpu x(kX), y(Values(6));
  Loaded kernels(gpu_plan(kText, true));
  Loaded with_cpu(gpu_plan(kText));
  const Capture capture;
  EXPECT_TRUE(kernels.run(x.data(), y.data(), some_stream)) << logger().errors;
  EXPECT_FALSE(with_cpu.run(x.data(), y.data(), some_stream));
  EXPECT_TRUE(logger().told("cannot be captured")) << logger().errors;
}

TEST(GpuEngines, RunInMemoryThatTheyAreLent) {
  Loaded loaded(gpu_plan(kText));
  loaded.context.reset(loaded.engine->createExecutionContextWithoutDeviceMemory());
  const OnGpu x(kX), y(Values(6));
  EXPECT_FALSE(loaded.run(x.data(), y.data()));
  const auto bytes = loaded.engine->getDeviceMemorySize();
  const OnGpu lent(bytes);
  loaded.context->setDeviceMemoryV2(lent.data(), static_cast<int64_t>(bytes));
  ASSERT_TRUE(loaded.run(x.data(), y.data())) << logger().errors;
  EXPECT_EQ(y.values(), kY);
  std::vector<std::byte> elsewhere(bytes);  // no kernel can work there: the context takes memory of its own
  std::memset(y.data(), 0, 24);
  loaded.context->setDeviceMemoryV2(elsewhere.data(), static_cast<int64_t>(bytes));
  ASSERT_TRUE(loaded.run(x.data(), y.data())) << logger().errors;
  EXPECT_EQ(y.values(), kY);
}

class CountingAllocator final : public nvinfer1::IGpuAllocator {
 public:
  explicit CountingAllocator(bool of_gpu) : of_gpu_(of_gpu) {}
  void* allocate(uint64_t size, uint64_t, nvinfer1::AllocatorFlags) noexcept override {
    largest = std::max(largest, size);
    ++alive;
    if (!of_gpu_) return std::malloc(size);
    cuda::DevicePointer made = 0;
    driver_.cuMemAlloc_v2(&made, size);
    return reinterpret_cast<void*>(made);
  }
  bool deallocate(void* memory) noexcept override {
    --alive;
    of_gpu_ ? static_cast<void>(driver_.cuMemFree_v2(reinterpret_cast<cuda::DevicePointer>(memory)))
            : std::free(memory);
    return true;
  }
  uint64_t largest = 0;
  int alive = 0;

 private:
  bool of_gpu_;
  const cuda::Driver& driver_ = **cuda::driver();
};

TEST(GpuEngines, TakeMemoryOfAllocatorsThatGiveTheGpus) {
  for (const bool of_gpu : {true, false}) {
    CountingAllocator allocator(of_gpu);
    {
      Loaded loaded(gpu_plan(kText), &allocator);
      const OnGpu x(kX), y(Values(6));
      ASSERT_TRUE(loaded.run(x.data(), y.data())) << logger().errors;
      EXPECT_EQ(y.values(), kY);
      EXPECT_GE(allocator.largest, of_gpu ? loaded.engine->getDeviceMemorySize() : 0);
      EXPECT_EQ(allocator.alive, of_gpu ? 1 : 0) << "the GPU's memory is for runs";
    }
    EXPECT_EQ(allocator.alive, 0);
  }
}

TEST(GpuEngines, TellTimesOfLayersAndShowDebugTensors) {
  struct Profiler final : nvinfer1::IProfiler {
    void reportLayerTime(const char*, float) noexcept override { ++layers; }
    int layers = 0;
  } profiler;
  struct Listener final : nvinfer1::IDebugListener {
    bool processDebugTensor(const void* data, nvinfer1::TensorLocation at, nvinfer1::DataType, const nvinfer1::Dims&,
                            const char* name, cudaStream_t) override {
      const auto* first = static_cast<const float*>(data);
      seen = {first, first + 6};
      location = at;
      return std::string(name) == "a" && (home_of(data) == Home::device) == (at == nvinfer1::TensorLocation::kDEVICE);
    }
    Values seen;
    nvinfer1::TensorLocation location{};
  } listener;
  Metadata metadata;
  metadata.bindings = {{"x", true, false, {2, 3}, 1, false}, {"y", false, false, {2, 3}, 1, false}};
  metadata.profiles.emplace_back();
  metadata.debug = {"a"};
  Loaded loaded(gpu_plan("(%x: f32[2,3]) { %a = Relu(%x) %y = Neg(%a) return %y, %a }", false, &metadata));
  loaded.context->setDebugListener(&listener);
  ASSERT_TRUE(loaded.context->setTensorDebugState("a", true));
  const OnGpu x(kX), y(Values(6));
  for (const bool profiled : {false, true}) {
    loaded.context->setProfiler(profiled ? &profiler : nullptr);
    std::memset(y.data(), 0, 24);
    ASSERT_TRUE(loaded.run(x.data(), y.data())) << logger().errors;
    EXPECT_EQ(y.values(), kY);
    EXPECT_EQ(listener.seen, (Values{0, 0, 0, 1, 2, 3}));
    EXPECT_EQ(listener.location, profiled ? nvinfer1::TensorLocation::kHOST : nvinfer1::TensorLocation::kDEVICE);
  }
  EXPECT_EQ(profiler.layers, 2);
}

// A client's kernels need memory of the GPU and a stream, whichever device the engine is for.
TEST(Plugins, WorkOnTheGpu) {
  RepeatPlugin::where = [](const void* in, const void* out, const void* workspace, cudaStream_t stream) {
    return stream && home_of(in) == Home::device && home_of(out) == Home::device && home_of(workspace) == Home::device;
  };
  const Ptr<nvinfer1::IBuilder> builder(nvinfer1::createInferBuilder(logger()));
  const Ptr<nvinfer1::INetworkDefinition> network(builder->createNetworkV2(1U));
  nvinfer1::ITensor* x = network->addInput("x", nvinfer1::DataType::kFLOAT, nvinfer1::Dims2(2, 3));
  RepeatPlugin plugin(2);
  nvinfer1::ITensor* y = network->addPluginV2(&x, 1, plugin)->getOutput(0);
  y->setName("y");
  network->markOutput(*y);
  const Ptr<nvinfer1::IBuilderConfig> config(builder->createBuilderConfig());
  const Ptr<nvinfer1::IHostMemory> plan(builder->buildSerializedNetwork(*network, *config));
  ASSERT_TRUE(plan) << logger().errors;
  const auto* bytes = static_cast<const std::byte*>(plan->data());
  Loaded loaded(std::vector<std::byte>(bytes, bytes + plan->size()));
  const OnGpu in(kX), out(Values(12));
  ASSERT_TRUE(loaded.run(in.data(), out.data())) << logger().errors;
  EXPECT_EQ(out.values(), (Values{-4, -2, 0, 2, 4, 6, -4, -2, 0, 2, 4, 6}));
}

TEST(CpuEngines, CopyFromAndToMemoryOfAGpu) {
  Loaded loaded(plan_bytes(kText));
  const OnGpu x(kX), y(Values(6));
  Values own(6);  // written by the run that it is bound for, and by none after
  ASSERT_TRUE(loaded.run(x.data(), own.data())) << logger().errors;
  EXPECT_EQ(own, kY);
  own.assign(6, 5);
  ASSERT_TRUE(loaded.run(x.data(), y.data(), some_stream)) << logger().errors;
  EXPECT_EQ(y.values(), kY);
  EXPECT_EQ(own, Values(6, 5));
  const Capture capture;
  EXPECT_FALSE(loaded.run(x.data(), y.data(), some_stream));
  EXPECT_TRUE(logger().told("which a CUDA graph cannot")) << logger().errors;
}

TEST(CpuEngines, ConvertIntegersInMemoryOfAGpu) {
  Loaded loaded(plan_bytes("(%x: i64[2,3]) { %y = Neg(%x) return %y }"));
  const OnGpu x(Values(6)), y(Values(6));
  for (int i = 0; i < 6; ++i) static_cast<int32_t*>(x.data())[i] = i - 2;
  ASSERT_TRUE(loaded.run(x.data(), y.data())) << logger().errors;
  EXPECT_EQ(static_cast<const int32_t*>(y.data())[5], -3);
}

TEST(Builder, BuildsForTheGpuThatIsHere) {
  const Ptr<nvinfer1::IBuilder> builder(nvinfer1::createInferBuilder(logger()));
  const bool compiles = cuda::compiler_version().ok();  // else it is built for the CPU, with a warning
  const auto origin = [&](auto flag) -> std::string {
    const Ptr<nvinfer1::INetworkDefinition> network(builder->createNetworkV2(1U));
    nvinfer1::ITensor* x = network->addInput("x", nvinfer1::DataType::kFLOAT, nvinfer1::Dims2(2, 3));
    network->markOutput(*network->addActivation(*x, nvinfer1::ActivationType::kSIGMOID)->getOutput(0));
    const Ptr<nvinfer1::IBuilderConfig> config(builder->createBuilderConfig());
    config->setBuilderOptimizationLevel(0);
    if (flag == nvinfer1::BuilderFlag::kTF32)
      config->clearFlag(*flag);  // is set by default
    else if (flag)
      config->setFlag(*flag);
    const Ptr<nvinfer1::IHostMemory> built(builder->buildSerializedNetwork(*network, *config));
    if (!built) return logger().errors;
    const auto* bytes = static_cast<const std::byte*>(built->data());
    const Result<plan::Plan> plan = plan::from_bytes({bytes, built->size()}, {}, {});
    const auto precision = plan->options.find("precision");
    return plan->origin.device + (precision == plan->options.end() ? "" : ", " + precision->second);
  };
  using Flag = std::optional<nvinfer1::BuilderFlag>;
  EXPECT_TRUE(builder->platformHasFastFp16());
  const std::string cpu = origin(Flag()).starts_with("cuda") ? "" : origin(Flag());
  EXPECT_EQ(cpu.empty(), compiles);
  if (compiles) {
    EXPECT_EQ(origin(Flag()), "cuda sm_90, tf32");
    EXPECT_EQ(origin(Flag(nvinfer1::BuilderFlag::kTF32)), "cuda sm_90");
    EXPECT_EQ(origin(Flag(nvinfer1::BuilderFlag::kFP16)), "cuda sm_90, f16");
    EXPECT_EQ(origin(Flag(nvinfer1::BuilderFlag::kBF16)), "cuda sm_90, bf16");
  }
  setenv("VIVACE_TENSORRT_DEVICE", "cpu", 1);
  EXPECT_FALSE(builder->platformHasFastFp16());
  EXPECT_TRUE(origin(Flag(nvinfer1::BuilderFlag::kFP16)).starts_with("cpu"));
  setenv("VIVACE_TENSORRT_DEVICE", "gpu", 1);
  EXPECT_NE(origin(Flag()).find("there is no device 'gpu'"), std::string::npos);
  unsetenv("VIVACE_TENSORRT_DEVICE");
}

}  // namespace
}  // namespace vivace::tensorrt
