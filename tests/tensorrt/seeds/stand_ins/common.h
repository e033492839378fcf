// The helpers that the programs of document 000 include and the document does not print, to the interface they use.
#pragma once

#include <NvInfer.h>
#include <cuda_runtime_api.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

/// Prints a message as printf does, and ends the program.
[[noreturn]] void Error(const char* format, ...) __attribute__((format(printf, 1, 2)));

/// Prints what is at least as bad as a level to stderr.
class Logger : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char* message) noexcept override;
  Severity SeverityLevel() const { return m_level; }
  void SetSeverityLevel(Severity level) { m_level = level; }

 private:
  Severity m_level = Severity::kWARNING;
};

template <class T>
using UniquePtr = std::unique_ptr<T>;

void CheckCuda(cudaError_t status, const char* what);

/// An array in device memory.
template <class T>
class CudaBuffer {
 public:
  CudaBuffer() = default;
  CudaBuffer(const CudaBuffer&) = delete;
  CudaBuffer& operator=(const CudaBuffer&) = delete;
  ~CudaBuffer() { cudaFree(m_data); }

  void Init(size_t size) {
    CheckCuda(cudaFree(m_data), "cudaFree");
    m_data = nullptr;
    void* data = nullptr;
    CheckCuda(cudaMalloc(&data, size * sizeof(T)), "cudaMalloc");
    m_data = static_cast<T*>(data);
    m_size = size;
  }
  void Put(const T* host) { CheckCuda(cudaMemcpy(m_data, host, m_size * sizeof(T), cudaMemcpyHostToDevice), "put"); }
  void Get(T* host) const { CheckCuda(cudaMemcpy(host, m_data, m_size * sizeof(T), cudaMemcpyDeviceToHost), "get"); }
  size_t Size() const { return m_size; }
  T* Data() { return m_data; }

 private:
  T* m_data = nullptr;
  size_t m_size = 0;
};

/// Milliseconds between Start() and Stop().
class WallClock {
 public:
  void Start() { m_start = std::chrono::steady_clock::now(); }
  void Stop() { m_stop = std::chrono::steady_clock::now(); }
  float Elapsed() const { return std::chrono::duration<float, std::milli>(m_stop - m_start).count(); }

 private:
  std::chrono::steady_clock::time_point m_start, m_stop;
};

void Softmax(int count, float* data);
/// Places and values of the `k` largest, largest first.
void TopK(int count, const float* data, int k, int* places, float* values);
/// "1 3 224 224"
std::string FormatDims(const nvinfer1::Dims& dims);
