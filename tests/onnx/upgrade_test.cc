// Older forms of operators, and the nodes they become.
#include <gtest/gtest.h>

#include <cmath>

#include "model_writer.h"
#include "ops/operator.h"

namespace vivace::onnx::test {
namespace {

struct Case {
  int64_t version;
  Message node;  // makes "y"
  std::vector<Message> inputs;
  std::string expected;  // nodes of the graph, one a line
  std::vector<Message> constants = {};
};

void PrintTo(const Case& c, std::ostream* to) { *to << "opset " << c.version << ": " << c.expected; }

// The nodes as text, with names of values as in the model and numbers for those that have none.
std::string nodes_of(const ir::Graph& graph) {
  std::string text = ir::print(graph, {.types = false}), out;
  for (size_t at = text.find('\n') + 1; at < text.size();) {
    const size_t end = text.find('\n', at);
    std::string line = text.substr(at, end - at);
    at = end + 1;
    line.erase(0, line.find_first_not_of(' '));
    if (line.ends_with('"')) line.erase(line.rfind(" \""));  // the node's name
    if (line.find('=') != std::string::npos && line.find("= const") == std::string::npos) out += line + "\n";
  }
  return out;
}

Message f32(const std::string& name, const std::vector<std::string>& dims) { return value(name, DType::f32, dims); }

class Upgrade : public ::testing::TestWithParam<Case> {};

TEST_P(Upgrade, BecomesTheNewestForm) {
  const Case& c = GetParam();
  const auto g = import(model(graph({c.node}, c.inputs, {Message().text(1, "y")}, c.constants), c.version));
  if (g.status().message().starts_with("Vivace does not know")) GTEST_SKIP() << g.status().message();
  ASSERT_TRUE(g.ok()) << g.status().message();
  EXPECT_TRUE(ir::verify(**g).ok());
  EXPECT_TRUE(ops::infer_graph(**g).ok());
  EXPECT_NE((*g)->outputs()[0]->type.dtype, DType::undefined);
  EXPECT_EQ(nodes_of(**g), c.expected);
}

const Message x23 = f32("x", {"2", "3"}), xn34 = f32("x", {"n", "3", "4"}), image = f32("x", {"1", "3", "8", "8"});
using Ints = std::vector<int64_t>;
using Reals = std::vector<float>;

INSTANTIATE_TEST_SUITE_P(AttributesToInputs, Upgrade, ::testing::Values(
  Case{11, node("Squeeze", {"x"}, {"y"}, {attribute("axes", Ints{0})}), {f32("x", {"1", "3"})},
       "%y = Squeeze(%x, const i64[1] {0})\n"},
  Case{11, node("Squeeze", {"x"}, {"y"}), {f32("x", {"1", "3"})}, "%y = Squeeze(%x)\n"},
  Case{11, node("Unsqueeze", {"x"}, {"y"}, {attribute("axes", Ints{0, 2})}), {x23}, "%y = Unsqueeze(%x, const i64[2] {0, 2})\n"},
  Case{17, node("ReduceMean", {"x"}, {"y"}, {attribute("axes", Ints{1}), attribute("keepdims", 0)}), {x23},
       "%y = ReduceMean(%x, const i64[1] {1}) {keepdims=0}\n"},
  Case{12, node("ReduceSum", {"x"}, {"y"}), {x23}, "%y = ReduceSum(%x)\n"},
  Case{10, node("Clip", {"x"}, {"y"}, {attribute("max", 6.f)}), {value("x", DType::f16, {"2"})},
       "%y = Clip(%x, _, const f16[] {6})\n"},
  Case{9, node("Slice", {"x"}, {"y"}, {attribute("starts", Ints{0}), attribute("ends", Ints{2}), attribute("axes", Ints{1})}), {x23},
       "%y = Slice(%x, const i64[1] {0}, const i64[1] {2}, const i64[1] {1})\n"},
  Case{12, node("Split", {"x"}, {"y", "z"}, {attribute("split", Ints{1, 2}), attribute("axis", 1)}), {x23},
       "%y, %z = Split(%x, const i64[2] {1, 2}) {axis=1}\n"},
  Case{13, node("Split", {"x"}, {"y", ""}), {x23}, "%y, _ = Split(%x) {num_outputs=2}\n"},
  Case{4, node("Reshape", {"x"}, {"y"}, {attribute("shape", Ints{3, 2}), attribute("consumed_inputs", Ints{0})}), {x23},
       "%y = Reshape(%x, const i64[2] {3, 2})\n"},
  Case{1, node("Pad", {"x"}, {"y"}, {attribute("paddings", Ints{0, 0, 1, 1}), attribute("value", 2.f)}), {x23},
       "%y = Pad(%x, const i64[4] {0, 0, 1, 1}, const f32[] {2})\n"},
  Case{10, node("Pad", {"x"}, {"y"}, {attribute("pads", Ints{0, 0, 1, 1}), attribute("mode", "edge")}), {x23},
       "%y = Pad(%x, const i64[4] {0, 0, 1, 1}) {mode=\"edge\"}\n"},
  Case{9, node("TopK", {"x"}, {"y", "i"}, {attribute("k", 2)}), {x23}, "%y, %i = TopK(%x, const i64[1] {2})\n"},
  Case{5, node("Tile", {"x", "tiles", "axis"}, {"y"}), {x23}, "%y = Tile(%x, const i64[2] {1, 4})\n",
       {numbers("tiles", {4}), numbers("axis", {1})}}));

INSTANTIATE_TEST_SUITE_P(NamesAndDefaults, Upgrade, ::testing::Values(
  Case{11, node("Dropout", {"x"}, {"y"}, {attribute("ratio", 0.3f)}), {x23}, "%y = Dropout(%x)\n"},
  Case{9, node("Dropout", {"x"}, {"d", "y"}, {attribute("ratio", 0.3f)}), {x23},
       "%d, %~2 = Dropout(%x)\n%y = Cast(%~2) {to=1}\n"},
  Case{3, node("Concat", {"x", "x"}, {"y"}), {x23}, "%y = Concat(%x, %x) {axis=1}\n"},
  Case{5, node("Cast", {"x"}, {"y"}, {attribute("to", "INT64")}), {x23}, "%y = Cast(%x) {to=7}\n"},
  Case{5, node("Selu", {"x"}, {"y"}, {attribute("alpha", 1.5f)}), {x23}, "%y = Selu(%x) {alpha=1.5, gamma=1.0507}\n"},
  Case{1, node("GlobalLpPool", {"x"}, {"y"}, {attribute("p", 3.f)}), {image}, "%y = GlobalLpPool(%x) {p=3}\n"},
  Case{10, node("Scatter", {"x", "i", "x"}, {"y"}, {attribute("axis", 1)}), {x23, value("i", DType::i64, {"2", "3"})},
       "%y = ScatterElements(%x, %i, %x) {axis=1}\n"},
  Case{6, node("RNN", {"x", "w", "r"}, {"", "y"}, {attribute("hidden_size", 2), attribute("output_sequence", 1)}),
       {f32("x", {"5", "1", "3"}), f32("w", {"1", "2", "3"}), f32("r", {"1", "2", "2"})},
       "_, %y = RNN(%x, %w, %r) {hidden_size=2}\n"},
  Case{16, node("GridSample", {"x", "grid"}, {"y"}, {attribute("mode", "bicubic")}), {image, f32("grid", {"1", "4", "4", "2"})},
       "%y = GridSample(%x, %grid) {mode=\"cubic\"}\n"}));

INSTANTIATE_TEST_SUITE_P(Broadcasting, Upgrade, ::testing::Values(
  Case{6, node("Add", {"x", "b"}, {"y"}, {attribute("broadcast", 1), attribute("axis", 1)}), {image, f32("b", {"3"})},
       "%~3 = Unsqueeze(%b, const i64[2] {1, 2})\n%y = Add(%x, %~3)\n"},
  Case{6, node("Mul", {"x", "b"}, {"y"}, {attribute("broadcast", 1), attribute("axis", -1)}), {image, f32("b", {"8"})},
       "%y = Mul(%x, %b)\n"},
  Case{6, node("Add", {"x", "b"}, {"y"}, {attribute("broadcast", 1)}), {image, f32("b", {"8"})}, "%y = Add(%x, %b)\n"},
  Case{6, node("Gemm", {"x", "w", "c"}, {"y"}, {attribute("broadcast", 1), attribute("transB", 1)}),
       {x23, f32("w", {"4", "3"}), f32("c", {"4"})}, "%y = Gemm(%x, %w, %c) {transB=1}\n"},
  Case{6, node("PRelu", {"x", "s"}, {"y"}), {image, f32("s", {"3"})},
       "%~3 = Unsqueeze(%s, const i64[2] {1, 2})\n%y = PRelu(%x, %~3)\n"}));

INSTANTIATE_TEST_SUITE_P(Softmax, Upgrade, ::testing::Values(
  Case{12, node("Softmax", {"x"}, {"y"}), {x23}, "%y = Softmax(%x) {axis=1}\n"},
  Case{12, node("LogSoftmax", {"x"}, {"y"}), {f32("x", {"2", "5", "1", "1"})}, "%y = LogSoftmax(%x) {axis=1}\n"},
  Case{12, node("Softmax", {"x"}, {"y"}, {attribute("axis", -1)}), {xn34}, "%y = Softmax(%x) {axis=2}\n"},
  Case{12, node("Hardmax", {"x"}, {"y"}), {f32("x", {"2", "3", "4"})},
       "%~1 = Flatten(%x) {axis=1}\n%~3 = Hardmax(%~1) {axis=-1}\n%y = Reshape(%~3, const i64[3] {2, 3, 4}) {allowzero=1}\n"},
  Case{12, node("Softmax", {"x"}, {"y"}), {xn34},
       "%~1 = Flatten(%x) {axis=1}\n%~2 = Shape(%x)\n%~3 = Softmax(%~1) {axis=-1}\n%y = Reshape(%~3, %~2) {allowzero=1}\n"}));

INSTANTIATE_TEST_SUITE_P(Resizing, Upgrade, ::testing::Values(
  Case{6, node("Upsample", {"x"}, {"y"}, {attribute("height_scale", 2.f), attribute("width_scale", 3.f), attribute("mode", "bilinear")}),
       {image}, "%y = Resize(%x, _, const f32[4] {1, 1, 2, 3}) {coordinate_transformation_mode=\"asymmetric\", mode=\"linear\", nearest_mode=\"floor\"}\n"},
  Case{8, node("Upsample", {"x"}, {"y"}, {attribute("scales", Reals{1, 1, 2, 2})}), {image},
       "%y = Resize(%x, _, const f32[4] {1, 1, 2, 2}) {coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"floor\"}\n"},
  Case{9, node("Upsample", {"x", "s"}, {"y"}), {image},
       "%y = Resize(%x, _, %s) {coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"floor\"}\n", {tensor<float>("s", {4}, {1, 1, 2, 2})}},
  Case{10, node("Resize", {"x", "s"}, {"y"}), {image},
       "%y = Resize(%x, _, %s) {coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"ceil\"}\n", {tensor<float>("s", {4}, {1, 1, 0.5, 0.5})}},
  Case{11, node("Resize", {"x", "e", "e", "s"}, {"y"}, {attribute("coordinate_transformation_mode", "tf_half_pixel_for_nn"), attribute("nearest_mode", "floor")}),
       {image}, "%y = Resize(%x, _, _, %s) {coordinate_transformation_mode=\"half_pixel\", nearest_mode=\"round_prefer_ceil\"}\n",
       {tensor<float>("e", {0}, {}), numbers("s", {1, 3, 4, 4})}}));

const std::vector<Message> batch_norm_inputs = {f32("x", {"2", "3"}), f32("s", {"3"}), f32("b", {"3"}), f32("m", {"3"}), f32("v", {"3"})};
INSTANTIATE_TEST_SUITE_P(Normalization, Upgrade, ::testing::Values(
  Case{6, node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"y"}, {attribute("is_test", 1), attribute("spatial", 1)}),
       batch_norm_inputs, "%y = BatchNormalization(%x, %s, %b, %m, %v)\n"},
  Case{8, node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"y"}, {attribute("spatial", 0), attribute("epsilon", 0.5f)}),
       batch_norm_inputs, "%~6 = Add(%v, const f32[] {0.5})\n%~7 = Sqrt(%~6)\n%~8 = Sub(%x, %m)\n%~9 = Div(%~8, %~7)\n"
       "%~10 = Mul(%~9, %s)\n%y = Add(%~10, %b)\n"},
  Case{20, node("GroupNormalization", {"x", "s", "b"}, {"y"}, {attribute("num_groups", 2)}),
       {f32("x", {"n", "6", "5"}), f32("s", {"2"}), f32("b", {"2"})},
       "%~4 = Reshape(%s, const i64[2] {2, 1})\n%~6 = Expand(%~4, const i64[2] {2, 3})\n%~8 = Reshape(%~6, const i64[1] {6})\n"
       "%~10 = Reshape(%b, const i64[2] {2, 1})\n%~12 = Expand(%~10, const i64[2] {2, 3})\n%~14 = Reshape(%~12, const i64[1] {6})\n"
       "%y = GroupNormalization(%x, %~8, %~14) {num_groups=2}\n"}));

