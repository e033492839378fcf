// What an engine, its contexts, inspectors and refitters share: a loaded plan and its inputs and outputs as clients
// number and name them.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "runtime/engine.h"
#include "tensorrt/metadata.h"
#include "tensorrt/report.h"

namespace vivace::tensorrt {

/// An input or output, in binding order.
struct Slot {
  std::string name;
  bool input = true;
  bool shape_tensor = false, host = false;
  size_t index = 0;  // among the engine's inputs or outputs
  DType type = DType::undefined;
  nvinfer1::DataType data_type = nvinfer1::DataType::kFLOAT;
  Shape dims;  // as clients see them: -1 where dynamic, no batch where that is implicit
};

/// VIVACE_NUM_THREADS; 0 where that says nothing sensible.
int threads_of_environment();

class Core {
 public:
  /// @param threads of one run; 0: what the plan was built for, or VIVACE_NUM_THREADS
  static Result<std::shared_ptr<Core>> load(plan::Plan plan, int threads);

  const std::vector<Slot>& slots() const { return slots_; }
  const Metadata& metadata() const { return metadata_; }
  /// Index of the slot of that name, -1 where there is none. Names of bindings of later profiles ("x [profile 1]")
  /// are none.
  int find(char const* name) const;
  /// invalid_argument that lists the names there are.
  Status unknown(char const* name) const;

  std::shared_ptr<runtime::Engine> engine() const;
  /// Counts replacements of the engine, so that a context sees whether its own is still the one.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  /// Loads another plan of the same inputs and outputs: refitted weights.
  Status replace(plan::Plan plan);

 private:
  Core() = default;
  Metadata metadata_;
  std::vector<Slot> slots_;
  int threads_ = 0;
  mutable std::mutex mutex_;  // guards engine_
  std::shared_ptr<runtime::Engine> engine_;
  std::atomic<uint64_t> generation_ = 0;
};

}  // namespace vivace::tensorrt
