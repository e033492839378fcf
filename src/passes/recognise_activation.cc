// Activation functions from the operators that exporters write them with.
#include <cmath>

#include "passes/constants.h"
#include "passes/rules.h"

namespace vivace::passes {

namespace {

constexpr double kSqrt2 = 1.4142135623730951;
constexpr double kSqrt2OverPi = 0.7978845608028654;

// A bound of Clip: a constant of one element, or none.
std::optional<double> bound(const ir::Value* value, double fallback) {
  return value ? splat_of(value) : std::optional(fallback);
}
bool clips(const ir::Node& node, double low, double high) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto min = bound(node.input(1), -kInfinity), max = bound(node.input(2), kInfinity);
  // Exporters write the largest number of a type for "no bound".
  return min == low && max && (*max == high || (high == kInfinity && *max >= 3.4028234e38));
}
Pattern clip(Pattern x, double low, double high) {
  return op("Clip", std::move(x), optional(any()), optional(any())).where([=](const ir::Node& n) {
    return clips(n, low, high);
  });
}
/// x * c, or x / (1 / c).
Pattern times(Pattern x, double c) {
  return either(op("Mul", x, scalar_near(c)).commutative(), op("Div", x, scalar_near(1 / c)));
}

}  // namespace

const Rule recognise_relu{
    .name = "recognise_relu",
    .purpose = "max(x, 0), and Clip from 0 without upper bound",
    .pattern = either(op("Max", any("x").floating(), scalar_near(0)).commutative(),
                      clip(any("x"), 0, std::numeric_limits<double>::infinity())),
    .build = [](const Match& m,
                Rewriter& to) { return same_type(m["x"], m.root()) && to.replace(m.root(), to.add("Relu", {m["x"]})); },
};

const Rule recognise_clip{
    .name = "recognise_clip",
    .purpose = "min(max(x, a), b) is Clip",
    .pattern =
        either(op("Min", op("Max", any("x"), scalar("low").floating()).commutative().single_use(), scalar("high"))
                   .commutative(),
               op("Max", op("Min", any("x"), scalar("high").floating()).commutative().single_use(), scalar("low"))
                   .commutative(),
               op("Min", op("Relu", any("x").floating()).single_use(), scalar("high")).commutative()),
    .build =
        [](const Match& m, Rewriter& to) {
          const double low = m["low"] ? *splat_of(m["low"]) : 0, high = *splat_of(m["high"]);
          const DType type = m["x"]->type.dtype;
          if (!same_type(m["x"], m.root()) || !(low <= high)) return false;
          return to.replace(m.root(), to.add("Clip", {m["x"], to.scalar(type, low), to.scalar(type, high)}));
        },
};

const Rule recognise_leaky_relu{
    .name = "recognise_leaky_relu",
    .purpose = "PRelu with one slope for all is LeakyRelu",
    .pattern = op("PRelu", any("x").floating(), scalar("slope")),
    .build =
        [](const Match& m, Rewriter& to) {
          const auto slope = f32_splat_of(m["slope"]);
          if (!slope) return false;
          const ir::Attributes attributes{{"alpha", *slope}};
          return same_type(m["x"], m.root()) && to.replace(m.root(), to.add("LeakyRelu", {m["x"]}, attributes));
        },
};

const Rule recognise_swish{
    .name = "recognise_swish",
    .purpose = "x * sigmoid(alpha * x) is Swish (SiLU for alpha = 1)",
    .pattern = op("Mul", any("x").floating(),
                  op("Sigmoid", either(any("x"), op("Mul", any("x"), scalar("alpha")).commutative().single_use()))
                      .single_use())
                   .commutative(),
    .build =
        [](const Match& m, Rewriter& to) {
          const auto alpha = m["alpha"] ? f32_splat_of(m["alpha"]) : 1.0f;
          if (!alpha) return false;
          const ir::Attributes attributes{{"alpha", *alpha}};
          return same_type(m["x"], m.root()) && to.replace(m.root(), to.add("Swish", {m["x"]}, attributes));
        },
};

