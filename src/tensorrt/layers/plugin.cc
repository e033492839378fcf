#include "tensorrt/layers/plugin.h"

namespace vivace::tensorrt {

namespace {

// `attributes` makes a node's attributes of the types of its inputs.
template <class F>
void emit_plugin(Build& b, F&& attributes) {
  std::vector<ir::Value*> inputs;
  std::vector<ir::Type> types;
  for (size_t i = 0; i < b.layer.inputs.size(); ++i) {
    inputs.push_back(b.in(i));
    if (!b.ok()) return;
    types.push_back(inputs.back()->type);
  }
  Result<ir::Attributes> made = attributes(types);
  if (!made.ok()) return b.fail(made.status());
  const size_t outputs = b.layer.outputs.size();
  b.add(kPluginNode, std::move(inputs), *std::move(made), static_cast<int>(outputs));
  for (size_t i = 0; i < outputs; ++i) b.out(b.output(static_cast<int>(i)), i);
}

}  // namespace

void PluginV2Layer::emit(Build& b) {
  emit_plugin(b, [&](const std::vector<ir::Type>& types) -> Result<ir::Attributes> {
    OwnedV2 copy(plugin->clone());
    if (!copy) return Status(Code::invalid_argument, "the plugin's clone() gave null");
    return plugin_attributes(std::move(copy), types, b.batch() == 1);
  });
}

void PluginV3Layer::emit(Build& b) {
  emit_plugin(b, [&](const std::vector<ir::Type>& types) -> Result<ir::Attributes> {
    OwnedV3 copy(plugin->clone());
    if (!copy) return Status(Code::invalid_argument, "the plugin's clone() gave null");
    return plugin_attributes(std::move(copy), types, shape_inputs);
  });
}

}  // namespace vivace::tensorrt
