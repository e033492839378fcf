// Graphs of the CUDA runtime over host memory: an inference enqueued on a stream under capture becomes part of the
// graph.
#pragma once

#include <functional>

#include "NvInferRuntimeBase.h"

namespace vivace::tensorrt {

/// Whether the program uses that runtime.
bool has_host_runtime();

/// Whether the program uses that runtime and `stream` is under capture.
bool is_captured(cudaStream_t stream);

/// Has every launch of the stream's graph do the work.
void capture(cudaStream_t stream, std::function<void()> work);

}  // namespace vivace::tensorrt