const Rule recognise_hard_sigmoid{
    .name = "recognise_hard_sigmoid",
    .purpose = "clip(x + 3, 0, 6) / 6 and clip(a * x + b, 0, 1) are HardSigmoid",
    .pattern =
        either(times(clip(op("Add", any("x").floating(), scalar_near(3)).commutative().single_use(), 0, 6).single_use(),
                     1.0 / 6),
               clip(op("Add", op("Mul", any("x").floating(), scalar("a")).commutative().single_use(), scalar("b"))
                        .commutative()
                        .single_use(),
                    0, 1)),
    .build =
        [](const Match& m, Rewriter& to) {
          const auto alpha = m["a"] ? f32_splat_of(m["a"]) : 1.0f / 6, beta = m["b"] ? f32_splat_of(m["b"]) : 0.5f;
          if (!alpha || !beta) return false;
          const ir::Attributes attributes{{"alpha", *alpha}, {"beta", *beta}};
          return same_type(m["x"], m.root()) && to.replace(m.root(), to.add("HardSigmoid", {m["x"]}, attributes));
        },
};

const Rule recognise_hard_swish{
    .name = "recognise_hard_swish",
    .purpose = "x * HardSigmoid(x) with slope 1/6, and x * clip(x + 3, 0, 6) / 6, are HardSwish",
    .pattern =
        either(op("Mul", any("x").floating(), op("HardSigmoid", any("x")).single_use().where([](const ir::Node& node) {
                 return std::abs(node.attributes.real("alpha", 0.2f) - 1.0f / 6) < 1e-6f &&
                        node.attributes.real("beta", 0.5f) == 0.5f;
               })).commutative(),
               times(op("Mul", any("x").floating(),
                        clip(op("Add", any("x"), scalar_near(3)).commutative().single_use(), 0, 6).single_use())
                         .commutative()
                         .single_use(),
                     1.0 / 6)),
    .build =
        [](const Match& m, Rewriter& to) {
          return same_type(m["x"], m.root()) && to.replace(m.root(), to.add("HardSwish", {m["x"]}));
        },
};

namespace {

// 0.5 * x * (1 + f) in every order that exporters write it.
Pattern half_x_one_plus(Pattern f) {
  const Pattern sum = op("Add", std::move(f), scalar_near(1)).commutative().single_use();
  return either(times(op("Mul", any("x").floating(), sum).commutative().single_use(), 0.5),
                op("Mul", any("x").floating(), times(sum, 0.5).single_use()).commutative(),
                op("Mul", times(any("x").floating(), 0.5).single_use(), sum).commutative());
}

bool gelu(const Match& m, Rewriter& to, const char* kind) {
  return same_type(m["x"], m.root()) &&
         to.replace(m.root(), to.add("Gelu", {m["x"]}, {{"approximate", std::string(kind)}}));
}

}  // namespace

const Rule recognise_gelu{
    .name = "recognise_gelu",
    .purpose = "0.5 * x * (1 + erf(x / sqrt 2)) is Gelu",
    .pattern = half_x_one_plus(op("Erf", times(any("x"), 1 / kSqrt2).single_use()).single_use()),
    .build = [](const Match& m, Rewriter& to) { return gelu(m, to, "none"); },
};

const Rule recognise_gelu_tanh{
    .name = "recognise_gelu_tanh",
    .purpose = "0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) is Gelu",
    .pattern =
        [] {
          const Pattern square = op("Mul", any("x"), any("x"));
          const Pattern cube = either(op("Mul", square, any("x")).commutative(), op("Pow", any("x"), scalar_near(3)));
          const Pattern inner = either(
              op("Add", any("x"), times(cube, 0.044715)).commutative(),
              op("Mul", any("x"), op("Add", times(square, 0.044715), scalar_near(1)).commutative()).commutative(),
              op("Add", any("x"), op("Mul", times(square, 0.044715), any("x")).commutative()).commutative());
          return half_x_one_plus(op("Tanh", times(inner, kSqrt2OverPi).single_use()).single_use());
        }(),
    .build = [](const Match& m, Rewriter& to) { return gelu(m, to, "tanh"); },
};

}  // namespace vivace::passes
