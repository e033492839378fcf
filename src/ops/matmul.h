// What the matrix products share.
#pragma once

#include "ops/infer.h"

namespace vivace::ops {

/// Shape of the product of inputs a and b by NumPy's rules, the last two dimensions of each swapped where asked.
Status infer_matrix_product(Inference& in, size_t a, size_t b, DType out, bool trans_a, bool trans_b);

/// c += a * b by NumPy's rules. W: float, double, uint32_t, uint64_t (integers modulo 2^32, 2^64).
template <class W>
Status matrix_product(const Call& call, Shape a_shape, const W* a, Shape b_shape, const W* b, bool trans_a,
                      bool trans_b, W* c);

}  // namespace vivace::ops
