// Dead code, common subexpressions, and branches that are always taken.
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/hash.h"
#include "ops/random.h"
#include "passes/constants.h"
#include "passes/rules.h"
#include "passes/subgraphs.h"

namespace vivace::passes {

Result<int> eliminate_dead_code(ir::Graph& graph, PassContext&) {
  const size_t before = graph.nodes().size();
  graph.erase_unused();
  return static_cast<int>(before - graph.nodes().size());
}

namespace {

// Larger constants are the same only where they share their memory: comparing weights would cost more than it gives.
constexpr size_t kCompareBytes = 4096;

bool same_tensor(const Tensor& a, const Tensor& b) {
  if (a.type() != b.type() || a.shape() != b.shape()) return false;
  if (a.data() == b.data()) return true;
  if (a.type() == DType::string) return std::ranges::equal(a.span<std::string>(), b.span<std::string>());
  return a.bytes() <= kCompareBytes && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

bool same_attribute(const ir::Attribute& a, const ir::Attribute& b) {
  if (a.index() != b.index()) return false;
  if (const auto* tensor = std::get_if<Tensor>(&a)) return same_tensor(*tensor, std::get<Tensor>(b));
  if (std::holds_alternative<std::shared_ptr<ir::Graph>>(a)) return false;
  return std::visit(
      [&]<class T>(const T& x) {
        if constexpr (std::is_same_v<T, Tensor>)
          return false;
        else
          return x == std::get<T>(b);
      },
      a);
}

bool same_node(const ir::Node& a, const ir::Node& b) {
  return a.op == b.op && a.inputs() == b.inputs() && a.outputs().size() == b.outputs().size() &&
         std::equal(
             a.attributes.begin(), a.attributes.end(), b.attributes.begin(), b.attributes.end(),
             [](const auto& x, const auto& y) { return x.first == y.first && same_attribute(x.second, y.second); });
}

uint64_t hash_of(const ir::Node& node) {
  uint64_t hash = hash_text(node.op);
  for (const ir::Value* input : node.inputs()) {
    const int id = input ? input->id() : -1;
    hash = hash_bytes(&id, sizeof id, hash);
  }
  return hash;
}

uint64_t hash_of(const Tensor& t) {
  const bool by_content = t.type() != DType::string && t.bytes() <= kCompareBytes;
  const void* data = t.data();
  uint64_t hash = by_content                  ? hash_bytes(t.data(), t.bytes())
                  : t.type() == DType::string ? 0
                                              : hash_bytes(&data, sizeof data);
  return hash_bytes(t.shape().data(), t.shape().size() * sizeof(int64_t), hash + static_cast<uint64_t>(t.type()));
}

}  // namespace

Result<int> eliminate_common_subexpressions(ir::Graph& graph, PassContext&) {
  int changes = 0;
  std::unordered_multimap<uint64_t, ir::Value*> constants;
  for (ir::Value* value : graph.values()) {
    if (!value->is_constant()) continue;
    const uint64_t hash = hash_of(value->constant());
    const auto [begin, end] = constants.equal_range(hash);
    const auto same = std::find_if(
        begin, end, [&](const auto& entry) { return same_tensor(entry.second->constant(), value->constant()); });
    if (same == end) {
      constants.emplace(hash, value);
      continue;
    }
    graph.replace_uses(value, same->second);
    graph.remove_unused_constant(value);
    ++changes;
  }
  std::unordered_multimap<uint64_t, ir::Node*> nodes;
  for (ir::Node* node : graph.node_list()) {
    if (ops::draws_numbers(*node)) continue;
    const uint64_t hash = hash_of(*node);
    const auto [begin, end] = nodes.equal_range(hash);
    const auto same = std::find_if(begin, end, [&](const auto& entry) { return same_node(*entry.second, *node); });
    if (same == end) {
      nodes.emplace(hash, node);
      continue;
    }
    for (size_t i = 0; i < node->outputs().size(); ++i)
      graph.replace_uses(node->outputs()[i], same->second->outputs()[i]);
    graph.erase(node);
    ++changes;
  }
  return changes;
}

Result<int> inline_constant_ifs(ir::Graph& graph, PassContext&) {
  int changes = 0;
  for (ir::Node* node : graph.node_list()) {
    if (node->op != "If" || !node->input(0) || !node->input(0)->is_constant()) continue;
    const Tensor& condition = node->input(0)->constant();
    if (condition.type() != DType::boolean || condition.count() != 1) continue;
    const ir::Graph* body = node->subgraph(*condition.as<bool>() ? "then_branch" : "else_branch");
    if (!body || body->inputs().size() + 1 != node->inputs().size() || body->outputs().size() != node->outputs().size())
      continue;
    const std::vector<ir::Value*> arguments(node->inputs().begin() + 1, node->inputs().end());
    const std::vector<ir::Value*> outputs = inline_graph(graph, *body, arguments, node);
    for (size_t i = 0; i < outputs.size(); ++i) {
      // The branch says more about its outputs than the If, whose type holds for both branches.
      graph.replace_uses(node->outputs()[i], outputs[i]);
    }
    erase_dead(graph, node);
    ++changes;
  }
  return changes;
}

Result<int> sink_constants_into_subgraphs(ir::Graph& graph, PassContext&) {
  int changes = 0;
  for (ir::Node* node : graph.node_list()) {
    const size_t captures = capture_count(*node);
    if (captures == 0) continue;
    for (auto& [key, attribute] : node->attributes) {
      const auto* held = std::get_if<std::shared_ptr<ir::Graph>>(&attribute);
      if (!held || (*held)->inputs().size() < captures) continue;
      ir::Graph& body = **held;
      for (size_t i = 0; i < captures; ++i) {
        const ir::Value* outer = node->inputs()[node->inputs().size() - captures + i];
        ir::Value* inner = body.inputs()[body.inputs().size() - captures + i];
        if (!outer || !outer->is_constant() || inner->unused()) continue;
        body.replace_uses(inner, body.add_constant(outer->constant(), outer->name));
        ++changes;
      }
    }
  }
  return changes;
}

}  // namespace vivace::passes
