// Depthwise and small-group convolution on blocked tensors. A block of output channels reads one block of input
// channels; with groups of G channels, tap and channel kk of the group need input lane g * G + kk in all lanes of group
// g, which one shuffle of the input vector brings (G = 1: none). Groups of more than kMostChannels take several passes
// over the row, each with as many channels as leave the weights in registers. One chain of sums per output.
//
// Strips of up to kStrip neighbouring outputs share their loads: template over kernel width and stride 1 or 2. Columns
// outside the image are skipped, so borders need no code of their own. Other depthwise shapes take strips that share
// the weights only.
#include <utility>

#include "backends/cpu/kernels/conv_parts.h"
#include "backends/cpu/kernels/conv_table.h"
#include "base/threads.h"

namespace vivace::cpu::VIVACE_ISA {

constexpr int kStrip = 8;
constexpr int kMostChannels = 4;  // of a group at a time: their weights of three taps stay in registers beside the sums

struct Strip {
  const ConvShape* shape;
  const float* input;  // the first row and column that a tap reads (it may lie left of the image)
  int first, last;     // columns of the image, counted from there: [first, last)
  int rows;            // kernel rows inside the image
  int unbroken;        // rows until the next lies `ring` floats back
  ptrdiff_t ring;
  const float* weights;  // of the first such row: [rows][G][kernel_w][kLanes]
  const float* bias;
  float* output;
  const float* residual;  // or null
  float low, high;
};

namespace {

template <int N>
inline __attribute__((always_inline)) void store_outputs(const Strip& t, const Vec (&sums)[N]) {
  const Vec low = splat(t.low), high = splat(t.high);
  const float* residual = t.residual;
  float* output = t.output;
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i) {
    Vec sum = sums[i];
    if (residual) sum = sum + load(residual + i * kLanes);
    store(output + i * kLanes, limit(sum, low, high));
  }
}

// Keeps a loaded vector in its register; the compiler would load it again for every use.
inline Vec in_register(Vec v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__x86_64__)
  asm("" : "+x"(v));
#endif
  return v;
}

template <int G, int KK, int... I>
inline Vec spread(Vec v, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(v, v, (I / G * G + KK)...);
}

template <int G, int K, int S, int N, int KK>
inline __attribute__((always_inline)) void add_column(Vec (&sums)[N], Vec column, const Vec* weights, int j) {
  if constexpr (KK < G) {
    const Vec value = G == 1 ? column : spread<G, KK>(column, std::make_integer_sequence<int, kLanes>{});
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k)
      if (j >= k && (j - k) % S == 0 && (j - k) / S < N) sums[(j - k) / S] += value * weights[KK * K + k];
    add_column<G, K, S, N, KK + 1>(sums, column, weights, j);
  }
}

// Of groups of G channels the P-th kPass, once for every lane of kPass.
template <int G, int kPass, int P, int... I>
inline Vec pass_of(Vec v, std::integer_sequence<int, I...>) {
  if constexpr (G == kPass)
    return v;
  else
    return __builtin_shufflevector(v, v, (I / G * G + P * kPass + I % kPass)...);
}

template <int G, int K, int S, int N, int P>
inline __attribute__((always_inline)) void add_row(Vec (&sums)[N], const Strip& t, const float* x, const float* w) {
  constexpr int kPass = min(G, kMostChannels), kColumns = (N - 1) * S + K;
  if constexpr (P * kPass < G) {
    constexpr auto kAll = std::make_integer_sequence<int, kLanes>{};
    Vec weights[kPass * K];
#pragma GCC unroll 64
    for (int i = 0; i < kPass * K; ++i) weights[i] = load(w + (P * kPass * K + i) * kLanes);
    if (t.first <= 0 && t.last >= kColumns) {
#pragma GCC unroll 32
      for (int j = 0; j < kColumns; ++j)
        add_column<kPass, K, S, N, 0>(sums, in_register(pass_of<G, kPass, P>(load(x + j * kLanes), kAll)), weights, j);
    } else {
#pragma GCC unroll 32
      for (int j = 0; j < kColumns; ++j) {
        if (j < t.first || j >= t.last) continue;
        add_column<kPass, K, S, N, 0>(sums, in_register(pass_of<G, kPass, P>(load(x + j * kLanes), kAll)), weights, j);
      }
    }
    add_row<G, K, S, N, P + 1>(sums, t, x, w);
  }
}

template <int G, int K, int S, int N>
void run_strip(const Strip& t) {
  const ptrdiff_t row = static_cast<ptrdiff_t>(t.shape->in_w) * t.shape->dilation_h * kLanes;
  const float *x = t.input, *w = t.weights;
  const Vec bias = load(t.bias);
  Vec sums[N];
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i) sums[i] = bias;
  for (int ky = 0; ky < t.rows; ++ky, x += row, w += G * K * kLanes) {
    if (ky == t.unbroken) x -= t.ring;
    add_row<G, K, S, N, 0>(sums, t, x, w);
  }
  store_outputs(t, sums);
}

