// Field numbers are those of onnx.proto.
#include "frontends/onnx/proto.h"

namespace vivace::onnx::proto {

namespace {

void read_entry(const Fields& from, std::vector<Entry>& to) {
  Bytes message;
  from.read(message);
  Entry entry;
  for (Fields f(message); f.next();)
    switch (f.number()) {
      case 1: f.read(entry.key); break;
      case 2: f.read(entry.value); break;
    }
  to.push_back(entry);
}

void read_opset(const Fields& from, std::vector<Opset>& to) {
  Bytes message;
  from.read(message);
  Opset opset;
  for (Fields f(message); f.next();)
    switch (f.number()) {
      case 1: f.read(opset.domain); break;
      case 2: f.read(opset.version); break;
    }
  to.push_back(opset);
}

std::vector<Dimension> decode_dims(Bytes message) {
  std::vector<Bytes> messages;
  for (Fields f(message); f.next();)
    if (f.number() == 1) f.read(messages);
  std::vector<Dimension> dims(messages.size());
  for (size_t i = 0; i < dims.size(); ++i)
    for (Fields f(messages[i]); f.next();)
      switch (f.number()) {
        case 1:
          dims[i].value = 0;
          f.read(*dims[i].value);
          break;
        case 2: f.read(dims[i].param); break;
      }
  return dims;
}

}  // namespace

Model decode_model(Bytes message) {
  Model model;
  for (Fields f(message); f.next();)
    switch (f.number()) {
      case 1: f.read(model.ir_version); break;
      case 2: f.read(model.producer_name); break;
      case 3: f.read(model.producer_version); break;
      case 4: f.read(model.domain); break;
      case 5: f.read(model.model_version); break;
      case 6: f.read(model.doc_string); break;
      case 7: f.read(model.graph); break;
      case 8: read_opset(f, model.opsets); break;
      case 14: read_entry(f, model.metadata); break;
      case 25: f.read(model.functions); break;
    }
  return model;
}

Function decode_function(Bytes message) {
  Function function;
  for (Fields f(message); f.next();)
    switch (f.number()) {
      case 1: f.read(function.name); break;
      case 4: f.read(function.inputs); break;
      case 5: f.read(function.outputs); break;
      case 6: f.read(function.attributes); break;
      case 7: f.read(function.nodes); break;
      case 9: read_opset(f, function.opsets); break;
      case 10: f.read(function.domain); break;
      case 11: f.read(function.attribute_defaults); break;
      case 12: f.read(function.value_info); break;
      case 13: f.read(function.overload); break;
    }
  return function;
}

Graph decode_graph(Bytes message) {
  Graph graph;
  for (Fields f(message); f.next();)
    switch (f.number()) {
      case 1: f.read(graph.nodes); break;
      case 2: f.read(graph.name); break;
      case 5: f.read(graph.initializers); break;
      case 11: f.read(graph.inputs); break;
      case 12: f.read(graph.outputs); break;
      case 13: f.read(graph.value_info); break;
      case 15: f.read(graph.sparse_initializers); break;
    }
  return graph;
}

Node decode_node(Bytes message) {
  Node node;
  for (Fields f(message); f.next();)
    switch (f.number()) {
      case 1: f.read(node.inputs); break;
      case 2: f.read(node.outputs); break;
      case 3: f.read(node.name); break;
      case 4: f.read(node.op_type); break;
      case 5: f.read(node.attributes); break;
      case 7: f.read(node.domain); break;
      case 8: f.read(node.overload); break;
    }
  return node;
}

Attribute decode_attribute(Bytes message) {
  using enum AttributeKind;
  Attribute a;
  AttributeKind seen = undefined;  // files of the first ONNX version do not say which field is in use
  for (Fields f(message); f.next();) {
    AttributeKind kind = undefined;
    switch (f.number()) {
      case 1: f.read(a.name); break;
      case 2: f.read(a.real), kind = real; break;
      case 3: f.read(a.integer), kind = integer; break;
      case 4: f.read(a.text), kind = text; break;
      case 5: f.read(a.tensor), kind = tensor; break;
      case 6: f.read(a.graph), kind = graph; break;
      case 7: f.read_fixed(a.reals), kind = reals; break;
      case 8: f.read_varints(a.integers), kind = integers; break;
      case 9: f.read(a.texts), kind = texts; break;
      case 10: kind = tensors; break;
      case 11: kind = graphs; break;
      case 14: f.read(a.type), kind = type; break;
      case 15: kind = types; break;
      case 20: f.read(a.kind); break;
      case 21: f.read(a.reference); break;
      case 22: f.read(a.sparse_tensor), kind = sparse_tensor; break;
      case 23: kind = sparse_tensors; break;
    }
    if (kind != undefined) seen = kind;
  }
  if (a.kind == 0) a.kind = static_cast<int32_t>(seen);
  return a;
}

Tensor decode_tensor(Bytes message) {
  Tensor t;
  for (Fields f(message); f.next();)
    switch (f.number()) {
      case 1: f.read_varints(t.dims); break;
      case 2: f.read(t.data_type); break;
      case 3: t.segmented = true; break;
      case 4: f.read_fixed(t.floats); break;
      case 5: f.read_varints(t.int32s); break;
      case 6: f.read(t.strings); break;
      case 7: f.read_varints(t.int64s); break;
      case 8: f.read(t.name); break;
      case 9: t.raw.emplace(), f.read(*t.raw); break;
      case 10: f.read_fixed(t.doubles); break;
      case 11: f.read_varints(t.uint64s); break;
      case 13: read_entry(f, t.external); break;
      case 14: f.read(t.data_location); break;
    }
  return t;
}

Bytes decode_tensor_name(Bytes message) {
  Bytes name;
  for (Fields f(message); f.next();)
    if (f.number() == 8) f.read(name);
  return name;
}

SparseTensor decode_sparse_tensor(Bytes message) {
  SparseTensor t;
  for (Fields f(message); f.next();)
    switch (f.number()) {
      case 1: f.read(t.values); break;
      case 2: f.read(t.indices); break;
      case 3: f.read_varints(t.dims); break;
    }
  return t;
}

ValueInfo decode_value_info(Bytes message) {
  ValueInfo info;
  for (Fields f(message); f.next();)
    switch (f.number()) {
      case 1: f.read(info.name); break;
      case 2: info.type.emplace(), f.read(*info.type); break;
    }
  return info;
}

Type decode_type(Bytes message) {
  using enum Type::Kind;
  Type type;
  Bytes inner;
  for (Fields f(message); f.next();)
    switch (f.number()) {
      case 1: f.read(inner), type.kind = tensor; break;
      case 4: f.read(inner), type.kind = sequence; break;
      case 5: f.read(inner), type.kind = map; break;
      case 8: f.read(inner), type.kind = sparse_tensor; break;
      case 9: f.read(inner), type.kind = optional; break;
    }
  const bool holds_tensor = type.kind == tensor || type.kind == sparse_tensor;
  for (Fields f(inner); f.next();)
    switch (f.number()) {
      case 1:
        if (holds_tensor || type.kind == map) f.read(type.element);
        else f.read(type.inner);
        break;
      case 2:
        if (holds_tensor) {
          Bytes shape;
          f.read(shape);
          type.dims = decode_dims(shape);
        } else {
          f.read(type.inner);
        }
        break;
    }
  return type;
}

}  // namespace vivace::onnx::proto
