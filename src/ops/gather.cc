// Gather, GatherElements, GatherND: elements picked by indices; Trilu.
#include <algorithm>

#include "ops/kernel.h"

namespace vivace::ops {

Result<std::vector<int64_t>> normalized_indices(const Call& call, const TensorView& indices, int64_t size) {
  std::vector<int64_t> list = to_int64(indices);
  for (int64_t& index : list) {
    if (index < -size || index >= size)
      return call.error("index " + std::to_string(index) + " is out of range for " + std::to_string(size) +
                        " elements");
    if (index < 0) index += size;
  }
  return list;
}

Status infer_gather(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i32, DType::i64}));
  if (!in.dims(0) || !in.dims(1)) return in.set_unknown_rank(0, in.dtype(0)), Status();
  const ir::Dims &data = *in.dims(0), &indices = *in.dims(1);
  VIVACE_ASSIGN(const int axis, checked_axis(in, in.attributes.integer("axis"), in.rank(0)));
  ir::Dims out(data.begin(), data.begin() + axis);
  out.insert(out.end(), indices.begin(), indices.end());
  out.insert(out.end(), data.begin() + axis + 1, data.end());
  in.set(0, in.dtype(0), std::move(out));
  const std::optional<ir::Dims> known = in.known(0);
  const std::optional<ir::Dims> chosen = in.known(1);
  const std::optional<Shape> numbers = chosen ? ir::to_shape(*chosen) : std::nullopt;
  if (!known || data.size() != 1 || !numbers || indices.size() > 1) return {};
  ir::Dims elements;
  const auto size = static_cast<int64_t>(known->size());
  for (const int64_t index : *numbers) {
    if (index < -size || index >= size)
      return in.error("index " + std::to_string(index) + " is out of range for " + std::to_string(size) + " elements");
    elements.push_back((*known)[static_cast<size_t>(index < 0 ? index + size : index)]);
  }
  in.set_known(0, std::move(elements));
  return {};
}

Status reference_gather(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const AxisSplit data = split_at(x.shape, normalized_axis(call.attributes.integer("axis"), x.rank()));
  if (y.count() == 0) return {};
  VIVACE_ASSIGN(const std::vector<int64_t> indices, normalized_indices(call, call.input(1), data.size));
  const auto count = static_cast<int64_t>(indices.size());
  ThreadPool* pool =
      bits_of(x.type) < 8 && x.type != DType::string ? nullptr : call.pool;  // packed neighbours share bytes
  parallel_for(pool, data.outer * count, std::max<int64_t>(1, (1 << 14) / data.inner), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      copy_elements({y, i * data.inner},
                    {x, (i / count * data.size + indices[static_cast<size_t>(i % count)]) * data.inner}, data.inner);
  });
  return {};
}

// --- GatherElements

Status require_elementwise_indices(const Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i32, DType::i64}));
  if (!in.dims(0)) return {};
  VIVACE_ASSIGN(const int axis, checked_axis(in, in.attributes.integer("axis"), in.rank(0)));
  VIVACE_TRY(require_rank(in, 1, in.rank(0), in.rank(0)));
  for (size_t i = 0; in.dims(1) && i < in.dims(1)->size(); ++i) {
    const ir::Dim &data = (*in.dims(0))[i], &indices = (*in.dims(1))[i];
    if (static_cast<int>(i) != axis && data.known() && indices.known() && indices.value() > data.value())
      return in.error("indices [" + ir::to_string(*in.dims(1)) + "] exceed the data [" + ir::to_string(*in.dims(0)) +
                      "]");
  }
  return {};
}

Status infer_gather_elements(Inference& in) {
  VIVACE_TRY(require_elementwise_indices(in));
  in.set(0, ir::Type{ir::Kind::tensor, in.dtype(0), in.dims(1), 0, nullptr});
  return {};
}

Status reference_gather_elements(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const auto axis = static_cast<size_t>(normalized_axis(call.attributes.integer("axis"), x.rank()));
  VIVACE_ASSIGN(const std::vector<int64_t> indices, normalized_indices(call, call.input(1), x.shape[axis]));
  Shape strides = strides_of(x.shape);
  const int64_t step = strides[axis];
  strides[axis] = 0;
  const StridedLoop loop(y.shape, {strides_of(y.shape), strides});
  const int64_t stride = loop.row_stride(1);
  const bool done = visit_storage(y.type, [&]<class T>() {
    loop.run(call.pool, [&](const int64_t* offsets, int64_t n) {
      const int64_t* index = indices.data() + offsets[0];
      for (int64_t i = 0; i < n; ++i) y.as<T>()[offsets[0] + i] = x.as<T>()[offsets[1] + i * stride + index[i] * step];
    });
  });
  return done ? Status() : no_kernel_for(call, y.type);
}

