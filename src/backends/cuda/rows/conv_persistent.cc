// Convolutions of large images or batches on Hopper's tensor cores: blocks that stay and take one tile after another.
//
// Four warps of a block only load: taps of the image by cp.async, weights by bulk copies, into a ring of steps of 64
// products in depth, on into the next tile while the last is still multiplied or stored. The others are groups of four
// warps that multiply from shared memory and finish their sums in registers. `groups` of them share a tile; of two
// `sets` one stores its tile while the other multiplies the next. Neighbours in the order of tiles have the same
// pixels.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "backends/cuda/rows/conv_mma.h"
#include "backends/cuda/rows/mma.h"

namespace vivace::cuda {

namespace {

constexpr const char* kKernel = R"(
constexpr int kConsumers = kSets * kGroups * 128, kThreads = kConsumers + 128;
constexpr int kTaps = kKernelH * kKernelW, kPixels = kBatch * kOutH * kOutW, kDepth = kTaps * kInChannels;
constexpr int kSteps = (kDepth + 63) / 64;
constexpr int kTilesM = (kPixels + kM - 1) / kM, kTilesN = (kOutChannels + kN - 1) / kN, kTiles = kTilesM * kTilesN;
constexpr int kI = kM / kGroups / 64, kJ = kN / 8, kSlices = kN / 32;
constexpr int kStageA = kM * 128, kStageB = kN * 128, kStage = kStageA + kStageB;
constexpr int kLoads = kM / 16;
constexpr bool kPlain = kKernelH * kKernelW == 1 && kPadH == 0 && kPadW == 0;

__device__ __forceinline__ void open_barrier(unsigned at, int count) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(at), "r"(count) : "memory");
}
__device__ __forceinline__ void arrive(unsigned barrier) {
  asm volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(barrier) : "memory");
}
// When all copies of this thread are done.
__device__ __forceinline__ void arrive_with_copies(unsigned barrier) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(barrier) : "memory");
}
// Word p of lane q of four neighbours becomes word q of lane p.
__device__ __forceinline__ void exchange(unsigned* w, int q) {
  const bool odd = q & 1, high = q & 2;
#pragma unroll
  for (int k = 0; k < 4; k += 2) {
    const unsigned got = __shfl_xor_sync(0xffffffffu, odd ? w[k] : w[k + 1], 1);
    if (odd) w[k] = got;
    else w[k + 1] = got;
  }
#pragma unroll
  for (int k = 0; k < 2; ++k) {
    const unsigned got = __shfl_xor_sync(0xffffffffu, high ? w[k] : w[k + 2], 2);
    if (high) w[k] = got;
    else w[k + 2] = got;
  }
}
__device__ __forceinline__ T half_of(unsigned word, int h) {
  T made;
  made.bits = (unsigned short)(word >> (16 * h));
  return made;
}

