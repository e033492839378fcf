// From a network and a configuration to a plan.
#pragma once

#include "tensorrt/config.h"
#include "tensorrt/network.h"

namespace vivace::tensorrt {

struct BuildOptions {
  int64_t max_batch = 1;  // of networks with an implicit batch
  int threads = 0;        // one run of the engine will use; 0: VIVACE_NUM_THREADS, or all processors
};

/// invalid_argument where the network has no outputs or a dynamic input no profile; else as builder::build.
Result<plan::Plan> build_plan(Network& network, const BuilderConfig& config, const BuildOptions& options,
                              const Errors& errors);

}  // namespace vivace::tensorrt
