// The instructions of a pointwise program; see pointwise_program.h.
#pragma once

#include <cstdint>

namespace vivace {

// One line per instruction: name, operands, parameters. Comparisons and logic give 1 or 0; anything but 0 is true.
//   min, max            keep NaN of either operand
//   pow                 as std::pow
//   fma                 a * b + c
//   where               a ? b : c
//   constant            alpha
//   clip                min(max(x, alpha), beta)
//   leaky_relu          x < 0 ? alpha x : x
//   elu                 x < 0 ? alpha (e^x - 1) : x
//   selu                beta (x < 0 ? alpha (e^x - 1) : x)
//   hard_sigmoid        min(max(alpha x + beta, 0), 1)
//   hard_swish          x min(max(x / 6 + 0.5, 0), 1)
//   silu                x / (1 + e^-x)
//   gelu                x (1 + erf(x / sqrt 2)) / 2
//   gelu_tanh           x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
//   softplus            ln(1 + e^x)
//   softsign            x / (1 + |x|)
//   mish                x tanh(softplus(x))
//   round               to the nearest integer, halves to even
#define VIVACE_POINTWISE_OPS(OP)                                                                                       \
  OP(constant, 0, 1)                                                                                                   \
  OP(add, 2, 0)                                                                                                        \
  OP(sub, 2, 0) OP(mul, 2, 0) OP(div, 2, 0) OP(pow, 2, 0) OP(max, 2, 0) OP(min, 2, 0) OP(less, 2, 0)                   \
      OP(less_equal, 2, 0) OP(greater, 2, 0) OP(greater_equal, 2, 0) OP(equal, 2, 0) OP(not_equal, 2, 0)               \
          OP(logical_and, 2, 0) OP(logical_or, 2, 0) OP(fma, 3, 0) OP(where, 3, 0) OP(logical_not, 1, 0) OP(neg, 1, 0) \
              OP(abs, 1, 0) OP(sign, 1, 0) OP(reciprocal, 1, 0) OP(sqrt, 1, 0) OP(rsqrt, 1, 0) OP(square, 1, 0)        \
                  OP(floor, 1, 0) OP(ceil, 1, 0) OP(round, 1, 0) OP(exp, 1, 0) OP(log, 1, 0) OP(sin, 1, 0)             \
                      OP(cos, 1, 0) OP(tanh, 1, 0) OP(erf, 1, 0) OP(sigmoid, 1, 0) OP(relu, 1, 0) OP(clip, 1, 2)       \
                          OP(leaky_relu, 1, 1) OP(elu, 1, 1) OP(selu, 1, 2) OP(hard_sigmoid, 1, 2)                     \
                              OP(hard_swish, 1, 0) OP(silu, 1, 0) OP(gelu, 1, 0) OP(gelu_tanh, 1, 0)                   \
                                  OP(softplus, 1, 0) OP(softsign, 1, 0) OP(mish, 1, 0)

enum class PointwiseOp : uint8_t {
#define VIVACE_OP(name, operands, parameters) name,
  VIVACE_POINTWISE_OPS(VIVACE_OP)
#undef VIVACE_OP
};

}  // namespace vivace
