#include "ir/graph.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace vivace::ir {

std::string Node::describe() const {
  const std::string& called = !name.empty() ? name : !outputs_.empty() ? outputs_[0]->name : name;
  return "node '" + called + "' (" + op + ")";
}

std::vector<Node*> Graph::node_list() const {
  std::vector<Node*> list;
  for (const auto& node : nodes_) list.push_back(node.get());
  return list;
}

std::vector<Value*> Graph::values() const {
  std::vector<Value*> list;
  for (const auto& value : values_)
    if (value) list.push_back(value.get());
  return list;
}

Value* Graph::new_value(std::string name, Type type) {
  values_.push_back(std::make_unique<Value>());
  Value* value = values_.back().get();
  value->id_ = next_value_++;
  value->name = std::move(name);
  value->type = std::move(type);
  return value;
}

void Graph::add_use(Value* value, Node* node, int index) {
  if (value) value->uses_.push_back({node, index});
}

void Graph::drop_use(Value* value, Node* node, int index) {
  if (!value) return;
  const auto at = std::find_if(value->uses_.begin(), value->uses_.end(),
                               [&](const Use& use) { return use.node == node && use.index == index; });
  if (at != value->uses_.end()) value->uses_.erase(at);
}

Value* Graph::add_input(std::string name, Type type) {
  Value* value = new_value(std::move(name), std::move(type));
  value->is_input_ = true;
  inputs_.push_back(value);
  return value;
}

Value* Graph::add_constant(Tensor tensor, std::string name) {
  Value* value = new_value(std::move(name), Type::tensor(tensor.type(), to_dims(tensor.shape())));
  if (is_integer(tensor.type()) && tensor.shape().size() <= 1 && tensor.count() <= 64) {
    const std::vector<int64_t> numbers = to_int64(tensor);
    value->known = Dims(numbers.begin(), numbers.end());
  }
  value->constant_ = std::move(tensor);
  return value;
}

Node* Graph::add_node(std::string op, std::vector<Value*> inputs, int outputs, Attributes attributes, std::string name,
                      Node* before) {
  const auto position = before ? before->position_ : nodes_.end();
  const auto at = nodes_.insert(position, std::make_unique<Node>());
  Node* node = at->get();
  node->position_ = at;
  node->id_ = next_node_++;
  node->op = std::move(op);
  node->name = std::move(name);
  node->attributes = std::move(attributes);
  node->inputs_ = std::move(inputs);
  for (size_t i = 0; i < node->inputs_.size(); ++i) add_use(node->inputs_[i], node, static_cast<int>(i));
  for (int i = 0; i < outputs; ++i) {
    Value* value = new_value({}, {});
    value->producer_ = node;
    value->producer_index_ = i;
    node->outputs_.push_back(value);
  }
  return node;
}

void Graph::mark_output(Value* value, std::string name) {
  if (name.empty()) name = value->name;
  outputs_.push_back(value);
  output_names_.push_back(std::move(name));
  ++value->output_count_;
}

void Graph::set_output(size_t index, Value* value) {
  --outputs_[index]->output_count_;
  outputs_[index] = value;
  ++value->output_count_;
}

void Graph::set_input(Node* node, size_t index, Value* value) {
  drop_use(node->inputs_[index], node, static_cast<int>(index));
  node->inputs_[index] = value;
  add_use(value, node, static_cast<int>(index));
}

void Graph::add_node_input(Node* node, Value* value) {
  node->inputs_.push_back(value);
  add_use(value, node, static_cast<int>(node->inputs_.size()) - 1);
}

void Graph::truncate_inputs(Node* node, size_t count) {
  while (node->inputs_.size() > count) {
    drop_use(node->inputs_.back(), node, static_cast<int>(node->inputs_.size()) - 1);
    node->inputs_.pop_back();
  }
}

void Graph::replace_uses(Value* from, Value* to) {
  if (from == to) return;
  for (const Use& use : from->uses_) {
    use.node->inputs_[static_cast<size_t>(use.index)] = to;
    to->uses_.push_back(use);
  }
  from->uses_.clear();
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i] == from) set_output(i, to);
}

void Graph::erase(Node* node) {
  for (size_t i = 0; i < node->inputs_.size(); ++i) drop_use(node->inputs_[i], node, static_cast<int>(i));
  for (Value* output : node->outputs_) values_[static_cast<size_t>(output->id_)].reset();
  nodes_.erase(node->position_);
}

void Graph::remove_unused_constant(Value* value) {
  if (value->is_constant() && value->unused()) values_[static_cast<size_t>(value->id_)].reset();
}

void Graph::erase_unused() {
  for (auto at = nodes_.end(); at != nodes_.begin();) {
    Node* node = (--at)->get();
    const bool dead = std::all_of(node->outputs_.begin(), node->outputs_.end(), [](Value* v) { return v->unused(); });
    if (!dead) continue;
    ++at;
    erase(node);
  }
  for (auto& value : values_)
    if (value && value->is_constant() && value->unused()) value.reset();
}

