#include "backends/cuda/rows/elementwise.h"

#include <array>
#include <cstdio>

#include "ops/pointwise_nodes.h"

namespace vivace::cuda {

namespace {

constexpr const char* kElementHelpers = R"(
template <class A, class B> constexpr bool kSame = false;
template <class A> constexpr bool kSame<A, A> = true;
template <class T> constexpr bool kReal = (T)0.5 != (T)0;
template <> constexpr bool kReal<bool> = false;
template <class T> __device__ __forceinline__ T wide(T x) { return x; }
__device__ __forceinline__ float wide(half x) { return to_float(x); }
__device__ __forceinline__ float wide(bfloat x) { return to_float(x); }
template <class T, class W> __device__ __forceinline__ T narrow(W x) {
  if constexpr (kSame<T, half> || kSame<T, bfloat>) return from_float<T>((float)x);
  else return (T)x;
}
template <int n, class T> __device__ __forceinline__ bool aligned(const T* p) {
  return (unsigned long long)p % (sizeof(T) * n) == 0;
}
template <int n, class T> __device__ __forceinline__ Vector<T, n> load(const T* p) {
  return *(const Vector<T, n>*)__builtin_assume_aligned(p, sizeof(T) * n);
}
template <int n, class T> __device__ __forceinline__ Vector<T, n> load(const T* p, bool at_once) {
  if (at_once) return load<n>(p);
  Vector<T, n> x;
  for (int k = 0; k < n; ++k) x.v[k] = p[k];
  return x;
}
template <int n, class T> __device__ __forceinline__ void store(T* p, const Vector<T, n>& x) {
  *(Vector<T, n>*)__builtin_assume_aligned(p, sizeof(T) * n) = x;
}
template <int n, class T> __device__ __forceinline__ void store(T* p, const Vector<T, n>& x, bool at_once) {
  if (at_once) store<n>(p, x);
  else
    for (int k = 0; k < n; ++k) p[k] = x.v[k];
}
)";

// Integers wrap around; conversions are those of the reference (ops/cast.cc): toward zero, as the narrow end of an i64.
constexpr const char* kFunctions = R"(
template <class T> __device__ __forceinline__ T larger(T a, T b) { return a > b || a != a ? a : b; }
template <class T> __device__ __forceinline__ T smaller(T a, T b) { return a < b || a != a ? a : b; }
template <class T> __device__ __forceinline__ T sum_of(T a, T b) {
  if constexpr (kReal<T>) return a + b;
  else return (T)((unsigned long long)a + (unsigned long long)b);
}
template <class T> __device__ __forceinline__ T difference(T a, T b) {
  if constexpr (kReal<T>) return a - b;
  else return (T)((unsigned long long)a - (unsigned long long)b);
}
template <class T> __device__ __forceinline__ T product(T a, T b) {
  if constexpr (kReal<T>) return a * b;
  else return (T)((unsigned long long)a * (unsigned long long)b);
}
template <class T> __device__ __forceinline__ T quotient(T a, T b) {
  if constexpr (!kReal<T> && (T)-1 < (T)0) {
    if (b == (T)-1) return difference((T)0, a);
  }
  return (T)(a / b);
}
template <class T> __device__ __forceinline__ T rest_like_a(T a, T b) {
  if constexpr (kReal<T>) return fmod(a, b);
  else if constexpr ((T)-1 < (T)0) return b == (T)-1 ? (T)0 : (T)(a % b);
  else return (T)(a % b);
}
template <class T> __device__ __forceinline__ T rest_like_b(T a, T b) {
  const T r = rest_like_a(a, b);
  return r != (T)0 && (r < (T)0) != (b < (T)0) ? (T)(r + b) : r;
}
template <class T> __device__ __forceinline__ T shifted(T x, T by, bool left) {
  if (by >= (T)(sizeof(T) * 8)) return 0;
  return (T)(left ? (unsigned long long)x << by : (unsigned long long)x >> by);
}
template <class T> __device__ __forceinline__ T softplus(T x) { return fmax(x, (T)0) + log1p(exp(-fabs(x))); }
template <class T> __device__ __forceinline__ T to_unit(T x) { return x < (T)0 ? (T)0 : x > (T)1 ? (T)1 : x; }
__device__ __forceinline__ long long integer_power(long long base, long long exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  unsigned long long result = 1, factor = base;
  for (; exponent; exponent >>= 1, factor *= factor)
    if (exponent & 1) result *= factor;
  return result;
}
template <class T, class E> __device__ __forceinline__ T power(T base, E exponent) {
  if constexpr (kSame<T, E> && kReal<T>) return pow(base, exponent);
  else if constexpr (!kReal<T> && !kReal<E>) return (T)integer_power(base, exponent);
  else {
    const double exact = pow((double)base, (double)exponent);
    if constexpr (kReal<T>) return (T)exact;
    else return fabs(exact) < 9.2e18 ? (T)(long long)exact : (T)0;
  }
}
template <class To, class From> __device__ __forceinline__ To convert(From x) {
  if constexpr (kSame<To, bool>) return x != (From)0;
  else if constexpr (kReal<From> && !kReal<To>) {
    constexpr From limit = (From)9223372036854775808.0;
    if (x != x) return 0;
    if (kSame<To, unsigned long long> && x >= limit)
      return (To)(x < limit * 2 ? (unsigned long long)x : 0xffffffffffffffffull);
    if (x >= limit) return (To)0x7fffffffffffffffll;
    if (x < -limit) return (To)(-0x7fffffffffffffffll - 1);
    return (To)(long long)x;
  } else return (To)x;
}
)";

