// Matrix products of any floating-point type: tiles in shared memory, and for few rows one pass over B at the speed of
// memory. Sums are f32.
#include "backends/cuda/rows/matmul.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace vivace::cuda {

Verdict product_for_grid(const Problem& p, GridProduct& product) {
  product.type = p.inputs[0].type, product.made = p.outputs[0].type;
  if (product.type != DType::f32 && product.type != DType::f16 && product.type != DType::bf16)
    return no("f32, f16 and bf16 only");
  if (product.made != product.type && (product.made != DType::f32 || p.has(3))) return no("a result of another type");
  Problem of_one_type = p;
  of_one_type.outputs[0].type = product.type;
  if (const Verdict verdict = cpu::typed_product_of(of_one_type, product.type, product.product); !verdict)
    return verdict;
  const cpu::GemmProblem& g = product.gemm();
  if (g.m * g.k > INT32_MAX || g.k * g.n > INT32_MAX || g.m * g.n > INT32_MAX)
    return no("a matrix of more than 2^31 elements");
  product.batch = 1;
  for (const auto& dim : g.batch) product.batch *= dim.count;
  if (product.batch > 65535) return no("more matrices than a grid takes");
  return yes();
}

Result<GridProduct> grid_product(const Problem& p) { return supported<product_for_grid>(p); }

Source declare_product(const Problem& p, const GridProduct& product) {
  const cpu::GemmProblem& g = product.gemm();
  std::vector<int64_t> counts, a, b, c;
  for (const auto& dim : g.batch) {
    counts.push_back(dim.count);
    a.push_back(dim.a);
    b.push_back(dim.b);
    c.push_back(dim.c);
  }
  Source s;
  s.add(prelude()).add(std::string("using T = ") + type_name(product.type) + ";\n");
  s.constant("kM", g.m).constant("kN", g.n).constant("kK", g.k);
  s.constant("kARow", g.a_row).constant("kAColumn", product.product.a_column);
  s.constant("kBRow", g.b_row).constant("kBColumn", g.b_column).constant("kCRow", g.c_row);
  s.constant("kBias", product.product.bias).constant("kResidual", product.product.residual).real("kAlpha", g.alpha);
  const auto offset = [&](const char* name, const std::vector<int64_t>& strides) {
    s.add(std::string("__device__ __forceinline__ long long ") + name + "(long long i) { return " +
          strided_offset("i", counts, strides) + "; }\n");
  };
  offset("a_offset", a);
  offset("b_offset", b);
  offset("c_offset", c);
  return s.add(
      finish_function(p.node->op == "vivace.FusedMatMul" ? p.attributes() : ir::Attributes(), p.outputs[0].type));
}

std::string for_result(std::string text, const GridProduct& product) {
  const std::string name = product.made == product.type ? "T" : type_name(product.made);
  for (size_t at = 0; (at = text.find("@Y", at)) != std::string::npos;) text.replace(at, 2, name);
  return text;
}

std::vector<Argument> product_arguments(const GridProduct& product, bool packed_b) {
  return {input(0), packed_b ? packed(0) : input(1), input(product.product.bias ? 2 : 0),
          input(product.product.residual ? 3 : 0), output()};
}

int vector_width(std::initializer_list<int64_t> strides) {
  int64_t all = 8;
  for (const int64_t stride : strides) all = std::gcd(all, stride);
  return static_cast<int>(all);
}

int64_t batch_alignment(const GridProduct& product, int64_t cpu::GemmProblem::Batch::*stride) {
  int64_t all = 0;
  for (const auto& dim : product.gemm().batch)
    if (dim.count > 1) all = std::gcd(all, dim.*stride);
  return all;
}