extern "C" __global__ void __launch_bounds__(kThreads, 1) conv(const T* __restrict__ x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(1024) unsigned char memory[];
  const int tid = threadIdx.x, lane = tid & 31;
  const unsigned full = shared_address(memory), empty = full + 128, turns = full + 256, ring = full + 1024;
  const auto pixels_of = [](int tile) { return tile / kTilesN * kM; };
  const auto channels_of = [](int tile) { return tile % kTilesN * kN; };
  if (tid == 0) {
    for (int s = 0; s < kStages; ++s) {
      open_barrier(full + s * 8, 128 + 1);
      open_barrier(empty + s * 8, kGroups * 4);
    }
    for (int s = 0; s < kSets; ++s) open_barrier(turns + s * 8, kGroups * 4);
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();

  if (tid >= kConsumers) {
    const int t = tid - kConsumers, piece = t & 7, row0 = t >> 3;
    const auto load_weights = [&](int tile, int step, int slot) {
      const unsigned barrier = full + slot * 8;
      asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(barrier), "r"(kStageB) : "memory");
      asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
                   ::"r"(ring + slot * kStage + kStageA), "l"(w + ((size_t)(tile % kTilesN) * kSteps + step) * (kN * 64)),
                   "r"(kStageB), "r"(barrier) : "memory");
    };
    if (t == 0)
      for (int s = 0; s < kStages; ++s) {
        const int tile = blockIdx.x + s / kSteps * gridDim.x;
        if (tile < kTiles) load_weights(tile, s % kSteps, s);
      }
    wait();
    allow_next();
    int slot = 0, last = 0;
    unsigned round = 0, parity = 0;  // of the ring's rounds; of the last step's
    for (int tile = blockIdx.x; tile < kTiles; tile += gridDim.x) {
      int from[kLoads], top[kLoads], left[kLoads];
#pragma unroll
      for (int j = 0; j < kLoads; ++j) {
        const int m = pixels_of(tile) + row0 + j * 16, n = m / (kOutH * kOutW), o = m % (kOutH * kOutW);
        top[j] = o / kOutW * kStrideH - kPadH;
        left[j] = o % kOutW * kStrideW - kPadW;
        from[j] = ((n * kInH + top[j]) * kInW + left[j]) * kInPitch;
        if (m >= kPixels) top[j] = -(1 << 28);
      }
#pragma unroll 1
      for (int step = 0; step < kSteps; ++step) {
        if (round > 0) {
          wait_barrier(empty + slot * 8, (round & 1) ^ 1);
          if (t == 0) load_weights(tile, step, slot);
        }
        const int k = step * 64 + piece * 8, tap = kPlain ? 0 : k / kInChannels, c = kPlain ? k : k % kInChannels;
        const int dh = tap / kKernelW * kDilationH, dw = tap % kKernelW * kDilationW;
        const T* const at = x + ((dh * kInW + dw) * kInPitch + c);
        const unsigned to = ring + slot * kStage + row0 * 128 + ((piece ^ (row0 & 7)) << 4);
#pragma unroll
        for (int j = 0; j < kLoads; ++j) {
          const bool inside = (kDepth % 64 == 0 || k < kDepth) &&
                              (kPlain ? top[j] >= 0 : (unsigned)(top[j] + dh) < (unsigned)kInH &&
                                                          (unsigned)(left[j] + dw) < (unsigned)kInW);
          copy_16(to + j * 2048, inside ? at + from[j] : x, inside);
        }
        arrive_with_copies(full + slot * 8);
        last = slot, parity = round & 1;
        if (++slot == kStages) slot = 0, ++round;
      }
    }
    wait_barrier(full + last * 8, parity);  // a thread outlives its copies
    return;
  }

  const int set = tid / (kGroups * 128), group = tid / 128 % kGroups, q = lane & 3;
  wait();
  for (int local = set;; local += kSets) {
    const int tile = blockIdx.x + local * gridDim.x;
    if (tile >= kTiles) break;
    const int m0 = pixels_of(tile), n0 = channels_of(tile);
    if (kResidual) {
      // It is in the second-level cache when the sums are there.
      constexpr int kLines = (kN + 63) / 64;
      for (int i = tid % (kGroups * 128); i < kM * kLines; i += kGroups * 128) {
        const int m = m0 + i / kLines, n = n0 + i % kLines * 64;
        if (m < kPixels && n < kOutChannels)
          asm volatile("prefetch.global.L2 [%0];" ::"l"(residual + (size_t)m * kResidualPitch + n));
      }
    }
    float sums[kI][kJ][4] = {};
    // A barrier of the ring tells its last round from this one only when that is over: the set of the tile before this
    // has seen all its steps.
    if (kSets > 1 && local > 0) wait_barrier(turns + (set ^ 1) * 8, (local - 1) / 2 & 1);
    int slot = local * kSteps % kStages, last = 0;
    unsigned parity = local * kSteps / kStages & 1;
#pragma unroll 1
    for (int step = 0; step < kSteps; ++step) {
      wait_barrier(full + slot * 8, parity);
      show_to_group();
      const unsigned a = ring + slot * kStage + group * (kM / kGroups * 128), b = ring + slot * kStage + kStageA;
      open_group();
#pragma unroll
      for (int p = 0; p < 4; ++p)
#pragma unroll
        for (int i = 0; i < kI; ++i) multiply_group(sums[i], a + i * (64 * 128) + p * 32, b + p * 32);
      close_group<1>();
      if (step > 0 && lane == 0) arrive(empty + last * 8);
      last = slot;
      if (++slot == kStages) slot = 0, parity ^= 1;
    }
    if (kSets > 1 && lane == 0) arrive(turns + set * 8);
    wait_group<0>();
    if (lane == 0) arrive(empty + last * 8);

    // Lane q of four has columns 2q and 2q + 1 of each eight; finished, they exchange them so that each stores eight.
    const int row = m0 + group * (kM / kGroups) + tid % 128 / 32 * 16 + lane / 4;
    const auto pixel = [&](int part, int h) { return row + part / kSlices * 64 + h * 8; };
    const auto channel = [&](int part) { return n0 + part % kSlices * 32 + q * 8; };
    const auto is_there = [&](int part, int h) { return pixel(part, h) < kPixels && channel(part) < kOutChannels; };
    constexpr int kParts = kI * kSlices;
    uint4 added[2][2];
    const auto load_residual = [&](int part) {
#pragma unroll
      for (int h = 0; h < 2; ++h)
        added[part & 1][h] = is_there(part, h)
                                 ? *(const uint4*)(residual + (size_t)pixel(part, h) * kResidualPitch + channel(part))
                                 : make_uint4(0, 0, 0, 0);
    };
    if (kResidual) load_residual(0);
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      if (kResidual && part + 1 < kParts) load_residual(part + 1);
      const int i = part / kSlices, j0 = part % kSlices * 4;
      float2 shift[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) shift[j] = *(const float2*)(bias + n0 + (j0 + j) * 8 + q * 2);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const uint4 r = added[part & 1][h];
        unsigned more[4] = {r.x, r.y, r.z, r.w}, words[4];
        if (kResidual) exchange(more, q);
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const int n = n0 + (j0 + j) * 8 + q * 2;
          const float l = finish(sums[i][j0 + j][h * 2], shift[j].x, kResidual ? to_float(half_of(more[j], 0)) : 0.0f);
          const float u = finish(sums[i][j0 + j][h * 2 + 1], shift[j].y, kResidual ? to_float(half_of(more[j], 1)) : 0.0f);
          const bool has_l = kTrueOutChannels % 8 == 0 || n < kTrueOutChannels;
          const bool has_u = kTrueOutChannels % 8 == 0 || n + 1 < kTrueOutChannels;
          words[j] = from_float<T>(has_l ? l : 0.0f).bits | (unsigned)from_float<T>(has_u ? u : 0.0f).bits << 16;
        }
        exchange(words, q);
        if (is_there(part, h))
          *(uint4*)(y + (size_t)pixel(part, h) * kOutPitch + channel(part)) =
              make_uint4(words[0], words[1], words[2], words[3]);
      }
    }
  }
}
)";

