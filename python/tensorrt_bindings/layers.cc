// Tensors, layers, and those layers that compute on windows or carry weights.
#include "layers.h"

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT

namespace {

/// What convolution and deconvolution share.
template <class Layer>
void bind_convolution(nb::module_& m, const char* name) {
  nb::class_<Layer, ILayer> type(m, name);
  type PROPERTY(Layer, "num_output_maps", NbOutputMaps) PROPERTY(Layer, "num_groups", NbGroups)
      PROPERTY(Layer, "pre_padding", PrePadding) PROPERTY(Layer, "post_padding", PostPadding)
          PROPERTY(Layer, "padding_mode", PaddingMode) PROPERTY(Layer, "kernel_size_nd", KernelSizeNd)
              PROPERTY(Layer, "stride_nd", StrideNd) PROPERTY(Layer, "padding_nd", PaddingNd)
                  PROPERTY(Layer, "dilation_nd", DilationNd) PROPERTY(Layer, "kernel_size", KernelSize)
                      PROPERTY(Layer, "stride", Stride) PROPERTY(Layer, "padding", Padding);
  weights_property<Layer>(type, "kernel", &Layer::getKernelWeights, &Layer::setKernelWeights);
  weights_property<Layer>(type, "bias", &Layer::getBiasWeights, &Layer::setBiasWeights);
  if constexpr (std::is_same_v<Layer, IConvolutionLayer>) type PROPERTY(Layer, "dilation", Dilation);
}

}  // namespace

