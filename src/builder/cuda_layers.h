// Which nodes have a kernel for a GPU, without compiling any.
#pragma once

#include "builder/builder.h"

namespace vivace::builder {

/// Adds a layer to the report for each node of the graph as it would be lowered for the GPU, with the row expected to
/// be fastest, or with `fallback` and each row's reason against it.
Status list_cuda_layers(const ir::Graph& portable, const std::vector<Shape>& shapes, const BuildConfig& config,
                        const cuda::Target& target, Report& report);

}  // namespace vivace::builder
