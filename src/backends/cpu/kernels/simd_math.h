// Elementary functions on Vec, and the activations of epilogue.h built on them.
//
// Each is a range reduction with a polynomial or rational function fitted here (weighted minimax of the relative error,
// coefficients rounded to f32). Bounds, in units of the last place over all finite inputs, as
// tests/cpu/simd_math_test.cc checks them: exp 2, log 2, tanh 4, sigmoid 4, erf 8; denormal results of sigmoid flush to
// zero. inf and NaN behave as in <cmath>.
#pragma once

#include "backends/cpu/kernels/epilogue.h"
#include "backends/cpu/kernels/simd.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace vivace::cpu::VIVACE_ISA {

inline VecI bits_of(Vec v) {
  VecI i;
  std::memcpy(&i, &v, sizeof i);
  return i;
}
inline Vec from_bits(VecI i) {
  Vec v;
  std::memcpy(&v, &i, sizeof v);
  return v;
}
inline VecI splat_int(int32_t x) { return x - VecI{}; }
inline VecI to_int(Vec v) { return __builtin_convertvector(v, VecI); }  // towards zero
inline Vec to_float(VecI v) { return __builtin_convertvector(v, Vec); }
inline Vec abs(Vec x) { return from_bits(bits_of(x) & 0x7fffffff); }
inline Vec copy_sign(Vec magnitude, Vec sign) {
  return from_bits((bits_of(magnitude) & 0x7fffffff) | (bits_of(sign) & INT32_MIN));
}
/// max(lo, min(x, hi)) that keeps NaN.
inline Vec clamp(Vec x, float lo, float hi) {
  x = x < lo ? splat(lo) : x;
  return x > hi ? splat(hi) : x;
}

/// sum of c[i] * x^i, by Horner's rule.
template <int N>
inline Vec polynomial(Vec x, const float (&c)[N]) {
  Vec y = splat(c[N - 1]);
#pragma GCC unroll 16
  for (int i = N - 2; i >= 0; --i) y = y * x + c[i];
  return y;
}

/// x * 2^n for integral n in [-300, 300]; two steps, so that neither overflow nor denormals come early.
inline Vec scale_by_power(Vec x, Vec n) {
#if defined(__AVX512F__)
  return _mm512_maskz_scalef_ps(0xffff, x, n);
#else
  const VecI whole = to_int(n), half = whole >> 1;
  return x * from_bits((half + 127) << 23) * from_bits((whole - half + 127) << 23);
#endif
}

/// x = n ln 2 + r with |r| <= ln 2 / 2, for |x| < 2^20.
struct Reduced {
  Vec n, r;
};
inline Reduced reduce_by_ln2(Vec x) {
  constexpr float kLog2e = 1.44269504f, kRound = 12582912.f;    // adding 1.5 * 2^23 rounds to an integer
  constexpr float kHigh = 0x1.62ep-1f, kLow = 0x1.0bfbe8p-15f;  // ln 2 in two parts; n * kHigh is exact
  const Vec n = (x * kLog2e + kRound) - kRound;
  return {n, (x - n * kHigh) - n * kLow};
}

inline Vec exp(Vec x) {
  constexpr float c[] = {0.49999994f, 0.166665152f, 0.041668456f, 0.00836941879f, 0.00138131448f};
  const Reduced t = reduce_by_ln2(clamp(x, -105.f, 89.f));  // 0 below, infinity above
  return scale_by_power(t.r * t.r * polynomial(t.r, c) + t.r + 1.f, t.n);
}

