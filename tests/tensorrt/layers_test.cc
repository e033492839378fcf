// Every kind of layer, built through the interface, run, and compared with what a person works out.
#include <cmath>

#include "tensorrt/network_testing.h"

namespace vivace::tensorrt {
namespace {

using namespace nvinfer1;

std::vector<float> upto(int count, float step = 1) {
  std::vector<float> made;
  for (int i = 0; i < count; ++i) made.push_back(step * static_cast<float>(i));
  return made;
}

// ---- Element by element ----

struct ActivationCase {
  ActivationType type;
  float alpha, beta;
  double (*expected)(double x, double alpha, double beta);
};

TEST_F(NetworkTest, activations) {
  const ActivationCase cases[] = {
      {ActivationType::kRELU, 0, 0, [](double x, double, double) { return std::max(x, 0.0); }},
      {ActivationType::kSIGMOID, 0, 0, [](double x, double, double) { return 1 / (1 + std::exp(-x)); }},
      {ActivationType::kTANH, 0, 0, [](double x, double, double) { return std::tanh(x); }},
      {ActivationType::kLEAKY_RELU, 0.1F, 0, [](double x, double a, double) { return x < 0 ? a * x : x; }},
      {ActivationType::kELU, 2, 0, [](double x, double a, double) { return x < 0 ? a * std::expm1(x) : x; }},
      {ActivationType::kSELU, 2, 3, [](double x, double a, double b) { return b * (x < 0 ? a * std::expm1(x) : x); }},
      {ActivationType::kSOFTSIGN, 0, 0, [](double x, double, double) { return x / (1 + std::abs(x)); }},
      {ActivationType::kSOFTPLUS, 2, 3, [](double x, double a, double b) { return a * std::log1p(std::exp(b * x)); }},
      {ActivationType::kCLIP, -1, 0.5F, [](double x, double a, double b) { return std::min(std::max(x, a), b); }},
      {ActivationType::kHARD_SIGMOID, 0.3F, 0.4F,
       [](double x, double a, double b) { return std::min(std::max(a * x + b, 0.0), 1.0); }},
      {ActivationType::kSCALED_TANH, 2, 3, [](double x, double a, double b) { return a * std::tanh(b * x); }},
      {ActivationType::kTHRESHOLDED_RELU, 1, 0, [](double x, double a, double) { return x > a ? x : 0; }},
      {ActivationType::kGELU_ERF, 0, 0,
       [](double x, double, double) { return x / 2 * (1 + std::erf(x / std::sqrt(2))); }},
      {ActivationType::kGELU_TANH, 0, 0,
       [](double x, double, double) {
         return x / 2 * (1 + std::tanh(std::sqrt(2 / 3.14159265358979) * (x + 0.044715 * x * x * x)));
       }},
  };
  const std::vector<float> values{-3, -0.5F, 0, 0.75F, 2};
  ITensor& x = input("x", {5});
  for (const ActivationCase& one : cases) {
    IActivationLayer* layer = network.addActivation(x, one.type);
    layer->setAlpha(one.alpha);
    layer->setBeta(one.beta);
    std::vector<double> expected;
    for (const float value : values) expected.push_back(one.expected(value, one.alpha, one.beta));
    expect(layer, {floats({5}, values)}, {5}, expected);
  }
}

TEST_F(NetworkTest, elementwise_operations_broadcast) {
  ITensor &x = input("x", {2, 2}), &y = input("y", {1, 2});
  const std::vector<vivace::Tensor> in{floats({2, 2}, {7, -7, 3, 4}), floats({1, 2}, {2, 2})};
  const auto check = [&](ElementWiseOperation op, std::vector<double> expected) {
    expect(network.addElementWise(x, y, op), in, {2, 2}, expected);
  };
  check(ElementWiseOperation::kSUM, {9, -5, 5, 6});
  check(ElementWiseOperation::kPROD, {14, -14, 6, 8});
  check(ElementWiseOperation::kMAX, {7, 2, 3, 4});
  check(ElementWiseOperation::kMIN, {2, -7, 2, 2});
  check(ElementWiseOperation::kSUB, {5, -9, 1, 2});
  check(ElementWiseOperation::kDIV, {3.5, -3.5, 1.5, 2});
  check(ElementWiseOperation::kPOW, {49, 49, 9, 16});
  check(ElementWiseOperation::kFLOOR_DIV, {3, -4, 1, 2});
  check(ElementWiseOperation::kEQUAL, {0, 0, 0, 0});
  check(ElementWiseOperation::kGREATER, {1, 0, 1, 1});
  check(ElementWiseOperation::kLESS, {0, 1, 0, 0});
}

TEST_F(NetworkTest, integers_are_divided_rounding_down) {
  ITensor& x = input("x", {2}, DataType::kINT32);
  ILayer* layer = network.addElementWise(x, integers({2}, {2, 2}), ElementWiseOperation::kFLOOR_DIV);
  expect(layer, {vivace::Tensor::of(std::vector<int32_t>{7, -7})}, {2}, {3, -4});
}

TEST_F(NetworkTest, logic_and_selection) {
  ITensor &x = input("x", {3}), &y = input("y", {3});
  ITensor& more = *network.addElementWise(x, y, ElementWiseOperation::kGREATER)->getOutput(0);
  ITensor& no = *network.addUnary(more, UnaryOperation::kNOT)->getOutput(0);
  const std::vector<vivace::Tensor> in{floats({3}, {1, 5, 2}), floats({3}, {2, 2, 2})};
  expect(network.addElementWise(more, no, ElementWiseOperation::kOR), in, {3}, {1, 1, 1});
  expect(network.addElementWise(more, no, ElementWiseOperation::kAND), in, {3}, {0, 0, 0});
  expect(network.addElementWise(more, no, ElementWiseOperation::kXOR), in, {3}, {1, 1, 1});
  expect(network.addSelect(more, x, y), in, {3}, {2, 5, 2});
}

TEST_F(NetworkTest, unary_operations) {
  ITensor& x = input("x", {2});
  const auto check = [&](UnaryOperation op, double (*f)(double)) {
    expect(network.addUnary(x, op), {floats({2}, {0.25F, 0.75F})}, {2}, {f(0.25), f(0.75)});
  };
  check(UnaryOperation::kEXP, std::exp);
  check(UnaryOperation::kLOG, std::log);
  check(UnaryOperation::kSQRT, std::sqrt);
  check(UnaryOperation::kRECIP, [](double v) { return 1 / v; });
  check(UnaryOperation::kABS, std::fabs);
  check(UnaryOperation::kNEG, [](double v) { return -v; });
  check(UnaryOperation::kSIN, std::sin);
  check(UnaryOperation::kCOS, std::cos);
  check(UnaryOperation::kTAN, std::tan);
  check(UnaryOperation::kSINH, std::sinh);
  check(UnaryOperation::kCOSH, std::cosh);
  check(UnaryOperation::kASIN, std::asin);
  check(UnaryOperation::kACOS, std::acos);
  check(UnaryOperation::kATAN, std::atan);
  check(UnaryOperation::kASINH, std::asinh);
  check(UnaryOperation::kATANH, std::atanh);
  check(UnaryOperation::kCEIL, std::ceil);
  check(UnaryOperation::kFLOOR, std::floor);
  check(UnaryOperation::kERF, std::erf);
  check(UnaryOperation::kSIGN, [](double) { return 1.0; });
  check(UnaryOperation::kROUND, std::round);
  check(UnaryOperation::kISINF, [](double) { return 0.0; });
  check(UnaryOperation::kISNAN, [](double) { return 0.0; });
}

TEST_F(NetworkTest, scale_by_channel_by_element_and_as_a_whole) {
  ITensor& x = input("x", {1, 2, 1, 2});
  const vivace::Tensor in = floats({1, 2, 1, 2}, {1, 2, 3, 4});
  expect(network.addScale(x, ScaleMode::kCHANNEL, weights(keep({1, 2})), weights(keep({10, 100})), {}), {in},
         {1, 2, 1, 2}, {11, 21, 302, 402});
  expect(network.addScale(x, ScaleMode::kUNIFORM, {}, {}, weights(keep({2}))), {in}, {1, 2, 1, 2}, {1, 4, 9, 16});
  expect(network.addScale(x, ScaleMode::kELEMENTWISE, {}, weights(keep({1, 2, 3, 4})), {}), {in}, {1, 2, 1, 2},
         {1, 4, 9, 16});
  expect(network.addScaleNd(x, ScaleMode::kCHANNEL, {}, weights(keep({1, 10})), {}, 3), {in}, {1, 2, 1, 2},
         {1, 20, 3, 40});
}

TEST_F(NetworkTest, identity_cast_and_parametric_relu) {
  ITensor& x = input("x", {1, 2});
  const vivace::Tensor in = floats({1, 2}, {-2, 3});
  expect(network.addIdentity(x), {in}, {1, 2}, {-2, 3});
  expect(network.addCast(x, DataType::kINT32), {in}, {1, 2}, {-2, 3});
  expect(network.addParametricReLU(x, constant({1, 2}, {0.5F, 0.5F})), {in}, {1, 2}, {-1, 3});
}

// ---- Windows ----

TEST_F(NetworkTest, convolutions_in_two_and_three_dimensions) {
  ITensor& x = input("x", {1, 2, 3, 3});
  const vivace::Tensor in = floats({1, 2, 3, 3}, upto(18));
  IConvolutionLayer* conv =
      network.addConvolutionNd(x, 2, Dims2{2, 2}, weights(keep(std::vector<float>(8, 1))), weights(keep({0, 100})));
  conv->setNbGroups(2);
  expect(conv, {in}, {1, 2, 2, 2}, {8, 12, 20, 24, 144, 148, 156, 160});
  conv->setStrideNd(Dims2{2, 2});
  conv->setPrePadding(Dims2{0, 0});
  conv->setPostPadding(Dims2{1, 1});
  expect(conv, {in}, {1, 2, 2, 2}, {8, 7, 13, 8, 144, 125, 131, 117});
  conv->setPaddingMode(PaddingMode::kSAME_UPPER);
  expect(conv, {in}, {1, 2, 2, 2}, {8, 7, 13, 8, 144, 125, 131, 117});
  conv->setPaddingMode(PaddingMode::kEXPLICIT_ROUND_UP);
  conv->setPaddingNd(Dims2{0, 0});
  EXPECT_EQ(conv->getOutput(0)->getDimensions().d[3], 2);
  ITensor& deep = input("deep", {1, 1, 2, 2, 2});
  expect(network.addConvolutionNd(deep, 1, Dims3{2, 2, 2}, weights(keep(std::vector<float>(8, 1))), {}),
         {in, floats({1, 1, 2, 2, 2}, upto(8))}, {1, 1, 1, 1, 1}, {28});
}

TEST_F(NetworkTest, dilation_and_weights_as_tensors) {
  ITensor& x = input("x", {1, 1, 3, 3});
  IConvolutionLayer* conv = network.addConvolutionNd(x, 1, Dims2{2, 2}, {}, {});
  conv->setInput(1, constant({1, 1, 2, 2}, {1, 1, 1, 1}));
  conv->setDilationNd(Dims2{2, 2});
  expect(conv, {floats({1, 1, 3, 3}, upto(9))}, {1, 1, 1, 1}, {16});
}

TEST_F(NetworkTest, deconvolution) {
  ITensor& x = input("x", {1, 1, 2, 2});
  IDeconvolutionLayer* layer =
      network.addDeconvolution(x, 1, DimsHW{2, 2}, weights(keep({1, 2, 3, 4})), weights(keep({1})));
  layer->setStride(DimsHW{2, 2});
  expect(layer, {floats({1, 1, 2, 2}, {1, 0, 0, 2})}, {1, 1, 4, 4}, {2, 3, 1, 1, 4, 5, 1, 1, 1, 1, 3, 5, 1, 1, 7, 9});
}

TEST_F(NetworkTest, pooling) {
  ITensor& x = input("x", {1, 1, 2, 2});
  const vivace::Tensor in = floats({1, 1, 2, 2}, {1, 2, 3, 6});
  expect(network.addPoolingNd(x, PoolingType::kMAX, Dims2{2, 2}), {in}, {1, 1, 1, 1}, {6});
  IPoolingLayer* mean = network.addPoolingNd(x, PoolingType::kAVERAGE, Dims2{2, 2});
  expect(mean, {in}, {1, 1, 1, 1}, {3});
  mean->setPaddingNd(Dims2{1, 1});
  mean->setStrideNd(Dims2{2, 2});
  expect(mean, {in}, {1, 1, 2, 2}, {1, 2, 3, 6});
  mean->setAverageCountExcludesPadding(false);
  expect(mean, {in}, {1, 1, 2, 2}, {0.25, 0.5, 0.75, 1.5});
  IPoolingLayer* blend = network.addPoolingNd(x, PoolingType::kMAX_AVERAGE_BLEND, Dims2{2, 2});
  blend->setBlendFactor(0.25F);
  expect(blend, {in}, {1, 1, 1, 1}, {0.75 * 6 + 0.25 * 3});
}

TEST_F(NetworkTest, fully_connected_and_padding) {
  ITensor& x = input("x", {-1, 2, 1, 1});
  expect(network.addFullyConnected(x, 3, weights(keep({1, 0, 0, 1, 1, 1})), weights(keep({0, 0, 10}))),
         {floats({2, 2, 1, 1}, {1, 2, 3, 4})}, {2, 3, 1, 1}, {1, 2, 13, 3, 4, 17});
  expect(network.addPaddingNd(x, Dims2{1, 0}, Dims2{0, 1}), {floats({1, 2, 1, 1}, {1, 2})}, {1, 2, 2, 2},
         {0, 0, 1, 0, 0, 0, 2, 0});
}

// ---- Products, reductions, normalizations ----

TEST_F(NetworkTest, matrix_products) {
  ITensor &a = input("a", {2, 2}), &v = input("v", {2});
  const std::vector<vivace::Tensor> in{floats({2, 2}, {1, 2, 3, 4}), floats({2}, {1, 10})};
  const auto none = MatrixOperation::kNONE, across = MatrixOperation::kTRANSPOSE, vector = MatrixOperation::kVECTOR;
  expect(network.addMatrixMultiply(a, none, a, none), in, {2, 2}, {7, 10, 15, 22});
  expect(network.addMatrixMultiply(a, across, a, none), in, {2, 2}, {10, 14, 14, 20});
  expect(network.addMatrixMultiply(a, none, v, vector), in, {2}, {21, 43});
  expect(network.addMatrixMultiply(v, vector, a, none), in, {2}, {31, 42});
  expect(network.addMatrixMultiply(v, vector, v, vector), in, {}, {101});
  expect(static_cast<INetworkDefinition&>(network).addMatrixMultiply(a, false, a, true), in, {2, 2}, {5, 11, 11, 25});
}

TEST_F(NetworkTest, reductions_softmax_and_cumulative_sums) {
  ITensor& x = input("x", {2, 3});
  const vivace::Tensor in = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  expect(network.addReduce(x, ReduceOperation::kSUM, 2, false), {in}, {2}, {6, 15});
  expect(network.addReduce(x, ReduceOperation::kAVG, 1, true), {in}, {1, 3}, {2.5, 3.5, 4.5});
  expect(network.addReduce(x, ReduceOperation::kMAX, 3, false), {in}, {}, {6});
  expect(network.addReduce(x, ReduceOperation::kMIN, 3, false), {in}, {}, {1});
  expect(network.addReduce(x, ReduceOperation::kPROD, 2, false), {in}, {2}, {6, 120});
  ISoftMaxLayer* softmax = network.addSoftMax(x);
  EXPECT_EQ(softmax->getAxes(), 1U);
  softmax->setAxes(2);
  const double e = std::exp(1), sum = 1 + e + e * e;
  expect(softmax, {in}, {2, 3}, {1 / sum, e / sum, e * e / sum, 1 / sum, e / sum, e * e / sum});
  ITensor& axis = integers({}, {1});
  expect(network.addCumulative(x, axis, CumulativeOperation::kSUM, false, false), {in}, {2, 3}, {1, 3, 6, 4, 9, 15});
  expect(network.addCumulative(x, axis, CumulativeOperation::kSUM, true, true), {in}, {2, 3}, {5, 3, 0, 11, 6, 0});
  expect(network.addRaggedSoftMax(x, integers({2, 1}, {1, 2})), {in}, {2, 3}, {1, 0, 0, 1 / (1 + e), e / (1 + e), 0});
}

TEST_F(NetworkTest, einsum_and_lrn) {
  ITensor &a = input("a", {2, 2}), &b = input("b", {2, 2});
  ITensor* both[] = {&a, &b};
  IEinsumLayer* product = network.addEinsum(both, 2, "ij,jk->ik");
  const std::vector<vivace::Tensor> in{floats({2, 2}, {1, 2, 3, 4}), floats({2, 2}, {1, 0, 0, 2})};
  expect(product, in, {2, 2}, {1, 4, 3, 8});
  product->setEquation("ij,ij->");
  expect(product, in, {}, {9});
  Network other(nullptr, &log, 1);
  ITensor& x = input("x", {1, 2, 1, 1});
  expect(network.addLRN(x, 3, 3, 0.5F, 1), {in[0], in[1], floats({1, 2, 1, 1}, {1, 2})}, {1, 2, 1, 1},
         {1 / std::sqrt(6.0), 2 / std::sqrt(6.0)});
}

TEST_F(NetworkTest, normalizations) {
  const vivace::Tensor in = floats({1, 2, 2}, {1, 3, 10, 30});
  ITensor& x = input("x", {1, 2, 2});
  INormalizationLayer* layer = network.addNormalization(x, constant({1, 1, 2}, {1, 2}), constant({1, 1, 2}, {0, 1}), 4);
  layer->setEpsilon(0);
  expect(layer, {in}, {1, 2, 2}, {-1, 3, -1, 3});
  INormalizationLayer* instance =
      network.addNormalization(x, constant({1, 2, 1}, {1, 2}), constant({1, 2, 1}, {0, 1}), 4);
  instance->setEpsilon(0);
  expect(instance, {in}, {1, 2, 2}, {-1, 1, -1, 3});
  INormalizationLayer* groups =
      network.addNormalization(x, constant({1, 2, 1}, {1, 2}), constant({1, 2, 1}, {0, 1}), 4);
  groups->setEpsilon(0);
  groups->setNbGroups(2);
  expect(groups, {in}, {1, 2, 2}, {-1, 1, -1, 3});
}

// ---- Movement and shapes ----

TEST_F(NetworkTest, concatenation_and_shuffle) {
  ITensor &a = input("a", {-1, 2}), &b = input("b", {-1, 2});
  ITensor* both[] = {&a, &b};
  const std::vector<vivace::Tensor> in{floats({2, 2}, {1, 2, 3, 4}), floats({1, 2}, {5, 6})};
  IConcatenationLayer* layer = network.addConcatenation(both, 2);
  EXPECT_EQ(layer->getAxis(), 0);
  expect(layer, in, {3, 2}, {1, 2, 3, 4, 5, 6});
  IShuffleLayer* shuffle = network.addShuffle(a);
  shuffle->setFirstTranspose(Permutation{{1, 0}});
  expect(shuffle, in, {2, 2}, {1, 3, 2, 4});
  shuffle->setReshapeDimensions(Dims3{1, -1, 2});
  expect(shuffle, in, {1, 2, 2}, {1, 3, 2, 4});
  shuffle->setSecondTranspose(Permutation{{0, 2, 1}});
  expect(shuffle, in, {1, 2, 2}, {1, 2, 3, 4});
  IShuffleLayer* placeholder = network.addShuffle(a);
  placeholder->setReshapeDimensions(Dims3{0, 2, 1});
  expect(placeholder, in, {2, 2, 1}, {1, 2, 3, 4});
}

TEST_F(NetworkTest, shuffle_to_dimensions_computed_from_a_shape) {
  ITensor& x = input("x", {-1, 2});
  ITensor& shape = *network.addShape(x)->getOutput(0);
  EXPECT_EQ(shape.getDimensions().d[0], 2);
  ITensor& rows = *network.addSlice(shape, dims({0}), dims({1}), dims({1}))->getOutput(0);
  ITensor* parts[] = {&integers({1}, {2}), &rows};
  ITensor& turned = *network.addConcatenation(parts, 2)->getOutput(0);
  IShuffleLayer* shuffle = network.addShuffle(x);
  shuffle->setInput(1, turned);
  expect(shuffle, {floats({3, 2}, upto(6))}, {2, 3}, {0, 1, 2, 3, 4, 5});
}

TEST_F(NetworkTest, slices_inside_backwards_and_outside) {
  ITensor& x = input("x", {4});
  const vivace::Tensor in = floats({4}, {1, 2, 3, 4});
  expect(network.addSlice(x, dims({1}), dims({2}), dims({2})), {in}, {2}, {2, 4});
  expect(network.addSlice(x, dims({3}), dims({4}), dims({-1})), {in}, {4}, {4, 3, 2, 1});
  const auto mode = [&](SampleMode how, std::vector<double> expected) {
    ISliceLayer* layer = network.addSlice(x, dims({-1}), dims({6}), dims({1}));
    layer->setMode(how);
    expect(layer, {in}, {6}, expected);
  };
  mode(SampleMode::kFILL, {0, 1, 2, 3, 4, 0});
  mode(SampleMode::kCLAMP, {1, 1, 2, 3, 4, 4});
  mode(SampleMode::kWRAP, {4, 1, 2, 3, 4, 1});
  mode(SampleMode::kREFLECT, {2, 1, 2, 3, 4, 3});
  ISliceLayer* moving = network.addSlice(x, dims({0}), dims({2}), dims({1}));
  moving->setInput(1, integers({1}, {2}));
  expect(moving, {in}, {2}, {3, 4});
  expect(network.addSlice(x, dims({2}), dims({3}), dims({0})), {in}, {3}, {3, 3, 3});
  ISliceLayer* repeated = network.addSlice(x, dims({1}), dims({2}), dims({1}));
  repeated->setInput(3, integers({1}, {0}));
  expect(repeated, {in}, {2}, {2, 2});
  ILayer* wrong = network.addSlice(x, dims({3}), dims({2}), dims({1}));
  EXPECT_EQ(wrong->getOutput(0)->getDimensions().nbDims, -1);
  EXPECT_TRUE(log.says("reach outside"));
}

TEST_F(NetworkTest, squeeze_unsqueeze_assertion) {
  ITensor& x = input("x", {1, 2});
  const vivace::Tensor in = floats({1, 2}, {1, 2});
  expect(network.addSqueeze(x, integers({1}, {0})), {in}, {2}, {1, 2});
  expect(network.addUnsqueeze(x, integers({1}, {2})), {in}, {1, 2, 1}, {1, 2});
  IAssertionLayer* layer = network.addAssertion(x, "why");
  EXPECT_STREQ(layer->getMessage(), "why");
  EXPECT_EQ(layer->getNbOutputs(), 0);
}

TEST_F(NetworkTest, fills) {
  IFillLayer* line = network.addFill(dims({4}), FillOperation::kLINSPACE);
  line->setAlpha(1);
  line->setBeta(0.5);
  expect(line, {}, {4}, {1, 1.5, 2, 2.5});
  IFillLayer* plane = network.addFill(dims({2, 2}), FillOperation::kLINSPACE, DataType::kINT32);
  plane->setInput(1, integers({}, {5}));
  plane->setInput(2, integers({2}, {10, 1}));
  expect(plane, {}, {2, 2}, {5, 6, 15, 16});
  IFillLayer* random = network.addFill(dims({1000}), FillOperation::kRANDOM_UNIFORM);
  random->setAlpha(2);
  random->setBeta(4);
  while (network.getNbOutputs()) network.unmarkOutput(*network.getOutput(0));
  network.markOutput(*random->getOutput(0));
  const auto made = run({});
  ASSERT_EQ(made.size(), 1U);
  double sum = 0;
  for (const float one : made[0].span<float>()) sum += one;
  EXPECT_NEAR(sum / 1000, 3, 0.1);
}

// ---- Picking elements ----

TEST_F(NetworkTest, top_k) {
  ITensor& x = input("x", {2, 3});
  const vivace::Tensor in = floats({2, 3}, {1, 3, 2, 6, 4, 5});
  ITopKLayer* layer = network.addTopK(x, TopKOperation::kMAX, 2, 2);
  expect(layer, {in}, {2, 2}, {3, 2, 6, 5});
  expect(layer, {in}, {2, 2}, {1, 2, 0, 2}, 1);
  EXPECT_EQ(layer->getOutput(1)->getType(), DataType::kINT32);
  layer->setInput(1, integers({}, {1}));
  expect(layer, {in}, {2, 1}, {3, 6});
  expect(network.addTopK(x, TopKOperation::kMIN, 1, 2), {in}, {2, 1}, {1, 4});
}

TEST_F(NetworkTest, gathers_and_scatters) {
  ITensor& x = input("x", {2, 3});
  const vivace::Tensor in = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  expect(network.addGather(x, integers({2}, {2, 0}), 1), {in}, {2, 2}, {3, 1, 6, 4});
  IGatherLayer* each = network.addGather(x, integers({2, 1}, {2, 0}), 1);
  each->setNbElementWiseDims(1);
  expect(each, {in}, {2, 1}, {3, 4});
  IGatherLayer* element = network.addGatherV2(x, integers({2, 1}, {1, 2}), GatherMode::kELEMENT);
  element->setGatherAxis(1);
  expect(element, {in}, {2, 1}, {2, 6});
  expect(network.addGatherV2(x, integers({1, 2}, {1, 1}), GatherMode::kND), {in}, {1}, {5});
  IScatterLayer* scatter = network.addScatter(x, integers({1, 2}, {1, 2}), constant({1}, {9}), ScatterMode::kND);
  expect(scatter, {in}, {2, 3}, {1, 2, 3, 4, 5, 9});
  IScatterLayer* elements =
      network.addScatter(x, integers({2, 1}, {0, 1}), constant({2, 1}, {8, 9}), ScatterMode::kELEMENT);
  elements->setAxis(1);
  expect(elements, {in}, {2, 3}, {8, 2, 3, 4, 9, 6});
}

TEST_F(NetworkTest, one_hot_non_zero_reverse_sequence) {
  ITensor& x = input("x", {2, 2});
  const vivace::Tensor in = floats({2, 2}, {0, 3, 0, 5});
  expect(network.addOneHot(integers({2}, {1, 0}), constant({2}, {0, 7}), integers({}, {3}), -1), {in}, {2, 3},
         {0, 7, 0, 7, 0, 0});
  expect(network.addNonZero(x), {in}, {2, 2}, {0, 1, 1, 1});
  IReverseSequenceLayer* layer = network.addReverseSequence(x, integers({2}, {2, 1}));
  layer->setBatchAxis(0);
  layer->setSequenceAxis(1);
  expect(layer, {in}, {2, 2}, {3, 0, 0, 5});
}

TEST_F(NetworkTest, non_maximum_suppression) {
  ITensor &boxes = input("boxes", {1, 3, 4}), &scores = input("scores", {1, 3, 1});
  INMSLayer* layer = network.addNMS(boxes, scores, integers({}, {2}));
  layer->setInput(3, constant({}, {0.5F}));
  layer->setInput(4, constant({}, {0.1F}));
  const std::vector<vivace::Tensor> in{floats({1, 3, 4}, {0, 0, 1, 1, 0, 0, 1, 0.9F, 2, 2, 3, 3}),
                                       floats({1, 3, 1}, {0.9F, 0.8F, 0.7F})};
  expect(layer, in, {2, 3}, {0, 0, 0, 0, 0, 2});
  expect(layer, in, {}, {2}, 1);
}

TEST_F(NetworkTest, resizes) {
  ITensor& x = input("x", {1, 1, 1, 2});
  const vivace::Tensor in = floats({1, 1, 1, 2}, {0, 3});
  IResizeLayer* layer = network.addResize(x);
  const float scales[] = {1, 1, 1, 2};
  layer->setScales(scales, 4);
  float told[4] = {};
  EXPECT_EQ(layer->getScales(4, told), 4);
  EXPECT_EQ(told[3], 2);
  expect(layer, {in}, {1, 1, 1, 4}, {0, 0, 3, 3});
  layer->setOutputDimensions(Dims4{1, 1, 1, 4});
  layer->setResizeMode(InterpolationMode::kLINEAR);
  layer->setCoordinateTransformation(ResizeCoordinateTransformation::kALIGN_CORNERS);
  EXPECT_TRUE(layer->getAlignCorners());
  expect(layer, {in}, {1, 1, 1, 4}, {0, 1, 2, 3});
  layer->setCoordinateTransformation(ResizeCoordinateTransformation::kHALF_PIXEL);
  expect(layer, {in}, {1, 1, 1, 4}, {0, 0.75, 2.25, 3});
  layer->setInput(1, integers({4}, {1, 1, 2, 2}));
  expect(layer, {in}, {1, 1, 2, 2}, {0, 3, 0, 3});
}

TEST_F(NetworkTest, grid_samples) {
  ITensor &x = input("x", {1, 1, 1, 2}), &grid = input("grid", {1, 1, 2, 2});
  IGridSampleLayer* layer = network.addGridSample(x, grid);
  layer->setAlignCorners(true);
  layer->setSampleMode(SampleMode::kCLAMP);
  expect(layer, {floats({1, 1, 1, 2}, {0, 3}), floats({1, 1, 2, 2}, {0, 0, 5, 0})}, {1, 1, 1, 2}, {1.5, 3});
}

TEST_F(NetworkTest, quantization_there_and_back) {
  ITensor& x = input("x", {2, 2});
  const vivace::Tensor in = floats({2, 2}, {1.1F, -2.4F, 100, -100});
  IQuantizeLayer* whole = network.addQuantize(x, constant({}, {0.5F}));
  expect(whole, {in}, {2, 2}, {2, -5, 127, -128});
  expect(network.addDequantize(*whole->getOutput(0), constant({1}, {0.5F})), {in}, {2, 2}, {1, -2.5, 63.5, -64});
  IQuantizeLayer* rows = network.addQuantize(x, constant({2}, {1, 10}));
  rows->setAxis(0);
  expect(rows, {in}, {2, 2}, {1, -2, 10, -10});
}

// ---- Recurrent layers, loops, conditionals ----

TEST_F(NetworkTest, a_recurrent_layer) {
  ITensor& x = input("x", {1, 2, 1});
  IRNNv2Layer* layer = network.addRNNv2(x, 1, 1, 2, RNNOperation::kRELU);
  layer->setWeightsForGate(0, RNNGateType::kINPUT, true, weights(keep({2})));
  layer->setWeightsForGate(0, RNNGateType::kINPUT, false, weights(keep({10})));
  layer->setBiasForGate(0, RNNGateType::kINPUT, true, weights(keep({1})));
  expect(layer, {floats({1, 2, 1}, {1, 2})}, {1, 2, 1}, {3, 35});
  expect(layer, {floats({1, 2, 1}, {1, 2})}, {1, 1, 1}, {35}, 1);
  EXPECT_EQ(layer->getDataLength(), 1);
}

TEST_F(NetworkTest, a_recurrent_layer_of_two_batches) {
  IRNNv2Layer* layer = network.addRNNv2(input("x", {2, 2, 2, 1}), 1, 1, 2, RNNOperation::kRELU);
  layer->setWeightsForGate(0, RNNGateType::kINPUT, true, weights(keep({2})));
  layer->setWeightsForGate(0, RNNGateType::kINPUT, false, weights(keep({10})));
  layer->setBiasForGate(0, RNNGateType::kINPUT, true, weights(keep({1})));
  const vivace::Tensor x = floats({2, 2, 2, 1}, {1, 2, 0, 0, 0, 1, 1, 0});
  expect(layer, {x}, {2, 2, 2, 1}, {3, 35, 1, 11, 1, 13, 3, 31});
  expect(layer, {x}, {2, 2, 1, 1}, {35, 11, 13, 31}, 1);
}

TEST_F(NetworkTest, an_lstm_of_two_directions) {
  ITensor& x = input("x", {1, 1, 1});
  IRNNv2Layer* layer = network.addRNNv2(x, 1, 1, 1, RNNOperation::kLSTM);
  layer->setDirection(RNNDirection::kBIDIRECTION);
  const RNNGateType gates[] = {RNNGateType::kINPUT, RNNGateType::kOUTPUT, RNNGateType::kFORGET, RNNGateType::kCELL};
  for (int way = 0; way < 2; ++way) {
    float value = 1;
    for (const RNNGateType gate : gates) {
      layer->setWeightsForGate(way, gate, true, weights(keep({value})));
      layer->setWeightsForGate(way, gate, false, weights(keep({0})));
      value += 1;
    }
  }
  const auto s = [](double v) { return 1 / (1 + std::exp(-v)); };
  const double cell = s(1) * std::tanh(4.0), h = s(2) * std::tanh(cell);
  expect(layer, {floats({1, 1, 1}, {1})}, {1, 1, 2}, {h, h});
  expect(layer, {floats({1, 1, 1}, {1})}, {1, 2, 1}, {cell, cell}, 2);
}

TEST_F(NetworkTest, a_loop_that_counts) {
  ITensor& x = input("x", {2});
  ILoop* loop = network.addLoop();
  loop->addTripLimit(integers({}, {3}), TripLimit::kCOUNT);
  IRecurrenceLayer* sum = loop->addRecurrence(x);
  ILayer* next = network.addElementWise(*sum->getOutput(0), x, ElementWiseOperation::kSUM);
  sum->setInput(1, *next->getOutput(0));
  const vivace::Tensor in = floats({2}, {1, 2});
  EXPECT_EQ(sum->getOutput(0)->getDimensions().d[0], 2);
  expect(loop->addLoopOutput(*sum->getOutput(0), LoopOutput::kLAST_VALUE), {in}, {2}, {4, 8});
  expect(loop->addLoopOutput(*next->getOutput(0), LoopOutput::kLAST_VALUE), {in}, {2}, {4, 8});
  expect(loop->addLoopOutput(*next->getOutput(0), LoopOutput::kCONCATENATE), {in}, {3, 2}, {2, 4, 3, 6, 4, 8});
  expect(loop->addLoopOutput(*next->getOutput(0), LoopOutput::kCONCATENATE, 1), {in}, {2, 3}, {2, 3, 4, 4, 6, 8});
  expect(loop->addLoopOutput(*next->getOutput(0), LoopOutput::kREVERSE), {in}, {3, 2}, {4, 8, 3, 6, 2, 4});
}

TEST_F(NetworkTest, a_loop_over_slices_while_a_condition_holds) {
  ITensor& x = input("x", {4, 1});
  ILoop* loop = network.addLoop();
  IIteratorLayer* row = loop->addIterator(x);
  IRecurrenceLayer* sum = loop->addRecurrence(constant({1}, {0}));
  ILayer* next = network.addElementWise(*sum->getOutput(0), *row->getOutput(0), ElementWiseOperation::kSUM);
  sum->setInput(1, *next->getOutput(0));
  ITensor& less =
      *network.addElementWise(*sum->getOutput(0), constant({1}, {5}), ElementWiseOperation::kLESS)->getOutput(0);
  loop->addTripLimit(less, TripLimit::kWHILE);
  loop->addTripLimit(integers({}, {4}), TripLimit::kCOUNT);
  ILayer* out = loop->addLoopOutput(*sum->getOutput(0), LoopOutput::kLAST_VALUE);
  expect(out, {floats({4, 1}, {1, 2, 3, 4})}, {1}, {6});
  row->setReverse(true);
  expect(out, {floats({4, 1}, {1, 2, 3, 4})}, {1}, {7});
}

TEST_F(NetworkTest, loops_in_loops) {
  ITensor& x = input("x", {1});
  ILoop* outer = network.addLoop();
  outer->addTripLimit(integers({}, {2}), TripLimit::kCOUNT);
  IRecurrenceLayer* a = outer->addRecurrence(x);
  ILoop* inner = network.addLoop();
  inner->addTripLimit(integers({}, {3}), TripLimit::kCOUNT);
  IRecurrenceLayer* b = inner->addRecurrence(*a->getOutput(0));
  b->setInput(1, *network.addElementWise(*b->getOutput(0), x, ElementWiseOperation::kSUM)->getOutput(0));
  ILayer* inside = inner->addLoopOutput(*b->getOutput(0), LoopOutput::kLAST_VALUE);
  a->setInput(1, *inside->getOutput(0));
  ILayer* out = outer->addLoopOutput(*a->getOutput(0), LoopOutput::kLAST_VALUE);
  expect(network.addUnary(*out->getOutput(0), UnaryOperation::kNEG), {floats({1}, {1})}, {1}, {-7});
}

TEST_F(NetworkTest, a_loop_without_a_limit_says_so) {
  ITensor& x = input("x", {2});
  ILoop* loop = network.addLoop();
  IRecurrenceLayer* sum = loop->addRecurrence(x);
  sum->setInput(1, *sum->getOutput(0));
  ILayer* out = loop->addLoopOutput(*sum->getOutput(0), LoopOutput::kLAST_VALUE);
  EXPECT_EQ(out->getOutput(0)->getDimensions().nbDims, -1);
  EXPECT_TRUE(log.says("no trip limit"));
}

TEST_F(NetworkTest, conditionals) {
  ITensor& x = input("x", {2});
  ITensor& yes = input("yes", {}, DataType::kBOOL);
  IIfConditional* either = network.addIfConditional();
  either->setCondition(yes);
  ITensor& in = *either->addInput(x)->getOutput(0);
  ITensor& twice = *network.addElementWise(in, in, ElementWiseOperation::kSUM)->getOutput(0);
  ITensor& less = *network.addUnary(in, UnaryOperation::kNEG)->getOutput(0);
  ILayer* out = either->addOutput(twice, less);
  const bool both[] = {true, false};
  expect(out, {floats({2}, {1, 2}), vivace::Tensor::scalar(both[0])}, {2}, {2, 4});
  expect(out, {floats({2}, {1, 2}), vivace::Tensor::scalar(both[1])}, {2}, {-1, -2});
}

}  // namespace
}  // namespace vivace::tensorrt
