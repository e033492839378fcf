// What a convolution or matrix multiplication does with its sums before it stores them.
#pragma once

#include <cstdint>

namespace vivace::cpu {

enum class Activation : uint8_t {
  none,
  relu,          // max(x, 0)
  clip,          // min(max(x, alpha), beta)
  leaky_relu,    // x < 0 ? alpha * x : x
  hard_sigmoid,  // min(max(alpha * x + beta, 0), 1)
  hard_swish,    // x * min(max(x / 6 + 0.5, 0), 1)
  sigmoid,
  silu,          // x * sigmoid(x)
  tanh,
  gelu,          // x * 0.5 * (1 + erf(x / sqrt 2))
  gelu_tanh,     // the tanh approximation
};

/// y = activation(sum + bias + residual), or activation(sum + bias) + residual where residual_last.
struct Epilogue {
  const float* bias = nullptr;      // one per output channel; none: zero
  const float* residual = nullptr;  // same shape and layout as the output; may be the output itself
  bool residual_last = false;
  Activation activation = Activation::none;
  float alpha = 0, beta = 0;
};

}  // namespace vivace::cpu
