// Matrix products in f16 and bf16 on tensor cores, and in f32 where it may be rounded to TF32; sums in f32.
//
// A block makes kBM x kBN of C, kWarpsM x kWarpsN warps over it and kWarpsK groups of warps sharing k; where that
// leaves multiprocessors idle, the kCluster blocks of a cluster share k too and push their sums into the shared memory
// of whoever stores them. k comes in chunks of 64: rows of 128 bytes, whose pieces of 16 bytes are swizzled by the row,
// in a ring of kSlots. A constant B is packed so that a chunk is one piece of memory ([N / kBN][K / 64][kBN][64],
// swizzled), fetched by one bulk copy on Hopper, its first chunks before the kernels before this one are done. Any
// other B is read as it lies, along k or along n.
//
// For f32 what is multiplied is counted in halves of values: k, and what lies along it, is twice as long.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "backends/cuda/rows/matmul.h"
#include "backends/cuda/rows/mma.h"
#include "backends/cuda/rows/tile_loads.h"

namespace vivace::cuda {

namespace {

constexpr const char* kKernel = R"(
constexpr int kThreads = kWarpsM * kWarpsN * kWarpsK * 32, kTM = kBM / kWarpsM, kTN = kBN / kWarpsN;
constexpr int kMI = kTM / 16, kNI = kTN / 8, kSteps = 4 / kWarpsK;
constexpr int kChunks = (kK + 63) / 64, kMost = (kChunks + kCluster - 1) / kCluster;  // of all, of one block
constexpr bool kEven = kChunks % kCluster == 0;
// Chunks under way at the start. A slot is free when all warps have left it, those of warp groups one chunk later.
constexpr int kAhead = kMost <= kSlots ? kSlots : kSlots - (WARP_GROUPS ? 2 : 1);
constexpr int kABytes = kBM * 128, kBBytes = kBN * 128, kSlot = kABytes + kBBytes;
constexpr int kPitch = kBN + 8;                                  // of sums in shared memory
constexpr int kItems = kBM * kBN / 8, kOwn = kItems / kCluster;  // 8 columns each: of the tile, of one block
// Threads that finish sums: so many that each stays in its columns.
constexpr int kFinishing = kThreads / (kBN / 8) * (kBN / 8), kMine = (kOwn + kFinishing - 1) / kFinishing;
constexpr bool kEarlyResidual = kResidual && kMine <= 4;
constexpr int kPanel = kBN < 64 ? kBN : 64, kPieces = kPanel / 8;  // of a B along n: columns, and pieces of 16 bytes
@16
__device__ __forceinline__ int swizzle_of(int k) { return k / (8 / kPieces) % kPieces; }
@32
// By which the pieces of a row k of a B along n are exchanged: four rows and two pieces are read at once.
__device__ __forceinline__ int turn_of(int k) { return k % 4 * 2; }
@end

// A chunk of rows that are contiguous along k.
template <int kTileRows, int kAllRows, int kVector>
__device__ __forceinline__ void copy_rows(unsigned to, const Unit* from, long long pitch, int row0, int k0) {
#pragma unroll
  for (int i0 = 0; i0 < kTileRows * 8; i0 += kThreads) {
    const int i = i0 + threadIdx.x, row = i / 8, piece = i % 8, k = k0 + piece * 8;
    if (kTileRows * 8 % kThreads == 0 || i < kTileRows * 8)
      copy_elements<kVector>(to + row * 128 + ((piece ^ (row & 7)) << 4), from + (row0 + row) * pitch + k, from,
                             row0 + row < kAllRows ? kK - k : 0);
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) matmul(const Unit* __restrict__ a_all, const Unit* __restrict__ b_all,
    const T* __restrict__ bias, const T* residual, @Y* c_all) {
  extern __shared__ __align__(1024) unsigned char shared[];
  const int t = threadIdx.x, lane = t % 32, warp = t / 32;
  const int wm = warp % kWarpsM, wn = warp / kWarpsM % kWarpsN, wk = warp / (kWarpsM * kWarpsN);
  const int rank = blockIdx.x % kCluster, n_tile = blockIdx.x / kCluster, n0 = n_tile * kBN, m0 = blockIdx.y * kBM;
  const int first = kChunks * rank / kCluster;
  const int count = kEven ? kMost : kChunks * (rank + 1) / kCluster - first;
  const unsigned bars = shared_address(shared), received = bars + 1024;
  const unsigned ring = received + (kCluster > 1 ? kBM * kBN * 4 : 0);
  const Unit* const pa = a_all + a_offset(blockIdx.z);
  const Unit* const pb = kPacked ? b_all + ((long long)n_tile * kChunks + first) * (kBN * 64) : b_all + b_offset(blockIdx.z);
  const long long pc = c_offset(blockIdx.z);

  const auto load_a = [&](int chunk, int slot) {
    copy_rows<kBM, kM, kAVector>(ring + slot * kSlot, pa, kARow, m0, (first + chunk) * 64);
  };
  const auto load_b = [&](int chunk, int slot) {
    const unsigned to = ring + slot * kSlot + kABytes;
    const int k0 = (first + chunk) * 64;
    if (kPacked) {
      copy_weights(to, pb + (long long)chunk * (kBN * 64), kBBytes, bars + slot * 8);
    } else if (kBAlongK) {
      copy_rows<kBN, kN, kBVector>(to, pb, kBColumn, n0, k0);
    } else {
@32
#pragma unroll
      for (int i0 = 0; i0 < kBN * 8; i0 += kThreads) {
        const int i = i0 + t, k = i / (kBN / 4), piece = i % (kBN / 4), column = n0 + piece * 4;
        if (kBN * 8 % kThreads == 0 || i < kBN * 8)
          copy_elements<kBVector>(to + k * (kBN * 4) + ((piece ^ turn_of(k)) << 4),
                                  pb + (long long)(k0 / 2 + k) * kBRow + column * 2, pb,
                                  k0 / 2 + k < kK / 2 ? (kN - column) * 2 : 0);
      }
@16
#pragma unroll
      for (int i0 = 0; i0 < kBN * 8; i0 += kThreads) {
        const int i = i0 + t, k = i / (kBN / 8), piece = i % (kBN / 8), column = n0 + piece * 8;
        if (kBN * 8 % kThreads == 0 || i < kBN * 8)
          copy_elements<kBVector>(
              to + piece / kPieces * (kPanel * 128) + k * (kPanel * 2) + ((piece % kPieces ^ swizzle_of(k)) << 4),
              pb + (long long)(k0 + k) * kBRow + column, pb, k0 + k < kK ? kN - column : 0);
      }
@end
    }
  };

  if (kPacked) open_barriers(bars, kSlots);
  if (kCluster > 1) cluster_arrive();
  if (kConstant)
    for (int s = 0; s < kAhead; ++s)
      if (s < count) load_b(s, s);
  const int column = n0 + t % (kBN / 8) * 8;  // of all items of this thread
  float shift[8];
  const auto load_bias = [&] {
#pragma unroll
    for (int j = 0; j < 8; ++j) shift[j] = kBias && column + j < kN ? to_float(bias[column + j]) : 0.0f;
  };
  if (kConstantBias) load_bias();
  wait();
#pragma unroll 4
  for (int s = 0; s < kAhead; ++s) {
    if (s < count) {
      if (!kConstant) load_b(s, s);
      load_a(s, s);
    }
    commit_copies();
  }
  if (!kConstantBias) load_bias();
  using Piece = Vector<@Y, kCVector>;
  const auto load_residual = [&](@Y (&to)[8], int item) {
    const int row = m0 + item / (kBN / 8);
#pragma unroll
    for (int j = 0; j < 8; j += kCVector)
      *(Piece*)(to + j) =
          row < kM && column + j < kN ? *(const Piece*)(residual + pc + (long long)row * kCRow + column + j) : Piece{};
  };
  alignas(16) @Y early[kEarlyResidual ? kMine : 1][8];
  if (kEarlyResidual)
#pragma unroll
    for (int f = 0; f < kMine; ++f)
      if (t < kFinishing && t + f * kFinishing < kOwn) load_residual(early[f], rank * kOwn + t + f * kFinishing);
  allow_next();

  float sums[kMI][kNI][4] = {};
  const int a_row = wm * kTM + lane % 16;
  int slot = 0, refill = kAhead % kSlots;
  unsigned parity = 0;
#if WARP_GROUPS
#pragma unroll 1  // unrolled, products would wait for one another
#endif
  for (int chunk = 0; chunk < count; ++chunk) {
    wait_copies<kAhead - 1>();
#if WARP_GROUPS
    show_to_group();
#endif
    __syncthreads();
    if (kPacked) wait_barrier(bars + slot * 8, parity);
    if (kMost > kSlots && chunk + kAhead < count) {
      load_b(chunk + kAhead, refill);
      load_a(chunk + kAhead, refill);
    }
    if (++refill == kSlots) refill = 0;
    commit_copies();
    const unsigned a_at = ring + slot * kSlot, b_at = a_at + kABytes;
#if WARP_GROUPS
@32
    // A comes by registers, where it is rounded.
    unsigned f[kSteps][4];
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      load_matrix_4(f[s], a_at + a_row * 128 + (((wk * kSteps + s) * 2 + lane / 16 ^ (lane & 7)) << 4));
      round_4(f[s]);
    }
    open_group();
#pragma unroll
    for (int s = 0; s < kSteps; ++s)
      multiply_group(sums[0], f[s], b_at + wn * (kTN * 128) + (wk * kSteps + s) * 32);
    close_group<0>();
@16
    open_group();
#pragma unroll
    for (int s = 0; s < kSteps; ++s)
      multiply_group(sums[0], a_at + wm / 4 * (64 * 128) + (wk * kSteps + s) * 32,
                     b_at + wn * (kTN * 128) + (wk * kSteps + s) * 32);
    close_group<kEven ? 1 : 0>();  // left open over a number of rounds unknown to it, the compiler closes each product
@end
#else
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      const int step = wk * kSteps + s;
      unsigned a[kMI][4], b[kNI / 2][4];
#pragma unroll
      for (int i = 0; i < kMI; ++i)
@16
        load_matrix_4(a[i], a_at + (a_row + i * 16) * 128 + ((step * 2 + lane / 16 ^ (lane & 7)) << 4));
@32
      {
        load_matrix_4(a[i], a_at + (a_row + i * 16) * 128 + ((step * 2 + lane / 16 ^ (lane & 7)) << 4));
        round_4(a[i]);
      }
@end
#pragma unroll
      for (int j = 0; j < kNI / 2; ++j) {
        if (kPacked || kBAlongK) {
          const int row = wn * kTN + j * 16 + lane % 8 + lane / 16 * 8;
          load_matrix_4(b[j], b_at + row * 128 + ((step * 2 + lane / 8 % 2 ^ (lane & 7)) << 4));
        } else {
@32
          const int k = step * 8 + lane % 4, column = wn * kTN + j * 16 + lane / 4;
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            const int at = k + e % 2 * 4, piece = (column + e / 2 * 8) / 4;
            b[j][e] = load_word(b_at + at * (kBN * 4) + ((piece ^ turn_of(at)) << 4) + column % 4 * 4);
          }
@16
          const int k = step * 16 + lane % 16, piece = (wn * kTN + j * 16) / 8 + lane / 16;
          load_matrix_4_transposed(
              b[j], b_at + piece / kPieces * (kPanel * 128) + k * (kPanel * 2) + ((piece % kPieces ^ swizzle_of(k)) << 4));
@end
        }
@32
        if (!kPacked) round_4(b[j]);
@end
      }
#pragma unroll
      for (int i = 0; i < kMI; ++i)
#pragma unroll
        for (int j = 0; j < kNI; ++j) multiply(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
    }
#endif
    if (++slot == kSlots) slot = 0, parity ^= 1;
  }
#if WARP_GROUPS
  wait_group<0>();
#endif
  __syncthreads();

