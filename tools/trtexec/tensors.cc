#include "tensors.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>

#include "log.h"

namespace trtexec {

using nvinfer1::DataType;

namespace {

struct TypeRow {
  DataType type;
  const char* name;
  int bits;
};

constexpr TypeRow kTypes[] = {
    {DataType::kFLOAT, "fp32", 32},  {DataType::kHALF, "fp16", 16}, {DataType::kINT8, "int8", 8},
    {DataType::kINT32, "int32", 32}, {DataType::kBOOL, "bool", 8},  {DataType::kUINT8, "uint8", 8},
    {DataType::kFP8, "fp8", 8},      {DataType::kBF16, "bf16", 16}, {DataType::kINT64, "int64", 64},
    {DataType::kINT4, "int4", 4},    {DataType::kFP4, "fp4", 4},
};

const TypeRow& row_of(DataType type) {
  static constexpr TypeRow unknown{DataType::kFLOAT, "?", 8};
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row;
  }
  return unknown;
}

template <class T>
T at(const void* data, int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const char*>(data) + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

float half_to_float(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  const float sign = half & 0x8000 ? -1.0F : 1.0F;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
}

float bfloat_to_float(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

}  // namespace

const char* name_of(DataType type) { return row_of(type).name; }

int64_t bytes_of(DataType type, int64_t elements) { return (elements * row_of(type).bits + 7) / 8; }

int64_t volume(const nvinfer1::Dims& dims) {
  int64_t product = dims.nbDims < 0 ? -1 : 1;
  for (int i = 0; i < dims.nbDims; ++i) {
    if (dims.d[i] < 0) return -1;
    product *= dims.d[i];
  }
  return product;
}

bool is_dynamic(const nvinfer1::Dims& dims) { return volume(dims) < 0; }

std::string to_text(const nvinfer1::Dims& dims) {
  std::string text;
  for (int i = 0; i < dims.nbDims; ++i) text += fmt::format("{}{}", i ? "x" : "", dims.d[i]);
  return text;
}

nvinfer1::Dims to_dims(const std::vector<int64_t>& shape) {
  nvinfer1::Dims dims{};
  if (shape.size() > static_cast<size_t>(nvinfer1::Dims::MAX_DIMS)) {
    throw Failure(fmt::format("a shape has {} dimensions; {} are allowed", shape.size(), +nvinfer1::Dims::MAX_DIMS));
  }
  for (const int64_t d : shape) dims.d[dims.nbDims++] = static_cast<std::remove_reference_t<decltype(dims.d[0])>>(d);
  return dims;
}

std::string element(const void* data, DataType type, int64_t index, bool json) {
  float value = 0;
  switch (type) {
    case DataType::kINT8: return std::to_string(at<int8_t>(data, index));
    case DataType::kUINT8:
    case DataType::kBOOL:
    case DataType::kFP8: return std::to_string(at<uint8_t>(data, index));
    case DataType::kINT32: return std::to_string(at<int32_t>(data, index));
    case DataType::kINT64: return std::to_string(at<int64_t>(data, index));
    case DataType::kHALF: value = half_to_float(at<uint16_t>(data, index)); break;
    case DataType::kBF16: value = bfloat_to_float(at<uint16_t>(data, index)); break;
    case DataType::kFLOAT: value = at<float>(data, index); break;
    default: return json ? "null" : "?";
  }
  if (json && !std::isfinite(value)) return "null";
  return fmt::format("{:g}", value);
}

std::string join(const std::vector<std::string>& parts, const char* separator) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : separator) + part;
  return text;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04x}", c);
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::vector<char> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::vector<char> bytes;
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  if (size < 0) throw Failure(fmt::format("{}: cannot be read ({})", path, std::strerror(errno)));
  bytes.resize(static_cast<size_t>(size));
  file.seekg(0);
  if (!file.read(bytes.data(), size)) throw Failure(fmt::format("{}: cannot be read ({})", path, std::strerror(errno)));
  return bytes;
}

void write_file(const std::string& path, const void* data, size_t size) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  file.close();
  if (!file) throw Failure(fmt::format("{}: cannot be written ({})", path, std::strerror(errno)));
}

}  // namespace trtexec