INSTANTIATE_TEST_SUITE_P(FirstOpsets, Upgrade, ::testing::Values(
  Case{1, node("ScaledTanh", {"x"}, {"y"}, {attribute("alpha", 2.f), attribute("beta", 0.5f)}), {x23},
       "%~2 = Mul(%x, const f32[] {0.5})\n%~3 = Tanh(%~2)\n%y = Mul(%~3, const f32[] {2})\n"},
  Case{1, node("ParametricSoftplus", {"x"}, {"y"}, {attribute("alpha", 2.f), attribute("beta", 0.5f)}), {x23},
       "%~2 = Mul(%x, const f32[] {0.5})\n%~3 = Softplus(%~2)\n%y = Mul(%~3, const f32[] {2})\n"},
  Case{1, node("Affine", {"x"}, {"y"}, {attribute("alpha", 2.f)}), {x23}, "%~2 = Mul(%x, const f32[] {2})\n%y = Add(%~2, const f32[] {0})\n"},
  Case{1, node("ImageScaler", {"x"}, {"y"}, {attribute("scale", 2.f), attribute("bias", Reals{1, 2, 3})}), {image},
       "%~2 = Mul(%x, const f32[] {2})\n%y = Add(%~2, const f32[1,3,1,1] {1, 2, 3})\n"},
  Case{1, node("Crop", {"x"}, {"y"}, {attribute("border", Ints{1, 2, 3, 0})}), {image},
       "%y = Slice(%x, const i64[2] {2, 1}, const i64[2] {9223372036854775807, -3}, const i64[2] {2, 3})\n"}));

