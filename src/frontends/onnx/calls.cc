// Functions of the model, inlined where they are called; and the operators that Vivace lacks.
#include <algorithm>

#include "frontends/onnx/graph_reader.h"
#include "ops/extension.h"

namespace vivace::onnx {

namespace {

Status bad(const std::string& what) { return {Code::invalid_model, what}; }

std::string function_key(Bytes domain, Bytes name, Bytes overload) {
  return std::string(domain == "ai.onnx" ? Bytes() : domain) + '\n' + std::string(name) + '\n' + std::string(overload);
}

}  // namespace

Status GraphReader::index_functions() {
  for (const Bytes message : model_.functions) {
    proto::Function function = proto::decode_function(message);
    Opsets opsets = opsets_;  // those a function does not import are the model's
    for (auto& [domain, version] : read_opsets(function.opsets)) opsets[domain] = version;
    const auto [at, fresh] =
        functions_.emplace(function_key(function.domain, function.name, function.overload), std::move(function));
    if (!fresh) return bad("function '" + std::string(at->second.name) + "' is defined twice");
    function_opsets_[&at->second] = std::move(opsets);
  }
  return {};
}

const proto::Function* GraphReader::function_of(const proto::Node& node) const {
  // A plugin is what somebody gave beside the model, to run the function faster.
  if (functions_.empty() || ops::find_extension(qualified_name(node))) return nullptr;
  const auto at = functions_.find(function_key(node.domain, node.op_type, node.overload));
  return at == functions_.end() ? nullptr : &at->second;
}

Status GraphReader::check_operators(const std::vector<Bytes>& nodes) {
  VIVACE_TRY(find_missing(nodes, opsets_, 0));
  if (options_.notes) options_.notes->nodes = static_cast<int64_t>(nodes.size());
  if (missing_.empty()) return {};
  if (options_.notes) note_missing(nodes);
  std::string message = missing_.size() == 1 ? "Vivace does not know this operator of the model: "
                                             : "Vivace does not know these operators of the model: ";
  bool first = true;
  for (const auto& [op, node] : missing_) {
    if (!first) message += ", ";
    first = false;
    message += op + " (node '" + node + "'";
    const std::vector<std::string> near = ops::similar_operators(op);
    for (size_t i = 0; i < near.size(); ++i) message += (i ? ", " : "; similar: ") + near[i];
    message += ")";
  }
  return {Code::unsupported, message + ". `vivace list-operators` shows those it knows; a function in the model or a "
                                       "plugin may define others (--plugins FILE, vivace_load_plugins(), "
                                       "vivace.load_plugins() load libraries of plugins)"};
}

// Asks of each node by itself whether something is missing in it.
void GraphReader::note_missing(const std::vector<Bytes>& nodes) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    GraphReader alone(model_, options_, tensors_);
    if (!alone.index_functions().ok()) return;
    if (!alone.find_missing({nodes[i]}, opsets_, 0).ok() || alone.missing_.empty()) continue;
    note_bad_node(i, proto::decode_node(nodes[i]),
                  {Code::unsupported, "Vivace does not know the operator " + alone.missing_.begin()->first});
  }
}

Status GraphReader::find_missing(const std::vector<Bytes>& nodes, const Opsets& opsets, int depth) {
  if (depth > kMaxDepth) return too_deep();
  for (const Bytes message : nodes) {
    const proto::Node node = proto::decode_node(message);
    for (const Bytes attribute_message : node.attributes)
      if (const auto a = proto::decode_attribute(attribute_message); !a.graph.empty())
        VIVACE_TRY(find_missing(proto::decode_graph(a.graph).nodes, opsets, depth + 1));
    if (const proto::Function* function = function_of(node)) {
      if (checked_functions_.insert(function).second)
        VIVACE_TRY(find_missing(function->nodes, function_opsets_.at(function), depth + 1));
      continue;
    }
    if (!is_lacking(node, opsets)) continue;
    PendingNode pending{node, {}, {}};
    for (const Bytes attribute : node.attributes) pending.attributes.push_back(proto::decode_attribute(attribute));
    if (is_extension(pending, opsets)) continue;
    const Bytes label = !node.name.empty() || node.outputs.empty() ? node.name : node.outputs[0];
    missing_.emplace(qualified_name(node), std::string(label));
  }
  return {};
}

Status GraphReader::read_call(const PendingNode& pending, const proto::Function& function, Scope& scope, Step& step) {
  if (std::count(active_calls_.begin(), active_calls_.end(), &function))
    return bad("function '" + std::string(function.name) + "' calls itself");
  if (step.inputs.size() > function.inputs.size() || step.outputs > function.outputs.size())
    return bad("it has more inputs or outputs than the function it calls");
  std::map<Bytes, proto::Attribute> arguments;
  for (const Bytes message : function.attribute_defaults) {
    proto::Attribute attribute = proto::decode_attribute(message);
    arguments[attribute.name] = std::move(attribute);
  }
  for (const proto::Attribute& attribute : pending.attributes) arguments[attribute.name] = attribute;

  std::string label = step.name;
  if (const int repeats = call_labels_[label]++) label += "_" + std::to_string(repeats + 1);
  Scope inner{scope.graph, function_opsets_.at(&function), scope.depth + 1, label + "/", &arguments};
  if (inner.depth > kMaxDepth) return too_deep();
  for (size_t i = 0; i < function.inputs.size(); ++i)
    VIVACE_TRY(define(inner, function.inputs[i], step.input(i)));
  VIVACE_TRY(read_declared(function.value_info, inner));
  active_calls_.push_back(&function);
  VIVACE_TRY(read_nodes(function.nodes, inner));
  active_calls_.pop_back();
  for (size_t i = 0; i < step.outputs; ++i) {
    const auto at = inner.values.find(function.outputs[i]);
    if (at == inner.values.end() || !at->second)
      return bad("output '" + std::string(function.outputs[i]) + "' of function '" + std::string(function.name) +
                 "' is made by no node of it");
    // The caller's name is the one a reader of the model knows.
    if (at->second->name == inner.prefix + std::string(function.outputs[i])) at->second->name.clear();
    step.results.push_back(at->second);
  }
  return {};
}

}  // namespace vivace::onnx
