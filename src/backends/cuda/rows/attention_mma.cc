// Attention in f16, bf16 and, where it may be rounded to TF32, f32 on tensor cores: softmax(scale Q K^T + mask) V
// without ever storing the scores, sums and functions in f32 (FlashAttention, Dao et al. 2022).
//
// A warp has 16 queries of one head and goes over keys kWarpKeys at a time, keeping each row's largest score, sum of
// exponentials and weighted sum of V, which it scales whenever the largest grows. kQueryWarps warps have other queries,
// kKeyWarps warps share the keys of each and join their sums at the end. Q, K and V come into shared memory by
// cp.async, rows filled up with zeros to a multiple of 16 and an odd number of 16-byte pieces apart, so that ldmatrix
// meets no bank twice.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "backends/cuda/rows/attention.h"
#include "backends/cuda/rows/mma.h"
#include "backends/cuda/rows/tile_loads.h"

namespace vivace::cuda {

namespace {

constexpr const char* kKernel = R"(
constexpr int kThreads = 32 * kQueryWarps * kKeyWarps, kRows = 16 * kQueryWarps, kStep = kKeyWarps * kWarpKeys;
constexpr int kTiles = (kKeys + kStep - 1) / kStep, kAhead = kTiles <= kSlots ? kSlots : kSlots - 1;
constexpr int kD = (kDepth + 15) / 16 * 16, kE = (kValues + 15) / 16 * 16;  // filled up
@16
constexpr int kPitchD = kD * 2 + 16, kPitchE = kE * 2 + 16;                 // bytes
@32
constexpr int kPitchD = kD * 2 + 16, kPitchE = kE * 4 + 16;                 // bytes; kD counts halves of values
@end
constexpr int kSlot = kStep * (kPitchD + kPitchE), kStatistics = 2 * kKeyWarps * kRows * 4;
constexpr int kSumPitch = kE + 8;
constexpr float kLog2E = 1.44269504f;
__device__ __forceinline__ float mask_of(bool keep) { return keep ? 0.0f : -__uint_as_float(0x7f800000u); }
template <class M> __device__ __forceinline__ float mask_of(M value) { return to_float(value); }

// Rows of a matrix, `width` elements of each, into rows of kPieces pieces of 16 bytes.
template <int kTileRows, int kPieces, int kWidth, int kVector>
__device__ __forceinline__ void copy_tile(unsigned to, const Unit* from, long long pitch, int row0, int rows) {
#pragma unroll 4
  for (int i = threadIdx.x; i < kTileRows * kPieces; i += kThreads) {
    const int row = i / kPieces, piece = i % kPieces;
    copy_elements<kVector>(to + row * (kPieces * 16 + 16) + piece * 16, from + (row0 + row) * pitch + piece * 8, from,
                           row0 + row < rows ? kWidth - piece * 8 : 0);
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) attention(const Unit* __restrict__ q, const Unit* __restrict__ k,
    const Unit* __restrict__ v, const Mask* __restrict__ mask, T* __restrict__ out) {
  extern __shared__ __align__(128) unsigned char shared[];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, wq = warp % kQueryWarps, wk = warp / kQueryWarps;
  const int batch = blockIdx.x / kHeads, head = blockIdx.x % kHeads, row0 = blockIdx.y * kRows;
  const unsigned base = shared_address(shared), queries = base + kStatistics, ring = queries + kRows * kPitchD;
  const int shared_head = head / (kHeads / kKvHeads);
  q += batch * kQBatch + head * kQHead;
  k += batch * kKBatch + shared_head * kKHead;
  v += batch * kVBatch + shared_head * kVHead;
  mask += batch * kMaskBatch + head * kMaskHead;
  out += batch * kOutBatch + head * kOutHead;
  const int seen = kCausal ? min(kKeys, row0 + kRows + kPosition) : kKeys;
  const int count = kCausal ? (max(seen, 0) + kStep - 1) / kStep : kTiles;
  const auto load = [&](int tile, int slot) {
    const unsigned to = ring + slot * kSlot;
    copy_tile<kStep, kD / 8, kDepth, kKVector>(to, k, kKRow, tile * kStep, kKeys);
@16
    copy_tile<kStep, kE / 8, kValues, kVVector>(to + kStep * kPitchD, v, kVRow, tile * kStep, kKeys);
@32
    copy_tile<kStep, kE / 4, kValues * 2, kVVector>(to + kStep * kPitchD, v, kVRow, tile * kStep, kKeys);
@end
  };

  wait();
  copy_tile<kRows, kD / 8, kDepth, kQVector>(queries, q, kQRow, row0, kQueries);
#pragma unroll 1
  for (int s = 0; s < kAhead; ++s) {
    if (s < count) load(s, s);
    commit_copies();
  }
  allow_next();

  const float infinity = __uint_as_float(0x7f800000u);
  float most[2] = {-infinity, -infinity}, total[2] = {}, sums[kE / 8][4] = {};
  unsigned a[kD / 16][4];
  int slot = 0, refill = kAhead % kSlots;
#pragma unroll 1
  for (int tile = 0; tile < count; ++tile) {
    wait_copies<kAhead - 1>();
    __syncthreads();
    if (kTiles > kSlots && tile + kAhead < count) load(tile + kAhead, refill);
    if (++refill == kSlots) refill = 0;
    commit_copies();
    if (tile == 0)
#pragma unroll
      for (int d = 0; d < kD / 16; ++d)
@16
        load_matrix_4(a[d], queries + (wq * 16 + lane % 16) * kPitchD + (d * 2 + lane / 16) * 16);
@32
      {
        load_matrix_4(a[d], queries + (wq * 16 + lane % 16) * kPitchD + (d * 2 + lane / 16) * 16);
        round_4(a[d]);
      }
@end
    const int key0 = tile * kStep + wk * kWarpKeys;  // of this warp
    const unsigned keys = ring + slot * kSlot + wk * kWarpKeys * kPitchD;
    const unsigned values = ring + slot * kSlot + kStep * kPitchD + wk * kWarpKeys * kPitchE;
    if (++slot == kSlots) slot = 0;
    if (key0 >= seen) continue;
    float scores[kWarpKeys / 8][4] = {};
#pragma unroll
    for (int d = 0; d < kD / 16; ++d)
#pragma unroll
      for (int j = 0; j < kWarpKeys / 16; ++j) {
        unsigned b[4];
        load_matrix_4(b, keys + (j * 16 + lane % 8 + lane / 16 * 8) * kPitchD + (d * 2 + lane / 8 % 2) * 16);
@32
        round_4(b);
@end
        multiply(scores[j * 2], a[d], b[0], b[1]);
        multiply(scores[j * 2 + 1], a[d], b[2], b[3]);
      }
    float largest[2] = {most[0], most[1]};
#pragma unroll
    for (int j = 0; j < kWarpKeys / 8; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int key = key0 + j * 8 + lane % 4 * 2 + e % 2, row = row0 + wq * 16 + lane / 4 + e / 2 * 8;
        float score = scores[j][e] * kScale;
        const bool there = key < kKeys && (!kCausal || key <= row + kPosition);
        if (kMasked && there)
          score += mask_of(mask[min(row, kQueries - 1) * kMaskQuery + key * kMaskKey]);
        score = there ? score * kLog2E : -infinity;
        scores[j][e] = score;
        largest[e / 2] = fmaxf(largest[e / 2], score);
      }
    float shift[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      largest[h] = fmaxf(largest[h], __shfl_xor_sync(0xffffffffu, largest[h], 1));
      largest[h] = fmaxf(largest[h], __shfl_xor_sync(0xffffffffu, largest[h], 2));
      shift[h] = largest[h] == -infinity ? 0.0f : largest[h];
      const float shrink = exp2f(most[h] - shift[h]);
      most[h] = largest[h];
      total[h] *= shrink;
#pragma unroll
      for (int j = 0; j < kE / 8; ++j) sums[j][h * 2] *= shrink, sums[j][h * 2 + 1] *= shrink;
    }
#pragma unroll
    for (int j = 0; j < kWarpKeys / 8; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        scores[j][e] = exp2f(scores[j][e] - shift[e / 2]);
        total[e / 2] += scores[j][e];
      }
@16
#pragma unroll
    for (int s = 0; s < kWarpKeys / 16; ++s) {
      const unsigned p[4] = {pair_of(scores[s * 2][0], scores[s * 2][1]), pair_of(scores[s * 2][2], scores[s * 2][3]),
                             pair_of(scores[s * 2 + 1][0], scores[s * 2 + 1][1]),
                             pair_of(scores[s * 2 + 1][2], scores[s * 2 + 1][3])};
#pragma unroll
      for (int j = 0; j < kE / 16; ++j) {
        unsigned b[4];
        load_matrix_4_transposed(b, values + (s * 16 + lane % 16) * kPitchE + (j * 2 + lane / 16) * 16);
        multiply(sums[j * 2], p, b[0], b[1]);
        multiply(sums[j * 2 + 1], p, b[2], b[3]);
      }
    }
@32
    // Products of 8 keys: the scores that a thread has are those of neighbours, so they stand for keys t and t + 4.
#pragma unroll
    for (int s = 0; s < kWarpKeys / 8; ++s) {
      unsigned p[4] = {__float_as_uint(scores[s][0]), __float_as_uint(scores[s][2]), __float_as_uint(scores[s][1]),
                       __float_as_uint(scores[s][3])};
      round_4(p);
      const unsigned row = values + (s * 8 + lane % 4 * 2) * kPitchE + lane / 4 * 4;
#pragma unroll
      for (int j = 0; j < kE / 8; ++j)
        multiply(sums[j], p, rounded(load_word(row + j * 32)), rounded(load_word(row + kPitchE + j * 32)));
    }
@end
  }
  wait_copies<0>();

  // The warps of the same queries agree on the largest score; then their sums meet where the ring was.
  float* const statistics = (float*)shared;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    total[h] += __shfl_xor_sync(0xffffffffu, total[h], 1);
    total[h] += __shfl_xor_sync(0xffffffffu, total[h], 2);
    const int row = wq * 16 + lane / 4 + h * 8;
    if (lane % 4 == 0) {
      statistics[wk * kRows + row] = most[h];
      statistics[(kKeyWarps + wk) * kRows + row] = total[h];
    }
  }
  __syncthreads();
  float* const partial = (float*)(shared + kStatistics + kRows * kPitchD);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = wq * 16 + lane / 4 + h * 8;
    float all = -infinity, divisor = 0;
#pragma unroll
    for (int w = 0; w < kKeyWarps; ++w) all = fmaxf(all, statistics[w * kRows + row]);
    const float shift = all == -infinity ? 0.0f : all;
#pragma unroll
    for (int w = 0; w < kKeyWarps; ++w)
      divisor += statistics[(kKeyWarps + w) * kRows + row] * exp2f(statistics[w * kRows + row] - shift);
    const float factor = divisor == 0 ? 0.0f : exp2f(most[h] - shift) / divisor;  // a query that sees no key: zeros
#pragma unroll
    for (int j = 0; j < kE / 8; ++j)
      *(float2*)(partial + (wk * kRows + row) * kSumPitch + j * 8 + lane % 4 * 2) =
          make_float2(sums[j][h * 2] * factor, sums[j][h * 2 + 1] * factor);
  }
  __syncthreads();
  using Piece = Vector<T, kOutVector>;
#pragma unroll 2
  for (int i = threadIdx.x; i < kRows * (kE / 8); i += kThreads) {
    const int row = i / (kE / 8), column = i % (kE / 8) * 8;
    if (row0 + row >= kQueries) break;
    alignas(16) T y[8];
#pragma unroll
    for (int c = 0; c < 8; c += 4) {
      float4 sum = *(const float4*)(partial + row * kSumPitch + column + c);
#pragma unroll
      for (int w = 1; w < kKeyWarps; ++w) {
        const float4 more = *(const float4*)(partial + (w * kRows + row) * kSumPitch + column + c);
        sum.x += more.x, sum.y += more.y, sum.z += more.z, sum.w += more.w;
      }
      y[c] = from_float<T>(sum.x), y[c + 1] = from_float<T>(sum.y);
      y[c + 2] = from_float<T>(sum.z), y[c + 3] = from_float<T>(sum.w);
    }
#pragma unroll
    for (int c = 0; c < 8; c += kOutVector)
      if (column + c < kValues) ((Piece*)out)[((row0 + row) * kOutRow + column + c) / kOutVector] = *(const Piece*)(y + c);
  }
}
)";

