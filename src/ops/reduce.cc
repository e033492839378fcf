// Reductions over chosen axes. Input is read once, in order; sums of floats are kept in f64.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "ops/kernel.h"

namespace vivace::ops {

namespace {

// Which axes are reduced; empty where that depends on an input not known yet.
Result<std::optional<std::vector<bool>>> reduced_axes(const Inference& in) {
  std::vector<bool> reduced(static_cast<size_t>(in.rank(0)));
  std::vector<int64_t> axes;
  if (in.has(1)) {
    const auto numbers = in.numbers(1);
    if (!numbers) return std::optional<std::vector<bool>>();
    axes = *numbers;
  }
  if (axes.empty() && in.attributes.integer("noop_with_empty_axes") == 0) reduced.assign(reduced.size(), true);
  for (const int64_t axis : axes) {
    VIVACE_ASSIGN(const int at, checked_axis(in, axis, in.rank(0)));
    reduced[static_cast<size_t>(at)] = true;
  }
  return std::optional(std::move(reduced));
}

// A reduction: where it starts, how an element joins, what comes out. R is the accumulator.
template <class T>
using Real = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;  // integers wrap around

template <class T>
struct Sum {
  using R = Real<T>;
  static R start() { return 0; }
  static void join(R& r, Wide<T> x) { r += static_cast<R>(x); }
  static Wide<T> finish(R r, int64_t) { return static_cast<Wide<T>>(r); }
};
template <class T>
struct Mean : Sum<T> {
  static Wide<T> finish(Real<T> r, int64_t count) {
    if constexpr (!std::is_integral_v<T>)
      return static_cast<Wide<T>>(r / static_cast<double>(count));
    else if constexpr (std::is_signed_v<T>)
      return static_cast<T>(count ? static_cast<int64_t>(r) / count : 0);
    else
      return static_cast<T>(count ? r / static_cast<uint64_t>(count) : 0);
  }
};
template <class T>
struct Product : Sum<T> {
  static Real<T> start() { return 1; }
  static void join(Real<T>& r, Wide<T> x) { r *= static_cast<Real<T>>(x); }
};
template <class T>
struct SumSquare : Sum<T> {
  static void join(Real<T>& r, Wide<T> x) { r += static_cast<Real<T>>(x) * static_cast<Real<T>>(x); }
};
template <class T>
struct SumAbsolute : Sum<T> {
  static void join(Real<T>& r, Wide<T> x) {
    if constexpr (std::is_unsigned_v<T>)
      r += x;
    else
      r += x < 0 ? Real<T>(0) - static_cast<Real<T>>(x) : static_cast<Real<T>>(x);
  }
};
template <class T>
struct Root : SumSquare<T> {
  static Wide<T> finish(Real<T> r, int64_t) { return static_cast<Wide<T>>(std::sqrt(static_cast<double>(r))); }
};
// An integer has no logarithm of 0; like other infinities it becomes the least number.
template <class T>
Wide<T> from_log(double log) {
  if constexpr (std::is_integral_v<T>)
    if (!std::isfinite(log)) return std::numeric_limits<T>::min();
  return static_cast<Wide<T>>(log);
}
template <class T>
struct LogSum : Sum<T> {
  static Wide<T> finish(Real<T> r, int64_t) {
    if constexpr (std::is_signed_v<T> && std::is_integral_v<T>)
      return from_log<T>(std::log(static_cast<double>(static_cast<int64_t>(r))));
    else
      return from_log<T>(std::log(static_cast<double>(r)));
  }
};
template <class T>
struct LogSumExp {  // keeps the sum relative to the greatest element so far
  struct R {
    double top, sum;
  };
  static R start() { return {-std::numeric_limits<double>::infinity(), 0}; }
  static void join(R& r, Wide<T> value) {
    const auto x = static_cast<double>(value);
    if (x == r.top)
      r.sum += std::isinf(x) && x < 0 ? 0 : 1;
    else if (x > r.top)
      r = {x, r.sum * std::exp(r.top - x) + 1};
    else
      r.sum += std::exp(x - r.top);
  }
  static Wide<T> finish(const R& r, int64_t) { return from_log<T>(r.sum == 0 ? r.top : r.top + std::log(r.sum)); }
};
template <class T>
struct Maximum {
  using R = Wide<T>;
  static R start() {
    return std::numeric_limits<R>::has_infinity ? -std::numeric_limits<R>::infinity()
                                                : std::numeric_limits<R>::lowest();
  }
  static void join(R& r, R x) { r = x > r || x != x ? x : r; }
  static R finish(R r, int64_t) { return r; }
};
template <class T>
struct Minimum {
  using R = Wide<T>;
  static R start() {
    return std::numeric_limits<R>::has_infinity ? std::numeric_limits<R>::infinity() : std::numeric_limits<R>::max();
  }
  static void join(R& r, R x) { r = x < r || x != x ? x : r; }
  static R finish(R r, int64_t) { return r; }
};

// Walks the input's rows; each row joins one result, or a row of them, as the last axis is reduced or not.
template <class Reduction, class T>
void reduce(const TensorView& x, const TensorView& y, const std::vector<bool>& reduced, ThreadPool* pool) {
  using R = decltype(Reduction::start());
  const int64_t per_result = x.count() / std::max<int64_t>(1, y.count());
  // Leading axes that are kept are independent pieces of work.
  const auto lead = static_cast<size_t>(std::find(reduced.begin(), reduced.end(), true) - reduced.begin());
  const int64_t pieces = elements(std::span(x.shape).first(lead));
  const Shape shape(x.shape.begin() + static_cast<std::ptrdiff_t>(lead), x.shape.end());
  Shape kept = shape;
  for (size_t i = lead; i < reduced.size(); ++i)
    if (reduced[i]) kept[i - lead] = 1;
  const int64_t in_size = elements(shape), out_size = elements(kept);
  const StridedLoop loop(shape, {broadcast_strides(kept, kept.size()), strides_of(shape)});
  const bool along = loop.row_stride(0) == 0;
  parallel_for(pool, pieces, std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(1, in_size)),
               [&](int64_t begin, int64_t end) {
                 std::vector<R> results(static_cast<size_t>(out_size));
                 for (int64_t piece = begin; piece < end; ++piece) {
                   std::fill(results.begin(), results.end(), Reduction::start());
                   const T* data = x.as<T>() + piece * in_size;
                   loop.run(nullptr, [&](const int64_t* offsets, int64_t n) {
                     R* r = results.data() + offsets[0];
                     const T* row = data + offsets[1];
                     if (along) {
                       R one = *r;
                       for (int64_t i = 0; i < n; ++i) Reduction::join(one, static_cast<Wide<T>>(row[i]));
                       *r = one;
                     } else {
                       for (int64_t i = 0; i < n; ++i) Reduction::join(r[i], static_cast<Wide<T>>(row[i]));
                     }
                   });
                   T* out = y.as<T>() + piece * out_size;
                   for (size_t i = 0; i < results.size(); ++i)
                     out[i] = static_cast<T>(Reduction::finish(results[i], per_result));
                 }
               });
}

using Kernel = Status (*)(Call&, const std::vector<bool>&);
template <template <class> class Reduction>
Kernel numbers() {
  return [](Call& call, const std::vector<bool>& reduced) {
    const TensorView &x = call.input(0), &y = call.output();
    return for_numbers(call, x.type, [&]<class T>() { reduce<Reduction<T>, T>(x, y, reduced, call.pool); });
  };
}
template <template <class> class Reduction>
Kernel numbers_or_booleans() {
  return [](Call& call, const std::vector<bool>& reduced) {
    if (call.input(0).type != DType::boolean) return numbers<Reduction>()(call, reduced);
    reduce<Reduction<uint8_t>, uint8_t>(call.input(0), call.output(), reduced, call.pool);  // false < true
    if (call.input(0).count() == 0)  // start() of bytes is not one of booleans
      for (uint8_t& v : call.output().span<uint8_t>()) v = v != 0;
    return Status();
  };
}

const std::unordered_map<std::string_view, Kernel>& reductions() {
  static const std::unordered_map<std::string_view, Kernel> rows = {
      {"ReduceSum", numbers<Sum>()},
      {"ReduceMean", numbers<Mean>()},
      {"ReduceProd", numbers<Product>()},
      {"ReduceSumSquare", numbers<SumSquare>()},
      {"ReduceL1", numbers<SumAbsolute>()},
      {"ReduceL2", numbers<Root>()},
      {"ReduceLogSum", numbers<LogSum>()},
      {"ReduceLogSumExp", numbers<LogSumExp>()},
      {"ReduceMax", numbers_or_booleans<Maximum>()},
      {"ReduceMin", numbers_or_booleans<Minimum>()},
  };
  return rows;
}

}  // namespace

