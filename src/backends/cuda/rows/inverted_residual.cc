// Inverted residuals (Sandler et al. 2018) of channels-last images in f16 and bf16 in one kernel: a 1x1 convolution to
// many channels, a depthwise one, and a 1x1 convolution to few, of which the first or the last may be missing.
//
// A block makes a tile of output pixels from a slice of the many channels: the input pixels that the tile needs come
// into shared memory, tensor cores make the slice of them, ordinary cores the depthwise part, tensor cores the slice's
// share of the output. The blocks of a cluster have the other slices of the same tile and send their shares to each
// other, so many pixels to each (distributed shared memory). Weights come before the input is there. Without the last
// convolution blocks need nothing of each other.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "backends/cuda/rows/image_conv.h"
#include "backends/cuda/rows/mma.h"
#include "backends/cuda/rows/tile_loads.h"
#include "ops/conv.h"

namespace vivace::cuda {

namespace {

constexpr const char* kKernel = R"(
constexpr int kWarps = kThreads / 32, kCluster = kProject ? kSlices : 1;
constexpr int kPatchH = (kTileH - 1) * kStrideH + kKernelH, kPatchW = (kTileW - 1) * kStrideW + kKernelW;
constexpr int kPatch = kPatchH * kPatchW, kTilesM1 = (kPatch + 15) / 16, kDepth1 = (kInChannels + 15) / 16;
constexpr int kPixels = kTileH * kTileW, kTilesM2 = (kPixels + 15) / 16, kTilesN2 = (kOutChannels + 15) / 16;
constexpr int kTilesN1 = kSlice / 16, kGroups = kSlice / 8, kTaps = kKernelH * kKernelW;
constexpr int kPitch1 = kDepth1 * 32 + 16, kPitch2 = kSlice * 2 + 16;  // bytes
constexpr int kSumPitch = kTilesN2 * 16 + 8, kLocal = (kPixels + kCluster - 1) / kCluster;
constexpr int kDownH = (kOutH + kTileH - 1) / kTileH, kAcross = (kOutW + kTileW - 1) / kTileW;
constexpr int kInFilled = (kInChannels + 7) / 8 * 8, kFilled = (kChannels + 7) / 8 * 8;
constexpr int kOutFilled = (kOutChannels + 7) / 8 * 8;

__device__ __forceinline__ float value(unsigned bits) { return to_float(T{(unsigned short)bits}); }

// A tile of 16 rows and n times 16 columns: rows of the one operand times rows of the other.
template <int n, int kDepth, int kPitch>
__device__ __forceinline__ void multiply_tile(float (*c)[4], unsigned a_rows, unsigned b_rows) {
  const int lane = threadIdx.x % 32;
  const unsigned from_a = a_rows + lane % 16 * kPitch + lane / 16 * 16;
  const unsigned from_b = b_rows + (lane % 8 + lane / 16 * 8) * kPitch + lane / 8 % 2 * 16;
#pragma unroll 4
  for (int d = 0; d < kDepth; ++d) {
    unsigned a[4], b[4];
    load_matrix_4(a, from_a + d * 32);
#pragma unroll
    for (int j = 0; j < n; ++j) {
      load_matrix_4(b, from_b + j * 16 * kPitch + d * 32);
      multiply(c[2 * j], a, b[0], b[1]);
      multiply(c[2 * j + 1], a, b[2], b[3]);
    }
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) inverted_residual(const T* x,
    const unsigned char* __restrict__ weights1, const unsigned char* __restrict__ weights2, const T* residual, T* y) {
  extern __shared__ __align__(128) unsigned char shared[];
  unsigned char* const first = shared;  // of the first two convolutions
  const T* const filter = (const T*)(first + (kExpand ? kSlice * kPitch1 : 0));
  const float* const bias1 = (const float*)(filter + kTaps * kSlice);
  const float* const bias2 = bias1 + kSlice;
  unsigned char* const last = first + kBytes1;
  const float* const bias3 = (const float*)(last + kTilesN2 * 16 * kPitch2);
  unsigned char* const many = last + kBytes2;               // the slice of the input's pixels
  unsigned char* const filtered = many + kTilesM1 * 16 * kPitch2;  // and of the tile's
  unsigned char* const few = filtered + (kProject ? kTilesM2 * 16 * kPitch2 : 0);  // the input
  float* const sums = (float*)(few + (kExpand ? kTilesM1 * 16 * kPitch1 : 0));
  const unsigned barriers = shared_address(shared) + kBarriers;

  const int tid = threadIdx.x, lane = tid % 32, warp = tid / 32;
  const int slice = blockIdx.x % kSlices, tile = blockIdx.x / kSlices;
  const int image = tile / (kDownH * kAcross), oh0 = tile / kAcross % kDownH * kTileH, ow0 = tile % kAcross * kTileW;
  const int ih0 = oh0 * kStrideH - kPadH, iw0 = ow0 * kStrideW - kPadW;
  if (kCluster > 1) cluster_arrive();  // that all have begun
  open_barriers(barriers, 2);
  copy_weights(shared_address(first), weights1 + (long long)slice * kBytes1, kBytes1, barriers);
  if (kProject) copy_weights(shared_address(last), weights2 + (long long)slice * kBytes2, kBytes2, barriers + 8);
  commit_copies();
  wait();
  allow_next();

  constexpr int kPieces = kExpand ? kDepth1 * 2 : kGroups;
  const unsigned to = shared_address(kExpand ? few : many);
  x += (long long)image * kInH * kInW * kInPitch;
#pragma unroll 4
  for (int i = tid; i < kPatch * kPieces; i += kThreads) {
    const int pixel = i / kPieces, piece = i % kPieces, ih = ih0 + pixel / kPatchW, iw = iw0 + pixel % kPatchW;
    const int c = kExpand ? piece * 8 : slice * kSlice + piece * 8;
    const bool inside = (unsigned)ih < (unsigned)kInH && (unsigned)iw < (unsigned)kInW && c < kInFilled;
    copy_16(to + pixel * (kExpand ? kPitch1 : kPitch2) + piece * 16, inside ? x + (ih * kInW + iw) * kInPitch + c : x,
            inside);
  }
  commit_copies();
  wait_barrier(barriers, 0);
  wait_copies<0>();
  __syncthreads();

  if (kExpand) {
#pragma unroll 1
    for (int task = warp; task < kTilesM1 * (kTilesN1 / kN1); task += kWarps) {
      const int m = task % kTilesM1, n = task / kTilesM1 * kN1;
      float c[2 * kN1][4] = {};
      multiply_tile<kN1, kDepth1, kPitch1>(c, shared_address(few) + m * 16 * kPitch1,
                                           shared_address(first) + n * 16 * kPitch1);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int pixel = m * 16 + lane / 4 + h * 8, ih = ih0 + pixel / kPatchW, iw = iw0 + pixel % kPatchW;
        const bool inside = (unsigned)ih < (unsigned)kInH && (unsigned)iw < (unsigned)kInW;
        if (pixel >= kPatch) continue;
#pragma unroll
        for (int j = 0; j < 2 * kN1; ++j) {
          const int column = n * 16 + j * 8 + lane % 4 * 2;
          const float low = expanded::finish(c[j][h * 2], bias1[column], 0.0f);
          const float high = expanded::finish(c[j][h * 2 + 1], bias1[column + 1], 0.0f);
          *(unsigned*)(many + pixel * kPitch2 + column * 2) = inside ? pair_of(low, high) : 0;
        }
      }
    }
    __syncthreads();
  }

  constexpr int kColumns = (kX - 1) * kStrideW + kKernelW, kGroupsW = kTileW / kX;
#pragma unroll 1
  for (int i = tid; i < kTileH * kGroupsW * kGroups; i += kThreads) {
    const int group = i % kGroups, row = i / kGroups / kGroupsW, column = i / kGroups % kGroupsW * kX;
    const unsigned char* const from =
        many + (row * kStrideH * kPatchW + column * kStrideW) * kPitch2 + group * 16;
    float made[kX][8] = {};
#pragma unroll (kTaps <= 9 ? kKernelH : 1)
    for (int kh = 0; kh < kKernelH; ++kh) {
      uint4 line[kColumns];
#pragma unroll
      for (int v = 0; v < kColumns; ++v) line[v] = *(const uint4*)(from + (kh * kPatchW + v) * kPitch2);
#pragma unroll
      for (int kw = 0; kw < kKernelW; ++kw) {
        const uint4 w = *(const uint4*)(filter + (kh * kKernelW + kw) * kSlice + group * 8);
        const unsigned factors[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
        for (int v = 0; v < kX; ++v) {
          const uint4 at = line[v * kStrideW + kw];
          const unsigned words[4] = {at.x, at.y, at.z, at.w};
#pragma unroll
          for (int k = 0; k < 4; ++k) {
            made[v][2 * k] += value(words[k]) * value(factors[k]);
            made[v][2 * k + 1] += value(words[k] >> 16) * value(factors[k] >> 16);
          }
        }
      }
    }
#pragma unroll
    for (int v = 0; v < kX; ++v) {
      const int c = slice * kSlice + group * 8, oh = oh0 + row, ow = ow0 + column + v;
      unsigned words[4];
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const float low = convolved::finish(made[v][2 * k], bias2[group * 8 + 2 * k], 0.0f);
        const float high = convolved::finish(made[v][2 * k + 1], bias2[group * 8 + 2 * k + 1], 0.0f);
        words[k] = pair_of(c + 2 * k < kChannels ? low : 0.0f, c + 2 * k + 1 < kChannels ? high : 0.0f);
      }
      const uint4 eight = make_uint4(words[0], words[1], words[2], words[3]);
      if (kProject)
        *(uint4*)(filtered + (row * kTileW + column + v) * kPitch2 + group * 16) = eight;
      else if (c < kFilled && oh < kOutH && ow < kOutW)
        *(uint4*)(y + (((long long)image * kOutH + oh) * kOutW + ow) * kOutPitch + c) = eight;
    }
  }
  if (!kProject) return;
  if (kCluster > 1) cluster_wait();
  wait_barrier(barriers + 8, 0);
  __syncthreads();

#pragma unroll 1
  for (int task = warp; task < kTilesM2 * (kTilesN2 / kN2); task += kWarps) {
    const int m = task % kTilesM2, n = task / kTilesM2 * kN2;
    float c[2 * kN2][4] = {};
    multiply_tile<kN2, kTilesN1, kPitch2>(c, shared_address(filtered) + m * 16 * kPitch2,
                                          shared_address(last) + n * 16 * kPitch2);
    // Two lanes exchange halves, so that each has four columns of one row.
    const bool odd = lane % 2;
    const int pixel = m * 16 + lane / 4 + (odd ? 8 : 0);
#pragma unroll
    for (int j = 0; j < 2 * kN2; ++j) {
      const float a = __shfl_xor_sync(0xffffffffu, odd ? c[j][0] : c[j][2], 1);
      const float b = __shfl_xor_sync(0xffffffffu, odd ? c[j][1] : c[j][3], 1);
      const float4 four = odd ? make_float4(a, b, c[j][2], c[j][3]) : make_float4(c[j][0], c[j][1], a, b);
      if (pixel >= kPixels) continue;
      float* const at = sums + (slice * kLocal + pixel / kCluster) * kSumPitch + n * 16 + j * 8 + lane % 4 / 2 * 4;
      if (kCluster == 1)
        *(float4*)(sums + pixel * kSumPitch + n * 16 + j * 8 + lane % 4 / 2 * 4) = four;
      else
        store_remote(remote_address(shared_address(at), pixel % kCluster), four);
    }
  }
  if (kCluster == 1) {
    __syncthreads();
  } else {
    cluster_arrive();
    cluster_wait();
  }

#pragma unroll 1
  for (int i = tid; i < kLocal * (kOutFilled / 8); i += kThreads) {
    const int local = i / (kOutFilled / 8), c = i % (kOutFilled / 8) * 8, pixel = local * kCluster + slice % kCluster;
    const int oh = oh0 + pixel / kTileW, ow = ow0 + pixel % kTileW;
    if (pixel >= kPixels || oh >= kOutH || ow >= kOutW) continue;
    const long long at = ((long long)image * kOutH + oh) * kOutW + ow;
    const uint4 more = kResidual ? *(const uint4*)(residual + at * kResidualPitch + c) : make_uint4(0, 0, 0, 0);
    const unsigned added[4] = {more.x, more.y, more.z, more.w};
    float total[8] = {};
#pragma unroll
    for (int s = 0; s < kCluster; ++s) {
      const float4* const from = (const float4*)(sums + (s * kLocal + local) * kSumPitch + c);
      const float4 low = from[0], high = from[1];
      total[0] += low.x, total[1] += low.y, total[2] += low.z, total[3] += low.w;
      total[4] += high.x, total[5] += high.y, total[6] += high.z, total[7] += high.w;
    }
    unsigned words[4];
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const float low = projected::finish(total[2 * k], bias3[c + 2 * k], kResidual ? value(added[k]) : 0.0f);
      const float high =
          projected::finish(total[2 * k + 1], bias3[c + 2 * k + 1], kResidual ? value(added[k] >> 16) : 0.0f);
      words[k] = pair_of(c + 2 * k < kOutChannels ? low : 0.0f, c + 2 * k + 1 < kOutChannels ? high : 0.0f);
    }
    *(uint4*)(y + at * kOutPitch + c) = make_uint4(words[0], words[1], words[2], words[3]);
  }
}
)";

