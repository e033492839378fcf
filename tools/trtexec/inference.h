// Runs an engine and takes times.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "NvInferRuntime.h"
#include "log.h"
#include "options.h"

namespace trtexec {

/// Memory of a tensor; what the host has is filled with zeros.
class Buffer {
 public:
  enum class Place { host, device };
  Buffer() = default;
  explicit Buffer(int64_t bytes, Place place = Place::host);
  void* data() const { return data_.get(); }
  int64_t bytes() const { return bytes_; }

 private:
  struct Free {
    Place place;
    void operator()(void* data) const;
  };
  std::unique_ptr<void, Free> data_{nullptr, Free{Place::host}};
  int64_t bytes_ = 0;
};

/// Memory of an output whose shape depends on data: grows when the engine asks for more.
class GrowingOutput : public nvinfer1::IOutputAllocator {
 public:
  void* reallocateOutput(char const* name, void* current, uint64_t bytes, uint64_t alignment) noexcept override;
  void notifyShape(char const*, nvinfer1::Dims const& dims) noexcept override { shape = dims; }

  Buffer buffer;
  nvinfer1::Dims shape{};
};

struct Binding {
  std::string name;
  nvinfer1::DataType type = nvinfer1::DataType::kFLOAT;
  bool is_input = false;
  bool on_host = false;   ///< the engine reads or writes the host's buffer itself
  nvinfer1::Dims dims{};  ///< with the batch where that is implicit
  Buffer host, device;
  std::unique_ptr<GrowingOutput> growing;  ///< instead of the two buffers

  const void* data() const { return growing ? growing->buffer.data() : host.data(); }
  const nvinfer1::Dims& shape() const { return growing ? growing->shape : dims; }
};

/// Milliseconds since the first query.
struct Trace {
  double enqueue_start, enqueue_end, h2d_start, h2d_end, compute_start, compute_end, d2h_start, d2h_end;

  double enqueue() const { return enqueue_end - enqueue_start; }
  double h2d() const { return h2d_end - h2d_start; }
  double compute() const { return compute_end - compute_start; }
  double d2h() const { return d2h_end - d2h_start; }
  double latency() const { return h2d() + compute() + d2h(); }
};

/// A context and its tensors.
class Stream {
 public:
  /// Raises Failure where an input is missing or has a shape that the engine refuses.
  Stream(nvinfer1::ICudaEngine& engine, const Options& options, Log& log, bool first);
  /// One query; `clock` gives milliseconds. On a GPU it is only queued behind the one before, so that the GPU never
  /// waits for this thread. Appends what is done by then.
  template <class Clock>
  void query(const Clock& clock, bool transfers, std::vector<Trace>& done);
  /// Waits for what is queued.
  void finish(std::vector<Trace>& done);
  nvinfer1::IExecutionContext& context() { return *context_; }
  const std::vector<Binding>& bindings() const { return bindings_; }

 private:
  void add(nvinfer1::ICudaEngine& engine, const Options& options, Log* log, const char* name);
  void set_shape(nvinfer1::ICudaEngine& engine, const Options& options, Binding& binding);
  void fill(const Options& options, Log* log, Binding& binding) const;
  bool enqueue();
  /// As enqueue(), from a graph where that was asked for and can be.
  bool enqueue_from_graph();
  void copy(bool inputs);
  void collect(std::vector<Trace>& done);

  /// A query that a GPU has not done yet: places in the stream, and when it was queued.
  struct Queued {
    void *start = nullptr, *computes = nullptr, *computed = nullptr, *end = nullptr;
    Trace trace{};
    bool pending = false;
  };
  std::unique_ptr<nvinfer1::IExecutionContext> context_;
  void* stream_ = nullptr;
  void* origin_ = nullptr;  ///< the first event, at origin_ms_
  double origin_ms_ = 0;
  Queued queued_[2];
  size_t next_ = 0;
  bool wants_graph_ = false;
  void* graph_ = nullptr;
  std::vector<Binding> bindings_;
  std::vector<void*> addresses_;  ///< by binding, where the batch is implicit
  int batch_ = 0;                 ///< above 0: implicit
};

/// One for each of --infStreams.
using Streams = std::vector<std::unique_ptr<Stream>>;
Streams make_streams(nvinfer1::ICudaEngine& engine, const Options& options, Log& log);

/// Runs all streams at the same time, until both the iterations and the duration are reached. Sorted by time; queries
/// of the warm-up are among them.
std::vector<Trace> run(Streams& streams, const Options::Inference& options);

}  // namespace trtexec
