// Convolutions on tensor cores: an implicit matrix product over channels-last images of 16-bit types.
//
// A block makes a tile of pixels x channels. Its sums run over taps and channels in chunks of 64; `warps_k` groups of
// warps and the blocks of a cluster share them. Weights are packed so that a step's share is one contiguous copy, asked
// for before the kernels before this one are done; activations follow by cp.async. Partial sums meet in shared memory,
// those of a cluster are pushed to the block that finishes them, always added in the same order.
#include <cmath>
#include <cstdio>

#include "backends/cuda/lower.h"
#include "backends/cuda/rows/mma.h"
#include "backends/cuda/rows/rows.h"
#include "ops/conv.h"

namespace vivace::cuda {

namespace {

constexpr int64_t kChunk = 64;  // of the sums: 128 bytes of a row in shared memory

struct Conv {
  int64_t batch = 1, in_channels = 0, out_channels = 0;  // channels filled up to kChannelUnit
  int64_t in_h = 1, in_w = 1, out_h = 1, out_w = 1, kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, pad_h = 0, pad_w = 0;
  int64_t in_pitch = 0, out_pitch = 0, residual_pitch = 0;
  int64_t true_out_channels = 0;

  int64_t pixels() const { return batch * out_h * out_w; }
  int64_t depth() const { return kernel_h * kernel_w * in_channels; }
  int64_t chunks() const { return (depth() + kChunk - 1) / kChunk; }
};

int64_t filled_up(int64_t channels) { return (channels + kChannelUnit - 1) / kChannelUnit * kChannelUnit; }

Verdict conv_of(const Problem& p, Conv& c) {
  const TensorInfo &x = p.inputs[0], &w = p.inputs[1], &y = p.outputs[0];
  if (y.type != DType::f16 && y.type != DType::bf16) return no("f16 and bf16 only");
  if (x.shape.size() != 4 || !x.channel_block || !y.channel_block) return no("channels-last images only");
  if (x.type != y.type || w.type != y.type) return no("one type only");
  if (!w.constant) return no("the weights are not constant");
  if (p.has(2) && !p.inputs[2].constant) return no("the bias is not constant");
  if (p.attributes().integer("group", 1) != 1) return no("groups");
  for (const TensorInfo* t : {&x, &y})
    if (t->bytes() > INT32_MAX) return no("more than 2^31 bytes");
  if (p.has(3) && (p.inputs[3].type != y.type || !p.inputs[3].channel_block || p.inputs[3].shape != y.shape))
    return no("a residual in another layout");
  const ir::Dims spatial = {ir::Dim(x.shape[2]), ir::Dim(x.shape[3])};
  const Result<ops::Window> window = ops::window_of(*p.node, spatial, {w.shape[2], w.shape[3]});
  if (!window.ok()) return no(window.status().message());
  c.batch = x.shape[0];
  c.in_channels = filled_up(x.shape[1]);
  c.true_out_channels = y.shape[1];
  c.out_channels = filled_up(y.shape[1]);
  c.in_h = x.shape[2], c.in_w = x.shape[3], c.out_h = y.shape[2], c.out_w = y.shape[3];
  c.kernel_h = window->kernel[0], c.kernel_w = window->kernel[1];
  c.stride_h = window->strides[0], c.stride_w = window->strides[1];
  c.dilation_h = window->dilations[0], c.dilation_w = window->dilations[1];
  c.pad_h = window->pads[0], c.pad_w = window->pads[1];
  c.in_pitch = x.channel_block, c.out_pitch = y.channel_block;
  c.residual_pitch = p.has(3) ? p.inputs[3].channel_block : 0;
  if (c.pixels() < 1 || c.depth() < 1) return no("nothing to compute");
  return yes();
}

Result<Conv> job_of(const Problem& p) {
  Conv c;
  if (const Verdict verdict = conv_of(p, c); !verdict)
    return Status(Code::internal, p.node->describe() + ": " + verdict.reason);
  return c;
}

constexpr const char* kKernel = R"(
constexpr int kWarps = kWarpsM * kWarpsN * kWarpsK, kThreads = 32 * kWarps;
constexpr int kTileM = kM / kWarpsM, kTileN = kN / kWarpsN, kI = kTileM / 16, kJ = kTileN / 8;
constexpr int kDepth = kKernelH * kKernelW * kInChannels, kChunks = (kDepth + 63) / 64;
constexpr int kPixels = kBatch * kOutH * kOutW;
constexpr int kRows = kThreads / 8, kLoads = (kM + kRows - 1) / kRows;
constexpr int kStageA = kGroup * kM * 128, kStageB = kGroup * kN * 128, kStage = kStageA + kStageB;
constexpr int kPartPitch = kN + 4;
constexpr int kItems = kM * kN / 8, kOwn = (kItems + kCluster - 1) / kCluster, kFinishes = (kOwn + kThreads - 1) / kThreads;
constexpr bool kPlain = kKernelH * kKernelW == 1 && kPadH == 0 && kPadW == 0;
constexpr bool kEarlyResidual = kResidual && kFinishes <= 4;

extern "C" __global__ void __launch_bounds__(kThreads) conv(const T* __restrict__ x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(1024) unsigned char memory[];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
  const int wm = warp % kWarpsM, wn = warp / kWarpsM % kWarpsN, wk = warp / (kWarpsM * kWarpsN);
  const int rank = kCluster > 1 ? blockIdx.x % kCluster : 0, tile_n = blockIdx.x / kCluster;
  const int m0 = blockIdx.y * kM, n0 = tile_n * kN;
  const int chunk0 = kChunks * rank / kCluster, chunks = kChunks * (rank + 1) / kCluster - chunk0;
  const int steps = (chunks + kGroup - 1) / kGroup;
  const unsigned base = shared_address(memory), ring = base + kRingAt;
  const T* const weights = w + ((size_t)tile_n * kChunks + chunk0) * kN * 64;

  const auto load_weights = [&](int step) {
    const int first = step * kGroup, count = min(kGroup, chunks - first);
    copy_weights(ring + step % kStages * kStage + kStageA, weights + (size_t)first * kN * 64, count * kN * 128,
                 base + step % kStages * 8);
  };
  open_barriers(base, kStages);
  if (kCluster > 1) cluster_arrive();
#pragma unroll 1
  for (int s = 0; s < kAhead && s < steps; ++s) load_weights(s);

  // A thread loads 16-byte piece `piece` of rows tid / 8 + j * kRows.
  const int piece = tid & 7, row0 = tid >> 3;
  int from[kLoads], top[kLoads], left[kLoads];
#pragma unroll
  for (int j = 0; j < kLoads; ++j) {
    const int m = m0 + row0 + j * kRows;
    const bool here = m < kPixels && row0 + j * kRows < kM;
    const int n = m / (kOutH * kOutW), o = m % (kOutH * kOutW);
    top[j] = o / kOutW * kStrideH - kPadH;
    left[j] = o % kOutW * kStrideW - kPadW;
    from[j] = ((n * kInH + top[j]) * kInW + left[j]) * kInPitch;
    if (!here) top[j] = -(1 << 28);
  }
  const auto load_step = [&](int step) {
    const unsigned to = ring + step % kStages * kStage + row0 * 128;
#pragma unroll
    for (int g = 0; g < kGroup; ++g) {
      const int k = (chunk0 + step * kGroup + g) * 64 + piece * 8;
      if (kGroup > 1 && step * kGroup + g >= chunks) break;
      const int tap = kPlain ? 0 : k / kInChannels, c = kPlain ? k : k % kInChannels;
      const int dh = tap / kKernelW * kDilationH, dw = tap % kKernelW * kDilationW;
      const int offset = (dh * kInW + dw) * kInPitch + c;
#pragma unroll
      for (int j = 0; j < kLoads; ++j) {
        if (kM % kRows && row0 + j * kRows >= kM) continue;
        const bool inside = k < kDepth && (kPlain ? top[j] >= 0 : (unsigned)(top[j] + dh) < (unsigned)kInH &&
                                                                      (unsigned)(left[j] + dw) < (unsigned)kInW);
        copy_16(to + (g * kM + j * kRows) * 128 + ((piece ^ ((row0 + j * kRows) & 7)) << 4),
                inside ? x + from[j] + offset : x, inside);
      }
    }
    commit_copies();
  };

  wait();
#pragma unroll 1
  for (int s = 0; s < kAhead; ++s)
    if (s < steps)
      load_step(s);
    else
      commit_copies();

  // Pieces of 8 channels that this thread finishes.
  const auto item = [&](int f) { return rank * kOwn + tid + f * kThreads; };
  const auto is_mine = [&](int f) {
    const int i = item(f);
    return tid + f * kThreads < kOwn && i < kItems && m0 + i / (kN / 8) < kPixels && n0 + i % (kN / 8) * 8 < kOutChannels;
  };
  Vector<T, 8> added[kEarlyResidual ? kFinishes : 1];
  const auto residual_of = [&](int f) {
    const int i = item(f);
    return *(const Vector<T, 8>*)(residual + (size_t)(m0 + i / (kN / 8)) * kResidualPitch + n0 + i % (kN / 8) * 8);
  };
  if (kEarlyResidual)
#pragma unroll
    for (int f = 0; f < kFinishes; ++f)
      if (is_mine(f)) added[f] = residual_of(f);
  allow_next();

  float sums[kI][kJ][4] = {};
  const int a_row = wm * kTileM + (lane & 15), b_row = wn * kTileN + (lane & 7) + (lane >> 4 << 3);
  const int a_piece = lane >> 4, b_piece = lane >> 3 & 1;
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    wait_copies<kAhead - 1>();
    wait_barrier(base + step % kStages * 8, step / kStages & 1);
    __syncthreads();
    if (!kOnce) {
      // Into the place of the step before this one, which all warps have left.
      const int next = step + kAhead;
      if (next < steps) {
        load_weights(next);
        load_step(next);
      } else {
        commit_copies();
      }
    } else {
      commit_copies();
    }
    const unsigned a = ring + step % kStages * kStage, b = a + kStageA;
    const int left_over = (kDepth - (chunk0 + step * kGroup) * 64 + 15) / 16;
    const int limit = min(min(kGroup, chunks - step * kGroup) * 4, left_over);
#pragma unroll 4
    for (int q = wk; q < limit; q += kWarpsK) {
      const int g = q >> 2, h = (q & 3) * 2;
      unsigned fa[kI][4], fb[kJ][2];
#pragma unroll
      for (int i = 0; i < kI; ++i) {
        const int r = a_row + i * 16;
        load_matrix_4(fa[i], a + (g * kM + r) * 128 + (((h + a_piece) ^ (r & 7)) << 4));
      }
#pragma unroll
      for (int j = 0; j < kJ; j += 2) {
        const int r = b_row + j * 8;
        load_matrix_4(fb[j], b + (g * kN + r) * 128 + (((h + b_piece) ^ (r & 7)) << 4));
      }
#pragma unroll
      for (int i = 0; i < kI; ++i)
#pragma unroll
        for (int j = 0; j < kJ; ++j) multiply(sums[i][j], fa[i], fb[j][0], fb[j][1]);
    }
  }
  wait_copies<0>();
  __syncthreads();

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
  const auto part_of = [&](int i, float* v) {
    const float* const at = part + i / (kN / 8) * kPartPitch + i % (kN / 8) * 8;
#pragma unroll
    for (int e = 0; e < 8; e += 4) {
      float4 s = *(const float4*)(at + e);
#pragma unroll
      for (int k = 1; k < kWarpsK; ++k) {
        const float4 t = *(const float4*)(at + k * kM * kPartPitch + e);
        s.x += t.x, s.y += t.y, s.z += t.z, s.w += t.w;
      }
      v[e] = s.x, v[e + 1] = s.y, v[e + 2] = s.z, v[e + 3] = s.w;
    }
  };
  const auto store = [&](int f, const float* v) {
    const int i = item(f), m = m0 + i / (kN / 8), n = n0 + i % (kN / 8) * 8;
    const Vector<T, 8> r = kResidual ? (kEarlyResidual ? added[kEarlyResidual ? f : 0] : residual_of(f)) : Vector<T, 8>();
    Vector<T, 8> out;
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      const float made = finish(v[e], bias[n + e], kResidual ? to_float(r.v[e]) : 0.0f);
      out.v[e] = from_float<T>(kTrueOutChannels % 8 == 0 || n + e < kTrueOutChannels ? made : 0.0f);
    }
    *(Vector<T, 8>*)(y + (size_t)m * kOutPitch + n) = out;
  };
  if (kCluster == 1) {
#pragma unroll
    for (int f = 0; f < kFinishes; ++f) {
      if (!is_mine(f)) continue;
      float v[8];
      part_of(item(f), v);
      store(f, v);
    }
    return;
  }
  // Each block pushes its share of every item to the item's owner.
  float* const received = (float*)(memory + kReceivedAt);
  cluster_wait();  // all blocks of the cluster run
  for (int i = tid; i < kItems; i += kThreads) {
    if (m0 + i / (kN / 8) >= kPixels) continue;
    float v[8];
    part_of(i, v);
    const int owner = i / kOwn;
    const unsigned to = remote_address(shared_address(received + (rank * kOwn + i - owner * kOwn) * 8), owner);
    store_remote(to, make_float4(v[0], v[1], v[2], v[3]));
    store_remote(to + 16, make_float4(v[4], v[5], v[6], v[7]));
  }
  cluster_arrive();
  cluster_wait();
#pragma unroll
  for (int f = 0; f < kFinishes; ++f) {
    if (!is_mine(f)) continue;
    float v[8] = {};
#pragma unroll
    for (int k = 0; k < kCluster; ++k)
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] += received[(k * kOwn + tid + f * kThreads) * 8 + e];
    store(f, v);
  }
}
)";

