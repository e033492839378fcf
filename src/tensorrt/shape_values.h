// Which values of a graph decide about shapes.
#pragma once

#include <unordered_set>

#include "ir/graph.h"

namespace vivace::tensorrt {

/// Values whose elements a node takes as dimensions, axes, bounds or counts, and what those are computed from.
std::unordered_set<const ir::Value*> shape_values_of(const ir::Graph& graph);

}  // namespace vivace::tensorrt
