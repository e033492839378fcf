// Attention (scaled dot products, grouped heads, masks, key and value caches) and RotaryEmbedding.
#include <algorithm>
#include <cmath>

#include "ops/products.h"
#include "ops/reference.h"

namespace vivace::ops {

namespace {

// Batch, heads, length and size of Q, K or V: [B, H, S, D], or [B, S, H * D] with the heads from an attribute.
Result<ir::Dims> heads_of(const Inference& in, size_t i, const char* attribute) {
  const ir::Dims& x = *in.dims(i);
  if (x.size() == 4) return x;
  const int64_t heads = in.attributes.integer(attribute);
  if (heads < 1) return in.error(std::string(attribute) + " must be given with inputs of 3 dimensions");
  if (x[2].known() && x[2].value() % heads != 0)
    return in.error(std::string(attribute) + " " + std::to_string(heads) + " does not divide the " + x[2].to_string() +
                    " elements of input " + std::to_string(i));
  return ir::Dims{x[0], heads, x[1], ir::floor_div(x[2], heads)};
}

Status agree(const Inference& in, const ir::Dim& a, const ir::Dim& b, const std::string& what) {
  return clash(a, b) ? in.error(what + " differ: " + a.to_string() + " and " + b.to_string()) : Status();
}

}  // namespace

// Inputs: Q, K, V, mask, past key, past value, number of valid keys. Outputs: Y, present key, present value, scores.
Status infer_attention(Inference& in) {
  using enum DType;
  VIVACE_TRY(same_types(in, {1, 4}));
  VIVACE_TRY(require_type(in, 2, {f32, f16, bf16, f64}));
  VIVACE_TRY(require_same_type(in, 5, 2));
  VIVACE_TRY(require_type(in, 3, {f32, f16, bf16, f64, boolean}));
  VIVACE_TRY(require_type(in, 6, {i64}));
  if (in.has(4) != in.has(5)) return in.error("past_key and past_value must be given together");
  const int64_t mode = in.attributes.integer("qk_matmul_output_mode");
  if (mode < 0 || mode > 3) return in.error("qk_matmul_output_mode must be 0 to 3");
  const int64_t precision = in.attributes.integer("softmax_precision", 1);
  if (precision < 0 || precision >= kDTypeCount || !is_float(static_cast<DType>(precision)))
    return in.error("softmax_precision must be a floating-point type");
  for (size_t i = 0; i < 3; ++i) VIVACE_TRY(require_rank(in, i, 3, 4));
  for (const size_t i : {4, 5}) VIVACE_TRY(require_rank(in, i, 4, 4));
  VIVACE_TRY(require_rank(in, 3, 1, 4));
  VIVACE_TRY(require_rank(in, 6, 1, 1));
  if (!in.dims(0) || !in.dims(1) || !in.dims(2)) {
    const bool known = in.dims(0).has_value();
    if (known)
      in.set(0, in.dtype(0), ir::Dims(in.dims(0)->size()));
    else
      in.set_unknown_rank(0, in.dtype(0));
    for (size_t i = 1; i < 4; ++i) in.set(i, in.dtype(i == 2 ? 2 : 0), ir::Dims(4));
    return {};
  }
  if (in.rank(0) != in.rank(1) || in.rank(0) != in.rank(2))
    return in.error("Q, K and V must have as many dimensions each");
  VIVACE_ASSIGN(const ir::Dims q, heads_of(in, 0, "q_num_heads"));
  VIVACE_ASSIGN(const ir::Dims k, heads_of(in, 1, "kv_num_heads"));
  VIVACE_ASSIGN(const ir::Dims v, heads_of(in, 2, "kv_num_heads"));
  VIVACE_TRY(agree(in, q[0], k[0], "batches of Q and K"));
  VIVACE_TRY(agree(in, q[0], v[0], "batches of Q and V"));
  VIVACE_TRY(agree(in, k[1], v[1], "heads of K and V"));
  VIVACE_TRY(agree(in, k[2], v[2], "lengths of K and V"));
  VIVACE_TRY(agree(in, q[3], k[3], "head sizes of Q and K"));
  if (q[1].known() && k[1].known() && (k[1].value() == 0 ? q[1].value() != 0 : q[1].value() % k[1].value() != 0))
    return in.error(q[1].to_string() + " query heads cannot share " + k[1].to_string() + " key heads evenly");
  ir::Dim past = 0;
  if (in.has(4)) {
    past = in.dims(4) ? (*in.dims(4))[2] : ir::Dim();
    for (const size_t i : {4, 5}) {
      if (!in.dims(i)) continue;
      const ir::Dims &p = *in.dims(i), &now = i == 4 ? k : v;
      VIVACE_TRY(agree(in, p[0], now[0], "batches of the past and now"));
      VIVACE_TRY(agree(in, p[1], now[1], "heads of the past and now"));
      VIVACE_TRY(agree(in, p[2], past, "lengths of past key and value"));
      VIVACE_TRY(agree(in, p[3], now[3], "head sizes of the past and now"));
    }
  }
  const ir::Dim total = past + k[2];
  if (in.has(3) && in.dims(3)) {
    const ir::Dims scores{q[0], q[1], q[2], total}, &mask = *in.dims(3);
    for (size_t d = 0; d < mask.size(); ++d) {
      const ir::Dim& target = scores[4 - mask.size() + d];
      const bool last = d + 1 == mask.size();  // may be shorter: what is missing is masked out
      const bool shorter = last && mask[d].known() && target.known() && mask[d].value() <= target.value();
      if (!shorter && !mask[d].is(1) && clash(mask[d], target))
        return in.error("the mask [" + ir::to_string(mask) + "] does not broadcast to [" + ir::to_string(scores) + "]");
    }
  }
  if (in.has(6) && in.dims(6)) VIVACE_TRY(agree(in, (*in.dims(6))[0], q[0], "number of valid lengths and batch"));
  if (in.rank(0) == 4)
    in.set(0, in.dtype(0), {q[0], q[1], q[2], v[3]});
  else
    in.set(0, in.dtype(0), {q[0], q[2], q[1] * v[3]});
  in.set(1, in.dtype(0), {k[0], k[1], total, k[3]});
  in.set(2, in.dtype(2), {v[0], v[1], total, v[3]});
  in.set(3, in.dtype(0), {q[0], q[1], q[2], total});
  return {};
}

namespace {

// Where a head of Q, K, V or Y starts in [B, H, S, D] or [B, S, H * D], and how far its rows lie apart.
struct Heads {
  int64_t heads, length, size;
  bool flat;  // three dimensions

