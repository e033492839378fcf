// Loops: what does not change goes in front of them, short ones become their turns.
#include "passes/rewriting.h"
#include "passes/rules.h"

namespace vivace::passes {
namespace {

const Pass& hoist() { return pass_named("hoist_loop_invariants"); }
const Pass& unroll() { return pass_named("unroll_short_loops"); }
const Pass& prune() { return pass_named("eliminate_unused_captures"); }

TEST(Hoist, WhatDependsOnCapturesAndConstants) {
  expect_rewrite(hoist(), R"(graph (%x: f32[3], %w: f32[3], %n: f32[4]) {
    %y, %s = Loop(const i64[] {3}, const bool[] {1}, %x, %w, %n) {captures=2, body=graph (%i: i64[], %c: bool[], %v: f32[3], %u: f32[3], %m: f32[4]) {
      %a = Mul(%u, const f32[] {2})
      %b = Exp(%a)
      %d = Add(%v, %b)
      %e = Neg(%m)
      return %c, %d, %e
    }}
    return %y, %s })",
                 R"(graph (%x: f32[3], %w: f32[3], %n: f32[4]) {
    %a = Mul(%w, const f32[] {2})
    %b = Exp(%a)
    %e = Neg(%n)
    %y, %s = Loop(const i64[] {3}, const bool[] {1}, %x, %w, %n, %a, %b, %e) {captures=5, body=graph (%i: i64[], %c: bool[], %v: f32[3], %u: f32[3], %m: f32[4], %p: f32[3], %q: f32[3], %r: f32[4]) {
      %d = Add(%v, %q)
      %true = const bool[] {1}
      return %true, %d, %r
    }}
    return %y, %s })");
  expect_rewrite(hoist(), R"(graph (%x: f32[2], %s: f32[5,2], %w: f32[2]) {
    %y, %z = Scan(%x, %s, %w) {captures=1, num_scan_inputs=1, body=graph (%v: f32[2], %t: f32[2], %u: f32[2]) {
      %a = Sqrt(%u)
      %d = Add(%v, %t)
      %e = Mul(%d, %a)
      return %d, %e
    }}
    return %y, %z })",
                 R"(graph (%x: f32[2], %s: f32[5,2], %w: f32[2]) {
    %a = Sqrt(%w)
    %y, %z = Scan(%x, %s, %w, %a) {captures=2, num_scan_inputs=1, body=graph (%v: f32[2], %t: f32[2], %u: f32[2], %q: f32[2]) {
      %d = Add(%v, %t)
      %e = Mul(%d, %q)
      return %d, %e
    }}
    return %y, %z })");
}

// A Loop whose body does `node` with its capture %u, of so many turns.
std::string loop_of(const std::string& node, const std::string& turns, const std::string& capture,
                    const std::string& more = "") {
  return "graph (%x: f32[3], %w: " + capture + ", %n: i64[], %c: bool[]" + more + ") { %y = Loop(" + turns +
         ", %x, %w) {captures=1, body=graph (%i: i64[], %t: bool[], %v: f32[3], %u: " + capture + ") { %a = " + node +
         " %s = ReduceSum(%a) {keepdims=0} %d = Add(%v, %s) %k = const bool[] {1} return %k, %d }} return %y }";
}