// Written as other operators in every opset: what these compute.
std::vector<float> results_of(const Message& n, const std::vector<Message>& inputs, const std::vector<Tensor>& values) {
  const auto g = import(model(graph({n}, inputs, {Message().text(1, "y")}), 21));
  EXPECT_TRUE(g.ok()) << g.status().message();
  if (!g.ok()) return {};
  const auto made = ops::run_graph_reference(**g, values);
  EXPECT_TRUE(made.ok()) << made.status().message();
  if (!made.ok()) return {};
  const auto elements = (*made)[0].span<float>();
  return {elements.begin(), elements.end()};
}
void expect_near(const std::vector<float>& got, const std::vector<float>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-6) << i;
}

TEST(Functions, Windows) {
  const std::vector<Message> size = {value("n", DType::i64, {})};
  const std::vector<Tensor> four = {Tensor::scalar<int64_t>(4)};
  expect_near(results_of(node("HannWindow", {"n"}, {"y"}), size, four), {0, 0.5f, 1, 0.5f});
  expect_near(results_of(node("HannWindow", {"n"}, {"y"}, {attribute("periodic", 0)}), size, four), {0, 0.75f, 0.75f, 0});
  expect_near(results_of(node("HammingWindow", {"n"}, {"y"}), size, four), {4 / 46.f, 25 / 46.f, 1, 25 / 46.f});
  expect_near(results_of(node("BlackmanWindow", {"n"}, {"y"}), size, four), {0, 0.34f, 1, 0.34f});
}

