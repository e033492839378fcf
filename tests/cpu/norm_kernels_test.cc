// Softmax, normalizations and reductions against sums in double.
#include <functional>

#include "backends/cpu/kernels/norm.h"
#include "cpu/kernel_testing.h"

namespace vivace::cpu {
namespace {

// Runs `kernel` on every set with one and two threads, on its own array and in place, and compares with `want`.
// Tolerance 2e-6 relative to max(|want|, 1): a handful of f32 roundings; `loose` multiplies it.
void check(const std::string& name, const std::vector<float>& x, const std::vector<double>& want, bool in_place,
           const std::function<void(const NormKernels&, const float*, float*, ThreadPool&)>& kernel, double loose = 1) {
  const auto size = static_cast<int64_t>(want.size());
  for (const Isa isa : present_isas()) {
    Guarded<float> one(size), two(size), self(size);
    for (const int threads : {1, 2}) {
      ThreadPool pool(threads);
      kernel(norm_kernels(isa), x.data(), (threads == 1 ? one : two).data(), pool);
    }
    ASSERT_TRUE(one.guards_hold() && one.same_bits(two)) << to_string(isa) << " " << name;
    if (in_place) {
      ThreadPool pool(1);
      std::copy(x.begin(), x.end(), self.data());
      kernel(norm_kernels(isa), self.data(), self.data(), pool);
      ASSERT_TRUE(one.same_bits(self)) << to_string(isa) << " " << name << " in place";
    }
    for (int64_t i = 0; i < size; ++i) {
      const double w = want[static_cast<size_t>(i)];
      if (std::isfinite(w)) {
        ASSERT_NEAR(one[i], w, 2e-6 * loose * std::max(1.0, std::fabs(w)))
            << to_string(isa) << " " << name << " at " << i;
      } else {
        ASSERT_TRUE(std::isnan(w) ? std::isnan(one[i]) : one[i] == w) << to_string(isa) << " " << name << " at " << i;
      }
    }
  }
}

std::string named(const char* what, int64_t a, int64_t b, int64_t c) {
  return std::string(what) + " " + std::to_string(a) + "x" + std::to_string(b) + "x" + std::to_string(c);
}

struct Sizes {
  int64_t outer, n, inner;
};
const Sizes kSizes[] = {{0, 3, 1}, {1, 1, 1},   {3, 7, 1},  {5, 16, 1},   {2, 1000, 1},  {400, 197, 1}, {1, 30011, 1},
                        {2, 5, 3}, {3, 17, 16}, {2, 3, 35}, {7, 129, 65}, {1, 2, 70000}, {3, 0, 2},     {70, 50, 49}};

TEST(NormKernels, Softmax) {
  for (const auto [outer, n, inner] : kSizes)
    for (const bool logarithm : {false, true}) {
      const std::vector<float> x = random_floats(outer * n * inner, 1, -90, 90);
      std::vector<double> want(x.size());
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i) {
          const auto at = [&](int64_t k) { return static_cast<size_t>((o * n + k) * inner + i); };
          double top = -INFINITY, sum = 0;
          for (int64_t k = 0; k < n; ++k) top = std::max(top, double(x[at(k)]));
          for (int64_t k = 0; k < n; ++k) sum += std::exp(x[at(k)] - top);
          for (int64_t k = 0; k < n; ++k)
            want[at(k)] = logarithm ? x[at(k)] - top - std::log(sum) : std::exp(x[at(k)] - top) / sum;
        }
      check(named("softmax", outer, n, inner), x, want, true,
            [&](const NormKernels& k, const float* from, float* to, ThreadPool& pool) {
              k.softmax(from, to, outer, n, inner, logarithm, pool);
            });
    }
}

TEST(NormKernels, LayerAndRmsNorm) {
  for (const auto& [rows, n] : {std::pair<int64_t, int64_t>{1, 1}, {3, 7}, {5, 64}, {197, 768}, {2, 5003}, {0, 4}})
    for (const bool centered : {true, false})
      for (const int affine : {0, 1, 2, 3})
        for (const bool with_add : {false, true}) {
          const std::vector<float> x = random_floats(rows * n, 1, 2, 5), add = random_floats(rows * n, 4);
          const std::vector<float> scale = random_floats(n, 2), bias = random_floats(n, 3);
          const float* s = affine & 1 ? scale.data() : nullptr;
          const float* b = affine & 2 && centered ? bias.data() : nullptr;
          std::vector<double> want(x.size());
          for (int64_t r = 0; r < rows; ++r) {
            const auto value = [&](int64_t i) {
              const auto at = static_cast<size_t>(r * n + i);
              return double(with_add ? x[at] + add[at] : x[at]);
            };
            double mean = 0, variance = 0;
            for (int64_t i = 0; centered && i < n; ++i) mean += value(i) / double(n);
            for (int64_t i = 0; i < n; ++i) variance += (value(i) - mean) * (value(i) - mean) / double(n);
            for (int64_t i = 0; i < n; ++i)
              want[static_cast<size_t>(r * n + i)] =
                  (value(i) - mean) / std::sqrt(variance + 1e-5) * (s ? s[i] : 1) + (b ? b[i] : 0);
          }
          Guarded<float> sum(rows * n);
          const float* a = with_add ? add.data() : nullptr;
          // The mean is rounded to f32: with one element, or a small variance, that error is magnified.
          check(named("norm", rows, n, affine), x, want, true,
                [&](const NormKernels& k, const float* from, float* to, ThreadPool& pool) {
                  if (centered)
                    k.layer_norm(from, a, s, b, with_add ? sum.data() : nullptr, to, rows, n, 1e-5f, pool);
                  else
                    k.rms_norm(from, a, s, nullptr, to, rows, n, 1e-5f, pool);
                });
          ASSERT_TRUE(sum.guards_hold());
          if (with_add && centered && rows * n > 0) {
            EXPECT_EQ(sum[rows * n - 1], x.back() + add.back());
          }
        }
}

TEST(NormKernels, GroupAndInstanceNorm) {
  struct Case {
    int64_t batch, channels, spatial, groups;
  };
  for (const Case c : {Case{1, 1, 1, 1}, {2, 6, 35, 3}, {3, 5, 49, 5}, {1, 4, 10007, 1}, {2, 64, 64, 32}}) {
    const std::vector<float> x = random_floats(c.batch * c.channels * c.spatial, 1, -1, 4);
    const std::vector<float> scale = random_floats(c.channels, 2), bias = random_floats(c.channels, 3);
    std::vector<double> want(x.size());
    const int64_t n = c.channels / c.groups * c.spatial;
    for (int64_t r = 0; r < c.batch * c.groups; ++r) {
      double mean = 0, variance = 0;
      for (int64_t i = 0; i < n; ++i) mean += x[static_cast<size_t>(r * n + i)] / double(n);
      for (int64_t i = 0; i < n; ++i) variance += std::pow(x[static_cast<size_t>(r * n + i)] - mean, 2) / double(n);
      for (int64_t i = 0; i < n; ++i) {
        const auto channel = static_cast<size_t>(r % c.groups * (c.channels / c.groups) + i / c.spatial);
        const auto at = static_cast<size_t>(r * n + i);
        want[at] = (x[at] - mean) / std::sqrt(variance + 1e-5) * scale[channel] + bias[channel];
      }
    }
    check(named("group norm", c.channels, c.spatial, c.groups), x, want, true,
          [&](const NormKernels& k, const float* from, float* to, ThreadPool& pool) {
            k.group_norm(from, scale.data(), bias.data(), to, c.batch, c.channels, c.spatial, c.groups, 1e-5f, pool);
          });
  }
}

TEST(NormKernels, ScaleAndShift) {
  for (const auto [outer, channels, inner] : {Sizes{2, 7, 49}, {3, 5, 1}, {1, 1, 1}, {2, 300, 301}, {0, 2, 2}}) {
    const std::vector<float> x = random_floats(outer * channels * inner, 1);
    const std::vector<float> scale = random_floats(channels, 2), shift = random_floats(channels, 3);
    std::vector<double> want(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t c = i / static_cast<size_t>(inner) % static_cast<size_t>(channels);
      want[i] = double(x[i]) * scale[c] + shift[c];
    }
    check(named("scale", outer, channels, inner), x, want, true,
          [&](const NormKernels& k, const float* from, float* to, ThreadPool& pool) {
            k.scale_shift(from, scale.data(), shift.data(), to, outer, channels, inner, pool);
          });
  }
  for (const Isa isa : present_isas()) {
    const int64_t lanes = vector_floats(isa), outer = 2, blocks = 3, inner = 35;
    const std::vector<float> x = random_floats(outer * blocks * inner * lanes, 1);
    const std::vector<float> scale = random_floats(blocks * lanes, 2), shift = random_floats(blocks * lanes, 3);
    Guarded<float> y(static_cast<int64_t>(x.size()));
    ThreadPool pool(2);
    norm_kernels(isa).scale_shift_blocked(x.data(), scale.data(), shift.data(), y.data(), outer, blocks, inner, pool);
    ASSERT_TRUE(y.guards_hold());
    for (int64_t i = 0; i < static_cast<int64_t>(x.size()); ++i) {
      const auto c = static_cast<size_t>(i / (inner * lanes) % blocks * lanes + i % lanes);
      ASSERT_NEAR(y[i], double(x[static_cast<size_t>(i)]) * scale[c] + shift[c], 1e-6) << to_string(isa) << " at " << i;
    }
  }
}

TEST(NormKernels, Reductions) {
  for (const auto [outer, n, inner] : kSizes)
    for (const Reduction reduction : {Reduction::sum, Reduction::mean, Reduction::max, Reduction::min, Reduction::prod,
                                      Reduction::sum_square, Reduction::sum_abs}) {
      const bool product = reduction == Reduction::prod;
      // Factors near 1, so that products of thousands stay finite.
      const std::vector<float> x = random_floats(outer * n * inner, 1, product ? 0.99f : -1, product ? 1.01f : 1);
      std::vector<double> want(static_cast<size_t>(outer * inner));
      for (size_t i = 0; i < want.size(); ++i) {
        double sum = product ? 1 : reduction == Reduction::max ? -INFINITY : reduction == Reduction::min ? INFINITY : 0;
        for (int64_t k = 0; k < n; ++k) {
          const double v = x[(i / static_cast<size_t>(inner) * static_cast<size_t>(n) + static_cast<size_t>(k)) *
                                 static_cast<size_t>(inner) +
                             i % static_cast<size_t>(inner)];
          switch (reduction) {
            case Reduction::sum:
            case Reduction::mean: sum += v; break;
            case Reduction::max: sum = std::max(sum, v); break;
            case Reduction::min: sum = std::min(sum, v); break;
            case Reduction::prod: sum *= v; break;
            case Reduction::sum_square: sum += v * v; break;
            case Reduction::sum_abs: sum += std::fabs(v); break;
          }
        }
        want[i] = reduction == Reduction::mean ? (n ? sum / double(n) : NAN) : sum;
      }
      // n roundings in a product; sums of many terms in lanes.
      check(
          named("reduction", outer, n, inner) + " kind " + std::to_string(int(reduction)), x, want, false,
          [&](const NormKernels& k, const float* from, float* to, ThreadPool& pool) {
            k.reduce(reduction, from, to, outer, n, inner, pool);
          },
          product ? 1 + 0.03 * double(n) : 10);
    }
  // One long row is cut among threads.
  const std::vector<float> x = random_floats(1000003, 1);
  double sum = 0;
  for (const float v : x) sum += v;
  check(
      "long sum", x, {sum}, false,
      [&](const NormKernels& k, const float* from, float* to, ThreadPool& pool) {
        k.reduce(Reduction::sum, from, to, 1, static_cast<int64_t>(x.size()), 1, pool);
      },
      50);
}

TEST(NormKernels, ExtremesKeepNaN) {
  for (const Isa isa : present_isas())
    for (const size_t at : {size_t{0}, size_t{50}, size_t{99}}) {
      std::vector<float> x(100, 1);
      x[at] = NAN;
      ThreadPool pool(1);
      for (const Reduction reduction : {Reduction::max, Reduction::min}) {
        float y[2] = {};
        norm_kernels(isa).reduce(reduction, x.data(), y, 1, 100, 1, pool);
        EXPECT_TRUE(std::isnan(y[0])) << to_string(isa) << " at " << at;
        norm_kernels(isa).reduce(reduction, x.data(), y, 1, 50, 2, pool);
        EXPECT_TRUE(std::isnan(y[at % 2])) << to_string(isa) << " at " << at;
      }
    }
}

}  // namespace
}  // namespace vivace::cpu
