// GPUs as clients see them: which device engines are for, and memory that may be the GPU's or the host's, whichever an
// engine runs on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "NvInferRuntimeBase.h"
#include "backends/cuda/driver.h"

namespace vivace::tensorrt {

/// What VIVACE_TENSORRT_DEVICE says ("cpu", "cuda", "cuda:1", "sm_90"); empty where that says nothing.
std::string device_of_environment();

/// The GPU that is current in this thread, as "cuda:0"; "cpu" where no GPU can be used.
std::string current_device();

/// What engines are built for: VIVACE_TENSORRT_DEVICE, or the current device.
inline std::string device_of_builds() {
  const std::string asked = device_of_environment();
  return asked.empty() ? current_device() : asked;
}

/// Where memory is. What the driver does not know is the host's, and whoever has nothing else has no streams either:
/// those of the CUDA runtime over host memory are none of the driver's.
enum class Home { unknown, pinned, device };
Home home_of(const void* address);

/// Whether kernels can use memory of that allocator; it gives some and gets it back.
bool gives_device_memory(nvinfer1::IGpuAllocator& allocator);

/// Memory of the current GPU; null where there is none left.
void* allocate_on_gpu(size_t bytes);
void free_on_gpu(void* memory);

/// Whether somebody captures the stream, which is one of the driver's.
bool is_captured_by_driver(cudaStream_t stream);

Status record(cudaEvent_t event, cudaStream_t stream);

/// Copies between the client's memory, wherever it is, and the host's. Both wait for what the stream has queued where
/// the driver knows the memory, and are done when they return.
Status read_from(void* to, const void* from, size_t bytes, cudaStream_t stream);
Status write_to(void* to, const void* from, size_t bytes, cudaStream_t stream);

/// What a context on a GPU does with the client's memory, in the order of a stream, under Gpu::Scope. One run at a
/// time.
class Bridge {
 public:
  /// @param device as engines are loaded for
  static Result<std::unique_ptr<Bridge>> open(const std::string& device);
  ~Bridge();

  /// Whether elements of the client's have as many bits as those of the engine, or 32 where those have 64.
  enum class Elements { same, narrow };
  // `bytes` are those of the client.
  /// Memory of the GPU with an input's elements as the engine takes them: the client's own where it fits.
  Result<void*> input(size_t slot, const void* from, size_t bytes, Elements elements, cuda::StreamHandle* stream);
  /// Memory of the GPU for the engine's output: the client's own where it fits.
  Result<void*> output(size_t slot, void* to, size_t bytes, Elements elements);
  /// Brings an output to where the client wants it.
  Status deliver(size_t slot, void* to, size_t bytes, Elements elements, cuda::StreamHandle* stream);

  Status wait(cuda::StreamHandle* stream) const;
  const cuda::Gpu& gpu() const { return *gpu_; }
  /// For clients that have no stream.
  cuda::StreamHandle* own_stream() const { return own_; }

 private:
  // Memory of the GPU for a slot, with elements as the engine and as the client has them.
  struct Staged {
    cuda::Memory engine, client;
  };
  enum class Conversion { widen, narrow };
  const cuda::Driver& driver() const { return gpu_->driver(); }
  Result<void*> grow(cuda::Memory& memory, size_t bytes);
  Staged& staged(size_t slot) {
    if (staged_.size() <= slot) staged_.resize(slot + 1);
    return staged_[slot];
  }
  Status convert(Conversion which, const void* to, const void* from, size_t count, cuda::StreamHandle* stream);

  std::shared_ptr<cuda::Gpu> gpu_;
  cuda::StreamHandle* own_ = nullptr;
  std::vector<Staged> staged_;
  std::shared_ptr<cuda::Kernel> kernels_[2];  // of each conversion, once it is needed
};

}  // namespace vivace::tensorrt
