// Squeeze and excitation (Hu et al. 2018) of channels-last images in f16 and bf16 in one kernel: the mean of the
// pixels, two small layers, and the image times what they give.
//
// The blocks of a cluster share an image, each has a part of its channels and of its pixels and keeps it in registers
// from the mean to the product. The layers run on tensor cores, their weights coming into registers before the image is
// there; a mean is given as what its type holds of it and the rest, in two columns of one operand, so that nothing is
// lost by rounding. Each block multiplies the first layer's weights with its own channels and sends the sums to all
// others (distributed shared memory), after which it has all it needs for the gates of its channels.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/cuda/rows/image_conv.h"
#include "backends/cuda/rows/mma.h"
#include "backends/cuda/rows/tile_loads.h"

namespace vivace::cuda {

namespace {

constexpr const char* kKernel = R"(
constexpr int kWarps = kThreads / 32, kCluster = kChannelParts * kPixelParts;
constexpr int kGroups = kSlice / 8, kFilled = (kChannels + 7) / 8;  // of 8 channels: a block's, all
constexpr int kDepth = kSlice / 16, kTiles = (kHidden + 15) / 16, kHiddenFilled = kTiles * 16;
constexpr int kSlots = kChannelParts * kSplit1;
struct Sums { float v[8]; };

__device__ __forceinline__ float value(unsigned bits) { return to_float(T{(unsigned short)bits}); }
__device__ __forceinline__ void add(Sums& sums, uint4 x) {
  const unsigned words[4] = {x.x, x.y, x.z, x.w};
#pragma unroll
  for (int k = 0; k < 4; ++k) sums.v[2 * k] += value(words[k]), sums.v[2 * k + 1] += value(words[k] >> 16);
}
__device__ __forceinline__ uint4 product(uint4 x, const float* gate) {
  const unsigned words[4] = {x.x, x.y, x.z, x.w};
  unsigned y[4];
#pragma unroll
  for (int k = 0; k < 4; ++k) y[k] = pair_of(value(words[k]) * gate[2 * k], value(words[k] >> 16) * gate[2 * k + 1]);
  return make_uint4(y[0], y[1], y[2], y[3]);
}
// A value as two of T: what T holds of it, and the rest.
__device__ __forceinline__ void put(T* to, int count, int i, float value) {
  const T most = from_float<T>(value);
  const float rest = value - to_float(most);
  to[i] = most;
  to[count + i] = from_float<T>(rest == rest ? rest : 0.0f);
}
// 16 rows of a matrix times the vector `from`, 16 of its `count` elements at a time from piece `first` on: sums of rows
// lane / 4 and lane / 4 + 8 in every fourth lane.
template <int n, class Weights>
__device__ __forceinline__ void multiply_rows(float* sums, Weights weights, const T* from, int count, int first, int end) {
  const int lane = threadIdx.x % 32;
  const T* const at = from + lane / 4 * count + lane % 4 * 2;
  float c[4] = {};
#pragma unroll
  for (int k = 0; k < n; ++k) {
    const uint4 w = weights(k);
    const unsigned a[4] = {w.x, w.y, w.z, w.w};
    const bool there = lane < 8 && first + k < end;
    multiply(c, a, there ? *(const unsigned*)(at + (first + k) * 16) : 0,
             there ? *(const unsigned*)(at + (first + k) * 16 + 8) : 0);
  }
  sums[0] = c[0] + c[1];
  sums[1] = c[2] + c[3];
}
__device__ __forceinline__ void sync_cluster() {
  if (kCluster == 1) {
    __syncthreads();
  } else {
    cluster_arrive();
    cluster_wait();
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) squeeze_excite(const T* x, const uint4* __restrict__ weights1,
    const uint4* __restrict__ weights2, const float* __restrict__ bias1, const float* __restrict__ bias2, T* y) {
  extern __shared__ __align__(128) unsigned char shared[];
  float* const sums = (float*)shared;
  float* const parts = sums + kRows * kSlice;
  float* const exchanged = parts + kAdders * kSlice;
  float* const hidden_parts = exchanged + kPixelParts * kSlice;
  float* const gate_parts = hidden_parts + kSlots * kHiddenFilled;
  float* const gates = gate_parts + kSplit2 * kSlice;
  float* const added1 = gates + kSlice;
  float* const added2 = added1 + kHiddenFilled;
  T* const means = (T*)(added2 + kSlice);
  T* const hidden = means + 2 * kSlice;

  const int tid = threadIdx.x, lane = tid % 32, warp = tid / 32;
  const int rank = blockIdx.x % kCluster, image = blockIdx.x / kCluster;
  const int channel_part = rank / kPixelParts, pixel_part = rank % kPixelParts;
  if (kCluster > 1) cluster_arrive();  // that all have begun

  // A warp's task: a tile of 16 rows and a part of the depth.
  const auto task1 = [&](int round) { return (round * kWarps + warp) * kPixelParts + pixel_part; };
  const auto task2 = [&](int round) { return round * kWarps + warp; };
  const auto load1 = [&](int round, int k) {
    const int task = task1(round), at = task % kSplit1 * kPer1 + k;
    return task < kTiles * kSplit1 && at < kDepth
               ? weights1[((channel_part * kTiles + task / kSplit1) * kDepth + at) * 32 + lane]
               : make_uint4(0, 0, 0, 0);
  };
  const auto load2 = [&](int round, int k) {
    const int task = task2(round), at = task % kSplit2 * kPer2 + k;
    return task < kDepth * kSplit2 && at < kTiles
               ? weights2[((channel_part * kDepth + task / kSplit2) * kTiles + at) * 32 + lane]
               : make_uint4(0, 0, 0, 0);
  };
  uint4 ahead1[kAhead1 ? kRounds1 * kPer1 : 1], ahead2[kAhead2 ? kRounds2 * kPer2 : 1];
  if (kAhead1)
#pragma unroll
    for (int i = 0; i < kRounds1 * kPer1; ++i) ahead1[kAhead1 ? i : 0] = load1(i / kPer1, i % kPer1);
  if (kAhead2)
#pragma unroll
    for (int i = 0; i < kRounds2 * kPer2; ++i) ahead2[kAhead2 ? i : 0] = load2(i / kPer2, i % kPer2);
  for (int i = tid; i < kHiddenFilled; i += kThreads) added1[i] = bias1[i];
  for (int i = tid; i < kSlice; i += kThreads) added2[i] = bias2[channel_part * kSlice + i];
  wait();
  allow_next();

  // The sum of the pixels, of 8 channels in each thread.
  const int group = tid % kGroups, row = tid / kGroups, block = channel_part * kGroups + group;
  const int pixel0 = pixel_part * kPart, count = min(kPart, kPixels - pixel0);
  const bool mine = row < kRows && block < kFilled;
  const T* const from = x + ((long long)image * kPixels + pixel0) * kInPitch + block * 8;
  uint4 kept[kKept ? kItems : 1];
  Sums sum = {};
  if (kKept) {
#pragma unroll
    for (int i = 0; i < kItems; ++i) {
      const int pixel = row + i * kRows;
      kept[kKept ? i : 0] =
          mine && pixel < count ? *(const uint4*)(from + (long long)pixel * kInPitch) : make_uint4(0, 0, 0, 0);
    }
#pragma unroll
    for (int i = 0; i < kItems; ++i) add(sum, kept[kKept ? i : 0]);
  } else if (mine) {
#pragma unroll 8
    for (int pixel = row; pixel < count; pixel += kRows) add(sum, *(const uint4*)(from + (long long)pixel * kInPitch));
  }
  if (row < kRows) {
    float* const to = sums + row * kSlice + group * 8;
    *(float4*)to = make_float4(sum.v[0], sum.v[1], sum.v[2], sum.v[3]);
    *(float4*)(to + 4) = make_float4(sum.v[4], sum.v[5], sum.v[6], sum.v[7]);
  }
  __syncthreads();
  for (int i = tid; i < kAdders * kSlice; i += kThreads) {
    float total = 0;
#pragma unroll 8
    for (int r = i / kSlice; r < kRows; r += kAdders) total += sums[r * kSlice + i % kSlice];
    parts[i] = total;
  }
  __syncthreads();
  if (kCluster > 1) cluster_wait();
  if (kPixelParts > 1) {
    for (int i = tid; i < kSlice / 4 * kPixelParts; i += kThreads) {
      const int c = i % (kSlice / 4) * 4, to = i / (kSlice / 4);
      float4 total = *(const float4*)(parts + c);
#pragma unroll
      for (int a = 1; a < kAdders; ++a) {
        const float4 more = *(const float4*)(parts + a * kSlice + c);
        total.x += more.x, total.y += more.y, total.z += more.z, total.w += more.w;
      }
      store_remote(remote_address(shared_address(exchanged + pixel_part * kSlice + c), channel_part * kPixelParts + to),
                   total);
    }
    sync_cluster();
  }
  for (int c = tid; c < kSlice; c += kThreads) {
    const float* const all = kPixelParts > 1 ? exchanged : parts;
    float total = all[c];
#pragma unroll
    for (int a = 1; a < (kPixelParts > 1 ? kPixelParts : kAdders); ++a) total += all[a * kSlice + c];
    put(means, kSlice, c, total / kPixels);
  }
  __syncthreads();

  // The first layer: this block's channels, for everybody.
#pragma unroll
  for (int round = 0; round < kRounds1; ++round) {
    const int task = task1(round);
    if (task >= kTiles * kSplit1) continue;
    float made[2];
    multiply_rows<kPer1>(made, [&](int k) { return kAhead1 ? ahead1[kAhead1 ? round * kPer1 + k : 0] : load1(round, k); },
                         means, kSlice, task % kSplit1 * kPer1, kDepth);
    float* const to = hidden_parts + (channel_part * kSplit1 + task % kSplit1) * kHiddenFilled + task / kSplit1 * 16;
    if (kCluster == 1) {
      if (lane % 4 == 0) to[lane / 4] = made[0], to[lane / 4 + 8] = made[1];
      continue;
    }
    // Four lanes have the 16 sums, four each, and eight times four lanes store them.
    float mine4[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int r = lane % 4 * 4 + j;
      const float low = __shfl_sync(0xffffffffu, made[0], r % 8 * 4), high = __shfl_sync(0xffffffffu, made[1], r % 8 * 4);
      mine4[j] = r < 8 ? low : high;
    }
    for (int at = lane / 4; at < kCluster; at += 8)
      store_remote(remote_address(shared_address(to + lane % 4 * 4), at),
                   make_float4(mine4[0], mine4[1], mine4[2], mine4[3]));
  }
  sync_cluster();
  for (int r = tid; r < kHiddenFilled; r += kThreads) {
    float total = 0;
#pragma unroll 8
    for (int s = 0; s < kSlots; ++s) total += hidden_parts[s * kHiddenFilled + r];
    put(hidden, kHiddenFilled, r, r < kHidden ? squeezed::finish(total, added1[r], 0.0f) : 0.0f);
  }
  __syncthreads();

  // The second layer: the gates of this block's channels.
#pragma unroll
  for (int round = 0; round < kRounds2; ++round) {
    const int task = task2(round);
    if (task >= kDepth * kSplit2) continue;
    float made[2];
    multiply_rows<kPer2>(made, [&](int k) { return kAhead2 ? ahead2[kAhead2 ? round * kPer2 + k : 0] : load2(round, k); },
                         hidden, kHiddenFilled, task % kSplit2 * kPer2, kTiles);
    float* const to = gate_parts + task % kSplit2 * kSlice + task / kSplit2 * 16;
    if (lane % 4 == 0) to[lane / 4] = made[0], to[lane / 4 + 8] = made[1];
  }
  __syncthreads();
  for (int c = tid; c < kSlice; c += kThreads) {
    float total = gate_parts[c];
#pragma unroll
    for (int s = 1; s < kSplit2; ++s) total += gate_parts[s * kSlice + c];
    gates[c] = excited::finish(total, added2[c], 0.0f);
  }
  __syncthreads();
  if (!mine) return;
  float gate[8];
#pragma unroll
  for (int k = 0; k < 8; ++k) gate[k] = gates[group * 8 + k];
  T* const to = y + ((long long)image * kPixels + pixel0) * kOutPitch + block * 8;
  if (kKept) {
#pragma unroll
    for (int i = 0; i < kItems; ++i) {
      const int pixel = row + i * kRows;
      if (pixel < count) *(uint4*)(to + (long long)pixel * kOutPitch) = product(kept[kKept ? i : 0], gate);
    }
  } else {
#pragma unroll 8
    for (int pixel = row; pixel < count; pixel += kRows)
      *(uint4*)(to + (long long)pixel * kOutPitch) =
          product(*(const uint4*)(from + (long long)pixel * kInPitch), gate);
  }
}
)";

struct Excite {
  DType type = DType::f16;
  int64_t batch = 1, channels = 1, hidden = 1, pixels = 1, in_pitch = 0, out_pitch = 0;
};

Verdict excite_of(const Problem& p, Excite& e) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if (y.type != DType::f16 && y.type != DType::bf16) return no("f16 and bf16 only");
  if (!x.channel_block || !y.channel_block || x.type != y.type) return no("channels-last images only");
  for (size_t i = 1; i < p.inputs.size(); ++i)
    if (p.has(i) && !p.inputs[i].constant) return no("constant weights only");
  e = {y.type, x.shape[0], x.shape[1], p.inputs[1].shape[0], x.shape[2] * x.shape[3], x.channel_block, y.channel_block};
  if (elements(x.shape) < 1 || e.hidden < 1) return no("nothing to compute");
  if (e.pixels > INT32_MAX / 2 || e.batch > INT32_MAX / 16) return no("more images or pixels than a grid takes");
  return yes();
}

constexpr int64_t kMostShared = 48 << 10;

// How a cluster's blocks share an image, and their warps the layers.
struct Sharing {
  int channel_parts = 1, pixel_parts = 1, threads = 512;
  // What follows from these.
  int64_t slice = 0, rows = 0, part = 0, items = 0, adders = 1;
  int64_t split1 = 1, per1 = 1, rounds1 = 1, split2 = 1, per2 = 1, rounds2 = 1;
  bool kept = false, ahead1 = false, ahead2 = false;

