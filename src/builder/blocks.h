// Blocks of layers that one kernel may run: as one, or apart.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cpu/shapes.h"
#include "builder/report.h"
#include "plan/plan.h"

namespace vivace::builder {

/// A graph, its program and what the build says of it.
struct Variant {
  std::shared_ptr<ir::Graph> graph;
  plan::Program program;
  Report report;
};

/// Operators that stand for blocks.
using Blocks = std::function<bool(std::string_view op)>;
/// Names of outputs of blocks that stay apart.
using Apart = std::set<std::string, std::less<>>;

struct BlockTrials {
  Blocks fused;  // may become one operator
  Blocks parts;  // of these, are so even in the program that the others are compared with
  /// The program with these blocks fused, except those that stay apart. `trial`: it only serves to compare.
  std::function<Result<Variant>(const Blocks&, const Apart&, bool trial)> make;
  /// Whether a block loses against its parts, whatever the times; nullopt: by time.
  std::function<std::optional<bool>(const ir::Node&, const plan::Choice&, const cpu::ConcreteGraph&)> loses;
  double least_gain = 1;     // a block's parts take at least so many times as long
  bool trials_only = false;  // the program chosen is made once more
  std::string otherwise;     // what to say of those that stay apart
};

/// The program in which a block is one operator where that takes less time than its parts. Where one stays apart, a
/// smaller one that it leaves is tried next.
Result<Variant> compare_blocks(const BlockTrials& trials, const std::vector<Shape>& shapes);

/// Whether one of a backend's rows is made for such an operator and not disabled.
template <class Rows>
bool has_row(const Rows& rows, std::string_view op, const std::vector<std::string>& disabled) {
  return std::any_of(rows.begin(), rows.end(), [&](const auto* row) {
    return row->runs(op) && !row->operators.empty() &&
           std::find(disabled.begin(), disabled.end(), row->name) == disabled.end();
  });
}

}  // namespace vivace::builder
