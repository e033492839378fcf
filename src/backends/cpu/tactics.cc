// The manifest of tactics. Order matters only where estimates tie; the reference comes last.
#include <algorithm>

#include "backends/cpu/tactic.h"

namespace vivace::cpu {

// Each row is defined in rows/, beside its peers.
#define VIVACE_TACTICS(ROW) \
  ROW(conv_stem)            \
  ROW(conv_depthwise)       \
  ROW(conv_grouped)         \
  ROW(conv_winograd4)       \
  ROW(conv_winograd2)       \
  ROW(conv_direct)          \
  ROW(onednn_conv)          \
  ROW(inverted_residual)    \
  ROW(pool)                 \
  ROW(matmul_packed)        \
  ROW(matmul_nbits)         \
  ROW(matmul)               \
  ROW(int8_matmul)          \
  ROW(int8_conv)            \
  ROW(conv_transpose)       \
  ROW(deform_conv)          \
  ROW(pointwise)            \
  ROW(quantize)             \
  ROW(dynamic_quantize)     \
  ROW(cast)                 \
  ROW(softmax)              \
  ROW(layer_norm)           \
  ROW(group_norm)           \
  ROW(reduce)               \
  ROW(reduce_groups)        \
  ROW(attention)            \
  ROW(rotary)               \
  ROW(lstm)                 \
  ROW(gru)                  \
  ROW(rnn)                  \
  ROW(copy)                 \
  ROW(gather)               \
  ROW(gather_elements)      \
  ROW(scatter)              \
  ROW(pad)                  \
  ROW(resize)               \
  ROW(grid_sample)          \
  ROW(roi_align)            \
  ROW(arg)                  \
  ROW(top_k)                \
  ROW(running_sum)          \
  ROW(where)                \
  ROW(concat)               \
  ROW(reorder)              \
  ROW(plugin)               \
  ROW(reference)

#define DECLARE(row) extern const Tactic row##_tactic;
VIVACE_TACTICS(DECLARE)
#undef DECLARE

std::span<const Tactic* const> all_tactics() {
#define ADDRESS(row) &row##_tactic,
  static const Tactic* const rows[] = {VIVACE_TACTICS(ADDRESS)};
#undef ADDRESS
  return rows;
}

const Tactic* find_tactic(std::string_view name) {
  for (const Tactic* tactic : all_tactics())
    if (tactic->name == name) return tactic;
  return nullptr;
}

}  // namespace vivace::cpu
