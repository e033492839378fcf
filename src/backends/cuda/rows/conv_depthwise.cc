// Depthwise convolutions of channels-last images. A thread makes 8 channels of some output pixels side by side, so that
// what it loads of a row serves all of them: from memory directly, or from the input of its block's tile of pixels in
// shared memory, for which all copies fly at once and large kernels read each pixel once (16 bits only).
#include "backends/cuda/rows/image_conv.h"
#include "backends/cuda/rows/mma.h"

namespace vivace::cuda {

namespace {

Verdict depthwise_of(const Problem& p, ImageConv& c) {
  if (Verdict verdict = image_conv_of(p, c); !verdict) return verdict;
  if (!c.in_pitch) return no("channels-last images only");
  if (c.groups != c.in_channels || c.groups != c.out_channels) return no("not one channel of each group");
  if (c.out_blocks() > 65535) return no("more channels than a grid takes");
  if (c.kernel_w * c.dilation_w > 64) return no("a kernel too wide for registers");
  return yes();
}

// Pixels that a thread makes side by side and rows of them. Without `blocks`: that many threads of a block; else a
// block makes tile_h x tile_w pixels of `blocks` times 8 channels from shared memory.
struct Tile {
  int w = 1, h = 1, threads = 32, tile_h = 0, tile_w = 0, blocks = 0;

  int64_t columns(const ImageConv& c) const { return (w - 1) * c.stride_w + (c.kernel_w - 1) * c.dilation_w + 1; }
  int64_t rows(const ImageConv& c) const { return (h - 1) * c.stride_h + (c.kernel_h - 1) * c.dilation_h + 1; }
  int64_t loads(const ImageConv& c) const {
    return std::min(rows(c), h * c.kernel_h) * std::min(columns(c), w * c.kernel_w);
  }
  // All loads of a thread fly at once where the registers suffice; a loop over the kernel's rows otherwise.
  bool unrolled(const ImageConv& c) const { return (c.taps() + loads(c) + 2 * w * h) * c.units() <= 60; }

  // Of the variant in shared memory.
  int64_t patch_h(const ImageConv& c) const { return (tile_h - 1) * c.stride_h + (c.kernel_h - 1) * c.dilation_h + 1; }
  int64_t patch_w(const ImageConv& c) const { return (tile_w - 1) * c.stride_w + (c.kernel_w - 1) * c.dilation_w + 1; }
  // Pieces of 16 bytes from pixel to pixel, so that the eight threads whose loads go together meet few bank conflicts.
  int64_t pitch(const ImageConv& c) const {
    int64_t best = blocks, most = 0;
    for (int64_t pitch = blocks; pitch < blocks + 8; ++pitch) {
      unsigned banks = 0;
      for (int64_t t = 0; t < 8; ++t) banks |= 1U << ((t / blocks * w * c.stride_w * pitch + t % blocks) % 8);
      if (__builtin_popcount(banks) > most) most = __builtin_popcount(banks), best = pitch;
    }
    return best;
  }
  int64_t shared_bytes(const ImageConv& c) const {
    return blocks ? (patch_h(c) * patch_w(c) * pitch(c) + c.taps() * blocks) * 16 : 0;
  }
  int64_t grid_x(const ImageConv& c) const {
    if (blocks) return c.batch * tiles(c.out_h, tile_h) * tiles(c.out_w, tile_w);
    return tiles(c.batch * tiles(c.out_h, h) * tiles(c.out_w, w) * c.out_blocks(), threads);
  }
  int64_t grid_y(const ImageConv& c) const { return blocks ? tiles(c.out_blocks(), blocks) : 1; }

