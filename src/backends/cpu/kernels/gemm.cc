// Blocking after Goto and van de Geijn (2008), with one level less: a block of A (some 350 KB, in L2) meets one panel
// of B at a time, and the register tile runs over the whole depth of both, which stream from L2; the next panel is
// prefetched meanwhile. Depths beyond kMaxDepth are split and accumulate in C.
#include "backends/cpu/kernels/gemm.h"

#include "backends/cpu/kernels/gemm_tile.h"
#include "backends/cpu/kernels/gemv.h"
#include "backends/cpu/kernels/launch.h"
#include "backends/cpu/kernels/simd_shuffle.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

constexpr float kInf = __builtin_inff();
constexpr double kFlopsPerNs = 50;  // for the choice of tasks only
constexpr double kTaskFlops = 2e6;  // worth a task of its own
constexpr int64_t kMaxTasks = 64;
constexpr int64_t kMaxDepth = 1024;  // one pass up to here; longer depths split into passes of 512 to 1024
constexpr int64_t kBlockRows = 112 / kMaxRows * kMaxRows;
constexpr int64_t kNarrow = 128;  // few columns: B stays in L2 and A is taken in pieces that stay in L1
constexpr int64_t kPieceBytes = 16 << 10;

struct Operands {
  const float *a, *b, *bias, *residual;
  float* c;
};

// How one product is cut; follows from the problem alone.
struct Plan {
  bool direct = false;  // few rows: B is read where it lies, without packing
  int64_t panels = 0, row_blocks = 1, column_blocks = 1, block_rows = 0, passes = 1, pass_depth = 0;
  int64_t piece_rows = 0;  // rows packed at a time
  bool share_a = false;    // A is packed once for all column blocks, not by each task
  double flops = 0;
  int64_t packed_b = 0, shared_a = 0, task_a = 0;  // floats of scratch; task_a for each thread
};

Plan plan_product(const GemmProblem& p) {
  Plan plan;
  plan.flops = 2.0 * p.m * p.n * p.k;
  plan.direct = !p.packed_b && gemv_takes(p);
  if (plan.direct) return plan;
  plan.panels = ceil_div(p.n, kPanel);
  plan.row_blocks = larger<int64_t>(1, ceil_div(p.m, kBlockRows));
  plan.block_rows = ceil_div(p.m, plan.row_blocks);
  if (plan.row_blocks < kMaxTasks / 2) {
    const int64_t worth = smaller(kMaxTasks, static_cast<int64_t>(plan.flops / kTaskFlops));
    plan.column_blocks = larger<int64_t>(1, smaller(plan.panels, worth / plan.row_blocks));
  }
  // Passes accumulate in C, which must not hold a residual that is still needed.
  const bool one_pass = p.k <= kMaxDepth || p.residual_last;
  plan.passes = one_pass ? 1 : ceil_div(p.k, kMaxDepth);
  plan.pass_depth = round_up(ceil_div(p.k, plan.passes), kLanes);
  plan.passes = larger<int64_t>(1, ceil_div(p.k, larger<int64_t>(1, plan.pass_depth)));
  plan.packed_b = p.packed_b ? 0 : plan.panels * kPanel * p.k;
  plan.share_a = plan.column_blocks > 1 && p.m > 1;
  if (plan.share_a) plan.shared_a = p.m * round_up(p.k, kLanes);
  plan.piece_rows = plan.block_rows;
  if (p.n <= kNarrow && plan.passes == 1 && !plan.share_a) {
    const int64_t tiles = kPieceBytes / 4 / larger<int64_t>(1, plan.pass_depth) / kMaxRows;
    plan.piece_rows = smaller(plan.block_rows, larger<int64_t>(1, tiles) * kMaxRows);
  }
  if (!plan.share_a && p.m > 1) plan.task_a = plan.piece_rows * plan.pass_depth;
  return plan;
}

// Columns [first, first + kLanes * nb) of b, all k of them, to one panel.
void pack_panel(const float* b, int64_t b_row, int64_t b_column, int64_t depth, int64_t first, int64_t n, int nb,
                float* to) {
  const int width = nb * kLanes, columns = static_cast<int>(smaller<int64_t>(width, n - first));
  const float* from = b + first * b_column;
  if (b_column == 1) {
    for (int64_t k = 0; k < depth; ++k, from += b_row, to += width)
      for (int j = 0; j < nb; ++j) {
        const int lanes = smaller(kLanes, columns - j * kLanes);
        store(to + j * kLanes, lanes == kLanes ? load(from + j * kLanes) : load_first(from + j * kLanes, lanes));
      }
    return;
  }
  if (b_row == 1) {
    for (int64_t k = 0; k < depth; k += kLanes) {
      const int count = static_cast<int>(smaller<int64_t>(kLanes, depth - k));
      for (int j = 0; j < nb; ++j) {
        Vec square[kLanes];
        for (int i = 0; i < kLanes; ++i) {
          const float* row = from + (j * kLanes + i) * b_column + k;
          square[i] = j * kLanes + i >= columns ? Vec{} : count == kLanes ? load(row) : load_first(row, count);
        }
        transpose(square);
        for (int i = 0; i < count; ++i) store(to + (k + i) * width + j * kLanes, square[i]);
      }
    }
    return;
  }
  for (int64_t k = 0; k < depth; ++k)
    for (int j = 0; j < width; ++j) to[k * width + j] = j < columns ? from[k * b_row + j * b_column] : 0.f;
}

