// grid 1 x 2 x 1, block 256, shared 0, 5 arguments

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
constexpr int kBatch = 1;
constexpr int kInChannels = 20;
constexpr int kOutChannels = 9;
constexpr int kGroups = 1;
constexpr int kInD = 1;
constexpr int kOutD = 1;
constexpr int kKernelD = 1;
constexpr int kStrideD = 1;
constexpr int kDilationD = 1;
constexpr int kPadD = 0;
constexpr int kInH = 5;
constexpr int kOutH = 10;
constexpr int kKernelH = 2;
constexpr int kStrideH = 2;
constexpr int kDilationH = 1;
constexpr int kPadH = 0;
constexpr int kInW = 5;
constexpr int kOutW = 10;
constexpr int kKernelW = 2;
constexpr int kStrideW = 2;
constexpr int kDilationW = 1;
constexpr int kPadW = 0;
constexpr int kTaps = kKernelD * kKernelH * kKernelW, kPixels = kOutD * kOutH * kOutW;
constexpr int kImage = kInD * kInH * kInW;
constexpr int kTile = 32;
constexpr int kBias = 0;
constexpr int kResidual = 0;
__device__ __forceinline__ float activate(float x) { return x; }
__device__ __forceinline__ float saturate(float x) { return x != x ? x : fminf(fmaxf(x, -65504.0f), 65504.0f); }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return saturate(activate(sum + bias + residual)); }

constexpr int kStep = 16, kR = kTile / 16;
typedef float Factor[kStep][kTile + 4];
__device__ __forceinline__ void add_products(float (&sums)[kR][kR], const Factor& a, const Factor& b, int tx, int ty) {
#pragma unroll
  for (int k = 0; k < kStep; ++k) {
    float u[kR], v[kR];
#pragma unroll
    for (int j = 0; j < kR; ++j) u[j] = a[k][ty * kR + j], v[j] = b[k][tx + 16 * j];
#pragma unroll
    for (int i = 0; i < kR; ++i)
#pragma unroll
      for (int j = 0; j < kR; ++j) sums[i][j] += u[i] * v[j];
  }
}

constexpr int kHeight = kOutChannels * kTaps;
extern "C" __global__ void __launch_bounds__(256) conv(const T* x, const T* w, const T* bias, const T* residual, T* y) {
  begin();
  __shared__ Factor a, b;
  const int t = threadIdx.x, tx = t % 16, ty = t / 16;
  const int pixel0 = blockIdx.x * kTile, row0 = blockIdx.y * kTile;
  const int n = blockIdx.z / kGroups, group = blockIdx.z % kGroups;
  const T* const image = x + (long long)(n * kGroups + group) * kInChannels * kImage;
  const T* const weights = w + (long long)group * kInChannels * kHeight;
  constexpr int kRows = 256 / kTile, kLoads = kStep / kRows;
  const int pixel = pixel0 + t % kTile, row = row0 + t % kTile;
  float sums[kR][kR] = {}, next_a[kLoads], next_b[kLoads];
  const auto load = [&](int depth0) {
#pragma unroll
    for (int j = 0; j < kLoads; ++j) {
      const int c = depth0 + t / kTile + kRows * j;
      next_a[j] = c < kInChannels && row < kHeight ? to_float(weights[(long long)c * kHeight + row]) : 0.0f;
      next_b[j] = c < kInChannels && pixel < kImage ? to_float(image[(long long)c * kImage + pixel]) : 0.0f;
    }
  };
  load(0);
  for (int depth0 = 0; depth0 < kInChannels; depth0 += kStep) {
#pragma unroll
    for (int j = 0; j < kLoads; ++j) {
      a[t / kTile + kRows * j][t % kTile] = next_a[j];
      b[t / kTile + kRows * j][t % kTile] = next_b[j];
    }
    __syncthreads();
    if (depth0 + kStep < kInChannels) load(depth0 + kStep);
    add_products(sums, a, b, tx, ty);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kR; ++i) {
    const int at = row0 + ty * kR + i, channel = group * kOutChannels + at / kTaps, tap = at % kTaps;
    if (at >= kHeight) continue;
    const int kd = tap / (kKernelH * kKernelW), kh = tap / kKernelW % kKernelH, kw = tap % kKernelW;
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int from = pixel0 + tx + 16 * j;
      if (from >= kImage) continue;
      const int d = from / (kInH * kInW), h = from / kInW % kInH, v = from % kInW;
      const long long plane = (long long)(n * kGroups * kOutChannels + channel) * kOutD + d * kKernelD + kd;
      const long long o = (plane * kOutH + h * kKernelH + kh) * kOutW + v * kKernelW + kw;
      y[o] = from_float<T>(
          finish(sums[i][j], kBias ? to_float(bias[channel]) : 0.0f, kResidual ? to_float(residual[o]) : 0.0f));
    }
  }
}
