// grid 2 x 1 x 1, block 64, shared 0, 5 arguments

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
using In = half;
constexpr int kBatch = 1;
constexpr int kInChannels = 20;
constexpr int kOutChannels = 20;
constexpr int kInH = 9;
constexpr int kInW = 9;
constexpr int kOutH = 9;
constexpr int kOutW = 9;
constexpr int kKernelH = 3;
constexpr int kKernelW = 3;
constexpr int kStrideH = 1;
constexpr int kStrideW = 1;
constexpr int kDilationH = 1;
constexpr int kDilationW = 1;
constexpr int kPadH = 1;
constexpr int kPadW = 1;
constexpr int kInPitch = 24;
constexpr int kOutPitch = 24;
constexpr int kResidual = 1;
constexpr int kResidualPitch = 24;
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
constexpr int kX = 2;
constexpr int kThreads = 64;
constexpr int kY = 2;
constexpr int kUnrolled = 1;

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

constexpr int kBlocks = (kOutChannels + 7) / 8, kTilesW = (kOutW + kX - 1) / kX, kTilesH = (kOutH + kY - 1) / kY;
constexpr int kRows = (kY - 1) * kStrideH + (kKernelH - 1) * kDilationH + 1;
extern "C" __global__ void __launch_bounds__(kThreads) conv(const T* x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= kBatch * kTilesH * kTilesW * kBlocks) return;
  const int c = i % kBlocks * 8, tile = i / kBlocks;
  const int ow = tile % kTilesW * kX, oh = tile / kTilesW % kTilesH * kY, n = tile / (kTilesW * kTilesH);
  const int iw = ow * kStrideW - kPadW, ih = oh * kStrideH - kPadH;
  const auto weight = [&](int tap) { return *(const Words*)(w + tap * (kBlocks * 8) + c); };
  Words kept[kUnrolled ? kTaps : 1];
  if (kUnrolled)
#pragma unroll
    for (int tap = 0; tap < kTaps; ++tap) kept[tap] = weight(tap);
  float added[8], sums[kY][kX][8] = {};
  bias_8(added, bias, c / 8);
  wait();
  allow_next();

  const auto load = [&](Words (&row)[kColumns], int r) {
    const bool inside = (unsigned)(ih + r) < (unsigned)kInH;
    const T* const from = x + ((n * kInH + ih + r) * kInW + iw) * kInPitch + c;
#pragma unroll
    for (int v = 0; v < kColumns; ++v)
      row[v] = inside && (unsigned)(iw + v) < (unsigned)kInW ? *(const Words*)(from + v * kInPitch) : Words{};
  };
  if (kUnrolled) {
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      Words row[kColumns];
      load(row, r);
#pragma unroll
      for (int v = 0; v < kY; ++v)
#pragma unroll
        for (int kh = 0; kh < kKernelH; ++kh)
          if (v * kStrideH + kh * kDilationH == r)
#pragma unroll
            for (int kw = 0; kw < kKernelW; ++kw) add(sums[v], row, kw, kept[kUnrolled ? kh * kKernelW + kw : 0]);
    }
  } else {
#pragma unroll 1
    for (int kh = 0; kh < kKernelH; ++kh) {
      Words row[kColumns];
      load(row, kh * kDilationH);
#pragma unroll
      for (int kw = 0; kw < kKernelW; ++kw) add(sums[0], row, kw, weight(kh * kKernelW + kw));
    }
  }
#pragma unroll
  for (int v = 0; v < kY; ++v)
#pragma unroll
    for (int u = 0; u < kX; ++u) {
      const int pixel = (n * kOutH + oh + v) * kOutW + ow + u;
      if (oh + v < kOutH && ow + u < kOutW)
        finish_8(sums[v][u], added, residual_8(residual, pixel, c), y, pixel, c);
    }
}
