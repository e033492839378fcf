#include "common.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

void Error(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

void Logger::log(Severity severity, const char* message) noexcept {
  if (severity > m_level) return;
  const char* name = "?";
  switch (severity) {
    case Severity::kINTERNAL_ERROR: name = "INTERNAL ERROR"; break;
    case Severity::kERROR: name = "ERROR"; break;
    case Severity::kWARNING: name = "WARNING"; break;
    case Severity::kINFO: name = "INFO"; break;
    case Severity::kVERBOSE: name = "VERBOSE"; break;
  }
  fprintf(stderr, "[%s] %s\n", name, message);
}

void CheckCuda(cudaError_t status, const char* what) {
  if (status != cudaSuccess) Error("%s: %s", what, cudaGetErrorString(status));
}

void Softmax(int count, float* data) {
  const float largest = *std::max_element(data, data + count);
  float sum = 0.0f;
  for (int i = 0; i < count; ++i) sum += data[i] = std::exp(data[i] - largest);
  for (int i = 0; i < count; ++i) data[i] /= sum;
}

void TopK(int count, const float* data, int k, int* places, float* values) {
  std::vector<int> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + k, order.end(), [data](int a, int b) { return data[a] > data[b]; });
  for (int i = 0; i < k; ++i) {
    places[i] = order[i];
    values[i] = data[order[i]];
  }
}

std::string FormatDims(const nvinfer1::Dims& dims) {
  std::string text;
  for (int i = 0; i < dims.nbDims; ++i) text += (i ? " " : "") + std::to_string(dims.d[i]);
  return text;
}
