// Nodes: their order, attributes, subgraphs, and the values they make.
#include <algorithm>

#include "frontends/onnx/attribute_kinds.h"
#include "frontends/onnx/graph_reader.h"
#include "ops/control.h"
#include "ops/extension.h"

namespace vivace::onnx {

namespace {

using proto::AttributeKind;

Status bad(const std::string& what) { return {Code::invalid_model, what}; }

bool is_graph(const proto::Attribute& a) { return a.kind == static_cast<int32_t>(AttributeKind::graph); }

std::vector<std::string> strings_of(const std::vector<Bytes>& from) { return {from.begin(), from.end()}; }

// The standard's attributes must be of the kind it gives them; an empty list may lack a kind.
Status check_kind(const proto::Node& node, proto::Attribute& a) {
  const AttributeKind expected = kind_of_attribute(a.name);
  if ((!node.domain.empty() && node.domain != "ai.onnx") || expected == AttributeKind::undefined) return {};
  if (a.kind == 0) a.kind = static_cast<int32_t>(expected);
  const auto kind = static_cast<AttributeKind>(a.kind);
  if (kind == expected) return {};
  return bad("node '" + std::string(node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name) + "' (" +
             std::string(node.op_type) + "): attribute '" + std::string(a.name) + "' must be " + to_string(expected) +
             ", not " + to_string(kind));
}

// Bodies of loops need not say the types of their inputs, which are those of the node's inputs at the same places
// (Loop: but for the first two). Shapes may differ from one iteration to the next.
void type_subgraph_inputs(const std::string& op, const std::vector<ir::Value*>& own, ir::Graph& body) {
  for (size_t i = 0; i < body.inputs().size(); ++i) {
    ir::Type& type = body.inputs()[i]->type;
    if (type.dtype != DType::undefined) continue;
    if (op == "Loop" && i < 2) type = ir::Type::tensor(i == 0 ? DType::i64 : DType::boolean, {});
    else if (i >= own.size() || !own[i]) continue;
    else if (op == "SequenceMap" && own[i]->type.is_list()) type = ops::mapped_element(own[i]->type);
    else if (own[i]->type.is_list()) type = own[i]->type;
    else type.dtype = own[i]->type.dtype;
  }
}

}  // namespace

std::string qualified_name(const proto::Node& node) {
  if (node.domain.empty() || node.domain == "ai.onnx") return std::string(node.op_type);
  return std::string(node.domain) + "." + std::string(node.op_type);
}

Status find_free_names(const proto::Graph& graph, std::vector<Bytes>& to, int depth) {
  if (depth > kMaxDepth) return too_deep();
  std::unordered_set<Bytes> settled(to.begin(), to.end());  // made inside, or listed already
  std::vector<Bytes> wanted;
  for (const Bytes message : graph.inputs) settled.insert(proto::decode_value_info(message).name);
  for (const Bytes message : graph.initializers) settled.insert(proto::decode_tensor_name(message));
  for (const Bytes message : graph.sparse_initializers)
    settled.insert(proto::decode_tensor_name(proto::decode_sparse_tensor(message).values));
  for (const Bytes message : graph.nodes) {
    const proto::Node node = proto::decode_node(message);
    settled.insert(node.outputs.begin(), node.outputs.end());
    wanted.insert(wanted.end(), node.inputs.begin(), node.inputs.end());
    for (const Bytes attribute_message : node.attributes)
      if (const auto attribute = proto::decode_attribute(attribute_message); is_graph(attribute))
        VIVACE_TRY(find_free_names(proto::decode_graph(attribute.graph), wanted, depth + 1));
  }
  for (const Bytes message : graph.outputs) wanted.push_back(proto::decode_value_info(message).name);
  for (const Bytes name : wanted)
    if (!name.empty() && settled.insert(name).second) to.push_back(name);
  return {};
}

Status GraphReader::define(Scope& scope, Bytes name, ir::Value* value) const {
  if (scope.values.emplace(name, value).second) return {};
  return bad("value '" + std::string(name) + "' is made twice");
}

Status GraphReader::read_nodes(const std::vector<Bytes>& messages, Scope& scope) {
  nodes_ += static_cast<int64_t>(messages.size());
  if (nodes_ > options_.max_nodes)
    return {Code::unsupported, "the model has more than " + std::to_string(options_.max_nodes) + " nodes, functions inlined"};
  std::vector<PendingNode> pending;
  pending.reserve(messages.size());
  for (const Bytes message : messages) {
    VIVACE_ASSIGN(PendingNode node, read_pending(message, scope));
    pending.push_back(std::move(node));
  }
  VIVACE_ASSIGN(const std::vector<size_t> order, order_of(pending, scope));
  for (const size_t i : order) VIVACE_TRY(read_or_lose(pending[i], i, scope));
  return {};
}

// A node of the model itself that cannot be read is noted, and the others are looked at nevertheless.
Status GraphReader::read_or_lose(const PendingNode& pending, size_t index, Scope& scope) {
  const bool own = scope.depth == 0 && scope.prefix.empty();
  const auto is_lost = [&](Bytes name) { return scope.lost.contains(name); };
  const auto& inputs = pending.node.inputs;
  const bool behind = std::any_of(inputs.begin(), inputs.end(), is_lost) ||
                      std::any_of(pending.captures.begin(), pending.captures.end(), is_lost);
  if (behind) {
    ++unread_;
  } else if (!missing_.empty() && is_lacking(pending.node, scope.opsets) && !is_extension(pending, scope.opsets)) {
    told_ = true;
    if (!own) return {Code::unsupported, "Vivace does not know the operator " + qualified_name(pending.node)};
  } else {
    Status status = read_node(pending, scope);
    if (status.ok()) return {};
    if (!own || (status.code() != Code::invalid_model && status.code() != Code::unsupported)) return status;
    if (!told_) {
      note_bad_node(index, pending.node, status);
      problems_.push_back(std::move(status));
    }
  }
  told_ = false;
  active_calls_.clear();
  scope.lost.insert(pending.node.outputs.begin(), pending.node.outputs.end());
  scope.lost.erase(Bytes());  // an input left out is nothing that is lost
  return {};
}

void GraphReader::note_bad_node(size_t index, const proto::Node& node, const Status& why) {
  if (!options_.notes) return;
  const Bytes name = !node.name.empty() || node.outputs.empty() ? node.name : node.outputs[0];
  options_.notes->bad_nodes.push_back({static_cast<int64_t>(index), std::string(name), qualified_name(node), why});
}

Result<GraphReader::PendingNode> GraphReader::read_pending(Bytes message, const Scope& scope) {
  PendingNode pending{proto::decode_node(message), {}, {}};
  for (const Bytes attribute_message : pending.node.attributes) {
    proto::Attribute a = proto::decode_attribute(attribute_message);
    if (!a.reference.empty()) {
      // Outside of a function, and where the call does not give it, the attribute is left out.
      const auto at = scope.arguments ? scope.arguments->find(a.reference) : std::map<Bytes, proto::Attribute>::const_iterator();
      if (!scope.arguments || at == scope.arguments->end()) continue;
      const Bytes name = a.name;
      a = at->second;
      a.name = name;
      if (is_graph(a)) return Status(Code::unsupported, "function attributes that are graphs are not supported");
    }
    if (is_graph(a)) VIVACE_TRY(find_free_names(proto::decode_graph(a.graph), pending.captures, scope.depth + 1));
    pending.attributes.push_back(std::move(a));
  }
  if (is_lacking(pending.node, scope.opsets) || ops::find_extension(qualified_name(pending.node)))
    return pending;  // its attributes are not the standard's
  for (proto::Attribute& a : pending.attributes) VIVACE_TRY(check_kind(pending.node, a));
  return pending;
}

// Each node after those that make its inputs, in the file's order where that is free. Depth first, without recursion:
// models may be tens of thousands of nodes deep.
Result<std::vector<size_t>> GraphReader::order_of(const std::vector<PendingNode>& nodes, const Scope& scope) const {
  std::unordered_map<Bytes, size_t> producer;
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const Bytes output : nodes[i].node.outputs)
      if (!output.empty() && (scope.values.contains(output) || !producer.emplace(output, i).second))
        return bad("value '" + std::string(output) + "' is made twice");
  enum class Mark : uint8_t { fresh, open, done };
  std::vector<Mark> marks(nodes.size(), Mark::fresh);
  std::vector<size_t> order;
  std::vector<std::pair<size_t, size_t>> stack;  // node, next of its inputs and captures
  for (size_t root = 0; root < nodes.size(); ++root) {
    if (marks[root] == Mark::done) continue;
    stack.push_back({root, 0});
    marks[root] = Mark::open;
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      const std::vector<Bytes>&inputs = nodes[node].node.inputs, &captures = nodes[node].captures;
      if (next == inputs.size() + captures.size()) {
        marks[node] = Mark::done;
        order.push_back(node);
        stack.pop_back();
        continue;
      }
      const Bytes name = next < inputs.size() ? inputs[next] : captures[next - inputs.size()];
      ++next;
      const auto at = producer.find(name);
      if (at == producer.end() || marks[at->second] == Mark::done) continue;
      if (marks[at->second] == Mark::open)
        return bad("the graph has a cycle: making '" + std::string(name) + "' needs '" + std::string(name) + "' itself");
      marks[at->second] = Mark::open;
      stack.push_back({at->second, 0});
    }
  }
  return order;
}

