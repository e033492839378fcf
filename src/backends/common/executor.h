// What the runtime knows of a backend: an executor runs a program on one device.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "plan/plan.h"

namespace vivace::backends {

/// Bytes of constants: what a run reads, each once, however many nodes share it.
struct WeightUse {
  size_t model_bytes = 0;       // of the constants as the graph has them
  size_t read_bytes = 0;        // what a run reads: packed or as they are
  size_t packed_bytes = 0;      // of which packed
  std::vector<size_t> by_node;  // what each node reads, also where another reads the same
};

struct MemoryUse {
  size_t arena_bytes = 0;     // of one run
  size_t largest_live = 0;    // the most its values need at any one step
  size_t constant_bytes = 0;  // weights that steps read, packed or as they are, each once
  std::vector<size_t> live;   // bytes of the arena in use at each node
  WeightUse weights;          // more about constant_bytes
};

/// A node of a program with its choice.
struct ProgramStep {
  const ir::Node* node;
  const plan::Choice* choice;
};
/// The program's own nodes, then those of its bodies.
std::vector<ProgramStep> steps_of(const plan::Program& program);

/// What running one node took, for profiles: called after each step with the index of its node, as steps_of() counts.
/// Of bodies only those that take a batch's samples in turn are told of, their turns summed.
using StepObserver = std::function<void(size_t node, double seconds)>;

/// Where runs get their memory from, where that is not the device itself.
struct MemorySource {
  std::function<void*(size_t bytes, size_t alignment)> allocate;  // null: it has no more
  std::function<void(void*)> release;
};

/// An address on the session's device (for the CPU: of the host) and how many bytes are there.
struct DeviceBuffer {
  void* data = nullptr;
  size_t bytes = 0;
};

/// Seconds of one run on the device.
struct DeviceTimes {
  double median = 0, minimum = 0, mean = 0;
};

/// The program at concrete input shapes: places of all values, kernels ready to run.
class Instance {
 public:
  virtual ~Instance();
};

/// What one run at a time writes to: memory, and threads or a stream.
class Session {
 public:
  virtual ~Session();
  /// Bytes held now, as Executor::memory_use counts an arena.
  virtual size_t bytes() const = 0;
  /// Makes sure of so many; never less than there are.
  virtual Status reserve(size_t bytes) = 0;
  /// Uses memory of the caller's (on the device) from now on, and no other: reserve() fails where it is too small.
  /// invalid_argument where it does not start at a multiple of kAlignment.
  virtual Status lend(void* memory, size_t bytes) = 0;
  /// Gives its memory back; lent memory is forgotten.
  virtual void drop() = 0;
  /// Runs on `inputs`, whose shapes are the instance's. outputs[i] is used where it is valid and of the right type and
  /// shape (the caller's buffer), else replaced by a new tensor.
  virtual Status run(const Instance& instance, const std::vector<TensorView>& inputs, std::vector<Tensor>& outputs,
                     const StepObserver& observe = {}) = 0;

  /// Queues a run on `stream` (a CUstream; nullptr: the legacy default stream) and returns before it is done. Inputs
  /// are read from, and outputs written to, these addresses of the device, without copies where their alignment allows
  /// (16 bytes); the caller keeps them until the stream is past. Runs of one session that are queued on several streams
  /// wait for each other. Works while the caller captures the stream into a graph, whose launches the caller then keeps
  /// apart from other runs of the session; the session keeps its memory until it is dropped. Faults of the data are
  /// reported by the next call.
  /// @return unsupported on the CPU, where shapes of outputs depend on data, and where a node runs on the host while
  /// the stream is being captured; invalid_argument where a buffer is too small
  virtual Status enqueue(const Instance& instance, const std::vector<DeviceBuffer>& inputs,
                         const std::vector<DeviceBuffer>& outputs, void* stream);

  /// Times `runs` runs by events of the device, one after the other, on inputs that are there already; with `flush`
  /// its caches are overwritten before each. unsupported on the CPU and where a node runs on the host.
  virtual Result<DeviceTimes> time(const Instance& instance, const std::vector<TensorView>& inputs, int runs,
                                   bool flush);
};

/// Immutable but for caches, and shared by any number of threads.
class Executor {
 public:
  virtual ~Executor();
  /// What its programs are made for: "cpu avx512", "cuda sm_90".
  virtual std::string device() const = 0;
  virtual const ir::Graph& graph() const = 0;
  virtual const plan::Program& program() const = 0;
  /// Made once per combination of shapes, then found again. Thread-safe.
  virtual Result<std::shared_ptr<const Instance>> instance(const std::vector<Shape>& inputs) const = 0;
  /// Shape of output i; empty where it depends on data.
  virtual std::optional<Shape> output_shape(const Instance& instance, size_t i) const = 0;
  virtual MemoryUse memory_use(const Instance& instance) const = 0;
  /// A session with so many threads of the CPU; it must not outlive the executor, nor the source of its memory.
  virtual Result<std::unique_ptr<Session>> session(int threads, MemorySource source = {}) const = 0;
};

}  // namespace vivace::backends
