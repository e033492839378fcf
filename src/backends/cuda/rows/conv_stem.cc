// The first convolution of a network: few channels row-major in, channels last out, on tensor cores.
//
// A block loads the input of its tile of pixels into shared memory, where a pair of neighbouring columns is a word. The
// sums run over kernel rows, channels and pairs of kernel columns; a pair of a pixel is one word, whose place is the
// pixel's and the pair's. An odd stride needs pairs that begin at odd columns too: then every column begins a word.
#include <cmath>

#include "backends/cuda/rows/image_conv.h"
#include "backends/cuda/rows/mma.h"

namespace vivace::cuda {

namespace {

constexpr int64_t kMostChannels = 16;

Verdict stem_of(const Problem& p, ImageConv& c) {
  if (Verdict verdict = image_conv_of(p, c); !verdict) return verdict;
  if (c.type == DType::f32) return no("16 bits only");
  if (c.in_pitch) return no("row-major images only");
  if (c.groups != 1) return no("groups");
  if (c.in_channels > kMostChannels) return no("more than " + std::to_string(kMostChannels) + " channels");
  if (c.dilation_h != 1 || c.dilation_w != 1) return no("dilation");
  return yes();
}

// Tiles of 16 pixels and of 8 channels that a warp makes, warps along pixels, channels and the sums. Kernels whose
// first column is odd are shifted to an even one where that lets words be loaded.
struct Tile {
  int m, n, warps_m, warps_n, warps_k;
  bool shifted;

