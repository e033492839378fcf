// ONNX Runtime's operators of attention: projections, masks and caches in their own forms around the standard's
// Attention.
#include "frontends/onnx/contrib_attention.h"

namespace vivace::onnx::contrib {

std::vector<Value*> attention_of(Step& s, const AttentionParts& p, size_t outputs) {
  ir::Attributes attributes;
  if (p.q->type.rank() == 3) attributes = {{"q_num_heads", p.heads}, {"kv_num_heads", p.kv_heads}};
  if (p.causal) attributes["is_causal"] = int64_t{1};
  if (p.scale != 0) attributes["scale"] = p.scale;
  if (p.softcap != 0) attributes["softcap"] = p.softcap;
  if (outputs > 3) attributes["qk_matmul_output_mode"] = p.scores;
  std::vector<Value*> inputs = {p.q, p.k, p.v, p.mask, p.past_key, p.past_value};
  while (!inputs.back()) inputs.pop_back();
  return s.add("Attention", inputs, attributes, outputs)->producer()->outputs();
}

int64_t heads_from(Step& s, const char* attribute) {
  const int64_t heads = s.attributes.integer(attribute);
  if (heads >= 1) return heads;
  s.fail(s.error(std::string(attribute) + " must be positive"));
  return 1;
}

// [B, S, heads * size] <-> [B, heads, S, size]
Value* apart(Step& s, Value* x, int64_t heads) {
  return transposed(s, reshaped(s, x, {0, 0, heads, -1}), {0, 2, 1, 3});
}
Value* together(Step& s, Value* x) { return reshaped(s, transposed(s, x, {0, 2, 1, 3}), {0, 0, -1}); }

namespace {

Value* part_of(Step& s, Value* x, int64_t axis, int64_t begin, int64_t end) {
  return sliced(s, x, axis, s.constant({begin}), s.constant({end}));
}

Value* sum(Step& s, Value* a, Value* b) { return !a ? b : b ? s.add("Add", {a, b}) : a; }

// What a mask of integers adds to scores: nothing where it is positive, else the filter.
Value* filtered(Step& s, Value* keep, DType type) {
  const float filter = s.attributes.real("mask_filter_value", -10000.f);
  return s.add("Where", {keep, s.scalar(type, 0), s.scalar(type, filter)});
}

// Masks of integers: [B] or [2B], ends (and begins) of what is kept; [B, T]; [B, S, T]; [B, 1, M, M], of which the rows
// after the past and the columns of all are taken. `past` and `length`: i64 [1], of keys in the cache and of queries.
Value* added_mask(Step& s, Value* mask, Value* q, Value* past, Value* length, Value* total) {
  const DType type = q->type.dtype;
  const auto positive = [&](Value* m) { return s.add("Greater", {m, s.scalar(m->type.dtype, 0)}); };
  switch (mask->type.rank()) {
    case 1: {
      const ir::Dim &count = (*mask->type.dims)[0], &batch = (*q->type.dims)[0];
      const bool both = count.same(batch * ir::Dim(2)) && !count.same(batch);
      if (count.known() && batch.known() && !both && !count.same(batch)) {
        s.fail(s.unsupported("a mask of one dimension must have an end, or all ends and all begins, of every batch"));
        return nullptr;
      }
      Value* places = count_to(s, total);
      Value *ends = mask, *begins = nullptr;
      if (both) {
        const std::vector<Value*> halves =
            s.add("Split", {mask}, {{"axis", int64_t{0}}, {"num_outputs", int64_t{2}}}, 2)->producer()->outputs();
        ends = halves[0], begins = halves[1];
      }
      const auto column = [&](Value* x) { return unsqueezed(s, cast(s, x, DType::i64), {1}); };
      Value* keep = s.add("Less", {places, column(ends)});
      if (begins) keep = s.add("And", {keep, s.add("GreaterOrEqual", {places, column(begins)})});
      return unsqueezed(s, filtered(s, keep, type), {1, 2});
    }
    case 2: return unsqueezed(s, filtered(s, positive(mask), type), {1, 2});
    case 3: return unsqueezed(s, filtered(s, positive(mask), type), {1});
    case 4: {
      Value* rows = sliced(s, mask, 2, past, s.add("Add", {past, length}));
      return filtered(s, positive(sliced(s, rows, 3, s.constant({0}), total)), type);
    }
    default: s.fail(s.unsupported("the rank of its mask must be known, and 1 to 4")); return nullptr;
  }
}

// The operator Attention behind its projection: q, k and v side by side in `projected`.
void attend_projected(Step& s, Value* projected, std::vector<int64_t> sizes, Value* mask, Value* past, Value* bias) {
  AttentionParts p;
  p.heads = p.kv_heads = heads_from(s, "num_heads");
  p.causal = s.attributes.integer("unidirectional") != 0;
  p.scale = s.attributes.real("scale");
  if (s.attributes.integer("do_rotary")) s.fail(s.unsupported("do_rotary; a RotaryEmbedding before it does the same"));
  if (s.attributes.integer("past_present_share_buffer"))
    s.fail(s.unsupported("past_present_share_buffer; without it `present` is as long as past and present"));
  if (!s.status.ok()) return;
  const std::vector<Value*> parts = split(s, projected, 2, sizes);
  p.q = parts[0], p.k = parts[1], p.v = parts[2];
  if (past) {  // [2, B, heads, P, size]
    const auto half = [&](int64_t i) { return s.add("Gather", {past, s.scalar(DType::i64, static_cast<double>(i))}); };
    p.past_key = half(0), p.past_value = half(1);
  }
  Value *length = size_of(s, projected, 1), *before = past ? size_of(s, past, 3) : s.constant({0});
  if (mask) p.mask = added_mask(s, mask, projected, before, length, past ? s.add("Add", {before, length}) : length);
  p.mask = sum(s, p.mask, bias);
  if (!s.status.ok()) return;
  std::vector<Value*> made = attention_of(s, p, s.outputs > 1 ? 3 : 1);
  s.results = {made[0]};
  if (s.outputs > 1) s.results.push_back(joined(s, {unsqueezed(s, made[1], {0}), unsqueezed(s, made[2], {0})}, 0));
}

// Sizes of Q, K and V in the columns of the projection's weights.
std::vector<int64_t> projection_sizes(Step& s) {
  const int64_t columns = known_size(s, s.input(1), 1, "the shape of its weights");
  std::vector<int64_t> sizes = s.attributes.integers("qkv_hidden_sizes");
  if (sizes.empty()) sizes.assign(3, columns / 3);
  if (sizes.size() != 3 || sizes[0] < 1 || sizes[1] < 1 || sizes[2] < 1)
    s.fail(s.error("qkv_hidden_sizes must be three positive numbers"));
  return sizes;
}

}  // namespace

// Inputs: x, weights, bias, mask, past, bias of scores, length of the past.
void attention(Step& s) {
  const std::vector<int64_t> sizes = projection_sizes(s);
  if (s.input(6)) s.fail(s.unsupported("past_sequence_length"));
  Value* projected = sum(s, s.add("MatMul", {s.input(0), s.input(1)}), s.input(2));
  attend_projected(s, projected, sizes, s.input(3), s.input(4), s.input(5));
}

// Inputs: x, weights, bias, scales of both, mask, zero points of both, past.
void quantized_attention(Step& s) {
  const std::vector<int64_t> sizes = projection_sizes(s);
  std::vector<Value*> inputs = {s.input(0), s.input(1), s.input(6), s.input(7)};
  while (!inputs.back()) inputs.pop_back();
  Value* product = cast(s, s.add("MatMulInteger", inputs), s.dtype(3));
  product = s.add("Mul", {product, s.add("Mul", {s.input(3), s.input(4)})});
  attend_projected(s, s.add("Add", {product, s.input(2)}), sizes, s.input(5), s.input(8), nullptr);
}

namespace {

// Inputs of MultiHeadAttention.
struct MultiHead {
  Value *query, *key, *value, *bias, *mask, *scores_bias, *past_key, *past_value;
  Value* past_length = nullptr;  // where past and present share a buffer
};

// Q, K and V as [B, S, heads * size], from one tensor [B, S, heads, 3, size], or from Q and [B, S, heads, 2, size].
void unpack(Step& s, MultiHead& in) {
  const auto taken = [&](Value* from, int64_t i) { return reshaped(s, part_of(s, from, 3, i, i + 1), {0, 0, -1}); };
  if (in.query->type.rank() == 5) {
    Value* packed = in.query;
    in.query = taken(packed, 0), in.key = taken(packed, 1), in.value = taken(packed, 2);
  } else if (in.key && in.key->type.rank() == 5) {
    Value* packed = in.key;
    in.key = taken(packed, 0), in.value = taken(packed, 1);
  }
}

void attend_heads(Step& s, MultiHead in, bool causal) {
  AttentionParts p;
  p.heads = p.kv_heads = heads_from(s, "num_heads");
  p.causal = causal;
  p.scale = s.attributes.real("scale");
  if (in.query->type.rank() == 3 && !in.key) {  // the three side by side
    const int64_t width = known_size(s, in.query, 2, "the width of its query");
    const int64_t values = in.bias ? known_size(s, in.bias, 0, "the size of its bias") : width;
    if (values != width) s.fail(s.error("its bias and its packed query differ in size"));
    const std::vector<Value*> parts = split(s, in.query, 2, {width / 3, width / 3, width - 2 * (width / 3)});
    in.query = parts[0], in.key = parts[1], in.value = parts[2];
  }
  unpack(s, in);
  if (!in.key || !in.value) return s.fail(s.error("key and value are required with an unpacked query"));
  if (!s.status.ok()) return;
  if (in.query->type.rank() != 3) return s.fail(s.unsupported("the rank of its query must be known, and 3 or 5"));
  const bool cached = in.key->type.rank() == 4;  // keys and values of another sequence, heads apart
  if (in.bias) {
    const int64_t width = known_size(s, in.query, 2, "the width of its query");
    const int64_t all = known_size(s, in.bias, 0, "the size of its bias");
    if (!s.status.ok()) return;
    if (all < 2 * width) return s.fail(s.error("the bias must have elements for query, key and value"));
    const auto biased = [&](Value* x, int64_t begin, int64_t end) {
      return s.add("Add", {x, part_of(s, in.bias, 0, begin, end)});
    };
    in.query = biased(in.query, 0, width);
    if (!cached) in.key = biased(in.key, width, 2 * width), in.value = biased(in.value, 2 * width, all);
  }
  p.q = cached ? apart(s, in.query, p.heads) : in.query;
  p.k = in.key, p.v = in.value, p.past_key = in.past_key, p.past_value = in.past_value;
  Value *length = size_of(s, in.query, 1), *now = size_of(s, in.key, cached ? 2 : 1);
  Value* before = in.past_key ? size_of(s, in.past_key, 2) : s.constant({0});
  const bool shared = in.past_length && in.past_key && !cached;
  if (shared) before = reshaped(s, cast(s, in.past_length, DType::i64), {1});
  Value* total = in.past_key ? s.add("Add", {before, now}) : now;
  if (in.mask) p.mask = added_mask(s, in.mask, in.query, before, length, total);
  p.mask = sum(s, p.mask, in.scores_bias);
  if (!s.status.ok()) return;
  const size_t outputs = std::min<size_t>(s.outputs, 4);
  if (!shared) {
    s.results = attention_of(s, p, outputs);
    if (cached) s.results[0] = together(s, s.results[0]);
    return;
  }
  Value* places = s.add("Expand", {before, size_of(s, in.query, 0)});
  const auto written = [&](Value* past, Value* x) {
    return s.add("TensorScatter", {past, apart(s, x, p.heads), places}, {{"axis", int64_t{2}}});
  };
  Value *keys = written(p.past_key, p.k), *values = written(p.past_value, p.v);
  p.q = apart(s, p.q, p.heads), p.past_key = p.past_value = nullptr;
  p.k = sliced(s, keys, 2, s.constant({0}), total), p.v = sliced(s, values, 2, s.constant({0}), total);
  const std::vector<Value*> made = attention_of(s, p, outputs > 3 ? 4 : 1);
  s.results = {together(s, made[0]), keys, values};
  if (outputs > 3) s.results.push_back(made[3]);
}

}  // namespace

// Inputs: query, key, value, bias, mask, bias of scores, past key and value, length of the past, beams.
void multi_head_attention(Step& s) {
  if (s.input(9)) return s.fail(s.unsupported("cache_indirection"));
  const bool causal = s.attributes.integer("unidirectional") != 0;
  if (s.input(8) && causal) return s.fail(s.unsupported("past_sequence_length with unidirectional"));
  attend_heads(
      s, {s.input(0), s.input(1), s.input(2), s.input(3), s.input(4), s.input(5), s.input(6), s.input(7), s.input(8)},
      causal);
}

// The same in another order, for one query.
void decoder_masked_attention(Step& s) {
  if (s.input(9)) return s.fail(s.unsupported("cache_indirection"));
  const bool shared = s.attributes.integer("past_present_share_buffer") != 0;
  if (shared && s.input(5) && !s.input(7)) return s.fail(s.error("a shared buffer needs past_sequence_length"));
  attend_heads(s,
               {s.input(0), s.input(1), s.input(2), s.input(10), s.input(3), s.input(4), s.input(5), s.input(6),
                shared ? s.input(7) : nullptr},
               false);
}

// Inputs: x, positions ([1]: of the first), cosines, sines.
void rotary_embedding(Step& s) {
  Value *x = s.input(0), *positions = cast(s, s.input(1), DType::i64);
  const int rank = s.rank(0);
  if (s.attributes.integer("is_packed_batching")) return s.fail(s.unsupported("is_packed_batching"));
  if (rank != 3 && rank != 4) return s.fail(s.unsupported("the rank of its input must be known, and 3 or 4"));
  const int64_t rotary = s.attributes.integer("rotary_embedding_dim");
  int64_t heads = s.attributes.integer("num_heads");
  if (rank == 3 && heads < 1) {
    const int64_t half = known_size(s, s.input(2), 1, "the size of a head");
    if (half < 1) return s.fail(s.error("its cosines are empty"));
    heads = known_size(s, x, 2, "the width of its input") / (2 * half);
    if (heads < 1) return s.fail(s.error("its cosines are wider than its input"));
  }
  Value* length = size_of(s, x, rank == 3 ? 1 : 2);
  if (s.rank(1) == 1) {
    Value* shape = joined(s, {size_of(s, x, 0), length}, 0);
    positions = s.add("Expand", {s.add("Add", {count_to(s, length), positions}), shape});
  }
  ir::Attributes attributes = {{"interleaved", s.attributes.integer("interleaved")}};
  if (rotary > 0) attributes["rotary_embedding_dim"] = rotary;
  if (rank == 3) attributes["num_heads"] = heads;
  s.results = {s.add("RotaryEmbedding", {x, s.input(2), s.input(3), positions}, attributes)};
}

}  // namespace vivace::onnx::contrib
