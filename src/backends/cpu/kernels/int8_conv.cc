// Convolution of bytes as a product: the weights times the patches of some output rows, which each task lays out in
// quads itself. Where the stride is 1, a patch's bytes are rows of the image from some offset on: output columns are
// counted as wide as the image, and those beyond the output are dropped.
#include "backends/cpu/kernels/int8_tile.h"
#include "backends/cpu/kernels/simd_bytes.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

constexpr int64_t kPatchBytes = 128 << 10;  // of a task, to stay in the second cache

struct Plan {
  int64_t k, width, rows, columns, panels;  // width: columns of an output row as counted; rows: of a task
  bool runs, direct;                        // runs: patches are rows of the image; direct: results go where they belong
};

Plan plan_of(const Int8Conv& c) {
  Plan plan{};
  plan.k = c.channels * c.kernel_h * c.kernel_w;
  plan.runs = c.stride_h == 1 && c.stride_w == 1;
  plan.width = plan.runs ? c.columns : c.out_columns;
  plan.direct = plan.width == c.out_columns;
  const int64_t columns = larger<int64_t>(2 * kInt8Panel, kPatchBytes / larger<int64_t>(4, c.product.k4));
  const int64_t most = larger<int64_t>(1, smaller(columns, int64_t{1024}) / plan.width);
  const int64_t parts = ceil_div(c.out_rows, most);
  plan.rows = ceil_div(c.out_rows, parts);
  plan.columns = plan.rows * plan.width;
  plan.panels = ceil_div(plan.columns, kInt8Panel);
  return plan;
}

struct Scratch {
  int64_t patches, row, sums, results;  // offsets
  int64_t bytes;
};
Scratch scratch_of(const Int8Conv& c, const Plan& plan) {
  Scratch s{};
  const int64_t columns = plan.panels * kInt8Panel;
  s.row = c.product.k4 * columns;
  s.sums = s.row + (plan.runs ? 0 : 4 * columns);
  s.results = s.sums + (c.ones ? columns * 4 : 0);
  s.bytes = round_up(s.results + (plan.direct ? 0 : c.product.m * columns * (c.product.scaled ? 1 : 4)), 64);
  return s;
}

// Four rows of bytes to quads, in panels of B: to points to the quad in the first panel.
void interleave(const uint8_t* const (&rows)[4], const int64_t (&left)[4], int64_t columns, uint8_t* to,
                int64_t panel_bytes) {
  const auto quads_at = [&](int64_t i, auto row) {
    return row(0, i) | row(1, i) << 8 | row(2, i) << 16 | row(3, i) << 24;
  };
  const int64_t least = smaller(smaller(left[0], left[1]), smaller(left[2], left[3]));
  for (int64_t i = 0; i < columns; i += kLanes) {
    const VecI quads = i + kLanes <= least
                           ? quads_at(i, [&](int r, int64_t at) { return widen_bytes<false>(rows[r] + at); })
                           : quads_at(i, [&](int r, int64_t at) {
                               return left[r] > at ? widen_first_bytes<false>(rows[r] + at, left[r] - at) : VecI{};
                             });
    std::memcpy(to + i / kInt8Panel * panel_bytes + i % kInt8Panel * 4, &quads, sizeof quads);
  }
}

// Output rows [first, first + count) of one convolution.
void conv_rows(const Int8Conv& c, const Plan& plan, int64_t first, int64_t count, uint8_t* memory) {
  const Scratch offsets = scratch_of(c, plan);
  const int64_t columns = count * plan.width, all_columns = plan.panels * kInt8Panel;
  const int64_t panel_bytes = c.product.k4 * kInt8Panel;
  const int64_t end = c.channels * c.x_plane;
  uint8_t* patches = memory;
  for (int64_t k = 0; k < plan.k; k += 4) {
    const uint8_t* rows[4];
    int64_t left[4];
    for (int64_t t = 0; t < 4; ++t) {
      const int64_t step = smaller(k + t, plan.k - 1);  // beyond k the weights are zero
      const int64_t j = step % c.kernel_w, i = step / c.kernel_w % c.kernel_h, channel = step / c.kernel_w / c.kernel_h;
      const int64_t offset =
          channel * c.x_plane + (first * c.stride_h + i * c.dilation_h) * c.columns + j * c.dilation_w;
      if (plan.runs) {
        rows[t] = c.x + offset;
        left[t] = c.slack ? columns + kLanes : end - offset;
        continue;
      }
      uint8_t* row = memory + offsets.row + t * all_columns;
      for (int64_t y = 0; y < count; ++y) {
        const uint8_t* from = c.x + offset + y * c.stride_h * c.columns;
        for (int64_t x = 0; x < plan.width; ++x) row[y * plan.width + x] = from[x * c.stride_w];
      }
      rows[t] = row;
      left[t] = columns;
    }
    interleave(rows, left, columns, patches + k * kInt8Panel, panel_bytes);
  }
  const int64_t panels = ceil_div(columns, kInt8Panel);
  Int8Product p = c.product;
  p.n = columns;
  p.b = patches;
  p.a_unsigned = false;
  auto* sums = reinterpret_cast<int32_t*>(memory + offsets.sums);
  if (c.ones) {
    Int8Product of_ones;
    of_ones.m = 1, of_ones.n = columns, of_ones.k4 = p.k4, of_ones.a = c.ones, of_ones.a_unsigned = false;
    of_ones.b = patches, of_ones.c = sums;
    int8_product(of_ones, 0, panels, 0, 1);
    p.column_factor = sums;
  }
  const int64_t element = p.scaled ? 1 : 4, plane = c.out_rows * c.out_columns;
  auto* out = static_cast<uint8_t*>(c.product.c) + first * c.out_columns * element;
  if (plan.direct) {
    p.c = out;
    p.c_row = plane;
    return int8_product(p, 0, panels, 0, p.m);
  }
  uint8_t* results = memory + offsets.results;
  p.c = results;
  p.c_row = columns;
  int8_product(p, 0, panels, 0, p.m);
  for (int64_t m = 0; m < p.m; ++m)
    for (int64_t y = 0; y < count; ++y)
      std::memcpy(out + (m * plane + y * c.out_columns) * element, results + (m * columns + y * plan.width) * element,
                  static_cast<size_t>(c.out_columns * element));
}

}  // namespace

int64_t int8_conv_scratch(const Int8Conv& conv) { return scratch_of(conv, plan_of(conv)).bytes; }

void int8_conv(const Int8Conv* convs, int64_t count, uint8_t* scratch, ThreadPool& pool) {
  if (count == 0 || convs[0].out_rows == 0 || convs[0].out_columns == 0) return;
  const Plan plan = plan_of(convs[0]);
  const int64_t parts = ceil_div(convs[0].out_rows, plan.rows), bytes = int8_conv_scratch(convs[0]);
  const double work = static_cast<double>(count * convs[0].out_rows * plan.width) * plan.k * convs[0].product.m;
  launch(&pool, count * parts, work / 50, [&](int64_t task, int worker) {
    const auto [first, rows] = part(convs[0].out_rows, parts, task % parts);
    conv_rows(convs[task / parts], plan, first, rows, scratch + worker * bytes);
  });
}

}  // namespace vivace::cpu::VIVACE_ISA
