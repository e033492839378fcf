// The GPU that queries run on, through its driver, which is opened at run time. Where there is none, memory "of the
// device" is the host's and what is queued is done at once.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace trtexec {

class Device {
 public:
  /// Makes the GPU current for every thread that calls use(). Raises Failure where there is no GPU of that number; but
  /// where there is none at all, or VIVACE_CUDA or VIVACE_TENSORRT_DEVICE says that none is to be used, all is the
  /// CPU's.
  static void choose(int number);
  static Device& get();

  virtual ~Device() = default;
  virtual bool is_gpu() const { return false; }
  virtual std::string name() const;
  virtual std::string details() const;
  /// Mebibytes.
  virtual size_t memory() const;
  virtual void use() {}

  /// Null where there is none.
  virtual void* allocate(size_t bytes);
  virtual void* allocate_host(size_t bytes);
  virtual void release(void* memory);
  virtual void release_host(void* memory);
  /// Any direction; queued.
  virtual void copy(void* to, const void* from, size_t bytes, void* stream);

  virtual void* make_stream() { return nullptr; }
  virtual void wait(void*) {}      // for a stream
  virtual void wait_for(void*) {}  // for an event

  /// Marks places in a stream, for times between them.
  virtual void* make_event() { return nullptr; }
  virtual void record(void*, void*) {}
  virtual double milliseconds(void*, void*) { return 0; }

  /// What is queued meanwhile becomes a graph; null where it cannot.
  virtual void begin_capture(void*) {}
  virtual void* end_capture(void*) { return nullptr; }
  virtual bool launch(void*, void*) { return false; }
};

}  // namespace trtexec
