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
constexpr int kTaps = kKernelH * kKernelW, kPixels = kBatch * kOutH * kOutW;
#if PATCH
// A step is 64 channels at all taps: the part of the image that a tile of kTileH x kTileW pixels sees is loaded once.
constexpr int kPatchH = (kTileH - 1) * kStrideH + (kKernelH - 1) * kDilationH + 1;
constexpr int kPatchW = (kTileW - 1) * kStrideW + (kKernelW - 1) * kDilationW + 1, kPatch = kPatchH * kPatchW;
constexpr int kTilesH = (kOutH + kTileH - 1) / kTileH, kTilesW = (kOutW + kTileW - 1) / kTileW;
constexpr int kChunks = (kInChannels + 63) / 64;
#else
constexpr int kDepth = kTaps * kInChannels, kChunks = (kDepth + 63) / 64;
#endif
constexpr int kRows = kThreads / 8, kLoads = (kM + kRows - 1) / kRows;
constexpr int kRowsA = kImageRows, kRowsB = PATCH ? kTaps * kN : kN;  // of a chunk
#define PATCH_GROUPS (PATCH && WARP_GROUPS)
constexpr int kStageA = kGroup * kRowsA * 128, kStageB = kGroup * kRowsB * 128, kStage = kStageA + kStageB;
constexpr int kPartPitch = kN + 4;
constexpr int kItems = kM * kN / 8, kOwn = (kItems + kCluster - 1) / kCluster, kFinishes = (kOwn + kThreads - 1) / kThreads;
constexpr bool kPlain = kKernelH * kKernelW == 1 && kPadH == 0 && kPadW == 0;
constexpr bool kEarlyResidual = kResidual && kFinishes <= 4;

