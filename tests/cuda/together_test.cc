// Kernels of nodes that need nothing of each other, as one.
#include "backends/cuda/together.h"

#include <gtest/gtest.h>

#include "backends/cpu/placement.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/groups.h"
#include "backends/cuda/instance.h"
#include "backends/cuda/lower.h"
#include "builder/cuda_groups.h"
#include "cuda/graphs.h"
#include "passes/precision.h"

namespace vivace::cuda {
namespace {

Launch launch_of(const std::string& text, unsigned blocks, unsigned block, unsigned cluster) {
  Launch launch{.name = "f",
                .source = text,
                .block = block,
                .shared_bytes = block,
                .cluster = cluster,
                .waits = true,
                .arguments = {input(0), output()}};
  launch.grid[0] = blocks;
  return launch;
}

constexpr const char* kFirst = R"(
#define SIZE 4
constexpr int kBlocks = 2;
extern "C" __global__ void __launch_bounds__(128, kBlocks) f(const float* __restrict__ x, float* y) {
  y[blockIdx.x * SIZE] = x[blockIdx.y];
}
)";
constexpr const char* kSecond = R"(
extern "C" __global__ void __launch_bounds__(64) f(const int* x, int* y) { y[threadIdx.x] = x[blockDim.x]; }
)";

TEST(Together, WritesOneKernelThatRunsTheBlocksOfBoth) {
  Launch first = launch_of(kFirst, 3, 128, 1), second = launch_of(kSecond, 4, 64, 4);
  first.grid[1] = 3;
  const Launch* const launches[] = {&first, &second};
  const Result<Launch> all = together(launches);
  ASSERT_TRUE(all.ok()) << all.status().message();
  EXPECT_EQ(all->grid[0], 16u) << "nine blocks, filled up to three clusters, and four";
  EXPECT_EQ(all->block, 128u);
  EXPECT_EQ(all->cluster, 4u);
  EXPECT_EQ(all->shared_bytes, 128u);
  EXPECT_EQ(all->source.substr(all->source.find("namespace")), R"(namespace part0 {
#define blockIdx own_block<0, 3, 3>()
#define gridDim GridIndex{3, 3, 1}
#define blockDim GridIndex{128, 1, 1}

#define SIZE 4
constexpr int kBlocks = 2;
constexpr int kLeastBlocks =  kBlocks;
__device__ __forceinline__ void run_part(const float* __restrict__ x, float* y) {
  y[blockIdx.x * SIZE] = x[blockIdx.y];
}

#undef blockIdx
#undef gridDim
#undef blockDim
#undef SIZE
}
namespace part1 {
#define blockIdx own_block<12, 4, 1>()
#define gridDim GridIndex{4, 1, 1}
#define blockDim GridIndex{64, 1, 1}

constexpr int kLeastBlocks = 1;
__device__ __forceinline__ void run_part(const int* x, int* y) { y[threadIdx.x] = x[blockDim.x]; }

#undef blockIdx
#undef gridDim
#undef blockDim
}
extern "C" __global__ void __launch_bounds__(128, (part0::kLeastBlocks < part1::kLeastBlocks ? part0::kLeastBlocks : part1::kLeastBlocks)) together(const void* __restrict__ a0, void* a1, void* a2, void* a3) {
  if (block() < 12) {
    if (block() < 9) part0::run_part(Anything{a0}, Anything{a1});
  } else {
    if (threadIdx.x < 64) part1::run_part(Anything{a2}, Anything{a3});
  }
}
)");
  if (compiler_version().ok()) {
    const Result<std::string> code = compile(all->source, all->name, "sm_90");
    EXPECT_TRUE(code.ok()) << code.status().message();
  }
}

TEST(Together, RefusesWhatDoesNotFit) {
  const Launch good = launch_of(kFirst, 1, 128, 2), clusters = launch_of(kFirst, 1, 128, 4);
  const Launch part = launch_of(kFirst, 1, 40, 1), text = launch_of("int f() {}", 1, 128, 1);
  Launch late = good;
  late.waits = false;
  for (const Launch* other : {&clusters, &part, &text, static_cast<const Launch*>(&late)}) {
    const Launch* const launches[] = {&good, other};
    EXPECT_EQ(together(launches).status().code(), Code::unsupported);
  }
}

