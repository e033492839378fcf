// Nodes that no kernel of the GPU can run, on the CPU.
#pragma once

#include "backends/cpu/tactic.h"

namespace vivace::cuda {

/// The first of the CPU's tactics that runs the problem at all, whatever its types and layouts: images with channels
/// last become row-major and 16-bit floats f32 in the workspace, and back.
Result<cpu::Bound> bind_on_host(const cpu::Problem& problem, const cpu::Machine& host);

/// Bytes from the first to the last that a row may touch of a tensor, which may be a part of wider pixels.
size_t span_bytes(const cpu::TensorInfo& tensor);

/// Whether between these bytes lie others of another tensor.
bool is_interleaved(const cpu::TensorInfo& tensor);

}  // namespace vivace::cuda
