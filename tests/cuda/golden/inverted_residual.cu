// grid 12 x 1 x 1, block 128, shared 23376, 5 arguments

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
namespace expanded {
__device__ __forceinline__ float activate(float x) { return x != x ? x : fmaxf(x, 0.0f); }
__device__ __forceinline__ float saturate(float x) { return x != x ? x : fminf(fmaxf(x, -65504.0f), 65504.0f); }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return saturate(activate(sum + bias + residual)); }
}
namespace convolved {
__device__ __forceinline__ float activate(float x) { return x != x ? x : fmaxf(x, 0.0f); }
__device__ __forceinline__ float saturate(float x) { return x != x ? x : fminf(fmaxf(x, -65504.0f), 65504.0f); }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return saturate(activate(sum + bias + residual)); }
}
namespace projected {
__device__ __forceinline__ float activate(float x) { return x; }
__device__ __forceinline__ float saturate(float x) { return x != x ? x : fminf(fmaxf(x, -65504.0f), 65504.0f); }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return saturate(activate(sum + bias + residual)); }
}
constexpr int kExpand = 1;
constexpr int kProject = 1;
constexpr int kResidual = 1;
constexpr int kInChannels = 24;
constexpr int kChannels = 60;
constexpr int kOutChannels = 24;
constexpr int kInH = 9;
constexpr int kInW = 8;
constexpr int kOutH = 9;
constexpr int kOutW = 8;
constexpr int kKernelH = 3;
constexpr int kKernelW = 3;
constexpr int kStrideH = 1;
constexpr int kStrideW = 1;
constexpr int kPadH = 1;
constexpr int kPadW = 1;
constexpr int kInPitch = 24;
constexpr int kOutPitch = 24;
constexpr int kResidualPitch = 24;
constexpr int kThreads = 128;
constexpr int kTileH = 4;
constexpr int kTileW = 7;
constexpr int kSlices = 2;
constexpr int kSlice = 32;
constexpr int kX = 1;
constexpr int kN1 = 2;
constexpr int kN2 = 1;
constexpr int kBytes1 = 3392;
constexpr int kBytes2 = 2688;
constexpr int kBarriers = 23360;

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
