// vivace-test-device: every row of the GPU against the reference, on the GPU that is here.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>

#include "backend_cases.h"
#include "backends/cuda/executor.h"
#include "ir/text.h"
#include "ops/operator.h"

namespace vivace::cuda {
namespace {

// Beyond the common cases: other dimensions, sizes around the tiles, few rows.
constexpr const char* kMoreCases[] = {
    "(%x: f32[2,5,37]) { %y = Conv(%x, const f32[7,5,3] random(1), const f32[7] random(2)) {pads=[2,0], strides=[2]} "
    "return %y }",
    "(%x: f32[1,4,5,6,7]) { %y = Conv(%x, const f32[6,2,3,1,2] random(1)) {group=2, pads=[1,0,1,1,0,0]} return %y }",
    "(%x: f32[1,130,17,19]) { %y = Conv(%x, const f32[131,130,3,3] random(1)) {pads=[1,1,1,1]} return %y }",
    "(%x: f32[2,7,65,63]) { %y = vivace.FusedConv(%x, const f32[129,7,1,1] random(1), const f32[129] random(2)) "
    "{activation=\"gelu\"} return %y }",
    "(%x: f32[8,1000]) { %y = Gemm(%x, const f32[301,1000] random(1)) {transB=1} return %y }",
    "(%x: f32[129,257]) { %y = MatMul(%x, const f32[257,131] random(1)) return %y }",
    "(%x: f32[3,65,33], %z: f32[3,33,67]) { %y = MatMul(%x, %z) return %y }",
    "(%x: f32[2,3000]) { %y = Softmax(%x) return %y }",
    "(%x: f32[3,70000]) { %y = ReduceMean(%x, const i64[1] {1}) return %y }",
    "(%q: f32[2,4,130,64], %k: f32[2,4,517,64], %v: f32[2,4,517,64], %m: f32[1,1,130,517]) { %y = Attention(%q, %k, "
    "%v, %m) return %y }",
    "(%x: f32[64,65,66]) { %y = Transpose(%x) {perm=[2,0,1]} return %y }",
    "(%x: f32[2,6,5,7]) { %y = ConvTranspose(%x, const f32[6,4,3,2] random(1), const f32[8] random(2)) {group=2, "
    "strides=[2,3], pads=[1,0,0,1], dilations=[1,2], output_padding=[1,2]} return %y }",
    "(%x: f32[1,3,9]) { %y = ConvTranspose(%x, const f32[3,5,4] random(1)) {strides=[2], pads=[1,1]} return %y }",
    "(%x: i64[5,6]) { %y = Transpose(%x) return %y }",
    "(%x: f16[5,6], %z: f16[5,3]) { %y = Concat(%x, %z) {axis=1} return %y }",
};

struct Tally {
  int passed = 0, failed = 0;
  double worst = 0;
};

// max |difference| / max |expected|, both as numbers; exact for integers.
double error_of(const Tensor& got, const Tensor& expected) {
  if (got.type() != expected.type() || got.shape() != expected.shape()) return INFINITY;
  if (is_integer(got.type())) return std::memcmp(got.data(), expected.data(), got.bytes()) ? INFINITY : 0;
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

// Sums of some thousand products in another order than the reference's.
constexpr double kTolerance = 2e-5;

Result<std::vector<Tensor>> run_with(const std::shared_ptr<ir::Graph>& graph, const Tactic* tactic,
                                     const std::string& configuration, const std::vector<Tensor>& arguments,
                                     const Device& device) {
  std::vector<Shape> shapes;
  std::vector<TensorView> views;
  for (const Tensor& t : arguments) {
    shapes.push_back(t.shape());
    views.push_back(t.view());
  }
  VIVACE_ASSIGN(const cpu::ConcreteGraph at, cpu::concretize(*graph, shapes));
  plan::Program program;
  program.graph = graph;
  for (const ir::Node* node : graph->node_list()) {
    plan::Choice choice;
    if (tactic && tactic->prepare) {
      VIVACE_ASSIGN(choice.packed, tactic->prepare(cpu::problem_of(*node, at), configuration, device));
    }
    choice.tactic = tactic ? tactic->name : kHost;
    choice.version = tactic ? tactic->version : 0;
    choice.configuration = configuration;
    program.choices.push_back(choice);
  }
  const cpu::Machine host = cpu::this_machine(2);
  VIVACE_ASSIGN(const auto executor, Executor::create(std::move(program), device, host));
  VIVACE_ASSIGN(const auto instance, executor->instance(shapes));
  VIVACE_ASSIGN(const auto session, executor->session(1, {}));
  std::vector<Tensor> outputs;
  for (int run = 0; run < 2; ++run) VIVACE_TRY(session->run(*instance, views, outputs));  // the second replays
  return outputs;
}

Status test_case(const char* text, const Device& device, std::map<std::string, Tally>& tallies) {
  VIVACE_ASSIGN(std::unique_ptr<ir::Graph> parsed, ir::parse("graph " + std::string(text)));
  std::shared_ptr<ir::Graph> graph = std::move(parsed);
  VIVACE_TRY(ops::infer_graph(*graph));
  const ir::Node& node = **graph->nodes().begin();
  std::vector<Tensor> arguments;
  std::vector<Shape> shapes;
  for (const ir::Value* v : graph->inputs()) {
    shapes.push_back(*v->type.shape());
    arguments.push_back(ir::random_tensor(v->type.dtype, shapes.back(), static_cast<uint64_t>(v->id()) + 10));
  }
  VIVACE_ASSIGN(const std::vector<Tensor> expected, ops::run_graph_reference(*graph, arguments));
  VIVACE_ASSIGN(const cpu::ConcreteGraph at, cpu::concretize(*graph, shapes));
  if (!at.concrete(node)) return {};
  const Problem problem = cpu::problem_of(node, at);
  const auto check = [&](const Tactic* tactic, const std::string& configuration) {
    const std::string name = tactic ? std::string(tactic->name) : "host";
    const Result<std::vector<Tensor>> got = run_with(graph, tactic, configuration, arguments, device);
    double error = got.ok() ? 0 : INFINITY;
    for (size_t i = 0; got.ok() && i < expected.size(); ++i) error = std::max(error, error_of((*got)[i], expected[i]));
    Tally& tally = tallies[name];
    tally.worst = std::max(tally.worst, error);
    ++(error <= kTolerance ? tally.passed : tally.failed);
    if (error <= kTolerance) return;
    std::printf("FAILED %s '%s' on %s\n  %s\n", name.c_str(), configuration.c_str(), text,
                got.ok() ? ("error " + std::to_string(error)).c_str() : got.status().message().c_str());
  };
  check(nullptr, "");
  for (const Tactic* tactic : all_tactics()) {
    if (!tactic->runs(node.op) || !tactic->supports(problem, device)) continue;
    for (const std::string& configuration :
         tactic->configurations ? tactic->configurations(problem, device) : std::vector<std::string>{""})
      check(tactic, configuration);
  }
  return {};
}

// An index out of range is an error that names the node, and the next run is as if nothing had been.
Status test_fault(const Device& device) {
  VIVACE_ASSIGN(std::unique_ptr<ir::Graph> parsed,
                ir::parse("graph (%x: f32[3,2], %i: i64[2]) { %y = Gather(%x, %i) return %y }"));
  std::shared_ptr<ir::Graph> graph = std::move(parsed);
  VIVACE_TRY(ops::infer_graph(*graph));
  const Tensor x = Tensor::of<float>({0, 1, 2, 3, 4, 5}).reshaped({3, 2});
  const Result<std::vector<Tensor>> bad =
      run_with(graph, find_tactic("cuda_gather"), "", {x, Tensor::of<int64_t>({1, 3})}, device);
  if (bad.ok() || bad.status().code() != Code::invalid_argument)
    return {Code::internal, "an index out of range is not noticed"};
  VIVACE_ASSIGN(const std::vector<Tensor> good,
                run_with(graph, find_tactic("cuda_gather"), "", {x, Tensor::of<int64_t>({-1, 0})}, device));
  const float* y = good[0].as<float>();
  return y[0] == 4 && y[1] == 5 && y[2] == 0 && y[3] == 1 ? Status() : Status(Code::internal, "wrong rows");
}

int run(const std::string& name) {
  const Result<Device> device = find_device(name);
  if (!device.ok()) {
    std::printf("skipped: %s\n", device.status().message().c_str());
    return device.status().code() == Code::device_unavailable ? 77 : 1;
  }
  std::printf("%s, %s\n", device->name.c_str(), device->architecture().c_str());
  std::map<std::string, Tally> tallies;
  int failed = 0;
  const auto all = [&](auto& cases) {
    for (const char* text : cases) {
      const Status status = test_case(text, *device, tallies);
      if (status.ok()) continue;
      ++failed;
      std::printf("FAILED %s\n  %s\n", text, status.message().c_str());
    }
  };
  all(kBackendCases);
  all(kMoreCases);
  if (const Status status = test_fault(*device); !status.ok()) {
    ++failed;
    std::printf("FAILED an index out of range: %s\n", status.message().c_str());
  }
  std::printf("%-24s %7s %7s %12s\n", "row", "passed", "failed", "worst error");
  for (const Tactic* tactic : all_tactics()) tallies[std::string(tactic->name)];
  for (const auto& [row, tally] : tallies) {
    std::printf("%-24s %7d %7d %12.2g\n", row.c_str(), tally.passed, tally.failed, tally.worst);
    failed += tally.failed;
    if (tally.passed == 0) std::printf("FAILED no case reaches %s\n", row.c_str()), ++failed;
  }
  std::printf("%s\n", failed ? "some failed" : "all passed");
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace vivace::cuda

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "cuda";
  if (name == "-h" || name == "--help") {
    std::printf(
        "usage: vivace-test-device [DEVICE]\nRuns every row of the GPU on small problems and compares with the "
        "reference.\nExit codes: 0 all passed, 1 some failed, 77 there is no GPU.\n");
    return 0;
  }
  return vivace::cuda::run(name);
}
