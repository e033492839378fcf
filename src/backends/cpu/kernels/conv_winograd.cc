// Winograd convolution, 3x3 at stride 1 (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016):
// F(2x2, 3x3) with the points 0, +-1, inf and F(4x4, 3x3) with 0, +-11/16, +-3/2, inf. These make every constant of the
// transforms exact in f32, and F(4,3) twice as exact in rms as the usual 0, +-1, +-2: its error is some 2 times that of
// a direct sum in one chain, that of F(2,3) below it.
//
// Input tiles of M + 2 squared are transformed, multiplied per transform element by the transformed weights over the
// channels (as 1x1 convolutions on the tiles), and transformed back to M x M outputs. Tiles go in blocks whose
// transformed input stays in the second-level cache. Many blocks: one task each. Few: each block's three stages are cut
// instead.
#include "backends/cpu/kernels/conv_table.h"
#include "backends/cpu/kernels/conv_tile.h"
#include "base/threads.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {
constexpr double kA = 0.6875, kB = 1.5;

// Weights g(k) = p_i^k / prod_{j != i} (p_i - p_j) for each point; the last row is the point at infinity.
template <int M>
void weight_rows(double (&g)[M + 2][3]) {
  constexpr int n = M + 1;
  const double points[] = {0, M == 2 ? 1 : kA, M == 2 ? -1 : -kA, kB, -kB};
  for (int i = 0; i < n; ++i) {
    double s = 1;
    for (int j = 0; j < n; ++j)
      if (j != i) s *= points[i] - points[j];
    g[i][0] = 1 / s, g[i][1] = points[i] / s, g[i][2] = points[i] * points[i] / s;
  }
  g[n][0] = g[n][1] = 0, g[n][2] = 1;
}

template <int M>
inline __attribute__((always_inline)) void input_1d(const Vec* d, Vec* t) {
  if constexpr (M == 2) {
    t[0] = d[2] - d[0];
    t[1] = d[2] + d[1];
    t[2] = d[2] - d[1];
    t[3] = d[3] - d[1];
  } else {
    constexpr float a = kA, b = kB, a2 = a * a, b2 = b * b;
    t[0] = a2 * b2 * d[0] + (d[4] - (a2 + b2) * d[2]);
    const Vec even_a = d[4] - b2 * d[2], odd_a = d[3] - b2 * d[1];
    t[1] = even_a + a * odd_a, t[2] = even_a - a * odd_a;
    const Vec even_b = d[4] - a2 * d[2], odd_b = d[3] - a2 * d[1];
    t[3] = even_b + b * odd_b, t[4] = even_b - b * odd_b;
    t[5] = a2 * b2 * d[1] + (d[5] - (a2 + b2) * d[3]);
  }
}

template <int M>
inline __attribute__((always_inline)) void output_1d(const Vec* m, Vec* y) {
  if constexpr (M == 2) {
    y[0] = m[0] + (m[1] + m[2]);
    y[1] = (m[1] - m[2]) + m[3];
  } else {
    constexpr float a = kA, b = kB, a2 = a * a, b2 = b * b;
    const Vec sum_a = m[1] + m[2], odd_a = m[1] - m[2], sum_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = m[0] + sum_a + sum_b;
    y[1] = b * odd_b + a * odd_a;
    y[2] = b2 * sum_b + a2 * sum_a;
    y[3] = a2 * a * odd_a + (b2 * b * odd_b + m[5]);
  }
}

template <int M>
struct Winograd {
  static constexpr int kSide = M + 2, kArea = kSide * kSide;
  static constexpr int kMostMerged = 2;  // of four groups three quarters of the products are with zeros

  // Groups are merged until they fill blocks; the weights between two merged groups are zero. 0: no number of them
  // does.
  static int merged(const ConvShape& s) {
    if (s.groups == 1) return 1;
    for (int n = 1; n <= kMostMerged; ++n)
      if (s.groups % n == 0 && s.in_channels / s.groups * n % kLanes == 0 &&
          s.out_channels / s.groups * n % kLanes == 0)
        return n;
    return 0;
  }

  // How a shape is cut.
  struct Plan {
    int groups, in_channels, out_channels;  // merged groups; the channels of each
    int tiles_x, tiles_y, tiles;            // tiles: of all images, for each group
    int block;                              // tiles taken together
    bool staged;                            // blocks one after the other, each by all threads; else blocks are tasks
    int in_blocks, out_blocks, panels;      // of each group
    int group;                              // panels multiplied for all elements before they are transformed back
    size_t v_plane, m_plane;                // floats between transform elements in the scratch

