#include "backends/cuda/queue.h"

#include <array>

namespace vivace::cuda {

Status Queue::launch(const Kernel& kernel, const Launch& launch, std::vector<DevicePointer> arguments) {
  if (launch.call) {
    after_kernel_ = false;  // a library's kernels do not say when the next may start
    return launch.call->put(stream_, arguments);
  }
  std::vector<void*> parameters;
  for (DevicePointer& argument : arguments) parameters.push_back(&argument);
  std::array<LaunchAttribute, 2> attributes{};
  LaunchConfig config{launch.grid[0],
                      launch.grid[1],
                      launch.grid[2],
                      launch.block,
                      1,
                      1,
                      launch.shared_bytes,
                      stream_,
                      attributes.data(),
                      0};
  if (launch.cluster > 1) {
    LaunchAttribute& attribute = attributes[config.attribute_count++];
    attribute.id = kLaunchCluster;
    attribute.cluster = {launch.cluster, 1, 1};
  }
  if (launch.waits && after_kernel_ && gpu_.launches_early()) {
    LaunchAttribute& attribute = attributes[config.attribute_count++];
    attribute.id = kLaunchProgrammatic;
    attribute.allowed = 1;
  }
  VIVACE_CUDA(gpu_.driver(), cuLaunchKernelEx(&config, kernel.function(), parameters.data(), nullptr));
  after_kernel_ = true;
  return {};
}

Status Queue::to_device(DevicePointer to, const void* from, size_t bytes) {
  if (bytes == 0) return {};
  after_kernel_ = false;
  VIVACE_CUDA(gpu_.driver(), cuMemcpyHtoDAsync_v2(to, from, bytes, stream_));
  return {};
}

Status Queue::to_host(void* to, DevicePointer from, size_t bytes) {
  if (bytes == 0) return {};
  after_kernel_ = false;
  VIVACE_CUDA(gpu_.driver(), cuMemcpyDtoHAsync_v2(to, from, bytes, stream_));
  return {};
}

Status Queue::copy(DevicePointer to, DevicePointer from, size_t bytes) {
  if (bytes == 0 || to == from) return {};
  after_kernel_ = false;
  VIVACE_CUDA(gpu_.driver(), cuMemcpyDtoDAsync_v2(to, from, bytes, stream_));
  return {};
}

Status Queue::wait() {
  after_kernel_ = false;
  VIVACE_CUDA(gpu_.driver(), cuStreamSynchronize(stream_));
  return {};
}

}  // namespace vivace::cuda
