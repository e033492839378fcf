// Prepares strided copies (transpose, slice, concatenate, split, expand) for the kernel.
#pragma once

#include <span>

#include "backends/cpu/kernels/move.h"
#include "base/status.h"

namespace vivace::cpu {

/// @param dims  of the box to copy
/// @param from, to  strides in elements, one per dimension; those of `from` may be negative or 0, those of `to` not
/// @param element_bytes  1, 2, 4, 8 or 16
/// @return unsupported where more than kMoveRank dimensions stay after merging
Result<CopyPlan> plan_copy(std::span<const int64_t> dims, std::span<const int64_t> from, std::span<const int64_t> to,
                           int element_bytes);

}  // namespace vivace::cpu
