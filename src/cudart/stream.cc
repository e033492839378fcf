// Streams, events and graphs. Work is done at once by whoever asks for it; under capture it is taken down instead.
#include <chrono>
#include <cstdint>
#include <utility>

#include "cudart/state.h"

using vivace::cudart::Capture;

struct CUstream_st {
  unsigned int flags = 0;
  int priority = 0;
  std::shared_ptr<Capture> capture;
};

struct CUevent_st {
  unsigned int flags = 0;
  int64_t nanoseconds = 0;
  bool recorded = false;
  std::shared_ptr<Capture> capture;  // that the last record was part of
};

struct CUgraph_st {
  std::vector<vivace::cudart::Work> nodes;
};

struct CUgraphExec_st {
  std::vector<vivace::cudart::Work> nodes;
};

namespace vivace::cudart {
namespace {

/// Static objects of a program may still use streams while it ends: these stay.
template <class T>
Handles<T>& all() {
  static Handles<T>* handles = new Handles<T>;
  return *handles;
}

std::atomic<int> captures{0};  // under way; nothing looks for one while there is none
thread_local cudaStreamCaptureMode capture_mode = cudaStreamCaptureModeGlobal;

bool is_default(cudaStream_t stream) {
  return stream == nullptr || stream == cudaStreamLegacy || stream == cudaStreamPerThread;
}

bool is_active(const std::shared_ptr<Capture>& capture) {
  if (capture == nullptr) return false;
  std::lock_guard lock(capture->mutex);
  return capture->active;
}

cudaError_t check_stream(cudaStream_t stream) {
  if (is_default(stream)) return cudaSuccess;
  return all<CUstream_st>().with(stream, [](CUstream_st&) { return cudaSuccess; });
}

/// True, with an error for the caller in `result`, or none, if a capture took the work down.
bool take_down(const std::shared_ptr<Capture>& capture, Work& work, cudaError_t* result) {
  std::lock_guard lock(capture->mutex);
  if (!capture->active) return false;
  if (capture->invalidated) {
    *result = keep(cudaErrorStreamCaptureInvalidated);
    return true;
  }
  if (work) capture->nodes.push_back(std::move(work));
  return true;
}

/// Something that cannot be part of a graph: the capture cannot end well.
cudaError_t refuse(const std::shared_ptr<Capture>& capture) {
  std::lock_guard lock(capture->mutex);
  capture->invalidated = true;
  return keep(cudaErrorStreamCaptureUnsupported);
}

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

cudaError_t stamp(cudaEvent_t event) {
  return all<CUevent_st>().with(event, [](CUevent_st& e) {
    e.nanoseconds = now();
    e.recorded = true;
    return cudaSuccess;
  });
}

template <class T>
cudaError_t make(T** out, T object) {
  if (out == nullptr) return keep(cudaErrorInvalidValue);
  *out = all<T>().add(std::make_unique<T>(std::move(object)));
  return cudaSuccess;
}

}  // namespace

std::shared_ptr<Capture> capture_of(cudaStream_t stream) {
  if (captures.load(std::memory_order_relaxed) == 0 || is_default(stream)) return nullptr;
  std::shared_ptr<Capture> capture;
  all<CUstream_st>().with(stream, [&](CUstream_st& s) {
    capture = s.capture;
    return cudaSuccess;
  });
  return is_active(capture) ? capture : nullptr;
}

cudaError_t enqueue(cudaStream_t stream, Work work) {
  if (const cudaError_t error = check_stream(stream)) return error;
  cudaError_t result = cudaSuccess;
  if (const auto capture = capture_of(stream); capture && take_down(capture, work, &result)) return result;
  if (work) work();
  return cudaSuccess;
}

cudaError_t ready_to_wait(cudaStream_t stream) {
  if (const cudaError_t error = check_stream(stream)) return error;
  if (const auto capture = capture_of(stream)) return refuse(capture);
  return cudaSuccess;
}

}  // namespace vivace::cudart

using namespace vivace::cudart;