// Any kernel width, stride and dilation; G = 1.
template <int N>
void run_any_strip(const Strip& t) {
  const ConvShape& s = *t.shape;
  const ptrdiff_t row = static_cast<ptrdiff_t>(s.in_w) * s.dilation_h * kLanes;
  const ptrdiff_t step = static_cast<ptrdiff_t>(s.stride_w) * kLanes;
  const float* w = t.weights;
  Vec sums[N];
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i) sums[i] = load(t.bias);
  for (int ky = 0; ky < t.rows; ++ky)
    for (int kx = 0; kx < s.kernel_w; ++kx, w += kLanes) {
      const Vec weight = load(w);
      const int column = kx * s.dilation_w;
      const float* x = t.input + ky * row - (ky < t.unbroken ? 0 : t.ring) + static_cast<ptrdiff_t>(column) * kLanes;
      if (column >= t.first && column + (N - 1) * s.stride_w < t.last) {
#pragma GCC unroll 8
        for (int i = 0; i < N; ++i) sums[i] += load(x + i * step) * weight;
      } else {
#pragma GCC unroll 8
        for (int i = 0; i < N; ++i)
          if (column + i * s.stride_w >= t.first && column + i * s.stride_w < t.last)
            sums[i] += load(x + i * step) * weight;
      }
    }
  store_outputs(t, sums);
}

}  // namespace
struct Strips {
  void (*of[kStrip])(const Strip&);
};
namespace {
template <int G, int K, int S, int... N>
constexpr Strips strips_of(std::integer_sequence<int, N...>) {
  return {{run_strip<G, K, S, N + 1>...}};
}
template <int G, int K, int S>
constexpr Strips kStrips = strips_of<G, K, S>(std::make_integer_sequence<int, kStrip>{});

template <int... N>
constexpr Strips any_strips_of(std::integer_sequence<int, N...>) {
  return {{run_any_strip<N + 1>...}};
}
constexpr Strips kAnyStrips = any_strips_of(std::make_integer_sequence<int, kStrip>{});

// Null: groups of more than one channel that no strip does.
const Strips* find_strips(const ConvShape& s, int group) {
  if (s.dilation_w != 1 || s.stride_w > 2) return group == 1 ? &kAnyStrips : nullptr;
  const bool two = s.stride_w == 2;
  if (group == 1 && s.kernel_w == 3) return two ? &kStrips<1, 3, 2> : &kStrips<1, 3, 1>;
  if (group == 1 && s.kernel_w == 5) return two ? &kStrips<1, 5, 2> : &kStrips<1, 5, 1>;
  if (group == 1 && s.kernel_w == 7) return two ? &kStrips<1, 7, 2> : &kStrips<1, 7, 1>;
  if (group == 1) return &kAnyStrips;
  if (group == 2 && s.kernel_w == 3) return two ? &kStrips<2, 3, 2> : &kStrips<2, 3, 1>;
#if defined(__AVX2__)
  if (group == 4 && s.kernel_w == 3) return two ? &kStrips<4, 3, 2> : &kStrips<4, 3, 1>;
#endif
#if defined(__AVX512F__)
  if (group == 8 && s.kernel_w == 3) return two ? &kStrips<8, 3, 2> : &kStrips<8, 3, 1>;
#endif
  return nullptr;
}

size_t packed_floats(const ConvShape& s) {
  const int group = s.in_channels / s.groups;
  return static_cast<size_t>(blocks_of(s.out_channels)) * s.kernel_h * s.kernel_w * group * kLanes;
}

void pack(const ConvShape& s, const float* weights, float* packed) {  // [block][kernel_h][G][kernel_w][kLanes]
  const int group = s.in_channels / s.groups;
  std::memset(packed, 0, packed_floats(s) * sizeof(float));
  for (int o = 0; o < s.out_channels; ++o)
    for (int kk = 0; kk < group; ++kk)
      for (int ky = 0; ky < s.kernel_h; ++ky)
        for (int kx = 0; kx < s.kernel_w; ++kx) {
          const ptrdiff_t row = static_cast<ptrdiff_t>(o / kLanes) * s.kernel_h + ky;
          packed[((row * group + kk) * s.kernel_w + kx) * kLanes + o % kLanes] =
              weights[((static_cast<ptrdiff_t>(o) * group + kk) * s.kernel_h + ky) * s.kernel_w + kx];
        }
}

}  // namespace

DepthwiseRun::DepthwiseRun(const ConvShape& shape, const Finish& finish)
    : shape(&shape), finish(&finish), strips(find_strips(shape, shape.in_channels / shape.groups)), rows(shape.in_h) {}

