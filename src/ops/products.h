// Matrix products of the reference kernels.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "base/threads.h"

namespace vivace::ops {

/// A matrix seen through strides, in elements.
template <class W>
struct Matrix {
  const W* data;
  int64_t row, column;  // distance of rows, of columns
};

/// c[m,n] += a[m,k] * b[k,n]. Rows of b and c are contiguous. Every sum goes up in k one term at a time, so results do
/// not depend on how the work is divided. W: float, double, uint32_t, uint64_t (signed integers wrap as these).
template <class W>
void multiply_add(int64_t m, int64_t n, int64_t k, Matrix<W> a, const W* b, int64_t b_row, W* c, int64_t c_row);

/// The same for any strides of b, on the pool where there is one.
template <class W>
Status multiply_add(ThreadPool* pool, int64_t m, int64_t n, int64_t k, Matrix<W> a, Matrix<W> b, W* c, int64_t c_row);

}  // namespace vivace::ops
