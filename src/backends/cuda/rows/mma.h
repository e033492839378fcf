// What rows on tensor cores share.
#pragma once

#include <string_view>

#include "backends/cuda/tactic.h"

namespace vivace::cuda {

/// Functions of kernels around the instructions of tensor cores; comes after prelude() and `using T`.
/// - copy_16, commit_copies, wait_copies<n>: cp.async; load_matrix_4: ldmatrix; multiply: 16 x 8 x 16 products
/// - open_barriers, copy_weights, wait_barrier: bulk copies to shared memory, on sm_80 by cp.async of the whole block
/// - cluster_arrive, cluster_wait, remote_address, store_remote: distributed shared memory
std::string_view mma_functions();

/// multiply_group(sums, a, b): a warp group's 64 x n x 16 products of operands in shared memory, in rows of 128 bytes with
/// exchanged pieces (sm_90a); open_group before the first of a stage, close_group<n> after the last.
std::string group_functions(int n, DType type);

/// Input i of the problem, a constant vector or left out, as f32 filled up with zeros to `count`.
Result<Tensor> bias_in_f32(const Problem& p, size_t i, int64_t count);

}  // namespace vivace::cuda
