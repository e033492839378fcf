// RNN, GRU, LSTM: one product of all inputs with W, then one step after another.
#include <algorithm>
#include <cmath>

#include "ops/products.h"
#include "ops/recurrent.h"
#include "ops/reference.h"

namespace vivace::ops {

namespace {

using Activation = RecurrentActivation;

double apply(const Activation& f, double x) {
  const auto& [name, alpha, beta] = f;
  if (name == "sigmoid") return 1 / (1 + std::exp(-x));
  if (name == "tanh") return std::tanh(x);
  if (name == "relu") return std::max(x, 0.0);
  if (name == "affine") return alpha * x + beta;
  if (name == "leakyrelu") return x < 0 ? alpha * x : x;
  if (name == "thresholdedrelu") return x > alpha ? x : 0;
  if (name == "scaledtanh") return alpha * std::tanh(beta * x);
  if (name == "hardsigmoid") return std::min(std::max(alpha * x + beta, 0.0), 1.0);
  if (name == "elu") return x >= 0 ? x : alpha * std::expm1(x);
  if (name == "softsign") return x / (1 + std::abs(x));
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));  // softplus
}

// The functions that exist, how many of alpha and beta they take, and what these are if not given.
struct ActivationRow {
  const char* name;
  int parameters;
  double alpha, beta;
};
constexpr ActivationRow kActivations[] = {
    {"sigmoid", 0, 0, 0},
    {"tanh", 0, 0, 0},
    {"relu", 0, 0, 0},
    {"softsign", 0, 0, 0},
    {"softplus", 0, 0, 0},
    {"leakyrelu", 1, 0.01, 0},
    {"elu", 1, 1, 0},
    {"thresholdedrelu", 1, 1, 0},
    {"affine", 2, 1, 0},
    {"scaledtanh", 2, 1, 1},
    {"hardsigmoid", 2, 0.2, 0.5},
};

int directions_of(const ir::Attributes& attributes) {
  const std::string direction = attributes.text("direction", "forward");
  return direction == "bidirectional" ? 2 : direction == "forward" || direction == "reverse" ? 1 : 0;
}

// The node's activations, `defaults` for each direction where it names none. Parameters are taken in order by those
// functions that have some.
Result<std::vector<Activation>> activations_of(const ir::Node& node, const std::vector<std::string>& defaults) {
  const auto bad = [&](const std::string& what) { return Status(Code::invalid_model, node.describe() + ": " + what); };
  const auto directions = static_cast<size_t>(directions_of(node.attributes));
  std::vector<std::string> names = node.attributes.texts("activations");
  if (names.empty())
    for (size_t d = 0; d < directions; ++d) names.insert(names.end(), defaults.begin(), defaults.end());
  if (node.op == "RNN" && directions == 1 && names.size() == 2)
    names.pop_back();  // its default names two for any direction
  if (names.size() != directions * defaults.size())
    return bad("it has " + std::to_string(names.size()) + " activations, not " +
               std::to_string(directions * defaults.size()));
  const std::vector<float> alphas = node.attributes.reals("activation_alpha"),
                           betas = node.attributes.reals("activation_beta");
  size_t alpha = 0, beta = 0;
  std::vector<Activation> result;
  for (std::string& name : names) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto* row =
        std::find_if(std::begin(kActivations), std::end(kActivations), [&](const auto& r) { return r.name == name; });
    if (row == std::end(kActivations)) return bad("unknown activation '" + name + "'");
    Activation f{name, row->alpha, row->beta};
    if (row->parameters > 0 && alpha < alphas.size()) f.alpha = alphas[alpha++];
    if (row->parameters > 1 && beta < betas.size()) f.beta = betas[beta++];
    result.push_back(f);
  }
  return result;
}

struct Kind {
  int gates;
  std::vector<std::string> activations;
  size_t initial_c, peepholes;  // inputs of LSTM; SIZE_MAX without
};
const Kind& kind_of(const std::string& op) {
  static const Kind rnn{1, {"tanh"}, SIZE_MAX, SIZE_MAX};
  static const Kind gru{3, {"sigmoid", "tanh"}, SIZE_MAX, SIZE_MAX};
  static const Kind lstm{4, {"sigmoid", "tanh", "tanh"}, 6, 7};
  return op == "RNN" ? rnn : op == "GRU" ? gru : lstm;
}