  Sharing(const Excite& e, int channel_parts, int pixel_parts, int threads)
      : channel_parts(channel_parts), pixel_parts(pixel_parts), threads(threads) {
    const int64_t warps = threads / 32, tiles_of_hidden = tiles(e.hidden, 16);
    slice = int64_t{16} * tiles(tiles(e.channels, 16), channel_parts);
    rows = threads / (slice / 8);
    if (rows < 1) return;
    part = tiles(e.pixels, pixel_parts);
    items = tiles(part, rows);
    adders = std::clamp<int64_t>(threads / slice, 1, rows);
    divide(tiles_of_hidden, slice / 16, warps * pixel_parts, split1, per1, rounds1);
    divide(slice / 16, tiles_of_hidden, warps, split2, per2, rounds2);
    // Registers: most for the image, which would have to come once more, then for weights, which would come late.
    int64_t left = threads > 256 ? 20 : 40;
    const auto take = [&](int64_t pieces) {
      const bool fits = pieces <= left;
      left -= fits ? pieces : 0;
      return fits;
    };
    kept = take(items);
    ahead2 = take(rounds2 * per2);
    ahead1 = take(rounds1 * per1);
  }

  int cluster() const { return channel_parts * pixel_parts; }
  int64_t shared_bytes(const Excite& e) const {
    const int64_t filled = int64_t{16} * tiles(e.hidden, 16);
    const int64_t floats = (rows + adders + pixel_parts + split2 + 2) * slice + (channel_parts * split1 + 1) * filled;
    return floats * 4 + (slice + filled) * 2 * 2;
  }
  // No block without channels or pixels.
  bool fits(const Excite& e) const {
    return channel_parts >= 1 && pixel_parts >= 1 && cluster() <= 8 && (threads == 256 || threads == 512) &&
           rows >= 1 && (channel_parts - 1) * slice < e.channels && pixel_parts <= e.pixels &&
           shared_bytes(e) <= kMostShared;
  }
  std::string text() const {
    return "channels " + std::to_string(channel_parts) + " pixels " + std::to_string(pixel_parts) + " threads " +
           std::to_string(threads);
  }