  // Sums of the groups of warps, where the ring was.
  float* const partial = (float*)(shared + (ring - bars));
#pragma unroll
  for (int i = 0; i < kMI; ++i)
#pragma unroll
    for (int j = 0; j < kNI; ++j)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        *(Vector<float, 2>*)(partial + (wk * kBM + wm * kTM + i * 16 + lane / 4 + h * 8) * kPitch + wn * kTN + j * 8 +
                             lane % 4 * 2) = {sums[i][j][h * 2], sums[i][j][h * 2 + 1]};
  if (kCluster > 1) cluster_wait();  // all blocks of the cluster have started
  __syncthreads();
  using Four = Vector<float, 4>;
  const auto add = [](float (&v)[8], const float* from) {
#pragma unroll
    for (int q = 0; q < 2; ++q) {
      const Four u = *(const Four*)(from + q * 4);
#pragma unroll
      for (int j = 0; j < 4; ++j) v[q * 4 + j] += u.v[j];
    }
  };
  const auto add_groups = [&](float (&v)[8], int item) {
#pragma unroll
    for (int g = 0; g < kWarpsK; ++g)
      add(v, partial + (g * kBM + item / (kBN / 8)) * kPitch + t % (kBN / 8) * 8);
  };
  if (kCluster > 1) {
    for (int item = t < kFinishing ? t : kItems; item < kItems; item += kFinishing) {
      if (m0 + item / (kBN / 8) >= kM) break;
      float v[8] = {};
      add_groups(v, item);
      const int owner = item / kOwn;
      const unsigned to = remote_address(received + (rank * kOwn + item - owner * kOwn) * 32, owner);
      store_remote(to, make_float4(v[0], v[1], v[2], v[3]));
      store_remote(to + 16, make_float4(v[4], v[5], v[6], v[7]));
    }
    __syncwarp();
    cluster_arrive();
    cluster_wait();
  }
#pragma unroll
  for (int f = 0; f < kMine; ++f) {
    const int own = t < kFinishing ? t + f * kFinishing : kOwn, item = rank * kOwn + own, row = m0 + item / (kBN / 8);
    if (own >= kOwn || row >= kM) continue;
    float v[8] = {};
    if (kCluster > 1) {
#pragma unroll
      for (int q = 0; q < kCluster; ++q) add(v, (const float*)(shared + 1024 + (q * kOwn + own) * 32));
    } else {
      add_groups(v, item);
    }
    alignas(16) @Y x[8];
    if (kResidual && !kEarlyResidual) load_residual(x, item);
#pragma unroll
    for (int j = 0; j < 8; ++j)
      x[j] = from_float<@Y>(finish(kAlpha * v[j], shift[j],
                                  !kResidual ? 0.0f : to_float(kEarlyResidual ? early[kEarlyResidual ? f : 0][j] : x[j])));
#pragma unroll
    for (int j = 0; j < 8; j += kCVector)
      if (column + j < kN) *(Piece*)(c_all + pc + (long long)row * kCRow + column + j) = *(const Piece*)(x + j);
  }
}
)";

