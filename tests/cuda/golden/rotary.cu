// grid 1 x 1 x 1, block 256, shared 0, 6 arguments

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
using W = float;
constexpr int kCount = 80;
constexpr int kSize = 8;
constexpr int kHeads = 2;
constexpr int kLength = 5;
constexpr int kFlat = 0;
constexpr int kRotated = 8;
constexpr int kHalf = 4;
constexpr int kInterleaved = 0;
constexpr int kPositions = 0;
constexpr int kCache = 1;

extern "C" __global__ void __launch_bounds__(256) rotate(const T* __restrict__ x, const T* __restrict__ cosines,
    const T* __restrict__ sines, const long long* __restrict__ positions, T* __restrict__ y, unsigned* fault) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kCount) return;
  const int e = i % kSize, row = i / kSize;
  const int batch = row / (kHeads * kLength), s = kFlat ? row / kHeads % kLength : row % kLength;
  if (e >= kRotated) {
    y[i] = x[i];
    return;
  }
  const bool second = kInterleaved ? e % 2 : e >= kHalf;
  const int pair = kInterleaved ? e / 2 : e % kHalf, other = kInterleaved ? (second ? i - 1 : i + 1) : second ? i - kHalf : i + kHalf;
  long long place = batch * kLength + s;
  if (kPositions) {
    place = positions[place];
    if (place < 0 || place >= kCache) {
      *fault = 1;
      return;
    }
  }
  const W c = wide(cosines[place * kHalf + pair]), d = wide(sines[place * kHalf + pair]);
  const W own = wide(x[i]), partner = wide(x[other]);
  y[i] = narrow<T>(second ? d * partner + c * own : c * own - d * partner);
}
