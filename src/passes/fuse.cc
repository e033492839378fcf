// Convolutions and matrix products with all that their kernels do before they store a sum: vivace.FusedConv and
// vivace.FusedMatMul (x, w, bias, residual), y = activation(scale * product + bias + residual), or the residual after
// the activation where residual_last is 1.
#include <cmath>
#include <limits>

#include "passes/constants.h"
#include "passes/rules.h"

namespace vivace::passes {

namespace {

constexpr const char* kFused = "vivace.FusedConv|vivace.FusedMatMul";

bool is_matmul(const ir::Node& node) { return node.op == "vivace.FusedMatMul"; }
bool plain(const ir::Node& node) { return node.attributes.text("activation", "none") == "none"; }
bool without_residual(const ir::Node& node) { return !node.input(3); }

/// The fused node with a residual or bias put in, or other attributes.
ir::Value* rebuilt(Rewriter& to, const ir::Node& fused, ir::Value* bias, ir::Value* residual,
                   ir::Attributes attributes) {
  std::vector<ir::Value*> inputs = {fused.input(0), fused.input(1)};
  if (bias || residual) inputs.push_back(bias);
  if (residual) inputs.push_back(residual);
  return to.add(fused.op, inputs, std::move(attributes));
}

}  // namespace

const Rule conv_to_fused{
    .name = "conv_to_fused",
    .purpose = "a convolution with constant weights, ready to take bias, residual and activation in",
    .pattern = op("Conv", any("x").floating(), constant("w"), optional(constant("b"))),
    .build =
        [](const Match& m, Rewriter& to) {
          std::vector<ir::Value*> inputs = {m["x"], m["w"]};
          if (m["b"]) inputs.push_back(m["b"]);
          return to.replace(m.root(), to.add("vivace.FusedConv", inputs, m.root_node()->attributes));
        },
};

const Rule matmul_to_fused{
    .name = "matmul_to_fused",
    .purpose = "a matrix product, ready to take scale, bias, residual and activation in",
    .pattern = op("MatMul", any("a").floating(), any("b")),
    .build =
        [](const Match& m, Rewriter& to) {
          if (m["a"]->type.rank() < 2 || m["b"]->type.rank() < 2) return false;
          return to.replace(m.root(), to.add("vivace.FusedMatMul", {m["a"], m["b"]}));
        },
};

// alpha becomes the scale, beta goes into a constant bias.
const Rule gemm_to_fused{
    .name = "gemm_to_fused",
    .purpose = "Gemm as a fused matrix product",
    .pattern = op("Gemm", any("a").floating(), any("b"), optional(any("c"))),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node& gemm = *m.root_node();
          const double beta = gemm.attributes.real("beta", 1);
          const std::optional<int64_t> columns = dim_of(m.root(), 1);
          ir::Value *bias = nullptr, *residual = nullptr;
          if (m["c"] && beta != 0) {
            auto values = columns ? per_channel(m["c"], 2, 1, *columns) : std::nullopt;
            if (values) {
              for (double& v : *values) v *= beta;
              bias = to.constant(float_tensor(m["c"]->type.dtype, {*columns}, *values), m["c"]->name);
            } else if (beta == 1 && same_type(m["c"], m.root())) {
              residual = m["c"];
            } else {
              return false;
            }
          }
          ir::Attributes attributes;
          if (gemm.attributes.integer("transA")) attributes["trans_a"] = int64_t{1};
          if (gemm.attributes.integer("transB")) attributes["trans_b"] = int64_t{1};
          if (const float alpha = gemm.attributes.real("alpha", 1); alpha != 1) attributes["scale"] = alpha;
          std::vector<ir::Value*> inputs = {m["a"], m["b"]};
          if (bias || residual) inputs.push_back(bias);
          if (residual) inputs.push_back(residual);
          return to.replace(m.root(), to.add("vivace.FusedMatMul", inputs, attributes));
        },
};

const Rule fuse_transposed_operand{
    .name = "fuse_transposed_operand",
    .purpose = "a matrix product reads an operand whose last two dimensions are swapped",
    .pattern = op("vivace.FusedMatMul").where([](const ir::Node& node) {
      const ir::Node *a = node.input(0)->producer(), *b = node.input(1)->producer();
      return (a && a->op == "Transpose") || (b && b->op == "Transpose");
    }),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node& fused = *m.root_node();
          std::vector<ir::Value*> inputs = fused.inputs();
          ir::Attributes attributes = fused.attributes;
          bool changed = false;
          for (size_t i = 0; i < 2; ++i) {
            const ir::Node* transpose = inputs[i]->producer();
            if (!transpose || transpose->op != "Transpose") continue;
            const std::vector<int64_t> perm = permutation_of(*transpose);
            const size_t n = perm.size();
            bool last_two = n >= 2;
            for (size_t d = 0; d < n; ++d)
              last_two = last_two && perm[d] == static_cast<int64_t>(d + 2 < n ? d : d + 2 == n ? n - 1 : n - 2);
            if (!last_two) continue;
            const char* key = i == 0 ? "trans_a" : "trans_b";
            attributes[key] = int64_t{1} - attributes.integer(key);
            inputs[i] = transpose->input(0);
            changed = true;
          }
          return changed && to.replace(m.root(), to.add(fused.op, inputs, attributes));
        },
};

const Rule fuse_scale{
    .name = "fuse_scale",
    .purpose = "a scalar factor after a matrix product is the product's scale",
    .pattern = op("Mul", op("vivace.FusedMatMul").single_use().named("fused").where([](const ir::Node& n) {
                 return plain(n) && without_residual(n) && !n.input(2);
               }),
                  scalar("c"))
                   .commutative(),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node& fused = *m.node("fused");
          if (!same_type(m["fused"], m.root())) return false;
          ir::Attributes attributes = fused.attributes;
          attributes["scale"] = static_cast<float>(attributes.real("scale", 1) * *splat_of(m["c"]));
          return to.replace(m.root(), rebuilt(to, fused, nullptr, nullptr, attributes));
        },
};

