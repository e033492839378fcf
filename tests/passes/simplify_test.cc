// Nodes that do nothing, views, and arithmetic in its plain form.
#include "passes/rewriting.h"
#include "passes/rules.h"

namespace vivace::passes {
namespace {

TEST(Simplify, NodesThatDoNothing) {
  const std::pair<const Rule*, const char*> cases[] = {
      {&eliminate_identity, "Identity(%x)"},
      {&eliminate_dropout, "Dropout(%x)"},
      {&eliminate_dropout, "Dropout(%x, const f32[] {0.5}, const bool[] {0})"},
      {&eliminate_cast, "Cast(%x) {to=1}"},
      {&eliminate_view, "Reshape(%x, const i64[3] {2, 3, 4})"},
      {&eliminate_view, "Expand(%x, const i64[2] {3, 1})"},
      {&eliminate_view, "Transpose(%x) {perm=[0, 1, 2]}"},
      {&eliminate_slice, "Slice(%x, const i64[1] {0}, const i64[1] {9}, const i64[1] {1})"},
      {&eliminate_pad, "Pad(%x, const i64[6] {0, 0, 0, 0, 0, 0})"},
      {&eliminate_single_input, "Concat(%x) {axis=0}"},
      {&eliminate_single_input, "Max(%x)"},
      {&eliminate_neutral_operand, "Add(const f32[1] {0}, %x)"},
      {&eliminate_neutral_operand, "Sub(%x, const f32[3,1] splat(0))"},
      {&eliminate_neutral_operand, "Mul(%x, const f32[] {1})"},
      {&eliminate_neutral_operand, "Div(%x, const f32[] {1})"},
      {&eliminate_neutral_operand, "Pow(%x, const f32[] {1})"},
  };
  for (const auto& [rule, node] : cases) {
    expect_rewrite(*rule, std::string("graph (%x: f32[2,3,4]) { %d = ") + node + " %y = Neg(%d) return %y }",
                   "graph (%x: f32[2,3,4]) { %y = Neg(%x) return %y }");
  }
}

TEST(Simplify, NodesThatDoSomething) {
  const std::pair<const Rule*, const char*> cases[] = {
      {&eliminate_cast, "Cast(%x) {to=11}"},
      {&eliminate_view, "Reshape(%x, const i64[3] {2, 4, 3})"},
      {&eliminate_view, "Expand(%x, const i64[4] {1, 1, 3, 4})"},
      {&eliminate_view, "Transpose(%x)"},
      {&eliminate_slice, "Slice(%x, const i64[1] {-1}, const i64[1] {-9}, const i64[1] {1}, const i64[1] {-1})"},
      {&eliminate_slice, "Slice(%x, const i64[1] {1}, const i64[1] {9}, const i64[1] {1})"},
      {&eliminate_pad, "Pad(%x, const i64[6] {0, 0, 0, 0, 1, 0})"},
      {&eliminate_single_input, "Max(%x, %x)"},
      {&eliminate_neutral_operand, "Add(%x, const f32[5,1,1,1] splat(0))"},
      {&eliminate_neutral_operand, "Sub(const f32[] {0}, %x)"},
      {&eliminate_neutral_operand, "Div(const f32[] {1}, %x)"},
      {&eliminate_neutral_operand, "Mul(%x, const f32[3,1] {1, 1, 2})"},
  };
  for (const auto& [rule, node] : cases) {
    expect_no_rewrite(*rule, std::string("graph (%x: f32[2,3,4]) { %y = ") + node + " return %y }");
  }
}

TEST(Simplify, DropoutWithItsMask) {
  expect_no_rewrite(eliminate_dropout, "graph (%x: f32[2]) { %y, %mask = Dropout(%x) return %y, %mask }");
}

TEST(Simplify, PoolOfOneElement) {
  expect_rewrite(eliminate_pool,
                 "graph (%x: f32[1,2,3,3]) { %p = AveragePool(%x) {kernel_shape=[1, 1]} %y = Neg(%p) return %y }",
                 "graph (%x: f32[1,2,3,3]) { %y = Neg(%x) return %y }");
  expect_no_rewrite(
      eliminate_pool,
      "graph (%x: f32[1,2,3,3]) { %y = AveragePool(%x) {kernel_shape=[1, 1], strides=[2, 2]} return %y }");
}

TEST(Simplify, StatesOfZeros) {
  const std::string lstm = "LSTM(%x, const f32[1,8,3] random(1), const f32[1,8,2] random(2), const f32[1,16] random(3)";
  const std::string zeros =
      "%n = Shape(%x) {start=1, end=2} %d = Concat(const i64[1] {2}, %n, const i64[1] {2}) {axis=0} %z = "
      "ConstantOfShape(%d) ";
  expect_rewrite(eliminate_zero_state,
                 "graph (%x: f32[s,b,3]) { " + zeros +
                     "%h = Slice(%z, const i64[1] {0}, const i64[1] {1}, const i64[1] {0}) %y = " + lstm +
                     ", _, %h, %h) {hidden_size=2} return %y }",
                 "graph (%x: f32[s,b,3]) { %y = " + lstm + ") {hidden_size=2} return %y }");
  expect_rewrite(eliminate_zero_state,
                 "graph (%x: f32[4,5,3], %c: f32[1,5,2]) { %y = " + lstm +
                     ", _, const f32[1,5,2] splat(0), %c) {hidden_size=2} return %y }",
                 "graph (%x: f32[4,5,3], %c: f32[1,5,2]) { %y = " + lstm + ", _, _, %c) {hidden_size=2} return %y }");
  expect_no_rewrite(eliminate_zero_state, "graph (%x: f32[4,5,3], %c: f32[1,5,2]) { %y = " + lstm +
                                              ", _, %c, %c) {hidden_size=2} return %y }");
}

TEST(Simplify, SlicesOfSymbolicDimensions) {
  expect_no_rewrite(
      eliminate_slice,
      "graph (%x: f32[n]) { %y = Slice(%x, const i64[1] {1}, const i64[1] {9223372036854775807}) return %y }");
}

TEST(Simplify, WhereWithOneAnswer) {
  expect_rewrite(select_constant_where,
                 "graph (%x: f32[2], %z: f32[2]) { %w = Where(const bool[2] {0, 0}, %x, %z) %y = Neg(%w) return %y }",
                 "graph (%x: f32[2], %z: f32[2]) { %y = Neg(%z) return %y }");
  expect_no_rewrite(select_constant_where,
                    "graph (%x: f32[2], %z: f32[2]) { %y = Where(const bool[2] {0, 1}, %x, %z) return %y }");
  expect_no_rewrite(select_constant_where,
                    "graph (%x: f32[2], %z: f32[2]) { %y = Where(const bool[3,1] {1, 1, 1}, %x, %z) return %y }");
}

TEST(Views, UnitTranspose) {
  expect_rewrite(unit_transpose_to_reshape, "graph (%x: f32[1,s,5]) { %y = Transpose(%x) {perm=[1, 0, 2]} return %y }",
                 "graph (%x: f32[1,s,5]) { %y = Reshape(%x, const i64[3] {-1, 1, 5}) return %y }");
  expect_no_rewrite(unit_transpose_to_reshape,
                    "graph (%x: f32[b,s,5]) { %y = Transpose(%x) {perm=[1, 0, 2]} return %y }");
  expect_no_rewrite(unit_transpose_to_reshape,
                    "graph (%x: f32[1,3,5]) { %y = Transpose(%x) {perm=[0, 2, 1]} return %y }");
}

TEST(Views, TwoTransposes) {
  expect_rewrite(merge_transposes,
                 "graph (%x: f32[2,3,5]) { %t = Transpose(%x) {perm=[1, 2, 0]} %y = Transpose(%t) return %y }",
                 "graph (%x: f32[2,3,5]) { %y = Transpose(%x) {perm=[0, 2, 1]} return %y }");
}

TEST(Views, SumsOfTransposed) {
  expect_rewrite(sink_transposes, R"(graph (%a: f32[2,3,5], %b: f32[2,3,5]) {
    %s = Transpose(%a) {perm=[0, 2, 1]}
    %t = Transpose(%b) {perm=[0, 2, 1]}
    %y = Add(%s, %t)
    return %y, %t })",
                 R"(graph (%a: f32[2,3,5], %b: f32[2,3,5]) {
    %t = Transpose(%b) {perm=[0, 2, 1]}
    %s = Add(%a, %b)
    %y = Transpose(%s) {perm=[0, 2, 1]}
    return %y, %t })");
  expect_no_rewrite(sink_transposes, R"(graph (%a: f32[3,3,3], %b: f32[3,3,3]) {
    %s = Transpose(%a) {perm=[0, 2, 1]}
    %t = Transpose(%b) {perm=[2, 0, 1]}
    %y = Add(%s, %t)
    return %y })");
  expect_rewrite(transpose_residual, R"(graph (%a: f32[2,3,5,4], %r: f32[2,6,3,5]) {
    %p = MatMul(%a, const f32[4,6] random(1))
    %t = Transpose(%p) {perm=[0, 3, 1, 2]}
    %y = Add(%r, %t)
    return %y })",
                 R"(graph (%a: f32[2,3,5,4], %r: f32[2,6,3,5]) {
    %p = MatMul(%a, const f32[4,6] random(1))
    %t = Transpose(%r) {perm=[0, 2, 3, 1]}
    %s = Add(%p, %t)
    %y = Transpose(%s) {perm=[0, 3, 1, 2]}
    return %y })");
  expect_no_rewrite(transpose_residual, R"(graph (%a: f32[2,3,5,4], %r: f32[2,6,3,5]) {
    %t = Transpose(%a) {perm=[0, 3, 1, 2]}
    %s = Concat(%t, %t) {axis=1}
    %u = Slice(%s, const i64[1] {0}, const i64[1] {6}, const i64[1] {1})
    %y = Add(%r, %u)
    return %y })");
}

