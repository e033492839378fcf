// Types, shapes and elements of tensors, as text and as numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "NvInferRuntime.h"

namespace trtexec {

/// "fp32"; "?" for a type that is not known here.
const char* name_of(nvinfer1::DataType type);
/// Bytes of so many elements.
int64_t bytes_of(nvinfer1::DataType type, int64_t elements);
/// Below 0: a dimension is not known. A scalar has one element.
int64_t volume(const nvinfer1::Dims& dims);
bool is_dynamic(const nvinfer1::Dims& dims);
/// "1x3x224x224"
std::string to_text(const nvinfer1::Dims& dims);
/// Raises Failure where there are more than Dims can hold.
nvinfer1::Dims to_dims(const std::vector<int64_t>& shape);

/// One element as a number, as C++ streams print it; JSON's null instead of infinity and NaN where `json` is asked for.
std::string element(const void* data, nvinfer1::DataType type, int64_t index, bool json);

std::string join(const std::vector<std::string>& parts, const char* separator);
/// `text` in quotes, as JSON writes it.
std::string quoted(const std::string& text);

/// Raise Failure, which names the file.
std::vector<char> read_file(const std::string& path);
void write_file(const std::string& path, const void* data, size_t size);

}  // namespace trtexec
