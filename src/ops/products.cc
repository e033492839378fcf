#include "ops/products.h"

#include <algorithm>

#include "base/tensor.h"
#include "ops/reference.h"

namespace vivace::ops {

namespace {
// Columns of one pass: four rows of c and one of b stay in the first cache.
constexpr int64_t kColumns = 512;

template <class W>
void add_row(int64_t n, W a, const W* __restrict b, W* __restrict c) {
  for (int64_t j = 0; j < n; ++j) c[j] += a * b[j];
}

template <class W>
void add_four_rows(int64_t n, const W (&a)[4], const W* __restrict b, W* __restrict c0, W* __restrict c1,
                   W* __restrict c2, W* __restrict c3) {
  for (int64_t j = 0; j < n; ++j) {
    const W v = b[j];
    c0[j] += a[0] * v;
    c1[j] += a[1] * v;
    c2[j] += a[2] * v;
    c3[j] += a[3] * v;
  }
}
}  // namespace

template <class W>
void multiply_add(int64_t m, int64_t n, int64_t k, Matrix<W> a, const W* b, int64_t b_row, W* c, int64_t c_row) {
  for (int64_t j = 0; j < n; j += kColumns) {
    const int64_t columns = std::min(kColumns, n - j);
    int64_t i = 0;
    for (; i + 4 <= m; i += 4) {
      W* row = c + i * c_row + j;
      for (int64_t l = 0; l < k; ++l) {
        const W* at = a.data + i * a.row + l * a.column;
        const W four[4] = {at[0], at[a.row], at[2 * a.row], at[3 * a.row]};
        add_four_rows(columns, four, b + l * b_row + j, row, row + c_row, row + 2 * c_row, row + 3 * c_row);
      }
    }
    for (; i < m; ++i)
      for (int64_t l = 0; l < k; ++l)
        add_row(columns, a.data[i * a.row + l * a.column], b + l * b_row + j, c + i * c_row + j);
  }
}

template <class W>
Status multiply_add(ThreadPool* pool, int64_t m, int64_t n, int64_t k, Matrix<W> a, Matrix<W> b, W* c, int64_t c_row) {
  if (m == 0 || n == 0 || k == 0) return {};
  Tensor rows;  // of b, made contiguous
  if (b.column != 1 && n > 1) {
    VIVACE_ASSIGN(rows, Tensor::allocate(dtype_of<W>, {k, n}));
    W* to = rows.as<W>();
    constexpr int64_t kTile = 32;  // a tile of both sides fits the first cache
    for (int64_t j0 = 0; j0 < n; j0 += kTile)
      for (int64_t l0 = 0; l0 < k; l0 += kTile)
        for (int64_t l = l0; l < std::min(l0 + kTile, k); ++l)
          for (int64_t j = j0; j < std::min(j0 + kTile, n); ++j) to[l * n + j] = b.data[l * b.row + j * b.column];
    b = {to, n, 1};
  }
  constexpr int64_t kRows = 16;
  const int64_t row_blocks = (m + kRows - 1) / kRows, column_blocks = (n + kColumns - 1) / kColumns;
  in_parallel(pool, row_blocks * column_blocks, [&](int64_t task) {
    const int64_t i = task % row_blocks * kRows, j = task / row_blocks * kColumns;
    multiply_add(std::min(kRows, m - i), std::min(kColumns, n - j), k, {a.data + i * a.row, a.row, a.column},
                 b.data + j, b.row, c + i * c_row + j, c_row);
  });
  return {};
}

#define INSTANTIATE(W)                                                                                 \
  template void multiply_add<W>(int64_t, int64_t, int64_t, Matrix<W>, const W*, int64_t, W*, int64_t); \
  template Status multiply_add<W>(ThreadPool*, int64_t, int64_t, int64_t, Matrix<W>, Matrix<W>, W*, int64_t);
INSTANTIATE(float)
INSTANTIATE(double)
INSTANTIATE(uint32_t)
INSTANTIATE(uint64_t)
#undef INSTANTIATE

}  // namespace vivace::ops
