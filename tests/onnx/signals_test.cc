// Fourier transforms and filters, which are read as other operators: what these compute.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace vivace::onnx::test
