// Attention by blocks with a running softmax (Dao et al., FlashAttention, 2022; Milakov and Gimelshein 2018): a block
// of queries meets one block of keys at a time; the scores stay in cache, and what was summed under a smaller maximum
// is scaled down. Products run on the register tile of the matrix product.
#include "backends/cpu/kernels/attention.h"

#include "backends/cpu/kernels/fold.h"
#include "backends/cpu/kernels/gemm_tile.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

constexpr float kInf = __builtin_inff();
constexpr int64_t kKeyBlock = 256;
constexpr int64_t kQueryBlock = 8 * kMaxRows;

struct Layout {
  int64_t depth, values;                                         // padded to whole vectors
  int64_t keys, scores, sums, packed_q, packed_p, state, total;  // offsets
};

int64_t panels_floats(int64_t depth, int64_t columns) { return depth * round_up(columns, kPanel); }

Layout layout_of(const AttentionProblem& p) {
  Layout l;
  l.depth = round_up(p.depth, kLanes), l.values = round_up(p.values, kPanel);
  const int64_t keys = smaller(kKeyBlock, round_up(larger<int64_t>(p.keys, 1), kPanel));
  int64_t at = 0;
  const auto take = [&](int64_t floats) { return at += round_up(floats, 16), at - round_up(floats, 16); };
  l.keys = take(larger(panels_floats(p.depth, keys), panels_floats(keys, p.values)));
  l.scores = take(kQueryBlock * keys);
  l.sums = take(kQueryBlock * l.values);
  l.packed_q = take(kQueryBlock * l.depth);
  l.packed_p = take(kQueryBlock * keys);
  l.state = take(2 * kQueryBlock);
  l.total = at;
  return l;
}

// rows x depth to [depth / kLanes][rows][kLanes], as gemm_tile wants it.
void block_rows(const float* a, int64_t a_row, int64_t rows, int64_t depth, float* to) {
  for (int64_t k = 0; k < depth; k += kLanes) {
    const int count = static_cast<int>(smaller<int64_t>(kLanes, depth - k));
    for (int64_t r = 0; r < rows; ++r, to += kLanes) store(to, load_first(a + r * a_row + k, count));
  }
}

// K (rows of keys) to panels [panel][depth][kPanel] of its transpose.
void pack_keys(const float* k, int64_t k_row, int64_t keys, int64_t depth, float* to) {
  for (int64_t first = 0; first < keys; first += kPanel)
    for (int half = 0; half < kPanel; half += kLanes)
      for (int64_t d = 0; d < depth; d += kLanes) {
        const int count = static_cast<int>(smaller<int64_t>(kLanes, depth - d));
        Vec square[kLanes];
        for (int i = 0; i < kLanes; ++i) {
          const int64_t key = first + half + i;
          square[i] = key < keys ? load_first(k + key * k_row + d, count) : Vec{};
        }
        transpose(square);
        for (int i = 0; i < count; ++i) store(to + first * depth + (d + i) * kPanel + half, square[i]);
      }
}
// V to panels [panel][keys][kPanel].
void pack_values(const float* v, int64_t v_row, int64_t keys, int64_t values, float* to) {
  for (int64_t first = 0; first < values; first += kPanel)
    for (int64_t key = 0; key < keys; ++key)
      for (int half = 0; half < kPanel; half += kLanes) {
        const int64_t left = values - first - half;
        const int lanes = static_cast<int>(left < 0 ? 0 : smaller<int64_t>(kLanes, left));
        store(to + first * keys + key * kPanel + half, load_first(v + key * v_row + first + half, lanes));
      }
}

// c (+)= alpha * blocked a times panels b.
void multiply(const float* a, int64_t rows, int64_t depth, const float* b, int64_t columns, float alpha, float* c,
              int64_t c_row, bool accumulate) {
  const int64_t tiles = ceil_div(rows, kMaxRows);
  for (int64_t column = 0; column < columns; column += kPanel)
    for (int64_t t = 0; t < tiles; ++t) {
      const auto [r, count] = part(rows, tiles, t);
      float* to = c + r * c_row + column;
      const TileStore out{.c = to,
                          .c_row = c_row,
                          .add = accumulate ? to : nullptr,
                          .add_row = c_row,
                          .bias = nullptr,
                          .columns = kPanel,
                          .alpha = alpha,
                          .lo = -kInf,
                          .hi = kInf};
      const float* panel = b + column * depth;
      Tiles<2>::rows[count - 1](a + r * kLanes, rows * kLanes, panel, depth, panel, 0, out);
    }
}

// One block of queries of one head against all keys it sees.
class Block {
 public:
  Block(const AttentionProblem& p, const float* q, const float* k, const float* v, const float* mask, float* out,
        float* scratch, int64_t first, int64_t rows)
      : p_(p),
        l_(layout_of(p)),
        q_(q),
        k_(k),
        v_(v),
        mask_(mask),
        out_(out),
        scratch_(scratch),
        first_(first),
        rows_(rows),
        top_(scratch + l_.state),
        total_(top_ + kQueryBlock) {}

