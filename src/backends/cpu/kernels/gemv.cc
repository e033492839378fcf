#include "backends/cpu/kernels/gemv.h"

#include <utility>

#include "backends/cpu/kernels/launch.h"
#include "backends/cpu/kernels/simd_math.h"
#include "backends/cpu/kernels/simd_shuffle.h"

namespace vivace::cpu::VIVACE_ISA {

void finish_rows(const GemmProblem& p, float alpha, const float* sums, int64_t sums_row, int64_t rows, int64_t columns,
                 const float* bias, const float* before, const float* after, float* c) {
  with_activation(p.activation, [&]<Activation A>() {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < columns; j += kLanes) {
        const int lanes = static_cast<int>(smaller<int64_t>(kLanes, columns - j));
        const int64_t at = r * p.c_row + j;
        Vec v = load(sums + r * sums_row + j) * alpha;
        if (bias) v += load_first(bias + j, lanes);
        if (before) v += load_first(before + at, lanes);
        v = activate<A>(v, p.activation_alpha, p.activation_beta);
        if (after) v += load_first(after + at, lanes);
        store_first(c + at, v, lanes);
      }
  });
}

namespace {

constexpr double kBytesPerNs = 15;         // for the choice of tasks only
constexpr int64_t kTaskBytes = 128 << 10;  // of B (or A) read by one task
constexpr int64_t kDotColumns = 64, kSweepColumns = 512;
constexpr int kDotRows = kLanes == 16 ? 4 : 2, kDotWidth = 4, kSweepRows = 8;

struct Product {
  const GemmProblem& p;
  const float *a, *b, *bias, *residual;
  float* c;
  void finish(const float* sums, int64_t sums_row, int64_t row, int64_t rows, int64_t column, int64_t columns) const {
    const int64_t at = row * p.c_row + column;
    const float* add = residual ? residual + at : nullptr;
    finish_rows(p, p.alpha, sums, sums_row, rows, columns, bias ? bias + column : nullptr,
                p.residual_last ? nullptr : add, p.residual_last ? add : nullptr, c + at);
  }
};

// R rows of A times C rows of B^T: dot products along the contiguous depth.
template <int R, int C>
void dot(const float* a, int64_t a_row, const float* b, int64_t b_row, int64_t depth, float* sums, int64_t sums_row) {
  Vec sum[R][C];
  for (int r = 0; r < R; ++r)
    for (int j = 0; j < C; ++j) sum[r][j] = Vec{};
  const auto step = [&](int64_t k, auto get) {
    Vec w[C];
#pragma GCC unroll 4
    for (int j = 0; j < C; ++j) {
      __builtin_prefetch(b + (j + C) * b_row + k, 0, 2);  // the next rows, or harmless beyond the end
      w[j] = get(b + j * b_row + k);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const Vec x = get(a + r * a_row + k);
#pragma GCC unroll 4
      for (int j = 0; j < C; ++j) sum[r][j] += x * w[j];
    }
  };
  int64_t k = 0;
  for (; k + kLanes <= depth; k += kLanes) step(k, [](const float* p) { return load(p); });
  if (const int rest = static_cast<int>(depth - k)) step(k, [=](const float* p) { return load_first(p, rest); });
  for (int r = 0; r < R; ++r)
    for (int j = 0; j < C; ++j) sums[r * sums_row + j] = sum_lanes(sum[r][j]);
}
using Dot = void (*)(const float*, int64_t, const float*, int64_t, int64_t, float*, int64_t);
template <int R>
constexpr Dot kDots[kDotWidth] = {dot<R, 1>, dot<R, 2>, dot<R, 3>, dot<R, 4>};
Dot dot_of(int64_t rows, int64_t columns) {
  static_assert(kDotWidth == 4 && kDotRows <= 4);
  if constexpr (kDotRows == 4) {
    if (rows == 4) return kDots<4>[columns - 1];
    if (rows == 3) return kDots<3>[columns - 1];
  }
  return rows == 2 ? kDots<2>[columns - 1] : kDots<1>[columns - 1];
}

void dots(const Product& o, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  alignas(64) float sums[kDotRows * kDotColumns];
  for (int64_t r = 0; r < rows; r += kDotRows) {
    const int64_t height = smaller<int64_t>(kDotRows, rows - r);
    for (int64_t j = 0; j < columns; j += kDotWidth) {
      const int64_t width = smaller<int64_t>(kDotWidth, columns - j);
      dot_of(height, width)(o.a + (row + r) * o.p.a_row, o.p.a_row, o.b + (column + j) * o.p.b_column, o.p.b_column,
                            o.p.k, sums + j, kDotColumns);
    }
    o.finish(sums, kDotColumns, row + r, height, column, columns);
  }
}

// sums[R][columns] += A[R][k..k+D] * B[k..k+D][columns]
template <int R, int D>
void sweep_step(const float* a, int64_t a_row, const float* b, int64_t b_row, int64_t columns, float* sums) {
  const auto step = [&](int64_t j, auto get) {
    Vec w[D];
#pragma GCC unroll 4
    for (int k = 0; k < D; ++k) {
      __builtin_prefetch(b + (k + 2 * D) * b_row + j, 0, 2);
      w[k] = get(b + k * b_row + j);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      Vec sum = load(sums + r * kSweepColumns + j);
#pragma GCC unroll 4
      for (int k = 0; k < D; ++k) sum += w[k] * a[r * a_row + k];
      store(sums + r * kSweepColumns + j, sum);
    }
  };
  int64_t j = 0;
  for (; j + kLanes <= columns; j += kLanes) step(j, [](const float* p) { return load(p); });
  if (const int rest = static_cast<int>(columns - j)) step(j, [=](const float* p) { return load_first(p, rest); });
}
using Sweep = void (*)(const float*, int64_t, const float*, int64_t, int64_t, float*);
template <int D, class Rows>
struct Sweeps;
template <int D, int... R>
struct Sweeps<D, std::integer_sequence<int, R...>> {
  static constexpr Sweep rows[] = {sweep_step<R + 1, D>...};
};

void sweep(const Product& o, int64_t column, int64_t columns) {
  using Rows = std::make_integer_sequence<int, kSweepRows>;
  constexpr int kDepth = 4;
  alignas(64) float sums[kSweepRows * kSweepColumns];
  for (int64_t r = 0; r < o.p.m; ++r)
    for (int64_t j = 0; j < columns; j += kLanes) store(sums + r * kSweepColumns + j, Vec{});
  int64_t k = 0;
  for (; k + kDepth <= o.p.k; k += kDepth)
    Sweeps<kDepth, Rows>::rows[o.p.m - 1](o.a + k, o.p.a_row, o.b + k * o.p.b_row + column, o.p.b_row, columns, sums);
  for (; k < o.p.k; ++k)
    Sweeps<1, Rows>::rows[o.p.m - 1](o.a + k, o.p.a_row, o.b + k * o.p.b_row + column, o.p.b_row, columns, sums);
  o.finish(sums, kSweepColumns, 0, o.p.m, column, columns);
}

}  // namespace

