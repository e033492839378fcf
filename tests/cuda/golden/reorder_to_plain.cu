// grid 1 x 1 x 2, block 256, shared 0, 2 arguments

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
using Last = bfloat;
using Plain = bfloat;

template <class A, class B> struct Conversion {
  static __device__ __forceinline__ A of(B x) { return from_float<A>(to_float(x)); }
};
template <class A> struct Conversion<A, A> {
  static __device__ __forceinline__ A of(A x) { return x; }
};
using Eight = Vector<Last, 8>;
constexpr int kChannels = 13;
constexpr int kPixels = 63;
constexpr int kPitch = 24;
constexpr int kTileC = 16;
constexpr int kTileP = 64;

extern "C" __global__ void __launch_bounds__(256) reorder(const Last* __restrict__ x, Plain* __restrict__ y) {
  __shared__ Last tile[kTileC][kTileP + 1];
  begin();
  const int p0 = blockIdx.x * kTileP, c0 = blockIdx.y * kTileC;
  const Last* const from = x + (long long)blockIdx.z * kPixels * kPitch;
  Plain* const to = y + (long long)blockIdx.z * kChannels * kPixels;
  for (int i = threadIdx.x; i < kTileC / 8 * kTileP; i += 256) {
    const int c = i % (kTileC / 8) * 8, p = i / (kTileC / 8);
    if (c0 + c >= kChannels || p0 + p >= kPixels) continue;
    const Eight v = ((const Eight*)from)[((long long)(p0 + p) * kPitch + c0 + c) / 8];
    for (int j = 0; j < 8; ++j) tile[c + j][p] = v.v[j];
  }
  __syncthreads();
#pragma unroll 4
  for (int i = threadIdx.x; i < kTileC * kTileP; i += 256) {
    const int c = c0 + i / kTileP, p = p0 + i % kTileP;
    if (c < kChannels && p < kPixels)
      to[(long long)c * kPixels + p] = Conversion<Plain, Last>::of(tile[i / kTileP][i % kTileP]);
  }
}
