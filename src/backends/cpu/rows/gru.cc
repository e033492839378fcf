// GRU and RNN in f32: the input's share of all gates as one matrix product over all steps, then the state's share and a
// cell step for each. Two directions run side by side.
#include <cstring>

#include "backends/cpu/rows/jobs.h"

namespace vivace::cpu {

namespace {

struct Job {
  int64_t steps, batch, input, hidden, directions, gates;
  bool first_reversed, linear_before_reset;
  Activation activation;  // of RNN

  int64_t state() const { return batch * hidden; }
};

Verdict recurrence_of(const Problem& p, Job& job) {
  if (!all_row_major(p)) return no("row-major only");
  for (size_t i = 0; i < p.inputs.size(); ++i) {
    if (i == 4 && p.has(4)) return no("sequence lengths");
    if (p.has(i) && p.inputs[i].type != DType::f32) return no("f32 only");
  }
  for (const size_t i : {1, 2, 3})
    if (p.has(i) && !p.inputs[i].constant) return no("the weights are not constant");
  if (p.attributes().has("clip")) return no("clip");
  if (p.attributes().integer("layout") != 0) return no("batch-major layout");
  const bool gru = p.node->op == "GRU";
  const std::vector<std::string> activations = p.attributes().texts("activations");
  job.activation = !gru && !activations.empty() && activations[0] == "Relu" ? Activation::relu : Activation::tanh;
  const auto usual = [&](size_t i) {
    return gru ? (i % 2 ? "Tanh" : "Sigmoid") : job.activation == Activation::relu ? "Relu" : "Tanh";
  };
  for (size_t i = 0; i < activations.size(); ++i)
    if (activations[i] != usual(i)) return no("activations other than the usual");
  const Shape &x = p.inputs[0].shape, &r = p.inputs[2].shape;
  job.steps = x[0], job.batch = x[1], job.input = x[2];
  job.hidden = r[2], job.directions = r[0], job.gates = gru ? 3 : 1;
  job.first_reversed = p.attributes().text("direction", "forward") == "reverse";
  job.linear_before_reset = p.attributes().integer("linear_before_reset") != 0;
  if (job.steps * job.batch * job.input * job.hidden == 0) return no("nothing to do");
  return yes();
}

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  Job job{};
  recurrence_of(p, job);
  const auto work = 2.0 * static_cast<double>(job.steps * job.batch * job.directions) *
                    static_cast<double>(job.gates * job.hidden * (job.input + job.hidden));
  return roofline_seconds(work, bytes_of(p), 0.3, machine);
}

GemmProblem product(int64_t m, int64_t n, int64_t k, int64_t c_row) {
  GemmProblem g;
  g.m = m, g.n = n, g.k = k;
  g.a_row = k, g.c_row = c_row;
  g.packed_b = true;
  return g;
}

// The matrices of one direction in its packed weights, and the products with them.
struct Matrices {
  // RNN: W, R. GRU: W of all gates; R of update and reset together; R of the candidate.
  GemmProblem from_input, from_state, candidate;
  int64_t w, r, r_last, bias, last_bias, size;  // floats from the start
};
Matrices matrices_of(const Job& job, const GemmKernels& gemm) {
  const int64_t h = job.hidden, n = job.gates * h, first = job.gates == 3 ? 2 * h : n;
  Matrices m{};
  m.from_input = product(job.steps * job.batch, n, job.input, n);
  m.from_state = product(job.batch, first, h, n);
  m.candidate = product(job.batch, h, h, job.linear_before_reset ? h : n);
  const auto take = [&](int64_t floats) { return std::exchange(m.size, m.size + (floats + 15) / 16 * 16); };
  m.w = take(gemm.packed_size(job.input, n));
  m.r = take(gemm.packed_size(h, first));
  m.r_last = take(job.gates == 3 ? gemm.packed_size(h, h) : 0);
  m.bias = take(n);
  m.last_bias = take(h);
  if (job.gates == 1) m.from_state.activation = job.activation;
  return m;
}

Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, recurrence_of));
  const GemmKernels& gemm = gemm_kernels(machine.isa);
  const Matrices m = matrices_of(job, gemm);
  const int64_t h = job.hidden, n = job.gates * h, first = job.gates == 3 ? 2 * h : n;
  VIVACE_ASSIGN(Tensor packed, packed_buffer(static_cast<size_t>(m.size * job.directions)));
  ThreadPool pool(1);
  for (int64_t d = 0; d < job.directions; ++d) {
    float* to = packed.as<float>() + d * m.size;
    const auto* w = p.inputs[1].constant->as<const float>() + d * n * job.input;
    const auto* r = p.inputs[2].constant->as<const float>() + d * n * h;
    gemm.pack(w, 1, job.input, job.input, n, to + m.w, pool);
    gemm.pack(r, 1, h, h, first, to + m.r, pool);
    if (job.gates == 3) gemm.pack(r + first * h, 1, h, h, h, to + m.r_last, pool);
    if (!p.has(3)) continue;
    const auto* both = p.inputs[3].constant->as<const float>() + d * 2 * n;
    // Where the candidate's reset comes after its product, the state's bias is inside of it.
    const int64_t joined = job.gates == 3 && job.linear_before_reset ? first : n;
    for (int64_t i = 0; i < n; ++i) to[m.bias + i] = both[i] + (i < joined ? both[n + i] : 0);
    for (int64_t i = joined; i < n; ++i) to[m.last_bias + i - joined] = both[n + i];
  }
  return std::vector<Tensor>{std::move(packed)};
}

