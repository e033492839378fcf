// Layers of a parsed graph: one for each node, of the type that fits its operator. They are emitted as the node is;
// where the layer's parameters say all that the node does, setters work too.
#include <string_view>

#include "ops/operator.h"
#include "tensorrt/layers/layers.h"
#include "tensorrt/network.h"

namespace vivace::tensorrt {

using namespace nvinfer1;

namespace {

Dims dims_of(const ir::Node& node, const char* attribute, size_t count, int64_t otherwise) {
  return to_dims(node.attributes.integers(attribute, std::vector<int64_t>(count, otherwise)));
}

Weights weights_of(const ir::Value* value) {
  Weights made{DataType::kFLOAT, nullptr, 0};
  if (!value || !value->is_constant()) return made;
  made.type = to_data_type(value->constant().type());
  made.values = value->constant().data();
  made.count = value->constant().count();
  return made;
}

template <class L>
void take_window(L& layer, const ir::Node& node, size_t spatial) {
  layer.stride = dims_of(node, "strides", spatial, 1);
  const std::vector<int64_t> pads = node.attributes.integers("pads", std::vector<int64_t>(2 * spatial, 0));
  const auto middle = pads.begin() + static_cast<ptrdiff_t>(std::min(spatial, pads.size()));
  layer.pre_padding = to_dims(std::vector<int64_t>(pads.begin(), middle));
  layer.post_padding = to_dims(std::vector<int64_t>(middle, pads.end()));
  const std::string pad = node.attributes.text("auto_pad", "NOTSET");
  if (pad == "SAME_UPPER") layer.padding_mode = PaddingMode::kSAME_UPPER;
  if (pad == "SAME_LOWER") layer.padding_mode = PaddingMode::kSAME_LOWER;
  if (node.attributes.integer("ceil_mode")) layer.padding_mode = PaddingMode::kEXPLICIT_ROUND_UP;
}

// The kernel of a convolution; faithful where weights and shapes are constants of 2 or 3 spatial dimensions.
template <class L>
bool take_kernel(L& layer, const ir::Node& node, bool transposed) {
  const ir::Value* const w = node.input(1);
  const std::optional<Shape> shape = w ? w->type.shape() : std::nullopt;
  if (!shape || shape->size() < 3) return false;
  const size_t spatial = shape->size() - 2;
  layer.groups = node.attributes.integer("group", 1);
  layer.maps = transposed ? (*shape)[1] * layer.groups : (*shape)[0];
  layer.kernel = to_dims(std::vector<int64_t>(shape->begin() + 2, shape->end()));
  layer.dilation = dims_of(node, "dilations", spatial, 1);
  layer.kernel_weights = weights_of(w);
  layer.bias_weights = weights_of(node.input(2));
  take_window(layer, node, spatial);
  const bool plain = !node.attributes.has("output_shape") && !node.attributes.has("output_padding");
  return w->is_constant() && (!node.input(2) || node.input(2)->is_constant()) && spatial <= 3 && spatial >= 2 && plain;
}

using Make = std::unique_ptr<Layer> (*)(Network&, LayerType, const ir::Node&);

template <class L>
std::unique_ptr<Layer> plain(Network& network, LayerType type, const ir::Node&) {
  return std::make_unique<L>(network, type);
}

template <class L, auto kValue>
std::unique_ptr<Layer> with_operation(Network& network, LayerType type, const ir::Node& node) {
  auto made = std::make_unique<L>(network, type);
  if constexpr (requires { made->operation = kValue; })
    made->operation = kValue;
  else
    made->kind = kValue;
  if constexpr (std::is_same_v<L, ActivationLayer>) {
    if (node.attributes.has("alpha")) made->alpha = node.attributes.real("alpha");
    if (node.attributes.has("beta")) made->beta = node.attributes.real("beta");
    if (node.attributes.has("gamma")) made->beta = node.attributes.real("gamma");
    made->faithful = node.op != "Clip" && node.op != "Gelu";
  } else {
    // Both operands must be tensors of the network for the layer to be emitted from its parameters.
    made->faithful = node.inputs().size() <= 2 && (std::is_same_v<L, UnaryLayer>);
  }
  return made;
}

template <class L, bool kTransposed>
std::unique_ptr<Layer> convolution(Network& network, LayerType type, const ir::Node& node) {
  auto made = std::make_unique<L>(network, type);
  made->faithful = take_kernel(*made, node, kTransposed);
  return made;
}

template <PoolingType kKind>
std::unique_ptr<Layer> pooling(Network& network, LayerType type, const ir::Node& node) {
  auto made = std::make_unique<PoolingLayer>(network, type);
  made->kind = kKind;
  const std::vector<int64_t> window = node.attributes.integers("kernel_shape");
  made->window = to_dims(window);
  made->exclusive = node.attributes.integer("count_include_pad") == 0;
  take_window(*made, node, window.size());
  made->faithful =
      (window.size() == 2 || window.size() == 3) && !node.attributes.has("dilations") && node.outputs().size() == 1;
  return made;
}

template <ReduceOperation kOperation>
std::unique_ptr<Layer> reduction(Network& network, LayerType type, const ir::Node& node) {
  auto made = std::make_unique<ReduceLayer>(network, type);
  made->operation = kOperation;
  made->keep = node.attributes.integer("keepdims", 1) != 0;
  const ir::Value* const axes = node.input(1);
  const int rank = node.input(0) ? node.input(0)->type.rank() : -1;
  if (axes && axes->is_constant())
    for (const int64_t axis : to_int64(axes->constant()))
      if (axis >= 0 || rank > 0) made->axes |= 1U << (axis < 0 ? axis + rank : axis);
  made->faithful = made->axes != 0;
  return made;
}

std::unique_ptr<Layer> softmax(Network& network, LayerType type, const ir::Node& node) {
  auto made = std::make_unique<SoftMaxLayer>(network, type);
  const int64_t axis = node.attributes.integer("axis", -1), rank = node.input(0) ? node.input(0)->type.rank() : -1;
  if (axis >= 0 || rank > 0) made->axes = 1U << (axis < 0 ? axis + rank : axis);
  made->faithful = made->axes != 0;
  return made;
}

std::unique_ptr<Layer> concatenation(Network& network, LayerType type, const ir::Node& node) {
  auto made = std::make_unique<ConcatenationLayer>(network, type);
  made->axis = static_cast<int32_t>(node.attributes.integer("axis"));
  return made;
}

std::unique_ptr<Layer> shuffle(Network& network, LayerType type, const ir::Node& node) {
  auto made = std::make_unique<ShuffleLayer>(network, type);
  if (node.op == "Transpose") {
    const std::vector<int64_t> order = node.attributes.integers("perm");
    Permutation permutation{};
    for (size_t i = 0; i < order.size() && i < Dims::MAX_DIMS; ++i)
      permutation.order[i] = static_cast<int32_t>(order[i]);
    made->first = permutation;
    made->faithful = !order.empty();
  } else if (node.input(1) && node.input(1)->is_constant() && node.op == "Reshape") {
    made->reshape = to_dims(to_int64(node.input(1)->constant()));
    made->zero_is_placeholder = node.attributes.integer("allowzero") == 0;
    made->faithful = true;
  } else if (node.output()->type.dims) {
    made->reshape = to_dims(*node.output()->type.dims);
  }
  return made;
}

std::unique_ptr<Layer> cast(Network& network, LayerType type, const ir::Node& node) {
  auto made = std::make_unique<CastLayer>(network, type);
  made->to = to_data_type(static_cast<DType>(node.attributes.integer("to", 1)), &made->faithful);
  return made;
}

std::unique_ptr<Layer> lrn(Network& network, LayerType type, const ir::Node& node) {
  auto made = std::make_unique<LRNLayer>(network, type);
  made->window = node.attributes.integer("size", 1);
  made->alpha = node.attributes.real("alpha", 1e-4F);
  made->beta = node.attributes.real("beta", 0.75F);
  made->k = node.attributes.real("bias", 1);
  made->faithful = true;
  return made;
}

std::unique_ptr<Layer> gather(Network& network, LayerType type, const ir::Node& node) {
  auto made = std::make_unique<GatherLayer>(network, type);
  made->axis = static_cast<int32_t>(node.attributes.integer("axis"));
  made->mode = node.op == "GatherND" ? GatherMode::kND
               : node.op == "Gather" ? GatherMode::kDEFAULT
                                     : GatherMode::kELEMENT;
  return made;
}

/// Any operator that has no layer type: only what every layer has.
class OtherLayer final : public LayerOf<ILayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build&) override {}
};