// A tile and how it is shared. `group` chunks are loaded at once, `stages` such steps are in shared memory.
struct Tile {
  int m, n, warps_m, warps_n, warps_k, cluster, group, stages;

  std::string text() const {
    char made[96];
    std::snprintf(made, sizeof(made), "%dx%d warps %dx%dx%d cluster %d group %d stages %d", m, n, warps_m, warps_n,
                  warps_k, cluster, group, stages);
    return made;
  }
  static bool parse(const std::string& text, Tile& t) {
    return std::sscanf(text.c_str(), "%dx%d warps %dx%dx%d cluster %d group %d stages %d", &t.m, &t.n, &t.warps_m,
                       &t.warps_n, &t.warps_k, &t.cluster, &t.group, &t.stages) == 8;
  }
  int64_t steps(const Conv& c) const {
    const int64_t chunks = (c.chunks() + cluster - 1) / cluster;
    return (chunks + group - 1) / group;
  }
  bool once(const Conv& c) const { return steps(c) <= stages; }
  int64_t received_bytes() const {
    const int64_t items = m * n / 8, own = (items + cluster - 1) / cluster;
    return cluster > 1 ? own * cluster * 32 : 0;
  }
  int64_t ring_at() const { return (128 + received_bytes() + 1023) / 1024 * 1024; }
  int64_t shared_bytes() const {
    const int64_t ring = int64_t{stages} * group * (m + n) * 128, parts = int64_t{warps_k} * m * (n + 4) * 4;
    return ring_at() + std::max(ring, parts);
  }
  int64_t blocks(const Conv& c) const { return int64_t{tiles(c.pixels(), m)} * tiles(c.out_channels, n) * cluster; }
  bool fits(const Conv& c, const Device& device) const {
    return shared_bytes() <= static_cast<int64_t>(device.shared_bytes) && (cluster == 1 || device.major >= 9) &&
           c.chunks() >= cluster && tiles(c.pixels(), m) <= 65535;
  }
};

