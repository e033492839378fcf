// A client that uses the CUDA runtime as programs for a GPU do: device memory, streams, events, graphs. With the
// runtime over host memory it runs on any machine; with NVIDIA's, on a GPU, where kernels get the client's own
// addresses.
//   client [fp16]   ends with 0 where all that was tried gave what the CPU gives
#include <cuda_runtime_api.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "NvInfer.h"

namespace {

using namespace nvinfer1;
template <class T>
using Ptr = std::unique_ptr<T>;
using Values = std::vector<float>;

int failures = 0;
float tolerance = 2e-5F;

void expect(bool holds, const std::string& what) {
  std::printf("%s %s\n", holds ? "ok    " : "FAILED", what.c_str());
  failures += !holds;
}
void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::printf("FAILED %s: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}
#define CUDA(call) check(call, #call)

class Logger final : public ILogger {
  void log(Severity severity, char const* text) noexcept override {
    if (severity <= Severity::kWARNING) std::printf("[TRT] %s\n", text);
  }
} logger;

/// Memory of the device, of the pages that it reads, or just of the host.
class Buffer {
 public:
  enum Kind { device, pinned, host };
  Buffer(size_t floats, Kind kind) : floats_(floats), kind_(kind) {
    const size_t bytes = floats * sizeof(float);
    if (kind == device)
      CUDA(cudaMalloc(&data_, bytes));
    else if (kind == pinned)
      CUDA(cudaMallocHost(&data_, bytes));
    else
      data_ = std::malloc(bytes);
    set(Values(floats));
  }
  ~Buffer() {
    kind_ == device ? (void)cudaFree(data_) : kind_ == pinned ? (void)cudaFreeHost(data_) : std::free(data_);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void set(const Values& values) {
    CUDA(cudaMemcpy(data_, values.data(), floats_ * sizeof(float), cudaMemcpyDefault));
    CUDA(cudaDeviceSynchronize());  // a stream that does not block would not wait for the copy
  }
  Values get() const {
    Values values(floats_);
    CUDA(cudaMemcpy(values.data(), data_, floats_ * sizeof(float), cudaMemcpyDefault));
    return values;
  }
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
  size_t floats_;
  Kind kind_;
};

Values numbers(size_t count, unsigned seed) {
  Values made(count);
  for (float& v : made) v = static_cast<float>((seed = seed * 1664525U + 1013904223U) >> 16) / 65536.0F - 0.5F;
  return made;
}

bool same(const Values& a, const Values& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= tolerance * (1 + std::abs(b[i])))) {
      std::printf("       element %zu is %g, not %g\n", i, static_cast<double>(a[i]), static_cast<double>(b[i]));
      return false;
    }
  return a.size() == b.size();
}

// Its input, copied in the stream that it is given: what any kernel would do with the addresses.
class Copy final : public IPluginV2DynamicExt {
 public:
  char const* getPluginType() const noexcept override { return "StreamCopy"; }
  char const* getPluginVersion() const noexcept override { return "1"; }
  int32_t getNbOutputs() const noexcept override { return 1; }
  int32_t initialize() noexcept override { return 0; }
  void terminate() noexcept override {}
  size_t getSerializationSize() const noexcept override { return 0; }
  void serialize(void*) const noexcept override {}
  void destroy() noexcept override { delete this; }
  void setPluginNamespace(char const*) noexcept override {}
  char const* getPluginNamespace() const noexcept override { return ""; }
  DataType getOutputDataType(int32_t, DataType const* types, int32_t) const noexcept override { return types[0]; }
  IPluginV2DynamicExt* clone() const noexcept override { return new Copy; }
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* in, int32_t, IExprBuilder&) noexcept override {
    return in[0];
  }
  bool supportsFormatCombination(int32_t i, PluginTensorDesc const* all, int32_t, int32_t) noexcept override {
    return all[i].type == DataType::kFLOAT && all[i].format == TensorFormat::kLINEAR;
  }
  void configurePlugin(DynamicPluginTensorDesc const*, int32_t, DynamicPluginTensorDesc const*,
                       int32_t) noexcept override {}
  size_t getWorkspaceSize(PluginTensorDesc const*, int32_t, PluginTensorDesc const*, int32_t) const noexcept override {
    return 64;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs, void* const* outputs,
                  void* workspace, cudaStream_t stream) noexcept override {
    size_t bytes = sizeof(float);
    for (int32_t i = 0; i < in[0].dims.nbDims; ++i) bytes *= static_cast<size_t>(in[0].dims.d[i]);
    if (cudaMemsetAsync(workspace, 0, 64, stream) != cudaSuccess) return 1;
    return cudaMemcpyAsync(outputs[0], inputs[0], bytes, cudaMemcpyDeviceToDevice, stream) == cudaSuccess ? 0 : 2;
  }
};

