// Sequences: values of DType::list whose elements share their memory with whoever else holds them, so that a sequence
// that grows by one does not copy what is in it already.
#include <algorithm>

#include "ops/reference.h"

namespace vivace::ops {

namespace {

Status require_sequence(const Inference& in, size_t i = 0) {
  const ir::Type& type = in.type(i);
  if (type.kind == ir::Kind::sequence || !type.known()) return {};
  return in.error("input " + std::to_string(i) + " is a " + type.to_string() + "; it takes a sequence");
}

// Of the elements of the sequence at input i; unknown where nothing is known of them.
ir::Type element_type(const Inference& in, size_t i = 0) {
  const ir::Type& type = in.type(i);
  return type.is_list() && type.element ? *type.element : ir::Type();
}

Result<ir::Type> common(const Inference& in, const ir::Type& a, const ir::Type& b) {
  if (!a.known()) return b;
  std::optional<ir::Type> merged = ir::common_type(a, b);
  if (!merged)
    return in.error("a sequence cannot hold both " + a.to_string() + " and " + b.to_string() +
                    "; its elements have one type");
  return *std::move(merged);
}

void set_sequence(Inference& in, const ir::Type& element) {
  in.set(0, element.known() ? ir::Type::sequence(element) : ir::Type::of_unknown(ir::Kind::sequence));
}

std::span<const Tensor> elements_of(const TensorView& list) { return list.span<const Tensor>(); }

// The position that input i says, from the end where it is negative; `fallback` without it. Places are counted from 0
// to `last`.
Result<int64_t> position_of(const Call& call, size_t i, int64_t size, int64_t last, int64_t fallback) {
  if (!call.has(i)) return fallback;
  const TensorView& input = call.input(i);
  if (input.count() != 1) return call.error("the position must be one element, not " + to_string(input.shape));
  int64_t at = to_int64(input)[0];
  if (at < -size || at > last)
    return call.error("position " + std::to_string(at) + " is outside of the sequence of " + std::to_string(size) +
                      " elements");
  return at < 0 ? at + size : at;
}

// Makes output 0 a list of so many elements, all of them invalid yet.
Result<std::span<Tensor>> make_list(Call& call, int64_t count) {
  VIVACE_TRY(call.allocate(0, DType::list, {count}));
  return call.output().span<Tensor>();
}

}  // namespace

Status infer_sequence_construct(Inference& in) {
  ir::Type element;
  for (size_t i = 0; i < in.input_count(); ++i) {
    if (!in.has(i)) return in.error("element " + std::to_string(i) + " is left out");
    VIVACE_ASSIGN(element, common(in, element, in.type(i)));
  }
  set_sequence(in, element);
  return {};
}
Status reference_sequence_construct(Call& call) {
  VIVACE_ASSIGN(const std::span<Tensor> made, make_list(call, static_cast<int64_t>(call.inputs.size())));
  for (size_t i = 0; i < made.size(); ++i) {
    VIVACE_ASSIGN(made[i], owned_copy(call.input(i)));
  }
  return {};
}

Status infer_sequence_empty(Inference& in) {
  const int64_t dtype = in.attributes.integer("dtype", static_cast<int64_t>(DType::f32));
  if (dtype <= 0 || dtype >= kDTypeCount) return in.error("'dtype' is not an element type: " + std::to_string(dtype));
  in.set(0, ir::Type::sequence(ir::Type::tensor_of_any_rank(static_cast<DType>(dtype))));
  return {};
}
Status reference_sequence_empty(Call& call) { return make_list(call, 0).status(); }

namespace {
Status require_position(const Inference& in, size_t i) { return require_type(in, i, {DType::i32, DType::i64}); }
}  // namespace

Status infer_sequence_insert(Inference& in) {
  VIVACE_TRY(require_sequence(in));
  if (in.type(1).is_list()) return in.error("input 1 is a " + in.type(1).to_string() + ", not a tensor");
  VIVACE_TRY(require_position(in, 2));
  VIVACE_ASSIGN(const ir::Type element, common(in, element_type(in), in.type(1)));
  set_sequence(in, element);
  return {};
}
Status reference_sequence_insert(Call& call) {
  const std::span<const Tensor> from = elements_of(call.input(0));
  const auto size = static_cast<int64_t>(from.size());
  VIVACE_ASSIGN(const int64_t at, position_of(call, 2, size, size, size));
  VIVACE_ASSIGN(const std::span<Tensor> made, make_list(call, size + 1));
  std::copy_n(from.begin(), at, made.begin());
  VIVACE_ASSIGN(made[static_cast<size_t>(at)], owned_copy(call.input(1)));
  std::copy(from.begin() + at, from.end(), made.begin() + at + 1);
  return {};
}

Status infer_sequence_erase(Inference& in) {
  VIVACE_TRY(require_sequence(in));
  VIVACE_TRY(require_position(in, 1));
  set_sequence(in, element_type(in));
  return {};
}
Status reference_sequence_erase(Call& call) {
  const std::span<const Tensor> from = elements_of(call.input(0));
  const auto size = static_cast<int64_t>(from.size());
  if (size == 0) return call.error("the sequence has no element to erase");
  VIVACE_ASSIGN(const int64_t at, position_of(call, 1, size, size - 1, size - 1));
  VIVACE_ASSIGN(const std::span<Tensor> made, make_list(call, size - 1));
  std::copy_n(from.begin(), at, made.begin());
  std::copy(from.begin() + at + 1, from.end(), made.begin() + at);
  return {};
}

Status infer_sequence_at(Inference& in) {
  VIVACE_TRY(require_sequence(in));
  VIVACE_TRY(require_position(in, 1));
  in.set(0, element_type(in));
  return {};
}
Status reference_sequence_at(Call& call) {
  const std::span<const Tensor> from = elements_of(call.input(0));
  const auto size = static_cast<int64_t>(from.size());
  VIVACE_ASSIGN(const int64_t at, position_of(call, 1, size, size - 1, 0));
  return give_output(call, 0, from[static_cast<size_t>(at)]);
}

Status infer_sequence_length(Inference& in) {
  VIVACE_TRY(require_sequence(in));
  in.set(0, DType::i64, {});
  return {};
}
Status reference_sequence_length(Call& call) {
  *call.output().as<int64_t>() = call.input(0).count();
  return {};
}

// --- Between tensors and sequences

Status infer_split_to_sequence(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i32, DType::i64}));
  VIVACE_TRY(require_rank(in, 0, 1, kMaxRank));
  VIVACE_TRY(require_rank(in, 1, 0, 1));
  ir::Type element = in.type(0);
  if (element.dims) {
    VIVACE_ASSIGN(const int axis, checked_axis(in, in.attributes.integer("axis"), element.rank()));
    ir::Dim& size = (*element.dims)[static_cast<size_t>(axis)];
    const std::optional<std::vector<int64_t>> sizes = in.has(1) ? in.numbers(1) : std::nullopt;
    const bool equal =
        sizes && !sizes->empty() && std::ranges::all_of(*sizes, [&](int64_t n) { return n == sizes->at(0); });
    const bool whole =
        equal && (in.rank(1) == 1 || (size.known() && sizes->at(0) > 0 && size.value() % sizes->at(0) == 0));
    if (!in.has(1) && in.attributes.integer("keepdims", 1) == 0)
      element.dims->erase(element.dims->begin() + axis);
    else
      size = !in.has(1) ? ir::Dim(1) : whole && sizes->at(0) >= 0 ? ir::Dim(sizes->at(0)) : ir::Dim();
  }
  set_sequence(in, element);
  return {};
}