  int64_t slots() const { return int64_t{16} * m * warps_m; }
  int64_t blocks_n() const { return int64_t{n} * warps_n; }
  int threads() const { return 32 * warps_m * warps_n * warps_k; }
  // Pairs of a kernel's row, filled up so that four of them, half of an instruction's depth, never lie askew over rows.
  int64_t pairs_w(const ImageConv& c) const {
    const int64_t pairs = (c.kernel_w + shifted + 1) / 2;
    return pairs < 3 ? pairs : (pairs + 3) / 4 * 4;
  }
  // Rows of zeros after the patch, which only pairs of weight zero read.
  int64_t slack_rows(const ImageConv& c) const { return 3 / pairs_w(c); }
  int64_t steps(const ImageConv& c) const { return (c.kernel_h * c.in_channels * pairs_w(c) + 7) / 8; }
  // Words of a row in shared memory.
  int64_t row_words(const ImageConv& c, const PixelTile& t) const {
    const int64_t columns = (t.w - 1) * c.stride_w + 2 * pairs_w(c);
    return c.stride_w % 2 ? columns : columns / 2;
  }
  int64_t weight_bytes(const ImageConv& c) const { return blocks_n() / 2 * steps(c) * 512; }
  int64_t patch_bytes(const ImageConv& c) const {
    const PixelTile t = pixel_tile(c, slots());
    return ((t.in_h * c.in_channels + slack_rows(c)) * row_words(c, t) * 4 + 15) / 16 * 16;
  }
  int64_t sum_bytes() const { return warps_k * slots() * (blocks_n() * 8 + 4) * 4; }
  int64_t bias_at(const ImageConv& c) const { return std::max(weight_bytes(c) + patch_bytes(c), sum_bytes()); }
  int64_t shared_bytes(const ImageConv& c) const { return bias_at(c) + blocks_n() * 32; }
  std::string text() const {
    return "tiles " + std::to_string(m) + "x" + std::to_string(n) + " warps " + std::to_string(warps_m) + "x" +
           std::to_string(warps_n) + "x" + std::to_string(warps_k) + (shifted ? " shifted" : "");
  }
};

constexpr struct {
  int m, n, warps_m, warps_n, warps_k;
} kTiles[] = {{1, 8, 7, 1, 1}, {1, 8, 4, 1, 1}, {1, 8, 8, 1, 1}, {2, 8, 4, 1, 1}, {1, 4, 4, 2, 1}, {2, 4, 2, 2, 1},
              {2, 4, 4, 2, 1}, {4, 4, 2, 2, 1}, {1, 4, 4, 1, 1}, {2, 4, 4, 1, 1}, {1, 4, 7, 1, 1}, {1, 4, 8, 1, 1},
              {1, 2, 4, 1, 1}, {2, 2, 4, 1, 1}, {1, 2, 8, 1, 1}, {1, 4, 2, 1, 1}, {1, 4, 2, 2, 1}, {1, 4, 1, 4, 1},
              {2, 4, 1, 4, 1}, {1, 4, 2, 4, 1}, {1, 2, 1, 4, 1}, {2, 4, 2, 4, 1}, {1, 6, 4, 2, 1}, {1, 6, 7, 1, 1},
              {2, 4, 2, 2, 2}, {2, 8, 4, 1, 2}, {2, 4, 2, 1, 4}, {2, 8, 2, 1, 4}, {1, 4, 1, 2, 4}, {2, 4, 1, 1, 8},
              {1, 8, 1, 1, 8}, {2, 4, 1, 2, 4}, {4, 4, 1, 1, 8}};

double estimate_tile(const ImageConv& c, const Tile& t, const Device& device) {
  const PixelTile pixels = pixel_tile(c, t.slots());
  const double blocks = static_cast<double>(pixels.count(c)) * tiles(c.out_blocks(), t.blocks_n());
  const auto steps = static_cast<double>(t.steps(c));
  const double loads = static_cast<double>(t.patch_bytes(c)) / 4 / t.threads();
  // Words of shared memory that an instruction reads count as its cost.
  const double step = 2 + t.m * 4 + t.n / 2.0 * 4 + t.m * t.n * 2;
  const bool copies = c.stride_w % 2 == 0 && c.in_w % 2 == 0 && c.in_type == c.type;
  const double instructions = 200 + (steps / t.warps_k + 1) * step + loads * (copies ? 12 : 30) + t.m * t.n * 40 +
                              (t.warps_k > 1 ? 60 : 0) + static_cast<double>(t.weight_bytes(c)) / 16 / t.threads() * 6;
  // As many blocks beside each other as shared memory lets.
  const double beside =
      std::max(1.0, std::floor(static_cast<double>(device.shared_bytes) / static_cast<double>(t.shared_bytes(c))));
  const double waves = std::ceil(blocks / beside / device.multiprocessors);
  const double waits = copies ? 1 : std::max(1.0, loads / 8);
  return estimate_issue(instructions, waits + 2 * (waves - 1), blocks * t.threads() / 32, blocks, device);
}

std::vector<std::string> configurations(const Problem& p, const Device& device) {
  ImageConv c;
  if (!stem_of(p, c)) return {};
  std::vector<std::pair<double, Tile>> all;
  for (const auto& shape : kTiles) {
    const Tile t{shape.m,       shape.n,       shape.warps_m,
                 shape.warps_n, shape.warps_k, c.stride_w % 2 == 0 && c.pad_w % 2 == 1};
    if (t.blocks_n() > 2 && t.blocks_n() >= 2 * c.out_blocks()) continue;
    if (t.shared_bytes(c) > static_cast<int64_t>(device.shared_bytes)) continue;
    all.emplace_back(estimate_tile(c, t, device), t);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> texts;
  for (const auto& [seconds, t] : all) texts.push_back(t.text());
  return texts;
}

Verdict supports(const Problem& p, const Device& device) {
  ImageConv c;
  if (Verdict verdict = stem_of(p, c); !verdict) return verdict;
  if (configurations(p, device).empty()) return no("the kernel does not fit into shared memory");
  if (c.out_blocks() > 65535) return no("more channels than a grid takes");
  return yes();
}

Result<Tile> tile_of(const Problem& p, const ImageConv& c, const std::string& configuration, const Device& device) {
  const std::vector<int> n = numbers_of(configuration, 5);
  if (!n.empty()) {
    const Tile t{n[0], n[1], n[2], n[3], n[4], configuration.find("shifted") != std::string::npos};
    if (t.m <= 8 && t.n <= 8 && t.n % 2 == 0 && t.threads() <= 1024 &&
        t.shared_bytes(c) <= static_cast<int64_t>(device.shared_bytes))
      return t;
  }
  return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
}

double estimate(const Problem& p, const std::string& configuration, const Device& device) {
  ImageConv c;
  if (!stem_of(p, c)) return 1;
  const Result<Tile> t = tile_of(p, c, configuration, device);
  return t.ok() ? std::max(estimate_tile(c, *t, device), roofline_seconds(0, cpu::bytes_of(p), 1, device)) : 1;
}

// Weights as the registers of B want them: [16 output channels][steps][lane][two tiles of 8][2 pairs][2]; then the
// bias. Both are filled up to the channels of whole blocks.
Result<std::vector<Tensor>> prepare(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const ImageConv c, image_conv(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration, device));
  const int64_t steps = t.steps(c), pairs_w = t.pairs_w(c);
  const int64_t filled = tiles(c.out_blocks(), t.blocks_n()) * t.blocks_n();
  VIVACE_ASSIGN(Tensor packed, Tensor::allocate(c.type, {filled / 2, steps, 32, 8}));
  const auto* from = p.inputs[1].constant->as<const uint16_t>();
  auto* to = packed.as<uint16_t>();
  for (int64_t m = 0; m < c.out_channels; ++m)
    for (int64_t i = 0; i < c.in_channels; ++i)
      for (int64_t kh = 0; kh < c.kernel_h; ++kh)
        for (int64_t kw = 0; kw < c.kernel_w; ++kw) {
          const int64_t column = kw + t.shifted, pair = (kh * c.in_channels + i) * pairs_w + column / 2;
          const int64_t lane = m % 8 * 4 + pair % 4;
          to[((m / 16 * steps + pair / 8) * 32 + lane) * 8 + m / 8 % 2 * 4 + pair / 4 % 2 * 2 + column % 2] =
              from[(m * c.in_channels + i) * c.taps() + kh * c.kernel_w + kw];
        }
  VIVACE_ASSIGN(Tensor bias, bias_in_f32(p, 2, filled * 8));
  return std::vector<Tensor>{std::move(packed), std::move(bias)};
}

constexpr const char* kStart = R"(
constexpr int kThreads = 32 * kWarpsM * kWarpsN * kWarpsK, kSlots = 16 * kM * kWarpsM, kTileN = kN * kWarpsN;
constexpr int kOutBlocks = (kOutChannels + 7) / 8, kPairs = kKernelH * kInChannels * kPairsW, kSteps = (kPairs + 7) / 8;
constexpr int kTilesW = (kOutW + kTileW - 1) / kTileW, kTilesH = (kOutH + kTileH - 1) / kTileH;
constexpr bool kEach = kStrideW % 2;  // every column begins a word
constexpr int kColumn = kEach ? 1 : 2, kRows = kPatchH * kInChannels, kWords = (kRows + kSlackRows) * kRowWords;
constexpr bool kAligned = !kEach && kInW % 2 == 0 && (kPadW + kShift) % 2 == 0;
constexpr int kTogether = 8;  // loads of a thread that fly at once where they are no copies
constexpr int kUnroll = kWarpsK == 1 && kSteps <= 24 ? kSteps : 8;
constexpr int kItems = kSlots * kTileN, kFinishes = (kItems + kThreads - 1) / kThreads;
extern "C" __global__ void __launch_bounds__(kThreads) conv(const In* x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(128) unsigned char memory[];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, wm = warp % kWarpsM;
  const int wn = warp / kWarpsM % kWarpsN, wk = kWarpsK > 1 ? warp / (kWarpsM * kWarpsN) : 0;
  const int tile = blockIdx.x, n = tile / (kTilesW * kTilesH);
  const int oh = tile / kTilesW % kTilesH * kTileH, ow = tile % kTilesW * kTileW;
  const int j0 = blockIdx.y * kTileN;
  unsigned* const patch = (unsigned*)(memory + kWeightBytes);

  // Before the wait: weights, bias, places of pixels.
  const unsigned weights = shared_address(memory);
  for (int i = tid; i < kWeightBytes / 16; i += kThreads)
    copy_16(weights + i * 16, (const Words*)w + (size_t)blockIdx.y * (kWeightBytes / 16) + i, true);
  float* const biases = (float*)(memory + kBiasAt);
  for (int i = tid; i < kTileN * 2; i += kThreads)
    copy_16(shared_address(biases + i * 4), bias + j0 * 8 + i * 4, true);
  commit_copies();
  const auto pixel_of = [&](int slot) {
    const int h = oh + slot / kTileW, v = ow + slot % kTileW;
    return slot < kTileH * kTileW && h < kOutH && v < kOutW ? (n * kOutH + h) * kOutW + v : -1;
  };
  // The pairs 4 q to 4 q + 3, one for each lane of four, lie at a place of q and one of the lane.
  const int t = lane & 3, of_lane = t / kPairsW * kRowWords + t % kPairsW * (2 / kColumn);
  int from[kM][2];
#pragma unroll
  for (int u = 0; u < kM; ++u)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      int slot = (wm * kM + u) * 16 + (lane >> 2) + h * 8;
      if (slot >= kTileH * kTileW) slot = 0;
      from[u][h] = of_lane + slot / kTileW * kStrideH * (kInChannels * kRowWords) + slot % kTileW * (kStrideW / kColumn);
    }
  wait();
  allow_next();

