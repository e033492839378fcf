// Convolutions and matrix products with bias, residual and activation.
#include "passes/rewriting.h"
#include "passes/rules.h"

namespace vivace::passes {
namespace {

TEST(ConvToFused, WithConstantWeights) {
  expect_rewrite(conv_to_fused, R"(graph (%x: f32[1,3,6,6]) {
    %y = Conv(%x, const f32[2,3,3,3] random(1), const f32[2] random(2)) {pads=[1, 1, 1, 1]}
    return %y })",
                 R"(graph (%x: f32[1,3,6,6]) {
    %y = vivace.FusedConv(%x, const f32[2,3,3,3] random(1), const f32[2] random(2)) {pads=[1, 1, 1, 1]}
    return %y })");
  expect_no_rewrite(conv_to_fused, "graph (%x: f32[1,3,6,6], %w: f32[2,3,3,3]) { %y = Conv(%x, %w) return %y }");
}

TEST(MatmulToFused, FromTwoDimensionsOn) {
  expect_rewrite(matmul_to_fused, "graph (%a: f32[2,3,4], %b: f32[4,5]) { %y = MatMul(%a, %b) return %y }",
                 "graph (%a: f32[2,3,4], %b: f32[4,5]) { %y = vivace.FusedMatMul(%a, %b) return %y }");
  expect_no_rewrite(matmul_to_fused, "graph (%a: f32[3,4], %b: f32[4]) { %y = MatMul(%a, %b) return %y }");
  expect_no_rewrite(matmul_to_fused, "graph (%a: i32[3,4], %b: i32[4,5]) { %y = MatMul(%a, %b) return %y }");
}

TEST(GemmToFused, BiasScaleAndTranspositions) {
  expect_rewrite(gemm_to_fused, R"(graph (%a: f32[4,3]) {
    %y = Gemm(%a, const f32[5,4] random(1), const f32[] {2}) {alpha=0.5, beta=3.0, transA=1, transB=1}
    return %y })",
                 R"(graph (%a: f32[4,3]) {
    %y = vivace.FusedMatMul(%a, const f32[5,4] random(1), const f32[5] splat(6)) {scale=0.5, trans_a=1, trans_b=1}
    return %y })");
  expect_rewrite(gemm_to_fused, R"(graph (%a: f32[3,4], %c: f32[3,5]) {
    %y = Gemm(%a, const f32[4,5] random(1), %c)
    return %y })",
                 R"(graph (%a: f32[3,4], %c: f32[3,5]) {
    %y = vivace.FusedMatMul(%a, const f32[4,5] random(1), _, %c)
    return %y })");
  expect_no_rewrite(gemm_to_fused,
                    "graph (%a: f32[3,4], %c: f32[3,1]) { %y = Gemm(%a, const f32[4,5] random(1), %c) return %y }");
  expect_no_rewrite(
      gemm_to_fused,
      "graph (%a: f32[3,4], %c: f32[3,5]) { %y = Gemm(%a, const f32[4,5] random(1), %c) {beta=2.0} return %y }");
}

TEST(FuseTransposedOperand, EitherSide) {
  expect_rewrite(fuse_transposed_operand, R"(graph (%a: f32[2,4,3], %b: f32[2,5,4]) {
    %s = Transpose(%a) {perm=[0, 2, 1]}
    %t = Transpose(%b) {perm=[0, 2, 1]}
    %y = vivace.FusedMatMul(%s, %t)
    return %y })",
                 R"(graph (%a: f32[2,4,3], %b: f32[2,5,4]) {
    %y = vivace.FusedMatMul(%a, %b) {trans_a=1, trans_b=1}
    return %y })");
  expect_rewrite(fuse_transposed_operand, R"(graph (%a: f32[3,4], %b: f32[4,5]) {
    %t = Transpose(%b)
    %y = vivace.FusedMatMul(%a, %t) {trans_b=1}
    return %y, %t })",
                 R"(graph (%a: f32[3,4], %b: f32[4,5]) {
    %t = Transpose(%b)
    %y = vivace.FusedMatMul(%a, %b) {trans_b=0}
    return %y, %t })");
  expect_no_rewrite(fuse_transposed_operand, R"(graph (%a: f32[4,2,3], %b: f32[4,3,5]) {
    %t = Transpose(%b) {perm=[1, 0, 2]}
    %s = Transpose(%a) {perm=[2, 1, 0]}
    %y = vivace.FusedMatMul(%s, %t)
    return %y })");
}

