// A pass: one named change of a graph that keeps its meaning.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/threads.h"
#include "ir/graph.h"

namespace vivace::passes {

struct Options {
  /// Names of passes and rules that shall not run; "all" for every one.
  std::set<std::string, std::less<>> disabled;
  /// Constants that folding makes may have this many bytes, or as many as the constants they are made from.
  int64_t fold_limit = int64_t{1} << 20;
  /// Called after every pass that changed something.
  std::function<void(const std::string& pass, const ir::Graph&)> dump;
  /// Asked before every pass; true ends the work with Code::cancelled.
  std::function<bool()> cancelled;
  ThreadPool* pool = nullptr;  // for folding; may be null
};

/// What a pass may know besides the graph.
struct PassContext {
  const Options& options;
};

struct Pass {
  std::string name;
  std::string purpose;  // one line, for reports
  /// Changes one graph, not its subgraphs (the driver comes to them too); gives the number of changes.
  std::function<Result<int>(ir::Graph&, PassContext&)> run;
};

}  // namespace vivace::passes
