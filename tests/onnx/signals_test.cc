// Fourier transforms and filters, which are read as other operators: what these compute.
#include <gtest/gtest.h>

#include <algorithm>

#include "model_writer.h"
#include "ops/operator.h"

namespace vivace::onnx::test {
namespace {

struct Case {
  Message node;                      // makes "y"
  std::vector<Message> inputs = {};  // of the graph
  std::vector<Tensor> arguments = {};
  std::vector<Message> constants = {};
  Shape shape = {};
  std::vector<double> expected = {};
  const char* name = "";
};
void PrintTo(const Case& c, std::ostream* to) { *to << c.name; }

class Signals : public ::testing::TestWithParam<Case> {};

TEST_P(Signals, ComputesWhatTheStandardSays) {
  const Case& c = GetParam();
  const auto g = import(model(graph({c.node}, c.inputs, {Message().text(1, "y")}, c.constants), 20));
  ASSERT_TRUE(g.ok()) << g.status().message();
  EXPECT_TRUE(ir::verify(**g).ok());
  const auto made = ops::run_graph_reference(**g, c.arguments);
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ((*made)[0].type(), DType::f32);
  EXPECT_EQ((*made)[0].shape(), c.shape);
  const std::vector<double> y = to_double((*made)[0]);
  ASSERT_EQ(y.size(), c.expected.size());
  for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], c.expected[i], 1e-5) << i;
}

Message f32(const std::string& name, const std::vector<std::string>& dims) { return value(name, DType::f32, dims); }
Message number(const std::string& name, int64_t v) { return tensor<int64_t>(name, {}, {v}); }
Tensor shaped(const Shape& shape, const std::vector<float>& values) { return Tensor::of(values).reshaped(shape); }

const std::vector<Message> frames = {number("step", 2), tensor<float>("w", {4}, {1, 1, 1, 0.5f})};

INSTANTIATE_TEST_SUITE_P(
    Onnx, Signals,
    ::testing::Values(Case{.node = node("MelWeightMatrix", {"n", "l", "r", "a", "b"}, {"y"}),
                           .constants = {number("n", 3), number("l", 20), number("r", 8000),
                                         tensor<float>("a", {}, {0}), tensor<float>("b", {}, {4000})},
                           .shape = {11, 3},
                           .expected = {1,       0, 0, 0.5, 0.5, 0, 0, 1, 0, 0, 0, 1, 0, 0, 2 / 3.0, 0, 0,
                                        1 / 3.0, 0, 0, 0,   0,   0, 0, 0, 0, 0, 0, 0, 0, 0, 0,       0},
                           .name = "mel"},
                      Case{.node = node("DFT", {"x"}, {"y"}, {attribute("onesided", 1)}),
                           .inputs = {f32("x", {"1", "4", "1"})},
                           .arguments = {shaped({1, 4, 1}, {1, 2, 3, 4})},
                           .shape = {1, 3, 2},
                           .expected = {10, 0, -2, 2, -2, 0},
                           .name = "dft"},
                      Case{.node = node("DFT", {"x", "", "axis"}, {"y"}, {attribute("inverse", 1)}),
                           .inputs = {f32("x", {"4", "b", "2"})},
                           .arguments = {shaped({4, 1, 2}, {10, 0, -2, 2, -2, 0, -2, -2})},
                           .constants = {number("axis", 0)},
                           .shape = {4, 1, 2},
                           .expected = {1, 0, 2, 0, 3, 0, 4, 0},
                           .name = "dft_inverse"},
                      Case{.node = node("DFT", {"x", "l"}, {"y"}),
                           .inputs = {f32("x", {"2", "3", "1"})},
                           .arguments = {shaped({2, 3, 1}, {1, 2, 9, 3, 5, 9})},
                           .constants = {number("l", 2)},
                           .shape = {2, 2, 2},
                           .expected = {3, 0, -1, 0, 8, 0, -2, 0},
                           .name = "dft_cut"},
                      Case{.node = node("STFT", {"x", "step", "w"}, {"y"}),
                           .inputs = {f32("x", {"1", "n", "1"})},
                           .arguments = {shaped({1, 6, 1}, {1, 2, 3, 8, 5, 12})},
                           .constants = frames,
                           .shape = {1, 2, 3, 2},
                           .expected = {10, 0, -2, 2, -2, 0, 22, 0, -2, -2, -6, 0},
                           .name = "stft"}),
    [](const auto& info) { return std::string(info.param.name); });

// What makes y of x: by a product with waves where lengths are constants, otherwise by a transform.
Tensor computed(const Message& made, const Tensor& x, const std::vector<Tensor>& lengths, const char* expected) {
  std::vector<std::string> dims;
  for (const int64_t d : x.shape()) dims.push_back(lengths.empty() ? std::to_string(d) : "d" + std::to_string(d));
  dims.back() = std::to_string(x.shape().back());
  const std::vector<Message> numbers = {number("step", 3), number("l", 18)};
  std::vector<Message> inputs = {f32("x", dims)};
  if (!lengths.empty()) inputs.insert(inputs.end(), {value("step", DType::i64, {}), value("l", DType::i64, {})});
  const auto g = import(
      model(graph({made}, inputs, {Message().text(1, "y")}, lengths.empty() ? numbers : std::vector<Message>()), 20));
  if (!g.ok()) return ADD_FAILURE() << g.status().message(), Tensor();
  EXPECT_TRUE(std::ranges::any_of((*g)->nodes(), [&](const auto& n) { return n->op == expected; })) << expected;
  std::vector<Tensor> arguments = {x};
  arguments.insert(arguments.end(), lengths.begin(), lengths.end());
  auto y = ops::run_graph_reference(**g, arguments);
  if (!y.ok()) return ADD_FAILURE() << y.status().message(), Tensor();
  return (*y)[0];
}

TEST(Signals, ProductsWithWavesAreTransforms) {
  std::vector<float> values;
  for (int i = 0; i < 2 * 20 * 2; ++i) values.push_back(static_cast<float>(i * i % 23) / 10);
  const auto compare = [&](const Message& made, const Shape& shape, const char* product, const char* transform) {
    const Tensor x = Tensor::of<float>(std::span(values).first(static_cast<size_t>(elements(shape))), shape);
    const Tensor a = computed(made, x, {}, product);
    const Tensor b = computed(made, x, {Tensor::scalar<int64_t>(3), Tensor::scalar<int64_t>(18)}, transform);
    ASSERT_EQ(a.shape(), b.shape());
    const std::vector<double> p = to_double(a), t = to_double(b);
    for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p[i], t[i], 1e-4) << transform << i;
  };
  compare(node("DFT", {"x"}, {"y"}), {2, 20, 1}, "MatMul", "DFT");
  compare(node("DFT", {"x", "l"}, {"y"}), {2, 20, 2}, "MatMul", "DFT");
  compare(node("DFT", {"x"}, {"y"}, {attribute("onesided", 1)}), {2, 20, 1}, "MatMul", "DFT");
  compare(node("DFT", {"x"}, {"y"}, {attribute("inverse", 1)}), {2, 20, 2}, "MatMul", "DFT");
  compare(node("STFT", {"x", "step", "", "l"}, {"y"}), {2, 20, 1}, "Conv", "STFT");
}

}  // namespace
}  // namespace vivace::onnx::test
