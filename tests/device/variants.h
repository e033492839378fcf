// A case in other types and layouts: the problems that rows of the GPU are tested on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/cpu/shapes.h"
#include "backends/cuda/layout.h"

namespace vivace::cuda {

/// One node of a lowered graph, with random arguments.
struct TestProblem {
  std::string variant;  // "f32", "tf32 last", "f16", "f16 last" (channels), "f16 part" (of an image with more channels)
  DType type = DType::f32;
  Problem problem;
  std::vector<Tensor> inputs;  // row-major; invalid where left out
  double tolerance = 0;        // of the largest output
  // What `problem` points into.
  std::shared_ptr<const ir::Graph> graph;
  std::shared_ptr<const cpu::ConcreteGraph> at;
};

/// The nodes of the case in f32, f16 and bf16, the latter two row-major, with channels last, and as a part of an image
/// that has more channels; and in f32 where products may be rounded to TF32, the two latter. Nodes that run nothing are
/// left out.
Result<std::vector<TestProblem>> problems_of(const char* text);

/// What the reference kernels make of it in f32, from the same (rounded) arguments. Row-major; of f32 or integers.
Result<std::vector<Tensor>> expected_of(const TestProblem& problem);

}  // namespace vivace::cuda
