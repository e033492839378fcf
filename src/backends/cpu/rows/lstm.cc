// LSTM in f32: the input's share of all gates as one matrix product over all steps, then a product and a cell step for
// each.
#include <cstring>

#include "backends/cpu/rows/jobs.h"

namespace vivace::cpu {

namespace {

constexpr int64_t kGates = 4;

Lstm sizes_of(const Problem& p) {
  const Shape &x = p.inputs[0].shape, &r = p.inputs[2].shape;
  return {x[0], x[1], x[2], r[2], r[0], p.attributes().text("direction", "forward") == "reverse"};
}

Verdict supports(const Problem& p, const Machine&) {
  if (!all_row_major(p)) return no("row-major only");
  Lstm l{};
  if (Verdict verdict = lstm_of(p, l); !verdict) return verdict;
  for (const size_t i : {1, 2, 3, 7})
    if (p.has(i) && !p.inputs[i].constant) return no("the weights are not constant");
  return yes();
}

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  const Lstm l = sizes_of(p);
  const auto work = 2.0 * static_cast<double>(l.steps * l.batch * l.directions) *
                    static_cast<double>(kGates * l.hidden * (l.input + l.hidden));
  return roofline_seconds(work, bytes_of(p), 0.3, machine);
}

// Three tensors: W and R of every direction, packed, and the sum of the two biases.
Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Machine& machine) {
  const Lstm l = sizes_of(p);
  const GemmKernels& gemm = gemm_kernels(machine.isa);
  const int64_t n = kGates * l.hidden;
  ThreadPool pool(1);
  std::vector<Tensor> packed;
  for (const auto& [index, k] : {std::pair<size_t, int64_t>{1, l.input}, {2, l.hidden}}) {
    const int64_t size = gemm.packed_size(k, n);
    VIVACE_ASSIGN(Tensor all, packed_buffer(static_cast<size_t>(size * l.directions)));
    for (int64_t d = 0; d < l.directions; ++d)
      gemm.pack(p.inputs[index].constant->as<const float>() + d * n * k, 1, k, k, n, all.as<float>() + d * size, pool);
    packed.push_back(std::move(all));
  }
  VIVACE_ASSIGN(Tensor bias, packed_buffer(static_cast<size_t>(n * l.directions)));
  if (p.has(3)) {
    const auto* both = p.inputs[3].constant->as<const float>();
    for (int64_t d = 0; d < l.directions; ++d)
      for (int64_t i = 0; i < n; ++i) bias.as<float>()[d * n + i] = both[d * 2 * n + i] + both[d * 2 * n + n + i];
  }
  packed.push_back(std::move(bias));
  return packed;
}

GemmProblem product(int64_t m, int64_t n, int64_t k) {
  GemmProblem g;
  g.m = m;
  g.n = n;
  g.k = k;
  g.a_row = k;
  g.c_row = n;
  g.packed_b = true;
  return g;
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>& packed, const Machine& machine) {
  const Lstm l = sizes_of(p);
  const GemmKernels& gemm = gemm_kernels(machine.isa);
  const AttentionKernels& cell = attention_kernels(machine.isa);
  const int64_t n = kGates * l.hidden, state = l.batch * l.hidden;
  if (packed.size() != 3 || packed[0].count() != gemm.packed_size(l.input, n) * l.directions ||
      packed[1].count() != gemm.packed_size(l.hidden, n) * l.directions || packed[2].count() != n * l.directions)
    return Status(Code::corrupt_file, p.node->describe() + ": its packed weights have the wrong size");
  const GemmProblem from_input = product(l.steps * l.batch, n, l.input), from_state = product(l.batch, n, l.hidden);
  const int64_t scratch =
      std::max(gemm.scratch_size(from_input, machine.threads), gemm.scratch_size(from_state, machine.threads));
  const int64_t gates = (l.steps * l.batch * n + 15) / 16 * 16, states = (state + 15) / 16 * 16;
  Bound bound;
  bound.workspace = static_cast<size_t>(gates + 2 * states + scratch) * sizeof(float);
  bound.run = [=, &gemm, &cell, peepholes = p.has(7), initial_h = p.has(5), initial_c = p.has(6),
               outputs = p.outputs.size()](const Launch& launch) {
    const auto in = [&](size_t i) { return static_cast<const float*>(launch.inputs[i]); };
    const auto* w = packed[0].as<const float>();
    const auto* r = packed[1].as<const float>();
    auto* y = static_cast<float*>(launch.outputs[0]);
    auto* all_gates = static_cast<float*>(launch.workspace);
    float *h = all_gates + gates, *c = h + states, *rest = c + states;
    const auto bytes = static_cast<size_t>(state) * sizeof(float);
    for (int64_t d = 0; d < l.directions; ++d) {
      gemm.run(from_input, in(0), w + d * gemm.packed_size(l.input, n), packed[2].as<const float>() + d * n, nullptr,
               all_gates, rest, launch.pool);
      initial_h ? std::memcpy(h, in(5) + d * state, bytes) : std::memset(h, 0, bytes);
      initial_c ? std::memcpy(c, in(6) + d * state, bytes) : std::memset(c, 0, bytes);
      const bool reversed = l.directions == 2 ? d == 1 : l.first_reversed;
      for (int64_t i = 0; i < l.steps; ++i) {
        const int64_t t = reversed ? l.steps - 1 - i : i;
        float* step = all_gates + t * l.batch * n;
        gemm.run(from_state, h, r + d * gemm.packed_size(l.hidden, n), nullptr, step, step, rest, launch.pool);
        cell.lstm_step(step, peepholes ? in(7) + d * 3 * l.hidden : nullptr, c, h, l.batch, l.hidden, launch.pool);
        if (y) std::memcpy(y + (t * l.directions + d) * state, h, bytes);
      }
      if (outputs > 1 && launch.outputs[1]) std::memcpy(static_cast<float*>(launch.outputs[1]) + d * state, h, bytes);
      if (outputs > 2 && launch.outputs[2]) std::memcpy(static_cast<float*>(launch.outputs[2]) + d * state, c, bytes);
    }
    return Status();
  };
  return bound;
}

}  // namespace

Verdict lstm_of(const Problem& p, Lstm& lstm) {
  for (size_t i = 0; i < p.inputs.size(); ++i) {
    if (i == 4 && p.has(4)) return no("sequence lengths");
    if (p.has(i) && p.inputs[i].type != DType::f32) return no("f32 only");
  }
  if (p.attributes().has("clip")) return no("clip");
  if (p.attributes().integer("input_forget") != 0) return no("coupled gates");
  if (p.attributes().integer("layout") != 0) return no("batch-major layout");
  static constexpr const char* kUsual[] = {"Sigmoid", "Tanh", "Tanh"};
  const std::vector<std::string> activations = p.attributes().texts("activations");
  for (size_t i = 0; i < activations.size(); ++i)
    if (activations[i] != kUsual[i % 3]) return no("activations other than the usual");
  lstm = sizes_of(p);
  return yes();
}

extern const Tactic lstm_tactic{
    .name = "lstm",
    .version = 1,
    .operators = {"LSTM"},
    .supports = supports,
    .estimate = estimate,
    .prepare = prepare,
    .bind = bind,
    .packs = [](const Problem&, size_t input) { return input >= 1 && input <= 3; },
};

}  // namespace vivace::cpu