TEST(FuseScale, OfAProduct) {
  expect_rewrite(fuse_scale, R"(graph (%a: f32[3,4], %b: f32[4,5]) {
    %p = vivace.FusedMatMul(%a, %b) {scale=2.0}
    %y = Mul(%p, const f32[] {0.25})
    return %y })",
                 R"(graph (%a: f32[3,4], %b: f32[4,5]) {
    %y = vivace.FusedMatMul(%a, %b) {scale=0.5}
    return %y })");
  expect_no_rewrite(fuse_scale, R"(graph (%a: f32[3,4]) {  # the bias would be scaled
    %p = vivace.FusedMatMul(%a, const f32[4,5] random(1), const f32[5] random(2))
    %y = Mul(%p, const f32[] {0.25})
    return %y })");
}

TEST(FuseBias, ConstantPerColumnOrChannel) {
  expect_rewrite(fuse_bias, R"(graph (%a: f32[b,s,4]) {
    %p = vivace.FusedMatMul(%a, const f32[4,5] random(1))
    %y = Add(const f32[5] random(2), %p)
    return %y })",
                 R"(graph (%a: f32[b,s,4]) {
    %y = vivace.FusedMatMul(%a, const f32[4,5] random(1), const f32[5] random(2))
    return %y })");
  expect_rewrite(fuse_bias, R"(graph (%x: f32[1,3,4,4]) {
    %p = vivace.FusedConv(%x, const f32[2,3,1,1] random(1))
    %y = Add(%p, const f32[2,1,1] random(2))
    return %y })",
                 R"(graph (%x: f32[1,3,4,4]) {
    %y = vivace.FusedConv(%x, const f32[2,3,1,1] random(1), const f32[2] random(2))
    return %y })");
  expect_no_rewrite(fuse_bias, R"(graph (%a: f32[3,4]) {  # it has one
    %p = vivace.FusedMatMul(%a, const f32[4,5] random(1), const f32[5] random(3))
    %y = Add(%p, const f32[5] random(2))
    return %y })");
  expect_no_rewrite(fuse_bias, R"(graph (%a: f32[3,4]) {  # after the activation
    %p = vivace.FusedMatMul(%a, const f32[4,5] random(1)) {activation="relu"}
    %y = Add(%p, const f32[5] random(2))
    return %y })");
}

TEST(FuseResidual, BeforeAndAfterTheActivation) {
  expect_rewrite(fuse_residual, R"(graph (%x: f32[n,3,h,w]) {
    %p = vivace.FusedConv(%x, const f32[3,3,3,3] random(1)) {pads=[1, 1, 1, 1]}
    %y = Add(%x, %p)
    return %y })",
                 R"(graph (%x: f32[n,3,h,w]) {
    %y = vivace.FusedConv(%x, const f32[3,3,3,3] random(1), _, %x) {pads=[1, 1, 1, 1]}
    return %y })");
  expect_rewrite(fuse_residual, R"(graph (%x: f32[2,4]) {
    %p = vivace.FusedMatMul(%x, const f32[4,4] random(1), const f32[4] random(2)) {activation="gelu"}
    %y = Add(%p, %x)
    return %y })",
                 R"(graph (%x: f32[2,4]) {
    %y = vivace.FusedMatMul(%x, const f32[4,4] random(1), const f32[4] random(2), %x) {activation="gelu", residual_last=1}
    return %y })");
  expect_no_rewrite(fuse_residual, R"(graph (%x: f32[2,4], %r: f32[1,4]) {  # broadcasts
    %p = vivace.FusedMatMul(%x, const f32[4,4] random(1))
    %y = Add(%p, %r)
    return %y })");
  expect_no_rewrite(fuse_residual, R"(graph (%x: f32[2,4], %r: f32[2,4]) {  # used twice
    %p = vivace.FusedMatMul(%x, const f32[4,4] random(1))
    %y = Add(%p, %r)
    %z = Add(%p, const f32[] {1})
    return %y, %z })");
  expect_no_rewrite(fuse_residual, R"(graph (%x: f32[2,4], %r: f32[2,4]) {  # it has one
    %p = vivace.FusedMatMul(%x, const f32[4,4] random(1), _, %x)
    %y = Add(%p, %r)
    return %y })");
}

