// OneHot, Compress, NonZero, Unique: choices by value. All but the first make as many elements as the data ask for.
#include <algorithm>
#include <complex>
#include <numeric>

#include "ops/kernel.h"

namespace vivace::ops {

// --- OneHot

namespace {
// Numbers of any type cut to i64.
std::vector<int64_t> truncated(const TensorView& view) {
  if (!is_float(view.type)) return to_int64(view);
  std::vector<int64_t> list;
  for (const double v : to_double(view))
    list.push_back(v > -9e18 && v < 9e18 ? static_cast<int64_t>(v) : std::numeric_limits<int64_t>::min());
  return list;
}
}  // namespace

Status infer_one_hot(Inference& in) {
  VIVACE_TRY(require_rank(in, 1, 0, 1));
  VIVACE_TRY(require_rank(in, 2, 1, 1));
  if (in.dims(2) && in.dims(2)->front().known() && !in.dims(2)->front().is(2))
    return in.error("values must be the two of off and on");
  const DType type = in.dtype(1);
  if (type != DType::undefined && !is_float(type) && !is_integer(type)) return in.error("depth must be a number");
  ir::Dim depth;
  if (const Tensor* constant = in.constant(1)) {
    const std::vector<int64_t> values = truncated(*constant);
    if (values.size() != 1 || values[0] < 0) return in.error("depth must be one number, not negative");
    depth = values[0];
  } else if (const auto known = in.known(1); known && known->size() == 1) {
    depth = (*known)[0];
  }
  if (!in.dims(0)) return in.set_unknown_rank(0, in.dtype(2)), Status();
  VIVACE_ASSIGN(const int axis, checked_axis(in, in.attributes.integer("axis", -1), in.rank(0) + 1));
  ir::Dims out = *in.dims(0);
  out.insert(out.begin() + axis, depth);
  in.set(0, in.dtype(2), std::move(out));
  return {};
}

Status reference_one_hot(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView &values = call.input(2), &y = call.output();
  const AxisSplit split = split_at(y.shape, normalized_axis(call.attributes.integer("axis", -1), y.rank()));
  copy_strided({y.count()}, {y, 0}, {1}, {values, 0}, {0}, call.pool);
  if (y.count() == 0) return {};
  const std::vector<int64_t> indices = truncated(call.input(0));
  for (size_t i = 0; i < indices.size(); ++i) {
    const int64_t index = indices[i] < 0 ? indices[i] + split.size : indices[i], at = static_cast<int64_t>(i);
    if (index < 0 || index >= split.size) continue;
    copy_elements({y, (at / split.inner * split.size + index) * split.inner + at % split.inner}, {values, 1}, 1);
  }
  return {};
}

// --- Compress

Status infer_compress(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::boolean}));
  VIVACE_TRY(require_rank(in, 1, 1, 1));
  if (!in.attributes.has("axis")) return in.set(0, in.dtype(0), {ir::Dim()}), Status();
  if (!in.dims(0)) return in.set_unknown_rank(0, in.dtype(0)), Status();
  VIVACE_ASSIGN(const int axis, checked_axis(in, in.attributes.integer("axis"), in.rank(0)));
  ir::Dims out = *in.dims(0);
  out[static_cast<size_t>(axis)] = ir::Dim();
  in.set(0, in.dtype(0), std::move(out));
  return {};
}

// The condition may be shorter than the axis: the rest is dropped.
Status reference_compress(Call& call) {
  const TensorView& x = call.input(0);
  const bool flat = !call.attributes.has("axis");
  const int axis = flat ? 0 : normalized_axis(call.attributes.integer("axis"), x.rank());
  Shape shape = flat ? Shape{x.count()} : x.shape;
  const AxisSplit from = split_at(shape, axis);
  std::vector<int64_t> kept;
  const auto condition = call.input(1).span<const bool>();
  for (size_t i = 0; i < condition.size(); ++i) {
    if (!condition[i]) continue;
    if (static_cast<int64_t>(i) >= from.size) return call.error("the condition holds beyond the end of the axis");
    kept.push_back(static_cast<int64_t>(i));
  }
  const auto count = static_cast<int64_t>(kept.size());
  shape[static_cast<size_t>(axis)] = count;
  VIVACE_TRY(make_output(call, 0, x.type, shape));
  for (int64_t o = 0; o < from.outer; ++o)
    for (int64_t i = 0; i < count; ++i)
      copy_elements({call.output(), (o * count + i) * from.inner},
                    {x, (o * from.size + kept[static_cast<size_t>(i)]) * from.inner}, from.inner);
  return {};
}

