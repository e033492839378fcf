// One vector type for every instruction set. Sources of this folder are compiled once per set, with VIVACE_ISA
// naming it (generic, avx2, avx512); everything they define lives in the namespace vivace::cpu::VIVACE_ISA, so that
// the linker never mixes code of two sets. Include no header with inline code that the other rooms also use.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace vivace::cpu::VIVACE_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

// GCC and Clang vectors: +, -, *, /, <, ?: work lane by lane, and a * b + c contracts to one FMA (-ffp-contract=fast).
typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t VecI __attribute__((vector_size(kLanes * sizeof(int32_t))));

inline Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }
inline Vec splat(float x) { return x - Vec{}; }
// The first n lanes, 0 <= n <= kLanes; load_first makes the others zero. No byte beyond them is touched.
#if defined(__AVX512F__)
inline Vec load_first(const float* p, int n) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
}
inline void store_first(float* p, Vec v, int n) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), v);
}
#elif defined(__AVX2__)
inline __m256i first_lanes(int n) {
  const VecI lane = {0, 1, 2, 3, 4, 5, 6, 7};
  return (__m256i)(lane < n);
}
inline Vec load_first(const float* p, int n) { return _mm256_maskload_ps(p, first_lanes(n)); }
inline void store_first(float* p, Vec v, int n) { _mm256_maskstore_ps(p, first_lanes(n), v); }
#else
inline Vec load_first(const float* p, int n) {
  Vec v{};
  for (int i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
inline void store_first(float* p, Vec v, int n) {
  for (int i = 0; i < n; ++i) p[i] = v[i];
}
#endif
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }  // b where either is NaN
inline Vec min(Vec a, Vec b) { return a < b ? a : b; }

}  // namespace vivace::cpu::VIVACE_ISA
