#include "backends/cpu/kernels/norm.h"

#include "backends/cpu/kernels/fold.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

constexpr float kInf = __builtin_inff();
constexpr int64_t kTaskElements = 16 << 10;

// Runs body(first, count) over rows, several to a task where they are short.
template <class Body>
void for_rows(ThreadPool& pool, int64_t rows, int64_t row_elements, double ns_per_element, Body body) {
  if (rows <= 0) return;
  const int64_t per_task = larger<int64_t>(1, kTaskElements / larger<int64_t>(1, row_elements));
  const int64_t tasks = ceil_div(rows, per_task);
  launch(&pool, tasks, static_cast<double>(rows) * row_elements * ns_per_element, [&](int64_t task, int) {
    const auto [first, count] = part(rows, tasks, task);
    body(first, count);
  });
}

float reciprocal_root(double variance, float epsilon) {
  return static_cast<float>(1 / __builtin_sqrt(variance + epsilon));
}

// ---- softmax

void softmax_row(const float* x, float* y, int64_t n, bool logarithm) {
  const Vec top = splat(fold(
      x, n, -kInf, [](Vec a, Vec b) { return max(a, b); }, [](Vec a, Vec b) { return max(a, b); }));
  if (logarithm) {
    const double sum = sum_of(x, n, [=](Vec v) { return exp(v - top); });
    const Vec shift = splat(static_cast<float>(__builtin_log(sum)));
    return map(x, y, n, [=](Vec v) { return (v - top) - shift; });
  }
  map(x, y, n, [=](Vec v) { return exp(v - top); });
  const Vec factor = splat(static_cast<float>(1 / sum_of(y, n, [](Vec v) { return v; })));
  map(y, y, n, [=](Vec v) { return v * factor; });
}

// Columns [0, lanes) of [n, inner].
void softmax_columns(const float* x, float* y, int64_t n, int64_t inner, int lanes, bool logarithm) {
  Vec top = splat(-kInf), sum{};
  for (int64_t i = 0; i < n; ++i) top = max(top, load_first(x + i * inner, lanes));
  for (int64_t i = 0; i < n; ++i) {
    const Vec e = exp(load_first(x + i * inner, lanes) - top);
    sum += e;
    if (!logarithm) store_first(y + i * inner, e, lanes);
  }
  const Vec shift = log(sum), factor = 1.f / sum;
  for (int64_t i = 0; i < n; ++i) {
    const Vec v = load_first((logarithm ? x : y) + i * inner, lanes);
    store_first(y + i * inner, logarithm ? (v - top) - shift : v * factor, lanes);
  }
}

void softmax(const float* x, float* y, int64_t outer, int64_t n, int64_t inner, bool logarithm, ThreadPool& pool) {
  if (inner == 1)
    return for_rows(pool, outer, n, 0.5, [=](int64_t first, int64_t count) {
      for (int64_t r = first; r < first + count; ++r) softmax_row(x + r * n, y + r * n, n, logarithm);
    });
  const int64_t strips = ceil_div(inner, kLanes);
  for_rows(pool, outer * strips, n * kLanes, 0.5, [=](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      const int64_t column = r % strips * kLanes, at = r / strips * n * inner + column;
      softmax_columns(x + at, y + at, n, inner, static_cast<int>(smaller<int64_t>(kLanes, inner - column)), logarithm);
    }
  });
}

// ---- layer and RMS normalization

// y = (x - mean) * factor * scale + bias
void apply_row(const float* x, const float* scale, const float* bias, float* y, int64_t n, float mean, float factor) {
  const auto scaled = [=](Vec v) { return (v - mean) * factor; };
  if (!scale && !bias) return map(x, y, n, scaled);
  if (!bias) return map2(x, scale, y, n, [=](Vec v, Vec s) { return scaled(v) * s; });
  if (!scale) return map2(x, bias, y, n, [=](Vec v, Vec b) { return scaled(v) + b; });
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, scaled(load(x + i)) * load(scale + i) + load(bias + i));
  if (const int rest = static_cast<int>(n - i))
    store_first(y + i, scaled(load_first(x + i, rest)) * load_first(scale + i, rest) + load_first(bias + i, rest),
                rest);
}

// The row to normalize: x, or x + add kept in sum or else in y.
const float* summed_row(const float* x, const float* add, float* sum, float* y, int64_t n) {
  if (!add) return x;
  float* to = sum ? sum : y;
  map2(x, add, to, n, plus);
  return to;
}

