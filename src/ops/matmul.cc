// MatMul, Gemm and the integer products.
#include "ops/matmul.h"

#include <cmath>
#include <limits>

#include "ops/products.h"
#include "ops/reference.h"

namespace vivace::ops {

Status infer_matrix_product(Inference& in, size_t a, size_t b, DType out, bool trans_a, bool trans_b) {
  if (!in.dims(a) || !in.dims(b)) {
    in.set_unknown_rank(0, out);
    return {};
  }
  ir::Dims x = *in.dims(a), y = *in.dims(b);
  if (x.empty() || y.empty()) return in.error("a matrix product needs at least one dimension on each side");
  const bool row = x.size() == 1, column = y.size() == 1;
  if (row)
    x.insert(x.begin(), 1);
  else if (trans_a)
    std::swap(x[x.size() - 1], x[x.size() - 2]);
  if (column)
    y.push_back(1);
  else if (trans_b)
    std::swap(y[y.size() - 1], y[y.size() - 2]);
  if (clash(x.back(), y[y.size() - 2]))
    return in.error("[" + ir::to_string(*in.dims(a)) + "] and [" + ir::to_string(*in.dims(b)) + "] do not multiply: " +
                    x.back().to_string() + " columns meet " + y[y.size() - 2].to_string() + " rows");
  const auto batch = ir::broadcast(ir::Dims(x.begin(), x.end() - 2), ir::Dims(y.begin(), y.end() - 2));
  if (!batch)
    return in.error("the batches of [" + ir::to_string(x) + "] and [" + ir::to_string(y) + "] do not broadcast");
  ir::Dims result = *batch;
  if (!row) result.push_back(x[x.size() - 2]);
  if (!column) result.push_back(y.back());
  in.set(0, out, result);
  return {};
}

template <class W>
Status matrix_product(const Call& call, Shape a_shape, const W* a, Shape b_shape, const W* b, bool trans_a,
                      bool trans_b, W* c) {
  const bool row = a_shape.size() == 1, column = b_shape.size() == 1;
  if (row) a_shape.insert(a_shape.begin(), 1);
  if (column) b_shape.push_back(1);
  const auto matrix = [](const Shape& shape, bool transpose, const W* data) {
    const int64_t columns = shape.back();
    return transpose ? Matrix<W>{data, 1, columns} : Matrix<W>{data, columns, 1};
  };
  const auto rows = [](const Shape& shape, bool transpose) { return shape[shape.size() - (transpose ? 1 : 2)]; };
  trans_a = trans_a && !row;
  trans_b = trans_b && !column;
  const int64_t m = rows(a_shape, trans_a), k = rows(a_shape, !trans_a), n = rows(b_shape, !trans_b);
  const Shape a_batch(a_shape.begin(), a_shape.end() - 2), b_batch(b_shape.begin(), b_shape.end() - 2);
  const std::optional<Shape> batch = broadcast(a_batch, b_batch);
  if (!batch) return call.error("batches do not broadcast");
  BroadcastWalk walk(*batch, {a_batch, b_batch});
  for (int64_t i = 0; i < walk.count(); ++i, walk.advance())
    VIVACE_TRY(multiply_add<W>(call.pool, m, n, k, matrix(a_shape, trans_a, a + walk.offsets()[0] * m * k),
                               matrix(b_shape, trans_b, b + walk.offsets()[1] * k * n), c + i * m * n, n));
  return {};
}
template Status matrix_product<float>(const Call&, Shape, const float*, Shape, const float*, bool, bool, float*);
template Status matrix_product<double>(const Call&, Shape, const double*, Shape, const double*, bool, bool, double*);
template Status matrix_product<uint32_t>(const Call&, Shape, const uint32_t*, Shape, const uint32_t*, bool, bool,
                                         uint32_t*);
template Status matrix_product<uint64_t>(const Call&, Shape, const uint64_t*, Shape, const uint64_t*, bool, bool,
                                         uint64_t*);

namespace {

// Calls f with the type products of `type` are computed in; signed integers wrap as unsigned ones.
template <class F>
Status compute_product_in(const Call& call, DType type, F&& f) {
  switch (type) {
    case DType::i32:
    case DType::u32: return f.template operator()<uint32_t>();
    case DType::i64:
    case DType::u64: return f.template operator()<uint64_t>();
    default: return compute_in(call, type, f);
  }
}

// i32 and i64 seen as the unsigned type of their size.
TensorView as_unsigned(TensorView view) {
  if (view.type == DType::i32) view.type = DType::u32;
  if (view.type == DType::i64) view.type = DType::u64;
  return view;
}

Status product_types(const Inference& in) {
  using enum DType;
  return require_type(in, 0, {f32, f16, bf16, f64, i32, i64, u32, u64});
}

}  // namespace

Status infer_matmul(Inference& in) {
  VIVACE_TRY(product_types(in));
  VIVACE_TRY(same_types(in, {1}));
  return infer_matrix_product(in, 0, 1, in.dtype(0), false, false);
}

Status reference_matmul(Call& call) {
  return compute_product_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto a, Reader<W>::of(as_unsigned(call.input(0))));
    VIVACE_ASSIGN(const auto b, Reader<W>::of(as_unsigned(call.input(1))));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(as_unsigned(call.output())));
    std::fill_n(y.data(), call.output().count(), W(0));
    VIVACE_TRY(
        matrix_product<W>(call, call.input(0).shape, a.data(), call.input(1).shape, b.data(), false, false, y.data()));
    return y.store();
  });
}

