#include "passes/subgraphs.h"

#include <algorithm>

#include "passes/constants.h"

namespace vivace::passes {

std::vector<ir::Value*> inline_graph(ir::Graph& graph, const ir::Graph& body, const std::vector<ir::Value*>& arguments,
                                     ir::Node* before, const std::string& suffix) {
  const auto named = [&](const std::string& name) { return name.empty() ? name : name + suffix; };
  std::vector<ir::Value*> to(static_cast<size_t>(body.value_id_limit()), nullptr);
  const auto mapped = [&](const ir::Value* v) -> ir::Value*& { return to[static_cast<size_t>(v->id())]; };
  for (size_t i = 0; i < body.inputs().size(); ++i) mapped(body.inputs()[i]) = arguments[i];
  for (const ir::Value* value : body.values())
    if (value->is_constant() && !value->unused())
      mapped(value) = graph.add_constant(value->constant(), named(value->name));
  for (const auto& node : body.nodes()) {
    std::vector<ir::Value*> inputs;
    for (const ir::Value* input : node->inputs()) inputs.push_back(input ? mapped(input) : nullptr);
    ir::Attributes attributes = node->attributes;
    for (auto& [key, attribute] : attributes)
      if (auto* inner = std::get_if<std::shared_ptr<ir::Graph>>(&attribute)) *inner = (*inner)->clone();
    ir::Node* copy = graph.add_node(node->op, std::move(inputs), static_cast<int>(node->outputs().size()),
                                    std::move(attributes), named(node->name), before);
    for (size_t i = 0; i < node->outputs().size(); ++i) {
      ir::Value* output = copy->outputs()[i];
      const ir::Value* old = node->outputs()[i];
      output->name = named(old->name);
      output->type = old->type;
      output->known = old->known;
      mapped(old) = output;
    }
  }
  std::vector<ir::Value*> outputs;
  for (const ir::Value* output : body.outputs()) outputs.push_back(mapped(output));
  return outputs;
}

size_t capture_count(const ir::Node& node) {
  const int64_t captures = node.attributes.integer("captures");
  return captures < 0 || captures > static_cast<int64_t>(node.inputs().size()) ? 0 : static_cast<size_t>(captures);
}

ir::Value* add_capture(ir::Graph& graph, ir::Node* node, ir::Graph& body, ir::Value* outer) {
  graph.add_node_input(node, outer);
  node->attributes["captures"] = static_cast<int64_t>(capture_count(*node)) + 1;
  ir::Value* inner = body.add_input(outer->name, outer->type);
  inner->known = outer->known;
  return inner;
}

namespace {

std::shared_ptr<ir::Graph> body_without(const ir::Graph& body, size_t own, const Leavings& leavings) {
  auto made = std::make_shared<ir::Graph>();
  made->name = body.name;
  std::vector<ir::Value*> arguments;
  for (size_t i = 0; i < body.inputs().size(); ++i) {
    const ir::Value* old = body.inputs()[i];
    arguments.push_back(leavings.inputs[own + i] ? nullptr : made->add_input(old->name, old->type));
    if (arguments.back()) arguments.back()->known = old->known;
  }
  const std::vector<ir::Value*> outputs = inline_graph(*made, body, arguments, nullptr);
  for (size_t i = 0; i < outputs.size(); ++i)
    if (!leavings.body_outputs[i]) made->mark_output(outputs[i], body.output_name(i));
  made->erase_unused();
  return made;
}

}  // namespace

void leave_out(ir::Graph& graph, ir::Node* node, const Leavings& leavings) {
  const size_t before_captures = node->inputs().size() - capture_count(*node);
  const size_t own = node->op == "If" ? 1 : 0;            // inputs that no subgraph gets
  const size_t first_given = node->op == "Loop" ? 1 : 0;  // outputs of the body that are none of the node
  std::vector<ir::Value*> inputs, outputs;
  int64_t captures = 0;
  for (size_t i = 0; i < node->inputs().size(); ++i) {
    if (leavings.inputs[i]) continue;
    inputs.push_back(node->inputs()[i]);
    captures += i >= before_captures;
  }
  for (size_t i = 0; i < node->outputs().size(); ++i)
    if (!leavings.body_outputs[first_given + i]) outputs.push_back(node->outputs()[i]);
  ir::Attributes attributes = node->attributes;
  if (captures == 0)
    attributes.erase("captures");
  else
    attributes["captures"] = captures;
  for (auto& [key, attribute] : attributes)
    if (auto* body = std::get_if<std::shared_ptr<ir::Graph>>(&attribute)) *body = body_without(**body, own, leavings);
  ir::Node* made = graph.add_node(node->op, std::move(inputs), static_cast<int>(outputs.size()), std::move(attributes),
                                  node->name, node);
  for (size_t i = 0; i < outputs.size(); ++i) {
    ir::Value* output = made->outputs()[i];
    output->name = outputs[i]->name;
    output->type = outputs[i]->type;
    output->known = outputs[i]->known;
    graph.replace_uses(outputs[i], output);
  }
  graph.erase(node);
}

std::optional<LoopForm> loop_form(const ir::Node& node) {
  const bool is_loop = node.op == "Loop";
  if (!is_loop && node.op != "Scan") return std::nullopt;
  LoopForm loop{node.subgraph("body"), is_loop, 0, is_loop ? size_t{2} : 0, is_loop ? size_t{1} : 0, 0, 0};
  loop.captures = capture_count(node);
  if (!is_loop)
    loop.scan_inputs = static_cast<size_t>(std::max<int64_t>(0, node.attributes.integer("num_scan_inputs")));
  const size_t others = loop.first + loop.scan_inputs + loop.captures, inputs = node.inputs().size();
  if (!loop.body || inputs < others || loop.body->inputs().size() != inputs) return std::nullopt;
  loop.carried = inputs - others;
  if (loop.body->outputs().size() < loop.first_given + loop.carried || node.outputs().size() > loop.given())
    return std::nullopt;
  return loop;
}

namespace {

bool is_true(const ir::Value* value) {
  return value && value->is_constant() && value->constant().type() == DType::boolean &&
         value->constant().count() == 1 && *value->constant().as<bool>();
}

bool is_false(const ir::Value* value) { return value && value->is_constant() && !is_true(value); }

bool starts(const ir::Node& loop) { return !loop.input(1) || is_true(loop.input(1)); }

// The one number of a constant trip count.
std::optional<int64_t> limit_of(const ir::Node& loop) {
  const auto limit = constant_ints(loop.input(0));
  return limit && limit->size() == 1 ? std::optional((*limit)[0]) : std::nullopt;
}

// Lengths of what a Scan scans; empty where one is not known.
std::optional<std::vector<int64_t>> lengths_of(const ir::Node& scan, const LoopForm& loop) {
  const std::vector<int64_t> axes =
      scan.attributes.integers("scan_input_axes", std::vector<int64_t>(loop.scan_inputs, 0));
  if (axes.size() != loop.scan_inputs) return std::nullopt;
  std::vector<int64_t> lengths;
  for (size_t i = 0; i < loop.scan_inputs; ++i) {
    const ir::Value* input = scan.input(loop.carried + i);
    const int rank = input ? input->type.rank() : -1;
    const auto length = dim_of(input, static_cast<int>(axes[i] < 0 ? axes[i] + rank : axes[i]));
    if (!length) return std::nullopt;
    lengths.push_back(*length);
  }
  return lengths;
}

}  // namespace

std::optional<int64_t> turns_of(const ir::Node& node, const LoopForm& loop) {
  if (loop.is_loop) {
    const std::optional<int64_t> limit = limit_of(node);
    if (is_false(node.input(1)) || (limit && *limit <= 0)) return 0;
    const ir::Value* goes_on = loop.body->outputs()[0];
    return limit && starts(node) && (is_true(goes_on) || goes_on == loop.body->inputs()[1]) ? limit : std::nullopt;
  }
  const auto lengths = lengths_of(node, loop);
  if (!lengths || lengths->empty()) return std::nullopt;
  const bool same = std::all_of(lengths->begin(), lengths->end(), [&](int64_t n) { return n == lengths->front(); });
  return same ? std::optional(lengths->front()) : std::nullopt;
}

bool runs_at_all(const ir::Node& node, const LoopForm& loop) {
  if (loop.is_loop) return starts(node) && (!node.input(0) || limit_of(node).value_or(0) > 0);
  return turns_of(node, loop).value_or(0) > 0;
}

}  // namespace vivace::passes
