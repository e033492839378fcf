// Older forms of operators become the newest one.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace vivace::onnx {

/// A node of the model on its way into the graph. Inputs have their types.
class Step {
 public:
  Step(ir::Graph& to, std::string operator_name, int64_t opset) : graph(to), op(std::move(operator_name)), version(opset) {}

  ir::Graph& graph;
  std::string op;       // qualified
  int64_t version;      // of the operator set the node was written for
  std::string name;
  std::vector<ir::Value*> inputs;  // nullptr: omitted
  ir::Attributes attributes;
  size_t outputs = 1;   // how many
  /// The node's outputs; a converter that leaves them empty wants one node of `op` with the inputs and attributes here.
  std::vector<ir::Value*> results;
  /// The first error of a helper below.
  Status status;

  ir::Value* input(size_t i) const { return i < inputs.size() ? inputs[i] : nullptr; }
  /// Rank of input i; -1 where it is unknown or the input is omitted.
  int rank(size_t i) const { return input(i) ? input(i)->type.rank() : -1; }

  /// Adds a node, infers its types, and returns its first output.
  ir::Value* add(const std::string& operator_name, std::vector<ir::Value*> node_inputs, ir::Attributes node_attributes = {},
                 size_t output_count = 1);
  /// Adds the node that the members describe now; its outputs become the results.
  void emit();
  ir::Value* constant(std::vector<int64_t> values);         // i64 [n]
  ir::Value* scalar(DType type, double value);              // a number of any number type
  DType dtype(size_t i) const;                              // of input i
  Status error(const std::string& what) const;              // invalid_model
  Status unsupported(const std::string& what) const;
  void fail(Status why);
  /// "node 'x' (Conv, opset 17)", for messages.
  std::string describe() const;
};

/// Converts the node to the newest form of its operator, which may take several nodes, and adds it to the graph with
/// types inferred. Fills `results`.
Status convert(Step& step);

/// The operator that convert() makes of one of an older operator set which is gone now (Upsample: Resize); else `op`.
std::string_view newest_name(std::string_view op, int64_t version);

}  // namespace vivace::onnx
