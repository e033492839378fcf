// Every kind of layer: its parameters, and emit() in the file of its family.
#pragma once

#include <utility>

#include "tensorrt/layer.h"

namespace vivace::tensorrt {

using nvinfer1::Weights;

/// The axis of the only bit of a mask; -1 for any other mask.
int axis_of_mask(uint32_t mask);
/// The axes of a mask, each moved by `shift`.
std::vector<int64_t> axes_of_mask(uint32_t mask, int shift);

// ---- pointwise.cc ----

class ActivationLayer final : public LayerOf<nvinfer1::IActivationLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(nvinfer1::ActivationType, ActivationType, kind, nvinfer1::ActivationType::kRELU)
  std::optional<float> alpha, beta;  // unset: the function's usual parameter
  void setAlpha(float value) noexcept override { change(alpha, value); }
  void setBeta(float value) noexcept override { change(beta, value); }
  float getAlpha() const noexcept override { return alpha.value_or(0); }
  float getBeta() const noexcept override { return beta.value_or(0); }
};

class ScaleLayer final : public LayerOf<nvinfer1::IScaleLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(nvinfer1::ScaleMode, Mode, mode, nvinfer1::ScaleMode::kUNIFORM)
  VIVACE_PARAMETER(Weights, Shift, shift, {})
  VIVACE_PARAMETER(Weights, Scale, scale, {})
  VIVACE_PARAMETER(Weights, Power, power, {})
  VIVACE_PARAMETER(int32_t, ChannelAxis, channel_axis, 0)
};

class ElementWiseLayer final : public LayerOf<nvinfer1::IElementWiseLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(nvinfer1::ElementWiseOperation, Operation, operation, nvinfer1::ElementWiseOperation::kSUM)
};

class UnaryLayer final : public LayerOf<nvinfer1::IUnaryLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(nvinfer1::UnaryOperation, Operation, operation, nvinfer1::UnaryOperation::kEXP)
};

class ParametricReLULayer final : public LayerOf<nvinfer1::IParametricReLULayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
};

class SelectLayer final : public LayerOf<nvinfer1::ISelectLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
};

class IdentityLayer final : public LayerOf<nvinfer1::IIdentityLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
};

class CastLayer final : public LayerOf<nvinfer1::ICastLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(nvinfer1::DataType, ToType, to, nvinfer1::DataType::kFLOAT)
};

// ---- window.cc: convolutions, pooling, fully connected ----

/// What convolution, deconvolution and pooling have in common.
template <class Interface>
class WindowLayer : public LayerOf<Interface> {
 public:
  using LayerOf<Interface>::LayerOf;
  using LayerOf<Interface>::change;
  VIVACE_DIMS(StrideNd, stride)
  VIVACE_DIMS(PrePadding, pre_padding)
  VIVACE_DIMS(PostPadding, post_padding)
  VIVACE_PARAMETER(nvinfer1::PaddingMode, PaddingMode, padding_mode, nvinfer1::PaddingMode::kEXPLICIT_ROUND_DOWN)
  void setPaddingNd(nvinfer1::Dims const& value) noexcept override {
    change(pre_padding, value);
    change(post_padding, value);
  }
  nvinfer1::Dims getPaddingNd() const noexcept override { return pre_padding; }
  /// Strides of 1 and no padding, over so many spatial dimensions.
  void reset_window(int32_t spatial) {
    stride = repeated(1, spatial);
    pre_padding = post_padding = repeated(0, spatial);
  }

 protected:
  /// Strides, pads, and auto_pad of a window over the spatial dimensions of `x`; adds padding at the end where the
  /// number of windows is rounded up and the operator does not do that itself.
  ir::Attributes attributes(Build& b, const ir::Value* x, const nvinfer1::Dims& kernel, const nvinfer1::Dims& dilation,
                            bool extend);
};