namespace {

constexpr const char* kTiled = R"(
constexpr int kStep = 16, kR = kTile / 16;
constexpr bool kAlongK = kBRow == 1 && kBColumn != 1;  // how B is contiguous
extern "C" __global__ void __launch_bounds__(256) matmul(const T* __restrict__ a_all, const T* __restrict__ b_all,
    const T* __restrict__ bias, const T* residual, @Y* c_all) {
  __shared__ float a[kStep][kTile + 4], b[kStep][kTile + 4];
  const int t = threadIdx.x, tx = t % 16, ty = t / 16;
  const int column0 = blockIdx.x * kTile, row0 = blockIdx.y * kTile;
  const T* const pa = a_all + a_offset(blockIdx.z);
  const T* const pb = b_all + b_offset(blockIdx.z);
  const long long pc = c_offset(blockIdx.z);
  constexpr int kRows = 256 / kTile;
  float sums[kR][kR] = {}, next_a[kR], next_b[kR];
  begin();
  const auto load = [&](int k0) {
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int row = row0 + t / kStep + 16 * j, k = k0 + t % kStep;
      next_a[j] = row < kM && k < kK ? to_float(pa[(long long)row * kARow + (long long)k * kAColumn]) : 0.0f;
    }
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int k = k0 + (kAlongK ? t % kStep : t / kTile + kRows * j);
      const int column = column0 + (kAlongK ? t / kStep + 16 * j : t % kTile);
      next_b[j] = column < kN && k < kK ? to_float(pb[(long long)k * kBRow + (long long)column * kBColumn]) : 0.0f;
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
      c_all[o] = from_float<@Y>(finish(kAlpha * sums[i][j], kBias ? to_float(bias[column]) : 0.0f,
                                      kResidual ? to_float(residual[o]) : 0.0f));
    }
  }
}
)";

// A warp sums kColumns columns for all rows over a kSplit-th of k; B's next elements are under way while the last are
// multiplied, and its first before wait() where B is constant. B is contiguous along k, column by column kBColumn
// elements apart and filled up to a multiple of kVector, A is read kAVector at a time (1: up to kK alone).
constexpr const char* kRowsKernel = R"(
constexpr int kGroups = 8 / kSplit, kStep = 32 * kVector * kSplit, kUnroll = kColumns >= 4 ? 1 : 4 / kColumns;
using Elements = Vector<T, kVector>;
extern "C" __global__ void __launch_bounds__(256) matmul(const T* __restrict__ a_all, const T* __restrict__ b_all,
    const T* __restrict__ bias, const T* residual, @Y* c_all) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, split = warp % kSplit;
  const int column0 = (blockIdx.x * kGroups + warp / kSplit) * kColumns;
  const T* const pb = b_all + b_offset(blockIdx.z);
  const int k0 = (split * 32 + lane) * kVector;
  Elements b[kUnroll][kColumns], next[kUnroll][kColumns];
  const auto load = [&](Elements (*to)[kColumns], int k) {
#pragma unroll
    for (int u = 0; u < kUnroll; ++u)
#pragma unroll
      for (int c = 0; c < kColumns; ++c)
        if (k + u * kStep < kK && column0 + c < kN)
          to[u][c] = *(const Elements*)(pb + (long long)(column0 + c) * kBColumn + k + u * kStep);
        else
          to[u][c] = Elements{};
  };
  if (kConstant) load(b, k0);
  wait();
  allow_next();
  if (!kConstant) load(b, k0);
  const T* const pa = a_all + a_offset(blockIdx.z);
  float sums[kM][kColumns] = {};
  for (int k = k0; k < kK; k += kUnroll * kStep) {
    load(next, k + kUnroll * kStep);
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      if (k + u * kStep >= kK) break;
      float w[kColumns][kVector];
#pragma unroll
      for (int c = 0; c < kColumns; ++c)
#pragma unroll
        for (int i = 0; i < kVector; ++i) w[c][i] = to_float(b[u][c].v[i]);
#pragma unroll
      for (int m = 0; m < kM; ++m) {
        const T* const row = pa + (long long)m * kARow + k + u * kStep;
        float x[kVector];
        if (kAVector == kVector) {
          const Elements a = *(const Elements*)row;
#pragma unroll
          for (int i = 0; i < kVector; ++i) x[i] = to_float(a.v[i]);
        } else {
#pragma unroll
          for (int i = 0; i < kVector; ++i) x[i] = k + u * kStep + i < kK ? to_float(row[i]) : 0.0f;
        }
#pragma unroll
        for (int c = 0; c < kColumns; ++c)
#pragma unroll
          for (int i = 0; i < kVector; ++i) sums[m][c] += x[i] * w[c][i];
      }
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u)
#pragma unroll
      for (int c = 0; c < kColumns; ++c) b[u][c] = next[u][c];
  }
#pragma unroll
  for (int m = 0; m < kM; ++m)
#pragma unroll
    for (int c = 0; c < kColumns; ++c)