// Panels are kPanel wide but for a last one of kLanes where that is enough.
int panel_vectors(int64_t n, int64_t panel) { return n - panel * kPanel > kLanes ? 2 : 1; }

void pack_b(const float* b, int64_t b_row, int64_t b_column, int64_t k, int64_t n, float* packed, ThreadPool* pool) {
  launch(pool, ceil_div(n, kPanel), static_cast<double>(k) * n, [&](int64_t panel, int) {
    pack_panel(b, b_row, b_column, k, panel * kPanel, n, panel_vectors(n, panel), packed + panel * kPanel * k);
  });
}

// rows x depth of a to [depth / kLanes][rows][kLanes], the last block filled with zeros.
void pack_a(const float* a, int64_t a_row, int64_t rows, int64_t depth, float* to) {
  int64_t k = 0;
  for (; k + kLanes <= depth; k += kLanes)
    for (int64_t r = 0; r < rows; ++r, to += kLanes) store(to, load(a + r * a_row + k));
  if (const int rest = static_cast<int>(depth - k))
    for (int64_t r = 0; r < rows; ++r, to += kLanes) store(to, load_first(a + r * a_row + k, rest));
}

// What the tile's own clamp does; false for activations that need finish_rows.
bool clamps(const GemmProblem& p, float& lo, float& hi) {
  lo = -kInf, hi = kInf;
  if (p.activation == Activation::none) return true;
  if (p.residual_last) return false;
  if (p.activation == Activation::relu) return lo = 0, true;
  if (p.activation == Activation::clip) return lo = p.activation_alpha, hi = p.activation_beta, true;
  return false;
}

// One pass (depths k0 to k0 + depth) over a block of packed rows and the panels from first to last. next_a: what
// to prefetch, null for the next panels of B.
void multiply_block(const GemmProblem& p, const Operands& o, const float* packed_a, int64_t a_block, int64_t row,
                    int64_t rows, int64_t k0, int64_t depth, int64_t first, int64_t last, const float* next_a) {
  const bool starts = k0 == 0, ends = k0 + depth == p.k;
  float lo, hi;
  const bool in_tile = clamps(p, lo, hi) || !ends;
  if (!ends) lo = -kInf, hi = kInf;
  const int64_t tiles = ceil_div(rows, kMaxRows);
  alignas(64) float sums[kMaxRows * kPanel];
  for (int64_t panel = first; panel < last; ++panel) {
    const int vectors = panel_vectors(p.n, panel);
    const int64_t column = panel * kPanel, step = vectors * kLanes;
    const float* b = o.b + column * p.k + k0 * step;
    for (int64_t t = 0; t < tiles; ++t) {
      const auto [r, count] = part(rows, tiles, t);
      const int64_t at = (row + r) * p.c_row + column;
      TileStore out{.c = o.c + at,
                    .c_row = p.c_row,
                    .add = nullptr,
                    .add_row = p.c_row,
                    .bias = nullptr,
                    .columns = static_cast<int>(smaller<int64_t>(step, p.n - column)),
                    .alpha = p.alpha,
                    .lo = lo,
                    .hi = hi};
      if (!starts)
        out.add = out.c;
      else if (o.residual && (!p.residual_last || in_tile))
        out.add = o.residual + at;
      if (starts && o.bias) out.bias = o.bias + column;
      if (!in_tile) out.c = sums, out.c_row = kPanel;
      // What comes next, or harmless addresses beyond the end.
      const int64_t turn = (panel - first) * tiles + t, turns = (last - first) * tiles;
      const int64_t next_step = next_a ? ceil_div(rows, turns) : step / tiles;
      const float* next = next_a ? next_a + turn * next_step * depth : b + depth * step + t * next_step * depth;
      (vectors == 2 ? Tiles<2>::rows : Tiles<1>::rows)[count - 1](packed_a + r * kLanes, a_block, b, depth, next,
                                                                  next_step, out);
      if (!in_tile)
        finish_rows(p, 1, sums, kPanel, count, out.columns, nullptr, nullptr,
                    p.residual_last && o.residual ? o.residual + at : nullptr, o.c + at);
    }
  }
}

