// What the kernel tests share: the instruction sets of this processor, random data, guarded buffers.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "backends/cpu/isa.h"
#include "base/threads.h"

namespace vivace::cpu {

inline std::vector<Isa> present_isas() {
  std::vector<Isa> isas;
  for (Isa isa : {Isa::generic, Isa::avx2, Isa::avx512})
    if (isa <= best_isa()) isas.push_back(isa);
  return isas;
}

inline std::vector<float> random_floats(int64_t n, uint32_t seed, float lo = -1, float hi = 1) {
  std::mt19937 engine(seed);
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) x = lo + (hi - lo) * static_cast<float>(engine() >> 8) * 0x1p-24f;
  return v;
}

/// n elements with guards on both sides; the elements start as a pattern, too, so that gaps between rows are guarded.
template <class T>
class Guarded {
 public:
  explicit Guarded(int64_t n) : n_(n), bytes_((static_cast<size_t>(n) + 2 * kGuard) * sizeof(T), kPattern) {}
  T* data() { return reinterpret_cast<T*>(bytes_.data()) + kGuard; }
  T& operator[](int64_t i) { return data()[i]; }
  bool untouched(int64_t i) {
    const auto* p = reinterpret_cast<const unsigned char*>(data() + i);
    for (size_t b = 0; b < sizeof(T); ++b)
      if (p[b] != kPattern) return false;
    return true;
  }
  bool guards_hold() {
    for (int64_t i = 0; i < kGuard; ++i)
      if (!untouched(-1 - i) || !untouched(n_ + i)) return false;
    return true;
  }
  bool same_bits(Guarded& other) { return bytes_ == other.bytes_; }

 private:
  static constexpr int64_t kGuard = 64;
  static constexpr unsigned char kPattern = 0xa5;
  int64_t n_;
  std::vector<unsigned char> bytes_;
};

}  // namespace vivace::cpu
