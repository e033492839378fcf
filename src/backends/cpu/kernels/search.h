// Along one axis of [outer, n, inner], f32: where the greatest is, candidates for the k greatest, running sums.
#pragma once

#include <cstdint>

#include "backends/cpu/isa.h"

namespace vivace {
class ThreadPool;
}

namespace vivace::cpu {

struct SearchKernels {
  /// Where the greatest (least) of each line is, the first or the last of equals; NaN wins.
  void (*arg)(const float* x, int64_t* y, int64_t outer, int64_t n, int64_t inner, bool greatest, bool last,
              ThreadPool& pool);
  /// Writes the indices i in [begin, n) of what is above `bound` (largest) or below, NaN being above all numbers; how
  /// many. *end: where it stopped, which is before n only where fewer than 16 places are left in `room`.
  int64_t (*beyond)(const float* x, int64_t begin, int64_t n, float bound, bool largest, int64_t* indices, int64_t room,
                    int64_t* end);
  /// Running sums, in double: y[i] = x[0] + ... + x[i], without x[i] where `exclusive`, from the end where `reverse`.
  void (*running_sum)(const float* x, float* y, int64_t outer, int64_t n, int64_t inner, bool exclusive, bool reverse,
                      ThreadPool& pool);
};
const SearchKernels& search_kernels(Isa isa);

}  // namespace vivace::cpu
