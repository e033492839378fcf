#include "backends/cuda/rows/tile_product.h"

#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

// 16 x 16 threads with some rows and columns of the tile each, 16 apart.
constexpr const char* kTiled = R"(
  __shared__ W a_tile[kTileK][kTileM + 1], b_tile[kTileK][kTileN + 1];
  begin();
  const int m0 = blockIdx.x / kTilesN % kTilesM * kTileM, n0 = blockIdx.x % kTilesN * kTileN;
  const int batch = blockIdx.x / (kTilesN * kTilesM), tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  W sums[kTileM / 16][kTileN / 16] = {};
  for (int k0 = 0; k0 < kK; k0 += kTileK) {
    for (int i = threadIdx.x; i < kTileM * kTileK; i += 256) {
      const int in_k = kAAlongK ? i % kTileK : i / kTileM, in_m = kAAlongK ? i / kTileK : i % kTileM;
      const int m = m0 + in_m, k = k0 + in_k;
      a_tile[in_k][in_m] = m < kM && k < kK ? A_AT : W(0);
    }
    for (int i = threadIdx.x; i < kTileN * kTileK; i += 256) {
      const int in_k = kBAlongK ? i % kTileK : i / kTileN, in_n = kBAlongK ? i / kTileK : i % kTileN;
      const int n = n0 + in_n, k = k0 + in_k;
      b_tile[in_k][in_n] = n < kN && k < kK ? B_AT : W(0);
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kTileK; ++k)
#pragma unroll
      for (int r = 0; r < kTileM / 16; ++r)
#pragma unroll
        for (int s = 0; s < kTileN / 16; ++s) sums[r][s] += a_tile[k][ty + 16 * r] * b_tile[k][tx + 16 * s];
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < kTileM / 16; ++r)
#pragma unroll
    for (int s = 0; s < kTileN / 16; ++s) {
      const int m = m0 + ty + 16 * r, n = n0 + tx + 16 * s;
      const W sum = sums[r][s];
      if (m < kM && n < kN) {
        GIVE
      }
    }
}
)";

// Each sum by a team of threads: one, or a block where sums are few and long.
constexpr const char* kSingle = R"(
  begin();
  const int i = kTeam > 1 ? (int)blockIdx.x : (int)(blockIdx.x * 256 + threadIdx.x);
  if (i >= kBatch * kM * kN) return;
  const int n = i % kN, m = i / kN % kM, batch = i / kN / kM;
  W sum = 0;
  for (int k = kTeam > 1 ? threadIdx.x : 0; k < kK; k += kTeam) sum += A_AT * B_AT;
  if (kTeam > 1) {
    __shared__ W of_warps[8];
    for (int mask = 16; mask > 0; mask /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, mask);
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
    for (int w = 0; w < 8; ++w) sum += of_warps[w];
    if (threadIdx.x > 0) return;
  }
  GIVE
}
)";

}  // namespace

Launch tile_product(const char* name, const TileProduct& p, Source source) {
  constexpr int64_t kNarrow = 16, kShort = 4, kTileK = 16;
  Launch launch;
  launch.name = name;
  launch.waits = true;
  source.constant("kBatch", p.batch).constant("kM", p.m).constant("kN", p.n).constant("kK", p.k);
  source.add("#define A_AT " + p.a + "\n#define B_AT " + p.b + "\n#define GIVE " + p.give + "\n");
  source.add("extern \"C\" __global__ void __launch_bounds__(256) " + std::string(name) + "(" + p.parameters + ") {");
  if (p.m >= kNarrow && p.n >= kNarrow && p.k >= kShort) {
    int64_t m = 64, n = 64;
    const auto blocks = [&] { return p.batch * tiles(p.m, m) * tiles(p.n, n); };
    while ((blocks() < kFillingBlocks || m / 2 >= p.m) && m > kNarrow) m /= 2;
    while ((blocks() < kFillingBlocks || n / 2 >= p.n) && n > kNarrow) n /= 2;
    launch.grid[0] = static_cast<unsigned>(blocks());
    Source sizes;
    sizes.constant("kTileM", m).constant("kTileN", n).constant("kTileK", kTileK);
    sizes.constant("kTilesM", tiles(p.m, m)).constant("kTilesN", tiles(p.n, n));
    sizes.constant("kAAlongK", p.a_along_k).constant("kBAlongK", p.b_along_k);
    launch.source = source.add("\n").add(sizes.text()).add(kTiled).text();
  } else {
    constexpr int64_t kLong = 128;
    const int64_t sums = p.batch * p.m * p.n;
    const bool by_block = p.k >= kLong && sums < kFillingThreads;
    launch.grid[0] = by_block ? static_cast<unsigned>(sums) : blocks_for(sums, launch.block);
    launch.source =
        source.add("\n  constexpr int kTeam = " + std::string(by_block ? "256" : "1") + ";").add(kSingle).text();
  }
  return launch;
}

}  // namespace vivace::cuda