std::string instruction_text(const PointwiseInstruction& i, const std::vector<std::string>& names) {
  const auto arg = [&](int k) { return names[static_cast<size_t>(i.operand[k])]; };
  const auto compare = [&](const char* op) { return "W(" + arg(0) + op + arg(1) + ")"; };
  const auto call = [&](const char* name) { return std::string(name) + "(" + arg(0) + ")"; };
  const auto both = [&](const char* name) { return std::string(name) + "(" + arg(0) + ", " + arg(1) + ")"; };
  const std::string alpha = "W(" + literal(i.alpha) + ")", beta = "W(" + literal(i.beta) + ")";
  const auto x = [&] { return arg(0); };
  switch (i.op) {
    case PointwiseOp::constant: return alpha;
    case PointwiseOp::add: return arg(0) + " + " + arg(1);
    case PointwiseOp::sub: return arg(0) + " - " + arg(1);
    case PointwiseOp::mul: return arg(0) + " * " + arg(1);
    case PointwiseOp::div: return arg(0) + " / " + arg(1);
    case PointwiseOp::pow: return both("pow");
    case PointwiseOp::max: return both("larger");
    case PointwiseOp::min: return both("smaller");
    case PointwiseOp::less: return compare(" < ");
    case PointwiseOp::less_equal: return compare(" <= ");
    case PointwiseOp::greater: return compare(" > ");
    case PointwiseOp::greater_equal: return compare(" >= ");
    case PointwiseOp::equal: return compare(" == ");
    case PointwiseOp::not_equal: return compare(" != ");
    case PointwiseOp::logical_and: return "W(" + arg(0) + " != 0 && " + arg(1) + " != 0)";
    case PointwiseOp::logical_or: return "W(" + arg(0) + " != 0 || " + arg(1) + " != 0)";
    case PointwiseOp::fma: return "fma(" + arg(0) + ", " + arg(1) + ", " + arg(2) + ")";
    case PointwiseOp::where: return arg(0) + " != 0 ? " + arg(1) + " : " + arg(2);
    case PointwiseOp::logical_not: return "W(" + x() + " == 0)";
    case PointwiseOp::neg: return "-" + x();
    case PointwiseOp::abs: return call("fabs");
    case PointwiseOp::sign: return x() + " > 0 ? W(1) : " + x() + " < 0 ? W(-1) : " + x();
    case PointwiseOp::reciprocal: return "1 / " + x();
    case PointwiseOp::sqrt: return call("sqrt");
    case PointwiseOp::rsqrt: return "1 / sqrt(" + x() + ")";
    case PointwiseOp::square: return x() + " * " + x();
    case PointwiseOp::floor: return call("floor");
    case PointwiseOp::ceil: return call("ceil");
    case PointwiseOp::round: return call("rint");
    case PointwiseOp::exp: return call("exp");
    case PointwiseOp::log: return call("log");
    case PointwiseOp::sin: return call("sin");
    case PointwiseOp::cos: return call("cos");
    case PointwiseOp::tanh: return call("tanh");
    case PointwiseOp::erf: return call("erf");
    case PointwiseOp::sigmoid: return "1 / (1 + exp(-" + x() + "))";
    case PointwiseOp::relu: return x() + " < 0 ? W(0) : " + x();
    case PointwiseOp::clip: return "smaller(larger(" + x() + ", " + alpha + "), " + beta + ")";
    case PointwiseOp::leaky_relu: return x() + " < 0 ? " + alpha + " * " + x() + " : " + x();
    case PointwiseOp::elu: return x() + " < 0 ? " + alpha + " * expm1(" + x() + ") : " + x();
    case PointwiseOp::selu: return beta + " * (" + x() + " < 0 ? " + alpha + " * expm1(" + x() + ") : " + x() + ")";
    case PointwiseOp::hard_sigmoid: return "to_unit(" + alpha + " * " + x() + " + " + beta + ")";
    case PointwiseOp::hard_swish: return x() + " * to_unit(" + x() + " / 6 + W(0.5))";
    case PointwiseOp::silu: return x() + " / (1 + exp(-" + x() + "))";
    case PointwiseOp::gelu: return "W(0.5) * " + x() + " * (1 + erf(" + x() + " * W(0.70710678118654752440)))";
    case PointwiseOp::gelu_tanh:
      return "W(0.5) * " + x() + " * (1 + tanh(W(0.79788456080286535588) * (" + x() + " + W(0.044715) * " + x() +
             " * " + x() + " * " + x() + ")))";
    case PointwiseOp::softplus: return call("softplus");
    case PointwiseOp::softsign: return x() + " / (1 + fabs(" + x() + "))";
    case PointwiseOp::mish: return x() + " * tanh(softplus(" + x() + "))";
  }
  return "W(0)";
}

