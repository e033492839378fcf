#include "tensorrt/device.h"

#include <cstdlib>
#include <cstring>

#include "backends/cuda/device.h"
#include "backends/cuda/queue.h"

namespace vivace::tensorrt {

using cuda::DevicePointer;
using cuda::Driver;
using cuda::Gpu;
using cuda::Memory;
using cuda::StreamHandle;

namespace {

// The driver, where there is a GPU too; null where not.
const Driver* usable_driver() {
  static const Driver* const found = [] {
    const Result<const Driver*> driver = cuda::driver();
    return driver.ok() ? *driver : nullptr;
  }();
  return found;
}

DevicePointer pointer(const void* address) { return reinterpret_cast<DevicePointer>(address); }
StreamHandle* handle(cudaStream_t stream) { return reinterpret_cast<StreamHandle*>(stream); }

// The GPU that memory belongs to, in whose context copies are made.
Result<std::shared_ptr<Gpu>> gpu_of(const void* address) {
  int ordinal = 0;
  VIVACE_CUDA(*usable_driver(), cuPointerGetAttribute(&ordinal, cuda::kPointerDevice, pointer(address)));
  return Gpu::open(ordinal);
}

// Text of the driver's own assembler, which needs no compiler: a thread converts one element.
const char* const kKernels[] = {"vivace_widen", "vivace_narrow"};
constexpr unsigned kBlock = 256;
std::string conversion(bool widens) {
  const std::string from = widens ? "4" : "8", to = widens ? "8" : "4";
  return std::string(".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry ") + kKernels[widens ? 0 : 1] +
         R"((.param .u64 to, .param .u64 from, .param .u64 count)
{
  .reg .pred %past;
  .reg .b32 %block, %size, %thread, %narrow;
  .reg .b64 %to, %from, %count, %i, %wide, %at;
  ld.param.u64 %to, [to];
  ld.param.u64 %from, [from];
  ld.param.u64 %count, [count];
  mov.u32 %block, %ctaid.x;
  mov.u32 %size, %ntid.x;
  mov.u32 %thread, %tid.x;
  cvt.u64.u32 %i, %thread;
  mad.wide.u32 %i, %block, %size, %i;
  setp.ge.u64 %past, %i, %count;
  @%past bra DONE;
  mad.lo.u64 %at, %i, )" +
         from + R"(, %from;
)" +
         (widens ? R"(  ld.global.s32 %narrow, [%at];
  cvt.s64.s32 %wide, %narrow;
)"
                 : R"(  ld.global.s64 %wide, [%at];
  cvt.sat.s32.s64 %narrow, %wide;
)") + "  mad.lo.u64 %at, %i, " +
         to + ", %to;\n" + (widens ? "  st.global.s64 [%at], %wide;\n" : "  st.global.s32 [%at], %narrow;\n") +
         "DONE:\n  ret;\n}\n";
}

}  // namespace

std::string device_of_environment() {
  const char* text = std::getenv("VIVACE_TENSORRT_DEVICE");
  return text ? text : "";
}

std::string current_device() {
  const Driver* d = usable_driver();
  if (!d) return "cpu";
  cuda::ContextHandle* context = nullptr;
  cuda::DeviceHandle current = 0, other = 0;
  int count = 0, ordinal = 0;
  if (!d->cuCtxGetCurrent(&context) && context && !d->cuCtxGetDevice(&current) && !d->cuDeviceGetCount(&count))
    for (int i = 0; i < count; ++i)
      if (!d->cuDeviceGet(&other, i) && other == current) ordinal = i;
  const std::string name = "cuda:" + std::to_string(ordinal);
  return cuda::find_device(name).ok() ? name : "cpu";
}

Home home_of(const void* address) {
  const Driver* d = usable_driver();
  unsigned type = 0;
  if (!d || !address || d->cuPointerGetAttribute(&type, cuda::kPointerMemoryType, pointer(address)) || type == 0)
    return Home::unknown;
  return type == cuda::kMemoryOfHost ? Home::pinned : Home::device;
}

bool gives_device_memory(nvinfer1::IGpuAllocator& allocator) {
  if (!usable_driver()) return false;
  void* memory = allocator.allocate(kAlignment, kAlignment, 0);
  const bool is_device = home_of(memory) == Home::device;
  if (memory) allocator.deallocate(memory);
  return is_device;
}

void* allocate_on_gpu(size_t bytes) {
  DevicePointer memory = 0;
  const Driver* d = usable_driver();
  return d && d->cuMemAlloc_v2(&memory, bytes) == 0 ? reinterpret_cast<void*>(memory) : nullptr;
}

void free_on_gpu(void* memory) {
  if (memory) (void)usable_driver()->cuMemFree_v2(pointer(memory));
}

bool is_captured_by_driver(cudaStream_t stream) {
  const Driver* d = usable_driver();
  int status = 0;
  return d && d->cuStreamIsCapturing(handle(stream), &status) == 0 && status != 0;
}

Status record(cudaEvent_t event, cudaStream_t stream) {
  VIVACE_CUDA(*usable_driver(), cuEventRecord(reinterpret_cast<cuda::EventHandle*>(event), handle(stream)));
  return {};
}

