// From layers to nodes. An Emitter fills one graph; a Build is what one layer works with while it is emitted.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "NvInfer.h"
#include "base/status.h"
#include "ir/graph.h"

namespace vivace::tensorrt {

class Layer;
class NetworkTensor;

/// Emits layers into a graph on demand, each once. One that has another around it emits what is `inside` and takes the
/// rest from there: as captures where its graph is a subgraph, as it is where both fill the same graph.
class Emitter {
 public:
  explicit Emitter(ir::Graph& graph) : graph_(graph) {}
  Emitter(ir::Graph& graph, Emitter& outer, std::function<bool(const Layer&)> inside)
      : graph_(graph), outer_(&outer), inside_(std::move(inside)) {}

  ir::Graph& graph() { return graph_; }
  Emitter* outer() { return outer_; }
  /// The value of a tensor; its layer is emitted first where that has not happened.
  Result<ir::Value*> value(NetworkTensor& tensor);
  /// The same of a value of a parsed graph that is a constant.
  ir::Value* constant(const ir::Value& of);
  Status emit(Layer& layer);
  void bind(const NetworkTensor& tensor, ir::Value* value) { values_[&tensor] = value; }
  /// A value of the outer graph as an input of this subgraph.
  ir::Value* capture(ir::Value* outer_value);
  bool tried(const Layer& layer) const { return done_.contains(&layer); }
  /// What the subgraph takes from outside: the values there, in the order of the subgraph's last inputs.
  const std::vector<ir::Value*>& captures() const { return captures_; }
  const std::unordered_map<const NetworkTensor*, ir::Value*>& values() const { return values_; }

 private:
  ir::Graph& graph_;
  Emitter* outer_ = nullptr;
  std::function<bool(const Layer&)> inside_;
  std::unordered_map<const NetworkTensor*, ir::Value*> values_;
  std::unordered_map<const ir::Value*, ir::Value*> constants_, captured_;
  std::unordered_map<const Layer*, Status> done_;
  std::vector<ir::Value*> captures_;
};

/// The first error sticks: after it nodes are not added and values are null, so that emit() reads straight down.
class Build {
 public:
  Build(Emitter& emitter, Layer& layer) : emitter(emitter), layer(layer) {}

  Emitter& emitter;
  Layer& layer;

  const Status& status() const { return status_; }
  bool ok() const { return status_.ok(); }
  void fail(const std::string& what);
  void fail(Status status);

  /// 1 where tensors have a leading batch dimension that the client does not see.
  int batch() const;
  /// The value of input i; nullptr where the layer has none.
  ir::Value* in(size_t i = 0);
  bool has(size_t i) const;
  /// Rank of a value, the batch included; fails where it is not known.
  int rank(const ir::Value* value);
  /// The dimensions of a value of known rank.
  ir::Dims dims(const ir::Value* value);

  /// Adds a node and infers it. Gives its first output; output(i) the others.
  ir::Value* add(std::string op, std::vector<ir::Value*> inputs, ir::Attributes attributes = {}, int outputs = 1);
  ir::Value* output(int i) const { return last_ ? last_->output(static_cast<size_t>(i)) : nullptr; }
  ir::Node* last() const { return last_; }
  void out(ir::Value* value, size_t i = 0);

  ir::Value* constant(vivace::Tensor tensor);
  ir::Value* ints(const std::vector<int64_t>& values) { return constant(vivace::Tensor::of(values)); }
  ir::Value* integer(int64_t value) { return constant(vivace::Tensor::scalar(value)); }
  /// A float of the type of `like`.
  ir::Value* real(double value, const ir::Value* like);
  /// Weights under a shape, of the type of `like` where given; nullptr for none. Fails where counts differ.
  ir::Value* weights(const nvinfer1::Weights& weights, Shape shape, const ir::Value* like, const char* what);
  ir::Value* cast(ir::Value* value, DType type);
  ir::Value* cast_like(ir::Value* value, const ir::Value* like) { return like ? cast(value, like->type.dtype) : value; }
  ir::Value* i64(ir::Value* value) { return cast(value, DType::i64); }
  ir::Value* transpose(ir::Value* value, std::vector<int64_t> order);
  ir::Value* reshape(ir::Value* value, std::vector<int64_t> shape);
  /// The dimensions of a value: a constant where they are known.
  ir::Value* shape(ir::Value* value);
  /// One dimension, as a vector of one element.
  ir::Value* dim(ir::Value* value, int64_t axis);

 private:
  Status status_;
  ir::Node* last_ = nullptr;
};

/// Emits a parsed layer: its node, as it is.
void emit_source(Build& b);

}  // namespace vivace::tensorrt