TEST(Hoist, OnlyWhatIsCheapAndSafeWhereTheLoopMayNotRun) {
  const auto changes = [](const std::string& text) {
    const auto graph = graph_of(text);
    const Result<int> made = run_pass(hoist(), *graph);
    EXPECT_TRUE(made.ok()) << made.status().message();
    return made.ok() ? *made : -1;
  };
  const std::string may = "%n, _", must = "const i64[] {2}, _", until = "const i64[] {2}, %c", endless = "_, _";
  for (const auto& [node, capture] : std::initializer_list<std::pair<std::string, std::string>>{
           {"Exp(%u)", "f32[4]"}, {"Transpose(%u)", "f32[4,5]"}, {"Reshape(%u, const i64[2] {2, -1})", "f32[4]"}})
    for (const std::string& turns : {may, until, must}) EXPECT_GT(changes(loop_of(node, turns, capture)), 0) << node;
  for (const auto& [node, capture] : std::initializer_list<std::pair<std::string, std::string>>{
           {"Exp(%u)", "f32[5000]"},   // too much for nothing
           {"Exp(%u)", "f32[batch]"},  // who knows how much
           {"MatMul(%u, %u)", "f32[4,4]"},
           {"Reshape(%u, const i64[2] {2, -1})", "f32[batch]"}}) {  // fails for odd ones
    for (const std::string& turns : {may, until, std::string("const i64[] {0}, _")})
      EXPECT_EQ(changes(loop_of(node, turns, capture)), 0) << node << " " << turns;
    for (const std::string& turns : {must, endless, std::string("_, const bool[] {1}")})
      EXPECT_GT(changes(loop_of(node, turns, capture)), 0) << node << " " << turns;
  }
}

TEST(Hoist, NothingThatDrawsNumbersOrChanges) {
  for (const char* node :
       {"RandomNormalLike(%u)", "Dropout(%u, const f32[] {0.5}, const bool[] {1})", "Mul(%u, %v)",
        "If(const bool[] {1}, %u) {captures=1, then_branch=graph (%o: f32[3]) { %p = RandomUniformLike(%o) return %p "
        "}, else_branch=graph (%o: f32[3]) { %p = Neg(%o) return %p }}"})
    expect_no_rewrite(hoist(), loop_of(node, "const i64[] {2}, _", "f32[3]"));
}

TEST(Hoist, ShapeArithmeticStays) {
  expect_no_rewrite(hoist(), R"(graph (%x: f32[batch,4], %w: f32[batch,2]) {
    %y = Loop(const i64[] {2}, _, %x, %w) {captures=1, body=graph (%i: i64[], %c: bool[], %v: f32[batch,4], %u: f32[batch,2]) {
      %s = Shape(%u)
      %d = Reshape(%v, %s)
      %true = const bool[] {1}
      return %true, %d }}
    return %y })");
}

TEST(Hoist, UnchangedCarriedValuesAreCaptures) {
  expect_rewrite(hoist(), R"(graph (%x: f32[3], %w: f32[3], %n: i64[]) {
    %k, %y, %s = Loop(%n, _, %w, %x) {body=graph (%i: i64[], %c: bool[], %u: f32[3], %v: f32[3]) {
      %d = Add(%v, %u)
      %true = const bool[] {1}
      return %true, %u, %d, %d
    }}
    return %k, %y, %s })",
                 R"(graph (%x: f32[3], %w: f32[3], %n: i64[]) {
    %y, %s = Loop(%n, _, %x, %w) {captures=1, body=graph (%i: i64[], %c: bool[], %v: f32[3], %u: f32[3]) {
      %d = Add(%v, %u)
      %true = const bool[] {1}
      return %true, %d, %d
    }}
    return %w, %y, %s })");
  expect_rewrite(hoist(), R"(graph (%x: f32[3], %w: f32[3], %t: f32[2,3]) {
    %k, %y = Scan(%w, %x, %t) {num_scan_inputs=1, body=graph (%u: f32[3], %v: f32[3], %z: f32[3]) {
      %d = Add(%v, %u)
      %e = Add(%d, %z)
      return %u, %e
    }}
    return %k, %y })",
                 R"(graph (%x: f32[3], %w: f32[3], %t: f32[2,3]) {
    %y = Scan(%x, %t, %w) {captures=1, num_scan_inputs=1, body=graph (%v: f32[3], %z: f32[3], %u: f32[3]) {
      %d = Add(%v, %u)
      %e = Add(%d, %z)
      return %e
    }}
    return %w, %y })");
}

