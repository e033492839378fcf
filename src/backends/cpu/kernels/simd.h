// One vector type for every instruction set. Sources of this folder are compiled once per set, with VIVACE_ISA
// naming it (generic, avx2, avx512); everything they define lives in the namespace vivace::cpu::VIVACE_ISA, so that
// the linker never mixes code of two sets. Include no header with inline code that the other rooms also use.
#pragma once

#include <cstdint>
#include <cstring>

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
inline Vec load_first(const float* p, int n) {  // lanes from n on are zero
  Vec v{};
  std::memcpy(&v, p, static_cast<size_t>(n) * sizeof(float));
  return v;
}
inline void store_first(float* p, Vec v, int n) { std::memcpy(p, &v, static_cast<size_t>(n) * sizeof(float)); }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }  // b where either is NaN
inline Vec min(Vec a, Vec b) { return a < b ? a : b; }

}  // namespace vivace::cpu::VIVACE_ISA
