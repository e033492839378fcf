// Convolution, pooling and layout kernels of the CPU backend: raw pointers, all f32, one table per instruction set.
//
// Layouts: plain NCHW, and blocked NCHWc: [N][ceil(C / c)][H][W][c] with c = vector_floats(isa). The lanes past C of
// the last block are zero in every blocked input, and every kernel leaves them zero, whatever the activation.
// Kernels split their work by the problem, not by the threads: results are bit-identical for any ThreadPool.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cpu/isa.h"
#include "backends/cpu/kernels/epilogue.h"

namespace vivace {
class ThreadPool;
}

namespace vivace::cpu {

/// A two-dimensional convolution or pooling (then groups is not read). Padding at the bottom and right is whatever
/// out_h and out_w imply. Weights are OIHW: [out_channels][in_channels / groups][kernel_h][kernel_w].
struct ConvShape {
  int batch = 1, in_channels = 1, out_channels = 1, groups = 1;
  int in_h = 1, in_w = 1, out_h = 1, out_w = 1;
  int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1;
  int pad_top = 0, pad_left = 0, dilation_h = 1, dilation_w = 1;
  /// Every input x is max(x * scale + shift, 0) by its channel first. `direct` alone takes that, of 1x1 at stride 1;
  /// whoever packs puts factor_floats() scales and as many shifts at the end of the packed weights.
  bool scaled = false;
};
// Static: a copy that a linker shares would be of one instruction set.

/// Whether each output pixel is made of the input pixel in its place alone.
static constexpr bool is_pixelwise(const ConvShape& s) {
  return s.kernel_h == 1 && s.kernel_w == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_top == 0 &&
         s.pad_left == 0 && s.in_h == s.out_h && s.in_w == s.out_w;
}
/// Floats of the scales, and of the shifts behind them: one for each lane of the input's blocks, zero past the
/// channels.
static constexpr size_t factor_floats(const ConvShape& s, int lanes) {
  return static_cast<size_t>((s.in_channels + lanes - 1) / lanes) * static_cast<size_t>(lanes);
}

/// One way to compute a convolution. Output: blocked. Input: blocked, or plain where `plain_input`.
struct ConvKernel {
  const char* name;
  bool plain_input;
  /// Variants of the blocking, for a tuner: run() takes [0, configurations). 0 is the default. Packing does not change.
  int configurations;
  /// Null if the kernel handles the shape; else why not.
  const char* (*refuses)(const ConvShape& shape);
  size_t (*packed_floats)(const ConvShape& shape);
  /// Brings OIHW weights into the kernel's order, once; writes all of `packed`.
  void (*pack)(const ConvShape& shape, const float* weights, float* packed);
  /// Working memory of run() with a pool of `threads`; its start must be aligned to 64 bytes.
  size_t (*scratch_bytes)(const ConvShape& shape, int configuration, int threads);
  /// Bias: out_channels floats. The residual has the output's layout. Input, weights and output want 64-byte alignment
  /// for speed, not for correctness.
  void (*run)(const ConvShape& shape, int configuration, const float* input, const float* packed, float* output,
              const Epilogue& epilogue, void* scratch, ThreadPool& threads);
};

/// A depthwise convolution with a 1x1 one before it, after it, or both: the parts of an inverted residual.
enum InvertedPart : uint8_t { kExpanding, kFiltering, kProjecting, kInvertedParts };
struct InvertedShape {
  ConvShape parts[kInvertedParts];
  bool has[kInvertedParts] = {false, true, false};
};
/// Bands of the images between the parts stay in the cache of the thread that makes them. Weights are as `direct` and
/// `depthwise` pack them; only the last part has a residual. Results are those of the parts run one by one, bit for
/// bit.
struct InvertedKernel {
  int configurations;
  size_t (*scratch_bytes)(const InvertedShape& shape, int configuration, int threads);
  void (*run)(const InvertedShape& shape, int configuration, const float* input,
              const float* const (&packed)[kInvertedParts], float* output, const Epilogue (&epilogues)[kInvertedParts],
              void* scratch, ThreadPool& threads);
};

enum class Pooling : uint8_t { max, average, average_with_padding };

/// Pooling over windows, each of which must touch the image. Maxima ignore padding; `average` divides by the window's
/// elements inside the image; `average_with_padding` by those inside the image padded on all four sides.
struct PoolShape {
  ConvShape window;  // out_channels = in_channels
  Pooling pooling = Pooling::max;
  int pad_bottom = 0, pad_right = 0;  // read by average_with_padding only
};

struct ConvKernels {
  ConvKernel direct;     // any shape; groups of few channels are padded to blocks
  ConvKernel depthwise;  // one input and one output channel per group
  ConvKernel grouped;    // groups of 2, 4, 8 channels that divide a block, 3x3
  ConvKernel stem;       // plain NCHW input of few channels
  ConvKernel winograd2;  // 3x3 stride 1, F(2x2, 3x3); groups that fill blocks, one or two together
  ConvKernel winograd4;  // the same by F(4x4, 3x3)
  InvertedKernel inverted;

  void (*pool_blocked)(const PoolShape& shape, const float* input, float* output, ThreadPool& threads);
  void (*pool_plain)(const PoolShape& shape, const float* input, float* output, ThreadPool& threads);
  /// Mean over each image's pixels -> plain [batch][channels].
  void (*global_average_blocked)(int batch, int channels, int64_t pixels, const float* input, float* output,
                                 ThreadPool& threads);
  void (*global_average_plain)(int batch, int channels, int64_t pixels, const float* input, float* output,
                               ThreadPool& threads);
  /// NCHW -> NCHWc and back; pixels = H * W.
  void (*to_blocked)(int batch, int channels, int64_t pixels, const float* plain, float* blocked, ThreadPool& threads);
  void (*to_plain)(int batch, int channels, int64_t pixels, const float* blocked, float* plain, ThreadPool& threads);
};

/// The kernels of an instruction set; the processor must have it.
const ConvKernels& conv_kernels(Isa isa);

}  // namespace vivace::cpu
