#include "ops/pointwise_program.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vivace {
namespace {

TEST(PointwiseProgram, TextSurvivesParsingAndPrinting) {
  for (const char* text : {
           "relu x0",
           "t0 = mul x0 x1; t1 = add t0 2.5; clip t1 0 6",
           "inputs 3; neg x0",
           "t0 = fma x0 x1 x2; t1 = less t0 -inf; where t1 inf nan",
           "t0 = selu x0 1.6732632 1.050701; t1 = mul t0 t0; sub t1 0.1",
           "constant 3",
           "t0 = exp x0; t1 = add t0 1; t2 = log t1; t3 = tanh t2; mul x0 t3",
       }) {
    const Result<PointwiseProgram> program = parse_pointwise(text);
    ASSERT_TRUE(program.ok()) << program.status().message();
    EXPECT_EQ(to_string(*program), text);
  }
}

TEST(PointwiseProgram, ParsesFreelyWrittenText) {
  const Result<PointwiseProgram> program = parse_pointwise(" t7=x ");
  EXPECT_FALSE(program.ok());
  const Result<PointwiseProgram> loose = parse_pointwise("t7 = add  x1 2 ;; t7 = mul t7 2;  t7 = add t7 x0;");
  ASSERT_TRUE(loose.ok()) << loose.status().message();
  EXPECT_EQ(to_string(*loose), "t0 = add x1 2; t1 = mul t0 2; add t1 x0");
  EXPECT_EQ(loose->inputs, 2);
  const double inputs[] = {1, 10};
  EXPECT_EQ(evaluate(*loose, inputs), 25);
}

TEST(PointwiseProgram, SaysWhatIsWrong) {
  const auto message = [](const char* text) { return parse_pointwise(text).status().message(); };
  EXPECT_NE(message("").find("no instruction"), std::string::npos);
  EXPECT_NE(message("frob x0").find("there is no instruction 'frob'"), std::string::npos);
  EXPECT_NE(message("add x0").find("add takes 2 operands and 0 parameters"), std::string::npos);
  EXPECT_NE(message("clip x0 0 six").find("'six' is no number"), std::string::npos);
  EXPECT_NE(message("add x0 t1").find("'t1' is used before it is computed"), std::string::npos);
  EXPECT_NE(message("q = add x0 x1").find("'q' is no name of a result"), std::string::npos);
  EXPECT_NE(message("inputs -2; relu x0").find("no number of inputs"), std::string::npos);
  EXPECT_NE(message("t0 = ").find("empty"), std::string::npos);

  PointwiseProgram program{.inputs = 1, .instructions = {}};
  program.append(PointwiseOp::add, 0, 1);
  EXPECT_FALSE(verify(program).ok());  // its own result
  program.instructions[0].operand[1] = 0;
  EXPECT_TRUE(verify(program).ok());
  program.instructions[0].operand[2] = 0;
  EXPECT_FALSE(verify(program).ok());  // an operand too many
}

double run(const char* text, double a, double b = 0, double c = 0) {
  const double inputs[] = {a, b, c};
  const Result<PointwiseProgram> program = parse_pointwise(std::string("inputs 3; ") + text);
  EXPECT_TRUE(program.ok()) << program.status().message();
  return evaluate(*program, inputs);
}

TEST(PointwiseProgram, EveryInstructionMeansWhatItsNameSays) {
  EXPECT_EQ(run("sub x0 x1", 3, 5), -2);
  EXPECT_EQ(run("div x0 x1", 3, 4), 0.75);
  EXPECT_EQ(run("pow x0 x1", -2, 3), -8);
  EXPECT_TRUE(std::isnan(run("max x0 x1", std::nan(""), 1)) && std::isnan(run("max x0 x1", 1, std::nan(""))));
  EXPECT_TRUE(std::isnan(run("min x0 x1", std::nan(""), 1)) && std::isnan(run("min x0 x1", 1, std::nan(""))));
  EXPECT_EQ(run("min x0 x1", 3, 4), 3);
  EXPECT_EQ(run("less x0 x1", 3, 4), 1);
  EXPECT_EQ(run("less_equal x0 x1", 4, 4), 1);
  EXPECT_EQ(run("greater x0 x1", 3, 4), 0);
  EXPECT_EQ(run("greater_equal x0 x1", 3, 4), 0);
  EXPECT_EQ(run("equal x0 x1", 4, 4), 1);
  EXPECT_EQ(run("not_equal x0 x1", 4, 4), 0);
  EXPECT_EQ(run("logical_and x0 x1", 2, 0), 0);
  EXPECT_EQ(run("logical_or x0 x1", 2, 0), 1);
  EXPECT_EQ(run("logical_not x0", 0), 1);
  EXPECT_EQ(run("fma x0 x1 x2", 2, 3, 4), 10);
  EXPECT_EQ(run("where x0 x1 x2", 2, 3, 4), 3);
  EXPECT_EQ(run("abs x0", -2), 2);
  EXPECT_EQ(run("sign x0", -2), -1);
  EXPECT_EQ(run("reciprocal x0", 4), 0.25);
  EXPECT_EQ(run("sqrt x0", 9), 3);
  EXPECT_EQ(run("rsqrt x0", 4), 0.5);
  EXPECT_EQ(run("square x0", -3), 9);
  EXPECT_EQ(run("floor x0", -1.5), -2);
  EXPECT_EQ(run("ceil x0", -1.5), -1);
  EXPECT_EQ(run("round x0", 2.5), 2);
  EXPECT_EQ(run("round x0", -3.5), -4);
  EXPECT_NEAR(run("exp x0", 1), M_E, 1e-15);
  EXPECT_NEAR(run("log x0", M_E), 1, 1e-15);
  EXPECT_NEAR(run("sin x0", M_PI / 6), 0.5, 1e-15);
  EXPECT_NEAR(run("cos x0", M_PI / 3), 0.5, 1e-15);
  EXPECT_NEAR(run("tanh x0", 0.5), 0.46211715726000975, 1e-15);
  EXPECT_NEAR(run("erf x0", 0.5), 0.5204998778130465, 1e-15);
  EXPECT_NEAR(run("sigmoid x0", 0), 0.5, 1e-15);
  EXPECT_EQ(run("relu x0", -3), 0);
  EXPECT_EQ(run("clip x0 -1 6", 7), 6);
  EXPECT_EQ(run("leaky_relu x0 0.5", -4), -2);
  EXPECT_NEAR(run("elu x0 2", -1), 2 * std::expm1(-1), 1e-15);
  EXPECT_NEAR(run("selu x0 2 3", -1), 6 * std::expm1(-1), 1e-15);
  EXPECT_EQ(run("hard_sigmoid x0 0.25 0.5", 1), 0.75);
  EXPECT_EQ(run("hard_swish x0", 3), 3);
  EXPECT_NEAR(run("silu x0", 1), 1 / (1 + std::exp(-1)), 1e-15);
  EXPECT_NEAR(run("gelu x0", 1), 0.8413447460685429, 1e-15);
  EXPECT_NEAR(run("gelu_tanh x0", 1), 0.8411919906082768, 1e-9);
  EXPECT_NEAR(run("softplus x0", 0), std::log(2), 1e-15);
  EXPECT_NEAR(run("softplus x0", 1000), 1000, 1e-9);
  EXPECT_EQ(run("softsign x0", -1), -0.5);
  EXPECT_NEAR(run("mish x0", 1), 0.8650983882673103, 1e-14);
  EXPECT_EQ(run("neg x0", 1), -1);
}

}  // namespace
}  // namespace vivace