struct Tile {
  int m, n, warps_m, warps_n, warps_k;
  bool groups = false;  // products by groups of four warps, from shared memory; Hopper
  bool operator==(const Tile&) const = default;
  int threads() const { return warps_m * warps_n * warps_k * 32; }
};
// Columns are no power of two.
bool is_odd(const Tile& tile) { return (tile.n & (tile.n - 1)) != 0; }
// From many blocks to much work for each; 48 and 96 columns deal a transformer's 768 and 3072 to 128 blocks.
constexpr std::array kTiles = {
    Tile{16, 32, 1, 1, 4},        Tile{16, 64, 1, 2, 4},         Tile{32, 32, 1, 1, 4},
    Tile{32, 32, 2, 1, 4},        Tile{32, 64, 1, 2, 4},         Tile{32, 64, 2, 2, 2},
    Tile{64, 32, 2, 1, 4},        Tile{64, 32, 4, 1, 2},         Tile{64, 64, 2, 2, 1},
    Tile{64, 64, 2, 2, 2},        Tile{64, 64, 4, 2, 1},         Tile{112, 32, 7, 1, 1},
    Tile{112, 64, 7, 1, 1},       Tile{128, 32, 4, 1, 2},        Tile{64, 128, 2, 4, 1},
    Tile{128, 64, 4, 2, 1},       Tile{128, 128, 2, 4, 1},       Tile{128, 256, 2, 4, 1},
    Tile{64, 32, 4, 1, 1, true},  Tile{64, 32, 4, 1, 2, true},   Tile{64, 64, 4, 1, 1, true},
    Tile{64, 64, 4, 1, 2, true},  Tile{64, 128, 4, 1, 1, true},  Tile{64, 128, 4, 2, 1, true},
    Tile{128, 64, 8, 1, 1, true}, Tile{128, 128, 8, 1, 1, true}, Tile{128, 256, 8, 1, 1, true},
    Tile{64, 48, 4, 1, 2},        Tile{64, 96, 4, 2, 1},         Tile{112, 48, 7, 1, 1},
    Tile{112, 96, 7, 1, 1},       Tile{64, 48, 4, 1, 1, true},   Tile{64, 48, 4, 1, 2, true},
    Tile{64, 96, 4, 1, 1, true},  Tile{64, 96, 4, 1, 2, true},
};

