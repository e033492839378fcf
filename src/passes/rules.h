// Every rule and pass, by the file it lives in; pipeline.cc puts them in order.
#pragma once

#include "passes/rule.h"

namespace vivace::passes {

// fold_constants.cc
Result<int> fold_constants(ir::Graph& graph, PassContext& context);
Result<int> fold_shapes(ir::Graph& graph, PassContext& context);

// clean_up.cc
Result<int> inline_constant_ifs(ir::Graph& graph, PassContext& context);
Result<int> eliminate_common_subexpressions(ir::Graph& graph, PassContext& context);
Result<int> eliminate_dead_code(ir::Graph& graph, PassContext& context);
Result<int> sink_constants_into_subgraphs(ir::Graph& graph, PassContext& context);

// loops.cc
Result<int> hoist_loop_invariants(ir::Graph& graph, PassContext& context);
Result<int> eliminate_unused_captures(ir::Graph& graph, PassContext& context);
// unroll.cc
Result<int> unroll_short_loops(ir::Graph& graph, PassContext& context);

// simplify.cc
extern const Rule eliminate_identity, eliminate_dropout, eliminate_cast, eliminate_view, eliminate_slice, eliminate_pad,
    eliminate_pool, eliminate_zero_state, eliminate_single_input, eliminate_neutral_operand, unit_transpose_to_reshape,
    merge_transposes, merge_views, sink_transposes, transpose_residual, select_constant_where;

// sequences.cc
extern const Rule resolve_split_to_sequence, resolve_sequence_at, resolve_sequence_length, resolve_concat_from_sequence,
    resolve_optional;

// algebra.cc
extern const Rule power_to_products, divide_to_multiply, subtract_to_add, merge_scalar_factors, merge_added_constants,
    reduce_mean_to_global_pool, average_pool_to_global_pool;

// einsum.cc
extern const Rule einsum_to_products;

// recognise_activation.cc
extern const Rule recognise_relu, recognise_clip, recognise_leaky_relu, recognise_swish, recognise_hard_sigmoid,
    recognise_hard_swish, recognise_gelu, recognise_gelu_tanh;

// recognise_norm.cc
extern const Rule recognise_softmax, recognise_layer_norm, recognise_rms_norm, recognise_instance_norm,
    recognise_group_norm, fold_scale_into_norm, fold_bias_into_norm;

// recognise_attention.cc
extern const Rule recognise_attention, recognise_causal_attention;
// attention_heads.cc
extern const Rule attention_without_transposes;

// fold_weights.cc
extern const Rule fold_batch_norm_into_conv, batch_norm_to_scale_and_shift, fold_scale_into_conv, fold_bias_into_conv,
    fold_input_scale_into_conv, fold_pad_into_conv, fold_scale_into_matmul, distribute_scale_over_bias,
    move_scale_before_transpose;

// fuse.cc
extern const Rule conv_to_fused, matmul_to_fused, gemm_to_fused, fuse_bias, fuse_scale, fuse_transposed_operand,
    fuse_residual, fuse_activation, hoist_reshape_over_matmul;

// fuse_blocks.cc: not of the pipeline, see fuse_blocks.h
extern const Rule fuse_squeeze_excite, fuse_inverted_residual, fuse_expanded_depthwise, fuse_pooled_conv;

// merge_siblings.cc
Result<int> merge_sibling_convolutions(ir::Graph& graph, PassContext& context);
Result<int> merge_sibling_matmuls(ir::Graph& graph, PassContext& context);

// fuse_pointwise.cc
Result<int> fuse_pointwise(ir::Graph& graph, PassContext& context);

}  // namespace vivace::passes
