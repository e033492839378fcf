// The convolution kernels of every instruction set this processor has, against plain loops in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "backends/cpu/kernels/conv.h"
#include "base/threads.h"

namespace vivace::cpu {
namespace {

constexpr float kCanary = -12345.75f;
constexpr size_t kGuard = 64;

std::vector<Isa> isas() {
  std::vector<Isa> found;
  for (const Isa isa : {Isa::generic, Isa::avx2, Isa::avx512})
    if (isa <= best_isa()) found.push_back(isa);
  return found;
}

// A 64-byte aligned array between canaries.
class Guarded {
 public:
  explicit Guarded(size_t n, float value = kCanary) : n_(n), all_(n + 2 * kGuard + 16, kCanary) {
    while (reinterpret_cast<uintptr_t>(all_.data() + first_) % 64) ++first_;
    std::fill_n(data(), n, value);
  }
  float* data() { return all_.data() + first_; }
  const float* data() const { return all_.data() + first_; }
  float& operator[](size_t i) { return data()[i]; }
  float operator[](size_t i) const { return data()[i]; }
  size_t size() const { return n_; }
  bool intact() const {
    const auto is_canary = [](float x) { return x == kCanary; };
    return std::all_of(all_.begin(), all_.begin() + static_cast<ptrdiff_t>(first_), is_canary) &&
           std::all_of(all_.begin() + static_cast<ptrdiff_t>(first_ + n_), all_.end(), is_canary);
  }