    // Up to 128 channels a panel is transformed back while it is in the cache; beyond, all panels of one element go
    // first, so that its input stays close while the weights stream. The packed order of weights follows from it.
    Plan(const ConvShape& s, int configuration) {
      constexpr int kBlock = 28;  // tiles: every weight serves 28 multiplications, enough to hide its way from L3
      constexpr int kFew = 6, kEven = 4;  // fewer tasks are not worth sharing out; their number divides well
      groups = s.groups / merged(s), in_channels = s.in_channels / groups, out_channels = s.out_channels / groups;
      tiles_x = ceil_div(s.out_w, M), tiles_y = ceil_div(s.out_h, M), tiles = tiles_x * tiles_y * s.batch;
      in_blocks = blocks_of(in_channels), out_blocks = blocks_of(out_channels);
      panels = ceil_div(out_blocks, kTileBlocks);
      group = in_channels <= 128 ? 1 : panels;
      staged = (groups < kFew && tiles * groups <= (kFew - 1) * kBlock) != (configuration == 1);
      int blocks = ceil_div(tiles, staged ? 2 * kBlock : kBlock);
      if (!staged && groups * blocks >= kFew)
        while (groups * blocks % kEven != 0) ++blocks;
      block = tiles ? ceil_div(tiles, blocks) : 1;
      // The odd line keeps the elements off the same cache sets.
      v_plane = static_cast<size_t>(in_blocks) * block * kLanes + kLanes;
      m_plane =
          static_cast<size_t>(staged ? out_blocks : min(out_blocks, group * kTileBlocks)) * block * kLanes + kLanes;
    }
    size_t bytes() const { return aligned((v_plane + m_plane) * kArea * sizeof(float)); }
  };

  static const char* refuses(const ConvShape& s) {
    if (s.kernel_h != 3 || s.kernel_w != 3) return "not a 3x3 kernel";
    if (s.stride_h != 1 || s.stride_w != 1) return "the stride is not 1";
    if (s.dilation_h != 1 || s.dilation_w != 1) return "dilated";
    if (merged(s) == 0) return "groups whose channels fill no block, one or two together";
    return nullptr;
  }

  static size_t panel_floats(const Plan& p) {
    return static_cast<size_t>(p.in_channels) * min(kTileBlocks, p.out_blocks) * kLanes;
  }
  static size_t group_floats(const Plan& p) { return panel_floats(p) * kArea * p.panels; }
  static size_t packed_floats(const ConvShape& s) {
    const Plan p(s, 0);
    return group_floats(p) * p.groups;
  }
  // Index of a panel's weights: [panel group][element][panel of the group].
  static size_t panel_index(const Plan& p, int panel, int element) {
    const int first = panel / p.group * p.group, width = min(p.group, p.panels - first);
    return static_cast<size_t>(first) * kArea + element * width + (panel - first);
  }

  static void pack(const ConvShape& s, const float* weights, float* packed) {
    const Plan p(s, 0);
    double g[kSide][3];
    weight_rows<M>(g);
    std::memset(packed, 0, packed_floats(s) * sizeof(float));
    const int group_in = s.in_channels / s.groups, group_out = s.out_channels / s.groups;
    for (int o = 0; o < s.out_channels; ++o) {
      const int group = o / p.out_channels, out = o % p.out_channels, in = o / group_out * group_in % p.in_channels;
      const int panel = out / kLanes / kTileBlocks, first = panel * kTileBlocks;
      const int width = min(kTileBlocks, p.out_blocks - first) * kLanes;
      float* to = packed + group_floats(p) * group + out - first * kLanes;
      for (int c = 0; c < group_in; ++c) {
        const float* k = weights + (static_cast<size_t>(o) * group_in + c) * 9;
        for (int i = 0; i < kSide; ++i) {
          double t[3];
          for (int x = 0; x < 3; ++x) t[x] = g[i][0] * k[x] + g[i][1] * k[3 + x] + g[i][2] * k[6 + x];
          for (int j = 0; j < kSide; ++j)
            to[panel_index(p, panel, i * kSide + j) * panel_floats(p) + static_cast<size_t>(in + c) * width] =
                static_cast<float>(t[0] * g[j][0] + t[1] * g[j][1] + t[2] * g[j][2]);
        }
      }
    }
  }

  static size_t scratch_bytes(const ConvShape& s, int configuration, int threads) {
    const Plan p(s, configuration);
    return p.bytes() * static_cast<size_t>(p.staged ? 1 : threads);
  }

  struct Work {
    const ConvShape& s;
    const Plan& p;
    const Finish& finish;
    const float *input, *packed;
    float* output;
    int group = 0;
  };
  struct Place {
    int image, y, x;  // of the tile's first output
  };
  static Place place_of(const Plan& p, int tile) {
    const int image = tile / (p.tiles_x * p.tiles_y), at = tile % (p.tiles_x * p.tiles_y);
    return {image, at / p.tiles_x * M, at % p.tiles_x * M};
  }

