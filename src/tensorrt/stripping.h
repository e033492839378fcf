// Plans without weights: a refitter gives them to the engine.
#pragma once

#include "tensorrt/metadata.h"

namespace vivace::tensorrt {

/// Whether a refitter may replace this constant of an engine's portable graph.
bool can_be_refitted(const ir::Value& value, const Metadata& metadata);
/// Whether a plan without weights leaves it out: small constants stay, for some of them are sizes and scales.
bool is_stripped(const Tensor& tensor);

/// The plan without the large weights that can be refitted, and without all that was made of weights. Those in the
/// bodies of loops and conditionals stay.
plan::Plan without_weights(const plan::Plan& plan, Metadata metadata);
/// Puts zeros where weights were left out, so that the plan can be loaded. out_of_memory.
Status fill_with_zeros(plan::Plan& plan);

}  // namespace vivace::tensorrt
