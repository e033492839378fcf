// What layers, tensors and networks are told they keep, and every mode of a layer does what its name says.
#include <cmath>

#include "tensorrt/network_testing.h"

namespace vivace::tensorrt {
namespace {

using namespace nvinfer1;

template <class T>
bool same(const T& a, const T& b) {
  if constexpr (std::is_base_of_v<Dims, T>)
    return a.nbDims == b.nbDims && std::equal(a.d, a.d + std::max(0, a.nbDims), b.d);
  else if constexpr (std::is_same_v<T, Weights>)
    return a.type == b.type && a.values == b.values && a.count == b.count;
  else if constexpr (std::is_same_v<T, Permutation>)
    return std::equal(std::begin(a.order), std::end(a.order), b.order);
  else
    return a == b;
}

std::vector<float> upto(int count) {
  std::vector<float> made;
  for (int i = 0; i < count; ++i) made.push_back(static_cast<float>(i));
  return made;
}

/// A parameter is another before it is set, and what was set afterwards.
template <class L, class Set, class Get, class V>
void keeps(L* layer, Set set, Get get, const V& value, int line = __builtin_LINE()) {
  testing::ScopedTrace trace(__FILE__, line, "kept");
  ASSERT_NE(layer, nullptr);
  using Kept = std::remove_cvref_t<decltype((layer->*get)())>;
  const Kept wanted(value);
  EXPECT_FALSE(same((layer->*get)(), wanted)) << "that is the initial value";
  (layer->*set)(value);
  EXPECT_TRUE(same((layer->*get)(), wanted));
}

/// The same of what convolution, deconvolution and, but for the weights, pooling have.
template <class L>
void keeps_window(L* layer) {
  keeps(layer, &L::setStrideNd, &L::getStrideNd, Dims2{2, 3});
  keeps(layer, &L::setPaddingNd, &L::getPaddingNd, Dims2{1, 2});
  keeps(layer, &L::setPrePadding, &L::getPrePadding, Dims2{2, 1});
  keeps(layer, &L::setPostPadding, &L::getPostPadding, Dims2{0, 1});
  keeps(layer, &L::setPaddingMode, &L::getPaddingMode, PaddingMode::kSAME_LOWER);
  keeps(layer, &L::setStride, &L::getStride, DimsHW{4, 5});
  keeps(layer, &L::setPadding, &L::getPadding, DimsHW{3, 3});
}
template <class L>
void keeps_kernel(L* layer) {
  keeps_window(layer);
  keeps(layer, &L::setNbOutputMaps, &L::getNbOutputMaps, 6);
  keeps(layer, &L::setNbGroups, &L::getNbGroups, 2);
  keeps(layer, &L::setKernelSizeNd, &L::getKernelSizeNd, Dims2{3, 1});
  keeps(layer, &L::setDilationNd, &L::getDilationNd, Dims2{2, 1});
  keeps(layer, &L::setKernelSize, &L::getKernelSize, DimsHW{5, 3});
}

class LayersTest : public NetworkTest {
 protected:
  ITensor& x = input("x", {1, 2, 4, 4});
  const std::vector<float> numbers{1, 2, 3, 4};
  const Weights some = weights(numbers);
};

TEST_F(LayersTest, keep_the_parameters_of_windows) {
  IConvolutionLayer* conv = network.addConvolutionNd(x, 1, Dims2{2, 2}, {}, {});
  keeps_kernel(conv);
  keeps(conv, &IConvolutionLayer::setDilation, &IConvolutionLayer::getDilation, DimsHW{3, 4});
  keeps(conv, &IConvolutionLayer::setKernelWeights, &IConvolutionLayer::getKernelWeights, some);
  keeps(conv, &IConvolutionLayer::setBiasWeights, &IConvolutionLayer::getBiasWeights, some);
  IDeconvolutionLayer* deconv = network.addDeconvolutionNd(x, 1, Dims2{2, 2}, {}, {});
  keeps_kernel(deconv);
  keeps(deconv, &IDeconvolutionLayer::setKernelWeights, &IDeconvolutionLayer::getKernelWeights, some);
  keeps(deconv, &IDeconvolutionLayer::setBiasWeights, &IDeconvolutionLayer::getBiasWeights, some);
  keeps(network.addDeconvolutionNd(x, 1, Dims2{2, 2}, {}, {}), &IDeconvolutionLayer::setPadding,
        &IDeconvolutionLayer::getPadding, DimsHW{1, 2});
  IPoolingLayer* pool = network.addPoolingNd(x, PoolingType::kMAX, Dims2{2, 2});
  keeps_window(pool);
  keeps(pool, &IPoolingLayer::setPoolingType, &IPoolingLayer::getPoolingType, PoolingType::kAVERAGE);
  keeps(pool, &IPoolingLayer::setBlendFactor, &IPoolingLayer::getBlendFactor, 0.5F);
  keeps(pool, &IPoolingLayer::setWindowSizeNd, &IPoolingLayer::getWindowSizeNd, Dims2{3, 3});
  keeps(pool, &IPoolingLayer::setWindowSize, &IPoolingLayer::getWindowSize, DimsHW{4, 3});
  keeps(pool, &IPoolingLayer::setAverageCountExcludesPadding, &IPoolingLayer::getAverageCountExcludesPadding, false);
  IFullyConnectedLayer* full = network.addFullyConnected(x, 3, {}, {});
  keeps(full, &IFullyConnectedLayer::setNbOutputChannels, &IFullyConnectedLayer::getNbOutputChannels, 2);
  keeps(full, &IFullyConnectedLayer::setKernelWeights, &IFullyConnectedLayer::getKernelWeights, some);
  keeps(full, &IFullyConnectedLayer::setBiasWeights, &IFullyConnectedLayer::getBiasWeights, some);
  IPaddingLayer* padding = network.addPadding(x, DimsHW{0, 0}, DimsHW{0, 0});
  keeps(padding, &IPaddingLayer::setPrePaddingNd, &IPaddingLayer::getPrePaddingNd, Dims2{1, 2});
  keeps(padding, &IPaddingLayer::setPostPaddingNd, &IPaddingLayer::getPostPaddingNd, Dims2{3, 4});
  keeps(padding, &IPaddingLayer::setPrePadding, &IPaddingLayer::getPrePadding, DimsHW{2, 2});
  keeps(padding, &IPaddingLayer::setPostPadding, &IPaddingLayer::getPostPadding, DimsHW{2, 2});
}

TEST_F(LayersTest, keep_the_parameters_of_arithmetic) {
  IActivationLayer* activation = network.addActivation(x, ActivationType::kRELU);
  keeps(activation, &IActivationLayer::setActivationType, &IActivationLayer::getActivationType, ActivationType::kELU);
  keeps(activation, &IActivationLayer::setAlpha, &IActivationLayer::getAlpha, 2.0F);
  keeps(activation, &IActivationLayer::setBeta, &IActivationLayer::getBeta, 3.0F);
  IScaleLayer* scale = network.addScale(x, ScaleMode::kUNIFORM, {}, {}, {});
  keeps(scale, &IScaleLayer::setMode, &IScaleLayer::getMode, ScaleMode::kCHANNEL);
  keeps(scale, &IScaleLayer::setShift, &IScaleLayer::getShift, some);
  keeps(scale, &IScaleLayer::setScale, &IScaleLayer::getScale, some);
  keeps(scale, &IScaleLayer::setPower, &IScaleLayer::getPower, some);
  keeps(scale, &IScaleLayer::setChannelAxis, &IScaleLayer::getChannelAxis, 3);
  keeps(network.addElementWise(x, x, ElementWiseOperation::kSUM), &IElementWiseLayer::setOperation,
        &IElementWiseLayer::getOperation, ElementWiseOperation::kPROD);
  keeps(network.addUnary(x, UnaryOperation::kEXP), &IUnaryLayer::setOperation, &IUnaryLayer::getOperation,
        UnaryOperation::kABS);
  keeps(network.addCast(x, DataType::kINT32), &ICastLayer::setToType, &ICastLayer::getToType, DataType::kHALF);
  ILRNLayer* lrn = network.addLRN(x, 3, 1, 2, 3);
  keeps(lrn, &ILRNLayer::setWindowSize, &ILRNLayer::getWindowSize, 5);
  keeps(lrn, &ILRNLayer::setAlpha, &ILRNLayer::getAlpha, 4.0F);
  keeps(lrn, &ILRNLayer::setBeta, &ILRNLayer::getBeta, 5.0F);
  keeps(lrn, &ILRNLayer::setK, &ILRNLayer::getK, 6.0F);
  keeps(network.addSoftMax(x), &ISoftMaxLayer::setAxes, &ISoftMaxLayer::getAxes, 4U);
  IReduceLayer* reduce = network.addReduce(x, ReduceOperation::kSUM, 1, false);
  keeps(reduce, &IReduceLayer::setOperation, &IReduceLayer::getOperation, ReduceOperation::kAVG);
  keeps(reduce, &IReduceLayer::setReduceAxes, &IReduceLayer::getReduceAxes, 2U);
  keeps(reduce, &IReduceLayer::setKeepDimensions, &IReduceLayer::getKeepDimensions, true);
  const auto none = MatrixOperation::kNONE;
  IMatrixMultiplyLayer* product = network.addMatrixMultiply(x, none, x, none);
  product->setOperation(1, MatrixOperation::kTRANSPOSE);
  EXPECT_EQ(product->getOperation(0), none);
  EXPECT_EQ(product->getOperation(1), MatrixOperation::kTRANSPOSE);
  EXPECT_TRUE(product->getTranspose(1));
  product->setTranspose(0, true);
  EXPECT_EQ(product->getOperation(0), MatrixOperation::kTRANSPOSE);
  ITensor* both[] = {&x, &x};
  IEinsumLayer* einsum = network.addEinsum(both, 2, "ij,jk->ik");
  EXPECT_STREQ(einsum->getEquation(), "ij,jk->ik");
  EXPECT_TRUE(einsum->setEquation("ij,jk->ki"));
  EXPECT_STREQ(einsum->getEquation(), "ij,jk->ki");
  INormalizationLayer* norm = network.addNormalization(x, x, x, 1);
  keeps(norm, &INormalizationLayer::setEpsilon, &INormalizationLayer::getEpsilon, 0.5F);
  keeps(norm, &INormalizationLayer::setAxes, &INormalizationLayer::getAxes, 2U);
  keeps(norm, &INormalizationLayer::setNbGroups, &INormalizationLayer::getNbGroups, 2);
  keeps(norm, &INormalizationLayer::setComputePrecision, &INormalizationLayer::getComputePrecision, DataType::kHALF);
  EXPECT_FALSE(norm->isV2());
  EXPECT_TRUE(network.addNormalizationV2(x, x, x, 1)->isV2());
  ICumulativeLayer* sums = network.addCumulative(x, integers({}, {0}), CumulativeOperation::kSUM, false, false);
  keeps(sums, &ICumulativeLayer::setExclusive, &ICumulativeLayer::getExclusive, true);
  keeps(sums, &ICumulativeLayer::setReverse, &ICumulativeLayer::getReverse, true);
  EXPECT_TRUE(sums->setOperation(CumulativeOperation::kSUM));
  EXPECT_EQ(sums->getOperation(), CumulativeOperation::kSUM);
  ITensor& one = constant({1}, {1});
  IQuantizeLayer* quantize = network.addQuantize(x, one);
  keeps(quantize, &IQuantizeLayer::setAxis, &IQuantizeLayer::getAxis, 1);
  keeps(quantize, &IQuantizeLayer::setToType, &IQuantizeLayer::getToType, DataType::kFP8);
  keeps(quantize, &IQuantizeLayer::setBlockShape, &IQuantizeLayer::getBlockShape, Dims4{1, 1, 1, 2});
  IDequantizeLayer* dequantize = network.addDequantize(x, one);
  keeps(dequantize, &IDequantizeLayer::setAxis, &IDequantizeLayer::getAxis, 1);
  keeps(dequantize, &IDequantizeLayer::setToType, &IDequantizeLayer::getToType, DataType::kHALF);
  IDynamicQuantizeLayer* blocks = network.addDynamicQuantize(x, 1, 2, DataType::kFP4, DataType::kFP8);
  keeps(blocks, &IDynamicQuantizeLayer::setAxis, &IDynamicQuantizeLayer::getAxis, 2);
  keeps(blocks, &IDynamicQuantizeLayer::setBlockSize, &IDynamicQuantizeLayer::getBlockSize, 4);
}

TEST_F(LayersTest, keep_the_parameters_of_movement) {
  ITensor* both[] = {&x, &x};
  keeps(network.addConcatenation(both, 2), &IConcatenationLayer::setAxis, &IConcatenationLayer::getAxis, 3);
  IShuffleLayer* shuffle = network.addShuffle(x);
  const Permutation turned{{3, 2, 1, 0, 4, 5, 6, 7}};
  keeps(shuffle, &IShuffleLayer::setFirstTranspose, &IShuffleLayer::getFirstTranspose, turned);
  keeps(shuffle, &IShuffleLayer::setSecondTranspose, &IShuffleLayer::getSecondTranspose, turned);
  keeps(shuffle, &IShuffleLayer::setReshapeDimensions, &IShuffleLayer::getReshapeDimensions, Dims2{4, 8});
  keeps(shuffle, &IShuffleLayer::setZeroIsPlaceholder, &IShuffleLayer::getZeroIsPlaceholder, false);
  ISliceLayer* slice = network.addSlice(x, Dims4{0, 0, 0, 0}, Dims4{1, 1, 1, 1}, Dims4{1, 1, 1, 1});
  keeps(slice, &ISliceLayer::setStart, &ISliceLayer::getStart, Dims4{0, 1, 0, 0});
  keeps(slice, &ISliceLayer::setSize, &ISliceLayer::getSize, Dims4{1, 1, 2, 2});
  keeps(slice, &ISliceLayer::setStride, &ISliceLayer::getStride, Dims4{1, 1, 2, 1});
  keeps(slice, &ISliceLayer::setAxes, &ISliceLayer::getAxes, Dims4{3, 2, 1, 0});
  keeps(slice, &ISliceLayer::setMode, &ISliceLayer::getMode, SampleMode::kREFLECT);
  ITopKLayer* top = network.addTopK(x, TopKOperation::kMAX, 1, 1);
  keeps(top, &ITopKLayer::setOperation, &ITopKLayer::getOperation, TopKOperation::kMIN);
  keeps(top, &ITopKLayer::setK, &ITopKLayer::getK, 2);
  keeps(top, &ITopKLayer::setReduceAxes, &ITopKLayer::getReduceAxes, 2U);
  keeps(top, &ITopKLayer::setIndicesType, &ITopKLayer::getIndicesType, DataType::kINT64);
  EXPECT_FALSE(top->setIndicesType(DataType::kFLOAT));
  keeps(network.addNonZero(x), &INonZeroLayer::setIndicesType, &INonZeroLayer::getIndicesType, DataType::kINT64);
  IGatherLayer* gather = network.addGather(x, integers({1}, {0}), 0);
  keeps(gather, &IGatherLayer::setGatherAxis, &IGatherLayer::getGatherAxis, 1);
  keeps(gather, &IGatherLayer::setNbElementWiseDims, &IGatherLayer::getNbElementWiseDims, 1);
  keeps(gather, &IGatherLayer::setMode, &IGatherLayer::getMode, GatherMode::kND);
  IScatterLayer* scatter = network.addScatter(x, x, x, ScatterMode::kELEMENT);
  keeps(scatter, &IScatterLayer::setMode, &IScatterLayer::getMode, ScatterMode::kND);
  keeps(scatter, &IScatterLayer::setAxis, &IScatterLayer::getAxis, 2);
  keeps(network.addOneHot(x, x, x, -1), &IOneHotLayer::setAxis, &IOneHotLayer::getAxis, 0);
  IReverseSequenceLayer* reverse = network.addReverseSequence(x, x);
  keeps(reverse, &IReverseSequenceLayer::setBatchAxis, &IReverseSequenceLayer::getBatchAxis, 2);
  keeps(reverse, &IReverseSequenceLayer::setSequenceAxis, &IReverseSequenceLayer::getSequenceAxis, 1);
  IConstantLayer* fixed = network.addConstant(Dims2{2, 2}, weights(keep({5, 6, 7, 8})));
  keeps(fixed, &IConstantLayer::setWeights, &IConstantLayer::getWeights, some);
  keeps(fixed, &IConstantLayer::setDimensions, &IConstantLayer::getDimensions, Dims3{1, 2, 2});
  expect(fixed, {floats({1, 2, 4, 4}, std::vector<float>(32))}, {1, 2, 2}, {1, 2, 3, 4});
  IFillLayer* fill = network.addFill(Dims2{1, 1}, FillOperation::kLINSPACE);
  keeps(fill, &IFillLayer::setDimensions, &IFillLayer::getDimensions, Dims2{2, 2});
  keeps(fill, &IFillLayer::setOperation, &IFillLayer::getOperation, FillOperation::kRANDOM_UNIFORM);
  keeps(fill, &IFillLayer::setAlpha, &IFillLayer::getAlpha, 3.5);
  keeps(fill, &IFillLayer::setBeta, &IFillLayer::getBeta, 4.5);
  keeps(fill, &IFillLayer::setToType, &IFillLayer::getToType, DataType::kINT64);
  EXPECT_FALSE(fill->isAlphaBetaInt64());
  keeps(fill, &IFillLayer::setAlphaInt64, &IFillLayer::getAlphaInt64, 7);
  keeps(fill, &IFillLayer::setBetaInt64, &IFillLayer::getBetaInt64, 8);
  EXPECT_TRUE(fill->isAlphaBetaInt64());
  IResizeLayer* resize = network.addResize(x);
  keeps(resize, &IResizeLayer::setOutputDimensions, &IResizeLayer::getOutputDimensions, Dims4{1, 2, 8, 8});
  keeps(resize, &IResizeLayer::setResizeMode, &IResizeLayer::getResizeMode, InterpolationMode::kCUBIC);
  keeps(resize, &IResizeLayer::setCoordinateTransformation, &IResizeLayer::getCoordinateTransformation,
        ResizeCoordinateTransformation::kHALF_PIXEL);
  keeps(resize, &IResizeLayer::setSelectorForSinglePixel, &IResizeLayer::getSelectorForSinglePixel,
        ResizeSelector::kUPPER);
  keeps(resize, &IResizeLayer::setNearestRounding, &IResizeLayer::getNearestRounding, ResizeRoundMode::kCEIL);
  keeps(resize, &IResizeLayer::setCubicCoeff, &IResizeLayer::getCubicCoeff, -0.5F);
  keeps(resize, &IResizeLayer::setExcludeOutside, &IResizeLayer::getExcludeOutside, true);
  keeps(resize, &IResizeLayer::setAlignCorners, &IResizeLayer::getAlignCorners, true);
  IGridSampleLayer* sample = network.addGridSample(x, x);
  keeps(sample, &IGridSampleLayer::setInterpolationMode, &IGridSampleLayer::getInterpolationMode,
        InterpolationMode::kNEAREST);
  keeps(sample, &IGridSampleLayer::setAlignCorners, &IGridSampleLayer::getAlignCorners, true);
  keeps(sample, &IGridSampleLayer::setSampleMode, &IGridSampleLayer::getSampleMode, SampleMode::kCLAMP);
  EXPECT_FALSE(sample->setSampleMode(SampleMode::kWRAP));
  INMSLayer* nms = network.addNMS(x, x, x);
  keeps(nms, &INMSLayer::setBoundingBoxFormat, &INMSLayer::getBoundingBoxFormat, BoundingBoxFormat::kCENTER_SIZES);
  keeps(nms, &INMSLayer::setTopKBoxLimit, &INMSLayer::getTopKBoxLimit, 7);
  keeps(nms, &INMSLayer::setIndicesType, &INMSLayer::getIndicesType, DataType::kINT64);
  IRNNLayer* rnn =
      network.addRNN(x, 1, 1, 1, RNNOperation::kLSTM, RNNInputMode::kLINEAR, RNNDirection::kUNIDIRECTION, {}, {});
  keeps(rnn, &IRNNLayer::setOperation, &IRNNLayer::getOperation, RNNOperation::kGRU);
  keeps(rnn, &IRNNLayer::setInputMode, &IRNNLayer::getInputMode, RNNInputMode::kSKIP);
  keeps(rnn, &IRNNLayer::setDirection, &IRNNLayer::getDirection, RNNDirection::kBIDIRECTION);
  keeps(rnn, &IRNNLayer::setBias, &IRNNLayer::getBias, some);
  IRNNv2Layer* rnn2 = network.addRNNv2(x, 1, 1, 1, RNNOperation::kLSTM);
  keeps(rnn2, &IRNNv2Layer::setOperation, &IRNNv2Layer::getOperation, RNNOperation::kTANH);
  keeps(rnn2, &IRNNv2Layer::setDirection, &IRNNv2Layer::getDirection, RNNDirection::kBIDIRECTION);
}

TEST_F(LayersTest, keep_what_every_layer_has) {
  ILayer* layer = network.addIdentity(x);
  EXPECT_STREQ(layer->getName(), "(Unnamed Layer* 0) [Identity]");
  layer->setName("mine");
  EXPECT_STREQ(layer->getName(), "mine");
  EXPECT_STREQ(layer->getMetadata(), "");
  layer->setMetadata("of mine");
  EXPECT_STREQ(layer->getMetadata(), "of mine");
  EXPECT_FALSE(layer->precisionIsSet());
  layer->setPrecision(DataType::kHALF);
  EXPECT_TRUE(layer->precisionIsSet());
  EXPECT_EQ(layer->getPrecision(), DataType::kHALF);
  layer->resetPrecision();
  EXPECT_EQ(layer->getPrecision(), DataType::kFLOAT);
  EXPECT_EQ(layer->getOutputType(0), DataType::kFLOAT);
  EXPECT_TRUE(layer->setNbRanks(1));
  EXPECT_FALSE(layer->setNbRanks(2));
  EXPECT_EQ(layer->getNbRanks(), 1);
  EXPECT_EQ(layer->getInput(0), &x);
  EXPECT_EQ(layer->getInput(1), nullptr);
  EXPECT_EQ(layer->getOutput(-1), nullptr);
  ITensor& other = input("other", {3});
  layer->setInput(0, other);
  EXPECT_EQ(layer->getInput(0), &other);
  EXPECT_EQ(layer->getOutput(0)->getDimensions().d[0], 3);
}

TEST_F(LayersTest, tell_their_types) {
  ITensor &i = integers({1}, {0}), &f = constant({1}, {1});
  ITensor* list[] = {&x};
  ILoop* loop = network.addLoop();
  IIfConditional* either = network.addIfConditional();
  const auto none = MatrixOperation::kNONE;
  const std::pair<ILayer*, LayerType> all[] = {
      {network.addConvolutionNd(x, 1, Dims2{1, 1}, {}, {}), LayerType::kCONVOLUTION},
      {network.addFullyConnected(x, 1, {}, {}), LayerType::kFULLY_CONNECTED},
      {network.addActivation(x, ActivationType::kRELU), LayerType::kACTIVATION},
      {network.addPoolingNd(x, PoolingType::kMAX, Dims2{1, 1}), LayerType::kPOOLING},
      {network.addLRN(x, 1, 1, 1, 1), LayerType::kLRN},
      {network.addScale(x, ScaleMode::kUNIFORM, {}, {}, {}), LayerType::kSCALE},
      {network.addSoftMax(x), LayerType::kSOFTMAX},
      {network.addDeconvolutionNd(x, 1, Dims2{1, 1}, {}, {}), LayerType::kDECONVOLUTION},
      {network.addConcatenation(list, 1), LayerType::kCONCATENATION},
      {network.addElementWise(x, x, ElementWiseOperation::kSUM), LayerType::kELEMENTWISE},
      {network.addUnary(x, UnaryOperation::kEXP), LayerType::kUNARY},
      {network.addPaddingNd(x, Dims2{0, 0}, Dims2{0, 0}), LayerType::kPADDING},
      {network.addShuffle(x), LayerType::kSHUFFLE},
      {network.addReduce(x, ReduceOperation::kSUM, 1, false), LayerType::kREDUCE},
      {network.addTopK(x, TopKOperation::kMAX, 1, 1), LayerType::kTOPK},
      {network.addGather(x, i, 0), LayerType::kGATHER},
      {network.addMatrixMultiply(x, none, x, none), LayerType::kMATRIX_MULTIPLY},
      {network.addRaggedSoftMax(x, i), LayerType::kRAGGED_SOFTMAX},
      {network.addConstant(Dims2{2, 2}, some), LayerType::kCONSTANT},
      {network.addRNN(x, 1, 1, 1, RNNOperation::kRELU, RNNInputMode::kLINEAR, RNNDirection::kUNIDIRECTION, {}, {}),
       LayerType::kRNN},
      {network.addRNNv2(x, 1, 1, 1, RNNOperation::kRELU), LayerType::kRNN_V2},
      {network.addIdentity(x), LayerType::kIDENTITY},
      {network.addSlice(x, Dims2{0, 0}, Dims2{1, 1}, Dims2{1, 1}), LayerType::kSLICE},
      {network.addShape(x), LayerType::kSHAPE},
      {network.addParametricReLU(x, x), LayerType::kPARAMETRIC_RELU},
      {network.addResize(x), LayerType::kRESIZE},
      {loop->addTripLimit(i, TripLimit::kCOUNT), LayerType::kTRIP_LIMIT},
      {loop->addRecurrence(x), LayerType::kRECURRENCE},
      {loop->addIterator(x), LayerType::kITERATOR},
      {loop->addLoopOutput(x, LoopOutput::kLAST_VALUE), LayerType::kLOOP_OUTPUT},
      {network.addSelect(x, x, x), LayerType::kSELECT},
      {network.addFill(Dims2{1, 1}, FillOperation::kLINSPACE), LayerType::kFILL},
      {network.addQuantize(x, f), LayerType::kQUANTIZE},
      {network.addDequantize(x, f), LayerType::kDEQUANTIZE},
      {either->setCondition(i), LayerType::kCONDITION},
      {either->addInput(x), LayerType::kCONDITIONAL_INPUT},
      {either->addOutput(x, x), LayerType::kCONDITIONAL_OUTPUT},
      {network.addScatter(x, i, x, ScatterMode::kND), LayerType::kSCATTER},
      {network.addEinsum(list, 1, "abcd->a"), LayerType::kEINSUM},
      {network.addAssertion(i, ""), LayerType::kASSERTION},
      {network.addOneHot(i, f, i, 0), LayerType::kONE_HOT},
      {network.addNonZero(x), LayerType::kNON_ZERO},
      {network.addGridSample(x, x), LayerType::kGRID_SAMPLE},
      {network.addNMS(x, x, i), LayerType::kNMS},
      {network.addReverseSequence(x, i), LayerType::kREVERSE_SEQUENCE},
      {network.addNormalization(x, f, f, 1), LayerType::kNORMALIZATION},
      {network.addCast(x, DataType::kHALF), LayerType::kCAST},
      {network.addSqueeze(x, i), LayerType::kSQUEEZE},
      {network.addUnsqueeze(x, i), LayerType::kUNSQUEEZE},
      {network.addCumulative(x, i, CumulativeOperation::kSUM, false, false), LayerType::kCUMULATIVE},
      {network.addDynamicQuantize(x, 1, 2, DataType::kFP4, DataType::kFP8), LayerType::kDYNAMIC_QUANTIZE},
      {network.addRotaryEmbedding(x, f, f, false, 0), LayerType::kROTARY_EMBEDDING},
      {network.addKVCacheUpdate(x, x, i, KVCacheMode::kLINEAR), LayerType::kKVCACHE_UPDATE},
      {network.addMoE(x, i, f), LayerType::kMOE},
      {network.addDistCollective(x, CollectiveOperation::kALL_GATHER, ReduceOperation::kNONE, 0, nullptr, 0),
       LayerType::kDIST_COLLECTIVE},
  };
  std::set<int32_t> seen;
  for (const auto& [layer, type] : all) {
    ASSERT_NE(layer, nullptr) << static_cast<int>(type);
    EXPECT_EQ(layer->getType(), type) << layer->getName();
    EXPECT_TRUE(seen.insert(static_cast<int32_t>(type)).second) << layer->getName();
    EXPECT_EQ(std::string(layer->getName()).find("[Layer]"), std::string::npos) << static_cast<int>(type);
  }
  // Those of plugins and of attention have tests of their own, and kPLUGIN is of no layer any more.
  for (const LayerType type : {LayerType::kPLUGIN, LayerType::kPLUGIN_V2, LayerType::kPLUGIN_V3,
                               LayerType::kATTENTION_INPUT, LayerType::kATTENTION_OUTPUT})
    EXPECT_TRUE(seen.insert(static_cast<int32_t>(type)).second);
  EXPECT_EQ(static_cast<int32_t>(seen.size()), EnumMax<LayerType>());
}

// ---- Modes ----

struct Window {
  PaddingMode mode;
  int length;  // of 1, 2, 3, ...
  std::vector<double> sums, largest;
};

// A window of 3 moves by 2; there is padding of 1 in front and none behind.
TEST_F(NetworkTest, padding_modes) {
  const Window windows[] = {
      {PaddingMode::kEXPLICIT_ROUND_DOWN, 7, {3, 9, 15}, {2, 4, 6}},
      {PaddingMode::kEXPLICIT_ROUND_UP, 7, {3, 9, 15, 13}, {2, 4, 6, 7}},
      {PaddingMode::kCAFFE_ROUND_DOWN, 7, {3, 9, 15, 13}, {2, 4, 6, 7}},
      {PaddingMode::kCAFFE_ROUND_DOWN, 8, {3, 9, 15, 21}, {2, 4, 6, 8}},
      {PaddingMode::kCAFFE_ROUND_UP, 8, {3, 9, 15, 21, 8}, {2, 4, 6, 8, 8}},
      {PaddingMode::kSAME_UPPER, 8, {6, 12, 18, 15}, {3, 5, 7, 8}},
      {PaddingMode::kSAME_LOWER, 8, {3, 9, 15, 21}, {2, 4, 6, 8}},
  };
  for (const Window& one : windows) {
    SCOPED_TRACE(static_cast<int>(one.mode));
    ITensor& row = input("row" + std::to_string(network.getNbInputs()), {1, 1, 1, one.length});
    std::vector<vivace::Tensor> in;
    for (int i = 0; i < network.getNbInputs(); ++i) {
      std::vector<float> values;
      for (int v = 1; v <= network.getInput(i)->getDimensions().d[3]; ++v) values.push_back(static_cast<float>(v));
      in.push_back(floats({1, 1, 1, static_cast<int64_t>(values.size())}, values));
    }
    IConvolutionLayer* conv = network.addConvolutionNd(row, 1, Dims2{1, 3}, weights(keep({1, 1, 1})), {});
    IPoolingLayer* pool = network.addPoolingNd(row, PoolingType::kMAX, Dims2{1, 3});
    const auto set = [&](auto* layer) {
      layer->setStrideNd(Dims2{1, 2});
      layer->setPrePadding(Dims2{0, 1});
      layer->setPaddingMode(one.mode);
    };
    set(conv);
    set(pool);
    const Shape shape{1, 1, 1, static_cast<int64_t>(one.sums.size())};
    expect(conv, in, shape, one.sums);
    expect(pool, in, shape, one.largest);
  }
}

TEST_F(NetworkTest, padding_modes_of_deconvolutions) {
  ITensor& x = input("x", {1, 1, 1, 3});
  IDeconvolutionLayer* layer = network.addDeconvolutionNd(x, 1, Dims2{1, 3}, weights(keep({1, 1, 1})), {});
  layer->setStrideNd(Dims2{1, 2});
  layer->setPrePadding(Dims2{0, 1});
  const auto check = [&](PaddingMode mode, const std::vector<double>& expected) {
    layer->setPaddingMode(mode);
    expect(layer, {floats({1, 1, 1, 3}, {1, 2, 3})}, {1, 1, 1, static_cast<int64_t>(expected.size())}, expected);
  };
  check(PaddingMode::kEXPLICIT_ROUND_DOWN, {1, 3, 2, 5, 3, 3});
  check(PaddingMode::kCAFFE_ROUND_DOWN, {1, 3, 2, 5, 3});
  check(PaddingMode::kSAME_UPPER, {1, 1, 3, 2, 5, 3});
  check(PaddingMode::kSAME_LOWER, {1, 3, 2, 5, 3, 3});
}

// The weights of four neighbours, of which the second is `t` before the point.
std::vector<double> cubic(double t, double a) {
  const auto near = [&](double x) { return (a + 2) * x * x * x - (a + 3) * x * x + 1; };
  const auto far = [&](double x) { return a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a; };
  return {far(1 + t), near(t), near(1 - t), far(2 - t)};
}

TEST_F(NetworkTest, resize_modes) {
  using Round = ResizeRoundMode;
  using Where = ResizeCoordinateTransformation;
  using How = ResizeMode;
  ITensor& x = input("x", {1, 1, 1, 4});
  const vivace::Tensor in = floats({1, 1, 1, 4}, {0, 10, 20, 30});
  IResizeLayer* layer = network.addResize(x);
  const auto check = [&](How how, Where where, Round round, const std::vector<double>& expected) {
    SCOPED_TRACE(std::to_string(static_cast<int>(how)) + std::to_string(static_cast<int>(where)) +
                 std::to_string(static_cast<int>(round)));
    layer->setOutputDimensions(Dims4{1, 1, 1, static_cast<int>(expected.size())});
    layer->setResizeMode(how);
    layer->setCoordinateTransformation(where);
    layer->setNearestRounding(round);
    expect(layer, {in}, {1, 1, 1, static_cast<int64_t>(expected.size())}, expected);
  };
  // Points 0, 4/3, 8/3.
  check(How::kNEAREST, Where::kASYMMETRIC, Round::kFLOOR, {0, 10, 20});
  check(How::kNEAREST, Where::kASYMMETRIC, Round::kCEIL, {0, 20, 30});
  check(How::kNEAREST, Where::kASYMMETRIC, Round::kHALF_UP, {0, 10, 30});
  check(How::kNEAREST, Where::kASYMMETRIC, Round::kHALF_DOWN, {0, 10, 30});
  // 1/6, 3/2, 17/6; and 0, 3/2, 3.
  check(How::kNEAREST, Where::kHALF_PIXEL, Round::kHALF_UP, {0, 20, 30});
  check(How::kNEAREST, Where::kHALF_PIXEL, Round::kHALF_DOWN, {0, 10, 30});
  check(How::kNEAREST, Where::kALIGN_CORNERS, Round::kFLOOR, {0, 10, 30});
  check(How::kLINEAR, Where::kASYMMETRIC, Round::kFLOOR, {0, 40.0 / 3, 80.0 / 3});
  check(How::kLINEAR, Where::kHALF_PIXEL, Round::kFLOOR, {10.0 / 6, 15, 170.0 / 6});
  check(How::kLINEAR, Where::kALIGN_CORNERS, Round::kFLOOR, {0, 15, 30});
  // The only point: in the middle by the formula, or the first pixel.
  check(How::kLINEAR, Where::kHALF_PIXEL, Round::kFLOOR, {15});
  layer->setSelectorForSinglePixel(ResizeSelector::kUPPER);
  check(How::kLINEAR, Where::kHALF_PIXEL, Round::kFLOOR, {0});
  layer->setSelectorForSinglePixel(ResizeSelector::kFORMULA);
  for (const float a : {-0.75F, -0.5F})
    for (const bool exclude : {false, true}) {
      std::vector<double> expected;
      for (int i = 0; i < 8; ++i) {
        const int first = i / 2 - 1;
        const std::vector<double> w = cubic(i % 2 * 0.5, a);
        double sum = 0, total = 0;
        for (int k = 0; k < 4; ++k) {
          if (exclude && (first + k < 0 || first + k > 3)) continue;
          sum += w[static_cast<size_t>(k)] * 10 * std::clamp(first + k, 0, 3);
          total += w[static_cast<size_t>(k)];
        }
        expected.push_back(sum / total);
      }
      layer->setCubicCoeff(a);
      layer->setExcludeOutside(exclude);
      check(InterpolationMode::kCUBIC, Where::kASYMMETRIC, Round::kFLOOR, expected);
    }
}

TEST_F(NetworkTest, modes_of_grid_samples) {
  ITensor &x = input("x", {1, 1, 1, 4}), &grid = input("grid", {1, 1, 2, 2});
  // Points at 1.65 and 3.6 of 0 to 3.
  const std::vector<vivace::Tensor> in{floats({1, 1, 1, 4}, {0, 10, 20, 30}), floats({1, 1, 2, 2}, {0.1F, 0, 1.4F, 0})};
  IGridSampleLayer* layer = network.addGridSample(x, grid);
  layer->setAlignCorners(true);
  const auto check = [&](InterpolationMode how, SampleMode outside, std::vector<double> expected) {
    layer->setInterpolationMode(how);
    EXPECT_TRUE(layer->setSampleMode(outside));
    expect(layer, in, {1, 1, 1, 2}, expected);
  };
  check(InterpolationMode::kNEAREST, SampleMode::kCLAMP, {20, 30});
  check(InterpolationMode::kLINEAR, SampleMode::kCLAMP, {16.5, 30});
  check(InterpolationMode::kLINEAR, SampleMode::kFILL, {16.5, 12});
  check(InterpolationMode::kLINEAR, SampleMode::kREFLECT, {16.5, 24});
  const std::vector<double> w = cubic(0.65, -0.75), edge = cubic(0.6, -0.75);
  check(InterpolationMode::kCUBIC, SampleMode::kCLAMP,
        {w[1] * 10 + w[2] * 20 + w[3] * 30, edge[0] * 20 + (1 - edge[0]) * 30});
  layer->setAlignCorners(false);
  check(InterpolationMode::kLINEAR, SampleMode::kCLAMP, {17, 30});
}

TEST_F(NetworkTest, boxes_as_corners_or_centres_and_of_a_class_each) {
  ITensor &boxes = input("boxes", {1, 2, 4}), &scores = input("scores", {1, 2, 2});
  const std::vector<vivace::Tensor> in{floats({1, 2, 4}, {0, 0, 2, 2, 1, 1, 2, 2}),
                                       floats({1, 2, 2}, {0.9F, 0.3F, 0.8F, 0.7F})};
  INMSLayer* layer = network.addNMS(boxes, scores, integers({}, {2}), DataType::kINT64);
  layer->setInput(3, constant({}, {0.2F}));
  EXPECT_EQ(layer->getOutput(0)->getType(), DataType::kINT64);
  layer->setBoundingBoxFormat(BoundingBoxFormat::kCORNER_PAIRS);
  expect(layer, in, {2, 3}, {0, 0, 0, 0, 1, 1});
  layer->setBoundingBoxFormat(BoundingBoxFormat::kCENTER_SIZES);
  expect(layer, in, {4, 3}, {0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 0});
  layer->setTopKBoxLimit(3);  // the worst of the four is not looked at
  expect(layer, in, {3, 3}, {0, 0, 0, 0, 0, 1, 0, 1, 1});
  layer->setTopKBoxLimit(1);
  expect(layer, in, {1, 3}, {0, 0, 0});
  expect(layer, in, {}, {1}, 1);
  layer->setTopKBoxLimit(5000);
  layer->setIndicesType(DataType::kINT32);
  EXPECT_EQ(layer->getOutput(0)->getType(), DataType::kINT32);
  layer->setBoundingBoxFormat(BoundingBoxFormat::kCORNER_PAIRS);
  // Boxes of the second class lie apart.
  ITensor& each = input("each", {1, 2, 2, 4});
  layer->setInput(0, each);
  expect(layer, {in[0], in[1], floats({1, 2, 2, 4}, {0, 0, 2, 2, 0, 0, 1, 1, 1, 1, 2, 2, 5, 5, 6, 6})}, {3, 3},
         {0, 0, 0, 0, 1, 1, 0, 1, 0});
}

TEST_F(NetworkTest, random_numbers_are_spread_as_asked) {
  IFillLayer* fill = network.addFill(dims({4000}), FillOperation::kRANDOM_NORMAL);
  fill->setAlpha(3);
  fill->setBeta(2);
  network.markOutput(*fill->getOutput(0));
  const auto made = run({});
  ASSERT_EQ(made.size(), 1U);
  double sum = 0, squares = 0;
  for (const float one : made[0].span<float>()) sum += one, squares += double{one} * double{one};
  EXPECT_NEAR(sum / 4000, 3, 0.1);
  EXPECT_NEAR(squares / 4000 - 9, 4, 0.4);
  IFillLayer* whole = network.addFill(dims({3}), FillOperation::kLINSPACE);
  whole->setToType(DataType::kINT64);
  whole->setAlphaInt64(5);
  whole->setBetaInt64(-2);
  expect(whole, {}, {3}, {5, 3, 1});
}

TEST_F(NetworkTest, a_zero_among_the_dimensions_of_a_shuffle) {
  ITensor& x = input("x", {0, 3});
  IShuffleLayer* layer = network.addShuffle(x);
  layer->setReshapeDimensions(Dims2{3, 0});
  EXPECT_EQ(layer->getOutput(0)->getDimensions().nbDims, -1);  // 3 by 3 of nothing
  log.errors.clear();
  layer->setZeroIsPlaceholder(false);
  expect(layer, {floats({0, 3}, {})}, {3, 0}, {});
}

TEST_F(NetworkTest, unary_operations_where_they_are_not_numbers) {
  ITensor& x = input("x", {3});
  const float infinite = std::numeric_limits<float>::infinity();
  const vivace::Tensor in = floats({3}, {2.5F, infinite, std::nanf("")});
  expect(network.addUnary(x, UnaryOperation::kISINF), {in}, {3}, {0, 1, 0});
  expect(network.addUnary(x, UnaryOperation::kISNAN), {in}, {3}, {0, 0, 1});
  const vivace::Tensor more = floats({3}, {1.5F, 2.5F, 3});
  expect(network.addUnary(x, UnaryOperation::kACOSH), {more}, {3}, {std::acosh(1.5), std::acosh(2.5), std::acosh(3.0)});
  expect(network.addUnary(x, UnaryOperation::kROUND), {more}, {3}, {2, 2, 3});
  expect(network.addReduce(x, ReduceOperation::kNONE, 1, false), {more}, {3}, {1.5, 2.5, 3});
  SliceMode wrap = SliceMode::kWRAP;
  ISliceLayer* slice = network.addSlice(x, dims({2}), dims({3}), dims({1}));
  slice->setMode(wrap);
  expect(slice, {more}, {3}, {3, 1.5, 2.5});
}

// ---- Loops and conditionals ----

TEST_F(NetworkTest, the_length_of_what_comes_out_of_a_loop) {
  ITensor& x = input("x", {2});
  const vivace::Tensor in = floats({2}, {1, 2});
  ILoop* loop = network.addLoop();
  loop->setName("sums");
  EXPECT_STREQ(loop->getName(), "sums");
  ITripLimitLayer* limit = loop->addTripLimit(integers({}, {3}), TripLimit::kCOUNT);
  EXPECT_EQ(limit->getTripLimit(), TripLimit::kCOUNT);
  EXPECT_EQ(limit->getLoop(), loop);
  EXPECT_EQ(loop->addTripLimit(integers({}, {3}), TripLimit::kCOUNT), nullptr);
  log.errors.clear();
  IRecurrenceLayer* sum = loop->addRecurrence(x);
  ILayer* next = network.addElementWise(*sum->getOutput(0), x, ElementWiseOperation::kSUM);
  sum->setInput(1, *next->getOutput(0));
  ILoopOutputLayer* all = loop->addLoopOutput(*next->getOutput(0), LoopOutput::kCONCATENATE);
  all->setInput(1, integers({}, {3}));
  EXPECT_EQ(all->getOutput(0)->getDimensions().d[0], 3);  // known, since the length is
  expect(all, {in}, {3, 2}, {2, 4, 3, 6, 4, 8});
  all->setInput(1, integers({}, {2}));
  expect(all, {in}, {2, 2}, {2, 4, 3, 6});
  all->setInput(1, integers({}, {4}));
  expect(all, {in}, {4, 2}, {2, 4, 3, 6, 4, 8, 0, 0});
  all->setAxis(1);
  EXPECT_EQ(all->getAxis(), 1);
  expect(all, {in}, {2, 4}, {2, 3, 4, 0, 4, 6, 8, 0});
  ILoopOutputLayer* last = loop->addLoopOutput(*next->getOutput(0), LoopOutput::kLAST_VALUE);
  EXPECT_EQ(last->getLoopOutput(), LoopOutput::kLAST_VALUE);
  last->setInput(1, integers({}, {1}));
  EXPECT_EQ(last->getLoopOutput(), LoopOutput::kCONCATENATE);
  expect(last, {in}, {1, 2}, {2, 4});
  ILoopOutputLayer* back = loop->addLoopOutput(*next->getOutput(0), LoopOutput::kREVERSE);
  back->setInput(1, integers({}, {3}));
  expect(back, {in}, {3, 2}, {4, 8, 3, 6, 2, 4});
}

TEST_F(NetworkTest, iterators_along_any_axis_and_backwards) {
  ITensor& x = input("x", {2, 3});
  ILoop* loop = network.addLoop();
  loop->addTripLimit(integers({}, {3}), TripLimit::kCOUNT);
  IIteratorLayer* column = loop->addIterator(x);
  keeps(column, &IIteratorLayer::setAxis, &IIteratorLayer::getAxis, 1);
  ILoopOutputLayer* out = loop->addLoopOutput(*column->getOutput(0), LoopOutput::kCONCATENATE);
  out->setInput(1, integers({}, {3}));
  const vivace::Tensor in = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  expect(out, {in}, {3, 2}, {1, 4, 2, 5, 3, 6});
  keeps(column, &IIteratorLayer::setReverse, &IIteratorLayer::getReverse, true);
  expect(out, {in}, {3, 2}, {3, 6, 2, 5, 1, 4});
}

TEST_F(NetworkTest, conditionals_and_their_layers_know_each_other) {
  ITensor &x = input("x", {2}), &held = input("held", {}, DataType::kBOOL);
  IIfConditional* either = network.addIfConditional();
  either->setName("which");
  EXPECT_STREQ(either->getName(), "which");
  IConditionLayer* condition = either->setCondition(held);
  IIfConditionalInputLayer* in = either->addInput(x);
  IIfConditionalOutputLayer* out = either->addOutput(*in->getOutput(0), x);
  const IIfConditionalBoundaryLayer* const boundaries[] = {condition, in, out};
  for (const IIfConditionalBoundaryLayer* boundary : boundaries) EXPECT_EQ(boundary->getConditional(), either);
}

// ---- Formats ----

struct Layout {
  TensorFormat format;
  int vector, depth;  // channels beside one another; 0 where there is no third spatial dimension
  bool last;
  // Where element (n, c, d, h, w) of [2, channels, depth, 2, 3] lies.
  size_t at(int channels, int n, int c, int d, int h, int w) const {
    const int deep = std::max(depth, 1), vectors = channels / vector;
    const int place = (d * 2 + h) * 3 + w, places = deep * 6;
    const int row = last ? (n * places + place) * vectors + c / vector : (n * vectors + c / vector) * places + place;
    return static_cast<size_t>(row * vector + c % vector);
  }
};

// Minus x, of an input in a format, as rows and in the format.
TEST(TensorFormats, say_how_memory_is_read_and_written) {
  const Layout layouts[] = {
      {TensorFormat::kLINEAR, 1, 0, false},  {TensorFormat::kCHW2, 2, 0, false},
      {TensorFormat::kHWC8, 8, 0, true},     {TensorFormat::kCHW4, 4, 0, false},
      {TensorFormat::kCHW16, 16, 0, false},  {TensorFormat::kCHW32, 32, 0, false},
      {TensorFormat::kDHWC8, 8, 2, true},    {TensorFormat::kCDHW32, 32, 2, false},
      {TensorFormat::kHWC, 1, 0, true},      {TensorFormat::kDLA_LINEAR, 1, 0, false},
      {TensorFormat::kDLA_HWC4, 4, 0, true}, {TensorFormat::kHWC16, 16, 0, true},
      {TensorFormat::kDHWC, 1, 2, true},
  };
  EXPECT_EQ(std::size(layouts), static_cast<size_t>(EnumMax<TensorFormat>()));
  // As generation 7 calls them.
  EXPECT_EQ(TensorFormat::kNCHW, TensorFormat::kLINEAR);
  EXPECT_EQ(TensorFormat::kNC2HW2, TensorFormat::kCHW2);
  EXPECT_EQ(TensorFormat::kNHWC8, TensorFormat::kHWC8);
  for (const Layout& layout : layouts) {
    SCOPED_TRACE(static_cast<int>(layout.format));
    Log log;
    const std::unique_ptr<IBuilder> builder(createInferBuilder(log));
    const std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(1));
    EXPECT_EQ(&network->getBuilder(), builder.get());
    const int channels = layout.vector * (layout.vector == 1 ? 3 : 2);
    std::vector<int64_t> sizes{2, channels, 2, 3};
    if (layout.depth) sizes.insert(sizes.begin() + 2, layout.depth);
    ITensor* const x = network->addInput("x", DataType::kFLOAT, dims(sizes));
    x->setAllowedFormats(1U << static_cast<int>(layout.format));
    for (const char* name : {"rows", "same"}) {
      ITensor* const y = network->addUnary(*x, UnaryOperation::kNEG)->getOutput(0);
      y->setName(name);
      network->markOutput(*y);
    }
    network->getOutput(1)->setAllowedFormats(x->getAllowedFormats());
    const std::unique_ptr<IBuilderConfig> config(builder->createBuilderConfig());
    config->setBuilderOptimizationLevel(0);
    const std::unique_ptr<ICudaEngine> engine(builder->buildEngineWithConfig(*network, *config));
    ASSERT_TRUE(engine);
    const bool linear = layout.format == TensorFormat::kDLA_LINEAR;
    EXPECT_EQ(engine->getTensorFormat("x"), linear ? TensorFormat::kLINEAR : layout.format);
    EXPECT_EQ(engine->getTensorFormat("rows"), TensorFormat::kLINEAR);
    EXPECT_EQ(engine->getBindingFormat(2), engine->getTensorFormat("x"));
    EXPECT_EQ(engine->getTensorComponentsPerElement("same"), layout.vector);
    EXPECT_EQ(engine->getBindingComponentsPerElement(1), 1);
    EXPECT_EQ(engine->getTensorVectorizedDim("x"), layout.vector > 1 ? 1 : -1);
    EXPECT_EQ(engine->getBindingVectorizedDim(1), -1);
    const std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
    const auto stride = context->getTensorStrides("x").d[1];
    const int places = std::max(layout.depth, 1) * 6;
    EXPECT_EQ(stride, layout.last ? 1 : places);
    std::vector<float> in = upto(2 * channels * places), rows(in.size()), same(in.size());
    void* bindings[] = {in.data(), rows.data(), same.data()};
    ASSERT_TRUE(context->executeV2(bindings));
    size_t i = 0;
    for (int n = 0; n < 2; ++n)
      for (int c = 0; c < channels; ++c)
        for (int d = 0; d < std::max(layout.depth, 1); ++d)
          for (int h = 0; h < 2; ++h)
            for (int w = 0; w < 3; ++w) EXPECT_EQ(rows[i++], -in[layout.at(channels, n, c, d, h, w)]);
    for (i = 0; i < in.size(); ++i) EXPECT_EQ(same[i], -in[i]);
    EXPECT_TRUE(log.errors.empty());
  }
}

TEST_F(NetworkTest, formats_that_do_not_fit_are_refused) {
  ITensor& x = input("x", {-1, 3, -1, -1});
  ITensor& y = *network.addUnary(x, UnaryOperation::kABS)->getOutput(0);
  network.markOutput(y);
  const auto allow = [](std::initializer_list<TensorFormat> list) {
    TensorFormats mask = 0;
    for (const TensorFormat format : list) mask |= 1U << static_cast<int>(format);
    return mask;
  };
  x.setAllowedFormats(allow({TensorFormat::kCHW4, TensorFormat::kHWC8}));
  const auto graph = network.to_graph();
  ASSERT_FALSE(graph.ok());
  EXPECT_NE(graph.status().message().find("allows only kHWC8, kCHW4"), std::string::npos) << graph.status().message();
  x.setAllowedFormats(allow({TensorFormat::kCHW4, TensorFormat::kHWC}));  // the one that fits, and sizes known later
  const auto made = run({floats({1, 3, 1, 2}, {1, 2, 3, 4, 5, -6})});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].as<float>()[1], 4);
  EXPECT_EQ(made[0].as<float>()[5], 6);
}

