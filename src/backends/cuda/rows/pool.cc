// Maximum and average pooling of images in f32, one thread per element.
#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

namespace {

Verdict supports(const Problem& p, const Device&) {
  cpu::PoolShape shape;
  if (elements(p.inputs[0].shape) > INT32_MAX) return no("more than 2^31 elements");
  return cpu::pooling_of(p, shape);
}

constexpr const char* kPool = R"(
extern "C" __global__ void __launch_bounds__(256) pool(const float* __restrict__ x, float* __restrict__ y) {
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kElements) return;
  const int h0 = i / kOutW % kOutH * kStrideH - kPadH, w0 = i % kOutW * kStrideW - kPadW;
  const float* const image = x + (long long)(i / (kOutH * kOutW)) * (kInH * kInW);
  float all = kMax ? -__uint_as_float(0x7f800000u) : 0.0f;
  int seen = 0;
  for (int kh = 0; kh < kKernelH; ++kh)
    for (int kw = 0; kw < kKernelW; ++kw) {
      const int h = h0 + kh * kDilationH, w = w0 + kw * kDilationW;
      if (kWithPadding && h < kInH + kPadBottom && w < kInW + kPadRight) ++seen;
      if (h < 0 || h >= kInH || w < 0 || w >= kInW) continue;
      const float v = image[h * kInW + w];
      if (!kWithPadding) ++seen;
      all = kMax ? (v != v || all != all ? v + all : fmaxf(all, v)) : all + v;
    }
  y[i] = kMax ? all : all / seen;
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  cpu::PoolShape shape;
  if (const Verdict verdict = cpu::pooling_of(p, shape); !verdict)
    return Status(Code::internal, p.node->describe() + ": " + verdict.reason);
  const cpu::ConvShape& s = shape.window;
  Launch launch;
  launch.name = "pool";
  Source source;
  source.constant("kElements", elements(p.outputs[0].shape)).constant("kMax", shape.pooling == cpu::Pooling::max);
  source.constant("kWithPadding", shape.pooling == cpu::Pooling::average_with_padding);
  source.constant("kInH", s.in_h).constant("kInW", s.in_w).constant("kOutH", s.out_h).constant("kOutW", s.out_w);
  source.constant("kKernelH", s.kernel_h).constant("kKernelW", s.kernel_w).constant("kStrideH", s.stride_h);
  source.constant("kStrideW", s.stride_w).constant("kDilationH", s.dilation_h).constant("kDilationW", s.dilation_w);
  source.constant("kPadH", s.pad_top).constant("kPadW", s.pad_left);
  source.constant("kPadBottom", shape.pad_bottom).constant("kPadRight", shape.pad_right);
  launch.source = source.add(kPool).text();
  launch.grid[0] = blocks_for(elements(p.outputs[0].shape), launch.block);
  launch.arguments = {input(0), output()};
  return job_of_one(std::move(launch));
}

}  // namespace

// GlobalAveragePool is a reduction (norm.cc).
extern const Tactic pool_tactic{
    .name = "cuda_pool",
    .version = 1,
    .operators = {"MaxPool", "AveragePool"},
    .supports = supports,
    .estimate = estimate_bytes<150>,
    .generate = generate,
};

}  // namespace vivace::cuda