// One product. scratch: packed B, then packed A of all or of each thread.
void multiply(const GemmProblem& p, Operands o, float* scratch, ThreadPool* pool) {
  if (p.m <= 0 || p.n <= 0) return;
  const Plan plan = plan_product(p);
  const double cost = plan.flops / kFlopsPerNs;
  if (plan.direct) return gemv(p, o.a, o.b, o.bias, o.residual, o.c, pool);
  if (!p.packed_b) {
    pack_b(o.b, p.b_row, p.b_column, p.k, p.n, scratch, pool);
    o.b = scratch, scratch += plan.packed_b;
  }
  if (plan.share_a)
    launch(pool, plan.row_blocks * plan.passes, cost, [&](int64_t task, int) {
      const int64_t block = task / plan.passes, k0 = task % plan.passes * plan.pass_depth;
      const auto [row, rows] = part(p.m, plan.row_blocks, block);
      pack_a(o.a + row * p.a_row + k0, p.a_row, rows, smaller(plan.pass_depth, p.k - k0),
             scratch + row * round_up(p.k, kLanes) + k0 * rows);
    });
  launch(pool, plan.row_blocks * plan.column_blocks, cost, [&](int64_t task, int worker) {
    const int64_t block = task / plan.column_blocks;
    const auto [panel, panels] = part(plan.panels, plan.column_blocks, task % plan.column_blocks);
    const auto [block_row, block_rows] = part(p.m, plan.row_blocks, block);
    float* own = scratch + worker * plan.task_a;
    const bool narrow = plan.piece_rows < plan.block_rows;
    for (int64_t row = block_row; row < block_row + block_rows; row += plan.piece_rows) {
      const int64_t rows = smaller(plan.piece_rows, block_row + block_rows - row);
      for (int64_t k0 = 0; k0 < larger<int64_t>(1, p.k); k0 += larger<int64_t>(1, plan.pass_depth)) {
        const int64_t depth = smaller(plan.pass_depth, p.k - k0);
        const float* packed = o.a + row * p.a_row + k0;  // a single row is packed as it is
        if (plan.share_a)
          packed = scratch + row * round_up(p.k, kLanes) + k0 * rows;
        else if (plan.task_a)
          pack_a(packed, p.a_row, rows, depth, own), packed = own;
        multiply_block(p, o, packed, rows * kLanes, row, rows, k0, depth, panel, panel + panels,
                       narrow ? o.a + (row + rows) * p.a_row : nullptr);
      }
    }
  });
}

int64_t batch_count(const GemmProblem& p) {
  int64_t count = 1;
  for (const GemmProblem::Batch& batch : p.batch) count *= batch.count;
  return count;
}
// Many or small products: one task each. Else one after another, each with all threads.
bool task_per_product(const GemmProblem& p, const Plan& plan) {
  const int64_t count = batch_count(p);
  return count > 1 && (count >= 16 || plan.flops < 4 * kTaskFlops);
}

int64_t packed_size(int64_t k, int64_t n) { return ceil_div(n, kPanel) * kPanel * k; }

void pack(const float* b, int64_t b_row, int64_t b_column, int64_t k, int64_t n, float* packed, ThreadPool& pool) {
  pack_b(b, b_row, b_column, k, n, packed, &pool);
}

int64_t scratch_size(const GemmProblem& p, int threads) {
  const Plan plan = plan_product(p);
  if (task_per_product(p, plan)) return threads * (plan.packed_b + plan.shared_a + plan.task_a);
  return plan.packed_b + plan.shared_a + threads * plan.task_a;
}

void run(const GemmProblem& p, const float* a, const float* b, const float* bias, const float* residual, float* c,
         float* scratch, ThreadPool& pool) {
  const Plan plan = plan_product(p);
  const auto product = [&](int64_t index, float* own, ThreadPool* threads) {
    Operands o{a, b, bias, residual, c};
    for (int d = kGemmBatchRank - 1; d >= 0; --d) {
      const GemmProblem::Batch& batch = p.batch[d];
      const int64_t i = index % batch.count;
      index /= batch.count;
      o.a += i * batch.a, o.b += i * batch.b, o.c += i * batch.c;
      if (o.residual) o.residual += i * batch.c;
    }
    multiply(p, o, own, threads);
  };
  const int64_t count = batch_count(p);
  if (!task_per_product(p, plan)) {
    for (int64_t i = 0; i < count; ++i) product(i, scratch, &pool);
    return;
  }
  const int64_t own = plan.packed_b + plan.shared_a + plan.task_a;
  launch(&pool, count, count * plan.flops / kFlopsPerNs,
         [&](int64_t index, int worker) { product(index, scratch + worker * own, nullptr); });
}

}  // namespace

const GemmKernels& gemm_kernels() {
  static constexpr GemmKernels table{
      .packed_size = packed_size, .pack = pack, .scratch_size = scratch_size, .run = run};
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