Status GraphReader::read_node(const PendingNode& pending, Scope& scope) {
  const proto::Node& node = pending.node;
  std::vector<Bytes> outputs = node.outputs;
  // Outputs left out at the end are not outputs, except where their number has a meaning (Split).
  const std::string op = qualified_name(node);
  const ops::Operator* row = ops::find_operator(op);
  const auto last = std::find_if(outputs.rbegin(), outputs.rend(), [](Bytes name) { return !name.empty(); });
  if (last == outputs.rend()) return {};  // nobody can see what it does
  if (!row || row->max_outputs >= 0) outputs.erase(last.base(), outputs.end());
  const Opsets& opsets = scope.opsets;
  const auto version = opsets.find(node.domain == "ai.onnx" ? Bytes() : node.domain);
  Step step(scope.graph, op, version == opsets.end() ? 0 : version->second);
  step.name = scope.prefix + std::string(node.name.empty() ? *last : node.name);
  step.outputs = outputs.size();
  if (Status status = fill_step(pending, scope, step); !status.ok()) {
    const std::string own = "node '" + step.name + "' (" + step.op + "): ";  // as inference says it
    std::string what = status.message();
    if (what.starts_with(own)) what.erase(0, own.size());
    if (!what.starts_with("node '" + step.name)) what = step.describe() + ": " + what;
    return {status.code(), what};
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].empty()) continue;
    ir::Value* value = step.results[i];
    if (!value)
      return {Code::unsupported, step.describe() + ": output " + std::to_string(i) + " is not supported"};
    if (value->name.empty()) value->name = scope.prefix + std::string(outputs[i]);
    VIVACE_TRY(define(scope, outputs[i], value));
    if (const auto declared = scope.declared.find(outputs[i]); declared != scope.declared.end())
      VIVACE_TRY(apply_declared(*value, declared->second, false));
  }
  return {};
}

