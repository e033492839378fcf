// grid 3 x 1 x 1, block 128, shared 0, 2 arguments

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
using W = float;
using R = W;
using X = half;
using Y = half;
constexpr int kResults = 48;
constexpr int kLoads = 35;
constexpr int kPart = 35;
constexpr int kWidth = 8;
constexpr int kTeam = 2;
constexpr int kBlock = 128;
constexpr int kCount = 35;
constexpr int kAligned = 1;
constexpr int kPower = 2;
__device__ __forceinline__ R start() { return R(0); }
__device__ __forceinline__ R term(W v, int at) { return (R)v; }
__device__ __forceinline__ R join(R a, R b) { return a + b; }
__device__ __forceinline__ R across(R r, int mask) { return __shfl_xor_sync(0xffffffffu, r, mask); }
__device__ __forceinline__ int kept(int i) { return (i % 24) + (i / 24) * 840; }
__device__ __forceinline__ int reduced(int i) { return (i) * 24; }
#define TERM(v, at) term(wide(v), at)
__device__ __forceinline__ void put(Y* y, int o, R r) {
  const int n = o / 24, lane = o % 24;
  y[n * 24 + lane] = lane < 20 ? narrow<Y>(r / (W)kCount) : Y{};
}

extern "C" __global__ void __launch_bounds__(kBlock) reduce(const X* x, Y* y) {
  begin();
  constexpr int kRows = kBlock / kTeam, kElements = kTeam * kWidth;
  const int column = threadIdx.x % kTeam, row = threadIdx.x / kTeam, o = (blockIdx.x * kTeam + column) * kWidth;
  const int last = (blockIdx.y + 1) * kPart < kLoads ? (blockIdx.y + 1) * kPart : kLoads;
  const bool at_once = kAligned || aligned<kWidth>(x);
  R r[kWidth];
  for (int k = 0; k < kWidth; ++k) r[k] = start();
  if (o < kResults) {
    const X* const from = x + kept(o);
#pragma unroll 4
    for (int u = blockIdx.y * kPart + row; u < last; u += kRows) {
      const Vector<X, kWidth> v = load<kWidth>(from + reduced(u), at_once);
      for (int k = 0; k < kWidth; ++k) r[k] = join(r[k], TERM(v.v[k], u));
    }
  }
#pragma unroll
  for (int mask = kTeam; mask < 32; mask *= 2)
    for (int k = 0; k < kWidth; ++k) r[k] = join(r[k], across(r[k], mask));
  __shared__ R partial[kBlock / 32][kElements];
  if (threadIdx.x % 32 < kTeam)
    for (int k = 0; k < kWidth; ++k) partial[threadIdx.x / 32][column * kWidth + k] = r[k];
  __syncthreads();
  for (int i = threadIdx.x; i < kElements && blockIdx.x * kElements + i < kResults; i += kBlock) {
    R all = partial[0][i];
    for (int w = 1; w < kBlock / 32; ++w) all = join(all, partial[w][i]);
    put(y, blockIdx.x * kElements + i, all);
  }
}
