// Layers whose computation is a client's plugin. The layer keeps a clone of it.
#pragma once

#include "tensorrt/layer.h"
#include "tensorrt/plugin_host.h"

namespace vivace::tensorrt {

class PluginV2Layer final : public LayerOf<nvinfer1::IPluginV2Layer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  nvinfer1::IPluginV2& getPlugin() noexcept override { return *plugin; }
  OwnedV2 plugin;
};

class PluginV3Layer final : public LayerOf<nvinfer1::IPluginV3Layer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  nvinfer1::IPluginV3& getPlugin() noexcept override { return *plugin; }
  OwnedV3 plugin;
  size_t shape_inputs = 0;  // the last inputs
};

}  // namespace vivace::tensorrt
