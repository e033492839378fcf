// grid 2 x 2 x 6, block 256, shared 0, 5 arguments
constexpr int kM = 33;
constexpr int kN = 40;
constexpr int kK = 20;
constexpr int kARow = 20;
constexpr int kBRow = 40;
constexpr int kBColumn = 1;
constexpr int kCRow = 40;
constexpr int kBias = 0;
constexpr int kResidual = 0;
#define kAlpha 0x1p+0f
__device__ __forceinline__ long long a_offset(long long i) { return (i) * 660; }
__device__ __forceinline__ long long b_offset(long long i) { return (i % 3) * 800; }
__device__ __forceinline__ long long c_offset(long long i) { return (i) * 1320; }
__device__ __forceinline__ float activate(float x) { return x; }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return activate(sum + bias + residual); }
constexpr int kTile = 32;

constexpr int kStep = 16, kR = kTile / 16;
constexpr bool kAlongK = kBRow == 1 && kBColumn != 1;  // how B is contiguous
extern "C" __global__ void __launch_bounds__(256) matmul(const float* __restrict__ a_all, const float* __restrict__ b_all,
    const float* __restrict__ bias, const float* residual, float* c_all) {
  __shared__ float a[kStep][kTile + 4], b[kStep][kTile + 4];
  const int t = threadIdx.x, tx = t % 16, ty = t / 16;
  const int column0 = blockIdx.x * kTile, row0 = blockIdx.y * kTile;
  const float* const pa = a_all + a_offset(blockIdx.z);
  const float* const pb = b_all + b_offset(blockIdx.z);
  const long long pc = c_offset(blockIdx.z);
  constexpr int kRows = 256 / kTile;
  float sums[kR][kR] = {}, next_a[kR], next_b[kR];
  const auto load = [&](int k0) {
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int row = row0 + t / kStep + 16 * j, k = k0 + t % kStep;
      next_a[j] = row < kM && k < kK ? pa[(long long)row * kARow + k] : 0.0f;
    }
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int k = k0 + (kAlongK ? t % kStep : t / kTile + kRows * j);
      const int column = column0 + (kAlongK ? t / kStep + 16 * j : t % kTile);
      next_b[j] = column < kN && k < kK ? pb[(long long)k * kBRow + (long long)column * kBColumn] : 0.0f;
    }
  };
  load(0);
  for (int k0 = 0; k0 < kK; k0 += kStep) {
#pragma unroll
    for (int j = 0; j < kR; ++j) a[t % kStep][t / kStep + 16 * j] = next_a[j];
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      if (kAlongK)
        b[t % kStep][t / kStep + 16 * j] = next_b[j];
      else
        b[t / kTile + kRows * j][t % kTile] = next_b[j];
    }
    __syncthreads();
    if (k0 + kStep < kK) load(k0 + kStep);
#pragma unroll
    for (int k = 0; k < kStep; ++k) {
      float u[kR], v[kR];
#pragma unroll
      for (int j = 0; j < kR; ++j) u[j] = a[k][ty * kR + j], v[j] = b[k][tx + 16 * j];
#pragma unroll
      for (int i = 0; i < kR; ++i)
#pragma unroll
        for (int j = 0; j < kR; ++j) sums[i][j] += u[i] * v[j];
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kR; ++i) {
    const int row = row0 + ty * kR + i;
    if (row >= kM) continue;
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int column = column0 + tx + 16 * j;
      if (column >= kN) continue;
      const long long o = pc + (long long)row * kCRow + column;
      c_all[o] = finish(kAlpha * sums[i][j], kBias ? bias[column] : 0.0f, kResidual ? residual[o] : 0.0f);
    }
  }
}
