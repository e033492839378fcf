// A program for a GPU: a tactic for each node, and its kernels compiled.
#pragma once

#include "builder/builder.h"

namespace vivace::builder {

/// Compiles the kernels of all nodes at `shapes` in parallel, and times them where the GPU is here and the effort is
/// not 0; else it chooses by estimates, which needs no GPU. Nodes that no tactic supports run on the CPU; the report
/// says why. device_unavailable where there is no compiler.
/// @param trial  only to be compared with others node by node: nothing is searched in the whole network
Result<plan::Program> make_cuda_program(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& shapes,
                                        const BuildConfig& config, const cuda::Target& target, Report& report,
                                        bool trial = false);

}  // namespace vivace::builder
