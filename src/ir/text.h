// The text form of a graph, for people, golden tests and `inspect`.
//
//   graph "name" (%x: f32[batch,3,8,8], %n: i64[]) {     # a comment
//     %w = const f32[4,3,3,3] random(7)
//     %y: f32[batch,4,6,6] = Conv(%x, %w, const f32[4] {1, 2, 3, 4}) {group=1, pads=[0, 0, 0, 0]} "conv1"
//     %a, _ = SomeOp(%y, _) {mode="x", scale=0.5, empty=ints[], body=graph (%i: f32[]) { return %i }}
//     return %y as "result", %a
//   }
//
// `_` is an input left out or an output nobody uses. Types of outputs may be left out: inference finds them.
// Constants: {elements}, splat(element), random(seed) (see random_tensor), or hash(hex), which stands for elements that
// are not in the text and so cannot be parsed. Names that are no plain words are quoted: %"a b". `%name~7` is a value
// called `name` where several are; `%~7` has no name. A float attribute has a point, an exponent, or is inf or nan.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ir/graph.h"

namespace vivace::ir {

struct PrintOptions {
  int64_t max_elements = 16;    // constants with more are printed by splat or hash
  bool constant_values = true;  // false: only the types of constants, as `const f32[3] ...`; for comparing structure
  bool names = true;            // false: values are numbered in order and nodes have no names
  bool types = true;            // of node outputs
};

std::string print(const Graph& graph, const PrintOptions& options = {});
/// One node with its inputs and outputs on one line; subgraphs as "graph ...".
std::string print(const Node& node);

/// invalid_argument with line and column where the text is not a graph.
Result<std::unique_ptr<Graph>> parse(std::string_view text);

/// "seq(f32[*])" as Type::to_string() writes it.
Result<Type> parse_type(std::string_view text);

/// Reproducible elements: floats even in [-1, 1), integers in [-8, 8) (unsigned: [0, 8)), bools; strings "s0".."s7".
/// Invalid where the shape cannot be held.
Tensor random_tensor(DType type, const Shape& shape, uint64_t seed);

}  // namespace vivace::ir
