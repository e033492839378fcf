#include "backends/cuda/null_driver.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

namespace vivace::cuda {

namespace {

// What a captured stream would do: copies, for kernels do nothing.
struct Copy {
  void* to;
  const void* from;
  size_t bytes;
};
thread_local std::vector<Copy>* captured = nullptr;
thread_local bool after_kernel = false;  // what this thread queued last

Error copy(void* to, const void* from, size_t bytes) {
  after_kernel = false;
  if (captured)
    captured->push_back({to, from, bytes});
  else
    std::memcpy(to, from, bytes);
  return 0;
}

void* pointer(DevicePointer address) { return reinterpret_cast<void*>(address); }

// What fails on demand.
struct Failure {
  std::string function;
  int passing = 0;
  Error error = 0;
};
thread_local Failure failure;

const Driver& plain();

// A function of the driver that fails on demand, and else does what the plain one does.
template <auto Member>
struct Failing;
template <class... Arguments, Error (*Driver::*Member)(Arguments...)>
struct Failing<Member> {
  static inline const char* name = nullptr;
  static Error call(Arguments... arguments) {
    if (failure.function == name && failure.passing-- <= 0) return failure.error;
    return (plain().*Member)(arguments...);
  }
};

// Handles are made of any address: nothing is behind them.
template <class Handle>
Error give(Handle** handle) {
  static char something;
  *handle = reinterpret_cast<Handle*>(&something);
  return 0;
}

// Memory of the device, or pinned memory of the host, by its end, so that addresses are told apart.
class Blocks {
 public:
  void add(DevicePointer address, size_t bytes) {
    const std::lock_guard lock(mutex_);
    blocks_[address + std::max<size_t>(bytes, 1)] = address;
  }
  void remove(DevicePointer address) {
    const std::lock_guard lock(mutex_);
    std::erase_if(blocks_, [&](const auto& block) { return block.second == address; });
  }
  bool has(DevicePointer address) {
    const std::lock_guard lock(mutex_);
    const auto block = blocks_.upper_bound(address);
    return block != blocks_.end() && block->second <= address;
  }

