#include "builder/gpu_clock.h"

namespace vivace::builder {

Recording::~Recording() {
  if (!exec_) return;
  const cuda::Gpu::Scope scope(*gpu_);
  (void)gpu_->driver().cuGraphExecDestroy(exec_);
}

Result<std::unique_ptr<GpuClock>> GpuClock::open(std::shared_ptr<cuda::Gpu> gpu, size_t flush) {
  std::unique_ptr<GpuClock> clock(new GpuClock(gpu));
  const cuda::Driver& d = gpu->driver();
  if (flush > 0) {
    VIVACE_ASSIGN(clock->flush_, cuda::Memory::allocate(gpu, cuda::Memory::Kind::device, flush));
  }
  VIVACE_CUDA(d, cuStreamCreate(&clock->stream_, cuda::kStreamNonBlocking));
  VIVACE_CUDA(d, cuEventCreate(&clock->start_, 0));
  VIVACE_CUDA(d, cuEventCreate(&clock->end_, 0));
  return clock;
}

GpuClock::~GpuClock() {
  const cuda::Gpu::Scope scope(*gpu_);
  const cuda::Driver& d = gpu_->driver();
  if (end_) (void)d.cuEventDestroy_v2(end_);
  if (start_) (void)d.cuEventDestroy_v2(start_);
  if (stream_) (void)d.cuStreamDestroy_v2(stream_);
}

Result<Recording> GpuClock::record(const std::function<Status(cuda::Queue&)>& put) const {
  const cuda::Driver& d = gpu_->driver();
  VIVACE_CUDA(d, cuStreamBeginCapture_v2(stream_, cuda::kCaptureRelaxed));
  cuda::Queue queue(*gpu_, stream_);
  const Status status = put(queue);
  cuda::GraphHandle* graph = nullptr;
  const cuda::Error ended = d.cuStreamEndCapture(stream_, &graph);
  cuda::GraphExecHandle* exec = nullptr;
  const cuda::Error made = ended || !status.ok() ? 0 : d.cuGraphInstantiateWithFlags(&exec, graph, 0);
  if (!ended && graph) (void)d.cuGraphDestroy(graph);
  VIVACE_TRY(status);
  if (ended || made) return d.status(ended ? ended : made, "cuGraphInstantiate");
  return Recording(gpu_, exec);
}

Result<double> GpuClock::time(const Recording& recording, int replays) const {
  const cuda::Driver& d = gpu_->driver();
  double seconds = 0;
  const auto span = [&](int count) -> Status {
    VIVACE_CUDA(d, cuEventRecord(start_, stream_));
    for (int i = 0; i < count; ++i) VIVACE_CUDA(d, cuGraphLaunch(recording.exec(), stream_));
    VIVACE_CUDA(d, cuEventRecord(end_, stream_));
    VIVACE_CUDA(d, cuEventSynchronize(end_));
    float milliseconds = 0;
    VIVACE_CUDA(d, cuEventElapsedTime(&milliseconds, start_, end_));
    seconds += static_cast<double>(milliseconds) * 1e-3;
    return {};
  };
  if (!flushed()) {
    VIVACE_TRY(span(replays));
    return seconds / replays;
  }
  for (int i = 0; i < replays; ++i) {
    VIVACE_CUDA(d, cuMemsetD8Async(flush_.device(), 0, flush_.bytes(), stream_));
    VIVACE_TRY(span(1));
  }
  return seconds / replays;
}

}  // namespace vivace::builder