  std::string text() const {
    const auto pair = [](int a, int b) { return std::to_string(a) + "x" + std::to_string(b); };
    return "pixels " + pair(w, h) +
           (blocks ? " tile " + pair(tile_h, tile_w) + " blocks " + std::to_string(blocks)
                   : " threads " + std::to_string(threads));
  }
};

double estimate_tile(const ImageConv& c, const Tile& t, const Device& device) {
  const auto taps = static_cast<double>(c.taps()), loads = static_cast<double>(t.loads(c));
  // Each load is 8 conversions and some comparisons.
  double instructions = 80 + taps * 9 + loads * 9 + t.w * t.h * (8 * taps + 30), waits = 1;
  if (t.blocks) {
    const auto copies = static_cast<double>(t.patch_h(c) * t.patch_w(c) * t.blocks) / t.threads;
    instructions += 60 + copies * 14 + taps;
    waits = 1.4;
  } else {
    instructions += loads * 4;
    waits += t.unrolled(c) ? loads / 16 : static_cast<double>(c.kernel_h);
  }
  const auto blocks = static_cast<double>(t.grid_x(c) * t.grid_y(c));
  // In doubt blocks of some threads, that copy whole sectors; so that those which are timed are of several kinds.
  const int usual = t.blocks || blocks * t.threads > 512.0 * device.multiprocessors ? 128 : 64;
  const double unusual = (t.threads == usual ? 1 : 1.02) * (t.blocks == 1 && c.out_blocks() > 1 ? 1.02 : 1);
  return estimate_issue(instructions, waits, blocks * t.threads / 32, blocks, device) * unusual;
}

// Tiles for the variant in shared memory: so many threads, of which `blocks` are neighbours along the channels.
void add_shared(const ImageConv& c, const Device& device, std::vector<Tile>& all) {
  for (const int w : {1, 2, 4, 7})
    for (const int blocks : {1, 2, 4, 8})
      for (const int threads : {64, 128, 256}) {
        if (w > c.out_w || blocks >= 2 * c.out_blocks()) continue;
        ImageConv groups = c;  // a thread's pixels as one
        groups.out_w = tiles(c.out_w, w), groups.stride_w = c.stride_w * w;
        const PixelTile pixels = pixel_tile(groups, threads / blocks);
        const int used = static_cast<int>(pixels.h * pixels.w) * blocks;
        const Tile t{w, 1, (used + 31) / 32 * 32, static_cast<int>(pixels.h), static_cast<int>(pixels.w) * w, blocks};
        if (t.shared_bytes(c) <= static_cast<int64_t>(device.shared_bytes)) all.push_back(t);
      }
}

std::vector<std::string> configurations(const Problem& p, const Device& device) {
  ImageConv c;
  if (!depthwise_of(p, c)) return {};
  std::vector<Tile> all;
  for (const auto& [w, h] : {std::pair{1, 1}, {2, 1}, {4, 1}, {8, 1}, {7, 1}, {2, 2}, {4, 2}})
    for (const int threads : {32, 64, 128, 256}) {
      const Tile t{w, h, threads};
      if (w < 2 * c.out_w && h <= c.out_h && (h == 1 || t.unrolled(c))) all.push_back(t);
    }
  if (c.units() == 1) add_shared(c, device, all);
  std::vector<std::pair<double, std::string>> sorted;
  for (const Tile& t : all) sorted.emplace_back(estimate_tile(c, t, device), t.text());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> texts;
  for (const auto& [seconds, text] : sorted)
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
  return texts;
}

Result<Tile> tile_of(const Problem& p, const ImageConv& c, const std::string& configuration, const Device& device) {
  Tile t;
  if (const std::vector<int> n = numbers_of(configuration, 3); !n.empty()) t = Tile{n[0], n[1], n[2]};
  if (const std::vector<int> n = numbers_of(configuration, 5); !n.empty()) {
    t = Tile{n[0], 1, 0, n[2], n[3], n[4]};
    t.threads = (t.tile_h * (t.tile_w / t.w) * t.blocks + 31) / 32 * 32;
  } else if (numbers_of(configuration, 3).empty()) {
    t.w = 0;
  }
  const bool fits = t.w > 0 && t.w <= 16 && t.threads <= 1024 && (t.h == 1 || t.unrolled(c)) &&
                    (!t.blocks || (t.tile_w % t.w == 0 && c.units() == 1)) &&
                    t.shared_bytes(c) <= static_cast<int64_t>(device.shared_bytes);
  if (fits) return t;
  return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
}

double estimate(const Problem& p, const std::string& configuration, const Device& device) {
  ImageConv c;
  if (!depthwise_of(p, c)) return 1;
  const Result<Tile> t = tile_of(p, c, configuration, device);
  return t.ok() ? std::max(estimate_tile(c, *t, device), roofline_seconds(0, cpu::bytes_of(p), 1, device)) : 1;
}

// Weights as [taps][channels], channels filled up to 8, and the bias in f32.
Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const ImageConv c, image_conv(p));
  const int64_t filled = c.out_blocks() * 8;
  VIVACE_ASSIGN(Tensor packed, Tensor::allocate(c.type, {c.taps(), filled}));
  const auto* from = p.inputs[1].constant->as<const uint16_t>();
  auto* to = packed.as<uint16_t>();
  const int64_t units = c.units();
  for (int64_t channel = 0; channel < c.out_channels; ++channel)
    for (int64_t tap = 0; tap < c.taps(); ++tap)
      std::copy_n(from + (channel * c.taps() + tap) * units, units, to + (tap * filled + channel) * units);
  VIVACE_ASSIGN(Tensor bias, bias_in_f32(p, 2, filled));
  return std::vector<Tensor>{std::move(packed), std::move(bias)};
}