  const int ih0 = oh * kStrideH - kPadH, iw0 = ow * kStrideW - kPadW - kShift;
  const auto place = [&](int i, int& row, int& ih, int& iw) {
    row = i / kRowWords, ih = ih0 + row / kInChannels, iw = iw0 + i % kRowWords * kColumn;
    return x + ((n * kInChannels + row % kInChannels) * kInH + ih) * kInW + iw;
  };
)";

// Pairs of columns that are words in memory, too: copied, or where they are f32, loaded and rounded.
constexpr const char* kCopyPairs = R"(  if (kAligned) {
    for (int i = tid; i < kWords; i += kThreads) {
      int row, ih, iw;
      const In* const at = place(i, row, ih, iw);
      const bool inside = row < kRows && (unsigned)ih < (unsigned)kInH && (unsigned)iw < (unsigned)kInW;
      copy_pair(patch + i, inside ? at : x, inside);
    }
    commit_copies();
)";
constexpr const char* kLoadPairs = R"(  if (kAligned) {
    for (int first = tid; first < kWords; first += kThreads * kTogether) {
      float2 pairs[kTogether];
#pragma unroll
      for (int k = 0; k < kTogether; ++k) {
        int row, ih, iw;
        const In* const at = place(first + k * kThreads, row, ih, iw);
        const bool inside = row < kRows && (unsigned)ih < (unsigned)kInH && (unsigned)iw < (unsigned)kInW;
        pairs[k] = inside ? *(const float2*)at : make_float2(0, 0);
      }
#pragma unroll
      for (int k = 0; k < kTogether; ++k)
        if (first + k * kThreads < kWords) patch[first + k * kThreads] = pack(pairs[k].x, pairs[k].y);
    }
)";

