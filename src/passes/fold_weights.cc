// Scales and shifts around convolutions and matrix products, taken into their weights.
//
// New weights are computed in f64 and rounded once. A product w * s * x then has one rounding where the original had
// another: results agree within a few units in the last place of the largest term of each sum. Nothing is folded where
// a new weight would not be finite (a division by zero, a weight too large for f16).
#include <cmath>

#include "passes/constants.h"
#include "passes/rules.h"

namespace vivace::passes {

namespace {

struct Affine {
  std::vector<double> scale, shift;  // y = x * scale + shift for each channel
};

bool infers(const ir::Node& node) { return node.attributes.integer("training_mode") == 0; }

Affine affine_of_batch_norm(const Match& m) {
  const double eps = m.root_node()->attributes.real("epsilon", 1e-5f);
  const std::vector<double> scale = to_double(m["scale"]->constant()), beta = to_double(m["beta"]->constant());
  const std::vector<double> mean = to_double(m["mean"]->constant()), var = to_double(m["var"]->constant());
  Affine a;
  for (size_t i = 0; i < scale.size(); ++i) {
    a.scale.push_back(scale[i] / std::sqrt(var[i] + eps));
    a.shift.push_back(beta[i] - mean[i] * a.scale[i]);
  }
  return a;
}

Pattern batch_norm(Pattern x) {
  return op("BatchNormalization", std::move(x), constant("scale"), constant("beta"), constant("mean"), constant("var"))
      .where(infers);
}
// Which dimension of the weight counts output channels.
int channel_axis(const ir::Node& conv) { return conv.op == "ConvTranspose" ? 1 : 0; }
Pattern conv(const char* ops, const char* bias = "b") {
  return op(ops, any("x"), constant("w").floating(), optional(constant(bias)))
      .single_use()
      .named("conv")
      .where([](const ir::Node& n) { return n.op == "Conv" || n.attributes.integer("group", 1) == 1; });
}

int64_t channels_of(const ir::Node& conv) {
  return conv.input(1)->constant().shape()[static_cast<size_t>(channel_axis(conv))];
}

std::vector<double> bias_of(const ir::Value* bias, int64_t channels) {
  return bias ? to_double(bias->constant()) : std::vector<double>(static_cast<size_t>(channels), 0.0);
}

// conv(x, w, b) * scale + shift as one convolution.
bool fold_affine(const Match& m, Rewriter& to, const Affine& affine) {
  const ir::Node& node = *m.node("conv");
  const ir::Value* w = m["w"];
  const int64_t channels = channels_of(node);
  if (affine.scale.size() != static_cast<size_t>(channels) || !same_type(m["conv"], m.root())) return false;
  std::vector<double> bias = bias_of(m["b"], channels);
  for (size_t i = 0; i < bias.size(); ++i) bias[i] = bias[i] * affine.scale[i] + affine.shift[i];
  const Tensor new_weight = scaled_along(w->constant(), channel_axis(node), affine.scale);
  const Tensor new_bias = float_tensor(w->type.dtype, {channels}, bias);
  if (!all_finite(new_weight) || !all_finite(new_bias)) return false;
  ir::Value* weight = to.constant(new_weight, w->name);
  ir::Value* shifted = to.constant(new_bias, m["b"] ? m["b"]->name : "");
  return to.replace(m.root(), to.add(node.op, {m["x"], weight, shifted}, node.attributes));
}

}  // namespace

// bn(conv(x, w, b)) -> conv(x, w*s, (b - mean)*s + beta), s = scale / sqrt(var + eps)
const Rule fold_batch_norm_into_conv{
    .name = "fold_batch_norm_into_conv",
    .purpose = "batch normalization after a convolution (transposed too, without groups) goes into its weights",
    .pattern = batch_norm(conv("Conv|ConvTranspose")),
    .build = [](const Match& m, Rewriter& to) { return fold_affine(m, to, affine_of_batch_norm(m)); },
};

const Rule batch_norm_to_scale_and_shift{
    .name = "batch_norm_to_scale_and_shift",
    .purpose = "a batch normalization that stands alone is a factor and a summand per channel",
    .pattern = batch_norm(any("x")),
    .build =
        [](const Match& m, Rewriter& to) {
          const int rank = m["x"]->type.rank();
          if (rank < 2) return false;
          const Affine affine = affine_of_batch_norm(m);
          Shape shape(static_cast<size_t>(rank - 1), 1);
          shape[0] = static_cast<int64_t>(affine.scale.size());
          const DType type = m["x"]->type.dtype;
          ir::Value* scale = to.constant(float_tensor(type, shape, affine.scale), m["scale"]->name);
          ir::Value* shift = to.constant(float_tensor(type, shape, affine.shift), m["beta"]->name);
          return to.replace(m.root(), to.add("Add", {to.add("Mul", {m["x"], scale}), shift}));
        },
};

const Rule fold_scale_into_conv{
    .name = "fold_scale_into_conv",
    .purpose = "a constant factor per channel after a convolution goes into its weights",
    .pattern = either(op("Mul", conv("Conv|ConvTranspose"), constant("c")).commutative(),
                      op("Div", conv("Conv|ConvTranspose"), constant("c"))),
    .build =
        [](const Match& m, Rewriter& to) {
          const int64_t channels = channels_of(*m.node("conv"));
          auto factors = per_channel(m["c"], m["conv"]->type.rank(), 1, channels);
          if (!factors) return false;
          if (m.root_node()->op == "Div")
            for (double& f : *factors) f = 1 / f;
          return fold_affine(m, to, {*factors, std::vector<double>(static_cast<size_t>(channels), 0.0)});
        },
};

const Rule fold_bias_into_conv{
    .name = "fold_bias_into_conv",
    .purpose = "a constant summand per channel after a convolution is its bias",
    .pattern = op("Add", conv("Conv|ConvTranspose"), constant("c")).commutative(),
    .build =
        [](const Match& m, Rewriter& to) {
          const int64_t channels = channels_of(*m.node("conv"));
          const auto shift = per_channel(m["c"], m["conv"]->type.rank(), 1, channels);
          if (!shift || !same_type(m["conv"], m.root())) return false;
          std::vector<double> bias = bias_of(m["b"], channels);
          for (size_t i = 0; i < bias.size(); ++i) bias[i] += (*shift)[i];
          ir::Value* value = to.constant(float_tensor(m["w"]->type.dtype, {channels}, bias), m["c"]->name);
          return to.replace(m.root(), to.add(m.node("conv")->op, {m["x"], m["w"], value}, m.node("conv")->attributes));
        },
};

// Padding adds zeros, which a factor leaves zero; a summand it would not.
const Rule fold_input_scale_into_conv{
    .name = "fold_input_scale_into_conv",
    .purpose = "a constant factor per channel before a convolution without groups goes into its weights",
    .pattern = op("Conv", op("Mul", any("x"), constant("c")).commutative().single_use().named("scaled"),
                  constant("w").floating(), optional(any("b")))
                   .attribute("group", 1, 1),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Value* w = m["w"];
          const auto factors = per_channel(m["c"], m["scaled"]->type.rank(), 1, w->constant().shape()[1]);
          if (!factors || !same_type(m["x"], m["scaled"])) return false;
          const Tensor weight = scaled_along(w->constant(), 1, *factors);
          if (!all_finite(weight)) return false;
          std::vector<ir::Value*> inputs = {m["x"], to.constant(weight, w->name)};
          if (m["b"]) inputs.push_back(m["b"]);
          return to.replace(m.root(), to.add("Conv", inputs, m.root_node()->attributes));
        },
};

