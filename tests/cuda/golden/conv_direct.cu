// grid 1 x 1 x 1, block 256, shared 0, 5 arguments
constexpr int kBatch = 1;
constexpr int kInChannels = 1;
constexpr int kOutChannels = 1;
constexpr int kGroups = 4;
constexpr int kInD = 1;
constexpr int kOutD = 1;
constexpr int kKernelD = 1;
constexpr int kStrideD = 1;
constexpr int kDilationD = 1;
constexpr int kPadD = 0;
constexpr int kInH = 1;
constexpr int kOutH = 1;
constexpr int kKernelH = 1;
constexpr int kStrideH = 1;
constexpr int kDilationH = 1;
constexpr int kPadH = 0;
constexpr int kInW = 9;
constexpr int kOutW = 7;
constexpr int kKernelW = 3;
constexpr int kStrideW = 1;
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
  const int d0 = pixel / (kOutH * kOutW) * kStrideD - kPadD;
  const int h0 = pixel / kOutW % kOutH * kStrideH - kPadH;
  const int w0 = pixel % kOutW * kStrideW - kPadW;
  const float* const image = x + (long long)(n * kGroups + group) * kInChannels * kImage;
  const float* const weights = w + (long long)channel * kInChannels * kTaps;
  float sum = 0;
  for (int c = 0; c < kInChannels; ++c)
    for (int kd = 0; kd < kKernelD; ++kd)
      for (int kh = 0; kh < kKernelH; ++kh)
        for (int kw = 0; kw < kKernelW; ++kw) {
          const int id = d0 + kd * kDilationD, ih = h0 + kh * kDilationH, iw = w0 + kw * kDilationW;
          if (id >= 0 && id < kInD && ih >= 0 && ih < kInH && iw >= 0 && iw < kInW)
            sum += image[c * kImage + (id * kInH + ih) * kInW + iw] *
                   weights[c * kTaps + (kd * kKernelH + kh) * kKernelW + kw];
        }
  y[i] = finish(sum, kBias ? bias[channel] : 0.0f, kResidual ? residual[i] : 0.0f);
}