Status has_shape(const Inference& in, size_t i, const ir::Dims& shape) {
  if (!in.has(i) || !in.dims(i)) return {};
  const ir::Dims& given = *in.dims(i);
  bool fits = given.size() == shape.size();
  for (size_t d = 0; fits && d < shape.size(); ++d) fits = !clash(given[d], shape[d]);
  if (fits) return {};
  return in.error("input " + std::to_string(i) + " has shape [" + ir::to_string(given) + "], not [" +
                  ir::to_string(shape) + "]");
}

}  // namespace

Result<std::vector<RecurrentActivation>> recurrent_activations(const ir::Node& node) {
  return activations_of(node, kind_of(node.op).activations);
}

// Inputs: X, W, R, B, sequence_lens, initial_h; LSTM also initial_c, P. Outputs: Y, Y_h; LSTM also Y_c.
Status infer_recurrent(Inference& in) {
  const Kind& kind = kind_of(in.node.op);
  VIVACE_TRY(same_types(in, {1, 2, 3, 5, 6, 7}));
  VIVACE_TRY(require_type(in, 4, {DType::i32}));
  const int64_t directions = directions_of(in.attributes), layout = in.attributes.integer("layout");
  if (directions == 0) return in.error("unknown direction '" + in.attributes.text("direction") + "'");
  if (layout != 0 && layout != 1) return in.error("layout must be 0 or 1");
  VIVACE_TRY(recurrent_activations(in.node).status());
  const ir::Dim unknown;
  VIVACE_TRY(has_shape(in, 0, {unknown, unknown, unknown}));
  VIVACE_TRY(has_shape(in, 2, {directions, unknown, unknown}));
  const ir::Dims x = in.dims(0).value_or(ir::Dims(3));
  const ir::Dim steps = x[layout ? 1 : 0], batch = x[layout ? 0 : 1];
  ir::Dim hidden = in.dims(2) ? (*in.dims(2))[2] : unknown;
  if (in.attributes.has("hidden_size")) {
    const int64_t size = in.attributes.integer("hidden_size");
    if (clash(hidden, size))
      return in.error("hidden_size is " + std::to_string(size) + " but R is for " + hidden.to_string());
    if (size < 0) return in.error("hidden_size must not be negative");
    hidden = size;
  }
  const ir::Dim gates = hidden * ir::Dim(kind.gates);
  const ir::Dims state = layout ? ir::Dims{batch, directions, hidden} : ir::Dims{directions, batch, hidden};
  VIVACE_TRY(has_shape(in, 1, {directions, gates, x[2]}));
  VIVACE_TRY(has_shape(in, 2, {directions, gates, hidden}));
  VIVACE_TRY(has_shape(in, 3, {directions, gates + gates}));
  VIVACE_TRY(has_shape(in, 4, {batch}));
  VIVACE_TRY(has_shape(in, 5, state));
  VIVACE_TRY(has_shape(in, 6, state));
  VIVACE_TRY(has_shape(in, 7, {directions, hidden * ir::Dim(3)}));
  in.set(0, in.dtype(0),
         layout ? ir::Dims{batch, steps, directions, hidden} : ir::Dims{steps, directions, batch, hidden});
  for (size_t i = 1; i < 3; ++i) in.set(i, in.dtype(0), state);
  return {};
}

namespace {

template <class W>
struct Cell {       // what one step of one sequence works on
  const W* input;   // X W' of this step, gates * hidden
  W* recurrent;     // H R' of the last step, gates * hidden
  const W* w_bias;  // gates * hidden; nullptr: none
  const W* r_bias;
  const W* peepholes;  // of LSTM, 3 * hidden; nullptr: none
  const W* r;          // R' of this direction, [hidden, gates * hidden]
  W *h, *c;            // the state, hidden
  const Activation* f;
  int64_t hidden;
  double clip;  // infinity: none
  bool flag;    // GRU: linear_before_reset; LSTM: input_forget