 private:
  size_t n_, first_ = kGuard;
  std::vector<float> all_;
};

Guarded random_floats(size_t n, unsigned seed, float scale = 1) {
  Guarded v(n);
  std::minstd_rand random(seed);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  for (size_t i = 0; i < n; ++i) v[i] = uniform(random);
  return v;
}

size_t blocked_size(int batch, int channels, int pixels, int c) {
  return static_cast<size_t>(batch) * ((channels + c - 1) / c) * pixels * c;
}
size_t blocked_index(int channels, int pixels, int c, int n, int channel, int pixel) {
  return ((static_cast<size_t>(n) * ((channels + c - 1) / c) + channel / c) * pixels + pixel) * c + channel % c;
}
Guarded blocked(const Guarded& plain, int batch, int channels, int pixels, int c) {
  Guarded b(blocked_size(batch, channels, pixels, c), 0);
  for (int n = 0; n < batch; ++n)
    for (int i = 0; i < channels; ++i)
      for (int p = 0; p < pixels; ++p)
        b[blocked_index(channels, pixels, c, n, i, p)] = plain[(static_cast<size_t>(n) * channels + i) * pixels + p];
  return b;
}

struct Expected {
  double value, magnitude;  // magnitude: sum of the absolute values of all terms
};

double activated(double x, const Epilogue& e) {
  switch (e.activation) {
    case Activation::none: return x;
    case Activation::relu: return std::max(x, 0.);
    case Activation::clip: return std::min(std::max(x, double(e.alpha)), double(e.beta));
    case Activation::leaky_relu: return x < 0 ? e.alpha * x : x;
    case Activation::hard_sigmoid: return std::min(std::max(e.alpha * x + e.beta, 0.), 1.);
    case Activation::hard_swish: return x * std::min(std::max(x / 6 + 0.5, 0.), 1.);
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::tanh: return std::tanh(x);
    case Activation::gelu: return x * 0.5 * (1 + std::erf(x / std::sqrt(2.)));
    case Activation::gelu_tanh: return x * 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }
  return x;
}

// Plain layouts throughout; the epilogue's residual too.
std::vector<Expected> reference(const ConvShape& s, const Guarded& x, const Guarded& w, const Epilogue& e) {
  const int group_in = s.in_channels / s.groups, group_out = s.out_channels / s.groups;
  std::vector<Expected> y;
  for (int n = 0; n < s.batch; ++n)
    for (int o = 0; o < s.out_channels; ++o)
      for (int oy = 0; oy < s.out_h; ++oy)
        for (int ox = 0; ox < s.out_w; ++ox) {
          double sum = e.bias ? e.bias[o] : 0, magnitude = std::abs(sum);
          for (int c = 0; c < group_in; ++c)
            for (int ky = 0; ky < s.kernel_h; ++ky)
              for (int kx = 0; kx < s.kernel_w; ++kx) {
                const int iy = oy * s.stride_h + ky * s.dilation_h - s.pad_top;
                const int ix = ox * s.stride_w + kx * s.dilation_w - s.pad_left;
                if (iy < 0 || iy >= s.in_h || ix < 0 || ix >= s.in_w) continue;
                const int channel = o / group_out * group_in + c;
                const double term =
                    double(x[((static_cast<size_t>(n) * s.in_channels + channel) * s.in_h + iy) * s.in_w + ix]) *
                    w[((static_cast<size_t>(o) * group_in + c) * s.kernel_h + ky) * s.kernel_w + kx];
                sum += term, magnitude += std::abs(term);
              }
          const double residual = e.residual ? e.residual[y.size()] : 0;
          magnitude += std::abs(residual);
          y.push_back({e.residual_last ? activated(sum, e) + residual : activated(sum + residual, e), magnitude});
        }
  return y;
}

std::string text(const ConvShape& s) {
  std::string t;
  for (const int v : {s.batch, s.in_channels, s.out_channels, s.groups, s.in_h, s.in_w, s.out_h, s.out_w, s.kernel_h,
                      s.kernel_w, s.stride_h, s.stride_w, s.pad_top, s.pad_left, s.dilation_h, s.dilation_w})
    t += std::to_string(v) + " ";
  return t;
}

// A shape with its output size; `extra` more rows and columns of padding at the bottom and right.
ConvShape shape(int batch, int in, int out, int groups, int h, int w, int kh, int kw, int sh, int sw, int ph, int pw,
                int dh = 1, int dw = 1, int extra = 0) {
  ConvShape s{batch, in, out, groups, h, w, 0, 0, kh, kw, sh, sw, ph, pw, dh, dw};
  s.out_h = (h + 2 * ph + extra - (kh - 1) * dh - 1) / sh + 1;
  s.out_w = (w + 2 * pw + extra - (kw - 1) * dw - 1) / sw + 1;
  return s;
}

// Direct sums of k terms: at most k roundings of partial sums, each below the sum of absolute values.
double direct_bound(const ConvShape& s, double magnitude) {
  const double terms = static_cast<double>(s.in_channels) / s.groups * s.kernel_h * s.kernel_w;
  return (terms + 16) * 0x1p-24 * magnitude + 1e-6;
}
// Winograd adds and subtracts neighbouring outputs' terms: errors go with the largest magnitude around, times the sums
// of absolute values of the transforms' rows. The constants are twice the worst seen.
double winograd2_bound(const ConvShape&, double magnitude) { return 3 * 0x1p-24 * magnitude + 1e-6; }
double winograd4_bound(const ConvShape&, double magnitude) { return 13 * 0x1p-24 * magnitude + 1e-6; }
using Bound = double (*)(const ConvShape&, double magnitude);

struct Extras {
  bool bias = false, residual = false, in_place = false;  // in_place: the residual is the output
  Epilogue epilogue{};
};

// max(x * scale + shift, 0) by channel.
Guarded scaled(const ConvShape& s, const Guarded& x, const Guarded& factors) {
  Guarded made = x;
  const int pixels = s.in_h * s.in_w;
  for (size_t i = 0; i < made.size(); ++i) {
    const size_t channel = i / pixels % s.in_channels;
    made[i] = std::max(0.0f, x[i] * factors[channel] + factors[s.in_channels + channel]);
  }
  return made;
}

// Runs the kernel in every configuration with one, two and five threads: equal bits, right values, zero lanes, no stray
// write.
void check(const ConvKernel& kernel, Isa isa, const ConvShape& s, const Extras& extras, Bound bound = direct_bound) {
  SCOPED_TRACE(std::string(kernel.name) + " " + to_string(isa) + " " + text(s) + "activation " +
               std::to_string(static_cast<int>(extras.epilogue.activation)));
  ASSERT_EQ(kernel.refuses(s), nullptr);
  const int c = vector_floats(isa), pixels = s.out_h * s.out_w;
  const size_t outputs = static_cast<size_t>(s.batch) * s.out_channels * pixels;
  const Guarded x = random_floats(static_cast<size_t>(s.batch) * s.in_channels * s.in_h * s.in_w, 1);
  const Guarded w =
      random_floats(static_cast<size_t>(s.out_channels) * (s.in_channels / s.groups) * s.kernel_h * s.kernel_w, 2);
  const Guarded bias = random_floats(s.out_channels, 3), residual = random_floats(outputs, 4);
  Epilogue e = extras.epilogue;
  if (extras.bias) e.bias = bias.data();
  if (extras.residual) e.residual = residual.data();
  const Guarded factors = random_floats(2 * static_cast<size_t>(s.in_channels), 5);  // scales, then shifts
  std::vector<Expected> want = reference(s, s.scaled ? scaled(s, x, factors) : x, w, e);
  if (bound != direct_bound) {
    double largest = 0;
    for (const Expected& expected : want) largest = std::max(largest, expected.magnitude);
    for (Expected& expected : want) expected.magnitude = largest;
  }

  const Guarded residual_blocked = blocked(residual, s.batch, s.out_channels, pixels, c);
  const Guarded input = kernel.plain_input ? x : blocked(x, s.batch, s.in_channels, s.in_h * s.in_w, c);
  Guarded packed(kernel.packed_floats(s));
  kernel.pack(s, w.data(), packed.data());
  if (s.scaled) {
    const size_t room = factor_floats(s, c);
    float* const to = packed.data() + packed.size() - 2 * room;
    std::fill_n(to, 2 * room, 0.0f);
    for (int i = 0; i < 2; ++i) std::copy_n(factors.data() + i * s.in_channels, s.in_channels, to + i * room);
  }
  ASSERT_TRUE(packed.intact());
  Guarded first(0);
  for (int configuration = 0; configuration < kernel.configurations; ++configuration)
    for (const int threads : {1, 2, 5}) {
      ThreadPool pool(threads);
      Guarded y(blocked_size(s.batch, s.out_channels, pixels, c));
      Guarded scratch((kernel.scratch_bytes(s, configuration, threads) + 3) / 4);
      if (extras.residual) e.residual = residual_blocked.data();
      if (extras.in_place) {
        std::copy_n(residual_blocked.data(), y.size(), y.data());
        e.residual = y.data();
      }
      kernel.run(s, configuration, input.data(), packed.data(), y.data(), e, scratch.data(), pool);
      ASSERT_TRUE(y.intact() && scratch.intact() && packed.intact());
      if (threads == 1) {
        first = y;
      } else {
        ASSERT_EQ(std::memcmp(first.data(), y.data(), y.size() * sizeof(float)), 0) << "depends on the threads";
        continue;
      }
      std::vector<bool> seen(y.size());
      for (size_t i = 0; i < outputs; ++i) {
        const int pixel = static_cast<int>(i % pixels), channel = static_cast<int>(i / pixels) % s.out_channels;
        const size_t at =
            blocked_index(s.out_channels, pixels, c, static_cast<int>(i / pixels) / s.out_channels, channel, pixel);
        seen[at] = true;
        ASSERT_NEAR(y[at], want[i].value, bound(s, want[i].magnitude))
            << "configuration " << configuration << " channel " << channel << " pixel " << pixel;
      }
      for (size_t i = 0; i < y.size(); ++i) ASSERT_TRUE(seen[i] || y[i] == 0) << "lane past the channels";
    }
}

struct Rng {
  std::minstd_rand random{7};
  int operator()(int low, int high) { return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1)); }
};

