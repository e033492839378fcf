// Gather: elements picked by indices.
#include <algorithm>

#include "ops/kernel.h"

namespace vivace::ops {

Status infer_gather(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i32, DType::i64}));
  if (!in.dims(0) || !in.dims(1)) return in.set_unknown_rank(0, in.dtype(0)), Status();
  const ir::Dims &data = *in.dims(0), &indices = *in.dims(1);
  const int64_t given = in.attributes.integer("axis");
  const int axis = normalized_axis(given, in.rank(0));
  if (axis < 0) return in.error("axis " + std::to_string(given) + " is out of range for rank " + std::to_string(in.rank(0)));
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
    if (index < -size || index >= size) return in.error("index " + std::to_string(index) + " is out of range for " + std::to_string(size) + " elements");
    elements.push_back((*known)[static_cast<size_t>(index < 0 ? index + size : index)]);
  }
  in.set_known(0, std::move(elements));
  return {};
}

namespace {
// Indices as i64, in [0, size); an error where one is out of [-size, size).
Result<std::vector<int64_t>> normalized_indices(const Call& call, const TensorView& indices, int64_t size) {
  std::vector<int64_t> list = to_int64(indices);
  for (int64_t& index : list) {
    if (index < -size || index >= size)
      return call.error("index " + std::to_string(index) + " is out of range for " + std::to_string(size) + " elements");
    if (index < 0) index += size;
  }
  return list;
}
}  // namespace

Status reference_gather(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const AxisSplit data = split_at(x.shape, normalized_axis(call.attributes.integer("axis"), x.rank()));
  if (y.count() == 0) return {};
  VIVACE_ASSIGN(const std::vector<int64_t> indices, normalized_indices(call, call.input(1), data.size));
  const auto count = static_cast<int64_t>(indices.size());
  ThreadPool* pool = bits_of(x.type) < 8 && x.type != DType::string ? nullptr : call.pool;  // packed neighbours share bytes
  parallel_for(pool, data.outer * count, std::max<int64_t>(1, (1 << 14) / data.inner), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      copy_elements({y, i * data.inner}, {x, (i / count * data.size + indices[static_cast<size_t>(i % count)]) * data.inner}, data.inner);
  });
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
  const int64_t k = std::clamp<int64_t>(call.has(1) && call.input(1).count() == 1 ? to_int64(call.input(1))[0] : 0, -rows, columns);
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
