// The add methods: what can be told from the arguments alone is checked here, the rest when the graph is made.
#include "tensorrt/network_add.h"

#include <algorithm>

#include "tensorrt/control.h"
#include "tensorrt/layers/layers.h"
#include "tensorrt/layers/plugin.h"

namespace vivace::tensorrt {

using namespace nvinfer1;

namespace {

bool spatial(const Dims& dims) {
  return (dims.nbDims == 2 || dims.nbDims == 3) &&
         std::all_of(dims.d, dims.d + dims.nbDims, [](auto d) { return d > 0; });
}
bool in_range(const Dims& dims) { return dims.nbDims >= 0 && dims.nbDims <= Dims::MAX_DIMS; }

}  // namespace

Layer* Network::keep(std::unique_ptr<Layer> layer, const std::vector<NetworkTensor*>& inputs, size_t outputs) {
  layer->inputs = inputs;
  layer->add_outputs(outputs);
  for (const auto& output : layer->outputs) own_.insert(output.get());
  layers_.push_back(std::move(layer));
  return layers_.back().get();
}

IActivationLayer* Network::addActivation(ITensor& input, ActivationType type) noexcept {
  if (!valid(type)) return refuse("addActivation", numbered("there is no activation", static_cast<int>(type)));
  auto* const made = make<ActivationLayer>(LayerType::kACTIVATION, {&input});
  if (made) made->kind = type;
  return made;
}

template <class L>
L* Network::make_kernel_layer(const char* method, LayerType type, ITensor& input, int64_t maps, Dims const& kernel,
                              Weights kernel_weights, Weights bias_weights) {
  if (!spatial(kernel)) return refuse(method, "the kernel needs 2 or 3 dimensions, each above 0");
  if (maps <= 0) return refuse(method, numbered("output maps must be above 0, not", maps));
  L* const made = make<L>(type, {&input});
  if (!made) return made;
  made->maps = maps;
  made->kernel = kernel;
  made->kernel_weights = kernel_weights;
  made->bias_weights = bias_weights;
  made->dilation = repeated(1, kernel.nbDims);
  made->reset_window(kernel.nbDims);
  return made;
}

IConvolutionLayer* Network::addConvolutionNd(ITensor& input, int64_t nbOutputMaps, Dims const& kernelSize,
                                             Weights kernelWeights, Weights biasWeights) noexcept {
  return make_kernel_layer<ConvolutionLayer>("addConvolution", LayerType::kCONVOLUTION, input, nbOutputMaps, kernelSize,
                                             kernelWeights, biasWeights);
}

IDeconvolutionLayer* Network::addDeconvolutionNd(ITensor& input, int64_t nbOutputMaps, Dims const& kernelSize,
                                                 Weights kernelWeights, Weights biasWeights) noexcept {
  return make_kernel_layer<DeconvolutionLayer>("addDeconvolution", LayerType::kDECONVOLUTION, input, nbOutputMaps,
                                               kernelSize, kernelWeights, biasWeights);
}

IPoolingLayer* Network::addPoolingNd(ITensor& input, PoolingType type, Dims const& windowSize) noexcept {
  if (!valid(type)) return refuse("addPooling", numbered("there is no pooling", static_cast<int>(type)));
  if (!spatial(windowSize)) return refuse("addPooling", "the window needs 2 or 3 dimensions, each above 0");
  auto* const made = make<PoolingLayer>(LayerType::kPOOLING, {&input});
  if (!made) return made;
  made->kind = type;
  made->window = windowSize;
  made->reset_window(windowSize.nbDims);
  return made;
}

IFullyConnectedLayer* Network::addFullyConnected(ITensor& input, int32_t nbOutputs, Weights kernelWeights,
                                                 Weights biasWeights) noexcept {
  if (nbOutputs <= 0) return refuse("addFullyConnected", numbered("outputs must be above 0, not", nbOutputs));
  auto* const made = make<FullyConnectedLayer>(LayerType::kFULLY_CONNECTED, {&input});
  if (!made) return made;
  made->channels = nbOutputs;
  made->kernel_weights = kernelWeights;
  made->bias_weights = biasWeights;
  return made;
}

ILRNLayer* Network::addLRN(ITensor& input, int64_t window, float alpha, float beta, float k) noexcept {
  if (window <= 0) return refuse("addLRN", numbered("the window must be above 0, not", window));
  auto* const made = make<LRNLayer>(LayerType::kLRN, {&input});
  if (!made) return made;
  made->window = window;
  made->alpha = alpha;
  made->beta = beta;
  made->k = k;
  return made;
}

IScaleLayer* Network::addScale(ITensor& input, ScaleMode mode, Weights shift, Weights scale, Weights power) noexcept {
  const int32_t rank = input.getDimensions().nbDims;
  if (rank < 3) return refuse("addScale", numbered("the input needs 3 dimensions or more; it has", rank));
  return addScaleNd(input, mode, shift, scale, power, rank - 3);
}

IScaleLayer* Network::addScaleNd(ITensor& input, ScaleMode mode, Weights shift, Weights scale, Weights power,
                                 int32_t channelAxis) noexcept {
  if (!valid(mode)) return refuse("addScale", numbered("there is no mode", static_cast<int>(mode)));
  if (channelAxis < 0 || channelAxis >= Dims::MAX_DIMS)
    return refuse("addScale", numbered("there is no channel axis", channelAxis));
  auto* const made = make<ScaleLayer>(LayerType::kSCALE, {&input});
  if (!made) return made;
  made->mode = mode;
  made->shift = shift;
  made->scale = scale;
  made->power = power;
  made->channel_axis = channelAxis;
  return made;
}

ISoftMaxLayer* Network::addSoftMax(ITensor& input) noexcept {
  return make<SoftMaxLayer>(LayerType::kSOFTMAX, {&input});
}

IConcatenationLayer* Network::addConcatenation(ITensor* const* inputs, int32_t nbInputs) noexcept {
  if (!inputs || nbInputs <= 0) return refuse("addConcatenation", "it needs inputs");
  return make<ConcatenationLayer>(LayerType::kCONCATENATION, inputs, nbInputs);
}

IElementWiseLayer* Network::addElementWise(ITensor& input1, ITensor& input2, ElementWiseOperation op) noexcept {
  if (!valid(op)) return refuse("addElementWise", numbered("there is no operation", static_cast<int>(op)));
  auto* const made = make<ElementWiseLayer>(LayerType::kELEMENTWISE, {&input1, &input2});
  if (made) made->operation = op;
  return made;
}

IUnaryLayer* Network::addUnary(ITensor& input, UnaryOperation operation) noexcept {
  if (!valid(operation)) return refuse("addUnary", numbered("there is no operation", static_cast<int>(operation)));
  auto* const made = make<UnaryLayer>(LayerType::kUNARY, {&input});
  if (made) made->operation = operation;
  return made;
}

IShuffleLayer* Network::addShuffle(ITensor& input) noexcept {
  return make<ShuffleLayer>(LayerType::kSHUFFLE, {&input});
}

IOneHotLayer* Network::addOneHot(ITensor& indices, ITensor& values, ITensor& depth, int32_t axis) noexcept {
  auto* const made = make<OneHotLayer>(LayerType::kONE_HOT, {&indices, &values, &depth});
  if (made) made->axis = axis;
  return made;
}

IReduceLayer* Network::addReduce(ITensor& input, ReduceOperation operation, uint32_t reduceAxes,
                                 bool keepDimensions) noexcept {
  if (!valid(operation)) return refuse("addReduce", numbered("there is no operation", static_cast<int>(operation)));
  if (reduceAxes == 0) return refuse("addReduce", "the mask names no axes");
  auto* const made = make<ReduceLayer>(LayerType::kREDUCE, {&input});
  if (!made) return made;
  made->operation = operation;
  made->axes = reduceAxes;
  made->keep = keepDimensions;
  return made;
}

ITopKLayer* Network::addTopK(ITensor& input, TopKOperation op, int32_t k, uint32_t reduceAxes) noexcept {
  return addTopK(input, op, k, reduceAxes, DataType::kINT32);
}

ITopKLayer* Network::addTopK(ITensor& input, TopKOperation op, int32_t k, uint32_t reduceAxes,
                             DataType indicesType) noexcept {
  if (!valid(op)) return refuse("addTopK", numbered("there is no operation", static_cast<int>(op)));
  if (k < 0) return refuse("addTopK", numbered("k must not be negative; it is", k));
  if (axis_of_mask(reduceAxes) < 0) return refuse("addTopK", "the mask must name one axis");
  auto* const made = make<TopKLayer>(LayerType::kTOPK, {&input}, 2);
  if (!made) return made;
  made->operation = op;
  made->k = k;
  made->axes = reduceAxes;
  made->indices = indicesType;
  return made;
}

IGatherLayer* Network::addGather(ITensor& data, ITensor& indices, int32_t axis) noexcept {
  auto* const made = make<GatherLayer>(LayerType::kGATHER, {&data, &indices});
  if (made) made->axis = axis;
  return made;
}

IGatherLayer* Network::addGatherV2(ITensor& data, ITensor& indices, GatherMode mode) noexcept {
  if (!valid(mode)) return refuse("addGather", numbered("there is no mode", static_cast<int>(mode)));
  auto* const made = make<GatherLayer>(LayerType::kGATHER, {&data, &indices});
  if (made) made->mode = mode;
  return made;
}

IRaggedSoftMaxLayer* Network::addRaggedSoftMax(ITensor& input, ITensor& bounds) noexcept {
  return make<RaggedSoftMaxLayer>(LayerType::kRAGGED_SOFTMAX, {&input, &bounds});
}

IMatrixMultiplyLayer* Network::addMatrixMultiply(ITensor& input0, MatrixOperation op0, ITensor& input1,
                                                 MatrixOperation op1) noexcept {
  if (!valid(op0) || !valid(op1)) return refuse("addMatrixMultiply", "there is no such operation");
  auto* const made = make<MatrixMultiplyLayer>(LayerType::kMATRIX_MULTIPLY, {&input0, &input1});
  if (!made) return made;
  made->operations[0] = op0;
  made->operations[1] = op1;
  return made;
}

INonZeroLayer* Network::addNonZero(ITensor& input) noexcept { return addNonZero(input, DataType::kINT32); }
INonZeroLayer* Network::addNonZero(ITensor& input, DataType indicesType) noexcept {
  auto* const made = make<NonZeroLayer>(LayerType::kNON_ZERO, {&input});
  if (made) made->indices = indicesType;
  return made;
}

IConstantLayer* Network::addConstant(Dims const& dimensions, Weights weights) noexcept {
  if (!in_range(dimensions)) return refuse("addConstant", numbered("the number of dimensions is", dimensions.nbDims));
  const std::optional<int64_t> count = checked_elements(to_vector(dimensions));
  if (count != weights.count)
    return refuse("addConstant", numbered("the weights' count is", weights.count) + ", the dimensions' product " +
                                     (count ? std::to_string(*count) : "makes no sense"));
  auto* const made = make<ConstantLayer>(LayerType::kCONSTANT, {});
  if (!made) return made;
  made->weights = weights;
  made->dims = dimensions;
  return made;
}

IIdentityLayer* Network::addIdentity(ITensor& input) noexcept {
  return make<IdentityLayer>(LayerType::kIDENTITY, {&input});
}

ICastLayer* Network::addCast(ITensor& input, DataType toType) noexcept {
  if (to_dtype(toType) == DType::undefined) return refuse("addCast", "there is no such type");
  auto* const made = make<CastLayer>(LayerType::kCAST, {&input});
  if (made) made->to = toType;
  return made;
}

ISliceLayer* Network::addSlice(ITensor& input, Dims const& start, Dims const& size, Dims const& stride) noexcept {
  if (!in_range(start) || start.nbDims != size.nbDims || start.nbDims != stride.nbDims)
    return refuse("addSlice", "start, size and stride need the same number of dimensions");
  auto* const made = make<SliceLayer>(LayerType::kSLICE, {&input});
  if (!made) return made;
  made->start = start;
  made->size = size;
  made->stride = stride;
  return made;
}

IShapeLayer* Network::addShape(ITensor& input) noexcept { return make<ShapeLayer>(LayerType::kSHAPE, {&input}); }

IParametricReLULayer* Network::addParametricReLU(ITensor& input, ITensor& slope) noexcept {
  return make<ParametricReLULayer>(LayerType::kPARAMETRIC_RELU, {&input, &slope});
}

IResizeLayer* Network::addResize(ITensor& input) noexcept { return make<ResizeLayer>(LayerType::kRESIZE, {&input}); }

ISelectLayer* Network::addSelect(ITensor& condition, ITensor& thenInput, ITensor& elseInput) noexcept {
  return make<SelectLayer>(LayerType::kSELECT, {&condition, &thenInput, &elseInput});
}

IAssertionLayer* Network::addAssertion(ITensor& condition, char const* message) noexcept {
  auto* const made = make<AssertionLayer>(LayerType::kASSERTION, {&condition}, 0);
  if (made) made->setMessage(message);
  return made;
}

IFillLayer* Network::addFill(Dims const& dimensions, FillOperation op) noexcept {
  return addFill(dimensions, op, DataType::kFLOAT);
}

IFillLayer* Network::addFill(Dims const& dimensions, FillOperation op, DataType outputType) noexcept {
  if (!valid(op)) return refuse("addFill", numbered("there is no operation", static_cast<int>(op)));
  if (!in_range(dimensions)) return refuse("addFill", numbered("the number of dimensions is", dimensions.nbDims));
  auto* const made = make<FillLayer>(LayerType::kFILL, {});
  if (!made) return made;
  made->dims = dimensions;
  made->operation = op;
  made->to = outputType;
  if (op == FillOperation::kRANDOM_NORMAL) made->beta = 1;
  return made;
}

IPaddingLayer* Network::addPaddingNd(ITensor& input, Dims const& prePadding, Dims const& postPadding) noexcept {
  if (prePadding.nbDims != 2 || postPadding.nbDims != 2) return refuse("addPadding", "padding needs 2 dimensions");
  auto* const made = make<PaddingLayer>(LayerType::kPADDING, {&input});
  if (!made) return made;
  made->pre = prePadding;
  made->post = postPadding;
  return made;
}

IDequantizeLayer* Network::addDequantize(ITensor& input, ITensor& scale) noexcept {
  return addDequantize(input, scale, DataType::kFLOAT);
}
IDequantizeLayer* Network::addDequantize(ITensor& input, ITensor& scale, DataType outputType) noexcept {
  auto* const made = make<DequantizeLayer>(LayerType::kDEQUANTIZE, {&input, &scale});
  if (made) made->to = outputType;
  return made;
}
IQuantizeLayer* Network::addQuantize(ITensor& input, ITensor& scale) noexcept {
  return addQuantize(input, scale, DataType::kINT8);
}
IQuantizeLayer* Network::addQuantize(ITensor& input, ITensor& scale, DataType outputType) noexcept {
  auto* const made = make<QuantizeLayer>(LayerType::kQUANTIZE, {&input, &scale});
  if (made) made->to = outputType;
  return made;
}

IScatterLayer* Network::addScatter(ITensor& data, ITensor& indices, ITensor& updates, ScatterMode mode) noexcept {
  if (!valid(mode)) return refuse("addScatter", numbered("there is no mode", static_cast<int>(mode)));
  auto* const made = make<ScatterLayer>(LayerType::kSCATTER, {&data, &indices, &updates});
  if (made) made->mode = mode;
  return made;
}

IEinsumLayer* Network::addEinsum(ITensor* const* inputs, int32_t nbInputs, char const* equation) noexcept {
  if (!inputs || nbInputs <= 0 || !equation) return refuse("addEinsum", "it needs inputs and an equation");
  auto* const made = make<EinsumLayer>(LayerType::kEINSUM, inputs, nbInputs);
  if (made) made->equation = equation;
  return made;
}

IGridSampleLayer* Network::addGridSample(ITensor& input, ITensor& grid) noexcept {
  return make<GridSampleLayer>(LayerType::kGRID_SAMPLE, {&input, &grid});
}

INMSLayer* Network::addNMS(ITensor& boxes, ITensor& scores, ITensor& maxOutputBoxesPerClass) noexcept {
  return addNMS(boxes, scores, maxOutputBoxesPerClass, DataType::kINT32);
}
INMSLayer* Network::addNMS(ITensor& boxes, ITensor& scores, ITensor& maxOutputBoxesPerClass,
                           DataType indicesType) noexcept {
  auto* const made = make<NMSLayer>(LayerType::kNMS, {&boxes, &scores, &maxOutputBoxesPerClass}, 2);
  if (made) made->indices = indicesType;
  return made;
}

IReverseSequenceLayer* Network::addReverseSequence(ITensor& input, ITensor& sequenceLens) noexcept {
  return make<ReverseSequenceLayer>(LayerType::kREVERSE_SEQUENCE, {&input, &sequenceLens});
}

INormalizationLayer* Network::addNormalization(ITensor& input, ITensor& scale, ITensor& bias,
                                               uint32_t axesMask) noexcept {
  if (axesMask == 0) return refuse("addNormalization", "the mask names no axes");
  auto* const made = make<NormalizationLayer>(LayerType::kNORMALIZATION, {&input, &scale, &bias});
  if (made) made->axes = axesMask;
  return made;
}
INormalizationLayer* Network::addNormalizationV2(ITensor& input, ITensor& scale, ITensor& bias,
                                                 uint32_t axesMask) noexcept {
  INormalizationLayer* const made = addNormalization(input, scale, bias, axesMask);
  if (made) static_cast<NormalizationLayer*>(made)->v2 = true;
  return made;
}

ICumulativeLayer* Network::addCumulative(ITensor& input, ITensor& axis, CumulativeOperation operation, bool exclusive,
                                         bool reverse) noexcept {
  if (!valid(operation)) return refuse("addCumulative", numbered("there is no operation", static_cast<int>(operation)));
  auto* const made = make<CumulativeLayer>(LayerType::kCUMULATIVE, {&input, &axis});
  if (!made) return made;
  made->exclusive = exclusive;
  made->reverse = reverse;
  return made;
}

ISqueezeLayer* Network::addSqueeze(ITensor& input, ITensor& axes) noexcept {
  return make<SqueezeLayer>(LayerType::kSQUEEZE, {&input, &axes});
}
IUnsqueezeLayer* Network::addUnsqueeze(ITensor& input, ITensor& axes) noexcept {
  return make<UnsqueezeLayer>(LayerType::kUNSQUEEZE, {&input, &axes});
}

ILoop* Network::addLoop() noexcept {
  loops_.push_back(make_loop(*this));
  return loops_.back().get();
}

IIfConditional* Network::addIfConditional() noexcept {
  conditionals_.push_back(make_conditional(*this));
  return conditionals_.back().get();
}

IPluginV2Layer* Network::addPluginV2(ITensor* const* inputs, int32_t count, IPluginV2& plugin) noexcept {
  OwnedV2 clone(plugin.clone());
  if (!clone) return refuse("addPluginV2", "the plugin's clone() gave null");
  const int32_t outputs = clone->getNbOutputs();
  if (count < 0 || outputs < 1) return refuse("addPluginV2", numbered("the plugin says that its outputs are", outputs));
  auto* const made = make<PluginV2Layer>(LayerType::kPLUGIN_V2, inputs, count, static_cast<size_t>(outputs));
  if (made) made->plugin = std::move(clone);
  return made;
}
IPluginV3Layer* Network::addPluginV3(ITensor* const* inputs, int32_t count, ITensor* const* shape_inputs,
                                     int32_t shape_count, IPluginV3& plugin) noexcept {
  OwnedV3 clone(plugin.clone());
  if (!clone) return refuse("addPluginV3", "the plugin's clone() gave null");
  const int32_t outputs = output_count(*clone);
  if (count < 0 || shape_count < 0 || outputs < 1)
    return refuse("addPluginV3", "the plugin has no build part that tells of at least one output");
  std::vector<ITensor*> all(inputs, inputs + (inputs ? count : 0));
  all.insert(all.end(), shape_inputs, shape_inputs + (shape_inputs ? shape_count : 0));
  auto* const made = make<PluginV3Layer>(LayerType::kPLUGIN_V3, all.data(), static_cast<int32_t>(all.size()),
                                         static_cast<size_t>(outputs));
  if (made) made->plugin = std::move(clone);
  if (made) made->shape_inputs = all.size() - static_cast<size_t>(count);
  return made;
}

}  // namespace vivace::tensorrt
