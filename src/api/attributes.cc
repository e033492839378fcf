// Attributes of layers.
#include "api/handles.h"

using namespace vivace;

namespace {

vivace_status set(vivace_attributes* attributes, const char* name, bool complete, auto&& make) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(attributes);
    VIVACE_NEED(name);
    if (!complete) return {Code::invalid_argument, "attribute '" + std::string(name) + "' has no value"};
    Result<ir::Attribute> made = make();
    if (!made.ok()) return made.status().within("attribute '" + std::string(name) + "'");
    attributes->map.insert_or_assign(name, *std::move(made));
    return {};
  });
}

template <class T>
vivace_status set_list(vivace_attributes* attributes, const char* name, const auto* values, size_t count) {
  return set(attributes, name, values || !count,
             [&]() -> Result<ir::Attribute> { return ir::Attribute(std::vector<T>(values, values + count)); });
}

}  // namespace

vivace_status vivace_attributes_create(vivace_attributes** attributes) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(attributes);
    *attributes = new vivace_attributes{};
    return {};
  });
}

void vivace_attributes_destroy(vivace_attributes* attributes) { delete attributes; }

vivace_status vivace_attributes_set_int(vivace_attributes* attributes, const char* name, int64_t value) {
  return set(attributes, name, true, [&]() -> Result<ir::Attribute> { return ir::Attribute(value); });
}

vivace_status vivace_attributes_set_float(vivace_attributes* attributes, const char* name, float value) {
  return set(attributes, name, true, [&]() -> Result<ir::Attribute> { return ir::Attribute(value); });
}

vivace_status vivace_attributes_set_string(vivace_attributes* attributes, const char* name, const char* text,
                                           size_t length) {
  return set(attributes, name, text || !length,
             [&]() -> Result<ir::Attribute> { return ir::Attribute(std::string(text ? text : "", length)); });
}

vivace_status vivace_attributes_set_ints(vivace_attributes* attributes, const char* name, const int64_t* values,
                                         size_t count) {
  return set_list<int64_t>(attributes, name, values, count);
}

vivace_status vivace_attributes_set_floats(vivace_attributes* attributes, const char* name, const float* values,
                                           size_t count) {
  return set_list<float>(attributes, name, values, count);
}

vivace_status vivace_attributes_set_strings(vivace_attributes* attributes, const char* name, const char* const* values,
                                            size_t count) {
  bool complete = values || !count;
  for (size_t i = 0; complete && i < count; ++i) complete = values[i] != nullptr;
  return complete ? set_list<std::string>(attributes, name, values, count)
                  : set(attributes, name, false, []() -> Result<ir::Attribute> { return ir::Attribute(); });
}

vivace_status vivace_attributes_set_tensor(vivace_attributes* attributes, const char* name, const vivace_tensor* value) {
  return set(attributes, name, value != nullptr, [&]() -> Result<ir::Attribute> {
    VIVACE_ASSIGN(Tensor copy, api::copy_of(value->tensor));
    return ir::Attribute(std::move(copy));
  });
}

vivace_status vivace_attributes_set_graph(vivace_attributes* attributes, const char* name, const vivace_network* value) {
  return set(attributes, name, value != nullptr, [&]() -> Result<ir::Attribute> {
    return ir::Attribute(std::shared_ptr<ir::Graph>(value->graph->clone()));
  });
}
