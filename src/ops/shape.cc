// Constants, shapes, and changes of shape that leave the elements in their order.
//
// Small integer tensors made from shapes keep their elements as known numbers and symbols (Inference::known), so that
// models that compute with shapes keep theirs.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/reference.h"

namespace vivace::ops {

namespace {

std::string quoted(const ir::Dims& dims) { return "[" + ir::to_string(dims) + "]"; }

// The output holds the elements of the input in the same order.
void pass_known(Inference& in) {
  const int rank = in.outputs[0].rank();
  if (const auto known = in.known(0); known && (rank == 0 || rank == 1)) in.set_known(0, *known);
}

// How many elements a rank-1 input has, if that is known; an error beyond kMaxRank, as it will be a rank.
Result<int> length_as_rank(const Inference& in, size_t i) {
  if (const auto known = in.known(i)) return static_cast<int>(known->size());
  if (!in.dims(i) || in.rank(i) != 1 || !in.dims(i)->front().known()) return -1;
  const int64_t length = in.dims(i)->front().value();
  if (length < 0 || length > kMaxRank)
    return in.error("input " + std::to_string(i) + " has " + std::to_string(length) + " elements; at most " +
                    std::to_string(kMaxRank) + " dimensions are possible");
  return static_cast<int>(length);
}

// The elements of input i as dimensions; unknown ones where only their number is known, empty where not even that is.
Result<std::optional<ir::Dims>> dims_from_input(const Inference& in, size_t i) {
  VIVACE_TRY(require_type(in, i, {DType::i64}));
  VIVACE_TRY(require_rank(in, i, 1, 1));
  VIVACE_ASSIGN(const int length, length_as_rank(in, i));
  if (length < 0) return std::optional<ir::Dims>();
  const std::optional<ir::Dims> known = in.known(i);
  return std::optional(known ? *known : ir::Dims(static_cast<size_t>(length)));
}

// Axes from input i for a tensor of `rank`, as flags; empty where they are not known yet.
Result<std::optional<std::vector<bool>>> axes_from_input(const Inference& in, size_t i, int rank) {
  VIVACE_TRY(require_type(in, i, {DType::i64}));
  VIVACE_TRY(require_rank(in, i, 0, 1));
  const std::optional<std::vector<int64_t>> axes = in.numbers(i);
  if (!axes) return std::optional<std::vector<bool>>();
  std::vector<bool> chosen(static_cast<size_t>(rank));
  for (const int64_t axis : *axes) {
    VIVACE_ASSIGN(const int at, checked_axis(in, axis, rank));
    if (chosen[static_cast<size_t>(at)]) return in.error("axis " + std::to_string(axis) + " is given twice");
    chosen[static_cast<size_t>(at)] = true;
  }
  return std::optional(std::move(chosen));
}

}  // namespace

Status infer_identity(Inference& in) {
  in.set(0, in.type(0));
  if (const auto known = in.known(0)) in.set_known(0, *known);
  return {};
}

// Copies elements: the kernel of every change of shape that keeps their order.
Status reference_identity(Call& call) {
  if (call.input(0).type == DType::list) return give_output(call, 0, call.input(0));
  copy_elements({call.output(), 0}, {call.input(0), 0}, call.output().count());
  return {};
}
Status reference_reshape(Call& call) {
  VIVACE_TRY(size_outputs(call));
  if (call.output().count() != call.input(0).count())
    return call.error(to_string(call.input(0).shape) + " does not have the elements of " +
                      to_string(call.output().shape));
  return reference_identity(call);
}

// --- Constants

namespace {
Result<Tensor> constant_of(const Inference& in) {
  const ir::Attributes& a = in.attributes;
  Tensor made;
  if (const auto* v = a.get<Tensor>("value"))
    made = *v;
  else if (const auto* v = a.get<int64_t>("value_int"))
    made = Tensor::scalar(*v);
  else if (const auto* v = a.get<float>("value_float"))
    made = Tensor::scalar(*v);
  else if (const auto* v = a.get<std::vector<int64_t>>("value_ints"))
    made = Tensor::of(*v);
  else if (const auto* v = a.get<std::vector<float>>("value_floats"))
    made = Tensor::of(*v);
  else if (a.has("value_string") || a.has("value_strings")) {
    const bool one = a.has("value_string");
    const auto texts = one ? std::vector{a.text("value_string")} : a.texts("value_strings");
    VIVACE_ASSIGN(made, Tensor::allocate(DType::string, one ? Shape{} : Shape{static_cast<int64_t>(texts.size())}));
    std::copy(texts.begin(), texts.end(), made.as<std::string>());
  }
  if (!made.valid()) return in.error("it has no value (sparse values are read as dense ones)");
  return made;
}
}  // namespace

Status infer_constant(Inference& in) {
  VIVACE_ASSIGN(const Tensor value, constant_of(in));
  in.set(0, value.type(), ir::to_dims(value.shape()));
  if (is_integer(value.type()) && value.shape().size() <= 1 && value.count() <= 64) {
    const std::vector<int64_t> numbers = to_int64(value);
    in.set_known(0, ir::Dims(numbers.begin(), numbers.end()));
  }
  return {};
}
Status reference_constant(Call& call) {
  VIVACE_ASSIGN(const Tensor value, constant_of(Inference(call.node)));
  copy_elements({call.output(), 0}, {value, 0}, value.count());
  return {};
}

Status infer_constant_of_shape(Inference& in) {
  VIVACE_ASSIGN(const std::optional<ir::Dims> dims, dims_from_input(in, 0));
  const auto* value = in.attributes.get<Tensor>("value");
  if (value && value->count() != 1) return in.error("'value' must have one element");
  const DType type = value ? value->type() : DType::f32;
  if (!dims) return in.set_unknown_rank(0, type), Status();
  for (const ir::Dim& d : *dims)
    if (d.known() && d.value() < 0) return in.error("negative dimension in " + quoted(*dims));
  in.set(0, type, *dims);
  const ir::Dim count = product(*dims);
  if (dims->size() <= 1 && count.known() && count.value() <= 64 && value && is_integer(type))
    in.set_known(0, ir::Dims(static_cast<size_t>(count.value()), ir::Dim(to_int64(*value)[0])));
  return {};
}
Status reference_constant_of_shape(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const Shape flat{call.output().count()};
  const Tensor zero = Tensor::scalar(0.0f);
  const auto* value = call.attributes.get<Tensor>("value");
  copy_strided(flat, {call.output(), 0}, {1}, {value ? *value : zero, 0}, {0}, call.pool);
  return {};
}

// Ones on the k-th diagonal of a matrix shaped like the input.
Status infer_eye_like(Inference& in) {
  VIVACE_TRY(require_rank(in, 0, 2, 2));
  const int64_t type = in.attributes.integer("dtype", static_cast<int64_t>(in.dtype(0)));
  if (type <= 0 || type >= kDTypeCount) return in.error("'dtype' is not an element type");
  in.set(0, ir::Type{ir::Kind::tensor, static_cast<DType>(type), in.dims(0), 0, nullptr});
  return {};
}
Status reference_eye_like(Call& call) {
  const TensorView& y = call.output();
  const int64_t rows = y.shape[0], columns = y.shape[1], k = call.attributes.integer("k");
  const bool done = visit_dtype<float, double, Float16, BFloat16, int64_t, int32_t, int16_t, int8_t, uint64_t, uint32_t,
                                uint16_t, uint8_t, bool>(y.type, [&]<class T>() {
    std::fill_n(y.as<T>(), y.count(), T(0));
    if (k <= -rows || k >= columns) return;
    for (int64_t r = std::max<int64_t>(0, -k); r < rows && r + k < columns; ++r) y.as<T>()[r * columns + r + k] = T(1);
  });
  return done ? Status() : no_kernel_for(call, y.type);
}

// --- Shapes as data

namespace {
// The part [start, end) of the dimensions that Shape gives.
std::pair<int64_t, int64_t> shape_range(const ir::Attributes& attributes, int64_t rank) {
  const auto clamped = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const int64_t start = clamped(attributes.integer("start", 0)), end = clamped(attributes.integer("end", rank));
  return {start, std::max(start, end)};
}
}  // namespace

Status infer_shape(Inference& in) {
  if (!in.dims(0)) return in.set(0, DType::i64, {ir::Dim()}), Status();
  const auto [start, end] = shape_range(in.attributes, in.rank(0));
  in.set(0, DType::i64, {end - start});
  in.set_known(0, ir::Dims(in.dims(0)->begin() + start, in.dims(0)->begin() + end));
  return {};
}
Status reference_shape(Call& call) {
  const Shape& shape = call.input(0).shape;
  const auto [start, end] = shape_range(call.attributes, call.input(0).rank());
  std::copy(shape.begin() + start, shape.begin() + end, call.output().as<int64_t>());
  return {};
}

Status infer_size(Inference& in) {
  in.set(0, DType::i64, {});
  if (in.dims(0)) in.set_known(0, {product(*in.dims(0))});
  return {};
}
Status reference_size(Call& call) {
  *call.output().as<int64_t>() = call.input(0).count();
  return {};
}

namespace {
// ceil((limit - start) / delta), at least 0; empty for a delta of 0, NaN, or more elements than memory can hold.
std::optional<int64_t> range_length(const Tensor& start, const Tensor& limit, const Tensor& delta) {
  if (is_integer(start.type())) {
    const __int128 first = to_int64(start)[0], last = to_int64(limit)[0], step = to_int64(delta)[0];
    if (step == 0) return std::nullopt;
    const __int128 span = step > 0 ? last - first : first - last, size = step > 0 ? step : -step;
    return span <= 0 ? 0
                     : static_cast<int64_t>(
                           std::min<__int128>((span + size - 1) / size, std::numeric_limits<int64_t>::max()));
  }
  const double length = std::ceil((to_double(limit)[0] - to_double(start)[0]) / to_double(delta)[0]);
  return length < 1e15 ? std::optional(static_cast<int64_t>(std::max(length, 0.0))) : std::nullopt;
}
}  // namespace

Status infer_range(Inference& in) {
  for (size_t i = 1; i < 3; ++i) VIVACE_TRY(require_same_type(in, 0, i));
  for (size_t i = 0; i < 3; ++i)
    if (in.dims(i) && product(*in.dims(i)).known() && !product(*in.dims(i)).is(1))
      return in.error("start, limit and delta must be scalars");
  ir::Dim length;
  const auto start = in.known(0), limit = in.known(1), delta = in.known(2);
  const bool bounds = start && limit && delta && start->size() == 1 && limit->size() == 1 && delta->size() == 1;
  const Tensor* values[] = {in.constant(0), in.constant(1), in.constant(2)};
  const std::vector<Tensor> numbers = [&] {
    std::vector<Tensor> list;
    if (values[0] && values[1] && values[2])
      list = {*values[0], *values[1], *values[2]};
    else if (bounds && (*start)[0].known() && (*limit)[0].known() && (*delta)[0].known())
      for (const auto* one : {&start, &limit, &delta}) list.push_back(Tensor::scalar((**one)[0].value()));
    return list;
  }();
  if (!numbers.empty()) {
    if (const Tensor& t = numbers[0]; t.type() != numbers[1].type() || t.type() != numbers[2].type())
      return in.error("start, limit and delta must have one type");
    const std::optional<int64_t> count = range_length(numbers[0], numbers[1], numbers[2]);
    if (!count) return in.error("the range has no end: delta is 0, or the bounds are not numbers");
    length = *count;
  } else if (bounds && (*delta)[0].is(1)) {
    length = (*limit)[0] - (*start)[0];
  }
  in.set(0, in.dtype(0), {length});
  if (length.known() && length.value() <= 64 && !numbers.empty() && is_integer(in.dtype(0))) {
    ir::Dims elements;
    const auto first = static_cast<uint64_t>(to_int64(numbers[0])[0]),
               step = static_cast<uint64_t>(to_int64(numbers[2])[0]);
    for (uint64_t i = 0; i < static_cast<uint64_t>(length.value()); ++i)
      elements.push_back(static_cast<int64_t>(first + i * step));
    in.set_known(0, std::move(elements));
  }
  return {};
}
Status reference_range(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView& y = call.output();
  return for_numbers(call, y.type, [&]<class T>() {
    using W = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;
    const auto widened = [&](size_t i) { return static_cast<W>(static_cast<Wide<T>>(*call.input(i).as<T>())); };
    const W start = widened(0), step = widened(2);
    for (int64_t i = 0; i < y.count(); ++i)
      y.as<T>()[i] = static_cast<T>(static_cast<Wide<T>>(start + static_cast<W>(i) * step));
  });
}

// --- Changes of shape

namespace {

// input / (product of the rest of the output), equal factors cancelled; unknown where it does not come out even.
ir::Dim remaining(ir::Dims numerator, const ir::Dims& denominator) {
  ir::Dims rest;
  for (const ir::Dim& d : denominator) {  // equal dimensions first: they may be 0
    const auto equal = std::find_if(numerator.begin(), numerator.end(), [&](const ir::Dim& n) { return n.same(d); });
    if (equal != numerator.end())
      numerator.erase(equal);
    else
      rest.push_back(d);
  }
  // Then the numbers, and the symbols that are left.
  ir::Dim number = 1, divisor = 1, symbols = 1;
  for (const ir::Dim& d : numerator) (d.known() ? number : symbols) = (d.known() ? number : symbols) * d;
  for (const ir::Dim& d : rest) divisor = divisor * d;
  if (!number.known()) return {};
  if (!divisor.known()) return symbols.is(1) ? floor_div(number, divisor) : floor_div(symbols * number, divisor);
  if (divisor.is(0)) return {};
  if (number.value() % divisor.value() == 0) return symbols * ir::Dim(number.value() / divisor.value());
  return floor_div(symbols * number, divisor);
}

}  // namespace

Status infer_reshape(Inference& in) {
  VIVACE_ASSIGN(std::optional<ir::Dims> wanted, dims_from_input(in, 1));
  if (!wanted) return in.set_unknown_rank(0, in.dtype(0)), Status();
  const std::string request = quoted(*wanted);
  const bool allow_zero = in.attributes.integer("allowzero") != 0;
  std::optional<size_t> open;  // the place of -1
  bool zero = false, vague = !in.dims(0);
  for (size_t i = 0; i < wanted->size(); ++i) {
    ir::Dim& d = (*wanted)[i];
    vague |= !d.known() && d.symbol().empty();
    if (d.is(0)) zero = true;
    if (d.is(0) && !allow_zero) {
      if (in.dims(0) && i >= in.dims(0)->size())
        return in.error("shape " + request + " copies dimension " + std::to_string(i) + " of " + quoted(*in.dims(0)));
      d = in.dims(0) ? (*in.dims(0))[i] : ir::Dim();
    } else if (d.is(-1)) {
      if (open) return in.error("shape " + request + " has more than one -1");
      open = i;
    } else if (d.known() && d.value() < 0) {
      return in.error("shape " + request + " has a negative dimension");
    }
  }
  if (open && allow_zero && zero) return in.error("shape " + request + " has both 0 and -1, and allowzero");
  if (open) {
    ir::Dims others = *wanted;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(*open));
    (*wanted)[*open] = vague ? ir::Dim() : remaining(*in.dims(0), others);
  }
  if (in.dims(0)) {
    const ir::Dim before = product(*in.dims(0)), after = product(*wanted);
    const bool settled = before.known() && std::all_of(wanted->begin(), wanted->end(), [&](const ir::Dim& d) {
                           return d.known() || (open && &d == &(*wanted)[*open]);
                         });
    if (settled && !vague && !(after.known() && after.same(before)))
      return in.error(quoted(*in.dims(0)) + " cannot be reshaped to " + request);
  }
  in.set(0, in.dtype(0), *wanted);
  pass_known(in);
  return {};
}

