// A is dealt out so that what one vector of bytes of W holds in its low bits, in the bits above and so on meets
// neighbouring numbers of A: then a vector of weights is a shift, a mask, a conversion and one FMA.
#include "backends/cpu/kernels/nbits.h"

#include "backends/cpu/kernels/launch.h"
#include "backends/cpu/kernels/simd_math.h"
#include "backends/cpu/kernels/simd_shuffle.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

constexpr int kRows = 4;             // of A at once
constexpr int64_t kColumns = 32;     // rows of W in a task
constexpr double kWeightsPerNs = 8;  // for the choice of tasks only
constexpr int64_t kAhead = 512;      // bytes of a row of W fetched before they are needed, or harmless beyond the end

int64_t bytes_per_block(const NbitsProblem& p) { return p.block * p.bits / 8; }
int64_t padded(const NbitsProblem& p) { return p.blocks * p.block; }

float zero_of(const NbitsProblem& p, int64_t row, int64_t block) {
  if (p.real_zeros) return p.real_zeros[row * p.blocks + block];
  if (!p.zeros) return static_cast<float>(1 << (p.bits - 1));
  const int64_t per_byte = 8 / p.bits, row_bytes = ceil_div(p.blocks, per_byte);
  const int byte = p.zeros[row * row_bytes + block / per_byte];
  return static_cast<float>(byte >> (block % per_byte * p.bits) & ((1 << p.bits) - 1));
}

// Number `field` of every byte of the vector, as floats.
template <int Bits>
Vec field_of(VecI bytes, int field) {
  return __builtin_convertvector(bytes >> (field * Bits) & ((1 << Bits) - 1), Vec);
}
VecI load_bytes(const uint8_t* from) {
#if defined(__AVX512F__)
  return (VecI)_mm512_maskz_cvtepu8_epi32(0xFFFF, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#elif defined(__AVX2__)
  return (VecI)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
#else
  VecI bytes;
  for (int i = 0; i < kLanes; ++i) bytes[i] = from[i];
  return bytes;
#endif
}

// [m][k] -> [m][padded], each run of kLanes bytes' numbers sorted by their field.
template <int Bits>
void deal(const NbitsProblem& p, float* to) {
  constexpr int kFields = 8 / Bits, kRun = kFields * kLanes;
  const int64_t width = padded(p);
  for (int64_t r = 0; r < p.m; ++r)
    for (int64_t begin = 0; begin < width; begin += kRun)
      for (int i = 0; i < kRun; ++i) {
        const int64_t k = begin + i % kLanes * kFields + i / kLanes;
        to[r * width + begin + i] = k < p.k ? p.a[r * p.k + k] : 0;
      }
}

// R rows of A from `row` on times C rows of W from `column` on.
template <int Bits, int R, int C>
void dots(const NbitsProblem& p, const float* a, int64_t row, int64_t column) {
  constexpr int kFields = 8 / Bits, kRun = kFields * kLanes;
  const int64_t width = padded(p), bytes = bytes_per_block(p), q_row = p.blocks * bytes;
  const uint8_t* q = p.q + column * q_row;
  Vec sums[R][C] = {};
  for (int64_t block = 0; block < p.blocks; ++block, q += bytes) {
    Vec scale[C], shift[C];
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) {
      const float factor = p.scales[(column + c) * p.blocks + block];
      scale[c] = splat(factor);
      shift[c] = splat(-factor * zero_of(p, column + c, block));
    }
    const float* from = a + row * width + block * p.block;
    for (int64_t at = 0; at < p.block; at += kRun) {
      VecI packed[C];
#pragma GCC unroll 4
      for (int c = 0; c < C; ++c) {
        packed[c] = load_bytes(q + c * q_row + at / kFields);
        __builtin_prefetch(q + c * q_row + at / kFields + kAhead, 0, 2);
      }
#pragma GCC unroll 4
      for (int f = 0; f < kFields; ++f) {
        Vec w[C];
#pragma GCC unroll 4
        for (int c = 0; c < C; ++c) w[c] = field_of<Bits>(packed[c], f) * scale[c] + shift[c];
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          const Vec x = load(from + r * width + at + f * kLanes);
#pragma GCC unroll 4
          for (int c = 0; c < C; ++c) sums[r][c] += x * w[c];
        }
      }
    }
  }
  for (int r = 0; r < R; ++r)
    for (int c = 0; c < C; ++c)
      p.c[(row + r) * p.n + column + c] = sum_lanes(sums[r][c]) + (p.bias ? p.bias[column + c] : 0);
}