TEST(Views, ChainsOfViews) {
  expect_rewrite(merge_views, R"(graph (%x: f32[b,s,12]) {
    %r = Reshape(%x, const i64[4] {0, 0, 3, 4})
    %u = Unsqueeze(%r, const i64[1] {0})
    %y = Squeeze(%u, const i64[1] {0})
    return %y })",
                 R"(graph (%x: f32[b,s,12]) {
    %y = Reshape(%x, const i64[4] {0, 0, 3, 4})
    return %y })");
  expect_rewrite(merge_views, R"(graph (%x: f32[2,3,4]) {
    %r = Flatten(%x)
    %z = Reshape(%r, const i64[3] {2, 3, 4})
    %y = Neg(%z)
    return %y })",
                 R"(graph (%x: f32[2,3,4]) {
    %y = Neg(%x)
    return %y })");
}

TEST(Algebra, Powers) {
  const std::pair<const char*, const char*> cases[] = {{"2", "%y = Mul(%a, %a)"},
                                                       {"3", "%s = Mul(%a, %a) %y = Mul(%s, %a)"},
                                                       {"0.5", "%y = Sqrt(%a)"},
                                                       {"-0.5", "%s = Sqrt(%a) %y = Reciprocal(%s)"},
                                                       {"-1", "%y = Reciprocal(%a)"}};
  for (const auto& [exponent, nodes] : cases)
    expect_rewrite(
        power_to_products,
        std::string("graph (%x: f32[7]) { %a = Exp(%x) %y = Pow(%a, const f32[] {") + exponent + "}) return %y }",
        std::string("graph (%x: f32[7]) { %a = Exp(%x) ") + nodes + " return %y }");
  expect_no_rewrite(power_to_products, "graph (%x: f32[7]) { %y = Pow(%x, const f32[] {4}) return %y }");
  expect_no_rewrite(power_to_products, "graph (%x: f32[7]) { %y = Pow(%x, const f32[2,1] {2, 2}) return %y }");
}