// Types of input 0 that a formula takes.
enum Kinds : unsigned { kFloats = 1, kIntegers = 2, kBooleans = 4, kNumbers = kFloats | kIntegers };

unsigned kind_of(DType type) {
  return is_float(type) ? kFloats : is_integer(type) ? kIntegers : type == DType::boolean ? kBooleans : 0U;
}

struct Parameter {
  const char* name = nullptr;
  float fallback = 0;
};

// Operators of which all inputs have one type, as expressions of a, b; alpha and beta are attributes. Those on floats
// that are instructions of pointwise programs are not repeated here.
struct Formula {
  std::string_view op;
  unsigned kinds;
  const char* text;
  std::array<Parameter, 2> parameters = {};
  bool divides = false;
};
constexpr Formula kFormulas[] = {
    {"Abs", kIntegers, "a < 0 ? difference(W(0), a) : a"},
    {"Neg", kIntegers, "difference(W(0), a)"},
    {"Sign", kIntegers, "a > 0 ? 1 : a == 0 ? 0 : -1"},
    {"Relu", kIntegers, "a > 0 ? a : W(0)"},
    {"Tan", kFloats, "tan(a)"},
    {"Asin", kFloats, "asin(a)"},
    {"Acos", kFloats, "acos(a)"},
    {"Atan", kFloats, "atan(a)"},
    {"Sinh", kFloats, "sinh(a)"},
    {"Cosh", kFloats, "cosh(a)"},
    {"Asinh", kFloats, "asinh(a)"},
    {"Acosh", kFloats, "acosh(a)"},
    {"Atanh", kFloats, "atanh(a)"},
    {"Celu", kFloats, "a > 0 ? a : alpha * expm1(a / alpha)", {{{"alpha", 1}}}},
    {"ThresholdedRelu", kFloats, "a > alpha ? a : W(0)", {{{"alpha", 1}}}},
    {"Swish", kFloats, "a / (1 + exp(-alpha * a))", {{{"alpha", 1}}}},
    {"Shrink", kNumbers, "a < -alpha ? a + beta : a > alpha ? a - beta : 0", {{{"lambd", 0.5f}, {"bias", 0}}}},
    {"Not", kBooleans, "!a"},
    {"BitwiseNot", kIntegers, "~a"},
    {"IsNaN", kFloats, "a != a"},
    {"IsInf",
     kFloats,
     "a == a && a - a != 0 && (a > 0 ? alpha : beta) != 0",
     {{{"detect_positive", 1}, {"detect_negative", 1}}}},
    {"Dropout", kNumbers | kBooleans, "a"},
    {"Add", kIntegers, "sum_of(a, b)"},
    {"Sub", kIntegers, "difference(a, b)"},
    {"Mul", kIntegers, "product(a, b)"},
    {"Div", kIntegers, "quotient(a, b)", {}, true},
    {"Mod", kNumbers, "rest_like_b(a, b)", {}, true},
    {"Mod fmod", kNumbers, "rest_like_a(a, b)", {}, true},
    {"PRelu", kNumbers, "a < 0 ? product(a, b) : a"},
    {"BitShift LEFT", kIntegers, "shifted(a, b, true)"},
    {"BitShift RIGHT", kIntegers, "shifted(a, b, false)"},
    {"BitwiseAnd", kIntegers, "a & b"},
    {"BitwiseOr", kIntegers, "a | b"},
    {"BitwiseXor", kIntegers, "a ^ b"},
    {"And", kBooleans, "a && b"},
    {"Or", kBooleans, "a || b"},
    {"Xor", kBooleans, "a != b"},
    {"Equal", kNumbers | kBooleans, "a == b"},
    {"Less", kNumbers, "a < b"},
    {"LessOrEqual", kNumbers, "a <= b"},
    {"Greater", kNumbers, "a > b"},
    {"GreaterOrEqual", kNumbers, "a >= b"},
    // Any number of inputs: each joins what those before it gave.
    {"Max", kNumbers, "larger(a, b)"},
    {"Min", kNumbers, "smaller(a, b)"},
    {"Sum", kNumbers, "sum_of(a, b)"},
    {"Mean", kNumbers, "sum_of(a, b)"},
};
// Operators with text of their own, or on floats instructions of programs.
constexpr std::string_view kOthers[] = {"BatchNormalization",
                                        "QuantizeLinear",
                                        "DequantizeLinear",
                                        "Cast",
                                        "CastLike",
                                        "Where",
                                        "Clip",
                                        "Pow",
                                        "Reciprocal",
                                        "Sqrt",
                                        "Floor",
                                        "Ceil",
                                        "Round",
                                        "Exp",
                                        "Log",
                                        "Sin",
                                        "Cos",
                                        "Tanh",
                                        "Erf",
                                        "Sigmoid",
                                        "HardSwish",
                                        "Softplus",
                                        "Softsign",
                                        "Mish",
                                        "LeakyRelu",
                                        "Elu",
                                        "Selu",
                                        "Gelu",
                                        "HardSigmoid",
                                        "vivace.Pointwise"};