#pragma unroll
      for (int step = 16; step > 0; step /= 2) sums[m][c] += __shfl_xor_sync(0xffffffffu, sums[m][c], step);
  __shared__ float partial[8][kM * kColumns];
  if (lane == 0)
#pragma unroll
    for (int i = 0; i < kM * kColumns; ++i) partial[warp][i] = sums[i / kColumns][i % kColumns];
  __syncthreads();
  for (int i = threadIdx.x; i < kGroups * kM * kColumns; i += 256) {
    const int group = i / (kM * kColumns), at = i % (kM * kColumns), m = at / kColumns;
    const int column = (blockIdx.x * kGroups + group) * kColumns + at % kColumns;
    if (column >= kN) continue;
    float sum = 0;
#pragma unroll
    for (int s = 0; s < kSplit; ++s) sum += partial[group * kSplit + s][at];
    const long long o = c_offset(blockIdx.z) + (long long)m * kCRow + column;
    c_all[o] = from_float<@Y>(finish(kAlpha * sum, kBias ? to_float(bias[column]) : 0.0f,
                                    kResidual ? to_float(residual[o]) : 0.0f));
  }
}
)";

std::vector<std::string> tiled_configurations(const Problem&, const Device&) { return {"64", "32"}; }

Result<Job> tiled_generate(const Problem& p, const std::string& configuration, const Device&) {
  VIVACE_ASSIGN(const GridProduct product, grid_product(p));
  const int tile = std::atoi(configuration.c_str());
  if (tile != 32 && tile != 64)
    return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
  Launch launch;
  launch.name = "matmul";
  launch.grid[0] = tiles(product.gemm().n, tile);
  launch.grid[1] = tiles(product.gemm().m, tile);
  launch.grid[2] = static_cast<unsigned>(product.batch);
  if (launch.grid[1] > 65535) return Status(Code::unsupported, p.node->describe() + ": more rows than a grid takes");
  launch.source = declare_product(p, product).constant("kTile", tile).add(for_result(kTiled, product)).text();
  launch.arguments = product_arguments(product, false);
  launch.waits = true;
  return job_of_one(std::move(launch));
}

Verdict tiled_supports(const Problem& p, const Device&) {
  GridProduct product;
  if (Verdict verdict = product_for_grid(p, product); !verdict) return verdict;
  return product.gemm().m > 65535 * 32 ? no("more rows than a grid takes") : yes();
}

double tiled_estimate(const Problem& p, const std::string& configuration, const Device& device) {
  GridProduct product;
  if (!product_for_grid(p, product)) return 1;
  const cpu::GemmProblem& g = product.gemm();
  const int64_t tile = std::atoi(configuration.c_str());
  const double blocks = static_cast<double>(tiles(g.n, tile)) * tiles(g.m, tile) * static_cast<double>(product.batch);
  const double waves = std::max(1.0, blocks / device.multiprocessors);
  return roofline_seconds(
      2.0 * static_cast<double>(tile * tile) * static_cast<double>(g.k) * waves * device.multiprocessors,
      cpu::bytes_of(p), tile == 64 ? 0.5 : 0.3, device);
}

constexpr int64_t kFewRows = 8;

// How the rows kernel reads its operands.
struct RowsPlan {
  int vector = 1, a_vector = 1;
  bool packs = false;  // B becomes [N, K filled up]
  int64_t pitch = 0;   // of a packed column
};

Verdict plan_rows(const Problem& p, GridProduct& product, RowsPlan& plan) {
  if (Verdict verdict = product_for_grid(p, product); !verdict) return verdict;
  const cpu::GemmProblem& g = product.gemm();
  if (g.m > kFewRows || g.m < 1) return no("more than 8 rows");
  if (product.product.a_column != 1) return no("A is transposed");
  const int widest = product.type == DType::f32 ? 4 : 8;
  const auto width = [&](std::initializer_list<int64_t> strides) { return std::min(widest, vector_width(strides)); };
  const bool one_b = batch_alignment(product, &cpu::GemmProblem::Batch::b) == 0;
  plan.vector = g.b_row == 1 ? width({g.k, g.b_column, batch_alignment(product, &cpu::GemmProblem::Batch::b)}) : 1;
  plan.packs = p.inputs[1].constant && one_b && plan.vector < widest && g.k > 0;
  if (g.b_row != 1 && !plan.packs) return no("B is not contiguous along the sums");
  if (plan.packs) plan.vector = widest, plan.pitch = (g.k + widest - 1) / widest * widest;
  plan.a_vector =
      width({g.k, g.a_row, batch_alignment(product, &cpu::GemmProblem::Batch::a)}) >= plan.vector ? plan.vector : 1;
  return yes();
}