constexpr int64_t kWidest = 128;  // head size: beyond it registers run out

struct MmaAttention : AttentionJob {
  int64_t units = 1;  // of 16 bits, in an element
};

Verdict mma_attention(const Problem& p, MmaAttention& a) {
  const DType type = p.outputs[0].type;
  if (const Verdict verdict = multiplies(p, type); !verdict) return verdict;
  if (const Verdict verdict = attention_job(p, type, a); !verdict) return verdict;
  a.units = units_of(type);
  if (a.depth > kWidest || a.values > kWidest) return no("heads of more than 128 elements");
  if (a.keys < 1 || a.depth < 1 || a.values < 1) return no("nothing to attend to");
  if (a.batch * a.heads > INT32_MAX || tiles(a.queries, 16) > 65535) return no("more queries than a grid takes");
  for (const AttentionJob::Part& part : a.parts)
    if (p.inputs[static_cast<size_t>(part.input)].bytes() > INT32_MAX) return no("more than 2^31 bytes");
  return yes();
}

struct Configuration {
  int query_warps = 4, key_warps = 1, warp_keys = 32, slots = 2;

  int rows() const { return 16 * query_warps; }
  int step() const { return key_warps * warp_keys; }
  int64_t shared_bytes(const MmaAttention& a) const {
    const int64_t d = (a.depth * a.units + 15) / 16 * 16, e = (a.values + 15) / 16 * 16;
    const int64_t ring = slots * step() * (d * 2 + e * 2 * a.units + 32),
                  sums = int64_t{4} * key_warps * rows() * (e + 8);
    return 8 * key_warps * rows() + rows() * (d * 2 + 16) + std::max(ring, sums);
  }
  std::string text() const {
    return "queries " + std::to_string(query_warps) + " keys " + std::to_string(key_warps) + "x" +
           std::to_string(warp_keys) + " slots " + std::to_string(slots);
  }
};