Status infer_squeeze(Inference& in) {
  const auto unknown = [&] { return in.set_unknown_rank(0, in.dtype(0)), Status(); };
  if (!in.dims(0)) return unknown();
  const ir::Dims& dims = *in.dims(0);
  std::vector<bool> drop(dims.size());
  if (in.has(1)) {
    VIVACE_ASSIGN(const auto axes, axes_from_input(in, 1, in.rank(0)));
    if (!axes) {
      VIVACE_ASSIGN(const int count, length_as_rank(in, 1));
      if (count < 0 || count > in.rank(0)) return unknown();
      return in.set(0, in.dtype(0), ir::Dims(dims.size() - static_cast<size_t>(count))), Status();
    }
    drop = *axes;
  } else {
    for (size_t i = 0; i < dims.size(); ++i) {
      if (!dims[i].known()) return unknown();
      drop[i] = dims[i].is(1);
    }
  }
  ir::Dims out;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (!drop[i])
      out.push_back(dims[i]);
    else if (dims[i].known() && !dims[i].is(1))
      return in.error("axis " + std::to_string(i) + " of " + quoted(dims) + " is not 1");
  }
  in.set(0, in.dtype(0), std::move(out));
  pass_known(in);
  return {};
}

Status infer_unsqueeze(Inference& in) {
  VIVACE_TRY(require_rank(in, 1, 0, 1));
  VIVACE_ASSIGN(const int count, length_as_rank(in, 1));
  const int added = in.rank(1) == 0 ? 1 : count;
  if (!in.dims(0) || added < 0) return in.set_unknown_rank(0, in.dtype(0)), Status();
  const int rank = in.rank(0) + added;
  if (rank > kMaxRank) return in.error("rank " + std::to_string(rank) + " is too high");
  VIVACE_ASSIGN(const auto axes, axes_from_input(in, 1, rank));
  ir::Dims out;
  for (size_t i = 0, next = 0; i < static_cast<size_t>(rank); ++i)
    out.push_back(!axes ? ir::Dim() : (*axes)[i] ? ir::Dim(1) : (*in.dims(0))[next++]);
  in.set(0, in.dtype(0), std::move(out));
  pass_known(in);
  return {};
}

