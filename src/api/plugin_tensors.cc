#include "api/plugin_tensors.h"

#include <algorithm>

#include "base/hash.h"

namespace vivace::api {

namespace {

vivace_plugin_text text_of(const std::string& s) { return {s.c_str(), s.size()}; }

std::vector<vivace_plugin_text> texts_of(std::span<const std::string> from) {
  std::vector<vivace_plugin_text> list;
  for (const std::string& s : from) list.push_back(text_of(s));
  return list;
}

bool is_field(const std::string& name) { return name != ops::kPluginVersion && name != ops::kPluginLibrary; }

}  // namespace

vivace_plugin_tensor PluginTensors::describe(const ops::PlacedTensor& tensor) {
  const TensorView& view = tensor.view;
  if (view.type == DType::undefined) return {};
  const Shape& dims = dims_.emplace_back(view.shape);
  vivace_plugin_tensor t{};
  t.dtype = static_cast<vivace_dtype>(view.type);
  t.rank = tensor.has_shape ? static_cast<int32_t>(dims.size()) : -1;
  t.dims = dims.data();
  t.data = view.data;
  t.channel_block = tensor.channel_block;
  if (view.type == DType::string) {
    if (view.data) t.data = texts_.emplace_back(texts_of(view.span<const std::string>())).data();
  } else if (tensor.has_shape && std::all_of(dims.begin(), dims.end(), [](int64_t d) { return d >= 0; })) {
    t.bytes = view.bytes();
  }
  return t;
}

void PluginTensors::add(const ops::PlacedTensor& tensor) { list_.push_back(describe(tensor)); }

void PluginTensors::add_missing() { list_.push_back({}); }

void PluginTensors::add(const ir::Type& type, const Tensor* value) {
  if (value) return list_.push_back(describe({value->view()}));
  vivace_plugin_tensor t{};
  t.dtype = static_cast<vivace_dtype>(type.dtype);
  t.rank = type.rank();
  if (type.dims) {
    Shape& dims = dims_.emplace_back();
    std::vector<const char*>& symbols = symbols_.emplace_back();
    for (const ir::Dim& d : *type.dims) {
      dims.push_back(d.known() ? d.value() : -1);
      symbols.push_back(d.symbol().empty() ? nullptr : names_.emplace_back(d.symbol()).c_str());
    }
    t.dims = dims.data();
    t.symbols = symbols.data();
  }
  list_.push_back(t);
}

Status PluginFields::read(const ir::Node& node) {
  for (const auto& [name, attribute] : node.attributes)
    if (const Tensor* tensor = std::get_if<Tensor>(&attribute); tensor && is_field(name))
      tensors_.add(ops::PlacedTensor{tensor->view()});
  size_t tensor = 0;
  for (const auto& [name, attribute] : node.attributes) {
    if (!is_field(name)) continue;
    const auto add = [this, called = name.c_str()](vivace_field_kind kind, size_t count, const void* values) {
      list_.push_back({called, kind, count, values});
    };
    if (const auto* integer = std::get_if<int64_t>(&attribute)) add(VIVACE_FIELD_INT, 1, integer);
    if (const auto* real = std::get_if<float>(&attribute)) add(VIVACE_FIELD_FLOAT, 1, real);
    if (const auto* text = std::get_if<std::string>(&attribute))
      add(VIVACE_FIELD_STRING, 1, texts_.emplace_back(1, text_of(*text)).data());
    if (const auto* list = std::get_if<std::vector<int64_t>>(&attribute))
      add(VIVACE_FIELD_INTS, list->size(), list->data());
    if (const auto* list = std::get_if<std::vector<float>>(&attribute))
      add(VIVACE_FIELD_FLOATS, list->size(), list->data());
    if (const auto* list = std::get_if<std::vector<std::string>>(&attribute))
      add(VIVACE_FIELD_STRINGS, list->size(), texts_.emplace_back(texts_of(*list)).data());
    if (std::holds_alternative<Tensor>(attribute)) add(VIVACE_FIELD_TENSOR, 1, tensors_.data() + tensor++);
    if (std::holds_alternative<std::shared_ptr<ir::Graph>>(attribute))
      return {Code::unsupported, node.describe() + ": attribute '" + name + "' is a graph, which plugins cannot have"};
  }
  return {};
}

std::string fields_key(const ir::Node& node) {
  uint64_t hash = 0;
  const auto bytes = [&](const void* data, size_t size) { hash = hash_bytes(data, size, hash + size); };
  const auto text = [&](std::string_view s) { bytes(s.data(), s.size()); };
  for (const auto& [name, attribute] : node.attributes) {
    text(name);
    const size_t kind = attribute.index();
    bytes(&kind, sizeof kind);
    std::visit(
        [&]<class T>(const T& value) {
          if constexpr (std::is_arithmetic_v<T>) {
            bytes(&value, sizeof value);
          } else if constexpr (std::is_same_v<T, std::string>) {
            text(value);
          } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
            for (const std::string& s : value) text(s);
          } else if constexpr (std::is_same_v<T, Tensor>) {
            const DType type = value.type();
            bytes(&type, sizeof type);
            bytes(value.shape().data(), value.shape().size() * sizeof(int64_t));
            if (type == DType::string)
              for (const std::string& s : value.template span<std::string>()) text(s);
            else
              bytes(value.data(), value.bytes());
          } else if constexpr (!std::is_same_v<T, std::shared_ptr<ir::Graph>>) {
            bytes(value.data(), value.size() * sizeof(value[0]));
          }
        },
        attribute);
  }
  return std::to_string(node.inputs().size()) + ' ' + std::to_string(node.outputs().size()) + ' ' + to_hex(hash) + ' ' +
         node.name;
}

Result<ir::Type> read_type(const vivace_plugin_type& type, const std::vector<ir::Type>& inputs) {
  if (type.dtype <= VIVACE_UNDEFINED || type.dtype > VIVACE_I2)
    return Status(Code::invalid_model, "has no type (" + std::to_string(type.dtype) + ")");
  const auto dtype = static_cast<DType>(type.dtype);
  if (type.rank < -1 || type.rank > VIVACE_PLUGIN_MAX_RANK)
    return Status(Code::invalid_model, "has rank " + std::to_string(type.rank));
  if (type.rank < 0) return ir::Type::tensor_of_any_rank(dtype);
  ir::Dims dims;
  for (int32_t i = 0; i < type.rank; ++i) {
    if (type.dims[i] < -1)
      return Status(Code::invalid_model,
                    "has a dimension " + std::to_string(i) + " of size " + std::to_string(type.dims[i]));
    const char* symbol = type.dims[i] < 0 ? type.symbols[i] : nullptr;
    ir::Dim dim = type.dims[i] < 0 ? ir::Dim() : ir::Dim(type.dims[i]);
    for (const ir::Type& input : inputs) {
      if (!symbol || !input.dims) continue;
      const auto same = std::find_if(input.dims->begin(), input.dims->end(),
                                     [&](const ir::Dim& d) { return !d.known() && d.symbol() == symbol; });
      if (same != input.dims->end()) dim = *same;
    }
    if (symbol && *symbol && dim.symbol().empty())
      return Status(Code::invalid_model,
                    "has a dimension " + std::to_string(i) + " called '" + symbol + "', as no input has one");
    dims.push_back(std::move(dim));
  }
  return ir::Type::tensor(dtype, std::move(dims));
}

}  // namespace vivace::api
