// grid 3 x 1 x 1, block 256, shared 0, 4 arguments

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
constexpr int kSteps = 2;
constexpr int kBatch = 1;
constexpr int kInput = 5;
constexpr int kHidden = 6;
constexpr int kWarps = 8;
constexpr int kRows = 8;
constexpr int kImages = 4;
constexpr int kBias = 0;

extern "C" __global__ void __launch_bounds__(256) project(const float* __restrict__ x, const float* __restrict__ w,
    const float* __restrict__ bias, float* __restrict__ gates) {
  wait();
  allow_next();
  const int n = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32, d = blockIdx.z, row0 = blockIdx.y * kRows;
  if (n >= 4 * kHidden) return;
  const float* const weights = w + ((long long)d * 4 * kHidden + n) * kInput;
  float sums[kRows] = {};
  for (int k = lane; k < kInput; k += 32) {
    const float v = weights[k];
#pragma unroll
    for (int r = 0; r < kRows; ++r)
      if (row0 + r < kSteps * kBatch) sums[r] += v * x[(long long)(row0 + r) * kInput + k];
  }
  const float b = kBias ? bias[d * 8 * kHidden + n] + bias[d * 8 * kHidden + 4 * kHidden + n] : 0.0f;
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    for (int step = 16; step > 0; step /= 2) sums[r] += __shfl_xor_sync(0xffffffffu, sums[r], step);
    if (lane == 0 && row0 + r < kSteps * kBatch)
      gates[((long long)d * kSteps * kBatch + row0 + r) * 4 * kHidden + n] = sums[r] + b;
  }
}
// grid 1 x 1 x 1, block 256, shared 0, 10 arguments

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
constexpr int kSteps = 2;
constexpr int kBatch = 1;
constexpr int kInput = 5;
constexpr int kHidden = 6;
constexpr int kWarps = 8;
constexpr int kRows = 8;
constexpr int kImages = 4;
constexpr int kPeepholes = 0;
constexpr int kOutput = 1;
constexpr int kZeroH = 1;
constexpr int kZeroC = 1;

__device__ __forceinline__ float sigmoid(float x) { return 1 / (1 + expf(-x)); }
extern "C" __global__ void __launch_bounds__(256) advance(const float* __restrict__ gates0,
    const float* __restrict__ gates1, const float* __restrict__ r, const float* __restrict__ peepholes,
    const float* __restrict__ h, const float* __restrict__ c, float* __restrict__ next_h, float* __restrict__ next_c,
    float* __restrict__ y0, float* __restrict__ y1) {
  wait();
  allow_next();
  const int j = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32, d = blockIdx.y;
  const int first = blockIdx.z * kImages;
  if (j >= kHidden) return;
  float sums[kImages][4] = {};
  for (int k = lane; k < kHidden; k += 32) {
    float weights[4];
#pragma unroll
    for (int g = 0; g < 4; ++g) weights[g] = r[((long long)(d * 4 + g) * kHidden + j) * kHidden + k];
#pragma unroll
    for (int b = 0; b < kImages; ++b)
      if (first + b < kBatch) {
        const float v = kZeroH ? 0.0f : h[((long long)d * kBatch + first + b) * kHidden + k];
#pragma unroll
        for (int g = 0; g < 4; ++g) sums[b][g] += v * weights[g];
      }
  }
#pragma unroll
  for (int b = 0; b < kImages; ++b) {
#pragma unroll
    for (int g = 0; g < 4; ++g)
      for (int step = 16; step > 0; step /= 2) sums[b][g] += __shfl_xor_sync(0xffffffffu, sums[b][g], step);
    if (lane != 0 || first + b >= kBatch) continue;
    const float* const own = (d ? gates1 : gates0) + (long long)(first + b) * 4 * kHidden + j;
    const float* const hole = peepholes + d * 3 * kHidden + j;
    const long long at = ((long long)d * kBatch + first + b) * kHidden + j;
    const float old = kZeroC ? 0.0f : c[at];
    const float i = sigmoid(sums[b][0] + own[0] + (kPeepholes ? hole[0] * old : 0.0f));
    const float f = sigmoid(sums[b][2] + own[2 * kHidden] + (kPeepholes ? hole[2 * kHidden] * old : 0.0f));
    const float made = f * old + i * tanhf(sums[b][3] + own[3 * kHidden]);
    const float o = sigmoid(sums[b][1] + own[kHidden] + (kPeepholes ? hole[kHidden] * made : 0.0f));
    const float out = o * tanhf(made);
    next_c[at] = made;
    next_h[at] = out;
    if (kOutput) (d ? y1 : y0)[(long long)(first + b) * kHidden + j] = out;
  }
}
// grid 1 x 1 x 1, block 256, shared 0, 10 arguments

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
constexpr int kSteps = 2;
constexpr int kBatch = 1;
constexpr int kInput = 5;
constexpr int kHidden = 6;
constexpr int kWarps = 8;
constexpr int kRows = 8;
constexpr int kImages = 4;
constexpr int kPeepholes = 0;
constexpr int kOutput = 1;
constexpr int kZeroH = 0;
constexpr int kZeroC = 0;

