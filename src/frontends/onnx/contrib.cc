// The table of ONNX Runtime's operators that are read as others.
#include "frontends/onnx/contrib.h"

namespace vivace::onnx {

namespace {

constexpr Composition kCompositions[] = {
    {"SimplifiedLayerNormalization", "xx", contrib::simplified_layer_norm, "RMSNormalization"},
    {"com.microsoft.Attention", "xx-----", contrib::attention, "Attention"},
    {"com.microsoft.BiasAdd", "xxx", contrib::bias_add, "Add"},
    {"com.microsoft.BiasDropout", "xx---", contrib::bias_dropout, "Add"},
    {"com.microsoft.BiasGelu", "xx", contrib::bias_gelu, "Gelu"},
    {"com.microsoft.BiasSoftmax", "xx", contrib::bias_softmax, "Softmax"},
    {"com.microsoft.BiasSplitGelu", "xx", contrib::bias_split_gelu, "Gelu"},
    {"com.microsoft.CDist", "xx", contrib::cdist, "MatMul"},
    {"com.microsoft.ConvTransposeWithDynamicPads", "xx--", contrib::conv_transpose_with_pads, "ConvTranspose"},
    {"com.microsoft.DecoderMaskedMultiHeadAttention", "x----------", contrib::decoder_masked_attention, "Attention"},
    {"com.microsoft.DequantizeLinear", "xx-", contrib::standard, "DequantizeLinear"},
    {"com.microsoft.DynamicQuantizeLSTM", "xxx-----xxxx", contrib::dynamic_quantize_lstm, "LSTM"},
    {"com.microsoft.DynamicQuantizeMatMul", "xxx--", contrib::dynamic_quantize_matmul, "MatMulInteger"},
    {"com.microsoft.EmbedLayerNormalization", "x-xx-xx--", contrib::embed_layer_norm, "LayerNormalization"},
    {"com.microsoft.ExpandDims", "xx", contrib::expand_dims, "Unsqueeze"},
    {"com.microsoft.FastGelu", "x-", contrib::fast_gelu, "Gelu"},
    {"com.microsoft.FusedConv", "xx--", contrib::fused_conv, "Conv"},
    {"com.microsoft.FusedGemm", "xx-", contrib::fused_gemm, "Gemm"},
    {"com.microsoft.FusedMatMul", "xx", contrib::fused_matmul, "MatMul"},
    {"com.microsoft.FusedMatMulActivation", "xx", contrib::fused_matmul, "MatMul"},
    {"com.microsoft.GatherBlockQuantized", "xxx-", contrib::gather_block_quantized, "Gather"},
    {"com.microsoft.GatherND", "xx", contrib::standard, "GatherND"},
    {"com.microsoft.Gelu", "x", contrib::standard, "Gelu"},
    {"com.microsoft.GemmFastGelu", "xx-", contrib::gemm_fast_gelu, "MatMul"},
    {"com.microsoft.GridSample", "xx", contrib::grid_sample, "GridSample"},
    {"com.microsoft.GroupNorm", "xxx", contrib::group_norm, "GroupNormalization"},
    {"com.microsoft.GroupQueryAttention", "x----xx---------", contrib::group_query_attention, "Attention"},
    {"com.microsoft.Irfft", "x", contrib::irfft, "MatMul"},
    {"com.microsoft.MatMulIntegerToFloat", "xxxx---", contrib::matmul_integer_to_float, "MatMulInteger"},
    {"com.microsoft.MulInteger", "x-x-", contrib::mul_integer, "Mul"},
    {"com.microsoft.MultiHeadAttention", "x---------", contrib::multi_head_attention, "Attention"},
    {"com.microsoft.NhwcConv", "xx-", contrib::nhwc_conv, "Conv"},
    {"com.microsoft.NhwcFusedConv", "xx--", contrib::nhwc_conv, "Conv"},
    {"com.microsoft.NhwcMaxPool", "x", contrib::nhwc_max_pool, "MaxPool"},
    {"com.microsoft.Pad", "xx-", contrib::pad, "Pad"},
    {"com.microsoft.QAttention", "xxxxx----", contrib::quantized_attention, "Attention"},
    {"com.microsoft.QGemm", "xxxxxx---", contrib::qgemm, "MatMulInteger"},
    {"com.microsoft.QLinearAdd", "xx-xx-x-", contrib::qlinear_binary, "Add"},
    {"com.microsoft.QLinearAveragePool", "xx-x-", contrib::qlinear_average_pool, "AveragePool"},
    {"com.microsoft.QLinearConcat", "xxxxx*", contrib::qlinear_concat, "Concat"},
    {"com.microsoft.QLinearConv", "xxxxxxxx-", contrib::qlinear_conv, "QLinearConv"},
    {"com.microsoft.QLinearGlobalAveragePool", "xxxxx", contrib::qlinear_global_average_pool, "GlobalAveragePool"},
    {"com.microsoft.QLinearLeakyRelu", "xx-x-", contrib::qlinear_unary, "LeakyRelu"},
    {"com.microsoft.QLinearMul", "xx-xx-x-", contrib::qlinear_binary, "Mul"},
    {"com.microsoft.QLinearReduceMean", "xx-x-", contrib::qlinear_reduce_mean, "ReduceMean"},
    {"com.microsoft.QLinearSigmoid", "xx-x-", contrib::qlinear_unary, "Sigmoid"},
    {"com.microsoft.QLinearSoftmax", "xx-xx", contrib::qlinear_softmax, "Softmax"},
    {"com.microsoft.QLinearWhere", "xxxxxxxxx", contrib::qlinear_where, "Where"},
    {"com.microsoft.QuantizeLinear", "xx-", contrib::standard, "QuantizeLinear"},
    {"com.microsoft.QuickGelu", "x", contrib::quick_gelu, "Swish"},
    {"com.microsoft.Range", "xx-", contrib::range, "Range"},
    {"com.microsoft.ReduceSumInteger", "x", contrib::reduce_sum_integer, "ReduceSum"},
    {"com.microsoft.Rfft", "x", contrib::rfft, "MatMul"},
    {"com.microsoft.RotaryEmbedding", "xxxx", contrib::rotary_embedding, "RotaryEmbedding"},
    {"com.microsoft.SampleOp", "x", contrib::standard, "Identity"},
    {"com.microsoft.SimplifiedLayerNormalization", "xx", contrib::simplified_layer_norm, "RMSNormalization"},
    {"com.microsoft.SkipGroupNorm", "xxxx-", contrib::skip_group_norm, "GroupNormalization"},
    {"com.microsoft.SkipLayerNormalization", "xxx--", contrib::skip_layer_norm, "LayerNormalization"},
    {"com.microsoft.SkipSimplifiedLayerNormalization", "xxx-", contrib::skip_simplified_layer_norm, "RMSNormalization"},
    {"com.microsoft.TransposeMatMul", "xx", contrib::fused_matmul, "MatMul"},
    {"com.microsoft.Trilu", "x-", contrib::standard, "Trilu"},
    {"com.microsoft.Unique", "x", contrib::unique, "Unique"},
};

}  // namespace

const Composition* find_composition(std::string_view op) {
  for (const Composition& row : kCompositions)
    if (row.op == op) return &row;
  return nullptr;
}

void compose(Step& s, const Composition& row) {
  while (!s.inputs.empty() && !s.inputs.back()) s.inputs.pop_back();
  const bool more = row.inputs.ends_with('*');
  const std::string_view pattern = row.inputs.substr(0, row.inputs.size() - (more ? 1 : 0));
  for (size_t i = 0; i < pattern.size(); ++i)
    if (pattern[i] == 'x' && !s.input(i)) return s.fail(s.error("input " + std::to_string(i) + " is required"));
  if (s.inputs.size() > pattern.size() && !more)
    return s.fail(s.error("it has " + std::to_string(s.inputs.size()) + " inputs; it takes at most " +
                          std::to_string(pattern.size())));
  for (const ir::Value* input : s.inputs)
    if (input && input->type.kind != ir::Kind::tensor) return s.fail(s.error("its inputs must be tensors"));
  const std::string op = s.op;
  row.convert(s);
  if (s.status.ok()) return;
  s.op = op;
  // Inference speaks of one of the operators it is made of.
  const std::string& what = s.status.message();
  const std::string own = "node '" + s.name + "' (";
  if (!what.starts_with(own)) return;
  const size_t end = what.find("): ", own.size());
  if (end == std::string::npos) return;
  s.status = {s.status.code(), "its " + what.substr(own.size(), end - own.size()) + what.substr(end + 1)};
}

void contrib::standard(Step& s) {
  s.op = std::string(find_composition(s.op)->becomes);
  s.emit();
}

}  // namespace vivace::onnx
