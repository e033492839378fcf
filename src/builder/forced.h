// The rules "NAME=TACTIC" of a build: which tactic a node has to use.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"

namespace vivace::builder {

class ForcedTactics {
 public:
  explicit ForcedTactics(const std::vector<std::string>& rules);
  /// The tactic asked for by the node's name, a part of it ("a+b" is what two nodes were fused to), its operator, or
  /// "*"; nullptr: none.
  const std::string* find(const ir::Node& node) const;
  /// invalid_argument for a rule that no node met.
  Status check() const;

 private:
  std::map<std::string, std::string> tactics_;
  mutable std::set<std::string> obeyed_;
};

}  // namespace vivace::builder
