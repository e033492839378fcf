// Sessions on the null device: the schedule, callers' buffers and streams.
#include <algorithm>

#include "backends/cuda/null_driver.h"
#include "backends/cuda/queue.h"
#include "builder/builder.h"
#include "cuda/graphs.h"
#include "runtime/engine.h"

namespace vivace::cuda {
namespace {

// A session of a graph, with the first rows that support its nodes or with all of them on the CPU.
struct Opened {
  std::shared_ptr<const Executor> executor;
  std::shared_ptr<const backends::Instance> instance;
  std::unique_ptr<backends::Session> session;
};
Opened open(const std::string& text, bool on_gpu) {
  const std::shared_ptr<ir::Graph> graph = graph_of(text);
  std::vector<Shape> shapes;
  for (const ir::Value* v : graph->inputs()) shapes.push_back(*v->type.shape());
  const Result<cpu::ConcreteGraph> at = cpu::concretize(*graph, shapes);
  EXPECT_TRUE(at.ok());
  Opened opened;
  opened.executor = *Executor::create(program_of(graph, *at, on_gpu), described(), cpu::this_machine(2));
  Result<std::shared_ptr<const backends::Instance>> instance = opened.executor->instance(shapes);
  EXPECT_TRUE(instance.ok()) << instance.status().message();
  opened.instance = *instance;
  opened.session = *opened.executor->session(2, {});
  return opened;
}

// The null device computes what runs on the CPU; the other output is the input, which is copied.
TEST(Enqueue, ReadsAndWritesTheCallersBuffers) {
  const Opened opened = open("(%x: f32[2,3]) { %a = Relu(%x) %y = Neg(%a) return %y, %x }", false);
  std::vector<float> x(64), y(64), copied(64);
  for (const size_t shift : {0, 1, 0, 0}) {  // 4 bytes are no alignment; the third run is recorded
    for (size_t k = 0; k < 6; ++k) x[shift + k] = static_cast<float>(k) - 2.5f + static_cast<float>(shift);
    std::fill(y.begin(), y.end(), 0.0f);
    const std::vector<backends::DeviceBuffer> inputs = {{x.data() + shift, 24}};
    const std::vector<backends::DeviceBuffer> outputs = {{y.data() + shift, 24}, {copied.data() + shift, 100}};
    const Status status = opened.session->enqueue(*opened.instance, inputs, outputs, nullptr);
    ASSERT_TRUE(status.ok()) << status.message();
    for (size_t k = 0; k < 6; ++k) {
      EXPECT_EQ(y[shift + k], -std::max(x[shift + k], 0.0f));
      EXPECT_EQ(copied[shift + k], x[shift + k]);
    }
    EXPECT_EQ(y[shift + 6], 0);
  }
}

TEST(Enqueue, SaysWhichBufferIsTooSmall) {
  const Opened opened = open("(%x: f32[2,3]) { %y = Relu(%x) return %y }", true);
  float x[6], y[6];
  Status status = opened.session->enqueue(*opened.instance, {{x, 24}}, {{y, 20}}, nullptr);
  EXPECT_EQ(status.code(), Code::invalid_argument);
  EXPECT_EQ(status.message(), "output 'y' takes 24 bytes, its buffer has 20");
  status = opened.session->enqueue(*opened.instance, {}, {{y, 24}}, nullptr);
  EXPECT_EQ(status.message(), "the engine has 1 inputs, not 0");
}

TEST(Enqueue, WorksWhileTheStreamIsCapturedUnlessTheCpuHasToRun) {
  const Driver& d = null_driver();
  auto* const stream = reinterpret_cast<StreamHandle*>(16);
  const std::string text = "(%x: f32[2,3]) { %y = Relu(%x) return %y, %x }";
  float x[6] = {1, 2, 3, 4, 5, 6}, y[6], copied[6] = {};
  for (const bool on_gpu : {true, false}) {
    const Opened opened = open(text, on_gpu);
    ASSERT_EQ(d.cuStreamBeginCapture_v2(stream, kCaptureRelaxed), 0);
    const Status status = opened.session->enqueue(*opened.instance, {{x, 24}}, {{y, 24}, {copied, 24}}, stream);
    GraphHandle* graph = nullptr;
    ASSERT_EQ(d.cuStreamEndCapture(stream, &graph), 0);
    EXPECT_EQ(status.code(), on_gpu ? Code::ok : Code::unsupported) << status.message();
    GraphExecHandle* exec = nullptr;
    ASSERT_EQ(d.cuGraphInstantiateWithFlags(&exec, graph, 0), 0);
    EXPECT_EQ(copied[5], on_gpu ? 0 : 6);
    ASSERT_EQ(d.cuGraphLaunch(exec, stream), 0);
    EXPECT_EQ(copied[5], 6);
    d.cuGraphExecDestroy(exec);
    d.cuGraphDestroy(graph);
  }
}

TEST(Enqueue, AndTimingNeedAGpu) {
  const std::shared_ptr<ir::Graph> graph = graph_of("(%x: f32[2,3]) { %y = Relu(%x) return %y }");
  Result<builder::BuildResult> built = builder::build(graph->clone(), {});
  ASSERT_TRUE(built.ok()) << built.status().message();
  const auto engine = runtime::Engine::load(built->plan);
  ASSERT_TRUE(engine.ok());
  const auto context = (*engine)->create_context();
  ASSERT_TRUE(context.ok());
  float x[6], y[6];
  EXPECT_EQ((*context)->enqueue({{2, 3}}, {{x, 24}}, {{y, 24}}, nullptr).code(), Code::unsupported);
  EXPECT_EQ((*context)->enqueue({{2, 4}}, {{x, 24}}, {{y, 24}}, nullptr).code(), Code::shape_mismatch);
  EXPECT_EQ((*context)->time_on_device({{2, 3}}, 3, false).status().code(), Code::unsupported);
}

TEST(Enqueue, IsTimedWhereTheGpuRunsEverything) {
  const Tensor x = Tensor::of<float>({1, 2, 3, 4, 5, 6}).reshaped({2, 3});
  const std::string text = "(%x: f32[2,3]) { %a = Relu(%x) %y = Softmax(%a) return %y }";
  for (const bool flush : {false, true}) {
    const Opened opened = open(text, true);
    EXPECT_TRUE(opened.session->time(*opened.instance, {x.view()}, 10, flush).ok());
    EXPECT_EQ(opened.session->time(*opened.instance, {x.view()}, 0, flush).status().code(), Code::invalid_argument);
  }
  const Opened opened = open(text, false);
  EXPECT_EQ(opened.session->time(*opened.instance, {x.view()}, 10, false).status().code(), Code::unsupported);
}

TEST(Queue, OnlyAKernelThatWaitsStartsEarlyAndOnlyAfterAKernel) {
  // The null device refuses an early start after anything but a kernel.
  const std::shared_ptr<Gpu> gpu = *Gpu::open(-1);
  const std::shared_ptr<Kernel> kernel = *Kernel::load(gpu, "", "f", 0, 1);
  ASSERT_TRUE(gpu->launches_early());
  StreamHandle* stream = nullptr;
  const Launch waiting{.name = "f", .source = "", .grid = {4, 1, 1}, .cluster = 2, .waits = true, .arguments = {}};
  const Launch other{.name = "f", .source = "", .arguments = {}};
  char a = 1, b = 0;
  Queue queue(*gpu, stream);
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(queue.launch(*kernel, waiting, {}).ok());
    EXPECT_TRUE(queue.launch(*kernel, waiting, {}).ok());
    EXPECT_TRUE(queue.launch(*kernel, other, {}).ok());
    EXPECT_TRUE(queue.launch(*kernel, waiting, {}).ok());
    EXPECT_TRUE(queue.copy(reinterpret_cast<DevicePointer>(&b), reinterpret_cast<DevicePointer>(&a), 1).ok());
  }
}

}  // namespace
}  // namespace vivace::cuda
