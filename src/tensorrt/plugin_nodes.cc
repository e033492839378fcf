#include "tensorrt/plugin_nodes.h"

#include <cstring>

#include "tensorrt/plugin_host.h"

namespace vivace::tensorrt {

namespace {

using nvinfer1::PluginField;
using nvinfer1::PluginFieldCollection;
using nvinfer1::PluginFieldType;

nvinfer1::IPluginCreatorInterface* creator_of(const std::string& op, const ir::Attributes& attributes) {
  return find_creator(op, attributes.text("plugin_version", "1"), attributes.text("plugin_namespace"));
}

template <class T, class From>
std::string elements_of(const std::vector<From>& numbers) {
  std::string bytes;
  for (const From number : numbers) {
    const T element = static_cast<T>(number);
    bytes.append(reinterpret_cast<const char*>(&element), sizeof element);
  }
  return bytes;
}

// An attribute's numbers, given as one or as a list, of the type that a field has.
bool pack(const ir::Attributes& from, const std::string& name, PluginFieldType type, std::string& bytes,
          int32_t& length) {
  std::vector<int64_t> integers = from.integers(name);
  if (const auto* one = from.get<int64_t>(name)) integers = {*one};
  std::vector<float> reals;
  if (const auto* list = from.get<std::vector<float>>(name)) reals = *list;
  if (const auto* one = from.get<float>(name)) reals = {*one};
  if (const Tensor* tensor = from.get<Tensor>(name)) {
    bytes.assign(static_cast<const char*>(tensor->data()), tensor->bytes());
    length = static_cast<int32_t>(tensor->count());
    return true;
  }
  const auto* text = from.get<std::string>(name);
  length = static_cast<int32_t>(integers.empty() ? reals.size() : integers.size());
  switch (type) {
    case PluginFieldType::kFLOAT32:
      bytes = integers.empty() ? elements_of<float>(reals) : elements_of<float>(integers);
      return !text;
    case PluginFieldType::kFLOAT64:
      bytes = integers.empty() ? elements_of<double>(reals) : elements_of<double>(integers);
      return !text;
    case PluginFieldType::kFLOAT16:
      for (const int64_t number : integers) reals.push_back(static_cast<float>(number));
      bytes.clear();
      for (const float number : reals) {
        const Float16 half(number);
        bytes.append(reinterpret_cast<const char*>(&half), sizeof half);
      }
      return !text;
    case PluginFieldType::kINT8: return bytes = elements_of<int8_t>(integers), !text && reals.empty();
    case PluginFieldType::kINT16: return bytes = elements_of<int16_t>(integers), !text && reals.empty();
    case PluginFieldType::kINT32: return bytes = elements_of<int32_t>(integers), !text && reals.empty();
    case PluginFieldType::kINT64: return bytes = elements_of<int64_t>(integers), !text && reals.empty();
    case PluginFieldType::kCHAR:
    case PluginFieldType::kUNKNOWN:
      if (!text) return false;
      // Text ends with a zero, bytes do not.
      bytes.assign(text->c_str(), text->size() + (type == PluginFieldType::kCHAR ? 1 : 0));
      length = static_cast<int32_t>(bytes.size());
      return true;
    default: return false;
  }
}

class PluginNodes final : public onnx::Extensions {
 public:
  explicit PluginNodes(bool override) : override_(override) {}
  bool overrides() const override { return override_; }
  std::string node() const override { return kPluginNode; }
  bool knows(const std::string& op, const ir::Attributes& attributes) const override {
    return creator_of(op, attributes) != nullptr;
  }

  Result<ir::Attributes> read(const std::string& op, const std::string& name, const ir::Attributes& attributes,
                              const std::vector<ir::Type>& inputs) const override {
    nvinfer1::IPluginCreatorInterface* creator = creator_of(op, attributes);
    if (!creator) return Status(Code::unsupported, "the creator of plugin '" + op + "' is gone");
    const bool third = std::strcmp(creator->getInterfaceInfo().kind, "PLUGIN CREATOR_V3ONE") == 0;
    auto* creator_v3 = third ? static_cast<nvinfer1::IPluginCreatorV3One*>(creator) : nullptr;
    auto* creator_v2 = third ? nullptr : static_cast<nvinfer1::IPluginCreator*>(creator);
    const PluginFieldCollection* wanted = third ? creator_v3->getFieldNames() : creator_v2->getFieldNames();
    const int32_t count = wanted ? wanted->nbFields : 0;
    std::vector<std::string> data(static_cast<size_t>(count));
    std::vector<PluginField> fields;
    for (int32_t i = 0; i < count; ++i) {
      const PluginField& field = wanted->fields[i];
      if (!field.name || !attributes.has(field.name)) continue;  // the plugin has a value of its own for it
      std::string& bytes = data[static_cast<size_t>(i)];
      int32_t length = 0;
      if (!pack(attributes, field.name, field.type, bytes, length))
        return Status(Code::unsupported, "attribute '" + std::string(field.name) +
                                             "' does not have the type of the plugin's field of that name");
      fields.emplace_back(field.name, bytes.data(), field.type, length);
    }
    const PluginFieldCollection collection{static_cast<int32_t>(fields.size()), fields.data()};
    if (third) {
      OwnedV3 plugin(creator_v3->createPlugin(name.c_str(), &collection, nvinfer1::TensorRTPhase::kBUILD));
      if (!plugin) return Status(Code::invalid_model, "the creator of plugin '" + op + "' gave none");
      return plugin_attributes(std::move(plugin), inputs, size_t{0});
    }
    OwnedV2 plugin(creator_v2->createPlugin(name.c_str(), &collection));
    if (!plugin) return Status(Code::invalid_model, "the creator of plugin '" + op + "' gave none");
    if (const std::string space = attributes.text("plugin_namespace"); !space.empty())
      plugin->setPluginNamespace(space.c_str());
    return plugin_attributes(std::move(plugin), inputs, false);
  }

 private:
  bool override_;
};

}  // namespace

const onnx::Extensions& plugin_nodes(bool override) {
  static const PluginNodes last(false), first(true);
  return override ? first : last;
}

}  // namespace vivace::tensorrt
