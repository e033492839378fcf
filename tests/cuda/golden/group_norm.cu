// grid 6 x 1 x 1, block 32, shared 0, 4 arguments
constexpr int kThreads = 32;
constexpr int kSize = 10;
constexpr int kInner = 1;

template <class F>
__device__ __forceinline__ float over_block(float v, F f) {
  __shared__ float partial[32];
  for (int step = 16; step > 0; step /= 2) v = f(v, __shfl_xor_sync(0xffffffffu, v, step));
  __syncthreads();
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = v;
  __syncthreads();
  v = partial[0];
  for (int i = 1; i < kThreads / 32; ++i) v = f(v, partial[i]);
  return v;
}
__device__ __forceinline__ float plus(float a, float b) { return a + b; }
__device__ __forceinline__ float larger(float a, float b) { return a != a ? a : b != b ? b : fmaxf(a, b); }
__device__ __forceinline__ float smaller(float a, float b) { return a != a ? a : b != b ? b : fminf(a, b); }
__device__ __forceinline__ float times(float a, float b) { return a * b; }

__device__ __forceinline__ long long start_of(int set) {
  return (long long)(set / kInner) * kSize * kInner + set % kInner;
}
constexpr int kCentred = 1;
constexpr int kPerChannel = 1;
constexpr int kGroups = 3;
constexpr int kSpatial = 5;
constexpr int kBias = 1;
#define kEpsilon 0x1.4f8b58p-17f

extern "C" __global__ void __launch_bounds__(kThreads) normalize(const float* __restrict__ x,
    const float* __restrict__ scale, const float* __restrict__ bias, float* __restrict__ y) {
  const long long start = (long long)blockIdx.x * kSize;
  float mean = 0, square = 0;
  if (kCentred) {
    for (int k = threadIdx.x; k < kSize; k += kThreads) mean += x[start + k];
    mean = over_block(mean, plus) / kSize;
  }
  for (int k = threadIdx.x; k < kSize; k += kThreads) {
    const float d = x[start + k] - mean;
    square += d * d;
  }
  const float factor = 1 / sqrtf(over_block(square, plus) / kSize + kEpsilon);
  for (int k = threadIdx.x; k < kSize; k += kThreads) {
    const int c = kPerChannel ? (int)(blockIdx.x % kGroups) * (kSize / kSpatial) + k / kSpatial : k;
    y[start + k] = (x[start + k] - mean) * factor * scale[c] + (kBias ? bias[c] : 0.0f);
  }
}
