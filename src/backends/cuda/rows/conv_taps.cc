// Convolutions of one to three dimensions on tensor cores that conv_mma.cc does not do: transposed ones, and those of
// tensors that are no images. An implicit matrix product like there, of 16-bit types, sums in f32; but the tensors may
// be row-major (then a kernel before this one moves channels last), and each tap says where it reads.
//
// A transposed convolution makes outputs r + stride * i of each remainder r from other taps, at inputs i + offset(tap):
// for each r a convolution of stride 1, called a phase here. One kernel makes all phases.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "backends/cuda/rows/mma.h"
#include "backends/cuda/rows/rows.h"
#include "ops/conv.h"

namespace vivace::cuda {

extern const Tactic reorder_tactic;

namespace {

constexpr int64_t kChunk = 64, kMostTaps = 1024, kMostPhases = 64;

struct Tap {
  int64_t index;                 // in the weights
  std::vector<int64_t> offsets;  // of the input position it reads
};
struct Phase {
  std::vector<int64_t> first;  // output
  std::vector<Tap> taps;
};

// Three spatial dimensions always; missing ones have size 1.
struct TapConv {
  DType type = DType::f16;
  bool transposed = false;
  int64_t batch = 1, in_channels = 1, out_channels = 1;
  std::vector<int64_t> in, out;
  std::vector<int64_t> in_step, out_step;  // from output i of a phase to the next: of the input, of the output
  std::vector<Phase> phases;
  int64_t in_pitch = 0, out_pitch = 0, residual_pitch = 0;  // elements of a pixel; out_pitch 0: row-major

  int64_t filled() const { return (in_channels + 7) / 8 * 8; }
  int64_t taps() const {
    int64_t count = 0;
    for (const Phase& phase : phases) count += static_cast<int64_t>(phase.taps.size());
    return count;
  }
  int64_t chunks(const Phase& phase) const {
    return (static_cast<int64_t>(phase.taps.size()) * filled() + kChunk - 1) / kChunk;
  }
  int64_t pixels(const Phase& phase) const {
    int64_t count = batch;
    for (size_t d = 0; d < 3; ++d) count *= (out[d] - phase.first[d] + out_step[d] - 1) / out_step[d];
    return count;
  }
};

std::vector<int64_t> three(std::vector<int64_t> v, int64_t missing) {
  v.insert(v.begin(), 3 - v.size(), missing);
  return v;
}

// Calls f with every position of a box.
template <class F>
void for_each_position(const std::vector<int64_t>& box, F&& f) {
  for (int64_t d = 0; d < box[0]; ++d)
    for (int64_t h = 0; h < box[1]; ++h)
      for (int64_t w = 0; w < box[2]; ++w) f(std::vector<int64_t>{d, h, w});
}

void add_phases(TapConv& c, const std::vector<int64_t>& kernel, const ops::Window& window, size_t spatial) {
  const std::vector<int64_t> strides = three(window.strides, 1), dilations = three(window.dilations, 1);
  const std::vector<int64_t> pads =
      three({window.pads.begin(), window.pads.begin() + static_cast<int64_t>(spatial)}, 0);
  const std::vector<int64_t> ones(3, 1);
  c.in_step = c.transposed ? ones : strides;
  c.out_step = c.transposed ? strides : ones;
  for_each_position(c.out_step, [&](const std::vector<int64_t>& first) {
    Phase phase{first, {}};
    for (size_t d = 0; d < 3; ++d)
      if (first[d] >= c.out[d]) return;
    int64_t index = 0;
    for_each_position(kernel, [&](const std::vector<int64_t>& k) {
      Tap tap{index++, {}};
      for (size_t d = 0; d < 3; ++d) {
        const int64_t reach = c.transposed ? first[d] + pads[d] - k[d] * dilations[d] : k[d] * dilations[d] - pads[d];
        if (reach % c.out_step[d] != 0) return;
        tap.offsets.push_back(reach / c.out_step[d]);
      }
      phase.taps.push_back(std::move(tap));
    });
    c.phases.push_back(std::move(phase));
  });
}

Verdict taps_of(const Problem& p, TapConv& c) {
  const TensorInfo &x = p.inputs[0], &w = p.inputs[1], &y = p.outputs[0];
  c.type = y.type, c.transposed = p.node->op == "ConvTranspose";
  if (c.type != DType::f16 && c.type != DType::bf16) return no("f16 and bf16 only");
  if (x.type != c.type || w.type != c.type) return no("tensors of one type only");
  if (!w.constant || (p.has(2) && !p.inputs[2].constant)) return no("constant weights and bias only");
  if (x.shape.size() < 3 || x.shape.size() > 5) return no("one to three spatial dimensions only");
  if (!c.transposed && (x.channel_block || y.channel_block)) return no("an image; see cuda_conv_mma");
  if (p.has(3) &&
      (p.inputs[3].type != c.type || p.inputs[3].shape != y.shape || !p.inputs[3].channel_block != !y.channel_block))
    return no("a residual in another layout");
  if (p.attributes().integer("group", 1) != 1) return no("groups");
  for (const TensorInfo* t : {&x, &w, &y})
    if (t->bytes() > INT32_MAX / 2) return no("more than 2^30 bytes");
  if (elements(x.shape) < 1 || elements(y.shape) < 1 || elements(w.shape) < 1) return no("nothing to compute");
  if (!x.channel_block && x.shape[0] > 65535) return no("more than 65535 images");
  const size_t spatial = x.shape.size() - 2;
  ir::Dims dims;
  for (size_t i = 2; i < x.shape.size(); ++i) dims.emplace_back(x.shape[i]);
  const std::vector<int64_t> kernel(w.shape.begin() + 2, w.shape.end());
  const Result<ops::Window> window =
      c.transposed ? ops::transposed_window(*p.node, dims, kernel) : ops::window_of(*p.node, dims, kernel);
  if (!window.ok()) return no(window.status().message());
  if (elements(kernel) > kMostTaps) return no("more taps than a table has");
  if (c.transposed && elements(window->strides) > kMostPhases) return no("strides too large");
  c.batch = x.shape[0], c.in_channels = x.shape[1], c.out_channels = y.shape[1];
  c.in = three({x.shape.begin() + 2, x.shape.end()}, 1);
  c.out = three({y.shape.begin() + 2, y.shape.end()}, 1);
  c.in_pitch = x.channel_block ? x.channel_block : c.filled();
  c.out_pitch = y.channel_block, c.residual_pitch = p.has(3) ? p.inputs[3].channel_block : 0;
  add_phases(c, three(kernel, 1), *window, spatial);
  return yes();
}

struct Tile {
  int m, n, warps_m, warps_n, warps_k, stages;

