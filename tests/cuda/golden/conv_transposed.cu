// grid 4 x 1 x 1, block 256, shared 0, 5 arguments
constexpr int kBatch = 1;
constexpr int kInChannels = 2;
constexpr int kOutChannels = 3;
constexpr int kGroups = 2;
constexpr int kInD = 1;
constexpr int kOutD = 1;
constexpr int kKernelD = 1;
constexpr int kStrideD = 1;
constexpr int kDilationD = 1;
constexpr int kPadD = 0;
constexpr int kInH = 5;
constexpr int kOutH = 12;
constexpr int kKernelH = 3;
constexpr int kStrideH = 2;
constexpr int kDilationH = 1;
constexpr int kPadH = 0;
constexpr int kInW = 5;
constexpr int kOutW = 12;
constexpr int kKernelW = 3;
constexpr int kStrideW = 2;
constexpr int kDilationW = 1;
constexpr int kPadW = 0;
constexpr int kTaps = kKernelD * kKernelH * kKernelW, kPixels = kOutD * kOutH * kOutW;
constexpr int kImage = kInD * kInH * kInW;
constexpr int kBias = 0;
constexpr int kResidual = 0;
__device__ __forceinline__ float activate(float x) { return x; }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return activate(sum + bias + residual); }

extern "C" __global__ void __launch_bounds__(256) conv(const float* __restrict__ x, const float* __restrict__ w,
    const float* __restrict__ bias, const float* residual, float* y) {
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kBatch * kGroups * kOutChannels * kPixels) return;
  const int pixel = i % kPixels, channel = i / kPixels % (kGroups * kOutChannels);
  const int n = i / kPixels / (kGroups * kOutChannels), group = channel / kOutChannels;
  const int d0 = pixel / (kOutH * kOutW) + kPadD, h0 = pixel / kOutW % kOutH + kPadH, w0 = pixel % kOutW + kPadW;
  const float* const image = x + (long long)(n * kGroups + group) * kInChannels * kImage;
  const float* const weights = w + ((long long)group * kInChannels * kOutChannels + channel % kOutChannels) * kTaps;
  float sum = 0;
  for (int kd = 0; kd < kKernelD; ++kd)
    for (int kh = 0; kh < kKernelH; ++kh)
      for (int kw = 0; kw < kKernelW; ++kw) {
        const int d = d0 - kd * kDilationD, h = h0 - kh * kDilationH, v = w0 - kw * kDilationW;
        if (d < 0 || h < 0 || v < 0 || d % kStrideD || h % kStrideH || v % kStrideW) continue;
        const int id = d / kStrideD, ih = h / kStrideH, iw = v / kStrideW;
        if (id >= kInD || ih >= kInH || iw >= kInW) continue;
        const int from = (id * kInH + ih) * kInW + iw, tap = (kd * kKernelH + kh) * kKernelW + kw;
        for (int c = 0; c < kInChannels; ++c) sum += image[c * kImage + from] * weights[c * kOutChannels * kTaps + tap];
      }
  y[i] = finish(sum, kBias ? bias[channel] : 0.0f, kResidual ? residual[i] : 0.0f);
}
