// Matrix products whose weights are integers of a few bits, in blocks that share a scale and a zero point.
#pragma once

#include <cstdint>

#include "backends/cpu/isa.h"

namespace vivace {
class ThreadPool;
}

namespace vivace::cpu {

/// C[m][n] = sum_k A[m][k] W[n][k] + bias[n], W = (q - zero) * scale. q lie as rows of n: `blocks` blocks of `block`
/// numbers, the last one filled up, in bytes whose low bits come first. One scale for each block of each row; zero
/// points are bytes packed as q are, each row from a byte on, or floats, or 2^(bits - 1).
struct NbitsProblem {
  int64_t m = 0, n = 0, k = 0;
  int64_t block = 0, blocks = 0;
  int bits = 4;  // 2, 4 or 8
  const float* a = nullptr;
  const uint8_t* q = nullptr;
  const float* scales = nullptr;
  const uint8_t* zeros = nullptr;     // or null
  const float* real_zeros = nullptr;  // or null
  const float* bias = nullptr;        // or null
  float* c = nullptr;
};

/// Results do not depend on the number of threads.
struct NbitsKernels {
  /// Whether `run` does problems with blocks of such a size.
  bool (*takes)(int bits, int64_t block);
  /// Floats of scratch for `run`.
  int64_t (*scratch_size)(const NbitsProblem& problem);
  /// The product for few rows of A: W becomes floats in registers only.
  void (*run)(const NbitsProblem& problem, float* scratch, ThreadPool& pool);
  /// Rows [begin, begin + count) of W as floats, each of k.
  void (*expand)(const NbitsProblem& problem, int64_t begin, int64_t count, float* w, ThreadPool& pool);
};
const NbitsKernels& nbits_kernels(Isa isa);

}  // namespace vivace::cpu
