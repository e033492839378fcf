// GroupQueryAttention: a cache that keys and values are written into, rotations, windows, sinks.
#include <limits>

#include "frontends/onnx/contrib_attention.h"

namespace vivace::onnx::contrib {

namespace {

// One GroupQueryAttention on its way.
struct GroupQuery {
  Step& s;
  enum : size_t {
    kQuery,
    kKey,
    kValue,
    kPastKey,
    kPastValue,
    kLengths,
    kTotal,
    kCosines,
    kSines,
    kPositions,
    kScoresBias,
    kSinks,
    kKeyScale,
    kValueScale,
    kQueryNorm,
    kKeyNorm
  };
  int64_t heads, kv_heads, size = 0;
  Value *q = nullptr, *k = nullptr, *v = nullptr;
  Value* length = nullptr;  // of what is new, i64 [1]
  Value* before = nullptr;  // keys in the cache that count, i64 [B]
  Value* total = nullptr;   // the most keys of a batch, i64 [1]

  explicit GroupQuery(Step& step)
      : s(step), heads(heads_from(step, "num_heads")), kv_heads(heads_from(step, "kv_num_heads")) {}

  void check() {
    if (s.rank(kQuery) != 3) return s.fail(s.unsupported("the rank of its query must be known, and 3"));
    if (s.input(kKeyScale) || s.input(kValueScale) || s.attributes.text("k_quant_type", "NONE") != "NONE" ||
        s.attributes.text("v_quant_type", "NONE") != "NONE")
      return s.fail(s.unsupported("a quantized cache"));
    if (s.attributes.integer("sliding_window_cache")) return s.fail(s.unsupported("sliding_window_cache"));
    if (!s.input(kKey) != !s.input(kValue) || !s.input(kPastKey) != !s.input(kPastValue) ||
        !s.input(kCosines) != !s.input(kSines) || !s.input(kQueryNorm) != !s.input(kKeyNorm))
      return s.fail(s.error("keys and values, old and new, cosines and sines, and both norms must be given together"));
    if (s.attributes.integer("do_rotary") && !s.input(kCosines)) s.fail(s.error("do_rotary needs cosines and sines"));
  }

  void read_heads() {
    const int64_t width = known_size(s, s.input(kQuery), 2, "the width of its query");
    const bool packed = !s.input(kKey);
    const int64_t parts = packed ? heads + 2 * kv_heads : heads;
    if (!s.status.ok()) return;
    if (parts < 1 || width % parts != 0 || width < parts) return s.fail(s.error("its heads do not divide its query"));
    size = width / parts;
    q = s.input(kQuery), k = s.input(kKey), v = s.input(kValue);
    if (packed) {
      const std::vector<Value*> made = split(s, q, 2, {heads * size, kv_heads * size, kv_heads * size});
      q = made[0], k = made[1], v = made[2];
    }
    if (!s.input(kQueryNorm)) return;
    const auto normalized = [&](Value* x, int64_t count, Value* scale) {
      const ir::Attributes attributes = {{"axis", int64_t{-1}},
                                         {"epsilon", s.attributes.real("qk_norm_epsilon", 1e-6f)}};
      Value* y = s.add("RMSNormalization", {reshaped(s, x, {0, 0, count, size}), scale}, attributes);
      return reshaped(s, y, {0, 0, count * size});
    };
    q = normalized(q, heads, s.input(kQueryNorm)), k = normalized(k, kv_heads, s.input(kKeyNorm));
  }

  // A prompt, whose length is the total, begins at 0; else the new keys are the last of their batch.
  void count() {
    length = size_of(s, q, 1);
    total = reshaped(s, cast(s, s.input(kTotal), DType::i64), {1});
    Value* keys = s.add("Add", {reshaped(s, cast(s, s.input(kLengths), DType::i64), {-1}), s.constant({1})});
    before = s.add("Where", {s.add("Equal", {length, total}), s.constant({0}), s.add("Sub", {keys, length})});
  }

  void rotate() {
    if (!s.attributes.integer("do_rotary")) return;
    Value* positions = s.input(kPositions);
    if (!positions) {  // of padding: any
      positions = s.add("Add", {unsqueezed(s, before, {1}), count_to(s, length)});
      positions = s.add("Max", {positions, s.constant({0})});
    }
    const int64_t rotary = 2 * known_size(s, s.input(kCosines), 1, "the width of its cosines");
    const auto turned = [&](Value* x, int64_t count) {
      return s.add("RotaryEmbedding", {x, s.input(kCosines), s.input(kSines), positions},
                   {{"num_heads", count},
                    {"interleaved", s.attributes.integer("rotary_interleaved")},
                    {"rotary_embedding_dim", rotary == size ? int64_t{0} : rotary}});
    };
    q = turned(q, heads), k = turned(k, kv_heads);
  }

