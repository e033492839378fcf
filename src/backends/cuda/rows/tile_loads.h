// What kernels on tensor cores need to read matrices that lie in memory anyhow.
#pragma once

#include <string_view>

namespace vivace::cuda {

/// Comes after mma_functions():
/// - copy_elements<kVector>(to, from, any, valid): 8 elements into shared memory, those past `valid` as zeros, by loads
///   of kVector elements, of which `valid` is a multiple where it is below 8; `any` is an address that may be read
/// - pair_of(low, high): two floats as elements, in one register
/// - load_matrix_4_transposed: ldmatrix of four 8x8 matrices, transposed
std::string_view tile_functions();

}  // namespace vivace::cuda