// Inputs of the operator.
enum Input : size_t { kImage, kFilter, kExpander, kProjector, kFilterBias, kExpanderBias, kProjectorBias, kAddend };

struct Inverted {
  DType type = DType::f16;
  bool expand = false, project = false, residual = false;
  int64_t batch = 1, in_channels = 1, channels = 1, out_channels = 1, in_h = 1, in_w = 1, out_h = 1, out_w = 1;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0;
  int64_t in_pitch = 0, out_pitch = 0, residual_pitch = 0;

  int64_t taps() const { return kernel_h * kernel_w; }
};

Verdict inverted_of(const Problem& p, Inverted& v) {
  const TensorInfo &x = p.inputs[kImage], &y = p.outputs[0];
  if (y.type != DType::f16 && y.type != DType::bf16) return no("f16 and bf16 only");
  if (!x.channel_block || !y.channel_block || x.type != y.type) return no("channels-last images only");
  for (size_t i = kFilter; i < kAddend; ++i)
    if (p.has(i) && !p.inputs[i].constant) return no("constant weights only");
  v.type = y.type;
  v.expand = p.has(kExpander), v.project = p.has(kProjector), v.residual = p.has(kAddend);
  if (v.residual && !p.inputs[kAddend].channel_block) return no("a residual in another layout");
  const ir::Attributes part = ops::attributes_of_part(p.attributes(), "depthwise_");
  const auto pair = [&](const char* name, int64_t otherwise) {
    const std::vector<int64_t> list = part.integers(name);
    return list.size() < 2 ? std::vector<int64_t>(4, otherwise) : list;
  };
  const Shape& w = p.inputs[kFilter].shape;
  v.batch = x.shape[0], v.in_channels = x.shape[1], v.channels = w[0], v.out_channels = y.shape[1];
  v.in_h = x.shape[2], v.in_w = x.shape[3], v.out_h = y.shape[2], v.out_w = y.shape[3];
  v.kernel_h = w[2], v.kernel_w = w[3];
  v.stride_h = pair("strides", 1)[0], v.stride_w = pair("strides", 1)[1];
  v.pad_h = pair("pads", 0)[0], v.pad_w = pair("pads", 0)[1];
  v.in_pitch = x.channel_block, v.out_pitch = y.channel_block;
  v.residual_pitch = v.residual ? p.inputs[kAddend].channel_block : 0;
  if (elements(x.shape) < 1 || elements(y.shape) < 1) return no("nothing to compute");
  if (v.in_h * v.in_w * v.in_pitch > INT32_MAX || v.batch * v.out_h * v.out_w > INT32_MAX / 16)
    return no("more pixels than a grid takes");
  return yes();
}

