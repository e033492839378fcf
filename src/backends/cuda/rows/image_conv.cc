#include "backends/cuda/rows/image_conv.h"

#include <cmath>

#include "ops/conv.h"

namespace vivace::cuda {

Verdict image_conv_of(const Problem& p, ImageConv& c) {
  const TensorInfo &x = p.inputs[0], &w = p.inputs[1], &y = p.outputs[0];
  if (y.type != DType::f16 && y.type != DType::bf16 && y.type != DType::f32) return no("f16, bf16 and f32 only");
  if (y.shape.size() != 4 || !y.channel_block) return no("makes channels-last images only");
  if (x.channel_block ? x.type != y.type : x.type != y.type && x.type != DType::f32) return no("an input of this type");
  if (w.type != y.type || !w.constant) return no("constant weights of the output's type only");
  if (p.has(2) && !p.inputs[2].constant) return no("the bias is not constant");
  if (p.has(3) && (p.inputs[3].type != y.type || !p.inputs[3].channel_block || p.inputs[3].shape != y.shape))
    return no("a residual in another layout");
  for (const TensorInfo* t : {&x, &w, &y})
    if (t->bytes() > INT32_MAX) return no("more than 2^31 bytes");
  const ir::Dims spatial = {ir::Dim(x.shape[2]), ir::Dim(x.shape[3])};
  const Result<ops::Window> window = ops::window_of(*p.node, spatial, {w.shape[2], w.shape[3]});
  if (!window.ok()) return no(window.status().message());
  c.type = y.type, c.in_type = x.type;
  c.batch = x.shape[0], c.in_channels = x.shape[1], c.out_channels = y.shape[1];
  c.groups = p.attributes().integer("group", 1);
  c.in_h = x.shape[2], c.in_w = x.shape[3], c.out_h = y.shape[2], c.out_w = y.shape[3];
  c.kernel_h = window->kernel[0], c.kernel_w = window->kernel[1];
  c.stride_h = window->strides[0], c.stride_w = window->strides[1];
  c.dilation_h = window->dilations[0], c.dilation_w = window->dilations[1];
  c.pad_h = window->pads[0], c.pad_w = window->pads[1];
  c.in_pitch = x.channel_block, c.out_pitch = y.channel_block;
  c.residual_pitch = p.has(3) ? p.inputs[3].channel_block : 0;
  if (elements(x.shape) < 1 || elements(y.shape) < 1 || elements(w.shape) < 1) return no("nothing to compute");
  return yes();
}

Result<ImageConv> image_conv(const Problem& p) { return supported<image_conv_of>(p); }

Source image_conv_source(const Problem& p, const ImageConv& c) {
  Source s;
  s.add(prelude());
  s.add(std::string("using T = ") + type_name(c.type) + ";\nusing In = " + type_name(c.in_type) + ";\n");
  s.constant("kBatch", c.batch).constant("kInChannels", c.in_channels).constant("kOutChannels", c.out_channels);
  s.constant("kInH", c.in_h).constant("kInW", c.in_w).constant("kOutH", c.out_h).constant("kOutW", c.out_w);
  s.constant("kKernelH", c.kernel_h).constant("kKernelW", c.kernel_w);
  s.constant("kStrideH", c.stride_h).constant("kStrideW", c.stride_w);
  s.constant("kDilationH", c.dilation_h).constant("kDilationW", c.dilation_w);
  s.constant("kPadH", c.pad_h).constant("kPadW", c.pad_w).constant("kInPitch", c.in_pitch);
  s.constant("kOutPitch", c.out_pitch).constant("kResidual", p.has(3)).constant("kResidualPitch", c.residual_pitch);
  s.add("constexpr int kTaps = kKernelH * kKernelW;\n");
  s.add(c.type == DType::f32   ? R"(
using Pair = float2;
__device__ __forceinline__ float low(float2 x) { return x.x; }
__device__ __forceinline__ float high(float2 x) { return x.y; }
__device__ __forceinline__ float2 pack(float l, float h) { return make_float2(l, h); }
)"
        : c.type == DType::f16 ? R"(
__device__ __forceinline__ float low(unsigned x) {
  float f;
  asm("{.reg .b16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, l;}" : "=f"(f) : "r"(x));
  return f;
}
__device__ __forceinline__ float high(unsigned x) {
  float f;
  asm("{.reg .b16 l, h; mov.b32 {l, h}, %1; cvt.f32.f16 %0, h;}" : "=f"(f) : "r"(x));
  return f;
}
__device__ __forceinline__ unsigned pack(float l, float h) {
  unsigned x;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(x) : "f"(h), "f"(l));
  return x;
}
)"
                               : R"(
