// grid 16 x 1 x 1, block 128, shared 18560, 5 arguments

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
using In = float;
constexpr int kBatch = 2;
constexpr int kInChannels = 3;
constexpr int kOutChannels = 20;
constexpr int kInH = 37;
constexpr int kInW = 30;
constexpr int kOutH = 19;
constexpr int kOutW = 15;
constexpr int kKernelH = 7;
constexpr int kKernelW = 7;
constexpr int kStrideH = 2;
constexpr int kStrideW = 2;
constexpr int kDilationH = 1;
constexpr int kDilationW = 1;
constexpr int kPadH = 3;
constexpr int kPadW = 3;
constexpr int kInPitch = 0;
constexpr int kOutPitch = 24;
constexpr int kResidual = 0;
constexpr int kResidualPitch = 0;
constexpr int kTaps = kKernelH * kKernelW;

__device__ __forceinline__ float low(unsigned x) {
  float f;
  asm("{.reg .b16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, l;}" : "=f"(f) : "r"(x));
  return f;
}
__device__ __forceinline__ float high(unsigned x) {
  float f;
  asm("{.reg .b16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, h;}" : "=f"(f) : "r"(x));
  return f;
}
__device__ __forceinline__ unsigned pack(float l, float h) {
  unsigned x;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(x) : "f"(h), "f"(l));
  return x;
}
__device__ __forceinline__ float activate(float x) { return x != x ? x : fmaxf(x, 0.0f); }
__device__ __forceinline__ float saturate(float x) { return x != x ? x : fminf(fmaxf(x, -65504.0f), 65504.0f); }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return saturate(activate(sum + bias + residual)); }

struct alignas(16) Words { unsigned v[4]; };
__device__ __forceinline__ void finish_8(const float* sums, const float* bias, const Words& added, T* y, int pixel, int c) {
  Words out;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    const float l = finish(sums[2 * k], bias[2 * k], kResidual ? low(added.v[k]) : 0.0f);
    const float h = finish(sums[2 * k + 1], bias[2 * k + 1], kResidual ? high(added.v[k]) : 0.0f);
    const bool has_l = kOutChannels % 8 == 0 || c + 2 * k < kOutChannels;
    const bool has_h = kOutChannels % 8 == 0 || c + 2 * k + 1 < kOutChannels;
    out.v[k] = pack(has_l ? l : 0.0f, has_h ? h : 0.0f);
  }
  *(Words*)(y + (size_t)pixel * kOutPitch + c) = out;
}
__device__ __forceinline__ void bias_8(float* to, const float* bias, int block) {
  const float4 l = ((const float4*)bias)[block * 2], h = ((const float4*)bias)[block * 2 + 1];
  to[0] = l.x, to[1] = l.y, to[2] = l.z, to[3] = l.w;
  to[4] = h.x, to[5] = h.y, to[6] = h.z, to[7] = h.w;
}
__device__ __forceinline__ Words residual_8(const T* residual, int pixel, int c) {
  return kResidual ? *(const Words*)(residual + (size_t)pixel * kResidualPitch + c) : Words{};
}
constexpr int kM = 2;
constexpr int kN = 4;
constexpr int kWarpsM = 2;
constexpr int kWarpsN = 1;
constexpr int kWarpsK = 2;
constexpr int kShift = 1;
constexpr int kPairsW = 4;
constexpr int kRowWords = 8;
constexpr int kTileH = 11;
constexpr int kTileW = 5;
constexpr int kPatchH = 27;
constexpr int kWeightBytes = 11264;
constexpr int kBiasAt = 18432;
constexpr int kSlackRows = 0;
constexpr int kPoolH = 10;
constexpr int kPoolW = 8;
constexpr int kPoolKernelH = 3;
constexpr int kPoolKernelW = 3;
constexpr int kPoolStrideH = 2;
constexpr int kPoolStrideW = 2;
constexpr int kPoolPadH = 1;
constexpr int kPoolPadW = 1;
constexpr int kPoolTileH = 5;
constexpr int kPoolTileW = 2;

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