constexpr struct {
  int m, n, warps_m, warps_n, warps_k;
} kShapes[] = {
    {16, 32, 1, 2, 2},   {16, 64, 1, 2, 2},  {16, 64, 1, 4, 1},  {16, 128, 1, 4, 1},  {32, 32, 1, 1, 4},
    {32, 32, 1, 2, 2},   {32, 32, 2, 2, 1},  {32, 64, 1, 2, 2},  {32, 64, 1, 2, 4},   {32, 64, 2, 2, 1},
    {64, 16, 2, 1, 2},   {64, 16, 4, 1, 1},  {64, 32, 2, 1, 2},  {64, 32, 2, 1, 4},   {64, 32, 2, 2, 1},
    {64, 64, 2, 2, 1},   {64, 64, 2, 2, 2},  {112, 64, 1, 2, 2}, {112, 32, 1, 2, 2},  {128, 32, 4, 1, 1},
    {128, 32, 4, 1, 2},  {128, 64, 4, 2, 1}, {64, 128, 2, 4, 1}, {128, 128, 4, 2, 1}, {256, 64, 4, 2, 1},
    {128, 256, 2, 4, 1}, {128, 16, 4, 1, 1},
};

double estimate_tile(const Conv& c, const Tile& t, const Device& device) {
  // Cycles of a block: a start, its loads at a share of L2's speed, its products at a share of the tensor cores' speed,
  // the sums of a cluster. Blocks run in waves, as many beside each other as shared memory lets.
  const double warps = t.warps_m * t.warps_n * t.warps_k;
  const double depth = static_cast<double>(t.steps(c) * t.group * kChunk);
  const double bytes = depth * (t.m + t.n) * 2;
  const auto beside =
      std::clamp<int64_t>(static_cast<int64_t>(device.shared_bytes) / std::max<int64_t>(t.shared_bytes(), 1), 1, 4);
  const double blocks = static_cast<double>(t.blocks(c));
  const double per_multiprocessor = std::ceil(blocks / device.multiprocessors);
  const double waves = std::ceil(per_multiprocessor / static_cast<double>(beside));
  const double together = std::min(per_multiprocessor, static_cast<double>(beside));
  const double products = depth * t.m * t.n * 2 / (std::min(4.0, warps * together / 2) * 512) * together;
  const double loads = bytes * together / 45.0;
  const double start = 1800 + (t.cluster > 1 ? 700 + t.cluster * 25 : 0) + (t.warps_k > 1 ? 100 : 0);
  const double overlap =
      t.once(c) && t.steps(c) < 2 ? products + loads : std::max(products, loads) + 0.3 * std::min(products, loads);
  return (waves * overlap + start + (waves - 1) * 500 + t.m * t.n / (warps * 32) * 4.0) / 1.7e9;
}

