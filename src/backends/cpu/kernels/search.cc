#include "backends/cpu/kernels/search.h"

#include "backends/cpu/kernels/fold.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

constexpr float kInf = __builtin_inff();

bool any(VecI mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps((__m256)mask) != 0;
#else
  int32_t bits = 0;
  for (int i = 0; i < kLanes; ++i) bits |= mask[i];
  return bits != 0;
#endif
}

// ---- the place of the greatest

template <bool Greatest>
int64_t arg_of_row(const float* x, int64_t n, bool last) {
  const auto step = [](Vec a, Vec b) { return Greatest ? max_or_nan(a, b) : min_or_nan(a, b); };
  const float best = fold(x, n, Greatest ? -kInf : kInf, step, step);
  const auto is_best = [best](float v) { return best != best ? v != v : v == best; };
  if (last) {
    for (int64_t i = n - 1; i > 0; --i)
      if (is_best(x[i])) return i;
    return 0;
  }
  int64_t i = 0;
  if (best == best)
    while (i + kLanes <= n && !any(load(x + i) == best)) i += kLanes;
  for (; i < n; ++i)
    if (is_best(x[i])) return i;
  return 0;
}

template <bool Greatest>
void arg_of_columns(const float* x, int64_t* y, int64_t n, int64_t inner, int lanes, bool last) {
  Vec best = load_first(x, lanes);
  VecI place{};
  for (int64_t i = 1; i < n; ++i) {
    const Vec v = load_first(x + i * inner, lanes);
    const VecI better = (Greatest ? v > best : v < best) | ((v != v) & (best == best));
    const VecI wins = last ? better | (v == best) | ((v != v) & (best != best)) : better & ~((best != best) & (v == v));
    best = wins ? v : best;
    place = wins ? splat_int(static_cast<int32_t>(i)) : place;
  }
  for (int l = 0; l < lanes; ++l) y[l] = place[l];
}

template <bool Greatest>
void arg_as(const float* x, int64_t* y, int64_t outer, int64_t n, int64_t inner, bool last, ThreadPool& pool) {
  const int64_t strips = inner == 1 ? 1 : ceil_div(inner, kLanes), units = outer * strips;
  const int64_t per_task = larger<int64_t>(1, (16 << 10) / (n * smaller<int64_t>(inner, kLanes)));
  launch(&pool, ceil_div(units, per_task), static_cast<double>(outer * n * inner) * 0.2, [=](int64_t task, int) {
    for (int64_t u = task * per_task; u < smaller(units, (task + 1) * per_task); ++u) {
      const int64_t o = u / strips, column = u % strips * kLanes;
      const float* from = x + o * n * inner + column;
      if (inner == 1)
        y[o] = arg_of_row<Greatest>(from, n, last);
      else
        arg_of_columns<Greatest>(from, y + o * inner + column, n, inner,
                                 static_cast<int>(smaller<int64_t>(kLanes, inner - column)), last);
    }
  });
}

void arg(const float* x, int64_t* y, int64_t outer, int64_t n, int64_t inner, bool greatest, bool last,
         ThreadPool& pool) {
  if (outer * inner == 0) return;
  greatest ? arg_as<true>(x, y, outer, n, inner, last, pool) : arg_as<false>(x, y, outer, n, inner, last, pool);
}

// ---- candidates

int64_t beyond(const float* x, int64_t begin, int64_t n, float bound, bool largest, int64_t* indices, int64_t room,
               int64_t* end) {
  int64_t found = 0, i = begin;
  const auto take = [&](int64_t at) {
    const float v = x[at];
    if (largest ? v > bound || v != v : !(v >= bound) && v == v) indices[found++] = at;
  };
  for (; i + kLanes <= n && found + kLanes <= room; i += kLanes) {
    const Vec v = load(x + i);
    if (any(largest ? (v > bound) | (v != v) : ~(v >= bound) & (v == v)))
      for (int l = 0; l < kLanes; ++l) take(i + l);
  }
  if (i + kLanes > n)
    for (; i < n && found < room; ++i) take(i);
  *end = i;
  return found;
}

// ---- running sums

void running_sum(const float* x, float* y, int64_t outer, int64_t n, int64_t inner, bool exclusive, bool reverse,
                 ThreadPool& pool) {
  constexpr int64_t kColumns = 64;
  const int64_t strips = ceil_div(inner, kColumns);
  launch(&pool, outer * strips, static_cast<double>(outer * n * inner) * 0.5, [=](int64_t task, int) {
    const int64_t column = task % strips * kColumns, count = smaller(kColumns, inner - column);
    const int64_t start = task / strips * n * inner + column;
    double totals[kColumns] = {};
    for (int64_t i = 0; i < n; ++i) {
      const int64_t at = start + (reverse ? n - 1 - i : i) * inner;
      const float* from = x + at;
      float* to = y + at;
      if (exclusive)
        for (int64_t j = 0; j < count; ++j) {
          const float v = from[j];
          to[j] = static_cast<float>(totals[j]);
          totals[j] += static_cast<double>(v);
        }
      else
        for (int64_t j = 0; j < count; ++j) {
          totals[j] += static_cast<double>(from[j]);
          to[j] = static_cast<float>(totals[j]);
        }
    }
  });
}

}  // namespace

const SearchKernels& search_kernels() {
  static constexpr SearchKernels table{.arg = arg, .beyond = beyond, .running_sum = running_sum};
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
