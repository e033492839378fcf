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
using T = unsigned short;
using Eight = Vector<T, 8>;
constexpr int kInH = 5;
constexpr int kInW = 5;
constexpr int kInPitch = 24;
constexpr int kOutH = 8;
constexpr int kOutW = 6;
constexpr int kPitch = 24;
constexpr int kChannels = 20;
constexpr int kVectors = 3;
constexpr int kThreads = 144;
constexpr int kTogether = 0;
#define PADDING *value
__device__ __forceinline__ int source(int n, int h, int w, int c) {
  h -= 2;
  if (h < 0 || h >= 5) return -1;
  w -= 1;
  if (w < 0 || w >= 5) return -1;
  return ((n * kInH + h) * kInW + w) * kInPitch + c;
}
extern "C" __global__ void __launch_bounds__(256) move(const T* __restrict__ x, T* __restrict__ y, const T* __restrict__ value) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kThreads) return;
  const int c = i % kVectors * 8, pixel = i / kVectors, w = pixel % kOutW, h = pixel / kOutW % kOutH;
  const int n = pixel / (kOutW * kOutH);
  Eight made;
  if (kTogether) {
    const int from = source(n, h, w, c);
    for (int j = 0; j < 8; ++j) made.v[j] = PADDING;
    if (from >= 0) made = ((const Eight*)x)[from / 8];
  } else {
    for (int j = 0; j < 8; ++j) {
      const int from = c + j < kChannels ? source(n, h, w, c + j) : 0;
      made.v[j] = c + j >= kChannels ? T{0} : from >= 0 ? x[from] : PADDING;
    }
  }
  ((Eight*)y)[((long long)pixel * kPitch + c) / 8] = made;
}
