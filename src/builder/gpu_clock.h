// Times kernels the way a network runs them: recorded as a CUDA graph, each launched while the one before ends.
#pragma once

#include <functional>
#include <memory>

#include "backends/cuda/driver.h"
#include "backends/cuda/queue.h"

namespace vivace::builder {

/// What was queued once, to be replayed.
class Recording {
 public:
  Recording() = default;
  Recording(std::shared_ptr<cuda::Gpu> gpu, cuda::GraphExecHandle* exec) : gpu_(std::move(gpu)), exec_(exec) {}
  Recording(Recording&& other) noexcept : gpu_(std::move(other.gpu_)), exec_(std::exchange(other.exec_, nullptr)) {}
  Recording& operator=(Recording&& other) noexcept {
    std::swap(gpu_, other.gpu_);
    std::swap(exec_, other.exec_);
    return *this;
  }
  ~Recording();
  cuda::GraphExecHandle* exec() const { return exec_; }

 private:
  std::shared_ptr<cuda::Gpu> gpu_;
  cuda::GraphExecHandle* exec_ = nullptr;
};

/// A stream with two events. The caller has the GPU's context current.
class GpuClock {
 public:
  /// @param flush  bytes to overwrite before each timed replay, so that a cache of that size holds nothing; or 0
  static Result<std::unique_ptr<GpuClock>> open(std::shared_ptr<cuda::Gpu> gpu, size_t flush);
  ~GpuClock();
  cuda::StreamHandle* stream() const { return stream_; }
  const std::shared_ptr<cuda::Gpu>& gpu() const { return gpu_; }
  size_t flushed() const { return flush_.bytes(); }

  Result<Recording> record(const std::function<Status(cuda::Queue&)>& put) const;
  /// Seconds of one replay, the mean of so many.
  Result<double> time(const Recording& recording, int replays) const;

 private:
  explicit GpuClock(std::shared_ptr<cuda::Gpu> gpu) : gpu_(std::move(gpu)) {}
  std::shared_ptr<cuda::Gpu> gpu_;
  cuda::Memory flush_;
  cuda::StreamHandle* stream_ = nullptr;
  cuda::EventHandle *start_ = nullptr, *end_ = nullptr;
};

}  // namespace vivace::builder
