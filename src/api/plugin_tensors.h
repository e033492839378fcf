// Tensors, fields and errors as plugins see them.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "ops/extension.h"
#include "vivace/plugin.h"

namespace vivace::api {

/// A list of vivace_plugin_tensor with the memory that they point to.
class PluginTensors {
 public:
  PluginTensors() = default;
  PluginTensors(const PluginTensors&) = delete;
  PluginTensors& operator=(const PluginTensors&) = delete;

  void add(const ops::PlacedTensor& tensor);
  /// An input while inferring; `value` where its elements are known.
  void add(const ir::Type& type, const Tensor* value);
  void add_missing();
  /// A tensor that was made meanwhile.
  void replace(size_t i, const TensorView& view) { list_[i] = describe({view}); }

  vivace_plugin_tensor* data() { return list_.data(); }
  size_t size() const { return list_.size(); }

 private:
  vivace_plugin_tensor describe(const ops::PlacedTensor& tensor);
  // What was added earlier stays where it is.
  std::deque<Shape> dims_;
  std::deque<std::vector<const char*>> symbols_;
  std::deque<std::string> names_;
  std::deque<std::vector<vivace_plugin_text>> texts_;
  std::vector<vivace_plugin_tensor> list_;
};

/// The attributes of a node as fields; it stays while they are used.
class PluginFields {
 public:
  /// unsupported where an attribute is a graph.
  Status read(const ir::Node& node);
  const std::vector<vivace_plugin_field>& list() const { return list_; }

 private:
  std::vector<vivace_plugin_field> list_;
  std::deque<std::vector<vivace_plugin_text>> texts_;
  PluginTensors tensors_;
};

/// Text that is equal for equal fields of nodes of one name.
std::string fields_key(const ir::Node& node);

/// What a plugin that was inferring says of an output, or why that is none.
Result<ir::Type> read_type(const vivace_plugin_type& type, const std::vector<ir::Type>& inputs);

}  // namespace vivace::api
