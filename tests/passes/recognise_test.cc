// Activations and normalizations recognised in every form that exporters write.
#include "passes/rewriting.h"
#include "passes/rules.h"

namespace vivace::passes {
namespace {

std::string graph(const std::string& nodes, const std::string& type = "f32[2,3,4,5]") {
  return "graph (%x: " + type + ") { " + nodes + " return %y }";
}

TEST(Recognise, Relu) {
  for (const char* node :
       {"Max(%x, const f32[] {0})", "Max(const f32[1] {0}, %x)", "Clip(%x, const f32[] {0})",
        "Clip(%x, const f32[] {0}, const f32[] {inf})", "Clip(%x, const f32[] {0}, const f32[] {3.4028235e38})"})
    expect_rewrite(recognise_relu, graph(std::string("%y = ") + node), graph("%y = Relu(%x)"));
  for (const char* node :
       {"Max(%x, const f32[] {1})", "Clip(%x, const f32[] {0}, const f32[] {6})", "Clip(%x, _, const f32[] {0})"})
    expect_no_rewrite(recognise_relu, graph(std::string("%y = ") + node));
}

TEST(Recognise, Clip) {
  expect_rewrite(recognise_clip, graph("%a = Max(%x, const f32[] {-0.5}) %y = Min(const f32[] {0.25}, %a)"),
                 graph("%y = Clip(%x, const f32[] {-0.5}, const f32[] {0.25})"));
  expect_rewrite(recognise_clip, graph("%a = Min(%x, const f32[] {0.25}) %y = Max(%a, const f32[] {-0.5})"),
                 graph("%y = Clip(%x, const f32[] {-0.5}, const f32[] {0.25})"));
  expect_no_rewrite(recognise_clip, graph("%a = Min(%x, const f32[] {-1}) %y = Max(%a, const f32[] {1})"));
  expect_no_rewrite(
      recognise_clip,
      "graph (%x: f32[2]) { %a = Max(%x, const f32[] {-1}) %y = Min(%a, const f32[] {1}) return %y, %a }");
}

TEST(Recognise, LeakyRelu) {
  expect_rewrite(recognise_leaky_relu, graph("%y = PRelu(%x, const f32[1] {0.25})"),
                 graph("%y = LeakyRelu(%x) {alpha=0.25}"));
  expect_no_rewrite(recognise_leaky_relu, graph("%y = PRelu(%x, const f32[3,1,1] {1, 2, 3})"));
  // Attributes are f32: 0.1 is another number there.
  expect_no_rewrite(recognise_leaky_relu, "graph (%x: f64[2]) { %y = PRelu(%x, const f64[] {0.1}) return %y }");
}

TEST(Recognise, Swish) {
  expect_rewrite(recognise_swish, graph("%s = Sigmoid(%x) %y = Mul(%s, %x)"), graph("%y = Swish(%x) {alpha=1.0}"));
  expect_rewrite(recognise_swish, graph("%a = Mul(%x, const f32[] {1.702}) %s = Sigmoid(%a) %y = Mul(%x, %s)"),
                 graph("%y = Swish(%x) {alpha=1.702}"));
  expect_no_rewrite(recognise_swish, "graph (%x: f32[2], %z: f32[2]) { %s = Sigmoid(%z) %y = Mul(%x, %s) return %y }");
  expect_no_rewrite(recognise_swish, "graph (%x: f32[2]) { %s = Sigmoid(%x) %y = Mul(%x, %s) return %y, %s }");
}

TEST(Recognise, HardSigmoidAndHardSwish) {
  const std::string clip = "%a = Add(%x, const f32[] {3}) %c = Clip(%a, const f32[] {0}, const f32[] {6}) ";
  expect_rewrite(recognise_hard_sigmoid, graph(clip + "%y = Div(%c, const f32[] {6})"),
                 graph("%y = HardSigmoid(%x) {alpha=0.16666667, beta=0.5}"));
  expect_rewrite(recognise_hard_sigmoid,
                 graph("%a = Mul(%x, const f32[] {0.25}) %b = Add(const f32[] {0.75}, %a) %y = Clip(%b, const f32[] "
                       "{0}, const f32[] {1})"),
                 graph("%y = HardSigmoid(%x) {alpha=0.25, beta=0.75}"));
  expect_rewrite(recognise_hard_swish, graph(clip + "%m = Mul(%x, %c) %y = Div(%m, const f32[] {6})"),
                 graph("%y = HardSwish(%x)"));
  expect_rewrite(recognise_hard_swish, graph(clip + "%m = Mul(%c, %x) %y = Mul(const f32[] {0.16666667}, %m)"),
                 graph("%y = HardSwish(%x)"));
  expect_rewrite(recognise_hard_swish, graph("%h = HardSigmoid(%x) {alpha=0.16666667} %y = Mul(%h, %x)"),
                 graph("%y = HardSwish(%x)"));
  expect_no_rewrite(recognise_hard_swish, graph("%h = HardSigmoid(%x) %y = Mul(%h, %x)"));
  expect_no_rewrite(recognise_hard_sigmoid, graph(clip + "%y = Div(%c, const f32[] {5})"));
}

TEST(Recognise, GeluInAllOrders) {
  for (const char* type : {"f32", "f16"}) {
    const std::string t = type, half = "const " + t + "[] {0.5}", one = "const " + t + "[] {1}";
    const std::string plus = "%e = Erf(%d) %a = Add(%e, " + one + ") ";
    for (const std::string& first :
         {"%d = Div(%x, const " + t + "[] {1.4142135}) ", "%d = Mul(const " + t + "[] {0.70710677}, %x) "})
      for (const std::string& last :
           {"%m = Mul(%x, %a) %y = Mul(%m, " + half + ")", "%h = Mul(" + half + ", %x) %y = Mul(%h, %a)",
            "%h = Mul(%a, " + half + ") %y = Mul(%x, %h)", "%m = Mul(%a, %x) %y = Div(%m, const " + t + "[] {2})"})
        expect_rewrite(recognise_gelu, graph(first + plus + last, t + "[2,3]"),
                       graph("%y = Gelu(%x) {approximate=\"none\"}", t + "[2,3]"));
  }
  expect_no_rewrite(recognise_gelu, graph("%d = Div(%x, const f32[] {1.5}) %e = Erf(%d) %a = Add(%e, const f32[] {1}) "
                                          "%m = Mul(%x, %a) %y = Mul(%m, const f32[] {0.5})"));
}

TEST(Recognise, GeluByTanh) {
  const std::string tail =
      " %m = Mul(%s, const f32[] {0.7978846}) %t = Tanh(%m) %a = Add(const f32[] {1}, %t) %h = Mul(%x, const f32[] "
      "{0.5}) %y = Mul(%h, %a)";
  for (const char* inner :
       {"%p = Pow(%x, const f32[] {3}) %c = Mul(%p, const f32[] {0.044715}) %s = Add(%x, %c)",
        "%q = Mul(%x, %x) %p = Mul(%q, %x) %c = Mul(const f32[] {0.044715}, %p) %s = Add(%c, %x)",
        "%q = Mul(%x, %x) %c = Mul(%q, const f32[] {0.044715}) %o = Add(%c, const f32[] {1}) %s = Mul(%x, %o)"})
    expect_rewrite(recognise_gelu_tanh, graph(inner + tail), graph("%y = Gelu(%x) {approximate=\"tanh\"}"));
  expect_no_rewrite(recognise_gelu_tanh,
                    graph("%p = Pow(%x, const f32[] {3}) %c = Mul(%p, const f32[] {0.05}) %s = Add(%x, %c)" + tail));
}

TEST(Recognise, Softmax) {
  expect_rewrite(recognise_softmax, graph(R"(%m = ReduceMax(%x, const i64[1] {-1}) %d = Sub(%x, %m) %e = Exp(%d)
    %s = ReduceSum(%e, const i64[1] {3}) %y = Div(%e, %s))"),
                 graph("%y = Softmax(%x) {axis=3}"));
  expect_rewrite(recognise_softmax, graph("%e = Exp(%x) %s = ReduceSum(%e, const i64[1] {1}) %y = Div(%e, %s)"),
                 graph("%y = Softmax(%x) {axis=1}"));
  expect_no_rewrite(recognise_softmax, graph("%e = Exp(%x) %s = ReduceSum(%e, const i64[2] {1, 2}) %y = Div(%e, %s)"));
  expect_no_rewrite(recognise_softmax,
                    graph("%e = Exp(%x) %f = Neg(%x) %s = ReduceSum(%f, const i64[1] {1}) %y = Div(%e, %s)"));
}

std::string moments(const std::string& axes, const std::string& square, const std::string& last) {
  return "%m = ReduceMean(%x, const i64" + axes + ") %d = Sub(%x, %m) %q = " + square +
         " %v = ReduceMean(%q, const i64" + axes + ") %e = Add(%v, const f32[] {1e-05}) %s = Sqrt(%e) " + last;
}

TEST(Recognise, LayerNorm) {
  for (const char* square : {"Pow(%d, const f32[] {2})", "Mul(%d, %d)"})
    for (const char* last : {"%y = Div(%d, %s)", "%r = Reciprocal(%s) %y = Mul(%r, %d)",
                             "%r = Div(const f32[] {1}, %s) %y = Mul(%d, %r)"}) {
      expect_rewrite(recognise_layer_norm, graph(moments("[1] {-1}", square, last)),
                     graph("%y = LayerNormalization(%x, const f32[5] splat(1)) {axis=-1, epsilon=1e-05}"));
      expect_rewrite(recognise_layer_norm, graph(moments("[3] {1, 2, 3}", square, last)),
                     graph("%y = LayerNormalization(%x, const f32[3,4,5] splat(1)) {axis=-3, epsilon=1e-05}"));
    }
  expect_no_rewrite(recognise_layer_norm, graph(moments("[1] {1}", "Mul(%d, %d)", "%y = Div(%d, %s)")));
  expect_no_rewrite(recognise_layer_norm, graph(moments("[2] {2, 3}", "Mul(%d, %d)", "%y = Div(%d, %s)")));
}

TEST(Recognise, InstanceNorm) {
  expect_rewrite(recognise_instance_norm, graph(moments("[2] {2, 3}", "Mul(%d, %d)", "%y = Div(%d, %s)")),
                 graph("%y = InstanceNormalization(%x, const f32[3] splat(1), const f32[3] splat(0)) {epsilon=1e-05}"));
  expect_no_rewrite(recognise_instance_norm, graph(moments("[1] {-1}", "Mul(%d, %d)", "%y = Div(%d, %s)")));
}

TEST(Recognise, RmsNorm) {
  expect_rewrite(recognise_rms_norm, graph(R"(%q = Pow(%x, const f32[] {2}) %v = ReduceMean(%q, const i64[1] {-1})
    %e = Add(%v, const f32[] {1e-06}) %s = Sqrt(%e) %r = Reciprocal(%s) %y = Mul(%x, %r))"),
                 graph("%y = RMSNormalization(%x, const f32[5] splat(1)) {axis=-1, epsilon=1e-06}"));
  expect_no_rewrite(recognise_rms_norm, graph(R"(%q = Pow(%x, const f32[] {2}) %v = ReduceMean(%q, const i64[1] {-2})
    %e = Add(%v, const f32[] {1e-06}) %s = Sqrt(%e) %y = Div(%x, %s))"));
}

TEST(Recognise, GroupNorm) {
  expect_rewrite(recognise_group_norm, R"(graph (%x: f32[2,6,4,5]) {
    %r = Reshape(%x, const i64[3] {0, 3, -1})
    %n = InstanceNormalization(%r, const f32[3] random(1), const f32[3] random(2)) {epsilon=0.001}
    %y = Reshape(%n, const i64[4] {2, 6, 4, 5})
    return %y })",
                 R"(graph (%x: f32[2,6,4,5]) {
    %y = GroupNormalization(%x, const f32[6] random(1), const f32[6] random(2)) {epsilon=0.001, num_groups=3}
    return %y })");
  expect_no_rewrite(recognise_group_norm, R"(graph (%x: f32[2,6,4,5]) {
    %r = Reshape(%x, const i64[3] {1, 3, -1})
    %n = InstanceNormalization(%r, const f32[3] random(1), const f32[3] random(2))
    %y = Reshape(%n, const i64[4] {2, 6, 4, 5})
    return %y })");
}

