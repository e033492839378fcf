// Pointwise functions of tensors broadcast together: a table of formulas, and Where, Clip and Pow.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "ops/kernel.h"

namespace vivace::ops {

namespace {

using Kernel = Status (*)(Call&);

std::vector<Shape> input_shapes(const Call& call) {
  std::vector<Shape> shapes;
  for (size_t i = 0; i < call.input_count(); ++i) shapes.push_back(call.input(i).shape);
  return shapes;
}

// y = F(a, b) for elements of types A and B, computed as W; the result is bool where F's is, else A.
template <class F, class A, class B = A, class W = Wide<A>, class V = Wide<B>>
void map(const Call& call, const TensorView& second) {
  using Out = std::conditional_t<std::is_same_v<decltype(F{}(W{}, V{})), bool>, bool, A>;
  const StridedLoop loop = StridedLoop::broadcast(call.output().shape, {call.input(0).shape, second.shape});
  const int64_t sa = loop.row_stride(1), sb = loop.row_stride(2);
  const auto apply = [](A x, B y) { return static_cast<Out>(F{}(static_cast<W>(x), static_cast<V>(y))); };
  loop.run(call.pool, [&](const int64_t* offsets, int64_t n) {
    Out* y = call.output().as<Out>() + offsets[0];
    const A* a = call.input(0).as<A>() + offsets[1];
    const B* b = second.as<B>() + offsets[2];
    if (sa == 1 && sb == 1)
      for (int64_t i = 0; i < n; ++i) y[i] = apply(a[i], b[i]);
    else if (sa == 1)
      for (int64_t i = 0; i < n; ++i) y[i] = apply(a[i], *b);
    else
      for (int64_t i = 0; i < n; ++i) y[i] = apply(*a, b[i * sb]);
  });
}

// Left to right over any number of inputs: F(F(x0, x1), x2), divided by their number for a mean.
template <class F, class T>
void fold(const Call& call, bool mean) {
  using W = Wide<T>;
  const size_t inputs = call.input_count();
  const StridedLoop loop = StridedLoop::broadcast(call.output().shape, input_shapes(call));
  loop.run(call.pool, [&](const int64_t* offsets, int64_t n) {
    T* y = call.output().as<T>() + offsets[0];
    for (int64_t i = 0; i < n; ++i) {
      const auto element = [&](size_t k) {
        return static_cast<W>(call.input(k).as<T>()[offsets[k + 1] + i * loop.row_stride(k + 1)]);
      };
      W sum = element(0);
      for (size_t k = 1; k < inputs; ++k) sum = static_cast<W>(F{}(sum, element(k)));
      y[i] = static_cast<T>(mean ? static_cast<W>(sum / static_cast<W>(inputs)) : sum);
    }
  });
}

template <class F>
Kernel numbers(F) {
  return [](Call& call) {
    return for_numbers(call, call.input(0).type, [&]<class T>() { map<F, T>(call, call.input(1)); });
  };
}
template <class F>
Kernel integers(F) {
  return [](Call& call) {
    return for_integers(call, call.input(0).type, [&]<class T>() { map<F, T>(call, call.input(1)); });
  };
}
// Integers, for functions that need a divisor other than zero.
template <class F>
Kernel division(F) {
  return [](Call& call) -> Status {
    const TensorView& b = call.input(1);
    if (is_integer(b.type)) {
      bool zero = false;
      VIVACE_TRY(for_integers(call, b.type, [&]<class T>() {
        for (const T v : b.span<const T>()) zero |= v == 0;
      }));
      if (zero && call.output().count() > 0) return call.error("integer division by zero");
    }
    return for_numbers(call, call.input(0).type, [&]<class T>() { map<F, T>(call, b); });
  };
}
template <class F>
Kernel booleans(F) {
  return [](Call& call) {
    map<F, bool>(call, call.input(1));
    return Status();
  };
}
template <class F>
Kernel variadic(F) {
  return [](Call& call) {
    const bool mean = call.node.op == "Mean";
    return for_numbers(call, call.input(0).type, [&]<class T>() { fold<F, T>(call, mean); });
  };
}

// Integers wrap around instead of overflowing: their sums are those of unsigned numbers.
template <class T>
using Wrapping = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;
template <class T>
T quotient(T a, T b) {  // b is not 0 for integers, which round toward zero
  if constexpr (std::is_signed_v<T> && std::is_integral_v<T>)
    if (b == T(-1)) return static_cast<T>(uint64_t{0} - static_cast<uint64_t>(a));
  return static_cast<T>(a / b);
}
template <class T>
T c_remainder(T a, T b) {  // the sign of a
  if constexpr (!std::is_integral_v<T>)
    return std::fmod(a, b);
  else if constexpr (std::is_signed_v<T>)
    return b == T(-1) ? T(0) : static_cast<T>(a % b);
  else
    return static_cast<T>(a % b);
}
template <class T>
T floor_remainder(T a, T b) {  // the sign of b
  const T r = c_remainder(a, b);
  if constexpr (std::is_unsigned_v<T>)
    return r;
  else
    return r != T(0) && (r < T(0)) != (b < T(0)) ? static_cast<T>(r + b) : r;
}
template <class T>
T shifted(T x, T by, bool left) {
  if (by >= static_cast<T>(sizeof(T) * 8)) return 0;
  return static_cast<T>(left ? static_cast<uint64_t>(x) << by : static_cast<uint64_t>(x) >> by);
}
// The greater (lesser) of two, NaN if either is.
template <class T>
T greater(T a, T b) {
  return a > b || a != a ? a : b;
}
template <class T>
T lesser(T a, T b) {
  return a < b || a != a ? a : b;
}

#define FORMULA(expression)                 \
  [](auto a, auto b) {                      \
    using T [[maybe_unused]] = decltype(a); \
    return expression;                      \
  }

const std::unordered_map<std::string_view, Kernel>& formulas() {
  static const std::unordered_map<std::string_view, Kernel> rows = {
      {"Add", numbers(FORMULA(static_cast<T>(Wrapping<T>(a) + Wrapping<T>(b))))},
      {"Sub", numbers(FORMULA(static_cast<T>(Wrapping<T>(a) - Wrapping<T>(b))))},
      {"Mul", numbers(FORMULA(static_cast<T>(Wrapping<T>(a) * Wrapping<T>(b))))},
      {"Div", division(FORMULA(quotient(a, b)))},
      {"Mod", division(FORMULA(floor_remainder(a, b)))},
      {"Mod fmod", division(FORMULA(c_remainder(a, b)))},
      {"PRelu", numbers(FORMULA(static_cast<T>(a < T(0) ? static_cast<T>(Wrapping<T>(a) * Wrapping<T>(b)) : a)))},
      {"Max", variadic(FORMULA(greater(a, b)))},
      {"Min", variadic(FORMULA(lesser(a, b)))},
      {"Sum", variadic(FORMULA(static_cast<T>(Wrapping<T>(a) + Wrapping<T>(b))))},
      {"Mean", variadic(FORMULA(static_cast<T>(Wrapping<T>(a) + Wrapping<T>(b))))},
      {"BitShift LEFT", integers(FORMULA(shifted(a, b, true)))},
      {"BitShift RIGHT", integers(FORMULA(shifted(a, b, false)))},
      {"BitwiseAnd", integers(FORMULA(static_cast<T>(a & b)))},
      {"BitwiseOr", integers(FORMULA(static_cast<T>(a | b)))},
      {"BitwiseXor", integers(FORMULA(static_cast<T>(a ^ b)))},
      {"And", booleans(FORMULA(a && b))},
      {"Or", booleans(FORMULA(a || b))},
      {"Xor", booleans(FORMULA(a != b))},
      {"Equal", numbers(FORMULA(a == b))},
      {"Equal bool", booleans(FORMULA(a == b))},
      {"Less", numbers(FORMULA(a < b))},
      {"LessOrEqual", numbers(FORMULA(a <= b))},
      {"Greater", numbers(FORMULA(a > b))},
      {"GreaterOrEqual", numbers(FORMULA(a >= b))},
  };
  return rows;
}
#undef FORMULA

// Elements of two small integer tensors, broadcast, where both are known.
template <class F>
void set_known_elementwise(Inference& in, F f) {
  const std::optional<ir::Dims> a = in.known(0), b = in.known(1);
  if (!a || !b || in.outputs[0].rank() < 0 || in.outputs[0].rank() > 1) return;
  const size_t n = a->size() == 1 ? b->size() : a->size();
  if ((a->size() != 1 && a->size() != n) || (b->size() != 1 && b->size() != n)) return;
  ir::Dims elements;
  for (size_t i = 0; i < n; ++i) elements.push_back(f((*a)[a->size() == 1 ? 0 : i], (*b)[b->size() == 1 ? 0 : i]));
  in.set_known(0, std::move(elements));
}

Status infer_same_types(Inference& in) {
  for (size_t i = 1; i < in.input_count(); ++i) {
    if (!in.has(i)) return in.error("input " + std::to_string(i) + " is left out");
    VIVACE_TRY(require_same_type(in, 0, i));
  }
  return {};
}

}  // namespace

Status infer_pointwise(Inference& in) {
  VIVACE_TRY(infer_same_types(in));
  VIVACE_TRY(infer_broadcast(in));
  const bool greatest = in.node.op == "Max";
  if ((greatest || in.node.op == "Min") && in.input_count() == 2 && is_integer(in.dtype(0)) &&
      in.dtype(0) != DType::u64)
    set_known_elementwise(in, [&](const ir::Dim& a, const ir::Dim& b) {
      if (a.same(b)) return a;
      if (!a.known() || !b.known()) return ir::Dim();
      return ir::Dim(greatest ? std::max(a.value(), b.value()) : std::min(a.value(), b.value()));
    });
  return {};
}

Status infer_comparison(Inference& in) {
  VIVACE_TRY(infer_same_types(in));
  VIVACE_TRY(infer_broadcast_bool(in));
  const std::string& op = in.node.op;
  set_known_elementwise(in, [&](const ir::Dim& a, const ir::Dim& b) {
    if (op == "Equal" && a.same(b)) return ir::Dim(1);
    if (!a.known() || !b.known() || (op != "Equal" && in.dtype(0) == DType::u64)) return ir::Dim();
    const int64_t x = a.value(), y = b.value();
    return ir::Dim(op == "Equal"         ? x == y
                   : op == "Less"        ? x < y
                   : op == "Greater"     ? x > y
                   : op == "LessOrEqual" ? x <= y
                                         : x >= y);
  });
  return {};
}

// Add, Sub, Mul, Div and Mod of small integer tensors are arithmetic of shapes more often than not.
Status infer_arithmetic(Inference& in) {
  VIVACE_TRY(infer_pointwise(in));
  if (!is_integer(in.dtype(0))) return {};
  set_known_elementwise(in, [&](const ir::Dim& a, const ir::Dim& b) -> ir::Dim {
    const DType type = in.dtype(0);
    if (in.node.op == "Add") return fitting(type, a + b);
    if (in.node.op == "Sub") return fitting(type, a - b);
    if (in.node.op == "Mul") return fitting(type, a * b);
    if (b.known() && b.value() <= 0) return {};
    if (in.node.op == "Mod")
      return a.known() && b.known() && a.value() >= 0 ? ir::Dim(a.value() % b.value()) : ir::Dim();
    return a.known() && b.known() ? ir::Dim(a.value() / b.value()) : floor_div(a, b);  // a dimension is not negative
  });
  return {};
}

Status infer_bit_shift(Inference& in) {
  const std::string direction = in.attributes.text("direction");
  if (direction != "LEFT" && direction != "RIGHT") return in.error("direction must be LEFT or RIGHT");
  return infer_pointwise(in);
}

Status infer_prelu(Inference& in) {
  VIVACE_TRY(infer_pointwise(in));
  in.set(0, in.type(0));  // the slope broadcasts to x, not the other way
  if (in.dims(0) && in.dims(1)) {
    const auto all = ir::broadcast(*in.dims(0), *in.dims(1));
    const auto shape = ir::to_shape(*in.dims(0));
    if (shape && all && all->size() != shape->size()) return in.error("the slope has more dimensions than the data");
    for (size_t i = 0; shape && all && i < shape->size(); ++i)
      if ((*all)[i].known() && (*all)[i].value() != (*shape)[i])
        return in.error("the slope [" + ir::to_string(*in.dims(1)) + "] does not broadcast to [" +
                        ir::to_string(*in.dims(0)) + "]");
  }
  return {};
}

Status reference_binary(Call& call) {
  std::string key = call.node.op;
  if (key == "Mod" && call.attributes.integer("fmod") != 0) key += " fmod";
  if (key == "BitShift") key += " " + call.attributes.text("direction");
  if (key == "Equal" && call.input(0).type == DType::boolean) key += " bool";
  if (key == "Equal" && call.input(0).type == DType::string) {
    map<decltype([](const std::string& a, const std::string& b) { return a == b; }), std::string>(call, call.input(1));
    return {};
  }
  return formulas().at(key)(call);
}

Status infer_where(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::boolean}));
  VIVACE_TRY(require_same_type(in, 1, 2));
  VIVACE_TRY(infer_broadcast(in));
  in.outputs[0].dtype = in.dtype(1);
  const std::optional<ir::Dims> condition = in.known(0), a = in.known(1), b = in.known(2);
  std::optional<std::vector<int64_t>> truth = condition ? ir::to_shape(*condition) : std::nullopt;
  if (const Tensor* tensor = in.constant(0); tensor && tensor->count() <= 64) truth = to_int64(*tensor);
  if (!truth || !a || !b || in.outputs[0].rank() < 0 || in.outputs[0].rank() > 1) return {};
  const size_t n = std::max({truth->size(), a->size(), b->size()});
  for (const size_t size : {truth->size(), a->size(), b->size()})
    if (size != 1 && size != n) return {};
  ir::Dims elements;
  const auto at = [](const auto& list, size_t i) { return list[list.size() == 1 ? 0 : i]; };
  for (size_t i = 0; i < n; ++i) elements.push_back(at(*truth, i) ? at(*a, i) : at(*b, i));
  in.set_known(0, std::move(elements));
  return {};
}

