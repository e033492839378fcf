// grid 1 x 1 x 1, block 256, shared 0, 2 arguments
constexpr int kElements = 30;
using T = unsigned;
extern "C" __global__ void __launch_bounds__(256) copy(const T* __restrict__ x, T* __restrict__ y) {
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i < kElements) y[(i % 5) + (i / 5) * 6] = x[i];
}
// grid 1 x 1 x 1, block 256, shared 0, 2 arguments
constexpr int kElements = 6;
using T = unsigned;
extern "C" __global__ void __launch_bounds__(256) copy(const T* __restrict__ x, T* __restrict__ y) {
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i < kElements) y[(i) * 6] = x[i];
}
