// LSTM, GRU and RNN in f32: the input's share of all gates of both directions as one matrix product over all steps,
// then the steps.
#include "backends/cpu/kernels/recurrent.h"

#include <utility>

#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/rows/rows.h"

namespace vivace::cpu {

namespace {

struct Job {
  RecurrentProblem layer;
  int64_t input = 0;

  int64_t gates() const { return gates_of(layer.cell); }
  int64_t columns() const { return layer.directions * gates() * layer.hidden; }
  GemmProblem input_product() const {
    GemmProblem g;
    g.m = layer.steps * layer.batch, g.n = columns(), g.k = input;
    g.a_row = g.k, g.c_row = g.n;
    g.packed_b = true;
    return g;
  }
};

// Activations are named for one direction after another.
Verdict cell_of(const Problem& p, RecurrentCell& cell) {
  const std::string& op = p.node->op;
  const std::vector<std::string> activations = p.attributes().texts("activations");
  std::vector<std::string> usual;
  if (op == "LSTM") {
    cell = RecurrentCell::lstm, usual = {"Sigmoid", "Tanh", "Tanh"};
  } else if (op == "GRU") {
    const bool reset_last = p.attributes().integer("linear_before_reset") != 0;
    cell = reset_last ? RecurrentCell::gru : RecurrentCell::gru_reset, usual = {"Sigmoid", "Tanh"};
  } else {
    const bool relu = !activations.empty() && activations[0] == "Relu";
    cell = relu ? RecurrentCell::relu : RecurrentCell::tanh, usual = {relu ? "Relu" : "Tanh"};
  }
  for (size_t i = 0; i < activations.size(); ++i)
    if (activations[i] != usual[i % usual.size()]) return no("activations other than the usual");
  return yes();
}

Verdict recurrence_of(const Problem& p, Job& job) {
  if (!all_row_major(p)) return no("row-major only");
  for (size_t i = 0; i < p.inputs.size(); ++i) {
    if (i == 4 && p.has(4)) return no("sequence lengths");
    if (p.has(i) && p.inputs[i].type != DType::f32) return no("f32 only");
  }
  for (const size_t i : {1, 2, 3, 7})
    if (p.has(i) && !p.inputs[i].constant) return no("the weights are not constant");
  if (p.attributes().has("clip")) return no("clip");
  if (p.attributes().integer("input_forget") != 0) return no("coupled gates");
  if (p.attributes().integer("layout") != 0) return no("batch-major layout");
  RecurrentProblem& layer = job.layer;
  if (Verdict verdict = cell_of(p, layer.cell); !verdict) return verdict;
  const Shape &x = p.inputs[0].shape, &r = p.inputs[2].shape;
  layer.steps = x[0], layer.batch = x[1], job.input = x[2];
  layer.hidden = r[2], layer.directions = r[0];
  layer.first_reversed = p.attributes().text("direction", "forward") == "reverse";
  if (layer.steps * layer.batch * job.input * layer.hidden == 0) return no("nothing to do");
  return yes();
}

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  Job job;
  recurrence_of(p, job);
  const auto work = 2.0 * static_cast<double>(job.layer.steps * job.layer.batch) *
                    static_cast<double>(job.columns() * (job.input + job.layer.hidden));
  return roofline_seconds(work, bytes_of(p), 0.3, machine);
}

// The packed weights, one tensor. Floats from its start.
struct Weights {
  int64_t w, r, bias, state_bias, size;
};
Weights weights_of(const Job& job, const Machine& machine) {
  Weights at{};
  const auto take = [&](int64_t floats) { return std::exchange(at.size, at.size + (floats + 15) / 16 * 16); };
  const auto& [layer, input] = job;
  at.w = take(gemm_kernels(machine.isa).packed_size(input, job.columns()));
  at.r = take(layer.directions * recurrent_kernels(machine.isa).packed_size(layer.cell, layer.hidden));
  at.bias = take(job.columns());
  at.state_bias = take(layer.cell == RecurrentCell::gru ? layer.directions * layer.hidden : 0);
  return at;
}

Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, recurrence_of));
  const RecurrentKernels& kernels = recurrent_kernels(machine.isa);
  const Weights at = weights_of(job, machine);
  const RecurrentCell cell = job.layer.cell;
  const int64_t hidden = job.layer.hidden, n = job.gates() * hidden, size = kernels.packed_size(cell, hidden);
  VIVACE_ASSIGN(Tensor packed, packed_buffer(static_cast<size_t>(at.size)));
  auto* to = packed.as<float>();
  ThreadPool pool(1);
  gemm_kernels(machine.isa)
      .pack(p.inputs[1].constant->as<const float>(), 1, job.input, job.input, job.columns(), to + at.w, pool);
  for (int64_t d = 0; d < job.layer.directions; ++d) {
    kernels.pack(cell, p.inputs[2].constant->as<const float>() + d * n * hidden, hidden, to + at.r + d * size);
    if (!p.has(3)) continue;
    const auto* both = p.inputs[3].constant->as<const float>() + d * 2 * n;
    const int64_t joined = cell == RecurrentCell::gru ? n - hidden : n;
    for (int64_t i = 0; i < n; ++i) to[at.bias + d * n + i] = both[i] + (i < joined ? both[n + i] : 0);
    for (int64_t i = joined; i < n; ++i) to[at.state_bias + d * hidden + i - joined] = both[n + i];
  }
  return std::vector<Tensor>{std::move(packed)};
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>& packed, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, recurrence_of));
  const GemmKernels& gemm = gemm_kernels(machine.isa);
  const RecurrentKernels& kernels = recurrent_kernels(machine.isa);
  const Weights at = weights_of(job, machine);
  if (packed.size() != 1 || packed[0].count() != at.size)
    return Status(Code::corrupt_file, p.node->describe() + ": its packed weights have the wrong size");
  const GemmProblem product = job.input_product();
  const int64_t gates = (product.m * product.n + 15) / 16 * 16;
  Bound bound;
  // The product is done before the steps begin.
  bound.workspace = static_cast<size_t>(gates + std::max(gemm.scratch_size(product, machine.threads),
                                                         kernels.scratch_size(job.layer))) *
                    sizeof(float);
  bound.run = [=, &gemm, &kernels, layer = job.layer, weights = packed[0], inputs = p.inputs.size(),
               outputs = p.outputs.size()](const Launch& launch) {
    const auto in = [&](size_t i) { return i < inputs ? static_cast<const float*>(launch.inputs[i]) : nullptr; };
    const auto out = [&](size_t i) { return i < outputs ? static_cast<float*>(launch.outputs[i]) : nullptr; };
    const auto* packed_at = weights.as<const float>();
    auto* workspace = static_cast<float*>(launch.workspace);
    gemm.run(product, in(0), packed_at + at.w, packed_at + at.bias, nullptr, workspace, workspace + gates, launch.pool);
    kernels.run(layer,
                {.gates = workspace,
                 .weights = packed_at + at.r,
                 .state_bias = layer.cell == RecurrentCell::gru ? packed_at + at.state_bias : nullptr,
                 .peephole = in(7),
                 .h = in(5),
                 .c = in(6),
                 .y = out(0),
                 .last_h = out(1),
                 .last_c = out(2),
                 .scratch = workspace + gates},
                launch.pool);
    return Status();
  };
  return bound;
}

Tactic row(std::string_view name, std::string_view op) {
  return {.name = name,
          .version = 2,
          .operators = {op},
          .supports = supports_job<recurrence_of>,
          .estimate = estimate,
          .prepare = prepare,
          .bind = bind,
          .packs = [](const Problem&, size_t input) { return input >= 1 && input <= 3; }};
}

}  // namespace

extern const Tactic lstm_tactic = row("lstm", "LSTM");
extern const Tactic gru_tactic = row("gru", "GRU");
extern const Tactic rnn_tactic = row("rnn", "RNN");

}  // namespace vivace::cpu