constexpr int kChunk = 64, kBarrierBytes = 1024;

struct Configuration {
  Tile tile{};
  int cluster = 1, slots = 2;

  int64_t slot_bytes() const { return (tile.m + tile.n) * kChunk * 2; }
  int64_t fixed_bytes() const { return kBarrierBytes + (cluster > 1 ? tile.m * tile.n * 4 : 0); }
  int64_t sum_bytes() const { return int64_t{4} * tile.warps_k * tile.m * (tile.n + 8); }
  int64_t shared_bytes() const { return fixed_bytes() + std::max(slots * slot_bytes(), sum_bytes()); }
  std::string text() const {
    return std::to_string(tile.m) + "x" + std::to_string(tile.n) + " warps " + std::to_string(tile.warps_m) + "x" +
           std::to_string(tile.warps_n) + "x" + std::to_string(tile.warps_k) + " cluster " + std::to_string(cluster) +
           " slots " + std::to_string(slots) + (tile.groups ? " warp groups" : "");
  }
};

bool parse(const std::string& text, Configuration& c) {
  c.tile.groups = text.ends_with(" warp groups");
  return std::sscanf(text.c_str(), "%dx%d warps %dx%dx%d cluster %d slots %d", &c.tile.m, &c.tile.n, &c.tile.warps_m,
                     &c.tile.warps_n, &c.tile.warps_k, &c.cluster, &c.slots) == 7 &&
         std::find(kTiles.begin(), kTiles.end(), c.tile) != kTiles.end() && c.cluster >= 1 && c.cluster <= 8 &&
         c.slots >= 1 && c.slots <= 100;
}