std::string names_of(const ir::Graph& graph) {
  std::string names;
  for (const auto& node : graph.nodes()) names += node->output()->name;
  return names;
}

// Branches of one length come level by level; each node stands behind what it reads.
TEST(Groups, MoveUpToTheFirstThatTheyNeedNothingOf) {
  const auto graph = graph_of(
      "(%x: f32[1,8,5,5]) { %a = Conv(%x, const f32[8,8,1,1] random(1)) %b = Conv(%a, const f32[8,8,1,1] random(2)) "
      "%c = Relu(%b) %d = Conv(%x, const f32[8,8,1,1] random(3)) %e = Conv(%d, const f32[8,8,1,1] random(4)) %f = "
      "Conv(%c, const f32[8,8,1,1] random(5)) %g = MaxPool(%c) {kernel_shape=[1,1]} %y = Sum(%e, %f, %g) return %y }");
  bring_together(*graph);
  EXPECT_TRUE(ir::verify(*graph).ok());
  EXPECT_EQ(names_of(*graph), "adbecfgy");
  const std::vector<ir::Node*> nodes = graph->node_list();
  std::vector<size_t> counts;
  for (size_t i = 0; i < nodes.size(); i += counts.back()) counts.push_back(together_from(nodes, i));
  EXPECT_EQ(counts, (std::vector<size_t>{2, 2, 1, 2, 1}));
}

// `b` reads `t` for the last time; alone, what runs after it may be put there.
constexpr const char* kBranches =
    "(%x: f32[16,16]) { %t = Neg(%x) %b = MatMul(%t, const f32[16,16] random(1)) %c = MatMul(%x, const f32[16,16] "
    "random(2)) %y = Add(%b, %c) return %y }";

bool overlap(const Address& a, const Address& b, size_t bytes) {
  return a.base == b.base && a.index == b.index && a.offset < b.offset + bytes && b.offset < a.offset + bytes;
}

TEST(Groups, ShareNoMemoryAndRunInOneLaunch) {
  for (const bool together : {false, true}) {
    const std::shared_ptr<ir::Graph> graph = graph_of(kBranches);
    const Result<cpu::ConcreteGraph> at = cpu::concretize(*graph, {{16, 16}});
    ASSERT_TRUE(at.ok());
    plan::Program program = program_of(graph, *at, true);
    program.choices[1].beside = together;
    const auto executor = Executor::create(std::move(program), described(), cpu::this_machine(1));
    ASSERT_TRUE(executor.ok()) << executor.status().message();
    const auto made = (*executor)->instance({{16, 16}});
    ASSERT_TRUE(made.ok()) << made.status().message();
    const auto& instance = static_cast<const Instance&>(**made);
    ASSERT_EQ(instance.steps.size(), 4u);
    EXPECT_EQ(instance.steps[1].together.kernel != nullptr, together);
    EXPECT_EQ(instance.steps[1].together.steps, together ? 2u : 1u);
    const Address& read = instance.steps[1].inputs[0];
    EXPECT_EQ(overlap(read, instance.steps[2].outputs[0], 1024), !together);
    const auto session = *(*executor)->session(1, {});
    const Tensor x = ir::random_tensor(DType::f32, {16, 16}, 1);
    std::vector<Tensor> outputs;
    size_t observed = 0;
    EXPECT_TRUE(session->run(**made, {x.view()}, outputs, {}).ok());
    EXPECT_TRUE(session->run(**made, {x.view()}, outputs, [&](size_t, double) { ++observed; }).ok());
    EXPECT_EQ(observed, 4u) << "each layer has a time of its own";
  }
}

// What nodes that do not exist, or that need each other, run together with.
TEST(Groups, OfAPlanAreNotTrusted) {
  const std::shared_ptr<ir::Graph> graph = graph_of(
      "(%x: f32[16,16]) { %b = MatMul(%x, const f32[16,16] random(1)) %c = MatMul(%b, const f32[16,16] random(2)) "
      "return %c }");
  const Result<cpu::ConcreteGraph> at = cpu::concretize(*graph, {{16, 16}});
  plan::Program program = program_of(graph, *at, true);
  program.choices[0].beside = 1;
  program.choices[1].beside = 7;
  const auto executor = Executor::create(std::move(program), described(), cpu::this_machine(1));
  const auto made = (*executor)->instance({{16, 16}});
  ASSERT_TRUE(made.ok()) << made.status().message();
  for (const Step& step : static_cast<const Instance&>(**made).steps) EXPECT_FALSE(step.together.kernel);
}