  // The cache with the new rows in it, as long as it was or as the total.
  Value* cache(Value* past, Value* now) {
    if (!past) return now;
    Value* missing = s.add("Max", {s.add("Sub", {total, size_of(s, past, 2)}), s.constant({0})});
    Value* shape = joined(s, {size_of(s, past, 0), size_of(s, past, 1), missing, size_of(s, past, 3)}, 0);
    Value* zeros = s.add("Expand", {s.scalar(past->type.dtype, 0), shape});
    return s.add("TensorScatter", {joined(s, {past, zeros}, 2), now, before}, {{"axis", int64_t{2}}});
  }

  // Which keys a query sees, [B, 1, S, T].
  Value* visible(Value* keys) {
    Value* places = count_to(s, keys);
    if (!s.attributes.integer("causal", 1))
      return s.add("Less", {places, unsqueezed(s, s.add("Add", {before, length}), {1, 2, 3})});
    Value* own = s.add("Add", {unsqueezed(s, before, {1, 2, 3}), unsqueezed(s, count_to(s, length), {1})});
    Value* seen = s.add("LessOrEqual", {places, own});
    const int64_t window = s.attributes.integer("local_window_size", -1);
    if (window <= 0) return seen;
    Value* nearest = s.add("Sub", {own, s.scalar(DType::i64, static_cast<double>(window))});
    return s.add("And", {seen, s.add("Greater", {places, nearest})});
  }
};

}  // namespace

void group_query_attention(Step& s) {
  GroupQuery g(s);
  g.check();
  if (s.status.ok()) g.read_heads();
  if (!s.status.ok()) return;
  g.count();
  g.rotate();
  if (!s.status.ok()) return;
  Value* keys = g.cache(s.input(GroupQuery::kPastKey), apart(s, g.k, g.kv_heads));
  Value* values = g.cache(s.input(GroupQuery::kPastValue), apart(s, g.v, g.kv_heads));
  Value *present_keys = keys, *present_values = values, *sinks = s.input(GroupQuery::kSinks);
  Value* bias = s.input(GroupQuery::kScoresBias);
  if (bias) {  // as wide as the total, which the cache may be longer than
    keys = sliced(s, keys, 2, s.constant({0}), g.total);
    values = sliced(s, values, 2, s.constant({0}), g.total);
  }
  AttentionParts p;
  p.heads = g.heads, p.kv_heads = g.kv_heads;
  p.q = apart(s, g.q, g.heads), p.k = keys, p.v = values;
  p.scale = s.attributes.real("scale");
  p.softcap = s.attributes.real("softcap");
  Value *count = size_of(s, keys, 2), *seen = g.visible(count);
  const DType type = g.q->type.dtype;
  const bool sink = sinks || s.attributes.integer("smooth_softmax") == 1;
  if (bias || sink)
    p.mask = s.add("Where",
                   {seen, bias ? bias : s.scalar(type, 0), s.scalar(type, -std::numeric_limits<double>::infinity())});
  else
    p.mask = seen;
  if (sink) {
    // A key of zeros more, whose value is zeros, and whose score is the sink's.
    const auto longer = [&](Value* x) {
      Value* shape = joined(s, {size_of(s, x, 0), size_of(s, x, 1), s.constant({1}), size_of(s, x, 3)}, 0);
      return joined(s, {x, s.add("Expand", {s.scalar(type, 0), shape})}, 2);
    };
    p.k = longer(keys), p.v = longer(values);
    Value* score = sinks ? reshaped(s, sinks, {1, g.heads, 1, 1}) : s.scalar(type, 0);
    const auto shape = [&](Value* width) {
      return joined(s, {size_of(s, p.q, 0), s.constant({g.heads}), g.length, width}, 0);
    };
    p.mask = joined(s, {s.add("Expand", {p.mask, shape(count)}), s.add("Expand", {score, shape(s.constant({1}))})}, 3);
  }
  const int64_t wanted = s.attributes.integer("qk_output");
  p.scores = wanted == 2 ? 3 : 0;
  if (!s.status.ok()) return;
  const std::vector<Value*> made = attention_of(s, p, s.outputs > 3 ? 4 : 1);
  s.results = {together(s, made[0]), present_keys, present_values};
  if (s.outputs > 3) s.results.push_back(sink ? sliced(s, made[3], 3, s.constant({0}), count) : made[3]);
}

}  // namespace vivace::onnx::contrib
