// MatMulNBits in f32: the weights stay as they are in the model. Few rows of A read them once; for more, some rows of
// weights at a time become floats, for the usual product.
#include "backends/cpu/kernels/nbits.h"

#include <algorithm>

#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/rows/rows.h"
#include "ops/nbits.h"

namespace vivace::cpu {

namespace {

enum Input : size_t { kA, kWeights, kScales, kZeros, kGroups, kBias };

constexpr int64_t kFewRows = 48;
constexpr int64_t kChunk = int64_t{1} << 20;  // weights that are floats at a time

struct Nbits {
  NbitsProblem problem;
  bool few = false, packed_zeros = false;
  int64_t columns = 0;  // that are floats at a time
};

Verdict nbits_of(const Problem& p, Nbits& job) {
  for (const size_t i : {kA, kScales, kBias})
    if (p.has(i) && p.inputs[i].type != DType::f32) return no("f32 only");
  if (!all_row_major(p)) return no("row-major only");
  if (p.has(kGroups)) return no("g_idx");
  const ops::NbitsSizes s(p.attributes());
  job.packed_zeros = p.has(kZeros) && p.inputs[kZeros].type == DType::u8;
  NbitsProblem& problem = job.problem;
  problem.n = s.n;
  problem.k = s.k;
  problem.m = elements(p.outputs[0].shape) / s.n;
  problem.block = s.block;
  problem.blocks = s.blocks();
  problem.bits = static_cast<int>(s.bits);
  job.few = problem.m <= kFewRows;
  job.columns = std::min(s.n, std::max<int64_t>(32, kChunk / s.k / 32 * 32));
  return yes();
}

GemmProblem product_of(const Nbits& job, int64_t columns) {
  GemmProblem g;
  g.m = job.problem.m;
  g.n = columns;
  g.k = g.a_row = g.b_column = job.problem.k;
  g.b_row = 1;
  g.c_row = job.problem.n;
  return g;
}

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  Nbits job;
  nbits_of(p, job);
  const NbitsProblem& n = job.problem;
  const double work = 2.0 * static_cast<double>(n.m) * static_cast<double>(n.n) * static_cast<double>(n.k);
  return roofline_seconds(work, bytes_of(p), 0.5, machine);
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(Nbits job, job_of(p, nbits_of));
  const NbitsKernels& kernels = nbits_kernels(machine.isa);
  job.few = job.few && kernels.takes(job.problem.bits, job.problem.block);
  const GemmKernels& gemm = gemm_kernels(machine.isa);
  const int64_t floats = (job.columns * job.problem.k + 15) / 16 * 16;
  Bound bound;
  bound.workspace =
      sizeof(float) *
      static_cast<size_t>(job.few ? kernels.scratch_size(job.problem)
                                  : floats + gemm.scratch_size(product_of(job, job.columns), machine.threads));
  bound.run = [job, &kernels, &gemm, floats, zeros = p.has(kZeros), bias = p.has(kBias)](const Launch& launch) {
    NbitsProblem n = job.problem;
    const auto numbers = [&](size_t i) { return static_cast<const float*>(launch.inputs[i]); };
    n.a = numbers(kA);
    n.q = static_cast<const uint8_t*>(launch.inputs[kWeights]);
    n.scales = numbers(kScales);
    if (zeros && job.packed_zeros) n.zeros = static_cast<const uint8_t*>(launch.inputs[kZeros]);
    if (zeros && !job.packed_zeros) n.real_zeros = numbers(kZeros);
    n.bias = bias ? numbers(kBias) : nullptr;
    n.c = static_cast<float*>(launch.outputs[0]);
    auto* scratch = static_cast<float*>(launch.workspace);
    if (job.few) return kernels.run(n, scratch, launch.pool), Status();
    for (int64_t begin = 0; begin < n.n; begin += job.columns) {
      const int64_t count = std::min(job.columns, n.n - begin);
      kernels.expand(n, begin, count, scratch, launch.pool);
      gemm.run(product_of(job, count), n.a, scratch, n.bias ? n.bias + begin : nullptr, nullptr, n.c + begin,
               scratch + floats, launch.pool);
    }
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic matmul_nbits_tactic{
    .name = "matmul_nbits",
    .version = 1,
    .operators = {"com.microsoft.MatMulNBits"},
    .supports = supports_job<nbits_of>,
    .estimate = estimate,
    .bind = bind,
};

}  // namespace vivace::cpu
