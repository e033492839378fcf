#include "backends/cpu/rows/rows.h"

#include <algorithm>

namespace vivace::cpu {

Epilogue epilogue_of(const ir::Attributes& attributes) {
  static constexpr std::pair<std::string_view, Activation> kNames[] = {{"none", Activation::none},
                                                                       {"relu", Activation::relu},
                                                                       {"clip", Activation::clip},
                                                                       {"leaky_relu", Activation::leaky_relu},
                                                                       {"hard_sigmoid", Activation::hard_sigmoid},
                                                                       {"hard_swish", Activation::hard_swish},
                                                                       {"sigmoid", Activation::sigmoid},
                                                                       {"silu", Activation::silu},
                                                                       {"tanh", Activation::tanh},
                                                                       {"gelu", Activation::gelu},
                                                                       {"gelu_tanh", Activation::gelu_tanh}};
  Epilogue epilogue;
  const std::string name = attributes.text("activation", "none");
  for (const auto& [known, activation] : kNames)
    if (name == known) epilogue.activation = activation;
  epilogue.alpha = attributes.real("activation_alpha");
  epilogue.beta = attributes.real("activation_beta");
  epilogue.residual_last = attributes.integer("residual_last") != 0;
  return epilogue;
}

bool all_row_major(const Problem& p) {
  const auto row_major = [](const TensorInfo& tensor) { return tensor.channel_block == 0; };
  return std::all_of(p.inputs.begin(), p.inputs.end(), row_major) &&
         std::all_of(p.outputs.begin(), p.outputs.end(), row_major);
}

Result<Tensor> packed_buffer(size_t floats) { return Tensor::allocate(DType::f32, {static_cast<int64_t>(floats)}); }

}  // namespace vivace::cpu
