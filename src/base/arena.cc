#include "base/arena.h"

#include <algorithm>
#include <numeric>

#include "base/tensor.h"

namespace vivace {

ArenaPlan plan_arena(const std::vector<ArenaRequest>& requests) {
  const auto rounded = [](size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; };
  ArenaPlan plan;
  plan.offsets.assign(requests.size(), 0);

  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return requests[a].bytes > requests[b].bytes; });

  std::vector<size_t> placed;  // by offset
  for (const size_t i : order) {
    const ArenaRequest& request = requests[i];
    const size_t bytes = rounded(request.bytes);
    size_t offset = 0;
    for (const size_t j : placed) {
      const ArenaRequest& other = requests[j];
      if (other.last < request.first || request.last < other.first) continue;
      if (plan.offsets[j] >= offset + bytes) break;
      offset = std::max(offset, plan.offsets[j] + rounded(other.bytes));
    }
    plan.offsets[i] = offset;
    plan.bytes = std::max(plan.bytes, offset + bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), i,
                                   [&](size_t a, size_t b) { return plan.offsets[a] < plan.offsets[b]; }),
                  i);
  }

  int steps = 0;
  for (const ArenaRequest& request : requests) steps = std::max(steps, request.last + 1);
  std::vector<int64_t> change(static_cast<size_t>(steps) + 1, 0);
  for (const ArenaRequest& request : requests) {
    change[static_cast<size_t>(request.first)] += static_cast<int64_t>(rounded(request.bytes));
    change[static_cast<size_t>(request.last) + 1] -= static_cast<int64_t>(rounded(request.bytes));
  }
  int64_t live = 0;
  for (int step = 0; step < steps; ++step) {
    live += change[static_cast<size_t>(step)];
    plan.live.push_back(static_cast<size_t>(live));
    plan.largest_live = std::max(plan.largest_live, plan.live.back());
  }
  return plan;
}

}  // namespace vivace
