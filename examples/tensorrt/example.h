// What the examples share: a logger, and the end of the program where something is wrong.
#pragma once

#include <NvInfer.h>
#include <cuda_runtime_api.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

class Logger : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char* message) noexcept override {
    if (severity <= Severity::kWARNING) std::fprintf(stderr, "%s\n", message);
  }
};

inline void require(bool condition, const std::string& what) {
  if (condition) return;
  std::fprintf(stderr, "failed: %s\n", what.c_str());
  std::exit(1);
}

inline void require(cudaError_t status, const std::string& what) {
  require(status == cudaSuccess, what + ": " + cudaGetErrorString(status));
}

inline std::vector<char> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), "opening " + path);
  return std::vector<char>(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

inline void write_file(const std::string& path, const void* data, size_t size) {
  std::ofstream file(path, std::ios::binary);
  require(bool(file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size))), "writing " + path);
}

inline int64_t volume(const nvinfer1::Dims& dims) {
  int64_t count = 1;
  for (int i = 0; i < dims.nbDims; ++i) count *= dims.d[i];
  return count;
}

/// An array of floats in device memory.
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : bytes_(count * sizeof(float)) {
    require(cudaMalloc(&data_, bytes_), "cudaMalloc");
  }
  DeviceArray(DeviceArray&& other) noexcept : data_(other.data_), bytes_(other.bytes_) { other.data_ = nullptr; }
  DeviceArray(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(data_); }

  void* data() const { return data_; }
  void put(const float* host, cudaStream_t stream) {
    require(cudaMemcpyAsync(data_, host, bytes_, cudaMemcpyHostToDevice, stream), "copy to the device");
  }
  void get(float* host, cudaStream_t stream) const {
    require(cudaMemcpyAsync(host, data_, bytes_, cudaMemcpyDeviceToHost, stream), "copy from the device");
  }

 private:
  void* data_ = nullptr;
  size_t bytes_;
};
