#include <cmath>
#include <numbers>

#include "ops/fft.h"
#include "ops/op_test.h"

namespace vivace::ops {

// Lengths of every kind: powers, small factors, primes within and beyond those that have stages, large ones.
TEST(Fft, IsTheSumOfWavesAndBack) {
  for (const int64_t n : {1, 2, 3, 4, 8, 12, 31, 37, 60, 74, 97, 128, 961, 1021}) {
    const Fft fft(n);
    std::vector<Complex> x, y, scratch(static_cast<size_t>(fft.scratch()));
    for (int64_t i = 0; i < n; ++i) x.push_back({std::sin(double(i * i)), std::cos(double(3 * i))});
    y = x;
    fft.forward(y.data(), scratch.data());
    for (int64_t k = 0; k < n; k += 1 + n / 50) {
      double re = 0, im = 0;
      for (int64_t i = 0; i < n; ++i) {
        const Complex& v = x[static_cast<size_t>(i)];
        const double angle = -2 * std::numbers::pi * double(i * k % n) / double(n);
        re += v.re * std::cos(angle) - v.im * std::sin(angle);
        im += v.re * std::sin(angle) + v.im * std::cos(angle);
      }
      EXPECT_NEAR(y[static_cast<size_t>(k)].re, re, 1e-10) << n << ", " << k;
      EXPECT_NEAR(y[static_cast<size_t>(k)].im, im, 1e-10) << n << ", " << k;
    }
    fft.backward(y.data(), scratch.data());
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(y[i].re / double(n), x[i].re, 1e-13) << n;
      EXPECT_NEAR(y[i].im / double(n), x[i].im, 1e-13) << n;
    }
  }
}

TEST(Fourier, Dft) {
  check_ops({
      "DFT(f32[1,7,1]{1.62434542,-0.611756384,-0.528171778,-1.0729686,0.865407646,-2.30153871,1.74481177}) -> "
      "f32[1,7,2]{-0.279870629,0,3.14746968,0.954564194,3.79228579,1.55143557,-1.11461118,4.29872781,-1.11461118,"
      "-4.29872781,3.79228579,-1.55143557,3.14746968,-0.954564194}",
      "DFT{onesided=1}(f32[4,1]{1,2,3,4}) -> f32[3,2]{10,0,-2,2,-2,0}",
      "DFT{inverse=1}(f64[4,2]{10,0,-2,2,-2,0,-2,-2}) -> f64[4,2]{1,0,2,0,3,0,4,0}",
      "DFT{inverse=1,onesided=1}(f16[3,2]{10,0,-2,2,-2,0}) -> f16[4,1]{1,2,3,4}",
      "DFT{inverse=1,onesided=1}(f32[3,2]{6,0,-1.5,0.8660254,9,9}; i64[]{3}) -> f32[3,1]{1,2,3}",
      "DFT(f32[2,3,1]{1,2,9,3,5,9}; i64[]{2}) -> f32[2,2,2]{3,0,-1,0,8,0,-2,0}",  // cut
      "DFT(f32[2,1]{1,2}; i32[1]{3}) -> f32[3,2]{3,0,0,-1.7320508,0,1.7320508}",  // filled up
      "DFT(f32[2,2,1]{1,2,3,5}; _; i64[]{0}) -> f32[2,2,2]{4,0,7,0,-2,0,-3,0}",
      "DFT(f32[2,2,2]{0,1,0,2,0,3,0,5}; _; i64[]{-3}) -> f32[2,2,2]{0,4,0,7,0,-2,0,-3}",
      "DFT(f32[0,4,1]) -> f32[0,4,2]",
      "DFT(f32[4]) -> error: rank",
      "DFT(f32[4,3]) -> error: last dimension",
      "DFT(f32[0,1]) -> error: dft_length",
      "DFT(f32[4,1]; i64[]{0}) -> error: dft_length",
      "DFT(f32[4,1]; i64[]{9223372036854775807}) -> error: dft_length",
      "DFT(f32[4,1]; _; i64[]{1}) -> error: axis",
      "DFT(f32[4,1]; _; i64[]{5}) -> error: axis",
      "DFT{onesided=1}(f32[4,2]) -> error: real signal",
      "DFT{onesided=1,inverse=1}(f32[4,1]) -> error: complex spectrum",
  });
}

TEST(Fourier, Stft) {
  check_ops({
      "STFT(f32[1,6,1]{1,2,3,8,5,12}; i64[]{2}; f32[4]{1,1,1,0.5}) -> f32[1,2,3,2]{10,0,-2,2,-2,0,22,0,-2,-2,-6,0}",
      "STFT(f32[1,4]{1,2,3,4}; i64[]{1}; _; i64[]{4}) -> f32[1,1,3,2]{10,0,-2,2,-2,0}",
      "STFT(f32[2,2,1]{1,2,3,5}; i32[]{9}) -> f32[2,1,2,2]{3,0,-1,0,8,0,-2,0}",
      "STFT{onesided=0}(f32[1,4,2]{0,1,0,2,0,3,0,4}; i64[]{1}; f32[2]{1,1}; i64[]{3}) -> "  // a window filled up
      "f32[1,2,3,2]{0,3,1.7320508,0,-1.7320508,0,0,5,2.5980762,0.5,-2.5980762,0.5}",
      "STFT(f32[1,4,1]; i64[]{0}) -> error: frame_step",
      "STFT(f32[1,4,1]; i64[]{1}; _; i64[]{5}) -> error: longer",
      "STFT(f32[1,4,3]; i64[]{1}) -> error: last dimension",
      "STFT(f32[1,4,1]; i64[]{1}; f64[2]) -> error: must be the same",
      "STFT(f32[1,4,1]; i64[]{1}; _; i64[]{-1}) -> error: frame_length",
      "STFT(f32[4]; i64[]{1}) -> error: rank",
  });
}

}  // namespace vivace::ops
