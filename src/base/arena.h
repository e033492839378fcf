// Places buffers with known lifetimes into one block of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vivace {

struct ArenaRequest {
  size_t bytes = 0;
  int first = 0, last = 0;  // steps between which the buffer holds something, both included
};

struct ArenaPlan {
  std::vector<size_t> offsets;  // one per request, multiples of kAlignment
  size_t bytes = 0;             // of the whole arena
  std::vector<size_t> live;     // bytes alive at each step
  size_t largest_live = 0;      // the most of them: no plan can be smaller
};

/// Each buffer at the lowest offset where no buffer alive at the same time is in its way; largest first, or in one of
/// some other orders where that takes less.
/// (Greedy by size: Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020.)
ArenaPlan plan_arena(const std::vector<ArenaRequest>& requests);

}  // namespace vivace