  int64_t start(int64_t batch, int64_t head) const {
    return flat ? (batch * length * heads + head) * size : (batch * heads + head) * length * size;
  }
  int64_t row() const { return flat ? heads * size : size; }
};
Heads heads_of(const TensorView& x, int64_t heads) {
  if (x.rank() == 4) return {x.shape[1], x.shape[2], x.shape[3], false};
  return {heads, x.shape[1], x.shape[2] / heads, true};
}

// Past rows followed by the rows of now, as [B, H, total, D].
template <class W>
std::vector<W> present(const W* past, int64_t past_length, const W* now, const Heads& h, int64_t batches) {
  std::vector<W> all;
  all.reserve(static_cast<size_t>(batches * h.heads * (past_length + h.length) * h.size));
  for (int64_t b = 0; b < batches; ++b)
    for (int64_t head = 0; head < h.heads; ++head) {
      if (past_length > 0) {
        const W* from = past + (b * h.heads + head) * past_length * h.size;
        all.insert(all.end(), from, from + past_length * h.size);
      }
      for (int64_t s = 0; s < h.length; ++s) {
        const W* from = now + h.start(b, head) + s * h.row();
        all.insert(all.end(), from, from + h.size);
      }
    }
  return all;
}

// Added to scores: the mask, minus infinity where it is false, or shorter than the row.
template <class W>
std::vector<W> mask_rows(const TensorView& mask, const Shape& scores) {
  Shape padded = mask.shape;
  const int64_t width = padded.back(), total = scores.back();
  const bool spread = width == 1 && total != 1 && mask.count() > 0;  // one for the whole row
  std::vector<double> values = mask.type == DType::boolean ? std::vector<double>() : to_double(mask);
  if (mask.type == DType::boolean)
    for (const bool keep : mask.span<const bool>()) values.push_back(keep ? 0 : -INFINITY);
  padded.back() = 1;
  const Shape rows(scores.begin(), scores.end() - 1);
  Shape row_shape(padded.begin(), padded.end() - 1);
  std::vector<W> result;
  result.reserve(static_cast<size_t>(elements(scores)));
  BroadcastWalk walk(rows, {row_shape});
  for (int64_t i = 0; i < walk.count(); ++i, walk.advance())
    for (int64_t j = 0; j < total; ++j)
      result.push_back(spread      ? static_cast<W>(values[static_cast<size_t>(walk.offsets()[0])])
                       : j < width ? static_cast<W>(values[static_cast<size_t>(walk.offsets()[0] * width + j)])
                                   : static_cast<W>(-INFINITY));
  return result;
}

// Softmax in double; a row of nothing but minus infinity becomes zeros.
template <class W>
void softmax(W* row, int64_t n) {
  double most = -INFINITY, sum = 0;
  for (int64_t j = 0; j < n; ++j) most = std::max(most, static_cast<double>(row[j]));
  if (most == -INFINITY) return std::fill_n(row, n, W(0)), void();
  for (int64_t j = 0; j < n; ++j) sum += std::exp(row[j] - most);
  for (int64_t j = 0; j < n; ++j) row[j] = static_cast<W>(std::exp(row[j] - most) / sum);
}

}  // namespace

// Softmax(softcap(scale Q K') + mask) V, a head at a time.
Status reference_attention(Call& call) {
  const TensorView& query = call.input(0);
  const Heads q = heads_of(query, call.attributes.integer("q_num_heads"));
  const Heads k = heads_of(call.input(1), call.attributes.integer("kv_num_heads"));
  const Heads v = heads_of(call.input(2), call.attributes.integer("kv_num_heads"));
  const int64_t batches = query.shape[0], past = call.has(4) ? call.input(4).shape[2] : 0, total = past + k.length;
  const bool causal = call.attributes.integer("is_causal") != 0;
  const double scale =
      call.attributes.has("scale") ? call.attributes.real("scale") : 1 / std::sqrt(static_cast<double>(q.size));
  const double softcap = call.attributes.real("softcap");
  const int64_t mode = call.attributes.integer("qk_matmul_output_mode");
  std::vector<int64_t> valid(static_cast<size_t>(batches), total);
  if (call.has(6)) valid = to_int64(call.input(6));
  return compute_in(call, query.type, [&]<class W>() -> Status {
    const auto optional = [&](size_t i) { return Reader<W>::of(call.has(i) ? call.input(i) : TensorView{}); };
    const auto wanted = [&](size_t i) { return Writer<W>::of(call.wants(i) ? call.output(i) : TensorView{}); };
    VIVACE_ASSIGN(const auto queries, optional(0));
    VIVACE_ASSIGN(const auto keys_now, optional(1));
    VIVACE_ASSIGN(const auto values_now, optional(2));
    VIVACE_ASSIGN(const auto keys_past, optional(4));
    VIVACE_ASSIGN(const auto values_past, optional(5));
    VIVACE_ASSIGN(const auto y, wanted(0));
    VIVACE_ASSIGN(const auto present_keys, wanted(1));
    VIVACE_ASSIGN(const auto present_values, wanted(2));
    VIVACE_ASSIGN(const auto scores_out, wanted(3));
    const std::vector<W> keys = present(keys_past.data(), past, keys_now.data(), k, batches);
    const std::vector<W> values = present(values_past.data(), past, values_now.data(), v, batches);
    if (present_keys.data()) std::copy(keys.begin(), keys.end(), present_keys.data());
    if (present_values.data()) std::copy(values.begin(), values.end(), present_values.data());
    std::vector<W> mask;
    if (call.has(3)) mask = mask_rows<W>(call.input(3), {batches, q.heads, q.length, total});
    const Heads out =
        query.rank() == 4 ? Heads{q.heads, q.length, v.size, false} : Heads{q.heads, q.length, v.size, true};

    in_parallel(call.pool, batches * q.heads, [&](int64_t task) {
      const int64_t b = task / q.heads, head = task % q.heads, kv = b * k.heads + head / (q.heads / k.heads);
      std::vector<W> scores(static_cast<size_t>(q.length * total), W(0)), keys_t(static_cast<size_t>(total * k.size));
      for (int64_t j = 0; j < total; ++j)
        for (int64_t d = 0; d < k.size; ++d)
          keys_t[static_cast<size_t>(d * total + j)] = keys[static_cast<size_t>((kv * total + j) * k.size + d)];
      multiply_add<W>(q.length, total, k.size, {queries.data() + q.start(b, head), q.row(), 1}, keys_t.data(), total,
                      scores.data(), total);
      const auto keep = [&](int64_t stage) {
        if (scores_out.data() && mode == stage)
          std::copy(scores.begin(), scores.end(), scores_out.data() + task * q.length * total);
      };
      for (W& s : scores) s = static_cast<W>(s * scale);
      keep(0);
      if (softcap > 0)
        for (W& s : scores) s = static_cast<W>(std::tanh(s / softcap) * softcap);
      keep(1);
      for (int64_t i = 0; i < q.length; ++i)
        for (int64_t j = 0; j < total; ++j) {
          W& s = scores[static_cast<size_t>(i * total + j)];
          if (!mask.empty()) s += mask[static_cast<size_t>((task * q.length + i) * total + j)];
          if ((causal && j > past + i) || j >= valid[static_cast<size_t>(b)]) s = -INFINITY;
        }
      keep(2);
      for (int64_t i = 0; i < q.length; ++i) softmax(scores.data() + i * total, total);
      keep(3);
      for (int64_t i = 0; i < q.length; ++i) std::fill_n(y.data() + out.start(b, head) + i * out.row(), v.size, W(0));
      multiply_add<W>(q.length, v.size, total, {scores.data(), total, 1}, values.data() + kv * total * v.size, v.size,
                      y.data() + out.start(b, head), out.row());
    });
    VIVACE_TRY(present_keys.store());
    VIVACE_TRY(present_values.store());
    VIVACE_TRY(scores_out.store());
    return y.store();
  });
}

// Inputs: X, cosines, sines, positions.
Status infer_rotary_embedding(Inference& in) {
  VIVACE_TRY(same_types(in, {1, 2}));
  VIVACE_TRY(require_type(in, 3, {DType::i64}));
  VIVACE_TRY(require_rank(in, 0, 3, 4));
  VIVACE_TRY(require_rank(in, 3, 2, 2));
  for (const size_t i : {1, 2}) VIVACE_TRY(require_rank(in, i, in.has(3) ? 2 : 3, in.has(3) ? 2 : 3));
  in.set(0, in.type(0));
  if (!in.dims(0)) return {};
  const ir::Dims& x = *in.dims(0);
  const bool flat = x.size() == 3;
  const int64_t heads = in.attributes.integer("num_heads"), rotary = in.attributes.integer("rotary_embedding_dim");
  if (flat && heads < 1) return in.error("num_heads must be given with an input of 3 dimensions");
  if (flat && x[2].known() && x[2].value() % heads != 0)
    return in.error("num_heads does not divide " + x[2].to_string());
  const ir::Dim size = flat ? ir::floor_div(x[2], heads) : x[3];
  const ir::Dim rotated = rotary > 0 ? ir::Dim(rotary) : size;
  if (rotary < 0 || (rotated.known() && rotated.value() % 2 != 0) ||
      (rotated.known() && size.known() && rotated.value() > size.value()))
    return in.error("rotary_embedding_dim must be even and at most the head size " + size.to_string());
  const ir::Dim half = ir::floor_div(rotated, 2), batch = x[0], length = flat ? x[1] : x[2];
  for (const size_t i : {1, 2}) {
    if (!in.dims(i)) continue;
    VIVACE_TRY(agree(in, in.dims(i)->back(), half,
                     "half the rotated size and the last dimension of input " + std::to_string(i)));
    if (in.has(3)) continue;
    VIVACE_TRY(agree(in, (*in.dims(i))[0], batch, "batches of X and input " + std::to_string(i)));
    VIVACE_TRY(agree(in, (*in.dims(i))[1], length, "lengths of X and input " + std::to_string(i)));
  }
  if (in.dims(1) && in.dims(2))
    VIVACE_TRY(agree(in, (*in.dims(1))[0], (*in.dims(2))[0], "numbers of cosines and sines"));
  if (in.has(3) && in.dims(3)) {
    VIVACE_TRY(agree(in, (*in.dims(3))[0], batch, "batches of X and of the positions"));
    VIVACE_TRY(agree(in, (*in.dims(3))[1], length, "lengths of X and of the positions"));
  }
  return {};
}

// Pairs (first half, second half) of a head, or neighbours where interleaved, turn by the angle of their position.
Status reference_rotary_embedding(Call& call) {
  const TensorView& x = call.input(0);
  const Heads h = heads_of(x, call.attributes.integer("num_heads"));
  const int64_t rotary = call.attributes.integer("rotary_embedding_dim"), rotated = rotary > 0 ? rotary : h.size,
                half = rotated / 2;
  const bool interleaved = call.attributes.integer("interleaved") != 0;
  std::vector<int64_t> positions;
  if (call.has(3)) positions = to_int64(call.input(3));
  for (const int64_t p : positions)
    if (p < 0 || p >= call.input(1).shape[0])
      return call.error("position " + std::to_string(p) + " is beyond the cache");
  return compute_in(call, x.type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto from, Reader<W>::of(x));
    VIVACE_ASSIGN(const auto cosines, Reader<W>::of(call.input(1)));
    VIVACE_ASSIGN(const auto sines, Reader<W>::of(call.input(2)));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    in_parallel(call.pool, x.shape[0] * h.heads, [&](int64_t task) {
      const int64_t b = task / h.heads, head = task % h.heads;
      for (int64_t s = 0; s < h.length; ++s) {
        const int64_t row = h.start(b, head) + s * h.row(), place = b * h.length + s;
        const int64_t angle = (positions.empty() ? place : positions[static_cast<size_t>(place)]) * half;
        std::copy_n(from.data() + row, h.size, y.data() + row);
        for (int64_t i = 0; i < half; ++i) {
          const int64_t first = row + (interleaved ? 2 * i : i), second = row + (interleaved ? 2 * i + 1 : half + i);
          const W c = cosines[angle + i], d = sines[angle + i];
          y.data()[first] = c * from[first] - d * from[second];
          y.data()[second] = d * from[first] + c * from[second];
        }
      }
    });
    return y.store();
  });
}

}  // namespace vivace::ops
