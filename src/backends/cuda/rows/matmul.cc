// Matrix products in f32: tiles in shared memory, and one warp per column where there are few rows.
#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

namespace {

Verdict product_for_grid(const Problem& p, cpu::Product& product) {
  if (const Verdict verdict = cpu::product_of(p, product); !verdict) return verdict;
  const cpu::GemmProblem& g = product.gemm;
  if (g.m * g.k > INT32_MAX || g.k * g.n > INT32_MAX || g.m * g.n > INT32_MAX)
    return no("a matrix of more than 2^31 elements");
  int64_t batch = 1;
  for (const auto& dim : g.batch) batch *= dim.count;
  if (batch > 65535) return no("more matrices than a grid takes");
  return yes();
}

Result<cpu::Product> job_of(const Problem& p) {
  cpu::Product product;
  if (const Verdict verdict = product_for_grid(p, product); !verdict)
    return Status(Code::internal, p.node->describe() + ": " + verdict.reason);
  return product;
}

// What all kernels have before their own text; returns the number of matrices.
int64_t declare(Source& s, const Problem& p, const cpu::Product& product) {
  const cpu::GemmProblem& g = product.gemm;
  std::vector<int64_t> counts, a, b, c;
  int64_t batch = 1;
  for (const auto& dim : g.batch) {
    counts.push_back(dim.count);
    a.push_back(dim.a);
    b.push_back(dim.b);
    c.push_back(dim.c);
    batch *= dim.count;
  }
  s.constant("kM", g.m).constant("kN", g.n).constant("kK", g.k);
  s.constant("kARow", g.a_row).constant("kBRow", g.b_row).constant("kBColumn", g.b_column).constant("kCRow", g.c_row);
  s.constant("kBias", product.bias).constant("kResidual", product.residual).real("kAlpha", g.alpha);
  const auto offset = [&](const char* name, const std::vector<int64_t>& strides) {
    s.add(std::string("__device__ __forceinline__ long long ") + name + "(long long i) { return " +
          strided_offset("i", counts, strides) + "; }\n");
  };
  offset("a_offset", a);
  offset("b_offset", b);
  offset("c_offset", c);
  s.add(finish_function(p.node->op == "vivace.FusedMatMul" ? p.attributes() : ir::Attributes()));
  return batch;
}

std::vector<Argument> product_arguments(const cpu::Product& product) {
  return {input(0), input(1), input(product.bias ? 2 : 0), input(product.residual ? 3 : 0), output()};
}

constexpr const char* kTiled = R"(
constexpr int kStep = 16, kR = kTile / 16;
constexpr bool kAlongK = kBRow == 1 && kBColumn != 1;  // how B is contiguous
extern "C" __global__ void __launch_bounds__(256) matmul(const float* __restrict__ a_all, const float* __restrict__ b_all,
    const float* __restrict__ bias, const float* residual, float* c_all) {
  __shared__ float a[kStep][kTile + 4], b[kStep][kTile + 4];
  const int t = threadIdx.x, tx = t % 16, ty = t / 16;
  const int column0 = blockIdx.x * kTile, row0 = blockIdx.y * kTile;
  const float* const pa = a_all + a_offset(blockIdx.z);
  const float* const pb = b_all + b_offset(blockIdx.z);
  const long long pc = c_offset(blockIdx.z);
  constexpr int kRows = 256 / kTile;
  float sums[kR][kR] = {}, next_a[kR], next_b[kR];
  const auto load = [&](int k0) {
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int row = row0 + t / kStep + 16 * j, k = k0 + t % kStep;
      next_a[j] = row < kM && k < kK ? pa[(long long)row * kARow + k] : 0.0f;
    }
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int k = k0 + (kAlongK ? t % kStep : t / kTile + kRows * j);
      const int column = column0 + (kAlongK ? t / kStep + 16 * j : t % kTile);
      next_b[j] = column < kN && k < kK ? pb[(long long)k * kBRow + (long long)column * kBColumn] : 0.0f;
    }
  };
  load(0);
  for (int k0 = 0; k0 < kK; k0 += kStep) {
#pragma unroll
    for (int j = 0; j < kR; ++j) a[t % kStep][t / kStep + 16 * j] = next_a[j];
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      if (kAlongK)
        b[t % kStep][t / kStep + 16 * j] = next_b[j];
      else
        b[t / kTile + kRows * j][t % kTile] = next_b[j];
    }
    __syncthreads();
    if (k0 + kStep < kK) load(k0 + kStep);
#pragma unroll
    for (int k = 0; k < kStep; ++k) {
      float u[kR], v[kR];
#pragma unroll
      for (int j = 0; j < kR; ++j) u[j] = a[k][ty * kR + j], v[j] = b[k][tx + 16 * j];
#pragma unroll
      for (int i = 0; i < kR; ++i)
#pragma unroll
        for (int j = 0; j < kR; ++j) sums[i][j] += u[i] * v[j];
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kR; ++i) {
    const int row = row0 + ty * kR + i;
    if (row >= kM) continue;
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int column = column0 + tx + 16 * j;
      if (column >= kN) continue;
      const long long o = pc + (long long)row * kCRow + column;
      c_all[o] = finish(kAlpha * sums[i][j], kBias ? bias[column] : 0.0f, kResidual ? residual[o] : 0.0f);
    }
  }
}
)";

