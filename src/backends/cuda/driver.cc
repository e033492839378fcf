#include "backends/cuda/driver.h"

#include <dlfcn.h>

#include <cstdlib>
#include <string_view>

#include "backends/cuda/null_driver.h"

namespace vivace::cuda {

namespace {

struct Loaded {
  Driver functions;
  const Driver* usable = nullptr;
  std::string reason;
};

Loaded load() {
  Loaded loaded;
  const char* wish = std::getenv("VIVACE_CUDA");
  if (wish && std::string_view(wish) == "off") {
    loaded.reason = "VIVACE_CUDA is off; unset it to use GPUs";
    return loaded;
  }
  if (wish && std::string_view(wish) == "null") {
    loaded.usable = &null_driver();
    return loaded;
  }
  void* file = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!file) {
    loaded.reason =
        "NVIDIA's driver (libcuda.so.1) is not here; it comes with nvidia.com/drivers, and into a container with "
        "`docker run --gpus all`";
    return loaded;
  }
  const char* missing = nullptr;
  Driver& d = loaded.functions;
#define VIVACE_FIND(name, parameters)                                 \
  d.name = reinterpret_cast<Error(*) parameters>(dlsym(file, #name)); \
  if (!d.name) missing = #name;
  VIVACE_CUDA_DRIVER(VIVACE_FIND)
#undef VIVACE_FIND
  int count = 0;
  if (missing)
    loaded.reason = std::string("NVIDIA's driver is too old: it lacks ") + missing + "; CUDA 12's or newer will do";
  else if (const Error error = d.cuInit(0))
    loaded.reason = d.status(error, "cuInit").message();
  else if (d.cuDeviceGetCount(&count) || count == 0)
    loaded.reason =
        "NVIDIA's driver finds no GPU; nvidia-smi lists those there are, CUDA_VISIBLE_DEVICES may hide them";
  return loaded;
}

// The machine code is not for this GPU, or asks for more than a block can have.
bool is_about_image(Error error) {
  constexpr Error kInvalidImage = 200, kNoBinary = 209, kInvalidPtx = 218, kUnsupportedPtx = 222, kOutOfResources = 701;
  return error == kInvalidImage || error == kNoBinary || error == kInvalidPtx || error == kUnsupportedPtx ||
         error == kOutOfResources;
}

// After a fault in a kernel, a timeout or a fault of the hardware every call fails.
bool is_lasting(Error error) {
  constexpr Error kUncorrectable = 214, kIllegalAddress = 700, kTimeout = 702, kFirstFault = 713, kLastFault = 719,
                  kUnknown = 999;
  return error == kUncorrectable || error == kIllegalAddress || error == kTimeout ||
         (error >= kFirstFault && error <= kLastFault) || error == kUnknown;
}

}  // namespace

Status Driver::status(Error error, const std::string& what) const {
  const char *name = nullptr, *text = nullptr;
  (void)cuGetErrorName(error, &name);
  (void)cuGetErrorString(error, &text);
  const Code code = error == kErrorOutOfMemory ? Code::out_of_memory
                    : is_about_image(error)    ? Code::unsupported
                                               : Code::device_unavailable;
  std::string way_out;
  if (is_lasting(error))
    way_out =
        ". The GPU is lost for this process: engines on it fail until the process starts again, engines on the CPU go "
        "on";
  return {code, "CUDA: " + what.substr(0, what.find('(')) + " failed: " + (text ? text : "unknown error") + " (" +
                    (name ? name : std::to_string(error)) + ")" + way_out};
}

Result<const Driver*> driver() {
  static const Loaded loaded = [] {
    static Loaded kept = load();
    if (!kept.usable && kept.reason.empty()) kept.usable = &kept.functions;
    return kept;
  }();
  if (!loaded.usable) return Status(Code::device_unavailable, loaded.reason);
  return loaded.usable;
}

Result<std::shared_ptr<Gpu>> Gpu::open(int ordinal) {
  std::shared_ptr<Gpu> gpu(new Gpu());
  gpu->driver_ = &null_driver();
  if (ordinal >= 0) {
    VIVACE_ASSIGN(gpu->driver_, cuda::driver());
  }
  const Driver& d = *gpu->driver_;
  VIVACE_CUDA(d, cuDeviceGet(&gpu->device_, ordinal));
  // A program may work in a context of its own, whose streams and memory are of no use in another.
  DeviceHandle current = 0;
  if (d.cuCtxGetCurrent(&gpu->context_) || !gpu->context_ || d.cuCtxGetDevice(&current) || current != gpu->device_) {
    VIVACE_CUDA(d, cuDevicePrimaryCtxRetain(&gpu->context_, gpu->device_));
    gpu->retained_ = true;
  }
  int major = 0, version = 0;
  VIVACE_CUDA(d, cuDeviceGetAttribute(&major, kAttributeMajor, gpu->device_));
  VIVACE_CUDA(d, cuDriverGetVersion(&version));
  constexpr int kHopper = 9, kFirstDriver = 12030;
  const char* serial = std::getenv("VIVACE_CUDA_SERIAL");
  gpu->launches_early_ = major >= kHopper && version >= kFirstDriver && !(serial && *serial);
  const char* apart = std::getenv("VIVACE_CUDA_APART");
  gpu->runs_together_ = !(apart && *apart);
  return gpu;
}

bool Gpu::runs_kernels() const { return driver_ != &null_driver(); }

Gpu::~Gpu() {
  if (retained_) (void)driver_->cuDevicePrimaryCtxRelease_v2(device_);
}

Result<Memory> Memory::allocate(std::shared_ptr<Gpu> gpu, Kind kind, size_t bytes) {
  Memory memory;
  if (bytes == 0) return memory;
  const Gpu::Scope scope(*gpu);
  const Driver& d = gpu->driver();
  Error error = 0;
  if (kind == Kind::device) {
    error = d.cuMemAlloc_v2(&memory.address_, bytes);
  } else {
    void* pointer = nullptr;
    error = d.cuMemAllocHost_v2(&pointer, bytes);
    memory.address_ = reinterpret_cast<DevicePointer>(pointer);
  }
  if (error)
    return Status(error == kErrorOutOfMemory ? Code::out_of_memory : Code::device_unavailable,
                  "no " + std::string(kind == Kind::device ? "GPU" : "pinned host") + " memory for " +
                      std::to_string(bytes) + " bytes: " + d.status(error, "allocation").message());
  memory.gpu_ = std::move(gpu);
  memory.kind_ = kind;
  memory.bytes_ = bytes;
  return memory;
}

Memory& Memory::operator=(Memory&& other) noexcept {
  if (this == &other) return *this;
  release();
  gpu_ = std::move(other.gpu_);
  kind_ = other.kind_;
  address_ = std::exchange(other.address_, 0);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

void Memory::release() {
  if (!address_) return;
  const Gpu::Scope scope(*gpu_);
  if (kind_ == Kind::device)
    (void)gpu_->driver().cuMemFree_v2(address_);
  else
    (void)gpu_->driver().cuMemFreeHost(host());
  address_ = 0;
}

Result<Stream> Stream::make(std::shared_ptr<Gpu> gpu) {
  const Gpu::Scope scope(*gpu);
  Stream made(std::move(gpu));
  VIVACE_CUDA(made.gpu_->driver(), cuStreamCreate(&made.handle_, kStreamNonBlocking));
  return made;
}

Stream::~Stream() {
  if (!handle_) return;
  const Gpu::Scope scope(*gpu_);
  (void)gpu_->driver().cuStreamDestroy_v2(handle_);
}

Result<std::shared_ptr<Kernel>> Kernel::load(std::shared_ptr<Gpu> gpu, const std::string& image,
                                             const std::string& name, unsigned shared_bytes, unsigned cluster) {
  std::shared_ptr<Kernel> kernel(new Kernel());
  kernel->gpu_ = std::move(gpu);
  if (image.empty() && kernel->gpu_->runs_kernels()) return kernel;
  const Gpu::Scope scope(*kernel->gpu_);
  const Driver& d = kernel->gpu_->driver();
  VIVACE_CUDA(d, cuModuleLoadData(&kernel->module_, image.data()));
  VIVACE_CUDA(d, cuModuleGetFunction(&kernel->function_, kernel->module_, name.c_str()));
  constexpr unsigned kWithoutAsking = 48 * 1024;
  if (shared_bytes > kWithoutAsking)
    VIVACE_CUDA(d, cuFuncSetAttribute(kernel->function_, kFunctionDynamicShared, static_cast<int>(shared_bytes)));
  constexpr unsigned kPortableCluster = 8;
  if (cluster > kPortableCluster) VIVACE_CUDA(d, cuFuncSetAttribute(kernel->function_, kFunctionAnyCluster, 1));
  return kernel;
}

Kernel::~Kernel() {
  if (!module_) return;
  const Gpu::Scope scope(*gpu_);
  (void)gpu_->driver().cuModuleUnload(module_);
}

}  // namespace vivace::cuda
