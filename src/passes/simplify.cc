// Nodes that do nothing, and chains of views that are one view.
#include <algorithm>

#include "passes/constants.h"
#include "passes/rules.h"

namespace vivace::passes {

namespace {

bool replace_by_input(const Match& m, Rewriter& to) { return to.replace(m.root(), m.root_node()->input(0)); }

bool is_view(const ir::Node* node) {
  return node && (node->op == "Reshape" || node->op == "Squeeze" || node->op == "Unsqueeze" || node->op == "Flatten");
}

}  // namespace

const Rule eliminate_identity{
    .name = "eliminate_identity",
    .purpose = "Identity(x) is x",
    .pattern = op("Identity", any("x")),
    .build = replace_by_input,
};

const Rule eliminate_dropout{
    .name = "eliminate_dropout",
    .purpose = "Dropout does nothing in inference",
    .pattern = op("Dropout").where([](const ir::Node& node) {
      const ir::Value* training = node.input(2);
      if (!training) return true;
      return training->is_constant() && training->type.dtype == DType::boolean && training->constant().count() == 1 &&
             !*training->constant().as<bool>();
    }),
    .build = replace_by_input,
};

const Rule eliminate_cast{
    .name = "eliminate_cast",
    .purpose = "a cast to the type a value has",
    .pattern = op("Cast|CastLike").where([](const ir::Node& node) {
      return node.output()->type.dtype == node.input(0)->type.dtype && node.output()->type.dtype != DType::undefined;
    }),
    .build = replace_by_input,
};

const Rule eliminate_view{
    .name = "eliminate_view",
    .purpose =
        "Reshape, Squeeze, Unsqueeze, Flatten, Expand or Tile to the shape a value has; Transpose that keeps the order",
    .pattern = op("Reshape|Squeeze|Unsqueeze|Flatten|Expand|Tile|Transpose").where([](const ir::Node& node) {
      if (node.op != "Transpose") return same_type(node.input(0), node.output());
      const std::vector<int64_t> perm = permutation_of(node);
      return node.input(0)->type.rank() >= 0 && std::is_sorted(perm.begin(), perm.end());
    }),
    .build = replace_by_input,
};

const Rule eliminate_slice{
    .name = "eliminate_slice",
    .purpose = "a slice of everything in steps of one",
    .pattern = op("Slice").where([](const ir::Node& node) {
      const std::optional<double> step = splat_of(node.input(4));
      return same_type(node.input(0), node.output()) && (!node.input(4) || step == 1.0);
    }),
    .build = replace_by_input,
};

const Rule eliminate_pad{
    .name = "eliminate_pad",
    .purpose = "padding by nothing",
    .pattern = op("Pad").where([](const ir::Node& node) { return splat_of(node.input(1)) == 0.0; }),
    .build = replace_by_input,
};

const Rule eliminate_zero_state{
    .name = "eliminate_zero_state",
    .purpose = "an initial state of zeros, and no state at all, are the same to a recurrent network",
    .pattern = op("LSTM|GRU|RNN").where([](const ir::Node& node) { return node.input(5) || node.input(6); }),
    .build =
        [](const Match& m, Rewriter& to) {
          std::vector<ir::Value*> inputs = m.root_node()->inputs();
          bool changed = false;
          for (size_t i = 5; i < std::min<size_t>(inputs.size(), 7); ++i) {
            if (!inputs[i] || filled_with(inputs[i]) != 0.0) continue;
            inputs[i] = nullptr;
            changed = true;
          }
          while (!inputs.back()) inputs.pop_back();
          return changed && to.replace(m.root(), to.add(m.root_node()->op, inputs, m.root_node()->attributes));
        },
};

const Rule eliminate_pool{
    .name = "eliminate_pool",
    .purpose = "pooling over windows of one element",
    .pattern = op("AveragePool|MaxPool", any("x")).where([](const ir::Node& node) {
      const auto all = [&](const char* name, int64_t wanted) {
        const std::vector<int64_t> values = node.attributes.integers(name);
        return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == wanted; });
      };
      return all("kernel_shape", 1) && all("strides", 1) && all("pads", 0) && same_type(node.input(0), node.output());
    }),
    .build = replace_by_input,
};

const Rule eliminate_single_input{
    .name = "eliminate_single_input",
    .purpose = "Concat, Sum, Min, Max or Mean of one value; Split into one",
    .pattern = op("Concat|Sum|Min|Max|Mean|Split").where([](const ir::Node& node) {
      return node.op == "Split" ? node.outputs().size() == 1 : node.inputs().size() == 1;
    }),
    .build = replace_by_input,
};

// x + -0 differs from x + 0 in the sign of a zero only.
const Rule eliminate_neutral_operand{
    .name = "eliminate_neutral_operand",
    .purpose = "x + 0, x - 0, x * 1, x / 1, x ^ 1",
    .pattern = op("Add|Sub|Mul|Div|Pow").where([](const ir::Node& node) { return node.inputs().size() == 2; }),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node& node = *m.root_node();
          const double neutral = node.op == "Add" || node.op == "Sub" ? 0 : 1;
          const bool either = node.op == "Add" || node.op == "Mul";
          for (size_t i = 0; i < (either ? 2u : 1u); ++i)
            if (splat_of(node.input(1 - i)) == neutral && same_type(node.input(i), node.output()))
              return to.replace(m.root(), node.input(i));
          return false;
        },
};

