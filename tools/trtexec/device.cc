#include "device.h"

#include <dlfcn.h>
#include <sys/sysinfo.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>
#include <thread>

#include "log.h"

namespace trtexec {

namespace {

constexpr size_t kAlignment = 256;

// The driver's functions that are called, with their types.
#define TRTEXEC_DRIVER(F)                                                              \
  F(cuInit, (unsigned flags))                                                          \
  F(cuDeviceGetCount, (int* count))                                                    \
  F(cuDeviceGet, (int* device, int number))                                            \
  F(cuDeviceGetName, (char* name, int size, int device))                               \
  F(cuDeviceGetAttribute, (int* value, int which, int device))                         \
  F(cuDeviceTotalMem_v2, (size_t * bytes, int device))                                 \
  F(cuDevicePrimaryCtxRetain, (void** context, int device))                            \
  F(cuCtxSetCurrent, (void* context))                                                  \
  F(cuMemAlloc_v2, (void** memory, size_t bytes))                                      \
  F(cuMemFree_v2, (void* memory))                                                      \
  F(cuMemAllocHost_v2, (void** memory, size_t bytes))                                  \
  F(cuMemFreeHost, (void* memory))                                                     \
  F(cuMemcpyAsync, (void* to, const void* from, size_t bytes, void* stream))           \
  F(cuStreamCreate, (void** stream, unsigned flags))                                   \
  F(cuStreamSynchronize, (void* stream))                                               \
  F(cuStreamBeginCapture_v2, (void* stream, int mode))                                 \
  F(cuStreamEndCapture, (void* stream, void** graph))                                  \
  F(cuGraphInstantiateWithFlags, (void** exec, void* graph, unsigned long long flags)) \
  F(cuGraphLaunch, (void* exec, void* stream))                                         \
  F(cuEventCreate, (void** event, unsigned flags))                                     \
  F(cuEventRecord, (void* event, void* stream))                                        \
  F(cuEventSynchronize, (void* event))                                                 \
  F(cuEventElapsedTime, (float* milliseconds, void* start, void* end))

struct Driver {
#define TRTEXEC_MEMBER(name, parameters) int(*name) parameters = nullptr;
  TRTEXEC_DRIVER(TRTEXEC_MEMBER)
#undef TRTEXEC_MEMBER
};

void check(int error, const char* what) {
  if (error) throw Failure(fmt::format("CUDA: {} failed with error {}", what, error));
}
#define TRTEXEC_CALL(call) check(driver_.call, #call)

// Streams, events and graphs stay until the program ends.
class Gpu final : public Device {
 public:
  Gpu(const Driver& driver, int number) : driver_(driver) {
    TRTEXEC_CALL(cuDeviceGet(&device_, number));
    TRTEXEC_CALL(cuDevicePrimaryCtxRetain(&context_, device_));
    use();
  }
  bool is_gpu() const override { return true; }
  std::string name() const override {
    std::array<char, 256> text{};
    TRTEXEC_CALL(cuDeviceGetName(text.data(), static_cast<int>(text.size()) - 1, device_));
    return text.data();
  }
  std::string details() const override {
    constexpr int kMajor = 75, kMinor = 76, kMultiprocessors = 16;
    return fmt::format("Compute Capability: {}.{}\nSMs: {}", attribute(kMajor), attribute(kMinor),
                       attribute(kMultiprocessors));
  }
  size_t memory() const override {
    size_t bytes = 0;
    TRTEXEC_CALL(cuDeviceTotalMem_v2(&bytes, device_));
    return bytes >> 20;
  }
  void use() override { TRTEXEC_CALL(cuCtxSetCurrent(context_)); }

  void* allocate(size_t bytes) override {
    void* made = nullptr;
    return driver_.cuMemAlloc_v2(&made, bytes) ? nullptr : made;
  }
  void* allocate_host(size_t bytes) override {
    void* made = nullptr;
    return driver_.cuMemAllocHost_v2(&made, bytes) ? nullptr : made;
  }
  void release(void* memory) override { (void)driver_.cuMemFree_v2(memory); }
  void release_host(void* memory) override { (void)driver_.cuMemFreeHost(memory); }
  void copy(void* to, const void* from, size_t bytes, void* stream) override {
    TRTEXEC_CALL(cuMemcpyAsync(to, from, bytes, stream));
  }