/// Likewise of convolution and deconvolution.
template <class Interface>
class KernelLayer : public WindowLayer<Interface> {
 public:
  using WindowLayer<Interface>::WindowLayer;
  using WindowLayer<Interface>::change;
  VIVACE_DIMS(KernelSizeNd, kernel)
  VIVACE_DIMS(DilationNd, dilation)
  VIVACE_PARAMETER(int64_t, NbOutputMaps, maps, 0)
  VIVACE_PARAMETER(int64_t, NbGroups, groups, 1)
  VIVACE_PARAMETER(Weights, KernelWeights, kernel_weights, {})
  VIVACE_PARAMETER(Weights, BiasWeights, bias_weights, {})

 protected:
  /// `transposed`: the weights have the input channels first, and rounding up does not add padding.
  void emit_as(Build& b, const char* op, bool transposed);
};

class ConvolutionLayer final : public KernelLayer<nvinfer1::IConvolutionLayer> {
 public:
  using KernelLayer::KernelLayer;
  void emit(Build& b) override;
};

class DeconvolutionLayer final : public KernelLayer<nvinfer1::IDeconvolutionLayer> {
 public:
  using KernelLayer::KernelLayer;
  void emit(Build& b) override;
};

class PoolingLayer final : public WindowLayer<nvinfer1::IPoolingLayer> {
 public:
  using WindowLayer::WindowLayer;
  void emit(Build& b) override;
  VIVACE_DIMS(WindowSizeNd, window)
  VIVACE_PARAMETER(nvinfer1::PoolingType, PoolingType, kind, nvinfer1::PoolingType::kMAX)
  VIVACE_PARAMETER(float, BlendFactor, blend, 0)
  VIVACE_PARAMETER(bool, AverageCountExcludesPadding, exclusive, true)
};

class FullyConnectedLayer final : public LayerOf<nvinfer1::IFullyConnectedLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(int32_t, NbOutputChannels, channels, 0)
  VIVACE_PARAMETER(Weights, KernelWeights, kernel_weights, {})
  VIVACE_PARAMETER(Weights, BiasWeights, bias_weights, {})
};

class PaddingLayer final : public LayerOf<nvinfer1::IPaddingLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_DIMS(PrePaddingNd, pre)
  VIVACE_DIMS(PostPaddingNd, post)
};

// ---- math.cc: products, reductions, normalizations ----

class LRNLayer final : public LayerOf<nvinfer1::ILRNLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(int64_t, WindowSize, window, 1)
  VIVACE_PARAMETER(float, Alpha, alpha, 0)
  VIVACE_PARAMETER(float, Beta, beta, 0)
  VIVACE_PARAMETER(float, K, k, 1)
};

class SoftMaxLayer final : public LayerOf<nvinfer1::ISoftMaxLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  uint32_t axes = 0;  // 0: the default, that depends on the rank
  void setAxes(uint32_t value) noexcept override { change(axes, value); }
  uint32_t getAxes() const noexcept override;
};

class RaggedSoftMaxLayer final : public LayerOf<nvinfer1::IRaggedSoftMaxLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
};

class ReduceLayer final : public LayerOf<nvinfer1::IReduceLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(nvinfer1::ReduceOperation, Operation, operation, nvinfer1::ReduceOperation::kSUM)
  VIVACE_PARAMETER(uint32_t, ReduceAxes, axes, 0)
  VIVACE_PARAMETER(bool, KeepDimensions, keep, false)
};

class MatrixMultiplyLayer final : public LayerOf<nvinfer1::IMatrixMultiplyLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  nvinfer1::MatrixOperation operations[2] = {};
  void setOperation(int32_t index, nvinfer1::MatrixOperation op) noexcept override {
    if (index == 0 || index == 1) change(operations[index], op);
  }
  nvinfer1::MatrixOperation getOperation(int32_t index) const noexcept override { return operations[index == 1]; }
};

class EinsumLayer final : public LayerOf<nvinfer1::IEinsumLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  std::string equation;
  bool setEquation(char const* value) noexcept override {
    if (value) change(equation, value);
    return value;
  }
  char const* getEquation() const noexcept override { return equation.c_str(); }
};