TEST(Recognise, ScaleAndBiasOfNorms) {
  expect_rewrite(fold_scale_into_norm,
                 graph("%n = LayerNormalization(%x, const f32[5] random(1), const f32[5] random(2)) %y = Mul(const "
                       "f32[1,5] random(3), %n)"),
                 graph("%y = LayerNormalization(%x, const f32[5] random(1), const f32[5] random(2))"));
  expect_rewrite(fold_scale_into_norm,
                 graph("%n = RMSNormalization(%x, const f32[5] random(1)) %y = Mul(%n, const f32[] {3})"),
                 graph("%y = RMSNormalization(%x, const f32[5] random(1))"));
  expect_rewrite(fold_bias_into_norm,
                 graph("%n = LayerNormalization(%x, const f32[5] random(1)) %y = Add(%n, const f32[5] random(3))"),
                 graph("%y = LayerNormalization(%x, const f32[5] random(1), const f32[5] random(2))"));
  expect_rewrite(fold_bias_into_norm,
                 graph("%n = InstanceNormalization(%x, const f32[3] random(1), const f32[3] random(2)) %y = Add(%n, "
                       "const f32[3,1,1] random(3))"),
                 graph("%y = InstanceNormalization(%x, const f32[3] random(1), const f32[3] random(2))"));
  expect_no_rewrite(fold_scale_into_norm, graph("%n = InstanceNormalization(%x, const f32[3] random(1), const f32[3] "
                                                "random(2)) %y = Mul(%n, const f32[5] random(3))"));
  expect_no_rewrite(
      fold_scale_into_norm,
      graph("%n = LayerNormalization(%x, const f32[5] random(1)) %y = Mul(%n, const f32[4,5] random(3))"));
  expect_no_rewrite(fold_bias_into_norm,
                    graph("%n = RMSNormalization(%x, const f32[5] random(1)) %y = Add(%n, const f32[5] random(3))"));
}

}  // namespace
}  // namespace vivace::passes