inline Vec log(Vec x) {
  constexpr float c[] = {0.333333373f,  -0.249998152f, 0.199995875f,  -0.166798338f, 0.143048301f,
                         -0.121916659f, 0.107493684f,  -0.128653094f, 0.120281845f};
  constexpr int32_t kTwoThirds = 0x3f2aaaab;
  constexpr float kHigh = 0x1.62ep-1f, kLow = 0x1.0bfbe8p-15f, kInf = __builtin_inff();
  const VecI tiny = x < 0x1p-126f;
  const Vec normal = tiny ? x * 0x1p23f : x;
  const VecI bits = bits_of(normal) & 0x7fffffff;  // a negative x is answered below
  const VecI exponent = (bits - kTwoThirds) >> 23;
  const Vec f = from_bits(bits - (exponent << 23)) - 1.f;  // in [-1/3, 1/3]
  const Vec e = to_float(exponent) - (tiny ? splat(23.f) : Vec{});
  const Vec tail = f * f * (f * polynomial(f, c) - 0.5f) + e * kLow;
  Vec y = e * kHigh + (f + tail);
  y = ((x == kInf) | (x != x)) ? x : y;
  return ((x > 0.f) | (x != x)) ? y : (x == 0.f ? splat(-kInf) : splat(__builtin_nanf("")));
}

/// exp(x) - 1 for x in [0, 80].
inline Vec exp_minus_1(Vec x) {
  constexpr float c[] = {0.5f, 0.166666672f, 0.0416663438f, 0.00833327044f, 0.00139420456f, 0.000199156231f};
  const Reduced t = reduce_by_ln2(x);
  const Vec p = t.r * t.r * polynomial(t.r, c) + t.r, power = from_bits((to_int(t.n) + 127) << 23);
  return p * power + (power - 1.f);
}

inline Vec tanh(Vec x) {
  const Vec twice = clamp(abs(x) * 2.f, 0.f, 40.f), e = exp_minus_1(twice);
  const Vec y = copy_sign(e / (e + 2.f), x);
  return x != x ? x : y;
}

inline Vec sigmoid(Vec x) { return 1.f / (1.f + exp(-x)); }

inline Vec erf(Vec x) {
  constexpr float p[] = {1.12837911f, 0.190595448f, 0.0527695231f, 0.00377262221f, 0.000284845039f, 2.04601338e-6f};
  constexpr float q[] = {1.f, 0.502243519f, 0.114183418f, 0.0149833439f, 0.00116387499f, 3.80477067e-5f};
  constexpr float kOne = 3.92f;  // from here on erf rounds to 1; exactly so, for gelu to vanish far below zero
  const Vec b = clamp(x, -kOne, kOne), t = b * b;
  const Vec y = clamp(b * polynomial(t, p) / polynomial(t, q), -1.f, 1.f);
  return abs(x) >= kOne ? copy_sign(splat(1), x) : y;
}