class NormalizationLayer final : public LayerOf<nvinfer1::INormalizationLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(float, Epsilon, epsilon, 1e-5F)
  VIVACE_PARAMETER(uint32_t, Axes, axes, 0)
  VIVACE_PARAMETER(int64_t, NbGroups, groups, 1)
  VIVACE_PARAMETER(nvinfer1::DataType, ComputePrecision, compute, nvinfer1::DataType::kFLOAT)
  bool v2 = false;
  bool isV2() const noexcept override { return v2; }
};

class CumulativeLayer final : public LayerOf<nvinfer1::ICumulativeLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  nvinfer1::CumulativeOperation operation = nvinfer1::CumulativeOperation::kSUM;
  bool setOperation(nvinfer1::CumulativeOperation value) noexcept override {
    return value == nvinfer1::CumulativeOperation::kSUM;
  }
  nvinfer1::CumulativeOperation getOperation() const noexcept override { return operation; }
  VIVACE_PARAMETER(bool, Exclusive, exclusive, false)
  VIVACE_PARAMETER(bool, Reverse, reverse, false)
};

// ---- shape.cc: movement and shapes ----

class ConcatenationLayer final : public LayerOf<nvinfer1::IConcatenationLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  std::optional<int32_t> axis;  // unset: the default, that depends on the rank
  void setAxis(int32_t value) noexcept override { change(axis, value); }
  int32_t getAxis() const noexcept override;
};

class ShuffleLayer final : public LayerOf<nvinfer1::IShuffleLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  std::optional<nvinfer1::Permutation> first, second;
  nvinfer1::Dims reshape = no_dims();
  bool zero_is_placeholder = true;
  void setFirstTranspose(nvinfer1::Permutation value) noexcept override { change(first, value); }
  nvinfer1::Permutation getFirstTranspose() const noexcept override;
  void setSecondTranspose(nvinfer1::Permutation value) noexcept override { change(second, value); }
  nvinfer1::Permutation getSecondTranspose() const noexcept override;
  void setReshapeDimensions(nvinfer1::Dims const& value) noexcept override {
    change(reshape, value);
    if (inputs.size() > 1 && may_change()) inputs.resize(1);
  }
  nvinfer1::Dims getReshapeDimensions() const noexcept override { return reshape; }
  void setZeroIsPlaceholder(bool value) noexcept override { change(zero_is_placeholder, value); }
  bool getZeroIsPlaceholder() const noexcept override { return zero_is_placeholder; }
};

class SliceLayer final : public LayerOf<nvinfer1::ISliceLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_DIMS(Start, start)
  VIVACE_DIMS(Size, size)
  VIVACE_DIMS(Stride, stride)
  VIVACE_DIMS(Axes, axes)
  VIVACE_PARAMETER(nvinfer1::SampleMode, Mode, mode, nvinfer1::SampleMode::kSTRICT_BOUNDS)

 private:
  ir::Value* padded(Build& b, ir::Value* x, std::vector<int64_t>& starts, const std::vector<int64_t>& sizes,
                    const std::vector<int64_t>& strides, const std::vector<int64_t>& axes);
};

class ShapeLayer final : public LayerOf<nvinfer1::IShapeLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
};

class SqueezeLayer final : public LayerOf<nvinfer1::ISqueezeLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
};

class UnsqueezeLayer final : public LayerOf<nvinfer1::IUnsqueezeLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
};

class AssertionLayer final : public LayerOf<nvinfer1::IAssertionLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  std::string message;
  void setMessage(char const* value) noexcept override { message = value ? value : ""; }
  char const* getMessage() const noexcept override { return message.c_str(); }
};

class ConstantLayer final : public LayerOf<nvinfer1::IConstantLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(Weights, Weights, weights, {})
  VIVACE_DIMS(Dimensions, dims)
};

