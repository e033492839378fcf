// What passes make of convolutions and matrix products with all that follows them: what these operators mean.
#include <algorithm>
#include <cmath>

#include "ops/conv.h"
#include "ops/matmul.h"
#include "ops/reference.h"

namespace vivace::ops {

namespace {

constexpr const char* kActivations[] = {"none",    "relu", "clip", "leaky_relu", "hard_sigmoid", "hard_swish",
                                        "sigmoid", "silu", "tanh", "gelu",       "gelu_tanh"};

template <class W>
W activate(const std::string& name, W x, W alpha, W beta) {
  const auto sigmoid = [](W v) { return 1 / (1 + std::exp(-v)); };
  if (name == "relu") return std::max(x, W(0));
  if (name == "clip") return std::min(std::max(x, alpha), beta);
  if (name == "leaky_relu") return x < 0 ? alpha * x : x;
  if (name == "hard_sigmoid") return std::min(std::max(alpha * x + beta, W(0)), W(1));
  if (name == "hard_swish") return x * std::min(std::max(x / 6 + W(0.5), W(0)), W(1));
  if (name == "sigmoid") return sigmoid(x);
  if (name == "silu") return x * sigmoid(x);
  if (name == "tanh") return std::tanh(x);
  if (name == "gelu") return x * W(0.5) * (1 + std::erf(x * W(M_SQRT1_2)));
  if (name == "gelu_tanh")
    return x * W(0.5) * (1 + std::tanh(W(M_2_SQRTPI * M_SQRT1_2) * (x + W(0.044715) * x * x * x)));
  return x;
}

Status check_activation(const Inference& in, const char* name) {
  const std::string activation = in.attributes.text(name, "none");
  const bool known = std::find(std::begin(kActivations), std::end(kActivations), activation) != std::end(kActivations);
  return known ? Status() : in.error("unknown " + std::string(name) + " '" + activation + "'");
}

// The activation must be known; the residual (input 3) must have the type and shape of the output.
Status check_epilogue(Inference& in) {
  VIVACE_TRY(check_activation(in, "activation"));
  if (!in.has(3) || !in.dims(3) || !in.outputs[0].dims) return {};
  const ir::Dims &residual = *in.dims(3), &y = *in.outputs[0].dims;
  bool fits = residual.size() == y.size();
  for (size_t i = 0; fits && i < y.size(); ++i) fits = !clash(residual[i], y[i]);
  return fits ? Status()
              : in.error("the residual has shape [" + ir::to_string(residual) + "], the output [" + ir::to_string(y) +
                         "]");
}

// y = activation(y + residual), or activation(y) + residual.
template <class W>
Status finish(const Call& call, const Writer<W>& y) {
  VIVACE_ASSIGN(const auto residual, Reader<W>::of(call.has(3) ? call.input(3) : TensorView{}));
  const std::string activation = call.attributes.text("activation", "none");
  const W alpha = call.attributes.real("activation_alpha"), beta = call.attributes.real("activation_beta");
  const bool last = call.attributes.integer("residual_last") != 0;
  const int64_t count = call.output().count();
  for (int64_t i = 0; i < count; ++i) {
    const W r = residual.data() ? residual[i] : W(0);
    const W v = activate(activation, last ? y.data()[i] : y.data()[i] + r, alpha, beta);
    y.data()[i] = last ? v + r : v;
  }
  return y.store();
}

}  // namespace

// An image in f32 is rounded to the type of the rest first.
Status infer_fused_conv(Inference& in) {
  VIVACE_TRY(same_types(in, {2, 3}, 1));
  if (in.dtype(0) != DType::f32) VIVACE_TRY(same_types(in, {1}));
  if (!is_float(in.dtype(1)))
    return in.error(std::string("it does not take weights of type ") + to_string(in.dtype(1)));
  VIVACE_TRY(infer_convolution(in, 0, 1, 2, in.dtype(1)));
  return check_epilogue(in);
}

Status reference_fused_conv(Call& call) {
  Tensor rounded;
  if (call.input(0).type != call.input(1).type) {
    VIVACE_ASSIGN(rounded, Tensor::allocate(call.input(1).type, call.input(0).shape));
    VIVACE_TRY(convert(call.input(0), rounded.view()));
    call.inputs[0] = rounded.view();
  }
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    VIVACE_TRY(reference_conv_into<W>(call, y.data()));
    return finish(call, y);
  });
}

