// The network definition: inputs, outputs, dimensions on demand, changes after use, refusals, parsed graphs.
#include "ir/text.h"
#include "ops/operator.h"
#include "tensorrt/network_testing.h"

namespace vivace::tensorrt {
namespace {

using namespace nvinfer1;

TEST_F(NetworkTest, a_small_classifier) {
  ITensor& x = input("x", {-1, 1, 4, 4});
  IConvolutionLayer* conv = network.addConvolution(x, 2, DimsHW{3, 3}, weights(keep(std::vector<float>(18, 1))), {});
  ASSERT_NE(conv, nullptr);
  conv->setPadding(DimsHW{1, 1});
  IActivationLayer* relu = network.addActivation(*conv->getOutput(0), ActivationType::kRELU);
  IPoolingLayer* pool = network.addPooling(*relu->getOutput(0), PoolingType::kMAX, DimsHW{2, 2});
  pool->setStride(DimsHW{2, 2});
  const Dims told = pool->getOutput(0)->getDimensions();
  ASSERT_EQ(told.nbDims, 4);
  EXPECT_EQ(told.d[0], -1);
  EXPECT_EQ(told.d[1], 2);
  EXPECT_EQ(told.d[2], 2);
  pool->getOutput(0)->setName("y");
  network.markOutput(*pool->getOutput(0));
  const auto graph = network.to_graph();
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_EQ((*graph)->inputs()[0]->name, "x");
  EXPECT_EQ((*graph)->output_name(0), "y");
  const auto made = run({floats({1, 1, 4, 4}, std::vector<float>(16, 1))});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].shape(), (Shape{1, 2, 2, 2}));
  for (const float one : made[0].span<float>()) EXPECT_EQ(one, 9);
}

TEST_F(NetworkTest, setters_work_after_dimensions_were_asked_for) {
  ITensor& x = input("x", {1, 1, 5, 5});
  IPoolingLayer* pool = network.addPoolingNd(x, PoolingType::kAVERAGE, Dims2{2, 2});
  EXPECT_EQ(pool->getOutput(0)->getDimensions().d[2], 4);
  pool->setStrideNd(Dims2{2, 2});
  EXPECT_EQ(pool->getOutput(0)->getDimensions().d[2], 2);
  pool->setPaddingMode(PaddingMode::kEXPLICIT_ROUND_UP);
  EXPECT_EQ(pool->getOutput(0)->getDimensions().d[2], 3);
  x.setDimensions(Dims4{1, 1, 9, 9});
  EXPECT_EQ(pool->getOutput(0)->getDimensions().d[2], 5);
}

TEST_F(NetworkTest, wrong_arguments_give_null_and_a_reason) {
  ITensor& x = input("x", {1, 3, 5, 5});
  EXPECT_EQ(network.addInput("x", DataType::kFLOAT, Dims2{1, 1}), nullptr);
  EXPECT_TRUE(log.says("there already"));
  EXPECT_EQ(network.addInput("y", DataType::kFLOAT, dims({-2})), nullptr);
  EXPECT_EQ(network.addActivation(x, static_cast<ActivationType>(99)), nullptr);
  EXPECT_EQ(network.addConvolutionNd(x, 0, Dims2{3, 3}, {}, {}), nullptr);
  EXPECT_EQ(network.addConvolutionNd(x, 4, dims({3}), {}, {}), nullptr);
  EXPECT_EQ(network.addReduce(x, ReduceOperation::kSUM, 0, true), nullptr);
  EXPECT_EQ(network.addTopK(x, TopKOperation::kMAX, 1, 3), nullptr);
  EXPECT_EQ(network.addConcatenation(nullptr, 2), nullptr);
  EXPECT_EQ(network.addConstant(Dims2{2, 2}, weights(keep({1, 2}))), nullptr);
  EXPECT_EQ(log.errors.size(), 9U);
  Network other(nullptr, nullptr, 1);
  ITensor* foreign = other.addInput("x", DataType::kFLOAT, Dims2{1, 1});
  EXPECT_EQ(network.addUnary(*foreign, UnaryOperation::kABS), nullptr);
  EXPECT_TRUE(log.says("another network"));
}

TEST_F(NetworkTest, an_error_that_shows_later_is_logged_once_and_hides_the_dimensions) {
  ITensor& x = input("x", {1, 3, 5, 5});
  ILayer* conv = network.addConvolutionNd(x, 2, Dims2{3, 3}, weights(keep({1, 2, 3})), {});
  ILayer* relu = network.addActivation(*conv->getOutput(0), ActivationType::kRELU);
  EXPECT_EQ(relu->getOutput(0)->getDimensions().nbDims, -1);
  EXPECT_EQ(relu->getOutput(0)->getDimensions().nbDims, -1);
  EXPECT_EQ(log.errors.size(), 1U);
  EXPECT_TRUE(log.says("kernel has 3 elements"));
  network.markOutput(*relu->getOutput(0));
  EXPECT_FALSE(network.to_graph().ok());
}

