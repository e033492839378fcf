// Subgraphs, sibling products, and the driver.
#include "passes/rewriting.h"
#include "passes/rules.h"

namespace vivace::passes {
namespace {

TEST(InlineConstantIfs, TheBranchThatIsTaken) {
  expect_rewrite(pass_named("inline_constant_ifs"), R"(graph (%x: f32[2]) {
    %y = If(const bool[] {0}, %x) {captures=1, else_branch=graph (%i: f32[2]) {
      %n = Neg(%i)
      %o = Add(%n, const f32[] {3})
      return %o
    }, then_branch=graph (%i: f32[2]) { %o = Abs(%i) return %o }}
    return %y })",
                 R"(graph (%x: f32[2]) {
    %n = Neg(%x)
    %y = Add(%n, const f32[] {3})
    return %y })");
  expect_no_rewrite(pass_named("inline_constant_ifs"), R"(graph (%x: f32[2], %c: bool[]) {
    %y = If(%c, %x) {captures=1, else_branch=graph (%i: f32[2]) { %o = Neg(%i) return %o }, then_branch=graph (%i: f32[2]) { %o = Abs(%i) return %o }}
    return %y })");
}

TEST(SinkConstants, IntoBranches) {
  const auto graph = graph_of(R"(graph (%x: f32[2], %c: bool[]) {
    %w = const f32[2] {1, 2}
    %y = If(%c, %x, %w) {captures=2, else_branch=graph (%i: f32[2], %j: f32[2]) { %o = Sub(%i, %j) return %o },
      then_branch=graph (%i: f32[2], %j: f32[2]) { %p = Add(%j, %j) %o = Mul(%i, %p) return %o }}
    return %y })");
  const auto before = graph->clone();
  const Result<PassReport> report = optimize(*graph);
  ASSERT_TRUE(report.ok()) << report.status().message();
  const ir::Graph& branch = *graph->node_list()[0]->subgraph("then_branch");
  ASSERT_EQ(branch.nodes().size(), 1u) << ir::print(*graph);  // the sum is computed, the product is left
  std::vector<Tensor> inputs = random_inputs(*before, 1);
  for (const bool taken : {false, true}) {
    *inputs[1].as<bool>() = taken;
    expect_same_results(*before, *graph, inputs);
  }
}

TEST(MergeSiblings, ConvolutionsOfOneInput) {
  expect_rewrite(pass_named("merge_sibling_convolutions"), R"(graph (%x: f32[1,8,5,5]) {
    %a = vivace.FusedConv(%x, const f32[16,8,1,1] random(1)) {activation="relu"} "a"
    %m = MaxPool(%x) {kernel_shape=[1, 1]}
    %b = vivace.FusedConv(%x, const f32[32,8,1,1] random(2), const f32[32] random(3)) {activation="relu"} "b"
    %c = vivace.FusedConv(%x, const f32[16,8,1,1] random(4)) "c"
    return %a, %b, %c, %m })",
                 R"(graph (%x: f32[1,8,5,5]) {
    %ab = vivace.FusedConv(%x, const f32[48,8,1,1] random(1), const f32[48] random(2)) {activation="relu"}
    %a, %b = Split(%ab, const i64[2] {16, 32}) {axis=1}
    %m = MaxPool(%x) {kernel_shape=[1, 1]}
    %c = vivace.FusedConv(%x, const f32[16,8,1,1] random(4))
    return %a, %b, %c, %m })");
  for (const char* second : {"vivace.FusedConv(%x, const f32[16,8,1,1] random(2), _, %a)",  // a residual
                             "vivace.FusedConv(%x, const f32[12,8,1,1] random(2))",         // no whole vectors
                             "vivace.FusedConv(%x, const f32[16,8,3,3] random(2)) {pads=[1, 1, 1, 1]}",
                             "vivace.FusedConv(%a, const f32[16,16,1,1] random(2))"})
    expect_no_rewrite(
        pass_named("merge_sibling_convolutions"),
        std::string("graph (%x: f32[1,8,5,5]) { %a = vivace.FusedConv(%x, const f32[16,8,1,1] random(1)) %b = ") +
            second + " return %a, %b }");
}

