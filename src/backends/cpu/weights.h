// Bytes of constants: what a run reads, each once, however many nodes share it.
#pragma once

#include <unordered_set>

#include "backends/common/executor.h"
#include "backends/cpu/tactic.h"

namespace vivace::cpu {

using backends::WeightUse;

class WeightCount {
 public:
  explicit WeightCount(size_t nodes) { use_.by_node.resize(nodes); }
  /// A node that runs a tactic with these packed constants.
  void add(size_t node, const Tactic& tactic, const Problem& problem, const std::vector<Tensor>& packed);
  /// A node whose tactic is found while running, with the programs of its subgraphs.
  void add(size_t node, const ir::Node& what, const plan::Program& program);
  const WeightUse& use() const { return use_; }

 private:
  void add_model(const ir::Node& node);
  void add_read(size_t node, const Tensor& tensor, bool packed);
  void add_body(size_t node, const plan::Program& body);

  WeightUse use_;
  std::unordered_set<const void*> in_model_, read_;
};

}  // namespace vivace::cpu