class FillLayer final : public LayerOf<nvinfer1::IFillLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_DIMS(Dimensions, dims)
  VIVACE_PARAMETER(nvinfer1::FillOperation, Operation, operation, nvinfer1::FillOperation::kLINSPACE)
  VIVACE_PARAMETER(double, Alpha, alpha, 0)
  VIVACE_PARAMETER(double, Beta, beta, 1)
  VIVACE_PARAMETER(nvinfer1::DataType, ToType, to, nvinfer1::DataType::kFLOAT)
  bool integers = false;
  void setAlphaInt64(int64_t value) noexcept override { set_integer(alpha, value); }
  int64_t getAlphaInt64() const noexcept override { return static_cast<int64_t>(alpha); }
  void setBetaInt64(int64_t value) noexcept override { set_integer(beta, value); }
  int64_t getBetaInt64() const noexcept override { return static_cast<int64_t>(beta); }
  bool isAlphaBetaInt64() const noexcept override { return integers; }

 private:
  void set_integer(double& member, int64_t value) {
    integers = true;
    change(member, static_cast<double>(value));
  }
  ir::Value* linspace(Build& b, ir::Value* shape);
  ir::Value* random(Build& b, ir::Value* shape);
};

// ---- select.cc: picking elements ----

/// Layers whose outputs are indices, of a type to choose.
template <class Interface>
class IndexLayer : public LayerOf<Interface> {
 public:
  using LayerOf<Interface>::LayerOf;
  nvinfer1::DataType indices = nvinfer1::DataType::kINT32;
  bool setIndicesType(nvinfer1::DataType value) noexcept override {
    if (value != nvinfer1::DataType::kINT32 && value != nvinfer1::DataType::kINT64) return false;
    this->change(indices, value);
    return true;
  }
  nvinfer1::DataType getIndicesType() const noexcept override { return indices; }
};

class TopKLayer final : public IndexLayer<nvinfer1::ITopKLayer> {
 public:
  using IndexLayer::IndexLayer;
  void emit(Build& b) override;
  VIVACE_PARAMETER(nvinfer1::TopKOperation, Operation, operation, nvinfer1::TopKOperation::kMAX)
  VIVACE_PARAMETER(int32_t, K, k, 1)
  VIVACE_PARAMETER(uint32_t, ReduceAxes, axes, 0)
};

class NonZeroLayer final : public IndexLayer<nvinfer1::INonZeroLayer> {
 public:
  using IndexLayer::IndexLayer;
  void emit(Build& b) override;
};

class NMSLayer final : public IndexLayer<nvinfer1::INMSLayer> {
 public:
  using IndexLayer::IndexLayer;
  void emit(Build& b) override;
  VIVACE_PARAMETER(nvinfer1::BoundingBoxFormat, BoundingBoxFormat, format, nvinfer1::BoundingBoxFormat::kCORNER_PAIRS)
  VIVACE_PARAMETER(int32_t, TopKBoxLimit, limit, 5000)

 private:
  ir::Value* best(Build& b, ir::Value* scores);
};

class GatherLayer final : public LayerOf<nvinfer1::IGatherLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(int32_t, GatherAxis, axis, 0)
  VIVACE_PARAMETER(int32_t, NbElementWiseDims, element_wise, 0)
  VIVACE_PARAMETER(nvinfer1::GatherMode, Mode, mode, nvinfer1::GatherMode::kDEFAULT)
};

class ScatterLayer final : public LayerOf<nvinfer1::IScatterLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(nvinfer1::ScatterMode, Mode, mode, nvinfer1::ScatterMode::kELEMENT)
  VIVACE_PARAMETER(int32_t, Axis, axis, 0)
};

class OneHotLayer final : public LayerOf<nvinfer1::IOneHotLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(int32_t, Axis, axis, -1)
};

class ReverseSequenceLayer final : public LayerOf<nvinfer1::IReverseSequenceLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(int32_t, BatchAxis, batch_axis, 1)
  VIVACE_PARAMETER(int32_t, SequenceAxis, sequence_axis, 0)
};

// ---- resize.cc ----