namespace {
// Parts may be empty, and be more than any memory holds without a single element in them.
constexpr int64_t kMostParts = int64_t{1} << 24;

// Sizes of the parts along an axis of `size`.
Result<std::vector<int64_t>> parts_of(const Call& call, int64_t size) {
  const auto too_many = [&](int64_t count) { return call.error("it would make " + std::to_string(count) + " parts"); };
  if (!call.has(1)) {
    if (size > kMostParts) return too_many(size);
    return std::vector<int64_t>(static_cast<size_t>(size), 1);
  }
  const TensorView& split = call.input(1);
  std::vector<int64_t> parts = to_int64(split);
  if (split.rank() == 0) {
    const int64_t each = parts[0];
    if (each <= 0) return call.error("it cannot split into parts of " + std::to_string(each));
    if (size / each > kMostParts) return too_many(size / each);
    parts.assign(static_cast<size_t>(size / each), each);
    if (size % each) parts.push_back(size % each);
    return parts;
  }
  int64_t left = size;
  for (const int64_t part : parts) {
    if (part < 0 || part > left) break;
    left -= part;
  }
  if (left != 0 || std::ranges::any_of(parts, [](int64_t part) { return part < 0; }))
    return call.error("the parts " + to_string(parts) + " do not add up to the axis of " + std::to_string(size));
  return parts;
}
}  // namespace