TEST(Algebra, DivisionByPowersOfTwo) {
  expect_rewrite(divide_to_multiply, "graph (%x: f32[2]) { %y = Div(%x, const f32[2] {8, -0.25}) return %y }",
                 "graph (%x: f32[2]) { %y = Mul(%x, const f32[2] {0.125, -4}) return %y }");
  for (const char* divisor : {"f32[2] {8, 3}", "f32[] {0}", "f32[] {inf}", "f32[] {1e-40}"})
    expect_no_rewrite(divide_to_multiply,
                      std::string("graph (%x: f32[2]) { %y = Div(%x, const ") + divisor + ") return %y }");
}

TEST(Algebra, SubtractionsAndChains) {
  expect_rewrite(subtract_to_add, "graph (%x: f16[2]) { %y = Sub(%x, const f16[2] {1, -2}) return %y }",
                 "graph (%x: f16[2]) { %y = Add(%x, const f16[2] {-1, 2}) return %y }");
  expect_no_rewrite(subtract_to_add, "graph (%x: i32[2]) { %y = Sub(%x, const i32[2] {1, -2}) return %y }");
  expect_rewrite(merge_scalar_factors,
                 "graph (%x: f32[3]) { %a = Mul(const f32[] {3}, %x) %y = Mul(%a, const f32[] {5}) return %y }",
                 "graph (%x: f32[3]) { %y = Mul(%x, const f32[] {15}) return %y }");
  expect_no_rewrite(merge_scalar_factors,
                    "graph (%x: f32[3]) { %a = Mul(%x, const f32[] {3}) %y = Mul(%a, const f32[] {5}) return %y, %a }");
  expect_no_rewrite(
      merge_scalar_factors,
      "graph (%x: f32[3]) { %a = Mul(%x, const f32[] {1e30}) %y = Mul(%a, const f32[] {1e30}) return %y }");
  expect_rewrite(merge_added_constants,
                 "graph (%x: f32[3]) { %a = Add(%x, const f32[] {3}) %y = Add(%a, const f32[] {5}) return %y }",
                 "graph (%x: f32[3]) { %y = Add(%x, const f32[] {8}) return %y }");
}

