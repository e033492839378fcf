// grid 1 x 1 x 1, block 256, shared 0, 2 arguments
constexpr int kElements = 210;
using T = unsigned short;
extern "C" __global__ void __launch_bounds__(256) copy(const T* __restrict__ x, T* __restrict__ y) {
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i < kElements) y[i] = x[(i % 30) * 7 + (i / 30)];
}
