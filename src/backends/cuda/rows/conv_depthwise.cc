// Depthwise convolutions of channels-last images: a thread makes 8 channels of some output pixels side by side, so that
// what it loads of a row serves all of them.
#include "backends/cuda/rows/image_conv.h"
#include "backends/cuda/rows/mma.h"

namespace vivace::cuda {

namespace {

Verdict depthwise_of(const Problem& p, ImageConv& c) {
  if (Verdict verdict = image_conv_of(p, c); !verdict) return verdict;
  if (!c.in_pitch) return no("channels-last images only");
  if (c.groups != c.in_channels || c.groups != c.out_channels) return no("not one channel of each group");
  if (c.kernel_w * c.dilation_w > 64) return no("a kernel too wide for registers");
  return yes();
}

// Pixels that a thread makes side by side and rows of them, threads of a block.
struct Tile {
  int w, h, threads;

  int64_t items(const ImageConv& c) const { return c.batch * tiles(c.out_h, h) * tiles(c.out_w, w) * c.out_blocks(); }
  int64_t columns(const ImageConv& c) const { return (w - 1) * c.stride_w + (c.kernel_w - 1) * c.dilation_w + 1; }
  int64_t rows(const ImageConv& c) const { return (h - 1) * c.stride_h + (c.kernel_h - 1) * c.dilation_h + 1; }
  // All loads of a thread fly at once where the registers suffice; a loop over the kernel's rows otherwise.
  bool unrolled(const ImageConv& c) const {
    return c.taps() + std::min(rows(c), h * c.kernel_h) * std::min(columns(c), w * c.kernel_w) + 2 * w * h <= 60;
  }
  std::string text() const {
    return "pixels " + std::to_string(w) + "x" + std::to_string(h) + " threads " + std::to_string(threads);
  }
};

double estimate_tile(const ImageConv& c, const Tile& t, const Device& device) {
  const auto taps = static_cast<double>(c.taps());
  const auto loads =
      static_cast<double>(std::min(t.rows(c), t.h * c.kernel_h) * std::min(t.columns(c), t.w * c.kernel_w));
  // Each load is 8 conversions and some comparisons; a loop waits for each of its rounds.
  double instructions = 80 + taps * 10 + loads * 13 + t.w * t.h * (8 * taps + 40);
  if (!t.unrolled(c)) instructions += static_cast<double>(c.kernel_h) * 300;
  const double blocks = tiles(t.items(c), t.threads);
  return estimate_issue(instructions, blocks * t.threads / 32, blocks, device);
}

std::vector<std::string> configurations(const Problem& p, const Device& device) {
  ImageConv c;
  if (!depthwise_of(p, c)) return {};
  std::vector<std::pair<double, Tile>> all;
  for (const auto& [w, h] : {std::pair{1, 1}, {2, 1}, {4, 1}, {8, 1}, {7, 1}, {2, 2}, {4, 2}}) {
    if (w > 2 * c.out_w || h > c.out_h) continue;
    for (const int threads : {32, 64, 128, 256}) {
      const Tile t{w, h, threads};
      if (h > 1 && !t.unrolled(c)) continue;
      all.emplace_back(estimate_tile(c, t, device), t);
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> texts;
  for (const auto& [seconds, t] : all) texts.push_back(t.text());
  return texts;
}

Result<Tile> tile_of(const Problem& p, const ImageConv& c, const std::string& configuration) {
  const std::vector<int> n = numbers_of(configuration, 3);
  if (n.empty() || n[0] > 16 || (n[1] > 1 && !Tile{n[0], n[1], n[2]}.unrolled(c)))
    return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
  return Tile{n[0], n[1], n[2]};
}

double estimate(const Problem& p, const std::string& configuration, const Device& device) {
  ImageConv c;
  if (!depthwise_of(p, c)) return 1;
  const Result<Tile> t = tile_of(p, c, configuration);
  return t.ok() ? std::max(estimate_tile(c, *t, device), roofline_seconds(0, cpu::bytes_of(p), 1, device)) : 1;
}

// Weights as [taps][channels], channels filled up to 8, and the bias in f32.
Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const ImageConv c, image_conv(p));
  const int64_t filled = c.out_blocks() * 8;
  VIVACE_ASSIGN(Tensor packed, Tensor::allocate(c.type, {c.taps(), filled}));
  const auto* from = p.inputs[1].constant->as<const uint16_t>();
  auto* to = packed.as<uint16_t>();
  for (int64_t channel = 0; channel < c.out_channels; ++channel)
    for (int64_t tap = 0; tap < c.taps(); ++tap) to[tap * filled + channel] = from[channel * c.taps() + tap];
  VIVACE_ASSIGN(Tensor bias, bias_in_f32(p, 2, filled));
  return std::vector<Tensor>{std::move(packed), std::move(bias)};
}

constexpr const char* kKernel = R"(
constexpr int kBlocks = (kOutChannels + 7) / 8, kTilesW = (kOutW + kX - 1) / kX, kTilesH = (kOutH + kY - 1) / kY;
constexpr int kColumns = (kX - 1) * kStrideW + (kKernelW - 1) * kDilationW + 1;
constexpr int kRows = (kY - 1) * kStrideH + (kKernelH - 1) * kDilationH + 1;
extern "C" __global__ void __launch_bounds__(kThreads) conv(const T* x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  allow_next();
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
#pragma unroll
  for (int e = 0; e < 8; ++e) added[e] = bias[c + e];
  wait();

  const auto load = [&](Words (&row)[kColumns], int r) {
    const bool inside = (unsigned)(ih + r) < (unsigned)kInH;
    const T* const from = x + ((n * kInH + ih + r) * kInW + iw) * kInPitch + c;
#pragma unroll
    for (int v = 0; v < kColumns; ++v)
      row[v] = inside && (unsigned)(iw + v) < (unsigned)kInW ? *(const Words*)(from + v * kInPitch) : Words{};
  };
  const auto add = [&](float (&sum)[kX][8], const Words (&row)[kColumns], int kw, const Words& factor) {
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const float l = low(factor.v[k]), h = high(factor.v[k]);
#pragma unroll
      for (int v = 0; v < kX; ++v) {
        const unsigned pair = row[v * kStrideW + kw * kDilationW].v[k];
        sum[v][2 * k] += low(pair) * l;
        sum[v][2 * k + 1] += high(pair) * h;
      }
    }
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

Result<Job> generate(const Problem& p, const std::string& configuration, const Device&) {
  VIVACE_ASSIGN(const ImageConv c, image_conv(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration));
  Source s = image_conv_source(p, c);
  s.constant("kX", t.w).constant("kY", t.h).constant("kThreads", t.threads).constant("kUnrolled", t.unrolled(c));
  Launch launch;
  launch.name = "conv";
  launch.source = s.add(kKernel).text();
  launch.waits = true;
  launch.block = static_cast<unsigned>(t.threads);
  launch.grid[0] = tiles(t.items(c), t.threads);
  launch.arguments = {input(0), packed(0), packed(1), input(p.has(3) ? 3 : 0), output()};
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic conv_depthwise_tactic{
    .name = "cuda_conv_depthwise",
    .version = 1,
    .operators = {"Conv", "vivace.FusedConv"},
    .supports = supports_job<ImageConv, depthwise_of>,
    .configurations = configurations,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
