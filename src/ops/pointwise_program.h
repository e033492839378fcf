// A pointwise program: what a fused chain of elementwise operators computes for one element. It is the attribute
// `program` of the operator vivace.Pointwise.
//
// Text form, instructions separated by ';', the last one gives the result:
//   t0 = mul x0 x1; t1 = add t0 2.5; clip t1 0 6
// x<i> is input i, t<i> an earlier result, a number is a constant; parameters (as clip's bounds) follow the operands.
// A program that uses no input from some number on says so first: "inputs 3; relu x0".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ops/pointwise_op.h"

namespace vivace {

struct PointwiseInstruction {
  PointwiseOp op = PointwiseOp::constant;
  // 0 to inputs - 1: an input; from there on the result of an earlier instruction.
  int operand[3] = {-1, -1, -1};
  float alpha = 0, beta = 0;

  bool operator==(const PointwiseInstruction&) const = default;
};

struct PointwiseProgram {
  int inputs = 0;
  std::vector<PointwiseInstruction> instructions;

  /// Appends an instruction and returns the index of its result as an operand. `inputs` must be final by then.
  int append(PointwiseOp op, int a = -1, int b = -1, int c = -1, float alpha = 0, float beta = 0);
  bool operator==(const PointwiseProgram&) const = default;
};

struct PointwiseOpInfo {
  const char* name;
  int operands, parameters;
};
const PointwiseOpInfo& info(PointwiseOp op);

/// At least one instruction, operands that exist and come earlier.
Status verify(const PointwiseProgram& program);
/// The text form; parse_pointwise gives the same program, with each constant once and before its first use.
std::string to_string(const PointwiseProgram& program);
Result<PointwiseProgram> parse_pointwise(std::string_view text);

/// The reference: the result for one element. The program must be verified.
double evaluate(const PointwiseProgram& program, const double* inputs);
float evaluate(const PointwiseProgram& program, const float* inputs);

}  // namespace vivace
