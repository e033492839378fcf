// grid 2 x 1 x 1, block 256, shared 0, 8 arguments

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
using S = float;
using P = float;
constexpr int kBatches = 1;
constexpr int kSteps = 7;
constexpr int kHeads = 4;
constexpr int kKvHeads = 2;
constexpr int kKeys = 3;
constexpr int kValues = 5;
constexpr int kDecays = 0;
constexpr int kBetas = 0;
constexpr int kDelta = 0;
constexpr int kPast = 0;
constexpr int kPresent = 0;
#define kScale 0x1.279a74p-1f

__device__ __forceinline__ float over_warp(float v) {
  for (int step = 16; step > 0; step /= 2) v += __shfl_xor_sync(0xffffffffu, v, step);
  return v;
}
extern "C" __global__ void __launch_bounds__(256) attend(const T* __restrict__ q, const T* __restrict__ k,
    const T* __restrict__ v, const S* __restrict__ past, const T* __restrict__ decay, const T* __restrict__ beta,
    T* __restrict__ y, P* __restrict__ present) {
  begin();
  const int warp = (blockIdx.x * 256 + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (warp >= kBatches * kKvHeads * kValues) return;
  const int j = warp % kValues, task = warp / kValues, batch = task / kKvHeads, head = task % kKvHeads;
  constexpr int kShare = (kKeys + 31) / 32, kGroup = kHeads / kKvHeads;
  float state[kShare], key[kShare];
#pragma unroll
  for (int s = 0; s < kShare; ++s) {
    const int i = s * 32 + lane;
    state[s] = kPast && i < kKeys ? (float)wide(past[((long long)task * kKeys + i) * kValues + j]) : 0.0f;
  }
  for (int t = 0; t < kSteps; ++t) {
    const long long row = (long long)batch * kSteps + t;
    float retrieved = 0;
#pragma unroll
    for (int s = 0; s < kShare; ++s) {
      const int i = s * 32 + lane;
      const bool in = i < kKeys;
      key[s] = in ? (float)wide(k[(row * kKvHeads + head) * kKeys + i]) : 0.0f;
      if (kDecays && in)
        state[s] *= expf((float)wide(decay[row * kDecays + (kDecays == kKvHeads ? head : head * kKeys + i)]));
      retrieved += state[s] * key[s];
    }
    float update = wide(v[(row * kKvHeads + head) * kValues + j]);
    if (kDelta) update = (float)wide(beta[row * kBetas + (kBetas == 1 ? 0 : head)]) * (update - over_warp(retrieved));
#pragma unroll
    for (int s = 0; s < kShare; ++s) state[s] += key[s] * update;
#pragma unroll 1
    for (int reader = head * kGroup; reader < (head + 1) * kGroup; ++reader) {
      float sum = 0;
#pragma unroll
      for (int s = 0; s < kShare; ++s) {
        const int i = s * 32 + lane;
        if (i < kKeys) sum += (float)wide(q[(row * kHeads + reader) * kKeys + i]) * state[s];
      }
      sum = over_warp(sum);
      if (lane == 0) y[(row * kHeads + reader) * kValues + j] = narrow<T>(kScale * sum);
    }
  }
  if (!kPresent) return;
#pragma unroll
  for (int s = 0; s < kShare; ++s) {
    const int i = s * 32 + lane;
    if (i < kKeys) present[((long long)task * kKeys + i) * kValues + j] = narrow<P>(state[s]);
  }
}
