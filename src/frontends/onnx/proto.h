// ONNX's protobuf messages, so far as a graph needs them. Each is decoded one level deep: nested messages stay bytes
// until somebody decodes them, so hostile nesting costs nothing and weights are never held twice. Everything points
// into the model's bytes. Decoders throw protozero's exceptions.
#pragma once

#include <optional>

#include "frontends/onnx/wire.h"

namespace vivace::onnx::proto {

struct Entry {
  Bytes key, value;
};
struct Opset {
  Bytes domain;
  int64_t version = 0;
};

struct Model {
  int64_t ir_version = 0, model_version = 0;
  Bytes producer_name, producer_version, domain, doc_string, graph;
  std::vector<Opset> opsets;
  std::vector<Entry> metadata;
  std::vector<Bytes> functions;
};

struct Function {
  Bytes name, domain, overload;
  std::vector<Bytes> inputs, outputs, attributes, attribute_defaults, nodes, value_info;
  std::vector<Opset> opsets;
};

struct Graph {
  Bytes name;
  std::vector<Bytes> nodes, initializers, sparse_initializers, inputs, outputs, value_info;
};

struct Node {
  Bytes name, op_type, domain, overload;
  std::vector<Bytes> inputs, outputs, attributes;
};

enum class AttributeKind : int32_t {
  undefined = 0, real = 1, integer = 2, text = 3, tensor = 4, graph = 5, reals = 6, integers = 7, texts = 8,
  tensors = 9, graphs = 10, sparse_tensor = 11, sparse_tensors = 12, type = 13, types = 14,
};

struct Attribute {
  Bytes name, reference;  // reference: the attribute of the enclosing function that is meant
  int32_t kind = 0;
  float real = 0;
  int64_t integer = 0;
  Bytes text, tensor, graph, sparse_tensor, type;
  std::vector<float> reals;
  std::vector<int64_t> integers;
  std::vector<Bytes> texts;
};

struct Tensor {
  Bytes name;
  std::vector<int64_t> dims;
  int32_t data_type = 0, data_location = 0;
  std::optional<Bytes> raw;
  std::vector<float> floats;
  std::vector<double> doubles;
  std::vector<int32_t> int32s;
  std::vector<int64_t> int64s;
  std::vector<uint64_t> uint64s;
  std::vector<Bytes> strings;
  std::vector<Entry> external;
  bool segmented = false;
};

struct SparseTensor {
  Bytes values, indices;
  std::vector<int64_t> dims;
};

struct ValueInfo {
  Bytes name;
  std::optional<Bytes> type;
};

struct Dimension {
  std::optional<int64_t> value;
  Bytes param;
};

struct Type {
  enum class Kind { none, tensor, sequence, map, sparse_tensor, optional } kind = Kind::none;
  int32_t element = 0;  // of a tensor; key type of a map
  Bytes inner;          // type of the elements of a sequence, map or optional
  std::optional<std::vector<Dimension>> dims;
};

Model decode_model(Bytes);
Function decode_function(Bytes);
Graph decode_graph(Bytes);
Node decode_node(Bytes);
Attribute decode_attribute(Bytes);
Tensor decode_tensor(Bytes);
Bytes decode_tensor_name(Bytes);
SparseTensor decode_sparse_tensor(Bytes);
ValueInfo decode_value_info(Bytes);
Type decode_type(Bytes);

}  // namespace vivace::onnx::proto
