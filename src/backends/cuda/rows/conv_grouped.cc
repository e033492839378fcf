// Convolutions of channels-last images in groups, on tensor cores; and of any kind, by plain loops.
//
// Eight output channels at a time are a product over taps and over the blocks of 8 input channels that they depend on;
// weights between groups are zeros. Two such blocks are the depth of one instruction, so groups of 8 channels and more
// waste nothing. A block of threads loads the input of its tile of pixels once, and reads it at each tap's offset.
#include "backends/cuda/rows/image_conv.h"
#include "backends/cuda/rows/mma.h"

namespace vivace::cuda {

namespace {

struct Grouped : ImageConv {
  std::vector<int64_t> first;  // for each 8 output channels the first block of 8 input channels
  int64_t depth = 1;           // such blocks that each depends on

  int64_t steps() const { return (taps() * depth + 1) / 2; }
  int64_t step_pairs() const { return (steps() + 1) / 2; }
};

Verdict grouped_of(const Problem& p, Grouped& c) {
  if (Verdict verdict = image_conv_of(p, c); !verdict) return verdict;
  if (c.type == DType::f32) return no("16 bits only");
  if (!c.in_pitch) return no("channels-last images only");
  if (c.groups == 1) return no("one group; see cuda_conv_mma");
  std::vector<int64_t> last;
  c.first.clear();
  for (int64_t j = 0; j < c.out_blocks(); ++j) {
    const int64_t from = 8 * j / c.out_group(), to = (std::min(8 * j + 8, c.out_channels) - 1) / c.out_group();
    c.first.push_back(from * c.in_group() / 8);
    last.push_back(((to + 1) * c.in_group() - 1) / 8);
    c.depth = std::max(c.depth, last.back() - c.first.back() + 1);
  }
  for (int64_t& f : c.first) f = std::min(f, c.in_blocks() - c.depth);
  return yes();
}

// Tiles of 16 pixels and of 8 channels that a warp makes, warps along pixels and along channels.
struct Tile {
  int m, n, warps_m, warps_n;

