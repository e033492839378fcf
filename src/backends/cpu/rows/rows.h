// What several rows share.
#pragma once

#include "backends/cpu/kernels/epilogue.h"
#include "backends/cpu/tactic.h"
#include "ops/infer.h"

namespace vivace::cpu {

/// What attributes `activation`, `activation_alpha`, `activation_beta` and `residual_last` of a fused node say; no bias
/// or residual yet.
Epilogue epilogue_of(const ir::Attributes& attributes);

/// No input or output has its channels in blocks.
bool all_row_major(const Problem& p);

/// Zeroed f32 memory for packed constants.
Result<Tensor> packed_buffer(size_t floats);

}  // namespace vivace::cpu