 private:
  // Tiles of rows and the depth's pieces, shared by `warps`: in so many parts of the depth, of so many pieces.
  static void divide(int64_t rows, int64_t depth, int64_t warps, int64_t& split, int64_t& per, int64_t& rounds) {
    constexpr int64_t kMostParts = 4;
    split = std::clamp<int64_t>(warps / rows, 1, std::min<int64_t>(kMostParts, tiles(depth, 2)));
    per = tiles(depth, split);
    split = tiles(depth, per);
    rounds = tiles(rows * split, warps);
  }
};

double estimate_sharing(const Excite& e, const Sharing& s, const Device& device) {
  constexpr double kClock = 1.7e9, kBytesPerClock = 40;
  const double image = static_cast<double>(s.part * s.slice) * 2;
  const double weights =
      static_cast<double>((s.ahead1 ? 0 : s.rounds1 * s.per1) + (s.ahead2 ? 0 : s.rounds2 * s.per2)) * 16 * s.threads;
  double clocks = 1800 + (image * (s.kept ? 2 : 3) + weights) / kBytesPerClock;
  clocks += s.cluster() == 1 ? 0 : s.pixel_parts == 1 ? 500 : 900;
  clocks += (s.ahead1 ? 0 : 500) + (s.ahead2 ? 0 : 500) + 30.0 * static_cast<double>(s.per1 + s.per2) + s.threads / 4.0;
  const double rounds =
      std::ceil(static_cast<double>(e.batch) * s.cluster() * s.threads / 512 / device.multiprocessors);
  return roofline_seconds(0, 0, 1, device) + clocks * rounds / kClock;
}

std::vector<std::string> configurations(const Problem& p, const Device& device) {
  Excite e;
  if (!excite_of(p, e)) return {};
  std::vector<std::pair<double, std::string>> found;
  const bool clusters = device.major >= 9;
  for (const int most : {8, 4, 2, 1})
    for (const int wanted : {8, 4, 2, 1})
      for (const int threads : {256, 512}) {
        if (wanted > most || (most > 1 && !clusters)) continue;
        // As many parts as the slices that those need.
        const int64_t units = tiles(e.channels, 16);
        const auto channel_parts = static_cast<int>(tiles(units, tiles(units, wanted)));
        const int pixel_parts = static_cast<int>(std::min<int64_t>(most / channel_parts, e.pixels));
        const Sharing s(e, channel_parts, pixel_parts, threads);
        if (s.fits(e)) found.emplace_back(estimate_sharing(e, s, device), s.text());
      }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> texts;
  for (const auto& [seconds, text] : found)
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
  return texts;
}

Verdict supports(const Problem& p, const Device& device) {
  if (const Verdict verdict = supports_job<Excite, excite_of>(p, device); !verdict) return verdict;
  return configurations(p, device).empty() ? no("more channels than a cluster takes") : yes();
}

Result<Sharing> sharing_of(const Problem& p, const Excite& e, const std::string& configuration, const Device& device) {
  if (const std::vector<int> n = numbers_of(configuration, 3); !n.empty() && n[0] <= 8 && n[1] <= 8 && n[2] >= 256) {
    const Sharing s(e, n[0], n[1], n[2]);
    if (s.fits(e) && (s.cluster() == 1 || device.major >= 9)) return s;
  }
  return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
}

double estimate(const Problem& p, const std::string& configuration, const Device& device) {
  Excite e;
  if (!excite_of(p, e)) return 1;
  const Result<Sharing> s = sharing_of(p, e, configuration, device);
  return s.ok() ? estimate_sharing(e, *s, device) : 1;
}

// A matrix in tiles of 16 x 16, each as the 32 lanes of a warp hold it; element(row, column) of it.
template <class Element>
void pack_tiles(uint16_t* to, int64_t tiles_down, int64_t tiles_across, Element element) {
  for (int64_t tile = 0; tile < tiles_down * tiles_across; ++tile)
    for (int64_t lane = 0; lane < 32; ++lane)
      for (int64_t i = 0; i < 8; ++i) {
        const int64_t row = tile / tiles_across * 16 + lane / 4 + i / 2 % 2 * 8;
        const int64_t column = tile % tiles_across * 16 + lane % 4 * 2 + i % 2 + i / 4 * 8;
        to[(tile * 32 + lane) * 8 + i] = element(row, column);
      }
}

Result<std::vector<Tensor>> prepare(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const Excite e, supported<excite_of>(p));
  VIVACE_ASSIGN(const Sharing s, sharing_of(p, e, configuration, device));
  const int64_t down = tiles(e.hidden, 16), across = s.slice / 16, size = down * across * 256;
  VIVACE_ASSIGN(Tensor squeeze, Tensor::allocate(e.type, {s.channel_parts * size}));
  VIVACE_ASSIGN(Tensor excite, Tensor::allocate(e.type, {s.channel_parts * size}));
  const auto* const w1 = p.inputs[1].constant->as<const uint16_t>();
  const auto* const w2 = p.inputs[2].constant->as<const uint16_t>();
  for (int64_t part = 0; part < s.channel_parts; ++part) {
    const auto channel = [&](int64_t i) { return part * s.slice + i; };
    const auto inside = [&](int64_t r, int64_t c) { return r < e.hidden && channel(c) < e.channels; };
    pack_tiles(squeeze.as<uint16_t>() + part * size, down, across,
               [&](int64_t r, int64_t c) -> uint16_t { return inside(r, c) ? w1[r * e.channels + channel(c)] : 0; });
    pack_tiles(excite.as<uint16_t>() + part * size, across, down,
               [&](int64_t c, int64_t r) -> uint16_t { return inside(r, c) ? w2[channel(c) * e.hidden + r] : 0; });
  }
  VIVACE_ASSIGN(Tensor squeeze_bias, bias_in_f32(p, 3, down * 16));
  VIVACE_ASSIGN(Tensor excite_bias, bias_in_f32(p, 4, s.channel_parts * s.slice));
  return std::vector<Tensor>{std::move(squeeze), std::move(excite), std::move(squeeze_bias), std::move(excite_bias)};
}

