// Products of 8-bit integers with 32-bit sums, and convolutions as such products.
//
// One of two factors is taken as unsigned and the other as signed, as vpdpbusd wants them; who has them otherwise flips
// their highest bit and moves their zero point by 128. Four steps of k lie together (a quad), so k is rounded up to k4.
#pragma once

#include <cstdint>

#include "backends/cpu/isa.h"

namespace vivace {
class ThreadPool;
}

namespace vivace::cpu {

inline constexpr uint8_t kFlipSign = 0x80;

/// C[m][n] = sum_k A[m][k] B[k][n] + row_add[m] + column_add[n] + row_factor[m] * column_factor[n], where pointers may
/// be null. Results are 32-bit where `scaled` is not set, else round(C * scale) + zero within [low, high], as bytes.
/// Arrays by column are read up to whole panels.
struct Int8Product {
  int64_t m = 0, n = 0, k4 = 0;
  const uint8_t* a = nullptr;  // rows of k4 bytes, a_row apart
  int64_t a_row = 0;
  bool a_unsigned = true;      // and B signed, or the reverse
  const uint8_t* b = nullptr;  // panels, as pack_columns makes them
  const int32_t *row_add = nullptr, *column_add = nullptr;
  const int32_t *row_factor = nullptr, *column_factor = nullptr;  // both or none
  bool scaled = false;
  const float *row_scale = nullptr, *column_scale = nullptr;  // one of them where scaled
  int zero = 0, low = 0, high = 0;
  void* c = nullptr;
  int64_t c_row = 0;  // elements
};

/// A convolution of one image and group. The image is padded and unsigned: planes of `rows` by `columns` bytes.
struct Int8Conv {
  int64_t channels = 0, rows = 0, columns = 0;
  const uint8_t* x = nullptr;
  int64_t x_plane = 0;
  bool slack = false;  // a vector may be read past the last plane
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t out_rows = 0, out_columns = 0;
  Int8Product product;            // its a: the weights, signed; m filters; c: planes; n, b are the kernel's
  const uint8_t* ones = nullptr;  // k bytes of 1, k4 in all, where row_factor is given: sums of x are its factors
};

struct Int8Kernels {
  int panel;  // columns of B that lie together
  /// Bytes of a packed B; its sums: as many 32-bit numbers as columns(n).
  int64_t (*packed_size)(int64_t k, int64_t n);
  /// Packs B, read as b[k * b_row + n * b_column], with its bits flipped by `flip`; sums of columns after flipping, as
  /// signed numbers.
  void (*pack_columns)(const uint8_t* b, int64_t b_row, int64_t b_column, int64_t k, int64_t n, uint8_t flip,
                       uint8_t* packed, int32_t* sums, ThreadPool& pool);
  /// Rows of k bytes to rows of k4, flipped and filled up with zeros. sums may be null: of the rows, as unsigned
  /// numbers where `is_unsigned`.
  void (*pad_rows)(const uint8_t* a, int64_t m, int64_t k, uint8_t flip, uint8_t* to, bool is_unsigned, int32_t* sums);
  void (*product)(const Int8Product& product, ThreadPool& pool);
  /// Bytes of scratch for each thread.
  int64_t (*conv_scratch)(const Int8Conv& conv);
  /// Runs `count` of them, which agree in everything but pointers.
  void (*conv)(const Int8Conv* convs, int64_t count, uint8_t* scratch, ThreadPool& pool);
};
const Int8Kernels& int8_kernels(Isa isa);

}  // namespace vivace::cpu