  int64_t slots() const { return int64_t{16} * m * warps_m; }
  int64_t blocks_n() const { return int64_t{n} * warps_n; }  // of 8 channels
  int threads() const { return 32 * warps_m * warps_n; }
  // Blocks of 8 input channels that a block's output needs at most.
  int64_t columns(const Grouped& c) const {
    int64_t most = 1;
    for (int64_t j = 0; j < c.out_blocks(); j += blocks_n())
      most = std::max(most, c.first[static_cast<size_t>(std::min(j + blocks_n(), c.out_blocks()) - 1)] + c.depth -
                                c.first[static_cast<size_t>(j)]);
    return most;
  }
  bool shares_input(const Grouped& c) const {
    for (size_t j = 0; j < c.first.size(); ++j)
      if (c.first[j] != c.first[j / static_cast<size_t>(n) * static_cast<size_t>(n)]) return false;
    return true;
  }
  bool keeps_weights(const Grouped& c) const { return n * c.step_pairs() * 4 <= 80; }
  int64_t shared_bytes(const Grouped& c) const {
    const PixelTile t = pixel_tile(c, slots());
    const int64_t image = t.in_h * t.in_w * (columns(c) | 1) * 16, sums = slots() * (blocks_n() * 8 + 4) * 4;
    return std::max(image, sums);
  }
  std::string text() const {
    return "tiles " + std::to_string(m) + "x" + std::to_string(n) + " warps " + std::to_string(warps_m) + "x" +
           std::to_string(warps_n);
  }
};

double estimate_tile(const Grouped& c, const Tile& t, const Device& device) {
  const PixelTile pixels = pixel_tile(c, t.slots());
  const double blocks = static_cast<double>(pixels.count(c)) * tiles(c.out_blocks(), t.blocks_n());
  const auto steps = static_cast<double>(c.steps());
  const double loads = static_cast<double>(pixels.in_h * pixels.in_w * t.columns(c)) / static_cast<double>(t.threads());
  const double matrices = t.shares_input(c) ? t.m : t.m * t.n;
  double instructions = 200 + steps * (matrices * 5 + t.m * t.n * 2 + 3) + loads * 14 + t.m * t.n * 60;
  if (!t.keeps_weights(c)) instructions += steps * 10;
  return estimate_issue(instructions, t.keeps_weights(c) ? 1 : 2, blocks * t.threads() / 32, blocks, device);
}

constexpr Tile kTiles[] = {{1, 1, 1, 1}, {1, 1, 2, 1}, {1, 1, 4, 1}, {1, 1, 2, 2}, {1, 1, 1, 4}, {2, 1, 2, 1},
                           {2, 1, 1, 4}, {2, 1, 2, 2}, {2, 1, 2, 4}, {4, 1, 1, 4}, {4, 1, 2, 4}, {1, 2, 1, 1},
                           {1, 2, 4, 1}, {2, 2, 2, 1}, {2, 2, 2, 2}, {4, 2, 2, 2}, {1, 4, 2, 1}, {1, 4, 4, 1},
                           {2, 4, 2, 1}, {2, 4, 4, 1}, {2, 4, 2, 2}};

std::vector<std::string> grouped_configurations(const Problem& p, const Device& device) {
  Grouped c;
  if (!grouped_of(p, c)) return {};
  std::vector<std::pair<double, Tile>> all;
  for (const Tile& t : kTiles) {
    if (t.blocks_n() > 1 && t.blocks_n() >= 2 * c.out_blocks()) continue;
    if (t.shared_bytes(c) > static_cast<int64_t>(device.shared_bytes)) continue;
    all.emplace_back(estimate_tile(c, t, device), t);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> texts;
  for (const auto& [seconds, t] : all) texts.push_back(t.text());
  return texts;
}

Verdict grouped_supports(const Problem& p, const Device& device) {
  Grouped c;
  if (Verdict verdict = grouped_of(p, c); !verdict) return verdict;
  if (grouped_configurations(p, device).empty()) return no("the input of a tile does not fit into shared memory");
  if (c.out_blocks() > 65535) return no("more channels than a grid takes");
  return yes();
}

Result<Tile> tile_of(const Problem& p, const Grouped& c, const std::string& configuration, const Device& device) {
  const std::vector<int> n = numbers_of(configuration, 4);
  if (!n.empty()) {
    const Tile t{n[0], n[1], n[2], n[3]};
    if (t.m <= 8 && t.n <= 8 && 32 % t.n == 0 && t.threads() <= 1024 &&
        t.shared_bytes(c) <= static_cast<int64_t>(device.shared_bytes))
      return t;
  }
  return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
}

Result<Grouped> grouped(const Problem& p) { return supported<grouped_of>(p); }

double grouped_estimate(const Problem& p, const std::string& configuration, const Device& device) {
  Grouped c;
  if (!grouped_of(p, c)) return 1;
  const Result<Tile> t = tile_of(p, c, configuration, device);
  return t.ok() ? std::max(estimate_tile(c, *t, device), roofline_seconds(0, cpu::bytes_of(p), 1, device)) : 1;
}

// Weights as the registers of B want them: [8 output channels][pairs of steps][lane][step, half][2]; then the bias.
Result<std::vector<Tensor>> grouped_prepare(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Grouped c, grouped(p));
  const int64_t pairs = c.step_pairs();
  VIVACE_ASSIGN(Tensor packed, Tensor::allocate(c.type, {c.out_blocks(), pairs, 32, 8}));
  const auto* from = p.inputs[1].constant->as<const uint16_t>();
  auto* to = packed.as<uint16_t>();
  for (int64_t m = 0; m < c.out_channels; ++m)
    for (int64_t tap = 0; tap < c.taps(); ++tap)
      for (int64_t i = 0; i < c.in_group(); ++i) {
        const int64_t channel = m / c.out_group() * c.in_group() + i, j = m / 8;
        const int64_t unit = tap * c.depth + channel / 8 - c.first[static_cast<size_t>(j)], k = channel % 8;
        const int64_t lane = m % 8 * 4 + k / 2;
        to[((j * pairs + unit / 4) * 32 + lane) * 8 + unit % 4 * 2 + k % 2] =
            from[(m * c.in_group() + i) * c.taps() + tap];
      }
  VIVACE_ASSIGN(Tensor bias, bias_in_f32(p, 2, c.out_blocks() * 8));
  return std::vector<Tensor>{std::move(packed), std::move(bias)};
}

constexpr const char* kGrouped = R"(
constexpr int kThreads = 32 * kWarpsM * kWarpsN, kSlots = 16 * kM * kWarpsM, kTileN = kN * kWarpsN;
constexpr int kInBlocks = (kInChannels + 7) / 8, kOutBlocks = (kOutChannels + 7) / 8;
constexpr int kUnits = kTaps * kDepth, kSteps = (kUnits + 1) / 2, kPairs = (kSteps + 1) / 2;
constexpr int kPitch = kColumns | 1;  // 16-byte pieces of a pixel in shared memory: odd, against bank conflicts
constexpr int kTilesW = (kOutW + kTileW - 1) / kTileW, kTilesH = (kOutH + kTileH - 1) / kTileH;
constexpr int kItems = kSlots * kTileN, kFinishes = (kItems + kThreads - 1) / kThreads;
// The first block of 8 input channels that block `j` of the output depends on.
__device__ __forceinline__ int first_of(int j) {
  return min(8 * j / (kOutChannels / kGroups) * (kInChannels / kGroups) / 8, kInBlocks - kDepth);
}
// Where unit `u` of the sums is, from a pixel's place on.
__device__ constexpr int unit_offset(int u) {
  u = u < kUnits ? u : kUnits - 1;
  const int tap = u / kDepth;
  return (tap / kKernelW * kDilationH * kPatchW + tap % kKernelW * kDilationW) * kPitch + u % kDepth;
}
extern "C" __global__ void __launch_bounds__(kThreads) conv(const T* x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(128) unsigned char memory[];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, wm = warp % kWarpsM, wn = warp / kWarpsM;
  const int tile = blockIdx.x, n = tile / (kTilesW * kTilesH);
  const int oh = tile / kTilesW % kTilesH * kTileH, ow = tile % kTilesW * kTileW;
  const int j0 = blockIdx.y * kTileN, first = first_of(j0);

  // Before the wait: weights and bias.
  const auto weights = [&](int v, int pair) {
    const int j = j0 + wn * kN + v;
    return j < kOutBlocks ? *(const Words*)(w + ((j * kPairs + pair) * 32 + lane) * 8) : Words{};
  };
  Words kept[kN][kKeep ? kPairs : 1];
  int from[kShared ? 1 : kN];
#pragma unroll
  for (int v = 0; v < kN; ++v) {
    if (kKeep)
#pragma unroll
      for (int pair = 0; pair < kPairs; ++pair) kept[v][pair] = weights(v, pair);
    const int j = j0 + wn * kN + v;
    if (!kShared || v == 0) from[kShared ? 0 : v] = j < kOutBlocks ? first_of(j) - first : 0;
  }
  const int mine = j0 + tid % kTileN;  // the 8 channels that this thread finishes
  float added[8] = {};
  if (mine < kOutBlocks) bias_8(added, bias, mine);
  const auto pixel_of = [&](int slot) {
    const int h = oh + slot / kTileW, v = ow + slot % kTileW;
    return slot < kTileH * kTileW && h < kOutH && v < kOutW ? (n * kOutH + h) * kOutW + v : -1;
  };
  wait();
  allow_next();

  const unsigned image = shared_address(memory);
  for (int i = tid; i < kPatchH * kPatchW * kColumns; i += kThreads) {
    const int column = i % kColumns, at = i / kColumns;
    const int ih = oh * kStrideH - kPadH + at / kPatchW, iw = ow * kStrideW - kPadW + at % kPatchW;
    const bool inside = (unsigned)ih < (unsigned)kInH && (unsigned)iw < (unsigned)kInW && first + column < kInBlocks;
    copy_16(image + (at * kPitch + column) * 16,
            inside ? x + ((n * kInH + ih) * kInW + iw) * kInPitch + (first + column) * 8 : x, inside);
  }
  commit_copies();
  Words residuals[kFinishes];
#pragma unroll
  for (int f = 0; f < kFinishes; ++f) {
    const int i = tid + f * kThreads, pixel = i < kItems ? pixel_of(i / kTileN) : -1;
    residuals[f] = pixel >= 0 && mine < kOutBlocks ? residual_8(residual, pixel, mine * 8) : Words{};
  }
  unsigned rows[kM];
#pragma unroll
  for (int u = 0; u < kM; ++u) {
    int slot = (wm * kM + u) * 16 + (lane & 15);
    if (slot >= kTileH * kTileW) slot = 0;
    rows[u] = image + (slot / kTileW * kStrideH * kPatchW + slot % kTileW * kStrideW) * kPitch * 16;
  }
  wait_copies<0>();
  __syncthreads();

  float sums[kM][kN][4] = {};
  const auto step = [&](int offset, int half, const Words (&b)[kN]) {
    unsigned a[kM][4];
#pragma unroll
    for (int v = 0; v < kN; ++v)
#pragma unroll
      for (int u = 0; u < kM; ++u) {
        if (!kShared || v == 0) load_matrix_4(a[u], rows[u] + (offset + from[kShared ? 0 : v]) * 16);
        multiply(sums[u][v], a[u], b[v].v[half * 2], b[v].v[half * 2 + 1]);
      }
  };
  if (kKeep) {
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      Words b[kN];
#pragma unroll
      for (int v = 0; v < kN; ++v) b[v] = kept[v][kKeep ? s / 2 : 0];
      step(lane < 16 ? unit_offset(2 * s) : unit_offset(2 * s + 1), s % 2, b);
    }
  } else {
#pragma unroll 2
    for (int pair = 0; pair < kPairs; ++pair) {
      Words b[kN];
#pragma unroll
      for (int v = 0; v < kN; ++v) b[v] = weights(v, pair);
#pragma unroll
      for (int half = 0; half < 2; ++half) step(unit_offset(4 * pair + 2 * half + (lane >> 4)), half, b);
    }
  }
  __syncthreads();

