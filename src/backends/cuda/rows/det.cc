// Det: a block eliminates one matrix, in f64 as the reference does.
#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

Verdict supports(const Problem& p, const Device&) {
  const TensorInfo& x = p.inputs[0];
  if (!is_float(x.type) || !type_name(x.type) || x.channel_block) return no("row-major floats only");
  if (elements(x.shape) > kMostElements || elements(p.outputs[0].shape) > kMostElements)
    return no("more than 2^31 elements");
  return yes();
}

constexpr const char* kEliminate = R"(
extern "C" __global__ void __launch_bounds__(kThreads) det(const X* __restrict__ x, double* room, X* __restrict__ y) {
  __shared__ double shared[kShared ? kSize * kSize + 1 : 1];
  __shared__ int chosen;
  begin();
  double* const m = kShared ? shared : room + (long long)blockIdx.x * kSize * kSize;
  const X* const from = x + (long long)blockIdx.x * kSize * kSize;
  for (int i = threadIdx.x; i < kSize * kSize; i += kThreads) m[i] = wide(from[i]);
  __syncthreads();
  double product = 1;
  for (int column = 0; column < kSize && product != 0; ++column) {
    if (threadIdx.x < 32) {  // the greatest element below, the first of equals; no number loses, but as the first
      double best = -1;
      int row = kSize;
      for (int r = column + threadIdx.x; r < kSize; r += 32) {
        const double v = m[r * kSize + column], size = v == v ? fabs(v) : r > column ? -1.0 : (double)__uint_as_float(0x7f800000u);
        if (size > best) best = size, row = r;
      }
      for (int mask = 16; mask > 0; mask /= 2) {
        const double size = __shfl_xor_sync(0xffffffffu, best, mask);
        const int r = __shfl_xor_sync(0xffffffffu, row, mask);
        if (size > best || (size == best && r < row)) best = size, row = r;
      }
      if (threadIdx.x == 0) chosen = row;
    }
    __syncthreads();
    const int pivot = chosen;
    if (pivot != column) {
      product = -product;
      for (int i = column + threadIdx.x; i < kSize; i += kThreads) {
        const double v = m[column * kSize + i];
        m[column * kSize + i] = m[pivot * kSize + i];
        m[pivot * kSize + i] = v;
      }
      __syncthreads();
    }
    const double top = m[column * kSize + column];
    product *= top;
    // Elements right of the column; those in it are read until all are done, and never again.
    const int left = kSize - column - 1;
    for (int i = threadIdx.x; i < left * left; i += kThreads) {
      const int row = column + 1 + i / left, at = column + 1 + i % left;
      m[row * kSize + at] -= m[row * kSize + column] / top * m[column * kSize + at];
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) y[blockIdx.x] = narrow<X>(product);
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  const int64_t size = p.inputs[0].shape.back(), matrices = elements(p.outputs[0].shape);
  if (matrices == 0) return Job();
  constexpr int64_t kMostShared = 70;  // 38 KB
  const bool shared = size <= kMostShared;
  Job job;
  job.workspace = shared ? 0 : static_cast<size_t>(matrices * size * size) * sizeof(double);
  Launch launch;
  launch.name = "det";
  launch.waits = true;
  launch.block = size <= 8 ? 32 : size <= 32 ? 128 : shared ? 256 : 1024;
  launch.grid[0] = static_cast<unsigned>(matrices);
  Source source;
  source.add(prelude()).add(element_helpers()).add(std::string("using X = ") + type_name(p.inputs[0].type) + ";\n");
  source.constant("kSize", size).constant("kShared", shared).constant("kThreads", launch.block);
  launch.source = source.add(kEliminate).text();
  launch.arguments = {input(0), workspace(), output()};
  job.launches.push_back(std::move(launch));
  return job;
}

}  // namespace

extern const Tactic det_tactic{
    .name = "cuda_det",
    .version = 1,
    .operators = {"Det"},
    .supports = supports,
    .estimate = estimate_bytes<300>,
    .generate = generate,
};

}  // namespace vivace::cuda