// What one direction works in, in floats.
struct Room {
  int64_t gates, state, next, scratch, size;
};
Room room_of(const Job& job, const Matrices& m, const GemmKernels& gemm, int threads) {
  Room room{};
  const auto take = [&](int64_t floats) { return std::exchange(room.size, room.size + (floats + 15) / 16 * 16); };
  room.gates = take(job.steps * job.batch * job.gates * job.hidden);
  room.state = take(job.state());
  room.next = take(job.state());
  room.scratch = take(std::max({gemm.scratch_size(m.from_input, threads), gemm.scratch_size(m.from_state, threads),
                                gemm.scratch_size(m.candidate, threads)}));
  return room;
}

class Run {
 public:
  Run(const Problem& p, const Job& job, const Machine& machine, Tensor packed)
      : job_(job),
        gemm_(gemm_kernels(machine.isa)),
        cell_(attention_kernels(machine.isa)),
        packed_(std::move(packed)),
        m_(matrices_of(job, gemm_)),
        room_(room_of(job, m_, gemm_, machine.threads)),
        initial_(p.has(5)),
        outputs_(p.outputs.size()) {}
  size_t workspace() const { return static_cast<size_t>(room_.size * job_.directions) * sizeof(float); }

  void direction(const Launch& launch, int64_t d) const {
    const float* weights = packed_.as<const float>() + d * m_.size;
    float* memory = static_cast<float*>(launch.workspace) + d * room_.size;
    float *gates = memory + room_.gates, *h = memory + room_.state;
    const int64_t n = job_.gates * job_.hidden, state = job_.state();
    const auto bytes = static_cast<size_t>(state) * sizeof(float);
    auto* y = static_cast<float*>(launch.outputs[0]);
    gemm_.run(m_.from_input, static_cast<const float*>(launch.inputs[0]), weights + m_.w, weights + m_.bias, nullptr,
              gates, memory + room_.scratch, launch.pool);
    if (initial_)
      std::memcpy(h, static_cast<const float*>(launch.inputs[5]) + d * state, bytes);
    else
      std::memset(h, 0, bytes);
    const bool reversed = job_.directions == 2 ? d == 1 : job_.first_reversed;
    for (int64_t i = 0; i < job_.steps; ++i) {
      const int64_t t = reversed ? job_.steps - 1 - i : i;
      step(launch, weights, gates + t * job_.batch * n, memory);
      if (y) std::memcpy(y + (t * job_.directions + d) * state, h, bytes);
    }
    if (outputs_ > 1 && launch.outputs[1]) std::memcpy(static_cast<float*>(launch.outputs[1]) + d * state, h, bytes);
  }

 private:
  void step(const Launch& launch, const float* weights, float* gates, float* memory) const {
    float *h = memory + room_.state, *next = memory + room_.next, *scratch = memory + room_.scratch;
    gemm_.run(m_.from_state, h, weights + m_.r, nullptr, gates, gates, scratch, launch.pool);
    if (job_.gates == 1) {
      std::memcpy(h, gates, static_cast<size_t>(job_.state()) * sizeof(float));
    } else if (job_.linear_before_reset) {
      gemm_.run(m_.candidate, h, weights + m_.r_last, weights + m_.last_bias, nullptr, next, scratch, launch.pool);
      cell_.gru_step(gates, next, h, h, job_.batch, job_.hidden, launch.pool);
    } else {
      cell_.gru_reset(gates, h, next, job_.batch, job_.hidden, launch.pool);
      float* candidate = gates + 2 * job_.hidden;
      gemm_.run(m_.candidate, next, weights + m_.r_last, nullptr, candidate, candidate, scratch, launch.pool);
      cell_.gru_update(gates, h, h, job_.batch, job_.hidden, launch.pool);
    }
  }

  Job job_;
  const GemmKernels& gemm_;
  const AttentionKernels& cell_;
  Tensor packed_;
  Matrices m_;
  Room room_;
  bool initial_;
  size_t outputs_;
};

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>& packed, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, recurrence_of));
  if (packed.size() != 1 || packed[0].count() != matrices_of(job, gemm_kernels(machine.isa)).size * job.directions)
    return Status(Code::corrupt_file, p.node->describe() + ": its packed weights have the wrong size");
  const auto run = std::make_shared<const Run>(p, job, machine, packed[0]);
  Bound bound;
  bound.workspace = run->workspace();
  bound.run = [run, directions = job.directions](const Launch& launch) {
    if (directions == 1)
      run->direction(launch, 0);
    else
      launch.pool.run(directions, [&](int64_t d, int) { run->direction(launch, d); });
    return Status();
  };
  return bound;
}

Tactic row(std::string_view name, std::string_view op) {
  return {.name = name,
          .version = 1,
          .operators = {op},
          .supports = supports_job<recurrence_of>,
          .estimate = estimate,
          .prepare = prepare,
          .bind = bind,
          .packs = [](const Problem&, size_t input) { return input >= 1 && input <= 3; }};
}

}  // namespace

extern const Tactic gru_tactic = row("gru", "GRU");
extern const Tactic rnn_tactic = row("rnn", "RNN");

}  // namespace vivace::cpu
