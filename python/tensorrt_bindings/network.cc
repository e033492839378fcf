// INetworkDefinition. Networks keep the arrays of their weights until they go themselves.
#include "network.h"

#include <nanobind/stl/optional.h>

#include <algorithm>
#include <optional>

#include "layers.h"
#include "plugins.h"

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT

namespace {

using Self = nb::pointer_and_handle<INetworkDefinition>;

struct LiveNetwork {
  INetworkDefinition* network;
  PyObject* object;
};
/// Networks that Python holds, to find a layer's own (guarded by the GIL).
std::vector<LiveNetwork> live_networks;

Weights keep(const Self& self, const HeldWeights& held) {
  if (held.owner.is_valid() && !held.owner.is_none()) nb::keep_alive_obj(self.h, held.owner);
  return held.weights;
}

std::vector<ITensor*> to_tensors(const nb::sequence& tensors) {
  std::vector<ITensor*> list;
  for (nb::handle tensor : tensors) list.push_back(nb::cast<ITensor*>(tensor));
  return list;
}

int32_t index_of(int64_t index, int32_t count) {
  if (index < 0) index += count;
  if (index < 0 || index >= count) throw nb::index_error("no such layer");
  return static_cast<int32_t>(index);
}

/// A layer as its own interface, but as ILayer where the interface has a `type` of its own: programs that walk over a
/// network ask each layer for its LayerType.
nb::object layer_of(const Self& self, int32_t index) {
  ILayer* layer = self.p->getLayer(index);
  const bool shadowed =
      layer && (layer->getType() == LayerType::kACTIVATION || layer->getType() == LayerType::kPOOLING);
  if (shadowed) return nb::inst_reference(nb::type<ILayer>(), layer, self.h);
  return nb::cast(layer, nb::rv_policy::reference_internal, self.h);
}

/// add_NAME(input, maps, kernel shape, kernel, bias) of (de)convolutions, in 2-D and N-D form.
template <auto add, class Size>
auto add_convolution() {
  return
      [](Self self, ITensor& input, int64_t maps, const Size& size, const HeldWeights& kernel,
         const HeldWeights& bias) { return (self.p->*add)(input, maps, size, keep(self, kernel), keep(self, bias)); };
}

}  // namespace

void keep_weights(nb::handle layer, nb::handle owner) {
  if (!owner.is_valid() || owner.is_none()) return;
  const auto* wanted = nb::cast<const ILayer*>(layer);
  for (const LiveNetwork& live : live_networks) {
    for (int32_t i = live.network->getNbLayers(); i-- > 0;) {
      if (live.network->getLayer(i) == wanted) return nb::keep_alive_obj(live.object, owner);
    }
  }
  nb::keep_alive_obj(layer, owner);
}

nb::object wrap_network(INetworkDefinition* network, nb::handle builder) {
  if (!network) return nb::none();
  nb::object object = nb::cast(network, nb::rv_policy::take_ownership);
  nb::keep_alive_obj(object, builder);
  live_networks.push_back({network, object.ptr()});
  nb::keep_alive_cb(object, network, [](void* gone) noexcept {
    std::erase_if(live_networks, [gone](const LiveNetwork& live) { return live.network == gone; });
  });
  return object;
}

