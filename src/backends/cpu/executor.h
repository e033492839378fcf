// Runs a program on the CPU. An executor is immutable and shared; what a run writes lives in a Scratch of its own.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "backends/cpu/placement.h"
#include "backends/cpu/weights.h"
#include "plan/plan.h"

namespace vivace::cpu {

/// Where runs get their memory from, where that is not the machine itself.
struct MemorySource {
  std::function<void*(size_t bytes, size_t alignment)> allocate;  // null: it has no more
  std::function<void(void*)> release;
};

/// Memory of one run at a time: the arena, and tensors whose size only the run knew.
class Scratch {
 public:
  Scratch() = default;
  explicit Scratch(MemorySource source) : source_(std::move(source)) {}
  ~Scratch() { drop(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// Makes sure of so many bytes; never less than there are.
  Status reserve(size_t bytes);
  /// Uses memory of the caller's from now on, and no other: reserve() fails where it is too small. invalid_argument
  /// where it does not start at a multiple of kAlignment.
  Status lend(void* memory, size_t bytes);
  /// Gives its memory back; lent memory is forgotten.
  void drop();
  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  MemorySource source_;
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
  bool lent_ = false;
};

/// What running one node took, for profiles: called after each step with the index of its node.
using StepObserver = std::function<void(size_t node, double seconds)>;

struct MemoryUse {
  size_t arena_bytes = 0;     // of one run
  size_t largest_live = 0;    // the most its values need at any one step
  size_t constant_bytes = 0;  // weights that steps read, packed or as they are, each once
  std::vector<size_t> live;   // bytes of the arena in use at each node
  WeightUse weights;          // more about constant_bytes
};

class Executor {
 public:
  /// version_mismatch where a tactic is missing or has another version, corrupt_file where parts do not fit.
  static Result<std::shared_ptr<const Executor>> create(plan::Program program, const Machine& machine);
  ~Executor();

  const ir::Graph& graph() const { return *program_.graph; }
  const plan::Program& program() const { return program_; }
  const Machine& machine() const { return machine_; }

  class Instance;  // the program at concrete input shapes: places, bound kernels
  /// Made once per combination of shapes, then found again. Thread-safe.
  Result<std::shared_ptr<const Instance>> instance(const std::vector<Shape>& inputs) const;
  /// Shape of output i; empty where it depends on data.
  std::optional<Shape> output_shape(const Instance& instance, size_t i) const;
  static MemoryUse memory_use(const Instance& instance);

  /// Runs on `inputs`, whose shapes are the instance's. outputs[i] is used where it is valid and of the right type and
  /// shape (the caller's buffer), else replaced by a new tensor.
  Status run(const Instance& instance, const std::vector<TensorView>& inputs, std::vector<Tensor>& outputs,
             Scratch& scratch, ThreadPool& pool, const StepObserver& observe = {}) const;

 private:
  Executor() = default;
  Result<std::shared_ptr<const Instance>> make_instance(const std::vector<Shape>& inputs) const;
  struct Ready {
    const Tactic* tactic = nullptr;
    std::vector<Tensor> packed;
    Bound bound;
  };
  Result<Ready> bind(size_t node, const Problem& problem) const;
  Status run_when_known(size_t node, std::vector<Tensor>& values, ThreadPool& pool) const;
  Result<std::vector<Tensor>> run_tensors(const std::vector<Tensor>& inputs, ThreadPool& pool) const;

  plan::Program program_;
  Machine machine_;
  std::vector<ir::Node*> nodes_;
  std::map<std::pair<size_t, std::string>, std::shared_ptr<const Executor>> bodies_;
  mutable std::mutex mutex_;
  mutable std::map<std::vector<Shape>, std::shared_ptr<const Instance>> instances_;
};

/// Whether the node runs a program of its own (If, Loop, Scan).
bool has_subgraph(const ir::Node& node);

}  // namespace vivace::cpu