const Extras kPlain, kBiasRelu{true, false, false, {.activation = Activation::relu}};

TEST(ConvKernels, DirectShapes) {
  const ConvShape shapes[] = {
      shape(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0),
      shape(2, 17, 19, 1, 13, 11, 1, 1, 1, 1, 0, 0),
      shape(1, 64, 40, 1, 29, 31, 1, 1, 1, 1, 0, 0),
      shape(3, 7, 33, 1, 9, 10, 1, 1, 2, 2, 0, 0),
      shape(1, 16, 16, 1, 14, 14, 3, 3, 1, 1, 1, 1),
      shape(2, 5, 37, 1, 7, 7, 3, 3, 2, 2, 1, 1),
      shape(1, 24, 48, 1, 17, 29, 3, 3, 1, 1, 1, 1),
      shape(1, 3, 8, 1, 5, 5, 7, 7, 1, 1, 3, 3),
      shape(1, 3, 8, 1, 2, 3, 5, 5, 1, 1, 4, 4),
      shape(1, 9, 10, 1, 23, 19, 3, 3, 1, 1, 2, 2, 2, 2),
      shape(1, 9, 10, 1, 15, 15, 3, 3, 1, 1, 6, 6, 6, 6),
      shape(1, 6, 20, 1, 17, 17, 1, 7, 1, 1, 0, 3),
      shape(1, 6, 20, 1, 17, 17, 7, 1, 1, 1, 3, 0),
      shape(1, 4, 4, 1, 23, 23, 2, 2, 5, 3, 0, 0),
      shape(1, 13, 6, 1, 16, 16, 3, 3, 2, 2, 0, 0, 1, 1, 1),
      shape(1, 32, 64, 1, 1, 1, 3, 3, 1, 1, 1, 1),
      shape(2, 150, 130, 1, 4, 4, 3, 3, 1, 1, 1, 1),
      shape(1, 48, 32, 1, 27, 27, 5, 5, 1, 1, 2, 2),
      shape(0, 8, 8, 1, 4, 4, 3, 3, 1, 1, 1, 1),
      shape(1, 300, 300, 1, 6, 6, 1, 1, 1, 1, 0, 0),
      shape(1, 160, 96, 1, 7, 7, 3, 3, 1, 1, 1, 1),
      shape(1, 40, 72, 1, 28, 29, 1, 1, 1, 1, 0, 0),
      shape(1, 24, 25, 1, 9, 9, 1, 1, 1, 1, 0, 0),
      shape(1, 24, 24, 1, 9, 9, 3, 3, 2, 2, 1, 1),
  };
  for (const Isa isa : isas())
    for (const ConvShape& s : shapes) check(conv_kernels(isa).direct, isa, s, kBiasRelu);
}

