// Convolution of a plain NCHW image of few channels into a blocked tensor: no empty lanes are multiplied. Each task
// copies its input rows with their padding, taken apart by column modulo the stride, so that every tap of R neighbouring
// outputs reads R neighbouring floats. One chain of sums per output.
#include <utility>

#include "backends/cpu/kernels/conv_table.h"
#include "backends/cpu/kernels/conv_tile.h"
#include "base/threads.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {
constexpr int kMaxChannels = 8;

template <int R, int NB>
void stem_tile(const ConvTile& t, const int* offsets, int taps) {
  Vec sums[R][NB];
  start_sums(sums, t.bias);
  const float* w = t.weights;
#pragma GCC unroll 1  // unrolled, the compiler keeps values that neighbouring taps share, and spills the sums
  for (int tap = 0; tap < taps; ++tap, w += NB * kLanes) {
    const float* x = t.input + offsets[tap];
    Vec weight[NB];
#pragma GCC unroll 4
    for (int n = 0; n < NB; ++n) weight[n] = load(w + n * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec value = splat(x[r]);
#pragma GCC unroll 4
      for (int n = 0; n < NB; ++n) sums[r][n] += value * weight[n];
    }
  }
  store_sums(sums, t);
}

using StemTile = void (*)(const ConvTile&, const int*, int);
struct Row {
  StemTile rows[tile_rows(1)];
};
template <int NB, int... R>
constexpr Row tiles_of(std::integer_sequence<int, R...>) {
  return {{stem_tile<R + 1, NB>...}};
}
constexpr Row kTiles[kTileBlocks] = {tiles_of<1>(std::make_integer_sequence<int, tile_rows(1)>{}),
                                     tiles_of<2>(std::make_integer_sequence<int, tile_rows(2)>{})};

// The copied rows of a task: [channel][row][column % stride][column / stride].
struct Copy {
  int out_rows, rows, columns;
  int row_floats(const ConvShape& s) const { return columns * s.stride_w; }
  int floats(const ConvShape& s) const { return s.in_channels * rows * row_floats(s); }
};
Copy copy_of(const ConvShape& s) {
  constexpr int kTasks = 28;  // an image; more would copy the rows between them more often
  Copy c;
  c.out_rows = max(1, ceil_div(s.out_h, kTasks));
  c.rows = (c.out_rows - 1) * s.stride_h + (s.kernel_h - 1) * s.dilation_h + 1;
  c.columns = s.out_w + (s.kernel_w - 1) * s.dilation_w / s.stride_w;
  return c;
}

int taps_of(const ConvShape& s) { return s.in_channels * s.kernel_h * s.kernel_w; }

size_t packed_floats(const ConvShape& s) { return static_cast<size_t>(taps_of(s)) * blocks_of(s.out_channels) * kLanes; }

void pack(const ConvShape& s, const float* weights, float* packed) {  // [panel][channel][kernel_h][kernel_w][NB * kLanes]
  const int taps = taps_of(s), blocks = blocks_of(s.out_channels);
  std::memset(packed, 0, packed_floats(s) * sizeof(float));
  for (int o = 0; o < s.out_channels; ++o) {
    const int block = o / kLanes / kTileBlocks * kTileBlocks, width = min(kTileBlocks, blocks - block) * kLanes;
    for (int tap = 0; tap < taps; ++tap)
      packed[static_cast<ptrdiff_t>(block) * kLanes * taps + tap * width + o - block * kLanes] = weights[o * taps + tap];
  }
}

size_t thread_bytes(const ConvShape& s) { return aligned((taps_of(s) + copy_of(s).floats(s)) * sizeof(float)); }
size_t scratch_bytes(const ConvShape& s, int, int threads) { return thread_bytes(s) * threads; }

template <int... I>
inline Vec every_second(Vec a, Vec b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (2 * I)...);
}

// to[phase][i] = from[i * stride + phase - pad], zero outside [0, in_w).
void copy_row(const ConvShape& s, const float* from, int columns, float* to) {
  for (int phase = 0; phase < s.stride_w; ++phase, to += columns) {
    const int shift = phase - s.pad_left;
    const int first = clamp(ceil_div(max(0, -shift), s.stride_w), 0, columns);
    const int last = clamp(s.in_w - shift <= 0 ? 0 : (s.in_w - 1 - shift) / s.stride_w + 1, first, columns);
    int i = first;
    std::memset(to, 0, static_cast<size_t>(first) * sizeof(float));
    if (s.stride_w == 1) {
      std::memcpy(to + first, from + first + shift, static_cast<size_t>(last - first) * sizeof(float));
      i = last;
    } else if (s.stride_w == 2) {
      for (; i + kLanes <= last && 2 * (i + kLanes) + shift <= s.in_w; i += kLanes) {
        const float* p = from + 2 * i + shift;
        store(to + i, every_second(load(p), load(p + kLanes), std::make_integer_sequence<int, kLanes>{}));
      }
    }
    for (; i < last; ++i) to[i] = from[i * s.stride_w + shift];
    std::memset(to + last, 0, static_cast<size_t>(columns - last) * sizeof(float));
  }
}