TEST(Algebra, MeansOverSpaceArePools) {
  expect_rewrite(reduce_mean_to_global_pool,
                 "graph (%x: f32[n,3,4,5]) { %y = ReduceMean(%x, const i64[2] {-1, 2}) return %y }",
                 "graph (%x: f32[n,3,4,5]) { %y = GlobalAveragePool(%x) return %y }");
  expect_rewrite(
      reduce_mean_to_global_pool,
      "graph (%x: f32[n,3,4,5]) { %y = ReduceMean(%x, const i64[2] {2, 3}) {keepdims=0} return %y }",
      "graph (%x: f32[n,3,4,5]) { %p = GlobalAveragePool(%x) %y = Reshape(%p, const i64[2] {0, 3}) return %y }");
  expect_no_rewrite(reduce_mean_to_global_pool,
                    "graph (%x: f32[2,3,4,5]) { %y = ReduceMean(%x, const i64[2] {1, 2}) return %y }");
  expect_no_rewrite(reduce_mean_to_global_pool,
                    "graph (%x: f32[2,3,4]) { %y = ReduceMean(%x, const i64[1] {2}) return %y }");
  expect_rewrite(average_pool_to_global_pool,
                 "graph (%x: f32[2,3,4,5]) { %y = AveragePool(%x) {kernel_shape=[4, 5]} return %y }",
                 "graph (%x: f32[2,3,4,5]) { %y = GlobalAveragePool(%x) return %y }");
  expect_no_rewrite(average_pool_to_global_pool,
                    "graph (%x: f32[2,3,4,5]) { %y = AveragePool(%x) {kernel_shape=[4, 4]} return %y }");
  expect_no_rewrite(
      average_pool_to_global_pool,
      "graph (%x: f32[2,3,4,5]) { %y = AveragePool(%x) {kernel_shape=[4, 5], pads=[1, 0, 0, 0]} return %y }");
}

TEST(Algebra, ScalarsThatAreNoNumbers) {
  for (const char* nodes :
       {"%a = Add(%x, const f32[] {nan}) %y = Add(%a, const f32[] {nan})", "%y = Pow(%x, const f32[] {nan})",
        "%y = Max(%x, const f32[] {nan})", "%a = Mul(%x, const f32[] {nan}) %y = Mul(%a, const f32[] {2})"}) {
    const auto before = graph_of(std::string("graph (%x: f32[3]) { ") + nodes + " return %y }");
    const auto after = before->clone();
    const Result<PassReport> report = optimize(*after);
    ASSERT_TRUE(report.ok()) << report.status().message();
    expect_same_results(*before, *after, random_inputs(*before, 1));
  }
}

TEST(FoldConstants, WholeSubgraphs) {
  expect_rewrite(pass_named("fold_constants"), R"(graph (%x: f32[2]) {
    %a = Add(const f32[2] {1, 2}, const f32[] {3})
    %b = Sqrt(%a)
    %y = Mul(%x, %b)
    return %y })",
                 R"(graph (%x: f32[2]) {
    %y = Mul(%x, const f32[2] {2, 2.236068})
    return %y })");
}