  // Tiles [first, first + n) of one block of channels, to v.
  static void transform_in(const Work& w, int channel_block, int first, int n, float* v) {
    const ConvShape& s = w.s;
    float* to = v + static_cast<ptrdiff_t>(channel_block) * w.p.block * kLanes;
    for (int t = 0; t < n; ++t, to += kLanes) {
      const Place at = place_of(w.p, first + t);
      const int y0 = at.y - s.pad_top, x0 = at.x - s.pad_left;
      const ptrdiff_t plane = (static_cast<ptrdiff_t>(at.image) * w.p.groups + w.group) * w.p.in_blocks + channel_block;
      const float* from = w.input + plane * in_plane(s) + (static_cast<ptrdiff_t>(y0) * s.in_w + x0) * kLanes;
      ptrdiff_t stride = static_cast<ptrdiff_t>(s.in_w) * kLanes;
      alignas(64) float edge[kArea * kLanes];
      if (y0 < 0 || x0 < 0 || y0 + kSide > s.in_h || x0 + kSide > s.in_w) {
        for (int i = 0; i < kSide; ++i)
          for (int j = 0; j < kSide; ++j) {
            const bool inside = y0 + i >= 0 && y0 + i < s.in_h && x0 + j >= 0 && x0 + j < s.in_w;
            store(edge + (i * kSide + j) * kLanes, inside ? load(from + i * stride + j * kLanes) : Vec{});
          }
        from = edge, stride = kSide * kLanes;
      }
      Vec rows[kSide][kSide];
#pragma GCC unroll 8
      for (int j = 0; j < kSide; ++j) {
        Vec d[kSide], r[kSide];
#pragma GCC unroll 8
        for (int i = 0; i < kSide; ++i) d[i] = load(from + i * stride + j * kLanes);
        input_1d<M>(d, r);
#pragma GCC unroll 8
        for (int i = 0; i < kSide; ++i) rows[i][j] = r[i];
      }
#pragma GCC unroll 8
      for (int i = 0; i < kSide; ++i) {
        Vec r[kSide];
        input_1d<M>(rows[i], r);
#pragma GCC unroll 8
        for (int j = 0; j < kSide; ++j) store(to + (i * kSide + j) * w.p.v_plane, r[j]);
      }
    }
  }

  // One panel of one element: n tiles of v times weights, to the panel_at-th panel of m.
  static void multiply(const Work& w, int panel, int element, int n, const float* v, float* m, int panel_at) {
    const int blocks = min(kTileBlocks, w.p.out_blocks - panel * kTileBlocks), count = ceil_div(n, tile_rows(blocks));
    ConvShape gemm;
    gemm.in_w = gemm.out_w = w.p.block;
    ConvTile t{};
    t.shape = &gemm;
    t.input = v + element * w.p.v_plane;
    t.depth = w.p.in_channels;
    t.weights = w.packed + group_floats(w.p) * w.group + panel_index(w.p, panel, element) * panel_floats(w.p);
    t.next_step = min(kTileBlocks, w.p.out_blocks) * kLanes * static_cast<int>(sizeof(float)) / count;
    const char* next = reinterpret_cast<const char*>(t.weights + panel_floats(w.p));
    t.output_plane = static_cast<ptrdiff_t>(w.p.block) * kLanes;
    t.low = -__builtin_inff(), t.high = __builtin_inff();
    float* to = m + element * w.p.m_plane + panel_at * kTileBlocks * t.output_plane;
    const int rows = n / count, more = n - rows * count;
    const bool half = ends_in_half(w.p.out_channels, panel * kTileBlocks, blocks);
    for (int i = 0, taken = 0; i < count; ++i, t.x += taken) {
      taken = i < more ? rows + 1 : rows;
      t.output = to + static_cast<ptrdiff_t>(t.x) * kLanes;
      t.next = next + t.next_step * t.depth * i;
      conv_tile_function(taken, blocks, half, 1)(t);
    }
  }

