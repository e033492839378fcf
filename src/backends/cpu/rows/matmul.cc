// Matrix products: MatMul, Gemm and the fused form; the rows here are for f32.
#include "backends/cpu/rows/jobs.h"

namespace vivace::cpu {

namespace {

bool is_row(const TensorInfo& bias, DType type, int64_t n) {
  return bias.type == type && !bias.shape.empty() && bias.shape.back() == n && elements(bias.shape) == n;
}

}  // namespace

Verdict typed_product_of(const Problem& p, DType type, Product& product) {
  GemmProblem& g = product.gemm;
  const TensorInfo &a = p.inputs[0], &b = p.inputs[1], &c = p.outputs[0];
  for (const TensorInfo* tensor : {&a, &b, &c})
    if (tensor->type != type || tensor->channel_block) return no(std::string("row-major ") + to_string(type) + " only");
  const bool gemm = p.node->op == "Gemm", fused = p.node->op == "vivace.FusedMatMul";
  const auto flag = [&](const char* name) { return (gemm || fused) && p.attributes().integer(name) != 0; };
  const bool trans_a = flag(gemm ? "transA" : "trans_a"), trans_b = flag(gemm ? "transB" : "trans_b");
  Shape as = a.shape, bs = b.shape;
  if (as.empty() || bs.empty()) return no("scalars");
  if (as.size() == 1) as.insert(as.begin(), 1);
  if (bs.size() == 1) bs.push_back(1);
  const size_t ra = as.size(), rb = bs.size();
  g.m = trans_a ? as[ra - 1] : as[ra - 2];
  g.k = trans_a ? as[ra - 2] : as[ra - 1];
  g.n = trans_b ? bs[rb - 2] : bs[rb - 1];
  g.a_row = g.k;
  if (trans_a && g.m != 1 && g.k != 1) g.a_row = 1, product.a_column = g.m;
  g.c_row = g.n;
  g.b_row = trans_b ? 1 : g.n;
  g.b_column = trans_b ? g.k : 1;
  const Shape a_batch(as.begin(), as.end() - 2), b_batch(bs.begin(), bs.end() - 2);
  if (elements(b_batch) == 1 && (product.a_column == 1 || elements(a_batch) == 1)) {
    g.m *= elements(a_batch);  // one B for all: one tall A
  } else {
    const auto out = broadcast(a_batch, b_batch);
    if (!out || out->size() > kGemmBatchRank)
      return no("more than " + std::to_string(kGemmBatchRank) + " batch dimensions");
    const size_t rank = out->size();
    int64_t a_step = g.m * g.k, b_step = g.k * g.n, c_step = g.m * g.n;
    for (size_t i = rank; i-- > 0;) {
      const auto size_in = [&](const Shape& batch) {
        return i + batch.size() >= rank ? batch[i + batch.size() - rank] : 1;
      };
      GemmProblem::Batch& dim = g.batch[i];
      dim = {(*out)[i], size_in(a_batch) == 1 ? 0 : a_step, size_in(b_batch) == 1 ? 0 : b_step, c_step};
      a_step *= size_in(a_batch);
      b_step *= size_in(b_batch);
      c_step *= (*out)[i];
    }
  }
  product.bias = p.has(2);
  if (product.bias && !is_row(p.inputs[2], type, g.n)) return no("the bias is not one number per column");
  if (gemm) {
    if (product.bias && p.attributes().real("beta", 1) != 1) return no("beta is not 1");
    g.alpha = p.attributes().real("alpha", 1);
  }
  if (!fused) return yes();
  const Epilogue epilogue = epilogue_of(p.attributes());
  g.alpha = p.attributes().real("scale", 1);
  g.activation = epilogue.activation;
  g.activation_alpha = epilogue.alpha;
  g.activation_beta = epilogue.beta;
  g.residual_last = epilogue.residual_last;
  product.residual = p.has(3);
  if (product.residual && (p.inputs[3].shape != c.shape || p.inputs[3].type != type))
    return no("the residual has another shape");
  return yes();
}

Verdict product_of(const Problem& p, Product& product) {
  if (Verdict verdict = typed_product_of(p, DType::f32, product); !verdict) return verdict;
  return product.a_column == 1 ? yes() : no("A is transposed");
}

namespace {

Result<Bound> bind_product(const Problem& p, const Tensor* packed, const Machine& machine) {
  VIVACE_ASSIGN(Product product, job_of(p, product_of));
  const GemmKernels& kernels = gemm_kernels(machine.isa);
  product.gemm.packed_b = packed != nullptr;
  if (packed &&
      (packed->type() != DType::f32 || packed->count() != kernels.packed_size(product.gemm.k, product.gemm.n)))
    return Status(Code::corrupt_file, p.node->describe() + ": its packed weights have the wrong size");
  Bound bound;
  bound.workspace = static_cast<size_t>(kernels.scratch_size(product.gemm, machine.threads)) * sizeof(float);
  bound.run = [product, run = kernels.run, weights = packed ? *packed : Tensor()](const Launch& launch) {
    const auto in = [&](size_t i) { return static_cast<const float*>(launch.inputs[i]); };
    run(product.gemm, in(0), weights.valid() ? weights.as<const float>() : in(1), product.bias ? in(2) : nullptr,
        product.residual ? in(3) : nullptr, static_cast<float*>(launch.outputs[0]),
        static_cast<float*>(launch.workspace), launch.pool);
    return Status();
  };
  return bound;
}

Verdict supports_packed(const Problem& p, const Machine&) {
  if (!p.inputs[1].constant) return no("B is not constant");
  if (elements(std::span(p.inputs[1].shape).first(std::max<size_t>(p.inputs[1].shape.size(), 2) - 2)) != 1)
    return no("B is a batch of matrices");
  return verdict_of(p, product_of);
}

double estimate_any(const Problem& p, const std::string&, const Machine& machine) {
  const double pack =
      p.inputs[0].shape.size() >= 2 && elements(p.inputs[0].shape) / std::max<int64_t>(p.inputs[0].shape.back(), 1) > 8
          ? 2
          : 1;
  return roofline_seconds(flops_of(p), bytes_of(p) * pack, 0.6, machine);
}

double estimate_packed(const Problem& p, const std::string&, const Machine& machine) {
  return roofline_seconds(flops_of(p), bytes_of(p) * 1.01, 0.7, machine);
}

Result<Bound> bind_any(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  return bind_product(p, nullptr, machine);
}

Result<Bound> bind_packed(const Problem& p, const std::string&, const std::vector<Tensor>& packed,
                          const Machine& machine) {
  if (packed.size() != 1) return Status(Code::corrupt_file, p.node->describe() + ": its packed weights are missing");
  return bind_product(p, &packed[0], machine);
}

Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Machine& machine) {
  VIVACE_ASSIGN(const Product product, job_of(p, product_of));
  const GemmProblem& g = product.gemm;
  const GemmKernels& kernels = gemm_kernels(machine.isa);
  VIVACE_ASSIGN(Tensor packed, packed_buffer(static_cast<size_t>(kernels.packed_size(g.k, g.n))));
  ThreadPool pool(1);
  kernels.pack(p.inputs[1].constant->as<const float>(), g.b_row, g.b_column, g.k, g.n, packed.as<float>(), pool);
  return std::vector<Tensor>{std::move(packed)};
}

}  // namespace

extern const Tactic matmul_packed_tactic{
    .name = "matmul_packed",
    .version = 1,
    .operators = {"MatMul", "Gemm", "vivace.FusedMatMul"},
    .supports = supports_packed,
    .estimate = estimate_packed,
    .prepare = prepare,
    .bind = bind_packed,
    .packs = [](const Problem&, size_t input) { return input == 1; },
};
extern const Tactic matmul_tactic{
    .name = "matmul",
    .version = 1,
    .operators = {"MatMul", "Gemm", "vivace.FusedMatMul"},
    .supports = supports_job<product_of>,
    .estimate = estimate_any,
    .bind = bind_any,
};

}  // namespace vivace::cpu