  // Through shared memory, so that 16 bytes of a pixel are stored at once.
  constexpr int kSumPitch = kTileN * 8 + 4;
  float* const part = (float*)memory;
#pragma unroll
  for (int u = 0; u < kM; ++u)
#pragma unroll
    for (int v = 0; v < kN; ++v)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        *(float2*)(part + ((wm * kM + u) * 16 + (lane >> 2) + h * 8) * kSumPitch + (wn * kN + v) * 8 + (lane & 3) * 2) =
            make_float2(sums[u][v][h * 2], sums[u][v][h * 2 + 1]);
  __syncthreads();
#pragma unroll
  for (int f = 0; f < kFinishes; ++f) {
    const int i = tid + f * kThreads, pixel = i < kItems ? pixel_of(i / kTileN) : -1;
    if (pixel < 0 || mine >= kOutBlocks) continue;
    const float* const from_sums = part + i / kTileN * kSumPitch + i % kTileN * 8;
    float v[8];
    *(float4*)v = *(const float4*)from_sums;
    *(float4*)(v + 4) = *(const float4*)(from_sums + 4);
    finish_8(v, added, residuals[f], y, pixel, mine * 8);
  }
}
)";

Result<Job> grouped_generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const Grouped c, grouped(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration, device));
  const PixelTile pixels = pixel_tile(c, t.slots());
  Source s = image_conv_source(p, c);
  s.constant("kGroups", c.groups).constant("kDepth", c.depth).constant("kColumns", t.columns(c));
  s.constant("kM", t.m).constant("kN", t.n).constant("kWarpsM", t.warps_m).constant("kWarpsN", t.warps_n);
  s.constant("kTileH", pixels.h).constant("kTileW", pixels.w);
  s.constant("kPatchH", pixels.in_h).constant("kPatchW", pixels.in_w);
  s.constant("kShared", t.shares_input(c)).constant("kKeep", t.keeps_weights(c));
  Launch launch;
  launch.name = "conv";
  launch.source = s.add(mma_functions()).add(kGrouped).text();
  launch.waits = true;
  launch.block = static_cast<unsigned>(t.threads());
  launch.grid[0] = static_cast<unsigned>(pixels.count(c));
  launch.grid[1] = tiles(c.out_blocks(), t.blocks_n());
  launch.shared_bytes = static_cast<unsigned>(t.shared_bytes(c));
  launch.arguments = {input(0), packed(0), packed(1), input(p.has(3) ? 3 : 0), output()};
  return job_of_one(std::move(launch));
}