void run(const ConvShape& s, int, const float* input, const float* packed, float* output, const Epilogue& epilogue,
         void* scratch, ThreadPool& threads) {
  if (s.out_h == 0 || s.out_w == 0) return;
  const Finish finish = plan_finish(epilogue, s.out_channels);
  const Copy copy = copy_of(s);
  const int chunks = ceil_div(s.out_h, copy.out_rows), blocks = blocks_of(s.out_channels), taps = taps_of(s);
  const int row_floats = copy.row_floats(s);
  threads.run(static_cast<int64_t>(s.batch) * chunks, [&](int64_t task, int thread) {
    char* room = static_cast<char*>(scratch) + thread_bytes(s) * static_cast<size_t>(thread);
    float* rows = reinterpret_cast<float*>(room);
    int* offsets = reinterpret_cast<int*>(rows + copy.floats(s));
    const int image = static_cast<int>(task / chunks), first = static_cast<int>(task % chunks) * copy.out_rows;
    const int top = first * s.stride_h - s.pad_top;
    for (int c = 0, tap = 0; c < s.in_channels; ++c) {
      for (int ky = 0; ky < s.kernel_h; ++ky)
        for (int kx = 0; kx < s.kernel_w; ++kx) {
          const int column = kx * s.dilation_w;
          offsets[tap++] = (c * copy.rows + ky * s.dilation_h) * row_floats + column % s.stride_w * copy.columns +
                           column / s.stride_w;
        }
      const float* plane = input + (static_cast<ptrdiff_t>(image) * s.in_channels + c) * s.in_h * s.in_w;
      for (int i = 0; i < copy.rows; ++i) {
        float* to = rows + static_cast<ptrdiff_t>(c * copy.rows + i) * row_floats;
        if (top + i >= 0 && top + i < s.in_h)
          copy_row(s, plane + static_cast<ptrdiff_t>(top + i) * s.in_w, copy.columns, to);
        else
          std::memset(to, 0, static_cast<size_t>(row_floats) * sizeof(float));
      }
    }
    float bias[kTileBlocks * kLanes], sums[kTileFloats];
    ConvTile t{};
    t.low = finish.low, t.high = finish.high;
    t.residual_plane = out_plane(s);
    for (int block = 0; block < blocks; block += kTileBlocks) {
      const int panel = min(kTileBlocks, blocks - block);
      const int row_tiles = ceil_div(s.out_w, tile_rows(panel)), width = s.out_w / row_tiles;
      const int wider = s.out_w - width * row_tiles;  // the first `wider` tiles have one pixel more
      t.output_plane = finish.rest ? tile_rows(panel) * kLanes : out_plane(s);
      t.weights = packed + static_cast<ptrdiff_t>(block) * kLanes * taps;
      t.bias = bias_of(epilogue, s.out_channels, block, panel, bias);
      for (int y = first; y < min(s.out_h, first + copy.out_rows); ++y)
        for (int i = 0, x = 0, n = 0; i < row_tiles; ++i, x += n) {
          n = i < wider ? width + 1 : width;
          const ptrdiff_t at = (static_cast<ptrdiff_t>(image) * blocks + block) * out_plane(s) +
                               (static_cast<ptrdiff_t>(y) * s.out_w + x) * kLanes;
          t.input = rows + static_cast<ptrdiff_t>(y - first) * s.stride_h * row_floats + x;
          t.output = finish.rest ? sums : output + at;
          t.residual = finish.residual ? finish.residual + at : nullptr;
          kTiles[panel - 1].rows[n - 1](t, offsets, taps);
          if (finish.rest)
            for (int b = 0; b < panel; ++b)
              finish_rest(finish, block + b, sums + b * t.output_plane, output, at + b * out_plane(s), n);
        }
    }
  });
}

const char* refuses(const ConvShape& s) {
  if (s.groups != 1) return "more than one group";
  if (s.in_channels > kMaxChannels) return "more than 8 input channels";
  return nullptr;
}
}  // namespace

const ConvKernel kStem{"stem", true, 1, refuses, packed_floats, pack, scratch_bytes, run};

}  // namespace vivace::cpu::VIVACE_ISA
