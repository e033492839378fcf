// The CUDA runtime over host memory, with the typed forms that C++ programs use.
#ifndef VIVACE_CUDA_RUNTIME_H_
#define VIVACE_CUDA_RUNTIME_H_

#include "cuda_runtime_api.h"

#ifdef __cplusplus

template <class T>
inline cudaError_t cudaMalloc(T** devPtr, size_t size) {
  return cudaMalloc(reinterpret_cast<void**>(devPtr), size);
}

template <class T>
inline cudaError_t cudaMallocHost(T** ptr, size_t size, unsigned int flags = 0) {
  return cudaHostAlloc(reinterpret_cast<void**>(ptr), size, flags);
}

template <class T>
inline cudaError_t cudaHostAlloc(T** ptr, size_t size, unsigned int flags) {
  return cudaHostAlloc(reinterpret_cast<void**>(ptr), size, flags);
}

template <class T>
inline cudaError_t cudaHostGetDevicePointer(T** device, void* host, unsigned int flags) {
  return cudaHostGetDevicePointer(reinterpret_cast<void**>(device), host, flags);
}

template <class T>
inline cudaError_t cudaMallocManaged(T** devPtr, size_t size, unsigned int flags = cudaMemAttachGlobal) {
  return cudaMallocManaged(reinterpret_cast<void**>(devPtr), size, flags);
}

template <class T>
inline cudaError_t cudaMallocAsync(T** devPtr, size_t size, cudaStream_t stream) {
  return cudaMallocAsync(reinterpret_cast<void**>(devPtr), size, stream);
}

template <class T>
inline cudaError_t cudaMallocPitch(T** devPtr, size_t* pitch, size_t width, size_t height) {
  return cudaMallocPitch(reinterpret_cast<void**>(devPtr), pitch, width, height);
}

template <class T>
inline cudaError_t cudaMemcpyToSymbol(const T& symbol, const void* src, size_t count, size_t offset = 0,
                                      cudaMemcpyKind kind = cudaMemcpyHostToDevice) {
  return cudaMemcpyToSymbol(static_cast<const void*>(&symbol), src, count, offset, kind);
}

template <class T>
inline cudaError_t cudaMemcpyFromSymbol(void* dst, const T& symbol, size_t count, size_t offset = 0,
                                        cudaMemcpyKind kind = cudaMemcpyDeviceToHost) {
  return cudaMemcpyFromSymbol(dst, static_cast<const void*>(&symbol), count, offset, kind);
}

inline cudaError_t cudaEventCreate(cudaEvent_t* event, unsigned int flags) {
  return cudaEventCreateWithFlags(event, flags);
}

/// The form of CUDA 11.
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, cudaGraphNode_t* errorNode,
                                        char* logBuffer, size_t bufferSize) {
  if (errorNode != nullptr) *errorNode = nullptr;
  if (logBuffer != nullptr && bufferSize > 0) logBuffer[0] = '\0';
  return cudaGraphInstantiate(exec, graph, 0ULL);
}

#define VIVACE_CUDA_MAKE_VECTOR(T, name)                                                        \
  inline name##2 make_##name##2(T x, T y) { return name##2{x, y}; }                             \
  inline name##3 make_##name##3(T x, T y, T z) { return name##3{x, y, z}; }                     \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return name##4{x, y, z, w}; }
VIVACE_CUDA_MAKE_VECTOR(unsigned char, uchar)
VIVACE_CUDA_MAKE_VECTOR(int, int)
VIVACE_CUDA_MAKE_VECTOR(unsigned int, uint)
VIVACE_CUDA_MAKE_VECTOR(float, float)
VIVACE_CUDA_MAKE_VECTOR(double, double)
#undef VIVACE_CUDA_MAKE_VECTOR

#endif  // __cplusplus

#endif  // VIVACE_CUDA_RUNTIME_H_