template <bool Centered>
void norm_rows(const float* x, const float* add, const float* scale, const float* bias, float* sum, float* y,
               int64_t rows, int64_t n, float epsilon, ThreadPool& pool) {
  for_rows(pool, rows, n, 0.3, [=](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      const int64_t at = r * n;
      const float* row = summed_row(x + at, add ? add + at : nullptr, sum ? sum + at : nullptr, y + at, n);
      const float mean = Centered ? static_cast<float>(sum_of(row, n, [](Vec v) { return v; }) / n) : 0.f;
      const double variance = sum_of(row, n, [=](Vec v) { return (v - mean) * (v - mean); }) / n;
      apply_row(row, scale, bias, y + at, n, mean, reciprocal_root(variance, epsilon));
    }
  });
}

void rms_norm(const float* x, const float* add, const float* scale, float* sum, float* y, int64_t rows, int64_t n,
              float epsilon, ThreadPool& pool) {
  norm_rows<false>(x, add, scale, nullptr, sum, y, rows, n, epsilon, pool);
}

void group_norm(const float* x, const float* scale, const float* bias, float* y, int64_t batch, int64_t channels,
                int64_t spatial, int64_t groups, float epsilon, ThreadPool& pool) {
  const int64_t per_group = channels / groups, n = per_group * spatial;
  for_rows(pool, batch * groups, n, 0.3, [=](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      const float* from = x + r * n;
      const float mean = static_cast<float>(sum_of(from, n, [](Vec v) { return v; }) / n);
      const double variance = sum_of(from, n, [=](Vec v) { return (v - mean) * (v - mean); }) / n;
      const float factor = reciprocal_root(variance, epsilon);
      for (int64_t c = 0; c < per_group; ++c) {
        const int64_t channel = r % groups * per_group + c, at = r * n + c * spatial;
        const float by = scale ? scale[channel] * factor : factor, plus = bias ? bias[channel] : 0.f;
        map(x + at, y + at, spatial, [=](Vec v) { return (v - mean) * by + plus; });
      }
    }
  });
}

// ---- scale and shift

void scale_shift(const float* x, const float* scale, const float* shift, float* y, int64_t outer, int64_t channels,
                 int64_t inner, ThreadPool& pool) {
  if (inner == 1)
    return for_rows(pool, outer, channels, 0.1, [=](int64_t first, int64_t count) {
      for (int64_t r = first; r < first + count; ++r)
        apply_row(x + r * channels, scale, shift, y + r * channels, channels, 0, 1);
    });
  for_rows(pool, outer * channels, inner, 0.1, [=](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      const float s = scale[r % channels], t = shift[r % channels];
      map(x + r * inner, y + r * inner, inner, [=](Vec v) { return v * s + t; });
    }
  });
}

void scale_shift_blocked(const float* x, const float* scale, const float* shift, float* y, int64_t outer,
                         int64_t blocks, int64_t inner, ThreadPool& pool) {
  for_rows(pool, outer * blocks, inner * kLanes, 0.1, [=](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      const Vec s = load(scale + r % blocks * kLanes), t = load(shift + r % blocks * kLanes);
      map(x + r * inner * kLanes, y + r * inner * kLanes, inner * kLanes, [=](Vec v) { return v * s + t; });
    }
  });
}

// ---- reductions

struct Sum {
  static constexpr float neutral = 0;
  static Vec step(Vec sum, Vec x) { return sum + x; }
  static Vec join(Vec a, Vec b) { return a + b; }
  static double join(double a, double b) { return a + b; }
};
struct SumSquare : Sum {
  static Vec step(Vec sum, Vec x) { return sum + x * x; }
};
struct SumAbs : Sum {
  static Vec step(Vec sum, Vec x) { return sum + abs(x); }
};
struct Product {
  static constexpr float neutral = 1;
  static Vec step(Vec sum, Vec x) { return sum * x; }
  static Vec join(Vec a, Vec b) { return a * b; }
  static double join(double a, double b) { return a * b; }
};
struct Max {
  static constexpr float neutral = -kInf;
  static Vec step(Vec a, Vec b) { return max_or_nan(a, b); }
  static Vec join(Vec a, Vec b) { return max_or_nan(a, b); }
  static double join(double a, double b) { return a > b || a != a ? a : b; }
};
struct Min {
  static constexpr float neutral = kInf;
  static Vec step(Vec a, Vec b) { return min_or_nan(a, b); }
  static Vec join(Vec a, Vec b) { return min_or_nan(a, b); }
  static double join(double a, double b) { return a < b || a != a ? a : b; }
};

template <class R>
double reduce_piece(const float* x, int64_t n) {
  constexpr int64_t kPiece = 4096;
  double total = R::neutral;
  for (int64_t i = 0; i < n; i += kPiece)
    total = R::join(total, static_cast<double>(fold(x + i, smaller(kPiece, n - i), R::neutral, R::step,
                                                    [](Vec a, Vec b) { return R::join(a, b); })));
  return total;
}