Status infer_reduce(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i64}));
  VIVACE_TRY(require_rank(in, 1, 0, 1));
  if (!in.dims(0)) return in.set_unknown_rank(0, in.dtype(0)), Status();
  VIVACE_ASSIGN(const auto reduced, reduced_axes(in));
  const bool keep = in.attributes.integer("keepdims", 1) != 0;
  if (!reduced && !keep) return in.set_unknown_rank(0, in.dtype(0)), Status();
  ir::Dims out;
  for (size_t i = 0; i < in.dims(0)->size(); ++i) {
    if (!reduced)
      out.push_back(ir::Dim());
    else if (!(*reduced)[i])
      out.push_back((*in.dims(0))[i]);
    else if (keep)
      out.push_back(1);
  }
  in.set(0, in.dtype(0), std::move(out));
  // A product or a sum of dimensions.
  const std::optional<ir::Dims> known = in.known(0);
  const bool product = in.node.op == "ReduceProd";
  if (!known || in.rank(0) != 1 || !reduced || !(*reduced)[0] || (!product && in.node.op != "ReduceSum")) return {};
  ir::Dim total = product ? 1 : 0;
  for (const ir::Dim& d : *known) total = product ? total * d : total + d;
  in.set_known(0, {fitting(in.dtype(0), total)});
  return {};
}

Status reference_reduce(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView& x = call.input(0);
  std::vector<bool> reduced(x.shape.size());
  const std::vector<int64_t> axes = call.has(1) ? to_int64(call.input(1)) : std::vector<int64_t>();
  const bool all = axes.empty() && call.attributes.integer("noop_with_empty_axes") == 0;
  if (all) reduced.assign(reduced.size(), true);
  for (const int64_t axis : axes) reduced[static_cast<size_t>(normalized_axis(axis, x.rank()))] = true;
  return reductions().at(call.node.op)(call, reduced);
}

}  // namespace vivace::ops
