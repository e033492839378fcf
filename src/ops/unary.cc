// Pointwise functions of one tensor: a table of formulas. f16 and bf16 are computed in f32.
#include <array>
#include <cmath>
#include <unordered_map>

#include "ops/kernel.h"
#include "ops/small_types.h"

namespace vivace::ops {

namespace {

// Up to two attributes of the operator, with the standard's defaults; they are a and b in the formula.
struct Parameter {
  const char* name = nullptr;
  float fallback = 0;
};
using Parameters = std::array<Parameter, 2>;
using Kernel = Status (*)(Call&, const Parameters&);

float value_of(const Call& call, const Parameter& p) {
  if (!p.name) return 0;
  const auto* integer = call.attributes.get<int64_t>(p.name);
  return integer ? static_cast<float>(*integer) : call.attributes.real(p.name, p.fallback);
}

// y[i] = F(x[i], a, b), computed as W, for the formula F of elements of type T; the result is bool where F's is.
template <class F, class T, class W = Wide<T>>
void map(const Call& call, const Parameters& p) {
  using Out = std::conditional_t<std::is_same_v<decltype(F{}(W{}, W{}, W{})), bool>, bool, T>;
  const T* x = call.input(0).as<T>();
  Out* y = call.output().as<Out>();
  const W a = static_cast<W>(value_of(call, p[0])), b = static_cast<W>(value_of(call, p[1]));
  parallel_for(call.pool, call.output().count(), 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) y[i] = static_cast<Out>(F{}(static_cast<W>(x[i]), a, b));
  });
}

template <class F>
Kernel floats(F) {
  return [](Call& call, const Parameters& p) {
    return for_floats(call, call.input(0).type, [&]<class T>() { map<F, T>(call, p); });
  };
}
template <class F>
Kernel integers(F) {
  return [](Call& call, const Parameters& p) {
    return for_integers(call, call.input(0).type, [&]<class T>() { map<F, T>(call, p); });
  };
}
template <class F>
Kernel numbers(F) {
  return [](Call& call, const Parameters& p) {
    return for_numbers(call, call.input(0).type, [&]<class T>() { map<F, T>(call, p); });
  };
}
// Integers are computed as f64, for the sake of fractional parameters.
template <class F>
Kernel numbers_as_real(F) {
  return [](Call& call, const Parameters& p) {
    return for_numbers(call, call.input(0).type, [&]<class T>() {
      map<F, T, std::conditional_t<std::is_integral_v<T>, double, Wide<T>>>(call, p);
    });
  };
}
template <class F>
Kernel booleans(F) {
  return [](Call& call, const Parameters& p) {
    map<F, bool>(call, p);
    return Status();
  };
}