int64_t chunks_of(const GridProduct& product) { return tiles(product.gemm().k, kChunk); }

// One constant matrix for all of the batch.
bool packs(const Problem& p, const GridProduct& product) {
  return p.inputs[1].constant && batch_alignment(product, &cpu::GemmProblem::Batch::b) == 0;
}

// Whether rows of B in shared memory run along k; those along n come in panels of a power of two.
bool reads_along_k(const Problem& p, const GridProduct& product) {
  return packs(p, product) || product.gemm().b_row == 1;
}

// Where the problem can be done, with k, and what lies along it, in units of 16 bits.
Verdict mma_product(const Problem& p, GridProduct& product) {
  if (Verdict verdict = product_for_grid(p, product); !verdict) return verdict;
  if (Verdict verdict = multiplies(p, product.type); !verdict) return verdict;
  if (product.product.a_column != 1) return no("A is transposed");
  cpu::GemmProblem& g = product.product.gemm;
  if (g.k < 1) return no("nothing to sum");
  if (tiles(g.m, 16) > 65535) return no("more rows than a grid takes");
  const int64_t units = units_of(product.type);
  g.k *= units, g.a_row *= units;
  (g.b_row == 1 ? g.b_column : g.b_row) *= units;
  for (auto& dim : g.batch) dim.a *= units, dim.b *= units;
  return yes();
}

Verdict supports(const Problem& p, const Device&) {
  GridProduct product;
  return mma_product(p, product);
}

// Products by groups of warps read B in shared memory as it lies: along k, and rounded before.
bool can_group(const Problem& p, const GridProduct& product) {
  return product.type == DType::f32 ? packs(p, product) : reads_along_k(p, product);
}