TEST(ConvKernels, DirectOfScaledInput) {
  ConvShape shapes[] = {
      shape(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0),       shape(2, 17, 19, 1, 13, 11, 1, 1, 1, 1, 0, 0),
      shape(1, 64, 40, 1, 29, 31, 1, 1, 1, 1, 0, 0),   shape(3, 300, 129, 1, 7, 7, 1, 1, 1, 1, 0, 0),
      shape(1, 2100, 33, 1, 5, 6, 1, 1, 1, 1, 0, 0),   shape(0, 8, 8, 1, 4, 4, 1, 1, 1, 1, 0, 0),
      shape(1, 256, 700, 1, 28, 28, 1, 1, 1, 1, 0, 0),
  };
  for (const Isa isa : isas())
    for (ConvShape& s : shapes) {
      s.scaled = true;
      check(conv_kernels(isa).direct, isa, s, kBiasRelu);
      check(conv_kernels(isa).direct, isa, s, {true, true, false, {.activation = Activation::silu}});
    }
  ConvShape strided = shape(3, 7, 33, 1, 9, 10, 1, 1, 2, 2, 0, 0);
  strided.scaled = true;
  EXPECT_NE(conv_kernels(Isa::generic).direct.refuses(strided), nullptr);
}

TEST(ConvKernels, DirectGroups) {
  const ConvShape shapes[] = {
      shape(1, 64, 64, 2, 9, 9, 3, 3, 1, 1, 1, 1), shape(2, 96, 192, 2, 7, 8, 5, 5, 1, 1, 2, 2),
      shape(1, 24, 36, 3, 6, 6, 1, 1, 1, 1, 0, 0), shape(1, 10, 15, 5, 6, 7, 3, 3, 2, 2, 1, 1),
      shape(1, 32, 32, 8, 9, 9, 3, 3, 1, 1, 1, 1), shape(1, 7, 7, 7, 9, 9, 3, 3, 1, 1, 1, 1),
      shape(1, 5, 20, 5, 9, 9, 3, 3, 1, 1, 1, 1),  shape(1, 48, 144, 3, 5, 5, 1, 1, 1, 1, 0, 0),
      shape(1, 128, 8, 4, 5, 5, 1, 1, 1, 1, 0, 0),
  };
  for (const Isa isa : isas())
    for (const ConvShape& s : shapes) check(conv_kernels(isa).direct, isa, s, kBiasRelu);
}

TEST(ConvKernels, DirectRandom) {
  Rng rng;
  for (int i = 0; i < 60; ++i) {
    const int groups = rng(0, 3) ? 1 : rng(1, 4), kh = rng(1, 4), kw = rng(1, 4), dh = rng(1, 2), dw = rng(1, 3);
    const ConvShape s = shape(rng(1, 3), groups * rng(1, 20), groups * rng(1, 40), groups, rng(kh * dh, 20),
                              rng(kw * dw, 33), kh, kw, rng(1, 3), rng(1, 3), rng(0, 2), rng(0, 2), dh, dw, rng(0, 1));
    for (const Isa isa : isas()) check(conv_kernels(isa).direct, isa, s, kPlain);
  }
}