Status reference_split_to_sequence(Call& call) {
  const TensorView& x = call.input(0);
  const int axis = normalized_axis(call.attributes.integer("axis"), x.rank());
  if (axis < 0) return call.error("the axis is outside of the input's " + std::to_string(x.rank()) + " dimensions");
  const AxisSplit split = split_at(x.shape, axis);
  VIVACE_ASSIGN(const std::vector<int64_t> parts, parts_of(call, split.size));
  const bool drop_axis = !call.has(1) && call.attributes.integer("keepdims", 1) == 0;
  VIVACE_ASSIGN(const std::span<Tensor> made, make_list(call, static_cast<int64_t>(parts.size())));
  int64_t begin = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    Shape shape = x.shape;
    if (drop_axis)
      shape.erase(shape.begin() + axis);
    else
      shape[static_cast<size_t>(axis)] = parts[i];
    VIVACE_ASSIGN(made[i], Tensor::allocate(x.type, shape));
    const int64_t row = parts[i] * split.inner;
    for (int64_t outer = 0; outer < split.outer && row > 0; ++outer)
      copy_elements({made[i], outer * row}, {x, (outer * split.size + begin) * split.inner}, row);
    begin += parts[i];
  }
  return {};
}

Status infer_concat_from_sequence(Inference& in) {
  VIVACE_TRY(require_sequence(in));
  const ir::Type element = element_type(in);
  const bool new_axis = in.attributes.integer("new_axis") != 0;
  if (!element.dims) {
    in.set_unknown_rank(0, element.dtype);
    return {};
  }
  VIVACE_ASSIGN(const int axis, checked_axis(in, in.attributes.integer("axis"), element.rank() + (new_axis ? 1 : 0)));
  ir::Dims dims = *element.dims;
  if (new_axis)
    dims.insert(dims.begin() + axis, ir::Dim());
  else
    dims[static_cast<size_t>(axis)] = ir::Dim();
  in.set(0, element.dtype, dims);
  return {};
}
Status reference_concat_from_sequence(Call& call) {
  const std::span<const Tensor> parts = elements_of(call.input(0));
  if (parts.empty()) return call.error("it cannot concatenate a sequence without elements");
  const bool new_axis = call.attributes.integer("new_axis") != 0;
  Shape shape = parts[0].shape();
  const int axis =
      normalized_axis(call.attributes.integer("axis"), static_cast<int>(shape.size()) + (new_axis ? 1 : 0));
  if (axis < 0) return call.error("the axis is outside of the elements' " + to_string(shape));
  const auto at = static_cast<size_t>(axis);
  int64_t total = 0;
  for (const Tensor& part : parts) {
    Shape other = part.shape();
    if (!new_axis && other.size() == shape.size()) other[at] = shape[at];
    if (part.type() != parts[0].type() || other != shape)
      return call.error("elements of shapes " + to_string(shape) + " and " + to_string(part.shape()) +
                        " cannot be concatenated");
    if (__builtin_add_overflow(total, new_axis ? 1 : part.shape()[at], &total))
      return call.error("the result is too large to hold");
  }
  if (new_axis)
    shape.insert(shape.begin() + axis, total);
  else
    shape[at] = total;
  VIVACE_TRY(ensure_output(call, 0, parts[0].type(), shape));
  const AxisSplit whole = split_at(shape, axis);
  int64_t begin = 0;
  for (const Tensor& part : parts) {
    const int64_t size = new_axis ? 1 : part.shape()[at];
    const int64_t row = size * whole.inner;
    for (int64_t outer = 0; outer < whole.outer && row > 0; ++outer)
      copy_elements({call.output(), (outer * whole.size + begin) * whole.inner}, {part, outer * row}, row);
    begin += size;
  }
  return {};
}

}  // namespace vivace::ops