TEST(Functions, Losses) {
  const std::vector<Message> inputs = {f32("x", {"3", "2"}), value("t", DType::i64, {"3"}), f32("w", {"2"})};
  const std::vector<Tensor> values = {Tensor::of<float>(Reals{-1, -2, -3, -4, -5, -7}, {3, 2}), Tensor::of<int64_t>({1, 0, 1}),
                                      Tensor::of<float>({2, 0.5f})};
  const auto loss = [&](const std::vector<Message>& attributes) {
    return results_of(node("NegativeLogLikelihoodLoss", {"x", "t", "w"}, {"y"}, attributes), inputs, values);
  };
  expect_near(loss({attribute("reduction", "none")}), {1, 6, 3.5f});
  expect_near(loss({attribute("reduction", "sum")}), {10.5f});
  expect_near(loss({}), {3.5f});
  expect_near(loss({attribute("ignore_index", 0)}), {4.5f});
  // exp(x) sums to 1 in each row: the logarithm of the softmax is x itself.
  const std::vector<Tensor> logarithms = {Tensor::of<float>(Reals{std::log(0.25f), std::log(0.75f)}, {1, 2}), Tensor::of<int64_t>({1})};
  expect_near(results_of(node("SoftmaxCrossEntropyLoss", {"x", "t"}, {"y"}),
                         {f32("x", {"1", "2"}), value("t", DType::i64, {"1"})}, logarithms),
              {-std::log(0.75f)});
}

