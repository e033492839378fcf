// Convolutions of images whose output has its channels last, of 16 bits or f32: what their rows share.
#pragma once

#include <span>

#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

struct ImageConv {
  DType type = DType::f16, in_type = DType::f16;  // in_type differs only where the input is row-major
  int64_t batch = 1, in_channels = 1, out_channels = 1, groups = 1;
  int64_t in_h = 1, in_w = 1, out_h = 1, out_w = 1, kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, pad_h = 0, pad_w = 0;
  int64_t in_pitch = 0, out_pitch = 0, residual_pitch = 0;  // elements of a pixel; in_pitch 0: the input is row-major

  bool prologue = false;  // the input is scaled, shifted and clipped at 0 by channel first (vivace.ScaledConv)

  int64_t units() const { return bits_of(type) / 16; }  // of 16 bits, in an element
  int64_t taps() const { return kernel_h * kernel_w; }
  int64_t in_group() const { return in_channels / groups; }
  int64_t out_group() const { return out_channels / groups; }
  int64_t in_blocks() const { return (in_channels + 7) / 8; }
  int64_t out_blocks() const { return (out_channels + 7) / 8; }
};

Verdict image_conv_of(const Problem& p, ImageConv& c);

/// The same where the problem is known to be one.
Result<ImageConv> image_conv(const Problem& p);

/// The start of a kernel: prelude, `T` (weights and output) and `In`, the convolution's numbers (kInH, kStrideW, ...),
/// finish(), and
/// - `Words`: eight values of T, `v` four pairs of type `Pair`; low(pair), high(pair): its values; pack(low, high)
/// - bias_8(to, bias, block), residual_8(residual, pixel, c): the bias and the residual of 8 channels
/// - finish_8(sums, bias, residual, y, pixel, c): stores 8 channels of an output pixel; c is a multiple of 8
Source image_conv_source(const Problem& p, const ImageConv& c);

/// A rectangle of output pixels that a block makes, and the input pixels it needs.
struct PixelTile {
  int64_t h = 1, w = 1, in_h = 1, in_w = 1;
  int64_t count(const ImageConv& c) const;  // in all images
};
/// The rectangle of up to `slots` pixels for which blocks load and compute least.
PixelTile pixel_tile(const ImageConv& c, int64_t slots);

/// Numbers of a configuration's text, which names each of them: "tiles 2 warps 4x1" is {2, 4, 1}. Empty where one is
/// out of [1, 1024] or there are others than `count`.
std::vector<int> numbers_of(const std::string& configuration, size_t count);

/// Seconds of a kernel: so many instructions of each warp, and how often it waits for memory; so many warps and blocks.
double estimate_issue(double instructions, double waits, double warps, double blocks, const Device& device);

}  // namespace vivace::cuda
