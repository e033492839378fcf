// Recurrent layers, f32: the state's share of the gates and the cells, over all steps.
#pragma once

#include <cstdint>

#include "backends/cpu/isa.h"

namespace vivace {
class ThreadPool;
}

namespace vivace::cpu {

/// With gates in ONNX's order. x: what the input's and the state's products and the biases of a gate add up to; h', c':
/// before the step; p: peepholes, zero where there are none.
enum class RecurrentCell {
  lstm,       ///< i = sigmoid(x + p c'), o, f, g = tanh(x): c = f c' + i g, o = sigmoid(x + p c), h = o tanh(c)
  gru,        ///< z = sigmoid(x), r, n = tanh(input's share + r * state's share): h = (1 - z) n + z h'
  gru_reset,  ///< the same, where the state's share of n is the product with r * h'
  tanh,       ///< h = tanh(x)
  relu,       ///< h = max(0, x)
};
constexpr int gates_of(RecurrentCell cell) {
  return cell == RecurrentCell::lstm ? 4 : cell == RecurrentCell::gru || cell == RecurrentCell::gru_reset ? 3 : 1;
}

struct RecurrentProblem {
  RecurrentCell cell = RecurrentCell::lstm;
  int64_t steps = 0, batch = 0, hidden = 0;
  int64_t directions = 1;       // the second of two goes backwards
  bool first_reversed = false;  // so does the only one
};

struct RecurrentData {
  const float* gates;       // [steps][batch][directions][gate][hidden]: the input's share, with the biases
  const float* weights;     // as `pack` wrote them, one direction after another
  const float* state_bias;  // gru: [directions][hidden], the bias inside of n's state's share; null: zero
  const float* peephole;    // lstm: [directions][3][hidden] for i, o, f, or null
  const float *h, *c;       // before the first step, [directions][batch][hidden]; null: zeros
  float* y;                 // h of all steps, [steps][directions][batch][hidden], or null
  float *last_h, *last_c;   // after the last step, [directions][batch][hidden], or null
  float* scratch;
};

/// Results do not depend on the number of threads.
struct RecurrentKernels {
  /// Floats that `pack` writes for one direction.
  int64_t (*packed_size)(RecurrentCell cell, int64_t hidden);
  /// r: [gate][hidden][hidden], ONNX's R of one direction.
  void (*pack)(RecurrentCell cell, const float* r, int64_t hidden, float* packed);
  /// Floats.
  int64_t (*scratch_size)(const RecurrentProblem& problem);
  void (*run)(const RecurrentProblem& problem, const RecurrentData& data, ThreadPool& pool);
};
const RecurrentKernels& recurrent_kernels(Isa isa);

}  // namespace vivace::cpu
