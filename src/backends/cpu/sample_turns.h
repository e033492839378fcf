// The turns of a vivace.ForSamples, on several threads at once.
#pragma once

#include <memory>
#include <vector>

#include "backends/common/executor.h"
#include "backends/cpu/shapes.h"

namespace vivace::cpu {

/// A ForSamples node at concrete shapes, ready to run. Each thread takes whole turns, in memory of its own; the body
/// reads and writes its part of the node's tensors where they are.
class SampleTurns {
 public:
  /// `body` runs on one thread; `threads` is how many may run turns.
  static Result<std::shared_ptr<const SampleTurns>> make(const ir::Node& node, const ConcreteGraph& at,
                                                         std::shared_ptr<const backends::Executor> body, int threads);

  /// Bytes that run() works in.
  size_t workspace() const { return lane_bytes_ * static_cast<size_t>(threads_); }

  /// @param seconds  where given: becomes the time of each of the body's nodes, summed over turns and divided by the
  /// threads that shared them
  Status run(const Launch& launch, std::vector<double>* seconds) const;

 private:
  struct Lane;

  std::shared_ptr<const backends::Executor> body_;
  std::shared_ptr<const backends::Instance> instance_;
  std::vector<TensorView> inputs_, outputs_;  // without addresses
  int64_t samples_ = 1, turns_ = 0;
  size_t lane_bytes_ = 0;  // of one thread
  int threads_ = 1;
};

}  // namespace vivace::cpu