TEST(UnusedCaptures, GoAndSoDoRepeatedOnes) {
  expect_rewrite(prune(), R"(graph (%x: f32[3], %w: f32[3], %c: bool[]) {
    %y = If(%c, %x, %w, %x) {captures=3, then_branch=graph (%a: f32[3], %b: f32[3], %d: f32[3]) { %o = Add(%a, %d) return %o },
      else_branch=graph (%a: f32[3], %b: f32[3], %d: f32[3]) { %o = Neg(%d) return %o }}
    return %y })",
                 R"(graph (%x: f32[3], %w: f32[3], %c: bool[]) {
    %y = If(%c, %x) {captures=1, then_branch=graph (%a: f32[3]) { %o = Add(%a, %a) return %o },
      else_branch=graph (%a: f32[3]) { %o = Neg(%a) return %o }}
    return %y })");
  expect_no_rewrite(prune(), R"(graph (%x: f32[3], %w: f32[3], %c: bool[]) {
    %y = If(%c, %x, %w) {captures=2, then_branch=graph (%a: f32[3], %b: f32[3]) { %o = Neg(%a) return %o },
      else_branch=graph (%a: f32[3], %b: f32[3]) { %o = Neg(%b) return %o }}
    return %y })");
}

TEST(Unroll, LoopsOfAConstantNumberOfTurns) {
  expect_rewrite(unroll(), R"(graph (%x: f32[3], %w: f32[3]) {
    %y, %s = Loop(const i64[] {2}, const bool[] {1}, %x, %w) {captures=1, body=graph (%i: i64[], %c: bool[], %v: f32[3], %u: f32[3]) {
      %f = Cast(%i) {to=1}
      %a = Mul(%u, %f)
      %d = Add(%v, %a)
      return %c, %d, %d
    }}
    return %y, %s })",
                 R"(graph (%x: f32[3], %w: f32[3]) {
    %f = Cast(const i64[] {0}) {to=1}
    %a = Mul(%w, %f)
    %d = Add(%x, %a)
    %g = Cast(const i64[] {1}) {to=1}
    %b = Mul(%w, %g)
    %e = Add(%d, %b)
    %p = Unsqueeze(%d, const i64[1] {0})
    %q = Unsqueeze(%e, const i64[1] {0})
    %s = Concat(%p, %q) {axis=0}
    return %e, %s })");
}

TEST(Unroll, ScansOfAKnownLength) {
  expect_rewrite(unroll(), R"(graph (%x: f32[2], %s: f32[2,3], %t: f32[3,2]) {
    %y, %z = Scan(%x, %s, %t) {num_scan_inputs=2, scan_input_axes=[1, -2], scan_input_directions=[1, 0],
        scan_output_axes=[-1], scan_output_directions=[1], body=graph (%v: f32[2], %a: f32[2], %b: f32[2]) {
      %d = Add(%v, %a)
      %e = Mul(%d, %b)
      return %d, %e
    }}
    return %y, %z })",
                 R"(graph (%x: f32[2], %s: f32[2,3], %t: f32[3,2]) {
    %a, %b, %c = Split(%s, const i64[3] {1, 1, 1}) {axis=1}
    %d = Squeeze(%a, const i64[1] {1})
    %e = Squeeze(%b, const i64[1] {1})
    %f = Squeeze(%c, const i64[1] {1})
    %g, %h, %i = Split(%t, const i64[3] {1, 1, 1}) {axis=-2}
    %j = Squeeze(%g, const i64[1] {-2})
    %k = Squeeze(%h, const i64[1] {-2})
    %l = Squeeze(%i, const i64[1] {-2})
    %m = Add(%x, %f)
    %n = Mul(%m, %j)
    %o = Add(%m, %e)
    %p = Mul(%o, %k)
    %q = Add(%o, %d)
    %r = Mul(%q, %l)
    %u = Unsqueeze(%n, const i64[1] {-1})
    %v = Unsqueeze(%p, const i64[1] {-1})
    %w = Unsqueeze(%r, const i64[1] {-1})
    %z = Concat(%w, %v, %u) {axis=-1}
    return %q, %z })");
}

