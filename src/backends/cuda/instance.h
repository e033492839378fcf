// A program at concrete input shapes, ready for sessions to run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/common/executor.h"
#include "backends/cpu/shapes.h"
#include "backends/cuda/driver.h"
#include "backends/cuda/tactic.h"

namespace vivace::cuda {

/// An address: in the session's memory, or one that never changes (of a constant).
struct Address {
  size_t offset = 0;
  DevicePointer fixed = 0;
  const void* host = nullptr;  // where a constant is for the CPU
};

/// One node's work.
struct Step {
  struct Kernels {
    std::shared_ptr<Kernel> kernel;
    Launch launch;  // its source is dropped
    std::vector<Tensor> packed;
  };
  struct Bytes {
    size_t offset, bytes;
  };
  size_t node = 0;
  std::vector<Kernels> kernels;
  std::vector<std::vector<Address>> arguments;  // of each kernel
  // Where the node runs on the CPU:
  bool on_host = false;
  cpu::Bound bound;
  std::vector<Address> inputs, outputs;
  std::vector<Bytes> downloads, uploads;
  size_t workspace = 0;
  std::string fault;  // what it says where a kernel sets its fault word
};

struct Instance final : backends::Instance {
  struct Copy {
    size_t to;
    Address from;
    size_t bytes;
  };
  uint64_t id = 0;  // sessions keep graphs by it
  cpu::ConcreteGraph at;
  std::vector<Step> steps;
  std::vector<size_t> inputs, outputs;  // where they are in the session's memory
  std::vector<size_t> output_bytes;
  std::vector<Copy> copies;             // at the end
  size_t faults = 0;                    // words of all steps that have one: zeroed before a run, read after it
  std::vector<std::string> complaints;  // one for each
  size_t bytes = 0;                     // of the session's memory
  size_t host_bytes = 0;  // of its mirror on the CPU: inputs and outputs, all where a node runs on the CPU
  backends::MemoryUse memory;
};

}  // namespace vivace::cuda