struct Tile {
  int m, n, sets, groups;
  int stages = 0;

  int threads() const { return 128 + 128 * sets * groups; }
  int64_t stage_bytes() const { return int64_t{128} * (m + n); }
  int64_t shared_bytes() const { return 1024 + stages * stage_bytes(); }
  std::string text() const {
    return std::to_string(m) + "x" + std::to_string(n) + " sets " + std::to_string(sets) + " groups " +
           std::to_string(groups) + " stages " + std::to_string(stages);
  }
  int64_t count(const ImageConv& c) const {
    return int64_t{tiles(c.batch * c.out_h * c.out_w, m)} * tiles(c.out_channels, n);
  }
  /// As conv_mma packs weights.
  ConvTile packing() const { return {m, n, 4 * groups, 1, 1, 1, 1, stages, true}; }
};

// Rows of a group times columns are at most 128 x 128: the sums are half of a thread's registers.
constexpr Tile kTiles[] = {
    {128, 256, 1, 2}, {256, 128, 1, 2}, {192, 128, 1, 3}, {128, 192, 1, 2}, {128, 128, 2, 1}, {128, 128, 1, 2},
    {64, 256, 2, 1},  {64, 192, 2, 1},  {256, 64, 1, 2},  {128, 64, 2, 1},  {64, 128, 2, 1},  {128, 96, 2, 1},
};
constexpr int kMostStages = 8, kLeastStages = 3;

bool parse(const std::string& text, Tile& t) {
  if (std::sscanf(text.c_str(), "%dx%d sets %d groups %d stages %d", &t.m, &t.n, &t.sets, &t.groups, &t.stages) != 5)
    return false;
  return t.stages >= kLeastStages && t.stages <= kMostStages &&
         std::any_of(std::begin(kTiles), std::end(kTiles), [&](const Tile& k) {
           return k.m == t.m && k.n == t.n && k.sets == t.sets && k.groups == t.groups;
         });
}

Verdict supports(const Problem& p, const Device& device) {
  ImageConv c;
  if (Verdict verdict = conv_mma_of(p, c); !verdict) return verdict;
  if (c.type == DType::f32) return no("16 bits only");
  if (device.major != 9) return no("products of warp groups are Hopper's");
  if (Tile{128, 128, 1, 2}.count(c) < device.multiprocessors) return no("fewer tiles than multiprocessors");
  return yes();
}