// --- NonZero

Status infer_non_zero(Inference& in) {
  in.set(0, DType::i64, {in.dims(0) ? ir::Dim(std::max(1, in.rank(0))) : ir::Dim(), ir::Dim()});
  return {};
}

// One row of coordinates per dimension; a scalar counts as one element.
Status reference_non_zero(Call& call) {
  const TensorView& x = call.input(0);
  std::vector<int64_t> places;
  const auto collect = [&](auto is_set) {
    for (int64_t i = 0; i < x.count(); ++i)
      if (is_set(i)) places.push_back(i);
  };
  if (x.type == DType::string)
    collect([&](int64_t i) { return !x.as<std::string>()[i].empty(); });
  else if (x.type == DType::boolean)
    collect([&](int64_t i) { return x.as<bool>()[i]; });
  else if (x.type == DType::c64)
    collect([&](int64_t i) { return x.as<std::complex<float>>()[i] != 0.0f; });
  else if (x.type == DType::c128)
    collect([&](int64_t i) { return x.as<std::complex<double>>()[i] != 0.0; });
  else
    VIVACE_TRY(for_numbers(
        call, x.type, [&]<class T>() { collect([&](int64_t i) { return static_cast<Wide<T>>(x.as<T>()[i]) != 0; }); }));
  const Shape shape = x.shape.empty() ? Shape{1} : x.shape;
  const auto count = static_cast<int64_t>(places.size());
  VIVACE_TRY(make_output(call, 0, DType::i64, {static_cast<int64_t>(shape.size()), count}));
  auto* row = call.output().as<int64_t>() + static_cast<int64_t>(shape.size()) * count;
  for (size_t axis = shape.size(); axis-- > 0;) {
    row -= count;
    for (int64_t i = 0; i < count; ++i) {
      row[i] = places[static_cast<size_t>(i)] % shape[axis];
      places[static_cast<size_t>(i)] /= shape[axis];
    }
  }
  return {};
}

// --- Unique

Status infer_unique(Inference& in) {
  if (!in.attributes.has("axis")) {
    in.set(0, in.dtype(0), {ir::Dim()});
  } else if (!in.dims(0)) {
    in.set_unknown_rank(0, in.dtype(0));
  } else {
    VIVACE_ASSIGN(const int axis, checked_axis(in, in.attributes.integer("axis"), in.rank(0)));
    ir::Dims out = *in.dims(0);
    out[static_cast<size_t>(axis)] = ir::Dim();
    in.set(0, in.dtype(0), std::move(out));
  }
  for (size_t i = 1; i < in.output_count(); ++i) in.set(i, DType::i64, {ir::Dim()});
  return {};
}

namespace {

// -1, 0 or 1; NaN is one value, above all others.
template <class T>
int compare(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (a != a || b != b) return (a != a) - (b != b);
  }
  return a < b ? -1 : b < a;
}

// By the real part first.
template <class T>
int compare(const std::complex<T>& a, const std::complex<T>& b) {
  const int real = compare(a.real(), b.real());
  return real ? real : compare(a.imag(), b.imag());
}

// Slices along the axis in ascending order, the first of equals first.
struct Sorted {
  std::vector<int64_t> order;
  std::vector<bool> starts;  // whether order[i] differs from order[i - 1]
};

