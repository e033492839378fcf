// Cases of operators in tests/ops/cases/*.txt: inputs, attributes and the outputs that ONNX Runtime or the
// standard's own evaluator gave (scripts/make_operator_cases.py writes them). VIVACE_OPERATOR_CASES names one more
// file.
//
//   case Conv tolerance 1e-05
//   attr group i 2
//   in f32 1,2,3 : 1 2 3 4 5 6
//   in -
//   out f32 1,2,1 : 0.5 1
//
// Attribute kinds: i is f fs s ss, and t: a tensor as after "in". Strings may stand in quotes. Elements of f8 types are their bits.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace vivace::ops {

struct Case {
  std::string where, op;
  double tolerance = 0;
  ir::Attributes attributes;
  std::vector<Tensor> inputs, outputs;  // an omitted one is not valid()
};

std::vector<Case> read_cases();

/// A graph of the one node; `type` says what is known of each input.
ir::Node* make_node(ir::Graph& graph, const Case& c, const std::function<ir::Type(const Tensor&)>& type);

}  // namespace vivace::ops
