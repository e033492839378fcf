// Where a plugin works: on the host's memory, or on a GPU's, where its kernels are.
#pragma once

#include <optional>
#include <vector>

#include "base/tensor.h"
#include "tensorrt/device.h"

namespace vivace::tensorrt {

/// Plugins work on a GPU where one can be used, unless the program has the CUDA runtime over host memory, or their
/// creator says otherwise.
bool plugins_work_on_gpu();

/// One plugin's memory and stream. Tensors of the host are copied to the GPU and back. A run is enter(), what is asked
/// for, finish().
class PluginPlace {
 public:
  explicit PluginPlace(bool on_gpu) : on_gpu_(on_gpu) {}
  ~PluginPlace();
  PluginPlace(const PluginPlace&) = delete;
  PluginPlace& operator=(const PluginPlace&) = delete;

  bool on_gpu() const { return on_gpu_; }
  /// Makes the GPU current for as long as `scope` lives.
  Status enter(std::optional<cuda::Gpu::Scope>& scope);
  Result<const void*> input(size_t i, const TensorView& tensor);
  /// For output i of so many bytes; `to` null: nobody wants it.
  Result<void*> output(size_t i, void* to, size_t bytes);
  Result<void*> workspace(size_t bytes) { return memory(0, bytes); }
  cudaStream_t stream() const { return reinterpret_cast<cudaStream_t>(stream_); }
  /// Between what the plugin sees.
  Status copy(void* to, const void* from, size_t bytes);
  /// From what it wrote.
  Status read(void* to, const void* from, size_t bytes) const;
  /// Waits for the plugin's work; outputs are where they are wanted.
  Status finish();

 private:
  struct Wanted {
    void* to;
    const void* from;
    size_t bytes;
  };
  /// Memory that stays from run to run.
  Result<void*> memory(size_t index, size_t bytes);

  bool on_gpu_;
  std::shared_ptr<cuda::Gpu> gpu_;
  cuda::StreamHandle* stream_ = nullptr;
  std::vector<Tensor> host_;
  std::vector<cuda::Memory> device_;
  std::vector<Wanted> wanted_;
};

}  // namespace vivace::tensorrt