// --- streams -----------------------------------------------------------------------------------------------------

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned int flags, int) {
  if (flags > cudaStreamNonBlocking) return keep(cudaErrorInvalidValue);
  return make(stream, CUstream_st{flags, 0, nullptr});
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (const auto capture = capture_of(stream); capture != nullptr && capture->origin == stream) {
    std::lock_guard lock(capture->mutex);
    capture->active = false;
    --captures;
  }
  return all<CUstream_st>().remove(stream);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return ready_to_wait(stream); }
cudaError_t cudaStreamQuery(cudaStream_t stream) { return ready_to_wait(stream); }

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned int) {
  std::shared_ptr<Capture> capture;
  const auto look = [&](CUevent_st& e) {
    capture = e.capture;
    return cudaSuccess;
  };
  if (const cudaError_t error = all<CUevent_st>().with(event, look)) return error;
  if (const cudaError_t error = check_stream(stream)) return error;
  if (!is_active(capture)) return cudaSuccess;  // what was recorded is done
  if (is_default(stream)) return refuse(capture);
  // The stream joins the capture that the event is part of.
  if (const auto other = capture_of(stream); other != nullptr && other != capture)
    return keep(cudaErrorStreamCaptureMerge);
  return all<CUstream_st>().with(stream, [&](CUstream_st& s) {
    s.capture = capture;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned int* flags) {
  if (flags == nullptr) return keep(cudaErrorInvalidValue);
  *flags = 0;
  if (is_default(stream)) return cudaSuccess;
  return all<CUstream_st>().with(stream, [&](CUstream_st& s) {
    *flags = s.flags;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamGetPriority(cudaStream_t stream, int* priority) {
  if (priority == nullptr) return keep(cudaErrorInvalidValue);
  *priority = 0;
  return check_stream(stream);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t fn, void* userData) {
  if (fn == nullptr) return keep(cudaErrorInvalidValue);
  return enqueue(stream, [fn, userData] { fn(userData); });
}

cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback, void* userData,
                                  unsigned int flags) {
  if (callback == nullptr || flags != 0) return keep(cudaErrorInvalidValue);
  if (const auto capture = capture_of(stream)) return refuse(capture);
  return enqueue(stream, [=] { callback(stream, cudaSuccess, userData); });
}

// --- events ------------------------------------------------------------------------------------------------------

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags) {
  constexpr unsigned int kKnown = cudaEventBlockingSync | cudaEventDisableTiming | cudaEventInterprocess;
  if ((flags & ~kKnown) != 0) return keep(cudaErrorInvalidValue);
  return make(event, CUevent_st{flags, 0, false, nullptr});
}

cudaError_t cudaEventDestroy(cudaEvent_t event) { return all<CUevent_st>().remove(event); }

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return cudaEventRecordWithFlags(event, stream, cudaEventRecordDefault);
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned int) {
  const auto capture = capture_of(stream);
  const auto join = [&](CUevent_st& e) {
    e.capture = capture;
    return cudaSuccess;
  };
  if (const cudaError_t error = all<CUevent_st>().with(event, join)) return error;
  return enqueue(stream, [event] { stamp(event); });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return all<CUevent_st>().with(event, [](CUevent_st&) { return cudaSuccess; });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) { return cudaEventQuery(event); }

cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  if (ms == nullptr) return keep(cudaErrorInvalidValue);
  CUevent_st from, to;
  const auto read = [](CUevent_st* copy) {
    return [copy](CUevent_st& e) {
      *copy = e;
      return cudaSuccess;
    };
  };
  if (const cudaError_t error = all<CUevent_st>().with(start, read(&from))) return error;
  if (const cudaError_t error = all<CUevent_st>().with(end, read(&to))) return error;
  if (!from.recorded || !to.recorded || ((from.flags | to.flags) & cudaEventDisableTiming) != 0)
    return keep(cudaErrorInvalidResourceHandle);
  *ms = static_cast<float>(static_cast<double>(to.nanoseconds - from.nanoseconds) * 1e-6);
  return cudaSuccess;
}

// --- graphs ------------------------------------------------------------------------------------------------------

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (mode < cudaStreamCaptureModeGlobal || mode > cudaStreamCaptureModeRelaxed) return keep(cudaErrorInvalidValue);
  if (is_default(stream)) return keep(cudaErrorStreamCaptureUnsupported);
  if (capture_of(stream) != nullptr) return keep(cudaErrorIllegalState);
  return all<CUstream_st>().with(stream, [&](CUstream_st& s) {
    s.capture = std::make_shared<Capture>();
    s.capture->origin = stream;
    ++captures;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (graph == nullptr) return keep(cudaErrorInvalidValue);
  *graph = nullptr;
  if (const cudaError_t error = check_stream(stream)) return error;
  const auto capture = capture_of(stream);
  if (capture == nullptr) return keep(cudaErrorIllegalState);
  std::lock_guard lock(capture->mutex);
  if (capture->origin != stream) {
    capture->invalidated = true;
    return keep(cudaErrorStreamCaptureUnmatched);
  }
  if (capture->active) --captures;
  capture->active = false;
  if (capture->invalidated) return keep(cudaErrorStreamCaptureInvalidated);
  return make(graph, CUgraph_st{std::move(capture->nodes)});
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  if (status == nullptr) return keep(cudaErrorInvalidValue);
  *status = cudaStreamCaptureStatusNone;
  if (const cudaError_t error = check_stream(stream)) return error;
  if (const auto capture = capture_of(stream)) {
    std::lock_guard lock(capture->mutex);
    *status = capture->invalidated ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
  }
  return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  if (mode == nullptr) return keep(cudaErrorInvalidValue);
  std::swap(*mode, capture_mode);
  return cudaSuccess;
}

cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned int flags) {
  return flags == 0 ? make(graph, CUgraph_st{}) : keep(cudaErrorInvalidValue);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  if (exec == nullptr) return keep(cudaErrorInvalidValue);
  return all<CUgraph_st>().with(graph, [&](CUgraph_st& g) { return make(exec, CUgraphExec_st{g.nodes}); });
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags) {
  return cudaGraphInstantiate(exec, graph, flags);
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph, cudaGraphExecUpdateResultInfo* info) {
  std::vector<Work> nodes;
  const auto read = [&](CUgraph_st& g) {
    nodes = g.nodes;
    return cudaSuccess;
  };
  if (const cudaError_t error = all<CUgraph_st>().with(graph, read)) return error;
  if (info != nullptr) *info = {cudaGraphExecUpdateSuccess, nullptr, nullptr};
  return all<CUgraphExec_st>().with(exec, [&](CUgraphExec_st& e) {
    e.nodes = std::move(nodes);
    return cudaSuccess;
  });
}

cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream) {
  if (const cudaError_t error = check_stream(stream)) return error;
  return all<CUgraphExec_st>().with(exec, [](CUgraphExec_st&) { return cudaSuccess; });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  // A copy, as the work may itself use graphs, and takes its time.
  std::vector<Work> nodes;
  const auto read = [&](CUgraphExec_st& e) {
    nodes = e.nodes;
    return cudaSuccess;
  };
  if (const cudaError_t error = all<CUgraphExec_st>().with(exec, read)) return error;
  return enqueue(stream, [nodes = std::move(nodes)] {
    for (const Work& work : nodes) work();
  });
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  if (count == nullptr) return keep(cudaErrorInvalidValue);
  if (nodes != nullptr) return keep(cudaErrorNotSupported);
  return all<CUgraph_st>().with(graph, [&](CUgraph_st& g) {
    *count = g.nodes.size();
    return cudaSuccess;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return all<CUgraph_st>().remove(graph); }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) { return all<CUgraphExec_st>().remove(exec); }

int cudaVivaceCaptureWork(cudaStream_t stream, void (*fn)(void*), void* data, void (*drop)(void*)) {
  const auto capture = capture_of(stream);
  if (capture == nullptr || fn == nullptr) return capture != nullptr;
  const std::shared_ptr<void> kept(data, drop);
  Work work = [fn, kept] { fn(kept.get()); };
  cudaError_t result = cudaSuccess;
  // A capture that has just ended, or cannot end well, has no use for the work, nor has anybody else.
  take_down(capture, work, &result);
  return 1;
}
