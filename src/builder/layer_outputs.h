// A program that shows its work, for finding the layer that goes wrong.
#pragma once

#include "plan/plan.h"

namespace vivace::builder {

/// The program with every named value between its layers as an output too, after its own and under the value's name;
/// values in blocks are made row-major for it. What computes is the same, tactics and packed weights included.
/// @param device  what the program is made for: "cpu avx512", "cuda sm_90"
plan::Program with_layer_outputs(const plan::Program& program, const std::string& device);

}  // namespace vivace::builder
