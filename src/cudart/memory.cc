// Memory: host memory that remembers what it was allocated as.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <shared_mutex>

#include "cudart/state.h"

namespace vivace::cudart {
namespace {

struct Block {
  size_t size;
  cudaMemoryType type;
  unsigned int flags;
  bool owned;  // allocated here, and not only registered
};

/// All blocks that are alive, by address.
class Blocks {
 public:
  void add(void* address, const Block& block) {
    std::unique_lock lock(mutex_);
    blocks_[reinterpret_cast<uintptr_t>(address)] = block;
    if (block.owned) used_ += block.size;
  }

  /// Takes the block out if one starts at `address` and `accept` likes it.
  template <class Accept>
  bool take(void* address, Accept accept) {
    std::unique_lock lock(mutex_);
    const auto found = blocks_.find(reinterpret_cast<uintptr_t>(address));
    if (found == blocks_.end() || !accept(found->second)) return false;
    if (found->second.owned) used_ -= found->second.size;
    blocks_.erase(found);
    return true;
  }

  /// The block that `address` lies in, and where; false if in none.
  bool find(const void* address, Block* block, size_t* offset) const {
    std::shared_lock lock(mutex_);
    const uintptr_t at = reinterpret_cast<uintptr_t>(address);
    auto found = blocks_.upper_bound(at);
    if (found == blocks_.begin()) return false;
    --found;
    if (at - found->first >= found->second.size) return false;
    *block = found->second;
    *offset = at - found->first;
    return true;
  }

  size_t used() const {
    std::shared_lock lock(mutex_);
    return used_;
  }

 private:
  mutable std::shared_mutex mutex_;
  std::map<uintptr_t, Block> blocks_;
  size_t used_ = 0;
};

Blocks& blocks() {
  static Blocks* all = new Blocks;  // outlives every static object that frees memory at the end
  return *all;
}

std::atomic<uint64_t> release_threshold{0};

cudaError_t allocate(void** out, size_t size, cudaMemoryType type, unsigned int flags) {
  if (out == nullptr) return keep(cudaErrorInvalidValue);
  *out = nullptr;
  if (size == 0) return cudaSuccess;
  // The system would promise more than it has, and end the program when that is used.
  if (size > total_memory()) return keep(cudaErrorMemoryAllocation);
  void* memory = std::aligned_alloc(kAlignment, (size + kAlignment - 1) / kAlignment * kAlignment);
  if (memory == nullptr) return keep(cudaErrorMemoryAllocation);
  blocks().add(memory, {size, type, flags, true});
  *out = memory;
  return cudaSuccess;
}

cudaError_t release(void* memory, bool host) {
  if (memory == nullptr) return cudaSuccess;
  const auto mine = [host](const Block& block) { return block.owned && (block.type == cudaMemoryTypeHost) == host; };
  if (!blocks().take(memory, mine)) return keep(cudaErrorInvalidValue);
  std::free(memory);
  return cudaSuccess;
}

/// A rectangle of `height` rows of `width` bytes; a plain run of bytes has one row.
struct Area {
  size_t pitch, width, height;
  size_t extent() const { return width == 0 || height == 0 ? 0 : pitch * (height - 1) + width; }
};

/// Whether the area at `address` is fit to use: a run over the end of a known block is not.
cudaError_t check(const void* address, const Area& area) {
  if (area.extent() == 0) return cudaSuccess;
  if (address == nullptr) return keep(cudaErrorInvalidValue);
  if (area.height > 1 && area.pitch < area.width) return keep(cudaErrorInvalidPitchValue);
  Block block;
  size_t offset = 0;
  if (blocks().find(address, &block, &offset) && area.extent() > block.size - offset)
    return keep(cudaErrorInvalidValue);
  return cudaSuccess;
}

cudaError_t copy(void* dst, size_t dpitch, const void* src, size_t spitch, size_t width, size_t height,
                 cudaMemcpyKind kind, cudaStream_t stream) {
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) return keep(cudaErrorInvalidMemcpyDirection);
  const Area to{dpitch, width, height}, from{spitch, width, height};
  if (const cudaError_t error = check(dst, to)) return error;
  if (const cudaError_t error = check(src, from)) return error;
  return enqueue(stream, [=] {
    if (width == 0) return;
    for (size_t row = 0; row < height; ++row)
      std::memmove(static_cast<char*>(dst) + row * dpitch, static_cast<const char*>(src) + row * spitch, width);
  });
}

cudaError_t fill(void* dst, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream) {
  if (const cudaError_t error = check(dst, {pitch, width, height})) return error;
  return enqueue(stream, [=] {
    if (width == 0) return;
    for (size_t row = 0; row < height; ++row) std::memset(static_cast<char*>(dst) + row * pitch, value, width);
  });
}

cudaError_t check_peers(int first, int second) {
  return first == 0 && second == 0 ? cudaSuccess : keep(cudaErrorInvalidDevice);
}

}  // namespace
}  // namespace vivace::cudart

