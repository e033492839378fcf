#include "tensorrt/memory.h"

#include <cstring>

namespace vivace::tensorrt {

backends::MemorySource memory_of(nvinfer1::IGpuAllocator* allocator) {
  if (!allocator) return {};
  return {[allocator](size_t bytes, size_t alignment) { return allocator->allocate(bytes, alignment, 0); },
          [allocator](void* memory) { allocator->deallocate(memory); }};
}

Result<std::shared_ptr<std::byte>> copy_to(nvinfer1::IGpuAllocator& allocator, std::span<const std::byte> bytes) {
  void* memory = allocator.allocate(bytes.size(), kAlignment, 0);
  if (!memory)
    return Status(Code::out_of_memory,
                  "the allocator gave no memory for the " + std::to_string(bytes.size()) + " bytes of an engine");
  std::memcpy(memory, bytes.data(), bytes.size());
  return std::shared_ptr<std::byte>(static_cast<std::byte*>(memory),
                                    [&allocator](std::byte* of) { allocator.deallocate(of); });
}

}  // namespace vivace::tensorrt
