// Sequences and optionals that the graph puts together.
#include "passes/rewriting.h"
#include "passes/rules.h"

namespace vivace::passes {
namespace {

constexpr const char* kHead = "graph (%a: f32[2,3], %b: f32[2,3], %c: f32[2,5], %i: i64[]) { ";

TEST(Sequences, ElementsAtConstantPlaces) {
  const std::string edited =
      "%s = SequenceConstruct(%a, %b) %t = SequenceInsert(%s, %c, const i64[] {-1}) %u = SequenceErase(%t, const i32[] "
      "{0}) %v = SequenceInsert(%u, %a) ";  // c, b, a
  const std::pair<const char*, const char*> cases[] = {{"0", "%c"}, {"1", "%b"}, {"2", "%a"}, {"-3", "%c"}};
  for (const auto& [place, value] : cases)
    expect_rewrite(resolve_sequence_at,
                   kHead + edited + "%e = SequenceAt(%v, const i64[] {" + place + "}) %y = Neg(%e) return %y }",
                   kHead + std::string("%y = Neg(") + value + ") return %y }");
  expect_rewrite(resolve_sequence_length, kHead + edited + "%y = SequenceLength(%v) return %y }",
                 kHead + std::string("%n = const i64[] {3} return %n }"));
  expect_rewrite(resolve_sequence_length,
                 "graph () { %s = SequenceEmpty() %n = SequenceLength(%s) %y = Neg(%n) return %y }",
                 "graph () { %y = Neg(const i64[] {0}) return %y }");
}

TEST(Sequences, PlacesThatOnlyTheRunKnows) {
  const std::string made = kHead + std::string("%s = SequenceConstruct(%a, %b) ");
  expect_no_rewrite(resolve_sequence_at, made + "%y = SequenceAt(%s, %i) return %y }");
  expect_no_rewrite(resolve_sequence_at, made + "%y = SequenceAt(%s, const i64[] {2}) return %y }");
  expect_no_rewrite(resolve_sequence_at,
                    made + "%t = SequenceErase(%s, %i) %y = SequenceAt(%t, const i64[] {0}) return %y }");
  expect_no_rewrite(resolve_sequence_length, "graph (%s: seq(f32[2])) { %y = SequenceLength(%s) return %y }");
}

TEST(Sequences, Concatenations) {
  expect_rewrite(
      resolve_concat_from_sequence,
      kHead + std::string("%s = SequenceConstruct(%a, %c) %y = ConcatFromSequence(%s) {axis=-1} return %y }"),
      kHead + std::string("%y = Concat(%a, %c) {axis=1} return %y }"));
  expect_rewrite(
      resolve_concat_from_sequence,
      kHead +
          std::string("%s = SequenceConstruct(%a, %b) %y = ConcatFromSequence(%s) {axis=2, new_axis=1} return %y }"),
      kHead +
          std::string("%p = Unsqueeze(%a, const i64[1] {2}) %q = Unsqueeze(%b, const i64[1] {2}) %y = Concat(%p, %q) "
                      "{axis=2} return %y }"));
  for (const char* wrong : {"{axis=0}", "{axis=1, new_axis=1}"})  // fails when it runs
    expect_no_rewrite(resolve_concat_from_sequence, kHead +
                                                        std::string("%s = SequenceConstruct(%a, %c) %y = "
                                                                    "ConcatFromSequence(%s) ") +
                                                        wrong + " return %y }");
}

TEST(Sequences, PartsOfATensor) {
  const std::string head = "graph (%x: f32[2,7,n], %i: i64[]) { ";
  const std::string second = "%y = SequenceAt(%s, const i64[] {1}) return %y }";
  const auto rewritten = [&](const char* split, const char* sizes, const char* outputs, const char* rest) {
    expect_rewrite(resolve_split_to_sequence, head + "%s = SplitToSequence(" + split + "} " + second,
                   head + outputs + " = Split(%x, const i64[" + sizes + "}) {axis=1} " + rest + second);
  };
  rewritten("%x, const i64[2] {3, 4}) {axis=1", "2] {3, 4", "%p, %q", "%s = SequenceConstruct(%p, %q) ");
  rewritten("%x, const i64[] {3}) {axis=-2", "3] {3, 3, 1", "%p, %q, %r", "%s = SequenceConstruct(%p, %q, %r) ");
  expect_rewrite(resolve_split_to_sequence, head + "%s = SplitToSequence(%x) {axis=0, keepdims=0} " + second,
                 head +
                     "%p, %q = Split(%x, const i64[2] {1, 1}) {axis=0} %k = Squeeze(%p, const i64[1] {0}) "
                     "%l = Squeeze(%q, const i64[1] {0}) %s = SequenceConstruct(%k, %l) " +
                     second);
  expect_no_rewrite(resolve_split_to_sequence, head + "%s = SplitToSequence(%x) {axis=2} " + second);
  expect_no_rewrite(resolve_split_to_sequence,
                    head + "%s = SplitToSequence(%x) {axis=1} %y = SequenceAt(%s, %i) return %y }");
  expect_no_rewrite(resolve_split_to_sequence,
                    head + "%s = SplitToSequence(%x, const i64[2] {3, 3}) {axis=1} " + second);
}

TEST(Sequences, Optionals) {
  const std::string head = "graph (%a: f32[2]) { ";
  expect_rewrite(resolve_optional, head + "%p = Optional(%a) %e = OptionalGetElement(%p) %y = Neg(%e) return %y }",
                 head + "%y = Neg(%a) return %y }");
  expect_rewrite(resolve_optional, head + "%e = OptionalGetElement(%a) %y = Neg(%e) return %y }",
                 head + "%y = Neg(%a) return %y }");
  const std::pair<const char*, const char*> cases[] = {
      {"%p = Optional(%a) %h = OptionalHasElement(%p)", "1"},
      {"%p = Optional() {type=\"f32[2]\"} %h = OptionalHasElement(%p)", "0"},
      {"%h = OptionalHasElement(%a)", "1"},
      {"%h = OptionalHasElement()", "0"}};
  for (const auto& [made, has] : cases)
    expect_rewrite(resolve_optional, head + made + " %y = Not(%h) return %y }",
                   head + "%y = Not(const bool[] {" + has + "}) return %y }");
  expect_no_rewrite(resolve_optional, "graph (%o: optional(f32[2])) { %y = OptionalHasElement(%o) return %y }");
  expect_no_rewrite(resolve_optional, "graph (%o: optional(f32[2])) { %y = OptionalGetElement(%o) return %y }");
}

// As exporters write a split of a tensor into parts: nothing is left but it.
TEST(Sequences, VanishFromTheGraph) {
  const auto graph = graph_of(
      "graph (%x: f32[2,9,4]) { %s = SplitToSequence(%x, const i64[] {3}) {axis=1} %a = SequenceAt(%s, const i64[] "
      "{0}) "
      "%b = SequenceAt(%s, const i64[] {1}) %c = SequenceAt(%s, const i64[] {2}) %d = Mul(%a, %b) %t = "
      "SequenceConstruct(%d, %c) %y = ConcatFromSequence(%t) {axis=1} return %y }");
  const auto before = graph->clone();
  const Result<PassReport> report = optimize(*graph);
  ASSERT_TRUE(report.ok()) << report.status().message();
  for (const ir::Node* node : graph->node_list()) EXPECT_EQ(node->op.find("Sequence"), std::string::npos) << node->op;
  expect_same_results(*before, *graph, random_inputs(*before, 1));
}

}  // namespace
}  // namespace vivace::passes