const Rule fold_pad_into_conv{
    .name = "fold_pad_into_conv",
    .purpose = "a Pad with zeros before a convolution is the convolution's own padding",
    .pattern = op("Conv", op("Pad").single_use().named("pad"), any("w"), optional(any("b"))),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node &pad = *m.node("pad"), &conv = *m.root_node();
          const auto amounts = constant_ints(pad.input(1));
          const auto rank = static_cast<size_t>(std::max(0, pad.input(0)->type.rank()));
          const std::string mode = pad.attributes.text("mode", "constant"),
                            automatic = conv.attributes.text("auto_pad", "NOTSET");
          if (!amounts || amounts->size() != 2 * rank || rank < 3 || mode != "constant" || pad.input(3)) return false;
          if (pad.input(2) && splat_of(pad.input(2)) != 0.0) return false;
          if (automatic != "NOTSET" && automatic != "VALID") return false;
          for (size_t i = 0; i < amounts->size(); ++i)
            if ((*amounts)[i] < 0 || (i % rank < 2 && (*amounts)[i] != 0)) return false;
          const size_t spatial = rank - 2;
          std::vector<int64_t> pads(2 * spatial, 0);
          if (automatic == "NOTSET") pads = conv.attributes.integers("pads", pads);
          for (size_t i = 0; i < spatial; ++i) {
            pads[i] += (*amounts)[2 + i];
            pads[spatial + i] += (*amounts)[rank + 2 + i];
          }
          ir::Attributes attributes = conv.attributes;
          attributes.erase("auto_pad");
          attributes["pads"] = pads;
          std::vector<ir::Value*> inputs = conv.inputs();
          inputs[0] = pad.input(0);
          return to.replace(m.root(), to.add("Conv", inputs, attributes));
        },
};

