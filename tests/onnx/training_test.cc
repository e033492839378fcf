// Steps of optimizers, and attention through functions of the model's own: what they compute.
#include <gtest/gtest.h>

#include <cmath>

#include "model_writer.h"
#include "ops/operator.h"

namespace vivace::onnx::test {
namespace {

Message f32(const std::string& name, const std::vector<std::string>& dims) { return value(name, DType::f32, dims); }
Message out(const std::string& name) { return Message().text(1, name); }

Message preview(const Message& graph, const std::string& domain) { return model(graph).add(8, opset(1, domain)); }

// The elements of all outputs, one after the other.
std::vector<double> run(const Message& model, const std::vector<Tensor>& arguments) {
  const auto g = import(model);
  if (!g.ok()) return ADD_FAILURE() << g.status().message(), std::vector<double>();
  EXPECT_TRUE(ir::verify(**g).ok());
  const auto made = ops::run_graph_reference(**g, arguments);
  if (!made.ok()) return ADD_FAILURE() << made.status().message(), std::vector<double>();
  std::vector<double> all;
  for (const Tensor& t : *made)
    for (const double v : to_double(t)) all.push_back(v);
  return all;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-5) << i;
}

// x, gradient 2, and what is remembered, at the second update with rate 0.1.
std::vector<double> step(const std::string& op, size_t kept, const std::vector<Message>& attributes, int64_t update) {
  const std::string names[] = {"v", "h"};
  std::vector<std::string> inputs = {"r", "t", "x", "g"}, outputs = {"y"};
  std::vector<Message> values = {f32("r", {}), value("t", DType::i64, {}), f32("x", {"1"}), f32("g", {"1"})};
  std::vector<Message> results = {out("y")};
  std::vector<Tensor> arguments = {Tensor::scalar(0.1f), Tensor::scalar(update), Tensor::of<float>({1}),
                                   Tensor::of<float>({2})};
  for (size_t i = 0; i < kept; ++i) {
    inputs.push_back(names[i]);
    outputs.push_back(names[i] + "_new");
    values.push_back(f32(names[i], {"1"}));
    results.push_back(out(names[i] + "_new"));
    arguments.push_back(Tensor::of<float>({0.5f}));
  }
  const std::string domain = "ai.onnx.preview.training";
  return run(preview(graph({node(domain + "." + op, inputs, outputs, attributes)}, values, results), domain),
             arguments);
}

TEST(Training, StepsOfOptimizers) {
  // 2 + 0.5 is the gradient with the norm's; 0.1 / (1 + 1) the rate.
  expect_near(step("Adagrad", 1, {attribute("norm_coefficient", 0.5f), attribute("decay_factor", 1.0f)}, 1),
              {1 - 0.05 * 2.5 / std::sqrt(6.75), 6.75});
  expect_near(step("Momentum", 1,
                   {attribute("norm_coefficient", 0.0f), attribute("alpha", 0.5f), attribute("beta", 0.25f),
                    attribute("mode", "standard")},
                   1),
              {1 - 0.1 * 0.75, 0.75});
  expect_near(step("Momentum", 1,
                   {attribute("norm_coefficient", 0.0f), attribute("alpha", 0.5f), attribute("beta", 0.25f),
                    attribute("mode", "nesterov")},
                   0),
              {1 - 0.1 * (2 + 0.5 * 2.25), 2.25});
  const std::vector<Message> halves = {attribute("alpha", 0.5f), attribute("beta", 0.75f),
                                       attribute("norm_coefficient_post", 0.5f)};
  const double mean = 1.25, squares = 1.375;
  expect_near(step("Adam", 2, halves, 2),
              {0.5 * (1 - 0.1 * std::sqrt(1 - 0.5625) / 0.75 * mean / std::sqrt(squares)), mean, squares});
  expect_near(step("Adam", 2, halves, 0), {0.5 * (1 - 0.1 * mean / std::sqrt(squares)), mean, squares});
}

TEST(Training, WrongGroupsAreRefused) {
  const std::string domain = "ai.onnx.preview.training";
  const auto g = import(preview(graph({node(domain + ".Adam", {"r", "t", "x", "x"}, {"y"})},
                                      {f32("r", {}), value("t", DType::i64, {}), f32("x", {"1"})}, {out("y")}),
                                domain));
  ASSERT_FALSE(g.ok());
  EXPECT_NE(g.status().message().find("4 groups"), std::string::npos) << g.status().message();
}

// Two heads of queries share one of keys; scores and probabilities are scaled by a value from outside.
TEST(FlexAttention, FunctionsOfScoresAndProbabilities) {
  const auto scaled = [](const std::string& x) {
    return graph({node("Mul", {x, "f"}, {x + "_scaled"})}, {f32(x, {"B", "H", "L", "S"})}, {out(x + "_scaled")});
  };
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const std::string domain = "ai.onnx.preview";
  const std::vector<Tensor> arguments = {Tensor::of<float>({1, 2}).reshaped({1, 2, 1, 1}),
                                         Tensor::of<float>({0, 1}).reshaped({1, 1, 2, 1}),
                                         Tensor::of<float>({10, 20}).reshaped({1, 1, 2, 1}), Tensor::scalar(2.0f)};
  for (const bool known : {true, false}) {
    const std::string heads = known ? "2" : "H", batch = known ? "1" : "B";
    const auto y = [&](const std::vector<Message>& attributes) {
      return run(preview(graph({node(domain + ".FlexAttention", {"q", "k", "v"}, {"y"}, attributes)},
                               {f32("q", {batch, heads, "1", "1"}), f32("k", {batch, "1", "S", "1"}),
                                f32("v", {batch, "1", "S", "1"}), f32("f", {})},
                               {out("y")}),
                         domain),
                 arguments);
    };
    expect_near(y({}), {10 + 10 * sigmoid(1), 10 + 10 * sigmoid(2)});
    expect_near(y({attribute("scale", -0.5f)}), {10 + 10 * sigmoid(-0.5), 10 + 10 * sigmoid(-1)});
    expect_near(y({graph_attribute("score_mod", scaled("s"))}), {10 + 10 * sigmoid(2), 10 + 10 * sigmoid(4)});
    expect_near(y({graph_attribute("prob_mod", scaled("p")), attribute("softmax_precision", 1)}),
                {20 + 20 * sigmoid(1), 20 + 20 * sigmoid(2)});
  }
}

}  // namespace
}  // namespace vivace::onnx::test