// A block's tile of output pixels; how many slices the many channels are in.
struct Tiling {
  int tile_h = 1, tile_w = 1, slices = 1, threads = 256;

  int64_t slice(const Inverted& v) const { return int64_t{16} * tiles(tiles(v.channels, 16), slices); }
  int64_t patch(const Inverted& v) const {
    return ((tile_h - 1) * v.stride_h + v.kernel_h) * ((tile_w - 1) * v.stride_w + v.kernel_w);
  }
  int64_t pixels() const { return int64_t{tile_h} * tile_w; }
  int64_t pitch1(const Inverted& v) const { return int64_t{32} * tiles(v.in_channels, 16) + 16; }
  int64_t pitch2(const Inverted& v) const { return slice(v) * 2 + 16; }
  int64_t blocks(const Inverted& v) const { return v.batch * tiles(v.out_h, tile_h) * tiles(v.out_w, tile_w) * slices; }
  int cluster(const Inverted& v) const { return v.project ? slices : 1; }
  // Weights of a slice as they lie in shared memory: of the first two convolutions, of the last.
  int64_t bytes1(const Inverted& v) const {
    return (v.expand ? slice(v) * pitch1(v) : 0) + v.taps() * slice(v) * 2 + slice(v) * 2 * 4;
  }
  int64_t bytes2(const Inverted& v) const {
    return v.project ? int64_t{16} * tiles(v.out_channels, 16) * (pitch2(v) + 4) : 0;
  }
  int64_t barriers(const Inverted& v) const {
    const int64_t rows1 = int64_t{16} * tiles(patch(v), 16), rows2 = int64_t{16} * tiles(pixels(), 16);
    const int64_t sums = (int64_t{16} * tiles(v.out_channels, 16) + 8) * 4 * tiles(pixels(), cluster(v)) * cluster(v);
    return bytes1(v) + bytes2(v) + rows1 * pitch2(v) + (v.expand ? rows1 * pitch1(v) : 0) +
           (v.project ? rows2 * pitch2(v) + sums : 0);
  }
  int64_t shared_bytes(const Inverted& v) const { return barriers(v) + 16; }
  bool fits(const Inverted& v, const Device& device) const {
    return tile_h >= 1 && tile_w >= 1 && pixels() <= 1024 && slices >= 1 &&
           (slices == 1 || !v.project || slices <= 8) && (threads == 128 || threads == 256 || threads == 512) &&
           (slices - 1) * slice(v) < v.channels && (cluster(v) == 1 || device.major >= 9) &&
           shared_bytes(v) <= static_cast<int64_t>(device.shared_bytes);
  }
  // Pixels side by side of a thread; tiles of 16 columns of a warp at a time.
  int x() const { return tile_w % 4 == 0 ? 4 : tile_w % 2 == 0 ? 2 : 1; }
  int columns(int64_t tiles_down, int64_t tiles_across) const {
    for (const int n : {4, 3, 2})
      if (tiles_across % n == 0 && tiles_down * (tiles_across / n) >= threads / 32) return n;
    return 1;
  }
  std::string text() const {
    return "tile " + std::to_string(tile_h) + "x" + std::to_string(tile_w) + " slices " + std::to_string(slices) +
           " threads " + std::to_string(threads);
  }
};

