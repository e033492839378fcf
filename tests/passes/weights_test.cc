// Scales and shifts folded into weights.
#include "passes/rewriting.h"
#include "passes/rules.h"

namespace vivace::passes {
namespace {

TEST(FoldBatchNormIntoConv, ScalesWeightsAndMakesABias) {
  for (const char* type : {"f32", "f16", "bf16", "f64"}) {
    const std::string t = type;
    expect_rewrite(fold_batch_norm_into_conv,
                   "graph (%x: " + t +
                       "[2,3,5,7]) {\n"
                       "  %c = Conv(%x, const " +
                       t +
                       "[4,3,3,3] random(1)) {pads=[1, 1, 1, 1]} \"conv\"\n"
                       "  %y = BatchNormalization(%c, const " +
                       t + "[4] random(2), const " + t + "[4] random(3), const " + t + "[4] random(4), const " + t +
                       "[4] {1, 2, 0.5, 0.25}) \"bn\"\n"
                       "  return %y }",
                   "graph (%x: " + t +
                       "[2,3,5,7]) {\n"
                       "  %y = Conv(%x, const " +
                       t + "[4,3,3,3] splat(0), const " + t +
                       "[4] splat(0)) {pads=[1, 1, 1, 1]}\n"
                       "  return %y }");
  }
}

TEST(FoldBatchNormIntoConv, NamesTheNodesItReplaced) {
  const auto graph = graph_of(R"(graph (%x: f32[1,1,2,2]) {
    %c = Conv(%x, const f32[1,1,1,1] {2}) "conv"
    %y = BatchNormalization(%c, const f32[1] {1}, const f32[1] {0}, const f32[1] {0}, const f32[1] {1}) "bn"
    return %y })");
  ASSERT_TRUE(run_pass(pass_of(fold_batch_norm_into_conv), *graph).ok());
  EXPECT_EQ(graph->node_list()[0]->name, "conv+bn");
  EXPECT_EQ(graph->node_list()[0]->output()->name, "y");
}

TEST(FoldBatchNormIntoConv, WithBiasAndTransposed) {
  expect_rewrite(fold_batch_norm_into_conv, R"(graph (%x: f32[1,3,5,7]) {
    %c = ConvTranspose(%x, const f32[3,2,2,2] random(1), const f32[2] random(5)) {strides=[2, 2]}
    %y = BatchNormalization(%c, const f32[2] random(2), const f32[2] random(3), const f32[2] random(4), const f32[2] {1, 2}) {epsilon=0.1}
    return %y })",
                 R"(graph (%x: f32[1,3,5,7]) {
    %y = ConvTranspose(%x, const f32[3,2,2,2] splat(0), const f32[2] splat(0)) {strides=[2, 2]}
    return %y })");
}

TEST(FoldBatchNormIntoConv, LeavesOthersAlone) {
  expect_no_rewrite(fold_batch_norm_into_conv, R"(graph (%x: f32[1,1,2,2]) {  # used twice
    %c = Conv(%x, const f32[1,1,1,1] {2})
    %y = BatchNormalization(%c, const f32[1] {1}, const f32[1] {0}, const f32[1] {0}, const f32[1] {1})
    return %y, %c })");
  expect_no_rewrite(fold_batch_norm_into_conv,
                    R"(graph (%x: f32[1,1,2,2], %w: f32[1,1,1,1]) {  # weights come at run time
    %c = Conv(%x, %w)
    %y = BatchNormalization(%c, const f32[1] {1}, const f32[1] {0}, const f32[1] {0}, const f32[1] {1})
    return %y })");
  expect_no_rewrite(fold_batch_norm_into_conv, R"(graph (%x: f32[1,2,2,2], %m: f32[2]) {  # so does the mean
    %c = Conv(%x, const f32[2,2,1,1] random(1))
    %y = BatchNormalization(%c, const f32[2] splat(1), const f32[2] splat(0), %m, const f32[2] splat(1))
    return %y })");
  expect_no_rewrite(fold_batch_norm_into_conv, R"(graph (%x: f32[1,4,2,2]) {  # transposed, with groups
    %c = ConvTranspose(%x, const f32[4,2,1,1] random(1)) {group=2}
    %y = BatchNormalization(%c, const f32[4] splat(1), const f32[4] splat(0), const f32[4] splat(0), const f32[4] splat(1))
    return %y })");
}

