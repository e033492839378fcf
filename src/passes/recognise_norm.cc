// Softmax and normalizations from their pieces, with the scale and bias that follow them.
//
// The pieces compute the same sums in another order; results agree up to the rounding of those sums. For f16 and bf16
// the whole operators keep their sums in f32 and are closer to the exact value than the pieces were.
#include <algorithm>

#include "ops/operator.h"
#include "passes/constants.h"
#include "passes/rules.h"

namespace vivace::passes {

namespace {

// The axes of a reduction, sorted; empty where unknown.
std::vector<int64_t> reduced_axes(const ir::Node& node) {
  const int rank = node.input(0)->type.rank();
  std::optional<std::vector<int64_t>> axes = constant_ints(node.input(1));
  if (!axes || rank < 0) return {};
  for (int64_t& axis : *axes) axis = axis < 0 ? axis + rank : axis;
  std::sort(axes->begin(), axes->end());
  return *axes;
}
// Whether the axes are all from some axis on to the last; that axis, or -1.
int first_of_tail(const std::vector<int64_t>& axes, int rank) {
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != rank - static_cast<int64_t>(axes.size()) + static_cast<int64_t>(i)) return -1;
  return axes.empty() ? -1 : static_cast<int>(axes[0]);
}

Pattern mean_of(Pattern x) { return op("ReduceMean", std::move(x), constant()).attribute("keepdims", 1, 1); }
Pattern squared(const Pattern& x) { return either(op("Mul", x, x), op("Pow", x, scalar_near(2))); }
// x / sqrt(variance + eps), by division or by a reciprocal.
Pattern over_deviation(const Pattern& x, Pattern variance) {
  const Pattern deviation = op("Sqrt", op("Add", std::move(variance), scalar("eps")).commutative());
  return either(op("Div", x, deviation), op("Mul", x, op("Reciprocal", deviation)).commutative(),
                op("Mul", x, op("Div", scalar_near(1), deviation)).commutative());
}
// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps)
Pattern normalized() {
  const Pattern centred = op("Sub", any("x").floating(), mean_of(any("x")).named("mean")).named("centred");
  return over_deviation(centred, mean_of(squared(centred)).named("variance"));
}

// Axes of the two means of a match of normalized(), where they are the same.
std::vector<int64_t> normalized_axes(const Match& m) {
  const std::vector<int64_t> axes = reduced_axes(*m.node("mean"));
  return axes == reduced_axes(*m.node("variance")) ? axes : std::vector<int64_t>{};
}

Tensor splat(DType type, const Shape& shape, double value) {
  return float_tensor(type, shape, std::vector<double>(static_cast<size_t>(elements(shape)), value));
}
float epsilon(const Match& m) { return static_cast<float>(*splat_of(m["eps"])); }

// The normalized dimensions, where they are numbers.
std::optional<Shape> tail_shape(const ir::Value* x, int axis) {
  const ir::Dims& dims = *x->type.dims;
  return ir::to_shape(ir::Dims(dims.begin() + axis, dims.end()));
}

}  // namespace

const Rule recognise_softmax{
    .name = "recognise_softmax",
    .purpose = "exp(x - max(x)) / sum(exp(x - max(x))) is Softmax",
    .pattern =
        [] {
          const Pattern raised = op("Exp", any("z").floating()).named("raised");
          return op("Div", raised, op("ReduceSum", raised, constant()).attribute("keepdims", 1, 1).named("sum"));
        }(),
    .build =
        [](const Match& m, Rewriter& to) {
          const std::vector<int64_t> axes = reduced_axes(*m.node("sum"));
          if (axes.size() != 1) return false;
          ir::Value* x = m["z"];
          const ir::Node* shift = x->producer();  // softmax does not change with any shift; a maximum's is left out
          if (shift && shift->op == "Sub") {
            const ir::Node* max = shift->input(1)->producer();
            if (max && max->op == "ReduceMax" && max->input(0) == shift->input(0) && reduced_axes(*max) == axes)
              x = shift->input(0);
          }
          return to.replace(m.root(), to.add("Softmax", {x}, {{"axis", axes[0]}}));
        },
};