constexpr const char* kSums = R"(  } else {
    for (int first = tid; first < kWords; first += kThreads * kTogether) {
      unsigned l[kTogether], h[kTogether];
#pragma unroll
      for (int k = 0; k < kTogether; ++k) {
        int row, ih, iw;
        const In* const at = place(first + k * kThreads, row, ih, iw);
        const bool inside = row < kRows && (unsigned)ih < (unsigned)kInH;
        l[k] = inside && (unsigned)iw < (unsigned)kInW ? bits_at(at) : 0;
        h[k] = inside && (unsigned)(iw + 1) < (unsigned)kInW ? bits_at(at + 1) : 0;
      }
#pragma unroll
      for (int k = 0; k < kTogether; ++k)
        if (first + k * kThreads < kWords) patch[first + k * kThreads] = l[k] | h[k] << 16;
    }
  }
  wait_copies<0>();
  __syncthreads();

  float sums[kM][kN][4] = {};
  const Words* const factors = (const Words*)memory + wn * (kN / 2) * kSteps * 32 + lane;
#pragma unroll kUnroll
  for (int s = wk; s < kSteps; s += kWarpsK) {
    const auto place_of = [](int pair) {
      return pair < kPairs ? pair / kPairsW * kRowWords + pair % kPairsW * (2 / kColumn) : 0;
    };
    const int p0 = place_of(s * 8), p1 = place_of(s * 8 + 4);
    unsigned a[kM][4];
#pragma unroll
    for (int u = 0; u < kM; ++u) {
      a[u][0] = patch[from[u][0] + p0];
      a[u][1] = patch[from[u][1] + p0];
      a[u][2] = patch[from[u][0] + p1];
      a[u][3] = patch[from[u][1] + p1];
    }
#pragma unroll
    for (int v = 0; v < kN; v += 2) {
      const Words b = factors[(v / 2 * kSteps + s) * 32];
#pragma unroll
      for (int u = 0; u < kM; ++u) {
        multiply(sums[u][v], a[u], b.v[0], b.v[1]);
        multiply(sums[u][v + 1], a[u], b.v[2], b.v[3]);
      }
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
      for (int h = 0; h < 2; ++h) {
        const int slot = (wm * kM + u) * 16 + (lane >> 2) + h * 8, c = (wn * kN + v) * 8 + (lane & 3) * 2;
        *(float2*)(part + (wk * kSlots + slot) * kSumPitch + c) =
            make_float2(sums[u][v][h * 2], sums[u][v][h * 2 + 1]);
      }
  __syncthreads();
#pragma unroll
  for (int f = 0; f < kFinishes; ++f) {
    const int i = tid + f * kThreads, j = j0 + i % kTileN, pixel = i < kItems ? pixel_of(i / kTileN) : -1;
    if (pixel < 0 || j >= kOutBlocks) continue;
    const float* const sum = part + i / kTileN * kSumPitch + i % kTileN * 8;
    float v[8], added[8];
    *(float4*)v = *(const float4*)sum;
    *(float4*)(v + 4) = *(const float4*)(sum + 4);
#pragma unroll
    for (int k = 1; k < kWarpsK; ++k)
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] += sum[k * kSlots * kSumPitch + e];
    *(float4*)added = *(const float4*)(biases + i % kTileN * 8);
    *(float4*)(added + 4) = *(const float4*)(biases + i % kTileN * 8 + 4);
    finish_8(v, added, residual_8(residual, pixel, j * 8), y, pixel, j * 8);
  }
}
)";

