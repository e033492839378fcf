// Runs a pointwise program (ops/pointwise_program.h) over arrays, in blocks that stay in L1: one pass over memory
// however many instructions.
#pragma once

#include "backends/cpu/isa.h"
#include "ops/pointwise_op.h"

namespace vivace {
class ThreadPool;
}

namespace vivace::cpu {

constexpr int kPointwiseRank = 8;  // after dimensions are merged
constexpr int kPointwiseInputs = 32;
constexpr int kPointwiseSteps = 128;

/// What plan_pointwise makes of a program and the shapes of its operands. Slots are blocks of scratch.
struct PointwisePlan {
  struct Input {
    enum class Kind : uint8_t {
      whole,     // laid out as the result: read where it lies
      fixed,     // the same in every block (a scalar, or a row that repeats): expanded once
      expanded,  // anything else: read in place where a block lies in one row, else expanded per block
    } kind;
    int16_t slot;  // where fixed and expanded blocks go
    int64_t strides[kPointwiseRank];
  };
  struct Step {
    PointwiseOp op;
    int16_t to;       // a slot, or kResult
    int16_t from[3];  // a slot, or -1 - i: input i
    float alpha, beta;
  };
  static constexpr int16_t kResult = -1;

  int64_t elements;
  int64_t block;  // at most so many elements at a time: whole rows, or a piece of one row
  int64_t row;    // elements of the innermost merged dimension
  int rank, inputs, slots, steps;
  double nanoseconds;  // a guess at the whole work
  int64_t dims[kPointwiseRank];
  Input input[kPointwiseInputs];
  Step step[kPointwiseSteps];
};

struct PointwiseKernels {
  /// Floats of scratch for a pool of so many threads.
  int64_t (*scratch_size)(const PointwisePlan& plan, int threads);
  /// The result is contiguous; it may be an input of kind `whole`.
  void (*run)(const PointwisePlan& plan, const float* const* inputs, float* result, float* scratch, ThreadPool& pool);
};
const PointwiseKernels& pointwise_kernels(Isa isa);

}  // namespace vivace::cpu
