// What a node computes for each element of its inputs, as text.
#pragma once

#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

/// What kernels on single elements share: wide() and narrow() between storage and what sums are kept in (f32 for 16-bit
/// floats), load() and store() of neighbours.
std::string_view element_helpers();

/// Bytes, addressed as a number of any kind: "unsigned short", ...; nullptr where there is none so wide.
const char* raw_type(DType type);

/// Whether anything reads output `i`.
bool asked_for(const Problem& p, size_t i);

/// A pointwise operator: the function `Y apply(A0 a0, A1 a1, ...)` of storage types Y and A<k>.
struct Elementwise {
  std::vector<size_t> operands;  // inputs of the node that are its arguments
  std::vector<Shape> shapes;     // as which they broadcast to the result
  std::vector<std::string> types;
  std::string result;
  std::string function;  // text: its helpers and itself
  std::string fault;     // not empty: it takes `unsigned* fault` last, for this complaint
};
Verdict elementwise_of(const Problem& p, Elementwise& e);

/// All operators that elementwise_of knows.
std::vector<std::string_view> elementwise_operators();

}  // namespace vivace::cuda
