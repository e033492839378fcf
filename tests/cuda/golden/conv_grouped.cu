// grid 1 x 3 x 1, block 128, shared 5808, 5 arguments

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
using T = bfloat;
using In = bfloat;
constexpr int kBatch = 1;
constexpr int kInChannels = 48;
constexpr int kOutChannels = 48;
constexpr int kInH = 9;
constexpr int kInW = 9;
constexpr int kOutH = 5;
constexpr int kOutW = 5;
constexpr int kKernelH = 3;
constexpr int kKernelW = 3;
constexpr int kStrideH = 2;
constexpr int kStrideW = 2;
constexpr int kDilationH = 1;
constexpr int kDilationW = 1;
constexpr int kPadH = 1;
constexpr int kPadW = 1;
constexpr int kInPitch = 48;
constexpr int kOutPitch = 48;
constexpr int kResidual = 0;
constexpr int kResidualPitch = 0;
constexpr int kTaps = kKernelH * kKernelW;

__device__ __forceinline__ float low(unsigned x) { return __uint_as_float(x << 16); }
__device__ __forceinline__ float high(unsigned x) { return __uint_as_float(x & 0xffff0000u); }
__device__ __forceinline__ unsigned pack(float l, float h) {
  unsigned x;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(x) : "f"(h), "f"(l));
  return x;
}
__device__ __forceinline__ float activate(float x) { return x != x ? x : fmaxf(x, 0.0f); }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return activate(sum + bias + residual); }

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
constexpr int kGroups = 3;
constexpr int kDepth = 2;
constexpr int kColumns = 2;
constexpr int kM = 1;
constexpr int kN = 2;
constexpr int kWarpsM = 4;
constexpr int kWarpsN = 1;
constexpr int kTileH = 5;
constexpr int kTileW = 5;
constexpr int kPatchH = 11;
constexpr int kPatchW = 11;
constexpr int kShared = 1;
constexpr int kKeep = 1;

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

