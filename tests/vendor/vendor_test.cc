// Rows that call libraries: in plans and sessions, in lists of options, in reports. cuBLASLt is one that stands in for
// it (fakes/), on the null device; cuDNN is not there. That the rows compute what they should is tested by
// vivace-test-device.
#include "backends/cuda/vendor.h"

#include <dlfcn.h>

#include <cstdlib>

#include "base/version.h"
#include "builder/cuda_compare.h"
#include "builder/cuda_work.h"
#include "cuda/graphs.h"
#include "runtime/engine.h"
#include "vendor/fakes/fakes.h"

namespace vivace::cuda {
namespace {

const bool environment = setenv("VIVACE_CUDA", "null", 1) == 0 && setenv("VIVACE_CUBLASLT", FAKE_CUBLASLT, 1) == 0 &&
                         setenv("VIVACE_CUDNN", "/nowhere/libcudnn.so.9", 1) == 0;

constexpr const char* kProduct =
    "(%x: f32[3,5]) { %y = vivace.FusedMatMul(%x, const f32[5,4] random(1), const f32[4] random(2)) "
    "{activation=\"relu\"} return %y }";

FakeCounts& counts() {
  void* file = dlopen(FAKE_CUBLASLT, RTLD_NOW | RTLD_LOCAL);
  return *reinterpret_cast<FakeCounts* (*)()>(dlsym(file, "fake_cublaslt"))();
}

plan::Program program_with(const std::shared_ptr<ir::Graph>& graph, const std::string& tactic, int version = 1) {
  plan::Program program;
  program.graph = graph;
  for ([[maybe_unused]] const ir::Node* node : graph->node_list()) {
    plan::Choice choice;
    choice.tactic = tactic;
    choice.version = version;
    choice.configuration = "1";
    program.choices.push_back(choice);
  }
  return program;
}

TEST(Vendor, SourcesAreNamesOfLibraries) {
  EXPECT_EQ(*parse_tactic_sources("cudnn,cublaslt,cudnn"), (std::vector<std::string>{"cudnn", "cublaslt"}));
  EXPECT_TRUE(parse_tactic_sources("")->empty());
  const auto wrong = parse_tactic_sources("cudnn,cufft");
  EXPECT_EQ(wrong.status().code(), Code::invalid_argument);
  EXPECT_EQ(wrong.status().message(), "'cufft' is no source of tactics; cudnn and cublaslt are");
}

TEST(Vendor, WhatIsMissingIsSaid) {
  EXPECT_EQ(*find_vendor_library("cublaslt")->version(), "13.1.2");
  const Status missing = library_status("cudnn");
  EXPECT_EQ(missing.code(), Code::device_unavailable);
  EXPECT_NE(missing.message().find("VIVACE_CUDNN names '/nowhere/libcudnn.so.9', which cannot be opened"),
            std::string::npos)
      << missing.message();
  EXPECT_EQ(builder::missing_libraries({"cublaslt"}).size(), 0u);
  ASSERT_EQ(builder::missing_libraries({}).size(), 1u);
  EXPECT_NE(builder::missing_libraries({"cudnn"})[0].find("was asked for"), std::string::npos);
}

TEST(Vendor, ASessionCallsTheLibraryOnItsStream) {
  const Device device = *find_device("cuda:0");
  const std::shared_ptr<ir::Graph> graph = graph_of(kProduct);
  const Tensor x = ir::random_tensor(DType::f32, {3, 5}, 7);
  const Tensor expected = (*ops::run_graph_reference(*graph, {x}))[0];
  const auto executor = Executor::create(program_with(graph, "cublaslt_matmul"), device, cpu::this_machine(1));
  ASSERT_TRUE(executor.ok()) << executor.status().message();
  const auto instance = (*executor)->instance({{3, 5}});
  ASSERT_TRUE(instance.ok()) << instance.status().message();
  const auto session = *(*executor)->session(1, {});
  const int before = counts().runs;
  std::vector<Tensor> outputs;
  ASSERT_TRUE(session->run(**instance, {x.view()}, outputs, [](size_t, double) {}).ok());
  EXPECT_EQ(counts().runs, before + 1);
  EXPECT_EQ(counts().last, 3) << "the second algorithm that can run";
  EXPECT_NE(counts().stream, nullptr);
  for (size_t i = 0; i < 12; ++i) EXPECT_NEAR(outputs[0].as<float>()[i], expected.as<float>()[i], 1e-5);
  // A graph holds the work: recorded once, replayed without the library.
  for (int run = 0; run < 3; ++run) ASSERT_TRUE(session->run(**instance, {x.view()}, outputs, {}).ok());
  EXPECT_EQ(counts().runs, before + 2);
}

TEST(Vendor, APlanSaysWhichLibraryItLacks) {
  const std::shared_ptr<ir::Graph> graph =
      graph_of("(%x: f32[1,1,4,4]) { %y = Conv(%x, const f32[1,1,3,3] random(1)) return %y }");
  const auto executor =
      Executor::create(program_with(graph, "cudnn_conv"), *find_device("cuda:0"), cpu::this_machine(1));
  ASSERT_FALSE(executor.ok());
  EXPECT_EQ(executor.status().code(), Code::version_mismatch) << "so that it is lowered again";
  EXPECT_NE(executor.status().message().find("'cudnn_conv', which calls a library: VIVACE_CUDNN"), std::string::npos)
      << executor.status().message();
}

TEST(Vendor, AnEngineRunsWithoutTheLibraryWhereItMayBeLoweredAgain) {
  const std::shared_ptr<ir::Graph> graph =
      graph_of("(%x: f32[1,1,4,4]) { %y = Conv(%x, const f32[1,1,3,3] random(1)) return %y }");
  const auto load = [&](bool strict) {
    plan::Plan plan;
    plan.program = program_with(graph, "cudnn_conv");
    plan.portable = graph->clone();
    plan.ranges = {{{1, 1, 4, 4}, {1, 1, 4, 4}, {1, 1, 4, 4}}};
    plan.origin = {version(), "cuda sm_90", "null device"};
    runtime::EngineOptions options;
    options.device = "cuda:0";
    options.strict = strict;
    options.lower_again = [&](const plan::Plan&, const Target&) -> Result<plan::Program> {
      return program_with(graph, std::string(kHost));
    };
    return runtime::Engine::load(std::move(plan), options);
  };
  const auto engine = load(false);
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  EXPECT_NE((*engine)->notice().find("which calls a library: VIVACE_CUDNN names"), std::string::npos);
  EXPECT_NE((*engine)->notice().find("it was lowered again"), std::string::npos);
  EXPECT_EQ(load(true).status().code(), Code::version_mismatch);
}

TEST(Vendor, AnUnknownAlgorithmGivesWayToTheFirst) {
  const std::shared_ptr<ir::Graph> graph = graph_of(kProduct);
  plan::Program program = program_with(graph, "cublaslt_matmul");
  program.choices[0].configuration = "17";  // of another version of the library
  const auto executor = Executor::create(std::move(program), *find_device("cuda:0"), cpu::this_machine(1));
  const auto instance = (*executor)->instance({{3, 5}});
  EXPECT_TRUE(instance.ok()) << instance.status().message();
}

TEST(Vendor, RowsRefuseWhatTheLibraryDoesNotDo) {
  const Tactic& row = *find_tactic("cublaslt_matmul");
  const auto verdict = [&](const std::string& text, const Device& device) {
    const std::shared_ptr<ir::Graph> graph = graph_of(text);
    const auto at = cpu::concretize(*graph, {*graph->inputs()[0]->type.shape()});
    return row.supports(cpu::problem_of(*graph->nodes().front(), *at), device).reason;
  };
  const Device here = *find_device("cuda:0");
  EXPECT_EQ(verdict(kProduct, here), "");
  EXPECT_NE(verdict(kProduct, described()), "") << "that GPU is not here";
  const std::string start = "(%x: f32[3,5]) { %y = vivace.FusedMatMul(%x, const f32[5,", end = "] random(1)) {";
  EXPECT_EQ(verdict(start + "4" + end + "activation=\"gelu\"} return %y }", here), "cuBLASLt has no exact GELU");
  EXPECT_EQ(verdict(start + "4" + end + "activation=\"silu\"} return %y }", here), "cuBLASLt has no such activation");
  EXPECT_EQ(verdict(start + "13" + end + "activation=\"relu\"} return %y }", here),
            "cuBLASLt: cublasLtMatmulAlgoGetHeuristic failed: not supported");
}

TEST(Vendor, RowsAreListedWhereTheBuildAllowsThem) {
  const std::shared_ptr<ir::Graph> graph = graph_of(kProduct);
  const auto at = cpu::concretize(*graph, {{3, 5}});
  const ir::Node& node = *graph->nodes().front();
  const cpu::Problem problem = cpu::problem_of(node, *at);
  const Device device = *find_device("cuda:0");
  const auto listed = [&](const builder::BuildConfig& config, const std::string* forced) {
    const auto work = builder::list_work(node, problem, forced, config, device,
                                         builder::RecordedTimes(builder::TimingCache(), device), 1000);
    size_t found = 0;
    for (const builder::CudaOption& option : work->options) {
      found += option.tactic->library == "cublaslt";
      if (option.tactic->library.empty()) continue;
      EXPECT_NE(builder::option_key(option, "", "p").find(" of 13.1.2 | p"), std::string::npos);
    }
    return found;
  };
  builder::BuildConfig config;
  EXPECT_EQ(listed(config, nullptr), 0u);
  const std::string name = "cublaslt_matmul";
  EXPECT_EQ(listed(config, &name), 2u);
  config.tactic_sources = {"cublaslt"};
  EXPECT_EQ(listed(config, nullptr), 2u);
}

TEST(Comparison, IsInEveryForm) {
  builder::Report report;
  const auto add = [&](const char* name, double ours, double vendor, const char* refused) {
    builder::LayerReport layer;
    layer.name = name;
    layer.candidates = {{"cuda_conv_mma", "", "", 0, ours, 0}};
    layer.comparison = builder::Comparison{layer.candidates[0], {"cudnn_conv", "0", refused, 0, vendor, 0}};
    report.layers.push_back(layer);
  };
  add("a", 1e-6, 2e-6, "");
  add("b", 3e-6, 2e-6, "");
  add("c", 4e-6, 4.01e-6, "");
  add("d", 9e-6, 0, "a <row-major> input");
  const builder::ComparisonTotals sums = builder::totals(report);
  EXPECT_EQ(builder::summary(sums),
            "ours are faster in 1 layers, the vendor's in 1, equal within 2 % in 1; in all 8.0 us beside 8.0 us "
            "(1.00x); 1 layers the vendor's libraries do not run");
  const std::string text = builder::to_text(report), json = builder::to_json(report),
                    html = builder::to_html(report, "");
  EXPECT_NE(text.find("     3.00      2.00  vendor"), std::string::npos) << text;
  EXPECT_NE(text.find("no: a <row-major> input"), std::string::npos);
  EXPECT_NE(json.find("\"vendor_faster\": 1"), std::string::npos) << json;
  EXPECT_NE(html.find("a &lt;row-major&gt; input"), std::string::npos);
  EXPECT_EQ(builder::to_json(report, true).find("comparison"), std::string::npos) << "times differ from build to build";
}

}  // namespace
}  // namespace vivace::cuda
