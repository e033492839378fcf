#include "device/graph_test.h"

#include <cmath>
#include <cstdio>
#include <cstring>

#include "backends/cuda/executor.h"
#include "backends/cuda/groups.h"
#include "backends/cuda/lower.h"
#include "backends/cuda/recording.h"
#include "device/row_test.h"
#include "ir/text.h"
#include "ops/operator.h"
#include "passes/precision.h"

namespace vivace::cuda {

namespace {

constexpr const char* kGraphs[] = {
    // Images: a stem, pooling, a residual block, concatenation, a classifier.
    "(%x: f32[2,3,37,35]) { %a = vivace.FusedConv(%x, const f32[24,3,7,7] random(1), const f32[24] random(2)) "
    "{pads=[3,3,3,3], strides=[2,2], activation=\"relu\"} "
    "%b = MaxPool(%a) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]} "
    "%c = vivace.FusedConv(%b, const f32[19,24,1,1] random(3), const f32[19] random(4)) {activation=\"relu\"} "
    "%d = vivace.FusedConv(%c, const f32[24,19,3,3] random(5), const f32[24] random(6), %b) {pads=[1,1,1,1], "
    "activation=\"relu\"} %e = Concat(%c, %d) {axis=1} %f = Conv(%e, const f32[40,43,3,3] random(7)) {strides=[2,2]} "
    "%g = GlobalAveragePool(%f) %h = Flatten(%g) %i = Gemm(%h, const f32[11,40] random(8), const f32[11] random(9)) "
    "{transB=1} %y = Softmax(%i) return %y, %d }",
    // Depthwise convolutions and a gate.
    "(%x: f32[1,16,20,18]) { %a = vivace.FusedConv(%x, const f32[48,16,1,1] random(1), const f32[48] random(2)) "
    "{activation=\"silu\"} %b = vivace.FusedConv(%a, const f32[48,1,5,5] random(3), const f32[48] random(4)) "
    "{group=48, pads=[2,2,2,2], strides=[2,2], activation=\"silu\"} %c = GlobalAveragePool(%b) "
    "%d = vivace.FusedConv(%c, const f32[12,48,1,1] random(5), const f32[12] random(6)) {activation=\"silu\"} "
    "%e = vivace.FusedConv(%d, const f32[48,12,1,1] random(7), const f32[48] random(8)) {activation=\"sigmoid\"} "
    "%f = Mul(%b, %e) %y = Conv(%f, const f32[24,48,1,1] random(9)) return %y }",
    // Concatenations in place: the same features again and again, parts of what was split, one in the wrong order.
    "(%x: f32[2,8,7,5]) { %a = Conv(%x, const f32[16,8,1,1] random(1)) %b = Conv(%a, const f32[8,16,3,3] random(2)) "
    "{pads=[1,1,1,1]} %ab = Concat(%a, %b) {axis=1} %c = Conv(%ab, const f32[13,24,1,1] random(3)) "
    "%abc = Concat(%a, %b, %c) {axis=1} %d = Conv(%abc, const f32[32,37,1,1] random(4)) "
    "%p, %q = Split(%d, const i64[2] {16, 16}) {axis=1} %r = Conv(%q, const f32[16,16,3,3] random(5)) {pads=[1,1,1,1]} "
    "%e = Concat(%p, %q, %r) {axis=1} %f = MaxPool(%e) {kernel_shape=[2,2]} %g, %h = Split(%f, const i64[2] {24, 24}) "
    "{axis=1} %i = Concat(%h, %g) {axis=1} %j = Conv(%i, const f32[116,48,1,1] random(6)) "
    "%k, %l = Split(%j, const i64[2] {58, 58}) {axis=1} %m = Relu(%l) %y = Concat(%k, %m) {axis=1} return %y, %abc }",
    // Channels that a Transpose moves last, also as a part of a concatenation.
    "(%x: f32[2,8,3,5]) { %a = Conv(%x, const f32[16,8,1,1] random(1)) %b = Transpose(%a) {perm=[0,2,3,1]} "
    "%c = MatMul(%b, const f32[16,24] random(2)) %d = Transpose(%c) {perm=[0,3,1,2]} %e = Conv(%d, const f32[8,24,1,1] "
    "random(3)) %f = Concat(%e, %d) {axis=1} %g = Transpose(%f) {perm=[0,2,3,1]} %h = Conv(%f, const f32[8,32,1,1] "
    "random(4)) %i = Transpose(%e) {perm=[0,2,3,1]} return %g, %h, %i }",
    // Branches of one input, which run together, and what follows them; a block that halves the image beside its own.
    "(%x: f32[2,16,19,17]) { %a = vivace.FusedConv(%x, const f32[24,16,1,1] random(1), const f32[24] random(2)) "
    "{activation=\"relu\"} %b = vivace.FusedConv(%a, const f32[24,24,3,3] random(3), const f32[24] random(4)) "
    "{pads=[1,1,1,1], strides=[2,2], activation=\"relu\"} %c = vivace.FusedConv(%x, const f32[40,16,1,1] random(5), "
    "const f32[40] random(6)) {strides=[2,2]} %d = vivace.FusedConv(%b, const f32[40,24,1,1] random(7), const f32[40] "
    "random(8), %c) {activation=\"relu\"} %e = MaxPool(%d) {kernel_shape=[3,3], pads=[1,1,1,1]} "
    "%f = Conv(%e, const f32[16,40,1,1] random(9)) %g = Conv(%d, const f32[24,40,1,1] random(10)) "
    "%h = Conv(%g, const f32[29,24,3,3] random(11)) {pads=[1,1,1,1]} %i = Conv(%d, const f32[8,40,5,5] random(12)) "
    "{pads=[2,2,2,2]} %j = vivace.FusedConv(%d, const f32[40,1,3,3] random(13), const f32[40] random(14)) {group=40, "
    "pads=[1,1,1,1]} %y = Concat(%i, %h, %f, %j) {axis=1} return %y }",
    // A layer of a transformer, and a recurrence over what it makes.
    "(%x: f32[2,13,64]) { %n = LayerNormalization(%x, const f32[64] random(1), const f32[64] random(2)) "
    "%q = MatMul(%n, const f32[64,64] random(3)) %k = MatMul(%n, const f32[64,64] random(4)) "
    "%v = MatMul(%n, const f32[64,64] random(5)) %a = Attention(%q, %k, %v) {q_num_heads=4, kv_num_heads=4} "
    "%o = Add(%a, %x) %u = vivace.FusedMatMul(%o, const f32[96,64] random(6), const f32[96] random(7)) {trans_b=1, "
    "activation=\"gelu\", scale=0.1} %d = MatMul(%u, const f32[96,64] random(8)) %y = Add(%d, %o) "
    "%s = Mul(%y, const f32[] {0.02}) %t = Transpose(%s) {perm=[1,0,2]} %l, _, _ = LSTM(%t, const f32[1,20,64] "
    "random(9), const f32[1,20,5] random(10)) "
    "{hidden_size=5} %z = Relu(%l) return %y, %z }",
};

// max |difference| / max |expected|.
double error_of(const Tensor& got, const Tensor& expected) {
  if (got.type() != expected.type() || got.shape() != expected.shape()) return INFINITY;
  if (!is_float(got.type()))
    return std::equal(got.as<char>(), got.as<char>() + got.bytes(), expected.as<char>()) ? 0 : INFINITY;
  const std::vector<double> a = to_double(got), b = to_double(expected);
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return INFINITY;
    if (std::isnan(b[i])) continue;
    worst = std::max(worst, std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return worst / largest;
}

// Executors: the whole case by the CPU's tactics on a mirror of the memory, and by the first rows, recorded and
// replayed.
Result<std::shared_ptr<const Executor>> executor_of(const std::shared_ptr<ir::Graph>& graph, bool on_host,
                                                    const std::vector<Shape>& shapes, const Device& device) {
  VIVACE_ASSIGN(const cpu::ConcreteGraph at, cpu::concretize(*graph, shapes));
  plan::Program program;
  program.graph = graph;
  for (const ir::Node* node : graph->node_list()) {
    plan::Choice choice;
    choice.tactic = kHost;
    for (const Tactic* tactic : all_tactics()) {
      if (on_host || choice.tactic != kHost || at.settled(*node) || !at.concrete(*node) || cpu::is_alias(*node)) break;
      const Problem problem = cpu::problem_of(*node, at);
      if (!tactic->runs(node->op) || !tactic->supports(problem, device)) continue;
      const std::vector<std::string> configurations =
          tactic->configurations ? tactic->configurations(problem, device) : std::vector<std::string>{""};
      if (configurations.empty())
        return Status(Code::internal, std::string(tactic->name) + " has no configuration for " + problem.key());
      choice.tactic = tactic->name;
      choice.version = tactic->version;
      choice.configuration = configurations[0];
      if (!tactic->prepare) continue;
      VIVACE_ASSIGN(choice.packed, tactic->prepare(problem, choice.configuration, device));
    }
    program.choices.push_back(choice);
  }
  const std::vector<ir::Node*> nodes = graph->node_list();
  for (size_t i = 0, count = 0; i < nodes.size(); i += count) {
    count = together_from(nodes, i);
    program.choices[i].beside = static_cast<uint32_t>(count - 1);
  }
  return Executor::create(std::move(program), device, cpu::this_machine(2));
}

Result<std::vector<Tensor>> run_graph(const std::shared_ptr<ir::Graph>& graph, bool on_host,
                                      const std::vector<Tensor>& arguments, const Device& device) {
  std::vector<Shape> shapes;
  std::vector<TensorView> views;
  for (const Tensor& t : arguments) {
    shapes.push_back(t.shape());
    views.push_back(t.view());
  }
  VIVACE_ASSIGN(const auto executor, executor_of(graph, on_host, shapes, device));
  VIVACE_ASSIGN(const auto instance, executor->instance(shapes));
  VIVACE_ASSIGN(const auto session, executor->session(1, {}));
  std::vector<Tensor> outputs;
  for (int run = 0; run < 2; ++run) VIVACE_TRY(session->run(*instance, views, outputs));  // the second replays
  return outputs;
}

Status test_graph(const std::string& text, DType type, bool on_host, const Device& device) {
  VIVACE_ASSIGN(std::shared_ptr<ir::Graph> graph, ir::parse("graph " + text));
  VIVACE_TRY(ops::infer_graph(*graph));
  std::vector<Tensor> arguments;
  for (const ir::Value* v : graph->inputs())
    arguments.push_back(ir::random_tensor(v->type.dtype, *v->type.shape(), static_cast<uint64_t>(v->id()) + 10));
  VIVACE_ASSIGN(const std::vector<Tensor> expected, ops::run_graph_reference(*graph, arguments));
  if (type != DType::f32) VIVACE_TRY(passes::lower_precision(*graph, type).status());
  VIVACE_TRY(lower(*graph, type));
  VIVACE_ASSIGN(const std::vector<Tensor> got, run_graph(graph, on_host, arguments, device));
  // Each layer rounds: some times what one node may be off.
  const double tolerance = type == DType::f32 ? 2e-5 : type == DType::f16 ? 1e-2 : 6e-2;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = error_of(got[i], expected[i]);
    if (!(error <= tolerance))
      return {Code::internal, "output " + std::to_string(i) + " is off by " + std::to_string(error)};
  }
  return {};
}

// A chain of kernels, each of which needs the one before it; the second output is the input.
constexpr const char* kChain =
    "(%x: f32[48,64]) { %a = Gemm(%x, const f32[96,64] random(1), const f32[96] random(2)) {transB=1} %b = Relu(%a) %c "
    "= "
    "Gemm(%b, const f32[64,96] random(3)) {transB=1} %d = Add(%c, %x) %e = Softmax(%d) %f = Gemm(%e, const f32[64,64] "
    "random(4)) {transB=1} %g = Mul(%f, %d) %h = Gemm(%g, const f32[40,64] random(5)) {transB=1} %y = Transpose(%h) "
    "return %y, %x }";

// Runs on a stream of the caller's, with buffers at several addresses, captured and not, are those of run().
Status test_streams(DType type, const Device& device) {
  VIVACE_ASSIGN(std::shared_ptr<ir::Graph> graph, ir::parse("graph " + std::string(kChain)));
  VIVACE_TRY(ops::infer_graph(*graph));
  if (type != DType::f32) VIVACE_TRY(passes::lower_precision(*graph, type).status());
  VIVACE_TRY(lower(*graph, type));
  const Shape shape = {48, 64};
  VIVACE_ASSIGN(const auto executor, executor_of(graph, false, {shape}, device));
  VIVACE_ASSIGN(const auto instance, executor->instance({shape}));
  VIVACE_ASSIGN(const auto session, executor->session(1, {}));
  const Tensor x = ir::random_tensor(DType::f32, shape, 7);
  std::vector<Tensor> expected, again;
  VIVACE_TRY(session->run(*instance, {x.view()}, expected));
  const auto same = [&](const Tensor& got, size_t i) {
    return std::memcmp(got.data(), expected[i].data(), expected[i].bytes()) == 0;
  };
  for (int run = 0; run < 50; ++run) {
    VIVACE_TRY(session->run(*instance, {x.view()}, again));
    if (!same(again[0], 0) || !same(again[1], 1)) return {Code::internal, "a run differs from the one before"};
  }
  VIVACE_TRY(session->run(*instance, {x.view()}, again, [](size_t, double) {}));
  if (!same(again[0], 0)) return {Code::internal, "a profiled run differs"};

  VIVACE_ASSIGN(const std::shared_ptr<Gpu> gpu, Gpu::open(device.ordinal));
  const Gpu::Scope scope(*gpu);
  const Driver& d = gpu->driver();
  VIVACE_ASSIGN(const Stream stream, Stream::make(gpu));
  const size_t out_bytes = expected[0].bytes(), room = x.bytes() + 256;
  VIVACE_ASSIGN(const Memory memory, Memory::allocate(gpu, Memory::Kind::device, 3 * room));
  const auto queue = [&](size_t shift) {
    const DevicePointer at = memory.device() + shift;
    const auto buffer = [&](DevicePointer address, size_t bytes) {
      return backends::DeviceBuffer{reinterpret_cast<void*>(address), bytes};
    };
    return session->enqueue(*instance, {buffer(at, x.bytes())},
                            {buffer(at + room, out_bytes), buffer(at + 2 * room, x.bytes())}, stream.handle());
  };
  // The input stays where it is put; outputs are cleared before.
  const auto put = [&](size_t shift) -> Status {
    VIVACE_CUDA(d, cuMemsetD8Async(memory.device(), 0, memory.bytes(), stream.handle()));
    VIVACE_CUDA(d, cuMemcpyHtoDAsync_v2(memory.device() + shift, x.data(), x.bytes(), stream.handle()));
    return {};
  };
  const auto check = [&](size_t shift, const char* what) -> Status {
    for (size_t i = 0; i < 2; ++i)
      VIVACE_CUDA(d, cuMemcpyDtoHAsync_v2(again[i].data(), memory.device() + shift + (i + 1) * room,
                                          expected[i].bytes(), stream.handle()));
    VIVACE_CUDA(d, cuStreamSynchronize(stream.handle()));
    for (size_t i = 0; i < 2; ++i)
      if (!same(again[i], i)) return {Code::internal, std::string(what) + " differs from run()"};
    return {};
  };
  for (const size_t shift : {0, 4, 128, 0, 4, 128, 0}) {  // 4: not aligned, and copied
    VIVACE_TRY(put(shift));
    VIVACE_TRY(queue(shift));
    VIVACE_TRY(check(shift, "a run on a stream"));
  }
  VIVACE_TRY(put(0));
  for (int run = 0; run < 20; ++run) VIVACE_TRY(queue(0));
  VIVACE_TRY(check(0, "one of several runs"));
  Recording recording(d);
  VIVACE_TRY(recording.begin(stream.handle()));
  const Status captured = queue(0);
  VIVACE_TRY(recording.end(stream.handle()));
  VIVACE_TRY(captured);
  for (int run = 0; run < 5; ++run) {
    VIVACE_TRY(put(0));
    VIVACE_TRY(recording.launch(0, stream.handle()));
    VIVACE_TRY(check(0, "a captured run"));
  }
  for (const bool flush : {false, true}) {
    VIVACE_ASSIGN(const backends::DeviceTimes times, session->time(*instance, {x.view()}, 20, flush));
    if (!(times.minimum <= times.median && times.median < 0.1))
      return {Code::internal, "a run takes " + std::to_string(times.median) + " s"};
  }
  return {};
}

// An index out of range is an error that names the node, and the next run is as if nothing had been.
Status test_fault(const Device& device) {
  VIVACE_ASSIGN(const std::shared_ptr<ir::Graph> graph,
                ir::parse("graph (%x: f32[3,2], %i: i64[2]) { %y = Gather(%x, %i) return %y }"));
  VIVACE_TRY(ops::infer_graph(*graph));
  const Tensor x = Tensor::of<float>({0, 1, 2, 3, 4, 5}).reshaped({3, 2});
  const Result<std::vector<Tensor>> bad = run_graph(graph, false, {x, Tensor::of<int64_t>({1, 3})}, device);
  if (bad.ok() || bad.status().code() != Code::invalid_argument)
    return {Code::internal, "an index out of range is not noticed"};
  VIVACE_ASSIGN(const std::vector<Tensor> good, run_graph(graph, false, {x, Tensor::of<int64_t>({-1, 0})}, device));
  const float* y = good[0].as<float>();
  return y[0] == 4 && y[1] == 5 && y[2] == 0 && y[3] == 1 ? Status() : Status(Code::internal, "wrong rows");
}

}  // namespace

int test_graphs(const Device& device, std::span<const char* const> cases, size_t from) {
  size_t next = 0;
  int code = 0;
  const auto check = [&](const std::string& text, DType type, const auto& test) {
    if (code || next++ < from) return;
    std::printf("run %zu %s %s\n", next - 1, to_string(type), text.c_str());
    std::fflush(stdout);
    const Status status = test();
    std::printf("%s%s\n", status.ok() ? "pass 0" : "fail ", status.message().c_str());
    if (status.code() == Code::device_unavailable) code = kUnusable;
  };
  check("an index out of range", DType::f32, [&] { return test_fault(device); });
  for (const DType type : {DType::f32, DType::f16, DType::bf16})
    check("runs on a stream", type, [&] { return test_streams(type, device); });
  for (const char* text : cases) check(text, DType::f32, [&] { return test_graph(text, DType::f32, true, device); });
  for (const char* text : kGraphs)
    for (const DType type : {DType::f32, DType::f16, DType::bf16})
      for (const bool on_host : {true, false})
        check((on_host ? "on the CPU: " : "") + std::string(text), type,
              [&] { return test_graph(text, type, on_host, device); });
  return code;
}

}  // namespace vivace::cuda