// Clocks of a multiprocessor: products and loads of its blocks, and what a block waits for whatever its size. Fitted to
// 272 measured kernels of 17 products of transformers and classifiers on an H200, within 16%; the first of a product is
// 3% behind its best.
double clocks_of(const GridProduct& product, const Configuration& c, const Device& device) {
  const cpu::GemmProblem& g = product.gemm();
  const double blocks =
      static_cast<double>(tiles(g.m, c.tile.m)) * tiles(g.n, c.tile.n) * static_cast<double>(product.batch) * c.cluster;
  const double rounds = std::ceil(blocks / device.multiprocessors);
  const int64_t fitting = static_cast<int64_t>(device.shared_bytes) / (c.shared_bytes() + 1024);
  const double at_once =
      std::max<double>(1, std::min({rounds, static_cast<double>(fitting), std::floor(1536.0 / c.tile.threads())}));
  const double chunks = static_cast<double>(tiles(chunks_of(product), c.cluster));
  constexpr double kGroups = 1520, kWarps = 520, kLoad = 47;  // products of each kind and bytes, a clock
  constexpr double kStart = 1750, kCluster = 820, kLeftOver = 0.56, kPart = 4.3, kPush = 6, kStore = 2.6;
  const double rate = (c.tile.groups ? kGroups : kWarps) * std::min(1.0, at_once * c.tile.threads() / 32 / 8);
  const double products = chunks * c.tile.m * c.tile.n * kChunk / rate;
  const double loads = chunks * (c.tile.m + c.tile.n) * kChunk * 2 / kLoad;
  const double sums = kPart * c.tile.warps_k + (c.cluster > 1 ? kPush * c.cluster : kStore);
  const double alone = kStart + (c.cluster > 1 ? kCluster : 0) + kLeftOver * std::min(products, loads) +
                       static_cast<double>(c.tile.m * c.tile.n) * sums / 64;
  return rounds * std::max(products, loads) + std::ceil(rounds / at_once) * alone;
}

double estimate(const Problem& p, const std::string& configuration, const Device& device) {
  constexpr double kClock = 1.7e9;
  GridProduct product;
  Configuration c;
  if (!mma_product(p, product) || !parse(configuration, c)) return 1;
  return std::max(roofline_seconds(0, cpu::bytes_of(p), 1, device), 1e-6 + clocks_of(product, c, device) / kClock);
}

