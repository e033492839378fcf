// TopK, ArgMax, ArgMin; CumSum and CumProd: operators that go along one axis.
#include <algorithm>
#include <numeric>

#include "ops/kernel.h"

namespace vivace::ops {

namespace {

// NaN counts as greater than every number, so that the order is total.
template <class T>
bool exceeds(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    if (a != a || b != b) return a != a && b == b;
  return a > b;
}

// Calls f(offset of the first element) for each line along the axis, in parallel.
void for_each_line(ThreadPool* pool, const AxisSplit& split, FunctionRef<void(int64_t line, int64_t offset)> f) {
  parallel_for(pool, split.outer * split.inner, std::max<int64_t>(1, 4096 / std::max<int64_t>(1, split.size)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t line = begin; line < end; ++line)
                   f(line, line / split.inner * split.size * split.inner + line % split.inner);
               });
}

}  // namespace

// --- TopK

Status infer_top_k(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i64}));
  VIVACE_TRY(require_rank(in, 1, 0, 1));
  ir::Dim k;
  if (const auto known = in.known(1)) {
    if (known->size() != 1) return in.error("K must be one number");
    k = known->front();
  } else if (const auto numbers = in.numbers(1)) {
    return in.error("K must be one number, not " + std::to_string(numbers->size()));
  }
  if (k.known() && k.value() < 0) return in.error("K is negative");
  if (!in.dims(0)) {
    in.set_unknown_rank(0, in.dtype(0));
    in.set_unknown_rank(1, DType::i64);
    return {};
  }
  VIVACE_ASSIGN(const int axis, checked_axis(in, in.attributes.integer("axis", -1), in.rank(0)));
  ir::Dims out = *in.dims(0);
  ir::Dim& d = out[static_cast<size_t>(axis)];
  if (d.known() && k.known() && k.value() > d.value())
    return in.error("K is " + k.to_string() + ", but the axis has " + d.to_string() + " elements");
  d = k;
  in.set(0, in.dtype(0), out);
  in.set(1, DType::i64, std::move(out));
  return {};
}

// Of equal elements the one with the lower index comes first. The result is sorted in any case.
Status reference_top_k(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView &x = call.input(0), &values = call.output(0);
  const int axis = normalized_axis(call.attributes.integer("axis", -1), x.rank());
  const AxisSplit split = split_at(x.shape, axis);
  const int64_t k = values.shape[static_cast<size_t>(axis)];
  const bool largest = call.attributes.integer("largest", 1) != 0;
  int64_t* const places = call.wants(1) ? call.output(1).as<int64_t>() : nullptr;
  return for_numbers(call, x.type, [&]<class T>() {
    for_each_line(call.pool, split, [&](int64_t line, int64_t offset) {
      const auto element = [&](int64_t i) { return static_cast<Wide<T>>(x.as<T>()[offset + i * split.inner]); };
      std::vector<int64_t> order(static_cast<size_t>(split.size));
      std::iota(order.begin(), order.end(), 0);
      std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
        const auto va = element(a), vb = element(b);
        if (exceeds(va, vb)) return largest;
        if (exceeds(vb, va)) return !largest;
        return a < b;
      });
      const int64_t to = line / split.inner * k * split.inner + line % split.inner;
      for (int64_t i = 0; i < k; ++i) {
        const int64_t place = order[static_cast<size_t>(i)];
        values.as<T>()[to + i * split.inner] = x.as<T>()[offset + place * split.inner];
        if (places) places[to + i * split.inner] = place;
      }
    });
  });
}

// --- ArgMax, ArgMin

Status infer_arg(Inference& in) {
  const bool keep = in.attributes.integer("keepdims", 1) != 0;
  if (!in.dims(0)) return in.set_unknown_rank(0, DType::i64), Status();
  VIVACE_ASSIGN(const int axis, checked_axis(in, in.attributes.integer("axis"), in.rank(0)));
  ir::Dims out = *in.dims(0);
  if (keep)
    out[static_cast<size_t>(axis)] = 1;
  else
    out.erase(out.begin() + axis);
  in.set(0, DType::i64, std::move(out));
  return {};
}

Status reference_arg(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const AxisSplit split = split_at(x.shape, normalized_axis(call.attributes.integer("axis"), x.rank()));
  if (y.count() == 0) return {};
  if (split.size == 0) return call.error("the axis is empty: there is no greatest or least element");
  const bool greatest = call.node.op == "ArgMax", last = call.attributes.integer("select_last_index") != 0;
  return for_numbers(call, x.type, [&]<class T>() {
    for_each_line(call.pool, split, [&](int64_t line, int64_t offset) {
      const auto element = [&](int64_t i) { return static_cast<Wide<T>>(x.as<T>()[offset + i * split.inner]); };
      const auto nan = [](Wide<T> v) { return v != v; };  // wins, as it does in maxima and minima
      int64_t best = 0;
      for (int64_t i = 1; i < split.size; ++i) {
        const auto a = element(i), b = element(best);
        const bool better = nan(a) || nan(b) ? nan(a) && !nan(b) : greatest ? a > b : a < b;
        if (better || (last && (a == b || (nan(a) && nan(b))))) best = i;
      }
      y.as<int64_t>()[line] = best;
    });
  });
}

// --- CumSum, CumProd

Status infer_cumulative(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i32, DType::i64}));
  VIVACE_TRY(require_rank(in, 1, 0, 1));
  if (const auto axis = in.numbers(1)) {
    if (axis->size() != 1) return in.error("axis must be a scalar");
    if (in.dims(0)) VIVACE_TRY(checked_axis(in, (*axis)[0], in.rank(0)).status());
  }
  return infer_same_as_first(in);
}

Status reference_cumulative(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView &x = call.input(0), &y = call.output();
  const AxisSplit split = split_at(x.shape, normalized_axis(to_int64(call.input(1))[0], x.rank()));
  const bool exclusive = call.attributes.integer("exclusive") != 0, reverse = call.attributes.integer("reverse") != 0;
  const bool product = call.node.op == "CumProd";
  return for_numbers(call, x.type, [&]<class T>() {
    using R = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;  // integers wrap around
    for_each_line(call.pool, split, [&](int64_t, int64_t offset) {
      R total = product ? R(1) : R(0);
      for (int64_t i = 0; i < split.size; ++i) {
        const int64_t at = offset + (reverse ? split.size - 1 - i : i) * split.inner;
        const R element = static_cast<R>(static_cast<Wide<T>>(x.as<T>()[at])), before = total;
        total = product ? total * element : total + element;
        y.as<T>()[at] = static_cast<T>(static_cast<Wide<T>>(exclusive ? before : total));
      }
    });
  });
}

}  // namespace vivace::ops
