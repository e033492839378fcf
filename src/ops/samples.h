// vivace.ForSamples: a body that runs on a few samples of a batch at a time.
#pragma once

#include "ir/graph.h"

namespace vivace::ops {

constexpr const char* kForSamples = "vivace.ForSamples";

/// How many samples one turn of the body takes.
int64_t samples_of_turn(const ir::Node& node);

/// Elements [begin, begin + count) of the outermost axis, in place.
TensorView samples_of(const TensorView& whole, int64_t begin, int64_t count);

}  // namespace vivace::ops
