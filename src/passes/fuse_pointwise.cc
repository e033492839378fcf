// Elementwise operators that follow one another as one pass over memory: vivace.Pointwise.
//
// A group grows from its last node towards the inputs. A node joins if everything that uses it is in the group already
// and its result has the shape of the group's, so nothing is computed twice. A single node makes a group as well: the
// kernels of vivace.Pointwise are the fast ones for every elementwise operator on floats. Results change by no more
// than the rounding of f16 and bf16 between the nodes, which falls away.
#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "ops/operator.h"
#include "ops/pointwise_program.h"
#include "passes/constants.h"
#include "passes/rules.h"

namespace vivace::passes {

namespace {

constexpr size_t kMaxInputs = 16, kMaxNodes = 64;  // what kernels keep in registers and L1
constexpr int kMaxDepth = 16;                      // of expressions of truth values

enum class Gives : uint8_t { number, boolean };
struct Mapping {
  PointwiseOp op;
  int operands;
  Gives gives = Gives::number, takes = Gives::number;
};

const Mapping* mapping_of(const std::string& name) {
  using enum PointwiseOp;
  constexpr Gives kBool = Gives::boolean, kNumber = Gives::number;
  static const std::map<std::string, Mapping, std::less<>> table = {
      {"Add", {add, 2}},
      {"Sub", {sub, 2}},
      {"Mul", {mul, 2}},
      {"Div", {div, 2}},
      {"Pow", {pow, 2}},
      {"Max", {max, 2}},
      {"Min", {min, 2}},
      {"Sum", {add, 2}},
      {"Less", {less, 2, kBool}},
      {"LessOrEqual", {less_equal, 2, kBool}},
      {"Greater", {greater, 2, kBool}},
      {"GreaterOrEqual", {greater_equal, 2, kBool}},
      {"Equal", {equal, 2, kBool}},
      {"And", {logical_and, 2, kBool, kBool}},
      {"Or", {logical_or, 2, kBool, kBool}},
      {"Not", {logical_not, 1, kBool, kBool}},
      {"Where", {where, 3, kNumber, kNumber}},  // its first input is boolean
      {"Neg", {neg, 1}},
      {"Abs", {abs, 1}},
      {"Sign", {sign, 1}},
      {"Reciprocal", {reciprocal, 1}},
      {"Sqrt", {sqrt, 1}},
      {"Floor", {floor, 1}},
      {"Ceil", {ceil, 1}},
      {"Round", {round, 1}},
      {"Exp", {exp, 1}},
      {"Log", {log, 1}},
      {"Sin", {sin, 1}},
      {"Cos", {cos, 1}},
      {"Tanh", {tanh, 1}},
      {"Erf", {erf, 1}},
      {"Sigmoid", {sigmoid, 1}},
      {"Relu", {relu, 1}},
      {"Clip", {clip, 1}},
      {"LeakyRelu", {leaky_relu, 1}},
      {"Elu", {elu, 1}},
      {"Selu", {selu, 1}},
      {"HardSigmoid", {hard_sigmoid, 1}},
      {"HardSwish", {hard_swish, 1}},
      {"Swish", {silu, 1}},
      {"Gelu", {gelu, 1}},
      {"Softplus", {softplus, 1}},
      {"Softsign", {softsign, 1}},
      {"Mish", {mish, 1}}};
  const auto at = table.find(name);
  return at == table.end() ? nullptr : &at->second;
}

struct Parameters {
  double alpha = 0, beta = 0;
};
// Parameters of the instruction; empty where the node has some that an instruction cannot say.
std::optional<Parameters> parameters_of(const ir::Node& node) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const ir::Attributes& a = node.attributes;
  if (node.op == "Clip") {
    const auto low = node.input(1) ? f32_splat_of(node.input(1)) : -kInfinity,
               high = node.input(2) ? f32_splat_of(node.input(2)) : kInfinity;
    return low && high ? std::optional(Parameters{*low, *high}) : std::nullopt;
  }
  if (node.op == "LeakyRelu") return Parameters{a.real("alpha", 0.01f)};
  if (node.op == "Elu") return Parameters{a.real("alpha", 1)};
  if (node.op == "Selu")
    return Parameters{a.real("alpha", 1.67326319217681884765625f), a.real("gamma", 1.05070102214813232421875f)};
  if (node.op == "HardSigmoid") return Parameters{a.real("alpha", 0.2f), a.real("beta", 0.5f)};
  if (node.op == "Swish" && a.real("alpha", 1) != 1) return std::nullopt;
  return Parameters{};
}

size_t operands_of(const ir::Node& node, const Mapping& mapping) {  // Clip's bounds are no operands
  return mapping.operands == 1 ? 1 : node.inputs().size();
}

bool fits(const ir::Node& node, DType type, int depth = 0) {
  const Mapping* mapping = mapping_of(node.op);
  if (!mapping || node.outputs().size() != 1 || !node.output()->type.dims || !parameters_of(node)) return false;
  if (node.output()->type.dtype != (mapping->gives == Gives::boolean ? DType::boolean : type)) return false;
  const bool many = node.op == "Max" || node.op == "Min" || node.op == "Sum";  // two or more
  if (mapping->operands > 1 &&
      (many ? node.inputs().size() < 2 : node.inputs().size() != static_cast<size_t>(mapping->operands)))
    return false;
  for (size_t i = 0; i < operands_of(node, *mapping); ++i) {
    const ir::Value* input = node.inputs()[i];
    if (!input || !input->type.dims) return false;
    const bool boolean = mapping->takes == Gives::boolean || (node.op == "Where" && i == 0);
    if (!boolean) {
      if (input->type.dtype != type && !(node.op == "Pow" && i == 1 && splat_of(input))) return false;
      continue;
    }
    // Truth values exist within a group only.
    if (!input->single_use() || !input->producer() || !same_dims(*input->type.dims, *node.output()->type.dims) ||
        depth > kMaxDepth || !fits(*input->producer(), type, depth + 1))
      return false;
  }
  return true;
}

class Group {
 public:
  using Order = std::unordered_map<const ir::Node*, size_t>;  // places in the graph

