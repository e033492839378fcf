// The internal operators against the standard's that they replace.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/operator.h"

namespace vivace::ops {
namespace {

Tensor tensor(Shape shape, float start) {
  Tensor t = Tensor::allocate(DType::f32, std::move(shape)).value();
  for (int64_t i = 0; i < t.count(); ++i) t.as<float>()[i] = std::sin(start + static_cast<float>(i));
  return t;
}

Result<std::vector<Tensor>> run(const std::string& op, const std::vector<Tensor>& inputs, ir::Attributes attributes) {
  ir::Graph graph;
  std::vector<ir::Value*> values;
  for (const Tensor& t : inputs)
    values.push_back(t.valid() ? graph.add_input("x", ir::Type::tensor(t.type(), ir::to_dims(t.shape()))) : nullptr);
  return run_reference(*graph.add_node(op, values, 1, std::move(attributes)), inputs);
}

struct ActivationCase {
  const char* name;
  float alpha, beta;
  float (*meaning)(float);
};
const ActivationCase kActivations[] = {
    {"none", 0, 0, [](float x) { return x; }},
    {"relu", 0, 0, [](float x) { return x > 0 ? x : 0; }},
    {"clip", -0.25f, 0.5f, [](float x) { return x < -0.25f ? -0.25f
                                                : x > 0.5f ? 0.5f
                                                           : x; }},
    {"leaky_relu", 0.1f, 0, [](float x) { return x < 0 ? 0.1f * x : x; }},
    {"hard_sigmoid", 0.2f, 0.5f, [](float x) { return std::min(1.0f, std::max(0.0f, 0.2f * x + 0.5f)); }},
    {"hard_swish", 0, 0, [](float x) { return x * std::min(1.0f, std::max(0.0f, x / 6 + 0.5f)); }},
    {"sigmoid", 0, 0, [](float x) { return 1 / (1 + std::exp(-x)); }},
    {"silu", 0, 0, [](float x) { return x / (1 + std::exp(-x)); }},
    {"tanh", 0, 0, [](float x) { return std::tanh(x); }},
    {"gelu", 0, 0, [](float x) { return 0.5f * x * std::erfc(-x / std::sqrt(2.0f)); }},
    {"gelu_tanh", 0, 0,
     [](float x) { return 0.5f * x * (1 + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x))); }},
};

void expect_epilogue(const Tensor& plain, const Tensor& fused, const Tensor& residual, const ActivationCase& a,
                     bool last) {
  ASSERT_EQ(plain.shape(), fused.shape());
  for (int64_t i = 0; i < plain.count(); ++i) {
    const float sum = plain.as<float>()[i], r = residual.as<float>()[i];
    const float expected = last ? a.meaning(sum) + r : a.meaning(sum + r);
    EXPECT_NEAR(fused.as<float>()[i], expected, 1e-5f)
        << a.name << ", element " << i;  // some roundings of one activation
  }
}

TEST(FusedConv, IsConvWithResidualAndActivation) {
  const Tensor x = tensor({2, 4, 5, 6}, 0), w = tensor({6, 2, 3, 3}, 1), bias = tensor({6}, 2),
               residual = tensor({2, 6, 3, 3}, 3);
  const ir::Attributes window{
      {"group", int64_t{2}}, {"strides", std::vector<int64_t>{2, 2}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}};
  const auto plain = run("Conv", {x, w, bias}, window);
  ASSERT_TRUE(plain.ok()) << plain.status().message();
  for (const ActivationCase& a : kActivations)
    for (const bool last : {false, true}) {
      ir::Attributes attributes = window;
      attributes["activation"] = std::string(a.name);
      attributes["activation_alpha"] = a.alpha;
      attributes["activation_beta"] = a.beta;
      attributes["residual_last"] = int64_t{last};
      const auto fused = run("vivace.FusedConv", {x, w, bias, residual}, attributes);
      ASSERT_TRUE(fused.ok()) << fused.status().message();
      expect_epilogue((*plain)[0], (*fused)[0], residual, a, last);
    }
}