TEST(BatchNormToScaleAndShift, StandsAlone) {
  expect_rewrite(batch_norm_to_scale_and_shift, R"(graph (%x: f32[n,3,5]) {
    %y = BatchNormalization(%x, const f32[3] random(1), const f32[3] random(2), const f32[3] random(3), const f32[3] {1, 2, 3})
    return %y })",
                 R"(graph (%x: f32[n,3,5]) {
    %a = Mul(%x, const f32[3,1] splat(0))
    %y = Add(%a, const f32[3,1] splat(0))
    return %y })");
  expect_no_rewrite(batch_norm_to_scale_and_shift, R"(graph (%x: f32[n,3,5], %s: f32[3]) {
    %y = BatchNormalization(%x, %s, const f32[3] random(2), const f32[3] random(3), const f32[3] {1, 2, 3})
    return %y })");
}

TEST(FoldScaleIntoConv, MultipliesAndDivides) {
  expect_rewrite(fold_scale_into_conv, R"(graph (%x: f32[1,4,5,5]) {
    %c = Conv(%x, const f32[6,2,3,3] random(1), const f32[6] random(2)) {group=2}
    %y = Mul(const f32[6,1,1] random(3), %c)
    return %y })",
                 R"(graph (%x: f32[1,4,5,5]) {
    %y = Conv(%x, const f32[6,2,3,3] splat(0), const f32[6] splat(0)) {group=2}
    return %y })");
  expect_rewrite(fold_scale_into_conv, R"(graph (%x: f32[1,1,5,5]) {
    %c = Conv(%x, const f32[2,1,3,3] random(1))
    %y = Div(%c, const f32[] {3})
    return %y })",
                 R"(graph (%x: f32[1,1,5,5]) {
    %y = Conv(%x, const f32[2,1,3,3] splat(0), const f32[2] splat(0))
    return %y })");
  expect_no_rewrite(fold_scale_into_conv, R"(graph (%x: f32[1,1,5,5]) {  # along the width
    %c = Conv(%x, const f32[3,1,3,3] random(1))
    %y = Mul(%c, const f32[3] {1, 2, 3})
    return %y })");
  expect_no_rewrite(fold_scale_into_conv, R"(graph (%x: f32[1,1,5,5]) {  # used twice
    %c = Conv(%x, const f32[3,1,3,3] random(1))
    %y = Mul(%c, const f32[] {3})
    return %y, %c })");
  expect_no_rewrite(fold_scale_into_conv, R"(graph (%x: f32[1,1,5,5]) {  # a divisor is not divided by
    %c = Conv(%x, const f32[3,1,3,3] random(1))
    %y = Div(const f32[] {3}, %c)
    return %y })");
}

TEST(FoldScaleIntoConv, NotWhereWeightsWouldOverflow) {
  expect_no_rewrite(fold_scale_into_conv, R"(graph (%x: f32[1,1,5,5]) {
    %c = Conv(%x, const f32[2,1,3,3] random(1))
    %y = Div(%c, const f32[] {0})
    return %y })");
  expect_no_rewrite(fold_scale_into_conv, R"(graph (%x: f16[1,1,5,5]) {
    %c = Conv(%x, const f16[2,1,3,3] splat(300))
    %y = Mul(%c, const f16[] {300})
    return %y })");
}

TEST(FoldBiasIntoConv, Adds) {
  expect_rewrite(fold_bias_into_conv, R"(graph (%x: f32[1,3,4]) {
    %c = Conv(%x, const f32[2,3,3] random(1), const f32[2] random(2))
    %y = Add(%c, const f32[1,2,1] random(3))
    return %y })",
                 R"(graph (%x: f32[1,3,4]) {
    %y = Conv(%x, const f32[2,3,3] splat(0), const f32[2] splat(0))
    return %y })");
  expect_no_rewrite(fold_bias_into_conv, R"(graph (%x: f32[1,3,4], %b: f32[1,2,1]) {
    %c = Conv(%x, const f32[2,3,3] random(1))
    %y = Add(%c, %b)
    return %y })");
  expect_no_rewrite(fold_bias_into_conv, R"(graph (%x: f32[1,3,4]) {  # broadcasts the batch
    %c = Conv(%x, const f32[2,3,3] random(1))
    %y = Add(%c, const f32[3,2,1] random(3))
    return %y })");
}

TEST(FoldInputScaleIntoConv, ScalesInputChannels) {
  expect_rewrite(fold_input_scale_into_conv, R"(graph (%x: f32[1,3,6,6]) {
    %s = Mul(%x, const f32[1,3,1,1] random(3))
    %y = Conv(%s, const f32[2,3,3,3] random(1), const f32[2] random(2)) {pads=[1, 1, 1, 1]}
    return %y })",
                 R"(graph (%x: f32[1,3,6,6]) {
    %y = Conv(%x, const f32[2,3,3,3] splat(0), const f32[2] random(2)) {pads=[1, 1, 1, 1]}
    return %y })");
  expect_no_rewrite(fold_input_scale_into_conv, R"(graph (%x: f32[1,4,6,6]) {  # groups
    %s = Mul(%x, const f32[] {3})
    %y = Conv(%s, const f32[2,2,3,3] random(1)) {group=2}
    return %y })");
}

