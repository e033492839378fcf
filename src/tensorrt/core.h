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
  size_t index = 0;               // among the engine's inputs or outputs
  DType type = DType::undefined;  // as clients bind it
  DType engine_type = DType::undefined;
  nvinfer1::DataType data_type = nvinfer1::DataType::kFLOAT;
  Shape dims;  // as clients see them: -1 where dynamic, no batch where that is implicit
};

/// An output for a debug listener; it may be one of the slots too.
struct DebugTensor {
  std::string name;
  size_t index = 0;      // among the engine's outputs
  bool unfused = false;  // not marked, but there all the same
};

/// VIVACE_NUM_THREADS; 0 where that says nothing sensible.
int threads_of_environment();

struct CoreOptions {
  int threads = 0;            // of one run; 0: what the plan was built for, or VIVACE_NUM_THREADS
  bool narrow = false;        // clients of before 9 know no 64-bit integers: they bind 32 bits, which are converted
  bool ask_creators = false;  // for plugins: see ask_creators_again()
  nvinfer1::IGpuAllocator* allocator = nullptr;  // of the plan and of what contexts need; outlives them
  std::string device = {};                       // "cpu", "cuda:0"; empty: VIVACE_TENSORRT_DEVICE, or that of the plan
};

class Core {
 public:
  /// From a plan's bytes, which are copied.
  static Result<std::shared_ptr<Core>> load(std::span<const std::byte> bytes, const CoreOptions& options);

  const std::vector<Slot>& slots() const { return slots_; }
  const Metadata& metadata() const { return metadata_; }
  const CoreOptions& options() const { return options_; }
  /// The GPU that the engine runs on, as "cuda:0"; empty on the CPU.
  const std::string& gpu() const { return gpu_; }
  /// Whether weights that the plan was stripped of are not there yet.
  bool lacks_weights() const { return lacks_weights_.load(std::memory_order_acquire); }
  /// The budget for weights, of both generations of that interface; negative: no streaming.
  std::atomic<int64_t> weight_budget = -1;
  std::atomic<int> contexts = 0;
  /// Index of the slot of that name, -1 where there is none. Names of bindings of later profiles ("x [profile 1]")
  /// are none.
  int find(char const* name) const;
  /// invalid_argument that lists the names there are.
  Status unknown(char const* name) const;

  std::shared_ptr<runtime::Engine> engine() const;
  /// Counts replacements of the engine, so that a context sees whether its own is still the one.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  /// Those of one of its engines.
  std::vector<DebugTensor> debug_tensors(const runtime::Engine& engine) const;
  /// Loads another plan of the same inputs and outputs: refitted weights.
  Status replace(plan::Plan plan);

 private:
  Core() = default;
  /// Where to load a plan; sets gpu_. An allocator is of use only where it gives memory of that kind.
  void choose_device(const plan::Plan& plan);
  Result<std::shared_ptr<runtime::Engine>> load_engine(plan::Plan plan) const;
  Status find_slots();

  CoreOptions options_;
  std::string gpu_;
  Metadata metadata_;
  std::vector<Slot> slots_;
  std::atomic<bool> lacks_weights_ = false;
  mutable std::mutex mutex_;  // guards engine_
  std::shared_ptr<runtime::Engine> engine_;
  std::atomic<uint64_t> generation_ = 0;
};

}  // namespace vivace::tensorrt