// The bits of a value as one of T, and two neighbouring ones of T into shared memory.
constexpr const char* kSameType = R"(
__device__ __forceinline__ unsigned bits_at(const T* x) { return x->bits; }
__device__ __forceinline__ void copy_pair(unsigned* to, const T* from, bool inside) {
  copy_4(shared_address(to), from, inside);
}
)";
constexpr const char* kFromFloat = R"(
__device__ __forceinline__ unsigned bits_at(const float* x) { return pack(*x, 0.0f) & 0xffffu; }
)";
constexpr const char* kCopy = R"(
__device__ __forceinline__ void copy_4(unsigned to, const void* from, bool inside) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(inside ? 4 : 0) : "memory");
}
)";

Result<Job> generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const ImageConv c, image_conv(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration, device));
  const PixelTile pixels = pixel_tile(c, t.slots());
  Source s = image_conv_source(p, c);
  s.constant("kM", t.m).constant("kN", t.n).constant("kWarpsM", t.warps_m).constant("kWarpsN", t.warps_n);
  s.constant("kWarpsK", t.warps_k);
  s.constant("kShift", t.shifted).constant("kPairsW", t.pairs_w(c)).constant("kRowWords", t.row_words(c, pixels));
  s.constant("kTileH", pixels.h).constant("kTileW", pixels.w).constant("kPatchH", pixels.in_h);
  s.constant("kWeightBytes", t.weight_bytes(c));
  s.constant("kBiasAt", t.bias_at(c)).constant("kSlackRows", t.slack_rows(c));
  Launch launch;
  launch.name = "conv";
  const bool same = c.in_type == c.type;
  s.add(mma_functions()).add(kCopy).add(same ? kSameType : kFromFloat).add(kStart);
  launch.source = s.add(same ? kCopyPairs : kLoadPairs).add(kSums).text();
  launch.waits = true;
  launch.block = static_cast<unsigned>(t.threads());
  launch.grid[0] = static_cast<unsigned>(pixels.count(c));
  launch.grid[1] = tiles(c.out_blocks(), t.blocks_n());
  launch.shared_bytes = static_cast<unsigned>(t.shared_bytes(c));
  launch.arguments = {input(0), packed(0), packed(1), input(p.has(3) ? 3 : 0), output()};
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic conv_stem_tactic{
    .name = "cuda_conv_stem",
    .version = 5,
    .operators = {"Conv", "vivace.FusedConv"},
    .supports = supports,
    .configurations = configurations,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