  int threads() const { return 32 * warps_m * warps_n * warps_k; }
  int part_pitch(const TapConv& c) const { return c.out_pitch ? n + 4 : n + 2; }
  int ring_at() const { return (n * 4 + 127) / 128 * 128; }
  int shared_bytes(const TapConv& c) const {
    return ring_at() + std::max(stages * (m + n) * 128, warps_k * m * part_pitch(c) * 4);
  }
  std::string text() const {
    return std::to_string(m) + "x" + std::to_string(n) + " warps " + std::to_string(warps_m) + "x" +
           std::to_string(warps_n) + "x" + std::to_string(warps_k) + " stages " + std::to_string(stages);
  }
};

constexpr Tile kTiles[] = {
    {32, 32, 1, 1, 4, 4},  {32, 32, 2, 2, 1, 4},  {32, 64, 1, 2, 4, 4},  {64, 16, 4, 1, 1, 4},  {64, 32, 2, 1, 2, 4},
    {64, 32, 2, 1, 4, 4},  {64, 64, 2, 2, 1, 4},  {64, 64, 2, 2, 2, 4},  {64, 128, 2, 4, 1, 3}, {128, 16, 4, 1, 2, 3},
    {128, 32, 4, 1, 1, 4}, {128, 64, 4, 2, 1, 3}, {128, 64, 4, 2, 1, 4}, {256, 64, 4, 2, 1, 3}, {128, 128, 4, 2, 1, 3},
};

// Cycles of a block as in conv_mma_tiles.cc, without what clusters and groups of warps bring.
double estimate_of(const TapConv& c, const Tile& t, const Device& device) {
  constexpr double kBytes = 40, kProducts = 1100, kProduct = 8.1, kFragment = 5.5;
  constexpr double kStep = 170, kStart = 3300, kWave = 1300, kStore = 10, kClock = 1.7e9;
  double blocks = 0, work = 0;
  for (const Phase& phase : c.phases)
    blocks += static_cast<double>(tiles(c.pixels(phase), t.m)) * tiles(c.out_channels, t.n);
  const double each = std::ceil(blocks / device.multiprocessors);
  const auto beside = static_cast<double>(std::clamp<int64_t>(
      static_cast<int64_t>(device.shared_bytes) / (t.shared_bytes(c) + 1024), 1, std::max(1, 1536 / t.threads())));
  const int fragments_m = t.m / t.warps_m / 16, fragments_n = t.n / t.warps_n / 8, stored = t.m * t.n / t.threads();
  const double rows = fragments_m, columns = fragments_n;
  const double part = (rows * columns * kProduct + (rows + columns / 2) * kFragment) * 4 / t.warps_k;
  for (const Phase& phase : c.phases) {
    const double of_phase = static_cast<double>(tiles(c.pixels(phase), t.m)) * tiles(c.out_channels, t.n);
    const auto steps = static_cast<double>(c.chunks(phase));
    const double together = std::min(beside, each);
    const double loads = together * (t.m + t.n) * 128 / kBytes, all = together * t.m * t.n * kChunk / kProducts;
    work += of_phase * (steps * (std::max({loads, all, part}) + kStep) + stored * kStore) / together;
  }
  return (kStart + work / blocks * each + (std::ceil(each / beside) - 1) * kWave) / kClock;
}

std::vector<Tile> tiles_for(const TapConv& c, const Device& device) {
  std::vector<std::pair<double, Tile>> found;
  int64_t most = 0;
  for (const Phase& phase : c.phases) most = std::max(most, c.pixels(phase));
  for (const Tile& t : kTiles) {
    if (t.shared_bytes(c) > static_cast<int64_t>(device.shared_bytes)) continue;
    if ((t.n > 32 && t.n >= 2 * c.out_channels) || (t.m > 32 && t.m >= 2 * most)) continue;
    if (tiles(c.out_channels, t.n) <= 65535) found.emplace_back(estimate_of(c, t, device), t);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Tile> all;
  for (const auto& [seconds, tile] : found) all.push_back(tile);
  return all;
}

Result<Tile> tile_of(const Problem& p, const TapConv& c, const std::string& configuration, const Device& device) {
  for (const Tile& t : tiles_for(c, device))
    if (t.text() == configuration) return t;
  return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
}

std::vector<std::string> configurations(const Problem& p, const Device& device) {
  TapConv c;
  std::vector<std::string> texts;
  if (!taps_of(p, c)) return texts;
  for (const Tile& t : tiles_for(c, device)) texts.push_back(t.text());
  return texts;
}

Verdict supports(const Problem& p, const Device& device) {
  TapConv c;
  if (Verdict verdict = taps_of(p, c); !verdict) return verdict;
  return tiles_for(c, device).empty() ? no("no tile fits") : yes();
}

double estimate(const Problem& p, const std::string& configuration, const Device& device) {
  TapConv c;
  if (!taps_of(p, c)) return 1;
  const Result<Tile> t = tile_of(p, c, configuration, device);
  if (!t.ok()) return 1;
  const double moved = p.inputs[0].channel_block ? 0 : 2 * static_cast<double>(p.inputs[0].bytes());
  return std::max(estimate_of(c, *t, device), roofline_seconds(0, cpu::bytes_of(p), 1, device)) +
         (moved > 0 ? roofline_seconds(0, moved, 1, device) : 0);
}

// Weights of one phase after the other, each [N / n][chunks][n][64], sums in the order tap, channel; the 16-byte pieces
// of row r are exchanged by r & 7. Then the bias in f32.
Result<std::vector<Tensor>> prepare(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const TapConv c, supported<taps_of>(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration, device));
  const Tensor& w = *p.inputs[1].constant;
  const int64_t blocks_n = tiles(c.out_channels, t.n), taps = elements(std::span(w.shape()).subspan(2));
  int64_t chunks = 0;
  for (const Phase& phase : c.phases) chunks += c.chunks(phase);
  VIVACE_ASSIGN(Tensor packed, Tensor::allocate(w.type(), {std::max<int64_t>(chunks, 1), blocks_n, t.n, kChunk}));
  const auto* from = w.as<const uint16_t>();
  auto* to = packed.as<uint16_t>();
  std::fill_n(to, packed.count(), uint16_t{0});
  for (const Phase& phase : c.phases) {
    const int64_t own = c.chunks(phase);
    for (int64_t n = 0; n < c.out_channels; ++n)
      for (size_t tap = 0; tap < phase.taps.size(); ++tap)
        for (int64_t ch = 0; ch < c.in_channels; ++ch) {
          const int64_t k = static_cast<int64_t>(tap) * c.filled() + ch, row = n % t.n;
          const int64_t piece = (k % kChunk / 8) ^ (row & 7);
          const int64_t at = ((n / t.n * own + k / kChunk) * t.n + row) * kChunk + piece * 8 + k % 8;
          const int64_t pair = c.transposed ? ch * c.out_channels + n : n * c.in_channels + ch;
          to[at] = from[pair * taps + phase.taps[tap].index];
        }
    to += blocks_n * own * t.n * kChunk;
  }
  VIVACE_ASSIGN(Tensor bias, bias_in_f32(p, 2, blocks_n * t.n));
  return std::vector<Tensor>{std::move(packed), std::move(bias)};
}

constexpr const char* kKernel = R"(
constexpr int kThreads = 32 * kWarpsM * kWarpsN * kWarpsK;
constexpr int kTileM = kM / kWarpsM, kTileN = kN / kWarpsN, kI = kTileM / 16, kJ = kTileN / 8;
constexpr int kRows = kThreads / 8, kLoads = (kM + kRows - 1) / kRows;
constexpr int kStageA = kM * 128, kStage = kStageA + kN * 128;

extern "C" __global__ void __launch_bounds__(kThreads) conv(const T* __restrict__ x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(1024) unsigned char memory[];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
  const int wm = warp % kWarpsM, wn = warp / kWarpsM % kWarpsN, wk = warp / (kWarpsM * kWarpsN);
  const int phase = blockIdx.z, n0 = blockIdx.y * kN, m0 = blockIdx.x * kM;
  const int first_d = kFirstD[phase], first_h = kFirstH[phase], first_w = kFirstW[phase];
  const int size_d = (kOutD - first_d + kOutStepD - 1) / kOutStepD;
  const int size_h = (kOutH - first_h + kOutStepH - 1) / kOutStepH;
  const int size_w = (kOutW - first_w + kOutStepW - 1) / kOutStepW;
  const int pixels = kBatch * size_d * size_h * size_w;
  if (m0 >= pixels) return;
  const int tap0 = kFirstTap[phase], depth = (kFirstTap[phase + 1] - tap0) * kInChannels, chunks = (depth + 63) / 64;
  const T* const weights = w + (size_t)kWeightsAt[phase] * kN * 64 + (size_t)blockIdx.y * chunks * kN * 64;
  const unsigned ring = shared_address(memory) + kRingAt;

  // A thread loads 16-byte piece `piece` of rows tid / 8 + j * kRows.
  const int piece = tid & 7, row0 = tid >> 3;
  const auto load_weights = [&](int step) {
    const unsigned to = ring + step % kStages * kStage + kStageA;
    for (int r = row0; r < kN; r += kRows)
      copy_16(to + r * 128 + piece * 16, weights + ((size_t)step * kN + r) * 64 + piece * 8, true);
  };
#pragma unroll 1
  for (int s = 0; s < kStages - 1 && s < chunks; ++s) load_weights(s);
  float* const offsets = (float*)memory;
  for (int i = tid; i < kN; i += kThreads) offsets[i] = bias[n0 + i];

  int from[kLoads], at_d[kLoads], at_h[kLoads], at_w[kLoads];
#pragma unroll
  for (int j = 0; j < kLoads; ++j) {
    const int m = m0 + row0 + j * kRows;
    const int image = m / (size_d * size_h * size_w);
    at_d[j] = m / (size_h * size_w) % size_d * kInStepD;
    at_h[j] = m / size_w % size_h * kInStepH;
    at_w[j] = m % size_w * kInStepW;
    from[j] = (((image * kInD + at_d[j]) * kInH + at_h[j]) * kInW + at_w[j]) * kInPitch;
    if (m >= pixels || row0 + j * kRows >= kM) at_d[j] = -(1 << 28);
  }
  const auto load_image = [&](int step) {
    const unsigned to = ring + step % kStages * kStage + row0 * 128;
    const int k = step * 64 + piece * 8, tap = k < depth ? tap0 + k / kInChannels : tap0, c = k % kInChannels;
    const int d = kTapD[tap], h = kTapH[tap], v = kTapW[tap], offset = ((d * kInH + h) * kInW + v) * kInPitch + c;
#pragma unroll
    for (int j = 0; j < kLoads; ++j) {
      if (kM % kRows && row0 + j * kRows >= kM) continue;
      const bool inside = k < depth && (unsigned)(at_d[j] + d) < (unsigned)kInD &&
                          (unsigned)(at_h[j] + h) < (unsigned)kInH && (unsigned)(at_w[j] + v) < (unsigned)kInW;
      copy_16(to + j * kRows * 128 + ((piece ^ ((row0 + j * kRows) & 7)) << 4), inside ? x + from[j] + offset : x, inside);
    }
  };

  wait();
#pragma unroll 1
  for (int s = 0; s < kStages - 1; ++s) {
    if (s < chunks) load_image(s);
    commit_copies();
  }
  allow_next();

  float sums[kI][kJ][4] = {};
  const int a_row = wm * kTileM + (lane & 15), b_row = wn * kTileN + (lane & 7) + (lane >> 4 << 3);
  const int a_piece = lane >> 4, b_piece = lane >> 3 & 1;
#pragma unroll 1
  for (int step = 0; step < chunks; ++step) {
    wait_copies<kStages - 2>();
    __syncthreads();
    // Into the place of the step before this one, which all warps have left.
    if (step + kStages - 1 < chunks) {
      load_weights(step + kStages - 1);
      load_image(step + kStages - 1);
    }
    commit_copies();
    const unsigned a = ring + step % kStages * kStage, b = a + kStageA;
    const int limit = min(4, (depth - step * 64 + 15) / 16);
#pragma unroll
    for (int q = wk; q < 4; q += kWarpsK) {
      if (q >= limit) break;
      unsigned fa[kI][4], fb[kJ][2];
#pragma unroll
      for (int i = 0; i < kI; ++i) {
        const int r = a_row + i * 16;
        load_matrix_4(fa[i], a + r * 128 + (((q * 2 + a_piece) ^ (r & 7)) << 4));
      }
#pragma unroll
      for (int j = 0; j < kJ; j += 2) {
        const int r = b_row + j * 8;
        load_matrix_4(fb[j], b + r * 128 + (((q * 2 + b_piece) ^ (r & 7)) << 4));
      }
#pragma unroll
      for (int i = 0; i < kI; ++i)
#pragma unroll
        for (int j = 0; j < kJ; ++j) multiply(sums[i][j], fa[i], fb[j][0], fb[j][1]);
    }
  }
  wait_copies<0>();
  __syncthreads();

  // The sums meet where the ring was.
  float* const part = (float*)(memory + kRingAt);
#pragma unroll
  for (int i = 0; i < kI; ++i)
#pragma unroll
    for (int j = 0; j < kJ; ++j)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        *(float2*)(part + (wk * kM + wm * kTileM + i * 16 + (lane >> 2) + h * 8) * kPartPitch + wn * kTileN + j * 8 +
                   (lane & 3) * 2) = make_float2(sums[i][j][h * 2], sums[i][j][h * 2 + 1]);
  __syncthreads();
  // Where row i of the tile is in its image of the output, and which image that is.
  const auto place_of = [&](int i, int& image) {
    const int m = m0 + i;
    image = m / (size_d * size_h * size_w);
    const int d = first_d + m / (size_h * size_w) % size_d * kOutStepD;
    const int h = first_h + m / size_w % size_h * kOutStepH, v = first_w + m % size_w * kOutStepW;
    return (d * kOutH + h) * kOutW + v;
  };
#if LAST
  for (int i = tid; i < kM * kN / 8; i += kThreads) {
    const int row = i / (kN / 8), c = i % (kN / 8) * 8, n = n0 + c;
    if (m0 + row >= pixels || n >= kOutChannels) continue;
    int image;
    const int place = place_of(row, image);
    const size_t pixel = (size_t)image * (kOutD * kOutH * kOutW) + place;
    Vector<T, 8> r, out;
    if (kResidual) r = ((const Vector<T, 8>*)residual)[(pixel * kResidualPitch + n) / 8];
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      float sum = part[row * kPartPitch + c + e];
#pragma unroll
      for (int k = 1; k < kWarpsK; ++k) sum += part[(k * kM + row) * kPartPitch + c + e];
      const float made = finish(sum, offsets[c + e], kResidual ? to_float(r.v[e]) : 0.0f);
      out.v[e] = from_float<T>(kTrueOutChannels % 8 == 0 || n + e < kTrueOutChannels ? made : 0.0f);
    }
    ((Vector<T, 8>*)y)[(pixel * kOutPitch + n) / 8] = out;
  }
#else
  for (int i = tid; i < kM * kN; i += kThreads) {
    const int row = i % kM, c = i / kM, n = n0 + c;
    if (m0 + row >= pixels || n >= kTrueOutChannels) continue;
    int image;
    const int place = place_of(row, image);
    const size_t at = ((size_t)image * kTrueOutChannels + n) * (kOutD * kOutH * kOutW) + place;
    float sum = part[row * kPartPitch + c];
#pragma unroll
    for (int k = 1; k < kWarpsK; ++k) sum += part[(k * kM + row) * kPartPitch + c];
    y[at] = from_float<T>(finish(sum, offsets[c], kResidual ? to_float(residual[at]) : 0.0f));
  }
#endif
}
)";