std::vector<Tile> tiles_for(const Conv& c, const Device& device) {
  std::vector<std::pair<double, Tile>> all;
  for (const auto& shape : kShapes) {
    if (shape.n > 16 && shape.n >= 2 * c.out_channels) continue;
    if (shape.m > 16 && shape.m >= 2 * c.pixels()) continue;
    for (const int cluster : {1, 2, 4, 8}) {
      Tile t{shape.m, shape.n, shape.warps_m, shape.warps_n, shape.warps_k, cluster, 1, 1};
      if (cluster > 1 && t.blocks(c) > 3 * device.multiprocessors) continue;
      const int64_t chunks = (c.chunks() + cluster - 1) / cluster;
      if (chunks < 1 || (cluster > 1 && chunks * 2 < t.warps_k)) continue;
      // Everything at once where it fits, in up to four steps; a ring otherwise.
      t.group = static_cast<int>((chunks + 3) / 4);
      t.stages = static_cast<int>((chunks + t.group - 1) / t.group);
      if (t.stages == 1) t.stages = 2;
      if (t.fits(c, device) && t.shared_bytes() <= 200 << 10) all.emplace_back(estimate_tile(c, t, device), t);
      for (const auto& [group, stages] : {std::pair{1, 4}, {2, 3}, {1, 6}}) {
        t.group = group, t.stages = stages;
        if (t.steps(c) > stages && t.fits(c, device)) all.emplace_back(estimate_tile(c, t, device), t);
      }
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  constexpr size_t kMost = 48;
  std::vector<Tile> best;
  for (size_t i = 0; i < all.size() && i < kMost; ++i) best.push_back(all[i].second);
  return best;
}

std::vector<std::string> configurations(const Problem& p, const Device& device) {
  Conv c;
  std::vector<std::string> texts;
  if (!conv_of(p, c)) return texts;
  for (const Tile& t : tiles_for(c, device)) texts.push_back(t.text());
  return texts;
}

Verdict supports(const Problem& p, const Device& device) {
  Conv c;
  if (Verdict verdict = conv_of(p, c); !verdict) return verdict;
  if (tiles_for(c, device).empty()) return no("no tile fits");
  return yes();
}

double estimate(const Problem& p, const std::string& configuration, const Device& device) {
  Conv c;
  Tile t{};
  if (!conv_of(p, c) || !Tile::parse(configuration, t)) return 1;
  return std::max(estimate_tile(c, t, device), roofline_seconds(0, cpu::bytes_of(p), 1, device));
}

Result<Tile> tile_of(const Problem& p, const Conv& c, const std::string& configuration, const Device& device) {
  Tile t{};
  if (!Tile::parse(configuration, t) || t.m < 16 || t.n < 16 || t.group < 1 || t.stages < 1 || !t.fits(c, device))
    return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
  return t;
}

// Weights as [N / n][chunks][n][64], sums in the order tap, channel; the 16-byte pieces of row r are exchanged by r & 7
// so that neither copies nor ldmatrix meet bank conflicts. Then the bias in f32.
Result<std::vector<Tensor>> prepare(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const Conv c, job_of(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration, device));
  const Tensor& w = *p.inputs[1].constant;
  const int64_t blocks_n = tiles(c.out_channels, t.n), chunks = c.chunks();
  VIVACE_ASSIGN(Tensor packed, Tensor::allocate(w.type(), {blocks_n, chunks, t.n, kChunk}));
  const auto* from = w.as<const uint16_t>();
  auto* to = packed.as<uint16_t>();
  std::fill_n(to, packed.count(), uint16_t{0});
  const int64_t channels = p.inputs[1].shape[1], taps = c.kernel_h * c.kernel_w;
  for (int64_t n = 0; n < c.true_out_channels; ++n) {
    const int64_t row = n % t.n;
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t ch = 0; ch < channels; ++ch) {
        const int64_t k = tap * c.in_channels + ch, piece = (k % kChunk / 8) ^ (row & 7);
        to[((n / t.n * chunks + k / kChunk) * t.n + row) * kChunk + piece * 8 + k % 8] =
            from[(n * channels + ch) * taps + tap];
      }
  }
  VIVACE_ASSIGN(Tensor bias, bias_in_f32(p, 2, blocks_n * t.n));
  return std::vector<Tensor>{std::move(packed), std::move(bias)};
}

