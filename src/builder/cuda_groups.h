// Nodes that could run as one kernel.
#pragma once

#include <vector>

#include "builder/cuda_work.h"

namespace vivace::builder {

/// Nodes one behind the other, and the launch that does what their best options do.
struct CudaGroup {
  size_t first = 0, count = 1;
  cuda::Launch launch;
  std::string key;    // of its machine code
  bool pays = false;  // expected: no more blocks than the GPU runs in two rounds
};

/// The groups that a program has with the first options of `works`, by node; none overlaps another one.
std::vector<CudaGroup> list_groups(const std::vector<ir::Node*>& nodes, const std::vector<CudaWork*>& works,
                                   const cuda::Device& gpu);

/// Machine code of all groups, each distinct one once; groups that do not compile are dropped.
CudaImages compile_groups(std::vector<CudaGroup>& groups, const cuda::Device& gpu, ThreadPool& pool);

}  // namespace vivace::builder
