// Pointwise operators and their fused chains: one expression per instruction, one thread per element.
#include "backends/cpu/pointwise_plan.h"
#include "backends/cuda/rows/rows.h"
#include "ops/pointwise_nodes.h"

namespace vivace::cuda {

namespace {

std::string expression(const PointwiseInstruction& i, const std::vector<std::string>& names) {
  const auto arg = [&](int k) { return names[static_cast<size_t>(i.operand[k])]; };
  const auto compare = [&](const char* op) { return "(" + arg(0) + op + arg(1) + ") ? 1.0f : 0.0f"; };
  const auto call = [&](const char* name) { return std::string(name) + "(" + arg(0) + ")"; };
  const std::string alpha = literal(i.alpha), beta = literal(i.beta);
  const auto x = [&] { return arg(0); };
  switch (i.op) {
    case PointwiseOp::constant: return alpha;
    case PointwiseOp::add: return arg(0) + " + " + arg(1);
    case PointwiseOp::sub: return arg(0) + " - " + arg(1);
    case PointwiseOp::mul: return arg(0) + " * " + arg(1);
    case PointwiseOp::div: return arg(0) + " / " + arg(1);
    case PointwiseOp::pow: return "powf(" + arg(0) + ", " + arg(1) + ")";
    case PointwiseOp::max: return "larger(" + arg(0) + ", " + arg(1) + ")";
    case PointwiseOp::min: return "smaller(" + arg(0) + ", " + arg(1) + ")";
    case PointwiseOp::less: return compare(" < ");
    case PointwiseOp::less_equal: return compare(" <= ");
    case PointwiseOp::greater: return compare(" > ");
    case PointwiseOp::greater_equal: return compare(" >= ");
    case PointwiseOp::equal: return compare(" == ");
    case PointwiseOp::not_equal: return compare(" != ");
    case PointwiseOp::logical_and: return "(" + arg(0) + " != 0 && " + arg(1) + " != 0) ? 1.0f : 0.0f";
    case PointwiseOp::logical_or: return "(" + arg(0) + " != 0 || " + arg(1) + " != 0) ? 1.0f : 0.0f";
    case PointwiseOp::fma: return "fmaf(" + arg(0) + ", " + arg(1) + ", " + arg(2) + ")";
    case PointwiseOp::where: return arg(0) + " != 0 ? " + arg(1) + " : " + arg(2);
    case PointwiseOp::logical_not: return x() + " != 0 ? 0.0f : 1.0f";
    case PointwiseOp::neg: return "-" + x();
    case PointwiseOp::abs: return call("fabsf");
    case PointwiseOp::sign: return x() + " > 0 ? 1.0f : " + x() + " < 0 ? -1.0f : " + x();
    case PointwiseOp::reciprocal: return "1 / " + x();
    case PointwiseOp::sqrt: return call("sqrtf");
    case PointwiseOp::rsqrt: return "1 / sqrtf(" + x() + ")";
    case PointwiseOp::square: return x() + " * " + x();
    case PointwiseOp::floor: return call("floorf");
    case PointwiseOp::ceil: return call("ceilf");
    case PointwiseOp::round: return call("rintf");
    case PointwiseOp::exp: return call("expf");
    case PointwiseOp::log: return call("logf");
    case PointwiseOp::sin: return call("sinf");
    case PointwiseOp::cos: return call("cosf");
    case PointwiseOp::tanh: return call("tanhf");
    case PointwiseOp::erf: return call("erff");
    case PointwiseOp::sigmoid: return "1 / (1 + expf(-" + x() + "))";
    case PointwiseOp::relu: return "larger(" + x() + ", 0.0f)";
    case PointwiseOp::clip: return "smaller(larger(" + x() + ", " + alpha + "), " + beta + ")";
    case PointwiseOp::leaky_relu: return x() + " < 0 ? " + alpha + " * " + x() + " : " + x();
    case PointwiseOp::elu: return x() + " < 0 ? " + alpha + " * expm1f(" + x() + ") : " + x();
    case PointwiseOp::selu: return beta + " * (" + x() + " < 0 ? " + alpha + " * expm1f(" + x() + ") : " + x() + ")";
    case PointwiseOp::hard_sigmoid: return "smaller(larger(" + alpha + " * " + x() + " + " + beta + ", 0.0f), 1.0f)";
    case PointwiseOp::hard_swish: return x() + " * smaller(larger(" + x() + " / 6 + 0.5f, 0.0f), 1.0f)";
    case PointwiseOp::silu: return x() + " / (1 + expf(-" + x() + "))";
    case PointwiseOp::gelu: return "0.5f * " + x() + " * (1 + erff(" + x() + " * 0.70710678f))";
    case PointwiseOp::gelu_tanh:
      return "0.5f * " + x() + " * (1 + tanhf(0.79788456f * (" + x() + " + 0.044715f * " + x() + " * " + x() + " * " +
             x() + ")))";
    case PointwiseOp::softplus: return "softplus(" + x() + ")";
    case PointwiseOp::softsign: return x() + " / (1 + fabsf(" + x() + "))";
    case PointwiseOp::mish: return x() + " * tanhf(softplus(" + x() + "))";
  }
  return "0";
}

constexpr const char* kHelpers = R"(
__device__ __forceinline__ float larger(float a, float b) { return a != a ? a : b != b ? b : fmaxf(a, b); }
__device__ __forceinline__ float smaller(float a, float b) { return a != a ? a : b != b ? b : fminf(a, b); }
__device__ __forceinline__ float softplus(float x) { return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x))); }
)";

