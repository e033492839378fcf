// ONNX Runtime's operators around products, activations and normalizations.
#include <cmath>

#include "frontends/onnx/contrib.h"
#include "frontends/onnx/converters.h"

namespace vivace::onnx::contrib {

namespace {

ir::Value* sum(Step& s, ir::Value* a, ir::Value* b) { return b ? s.add("Add", {a, b}) : a; }

ir::Value* gelu(Step& s, ir::Value* x, const char* approximate = "none") {
  return s.add("Gelu", {x}, {{"approximate", std::string(approximate)}});
}

// The attributes that the standard's operator shares.
ir::Attributes chosen(const Step& s, std::initializer_list<const char*> names) {
  ir::Attributes made;
  for (const char* name : names)
    if (const auto at = s.attributes.find(name); at != s.attributes.end()) made.insert(*at);
  return made;
}

ir::Attributes window_attributes(const Step& s) {
  return chosen(s, {"auto_pad", "ceil_mode", "dilations", "group", "kernel_shape", "pads", "strides"});
}

std::vector<float> activation_parameters(const Step& s) {
  std::vector<float> made;
  for (const char* name : {"activation_alpha", "activation_beta", "activation_gamma"})
    if (s.attributes.has(name)) made.push_back(s.attributes.real(name));
  return made;
}

// x transposed as products ask for it: the first dimension goes behind those of the batch, then the last two swap.
ir::Value* operand(Step& s, ir::Value* x, bool transposes, bool transposes_batch) {
  if (!transposes && !transposes_batch) return x;
  const int rank = x->type.rank();
  if (rank < 0) {
    s.fail(s.unsupported("the rank of a transposed input must be known"));
    return x;
  }
  if (rank < 2) return x;
  std::vector<int64_t> perm;
  for (int i = 0; i < rank; ++i) perm.push_back(i);
  if (transposes_batch) {
    perm.erase(perm.begin());
    perm.insert(perm.end() - 1, 0);
  }
  if (transposes) std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return transposed(s, x, perm);
}

}  // namespace

void bias_add(Step& s) { s.results = {sum(s, sum(s, s.input(0), s.input(1)), s.input(2))}; }

// Dropout does nothing at inference.
void bias_dropout(Step& s) {
  s.results = {sum(s, sum(s, s.input(0), s.input(1)), s.input(2))};
  if (s.outputs < 2) return;
  ir::Value* shape = s.add("Shape", {s.results[0]});
  s.results.push_back(s.add("Expand", {s.graph.add_constant(Tensor::scalar(true)), shape}));
}

void bias_gelu(Step& s) { s.results = {gelu(s, sum(s, s.input(0), s.input(1)))}; }

void fast_gelu(Step& s) { s.results = {gelu(s, sum(s, s.input(0), s.input(1)), "tanh")}; }

void quick_gelu(Step& s) {
  s.results = {s.add("Swish", {s.input(0)}, {{"alpha", s.attributes.real("alpha", 1.702f)}})};
}

// The first half of the channels times Gelu of the second.
void bias_split_gelu(Step& s) {
  ir::Value* x = sum(s, s.input(0), s.input(1));
  const std::vector<ir::Value*> halves =
      s.add("Split", {x}, {{"axis", int64_t{-1}}, {"num_outputs", int64_t{2}}}, 2)->producer()->outputs();
  s.results = {s.add("Mul", {halves[0], gelu(s, halves[1])})};
}

// Softmax over all dimensions from `axis` on of data + bias.
void bias_softmax(Step& s) {
  const int rank = s.rank(0), bias_rank = s.rank(1);
  int64_t axis = s.attributes.integer("axis", 1);
  if (axis < 0) axis += rank;
  if (rank < 0 || bias_rank < 0 || axis < 0 || axis >= rank)
    return s.fail(s.unsupported("the ranks of its inputs must be known, and the axis one of them"));
  ir::Value* bias = s.input(1);
  // A bias for each of the outer dimensions lacks those between them and the axis.
  if (!s.attributes.integer("is_inner_broadcast", 1) && bias_rank < rank) {
    // already aligned at the end
  } else if (bias_rank < rank) {
    std::vector<int64_t> axes;
    for (int i = 0; i < rank - bias_rank; ++i) axes.push_back(axis - 1 - i);
    for (int64_t& a : axes)
      if (a < 0) return s.fail(s.error("the bias does not fit"));
    bias = unsqueezed(s, bias, axes);
  }
  Step inner(s.graph, "Softmax", 1);
  inner.name = s.name;
  inner.inputs = {sum(s, s.input(0), bias)};
  inner.attributes = {{"axis", axis}};
  if (!s.status.ok()) return;
  s.fail(vivace::onnx::convert(inner));
  s.results = inner.results;
}

// |a - b|^2 = |a|^2 + |b|^2 - 2 a b, for all pairs of rows.
void cdist(Step& s) {
  const std::string metric = s.attributes.text("metric", "sqeuclidean");
  if (metric != "sqeuclidean" && metric != "euclidean") return s.fail(s.unsupported("metric '" + metric + "'"));
  const auto squares = [&](ir::Value* x) { return s.add("ReduceSumSquare", {x, s.constant({1})}); };
  ir::Value* b = transposed(s, squares(s.input(1)), {1, 0});
  ir::Value* product = s.add("MatMul", {s.input(0), transposed(s, s.input(1), {1, 0})});
  ir::Value* y = sum(s, sum(s, times(s, product, -2), squares(s.input(0))), b);
  y = s.add("Relu", {y});
  s.results = {metric == "euclidean" ? s.add("Sqrt", {y}) : y};
}

void conv_transpose_with_pads(Step& s) {
  if (s.input(2) && !s.input(2)->is_constant()) return s.fail(s.unsupported("pads must be a constant"));
  ir::Attributes attributes =
      chosen(s, {"auto_pad", "dilations", "group", "kernel_shape", "output_padding", "strides"});
  if (s.input(2)) attributes["pads"] = to_int64(s.input(2)->constant());
  s.results = {s.add("ConvTranspose", {s.input(0), s.input(1), s.input(3)}, attributes)};
}

void expand_dims(Step& s) {
  ir::Value* axis = cast(s, s.input(1), DType::i64);
  s.results = {s.add("Unsqueeze", {s.input(0), reshaped(s, axis, {1})})};
}

void fused_conv(Step& s) {
  ir::Value* y = s.add("Conv", {s.input(0), s.input(1), s.input(2)}, window_attributes(s));
  s.results = {
      activated(s, sum(s, y, s.input(3)), s.attributes.text("activation"), s.attributes.reals("activation_params"))};
}

void fused_gemm(Step& s) {
  ir::Value* y = s.add("Gemm", s.inputs, chosen(s, {"alpha", "beta", "transA", "transB"}));
  s.results = {activated(s, y, s.attributes.text("activation"), activation_parameters(s))};
}

void fused_matmul(Step& s) {
  const auto side = [&](size_t i, const char* transposes, const char* batch) {
    return operand(s, s.input(i), s.attributes.integer(transposes) != 0, s.attributes.integer(batch) != 0);
  };
  ir::Value* a = side(0, "transA", "transBatchA");
  ir::Value* y = s.add("MatMul", {a, side(1, "transB", "transBatchB")});
  y = times(s, y, s.attributes.real("alpha", 1));
  s.results = {activated(s, y, s.attributes.text("activation"), activation_parameters(s))};
}

void gemm_fast_gelu(Step& s) {
  s.results = {gelu(s, sum(s, s.add("MatMul", {s.input(0), s.input(1)}), s.input(2)), "tanh")};
}

void grid_sample(Step& s) {
  grid_sample_modes(s);
  s.op = "GridSample";
  s.emit();
}

namespace {

ir::Value* group_norm_of(Step& s, ir::Value* x) {
  const bool last = s.attributes.integer("channels_last", 1) != 0;
  const int64_t activation = s.attributes.integer("activation");
  if (activation != 0 && activation != 1) s.fail(s.unsupported("activation " + std::to_string(activation)));
  const DType inner = s.dtype(1);
  ir::Value* y = cast(s, last ? channels_first(s, x) : x, inner);
  y = s.add("GroupNormalization", {y, s.input(1), s.input(2)},
            {{"num_groups", s.attributes.integer("groups")}, {"epsilon", s.attributes.real("epsilon", 1e-5f)}});
  if (activation == 1) y = s.add("Swish", {y});
  y = cast(s, y, s.dtype(0));
  return last ? channels_last(s, y) : y;
}

}  // namespace

void group_norm(Step& s) { s.results = {group_norm_of(s, s.input(0))}; }

// The addend is one for each pixel, or for each channel of an image.
void skip_group_norm(Step& s) {
  const bool last = s.attributes.integer("channels_last", 1) != 0;
  ir::Value *skip = s.input(3), *bias = s.input(4);
  if (s.rank(0) < 0 || s.rank(3) < 0) return s.fail(s.unsupported("the ranks of its inputs must be known"));
  if (s.rank(3) == 2) skip = unsqueezed(s, skip, last ? std::vector<int64_t>{1, 2} : std::vector<int64_t>{2, 3});
  if (bias && !last) bias = reshaped(s, bias, {1, -1, 1, 1});
  ir::Value* x = sum(s, sum(s, s.input(0), skip), bias);
  s.results = {group_norm_of(s, x), x};
}

void mul_integer(Step& s) {
  const auto centered = [&](size_t i) {
    ir::Value* x = cast(s, s.input(i), DType::i32);
    return s.input(i + 1) ? s.add("Sub", {x, cast(s, s.input(i + 1), DType::i32)}) : x;
  };
  s.results = {s.add("Mul", {centered(0), centered(2)})};
}

void nhwc_conv(Step& s) {
  ir::Value* y = s.add("Conv", {channels_first(s, s.input(0)), s.input(1), s.input(2)}, window_attributes(s));
  if (s.input(3)) y = s.add("Add", {y, channels_first(s, s.input(3))});
  y = activated(s, y, s.attributes.text("activation"), s.attributes.reals("activation_params"));
  s.results = {channels_last(s, y)};
}

void nhwc_max_pool(Step& s) {
  s.results = {channels_last(s, s.add("MaxPool", {channels_first(s, s.input(0))}, window_attributes(s)))};
}

void pad(Step& s) {
  s.inputs[1] = reshaped(s, s.input(1), {-1});
  if (s.input(2) && s.rank(2) != 0)
    s.inputs[2] = s.add("Reshape", {s.input(2), s.graph.add_constant(Tensor::of<int64_t>({}, {0}))});
  s.op = "Pad";
  s.emit();
}

void range(Step& s) {
  const auto number = [&](size_t i) {
    if (!s.input(i)) return s.scalar(s.dtype(0), 1);
    return s.rank(i) == 0 ? s.input(i) : s.add("Squeeze", {s.input(i)});
  };
  s.results = {s.add("Range", {number(0), number(1), number(2)})};
}

void reduce_sum_integer(Step& s) {
  const std::vector<int64_t> axes = s.attributes.integers("axes");
  std::vector<ir::Value*> inputs = {cast(s, s.input(0), s.dtype(0) == DType::u8 ? DType::u32 : DType::i32)};
  if (!axes.empty()) inputs.push_back(s.constant(axes));
  s.results = {s.add("ReduceSum", inputs, chosen(s, {"keepdims"}))};
}

// RMSNormalization over the dimensions from `axis` on. Output 1: 1 / sqrt(mean(x^2) + epsilon).
void simplified_layer_norm(Step& s) {
  const int64_t axis = s.attributes.integer("axis", -1);
  const float epsilon = s.attributes.real("epsilon", 1e-5f);
  s.results = {s.add("RMSNormalization", {s.input(0), s.input(1)}, {{"axis", axis}, {"epsilon", epsilon}})};
  if (s.outputs < 2) return;
  const int rank = s.rank(0);
  if (rank < 0) return s.fail(s.unsupported("the rank of its input must be known"));
  std::vector<int64_t> axes;
  for (int64_t i = axis < 0 ? axis + rank : axis; i < rank; ++i) axes.push_back(i);
  ir::Value* x = cast(s, s.input(0), DType::f32);
  ir::Value* mean = s.add("ReduceMean", {s.add("Mul", {x, x}), s.constant(axes)});
  ir::Value* root = s.add("Sqrt", {s.add("Add", {mean, s.scalar(DType::f32, epsilon)})});
  s.results.push_back(s.add("Reciprocal", {root}));
}

// Outputs: normalized, mean, 1 / deviation, the sum that was normalized.
void skip_layer_norm(Step& s) {
  ir::Value* x = sum(s, sum(s, s.input(0), s.input(1)), s.input(4));
  std::vector<ir::Value*> inputs = {x, s.input(2)};
  if (s.input(3)) inputs.push_back(s.input(3));
  const size_t made = s.outputs == 2 || s.outputs == 3 ? s.outputs : 1;
  s.results = s.add("LayerNormalization", inputs,
                    {{"axis", int64_t{-1}}, {"epsilon", s.attributes.real("epsilon", 1e-12f)}}, made)
                  ->producer()
                  ->outputs();
  s.results.resize(3, nullptr);
  s.results.push_back(x);
}

void skip_simplified_layer_norm(Step& s) {
  ir::Value* x = sum(s, sum(s, s.input(0), s.input(1)), s.input(3));
  ir::Value* y = s.add("RMSNormalization", {x, s.input(2)},
                       {{"axis", int64_t{-1}}, {"epsilon", s.attributes.real("epsilon", 1e-12f)}});
  s.results = {y, nullptr, nullptr, x};
}

// Inputs: words, segments, embeddings of words, positions and segments, scale, bias, mask, positions.
// Outputs: normalized, number of words that the mask keeps, the sum that was normalized.
void embed_layer_norm(Step& s) {
  enum : size_t { kWords, kSegments, kWordTable, kPositionTable, kSegmentTable, kScale, kBias, kMask, kPositions };
  if ((s.input(kSegments) != nullptr) != (s.input(kSegmentTable) != nullptr))
    return s.fail(s.error("segment_ids and segment_embedding must be given together"));
  ir::Value* x = s.add("Gather", {s.input(kWordTable), s.input(kWords)});
  ir::Value* positions = s.input(kPositions) ? s.input(kPositions) : count_to(s, size_of(s, s.input(kWords), 1));
  x = s.add("Add", {x, s.add("Gather", {s.input(kPositionTable), positions})});
  if (s.input(kSegments)) x = s.add("Add", {x, s.add("Gather", {s.input(kSegmentTable), s.input(kSegments)})});
  ir::Value* y = s.add("LayerNormalization", {x, s.input(kScale), s.input(kBias)},
                       {{"axis", int64_t{-1}}, {"epsilon", s.attributes.real("epsilon", 1e-12f)}});
  s.results = {y};
  if (s.outputs < 2) return;
  ir::Value* mask = s.input(kMask);
  if (!mask) mask = times(s, cast(s, s.input(kWords), DType::i32), 0);
  const ir::Attributes flat = {{"keepdims", int64_t{0}}};
  s.results.push_back(s.add("ReduceSum", {cast(s, mask, DType::i32), s.constant({1})}, flat));
  s.results.push_back(x);
}

// In the order of their first places.
void unique(Step& s) {
  const std::vector<ir::Value*> made =
      s.add("Unique", {s.input(0)}, {{"sorted", int64_t{0}}}, 4)->producer()->outputs();
  s.results = {made[0], made[2], made[3]};
}

namespace {

// The standard's DFT of one of the signal's dimensions.
ir::Value* transform(Step& s, ir::Value* x, int64_t axis, bool inverse, bool onesided) {
  if (!s.status.ok()) return x;
  Step inner(s.graph, "DFT", 20);
  inner.name = s.name;
  inner.inputs = {x, nullptr, s.scalar(DType::i64, static_cast<double>(axis))};
  inner.attributes = {{"inverse", int64_t{inverse}}, {"onesided", int64_t{onesided}}};
  s.fail(vivace::onnx::convert(inner));
  return inner.results.empty() ? x : inner.results[0];
}

bool checked_signal(Step& s, int64_t& dims, int rank) {
  dims = s.attributes.integer("signal_ndim", 1);
  if (s.attributes.integer("normalized") != 0) s.fail(s.unsupported("normalized transforms"));
  if (s.attributes.integer("onesided", 1) != 1) s.fail(s.unsupported("transforms of both sides"));
  if (rank < 0) s.fail(s.unsupported("the rank of its input must be known"));
  if (dims < 1 || dims > rank) s.fail(s.error("signal_ndim is out of range"));
  return s.status.ok();
}

}  // namespace

// The last signal_ndim dimensions; the last of them keeps one side.
void rfft(Step& s) {
  int64_t dims = 1;
  if (!checked_signal(s, dims, s.rank(0))) return;
  ir::Value* y = transform(s, unsqueezed(s, s.input(0), {-1}), -2, false, true);
  for (int64_t d = 1; d < dims; ++d) y = transform(s, y, -2 - d, false, false);
  s.results = {y};
}

// The other side of the last dimension are the conjugates of this one's inner elements, backwards.
void irfft(Step& s) {
  int64_t dims = 1;
  if (!checked_signal(s, dims, s.rank(0) - 1)) return;
  ir::Value* x = s.input(0);
  for (int64_t d = 1; d < dims; ++d) x = transform(s, x, -2 - d, true, false);
  const auto cut = [&](ir::Value* from, int64_t axis, int64_t begin, int64_t end, int64_t step) {
    return s.add("Slice", {from, s.constant({begin}), s.constant({end}), s.constant({axis}), s.constant({step})});
  };
  const int64_t bins = known_size(s, x, static_cast<size_t>(s.rank(0) - 2), "the length of its signals");
  if (!s.status.ok()) return;
  if (bins < 2) return s.fail(s.unsupported("a signal of one frequency"));
  ir::Value* inner = cut(x, -2, bins - 2, 0, -1);
  ir::Value* conjugate = joined(s, {cut(inner, -1, 0, 1, 1), s.add("Neg", {cut(inner, -1, 1, 2, 1)})}, -1);
  ir::Value* y = transform(s, joined(s, {x, conjugate}, -2), -2, true, false);
  s.results = {s.add("Squeeze", {cut(y, -1, 0, 1, 1), s.constant({-1})})};
}

}  // namespace vivace::onnx::contrib
