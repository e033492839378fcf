// kLanes bytes to and from vectors of 32-bit numbers. GCC's __builtin_convertvector takes them apart one by one.
#pragma once

#include "backends/cpu/kernels/simd.h"

namespace vivace::cpu::VIVACE_ISA {

typedef uint8_t Bytes __attribute__((vector_size(kLanes)));

template <bool Signed>
inline VecI widen_bytes(const uint8_t* p) {
#if defined(__AVX512F__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return (VecI)(Signed ? _mm512_maskz_cvtepi8_epi32(0xffff, bytes) : _mm512_maskz_cvtepu8_epi32(0xffff, bytes));
#elif defined(__AVX2__)
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return (VecI)(Signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes));
#else
  VecI v;
  for (int i = 0; i < kLanes; ++i) v[i] = Signed ? static_cast<int8_t>(p[i]) : p[i];
  return v;
#endif
}

/// The first n bytes; the other lanes are zero.
template <bool Signed>
inline VecI widen_first_bytes(const uint8_t* p, int64_t n) {
  if (n >= kLanes) return widen_bytes<Signed>(p);
  uint8_t bytes[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) bytes[i] = p[i];
  return widen_bytes<Signed>(bytes);
}

/// The low byte of each lane.
inline void narrow_bytes(VecI v, uint8_t* to) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_maskz_cvtepi32_epi8(0xffff, (__m512i)v));
#elif defined(__AVX2__)
  const __m256i low = _mm256_and_si256((__m256i)v, _mm256_set1_epi32(255));
  const __m256i words = _mm256_packus_epi32(low, low), bytes = _mm256_packus_epi16(words, words);
  const __m128i both = _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), both);
#else
  for (int i = 0; i < kLanes; ++i) to[i] = static_cast<uint8_t>(v[i]);
#endif
}
inline void narrow_first_bytes(VecI v, uint8_t* to, int64_t n) {
  if (n >= kLanes) return narrow_bytes(v, to);
  uint8_t bytes[kLanes];
  narrow_bytes(v, bytes);
  for (int64_t i = 0; i < n; ++i) to[i] = bytes[i];
}

}  // namespace vivace::cpu::VIVACE_ISA
