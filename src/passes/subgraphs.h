// Subgraphs of If, Loop, Scan and SequenceMap: taking them apart, and what their inputs and outputs are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace vivace::passes {

/// Copies the nodes of `body` before `before` (at the end without one), its inputs being `arguments`; gives the values
/// of its outputs. Names of nodes and values get `suffix`. An argument that the body does not use may be nullptr.
std::vector<ir::Value*> inline_graph(ir::Graph& graph, const ir::Graph& body, const std::vector<ir::Value*>& arguments,
                                     ir::Node* before, const std::string& suffix = {});

/// The inputs of a node with subgraphs that are captures: its last ones.
size_t capture_count(const ir::Node& node);
/// Hands `outer` to the subgraph of a Loop or Scan as one more capture; gives the subgraph's input.
ir::Value* add_capture(ir::Graph& graph, ir::Node* node, ir::Graph& body, ir::Value* outer);

/// What a node with subgraphs shall lose. Outputs are counted as those of the subgraph.
struct Leavings {
  std::vector<bool> inputs, body_outputs;
};
/// Puts a node without those inputs and outputs in the place of this one; they must be unused, inside and outside.
void leave_out(ir::Graph& graph, ir::Node* node, const Leavings& leavings);

/// Where a Loop or Scan keeps what.
struct LoopForm {
  ir::Graph* body;
  bool is_loop;        // a Loop
  size_t carried;      // values carried on from turn to turn; a Scan calls them states
  size_t first;        // of the node's and the body's inputs: the first carried one
  size_t first_given;  // of the body's outputs: the first carried one
  size_t scan_inputs;  // of a Scan, after the carried ones
  size_t captures;

  size_t given() const { return body->outputs().size() - first_given; }  // outputs that the node may have
};
/// Empty for other nodes, and for those whose parts do not fit together.
std::optional<LoopForm> loop_form(const ir::Node& node);
/// How often the body runs, where that is known; Scans need types for it.
std::optional<int64_t> turns_of(const ir::Node& node, const LoopForm& loop);
/// Whether the body certainly runs.
bool runs_at_all(const ir::Node& node, const LoopForm& loop);

}  // namespace vivace::passes