template <class T>
Sorted sort_slices(const TensorView& x, const AxisSplit& split) {
  const auto compare_slices = [&](int64_t a, int64_t b) {
    for (int64_t o = 0; o < split.outer; ++o)
      for (int64_t i = 0; i < split.inner; ++i) {
        const auto at = [&](int64_t slice) -> decltype(auto) {
          const T& element = x.as<T>()[(o * split.size + slice) * split.inner + i];
          if constexpr (std::is_same_v<T, std::string>)
            return (element);
          else
            return static_cast<Wide<T>>(element);
        };
        if (const int c = compare(at(a), at(b))) return c;
      }
    return 0;
  };
  Sorted sorted;
  sorted.order.resize(static_cast<size_t>(split.size));
  std::iota(sorted.order.begin(), sorted.order.end(), 0);
  std::stable_sort(sorted.order.begin(), sorted.order.end(),
                   [&](int64_t a, int64_t b) { return compare_slices(a, b) < 0; });
  for (size_t i = 0; i < sorted.order.size(); ++i)
    sorted.starts.push_back(i == 0 || compare_slices(sorted.order[i - 1], sorted.order[i]) != 0);
  return sorted;
}

}  // namespace

Status reference_unique(Call& call) {
  const TensorView& x = call.input(0);
  const bool flat = !call.attributes.has("axis");
  const int axis = flat ? 0 : normalized_axis(call.attributes.integer("axis"), x.rank());
  Shape shape = flat ? Shape{x.count()} : x.shape;
  const AxisSplit split = split_at(shape, axis);
  Sorted sorted;
  if (x.type == DType::string)
    sorted = sort_slices<std::string>(x, split);
  else if (x.type == DType::boolean)
    sorted = sort_slices<bool>(x, split);
  else if (x.type == DType::c64)
    sorted = sort_slices<std::complex<float>>(x, split);
  else if (x.type == DType::c128)
    sorted = sort_slices<std::complex<double>>(x, split);
  else
    VIVACE_TRY(for_numbers(call, x.type, [&]<class T>() { sorted = sort_slices<T>(x, split); }));

  // Groups of equal slices: the first of each, how many, and the group of every slice.
  std::vector<int64_t> first, counts, group(static_cast<size_t>(split.size));
  for (size_t i = 0; i < sorted.order.size(); ++i) {
    if (sorted.starts[i]) first.push_back(sorted.order[i]), counts.push_back(0);
    ++counts.back();
    group[static_cast<size_t>(sorted.order[i])] = static_cast<int64_t>(first.size()) - 1;
  }
  if (call.attributes.integer("sorted", 1) == 0) {  // by first occurrence
    std::vector<size_t> by_place(first.size());
    std::iota(by_place.begin(), by_place.end(), 0);
    std::sort(by_place.begin(), by_place.end(), [&](size_t a, size_t b) { return first[a] < first[b]; });
    std::vector<int64_t> place(first.size()), old_first = first, old_counts = counts;
    for (size_t i = 0; i < by_place.size(); ++i) {
      place[by_place[i]] = static_cast<int64_t>(i);
      first[i] = old_first[by_place[i]];
      counts[i] = old_counts[by_place[i]];
    }
    for (int64_t& g : group) g = place[static_cast<size_t>(g)];
  }

  const auto count = static_cast<int64_t>(first.size());
  shape[static_cast<size_t>(axis)] = count;
  VIVACE_TRY(make_output(call, 0, x.type, shape));
  for (int64_t o = 0; o < split.outer; ++o)
    for (int64_t i = 0; i < count; ++i)
      copy_elements({call.output(), (o * count + i) * split.inner},
                    {x, (o * split.size + first[static_cast<size_t>(i)]) * split.inner}, split.inner);
  const std::vector<int64_t>* lists[] = {nullptr, &first, &group, &counts};
  for (size_t i = 1; i < call.outputs.size(); ++i) {
    VIVACE_TRY(make_output(call, i, DType::i64, {static_cast<int64_t>(lists[i]->size())}));
    std::copy(lists[i]->begin(), lists[i]->end(), call.output(i).as<int64_t>());
  }
  return {};
}

}  // namespace vivace::ops