Status infer_gemm(Inference& in) {
  VIVACE_TRY(product_types(in));
  VIVACE_TRY(same_types(in, {1, 2}));
  VIVACE_TRY(require_rank(in, 0, 2, 2));
  VIVACE_TRY(require_rank(in, 1, 2, 2));
  const bool trans_a = in.attributes.integer("transA") != 0, trans_b = in.attributes.integer("transB") != 0;
  ir::Dims y(2);
  if (in.dims(0)) y[0] = (*in.dims(0))[trans_a ? 1 : 0];
  if (in.dims(1)) y[1] = (*in.dims(1))[trans_b ? 0 : 1];
  if (in.dims(0) && in.dims(1)) {
    VIVACE_TRY(infer_matrix_product(in, 0, 1, in.dtype(0), trans_a, trans_b));
  }
  if (in.has(2) && in.dims(2)) {
    const ir::Dims& c = *in.dims(2);
    for (size_t i = 0; i < c.size(); ++i)
      if (c.size() > 2 || (!c[i].is(1) && clash(c[i], y[2 - c.size() + i])))
        return in.error("C of shape [" + ir::to_string(c) + "] does not broadcast to [" + ir::to_string(y) + "]");
  }
  in.set(0, in.dtype(0), y);
  return {};
}

// alpha * A' * B' + beta * C
Status reference_gemm(Call& call) {
  const double alpha = call.attributes.real("alpha", 1), beta = call.attributes.real("beta", 1);
  return compute_product_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto a, Reader<W>::of(as_unsigned(call.input(0))));
    VIVACE_ASSIGN(const auto b, Reader<W>::of(as_unsigned(call.input(1))));
    VIVACE_ASSIGN(const auto c, Reader<W>::of(call.has(2) ? as_unsigned(call.input(2)) : TensorView{}));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(as_unsigned(call.output())));
    const int64_t count = call.output().count();
    std::fill_n(y.data(), count, W(0));
    VIVACE_TRY(matrix_product<W>(call, call.input(0).shape, a.data(), call.input(1).shape, b.data(),
                                 call.attributes.integer("transA") != 0, call.attributes.integer("transB") != 0,
                                 y.data()));
    // Integers are scaled in double, and only where there is something to scale.
    const auto scaled = [](W v, double by) -> W {
      if (by == 1) return v;
      if constexpr (std::is_floating_point_v<W>)
        return static_cast<W>(v * static_cast<W>(by));
      else
        return static_cast<W>(static_cast<int64_t>(static_cast<double>(static_cast<std::make_signed_t<W>>(v)) * by));
    };
    for (int64_t i = 0; i < count; ++i) y.data()[i] = scaled(y.data()[i], alpha);
    if (c.data()) {
      BroadcastWalk walk(call.output().shape, {call.input(2).shape});
      for (int64_t i = 0; i < count; ++i, walk.advance()) y.data()[i] += scaled(c[walk.offsets()[0]], beta);
    }
    return y.store();
  });
}

namespace {

// The index into a per-line tensor for element (row, column) of the last two dimensions.
struct PerLine {
  bool one, rows, lines_of_batch;
  int64_t lines, columns, matrix;  // matrix: elements of one

