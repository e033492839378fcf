// One-node cases as text, checked against the operator's inference and its reference kernel:
//
//   Concat{axis=1}(f32[2,1]{1,2}; f32[2,2]{3,4,5,6}) -> f32[2,3]{1,3,4,2,5,6}
//   Gather(f32[2]{1,2}; i64[1]{5}) -> error: out of range
//
// Inputs and outputs are separated by ';', '_' leaves an optional one out. Without braces a tensor holds zeros, with
// {iota} 0, 1, 2... Attributes: integers, 0.5, 'text', [1,2], [0.5,1.0], ['a','b'], tensors.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/tensor.h"
#include "ir/attribute.h"

namespace vivace::ops {

struct OpCase {
  std::string op;
  ir::Attributes attributes;
  std::vector<Tensor> inputs;   // invalid where left out
  std::vector<Tensor> outputs;  // likewise: not compared
  std::string error;            // part of the message expected; empty where the case must succeed
};
/// Fails the test and gives an empty op where the text is malformed.
OpCase parse_op_case(const std::string& text);
/// A tensor from text such as "f32[2,2]{1,2,3,4}".
Tensor tensor_of(const std::string& text);

/// Largest |a - e| allowed is absolute + relative * |e|. The defaults suit one rounding to the element type, and a few
/// for f32 and f64.
struct Tolerance {
  double absolute = 1e-6;
  double relative = 2e-6;
};

/// Runs a case: inference with all shapes known, with none, without ranks, and with all inputs constant, none of which
/// may contradict the outputs; then the reference kernel, alone and on threads.
void check_op(const std::string& text, Tolerance tolerance = {});
void check_ops(const std::vector<std::string>& texts, Tolerance tolerance = {});

}  // namespace vivace::ops