void bind_layers(nb::module_& m) {
  nb::class_<ITensor>(m, "ITensor")
      .def_prop_rw(
          "name", [](const ITensor& t) { return to_text(t.getName()); }, &ITensor::setName)
          PROPERTY(ITensor, "shape", Dimensions) PROPERTY(ITensor, "dtype", Type)
              PROPERTY(ITensor, "broadcast_across_batch", BroadcastAcrossBatch) PROPERTY(ITensor, "location", Location)
                  PROPERTY(ITensor, "allowed_formats", AllowedFormats)
      .def_prop_ro("is_network_input", &ITensor::isNetworkInput)
      .def_prop_ro("is_network_output", &ITensor::isNetworkOutput)
      .def_prop_ro("is_shape_tensor", &ITensor::isShapeTensor)
      .def_prop_ro("is_execution_tensor", &ITensor::isExecutionTensor)
      .def_prop_rw(
          "dynamic_range",
          [](const ITensor& t) -> nb::object {
            if (!t.dynamicRangeIsSet()) return nb::none();
            return nb::make_tuple(t.getDynamicRangeMin(), t.getDynamicRangeMax());
          },
          [](ITensor& t, const nb::object& range) {
            if (range.is_none()) return t.resetDynamicRange();
            if (nb::len(range) != 2) throw nb::value_error("A dynamic range is two numbers");
            if (!t.setDynamicRange(nb::cast<float>(range[0]), nb::cast<float>(range[1]))) {
              throw nb::value_error("The dynamic range was refused");
            }
          })
      .def("set_dynamic_range", &ITensor::setDynamicRange, "min"_a, "max"_a)
      .def("reset_dynamic_range", &ITensor::resetDynamicRange)
      .def("set_dimension_name", &ITensor::setDimensionName, "index"_a, "name"_a)
      .def("get_dimension_name", &ITensor::getDimensionName, "index"_a);

  nb::class_<ILayer>(m, "ILayer")
      .def_prop_rw(
          "name", [](const ILayer& l) { return to_text(l.getName()); }, &ILayer::setName)
      .def_prop_rw(
          "metadata", [](const ILayer& l) { return to_text(l.getMetadata()); }, &ILayer::setMetadata)
      .def_prop_ro("type", &ILayer::getType)
      .def_prop_ro("num_inputs", &ILayer::getNbInputs)
      .def_prop_ro("num_outputs", &ILayer::getNbOutputs) PROPERTY(ILayer, "precision", Precision)
          PROPERTY(ILayer, "num_ranks", NbRanks)
      .def_prop_ro("precision_is_set", &ILayer::precisionIsSet)
      .def("reset_precision", &ILayer::resetPrecision)
      .def("set_input", &ILayer::setInput, "index"_a, "tensor"_a)
      .def("get_input", &ILayer::getInput, "index"_a, nb::rv_policy::reference_internal)
      .def("get_output", &ILayer::getOutput, "index"_a, nb::rv_policy::reference_internal)
      .def("set_output_type", &ILayer::setOutputType, "index"_a, "dtype"_a)
      .def("get_output_type", &ILayer::getOutputType, "index"_a)
      .def("output_type_is_set", &ILayer::outputTypeIsSet, "index"_a)
      .def("reset_output_type", &ILayer::resetOutputType, "index"_a);

  bind_convolution<IConvolutionLayer>(m, "IConvolutionLayer");
  bind_convolution<IDeconvolutionLayer>(m, "IDeconvolutionLayer");

  LayerClass<IFullyConnectedLayer> connected(m, "IFullyConnectedLayer");
  connected PROPERTY(IFullyConnectedLayer, "num_output_channels", NbOutputChannels);
  weights_property<IFullyConnectedLayer>(connected, "kernel", &IFullyConnectedLayer::getKernelWeights,
                                         &IFullyConnectedLayer::setKernelWeights);
  weights_property<IFullyConnectedLayer>(connected, "bias", &IFullyConnectedLayer::getBiasWeights,
                                         &IFullyConnectedLayer::setBiasWeights);

  LayerClass<IPoolingLayer>(m, "IPoolingLayer") PROPERTY(IPoolingLayer, "type", PoolingType)
      PROPERTY(IPoolingLayer, "window_size", WindowSize) PROPERTY(IPoolingLayer, "window_size_nd", WindowSizeNd)
          PROPERTY(IPoolingLayer, "stride", Stride) PROPERTY(IPoolingLayer, "stride_nd", StrideNd)
              PROPERTY(IPoolingLayer, "padding", Padding) PROPERTY(IPoolingLayer, "padding_nd", PaddingNd) PROPERTY(
                  IPoolingLayer, "pre_padding", PrePadding) PROPERTY(IPoolingLayer, "post_padding", PostPadding)
                  PROPERTY(IPoolingLayer, "padding_mode", PaddingMode)
                      PROPERTY(IPoolingLayer, "blend_factor", BlendFactor)
                          PROPERTY(IPoolingLayer, "average_count_excludes_padding", AverageCountExcludesPadding);

  LayerClass<IScaleLayer> scale(m, "IScaleLayer");
  scale PROPERTY(IScaleLayer, "mode", Mode) PROPERTY(IScaleLayer, "channel_axis", ChannelAxis);
  weights_property<IScaleLayer>(scale, "shift", &IScaleLayer::getShift, &IScaleLayer::setShift);
  weights_property<IScaleLayer>(scale, "scale", &IScaleLayer::getScale, &IScaleLayer::setScale);
  weights_property<IScaleLayer>(scale, "power", &IScaleLayer::getPower, &IScaleLayer::setPower);

  LayerClass<IConstantLayer> constant(m, "IConstantLayer");
  constant PROPERTY(IConstantLayer, "shape", Dimensions);
  weights_property<IConstantLayer>(constant, "weights", &IConstantLayer::getWeights, &IConstantLayer::setWeights);

  LayerClass<IRNNv2Layer>(m, "IRNNv2Layer")
      .def_prop_ro("num_layers", &IRNNv2Layer::getLayerCount)
      .def_prop_ro("hidden_size", &IRNNv2Layer::getHiddenSize)
      .def_prop_ro("max_seq_length", &IRNNv2Layer::getMaxSeqLength)
      .def_prop_ro("data_length", &IRNNv2Layer::getDataLength) PROPERTY(IRNNv2Layer, "seq_lengths", SequenceLengths)
          PROPERTY(IRNNv2Layer, "op", Operation) PROPERTY(IRNNv2Layer, "input_mode", InputMode)
              PROPERTY(IRNNv2Layer, "direction", Direction) PROPERTY(IRNNv2Layer, "hidden_state", HiddenState)
                  PROPERTY(IRNNv2Layer, "cell_state", CellState)
      .def(
          "set_weights_for_gate",
          [](nb::pointer_and_handle<IRNNv2Layer> layer, int32_t index, RNNGateType gate, bool is_w,
             const HeldWeights& held) {
            keep_weights(layer.h, held.owner);
            layer.p->setWeightsForGate(index, gate, is_w, held.weights);
          },
          "layer_index"_a, "gate"_a, "is_w"_a, "weights"_a)
      .def(
          "set_bias_for_gate",
          [](nb::pointer_and_handle<IRNNv2Layer> layer, int32_t index, RNNGateType gate, bool is_w,
             const HeldWeights& held) {
            keep_weights(layer.h, held.owner);
            layer.p->setBiasForGate(index, gate, is_w, held.weights);
          },
          "layer_index"_a, "gate"_a, "is_w"_a, "bias"_a)
      .def(
          "get_weights_for_gate",
          [](nb::pointer_and_handle<IRNNv2Layer> layer, int32_t index, RNNGateType gate, bool is_w) {
            return to_array(layer.p->getWeightsForGate(index, gate, is_w), layer.h);
          },
          "layer_index"_a, "gate"_a, "is_w"_a)
      .def(
          "get_bias_for_gate",
          [](nb::pointer_and_handle<IRNNv2Layer> layer, int32_t index, RNNGateType gate, bool is_w) {
            return to_array(layer.p->getBiasForGate(index, gate, is_w), layer.h);
          },
          "layer_index"_a, "gate"_a, "is_w"_a);
}

}  // namespace tensorrt_python