__device__ __forceinline__ void copy_4(unsigned to, const void* from, bool inside) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(inside ? 4 : 0) : "memory");
}

__device__ __forceinline__ unsigned bits_at(const float* x) { return pack(*x, 0.0f) & 0xffffu; }

constexpr int kThreads = 32 * kWarpsM * kWarpsN * kWarpsK, kSlots = 16 * kM * kWarpsM, kTileN = kN * kWarpsN;
constexpr int kOutBlocks = (kOutChannels + 7) / 8, kPairs = kKernelH * kInChannels * kPairsW, kSteps = (kPairs + 7) / 8;
constexpr int kTilesW = (kPoolW + kPoolTileW - 1) / kPoolTileW, kTilesH = (kPoolH + kPoolTileH - 1) / kPoolTileH;
constexpr bool kEach = kStrideW % 2;  // every column begins a word
constexpr int kColumn = kEach ? 1 : 2, kRows = kPatchH * kInChannels, kWords = (kRows + kSlackRows) * kRowWords;
constexpr bool kAligned = !kEach && kInW % 2 == 0 && (kPadW + kShift) % 2 == 0;
constexpr int kTogether = 8;  // loads of a thread that fly at once where they are no copies
constexpr int kUnroll = kWarpsK == 1 && kSteps <= 24 ? kSteps : 8;
extern "C" __global__ void __launch_bounds__(kThreads) conv(const In* x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(128) unsigned char memory[];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, wm = warp % kWarpsM;
  const int wn = warp / kWarpsM % kWarpsN, wk = kWarpsK > 1 ? warp / (kWarpsM * kWarpsN) : 0;
  const int tile = blockIdx.x, n = tile / (kTilesW * kTilesH);
  const int ph = tile / kTilesW % kTilesH * kPoolTileH, pw = tile % kTilesW * kPoolTileW;  // of maxima
  const int oh = ph * kPoolStrideH - kPoolPadH, ow = pw * kPoolStrideW - kPoolPadW;
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
  if (kAligned) {
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
  } else {
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
  // No window of maxima reaches beyond the tile; what lies beside the image is no part of it.
  for (int i = tid; i < kPoolTileH * kPoolTileW * kTileN; i += kThreads) {
    const int j = j0 + i % kTileN, row = i / kTileN / kPoolTileW, column = i / kTileN % kPoolTileW;
    if (j >= kOutBlocks || ph + row >= kPoolH || pw + column >= kPoolW) continue;
    float most[8], added[8];
#pragma unroll
    for (int e = 0; e < 8; ++e) most[e] = -__uint_as_float(0x7f800000u);
#pragma unroll
    for (int at = 0; at < kPoolKernelH * kPoolKernelW; ++at) {
      const int h = row * kPoolStrideH + at / kPoolKernelW, v = column * kPoolStrideW + at % kPoolKernelW;
      if ((unsigned)(oh + h) >= (unsigned)kOutH || (unsigned)(ow + v) >= (unsigned)kOutW) continue;
      const float* const sum = part + (h * kTileW + v) * kSumPitch + i % kTileN * 8;
      float x[8];
      *(float4*)x = *(const float4*)sum;
      *(float4*)(x + 4) = *(const float4*)(sum + 4);
#pragma unroll
      for (int k = 1; k < kWarpsK; ++k)
#pragma unroll
        for (int e = 0; e < 8; ++e) x[e] += sum[k * kSlots * kSumPitch + e];
#pragma unroll
      for (int e = 0; e < 8; ++e) most[e] = x[e] != x[e] || most[e] != most[e] ? x[e] + most[e] : fmaxf(x[e], most[e]);
    }
    *(float4*)added = *(const float4*)(biases + i % kTileN * 8);
    *(float4*)(added + 4) = *(const float4*)(biases + i % kTileN * 8 + 4);
    finish_8(most, added, Words{}, y, (n * kPoolH + ph + row) * kPoolW + pw + column, j * 8);
  }
}
