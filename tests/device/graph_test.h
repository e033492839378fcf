// Small graphs through the executor: recorded, replayed, with nodes of the CPU between those of the GPU.
#pragma once

#include <span>

#include "backends/cuda/device.h"

namespace vivace::cuda {

/// Writes the lines of row_test.h; `cases` run on the CPU's side of the executor, graphs of this file on the GPU.
int test_graphs(const Device& device, std::span<const char* const> cases, size_t from);

}  // namespace vivace::cuda
