// Products with few rows (or very few columns) that read B once, where it lies.
#pragma once

#include "backends/cpu/kernels/gemm.h"

namespace vivace::cpu::VIVACE_ISA {

/// Whether `gemv` is the better way: B is [N,K] with at most 16 rows of A or 2 columns, or [K,N] with at most 8 rows.
bool gemv_takes(const GemmProblem& problem);
/// As GemmKernels::run for one product; a null pool means the caller's thread.
void gemv(const GemmProblem& problem, const float* a, const float* b, const float* bias, const float* residual,
          float* c, ThreadPool* pool);

/// c = activation(alpha * sums + bias + before) + after, for rows x columns; null pointers count as zero. sums_row is
/// the distance of rows of the sums; sums are readable up to a multiple of kLanes columns.
void finish_rows(const GemmProblem& problem, float alpha, const float* sums, int64_t sums_row, int64_t rows,
                 int64_t columns, const float* bias, const float* before, const float* after, float* c);

}  // namespace vivace::cpu::VIVACE_ISA
