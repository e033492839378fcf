// Attention against plain loops in double.
#include <algorithm>

#include "backends/cpu/kernels/attention.h"
#include "cpu/kernel_testing.h"

namespace vivace::cpu {
namespace {

struct Case {
  int64_t batch, heads, queries, keys, depth, values;
  bool sequence_first = false, causal = false;
  int64_t position = 0, kv_heads = 0;
  enum Mask { none, full, per_key, holes } mask = none;
  float range = 1;
};

void check(const Case& c) {
  const int64_t kv_heads = c.kv_heads ? c.kv_heads : c.heads;
  AttentionProblem p{.batch = c.batch,
                     .heads = c.heads,
                     .queries = c.queries,
                     .keys = c.keys,
                     .depth = c.depth,
                     .values = c.values,
                     .kv_heads = c.kv_heads,
                     .q = {},
                     .k = {},
                     .v = {},
                     .out = {},
                     .mask = {},
                     .scale = 0.3f,
                     .causal = c.causal,
                     .position = c.position};
  const auto strides = [&](int64_t heads, int64_t rows, int64_t width) {
    return c.sequence_first ? AttentionProblem::Strides{rows * heads * width, width, heads * width}
                            : AttentionProblem::Strides{heads * rows * width, rows * width, width};
  };
  p.q = strides(c.heads, c.queries, c.depth), p.k = strides(kv_heads, c.keys, c.depth);
  p.v = strides(kv_heads, c.keys, c.values), p.out = strides(c.heads, c.queries, c.values);
  std::vector<float> q = random_floats(c.batch * c.heads * c.queries * c.depth, 1, -c.range, c.range);
  std::vector<float> k = random_floats(c.batch * kv_heads * c.keys * c.depth, 2, -c.range, c.range);
  std::vector<float> v = random_floats(c.batch * kv_heads * c.keys * c.values, 3);
  std::vector<float> mask;
  if (c.mask == Case::full || c.mask == Case::holes) {
    p.mask = {c.heads * c.queries * c.keys, c.queries * c.keys, c.keys, 1};
    mask = random_floats(c.batch * c.heads * c.queries * c.keys, 4, -3, 3);
    for (size_t i = 0; c.mask == Case::holes && i < mask.size(); ++i)
      if (mask[i] < 0.5f || i < static_cast<size_t>(c.keys)) mask[i] = -INFINITY;
  } else if (c.mask == Case::per_key) {
    p.mask = {2 * c.keys, 0, 0, 2};
    mask = random_floats(c.batch * 2 * c.keys, 4, -3, 3);
  }
  for (const Isa isa : present_isas()) {
    const AttentionKernels& kernels = attention_kernels(isa);
    const int64_t size = c.batch * c.heads * c.queries * c.values;
    Guarded<float> one(size), two(size);
    for (const int threads : {1, 2}) {
      ThreadPool pool(threads);
      Guarded<float> scratch(kernels.scratch_size(p, threads));
      Guarded<float>& y = threads == 1 ? one : two;
      kernels.run(p, q.data(), k.data(), v.data(), mask.empty() ? nullptr : mask.data(), y.data(), scratch.data(),
                  pool);
      ASSERT_TRUE(y.guards_hold() && scratch.guards_hold()) << to_string(isa);
    }
    ASSERT_TRUE(one.same_bits(two)) << to_string(isa);
    std::vector<double> scores(static_cast<size_t>(c.keys));
    for (int64_t b = 0; b < c.batch; ++b)
      for (int64_t h = 0; h < c.heads; ++h)
        for (int64_t i = 0; i < c.queries; ++i) {
          const int64_t kv = h / (c.heads / kv_heads);
          double top = -INFINITY, total = 0;
          for (int64_t j = 0; j < c.keys; ++j) {
            double sum = 0;
            for (int64_t d = 0; d < c.depth; ++d)
              sum += double(q[static_cast<size_t>(b * p.q.batch + h * p.q.head + i * p.q.row + d)]) *
                     k[static_cast<size_t>(b * p.k.batch + kv * p.k.head + j * p.k.row + d)];
            sum *= double(p.scale);
            if (!mask.empty())
              sum += mask[static_cast<size_t>(b * p.mask.batch + h * p.mask.head + i * p.mask.query + j * p.mask.key)];
            if (c.causal && j > i + c.position) sum = -INFINITY;
            scores[static_cast<size_t>(j)] = sum, top = std::max(top, sum);
          }
          for (double& s : scores) s = top == -INFINITY ? 0 : std::exp(s - top), total += s;
          for (int64_t n = 0; n < c.values; ++n) {
            double want = 0;
            for (int64_t j = 0; j < c.keys && total > 0; ++j)
              want += scores[static_cast<size_t>(j)] / total *
                      v[static_cast<size_t>(b * p.v.batch + kv * p.v.head + j * p.v.row + n)];
            // An error of some 1e-7 of the largest score is one of the weights.
            ASSERT_NEAR(one[b * p.out.batch + h * p.out.head + i * p.out.row + n], want,
                        2e-6 * std::max(1.0, std::fabs(top == -INFINITY ? 0 : top)))
                << to_string(isa) << " batch " << b << " head " << h << " query " << i << " column " << n;
          }
        }
  }
}

TEST(AttentionKernels, ShapesLayoutsAndMasks) {
  check({1, 1, 1, 1, 1, 1});
  check({1, 2, 3, 0, 4, 5});
  check({2, 3, 17, 19, 13, 11});
  check({2, 3, 17, 19, 13, 11, true});
  check({1, 2, 131, 129, 64, 64, true, true});
  check({1, 2, 5, 300, 64, 80, false, true, 295});
  check({1, 2, 130, 600, 32, 33, false, true});       // later blocks of keys unseen by some
  check({2, 4, 9, 270, 24, 40, false, false, 0, 2});  // shared keys
  check({2, 2, 33, 261, 16, 16, false, false, 0, 0, Case::full});
  check({2, 2, 33, 261, 16, 16, true, true, 100, 0, Case::per_key});
  check({1, 2, 20, 515, 16, 16, false, false, 0, 0, Case::holes});
  check({1, 1, 40, 700, 64, 64, false, false, 0, 0, Case::none, 6});  // a steep softmax
}

}  // namespace
}  // namespace vivace::cpu
