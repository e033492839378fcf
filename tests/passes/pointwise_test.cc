// Elementwise operators as one.
#include "passes/rewriting.h"
#include "passes/rules.h"

namespace vivace::passes {
namespace {

const Pass& fuse() { return pass_named("fuse_pointwise"); }

TEST(FusePointwise, ChainsWithBroadcastOperandsAndNumbers) {
  expect_rewrite(fuse(), R"(graph (%x: f32[2,3,4,5]) {
    %a = Mul(%x, const f32[3,1,1] random(1)) "mul"
    %b = Add(%a, const f32[3,1,1] random(2))
    %c = Relu(%b)
    %y = Mul(%c, const f32[] {0.5}) "half"
    return %y })",
                 R"(graph (%x: f32[2,3,4,5]) {
    %y = vivace.Pointwise(%x, const f32[3,1,1] random(1), const f32[3,1,1] random(2)) {program="t0 = mul x0 x1; t1 = add t0 x2; t2 = relu t1; mul t2 0.5"}
    return %y })");
}

TEST(FusePointwise, SmallGraphs) {
  expect_rewrite(fuse(), R"(graph (%x: f32[n,7], %z: f32[n,7]) {
    %a = Exp(%x)
    %b = Sub(%a, %z)
    %c = Mul(%b, %a)
    %d = Clip(%c, const f32[] {-1}, const f32[] {2})
    %y = Max(%d, %b, %x)
    return %y })",
                 R"(graph (%x: f32[n,7], %z: f32[n,7]) {
    %y = vivace.Pointwise(%x, %z) {program="t0 = exp x0; t1 = sub t0 x1; t2 = mul t1 t0; t3 = clip t2 -1 2; t4 = max t3 t1; max t4 x0"}
    return %y })");
}

TEST(FusePointwise, TruthValuesInside) {
  expect_rewrite(fuse(), R"(graph (%x: f32[7], %z: f32[7]) {
    %a = Less(%x, %z)
    %b = Not(%a)
    %c = Neg(%x)
    %y = Where(%b, %c, const f32[] {2})
    return %y })",
                 R"(graph (%x: f32[7], %z: f32[7]) {
    %y = vivace.Pointwise(%x, %z) {program="t0 = less x0 x1; t1 = logical_not t0; t2 = neg x0; where t1 t2 2"}
    return %y })");
  expect_no_rewrite(fuse(), "graph (%x: f32[7], %c: bool[7]) { %y = Where(%c, %x, const f32[] {2}) return %y }");
}

TEST(FusePointwise, EveryOperator) {
  for (const char* node :
       {"Neg",  "Abs",         "Sign",      "Reciprocal", "Sqrt", "Floor",    "Ceil",     "Round",     "Exp",
        "Log",  "Sin",         "Cos",       "Tanh",       "Erf",  "Sigmoid",  "Relu",     "LeakyRelu", "Elu",
        "Selu", "HardSigmoid", "HardSwish", "Swish",      "Gelu", "Softplus", "Softsign", "Mish"}) {
    for (const char* type : {"f32", "f64", "f16", "bf16"}) {
      const auto before =
          graph_of(std::string("graph (%x: ") + type + "[3,5]) { %a = " + node + "(%x) %y = Mul(%a, %a) return %y }");
      const auto after = before->clone();
      const Result<int> changes = run_pass(fuse(), *after);
      ASSERT_TRUE(changes.ok()) << changes.status().message();
      EXPECT_EQ(after->nodes().size(), 1u) << node;
      expect_same_results(*before, *after, random_inputs(*before, 1), 4);
    }
  }
  for (const char* node : {"Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum"}) {
    const auto before =
        graph_of(std::string("graph (%x: f32[3,5], %z: f32[5]) { %y = ") + node + "(%x, %z) return %y }");
    const auto after = before->clone();
    ASSERT_TRUE(run_pass(fuse(), *after).ok());
    EXPECT_EQ(after->node_list()[0]->op, "vivace.Pointwise") << node;
    expect_same_results(*before, *after, random_inputs(*before, 1));
  }
  for (const char* node : {"Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"}) {
    const auto before =
        graph_of(std::string("graph (%x: f32[3,5], %z: f32[3,5]) { %r = Round(%x) %s = Round(%z) %c = ") + node +
                 "(%r, %s) %d = Equal(%r, %s) %e = Or(%c, %d) %f = And(%e, %e) %y = Where(%e, %x, %z) return %y }");
    const auto after = before->clone();
    ASSERT_TRUE(run_pass(pass_named("eliminate_dead_code"), *after).ok());
    ASSERT_TRUE(run_pass(fuse(), *after).ok());
    EXPECT_EQ(after->nodes().size(), 1u) << node;
    expect_same_results(*before, *after, random_inputs(*before, 1));
  }
}