// --- GatherND

Result<std::vector<int64_t>> tuple_offsets(const Call& call, const TensorView& data, const TensorView& indices,
                                           int64_t batch_dims) {
  const Shape strides = strides_of(data.shape);
  const auto batch = static_cast<size_t>(batch_dims), size = static_cast<size_t>(indices.shape.back());
  const int64_t batches = elements(std::span(data.shape).first(batch));
  const int64_t batch_stride = elements(std::span(data.shape).subspan(batch));
  const std::vector<int64_t> list = to_int64(indices);
  std::vector<int64_t> offsets(list.size() / std::max<size_t>(1, size));
  const int64_t per_batch = static_cast<int64_t>(offsets.size()) / std::max<int64_t>(1, batches);
  for (size_t t = 0; t < offsets.size(); ++t) {
    offsets[t] = static_cast<int64_t>(t) / per_batch * batch_stride;
    for (size_t i = 0; i < size; ++i) {
      const int64_t index = list[t * size + i], limit = data.shape[batch + i];
      if (index < -limit || index >= limit)
        return call.error("index " + std::to_string(index) + " is out of range for " + std::to_string(limit) +
                          " elements");
      offsets[t] += (index < 0 ? index + limit : index) * strides[batch + i];
    }
  }
  return offsets;
}

Status infer_gather_nd(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i64}));
  VIVACE_TRY(require_rank(in, 0, 1, kMaxRank));
  VIVACE_TRY(require_rank(in, 1, 1, kMaxRank));
  if (!in.dims(0) || !in.dims(1) || !in.dims(1)->back().known()) return in.set_unknown_rank(0, in.dtype(0)), Status();
  const ir::Dims &data = *in.dims(0), &indices = *in.dims(1);
  const int64_t batch = in.attributes.integer("batch_dims"), size = indices.back().value();
  if (batch < 0 || batch >= std::min(in.rank(0), in.rank(1)))
    return in.error("batch_dims " + std::to_string(batch) + " is out of range");
  if (size < 1 || size > in.rank(0) - batch)
    return in.error("index tuples of " + std::to_string(size) + " do not fit the data [" + ir::to_string(data) + "]");
  for (size_t i = 0; i < static_cast<size_t>(batch); ++i)
    if (data[i].known() && indices[i].known() && !data[i].same(indices[i]))
      return in.error("data and indices differ in their batch dimensions");
  ir::Dims out(indices.begin(), indices.end() - 1);
  out.insert(out.end(), data.begin() + batch + size, data.end());
  in.set(0, in.dtype(0), std::move(out));
  return {};
}

Status reference_gather_nd(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const int64_t batch = call.attributes.integer("batch_dims");
  VIVACE_ASSIGN(const std::vector<int64_t> offsets, tuple_offsets(call, x, call.input(1), batch));
  const int64_t block = elements(std::span(x.shape).subspan(static_cast<size_t>(batch + call.input(1).shape.back())));
  for (size_t i = 0; i < offsets.size(); ++i)
    copy_elements({y, static_cast<int64_t>(i) * block}, {x, offsets[i]}, block);
  return {};
}

// --- Trilu

Status infer_trilu(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i64}));
  VIVACE_TRY(require_rank(in, 0, 2, kMaxRank));
  if (const auto k = in.numbers(1); k && k->size() != 1) return in.error("k must be a scalar");
  return infer_same_as_first(in);
}

// Keeps the elements on and above (below) the k-th diagonal of each matrix; the rest is zero.
Status reference_trilu(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const int64_t rows = x.shape[x.shape.size() - 2], columns = x.shape.back();
  if (y.count() == 0) return {};
  const int64_t k =
      std::clamp<int64_t>(call.has(1) && call.input(1).count() == 1 ? to_int64(call.input(1))[0] : 0, -rows, columns);
  const bool upper = call.attributes.integer("upper", 1) != 0;
  const bool done = visit_storage(y.type, [&]<class T>() {
    for (int64_t row = 0; row < y.count() / columns; ++row) {
      const T* from = x.as<T>() + row * columns;
      T* to = y.as<T>() + row * columns;
      const int64_t diagonal = std::clamp<int64_t>(row % rows + k + (upper ? 0 : 1), 0, columns);
      if (upper) {
        std::fill(to, to + diagonal, T());
        std::copy(from + diagonal, from + columns, to + diagonal);
      } else {
        std::copy(from, from + diagonal, to);
        std::fill(to + diagonal, to + columns, T());
      }
    }
  });
  return done ? Status() : no_kernel_for(call, y.type);
}

}  // namespace vivace::ops