Status GraphReader::fill_step(const PendingNode& pending, Scope& scope, Step& step) {
  const proto::Function* function = function_of(pending.node);
  if (step.version < 1 && !function && (pending.node.domain.empty() || pending.node.domain == "ai.onnx"))
    return bad("the model imports no version of the standard's operators; it lacks an opset_import");
  for (const Bytes name : pending.node.inputs) {
    const auto at = scope.values.find(name);
    if (at == scope.values.end() && !name.empty()) return bad("input '" + std::string(name) + "' is made by no node");
    step.inputs.push_back(name.empty() ? nullptr : at->second);
  }
  if (function) {
    VIVACE_TRY(read_call(pending, *function, scope, step));
  } else if (step.op == "Constant") {
    VIVACE_ASSIGN(Tensor tensor, read_constant(pending));
    step.results = {scope.graph.add_constant(std::move(tensor))};
  } else {
    VIVACE_ASSIGN(step.attributes, read_attributes(pending.attributes));
    if (is_extension(pending, scope.opsets)) {
      VIVACE_TRY(read_extension(pending, step));
    } else {
      VIVACE_TRY(read_subgraphs(pending, scope, step));
      VIVACE_TRY(convert(step));
    }
  }
  if (step.results.size() < step.outputs)
    return bad("it has " + std::to_string(step.outputs) + " outputs; " + step.op + " makes " + std::to_string(step.results.size()));
  return {};
}

