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
constexpr int kKvHeads = 1;
constexpr int kKeys = 5;
constexpr int kPast = 4;
constexpr int kTotal = 9;
constexpr int kFlat = 0;
using E = float;
constexpr int kCount = 72;
constexpr int kSize = 8;

extern "C" __global__ void __launch_bounds__(256) present(const E* __restrict__ past, const E* __restrict__ now, E* all) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kCount) return;
  const int d = i % kSize, at = i / kSize % kTotal - kPast, head = i / kSize / kTotal % kKvHeads, b = i / kSize / kTotal / kKvHeads;
  all[i] = at < 0 ? past[((b * kKvHeads + head) * kPast + at + kPast) * kSize + d]
                  : now[(kFlat ? (b * kKeys + at) * kKvHeads + head : (b * kKvHeads + head) * kKeys + at) * kSize + d];
}
// grid 6 x 1 x 1, block 256, shared 0, 10 arguments

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
constexpr int kKvHeads = 1;
constexpr int kKeys = 5;
constexpr int kPast = 4;
constexpr int kTotal = 9;
constexpr int kFlat = 0;
using T = float;
using V = float;
using Mask = float;
using W = float;
constexpr int kHeads = 2;
constexpr int kQueries = 3;
constexpr int kDepth = 8;
constexpr int kValues = 6;
constexpr int kChunk = 1024;
constexpr int kShare = 1;
constexpr int kMode = -1;
constexpr int kCausal = 1;
constexpr int kValid = 0;
#define kScale 0x1.6a09e6p-2f
constexpr int kCapped = 0;
#define kCap 0x0p+0f
constexpr int kMasked = 0;
constexpr int kMaskWidth = 1;
constexpr int kMaskSpread = 1;
#define MASK_ROW 0

template <class F> __device__ __forceinline__ W over_block(W v, F f) {
  __shared__ W partial[8];
  for (int step = 16; step > 0; step /= 2) v = f(v, __shfl_xor_sync(0xffffffffu, v, step));
  __syncthreads();
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = v;
  __syncthreads();
  v = partial[0];
  for (int i = 1; i < 8; ++i) v = f(v, partial[i]);
  return v;
}
__device__ __forceinline__ W plus(W a, W b) { return a + b; }
__device__ __forceinline__ W larger(W a, W b) { return a < b ? b : a; }
__device__ __forceinline__ W masked(bool keep) { return keep ? W(0) : -W(__uint_as_float(0x7f800000u)); }
template <class M> __device__ __forceinline__ W masked(M value) { return wide(value); }
// Where row `at` of a head of keys or values lies: in the cache, or behind it among those of now.
template <class E> __device__ __forceinline__ const E* row_of(const E* past, const E* now, int b, int head, int at, int size) {
  if (at < kPast) return past + (((long long)b * kKvHeads + head) * kPast + at) * size;
  at -= kPast;
  return now + (kFlat ? ((long long)b * kKeys + at) * kKvHeads + head : ((long long)b * kKvHeads + head) * kKeys + at) * size;
}

extern "C" __global__ void __launch_bounds__(256) attention(const T* __restrict__ q, const T* __restrict__ k,
    const V* __restrict__ v, const Mask* __restrict__ mask, const T* __restrict__ past_k, const V* __restrict__ past_v,
    const long long* __restrict__ valid, T* __restrict__ y, T* scores_out, W* kept) {
  begin();
  __shared__ W query[kDepth + 1], scores[kChunk];
  const int row = blockIdx.x, i = row % kQueries, head = row / kQueries % kHeads, b = row / kQueries / kHeads;
  const int shared_head = head / (kHeads / kKvHeads), lane = threadIdx.x % 32;
  const long long own = kFlat ? ((long long)b * kQueries + i) * kHeads + head : row;
  const W least = -W(__uint_as_float(0x7f800000u));
  for (int d = threadIdx.x; d < kDepth; d += 256) query[d] = wide(q[own * kDepth + d]);
  W most = least, sum = 0, all[kShare] = {};
  for (int first = 0; first < kTotal; first += kChunk) {
    const int count = min(kChunk, kTotal - first);
    __syncthreads();
    for (int c = threadIdx.x / 32; c < count; c += 8) {
      const int j = first + c;
      const T* const key = row_of(past_k, k, b, shared_head, j, kDepth);
      W s = 0;
      for (int d = lane; d < kDepth; d += 32) s += query[d] * (W)wide(key[d]);
      for (int step = 16; step > 0; step /= 2) s += __shfl_xor_sync(0xffffffffu, s, step);
      if (lane != 0) continue;
      const long long at = (long long)row * kTotal + j;
      s *= kScale;
      if (kMode == 0) scores_out[at] = narrow<T>(s);
      if (kCapped) s = tanh(s / kCap) * kCap;
      if (kMode == 1) scores_out[at] = narrow<T>(s);
      if (kMasked) s += kMaskSpread ? masked(mask[MASK_ROW]) : j < kMaskWidth ? masked(mask[(MASK_ROW) * kMaskWidth + j]) : least;
      if ((kCausal && j > kPast + i) || (kValid && j >= valid[b])) s = least;
      if (kMode == 2) scores_out[at] = narrow<T>(s);
      if (kMode == 3) kept[at] = s;
      scores[c] = s;
    }
    __syncthreads();
    W now = most, part = 0;
    for (int c = threadIdx.x; c < count; c += 256) now = larger(now, scores[c]);
    now = over_block(now, larger);
    if (now == least) continue;
    for (int c = threadIdx.x; c < count; c += 256) {
      scores[c] = exp(scores[c] - now);
      part += scores[c];
    }
    const W shrunk = exp(most - now);
    sum = sum * shrunk + over_block(part, plus);
    most = now;
#pragma unroll
    for (int n = 0; n < kShare; ++n) {
      const int d = n * 256 + threadIdx.x;
      all[n] *= shrunk;
      if (d < kValues)
        for (int c = 0; c < count; ++c)
          all[n] += scores[c] * (W)wide(row_of(past_v, v, b, shared_head, first + c, kValues)[d]);
    }
  }
#pragma unroll
  for (int n = 0; n < kShare; ++n)
    if (n * 256 + threadIdx.x < kValues) y[own * kValues + n * 256 + threadIdx.x] = narrow<T>(most == least ? W(0) : all[n] / sum);
  if (kMode != 3) return;
  __syncthreads();
  for (int j = threadIdx.x; j < kTotal; j += 256) {
    const long long at = (long long)row * kTotal + j;
    scores_out[at] = narrow<T>(most == least ? W(0) : exp(kept[at] - most) / sum);
  }
}
