// The first convolution of a network: few channels row-major in, channels last out, on tensor cores; of
// vivace.PooledConv the maxima of windows of it.
//
// A block loads the input of its tile of pixels into shared memory, where a pair of neighbouring columns is a word. The
// sums run over kernel rows, channels and pairs of kernel columns; a pair of a pixel is one word, whose place is the
// pixel's and the pair's. An odd stride needs pairs that begin at odd columns too: then every column begins a word.
// For maxima a block makes all that their windows cover, what two blocks' windows share in both of them.
#include "backends/cuda/rows/conv_stem.h"

#include <cmath>

#include "backends/cuda/rows/image_conv.h"
#include "backends/cuda/rows/mma.h"
#include "ops/conv.h"
#include "ops/patches.h"

namespace vivace::cuda {

namespace {

constexpr int64_t kMostChannels = 16;

// Windows of the convolution's image of which only the maxima are stored; none: the image is.
struct Stem : ImageConv {
  bool pooled = false;
  int64_t window_h = 1, window_w = 1, step_h = 1, step_w = 1, margin_h = 0, margin_w = 0, pooled_h = 1, pooled_w = 1;

  // What a block of `slots` pixels makes of the convolution, and of maxima.
  PixelTile tile(int64_t slots) const;
  int64_t maxima_h(const PixelTile& t) const { return (t.h - window_h) / step_h + 1; }
  int64_t maxima_w(const PixelTile& t) const { return (t.w - window_w) / step_w + 1; }
  int64_t count(const PixelTile& t) const {
    return pooled ? batch * tiles(pooled_h, maxima_h(t)) * tiles(pooled_w, maxima_w(t)) : t.count(*this);
  }
};

PixelTile Stem::tile(int64_t slots) const {
  if (!pooled) return pixel_tile(*this, slots);
  PixelTile best{0, 0, 0, 0};  // where no window fits
  double least = INFINITY;
  for (int64_t column = 1; column <= pooled_w; ++column) {
    const int64_t w = (column - 1) * step_w + window_w, most_h = slots / w;
    if (most_h < window_h) break;
    PixelTile t{(std::min((most_h - window_h) / step_h + 1, pooled_h) - 1) * step_h + window_h, w, 0, 0};
    t.in_h = (t.h - 1) * stride_h + kernel_h;
    t.in_w = (t.w - 1) * stride_w + kernel_w;
    const double cost = static_cast<double>(count(t)) * static_cast<double>(4 * slots + t.in_h * t.in_w);
    if (cost < least) least = cost, best = t;
  }
  return best;
}

// The convolution that a vivace.PooledConv begins with, and its windows.
Verdict pooled_conv_of(const Problem& p, Stem& c) {
  const std::string activation = p.attributes().text("activation", "none");
  if (activation != "none" && activation != "relu" && activation != "clip")
    return no("an activation that may not keep the order");
  const Shape &x = p.inputs[0].shape, &w = p.inputs[1].shape, &y = p.outputs[0].shape;
  if (x.size() != 4 || w.size() != 4 || y.size() != 4) return no("images only");
  const Result<ir::Dims> made = ops::window_outputs(*p.node, {x[2], x[3]}, {w[2], w[3]}, false);
  if (!made.ok()) return no(made.status().message());
  Problem convolution = p;
  convolution.outputs[0].shape = {y[0], y[1], (*made)[0].value(), (*made)[1].value()};
  if (Verdict verdict = image_conv_of(convolution, c); !verdict) return verdict;
  const ir::Attributes pool = ops::attributes_of_part(p.attributes(), "pool_");
  const std::vector<int64_t> window = pool.integers("kernel_shape"), steps = pool.integers("strides", {1, 1}),
                             margins = pool.integers("pads", {0, 0, 0, 0});
  if (window.size() != 2 || steps.size() != 2 || margins.size() != 4) return no("windows of two dimensions only");
  for (const int64_t dilation : pool.integers("dilations"))
    if (dilation != 1) return no("windows with gaps");
  if (pool.text("auto_pad", "NOTSET") != "NOTSET") return no("windows whose pads are not given");
  c.pooled = true;
  c.window_h = window[0], c.window_w = window[1], c.step_h = steps[0], c.step_w = steps[1];
  c.margin_h = margins[0], c.margin_w = margins[1], c.pooled_h = y[2], c.pooled_w = y[3];
  return yes();
}

Verdict stem_of(const Problem& p, Stem& c) {
  const bool pooled = p.node->op == "vivace.PooledConv";
  if (Verdict verdict = pooled ? pooled_conv_of(p, c) : image_conv_of(p, c); !verdict) return verdict;
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
  int64_t pairs_w(const Stem& c) const {
    const int64_t pairs = (c.kernel_w + shifted + 1) / 2;
    return pairs < 3 ? pairs : (pairs + 3) / 4 * 4;
  }
  // Rows of zeros after the patch, which only pairs of weight zero read.
  int64_t slack_rows(const Stem& c) const { return 3 / pairs_w(c); }
  int64_t steps(const Stem& c) const { return (c.kernel_h * c.in_channels * pairs_w(c) + 7) / 8; }
  // Words of a row in shared memory.
  int64_t row_words(const Stem& c, const PixelTile& t) const {
    const int64_t columns = (t.w - 1) * c.stride_w + 2 * pairs_w(c);
    return c.stride_w % 2 ? columns : columns / 2;
  }
  int64_t weight_bytes(const Stem& c) const { return blocks_n() / 2 * steps(c) * 512; }
  int64_t patch_bytes(const Stem& c) const {
    const PixelTile t = c.tile(slots());
    return ((t.in_h * c.in_channels + slack_rows(c)) * row_words(c, t) * 4 + 15) / 16 * 16;
  }
  int64_t sum_bytes() const { return warps_k * slots() * (blocks_n() * 8 + 4) * 4; }
  int64_t bias_at(const Stem& c) const { return std::max(weight_bytes(c) + patch_bytes(c), sum_bytes()); }
  int64_t shared_bytes(const Stem& c) const { return bias_at(c) + blocks_n() * 32; }
  bool fits(const Stem& c, const Device& device) const {
    return c.tile(slots()).h > 0 && shared_bytes(c) <= static_cast<int64_t>(device.shared_bytes);
  }
  std::string text() const {
    return "tiles " + std::to_string(m) + "x" + std::to_string(n) + " warps " + std::to_string(warps_m) + "x" +
           std::to_string(warps_n) + "x" + std::to_string(warps_k) + (shifted ? " shifted" : "");
  }
};

struct Shares {
  int m, n, warps_m, warps_n, warps_k;
};
constexpr Shares kTiles[] = {{1, 8, 7, 1, 1}, {1, 8, 4, 1, 1}, {1, 8, 8, 1, 1}, {2, 8, 4, 1, 1}, {1, 4, 4, 2, 1},
                             {2, 4, 2, 2, 1}, {2, 4, 4, 2, 1}, {4, 4, 2, 2, 1}, {1, 4, 4, 1, 1}, {2, 4, 4, 1, 1},
                             {1, 4, 7, 1, 1}, {1, 4, 8, 1, 1}, {1, 2, 4, 1, 1}, {2, 2, 4, 1, 1}, {1, 2, 8, 1, 1},
                             {1, 4, 2, 1, 1}, {1, 4, 2, 2, 1}, {1, 4, 1, 4, 1}, {2, 4, 1, 4, 1}, {1, 4, 2, 4, 1},
                             {1, 2, 1, 4, 1}, {2, 4, 2, 4, 1}, {1, 6, 4, 2, 1}, {1, 6, 7, 1, 1}, {2, 4, 2, 2, 2},
                             {2, 8, 4, 1, 2}, {2, 4, 2, 1, 4}, {2, 8, 2, 1, 4}, {1, 4, 1, 2, 4}, {2, 4, 1, 1, 8},
                             {1, 8, 1, 1, 8}, {2, 4, 1, 2, 4}, {4, 4, 1, 1, 8}};
// More pixels, of which windows' overlaps are a smaller part.
constexpr Shares kPooledTiles[] = {{2, 4, 8, 1, 1}, {2, 8, 8, 1, 1}, {2, 4, 7, 1, 1}, {4, 4, 4, 1, 1}, {4, 4, 4, 2, 1},
                                   {4, 2, 4, 2, 1}, {2, 2, 8, 1, 1}, {4, 4, 8, 1, 1}, {2, 4, 8, 2, 1}, {4, 2, 8, 1, 1}};

double estimate_tile(const Stem& c, const Tile& t, const Device& device) {
  const PixelTile pixels = c.tile(t.slots());
  const double blocks = static_cast<double>(c.count(pixels)) * tiles(c.out_blocks(), t.blocks_n());
  const auto steps = static_cast<double>(t.steps(c));
  const double loads = static_cast<double>(t.patch_bytes(c)) / 4 / t.threads();
  // Words of shared memory that an instruction reads count as its cost.
  const double step = 2 + t.m * 4 + t.n / 2.0 * 4 + t.m * t.n * 2;
  const bool copies = c.stride_w % 2 == 0 && c.in_w % 2 == 0 && c.in_type == c.type;
  const double maxima = c.pooled ? static_cast<double>(c.maxima_h(pixels) * c.maxima_w(pixels) * t.blocks_n()) : 0;
  const double finish = c.pooled ? t.m * t.n * 8 + std::ceil(maxima / t.threads()) *
                                                       (60 + static_cast<double>(c.window_h * c.window_w) * 30)
                                 : t.m * t.n * 40;
  const double instructions = 200 + (steps / t.warps_k + 1) * step + loads * (copies ? 12 : 30) + finish +
                              (t.warps_k > 1 ? 60 : 0) + static_cast<double>(t.weight_bytes(c)) / 16 / t.threads() * 6;
  // As many blocks beside each other as shared memory lets.
  const double beside =
      std::max(1.0, std::floor(static_cast<double>(device.shared_bytes) / static_cast<double>(t.shared_bytes(c))));
  const double waves = std::ceil(blocks / beside / device.multiprocessors);
  const double waits = copies ? 1 : std::max(1.0, loads / 8);
  return estimate_issue(instructions, waits + 2 * (waves - 1), blocks * t.threads() / 32, blocks, device);
}

std::vector<std::string> configurations(const Problem& p, const Device& device) {
  Stem c;
  if (!stem_of(p, c)) return {};
  std::vector<std::pair<double, Tile>> all;
  std::vector<Shares> shapes(std::begin(kTiles), std::end(kTiles));
  if (c.pooled) shapes.insert(shapes.end(), std::begin(kPooledTiles), std::end(kPooledTiles));
  for (const Shares& shape : shapes) {
    const Tile t{shape.m,       shape.n,       shape.warps_m,
                 shape.warps_n, shape.warps_k, c.stride_w % 2 == 0 && c.pad_w % 2 == 1};
    if (t.blocks_n() > 2 && t.blocks_n() >= 2 * c.out_blocks()) continue;
    if (!t.fits(c, device)) continue;
    all.emplace_back(estimate_tile(c, t, device), t);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> texts;
  for (const auto& [seconds, t] : all) texts.push_back(t.text());
  return texts;
}

Verdict supports(const Problem& p, const Device& device) {
  Stem c;
  if (Verdict verdict = stem_of(p, c); !verdict) return verdict;
  if (configurations(p, device).empty()) return no("the kernel does not fit into shared memory");
  if (c.out_blocks() > 65535) return no("more channels than a grid takes");
  return yes();
}

Result<Tile> tile_of(const Problem& p, const Stem& c, const std::string& configuration, const Device& device) {
  const std::vector<int> n = numbers_of(configuration, 5);
  if (!n.empty()) {
    const Tile t{n[0], n[1], n[2], n[3], n[4], configuration.find("shifted") != std::string::npos};
    if (t.m <= 8 && t.n <= 8 && t.n % 2 == 0 && t.threads() <= 1024 && t.fits(c, device)) return t;
  }
  return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
}

double estimate(const Problem& p, const std::string& configuration, const Device& device) {
  Stem c;
  if (!stem_of(p, c)) return 1;
  const Result<Tile> t = tile_of(p, c, configuration, device);
  return t.ok() ? std::max(estimate_tile(c, *t, device), roofline_seconds(0, cpu::bytes_of(p), 1, device)) : 1;
}

// Weights as the registers of B want them: [16 output channels][steps][lane][two tiles of 8][2 pairs][2]; then the
// bias. Both are filled up to the channels of whole blocks.
Result<std::vector<Tensor>> prepare(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const Stem c, supported<stem_of>(p));
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

Result<Job> generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const Stem c, supported<stem_of>(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration, device));
  const PixelTile pixels = c.tile(t.slots());
  Source s = image_conv_source(p, c);
  s.constant("kM", t.m).constant("kN", t.n).constant("kWarpsM", t.warps_m).constant("kWarpsN", t.warps_n);
  s.constant("kWarpsK", t.warps_k);
  s.constant("kShift", t.shifted).constant("kPairsW", t.pairs_w(c)).constant("kRowWords", t.row_words(c, pixels));
  s.constant("kTileH", pixels.h).constant("kTileW", pixels.w).constant("kPatchH", pixels.in_h);
  s.constant("kWeightBytes", t.weight_bytes(c));
  s.constant("kBiasAt", t.bias_at(c)).constant("kSlackRows", t.slack_rows(c));
  Launch launch;
  launch.name = "conv";
  if (c.pooled) {
    s.constant("kPoolH", c.pooled_h).constant("kPoolW", c.pooled_w);
    s.constant("kPoolKernelH", c.window_h).constant("kPoolKernelW", c.window_w);
    s.constant("kPoolStrideH", c.step_h).constant("kPoolStrideW", c.step_w);
    s.constant("kPoolPadH", c.margin_h).constant("kPoolPadW", c.margin_w);
    s.constant("kPoolTileH", c.maxima_h(pixels)).constant("kPoolTileW", c.maxima_w(pixels));
  }
  launch.source = s.add(mma_functions()).add(conv_stem_text(c.in_type == c.type, c.pooled)).text();
  launch.waits = true;
  launch.block = static_cast<unsigned>(t.threads());
  launch.grid[0] = static_cast<unsigned>(c.count(pixels));
  launch.grid[1] = tiles(c.out_blocks(), t.blocks_n());
  launch.shared_bytes = static_cast<unsigned>(t.shared_bytes(c));
  launch.arguments = {input(0), packed(0), packed(1), input(p.has(3) ? 3 : 0), output()};
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic conv_stem_tactic{
    .name = "cuda_conv_stem",
    .version = 5,
    .operators = {"Conv", "vivace.FusedConv", "vivace.PooledConv"},
    .supports = supports,
    .configurations = configurations,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
