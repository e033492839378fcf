// Blocks of layers that one kernel of a GPU may run: as one, or apart.
#pragma once

#include "builder/cuda_program.h"

namespace vivace::builder {

/// As make_cuda_program, of a graph that has its types but not its layouts. Where layers are timed, a block becomes one
/// operator if that takes less time than its parts; else where recorded times say so.
Result<plan::Program> make_blocks_and_program(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& shapes,
                                              const BuildConfig& config, const cuda::Target& target, Report& report);

}  // namespace vivace::builder
