// What runs instances, one at a time: a stream, memory, and the CUDA graphs recorded over that memory.
#pragma once

#include <memory>

#include "backends/cpu/executor.h"
#include "backends/cuda/instance.h"

namespace vivace::cuda {

/// @param host  of the program's graph: runs nodes that are known late
/// @param l2_bytes  of the GPU's cache
/// @param threads  of the CPU, for nodes that run there
Result<std::unique_ptr<backends::Session>> open_session(std::shared_ptr<Gpu> gpu,
                                                        std::shared_ptr<const cpu::Executor> host, size_t l2_bytes,
                                                        int threads, backends::MemorySource source);

}  // namespace vivace::cuda
