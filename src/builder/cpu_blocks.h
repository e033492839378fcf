// Blocks of layers that one kernel of the CPU may run: as one, or apart.
#pragma once

#include "builder/builder.h"

namespace vivace::builder {

/// The program of a graph that has its types but not its layouts. `inputs` are the optimum shapes; `also` others that
/// every choice must support. Where layers are timed, a block becomes one operator if that takes less time.
Result<plan::Program> make_cpu_program(const ir::Graph& graph, const std::vector<Shape>& inputs,
                                       const std::vector<std::vector<Shape>>& also, const BuildConfig& config,
                                       const cpu::Machine& machine, Report& report);

}  // namespace vivace::builder
