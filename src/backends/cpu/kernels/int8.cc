#include "backends/cpu/kernels/int8_tile.h"
#include "backends/cpu/kernels/simd_bytes.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

// Sums of one vector of columns; add() takes four steps of k: `quad` of A for all columns, and of B for each.

#if defined(__AVX512F__)
// Has the processor vpdpbusd? Written as assembly, because these sources are compiled for processors without it too.
bool has_vnni() {
  static const bool has = __builtin_cpu_supports("avx512vnni") != 0;
  return has;
}

template <bool AUnsigned>
struct DotVnni {
  VecI sum{};
  void add(uint32_t quad, const uint8_t* b) {
    const VecI a = splat_int(static_cast<int32_t>(quad));
    VecI column;
    std::memcpy(&column, b, sizeof column);
    if constexpr (AUnsigned)
      asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(column));
    else
      asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(column), "v"(a));
  }
  VecI total() const { return sum; }
};
#endif

#if defined(__AVX2__)
// By products of 16-bit pairs, which cannot overflow; two partial sums for each column.
template <bool AUnsigned>
struct DotPairs {
#if defined(__AVX512F__)
  using Wide = __m512i;
  using Half = __m256i;
  static Wide widen(Half v, bool is_unsigned) {
    return is_unsigned ? _mm512_maskz_cvtepu8_epi16(~__mmask32{}, v) : _mm512_maskz_cvtepi8_epi16(~__mmask32{}, v);
  }
  static Wide multiply(Wide a, Wide b) { return _mm512_madd_epi16(a, b); }
  static Wide repeat(int64_t four) { return _mm512_set1_epi64(four); }
#else
  using Wide = __m256i;
  using Half = __m128i;
  static Wide widen(Half v, bool is_unsigned) {
    return is_unsigned ? _mm256_cvtepu8_epi16(v) : _mm256_cvtepi8_epi16(v);
  }
  static Wide multiply(Wide a, Wide b) { return _mm256_madd_epi16(a, b); }
  static Wide repeat(int64_t four) { return _mm256_set1_epi64x(four); }
#endif
  VecI low{}, high{};
  void add(uint32_t quad, const uint8_t* b) {
    const __m128i narrow = _mm_cvtsi32_si128(static_cast<int>(quad));
    const Wide a = repeat(_mm_cvtsi128_si64(AUnsigned ? _mm_cvtepu8_epi16(narrow) : _mm_cvtepi8_epi16(narrow)));
    Half first, second;
    std::memcpy(&first, b, sizeof first);
    std::memcpy(&second, b + sizeof first, sizeof second);
    low += (VecI)multiply(a, widen(first, !AUnsigned));
    high += (VecI)multiply(a, widen(second, !AUnsigned));
  }
  VecI total() const {
    alignas(64) int32_t parts[2 * kLanes];
    std::memcpy(parts, &low, sizeof low);
    std::memcpy(parts + kLanes, &high, sizeof high);
    VecI sum;
    for (int i = 0; i < kLanes; ++i) sum[i] = parts[2 * i] + parts[2 * i + 1];
    return sum;
  }
};
#else
template <bool AUnsigned>
struct DotPairs {
  VecI sum{};
  void add(uint32_t quad, const uint8_t* b) {
    for (int k = 0; k < 4; ++k) {
      const auto byte = static_cast<uint8_t>(quad >> (8 * k));
      const int32_t a = AUnsigned ? int32_t{byte} : int32_t{static_cast<int8_t>(byte)};
      for (int i = 0; i < kLanes; ++i) {
        const uint8_t other = b[4 * i + k];
        sum[i] += a * (AUnsigned ? int32_t{static_cast<int8_t>(other)} : int32_t{other});
      }
    }
  }
  VecI total() const { return sum; }
};
#endif

VecI load_int(const int32_t* p) {
  VecI v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// As unsigned numbers: lanes past the last column hold anything, and may overflow.
using VecU [[gnu::vector_size(sizeof(VecI))]] = uint32_t;
VecI multiply_add(VecI sum, int32_t a, VecI b) {
  return (VecI)((VecU)sum + static_cast<uint32_t>(a) * (VecU)b);
}

void store_row(const Int8Product& p, int64_t row, int64_t column, VecI v) {
  const auto count = static_cast<size_t>(smaller<int64_t>(kLanes, p.n - column));
  if (p.row_add) v += p.row_add[row];
  if (p.column_add) v = multiply_add(v, 1, load_int(p.column_add + column));
  if (p.row_factor) v = multiply_add(v, p.row_factor[row], load_int(p.column_factor + column));
  const int64_t at = row * p.c_row + column;
  if (!p.scaled) {
    int32_t* to = static_cast<int32_t*>(p.c) + at;
    if (count == kLanes) {
      std::memcpy(to, &v, sizeof v);
    } else {
      std::memcpy(to, &v, count * sizeof(int32_t));
    }
    return;
  }
  constexpr float kRound = 12582912.f;  // adding 1.5 * 2^23 rounds to an integer, to the even one of two
  const Vec scale = p.row_scale ? splat(p.row_scale[row]) : load(p.column_scale + column);
  const Vec low = splat(static_cast<float>(p.low - p.zero)), high = splat(static_cast<float>(p.high - p.zero));
  const Vec bounded = min(max(to_float(v) * scale, low), high);  // NaN becomes the lowest
  narrow_first_bytes(to_int((bounded + kRound) - kRound) + p.zero, static_cast<uint8_t*>(p.c) + at,
                     static_cast<int64_t>(count));
}

template <class Dot, int R>
void tile(const Int8Product& p, int64_t row, int64_t panel) {
  Dot sums[R][kInt8Vectors];
  const uint8_t* a = p.a + row * p.a_row;
  const uint8_t* b = p.b + panel * p.k4 * kInt8Panel;
  for (int64_t k = 0; k < p.k4; k += 4, b += 4 * kInt8Panel)
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      uint32_t quad;
      std::memcpy(&quad, a + r * p.a_row + k, sizeof quad);
#pragma GCC unroll 2
      for (int j = 0; j < kInt8Vectors; ++j) sums[r][j].add(quad, b + j * 4 * kLanes);
    }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int j = 0; j < kInt8Vectors; ++j) {
      const int64_t column = panel * kInt8Panel + j * kLanes;
      if (column < p.n) store_row(p, row + r, column, sums[r][j].total());
    }
}

