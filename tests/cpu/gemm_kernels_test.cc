// Matrix products against sums in double, over layouts, odd sizes, batches and epilogues.
#include <algorithm>

#include "backends/cpu/kernels/gemm.h"
#include "cpu/kernel_testing.h"

namespace vivace::cpu {
namespace {

double activated(const GemmProblem& p, double x) {
  switch (p.activation) {
    case Activation::none: return x;
    case Activation::relu: return std::max(x, 0.0);
    case Activation::clip: return std::min(std::max(x, double(p.activation_alpha)), double(p.activation_beta));
    case Activation::gelu: return x * 0.5 * (1 + std::erf(x / std::sqrt(2)));
    default: ADD_FAILURE() << "no reference"; return 0;
  }
}

struct Case {
  int64_t m, n, k;
  enum Layout { packed_kn, packed_nk, kn, nk, strided } layout = packed_kn;
  Activation activation = Activation::none;
  bool bias = false, residual = false, residual_last = false, in_place = false;
  float alpha = 1;
  int64_t batch = 1, inner_batch = 1;
};

std::string name(const Case& c, Isa isa) {
  return std::string(to_string(isa)) + " m=" + std::to_string(c.m) + " n=" + std::to_string(c.n) +
         " k=" + std::to_string(c.k) + " layout=" + std::to_string(c.layout) +
         " activation=" + std::to_string(int(c.activation)) + " batch=" + std::to_string(c.batch) + "x" +
         std::to_string(c.inner_batch);
}

void check(const Case& c, Isa isa) {
  const GemmKernels& kernels = gemm_kernels(isa);
  const bool packed = c.layout == Case::packed_kn || c.layout == Case::packed_nk;
  GemmProblem p{.m = c.m, .n = c.n, .k = c.k, .a_row = c.k + 3, .c_row = c.n + 5, .packed_b = packed};
  const bool by_depth = c.layout == Case::packed_nk || c.layout == Case::nk;
  p.b_row = by_depth ? 1 : c.layout == Case::strided ? 2 * c.n + 1 : c.n + 2;
  p.b_column = by_depth ? c.k + 1 : c.layout == Case::strided ? 2 : 1;
  p.alpha = c.alpha;
  p.activation = c.activation, p.activation_alpha = -0.5f, p.activation_beta = 0.75f;
  p.residual_last = c.residual_last;
  const int64_t a_size = c.m * p.a_row, b_size = c.k * p.b_row + c.n * p.b_column, c_size = c.m * p.c_row;
  p.batch[1] = {.count = c.batch, .a = a_size, .b = packed ? 0 : b_size, .c = c.inner_batch * c_size};
  p.batch[3] = {.count = c.inner_batch, .a = 0, .b = packed ? 0 : b_size * c.batch, .c = c_size};
  const int64_t batches = c.batch * c.inner_batch;

  const std::vector<float> a = random_floats(a_size * c.batch, 1), bias = random_floats(c.n, 3);
  const std::vector<float> b = random_floats(packed ? b_size : b_size * batches, 2);
  const std::vector<float> residual = random_floats(c_size * batches, 4);
  Guarded<float> one(c_size * batches), two(c_size * batches);
  for (int threads : {1, 2}) {
    ThreadPool pool(threads);
    Guarded<float>& y = threads == 1 ? one : two;
    const float* use_b = b.data();
    Guarded<float> packed_b(packed ? kernels.packed_size(c.k, c.n) : 0);
    if (packed) {
      kernels.pack(b.data(), p.b_row, p.b_column, c.k, c.n, packed_b.data(), pool);
      use_b = packed_b.data();
    }
    const float* use_residual = c.residual ? residual.data() : nullptr;
    if (c.in_place) {
      for (int64_t r = 0; r < c.m * batches; ++r)
        std::memcpy(y.data() + r * p.c_row, residual.data() + r * p.c_row, static_cast<size_t>(c.n) * sizeof(float));
      use_residual = y.data();
    }
    Guarded<float> scratch(kernels.scratch_size(p, threads));
    kernels.run(p, a.data(), use_b, c.bias ? bias.data() : nullptr, use_residual, y.data(), scratch.data(), pool);
    ASSERT_TRUE(y.guards_hold() && scratch.guards_hold() && packed_b.guards_hold()) << name(c, isa);
  }
  ASSERT_TRUE(one.same_bits(two)) << name(c, isa) << ": the thread count changes the result";
  for (int64_t i = 0; i < batches; ++i) {
    const float* ai = a.data() + i / c.inner_batch * a_size;
    const float* bi = b.data() + i / c.inner_batch * p.batch[1].b + i % c.inner_batch * p.batch[3].b;
    for (int64_t m = 0; m < c.m; ++m)
      for (int64_t n = 0; n < p.c_row; ++n) {
        const int64_t at = i * c_size + m * p.c_row + n;
        if (n >= c.n) {
          ASSERT_TRUE(one.untouched(at)) << name(c, isa);
          continue;
        }
        double sum = 0, size = 1;
        for (int64_t k = 0; k < c.k; ++k) {
          const double term = double(ai[m * p.a_row + k]) * bi[k * p.b_row + n * p.b_column];
          sum += term, size += std::fabs(term);
        }
        const double add = c.residual || c.in_place ? residual[static_cast<size_t>(at)] : 0;
        double want = c.alpha * sum + (c.bias ? bias[static_cast<size_t>(n)] : 0) + (c.residual_last ? 0 : add);
        want = activated(p, want) + (c.residual_last ? add : 0);
        // k f32 roundings of partial sums of either sign grow like sqrt(k); 1e-6 of the sum of magnitudes is generous.
        ASSERT_NEAR(one[at], want, 1e-6 * size) << name(c, isa) << " at batch " << i << " row " << m << " column " << n;
      }
  }
}

void check_all(const Case& c) {
  for (Isa isa : present_isas()) check(c, isa);
}

constexpr Case::Layout kLayouts[] = {Case::packed_kn, Case::packed_nk, Case::kn, Case::nk, Case::strided};

TEST(GemmKernels, OddSizesInEveryLayout) {
  for (const Case::Layout layout : kLayouts)
    for (const int64_t m : {0, 1, 2, 3, 5, 7, 13, 17, 29, 115})
      for (const int64_t n : {0, 1, 2, 16, 17, 31, 33, 67})
        for (const int64_t k : {0, 1, 5, 16, 33, 70}) check_all({m, n, k, layout, Activation::none, true});
}

TEST(GemmKernels, EpiloguesInEveryLayout) {
  for (const Case::Layout layout : kLayouts)
    for (const Activation activation : {Activation::none, Activation::relu, Activation::clip, Activation::gelu})
      for (const int64_t m : {1, 19})
        for (const bool last : {false, true})
          for (const bool in_place : {false, true})
            for (const int64_t k : {21, 1100})
              check_all({m, 37, k, layout, activation, true, !in_place, last, in_place, 0.125f});
}

TEST(GemmKernels, DepthsBeyondOnePass) {
  for (const int64_t k : {1024, 1025, 2500})
    for (const int64_t m : {1, 15, 120}) check_all({m, 35, k, Case::packed_nk, Activation::relu, true, true});
}

TEST(GemmKernels, LargeEnoughForThreads) {
  check_all({131, 259, 257, Case::packed_kn, Activation::gelu, true, true});
  check_all({300, 70, 190, Case::nk, Activation::relu, true});
  check_all({4000, 33, 17, Case::packed_kn, Activation::relu, true});
  check_all({3, 700, 900, Case::nk, Activation::none, true});
  check_all({5, 1500, 400, Case::kn, Activation::none, true});
  check_all({3000, 2, 300, Case::nk, Activation::relu, true});
}

TEST(GemmKernels, Batches) {
  for (const Case::Layout layout : kLayouts) {
    check_all({19, 23, 17, layout, Activation::none, true, true, false, false, 0.25f, 3, 2});
    check_all({65, 70, 64, layout, Activation::none, false, false, false, false, 0.125f, 5, 7});
    check_all({1, 129, 64, layout, Activation::none, false, false, false, false, 1, 3, 4});
  }
  check_all({160, 170, 180, Case::nk, Activation::none, true, true, false, false, 1, 2, 1});
}

TEST(GemmKernels, NotANumberStays) {
  const GemmKernels& kernels = gemm_kernels(best_isa());
  ThreadPool pool(1);
  GemmProblem p{.m = 2, .n = 3, .k = 1, .a_row = 1, .c_row = 3, .b_row = 1, .b_column = 1};
  p.activation = Activation::relu;
  const float a[] = {std::nanf(""), -1}, b[] = {1, 2, 3};
  float c[6];
  std::vector<float> scratch(static_cast<size_t>(kernels.scratch_size(p, 1)));
  kernels.run(p, a, b, nullptr, nullptr, c, scratch.data(), pool);
  EXPECT_TRUE(std::isnan(c[0]) && std::isnan(c[2]));
  EXPECT_EQ(c[3], 0);
}

}  // namespace
}  // namespace vivace::cpu