TEST(FusedMatMul, IsMatMulScaledWithBiasAndResidual) {
  // [2,3,4] * [5,4]' * 0.5 + bias [5] + residual, of a transposed left side too.
  const Tensor a = tensor({2, 3, 4}, 0), b = tensor({4, 5}, 1), bias = tensor({5}, 2), residual = tensor({2, 3, 5}, 3);
  Tensor a_t = tensor({2, 4, 3}, 0), b_t = tensor({5, 4}, 0);
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 4; ++j)
      for (int64_t n = 0; n < 2; ++n) a_t.as<float>()[(n * 4 + j) * 3 + i] = a.as<float>()[(n * 3 + i) * 4 + j];
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t j = 0; j < 5; ++j) b_t.as<float>()[j * 4 + i] = b.as<float>()[i * 5 + j];
  Tensor plain = run("MatMul", {a, b}, {}).value()[0];
  for (int64_t i = 0; i < plain.count(); ++i)
    plain.as<float>()[i] = plain.as<float>()[i] * 0.5f + bias.as<float>()[i % 5];
  for (const bool trans_a : {false, true})
    for (const bool trans_b : {false, true}) {
      const auto fused = run("vivace.FusedMatMul", {trans_a ? a_t : a, trans_b ? b_t : b, bias, residual},
                             {{"trans_a", int64_t{trans_a}},
                              {"trans_b", int64_t{trans_b}},
                              {"scale", 0.5f},
                              {"activation", std::string("relu")}});
      ASSERT_TRUE(fused.ok()) << fused.status().message();
      expect_epilogue(plain, (*fused)[0], residual, kActivations[1], false);
    }
}

TEST(SqueezeExcite, IsTheImageTimesTwoLayersOfItsMean) {
  const Tensor x = tensor({2, 5, 1, 3}, 0), w1 = tensor({4, 5, 1, 1}, 1), b1 = tensor({4}, 2),
               w2 = tensor({5, 4, 1, 1}, 3), b2 = tensor({5}, 4);
  const ir::Attributes relu{{"activation", std::string("relu")}}, sigmoid{{"activation", std::string("sigmoid")}};
  const Tensor mean = run("GlobalAveragePool", {x}, {}).value()[0];
  const Tensor hidden = run("vivace.FusedConv", {mean, w1, b1}, relu).value()[0];
  for (const bool biased : {true, false}) {
    const Tensor gate = run("vivace.FusedConv", {hidden, w2, biased ? b2 : Tensor()}, sigmoid).value()[0];
    const Tensor expected = run("Mul", {x, gate}, {}).value()[0];
    const auto fused = run("vivace.SqueezeExcite", {x, w1, w2, b1, biased ? b2 : Tensor()},
                           {{"activation", std::string("relu")}, {"gate", std::string("sigmoid")}});
    ASSERT_TRUE(fused.ok()) << fused.status().message();
    for (int64_t i = 0; i < x.count(); ++i)
      EXPECT_NEAR((*fused)[0].as<float>()[i], expected.as<float>()[i], 1e-6F) << "element " << i;
  }
  EXPECT_FALSE(run("vivace.SqueezeExcite", {x, w1, w1, b1}, {}).ok());
  EXPECT_FALSE(run("vivace.SqueezeExcite", {x, w1, w2, b2}, {}).ok());
  EXPECT_FALSE(run("vivace.SqueezeExcite", {x, w1, w2, b1}, {{"gate", std::string("softmax")}}).ok());
}

