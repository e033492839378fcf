// Strided copies, gathers, padding and resizing against plain index arithmetic.
#include <algorithm>
#include <numeric>

#include "backends/cpu/kernels/move.h"
#include "backends/cpu/move_plan.h"
#include "cpu/kernel_testing.h"

namespace vivace::cpu {
namespace {

using Dims = std::vector<int64_t>;

int64_t product(const Dims& dims) { return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>()); }
Dims contiguous(const Dims& dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t d = dims.size(); d-- > 0; stride *= dims[d]) strides[d] = stride;
  return strides;
}

// Copies the box with these strides; `from` starts at element `start` of an array of `size`.
void check_copy(const Dims& dims, const Dims& from, const Dims& to, int64_t start, int64_t size, int bytes) {
  const Result<CopyPlan> plan = plan_copy(dims, from, to, bytes);
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  std::vector<unsigned char> x(static_cast<size_t>(size * bytes));
  std::mt19937 engine(1);
  for (unsigned char& v : x) v = static_cast<unsigned char>(engine() % 128);  // never the guards' pattern
  int64_t extent = product(dims) > 0 ? 1 : 0;
  for (size_t d = 0; d < dims.size() && extent > 0; ++d) extent += (dims[d] - 1) * to[d];
  for (const Isa isa : present_isas())
    for (const int threads : {1, 2}) {
      ThreadPool pool(threads);
      Guarded<unsigned char> y(extent * bytes);
      move_kernels(isa).copy(*plan, x.data() + start * bytes, y.data(), pool);
      ASSERT_TRUE(y.guards_hold());
      std::vector<bool> written(static_cast<size_t>(extent));
      Dims index(dims.size(), 0);
      for (int64_t n = product(dims); n > 0; --n) {
        int64_t a = start, b = 0;
        for (size_t d = 0; d < dims.size(); ++d) a += index[d] * from[d], b += index[d] * to[d];
        ASSERT_EQ(std::memcmp(y.data() + b * bytes, x.data() + a * bytes, static_cast<size_t>(bytes)), 0)
            << to_string(isa) << " bytes " << bytes << " at " << b;
        written[static_cast<size_t>(b)] = true;
        for (size_t d = dims.size(); d-- > 0 && ++index[d] == dims[d];) index[d] = 0;
      }
      for (int64_t i = 0; i < extent; ++i) {
        if (!written[static_cast<size_t>(i)]) {
          ASSERT_TRUE(y.untouched(i * bytes)) << "gap at " << i;
        }
      }
    }
}

void check_transpose(const Dims& shape, const Dims& order) {
  const Dims strides = contiguous(shape);
  Dims dims, from;
  for (const int64_t d : order)
    dims.push_back(shape[static_cast<size_t>(d)]), from.push_back(strides[static_cast<size_t>(d)]);
  for (const int bytes : {1, 2, 4, 8, 16}) check_copy(dims, from, contiguous(dims), 0, product(shape), bytes);
}

TEST(MoveKernels, Transposes) {
  check_transpose({}, {});
  check_transpose({0, 3}, {1, 0});
  check_transpose({1, 7}, {1, 0});
  check_transpose({16, 16}, {1, 0});
  check_transpose({37, 53}, {1, 0});
  check_transpose({2, 3, 31, 33}, {0, 2, 3, 1});
  check_transpose({2, 31, 33, 3}, {0, 3, 1, 2});
  check_transpose({3, 17, 5, 8}, {0, 2, 1, 3});
  check_transpose({5, 4, 3, 2, 7}, {4, 3, 2, 1, 0});
  check_transpose({2, 3, 4, 5, 6, 2}, {1, 3, 5, 0, 2, 4});
  check_transpose({700, 513}, {1, 0});
}