inline Vec sqrt(Vec x) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_ps(0xffff, x);
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#else
  for (int i = 0; i < kLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

constexpr float kAllWhole = 0x1p23f;  // floats from here on have no fraction
/// To the nearest integer, halves to even.
inline Vec round(Vec x) {
  const Vec a = abs(x);
  return a < kAllWhole ? copy_sign((a + kAllWhole) - kAllWhole, x) : x;
}
inline Vec floor(Vec x) {
  const Vec r = round(x);
  return r > x ? r - 1.f : r;
}
inline Vec ceil(Vec x) {
  const Vec r = round(x);
  return r < x ? copy_sign(r + 1.f, x) : r;
}

/// sin and cos for |x| < 2^15, within 3 units of 2^-24 of the larger of the result and 2^-10: reduction by pi / 2 in
/// three parts, then a polynomial for each of the two. quarter: 0 for sin, 1 for cos.
inline Vec sin_of_quarter(Vec x, int32_t quarter) {
  constexpr float kRound = 12582912.f;
  constexpr float s[] = {-0.166666538f, 0.00833213143f, -0.000195108383f};
  constexpr float c[] = {0.0416666456f, -0.0013887306f, 2.44312045e-5f};
  const Vec n = (x * 0.636619772f + kRound) - kRound;
  Vec r = x - n * 0x1.92p0f;
  r = r - n * 0x1.fb4p-12f;
  r = r - n * 0x1.4442d2p-24f;
  const Vec t = r * r;
  const Vec sine = r + r * t * polynomial(t, s), cosine = 1.f - 0.5f * t + t * t * polynomial(t, c);
  const VecI q = to_int(n) + quarter;
  const Vec y = (q & 1) != 0 ? cosine : sine;
  return from_bits(bits_of(y) ^ ((q & 2) << 30));
}
constexpr float kSinLimit = 0x1p15f;

/// ln(1 + x) for x in [0, 1]: log with the rounding of 1 + x put right.
inline Vec log_1_plus(Vec x) {
  const Vec y = 1.f + x;
  return log(y) + (x - (y - 1.f)) / y;
}
/// e^x - 1 for x <= 0.
inline Vec exp_minus_1_below(Vec x) {
  const Vec e = exp_minus_1(clamp(-x, 0.f, 80.f));  // e^-x - 1
  return x == x ? -e / (e + 1.f) : x;
}
inline Vec softplus(Vec x) { return (x > 0.f ? x : Vec{}) + log_1_plus(exp(-abs(x))); }
/// x tanh(softplus(x)) = x n / (n + 2), n = e^x (e^x + 2); without cancellation for either sign.
inline Vec mish(Vec x) {
  const Vec e = exp(-abs(x));
  const Vec below = e * (e + 2.f), above = 1.f + 2.f * e;  // n, or n e^-2x where x > 0
  return x > 0.f ? x * above / (above + 2.f * e * e) : x * below / (below + 2.f);
}

/// One activation of epilogue.h. A is a template parameter so that loops hold no switch; see with_activation.
template <Activation A>
inline Vec activate(Vec x, float alpha, float beta) {
  (void)alpha, (void)beta;
  if constexpr (A == Activation::relu) return x < 0.f ? Vec{} : x;
  if constexpr (A == Activation::clip) return clamp(x, alpha, beta);
  if constexpr (A == Activation::leaky_relu) return x < 0.f ? x * alpha : x;
  if constexpr (A == Activation::hard_sigmoid) return clamp(x * alpha + beta, 0.f, 1.f);
  if constexpr (A == Activation::hard_swish) return x * clamp(x * (1.f / 6) + 0.5f, 0.f, 1.f);
  if constexpr (A == Activation::sigmoid) return sigmoid(x);
  if constexpr (A == Activation::silu) return x / (1.f + exp(-x));
  if constexpr (A == Activation::tanh) return tanh(x);
  if constexpr (A == Activation::gelu) return x * 0.5f * (1.f + erf(x * 0.707106781f));
  // 0.5 (1 + tanh(u)) = sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3)
  if constexpr (A == Activation::gelu_tanh) return x / (1.f + exp(x * (x * x * -0.0713548162f - 1.59576912f)));
  return x;
}

/// Calls f.template operator()<A>() with the activation as a template argument: one switch outside the loops.
template <class F>
inline auto with_activation(Activation activation, F&& f) {
  switch (activation) {
    case Activation::relu: return f.template operator()<Activation::relu>();
    case Activation::clip: return f.template operator()<Activation::clip>();
    case Activation::leaky_relu: return f.template operator()<Activation::leaky_relu>();
    case Activation::hard_sigmoid: return f.template operator()<Activation::hard_sigmoid>();
    case Activation::hard_swish: return f.template operator()<Activation::hard_swish>();
    case Activation::sigmoid: return f.template operator()<Activation::sigmoid>();
    case Activation::silu: return f.template operator()<Activation::silu>();
    case Activation::tanh: return f.template operator()<Activation::tanh>();
    case Activation::gelu: return f.template operator()<Activation::gelu>();
    case Activation::gelu_tanh: return f.template operator()<Activation::gelu_tanh>();
    case Activation::none: break;
  }
  return f.template operator()<Activation::none>();
}

/// The activation chosen at run time; for code outside inner loops.
inline Vec activate(Vec x, Activation activation, float alpha, float beta) {
  return with_activation(activation, [&]<Activation A>() { return activate<A>(x, alpha, beta); });
}

}  // namespace vivace::cpu::VIVACE_ISA
