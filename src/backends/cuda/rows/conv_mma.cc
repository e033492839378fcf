// Convolutions on tensor cores: an implicit matrix product over channels-last images of 16-bit types, and of f32 where
// it may be rounded to TF32.
#include "backends/cuda/rows/conv_mma.h"

#include <algorithm>

#include "backends/cuda/rows/mma.h"

namespace vivace::cuda {

Verdict conv_mma_of(const Problem& p, ImageConv& c) {
  if (Verdict verdict = image_conv_of(p, c); !verdict) return verdict;
  if (Verdict verdict = multiplies(p, c.type); !verdict) return verdict;
  if (c.groups != 1) return no("groups");
  c.prologue = p.node->op == "vivace.ScaledConv";
  if (c.prologue && (c.taps() != 1 || c.pad_h || c.pad_w || c.in_type != c.type)) return no("more than one tap");
  for (const size_t i : {size_t{4}, size_t{5}})
    if (c.prologue && !p.inputs[i].constant) return no("factors that are not constant");
  return c.in_pitch ? yes() : no("a row-major input");
}

namespace {

// What a prologue multiplies with and adds, of 64 channels after the other: [chunks][2][64].
Result<Tensor> factors_of(const Problem& p, const ImageConv& c, const ConvTile& t) {
  VIVACE_ASSIGN(Tensor made, Tensor::allocate(c.type, {t.chunks(c), 2, ConvTile::kChunk}));
  auto* to = made.as<uint16_t>();
  std::fill_n(to, made.count(), uint16_t{0});
  for (size_t i = 0; i < 2; ++i) {
    const auto* from = p.inputs[4 + i].constant->as<uint16_t>();
    for (int64_t ch = 0; ch < c.in_channels; ++ch)
      to[(ch / ConvTile::kChunk * 2 + static_cast<int64_t>(i)) * ConvTile::kChunk + ch % ConvTile::kChunk] = from[ch];
  }
  return made;
}

}  // namespace

// The 16-byte pieces of row r are exchanged by r & 7 so that neither copies nor ldmatrix meet bank conflicts.
Result<std::vector<Tensor>> conv_mma_weights(const Problem& p, const ImageConv& c, const ConvTile& t) {
  VIVACE_ASSIGN(const Tensor w, as_multiplied(*p.inputs[1].constant));
  const int64_t blocks_n = tiles(c.out_channels, t.n), chunks = t.chunks(c), rows = t.weight_rows(c);
  const int64_t units = c.units();
  VIVACE_ASSIGN(Tensor packed, Tensor::allocate(w.type(), {blocks_n, chunks, rows, ConvTile::kChunk / units}));
  const auto* from = w.as<uint16_t>();
  auto* to = packed.as<uint16_t>();
  std::fill_n(to, packed.count() * units, uint16_t{0});
  const int64_t channels = c.in_channels, filled = c.in_blocks() * 8, taps = c.taps();
  for (int64_t n = 0; n < c.out_channels; ++n) {
    const int64_t row = n % t.n;
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t ch = 0; ch < channels; ++ch)
        for (int64_t unit = 0; unit < units; ++unit) {
          const int64_t k = (t.patch() ? ch : tap * filled + ch) * units + unit;
          const int64_t piece = (k % ConvTile::kChunk / 8) ^ (row & 7);
          const int64_t at = (n / t.n * chunks + k / ConvTile::kChunk) * rows + (t.patch() ? tap * t.n : 0) + row;
          to[at * ConvTile::kChunk + piece * 8 + k % 8] = from[((n * channels + ch) * taps + tap) * units + unit];
        }
  }
  VIVACE_ASSIGN(Tensor bias, bias_in_f32(p, 2, blocks_n * t.n));
  return std::vector<Tensor>{std::move(packed), std::move(bias)};
}

Source conv_mma_source(const Problem& p, const ImageConv& c) {
  Source s;
  s.add(prelude());
  s.add(std::string("using T = ") + type_name(p.outputs[0].type) + ";\n");
  s.constant("kBatch", c.batch).constant("kInChannels", c.in_blocks() * 8 * c.units());
  s.constant("kOutChannels", c.out_blocks() * 8);
  s.constant("kTrueOutChannels", c.out_channels).constant("kInH", c.in_h).constant("kInW", c.in_w);
  s.constant("kOutH", c.out_h).constant("kOutW", c.out_w).constant("kKernelH", c.kernel_h);
  s.constant("kKernelW", c.kernel_w).constant("kStrideH", c.stride_h).constant("kStrideW", c.stride_w);
  s.constant("kDilationH", c.dilation_h).constant("kDilationW", c.dilation_w).constant("kPadH", c.pad_h);
  s.constant("kPadW", c.pad_w).constant("kInPitch", c.in_pitch * c.units()).constant("kOutPitch", c.out_pitch);
  return s.constant("kResidual", p.has(3)).constant("kResidualPitch", c.residual_pitch);
}

