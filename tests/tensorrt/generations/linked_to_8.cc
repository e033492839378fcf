// A client compiled for generation 10 and linked with -lnvinfer, which is the library of the generations below: calls
// are passed on to the library beside it, whose Dims are as wide as the client's.
#include <gtest/gtest.h>

#include <memory>

#include "NvOnnxParser.h"
#include "onnx/model_writer.h"

namespace {

using namespace nvinfer1;
using namespace vivace::onnx::test;

static_assert(sizeof(Dims::d[0]) == 8);

class Logger final : public ILogger {
 public:
  void log(Severity severity, const char* text) noexcept override {
    if (severity <= Severity::kERROR) ADD_FAILURE() << text;
  }
};

TEST(OtherGeneration, BuildsParsesAndRuns) {
  Logger logger;
  const std::unique_ptr<IBuilder> builder(createInferBuilder(logger));
  ASSERT_TRUE(builder);
  const std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(0));
  EXPECT_FALSE(network->hasImplicitBatchDimension());
  const std::unique_ptr<nvonnxparser::IParser> parser(nvonnxparser::createParser(*network, logger));
  ASSERT_TRUE(parser);
  const Message m = model(graph({node("Relu", {"x"}, {"y"})}, {value("x", vivace::DType::f32, {"2", "3"})},
                                {value("y", vivace::DType::f32, {"2", "3"})}));
  ASSERT_TRUE(parser->parse(m.bytes.data(), m.bytes.size()));
  const Dims dims = network->getInput(0)->getDimensions();
  ASSERT_EQ(dims.nbDims, 2);
  EXPECT_EQ(dims.d[1], 3);
  const std::unique_ptr<IBuilderConfig> config(builder->createBuilderConfig());
  const std::unique_ptr<IHostMemory> memory(builder->buildSerializedNetwork(*network, *config));
  ASSERT_TRUE(memory);
  const std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  ASSERT_TRUE(runtime);
  const std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine(memory->data(), memory->size()));
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->getTensorShape("y").d[0], 2);
  const std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  float x[] = {-1, 2, -3, 4, -5, 6}, y[6] = {};
  void* bindings[] = {x, y};
  ASSERT_TRUE(context->executeV2(bindings));
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(y[5], 6);
}

}  // namespace