// vivace.ScaledConv: vivace.FusedConv of max(x * scale + shift, 0), inputs 4 and 5 by channel of x.
Status infer_scaled_conv(Inference& in) {
  if (!in.has(4) || !in.has(5)) return in.error("it needs a scale and a shift");
  VIVACE_TRY(same_types(in, {1, 2, 3, 4, 5}));
  const ir::Dim channels = in.dims(0) && in.rank(0) > 1 ? (*in.dims(0))[1] : ir::Dim();
  for (const size_t i : {size_t{4}, size_t{5}}) VIVACE_TRY(is_vector(in, i, channels));
  VIVACE_TRY(infer_convolution(in, 0, 1, 2, in.dtype(0)));
  return check_epilogue(in);
}

Status reference_scaled_conv(Call& call) {
  const TensorView& x = call.input(0);
  const int64_t channels = x.shape[1], inner = elements(std::span(x.shape).subspan(2));
  VIVACE_ASSIGN(const Tensor scaled, Tensor::allocate(x.type, x.shape));
  VIVACE_TRY(compute_in(call, x.type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto from, Reader<W>::of(x));
    VIVACE_ASSIGN(const auto scale, Reader<W>::of(call.input(4)));
    VIVACE_ASSIGN(const auto shift, Reader<W>::of(call.input(5)));
    VIVACE_ASSIGN(const auto to, Writer<W>::of(scaled.view()));
    for (int64_t i = 0; i < x.count(); ++i) {
      const W v = from[i] * scale[i / inner % channels] + shift[i / inner % channels];
      to.data()[i] = v < 0 ? W(0) : v;
    }
    return to.store();
  }));
  Call plain(call.node);
  plain.pool = call.pool;
  plain.inputs.assign(call.inputs.begin(), call.inputs.begin() + 4);
  plain.inputs[0] = scaled.view();
  plain.outputs = call.outputs;
  return reference_fused_conv(plain);
}

// The result has another floating-point type where `to` names one.
Status infer_fused_matmul(Inference& in) {
  VIVACE_TRY(same_types(in, {1, 2, 3}));
  const int64_t to = in.attributes.integer("to", static_cast<int64_t>(in.dtype(0)));
  if (to < 0 || to >= kDTypeCount || (in.attributes.has("to") && !is_float(static_cast<DType>(to))))
    return in.error("'to' is not a floating-point type: " + std::to_string(to));
  if (in.has(3) && static_cast<DType>(to) != in.dtype(0)) return in.error("a residual and a result of another type");
  VIVACE_TRY(infer_matrix_product(in, 0, 1, static_cast<DType>(to), in.attributes.integer("trans_a") != 0,
                                  in.attributes.integer("trans_b") != 0));
  const std::optional<ir::Dims>& y = in.outputs[0].dims;
  if (in.has(2)) VIVACE_TRY(is_vector(in, 2, y && !y->empty() ? y->back() : ir::Dim()));
  if (in.has(2) && y && y->empty()) return in.error("a scalar product takes no bias");
  return check_epilogue(in);
}

Status reference_fused_matmul(Call& call) {
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto a, Reader<W>::of(call.input(0)));
    VIVACE_ASSIGN(const auto b, Reader<W>::of(call.input(1)));
    VIVACE_ASSIGN(const auto bias, Reader<W>::of(call.has(2) ? call.input(2) : TensorView{}));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    const int64_t count = call.output().count();
    const W scale = call.attributes.real("scale", 1);
    std::fill_n(y.data(), count, W(0));
    VIVACE_TRY(matrix_product<W>(call, call.input(0).shape, a.data(), call.input(1).shape, b.data(),
                                 call.attributes.integer("trans_a") != 0, call.attributes.integer("trans_b") != 0,
                                 y.data()));
    for (int64_t i = 0; i < count; ++i)
      y.data()[i] = y.data()[i] * scale + (bias.data() ? bias[i % bias.count()] : W(0));
    return finish(call, y);
  });
}