const Extras kEpilogues[] = {
    {true, true, false, {.activation = Activation::relu}},
    {true, true, true, {.activation = Activation::relu}},
    {true, true, true, {.residual_last = true, .activation = Activation::relu}},
    {false, true, false, {.residual_last = true, .activation = Activation::none}},
    {true, false, false, {.activation = Activation::clip, .alpha = 0, .beta = 1}},
    {true, true, false, {.activation = Activation::clip, .alpha = 0.5, .beta = 1}},
    {true, true, true, {.residual_last = true, .activation = Activation::clip, .alpha = -2, .beta = -1}},
    {true, false, false, {.activation = Activation::leaky_relu, .alpha = 0.1f}},
    {true, true, true, {.activation = Activation::hard_sigmoid, .alpha = 0.2f, .beta = 0.5f}},
    {true, false, false, {.activation = Activation::hard_swish}},
    {true, true, true, {.residual_last = true, .activation = Activation::sigmoid}},
    {true, true, true, {.activation = Activation::silu}},
    {false, false, false, {.activation = Activation::tanh}},
    {true, false, false, {.activation = Activation::gelu}},
    {true, true, false, {.residual_last = true, .activation = Activation::gelu_tanh}},
};

TEST(ConvKernels, DirectEpilogues) {
  for (const Isa isa : isas())
    for (const Extras& extras : kEpilogues) {
      check(conv_kernels(isa).direct, isa, shape(2, 5, 21, 1, 9, 17, 3, 3, 1, 1, 1, 1), extras);
      check(conv_kernels(isa).direct, isa, shape(1, 5, 32, 1, 6, 7, 1, 1, 1, 1, 0, 0), extras);
    }
}

TEST(ConvKernels, Depthwise) {
  Rng rng;
  std::vector<ConvShape> shapes = {
      shape(1, 1, 1, 1, 1, 1, 3, 3, 1, 1, 1, 1),
      shape(2, 37, 37, 37, 7, 7, 3, 3, 1, 1, 1, 1),
      shape(1, 16, 16, 16, 56, 57, 3, 3, 1, 1, 1, 1),
      shape(1, 20, 20, 20, 29, 31, 3, 3, 2, 2, 1, 1),
      shape(1, 24, 24, 24, 14, 14, 5, 5, 1, 1, 2, 2),
      shape(1, 24, 24, 24, 15, 14, 5, 5, 2, 2, 2, 2),
      shape(1, 9, 9, 9, 11, 12, 7, 7, 1, 1, 3, 3),
      shape(1, 9, 9, 9, 11, 12, 3, 3, 1, 1, 2, 2, 2, 2),
      shape(1, 5, 5, 5, 2, 2, 5, 5, 1, 1, 4, 4),
      shape(1, 5, 5, 5, 30, 30, 3, 3, 4, 4, 1, 1),
      shape(1, 6, 6, 6, 9, 9, 3, 3, 1, 1, 3, 3, 3, 1),
      shape(0, 6, 6, 6, 9, 9, 3, 3, 1, 1, 1, 1),
      shape(1, 17, 17, 17, 7, 7, 7, 7, 1, 1, 3, 3),
      shape(1, 16, 16, 16, 25, 31, 7, 7, 2, 2, 3, 3),
      shape(1, 3, 3, 3, 33, 35, 13, 11, 1, 1, 6, 5),
      shape(1, 3, 3, 3, 9, 40, 1, 9, 1, 3, 0, 4),
      // Cut for many threads: in bands of rows, and plane by plane.
      shape(1, 70, 70, 70, 40, 37, 3, 3, 1, 1, 1, 1),
      shape(1, 150, 150, 150, 13, 33, 3, 3, 1, 1, 1, 1),
      shape(3, 40, 40, 40, 15, 17, 3, 3, 1, 1, 1, 1),
  };
  for (int i = 0; i < 40; ++i) {
    const int kh = rng(1, 7), kw = rng(0, 1) ? 3 : rng(1, 9), dh = rng(1, 2), dw = rng(0, 2) ? 1 : 2, c = rng(1, 40);
    shapes.push_back(shape(rng(1, 2), c, c, c, rng(kh * dh, 20), rng(kw * dw, 33), kh, kw, rng(1, 2), rng(1, 3),
                           rng(0, 3), rng(0, 3), dh, dw, rng(0, 1)));
  }
  for (const Isa isa : isas())
    for (const ConvShape& s : shapes) check(conv_kernels(isa).depthwise, isa, s, kBiasRelu);
  for (const Isa isa : isas())
    for (const Extras& extras : kEpilogues)
      check(conv_kernels(isa).depthwise, isa, shape(2, 21, 21, 21, 9, 17, 3, 3, 1, 1, 1, 1), extras);
}

