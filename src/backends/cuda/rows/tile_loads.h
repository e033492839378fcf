// What kernels on tensor cores need to read matrices that lie in memory anyhow.
#pragma once

#include <string>

#include "base/dtype.h"

namespace vivace::cuda {

/// Comes after mma_functions():
/// - copy_elements<kVector>(to, from, any, valid): 8 units into shared memory, those past `valid` as zeros, by loads
///   of kVector elements, of which `valid` is a multiple where it is below 8; `any` is an address that may be read
/// - of 16 bits: pair_of(low, high): two floats as elements, in one register
/// - of f32: load_word(from): one from shared memory
/// - load_matrix_4_transposed: ldmatrix of four 8x8 matrices, transposed
std::string tile_functions(DType type = DType::f16);

}  // namespace vivace::cuda
