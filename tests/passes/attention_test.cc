// Attention in the forms that exporters write.
#include "passes/rewriting.h"
#include "passes/rules.h"

namespace vivace::passes {
namespace {

constexpr const char* kHeads = "graph (%q: f32[b,2,s,4], %k: f32[b,2,t,4], %v: f32[b,2,t,5]) {\n";

TEST(Attention, ScaledProducts) {
  for (const char* scale : {"%z = Div(%p, const f32[] {2})", "%z = Mul(const f32[] {0.5}, %p)"})
    expect_rewrite(recognise_attention,
                   std::string(kHeads) + "%kt = Transpose(%k) {perm=[0, 1, 3, 2]} %p = MatMul(%q, %kt) " + scale +
                       " %w = Softmax(%z) %y = MatMul(%w, %v) return %y }",
                   std::string(kHeads) + R"(%kt = Transpose(%k) {perm=[0, 1, 3, 2]}
                     %kk = Transpose(%kt) {perm=[0, 1, 3, 2]} %y = Attention(%q, %kk, %v) {scale=0.5} return %y })");
}

TEST(Attention, ScaleOfQueriesAndKeys) {
  expect_rewrite(recognise_attention, std::string(kHeads) + R"(%kt = Transpose(%k) {perm=[0, 1, 3, 2]}
    %r = Mul(%q, const f32[1] {0.5}) %l = Mul(%kt, const f32[1] {0.5}) %p = MatMul(%r, %l) %w = Softmax(%p) {axis=3} %y = MatMul(%w, %v) return %y })",
                 std::string(kHeads) + R"(%kt = Transpose(%k) {perm=[0, 1, 3, 2]}
                     %kk = Transpose(%kt) {perm=[0, 1, 3, 2]} %y = Attention(%q, %kk, %v) {scale=0.25} return %y })");
}

TEST(Attention, Masks) {
  const std::string heads =
      "graph (%q: f32[b,2,s,4], %kt: f32[b,2,4,t], %v: f32[b,2,t,5], %m: f32[b,1,1,t], %c: bool[s,t]) {\n";
  const std::string after = heads + "%k = Transpose(%kt) {perm=[0, 1, 3, 2]} ";
  expect_rewrite(recognise_attention,
                 heads +
                     "%p = MatMul(%q, %kt) %z = Div(%p, const f32[] {2}) %a = Add(%m, %z) %w = Softmax(%a) %y = "
                     "MatMul(%w, %v) return %y }",
                 after + "%y = Attention(%q, %k, %v, %m) {scale=0.5} return %y }");
  expect_rewrite(recognise_attention,
                 heads +
                     "%p = MatMul(%q, %kt) %a = Where(%c, %p, const f32[] {-1e30}) %w = Softmax(%a) %y = MatMul(%w, "
                     "%v) return %y }",
                 after + "%y = Attention(%q, %k, %v, %c) {scale=1.0} return %y }");
  expect_rewrite(recognise_attention,
                 heads +
                     "%d = Not(%c) %p = MatMul(%q, %kt) %a = Where(%d, const f32[] {-1e30}, %p) %w = Softmax(%a) %y = "
                     "MatMul(%w, %v) return %y }",
                 heads +
                     "%d = Not(%c) %k = Transpose(%kt) {perm=[0, 1, 3, 2]} %e = Not(%d) %y = Attention(%q, %k, %v, %e) "
                     "{scale=1.0} return %y }");
}

TEST(Attention, OfThreeDimensions) {
  expect_rewrite(recognise_attention, R"(graph (%q: f32[6,s,4], %kt: f32[6,4,t], %v: f32[6,t,5]) {
    %p = MatMul(%q, %kt) %w = Softmax(%p) %y = MatMul(%w, %v) return %y })",
                 R"(graph (%q: f32[6,s,4], %kt: f32[6,4,t], %v: f32[6,t,5]) {
    %k = Transpose(%kt) {perm=[0, 2, 1]}
    %q4 = Unsqueeze(%q, const i64[1] {0}) %k4 = Unsqueeze(%k, const i64[1] {0}) %v4 = Unsqueeze(%v, const i64[1] {0})
    %y4 = Attention(%q4, %k4, %v4) {scale=1.0}
    %y = Squeeze(%y4, const i64[1] {0}) return %y })");
}

