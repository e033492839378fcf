// Files of tensors: .npy, .npz, .pb (ONNX's TensorProto), raw bytes.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "vivace/vivace.hpp"

namespace tool {

/// A file that cannot be read or written; the message names it.
struct FileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& bytes);
/// To standard output; FileError where that fails.
void print(const std::string& text);

using Tensors = std::vector<std::pair<std::string, vivace::Tensor>>;

/// Raises FileError for what is no such file.
vivace::Tensor read_npy(const std::string& path);
/// Uncompressed archives, as numpy.savez writes them.
Tensors read_npz(const std::string& path);
vivace::Tensor read_pb(const std::string& path);
/// Element types that NumPy lacks are written as unsigned integers of their size.
void write_npy(const std::string& path, const vivace::Tensor& tensor);
void write_npz(const std::string& path, const Tensors& tensors);

bool ends_with(const std::string& text, const std::string& end);

}  // namespace tool