const Rule fuse_bias{
    .name = "fuse_bias",
    .purpose = "a constant per column or channel added to a product is its bias",
    .pattern = op("Add", op(kFused).single_use().named("fused").where([](const ir::Node& n) {
                 return plain(n) && without_residual(n) && !n.input(2);
               }),
                  constant("c"))
                   .commutative(),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node& fused = *m.node("fused");
          const int rank = m["fused"]->type.rank(), axis = is_matmul(fused) ? rank - 1 : 1;
          const std::optional<int64_t> channels = dim_of(m["fused"], axis);
          const auto values = channels ? per_channel(m["c"], rank, axis, *channels) : std::nullopt;
          if (!values || !same_type(m["fused"], m.root())) return false;
          ir::Value* bias = to.constant(float_tensor(m["c"]->type.dtype, {*channels}, *values), m["c"]->name);
          return to.replace(m.root(), rebuilt(to, fused, bias, nullptr, fused.attributes));
        },
};

const Rule fuse_residual{
    .name = "fuse_residual",
    .purpose = "a value of the product's own shape added to it, before or after the activation",
    .pattern = op("Add", op(kFused).single_use().named("fused").where(without_residual), any("residual")).commutative(),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node& fused = *m.node("fused");
          if (!same_type(m["residual"], m["fused"]) || !same_type(m["fused"], m.root())) return false;
          // Convolutions want it in their layout of channels, which constants are not brought to.
          if (!is_matmul(fused) && m["residual"]->is_constant()) return false;
          ir::Attributes attributes = fused.attributes;
          if (!plain(fused)) attributes["residual_last"] = int64_t{1};
          return to.replace(m.root(), rebuilt(to, fused, fused.input(2), m["residual"], attributes));
        },
};

namespace {

struct Activation {
  const char* name = nullptr;
  float alpha = 0, beta = 0;
};

Activation activation_of(const ir::Node& node) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const ir::Attributes& a = node.attributes;
  if (node.op == "Relu") return {"relu"};
  if (node.op == "Sigmoid") return {"sigmoid"};
  if (node.op == "Tanh") return {"tanh"};
  if (node.op == "HardSwish") return {"hard_swish"};
  if (node.op == "LeakyRelu") return {"leaky_relu", a.real("alpha", 0.01f)};
  if (node.op == "HardSigmoid") return {"hard_sigmoid", a.real("alpha", 0.2f), a.real("beta", 0.5f)};
  if (node.op == "Swish" && a.real("alpha", 1) == 1) return {"silu"};
  if (node.op == "Gelu") return {a.text("approximate", "none") == "tanh" ? "gelu_tanh" : "gelu"};
  if (node.op == "Clip") {
    const auto low = node.input(1) ? f32_splat_of(node.input(1)) : -kInfinity;
    const auto high = node.input(2) ? f32_splat_of(node.input(2)) : kInfinity;
    if (low && high) return {"clip", *low, *high};
  }
  return {};
}

}  // namespace

const Rule fuse_activation{
    .name = "fuse_activation",
    .purpose = "the activation after a product is computed as its sums are stored",
    .pattern = op("Relu|Clip|LeakyRelu|HardSigmoid|HardSwish|Sigmoid|Swish|Tanh|Gelu").where([](const ir::Node& node) {
      const ir::Node* fused = node.input(0)->producer();
      return fused && (fused->op == "vivace.FusedConv" || is_matmul(*fused)) && plain(*fused) &&
             !fused->attributes.integer("residual_last") && node.input(0)->single_use();
    }),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node& fused = *m.root_node()->input(0)->producer();
          const Activation activation = activation_of(*m.root_node());
          if (!activation.name) return false;
          ir::Attributes attributes = fused.attributes;
          attributes["activation"] = std::string(activation.name);
          if (activation.alpha != 0 || activation.beta != 0) {
            attributes["activation_alpha"] = activation.alpha;
            attributes["activation_beta"] = activation.beta;
          }
          ir::Value* y = to.add(fused.op, fused.inputs(), attributes);
          y->producer()->name = joined_names({m.root_node(), &const_cast<ir::Node&>(fused)});
          return to.replace(m.root(), y);
        },
};

const Rule hoist_reshape_over_matmul{
    .name = "hoist_reshape_over_matmul",
    .purpose =
        "a Reshape after a product with a weight matrix that keeps the columns goes before it, to meet other views",
    .pattern = op("Reshape|Squeeze|Unsqueeze|Flatten").where([](const ir::Node& node) {
      const ir::Node* fused = node.input(0)->producer();
      return fused && is_matmul(*fused) && node.input(0)->single_use() && without_residual(*fused) &&
             fused->input(1)->type.rank() == 2 && !fused->attributes.integer("trans_a");
    }),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node& fused = *m.root_node()->input(0)->producer();
          const auto &from = fused.output()->type.dims, &into = m.root()->type.dims;
          if (!from || !into || into->size() < 2 || !from->back().same(into->back()) || !fused.input(0)->type.dims)
            return false;
          ir::Dims rows = *into;
          rows.back() = fused.input(0)->type.dims->back();
          std::vector<ir::Value*> inputs = fused.inputs();
          inputs[0] = to.reshape(fused.input(0), rows);
          if (!inputs[0]) return false;
          ir::Value* y = to.add(fused.op, inputs, fused.attributes);
          y->producer()->name = fused.name;
          return to.replace(m.root(), y);
        },
};

}  // namespace vivace::passes
