// Transpose, Concat, Split, Slice: elements move in runs, whatever their type.
#include <algorithm>
#include <limits>
#include <numeric>

#include "ops/kernel.h"

namespace vivace::ops {

// --- Transpose

namespace {
// Empty where `perm` is no permutation of the axes.
std::vector<int64_t> permutation(const ir::Attributes& attributes, size_t rank) {
  std::vector<int64_t> reversed(rank);
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  std::vector<int64_t> perm = attributes.integers("perm", reversed), sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  return std::equal(sorted.begin(), sorted.end(), reversed.rbegin(), reversed.rend()) ? perm : std::vector<int64_t>();
}
}  // namespace

Status infer_transpose(Inference& in) {
  if (!in.dims(0)) return in.set_unknown_rank(0, in.dtype(0)), Status();
  const ir::Dims& dims = *in.dims(0);
  const std::vector<int64_t> perm = permutation(in.attributes, dims.size());
  if (perm.size() != dims.size() || in.attributes.integers("perm", perm).size() != dims.size())
    return in.error("perm is no permutation of the " + std::to_string(dims.size()) + " axes");
  ir::Dims out;
  for (const int64_t axis : perm) out.push_back(dims[static_cast<size_t>(axis)]);
  in.set(0, in.dtype(0), std::move(out));
  return {};
}

Status reference_transpose(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const Shape dense = strides_of(x.shape);
  Shape strides;
  for (const int64_t axis : permutation(call.attributes, x.shape.size()))
    strides.push_back(dense[static_cast<size_t>(axis)]);
  copy_strided(y.shape, {y, 0}, strides_of(y.shape), {x, 0}, strides, call.pool);
  return {};
}

// --- Concat

Status infer_concat(Inference& in) {
  std::optional<ir::Dims> out;
  ir::Dim length = 0;
  bool ranks_known = true, elements_known = true;
  ir::Dims elements;
  if (!in.attributes.has("axis")) return in.error("it needs an axis");
  for (size_t i = 0; i < in.input_count(); ++i) {
    if (!in.has(i)) return in.error("input " + std::to_string(i) + " is left out");
    VIVACE_TRY(require_same_type(in, 0, i));
    if (!in.dims(i)) {
      ranks_known = false;
      continue;
    }
    const ir::Dims& dims = *in.dims(i);
    VIVACE_ASSIGN(const int axis, checked_axis(in, in.attributes.integer("axis"), in.rank(i)));
    length = length + dims[static_cast<size_t>(axis)];
    if (!out) out = dims;
    if (out->size() != dims.size()) return in.error("inputs differ in rank");
    for (size_t d = 0; d < dims.size(); ++d) {
      if (d == static_cast<size_t>(axis)) continue;
      if ((*out)[d].known() && dims[d].known() && !(*out)[d].same(dims[d]))
        return in.error("inputs [" + ir::to_string(*out) + "] and [" + ir::to_string(dims) + "] differ outside axis " +
                        std::to_string(axis));
      if (!(*out)[d].known()) (*out)[d] = dims[d].known() || (*out)[d].symbol().empty() ? dims[d] : (*out)[d];
    }
    (*out)[static_cast<size_t>(axis)] = length;
    if (const auto known = in.known(i))
      elements.insert(elements.end(), known->begin(), known->end());
    else if (dims.size() == 1 && dims[0].known() && dims[0].value() <= 64)
      elements.resize(elements.size() + static_cast<size_t>(dims[0].value()));
    else
      elements_known = false;
    elements_known = elements_known && elements.size() <= 64;
    if (!elements_known) elements.clear();
  }
  if (!out) return in.set_unknown_rank(0, in.dtype(0)), Status();
  if (!ranks_known)
    (*out)[static_cast<size_t>(normalized_axis(in.attributes.integer("axis"), static_cast<int>(out->size())))] =
        ir::Dim();
  in.set(0, in.dtype(0), *out);
  if (out->size() == 1 && ranks_known && elements_known && is_integer(in.dtype(0)))
    in.set_known(0, std::move(elements));
  return {};
}

Status reference_concat(Call& call) {
  const TensorView& y = call.output();
  if (y.count() == 0) return {};
  const int axis = normalized_axis(call.attributes.integer("axis"), y.rank());
  const AxisSplit out = split_at(y.shape, axis);
  int64_t done = 0;  // along the axis
  for (size_t i = 0; i < call.input_count(); ++i) {
    const TensorView& x = call.input(i);
    const int64_t run = split_at(x.shape, axis).size * out.inner;
    copy_strided({out.outer, run}, {y, done * out.inner}, {out.size * out.inner, 1}, {x, 0}, {run, 1}, call.pool);
    done += split_at(x.shape, axis).size;
  }
  return {};
}

// --- Split

Status infer_split(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i64}));
  VIVACE_TRY(require_rank(in, 1, 1, 1));
  const auto parts = static_cast<int64_t>(in.output_count());
  const std::optional<int64_t> declared =
      in.attributes.has("num_outputs") ? std::optional(in.attributes.integer("num_outputs")) : std::nullopt;
  if (declared && in.has(1)) return in.error("it has both the input split and num_outputs");
  if (declared && *declared != parts)
    return in.error("num_outputs is " + std::to_string(*declared) + ", but it has " + std::to_string(parts) +
                    " outputs");
  if (parts == 0) return {};
  if (!in.dims(0)) {
    for (size_t i = 0; i < in.output_count(); ++i) in.set_unknown_rank(i, in.dtype(0));
    return {};
  }
  VIVACE_ASSIGN(const int axis, checked_axis(in, in.attributes.integer("axis"), in.rank(0)));
  const ir::Dim& whole = (*in.dims(0))[static_cast<size_t>(axis)];
  ir::Dims sizes(static_cast<size_t>(parts));
  if (const auto known = in.known(1)) {
    if (known->size() != sizes.size())
      return in.error("split has " + std::to_string(known->size()) + " elements for " + std::to_string(parts) +
                      " outputs");
    sizes = *known;
  } else if (const auto numbers = in.numbers(1)) {
    if (numbers->size() != sizes.size())
      return in.error("split has " + std::to_string(numbers->size()) + " elements for " + std::to_string(parts) +
                      " outputs");
    sizes = ir::to_dims(*numbers);
  } else if (!in.has(1)) {  // equal parts, the last one smaller where it does not come out even
    const ir::Dim part = ceil_div(whole, parts);
    for (size_t i = 0; i < sizes.size(); ++i)
      sizes[i] =
          whole.known()
              ? ir::Dim(std::clamp<int64_t>(whole.value() - static_cast<int64_t>(i) * part.value(), 0, part.value()))
          : parts == 1 ? whole
                       : ir::Dim();
  }
  for (const ir::Dim& d : sizes)
    if (d.known() && d.value() < 0) return in.error("split has a negative element");
  ir::Dim sum = 0;
  for (const ir::Dim& d : sizes) sum = sum + d;
  if (sum.known() && whole.known() && !sum.same(whole))
    return in.error("split sums to " + sum.to_string() + ", but axis " + std::to_string(axis) + " has " +
                    whole.to_string());
  for (size_t i = 0; i < sizes.size(); ++i) {
    ir::Dims out = *in.dims(0);
    out[static_cast<size_t>(axis)] = sizes[i];
    in.set(i, in.dtype(0), std::move(out));
  }
  return {};
}

