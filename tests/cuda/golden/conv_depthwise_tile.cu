// grid 4 x 2 x 1, block 32, shared 8720, 5 arguments

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
constexpr int kInChannels = 20;
constexpr int kOutChannels = 20;
constexpr int kInH = 14;
constexpr int kInW = 14;
constexpr int kOutH = 7;
constexpr int kOutW = 7;
constexpr int kKernelH = 5;
constexpr int kKernelW = 5;
constexpr int kStrideH = 2;
constexpr int kStrideW = 2;
constexpr int kDilationH = 1;
constexpr int kDilationW = 1;
constexpr int kPadH = 2;
constexpr int kPadW = 2;
constexpr int kInPitch = 24;
constexpr int kOutPitch = 24;
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
__device__ __forceinline__ float activate(float x) { return x; }
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
constexpr int kX = 2;
constexpr int kThreads = 32;
constexpr int kTileH = 4;
constexpr int kTileW = 6;
constexpr int kC = 2;
constexpr int kPitch = 3;
constexpr int kPatchH = 11;
constexpr int kPatchW = 15;

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

constexpr int kColumns = (kX - 1) * kStrideW + (kKernelW - 1) * kDilationW + 1;
__device__ __forceinline__ void add(float (&sum)[kX][8], const Words (&row)[kColumns], int kw, const Words& factor) {
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    const float l = low(factor.v[k]), h = high(factor.v[k]);
#pragma unroll
    for (int v = 0; v < kX; ++v) {
      const unsigned pair = row[v * kStrideW + kw * kDilationW].v[k];
      sum[v][2 * k] += low(pair) * l;
      sum[v][2 * k + 1] += high(pair) * h;
    }
  }
}

constexpr int kBlocks = (kOutChannels + 7) / 8, kGroupsW = kTileW / kX;
constexpr int kTilesW = (kOutW + kTileW - 1) / kTileW, kTilesH = (kOutH + kTileH - 1) / kTileH;
extern "C" __global__ void __launch_bounds__(kThreads) conv(const T* x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(128) unsigned char memory[];
  const int tid = threadIdx.x, n = blockIdx.x / (kTilesW * kTilesH), block0 = blockIdx.y * kC;
  const int oh0 = blockIdx.x / kTilesW % kTilesH * kTileH, ow0 = blockIdx.x % kTilesW * kTileW;
  Words* const factors = (Words*)memory;
  Words* const patch = factors + kTaps * kC;

  // Before the wait: weights and bias.
  for (int i = tid; i < kTaps * kC; i += kThreads) {
    const bool inside = block0 + i % kC < kBlocks;
    copy_16(shared_address(factors + i), inside ? w + (i / kC * kBlocks + block0 + i % kC) * 8 : w, inside);
  }
  commit_copies();
  const int mine = tid % kC, group = tid / kC, row = group / kGroupsW, column = group % kGroupsW * kX;
  const int c = (block0 + mine) * 8, oh = oh0 + row, ow = ow0 + column;
  const bool here = row < kTileH && block0 + mine < kBlocks && oh < kOutH;
  float added[8] = {};
  if (here) bias_8(added, bias, c / 8);
  wait();
  allow_next();

  const int ih0 = oh0 * kStrideH - kPadH, iw0 = ow0 * kStrideW - kPadW;
  for (int i = tid; i < kPatchH * kPatchW * kC; i += kThreads) {
    const int block = i % kC, at = i / kC, ih = ih0 + at / kPatchW, iw = iw0 + at % kPatchW;
    const bool inside = (unsigned)ih < (unsigned)kInH && (unsigned)iw < (unsigned)kInW && block0 + block < kBlocks;
    copy_16(shared_address(patch + at * kPitch + block),
            inside ? x + ((n * kInH + ih) * kInW + iw) * kInPitch + (block0 + block) * 8 : x, inside);
  }
  commit_copies();
  Words residuals[kX];
#pragma unroll
  for (int v = 0; v < kX; ++v)
    residuals[v] =
        here && ow + v < kOutW ? residual_8(residual, (n * kOutH + oh) * kOutW + ow + v, c) : Words{};
  wait_copies<0>();
  __syncthreads();
  if (!here) return;

  float sums[kX][8] = {};
  const Words* const from = patch + (row * kStrideH * kPatchW + column * kStrideW) * kPitch + mine;
#pragma unroll (kTaps <= 9 ? kKernelH : 1)
  for (int kh = 0; kh < kKernelH; ++kh) {
    Words line[kColumns];
#pragma unroll
    for (int v = 0; v < kColumns; ++v) line[v] = from[(kh * kDilationH * kPatchW + v) * kPitch];
#pragma unroll
    for (int kw = 0; kw < kKernelW; ++kw) add(sums, line, kw, factors[(kh * kKernelW + kw) * kC + mine]);
  }
#pragma unroll
  for (int v = 0; v < kX; ++v)
    if (ow + v < kOutW) finish_8(sums[v], added, residuals[v], y, (n * kOutH + oh) * kOutW + ow + v, c);
}
