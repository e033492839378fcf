#include "backends/cpu/move_plan.h"

#include <algorithm>
#include <vector>

namespace vivace::cpu {

namespace {
struct Dim {
  int64_t size, from, to;
};

// Wider elements where pairs move together: [n][2] of 4 bytes is [n] of 8.
void widen(std::vector<Dim>& dims, int& bytes) {
  while (!dims.empty() && bytes < 8) {
    const Dim& last = dims.back();
    if (last.from != 1 || last.to != 1 || last.size % 2 != 0) return;
    const auto even = [](const Dim& d) { return d.from % 2 == 0 && d.to % 2 == 0; };
    if (!std::all_of(dims.begin(), dims.end() - 1, even)) return;
    for (Dim& d : dims) d.from /= 2, d.to /= 2;
    dims.back() = {last.size / 2, 1, 1};
    bytes *= 2;
    if (dims.back().size == 1) dims.pop_back();
  }
}
}  // namespace

Result<CopyPlan> plan_copy(std::span<const int64_t> dims, std::span<const int64_t> from, std::span<const int64_t> to,
                           int element_bytes) {
  if (from.size() != dims.size() || to.size() != dims.size())
    return Status(Code::invalid_argument, "a copy needs one stride per dimension");
  CopyPlan plan{};
  plan.elements = 1;
  plan.other = -1;
  plan.element_bytes = element_bytes;
  std::vector<Dim> kept;
  for (size_t d = 0; d < dims.size(); ++d) {
    plan.elements *= dims[d];
    if (dims[d] != 1) kept.push_back({dims[d], from[d], to[d]});
  }
  if (plan.elements == 0) return plan;
  if (element_bytes == 16) {  // pairs of 8
    plan.element_bytes = 8;
    plan.elements *= 2;
    for (Dim& d : kept) d.from *= 2, d.to *= 2;
    kept.push_back({2, 1, 1});
  }
  std::stable_sort(kept.begin(), kept.end(), [](const Dim& a, const Dim& b) { return a.to > b.to; });
  std::vector<Dim> merged;
  for (const Dim& d : kept) {
    if (!merged.empty() && merged.back().from == d.from * d.size && merged.back().to == d.to * d.size)
      merged.back() = {merged.back().size * d.size, d.from, d.to};
    else
      merged.push_back(d);
  }
  widen(merged, plan.element_bytes);
  plan.elements = 1;
  if (merged.empty()) merged.push_back({1, 1, 1});
  if (merged.size() > kMoveRank)
    return Status(Code::unsupported,
                  "the copy kernel takes at most " + std::to_string(kMoveRank) + " dimensions that do not merge");
  plan.rank = static_cast<int>(merged.size());
  for (size_t d = 0; d < merged.size(); ++d) {
    plan.dims[d] = merged[d].size, plan.from[d] = merged[d].from, plan.to[d] = merged[d].to;
    plan.elements *= merged[d].size;
    if (d + 1 < merged.size() && merged[d].from == 1 && merged.back().from != 1 && merged.back().to == 1)
      plan.other = static_cast<int>(d);
  }
  return plan;
}

}  // namespace vivace::cpu
