// What the rows of attention share: Q, K and V wherever they lie.
#pragma once

#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

/// Attention, or vivace.PackedAttention, whose Q, K and V are columns of wider tensors.
struct AttentionJob : cpu::AttentionProblem {
  struct Part {
    int input = 0;
    int64_t begin = 0;  // elements before its first
  } parts[3];           // Q, K, V
  int mask_input = -1;  // -1: no mask
};

Verdict attention_job(const Problem& p, DType type, AttentionJob& job);

/// The mask's type in C, or that of Q.
const char* mask_type(const Problem& p, const AttentionJob& job);
/// Q, K, V, the mask (or Q again) and the output.
std::vector<Argument> attention_arguments(const Problem& p, const AttentionJob& job);

}  // namespace vivace::cuda