const Rule recognise_layer_norm{
    .name = "recognise_layer_norm",
    .purpose = "mean and deviation over the last dimensions taken out: LayerNormalization",
    .pattern = normalized(),
    .build =
        [](const Match& m, Rewriter& to) {
          ir::Value* x = m["x"];
          const int rank = x->type.rank(), axis = first_of_tail(normalized_axes(m), rank);
          if (axis < 0 || (axis == 2 && rank >= 4)) return false;  // the latter is InstanceNormalization
          const std::optional<Shape> shape = tail_shape(x, axis);
          if (!shape) return false;
          ir::Value* scale = to.constant(splat(x->type.dtype, *shape, 1));
          return to.replace(m.root(), to.add("LayerNormalization", {x, scale},
                                             {{"axis", static_cast<int64_t>(axis - rank)}, {"epsilon", epsilon(m)}}));
        },
};

const Rule recognise_instance_norm{
    .name = "recognise_instance_norm",
    .purpose = "mean and deviation over all spatial dimensions taken out: InstanceNormalization",
    .pattern = normalized(),
    .build =
        [](const Match& m, Rewriter& to) {
          ir::Value* x = m["x"];
          const int rank = x->type.rank();
          const std::optional<int64_t> channels = dim_of(x, 1);
          if (rank < 4 || first_of_tail(normalized_axes(m), rank) != 2 || !channels) return false;
          ir::Value* scale = to.constant(splat(x->type.dtype, {*channels}, 1));
          ir::Value* bias = to.constant(splat(x->type.dtype, {*channels}, 0));
          return to.replace(m.root(), to.add("InstanceNormalization", {x, scale, bias}, {{"epsilon", epsilon(m)}}));
        },
};

const Rule recognise_rms_norm{
    .name = "recognise_rms_norm",
    .purpose = "x / sqrt(mean(x^2) + eps) is RMSNormalization",
    .pattern = over_deviation(any("x").floating(), mean_of(squared(any("x"))).named("mean")),
    .build =
        [](const Match& m, Rewriter& to) {
          ir::Value* x = m["x"];
          const int rank = x->type.rank(), axis = first_of_tail(reduced_axes(*m.node("mean")), rank);
          const std::optional<Shape> shape = axis < 0 ? std::nullopt : tail_shape(x, axis);
          if (!shape) return false;
          ir::Value* scale = to.constant(splat(x->type.dtype, *shape, 1));
          return to.replace(m.root(), to.add("RMSNormalization", {x, scale},
                                             {{"axis", static_cast<int64_t>(axis - rank)}, {"epsilon", epsilon(m)}}));
        },
};

const Rule recognise_group_norm{
    .name = "recognise_group_norm",
    .purpose = "InstanceNormalization of groups of channels, reshaped there and back: GroupNormalization",
    .pattern = op("Reshape",
                  op("InstanceNormalization", op("Reshape", any("x").floating(), any()).named("grouped"),
                     constant("scale"), constant("bias"))
                      .single_use()
                      .named("norm"),
                  any()),
    .build =
        [](const Match& m, Rewriter& to) {
          ir::Value* x = m["x"];
          const std::optional<int64_t> channels = dim_of(x, 1), groups = dim_of(m["grouped"], 1);
          if (m["grouped"]->type.rank() != 3 || x->type.rank() < 3 || !same_type(x, m.root()) || !channels || !groups)
            return false;
          if (!(*x->type.dims)[0].same((*m["grouped"]->type.dims)[0]) || *groups == 0 || *channels % *groups != 0)
            return false;
          const auto per_channel = [&](const char* name) {
            std::vector<double> values;
            for (const double v : to_double(m[name]->constant()))
              values.insert(values.end(), static_cast<size_t>(*channels / *groups), v);
            return to.constant(float_tensor(x->type.dtype, {*channels}, values));
          };
          const ir::Attributes attributes{{"num_groups", *groups},
                                          {"epsilon", m.node("norm")->attributes.real("epsilon", 1e-5f)}};
          return to.replace(m.root(),
                            to.add("GroupNormalization", {x, per_channel("scale"), per_channel("bias")}, attributes));
        },
};