  void run() {
    float* sums = scratch_ + l_.sums;
    for (int64_t r = 0; r < rows_; ++r) top_[r] = -kInf, total_[r] = 0;
    for (int64_t i = 0; i < rows_ * l_.values; i += kLanes) store(sums + i, Vec{});
    block_rows(q_ + first_ * p_.q.row, p_.q.row, rows_, p_.depth, scratch_ + l_.packed_q);
    const int64_t seen = visible(first_ + rows_ - 1);
    for (int64_t key = 0; key < seen; key += kKeyBlock) keys(key, smaller(kKeyBlock, seen - key));
    for (int64_t r = 0; r < rows_; ++r) {
      const Vec factor = splat(total_[r] > 0 ? 1 / total_[r] : total_[r]);  // NaN stays
      map(sums + r * l_.values, out_ + (first_ + r) * p_.out.row, p_.values, [=](Vec x) { return x * factor; });
    }
  }

 private:
  // Keys that query i sees.
  int64_t visible(int64_t i) const {
    if (!p_.causal) return p_.keys;
    return larger<int64_t>(0, smaller(p_.keys, p_.position + i + 1));
  }

  void keys(int64_t key, int64_t count) {
    float *packed = scratch_ + l_.keys, *scores = scratch_ + l_.scores, *sums = scratch_ + l_.sums;
    const int64_t width = round_up(count, kPanel);
    pack_keys(k_ + key * p_.k.row, p_.k.row, count, p_.depth, packed);
    multiply(scratch_ + l_.packed_q, rows_, p_.depth, packed, width, p_.scale, scores, width, false);
    for (int64_t r = 0; r < rows_; ++r) soften(scores + r * width, r, key, count);
    pack_values(v_ + key * p_.v.row, p_.v.row, count, p_.values, packed);
    block_rows(scores, width, rows_, count, scratch_ + l_.packed_p);
    multiply(scratch_ + l_.packed_p, rows_, count, packed, l_.values, 1, sums, l_.values, true);
  }

  // Scores of one row to exponentials under the row's maximum so far.
  void soften(float* row, int64_t r, int64_t key, int64_t count) {
    if (mask_) {
      const float* mask = mask_ + (first_ + r) * p_.mask.query + key * p_.mask.key;
      if (p_.mask.key == 1)
        map2(row, mask, row, count, plus);
      else
        for (int64_t i = 0; i < count; ++i) row[i] += mask[i * p_.mask.key];
    }
    const int64_t seen = larger<int64_t>(0, smaller(count, visible(first_ + r) - key));
    for (int64_t i = seen; i < count; ++i) row[i] = 0;
    if (seen == 0) return;
    const float block_top = fold(row, seen, -kInf, max_or_nan, max_or_nan);
    const float top = block_top > top_[r] || block_top != block_top ? block_top : top_[r];
    if (top == -kInf) {
      map(row, row, seen, [](Vec) { return Vec{}; });
      return;
    }
    const Vec at = splat(top);
    map(row, row, seen, [=](Vec x) { return exp(x - at); });
    const float sum = fold(row, seen, 0, plus, plus);
    const float shrink = exp(splat(top_[r] - top))[0];
    if (shrink != 1) {
      float* sums = scratch_ + l_.sums + r * l_.values;
      map(sums, sums, l_.values, [=](Vec x) { return x * shrink; });
    }
    total_[r] = total_[r] * shrink + sum;
    top_[r] = top;
  }

  const AttentionProblem& p_;
  const Layout l_;
  const float *q_, *k_, *v_, *mask_;
  float *out_, *scratch_;
  int64_t first_, rows_;
  float *top_, *total_;  // of each row: the largest score so far, the sum of exponentials
};

int64_t scratch_size(const AttentionProblem& p, int threads) { return threads * layout_of(p).total; }

void run(const AttentionProblem& p, const float* q, const float* k, const float* v, const float* mask, float* out,
         float* scratch, ThreadPool& pool) {
  const int64_t blocks = ceil_div(p.queries, kQueryBlock), total = layout_of(p).total;
  const int64_t shared = p.kv_heads ? p.heads / p.kv_heads : 1;
  const double flops = 2.0 * p.batch * p.heads * p.queries * p.keys * (p.depth + p.values);
  launch(&pool, p.batch * p.heads * blocks, flops / 40, [&](int64_t task, int worker) {
    const int64_t block = task % blocks, head = task / blocks % p.heads, batch = task / blocks / p.heads;
    const auto [first, rows] = part(p.queries, blocks, block);
    const auto at = [&](const AttentionProblem::Strides& s, int64_t h) { return batch * s.batch + h * s.head; };
    Block(p, q + at(p.q, head), k + at(p.k, head / shared), v + at(p.v, head / shared),
          mask ? mask + batch * p.mask.batch + head * p.mask.head : nullptr, out + at(p.out, head),
          scratch + worker * total, first, rows)
        .run();
  });
}

}  // namespace

const AttentionKernels& attention_kernels() {
  static constexpr AttentionKernels table{.scratch_size = scratch_size, .run = run};
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