Result<Job> generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const Conv c, job_of(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration, device));
  Launch launch;
  launch.name = "conv";
  launch.waits = true;
  launch.cluster = static_cast<unsigned>(t.cluster);
  launch.grid[0] = tiles(c.out_channels, t.n) * launch.cluster;
  launch.grid[1] = tiles(c.pixels(), t.m);
  launch.block = static_cast<unsigned>(32 * t.warps_m * t.warps_n * t.warps_k);
  launch.shared_bytes = static_cast<unsigned>(t.shared_bytes());
  launch.arguments = {input(0), packed(0), packed(1), input(p.has(3) ? 3 : 0), output()};
  Source s;
  s.add(prelude());
  s.add(std::string("using T = ") + type_name(p.outputs[0].type) + ";\n");
  s.constant("kBatch", c.batch).constant("kInChannels", c.in_channels).constant("kOutChannels", c.out_channels);
  s.constant("kTrueOutChannels", c.true_out_channels).constant("kInH", c.in_h).constant("kInW", c.in_w);
  s.constant("kOutH", c.out_h).constant("kOutW", c.out_w).constant("kKernelH", c.kernel_h);
  s.constant("kKernelW", c.kernel_w).constant("kStrideH", c.stride_h).constant("kStrideW", c.stride_w);
  s.constant("kDilationH", c.dilation_h).constant("kDilationW", c.dilation_w).constant("kPadH", c.pad_h);
  s.constant("kPadW", c.pad_w).constant("kInPitch", c.in_pitch).constant("kOutPitch", c.out_pitch);
  s.constant("kResidual", p.has(3)).constant("kResidualPitch", c.residual_pitch);
  s.constant("kM", t.m).constant("kN", t.n).constant("kWarpsM", t.warps_m).constant("kWarpsN", t.warps_n);
  s.constant("kWarpsK", t.warps_k).constant("kCluster", t.cluster).constant("kGroup", t.group);
  s.constant("kStages", t.stages).constant("kOnce", t.once(c)).constant("kAhead", t.once(c) ? t.stages : t.stages - 1);
  s.constant("kReceivedAt", 128).constant("kRingAt", t.ring_at());
  s.add(mma_functions()).add(finish_function(p.attributes())).add(kKernel);
  launch.source = s.text();
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic conv_mma_tactic{
    .name = "cuda_conv_mma",
    .version = 1,
    .operators = {"Conv", "vivace.FusedConv"},
    .supports = supports,
    .configurations = configurations,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