// Weights as [8 output channels][taps][channels of a group][8].
Result<std::vector<Tensor>> direct_prepare(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const ImageConv c, image_conv(p));
  VIVACE_ASSIGN(Tensor packed, Tensor::allocate(c.type, {c.out_blocks(), c.taps(), c.in_group(), 8}));
  const auto* from = p.inputs[1].constant->as<const uint16_t>();
  auto* to = packed.as<uint16_t>();
  const int64_t units = c.units();
  for (int64_t m = 0; m < c.out_channels; ++m)
    for (int64_t i = 0; i < c.in_group(); ++i)
      for (int64_t tap = 0; tap < c.taps(); ++tap)
        std::copy_n(from + ((m * c.in_group() + i) * c.taps() + tap) * units, units,
                    to + (((m / 8 * c.taps() + tap) * c.in_group() + i) * 8 + m % 8) * units);
  VIVACE_ASSIGN(Tensor bias, bias_in_f32(p, 2, c.out_blocks() * 8));
  return std::vector<Tensor>{std::move(packed), std::move(bias)};
}

// A thread makes 8 channels of a pixel. The input may be row-major.
constexpr const char* kDirect = R"(
constexpr int kBlocks = (kOutChannels + 7) / 8, kInGroup = kInChannels / kGroups, kOutGroup = kOutChannels / kGroups;
constexpr bool kOneGroup = kGroups == 1 || kOutGroup % 8 == 0;  // all 8 channels are of one
extern "C" __global__ void __launch_bounds__(kThreads) conv(const In* x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  begin();
  const int i = blockIdx.x * kThreads + threadIdx.x, block = i % kBlocks, pixel = i / kBlocks;
  if (pixel >= kBatch * kOutH * kOutW) return;
  const int n = pixel / (kOutH * kOutW), oh = pixel / kOutW % kOutH, ow = pixel % kOutW;
  int first[kOneGroup ? 1 : 8];
#pragma unroll
  for (int e = 0; e < (kOneGroup ? 1 : 8); ++e) {
    const int m = block * 8 + e;
    first[e] = (m < kOutChannels ? m / kOutGroup : 0) * kInGroup;
  }
  float sums[8] = {};
  for (int kh = 0; kh < kKernelH; ++kh)
    for (int kw = 0; kw < kKernelW; ++kw) {
      const int ih = oh * kStrideH - kPadH + kh * kDilationH, iw = ow * kStrideW - kPadW + kw * kDilationW;
      if ((unsigned)ih >= (unsigned)kInH || (unsigned)iw >= (unsigned)kInW) continue;
      const Words* const weights = (const Words*)w + (block * kTaps + kh * kKernelW + kw) * kInGroup;
      const In* const from = kInPitch ? x + ((n * kInH + ih) * kInW + iw) * kInPitch
                                      : x + n * (kInChannels * kInH * kInW) + ih * kInW + iw;
      constexpr int kChannelStride = kInPitch ? 1 : kInH * kInW;
#pragma unroll 4
      for (int c = 0; c < kInGroup; ++c) {
        const Words f = weights[c];
        float v[8];
#pragma unroll
        for (int e = 0; e < 8; ++e) v[e] = kOneGroup && e ? v[0] : to_float(from[(first[kOneGroup ? 0 : e] + c) * kChannelStride]);
#pragma unroll
        for (int k = 0; k < 4; ++k) {
          sums[2 * k] += v[2 * k] * low(f.v[k]);
          sums[2 * k + 1] += v[2 * k + 1] * high(f.v[k]);
        }
      }
    }
  finish_8(sums, bias + block * 8, residual_8(residual, pixel, block * 8), y, pixel, block * 8);
}
)";