TEST(ConvKernels, Grouped) {
  for (const Isa isa : isas()) {
    const ConvKernel& kernel = conv_kernels(isa).grouped;
    int handled = 0;
    for (const int group : {2, 4, 8})
      for (const int groups : {1, 3, 8})
        for (const int stride : {1, 2})
          for (const int size : {1, 7, 19}) {
            const int c = group * groups;
            const ConvShape s = shape(2, c, c, groups, size + 1, size, 3, 3, stride, stride, 1, 1);
            if (kernel.refuses(s)) continue;
            ++handled;
            check(kernel, isa, s, kBiasRelu);
          }
    EXPECT_GE(handled, 18);
    EXPECT_NE(kernel.refuses(shape(1, 6, 6, 2, 9, 9, 3, 3, 1, 1, 1, 1)), nullptr);
    EXPECT_NE(kernel.refuses(shape(1, 4, 8, 2, 9, 9, 3, 3, 1, 1, 1, 1)), nullptr);
  }
}

TEST(ConvKernels, Stem) {
  Rng rng;
  std::vector<ConvShape> shapes = {
      shape(1, 3, 64, 1, 65, 61, 7, 7, 2, 2, 3, 3),      shape(2, 3, 33, 1, 40, 38, 3, 3, 2, 2, 1, 1),
      shape(1, 3, 40, 1, 33, 35, 3, 3, 1, 1, 1, 1),      shape(1, 3, 64, 1, 63, 64, 11, 11, 4, 4, 2, 2),
      shape(1, 1, 6, 1, 28, 28, 5, 5, 1, 1, 0, 0),       shape(1, 3, 48, 1, 32, 32, 8, 8, 8, 8, 0, 0),
      shape(1, 4, 17, 1, 1, 1, 3, 3, 2, 2, 1, 1),        shape(1, 8, 17, 1, 2, 3, 5, 5, 1, 1, 4, 4),
      shape(1, 2, 9, 1, 20, 31, 3, 3, 2, 2, 2, 2, 2, 2), shape(0, 3, 9, 1, 20, 31, 3, 3, 2, 2, 2, 2),
  };
  for (int i = 0; i < 40; ++i) {
    const int kh = rng(1, 6), kw = rng(1, 6), dh = rng(1, 2), dw = rng(1, 2);
    shapes.push_back(shape(rng(1, 2), rng(1, 5), rng(1, 40), 1, rng(kh * dh, 30), rng(kw * dw, 70), kh, kw, rng(1, 4),
                           rng(1, 4), rng(0, 3), rng(0, 3), dh, dw, rng(0, 1)));
  }
  for (const Isa isa : isas())
    for (const ConvShape& s : shapes) check(conv_kernels(isa).stem, isa, s, kBiasRelu);
  for (const Isa isa : isas())
    for (const Extras& extras : kEpilogues)
      check(conv_kernels(isa).stem, isa, shape(2, 3, 37, 1, 19, 33, 3, 3, 2, 2, 1, 1), extras);
}

TEST(ConvKernels, Winograd) {
  Rng rng;
  std::vector<ConvShape> shapes = {
      shape(1, 1, 1, 1, 1, 1, 3, 3, 1, 1, 1, 1),     shape(1, 64, 64, 1, 14, 14, 3, 3, 1, 1, 1, 1),
      shape(3, 17, 37, 1, 13, 11, 3, 3, 1, 1, 1, 1), shape(1, 150, 140, 1, 7, 7, 3, 3, 1, 1, 1, 1),
      shape(1, 16, 48, 1, 57, 59, 3, 3, 1, 1, 0, 0), shape(1, 5, 7, 1, 2, 1, 3, 3, 1, 1, 2, 2),
      shape(0, 5, 7, 1, 9, 9, 3, 3, 1, 1, 1, 1),     shape(2, 40, 33, 1, 40, 41, 3, 3, 1, 1, 1, 1, 1, 1, 1),
  };
  for (int i = 0; i < 20; ++i)
    shapes.push_back(
        shape(rng(1, 3), rng(1, 40), rng(1, 70), 1, rng(3, 30), rng(3, 30), 3, 3, 1, 1, rng(0, 2), rng(0, 2)));
  for (const Isa isa : isas())
    for (const ConvShape& s : shapes) {
      check(conv_kernels(isa).winograd2, isa, s, kBiasRelu, winograd2_bound);
      check(conv_kernels(isa).winograd4, isa, s, kBiasRelu, winograd4_bound);
    }
  for (const Isa isa : isas())
    for (const Extras& extras : kEpilogues) {
      check(conv_kernels(isa).winograd2, isa, shape(2, 5, 21, 1, 9, 17, 3, 3, 1, 1, 1, 1), extras, winograd2_bound);
      check(conv_kernels(isa).winograd4, isa, shape(2, 5, 21, 1, 9, 17, 3, 3, 1, 1, 1, 1), extras, winograd4_bound);
    }
}

