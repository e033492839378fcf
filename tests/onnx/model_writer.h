// A small protobuf encoder that makes ONNX models for tests, well-formed ones and others.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "frontends/onnx/import.h"
#include "ir/text.h"

namespace vivace::onnx::test {

/// An encoded message; fields are appended.
struct Message {
  std::string bytes;

  static std::string varint(uint64_t v) {
    std::string out;
    for (; v >= 128; v >>= 7) out += static_cast<char>(v | 128);
    return out + static_cast<char>(v);
  }
  Message& number(int field, int64_t v) {
    bytes += varint(static_cast<uint64_t>(field) << 3) + varint(static_cast<uint64_t>(v));
    return *this;
  }
  Message& text(int field, const std::string& v) {
    bytes += varint(static_cast<uint64_t>(field) << 3 | 2) + varint(v.size()) + v;
    return *this;
  }
  Message& real(int field, float v) {
    bytes += varint(static_cast<uint64_t>(field) << 3 | 5) + std::string(reinterpret_cast<const char*>(&v), 4);
    return *this;
  }
  Message& add(int field, const Message& v) { return text(field, v.bytes); }
  Message& add(int field, const std::vector<Message>& all) {
    for (const Message& v : all) add(field, v);
    return *this;
  }
};

/// raw_data of numbers.
template <class T>
std::string raw(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

inline Message tensor_of(const std::string& name, DType type, const std::vector<int64_t>& dims) {
  Message m;
  for (const int64_t d : dims) m.number(1, d);
  return m.number(2, static_cast<int64_t>(type)).text(8, name);
}
template <class T>
Message tensor(const std::string& name, const std::vector<int64_t>& dims, const std::vector<T>& values) {
  return tensor_of(name, dtype_of<T>, dims).text(9, raw(values));
}
inline Message numbers(const std::string& name, const std::vector<int64_t>& values) {
  return tensor<int64_t>(name, {static_cast<int64_t>(values.size())}, values);
}

inline Message tensor_type(DType type, const std::vector<std::string>& dims) {
  Message shape;
  for (const std::string& d : dims) {
    const bool number = d.find_first_not_of("-0123456789") == std::string::npos;
    shape.add(1, number ? Message().number(1, std::stoll(d)) : Message().text(2, d));
  }
  return Message().add(1, Message().number(1, static_cast<int64_t>(type)).add(2, shape));
}
/// ValueInfoProto; a dimension is a number or a symbol.
inline Message value(const std::string& name, DType type, const std::vector<std::string>& dims) {
  return Message().text(1, name).add(2, tensor_type(type, dims));
}

// Attributes.
inline Message attribute(const std::string& name, int64_t v) { return Message().text(1, name).number(20, 2).number(3, v); }
inline Message attribute(const std::string& name, int v) { return attribute(name, int64_t{v}); }
inline Message attribute(const std::string& name, float v) { return Message().text(1, name).number(20, 1).real(2, v); }
inline Message attribute(const std::string& name, const char* v) { return Message().text(1, name).number(20, 3).text(4, v); }
inline Message attribute(const std::string& name, const std::vector<int64_t>& v) {
  Message m = Message().text(1, name).number(20, 7);
  for (const int64_t x : v) m.number(8, x);
  return m;
}
inline Message attribute(const std::string& name, const std::vector<float>& v) {
  return Message().text(1, name).number(20, 6).text(7, raw(v));
}
inline Message tensor_attribute(const std::string& name, const Message& v) {
  return Message().text(1, name).number(20, 4).add(5, v);
}
inline Message graph_attribute(const std::string& name, const Message& v) {
  return Message().text(1, name).number(20, 5).add(6, v);
}
inline Message reference(const std::string& name, const std::string& to, int kind) {
  return Message().text(1, name).number(20, kind).text(21, to);
}

inline Message node(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                    const std::vector<Message>& attributes = {}, const std::string& name = {}) {
  Message m;
  for (const std::string& s : inputs) m.text(1, s);
  for (const std::string& s : outputs) m.text(2, s);
  if (!name.empty()) m.text(3, name);
  const size_t dot = op.rfind('.');
  if (dot != std::string::npos) m.text(7, op.substr(0, dot));
  return m.text(4, dot == std::string::npos ? op : op.substr(dot + 1)).add(5, attributes);
}

inline Message graph(const std::vector<Message>& nodes, const std::vector<Message>& inputs,
                     const std::vector<Message>& outputs, const std::vector<Message>& initializers = {}) {
  return Message().add(1, nodes).text(2, "g").add(5, initializers).add(11, inputs).add(12, outputs);
}

inline Message opset(int64_t version, const std::string& domain = {}) { return Message().text(1, domain).number(2, version); }
inline Message model(const Message& graph, int64_t version = 21) {
  return Message().number(1, 10).add(8, opset(version)).add(7, graph);
}

inline Result<std::unique_ptr<ir::Graph>> import(const Message& model, const ImportOptions& options = {}) {
  return import_bytes(std::as_bytes(std::span(model.bytes)), options);
}

}  // namespace vivace::onnx::test