TEST(FoldConstants, NothingThatGrowsLarge) {
  expect_no_rewrite(pass_named("fold_constants"),
                    "graph () { %y = Expand(const f32[1] {1}, const i64[2] {1000, 1000}) return %y }");
  expect_no_rewrite(pass_named("fold_constants"),
                    "graph () { %y = ConstantOfShape(const i64[1] {10000000000}) return %y }");
  expect_rewrite(pass_named("fold_constants"),
                 "graph () { %y = Expand(const f32[1] {1}, const i64[2] {2, 3}) return %y }",
                 "graph () { %y = const f32[2,3] splat(1) return %y }");
}

TEST(FoldShapes, ValuesThatFollowFromShapes) {
  expect_rewrite(pass_named("fold_shapes"), R"(graph (%x: f32[2,3,n]) {
    %s = Shape(%x) {end=2}
    %y = Add(%s, %s)
    return %y })",
                 R"(graph (%x: f32[2,3,n]) {
    %y = const i64[2] {4, 6}
    return %y })");
}

TEST(FoldShapes, ReshapesWithSymbols) {
  expect_rewrite(pass_named("fold_shapes"), R"(graph (%x: f32[b,s,12]) {
    %s = Shape(%x) {end=2}
    %t = Concat(%s, const i64[2] {3, 4}) {axis=0}
    %y = Reshape(%x, %t)
    return %y })",
                 R"(graph (%x: f32[b,s,12]) {
    %y = Reshape(%x, const i64[4] {0, 0, 3, 4})
    return %y })");
  expect_no_rewrite(pass_named("fold_shapes"),
                    "graph (%x: f32[a], %y: f32[b], %s: i64[2]) { %r = Reshape(%x, %s) return %r }");
}

// Each node draws numbers of its own, in each run.
TEST(RandomNumbers, AreNeitherFoldedNorShared) {
  const char* graph = R"(graph () {
    %a = RandomNormal() {seed=1, shape=[2]}
    %b = RandomNormal() {seed=1, shape=[2]}
    %c = Bernoulli(const f32[2] {0.5, 0.5}) {seed=1}
    %d = Bernoulli(const f32[2] {0.5, 0.5}) {seed=1}
    %e, %f = Dropout(const f32[2] {1, 2}, const f32[] {0.5}, const bool[] {1}) {seed=1}
    return %a, %b, %c, %d, %e, %f })";
  expect_no_rewrite(pass_named("fold_constants"), graph);
  expect_rewrite(pass_named("eliminate_common_subexpressions"), graph, R"(graph () {
    %a = RandomNormal() {seed=1, shape=[2]}
    %b = RandomNormal() {seed=1, shape=[2]}
    %p = const f32[2] {0.5, 0.5}
    %c = Bernoulli(%p) {seed=1}
    %d = Bernoulli(%p) {seed=1}
    %e, %f = Dropout(const f32[2] {1, 2}, const f32[] {0.5}, const bool[] {1}) {seed=1}
    return %a, %b, %c, %d, %e, %f })");
}

TEST(CommonSubexpressions, NodesAndConstants) {
  expect_rewrite(pass_named("eliminate_common_subexpressions"), R"(graph (%x: f32[2]) {
    %a = LeakyRelu(%x) {alpha=0.5}
    %b = LeakyRelu(%x) {alpha=0.5}
    %c = LeakyRelu(%x) {alpha=0.25}
    %d = Add(%a, const f32[1] {3})
    %e = Add(%b, const f32[1] {3})
    %f = Mul(%d, %e)
    return %f, %c })",
                 R"(graph (%x: f32[2]) {
    %a = LeakyRelu(%x) {alpha=0.5}
    %c = LeakyRelu(%x) {alpha=0.25}
    %d = Add(%a, const f32[1] {3})
    %f = Mul(%d, %d)
    return %f, %c })");
}

TEST(DeadCode, Goes) {
  const auto graph =
      graph_of("graph (%x: f32[2]) { %a = Neg(%x) %b = Add(%a, const f32[] {2}) %y = Abs(%x) return %y }");
  const Result<int> changes = run_pass(pass_named("eliminate_dead_code"), *graph);
  ASSERT_TRUE(changes.ok());
  EXPECT_EQ(*changes, 2);
  EXPECT_EQ(graph->values().size(), 2u);
}

}  // namespace
}  // namespace vivace::passes