Status reference_split(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView& x = call.input(0);
  if (x.count() == 0) return {};  // whose other dimensions may be huge
  const int axis = normalized_axis(call.attributes.integer("axis"), x.rank());
  const AxisSplit all = split_at(x.shape, axis);
  int64_t done = 0;
  for (const TensorView& y : call.outputs) {
    const int64_t run = split_at(y.shape, axis).size * all.inner;
    copy_strided({all.outer, run}, {y, 0}, {run, 1}, {x, done * all.inner}, {all.size * all.inner, 1}, call.pool);
    done += split_at(y.shape, axis).size;
  }
  return {};
}

// --- Slice

namespace {

struct AxisSlice {
  int64_t start = 0, step = 1, size = 0;
};

// Python's rule: negative ends count from the back, then everything is clamped to the axis.
AxisSlice slice_axis(int64_t size, int64_t start, int64_t end, int64_t step) {
  const auto clamped = [&](int64_t at) {
    const int64_t from_front = at < 0 ? at + size : at;
    return step > 0 ? std::clamp<int64_t>(from_front, 0, size) : std::clamp<int64_t>(from_front, -1, size - 1);
  };
  const int64_t first = clamped(start), last = clamped(end);
  const int64_t span = step > 0 ? last - first : first - last;
  if (span <= 0) return {0, 1, 0};
  const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : uint64_t{0} - static_cast<uint64_t>(step);
  const auto count = static_cast<int64_t>((static_cast<uint64_t>(span) - 1) / stride) + 1;
  return {first, count == 1 ? 1 : step, count};
}

// What is left of a dimension that is not a number.
ir::Dim symbolic_slice(const ir::Dim& size, const ir::Dim& start, const ir::Dim& end, int64_t step) {
  constexpr int64_t kEnd = std::numeric_limits<int32_t>::max();
  if (step != 1 || !start.known() || start.value() < 0) return {};
  if (end.same(size) || (end.known() && end.value() >= kEnd)) return size - start;
  if (end.known() && end.value() < 0) return size + end - start;
  return {};
}

// starts, ends, axes and steps of a Slice node as far as they are known.
struct SliceRequest {
  std::optional<ir::Dims> starts, ends;
  std::vector<int64_t> axes;  // in [0, rank)
  std::optional<std::vector<int64_t>> steps;
  bool axes_known = false;
};

std::optional<ir::Dims> elements_of(const Inference& in, size_t i) {
  if (const auto known = in.known(i)) return known;
  const auto numbers = in.numbers(i);
  return numbers ? std::optional(ir::to_dims(*numbers)) : std::nullopt;
}

Result<SliceRequest> slice_request(const Inference& in) {
  SliceRequest r;
  for (size_t i = 1; i < 5; ++i) {
    VIVACE_TRY(require_type(in, i, {DType::i32, DType::i64}));
    VIVACE_TRY(require_rank(in, i, 1, 1));
    VIVACE_TRY(require_same_type(in, 1, i));
  }
  r.starts = elements_of(in, 1);
  r.ends = elements_of(in, 2);
  r.steps = in.numbers(4);
  std::optional<size_t> count;
  for (const auto* list : {&r.starts, &r.ends}) {
    if (!*list) continue;
    if (count && *count != (*list)->size()) return in.error("starts and ends differ in length");
    count = (*list)->size();
  }
  if (const auto axes = in.numbers(3); axes || (!in.has(3) && count)) {
    r.axes_known = true;
    if (axes)
      r.axes = *axes;
    else
      for (size_t i = 0; i < *count; ++i) r.axes.push_back(static_cast<int64_t>(i));
    if (count && r.axes.size() != *count) return in.error("starts and axes differ in length");
    std::vector<bool> seen(static_cast<size_t>(in.rank(0)));
    for (int64_t& axis : r.axes) {
      VIVACE_ASSIGN(const int at, checked_axis(in, axis, in.rank(0)));
      if (seen[static_cast<size_t>(at)]) return in.error("axis " + std::to_string(axis) + " is given twice");
      seen[static_cast<size_t>(at)] = true;
      axis = at;
    }
  }
  if (!in.has(4)) r.steps = std::vector<int64_t>(r.axes.size(), 1);
  if (r.steps) {
    if (r.axes_known && r.steps->size() != r.axes.size()) return in.error("steps and axes differ in length");
    for (const int64_t step : *r.steps)
      if (step == 0) return in.error("a step is 0");
  }
  return r;
}

}  // namespace

