// The one device: the host.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "cudart/state.h"

namespace vivace::cudart {
namespace {

constexpr int kVersion = CUDART_VERSION;
constexpr int kMajor = 8;  // compute capability: of a device that supports every precision programs check for
constexpr int kMinor = 0;
constexpr size_t kSharedMemory = 48 << 10;  // no kernel uses it; what every device has at least

std::atomic<unsigned int> device_flags{cudaDeviceScheduleAuto};
std::atomic<int> cache_config{cudaFuncCachePreferNone};
std::atomic<size_t> limits[cudaLimitPersistingL2CacheSize + 1] = {1024, 1 << 20, 8 << 20, 2, 2048, 64, 0};

/// The value behind `key` in a file of lines "key: value", or nothing.
std::string field(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, key.size(), key) != 0) continue;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

int clock_khz() {
  const std::string mhz = field("/proc/cpuinfo", "cpu MHz");
  return mhz.empty() ? 1000000 : static_cast<int>(std::strtod(mhz.c_str(), nullptr) * 1000);
}

cudaDeviceProp describe() {
  cudaDeviceProp prop;
  std::memset(&prop, 0, sizeof(prop));
  const std::string processor = field("/proc/cpuinfo", "model name");
  std::snprintf(prop.name, sizeof(prop.name), "Vivace host CPU%s%s", processor.empty() ? "" : ": ", processor.c_str());
  std::memcpy(prop.uuid.bytes, "vivace-host-cpu", sizeof(prop.uuid.bytes));
  prop.totalGlobalMem = total_memory();
  prop.sharedMemPerBlock = prop.sharedMemPerMultiprocessor = prop.sharedMemPerBlockOptin = kSharedMemory;
  prop.regsPerBlock = prop.regsPerMultiprocessor = 65536;
  prop.warpSize = 32;
  prop.memPitch = INT_MAX;
  prop.maxThreadsPerBlock = prop.maxThreadsPerMultiProcessor = 1024;
  const int threads[] = {1024, 1024, 64};
  const int grid[] = {INT_MAX, 65535, 65535};
  std::copy(threads, threads + 3, prop.maxThreadsDim);
  std::copy(grid, grid + 3, prop.maxGridSize);
  prop.clockRate = prop.memoryClockRate = clock_khz();
  prop.totalConstMem = 64 << 10;
  prop.major = kMajor;
  prop.minor = kMinor;
  prop.textureAlignment = prop.surfaceAlignment = kPitchAlignment;
  prop.texturePitchAlignment = 32;
  prop.deviceOverlap = prop.asyncEngineCount = 1;
  prop.multiProcessorCount = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  prop.integrated = prop.canMapHostMemory = prop.concurrentKernels = prop.unifiedAddressing = 1;
  prop.memoryBusWidth = 64;
  prop.l2CacheSize = static_cast<int>(std::max(0L, sysconf(_SC_LEVEL2_CACHE_SIZE)));
  prop.streamPrioritiesSupported = 1;
  prop.managedMemory = prop.hostNativeAtomicSupported = prop.pageableMemoryAccess = prop.concurrentManagedAccess = 1;
  prop.singleToDoublePrecisionPerfRatio = 2;
  prop.canUseHostPointerForRegisteredMem = prop.pageableMemoryAccessUsesHostPageTables = 1;
  prop.directManagedMemAccessFromHost = prop.hostRegisterSupported = prop.memoryPoolsSupported = 1;
  prop.maxBlocksPerMultiProcessor = 1;
  return prop;
}

const cudaDeviceProp& properties() {
  static const cudaDeviceProp prop = describe();
  return prop;
}

int attribute(const cudaDeviceProp& prop, cudaDeviceAttr attr) {
  switch (attr) {
    case cudaDevAttrMaxThreadsPerBlock: return prop.maxThreadsPerBlock;
    case cudaDevAttrMaxBlockDimX: return prop.maxThreadsDim[0];
    case cudaDevAttrMaxBlockDimY: return prop.maxThreadsDim[1];
    case cudaDevAttrMaxBlockDimZ: return prop.maxThreadsDim[2];
    case cudaDevAttrMaxGridDimX: return prop.maxGridSize[0];
    case cudaDevAttrMaxGridDimY: return prop.maxGridSize[1];
    case cudaDevAttrMaxGridDimZ: return prop.maxGridSize[2];
    case cudaDevAttrMaxSharedMemoryPerBlock: return static_cast<int>(prop.sharedMemPerBlock);
    case cudaDevAttrTotalConstantMemory: return static_cast<int>(prop.totalConstMem);
    case cudaDevAttrWarpSize: return prop.warpSize;
    case cudaDevAttrMaxPitch: return static_cast<int>(prop.memPitch);
    case cudaDevAttrMaxRegistersPerBlock: return prop.regsPerBlock;
    case cudaDevAttrClockRate: return prop.clockRate;
    case cudaDevAttrTextureAlignment: return static_cast<int>(prop.textureAlignment);
    case cudaDevAttrGpuOverlap: return prop.deviceOverlap;
    case cudaDevAttrMultiProcessorCount: return prop.multiProcessorCount;
    case cudaDevAttrIntegrated: return prop.integrated;
    case cudaDevAttrCanMapHostMemory: return prop.canMapHostMemory;
    case cudaDevAttrConcurrentKernels: return prop.concurrentKernels;
    case cudaDevAttrMemoryClockRate: return prop.memoryClockRate;
    case cudaDevAttrGlobalMemoryBusWidth: return prop.memoryBusWidth;
    case cudaDevAttrL2CacheSize: return prop.l2CacheSize;
    case cudaDevAttrMaxThreadsPerMultiProcessor: return prop.maxThreadsPerMultiProcessor;
    case cudaDevAttrAsyncEngineCount: return prop.asyncEngineCount;
    case cudaDevAttrUnifiedAddressing: return prop.unifiedAddressing;
    case cudaDevAttrComputeCapabilityMajor: return prop.major;
    case cudaDevAttrComputeCapabilityMinor: return prop.minor;
    case cudaDevAttrStreamPrioritiesSupported: return prop.streamPrioritiesSupported;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: return static_cast<int>(prop.sharedMemPerMultiprocessor);
    case cudaDevAttrMaxRegistersPerMultiprocessor: return prop.regsPerMultiprocessor;
    case cudaDevAttrManagedMemory: return prop.managedMemory;
    case cudaDevAttrHostNativeAtomicSupported: return prop.hostNativeAtomicSupported;
    case cudaDevAttrSingleToDoublePrecisionPerfRatio: return prop.singleToDoublePrecisionPerfRatio;
    case cudaDevAttrPageableMemoryAccess: return prop.pageableMemoryAccess;
    case cudaDevAttrConcurrentManagedAccess: return prop.concurrentManagedAccess;
    case cudaDevAttrCanUseHostPointerForRegisteredMem: return prop.canUseHostPointerForRegisteredMem;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: return static_cast<int>(prop.sharedMemPerBlockOptin);
    case cudaDevAttrHostRegisterSupported: return prop.hostRegisterSupported;
    case cudaDevAttrPageableMemoryAccessUsesHostPageTables: return prop.pageableMemoryAccessUsesHostPageTables;
    case cudaDevAttrDirectManagedMemAccessFromHost: return prop.directManagedMemAccessFromHost;
    case cudaDevAttrMaxBlocksPerMultiprocessor: return prop.maxBlocksPerMultiProcessor;
    case cudaDevAttrMemoryPoolsSupported: return prop.memoryPoolsSupported;
    default: return 0;
  }
}

/// Writes `value` where `out` says, or is an error.
template <class T, class V>
cudaError_t give(T* out, V value) {
  if (out == nullptr) return keep(cudaErrorInvalidValue);
  *out = static_cast<T>(value);
  return cudaSuccess;
}

cudaError_t check_device(int device) { return device == 0 ? cudaSuccess : keep(cudaErrorInvalidDevice); }

bool is_limit(cudaLimit limit) { return limit >= 0 && limit <= cudaLimitPersistingL2CacheSize; }

}  // namespace