// Few rows, B contiguous along k: a warp sums one column for all rows.
constexpr const char* kRowsKernel = R"(
extern "C" __global__ void __launch_bounds__(256) matmul(const float* __restrict__ a_all, const float* __restrict__ b_all,
    const float* __restrict__ bias, const float* residual, float* c_all) {
  const int column = blockIdx.x * 8 + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (column >= kN) return;
  const float* const pa = a_all + a_offset(blockIdx.z);
  const float* const pb = b_all + b_offset(blockIdx.z) + (long long)column * kBColumn;
  const long long pc = c_offset(blockIdx.z);
  float sums[kM] = {};
  for (int k = lane; k < kK; k += 32) {
    const float v = pb[k];
#pragma unroll
    for (int m = 0; m < kM; ++m) sums[m] += pa[(long long)m * kARow + k] * v;
  }
#pragma unroll
  for (int m = 0; m < kM; ++m) {
    for (int step = 16; step > 0; step /= 2) sums[m] += __shfl_xor_sync(0xffffffffu, sums[m], step);
    const long long o = pc + (long long)m * kCRow + column;
    if (lane == 0) c_all[o] = finish(kAlpha * sums[m], kBias ? bias[column] : 0.0f, kResidual ? residual[o] : 0.0f);
  }
}
)";

std::vector<std::string> tiled_configurations(const Problem&, const Device&) { return {"64", "32"}; }

Result<Job> tiled_generate(const Problem& p, const std::string& configuration, const Device&) {
  VIVACE_ASSIGN(const cpu::Product product, job_of(p));
  const int tile = std::atoi(configuration.c_str());
  if (tile != 32 && tile != 64)
    return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
  Launch launch;
  launch.name = "matmul";
  Source source;
  launch.grid[2] = static_cast<unsigned>(declare(source, p, product));
  launch.grid[0] = tiles(product.gemm.n, tile);
  launch.grid[1] = tiles(product.gemm.m, tile);
  if (launch.grid[1] > 65535) return Status(Code::unsupported, p.node->describe() + ": more rows than a grid takes");
  launch.source = source.constant("kTile", tile).add(kTiled).text();
  launch.arguments = product_arguments(product);
  return job_of_one(std::move(launch));
}

Verdict tiled_supports(const Problem& p, const Device&) {
  cpu::Product product;
  if (Verdict verdict = product_for_grid(p, product); !verdict) return verdict;
  return product.gemm.m > 65535 * 32 ? no("more rows than a grid takes") : yes();
}

double tiled_estimate(const Problem& p, const std::string& configuration, const Device& device) {
  cpu::Product product;
  if (!product_for_grid(p, product)) return 1;
  const cpu::GemmProblem& g = product.gemm;
  const int64_t tile = std::atoi(configuration.c_str());
  double blocks = static_cast<double>(tiles(g.n, tile)) * tiles(g.m, tile);
  for (const auto& dim : g.batch) blocks *= static_cast<double>(dim.count);
  const double waves = std::max(1.0, blocks / device.multiprocessors);
  return roofline_seconds(
      2.0 * static_cast<double>(tile * tile) * static_cast<double>(g.k) * waves * device.multiprocessors,
      cpu::bytes_of(p), tile == 64 ? 0.5 : 0.3, device);
}

constexpr int64_t kFewRows = 8;

Verdict rows_supports(const Problem& p, const Device&) {
  cpu::Product product;
  if (Verdict verdict = product_for_grid(p, product); !verdict) return verdict;
  if (product.gemm.m > kFewRows || product.gemm.m < 1) return no("more than 8 rows");
  if (product.gemm.b_row != 1) return no("B is not contiguous along the sums");
  return yes();
}

Result<Job> rows_generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const cpu::Product product, job_of(p));
  Launch launch;
  launch.name = "matmul";
  Source source;
  launch.grid[2] = static_cast<unsigned>(declare(source, p, product));
  launch.grid[0] = tiles(product.gemm.n, 8);
  launch.source = source.add(kRowsKernel).text();
  launch.arguments = product_arguments(product);
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic matmul_rows_tactic{
    .name = "cuda_matmul_rows",
    .version = 1,
    .operators = {"MatMul", "Gemm", "vivace.FusedMatMul"},
    .supports = rows_supports,
    .estimate = estimate_bytes,
    .generate = rows_generate,
};
extern const Tactic matmul_tiled_tactic{
    .name = "cuda_matmul_tiled",
    .version = 1,
    .operators = {"MatMul", "Gemm", "vivace.FusedMatMul"},
    .supports = tiled_supports,
    .configurations = tiled_configurations,
    .estimate = tiled_estimate,
    .generate = tiled_generate,
};

}  // namespace vivace::cuda