TEST(FusePointwise, KeepsWhatIsUsedElsewhere) {
  expect_rewrite(fuse(), R"(graph (%x: f32[7]) {
    %a = Exp(%x)
    %b = Neg(%a)
    %y = Abs(%b)
    return %y, %a })",
                 R"(graph (%x: f32[7]) {
    %a = vivace.Pointwise(%x) {program="exp x0"}
    %y = vivace.Pointwise(%a) {program="t0 = neg x0; abs t0"}
    return %y, %a })");
}

TEST(FusePointwise, ComputesSmallOperandsOnce) {
  expect_rewrite(fuse(), R"(graph (%x: f32[6,7], %s: f32[7]) {
    %e = Exp(%s)
    %y = Mul(%x, %e)
    return %y })",
                 R"(graph (%x: f32[6,7], %s: f32[7]) {
    %e = vivace.Pointwise(%s) {program="exp x0"}
    %y = vivace.Pointwise(%x, %e) {program="mul x0 x1"}
    return %y })");
}

TEST(FusePointwise, ConstantsThatGiveTheShapeStay) {
  expect_rewrite(
      fuse(), "graph (%x: f32[7]) { %y = Add(%x, const f32[1,1] {2}) return %y }",
      "graph (%x: f32[7]) { %y = vivace.Pointwise(%x, const f32[1,1] {2}) {program=\"add x0 x1\"} return %y }");
}

TEST(FusePointwise, LongChainsTakeSeveralPasses) {
  std::string nodes = "%v0 = Neg(%x) ";
  for (int i = 0; i < 200; ++i) nodes += "%v" + std::to_string(i + 1) + " = Tanh(%v" + std::to_string(i) + ") ";
  const auto before = graph_of("graph (%x: f32[7]) { " + nodes + " return %v200 }");
  const auto after = before->clone();
  const Result<int> changes = run_pass(fuse(), *after);
  ASSERT_TRUE(changes.ok()) << changes.status().message();
  EXPECT_EQ(*changes, 4);  // of 64 nodes at most
  expect_same_results(*before, *after, random_inputs(*before, 1));
}

TEST(FusePointwise, DeepTruthValuesDoNotExhaustTheStack) {
  std::string nodes = "%b0 = Less(%x, %x) ";
  for (int i = 0; i < 20000; ++i) nodes += "%b" + std::to_string(i + 1) + " = Not(%b" + std::to_string(i) + ") ";
  const auto graph =
      graph_of("graph (%x: f32[7]) { " + nodes + " %y = Where(%b20000, %x, const f32[] {1}) return %y }");
  const Result<int> changes = run_pass(fuse(), *graph);
  ASSERT_TRUE(changes.ok());
  EXPECT_EQ(*changes, 0);
}

TEST(Pointwise, SaysWhatIsWrongWithItsProgram) {
  const std::pair<const char*, const char*> cases[] = {
      {"vivace.Pointwise(%x) {program=\"add x0 x1\"}", "has 2 inputs, the node 1"},
      {"vivace.Pointwise(%x) {program=\"nonsense x0\"}", "attribute 'program'"},
      {"vivace.Pointwise(%x)", "attribute 'program'"},
      {"vivace.Pointwise(%x, %h) {program=\"add x0 x1\"}", "all have one type"},
  };
  for (const auto& [node, message] : cases) {
    const auto graph = ir::parse(std::string("graph (%x: f32[2], %h: f16[2]) { %y = ") + node + " return %y }");
    ASSERT_TRUE(graph.ok());
    const Status status = ops::infer_graph(**graph);
    EXPECT_EQ(status.code(), Code::invalid_model) << node;
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
  }
}

TEST(FusePointwise, LeavesOthersAlone) {
  expect_no_rewrite(fuse(), "graph (%x: i32[7]) { %y = Add(%x, %x) return %y }");
  expect_no_rewrite(fuse(), "graph (%x: f32[7]) { %y = Swish(%x) {alpha=1.5} return %y }");
  expect_no_rewrite(fuse(), "graph (%x: f32[7], %c: f32[]) { %y = Clip(%x, %c) return %y }");
  expect_no_rewrite(fuse(), "graph (%x: f64[7]) { %y = Clip(%x, const f64[] {0.1}) return %y }");
  expect_no_rewrite(fuse(), "graph (%x: f32[7]) { %y = Less(%x, const f32[] {0}) return %y }");
  expect_no_rewrite(fuse(), "graph (%x: f32[7], %e: i32[7]) { %y = Pow(%x, %e) return %y }");
}

}  // namespace
}  // namespace vivace::passes