Status infer_slice(Inference& in) {
  if (!in.dims(0)) return in.set_unknown_rank(0, in.dtype(0)), Status();
  VIVACE_ASSIGN(const SliceRequest r, slice_request(in));
  ir::Dims out = r.axes_known ? *in.dims(0) : ir::Dims(in.dims(0)->size());
  for (size_t i = 0; i < r.axes.size(); ++i) {
    ir::Dim& d = out[static_cast<size_t>(r.axes[i])];
    if (!r.starts || !r.ends || !r.steps) {
      d = ir::Dim();
      continue;
    }
    const ir::Dim start = (*r.starts)[i], end = (*r.ends)[i];
    const int64_t step = (*r.steps)[i];
    d = d.known() && start.known() && end.known()
            ? ir::Dim(slice_axis(d.value(), start.value(), end.value(), step).size)
            : symbolic_slice(d, start, end, step);
  }
  in.set(0, in.dtype(0), out);
  const std::optional<ir::Dims> known = in.known(0);
  if (known && out.size() == 1 && r.axes_known && r.axes.empty()) in.set_known(0, *known);
  if (!known || out.size() != 1 || r.axes.size() != 1 || !out[0].known() || !r.steps || !(*r.starts)[0].known() ||
      !(*r.ends)[0].known())
    return {};
  const AxisSlice s =
      slice_axis(static_cast<int64_t>(known->size()), (*r.starts)[0].value(), (*r.ends)[0].value(), (*r.steps)[0]);
  ir::Dims elements;
  for (int64_t i = 0; i < s.size; ++i) elements.push_back((*known)[static_cast<size_t>(s.start + i * s.step)]);
  in.set_known(0, std::move(elements));
  return {};
}

Status reference_slice(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView &x = call.input(0), &y = call.output();
  if (y.count() == 0) return {};
  const std::vector<int64_t> starts = to_int64(call.input(1)), ends = to_int64(call.input(2));
  Shape strides = strides_of(x.shape);
  int64_t offset = 0;
  const std::vector<int64_t> axes = call.has(3) ? to_int64(call.input(3)) : std::vector<int64_t>();
  const std::vector<int64_t> steps = call.has(4) ? to_int64(call.input(4)) : std::vector<int64_t>(starts.size(), 1);
  for (size_t i = 0; i < starts.size(); ++i) {
    const auto axis = call.has(3) ? static_cast<size_t>(normalized_axis(axes[i], x.rank())) : i;
    const AxisSlice s = slice_axis(x.shape[axis], starts[i], ends[i], steps[i]);
    offset += s.start * strides[axis];
    strides[axis] *= s.step;
  }
  copy_strided(y.shape, {y, 0}, strides_of(y.shape), {x, offset}, strides, call.pool);
  return {};
}

}  // namespace vivace::ops
