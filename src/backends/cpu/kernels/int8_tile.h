// The register tile of products of 8-bit integers: R rows by two vectors of columns.
#pragma once

#include "backends/cpu/kernels/fold.h"
#include "backends/cpu/kernels/int8.h"

namespace vivace::cpu::VIVACE_ISA {

#if defined(__AVX512F__)
constexpr int kInt8Rows = 8;
#else
constexpr int kInt8Rows = 4;
#endif
constexpr int kInt8Vectors = 2;
constexpr int kInt8Panel = kInt8Vectors * kLanes;

/// One thread's product: rows [0, m) of `p`, columns of panels [first, first + count).
void int8_product(const Int8Product& p, int64_t first_panel, int64_t panels, int64_t first_row, int64_t rows);

int64_t int8_conv_scratch(const Int8Conv& conv);
void int8_conv(const Int8Conv* convs, int64_t count, uint8_t* scratch, ThreadPool& pool);

}  // namespace vivace::cpu::VIVACE_ISA