 private:
  std::mutex mutex_;
  std::map<DevicePointer, DevicePointer> blocks_;
};
Blocks& device_memory() {
  static auto& all = *new Blocks;  // what is freed at the end of the program still finds it
  return all;
}
Blocks& host_memory() {
  static auto& all = *new Blocks;
  return all;
}

Error allocate(void** address, size_t bytes) {
  constexpr size_t kAlignment = 256;  // as the driver's
  *address = std::aligned_alloc(kAlignment, (std::max<size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment);
  return *address ? 0 : kErrorOutOfMemory;
}

Driver make() {
  Driver d;
  d.cuInit = [](unsigned) { return 0; };
  d.cuDriverGetVersion = [](int* version) { return *version = 13000, 0; };
  d.cuGetErrorName = [](Error, const char** name) { return *name = "CUDA_ERROR", 0; };
  d.cuGetErrorString = [](Error, const char** text) { return *text = "the null device refused", 0; };
  d.cuDeviceGetCount = [](int* count) { return *count = 1, 0; };
  d.cuDeviceGet = [](DeviceHandle* device, int ordinal) { return *device = ordinal, 0; };
  d.cuDeviceGetName = [](char* name, int size, DeviceHandle) {
    std::strncpy(name, "null device", static_cast<size_t>(size));
    return 0;
  };
  d.cuDeviceGetAttribute = [](int* value, int attribute, DeviceHandle) {
    *value = attribute == kAttributeMajor                 ? 9
             : attribute == kAttributeMinor               ? 0
             : attribute == kAttributeMultiprocessors     ? 132
             : attribute == kAttributeSharedPerBlockOptIn ? 227 * 1024
                                                          : 1 << 20;
    return 0;
  };
  d.cuDeviceTotalMem_v2 = [](size_t* bytes, DeviceHandle) { return *bytes = size_t(1) << 34, 0; };
  d.cuDevicePrimaryCtxRetain = [](ContextHandle** context, DeviceHandle) { return give(context); };
  d.cuDevicePrimaryCtxRelease_v2 = [](DeviceHandle) { return 0; };
  d.cuCtxPushCurrent_v2 = [](ContextHandle*) { return 0; };
  d.cuCtxGetCurrent = [](ContextHandle** context) { return *context = nullptr, 0; };
  d.cuCtxGetDevice = [](DeviceHandle*) { return 1; };
  d.cuCtxPopCurrent_v2 = [](ContextHandle** context) { return give(context); };
  d.cuMemGetInfo_v2 = [](size_t* free, size_t* total) { return *free = *total = size_t(1) << 34, 0; };
  d.cuMemAlloc_v2 = [](DevicePointer* address, size_t bytes) {
    const Error error = allocate(reinterpret_cast<void**>(address), bytes);
    if (!error) device_memory().add(*address, bytes);
    return error;
  };
  d.cuMemFree_v2 = [](DevicePointer address) {
    device_memory().remove(address);
    return std::free(pointer(address)), 0;
  };
  d.cuPointerGetAttribute = [](void* value, int attribute, DevicePointer address) {
    const bool on_device = device_memory().has(address);
    if (!on_device && !host_memory().has(address)) return 1;
    const unsigned& type = on_device ? kMemoryOfDevice : kMemoryOfHost;
    if (attribute == kPointerMemoryType) std::memcpy(value, &type, sizeof(type));
    if (attribute == kPointerDevice) std::memset(value, 0, sizeof(int));
    return 0;
  };
  d.cuMemAllocHost_v2 = [](void** address, size_t bytes) {
    const Error error = allocate(address, bytes);
    if (!error) host_memory().add(reinterpret_cast<DevicePointer>(*address), bytes);
    return error;
  };
  d.cuMemFreeHost = [](void* address) {
    host_memory().remove(reinterpret_cast<DevicePointer>(address));
    return std::free(address), 0;
  };
  d.cuMemcpyHtoDAsync_v2 = [](DevicePointer to, const void* from, size_t bytes, StreamHandle*) {
    return copy(pointer(to), from, bytes);
  };
  d.cuMemcpyDtoHAsync_v2 = [](void* to, DevicePointer from, size_t bytes, StreamHandle*) {
    return copy(to, pointer(from), bytes);
  };
  d.cuMemcpyDtoDAsync_v2 = [](DevicePointer to, DevicePointer from, size_t bytes, StreamHandle*) {
    return copy(pointer(to), pointer(from), bytes);
  };
  d.cuMemsetD8Async = [](DevicePointer to, unsigned char value, size_t bytes, StreamHandle*) {
    if (captured) return 1;
    std::memset(pointer(to), value, bytes);
    return 0;
  };
  d.cuStreamCreate = [](StreamHandle** stream, unsigned) { return give(stream); };
  d.cuStreamDestroy_v2 = [](StreamHandle*) { return 0; };
  d.cuStreamSynchronize = [](StreamHandle*) { return 0; };
  d.cuStreamWaitEvent = [](StreamHandle*, EventHandle*, unsigned) { return 0; };
  d.cuStreamIsCapturing = [](StreamHandle*, int* status) { return *status = captured != nullptr, 0; };
  d.cuThreadExchangeStreamCaptureMode = [](int*) { return 0; };
  d.cuStreamBeginCapture_v2 = [](StreamHandle*, int) {
    after_kernel = false;
    return captured = new std::vector<Copy>(), 0;
  };
  d.cuStreamEndCapture = [](StreamHandle*, GraphHandle** graph) {
    *graph = reinterpret_cast<GraphHandle*>(captured);
    return captured = nullptr, 0;
  };
  d.cuGraphInstantiateWithFlags = [](GraphExecHandle** exec, GraphHandle* graph, unsigned long long) {
    *exec = reinterpret_cast<GraphExecHandle*>(new std::vector(*reinterpret_cast<std::vector<Copy>*>(graph)));
    return 0;
  };
  d.cuGraphLaunch = [](GraphExecHandle* exec, StreamHandle*) {
    after_kernel = false;
    for (const Copy& c : *reinterpret_cast<std::vector<Copy>*>(exec)) std::memcpy(c.to, c.from, c.bytes);
    return 0;
  };
  d.cuGraphExecDestroy = [](GraphExecHandle* exec) { return delete reinterpret_cast<std::vector<Copy>*>(exec), 0; };
  d.cuGraphDestroy = [](GraphHandle* graph) { return delete reinterpret_cast<std::vector<Copy>*>(graph), 0; };
  d.cuEventCreate = [](EventHandle** event, unsigned) { return give(event); };
  d.cuEventRecord = [](EventHandle*, StreamHandle*) { return after_kernel = false, 0; };
  d.cuEventSynchronize = [](EventHandle*) { return 0; };
  d.cuEventElapsedTime = [](float* milliseconds, EventHandle*, EventHandle*) { return *milliseconds = 0, 0; };
  d.cuEventDestroy_v2 = [](EventHandle*) { return 0; };
  d.cuModuleLoadData = [](ModuleHandle** module, const void*) { return give(module); };
  d.cuModuleUnload = [](ModuleHandle*) { return 0; };
  d.cuModuleGetFunction = [](FunctionHandle** function, ModuleHandle*, const char*) { return give(function); };
  d.cuFuncSetAttribute = [](FunctionHandle*, int, int) { return 0; };
  // Only a kernel lets the next one start early.
  d.cuLaunchKernelEx = [](const LaunchConfig* config, FunctionHandle*, void**, void**) {
    for (unsigned i = 0; i < config->attribute_count; ++i) {
      const LaunchAttribute& a = config->attributes[i];
      if (a.id == kLaunchProgrammatic && a.allowed && !after_kernel) return 1;
      if (a.id == kLaunchCluster && config->grid_x % a.cluster.x != 0) return 1;
    }
    after_kernel = true;
    return 0;
  };
  return d;
}

const Driver& plain() {
  static const Driver made = make();
  return made;
}

Driver make_failing() {
  Driver d;
#define VIVACE_WRAP(function, parameters)        \
  Failing<& Driver::function>::name = #function; \
  d.function = Failing<&Driver::function>::call;
  VIVACE_CUDA_DRIVER(VIVACE_WRAP)
#undef VIVACE_WRAP
  return d;
}

}  // namespace

const Driver& null_driver() {
  static const Driver made = make_failing();
  return made;
}

void fail_null_driver(std::string_view function, int passing, Error error) {
  failure = {std::string(function), passing, error};
}

}  // namespace vivace::cuda