Status infer_flatten(Inference& in) {
  if (!in.dims(0)) return in.set(0, in.dtype(0), {ir::Dim(), ir::Dim()}), Status();
  const int64_t axis = in.attributes.integer("axis", 1), rank = in.rank(0);
  if (axis < -rank || axis > rank)
    return in.error("axis " + std::to_string(axis) + " is out of range for rank " + std::to_string(rank));
  const auto middle = in.dims(0)->begin() + (axis < 0 ? axis + rank : axis);
  in.set(0, in.dtype(0), {ir::product({in.dims(0)->begin(), middle}), ir::product({middle, in.dims(0)->end()})});
  return {};
}

Status infer_expand(Inference& in) {
  VIVACE_ASSIGN(const std::optional<ir::Dims> wanted, dims_from_input(in, 1));
  if (!wanted || !in.dims(0)) return in.set_unknown_rank(0, in.dtype(0)), Status();
  for (const ir::Dim& d : *wanted)
    if (d.known() && d.value() < 0) return in.error("shape " + quoted(*wanted) + " has a negative dimension");
  const std::optional<ir::Dims> out = ir::broadcast(*in.dims(0), *wanted);
  if (!out) return in.error(quoted(*in.dims(0)) + " does not expand to " + quoted(*wanted));
  in.set(0, in.dtype(0), *out);
  if (const auto known = in.known(0); known && out->size() == 1 && out->front().known()) {
    const int64_t count = out->front().value();
    if (static_cast<int64_t>(known->size()) == count)
      in.set_known(0, *known);
    else if (known->size() == 1 && count <= 64)
      in.set_known(0, ir::Dims(static_cast<size_t>(count), known->front()));
  }
  return {};
}
Status reference_expand(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const Shape& out = call.output().shape;
  copy_strided(out, {call.output(), 0}, strides_of(out), {call.input(0), 0},
               broadcast_strides(call.input(0).shape, out.size()), call.pool);
  return {};
}

}  // namespace vivace::ops
