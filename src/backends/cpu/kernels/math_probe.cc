#include "backends/cpu/kernels/math_probe.h"

#include "backends/cpu/kernels/simd_math.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {
template <class F>
void sweep(const float* x, float* y, int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(x + i)));
  if (const int rest = static_cast<int>(n - i)) store_first(y + i, f(load_first(x + i, rest)), rest);
}

void run_activate(Activation activation, float alpha, float beta, const float* x, float* y, int64_t n) {
  with_activation(activation, [&]<Activation A>() {
    sweep(x, y, n, [=](Vec v) { return activate<A>(v, alpha, beta); });
  });
}
}  // namespace

const MathProbe& math_probe() {
  static constexpr MathProbe table{
      .exp = [](const float* x, float* y, int64_t n) { sweep(x, y, n, [](Vec v) { return exp(v); }); },
      .log = [](const float* x, float* y, int64_t n) { sweep(x, y, n, [](Vec v) { return log(v); }); },
      .tanh = [](const float* x, float* y, int64_t n) { sweep(x, y, n, [](Vec v) { return tanh(v); }); },
      .sigmoid = [](const float* x, float* y, int64_t n) { sweep(x, y, n, [](Vec v) { return sigmoid(v); }); },
      .erf = [](const float* x, float* y, int64_t n) { sweep(x, y, n, [](Vec v) { return erf(v); }); },
      .activate = run_activate,
  };
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