TEST(MoveKernels, SlicesExpansionsAndParts) {
  for (const int bytes : {1, 2, 4, 8, 16}) {
    check_copy({5, 7}, {-22, 2}, {7, 1}, 100, 120, bytes);       // a slice with steps, one of them negative
    check_copy({9}, {-1}, {1}, 8, 9, bytes);                     // reversed
    check_copy({6, 5, 9}, {1, 0, 6}, {45, 9, 1}, 0, 60, bytes);  // expanded
    check_copy({4, 10}, {10, 1}, {25, 1}, 0, 40, bytes);         // part of a concatenation
    check_copy({40000, 3}, {3, 1}, {5, 1}, 0, 120000, bytes);
    check_copy({300000}, {1}, {1}, 0, 300000, bytes);
    check_copy({3, 4}, {1, 3}, {8, 2}, 0, 12, bytes);  // nothing contiguous in `to`
  }
}

TEST(MovePlan, MergesAndWidens) {
  const Result<CopyPlan> rows = plan_copy(Dims{2, 3, 4}, Dims{24, 8, 2}, Dims{12, 4, 1}, 4);
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ(rows->rank, 1);
  EXPECT_EQ(rows->dims[0], 24);
  const Result<CopyPlan> whole = plan_copy(Dims{2, 3, 4}, Dims{12, 4, 1}, Dims{12, 4, 1}, 1);
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->element_bytes, 8);
  EXPECT_EQ(whole->dims[0], 3);
  const Result<CopyPlan> swapped = plan_copy(Dims{5, 6}, Dims{1, 5}, Dims{6, 1}, 4);
  ASSERT_TRUE(swapped.ok());
  EXPECT_EQ(swapped->other, 0);
  Dims dims(9, 2), from, to = contiguous(dims);
  for (size_t d = 0; d < 9; ++d) from.push_back(int64_t{1} << (d * 5 % 9));
  EXPECT_EQ(plan_copy(dims, from, to, 4).status().code(), Code::unsupported);
  EXPECT_EQ(plan_copy(dims, Dims{1}, to, 4).status().code(), Code::invalid_argument);
}

TEST(MoveKernels, Gathers) {
  const int64_t indices[] = {3, 0, -1, 2, 2, -5};
  const int32_t narrow[] = {3, 0, -1, 2, 2, -5};
  for (const Isa isa : present_isas())
    for (const int64_t row : {1, 4, 12, 1000})
      for (const int threads : {1, 2}) {
        ThreadPool pool(threads);
        const int64_t outer = 30, size = 5, count = 6;
        std::vector<unsigned char> x(static_cast<size_t>(outer * size * row));
        for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<unsigned char>(i * 7 % 127);
        Guarded<unsigned char> y(outer * count * row), z(outer * count * row);
        ASSERT_TRUE(move_kernels(isa).gather(x.data(), indices, 8, y.data(), outer, size, count, row, pool));
        ASSERT_TRUE(move_kernels(isa).gather(x.data(), narrow, 4, z.data(), outer, size, count, row, pool));
        ASSERT_TRUE(y.guards_hold() && y.same_bits(z));
        for (int64_t o = 0; o < outer; ++o)
          for (int64_t i = 0; i < count; ++i)
            ASSERT_EQ(std::memcmp(y.data() + (o * count + i) * row,
                                  x.data() + (o * size + (indices[i] + size) % size) * row, static_cast<size_t>(row)),
                      0);
      }
  ThreadPool pool(1);
  char x[5] = {}, y[6] = {};
  EXPECT_FALSE(move_kernels(best_isa()).gather(x, indices, 8, y, 1, 4, 6, 1, pool));  // -5 of 4
  EXPECT_FALSE(move_kernels(best_isa()).gather(x, indices, 8, y, 1, 3, 1, 1, pool));  // 3 of 3
}

