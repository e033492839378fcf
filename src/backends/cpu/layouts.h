// Which values of a graph have their channels in blocks.
#pragma once

#include <functional>

#include "ir/graph.h"

namespace vivace::cpu {

/// What a backend's blocked kernels can do.
struct LayoutPolicy {
  DType type = DType::f32;  // of the images they work on
  /// Channels of a block in a value of so many channels.
  std::function<int(int64_t channels)> block;
  /// Convolutions whose input has fewer channels, and is not in blocks, read it row-major.
  int64_t few_channels = 5;
  /// Whether a concatenation of channels may have parts of so many.
  std::function<bool(int64_t channels)> joins;
  /// Other operators that work on blocks where their inputs are in blocks; may be empty.
  std::function<bool(const ir::Node&)> follows;
};

/// Convolutions work on channels in blocks, and what lies between them follows, so that tensors are rearranged
/// (`vivace.Reorder`) only where a blocked part begins or ends. Changes `graph` in place; Value::type.channel_block
/// says the layout.
Status assign_layouts(ir::Graph& graph, const LayoutPolicy& policy);

/// A four-dimensional value of this type whose channels are known and whose other dimensions do not depend on data.
bool is_image(const ir::Value* v, DType type);

}  // namespace vivace::cpu