  // Tiles [first, first + n) of output block `group_block` of the group, the block_at-th of m.
  static void transform_out(const Work& w, int group_block, int block_at, int first, int n, const float* m) {
    const ConvShape& s = w.s;
    const int block = w.group * w.p.out_blocks + group_block;
    float room[kLanes], sums[M * kLanes];
    const Vec bias = load(bias_of(*w.finish.epilogue, s.out_channels, block, 1, room));
    const Vec low = splat(w.finish.low), high = splat(w.finish.high);
    const float* from = m + static_cast<ptrdiff_t>(block_at) * w.p.block * kLanes;
    for (int t = 0; t < n; ++t, from += kLanes) {
      const Place at = place_of(w.p, first + t);
      const ptrdiff_t plane = (static_cast<ptrdiff_t>(at.image) * w.p.groups * w.p.out_blocks + block) * out_plane(s);
      Vec rows[M][kSide];
#pragma GCC unroll 8
      for (int j = 0; j < kSide; ++j) {
        Vec d[kSide], r[M];
#pragma GCC unroll 8
        for (int i = 0; i < kSide; ++i) d[i] = load(from + (i * kSide + j) * w.p.m_plane);
        output_1d<M>(d, r);
#pragma GCC unroll 8
        for (int i = 0; i < M; ++i) rows[i][j] = r[i];
      }
      const int count = min(M, s.out_w - at.x);
#pragma GCC unroll 8
      for (int i = 0; i < M; ++i) {
        if (i >= s.out_h - at.y) break;
        Vec r[M];
        output_1d<M>(rows[i], r);
        const ptrdiff_t to = plane + (static_cast<ptrdiff_t>(at.y + i) * s.out_w + at.x) * kLanes;
        float* y = w.finish.rest ? sums : w.output + to;
#pragma GCC unroll 8
        for (int j = 0; j < M; ++j) {
          if (j >= count) break;
          Vec v = r[j] + bias;
          if (w.finish.residual) v = v + load(w.finish.residual + to + j * kLanes);
          store(y + j * kLanes, limit(v, low, high));
        }
        if (w.finish.rest) finish_rest(w.finish, block, sums, w.output, to, count);
      }
    }
  }

  static void run_block(const Work& w, int first, int n, float* v, float* m) {
    for (int c = 0; c < w.p.in_blocks; ++c) transform_in(w, c, first, n, v);
    for (int panel = 0; panel < w.p.panels; panel += w.p.group) {
      const int end = min(w.p.panels, panel + w.p.group), blocks_end = min(w.p.out_blocks, end * kTileBlocks);
      for (int e = 0; e < kArea; ++e)
        for (int i = panel; i < end; ++i) multiply(w, i, e, n, v, m, i - panel);
      for (int b = panel * kTileBlocks; b < blocks_end; ++b) transform_out(w, b, b - panel * kTileBlocks, first, n, m);
    }
  }

  static void run_block_staged(const Work& w, int first, int n, float* v, float* m, ThreadPool& threads) {
    constexpr double kTaskFlops = 1e6;
    threads.run(w.p.in_blocks, [&](int64_t c, int) { transform_in(w, static_cast<int>(c), first, n, v); });
    const double flops = 2. * n * w.p.in_channels * w.p.out_channels;  // per element
    const int parts = flops > kTaskFlops * w.p.panels ? w.p.panels : static_cast<int>(flops / kTaskFlops) + 1;
    threads.run(static_cast<int64_t>(kArea) * parts, [&](int64_t task, int) {
      const int e = static_cast<int>(task / parts), i = static_cast<int>(task % parts);
      for (int panel = part(w.p.panels, parts, i); panel < part(w.p.panels, parts, i + 1); ++panel)
        multiply(w, panel, e, n, v, m, panel);
    });
    threads.run(w.p.out_blocks,
                [&](int64_t b, int) { transform_out(w, static_cast<int>(b), static_cast<int>(b), first, n, m); });
  }

  static void run(const ConvShape& s, int configuration, const float* input, const float* packed, float* output,
                  const Epilogue& epilogue, void* scratch, ThreadPool& threads) {
    const Plan p(s, configuration);
    const Finish finish = plan_finish(epilogue, s.out_channels);
    const Work work{s, p, finish, input, packed, output};
    const int blocks = ceil_div(p.tiles, p.block);
    const auto room = [&](int thread) {
      return reinterpret_cast<float*>(static_cast<char*>(scratch) + p.bytes() * static_cast<size_t>(thread));
    };
    const auto block = [&](int64_t task, auto&& with) {
      Work w = work;
      w.group = static_cast<int>(task / blocks);
      const int b = static_cast<int>(task % blocks), first = part(p.tiles, blocks, b);
      with(w, first, part(p.tiles, blocks, b + 1) - first);
    };
    const int64_t tasks = static_cast<int64_t>(p.groups) * blocks;
    if (p.staged) {
      for (int64_t task = 0; task < tasks; ++task)
        block(task, [&](const Work& w, int first, int n) {
          run_block_staged(w, first, n, room(0), room(0) + p.v_plane * kArea, threads);
        });
    } else {
      threads.run(tasks, [&](int64_t task, int thread) {
        block(task, [&](const Work& w, int first, int n) {
          run_block(w, first, n, room(thread), room(thread) + p.v_plane * kArea);
        });
      });
    }
  }
};

template <int M>
constexpr ConvKernel row_of(const char* name) {
  using W = Winograd<M>;
  return {name, false, 2, W::refuses, W::packed_floats, W::pack, W::scratch_bytes, W::run};
}
}  // namespace

const ConvKernel kWinograd2 = row_of<2>("winograd2");
const ConvKernel kWinograd4 = row_of<4>("winograd4");

}  // namespace vivace::cpu::VIVACE_ISA
