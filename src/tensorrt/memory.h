// Memory that a client's allocator gives.
#pragma once

#include <memory>
#include <span>

#include "NvInferRuntimeBase.h"
#include "backends/cpu/executor.h"

namespace vivace::tensorrt {

/// Memory for runs; that of the machine where there is no allocator.
backends::MemorySource memory_of(nvinfer1::IGpuAllocator* allocator);

/// The bytes in memory of the allocator, which takes it back with the last owner. out_of_memory.
Result<std::shared_ptr<std::byte>> copy_to(nvinfer1::IGpuAllocator& allocator, std::span<const std::byte> bytes);

}  // namespace vivace::tensorrt
