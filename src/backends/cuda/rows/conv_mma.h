// Convolutions on tensor cores (conv_mma.cc): how their work is divided, and the kernel.
#pragma once

#include "backends/cuda/rows/image_conv.h"

namespace vivace::cuda {

/// A block's tile of m pixels x n channels and who shares its work.
struct ConvTile {
  static constexpr int64_t kChunk = 64;    // of the sums, in units of 16 bits: 128 bytes of a row in shared memory
  static constexpr int64_t kBiasAt = 128;  // in shared memory, after the barriers of up to 16 stages

  int m, n, warps_m, warps_n, warps_k, cluster;
  int group, stages;           // chunks that are loaded at once, and how many such steps are in shared memory
  bool warp_groups = false;    // products by groups of four warps, from shared memory; Hopper only
  int tile_h = 0, tile_w = 0;  // > 0: the pixels of a tile, at most m, whose part of the image is loaded once

  std::string text() const;
  /// False where the text is none that text() writes of a tile that tiles_for() could give.
  static bool parse(const std::string& text, ConvTile& tile);

  bool patch() const { return tile_h > 0; }
  int threads() const { return 32 * warps_m * warps_n * warps_k; }
  int64_t chunks(const ImageConv& c) const;
  int64_t steps(const ImageConv& c) const;
  /// All steps have a stage of their own.
  bool once(const ImageConv& c) const { return steps(c) <= stages; }
  /// Steps whose loads are under way before the first products.
  int ahead(const ImageConv& c) const;
  /// Rows of 128 bytes that a chunk has of the image, and of the weights.
  int64_t image_rows(const ImageConv& c) const;
  int64_t weight_rows(const ImageConv& c) const { return patch() ? c.taps() * n : n; }
  int64_t received_at() const { return kBiasAt + n * 4; }
  int64_t ring_at() const;
  /// Where the factors of a prologue are in shared memory: behind all else.
  int64_t factors_at(const ImageConv& c) const;
  int64_t shared_bytes(const ImageConv& c) const;
  int64_t tiles_m(const ImageConv& c) const;
  int64_t blocks(const ImageConv& c) const;
  bool fits(const ImageConv& c, const Device& device) const;
  /// Blocks that a multiprocessor is to have registers for: two where shared memory and registers have room for them.
  int beside(const ImageConv& c, const Device& device) const;
  /// Expected seconds.
  double estimate(const ImageConv& c, const Device& device) const;
};

/// Tiles worth timing, most promising first.
std::vector<ConvTile> tiles_for(const ImageConv& c, const Device& device);

/// `prologue`: the image is scaled, shifted and clipped at 0 by channel; the factors come as one more argument.
std::string conv_mma_kernel(bool prologue);

/// Convolutions of one group whose input has its channels last.
Verdict conv_mma_of(const Problem& p, ImageConv& c);

/// Weights as [N / n][chunks][n][64], sums in the order tap, channel, or for patches [N / n][chunks][tap][n][64], with
/// exchanged pieces of 16 bytes; then the bias in f32.
Result<std::vector<Tensor>> conv_mma_weights(const Problem& p, const ImageConv& c, const ConvTile& t);

/// The start of a kernel: prelude, `T` and the convolution's numbers.
Source conv_mma_source(const Problem& p, const ImageConv& c);

}  // namespace vivace::cuda
