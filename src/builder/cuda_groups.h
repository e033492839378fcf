// Nodes that could run as one kernel.
#pragma once

#include <vector>

#include "builder/cuda_work.h"

namespace vivace::builder {

/// Nodes one behind the other, and the launch that does what all do.
struct CudaGroup {
  size_t first = 0;
  std::vector<CudaOption> members;  // the best options of the nodes from `first` on, or others that fit together
  double extra = 0;                 // seconds that these take longer, alone, than the best
  cuda::Launch launch;
  std::string key;    // of its machine code
  bool pays = false;  // expected: no more blocks than the GPU runs in two rounds
};

/// The groups that a program has, by the options of `works` by node; none overlaps another one. Where the best options
/// have clusters of different sizes, others take their places that are not much slower.
std::vector<CudaGroup> list_groups(const std::vector<ir::Node*>& nodes, const std::vector<CudaWork*>& works,
                                   const cuda::Device& gpu);

/// Adds the machine code of the groups and of their members to `images`, each distinct one once; groups that do not
/// compile are dropped.
Status compile_groups(std::vector<CudaGroup>& groups, const cuda::Device& gpu, ThreadPool& pool, CudaImages& images);

}  // namespace vivace::builder