bool is_fold(std::string_view op) { return op == "Max" || op == "Min" || op == "Sum" || op == "Mean"; }

const char* wide_type(DType type) { return type == DType::f16 || type == DType::bf16 ? "float" : type_name(type); }

std::string a(size_t k) { return "a" + std::to_string(k); }

class Writer {
 public:
  Writer(const Problem& p, Elementwise& e) : p_(p), e_(e) {}

  Verdict write() {
    const ir::Node& node = *p_.node;
    for (size_t i = 1; i < p_.outputs.size(); ++i)
      if (asked_for(p_, i)) return no("more than the first output is asked for");
    if (node.op == "Where") return where();
    if (!type_name(p_.inputs[0].type) || !type_name(p_.outputs[0].type)) return no("a type without a kernel");
    if (node.op == "Cast" || node.op == "CastLike") return cast();
    if (node.op == "BatchNormalization") return batch_norm();
    if (node.op == "QuantizeLinear" || node.op == "DequantizeLinear") return quantization();
    // In f64 the bounds of a Clip may need all their bits.
    if (!(node.op == "Clip" && p_.inputs[0].type == DType::f64))
      if (const auto program = ops::pointwise_program_of(node)) return chain(*program);
    if (node.op == "Clip") return clip();
    if (node.op == "Pow") return formula("power(a, b)", {}, true);
    return from_table();
  }

