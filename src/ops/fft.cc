// Lengths of small prime factors: Stockham's self-sorting transform, a stage for each factor (Stockham, "High-speed
// convolution and correlation", 1966). Others: as a convolution with a chirp, which may be done in any longer length
// (Bluestein, "A linear filtering approach to the computation of discrete Fourier transform", 1970).
#include "ops/fft.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace vivace::ops {

namespace {

constexpr int64_t kLargestFactor = 31;  // a stage of factor p takes p multiplications an element

Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
Complex operator*(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }

// exp(-2 pi j numerator / denominator), 0 <= numerator < denominator.
Complex wave(int64_t numerator, int64_t denominator) {
  const double angle = -2 * std::numbers::pi * static_cast<double>(numerator) / static_cast<double>(denominator);
  return {std::cos(angle), std::sin(angle)};
}

// 4 first, for it is cheapest; empty where a prime factor is too large.
std::vector<int64_t> factors_of(int64_t n) {
  std::vector<int64_t> list;
  for (; n % 4 == 0; n /= 4) list.push_back(4);
  for (int64_t p = 2; p <= kLargestFactor; ++p)
    for (; n % p == 0; n /= p) list.push_back(p);
  return n == 1 ? list : std::vector<int64_t>();
}

// One stage: `count` transforms of `factor` elements each, in each of `stride` interleaved signals.
struct Stage {
  int64_t factor, count, stride;
  const Complex* waves;  // of the whole length

  Complex twiddle(int64_t i, int64_t k) const { return waves[i * k * stride]; }

  void two(const Complex* x, Complex* y) const {
    for (int64_t i = 0; i < count; ++i) {
      const Complex w = twiddle(i, 1);
      for (int64_t q = 0; q < stride; ++q) {
        const Complex a = x[q + stride * i], b = x[q + stride * (i + count)];
        y[q + stride * 2 * i] = a + b;
        y[q + stride * (2 * i + 1)] = (a - b) * w;
      }
    }
  }
  void four(const Complex* x, Complex* y) const {
    for (int64_t i = 0; i < count; ++i) {
      const Complex w1 = twiddle(i, 1), w2 = twiddle(i, 2), w3 = twiddle(i, 3);
      for (int64_t q = 0; q < stride; ++q) {
        const Complex* from = x + q + stride * i;
        const Complex a = from[0], b = from[stride * count], c = from[2 * stride * count], d = from[3 * stride * count];
        const Complex even = a + c, odd = b + d, difference = a - c, other = b - d;
        const Complex turned = {other.im, -other.re};  // times -j
        Complex* to = y + q + stride * 4 * i;
        to[0] = even + odd;
        to[stride] = (difference + turned) * w1;
        to[2 * stride] = (even - odd) * w2;
        to[3 * stride] = (difference - turned) * w3;
      }
    }
  }
  void any(const Complex* x, Complex* y) const {
    Complex roots[kLargestFactor];
    for (int64_t k = 0; k < factor; ++k) roots[k] = waves[k * count * stride];
    for (int64_t i = 0; i < count; ++i)
      for (int64_t k = 0; k < factor; ++k) {
        const Complex w = twiddle(i, k);
        for (int64_t q = 0; q < stride; ++q) {
          Complex sum = x[q + stride * i];
          for (int64_t r = 1; r < factor; ++r) sum = sum + x[q + stride * (i + count * r)] * roots[r * k % factor];
          y[q + stride * (factor * i + k)] = sum * w;
        }
      }
  }
};

}  // namespace

Fft::Fft(int64_t length) : length_(length), scratch_(length), factors_(factors_of(length)) {
  waves_.resize(static_cast<size_t>(length));
  if (!factors_.empty() || length == 1) {
    for (int64_t i = 0; i < length; ++i) waves_[static_cast<size_t>(i)] = wave(i, length);
    return;
  }
  // i^2 modulo 2 n, step by step, so that it never overflows and the angle stays exact.
  int64_t square = 0;
  for (int64_t i = 0; i < length; ++i) {
    waves_[static_cast<size_t>(i)] = wave(square, 2 * length);
    square = (square + 2 * i + 1) % (2 * length);
  }
  int64_t size = 1;
  while (size < 2 * length - 1) size *= 2;
  padded_ = std::make_unique<Fft>(size);
  scratch_ = size + padded_->scratch();
  kernel_.resize(static_cast<size_t>(size));
  std::vector<Complex> scratch(static_cast<size_t>(padded_->scratch()));
  for (int64_t i = 0; i < length; ++i) {
    const Complex w = waves_[static_cast<size_t>(i)];
    kernel_[static_cast<size_t>(i)] = kernel_[static_cast<size_t>((size - i) % size)] = {w.re, -w.im};
  }
  padded_->forward(kernel_.data(), scratch.data());
  for (Complex& c : kernel_) c = {c.re / static_cast<double>(size), c.im / static_cast<double>(size)};
}

Fft::~Fft() = default;

void Fft::stages(Complex* data, Complex* scratch) const {
  Complex *from = data, *to = scratch;
  int64_t left = length_, stride = 1;
  for (const int64_t factor : factors_) {
    const Stage stage{factor, left / factor, stride, waves_.data()};
    if (factor == 2)
      stage.two(from, to);
    else if (factor == 4)
      stage.four(from, to);
    else
      stage.any(from, to);
    left /= factor;
    stride *= factor;
    std::swap(from, to);
  }
  if (from != data) std::copy_n(from, length_, data);
}

void Fft::chirp(Complex* data, Complex* scratch) const {
  const int64_t size = padded_->length();
  Complex *x = scratch, *rest = scratch + size;
  for (int64_t i = 0; i < length_; ++i) x[i] = data[i] * waves_[static_cast<size_t>(i)];
  std::fill(x + length_, x + size, Complex{});
  padded_->forward(x, rest);
  for (int64_t i = 0; i < size; ++i) x[i] = x[i] * kernel_[static_cast<size_t>(i)];
  padded_->backward(x, rest);
  for (int64_t i = 0; i < length_; ++i) data[i] = x[i] * waves_[static_cast<size_t>(i)];
}

void Fft::forward(Complex* data, Complex* scratch) const { padded_ ? chirp(data, scratch) : stages(data, scratch); }

void Fft::backward(Complex* data, Complex* scratch) const {
  const auto conjugate = [&] {
    for (int64_t i = 0; i < length_; ++i) data[i].im = -data[i].im;
  };
  conjugate();
  forward(data, scratch);
  conjugate();
}

}  // namespace vivace::ops