  int64_t at(int64_t element) const {
    if (one) return 0;
    const int64_t in_matrix = element % matrix;
    const int64_t line = rows ? in_matrix / columns : in_matrix % columns;
    return lines_of_batch ? element / matrix * lines + line : line;
  }
};

// `tensor` may be a scalar, [lines], or [batch..., lines, 1] (rows) or [batch..., 1, lines] (columns).
Result<PerLine> per_line(const Call& call, size_t tensor, const Shape& matrices, bool rows) {
  PerLine p{};
  const TensorView& t = call.input(tensor);
  const int64_t count = t.count();
  if (count == 1) {
    p.one = true;
    return p;
  }
  if (matrices.size() < 2) return call.error("input " + std::to_string(tensor) + " must be one number");
  p.rows = rows;
  p.columns = matrices.back();
  p.lines = rows ? matrices[matrices.size() - 2] : matrices.back();
  p.matrix = p.columns * matrices[matrices.size() - 2];
  const int64_t all = elements(matrices);
  p.lines_of_batch = t.shape.size() > 1;
  const int64_t batches = p.matrix ? all / p.matrix : 0;
  if (count != (p.lines_of_batch ? batches * p.lines : p.lines))
    return call.error("input " + std::to_string(tensor) + " of shape " + to_string(t.shape) + " does not fit " +
                      to_string(matrices));
  return p;
}

// Elements minus their zero points, modulo 2^32.
Result<std::vector<uint32_t>> centred(const Call& call, size_t tensor, size_t zero_point, bool rows) {
  VIVACE_ASSIGN(const auto x, Reader<int32_t>::of(call.input(tensor)));
  std::vector<uint32_t> out(static_cast<size_t>(x.count()));
  if (!call.has(zero_point)) {
    for (int64_t i = 0; i < x.count(); ++i) out[static_cast<size_t>(i)] = static_cast<uint32_t>(x[i]);
    return out;
  }
  VIVACE_ASSIGN(const auto zero, Reader<int32_t>::of(call.input(zero_point)));
  VIVACE_ASSIGN(const PerLine line, per_line(call, zero_point, call.input(tensor).shape, rows));
  for (int64_t i = 0; i < x.count(); ++i) out[static_cast<size_t>(i)] = static_cast<uint32_t>(x[i] - zero[line.at(i)]);
  return out;
}

}  // namespace

Status infer_matmul_integer(Inference& in) {
  for (const size_t i : {0, 1}) VIVACE_TRY(require_type(in, i, {DType::u8, DType::i8}));
  VIVACE_TRY(same_types(in, {2}, 0));
  VIVACE_TRY(same_types(in, {3}, 1));
  return infer_matrix_product(in, 0, 1, DType::i32, false, false);
}

Status reference_matmul_integer(Call& call) {
  VIVACE_ASSIGN(const auto a, centred(call, 0, 2, true));
  VIVACE_ASSIGN(const auto b, centred(call, 1, 3, false));
  uint32_t* y = call.output().as<uint32_t>();
  std::fill_n(y, call.output().count(), 0);
  return matrix_product(call, call.input(0).shape, a.data(), call.input(1).shape, b.data(), false, false, y);
}

Status infer_qlinear_matmul(Inference& in) {
  for (const size_t i : {0, 3, 7}) VIVACE_TRY(require_type(in, i, {DType::u8, DType::i8}));
  for (const size_t i : {1, 4, 6}) VIVACE_TRY(require_type(in, i, {DType::f32, DType::f16, DType::bf16}));
  VIVACE_TRY(same_types(in, {2}, 0));
  VIVACE_TRY(same_types(in, {5}, 3));
  return infer_matrix_product(in, 0, 3, in.dtype(7), false, false);
}

// round(sum * a_scale * b_scale / y_scale) + y_zero_point, saturated.
Status reference_qlinear_matmul(Call& call) {
  const TensorView& y = call.output();
  VIVACE_ASSIGN(const auto a, centred(call, 0, 2, true));
  VIVACE_ASSIGN(const auto b, centred(call, 3, 5, false));
  VIVACE_ASSIGN(const Tensor sums, Tensor::allocate(DType::u32, y.shape));
  VIVACE_TRY(matrix_product(call, call.input(0).shape, a.data(), call.input(3).shape, b.data(), false, false,
                            sums.as<uint32_t>()));
  VIVACE_ASSIGN(const auto a_scale, Reader<float>::of(call.input(1)));
  VIVACE_ASSIGN(const auto b_scale, Reader<float>::of(call.input(4)));
  VIVACE_ASSIGN(const auto y_scale, Reader<float>::of(call.input(6)));
  VIVACE_ASSIGN(const auto zero, Reader<float>::of(call.input(7)));
  VIVACE_ASSIGN(const PerLine a_line, per_line(call, 1, y.shape, true));
  VIVACE_ASSIGN(const PerLine b_line, per_line(call, 4, y.shape, false));
  VIVACE_ASSIGN(const PerLine y_line, per_line(call, 6, y.shape, true));
  VIVACE_ASSIGN(const PerLine zero_line, per_line(call, 7, y.shape, true));
  visit_dtype<uint8_t, int8_t>(y.type, [&]<class T>() {
    constexpr float low = std::numeric_limits<T>::lowest(), high = std::numeric_limits<T>::max();
    for (int64_t i = 0; i < y.count(); ++i) {
      const float scale = a_scale[a_line.at(i)] * b_scale[b_line.at(i)] / y_scale[y_line.at(i)];
      const float sum = static_cast<float>(static_cast<int32_t>(sums.as<uint32_t>()[i]));
      const float v = std::nearbyint(sum * scale) + zero[zero_line.at(i)];
      y.as<T>()[i] = static_cast<T>(v > low ? std::min(v, high) : low);  // NaN becomes the lowest
    }
  });
  return {};
}

}  // namespace vivace::ops
