// grid 4 x 1 x 1, block 256, shared 0, 5 arguments
constexpr int kM = 2;
constexpr int kN = 30;
constexpr int kK = 40;
constexpr int kARow = 40;
constexpr int kBRow = 1;
constexpr int kBColumn = 40;
constexpr int kCRow = 30;
constexpr int kBias = 1;
constexpr int kResidual = 0;
#define kAlpha 0x1p+0f
__device__ __forceinline__ long long a_offset(long long i) { return 0; }
__device__ __forceinline__ long long b_offset(long long i) { return 0; }
__device__ __forceinline__ long long c_offset(long long i) { return 0; }
__device__ __forceinline__ float activate(float x) { return x; }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return activate(sum + bias + residual); }

extern "C" __global__ void __launch_bounds__(256) matmul(const float* __restrict__ a_all, const float* __restrict__ b_all,
    const float* __restrict__ bias, const float* residual, float* c_all) {
  const int column = blockIdx.x * 8 + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (column >= kN) return;
  const float* const pa = a_all + a_offset(blockIdx.z);
  const float* const pb = b_all + b_offset(blockIdx.z) + (long long)column * kBColumn;
  const long long pc = c_offset(blockIdx.z);
  float sums[kM] = {};
  for (int k = lane; k < kK; k += 32) {
    const float v = pb[k];
#pragma unroll
    for (int m = 0; m < kM; ++m) sums[m] += pa[(long long)m * kARow + k] * v;
  }
#pragma unroll
  for (int m = 0; m < kM; ++m) {
    for (int step = 16; step > 0; step /= 2) sums[m] += __shfl_xor_sync(0xffffffffu, sums[m], step);
    const long long o = pc + (long long)m * kCRow + column;
    if (lane == 0) c_all[o] = finish(kAlpha * sums[m], kBias ? bias[column] : 0.0f, kResidual ? residual[o] : 0.0f);
  }
}
