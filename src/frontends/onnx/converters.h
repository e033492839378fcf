// Converters of older operator forms, one for each change of the standard. Each turns the form before the change into
// the one after it; upgrade.cc says which change came with which opset.
#pragma once

#include "frontends/onnx/upgrade.h"

namespace vivace::onnx {

// converters_inputs.cc: attributes that became inputs.
void axes_to_input(Step&);            // Squeeze, Unsqueeze, Reduce*
void clip_bounds_to_inputs(Step&);
void dft_axis_to_input(Step&);
void pad_names(Step&);                // `paddings` was renamed `pads`
void pads_to_inputs(Step&);
void reshape_shape_to_input(Step&);
void slice_bounds_to_inputs(Step&);
void split_sizes_to_input(Step&);
void split_count(Step&);              // an even split is asked for by num_outputs
void tile_axis_to_repeats(Step&);
void topk_count_to_input(Step&);
void upsample_sides_to_scales(Step&);
void upsample_scales_to_input(Step&);

// converters_meaning.cc: operators whose meaning, names or defaults changed.
void batch_normalization_modes(Step&);   // is_test
void batch_normalization_spatial(Step&);
void batch_normalization_training(Step&);
void binary_broadcast(Step&);            // B laid along A from `axis` on
void cast_name_to_number(Step&);
void concat_axis(Step&);
void dropout_is_inference(Step&);
void grid_sample_modes(Step&);
void group_normalization_per_channel(Step&);
void lp_norm_to_integer(Step&);
void prelu_slope_per_channel(Step&);
void resize_asymmetric(Step&);
void resize_optional_inputs(Step&);
void roi_align_half_pixel(Step&);
void rnn_output_sequence(Step&);
void scan_per_batch(Step&);
void scatter_renamed(Step&);
void selu_constants(Step&);
void softmax_over_flattened(Step&);
void upsample_to_resize(Step&);

// converters_meaning.cc: operators of the first opsets that are combinations of others now.
void affine(Step&);
void crop(Step&);
void image_scaler(Step&);
void parametric_softplus(Step&);
void scaled_tanh(Step&);

// converters_functions.cc: operators that are combinations of others in every opset.
void blackman_window(Step&);
void hamming_window(Step&);
void hann_window(Step&);
void negative_log_likelihood_loss(Step&);
void softmax_cross_entropy_loss(Step&);

// converters_labels.cc: encoders of labels before they had lists of keys and values.
void category_mapper(Step&);
void label_encoder_keys(Step&);

// converters_signals.cc: so are these, which are products with waves.
void dft(Step&);
void mel_weight_matrix(Step&);
void stft(Step&);

// converters_attention.cc
void flex_attention(Step&);

// converters_types.cc: element types that no kernel takes.
void attention_integer_mask(Step&);
void col2im_bool(Step&);
void qlinear_matmul_floats(Step&);
void resize_bool(Step&);

// converters_training.cc: steps of optimizers.
void adagrad(Step&);
void adam(Step&);
void momentum(Step&);

}  // namespace vivace::onnx