Verdict supports(const Problem& p, const Device&) {
  const auto program = ops::pointwise_program_of(*p.node);
  if (!program) return no("not a pointwise operator on floats with known parameters");
  if (p.outputs[0].type != DType::f32) return no("f32 only");
  for (int i = 0; i < program->inputs; ++i)
    if (p.inputs[static_cast<size_t>(i)].type != DType::f32) return no("f32 only");
  if (elements(p.outputs[0].shape) > INT32_MAX) return no("more than 2^31 elements");
  return yes();
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  const auto program = ops::pointwise_program_of(*p.node);
  if (!program) return Status(Code::internal, p.node->describe() + ": not a pointwise program");
  const Shape& dims = p.outputs[0].shape;
  Launch launch;
  launch.name = "pointwise";
  Source source;
  source.constant("kElements", elements(dims)).add(kHelpers);
  std::string parameters, body;
  std::vector<std::string> names;
  for (int i = 0; i < program->inputs; ++i) {
    const std::string n = std::to_string(i);
    parameters += "const float* __restrict__ p" + n + ", ";
    body += "  const float x" + n + " = p" + n + "[" +
            strided_offset("i", dims, cpu::broadcast_strides(p.inputs[static_cast<size_t>(i)].shape, dims)) + "];\n";
    names.push_back("x" + n);
    launch.arguments.push_back(input(i));
  }
  launch.arguments.push_back(output());
  for (size_t k = 0; k < program->instructions.size(); ++k) {
    names.push_back("t" + std::to_string(k));
    body += "  const float " + names.back() + " = " + expression(program->instructions[k], names) + ";\n";
  }
  source.add(
      "extern \"C\" __global__ void __launch_bounds__(256) pointwise(" + parameters +
      "float* __restrict__ y) {\n  const int i = blockIdx.x * 256 + threadIdx.x;\n  if (i >= kElements) return;\n" +
      body + "  y[i] = " + names.back() + ";\n}\n");
  launch.source = source.text();
  launch.grid[0] = blocks_for(elements(dims), launch.block);
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic pointwise_tactic{
    .name = "cuda_pointwise",
    .version = 1,
    .operators = {},
    .supports = supports,
    .estimate = estimate_bytes,
    .generate = generate,
};

}  // namespace vivace::cuda