// Seconds, fitted to some 200 measured tiles of ResNet-50's layers at batch 128 on an H200 within 10%: tiles one after
// another, each as long as its loads, its products or its stores take, or all of it as long as memory does.
double seconds_of(const ImageConv& c, const Tile& t, const Device& device) {
  constexpr double kImageBytes = 35.6, kWeightBytes = 80, kProducts = 1740;  // a cycle of a multiprocessor
  constexpr double kFinish = 0.83, kResidual = 0.89, kTile = 390;            // of a column of a warp's rows
  constexpr double kOverlap = 1.78, kSmaller = 0.25;
  constexpr double kStart = 5300, kClock = 1.7e9, kMemory = 4.5e12;
  const auto steps = static_cast<double>(t.packing().chunks(c)), tile = static_cast<double>(t.m) * t.n;
  const double loads = steps * 128 * (t.m / kImageBytes + t.n / kWeightBytes);
  const double products = steps * 64 * tile / kProducts;
  const double stores = kTile + tile / (4 * t.groups) * (kFinish + (c.residual_pitch ? kResidual : 0));
  const double each =
      t.sets == 2 ? std::max({loads, products, (products + stores) / kOverlap}) : std::max(loads, products + stores);
  const double rounds = std::ceil(static_cast<double>(t.count(c)) / device.multiprocessors);
  const auto pixels = static_cast<double>(c.batch * c.out_h * c.out_w);
  const double used = c.kernel_h == 1 && c.kernel_w == 1 ? 1.0 / static_cast<double>(c.stride_h * c.stride_w) : 1;
  const double bytes = 2 * (used * static_cast<double>(c.batch * c.in_h * c.in_w * c.in_channels) +
                            pixels * static_cast<double>(c.out_channels) * (c.residual_pitch ? 2 : 1));
  const double busy = (kStart + rounds * each) / kClock, moved = bytes / kMemory + kStart / kClock;
  return std::max(busy, moved) + kSmaller * std::min(busy, moved);
}

double estimate(const Problem& p, const std::string& configuration, const Device& device) {
  ImageConv c;
  Tile t{};
  return conv_mma_of(p, c) && parse(configuration, t) ? seconds_of(c, t, device) : 1;
}

std::vector<std::string> configurations(const Problem& p, const Device& device) {
  ImageConv c;
  if (!conv_mma_of(p, c)) return {};
  std::vector<std::pair<double, std::string>> found;
  for (Tile t : kTiles) {
    if (t.n >= 2 * c.out_channels && t.n > 64) continue;
    t.stages = static_cast<int>(
        std::min<int64_t>(kMostStages, (static_cast<int64_t>(device.shared_bytes) - 1024) / t.stage_bytes()));
    if (t.stages >= kLeastStages) found.emplace_back(seconds_of(c, t, device), t.text());
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> texts;
  for (auto& [seconds, text] : found) texts.push_back(std::move(text));
  return texts;
}

Result<Tile> tile_of(const Problem& p, const std::string& configuration, const Device& device) {
  Tile t{};
  if (!parse(configuration, t) || t.shared_bytes() > static_cast<int64_t>(device.shared_bytes))
    return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
  return t;
}

Result<std::vector<Tensor>> prepare(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const ImageConv c, supported<conv_mma_of>(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, configuration, device));
  return conv_mma_weights(p, c, t.packing());
}

Result<Job> generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const ImageConv c, supported<conv_mma_of>(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, configuration, device));
  Launch launch;
  launch.name = "conv";
  launch.waits = true;
  launch.grid[0] = static_cast<unsigned>(std::min<int64_t>(t.count(c), device.multiprocessors));
  launch.block = static_cast<unsigned>(t.threads());
  launch.shared_bytes = static_cast<unsigned>(t.shared_bytes());
  launch.arguments = {input(0), packed(0), packed(1), input(p.has(3) ? 3 : 0), output()};
  Source s = conv_mma_source(p, c);
  s.constant("kM", t.m).constant("kN", t.n).constant("kSets", t.sets).constant("kGroups", t.groups);
  s.constant("kStages", t.stages);
  s.add(mma_functions())
      .add(group_functions(t.n, p.outputs[0].type))
      .add(finish_function(p.attributes(), p.outputs[0].type));
  launch.source = s.add(kKernel).text();
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic conv_persistent_tactic{
    .name = "cuda_conv_persistent",
    .version = 1,
    .operators = {"Conv", "vivace.FusedConv"},
    .supports = supports,
    .configurations = configurations,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