 private:
  // One element for each index of an axis.
  Shape along(int axis) const {
    const Shape& x = p_.inputs[0].shape;
    Shape shape(x.begin() + axis, x.end());
    std::fill(shape.begin() + 1, shape.end(), 1);
    return shape;
  }
  Verdict take(size_t input) { return take(input, input < p_.inputs.size() ? p_.inputs[input].shape : Shape()); }
  Verdict take(size_t input, Shape shape) {
    const char* type = input < p_.inputs.size() ? type_name(p_.inputs[input].type) : nullptr;
    if (!type) return no("an input is left out, or of a type without a kernel");
    e_.operands.push_back(input);
    e_.shapes.push_back(std::move(shape));
    e_.types.emplace_back(type);
    return yes();
  }

  Verdict finish(const std::string& body) {
    e_.result = type_name(p_.outputs[0].type);
    std::string parameters;
    for (size_t k = 0; k < e_.types.size(); ++k) parameters += (k ? ", " : "") + e_.types[k] + " " + a(k);
    if (!e_.fault.empty()) parameters += ", unsigned* fault";
    e_.function =
        kFunctions + ("__device__ __forceinline__ " + e_.result) + " apply(" + parameters + ") {\n" + body + "}\n";
    return yes();
  }
  std::string result(const std::string& expression) const {
    return "  return narrow<" + std::string(type_name(p_.outputs[0].type)) + ">(" + expression + ");\n";
  }
  static std::string wide_type_line(DType type) { return "  using W = " + std::string(wide_type(type)) + ";\n"; }

  Verdict where() {
    const char* raw = raw_type(p_.outputs[0].type);
    if (!raw || !p_.has(2) || p_.inputs[0].type != DType::boolean) return no("elements of 1, 2, 4 or 8 bytes only");
    e_.operands = {0, 1, 2};
    e_.shapes = {p_.inputs[0].shape, p_.inputs[1].shape, p_.inputs[2].shape};
    e_.types = {"bool", raw, raw};
    e_.result = raw;
    e_.function = std::string("__device__ __forceinline__ ") + raw + " apply(bool a0, " + raw + " a1, " + raw +
                  " a2) { return a0 ? a1 : a2; }\n";
    return yes();
  }

  Verdict cast() {
    if (Verdict verdict = take(0); !verdict) return verdict;
    if (p_.inputs[0].type == p_.outputs[0].type) return finish("  return a0;\n");
    return finish(result("convert<" + std::string(wide_type(p_.outputs[0].type)) + ">(wide(a0))"));
  }

  // Inputs 1 to 4, of one element a channel, may have other types than the data.
  Verdict batch_norm() {
    if (p_.attributes().integer("training_mode") != 0) return no("it is training");
    if (!is_float(p_.inputs[0].type)) return no("floats only");
    for (size_t i = 0; i < 5; ++i)
      if (Verdict verdict = take(i, i == 0 ? p_.inputs[0].shape : along(1)); !verdict) return verdict;
    std::string body = wide_type_line(p_.inputs[0].type);
    body += "  const W factor = (W)wide(a1) / sqrt((W)wide(a4) + W(" + literal(p_.attributes().real("epsilon", 1e-5f)) +
            "));\n";
    return finish(body + result("(wide(a0) - (W)wide(a3)) * factor + (W)wide(a2)"));
  }

