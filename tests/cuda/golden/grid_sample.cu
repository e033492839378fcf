// grid 1 x 1 x 1, block 256, shared 0, 3 arguments

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

template <class A, class B> constexpr bool kSame = false;
template <class A> constexpr bool kSame<A, A> = true;
template <class T> constexpr bool kReal = (T)0.5 != (T)0;
template <> constexpr bool kReal<bool> = false;
template <class T> __device__ __forceinline__ T wide(T x) { return x; }
__device__ __forceinline__ float wide(half x) { return to_float(x); }
__device__ __forceinline__ float wide(bfloat x) { return to_float(x); }
template <class T, class W> __device__ __forceinline__ T narrow(W x) {
  if constexpr (kSame<T, half> || kSame<T, bfloat>) return from_float<T>((float)x);
  else return (T)x;
}
template <int n, class T> __device__ __forceinline__ bool aligned(const T* p) {
  return (unsigned long long)p % (sizeof(T) * n) == 0;
}
template <int n, class T> __device__ __forceinline__ Vector<T, n> load(const T* p) {
  return *(const Vector<T, n>*)__builtin_assume_aligned(p, sizeof(T) * n);
}
template <int n, class T> __device__ __forceinline__ Vector<T, n> load(const T* p, bool at_once) {
  if (at_once) return load<n>(p);
  Vector<T, n> x;
  for (int k = 0; k < n; ++k) x.v[k] = p[k];
  return x;
}
template <int n, class T> __device__ __forceinline__ void store(T* p, const Vector<T, n>& x) {
  *(Vector<T, n>*)__builtin_assume_aligned(p, sizeof(T) * n) = x;
}
template <int n, class T> __device__ __forceinline__ void store(T* p, const Vector<T, n>& x, bool at_once) {
  if (at_once) store<n>(p, x);
  else
    for (int k = 0; k < n; ++k) p[k] = x.v[k];
}
using X = float;
using G = float;
using W = float;
constexpr int kThreads = 72;
constexpr int kPositions = 24;
constexpr int kPixels = 35;
constexpr int kChannels = 3;
constexpr int kTogether = 1;
constexpr int kGroups = 3;
constexpr int kDims = 2;
constexpr int kTaps = 2;
constexpr int kCorners = 0;
constexpr int kRounds = 1;
constexpr int kZeros = 0;
constexpr int kReflects = 1;
constexpr int kClamps = 0;

__device__ __forceinline__ double reflected(double x, double low, double high) {
  const double range = high - low;
  if (!(range > 0)) return 0;
  if (x >= low && x <= high) return x;
  const double beyond = x < low ? low - x : x - high, turns = floor(beyond / range), rest = beyond - turns * range;
  return (turns - 2 * floor(turns / 2) == 0) == (x < low) ? low + rest : high - rest;
}
// The pixel that index i means, -1 for none.
__device__ __forceinline__ int pixel(double i, int size, double low, double high) {
  if (kZeros) return i >= 0 && i <= size - 1 ? (int)i : -1;
  if (kReflects) i = trunc(reflected(i, low, high));
  return (int)fmin(fmax(i, 0.0), (double)(size - 1));
}
struct Taps {
  int at[kTaps];
  W weight[kTaps];
};
__device__ __forceinline__ Taps taps_of(double v, int size) {
  const double low = kCorners ? 0 : -0.5, high = size - (kCorners ? 1 : 0.5);
  double x = kCorners ? (v + 1) / 2 * (size - 1) : ((v + 1) * size - 1) / 2;
  if (kRounds) x = (float)x;
  constexpr double kFar = 1e9;  // positions beyond, and what is no number, are somewhere outside
  x = x != x ? -kFar : fmin(fmax(x, -kFar), kFar);
  if (kTaps == 1) x = rint(x);
  if (x < low || x > high) {
    if (kClamps) x = fmin(fmax(x, 0.0), (double)(size - 1));
    else if (kReflects) x = reflected(x, low, high);
  }
  Taps taps;
  const double base = floor(x);
  const W part = (W)(x - base);
  if (kTaps == 1) {
    taps.at[0] = pixel(trunc(x), size, low, high);
    return taps;
  }
#pragma unroll
  for (int t = 0; t < kTaps; ++t) {
    const int j = kTaps == 2 ? t : t - 1;
    const W d = j > 0 ? j - part : part - j, a = (W)-0.75;
    taps.at[t] = pixel(base + j, size, low, high);
    taps.weight[t] = kTaps == 2 ? 1 - d
                     : d <= 1   ? ((a + 2) * d - (a + 3)) * d * d + 1
                                : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  }
  return taps;
}
extern "C" __global__ void __launch_bounds__(256) grid_sample(const X* __restrict__ x, const G* __restrict__ grid,
    X* __restrict__ y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kThreads) return;
  const int p = i % kPositions, first = i / kPositions % kGroups * kTogether, n = i / kPositions / kGroups;
  const G* const point = grid + ((long long)n * kPositions + p) * kDims;
  const Taps d0 = taps_of((double)wide(point[1]), 5);
  const Taps d1 = taps_of((double)wide(point[0]), 7);
  for (int c = first; c < first + kTogether && c < kChannels; ++c) {
    const X* const from = x + ((long long)n * kChannels + c) * kPixels;
    W made = 0;
#pragma unroll
    for (int t0 = 0; t0 < 2; ++t0) {
      if (d0.at[t0] < 0) continue;
#pragma unroll
      for (int t1 = 0; t1 < 2; ++t1) {
        if (d1.at[t1] < 0) continue;
        made += d0.weight[t0] * d1.weight[t1] * (W)wide(from[(d0.at[t0]) * 7 + d1.at[t1]]);
      }
    }
    y[((long long)n * kChannels + c) * kPositions + p] = narrow<X>(made);
  }
}
