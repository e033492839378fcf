#include "ops/kernel.h"

#include <algorithm>
#include <cstring>

namespace vivace::ops {

Status require_type(const Inference& in, size_t i, std::initializer_list<DType> types) {
  if (!in.has(i) || in.dtype(i) == DType::undefined) return {};
  std::string names;
  for (const DType type : types) {
    if (type == in.dtype(i)) return {};
    names += (names.empty() ? "" : " or ") + std::string(to_string(type));
  }
  return in.error("input " + std::to_string(i) + " has type " + to_string(in.dtype(i)) + "; it must be " + names);
}

Status require_same_type(const Inference& in, size_t i, size_t j) {
  if (!in.has(i) || !in.has(j) || in.dtype(i) == DType::undefined || in.dtype(j) == DType::undefined ||
      in.dtype(i) == in.dtype(j))
    return {};
  return in.error("inputs " + std::to_string(i) + " and " + std::to_string(j) + " have types " +
                  to_string(in.dtype(i)) + " and " + to_string(in.dtype(j)) +
                  "; they must be the same (a Cast makes them so)");
}

Status require_rank(const Inference& in, size_t i, int min_rank, int max_rank) {
  if (!in.has(i) || !in.dims(i) || (in.rank(i) >= min_rank && in.rank(i) <= max_rank)) return {};
  return in.error("input " + std::to_string(i) + " has rank " + std::to_string(in.rank(i)) + "; it must be " +
                  (min_rank == max_rank   ? std::to_string(min_rank)
                   : max_rank >= kMaxRank ? std::to_string(min_rank) + " or more"
                                          : std::to_string(min_rank) + " to " + std::to_string(max_rank)));
}

Result<int> checked_axis(const Inference& in, int64_t axis, int rank) {
  const int at = normalized_axis(axis, rank);
  if (at < 0) return in.error("axis " + std::to_string(axis) + " is out of range for rank " + std::to_string(rank));
  return at;
}

ir::Dim fitting(DType type, const ir::Dim& d) {
  if (!d.known() || bits_of(type) == 64) return d;
  const int bits = bits_of(type);
  const bool is_signed = type == DType::i32 || type == DType::i16 || type == DType::i8;
  const int64_t low = is_signed ? -(int64_t{1} << (bits - 1)) : 0,
                high = (int64_t{1} << (is_signed ? bits - 1 : bits)) - 1;
  return d.value() >= low && d.value() <= high ? d : ir::Dim();
}

Status no_kernel_for(const Call& call, DType type) {
  return {Code::unsupported, call.node.describe() + ": not supported for elements of type " + to_string(type) +
                                 "; a Cast before and after it helps"};
}

Status size_outputs(Call& call) {
  const Operator* row = find_operator(call.node.op);
  if (!row) return Status(Code::internal, call.node.describe() + ": not in the manifest");
  Inference in(call.node);
  std::vector<Tensor> values(call.inputs.size());
  for (size_t i = 0; i < in.types.size() && i < values.size(); ++i) {
    const TensorView& view = call.inputs[i];
    if (!in.present[i]) continue;
    values[i] = Tensor::wrap(view.type, view.shape, view.data, nullptr);
    in.types[i] = ir::Type::tensor(view.type, ir::to_dims(view.shape));
    in.constants[i] = &values[i];
    in.knowns[i] = std::nullopt;
    if (is_integer(view.type) && view.rank() <= 1 && view.count() <= 64) in.knowns[i] = ir::to_dims(to_int64(view));
  }
  VIVACE_TRY(row->infer(in));
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    const std::optional<Shape> shape = in.outputs[i].shape();
    if (!shape) return call.error("the shape of output " + std::to_string(i) + " does not follow from the inputs");
    VIVACE_TRY(make_output(call, i, in.outputs[i].dtype, *shape));
  }
  return {};
}

Status make_output(Call& call, size_t i, DType type, const Shape& shape) {
  if (!call.wants(i)) VIVACE_TRY(call.allocate(i, type, shape));
  const TensorView& made = call.output(i);
  if (made.shape == shape && made.type == type) return {};
  return call.error("output " + std::to_string(i) + " was planned as " + to_string(made.type) + " " +
                    to_string(made.shape) + ", but its inputs make it " + to_string(type) + " " + to_string(shape));
}

void parallel_for(ThreadPool* pool, int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> f) {
  const int64_t parts = pool ? std::min<int64_t>(4 * pool->size(), count / std::max<int64_t>(grain, 1)) : 1;
  if (parts <= 1) return count > 0 ? f(0, count) : void();
  const int64_t size = (count + parts - 1) / parts;
  pool->run((count + size - 1) / size, [&](int64_t part, int) { f(part * size, std::min(count, (part + 1) * size)); });
}

StridedLoop::StridedLoop(const Shape& shape, const std::vector<Shape>& strides) : strides_(strides.size()) {
  const auto mergeable = [&](size_t axis) {  // with the last dimension kept
    for (size_t k = 0; k < strides.size(); ++k)
      if (strides_[k].back() != strides[k][axis] * shape[axis]) return false;
    return true;
  };
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 1) continue;
    const bool merge = !shape_.empty() && mergeable(axis);
    if (merge)
      shape_.back() *= shape[axis];
    else
      shape_.push_back(shape[axis]);
    for (size_t k = 0; k < strides.size(); ++k) {
      if (merge)
        strides_[k].back() = strides[k][axis];
      else
        strides_[k].push_back(strides[k][axis]);
    }
  }
  row_strides_.assign(strides.size(), 1);
  if (shape_.empty()) return;
  row_ = shape_.back();
  shape_.pop_back();
  rows_ = elements(shape_);
  for (size_t k = 0; k < strides.size(); ++k) {
    row_strides_[k] = strides_[k].back();
    strides_[k].pop_back();
  }
}

