// Matrix products by NVIDIA's cuBLASLt.
#include "backends/cuda/rows/matmul.h"
#include "backends/cuda/vendor_cublaslt.h"

namespace vivace::cuda {

namespace {

// The strides of a batch as one, where all its dimensions have one.
Verdict flatten(const cpu::GemmProblem& g, LtProduct& product) {
  bool any = false;
  for (size_t i = std::size(g.batch); i-- > 0;) {
    const auto& dim = g.batch[i];
    if (dim.count == 1) continue;
    // A is the library's B, for its matrices are column by column.
    if (!any) {
      product.a.step = dim.b, product.b.step = dim.a, product.d.step = dim.c;
    } else if (dim.b != product.a.step * product.batch || dim.a != product.b.step * product.batch ||
               dim.c != product.d.step * product.batch) {
      return no("matrices of a batch that no single stride leads to");
    }
    product.batch *= dim.count;
    any = true;
  }
  return yes();
}

// Row by row, C = A B is column by column the product of B and A.
Verdict product_of(const Problem& p, LtProduct& product) {
  GridProduct grid;
  if (const Verdict verdict = product_for_grid(p, grid); !verdict) return verdict;
  if (grid.made != grid.type) return no("a result of another type");
  const cpu::GemmProblem& g = grid.gemm();
  if (g.m < 1 || g.n < 1 || g.k < 1 || grid.batch < 1) return no("nothing to compute");
  product.type = grid.type;
  product.rows = g.n, product.columns = g.m, product.sum = g.k;
  product.alpha = g.alpha;
  product.bias = grid.product.bias;
  product.added = grid.product.residual;
  using Activation = LtProduct::Activation;
  switch (g.activation) {
    case cpu::Activation::none: break;
    case cpu::Activation::relu: product.activation = Activation::relu; break;
    case cpu::Activation::gelu_tanh: product.activation = Activation::gelu; break;
    // The library's is by tanh: off by 5e-4 at most, which 16 bits hardly tell.
    case cpu::Activation::gelu:
      if (grid.type == DType::f32) return no("cuBLASLt has no exact GELU");
      product.activation = Activation::gelu;
      break;
    default: return no("cuBLASLt has no such activation");
  }
  if (product.added && g.residual_last && product.activation != Activation::none)
    return no("cuBLASLt adds before the activation");
  const auto operand = [](LtProduct::Operand& to, int64_t row, int64_t column, int64_t columns, int64_t rows) -> bool {
    // Element (r, c) is at r * row + c * column; a stride of a dimension of one element does not matter.
    to.transposed = !(column == 1 || columns == 1);
    if (to.transposed && row != 1 && rows != 1) return false;
    to.pitch = std::max(to.transposed ? column : row, to.transposed ? rows : columns);
    return true;
  };
  if (!operand(product.a, g.b_row, g.b_column, g.n, g.k) ||
      !operand(product.b, g.a_row, grid.product.a_column, g.k, g.m))
    return no("a matrix without a dimension of stride 1");
  product.d.pitch = g.c_row;
  return flatten(g, product);
}

Result<std::shared_ptr<LtPlan>> plan_of(const Problem& p, const Device& device) {
  VIVACE_ASSIGN(const LtProduct product, supported<product_of>(p));
  return lt_plan(product, device.ordinal);
}

Verdict matmul_supports(const Problem& p, const Device& device) {
  LtProduct product;
  if (Verdict verdict = product_of(p, product); !verdict) return verdict;
  if (device.ordinal < 0) return no("a library works on a GPU that is here only");
  if (const Result<std::string> version = cublaslt_version(); !version.ok()) return no(version.status().message());
  const auto plan = lt_plan(product, device.ordinal);
  return plan.ok() ? yes() : no(plan.status().message());
}

std::vector<std::string> matmul_configurations(const Problem& p, const Device& device) {
  const auto plan = plan_of(p, device);
  return plan.ok() ? algorithm_names(algorithms(**plan)) : std::vector<std::string>{};
}

Result<Job> matmul_generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const std::shared_ptr<LtPlan> plan, plan_of(p, device));
  VIVACE_ASSIGN(const size_t algorithm, algorithm_of(configuration, algorithms(*plan)));
  Launch launch;
  launch.name = "cublasLtMatmul";
  launch.call = lt_call(plan, algorithm);
  launch.arguments = {input(1), input(0), output(), workspace()};
  if (p.has(2)) launch.arguments.push_back(input(2));
  if (p.has(3)) launch.arguments.push_back(input(3));
  Job job = job_of_one(std::move(launch));
  job.workspace = workspace(*plan, algorithm) + kLibraryAlignment;
  return job;
}

}  // namespace

extern const Tactic cublaslt_matmul_tactic{
    .name = "cublaslt_matmul",
    .version = 1,
    .operators = {"MatMul", "Gemm", "vivace.FusedMatMul"},
    .library = "cublaslt",
    .supports = matmul_supports,
    .configurations = matmul_configurations,
    .estimate = estimate_bytes,
    .generate = matmul_generate,
};

}  // namespace vivace::cuda
