// Products of one input with several weights, computed as one product with the weights side by side.
//
// Where it pays: the input is read (and packed) once, and small products fill the vectors and threads better together.
// Large ones are busy anyway, and the Split then only costs: the branches of Inception v3, some 40 million
// multiply-adds each, take a few percent longer merged.
#include <algorithm>
#include <cstring>
#include <map>

#include "ops/operator.h"
#include "passes/constants.h"
#include "passes/rules.h"

namespace vivace::passes {

namespace {

constexpr int64_t kMaxMultiplyAdds = 4'000'000;  // of each member
// Members' channels are whole vectors of the widest kernels, so that the Split of a convolution is a view.
constexpr int64_t kChannelBlock = 16;

int output_axis(const ir::Node& node) {  // of the weights
  return node.op == "vivace.FusedConv" || node.attributes.integer("trans_b") ? 0 : 1;
}

bool constant_operands(const ir::Node& node) {
  return node.input(1)->is_constant() && (!node.input(2) || node.input(2)->is_constant()) && !node.input(3);
}

bool small(const ir::Node& node) {
  const std::optional<Shape> out = node.output()->type.shape();
  const Tensor& weight = node.input(1)->constant();
  const int64_t channels = weight.shape()[static_cast<size_t>(output_axis(node))];
  return out && channels > 0 && elements(*out) <= kMaxMultiplyAdds / std::max<int64_t>(1, weight.count() / channels);
}

bool small_convolution(const ir::Node& node) {
  if (node.op != "vivace.FusedConv" || !constant_operands(node) || node.attributes.integer("group", 1) != 1)
    return false;
  const Shape& weight = node.input(1)->constant().shape();
  return weight.size() == 4 && weight[0] % kChannelBlock == 0 && weight[2] == 1 && weight[3] == 1 && small(node);
}

bool small_product(const ir::Node& node) {
  return node.op == "vivace.FusedMatMul" && constant_operands(node) && node.input(1)->type.rank() == 2 &&
         node.output()->type.rank() >= 2 && small(node);
}

// What members must agree in: input, type and attributes.
std::string family(const ir::Node& node) {
  std::string key = std::to_string(node.input(0)->id()) + " " + to_string(node.input(1)->type.dtype);
  for (const auto& [name, attribute] : node.attributes) {
    key += " " + name + "=";
    if (const auto* i = std::get_if<int64_t>(&attribute))
      key += std::to_string(*i);
    else if (const auto* f = std::get_if<float>(&attribute))
      key += std::to_string(*f);
    else if (const auto* s = std::get_if<std::string>(&attribute))
      key += *s;
    else if (const auto* n = std::get_if<std::vector<int64_t>>(&attribute))
      for (const int64_t v : *n) key += std::to_string(v) + ",";
    else
      key += std::to_string(node.id());  // nothing else is the same
  }
  return key;
}

Tensor concatenated(const std::vector<Tensor>& parts, int axis) {
  Shape shape = parts[0].shape();
  const auto a = static_cast<size_t>(axis);
  shape[a] = 0;
  for (const Tensor& part : parts) shape[a] += part.shape()[a];
  Result<Tensor> made = Tensor::allocate(parts[0].type(), shape);
  if (!made.ok()) return {};
  const int64_t outer = elements(std::span(shape).first(a)), inner = elements(std::span(shape).subspan(a + 1));
  auto* to = made->as<char>();
  for (int64_t o = 0; o < outer; ++o)
    for (const Tensor& part : parts) {
      const size_t bytes = byte_size(part.type(), part.shape()[a] * inner);
      std::memcpy(to, part.as<char>() + static_cast<size_t>(o) * bytes, bytes);
      to += bytes;
    }
  return *std::move(made);
}

Status merge(ir::Graph& graph, const std::vector<ir::Node*>& members) {
  const ir::Node& first = *members[0];
  const int axis = output_axis(first);
  std::vector<Tensor> weights, biases;
  std::vector<int64_t> sizes;
  bool any_bias = false;
  for (const ir::Node* node : members) any_bias = any_bias || node->input(2);
  for (const ir::Node* node : members) {
    weights.push_back(node->input(1)->constant());
    sizes.push_back(weights.back().shape()[static_cast<size_t>(axis)]);
    if (node->input(2))
      biases.push_back(node->input(2)->constant());
    else
      biases.push_back(
          float_tensor(weights[0].type(), {sizes.back()}, std::vector<double>(static_cast<size_t>(sizes.back()), 0.0)));
  }
  std::vector<ir::Value*> inputs = {first.input(0),
                                    graph.add_constant(concatenated(weights, axis), first.input(1)->name)};
  if (any_bias) inputs.push_back(graph.add_constant(concatenated(biases, 0)));
  const std::vector<ir::Node*> last_first(members.rbegin(), members.rend());
  const std::string name = joined_names(last_first);
  ir::Node* merged = graph.add_node(first.op, inputs, 1, first.attributes, name, members[0]);
  VIVACE_TRY(ops::infer_node(*merged));
  const int64_t out_axis = first.op == "vivace.FusedConv" ? 1 : first.output()->type.rank() - 1;
  ir::Node* split = graph.add_node("Split", {merged->output(), graph.add_constant(Tensor::of(sizes))},
                                   static_cast<int>(members.size()), {{"axis", out_axis}}, name, members[0]);
  VIVACE_TRY(ops::infer_node(*split));
  for (size_t i = 0; i < members.size(); ++i) {
    ir::Value* old = members[i]->output();
    VIVACE_TRY(keep_type(*old, *split->outputs()[i]));
    split->outputs()[i]->name = old->name;
    graph.replace_uses(old, split->outputs()[i]);
  }
  for (ir::Node* node : members) erase_dead(graph, node);
  return {};
}

// Products of one family over the same dimensions but that of the output channels.
Result<int> merge_all(ir::Graph& graph, bool (*fits)(const ir::Node&)) {
  std::map<std::string, std::vector<ir::Node*>> families;
  for (const auto& node : graph.nodes())
    if (fits(*node)) families[family(*node)].push_back(node.get());
  int changes = 0;
  for (const auto& [key, members] : families) {
    if (members.size() < 2) continue;
    VIVACE_TRY(merge(graph, members));
    ++changes;
  }
  return changes;
}

}  // namespace

Result<int> merge_sibling_convolutions(ir::Graph& graph, PassContext&) { return merge_all(graph, small_convolution); }
Result<int> merge_sibling_matmuls(ir::Graph& graph, PassContext&) { return merge_all(graph, small_product); }

}  // namespace vivace::passes