extern "C" __global__ void __launch_bounds__(kThreads, kBeside) conv(const T* __restrict__ x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(1024) unsigned char memory[];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
  const int wm = warp % kWarpsM, wn = warp / kWarpsM % kWarpsN, wk = warp / (kWarpsM * kWarpsN);
  const int rank = kCluster > 1 ? blockIdx.x % kCluster : 0, tile_n = blockIdx.x / kCluster;
  const int n0 = tile_n * kN;
#if PATCH
  const int tile_y = blockIdx.y / kTilesW % kTilesH * kTileH, tile_x = blockIdx.y % kTilesW * kTileW;
  const int image = blockIdx.y / (kTilesW * kTilesH);
  // The pixel of the output that is row i of the tile; negative: none.
  const auto pixel_of = [&](int i) {
    const int h = tile_y + i / kTileW, w = tile_x + i % kTileW;
    return i < kTileH * kTileW && h < kOutH && w < kOutW ? (image * kOutH + h) * kOutW + w : -1;
  };
#else
  const int m0 = blockIdx.y * kM;
  const auto pixel_of = [&](int i) { return m0 + i < kPixels ? m0 + i : -1; };
#endif
  const int chunk0 = kChunks * rank / kCluster, chunks = kChunks * (rank + 1) / kCluster - chunk0;
  const int steps = (chunks + kGroup - 1) / kGroup;
  const unsigned base = shared_address(memory), ring = base + kRingAt;
  const T* const weights = w + ((size_t)tile_n * kChunks + chunk0) * kRowsB * 64;

#if PATCH_GROUPS
  // Two patches, each of 64 channels, and a ring of `kStages` taps' weights.
  const auto patch_at = [&](int slice) { return ring + (slice & 1) * kStageA; };
  const auto weights_at = [&](int part) { return ring + 2 * kStageA + part % kStages * kN * 128; };
  const int parts = chunks * kTaps;
  const auto load_weights = [&](int part) {
    copy_weights(weights_at(part), weights + (size_t)part * kN * 64, kN * 128, base + part % kStages * 8);
  };
#else
  const auto load_weights = [&](int step) {
    const int first = step * kGroup, count = min(kGroup, chunks - first);
    copy_weights(ring + step % kStages * kStage + kStageA, weights + (size_t)first * kRowsB * 64, count * kRowsB * 128,
                 base + step % kStages * 8);
  };
#endif
  open_barriers(base, kStages);
  if (kCluster > 1) cluster_arrive();
#pragma unroll 1
  for (int s = 0; s < kAhead && s < (PATCH_GROUPS ? chunks * kTaps : steps); ++s) load_weights(s);
  float* const offsets = (float*)(memory + kBiasAt);
  for (int i = tid; i < kN; i += kThreads) offsets[i] = bias[n0 + i];

  // A thread loads 16-byte piece `piece` of rows tid / 8 + j * kRows.
  const int piece = tid & 7, row0 = tid >> 3;
#if PATCH
  const int top = tile_y * kStrideH - kPadH, left = tile_x * kStrideW - kPadW;
  const auto load_step = [&](int step) {
    const int c = (chunk0 + step) * 64 + piece * 8;
#if PATCH_GROUPS
    const unsigned to = patch_at(step);
#else
    const unsigned to = ring + step % kStages * kStage;
#endif
#pragma unroll 4
    for (int r = row0; r < kPatch; r += kRows) {
      const int h = top + r / kPatchW, v = left + r % kPatchW;
      const bool inside = (kInChannels % 64 == 0 || c < kInChannels) && (unsigned)h < (unsigned)kInH && (unsigned)v < (unsigned)kInW;
      copy_16(to + r * 128 + ((piece ^ (r & 7)) << 4),
              inside ? x + (size_t)((image * kInH + h) * kInW + v) * kInPitch + c : x, inside);
    }
    commit_copies();
  };
#else
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
#pragma unroll 2
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
#endif

  wait();
#if PATCH_GROUPS
  int loaded = 0;
  for (; loaded < 2 && loaded < chunks; ++loaded) load_step(loaded);
#else
#pragma unroll 1
  for (int s = 0; s < kAhead; ++s)
    if (s < steps)
      load_step(s);
    else
      commit_copies();
#endif

  // Pieces of 8 channels that this thread finishes.
  const auto item = [&](int f) { return rank * kOwn + tid + f * kThreads; };
  const auto is_mine = [&](int f) {
    const int i = item(f);
    return tid + f * kThreads < kOwn && i < kItems && pixel_of(i / (kN / 8)) >= 0 && n0 + i % (kN / 8) * 8 < kOutChannels;
  };
  Vector<T, 8> added[kEarlyResidual ? kFinishes : 1];
  const auto residual_of = [&](int f) {
    const int i = item(f);
    return *(const Vector<T, 8>*)(residual + (size_t)pixel_of(i / (kN / 8)) * kResidualPitch + n0 + i % (kN / 8) * 8);
  };
  if (kEarlyResidual)
#pragma unroll
    for (int f = 0; f < kFinishes; ++f)
      if (is_mine(f)) added[f] = residual_of(f);
  allow_next();

  float sums[kI][kJ][4] = {};
  const int a_row = wm * kTileM + (lane & 15), b_row = wn * kTileN + (lane & 7) + (lane >> 4 << 3);
  const int a_piece = lane >> 4, b_piece = lane >> 3 & 1;
#if PATCH
  int patch_row[kI];
#pragma unroll
  for (int i = 0; i < kI; ++i) {
    const int r = a_row + i * 16 < kTileH * kTileW ? a_row + i * 16 : 0;
    patch_row[i] = r / kTileW * kStrideH * kPatchW + r % kTileW * kStrideW;
  }
#endif
#if PATCH_GROUPS
  // Two taps at a time: fragments first, for products wait for one another where loads stand between them.
  unsigned fragments[2][4][4];
  const auto load_fragments = [&](unsigned (*f)[4], int part) {
    const int slice = part / kTaps, tap = part % kTaps;
    const int r = patch_row[0] + tap / kKernelW * kDilationH * kPatchW + tap % kKernelW * kDilationW;
    const unsigned at = patch_at(slice) + r * 128;
#pragma unroll
    for (int q = 0; q < 4; ++q) load_matrix_4(f[q], at + (((q * 2 + a_piece) ^ (r & 7)) << 4));
  };
  const auto multiply_part = [&](unsigned (*f)[4], int part) {
    const unsigned b = weights_at(part);
#pragma unroll
    for (int q = 0; q < 4; ++q) multiply_group(sums[0], f[q], b + q * 32);
  };
  int ready = 0;  // patches that are there
  const auto enter = [&](int part, int last) {
    if (ready == 0 && loaded > 1) {
      wait_copies<1>();
      ready = 1;
    } else if (last / kTaps >= ready) {
      wait_copies<0>();
      ready = loaded;
    }
    wait_barrier(base + part % kStages * 8, part / kStages & 1);
    wait_barrier(base + last % kStages * 8, last / kStages & 1);
    __syncthreads();
    // All warps have left the parts before `part`: others take their places.
    for (int p = part - 2; p < part; ++p)
      if (p >= 0 && p + kStages < parts) load_weights(p + kStages);
    if (loaded < chunks && part / kTaps >= loaded - 1) load_step(loaded++);
  };
  int now = 0;
#pragma unroll 1
  for (; now + 1 < parts; now += 2) {
    enter(now, now + 1);
    load_fragments(fragments[0], now);
    load_fragments(fragments[1], now + 1);
    open_group();
    multiply_part(fragments[0], now);
    multiply_part(fragments[1], now + 1);
    close_group<0>();
  }
  if (now < parts) {
    enter(now, now);
    load_fragments(fragments[0], now);
    open_group();
    multiply_part(fragments[0], now);
    close_group<0>();
  }
#else
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    wait_copies<kAhead - 1>();
#if WARP_GROUPS
    show_to_group();
#endif
    wait_barrier(base + step % kStages * 8, step / kStages & 1);
    __syncthreads();
    if (!kOnce) {
      // Into the place of a step that all warps have left: the one before this, or where products are still under way
      // (warp groups) the one before that.
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
#if PATCH
    const int parts = min(4, (kInChannels - (chunk0 + step) * 64 + 15) / 16), limit = parts * kTaps;
#pragma unroll 4
    for (int q = wk; q < limit; q += kWarpsK) {
      const int tap = q / parts, h = q % parts * 2;
      const int shift = tap / kKernelW * kDilationH * kPatchW + tap % kKernelW * kDilationW;
      unsigned fa[kI][4], fb[kJ][2];
#pragma unroll
      for (int i = 0; i < kI; ++i) {
        const int r = patch_row[i] + shift;
        load_matrix_4(fa[i], a + r * 128 + (((h + a_piece) ^ (r & 7)) << 4));
      }
#pragma unroll
      for (int j = 0; j < kJ; j += 2) {
        const int r = b_row + j * 8;
        load_matrix_4(fb[j], b + (tap * kN + r) * 128 + (((h + b_piece) ^ (r & 7)) << 4));
      }
#pragma unroll
      for (int i = 0; i < kI; ++i)
#pragma unroll
        for (int j = 0; j < kJ; ++j) multiply(sums[i][j], fa[i], fb[j][0], fb[j][1]);
    }
  }
#else
#if !WARP_GROUPS
    const int left_over = (kDepth - (chunk0 + step * kGroup) * 64 + 15) / 16;
    const int limit = min(min(kGroup, chunks - step * kGroup) * 4, left_over);
#endif
#if WARP_GROUPS
    // Whole chunks, of zeros past the end: the same way for all threads, else the products wait for one another.
    const int count = min(kGroup, chunks - step * kGroup);
    open_group();
#pragma unroll 1
    for (int g = 0; g < count; ++g)
#pragma unroll
      for (int q = 0; q < 4 / kWarpsK; ++q) {
        const unsigned at = (wk * (4 / kWarpsK) + q) * 32;
        multiply_group(sums[0], a + (g * kM + wm / 4 * 64) * 128 + at, b + g * kN * 128 + at);
      }
    close_group<kOnce ? 0 : 1>();
#else
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
#endif
  }
