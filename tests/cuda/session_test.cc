// Sessions on the null device: the schedule, callers' buffers and streams.
#include <algorithm>
#include <atomic>
#include <thread>

#include "backends/cuda/host.h"
#include "backends/cuda/instance.h"
#include "backends/cuda/lower.h"
#include "backends/cuda/null_driver.h"
#include "backends/cuda/queue.h"
#include "builder/builder.h"
#include "cuda/graphs.h"
#include "passes/precision.h"
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

TEST(Enqueue, RefusesOutputsOfUnknownSize) {
  const Opened opened = open("(%x: f32[2,3]) { %y = NonZero(%x) return %y }", true);
  float x[6], y[6];
  const Status status = opened.session->enqueue(*opened.instance, {{x, 24}}, {{y, 24}}, nullptr);
  EXPECT_EQ(status.code(), Code::unsupported);
  EXPECT_NE(status.message().find("'y' has a size"), std::string::npos);
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

// Pinned memory of the null device.
struct Pinned {
  explicit Pinned(size_t bytes) { EXPECT_EQ(null_driver().cuMemAllocHost_v2(&data, bytes), 0); }
  ~Pinned() { null_driver().cuMemFreeHost(data); }
  void* data = nullptr;
};

TEST(Enqueue, BringsPinnedInputsToTheDeviceWhereAKernelReadsThemAgainAndAgain) {
  const Pinned x(4 * 25), y(4 * 9);
  for (const bool again : {false, true}) {
    const Opened opened = open(again ? "(%x: f32[1,1,5,5]) { %y = Conv(%x, const f32[1,1,3,3] random(1)) return %y }"
                                     : "(%x: f32[1,1,3,3]) { %y = Relu(%x) return %y }",
                               true);
    fail_null_driver("cuMemcpyHtoDAsync_v2");
    const Status status = opened.session->enqueue(*opened.instance, {{x.data, 100}}, {{y.data, 36}}, nullptr);
    fail_null_driver("");
    EXPECT_EQ(status.ok(), !again) << status.message();
  }
}

TEST(Run, CopiesNeitherWhatOneKernelReadsNorWhatNothingReads) {
  const Opened opened = open(
      "(%x: f32[2,3], %z: f32[2,3], %c: f32[2,3]) { %a = Relu(%x) %b = Neg(%a) %y = Add(%b, %z) %w = Exp(%z) "
      "return %y, %w, %b, %c }",
      true);
  const auto& instance = static_cast<const Instance&>(*opened.instance);
  EXPECT_EQ(instance.direct_inputs, (std::vector<bool>{true, false, false}));
  EXPECT_EQ(instance.direct_outputs, (std::vector<bool>{true, true, false, false}));
  const Opened simple = open("(%x: f32[2,3]) { %y = Relu(%x) return %y }", true);
  const Tensor x = ir::random_tensor(DType::f32, {2, 3}, 1);
  std::vector<Tensor> outputs;
  fail_null_driver("cuMemcpyHtoDAsync_v2");
  const Status status = simple.session->run(*simple.instance, {x.view()}, outputs);
  fail_null_driver("");
  EXPECT_TRUE(status.ok()) << status.message();
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

// Nodes without a kernel run on the CPU also in types of fewer bits and with channels last, and in parts of pixels.
class Fallback : public testing::TestWithParam<std::tuple<const char*, DType>> {};

TEST_P(Fallback, RunsAnyLayoutOnTheCpu) {
  const auto& [text, type] = GetParam();
  const std::shared_ptr<ir::Graph> graph = graph_of(text);
  std::vector<Shape> shapes;
  std::vector<Tensor> arguments;
  std::vector<TensorView> views;
  for (const ir::Value* v : graph->inputs()) {
    shapes.push_back(*v->type.shape());
    arguments.push_back(v->type.dtype == DType::i64 ? Tensor::of<int64_t>({3, 0})
                                                    : ir::random_tensor(DType::f32, shapes.back(), 5));
    views.push_back(arguments.back().view());
  }
  const Result<std::vector<Tensor>> expected = ops::run_graph_reference(*graph, arguments);
  ASSERT_TRUE(expected.ok());
  ASSERT_TRUE(passes::lower_precision(*graph, type).ok());
  ASSERT_TRUE(lower(*graph, type).ok());
  const Result<cpu::ConcreteGraph> at = cpu::concretize(*graph, shapes);
  ASSERT_TRUE(at.ok());
  const std::shared_ptr<const Executor> executor =
      *Executor::create(program_of(graph, *at, false), described(), cpu::this_machine(2));
  const auto instance = executor->instance(shapes);
  ASSERT_TRUE(instance.ok()) << instance.status().message();
  const std::unique_ptr<backends::Session> session = *executor->session(2, {});
  std::vector<Tensor> outputs;
  for (int run = 0; run < 2; ++run) {
    const Status status = session->run(**instance, views, outputs);
    ASSERT_TRUE(status.ok()) << status.message();
  }
  const double tolerance = type == DType::f16 ? 4e-3 : 3e-2;
  for (size_t i = 0; i < expected->size(); ++i) {
    ASSERT_EQ(outputs[i].type(), DType::f32);
    double largest = 1;
    for (int64_t k = 0; k < outputs[i].count(); ++k)
      largest = std::max<double>(largest, std::abs((*expected)[i].as<float>()[k]));
    for (int64_t k = 0; k < outputs[i].count(); ++k)
      ASSERT_NEAR(outputs[i].as<float>()[k], (*expected)[i].as<float>()[k], tolerance * largest) << i << ", " << k;
  }
}
INSTANTIATE_TEST_SUITE_P(
    Cuda, Fallback,
    testing::Combine(
        testing::Values(
            "(%x: f32[2,3,9,7], %i: i64[2]) { %a = Conv(%x, const f32[5,3,3,3] random(1), const f32[5] random(2)) "
            "{pads=[1,1,1,1]} %b = Relu(%a) %c = Conv(%b, const f32[12,5,1,1] random(3)) %d = Concat(%b, %c) {axis=1} "
            "%e = MaxPool(%d) {kernel_shape=[2,2]} %f = Conv(%e, const f32[4,17,1,1] random(4)) %g = Softmax(%f) "
            "{axis=1} %h = CumSum(%g, const i64[] {3}) %y = Gather(%h, %i) {axis=1} return %y, %e }",
            "(%x: f32[2,13,64]) { %n = LayerNormalization(%x, const f32[64] random(1), const f32[64] random(2)) %q = "
            "MatMul(%n, const f32[64,64] random(3)) %a = Attention(%q, %n, %q) {q_num_heads=4, kv_num_heads=4} %o = "
            "Add(%a, %x) %u = vivace.FusedMatMul(%o, const f32[96,64] random(6), const f32[96] random(7)) {trans_b=1, "
            "activation=\"gelu\", scale=0.1} %t = Transpose(%u) {perm=[1,0,2]} return %t }"),
        testing::Values(DType::f16, DType::bf16)));

TEST(Host, LeavesTheRestOfWiderPixelsAlone) {
  // Three channels, rounded up to a unit, of pixels of 16.
  const std::shared_ptr<ir::Graph> graph = graph_of("(%x: f16[1,3,1,2]) { %y = Relu(%x) return %y }");
  const Result<cpu::ConcreteGraph> at = cpu::concretize(*graph, {{1, 3, 1, 2}});
  ASSERT_TRUE(at.ok());
  Problem problem = cpu::problem_of(**graph->nodes().begin(), *at);
  problem.inputs[0].channel_block = problem.outputs[0].channel_block = 16;
  EXPECT_EQ(span_bytes(problem.outputs[0]), (16 + 8) * sizeof(Float16));
  EXPECT_TRUE(is_interleaved(problem.outputs[0]));
  const Result<cpu::Bound> bound = bind_on_host(problem, cpu::this_machine(1));
  ASSERT_TRUE(bound.ok()) << bound.status().message();
  std::vector<Float16> x(24, Float16(9)), y(24, Float16(7));
  for (const size_t pixel : {0, 16})
    for (size_t c = 0; c < 3; ++c) x[pixel + c] = static_cast<float>(c) - 1.0f;
  std::vector<std::byte> workspace(bound->workspace);
  ThreadPool pool(1);
  void* inputs[] = {x.data()};
  void* outputs[] = {y.data()};
  ASSERT_TRUE(bound->run({inputs, outputs, workspace.data(), pool}).ok());
  const std::vector<float> expected = {0, 0, 1, 0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 1, 0, 0, 0, 0, 0};
  for (size_t k = 0; k < expected.size(); ++k) EXPECT_EQ(static_cast<float>(y[k]), expected[k]) << k;
}

// Whatever the driver refuses is an error of the call alone: the next one works.
struct Refusal {
  const char* function;
  Error error;
  Code code;
};
class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, EndsOneCallAndNotTheProcess) {
  const std::string text =
      "(%x: f32[2,3], %i: i64[2]) { %a = Gather(%x, %i) {axis=1} %b = Neg(%a) %y = Add(%b, const f32[2,2] random(1)) "
      "return %y }";
  const std::shared_ptr<ir::Graph> graph = graph_of(text);
  const std::vector<Shape> shapes = {{2, 3}, {2}};
  const Result<cpu::ConcreteGraph> at = cpu::concretize(*graph, shapes);
  ASSERT_TRUE(at.ok());
  const std::vector<Tensor> arguments = {ir::random_tensor(DType::f32, {2, 3}, 1), Tensor::of<int64_t>({0, 1})};
  std::vector<Tensor> outputs;
  const auto run = [&]() -> Status {
    plan::Program program = program_of(graph, *at, true);
    program.choices[1].tactic = kHost;
    VIVACE_ASSIGN(const auto executor, Executor::create(std::move(program), described(), cpu::this_machine(1)));
    VIVACE_ASSIGN(const auto instance, executor->instance(shapes));
    VIVACE_ASSIGN(const auto session, executor->session(1, {}));
    Status status = session->run(*instance, {arguments[0].view(), arguments[1].view()}, outputs);
    if (status.ok()) return {};
    fail_null_driver("");
    VIVACE_TRY(session->run(*instance, {arguments[0].view(), arguments[1].view()}, outputs));
    return status;
  };
  bool failed = false;
  for (int passing = 0; passing < 20; ++passing) {
    fail_null_driver(GetParam().function, passing, GetParam().error);
    const Status status = run();
    fail_null_driver("");
    if (status.ok()) break;  // not called so often
    failed = true;
    EXPECT_EQ(status.code(), GetParam().code) << status.message();
    EXPECT_NE(status.message().find("the null device refused"), std::string::npos) << status.message();
    EXPECT_EQ(status.message().find("start") != std::string::npos, GetParam().error >= 700) << status.message();
    EXPECT_TRUE(run().ok());
  }
  EXPECT_TRUE(failed);
}
INSTANTIATE_TEST_SUITE_P(Cuda, Refused,
                         testing::Values(Refusal{"cuMemAlloc_v2", 2, Code::out_of_memory},
                                         Refusal{"cuMemAllocHost_v2", 2, Code::out_of_memory},
                                         Refusal{"cuGraphInstantiateWithFlags", 2, Code::out_of_memory},
                                         Refusal{"cuStreamCreate", 2, Code::out_of_memory},
                                         Refusal{"cuModuleLoadData", 700, Code::device_unavailable},
                                         Refusal{"cuLaunchKernelEx", 700, Code::device_unavailable},
                                         Refusal{"cuGraphLaunch", 700, Code::device_unavailable},
                                         Refusal{"cuStreamSynchronize", 700, Code::device_unavailable},
                                         Refusal{"cuMemcpyHtoDAsync_v2", 719, Code::device_unavailable}),
                         [](const auto& info) { return std::string(info.param.function); });

TEST(Refused, AKernelThatDoesNotLoadLeavesItsNodeToTheCpu) {
  fail_null_driver("cuModuleLoadData", 0, 209);
  const Opened opened = open("(%x: f32[2,3]) { %y = Relu(%x) return %y }", true);
  fail_null_driver("");
  const Tensor x = Tensor::of<float>({-1, 2, -3, 4, -5, 6}).reshaped({2, 3});
  std::vector<Tensor> outputs;
  ASSERT_TRUE(opened.session->run(*opened.instance, {x.view()}, outputs).ok());
  for (int k = 0; k < 6; ++k) EXPECT_EQ(outputs[0].as<float>()[k], std::max(x.as<float>()[k], 0.0f));
}

TEST(Sessions, OfOneExecutorRunAtTheSameTime) {
  const Opened opened = open("(%x: f32[2,3]) { %a = Relu(%x) %y = CumSum(%a, const i64[] {1}) return %y, %x }", false);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const std::unique_ptr<backends::Session> session = *opened.executor->session(1, {});
      for (int run = 0; run < 100; ++run) {
        const auto instance = opened.executor->instance({{2, 3}});
        const auto value = static_cast<float>(t * 100 + run);
        const Tensor x = Tensor::of<float>(std::vector<float>(6, value)).reshaped({2, 3});
        std::vector<Tensor> outputs;
        if (!instance.ok() || !session->run(**instance, {x.view()}, outputs).ok())
          ++wrong;
        else if (outputs[0].as<float>()[5] != 3 * value || outputs[1].as<float>()[0] != value)
          ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Placement, EveryTensorOfTheGpuStartsWhereWideLoadsMay) {
  const std::shared_ptr<ir::Graph> graph = graph_of(
      "(%x: f32[6,3]) { %a, %b = Split(%x, const i64[2] {2, 4}) {axis=0} %c = Neg(%a) %d = Neg(%b) %y = Concat(%c, "
      "%d) {axis=0} return %y }");
  const Result<cpu::ConcreteGraph> at = cpu::concretize(*graph, {{6, 3}});
  ASSERT_TRUE(at.ok());
  const std::vector<size_t> none(graph->node_list().size(), 0);
  EXPECT_TRUE(cpu::place_values(*graph, *at, none).is_view[0]);  // 24 bytes
  const cpu::Placement placement = cpu::place_values(*graph, *at, none, kBufferAlignment);
  EXPECT_EQ(placement.is_view, (std::vector<bool>{false, false, false, false}));
  for (const ir::Value* v : graph->values())
    EXPECT_EQ(placement.places[static_cast<size_t>(v->id())].offset % kBufferAlignment, 0u);
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
  // Put into the stream by a library, of which the queue sees nothing.
  struct Call final : LibraryCall {
    explicit Call(const Gpu& gpu) : driver(gpu.driver()) {}
    Status put(StreamHandle* stream, const std::vector<DevicePointer>& arguments) const override {
      VIVACE_CUDA(driver, cuMemcpyDtoDAsync_v2(arguments[0], arguments[1], 1, stream));
      return {};
    }
    const Driver& driver;
  };
  Launch library;
  library.call = std::make_shared<Call>(*gpu);
  const std::vector<DevicePointer> addresses = {reinterpret_cast<DevicePointer>(&b),
                                                reinterpret_cast<DevicePointer>(&a)};
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(queue.launch(*kernel, waiting, {}).ok());
    EXPECT_TRUE(queue.launch(*kernel, waiting, {}).ok());
    b = 0;
    EXPECT_TRUE(queue.launch(*kernel, library, addresses).ok());
    EXPECT_EQ(b, 1);
    EXPECT_TRUE(queue.launch(*kernel, waiting, {}).ok());
    EXPECT_TRUE(queue.launch(*kernel, other, {}).ok());
    EXPECT_TRUE(queue.launch(*kernel, waiting, {}).ok());
    EXPECT_TRUE(queue.copy(reinterpret_cast<DevicePointer>(&b), reinterpret_cast<DevicePointer>(&a), 1).ok());
  }
}

}  // namespace
}  // namespace vivace::cuda