// Adds what a column of the kernel makes of a row of the input.
constexpr const char* kAdd = R"(
constexpr int kColumns = (kX - 1) * kStrideW + (kKernelW - 1) * kDilationW + 1;
__device__ __forceinline__ void add(float (&sum)[kX][8], const Words (&row)[kColumns], int kw, const Words& factor) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    const float l = low(factor.v[k]), h = high(factor.v[k]);
#pragma unroll
    for (int v = 0; v < kX; ++v) {
@16
      const unsigned pair = row[v * kStrideW + kw * kDilationW].v[k];
@32
      const Pair pair = row[v * kStrideW + kw * kDilationW].v[k];
@end
      sum[v][2 * k] += low(pair) * l;
      sum[v][2 * k + 1] += high(pair) * h;
    }
  }
}
)";

constexpr const char* kShared = R"(
constexpr int kBlocks = (kOutChannels + 7) / 8, kGroupsW = kTileW / kX;
constexpr int kTilesW = (kOutW + kTileW - 1) / kTileW, kTilesH = (kOutH + kTileH - 1) / kTileH;
extern "C" __global__ void __launch_bounds__(kThreads) conv(const T* x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(128) unsigned char memory[];
  const int tid = threadIdx.x, n = blockIdx.x / (kTilesW * kTilesH), block0 = blockIdx.y * kC;
  const int oh0 = blockIdx.x / kTilesW % kTilesH * kTileH, ow0 = blockIdx.x % kTilesW * kTileW;
  Words* const factors = (Words*)memory;
  Words* const patch = factors + kTaps * kC;

  // Before the wait: weights and bias.
  for (int i = tid; i < kTaps * kC; i += kThreads) {
    const bool inside = block0 + i % kC < kBlocks;
    copy_16(shared_address(factors + i), inside ? w + (i / kC * kBlocks + block0 + i % kC) * 8 : w, inside);
  }
  commit_copies();
  const int mine = tid % kC, group = tid / kC, row = group / kGroupsW, column = group % kGroupsW * kX;
  const int c = (block0 + mine) * 8, oh = oh0 + row, ow = ow0 + column;
  const bool here = row < kTileH && block0 + mine < kBlocks && oh < kOutH;
  float added[8] = {};
  if (here) bias_8(added, bias, c / 8);
  wait();
  allow_next();

  const int ih0 = oh0 * kStrideH - kPadH, iw0 = ow0 * kStrideW - kPadW;
  for (int i = tid; i < kPatchH * kPatchW * kC; i += kThreads) {
    const int block = i % kC, at = i / kC, ih = ih0 + at / kPatchW, iw = iw0 + at % kPatchW;
    const bool inside = (unsigned)ih < (unsigned)kInH && (unsigned)iw < (unsigned)kInW && block0 + block < kBlocks;
    copy_16(shared_address(patch + at * kPitch + block),
            inside ? x + ((n * kInH + ih) * kInW + iw) * kInPitch + (block0 + block) * 8 : x, inside);
  }
  commit_copies();
  Words residuals[kX];
#pragma unroll
  for (int v = 0; v < kX; ++v)
    residuals[v] =
        here && ow + v < kOutW ? residual_8(residual, (n * kOutH + oh) * kOutW + ow + v, c) : Words{};
  wait_copies<0>();
  __syncthreads();
  if (!here) return;

  float sums[kX][8] = {};
  const Words* const from = patch + (row * kStrideH * kPatchW + column * kStrideW) * kPitch + mine;
#pragma unroll (kTaps <= 9 ? kKernelH : 1)
  for (int kh = 0; kh < kKernelH; ++kh) {
    Words line[kColumns];
#pragma unroll
    for (int v = 0; v < kColumns; ++v) line[v] = from[(kh * kDilationH * kPatchW + v) * kPitch];
#pragma unroll
    for (int kw = 0; kw < kKernelW; ++kw) add(sums, line, kw, factors[(kh * kKernelW + kw) * kC + mine]);
  }
#pragma unroll
  for (int v = 0; v < kX; ++v)
    if (ow + v < kOutW) finish_8(sums[v], added, residuals[v], y, (n * kOutH + oh) * kOutW + ow + v, c);
}
)";