// The tables of phases and taps, and the numbers of all three dimensions.
void declare(Source& s, const TapConv& c, const Tile& t) {
  constexpr const char* kAxes[] = {"D", "H", "W"};
  for (size_t d = 0; d < 3; ++d) {
    const std::string axis = kAxes[d];
    s.constant("kIn" + axis, c.in[d]).constant("kOut" + axis, c.out[d]);
    s.constant("kInStep" + axis, c.in_step[d]).constant("kOutStep" + axis, c.out_step[d]);
    std::vector<int64_t> first, taps;
    for (const Phase& phase : c.phases) {
      first.push_back(phase.first[d]);
      for (const Tap& tap : phase.taps) taps.push_back(tap.offsets[d]);
    }
    if (taps.empty() || c.phases.back().taps.empty()) taps.push_back(0);  // what a phase without taps looks up
    s.array("kFirst" + axis, first).array("kTap" + axis, taps);
  }
  std::vector<int64_t> first_tap = {0}, weights = {};
  int64_t chunks = 0;
  for (const Phase& phase : c.phases) {
    first_tap.push_back(first_tap.back() + static_cast<int64_t>(phase.taps.size()));
    weights.push_back(chunks * tiles(c.out_channels, t.n));
    chunks += c.chunks(phase);
  }
  s.array("kFirstTap", first_tap).array("kWeightsAt", weights);
}

