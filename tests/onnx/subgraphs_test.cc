// Subgraphs become closed: what they take from outside is an input of theirs.
#include <gtest/gtest.h>

#include "model_writer.h"
#include "ops/operator.h"

namespace vivace::onnx::test {
namespace {

Message out(const std::string& name) { return Message().text(1, name); }
Message f32(const std::string& name, const std::vector<std::string>& dims) { return value(name, DType::f32, dims); }
Message if_node(const std::string& condition, const Message& then_branch, const Message& else_branch, const std::string& output) {
  return node("If", {condition}, {output}, {graph_attribute("then_branch", then_branch), graph_attribute("else_branch", else_branch)}, "choose_" + output);
}
const Message condition = value("c", DType::boolean, {});

std::vector<float> run(const ir::Graph& g, const std::vector<Tensor>& inputs, size_t output = 0) {
  const auto results = ops::run_graph_reference(g, inputs);
  EXPECT_TRUE(results.ok()) << results.status().message();
  if (!results.ok()) return {};
  const Tensor& t = (*results)[output];
  return {t.as<float>(), t.as<float>() + t.count()};
}
Tensor floats(const std::vector<float>& v, Shape shape) { return Tensor::of<float>(std::span(v), std::move(shape)); }
std::vector<std::string> names_of(const std::vector<ir::Value*>& values) {
  std::vector<std::string> names;
  for (const ir::Value* v : values) names.push_back(v->name);
  return names;
}
using Names = std::vector<std::string>;

TEST(Subgraphs, BothBranchesTakeAllCaptures) {
  // The branches' own names may be those of values outside that only the other branch takes.
  const Message adds = graph({node("Add", {"a", "w"}, {"b"})}, {}, {out("b")});
  const Message negates = graph({node("Neg", {"b"}, {"n"})}, {}, {out("n")});
  const auto g = import(model(graph({node("Relu", {"x"}, {"a"}), node("Abs", {"x"}, {"b"}), if_node("c", adds, negates, "y")},
                                    {condition, f32("x", {"2"})}, {f32("y", {"2"})}, {tensor<float>("w", {2}, {10, 20})})));
  ASSERT_TRUE(g.ok()) << g.status().message();
  ASSERT_TRUE(ir::verify(**g).ok());
  const ir::Node* choose = (*g)->outputs()[0]->producer();
  EXPECT_EQ(names_of(choose->inputs()), (Names{"c", "a", "b"}));
  EXPECT_EQ(choose->attributes.integer("captures"), 2);
  EXPECT_EQ(names_of(choose->subgraph("then_branch")->inputs()), (Names{"a", "b"}));
  EXPECT_EQ(names_of(choose->subgraph("else_branch")->inputs()), (Names{"a", "b"}));
  EXPECT_EQ((*g)->outputs()[0]->type.to_string(), "f32[2]");
  const Tensor x = floats({-1, 2}, {2});
  EXPECT_EQ(run(**g, {Tensor::scalar(true), x}), (std::vector<float>{10, 22}));
  EXPECT_EQ(run(**g, {Tensor::scalar(false), x}), (std::vector<float>{-1, -2}));
}

TEST(Types, SequencesOptionalsAndMapsAreRead) {
  const Message number = tensor_type(DType::f32, {"n", "2"});
  const auto sequence_of = [](const Message& element) { return Message().add(4, Message().add(1, element)); };
  const auto optional_of = [](const Message& element) { return Message().add(9, Message().add(1, element)); };
  const Message map = Message().add(5, Message().number(1, static_cast<int64_t>(DType::i64)).add(2, number));
  const auto named = [](const std::string& name, const Message& type) { return Message().text(1, name).add(2, type); };
  const std::vector<Message> inputs{named("a", sequence_of(number)), named("b", optional_of(sequence_of(number))),
                                    named("c", map), named("d", sequence_of(Message()))};
  // The types of the body's inputs are not said, nor is the shape of the sequence it makes.
  const Message body = graph({node("Add", {"e", "w"}, {"f"})}, {out("e")}, {out("f")});
  const Message mapped = node("SequenceMap", {"a"}, {"y"}, {graph_attribute("body", body)});
  const Message none = node("Optional", {}, {"z"},
                            {Message().text(1, "type").number(20, 13).add(14, sequence_of(number))});
  const auto g = import(model(graph({mapped, none, node("OptionalGetElement", {"b"}, {"u"})}, inputs,
                                    {named("y", sequence_of(tensor_type(DType::f32, {}))), out("z"), out("u"), out("c")},
                                    {tensor<float>("w", {2}, {1, 2})})));
  ASSERT_TRUE(g.ok()) << g.status().message();
  std::string types;
  for (const ir::Value* v : (*g)->inputs()) types += v->type.to_string() + " ";
  EXPECT_EQ(types, "seq(f32[n,2]) optional(seq(f32[n,2])) map(i64, f32[n,2]) seq(?) ");
  types.clear();
  for (const ir::Value* v : (*g)->outputs()) types += v->type.to_string() + " ";
  EXPECT_EQ(types, "seq(f32[n,2]) optional(seq(f32[n,2])) seq(f32[n,2]) map(i64, f32[n,2]) ");
  Message deep = number;
  for (int i = 0; i < 40; ++i) deep = sequence_of(deep);
  const auto refused = import(model(graph({}, {named("a", deep)}, {out("a")})));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("deep"), std::string::npos);
}

TEST(Subgraphs, NestedCapturesPropagate) {
  const Message inner = graph({node("Add", {"x", "a"}, {"i"})}, {}, {out("i")});
  const Message outer = graph({node("Neg", {"x"}, {"a"}), if_node("c", inner, graph({}, {}, {out("x")}), "o")}, {}, {out("o")});
  const auto g = import(model(graph({if_node("c", outer, graph({}, {}, {out("z")}), "y")},
                                    {condition, f32("x", {"2"}), f32("z", {"2"})}, {f32("y", {"2"})})));
  ASSERT_TRUE(g.ok()) << g.status().message();
  ASSERT_TRUE(ir::verify(**g).ok());
  const ir::Node* choose = (*g)->outputs()[0]->producer();
  EXPECT_EQ(names_of(choose->inputs()), (Names{"c", "x", "c", "z"}));
  EXPECT_EQ(choose->attributes.integer("captures"), 3);
  EXPECT_EQ(run(**g, {Tensor::scalar(true), floats({1, 2}, {2}), floats({3, 4}, {2})}), (std::vector<float>{0, 0}));
  EXPECT_EQ(run(**g, {Tensor::scalar(false), floats({1, 2}, {2}), floats({3, 4}, {2})}), (std::vector<float>{3, 4}));
}

TEST(Subgraphs, NodesWaitForCaptures) {
  const auto g = import(model(graph({if_node("c", graph({}, {}, {out("late")}), graph({}, {}, {out("x")}), "y"), node("Neg", {"x"}, {"late"})},
                                    {condition, f32("x", {"2"})}, {f32("y", {"2"})})));
  ASSERT_TRUE(g.ok()) << g.status().message();
  EXPECT_TRUE(ir::verify(**g).ok());
}

TEST(Subgraphs, LoopInputsNeedNoTypes) {
  const Message body = graph({node("Add", {"v", "x"}, {"u"}), node("Identity", {"go"}, {"g"}), node("Cast", {"k"}, {"s"}, {attribute("to", 1)})},
                             {out("k"), out("go"), out("v")}, {out("g"), out("u"), out("s")});
  const auto g = import(model(graph({node("Loop", {"n", "", "x"}, {"y", "z"}, {graph_attribute("body", body)})}, {f32("x", {"2"})},
                                    {out("y"), out("z")}, {tensor<int64_t>("n", {}, {3})})));
  ASSERT_TRUE(g.ok()) << g.status().message();
  EXPECT_EQ((*g)->outputs()[0]->producer()->subgraph("body")->inputs()[2]->type.to_string(), "f32[*]");
  EXPECT_EQ((*g)->outputs()[1]->type.to_string(), "f32[3]");
  EXPECT_EQ(run(**g, {floats({1, 2}, {2})}), (std::vector<float>{4, 8}));
  EXPECT_EQ(run(**g, {floats({1, 2}, {2})}, 1), (std::vector<float>{0, 1, 2}));
}

TEST(Subgraphs, FirstScanRunsOverABatch) {
  const Message body = graph({node("Add", {"s", "e"}, {"t"}), node("Mul", {"t", "w"}, {"o"})}, {f32("s", {"1"}), f32("e", {"1"})}, {out("t"), out("o")});
  const auto g = import(model(graph({node("Neg", {"v"}, {"w"}), node("Scan", {"", "s0", "x"}, {"y", "z"}, {graph_attribute("body", body), attribute("num_scan_inputs", 1)})},
                                    {f32("s0", {"2", "1"}), f32("x", {"2", "3", "1"}), f32("v", {"1"})}, {out("y"), out("z")}), 8));
  ASSERT_TRUE(g.ok()) << g.status().message();
  ASSERT_TRUE(ir::verify(**g).ok());
  EXPECT_EQ((*g)->outputs()[0]->type.to_string(), "f32[2,1]");
  EXPECT_EQ((*g)->outputs()[1]->type.to_string(), "f32[2,3,1]");
  const std::vector<Tensor> inputs{floats({0, 100}, {2, 1}), floats({1, 2, 3, 4, 5, 6}, {2, 3, 1}), floats({1}, {1})};
  EXPECT_EQ(run(**g, inputs), (std::vector<float>{6, 115}));
  EXPECT_EQ(run(**g, inputs, 1), (std::vector<float>{-1, -3, -6, -104, -109, -115}));
}

TEST(Subgraphs, Broken) {
  const auto error = [](const Message& branch) {
    const auto g = import(model(graph({if_node("c", branch, graph({}, {}, {out("x")}), "y")}, {condition, f32("x", {"2"})}, {f32("y", {"2"})})));
    return g.ok() ? "no error" : g.status().message();
  };
  EXPECT_EQ(error(graph({node("Neg", {"lost"}, {"n"})}, {}, {out("n")})),
            "node 'choose_y' (If, opset 21): its subgraph uses 'lost', which nothing makes");
  EXPECT_EQ(error(graph({node("Neg", {"x"}, {"n"}), node("Neg", {"x"}, {"n"})}, {}, {out("n")})),
            "node 'choose_y' (If, opset 21): subgraph 'then_branch': value 'n' is made twice");
  EXPECT_EQ(error(graph({node("Concat", {"x", "c"}, {"n"}, {attribute("axis", 0)}, "join")}, {}, {out("n")})).substr(0, 88),
            "node 'choose_y' (If, opset 21): subgraph 'then_branch': node 'join' (Concat, opset 21): ");
  Message deep = graph({node("Neg", {"x"}, {"n"})}, {}, {out("n")});
  for (int i = 0; i < 200; ++i) deep = graph({if_node("c", deep, graph({}, {}, {out("x")}), "n")}, {}, {out("n")});
  EXPECT_NE(error(deep).find("nested more than"), std::string::npos);
}

}  // namespace
}  // namespace vivace::onnx::test
