// A graph at concrete input shapes: every shape that follows from them, and every value that does (shape arithmetic,
// masks, ranges), computed once instead of in each run.
#pragma once

#include <optional>
#include <vector>

#include "backends/cpu/tactic.h"
#include "ir/graph.h"

namespace vivace::cpu {

struct ConcreteGraph {
  std::vector<std::optional<ir::Type>> types;  // by value id; empty where the shape depends on data
  std::vector<Tensor> values;                  // by value id; invalid where the elements depend on data

  const ir::Type* type(const ir::Value* v) const {
    const auto& found = types[static_cast<size_t>(v->id())];
    return found ? &*found : nullptr;
  }
  const Tensor* value(const ir::Value* v) const {
    const Tensor& found = values[static_cast<size_t>(v->id())];
    return found.valid() ? &found : nullptr;
  }
  /// True where nothing of the node is left to run.
  bool settled(const ir::Node& node) const;
  /// True where the shapes of all inputs and outputs are known.
  bool concrete(const ir::Node& node) const;
};

/// shape_mismatch or invalid_model where the shapes do not fit the graph.
Result<ConcreteGraph> concretize(const ir::Graph& graph, const std::vector<Shape>& inputs);

/// The node's problem at these shapes; the node must be concrete.
Problem problem_of(const ir::Node& node, const ConcreteGraph& at);

}  // namespace vivace::cpu
