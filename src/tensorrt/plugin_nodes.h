// ONNX nodes that carry a plugin's name.
#pragma once

#include "frontends/onnx/import.h"

namespace vivace::tensorrt {

/// Operators that Vivace lacks and that a creator of the registry makes a plugin for: the creator is found by the
/// operator's name and the attributes plugin_version ("1") and plugin_namespace ("").
/// @param override plugins come before Vivace's own operators
const onnx::Extensions& plugin_nodes(bool override);

}  // namespace vivace::tensorrt
