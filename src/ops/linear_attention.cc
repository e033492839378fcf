// Operators of models that carry a state instead of a key cache: LinearAttention and CausalConvWithState.
#include <algorithm>
#include <cmath>

#include "ops/reference.h"

namespace vivace::ops {

namespace {

Status fits(const Inference& in, size_t i, const ir::Dims& wanted) {
  if (!in.has(i) || !in.dims(i)) return {};
  const ir::Dims& given = *in.dims(i);
  bool same = given.size() == wanted.size();
  for (size_t d = 0; same && d < wanted.size(); ++d) same = !clash(given[d], wanted[d]);
  if (same) return {};
  return in.error("input " + std::to_string(i) + " has shape [" + ir::to_string(given) + "], not [" +
                  ir::to_string(wanted) + "]");
}

constexpr std::initializer_list<DType> kFloats = {DType::f32, DType::f16, DType::bf16};

}  // namespace

// Inputs: Q [B, T, Hq * K], K [B, T, H * K], V [B, T, H * V], state [B, H, K, V], decay [B, T, H or H * K],
// beta [B, T, H or 1]. Outputs: [B, T, Hq * V] and the state after T steps.
Status infer_linear_attention(Inference& in) {
  const std::string rule = in.attributes.text("update_rule", "gated_delta");
  if (rule != "linear" && rule != "gated" && rule != "delta" && rule != "gated_delta")
    return in.error("unknown update_rule '" + rule + "'");
  if (in.has(4) != rule.starts_with("gated") || in.has(5) != rule.ends_with("delta"))
    return in.error("update_rule '" + rule + "' does not go with its decay and beta: gated rules need a decay, delta " +
                    "rules a beta, the others neither");
  const int64_t heads = in.attributes.integer("q_num_heads"), kv_heads = in.attributes.integer("kv_num_heads");
  if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0)
    return in.error("q_num_heads must be a positive multiple of kv_num_heads");
  VIVACE_TRY(require_type(in, 0, kFloats));
  VIVACE_TRY(require_type(in, 3, kFloats));
  VIVACE_TRY(same_types(in, {1, 2, 4, 5}));
  for (const size_t i : {0, 1, 2, 4, 5}) VIVACE_TRY(require_rank(in, i, 3, 3));
  const auto dims = [&](size_t i) { return in.has(i) && in.dims(i) ? *in.dims(i) : ir::Dims(3); };
  const ir::Dims q = dims(0), k = dims(1), v = dims(2), decay = dims(4), beta = dims(5);
  for (const auto& [size, by] : {std::pair{q[2], heads}, {k[2], kv_heads}, {v[2], kv_heads}})
    if (size.known() && size.value() % by != 0)
      return in.error(std::to_string(by) + " heads do not divide " + size.to_string() + " elements");
  const ir::Dim key_size = ir::floor_div(q[2], heads), value_size = ir::floor_div(v[2], kv_heads);
  VIVACE_TRY(fits(in, 1, {q[0], q[1], key_size * ir::Dim(kv_heads)}));
  VIVACE_TRY(fits(in, 2, {q[0], q[1], v[2]}));
  VIVACE_TRY(fits(in, 3, {q[0], kv_heads, key_size, value_size}));
  VIVACE_TRY(fits(in, 4, {q[0], q[1], decay[2].is(kv_heads) ? decay[2] : key_size * ir::Dim(kv_heads)}));
  VIVACE_TRY(fits(in, 5, {q[0], q[1], beta[2].is(1) ? beta[2] : ir::Dim(kv_heads)}));
  in.set(0, in.dtype(0), {q[0], q[1], value_size * ir::Dim(heads)});
  in.set(1, in.has(3) ? in.dtype(3) : in.dtype(0), {q[0], kv_heads, key_size, value_size});
  return {};
}

