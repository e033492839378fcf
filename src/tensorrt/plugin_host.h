// Plugins as nodes of a graph: which plugin a node is, and its running on
// the host.
#pragma once

#include <memory>
#include <string>

#include "NvInfer.h"
#include "ir/graph.h"
#include "ops/operator.h"

namespace vivace::tensorrt {

/// The operator of such nodes.
constexpr const char* kPluginNode = "vivace.tensorrt.Plugin";

struct FreePlugin {
  void operator()(nvinfer1::IPluginV2* plugin) const { plugin->destroy(); }
  void operator()(nvinfer1::IPluginV3* plugin) const { delete plugin; }
};
using OwnedV2 = std::unique_ptr<nvinfer1::IPluginV2, FreePlugin>;
using OwnedV3 = std::unique_ptr<nvinfer1::IPluginV3, FreePlugin>;

/// Configures a plugin for inputs of these types and gives the attributes of a node that stands for it; the plugin, a
/// clone of the client's, becomes what nodes with these attributes run by, so that no creator is needed here.
/// @param implicit_batch the first dimension is one that the plugin does not see
/// @return invalid_argument where the plugin cannot work on linear tensors of these types, or fails
Result<ir::Attributes> plugin_attributes(OwnedV2 plugin, const std::vector<ir::Type>& inputs, bool implicit_batch);
/// The last `shape_inputs` of the inputs give shapes by their elements.
Result<ir::Attributes> plugin_attributes(OwnedV3 plugin, const std::vector<ir::Type>& inputs, size_t shape_inputs);

/// The plugins of a graph that was read from a plan come from their creators, where those are registered, and not from
/// the plugins that the plan was built with in this process.
void ask_creators_again(const ir::Graph& graph);

/// A creator of this library's registry, or of that of the other generations' library, where the program registered;
/// null where there is none.
nvinfer1::IPluginCreatorInterface* find_creator(const std::string& name, const std::string& version,
                                                const std::string& space);

/// How many outputs a plugin has; 0 where it does not say.
int32_t output_count(nvinfer1::IPluginV3& plugin);

}  // namespace vivace::tensorrt