namespace {

struct LayerRow {
  nvinfer1::LayerType type;
  const std::type_info* interface;
};
#define ROW(name, Interface) \
  { nvinfer1::LayerType::k##name, &typeid(nvinfer1::Interface) }
const LayerRow layer_rows[] = {
    ROW(CONVOLUTION, IConvolutionLayer),
    ROW(FULLY_CONNECTED, IFullyConnectedLayer),
    ROW(ACTIVATION, IActivationLayer),
    ROW(POOLING, IPoolingLayer),
    ROW(LRN, ILRNLayer),
    ROW(SCALE, IScaleLayer),
    ROW(SOFTMAX, ISoftMaxLayer),
    ROW(DECONVOLUTION, IDeconvolutionLayer),
    ROW(CONCATENATION, IConcatenationLayer),
    ROW(ELEMENTWISE, IElementWiseLayer),
    ROW(UNARY, IUnaryLayer),
    ROW(PADDING, IPaddingLayer),
    ROW(SHUFFLE, IShuffleLayer),
    ROW(REDUCE, IReduceLayer),
    ROW(TOPK, ITopKLayer),
    ROW(GATHER, IGatherLayer),
    ROW(MATRIX_MULTIPLY, IMatrixMultiplyLayer),
    ROW(RAGGED_SOFTMAX, IRaggedSoftMaxLayer),
    ROW(CONSTANT, IConstantLayer),
    ROW(RNN_V2, IRNNv2Layer),
    ROW(IDENTITY, IIdentityLayer),
    ROW(PLUGIN_V2, IPluginV2Layer),
    ROW(SLICE, ISliceLayer),
    ROW(SHAPE, IShapeLayer),
    ROW(PARAMETRIC_RELU, IParametricReLULayer),
    ROW(RESIZE, IResizeLayer),
    ROW(TRIP_LIMIT, ITripLimitLayer),
    ROW(RECURRENCE, IRecurrenceLayer),
    ROW(ITERATOR, IIteratorLayer),
    ROW(LOOP_OUTPUT, ILoopOutputLayer),
    ROW(SELECT, ISelectLayer),
    ROW(FILL, IFillLayer),
    ROW(QUANTIZE, IQuantizeLayer),
    ROW(DEQUANTIZE, IDequantizeLayer),
    ROW(CONDITION, IConditionLayer),
    ROW(CONDITIONAL_INPUT, IIfConditionalInputLayer),
    ROW(CONDITIONAL_OUTPUT, IIfConditionalOutputLayer),
    ROW(SCATTER, IScatterLayer),
    ROW(EINSUM, IEinsumLayer),
    ROW(ASSERTION, IAssertionLayer),
    ROW(ONE_HOT, IOneHotLayer),
    ROW(NON_ZERO, INonZeroLayer),
    ROW(GRID_SAMPLE, IGridSampleLayer),
    ROW(NMS, INMSLayer),
    ROW(REVERSE_SEQUENCE, IReverseSequenceLayer),
    ROW(NORMALIZATION, INormalizationLayer),
    ROW(CAST, ICastLayer),
    ROW(PLUGIN_V3, IPluginV3Layer),
    ROW(SQUEEZE, ISqueezeLayer),
    ROW(UNSQUEEZE, IUnsqueezeLayer),
    ROW(CUMULATIVE, ICumulativeLayer),
    ROW(DYNAMIC_QUANTIZE, IDynamicQuantizeLayer),
    ROW(ATTENTION_INPUT, IAttentionInputLayer),
    ROW(ATTENTION_OUTPUT, IAttentionOutputLayer),
    ROW(ROTARY_EMBEDDING, IRotaryEmbeddingLayer),
    ROW(KVCACHE_UPDATE, IKVCacheUpdateLayer),
    ROW(MOE, IMoELayer),
    ROW(DIST_COLLECTIVE, IDistCollectiveLayer),
};
#undef ROW

}  // namespace

const std::type_info* nanobind::detail::type_hook<nvinfer1::ILayer>::get(const nvinfer1::ILayer* layer) {
  for (const LayerRow& row : layer_rows) {
    if (layer && row.type == layer->getType()) return row.interface;
  }
  return &typeid(nvinfer1::ILayer);
}