void Graph::move_before(Node* node, Node* before) { nodes_.splice(before->position_, nodes_, node->position_); }

Status Graph::sort() {
  // Depth-first with an explicit stack: models may be tens of thousands of nodes deep.
  enum class Mark : uint8_t { fresh, open, done };
  std::unordered_map<const Node*, Mark> marks;
  std::vector<Node*> order;
  std::vector<std::pair<Node*, size_t>> stack;
  for (Node* root : node_list()) {
    if (marks[root] == Mark::done) continue;
    stack.push_back({root, 0});
    marks[root] = Mark::open;
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (next == node->inputs_.size()) {
        marks[node] = Mark::done;
        order.push_back(node);
        stack.pop_back();
        continue;
      }
      Value* input = node->inputs_[next++];
      Node* producer = input ? input->producer_ : nullptr;
      if (!producer || marks[producer] == Mark::done) continue;
      if (marks[producer] == Mark::open)
        return {Code::invalid_model, producer->describe() + " depends on its own output: the graph has a cycle"};
      marks[producer] = Mark::open;
      stack.push_back({producer, 0});
    }
  }
  for (Node* node : order) nodes_.splice(nodes_.end(), nodes_, node->position_);
  return {};
}

std::unique_ptr<Graph> Graph::clone(std::vector<Value*>* new_by_old_id) const {
  auto copy = std::make_unique<Graph>();
  copy->name = name;
  std::vector<Value*> to(static_cast<size_t>(next_value_), nullptr);
  const auto mapped = [&](const Value* v) { return v ? to[static_cast<size_t>(v->id_)] : nullptr; };
  for (const Value* input : inputs_) {
    to[static_cast<size_t>(input->id_)] = copy->add_input(input->name, input->type);
    mapped(input)->known = input->known;
  }
  for (const auto& value : values_)
    if (value && value->is_constant()) to[static_cast<size_t>(value->id_)] = copy->add_constant(value->constant_, value->name);
  for (const auto& node : nodes_) {
    std::vector<Value*> inputs;
    for (const Value* input : node->inputs_) inputs.push_back(mapped(input));
    Attributes attributes = node->attributes;
    for (auto& [key, attribute] : attributes)
      if (auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute)) *inner = (*inner)->clone();
    Node* made = copy->add_node(node->op, std::move(inputs), static_cast<int>(node->outputs_.size()),
                                std::move(attributes), node->name);
    for (size_t i = 0; i < node->outputs_.size(); ++i) {
      Value* output = made->outputs_[i];
      const Value* old = node->outputs_[i];
      output->name = old->name;
      output->type = old->type;
      output->known = old->known;
      to[static_cast<size_t>(old->id_)] = output;
    }
  }
  for (size_t i = 0; i < outputs_.size(); ++i) copy->mark_output(mapped(outputs_[i]), output_names_[i]);
  if (new_by_old_id) *new_by_old_id = std::move(to);
  return copy;
}

Status verify(const Graph& graph) {
  const auto defect = [&](const std::string& what) {
    return Status(Code::internal, "graph '" + graph.name + "': " + what);
  };
  // Every use that a value lists is one of a node of this graph, and there are as many as the nodes have inputs.
  std::unordered_set<const Node*> nodes;
  size_t inputs = 0, uses = 0;
  for (const auto& node : graph.nodes()) nodes.insert(node.get());
  for (const Value* value : graph.values())
    for (const Use& use : value->uses()) {
      ++uses;
      if (!nodes.contains(use.node) || use.node->input(static_cast<size_t>(use.index)) != value)
        return defect("value '" + value->name + "' lists a use that is none");
    }
  std::unordered_set<const Value*> seen;
  for (const Value* value : graph.values())
    if (value->is_input() || value->is_constant()) seen.insert(value);
  for (const auto& node : graph.nodes()) {
    for (const Value* input : node->inputs()) {
      if (!input) continue;
      ++inputs;
      if (!seen.contains(input)) return defect(node->describe() + " uses a value before it is made: '" + input->name + "'");
    }
    for (const Value* output : node->outputs()) seen.insert(output);
    for (const auto& [key, attribute] : node->attributes)
      if (const auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute)) VIVACE_TRY(verify(**inner));
  }
  if (inputs != uses) return defect("values list " + std::to_string(uses) + " uses, the nodes have " + std::to_string(inputs));
  for (const Value* output : graph.outputs())
    if (!seen.contains(output)) return defect("output '" + output->name + "' is never made");
  return {};
}

void for_each_graph(Graph& graph, const std::function<void(Graph&)>& visit) {
  visit(graph);
  for (const auto& node : graph.nodes())
    for (auto& [key, attribute] : node->attributes)
      if (auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute)) for_each_graph(**inner, visit);
}

}  // namespace vivace::ir