// Groups that are whole blocks, and those of which two are.
TEST(ConvKernels, WinogradGroups) {
  const ConvShape shapes[] = {
      shape(1, 32, 32, 2, 9, 9, 3, 3, 1, 1, 1, 1),    shape(1, 128, 128, 8, 14, 14, 3, 3, 1, 1, 1, 1),
      shape(2, 96, 96, 3, 7, 8, 3, 3, 1, 1, 1, 1),    shape(1, 64, 128, 4, 13, 22, 3, 3, 1, 1, 0, 0),
      shape(3, 64, 64, 8, 10, 9, 3, 3, 1, 1, 1, 1),   shape(1, 96, 48, 2, 1, 1, 3, 3, 1, 1, 1, 1),
      shape(2, 96, 192, 4, 31, 33, 3, 3, 1, 1, 2, 1), shape(0, 32, 32, 2, 9, 9, 3, 3, 1, 1, 1, 1),
      shape(2, 16, 32, 4, 12, 13, 3, 3, 1, 1, 1, 1),  shape(1, 288, 288, 2, 5, 6, 3, 3, 1, 1, 1, 1),
  };
  for (const Isa isa : isas()) {
    const ConvKernels& kernels = conv_kernels(isa);
    int handled = 0;
    for (const ConvShape& s : shapes) {
      if (kernels.winograd2.refuses(s)) continue;
      ++handled;
      check(kernels.winograd2, isa, s, kBiasRelu, winograd2_bound);
      check(kernels.winograd4, isa, s, kBiasRelu, winograd4_bound);
    }
    EXPECT_GE(handled, 9);
    for (const Extras& extras : kEpilogues)
      check(kernels.winograd4, isa, shape(2, 48, 48, 3, 9, 17, 3, 3, 1, 1, 1, 1), extras, winograd4_bound);
    EXPECT_NE(kernels.winograd4.refuses(shape(1, 12, 12, 4, 9, 9, 3, 3, 1, 1, 1, 1)), nullptr);
    EXPECT_NE(kernels.winograd4.refuses(shape(1, 48, 6, 3, 9, 9, 3, 3, 1, 1, 1, 1)), nullptr);
    EXPECT_EQ(kernels.winograd4.refuses(shape(1, 72, 72, 3, 9, 9, 3, 3, 1, 1, 1, 1)) == nullptr,
              vector_floats(isa) < 16);
  }
}

// Plain: [batch][channels][out_h][out_w].
std::vector<double> reference_pool(const PoolShape& p, const Guarded& x) {
  const ConvShape& s = p.window;
  std::vector<double> y;
  for (int plane = 0; plane < s.batch * s.in_channels; ++plane)
    for (int oy = 0; oy < s.out_h; ++oy)
      for (int ox = 0; ox < s.out_w; ++ox) {
        double sum = 0, largest = -INFINITY;
        int inside = 0, padded = 0;
        for (int ky = 0; ky < s.kernel_h; ++ky)
          for (int kx = 0; kx < s.kernel_w; ++kx) {
            const int iy = oy * s.stride_h + ky * s.dilation_h - s.pad_top;
            const int ix = ox * s.stride_w + kx * s.dilation_w - s.pad_left;
            padded += iy < s.in_h + p.pad_bottom && ix < s.in_w + p.pad_right;
            if (iy < 0 || iy >= s.in_h || ix < 0 || ix >= s.in_w) continue;
            const double v = x[(static_cast<size_t>(plane) * s.in_h + iy) * s.in_w + ix];
            ++inside, sum += v, largest = std::max(largest, v);
          }
        y.push_back(p.pooling == Pooling::max ? largest : sum / (p.pooling == Pooling::average ? inside : padded));
      }
  return y;
}