  double activate(size_t which, double x) const { return apply(f[which], std::min(std::max(x, -clip), clip)); }
  double sum(int64_t i) const {  // of gate element i, biases among it
    return static_cast<double>(input[i]) + recurrent[i] + (w_bias ? static_cast<double>(w_bias[i]) + r_bias[i] : 0);
  }
  double peephole(int64_t gate, int64_t j, double state) const {
    return peepholes ? peepholes[gate * hidden + j] * state : 0;
  }
};

// H = f(X W' + H R' + b)
template <class W>
void step_rnn(const Cell<W>& cell) {
  for (int64_t j = 0; j < cell.hidden; ++j) cell.h[j] = static_cast<W>(cell.activate(0, cell.sum(j)));
}

// Gates z, r, h: H = (1 - z) h~ + z H. The reset gate applies to H R' (linear_before_reset), or to H before.
template <class W>
void step_gru(const Cell<W>& cell) {
  const int64_t n = cell.hidden;
  std::vector<double> update(static_cast<size_t>(n)), reset(update), candidate(update);
  for (int64_t j = 0; j < n; ++j) {
    const auto at = static_cast<size_t>(j);
    update[at] = cell.activate(0, cell.sum(j));
    reset[at] = cell.activate(0, cell.sum(n + j));
  }
  if (!cell.flag) {
    std::vector<W> kept(static_cast<size_t>(n));
    for (int64_t j = 0; j < n; ++j)
      kept[static_cast<size_t>(j)] = static_cast<W>(reset[static_cast<size_t>(j)] * cell.h[j]);
    std::fill_n(cell.recurrent + 2 * n, n, W(0));
    multiply_add<W>(1, n, n, {kept.data(), n, 1}, cell.r + 2 * n, 3 * n, cell.recurrent + 2 * n, n);
  }
  for (int64_t j = 0; j < n; ++j) {
    const auto at = static_cast<size_t>(j);
    const int64_t i = 2 * n + j;
    const double recurrent = cell.recurrent[i] + (cell.r_bias ? static_cast<double>(cell.r_bias[i]) : 0);
    const double input = cell.input[i] + (cell.w_bias ? static_cast<double>(cell.w_bias[i]) : 0);
    candidate[at] = cell.activate(1, input + (cell.flag ? reset[at] : 1) * recurrent);
  }
  for (int64_t j = 0; j < n; ++j) {
    const auto at = static_cast<size_t>(j);
    cell.h[j] = static_cast<W>((1 - update[at]) * candidate[at] + update[at] * cell.h[j]);
  }
}

// Gates i, o, f, c: C = f C + i c~, H = o h(C). Peepholes i, o, f see C; input_forget takes f = 1 - i.
template <class W>
void step_lstm(const Cell<W>& cell) {
  const int64_t n = cell.hidden;
  for (int64_t j = 0; j < n; ++j) {
    const double before = cell.c[j];
    const double input = cell.activate(0, cell.sum(j) + cell.peephole(0, j, before));
    const double forget = cell.flag ? 1 - input : cell.activate(0, cell.sum(2 * n + j) + cell.peephole(2, j, before));
    const double after = forget * before + input * cell.activate(1, cell.sum(3 * n + j));
    const double output = cell.activate(0, cell.sum(n + j) + cell.peephole(1, j, after));
    cell.c[j] = static_cast<W>(after);
    cell.h[j] = static_cast<W>(output * apply(cell.f[2], after));
  }
}

template <class W>
Status run_recurrent(Call& call, void (*step)(const Cell<W>&), const std::vector<Activation>& activations) {
  const Kind& kind = kind_of(call.node.op);
  const bool batch_first = call.attributes.integer("layout") == 1;
  const Shape& x_shape = call.input(0).shape;
  const int64_t steps = x_shape[batch_first ? 1 : 0], batch = x_shape[batch_first ? 0 : 1], inputs = x_shape[2];
  const int64_t hidden = call.input(2).shape[2], gates = kind.gates * hidden, directions = call.input(2).shape[0];
  const auto optional = [&](size_t i) { return Reader<W>::of(call.has(i) ? call.input(i) : TensorView{}); };
  VIVACE_ASSIGN(const auto x, optional(0));
  VIVACE_ASSIGN(const auto w, optional(1));
  VIVACE_ASSIGN(const auto r, optional(2));
  VIVACE_ASSIGN(const auto b, optional(3));
  VIVACE_ASSIGN(const auto initial_h, optional(5));
  VIVACE_ASSIGN(const auto initial_c, optional(kind.initial_c));
  VIVACE_ASSIGN(const auto peepholes, optional(kind.peepholes));
  std::vector<int64_t> lengths(static_cast<size_t>(batch), steps);
  if (call.has(4)) lengths = to_int64(call.input(4));
  for (const int64_t length : lengths)
    if (length < 0 || length > steps)
      return call.error("a sequence length of " + std::to_string(length) + " is not within the " +
                        std::to_string(steps) + " steps");
  std::vector<Writer<W>> outputs;  // Y, Y_h, Y_c
  for (size_t i = 0; i < 3; ++i) {
    VIVACE_ASSIGN(auto writer, Writer<W>::of(call.wants(i) ? call.output(i) : TensorView{}));
    outputs.push_back(std::move(writer));
  }
  if (W* y = outputs[0].data()) std::fill_n(y, call.output(0).count(), W(0));

  const std::string direction = call.attributes.text("direction", "forward");
  const bool flag = call.attributes.integer("linear_before_reset") != 0 || call.attributes.integer("input_forget") != 0;
  const double clip = call.attributes.has("clip") ? call.attributes.real("clip") : INFINITY;
  for (int64_t d = 0; d < directions; ++d) {
    const bool reverse = direction == "reverse" || d == 1;
    VIVACE_ASSIGN(const Tensor from_x, Tensor::allocate(dtype_of<W>, {steps * batch, gates}));
    VIVACE_TRY(multiply_add<W>(call.pool, steps * batch, gates, inputs, {x.data(), inputs, 1},
                               {w.data() + d * gates * inputs, 1, inputs}, from_x.as<W>(), gates));
    VIVACE_ASSIGN(const Tensor r_rows, Tensor::allocate(dtype_of<W>, {hidden, gates}));
    for (int64_t i = 0; i < hidden; ++i)
      for (int64_t j = 0; j < gates; ++j) r_rows.as<W>()[i * gates + j] = r[(d * gates + j) * hidden + i];
    // Each sequence of the batch goes its own way.
    in_parallel(call.pool, batch, [&](int64_t n) {
      const int64_t state = (batch_first ? n * directions + d : d * batch + n) * hidden;
      std::vector<W> h(static_cast<size_t>(hidden), W(0)), c(h), recurrent(static_cast<size_t>(gates));
      if (initial_h.data()) std::copy_n(initial_h.data() + state, hidden, h.data());
      if (initial_c.data()) std::copy_n(initial_c.data() + state, hidden, c.data());
      const W* bias = b.data() ? b.data() + d * 2 * gates : nullptr;
      Cell<W> cell{nullptr,
                   recurrent.data(),
                   bias,
                   bias ? bias + gates : nullptr,
                   peepholes.data() ? peepholes.data() + d * 3 * hidden : nullptr,
                   r_rows.as<W>(),
                   h.data(),
                   c.data(),
                   activations.data() + d * static_cast<int64_t>(kind.activations.size()),
                   hidden,
                   clip,
                   flag};
      const int64_t length = lengths[static_cast<size_t>(n)];
      for (int64_t i = 0; i < length; ++i) {
        const int64_t t = reverse ? length - 1 - i : i;
        std::fill(recurrent.begin(), recurrent.end(), W(0));
        multiply_add<W>(1, gates, hidden, {h.data(), hidden, 1}, cell.r, gates, recurrent.data(), gates);
        cell.input = from_x.as<W>() + (batch_first ? n * steps + t : t * batch + n) * gates;
        step(cell);
        const int64_t at = batch_first ? (n * steps + t) * directions + d : (t * directions + d) * batch + n;
        if (W* y = outputs[0].data()) std::copy_n(h.data(), hidden, y + at * hidden);
      }
      if (W* y_h = outputs[1].data()) std::copy_n(h.data(), hidden, y_h + state);
      if (W* y_c = outputs[2].data()) std::copy_n(c.data(), hidden, y_c + state);
    });
  }
  for (size_t i = 0; i < 3; ++i)
    if (call.wants(i)) VIVACE_TRY(outputs[i].store());
  return {};
}

}  // namespace

Status reference_recurrent(Call& call) {
  VIVACE_ASSIGN(const std::vector<Activation> activations, recurrent_activations(call.node));
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    return run_recurrent<W>(call,
                            call.node.op == "RNN"   ? step_rnn<W>
                            : call.node.op == "GRU" ? step_gru<W>
                                                    : step_lstm<W>,
                            activations);
  });
}

}  // namespace vivace::ops
