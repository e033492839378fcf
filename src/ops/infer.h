// Pieces shared by the inference functions and reference kernels of many operators.
#pragma once

#include "ops/operator.h"

namespace vivace::ops {

/// Axis in [0, rank), or -1 where it is out of range.
int normalized_axis(int64_t axis, int rank);

// Inference functions that several rows share.
Status infer_same_as_first(Inference& in);   // type and shape of input 0
Status infer_broadcast(Inference& in);       // broadcast of all inputs, type of input 0
Status infer_broadcast_bool(Inference& in);  // likewise, bool

/// Dimensions of an output of a convolution or pooling window over the spatial dimensions `in` (after N, C).
/// pads: begins then ends. `ceil_mode` as in pooling: the last window must start inside the input or its left padding.
ir::Dim window_output(const ir::Dim& in, int64_t kernel, int64_t stride, int64_t pad_begin, int64_t pad_end,
                      int64_t dilation, bool ceil_mode);

/// Kernel, strides, dilations and pads of a window of `spatial` dimensions, defaults filled in and auto_pad resolved
/// where `in` is known (VALID, SAME_UPPER, SAME_LOWER; NOTSET keeps `pads`).
struct Window {
  std::vector<int64_t> kernel, strides, dilations, pads;  // pads: all begins, then all ends
};
Result<Window> window_of(const ir::Node& node, const ir::Dims& in_spatial, std::vector<int64_t> kernel);

/// Walks two or more tensors broadcast together: calls f(index of output, offset in each input) in row-major order.
class BroadcastWalk {
 public:
  BroadcastWalk(const Shape& out, const std::vector<Shape>& inputs);
  int64_t count() const { return count_; }
  /// Offsets of each input for the current element; advance() moves on by one.
  const std::vector<int64_t>& offsets() const { return offsets_; }
  void advance();

 private:
  Shape out_, index_;
  std::vector<Shape> strides_;
  std::vector<int64_t> offsets_;
  int64_t count_;
};

/// outer, axis, inner: a tensor seen around one axis.
struct AxisSplit {
  int64_t outer, size, inner;
};
AxisSplit split_at(const Shape& shape, int axis);

}  // namespace vivace::ops
