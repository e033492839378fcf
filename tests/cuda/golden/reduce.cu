// grid 10 x 1 x 1, block 32, shared 0, 2 arguments
constexpr int kThreads = 32;
constexpr int kSize = 3;
constexpr int kInner = 5;

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
#define START -__uint_as_float(0x7f800000u)
#define JOIN larger
#define TERM(v) (v)
#define FINISH(v) (v)

extern "C" __global__ void __launch_bounds__(kThreads) reduce(const float* __restrict__ x, float* __restrict__ y) {
  const long long start = start_of(blockIdx.x);
  float all = START;
  for (int k = threadIdx.x; k < kSize; k += kThreads) {
    const float v = x[start + (long long)k * kInner];
    all = JOIN(all, TERM(v));
  }
  all = over_block(all, JOIN);
  if (threadIdx.x == 0) y[blockIdx.x] = FINISH(all);
}