TEST(MoveKernels, Pads) {
  // Two dimensions with any table: constants, edges, reflections.
  const std::vector<int32_t> rows = {-1, 0, 0, 1, 2, 1, -1}, columns = {1, 0, 0, 1, 2, 3, 4, 3, 2, -1};
  const std::vector<float> x = random_floats(2 * 3 * 5, 1);
  const std::vector<int32_t> batch = {1, 0};
  const float value = 7.5f;
  PadProblem p{.element_bytes = 4,
               .rank = 3,
               .dims = {2, 7, 10},
               .strides = {15, 5, 1},
               .source = {batch.data(), rows.data(), columns.data()},
               .lead = 2,
               .middle = 5,
               .value = 0};
  std::memcpy(&p.value, &value, sizeof value);
  for (const Isa isa : present_isas()) {
    ThreadPool pool(2);
    Guarded<float> y(2 * 7 * 10);
    move_kernels(isa).pad(p, x.data(), y.data(), pool);
    ASSERT_TRUE(y.guards_hold());
    for (size_t b = 0; b < 2; ++b)
      for (size_t r = 0; r < 7; ++r)
        for (size_t c = 0; c < 10; ++c) {
          const bool outside = rows[r] < 0 || columns[c] < 0;
          const float want = outside ? value : x[static_cast<size_t>(batch[b] * 15 + rows[r] * 5 + columns[c])];
          ASSERT_EQ(y[static_cast<int64_t>((b * 7 + r) * 10 + c)], want) << b << " " << r << " " << c;
        }
  }
}

TEST(MoveKernels, Resizes) {
  const int64_t planes = 5, in_rows = 13, in_columns = 19, out_rows = 29, out_columns = 41;
  const std::vector<float> x = random_floats(planes * in_rows * in_columns, 1);
  std::mt19937 engine(2);
  for (const int taps : {1, 2, 4}) {
    std::vector<int32_t> rows, columns;
    for (int64_t i = 0; i < taps * out_rows; ++i) rows.push_back(static_cast<int32_t>(engine() % in_rows));
    for (int64_t i = 0; i < taps * out_columns; ++i) columns.push_back(static_cast<int32_t>(engine() % in_columns));
    std::sort(rows.begin(), rows.begin() + out_rows);
    const std::vector<float> row_weights = random_floats(taps * out_rows, 3);
    const std::vector<float> column_weights = random_floats(taps * out_columns, 4);
    const ResizeAxis row_axis{in_rows, out_rows, taps, rows.data(), row_weights.data()};
    const ResizeAxis column_axis{in_columns, out_columns, taps, columns.data(), column_weights.data()};
    for (const Isa isa : present_isas())
      for (const int threads : {1, 2}) {
        ThreadPool pool(threads);
        Guarded<float> y(planes * out_rows * out_columns), z(planes * out_rows * out_columns);
        Guarded<float> scratch(threads * in_columns);
        move_kernels(isa).resize(x.data(), y.data(), planes, row_axis, column_axis, scratch.data(), pool);
        move_kernels(isa).resize_nearest(x.data(), z.data(), planes, in_rows, in_columns, out_rows, out_columns,
                                         rows.data(), columns.data(), pool);
        ASSERT_TRUE(y.guards_hold() && z.guards_hold() && scratch.guards_hold());
        for (int64_t p = 0; p < planes; ++p)
          for (int64_t r = 0; r < out_rows; ++r)
            for (int64_t c = 0; c < out_columns; ++c) {
              const auto value = [&](int64_t i, int64_t j) {
                return double(x[static_cast<size_t>((p * in_rows + i) * in_columns + j)]);
              };
              double want = 0;
              for (int s = 0; s < taps; ++s)
                for (int t = 0; t < taps; ++t) {
                  const auto i = static_cast<size_t>(s * out_rows + r), j = static_cast<size_t>(t * out_columns + c);
                  want += value(rows[i], columns[j]) * row_weights[i] * column_weights[j];
                }
              const int64_t at = (p * out_rows + r) * out_columns + c;
              ASSERT_NEAR(y[at], want, 3e-6) << to_string(isa) << " taps " << taps;  // some 20 f32 roundings
              ASSERT_EQ(z[at], value(rows[static_cast<size_t>(r)], columns[static_cast<size_t>(c)]));
            }
      }
  }
}

}  // namespace
}  // namespace vivace::cpu