// ---- Tensors and networks ----

TEST_F(NetworkTest, tensors_keep_what_they_are_told) {
  ITensor& x = input("x", {2, 3});
  ITensor& y = *network.addIdentity(x)->getOutput(0);
  EXPECT_TRUE(x.isNetworkInput());
  EXPECT_FALSE(y.isNetworkInput());
  EXPECT_FALSE(y.isNetworkOutput());
  network.markOutput(y);
  EXPECT_TRUE(y.isNetworkOutput());
  x.setName("renamed");
  EXPECT_STREQ(x.getName(), "renamed");
  EXPECT_FALSE(x.dynamicRangeIsSet());
  EXPECT_FALSE(x.setDynamicRange(1, -1));
  EXPECT_TRUE(x.setDynamicRange(-2, 3));
  EXPECT_TRUE(x.dynamicRangeIsSet());
  EXPECT_EQ(x.getDynamicRangeMin(), -2);
  EXPECT_EQ(x.getDynamicRangeMax(), 3);
  x.resetDynamicRange();
  EXPECT_FALSE(x.dynamicRangeIsSet());
  keeps(&x, &ITensor::setLocation, &ITensor::getLocation, TensorLocation::kHOST);
  keeps(&x, &ITensor::setBroadcastAcrossBatch, &ITensor::getBroadcastAcrossBatch, true);
  keeps(&x, &ITensor::setAllowedFormats, &ITensor::getAllowedFormats,
        TensorFormats{1U << static_cast<int>(TensorFormat::kHWC)});
  keeps(&x, &ITensor::setDimensions, &ITensor::getDimensions, Dims2{4, 5});
  EXPECT_EQ(y.getDimensions().d[1], 5);
  y.setDimensions(Dims2{1, 1});
  EXPECT_TRUE(log.says("is not an input"));
  EXPECT_TRUE(x.isExecutionTensor());
  EXPECT_FALSE(network.addShape(x)->getOutput(0)->isExecutionTensor());
}