namespace {

using Tile = ConvTile;

Result<ImageConv> job_of(const Problem& p) { return supported<conv_mma_of>(p); }

std::vector<std::string> configurations(const Problem& p, const Device& device) {
  ImageConv c;
  std::vector<std::string> texts;
  if (!conv_mma_of(p, c)) return texts;
  for (const Tile& t : tiles_for(c, device)) texts.push_back(t.text());
  return texts;
}

Verdict supports(const Problem& p, const Device& device) {
  ImageConv c;
  if (Verdict verdict = conv_mma_of(p, c); !verdict) return verdict;
  if (tiles_for(c, device).empty()) return no("no tile fits");
  return yes();
}

double estimate(const Problem& p, const std::string& configuration, const Device& device) {
  ImageConv c;
  Tile t{};
  if (!conv_mma_of(p, c) || !Tile::parse(configuration, t)) return 1;
  return std::max(t.estimate(c, device), roofline_seconds(0, cpu::bytes_of(p), 1, device));
}

Result<Tile> tile_of(const Problem& p, const ImageConv& c, const std::string& configuration, const Device& device) {
  Tile t{};
  if (!Tile::parse(configuration, t) || !t.fits(c, device))
    return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
  return t;
}

Result<std::vector<Tensor>> prepare(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const ImageConv c, job_of(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration, device));
  VIVACE_ASSIGN(std::vector<Tensor> packed, conv_mma_weights(p, c, t));
  if (!c.prologue) return packed;
  VIVACE_ASSIGN(Tensor factors, factors_of(p, c, t));
  packed.push_back(std::move(factors));
  return packed;
}

Result<Job> generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const ImageConv c, job_of(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration, device));
  Launch launch;
  launch.name = "conv";
  launch.waits = true;
  launch.cluster = static_cast<unsigned>(t.cluster);
  launch.grid[0] = tiles(c.out_channels, t.n) * launch.cluster;
  launch.grid[1] = static_cast<unsigned>(t.tiles_m(c));
  launch.block = static_cast<unsigned>(t.threads());
  launch.shared_bytes = static_cast<unsigned>(t.shared_bytes(c));
  launch.arguments = {input(0), packed(0), packed(1), input(p.has(3) ? 3 : 0), output()};
  Source s = conv_mma_source(p, c);
  s.constant("kM", t.m).constant("kN", t.n).constant("kWarpsM", t.warps_m).constant("kWarpsN", t.warps_n);
  s.constant("kWarpsK", t.warps_k).constant("kCluster", t.cluster).constant("kGroup", t.group);
  s.constant("kStages", t.stages).constant("kOnce", t.once(c)).constant("kAhead", t.ahead(c));
  s.constant("kBiasAt", Tile::kBiasAt).constant("kReceivedAt", t.received_at()).constant("kRingAt", t.ring_at());
  s.constant("kImageRows", t.image_rows(c));
  s.constant("kBeside", t.beside(c, device));
  if (c.prologue) {
    s.constant("kFactorsAt", t.factors_at(c));
    launch.arguments.push_back(packed(2));
  }
  if (t.patch()) s.constant("kTileH", t.tile_h).constant("kTileW", t.tile_w);
  s.add(mma_functions(c.type)).add(t.patch() ? "#define PATCH 1\n" : "#define PATCH 0\n");
  s.add(t.warp_groups ? "#define WARP_GROUPS 1\n" + group_functions(t.n, c.type) : "#define WARP_GROUPS 0\n");
  s.add(finish_function(p.attributes(), p.outputs[0].type)).add(for_width(conv_mma_kernel(c.prologue), c.type));
  launch.source = s.text();
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic conv_mma_tactic{
    .name = "cuda_conv_mma",
    .version = 2,
    .operators = {"Conv", "vivace.FusedConv", "vivace.ScaledConv"},
    .supports = supports,
    .configurations = configurations,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
