// Types of fewer bits where they do no harm.
#pragma once

#include "ir/graph.h"

namespace vivace::passes {

/// Stores f32 values as `type` (f16 or bf16) wherever every operator at hand takes it, with a Cast where the graph's
/// inputs, outputs or an operator need f32. Constants are rounded; finite ones stay finite. Sums and functions are
/// still computed in f32 by the kernels. Returns the number of nodes that work in `type`; types are inferred anew.
Result<int> lower_precision(ir::Graph& graph, DType type);

}  // namespace vivace::passes
