// The pointwise kernel against the reference interpreter in double; and its planner.
#include "backends/cpu/kernels/pointwise.h"
#include "backends/cpu/pointwise_plan.h"
#include "cpu/kernel_testing.h"

namespace vivace::cpu {
namespace {

using Shape = std::vector<int64_t>;

PointwiseProgram program_of(const std::string& text) {
  Result<PointwiseProgram> program = parse_pointwise(text);
  EXPECT_TRUE(program.ok()) << text << ": " << program.status().message();
  return program.ok() ? *program : PointwiseProgram{};
}

int64_t size_of(const Shape& shape) {
  int64_t n = 1;
  for (const int64_t d : shape) n *= d;
  return n;
}

// Runs `text` over inputs of these shapes on every set, with one and two threads.
// tolerance: relative to the largest of |result|, `scale` and 1e-30.
void check(const std::string& text, const Shape& dims, const std::vector<Shape>& shapes, double tolerance,
           double scale = 0, float lo = -3, float hi = 3) {
  const PointwiseProgram program = program_of(text);
  std::vector<std::vector<int64_t>> strides;
  std::vector<std::vector<float>> data;
  std::vector<const float*> inputs;
  for (const Shape& shape : shapes) {
    strides.push_back(broadcast_strides(shape, dims));
    data.push_back(random_floats(size_of(shape), static_cast<uint32_t>(data.size()) + 1, lo, hi));
  }
  for (const std::vector<float>& d : data) inputs.push_back(d.data());
  const Result<PointwisePlan> plan = plan_pointwise(program, dims, strides);
  ASSERT_TRUE(plan.ok()) << text << ": " << plan.status().message();
  for (const Isa isa : present_isas()) {
    const PointwiseKernels& kernels = pointwise_kernels(isa);
    const std::string where = std::string(to_string(isa)) + ": " + text;
    Guarded<float> one(size_of(dims)), two(size_of(dims));
    for (const int threads : {1, 2}) {
      ThreadPool pool(threads);
      Guarded<float>& y = threads == 1 ? one : two;
      Guarded<float> scratch(kernels.scratch_size(*plan, threads));
      kernels.run(*plan, inputs.data(), y.data(), scratch.data(), pool);
      ASSERT_TRUE(y.guards_hold() && scratch.guards_hold()) << where;
    }
    ASSERT_TRUE(one.same_bits(two)) << where;
    Shape index(dims.size(), 0);
    for (int64_t at = 0; at < size_of(dims); ++at) {
      std::vector<double> x(inputs.size());
      for (size_t i = 0; i < inputs.size(); ++i) {
        int64_t offset = 0;
        for (size_t d = 0; d < dims.size(); ++d) offset += index[d] * strides[i][d];
        x[i] = inputs[i][offset];
      }
      const double want = evaluate(program, x.data());
      if (std::isnan(want)) {
        ASSERT_TRUE(std::isnan(one[at])) << where << " at " << at;
      } else {
        ASSERT_NEAR(one[at], want, tolerance * std::max({std::fabs(want), scale, 1e-30}))
            << where << " at " << at << (x.empty() ? "" : " x0 = " + std::to_string(x[0]));
      }
      for (size_t d = dims.size(); d-- > 0 && ++index[d] == dims[d];) index[d] = 0;
    }
  }
}

// Rounding of a few f32 steps and the functions' own bounds.
constexpr double kFew = 1e-6;

TEST(PointwiseKernels, EveryInstruction) {
  const Shape dims{1037};
  for (const char* op : {"add x0 x1", "sub x0 x1", "mul x0 x1", "div x0 x1", "max x0 x1", "min x0 x1", "less x0 x1",
                         "less_equal x0 x1", "greater x0 x1", "greater_equal x0 x1", "equal x0 x0", "not_equal x0 x1",
                         "logical_and x0 x1", "logical_or x0 x1", "pow x0 x1", "pow x1 2", "pow x1 -0.5"})
    check(std::string(op) + "", dims, std::vector<Shape>(std::string(op).find("x1") == std::string::npos ? 1 : 2, dims),
          kFew);
  check("fma x0 x1 x2", dims, {dims, dims, dims}, kFew, 1);
  check("t0 = greater x0 0.5; where t0 x1 x2", dims, {dims, dims, dims}, 0);
  for (const char* op : {"neg x0",     "abs x0",           "sign x0",           "reciprocal x0", "sqrt x0",
                         "rsqrt x0",   "square x0",        "floor x0",          "ceil x0",       "round x0",
                         "exp x0",     "log x0",           "tanh x0",           "erf x0",        "sigmoid x0",
                         "relu x0",    "clip x0 -0.5 0.5", "leaky_relu x0 0.1", "elu x0 1.5",    "selu x0 1.67 1.05",
                         "silu x0",    "softplus x0",      "softsign x0",       "mish x0",       "logical_not x0",
                         "pow x0 0.5", "pow x0 3"}) {
    check(op, dims, {dims}, kFew);
    check(op, {200}, {{200}}, kFew, 1e-30, -60, 60);
  }
  for (const char* op : {"gelu x0", "gelu_tanh x0", "hard_sigmoid x0 0.2 0.5", "hard_swish x0", "sin x0",
                         "cos x0"}) {  // cancel: absolute error
    check(op, dims, {dims}, kFew, 1);
    check(op, dims, {dims}, kFew, 1, -100, 100);
  }
  check("sin x0", dims, {dims}, kFew, 1, -30000, 30000);
  check("cos x0", dims, {dims}, kFew, 1, -1e30f, 1e30f);
  check("constant 2.5", {7}, {}, 0);
}

TEST(PointwiseKernels, SpecialValues) {
  const float inf = INFINITY;
  const float x[] = {inf, -inf, NAN, 0, -0.f, 1e30f, -1e30f, 2.5f, -2.5f, 8388609, 3e9f};
  const auto n = static_cast<int64_t>(std::size(x));
  for (const char* text : {"exp x0",   "log x0",   "tanh x0",  "erf x0",      "sigmoid x0", "relu x0", "clip x0 0 6",
                           "floor x0", "ceil x0",  "round x0", "softplus x0", "elu x0 1",   "sqrt x0", "max x0 1",
                           "max 1 x0", "min x0 1", "min 1 x0", "abs x0",      "sign x0",    "sin x0",  "softsign x0"}) {
    const PointwiseProgram program = program_of(text);
    const Result<PointwisePlan> plan = plan_pointwise(program, Shape{n}, {{1}});
    for (const Isa isa : present_isas()) {
      ThreadPool pool(1);
      std::vector<float> y(x, x + n), scratch(static_cast<size_t>(pointwise_kernels(isa).scratch_size(*plan, 1)));
      const float* inputs[] = {y.data()};
      pointwise_kernels(isa).run(*plan, inputs, y.data(), scratch.data(), pool);  // in place
      for (size_t i = 0; i < y.size(); ++i) {
        const float want = evaluate(program, x + i);
        if (std::isnan(want))
          EXPECT_TRUE(std::isnan(y[i])) << to_string(isa) << " " << text << " of " << x[i];
        else if (std::isinf(want))
          EXPECT_EQ(y[i], want) << to_string(isa) << " " << text << " of " << x[i];
        else
          EXPECT_NEAR(y[i], want, kFew * std::fabs(want)) << to_string(isa) << " " << text << " of " << x[i];
      }
    }
  }
}

TEST(PointwiseKernels, BroadcastsOfEveryKind) {
  const char* text = "t0 = mul x0 x1; t1 = add t0 x2; relu t1";
  check(text, {}, {{}, {}, {}}, kFew, 1);
  check(text, {0, 5}, {{0, 5}, {5}, {}}, kFew, 1);
  check(text, {1, 1}, {{1, 1}, {1}, {}}, kFew, 1);
  check(text, {4, 7}, {{4, 7}, {7}, {4, 1}}, kFew, 1);
  check(text, {37, 768}, {{37, 768}, {768}, {37, 1}}, kFew, 1);
  check(text, {3, 2500}, {{3, 2500}, {2500}, {3, 1}}, kFew, 1);
  check(text, {2, 13, 7, 7}, {{2, 13, 7, 7}, {13, 1, 1}, {2, 13, 1, 1}}, kFew, 1);
  check(text, {2, 5, 11, 16}, {{2, 5, 11, 16}, {5, 1, 16}, {16}}, kFew, 1);
  check(text, {5, 300, 16}, {{5, 300, 16}, {5, 1, 16}, {5, 1, 1}}, kFew, 1);
  check(text, {5, 49, 16}, {{5, 49, 16}, {5, 1, 16}, {5, 1, 1}}, kFew, 1);
  check(text, {70, 16, 16}, {{70, 1, 16}, {70, 16, 16}, {1, 16, 16}}, kFew, 1);
  check(text, {3, 5, 67, 11}, {{5, 1, 11}, {3, 5, 67, 11}, {3, 1, 1, 11}}, kFew, 1);
  check(text, {3, 4, 5, 6, 7}, {{3, 1, 5, 1, 7}, {4, 1, 6, 1}, {3, 4, 5, 6, 7}}, kFew, 1);
  check(text, {300, 200}, {{300, 1}, {200}, {1}}, kFew, 1);
  check(text, {40, 1700}, {{40, 1}, {1700}, {40, 1700}}, kFew, 1);
  check("t0 = exp x0; t1 = div t0 x1; tanh t1", {1, 200000}, {{1, 200000}, {1, 1}}, kFew, 1);
  check("t0 = exp x0; t1 = div t0 x1; tanh t1", {2, 100003}, {{2, 100003}, {2, 1}}, kFew, 1);
  check("t0 = exp x0; t1 = div t0 x1; tanh t1", {700, 331}, {{700, 331}, {331}}, kFew, 1);
}

TEST(PointwiseKernels, LongProgramsReuseSlots) {
  std::string text = "t0 = mul x0 x1";
  for (int i = 1; i < 60; ++i)
    text += "; t" + std::to_string(i) + " = " +
            (i % 3 == 0 ? "tanh t" + std::to_string(i - 1)
                        : "add t" + std::to_string(i - 1) + " x" + std::to_string(i % 2) + "");
  text += "; add t59 0.25";
  check(text, {5, 333}, {{5, 333}, {333}}, 1e-5, 1);
  const Result<PointwisePlan> plan = plan_pointwise(program_of(text), Shape{5, 333}, {{333, 1}, {0, 1}});
  ASSERT_TRUE(plan.ok());
  EXPECT_LE(plan->slots, 4);
}

TEST(PointwisePlan, MergesDimensionsAndClassifiesInputs) {
  using Kind = PointwisePlan::Input::Kind;
  const PointwiseProgram program = program_of("t0 = fma x0 x1 x2; t1 = mul t0 2; add t1 x3");
  const Shape dims{2, 3, 1, 8, 4};
  const auto strides = [&](const Shape& shape) { return broadcast_strides(shape, dims); };
  const Result<PointwisePlan> plan =
      plan_pointwise(program, dims, {strides(dims), strides({}), strides({3, 1, 1, 1}), strides({2, 1, 1, 8, 4})});
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  EXPECT_EQ(plan->rank, 3);
  EXPECT_EQ(Shape(plan->dims, plan->dims + 3), (Shape{2, 3, 32}));
  EXPECT_EQ(plan->row, 32);
  EXPECT_EQ(plan->block % 32, 0);
  EXPECT_EQ(plan->input[0].kind, Kind::whole);
  EXPECT_EQ(plan->input[1].kind, Kind::fixed);
  EXPECT_EQ(plan->input[2].kind, Kind::expanded);
  EXPECT_EQ(Shape(plan->input[2].strides, plan->input[2].strides + 3), (Shape{0, 1, 0}));
  EXPECT_EQ(plan->input[3].kind, Kind::expanded);
  EXPECT_EQ(Shape(plan->input[3].strides, plan->input[3].strides + 3), (Shape{32, 0, 1}));
}

TEST(PointwisePlan, RefusesWhatIsTooLarge) {
  PointwiseProgram program{.inputs = kPointwiseInputs + 1, .instructions = {}};
  program.append(PointwiseOp::relu, 0);
  std::vector<std::vector<int64_t>> strides(static_cast<size_t>(program.inputs), {1});
  EXPECT_EQ(plan_pointwise(program, Shape{4}, strides).status().code(), Code::unsupported);
  program.inputs = 1, strides.resize(1);
  program.instructions.assign(kPointwiseSteps + 1, {PointwiseOp::relu, {0, -1, -1}});
  EXPECT_EQ(plan_pointwise(program, Shape{4}, strides).status().code(), Code::unsupported);
  program.instructions.resize(1);
  EXPECT_EQ(plan_pointwise(program, Shape{4, 4}, strides).status().code(), Code::invalid_argument);
  const Shape deep(10, 2), sparse{0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
  EXPECT_EQ(plan_pointwise(program, deep, {sparse}).status().code(), Code::unsupported);
}

}  // namespace
}  // namespace vivace::cpu
