// Loads a plan and runs it. Knows nothing of passes, model files or tuning.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backends/cuda/target.h"

namespace vivace::runtime {

struct TensorSpec {
  std::string name;
  DType type = DType::undefined;
  std::optional<ir::Dims> dims;  // symbols where dynamic; empty where even the rank depends on data
  ir::Type value;                // all of it: what is in a sequence, optional or map
};

struct EngineOptions {
  int threads = 0;            // of one run; 0: what the plan was built for
  bool strict = false;        // refuse a plan of another version or machine instead of lowering it again
  uint64_t memory_limit = 0;  // bytes of weights and of arenas of all contexts; 0: what the plan says
  std::string device;  // "cpu", "cuda", "cuda:1"; empty: as the plan, a plan for a GPU that is not here on the CPU
  /// Makes a program for this machine from the portable graph; without it every engine is strict.
  std::function<Result<plan::Program>(const plan::Plan&, const cuda::Target&)> lower_again;
  /// What runs instead of the plan's program; the plan stays as it is. May be null.
  std::function<plan::Program(const plan::Program&)> adapt;
};

class Context;

/// Immutable but for caches, and shared by any number of threads.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  /// version_mismatch (naming both) for a foreign plan where strict or not portable.
  static Result<std::shared_ptr<Engine>> load(plan::Plan plan, EngineOptions options = {});
  ~Engine();

  const std::vector<TensorSpec>& inputs() const { return inputs_; }
  const std::vector<TensorSpec>& outputs() const { return outputs_; }
  const std::vector<plan::ShapeRange>& ranges() const { return plan_.ranges; }
  const plan::Plan& plan() const { return plan_; }
  const backends::Executor& executor() const { return *executor_; }
  /// Why the plan was lowered again on load; empty where it was not.
  const std::string& notice() const { return notice_; }
  int threads() const { return threads_; }
  /// Where it runs: "cpu", "cuda:0".
  const std::string& place() const { return place_; }
  /// The GPU's number among those of this machine; -1 on the CPU.
  int ordinal() const { return ordinal_; }
  /// Bytes of weights and arena at these input shapes.
  Result<backends::MemoryUse> memory_use(const std::vector<Shape>& inputs) const;
  /// ok, invalid_argument (count), shape_mismatch.
  Status check_shapes(const std::vector<Shape>& inputs) const;
  /// Shapes of the outputs for these inputs, without running; empty ones depend on data.
  Result<std::vector<std::optional<Shape>>> output_shapes(const std::vector<Shape>& inputs) const;

  /// Runs one inference and waits for it.
  /// @param inputs  one view per engine input, in the engine's order; shapes within the ranges
  /// @param outputs one per output; a valid one of the right type and shape is written to, others are made
  /// @return ok, invalid_argument (count, type), shape_mismatch (names the tensor and both shapes), out_of_memory
  /// Thread-safe: concurrent calls draw contexts from a pool.
  Status run(const std::vector<TensorView>& inputs, std::vector<Tensor>& outputs);

  /// A context of the caller's own, with threads of its own (0: as the engine; never more, for kernels have scratch for
  /// so many); it keeps the engine alive. Its memory comes from `source`, which lasts as long.
  Result<std::unique_ptr<Context>> create_context(int threads = 0, backends::MemorySource source = {});

 private:
  friend class Context;
  Engine() = default;
  Status check_inputs(const std::vector<TensorView>& inputs) const;
  Status check_count(size_t inputs) const;
  Status check_shape(size_t input, const Shape& shape) const;
  Status account(size_t old_bytes, size_t new_bytes);

  plan::Plan plan_;
  std::shared_ptr<const backends::Executor> executor_;
  std::vector<TensorSpec> inputs_, outputs_;
  std::string notice_, place_ = "cpu";
  int threads_ = 1, ordinal_ = -1;
  uint64_t memory_limit_ = 0;
  std::mutex mutex_;                            // guards what follows
  std::vector<std::unique_ptr<Context>> idle_;  // the pool of run()
  uint64_t arena_bytes_ = 0;                    // of all contexts
  size_t weight_bytes_ = 0;
};

struct LayerTime {
  std::string name, op, tactic;
  double seconds = 0;  // summed over runs
  int64_t runs = 0;
};

/// One run at a time: memory and threads.
class Context {
 public:
  ~Context();
  /// As Engine::run; not thread-safe.
  Status run(const std::vector<TensorView>& inputs, std::vector<Tensor>& outputs);
  /// Queues a run on device buffers: see backends::Session::enqueue(). Not thread-safe.
  /// @return also shape_mismatch, invalid_argument (count), out_of_memory
  Status enqueue(const std::vector<Shape>& input_shapes, const std::vector<backends::DeviceBuffer>& inputs,
                 const std::vector<backends::DeviceBuffer>& outputs, void* stream);
  /// Seconds of GPU time of one run at these shapes, on inputs of random numbers that are on the device: see
  /// backends::Session::time().
  Result<backends::DeviceTimes> time_on_device(const std::vector<Shape>& input_shapes, int runs, bool flush_l2);
  /// Times each layer from now on (some 50 ns a layer).
  void set_profiling(bool on) { profiling_ = on; }
  /// In the order they run; empty without profiling.
  std::vector<LayerTime> profile() const;
  void reset_profile() { times_.clear(); }
  /// Takes memory for runs now; a later run may still take more.
  Status reserve(size_t bytes);
  /// Gives it back until the next run.
  void release_memory();
  /// Runs in this memory of the caller's from now on: see backends::Session::lend().
  Status use_memory(void* memory, size_t bytes);

 private:
  friend class Engine;
  Context(std::shared_ptr<Engine> engine, int threads, backends::MemorySource source);

  Result<backends::Session*> session();
  /// Makes the instance of these shapes the last one, and memory for it.
  Status prepare(std::vector<Shape> shapes);

  std::shared_ptr<Engine> engine_;  // null in the engine's own pool
  Engine* of_;
  int threads_;
  backends::MemorySource source_;
  std::unique_ptr<backends::Session> session_;  // made when first needed
  bool profiling_ = false;
  std::vector<std::pair<double, int64_t>> times_;  // by node
  // The last instance, so that repeated shapes take no lock and no look-up.
  std::vector<Shape> last_shapes_;
  std::shared_ptr<const backends::Instance> last_;
};

}  // namespace vivace::runtime