// Eight sums at a time at most: as many as hide each other's latency, and fit registers.
template <int Bits, int R>
void strip(const NbitsProblem& p, const float* a, int64_t row, int64_t begin, int64_t end) {
  constexpr int kWide = R <= 2 ? 4 : 2;
  int64_t column = begin;
  for (; column + kWide <= end; column += kWide) dots<Bits, R, kWide>(p, a, row, column);
  for (; column < end; ++column) dots<Bits, R, 1>(p, a, row, column);
}

template <int Bits>
void columns(const NbitsProblem& p, const float* a, int64_t begin, int64_t end) {
  for (int64_t row = 0; row < p.m; row += kRows) switch (smaller<int64_t>(kRows, p.m - row)) {
      case 1: strip<Bits, 1>(p, a, row, begin, end); break;
      case 2: strip<Bits, 2>(p, a, row, begin, end); break;
      case 3: strip<Bits, 3>(p, a, row, begin, end); break;
      default: strip<Bits, 4>(p, a, row, begin, end);
    }
}

template <int Bits>
void run_bits(const NbitsProblem& p, float* scratch, ThreadPool& pool) {
  deal<Bits>(p, scratch);
  const double work = static_cast<double>(p.n) * static_cast<double>(p.k) * static_cast<double>(ceil_div(p.m, kRows));
  launch(&pool, ceil_div(p.n, kColumns), work / kWeightsPerNs,
         [&](int64_t task, int) { columns<Bits>(p, scratch, task * kColumns, smaller(p.n, (task + 1) * kColumns)); });
}

void run(const NbitsProblem& p, float* scratch, ThreadPool& pool) {
  if (p.bits == 8) return run_bits<8>(p, scratch, pool);
  if (p.bits == 4) return run_bits<4>(p, scratch, pool);
  run_bits<2>(p, scratch, pool);
}

void expand(const NbitsProblem& p, int64_t begin, int64_t count, float* w, ThreadPool& pool) {
  const int per_byte = 8 / p.bits, mask = (1 << p.bits) - 1;
  const int64_t bytes = bytes_per_block(p);
  const double work = static_cast<double>(count) * static_cast<double>(p.k);
  launch(&pool, ceil_div(count, kColumns), work, [&](int64_t task, int) {
    for (int64_t i = task * kColumns; i < smaller(count, (task + 1) * kColumns); ++i)
      for (int64_t block = 0; block < p.blocks; ++block) {
        const float scale = p.scales[(begin + i) * p.blocks + block], shift = -scale * zero_of(p, begin + i, block);
        const uint8_t* q = p.q + ((begin + i) * p.blocks + block) * bytes;
        float* to = w + i * p.k + block * p.block;
        const int64_t size = smaller(p.block, p.k - block * p.block);
        if (p.bits == 4 && size % 2 == 0) {  // the usual one, for the vectorizer
          for (int64_t k = 0; k < size / 2; ++k) {
            to[2 * k] = static_cast<float>(q[k] & 15) * scale + shift;
            to[2 * k + 1] = static_cast<float>(q[k] >> 4) * scale + shift;
          }
          continue;
        }
        for (int64_t k = 0; k < size; ++k)
          to[k] = static_cast<float>(q[k / per_byte] >> (k % per_byte * p.bits) & mask) * scale + shift;
      }
  });
}

}  // namespace

const NbitsKernels& nbits_kernels() {
  static constexpr NbitsKernels table{
      .takes = [](int bits, int64_t block) { return block % (8 / bits * kLanes) == 0; },
      .scratch_size = [](const NbitsProblem& p) { return p.m * padded(p); },
      .run = run,
      .expand = expand,
  };
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