// Integers wrap around instead of overflowing.
template <class T>
T negated(T x) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(uint64_t{0} - static_cast<uint64_t>(x));
  else
    return -x;
}
template <class T>
T magnitude(T x) {
  if constexpr (std::is_unsigned_v<T>)
    return x;
  else if constexpr (std::is_integral_v<T>)
    return x < 0 ? negated(x) : x;
  else
    return std::abs(x);
}
template <class T>
T sign(T x) {  // NaN stays NaN
  return x > T(0) ? T(1) : x == T(0) ? T(0) : x != x ? x : static_cast<T>(-1);
}
template <class T>
T sigmoid(T x) {
  return T(1) / (T(1) + std::exp(-x));
}
template <class T>
T error_function(T x) {  // of an integer in f32, which rounds that of 4 to 1
  return static_cast<T>(std::erf(static_cast<std::conditional_t<std::is_integral_v<T>, float, T>>(x)));
}
template <class T>
T softplus(T x) {  // log(1 + exp(x)) without overflow
  return std::max(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
}
template <class T>
T clamp_to_unit(T x) {
  return x < T(0) ? T(0) : x > T(1) ? T(1) : x;
}
constexpr double kSqrtHalf = 0.70710678118654752440, kSqrtTwoOverPi = 0.79788456080286535588;

struct Row {
  Kernel kernel;
  Parameters parameters = {};
};

#define FORMULA(expression)                                      \
  [](auto x, [[maybe_unused]] auto a, [[maybe_unused]] auto b) { \
    using T [[maybe_unused]] = decltype(x);                      \
    return expression;                                           \
  }

const std::unordered_map<std::string_view, Row>& formulas() {
  static const std::unordered_map<std::string_view, Row> rows = {
      {"Abs", {numbers(FORMULA(magnitude(x)))}},
      {"Neg", {numbers(FORMULA(negated(x)))}},
      {"Sign", {numbers(FORMULA(sign(x)))}},
      {"Sqrt", {floats(FORMULA(std::sqrt(x)))}},
      {"Reciprocal", {floats(FORMULA(T(1) / x))}},
      {"Exp", {floats(FORMULA(std::exp(x)))}},
      {"Log", {floats(FORMULA(std::log(x)))}},
      {"Sin", {floats(FORMULA(std::sin(x)))}},
      {"Cos", {floats(FORMULA(std::cos(x)))}},
      {"Tan", {floats(FORMULA(std::tan(x)))}},
      {"Asin", {floats(FORMULA(std::asin(x)))}},
      {"Acos", {floats(FORMULA(std::acos(x)))}},
      {"Atan", {floats(FORMULA(std::atan(x)))}},
      {"Sinh", {floats(FORMULA(std::sinh(x)))}},
      {"Cosh", {floats(FORMULA(std::cosh(x)))}},
      {"Tanh", {floats(FORMULA(std::tanh(x)))}},
      {"Asinh", {floats(FORMULA(std::asinh(x)))}},
      {"Acosh", {floats(FORMULA(std::acosh(x)))}},
      {"Atanh", {floats(FORMULA(std::atanh(x)))}},
      {"Erf", {numbers(FORMULA(error_function(x)))}},
      {"Floor", {floats(FORMULA(std::floor(x)))}},
      {"Ceil", {floats(FORMULA(std::ceil(x)))}},
      {"Round", {floats(FORMULA(std::nearbyint(x)))}},  // halves go to the even neighbour
      {"Sigmoid", {floats(FORMULA(sigmoid(x)))}},
      {"Relu", {numbers(FORMULA(std::max(x, T(0))))}},
      {"LeakyRelu", {floats(FORMULA(x < T(0) ? a * x : x)), {{{"alpha", 0.01f}}}}},
      {"Elu", {floats(FORMULA(x < T(0) ? a * std::expm1(x) : x)), {{{"alpha", 1}}}}},
      {"Selu",
       {floats(FORMULA(b * (x > T(0) ? x : a * std::expm1(x)))), {{{"alpha", 1.67326319f}, {"gamma", 1.05070102f}}}}},
      {"Celu", {floats(FORMULA(x > T(0) ? x : a * std::expm1(x / a))), {{{"alpha", 1}}}}},
      {"ThresholdedRelu", {floats(FORMULA(x > a ? x : T(0))), {{{"alpha", 1}}}}},
      {"HardSigmoid", {floats(FORMULA(clamp_to_unit(a * x + b))), {{{"alpha", 0.2f}, {"beta", 0.5f}}}}},
      {"HardSwish", {floats(FORMULA(x * clamp_to_unit(x / T(6) + T(0.5))))}},
      {"Softplus", {floats(FORMULA(softplus(x)))}},
      {"Softsign", {floats(FORMULA(x / (T(1) + std::abs(x))))}},
      {"Mish", {floats(FORMULA(x * std::tanh(softplus(x))))}},
      {"Swish", {floats(FORMULA(x * sigmoid(a * x))), {{{"alpha", 1}}}}},
      {"Gelu", {floats(FORMULA(T(0.5) * x * (T(1) + std::erf(x * T(kSqrtHalf)))))}},
      {"Gelu tanh",
       {floats(FORMULA(T(0.5) * x * (T(1) + std::tanh(T(kSqrtTwoOverPi) * (x + T(0.044715) * x * x * x)))))}},
      {"Shrink",
       {numbers_as_real(FORMULA(x < -a  ? x + b
                                : x > a ? x - b
                                        : T(0))),
        {{{"lambd", 0.5f}, {"bias", 0}}}}},
      {"Not", {booleans(FORMULA(!x))}},
      {"BitwiseNot", {integers(FORMULA(static_cast<T>(~x)))}},
      {"IsNaN", {floats(FORMULA(x != x))}},
      {"IsInf",
       {floats(FORMULA(std::isinf(x) && (x > T(0) ? a != T(0) : b != T(0)))),
        {{{"detect_positive", 1}, {"detect_negative", 1}}}}},
  };
  return rows;
}
#undef FORMULA

}  // namespace

namespace {
Status require_float(const Inference& in) {  // of any width
  if (in.dtype(0) == DType::undefined || is_float(in.dtype(0)) || is_small_float(in.dtype(0))) return {};
  return in.error(std::string("input 0 has type ") + to_string(in.dtype(0)) + ", which " + in.node.op +
                  " does not take");
}
}  // namespace

// IsNaN, IsInf.
Status infer_float_test(Inference& in) {
  VIVACE_TRY(require_float(in));
  ir::Type type = in.type(0);
  type.dtype = DType::boolean;
  in.set(0, std::move(type));
  return {};
}

Status infer_gelu(Inference& in) {
  const std::string approximate = in.attributes.text("approximate", "none");
  if (approximate != "none" && approximate != "tanh") return in.error("unknown approximate '" + approximate + "'");
  return infer_same_as_first(in);
}

Status reference_unary(Call& call) {
  const bool tanh = call.node.op == "Gelu" && call.attributes.text("approximate") == "tanh";
  const Row& row = formulas().at(tanh ? "Gelu tanh" : call.node.op);
  if (!is_small_float(call.input(0).type)) return row.kernel(call, row.parameters);
  VIVACE_ASSIGN(const Tensor wide, widened(call.input(0)));  // for a test, whose result is bool
  Call on_wide = call;
  on_wide.inputs[0] = wide;
  return row.kernel(on_wide, row.parameters);
}

}  // namespace vivace::ops
