// The GPU a program is made for: one that is here, or a description of one that is not.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace vivace::cuda {

struct Device {
  std::string name;  // "NVIDIA H200", for people
  int major = 0, minor = 0;
  int multiprocessors = 1;
  size_t shared_bytes = 48 << 10;  // a block may use
  size_t l2_bytes = 1 << 20;
  size_t memory_bytes = 0;
  int ordinal = -1;  // -1: not here

  /// "sm_90", what kernels are compiled for.
  std::string architecture() const { return "sm_" + std::to_string(major) + std::to_string(minor); }
  /// What a program depends on: "cuda sm_90".
  std::string device() const { return "cuda " + architecture(); }
};

/// "cuda" and "cuda:1" are GPUs of this machine; "sm_80", "sm_86", "sm_89", "sm_90", "sm_100" and "sm_120" describe
/// ones that need not be here. invalid_argument for other names, device_unavailable with the reason, unsupported below
/// sm_80.
Result<Device> find_device(const std::string& name);

/// All GPUs of this machine.
Result<std::vector<Device>> list_devices();

}  // namespace vivace::cuda
