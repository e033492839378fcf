// grid 1 x 1 x 1, block 256, shared 0, 3 arguments
constexpr int kElements = 24;

__device__ __forceinline__ float larger(float a, float b) { return a != a ? a : b != b ? b : fmaxf(a, b); }
__device__ __forceinline__ float smaller(float a, float b) { return a != a ? a : b != b ? b : fminf(a, b); }
__device__ __forceinline__ float softplus(float x) { return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x))); }
extern "C" __global__ void __launch_bounds__(256) pointwise(const float* __restrict__ p0, const float* __restrict__ p1, float* __restrict__ y) {
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kElements) return;
  const float x0 = p0[(i)];
  const float x1 = p1[(i / 4 % 3)];
  const float t0 = x0 * x1;
  const float t1 = smaller(larger(t0, 0x0p+0f), 0x1.8p+2f);
  const float t2 = 0.5f * t1 * (1 + erff(t1 * 0.70710678f));
  y[i] = t2;
}
