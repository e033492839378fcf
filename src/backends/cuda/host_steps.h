// Runs the steps of the CPU in a session's mirror of its memory.
#pragma once

#include <memory>
#include <vector>

#include "backends/cpu/executor.h"
#include "backends/cuda/instance.h"
#include "base/threads.h"

namespace vivace::cuda {

class HostSteps {
 public:
  /// @param executor  of the program's graph, for nodes that are known late
  HostSteps(std::shared_ptr<const cpu::Executor> executor, int threads)
      : executor_(std::move(executor)), nodes_(executor_->graph().node_list()), pool_(threads) {}

  /// Before each run. `inputs` may be empty where none holds strings.
  void begin(const Instance& instance, const std::vector<TensorView>& inputs);
  /// What it reads has been downloaded into the mirror; what it writes there is uploaded afterwards.
  Status run(const Instance& instance, const Step& step, std::byte* mirror);
  /// After a run: an output that is not placed in the session's memory.
  Status give(const Instance& instance, const ir::Value* output, Tensor& to) const;

 private:
  Status run_late(const Instance& instance, const Step& step, std::byte* mirror);

  std::shared_ptr<const cpu::Executor> executor_;
  std::vector<ir::Node*> nodes_;
  ThreadPool pool_;
  std::vector<Tensor> values_;  // by value id: tensors of this run, whose sizes were not known before, or of strings
};

}  // namespace vivace::cuda
