#include "tensorrt/network.h"

#include <algorithm>

#include "ops/operator.h"
#include "tensorrt/formats.h"
#include "tensorrt/shape_values.h"

namespace vivace::tensorrt {

/// What was emitted so far.
struct Network::Emission {
  ir::Graph graph;
  Emitter emitter{graph};
  std::unordered_set<const ir::Value*> shape_values;
  int shape_values_of = -1;  // how many values the graph had
};

namespace {

/// The value under another type, for what is bound.
ir::Value* cast(ir::Graph& graph, ir::Value* value, DType type, const std::string& name) {
  ir::Node* const node = graph.add_node("Cast", {value}, 1, {{"to", static_cast<int64_t>(type)}}, name);
  (void)ops::infer_node(*node);  // every type of the interface casts to every other
  node->output()->name = name;
  return node->output();
}

}  // namespace

Network::Network(nvinfer1::IBuilder* builder, nvinfer1::ILogger* logger, nvinfer1::NetworkDefinitionCreationFlags flags,
                 bool implicit_batch, bool narrow)
    : builder_(builder), logger_(logger), flags_(flags), implicit_batch_(implicit_batch), narrow_(narrow) {}

Network::~Network() noexcept = default;

void Network::report(const Status& status) const {
  if (status.ok()) return;
  if (logger_) logger_->log(nvinfer1::ILogger::Severity::kERROR, status.message().c_str());
  if (recorder_)
    recorder_->reportError(
        status.code() == Code::internal ? nvinfer1::ErrorCode::kINTERNAL_ERROR : nvinfer1::ErrorCode::kINVALID_ARGUMENT,
        status.message().c_str());
}

std::nullptr_t Network::refuse(const char* method, const std::string& why) const {
  report({Code::invalid_argument, std::string(method) + ": " + why});
  return nullptr;
}

NetworkTensor* Network::own(const nvinfer1::ITensor& tensor) const {
  if (!own_.contains(&tensor)) return nullptr;
  return const_cast<NetworkTensor*>(static_cast<const NetworkTensor*>(&tensor));
}

// ---- Emission ----

Network::Emission& Network::emission() {
  if (emission_) return *emission_;
  emission_ = std::make_unique<Emission>();
  for (NetworkTensor* input : inputs_) {
    ir::Dims dims;
    if (implicit_batch_) dims.push_back(ir::Dim::symbol("batch"));
    for (int i = 0; i < input->dims.nbDims; ++i) {
      const auto size = static_cast<int64_t>(input->dims.d[i]);
      const std::string& called = input->dim_names[static_cast<size_t>(i)];
      if (size >= 0)
        dims.push_back(size);
      else
        dims.push_back(ir::Dim::symbol(called.empty() ? input->name + "_" + std::to_string(i) : called));
    }
    const ir::Type type = input->dims.nbDims < 0 ? ir::Type::tensor_of_any_rank(input->type)
                                                 : ir::Type::tensor(input->type, std::move(dims));
    ir::Value* value = emission_->graph.add_input(input->name, type);
    if (only_rounds(input->type, input->computed))
      value = cast(emission_->graph, value, input->computed, input->name + " cast");
    emission_->emitter.bind(*input, value);
  }
  return *emission_;
}

bool Network::only_rounds(DType from, DType to) const {
  const auto floating = [](DType type) { return type == DType::f32 || type == DType::f16 || type == DType::bf16; };
  return from != to && floating(from) && floating(to) &&
         !getFlag(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
}

Result<ir::Value*> Network::emitted(const NetworkTensor& tensor) {
  return emission().emitter.value(const_cast<NetworkTensor&>(tensor));
}

void Network::stale(const Layer& layer) {
  if (emission_ && emission_->emitter.tried(layer)) stale();
}

void Network::stale() {
  emission_.reset();
  reported_.clear();
}

nvinfer1::Dims Network::dimensions_of(const NetworkTensor& tensor) {
  if (!tensor.producer) return tensor.dims;
  Result<ir::Value*> value = emitted(tensor);
  if (!value.ok()) {
    if (reported_.insert(&tensor).second) report(value.status());
    return no_dims();
  }
  const ir::Type& type = (*value)->type;
  return type.dims ? to_dims(*type.dims, implicit_batch_ ? 1 : 0) : no_dims();
}

nvinfer1::DataType Network::shown(DType type) const {
  return to_data_type(narrow_ && type == DType::i64 ? DType::i32 : type);
}

nvinfer1::DataType Network::type_of(const NetworkTensor& tensor) {
  if (!tensor.producer) return shown(tensor.type);
  if (const std::optional<DType> asked = tensor.producer->output_types[static_cast<size_t>(tensor.index)])
    return shown(*asked);
  Result<ir::Value*> value = emitted(tensor);
  if (value.ok()) return shown((*value)->type.dtype);
  if (reported_.insert(&tensor).second) report(value.status());
  return nvinfer1::DataType::kFLOAT;
}

bool Network::is_input(const NetworkTensor& tensor) const {
  return std::find(inputs_.begin(), inputs_.end(), &tensor) != inputs_.end();
}
bool Network::is_output(const NetworkTensor& tensor) const {
  return std::find(outputs_.begin(), outputs_.end(), &tensor) != outputs_.end();
}

const std::unordered_set<const ir::Value*>& Network::shape_values() {
  for (const auto& layer : layers_) (void)emission().emitter.emit(*layer);
  Emission& made = emission();
  if (made.shape_values_of != made.graph.value_id_limit()) {
    made.shape_values = shape_values_of(made.graph);
    made.shape_values_of = made.graph.value_id_limit();
  }
  return made.shape_values;
}

bool Network::is_shape_tensor(const NetworkTensor& tensor) {
  Result<ir::Value*> value = emitted(tensor);
  if (!value.ok()) return false;
  const ir::Type& type = (*value)->type;
  if (type.rank() > 1 || (type.dtype != DType::i32 && type.dtype != DType::i64 && type.dtype != DType::boolean))
    return false;
  return shape_values().contains(*value);
}

std::vector<bool> Network::shape_inputs() {
  std::vector<bool> found;
  for (const NetworkTensor* input : inputs_) found.push_back(is_shape_tensor(*input));
  return found;
}

Result<nvinfer1::TensorFormat> Network::bound_format(const NetworkTensor& tensor, const ir::Value& value) const {
  if (tensor.formats == 1U << static_cast<int>(nvinfer1::TensorFormat::kLINEAR)) return nvinfer1::TensorFormat::kLINEAR;
  return choose_format(tensor.formats, value.type.dims.value_or(ir::Dims()), "tensor '" + tensor.name + "'");
}

Result<std::unique_ptr<ir::Graph>> Network::to_graph() {
  if (outputs_.empty())
    return Status(Code::invalid_argument, "network '" + name_ + "' has no outputs; mark them with markOutput()");
  // In order, so that long chains need no deep recursion; what no output needs may be wrong.
  for (const auto& layer : layers_) (void)emission().emitter.emit(*layer);
  std::vector<const NetworkTensor*> outputs(outputs_.begin(), outputs_.end());
  for (const NetworkTensor* tensor : debug_tensors())
    if (!is_output(*tensor)) outputs.push_back(tensor);
  for (const NetworkTensor* output : outputs) VIVACE_TRY(emitted(*output).status());
  Emission& made = emission();
  std::vector<ir::Value*> copies;
  std::unique_ptr<ir::Graph> graph = made.graph.clone(&copies);
  graph->name = name_;
  for (const auto& [tensor, value] : made.emitter.values())
    if (ir::Value* copy = copies[static_cast<size_t>(value->id())]) {
      if (!tensor->producer && !copy->is_input()) copy = copy->producer()->input(0);  // see emission()
      // Named weights keep their own name, which refitters go by.
      if (!copy->is_constant() || copy->name.empty()) copy->name = tensor->name;
    }
  std::unordered_set<const ir::Value*> marked;
  for (const NetworkTensor* output : outputs) {
    VIVACE_ASSIGN(const ir::Value* const value, emitted(*output));
    ir::Value* copy = copies[static_cast<size_t>(value->id())];
    if (copy->is_input() || copy->is_constant() || !marked.insert(copy).second) {
      ir::Node* const node = graph->add_node("Identity", {copy}, 1, {}, output->name);
      VIVACE_TRY(ops::infer_node(*node));
      copy = node->output();
      copy->name = output->name;
    }
    const DType bound = to_dtype(type_of(*output));
    if (only_rounds(copy->type.dtype, bound)) {
      copy->name += " cast";
      copy = cast(*graph, copy, bound, output->name);
    }
    VIVACE_ASSIGN(const nvinfer1::TensorFormat format, bound_format(*output, *copy));
    VIVACE_ASSIGN(copy, bring_out(*graph, copy, format));
    graph->mark_output(copy, output->name);
  }
  for (size_t i = 0; i < inputs_.size(); ++i) {
    ir::Value* const input = graph->inputs()[i];
    VIVACE_ASSIGN(const nvinfer1::TensorFormat format, bound_format(*inputs_[i], *input));
    VIVACE_TRY(take_in(*graph, input, format));
  }
  graph->erase_unused();
  return graph;
}

// ---- Inputs, outputs, names ----

nvinfer1::ITensor* Network::addInput(char const* name, nvinfer1::DataType type,
                                     nvinfer1::Dims const& dimensions) noexcept {
  if (!name || !*name) return refuse("addInput", "an input needs a name");
  const std::string what = "input '" + std::string(name) + "'";
  if (to_dtype(type) == DType::undefined) return refuse("addInput", what + " has no element type");
  if (dimensions.nbDims < 0 || dimensions.nbDims > nvinfer1::Dims::MAX_DIMS)
    return refuse("addInput", what + " has " + std::to_string(dimensions.nbDims) + " dimensions; 0 to 8 are possible");
  for (int i = 0; i < dimensions.nbDims; ++i)
    if (dimensions.d[i] < (implicit_batch_ ? 0 : -1))
      return refuse("addInput", what + " has a dimension of " + std::to_string(dimensions.d[i]) +
                                    (implicit_batch_ ? "; dynamic dimensions need an explicit batch" : ""));
  for (const NetworkTensor* input : inputs_)
    if (input->name == name) return refuse("addInput", what + " is there already");
  input_tensors_.push_back(std::make_unique<NetworkTensor>(*this, nullptr, 0, name));
  NetworkTensor* const made = input_tensors_.back().get();
  made->type = made->computed = to_dtype(type);
  made->dims = dimensions;
  own_.insert(made);
  inputs_.push_back(made);
  stale();
  return made;
}

void Network::markOutput(nvinfer1::ITensor& tensor) noexcept {
  NetworkTensor* const own_tensor = own(tensor);
  if (!own_tensor) return report({Code::invalid_argument, "markOutput: the tensor belongs to another network"});
  if (!is_output(*own_tensor)) outputs_.push_back(own_tensor);
}

void Network::unmarkOutput(nvinfer1::ITensor& tensor) noexcept { std::erase(outputs_, own(tensor)); }

void Network::removeTensor(nvinfer1::ITensor& tensor) noexcept {
  NetworkTensor* const own_tensor = own(tensor);
  std::erase(inputs_, own_tensor);
  std::erase(outputs_, own_tensor);
  stale();
}

bool Network::markDebug(nvinfer1::ITensor& tensor) noexcept {
  NetworkTensor* const own_tensor = own(tensor);
  return own_tensor && debug_.insert(own_tensor).second;
}
std::vector<const NetworkTensor*> Network::debug_tensors() const {
  std::vector<const NetworkTensor*> found;
  for (const auto& layer : layers_)
    for (const auto& output : layer->outputs)
      if (debug_.contains(output.get())) found.push_back(output.get());
  return found;
}
bool Network::unmarkDebug(nvinfer1::ITensor& tensor) noexcept { return debug_.erase(own(tensor)) != 0; }
bool Network::isDebugTensor(nvinfer1::ITensor const& tensor) const noexcept { return debug_.contains(own(tensor)); }
bool Network::markOutputForShapes(nvinfer1::ITensor& tensor) noexcept {
  NetworkTensor* const own_tensor = own(tensor);
  if (!own_tensor || !is_shape_tensor(*own_tensor)) return false;
  markOutput(tensor);
  return shape_outputs_.insert(own_tensor).second;
}
bool Network::unmarkOutputForShapes(nvinfer1::ITensor& tensor) noexcept {
  if (!shape_outputs_.erase(own(tensor))) return false;
  unmarkOutput(tensor);
  return true;
}

nvinfer1::ILayer* Network::getLayer(int32_t index) const noexcept {
  return index >= 0 && index < getNbLayers() ? layers_[static_cast<size_t>(index)]->face() : nullptr;
}
nvinfer1::ITensor* Network::getInput(int32_t index) const noexcept {
  return index >= 0 && index < getNbInputs() ? inputs_[static_cast<size_t>(index)] : nullptr;
}
nvinfer1::ITensor* Network::getOutput(int32_t index) const noexcept {
  return index >= 0 && index < getNbOutputs() ? outputs_[static_cast<size_t>(index)] : nullptr;
}

bool Network::getFlag(nvinfer1::NetworkDefinitionCreationFlag flag) const noexcept {
  return (flags_ >> static_cast<int32_t>(flag)) & 1U;
}
bool Network::hasExplicitPrecision() const noexcept {
  return getFlag(nvinfer1::NetworkDefinitionCreationFlag::kEXPLICIT_PRECISION);
}

bool Network::setWeightsName(nvinfer1::Weights weights, char const* name) noexcept {
  if (!weights.values || !name) return false;
  weight_names_[weights.values] = name;
  return true;
}
bool Network::markWeightsRefittable(char const* name) noexcept { return name && (refittable_.insert(name), true); }
bool Network::unmarkWeightsRefittable(char const* name) noexcept { return name && (refittable_.erase(name), true); }
bool Network::areWeightsMarkedRefittable(char const* name) const noexcept { return name && refittable_.contains(name); }

}  // namespace vivace::tensorrt
