// Runs a program on the CPU. An executor is immutable and shared; what a run writes lives in a Scratch of its own.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "backends/cpu/placement.h"
#include "backends/cpu/weights.h"
#include "ops/prepared.h"
#include "plan/plan.h"

namespace vivace::ops {
class Operation;
}

namespace vivace::cpu {

using backends::MemorySource;
using backends::MemoryUse;
using backends::StepObserver;

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

class Executor final : public backends::Executor {
 public:
  /// version_mismatch where a tactic is missing or has another version, corrupt_file where parts do not fit.
  static Result<std::shared_ptr<const Executor>> create(plan::Program program, const Machine& machine);
  ~Executor() override;

  std::string device() const override { return machine_.device(); }
  const ir::Graph& graph() const override { return *program_.graph; }
  const plan::Program& program() const override { return program_; }
  const Machine& machine() const { return machine_; }

  Result<std::shared_ptr<const backends::Instance>> instance(const std::vector<Shape>& inputs) const override;
  std::optional<Shape> output_shape(const backends::Instance& instance, size_t i) const override;
  MemoryUse memory_use(const backends::Instance& instance) const override;
  Result<std::unique_ptr<backends::Session>> session(int threads, MemorySource source) const override;

  /// Runs a node whose shapes are known only now, or which runs subgraphs, by its reference kernel.
  /// @param values  by value id: those of the node's inputs that are no constants; gets its outputs
  Status run_when_known(size_t node, std::vector<Tensor>& values, ThreadPool& pool) const;

 private:
  class Instance;
  class Session;
  Executor() = default;
  Status run(const Instance& instance, const std::vector<TensorView>& inputs, std::vector<Tensor>& outputs,
             Scratch& scratch, ThreadPool& pool, const StepObserver& observe = {}) const;
  Result<std::shared_ptr<const Instance>> instance_at(std::vector<Shape> inputs) const;
  Result<std::shared_ptr<const Instance>> make_instance(const std::vector<Shape>& inputs) const;
  struct Ready {
    const Tactic* tactic = nullptr;
    std::vector<Tensor> packed;
    Bound bound;
  };
  Result<Ready> bind(size_t node, const Problem& problem) const;
  Result<std::vector<Tensor>> run_tensors(const std::vector<Tensor>& inputs, ThreadPool& pool) const;

  plan::Program program_;
  Machine machine_;
  std::vector<ir::Node*> nodes_;
  std::unique_ptr<ops::Kept[]> kept_;                              // of each node, for those that run_when_known() runs
  std::vector<std::shared_ptr<const ops::Operation>> operations_;  // of plugins, kept for what runs them when known
  std::map<std::pair<size_t, std::string>, std::shared_ptr<const Executor>> bodies_;
  std::map<size_t, size_t> first_of_body_;  // by node: where its first body's nodes are among steps_of(program_)
  mutable std::mutex mutex_;
  mutable std::map<std::vector<Shape>, std::shared_ptr<const Instance>> instances_;
};

/// Whether the node runs a program of its own (If, Loop, Scan).
bool has_subgraph(const ir::Node& node);

/// Whether Executor::run_when_known() has to run it: shapes are known only while running, it runs subgraphs, or it
/// holds strings, which are objects that an arena cannot hold.
bool is_known_late(const ir::Node& node, const ConcreteGraph& at);

}  // namespace vivace::cpu
