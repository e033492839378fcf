#include "tensorrt/layer.h"

#include "tensorrt/network.h"

namespace vivace::tensorrt {

namespace {

using nvinfer1::LayerType;

struct Named {
  LayerType type;
  const char* name;
};
constexpr Named kNames[] = {
    {LayerType::kCONVOLUTION, "Convolution"},
    {LayerType::kFULLY_CONNECTED, "Fully Connected"},
    {LayerType::kACTIVATION, "Activation"},
    {LayerType::kPOOLING, "Pooling"},
    {LayerType::kLRN, "LRN"},
    {LayerType::kSCALE, "Scale"},
    {LayerType::kSOFTMAX, "Softmax"},
    {LayerType::kDECONVOLUTION, "Deconvolution"},
    {LayerType::kCONCATENATION, "Concatenation"},
    {LayerType::kELEMENTWISE, "ElementWise"},
    {LayerType::kPLUGIN, "Plugin"},
    {LayerType::kUNARY, "Unary"},
    {LayerType::kPADDING, "Padding"},
    {LayerType::kSHUFFLE, "Shuffle"},
    {LayerType::kREDUCE, "Reduce"},
    {LayerType::kTOPK, "TopK"},
    {LayerType::kGATHER, "Gather"},
    {LayerType::kMATRIX_MULTIPLY, "Matrix Multiply"},
    {LayerType::kRAGGED_SOFTMAX, "Ragged Softmax"},
    {LayerType::kCONSTANT, "Constant"},
    {LayerType::kRNN_V2, "RNN"},
    {LayerType::kIDENTITY, "Identity"},
    {LayerType::kPLUGIN_V2, "PluginV2"},
    {LayerType::kSLICE, "Slice"},
    {LayerType::kSHAPE, "Shape"},
    {LayerType::kPARAMETRIC_RELU, "Parametric ReLU"},
    {LayerType::kRESIZE, "Resize"},
    {LayerType::kTRIP_LIMIT, "Trip Limit"},
    {LayerType::kRECURRENCE, "Recurrence"},
    {LayerType::kITERATOR, "Iterator"},
    {LayerType::kLOOP_OUTPUT, "Loop Output"},
    {LayerType::kSELECT, "Select"},
    {LayerType::kFILL, "Fill"},
    {LayerType::kQUANTIZE, "Quantize"},
    {LayerType::kDEQUANTIZE, "Dequantize"},
    {LayerType::kCONDITION, "Condition"},
    {LayerType::kCONDITIONAL_INPUT, "Conditional Input"},
    {LayerType::kCONDITIONAL_OUTPUT, "Conditional Output"},
    {LayerType::kSCATTER, "Scatter"},
    {LayerType::kEINSUM, "Einsum"},
    {LayerType::kASSERTION, "Assertion"},
    {LayerType::kONE_HOT, "OneHot"},
    {LayerType::kNON_ZERO, "NonZero"},
    {LayerType::kGRID_SAMPLE, "GridSample"},
    {LayerType::kNMS, "NMS"},
    {LayerType::kREVERSE_SEQUENCE, "Reverse Sequence"},
    {LayerType::kNORMALIZATION, "Normalization"},
    {LayerType::kCAST, "Cast"},
    {LayerType::kPLUGIN_V3, "PluginV3"},
    {LayerType::kSQUEEZE, "Squeeze"},
    {LayerType::kUNSQUEEZE, "Unsqueeze"},
    {LayerType::kCUMULATIVE, "Cumulative"},
    {LayerType::kDYNAMIC_QUANTIZE, "Dynamic Quantize"},
    {LayerType::kATTENTION_INPUT, "Attention Input"},
    {LayerType::kATTENTION_OUTPUT, "Attention Output"},
    {LayerType::kROTARY_EMBEDDING, "Rotary Embedding"},
    {LayerType::kKVCACHE_UPDATE, "KV Cache Update"},
    {LayerType::kMOE, "Mixture of Experts"},
    {LayerType::kDIST_COLLECTIVE, "Dist Collective"},
    {LayerType::kRNN, "RNN"},
};

}  // namespace

const char* to_string(LayerType type) {
  for (const Named& row : kNames)
    if (row.type == type) return row.name;
  return "Layer";
}

Layer::Layer(Network& network, LayerType type)
    : network(network),
      type(type),
      name("(Unnamed Layer* " + std::to_string(network.getNbLayers()) + ") [" + to_string(type) + "]") {}

Layer::~Layer() = default;

std::string Layer::describe() const { return "layer '" + name + "' (" + to_string(type) + ")"; }

void Layer::add_outputs(size_t count) {
  for (size_t i = outputs.size(); i < count; ++i) {
    std::string called = name + "_output";
    if (i) called += "_" + std::to_string(i);
    outputs.push_back(std::make_unique<NetworkTensor>(network, this, static_cast<int>(i), std::move(called)));
  }
  output_types.resize(outputs.size());
}

void Layer::set_input(int32_t index, nvinfer1::ITensor& tensor) {
  NetworkTensor* const own = network.own(tensor);
  if (!own || index < 0 || index >= 64)
    return network.report(
        {Code::invalid_argument, describe() + ": setInput " + std::to_string(index) +
                                     (own ? " is out of range" : " takes a tensor of the same network")});
  if (!may_change()) return;
  if (inputs.size() <= static_cast<size_t>(index)) inputs.resize(static_cast<size_t>(index) + 1);
  inputs[static_cast<size_t>(index)] = own;
  changed();
}

void Layer::set_output_type(int32_t index, std::optional<DType> value) {
  if (index < 0 || static_cast<size_t>(index) >= outputs.size() || value == DType::undefined)
    return network.report({Code::invalid_argument,
                           describe() + ": setOutputType " + std::to_string(index) + " names no output, or no type"});
  output_types[static_cast<size_t>(index)] = value;
  network.stale(*this);
}

bool Layer::may_change() {
  if (!source || faithful) return true;
  network.report({Code::unsupported, describe() + ": a parsed layer of this kind keeps its parameters; "
                                                  "add a layer of your own in its place"});
  return false;
}

void Layer::changed() {
  source = nullptr;
  network.stale(*this);
}

}  // namespace vivace::tensorrt