TEST_F(NetworkTest, output_types_insert_a_cast) {
  ITensor& x = input("x", {2});
  IIdentityLayer* layer = network.addIdentity(x);
  layer->setOutputType(0, DataType::kINT32);
  EXPECT_EQ(layer->getOutput(0)->getType(), DataType::kINT32);
  expect(layer, {floats({2}, {1.5F, -2.5F})}, {2}, {1, -2});
  layer->resetOutputType(0);
  EXPECT_FALSE(layer->outputTypeIsSet(0));
  EXPECT_EQ(layer->getOutput(0)->getType(), DataType::kFLOAT);
}

TEST_F(NetworkTest, types_of_floats_are_cast_where_they_are_bound) {
  ITensor& x = input("x", {1, 2});
  ITensor& w = constant({2, 1}, {1, 2});
  ILayer* product = network.addMatrixMultiply(x, MatrixOperation::kNONE, w, MatrixOperation::kNONE);
  ILayer* relu = network.addActivation(*product->getOutput(0), ActivationType::kRELU);
  x.setType(DataType::kHALF);
  product->setOutputType(0, DataType::kHALF);
  ITensor& y = *relu->getOutput(0);
  y.setName("y");
  y.setType(DataType::kHALF);
  network.markOutput(y);
  EXPECT_EQ(x.getType(), DataType::kHALF);
  EXPECT_EQ(product->getOutput(0)->getType(), DataType::kHALF);
  EXPECT_EQ(y.getType(), DataType::kHALF);
  const auto graph = network.to_graph();
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_EQ((*graph)->inputs()[0]->name, "x");
  EXPECT_EQ((*graph)->inputs()[0]->type.dtype, DType::f16);
  EXPECT_EQ((*graph)->output_name(0), "y");
  EXPECT_EQ((*graph)->outputs()[0]->type.dtype, DType::f16);
  EXPECT_EQ(product->getOutput(0)->getDimensions().d[1], 1);
}

TEST_F(NetworkTest, outputs_that_are_inputs_or_the_same_tensor_twice) {
  ITensor& x = input("x", {2});
  network.markOutput(x);
  network.markOutput(x);
  ASSERT_EQ(network.getNbOutputs(), 1);
  const auto made = run({floats({2}, {1, 2})});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].as<float>()[1], 2);
  network.unmarkOutput(x);
  EXPECT_EQ(network.getNbOutputs(), 0);
  EXPECT_FALSE(network.to_graph().ok());
}

TEST_F(NetworkTest, weights_are_called_what_the_client_calls_them) {
  ITensor& x = input("x", {1, 1, 2, 2});
  const Weights kernel = weights(keep({1, 2, 3, 4}));
  ILayer* conv = network.addConvolutionNd(x, 1, Dims2{2, 2}, kernel, {});
  EXPECT_TRUE(network.setWeightsName(kernel, "first.weight"));
  EXPECT_FALSE(network.setWeightsName({}, "nothing"));
  network.markOutput(*conv->getOutput(0));
  const auto graph = network.to_graph();
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ((*graph)->outputs()[0]->producer()->input(1)->name, "first.weight");
}

TEST_F(NetworkTest, shape_tensors) {
  ITensor& x = input("x", {-1, 4});
  ITensor& to = input("to", {2}, DataType::kINT32);
  IShuffleLayer* shuffle = network.addShuffle(x);
  shuffle->setInput(1, to);
  IShapeLayer* shape = network.addShape(x);
  EXPECT_FALSE(x.isShapeTensor());
  EXPECT_TRUE(to.isShapeTensor());
  EXPECT_TRUE(shape->getOutput(0)->isShapeTensor());
  EXPECT_FALSE(shuffle->getOutput(0)->isShapeTensor());
  EXPECT_EQ(network.shape_inputs(), (std::vector<bool>{false, true}));
}

TEST_F(NetworkTest, dimension_names_tie_inputs_together) {
  ITensor& a = input("a", {-1, 2});
  ITensor& b = input("b", {-1, 2});
  a.setDimensionName(0, "batch");
  b.setDimensionName(0, "batch");
  EXPECT_STREQ(a.getDimensionName(0), "batch");
  EXPECT_EQ(a.getDimensionName(1), nullptr);
  ILayer* sum = network.addElementWise(a, b, ElementWiseOperation::kSUM);
  network.markOutput(*sum->getOutput(0));
  const auto graph = network.to_graph();
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ((*graph)->outputs()[0]->type.to_string(), "f32[batch,2]");
}

