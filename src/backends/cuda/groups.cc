#include "backends/cuda/groups.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace vivace::cuda {

namespace {

// How many groups back a node may join one.
constexpr size_t kWindow = 8;

bool runs_together(const ir::Node& node) {
  static constexpr std::string_view kOperators[] = {"Conv",    "vivace.FusedConv",   "MatMul",
                                                    "Gemm",    "vivace.FusedMatMul", "AveragePool",
                                                    "MaxPool", "GlobalAveragePool"};
  return std::find(std::begin(kOperators), std::end(kOperators), node.op) != std::end(kOperators);
}

bool reads(const ir::Node& node, const ir::Node& other) {
  return std::any_of(node.inputs().begin(), node.inputs().end(),
                     [&](const ir::Value* v) { return v && v->producer() == &other; });
}

}  // namespace

void bring_together(ir::Graph& graph) {
  struct Group {
    size_t place;
    std::vector<ir::Node*> members;
  };
  const std::vector<ir::Node*> nodes = graph.node_list();
  std::vector<Group> groups;
  std::unordered_map<const ir::Node*, size_t> places;  // of a node, which is its group's
  std::vector<bool> moved(nodes.size(), false);
  bool any = false;
  for (size_t i = 0; i < nodes.size(); ++i) {
    places[nodes[i]] = i;
    if (!runs_together(*nodes[i])) continue;
    size_t free = 0;  // the first place behind all that the node reads
    for (const ir::Value* v : nodes[i]->inputs())
      if (v && v->producer()) free = std::max(free, places.at(v->producer()) + 1);
    const auto from = groups.end() - static_cast<std::ptrdiff_t>(std::min(groups.size(), kWindow));
    const auto group = std::find_if(
        from, groups.end(), [&](const Group& g) { return g.place >= free && g.members.size() < kMostTogether; });
    if (group == groups.end()) {
      groups.push_back({i, {nodes[i]}});
      continue;
    }
    places[nodes[i]] = group->place;
    group->members.push_back(nodes[i]);
    any = moved[i] = true;
  }
  if (!any) return;
  std::vector<ir::Node*> order;
  size_t next = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (moved[i]) continue;
    if (next < groups.size() && groups[next].place == i)
      order.insert(order.end(), groups[next].members.begin(), groups[next].members.end()), ++next;
    else
      order.push_back(nodes[i]);
  }
  for (size_t i = order.size() - 1; i-- > 0;) graph.move_before(order[i], order[i + 1]);
}

size_t together_from(std::span<ir::Node* const> nodes, size_t first) {
  size_t count = 0;
  for (; count < kMostTogether && first + count < nodes.size(); ++count) {
    const ir::Node& node = *nodes[first + count];
    if (!runs_together(node)) break;
    const auto members = nodes.subspan(first, count);
    if (std::any_of(members.begin(), members.end(), [&](const ir::Node* m) { return reads(node, *m); })) break;
  }
  return std::max<size_t>(count, 1);
}

}  // namespace vivace::cuda