namespace {

Pattern product() {  // a matrix product with constant weights
  return either(op("MatMul", any("x"), constant("w").floating()),
                op("Gemm", any("x"), constant("w").floating(), optional(constant("b"))))
      .single_use()
      .named("product");
}

// The weights of a MatMul or Gemm with each column times a factor, and what is to be added after it.
bool scale_columns(const Match& m, Rewriter& to, const ir::Value* factors) {
  const ir::Node& node = *m.node("product");
  const ir::Value* w = m["w"];
  if (w->type.rank() != 2 || !same_type(m["product"], m.root())) return false;
  const int axis = node.op == "Gemm" && node.attributes.integer("transB") ? 0 : 1, rank = m["product"]->type.rank();
  const int64_t columns = w->constant().shape()[static_cast<size_t>(axis)];
  const auto scale = per_channel(factors, rank, rank - 1, columns);
  if (!scale) return false;
  const Tensor weight = scaled_along(w->constant(), axis, *scale);
  if (!all_finite(weight)) return false;
  std::vector<ir::Value*> inputs = {m["x"], to.constant(weight, w->name)};
  if (m["b"]) {
    const ir::Value* b = m["b"];
    const auto bias = per_channel(b, 2, 1, columns);
    if (!bias) return false;
    std::vector<double> scaled = *bias;
    for (size_t i = 0; i < scaled.size(); ++i) scaled[i] *= (*scale)[i];
    inputs.push_back(to.constant(float_tensor(b->type.dtype, {columns}, scaled), b->name));
  }
  return to.replace(m.root(), to.add(node.op, inputs, node.attributes));
}

}  // namespace

const Rule fold_scale_into_matmul{
    .name = "fold_scale_into_matmul",
    .purpose = "a constant factor per column after a matrix product goes into its weights",
    .pattern = op("Mul", product(), constant("c")).commutative(),
    .build = [](const Match& m, Rewriter& to) { return scale_columns(m, to, m["c"]); },
};

const Rule distribute_scale_over_bias{
    .name = "distribute_scale_over_bias",
    .purpose = "(x w + b) * c is (x w) * c + b * c, so that the factor can go into the weights",
    .pattern =
        op("Mul",
           op("Add", op("MatMul", any("x"), constant("w").floating()).single_use().named("product"), constant("bias"))
               .commutative()
               .single_use(),
           constant("c"))
            .commutative(),
    .build =
        [](const Match& m, Rewriter& to) {
          const int rank = m.root()->type.rank();
          const std::optional<int64_t> columns = dim_of(m.root(), rank - 1);
          if (!columns || m["w"]->type.rank() != 2 || !same_type(m["product"], m.root())) return false;
          const auto bias = per_channel(m["bias"], rank, rank - 1, *columns),
                     scale = per_channel(m["c"], rank, rank - 1, *columns);
          if (!bias || !scale) return false;
          std::vector<double> scaled = *bias;
          for (size_t i = 0; i < scaled.size(); ++i) scaled[i] *= (*scale)[i];
          ir::Value* shift = to.constant(float_tensor(m["bias"]->type.dtype, {*columns}, scaled), m["bias"]->name);
          return to.replace(m.root(), to.add("Add", {to.add("Mul", {m["product"], m["c"]}), shift}));
        },
};

// c varies along one dimension at most, so that only its shape changes.
const Rule move_scale_before_transpose{
    .name = "move_scale_before_transpose",
    .purpose = "a constant factor after a transposed matrix product goes before the Transpose, towards the weights",
    .pattern = op("Mul",
                  op("Transpose", either(op("MatMul", any(), constant()),
                                         op("Add", op("MatMul", any(), constant()), constant()).commutative())
                                      .single_use()
                                      .named("x"))
                      .single_use()
                      .named("moved"),
                  constant("c").floating())
                   .commutative(),
    .build =
        [](const Match& m, Rewriter& to) {
          const int rank = m["moved"]->type.rank();
          const Tensor& c = m["c"]->constant();
          if (!same_type(m["moved"], m.root()) || static_cast<int>(c.shape().size()) > rank) return false;
          Shape aligned(static_cast<size_t>(rank) - c.shape().size(), 1);
          aligned.insert(aligned.end(), c.shape().begin(), c.shape().end());
          const std::vector<int64_t> perm = permutation_of(*m.node("moved"));
          Shape before(aligned.size(), 1);
          int varying = 0;
          for (size_t i = 0; i < aligned.size(); ++i) {
            before[static_cast<size_t>(perm[i])] = aligned[i];
            varying += aligned[i] != 1;
          }
          if (varying > 1) return false;
          ir::Value* scaled = to.add("Mul", {m["x"], to.constant(c.reshaped(before), m["c"]->name)});
          return to.replace(m.root(), to.add("Transpose", {scaled}, {{"perm", perm}}));
        },
};

}  // namespace vivace::passes