std::string error_of(int64_t version, const Message& n, const std::vector<Message>& inputs) {
  const auto g = import(model(graph({n}, inputs, {Message().text(1, "y")}), version));
  return g.ok() ? "no error" : g.status().message();
}

TEST(UpgradeTest, WhatCannotBeConverted) {
  EXPECT_EQ(error_of(6, node("Add", {"x", "b"}, {"y"}, {attribute("broadcast", 1), attribute("axis", 4)}), {image, f32("b", {"3"})}),
            "node 'y' (Add, opset 6): input 1 does not fit input 0 from axis 4 on");
  EXPECT_EQ(error_of(5, node("Cast", {"x"}, {"y"}, {attribute("to", "FLOATY")}), {x23}),
            "node 'y' (Cast, opset 5): attribute 'to' is 'FLOATY', which is no element type");
  EXPECT_EQ(error_of(12, node("Softmax", {"x"}, {"y"}, {attribute("axis", 5)}), {x23}),
            "node 'y' (Softmax, opset 12): attribute 'axis' is out of range");
  EXPECT_NE(error_of(20, node("GroupNormalization", {"x", "s", "b"}, {"y"}, {attribute("num_groups", 4)}),
                     {f32("x", {"n", "6", "5"}), f32("s", {"4"}), f32("b", {"4"})}).find("a multiple of num_groups"), std::string::npos);
  EXPECT_NE(error_of(8, node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"y", "a", "c", "d", "e"}), batch_norm_inputs)
                .find("saved_mean"), std::string::npos);
}

TEST(UpgradeTest, NewerOpsetsAreReadAsTheNewest) {
  const auto g = import(model(graph({node("Relu", {"x"}, {"y"})}, {x23}, {Message().text(1, "y")}), 999));
  EXPECT_TRUE(g.ok()) << g.status().message();
}

}  // namespace
}  // namespace vivace::onnx::test