TEST(FuseActivation, Each) {
  const std::pair<const char*, const char*> cases[] = {
      {"Relu(%p)", "activation=\"relu\""},
      {"Clip(%p, const f32[] {0}, const f32[] {6})", "activation=\"clip\", activation_alpha=0.0, activation_beta=6.0"},
      {"Clip(%p, _, const f32[] {0.5})", "activation=\"clip\", activation_alpha=-inf, activation_beta=0.5"},
      {"LeakyRelu(%p) {alpha=0.25}", "activation=\"leaky_relu\", activation_alpha=0.25, activation_beta=0.0"},
      {"HardSigmoid(%p)", "activation=\"hard_sigmoid\", activation_alpha=0.2, activation_beta=0.5"},
      {"HardSwish(%p)", "activation=\"hard_swish\""},
      {"Sigmoid(%p)", "activation=\"sigmoid\""},
      {"Swish(%p)", "activation=\"silu\""},
      {"Tanh(%p)", "activation=\"tanh\""},
      {"Gelu(%p)", "activation=\"gelu\""},
      {"Gelu(%p) {approximate=\"tanh\"}", "activation=\"gelu_tanh\""},
  };
  for (const auto& [node, attributes] : cases) {
    expect_rewrite(fuse_activation,
                   std::string("graph (%x: f32[2,3,5,7]) { %p = vivace.FusedConv(%x, const f32[2,3,3,3] random(1)) "
                               "{strides=[2, 2]} %y = ") +
                       node + " return %y }",
                   std::string("graph (%x: f32[2,3,5,7]) { %y = vivace.FusedConv(%x, const f32[2,3,3,3] random(1)) {") +
                       attributes + ", strides=[2, 2]} return %y }");
  }
}

TEST(FuseActivation, KeepsTheResidualBeforeIt) {
  expect_rewrite(fuse_activation, R"(graph (%x: f32[2,4]) {
    %p = vivace.FusedMatMul(%x, const f32[4,4] random(1), _, %x)
    %y = Relu(%p)
    return %y })",
                 R"(graph (%x: f32[2,4]) {
    %y = vivace.FusedMatMul(%x, const f32[4,4] random(1), _, %x) {activation="relu"}
    return %y })");
}

TEST(FuseActivation, LeavesOthersAlone) {
  for (const char* node : {"%p = vivace.FusedMatMul(%x, %w) {activation=\"relu\"} %y = Tanh(%p) return %y",
                           "%p = vivace.FusedMatMul(%x, %w) %y = Relu(%p) return %y, %p",
                           "%p = vivace.FusedMatMul(%x, %w) %y = Swish(%p) {alpha=1.5} return %y",
                           "%p = vivace.FusedMatMul(%x, %w, _, %x) {residual_last=1} %y = Relu(%p) return %y",
                           "%p = vivace.FusedMatMul(%x, %w) %y = Elu(%p) return %y",
                           "%p = vivace.FusedMatMul(%x, %w) %y = Clip(%p, _, %high) return %y"})
    expect_no_rewrite(fuse_activation,
                      std::string("graph (%x: f32[2,4], %w: f32[4,4], %high: f32[]) { ") + node + " }");
}

TEST(HoistReshapeOverMatmul, WhereColumnsStay) {
  expect_rewrite(hoist_reshape_over_matmul, R"(graph (%x: f32[6,4]) {
    %p = vivace.FusedMatMul(%x, const f32[4,5] random(1), const f32[5] random(2)) {activation="relu"}
    %y = Reshape(%p, const i64[3] {2, 3, 5})
    return %y })",
                 R"(graph (%x: f32[6,4]) {
    %r = Reshape(%x, const i64[3] {2, 3, 4})
    %y = vivace.FusedMatMul(%r, const f32[4,5] random(1), const f32[5] random(2)) {activation="relu"}
    return %y })");
  expect_no_rewrite(hoist_reshape_over_matmul, R"(graph (%x: f32[6,4]) {
    %p = vivace.FusedMatMul(%x, const f32[4,6] random(1))
    %y = Reshape(%p, const i64[3] {6, 3, 2})
    return %y })");
  expect_no_rewrite(hoist_reshape_over_matmul, R"(graph (%x: f32[6,4], %r: f32[6,6]) {
    %p = vivace.FusedMatMul(%x, const f32[4,6] random(1), _, %r)
    %y = Reshape(%p, const i64[3] {2, 3, 6})
    return %y })");
}

TEST(FuseSqueezeExcite, TwoLayersOfThePixelsMeanTimesTheImage) {
  const auto block = [](const std::string& gate, const std::string& product, const std::string& more = "") {
    return "graph (%x: f32[1,16,6,6]) { %m = GlobalAveragePool(%x) %h = vivace.FusedConv(%m, const f32[4,16,1,1] "
           "random(1), const f32[4] random(2)) {activation=\"relu\"} %g = vivace.FusedConv(%h, const f32[16,4,1,1] "
           "random(3)) {activation=\"" +
           gate + "\"} %y = " + product + " return %y " + more + "}";
  };
  const std::string fused =
      "graph (%x: f32[1,16,6,6]) { %y = vivace.SqueezeExcite(%x, const f32[4,16,1,1] random(1), const "
      "f32[16,4,1,1] random(3), const f32[4] random(2)) {activation=\"relu\", gate=\"hard_sigmoid\", gate_alpha=0.2, "
      "gate_beta=0.5} return %y }";
  const std::string hard =
      "hard_sigmoid\", activation_alpha=0.2, activation_beta=0.5, pads=[0, 0, 0, 0], auto_pad=\"NOTSET";
  expect_rewrite(fuse_squeeze_excite, block(hard, "Mul(%x, %g)"), fused);
  expect_rewrite(fuse_squeeze_excite, block(hard, "vivace.Pointwise(%g, %x) {program=\"mul x0 x1\"}"), fused);
  expect_no_rewrite(fuse_squeeze_excite, block("silu", "Mul(%x, %g)"));
  expect_no_rewrite(fuse_squeeze_excite, block("sigmoid", "vivace.Pointwise(%x, %g) {program=\"add x0 x1\"}"));
  expect_no_rewrite(fuse_squeeze_excite, block("sigmoid", "Mul(%x, %g)", ", %g "));
}