using namespace vivace::cudart;

cudaError_t cudaMalloc(void** devPtr, size_t size) { return allocate(devPtr, size, cudaMemoryTypeDevice, 0); }

cudaError_t cudaMallocPitch(void** devPtr, size_t* pitch, size_t width, size_t height) {
  if (pitch == nullptr) return keep(cudaErrorInvalidValue);
  const size_t rows = (width + kPitchAlignment - 1) / kPitchAlignment * kPitchAlignment;
  if (rows < width || (height != 0 && rows > SIZE_MAX / height)) return keep(cudaErrorMemoryAllocation);
  *pitch = rows;
  return allocate(devPtr, rows * height, cudaMemoryTypeDevice, 0);
}

cudaError_t cudaMallocManaged(void** devPtr, size_t size, unsigned int flags) {
  if (size == 0 || (flags != cudaMemAttachGlobal && flags != cudaMemAttachHost)) return keep(cudaErrorInvalidValue);
  return allocate(devPtr, size, cudaMemoryTypeManaged, flags);
}

cudaError_t cudaMallocAsync(void** devPtr, size_t size, cudaStream_t stream) {
  if (const cudaError_t error = enqueue(stream, nullptr)) return error;
  return allocate(devPtr, size, cudaMemoryTypeDevice, 0);
}

cudaError_t cudaMallocFromPoolAsync(void** devPtr, size_t size, cudaMemPool_t, cudaStream_t stream) {
  return cudaMallocAsync(devPtr, size, stream);
}

cudaError_t cudaMallocHost(void** ptr, size_t size) {
  return allocate(ptr, size, cudaMemoryTypeHost, cudaHostAllocDefault);
}

cudaError_t cudaHostAlloc(void** ptr, size_t size, unsigned int flags) {
  constexpr unsigned int kKnown = cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined;
  if ((flags & ~kKnown) != 0) return keep(cudaErrorInvalidValue);
  return allocate(ptr, size, cudaMemoryTypeHost, flags);
}

cudaError_t cudaFree(void* devPtr) { return release(devPtr, false); }

cudaError_t cudaFreeAsync(void* devPtr, cudaStream_t stream) {
  if (const cudaError_t error = enqueue(stream, nullptr)) return error;
  return release(devPtr, false);
}

cudaError_t cudaFreeHost(void* ptr) { return release(ptr, true); }

cudaError_t cudaHostRegister(void* ptr, size_t size, unsigned int flags) {
  if (ptr == nullptr || size == 0) return keep(cudaErrorInvalidValue);
  Block block;
  size_t offset = 0;
  if (blocks().find(ptr, &block, &offset)) return keep(cudaErrorHostMemoryAlreadyRegistered);
  blocks().add(ptr, {size, cudaMemoryTypeHost, flags, false});
  return cudaSuccess;
}

cudaError_t cudaHostUnregister(void* ptr) {
  const bool known = blocks().take(ptr, [](const Block& block) { return !block.owned; });
  return known ? cudaSuccess : keep(cudaErrorHostMemoryNotRegistered);
}

cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned int) {
  Block block;
  size_t offset = 0;
  if (device == nullptr || !blocks().find(host, &block, &offset)) return keep(cudaErrorInvalidValue);
  *device = host;
  return cudaSuccess;
}

cudaError_t cudaHostGetFlags(unsigned int* flags, void* host) {
  Block block;
  size_t offset = 0;
  if (flags == nullptr || !blocks().find(host, &block, &offset) || block.type != cudaMemoryTypeHost)
    return keep(cudaErrorInvalidValue);
  *flags = block.flags;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* available, size_t* total) {
  if (available == nullptr || total == nullptr) return keep(cudaErrorInvalidValue);
  *available = available_memory();
  *total = total_memory();
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* ptr) {
  if (attributes == nullptr || ptr == nullptr) return keep(cudaErrorInvalidValue);
  Block block;
  size_t offset = 0;
  if (!blocks().find(ptr, &block, &offset)) {
    *attributes = {cudaMemoryTypeUnregistered, cudaInvalidDeviceId, nullptr, const_cast<void*>(ptr)};
    return cudaSuccess;
  }
  void* address = const_cast<void*>(ptr);
  *attributes = {block.type, 0, address, block.type == cudaMemoryTypeDevice ? nullptr : address};
  return cudaSuccess;
}

