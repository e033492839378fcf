// What the rows for matrix products share.
#pragma once

#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

/// A matrix product of one floating-point type: f32, f16 or bf16, sums in f32; made is that type or f32.
struct GridProduct {
  cpu::Product product;
  DType type = DType::undefined, made = DType::undefined;
  int64_t batch = 1;  // matrices

  const cpu::GemmProblem& gemm() const { return product.gemm; }
};
Verdict product_for_grid(const Problem& p, GridProduct& product);
Result<GridProduct> grid_product(const Problem& p);

/// The prelude and the problem as constants: `T`, kM, kN, kK, strides, a_offset(i) of matrix i and so on, finish().
Source declare_product(const Problem& p, const GridProduct& product);

/// The text of a kernel, where "@Y" is the type of what it makes: T, or another one's name.
std::string for_result(std::string text, const GridProduct& product);

/// The kernel's parameters: A, B (or packed constant 0), bias, residual, C.
std::vector<Argument> product_arguments(const GridProduct& product, bool packed_b);

/// The most elements, 8 at most, that a load may take at once where everything is a multiple of them.
int vector_width(std::initializer_list<int64_t> strides);

/// A stride in elements that all matrices of the batch are apart, whichever dimension.
int64_t batch_alignment(const GridProduct& product, int64_t cpu::GemmProblem::Batch::*stride);

}  // namespace vivace::cuda
