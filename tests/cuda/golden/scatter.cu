// grid 1 x 1 x 1, block 256, shared 0, 2 arguments

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
constexpr int kCount = 30;
extern "C" __global__ void __launch_bounds__(256) copy(const T* __restrict__ x, T* y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i < kCount) y[i] = x[i];
}
// grid 4 x 1 x 1, block 256, shared 0, 3 arguments

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
constexpr int kItems = 3;
constexpr int kCount = 1024;
using Index = long long;
__device__ constexpr int kSizes[] = {5};
__device__ constexpr int kSteps[] = {1};
constexpr int kDepth = 1;
#define START 0

// Where an update belongs; -1, and the fault is set, where there is no such place.
__device__ __forceinline__ int place(const Index* indices, int item, unsigned* fault) {
  int at = START;
  for (int d = 0; d < kDepth; ++d) {
    Index i = indices[(long long)item * kDepth + d];
    if (i < 0) i += kSizes[d];
    if (i < 0 || i >= kSizes[d]) {
      *fault = 1;
      return -1;
    }
    at += (int)i * kSteps[d];
  }
  return at;
}
extern "C" __global__ void __launch_bounds__(256) make_keys(const Index* __restrict__ indices, unsigned long long* keys, unsigned* fault) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kCount) return;
  const int at = i < kItems ? place(indices, i, fault) : -1;
  keys[i] = at < 0 ? ~0ull : (unsigned long long)at << 32 | (unsigned)i;
}
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
constexpr int kTile = 1024;

using Key = unsigned long long;
__device__ __forceinline__ void order(Key& a, Key& b, bool up) {
  if ((a > b) == up) {
    const Key c = a;
    a = b;
    b = c;
  }
}

extern "C" __global__ void __launch_bounds__(256) sort_tiles(Key* keys, const char* most, const char* least) {
  begin();
  __shared__ Key tile[kTile];
  const int first = blockIdx.x * kTile;
  const long long from = least - (const char*)keys, to = most - (const char*)keys;
  for (int i = threadIdx.x; i < kTile; i += 256) tile[i] = keys[first + i];
  for (long long run = from; run <= to; run *= 2)
    for (int step = run / 2 < kTile / 2 ? (int)(run / 2) : kTile / 2; step > 0; step /= 2) {
      __syncthreads();
      for (int i = threadIdx.x; i < kTile / 2; i += 256) {
        const int a = i / step * step * 2 + i % step;
        order(tile[a], tile[a + step], ((first + a) & run) == 0);
      }
    }
  __syncthreads();
  for (int i = threadIdx.x; i < kTile; i += 256) keys[first + i] = tile[i];
}
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
using T = float;
constexpr int kInner = 6;
constexpr int kItems = 3;
using W = decltype(wide(T{}));
__device__ __forceinline__ W join(W a, W b) { return a + b; }

extern "C" __global__ void __launch_bounds__(256) fold(const unsigned long long* __restrict__ keys,
    const T* __restrict__ updates, T* y) {
  begin();
  const long long i = blockIdx.x * 256ll + threadIdx.x;
  int k = (int)(i / kInner);
  const int j = (int)(i % kInner);
  if (k >= kItems) return;
  const unsigned long long key = keys[k];
  if (key == ~0ull || (k > 0 && keys[k - 1] >> 32 == key >> 32)) return;
  T* const to = y + (long long)(key >> 32) * kInner + j;
  T value = *to;
#pragma unroll 4
  for (; k < kItems && keys[k] >> 32 == key >> 32; ++k)
    value = narrow<T>(join(wide(value), wide(updates[(long long)(unsigned)keys[k] * kInner + j])));
  *to = value;
}
