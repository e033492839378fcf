// grid 3 x 9 x 1, block 1024, shared 0, 2 arguments

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
struct R { W top, sum; };
using X = float;
using Y = R;
constexpr int kResults = 3;
constexpr int kLoads = 70001;
constexpr int kPart = 7778;
constexpr int kWidth = 1;
constexpr int kTeam = 1024;
constexpr int kBlock = 1024;
constexpr int kCount = 70001;
constexpr int kAligned = 0;
constexpr int kPower = 2;
__device__ __forceinline__ R start() { return {-(W)__uint_as_float(0x7f800000u), W(0)}; }
__device__ __forceinline__ R term(W v, int at) { return {v, v == -(W)__uint_as_float(0x7f800000u) ? W(0) : W(1)}; }
__device__ __forceinline__ R join(R a, R b) { return a.top == b.top ? R{a.top, a.sum + b.sum} : b.top > a.top ? R{b.top, b.sum + a.sum * exp(a.top - b.top)} : R{a.top, a.sum + b.sum * exp(b.top - a.top)}; }
__device__ __forceinline__ R across(R r, int mask) { return {__shfl_xor_sync(0xffffffffu, r.top, mask), __shfl_xor_sync(0xffffffffu, r.sum, mask)}; }
__device__ __forceinline__ int kept(int i) { return (i) * 70001; }
__device__ __forceinline__ int reduced(int i) { return (i); }
#define TERM(v, at) term(wide(v), at)
__device__ __forceinline__ void put(Y* y, int o, R r) {
  y[blockIdx.y * kResults + o] = r;
}

extern "C" __global__ void __launch_bounds__(kBlock) reduce(const X* x, Y* y) {
  begin();
  const int o = blockIdx.x * (kBlock / kTeam) + threadIdx.x / kTeam, t = threadIdx.x % kTeam;
  const int last = (blockIdx.y + 1) * kPart < kLoads ? (blockIdx.y + 1) * kPart : kLoads;
  const bool at_once = kAligned || aligned<kWidth>(x);
  R r = start();
  if (o < kResults) {
    const X* const from = x + kept(o);
#pragma unroll 4
    for (int u = blockIdx.y * kPart + t; u < last; u += kTeam) {
      const Vector<X, kWidth> v = load<kWidth>(from + reduced(u * kWidth), at_once);
      for (int k = 0; k < kWidth; ++k) r = join(r, TERM(v.v[k], u * kWidth + k));
    }
  }
  for (int mask = kTeam < 32 ? kTeam / 2 : 16; mask > 0; mask /= 2) r = join(r, across(r, mask));
  if constexpr (kTeam > 32) {
    constexpr int kWarps = (kTeam + 31) / 32;
    __shared__ R partial[kWarps];
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = r;
    __syncthreads();
    if (threadIdx.x >= 32) return;
    r = threadIdx.x < kWarps ? partial[threadIdx.x] : start();
    for (int mask = 16; mask > 0; mask /= 2) r = join(r, across(r, mask));
  }
  if (t == 0 && o < kResults) put(y, o, r);
}
// grid 1 x 1 x 1, block 64, shared 0, 2 arguments

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
struct R { W top, sum; };
using X = R;
using Y = float;
constexpr int kResults = 3;
constexpr int kLoads = 9;
constexpr int kPart = 9;
constexpr int kWidth = 1;
constexpr int kTeam = 4;
constexpr int kBlock = 64;
constexpr int kCount = 70001;
constexpr int kAligned = 0;
constexpr int kPower = 2;
__device__ __forceinline__ R start() { return {-(W)__uint_as_float(0x7f800000u), W(0)}; }
__device__ __forceinline__ R term(W v, int at) { return {v, v == -(W)__uint_as_float(0x7f800000u) ? W(0) : W(1)}; }
__device__ __forceinline__ R join(R a, R b) { return a.top == b.top ? R{a.top, a.sum + b.sum} : b.top > a.top ? R{b.top, b.sum + a.sum * exp(a.top - b.top)} : R{a.top, a.sum + b.sum * exp(b.top - a.top)}; }
__device__ __forceinline__ R across(R r, int mask) { return {__shfl_xor_sync(0xffffffffu, r.top, mask), __shfl_xor_sync(0xffffffffu, r.sum, mask)}; }
__device__ __forceinline__ int kept(int i) { return (i); }
__device__ __forceinline__ int reduced(int i) { return (i) * 3; }
#define TERM(v, at) v
__device__ __forceinline__ void put(Y* y, int o, R r) {
  y[o] = narrow<Y>(r.sum == 0 ? r.top : r.top + log(r.sum));
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
