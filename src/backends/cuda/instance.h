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

/// Every tensor starts at a multiple of this: that of the widest loads and stores of kernels.
constexpr size_t kBufferAlignment = 16;

/// An address known once a run's bases are.
struct Address {
  enum class Base : uint8_t { none, session, input, output, fault, fixed, run };  // run: a tensor of this run
  Base base = Base::none;
  size_t index = 0;   // which input or output
  size_t offset = 0;  // bytes from the base
  size_t home = 0;    // bytes from the start of the session's memory, and of its mirror on the host
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
    Address at;
    size_t bytes;
  };
  size_t node = 0;
  std::vector<Kernels> kernels;
  std::vector<std::vector<Address>> arguments;  // of each kernel
  // Where this step and those right after it, `steps` in all, can run as one kernel, whose arguments are all of theirs.
  struct Together {
    std::shared_ptr<Kernel> kernel;  // null: they cannot
    Launch launch;
    size_t steps = 1;
  };
  Together together;
  // Where the node runs on the CPU:
  bool on_host = false;
  bool known_late = false;  // by cpu::Executor::run_when_known
  cpu::Bound bound;
  std::vector<Address> inputs, outputs;
  std::vector<Bytes> downloads, uploads;
  size_t workspace = 0;
  bool reads_once = false;  // as its tactic says
  std::string fault;        // what it says where a kernel sets its fault word
};

struct Instance final : backends::Instance {
  /// Whether a value of this type has a place in the session's memory.
  static bool is_placed(const ir::Type* type) { return type && !are_objects(type->dtype); }
  bool is_placed(const ir::Value* v) const { return is_placed(at.type(v)); }
  struct Copy {
    size_t output;
    Address from;
  };
  uint64_t id = 0;  // sessions keep graphs by it
  cpu::ConcreteGraph at;
  std::vector<Step> steps;
  std::vector<size_t> inputs, outputs;  // where they are in the session's memory
  std::vector<size_t> input_bytes, output_bytes;
  // Inputs and outputs that kernels may as well read and write in the host's pinned memory.
  std::vector<bool> direct_inputs, direct_outputs;
  std::vector<Copy> copies;                                // at the end
  std::vector<std::pair<size_t, std::string>> complaints;  // of fault words that are set, by node
  size_t bytes = 0;                                        // of the session's memory
  size_t host_bytes = 0;  // of its mirror on the CPU: inputs and outputs, all where a node runs on the CPU
  bool any_on_host = false;
  bool run_values = false;  // some tensors are made while running: outputs, or what nodes known late read and write
  backends::MemoryUse memory;
};

}  // namespace vivace::cuda