Verdict rows_supports(const Problem& p, const Device&) {
  GridProduct product;
  RowsPlan plan;
  return plan_rows(p, product, plan);
}

// Columns a warp sums, and how many warps share a sum: more columns use what they read of A again, more warps on a sum
// keep all multiprocessors busy where there are few columns.
std::vector<std::string> rows_configurations(const Problem& p, const Device& device) {
  GridProduct product;
  if (!product_for_grid(p, product)) return {"1x8"};
  const int64_t warps = 16 * static_cast<int64_t>(device.multiprocessors);
  const int64_t columns = product.gemm().m > 4 ? 4 : product.gemm().m > 1 ? 2 : 1;
  const auto named = [&](int64_t c) {
    int64_t split = 8;
    while (split > 1 && product.gemm().n / c * split / 2 * product.batch >= warps) split /= 2;
    return std::to_string(c) + "x" + std::to_string(split);
  };
  return {named(columns), named(columns == 4 ? 2 : columns * 2)};
}

Result<std::vector<Tensor>> rows_prepare(const Problem& p, const std::string&, const Device&) {
  GridProduct product;
  RowsPlan plan;
  if (!plan_rows(p, product, plan) || !plan.packs) return std::vector<Tensor>{};
  const cpu::GemmProblem& g = product.gemm();
  VIVACE_ASSIGN(Tensor packed, Tensor::allocate(product.type, {g.n, plan.pitch}));
  const size_t size = byte_size(product.type, 1);
  const auto* from = p.inputs[1].constant->as<const std::byte>();
  auto* to = packed.as<std::byte>();
  std::memset(to, 0, packed.bytes());
  for (int64_t n = 0; n < g.n; ++n)
    for (int64_t k = 0; k < g.k; ++k)
      std::memcpy(to + static_cast<size_t>(n * plan.pitch + k) * size,
                  from + static_cast<size_t>(n * g.b_column + k * g.b_row) * size, size);
  return std::vector<Tensor>{std::move(packed)};
}

Result<Job> rows_generate(const Problem& p, const std::string& configuration, const Device&) {
  GridProduct product;
  RowsPlan plan;
  if (const Verdict verdict = plan_rows(p, product, plan); !verdict)
    return Status(Code::internal, p.node->describe() + ": " + verdict.reason);
  int columns = 0, split = 0;
  if (std::sscanf(configuration.c_str(), "%dx%d", &columns, &split) != 2 || columns < 1 || columns > 4 || split < 1 ||
      split > 8 || 8 % split)
    return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
  const bool constant = p.inputs[1].constant != nullptr;
  if (plan.packs) product.product.gemm.b_row = 1, product.product.gemm.b_column = plan.pitch;
  Launch launch;
  launch.name = "matmul";
  launch.grid[0] = tiles(product.gemm().n, columns * (8 / split));
  launch.grid[2] = static_cast<unsigned>(product.batch);
  launch.source = declare_product(p, product)
                      .constant("kVector", plan.vector)
                      .constant("kAVector", plan.a_vector)
                      .constant("kColumns", columns)
                      .constant("kSplit", split)
                      .constant("kConstant", constant)
                      .add(for_result(kRowsKernel, product))
                      .text();
  launch.arguments = product_arguments(product, plan.packs);
  launch.waits = true;
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic matmul_rows_tactic{
    .name = "cuda_matmul_rows",
    .version = 3,
    .operators = {"MatMul", "Gemm", "vivace.FusedMatMul"},
    .supports = rows_supports,
    .configurations = rows_configurations,
    .estimate = estimate_bytes,
    .prepare = rows_prepare,
    .generate = rows_generate,
};
extern const Tactic matmul_tiled_tactic{
    .name = "cuda_matmul_tiled",
    .version = 3,
    .operators = {"MatMul", "Gemm", "vivace.FusedMatMul"},
    .supports = tiled_supports,
    .configurations = tiled_configurations,
    .estimate = tiled_estimate,
    .generate = tiled_generate,
};

}  // namespace vivace::cuda