// The problems of a graph in f16 with their options, `most` of each.
struct Listed {
  Listed(const std::string& text, const Shape& shape, size_t most) : graph(graph_of(text)) {
    EXPECT_TRUE(passes::lower_precision(*graph, DType::f16).ok());
    EXPECT_TRUE(lower(*graph, DType::f16).ok());
    at = *cpu::concretize(*graph, {shape});
    nodes = graph->node_list();
    works.resize(nodes.size());
    by_node.resize(nodes.size());
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i]->op == "vivace.Reorder") continue;
      works[i] = *builder::list_work(*nodes[i], cpu::problem_of(*nodes[i], at), nullptr, {}, described(),
                                     builder::RecordedTimes(builder::TimingCache(), described()), most);
      by_node[i] = &works[i];
      std::vector<builder::Wanted> wanted;
      for (size_t k = 0; k < works[i].options.size(); ++k) wanted.push_back({&works[i], k});
      builder::CudaImages images;
      const auto compile = [](auto&&...) { return Result<std::string>(std::string("code")); };
      EXPECT_TRUE(builder::make_options(wanted, {}, described(), pool, compile, images).ok());
    }
  }
  std::shared_ptr<ir::Graph> graph;
  cpu::ConcreteGraph at;
  std::vector<ir::Node*> nodes;
  std::vector<builder::CudaWork> works;
  std::vector<builder::CudaWork*> by_node;
  ThreadPool pool{1};
};

// Where the fastest have clusters of different sizes, one gives way if that costs little.
TEST(Groups, TakeOptionsThatFitTogether) {
  Listed listed(
      "(%x: f32[1,512,7,7]) { %a = Conv(%x, const f32[64,512,1,1] random(1)) %b = Conv(%x, const f32[128,512,1,1] "
      "random(2)) return %a, %b }",
      {1, 512, 7, 7}, 1000);
  unsigned cluster = 2;
  for (builder::CudaWork* work : listed.by_node) {
    if (!work) continue;
    const auto best = std::find_if(work->options.begin(), work->options.end(),
                                   [&](const builder::CudaOption& o) { return o.job.launches[0].cluster == cluster; });
    ASSERT_NE(best, work->options.end());
    std::rotate(work->options.begin(), best, best + 1);
    cluster = 4;
  }
  for (const double others : {1.5e-6, 9e-6}) {
    for (builder::CudaWork* work : listed.by_node)
      for (size_t k = 0; work && k < work->options.size(); ++k)
        work->options[k].candidate.seconds = k == 0 ? 1e-6 : others;
    const auto groups = builder::list_groups(listed.nodes, listed.by_node, described());
    ASSERT_EQ(groups.size(), others < 2e-6 ? 1u : 0u);
    for (const builder::CudaGroup& group : groups) EXPECT_NEAR(group.extra, 0.5e-6, 1e-9);
  }
}

// Kernels of the rows themselves: two convolutions on tensor cores, one of them in clusters, and a pooling.
TEST(Together, CompilesWithRowsKernels) {
  if (const Result<std::string> version = compiler_version(); !version.ok()) GTEST_SKIP() << version.status().message();
  Listed listed(
      "(%x: f32[1,128,14,14]) { %a = vivace.FusedConv(%x, const f32[64,128,1,1] random(1), const f32[64] random(2)) "
      "{activation=\"relu\"} %b = vivace.FusedConv(%x, const f32[64,128,3,3] random(3), const f32[64] random(4)) "
      "{strides=[2,2]} %c = MaxPool(%x) {kernel_shape=[3,3]} return %a, %b, %c }",
      {1, 128, 14, 14}, 1);
  std::vector<builder::CudaGroup> groups = builder::list_groups(listed.nodes, listed.by_node, described());
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].members.size(), 3u);
  EXPECT_TRUE(groups[0].pays);
  builder::CudaImages images;
  ASSERT_TRUE(builder::compile_groups(groups, described(), listed.pool, images).ok());
  EXPECT_EQ(groups.size(), 1u);
  EXPECT_EQ(images.size(), 4u) << "of the group, and of each alone";
}

}  // namespace
}  // namespace vivace::cuda
