#include "backends/cpu/kernels/conv_util.h"

#include "backends/cpu/kernels/simd_math.h"

namespace vivace::cpu::VIVACE_ISA {

Finish plan_finish(const Epilogue& e, int out_channels) {
  constexpr float infinity = __builtin_inff();
  Finish f{&e, e.residual, -infinity, infinity, false, kLanes, blocks_of(out_channels) - 1};
  f.last_lanes = out_channels - f.last_block * kLanes;
  const bool limits = e.activation == Activation::relu || e.activation == Activation::clip;
  const bool early = !(e.residual && e.residual_last) || e.activation == Activation::none;
  if (limits && early) {
    f.low = e.activation == Activation::relu ? 0.f : e.alpha;
    f.high = e.activation == Activation::relu ? infinity : e.beta;
  }
  if (!early) f.residual = nullptr;
  const bool zero_stays_zero = f.low <= 0 && f.high >= 0;
  f.rest = !early || !(limits || e.activation == Activation::none) || (f.last_lanes < kLanes && !zero_stays_zero);
  return f;
}

void finish_rest(const Finish& f, int block, const float* sums, float* output, ptrdiff_t offset, int pixels) {
  const Epilogue& e = *f.epilogue;
  const bool late = e.residual && !f.residual;  // the residual comes after the activation
  const int lanes = block == f.last_block ? f.last_lanes : kLanes;
  with_activation(e.activation, [&]<Activation A>() {
    for (ptrdiff_t i = 0; i < static_cast<ptrdiff_t>(pixels) * kLanes; i += kLanes) {
      Vec v = activate<A>(load(sums + i), e.alpha, e.beta);
      if (late) v = v + load(e.residual + offset + i);
      if (lanes == kLanes) {
        store(output + offset + i, v);
      } else {
        store(output + offset + i, Vec{});
        store_first(output + offset + i, v, lanes);
      }
    }
  });
}

}  // namespace vivace::cpu::VIVACE_ISA
