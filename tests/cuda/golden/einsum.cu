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
using W = float;
using A = half;
using B = half;
using C = W;
constexpr int kBatch = 2;
constexpr int kM = 3;
constexpr int kN = 4;
constexpr int kK = 5;
#define A_AT (W)wide(a[(batch) * 15 + (m) * 5 + (k)])
#define B_AT (W)wide(b[(batch) * 20 + (n) + (k) * 4])
#define GIVE c[(batch) * 12 + (m) * 4 + (n)] = narrow<C>(sum);
extern "C" __global__ void __launch_bounds__(256) einsum(const A* __restrict__ a, const B* __restrict__ b, C* __restrict__ c) {
  constexpr int kTeam = 1;
  begin();
  const int i = kTeam > 1 ? (int)blockIdx.x : (int)(blockIdx.x * 256 + threadIdx.x);
  if (i >= kBatch * kM * kN) return;
  const int n = i % kN, m = i / kN % kM, batch = i / kN / kM;
  W sum = 0;
  for (int k = kTeam > 1 ? threadIdx.x : 0; k < kK; k += kTeam) sum += A_AT * B_AT;
  if (kTeam > 1) {
    __shared__ W of_warps[8];
    for (int mask = 16; mask > 0; mask /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, mask);
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
    for (int w = 0; w < 8; ++w) sum += of_warps[w];
    if (threadIdx.x > 0) return;
  }
  GIVE
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
using W = float;
using A = W;
using B = half;
using C = half;
constexpr int kBatch = 1;
constexpr int kM = 6;
constexpr int kN = 1;
constexpr int kK = 4;
#define A_AT (W)wide(a[0 + (m) * 4 + (k)])
#define B_AT (W)wide(b[0 + 0 + (k)])
#define GIVE c[0 + (m) + 0] = narrow<C>(sum);
extern "C" __global__ void __launch_bounds__(256) einsum(const A* __restrict__ a, const B* __restrict__ b, C* __restrict__ c) {
  constexpr int kTeam = 1;
  begin();
  const int i = kTeam > 1 ? (int)blockIdx.x : (int)(blockIdx.x * 256 + threadIdx.x);
  if (i >= kBatch * kM * kN) return;
  const int n = i % kN, m = i / kN % kM, batch = i / kN / kM;
  W sum = 0;
  for (int k = kTeam > 1 ? threadIdx.x : 0; k < kK; k += kTeam) sum += A_AT * B_AT;
  if (kTeam > 1) {
    __shared__ W of_warps[8];
    for (int mask = 16; mask > 0; mask /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, mask);
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0;
    for (int w = 0; w < 8; ++w) sum += of_warps[w];
    if (threadIdx.x > 0) return;
  }
  GIVE
}
