#include "backends/cpu/kernels/quantize.h"

#include "backends/cpu/kernels/fold.h"
#include "backends/cpu/kernels/simd_bytes.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

constexpr int64_t kPiece = 16 << 10;  // elements of a task

// Runs body(first, count) over pieces of n elements.
template <class Body>
void for_pieces(ThreadPool& pool, int64_t n, Body body) {
  const int64_t pieces = larger<int64_t>(1, n / kPiece);
  launch(&pool, pieces, static_cast<double>(n) * 0.1, [&](int64_t i, int) {
    const auto [first, count] = part(n, pieces, i);
    body(first, count);
  });
}

// Runs body(first element, count, channel) over runs of one channel; channel -1: each element is one of its own, all
// of them from the first on.
template <class Body>
void for_runs(const QuantizeProblem& p, ThreadPool& pool, Body body) {
  if (p.channels == 1)
    return for_pieces(pool, p.outer * p.inner, [&](int64_t first, int64_t count) { body(first, count, int64_t{0}); });
  const bool columns = p.inner == 1;
  const int64_t rows = columns ? p.outer : p.outer * p.channels, row = columns ? p.channels : p.inner;
  const int64_t tasks = smaller(rows, ceil_div(rows * row, kPiece));
  launch(&pool, tasks, static_cast<double>(rows * row) * 0.1, [&](int64_t task, int) {
    const auto [first, count] = part(rows, tasks, task);
    for (int64_t r = first; r < first + count; ++r) body(r * row, row, columns ? -1 : r % p.channels);
  });
}

int zero_of(const void* zero, Narrow type, int64_t i) {
  if (!zero) return 0;
  if (type == Narrow::i32) return static_cast<const int32_t*>(zero)[i];
  return type == Narrow::u8 ? int{static_cast<const uint8_t*>(zero)[i]} : int{static_cast<const int8_t*>(zero)[i]};
}

constexpr float kRound = 12582912.f;  // adding 1.5 * 2^23 rounds to an integer, to the even one of two

// Elements and their scales at i, whole vectors or the first `lanes` of one.
Vec load_at(const float* p, int lanes) { return lanes == kLanes ? load(p) : load_first(p, lanes); }

void quantize(const QuantizeProblem& p, const float* x, const float* scale, const void* zero, void* y,
              ThreadPool& pool) {
  const int low = p.type == Narrow::u8 ? 0 : -128, high = low + 255;
  auto* bytes = static_cast<uint8_t*>(y);
  for_runs(p, pool, [=](int64_t first, int64_t count, int64_t channel) {
    const bool each = channel < 0;
    const int one_zero = each ? 0 : zero_of(zero, p.type, channel);
    const Vec one_scale = splat(each ? 1.f : scale[channel]);
    for (int64_t i = 0; i < count; i += kLanes) {
      const int lanes = static_cast<int>(smaller<int64_t>(kLanes, count - i));
      VecI zeros = splat_int(one_zero);
      Vec scales = one_scale;
      if (each) {
        scales = lanes == kLanes ? load(scale + i) : load_first(scale + i, lanes);
        if (zero)
          zeros = p.type == Narrow::u8 ? widen_first_bytes<false>(static_cast<const uint8_t*>(zero) + i, lanes)
                                       : widen_first_bytes<true>(static_cast<const uint8_t*>(zero) + i, lanes);
      }
      const Vec least = to_float(low - zeros), most = to_float(high - zeros);
      const Vec v = min(max(load_at(x + first + i, lanes) / scales, least), most);
      narrow_first_bytes(to_int((v + kRound) - kRound) + zeros, bytes + first + i, lanes);
    }
  });
}

template <Narrow Type>
VecI load_whole(const void* p, int64_t i, int lanes) {
  if constexpr (Type == Narrow::i32) {
    VecI v{};
    const auto* from = static_cast<const int32_t*>(p) + i;
    if (lanes == kLanes) {
      std::memcpy(&v, from, sizeof v);
    } else {
      for (int l = 0; l < lanes; ++l) v[l] = from[l];
    }
    return v;
  } else {
    return widen_first_bytes<Type == Narrow::i8>(static_cast<const uint8_t*>(p) + i, lanes);
  }
}

template <Narrow Type>
void dequantize_as(const QuantizeProblem& p, const void* x, const float* scale, const void* zero, float* y,
                   ThreadPool& pool) {
  for_runs(p, pool, [=](int64_t first, int64_t count, int64_t channel) {
    const bool each = channel < 0;
    const VecI one_zero = splat_int(each ? 0 : zero_of(zero, Type, channel));
    const Vec one_scale = splat(each ? 1.f : scale[channel]);
    for (int64_t i = 0; i < count; i += kLanes) {
      const int lanes = static_cast<int>(smaller<int64_t>(kLanes, count - i));
      const VecI zeros = each && zero ? load_whole<Type>(zero, i, lanes) : one_zero;
      const Vec v =
          to_float(load_whole<Type>(x, first + i, lanes) - zeros) * (each ? load_at(scale + i, lanes) : one_scale);
      lanes == kLanes ? store(y + first + i, v) : store_first(y + first + i, v, lanes);
    }
  });
}

void dequantize(const QuantizeProblem& p, const void* x, const float* scale, const void* zero, float* y,
                ThreadPool& pool) {
  if (p.type == Narrow::u8) return dequantize_as<Narrow::u8>(p, x, scale, zero, y, pool);
  if (p.type == Narrow::i8) return dequantize_as<Narrow::i8>(p, x, scale, zero, y, pool);
  dequantize_as<Narrow::i32>(p, x, scale, zero, y, pool);
}

