// The graph every room works on: typed SSA. A value is made once, by a node, as an input, or as a constant.
//
// Operators are those of the newest ONNX opset; readers of older models convert. `op` is qualified by domain: "Conv",
// "com.microsoft.FastGelu", "vivace.FusedConv". Subgraphs (If, Loop, Scan) are attributes and closed: what they take
// from outside is an explicit input, after the operator's own inputs, of both the node and the subgraph; the
// attribute `captures` of the node counts them.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/attribute.h"
#include "ir/type.h"

namespace vivace::ir {

class Node;

struct Use {
  Node* node;
  int index;  // which input of the node
};

class Value {
 public:
  std::string name;
  Type type;
  /// The elements of an integer tensor of rank 0 or 1 so far as shape inference knows them.
  std::optional<Dims> known;

  int id() const { return id_; }  // unique within the graph
  Node* producer() const { return producer_; }
  int producer_index() const { return producer_index_; }
  bool is_constant() const { return constant_.valid(); }
  const Tensor& constant() const { return constant_; }
  const std::vector<Use>& uses() const { return uses_; }
  bool is_input() const { return is_input_; }
  /// How often this value is one of the graph's outputs.
  int output_count() const { return output_count_; }
  bool single_use() const { return uses_.size() == 1 && output_count_ == 0; }
  bool unused() const { return uses_.empty() && output_count_ == 0; }

 private:
  friend class Graph;
  int id_ = 0;
  Node* producer_ = nullptr;
  int producer_index_ = 0;
  bool is_input_ = false;
  int output_count_ = 0;
  Tensor constant_;
  std::vector<Use> uses_;
};

class Node {
 public:
  std::string name;  // of the model's node, or of the nodes this one replaced; for messages and reports
  std::string op;
  Attributes attributes;

  int id() const { return id_; }
  const std::vector<Value*>& inputs() const { return inputs_; }    // nullptr: an optional input left out
  const std::vector<Value*>& outputs() const { return outputs_; }  // never nullptr; an unused one has an empty name
  Value* input(size_t i) const { return i < inputs_.size() ? inputs_[i] : nullptr; }
  Value* output(size_t i = 0) const { return i < outputs_.size() ? outputs_[i] : nullptr; }
  Graph* subgraph(std::string_view attribute) const {
    const auto* found = attributes.get<std::shared_ptr<Graph>>(attribute);
    return found ? found->get() : nullptr;
  }
  /// "node 'layer1.0.conv2' (Conv)", for messages.
  std::string describe() const;

 private:
  friend class Graph;
  int id_ = 0;
  std::vector<Value*> inputs_;
  std::vector<Value*> outputs_;
  std::list<std::unique_ptr<Node>>::iterator position_;
};

class Graph {
 public:
  std::string name;

  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Reading.
  const std::vector<Value*>& inputs() const { return inputs_; }
  const std::vector<Value*>& outputs() const { return outputs_; }
  const std::string& output_name(size_t i) const { return output_names_[i]; }
  /// Nodes in an order in which each comes after the producers of its inputs.
  const std::list<std::unique_ptr<Node>>& nodes() const { return nodes_; }
  std::vector<Node*> node_list() const;
  /// All values in order of their making; values of erased nodes are gone.
  std::vector<Value*> values() const;
  int value_id_limit() const { return next_value_; }  // every id is below

  // Building.
  Value* add_input(std::string name, Type type);
  /// A constant; its type comes from the tensor.
  Value* add_constant(Tensor tensor, std::string name = {});
  /// Appends a node, or puts it before `before`. Its outputs have no type until inference gives them one.
  Node* add_node(std::string op, std::vector<Value*> inputs, int outputs = 1, Attributes attributes = {},
                 std::string name = {}, Node* before = nullptr);
  /// The output is called `name`, or as the value is where that is empty.
  void mark_output(Value* value, std::string name = {});

  // Changing.
  void set_input(Node* node, size_t index, Value* value);
  void add_node_input(Node* node, Value* value);
  void truncate_inputs(Node* node, size_t count);
  /// Every use of `from`, the graph's outputs among them, becomes a use of `to`.
  void replace_uses(Value* from, Value* to);
  void set_output(size_t index, Value* value);
  void erase(Node* node);           // its outputs must be unused
  void erase_unused();              // nodes and constants that no output needs; inputs stay
  /// Moves `node` directly before `before`.
  void move_before(Node* node, Node* before);
  void remove_unused_constant(Value* value);
  /// Sorts nodes by dependencies, keeping their order where it is free; invalid_model on a cycle, which it names.
  Status sort();

  /// A deep copy; constants share their memory. `map` receives old value -> new value where given.
  std::unique_ptr<Graph> clone(std::vector<Value*>* new_by_old_id = nullptr) const;

 private:
  Value* new_value(std::string name, Type type);
  void add_use(Value* value, Node* node, int index);
  void drop_use(Value* value, Node* node, int index);

  std::vector<std::unique_ptr<Value>> values_;  // by id; nullptr once gone
  std::list<std::unique_ptr<Node>> nodes_;
  std::vector<Value*> inputs_, outputs_;
  std::vector<std::string> output_names_;
  int next_value_ = 0, next_node_ = 0;
};

/// Checks what the class cannot: order, use lists, names of outputs, closed subgraphs. Internal error on a defect.
Status verify(const Graph& graph);

/// Calls `visit` for the graph and every subgraph in it, outermost first.
void for_each_graph(Graph& graph, const std::function<void(Graph&)>& visit);

}  // namespace vivace::ir
