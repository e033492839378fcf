#include "base/arena.h"

#include <algorithm>
#include <numeric>

#include "base/tensor.h"

namespace vivace {

namespace {

size_t rounded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Places requests in this order, each at the lowest offset where no request alive at the same time is in its way.
void place(const std::vector<ArenaRequest>& requests, const std::vector<size_t>& order, ArenaPlan& plan) {
  plan.offsets.assign(requests.size(), 0);
  plan.bytes = 0;
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
}

}  // namespace

ArenaPlan plan_arena(const std::vector<ArenaRequest>& requests) {
  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), size_t{0});
  ArenaPlan plan, other;
  const auto sorted_by = [&](auto key) {
    std::vector<size_t> sorted = order;
    std::stable_sort(sorted.begin(), sorted.end(), [&](size_t a, size_t b) { return key(requests[a]) > key(requests[b]); });
    return sorted;
  };
  place(requests, sorted_by([](const ArenaRequest& r) { return r.bytes; }), plan);
  // No order is best for every graph, and all are quick.
  for (const auto& tried : {sorted_by([](const ArenaRequest& r) { return r.bytes * static_cast<size_t>(r.last - r.first + 1); }),
                            sorted_by([](const ArenaRequest& r) { return r.last - r.first; }),
                            sorted_by([](const ArenaRequest& r) { return -r.first; })}) {
    place(requests, tried, other);
    if (other.bytes < plan.bytes) std::swap(plan, other);
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