class CopyCreator final : public IPluginCreator {
 public:
  char const* getPluginName() const noexcept override { return "StreamCopy"; }
  char const* getPluginVersion() const noexcept override { return "1"; }
  PluginFieldCollection const* getFieldNames() noexcept override { return &none_; }
  IPluginV2* createPlugin(char const*, PluginFieldCollection const*) noexcept override { return new Copy; }
  IPluginV2* deserializePlugin(char const*, void const*, size_t) noexcept override { return new Copy; }
  void setPluginNamespace(char const*) noexcept override {}
  char const* getPluginNamespace() const noexcept override { return ""; }

 private:
  PluginFieldCollection none_{0, nullptr};
};
REGISTER_TENSORRT_PLUGIN(CopyCreator);

constexpr int kBatch = 3, kChannels = 3, kSize = 20, kFilters = 16, kClasses = 10;
constexpr size_t kIn = kBatch * kChannels * kSize * kSize, kOut = kBatch * kClasses;

Ptr<IHostMemory> build(bool fp16, bool refit, bool plugin) {
  static const Values kernel = numbers(kFilters * kChannels * 9, 1), bias = numbers(kFilters, 2),
                      matrix = numbers(kFilters * 81 * kClasses, 3);
  const auto weights = [](const Values& v) {
    return Weights{DataType::kFLOAT, v.data(), static_cast<int64_t>(v.size())};
  };
  const Ptr<IBuilder> builder(createInferBuilder(logger));
  const Ptr<INetworkDefinition> network(builder->createNetworkV2(1U));
  const Ptr<IBuilderConfig> config(builder->createBuilderConfig());
  ITensor* x = network->addInput("x", DataType::kFLOAT, Dims4(-1, kChannels, kSize, kSize));
  ILayer* conv = network->addConvolutionNd(*x, kFilters, Dims2(3, 3), weights(kernel), weights(bias));
  conv->setName("conv");
  ITensor* t = network->addActivation(*conv->getOutput(0), ActivationType::kRELU)->getOutput(0);
  if (plugin) {
    Copy copy;
    t = network->addPluginV2(&t, 1, copy)->getOutput(0);
  }
  IPoolingLayer* pool = network->addPoolingNd(*t, PoolingType::kMAX, Dims2(2, 2));
  pool->setStrideNd(Dims2(2, 2));
  IShuffleLayer* flat = network->addShuffle(*pool->getOutput(0));
  flat->setReshapeDimensions(Dims2(0, kFilters * 81));
  ITensor* m = network->addConstant(Dims2(kFilters * 81, kClasses), weights(matrix))->getOutput(0);
  ITensor* y =
      network->addMatrixMultiply(*flat->getOutput(0), MatrixOperation::kNONE, *m, MatrixOperation::kNONE)->getOutput(0);
  y->setName("y");
  network->markOutput(*y);
  for (const int most : {1, kBatch}) {
    IOptimizationProfile* profile = builder->createOptimizationProfile();
    profile->setDimensions("x", OptProfileSelector::kMIN, Dims4(1, kChannels, kSize, kSize));
    profile->setDimensions("x", OptProfileSelector::kOPT, Dims4(most, kChannels, kSize, kSize));
    profile->setDimensions("x", OptProfileSelector::kMAX, Dims4(most, kChannels, kSize, kSize));
    config->addOptimizationProfile(profile);
  }
  config->setBuilderOptimizationLevel(0);
  config->clearFlag(BuilderFlag::kTF32);  // set at first; its rounding would hide mistakes
  if (fp16) config->setFlag(BuilderFlag::kFP16);
  if (refit) config->setFlag(BuilderFlag::kREFIT);
  return Ptr<IHostMemory>(builder->buildSerializedNetwork(*network, *config));
}

class Allocator final : public IGpuAllocator {
 public:
  void* allocate(uint64_t size, uint64_t, AllocatorFlags) noexcept override {
    void* made = nullptr;
    alive += cudaMalloc(&made, size) == cudaSuccess;
    return made;
  }
  bool deallocate(void* memory) noexcept override { return --alive, cudaFree(memory) == cudaSuccess; }
  int alive = 0;
};

class Output final : public IOutputAllocator {
 public:
  void* reallocateOutput(char const*, void*, uint64_t size, uint64_t) noexcept override {
    memory = std::make_unique<Buffer>(size / sizeof(float), Buffer::device);
    return memory->data();
  }
  void notifyShape(char const*, Dims const& dims) noexcept override { rows = static_cast<int>(dims.d[0]); }
  Ptr<Buffer> memory;
  int rows = 0;
};