__device__ __forceinline__ float sigmoid(float x) { return 1 / (1 + expf(-x)); }
extern "C" __global__ void __launch_bounds__(256) advance(const float* __restrict__ gates0,
    const float* __restrict__ gates1, const float* __restrict__ r, const float* __restrict__ peepholes,
    const float* __restrict__ h, const float* __restrict__ c, float* __restrict__ next_h, float* __restrict__ next_c,
    float* __restrict__ y0, float* __restrict__ y1) {
  wait();
  allow_next();
  const int j = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32, d = blockIdx.y;
  const int first = blockIdx.z * kImages;
  if (j >= kHidden) return;
  float sums[kImages][4] = {};
  for (int k = lane; k < kHidden; k += 32) {
    float weights[4];
#pragma unroll
    for (int g = 0; g < 4; ++g) weights[g] = r[((long long)(d * 4 + g) * kHidden + j) * kHidden + k];
#pragma unroll
    for (int b = 0; b < kImages; ++b)
      if (first + b < kBatch) {
        const float v = kZeroH ? 0.0f : h[((long long)d * kBatch + first + b) * kHidden + k];
#pragma unroll
        for (int g = 0; g < 4; ++g) sums[b][g] += v * weights[g];
      }
  }
#pragma unroll
  for (int b = 0; b < kImages; ++b) {
#pragma unroll
    for (int g = 0; g < 4; ++g)
      for (int step = 16; step > 0; step /= 2) sums[b][g] += __shfl_xor_sync(0xffffffffu, sums[b][g], step);
    if (lane != 0 || first + b >= kBatch) continue;
    const float* const own = (d ? gates1 : gates0) + (long long)(first + b) * 4 * kHidden + j;
    const float* const hole = peepholes + d * 3 * kHidden + j;
    const long long at = ((long long)d * kBatch + first + b) * kHidden + j;
    const float old = kZeroC ? 0.0f : c[at];
    const float i = sigmoid(sums[b][0] + own[0] + (kPeepholes ? hole[0] * old : 0.0f));
    const float f = sigmoid(sums[b][2] + own[2 * kHidden] + (kPeepholes ? hole[2 * kHidden] * old : 0.0f));
    const float made = f * old + i * tanhf(sums[b][3] + own[3 * kHidden]);
    const float o = sigmoid(sums[b][1] + own[kHidden] + (kPeepholes ? hole[kHidden] * made : 0.0f));
    const float out = o * tanhf(made);
    next_c[at] = made;
    next_h[at] = out;
    if (kOutput) (d ? y1 : y0)[(long long)(first + b) * kHidden + j] = out;
  }
}