__device__ __forceinline__ float low(unsigned x) { return __uint_as_float(x << 16); }
__device__ __forceinline__ float high(unsigned x) { return __uint_as_float(x & 0xffff0000u); }
__device__ __forceinline__ unsigned pack(float l, float h) {
  unsigned x;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(x) : "f"(h), "f"(l));
  return x;
}
)");
  s.add(finish_function(p.attributes(), p.outputs[0].type));
  s.add(c.type == DType::f32 ? "\nstruct alignas(16) Words { Pair v[4]; };\n"
                             : "\nstruct alignas(16) Words { unsigned v[4]; };\n");
  return s.add(
      R"(__device__ __forceinline__ void finish_8(const float* sums, const float* bias, const Words& added, T* y, int pixel, int c) {
  Words out;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    const float l = finish(sums[2 * k], bias[2 * k], kResidual ? low(added.v[k]) : 0.0f);
    const float h = finish(sums[2 * k + 1], bias[2 * k + 1], kResidual ? high(added.v[k]) : 0.0f);
    const bool has_l = kOutChannels % 8 == 0 || c + 2 * k < kOutChannels;
    const bool has_h = kOutChannels % 8 == 0 || c + 2 * k + 1 < kOutChannels;
    out.v[k] = pack(has_l ? l : 0.0f, has_h ? h : 0.0f);
  }
  *(Words*)(y + (size_t)pixel * kOutPitch + c) = out;
}
__device__ __forceinline__ void bias_8(float* to, const float* bias, int block) {
  const float4 l = ((const float4*)bias)[block * 2], h = ((const float4*)bias)[block * 2 + 1];
  to[0] = l.x, to[1] = l.y, to[2] = l.z, to[3] = l.w;
  to[4] = h.x, to[5] = h.y, to[6] = h.z, to[7] = h.w;
}
__device__ __forceinline__ Words residual_8(const T* residual, int pixel, int c) {
  return kResidual ? *(const Words*)(residual + (size_t)pixel * kResidualPitch + c) : Words{};
}
)");
}

int64_t PixelTile::count(const ImageConv& c) const { return c.batch * tiles(c.out_h, h) * tiles(c.out_w, w); }

PixelTile pixel_tile(const ImageConv& c, int64_t slots) {
  PixelTile best;
  double least = INFINITY;
  for (int64_t w = 1; w <= std::min(slots, c.out_w); ++w) {
    PixelTile t{std::min(slots / w, c.out_h), w, 0, 0};
    t.in_h = (t.h - 1) * c.stride_h + (c.kernel_h - 1) * c.dilation_h + 1;
    t.in_w = (t.w - 1) * c.stride_w + (c.kernel_w - 1) * c.dilation_w + 1;
    const double cost = static_cast<double>(t.count(c)) * static_cast<double>(4 * slots + t.in_h * t.in_w);
    if (cost < least) least = cost, best = t;
  }
  return best;
}

std::vector<int> numbers_of(const std::string& configuration, size_t count) {
  std::vector<int> numbers;
  for (size_t i = 0; i < configuration.size();) {
    const size_t end = std::min(configuration.find_first_not_of("0123456789", i), configuration.size());
    if (end > i && end - i < 5) numbers.push_back(std::stoi(configuration.substr(i, end - i)));
    i = end + (end == i ? 1 : 0);
  }
  const auto bad = [](int n) { return n < 1 || n > 1024; };
  if (numbers.size() != count || std::any_of(numbers.begin(), numbers.end(), bad)) numbers.clear();
  return numbers;
}

double estimate_issue(double instructions, double waits, double warps, double blocks, const Device& device) {
  // A multiprocessor issues four instructions a cycle of as many warps; one warp alone waits for its own results.
  constexpr double kClock = 1.7e9, kLatency = 2.0, kStart = 600, kMemory = 600;
  const double busy = std::min<double>(device.multiprocessors, blocks);
  const double per_scheduler = std::ceil(blocks / busy) * (warps / blocks) / 4;
  // Waits of some warps pass while others work.
  const double cycles = kStart + waits * kMemory + instructions * std::max(kLatency, per_scheduler);
  return roofline_seconds(0, 0, 1, device) + cycles / kClock;
}

}  // namespace vivace::cuda
