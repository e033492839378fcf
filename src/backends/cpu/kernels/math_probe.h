// The functions of simd_math.h over arrays, so that tests reach them in every instruction set.
#pragma once

#include "backends/cpu/isa.h"
#include "backends/cpu/kernels/epilogue.h"

namespace vivace::cpu {

struct MathProbe {
  using Run = void (*)(const float* x, float* y, int64_t n);
  Run exp, log, tanh, sigmoid, erf;
  void (*activate)(Activation activation, float alpha, float beta, const float* x, float* y, int64_t n);
};
const MathProbe& math_probe(Isa isa);

}  // namespace vivace::cpu
