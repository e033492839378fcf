#include "tensorrt/plugin_place.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>

#include "backends/cuda/device.h"
#include "tensorrt/capture.h"

namespace vivace::tensorrt {

using cuda::DevicePointer;

bool plugins_work_on_gpu() { return !has_host_runtime() && device_of_builds().starts_with("cuda"); }

PluginPlace::~PluginPlace() {
  if (!stream_) return;
  const cuda::Gpu::Scope scope(*gpu_);
  (void)gpu_->driver().cuStreamDestroy_v2(stream_);
}

Status PluginPlace::enter(std::optional<cuda::Gpu::Scope>& scope) {
  wanted_.clear();
  if (!on_gpu_) return {};
  if (!gpu_) {
    VIVACE_ASSIGN(const cuda::Device device, cuda::find_device(device_of_builds()));
    VIVACE_ASSIGN(gpu_, cuda::Gpu::open(device.ordinal));
  }
  scope.emplace(*gpu_);
  if (!stream_) VIVACE_CUDA(gpu_->driver(), cuStreamCreate(&stream_, cuda::kStreamNonBlocking));
  return {};
}

Result<void*> PluginPlace::memory(size_t index, size_t bytes) {
  bytes = std::max<size_t>(bytes, 1);
  if (on_gpu_) {
    if (device_.size() <= index) device_.resize(index + 1);
    if (device_[index].bytes() < bytes) {
      VIVACE_ASSIGN(device_[index], cuda::Memory::allocate(gpu_, cuda::Memory::Kind::device, bytes));
    }
    return reinterpret_cast<void*>(device_[index].device());
  }
  if (host_.size() <= index) host_.resize(index + 1);
  if (!host_[index].valid() || host_[index].bytes() < bytes) {
    VIVACE_ASSIGN(host_[index], Tensor::allocate(DType::u8, {static_cast<int64_t>(bytes)}));
  }
  return host_[index].data();
}

Result<const void*> PluginPlace::input(size_t i, const TensorView& tensor) {
  if (!on_gpu_) return static_cast<const void*>(tensor.data);
  VIVACE_ASSIGN(void* const to, memory(1 + 2 * i, tensor.bytes()));
  if (tensor.bytes() > 0)
    VIVACE_CUDA(gpu_->driver(),
                cuMemcpyHtoDAsync_v2(reinterpret_cast<DevicePointer>(to), tensor.data, tensor.bytes(), stream_));
  return static_cast<const void*>(to);
}

Result<void*> PluginPlace::output(size_t i, void* to, size_t bytes) {
  if (to && !on_gpu_) return to;
  VIVACE_ASSIGN(void* const from, memory(2 + 2 * i, bytes));
  if (to) wanted_.push_back({to, from, bytes});
  return from;
}

Status PluginPlace::copy(void* to, const void* from, size_t bytes) {
  if (!on_gpu_)
    std::memcpy(to, from, bytes);
  else if (bytes > 0)
    VIVACE_CUDA(gpu_->driver(), cuMemcpyDtoDAsync_v2(reinterpret_cast<DevicePointer>(to),
                                                     reinterpret_cast<DevicePointer>(from), bytes, stream_));
  return {};
}

Status PluginPlace::read(void* to, const void* from, size_t bytes) const {
  return on_gpu_ ? read_from(to, from, bytes, stream()) : (std::memcpy(to, from, bytes), Status());
}

Status PluginPlace::finish() {
  if (!on_gpu_) return {};
  for (const Wanted& output : wanted_)
    if (output.bytes > 0)
      VIVACE_CUDA(gpu_->driver(),
                  cuMemcpyDtoHAsync_v2(output.to, reinterpret_cast<DevicePointer>(output.from), output.bytes, stream_));
  VIVACE_CUDA(gpu_->driver(), cuStreamSynchronize(stream_));
  return {};
}

}  // namespace vivace::tensorrt