TEST_F(NetworkTest, a_parsed_graph_becomes_layers) {
  Result<std::unique_ptr<ir::Graph>> parsed = ir::parse(
      R"(graph "g" (%x: f32[n,1,4,4]) {
  %c: f32[n,1,2,2] = Conv(%x, const f32[1,1,2,2] splat(1)) {strides=[2, 2]} "first"
  %y: f32[n,1,2,2] = Relu(%c)
  return %y
})");
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  ASSERT_TRUE(network.add_graph(std::move(*parsed)).ok());
  ASSERT_EQ(network.getNbInputs(), 1);
  EXPECT_EQ(network.getInput(0)->getDimensions().d[0], -1);
  ASSERT_EQ(network.getNbLayers(), 2);
  ASSERT_EQ(network.getLayer(0)->getType(), LayerType::kCONVOLUTION);
  auto* conv = static_cast<IConvolutionLayer*>(network.getLayer(0));
  EXPECT_EQ(conv->getNbOutputMaps(), 1);
  EXPECT_EQ(conv->getKernelSizeNd().d[0], 2);
  EXPECT_EQ(conv->getKernelWeights().count, 4);
  EXPECT_EQ(network.getOutput(0)->getDimensions().d[2], 2);
  conv->setStrideNd(Dims2{1, 1});
  EXPECT_EQ(network.getOutput(0)->getDimensions().d[2], 3);
  const auto made = run({floats({1, 1, 4, 4}, std::vector<float>(16, 1))});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].as<float>()[0], 4);
}

TEST_F(NetworkTest, a_parsed_graph_continues_the_network) {
  ITensor* x = network.addInput("x", DataType::kFLOAT, dims({2}));
  ITensor* middle = network.addUnary(*x, UnaryOperation::kNEG)->getOutput(0);
  middle->setName("middle");
  Result<std::unique_ptr<ir::Graph>> parsed = ir::parse(
      R"(graph "g" (%middle: f32[2], %x: f32[2]) {
  %sum: f32[2] = Add(%middle, const f32[1] splat(1))
  %y: f32[2] = Mul(%sum, %x)
  return %y
})");
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  ASSERT_TRUE(network.add_graph(std::move(*parsed)).ok());
  EXPECT_EQ(network.getNbInputs(), 1);
  const auto made = run({floats({2}, {3, 5})});
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].as<float>()[1], -20);
}

class ImplicitBatchTest : public NetworkTest {
 protected:
  ImplicitBatchTest() : implicit(nullptr, &log, 0, true) {}
  Network implicit;
};

TEST_F(ImplicitBatchTest, the_client_does_not_see_the_batch) {
  ITensor* x = implicit.addInput("x", DataType::kFLOAT, Dims3{1, 4, 4});
  IPoolingLayer* pool = implicit.addPooling(*x, PoolingType::kMAX, DimsHW{2, 2});
  pool->setStride(DimsHW{2, 2});
  IFullyConnectedLayer* dense = implicit.addFullyConnected(
      *pool->getOutput(0), 2, weights(keep(std::vector<float>(8, 1))), weights(keep({0, 1})));
  IShuffleLayer* flat = implicit.addShuffle(*dense->getOutput(0));
  flat->setReshapeDimensions(dims({2}));
  ISoftMaxLayer* softmax = implicit.addSoftMax(*flat->getOutput(0));
  EXPECT_EQ(softmax->getAxes(), 1U);
  EXPECT_EQ(pool->getOutput(0)->getDimensions().nbDims, 3);
  EXPECT_EQ(dense->getOutput(0)->getDimensions().nbDims, 3);
  implicit.markOutput(*flat->getOutput(0));
  const auto graph = implicit.to_graph();
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_EQ((*graph)->inputs()[0]->type.to_string(), "f32[batch,1,4,4]");
  EXPECT_EQ((*graph)->outputs()[0]->type.to_string(), "f32[batch,2]");
  const auto made = ops::run_graph_reference(**graph, {floats({2, 1, 4, 4}, std::vector<float>(32, 1))});
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ((*made)[0].as<float>()[0], 4);
  EXPECT_EQ((*made)[0].as<float>()[3], 5);
  EXPECT_TRUE(log.errors.empty());
}

}  // namespace
}  // namespace vivace::tensorrt
