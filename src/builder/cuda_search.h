// Chooses kernels where it counts: in the whole network's CUDA graph.
#pragma once

#include <map>
#include <set>

#include "backends/common/executor.h"
#include "builder/cuda_work.h"

namespace vivace::builder {

struct SearchLimits {
  double seconds = 0;       // of searching
  size_t alternatives = 0;  // tried for each problem in each pass
};

struct SearchResult {
  double before = 0, after = 0;  // seconds of one run
  int changed = 0;               // problems
};

/// Coordinate descent: for each problem, the one that costs most first, tries its fastest options in all nodes that
/// have it, and keeps what makes the whole run faster. Alone, a layer finds its input in the cache and the GPU empty;
/// here it starts while the one before ends. Reorders the works' options: the best comes first.
/// @param executor  of the program with the first options; `works` by node of its graph, nullptr where there is none
Result<SearchResult> search_in_place(const backends::Executor& executor, const std::vector<Shape>& shapes,
                                     const std::vector<CudaWork*>& works, const GpuClock& clock,
                                     const SearchLimits& limits);

/// Nodes that could run as one kernel.
struct TogetherGroup {
  std::string kind;  // equal for equal kernels
  double extra = 0;  // seconds that the program's choices for them take longer, alone, than their best ones
};
struct TogetherResult {
  double before = 0, after = 0;  // seconds of one run
  std::set<size_t> nodes;        // the first ones of groups that run together
};

/// Which groups of nodes should run as one kernel: all of them, then with each kind of group changed.
/// @param executor  of a program that lets all groups run so; `groups` by their first node
Result<TogetherResult> search_together(const backends::Executor& executor, const std::vector<Shape>& shapes,
                                       const std::map<size_t, TogetherGroup>& groups, const GpuClock& clock,
                                       double seconds);

/// internal where a run as CUDA graphs and one that waits after each layer differ: a kernel that starts early reads
/// what is not yet written.
Status check_replay(const backends::Executor& executor, const std::vector<Shape>& shapes);

}  // namespace vivace::builder
