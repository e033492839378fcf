// Random graphs of the operators that models are made of.
#pragma once

#include <memory>

#include "ir/graph.h"

namespace vivace::passes {

/// A graph of some `nodes` nodes of odd shapes over floats of one type, the same for the same seed: convolutions,
/// matrix products, normalizations whole and in pieces, activations, residuals, views, constants, values used twice.
/// Its types are inferred. Numbers stay within some powers of ten.
std::unique_ptr<ir::Graph> random_graph(DType type, int nodes, uint64_t seed);

}  // namespace vivace::passes