// Clocks of a block's steps; blocks beside each other on a multiprocessor share it.
double estimate_tiling(const Inverted& v, const Tiling& t, const Device& device) {
  constexpr double kClock = 1.7e9;
  const auto n = [](int64_t count) { return static_cast<double>(count); };
  const double slice = n(t.slice(v)), patch = n(t.patch(v)), pixels = n(t.pixels());
  const double in = v.expand ? n(v.in_channels) : slice;
  double work = patch * in * 2 / 24 + n(t.bytes1(v) + t.bytes2(v)) / 60;
  if (v.expand) work += patch * slice * (in / 400 + 0.15);
  work += pixels * slice * n(v.taps()) / 24;
  if (v.project) work += pixels * n(v.out_channels) * (slice / 400 + 0.3 * t.cluster(v) / 8);
  const double alone = 2500 + (v.expand ? 300 : 0) + (v.project ? 500 : 0) + (t.cluster(v) > 1 ? 700 : 0);
  const double beside = std::clamp(std::floor(n(static_cast<int64_t>(device.shared_bytes)) / n(t.shared_bytes(v))), 1.0,
                                   2048.0 / t.threads / 2);
  const double each = std::ceil(n(t.blocks(v)) / device.multiprocessors);
  const double rounds = std::ceil(each / beside), lanes = std::min(1.0, std::min(each, beside) * t.threads / 512.0);
  return roofline_seconds(0, 0, 1, device) + (rounds * alone + each * work / lanes) / kClock;
}