constexpr int kThreads = 32 * kWarpsM * kWarpsN, kSlots = 16 * kM * kWarpsM, kTileN = kN * kWarpsN;
constexpr int kInBlocks = (kInChannels + 7) / 8, kOutBlocks = (kOutChannels + 7) / 8;
constexpr int kUnits = kTaps * kDepth, kSteps = (kUnits + 1) / 2, kPairs = (kSteps + 1) / 2;
constexpr int kPitch = kColumns | 1;  // 16-byte pieces of a pixel in shared memory: odd, against bank conflicts
constexpr int kTilesW = (kOutW + kTileW - 1) / kTileW, kTilesH = (kOutH + kTileH - 1) / kTileH;
constexpr int kItems = kSlots * kTileN, kFinishes = (kItems + kThreads - 1) / kThreads;
// The first block of 8 input channels that block `j` of the output depends on.
__device__ __forceinline__ int first_of(int j) {
  return min(8 * j / (kOutChannels / kGroups) * (kInChannels / kGroups) / 8, kInBlocks - kDepth);
}
// Where unit `u` of the sums is, from a pixel's place on.
__device__ constexpr int unit_offset(int u) {
  u = u < kUnits ? u : kUnits - 1;
  const int tap = u / kDepth;
  return (tap / kKernelW * kDilationH * kPatchW + tap % kKernelW * kDilationW) * kPitch + u % kDepth;
}
extern "C" __global__ void __launch_bounds__(kThreads) conv(const T* x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(128) unsigned char memory[];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, wm = warp % kWarpsM, wn = warp / kWarpsM;
  const int tile = blockIdx.x, n = tile / (kTilesW * kTilesH);
  const int oh = tile / kTilesW % kTilesH * kTileH, ow = tile % kTilesW * kTileW;
  const int j0 = blockIdx.y * kTileN, first = first_of(j0);

  // Before the wait: weights and bias.
  const auto weights = [&](int v, int pair) {
    const int j = j0 + wn * kN + v;
    return j < kOutBlocks ? *(const Words*)(w + ((j * kPairs + pair) * 32 + lane) * 8) : Words{};
  };
  Words kept[kN][kKeep ? kPairs : 1];
  int from[kShared ? 1 : kN];
#pragma unroll
  for (int v = 0; v < kN; ++v) {
    if (kKeep)
#pragma unroll
      for (int pair = 0; pair < kPairs; ++pair) kept[v][pair] = weights(v, pair);
    const int j = j0 + wn * kN + v;
    if (!kShared || v == 0) from[kShared ? 0 : v] = j < kOutBlocks ? first_of(j) - first : 0;
  }
  const int mine = j0 + tid % kTileN;  // the 8 channels that this thread finishes
  float added[8] = {};
  if (mine < kOutBlocks) bias_8(added, bias, mine);
  const auto pixel_of = [&](int slot) {
    const int h = oh + slot / kTileW, v = ow + slot % kTileW;
    return slot < kTileH * kTileW && h < kOutH && v < kOutW ? (n * kOutH + h) * kOutW + v : -1;
  };
  wait();
  allow_next();

  const unsigned image = shared_address(memory);
  for (int i = tid; i < kPatchH * kPatchW * kColumns; i += kThreads) {
    const int column = i % kColumns, at = i / kColumns;
    const int ih = oh * kStrideH - kPadH + at / kPatchW, iw = ow * kStrideW - kPadW + at % kPatchW;
    const bool inside = (unsigned)ih < (unsigned)kInH && (unsigned)iw < (unsigned)kInW && first + column < kInBlocks;
    copy_16(image + (at * kPitch + column) * 16,
            inside ? x + ((n * kInH + ih) * kInW + iw) * kInPitch + (first + column) * 8 : x, inside);
  }
  commit_copies();
  Words residuals[kFinishes];
#pragma unroll
  for (int f = 0; f < kFinishes; ++f) {
    const int i = tid + f * kThreads, pixel = i < kItems ? pixel_of(i / kTileN) : -1;
    residuals[f] = pixel >= 0 && mine < kOutBlocks ? residual_8(residual, pixel, mine * 8) : Words{};
  }
  unsigned rows[kM];
#pragma unroll
  for (int u = 0; u < kM; ++u) {
    int slot = (wm * kM + u) * 16 + (lane & 15);
    if (slot >= kTileH * kTileW) slot = 0;
    rows[u] = image + (slot / kTileW * kStrideH * kPatchW + slot % kTileW * kStrideW) * kPitch * 16;
  }
  wait_copies<0>();
  __syncthreads();

  float sums[kM][kN][4] = {};
  const auto step = [&](int offset, int half, const Words (&b)[kN]) {
    unsigned a[kM][4];
#pragma unroll
    for (int v = 0; v < kN; ++v)
#pragma unroll
      for (int u = 0; u < kM; ++u) {
        if (!kShared || v == 0) load_matrix_4(a[u], rows[u] + (offset + from[kShared ? 0 : v]) * 16);
        multiply(sums[u][v], a[u], b[v].v[half * 2], b[v].v[half * 2 + 1]);
      }
  };
  if (kKeep) {
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      Words b[kN];
#pragma unroll
      for (int v = 0; v < kN; ++v) b[v] = kept[v][kKeep ? s / 2 : 0];
      step(lane < 16 ? unit_offset(2 * s) : unit_offset(2 * s + 1), s % 2, b);
    }
  } else {
#pragma unroll 2
    for (int pair = 0; pair < kPairs; ++pair) {
      Words b[kN];
#pragma unroll
      for (int v = 0; v < kN; ++v) b[v] = weights(v, pair);
#pragma unroll
      for (int half = 0; half < 2; ++half) step(unit_offset(4 * pair + 2 * half + (lane >> 4)), half, b);
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
      for (int h = 0; h < 2; ++h)
        *(float2*)(part + ((wm * kM + u) * 16 + (lane >> 2) + h * 8) * kSumPitch + (wn * kN + v) * 8 + (lane & 3) * 2) =
            make_float2(sums[u][v][h * 2], sums[u][v][h * 2 + 1]);
  __syncthreads();
#pragma unroll
  for (int f = 0; f < kFinishes; ++f) {
    const int i = tid + f * kThreads, pixel = i < kItems ? pixel_of(i / kTileN) : -1;
    if (pixel < 0 || mine >= kOutBlocks) continue;
    const float* const from_sums = part + i / kTileN * kSumPitch + i % kTileN * 8;
    float v[8];
    *(float4*)v = *(const float4*)from_sums;
    *(float4*)(v + 4) = *(const float4*)(from_sums + 4);
    finish_8(v, added, residuals[f], y, pixel, mine * 8);
  }
}