ir::Attributes attributes_of_part(const ir::Attributes& attributes, std::string_view prefix) {
  ir::Attributes part;
  for (const auto& [name, value] : attributes)
    if (name.starts_with(prefix)) part[name.substr(prefix.size())] = value;
  return part;
}

// Inputs: x, depthwise weights, those of the expansion and of the projection, the biases of these, residual.
Result<std::unique_ptr<ir::Graph>> inverted_residual_parts(const ir::Node& node, const std::vector<ir::Type>& types,
                                                           const std::vector<bool>& present) {
  enum Input : size_t { kImage, kFilter, kExpander, kProjector, kFilterBias, kExpanderBias, kProjectorBias, kAddend };
  auto graph = std::make_unique<ir::Graph>();
  std::vector<ir::Value*> inputs(8);
  for (size_t i = 0; i < std::min(inputs.size(), present.size()); ++i)
    if (present[i]) inputs[i] = graph->add_input("x" + std::to_string(i), types[i]);
  if (!inputs[kExpander] && !inputs[kProjector])
    return Status(Code::invalid_model, node.describe() + ": neither expansion nor projection");
  ir::Value* made = inputs[kImage];
  const auto add = [&](const char* prefix, ir::Value* weights, ir::Value* bias, ir::Value* residual) -> Status {
    if (!weights) return {};
    ir::Node* part = graph->add_node("vivace.FusedConv", {made, weights, bias, residual}, 1,
                                     attributes_of_part(node.attributes, prefix), node.name);
    made = part->output();
    return infer_node(*part);
  };
  VIVACE_TRY(add("expand_", inputs[kExpander], inputs[kExpanderBias], nullptr));
  VIVACE_TRY(add("depthwise_", inputs[kFilter], inputs[kFilterBias], inputs[kProjector] ? nullptr : inputs[kAddend]));
  VIVACE_TRY(add("project_", inputs[kProjector], inputs[kProjectorBias], inputs[kAddend]));
  graph->mark_output(made, "y");
  return graph;
}

namespace {

// A vivace.FusedConv and the MaxPool of what it makes, whose attributes begin with "pool_".
Result<std::unique_ptr<ir::Graph>> pooled_parts(const ir::Node& node, const std::vector<ir::Type>& types,
                                                const std::vector<bool>& present) {
  auto graph = std::make_unique<ir::Graph>();
  std::vector<ir::Value*> inputs(3);
  for (size_t i = 0; i < std::min(inputs.size(), present.size()); ++i)
    if (present[i]) inputs[i] = graph->add_input("x" + std::to_string(i), types[i]);
  ir::Attributes convolution;
  for (const auto& [name, value] : node.attributes)
    if (!name.starts_with("pool_")) convolution[name] = value;
  ir::Node* conv = graph->add_node("vivace.FusedConv", inputs, 1, std::move(convolution), node.name);
  VIVACE_TRY(infer_node(*conv));
  ir::Node* pool =
      graph->add_node("MaxPool", {conv->output()}, 1, attributes_of_part(node.attributes, "pool_"), node.name);
  VIVACE_TRY(infer_node(*pool));
  graph->mark_output(pool->output(), "y");
  return graph;
}

using Parts = Result<std::unique_ptr<ir::Graph>>(const ir::Node&, const std::vector<ir::Type>&,
                                                 const std::vector<bool>&);

Status infer_parts(Inference& in, Parts* parts_of_node) {
  VIVACE_ASSIGN(const std::unique_ptr<ir::Graph> parts, parts_of_node(in.node, in.types, in.present));
  in.outputs[0] = parts->outputs()[0]->type;
  return {};
}

Status run_parts(Call& call, Parts* parts_of_node) {
  std::vector<ir::Type> types;
  std::vector<bool> present;
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const TensorView& view = call.input(i);
    present.push_back(call.has(i));
    types.push_back(ir::Type::tensor(view.type, ir::to_dims(view.shape)));
    if (call.has(i)) inputs.push_back(Tensor::wrap(view.type, view.shape, view.data, nullptr));
  }
  VIVACE_ASSIGN(const std::unique_ptr<ir::Graph> parts, parts_of_node(call.node, types, present));
  VIVACE_ASSIGN(const std::vector<Tensor> made, run_graph_reference(*parts, inputs, nullptr, call.pool));
  return convert(made[0], call.output());
}

}  // namespace

