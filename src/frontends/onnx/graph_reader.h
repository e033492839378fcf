// GraphProto -> ir::Graph: names become values, nodes are put in order, functions inlined, captures made explicit.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "frontends/onnx/import.h"
#include "frontends/onnx/tensors.h"
#include "frontends/onnx/upgrade.h"

namespace vivace::onnx {

/// Versions of the operator sets in use, by domain; "" is the standard's own.
using Opsets = std::map<std::string, int64_t, std::less<>>;
Opsets read_opsets(const std::vector<proto::Opset>& imports);

/// "Conv", "com.microsoft.FastGelu".
std::string qualified_name(const proto::Node& node);

/// TypeProto -> ir::Type.
Result<ir::Type> read_type(Bytes type_message, int depth = 0);

/// Adds the names that the nodes and outputs of a graph use but nothing in it makes, in order of appearance.
Status find_free_names(const proto::Graph& graph, std::vector<Bytes>& to, int depth = 0);

/// Subgraphs, calls of functions and types may be nested this deep.
constexpr int kMaxDepth = 32;
Status too_deep();

class GraphReader {
 public:
  GraphReader(const proto::Model& model, const ImportOptions& options, TensorReader& tensors)
      : model_(model), options_(options), tensors_(tensors) {}

  Result<std::unique_ptr<ir::Graph>> read();

 private:
  // What the nodes being read see: the names of a graph, or of one inlined call of a function.
  struct Scope {
    ir::Graph& graph;
    const Opsets& opsets;
    int depth = 0;
    std::string prefix = {};                                       // of all names inside an inlined call
    const std::map<Bytes, proto::Attribute>* arguments = nullptr;  // attributes of the inlined call
    std::unordered_map<Bytes, ir::Value*> values = {};             // nullptr: an input the call omits
    std::unordered_map<Bytes, ir::Type> declared = {};
    std::unordered_set<Bytes> lost = {};  // what nodes that cannot be read would have made
  };
  struct PendingNode {
    proto::Node node;
    std::vector<proto::Attribute> attributes;  // references to a function's attributes resolved
    std::vector<Bytes> captures;               // names its subgraphs take from outside
  };

  // calls.cc
  Status index_functions();
  const proto::Function* function_of(const proto::Node& node) const;
  Status check_operators(const std::vector<Bytes>& nodes);
  Status find_missing(const std::vector<Bytes>& nodes, const Opsets& opsets, int depth);
  void note_missing(const std::vector<Bytes>& nodes);
  Status all_problems() const;
  Status read_call(const PendingNode& pending, const proto::Function& function, Scope& scope, Step& step);

  // graph_reader.cc
  Status read_graph(const proto::Graph& proto, Scope& scope);
  Status read_inputs(const proto::Graph& proto, Scope& scope);
  Status read_initializers(const proto::Graph& proto, Scope& scope);
  Status read_declared(const std::vector<Bytes>& value_infos, Scope& scope);
  Status read_outputs(const proto::Graph& proto, Scope& scope);
  Status apply_declared(ir::Value& value, const ir::Type& declared, bool strict) const;

  // node_reader.cc
  void note_bad_node(size_t index, const proto::Node& node, const Status& why);
  Status read_nodes(const std::vector<Bytes>& messages, Scope& scope);
  Status read_or_lose(const PendingNode& pending, size_t index, Scope& scope);
  Result<PendingNode> read_pending(Bytes message, const Scope& scope);
  Result<std::vector<size_t>> order_of(const std::vector<PendingNode>& nodes, const Scope& scope) const;
  Status read_node(const PendingNode& pending, Scope& scope);
  Status fill_step(const PendingNode& pending, Scope& scope, Step& step);
  Result<ir::Attributes> read_attributes(const std::vector<proto::Attribute>& attributes);
  bool is_lacking(const proto::Node& node, const Opsets& opsets) const;
  bool is_extension(const PendingNode& pending, const Opsets& opsets);
  Status read_extension(const PendingNode& pending, Step& step);
  Status read_subgraphs(const PendingNode& pending, Scope& scope, Step& step);
  Result<ir::Attribute> read_attribute(const proto::Attribute& attribute);
  Result<Tensor> read_constant(const PendingNode& pending);
  Status define(Scope& scope, Bytes name, ir::Value* value) const;

  const proto::Model& model_;
  const ImportOptions& options_;
  TensorReader& tensors_;
  Opsets opsets_;
  std::map<std::string, proto::Function> functions_;
  std::map<const proto::Function*, Opsets> function_opsets_;
  std::vector<const proto::Function*> active_calls_;
  std::unordered_map<std::string, int> call_labels_;
  std::unordered_set<const proto::Function*> checked_functions_;
  std::map<std::string, std::string> missing_;  // operator -> a node that needs it
  int64_t nodes_ = 0;
  std::vector<Status> problems_;  // of the model's own nodes, so that all are told at once
  bool told_ = false;             // the failure on its way up is of an operator that problems_ has already
  int64_t unread_ = 0;            // nodes behind those with problems
};

}  // namespace vivace::onnx
