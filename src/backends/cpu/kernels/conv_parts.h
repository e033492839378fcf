// Pieces of the direct and the depthwise convolution, of which a kernel of several convolutions in one is made.
#pragma once

#include "backends/cpu/kernels/conv_util.h"

namespace vivace::cpu::VIVACE_ISA {

/// Neighbouring output blocks of a direct convolution, which share what they read.
struct Panel {
  int block, blocks;    // of output channels
  int in_block, depth;  // input channels that it reads
};
int panels_of(const ConvShape& shape);
Panel panel_of(const ConvShape& shape, int index);
size_t panel_floats(const ConvShape& shape);
/// A 1x1 convolution of stride 1 sees an image as one row.
ConvShape flattened(ConvShape shape);

/// Pixels [first, last) of one image against panels of weights.
struct PanelRun {
  const ConvShape* shape;
  const Finish* finish;
  bool by_rows;         // tiles end where rows end; else they run on over rows
  const float* input;   // the image
  const float* packed;  // all panels
  size_t panel_floats;
  float* output;
  ptrdiff_t at, plane;  // where pixel `first` of block 0 lies in the output, and in the residual; from block to block
  int first, last;
};
/// Meanwhile fetches `next_bytes` from `next` on into the second-level cache.
void run_panel(const PanelRun& run, int index, const char* next, size_t next_bytes);

struct Strips;
/// Rows of a depthwise or grouped convolution.
struct DepthwiseRun {
  DepthwiseRun(const ConvShape& shape, const Finish& finish);
  /// Row y of one block. `plane`: the block's image, row i of which lies at row i % rows. `at`: where the output row
  /// lies in the output, and in the residual.
  void row(const float* plane, const float* packed, int block, const float* bias, float* output, ptrdiff_t at,
           int y) const;

  const ConvShape* shape;
  const Finish* finish;
  const Strips* strips;
  int rows;  // that there is room for; all of the image unless set otherwise (then without dilation)
};

}  // namespace vivace::cpu::VIVACE_ISA
