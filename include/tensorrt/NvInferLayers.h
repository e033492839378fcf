// Tensors and layers of a network.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInferEnums.h"
#include "NvInferLegacyDims.h"

namespace nvinfer1 {

/// A tensor of a network: an input, or what a layer makes. Owned by the network.
class ITensor {
 public:
  virtual ~ITensor() noexcept = default;
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  virtual void setDimensions(Dims const& dimensions) noexcept = 0;
  virtual Dims getDimensions() const noexcept = 0;
  virtual void setType(DataType type) noexcept = 0;
  virtual DataType getType() const noexcept = 0;
  virtual bool setDynamicRange(float min, float max) noexcept = 0;
  virtual bool isNetworkInput() const noexcept = 0;
  virtual bool isNetworkOutput() const noexcept = 0;
  virtual void setBroadcastAcrossBatch(bool broadcastAcrossBatch) noexcept = 0;
  virtual bool getBroadcastAcrossBatch() const noexcept = 0;
  virtual TensorLocation getLocation() const noexcept = 0;
  virtual void setLocation(TensorLocation location) noexcept = 0;
  virtual bool dynamicRangeIsSet() const noexcept = 0;
  virtual void resetDynamicRange() noexcept = 0;
  virtual float getDynamicRangeMin() const noexcept = 0;
  virtual float getDynamicRangeMax() const noexcept = 0;
  virtual void setAllowedFormats(TensorFormats formats) noexcept = 0;
  virtual TensorFormats getAllowedFormats() const noexcept = 0;
  virtual bool isShapeTensor() const noexcept = 0;
  virtual bool isExecutionTensor() const noexcept = 0;
  virtual void setDimensionName(int32_t index, char const* name) noexcept = 0;
  virtual char const* getDimensionName(int32_t index) const noexcept = 0;
};

/// A layer of a network. Owned by the network; parameters may change until the engine is built.
class ILayer {
 public:
  virtual ~ILayer() noexcept = default;
  virtual LayerType getType() const noexcept = 0;
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  virtual int32_t getNbInputs() const noexcept = 0;
  virtual ITensor* getInput(int32_t index) const noexcept = 0;
  virtual int32_t getNbOutputs() const noexcept = 0;
  virtual ITensor* getOutput(int32_t index) const noexcept = 0;
  virtual void setInput(int32_t index, ITensor& tensor) noexcept = 0;
  virtual void setPrecision(DataType dataType) noexcept = 0;
  virtual DataType getPrecision() const noexcept = 0;
  virtual bool precisionIsSet() const noexcept = 0;
  virtual void resetPrecision() noexcept = 0;
  virtual void setOutputType(int32_t index, DataType dataType) noexcept = 0;
  virtual DataType getOutputType(int32_t index) const noexcept = 0;
  virtual bool outputTypeIsSet(int32_t index) const noexcept = 0;
  virtual void resetOutputType(int32_t index) noexcept = 0;
  virtual void setMetadata(char const* metadata) noexcept = 0;
  virtual char const* getMetadata() const noexcept = 0;
  virtual bool setNbRanks(int32_t nbRanks) noexcept = 0;
  virtual int32_t getNbRanks() const noexcept = 0;
};

/// Convolution over 2 or 3 spatial dimensions. Input 1 and 2, where given, stand for kernel and bias weights.
class IConvolutionLayer : public ILayer {
 public:
  virtual void setNbOutputMaps(int64_t nbOutputMaps) noexcept = 0;
  virtual int64_t getNbOutputMaps() const noexcept = 0;
  virtual void setNbGroups(int64_t nbGroups) noexcept = 0;
  virtual int64_t getNbGroups() const noexcept = 0;
  virtual void setKernelWeights(Weights weights) noexcept = 0;
  virtual Weights getKernelWeights() const noexcept = 0;
  virtual void setBiasWeights(Weights weights) noexcept = 0;
  virtual Weights getBiasWeights() const noexcept = 0;
  virtual void setPrePadding(Dims const& padding) noexcept = 0;
  virtual Dims getPrePadding() const noexcept = 0;
  virtual void setPostPadding(Dims const& padding) noexcept = 0;
  virtual Dims getPostPadding() const noexcept = 0;
  virtual void setPaddingMode(PaddingMode paddingMode) noexcept = 0;
  virtual PaddingMode getPaddingMode() const noexcept = 0;
  virtual void setKernelSizeNd(Dims const& kernelSize) noexcept = 0;
  virtual Dims getKernelSizeNd() const noexcept = 0;
  virtual void setStrideNd(Dims const& stride) noexcept = 0;
  virtual Dims getStrideNd() const noexcept = 0;
  virtual void setPaddingNd(Dims const& padding) noexcept = 0;
  virtual Dims getPaddingNd() const noexcept = 0;
  virtual void setDilationNd(Dims const& dilation) noexcept = 0;
  virtual Dims getDilationNd() const noexcept = 0;
  void setKernelSize(DimsHW value) noexcept { setKernelSizeNd(value); }
  DimsHW getKernelSize() const noexcept { return detail::height_width(getKernelSizeNd()); }
  void setStride(DimsHW value) noexcept { setStrideNd(value); }
  DimsHW getStride() const noexcept { return detail::height_width(getStrideNd()); }
  void setPadding(DimsHW value) noexcept { setPaddingNd(value); }
  DimsHW getPadding() const noexcept { return detail::height_width(getPaddingNd()); }
  void setDilation(DimsHW value) noexcept { setDilationNd(value); }
  DimsHW getDilation() const noexcept { return detail::height_width(getDilationNd()); }
};

/// An activation function, element by element. alpha and beta are the parameters of the types that have some.
class IActivationLayer : public ILayer {
 public:
  virtual void setActivationType(ActivationType type) noexcept = 0;
  virtual ActivationType getActivationType() const noexcept = 0;
  virtual void setAlpha(float alpha) noexcept = 0;
  virtual void setBeta(float beta) noexcept = 0;
  virtual float getAlpha() const noexcept = 0;
  virtual float getBeta() const noexcept = 0;
};

/// Pooling over the last 2 or 3 dimensions.
class IPoolingLayer : public ILayer {
 public:
  virtual void setPoolingType(PoolingType type) noexcept = 0;
  virtual PoolingType getPoolingType() const noexcept = 0;
  virtual void setBlendFactor(float blendFactor) noexcept = 0;
  virtual float getBlendFactor() const noexcept = 0;
  virtual void setAverageCountExcludesPadding(bool exclusive) noexcept = 0;
  virtual bool getAverageCountExcludesPadding() const noexcept = 0;
  virtual void setPrePadding(Dims const& padding) noexcept = 0;
  virtual Dims getPrePadding() const noexcept = 0;
  virtual void setPostPadding(Dims const& padding) noexcept = 0;
  virtual Dims getPostPadding() const noexcept = 0;
  virtual void setPaddingMode(PaddingMode paddingMode) noexcept = 0;
  virtual PaddingMode getPaddingMode() const noexcept = 0;
  virtual void setWindowSizeNd(Dims const& windowSize) noexcept = 0;
  virtual Dims getWindowSizeNd() const noexcept = 0;
  virtual void setStrideNd(Dims const& stride) noexcept = 0;
  virtual Dims getStrideNd() const noexcept = 0;
  virtual void setPaddingNd(Dims const& padding) noexcept = 0;
  virtual Dims getPaddingNd() const noexcept = 0;
  void setWindowSize(DimsHW value) noexcept { setWindowSizeNd(value); }
  DimsHW getWindowSize() const noexcept { return detail::height_width(getWindowSizeNd()); }
  void setStride(DimsHW value) noexcept { setStrideNd(value); }
  DimsHW getStride() const noexcept { return detail::height_width(getStrideNd()); }
  void setPadding(DimsHW value) noexcept { setPaddingNd(value); }
  DimsHW getPadding() const noexcept { return detail::height_width(getPaddingNd()); }
};

/// Local response normalization across channels: x / (k + alpha / window * sum of squares) ^ beta.
class ILRNLayer : public ILayer {
 public:
  virtual void setWindowSize(int64_t windowSize) noexcept = 0;
  virtual int64_t getWindowSize() const noexcept = 0;
  virtual void setAlpha(float alpha) noexcept = 0;
  virtual float getAlpha() const noexcept = 0;
  virtual void setBeta(float beta) noexcept = 0;
  virtual float getBeta() const noexcept = 0;
  virtual void setK(float k) noexcept = 0;
  virtual float getK() const noexcept = 0;
};

/// (x * scale + shift) ^ power, the three being one number, one per channel, or one per element.
class IScaleLayer : public ILayer {
 public:
  virtual void setMode(ScaleMode mode) noexcept = 0;
  virtual ScaleMode getMode() const noexcept = 0;
  virtual void setShift(Weights shift) noexcept = 0;
  virtual Weights getShift() const noexcept = 0;
  virtual void setScale(Weights scale) noexcept = 0;
  virtual Weights getScale() const noexcept = 0;
  virtual void setPower(Weights power) noexcept = 0;
  virtual Weights getPower() const noexcept = 0;
  virtual int32_t getChannelAxis() const noexcept = 0;
  virtual void setChannelAxis(int32_t channelAxis) noexcept = 0;
};

/// Softmax over one axis, given as a bit mask.
class ISoftMaxLayer : public ILayer {
 public:
  virtual void setAxes(uint32_t axes) noexcept = 0;
  virtual uint32_t getAxes() const noexcept = 0;
};

/// Concatenation along one axis.
class IConcatenationLayer : public ILayer {
 public:
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
};

/// Transposed convolution over 2 or 3 spatial dimensions.
class IDeconvolutionLayer : public ILayer {
 public:
  virtual void setNbOutputMaps(int64_t nbOutputMaps) noexcept = 0;
  virtual int64_t getNbOutputMaps() const noexcept = 0;
  virtual void setNbGroups(int64_t nbGroups) noexcept = 0;
  virtual int64_t getNbGroups() const noexcept = 0;
  virtual void setKernelWeights(Weights weights) noexcept = 0;
  virtual Weights getKernelWeights() const noexcept = 0;
  virtual void setBiasWeights(Weights weights) noexcept = 0;
  virtual Weights getBiasWeights() const noexcept = 0;
  virtual void setPrePadding(Dims const& padding) noexcept = 0;
  virtual Dims getPrePadding() const noexcept = 0;
  virtual void setPostPadding(Dims const& padding) noexcept = 0;
  virtual Dims getPostPadding() const noexcept = 0;
  virtual void setPaddingMode(PaddingMode paddingMode) noexcept = 0;
  virtual PaddingMode getPaddingMode() const noexcept = 0;
  virtual void setKernelSizeNd(Dims const& kernelSize) noexcept = 0;
  virtual Dims getKernelSizeNd() const noexcept = 0;
  virtual void setStrideNd(Dims const& stride) noexcept = 0;
  virtual Dims getStrideNd() const noexcept = 0;
  virtual void setPaddingNd(Dims const& padding) noexcept = 0;
  virtual Dims getPaddingNd() const noexcept = 0;
  virtual void setDilationNd(Dims const& dilation) noexcept = 0;
  virtual Dims getDilationNd() const noexcept = 0;
  void setKernelSize(DimsHW value) noexcept { setKernelSizeNd(value); }
  DimsHW getKernelSize() const noexcept { return detail::height_width(getKernelSizeNd()); }
  void setStride(DimsHW value) noexcept { setStrideNd(value); }
  DimsHW getStride() const noexcept { return detail::height_width(getStrideNd()); }
  void setPadding(DimsHW value) noexcept { setPaddingNd(value); }
  DimsHW getPadding() const noexcept { return detail::height_width(getPaddingNd()); }
};

/// A binary operation, element by element; dimensions of 1 are broadcast.
class IElementWiseLayer : public ILayer {
 public:
  virtual void setOperation(ElementWiseOperation op) noexcept = 0;
  virtual ElementWiseOperation getOperation() const noexcept = 0;
};

/// Picks elements or slices of input 0 by the indices of input 1.
class IGatherLayer : public ILayer {
 public:
  virtual void setGatherAxis(int32_t axis) noexcept = 0;
  virtual int32_t getGatherAxis() const noexcept = 0;
  virtual void setNbElementWiseDims(int32_t elementWiseDims) noexcept = 0;
  virtual int32_t getNbElementWiseDims() const noexcept = 0;
  virtual void setMode(GatherMode mode) noexcept = 0;
  virtual GatherMode getMode() const noexcept = 0;
};

/// A layer whose computation is a plugin of the second generation.
class IPluginV2Layer : public ILayer {
 public:
  virtual IPluginV2& getPlugin() noexcept = 0;
};

/// A layer whose computation is a plugin of the third generation.
class IPluginV3Layer : public ILayer {
 public:
  virtual IPluginV3& getPlugin() noexcept = 0;
};

/// A unary operation, element by element.
class IUnaryLayer : public ILayer {
 public:
  virtual void setOperation(UnaryOperation op) noexcept = 0;
  virtual UnaryOperation getOperation() const noexcept = 0;
};

/// A reduction over the axes of a bit mask.
class IReduceLayer : public ILayer {
 public:
  virtual void setOperation(ReduceOperation op) noexcept = 0;
  virtual ReduceOperation getOperation() const noexcept = 0;
  virtual void setReduceAxes(uint32_t reduceAxes) noexcept = 0;
  virtual uint32_t getReduceAxes() const noexcept = 0;
  virtual void setKeepDimensions(bool keepDimensions) noexcept = 0;
  virtual bool getKeepDimensions() const noexcept = 0;
};

/// Zero padding of the last two dimensions; a negative amount crops.
class IPaddingLayer : public ILayer {
 public:
  virtual void setPrePaddingNd(Dims const& padding) noexcept = 0;
  virtual Dims getPrePaddingNd() const noexcept = 0;
  virtual void setPostPaddingNd(Dims const& padding) noexcept = 0;
  virtual Dims getPostPaddingNd() const noexcept = 0;
  void setPrePadding(DimsHW value) noexcept { setPrePaddingNd(value); }
  DimsHW getPrePadding() const noexcept { return detail::height_width(getPrePaddingNd()); }
  void setPostPadding(DimsHW value) noexcept { setPostPaddingNd(value); }
  DimsHW getPostPadding() const noexcept { return detail::height_width(getPostPaddingNd()); }
};

/// Transposition, then reshape, then transposition. Input 1, where given, holds the reshape dimensions.
/// In the reshape dimensions -1 is what remains, and 0 the dimension of the input (see setZeroIsPlaceholder).
class IShuffleLayer : public ILayer {
 public:
  virtual void setFirstTranspose(Permutation permutation) noexcept = 0;
  virtual Permutation getFirstTranspose() const noexcept = 0;
  virtual void setReshapeDimensions(Dims const& dimensions) noexcept = 0;
  virtual Dims getReshapeDimensions() const noexcept = 0;
  virtual void setSecondTranspose(Permutation permutation) noexcept = 0;
  virtual Permutation getSecondTranspose() const noexcept = 0;
  virtual void setZeroIsPlaceholder(bool zeroIsPlaceholder) noexcept = 0;
  virtual bool getZeroIsPlaceholder() const noexcept = 0;
};

/// A strided slice. Inputs 1 to 5, where given: start, size, stride, fill value, axes.
class ISliceLayer : public ILayer {
 public:
  virtual void setStart(Dims const& start) noexcept = 0;
  virtual Dims getStart() const noexcept = 0;
  virtual void setSize(Dims const& size) noexcept = 0;
  virtual Dims getSize() const noexcept = 0;
  virtual void setStride(Dims const& stride) noexcept = 0;
  virtual Dims getStride() const noexcept = 0;
  virtual void setMode(SampleMode mode) noexcept = 0;
  virtual SampleMode getMode() const noexcept = 0;
  virtual void setAxes(Dims const& axes) noexcept = 0;
  virtual Dims getAxes() const noexcept = 0;
};

/// The dimensions of its input, as a tensor.
class IShapeLayer : public ILayer {};

/// The k largest or smallest elements along one axis, and their indices.
class ITopKLayer : public ILayer {
 public:
  virtual void setOperation(TopKOperation op) noexcept = 0;
  virtual TopKOperation getOperation() const noexcept = 0;
  virtual void setK(int32_t k) noexcept = 0;
  virtual int32_t getK() const noexcept = 0;
  virtual void setReduceAxes(uint32_t reduceAxes) noexcept = 0;
  virtual uint32_t getReduceAxes() const noexcept = 0;
  virtual bool setIndicesType(DataType type) noexcept = 0;
  virtual DataType getIndicesType() const noexcept = 0;
};

/// Matrix product over the last two dimensions; the others are broadcast.
class IMatrixMultiplyLayer : public ILayer {
 public:
  virtual void setOperation(int32_t index, MatrixOperation op) noexcept = 0;
  virtual MatrixOperation getOperation(int32_t index) const noexcept = 0;
  void setTranspose(int32_t index, bool transpose) noexcept {
    setOperation(index, transpose ? MatrixOperation::kTRANSPOSE : MatrixOperation::kNONE);
  }
  bool getTranspose(int32_t index) const noexcept { return getOperation(index) == MatrixOperation::kTRANSPOSE; }
};

/// Indices of the elements that are not zero, one column each.
class INonZeroLayer : public ILayer {
 public:
  virtual bool setIndicesType(DataType type) noexcept = 0;
  virtual DataType getIndicesType() const noexcept = 0;
};

/// Softmax over the first `bounds` elements of each row; the others are zero.
class IRaggedSoftMaxLayer : public ILayer {};

/// Passes its input on; with setOutputType a conversion.
class IIdentityLayer : public ILayer {};

/// Conversion to another type.
class ICastLayer : public ILayer {
 public:
  virtual void setToType(DataType toType) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;
};

/// A constant.
class IConstantLayer : public ILayer {
 public:
  virtual void setWeights(Weights weights) noexcept = 0;
  virtual Weights getWeights() const noexcept = 0;
  virtual void setDimensions(Dims const& dimensions) noexcept = 0;
  virtual Dims getDimensions() const noexcept = 0;
};

/// x where it is positive, x * slope elsewhere.
class IParametricReLULayer : public ILayer {};

/// Resizing by scales or to dimensions. Input 1, where given, holds the output dimensions; input 2 the scales.
class IResizeLayer : public ILayer {
 public:
  virtual void setOutputDimensions(Dims const& dimensions) noexcept = 0;
  virtual Dims getOutputDimensions() const noexcept = 0;
  virtual void setScales(float const* scales, int32_t nbScales) noexcept = 0;
  virtual int32_t getScales(int32_t size, float* scales) const noexcept = 0;
  virtual void setResizeMode(InterpolationMode interpolationMode) noexcept = 0;
  virtual InterpolationMode getResizeMode() const noexcept = 0;
  virtual void setCoordinateTransformation(ResizeCoordinateTransformation coordTransform) noexcept = 0;
  virtual ResizeCoordinateTransformation getCoordinateTransformation() const noexcept = 0;
  virtual void setSelectorForSinglePixel(ResizeSelector selector) noexcept = 0;
  virtual ResizeSelector getSelectorForSinglePixel() const noexcept = 0;
  virtual void setNearestRounding(ResizeRoundMode value) noexcept = 0;
  virtual ResizeRoundMode getNearestRounding() const noexcept = 0;
  virtual void setCubicCoeff(float A) noexcept = 0;
  virtual float getCubicCoeff() const noexcept = 0;
  virtual void setExcludeOutside(bool excludeFlag) noexcept = 0;
  virtual bool getExcludeOutside() const noexcept = 0;
  /// Up to generation 9: corner pixels aligned, or half pixels not (asymmetric).
  virtual void setAlignCorners(bool alignCorners) noexcept = 0;
  virtual bool getAlignCorners() const noexcept = 0;
};

/// Input 1 where input 0 holds, input 2 elsewhere.
class ISelectLayer : public ILayer {};

/// Says that its input holds. Checked while building where the input is constant.
class IAssertionLayer : public ILayer {
 public:
  virtual void setMessage(char const* message) noexcept = 0;
  virtual char const* getMessage() const noexcept = 0;
};

/// A tensor of numbers: evenly spaced, or random. Inputs 0 to 2, where given: dimensions, alpha, beta.
class IFillLayer : public ILayer {
 public:
  virtual void setDimensions(Dims const& dimensions) noexcept = 0;
  virtual Dims getDimensions() const noexcept = 0;
  virtual void setOperation(FillOperation op) noexcept = 0;
  virtual FillOperation getOperation() const noexcept = 0;
  virtual void setAlpha(double alpha) noexcept = 0;
  virtual double getAlpha() const noexcept = 0;
  virtual void setBeta(double beta) noexcept = 0;
  virtual double getBeta() const noexcept = 0;
  virtual void setAlphaInt64(int64_t alpha) noexcept = 0;
  virtual int64_t getAlphaInt64() const noexcept = 0;
  virtual void setBetaInt64(int64_t beta) noexcept = 0;
  virtual int64_t getBetaInt64() const noexcept = 0;
  virtual bool isAlphaBetaInt64() const noexcept = 0;
  virtual void setToType(DataType toType) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;
};

/// Quantization by scale and zero point.
class IQuantizeLayer : public ILayer {
 public:
  virtual int32_t getAxis() const noexcept = 0;
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual bool setBlockShape(Dims const& blockShape) noexcept = 0;
  virtual Dims getBlockShape() const noexcept = 0;
  virtual void setToType(DataType toType) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;
};

/// Dequantization by scale and zero point.
class IDequantizeLayer : public ILayer {
 public:
  virtual int32_t getAxis() const noexcept = 0;
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual bool setBlockShape(Dims const& blockShape) noexcept = 0;
  virtual Dims getBlockShape() const noexcept = 0;
  virtual void setToType(DataType toType) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;
};

/// Quantization in blocks with scales computed from the input: output 0 is quantized, output 1 holds the scales, of
/// which each is the largest magnitude of its block over the largest number of the type. Input 1, where given: a scale
/// by which the scales are quantized themselves.
class IDynamicQuantizeLayer : public ILayer {
 public:
  virtual void setToType(DataType toType) noexcept = 0;
  virtual DataType getToType() const noexcept = 0;
  virtual void setScaleType(DataType scaleType) noexcept = 0;
  virtual DataType getScaleType() const noexcept = 0;
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
  virtual void setBlockSize(int32_t size) noexcept = 0;
  virtual int32_t getBlockSize() const noexcept = 0;
  virtual void setBlockShape(Dims const& blockShape) noexcept = 0;
  virtual Dims getBlockShape() const noexcept = 0;
};

/// A sum of products in Einstein notation.
class IEinsumLayer : public ILayer {
 public:
  virtual bool setEquation(char const* equation) noexcept = 0;
  virtual char const* getEquation() const noexcept = 0;
};

/// Input 0 with the elements that input 1 names replaced by those of input 2.
class IScatterLayer : public ILayer {
 public:
  virtual void setMode(ScatterMode mode) noexcept = 0;
  virtual ScatterMode getMode() const noexcept = 0;
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
};

/// One-hot vectors. Inputs: indices, values (off, on), depth.
class IOneHotLayer : public ILayer {
 public:
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
};

/// Samples of input 0 at the points of input 1.
class IGridSampleLayer : public ILayer {
 public:
  virtual void setInterpolationMode(InterpolationMode mode) noexcept = 0;
  virtual InterpolationMode getInterpolationMode() const noexcept = 0;
  virtual void setAlignCorners(bool alignCorners) noexcept = 0;
  virtual bool getAlignCorners() const noexcept = 0;
  virtual bool setSampleMode(SampleMode mode) noexcept = 0;
  virtual SampleMode getSampleMode() const noexcept = 0;
};

/// Non-maximum suppression. Input 3 and 4, where given: threshold of intersection over union, threshold of the score.
class INMSLayer : public ILayer {
 public:
  virtual void setBoundingBoxFormat(BoundingBoxFormat fmt) noexcept = 0;
  virtual BoundingBoxFormat getBoundingBoxFormat() const noexcept = 0;
  /// How many boxes of an image, of all classes and best first, are looked at.
  virtual void setTopKBoxLimit(int32_t limit) noexcept = 0;
  virtual int32_t getTopKBoxLimit() const noexcept = 0;
  virtual bool setIndicesType(DataType type) noexcept = 0;
  virtual DataType getIndicesType() const noexcept = 0;
};

/// Reverses the first elements of each sequence, as many as input 1 says.
class IReverseSequenceLayer : public ILayer {
 public:
  virtual void setBatchAxis(int32_t batchAxis) noexcept = 0;
  virtual int32_t getBatchAxis() const noexcept = 0;
  virtual void setSequenceAxis(int32_t sequenceAxis) noexcept = 0;
  virtual int32_t getSequenceAxis() const noexcept = 0;
};

/// Instance, group or layer normalization over the axes of a bit mask, then scale and bias.
class INormalizationLayer : public ILayer {
 public:
  virtual void setEpsilon(float eps) noexcept = 0;
  virtual float getEpsilon() const noexcept = 0;
  virtual void setAxes(uint32_t axesMask) noexcept = 0;
  virtual uint32_t getAxes() const noexcept = 0;
  virtual void setNbGroups(int64_t nbGroups) noexcept = 0;
  virtual int64_t getNbGroups() const noexcept = 0;
  virtual void setComputePrecision(DataType type) noexcept = 0;
  virtual DataType getComputePrecision() const noexcept = 0;
  virtual bool isV2() const noexcept = 0;
};

/// Removes dimensions of 1 that input 1 names.
class ISqueezeLayer : public ILayer {};

/// Inserts dimensions of 1 where input 1 says.
class IUnsqueezeLayer : public ILayer {};

/// Running sums along an axis.
class ICumulativeLayer : public ILayer {
 public:
  virtual bool setOperation(CumulativeOperation op) noexcept = 0;
  virtual CumulativeOperation getOperation() const noexcept = 0;
  virtual void setExclusive(bool exclusive) noexcept = 0;
  virtual bool getExclusive() const noexcept = 0;
  virtual void setReverse(bool reverse) noexcept = 0;
  virtual bool getReverse() const noexcept = 0;
};

/// Fully connected layer over the last three dimensions.
class IFullyConnectedLayer : public ILayer {
 public:
  virtual void setNbOutputChannels(int32_t nbOutputs) noexcept = 0;
  virtual int32_t getNbOutputChannels() const noexcept = 0;
  virtual void setKernelWeights(Weights weights) noexcept = 0;
  virtual Weights getKernelWeights() const noexcept = 0;
  virtual void setBiasWeights(Weights weights) noexcept = 0;
  virtual Weights getBiasWeights() const noexcept = 0;
};

/// A recurrent network of one or more layers, gate weights set one by one.
class IRNNv2Layer : public ILayer {
 public:
  virtual int32_t getLayerCount() const noexcept = 0;
  virtual int32_t getHiddenSize() const noexcept = 0;
  virtual int32_t getMaxSeqLength() const noexcept = 0;
  virtual int32_t getDataLength() const noexcept = 0;
  virtual void setSequenceLengths(ITensor& seqLengths) noexcept = 0;
  virtual ITensor* getSequenceLengths() const noexcept = 0;
  virtual void setOperation(RNNOperation op) noexcept = 0;
  virtual RNNOperation getOperation() const noexcept = 0;
  virtual void setInputMode(RNNInputMode op) noexcept = 0;
  virtual RNNInputMode getInputMode() const noexcept = 0;
  virtual void setDirection(RNNDirection op) noexcept = 0;
  virtual RNNDirection getDirection() const noexcept = 0;
  /// @param layerIndex from 0; with two directions 2 i is layer i forward, 2 i + 1 backward
  /// @param isW the weights of the input; else those of the hidden state
  virtual void setWeightsForGate(int32_t layerIndex, RNNGateType gate, bool isW, Weights weights) noexcept = 0;
  virtual Weights getWeightsForGate(int32_t layerIndex, RNNGateType gate, bool isW) const noexcept = 0;
  virtual void setBiasForGate(int32_t layerIndex, RNNGateType gate, bool isW, Weights bias) noexcept = 0;
  virtual Weights getBiasForGate(int32_t layerIndex, RNNGateType gate, bool isW) const noexcept = 0;
  virtual void setHiddenState(ITensor& hidden) noexcept = 0;
  virtual ITensor* getHiddenState() const noexcept = 0;
  virtual void setCellState(ITensor& cell) noexcept = 0;
  virtual ITensor* getCellState() const noexcept = 0;
};

/// A recurrent network of one or more layers, weights given as a whole: layer after layer (of each the forward
/// direction, then the backward one) those of the input, gate after gate, then those of the hidden state. Gates are in
/// the order forget, input, cell, output (kLSTM) and update, reset, hidden (kGRU); biases likewise.
class IRNNLayer : public ILayer {
 public:
  virtual uint32_t getLayerCount() const noexcept = 0;
  virtual std::size_t getHiddenSize() const noexcept = 0;
  virtual int32_t getSeqLength() const noexcept = 0;
  virtual void setOperation(RNNOperation op) noexcept = 0;
  virtual RNNOperation getOperation() const noexcept = 0;
  virtual void setInputMode(RNNInputMode op) noexcept = 0;
  virtual RNNInputMode getInputMode() const noexcept = 0;
  virtual void setDirection(RNNDirection op) noexcept = 0;
  virtual RNNDirection getDirection() const noexcept = 0;
  virtual void setWeights(Weights weights) noexcept = 0;
  virtual Weights getWeights() const noexcept = 0;
  virtual void setBias(Weights bias) noexcept = 0;
  virtual Weights getBias() const noexcept = 0;
  virtual int32_t getDataLength() const noexcept = 0;
  virtual void setHiddenState(ITensor& hidden) noexcept = 0;
  virtual ITensor* getHiddenState() const noexcept = 0;
  virtual void setCellState(ITensor& cell) noexcept = 0;
  virtual ITensor* getCellState() const noexcept = 0;
};

}  // namespace nvinfer1