TEST(Attention, LeavesOthersAlone) {
  for (const char*
           nodes : {"%p = MatMul(%q, %kt) %w = Softmax(%p) {axis=2} %y = MatMul(%w, %v) return %y",  // another axis
                    "%p = MatMul(%q, %kt) %w = Softmax(%p) %y = MatMul(%w, %v) return %y, %w",  // weights are a result
                    "%p = MatMul(%q, %kt) %w = Softmax(%p) %y = MatMul(%w, %v) return %y, %p",  // scores are
                    "%p = MatMul(%q, %kt) %z = Add(%p, const f32[2,1,1] {1, 2}) %u = Mul(%z, const f32[] {2}) %w = "
                    "Softmax(%u) %y = MatMul(%w, %v) return %y",  // scaled after the mask
                    "%p = MatMul(%q, %kt) %a = Where(%c, %p, const f32[] {-5}) %w = Softmax(%a) %y = MatMul(%w, %v) "
                    "return %y",  // not hidden
                    "%p = MatMul(%q, %kt) %z = Mul(%p, const f32[2,1,1] {1, 2}) %w = Softmax(%z) %y = MatMul(%w, %v) "
                    "return %y"})  // a scale per head
    expect_no_rewrite(
        recognise_attention,
        std::string("graph (%q: f32[3,2,5,4], %kt: f32[3,2,4,7], %v: f32[3,2,7,5], %c: bool[5,7]) { ") + nodes + " }");
}

TEST(Attention, CausalMasks) {
  const std::string heads = "graph (%q: f32[b,2,s,4], %k: f32[b,2,s,4], %v: f32[b,2,s,5]) {\n";
  const std::string after = heads + "%y = Attention(%q, %k, %v) {is_causal=1, scale=0.5} return %y }";
  const std::string shape = "%n = Shape(%q) {start=2, end=3} %t = Concat(%n, %n) {axis=0} ";
  const std::string use = " %y = Attention(%q, %k, %v, %m) {scale=0.5} return %y }";
  expect_rewrite(
      recognise_causal_attention,
      heads + shape +
          "%o = ConstantOfShape(%t) {value=const f32[1] {-10000}} %m = Trilu(%o, const i64[] {1}) {upper=1}" + use,
      after);
  expect_rewrite(recognise_causal_attention,
                 heads + shape +
                     "%o = ConstantOfShape(%t) {value=const i64[1] {1}} %l = Trilu(%o) {upper=0} %m = Cast(%l) {to=9}" +
                     use,
                 after);
  expect_rewrite(recognise_causal_attention,
                 heads + shape +
                     "%o = Expand(const f32[] {1}, %t) %l = Trilu(%o) {upper=0} %c = Cast(%l) {to=9} %m = Where(%c, "
                     "const f32[] {0}, const f32[] {-inf})" +
                     use,
                 after);
  const std::string fixed = "graph (%q: f32[1,2,3,4], %k: f32[1,2,3,4], %v: f32[1,2,3,5]) {\n";
  expect_rewrite(
      recognise_causal_attention,
      fixed +
          "%y = Attention(%q, %k, %v, const f32[1,1,3,3] {0, -1e9, -1e9, 0, 0, -1e9, 0, 0, 0}) {scale=0.5} return %y }",
      fixed + "%y = Attention(%q, %k, %v) {is_causal=1, scale=0.5} return %y }");
  expect_rewrite(
      recognise_causal_attention,
      fixed + "%y = Attention(%q, %k, %v, const bool[3,3] {1, 0, 0, 1, 1, 0, 1, 1, 1}) {scale=0.5} return %y }",
      fixed + "%y = Attention(%q, %k, %v) {is_causal=1, scale=0.5} return %y }");
  expect_no_rewrite(
      recognise_causal_attention,
      heads + shape + "%o = ConstantOfShape(%t) {value=const f32[1] {-10}} %m = Trilu(%o, const i64[] {1}) {upper=1}" +
          use);
  expect_no_rewrite(
      recognise_causal_attention,
      heads + shape +
          "%o = ConstantOfShape(%t) {value=const f32[1] {-10000}} %m = Trilu(%o, const i64[] {0}) {upper=1}" + use);
  expect_no_rewrite(
      recognise_causal_attention,
      fixed + "%y = Attention(%q, %k, %v, const bool[3,3] {1, 0, 0, 1, 1, 1, 1, 1, 1}) {scale=0.5} return %y }");
}

TEST(AttentionWithoutTransposes, OneProductForAll) {  // as in BERT and GPT
  expect_rewrite(attention_without_transposes, R"(graph (%x: f32[b,s,24]) {
    %r = Reshape(%x, const i64[5] {0, 0, 3, 2, 4})
    %t = Transpose(%r) {perm=[2, 0, 3, 1, 4]}
    %a, %b, %c = Split(%t, const i64[3] {1, 1, 1}) {axis=0}
    %q = Squeeze(%a, const i64[1] {0})
    %k = Squeeze(%b, const i64[1] {0})
    %v = Squeeze(%c, const i64[1] {0})
    %h = Attention(%q, %k, %v) {is_causal=1, scale=0.5}
    %u = Transpose(%h) {perm=[0, 2, 1, 3]}
    %y = Reshape(%u, const i64[3] {0, 0, 8})
    return %y })",
                 R"(graph (%x: f32[b,s,24]) {
    %q, %k, %v = Split(%x, const i64[3] {8, 8, 8}) {axis=2}
    %h = Attention(%q, %k, %v) {is_causal=1, kv_num_heads=2, q_num_heads=2, scale=0.5}
    %r = Reshape(%h, const i64[4] {0, 0, 2, 4})
    %y = Reshape(%r, const i64[3] {0, 0, 8})
    return %y })");
}