std::vector<std::string> configurations(const Problem& p, const Device& device) {
  GridProduct product;
  if (!mma_product(p, product)) return {};
  const cpu::GemmProblem& g = product.gemm();
  const int64_t chunks = chunks_of(product), room = static_cast<int64_t>(device.shared_bytes);
  std::vector<std::pair<double, std::string>> found;
  const bool groups = device.major == 9 && can_group(p, product);
  for (const Tile& tile : kTiles) {
    if ((tile.groups && !groups) || (is_odd(tile) && !reads_along_k(p, product))) continue;
    // A tile of twice the size of what there is to do has a better neighbour.
    if ((tile.m > 16 && tile.m >= 2 * g.m) || (tile.n > 32 && tile.n >= 2 * g.n)) continue;
    for (int cluster = 1; cluster <= (device.major >= 9 ? 8 : 1) && cluster <= chunks; cluster *= 2) {
      Configuration c{tile, cluster, 1};
      const double blocks =
          static_cast<double>(tiles(g.m, tile.m)) * tiles(g.n, tile.n) * static_cast<double>(product.batch) * cluster;
      if (cluster > 1 && blocks > 1.5 * device.multiprocessors) break;
      const auto most = static_cast<int64_t>(tiles(chunks, cluster));
      int last = 0;
      // Half of shared memory lets two blocks share a multiprocessor, all of it holds more of k.
      for (const int64_t part : {room / 2 - 1024, room}) {
        c.slots = static_cast<int>(std::min({most, (part - c.fixed_bytes()) / c.slot_bytes(), int64_t{100}}));
        if (c.slots < std::min<int64_t>(most, tile.groups ? 3 : 2) || c.slots == last || c.shared_bytes() > room)
          continue;
        last = c.slots;
        found.emplace_back(clocks_of(product, c, device), c.text());
      }
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  // Little work is all latency: more of a search would find noise.
  const size_t most = cpu::flops_of(p) < 1e7 ? 4 : 16;
  std::vector<std::string> texts;
  for (size_t i = 0; i < std::min(most, found.size()); ++i) texts.push_back(found[i].second);
  return texts;
}

Result<std::vector<Tensor>> prepare(const Problem& p, const std::string& configuration, const Device&) {
  VIVACE_ASSIGN(const GridProduct product, supported<mma_product>(p));
  Configuration c;
  if (!packs(p, product) || !parse(configuration, c)) return std::vector<Tensor>{};
  const cpu::GemmProblem& g = product.gemm();
  const int64_t chunks = chunks_of(product), rows = tiles(g.n, c.tile.n) * int64_t{c.tile.n};
  const int64_t units = units_of(product.type);
  VIVACE_ASSIGN(const Tensor b, as_multiplied(*p.inputs[1].constant));
  VIVACE_ASSIGN(Tensor packed, Tensor::allocate(product.type, {rows, chunks * kChunk / units}));
  const auto* from = b.as<uint16_t>();
  auto* to = packed.as<uint16_t>();
  const bool along_k = g.b_row == 1;
  for (int64_t k = 0; k < g.k; ++k)
    for (int64_t n = 0; n < g.n; ++n) {
      const int64_t row = n % c.tile.n, piece = k % kChunk / 8 ^ (row & 7);
      to[(((n / c.tile.n) * chunks + k / kChunk) * c.tile.n + row) * kChunk + piece * 8 + k % 8] =
          from[along_k ? n * g.b_column + k : k / units * g.b_row + n * units + k % units];
    }
  return std::vector<Tensor>{std::move(packed)};
}

Result<Job> generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const GridProduct product, supported<mma_product>(p));
  Configuration c;
  if (!parse(configuration, c) || c.shared_bytes() > static_cast<int64_t>(device.shared_bytes) ||
      (c.cluster > 1 && device.major < 9) || (c.tile.groups && device.major != 9) ||
      (c.tile.groups && !can_group(p, product)) || (is_odd(c.tile) && !reads_along_k(p, product)))
    return Status(Code::corrupt_file, p.node->describe() + ": configuration '" + configuration + "' does not fit");
  const cpu::GemmProblem& g = product.gemm();
  const bool packed = packs(p, product), along_k = g.b_row == 1;
  const int64_t units = units_of(product.type);
  Launch launch;
  launch.name = "matmul";
  launch.grid[0] = tiles(g.n, c.tile.n) * static_cast<unsigned>(c.cluster);
  launch.grid[1] = tiles(g.m, c.tile.m);
  launch.grid[2] = static_cast<unsigned>(product.batch);
  launch.block = static_cast<unsigned>(c.tile.threads());
  launch.shared_bytes = static_cast<unsigned>(c.shared_bytes());
  launch.cluster = static_cast<unsigned>(c.cluster);
  launch.waits = true;
  Source s = declare_product(p, product);
  s.add(mma_functions(product.type)).add(tile_functions(product.type));
  s.add(c.tile.groups ? "#define WARP_GROUPS 1\n" + group_functions(c.tile.n / c.tile.warps_n, product.type)
                      : "#define WARP_GROUPS 0\n");
  s.constant("kBM", c.tile.m).constant("kBN", c.tile.n).constant("kWarpsM", c.tile.warps_m);
  s.constant("kWarpsN", c.tile.warps_n).constant("kWarpsK", c.tile.warps_k).constant("kCluster", c.cluster);
  s.constant("kSlots", c.slots).constant("kPacked", packed).constant("kBAlongK", along_k);
  s.constant("kConstant", p.inputs[1].constant != nullptr);
  s.constant("kConstantBias", product.product.bias && p.inputs[2].constant);
  s.constant("kAVector", vector_width({g.a_row, g.k, batch_alignment(product, &cpu::GemmProblem::Batch::a)}));
  s.constant("kBVector", vector_width({along_k ? g.b_column : g.b_row, along_k ? g.k : g.n * units,
                                       batch_alignment(product, &cpu::GemmProblem::Batch::b)}));
  s.constant("kCVector", std::min<int64_t>(vector_width({g.n, batch_alignment(product, &cpu::GemmProblem::Batch::c)}),
                                           8 / units_of(product.made)));
  launch.source = s.add(for_result(for_width(kKernel, product.type), product)).text();
  launch.arguments = product_arguments(product, packed);
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic matmul_mma_tactic{
    .name = "cuda_matmul_mma",
    .version = 6,
    .operators = {"MatMul", "Gemm", "vivace.FusedMatMul"},
    .supports = supports,
    .configurations = configurations,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
