// Graphs and programs for tests of the GPU's backend.
#pragma once

#include <gtest/gtest.h>

#include "backends/cuda/executor.h"
#include "ir/text.h"
#include "ops/operator.h"

namespace vivace::cuda {

inline std::shared_ptr<ir::Graph> graph_of(const std::string& text) {
  Result<std::unique_ptr<ir::Graph>> graph = ir::parse("graph " + text);
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  if (!graph.ok()) return nullptr;
  EXPECT_TRUE(ops::infer_graph(**graph).ok());
  return *std::move(graph);
}

// A GPU without memory of its own: the null device.
inline Device described() {
  Result<Device> device = find_device("sm_90");
  EXPECT_TRUE(device.ok());
  return device.ok() ? *device : Device();
}

// What runs a body on the CPU.
inline plan::Program body_of(const std::shared_ptr<ir::Graph>& graph) {
  plan::Program program;
  program.graph = graph;
  program.choices.resize(graph->node_list().size());
  return program;
}

// All nodes on the CPU, or with the first row that supports them and no machine code, which the null device does not
// need.
inline plan::Program program_of(const std::shared_ptr<ir::Graph>& graph, const cpu::ConcreteGraph& at, bool on_gpu) {
  plan::Program program;
  program.graph = graph;
  for (const ir::Node* node : graph->node_list()) {
    plan::Choice choice;
    choice.tactic = kHost;
    if (on_gpu && at.concrete(*node))
      for (const Tactic* tactic : all_tactics())
        if (choice.tactic == kHost && tactic->runs(node->op) &&
            tactic->supports(cpu::problem_of(*node, at), described())) {
          choice.tactic = tactic->name;
          choice.version = tactic->version;
          if (tactic->configurations)
            choice.configuration = tactic->configurations(cpu::problem_of(*node, at), described()).front();
        }
    for (const auto& [name, attribute] : node->attributes)
      if (const auto* body = std::get_if<std::shared_ptr<ir::Graph>>(&attribute))
        program.bodies[{program.choices.size(), name}] = body_of(*body);
    program.choices.push_back(choice);
  }
  return program;
}

}  // namespace vivace::cuda
