// The layers without weights.
#include <string>

#include "layers.h"
#include "plugins.h"

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT

namespace {

template <int index>
MatrixOperation operation(const IMatrixMultiplyLayer& layer) {
  return layer.getOperation(index);
}
template <int index>
void set_operation(IMatrixMultiplyLayer& layer, MatrixOperation op) {
  layer.setOperation(index, op);
}

nb::object fill_number(const IFillLayer& layer, double real, int64_t integer) {
  return layer.isAlphaBetaInt64() ? nb::object(nb::int_(integer)) : nb::object(nb::float_(real));
}

void bind_arithmetic(nb::module_& m) {
  LayerClass<IActivationLayer>(m, "IActivationLayer") PROPERTY(IActivationLayer, "type", ActivationType)
      PROPERTY(IActivationLayer, "alpha", Alpha) PROPERTY(IActivationLayer, "beta", Beta);
  LayerClass<ILRNLayer>(m, "ILRNLayer") PROPERTY(ILRNLayer, "window_size", WindowSize)
      PROPERTY(ILRNLayer, "alpha", Alpha) PROPERTY(ILRNLayer, "beta", Beta) PROPERTY(ILRNLayer, "k", K);
  LayerClass<ISoftMaxLayer>(m, "ISoftMaxLayer") PROPERTY(ISoftMaxLayer, "axes", Axes);
  LayerClass<IElementWiseLayer>(m, "IElementWiseLayer") PROPERTY(IElementWiseLayer, "op", Operation);
  LayerClass<IUnaryLayer>(m, "IUnaryLayer") PROPERTY(IUnaryLayer, "op", Operation);
  LayerClass<IReduceLayer>(m, "IReduceLayer") PROPERTY(IReduceLayer, "op", Operation)
      PROPERTY(IReduceLayer, "axes", ReduceAxes) PROPERTY(IReduceLayer, "keep_dims", KeepDimensions);
  LayerClass<IMatrixMultiplyLayer>(m, "IMatrixMultiplyLayer")
      .def_prop_rw("op0", &operation<0>, &set_operation<0>)
      .def_prop_rw("op1", &operation<1>, &set_operation<1>);
  LayerClass<IRaggedSoftMaxLayer>(m, "IRaggedSoftMaxLayer");
  LayerClass<IParametricReLULayer>(m, "IParametricReLULayer");
  LayerClass<IEinsumLayer>(m, "IEinsumLayer") PROPERTY(IEinsumLayer, "equation", Equation);
  LayerClass<INormalizationLayer>(m, "INormalizationLayer") PROPERTY(INormalizationLayer, "epsilon", Epsilon)
      PROPERTY(INormalizationLayer, "axes", Axes) PROPERTY(INormalizationLayer, "num_groups", NbGroups)
          PROPERTY(INormalizationLayer, "compute_precision", ComputePrecision)
              .def_prop_ro("is_v2", &INormalizationLayer::isV2);
  LayerClass<ICumulativeLayer>(m, "ICumulativeLayer") PROPERTY(ICumulativeLayer, "op", Operation)
      PROPERTY(ICumulativeLayer, "exclusive", Exclusive) PROPERTY(ICumulativeLayer, "reverse", Reverse);
  LayerClass<IQuantizeLayer>(m, "IQuantizeLayer") PROPERTY(IQuantizeLayer, "axis", Axis)
      PROPERTY(IQuantizeLayer, "block_shape", BlockShape) PROPERTY(IQuantizeLayer, "to_type", ToType);
  LayerClass<IDequantizeLayer>(m, "IDequantizeLayer") PROPERTY(IDequantizeLayer, "axis", Axis)
      PROPERTY(IDequantizeLayer, "block_shape", BlockShape) PROPERTY(IDequantizeLayer, "to_type", ToType);
  LayerClass<IDynamicQuantizeLayer>(m, "IDynamicQuantizeLayer") PROPERTY(IDynamicQuantizeLayer, "axis", Axis)
      PROPERTY(IDynamicQuantizeLayer, "block_size", BlockSize)
          PROPERTY(IDynamicQuantizeLayer, "block_shape", BlockShape) PROPERTY(IDynamicQuantizeLayer, "to_type", ToType)
              PROPERTY(IDynamicQuantizeLayer, "scale_type", ScaleType);
}

void bind_shapes(nb::module_& m) {
  LayerClass<IConcatenationLayer>(m, "IConcatenationLayer") PROPERTY(IConcatenationLayer, "axis", Axis);
  LayerClass<IPaddingLayer>(m, "IPaddingLayer") PROPERTY(IPaddingLayer, "pre_padding", PrePadding)
      PROPERTY(IPaddingLayer, "post_padding", PostPadding) PROPERTY(IPaddingLayer, "pre_padding_nd", PrePaddingNd)
          PROPERTY(IPaddingLayer, "post_padding_nd", PostPaddingNd);
  LayerClass<IShuffleLayer>(m, "IShuffleLayer") PROPERTY(IShuffleLayer, "first_transpose", FirstTranspose)
      PROPERTY(IShuffleLayer, "reshape_dims", ReshapeDimensions)
          PROPERTY(IShuffleLayer, "second_transpose", SecondTranspose)
              PROPERTY(IShuffleLayer, "zero_is_placeholder", ZeroIsPlaceholder);
  LayerClass<ISliceLayer>(m, "ISliceLayer") PROPERTY(ISliceLayer, "start", Start) PROPERTY(ISliceLayer, "shape", Size)
      PROPERTY(ISliceLayer, "stride", Stride) PROPERTY(ISliceLayer, "mode", Mode) PROPERTY(ISliceLayer, "axes", Axes);
  LayerClass<IShapeLayer>(m, "IShapeLayer");
  LayerClass<ISqueezeLayer>(m, "ISqueezeLayer");
  LayerClass<IUnsqueezeLayer>(m, "IUnsqueezeLayer");
  LayerClass<IIdentityLayer>(m, "IIdentityLayer");
  LayerClass<ICastLayer>(m, "ICastLayer") PROPERTY(ICastLayer, "to_type", ToType);
  LayerClass<ISelectLayer>(m, "ISelectLayer");
  LayerClass<IAssertionLayer>(m, "IAssertionLayer") PROPERTY(IAssertionLayer, "message", Message);
  LayerClass<IFillLayer>(m, "IFillLayer") PROPERTY(IFillLayer, "shape", Dimensions)
      PROPERTY(IFillLayer, "operation", Operation) PROPERTY(IFillLayer, "to_type", ToType)
          .def_prop_rw(
              "alpha", [](const IFillLayer& l) { return fill_number(l, l.getAlpha(), l.getAlphaInt64()); },
              [](IFillLayer& l, const nb::object& value) {
                if (nb::isinstance<nb::int_>(value)) return l.setAlphaInt64(nb::cast<int64_t>(value));
                l.setAlpha(nb::cast<double>(value));
              })
          .def_prop_rw(
              "beta", [](const IFillLayer& l) { return fill_number(l, l.getBeta(), l.getBetaInt64()); },
              [](IFillLayer& l, const nb::object& value) {
                if (nb::isinstance<nb::int_>(value)) return l.setBetaInt64(nb::cast<int64_t>(value));
                l.setBeta(nb::cast<double>(value));
              })
          .def("is_alpha_beta_int64", &IFillLayer::isAlphaBetaInt64);
}

void bind_selection(nb::module_& m) {
  LayerClass<ITopKLayer>(m, "ITopKLayer") PROPERTY(ITopKLayer, "op", Operation) PROPERTY(ITopKLayer, "k", K)
      PROPERTY(ITopKLayer, "axes", ReduceAxes) PROPERTY(ITopKLayer, "indices_type", IndicesType);
  LayerClass<IGatherLayer>(m, "IGatherLayer") PROPERTY(IGatherLayer, "axis", GatherAxis)
      PROPERTY(IGatherLayer, "num_elementwise_dims", NbElementWiseDims) PROPERTY(IGatherLayer, "mode", Mode);
  LayerClass<IScatterLayer>(m, "IScatterLayer") PROPERTY(IScatterLayer, "axis", Axis)
      PROPERTY(IScatterLayer, "mode", Mode);
  LayerClass<IOneHotLayer>(m, "IOneHotLayer") PROPERTY(IOneHotLayer, "axis", Axis);
  LayerClass<INonZeroLayer>(m, "INonZeroLayer") PROPERTY(INonZeroLayer, "indices_type", IndicesType);
  LayerClass<IResizeLayer>(m, "IResizeLayer")
      .def_prop_rw(
          "scales",
          [](const IResizeLayer& l) {
            float scales[Dims::MAX_DIMS];
            const int32_t count = l.getScales(Dims::MAX_DIMS, scales);
            nb::list list;
            for (int32_t i = 0; i < count; i++) list.append(scales[i]);
            return list;
          },
          [](IResizeLayer& l, const nb::sequence& values) {
            std::vector<float> scales;
            for (nb::handle value : values) scales.push_back(nb::cast<float>(nb::float_(value)));
            l.setScales(scales.data(), static_cast<int32_t>(scales.size()));
          }) PROPERTY(IResizeLayer, "shape", OutputDimensions) PROPERTY(IResizeLayer, "resize_mode", ResizeMode)
          PROPERTY(IResizeLayer, "coordinate_transformation", CoordinateTransformation)
              PROPERTY(IResizeLayer, "selector_for_single_pixel", SelectorForSinglePixel)
                  PROPERTY(IResizeLayer, "nearest_rounding", NearestRounding)
                      PROPERTY(IResizeLayer, "exclude_outside", ExcludeOutside)
                          PROPERTY(IResizeLayer, "cubic_coeff", CubicCoeff)
                              PROPERTY(IResizeLayer, "align_corners", AlignCorners);
  LayerClass<IGridSampleLayer>(m, "IGridSampleLayer")
      PROPERTY(IGridSampleLayer, "interpolation_mode", InterpolationMode)
          PROPERTY(IGridSampleLayer, "align_corners", AlignCorners)
              PROPERTY(IGridSampleLayer, "sample_mode", SampleMode);
  LayerClass<INMSLayer>(m, "INMSLayer") PROPERTY(INMSLayer, "bounding_box_format", BoundingBoxFormat)
      PROPERTY(INMSLayer, "topk_box_limit", TopKBoxLimit) PROPERTY(INMSLayer, "indices_type", IndicesType);
  LayerClass<IReverseSequenceLayer>(m, "IReverseSequenceLayer") PROPERTY(IReverseSequenceLayer, "batch_axis", BatchAxis)
      PROPERTY(IReverseSequenceLayer, "sequence_axis", SequenceAxis);
  LayerClass<IPluginV2Layer>(m, "IPluginV2Layer").def_prop_ro("plugin", [](IPluginV2Layer& l) {
    return python_of(l.getPlugin());
  });
  LayerClass<IPluginV3Layer>(m, "IPluginV3Layer").def_prop_ro("plugin", [](IPluginV3Layer& l) {
    return python_of(l.getPlugin());
  });
}

void bind_control(nb::module_& m) {
  constexpr auto inside = nb::rv_policy::reference_internal;
  LayerClass<ILoopBoundaryLayer>(m, "ILoopBoundaryLayer").def_prop_ro("loop", &ILoopBoundaryLayer::getLoop, inside);
  LayerClass<IRecurrenceLayer, ILoopBoundaryLayer>(m, "IRecurrenceLayer");
  LayerClass<ITripLimitLayer, ILoopBoundaryLayer>(m, "ITripLimitLayer")
      .def_prop_ro("kind", &ITripLimitLayer::getTripLimit);
  LayerClass<IIteratorLayer, ILoopBoundaryLayer>(m, "IIteratorLayer") PROPERTY(IIteratorLayer, "axis", Axis)
      PROPERTY(IIteratorLayer, "reverse", Reverse);
  LayerClass<ILoopOutputLayer, ILoopBoundaryLayer>(m, "ILoopOutputLayer") PROPERTY(ILoopOutputLayer, "axis", Axis)
      .def_prop_ro("kind", &ILoopOutputLayer::getLoopOutput);
  nb::class_<ILoop>(m, "ILoop")
      .def("add_recurrence", &ILoop::addRecurrence, "initial_value"_a, inside)
      .def("add_trip_limit", &ILoop::addTripLimit, "tensor"_a, "kind"_a, inside)
      .def("add_iterator", &ILoop::addIterator, "tensor"_a, "axis"_a = 0, "reverse"_a = false, inside)
      .def("add_loop_output", &ILoop::addLoopOutput, "tensor"_a, "kind"_a, "axis"_a = 0, inside)
      .def_prop_rw(
          "name", [](const ILoop& l) { return to_text(l.getName()); }, &ILoop::setName);

  using Boundary = IIfConditionalBoundaryLayer;
  LayerClass<Boundary>(m, "IIfConditionalBoundaryLayer").def_prop_ro("conditional", &Boundary::getConditional, inside);
  LayerClass<IConditionLayer, Boundary>(m, "IConditionLayer");
  LayerClass<IIfConditionalOutputLayer, Boundary>(m, "IIfConditionalOutputLayer");
  LayerClass<IIfConditionalInputLayer, Boundary>(m, "IIfConditionalInputLayer");
  nb::class_<IIfConditional>(m, "IIfConditional")
      .def("set_condition", &IIfConditional::setCondition, "condition"_a, inside)
      .def("add_output", &IIfConditional::addOutput, "true_subgraph_output"_a, "false_subgraph_output"_a, inside)
      .def("add_input", &IIfConditional::addInput, "input"_a, inside)
      .def_prop_rw(
          "name", [](const IIfConditional& c) { return to_text(c.getName()); }, &IIfConditional::setName);
}

/// Layers of 10, for attention over sequences and computers that work together.
void bind_attention(nb::module_& m) {
  constexpr auto inside = nb::rv_policy::reference_internal;
  using Op = AttentionNormalizationOp;
  enumeration<Op>(m, "AttentionNormalizationOp", {{"NONE", Op::kNONE}, {"SOFTMAX", Op::kSOFTMAX}});
  enumeration<KVCacheMode>(m, "KVCacheMode", {{"LINEAR", KVCacheMode::kLINEAR}});
  LayerClass<IAttentionBoundaryLayer>(m, "IAttentionBoundaryLayer")
      .def_prop_ro("attention", &IAttentionBoundaryLayer::getAttention, inside);
  LayerClass<IAttentionInputLayer, IAttentionBoundaryLayer>(m, "IAttentionInputLayer");
  LayerClass<IAttentionOutputLayer, IAttentionBoundaryLayer>(m, "IAttentionOutputLayer");
  using A = IAttention;
  nb::class_<A>(m, "IAttention")
      .def_prop_rw(
          "name", [](const A& a) { return to_text(a.getName()); }, &A::setName)
      .def_prop_rw("norm_op", &A::getNormalizationOperation, &A::setNormalizationOperation)
      .def_prop_rw(
          "mask", &A::getMask, [](A& a, ITensor& mask) { return a.setMask(mask); }, inside)
          PROPERTY(A, "causal", Causal) PROPERTY(A, "causal_kind", CausalKind) PROPERTY(A, "decomposable", Decomposable)
              PROPERTY(A, "num_ranks", NbRanks)
                  PROPERTY(A, "normalization_quantize_to_type", NormalizationQuantizeToType)
                      PROPERTY(A, "query_form", QueryForm) PROPERTY(A, "key_value_form", KeyValueForm)
      .def_prop_rw(
          "metadata", [](const A& a) { return to_text(a.getMetadata()); }, &A::setMetadata)
      .def_prop_rw("normalization_quantize_scale", &A::getNormalizationQuantizeScale, &A::setNormalizationQuantizeScale,
                   inside)
      .def_prop_rw("query_lengths", &A::getQueryLengths, &A::setQueryLengths, inside, nb::for_setter(nb::arg().none()))
      .def_prop_rw("key_value_lengths", &A::getKeyValueLengths, &A::setKeyValueLengths, inside,
                   nb::for_setter(nb::arg().none()))
      .def_prop_ro("num_inputs", &A::getNbInputs)
      .def_prop_ro("num_outputs", &A::getNbOutputs)
      .def("set_input", &A::setInput, "index"_a, "tensor"_a)
      .def("get_input", &A::getInput, "index"_a, inside)
      .def("get_output", &A::getOutput, "index"_a, inside);
  LayerClass<IRotaryEmbeddingLayer>(m, "IRotaryEmbeddingLayer")
      PROPERTY(IRotaryEmbeddingLayer, "interleaved", Interleaved)
          PROPERTY(IRotaryEmbeddingLayer, "rotary_embedding_dim", RotaryEmbeddingDim);
  LayerClass<IKVCacheUpdateLayer>(m, "IKVCacheUpdateLayer") PROPERTY(IKVCacheUpdateLayer, "cache_mode", CacheMode);
  LayerClass<IMoELayer>(m, "IMoELayer")
      .def("set_gated_weights", &IMoELayer::setGatedWeights, "fc_gate_weights"_a, "fc_up_weights"_a,
           "fc_down_weights"_a, "activation_type"_a)
      .def("set_gated_biases", &IMoELayer::setGatedBiases, "fc_gate_biases"_a, "fc_up_biases"_a, "fc_down_biases"_a)
      .def("set_quantization_static", &IMoELayer::setQuantizationStatic, "fc_down_activation_scale"_a, "data_type"_a)
      .def("set_quantization_dynamic_dbl_q", &IMoELayer::setQuantizationDynamicDblQ, "fc_down_activation_dbl_q_scale"_a,
           "data_type"_a, "block_shape"_a, "dyn_q_output_scale_type"_a)
      .def("set_swiglu_params", &IMoELayer::setSwigluParams, "limit"_a, "alpha"_a, "beta"_a)
          PROPERTY(IMoELayer, "activation_type", ActivationType)
              PROPERTY(IMoELayer, "quantization_to_type", QuantizationToType)
                  PROPERTY(IMoELayer, "quantization_block_shape", QuantizationBlockShape)
                      PROPERTY(IMoELayer, "dyn_q_output_scale_type", DynQOutputScaleType)
                          PROPERTY(IMoELayer, "swiglu_param_limit", SwigluParamLimit)
                              PROPERTY(IMoELayer, "swiglu_param_alpha", SwigluParamAlpha)
                                  PROPERTY(IMoELayer, "swiglu_param_beta", SwigluParamBeta);
  LayerClass<IDistCollectiveLayer>(m, "IDistCollectiveLayer");
}

}  // namespace

void bind_more_layers(nb::module_& m) {
  bind_arithmetic(m);
  bind_shapes(m);
  bind_selection(m);
  bind_control(m);
  bind_attention(m);
}

}  // namespace tensorrt_python