bool gemv_takes(const GemmProblem& p) {
  return (p.b_row == 1 && (p.m <= 16 || p.n <= 2)) || (p.b_column == 1 && p.m <= kSweepRows);
}

void gemv(const GemmProblem& p, const float* a, const float* b, const float* bias, const float* residual, float* c,
          ThreadPool* pool) {
  const Product o{p, a, b, bias, residual, c};
  if (p.b_row != 1) {
    // Narrow pieces where B is small, for more tasks; a whole line of each row at least.
    const int64_t wish = round_up(kTaskBytes / larger<int64_t>(1, p.k * 4), 64);
    const int64_t columns = smaller(kSweepColumns, larger<int64_t>(128, wish));
    return launch(pool, ceil_div(p.n, columns), p.k * p.n * 4 / kBytesPerNs,
                  [&](int64_t task, int) { sweep(o, task * columns, smaller(columns, p.n - task * columns)); });
  }
  const int64_t lines = larger<int64_t>(kDotWidth, kTaskBytes / larger<int64_t>(1, p.k * 4) / kDotWidth * kDotWidth);
  if (p.n <= 2 && p.m > 16)
    return launch(pool, ceil_div(p.m, lines), p.k * p.m * 4 / kBytesPerNs,
                  [&](int64_t task, int) { dots(o, task * lines, smaller(lines, p.m - task * lines), 0, p.n); });
  const int64_t columns = smaller(kDotColumns, lines);
  launch(pool, ceil_div(p.n, columns), p.k * p.n * 4 / kBytesPerNs,
         [&](int64_t task, int) { dots(o, 0, p.m, task * columns, smaller(columns, p.n - task * columns)); });
}

}  // namespace vivace::cpu::VIVACE_ISA