// The best, and the best of each number of slices with small and with large tiles: these differ most.
constexpr int64_t kLargeTile = 28;
constexpr size_t kMostOfAny = 12;
std::vector<std::string> configurations(const Problem& p, const Device& device) {
  Inverted v;
  if (!inverted_of(p, v)) return {};
  std::vector<std::pair<double, Tiling>> found;
  for (const int h : {1, 2, 4, 7, 8, 14})
    for (const int w : {1, 4, 7, 8, 14, 16})
      for (const int wanted : {1, 2, 4, 8, 16, 32})
        for (const int threads : {128, 256}) {
          Tiling t{h, w, wanted, threads};
          t.slices = static_cast<int>(tiles(tiles(v.channels, 16), tiles(tiles(v.channels, 16), wanted)));
          if ((h > 1 && h >= v.out_h + 4) || (w > 1 && w >= v.out_w + 4)) continue;
          if (t.fits(v, device)) found.emplace_back(estimate_tiling(v, t, device), t);
        }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::set<std::pair<int, bool>> kinds;
  std::set<std::string> seen;
  std::vector<std::string> texts;
  for (const auto& [seconds, t] : found) {
    if (!seen.insert(t.text()).second) continue;
    if (kinds.emplace(t.slices, t.pixels() >= kLargeTile).second || seen.size() <= kMostOfAny)
      texts.push_back(t.text());
  }
  return texts;
}

