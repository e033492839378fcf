// What runs instances, one at a time: a stream, memory, and the CUDA graphs recorded over that memory.
#pragma once

#include <memory>

#include "backends/cuda/instance.h"

namespace vivace::cuda {

/// @param graph  the program's; it outlives the session
/// @param l2_bytes  of the GPU's cache
/// @param threads  of the CPU, for nodes that run there
Result<std::unique_ptr<backends::Session>> open_session(std::shared_ptr<Gpu> gpu, const ir::Graph& graph,
                                                        size_t l2_bytes, int threads, backends::MemorySource source);

}  // namespace vivace::cuda
