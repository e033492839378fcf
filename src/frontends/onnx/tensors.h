// Tensors of a model file.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/tensor.h"
#include "frontends/onnx/proto.h"

namespace vivace::onnx {

/// Turns TensorProto messages into tensors.
class TensorReader {
 public:
  /// @param file      the mapped model, whose memory tensors may share; empty for a model in memory
  /// @param base_dir  folder that external data must lie in; empty: external data is refused
  TensorReader(MappedFile file, std::string base_dir, int64_t max_sparse_bytes)
      : file_(std::move(file)), base_dir_(std::move(base_dir)), max_sparse_bytes_(max_sparse_bytes) {}

  Result<Tensor> read(const proto::Tensor& tensor);
  Result<Tensor> read(Bytes tensor_message) { return read(proto::decode_tensor(tensor_message)); }
  /// Made dense.
  Result<Tensor> read_sparse(Bytes sparse_tensor_message);

 private:
  Result<Tensor> read_external(const proto::Tensor& tensor, DType type);
  Result<Tensor> from_bytes(DType type, const Shape& shape, Bytes bytes, const MappedFile& file) const;
  Result<MappedFile> open_external(const std::string& location);

  MappedFile file_;
  std::string base_dir_;
  int64_t max_sparse_bytes_;
  std::map<std::string, MappedFile> external_;
};

/// undefined where the number is not one of the standard's element types.
DType dtype_of_number(int32_t number);

}  // namespace vivace::onnx