Verdict supports(const Problem& p, const Device& device) {
  if (const Verdict verdict = supports_job<Inverted, inverted_of>(p, device); !verdict) return verdict;
  return configurations(p, device).empty() ? no("more channels than shared memory takes") : yes();
}

Result<Tiling> tiling_of(const Problem& p, const Inverted& v, const std::string& configuration, const Device& device) {
  if (const std::vector<int> n = numbers_of(configuration, 4); !n.empty()) {
    const Tiling t{n[0], n[1], n[2], n[3]};
    if (t.fits(v, device)) return t;
  }
  return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
}

double estimate(const Problem& p, const std::string& configuration, const Device& device) {
  Inverted v;
  if (!inverted_of(p, v)) return 1;
  const Result<Tiling> t = tiling_of(p, v, configuration, device);
  return t.ok() ? estimate_tiling(v, *t, device) : 1;
}

Result<std::vector<Tensor>> prepare(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const Inverted v, supported<inverted_of>(p));
  VIVACE_ASSIGN(const Tiling t, tiling_of(p, v, configuration, device));
  const int64_t slice = t.slice(v), filled = slice * t.slices, out_filled = int64_t{16} * tiles(v.out_channels, 16);
  const auto weights = [&](size_t i) { return p.inputs[i].constant->as<const uint16_t>(); };
  VIVACE_ASSIGN(Tensor first, Tensor::allocate(DType::u8, {t.slices * t.bytes1(v)}));
  VIVACE_ASSIGN(Tensor last, Tensor::allocate(DType::u8, {std::max<int64_t>(16, t.slices * t.bytes2(v))}));
  std::memset(first.data(), 0, first.bytes());
  std::memset(last.data(), 0, last.bytes());
  VIVACE_ASSIGN(const Tensor bias1, bias_in_f32(p, kExpanderBias, filled));
  VIVACE_ASSIGN(const Tensor bias2, bias_in_f32(p, kFilterBias, filled));
  VIVACE_ASSIGN(const Tensor bias3, bias_in_f32(p, kProjectorBias, out_filled));
  for (int64_t s = 0; s < t.slices; ++s) {
    const int64_t begin = s * slice, count = std::clamp<int64_t>(v.channels - begin, 0, slice);
    auto* to = first.as<uint8_t>() + s * t.bytes1(v);
    if (v.expand) {
      for (int64_t c = 0; c < count; ++c)
        std::memcpy(to + c * t.pitch1(v), weights(kExpander) + (begin + c) * v.in_channels,
                    static_cast<size_t>(v.in_channels) * 2);
      to += slice * t.pitch1(v);
    }
    auto* const filter = reinterpret_cast<uint16_t*>(to);
    for (int64_t c = 0; c < count; ++c)
      for (int64_t tap = 0; tap < v.taps(); ++tap)
        filter[tap * slice + c] = weights(kFilter)[(begin + c) * v.taps() + tap];
    to += v.taps() * slice * 2;
    std::memcpy(to, bias1.as<const float>() + begin, static_cast<size_t>(slice) * 4);
    std::memcpy(to + slice * 4, bias2.as<const float>() + begin, static_cast<size_t>(slice) * 4);
    if (!v.project) continue;
    auto* const projector = last.as<uint8_t>() + s * t.bytes2(v);
    for (int64_t c = 0; c < v.out_channels && count > 0; ++c)
      std::memcpy(projector + c * t.pitch2(v), weights(kProjector) + c * v.channels + begin,
                  static_cast<size_t>(count) * 2);
    std::memcpy(projector + out_filled * t.pitch2(v), bias3.data(), bias3.bytes());
  }
  return std::vector<Tensor>{std::move(first), std::move(last)};
}

