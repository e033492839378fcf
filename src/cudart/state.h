// What the files of the CUDA runtime over host memory share.
#pragma once

#include <cuda_runtime_api.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

namespace vivace::cudart {

/// Keeps an error for cudaGetLastError(), and gives it back.
cudaError_t keep(cudaError_t error);

using Work = std::function<void()>;

/// Work that streams take down instead of doing it: one capture may span several streams, joined by events.
struct Capture {
  std::mutex mutex;
  std::vector<Work> nodes;
  cudaStream_t origin = nullptr;
  bool active = true;  // until the origin ends it
  bool invalidated = false;
};

/// Runs `work`, or takes it down if `stream` is being captured. An error for a stream that is none.
cudaError_t enqueue(cudaStream_t stream, Work work);

/// The stream's capture if there is one under way, else null.
std::shared_ptr<Capture> capture_of(cudaStream_t stream);

/// An error if the stream is none, or is being captured, which a wait for it makes invalid.
cudaError_t ready_to_wait(cudaStream_t stream);

/// All objects of a type that are alive, so that a handle of a destroyed one is an error and no crash.
template <class T>
class Handles {
 public:
  T* add(std::unique_ptr<T> object) {
    std::lock_guard lock(mutex_);
    T* handle = object.release();
    alive_.insert(handle);
    return handle;
  }

  /// Calls `use` with the object, which stays alive meanwhile; an error for a handle of none.
  template <class Use>
  cudaError_t with(T* handle, Use use) {
    std::lock_guard lock(mutex_);
    if (alive_.count(handle) == 0) return keep(cudaErrorInvalidResourceHandle);
    return use(*handle);
  }

  cudaError_t remove(T* handle) {
    {
      std::lock_guard lock(mutex_);
      if (alive_.erase(handle) == 0) return keep(cudaErrorInvalidResourceHandle);
    }
    delete handle;
    return cudaSuccess;
  }

 private:
  std::mutex mutex_;
  std::unordered_set<T*> alive_;
};

constexpr size_t kAlignment = 256;  // of cudaMalloc, as CUDA promises
constexpr size_t kPitchAlignment = 512;

size_t total_memory();
size_t available_memory();

}  // namespace vivace::cudart
