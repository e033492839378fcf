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
using T = uint4;
constexpr int kCount = 20;
constexpr int kInner = 2;
constexpr int kSize = 5;
constexpr int kPart = 3;
constexpr int kPerBatch = 1;
constexpr int kStarts = 1;
constexpr int kCircular = 0;
extern "C" __global__ void __launch_bounds__(256) update(const T* __restrict__ x, const T* __restrict__ updates, const long long* __restrict__ starts, T* y, unsigned* fault) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kCount) return;
  const int outer = i / kInner / kSize, entry = i / kInner % kSize;
  const long long start = kStarts ? starts[outer / kPerBatch] : 0;
  if (kPart > 0 && (start < 0 || (!kCircular && start > kSize - kPart))) {
    *fault = 1;
    return;
  }
  int step = entry - (int)(start % kSize);
  if (step < 0) step += kSize;
  y[i] = step < kPart ? updates[(outer * kPart + step) * kInner + i % kInner] : x[i];
}
