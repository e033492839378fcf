// The optimizer: its passes in their order, and the driver that runs them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "passes/pass.h"

namespace vivace::passes {

/// What one pass did, all its runs together.
struct PassRecord {
  std::string name, purpose;
  int changes = 0;
  double seconds = 0;
};

struct PassReport {
  std::vector<PassRecord> passes;         // in the pipeline's order
  int nodes_before = 0, nodes_after = 0;  // subgraphs included
};

/// Passes that run one after the other, all again while any changes something, at most `rounds` times.
struct Stage {
  std::string name;
  int rounds;
  std::vector<Pass> passes;
};

std::span<const Stage> pipeline();

/// Runs the pipeline on a graph whose types are inferred, subgraphs included. After every pass that changed something
/// the graph is verified and its types are inferred again: a pass that breaks either is an internal error with its
/// name. Names in options.disabled that no pass has are an invalid_argument.
Result<PassReport> optimize(ir::Graph& graph, const Options& options = {});
/// One pass under the same checks; the number of changes.
Result<int> run_pass(const Pass& pass, ir::Graph& graph, const Options& options = {});

/// Nodes of the graph and its subgraphs.
int count_nodes(ir::Graph& graph);

}  // namespace vivace::passes
