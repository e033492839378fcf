// What all layers share: inputs, outputs, name, type choices, and that parameters may change after emission.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tensorrt/emitter.h"
#include "tensorrt/tensor.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

class Layer {
 public:
  Layer(Network& network, nvinfer1::LayerType type);
  virtual ~Layer();
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  /// Adds the layer's nodes, and gives every output a value.
  virtual void emit(Build& b) = 0;
  virtual nvinfer1::ILayer* face() = 0;
  /// Tensors that are emitted before the layer is; a loop emits its own.
  virtual std::vector<NetworkTensor*> dependencies() const { return inputs; }
  /// Tensors that the outputs depend on: the inputs, and for the outputs of loops and conditionals all that goes in.
  virtual std::vector<NetworkTensor*> sources() const { return inputs; }

  Network& network;
  const nvinfer1::LayerType type;
  std::string name, metadata;
  std::vector<NetworkTensor*> inputs;  // nullptr: none there
  std::vector<std::unique_ptr<NetworkTensor>> outputs;
  std::optional<DType> precision;
  std::vector<std::optional<DType>> output_types;
  int32_t ranks = 1;
  /// Of a parsed layer: the node it stands for, emitted as it is until a parameter changes.
  const ir::Node* source = nullptr;
  /// Whether the layer's parameters say all that `source` does.
  bool faithful = false;

  /// "layer 'x' (Convolution)", for messages.
  std::string describe() const;
  void add_outputs(size_t count);
  void set_input(int32_t index, nvinfer1::ITensor& tensor);
  void set_output_type(int32_t index, std::optional<DType> type);

 protected:
  /// Every setter goes through here: what was emitted is emitted again.
  template <class T, class V>
  void change(T& member, V&& value) {
    if (!may_change()) return;
    member = std::forward<V>(value);
    changed();
  }
  bool may_change();
  void changed();
};

/// "Convolution", for names and messages.
const char* to_string(nvinfer1::LayerType type);

/// The methods that every interface of a layer has.
template <class Interface>
class LayerOf : public Interface, public Layer {
 public:
  using Layer::Layer;
  using Layer::outputs;

  nvinfer1::ILayer* face() override { return this; }
  nvinfer1::LayerType getType() const noexcept override { return type; }
  void setName(char const* value) noexcept override { name = value ? value : ""; }
  char const* getName() const noexcept override { return name.c_str(); }
  int32_t getNbInputs() const noexcept override { return static_cast<int32_t>(inputs.size()); }
  nvinfer1::ITensor* getInput(int32_t index) const noexcept override {
    return index >= 0 && index < getNbInputs() ? inputs[static_cast<size_t>(index)] : nullptr;
  }
  int32_t getNbOutputs() const noexcept override { return static_cast<int32_t>(outputs.size()); }
  nvinfer1::ITensor* getOutput(int32_t index) const noexcept override {
    return index >= 0 && index < getNbOutputs() ? outputs[static_cast<size_t>(index)].get() : nullptr;
  }
  void setInput(int32_t index, nvinfer1::ITensor& tensor) noexcept override { set_input(index, tensor); }
  void setPrecision(nvinfer1::DataType value) noexcept override { precision = to_dtype(value); }
  nvinfer1::DataType getPrecision() const noexcept override { return to_data_type(precision.value_or(DType::f32)); }
  bool precisionIsSet() const noexcept override { return precision.has_value(); }
  void resetPrecision() noexcept override { precision.reset(); }
  void setOutputType(int32_t index, nvinfer1::DataType value) noexcept override {
    set_output_type(index, to_dtype(value));
  }
  nvinfer1::DataType getOutputType(int32_t index) const noexcept override {
    const nvinfer1::ITensor* output = getOutput(index);
    return output ? output->getType() : nvinfer1::DataType::kFLOAT;
  }
  bool outputTypeIsSet(int32_t index) const noexcept override {
    return index >= 0 && index < getNbOutputs() && output_types[static_cast<size_t>(index)].has_value();
  }
  void resetOutputType(int32_t index) noexcept override { set_output_type(index, std::nullopt); }
  void setMetadata(char const* value) noexcept override { metadata = value ? value : ""; }
  char const* getMetadata() const noexcept override { return metadata.c_str(); }
  bool setNbRanks(int32_t value) noexcept override { return value == 1; }  // one device
  int32_t getNbRanks() const noexcept override { return ranks; }
};

// A parameter: its member, its setter and its getter. VIVACE_DIMS: one of type Dims, which setters take by reference.
#define VIVACE_PARAMETER(Type, Name, member, initial)                     \
  Type member = initial;                                                  \
  void set##Name(Type value) noexcept override { change(member, value); } \
  Type get##Name() const noexcept override { return member; }
#define VIVACE_DIMS(Name, member)                                                          \
  nvinfer1::Dims member = no_dims();                                                       \
  void set##Name(nvinfer1::Dims const& value) noexcept override { change(member, value); } \
  nvinfer1::Dims get##Name() const noexcept override { return member; }

}  // namespace vivace::tensorrt