struct Row {
  std::string_view op;
  LayerType type;
  Make make;
};

#define UNARY(Op, Kind) \
  { #Op, LayerType::kUNARY, with_operation < UnaryLayer, UnaryOperation::Kind> }
#define ACTIVATION(Op, Kind) \
  { #Op, LayerType::kACTIVATION, with_operation < ActivationLayer, ActivationType::Kind> }
#define ELEMENTWISE(Op, Kind) \
  { #Op, LayerType::kELEMENTWISE, with_operation < ElementWiseLayer, ElementWiseOperation::Kind> }
#define REDUCE(Op, Kind) \
  { #Op, LayerType::kREDUCE, reduction < ReduceOperation::Kind> }
const Row kRows[] = {
    {"Conv", LayerType::kCONVOLUTION, convolution<ConvolutionLayer, false>},
    {"ConvTranspose", LayerType::kDECONVOLUTION, convolution<DeconvolutionLayer, true>},
    {"MaxPool", LayerType::kPOOLING, pooling<PoolingType::kMAX>},
    {"AveragePool", LayerType::kPOOLING, pooling<PoolingType::kAVERAGE>},
    {"GlobalAveragePool", LayerType::kREDUCE, plain<ReduceLayer>},
    {"GlobalMaxPool", LayerType::kREDUCE, plain<ReduceLayer>},
    ACTIVATION(Relu, kRELU),
    ACTIVATION(Sigmoid, kSIGMOID),
    ACTIVATION(Tanh, kTANH),
    ACTIVATION(LeakyRelu, kLEAKY_RELU),
    ACTIVATION(Elu, kELU),
    ACTIVATION(Selu, kSELU),
    ACTIVATION(Softsign, kSOFTSIGN),
    ACTIVATION(Softplus, kSOFTPLUS),
    ACTIVATION(Clip, kCLIP),
    ACTIVATION(HardSigmoid, kHARD_SIGMOID),
    ACTIVATION(ThresholdedRelu, kTHRESHOLDED_RELU),
    ACTIVATION(Gelu, kGELU_ERF),
    UNARY(Exp, kEXP),
    UNARY(Log, kLOG),
    UNARY(Sqrt, kSQRT),
    UNARY(Reciprocal, kRECIP),
    UNARY(Abs, kABS),
    UNARY(Neg, kNEG),
    UNARY(Sin, kSIN),
    UNARY(Cos, kCOS),
    UNARY(Tan, kTAN),
    UNARY(Sinh, kSINH),
    UNARY(Cosh, kCOSH),
    UNARY(Asin, kASIN),
    UNARY(Acos, kACOS),
    UNARY(Atan, kATAN),
    UNARY(Asinh, kASINH),
    UNARY(Acosh, kACOSH),
    UNARY(Atanh, kATANH),
    UNARY(Ceil, kCEIL),
    UNARY(Floor, kFLOOR),
    UNARY(Erf, kERF),
    UNARY(Not, kNOT),
    UNARY(Sign, kSIGN),
    UNARY(Round, kROUND),
    UNARY(IsInf, kISINF),
    UNARY(IsNaN, kISNAN),
    ELEMENTWISE(Add, kSUM),
    ELEMENTWISE(Mul, kPROD),
    ELEMENTWISE(Max, kMAX),
    ELEMENTWISE(Min, kMIN),
    ELEMENTWISE(Sub, kSUB),
    ELEMENTWISE(Div, kDIV),
    ELEMENTWISE(Pow, kPOW),
    ELEMENTWISE(And, kAND),
    ELEMENTWISE(Or, kOR),
    ELEMENTWISE(Xor, kXOR),
    ELEMENTWISE(Equal, kEQUAL),
    ELEMENTWISE(Greater, kGREATER),
    ELEMENTWISE(Less, kLESS),
    ELEMENTWISE(Sum, kSUM),
    ELEMENTWISE(GreaterOrEqual, kGREATER),
    ELEMENTWISE(LessOrEqual, kLESS),
    REDUCE(ReduceSum, kSUM),
    REDUCE(ReduceMean, kAVG),
    REDUCE(ReduceMax, kMAX),
    REDUCE(ReduceMin, kMIN),
    REDUCE(ReduceProd, kPROD),
    {"Softmax", LayerType::kSOFTMAX, softmax},
    {"Concat", LayerType::kCONCATENATION, concatenation},
    {"Reshape", LayerType::kSHUFFLE, shuffle},
    {"Transpose", LayerType::kSHUFFLE, shuffle},
    {"Flatten", LayerType::kSHUFFLE, shuffle},
    {"Squeeze", LayerType::kSHUFFLE, shuffle},
    {"Unsqueeze", LayerType::kSHUFFLE, shuffle},
    {"DepthToSpace", LayerType::kSHUFFLE, shuffle},
    {"SpaceToDepth", LayerType::kSHUFFLE, shuffle},
    {"Gather", LayerType::kGATHER, gather},
    {"GatherElements", LayerType::kGATHER, gather},
    {"GatherND", LayerType::kGATHER, gather},
    {"Cast", LayerType::kCAST, cast},
    {"LRN", LayerType::kLRN, lrn},
    {"MatMul", LayerType::kMATRIX_MULTIPLY, plain<MatrixMultiplyLayer>},
    {"Gemm", LayerType::kMATRIX_MULTIPLY, plain<MatrixMultiplyLayer>},
    {"BatchNormalization", LayerType::kSCALE, plain<ScaleLayer>},
    {"InstanceNormalization", LayerType::kNORMALIZATION, plain<NormalizationLayer>},
    {"GroupNormalization", LayerType::kNORMALIZATION, plain<NormalizationLayer>},
    {"LayerNormalization", LayerType::kNORMALIZATION, plain<NormalizationLayer>},
    {"Identity", LayerType::kIDENTITY, plain<IdentityLayer>},
    {"Dropout", LayerType::kIDENTITY, plain<IdentityLayer>},
    {"Slice", LayerType::kSLICE, plain<SliceLayer>},
    {"Split", LayerType::kSLICE, plain<SliceLayer>},
    {"Expand", LayerType::kSLICE, plain<SliceLayer>},
    {"Tile", LayerType::kSLICE, plain<SliceLayer>},
    {"Pad", LayerType::kSLICE, plain<SliceLayer>},
    {"Shape", LayerType::kSHAPE, plain<ShapeLayer>},
    {"PRelu", LayerType::kPARAMETRIC_RELU, plain<ParametricReLULayer>},
    {"Resize", LayerType::kRESIZE, plain<ResizeLayer>},
    {"Where", LayerType::kSELECT, plain<SelectLayer>},
    {"Range", LayerType::kFILL, plain<FillLayer>},
    {"ConstantOfShape", LayerType::kFILL, plain<FillLayer>},
    {"Constant", LayerType::kCONSTANT, plain<ConstantLayer>},
    {"QuantizeLinear", LayerType::kQUANTIZE, plain<QuantizeLayer>},
    {"DequantizeLinear", LayerType::kDEQUANTIZE, plain<DequantizeLayer>},
    {"ScatterElements", LayerType::kSCATTER, plain<ScatterLayer>},
    {"ScatterND", LayerType::kSCATTER, plain<ScatterLayer>},
    {"Einsum", LayerType::kEINSUM, plain<EinsumLayer>},
    {"OneHot", LayerType::kONE_HOT, plain<OneHotLayer>},
    {"NonZero", LayerType::kNON_ZERO, plain<NonZeroLayer>},
    {"GridSample", LayerType::kGRID_SAMPLE, plain<GridSampleLayer>},
    {"NonMaxSuppression", LayerType::kNMS, plain<NMSLayer>},
    {"ReverseSequence", LayerType::kREVERSE_SEQUENCE, plain<ReverseSequenceLayer>},
    {"TopK", LayerType::kTOPK, plain<TopKLayer>},
    {"ArgMax", LayerType::kTOPK, plain<TopKLayer>},
    {"ArgMin", LayerType::kTOPK, plain<TopKLayer>},
    {"CumSum", LayerType::kCUMULATIVE, plain<CumulativeLayer>},
};
#undef UNARY
#undef ACTIVATION
#undef ELEMENTWISE
#undef REDUCE

std::unique_ptr<Layer> layer_for(Network& network, const ir::Node& node) {
  for (const Row& row : kRows)
    if (row.op == node.op) return row.make(network, row.type, node);
  return std::make_unique<OtherLayer>(network, LayerType::kPLUGIN);
}

}  // namespace

void emit_source(Build& b) {
  const ir::Node& source = *b.layer.source;
  std::vector<ir::Value*> inputs;
  size_t next = 0;  // constants are no inputs of the layer
  for (const ir::Value* input : source.inputs()) {
    if (!input)
      inputs.push_back(nullptr);
    else if (input->is_constant())
      inputs.push_back(b.emitter.constant(*input));
    else
      inputs.push_back(b.in(next++));
  }
  const int count = static_cast<int>(source.outputs().size());
  b.add(source.op, std::move(inputs), source.attributes, count);
  if (!b.ok()) return;
  for (size_t i = 0; i < source.outputs().size(); ++i) {
    ir::Value* const made = b.last()->output(i);
    // What the model says of a value and inference cannot see stays said.
    if (!made->type.dims && source.output(i)->type.dims) made->type = source.output(i)->type;
    if (source.output(i)->name.empty()) made->name.clear();
    b.out(made, i);
  }
}

Status Network::add_graph(std::unique_ptr<ir::Graph> graph) {
  if (implicit_batch_)
    return {Code::unsupported,
            "a parsed model needs an explicit batch; make the network with createNetworkV2(1U << "
            "kEXPLICIT_BATCH)"};
  std::unordered_map<const ir::Value*, NetworkTensor*> tensors;
  // A network that is there already is continued: the graph's inputs are its tensors of the same names.
  const size_t before = layers_.size();
  for (const ir::Value* input : graph->inputs()) {
    ITensor* made = nullptr;
    for (NetworkTensor* other : inputs_)
      if (other->name == input->name) made = other;
    for (size_t i = 0; i < before && !made; ++i)
      for (const auto& output : layers_[i]->outputs)
        if (output->name == input->name) made = output.get();
    if (!made) {
      if (!input->type.dims && !input->type.is_list())
        return {Code::unsupported, "input '" + input->name + "' has no number of dimensions; the model must say it"};
      bool known = false;
      const DataType type = to_data_type(input->type.dtype, &known);
      if (!known)
        return {Code::unsupported, "input '" + input->name + "' is " + input->type.to_string() +
                                       "; an input of this type cannot be bound"};
      made = addInput(input->name.c_str(), type, to_dims(*input->type.dims));
      if (!made) return {Code::invalid_model, "input '" + input->name + "' cannot be added"};
      for (size_t i = 0; i < input->type.dims->size(); ++i)
        if (const ir::Dim& dim = (*input->type.dims)[i]; !dim.known() && !dim.symbol().empty())
          made->setDimensionName(static_cast<int32_t>(i), dim.symbol().c_str());
    }
    tensors[input] = own(*made);
  }
  for (const auto& node : graph->nodes()) {
    std::unique_ptr<Layer> layer = layer_for(*this, *node);
    layer->source = node.get();
    if (!node->name.empty()) layer->name = node->name;
    std::vector<NetworkTensor*> inputs;
    for (const ir::Value* input : node->inputs())
      if (input && !input->is_constant()) inputs.push_back(tensors[input]);
    Layer* const kept = keep(std::move(layer), inputs, node->outputs().size());
    for (size_t i = 0; i < node->outputs().size(); ++i) {
      const ir::Value* const output = node->output(i);
      if (!output->name.empty()) kept->outputs[i]->name = output->name;
      tensors[output] = kept->outputs[i].get();
    }
  }
  for (size_t i = 0; i < graph->outputs().size(); ++i) {
    const ir::Value* const output = graph->outputs()[i];
    NetworkTensor* tensor = tensors[output];
    if (!tensor || tensor->name != graph->output_name(i)) {
      // A constant, or a value under a second name: a layer of its own carries the name.
      auto layer = std::make_unique<IdentityLayer>(*this, LayerType::kIDENTITY);
      if (!tensor) {
        auto constant = std::make_unique<ConstantLayer>(*this, LayerType::kCONSTANT);
        constant->weights = weights_of(output);
        constant->dims = to_dims(output->constant().shape());
        tensor = keep(std::move(constant), {}, 1)->outputs[0].get();
      }
      tensor = keep(std::move(layer), {tensor}, 1)->outputs[0].get();
      tensor->name = graph->output_name(i);
    }
    markOutput(*tensor);
  }
  sources_.push_back(std::move(graph));
  return {};
}

}  // namespace vivace::tensorrt