  // With one scale (and zero point) for all, or one for each index of an axis.
  Verdict quantization() {
    const bool encodes = p_.node->op == "QuantizeLinear";
    const DType x = p_.inputs[0].type, y = p_.outputs[0].type, code = encodes ? y : x;
    if (code != DType::i8 && code != DType::u8 && code != DType::i16 && code != DType::u16 &&
        (encodes || code != DType::i32))
      return no("codes of 8 or 16 bits only");
    if (p_.attributes().integer("block_size") != 0) return no("scales of blocks");
    if (!p_.has(1) || !is_float(p_.inputs[1].type)) return no("a scale without a kernel");
    const int rank = static_cast<int>(p_.inputs[0].shape.size());
    const int axis = rank == 1 ? 0 : ops::normalized_axis(p_.attributes().integer("axis", 1), rank);
    const bool whole = elements(p_.inputs[1].shape) == 1;
    if (!whole && axis < 0) return no("the axis is out of range");
    if (Verdict verdict = take(0); !verdict) return verdict;
    for (size_t i = 1; i < 3 && p_.has(i); ++i)
      if (Verdict verdict = take(i, whole ? Shape() : along(axis)); !verdict) return verdict;
    const std::string zero = p_.has(2) ? "wide(a2)" : "0";
    if (!encodes) return finish(result("(float)((long long)a0 - " + zero + ") * (float)wide(a1)"));
    const int64_t named = p_.attributes().integer("precision");
    const char* precision = type_name(named ? static_cast<DType>(named) : p_.inputs[1].type);
    const int bits = bits_of(y);
    const bool with_sign = y == DType::i8 || y == DType::i16;
    const std::string low = std::to_string(with_sign ? -(1 << (bits - 1)) : 0) + ".0f",
                      high = std::to_string((1 << (with_sign ? bits - 1 : bits)) - 1) + ".0f";
    // Not a number becomes the least.
    return finish("  using P = " + std::string(precision) +
                  ";\n  const float q = wide(narrow<P>(wide(narrow<P>(wide(a0))) / wide(a1)));\n  const float whole = "
                  "rint(q) + (float)" +
                  zero + ";\n  return (" + type_name(y) + ")(int)(whole > " + low + " ? fmin(whole, " + high +
                  ") : " + low + ");\n");
  }

  Verdict clip() {
    if (Verdict verdict = take(0); !verdict) return verdict;
    std::string body = "  auto v = wide(a0);\n";
    for (const size_t bound : {1, 2}) {
      if (!p_.has(bound)) continue;
      if (p_.inputs[bound].type != p_.inputs[0].type) return no("a bound of another type");
      const std::string name = "wide(" + a(e_.operands.size()) + ")";
      if (Verdict verdict = take(bound, {}); !verdict) return verdict;
      body += "  if (v " + std::string(bound == 1 ? "<" : ">") + " " + name + ") v = " + name + ";\n";
    }
    return finish(body + result("v"));
  }

  // The exponents that networks have are products.
  std::string pow_text(const PointwiseProgram& program, const PointwiseInstruction& i,
                       const std::vector<std::string>& names) const {
    const auto e = static_cast<size_t>(i.operand[1]);
    const auto inputs = static_cast<size_t>(program.inputs);
    double exponent = 0;
    if (e >= inputs && program.instructions[e - inputs].op == PointwiseOp::constant)
      exponent = program.instructions[e - inputs].alpha;
    else if (e < inputs && p_.inputs[e].constant && p_.inputs[e].constant->count() == 1)
      exponent = to_double(*p_.inputs[e].constant)[0];
    const std::string& x = names[static_cast<size_t>(i.operand[0])];
    if (exponent == 1) return x;
    if (exponent == 2) return x + " * " + x;
    if (exponent == 3) return x + " * " + x + " * " + x;
    if (exponent == -1) return "1 / " + x;
    return instruction_text(i, names);
  }

  Verdict chain(const PointwiseProgram& program) {
    const DType type = p_.outputs[0].type;
    std::string body = wide_type_line(type);
    std::vector<std::string> names;
    for (size_t i = 0; i < static_cast<size_t>(program.inputs); ++i) {
      if (Verdict verdict = take(i); !verdict) return verdict;
      if (p_.inputs[i].type != type) return no("inputs of several types");
      names.push_back("x" + std::to_string(i));
      body += "  const W " + names.back() + " = wide(" + a(i) + ");\n";
    }
    for (size_t k = 0; k < program.instructions.size(); ++k) {
      const PointwiseInstruction& i = program.instructions[k];
      const std::string text = i.op == PointwiseOp::pow ? pow_text(program, i, names) : instruction_text(i, names);
      names.push_back("t" + std::to_string(k));
      body += "  const W " + names.back() + " = " + text + ";\n";
    }
    return finish(body + result(names.back()));
  }

