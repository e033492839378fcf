// Direct convolution on blocked tensors, any shape: every output pixel is a sum over taps and input channels in one
// chain, so the error grows like that of a plain sum of k = channels * taps terms. 1x1 is a matrix product over pixels.
//
// Output channels go in panels of kTileBlocks blocks. Groups that are no multiple of a block are padded with zero
// weights to the input blocks that the output block's groups read.
#include "backends/cpu/kernels/conv_parts.h"
#include "backends/cpu/kernels/conv_table.h"
#include "backends/cpu/kernels/conv_tile.h"
#include "base/threads.h"

namespace vivace::cpu::VIVACE_ISA {

int panels_of(const ConvShape& s) {
  const int group = s.out_channels / s.groups;
  if (s.groups == 1) return ceil_div(blocks_of(group), kTileBlocks);
  return group % kLanes ? blocks_of(s.out_channels) : s.groups * ceil_div(group / kLanes, kTileBlocks);
}

Panel panel_of(const ConvShape& s, int index) {
  if (s.groups == 1) {
    const int block = index * kTileBlocks;
    return {block, min(kTileBlocks, blocks_of(s.out_channels) - block), 0, s.in_channels};
  }
  const int group_out = s.out_channels / s.groups, group_in = s.in_channels / s.groups;
  int block = index, blocks = 1;
  if (group_out % kLanes == 0) {
    const int group_blocks = group_out / kLanes, group_panels = ceil_div(group_blocks, kTileBlocks);
    const int first = index % group_panels * kTileBlocks;
    block = index / group_panels * group_blocks + first;
    blocks = min(kTileBlocks, group_blocks - first);
  }
  const int first_group = block * kLanes / group_out;
  const int last_group = (min(s.out_channels, (block + blocks) * kLanes) - 1) / group_out;
  const int in_block = first_group * group_in / kLanes;
  return {block, blocks, in_block, (last_group + 1) * group_in - in_block * kLanes};
}

size_t panel_floats(const ConvShape& s) {  // of the largest
  int depth = 0;
  for (int i = 0; i < panels_of(s); ++i) depth = max(depth, panel_of(s, i).depth);
  const int blocks =
      s.groups > 1 && (s.out_channels / s.groups) % kLanes ? 1 : min(kTileBlocks, blocks_of(s.out_channels));
  return static_cast<size_t>(depth) * s.kernel_h * s.kernel_w * blocks * kLanes;
}

namespace {

size_t packed_floats(const ConvShape& s) {
  return panel_floats(s) * panels_of(s) + (s.scaled ? 2 * factor_floats(s, kLanes) : 0);
}

void pack(const ConvShape& s, const float* weights, float* packed) {
  const int group_out = s.out_channels / s.groups, group_in = s.in_channels / s.groups, taps = s.kernel_h * s.kernel_w;
  const size_t stride = panel_floats(s);
  std::memset(packed, 0, stride * panels_of(s) * sizeof(float));
  for (int i = 0; i < panels_of(s); ++i) {
    const Panel p = panel_of(s, i);
    const int width = p.blocks * kLanes, first = p.block * kLanes;
    for (int o = first; o < min(s.out_channels, first + width); ++o) {
      const int in = o / group_out * group_in - p.in_block * kLanes;  // of this channel's group, within the panel
      const float* from = weights + static_cast<size_t>(o) * group_in * taps;
      for (int c = 0; c < group_in; ++c)
        for (int tap = 0; tap < taps; ++tap)
          packed[i * stride + (static_cast<size_t>(tap) * p.depth + in + c) * width + o - first] = from[c * taps + tap];
    }
  }
}

}  // namespace

ConvShape flattened(ConvShape s) {
  if (is_pixelwise(s)) {
    s.in_w *= s.in_h, s.out_w *= s.out_h;
    s.in_h = s.out_h = 1;
  }
  return s;
}

namespace {

// How the work is cut: chunks of output pixels times groups of panels, one task each. A sum does not depend on the cut,
// so it may follow the number of threads: all get the same share of tiles.
struct Blocking {
  bool by_rows;       // tiles end where rows end; else they run on over rows
  bool panels_first;  // neighbouring tasks share pixels; else weights
  int units;          // of which chunks are made: rows, or tiles
  int chunks, panel_groups;
};

// A task wants its input pixels (or all weights) in the second-level cache, some million operations, and enough
// siblings for 16 threads.
Blocking choose_blocking(const ConvShape& s, int configuration, int threads) {
  constexpr double kTaskFlops = 2e6, kMaxTasks = 64, kCache = 384 << 10, kSmallWeights = 256 << 10;
  const int row_tiles = ceil_div(s.out_w, kTileRows), pixels = s.out_h * s.out_w, panels = panels_of(s);
  const double weights = static_cast<double>(packed_floats(s)) * sizeof(float);
  const double input = static_cast<double>(s.in_channels) * s.in_h * s.in_w * sizeof(float);
  const double flops = 2. * s.batch * pixels * (weights / sizeof(float));
  const int tasks = static_cast<int>(flops / kTaskFlops > kMaxTasks ? kMaxTasks : flops / kTaskFlops) + 1;
  Blocking b;
  // Short tiles reload the weights too often.
  b.by_rows = s.out_h > 1 && s.out_w >= kTileRows / 2 * row_tiles;
  if (configuration & 1 && s.out_h > 1) b.by_rows = !b.by_rows;
  b.panels_first = weights <= input * s.batch;
  b.units = b.by_rows ? s.out_h : ceil_div(pixels, kTileRows);
  int chunks;  // odd configurations do not cut an image that is one row
  if (weights <= kSmallWeights || s.scaled) {
    b.panel_groups = 1;
    chunks = configuration & 1 && s.out_h == 1 ? 1 : ceil_div(tasks, max(1, s.batch));
  } else {
    chunks = static_cast<int>(input / kCache) + 1;
    b.panel_groups = min(panels, ceil_div(2 * tasks, max(1, s.batch * chunks)));
    if (b.panel_groups == panels) chunks = max(chunks, ceil_div(tasks, max(1, s.batch * panels)));
  }
  if (configuration & 2) chunks *= 2;
  b.chunks = clamp(chunks, 1, b.units);
  if (s.batch * b.chunks * b.panel_groups % threads != 0) {
    const int even = ceil_div(b.chunks, threads) * threads;
    if (even <= b.units)
      b.chunks = even;
    else if (b.panel_groups > threads)
      b.panel_groups -= b.panel_groups % threads;
  }
  return b;
}

}  // namespace

void run_panel(const PanelRun& w, int index, const char* next, size_t next_bytes) {
  const ConvShape& s = *w.shape;
  const Panel p = panel_of(s, index);
  float bias[kTileBlocks * kLanes], sums[kTileFloats];
  ConvTile t;
  t.shape = &s;
  t.input = w.input + p.in_block * in_plane(s);
  t.depth = p.depth;
  t.weights = w.packed + w.panel_floats * index;
  t.bias = bias_of(*w.finish->epilogue, s.out_channels, p.block, p.blocks, bias);
  t.low = w.finish->low, t.high = w.finish->high;
  t.residual_plane = w.plane;
  t.output_plane = w.finish->rest ? tile_rows(p.blocks) * kLanes : w.plane;
  const int run = w.by_rows ? s.out_w : w.last - w.first;  // pixels that tiles share evenly
  const int run_tiles = ceil_div(run, tile_rows(p.blocks)), tiles = run_tiles * ((w.last - w.first) / run);
  const int rows = run / run_tiles, more = run - rows * run_tiles;  // the first `more` tiles of a run have one more row
  const ptrdiff_t steps = static_cast<ptrdiff_t>(p.depth) * s.kernel_h * s.kernel_w;
  t.next_step = static_cast<ptrdiff_t>(next_bytes) / (steps * tiles);
  const bool half = ends_in_half(s.out_channels, p.block, p.blocks);
  ptrdiff_t at = w.at + p.block * w.plane;
  t.y = w.first / s.out_w, t.x = w.first % s.out_w;
  t.next = next;
  for (int i = 0, in_run = 0; i < tiles; ++i) {
    const int n = in_run < more ? rows + 1 : rows;
    t.output = w.finish->rest ? sums : w.output + at;
    t.residual = w.finish->residual ? w.finish->residual + at : nullptr;
    conv_tile_function(n, p.blocks, half, s.stride_w)(t);
    if (w.finish->rest)
      for (int b = 0; b < p.blocks; ++b)
        finish_rest(*w.finish, p.block + b, sums + b * t.output_plane, w.output, at + b * w.plane, n);
    if (++in_run == run_tiles) in_run = 0;
    for (t.x += n; t.x >= s.out_w; t.x -= s.out_w) ++t.y;
    t.next += t.next_step * steps;
    at += static_cast<ptrdiff_t>(n) * kLanes;
  }
}

namespace {

// Pixels that are scaled at a time: whole tiles, in the second-level cache with some weights.
int scaled_pixels(const ConvShape& s) {
  constexpr int kBytes = 128 << 10;
  const int tile_bytes = kTileRows * blocks_of(s.in_channels) * kLanes * static_cast<int>(sizeof(float));
  return min(max(1, kBytes / tile_bytes), ceil_div(s.out_h * s.out_w, kTileRows)) * kTileRows;
}
size_t scaled_floats(const ConvShape& s) {
  return s.scaled ? static_cast<size_t>(scaled_pixels(s)) * blocks_of(s.in_channels) * kLanes : 0;
}
size_t scratch_bytes(const ConvShape& s, int, int threads) { return scaled_floats(s) * sizeof(float) * threads; }

// Brings pixels of all blocks to where a smaller image has them, scaled.
void scale(const ConvShape& s, const ConvShape& smaller, const float* factors, const float* from, int pixels,
           float* to) {
  const float* const shifts = factors + factor_floats(s, kLanes);
  for (int b = 0; b < blocks_of(s.in_channels); ++b, from += in_plane(s), to += in_plane(smaller)) {
    const Vec scale = load(factors + b * kLanes), shift = load(shifts + b * kLanes), zero{};
    for (int i = 0; i < pixels * kLanes; i += kLanes) store(to + i, max(zero, load(from + i) * scale + shift));
  }
}

// All panels of a task of single pixels, which it scales into `room` some at a time: an image of shape `some`.
void run_scaled(const PanelRun& all, const ConvShape& some, int panels, float* room) {
  const float* const factors = all.packed + all.panel_floats * panels;
  PanelRun run = all;
  run.shape = &some, run.input = room, run.first = 0;
  for (int done = all.first; done < all.last; done += some.in_w, run.at += some.in_w * ptrdiff_t{kLanes}) {
    run.last = min(some.in_w, all.last - done);
    scale(*all.shape, some, factors, all.input + done * ptrdiff_t{kLanes}, run.last, room);
    for (int p = 0; p < panels; ++p) {
      const float* const next = run.packed + run.panel_floats * ((p + 1) % panels);
      run_panel(run, p, reinterpret_cast<const char*>(next), run.panel_floats * sizeof(float));
    }
  }
}

void run(const ConvShape& shape, int configuration, const float* input, const float* packed, float* output,
         const Epilogue& epilogue, void* scratch, ThreadPool& threads) {
  const ConvShape s = flattened(shape);
  if (s.batch == 0 || s.out_h == 0 || s.out_w == 0) return;
  ConvShape some = flattened(shape);
  if (s.scaled) some.in_w = some.out_w = scaled_pixels(s);
  const Finish finish = plan_finish(epilogue, s.out_channels);
  const Blocking b = choose_blocking(s, configuration, threads.size());
  const size_t panel_size = panel_floats(s);
  const int panels = panels_of(s);
  const int64_t places = static_cast<int64_t>(s.batch) * b.chunks;
  threads.run(places * b.panel_groups, [&](int64_t task, int thread) {
    const int64_t place = b.panels_first ? task / b.panel_groups : task % places;
    const int group = static_cast<int>(b.panels_first ? task % b.panel_groups : task / places);
    const int image = static_cast<int>(place / b.chunks), chunk = static_cast<int>(place % b.chunks);
    const int pixels = s.out_h * s.out_w;
    const int first = part(pixels, b.units, part(b.units, b.chunks, chunk));
    const int last = part(pixels, b.units, part(b.units, b.chunks, chunk + 1));
    const PanelRun run{&s,           &finish,
                       b.by_rows,    input + image * blocks_of(s.in_channels) * in_plane(s),
                       packed,       panel_size,
                       output,       image * blocks_of(s.out_channels) * out_plane(s) + first * ptrdiff_t{kLanes},
                       out_plane(s), first,
                       last};
    if (s.scaled) return run_scaled(run, some, panels, static_cast<float*>(scratch) + scaled_floats(s) * thread);
    const int panel_end = part(panels, b.panel_groups, group + 1);
    for (int p = part(panels, b.panel_groups, group); p < panel_end; ++p) {
      // What this thread most likely works on next; a wrong guess costs bandwidth only.
      int next = p + 1;
      size_t bytes = panel_size * sizeof(float), skip = 0;
      if (next == panel_end && b.panel_groups > 1) {
        if (b.panels_first) {
          next = part(panels, b.panel_groups, (group + 1) % b.panel_groups);
        } else {  // all places share this panel: each fetches its part of the next
          bytes /= static_cast<size_t>(places);
          skip = bytes * static_cast<size_t>(place);
        }
      }
      if (next >= panels) bytes = 0, next = p;
      run_panel(run, p, reinterpret_cast<const char*>(packed + panel_size * next) + skip, bytes);
    }
  });
}

const char* refuses(const ConvShape& s) {
  return s.scaled && (!is_pixelwise(s) || s.groups > 1) ? "scales single pixels of one group only" : nullptr;
}
}  // namespace

const ConvKernel kDirect{"direct", false, 4, refuses, packed_floats, pack, scratch_bytes, run};

}  // namespace vivace::cpu::VIVACE_ISA