constexpr const char* kDirect = R"(
constexpr int kBlocks = (kOutChannels + 7) / 8, kTilesW = (kOutW + kX - 1) / kX, kTilesH = (kOutH + kY - 1) / kY;
constexpr int kRows = (kY - 1) * kStrideH + (kKernelH - 1) * kDilationH + 1;
extern "C" __global__ void __launch_bounds__(kThreads) conv(const T* x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= kBatch * kTilesH * kTilesW * kBlocks) return;
  const int c = i % kBlocks * 8, tile = i / kBlocks;
  const int ow = tile % kTilesW * kX, oh = tile / kTilesW % kTilesH * kY, n = tile / (kTilesW * kTilesH);
  const int iw = ow * kStrideW - kPadW, ih = oh * kStrideH - kPadH;
  const auto weight = [&](int tap) { return *(const Words*)(w + tap * (kBlocks * 8) + c); };
  Words kept[kUnrolled ? kTaps : 1];
  if (kUnrolled)
#pragma unroll
    for (int tap = 0; tap < kTaps; ++tap) kept[tap] = weight(tap);
  float added[8], sums[kY][kX][8] = {};
  bias_8(added, bias, c / 8);
  wait();
  allow_next();

  const auto load = [&](Words (&row)[kColumns], int r) {
    const bool inside = (unsigned)(ih + r) < (unsigned)kInH;
    const T* const from = x + ((n * kInH + ih + r) * kInW + iw) * kInPitch + c;
#pragma unroll
    for (int v = 0; v < kColumns; ++v)
      row[v] = inside && (unsigned)(iw + v) < (unsigned)kInW ? *(const Words*)(from + v * kInPitch) : Words{};
  };
  if (kUnrolled) {
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      Words row[kColumns];
      load(row, r);
#pragma unroll
      for (int v = 0; v < kY; ++v)
#pragma unroll
        for (int kh = 0; kh < kKernelH; ++kh)
          if (v * kStrideH + kh * kDilationH == r)
#pragma unroll
            for (int kw = 0; kw < kKernelW; ++kw) add(sums[v], row, kw, kept[kUnrolled ? kh * kKernelW + kw : 0]);
    }
  } else {
#pragma unroll 1
    for (int kh = 0; kh < kKernelH; ++kh) {
      Words row[kColumns];
      load(row, kh * kDilationH);
#pragma unroll
      for (int kw = 0; kw < kKernelW; ++kw) add(sums[0], row, kw, weight(kh * kKernelW + kw));
    }
  }
#pragma unroll
  for (int v = 0; v < kY; ++v)
#pragma unroll
    for (int u = 0; u < kX; ++u) {
      const int pixel = (n * kOutH + oh + v) * kOutW + ow + u;
      if (oh + v < kOutH && ow + u < kOutW)
        finish_8(sums[v][u], added, residual_8(residual, pixel, c), y, pixel, c);
    }
}
)";

Result<Job> generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const ImageConv c, image_conv(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration, device));
  Source s = image_conv_source(p, c);
  s.constant("kX", t.w).constant("kThreads", t.threads);
  if (t.blocks) {
    s.constant("kTileH", t.tile_h).constant("kTileW", t.tile_w).constant("kC", t.blocks).constant("kPitch", t.pitch(c));
    s.constant("kPatchH", t.patch_h(c)).constant("kPatchW", t.patch_w(c)).add(mma_functions());
  } else {
    s.constant("kY", t.h).constant("kUnrolled", t.unrolled(c));
  }
  Launch launch;
  launch.name = "conv";
  launch.source = s.add(for_width(kAdd, c.type)).add(t.blocks ? kShared : kDirect).text();
  launch.waits = true;
  launch.block = static_cast<unsigned>(t.threads);
  launch.grid[0] = static_cast<unsigned>(t.grid_x(c));
  launch.grid[1] = static_cast<unsigned>(t.grid_y(c));
  launch.shared_bytes = static_cast<unsigned>(t.shared_bytes(c));
  launch.arguments = {input(0), packed(0), packed(1), input(p.has(3) ? 3 : 0), output()};
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic conv_depthwise_tactic{
    .name = "cuda_conv_depthwise",
    .version = 3,
    .operators = {"Conv", "vivace.FusedConv"},
    .supports = supports_job<ImageConv, depthwise_of>,
    .configurations = configurations,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