Status infer_inverted_residual(Inference& in) {
  VIVACE_TRY(same_types(in, {1, 2, 3, 4, 5, 6, 7}));
  return infer_parts(in, inverted_residual_parts);
}

Status reference_inverted_residual(Call& call) { return run_parts(call, inverted_residual_parts); }

Status infer_pooled_conv(Inference& in) { return infer_parts(in, pooled_parts); }

Status reference_pooled_conv(Call& call) { return run_parts(call, pooled_parts); }

// x; weights that make the hidden vector of the mean of its pixels, and the gate of that; the biases of both.
Status infer_squeeze_excite(Inference& in) {
  VIVACE_TRY(same_types(in, {1, 2, 3, 4}));
  in.outputs[0].dtype = in.dtype(0);
  if (!in.dims(0) || !in.dims(1) || !in.dims(2)) return {};
  const ir::Dims &x = *in.dims(0), &squeeze = *in.dims(1), &excite = *in.dims(2);
  if (x.size() != 4) return in.error("takes images, [N,C,H,W]");
  if (squeeze.size() != 4 || excite.size() != 4 || clash(squeeze[1], x[1]) || clash(excite[0], x[1]) ||
      clash(excite[1], squeeze[0]))
    return in.error("weights [" + ir::to_string(squeeze) + "] and [" + ir::to_string(excite) +
                    "] do not fit an image [" + ir::to_string(x) + "]");
  if (in.has(3)) VIVACE_TRY(is_vector(in, 3, squeeze[0]));
  if (in.has(4)) VIVACE_TRY(is_vector(in, 4, x[1]));
  VIVACE_TRY(check_activation(in, "activation"));
  VIVACE_TRY(check_activation(in, "gate"));
  in.outputs[0].dims = x;
  return {};
}

Status reference_squeeze_excite(Call& call) {
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    const auto input = [&](size_t i) { return Reader<W>::of(call.has(i) ? call.input(i) : TensorView{}); };
    VIVACE_ASSIGN(const auto x, input(0));
    VIVACE_ASSIGN(const auto squeeze, input(1));
    VIVACE_ASSIGN(const auto excite, input(2));
    VIVACE_ASSIGN(const auto squeeze_bias, input(3));
    VIVACE_ASSIGN(const auto excite_bias, input(4));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    const Shape& shape = call.input(0).shape;
    const int64_t channels = shape[1], pixels = shape[2] * shape[3], hidden = call.input(1).shape[0];
    const auto layer = [&](const Reader<W>& weights, const Reader<W>& bias, const std::vector<W>& from, int64_t count,
                           const char* name) {
      const std::string alpha = std::string(name) + "_alpha", beta = std::string(name) + "_beta";
      std::vector<W> to(static_cast<size_t>(count));
      for (int64_t i = 0; i < count; ++i) {
        W sum = bias.data() ? bias[i] : W(0);
        for (size_t j = 0; j < from.size(); ++j)
          sum += weights[i * static_cast<int64_t>(from.size()) + static_cast<int64_t>(j)] * from[j];
        to[static_cast<size_t>(i)] = activate(call.attributes.text(name, "none"), sum, W(call.attributes.real(alpha)),
                                              W(call.attributes.real(beta)));
      }
      return to;
    };
    for (int64_t n = 0; n < shape[0]; ++n) {
      std::vector<W> means(static_cast<size_t>(channels));
      const int64_t begin = n * channels * pixels;
      for (int64_t i = 0; i < channels * pixels; ++i) means[static_cast<size_t>(i / pixels)] += x[begin + i];
      for (W& mean : means) mean /= static_cast<W>(pixels);
      const std::vector<W> gate =
          layer(excite, excite_bias, layer(squeeze, squeeze_bias, means, hidden, "activation"), channels, "gate");
      for (int64_t i = 0; i < channels * pixels; ++i)
        y.data()[begin + i] = x[begin + i] * gate[static_cast<size_t>(i / pixels)];
    }
    return y.store();
  });
}

}  // namespace vivace::ops