class ResizeLayer final : public LayerOf<nvinfer1::IResizeLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  nvinfer1::Dims dims = no_dims();
  std::vector<float> scales;
  void setOutputDimensions(nvinfer1::Dims const& value) noexcept override {
    change(dims, value);
    change(scales, std::vector<float>());
  }
  nvinfer1::Dims getOutputDimensions() const noexcept override { return dims; }
  void setScales(float const* values, int32_t count) noexcept override;
  int32_t getScales(int32_t size, float* values) const noexcept override;
  VIVACE_PARAMETER(nvinfer1::InterpolationMode, ResizeMode, mode, nvinfer1::InterpolationMode::kNEAREST)
  VIVACE_PARAMETER(nvinfer1::ResizeCoordinateTransformation, CoordinateTransformation, coordinates,
                   nvinfer1::ResizeCoordinateTransformation::kASYMMETRIC)
  VIVACE_PARAMETER(nvinfer1::ResizeSelector, SelectorForSinglePixel, selector, nvinfer1::ResizeSelector::kFORMULA)
  VIVACE_PARAMETER(nvinfer1::ResizeRoundMode, NearestRounding, rounding, nvinfer1::ResizeRoundMode::kFLOOR)
  VIVACE_PARAMETER(float, CubicCoeff, cubic, -0.75F)
  VIVACE_PARAMETER(bool, ExcludeOutside, exclude_outside, false)
  void setAlignCorners(bool value) noexcept override {
    setCoordinateTransformation(value ? nvinfer1::ResizeCoordinateTransformation::kALIGN_CORNERS
                                      : nvinfer1::ResizeCoordinateTransformation::kASYMMETRIC);
  }
  bool getAlignCorners() const noexcept override {
    return coordinates == nvinfer1::ResizeCoordinateTransformation::kALIGN_CORNERS;
  }
};

class GridSampleLayer final : public LayerOf<nvinfer1::IGridSampleLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(nvinfer1::InterpolationMode, InterpolationMode, mode, nvinfer1::InterpolationMode::kLINEAR)
  VIVACE_PARAMETER(bool, AlignCorners, align_corners, false)
  nvinfer1::SampleMode sample = nvinfer1::SampleMode::kFILL;
  bool setSampleMode(nvinfer1::SampleMode value) noexcept override;
  nvinfer1::SampleMode getSampleMode() const noexcept override { return sample; }
};

// ---- quantize.cc ----

/// What quantization and dequantization have in common.
template <class Interface>
class QuantizationLayer : public LayerOf<Interface> {
 public:
  using LayerOf<Interface>::LayerOf;
  using LayerOf<Interface>::change;
  VIVACE_PARAMETER(int32_t, Axis, axis, -1)
  VIVACE_PARAMETER(nvinfer1::DataType, ToType, to, nvinfer1::DataType::kINT8)
  nvinfer1::Dims block = no_dims();
  bool setBlockShape(nvinfer1::Dims const& value) noexcept override {
    change(block, value);
    return true;
  }
  nvinfer1::Dims getBlockShape() const noexcept override { return block; }

 protected:
  void emit_linear(Build& b, const char* op, DType quantized);

 private:
  void emit_blocks(Build& b, const char* op, DType quantized);
};

class QuantizeLayer final : public QuantizationLayer<nvinfer1::IQuantizeLayer> {
 public:
  using QuantizationLayer::QuantizationLayer;
  void emit(Build& b) override { emit_linear(b, "QuantizeLinear", to_dtype(to)); }
};

class DequantizeLayer final : public QuantizationLayer<nvinfer1::IDequantizeLayer> {
 public:
  using QuantizationLayer::QuantizationLayer;
  void emit(Build& b) override { emit_linear(b, "DequantizeLinear", DType::undefined); }
};

// ---- recurrent.cc ----

/// What both generations of recurrent layers have in common. Inputs 1 and 2: hidden state, cell state.
template <class Interface, class Size>
class RecurrentLayer : public LayerOf<Interface> {
 public:
  using LayerOf<Interface>::LayerOf;
  using LayerOf<Interface>::change;
  using LayerOf<Interface>::inputs;
  int32_t layer_count = 1, hidden_size = 1, max_length = 1;
  using Count = decltype(std::declval<const Interface&>().getLayerCount());
  Count getLayerCount() const noexcept override { return static_cast<Count>(layer_count); }
  Size getHiddenSize() const noexcept override { return static_cast<Size>(hidden_size); }
  int32_t getDataLength() const noexcept override;
  VIVACE_PARAMETER(nvinfer1::RNNOperation, Operation, operation, nvinfer1::RNNOperation::kLSTM)
  VIVACE_PARAMETER(nvinfer1::RNNInputMode, InputMode, input_mode, nvinfer1::RNNInputMode::kLINEAR)
  VIVACE_PARAMETER(nvinfer1::RNNDirection, Direction, direction, nvinfer1::RNNDirection::kUNIDIRECTION)
  void setHiddenState(nvinfer1::ITensor& value) noexcept override { this->set_input(1, value); }
  nvinfer1::ITensor* getHiddenState() const noexcept override { return this->getInput(1); }
  void setCellState(nvinfer1::ITensor& value) noexcept override { this->set_input(2, value); }
  nvinfer1::ITensor* getCellState() const noexcept override { return this->getInput(2); }