// Per head and step: S *= exp(decay); v = beta (v - S' k) in delta rules; S += k v'; y = scale q' S.
Status reference_linear_attention(Call& call) {
  const std::string rule = call.attributes.text("update_rule", "gated_delta");
  const int64_t heads = call.attributes.integer("q_num_heads"), kv_heads = call.attributes.integer("kv_num_heads");
  const int64_t batches = call.input(0).shape[0], steps = call.input(0).shape[1];
  const int64_t keys = call.input(0).shape[2] / heads, values = call.input(2).shape[2] / kv_heads;
  const int64_t decays = call.has(4) ? call.input(4).shape[2] : 0, betas = call.has(5) ? call.input(5).shape[2] : 0;
  const bool delta = rule.ends_with("delta");
  const float given = call.attributes.real("scale");
  const double scale = given != 0 ? given : 1 / std::sqrt(static_cast<double>(keys));
  const auto optional = [&](size_t i) { return Reader<float>::of(call.has(i) ? call.input(i) : TensorView{}); };
  VIVACE_ASSIGN(const auto q, optional(0));
  VIVACE_ASSIGN(const auto k, optional(1));
  VIVACE_ASSIGN(const auto v, optional(2));
  VIVACE_ASSIGN(const auto past, optional(3));
  VIVACE_ASSIGN(const auto decay, optional(4));
  VIVACE_ASSIGN(const auto beta, optional(5));
  VIVACE_ASSIGN(const auto y, Writer<float>::of(call.output()));
  VIVACE_ASSIGN(const auto present, Writer<float>::of(call.wants(1) ? call.output(1) : TensorView{}));
  in_parallel(call.pool, batches * kv_heads, [&](int64_t task) {
    const int64_t b = task / kv_heads, head = task % kv_heads, group = heads / kv_heads;
    std::vector<double> state(static_cast<size_t>(keys * values), 0), update(static_cast<size_t>(values));
    if (past.data()) std::copy_n(past.data() + task * keys * values, keys * values, state.data());
    for (int64_t t = 0; t < steps; ++t) {
      const int64_t row = b * steps + t;
      const float *key = k.data() + (row * kv_heads + head) * keys,
                  *value = v.data() + (row * kv_heads + head) * values;
      if (decay.data())
        for (int64_t i = 0; i < keys; ++i) {
          const double kept =
              std::exp(static_cast<double>(decay[row * decays + (decays == kv_heads ? head : head * keys + i)]));
          for (int64_t j = 0; j < values; ++j) state[static_cast<size_t>(i * values + j)] *= kept;
        }
      for (int64_t j = 0; j < values; ++j) {
        double retrieved = 0;
        for (int64_t i = 0; i < keys && delta; ++i) retrieved += state[static_cast<size_t>(i * values + j)] * key[i];
        update[static_cast<size_t>(j)] =
            delta ? beta[row * betas + (betas == 1 ? 0 : head)] * (value[j] - retrieved) : value[j];
      }
      for (int64_t i = 0; i < keys; ++i)
        for (int64_t j = 0; j < values; ++j)
          state[static_cast<size_t>(i * values + j)] += key[i] * update[static_cast<size_t>(j)];
      for (int64_t reader = head * group; reader < (head + 1) * group; ++reader)
        for (int64_t j = 0; j < values; ++j) {
          double sum = 0;
          for (int64_t i = 0; i < keys; ++i)
            sum += q[(row * heads + reader) * keys + i] * state[static_cast<size_t>(i * values + j)];
          y.data()[(row * heads + reader) * values + j] = static_cast<float>(scale * sum);
        }
    }
    if (present.data())
      std::transform(state.begin(), state.end(), present.data() + task * keys * values,
                     [](double s) { return static_cast<float>(s); });
  });
  VIVACE_TRY(present.store());
  return y.store();
}

// Inputs: x [B, C, L], weights [C, 1, k], bias [C], state [B, C, k - 1]. Outputs: y like x, and the state after it.
Status infer_causal_conv(Inference& in) {
  const std::string activation = in.attributes.text("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish")
    return in.error("unknown activation '" + activation + "'");
  VIVACE_TRY(require_type(in, 0, kFloats));
  VIVACE_TRY(same_types(in, {1, 2, 3}));
  for (const size_t i : {0, 1, 3}) VIVACE_TRY(require_rank(in, i, 3, 3));
  const ir::Dims x = in.dims(0).value_or(ir::Dims(3)), w = in.dims(1).value_or(ir::Dims(3));
  if (w[2].known() && w[2].value() < 1) return in.error("the kernel must have at least one element");
  const ir::Dim carried = w[2] - ir::Dim(1);
  VIVACE_TRY(fits(in, 1, {x[1], 1, w[2]}));
  VIVACE_TRY(fits(in, 2, {x[1]}));
  VIVACE_TRY(fits(in, 3, {x[0], x[1], carried}));
  in.set(0, in.dtype(0), x);
  in.set(1, in.dtype(0), {x[0], x[1], carried});
  return {};
}

Status reference_causal_conv(Call& call) {
  const Shape& shape = call.input(0).shape;
  const int64_t channels = shape[1], length = shape[2], kernel = call.input(1).shape[2], carried = kernel - 1;
  const bool silu = call.attributes.text("activation", "none") != "none";
  const auto optional = [&](size_t i) { return Reader<float>::of(call.has(i) ? call.input(i) : TensorView{}); };
  VIVACE_ASSIGN(const auto x, optional(0));
  VIVACE_ASSIGN(const auto w, optional(1));
  VIVACE_ASSIGN(const auto bias, optional(2));
  VIVACE_ASSIGN(const auto past, optional(3));
  VIVACE_ASSIGN(const auto y, Writer<float>::of(call.output()));
  VIVACE_ASSIGN(const auto present, Writer<float>::of(call.wants(1) ? call.output(1) : TensorView{}));
  in_parallel(call.pool, shape[0] * channels, [&](int64_t line) {
    const int64_t c = line % channels;
    std::vector<float> padded(static_cast<size_t>(carried + length), 0);
    if (past.data()) std::copy_n(past.data() + line * carried, carried, padded.data());
    std::copy_n(x.data() + line * length, length, padded.data() + carried);
    for (int64_t t = 0; t < length; ++t) {
      double sum = bias.data() ? bias[c] : 0;
      for (int64_t i = 0; i < kernel; ++i)
        sum += static_cast<double>(w[c * kernel + i]) * padded[static_cast<size_t>(t + i)];
      y.data()[line * length + t] = static_cast<float>(silu ? sum / (1 + std::exp(-sum)) : sum);
    }
    if (present.data()) std::copy_n(padded.data() + length, carried, present.data() + line * carried);
  });
  VIVACE_TRY(present.store());
  return y.store();
}

}  // namespace vivace::ops
