#include "backends/cuda/recording.h"

namespace vivace::cuda {

Recording::~Recording() {
  for (GraphExecHandle* graph : graphs_) (void)driver_.cuGraphExecDestroy(graph);
}

Status Recording::begin(StreamHandle* stream) {
  VIVACE_CUDA(driver_, cuStreamBeginCapture_v2(stream, kCaptureRelaxed));
  return {};
}

Status Recording::end(StreamHandle* stream) {
  GraphHandle* graph = nullptr;
  VIVACE_CUDA(driver_, cuStreamEndCapture(stream, &graph));
  GraphExecHandle* made = nullptr;
  const Error error = driver_.cuGraphInstantiateWithFlags(&made, graph, 0);
  (void)driver_.cuGraphDestroy(graph);
  if (error) return driver_.status(error, "cuGraphInstantiate");
  graphs_.push_back(made);
  return {};
}

Status Recording::launch(size_t i, StreamHandle* stream) const {
  VIVACE_CUDA(driver_, cuGraphLaunch(graphs_[i], stream));
  return {};
}

Events::~Events() {
  for (EventHandle* event : events_) (void)driver_.cuEventDestroy_v2(event);
}

Status Events::record(StreamHandle* stream) {
  EventHandle* event = nullptr;
  VIVACE_CUDA(driver_, cuEventCreate(&event, 0));
  events_.push_back(event);
  VIVACE_CUDA(driver_, cuEventRecord(event, stream));
  return {};
}

Result<double> Events::seconds(size_t from, size_t to) const {
  float milliseconds = 0;
  VIVACE_CUDA(driver_, cuEventElapsedTime(&milliseconds, events_[from], events_[to]));
  return static_cast<double>(milliseconds) * 1e-3;
}

}  // namespace vivace::cuda