  void* make_stream() override {
    constexpr unsigned kNonBlocking = 1;
    void* made = nullptr;
    TRTEXEC_CALL(cuStreamCreate(&made, kNonBlocking));
    return made;
  }
  void wait(void* stream) override { TRTEXEC_CALL(cuStreamSynchronize(stream)); }
  void wait_for(void* event) override { TRTEXEC_CALL(cuEventSynchronize(event)); }
  void* make_event() override {
    void* made = nullptr;
    TRTEXEC_CALL(cuEventCreate(&made, 0));
    return made;
  }
  void record(void* event, void* stream) override { TRTEXEC_CALL(cuEventRecord(event, stream)); }
  double milliseconds(void* start, void* end) override {
    float made = 0;
    TRTEXEC_CALL(cuEventElapsedTime(&made, start, end));
    return static_cast<double>(made);
  }

  void begin_capture(void* stream) override {
    constexpr int kThreadLocal = 1;
    TRTEXEC_CALL(cuStreamBeginCapture_v2(stream, kThreadLocal));
  }
  void* end_capture(void* stream) override {
    void *graph = nullptr, *exec = nullptr;
    if (driver_.cuStreamEndCapture(stream, &graph) || !graph) return nullptr;
    return driver_.cuGraphInstantiateWithFlags(&exec, graph, 0) ? nullptr : exec;
  }
  bool launch(void* graph, void* stream) override { return driver_.cuGraphLaunch(graph, stream) == 0; }

 private:
  int attribute(int which) const {
    int value = 0;
    TRTEXEC_CALL(cuDeviceGetAttribute(&value, which, device_));
    return value;
  }

  const Driver& driver_;
  int device_ = 0;
  void* context_ = nullptr;
};

// Null where there is no driver or no GPU.
const Driver* open_driver() {
  for (const auto& [variable, off] :
       {std::pair("VIVACE_CUDA", "off"), {"VIVACE_CUDA", "null"}, {"VIVACE_TENSORRT_DEVICE", "cpu"}})
    if (const char* set = std::getenv(variable); set && std::string_view(set) == off) return nullptr;
  void* file = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!file) return nullptr;
  static Driver driver;
  bool complete = true;
#define TRTEXEC_FIND(name, parameters)                                   \
  driver.name = reinterpret_cast<int(*) parameters>(dlsym(file, #name)); \
  complete = complete && driver.name;
  TRTEXEC_DRIVER(TRTEXEC_FIND)
#undef TRTEXEC_FIND
  int count = 0;
  const bool usable = complete && driver.cuInit(0) == 0 && driver.cuDeviceGetCount(&count) == 0 && count > 0;
  return usable ? &driver : nullptr;
}

std::unique_ptr<Device>& chosen() {
  static auto& device = *new auto(std::make_unique<Device>());  // buffers of any age are given back to it
  return device;
}

}  // namespace

Device& Device::get() { return *chosen(); }

void Device::choose(int number) {
  const Driver* driver = open_driver();
  if (!driver) return;
  int count = 0;
  check(driver->cuDeviceGetCount(&count), "cuDeviceGetCount");
  if (number < 0 || number >= count) throw Failure(fmt::format("--device={}: there are {} GPUs", number, count));
  chosen() = std::make_unique<Gpu>(*driver, number);
}

std::string Device::name() const {
  std::ifstream information("/proc/cpuinfo");
  for (std::string line; std::getline(information, line);)
    if (line.rfind("model name", 0) == 0 && line.find(':') + 2 < line.size()) return line.substr(line.find(':') + 2);
  return "CPU";
}

std::string Device::details() const { return fmt::format("Cores: {}", std::thread::hardware_concurrency()); }

size_t Device::memory() const {
  struct sysinfo memory {};
  sysinfo(&memory);
  return memory.totalram * memory.mem_unit >> 20;
}

void* Device::allocate(size_t bytes) { return allocate_host(bytes); }
void* Device::allocate_host(size_t bytes) {
  return std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
}
void Device::release(void* memory) { std::free(memory); }
void Device::release_host(void* memory) { std::free(memory); }
void Device::copy(void* to, const void* from, size_t bytes, void*) { std::memcpy(to, from, bytes); }

}  // namespace trtexec