void range(const float* x, int64_t n, float* low, float* high, ThreadPool& pool) {
  constexpr int64_t kMost = 64;
  float lows[kMost], highs[kMost];
  const int64_t pieces = larger<int64_t>(1, smaller(kMost, n / kPiece));
  launch(&pool, pieces, static_cast<double>(n) * 0.1, [&](int64_t i, int) {
    const auto [first, count] = part(n, pieces, i);
    const auto less = [](Vec a, Vec b) { return min(b, a); };
    const auto more = [](Vec a, Vec b) { return max(b, a); };
    lows[i] = fold(x + first, count, 0, less, less);
    highs[i] = fold(x + first, count, 0, more, more);
  });
  *low = *high = 0;
  for (int64_t i = 0; i < pieces; ++i) {
    *low = lows[i] < *low ? lows[i] : *low;
    *high = highs[i] > *high ? highs[i] : *high;
  }
}

// ---- casts, through f32

template <Narrow Type>
Vec load_as(const void* p, int64_t i, int lanes) {
  if constexpr (Type == Narrow::f32) {
    return load_at(static_cast<const float*>(p) + i, lanes);
  } else if constexpr (Type == Narrow::u8 || Type == Narrow::i8 || Type == Narrow::i32) {
    return to_float(load_whole<Type>(p, i, lanes));
  } else {
    uint16_t bits[kLanes] = {};
    if (lanes == kLanes)
      std::memcpy(bits, static_cast<const uint16_t*>(p) + i, sizeof bits);
    else
      for (int l = 0; l < lanes; ++l) bits[l] = static_cast<const uint16_t*>(p)[i + l];
    if constexpr (Type == Narrow::bf16) {
      VecI wide;
      for (int l = 0; l < kLanes; ++l) wide[l] = static_cast<int32_t>(uint32_t{bits[l]} << 16);
      return from_bits(wide);
    }
#if defined(__AVX512F__)
    return _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bits)));
#elif defined(__AVX2__)
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bits)));
#else
    return Vec{};
#endif
  }
}

template <Narrow Type>
void store_as(Vec v, void* p, int64_t i, int lanes) {
  if constexpr (Type == Narrow::f32) {
    lanes == kLanes ? store(static_cast<float*>(p) + i, v) : store_first(static_cast<float*>(p) + i, v, lanes);
  } else {
    alignas(64) uint16_t bits[kLanes];
    if constexpr (Type == Narrow::bf16) {
      // To nearest, to the even one of two; NaN stays one.
      const VecI wide = bits_of(v);
      const VecI rounded = (wide + 0x7fff + ((wide >> 16) & 1)) >> 16;
      const VecI kept = v != v ? (wide >> 16) | 0x40 : rounded;
      for (int l = 0; l < kLanes; ++l) bits[l] = static_cast<uint16_t>(kept[l]);
    } else {
#if defined(__AVX512F__)
      _mm256_store_si256(reinterpret_cast<__m256i*>(bits),
                         _mm512_maskz_cvtps_ph(0xffff, v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#elif defined(__AVX2__)
      _mm_store_si128(reinterpret_cast<__m128i*>(bits), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
#endif
    }
    auto* to = static_cast<uint16_t*>(p) + i;
    if (lanes == kLanes)
      std::memcpy(to, bits, sizeof bits);
    else
      for (int l = 0; l < lanes; ++l) to[l] = bits[l];
  }
}

template <Narrow From, Narrow To>
void cast_as(const void* x, void* y, int64_t n, ThreadPool& pool) {
  for_pieces(pool, n, [=](int64_t first, int64_t count) {
    int64_t i = first;
    for (; i + kLanes <= first + count; i += kLanes) store_as<To>(load_as<From>(x, i, kLanes), y, i, kLanes);
    if (const int rest = static_cast<int>(first + count - i)) store_as<To>(load_as<From>(x, i, rest), y, i, rest);
  });
}

using Cast = void (*)(const void*, void*, int64_t, ThreadPool&);
Cast cast_of(Narrow from, Narrow to) {
#if defined(__AVX2__)
  if (from == Narrow::f16 && to == Narrow::f32) return cast_as<Narrow::f16, Narrow::f32>;
  if (from == Narrow::f32 && to == Narrow::f16) return cast_as<Narrow::f32, Narrow::f16>;
#endif
  if (from == Narrow::bf16 && to == Narrow::f32) return cast_as<Narrow::bf16, Narrow::f32>;
  if (from == Narrow::f32 && to == Narrow::bf16) return cast_as<Narrow::f32, Narrow::bf16>;
  if (to != Narrow::f32) return nullptr;
  if (from == Narrow::u8) return cast_as<Narrow::u8, Narrow::f32>;
  if (from == Narrow::i8) return cast_as<Narrow::i8, Narrow::f32>;
  if (from == Narrow::i32) return cast_as<Narrow::i32, Narrow::f32>;
  return nullptr;
}

bool casts(Narrow from, Narrow to) { return cast_of(from, to) != nullptr; }
void cast(Narrow from, Narrow to, const void* x, void* y, int64_t n, ThreadPool& pool) {
  cast_of(from, to)(x, y, n, pool);
}

}  // namespace

const QuantizeKernels& quantize_kernels() {
  static constexpr QuantizeKernels table{
      .quantize = quantize, .dequantize = dequantize, .range = range, .casts = casts, .cast = cast};
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
