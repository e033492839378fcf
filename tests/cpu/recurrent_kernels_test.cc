// Recurrent layers against plain loops in double.
#include "backends/cpu/kernels/recurrent.h"
#include "cpu/kernel_testing.h"

namespace vivace::cpu {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Options {
  bool peepholes = false, initial = true, y = true, last = true;
};

struct Inputs {
  std::vector<float> gates, r, bias, peephole, h, c;
};

struct Layer {
  std::vector<double> y, h, c;
};

Layer plain_layer(const RecurrentProblem& p, const Inputs& in, const Options& options) {
  const int64_t n = p.hidden, state = p.batch * n, gates = gates_of(p.cell), d_count = p.directions;
  Layer out{std::vector<double>(static_cast<size_t>(p.steps * d_count * state)),
            std::vector<double>(static_cast<size_t>(d_count * state)),
            std::vector<double>(static_cast<size_t>(d_count * state))};
  for (int64_t d = 0; d < d_count; ++d)
    for (int64_t b = 0; b < p.batch; ++b) {
      std::vector<double> h(static_cast<size_t>(n)), c(static_cast<size_t>(n)), before;
      const int64_t row = d * state + b * n;
      const auto at = [](auto& v, int64_t i) -> auto& { return v[static_cast<size_t>(i)]; };
      for (int64_t u = 0; options.initial && u < n; ++u) at(h, u) = at(in.h, row + u), at(c, u) = at(in.c, row + u);
      for (int64_t i = 0; i < p.steps; ++i) {
        const bool backwards = d_count == 2 ? d == 1 : p.first_reversed;
        const int64_t t = backwards ? p.steps - 1 - i : i;
        before = h;
        const auto input = [&](int64_t g, int64_t u) {
          return double(at(in.gates, (((t * p.batch + b) * d_count + d) * gates + g) * n + u));
        };
        const auto product = [&](int64_t g, int64_t u, auto scale) {
          double sum = 0;
          for (int64_t k = 0; k < n; ++k) sum += at(in.r, ((d * gates + g) * n + u) * n + k) * at(before, k) * scale(k);
          return sum;
        };
        const auto one = [](int64_t) { return 1.; };
        const auto gate = [&](int64_t g, int64_t u) { return input(g, u) + product(g, u, one); };
        const auto peep = [&](int64_t g, int64_t u) {
          return options.peepholes ? double(at(in.peephole, (d * 3 + g) * n + u)) : 0.;
        };
        for (int64_t u = 0; u < n; ++u) {
          double& to = at(h, u);
          switch (p.cell) {
            case RecurrentCell::lstm: {
              const double was = at(c, u);
              const double now = sigmoid(gate(2, u) + peep(2, u) * was) * was +
                                 sigmoid(gate(0, u) + peep(0, u) * was) * std::tanh(gate(3, u));
              at(c, u) = now;
              to = sigmoid(gate(1, u) + peep(1, u) * now) * std::tanh(now);
              break;
            }
            case RecurrentCell::gru: {
              const double share = product(2, u, one) + at(in.bias, d * n + u);
              const double z = sigmoid(gate(0, u)), value = std::tanh(input(2, u) + sigmoid(gate(1, u)) * share);
              to = (1 - z) * value + z * at(before, u);
              break;
            }
            case RecurrentCell::gru_reset: {
              const auto reset = [&](int64_t k) { return sigmoid(gate(1, k)); };
              const double z = sigmoid(gate(0, u)), value = std::tanh(input(2, u) + product(2, u, reset));
              to = (1 - z) * value + z * at(before, u);
              break;
            }
            case RecurrentCell::tanh: to = std::tanh(gate(0, u)); break;
            case RecurrentCell::relu: to = std::max(0., gate(0, u)); break;
          }
        }
        for (int64_t u = 0; u < n; ++u) at(out.y, (t * d_count + d) * state + b * n + u) = at(h, u);
      }
      for (int64_t u = 0; u < n; ++u) at(out.h, row + u) = at(h, u), at(out.c, row + u) = at(c, u);
    }
  return out;
}

void check(RecurrentProblem p, Options options = {}) {
  const int64_t n = p.hidden, state = p.batch * n, gates = gates_of(p.cell), directions = p.directions;
  const bool lstm = p.cell == RecurrentCell::lstm;
  const float scale = 1 / std::sqrt(static_cast<float>(n));
  const Inputs in{.gates = random_floats(p.steps * p.batch * directions * gates * n, 1, -2, 2),
                  .r = random_floats(directions * gates * n * n, 2, -scale, scale),
                  .bias = random_floats(directions * n, 3),
                  .peephole = random_floats(directions * 3 * n, 4),
                  .h = random_floats(directions * state, 5),
                  .c = random_floats(directions * state, 6)};
  const Layer want = plain_layer(p, in, options);
  for (const Isa isa : present_isas()) {
    SCOPED_TRACE(testing::Message() << to_string(isa) << " cell " << static_cast<int>(p.cell) << " steps " << p.steps
                                    << " batch " << p.batch << " hidden " << n << " directions " << directions);
    const RecurrentKernels& kernels = recurrent_kernels(isa);
    const int64_t size = kernels.packed_size(p.cell, n);
    Guarded<float> weights(directions * size);
    for (int64_t d = 0; d < directions; ++d)
      kernels.pack(p.cell, in.r.data() + d * gates * n * n, n, weights.data() + d * size);
    ASSERT_TRUE(weights.guards_hold());
    const auto y_size = static_cast<int64_t>(want.y.size());
    Guarded<float> first_y(y_size);
    for (const int threads : {1, 2, 5}) {
      ThreadPool pool(threads);
      Guarded<float> y(y_size), h(directions * state), c(directions * state), scratch(kernels.scratch_size(p));
      kernels.run(p,
                  {.gates = in.gates.data(),
                   .weights = weights.data(),
                   .state_bias = p.cell == RecurrentCell::gru ? in.bias.data() : nullptr,
                   .peephole = options.peepholes ? in.peephole.data() : nullptr,
                   .h = options.initial ? in.h.data() : nullptr,
                   .c = options.initial ? in.c.data() : nullptr,
                   .y = options.y ? y.data() : nullptr,
                   .last_h = options.last ? h.data() : nullptr,
                   .last_c = options.last && lstm ? c.data() : nullptr,
                   .scratch = scratch.data()},
                  pool);
      ASSERT_TRUE(y.guards_hold() && h.guards_hold() && c.guards_hold() && scratch.guards_hold());
      for (int64_t i = 0; options.y && i < y_size; ++i) ASSERT_NEAR(y[i], want.y[static_cast<size_t>(i)], 1e-5) << i;
      for (int64_t i = 0; options.last && i < directions * state; ++i) {
        ASSERT_NEAR(h[i], want.h[static_cast<size_t>(i)], 1e-5) << i;
        const double cell = lstm ? want.c[static_cast<size_t>(i)] : 0;
        ASSERT_NEAR(lstm ? c[i] : 0, cell, 1e-5) << i;
      }
      if (threads == 1)
        std::memcpy(first_y.data(), y.data(), static_cast<size_t>(y_size) * sizeof(float));
      else
        ASSERT_TRUE(y.same_bits(first_y)) << threads << " threads";
    }
  }
}

constexpr RecurrentCell kCells[] = {RecurrentCell::lstm, RecurrentCell::gru, RecurrentCell::gru_reset,
                                    RecurrentCell::tanh, RecurrentCell::relu};

TEST(RecurrentKernels, BatchesAndSizes) {
  for (const RecurrentCell cell : kCells) {
    for (const int64_t batch : {1, 3, 8})
      for (const int64_t hidden : {1, 7, 16, 100}) check({cell, 3, batch, hidden});
    for (const int64_t batch : {1, 8}) check({cell, 2, batch, 256});
    check({cell, 1, 57, 33});  // several groups of rows
    check({cell, 50, 2, 16});
  }
}

TEST(RecurrentKernels, Directions) {
  for (const RecurrentCell cell : kCells) {
    check({cell, 5, 2, 37, 1, true});
    check({cell, 5, 3, 37, 2});
    check({cell, 4, 1, 320, 2});
  }
}

TEST(RecurrentKernels, StatesAndOutputs) {
  for (const RecurrentCell cell : kCells)
    for (const int64_t steps : {1, 2, 3}) {
      check({cell, steps, 2, 19, 2}, {.initial = false});
      check({cell, steps, 2, 19, 2}, {.y = false});
      check({cell, steps, 2, 19, 1}, {.last = false});
      check({cell, steps, 0, 19, 1});
    }
  check({RecurrentCell::lstm, 3, 3, 40, 2}, {.peepholes = true});
}

}  // namespace
}  // namespace vivace::cpu
