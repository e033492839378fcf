// Sequences and optionals: small graphs as text, their types and what they give.
#include <gtest/gtest.h>

#include "ir/text.h"
#include "op_test.h"
#include "ops/operator.h"

namespace vivace::ops {
namespace {

// "[f32[2]{1, 2}, i64[]{3}]" for lists, "f32[2]{1, 2}" for tensors.
std::string shown(const Tensor& t) {
  std::string text;
  const auto add = [&](const std::string& item) { text += (text.empty() ? "" : ", ") + item; };
  if (t.type() == DType::list) {
    for (const Tensor& element : t.span<Tensor>()) add(shown(element));
    return "[" + text + "]";
  }
  for (int64_t i = 0; i < t.count(); ++i)
    add(t.type() == DType::string    ? t.as<std::string>()[i]
        : t.type() == DType::boolean ? std::to_string(t.as<bool>()[i])
        : is_float(t.type())         ? std::to_string(static_cast<int>(to_double(t)[static_cast<size_t>(i)]))
                                     : std::to_string(to_int64(t)[static_cast<size_t>(i)]));
  return std::string(to_string(t.type())) + "[" + ir::to_string(ir::to_dims(t.shape())) + "]{" + text + "}";
}

struct Ran {
  std::string type, value;  // of the first output; the message where it failed
};

Ran run(const std::string& text, const std::vector<Tensor>& inputs = {}) {
  Result<std::unique_ptr<ir::Graph>> graph = ir::parse(text);
  if (!graph.ok()) return {graph.status().message(), {}};
  if (const Status status = infer_graph(**graph); !status.ok()) return {status.message(), {}};
  Ran ran{(*graph)->outputs()[0]->type.to_string(), {}};
  const Result<std::vector<Tensor>> made = run_graph_reference(**graph, inputs);
  ran.value = made.ok() ? shown(made->at(0)) : made.status().message();
  return ran;
}

// The body of a graph without inputs over %s, the sequence of [1, 2], [3] and [4, 5].
Ran on_sequence(const std::string& body) {
  return run("graph () {\n %s = SequenceConstruct(const f32[2] {1, 2}, const f32[1] {3}, const f32[2] {4, 5})\n" +
             body + "\n}");
}

void expect(const Ran& ran, const std::string& type, const std::string& value) {
  EXPECT_EQ(ran.type, type);
  EXPECT_EQ(ran.value, value);
}
void expect_error(const Ran& ran, const std::string& part) {
  EXPECT_NE((ran.type + " " + ran.value).find(part), std::string::npos) << ran.type << " " << ran.value;
}

TEST(Sequence, ElementsComeAndGo) {
  expect(on_sequence("return %s"), "seq(f32[?])", "[f32[2]{1, 2}, f32[1]{3}, f32[2]{4, 5}]");
  expect(on_sequence("%y = SequenceAt(%s, const i64[] {-1})\n return %y"), "f32[?]", "f32[2]{4, 5}");
  expect(on_sequence("%y = SequenceLength(%s)\n return %y"), "i64[]", "i64[]{3}");
  expect(on_sequence("%y = SequenceErase(%s)\n return %y"), "seq(f32[?])", "[f32[2]{1, 2}, f32[1]{3}]");
  expect(on_sequence("%y = SequenceErase(%s, const i32[] {-3})\n return %y"), "seq(f32[?])",
         "[f32[1]{3}, f32[2]{4, 5}]");
  expect(on_sequence("%y = SequenceInsert(%s, const f32[1,1] {7})\n return %y"), "seq(f32[*])",
         "[f32[2]{1, 2}, f32[1]{3}, f32[2]{4, 5}, f32[1,1]{7}]");
  expect(on_sequence("%y = SequenceInsert(%s, const f32[1] {7}, const i64[] {0})\n return %y"), "seq(f32[?])",
         "[f32[1]{7}, f32[2]{1, 2}, f32[1]{3}, f32[2]{4, 5}]");
  expect(on_sequence("%y = Identity(%s)\n return %y"), "seq(f32[?])", "[f32[2]{1, 2}, f32[1]{3}, f32[2]{4, 5}]");
  expect(run("graph () { %y = SequenceEmpty() {dtype=7}\n return %y }"), "seq(i64[*])", "[]");
}

TEST(Sequence, RefusesWhatIsNotThere) {
  expect_error(on_sequence("%y = SequenceAt(%s, const i64[] {3})\n return %y"), "position 3 is outside");
  expect_error(on_sequence("%y = SequenceAt(%s, const i64[] {-4})\n return %y"), "position -4 is outside");
  expect_error(on_sequence("%y = SequenceAt(%s, const i64[2] {0, 1})\n return %y"), "must be one element");
  expect_error(on_sequence("%y = SequenceAt(%s, const f32[] {0})\n return %y"), "f32");
  expect_error(on_sequence("%y = SequenceInsert(%s, const f32[1] {1}, const i64[] {4})\n return %y"), "position 4");
  expect_error(on_sequence("%y = SequenceInsert(%s, const i64[1] {1})\n return %y"), "cannot hold both");
  expect_error(on_sequence("%y = SequenceInsert(%s, %s)\n return %y"), "not a tensor");
  expect_error(on_sequence("%y = Relu(%s)\n return %y"), "seq(f32[?])");
  expect_error(on_sequence("%y = Add(const f32[1] {1}, %s)\n return %y"), "not a tensor");
  expect_error(run("graph () { %e = SequenceEmpty()\n %y = SequenceErase(%e)\n return %y }"), "no element to erase");
  expect_error(run("graph (%x: f32[2]) { %y = SequenceLength(%x)\n return %y }"), "it takes a sequence");
  expect_error(run("graph () { %y = SequenceEmpty() {dtype=99}\n return %y }"), "'dtype'");
}

TEST(Sequence, SplitsAndConcatenates) {
  const std::string x = "graph () { %y = SplitToSequence(const f32[2,3] {1, 2, 3, 4, 5, 6}";
  expect(run(x + ") {axis=1}\n return %y }"), "seq(f32[2,1])", "[f32[2,1]{1, 4}, f32[2,1]{2, 5}, f32[2,1]{3, 6}]");
  expect(run(x + ") {axis=-1, keepdims=0}\n return %y }"), "seq(f32[2])", "[f32[2]{1, 4}, f32[2]{2, 5}, f32[2]{3, 6}]");
  expect(run(x + ", const i64[] {2}) {axis=1, keepdims=0}\n return %y }"), "seq(f32[2,?])",
         "[f32[2,2]{1, 2, 4, 5}, f32[2,1]{3, 6}]");
  expect(run(x + ", const i64[] {1}) {axis=0}\n return %y }"), "seq(f32[1,3])",
         "[f32[1,3]{1, 2, 3}, f32[1,3]{4, 5, 6}]");
  expect(run(x + ", const i32[3] {0, 2, 1}) {axis=1}\n return %y }"), "seq(f32[2,?])",
         "[f32[2,0]{}, f32[2,2]{1, 2, 4, 5}, f32[2,1]{3, 6}]");
  expect_error(run(x + ", const i64[2] {2, 2}) {axis=1}\n return %y }"), "do not add up");
  expect_error(run(x + ", const i64[2] {4, -1}) {axis=1}\n return %y }"), "do not add up");
  expect_error(run(x + ", const i64[] {0}) {axis=1}\n return %y }"), "parts of 0");
  expect_error(run(x + ") {axis=2}\n return %y }"), "axis");
  expect_error(run("graph () { %y = SplitToSequence(const f32[0,1099511627776] {}) {axis=1}\n return %y }"), "parts");
  expect(on_sequence("%y = ConcatFromSequence(%s) {axis=0}\n return %y"), "f32[?]", "f32[5]{1, 2, 3, 4, 5}");
  expect_error(on_sequence("%y = ConcatFromSequence(%s) {axis=0, new_axis=1}\n return %y"), "cannot be concatenated");
  const std::string words =
      "graph () { %s = SequenceConstruct(const string[2] {\"a\", \"b\"}, const string[2] {\"c\", \"d\"})\n";
  expect(run(words + "%y = ConcatFromSequence(%s) {axis=-1, new_axis=1}\n return %y }"), "string[2,?]",
         "string[2,2]{a, c, b, d}");
  expect_error(run("graph () { %e = SequenceEmpty()\n %y = ConcatFromSequence(%e) {axis=0}\n return %y }"),
               "without elements");
}

TEST(Sequence, SharesElements) {
  const auto graph = ir::parse("graph (%s: seq(f32[*]), %x: f32[1]) { %y = SequenceInsert(%s, %x)\n return %y }");
  ASSERT_TRUE(graph.ok() && infer_graph(**graph).ok());
  const Tensor element = Tensor::of<float>({1, 2});
  const auto made = run_graph_reference(**graph, {Tensor::list({element}), Tensor::of<float>({3})});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->at(0).span<Tensor>()[0].data(), element.data());
}

TEST(SequenceMap, RunsItsBodyForEachElement) {
  const std::string body =
      "{body=graph (%a: f32[*], %b: f32[1], %c: f32[1]) { %d = Add(%a, %b)\n %e = Mul(%d, %c)\n "
      "%f = Shape(%a)\n return %e, %f }, captures=1}";
  expect(on_sequence("%y, %n = SequenceMap(%s, const f32[1] {1}, const f32[1] {10}) " + body + "\n return %y"),
         "seq(f32[?])", "[f32[2]{20, 30}, f32[1]{40}, f32[2]{50, 60}]");
  expect(on_sequence("%y, %n = SequenceMap(%s, const f32[1] {1}, const f32[1] {10}) " + body + "\n return %n"),
         "seq(i64[1])", "[i64[1]{2}, i64[1]{1}, i64[1]{2}]");
  expect_error(on_sequence("%t = SequenceErase(%s)\n %y = SequenceMap(%s, %t) {body=graph (%a: f32[*], %b: f32[*]) { "
                           "%c = Add(%a, %b)\n return %c }}\n return %y"),
               "3 and 2 elements");
}

TEST(Optional, HasAnElementOrNone) {
  const std::string none = "graph () { %o = Optional() {type=\"seq(f32[2])\"}\n";
  expect(run(none + "return %o }"), "optional(seq(f32[2]))", "[]");
  expect(run(none + "%y = OptionalHasElement(%o)\n return %y }"), "bool[]", "bool[]{0}");
  expect_error(run(none + "%y = OptionalGetElement(%o)\n return %y }"), "has no element");
  expect(on_sequence("%o = Optional(%s)\n return %o"), "optional(seq(f32[?]))",
         "[[f32[2]{1, 2}, f32[1]{3}, f32[2]{4, 5}]]");
  expect(on_sequence("%o = Optional(%s)\n %y = OptionalGetElement(%o)\n return %y"), "seq(f32[?])",
         "[f32[2]{1, 2}, f32[1]{3}, f32[2]{4, 5}]");
  expect(on_sequence("%o = Optional(%s)\n %p = Identity(%o)\n %y = OptionalHasElement(%p)\n return %y"), "bool[]",
         "bool[]{1}");
  // From opset 18 on, what is no optional has its element.
  expect(on_sequence("%y = OptionalHasElement(%s)\n return %y"), "bool[]", "bool[]{1}");
  expect(on_sequence("%y = OptionalGetElement(%s)\n return %y"), "seq(f32[?])",
         "[f32[2]{1, 2}, f32[1]{3}, f32[2]{4, 5}]");
  expect(run("graph () { %y = OptionalGetElement(const f32[1] {1})\n return %y }"), "f32[1]", "f32[1]{1}");
  expect(run("graph () { %y = OptionalHasElement()\n return %y }"), "bool[]", "bool[]{0}");
  expect_error(run("graph () { %y = Optional()\n return %y }"), "needs a type");
  expect_error(run(none + "%y = Optional(%o)\n return %y }"), "cannot hold an optional");
}

// Appends 0, 1, .. to what it is given, which may be an optional without an element.
std::string appending(const std::string& type, const std::string& start) {
  return "graph (%n: i64[], %s: " + type + ") { %y = Loop(%n, _, %s) {body=graph (%i: i64[], %c: bool[], %t: " + type +
         ") {\n" + start + " %u = SequenceInsert(%v, %i)\n return %c, %u }}\n return %y }";
}

TEST(Loop, CarriesSequences) {
  const std::string text = appending("seq(i64[])", "%v = Identity(%t)\n");
  expect(run(text, {Tensor::scalar<int64_t>(3), Tensor::list({})}), "seq(i64[])", "[i64[]{0}, i64[]{1}, i64[]{2}]");
  expect(run(text, {Tensor::scalar<int64_t>(0), Tensor::list({Tensor::scalar<int64_t>(9)})}), "seq(i64[])",
         "[i64[]{9}]");
}

TEST(Loop, MayTakeAnOptionalAndGiveWhatIsInIt) {
  const std::string start =
      "%h = OptionalHasElement(%t)\n %v = If(%h, %t) {captures=1, then_branch=graph (%o: optional(seq(i64[]))) { "
      "%a = OptionalGetElement(%o)\n return %a }, else_branch=graph (%o: optional(seq(i64[]))) { "
      "%b = SequenceEmpty() {dtype=7}\n return %b }}\n";
  const std::string text = appending("optional(seq(i64[]))", start);
  expect(run(text, {Tensor::scalar<int64_t>(2), Tensor::list({})}), "seq(i64[*])", "[i64[]{0}, i64[]{1}]");
  const Tensor one = Tensor::list({Tensor::list({Tensor::scalar<int64_t>(9)})});
  expect(run(text, {Tensor::scalar<int64_t>(1), one}), "seq(i64[*])", "[i64[]{9}, i64[]{0}]");
  expect(run(text, {Tensor::scalar<int64_t>(0), one}), "seq(i64[*])", "[i64[]{9}]");
  expect_error(run(text, {Tensor::scalar<int64_t>(0), Tensor::list({})}), "which is empty");
}

TEST(If, BranchesMustGiveOneKind) {
  const std::string text =
      "graph (%c: bool[]) { %y = If(%c) {then_branch=graph () { %a = SequenceConstruct(const f32[2] {1, 2})\n return "
      "%a }"
      ", else_branch=graph () { %b = SequenceEmpty()\n return %b }}\n return %y }";
  expect(run(text, {Tensor::scalar(true)}), "seq(f32[*])", "[f32[2]{1, 2}]");
  expect(run(text, {Tensor::scalar(false)}), "seq(f32[*])", "[]");
  expect_error(run("graph (%c: bool[]) { %y = If(%c) {then_branch=graph () { %a = Identity(const f32[1] {1})\n return "
                   "%a }, else_branch="
                   "graph () { %b = SequenceEmpty()\n return %b }}\n return %y }",
                   {Tensor::scalar(true)}),
               "the types must agree");
}

}  // namespace
}  // namespace vivace::ops