Result<ir::Attributes> GraphReader::read_attributes(const std::vector<proto::Attribute>& attributes) {
  ir::Attributes made;
  for (const proto::Attribute& a : attributes) {
    if (is_graph(a)) continue;
    Result<ir::Attribute> attribute = read_attribute(a);
    if (!attribute.ok()) return attribute.status().within("attribute '" + std::string(a.name) + "'");
    if (!made.emplace(std::string(a.name), std::move(attribute).value()).second)
      return bad("attribute '" + std::string(a.name) + "' is given twice");
  }
  return made;
}

bool GraphReader::is_lacking(const proto::Node& node, const Opsets& opsets) const {
  const auto version = opsets.find("");
  const std::string op(newest_name(qualified_name(node), version == opsets.end() ? 0 : version->second));
  return op != "Constant" && !function_of(node) && !ops::find_operator(op);
}

bool GraphReader::is_extension(const PendingNode& pending, const Opsets& opsets) {
  if (!options_.extensions || (!options_.extensions->overrides() && !is_lacking(pending.node, opsets))) return false;
  const Result<ir::Attributes> attributes = read_attributes(pending.attributes);
  return attributes.ok() && options_.extensions->knows(std::string(pending.node.op_type), *attributes);
}

Status GraphReader::read_extension(const PendingNode& pending, Step& step) {
  std::vector<ir::Type> types;
  for (const ir::Value* input : step.inputs) {
    if (!input) return {Code::unsupported, "inputs left out are not supported for it"};
    types.push_back(input->type);
  }
  VIVACE_ASSIGN(step.attributes, options_.extensions->read(std::string(pending.node.op_type), step.name,
                                                           step.attributes, types));
  step.op = options_.extensions->node();
  step.emit();
  return step.status;
}

Result<ir::Attribute> GraphReader::read_attribute(const proto::Attribute& a) {
  switch (static_cast<AttributeKind>(a.kind)) {
    case AttributeKind::real: return ir::Attribute(a.real);
    case AttributeKind::integer: return ir::Attribute(a.integer);
    case AttributeKind::text: return ir::Attribute(std::string(a.text));
    case AttributeKind::reals: return ir::Attribute(a.reals);
    case AttributeKind::integers: return ir::Attribute(a.integers);
    case AttributeKind::texts: return ir::Attribute(strings_of(a.texts));
    case AttributeKind::tensor: {
      VIVACE_ASSIGN(Tensor tensor, tensors_.read(a.tensor));
      return ir::Attribute(std::move(tensor));
    }
    case AttributeKind::type: {
      VIVACE_ASSIGN(const ir::Type type, read_type(a.type));
      return ir::Attribute(type.to_string());
    }
    default: return Status(Code::unsupported, "kind " + std::to_string(a.kind) + " is not supported");
  }
}

