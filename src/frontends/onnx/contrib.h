// Operators of ONNX Runtime (domain com.microsoft) that are combinations of the standard's.
#pragma once

#include "frontends/onnx/upgrade.h"

namespace vivace::onnx {

struct Composition {
  std::string_view op;      // qualified
  std::string_view inputs;  // one character each: x must be there, - may be; a * at the end: any number more
  void (*convert)(Step&);
  std::string_view becomes;  // one of the operators it is made of
};

/// nullptr where the operator is none.
const Composition* find_composition(std::string_view op);

/// Checks the inputs and runs the row's converter, whose results it checks.
void compose(Step&, const Composition&);

// What converters are written with (contrib_steps.cc).
ir::Value* cast(Step&, ir::Value* x, DType type);
ir::Value* transposed(Step&, ir::Value* x, std::vector<int64_t> perm);
ir::Value* reshaped(Step&, ir::Value* x, std::vector<int64_t> shape);  // 0: as it is, -1: what is left
ir::Value* unsqueezed(Step&, ir::Value* x, std::vector<int64_t> axes);
ir::Value* sliced(Step&, ir::Value* x, int64_t axis, ir::Value* begin, ir::Value* end);  // bounds i64 [1]
ir::Value* times(Step&, ir::Value* x, double factor);                                    // x itself where that is 1
ir::Value* size_of(Step&, ir::Value* x, int64_t axis);  // i64 [1], a constant where it is known
ir::Value* joined(Step&, std::vector<ir::Value*> parts, int64_t axis);
ir::Value* count_to(Step&, ir::Value* end);  // i64 [1] -> 0, 1, ... below it
std::vector<ir::Value*> split(Step&, ir::Value* x, int64_t axis, const std::vector<int64_t>& sizes);
/// Two dimensions swapped, or channels moved to the end and back.
ir::Value* channels_last(Step&, ir::Value* x);
ir::Value* channels_first(Step&, ir::Value* x);
/// Dimension i of x where it is a known number; else the step fails.
int64_t known_size(Step&, const ir::Value* x, size_t axis, const char* what);
/// An activation by the name that fused operators give it; "" is none. parameters: its attributes in the standard's
/// order, defaults where they are missing.
ir::Value* activated(Step&, ir::Value* x, const std::string& name, const std::vector<float>& parameters);
/// Quantized <-> numbers; a missing zero point is 0 of `type`.
ir::Value* dequantized(Step&, ir::Value* x, ir::Value* scale, ir::Value* zero, int64_t axis = 1);
ir::Value* quantized(Step&, ir::Value* x, ir::Value* scale, ir::Value* zero, DType type, int64_t axis = 1);

// converters_contrib.cc
namespace contrib {
void standard(Step&);  // the standard's operator of that name means the same
void bias_add(Step&);
void bias_dropout(Step&);
void bias_gelu(Step&);
void bias_softmax(Step&);
void bias_split_gelu(Step&);
void cdist(Step&);
void conv_transpose_with_pads(Step&);
void expand_dims(Step&);
void fast_gelu(Step&);
void fused_conv(Step&);
void fused_gemm(Step&);
void fused_matmul(Step&);
void gemm_fast_gelu(Step&);
void grid_sample(Step&);
void group_norm(Step&);
void mul_integer(Step&);
void nhwc_conv(Step&);
void nhwc_max_pool(Step&);
void pad(Step&);
void quick_gelu(Step&);
void range(Step&);
void reduce_sum_integer(Step&);
void embed_layer_norm(Step&);
void simplified_layer_norm(Step&);
void skip_group_norm(Step&);
void skip_layer_norm(Step&);
void skip_simplified_layer_norm(Step&);
void unique(Step&);
void rfft(Step&);
void irfft(Step&);

// converters_contrib_attention.cc
void attention(Step&);
void decoder_masked_attention(Step&);
void multi_head_attention(Step&);
void quantized_attention(Step&);
void rotary_embedding(Step&);

// converters_contrib_group_query.cc
void group_query_attention(Step&);

// converters_contrib_quantized.cc
void dynamic_quantize_lstm(Step&);
void dynamic_quantize_matmul(Step&);
void gather_block_quantized(Step&);
void matmul_integer_to_float(Step&);
void qgemm(Step&);
void qlinear_average_pool(Step&);
void qlinear_binary(Step&);
void qlinear_concat(Step&);
void qlinear_conv(Step&);
void qlinear_global_average_pool(Step&);
void qlinear_reduce_mean(Step&);
void qlinear_softmax(Step&);
void qlinear_unary(Step&);
void qlinear_where(Step&);
}  // namespace contrib

}  // namespace vivace::onnx
