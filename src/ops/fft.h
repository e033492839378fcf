// Fast Fourier transforms of any length.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace vivace::ops {

struct Complex {
  double re = 0, im = 0;
};

/// Transforms of one length: y[k] = sum over i of x[i] exp(-2 pi j i k / n), not divided by n in either direction.
/// Of order n log n for every n. Immutable, so that threads share it.
class Fft {
 public:
  explicit Fft(int64_t length);
  ~Fft();
  Fft(const Fft&) = delete;
  Fft& operator=(const Fft&) = delete;

  int64_t length() const { return length_; }
  /// Elements of `scratch` that a transform needs.
  int64_t scratch() const { return scratch_; }
  void forward(Complex* data, Complex* scratch) const;
  /// With exp(+2 pi j i k / n).
  void backward(Complex* data, Complex* scratch) const;

 private:
  void stages(Complex* data, Complex* scratch) const;
  void chirp(Complex* data, Complex* scratch) const;

  int64_t length_, scratch_;
  std::vector<int64_t> factors_;  // empty: by a chirp
  std::vector<Complex> waves_;    // exp(-2 pi j i / n); of a chirp: exp(-pi j i^2 / n)
  std::unique_ptr<Fft> padded_;   // of a chirp: the transform of a power of two that its convolution goes through
  std::vector<Complex> kernel_;   // and the chirp itself, transformed
};

}  // namespace vivace::ops