TEST(AttentionWithoutTransposes, SequenceFirst) {  // as in torch's MultiheadAttention, for one image
  expect_rewrite(attention_without_transposes, R"(graph (%x: f32[5,1,24]) {
    %r = Reshape(%x, const i64[4] {5, 1, 3, 8})
    %e = Unsqueeze(%r, const i64[1] {0})
    %t = Transpose(%e) {perm=[3, 1, 2, 0, 4]}
    %s = Squeeze(%t, const i64[1] {3})
    %a = Gather(%s, const i64[] {0}) {axis=0}
    %b = Gather(%s, const i64[] {1}) {axis=0}
    %c = Gather(%s, const i64[] {2}) {axis=0}
    %a3 = Reshape(%a, const i64[3] {5, 2, 4})
    %b3 = Reshape(%b, const i64[3] {5, 2, 4})
    %c3 = Reshape(%c, const i64[3] {5, 2, 4})
    %at = Transpose(%a3) {perm=[1, 0, 2]}
    %bt = Transpose(%b3) {perm=[1, 0, 2]}
    %ct = Transpose(%c3) {perm=[1, 0, 2]}
    %q = Reshape(%at, const i64[4] {1, 2, 5, 4})
    %k = Reshape(%bt, const i64[4] {1, 2, 5, 4})
    %v = Reshape(%ct, const i64[4] {1, 2, 5, 4})
    %h = Attention(%q, %k, %v) {scale=0.5}
    %u = Transpose(%h) {perm=[2, 0, 1, 3]}
    %y = Reshape(%u, const i64[2] {5, 8})
    return %y })",
                 R"(graph (%x: f32[5,1,24]) {
    %x1 = Reshape(%x, const i64[3] {1, 5, 24})
    %q, %k, %v = Split(%x1, const i64[3] {8, 8, 8}) {axis=2}
    %h = Attention(%q, %k, %v) {kv_num_heads=2, q_num_heads=2, scale=0.5}
    %r = Reshape(%h, const i64[4] {5, 1, 2, 4})
    %y = Reshape(%r, const i64[2] {5, 8})
    return %y })");
}

TEST(AttentionWithoutTransposes, SeparateProducts) {
  expect_rewrite(attention_without_transposes,
                 R"(graph (%a: f32[3,5,8], %b: f32[3,7,8], %c: f32[3,7,16], %m: f32[5,7]) {
    %a4 = Reshape(%a, const i64[4] {3, 5, 2, 4})
    %b4 = Reshape(%b, const i64[4] {3, 7, 2, 4})
    %c2 = Slice(%c, const i64[1] {8}, const i64[1] {16}, const i64[1] {-1})
    %c4 = Reshape(%c2, const i64[4] {3, 7, 2, 4})
    %q = Transpose(%a4) {perm=[0, 2, 1, 3]}
    %k = Transpose(%b4) {perm=[0, 2, 1, 3]}
    %v = Transpose(%c4) {perm=[0, 2, 1, 3]}
    %h = Attention(%q, %k, %v, %m) {scale=0.5}
    %y = Transpose(%h) {perm=[0, 2, 1, 3]}
    return %y })",
                 R"(graph (%a: f32[3,5,8], %b: f32[3,7,8], %c: f32[3,7,16], %m: f32[5,7]) {
    %v = Slice(%c, const i64[1] {8}, const i64[1] {16}, const i64[1] {2})
    %h = Attention(%a, %b, %v, %m) {kv_num_heads=2, q_num_heads=2, scale=0.5}
    %y = Reshape(%h, const i64[4] {3, 5, 2, 4})
    return %y })");
}

TEST(AttentionWithoutTransposes, LeavesOthersAlone) {
  const std::string begin = "graph (%x: f32[3,5,8], %k: f32[3,2,5,4]) { ";
  const std::string end = " %h = Attention(%q, %k, %k) %y = Transpose(%h) {perm=[0, 2, 1, 3]} return %y }";
  for (const char* q :
       {"%r = Reshape(%x, const i64[4] {3, 5, 4, 2}) %q = Transpose(%r) {perm=[0, 3, 1, 2]}",  // heads inside
        "%q = Reshape(%x, const i64[4] {3, 2, 5, 4})"})                                        // mixes the sequence
    expect_no_rewrite(attention_without_transposes, begin + q + end);
  expect_no_rewrite(attention_without_transposes, R"(graph (%x: f32[3,5,8]) {
    %r = Reshape(%x, const i64[4] {3, 5, 2, 4})
    %q = Transpose(%r) {perm=[0, 2, 1, 3]}
    %h = Attention(%q, %q, %q)
    %y = Transpose(%h) {perm=[1, 0, 2, 3]}
    return %y })");
}

}  // namespace
}  // namespace vivace::passes