 protected:
  int directions() const { return direction == nvinfer1::RNNDirection::kBIDIRECTION ? 2 : 1; }
  /// Weights, or biases, of a gate, `at` being layer and direction; `w`: of the input, else of the hidden state.
  virtual Weights gate(int at, nvinfer1::RNNGateType gate, bool w, bool bias) const = 0;
  struct States {
    ir::Value *y = nullptr, *hidden = nullptr, *cells = nullptr;
  };
  /// Over x [time, batch, data], with states [layers and directions, batch, hidden], null for zeros.
  States run(Build& b, ir::Value* x, ir::Value* lengths, ir::Value* hidden, ir::Value* cells) const;

 private:
  vivace::Tensor gathered(Build& b, int layer, bool w, int64_t columns) const;
  vivace::Tensor biases(Build& b, int layer) const;
};

class RNNv2Layer final : public RecurrentLayer<nvinfer1::IRNNv2Layer, int32_t> {
 public:
  using RecurrentLayer::RecurrentLayer;
  void emit(Build& b) override;
  int32_t getMaxSeqLength() const noexcept override { return max_length; }
  void setSequenceLengths(nvinfer1::ITensor& value) noexcept override { set_input(3, value); }
  nvinfer1::ITensor* getSequenceLengths() const noexcept override { return getInput(3); }
  void setWeightsForGate(int32_t layer, nvinfer1::RNNGateType gate, bool w, Weights value) noexcept override {
    set_gate(gate_weights, layer, gate, w, value);
  }
  Weights getWeightsForGate(int32_t layer, nvinfer1::RNNGateType gate, bool w) const noexcept override {
    return get_gate(gate_weights, layer, gate, w);
  }
  void setBiasForGate(int32_t layer, nvinfer1::RNNGateType gate, bool w, Weights value) noexcept override {
    set_gate(gate_biases, layer, gate, w, value);
  }
  Weights getBiasForGate(int32_t layer, nvinfer1::RNNGateType gate, bool w) const noexcept override {
    return get_gate(gate_biases, layer, gate, w);
  }

 private:
  using Gates = std::vector<Weights>;
  static size_t gate_index(int32_t layer, nvinfer1::RNNGateType gate, bool w) {
    return (static_cast<size_t>(layer) * 7 + static_cast<size_t>(gate)) * 2 + (w ? 1 : 0);
  }
  void set_gate(Gates& gates, int32_t layer, nvinfer1::RNNGateType gate, bool w, Weights value);
  Weights get_gate(const Gates& gates, int32_t layer, nvinfer1::RNNGateType gate, bool w) const;
  Weights gate(int at, nvinfer1::RNNGateType gate, bool w, bool bias) const override {
    return get_gate(bias ? gate_biases : gate_weights, at, gate, w);
  }
  Gates gate_weights, gate_biases;
};

class RNNLayer final : public RecurrentLayer<nvinfer1::IRNNLayer, std::size_t> {
 public:
  using RecurrentLayer::RecurrentLayer;
  void emit(Build& b) override;
  int32_t getSeqLength() const noexcept override { return max_length; }
  VIVACE_PARAMETER(Weights, Weights, weights, {})
  VIVACE_PARAMETER(Weights, Bias, bias, {})

 private:
  Weights gate(int at, nvinfer1::RNNGateType gate, bool w, bool bias) const override;
};

}  // namespace vivace::tensorrt
