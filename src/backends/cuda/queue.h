// Puts kernels and copies into a stream, one after the other.
#pragma once

#include <vector>

#include "backends/cuda/driver.h"
#include "backends/cuda/tactic.h"

namespace vivace::cuda {

/// A queue knows what it put into the stream last, so nothing else may put work there while it lives.
///
/// A kernel may start while the one before it still runs (a programmatic launch) where
/// - it says that it waits (Launch::waits): wait() returns once the kernel before is done and its writes are seen;
/// - and what stands before it is a kernel of this queue: a copy or a library's work has to be over before anything
///   after it starts.
/// That is enough for all that came earlier, too: the kernel before is done only after its own wait() returned, or
/// started only when everything before it was done; so memory may be used again by any later kernel. No more than two
/// kernels are under way, for a kernel lets the next one start after its wait() only (source.h).
class Queue {
 public:
  Queue(const Gpu& gpu, StreamHandle* stream) : gpu_(gpu), stream_(stream) {}
  StreamHandle* stream() const { return stream_; }

  /// The kernel, or the launch's call of a library, for which `kernel` is an empty one.
  Status launch(const Kernel& kernel, const Launch& launch, std::vector<DevicePointer> arguments);
  Status to_device(DevicePointer to, const void* from, size_t bytes);
  Status to_host(void* to, DevicePointer from, size_t bytes);
  Status copy(DevicePointer to, DevicePointer from, size_t bytes);
  /// Waits until the stream is empty.
  Status wait();
  /// Other work came into the stream.
  void interrupt() { after_kernel_ = false; }

 private:
  const Gpu& gpu_;
  StreamHandle* stream_;
  bool after_kernel_ = false;
};

}  // namespace vivace::cuda