void bind_network(nb::module_& m) {
  constexpr auto inside = nb::rv_policy::reference_internal;
  using N = INetworkDefinition;
  nb::class_<N> type(m, "INetworkDefinition");
  context_manager(type);

  type.def_prop_rw(
          "name", [](const N& n) { return to_text(n.getName()); }, &N::setName)
      .def_prop_ro("num_layers", &N::getNbLayers)
      .def_prop_ro("num_inputs", &N::getNbInputs)
      .def_prop_ro("num_outputs", &N::getNbOutputs)
      .def_prop_ro("has_implicit_batch_dimension", &N::hasImplicitBatchDimension)
      .def_prop_ro("has_explicit_precision", &N::hasExplicitPrecision)
      .def_prop_ro("flags", &N::getFlags)
      .def("get_flag", &N::getFlag, "flag"_a)
      .def_prop_rw("error_recorder", &N::getErrorRecorder, &N::setErrorRecorder, nb::for_setter(nb::keep_alive<1, 2>()),
                   nb::for_setter(nb::arg().none()))
      .def_prop_ro("builder", &N::getBuilder, nb::rv_policy::reference)
      .def("get_layer", &layer_of, "index"_a)
      .def("get_input", &N::getInput, "index"_a, inside)
      .def("get_output", &N::getOutput, "index"_a, inside)
      .def("__len__", &N::getNbLayers)
      .def(
          "__getitem__", [](Self self, int64_t i) { return layer_of(self, index_of(i, self.p->getNbLayers())); },
          "index"_a)
      .def("add_input", &N::addInput, "name"_a, "dtype"_a, "shape"_a, inside)
      .def("mark_output", &N::markOutput, "tensor"_a)
      .def("unmark_output", &N::unmarkOutput, "tensor"_a)
      .def("mark_output_for_shapes", &N::markOutputForShapes, "tensor"_a)
      .def("unmark_output_for_shapes", &N::unmarkOutputForShapes, "tensor"_a)
      .def("mark_debug", &N::markDebug, "tensor"_a)
      .def("unmark_debug", &N::unmarkDebug, "tensor"_a)
      .def("is_debug_tensor", &N::isDebugTensor, "tensor"_a)
      .def("mark_unfused_tensors_as_debug_tensors", &N::markUnfusedTensorsAsDebugTensors)
      .def("unmark_unfused_tensors_as_debug_tensors", &N::unmarkUnfusedTensorsAsDebugTensors)
      .def("remove_tensor", &N::removeTensor, "tensor"_a)
      .def("mark_weights_refittable", &N::markWeightsRefittable, "name"_a)
      .def("unmark_weights_refittable", &N::unmarkWeightsRefittable, "name"_a)
      .def("are_weights_marked_refittable", &N::areWeightsMarkedRefittable, "name"_a)
      .def(
          "set_weights_name",
          [](Self self, const HeldWeights& weights, const char* name) {
            return self.p->setWeightsName(keep(self, weights), name);
          },
          "weights"_a, "name"_a);

  // Layers with weights.
  type.def("add_convolution", add_convolution<&N::addConvolution, DimsHW>(), "input"_a, "num_output_maps"_a,
           "kernel_shape"_a, "kernel"_a, "bias"_a = nb::none(), inside)
      .def("add_convolution_nd", add_convolution<&N::addConvolutionNd, Dims>(), "input"_a, "num_output_maps"_a,
           "kernel_shape"_a, "kernel"_a, "bias"_a = nb::none(), inside)
      .def("add_deconvolution", add_convolution<&N::addDeconvolution, DimsHW>(), "input"_a, "num_output_maps"_a,
           "kernel_shape"_a, "kernel"_a, "bias"_a = nb::none(), inside)
      .def("add_deconvolution_nd", add_convolution<&N::addDeconvolutionNd, Dims>(), "input"_a, "num_output_maps"_a,
           "kernel_shape"_a, "kernel"_a, "bias"_a = nb::none(), inside)
      .def(
          "add_fully_connected",
          [](Self self, ITensor& input, int32_t outputs, const HeldWeights& kernel, const HeldWeights& bias) {
            return self.p->addFullyConnected(input, outputs, keep(self, kernel), keep(self, bias));
          },
          "input"_a, "num_outputs"_a, "kernel"_a, "bias"_a = nb::none(), inside)
      .def(
          "add_scale",
          [](Self self, ITensor& input, ScaleMode mode, const HeldWeights& shift, const HeldWeights& scale,
             const HeldWeights& power) {
            return self.p->addScale(input, mode, keep(self, shift), keep(self, scale), keep(self, power));
          },
          "input"_a, "mode"_a, "shift"_a = nb::none(), "scale"_a = nb::none(), "power"_a = nb::none(), inside)
      .def(
          "add_scale_nd",
          [](Self self, ITensor& input, ScaleMode mode, const HeldWeights& shift, const HeldWeights& scale,
             const HeldWeights& power, int32_t axis) {
            return self.p->addScaleNd(input, mode, keep(self, shift), keep(self, scale), keep(self, power), axis);
          },
          "input"_a, "mode"_a, "shift"_a = nb::none(), "scale"_a = nb::none(), "power"_a = nb::none(),
          "channel_axis"_a = 1, inside)
      .def(
          "add_constant",
          [](Self self, const Dims& shape, const HeldWeights& weights) {
            return self.p->addConstant(shape, keep(self, weights));
          },
          "shape"_a, "weights"_a, inside)
      .def("add_rnn_v2", &N::addRNNv2, "input"_a, "layer_count"_a, "hidden_size"_a, "max_seq_length"_a, "op"_a, inside);

  // Arithmetic.
  type.def("add_activation", &N::addActivation, "input"_a, "type"_a, inside)
      .def("add_lrn", &N::addLRN, "input"_a, "window"_a, "alpha"_a, "beta"_a, "k"_a, inside)
      .def("add_softmax", &N::addSoftMax, "input"_a, inside)
      .def("add_elementwise", &N::addElementWise, "input1"_a, "input2"_a, "op"_a, inside)
      .def("add_unary", &N::addUnary, "input"_a, "op"_a, inside)
      .def("add_reduce", &N::addReduce, "input"_a, "op"_a, "axes"_a, "keep_dims"_a, inside)
      .def("add_matrix_multiply",
           nb::overload_cast<ITensor&, MatrixOperation, ITensor&, MatrixOperation>(&N::addMatrixMultiply), "input0"_a,
           "op0"_a, "input1"_a, "op1"_a, inside)
      .def("add_parametric_relu", &N::addParametricReLU, "input"_a, "slopes"_a, inside)
      .def("add_ragged_softmax", &N::addRaggedSoftMax, "input"_a, "bounds"_a, inside)
      .def("add_pooling", &N::addPooling, "input"_a, "type"_a, "window_size"_a, inside)
      .def("add_pooling_nd", &N::addPoolingNd, "input"_a, "type"_a, "window_size"_a, inside)
      .def("add_normalization", &N::addNormalization, "input"_a, "scale"_a, "bias"_a, "axesMask"_a, inside)
      .def("add_normalization_v2", &N::addNormalizationV2, "input"_a, "scale"_a, "bias"_a, "axesMask"_a, inside)
      .def("add_attention", &N::addAttention, "query"_a, "key"_a, "value"_a, "norm_op"_a, "causal"_a, inside)
      .def("add_attention_v2", &N::addAttentionV2, "query"_a, "key"_a, "value"_a, "norm_op"_a, "causal_kind"_a, inside)
      .def("add_moe", &N::addMoE, "hidden_states"_a, "selected_experts_for_tokens"_a, "scores_for_selected_experts"_a,
           inside)
      .def(
          "add_dist_collective",
          [](N& n, ITensor& input, CollectiveOperation op, ReduceOperation reduce, int64_t root,
             const nb::object& groups) {
            std::vector<int64_t> ranks;
            if (!groups.is_none()) {
              for (nb::handle rank : groups) ranks.push_back(nb::cast<int64_t>(nb::int_(rank)));
            }
            return n.addDistCollective(input, op, reduce, root, ranks.empty() ? nullptr : ranks.data(),
                                       static_cast<int64_t>(ranks.size()));
          },
          "input"_a, "dist_collective_op"_a, "reduce_op"_a, "root"_a, "groups"_a.none(), inside)
      .def("add_rotary_embedding", &N::addRotaryEmbedding, "input"_a, "cos_cache"_a, "sin_cache"_a, "interleaved"_a,
           "rotary_embedding_dim"_a, inside)
      .def("add_kv_cache_update", &N::addKVCacheUpdate, "cache"_a, "update"_a, "write_indices"_a, "cache_mode"_a,
           inside)
      .def("add_cumulative", &N::addCumulative, "input"_a, "axis"_a, "op"_a, "exclusive"_a, "reverse"_a, inside)
      .def(
          "add_einsum",
          [](N& n, const nb::sequence& inputs, const char* equation) {
            const std::vector<ITensor*> list = to_tensors(inputs);
            return n.addEinsum(list.data(), static_cast<int32_t>(list.size()), equation);
          },
          "inputs"_a, "equation"_a, inside)
      .def(
          "add_quantize",
          [](N& n, ITensor& input, ITensor& scale, std::optional<DataType> type) {
            return type ? n.addQuantize(input, scale, *type) : n.addQuantize(input, scale);
          },
          "input"_a, "scale"_a, "output_type"_a = nb::none(), inside)
      .def(
          "add_dequantize",
          [](N& n, ITensor& input, ITensor& scale, std::optional<DataType> type) {
            return type ? n.addDequantize(input, scale, *type) : n.addDequantize(input, scale);
          },
          "input"_a, "scale"_a, "output_type"_a = nb::none(), inside)
      .def("add_dynamic_quantize_v2", &N::addDynamicQuantizeV2, "input"_a, "block_shape"_a, "output_type"_a,
           "scale_type"_a, inside)
      .def("add_dynamic_quantize", &N::addDynamicQuantize, "input"_a, "axis"_a, "block_size"_a, "output_type"_a,
           "scale_type"_a, inside);

  // Shapes and selection.
  type.def(
          "add_concatenation",
          [](N& n, const nb::sequence& inputs) {
            const std::vector<ITensor*> list = to_tensors(inputs);
            return n.addConcatenation(list.data(), static_cast<int32_t>(list.size()));
          },
          "inputs"_a, inside)
      .def("add_padding", &N::addPadding, "input"_a, "pre_padding"_a, "post_padding"_a, inside)
      .def("add_padding_nd", &N::addPaddingNd, "input"_a, "pre_padding"_a, "post_padding"_a, inside)
      .def("add_shuffle", &N::addShuffle, "input"_a, inside)
      .def("add_slice", &N::addSlice, "input"_a, "start"_a, "shape"_a, "stride"_a, inside)
      .def("add_shape", &N::addShape, "input"_a, inside)
      .def("add_squeeze", &N::addSqueeze, "input"_a, "axes"_a, inside)
      .def("add_unsqueeze", &N::addUnsqueeze, "input"_a, "axes"_a, inside)
      .def("add_identity", &N::addIdentity, "input"_a, inside)
      .def("add_cast", &N::addCast, "input"_a, "to_type"_a, inside)
      .def("add_resize", &N::addResize, "input"_a, inside)
      .def("add_select", &N::addSelect, "condition"_a, "then_input"_a, "else_input"_a, inside)
      .def("add_assertion", &N::addAssertion, "condition"_a, "message"_a, inside)
      .def(
          "add_topk",
          [](N& n, ITensor& input, TopKOperation op, int32_t k, uint32_t axes, std::optional<DataType> type) {
            return type ? n.addTopK(input, op, k, axes, *type) : n.addTopK(input, op, k, axes);
          },
          "input"_a, "op"_a, "k"_a, "axes"_a, "indices_type"_a = nb::none(), inside)
      .def("add_gather", &N::addGather, "input"_a, "indices"_a, "axis"_a, inside)
      .def("add_gather_v2", &N::addGatherV2, "input"_a, "indices"_a, "mode"_a, inside)
      .def("add_scatter", &N::addScatter, "data"_a, "indices"_a, "updates"_a, "mode"_a, inside)
      .def("add_one_hot", &N::addOneHot, "indices"_a, "values"_a, "depth"_a, "axis"_a, inside)
      .def("add_grid_sample", &N::addGridSample, "input"_a, "grid"_a, inside)
      .def("add_reverse_sequence", &N::addReverseSequence, "input"_a, "sequence_lens"_a, inside)
      .def(
          "add_non_zero",
          [](N& n, ITensor& input, std::optional<DataType> type) {
            return type ? n.addNonZero(input, *type) : n.addNonZero(input);
          },
          "input"_a, "indices_type"_a = nb::none(), inside)
      .def(
          "add_nms",
          [](N& n, ITensor& boxes, ITensor& scores, ITensor& most, std::optional<DataType> type) {
            return type ? n.addNMS(boxes, scores, most, *type) : n.addNMS(boxes, scores, most);
          },
          "boxes"_a, "scores"_a, "max_output_boxes_per_class"_a, "indices_type"_a = nb::none(), inside)
      .def(
          "add_fill",
          [](N& n, const Dims& shape, FillOperation op, std::optional<DataType> type) {
            return type ? n.addFill(shape, op, *type) : n.addFill(shape, op);
          },
          "shape"_a, "op"_a, "output_type"_a = nb::none(), inside)
      .def("add_plugin_v2", &add_plugin_v2, "inputs"_a, "plugin"_a, inside)
      .def("add_plugin_v3", &add_plugin_v3, "inputs"_a, "shape_inputs"_a, "plugin"_a, inside)
      .def("add_plugin", &add_plugin, "func"_a, inside)
      .def("add_loop", &N::addLoop, inside)
      .def("add_if_conditional", &N::addIfConditional, inside);
}

}  // namespace tensorrt_python