std::string finish_of(const Problem& p, const std::string& prefix, const std::string& space, DType type) {
  return "namespace " + space + " {\n" + finish_function(ops::attributes_of_part(p.attributes(), prefix), type) + "}\n";
}

Result<Job> generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const Inverted v, supported<inverted_of>(p));
  VIVACE_ASSIGN(const Tiling t, tiling_of(p, v, configuration, device));
  Source s;
  s.add(prelude())
      .add(std::string("using T = ") + type_name(v.type) + ";\n")
      .add(mma_functions())
      .add(tile_functions());
  s.add(finish_of(p, "expand_", "expanded", v.type)).add(finish_of(p, "depthwise_", "convolved", v.type));
  s.add(finish_of(p, "project_", "projected", v.type));
  s.constant("kExpand", v.expand).constant("kProject", v.project).constant("kResidual", v.residual);
  s.constant("kInChannels", v.in_channels).constant("kChannels", v.channels).constant("kOutChannels", v.out_channels);
  s.constant("kInH", v.in_h).constant("kInW", v.in_w).constant("kOutH", v.out_h).constant("kOutW", v.out_w);
  s.constant("kKernelH", v.kernel_h).constant("kKernelW", v.kernel_w).constant("kStrideH", v.stride_h);
  s.constant("kStrideW", v.stride_w).constant("kPadH", v.pad_h).constant("kPadW", v.pad_w);
  s.constant("kInPitch", v.in_pitch).constant("kOutPitch", v.out_pitch).constant("kResidualPitch", v.residual_pitch);
  s.constant("kThreads", t.threads).constant("kTileH", t.tile_h).constant("kTileW", t.tile_w);
  s.constant("kSlices", t.slices).constant("kSlice", t.slice(v)).constant("kX", t.x());
  s.constant("kN1", t.columns(tiles(t.patch(v), 16), t.slice(v) / 16));
  s.constant("kN2", t.columns(tiles(t.pixels(), 16), tiles(v.out_channels, 16)));
  s.constant("kBytes1", t.bytes1(v)).constant("kBytes2", t.bytes2(v)).constant("kBarriers", t.barriers(v));
  Launch launch;
  launch.name = "inverted_residual";
  launch.source = s.add(kKernel).text();
  launch.waits = true;
  launch.block = static_cast<unsigned>(t.threads);
  launch.cluster = static_cast<unsigned>(t.cluster(v));
  launch.grid[0] = static_cast<unsigned>(t.blocks(v));
  launch.shared_bytes = static_cast<unsigned>(t.shared_bytes(v));
  launch.arguments = {input(0), packed(0), packed(1), input(v.residual ? static_cast<int>(kAddend) : 0), output()};
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic inverted_tactic{
    .name = "cuda_inverted_residual",
    .version = 1,
    .operators = {"vivace.InvertedResidual"},
    .supports = supports,
    .configurations = configurations,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
