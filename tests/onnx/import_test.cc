#include "frontends/onnx/import.h"

#include <gtest/gtest.h>

#include <set>

#include "base/log.h"
#include "frontends/onnx/metadata.h"
#include "model_writer.h"
#include "ops/operator.h"

namespace vivace::onnx::test {
namespace {

std::string error_of(const Message& m, const ImportOptions& options = {}) {
  const auto g = import(m, options);
  return g.ok() ? "no error" : g.status().message();
}

// f32[n] in, the outputs named, Identity nodes between.
Message chain(const std::vector<std::pair<std::string, std::string>>& links, const std::vector<std::string>& outputs,
              const std::vector<Message>& initializers = {}) {
  std::vector<Message> nodes, infos;
  for (const auto& [from, to] : links) nodes.push_back(node("Identity", {from}, {to}, {}, "make_" + to));
  for (const std::string& name : outputs) infos.push_back(value(name, DType::f32, {"n"}));
  return model(graph(nodes, {value("x", DType::f32, {"n"})}, infos, initializers));
}

TEST(Import, PlainModel) {
  const Message m = model(graph({node("Identity", {"x"}, {"y"}, {}, "first"), node("Identity", {"w"}, {"z"})},
                                {value("x", DType::f32, {"batch", "3"})},
                                {value("y", DType::f32, {"batch", "3"}), value("z", DType::i64, {"2"})},
                                {numbers("w", {7, 8})}));
  const auto g = import(m);
  ASSERT_TRUE(g.ok()) << g.status().message();
  ASSERT_EQ((*g)->inputs().size(), 1u);
  EXPECT_EQ((*g)->inputs()[0]->type.to_string(), "f32[batch,3]");
  ASSERT_EQ((*g)->outputs().size(), 2u);
  EXPECT_EQ((*g)->output_name(1), "z");
  EXPECT_EQ((*g)->outputs()[0]->type.to_string(), "f32[batch,3]");
  EXPECT_EQ((*g)->outputs()[1]->producer()->input(0)->constant().as<int64_t>()[1], 8);
  EXPECT_TRUE(ir::verify(**g).ok());
}

TEST(Import, NotesSayWhichNodesAreToBlame) {
  ImportNotes notes;
  const std::vector<Message> in = {value("x", DType::f32, {"3"})}, out = {value("y", DType::f32, {"3"})};
  const Message unknown = model(graph({node("Relu", {"x"}, {"a"}), node("Odd", {"a"}, {"b"}, {}, "first"),
                                       node("Odd", {"b"}, {"c"}), node("Relu", {"c"}, {"y"})}, in, out));
  EXPECT_FALSE(import(unknown, {.notes = &notes}).ok());
  EXPECT_EQ(notes.nodes, 4);
  ASSERT_EQ(notes.bad_nodes.size(), 2u);
  EXPECT_EQ(notes.bad_nodes[0].index, 1);
  EXPECT_EQ(notes.bad_nodes[0].name, "first");
  EXPECT_EQ(notes.bad_nodes[1].index, 2);
  EXPECT_EQ(notes.bad_nodes[1].name, "c");
  EXPECT_EQ(notes.bad_nodes[1].op, "Odd");
  notes = {};
  const Message wrong = model(graph({node("Relu", {"x"}, {"a"}), node("Add", {"a", "w"}, {"y"}, {}, "sum")}, in, out,
                                    {tensor<float>("w", {2}, {1, 2})}));
  EXPECT_FALSE(import(wrong, {.notes = &notes}).ok());
  ASSERT_EQ(notes.bad_nodes.size(), 1u);
  EXPECT_EQ(notes.bad_nodes[0].index, 1);
  EXPECT_EQ(notes.bad_nodes[0].why.code(), Code::invalid_model);
}

TEST(Import, InitializersMayBeGivenByTheCaller) {
  const Message m = model(graph({node("Add", {"x", "w"}, {"y"})}, {value("x", DType::f32, {"2"})},
                                {value("y", DType::f32, {"2"})}, {tensor<float>("w", {2}, {1, 2})}));
  const std::vector<float> other = {3, 4};
  ImportOptions options;
  options.initializers["w"] = std::as_bytes(std::span(other));
  const auto g = import(m, options);
  ASSERT_TRUE(g.ok()) << g.status().message();
  EXPECT_EQ((*g)->node_list()[0]->input(1)->constant().as<float>()[1], 4);
  options.initializers["w"] = std::as_bytes(std::span(other)).first(4);
  EXPECT_NE(error_of(m, options).find("initializer 'w'"), std::string::npos);
}

TEST(Import, NodesAreSorted) {
  const auto g = import(chain({{"b", "y"}, {"a", "b"}, {"x", "a"}}, {"y"}));
  ASSERT_TRUE(g.ok()) << g.status().message();
  EXPECT_TRUE(ir::verify(**g).ok());
  EXPECT_EQ((*g)->node_list()[0]->name, "make_a");
}

TEST(Import, DeepChain) {
  std::vector<std::pair<std::string, std::string>> links;
  for (int i = 20000; i > 0; --i) links.push_back({i == 1 ? "x" : "v" + std::to_string(i - 1), "v" + std::to_string(i)});
  const auto g = import(chain(links, {"v20000"}));
  ASSERT_TRUE(g.ok()) << g.status().message();
  EXPECT_EQ((*g)->nodes().size(), 20000u);
}

TEST(Import, BrokenGraphs) {
  EXPECT_EQ(error_of(chain({{"b", "a"}, {"a", "b"}}, {"b"})), "the graph has a cycle: making 'a' needs 'a' itself");
  EXPECT_EQ(error_of(chain({{"a", "a"}}, {"a"})), "the graph has a cycle: making 'a' needs 'a' itself");
  EXPECT_EQ(error_of(chain({{"lost", "y"}}, {"y"})), "node 'make_y' (Identity, opset 21): input 'lost' is made by no node");
  EXPECT_EQ(error_of(chain({{"x", "y"}}, {"z"})), "output 'z' is made by no node");
  EXPECT_EQ(error_of(chain({{"x", "y"}}, {"y", "y"})), "output 'y' is listed twice");
  EXPECT_EQ(error_of(chain({{"x", "y"}, {"x", "y"}}, {"y"})), "value 'y' is made twice");
  EXPECT_EQ(error_of(chain({{"x", "x"}}, {"x"})), "value 'x' is made twice");
  EXPECT_EQ(error_of(chain({{"x", "y"}}, {"y"}, {numbers("w", {1}), numbers("w", {1})})), "value 'w' is made twice");
  EXPECT_EQ(error_of(model(graph({node("Identity", {"x", "x"}, {"y"}, {}, "n")}, {value("x", DType::f32, {})},
                                 {value("y", DType::f32, {})}))),
            "node 'n' (Identity, opset 21): it has 2 inputs; Identity takes 1");
  EXPECT_EQ(error_of(model(graph({}, {Message().text(1, "x")}, {}))), "input 'x' has no element type");
  EXPECT_EQ(error_of(model(graph({}, {value("x", DType::f32, {"-7"})}, {}))), "input 'x': dimension -7 is negative");
  EXPECT_EQ(error_of(model(graph({}, {value("x", static_cast<DType>(77), {"7"})}, {}))),
            "input 'x': element type 77 is not one of the standard's");
  EXPECT_EQ(error_of(Message().number(1, 8).add(7, graph({node("Identity", {"x"}, {"y"})}, {value("x", DType::f32, {})}, {}))),
            "node 'y' (Identity): the model imports no version of the standard's operators; it lacks an opset_import");
  EXPECT_NE(error_of(chain({{"x", "a"}, {"a", "y"}}, {"y"}), {.max_nodes = 1}).find("more than 1 nodes"), std::string::npos);
}

TEST(Import, AllMissingOperatorsAreNamed) {
  const std::string what = error_of(model(graph({node("Identiti", {"x"}, {"a"}, {}, "first"), node("acme.Magic", {"a"}, {"b"}),
                                                 node("acme.Magic", {"b"}, {"y"})},
                                                {value("x", DType::f32, {})}, {value("y", DType::f32, {})})));
  EXPECT_TRUE(what.starts_with("Vivace does not know these operators of the model: Identiti (node 'first'; similar: Identity), "
                               "acme.Magic (node 'b'). ")) << what;
}

TEST(Import, AllProblemsAreTold) {
  const std::vector<Message> in = {value("x", DType::f32, {"3"})}, out = {value("y", DType::f32, {"3"})};
  const Message sum = node("Add", {"x", "w"}, {"a"}, {}, "sum");  // shapes that do not fit
  const std::string what = error_of(model(
      graph({sum, node("Relu", {"a"}, {"b"}, {}, "behind"), node("Odd", {"x"}, {"c"}), node("Relu", {"c"}, {"d"}),
             node("Relu", {"x", "x"}, {"e"}, {}, "twice"), node("Sum", {"b", "d", "e"}, {"y"})},
            in, out, {tensor<float>("w", {2}, {1, 2})})));
  EXPECT_TRUE(what.starts_with("3 problems:\n  Vivace does not know this operator of the model: Odd (node 'c'")) << what;
  EXPECT_NE(what.find("\n  node 'sum' (Add, opset 21): "), std::string::npos) << what;
  EXPECT_NE(what.find("\n  node 'twice' (Relu, opset 21): it has 2 inputs; Relu takes 1"), std::string::npos) << what;
  EXPECT_EQ(what.find("'behind'"), std::string::npos) << what;
  EXPECT_NE(what.find("need what these make: 3 nodes"), std::string::npos) << what;

  std::vector<Message> many;
  for (int i = 0; i < 30; ++i) many.push_back(node("Relu", {"x", "x"}, {"y" + std::to_string(i)}));
  EXPECT_NE(error_of(model(graph(many, in, {value("y0", DType::f32, {"3"})}))).find("and 10 more"), std::string::npos);
}

TEST(Import, DamagedBytes) {
  const std::string good = chain({{"x", "a"}, {"w", "b"}, {"a", "y"}}, {"y", "b"}, {tensor<float>("w", {3}, {1, 2, 3})}).bytes;
  ASSERT_TRUE(import(Message{good}).ok());
  EXPECT_EQ(import(Message{""}).status().code(), Code::corrupt_file);
  EXPECT_EQ(import(Message{"<html>not a model</html>"}).status().code(), Code::corrupt_file);
  for (size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(import(Message{good.substr(0, n)}).ok()) << n;
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string flipped = good;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    const auto g = import(Message{flipped});  // many flips only change a name or a number
    EXPECT_TRUE(!g.ok() || ir::verify(**g).ok()) << bit;
  }
}

TEST(Import, InitializersThatAreInputs) {
  const Message m = model(graph({node("Identity", {"w"}, {"y"})}, {value("x", DType::f32, {"2"}), value("w", DType::i64, {"1"})},
                                {value("y", DType::i64, {"1"})}, {numbers("w", {3})}));
  const auto fixed = import(m), open = import(m, {.overridable_initializers = true});
  ASSERT_TRUE(fixed.ok() && open.ok());
  EXPECT_EQ((*fixed)->inputs().size(), 1u);
  EXPECT_TRUE((*fixed)->outputs()[0]->producer()->input(0)->is_constant());
  EXPECT_EQ((*open)->inputs().size(), 2u);
}

TEST(Import, ConstantNodes) {
  const auto constant = [](const Message& a) {
    const auto g = import(model(graph({node("Constant", {}, {"y"}, {a})}, {}, {Message().text(1, "y")})));
    if (!g.ok()) return g.status().message();
    return ir::print(*(*g), {.names = false});
  };
  EXPECT_NE(constant(attribute("value_float", 0.5f)).find("const f32[] {0.5}"), std::string::npos) << constant(attribute("value_float", 0.5f));
  EXPECT_NE(constant(attribute("value_ints", std::vector<int64_t>{4, 5})).find("const i64[2] {4, 5}"), std::string::npos);
  EXPECT_NE(constant(tensor_attribute("value", numbers("", {9}))).find("const i64[1] {9}"), std::string::npos);
  EXPECT_NE(constant(attribute("value_string", "hi")).find("\"hi\""), std::string::npos);
  EXPECT_NE(constant(attribute("value_int", 1.f)).find("must be an integer, not a float"), std::string::npos);
}

TEST(Import, DeclaredTypes) {
  std::vector<std::string> warnings;
  set_log_sink([&](Severity, const std::string& message) { warnings.push_back(message); }, Severity::warning);
  Message g = graph({node("Identity", {"x"}, {"a"}), node("Identity", {"a"}, {"y"})}, {value("x", DType::f32, {"n", "3"})},
                    {value("y", DType::f32, {"7", "4"})});
  const auto imported = import(model(g.add(13, value("a", DType::f32, {"5"}))));
  set_log_sink({}, Severity::error);
  ASSERT_TRUE(imported.ok()) << imported.status().message();
  EXPECT_EQ((*imported)->outputs()[0]->type.to_string(), "f32[n,3]");
  ASSERT_EQ(warnings.size(), 3u);  // of 'a', and of 'y' where it is made and where it is put out
  EXPECT_EQ(warnings[0], "'a' is declared as f32[5] but works out as f32[n,3]; the declaration is ignored");

  const Message wrong = model(graph({node("Identity", {"x"}, {"y"})}, {value("x", DType::f32, {})}, {value("y", DType::i64, {})}));
  EXPECT_EQ(error_of(wrong), "'y' is declared as i64[] but works out as f32[]");
  const auto unknown = import(model(graph({}, {value("x", DType::f32, {"-1", "past + 1", "3d", "0"})}, {})));
  ASSERT_TRUE(unknown.ok());
  EXPECT_EQ((*unknown)->inputs()[0]->type.to_string(), "f32[?,past___1,d3d,0]");
}

TEST(Import, TypesThatAreNoTensors) {
  const Message sequence = Message().text(1, "x").add(2, Message().add(4, Message().add(1, tensor_type(DType::f32, {"3"}))));
  const auto g = import(model(graph({node("Identity", {"x"}, {"y"})}, {sequence}, {Message().text(1, "y")})));
  ASSERT_TRUE(g.ok()) << g.status().message();
  EXPECT_EQ((*g)->outputs()[0]->type.to_string(), "seq(f32[3])");
  Message nested = tensor_type(DType::f32, {});
  for (int i = 0; i < 100; ++i) nested = Message().add(4, Message().add(1, nested));
  EXPECT_NE(error_of(model(graph({}, {Message().text(1, "x").add(2, nested)}, {}))).find("nested more than"), std::string::npos);
}

// A function of the domain "local".
Message function(const std::string& name, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                 const std::vector<Message>& nodes) {
  Message m = Message().text(1, name).text(10, "local").add(9, opset(21)).add(7, nodes);
  for (const std::string& s : inputs) m.text(4, s);
  for (const std::string& s : outputs) m.text(5, s);
  return m;
}

TEST(Import, ACallThatFailsLeavesTheOthers) {
  Message m = model(graph({node("local.A", {"x"}, {"y"}), node("local.A", {"x"}, {"z"})}, {value("x", DType::f32, {"n"})},
                          {value("y", DType::f32, {"n"}), value("z", DType::f32, {"n"})}));
  m.add(8, opset(1, "local")).add(25, function("A", {"a"}, {"b"}, {node("Relu", {"a", "a"}, {"b"})}));
  const std::string what = error_of(m);
  EXPECT_TRUE(what.starts_with("2 problems:")) << what;
  EXPECT_EQ(what.find("calls itself"), std::string::npos) << what;
}

TEST(Import, FunctionsAreInlined) {
  const Message twice = function("Twice", {"a"}, {"b"}, {node("Identity", {"a"}, {"t"}, {}, "one"), node("Identity", {"t"}, {"b"}, {}, "two")});
  const Message four = function("Four", {"a"}, {"b"}, {node("local.Twice", {"a"}, {"t"}), node("local.Twice", {"t"}, {"b"})});
  Message m = model(graph({node("local.Four", {"x"}, {"y"}, {}, "call"), node("local.Four", {"y"}, {"z"}, {}, "call")},
                          {value("x", DType::f32, {"n"})}, {value("z", DType::f32, {"n"})}));
  m.add(25, {twice, four});
  const auto g = import(m);
  ASSERT_TRUE(g.ok()) << g.status().message();
  ASSERT_EQ((*g)->nodes().size(), 8u);
  std::set<std::string> names, values;
  for (const ir::Node* n : (*g)->node_list()) {
    EXPECT_TRUE(names.insert(n->name).second) << n->name;
    EXPECT_TRUE(values.insert(n->output()->name).second) << n->output()->name;
  }
  EXPECT_TRUE(names.contains("call/t/one")) << *names.begin();
  EXPECT_TRUE(values.contains("y") && values.contains("z"));
}

TEST(Import, FunctionAttributes) {
  Message f = function("Make", {}, {"b"}, {node("Constant", {}, {"b"}, {reference("value_int", "v", 2)})});
  f.add(11, attribute("v", 5));
  Message m = model(graph({node("local.Make", {}, {"y"}), node("local.Make", {}, {"z"}, {attribute("v", 6)})}, {},
                          {Message().text(1, "y"), Message().text(1, "z")}));
  m.add(25, f);
  const auto g = import(m);
  ASSERT_TRUE(g.ok()) << g.status().message();
  EXPECT_EQ((*g)->outputs()[0]->constant().as<int64_t>()[0], 5);
  EXPECT_EQ((*g)->outputs()[1]->constant().as<int64_t>()[0], 6);
}

TEST(Import, HostileFunctions) {
  const auto calls = [](const std::vector<Message>& functions) {
    return model(graph({node("local.A", {"x"}, {"y"}, {}, "call")}, {value("x", DType::f32, {"n"})}, {value("y", DType::f32, {"n"})})).add(25, functions);
  };
  EXPECT_NE(error_of(calls({function("A", {"a"}, {"b"}, {node("local.B", {"a"}, {"b"})}),
                            function("B", {"a"}, {"b"}, {node("local.A", {"a"}, {"b"})})})).find("function 'A' calls itself"), std::string::npos);
  EXPECT_NE(error_of(calls({function("A", {"a"}, {"b"}, {}), function("A", {"a"}, {"b"}, {})})).find("defined twice"), std::string::npos);
  EXPECT_NE(error_of(calls({function("A", {}, {"b"}, {})})).find("more inputs or outputs"), std::string::npos);
  EXPECT_NE(error_of(calls({function("A", {"a"}, {"b"}, {})})).find("output 'b' of function 'A' is made by no node"), std::string::npos);
  EXPECT_NE(error_of(calls({function("A", {"a"}, {"b"}, {node("Nope", {"a"}, {"b"})})})).find("Nope"), std::string::npos);
  // Each calls the next twice: 2^30 nodes.
  std::vector<Message> bomb;
  for (char c = 'A'; c < 'A' + 30; ++c) {
    const std::string next = "local." + std::string(1, static_cast<char>(c + 1));
    const bool last = c == 'A' + 29;
    bomb.push_back(function(std::string(1, c), {"a"}, {"b"}, {node(last ? "Identity" : next, {"a"}, {"t"}), node(last ? "Identity" : next, {"t"}, {"b"})}));
  }
  EXPECT_NE(error_of(calls(bomb), {.max_nodes = 10000}).find("more than 10000 nodes"), std::string::npos);
}

TEST(Import, Metadata) {
  Message m = chain({{"x", "y"}}, {"y"}).text(2, "maker").text(3, "1.2").number(5, 4).add(8, opset(3, "ai.onnx.ml"));
  m.add(14, Message().text(1, "license").text(2, "Apache-2.0")).add(25, function("F", {}, {}, {}));
  const auto meta = read_metadata_bytes(std::as_bytes(std::span(m.bytes)));
  ASSERT_TRUE(meta.ok());
  EXPECT_EQ(meta->ir_version, 10);
  EXPECT_EQ(meta->model_version, 4);
  EXPECT_EQ(meta->producer_name, "maker");
  EXPECT_EQ(meta->producer_version, "1.2");
  EXPECT_EQ(meta->opsets, (std::vector<std::pair<std::string, int64_t>>{{"", 21}, {"ai.onnx.ml", 3}}));
  EXPECT_EQ(meta->properties[0].second, "Apache-2.0");
  EXPECT_EQ(meta->functions, std::vector<std::string>{"local.F"});
  EXPECT_EQ(read_metadata("/nowhere/m.onnx").status().code(), Code::io_error);
  EXPECT_EQ(read_metadata_bytes(std::as_bytes(std::span(m.bytes)).first(7)).status().code(), Code::corrupt_file);
}

}  // namespace
}  // namespace vivace::onnx::test