TEST(FoldPadIntoConv, AddsToItsPads) {
  expect_rewrite(fold_pad_into_conv, R"(graph (%x: f32[1,3,6,6]) {
    %p = Pad(%x, const i64[8] {0, 0, 1, 2, 0, 0, 3, 4})
    %y = Conv(%p, const f32[2,3,3,3] random(1)) {pads=[1, 0, 0, 1], strides=[2, 2]}
    return %y })",
                 R"(graph (%x: f32[1,3,6,6]) {
    %y = Conv(%x, const f32[2,3,3,3] random(1)) {pads=[2, 2, 3, 5], strides=[2, 2]}
    return %y })");
  for (const char* pad : {"const i64[8] {0, 1, 1, 2, 0, 0, 3, 4}", "const i64[8] {0, 0, -1, 0, 0, 0, 0, 0}",
                          "const i64[8] {0, 0, 1, 1, 0, 0, 1, 1}, const f32[] {2}"})
    expect_no_rewrite(fold_pad_into_conv, std::string("graph (%x: f32[1,3,6,6]) { %p = Pad(%x, ") + pad +
                                              ") %y = Conv(%p, const f32[2," +
                                              (std::string(pad).find("{0, 1") != std::string::npos ? "4" : "3") +
                                              ",3,3] random(1)) return %y }");
}

TEST(FoldScaleIntoMatmul, MatMulAndGemm) {
  expect_rewrite(fold_scale_into_matmul, R"(graph (%x: f32[2,3,5]) {
    %p = MatMul(%x, const f32[5,7] random(1))
    %y = Mul(%p, const f32[7] random(2))
    return %y })",
                 R"(graph (%x: f32[2,3,5]) {
    %y = MatMul(%x, const f32[5,7] random(1))
    return %y })");
  expect_rewrite(fold_scale_into_matmul, R"(graph (%x: f32[3,5]) {
    %p = Gemm(%x, const f32[7,5] random(1), const f32[1,7] random(3)) {alpha=0.5, beta=2.0, transB=1}
    %y = Mul(%p, const f32[7] random(2))
    return %y })",
                 R"(graph (%x: f32[3,5]) {
    %y = Gemm(%x, const f32[7,5] random(1), const f32[7] random(3)) {alpha=0.5, beta=2.0, transB=1}
    return %y })");
  expect_no_rewrite(fold_scale_into_matmul, R"(graph (%x: f32[3,5]) {  # per row
    %p = MatMul(%x, const f32[5,7] random(1))
    %y = Mul(%p, const f32[3,1] random(2))
    return %y })");
}

TEST(DistributeScaleOverBias, BeforeTheWeightsTakeIt) {
  expect_rewrite(distribute_scale_over_bias, R"(graph (%x: f32[2,3,5]) {
    %p = MatMul(%x, const f32[5,7] random(1))
    %b = Add(%p, const f32[7] random(2))
    %y = Mul(%b, const f32[7] random(3))
    return %y })",
                 R"(graph (%x: f32[2,3,5]) {
    %p = MatMul(%x, const f32[5,7] random(1))
    %s = Mul(%p, const f32[7] random(3))
    %y = Add(%s, const f32[7] random(2))
    return %y })");
}

TEST(MoveScaleBeforeTranspose, TurnsItsShape) {
  expect_rewrite(move_scale_before_transpose, R"(graph (%x: f32[2,3,4,5]) {
    %p = MatMul(%x, const f32[5,7] random(1))
    %t = Transpose(%p) {perm=[0, 3, 1, 2]}
    %y = Mul(const f32[7,1,1] random(2), %t)
    return %y })",
                 R"(graph (%x: f32[2,3,4,5]) {
    %p = MatMul(%x, const f32[5,7] random(1))
    %s = Mul(%p, const f32[1,1,1,7] random(2))
    %y = Transpose(%s) {perm=[0, 3, 1, 2]}
    return %y })");
  expect_no_rewrite(move_scale_before_transpose, R"(graph (%x: f32[2,3,4,5]) {  # varies along two
    %p = MatMul(%x, const f32[5,7] random(1))
    %t = Transpose(%p) {perm=[0, 3, 1, 2]}
    %y = Mul(const f32[7,3,1] random(2), %t)
    return %y })");
}

}  // namespace
}  // namespace vivace::passes