size_t total_memory() {
  static const size_t bytes = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

size_t available_memory() {
  const std::string kilobytes = field("/proc/meminfo", "MemAvailable");
  return kilobytes.empty() ? total_memory() : std::min<size_t>(total_memory(), std::stoull(kilobytes) << 10);
}

}  // namespace vivace::cudart

using namespace vivace::cudart;

cudaError_t cudaDriverGetVersion(int* version) { return give(version, kVersion); }
cudaError_t cudaRuntimeGetVersion(int* version) { return give(version, kVersion); }
cudaError_t cudaGetDeviceCount(int* count) { return give(count, 1); }
cudaError_t cudaGetDevice(int* device) { return give(device, 0); }
cudaError_t cudaSetDevice(int device) { return check_device(device); }
cudaError_t cudaInitDevice(int device, unsigned int, unsigned int) { return check_device(device); }

cudaError_t cudaChooseDevice(int* device, const cudaDeviceProp* prop) {
  return prop == nullptr ? keep(cudaErrorInvalidValue) : give(device, 0);
}

cudaError_t cudaSetDeviceFlags(unsigned int flags) {
  if ((flags & ~static_cast<unsigned int>(cudaDeviceMask)) != 0) return keep(cudaErrorInvalidValue);
  device_flags = flags;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceFlags(unsigned int* flags) { return give(flags, device_flags.load()); }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* prop, int device) {
  if (const cudaError_t error = check_device(device)) return error;
  if (prop == nullptr) return keep(cudaErrorInvalidValue);
  *prop = properties();
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties_v2(cudaDeviceProp* prop, int device) {
  return cudaGetDeviceProperties(prop, device);
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attr, int device) {
  if (const cudaError_t error = check_device(device)) return error;
  return give(value, attribute(properties(), attr));
}

cudaError_t cudaDeviceGetPCIBusId(char* pciBusId, int len, int device) {
  if (const cudaError_t error = check_device(device)) return error;
  constexpr char kId[] = "0000:00:00.0";
  if (pciBusId == nullptr || len < static_cast<int>(sizeof(kId))) return keep(cudaErrorInvalidValue);
  std::memcpy(pciBusId, kId, sizeof(kId));
  return cudaSuccess;
}

cudaError_t cudaDeviceGetByPCIBusId(int* device, const char* pciBusId) {
  if (pciBusId == nullptr || std::strcmp(pciBusId, "0000:00:00.0") != 0) return keep(cudaErrorInvalidValue);
  return give(device, 0);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* leastPriority, int* greatestPriority) {
  if (leastPriority != nullptr) *leastPriority = 0;
  if (greatestPriority != nullptr) *greatestPriority = 0;
  return cudaSuccess;
}

cudaError_t cudaDeviceCanAccessPeer(int* canAccessPeer, int device, int peerDevice) {
  if (const cudaError_t error = check_device(device)) return error;
  if (const cudaError_t error = check_device(peerDevice)) return error;
  return give(canAccessPeer, 0);
}

cudaError_t cudaDeviceSetLimit(cudaLimit limit, size_t value) {
  if (!is_limit(limit)) return keep(cudaErrorUnsupportedLimit);
  limits[limit] = value;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetLimit(size_t* value, cudaLimit limit) {
  if (!is_limit(limit)) return keep(cudaErrorUnsupportedLimit);
  return give(value, limits[limit].load());
}

cudaError_t cudaDeviceSetCacheConfig(cudaFuncCache cacheConfig) {
  cache_config = cacheConfig;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetCacheConfig(cudaFuncCache* cacheConfig) { return give(cacheConfig, cache_config.load()); }
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
cudaError_t cudaDeviceReset() { return cudaSuccess; }
cudaError_t cudaProfilerStart() { return cudaSuccess; }
cudaError_t cudaProfilerStop() { return cudaSuccess; }
