// What the subgraphs of If, Loop, Scan and SequenceMap are given.
#pragma once

#include <vector>

#include "ops/operator.h"

namespace vivace::ops {

/// What is known of an input of a subgraph.
struct Argument {
  ir::Type type;
  std::optional<ir::Dims> known;
};
/// The number of captures, checked against the node's inputs after the first `own`.
Result<size_t> captures_of(const Inference& in, size_t own);
/// Of input i of the node.
Argument argument(const Inference& in, size_t i);
void add_captures(const Inference& in, size_t captures, std::vector<Argument>& arguments);
/// The subgraph of this name; invalid_model where it does not take so many inputs.
Result<const ir::Graph*> subgraph_of(const Inference& in, const char* name, size_t inputs);
/// Types of the subgraph's outputs for these arguments. The subgraph itself stays as it is: the next call may come with
/// other shapes.
Result<std::vector<ir::Type>> infer_subgraph(const Inference& in, const ir::Graph& graph,
                                             const std::vector<Argument>& arguments);

/// A view as a tensor that owns nothing; the caller of the operator keeps the memory.
inline Tensor borrowed(const TensorView& view) { return Tensor::wrap(view.type, view.shape, view.data, nullptr); }

/// What SequenceMap gives its body of an input: an element of a sequence, anything else as it is.
ir::Type mapped_element(const ir::Type& type);

/// Types of a subgraph's inputs that hold in each of its runs, from the types of the node's inputs and outputs. What
/// changes from one iteration to the next has no such dimensions.
std::vector<ir::Type> subgraph_input_types(const ir::Node& node, const std::vector<ir::Type>& inputs,
                                           const std::vector<ir::Type>& outputs);

}  // namespace vivace::ops