bool parse(const std::string& text, Configuration& c) {
  return std::sscanf(text.c_str(), "queries %d keys %dx%d slots %d", &c.query_warps, &c.key_warps, &c.warp_keys,
                     &c.slots) == 4 &&
         c.query_warps >= 1 && c.key_warps >= 1 && c.query_warps * c.key_warps <= 8 &&
         (c.warp_keys == 32 || c.warp_keys == 64) && c.slots >= 1 && c.slots <= 4;
}

// Clocks of a multiprocessor: what comes over the second-level cache, products and exponentials, and what a block waits
// for in any case.
double clocks_of(const MmaAttention& a, const Configuration& c, const Device& device) {
  const double blocks = static_cast<double>(a.batch * a.heads) * tiles(a.queries, c.rows());
  const double rounds = std::ceil(blocks / device.multiprocessors);
  const int64_t beside = static_cast<int64_t>(device.shared_bytes) / (c.shared_bytes(a) + 1024);
  const auto fitting = static_cast<double>(beside);
  const double at_once = std::max(1.0, std::min({rounds, fitting, 48.0 / (c.query_warps * c.key_warps)}));
  const double keys = static_cast<double>(tiles(a.keys, c.step())) * c.step() * (a.causal ? 0.6 : 1);
  const double loads = (keys + c.rows()) * static_cast<double>(a.depth + a.values) * 2 * a.units / 50;
  const double warps = at_once * c.query_warps * c.key_warps;
  const double rate = std::min(1.0, warps / 8);
  const double work = keys * c.rows() * (static_cast<double>(a.depth + a.values) / 1024 + 1.0 / 12) / rate;
  const double alone = 1500 + 40 * c.key_warps + 250.0 * tiles(a.keys, c.step());
  return rounds * std::max(loads, work) + std::ceil(rounds / at_once) * (alone + std::min(loads, work) * 0.6);
}

