// The part of CUDA's driver interface and of NVRTC's that Vivace calls, declared here so that neither a toolkit nor its
// headers are needed to build. Both libraries are opened at run time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vivace::cuda {

using Error = int;  // CUresult, nvrtcResult: 0 is success
using DeviceHandle = int;
using DevicePointer = uint64_t;
struct ContextHandle;
struct StreamHandle;
struct ModuleHandle;
struct FunctionHandle;
struct GraphHandle;
struct GraphExecHandle;
struct EventHandle;

// CUlaunchAttribute and CUlaunchConfig, as far as they are used here.
struct LaunchAttribute {
  struct Cluster {
    unsigned x, y, z;
  };
  int id;
  int padding;
  union {
    Cluster cluster;  // kLaunchCluster
    int allowed;      // kLaunchProgrammatic
    char size[64];
  };
};
static_assert(sizeof(LaunchAttribute) == 72);
struct LaunchConfig {
  unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes;
  StreamHandle* stream;
  LaunchAttribute* attributes;
  unsigned attribute_count;
};
static_assert(sizeof(LaunchConfig) == 56);

// name, parameters. Versioned symbols are those that binaries of CUDA 12 and newer link to.
#define VIVACE_CUDA_DRIVER(F)                                                                              \
  F(cuInit, (unsigned flags))                                                                              \
  F(cuDriverGetVersion, (int* version))                                                                    \
  F(cuGetErrorName, (Error error, const char** name))                                                      \
  F(cuGetErrorString, (Error error, const char** text))                                                    \
  F(cuDeviceGetCount, (int* count))                                                                        \
  F(cuDeviceGet, (DeviceHandle * device, int ordinal))                                                     \
  F(cuDeviceGetName, (char* name, int size, DeviceHandle device))                                          \
  F(cuDeviceGetAttribute, (int* value, int attribute, DeviceHandle device))                                \
  F(cuDeviceTotalMem_v2, (size_t * bytes, DeviceHandle device))                                            \
  F(cuDevicePrimaryCtxRetain, (ContextHandle * *context, DeviceHandle device))                             \
  F(cuDevicePrimaryCtxRelease_v2, (DeviceHandle device))                                                   \
  F(cuCtxPushCurrent_v2, (ContextHandle * context))                                                        \
  F(cuCtxPopCurrent_v2, (ContextHandle * *context))                                                        \
  F(cuMemGetInfo_v2, (size_t * free, size_t * total))                                                      \
  F(cuCtxGetCurrent, (ContextHandle * *context))                                                           \
  F(cuCtxGetDevice, (DeviceHandle * device))                                                               \
  F(cuPointerGetAttribute, (void* value, int attribute, DevicePointer address))                            \
  F(cuMemAlloc_v2, (DevicePointer * pointer, size_t bytes))                                                \
  F(cuMemFree_v2, (DevicePointer pointer))                                                                 \
  F(cuMemAllocHost_v2, (void** pointer, size_t bytes))                                                     \
  F(cuMemFreeHost, (void* pointer))                                                                        \
  F(cuMemcpyHtoDAsync_v2, (DevicePointer to, const void* from, size_t bytes, StreamHandle* stream))        \
  F(cuMemcpyDtoHAsync_v2, (void* to, DevicePointer from, size_t bytes, StreamHandle* stream))              \
  F(cuMemcpyDtoDAsync_v2, (DevicePointer to, DevicePointer from, size_t bytes, StreamHandle * stream))     \
  F(cuMemsetD8Async, (DevicePointer to, unsigned char value, size_t bytes, StreamHandle* stream))          \
  F(cuStreamCreate, (StreamHandle * *stream, unsigned flags))                                              \
  F(cuStreamDestroy_v2, (StreamHandle * stream))                                                           \
  F(cuStreamWaitEvent, (StreamHandle * stream, EventHandle * event, unsigned flags))                       \
  F(cuStreamIsCapturing, (StreamHandle * stream, int* status))                                             \
  F(cuThreadExchangeStreamCaptureMode, (int* mode))                                                        \
  F(cuStreamSynchronize, (StreamHandle * stream))                                                          \
  F(cuStreamBeginCapture_v2, (StreamHandle * stream, int mode))                                            \
  F(cuStreamEndCapture, (StreamHandle * stream, GraphHandle * *graph))                                     \
  F(cuGraphInstantiateWithFlags, (GraphExecHandle * *exec, GraphHandle * graph, unsigned long long flags)) \
  F(cuGraphLaunch, (GraphExecHandle * exec, StreamHandle * stream))                                        \
  F(cuGraphExecDestroy, (GraphExecHandle * exec))                                                          \
  F(cuGraphDestroy, (GraphHandle * graph))                                                                 \
  F(cuEventCreate, (EventHandle * *event, unsigned flags))                                                 \
  F(cuEventRecord, (EventHandle * event, StreamHandle * stream))                                           \
  F(cuEventSynchronize, (EventHandle * event))                                                             \
  F(cuEventElapsedTime, (float* milliseconds, EventHandle* start, EventHandle* end))                       \
  F(cuEventDestroy_v2, (EventHandle * event))                                                              \
  F(cuModuleLoadData, (ModuleHandle * *module, const void* image))                                         \
  F(cuModuleUnload, (ModuleHandle * module))                                                               \
  F(cuModuleGetFunction, (FunctionHandle * *function, ModuleHandle * module, const char* name))            \
  F(cuFuncSetAttribute, (FunctionHandle * function, int attribute, int value))                             \
  F(cuLaunchKernelEx, (const LaunchConfig* config, FunctionHandle* function, void** parameters, void** extra))

#define VIVACE_NVRTC(F)                                                                     \
  F(nvrtcVersion, (int* major, int* minor))                                                 \
  F(nvrtcCreateProgram, (void** program, const char* source, const char* name, int headers, \
                         const char* const* header_texts, const char* const* header_names)) \
  F(nvrtcCompileProgram, (void* program, int count, const char* const* options))            \
  F(nvrtcDestroyProgram, (void** program))                                                  \
  F(nvrtcGetCUBINSize, (void* program, size_t* bytes))                                      \
  F(nvrtcGetCUBIN, (void* program, char* bytes))                                            \
  F(nvrtcGetProgramLogSize, (void* program, size_t* bytes))                                 \
  F(nvrtcGetProgramLog, (void* program, char* text))

// Values of CUdevice_attribute, CUfunction_attribute and others that are passed as numbers.
constexpr int kAttributeMultiprocessors = 16;
constexpr int kAttributeL2Bytes = 38;
constexpr int kAttributeMajor = 75, kAttributeMinor = 76;
constexpr int kAttributeSharedPerBlockOptIn = 97;
constexpr int kFunctionDynamicShared = 8;
constexpr int kFunctionAnyCluster = 14;  // of more than 8 blocks, which not every GPU has room for
constexpr int kLaunchCluster = 4, kLaunchProgrammatic = 6;
constexpr int kCaptureRelaxed = 2;
constexpr unsigned kStreamNonBlocking = 1;
constexpr int kPointerMemoryType = 2, kPointerDevice = 9;
constexpr unsigned kMemoryOfHost = 1, kMemoryOfDevice = 2;
constexpr unsigned kEventWithoutTime = 2;
constexpr Error kErrorOutOfMemory = 2;

}  // namespace vivace::cuda