// A Constant node has one attribute, whose name says what it holds.
Result<Tensor> GraphReader::read_constant(const PendingNode& pending) {
  if (pending.attributes.size() != 1) return bad("it needs one attribute with its value");
  const proto::Attribute& a = pending.attributes[0];
  switch (static_cast<AttributeKind>(a.kind)) {
    case AttributeKind::tensor: return tensors_.read(a.tensor);
    case AttributeKind::sparse_tensor: return tensors_.read_sparse(a.sparse_tensor);
    case AttributeKind::real: return Tensor::scalar(a.real);
    case AttributeKind::integer: return Tensor::scalar(a.integer);
    case AttributeKind::reals: return Tensor::of(a.reals);
    case AttributeKind::integers: return Tensor::of(a.integers);
    case AttributeKind::text:
    case AttributeKind::texts: {
      const bool one = static_cast<AttributeKind>(a.kind) == AttributeKind::text;
      const std::vector<std::string> texts = one ? std::vector{std::string(a.text)} : strings_of(a.texts);
      VIVACE_ASSIGN(Tensor tensor, Tensor::allocate(DType::string, one ? Shape{} : Shape{static_cast<int64_t>(texts.size())}));
      std::copy(texts.begin(), texts.end(), tensor.as<std::string>());
      return tensor;
    }
    default: return bad("attribute '" + std::string(a.name) + "' cannot be the value of a constant");
  }
}

// What subgraphs take from outside becomes inputs of the node and of each of its subgraphs; constants are shared.
Status GraphReader::read_subgraphs(const PendingNode& pending, Scope& scope, Step& step) {
  if (std::none_of(pending.attributes.begin(), pending.attributes.end(), is_graph)) return {};
  if (step.op == "Loop" && step.inputs.size() < 2) step.inputs.resize(2, nullptr);  // captures come after both
  const std::vector<ir::Value*> own = step.inputs;
  for (const Bytes name : pending.captures) {
    const auto at = scope.values.find(name);
    if (at == scope.values.end()) return bad("its subgraph uses '" + std::string(name) + "', which nothing makes");
    if (at->second && !at->second->is_constant()) step.inputs.push_back(at->second);
  }
  if (const size_t captures = step.inputs.size() - own.size())
    step.attributes["captures"] = static_cast<int64_t>(captures);
  for (const proto::Attribute& a : pending.attributes) {
    if (!is_graph(a)) continue;
    const proto::Graph proto = proto::decode_graph(a.graph);
    auto graph = std::make_shared<ir::Graph>();
    Scope inner{*graph, scope.opsets, scope.depth + 1, scope.prefix, scope.arguments};
    if (inner.depth > kMaxDepth) return too_deep();
    std::vector<Bytes> free_names;
    VIVACE_TRY(find_free_names(proto, free_names, inner.depth));
    const std::unordered_set<Bytes> used(free_names.begin(), free_names.end());
    const Status status = [&]() -> Status {
      VIVACE_TRY(read_declared(proto.value_info, inner));
      VIVACE_TRY(read_inputs(proto, inner));
      type_subgraph_inputs(step.op, own, *graph);
      for (const Bytes name : pending.captures) {
        ir::Value* outer = scope.values.at(name);
        ir::Value* value = nullptr;
        if (outer && outer->is_constant()) {
          if (used.contains(name)) value = graph->add_constant(outer->constant(), outer->name);
        } else if (outer) {
          value = graph->add_input(outer->name, outer->type);
          value->known = outer->known;
        }
        if (used.contains(name)) VIVACE_TRY(define(inner, name, value));
      }
      return read_graph(proto, inner);
    }();
    if (!status.ok()) return status.within("subgraph '" + std::string(a.name) + "'");
    if (!step.attributes.emplace(std::string(a.name), std::move(graph)).second)
      return bad("attribute '" + std::string(a.name) + "' is given twice");
  }
  return {};
}

}  // namespace vivace::onnx