TEST(InvertedResidual, IsItsConvolutionsOneAfterTheOther) {
  const Tensor x = tensor({1, 4, 5, 6}, 0), w1 = tensor({6, 4, 1, 1}, 1), b1 = tensor({6}, 2),
               w2 = tensor({6, 1, 3, 3}, 3), w3 = tensor({4, 6, 1, 1}, 4), b3 = tensor({4}, 5);
  const ir::Attributes relu{{"activation", std::string("relu")}},
      depthwise{{"group", int64_t{6}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}};
  ir::Attributes attributes{{"expand_activation", std::string("relu")}};
  for (const auto& [name, value] : depthwise) attributes["depthwise_" + name] = value;
  const Tensor many = run("vivace.FusedConv", {x, w1, b1}, relu).value()[0];
  const Tensor middle = run("vivace.FusedConv", {many, w2}, depthwise).value()[0];
  const Tensor expected = run("vivace.FusedConv", {middle, w3, b3, x}, {}).value()[0];
  const auto fused = run("vivace.InvertedResidual", {x, w2, w1, w3, {}, b1, b3, x}, attributes);
  ASSERT_TRUE(fused.ok()) << fused.status().message();
  EXPECT_EQ(to_double((*fused)[0]), to_double(expected));
  const auto half = run("vivace.InvertedResidual", {x, w2, w1, {}, {}, b1}, attributes);
  ASSERT_TRUE(half.ok()) << half.status().message();
  EXPECT_EQ(to_double((*half)[0]), to_double(middle));
  EXPECT_FALSE(run("vivace.InvertedResidual", {many, w2}, attributes).ok()) << "a convolution by itself";
  EXPECT_FALSE(run("vivace.InvertedResidual", {x, w2, w3}, attributes).ok());
}

TEST(PooledConv, IsItsConvolutionAndMaxima) {
  const Tensor x = tensor({2, 3, 7, 8}, 0), w = tensor({5, 3, 3, 3}, 1), b = tensor({5}, 2);
  const std::vector<int64_t> window{3, 2}, steps{2, 1}, margins{1, 0, 1, 1};
  const ir::Attributes conv{{"activation", std::string("relu")}, {"strides", std::vector<int64_t>{1, 2}}};
  ir::Attributes both = conv;
  both["pool_kernel_shape"] = window, both["pool_strides"] = steps, both["pool_pads"] = margins;
  const Tensor made = run("vivace.FusedConv", {x, w, b}, conv).value()[0];
  const Tensor expected =
      run("MaxPool", {made}, {{"kernel_shape", window}, {"strides", steps}, {"pads", margins}}).value()[0];
  const auto fused = run("vivace.PooledConv", {x, w, b}, both);
  ASSERT_TRUE(fused.ok()) << fused.status().message();
  EXPECT_EQ(to_double((*fused)[0]), to_double(expected));
  EXPECT_FALSE(run("vivace.PooledConv", {x, w, b}, conv).ok()) << "no window";
}

TEST(FusedMatMul, MakesAnotherTypeWhereAsked) {
  const Tensor a = tensor({2, 3}, 0), b = tensor({3, 4}, 1);
  const auto half = run("vivace.FusedMatMul", {a, b}, {{"to", static_cast<int64_t>(DType::f16)}});
  ASSERT_TRUE(half.ok()) << half.status().message();
  EXPECT_EQ((*half)[0].type(), DType::f16);
  EXPECT_NEAR(to_double((*half)[0])[5], to_double(run("vivace.FusedMatMul", {a, b}, {}).value()[0])[5], 1e-2);
  EXPECT_FALSE(run("vivace.FusedMatMul", {a, b}, {{"to", static_cast<int64_t>(DType::i64)}}).ok());
  EXPECT_FALSE(run("vivace.FusedMatMul", {a, b}, {{"to", int64_t{1000}}}).ok());
}

TEST(Fused, RefusesWhatDoesNotFit) {
  const Tensor x = tensor({1, 2, 4, 4}, 0), w = tensor({3, 2, 1, 1}, 1);
  EXPECT_FALSE(run("vivace.FusedConv", {x, w}, {{"activation", std::string("softmax")}}).ok());
  EXPECT_FALSE(run("vivace.FusedConv", {x, w, {}, tensor({1, 3, 4, 5}, 0)}, {}).ok());
  EXPECT_FALSE(run("vivace.FusedConv", {x, w, tensor({2}, 0)}, {}).ok());
  EXPECT_FALSE(run("vivace.FusedMatMul", {tensor({2, 3}, 0), tensor({2, 3}, 0)}, {}).ok());
  EXPECT_FALSE(run("vivace.FusedMatMul", {tensor({2, 3}, 0), tensor({3, 4}, 0), tensor({3}, 0)}, {}).ok());
}

}  // namespace
}  // namespace vivace::ops