double estimate(const Problem& p, const std::string& configuration, const Device& device) {
  constexpr double kClock = 1.7e9;
  MmaAttention a;
  Configuration c;
  if (!mma_attention(p, a) || !parse(configuration, c)) return 1;
  return 1e-6 + clocks_of(a, c, device) / kClock;
}

std::vector<std::string> configurations(const Problem& p, const Device& device) {
  MmaAttention a;
  if (!mma_attention(p, a)) return {};
  std::vector<std::pair<double, std::string>> found;
  for (const int queries : {1, 2, 4, 8})
    for (const int keys : {1, 2, 4})
      for (const int width : {32, 64}) {
        Configuration c{queries, keys, width, 1};
        if (queries * keys > 8 || (queries > 1 && 8 * queries >= a.queries) || (keys > 1 && c.step() >= 2 * a.keys))
          continue;
        // All keys at once where they fit, else a ring.
        const int64_t all = tiles(a.keys, c.step());
        for (c.slots = static_cast<int>(std::min<int64_t>(all, 3));
             c.slots > 1 && c.shared_bytes(a) > static_cast<int64_t>(device.shared_bytes) / 2;)
          --c.slots;
        if ((c.slots < 2 && all > 1) || c.shared_bytes(a) > static_cast<int64_t>(device.shared_bytes)) continue;
        found.emplace_back(clocks_of(a, c, device), c.text());
      }
  std::stable_sort(found.begin(), found.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
  constexpr size_t kMost = 8;
  std::vector<std::string> texts;
  for (size_t i = 0; i < std::min(kMost, found.size()); ++i) texts.push_back(found[i].second);
  return texts;
}

Result<Job> generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const MmaAttention a, supported<mma_attention>(p));
  Configuration c;
  if (!parse(configuration, c) || c.shared_bytes(a) > static_cast<int64_t>(device.shared_bytes))
    return Status(Code::corrupt_file, p.node->describe() + ": configuration '" + configuration + "' does not fit");
  Launch launch;
  launch.name = "attention";
  Source s;
  const DType type = p.outputs[0].type;
  s.add(prelude()).add(std::string("using T = ") + type_name(type) + ";\nusing Mask = " + mask_type(p, a) + ";\n");
  s.add(mma_functions(type)).add(tile_functions(type));
  s.constant("kHeads", a.heads).constant("kKvHeads", a.kv_heads ? a.kv_heads : a.heads);
  s.constant("kQueries", a.queries).constant("kKeys", a.keys).constant("kDepth", a.depth * a.units);
  s.constant("kValues", a.values);
  s.constant("kCausal", a.causal).constant("kPosition", a.position).constant("kMasked", a.mask_input >= 0);
  s.real("kScale", a.scale);
  s.constant("kQueryWarps", c.query_warps).constant("kKeyWarps", c.key_warps);
  s.constant("kWarpKeys", c.warp_keys).constant("kSlots", c.slots);
  // `units`: of an element, in what the kernel counts in.
  const auto strides = [&](const std::string& name, const cpu::AttentionProblem::Strides& of, int64_t width,
                           int64_t units, int64_t begin = 0) {
    s.add("constexpr long long " + name + "Batch = " + std::to_string(of.batch * units) + ", " + name + "Head = " +
          std::to_string(of.head * units) + ", " + name + "Row = " + std::to_string(of.row * units) + ";\n");
    int64_t vector = 8 * units / a.units;  // 16 bytes
    for (const int64_t stride : {of.batch, of.head, of.row, width, begin})
      while (stride * units % vector) vector /= 2;
    s.constant(name + "Vector", vector);
  };
  strides("kQ", a.q, a.depth, a.units, a.parts[0].begin);
  strides("kK", a.k, a.depth, a.units, a.parts[1].begin);
  strides("kV", a.v, a.values, a.units, a.parts[2].begin);
  strides("kOut", a.out, a.values, 1);
  s.add("constexpr long long kMaskBatch = " + std::to_string(a.mask.batch) +
        ", kMaskHead = " + std::to_string(a.mask.head) + ", kMaskQuery = " + std::to_string(a.mask.query) +
        ", kMaskKey = " + std::to_string(a.mask.key) + ";\n");
  launch.source = s.add(for_width(kKernel, p.outputs[0].type)).text();
  launch.grid[0] = static_cast<unsigned>(a.batch * a.heads);
  launch.grid[1] = tiles(a.queries, c.rows());
  launch.block = static_cast<unsigned>(32 * c.query_warps * c.key_warps);
  launch.shared_bytes = static_cast<unsigned>(c.shared_bytes(a));
  launch.arguments = attention_arguments(p, a);
  launch.waits = true;
  return job_of_one(std::move(launch));
}

Verdict supports(const Problem& p, const Device& device) {
  if (const Verdict verdict = supports_job<MmaAttention, mma_attention>(p, device); !verdict) return verdict;
  return configurations(p, device).empty() ? no("fewer queries and keys than a tile has, or more than fit") : yes();
}

}  // namespace

extern const Tactic attention_mma_tactic{
    .name = "cuda_attention_mma",
    .version = 1,
    .operators = {"Attention", "vivace.PackedAttention"},
    .supports = supports,
    .configurations = configurations,
    .estimate = estimate,
    .generate = generate,
};

}  // namespace vivace::cuda
