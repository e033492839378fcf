// CUDA's driver, opened at run time, and what is made through it: memory, streams, modules.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/cuda/driver_api.h"
#include "base/status.h"

namespace vivace::cuda {

/// The driver's functions, or those of the null device (null_driver.h).
struct Driver {
#define VIVACE_MEMBER(name, parameters) Error(*name) parameters = nullptr;
  VIVACE_CUDA_DRIVER(VIVACE_MEMBER)
#undef VIVACE_MEMBER

  /// The driver's words for an error as a Status: out_of_memory, unsupported for a kernel that this GPU cannot load, or
  /// device_unavailable, also where the GPU is lost for this process.
  Status status(Error error, const std::string& what) const;
};

/// device_unavailable, with the reason, where there is no driver or no GPU. VIVACE_CUDA=off pretends there is none,
/// VIVACE_CUDA=null gives the null device, which has host memory and runs no kernel.
Result<const Driver*> driver();

/// One GPU of this process: the context of it that is current in this thread, which the program keeps, or else its
/// primary one, kept as long as somebody holds this.
class Gpu {
 public:
  /// A GPU of this process, or the null device where `ordinal` is negative.
  static Result<std::shared_ptr<Gpu>> open(int ordinal);
  bool runs_kernels() const;
  /// Whether a kernel may start before the one before it is done, also in graphs: Hopper and newer, driver 12.3. Where
  /// VIVACE_CUDA_SERIAL is set never, to see whether a fault comes from that.
  bool launches_early() const { return launches_early_; }
  /// Whether kernels of nodes that need nothing of each other run as one where the plan says so: not where
  /// VIVACE_CUDA_APART is set, to see what that brings.
  bool runs_together() const { return runs_together_; }
  ~Gpu();
  const Driver& driver() const { return *driver_; }
  const void* context() const { return context_; }  // tells it from others

  /// Makes the GPU's context current in this thread, and afterwards what was current before. Meanwhile memory may be
  /// taken although somebody captures a stream.
  class Scope {
   public:
    explicit Scope(const Gpu& gpu) : driver_(gpu.driver()) {
      driver_.cuCtxPushCurrent_v2(gpu.context_);
      driver_.cuThreadExchangeStreamCaptureMode(&mode_);
    }
    ~Scope() {
      driver_.cuThreadExchangeStreamCaptureMode(&mode_);
      ContextHandle* popped = nullptr;
      driver_.cuCtxPopCurrent_v2(&popped);
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    const Driver& driver_;
    int mode_ = kCaptureRelaxed;
  };

 private:
  Gpu() = default;
  const Driver* driver_ = nullptr;
  DeviceHandle device_ = 0;
  ContextHandle* context_ = nullptr;
  bool retained_ = false;
  bool launches_early_ = false;
  bool runs_together_ = true;
};

/// Memory on the GPU, or pinned memory of the host.
class Memory {
 public:
  enum class Kind { device, pinned };
  Memory() = default;
  static Result<Memory> allocate(std::shared_ptr<Gpu> gpu, Kind kind, size_t bytes);
  Memory(Memory&& other) noexcept { *this = std::move(other); }
  Memory& operator=(Memory&& other) noexcept;
  ~Memory() { release(); }

  DevicePointer device() const { return address_; }
  std::byte* host() const { return reinterpret_cast<std::byte*>(address_); }
  size_t bytes() const { return bytes_; }

 private:
  void release();
  std::shared_ptr<Gpu> gpu_;
  Kind kind_ = Kind::device;
  DevicePointer address_ = 0;
  size_t bytes_ = 0;
};

/// A stream of our own.
class Stream {
 public:
  static Result<Stream> make(std::shared_ptr<Gpu> gpu);
  Stream(Stream&& other) noexcept : gpu_(std::move(other.gpu_)), handle_(std::exchange(other.handle_, nullptr)) {}
  Stream& operator=(Stream&&) = delete;
  ~Stream();
  StreamHandle* handle() const { return handle_; }

 private:
  explicit Stream(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {}
  std::shared_ptr<Gpu> gpu_;
  StreamHandle* handle_ = nullptr;
};

/// A compiled kernel on the GPU.
class Kernel {
 public:
  /// `image`: a cubin of one kernel called `name` that uses so much dynamic shared memory, in clusters of so many
  /// blocks. Of an empty image an empty kernel, which stands where a library is called instead.
  static Result<std::shared_ptr<Kernel>> load(std::shared_ptr<Gpu> gpu, const std::string& image,
                                              const std::string& name, unsigned shared_bytes, unsigned cluster);
  ~Kernel();
  FunctionHandle* function() const { return function_; }

 private:
  Kernel() = default;
  std::shared_ptr<Gpu> gpu_;
  ModuleHandle* module_ = nullptr;
  FunctionHandle* function_ = nullptr;
};

/// Returns from the calling function with a Status where a call of the driver fails.
#define VIVACE_CUDA(driver, call)                                                                  \
  do {                                                                                             \
    if (const ::vivace::cuda::Error error_ = (driver).call) return (driver).status(error_, #call); \
  } while (false)

}  // namespace vivace::cuda
