// ScatterElements, ScatterND: a copy of the data in which indexed elements are replaced by updates or combined with
// them, in order, so that of several updates of one element the last wins.
#include <algorithm>

#include "ops/kernel.h"

namespace vivace::ops {

namespace {

enum class Reduction { none, add, mul, max, min, unknown };
Reduction reduction_of(const ir::Attributes& attributes) {
  const std::string name = attributes.text("reduction", "none");
  return name == "none"  ? Reduction::none
         : name == "add" ? Reduction::add
         : name == "mul" ? Reduction::mul
         : name == "max" ? Reduction::max
         : name == "min" ? Reduction::min
                         : Reduction::unknown;
}

template <class T>
T combined(Reduction reduction, T old_value, T update) {
  using W = Wide<T>;
  const W a = static_cast<W>(old_value), b = static_cast<W>(update);
  if constexpr (std::is_integral_v<T>) {  // integers wrap around
    if (reduction == Reduction::add) return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    if (reduction == Reduction::mul) return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
  switch (reduction) {
    case Reduction::add: return static_cast<T>(a + b);
    case Reduction::mul: return static_cast<T>(a * b);
    case Reduction::max: return static_cast<T>(b > a || b != b ? b : a);
    case Reduction::min: return static_cast<T>(b < a || b != b ? b : a);
    default: return update;
  }
}

// Calls f.template operator()<T>(join) with join(T& to, const T& update) for the reduction asked for.
template <class F>
Status with_reduction(const Call& call, DType type, F&& f) {
  const Reduction reduction = reduction_of(call.attributes);
  if (reduction != Reduction::none)
    return for_numbers(call, type, [&]<class T>() {
      f.template operator()<T>([reduction](T& to, const T& update) { to = combined(reduction, to, update); });
    });
  const bool done =
      visit_storage(type, [&]<class T>() { f.template operator()<T>([](T& to, const T& update) { to = update; }); });
  return done ? Status() : no_kernel_for(call, type);
}

Status check_updates(Inference& in) {
  VIVACE_TRY(require_same_type(in, 0, 2));
  if (reduction_of(in.attributes) == Reduction::unknown)
    return in.error("unknown reduction '" + in.attributes.text("reduction") + "'");
  return infer_same_as_first(in);
}
Status check_update_shape(const Inference& in, const ir::Dims& expected) {
  if (!in.dims(2)) return {};
  bool same = in.dims(2)->size() == expected.size();
  for (size_t i = 0; same && i < expected.size(); ++i)
    same = !expected[i].known() || !(*in.dims(2))[i].known() || expected[i].same((*in.dims(2))[i]);
  return same ? Status()
              : in.error("updates are [" + ir::to_string(*in.dims(2)) + "], not [" + ir::to_string(expected) + "]");
}

}  // namespace

Status infer_scatter_elements(Inference& in) {
  VIVACE_TRY(require_elementwise_indices(in));
  if (in.dims(1)) VIVACE_TRY(check_update_shape(in, *in.dims(1)));
  return check_updates(in);
}

Status reference_scatter_elements(Call& call) {
  const TensorView &x = call.input(0), &indices = call.input(1), &updates = call.input(2), &y = call.output();
  const auto axis = static_cast<size_t>(normalized_axis(call.attributes.integer("axis"), x.rank()));
  VIVACE_ASSIGN(const std::vector<int64_t> list, normalized_indices(call, indices, x.shape[axis]));
  copy_elements({y, 0}, {x, 0}, y.count());
  Shape strides = strides_of(y.shape);
  const int64_t step = strides[axis];
  strides[axis] = 0;
  const StridedLoop loop(indices.shape, {strides_of(indices.shape), strides});
  return with_reduction(call, y.type, [&]<class T>(auto join) {
    loop.run(nullptr, [&](const int64_t* offsets, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        join(y.as<T>()[offsets[1] + i * loop.row_stride(1) + list[static_cast<size_t>(offsets[0] + i)] * step],
             updates.as<T>()[offsets[0] + i]);
    });
  });
}

Status infer_scatter_nd(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i64}));
  VIVACE_TRY(require_rank(in, 0, 1, kMaxRank));
  VIVACE_TRY(require_rank(in, 1, 1, kMaxRank));
  if (in.dims(0) && in.dims(1) && in.dims(1)->back().known()) {
    const int64_t size = in.dims(1)->back().value();
    if (size < 1 || size > in.rank(0))
      return in.error("index tuples of " + std::to_string(size) + " do not fit the data [" +
                      ir::to_string(*in.dims(0)) + "]");
    ir::Dims expected(in.dims(1)->begin(), in.dims(1)->end() - 1);
    expected.insert(expected.end(), in.dims(0)->begin() + size, in.dims(0)->end());
    VIVACE_TRY(check_update_shape(in, expected));
  }
  return check_updates(in);
}

Status reference_scatter_nd(Call& call) {
  const TensorView &x = call.input(0), &updates = call.input(2), &y = call.output();
  VIVACE_ASSIGN(const std::vector<int64_t> offsets, tuple_offsets(call, x, call.input(1), 0));
  copy_elements({y, 0}, {x, 0}, y.count());
  const int64_t block = elements(std::span(x.shape).subspan(static_cast<size_t>(call.input(1).shape.back())));
  return with_reduction(call, y.type, [&]<class T>(auto join) {
    for (size_t t = 0; t < offsets.size(); ++t)
      for (int64_t i = 0; i < block; ++i)
        join(y.as<T>()[offsets[t] + i], updates.as<T>()[static_cast<int64_t>(t) * block + i]);
  });
}

}  // namespace vivace::ops