Result<Job> generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const TapConv c, supported<taps_of>(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration, device));
  Job job;
  if (!p.inputs[0].channel_block) {
    Problem moved{p.node, {p.inputs[0]}, {p.inputs[0]}};
    moved.outputs[0].channel_block = static_cast<int>(c.in_pitch);
    VIVACE_ASSIGN(job, reorder_tactic.generate(moved, "", device));
    job.launches[0].arguments = {input(0), workspace()};
    job.workspace = moved.outputs[0].bytes();
  }
  Launch launch;
  launch.name = "conv";
  launch.waits = true;
  int64_t most = 0;
  for (const Phase& phase : c.phases) most = std::max(most, c.pixels(phase));
  launch.grid[0] = tiles(most, t.m);
  launch.grid[1] = tiles(c.out_channels, t.n);
  launch.grid[2] = static_cast<unsigned>(c.phases.size());
  launch.block = static_cast<unsigned>(t.threads());
  launch.shared_bytes = static_cast<unsigned>(t.shared_bytes(c));
  launch.arguments = {job.workspace ? workspace() : input(0), packed(0), packed(1), input(p.has(3) ? 3 : 0), output()};
  Source s;
  s.add(prelude()).add(std::string("using T = ") + type_name(c.type) + ";\n");
  s.constant("kBatch", c.batch).constant("kInChannels", c.filled()).constant("kTrueOutChannels", c.out_channels);
  s.constant("kOutChannels", (c.out_channels + 7) / 8 * 8);
  s.constant("kInPitch", c.in_pitch).constant("kOutPitch", c.out_pitch);
  s.constant("kResidual", p.has(3)).constant("kResidualPitch", c.residual_pitch);
  declare(s, c, t);
  s.constant("kM", t.m).constant("kN", t.n).constant("kWarpsM", t.warps_m).constant("kWarpsN", t.warps_n);
  s.constant("kWarpsK", t.warps_k).constant("kStages", t.stages).constant("kRingAt", t.ring_at());
  s.constant("kPartPitch", t.part_pitch(c));
  s.add(c.out_pitch ? "#define LAST 1\n" : "#define LAST 0\n").add(mma_functions());
  launch.source = s.add(finish_function(p.attributes(), c.type)).add(kKernel).text();
  job.launches.push_back(std::move(launch));
  return job;
}

}  // namespace

extern const Tactic conv_taps_tactic{
    .name = "cuda_conv_taps",
    .version = 1,
    .operators = {"Conv", "vivace.FusedConv", "ConvTranspose"},
    .supports = supports,
    .configurations = configurations,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