Shape broadcast_strides(const Shape& shape, size_t rank) {
  const Shape dense = strides_of(shape);
  Shape strides(rank, 0);
  for (size_t i = 0; i < shape.size(); ++i) strides[rank - shape.size() + i] = shape[i] == 1 ? 0 : dense[i];
  return strides;
}

StridedLoop StridedLoop::broadcast(const Shape& out, const std::vector<Shape>& inputs) {
  std::vector<Shape> strides{strides_of(out)};
  for (const Shape& shape : inputs) strides.push_back(broadcast_strides(shape, out.size()));
  return StridedLoop(out, strides);
}

void StridedLoop::run(ThreadPool* pool, FunctionRef<void(const int64_t*, int64_t)> f) const {
  if (row_ == 0 || rows_ == 0) return;
  constexpr int64_t kPart = 1 << 14;  // elements worth a task
  // Without threads, or with many rows, rows stay whole.
  const int64_t part = pool && pool->size() > 1 && rows_ < 64 ? std::min(row_, kPart) : row_;
  const int64_t parts = (row_ + part - 1) / part;
  parallel_for(pool, rows_ * parts, std::max<int64_t>(1, kPart / part), [&](int64_t begin, int64_t end) {
    Shape index(shape_.size(), 0);
    std::vector<int64_t> offsets(strides_.size(), 0), at(strides_.size());
    int64_t rest = begin / parts;
    for (size_t axis = shape_.size(); axis-- > 0; rest /= shape_[axis]) {
      index[axis] = rest % shape_[axis];
      for (size_t k = 0; k < offsets.size(); ++k) offsets[k] += index[axis] * strides_[k][axis];
    }
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t first = unit % parts * part;
      for (size_t k = 0; k < at.size(); ++k) at[k] = offsets[k] + first * row_strides_[k];
      f(at.data(), std::min(part, row_ - first));
      if (first + part < row_) continue;
      for (size_t axis = shape_.size(); axis-- > 0;) {
        const bool carry = ++index[axis] == shape_[axis];
        const int64_t steps = carry ? 1 - shape_[axis] : 1;
        for (size_t k = 0; k < offsets.size(); ++k) offsets[k] += steps * strides_[k][axis];
        if (!carry) break;
        index[axis] = 0;
      }
    }
  });
}

namespace {

// One element of a packed type, low bits first.
void copy_packed(int bits, void* to, int64_t to_index, const void* from, int64_t from_index) {
  const int per_byte = 8 / bits;
  const auto mask = static_cast<uint8_t>((1 << bits) - 1);
  const auto shift_of = [&](int64_t index) { return static_cast<int>(index % per_byte) * bits; };
  const uint8_t value = (static_cast<const uint8_t*>(from)[from_index / per_byte] >> shift_of(from_index)) & mask;
  uint8_t& byte = static_cast<uint8_t*>(to)[to_index / per_byte];
  byte = static_cast<uint8_t>((byte & ~(mask << shift_of(to_index))) | (value << shift_of(to_index)));
}

}  // namespace

void copy_elements(Place to, Place from, int64_t count) {
  const DType type = to.tensor.type;
  if (count <= 0) return;
  if (type == DType::string) {
    std::copy_n(from.tensor.as<std::string>() + from.offset, count, to.tensor.as<std::string>() + to.offset);
  } else if (type == DType::list) {
    std::copy_n(from.tensor.as<Tensor>() + from.offset, count, to.tensor.as<Tensor>() + to.offset);
  } else if (const int bits = bits_of(type); bits >= 8) {
    const auto size = static_cast<size_t>(bits / 8);
    std::memmove(to.tensor.as<uint8_t>() + static_cast<size_t>(to.offset) * size,
                 from.tensor.as<uint8_t>() + static_cast<size_t>(from.offset) * size,
                 static_cast<size_t>(count) * size);
  } else {
    for (int64_t i = 0; i < count; ++i)
      copy_packed(bits, to.tensor.data, to.offset + i, from.tensor.data, from.offset + i);
  }
}

void copy_strided(const Shape& shape, Place to, const Shape& to_strides, Place from, const Shape& from_strides,
                  ThreadPool* pool) {
  const DType type = to.tensor.type;
  const StridedLoop loop(shape, {to_strides, from_strides});
  const int64_t to_step = loop.row_stride(0), from_step = loop.row_stride(1);
  const bool wide = visit_storage(type, [&]<class T>() {
    loop.run(pool, [&](const int64_t* offsets, int64_t n) {
      T* y = to.tensor.as<T>() + to.offset + offsets[0];
      const T* x = from.tensor.as<T>() + from.offset + offsets[1];
      if (to_step == 1 && from_step == 1)
        std::copy_n(x, n, y);
      else if (to_step == 1 && from_step == 0)
        std::fill_n(y, n, *x);
      else
        for (int64_t i = 0; i < n; ++i) y[i * to_step] = x[i * from_step];
    });
  });
  if (wide) return;
  loop.run(nullptr, [&](const int64_t* offsets, int64_t n) {  // neighbours share bytes: one thread
    for (int64_t i = 0; i < n; ++i)
      copy_packed(bits_of(type), to.tensor.data, to.offset + offsets[0] + i * to_step, from.tensor.data,
                  from.offset + offsets[1] + i * from_step);
  });
}

}  // namespace vivace::ops
