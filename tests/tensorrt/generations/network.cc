// A client compiled for generation 7, and for 11: what each says in its own way means the same.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "NvInfer.h"

namespace {

using namespace nvinfer1;

class Logger final : public ILogger {
 public:
#if NV_TENSORRT_MAJOR < 8
  void log(Severity severity, const char* text) override{
#else
  void log(Severity severity, const char* text) noexcept override {
#endif
      if (severity <= Severity::kERROR) ADD_FAILURE() << text;
}
};  // namespace

template <class T>
struct Destroyed {
#if NV_TENSORRT_MAJOR < 8
  void operator()(T* object) const { object->destroy(); }
#else
  void operator()(T* object) const { delete object; }
#endif
};
template <class T>
std::unique_ptr<T, Destroyed<T>> owned(T* object) {
  return std::unique_ptr<T, Destroyed<T>>(object);
}

Logger logger;

#if NV_TENSORRT_MAJOR < 8

static_assert(sizeof(Dims::d[0]) == 4 && NV_TENSORRT_MAJOR == 7, "Dims of 32 bits");

// tanh(w x + r h + the bias of either), the batch implicit, then times itself transposed.
TEST(Generation7, ImplicitBatchAndWeightsAsAWhole) {
  const auto builder = owned(createInferBuilder(logger));
  const auto network = owned(builder->createNetwork());
  EXPECT_TRUE(network->hasImplicitBatchDimension());
  ITensor* const x = network->addInput("x", DataType::kFLOAT, Dims3(2, 1, 1));
  const float numbers[] = {0.5F, 0.25F}, terms[] = {0.125F, 0.25F};
  IRNNLayer* const rnn =
      network->addRNN(*x, 1, 1, 2, RNNOperation::kTANH, RNNInputMode::kLINEAR, RNNDirection::kUNIDIRECTION,
                      Weights{DataType::kFLOAT, numbers, 2}, Weights{DataType::kFLOAT, terms, 2});
  ASSERT_TRUE(rnn);
  EXPECT_EQ(rnn->getType(), LayerType::kRNN);
  IShuffleLayer* const rows = network->addShuffle(*rnn->getOutput(0));
  rows->setReshapeDimensions(Dims2(2, 1));
  IMatrixMultiplyLayer* const product =
      network->addMatrixMultiply(*rows->getOutput(0), false, *rows->getOutput(0), true);
  EXPECT_TRUE(product->getTranspose(1));
  product->getOutput(0)->setName("y");
  network->markOutput(*product->getOutput(0));
  EXPECT_EQ(product->getOutput(0)->getDimensions().nbDims, 2);
  builder->setMaxBatchSize(2);
  const auto engine = owned(builder->buildCudaEngine(*network));
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->getMaxBatchSize(), 2);
  const auto context = owned(engine->createExecutionContext());
  float in[] = {1, 2, 3, 4}, out[8] = {};
  void* bindings[] = {in, out};
  ASSERT_TRUE(context->execute(2, bindings));
  for (int b = 0; b < 2; ++b) {
    const double first = std::tanh(0.5 * in[2 * b] + 0.375),
                 second = std::tanh(0.5 * in[2 * b + 1] + 0.25 * first + 0.375);
    const double expected[] = {first * first, first * second, second * first, second * second};
    for (int i = 0; i < 4; ++i) EXPECT_NEAR(out[4 * b + i], expected[i], 1e-6);
  }
}

#else

static_assert(sizeof(Dims::d[0]) == 8 && NV_TENSORRT_MAJOR == 11, "Dims of 64 bits");

TEST(Generation11, AttentionOfAStronglyTypedNetwork) {
  const auto builder = owned(createInferBuilder(logger));
  const auto network =
      owned(builder->createNetworkV2(1U << static_cast<int>(NetworkDefinitionCreationFlag::kSTRONGLY_TYPED)));
  EXPECT_FALSE(network->hasImplicitBatchDimension());
  ITensor* const x = network->addInput("x", DataType::kFLOAT, Dims4(1, 1, 2, 1));
  IAttention* const attention =
      network->addAttentionV2(*x, *x, *x, AttentionNormalizationOp::kSOFTMAX, CausalMaskKind::kLOWER_RIGHT);
  ASSERT_TRUE(attention);
  // The numbers of layer types are those of the generation.
  EXPECT_EQ(static_cast<int>(network->getLayer(0)->getType()), 51);
  EXPECT_EQ(network->getLayer(1)->getType(), LayerType::kATTENTION_OUTPUT);
  ITensor* const y = attention->getOutput(0);
  y->setName("y");
  network->markOutput(*y);
  IShapeLayer* const shape = network->addShape(*y);
  EXPECT_EQ(shape->getOutput(0)->getType(), DataType::kINT64);
  const auto config = owned(builder->createBuilderConfig());
  const auto memory = owned(builder->buildSerializedNetwork(*network, *config));
  ASSERT_TRUE(memory);
  const auto runtime = owned(createInferRuntime(logger));
  const auto engine = owned(runtime->deserializeCudaEngine(memory->data(), memory->size()));
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->getTensorShape("y").d[2], 2);
  const auto context = owned(engine->createExecutionContext());
  float in[] = {1, 2}, out[2] = {};
  ASSERT_TRUE(context->setTensorAddress("x", in) && context->setTensorAddress("y", out));
  ASSERT_TRUE(context->enqueueV3(nullptr));
  EXPECT_EQ(out[0], 1);
  EXPECT_NEAR(out[1], (std::exp(2.0) + 2 * std::exp(4.0)) / (std::exp(2.0) + std::exp(4.0)), 1e-6);
}

#endif

}  // namespace
