// Scaled dot-product attention, and the cell steps of recurrent networks, f32.
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

/// The steps of LSTM and GRU work on `rows` rows of `hidden` units. `gates` holds what the products with input and
/// state and the biases add up to, gate after gate: [rows][gate][hidden].
struct AttentionKernels {
  /// Floats of scratch for a pool of so many threads.
  int64_t (*scratch_size)(const AttentionProblem& problem, int threads);
  /// mask: added to the scaled products; or null. A query that sees no key gives zeros.
  void (*run)(const AttentionProblem& problem, const float* q, const float* k, const float* v, const float* mask,
              float* out, float* scratch, ThreadPool& pool);
  /// Gates i, o, f, c in ONNX's order: c = f * c + i * tanh(g), h = o * tanh(c). peephole: [3][hidden] for i, o, f, or
  /// null. cell is updated in place.
  void (*lstm_step)(const float* gates, const float* peephole, float* cell, float* h, int64_t rows, int64_t hidden,
                    ThreadPool& pool);
  /// Gates z, r, h in ONNX's order. h = (1 - z) * n + z * h_before, where n = tanh(input_n + r * state_n): `gates`
  /// holds z, r and input_n, state: [rows][hidden], the state's share of the third gate (linear_before_reset).
  void (*gru_step)(const float* gates, const float* state, const float* before, float* h, int64_t rows, int64_t hidden,
                   ThreadPool& pool);
  /// The first half of the GRU that resets before its product: reset = r * before, to be multiplied and added to the
  /// third gate.
  void (*gru_reset)(const float* gates, const float* before, float* reset, int64_t rows, int64_t hidden,
                    ThreadPool& pool);
  /// The second half: h = (1 - z) * tanh(third gate) + z * before.
  void (*gru_update)(const float* gates, const float* before, float* h, int64_t rows, int64_t hidden, ThreadPool& pool);
};
const AttentionKernels& attention_kernels(Isa isa);

}  // namespace vivace::cpu
