// From a model or a plan to an engine.
#pragma once

#include <memory>

#include "NvInfer.h"
#include "log.h"
#include "options.h"

namespace trtexec {

struct Loaded {
  // In the order in which they may be destroyed: last first.
  std::unique_ptr<nvinfer1::IRuntime> runtime;
  std::unique_ptr<nvinfer1::ICudaEngine> engine;
  std::vector<char> plan;
};

/// Builds or loads the engine that the options ask for, and writes the plan where they say so. Raises Failure.
Loaded make_engine(const Options& options, Log& log);
/// Raises Failure where the plan is none, or was made for something else.
std::unique_ptr<nvinfer1::ICudaEngine> deserialize(nvinfer1::IRuntime& runtime, const std::vector<char>& plan);

/// Seconds since the program started.
double now();

}  // namespace trtexec