TEST_F(NetworkTest, networks_keep_what_they_are_told) {
  ITensor& x = input("x", {2});
  ITensor& shape = *network.addShape(x)->getOutput(0);
  network.setName("mine");
  EXPECT_STREQ(network.getName(), "mine");
  EXPECT_FALSE(network.isDebugTensor(x));
  EXPECT_TRUE(network.markDebug(x));
  EXPECT_FALSE(network.markDebug(x));
  EXPECT_TRUE(network.isDebugTensor(x));
  EXPECT_TRUE(network.unmarkDebug(x));
  EXPECT_FALSE(network.isDebugTensor(x));
  EXPECT_TRUE(network.markUnfusedTensorsAsDebugTensors());
  EXPECT_TRUE(network.unmarkUnfusedTensorsAsDebugTensors());
  EXPECT_FALSE(network.markOutputForShapes(x));
  EXPECT_TRUE(network.markOutputForShapes(shape));
  EXPECT_EQ(network.getNbOutputs(), 1);
  EXPECT_TRUE(network.unmarkOutputForShapes(shape));
  EXPECT_EQ(network.getNbOutputs(), 0);
  EXPECT_FALSE(network.areWeightsMarkedRefittable("w"));
  EXPECT_TRUE(network.markWeightsRefittable("w"));
  EXPECT_TRUE(network.areWeightsMarkedRefittable("w"));
  EXPECT_TRUE(network.unmarkWeightsRefittable("w"));
  EXPECT_FALSE(network.areWeightsMarkedRefittable("w"));
  EXPECT_FALSE(network.hasExplicitPrecision());
  EXPECT_TRUE(network.getFlag(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH));
  EXPECT_FALSE(network.getFlag(NetworkDefinitionCreationFlag::kSTRONGLY_TYPED));
  EXPECT_EQ(network.getFlags(), 1U);
  const Network exact(nullptr, nullptr, 1U << static_cast<int>(NetworkDefinitionCreationFlag::kEXPLICIT_PRECISION));
  EXPECT_TRUE(exact.hasExplicitPrecision());
  network.removeTensor(x);
  EXPECT_EQ(network.getNbInputs(), 0);
  EXPECT_EQ(network.getInput(0), nullptr);
  EXPECT_EQ(network.getOutput(0), nullptr);
  EXPECT_EQ(network.getLayer(1), nullptr);
}

TEST(LegacyDims, name_their_dimensions) {
  DimsCHW image(3, 4, 5);
  image.c() += 10, image.h() += 10, image.w() += 10;
  EXPECT_EQ(image.nbDims, 3);
  EXPECT_EQ(image.d[0], 13);
  EXPECT_EQ(image.d[1], 14);
  EXPECT_EQ(image.d[2], 15);
  DimsNCHW images(2, 3, 4, 5);
  images.n() += 1;
  EXPECT_EQ(images.d[0], 3);
  EXPECT_EQ(images.c() * 100 + images.h() * 10 + images.w(), 345);
  DimsHW plane(6, 7);
  plane.w() += 1;
  EXPECT_EQ(plane.h() * 10 + plane.d[1], 68);
  EXPECT_EQ(static_cast<int>(DimensionType::kSPATIAL) + static_cast<int>(DimensionType::kCHANNEL), 1);
  EXPECT_EQ(static_cast<int>(DimensionType::kINDEX) + static_cast<int>(DimensionType::kSEQUENCE), 5);
}

}  // namespace
}  // namespace vivace::tensorrt
