// Runs a program on a GPU: one CUDA graph for everything between two nodes that only the CPU can run.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "backends/common/executor.h"
#include "backends/cpu/executor.h"
#include "backends/cuda/driver.h"
#include "backends/cuda/tactic.h"

namespace vivace::cuda {

struct Instance;
struct Step;

class Executor final : public backends::Executor {
 public:
  /// @param host  how nodes without a kernel run
  /// version_mismatch where a tactic is missing or has another version, device_unavailable where the GPU is not here.
  static Result<std::shared_ptr<const Executor>> create(plan::Program program, const Device& device,
                                                        const cpu::Machine& host);

  std::string device() const override { return device_.device(); }
  const ir::Graph& graph() const override { return *program_.graph; }
  const plan::Program& program() const override { return program_; }
  Result<std::shared_ptr<const backends::Instance>> instance(const std::vector<Shape>& inputs) const override;
  std::optional<Shape> output_shape(const backends::Instance& instance, size_t i) const override;
  backends::MemoryUse memory_use(const backends::Instance& instance) const override;
  Result<std::unique_ptr<backends::Session>> session(int threads, backends::MemorySource source) const override;

 private:
  Executor() = default;
  Result<std::shared_ptr<const Instance>> make_instance(const std::vector<Shape>& inputs) const;
  /// Fills in the step's kernels; false where the node has to run on the CPU.
  Result<bool> bind_kernels(size_t node, const Problem& problem, Step& step) const;
  /// Gives the step of node `first` the kernel of all that the plan lets run beside it, where there is one.
  void bring_together(std::vector<Step>& steps, size_t first) const;
  Result<std::shared_ptr<Kernel>> kernel(const Launch& launch, const plan::Choice& choice) const;
  /// Copies those that are not on the GPU yet, into memory that is allocated once for all of them.
  Status upload(const std::vector<Tensor>& tensors) const;
  /// The tensor's copy on the GPU.
  Result<DevicePointer> uploaded(const Tensor& tensor) const;

  plan::Program program_;
  Device device_;
  cpu::Machine host_;
  std::shared_ptr<Gpu> gpu_;
  std::shared_ptr<const cpu::Executor> on_host_;  // of the same graph: what runs nodes known late
  std::vector<ir::Node*> nodes_;
  mutable std::mutex mutex_;  // guards what follows
  mutable std::map<std::vector<Shape>, std::shared_ptr<const Instance>> instances_;
  mutable std::unordered_map<std::string, std::shared_ptr<Kernel>> kernels_;
  mutable std::unordered_map<const void*, std::pair<Tensor, DevicePointer>> constants_;
  mutable std::vector<Memory> constant_memory_;
};

}  // namespace vivace::cuda
