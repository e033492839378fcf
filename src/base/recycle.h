// Memory for results: large blocks go back into a small store when their tensor dies, because fresh pages of the
// system cost more than many an operator.
#pragma once

#include "base/tensor.h"

namespace vivace {

/// Like Tensor::allocate, but the elements are whatever was there (strings are empty).
Result<Tensor> allocate_unset(DType type, Shape shape);

}  // namespace vivace