// finish() of one of the layers, in a namespace of its own.
std::string finish_of(const Problem& p, const std::string& name, const std::string& space, DType type) {
  ir::Attributes attributes;
  attributes["activation"] = p.attributes().text(name, "none");
  for (const char* parameter : {"_alpha", "_beta"})
    attributes[std::string("activation") + parameter] = p.attributes().real(name + parameter);
  return "namespace " + space + " {\n" + finish_function(attributes, type) + "}\n";
}

Result<Job> generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const Excite e, supported<excite_of>(p));
  VIVACE_ASSIGN(const Sharing s, sharing_of(p, e, configuration, device));
  Source source;
  source.add(prelude()).add(std::string("using T = ") + type_name(e.type) + ";\n");
  source.add(mma_functions()).add(tile_functions());
  source.add(finish_of(p, "activation", "squeezed", e.type)).add(finish_of(p, "gate", "excited", DType::f32));
  source.constant("kChannels", e.channels).constant("kHidden", e.hidden).constant("kPixels", e.pixels);
  source.constant("kInPitch", e.in_pitch).constant("kOutPitch", e.out_pitch);
  source.constant("kThreads", s.threads).constant("kChannelParts", s.channel_parts);
  source.constant("kPixelParts", s.pixel_parts).constant("kSlice", s.slice).constant("kRows", s.rows);
  source.constant("kPart", s.part).constant("kItems", s.items).constant("kAdders", s.adders);
  source.constant("kSplit1", s.split1).constant("kPer1", s.per1).constant("kRounds1", s.rounds1);
  source.constant("kSplit2", s.split2).constant("kPer2", s.per2).constant("kRounds2", s.rounds2);
  source.constant("kKept", s.kept).constant("kAhead1", s.ahead1).constant("kAhead2", s.ahead2);
  Launch launch;
  launch.name = "squeeze_excite";
  launch.source = source.add(kKernel).text();
  launch.waits = true;
  launch.block = static_cast<unsigned>(s.threads);
  launch.cluster = static_cast<unsigned>(s.cluster());
  launch.grid[0] = static_cast<unsigned>(e.batch * s.cluster());
  launch.shared_bytes = static_cast<unsigned>(s.shared_bytes(e));
  launch.arguments = {input(0), packed(0), packed(1), packed(2), packed(3), output()};
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic squeeze_excite_tactic{
    .name = "cuda_squeeze_excite",
    .version = 1,
    .operators = {"vivace.SqueezeExcite"},
    .supports = supports,
    .configurations = configurations,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