void DepthwiseRun::row(const float* plane, const float* packed, int block, const float* bias, float* output,
                       ptrdiff_t at, int y) const {
  const ConvShape& s = *shape;
  const int group = s.in_channels / s.groups;
  // Kernel rows [ky, end) lie inside the image.
  const int top = y * s.stride_h - s.pad_top;
  int ky = 0, end = s.kernel_h;
  while (ky < end && top + ky * s.dilation_h < 0) ++ky;
  while (end > ky && top + (end - 1) * s.dilation_h >= s.in_h) --end;
  const int first_row = (top + ky * s.dilation_h) % rows;
  const int count = ceil_div(s.out_w, kStrip), width = s.out_w / count, wider = s.out_w - width * count;
  float sums[kStrip * kLanes];
  Strip t;
  t.shape = &s, t.rows = end - ky, t.bias = bias;
  t.unbroken = rows - first_row, t.ring = static_cast<ptrdiff_t>(rows) * s.in_w * kLanes;
  t.weights = packed + (static_cast<ptrdiff_t>(block) * s.kernel_h + ky) * group * s.kernel_w * kLanes;
  t.low = finish->low, t.high = finish->high;
  for (int i = 0, x = 0, n = 0; i < count; ++i, x += n) {
    n = i < wider ? width + 1 : width;
    const int left = x * s.stride_w - s.pad_left;
    const ptrdiff_t here = at + static_cast<ptrdiff_t>(x) * kLanes;
    t.input = plane + (static_cast<ptrdiff_t>(first_row) * s.in_w + left) * kLanes;
    t.first = -left, t.last = s.in_w - left;
    t.output = finish->rest ? sums : output + here;
    t.residual = finish->residual ? finish->residual + here : nullptr;
    strips->of[n - 1](t);
    if (finish->rest) finish_rest(*finish, block, sums, output, here, n);
  }
}

namespace {

void run(const ConvShape& s, int, const float* input, const float* packed, float* output, const Epilogue& epilogue,
         void*, ThreadPool& threads) {
  constexpr int64_t kTaskTaps = 8192;  // some 3 us; less is not worth a thread's waking
  constexpr int64_t kMostTasks = 4;    // for each thread
  if (s.out_h == 0 || s.out_w == 0) return;
  const Finish finish = plan_finish(epilogue, s.out_channels);
  const int group = s.in_channels / s.groups, blocks = blocks_of(s.out_channels), size = threads.size();
  const int64_t planes = static_cast<int64_t>(s.batch) * blocks;
  const int64_t taps = planes * s.out_h * s.out_w * s.kernel_h * s.kernel_w * group;
  // Rows come in any order, so that the cut may follow the number of threads. Bands of rows over all planes leave each
  // thread with the pixels that a 1x1 convolution before or after it has; where rows are few, whole planes are dealt
  // out.
  const bool bands = s.batch == 1 && (s.out_h % size == 0 || s.out_h >= 8 * size);
  const int64_t units = bands ? s.out_h : planes * s.out_h;
  int64_t tasks = clamp(taps / (kTaskTaps * size), 0, kMostTasks) * size;
  tasks = tasks == 0 ? 1 : units < tasks ? units : tasks;
  const DepthwiseRun rows(s, finish);
  const auto rows_of = [&](int64_t plane, int first, int last) {
    const int block = static_cast<int>(plane % blocks);
    float room[kLanes];
    const float* bias = bias_of(epilogue, s.out_channels, block, 1, room);
    for (int y = first; y < last; ++y)
      rows.row(input + plane * in_plane(s), packed, block, bias, output,
               plane * out_plane(s) + static_cast<ptrdiff_t>(y) * s.out_w * kLanes, y);
  };
  threads.run(tasks, [&](int64_t task, int) {
    const int64_t first = units * task / tasks, last = units * (task + 1) / tasks;
    if (bands) {
      for (int64_t plane = 0; plane < planes; ++plane) rows_of(plane, static_cast<int>(first), static_cast<int>(last));
      return;
    }
    for (int64_t at = first, end; at < last; at = end) {
      const int64_t plane = at / s.out_h, start = plane * s.out_h;
      end = last < start + s.out_h ? last : start + s.out_h;
      rows_of(plane, static_cast<int>(at - start), static_cast<int>(end - start));
    }
  });
}

const char* refuses_depthwise(const ConvShape& s) {
  if (s.groups != s.in_channels || s.groups != s.out_channels) return "a group has more than one channel";
  return nullptr;
}
const char* refuses_grouped(const ConvShape& s) {
  const int group = s.in_channels / s.groups;
  if (group == 1 || s.in_channels != s.out_channels)
    return "groups do not have the same number of 2 or more channels in and out";
  if (!find_strips(s, group))
    return "only 3 wide, stride 1 or 2, no dilation, and 2, 4, 8 channels that divide a block";
  return nullptr;
}
}  // namespace

const ConvKernel kDepthwise{"depthwise", false, 1, refuses_depthwise, packed_floats, pack, no_scratch, run};
const ConvKernel kGrouped{"grouped", false, 1, refuses_grouped, packed_floats, pack, no_scratch, run};

}  // namespace vivace::cpu::VIVACE_ISA