  bool known_not_zero(size_t i) const {
    if (!p_.has(i) || !p_.inputs[i].constant) return false;
    const std::vector<double> values = to_double(*p_.inputs[i].constant);
    return std::find(values.begin(), values.end(), 0.0) == values.end();
  }

  Verdict from_table() {
    std::string key = p_.node->op;
    const DType type = p_.inputs[0].type;
    if (key == "Mod" && p_.attributes().integer("fmod") != 0) key += " fmod";
    if (key == "BitShift") key += " " + p_.attributes().text("direction");
    for (const Formula& row : kFormulas) {
      if (row.op != key) continue;
      if (!(row.kinds & kind_of(type))) return no(std::string("a type that ") + p_.node->op + " has no kernel for");
      if (row.divides && is_integer(type) && !known_not_zero(1)) e_.fault = "integer division by zero";
      return formula(row.text, row.parameters, false);
    }
    return no("not a pointwise operator");
  }

  Verdict formula(const std::string& text, const std::array<Parameter, 2>& parameters, bool mixed) {
    const std::string& op = p_.node->op;
    const DType type = p_.inputs[0].type;
    if (op == "Dropout" && p_.has(2)) return no("Dropout that may be in training mode");
    const size_t inputs = op == "Dropout" ? 1 : p_.inputs.size();
    for (size_t i = 0; i < inputs; ++i) {
      if (Verdict verdict = take(i); !verdict) return verdict;
      if (!mixed && p_.inputs[i].type != type) return no("inputs of several types");
    }
    // Integers are shrunk as f64, for the sake of fractional parameters.
    const bool as_real = parameters[0].name && is_integer(type);
    std::string body = as_real ? "  using W = double;\n" : wide_type_line(type);
    constexpr const char* kNames[] = {"alpha", "beta"};
    for (size_t k = 0; k < 2 && parameters[k].name; ++k) {
      const auto* integer = p_.attributes().get<int64_t>(parameters[k].name);
      const float value =
          integer ? static_cast<float>(*integer) : p_.attributes().real(parameters[k].name, parameters[k].fallback);
      body += "  const W " + std::string(kNames[k]) + " = " + literal(value) + ";\n";
    }
    if (!e_.fault.empty()) body += "  if (a1 == 0) {\n    *fault = 1;\n    return a0;\n  }\n";
    if (is_fold(op)) {
      body += "  W a = wide(a0);\n";
      for (size_t k = 1; k < inputs; ++k)
        body += "  {\n    const W b = wide(" + cuda::a(k) + ");\n    a = " + text + ";\n  }\n";
      return finish(body + result(op == "Mean" ? "a / (W)" + std::to_string(inputs) : "a"));
    }
    if (mixed) return finish(body + "  const W a = wide(a0);\n  const auto b = wide(a1);\n" + result(text));
    body += "  const W a = wide(a0);\n";
    if (inputs > 1) body += "  const W b = wide(a1);\n";
    return finish(body + result(text));
  }

  const Problem& p_;
  Elementwise& e_;
};

}  // namespace

std::string_view element_helpers() { return kElementHelpers; }

const char* raw_type(DType type) {
  switch (bits_of(type)) {
    case 8: return "unsigned char";
    case 16: return "unsigned short";
    case 32: return "unsigned";
    case 64: return "unsigned long long";
    default: return nullptr;
  }
}

bool asked_for(const Problem& p, size_t i) {
  return i < p.outputs.size() && p.outputs[i].present() && !p.node->output(i)->unused();
}

Verdict elementwise_of(const Problem& p, Elementwise& e) {
  if (p.inputs.empty() || p.outputs.empty() || !p.has(0)) return no("not a pointwise operator");
  return Writer(p, e).write();
}

std::vector<std::string_view> elementwise_operators() {
  std::vector<std::string_view> all(std::begin(kOthers), std::end(kOthers));
  for (const Formula& row : kFormulas) all.push_back(row.op.substr(0, row.op.find(' ')));
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace vivace::cuda