class Profiler final : public IProfiler {
 public:
  void reportLayerTime(char const*, float ms) noexcept override { ++layers, total += ms; }
  int layers = 0;
  float total = 0;
};

class Engine {
 public:
  explicit Engine(const Ptr<IHostMemory>& plan, IGpuAllocator* allocator = nullptr)
      : runtime(createInferRuntime(logger)) {
    runtime->setGpuAllocator(allocator);
    if (plan) engine.reset(runtime->deserializeCudaEngine(plan->data(), plan->size()));
    if (engine) context = make();
    if (!context) std::printf("FAILED no engine\n"), std::exit(1);
  }
  Ptr<IExecutionContext> make() const {
    Ptr<IExecutionContext> made(engine->createExecutionContext());
    prepare(*made);
    return made;
  }
  static void prepare(IExecutionContext& of) {
    of.setOptimizationProfileAsync(1, nullptr);
    of.setInputShape("x", Dims4(kBatch, kChannels, kSize, kSize));
  }
  bool enqueue(IExecutionContext& of, const Buffer& x, const Buffer& y, cudaStream_t stream) const {
    return of.setTensorAddress("x", x.data()) && of.setTensorAddress("y", y.data()) && of.enqueueV3(stream);
  }
  Ptr<IRuntime> runtime;
  Ptr<ICudaEngine> engine;
  Ptr<IExecutionContext> context;
};

Values run(const Engine& engine, IExecutionContext& context, const Values& x, Buffer::Kind kind, cudaStream_t stream) {
  Buffer in(kIn, kind), out(kOut, kind);
  in.set(x);
  if (!engine.enqueue(context, in, out, stream)) return {};
  CUDA(cudaStreamSynchronize(stream));
  return out.get();
}

void graphs(const Engine& engine, const Values& x, const Values& expected, const Values& x2, const Values& expected2,
            cudaStream_t stream) {
  Buffer in(kIn, Buffer::device), out(kOut, Buffer::device);
  in.set(x);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  expect(engine.enqueue(*engine.context, in, out, stream), "a run before the capture");
  CUDA(cudaStreamSynchronize(stream));
  CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  expect(engine.enqueue(*engine.context, in, out, stream), "enqueueV3 under capture");
  CUDA(cudaStreamEndCapture(stream, &graph));
  CUDA(cudaGraphInstantiate(&exec, graph, 0));
  for (int i = 0; i < 2; ++i) {
    in.set(i ? x2 : x);
    CUDA(cudaGraphLaunch(exec, stream));
    CUDA(cudaStreamSynchronize(stream));
    expect(same(out.get(), i ? expected2 : expected), "a launch of the captured graph");
  }
  CUDA(cudaGraphExecDestroy(exec));
  CUDA(cudaGraphDestroy(graph));
}

}  // namespace

