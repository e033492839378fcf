#include "ops/pointwise_nodes.h"

#include <limits>
#include <string_view>

namespace vivace::ops {

namespace {

using enum PointwiseOp;

struct Row {
  std::string_view op;
  PointwiseOp instruction;
};
// Operators that are one instruction, their operands the inputs.
constexpr Row kRows[] = {{"Add", add},
                         {"Sub", sub},
                         {"Mul", mul},
                         {"Div", PointwiseOp::div},
                         {"Pow", PointwiseOp::pow},
                         {"Neg", neg},
                         {"Abs", PointwiseOp::abs},
                         {"Sign", sign},
                         {"Reciprocal", reciprocal},
                         {"Sqrt", PointwiseOp::sqrt},
                         {"Floor", PointwiseOp::floor},
                         {"Ceil", PointwiseOp::ceil},
                         {"Round", PointwiseOp::round},
                         {"Exp", PointwiseOp::exp},
                         {"Log", PointwiseOp::log},
                         {"Sin", PointwiseOp::sin},
                         {"Cos", PointwiseOp::cos},
                         {"Tanh", PointwiseOp::tanh},
                         {"Erf", PointwiseOp::erf},
                         {"Sigmoid", sigmoid},
                         {"Relu", relu},
                         {"HardSwish", hard_swish},
                         {"Softplus", softplus},
                         {"Softsign", softsign},
                         {"Mish", mish}};
// Any number of inputs, one after the other.
constexpr Row kFolds[] = {{"Max", PointwiseOp::max}, {"Min", PointwiseOp::min}, {"Sum", add}};

struct Parameters {
  std::string_view op;
  PointwiseOp instruction;
  const char* names[2];  // of the attributes
  float defaults[2];
};
constexpr Parameters kParameters[] = {
    {"LeakyRelu", leaky_relu, {"alpha", nullptr}, {0.01f, 0}},
    {"Elu", elu, {"alpha", nullptr}, {1, 0}},
    {"Selu", selu, {"alpha", "gamma"}, {1.67326319217681884765625f, 1.05070102214813232421875f}},
    {"HardSigmoid", hard_sigmoid, {"alpha", "beta"}, {0.2f, 0.5f}}};

// The bound of a Clip: the fallback where left out, empty where it is not a constant.
std::optional<float> bound(const ir::Value* v, float fallback) {
  if (!v) return fallback;
  if (!v->is_constant() || v->constant().count() != 1) return std::nullopt;
  const std::vector<double> value = to_double(v->constant());
  const bool exact =
      value.size() == 1 && static_cast<double>(static_cast<float>(value[0])) == value[0];  // f64 may not be
  return exact ? std::optional(static_cast<float>(value[0])) : std::nullopt;
}

std::optional<PointwiseProgram> fold(const ir::Node& node, PointwiseOp op) {
  PointwiseProgram program;
  program.inputs = static_cast<int>(node.inputs().size());
  if (program.inputs < 2) return std::nullopt;
  int last = 0;
  for (int i = 1; i < program.inputs; ++i) last = program.append(op, last, i);
  return program;
}

std::optional<PointwiseProgram> unary(PointwiseOp op, float alpha = 0, float beta = 0) {
  PointwiseProgram program;
  program.inputs = 1;
  program.append(op, 0, -1, -1, alpha, beta);
  return program;
}

}  // namespace

std::optional<PointwiseProgram> pointwise_program_of(const ir::Node& node) {
  if (node.outputs().size() != 1 || node.inputs().empty() || !node.input(0)) return std::nullopt;
  const DType type = node.input(0)->type.dtype;
  const bool clip_like = node.op == "Clip";
  if (!is_float(type) || node.output()->type.dtype != type) return std::nullopt;
  for (const ir::Value* v : node.inputs())
    if (!clip_like && (!v || v->type.dtype != type)) return std::nullopt;

  for (const Row& row : kRows) {
    if (node.op != row.op) continue;
    PointwiseProgram program;
    program.inputs = info(row.instruction).operands;
    if (program.inputs != static_cast<int>(node.inputs().size())) return std::nullopt;
    program.append(row.instruction, 0, program.inputs > 1 ? 1 : -1);
    return program;
  }
  for (const Row& row : kFolds)
    if (node.op == row.op) return fold(node, row.instruction);
  for (const Parameters& row : kParameters) {
    if (node.op != row.op) continue;
    const float alpha = node.attributes.real(row.names[0], row.defaults[0]);
    return unary(row.instruction, alpha, row.names[1] ? node.attributes.real(row.names[1], row.defaults[1]) : 0);
  }
  if (node.op == "Gelu") return unary(node.attributes.text("approximate", "none") == "tanh" ? gelu_tanh : gelu);
  if (node.op == "Swish" && node.attributes.real("alpha", 1) == 1) return unary(silu);
  if (clip_like) {
    constexpr float kMost = std::numeric_limits<float>::infinity();
    const auto low = bound(node.input(1), -kMost), high = bound(node.input(2), kMost);
    return low && high ? unary(clip, *low, *high) : std::nullopt;
  }
  if (node.op == "vivace.Pointwise") {
    Result<PointwiseProgram> program = parse_pointwise(node.attributes.text("program"));
    if (program.ok() && program->inputs == static_cast<int>(node.inputs().size())) return *std::move(program);
  }
  return std::nullopt;
}

}  // namespace vivace::ops