Status reference_where(Call& call) {
  const TensorView& y = call.output();
  const StridedLoop loop = StridedLoop::broadcast(y.shape, input_shapes(call));
  const int64_t sc = loop.row_stride(1), sa = loop.row_stride(2), sb = loop.row_stride(3);
  const bool done = visit_storage(y.type, [&]<class T>() {
    loop.run(call.pool, [&](const int64_t* offsets, int64_t n) {
      T* to = y.as<T>() + offsets[0];
      const bool* c = call.input(0).as<bool>() + offsets[1];
      const T *a = call.input(1).as<T>() + offsets[2], *b = call.input(2).as<T>() + offsets[3];
      for (int64_t i = 0; i < n; ++i) to[i] = c[i * sc] ? a[i * sa] : b[i * sb];
    });
  });
  return done ? Status() : no_kernel_for(call, y.type);
}

Status infer_clip(Inference& in) {
  for (size_t i = 1; i <= 2; ++i) {
    VIVACE_TRY(require_same_type(in, 0, i));
    if (in.has(i) && in.dims(i) && product(*in.dims(i)).known() && !product(*in.dims(i)).is(1))
      return in.error("min and max must be scalars");
  }
  return infer_same_as_first(in);
}

// A minimum above the maximum gives the maximum.
Status reference_clip(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  return for_numbers(call, x.type, [&]<class T>() {
    using W = Wide<T>;
    const bool has_low = call.has(1), has_high = call.has(2);
    const W low = has_low ? static_cast<W>(*call.input(1).as<T>()) : W();
    const W high = has_high ? static_cast<W>(*call.input(2).as<T>()) : W();
    parallel_for(call.pool, y.count(), 1 << 14, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        W v = static_cast<W>(x.as<T>()[i]);
        if (has_low && v < low) v = low;
        if (has_high && v > high) v = high;
        y.as<T>()[i] = static_cast<T>(v);
      }
    });
  });
}