int main(int argc, char** argv) {
  const bool fp16 = argc > 1 && std::strcmp(argv[1], "fp16") == 0;
  const Values x = numbers(kIn, 7), x2 = numbers(kIn, 8);
  cudaStream_t stream = nullptr, other = nullptr;
  CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CUDA(cudaStreamCreate(&other));

  const char* device = std::getenv("VIVACE_TENSORRT_DEVICE");
  const std::string chosen = device ? device : "";
  setenv("VIVACE_TENSORRT_DEVICE", "cpu", 1);
  const Engine cpu(build(false, false, false));
  const Values y = run(cpu, *cpu.context, x, Buffer::host, nullptr),
               y2 = run(cpu, *cpu.context, x2, Buffer::host, nullptr);
  expect(!y.empty() && same(run(cpu, *cpu.context, x, Buffer::device, stream), y),
         "an engine of the CPU, memory of the device");
  chosen.empty() ? unsetenv("VIVACE_TENSORRT_DEVICE") : setenv("VIVACE_TENSORRT_DEVICE", chosen.c_str(), 1);
  if (fp16) tolerance = 2e-2F;

  Allocator allocator;
  {
    const Engine engine(build(fp16, true, false), &allocator);
    const Ptr<IEngineInspector> inspector(engine.engine->createEngineInspector());
    std::printf("%s\n", inspector->getEngineInformation(LayerInformationFormat::kONELINE));
    for (const auto& [kind, name] :
         {std::pair(Buffer::device, "device"), {Buffer::pinned, "pinned"}, {Buffer::host, "host"}}) {
      expect(same(run(engine, *engine.context, x, kind, stream), y), std::string("enqueueV3 on memory: ") + name);
      expect(same(run(engine, *engine.context, x2, kind, nullptr), y2), std::string("on the default stream: ") + name);
    }
    Buffer in(kIn, Buffer::device), out(kOut, Buffer::device);
    in.set(x);
    void* bindings[] = {nullptr, nullptr, in.data(), out.data()};  // those of the second profile
    expect(engine.context->executeV2(bindings) && same(out.get(), y), "executeV2");
    cudaEvent_t consumed = nullptr;
    CUDA(cudaEventCreateWithFlags(&consumed, cudaEventDisableTiming));
    in.set(x2);
    expect(engine.context->enqueueV2(bindings, stream, &consumed), "enqueueV2");
    CUDA(cudaEventSynchronize(consumed));
    in.set(x);  // may be overwritten now
    CUDA(cudaStreamSynchronize(stream));
    expect(same(out.get(), y2), "the result of enqueueV2");
    engine.context->setInputConsumedEvent(consumed);
    expect(engine.enqueue(*engine.context, in, out, stream), "setInputConsumedEvent");
    CUDA(cudaEventSynchronize(consumed));
    engine.context->setInputConsumedEvent(nullptr);
    CUDA(cudaStreamSynchronize(stream));

    // Without a copy or a wait in between: the order of the stream is all there is.
    Buffer pinned(kIn, Buffer::pinned), result(kOut, Buffer::pinned);
    pinned.set(x2);
    CUDA(cudaMemcpyAsync(in.data(), pinned.data(), kIn * sizeof(float), cudaMemcpyHostToDevice, stream));
    expect(engine.enqueue(*engine.context, in, out, stream), "between copies of the stream");
    CUDA(cudaMemcpyAsync(result.data(), out.data(), kOut * sizeof(float), cudaMemcpyDeviceToHost, stream));
    CUDA(cudaStreamSynchronize(stream));
    expect(same(result.get(), y2), "its result");

    graphs(engine, x, y, x2, y2, stream);

    const Ptr<IExecutionContext> second = engine.make();
    Buffer in2(kIn, Buffer::device), out2(kOut, Buffer::device);
    in.set(x), in2.set(x2);
    bool fine = true;
    for (int i = 0; i < 50; ++i)
      fine = fine && engine.enqueue(*engine.context, in, out, stream) && engine.enqueue(*second, in2, out2, other);
    CUDA(cudaStreamSynchronize(stream));
    CUDA(cudaStreamSynchronize(other));
    expect(fine && same(out.get(), y) && same(out2.get(), y2), "two contexts on two streams");

    Output output;
    second->setOutputAllocator("y", &output);
    second->setTensorAddress("x", in.data());
    expect(second->enqueueV3(stream), "with an output allocator");
    CUDA(cudaStreamSynchronize(stream));
    expect(output.rows == kBatch && same(output.memory->get(), y), "its result");

    const Ptr<IExecutionContext> lent(engine.engine->createExecutionContextWithoutDeviceMemory());
    Engine::prepare(*lent);
    Buffer memory(engine.engine->getDeviceMemorySize() / sizeof(float) + 1, Buffer::device);
    lent->setDeviceMemory(memory.data());
    expect(same(run(engine, *lent, x, Buffer::device, stream), y), "in memory of the caller's");

    Profiler profiler;
    engine.context->setProfiler(&profiler);
    expect(same(run(engine, *engine.context, x, Buffer::device, stream), y) && profiler.layers > 0, "with a profiler");
    std::printf("       %d layers, %.3f ms\n", profiler.layers, static_cast<double>(profiler.total));
    engine.context->setProfiler(nullptr);

    const Ptr<IRefitter> refitter(createInferRefitter(*engine.engine, logger));
    const Values zeros(kFilters);
    expect(refitter->setWeights("conv", WeightsRole::kBIAS, {DataType::kFLOAT, zeros.data(), kFilters}) &&
               refitter->refitCudaEngine(),
           "a refit");
    const Values changed = run(engine, *engine.context, x, Buffer::device, stream);
    expect(!changed.empty() && !same(changed, y), "changes the result");
    expect(allocator.alive > 0, "the allocator's memory is used");
  }
  expect(allocator.alive == 0, "and given back");

  {
    const Engine engine(build(fp16, false, true));
    for (int i = 0; i < 3; ++i)
      expect(same(run(engine, *engine.context, x, Buffer::device, stream), y), "a plugin that works in the stream");
  }
  CUDA(cudaStreamDestroy(stream));
  CUDA(cudaStreamDestroy(other));
  std::printf("%s\n", failures ? "FAILED" : "PASSED");
  return failures != 0;
}
