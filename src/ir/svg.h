// A picture of a graph that needs no other program to draw it.
//
// Layered drawing after Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System
// Structures", 1981: a node lies below all it takes from; within a row boxes are ordered by the mean place of what
// they take from, which keeps most lines straight.
#pragma once

#include <functional>
#include <string>

#include "ir/graph.h"

namespace vivace::ir {

/// The second line of a node's box; the first is its operator.
using NodeLabel = std::function<std::string(const Node&)>;

/// One SVG element; constants are not drawn. Without a label nodes show their names.
std::string to_svg(const Graph& graph, const NodeLabel& label = {});

}  // namespace vivace::ir
