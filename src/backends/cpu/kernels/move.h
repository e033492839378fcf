// Moving data: transposes and other strided copies, gathers, padding, resizing.
#pragma once

#include <cstdint>

#include "backends/cpu/isa.h"

namespace vivace {
class ThreadPool;
}

namespace vivace::cpu {

constexpr int kMoveRank = 8;  // after dimensions are merged

/// A copy between two strided arrays, as plan_copy prepares it: dimensions in the order of falling strides of `to`,
/// neighbours merged. Strides count elements.
struct CopyPlan {
  int element_bytes;  // 1, 2, 4 or 8
  int rank;
  int64_t elements;
  int64_t dims[kMoveRank];
  int64_t from[kMoveRank], to[kMoveRank];
  int other;  // the dimension that is contiguous in `from` while the last one is not; -1 where there is none
};

/// Padding: for each dimension of the result, which index of the input each of its indices takes, -1 for the value.
struct PadProblem {
  int element_bytes;
  int rank;                          // at least 1
  int64_t dims[kMoveRank];           // of the contiguous result
  int64_t strides[kMoveRank];        // of the input, in elements
  const int32_t* source[kMoveRank];  // dims[d] indices each
  int64_t lead, middle;  // of the last dimension: from `lead` on, `middle` indices are lead's and its successors
  uint64_t value;        // its low bytes
};

/// Linear and cubic interpolation, box filters: output i of an axis is the sum over t of
/// weights[t * out + i] * input[indices[t * out + i]].
struct ResizeAxis {
  int64_t in, out;
  int taps;
  const int32_t* indices;
  const float* weights;
};

struct MoveKernels {
  void (*copy)(const CopyPlan& plan, const void* from, void* to, ThreadPool& pool);
  /// to[o][i] = from[o][index(i)] for rows of row_bytes; from is [outer, size, row], `to` [outer, count, row]. Negative
  /// indices count from the end. Returns false, and copies nothing, where an index is out of range.
  bool (*gather)(const void* from, const void* indices, int index_bytes, void* to, int64_t outer, int64_t size,
                 int64_t count, int64_t row_bytes, ThreadPool& pool);
  /// to[i] = condition ? a : b for n elements of four bytes; steps are 0 (one for all) or 1.
  void (*select_row)(const uint8_t* condition, int64_t condition_step, const uint32_t* a, int64_t a_step,
                     const uint32_t* b, int64_t b_step, uint32_t* to, int64_t n);
  void (*pad)(const PadProblem& problem, const void* from, void* to, ThreadPool& pool);
  /// f32 planes [planes, in rows, in columns] to [planes, out rows, out columns]; one index per output row and column.
  void (*resize_nearest)(const float* x, float* y, int64_t planes, int64_t in_rows, int64_t in_columns,
                         int64_t out_rows, int64_t out_columns, const int32_t* rows, const int32_t* columns,
                         ThreadPool& pool);
  /// Rows first, then columns. scratch: columns.in floats for each thread.
  void (*resize)(const float* x, float* y, int64_t planes, const ResizeAxis& rows, const ResizeAxis& columns,
                 float* scratch, ThreadPool& pool);
};
const MoveKernels& move_kernels(Isa isa);

}  // namespace vivace::cpu
