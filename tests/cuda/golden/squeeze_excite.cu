// grid 12 x 1 x 1, block 256, shared 10368, 6 arguments

struct half { unsigned short bits; };
struct bfloat { unsigned short bits; };
template <class T, int n> struct alignas(sizeof(T) * n) Vector { T v[n]; };
__device__ __forceinline__ float to_float(half x) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(x.bits));
  return f;
}
__device__ __forceinline__ float to_float(bfloat x) { return __uint_as_float((unsigned)x.bits << 16); }
template <class T> __device__ __forceinline__ float to_float(T x) { return (float)x; }
template <class T> __device__ __forceinline__ T from_float(float f) { return (T)f; }
template <> __device__ __forceinline__ half from_float<half>(float f) {
  half x;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(x.bits) : "f"(f));
  return x;
}
template <> __device__ __forceinline__ bfloat from_float<bfloat>(float f) {
  bfloat x;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(x.bits) : "f"(f));
  return x;
}
#if __CUDA_ARCH__ >= 900
__device__ __forceinline__ void allow_next() { asm volatile("griddepcontrol.launch_dependents;"); }
__device__ __forceinline__ void wait() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
#else
__device__ __forceinline__ void allow_next() {}
__device__ __forceinline__ void wait() {}
#endif
__device__ __forceinline__ void begin() { wait(); allow_next(); }
using T = half;

__device__ __forceinline__ unsigned shared_address(const void* p) { return (unsigned)__cvta_generic_to_shared(p); }
__device__ __forceinline__ void copy_16(unsigned to, const void* from, bool inside) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(inside ? 16 : 0) : "memory");
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int n> __device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory");
}
__device__ __forceinline__ void load_matrix_4(unsigned* r, unsigned from) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(from) : "memory");
}
__device__ __forceinline__ void multiply_as(half*, float* c, const unsigned* a, unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void multiply_as(bfloat*, float* c, const unsigned* a, unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void multiply(float* c, const unsigned* a, unsigned b0, unsigned b1) {
  multiply_as((T*)nullptr, c, a, b0, b1);
}
#if __CUDA_ARCH__ >= 900
// One barrier of 8 bytes for each stage, from `at` on.
__device__ __forceinline__ void open_barriers(unsigned at, int count) {
  if (threadIdx.x == 0) {
    for (int i = 0; i < count; ++i) asm volatile("mbarrier.init.shared.b64 [%0], 1;" ::"r"(at + i * 8) : "memory");
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
}
__device__ __forceinline__ void copy_weights(unsigned to, const void* from, unsigned bytes, unsigned barrier) {
  if (threadIdx.x) return;
  asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
               ::"r"(to), "l"(from), "r"(bytes), "r"(barrier) : "memory");
}
__device__ __forceinline__ void wait_barrier(unsigned barrier, unsigned phase) {
  asm volatile("{\n.reg .pred p;\nagain: mbarrier.try_wait.parity.shared.b64 p, [%0], %1;\n@!p bra again;\n}"
               ::"r"(barrier), "r"(phase) : "memory");
}
__device__ __forceinline__ void cluster_arrive() { asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory"); }
__device__ __forceinline__ void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }
__device__ __forceinline__ unsigned remote_address(unsigned at, int rank) {
  unsigned made;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(made) : "r"(at), "r"(rank));
  return made;
}
__device__ __forceinline__ void store_remote(unsigned to, float4 v) {
  asm volatile("st.shared::cluster.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(to), "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w)
               : "memory");
}
#else
__device__ __forceinline__ void open_barriers(unsigned, int) {}
// Joins the group of copies that is committed next.
__device__ __forceinline__ void copy_weights(unsigned to, const void* from, unsigned bytes, unsigned) {
  for (unsigned i = threadIdx.x * 16; i < bytes; i += blockDim.x * 16) copy_16(to + i, (const char*)from + i, true);
}
__device__ __forceinline__ void wait_barrier(unsigned, unsigned) {}
__device__ __forceinline__ void cluster_arrive() {}
__device__ __forceinline__ void cluster_wait() {}
__device__ __forceinline__ unsigned remote_address(unsigned at, int) { return at; }
__device__ __forceinline__ void store_remote(unsigned, float4) {}
#endif

__device__ __forceinline__ void load_matrix_4_transposed(unsigned* r, unsigned from) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(from) : "memory");
}
template <int bytes> __device__ __forceinline__ void copy_few(unsigned to, const void* from, bool inside) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(from), "n"(bytes), "r"(inside ? bytes : 0)
               : "memory");
}
__device__ __forceinline__ void store_16(unsigned to, unsigned a, unsigned b, unsigned c, unsigned d) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(a), "r"(b), "r"(c), "r"(d) : "memory");
}
__device__ __forceinline__ unsigned pair_as(half*, float low, float high) {
  unsigned pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ unsigned pair_as(bfloat*, float low, float high) {
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ unsigned pair_of(float low, float high) { return pair_as((T*)nullptr, low, high); }
template <int kVector> __device__ __forceinline__ void copy_elements(unsigned to, const T* from, const T* any, int valid) {
  if (kVector == 8) {
    copy_16(to, valid > 0 ? from : any, valid > 0);
  } else if (kVector == 1) {
    unsigned w[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const unsigned low = valid > 2 * j ? from[2 * j].bits : 0, high = valid > 2 * j + 1 ? from[2 * j + 1].bits : 0;
      w[j] = low | high << 16;
    }
    store_16(to, w[0], w[1], w[2], w[3]);
  } else {
    constexpr int kOnce = kVector == 4 ? 4 : 2;
#pragma unroll
    for (int j = 0; j < 8; j += kOnce) copy_few<kOnce * 2>(to + j * 2, valid > j ? from + j : any, valid > j);
  }
}
namespace squeezed {
__device__ __forceinline__ float activate(float x) { return x != x ? x : fmaxf(x, 0.0f); }
__device__ __forceinline__ float saturate(float x) { return x != x ? x : fminf(fmaxf(x, -65504.0f), 65504.0f); }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return saturate(activate(sum + bias + residual)); }
}
namespace excited {
__device__ __forceinline__ float activate(float x) { return fminf(fmaxf(0x1.99999ap-3f * x + 0x1p-1f, 0.0f), 1.0f); }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return activate(sum + bias + residual); }
}
constexpr int kChannels = 40;
constexpr int kHidden = 10;
constexpr int kPixels = 35;
constexpr int kInPitch = 40;
constexpr int kOutPitch = 40;
constexpr int kThreads = 256;
constexpr int kChannelParts = 2;
constexpr int kPixelParts = 3;
constexpr int kSlice = 32;
constexpr int kRows = 64;
constexpr int kPart = 12;
constexpr int kItems = 1;
constexpr int kAdders = 8;
constexpr int kSplit1 = 1;
constexpr int kPer1 = 2;
constexpr int kRounds1 = 1;
constexpr int kSplit2 = 1;
constexpr int kPer2 = 1;
constexpr int kRounds2 = 1;
constexpr int kKept = 1;
constexpr int kAhead1 = 1;
constexpr int kAhead2 = 1;

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