TEST(ConvKernels, Pool) {
  Rng rng;
  for (int i = 0; i < 120; ++i) {
    const int kh = rng(1, 4), kw = rng(1, 5), dh = rng(1, 2), dw = rng(1, 2), c = rng(1, 40);
    const int ph = std::min((kh - 1) * dh / 2, 1), pw = std::min((kw - 1) * dw / 2, 2), extra = rng(0, 1);
    PoolShape p;
    p.window = shape(rng(0, 2), c, c, 1, rng(kh * dh, 40), rng(kw * dw, 45), kh, kw, rng(1, 3), rng(1, 3), ph, pw, dh,
                     dw, kh > 1 && kw > 1 ? extra : 0);
    p.pooling = static_cast<Pooling>(i % 3);
    p.pad_bottom = ph, p.pad_right = pw;  // the extra row and column are what a ceiling adds: counted by nobody
    const ConvShape& s = p.window;
    const int in = s.in_h * s.in_w, out = s.out_h * s.out_w;
    const Guarded x = random_floats(static_cast<size_t>(s.batch) * c * in, 6);
    const std::vector<double> want = reference_pool(p, x);
    if (!std::all_of(want.begin(), want.end(), [](double v) { return std::isfinite(v); })) continue;  // empty windows
    for (const Isa isa : isas())
      for (const int threads : {1, 2}) {
        SCOPED_TRACE(text(s) + to_string(isa));
        ThreadPool pool(threads);
        const int lanes = vector_floats(isa);
        const Guarded xb = blocked(x, s.batch, c, in, lanes);
        Guarded plain(want.size()), yb(blocked_size(s.batch, c, out, lanes)), back(want.size());
        conv_kernels(isa).pool_plain(p, x.data(), plain.data(), pool);
        conv_kernels(isa).pool_blocked(p, xb.data(), yb.data(), pool);
        conv_kernels(isa).to_plain(s.batch, c, out, yb.data(), back.data(), pool);
        ASSERT_TRUE(plain.intact() && yb.intact());
        for (size_t j = 0; j < want.size(); ++j) {
          ASSERT_NEAR(plain[j], want[j], 1e-5) << j;
          ASSERT_EQ(back[j], plain[j]) << j;
        }
        if (c % lanes && s.batch) {
          ASSERT_EQ(yb[yb.size() - 1], 0);
        }
      }
  }
}

TEST(ConvKernels, GlobalAverage) {
  ThreadPool pool(2);
  for (const Isa isa : isas())
    for (const int channels : {1, 7, 16, 100})
      for (const int pixels : {1, 3, 49, 64, 1000}) {
        const Guarded x = random_floats(static_cast<size_t>(2) * channels * pixels, 8);
        const Guarded xb = blocked(x, 2, channels, pixels, vector_floats(isa));
        Guarded plain(2 * channels), from_blocked(2 * channels);
        conv_kernels(isa).global_average_plain(2, channels, pixels, x.data(), plain.data(), pool);
        conv_kernels(isa).global_average_blocked(2, channels, pixels, xb.data(), from_blocked.data(), pool);
        ASSERT_TRUE(plain.intact() && from_blocked.intact());
        for (int i = 0; i < 2 * channels; ++i) {
          double sum = 0;
          for (int j = 0; j < pixels; ++j) sum += x[static_cast<size_t>(i) * pixels + j];
          ASSERT_NEAR(plain[i], sum / pixels, 1e-6);
          ASSERT_NEAR(from_blocked[i], sum / pixels, 1e-6);
        }
      }
}

TEST(ConvKernels, Reorder) {
  ThreadPool pool(2);
  for (const Isa isa : isas())
    for (const int batch : {0, 1, 3})
      for (const int channels : {1, 3, 8, 16, 37})
        for (const int pixels : {0, 1, 15, 16, 49, 1100}) {
          const int c = vector_floats(isa);
          const Guarded plain = random_floats(static_cast<size_t>(batch) * channels * pixels, 5);
          const Guarded want = blocked(plain, batch, channels, pixels, c);
          Guarded got(want.size()), back(plain.size());
          conv_kernels(isa).to_blocked(batch, channels, pixels, plain.data(), got.data(), pool);
          conv_kernels(isa).to_plain(batch, channels, pixels, got.data(), back.data(), pool);
          ASSERT_TRUE(got.intact() && back.intact());
          ASSERT_EQ(std::memcmp(want.data(), got.data(), want.size() * sizeof(float)), 0);
          ASSERT_EQ(std::memcmp(plain.data(), back.data(), plain.size() * sizeof(float)), 0);
        }
}

}  // namespace
}  // namespace vivace::cpu