Status infer_pow(Inference& in) { return infer_broadcast(in); }

namespace {
// Integer powers wrap around; a negative exponent truncates the fraction toward zero, and 0 to it is 0.
int64_t integer_power(int64_t base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  uint64_t result = 1, factor = static_cast<uint64_t>(base);
  for (; exponent; exponent >>= 1, factor *= factor)
    if (exponent & 1) result *= factor;
  return static_cast<int64_t>(result);
}

template <class T>
T power(T base, double exponent) {
  const double exact = std::pow(static_cast<double>(base), exponent);
  if constexpr (!std::is_integral_v<T>)
    return static_cast<T>(exact);
  else if (!(std::abs(exact) < 9.2e18))
    return T(0);
  else
    return static_cast<T>(static_cast<int64_t>(exact));
}

struct Power {
  template <class T, class E>
  T operator()(T base, E exponent) const {
    if constexpr (std::is_same_v<T, float> && std::is_same_v<E, float>)
      return std::pow(base, exponent);
    else if constexpr (std::is_integral_v<T> && std::is_integral_v<E>)
      return static_cast<T>(integer_power(static_cast<int64_t>(base), static_cast<int64_t>(exponent)));
    else
      return power(base, static_cast<double>(exponent));
  }
};
}  // namespace

// The exponent may be of another type than the base: it is widened to i64 or f64 first.
Status reference_pow(Call& call) {
  const TensorView& e = call.input(1);
  const DType base = call.input(0).type;
  if (e.type == base) return for_numbers(call, base, [&]<class T>() { map<Power, T>(call, e); });
  const Tensor wide =
      is_integer(e.type) ? Tensor::of<int64_t>(to_int64(e), e.shape) : Tensor::of<double>(to_double(e), e.shape);
  if (!wide.valid()) return Status(Code::out_of_memory, call.node.describe() + ": no memory for the exponents");
  const bool done = visit_dtype<float, double, Float16, BFloat16, int32_t, int64_t>(base, [&]<class T>() {
    if (is_integer(e.type))
      map<Power, T, int64_t>(call, wide);
    else
      map<Power, T, double>(call, wide);
  });
  return done ? Status() : no_kernel_for(call, base);
}

}  // namespace vivace::ops