const Rule select_constant_where{
    .name = "select_constant_where",
    .purpose = "Where with a condition that is the same everywhere",
    .pattern = op("Where", constant("condition"), any("yes"), any("no")),
    .build =
        [](const Match& m, Rewriter& to) {
          const Tensor& condition = m["condition"]->constant();
          if (condition.type() != DType::boolean || condition.count() == 0) return false;
          const auto bits = condition.span<bool>();
          const bool first = bits[0];
          if (!std::all_of(bits.begin(), bits.end(), [&](bool b) { return b == first; })) return false;
          ir::Value* chosen = m[first ? "yes" : "no"];
          return same_type(chosen, m.root()) && to.replace(m.root(), chosen);
        },
};

const Rule unit_transpose_to_reshape{
    .name = "unit_transpose_to_reshape",
    .purpose = "a Transpose that moves only dimensions of size 1 is a Reshape",
    .pattern = op("Transpose", any("x")),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Value* x = m["x"];
          if (!x->type.dims || !m.root()->type.dims) return false;
          std::vector<int64_t> moved;
          for (const int64_t axis : permutation_of(*m.root_node()))
            if (!(*x->type.dims)[static_cast<size_t>(axis)].is(1)) moved.push_back(axis);
          if (!std::is_sorted(moved.begin(), moved.end())) return false;
          ir::Value* y = to.reshape(m["x"], *m.root()->type.dims);
          return y && to.replace(m.root(), y);
        },
};

const Rule merge_transposes{
    .name = "merge_transposes",
    .purpose = "a Transpose of a Transpose is one",
    .pattern = op("Transpose", op("Transpose", any("x")).named("first")),
    .build =
        [](const Match& m, Rewriter& to) {
          if (m["x"]->type.rank() < 0) return false;
          const std::vector<int64_t> first = permutation_of(*m.node("first")), second = permutation_of(*m.root_node());
          std::vector<int64_t> perm;
          for (const int64_t axis : second) perm.push_back(first[static_cast<size_t>(axis)]);
          return to.replace(m.root(), to.add("Transpose", {m["x"]}, {{"perm", perm}}));
        },
};

const Rule sink_transposes{
    .name = "sink_transposes",
    .purpose = "the sum (product, ...) of two values transposed alike is the transposed sum",
    .pattern = op("Add|Sub|Mul|Div", op("Transpose", any("a")).named("left"), op("Transpose", any("b")).named("right")),
    .build =
        [](const Match& m, Rewriter& to) {
          const std::vector<int64_t> perm = permutation_of(*m.node("left"));
          if (perm != permutation_of(*m.node("right")) || !same_type(m["a"], m["b"])) return false;
          if (!m["left"]->single_use() && !m["right"]->single_use()) return false;  // both stay: one Transpose more
          return to.replace(m.root(),
                            to.add("Transpose", {to.add(m.root_node()->op, {m["a"], m["b"]})}, {{"perm", perm}}));
        },
};

// The first of a row of blocks whose branches are matrix products over transposed activations: with its residual
// transposed, sink_transposes brings all others into the products' own order, where they fuse.
const Rule transpose_residual{
    .name = "transpose_residual",
    .purpose = "a residual is transposed to meet the matrix product it is added to, instead of the product's result",
    .pattern = op("Add",
                  op("Transpose", either(op("MatMul", any(), constant()),
                                         op("Add", op("MatMul", any(), constant()), constant()).commutative())
                                      .single_use()
                                      .named("product"))
                      .single_use()
                      .named("branch"),
                  any("residual"))
                   .commutative(),
    .build =
        [](const Match& m, Rewriter& to) {
          if (!same_type(m["branch"], m["residual"]) || m["residual"]->is_constant()) return false;
          const std::vector<int64_t> perm = permutation_of(*m.node("branch"));
          std::vector<int64_t> inverse(perm.size());
          for (size_t i = 0; i < perm.size(); ++i) inverse[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
          ir::Value* residual = to.add("Transpose", {m["residual"]}, {{"perm", inverse}});
          return to.replace(m.root(), to.add("Transpose", {to.add("Add", {m["product"], residual})}, {{"perm", perm}}));
        },
};

const Rule merge_views{
    .name = "merge_views",
    .purpose = "Reshape, Squeeze, Unsqueeze or Flatten of another of them is one Reshape",
    .pattern = op("Reshape|Squeeze|Unsqueeze|Flatten").where([](const ir::Node& node) {
      return is_view(node.input(0)->producer());
    }),
    .build =
        [](const Match& m, Rewriter& to) {
          ir::Value* x = m.root_node()->input(0)->producer()->input(0);
          if (!m.root()->type.dims) return false;
          ir::Value* y = to.reshape(x, *m.root()->type.dims);
          return y && to.replace(m.root(), y);
        },
};

}  // namespace vivace::passes
