// What the recurrent operators share with kernels that run them.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"

namespace vivace::ops {

/// sigmoid, tanh, relu, softsign, softplus, leakyrelu, elu, thresholdedrelu, affine, scaledtanh or hardsigmoid.
struct RecurrentActivation {
  std::string name;
  double alpha = 0, beta = 0;
};

/// The functions of RNN (one), GRU (two) or LSTM (three), for each direction, the node's parameters among them.
Result<std::vector<RecurrentActivation>> recurrent_activations(const ir::Node& node);

}  // namespace vivace::ops