template <class Dot, int R>
void tile_rows(const Int8Product& p, int64_t row, int64_t rows, int64_t panel) {
  if constexpr (R > 1)
    if (rows < R) return tile_rows<Dot, R - 1>(p, row, rows, panel);
  tile<Dot, R>(p, row, panel);
}

template <class Dot>
void product_as(const Int8Product& p, int64_t first_panel, int64_t panels, int64_t first_row, int64_t rows) {
  for (int64_t panel = first_panel; panel < first_panel + panels; ++panel)
    for (int64_t row = first_row; row < first_row + rows; row += kInt8Rows)
      tile_rows<Dot, kInt8Rows>(p, row, smaller<int64_t>(kInt8Rows, first_row + rows - row), panel);
}

int64_t packed_size(int64_t k, int64_t n) { return round_up(k, 4) * round_up(n, kInt8Panel); }

void pack_columns(const uint8_t* b, int64_t b_row, int64_t b_column, int64_t k, int64_t n, uint8_t flip,
                  uint8_t* packed, int32_t* sums, ThreadPool& pool) {
  const int64_t k4 = round_up(k, 4), panels = ceil_div(n, kInt8Panel);
  launch(&pool, panels, static_cast<double>(k * n) * 0.3, [=](int64_t panel, int) {
    uint8_t* to = packed + panel * k4 * kInt8Panel;
    int32_t sum[kInt8Panel] = {};
    const int64_t columns = smaller<int64_t>(kInt8Panel, n - panel * kInt8Panel);
    const uint8_t* from = b + panel * kInt8Panel * b_column;
    if (columns < kInt8Panel || k4 != k) std::memset(to, 0, static_cast<size_t>(k4 * kInt8Panel));
    for (int64_t l = 0; l < k; ++l) {
      uint8_t* at = to + l / 4 * 4 * kInt8Panel + l % 4;
      for (int64_t j = 0; j < columns; ++j) {
        const auto value = static_cast<uint8_t>(from[l * b_row + j * b_column] ^ flip);
        at[4 * j] = value;
        sum[j] += static_cast<int8_t>(value);
      }
    }
    std::memcpy(sums + panel * kInt8Panel, sum, sizeof sum);
  });
}

void pad_rows(const uint8_t* a, int64_t m, int64_t k, uint8_t flip, uint8_t* to, bool is_unsigned, int32_t* sums) {
  const int64_t k4 = round_up(k, 4);
  for (int64_t r = 0; r < m; ++r) {
    const uint8_t* from = a + r * k;
    uint8_t* row = to + r * k4;
    for (int64_t i = 0; i < k; ++i) row[i] = from[i] ^ flip;
    for (int64_t i = k; i < k4; ++i) row[i] = 0;
    if (!sums) continue;
    int32_t sum = 0;
    if (is_unsigned)
      for (int64_t i = 0; i < k; ++i) sum += row[i];
    else
      for (int64_t i = 0; i < k; ++i) sum += static_cast<int8_t>(row[i]);
    sums[r] = sum;
  }
}

void product(const Int8Product& p, ThreadPool& pool) {
  // Rows of a task share the panel in the first caches; a task is some 20 microseconds or more.
  constexpr int64_t kRows = 128, kWork = 1 << 20;
  const int64_t row_blocks = ceil_div(p.m, kRows), panels = ceil_div(p.n, kInt8Panel);
  const int64_t work = smaller(p.m, kRows) * p.k4 * kInt8Panel;
  const int64_t groups = ceil_div(panels, larger<int64_t>(1, kWork / larger<int64_t>(1, work)));
  launch(&pool, row_blocks * groups, static_cast<double>(p.m * p.n) * p.k4 / 100, [&](int64_t task, int) {
    const auto [first_row, rows] = part(p.m, row_blocks, task / groups);
    const auto [first, count] = part(panels, groups, task % groups);
    int8_product(p, first, count, first_row, rows);
  });
}

}  // namespace

void int8_product(const Int8Product& p, int64_t first_panel, int64_t panels, int64_t first_row, int64_t rows) {
#if defined(__AVX512F__)
  if (has_vnni())
    return p.a_unsigned ? product_as<DotVnni<true>>(p, first_panel, panels, first_row, rows)
                        : product_as<DotVnni<false>>(p, first_panel, panels, first_row, rows);
#endif
  p.a_unsigned ? product_as<DotPairs<true>>(p, first_panel, panels, first_row, rows)
               : product_as<DotPairs<false>>(p, first_panel, panels, first_row, rows);
}

const Int8Kernels& int8_kernels() {
  static constexpr Int8Kernels table{.panel = kInt8Panel,
                                     .packed_size = packed_size,
                                     .pack_columns = pack_columns,
                                     .pad_rows = pad_rows,
                                     .product = product,
                                     .conv_scratch = int8_conv_scratch,
                                     .conv = int8_conv};
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