#endif
#if WARP_GROUPS
  wait_group<0>();
#endif
#endif
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
    const int i = item(f), m = pixel_of(i / (kN / 8)), n = n0 + i % (kN / 8) * 8;
    const Vector<T, 8> r = kResidual ? (kEarlyResidual ? added[kEarlyResidual ? f : 0] : residual_of(f)) : Vector<T, 8>();
    Vector<T, 8> out;
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      const float made = finish(v[e], offsets[n - n0 + e], kResidual ? to_float(r.v[e]) : 0.0f);
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
    if (pixel_of(i / (kN / 8)) < 0) continue;
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

constexpr int64_t kBiasAt = 128;  // after the barriers of up to 16 stages

// A tile and how it is shared. `group` chunks are loaded at once, `stages` such steps are in shared memory.
struct Tile {
  int m, n, warps_m, warps_n, warps_k, cluster, group, stages;
  bool warp_groups = false;    // products by groups of four warps, from shared memory; Hopper only
  int tile_h = 0, tile_w = 0;  // > 0: the pixels of a tile, at most m, whose part of the image is loaded once

  std::string text() const {
    char made[96];
    std::snprintf(made, sizeof(made), "%dx%d warps %dx%dx%d cluster %d group %d stages %d", m, n, warps_m, warps_n,
                  warps_k, cluster, group, stages);
    std::string all = made;
    if (tile_h) all += " patch " + std::to_string(tile_h) + "x" + std::to_string(tile_w);
    return all + (warp_groups ? " warp groups" : "");
  }
  static bool parse(const std::string& text, Tile& t) {
    t.warp_groups = text.ends_with(" warp groups");
    if (std::sscanf(text.c_str(), "%dx%d warps %dx%dx%d cluster %d group %d stages %d", &t.m, &t.n, &t.warps_m,
                    &t.warps_n, &t.warps_k, &t.cluster, &t.group, &t.stages) != 8)
      return false;
    const size_t at = text.find(" patch ");
    if (at == std::string::npos) return true;
    return std::sscanf(text.c_str() + at, " patch %dx%d", &t.tile_h, &t.tile_w) == 2 && t.tile_h > 0 && t.tile_w > 0 &&
           t.tile_h * t.tile_w <= t.m;
  }
  bool patch() const { return tile_h > 0; }
  int64_t chunks(const Conv& c) const { return patch() ? (c.in_channels + kChunk - 1) / kChunk : c.chunks(); }
  int64_t steps(const Conv& c) const {
    const int64_t share = (chunks(c) + cluster - 1) / cluster;
    return (share + group - 1) / group;
  }
  bool once(const Conv& c) const { return steps(c) <= stages; }
  /// Steps whose loads are under way before the first products.
  int ahead(const Conv& c) const {
    if (patch() && warp_groups) return stages;
    return once(c) ? stages : stages - (warp_groups ? 2 : 1);
  }
  /// Rows of 128 bytes that a chunk has of the image, and of the weights.
  int64_t image_rows(const Conv& c) const {
    if (!patch()) return m;
    const int64_t h = (tile_h - 1) * c.stride_h + (c.kernel_h - 1) * c.dilation_h + 1;
    const int64_t w = (tile_w - 1) * c.stride_w + (c.kernel_w - 1) * c.dilation_w + 1;
    return (h * w + 7) / 8 * 8;
  }
  int64_t weight_rows(const Conv& c) const { return patch() ? c.kernel_h * c.kernel_w * n : n; }
  int64_t received_bytes() const {
    const int64_t items = m * n / 8, own = (items + cluster - 1) / cluster;
    return cluster > 1 ? own * cluster * 32 : 0;
  }
  int64_t received_at() const { return kBiasAt + n * 4; }
  int64_t ring_at() const { return (received_at() + received_bytes() + 1023) / 1024 * 1024; }
  int64_t shared_bytes(const Conv& c) const {
    // By warp groups a patch comes with a ring of single taps.
    const int64_t ring = patch() && warp_groups ? (2 * image_rows(c) + int64_t{stages} * n) * 128
                                                : stages * group * (image_rows(c) + weight_rows(c)) * 128;
    return ring_at() + std::max(ring, int64_t{warps_k} * m * (n + 4) * 4);
  }
  int64_t tiles_m(const Conv& c) const {
    return patch() ? c.batch * tiles(c.out_h, tile_h) * tiles(c.out_w, tile_w) : tiles(c.pixels(), m);
  }
  int64_t blocks(const Conv& c) const { return tiles_m(c) * tiles(c.out_channels, n) * cluster; }
  bool fits(const Conv& c, const Device& device) const {
    return shared_bytes(c) <= static_cast<int64_t>(device.shared_bytes) && (cluster == 1 || device.major >= 9) &&
           (!warp_groups || device.major == 9) && (!patch() || !warp_groups || warps_k == 1) &&
           (!patch() || group == 1) && chunks(c) >= cluster && tiles_m(c) <= 65535 && ahead(c) > 0;
  }
};