cudaError_t cudaMemPrefetchAsync(const void* devPtr, size_t count, int, cudaStream_t stream) {
  if (const cudaError_t error = check(devPtr, {count, count, 1})) return error;
  return enqueue(stream, nullptr);
}

cudaError_t cudaMemAdvise(const void* devPtr, size_t count, cudaMemoryAdvise, int) {
  return check(devPtr, {count, count, 1});
}

cudaError_t cudaMemcpy(void* dst, const void* src, size_t count, cudaMemcpyKind kind) {
  return copy(dst, count, src, count, count, 1, kind, nullptr);
}

cudaError_t cudaMemcpyAsync(void* dst, const void* src, size_t count, cudaMemcpyKind kind, cudaStream_t stream) {
  return copy(dst, count, src, count, count, 1, kind, stream);
}

cudaError_t cudaMemcpyPeer(void* dst, int dstDevice, const void* src, int srcDevice, size_t count) {
  return cudaMemcpyPeerAsync(dst, dstDevice, src, srcDevice, count, nullptr);
}

cudaError_t cudaMemcpyPeerAsync(void* dst, int dstDevice, const void* src, int srcDevice, size_t count,
                                cudaStream_t stream) {
  if (const cudaError_t error = check_peers(dstDevice, srcDevice)) return error;
  return cudaMemcpyAsync(dst, src, count, cudaMemcpyDeviceToDevice, stream);
}

cudaError_t cudaMemcpy2D(void* dst, size_t dpitch, const void* src, size_t spitch, size_t width, size_t height,
                         cudaMemcpyKind kind) {
  return copy(dst, dpitch, src, spitch, width, height, kind, nullptr);
}

cudaError_t cudaMemcpy2DAsync(void* dst, size_t dpitch, const void* src, size_t spitch, size_t width, size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  return copy(dst, dpitch, src, spitch, width, height, kind, stream);
}

cudaError_t cudaMemcpyToSymbol(const void* symbol, const void* src, size_t count, size_t offset, cudaMemcpyKind kind) {
  if (symbol == nullptr) return keep(cudaErrorInvalidSymbol);
  return cudaMemcpy(static_cast<char*>(const_cast<void*>(symbol)) + offset, src, count, kind);
}

cudaError_t cudaMemcpyFromSymbol(void* dst, const void* symbol, size_t count, size_t offset, cudaMemcpyKind kind) {
  if (symbol == nullptr) return keep(cudaErrorInvalidSymbol);
  return cudaMemcpy(dst, static_cast<const char*>(symbol) + offset, count, kind);
}

cudaError_t cudaMemset(void* devPtr, int value, size_t count) { return fill(devPtr, count, value, count, 1, nullptr); }

cudaError_t cudaMemsetAsync(void* devPtr, int value, size_t count, cudaStream_t stream) {
  return fill(devPtr, count, value, count, 1, stream);
}

cudaError_t cudaMemset2D(void* devPtr, size_t pitch, int value, size_t width, size_t height) {
  return fill(devPtr, pitch, value, width, height, nullptr);
}

cudaError_t cudaMemset2DAsync(void* devPtr, size_t pitch, int value, size_t width, size_t height, cudaStream_t stream) {
  return fill(devPtr, pitch, value, width, height, stream);
}

// The one pool of the one device: malloc itself.
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* memPool, int device) {
  if (device != 0) return keep(cudaErrorInvalidDevice);
  if (memPool == nullptr) return keep(cudaErrorInvalidValue);
  *memPool = reinterpret_cast<cudaMemPool_t>(&blocks());
  return cudaSuccess;
}

cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* memPool, int device) {
  return cudaDeviceGetDefaultMemPool(memPool, device);
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t memPool, cudaMemPoolAttr attr, void* value) {
  if (memPool == nullptr || value == nullptr) return keep(cudaErrorInvalidValue);
  if (attr == cudaMemPoolAttrReleaseThreshold) release_threshold = *static_cast<uint64_t*>(value);
  return cudaSuccess;
}

cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t memPool, cudaMemPoolAttr attr, void* value) {
  if (memPool == nullptr || value == nullptr) return keep(cudaErrorInvalidValue);
  if (attr < cudaMemPoolAttrReleaseThreshold) {
    *static_cast<int*>(value) = 1;
  } else if (attr == cudaMemPoolAttrReleaseThreshold) {
    *static_cast<uint64_t*>(value) = release_threshold;
  } else {
    *static_cast<uint64_t*>(value) = blocks().used();
  }
  return cudaSuccess;
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t memPool, size_t) {
  return memPool != nullptr ? cudaSuccess : keep(cudaErrorInvalidValue);
}
