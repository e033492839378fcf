// grid 2 x 1 x 1, block 256, shared 0, 2 arguments

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
using X = half;
using S = half;
constexpr int kPixels = 81;
constexpr int kChannels = 24;
constexpr int kLanes = 24;
constexpr int kUnits = 3;
constexpr int kOfGroup = 8;
constexpr int kPitchIn = 24;
constexpr int kPitchOut = 24;
constexpr int kParts = 1;
constexpr int kPart = 81;
constexpr int kTeam = 2;
constexpr int kBlock = 256;
constexpr int kBlocks = 1;
#define EPSILON 0x1.4f8b58p-17f

extern "C" __global__ void __launch_bounds__(kBlock) sums(const X* x, float* all) {
  begin();
  constexpr int kRows = kBlock / kTeam, kElements = kTeam * 8;
  const int column = threadIdx.x % kTeam, row = threadIdx.x / kTeam, lane = (blockIdx.x * kTeam + column) * 8;
  const int last = (blockIdx.y + 1) * kPart < kPixels ? (blockIdx.y + 1) * kPart : kPixels;
  const X* const image = x + blockIdx.z * (kPixels * kPitchIn);
  float sum[8] = {}, square[8] = {};
  if (lane < kLanes) {
    float shift[8];
    for (int k = 0; k < 8; ++k) shift[k] = lane + k < kChannels ? wide(image[(lane + k) / kOfGroup * kOfGroup]) : 0;
#pragma unroll 4
    for (int i = blockIdx.y * kPart + row; i < last; i += kRows) {
      const Vector<X, 8> v = load<8>(image + i * kPitchIn + lane);
      for (int k = 0; k < 8; ++k) {
        const float d = wide(v.v[k]) - shift[k];
        sum[k] += d;
        square[k] += d * d;
      }
    }
  }
#pragma unroll
  for (int mask = kTeam; mask < 32; mask *= 2)
    for (int k = 0; k < 8; ++k) {
      sum[k] += __shfl_xor_sync(0xffffffffu, sum[k], mask);
      square[k] += __shfl_xor_sync(0xffffffffu, square[k], mask);
    }
  __shared__ float partial[kBlock / 32][2][kElements];
  if (threadIdx.x % 32 < kTeam)
    for (int k = 0; k < 8; ++k) {
      partial[threadIdx.x / 32][0][column * 8 + k] = sum[k];
      partial[threadIdx.x / 32][1][column * 8 + k] = square[k];
    }
  __syncthreads();
  for (int i = threadIdx.x; i < 2 * kElements; i += kBlock) {
    const int of = i / kElements, at = blockIdx.x * kElements + i % kElements;
    float total = 0;
    for (int w = 0; w < kBlock / 32; ++w) total += partial[w][of][i % kElements];
    if (at < kLanes) all[((blockIdx.z * kParts + blockIdx.y) * 2 + of) * kLanes + at] = total;
  }
}
// grid 1 x 1 x 1, block 256, shared 0, 5 arguments

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
using X = half;
using S = half;
constexpr int kPixels = 81;
constexpr int kChannels = 24;
constexpr int kLanes = 24;
constexpr int kUnits = 3;
constexpr int kOfGroup = 8;
constexpr int kPitchIn = 24;
constexpr int kPitchOut = 24;
constexpr int kParts = 1;
constexpr int kPart = 81;
constexpr int kTeam = 2;
constexpr int kBlock = 256;
constexpr int kBlocks = 1;
#define EPSILON 0x1.4f8b58p-17f

extern "C" __global__ void __launch_bounds__(256) apply(const X* x, const float* all, const S* scale, const S* bias,
    X* y) {
  begin();
  __shared__ float sum[kLanes], square[kLanes], factor[kLanes], offset[kLanes];
  const X* const image = x + blockIdx.y * (kPixels * kPitchIn);
  for (int c = threadIdx.x; c < kLanes; c += 256) {
    float s = 0, q = 0;
    for (int part = 0; part < kParts; ++part) {
      const float* const of_part = all + (blockIdx.y * kParts + part) * 2 * kLanes + c;
      s += of_part[0];
      q += of_part[kLanes];
    }
    sum[c] = s;
    square[c] = q;
  }
  __syncthreads();
  for (int c = threadIdx.x; c < kLanes; c += 256) {
    factor[c] = offset[c] = 0;
    if (c >= kChannels) continue;
    const int first = c / kOfGroup * kOfGroup;
    float s = 0, q = 0;
    for (int k = 0; k < kOfGroup; ++k) {
      s += sum[first + k];
      q += square[first + k];
    }
    constexpr float kShare = 1.0f / ((float)kOfGroup * kPixels);
    const float mean = s * kShare, variance = q * kShare - mean * mean;
    factor[c] = wide(scale[c]) / sqrt((variance > 0 ? variance : 0 * variance) + EPSILON);
    offset[c] = wide(bias[c]) - (mean + wide(image[first])) * factor[c];
  }
  __syncthreads();
  for (int i = blockIdx.x * 256 + threadIdx.x; i < kPixels * kUnits; i += kBlocks * 256) {
    const int pixel = i / kUnits, lane = i % kUnits * 8;
    const Vector<X, 8> v = load<8>(image + pixel * kPitchIn + lane);
    Vector<X, 8> r;
    for (int k = 0; k < 8; ++k)
      r.v[k] = lane + k < kChannels ? narrow<X>(wide(v.v[k]) * factor[lane + k] + offset[lane + k]) : X{};
    store<8>(y + blockIdx.y * (kPixels * kPitchOut) + pixel * kPitchOut + lane, r);
  }
}