constexpr struct {
  int m, n, warps_m, warps_n, warps_k;
  bool warp_groups = false;
} kShapes[] = {
    {16, 16, 1, 1, 4},          {16, 16, 1, 1, 8},         {16, 32, 1, 1, 4},          {16, 32, 1, 2, 2},
    {16, 64, 1, 2, 2},          {16, 64, 1, 2, 4},         {16, 64, 1, 4, 1},          {16, 128, 1, 4, 1},
    {32, 16, 1, 1, 4},          {32, 16, 1, 1, 8},         {32, 32, 1, 1, 4},          {32, 32, 1, 1, 8},
    {32, 32, 1, 2, 2},          {32, 32, 2, 2, 1},         {32, 64, 1, 2, 2},          {32, 64, 1, 2, 4},
    {32, 64, 1, 2, 8},          {32, 64, 2, 2, 1},         {64, 16, 2, 1, 2},          {64, 16, 4, 1, 1},
    {64, 32, 2, 1, 2},          {64, 32, 2, 1, 4},         {64, 32, 2, 1, 8},          {64, 32, 2, 2, 1},
    {64, 64, 2, 2, 1},          {64, 64, 2, 2, 2},         {64, 64, 2, 2, 4},          {112, 32, 1, 2, 2},
    {112, 64, 1, 2, 2},         {112, 64, 1, 4, 2},        {128, 16, 4, 1, 1},         {128, 32, 4, 1, 1},
    {128, 32, 4, 1, 2},         {128, 64, 4, 2, 1},        {64, 128, 2, 4, 1},         {128, 128, 4, 2, 1},
    {256, 64, 4, 2, 1},         {128, 256, 2, 4, 1},       {64, 16, 4, 1, 2, true},    {64, 32, 4, 1, 1, true},
    {64, 32, 4, 1, 2, true},    {64, 32, 4, 1, 4, true},   {64, 64, 4, 1, 1, true},    {64, 64, 4, 1, 2, true},
    {64, 64, 4, 1, 4, true},    {64, 96, 4, 1, 1, true},   {64, 128, 4, 1, 1, true},   {64, 128, 4, 1, 2, true},
    {64, 256, 4, 1, 1, true},   {128, 32, 8, 1, 1, true},  {128, 64, 8, 1, 1, true},   {128, 64, 8, 1, 2, true},
    {128, 96, 8, 1, 1, true},   {128, 128, 8, 1, 1, true}, {128, 192, 8, 1, 1, true},  {128, 256, 8, 1, 1, true},
    {192, 128, 12, 1, 1, true}, {256, 64, 16, 1, 1, true}, {256, 128, 16, 1, 1, true},
};