constexpr unsigned kDirectThreads = 128;

Result<Job> direct_generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const ImageConv c, image_conv(p));
  Source s = image_conv_source(p, c);
  s.constant("kGroups", c.groups).constant("kThreads", kDirectThreads);
  Launch launch;
  launch.name = "conv";
  launch.source = s.add(kDirect).text();
  launch.waits = true;
  launch.block = kDirectThreads;
  launch.grid[0] = blocks_for(c.batch * c.out_h * c.out_w * c.out_blocks(), launch.block);
  launch.arguments = {input(0), packed(0), packed(1), input(p.has(3) ? 3 : 0), output()};
  return job_of_one(std::move(launch));
}

double direct_estimate(const Problem& p, const std::string&, const Device& device) {
  ImageConv c;
  if (!image_conv_of(p, c)) return 1;
  const double instructions = 150 + static_cast<double>(c.taps()) * (20 + static_cast<double>(c.in_group()) * 30);
  const double threads = static_cast<double>(c.batch * c.out_h * c.out_w * c.out_blocks());
  return 2 *
         estimate_issue(instructions, static_cast<double>(c.taps()), threads / 32, threads / kDirectThreads, device);
}

}  // namespace

extern const Tactic conv_grouped_tactic{
    .name = "cuda_conv_grouped",
    .version = 3,
    .operators = {"Conv", "vivace.FusedConv"},
    .supports = grouped_supports,
    .configurations = grouped_configurations,
    .estimate = grouped_estimate,
    .prepare = grouped_prepare,
    .generate = grouped_generate,
};

extern const Tactic conv_last_tactic{
    .name = "cuda_conv_direct_last",
    .version = 2,
    .operators = {"Conv", "vivace.FusedConv"},
    .supports = supports_job<ImageConv, image_conv_of>,
    .estimate = direct_estimate,
    .prepare = direct_prepare,
    .generate = direct_generate,
};

}  // namespace vivace::cuda
