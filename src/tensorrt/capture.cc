#include "tensorrt/capture.h"

#include <dlfcn.h>

#include <memory>

namespace vivace::tensorrt {
namespace {

using Work = std::function<void()>;
using CaptureWork = int (*)(cudaStream_t stream, void (*fn)(void*), void* data, void (*drop)(void*));

// The program's own runtime: this library links none.
CaptureWork capture_work() {
  static const auto found = reinterpret_cast<CaptureWork>(dlsym(RTLD_DEFAULT, "cudaVivaceCaptureWork"));
  return found;
}

}  // namespace

bool has_host_runtime() { return capture_work() != nullptr; }

bool is_captured(cudaStream_t stream) {
  return stream != nullptr && capture_work() != nullptr && capture_work()(stream, nullptr, nullptr, nullptr) != 0;
}

void capture(cudaStream_t stream, Work work) {
  auto kept = std::make_unique<Work>(std::move(work));
  const auto run = [](void* data) { (*static_cast<Work*>(data))(); };
  const auto drop = [](void* data) { delete static_cast<Work*>(data); };
  if (capture_work()(stream, run, kept.get(), drop) != 0)
    static_cast<void>(kept.release());  // else the capture is over
}

}  // namespace vivace::tensorrt
