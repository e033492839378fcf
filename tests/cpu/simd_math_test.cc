// The elementary functions of simd_math.h against <cmath> in double, on every set the processor has.
#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "backends/cpu/kernels/math_probe.h"

namespace vivace::cpu {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Function {
  const char* name;
  MathProbe::Run MathProbe::*run;
  double (*reference)(double);
  float lo, hi;  // tested between, besides the specials
  double ulps;
  double floor;  // results below this magnitude count as an absolute error of this scale
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

const Function kFunctions[] = {
    {"exp", &MathProbe::exp, std::exp, -110, 90, 2, 0},
    {"log", &MathProbe::log, std::log, 0, FLT_MAX, 2, 0},
    {"tanh", &MathProbe::tanh, std::tanh, -12, 12, 4, 0},
    {"sigmoid", &MathProbe::sigmoid, sigmoid, -110, 110, 4, 4 * FLT_MIN},
    {"erf", &MathProbe::erf, std::erf, -5, 5, 8, 0},
};

std::vector<float> samples(float lo, float hi) {
  std::vector<float> x;
  for (int i = 0; i <= 300000; ++i) x.push_back(lo + static_cast<float>((double(hi) - lo) * i / 300000));
  for (float v = 1e-45f; v < kInf; v *= 1.0007f) {  // denormals on; every magnitude, both signs
    x.push_back(v), x.push_back(-v);
    if (v < 1e-41f) v *= 1.5f;
  }
  for (const float v : {0.f, -0.f, 1.f, -1.f, kInf, -kInf, std::nanf(""), FLT_MAX, -FLT_MAX, FLT_MIN, 88.722839f})
    x.push_back(v);
  return x;
}

double unit_of(double y) {
  const float f = static_cast<float>(std::fabs(y));
  if (f >= FLT_MAX) return 0x1p104;
  return double(std::nextafter(f, kInf)) - f;
}

TEST(SimdMath, FunctionsMeetTheirBounds) {
  for (Isa isa : {Isa::generic, Isa::avx2, Isa::avx512}) {
    if (isa > best_isa()) continue;
    for (const Function& f : kFunctions) {
      const std::vector<float> x = samples(f.lo, f.hi);
      std::vector<float> y(x.size());
      (math_probe(isa).*f.run)(x.data(), y.data(), static_cast<int64_t>(x.size()));
      double worst = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = f.reference(x[i]);
        const std::string at = std::string(to_string(isa)) + " " + f.name + "(" + std::to_string(x[i]) + ")";
        if (std::isnan(want)) {
          ASSERT_TRUE(std::isnan(y[i])) << at;
        } else if (std::isinf(static_cast<float>(want))) {
          ASSERT_EQ(y[i], static_cast<float>(want)) << at;
        } else {
          const double error = std::fabs(y[i] - want) / std::max(unit_of(want), f.floor);
          ASSERT_LE(error, f.ulps) << at << " is " << y[i] << ", not " << want;
          worst = std::max(worst, error);
        }
      }
      RecordProperty(std::string(f.name) + "_" + to_string(isa), std::to_string(worst));
    }
  }
}

double reference_activation(Activation a, double x, double alpha, double beta) {
  const auto clamp = [](double v, double lo, double hi) { return v < lo ? lo : v > hi ? hi : v; };
  switch (a) {
    case Activation::none: return x;
    case Activation::relu: return x < 0 ? 0 : x;
    case Activation::clip: return clamp(x, alpha, beta);
    case Activation::leaky_relu: return x < 0 ? alpha * x : x;
    case Activation::hard_sigmoid: return clamp(alpha * x + beta, 0, 1);
    case Activation::hard_swish: return x * clamp(x / 6 + 0.5, 0, 1);
    case Activation::sigmoid: return sigmoid(x);
    case Activation::silu: return x * sigmoid(x);
    case Activation::tanh: return std::tanh(x);
    case Activation::gelu: return x * 0.5 * (1 + std::erf(x / std::sqrt(2)));
    case Activation::gelu_tanh: return x * 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }
  return 0;
}

TEST(SimdMath, ActivationsMatchTheirDefinitions) {
  std::vector<float> x, y;
  for (float v = -20; v <= 20; v += 0.0037f) x.push_back(v);
  x.push_back(std::nanf(""));
  y.resize(x.size());
  for (Isa isa : {Isa::generic, Isa::avx2, Isa::avx512}) {
    if (isa > best_isa()) continue;
    for (int a = 0; a <= static_cast<int>(Activation::gelu_tanh); ++a) {
      const Activation activation = static_cast<Activation>(a);
      math_probe(isa).activate(activation, 0.2f, 0.6f, x.data(), y.data(), static_cast<int64_t>(x.size()));
      for (size_t i = 0; i + 1 < x.size(); ++i) {
        const double want = reference_activation(activation, x[i], 0.2f, 0.6f);
        // gelu cancels for negative x: the error is relative to x, not to the result.
        ASSERT_NEAR(y[i], want, 1e-6 * std::max(std::fabs(want), 0.5 * std::fabs(x[i])) + 1e-9)
            << to_string(isa) << " activation " << a << " of " << x[i];
      }
      EXPECT_TRUE(std::isnan(y.back())) << to_string(isa) << " activation " << a;
    }
  }
}

}  // namespace
}  // namespace vivace::cpu