// Cycles of a block, fitted to 5,485 measured tiles of 25 layers on an H100: the best of a layer is among the first
// sixteen by this estimate within some 5%. A block loads its share at a part of L2's speed, multiplies at the speed of
// its warps or of the multiprocessor's tensor cores, adds up and stores; blocks run in waves, as many beside each other
// as shared memory and threads let.
double estimate_tile(const Conv& c, const Tile& t, const Device& device) {
  constexpr double kImageBytes = 34.5, kWeightBytes = 51.4;  // a cycle, of a multiprocessor
  constexpr double kWarpPart = 8.1, kWarpLoad = 5.5;         // of a product of 16 x 8 x 16, of its operands
  constexpr double kWarps = 1202, kGroups = 2151;            // products a cycle
  constexpr double kGroupStart = 1.2, kGroupColumn = 0.135;
  constexpr double kPatch = 1.5;  // addresses of their rows are worked out
  constexpr double kPatchGroups = 844, kPatchGroupStart = 145, kPatchGroupColumn = 0.87, kPairOfTaps = 60;
  constexpr double kStep = 154, kStore = 5.6, kPart = 4.2, kCluster = 1189, kBlockOfCluster = 40, kPush = 22.4;
  constexpr double kStart = 3112, kWave = 1300, kLoadsAtOnce = 0.62, kLeftOver = 0.23, kClock = 1.755e9;
  const bool by_pairs = t.patch() && t.warp_groups;
  const double warps = t.warps_m * t.warps_n * t.warps_k, threads = warps * 32, tile = t.m * t.n;
  const auto beside =
      static_cast<double>(std::clamp<int64_t>(static_cast<int64_t>(device.shared_bytes) / t.shared_bytes(c), 1,
                                              std::max<int64_t>(1, std::min(16, static_cast<int>(64 / warps)))));
  const double each = std::ceil(static_cast<double>(t.blocks(c)) / device.multiprocessors);
  const double waves = std::ceil(each / beside), together = std::min(each, beside);
  const int64_t of_block = (t.chunks(c) + t.cluster - 1) / t.cluster;
  const auto share = static_cast<double>(of_block);
  const double chunks = share * static_cast<double>(t.patch() ? c.kernel_h * c.kernel_w : 1);  // of products
  const double loads =
      together * share * 128 *
      (static_cast<double>(t.image_rows(c)) / kImageBytes + static_cast<double>(t.weight_rows(c)) / kWeightBytes);
  const double rate = by_pairs ? kPatchGroups : t.warp_groups ? kGroups : kWarps;
  const double all = together * chunks * kChunk * tile / rate;
  const double rows = static_cast<double>(t.m) / t.warps_m / 16, columns = static_cast<double>(t.n) / t.warps_n;
  const double part = by_pairs        ? (kPatchGroupStart + t.n * kPatchGroupColumn) / 4
                      : t.warp_groups ? kGroupStart + t.n * kGroupColumn
                                      : rows * columns / 8 * kWarpPart + (rows + columns / 16) * kWarpLoad;
  const double one = chunks * 4 / t.warps_k * part;
  const double products = std::max(all, one) * (t.patch() && !t.warp_groups ? kPatch : 1);
  const double steps = by_pairs ? chunks / 2 * kPairOfTaps : static_cast<double>(t.steps(c)) * kStep;
  const double sums = tile / threads * (kStore / t.cluster + kPart * t.warps_k);
  const double cluster = t.cluster > 1 ? kCluster + kBlockOfCluster * t.cluster + tile / threads * kPush : 0;
  const double work = t.once(c) && !by_pairs ? loads * kLoadsAtOnce + products
                                             : std::max(loads, products) + kLeftOver * std::min(loads, products);
  return (kStart + waves * (work + steps + sums + cluster) + (waves - 1) * kWave) / kClock;
}

