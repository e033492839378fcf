// grid 1 x 1 x 2, block 256, shared 0, 5 arguments

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
using T = float;
constexpr int kBatch = 1;
constexpr int kInChannels = 3;
constexpr int kOutChannels = 4;
constexpr int kGroups = 2;
constexpr int kInD = 1;
constexpr int kOutD = 1;
constexpr int kKernelD = 1;
constexpr int kStrideD = 1;
constexpr int kDilationD = 1;
constexpr int kPadD = 0;
constexpr int kInH = 9;
constexpr int kOutH = 5;
constexpr int kKernelH = 3;
constexpr int kStrideH = 2;
constexpr int kDilationH = 1;
constexpr int kPadH = 1;
constexpr int kInW = 9;
constexpr int kOutW = 5;
constexpr int kKernelW = 3;
constexpr int kStrideW = 2;
constexpr int kDilationW = 1;
constexpr int kPadW = 1;
constexpr int kTaps = kKernelD * kKernelH * kKernelW, kPixels = kOutD * kOutH * kOutW;
constexpr int kImage = kInD * kInH * kInW;
constexpr int kTile = 64;
constexpr int kBias = 1;
constexpr int kResidual = 1;
__device__ __forceinline__ float activate(float x) { return x != x ? x : fmaxf(x, 0.0f); }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return activate(sum + bias + residual); }

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

constexpr int kDepth = kInChannels * kTaps;
extern "C" __global__ void __launch_bounds__(256) conv(const T* x, const T* w, const T* bias,
    const T* residual, T* y) {
  begin();
  __shared__ Factor a, b;
  const int t = threadIdx.x, tx = t % 16, ty = t / 16;
  const int pixel0 = blockIdx.x * kTile, row0 = blockIdx.y * kTile;
  const int n = blockIdx.z / kGroups, group = blockIdx.z % kGroups;
  const T* const image = x + (long long)(n * kGroups + group) * kInChannels * kImage;
  const T* const weights = w + (long long)group * kOutChannels * kDepth;
  // What this thread loads: of a, column t % kStep of rows t / kStep + 16 j; of b, pixel t % kTile.
  constexpr int kColumns = kTile < 256 ? kTile : 256, kRows = 256 / kColumns, kLoads = kStep / kRows;
  const int pixel = pixel0 + t % kColumns;
  const bool here = pixel < kPixels;
  const int d0 = pixel / (kOutH * kOutW) * kStrideD - kPadD;
  const int h0 = pixel / kOutW % kOutH * kStrideH - kPadH;
  const int w0 = pixel % kOutW * kStrideW - kPadW;
  float sums[kR][kR] = {}, next_a[kR], next_b[kLoads];
  const auto load = [&](int depth0) {
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int row = row0 + t / kStep + 16 * j, depth = depth0 + t % kStep;
      next_a[j] = row < kOutChannels && depth < kDepth ? to_float(weights[(long long)row * kDepth + depth]) : 0.0f;
    }
#pragma unroll
    for (int j = 0; j < kLoads; ++j) {
      const int depth = depth0 + t / kColumns + kRows * j;
      const int c = depth / kTaps, tap = depth % kTaps;
      const int id = d0 + tap / (kKernelH * kKernelW) * kDilationD;
      const int ih = h0 + tap / kKernelW % kKernelH * kDilationH, iw = w0 + tap % kKernelW * kDilationW;
      const bool inside = here && depth < kDepth && id >= 0 && id < kInD && ih >= 0 && ih < kInH && iw >= 0 && iw < kInW;
      next_b[j] = inside ? to_float(image[c * kImage + (id * kInH + ih) * kInW + iw]) : 0.0f;
    }
  };
  load(0);
  for (int depth0 = 0; depth0 < kDepth; depth0 += kStep) {
#pragma unroll
    for (int j = 0; j < kR; ++j) a[t % kStep][t / kStep + 16 * j] = next_a[j];
#pragma unroll
    for (int j = 0; j < kLoads; ++j) b[t / kColumns + kRows * j][t % kColumns] = next_b[j];
    __syncthreads();
    if (depth0 + kStep < kDepth) load(depth0 + kStep);
    add_products(sums, a, b, tx, ty);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kR; ++i) {
    const int row = row0 + ty * kR + i, channel = group * kOutChannels + row;
    if (row >= kOutChannels) continue;
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int at = pixel0 + tx + 16 * j;
      if (at >= kPixels) continue;
      const long long o = ((long long)n * kGroups * kOutChannels + channel) * kPixels + at;
      y[o] = from_float<T>(
          finish(sums[i][j], kBias ? to_float(bias[channel]) : 0.0f, kResidual ? to_float(residual[o]) : 0.0f));
    }
  }
}
