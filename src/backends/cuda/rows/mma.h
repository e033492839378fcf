// What rows on tensor cores share.
#pragma once

#include <string>
#include <string_view>

#include "backends/cuda/tactic.h"

namespace vivace::cuda {

/// An element type as the instructions of tensor cores take it. They multiply 32 bytes of each row, whatever the type.
struct MmaElement {
  DType type;        // as it is stored
  const char* name;  // in kernels: of a class that tells the functions below apart
  const char* ptx;   // in instructions
  const char* sums;  // in instructions
  int minimum;       // compute capability
  int bytes() const { return bits_of(type) / 8; }
  int depth() const { return 32 / bytes(); }  // products in a sum of one instruction
};
/// Of f16, bf16, f32 (as TF32), i8, f8e4m3fn and f8e5m2; nullptr for others.
const MmaElement* mma_element(DType type);

/// The function `multiply_as(NAME*, sums, a, b0, b1)`: a product of 16 x 8 x depth().
std::string multiply_function(const MmaElement& element);

/// True where the node says that its products of f32 may round what they multiply to TF32 (lower.h).
bool allows_tf32(const Problem& p);

/// What the tensor cores cannot multiply of such a problem: types other than 16 bits, f32 but where it is allowed.
Verdict multiplies(const Problem& p, DType type);

/// Kernels that multiply 16-bit types or f32 count what they multiply in units of 16 bits: an f32 is two.
constexpr int units_of(DType type) { return bits_of(type) / 16; }

/// A text without the lines that stand between others than "@chosen" and the next line that begins with "@", and
/// without these.
std::string chosen_lines(std::string_view text, std::string_view chosen);

/// A kernel's text for elements of `type`, from one written for both widths: of what stands between the lines "@16",
/// "@32" and "@end" its part, and T for `Unit` where a unit is an element.
std::string for_width(std::string_view text, DType type);

/// Functions of kernels around the instructions of tensor cores; comes after prelude() and `using T`.
/// - copy_16, commit_copies, wait_copies<n>: cp.async; load_matrix_4: ldmatrix; multiply: products of 16 x 8 x 32 bytes
/// - of f32 too: `Unit`; round_4(x), what load_matrix_4 gave, rounded to TF32
/// - open_barriers, copy_weights, wait_barrier: bulk copies to shared memory, on sm_80 by cp.async of the whole block
/// - cluster_arrive, cluster_wait, remote_address, store_remote: distributed shared memory
std::string mma_functions(DType type = DType::f16);

/// multiply_group(sums, a, b): a warp group's products of 64 x n x 32 bytes of operands in shared memory, in rows of
/// 128 bytes with exchanged pieces (sm_90a); open_group before the first of a stage, close_group<n> after the last.
std::string group_functions(int n, DType type);

/// Input i of the problem, a constant vector or left out, as f32 filled up with zeros to `count`.
Result<Tensor> bias_in_f32(const Problem& p, size_t i, int64_t count);

/// A constant that is multiplied: f32 rounded to TF32, other types as they are.
Result<Tensor> as_multiplied(const Tensor& constant);

}  // namespace vivace::cuda