// Shapes of at most m pixels that waste few of the image's and of the tile's.
std::vector<std::pair<int, int>> patches(const Conv& c, int m) {
  std::vector<std::pair<int, int>> all;
  for (const int64_t parts : {1, 2, 3, 4, 5, 6, 7, 8, 14, 16, 28}) {
    const int64_t w = (c.out_w + parts - 1) / parts;
    if (w > m || (parts > 1 && w < 7)) continue;
    const int64_t h = std::min(c.out_h, m / w);
    const auto covered = static_cast<double>(tiles(c.out_h, h) * tiles(c.out_w, w) * int64_t{m});
    if (static_cast<double>(c.out_h * c.out_w) < 0.7 * covered) continue;
    all.emplace_back(static_cast<int>(h), static_cast<int>(w));
  }
  return all;
}

std::vector<Tile> tiles_for(const Conv& c, const Device& device) {
  std::vector<std::pair<double, Tile>> all;
  const auto add = [&](const Tile& t) { all.emplace_back(estimate_tile(c, t, device), t); };
  const bool sees_patches = c.kernel_h * c.kernel_w > 1;
  for (const auto& shape : kShapes) {
    if (shape.n > 16 && shape.n >= 2 * c.out_channels) continue;
    if (shape.m > 16 && shape.m >= 2 * c.pixels()) continue;
    for (const int cluster : {1, 2, 4, 8, 16}) {
      Tile t{shape.m, shape.n, shape.warps_m, shape.warps_n, shape.warps_k, cluster, 1, 1, shape.warp_groups};
      if (cluster > 1 && t.blocks(c) > 3 * device.multiprocessors) continue;
      const int64_t share = (t.chunks(c) + cluster - 1) / cluster;
      if (cluster > 1 && share * 2 < t.warps_k) continue;
      // Everything at once where it fits, in up to four steps; a ring otherwise.
      t.group = static_cast<int>((share + 3) / 4);
      t.stages = std::max(2, static_cast<int>((share + t.group - 1) / t.group));
      if (t.fits(c, device)) add(t);
      for (const auto& [group, stages] : {std::pair{1, 4}, {2, 3}, {1, 6}, {2, 4}}) {
        t.group = group, t.stages = stages;
        if (t.steps(c) > stages && t.fits(c, device)) add(t);
      }
      if (!sees_patches || (shape.warp_groups && shape.warps_k > 1)) continue;
      t.group = 1;
      for (const auto& [h, w] : patches(c, shape.m)) {
        t.tile_h = h, t.tile_w = w;
        for (const int stages : {1, 2, 3, 4, 6, 8}) {
          // As many stages as there are steps, or a ring of fewer; of an even number of taps.
          t.stages = stages;
          if (shape.warp_groups ? stages < 4 || stages % 2 : stages > t.steps(c) || (stages == 1 && t.steps(c) > 1))
            continue;
          if (t.fits(c, device)) add(t);
        }
      }
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  constexpr size_t kMost = 64;
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
  if (!Tile::parse(configuration, t) || t.m < 16 || t.n < 16 || t.group < 1 || t.stages < 1 || t.stages > 16 ||
      !t.fits(c, device))
    return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
  return t;
}

// Weights as [N / n][chunks][n][64], sums in the order tap, channel, or for patches [N / n][chunks][tap][n][64]; the
// 16-byte pieces of row r are exchanged by r & 7 so that neither copies nor ldmatrix meet bank conflicts. Then the bias
// in f32.
Result<std::vector<Tensor>> prepare(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const Conv c, job_of(p));
  VIVACE_ASSIGN(const Tile t, tile_of(p, c, configuration, device));
  const Tensor& w = *p.inputs[1].constant;
  const int64_t blocks_n = tiles(c.out_channels, t.n), chunks = t.chunks(c), rows = t.weight_rows(c);
  VIVACE_ASSIGN(Tensor packed, Tensor::allocate(w.type(), {blocks_n, chunks, rows, kChunk}));
  const auto* from = w.as<const uint16_t>();
  auto* to = packed.as<uint16_t>();
  std::fill_n(to, packed.count(), uint16_t{0});
  const int64_t channels = p.inputs[1].shape[1], taps = c.kernel_h * c.kernel_w;
  for (int64_t n = 0; n < c.true_out_channels; ++n) {
    const int64_t row = n % t.n;
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t ch = 0; ch < channels; ++ch) {
        const int64_t k = t.patch() ? ch : tap * c.in_channels + ch, piece = (k % kChunk / 8) ^ (row & 7);
        const int64_t at = (n / t.n * chunks + k / kChunk) * rows + (t.patch() ? tap * t.n : 0) + row;
        to[at * kChunk + piece * 8 + k % 8] = from[(n * channels + ch) * taps + tap];
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
  launch.grid[1] = static_cast<unsigned>(t.tiles_m(c));
  launch.block = static_cast<unsigned>(32 * t.warps_m * t.warps_n * t.warps_k);
  launch.shared_bytes = static_cast<unsigned>(t.shared_bytes(c));
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
  s.constant("kStages", t.stages).constant("kOnce", t.once(c)).constant("kAhead", t.ahead(c));
  s.constant("kBiasAt", kBiasAt).constant("kReceivedAt", t.received_at()).constant("kRingAt", t.ring_at());
  s.constant("kImageRows", t.image_rows(c));
  // Registers for two blocks beside each other where shared memory has room for them.
  s.constant("kBeside",
             t.shared_bytes(c) * 2 < static_cast<int64_t>(device.shared_bytes) && launch.block <= 512 ? 2 : 1);
  if (t.patch()) s.constant("kTileH", t.tile_h).constant("kTileW", t.tile_w);
  s.add(mma_functions()).add(t.patch() ? "#define PATCH 1\n" : "#define PATCH 0\n");
  s.add(t.warp_groups ? "#define WARP_GROUPS 1\n" + group_functions(t.n, p.outputs[0].type)
                      : "#define WARP_GROUPS 0\n");
  s.add(finish_function(p.attributes())).add(kKernel);
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
