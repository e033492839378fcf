// The text form: what is printed parses back to the same graph; what is wrong is refused with its place.
#include "ir/text.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ir/dot.h"

namespace vivace::ir {
namespace {

std::unique_ptr<Graph> parsed(std::string_view text) {
  Result<std::unique_ptr<Graph>> graph = parse(text);
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  return graph.ok() ? *std::move(graph) : std::make_unique<Graph>();
}

constexpr const char* kExample = R"(graph "example" (%x: f32[batch,3,8,8], %n: i64[]) {
  %w = const f32[4,3,3,3] splat(0.25)
  %y: f32[batch,4,6,6] = Conv(%x, %w, const f32[4] {1, -2.5, 3e-05, 4}) {group=1, pads=[0, 0, 0, 0]} "conv1"
  %"a b": f32[*], _ = my.domain.Op(%y, _, const bool[2] {1, 0}) {e=ints[], f=floats[], g=[0.5, 1.0], h=inf, mode="x\"y", s=["p", "q"], t=const i8[1] {-3}, u=texts[]}
  %z~6: seq(f32[?,(batch+1)]) = Loop(%"a b", %n) {body=graph "inner" (%i: f32[2]/16) {
      %z: f32[2] = Relu(%i)
      return %z
    }}
  %z~7: f16[] = Cast(%z~6)
  return %y as "result", %z~7, %n
}
)";

TEST(Text, PrintsWhatItParses) {
  const std::unique_ptr<Graph> graph = parsed(kExample);
  ASSERT_TRUE(verify(*graph).ok());
  const std::string once = print(*graph);
  EXPECT_EQ(print(*parsed(once)), once);
  // Numbers after ~ are ids of values and may differ from those in the text that was read.
  PrintOptions unnamed;
  unnamed.names = false;
  EXPECT_EQ(print(*graph, unnamed), print(*parsed(once), unnamed));
}

