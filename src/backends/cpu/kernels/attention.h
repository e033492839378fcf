// Scaled dot-product attention, f32.
#pragma once

#include <cstdint>

#include "backends/cpu/isa.h"

namespace vivace {
class ThreadPool;
}

namespace vivace::cpu {

/// out = softmax(scale * Q K^T + mask) V for every batch and head. Strides count floats, so that [B, H, S, D] and
/// [B, S, H, D] both fit; D and the value width are contiguous.
struct AttentionProblem {
  int64_t batch = 1, heads = 1;
  int64_t queries = 0, keys = 0, depth = 0, values = 0;  // values: columns of V
  int64_t kv_heads = 0;                                  // 0: as many as heads; else heads share keys in equal groups
  struct Strides {
    int64_t batch = 0, head = 0, row = 0;
  } q, k, v, out;
  struct MaskStrides {
    int64_t batch = 0, head = 0, query = 0, key = 0;  // 0 broadcasts
  } mask;
  float scale = 1;
  bool causal = false;
  int64_t position = 0;  // where causal: query i sees keys 0 to position + i
};

struct AttentionKernels {
  /// Floats of scratch for a pool of so many threads.
  int64_t (*scratch_size)(const AttentionProblem& problem, int threads);
  /// mask: added to the scaled products; or null. A query that sees no key gives zeros.
  void (*run)(const AttentionProblem& problem, const float* q, const float* k, const float* v, const float* mask,
              float* out, float* scratch, ThreadPool& pool);
};
const AttentionKernels& attention_kernels(Isa isa);

}  // namespace vivace::cpu