TEST(MergeSiblings, ProductsOfOneInput) {
  expect_rewrite(pass_named("merge_sibling_matmuls"), R"(graph (%x: f32[2,3,8]) {
    %a = vivace.FusedMatMul(%x, const f32[8,4] random(1), const f32[4] random(5))
    %b = vivace.FusedMatMul(%x, const f32[8,6] random(2), const f32[6] random(6))
    return %a, %b })",
                 R"(graph (%x: f32[2,3,8]) {
    %ab = vivace.FusedMatMul(%x, const f32[8,10] random(1), const f32[10] random(5))
    %a, %b = Split(%ab, const i64[2] {4, 6}) {axis=2}
    return %a, %b })");
  expect_rewrite(pass_named("merge_sibling_matmuls"), R"(graph (%x: f32[3,8]) {
    %a = vivace.FusedMatMul(%x, const f32[4,8] random(1)) {trans_b=1}
    %b = vivace.FusedMatMul(%x, const f32[6,8] random(2)) {trans_b=1}
    return %a, %b })",
                 R"(graph (%x: f32[3,8]) {
    %ab = vivace.FusedMatMul(%x, const f32[10,8] random(1)) {trans_b=1}
    %a, %b = Split(%ab, const i64[2] {4, 6}) {axis=1}
    return %a, %b })");
  expect_no_rewrite(pass_named("merge_sibling_matmuls"), R"(graph (%x: f32[3,8]) {
    %a = vivace.FusedMatMul(%x, const f32[8,4] random(1))
    %b = vivace.FusedMatMul(%x, const f32[8,6] random(2)) {scale=0.5}
    return %a, %b })");
  expect_no_rewrite(pass_named("merge_sibling_matmuls"), R"(graph (%x: f32[64,512]) {  # large enough alone
    %a = vivace.FusedMatMul(%x, const f32[512,512] random(1))
    %b = vivace.FusedMatMul(%x, const f32[512,512] random(2))
    return %a, %b })");
}

TEST(Driver, DisablesByName) {
  const std::string text = "graph (%x: f32[2]) { %a = Identity(%x) %y = Relu(%a) return %y }";
  const auto graph = graph_of(text);
  Options options;
  options.disabled = {"eliminate_identity", "fuse_pointwise"};
  const Result<PassReport> report = optimize(*graph, options);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->nodes_after, 2);
  options.disabled = {"all"};
  const auto whole = graph_of(text);
  ASSERT_TRUE(optimize(*whole, options).ok());
  EXPECT_EQ(count_nodes(*whole), 2);
  options.disabled = {"eliminate_identiti"};
  EXPECT_EQ(optimize(*graph, options).status().code(), Code::invalid_argument);
}

TEST(Driver, CountsDumpsAndStops) {
  const auto graph = graph_of("graph (%x: f32[2]) { %a = Identity(%x) %b = Identity(%a) %y = Relu(%b) return %y }");
  Options options;
  std::vector<std::string> dumped;
  options.dump = [&](const std::string& pass, const ir::Graph&) { dumped.push_back(pass); };
  const Result<PassReport> report = optimize(*graph, options);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->nodes_before, 3);
  EXPECT_EQ(report->nodes_after, 1);
  EXPECT_EQ(dumped, (std::vector<std::string>{"eliminate_identity", "fuse_pointwise"}));
  for (const PassRecord& record : report->passes)
    EXPECT_EQ(record.changes, record.name == "eliminate_identity" ? 2
                              : record.name == "fuse_pointwise"   ? 1
                                                                  : 0)
        << record.name;
  options.cancelled = [] { return true; };
  EXPECT_EQ(optimize(*graph, options).status().code(), Code::cancelled);
}

TEST(Driver, CatchesAPassThatBreaksTheGraph) {
  const auto graph = graph_of("graph (%x: f32[2,3]) { %a = Neg(%x) %y = Abs(%a) return %y }");
  const Pass wrong{"wrong", "", [](ir::Graph& g, PassContext&) -> Result<int> {
                     g.set_input(g.node_list()[1], 0,
                                 g.add_constant(Tensor::of(std::vector<float>{1})));  // another shape
                     return 1;
                   }};
  const Status status = run_pass(wrong, *graph).status();
  EXPECT_EQ(status.code(), Code::invalid_model);
  EXPECT_NE(status.message().find("optimizer pass wrong"), std::string::npos) << status.message();
}

TEST(Driver, EveryPassHasANameAndAPurpose) {
  for (const Stage& stage : pipeline())
    for (const Pass& pass : stage.passes) {
      EXPECT_FALSE(pass.name.empty());
      EXPECT_FALSE(pass.purpose.empty()) << pass.name;
    }
}

TEST(Pattern, TriesEveryOrder) {
  // Only the second order of the inner sum and the first of the outer one fit together.
  const Pattern pattern = op("Mul", op("Add", any("a"), op("Neg", any("b"))).commutative(), any("a")).commutative();
  const auto graph =
      graph_of("graph (%x: f32[2], %y: f32[2]) { %n = Neg(%y) %s = Add(%n, %x) %r = Mul(%x, %s) return %r }");
  const std::optional<Match> found = match(pattern, *graph->node_list()[2]);
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)["a"]->name, "x");
  EXPECT_EQ((*found)["b"]->name, "y");
  EXPECT_EQ(found->nodes().size(), 3u);
}

}  // namespace
}  // namespace vivace::passes
