// Matrix products C = epilogue(alpha * A B), f32.
#pragma once

#include "backends/cpu/isa.h"
#include "backends/cpu/kernels/epilogue.h"

namespace vivace {
class ThreadPool;
}

namespace vivace::cpu {

constexpr int kGemmBatchRank = 4;

/// C[m][n] = epilogue(alpha * sum_k A[m][k] B[k][n]) for every index of the batch. All strides count floats.
struct GemmProblem {
  int64_t m = 0, n = 0, k = 0;
  int64_t a_row = 0;                // from one row of A to the next; columns are contiguous
  int64_t c_row = 0;                // the same for C and the residual
  bool packed_b = false;            // B comes from GemmKernels::pack; else as the strides say:
  int64_t b_row = 0, b_column = 0;  // (n, 1): [K,N]; (1, k): [N,K]; others as well, slowly
  struct Batch {
    int64_t count = 1, a = 0, b = 0, c = 0;  // strides; 0 broadcasts A or B
  } batch[kGemmBatchRank] = {};
  float alpha = 1;
  Activation activation = Activation::none;
  float activation_alpha = 0, activation_beta = 0;
  bool residual_last = false;  // see Epilogue
};

/// Results do not depend on the number of threads. C may be the residual, and overlaps nothing else.
struct GemmKernels {
  /// Floats that `pack` writes for a B of k rows and n columns.
  int64_t (*packed_size)(int64_t k, int64_t n);
  /// Packs B, read as b[k * b_row + n * b_column], into panels of two vectors of columns, padded with zeros.
  void (*pack)(const float* b, int64_t b_row, int64_t b_column, int64_t k, int64_t n, float* packed, ThreadPool& pool);
  /// Floats of scratch that `run` needs with a pool of so many threads.
  int64_t (*scratch_size)(const GemmProblem& problem, int threads);
  /// bias: n floats or null; residual: as C or null.
  void (*run)(const GemmProblem& problem, const float* a, const float* b, const float* bias, const float* residual,
              float* c, float* scratch, ThreadPool& pool);
};
const GemmKernels& gemm_kernels(Isa isa);

}  // namespace vivace::cpu
