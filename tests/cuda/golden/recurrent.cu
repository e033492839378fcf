// grid 3 x 1 x 1, block 256, shared 0, 10 arguments

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
constexpr int kSteps = 1;
constexpr int kBatch = 2;
constexpr int kInput = 5;
constexpr int kHidden = 6;
constexpr int kDirections = 1;
constexpr int kGates = 3;
constexpr int kWarps = 8;
constexpr int kRows = 8;
constexpr int kImages = 2;
constexpr int kBatchFirst = 0;
constexpr int kLengths = 0;
constexpr int kBias = 0;
__device__ __forceinline__ int state_of(int d, int n) { return (kBatchFirst ? n * kDirections + d : d * kBatch + n) * kHidden; }
constexpr int kInitialH = 0;
constexpr int kInitialC = 0;
constexpr int kCells = 0;
constexpr int kResets = 0;

extern "C" __global__ void __launch_bounds__(256) project(const T* __restrict__ x, const T* __restrict__ w,
    const T* __restrict__ bias, const T* __restrict__ initial_h, const T* __restrict__ initial_c,
    const int* __restrict__ lengths, W* gates, W* h, W* c, unsigned* fault) {
  begin();
  const int threads = gridDim.x * gridDim.y * gridDim.z * 256;
  for (int i = ((blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x) * 256 + threadIdx.x;
       i < kDirections * kBatch * kHidden; i += threads) {
    const int d = i / kHidden / kBatch, n = i / kHidden % kBatch;
    const int from = state_of(d, n) + i % kHidden;
    h[i] = kInitialH ? (W)wide(initial_h[from]) : W(0);
    if (kCells) c[i] = kInitialC ? (W)wide(initial_c[from]) : W(0);
    if (kLengths && i % kHidden == 0 && (lengths[n] < 0 || lengths[n] > kSteps)) *fault = 1;
  }
  const int n = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32, d = blockIdx.z, row0 = blockIdx.y * kRows;
  if (n >= kGates * kHidden) return;
  const T* const weights = w + ((long long)d * kGates * kHidden + n) * kInput;
  W sums[kRows] = {};
  for (int k = lane; k < kInput; k += 32) {
    const W v = wide(weights[k]);
#pragma unroll
    for (int r = 0; r < kRows; ++r)
      if (row0 + r < kSteps * kBatch) sums[r] += v * (W)wide(x[(long long)(row0 + r) * kInput + k]);
  }
  W b = 0;
  if (kBias) {
    b = wide(bias[d * 2 * kGates * kHidden + n]);
    if (!kResets || n < 2 * kHidden) b += (W)wide(bias[(d * 2 + 1) * kGates * kHidden + n]);
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    for (int step = 16; step > 0; step /= 2) sums[r] += __shfl_xor_sync(0xffffffffu, sums[r], step);
    if (lane == 0 && row0 + r < kSteps * kBatch)
      gates[((long long)d * kSteps * kBatch + row0 + r) * kGates * kHidden + n] = sums[r] + b;
  }
}
// grid 1 x 1 x 1, block 256, shared 0, 14 arguments

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
constexpr int kSteps = 1;
constexpr int kBatch = 2;
constexpr int kInput = 5;
constexpr int kHidden = 6;
constexpr int kDirections = 1;
constexpr int kGates = 3;
constexpr int kWarps = 8;
constexpr int kRows = 8;
constexpr int kImages = 2;
constexpr int kBatchFirst = 0;
constexpr int kLengths = 0;
constexpr int kBias = 0;
__device__ __forceinline__ int state_of(int d, int n) { return (kBatchFirst ? n * kDirections + d : d * kBatch + n) * kHidden; }
constexpr int kFirstGate = 0;
constexpr int kDots = 2;
constexpr int kFirstReversed = 0;
constexpr int kPeepholes = 0;
constexpr int kCoupled = 0;
constexpr int kY = 1;
constexpr int kYH = 0;
constexpr int kYC = 0;
__device__ __forceinline__ W limited(W x, W low, W high) { return x < low ? low : x > high ? high : x; }
__device__ __forceinline__ W f0(W x, int d) {
  return 1 / (1 + exp(-x));
}
__device__ __forceinline__ W f1(W x, int d) {
  return tanh(x);
}

extern "C" __global__ void __launch_bounds__(256) advance(const W* __restrict__ gates, const T* __restrict__ weights,
    const T* __restrict__ bias, const T* __restrict__ peepholes, const int* __restrict__ lengths,
    const W* __restrict__ factor, const W* __restrict__ h, W* next, W* c, W* kept, T* y, T* y_h, T* y_c,
    const char* mark) {
  begin();
  const int step = (int)(mark - (const char*)gates);
  const int j = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32, d = blockIdx.y;
  const int first = blockIdx.z * kImages;
  if (j >= kHidden) return;
  W sums[kImages][kDots] = {};
  for (int k = lane; k < kHidden; k += 32) {
    W v[kDots];
#pragma unroll
    for (int g = 0; g < kDots; ++g)
      v[g] = wide(weights[((long long)(d * kGates + kFirstGate + g) * kHidden + j) * kHidden + k]);
#pragma unroll
    for (int b = 0; b < kImages; ++b)
      if (first + b < kBatch) {
        const W f = factor[((long long)d * kBatch + first + b) * kHidden + k];
#pragma unroll
        for (int g = 0; g < kDots; ++g) sums[b][g] += f * v[g];
      }
  }
  W dot[kDots] = {};
#pragma unroll
  for (int b = 0; b < kImages; ++b)
#pragma unroll
    for (int g = 0; g < kDots; ++g) {
      for (int s = 16; s > 0; s /= 2) sums[b][g] += __shfl_xor_sync(0xffffffffu, sums[b][g], s);
      if (lane == b) dot[g] = sums[b][g];
    }
  const int n = first + lane;
  if (lane >= kImages || n >= kBatch) return;
  const int length = kLengths ? min(max(lengths[n], 0), kSteps) : kSteps;
  const bool runs = step < length;
  const int t = runs && (d == 1 || kFirstReversed) ? length - 1 - step : step;
  const W* const in = gates + ((long long)d * kSteps * kBatch + (kBatchFirst ? n * kSteps + t : t * kBatch + n)) * kGates * kHidden + j;
  const long long at = ((long long)d * kBatch + n) * kHidden + j;
  const W before = h[at];
  W after = before;
  c[at] = f0(dot[0] + in[0], d);
  kept[at] = f0(dot[1] + in[kHidden], d) * before;
  return;
  next[at] = after;
  if (kY)
    y[(kBatchFirst ? ((long long)n * kSteps + t) * kDirections + d : ((long long)t * kDirections + d) * kBatch + n) * kHidden + j] =
        narrow<T>(runs ? after : W(0));
  if (step + 1 < kSteps) return;
  if (kYH) y_h[state_of(d, n) + j] = narrow<T>(after);
  if (kYC) y_c[state_of(d, n) + j] = narrow<T>(c[at]);
}
// grid 1 x 1 x 1, block 256, shared 0, 14 arguments

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
constexpr int kSteps = 1;
constexpr int kBatch = 2;
constexpr int kInput = 5;
constexpr int kHidden = 6;
constexpr int kDirections = 1;
constexpr int kGates = 3;
constexpr int kWarps = 8;
constexpr int kRows = 8;
constexpr int kImages = 2;
constexpr int kBatchFirst = 0;
constexpr int kLengths = 0;
constexpr int kBias = 0;
__device__ __forceinline__ int state_of(int d, int n) { return (kBatchFirst ? n * kDirections + d : d * kBatch + n) * kHidden; }
constexpr int kFirstGate = 2;
constexpr int kDots = 1;
constexpr int kFirstReversed = 0;
constexpr int kPeepholes = 0;
constexpr int kCoupled = 0;
constexpr int kY = 1;
constexpr int kYH = 0;
constexpr int kYC = 0;
__device__ __forceinline__ W limited(W x, W low, W high) { return x < low ? low : x > high ? high : x; }
__device__ __forceinline__ W f0(W x, int d) {
  return 1 / (1 + exp(-x));
}
__device__ __forceinline__ W f1(W x, int d) {
  return tanh(x);
}

extern "C" __global__ void __launch_bounds__(256) advance(const W* __restrict__ gates, const T* __restrict__ weights,
    const T* __restrict__ bias, const T* __restrict__ peepholes, const int* __restrict__ lengths,
    const W* __restrict__ factor, const W* __restrict__ h, W* next, W* c, W* kept, T* y, T* y_h, T* y_c,
    const char* mark) {
  begin();
  const int step = (int)(mark - (const char*)gates);
  const int j = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32, d = blockIdx.y;
  const int first = blockIdx.z * kImages;
  if (j >= kHidden) return;
  W sums[kImages][kDots] = {};
  for (int k = lane; k < kHidden; k += 32) {
    W v[kDots];
#pragma unroll
    for (int g = 0; g < kDots; ++g)
      v[g] = wide(weights[((long long)(d * kGates + kFirstGate + g) * kHidden + j) * kHidden + k]);
#pragma unroll
    for (int b = 0; b < kImages; ++b)
      if (first + b < kBatch) {
        const W f = factor[((long long)d * kBatch + first + b) * kHidden + k];
#pragma unroll
        for (int g = 0; g < kDots; ++g) sums[b][g] += f * v[g];
      }
  }
  W dot[kDots] = {};
#pragma unroll
  for (int b = 0; b < kImages; ++b)
#pragma unroll
    for (int g = 0; g < kDots; ++g) {
      for (int s = 16; s > 0; s /= 2) sums[b][g] += __shfl_xor_sync(0xffffffffu, sums[b][g], s);
      if (lane == b) dot[g] = sums[b][g];
    }
  const int n = first + lane;
  if (lane >= kImages || n >= kBatch) return;
  const int length = kLengths ? min(max(lengths[n], 0), kSteps) : kSteps;
  const bool runs = step < length;
  const int t = runs && (d == 1 || kFirstReversed) ? length - 1 - step : step;
  const W* const in = gates + ((long long)d * kSteps * kBatch + (kBatchFirst ? n * kSteps + t : t * kBatch + n)) * kGates * kHidden + j;
  const long long at = ((long long)d * kBatch + n) * kHidden + j;
  const W before = h[at];
  W after = before;
  if (runs) {
    const W z = c[at];
    after = (1 - z) * f1(in[2 * kHidden] + dot[0], d) + z * before;
  }
  next[at] = after;
  if (kY)
    y[(kBatchFirst ? ((long long)n * kSteps + t) * kDirections + d : ((long long)t * kDirections + d) * kBatch + n) * kHidden + j] =
        narrow<T>(runs ? after : W(0));
  if (step + 1 < kSteps) return;
  if (kYH) y_h[state_of(d, n) + j] = narrow<T>(after);
  if (kYC) y_c[state_of(d, n) + j] = narrow<T>(c[at]);
}
