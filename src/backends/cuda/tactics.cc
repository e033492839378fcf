// The manifest of the GPU's tactics: a row's file, one line each here.
#include "backends/cuda/tactic.h"

namespace vivace::cuda {

#define VIVACE_TACTICS(T)   \
  T(conv_mma_tactic)        \
  T(conv_persistent_tactic) \
  T(conv_depthwise_tactic)  \
  T(conv_stem_tactic)       \
  T(conv_grouped_tactic)    \
  T(conv_last_tactic)       \
  T(conv_taps_tactic)       \
  T(conv_implicit_tactic)   \
  T(conv_direct_tactic)     \
  T(conv_apart_tactic)      \
  T(conv_transposed_tactic) \
  T(squeeze_excite_tactic)  \
  T(inverted_tactic)        \
  T(matmul_mma_tactic)      \
  T(matmul_rows_tactic)     \
  T(matmul_tiled_tactic)    \
  T(attention_mma_tactic)   \
  T(attention_tactic)       \
  T(attention_any_tactic)   \
  T(softmax_tactic)         \
  T(layer_norm_tactic)      \
  T(group_norm_last_tactic) \
  T(group_norm_tactic)      \
  T(lrn_tactic)             \
  T(scan_tactic)            \
  T(reduce_tactic)          \
  T(recurrent_tactic)       \
  T(rotary_tactic)          \
  T(state_attention_tactic) \
  T(causal_conv_tactic)     \
  T(integer_product_tactic) \
  T(dynamic_quant_tactic)   \
  T(pool_tactic)            \
  T(reorder_tactic)         \
  T(move_channels_tactic)   \
  T(move_last_tactic)       \
  T(copy_tactic)            \
  T(concat_tactic)          \
  T(gather_tactic)          \
  T(scatter_tactic)         \
  T(tensor_scatter_tactic)  \
  T(resize_tactic)          \
  T(top_k_tactic)           \
  T(fill_tactic)            \
  T(grid_tactic)            \
  T(roi_tactic)             \
  T(unpool_tactic)          \
  T(deform_conv_tactic)     \
  T(einsum_tactic)          \
  T(det_tactic)             \
  T(fourier_tactic)         \
  T(random_tactic)          \
  T(tfidf_tactic)           \
  T(pointwise_tactic)       \
  T(quantize_tactic)        \
  T(cublaslt_matmul_tactic) \
  T(cudnn_conv_tactic)      \
  T(plugin_tactic)

#define VIVACE_DECLARE(name) extern const Tactic name;
VIVACE_TACTICS(VIVACE_DECLARE)
#undef VIVACE_DECLARE

std::span<const Tactic* const> all_tactics() {
#define VIVACE_LIST(name) &name,
  static const Tactic* const kAll[] = {VIVACE_TACTICS(VIVACE_LIST)};
#undef VIVACE_LIST
  return kAll;
}

const Tactic* find_tactic(std::string_view name) {
  for (const Tactic* tactic : all_tactics())
    if (tactic->name == name) return tactic;
  return nullptr;
}

double roofline_seconds(double flops, double bytes, double efficiency, const Device& device) {
  // Two operations of 128 lanes a cycle and multiprocessor; a launch within a graph.
  constexpr double kClock = 1.7e9, kLaunch = 1.5e-6, kBytesPerSecond = 2.5e12;
  const double peak = 2 * 128 * kClock * device.multiprocessors;
  return kLaunch + std::max(flops / (peak * efficiency), bytes / kBytesPerSecond);
}

}  // namespace vivace::cuda
