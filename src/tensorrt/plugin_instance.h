// One plugin object at work: shapes of outputs, and running on tensors in the host's memory.
#pragma once

#include "tensorrt/dimension_exprs.h"
#include "tensorrt/plugin_host.h"
#include "tensorrt/plugin_place.h"

namespace vivace::tensorrt {

class PluginInstance {
 public:
  virtual ~PluginInstance() = default;
  virtual Status infer(ops::Inference& in) = 0;
  virtual Status run(ops::Call& call) = 0;
  /// Another of its kind and state.
  virtual Result<std::unique_ptr<PluginInstance>> clone() = 0;
};

/// The plugin is ready to run: deserialized, or configured. `on_gpu`: its kernels are for a GPU.
Result<std::unique_ptr<PluginInstance>> make_instance(OwnedV2 plugin, bool implicit_batch, bool on_gpu);
Result<std::unique_ptr<PluginInstance>> make_instance(OwnedV3 plugin, size_t shape_inputs, int32_t tactic, bool on_gpu);

/// Asks whether a plugin takes linear tensors of these types, and tells it of them.
Status configure_for_build(nvinfer1::IPluginV2& plugin, const std::vector<ir::Type>& inputs, bool implicit_batch);
/// @param tactic the first of those that the plugin offers; 0 where it offers none
Status configure_for_build(nvinfer1::IPluginV3& plugin, const std::vector<ir::Type>& inputs, size_t shape_inputs,
                           int32_t& tactic);

// What both generations share.
nvinfer1::PluginTensorDesc describe(DType type, const nvinfer1::Dims& dims);
nvinfer1::DynamicPluginTensorDesc describe_range(const nvinfer1::PluginTensorDesc& desc);
Status plugin_error(const char* name, const std::string& what);

}  // namespace vivace::tensorrt
