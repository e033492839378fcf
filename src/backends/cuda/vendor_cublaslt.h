// NVIDIA's cuBLASLt: matrix products with bias, activation and an added matrix.
#pragma once

#include "backends/cuda/tactic.h"
#include "backends/cuda/vendor.h"

namespace vivace::cuda {

Result<std::string> cublaslt_version();

/// D = activation(alpha A B + bias + C) in the library's terms: matrices are column by column, D is rows x columns, and
/// the bias has a number for each row.
struct LtProduct {
  struct Operand {
    bool transposed = false;
    int64_t pitch = 0, step = 0;  // elements from column to column, and from matrix to matrix
  };
  enum class Activation : uint8_t { none, relu, gelu };  // gelu: by tanh
  DType type = DType::f32;
  int64_t rows = 0, columns = 0, sum = 0, batch = 1;
  Operand a, b, d;  // C is as D
  float alpha = 1;
  bool bias = false, added = false;
  Activation activation = Activation::none;

  std::string key() const;
};

/// A product's algorithms on one GPU, most promising first.
class LtPlan;
Result<std::shared_ptr<LtPlan>> lt_plan(const LtProduct& product, int ordinal);
size_t algorithms(const LtPlan& plan);
/// Bytes of workspace, to be aligned to kLibraryAlignment.
size_t workspace(const LtPlan& plan, size_t algorithm);
/// Takes the addresses of A, B, D, the workspace, and where they are there of the bias and of C.
std::shared_ptr<const LibraryCall> lt_call(std::shared_ptr<LtPlan> plan, size_t algorithm);

}  // namespace vivace::cuda