// %y of a chain: pixels, depthwise, pixels.
std::string inverted(const std::string& first, const std::string& middle, const std::string& last) {
  return "graph (%x: f32[1,8,6,6]) { " + first + " %d = vivace.FusedConv(" + (first.empty() ? "%x" : "%e") +
         ", const f32[" + (first.empty() ? "8" : "16") + ",1,3,3] random(2)) {" + middle + "} " + last + " }";
}

TEST(FusePooledConv, MaximaOfAFirstConvolution) {
  const auto network = [](const std::string& conv, const std::string& pool, const std::string& result = "%y") {
    return "graph (%x: f32[1,3,16,16]) { %c = vivace.FusedConv(%x, const f32[8,3,3,3] random(1), const f32[8] "
           "random(2)) {" +
           conv + "} %y = MaxPool(%c) {" + pool + "} return " + result + " }";
  };
  const std::string conv = "activation=\"relu\", pads=[1, 1, 1, 1]",
                    pool = "kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]";
  expect_rewrite(fuse_pooled_conv, network(conv, "ceil_mode=1, " + pool),
                 "graph (%x: f32[1,3,16,16]) { %y = vivace.PooledConv(%x, const f32[8,3,3,3] random(1), const f32[8] "
                 "random(2)) {activation=\"relu\", pads=[1, 1, 1, 1], pool_ceil_mode=1, pool_kernel_shape=[3, 3], "
                 "pool_pads=[1, 1, 1, 1], pool_strides=[2, 2]} return %y }");
  expect_no_rewrite(fuse_pooled_conv, network(conv, pool, "%y, %c"));
  expect_no_rewrite(fuse_pooled_conv, network("activation=\"silu\"", pool));
  expect_no_rewrite(fuse_pooled_conv, network(conv, "kernel_shape=[7, 7], strides=[2, 2]"));
}

TEST(FuseInvertedResidual, DepthwiseBetweenConvolutionsOfPixels) {
  const std::string expand = "%e = vivace.FusedConv(%x, const f32[16,8,1,1] random(1)) {activation=\"relu\"}",
                    depthwise = "activation=\"relu\", group=16, pads=[1, 1, 1, 1]",
                    project =
                        "%y = vivace.FusedConv(%d, const f32[8,16,1,1] random(3), const f32[8] random(4), %x) "
                        "return %y";
  expect_rewrite(fuse_inverted_residual, inverted(expand, depthwise, project),
                 "graph (%x: f32[1,8,6,6]) { %y = vivace.InvertedResidual(%x, const f32[16,1,3,3] random(2), const "
                 "f32[16,8,1,1] random(1), const f32[8,16,1,1] random(3), _, _, const f32[8] random(4), %x) "
                 "{depthwise_activation=\"relu\", depthwise_group=16, depthwise_pads=[1, 1, 1, 1], "
                 "expand_activation=\"relu\"} return %y }");
  expect_rewrite(fuse_expanded_depthwise, inverted(expand, depthwise, "return %d"),
                 "graph (%x: f32[1,8,6,6]) { %y = vivace.InvertedResidual(%x, const f32[16,1,3,3] random(2), const "
                 "f32[16,8,1,1] random(1)) {depthwise_activation=\"relu\", depthwise_group=16, depthwise_pads=[1, 1, "
                 "1, 1], expand_activation=\"relu\"} return %y }");
  // Not where the many channels have another use, a window that is no 1x1, or no depthwise one.
  expect_no_rewrite(fuse_expanded_depthwise, inverted(expand, depthwise, "return %d, %e"));
  expect_no_rewrite(fuse_inverted_residual, inverted(expand, depthwise, project + ", %d"));
  expect_no_rewrite(fuse_inverted_residual, inverted(expand, depthwise + ", dilations=[2, 2]",
                                                     "%y = "
                                                     "vivace.FusedConv(%d, const f32[8,16,1,1] random(3)) return %y"));
}

}  // namespace
}  // namespace vivace::passes
