// grid 1 x 1 x 1, block 128, shared 0, 5 arguments

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
constexpr int kInChannels = 6;
constexpr int kOutChannels = 12;
constexpr int kInH = 9;
constexpr int kInW = 9;
constexpr int kOutH = 5;
constexpr int kOutW = 7;
constexpr int kKernelH = 3;
constexpr int kKernelW = 3;
constexpr int kStrideH = 1;
constexpr int kStrideW = 1;
constexpr int kDilationH = 2;
constexpr int kDilationW = 1;
constexpr int kPadH = 0;
constexpr int kPadW = 0;
constexpr int kInPitch = 8;
constexpr int kOutPitch = 16;
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
__device__ __forceinline__ float activate(float x) { return x; }
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
constexpr int kGroups = 6;
constexpr int kThreads = 128;

constexpr int kBlocks = (kOutChannels + 7) / 8, kInGroup = kInChannels / kGroups, kOutGroup = kOutChannels / kGroups;
constexpr bool kOneGroup = kGroups == 1 || kOutGroup % 8 == 0;  // all 8 channels are of one
extern "C" __global__ void __launch_bounds__(kThreads) conv(const In* x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  begin();
  const int i = blockIdx.x * kThreads + threadIdx.x, block = i % kBlocks, pixel = i / kBlocks;
  if (pixel >= kBatch * kOutH * kOutW) return;
  const int n = pixel / (kOutH * kOutW), oh = pixel / kOutW % kOutH, ow = pixel % kOutW;
  int first[kOneGroup ? 1 : 8];
#pragma unroll
  for (int e = 0; e < (kOneGroup ? 1 : 8); ++e) {
    const int m = block * 8 + e;
    first[e] = (m < kOutChannels ? m / kOutGroup : 0) * kInGroup;
  }
  float sums[8] = {};
  for (int kh = 0; kh < kKernelH; ++kh)
    for (int kw = 0; kw < kKernelW; ++kw) {
      const int ih = oh * kStrideH - kPadH + kh * kDilationH, iw = ow * kStrideW - kPadW + kw * kDilationW;
      if ((unsigned)ih >= (unsigned)kInH || (unsigned)iw >= (unsigned)kInW) continue;
      const Words* const weights = (const Words*)w + (block * kTaps + kh * kKernelW + kw) * kInGroup;
      const In* const from = kInPitch ? x + ((n * kInH + ih) * kInW + iw) * kInPitch
                                      : x + n * (kInChannels * kInH * kInW) + ih * kInW + iw;
      constexpr int kChannelStride = kInPitch ? 1 : kInH * kInW;
#pragma unroll 4
      for (int c = 0; c < kInGroup; ++c) {
        const Words f = weights[c];
        float v[8];
#pragma unroll
        for (int e = 0; e < 8; ++e) v[e] = kOneGroup && e ? v[0] : to_float(from[(first[kOneGroup ? 0 : e] + c) * kChannelStride]);
#pragma unroll
        for (int k = 0; k < 4; ++k) {
          sums[2 * k] += v[2 * k] * low(f.v[k]);
          sums[2 * k + 1] += v[2 * k + 1] * high(f.v[k]);
        }
      }
    }
  finish_8(sums, bias + block * 8, residual_8(residual, pixel, block * 8), y, pixel, block * 8);
}