TEST(Text, KeepsEverything) {
  const std::unique_ptr<Graph> graph = parsed(kExample);
  const std::vector<Node*> nodes = graph->node_list();
  ASSERT_EQ(nodes.size(), 4u);
  EXPECT_EQ(graph->inputs()[0]->type.to_string(), "f32[batch,3,8,8]");
  EXPECT_EQ(graph->output_name(0), "result");
  EXPECT_EQ(graph->outputs()[2], graph->inputs()[1]);
  EXPECT_EQ(nodes[0]->name, "conv1");
  EXPECT_EQ(nodes[0]->input(2)->constant().span<float>()[2], 3e-5f);
  EXPECT_EQ(nodes[0]->input(1)->name, "w");
  const Attributes& a = nodes[1]->attributes;
  EXPECT_EQ(nodes[1]->input(1), nullptr);
  EXPECT_TRUE(a.get<std::vector<int64_t>>("e") && a.integers("e", {1}).empty());
  EXPECT_EQ(a.reals("g"), (std::vector<float>{0.5f, 1.0f}));
  EXPECT_EQ(a.text("mode"), "x\"y");
  EXPECT_EQ(a.texts("s"), (std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(a.get<Tensor>("t")->span<int8_t>()[0], -3);
  EXPECT_TRUE(std::isinf(a.real("h")));
  EXPECT_EQ(nodes[2]->output()->type.to_string(), "seq(f32[?,(batch+1)])");
  EXPECT_EQ(nodes[2]->subgraph("body")->inputs()[0]->type.channel_block, 16);
  EXPECT_EQ(nodes[2]->output()->name, "z");
  EXPECT_EQ(nodes[3]->output()->name, "z");
}

TEST(Text, TypesOfListsNest) {
  const std::string types[] = {"seq(f32[*])",       "optional(seq(i64[n,?]))",
                               "map(i64, f32[*])",  "seq(map(string, f32[]))",
                               "map(undefined, ?)", "optional(?)"};
  for (const std::string& type : types) {
    const std::unique_ptr<Graph> graph = parsed("graph (%x: " + type + ") { return %x }");
    ASSERT_EQ(graph->inputs().size(), 1u);
    EXPECT_EQ(graph->inputs()[0]->type.to_string(), type);
    EXPECT_EQ(graph->inputs()[0]->type.dtype, DType::list);
  }
  EXPECT_FALSE(parse("graph (%x: map(f31, f32[])) { return %x }").ok());
  EXPECT_FALSE(parse("graph (%x: list[3]) { return %x }").ok());
  std::string deep = "f32[]";
  for (int i = 0; i < 40; ++i) deep = "seq(" + deep + ")";
  EXPECT_FALSE(parse("graph (%x: " + deep + ") { return %x }").ok());
}

TEST(Types, MergeInsideOfLists) {
  const auto type = [](const std::string& text) {
    return parsed("graph (%x: " + text + ") { return %x }")->inputs()[0]->type;
  };
  const auto common = [&](const std::string& a, const std::string& b) {
    const std::optional<Type> merged = common_type(type(a), type(b));
    return merged ? merged->to_string() : "none";
  };
  EXPECT_EQ(common("seq(f32[2,3])", "seq(f32[2,4])"), "seq(f32[2,?])");
  EXPECT_EQ(common("seq(f32[2,3])", "seq(f32[3])"), "seq(f32[*])");
  EXPECT_EQ(common("seq(?)", "seq(f32[3])"), "seq(f32[*])");
  EXPECT_EQ(common("seq(f32[3])", "seq(i64[3])"), "none");
  EXPECT_EQ(common("seq(f32[3])", "optional(f32[3])"), "none");
  EXPECT_EQ(common("seq(f32[3])", "f32[3]"), "none");
  EXPECT_EQ(common("map(i64, f32[3])", "map(string, f32[3])"), "none");
  const auto narrowed = [&](const std::string& a, const std::string& b) {
    const std::optional<Type> merged = narrowed_type(type(a), type(b));
    return merged ? merged->to_string() : "none";
  };
  EXPECT_EQ(narrowed("seq(f32[?,3])", "seq(f32[2,?])"), "seq(f32[2,3])");
  EXPECT_EQ(narrowed("optional(?)", "optional(seq(f32[2]))"), "optional(seq(f32[2]))");
  EXPECT_EQ(narrowed("seq(f32[3])", "seq(f32[4])"), "none");
  EXPECT_TRUE(same_type(type("seq(f32[?,n])"), type("seq(f32[?,n])")));
  EXPECT_FALSE(same_type(type("seq(f32[?,n])"), type("seq(f32[?,m])")));
}

TEST(Text, WritesElementsSplatOrHash) {
  Graph graph;
  std::vector<float> mixed(64, 1.5f);
  graph.mark_output(graph.add_constant(Tensor::of(mixed), "same"));
  mixed[63] = 2;
  graph.mark_output(graph.add_constant(Tensor::of(mixed), "mixed"));
  graph.mark_output(graph.add_constant(Tensor::scalar(Float16(0.1f)), "half"));
  const std::string text = print(graph);
  EXPECT_NE(text.find("%same = const f32[64] splat(1.5)"), std::string::npos) << text;
  EXPECT_NE(text.find("%mixed = const f32[64] hash("), std::string::npos) << text;
  EXPECT_NE(text.find("%half = const f16[] {0.099975586}"), std::string::npos) << text;
  EXPECT_EQ(parse(text).status().code(), Code::invalid_argument);
  EXPECT_EQ(print(*parsed(print(graph, {.max_elements = 64}))), text);
}

TEST(Text, RandomConstantsAreReproducible) {
  const auto a = parsed("graph () { %w = const f32[1000] random(3) return %w }");
  const auto b = parsed("graph () { %w = const f32[1000] random(3) return %w }");
  const auto c = parsed("graph () { %w = const f32[1000] random(4) return %w }");
  EXPECT_EQ(print(*a), print(*b));
  EXPECT_NE(print(*a), print(*c));
  double sum = 0;
  for (const float x : a->outputs()[0]->constant().span<float>()) {
    EXPECT_LT(std::abs(x), 1.0001f);
    sum += x;
  }
  EXPECT_LT(std::abs(sum / 1000), 0.1);
}

TEST(Text, SaysWhereATextIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "'graph' is expected"},
      {"graph () {\n  %y = Relu(%x)\n  return %y }", "line 2, column 15: value '%x' is not made above"},
      {"graph (%x: f32[2], %x: f32[2]) { return %x }", "made twice"},
      {"graph (%x: g32[2]) { return %x }", "'g32' is not a type"},
      {"graph (%x: f32[2]) { %c = const f32[n] {1} return %x }", "needs a shape of numbers"},
      {"graph () { %c = const f32[2] {1} return %c }", "',' is expected"},
      {"graph () { %c = const f32[1] {a} return %c }", "'a' is not a number"},
      {"graph (%x: f32[2]) { return %x } more", "after the end"},
      {"graph (%x: f32[2]) { %y = Op(%x) {a=[1, 2.0]} return %y }", "items of one kind"},
      {"graph (%x: f32[2]) { return \"x }", "'}' is expected"},
      {"graph (%x: f32[2]) {", "'return' is expected"},
      {"graph () { %c = const f32[9000000000,9000000000] splat(0) return %c }", "too large"},
  };
  for (const auto& [text, message] : cases) {
    const Status status = parse(text).status();
    EXPECT_EQ(status.code(), Code::invalid_argument) << text;
    EXPECT_NE(status.message().find(message), std::string::npos) << text << "\n" << status.message();
  }
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "graph () { %a = If() {b=";
  EXPECT_NE(parse(deep).status().message().find("nested too deeply"), std::string::npos);
}

TEST(Dot, ShowsOperatorsWeightsAndFusedParts) {
  const auto graph = parsed(R"(graph "g" (%x: f32[1,3,8,8]) {
    %y: f32[1,4,8,8] = vivace.FusedConv(%x, const f32[4,3,1,1] random(1), const f32[4] random(2), _) {activation="relu"} "conv"
    %z = If(%y) {then_branch=graph (%i: f32[2]) { return %i }}
    return %y, %z
  })");
  const std::string dot = to_dot(*graph);
  for (const char* part :
       {"digraph \"g\"", "vivace.FusedConv + bias + relu\\nconv\\nweight f32[4,3,1,1]\\nweight f32[4]\\nf32[1,4,8,8]",
        "n0 -> n1", "subgraph cluster_", "shape=ellipse"})
    EXPECT_NE(dot.find(part), std::string::npos) << part << "\n" << dot;
}

}  // namespace
}  // namespace vivace::ir
