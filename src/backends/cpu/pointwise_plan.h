// Prepares a pointwise program for the kernel that runs it.
#pragma once

#include <span>
#include <vector>

#include "backends/cpu/kernels/pointwise.h"
#include "base/status.h"
#include "ops/pointwise_program.h"

namespace vivace::cpu {

/// Strides, in elements, with which a contiguous tensor of this shape broadcasts to `result`: 0 where it repeats.
/// The shapes must fit by NumPy's rule.
std::vector<int64_t> broadcast_strides(std::span<const int64_t> shape, std::span<const int64_t> result);

/// Merges dimensions, assigns scratch slots by lifetime, turns powers with simple constant exponents into products.
/// @param dims     of the contiguous result
/// @param strides  for each input, one per dimension, in elements; 0 repeats
/// @return unsupported where the program or the rank is beyond the kernel's limits
Result<PointwisePlan> plan_pointwise(const PointwiseProgram& program, std::span<const int64_t> dims,
                                     const std::vector<std::vector<int64_t>>& strides);

}  // namespace vivace::cpu