  Group(ir::Graph& graph, ir::Node* root, const Order& order)
      : graph_(graph), root_(root), order_(order), type_(root->output()->type.dtype) {
    add(root);
  }

  // Takes producers in until none is left that may join.
  void grow() {
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t i = 0; i < nodes_.size(); ++i)
        for (ir::Value* input : nodes_[i]->inputs()) changed |= input && join(input->producer());
    }
  }

  /// The group's node in place of its members; false where the program cannot be written.
  Result<bool> replace() {
    std::vector<ir::Node*> order = nodes_;
    std::sort(order.begin(), order.end(),
              [&](const ir::Node* a, const ir::Node* b) { return order_.at(a) < order_.at(b); });
    const bool inlined = broadcasts_without_scalars();
    for (const ir::Node* node : order)
      for (size_t i = 0; i < operands_of(*node, *mapping_of(node->op)); ++i) {
        ir::Value* input = node->inputs()[i];
        if (members_.contains(input->producer()) || (inlined && literal(input))) continue;
        if (input->type.dtype != type_) return false;
        if (std::find(inputs_.begin(), inputs_.end(), input) == inputs_.end()) inputs_.push_back(input);
      }
    if (inputs_.empty() || inputs_.size() > kMaxInputs) return false;
    PointwiseProgram program;
    program.inputs = static_cast<int>(inputs_.size());
    for (size_t i = 0; i < inputs_.size(); ++i) operand_[inputs_[i]] = static_cast<int>(i);
    for (const ir::Node* node : order) append(program, *node);
    if (!verify(program).ok()) return false;
    const std::vector<ir::Node*> last_first(order.rbegin(), order.rend());
    ir::Node* fused = graph_.add_node("vivace.Pointwise", inputs_, 1, {{"program", to_string(program)}},
                                      joined_names(last_first), root_);
    VIVACE_TRY(ops::infer_node(*fused));
    VIVACE_TRY(keep_type(*root_->output(), *fused->output()));
    fused->output()->name = root_->output()->name;
    graph_.replace_uses(root_->output(), fused->output());
    erase_dead(graph_, root_);
    return true;
  }

 private:
  void add(ir::Node* node) {
    nodes_.push_back(node);
    members_.insert(node);
  }

  bool join(ir::Node* node) {
    if (!node || members_.contains(node) || nodes_.size() >= kMaxNodes || !fits(*node, type_)) return false;
    const ir::Value* result = node->output();
    if (result->output_count() > 0 || !same_dims(*result->type.dims, *root_->output()->type.dims)) return false;
    for (const ir::Use& use : result->uses())
      if (!members_.contains(use.node)) return false;
    add(node);
    return true;
  }

  // A constant that is one number, exact in f32, in which programs hold constants.
  static std::optional<double> literal(const ir::Value* value) {
    const std::optional<double> number = splat_of(value);
    return number && static_cast<double>(static_cast<float>(*number)) == *number ? number : std::nullopt;
  }

  // Whether the inputs other than single numbers give the shape of the result.
  bool broadcasts_without_scalars() const {
    std::optional<ir::Dims> dims = ir::Dims{};
    for (const ir::Node* node : nodes_)
      for (size_t i = 0; dims && i < operands_of(*node, *mapping_of(node->op)); ++i) {
        const ir::Value* input = node->inputs()[i];
        if (!members_.contains(input->producer()) && !literal(input)) dims = ir::broadcast(*dims, *input->type.dims);
      }
    return dims && same_dims(*dims, *root_->output()->type.dims);
  }

  int operand(PointwiseProgram& program, const ir::Value* value) {
    const auto known = operand_.find(value);
    if (known != operand_.end()) return known->second;
    return operand_[value] = program.append(PointwiseOp::constant, -1, -1, -1, static_cast<float>(*literal(value)));
  }

  void append(PointwiseProgram& program, const ir::Node& node) {
    const Mapping& mapping = *mapping_of(node.op);
    const Parameters p = *parameters_of(node);
    const auto alpha = static_cast<float>(p.alpha), beta = static_cast<float>(p.beta);
    const PointwiseOp op = node.op == "Gelu" && node.attributes.text("approximate", "none") == "tanh"
                               ? PointwiseOp::gelu_tanh
                               : mapping.op;
    int& result = operand_[node.output()];
    const int first = operand(program, node.input(0));
    if (mapping.operands == 1) {
      result = program.append(op, first, -1, -1, alpha, beta);
    } else if (mapping.operands == 3) {
      const int second = operand(program, node.input(1));
      result = program.append(op, first, second, operand(program, node.input(2)));
    } else if (node.op == "Mul" && node.input(0) == node.input(1)) {
      result = program.append(PointwiseOp::square, first);
    } else {
      int sum = first;
      for (size_t i = 1; i < node.inputs().size(); ++i) sum = program.append(op, sum, operand(program, node.input(i)));
      result = sum;
    }
  }

  ir::Graph& graph_;
  ir::Node* root_;
  const Order& order_;
  DType type_;
  std::vector<ir::Node*> nodes_;
  std::unordered_set<const ir::Node*> members_;
  std::vector<ir::Value*> inputs_;
  std::map<const ir::Value*, int> operand_;
};

}  // namespace

Result<int> fuse_pointwise(ir::Graph& graph, PassContext&) {
  int changes = 0;
  Group::Order order;
  for (const auto& node : graph.nodes()) order.emplace(node.get(), order.size());
  // From the last node on, so that groups are as long as they can be. A group's nodes all come before its root, and its
  // own node takes the root's place, so what follows the root stays where it is.
  for (auto after = graph.nodes().end(); after != graph.nodes().begin(); --after) {
    ir::Node* root = std::prev(after)->get();
    if (root->outputs().size() != 1 || root->output()->unused()) continue;
    const DType type = root->output()->type.dtype;
    if (!is_float(type) || !fits(*root, type)) continue;
    Group group(graph, root, order);
    group.grow();
    VIVACE_ASSIGN(const bool replaced, group.replace());
    if (replaced) ++changes;
  }
  return changes;
}

}  // namespace vivace::passes
