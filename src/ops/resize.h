// How Resize samples, for kernels of any backend.
#pragma once

#include <utility>
#include <vector>

#include "ops/operator.h"

namespace vivace::ops {

/// Input positions and their weights for each output position of one dimension.
struct ResizeTaps {
  std::vector<std::vector<std::pair<int64_t, double>>> at;  // empty: outside, to be extrapolated
  bool identity = true;
};

/// One per dimension. roi, scales and sizes are the inputs 1 to 3 of the node, of type undefined where left out.
Result<std::vector<ResizeTaps>> resize_taps(const ir::Node& node, const Shape& in, const TensorView& roi,
                                            const TensorView& scales, const TensorView& sizes);

}  // namespace vivace::ops