// Columns [0, count) of [n, inner], count <= kStrip.
constexpr int64_t kStrip = 256;
template <class R>
void reduce_columns(const float* x, float* y, int64_t n, int64_t inner, int64_t count, float factor) {
  alignas(64) float sums[kStrip], total[kStrip];
  map(total, total, count, [](Vec) { return splat(R::neutral); });
  constexpr int64_t kRows = 1024;  // pieces, so that long sums do not lose what is small
  for (int64_t first = 0; first < n; first += kRows) {
    map(sums, sums, count, [](Vec) { return splat(R::neutral); });
    for (int64_t i = first; i < smaller(n, first + kRows); ++i) map2(sums, x + i * inner, sums, count, R::step);
    map2(total, sums, total, count, [](Vec a, Vec b) { return R::join(a, b); });
  }
  map(total, y, count, [=](Vec v) { return v * factor; });
}

template <class R>
void reduce_as(const float* x, float* y, int64_t outer, int64_t n, int64_t inner, float factor, ThreadPool& pool) {
  constexpr int64_t kLong = 64 << 10, kPieces = 64;
  if (inner == 1 && outer < 8 && n >= kLong) {  // a few long rows: each by all threads
    for (int64_t r = 0; r < outer; ++r) {
      double piece[kPieces], total = R::neutral;
      const int64_t pieces = smaller(kPieces, n / kTaskElements);
      launch(&pool, pieces, n * 0.1, [&](int64_t task, int) {
        const auto [first, count] = part(n, pieces, task);
        piece[task] = reduce_piece<R>(x + r * n + first, count);
      });
      for (int64_t p = 0; p < pieces; ++p) total = R::join(total, piece[p]);
      y[r] = static_cast<float>(total * static_cast<double>(factor));
    }
    return;
  }
  if (inner == 1)
    return for_rows(pool, outer, n, 0.1, [=](int64_t first, int64_t count) {
      for (int64_t r = first; r < first + count; ++r)
        y[r] = static_cast<float>(reduce_piece<R>(x + r * n, n) * static_cast<double>(factor));
    });
  const int64_t strips = ceil_div(inner, kStrip);
  for_rows(pool, outer * strips, n * smaller(kStrip, inner), 0.1, [=](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      const int64_t o = r / strips, column = r % strips * kStrip;
      reduce_columns<R>(x + o * n * inner + column, y + o * inner + column, n, inner, smaller(kStrip, inner - column),
                        factor);
    }
  });
}

void reduce(Reduction reduction, const float* x, float* y, int64_t outer, int64_t n, int64_t inner, ThreadPool& pool) {
  const float mean = n > 0 ? static_cast<float>(1.0 / static_cast<double>(n)) : __builtin_nanf("");
  switch (reduction) {
    case Reduction::sum: return reduce_as<Sum>(x, y, outer, n, inner, 1, pool);
    case Reduction::mean: return reduce_as<Sum>(x, y, outer, n, inner, mean, pool);
    case Reduction::max: return reduce_as<Max>(x, y, outer, n, inner, 1, pool);
    case Reduction::min: return reduce_as<Min>(x, y, outer, n, inner, 1, pool);
    case Reduction::prod: return reduce_as<Product>(x, y, outer, n, inner, 1, pool);
    case Reduction::sum_square: return reduce_as<SumSquare>(x, y, outer, n, inner, 1, pool);
    case Reduction::sum_abs: return reduce_as<SumAbs>(x, y, outer, n, inner, 1, pool);
  }
}

// ---- rotation

void rotate(const float* x, const float* cosines, const float* sines, float* y, int64_t half, int64_t size) {
  for (int64_t i = 0; i < half; i += kLanes) {
    const int lanes = static_cast<int>(smaller<int64_t>(kLanes, half - i));
    const Vec a = load_first(x + i, lanes), b = load_first(x + half + i, lanes);
    const Vec c = load_first(cosines + i, lanes), s = load_first(sines + i, lanes);
    store_first(y + i, c * a - s * b, lanes);
    store_first(y + half + i, s * a + c * b, lanes);
  }
  std::memcpy(y + 2 * half, x + 2 * half, static_cast<size_t>(size - 2 * half) * sizeof(float));
}

}  // namespace

const NormKernels& norm_kernels() {
  static constexpr NormKernels table{.softmax = softmax,
                                     .layer_norm = norm_rows<true>,
                                     .rms_norm = rms_norm,
                                     .group_norm = group_norm,
                                     .scale_shift = scale_shift,
                                     .scale_shift_blocked = scale_shift_blocked,
                                     .rotate = rotate,
                                     .reduce = reduce};
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