Status read_from(void* to, const void* from, size_t bytes, cudaStream_t stream) {
  const Home home = home_of(from);
  if (home != Home::unknown) {
    VIVACE_ASSIGN(const std::shared_ptr<Gpu> gpu, gpu_of(from));
    const Gpu::Scope scope(*gpu);
    if (home == Home::device && bytes > 0)
      VIVACE_CUDA(gpu->driver(), cuMemcpyDtoHAsync_v2(to, pointer(from), bytes, handle(stream)));
    VIVACE_CUDA(gpu->driver(), cuStreamSynchronize(handle(stream)));
  }
  if (home != Home::device && bytes > 0) std::memcpy(to, from, bytes);
  return {};
}

Status write_to(void* to, const void* from, size_t bytes, cudaStream_t stream) {
  const Home home = home_of(to);
  if (home != Home::unknown) {
    VIVACE_ASSIGN(const std::shared_ptr<Gpu> gpu, gpu_of(to));
    const Gpu::Scope scope(*gpu);
    if (home == Home::device && bytes > 0)
      VIVACE_CUDA(gpu->driver(), cuMemcpyHtoDAsync_v2(pointer(to), from, bytes, handle(stream)));
    VIVACE_CUDA(gpu->driver(), cuStreamSynchronize(handle(stream)));
  }
  if (home != Home::device && bytes > 0) std::memcpy(to, from, bytes);
  return {};
}

Result<std::unique_ptr<Bridge>> Bridge::open(const std::string& device) {
  auto made = std::make_unique<Bridge>();
  VIVACE_ASSIGN(const cuda::Device found, cuda::find_device(device));
  VIVACE_ASSIGN(made->gpu_, Gpu::open(found.ordinal));
  const Gpu::Scope scope(*made->gpu_);
  VIVACE_CUDA(made->driver(), cuStreamCreate(&made->own_, cuda::kStreamNonBlocking));
  return made;
}

Bridge::~Bridge() {
  if (!own_) return;
  const Gpu::Scope scope(*gpu_);
  (void)driver().cuStreamDestroy_v2(own_);
}

Result<void*> Bridge::grow(Memory& memory, size_t bytes) {
  if (memory.bytes() < bytes) {
    VIVACE_ASSIGN(memory, Memory::allocate(gpu_, Memory::Kind::device, bytes));
  }
  return reinterpret_cast<void*>(memory.device());
}

Status Bridge::convert(Conversion which, const void* to, const void* from, size_t count, StreamHandle* stream) {
  if (count == 0) return {};
  const bool widens = which == Conversion::widen;
  std::shared_ptr<cuda::Kernel>& kernel = kernels_[widens ? 0 : 1];
  const char* name = kKernels[widens ? 0 : 1];
  if (!kernel) {
    VIVACE_ASSIGN(kernel, cuda::Kernel::load(gpu_, conversion(widens), name, 0, 1));
  }
  cuda::Launch launch;
  launch.name = name;
  launch.grid[0] = static_cast<unsigned>((count + kBlock - 1) / kBlock);
  launch.block = kBlock;
  return cuda::Queue(*gpu_, stream).launch(*kernel, launch, {pointer(to), pointer(from), count});
}

Result<void*> Bridge::input(size_t slot, const void* from, size_t bytes, Elements elements, StreamHandle* stream) {
  void* at = const_cast<void*>(from);
  if (home_of(from) != Home::device) {
    VIVACE_ASSIGN(at, grow(staged(slot).client, bytes));
    if (bytes > 0) VIVACE_CUDA(driver(), cuMemcpyHtoDAsync_v2(pointer(at), from, bytes, stream));
  }
  if (elements == Elements::same) return at;
  VIVACE_ASSIGN(void* const wide, grow(staged(slot).engine, bytes * 2));
  VIVACE_TRY(convert(Conversion::widen, wide, at, bytes / sizeof(int32_t), stream));
  return wide;
}

Result<void*> Bridge::output(size_t slot, void* to, size_t bytes, Elements elements) {
  if (elements == Elements::same && home_of(to) == Home::device) return to;
  return grow(staged(slot).engine, elements == Elements::same ? bytes : bytes * 2);
}

Status Bridge::deliver(size_t slot, void* to, size_t bytes, Elements elements, StreamHandle* stream) {
  const bool direct = home_of(to) == Home::device;
  if (bytes == 0 || (direct && elements == Elements::same)) return {};
  auto* from = reinterpret_cast<void*>(staged(slot).engine.device());
  if (elements == Elements::narrow) {
    void* narrow = to;
    if (!direct) {
      VIVACE_ASSIGN(narrow, grow(staged(slot).client, bytes));
    }
    VIVACE_TRY(convert(Conversion::narrow, narrow, from, bytes / sizeof(int32_t), stream));
    from = narrow;
  }
  if (!direct) VIVACE_CUDA(driver(), cuMemcpyDtoHAsync_v2(to, pointer(from), bytes, stream));
  return {};
}

Status Bridge::wait(StreamHandle* stream) const {
  VIVACE_CUDA(driver(), cuStreamSynchronize(stream));
  return {};
}

}  // namespace vivace::tensorrt