namespace {

// What the constant `c` is for each element of the norm's scale; empty where it varies along other dimensions.
std::optional<std::vector<double>> along_scale(const ir::Node& norm, const ir::Value* c) {
  const ir::Value *x = norm.input(0), *scale = norm.input(1);
  const int rank = x->type.rank();
  if (!scale || !scale->is_constant() || rank < 0) return std::nullopt;
  const Shape& shape = scale->constant().shape();
  if (norm.op == "InstanceNormalization" || norm.op == "GroupNormalization")
    return per_channel(c, rank, 1, elements(shape));
  Shape given = c->constant().shape();
  while (given.size() > shape.size() && given[0] == 1) given.erase(given.begin());
  std::vector<double> values = to_double(c->constant());
  if (values.size() == 1)
    values.assign(static_cast<size_t>(elements(shape)), values[0]);
  else if (given != shape)
    return std::nullopt;
  return values;
}

Pattern norm_and_constant(const char* operation) {
  return op(operation,
            op("LayerNormalization|RMSNormalization|InstanceNormalization|GroupNormalization")
                .single_use()
                .named("norm"),
            constant("c").floating())
      .commutative();
}

// The norm again, with another scale and bias.
bool rebuild(const Match& m, Rewriter& to, const std::vector<double>& scale, const std::vector<double>& bias) {
  const ir::Node& norm = *m.node("norm");
  if (!same_type(m["norm"], m.root())) return false;
  const ir::Value* old = norm.input(1);
  std::vector<ir::Value*> inputs = {
      norm.input(0), to.constant(float_tensor(old->type.dtype, old->constant().shape(), scale), old->name)};
  if (!bias.empty())
    inputs.push_back(to.constant(float_tensor(old->type.dtype, old->constant().shape(), bias),
                                 norm.input(2) ? norm.input(2)->name : ""));
  return to.replace(m.root(), to.add(norm.op, inputs, norm.attributes));
}

}  // namespace

const Rule fold_scale_into_norm{
    .name = "fold_scale_into_norm",
    .purpose = "a constant factor after a normalization goes into its scale and bias",
    .pattern = norm_and_constant("Mul"),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node& norm = *m.node("norm");
          const auto factors = along_scale(norm, m["c"]);
          if (!factors || (norm.input(2) && !norm.input(2)->is_constant())) return false;
          std::vector<double> scale = to_double(norm.input(1)->constant()), bias;
          if (norm.input(2)) bias = to_double(norm.input(2)->constant());
          for (size_t i = 0; i < scale.size(); ++i) scale[i] *= (*factors)[i];
          for (size_t i = 0; i < bias.size(); ++i) bias[i] *= (*factors)[i];
          return rebuild(m, to, scale, bias);
        },
};

const Rule fold_bias_into_norm{
    .name = "fold_bias_into_norm",
    .purpose = "a constant added after a normalization goes into its bias",
    .pattern = norm_and_constant("Add"),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node& norm = *m.node("norm");
          auto bias = along_scale(norm, m["c"]);
          if (!bias || norm.op == "RMSNormalization" || (norm.input(2) && !norm.input(2)->is_constant())) return false;
          if (norm.input(2)) {
            const std::vector<double> before = to_double(norm.input(2)->constant());
            for (size_t i = 0; i < before.size(); ++i) (*bias)[i] += before[i];
          }
          return rebuild(m, to, to_double(norm.input(1)->constant()), *bias);
        },
};

}  // namespace vivace::passes