TEST(Unroll, LoopsThatNeverRun) {
  expect_rewrite(unroll(), R"(graph (%x: f32[3], %n: i64[]) {
    %y, %s = Loop(%n, const bool[] {0}, %x) {body=graph (%i: i64[], %c: bool[], %v: f32[3]) {
      %d = Neg(%v)
      return %c, %d, %d
    }}
    return %y, %s })",
                 "graph (%x: f32[3], %n: i64[]) { %s = const f32[0,3] random(1) return %x, %s }");
}

TEST(Unroll, SequencesThatAreCarried) {
  const auto graph = graph_of(R"(graph (%x: f32[2]) {
    %e = SequenceEmpty() {dtype=1}
    %s = Loop(const i64[] {3}, _, %e, %x) {captures=1, body=graph (%i: i64[], %c: bool[], %t: seq(f32[*]), %v: f32[2]) {
      %f = Cast(%i) {to=1}
      %m = Mul(%v, %f)
      %o = SequenceInsert(%t, %m)
      return %c, %o
    }}
    %y = ConcatFromSequence(%s) {axis=0, new_axis=1}
    return %y })");
  const auto before = graph->clone();
  ASSERT_TRUE(optimize(*graph).ok());
  for (const ir::Node* node : graph->node_list()) EXPECT_NE(node->op, "Loop");
  expect_same_results(*before, *graph, random_inputs(*before, 1));
}

TEST(Unroll, NotWhatIsLongOrUncertain) {
  const auto loop = [](const std::string& inputs, const std::string& body) {
    return "graph (%x: f32[3], %n: i64[], %c: bool[]) { %y = Loop(" + inputs +
           ", %x) {body=graph (%i: i64[], %t: bool[], %v: f32[3]) { " + body + " }} return %y }";
  };
  const std::string twice = "%a = Neg(%v) %b = Exp(%a) %k = const bool[] {1} return %k, %b";
  EXPECT_GT(*run_pass(unroll(), *graph_of(loop("const i64[] {128}, _", twice))), 0);
  expect_no_rewrite(unroll(), loop("const i64[] {129}, _", twice));
  expect_no_rewrite(unroll(), loop("%n, _", twice));
  expect_no_rewrite(unroll(), loop("const i64[] {2}, %c", twice));
  expect_no_rewrite(unroll(), loop("_, _", twice));
  expect_no_rewrite(unroll(), loop("const i64[] {2}, _", "%a = RandomNormalLike(%v) {seed=1.0} return %t, %a"));
  expect_no_rewrite(unroll(), loop("const i64[] {2}, _",
                                   "%a = Neg(%v) %b = IsNaN(%a) %s = Cast(%b) {to=7} "
                                   "%m = ReduceMax(%s) {keepdims=0} %g = Cast(%m) {to=9} return %g, %a"));
  expect_no_rewrite(unroll(), loop("const i64[] {2}, _",  // the inner one comes first
                                   "%a = Loop(%i, _, %v) {body=graph (%j: i64[], %d: bool[], %w: f32[3]) "
                                   "{ %e = Neg(%w) return %d, %e }} return %t, %a"));
}

TEST(Unroll, KeepsALoopWhoseTurnsFail) {
  // The second turn would add f32[3] and f32[6]; in a branch that is not taken it never does.
  expect_no_rewrite(unroll(), R"(graph (%x: f32[3], %c: bool[]) {
    %y = If(%c, %x) {captures=1, then_branch=graph (%o: f32[3]) { %p = Neg(%o) return %p }, else_branch=graph (%o: f32[3]) {
      %p = Loop(const i64[] {3}, _, %o, %o) {captures=1, body=graph (%i: i64[], %t: bool[], %v: f32[*], %u: f32[3]) {
        %a = Add(%v, %u)
        %b = Concat(%a, %a) {axis=0}
        return %t, %b }}
      return %p }}
    return %y })");
}

}  // namespace
}  // namespace vivace::passes
