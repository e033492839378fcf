// What a program is made for: a GPU with the CPU beside it, or the CPU alone.
#pragma once

#include <memory>
#include <optional>

#include "backends/common/executor.h"
#include "backends/cpu/machine.h"
#include "backends/cuda/device.h"

namespace vivace::cuda {

struct Target {
  cpu::Machine host;
  std::optional<Device> gpu;

  /// What a program depends on: "cpu avx512", "cuda sm_90".
  std::string device() const { return gpu ? gpu->device() : host.device(); }
};

/// The target called "cpu", "cuda", "cuda:1", or "sm_90" (see find_device), with so many threads of the CPU.
Result<Target> find_target(const std::string& name, int threads);

/// A GPU that is not here gives an executor that tells shapes and memory, and whose runs compute nothing.
Result<std::shared_ptr<const backends::Executor>> create_executor(plan::Program program, const Target& target);

}  // namespace vivace::cuda
