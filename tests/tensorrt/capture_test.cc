// Inferences captured into graphs of the CUDA runtime over host memory.
#include <cuda_runtime.h>

#include "tensorrt/runtime_testing.h"

namespace vivace::tensorrt {
namespace {

TEST(Capture, AGraphRunsWhatWasBoundThen) {
  static TestLogger& logger = *new TestLogger;  // the first logger also serves the plugin registry, for good
  const plan::ShapeRange range{{1, 2}, {2, 2}, {8, 2}};
  const std::vector<std::byte> plan = plan_bytes(R"((%x: f32[batch,2]) {
    %y = Neg(%x)
    return %y
  })",
                                                 {{"x", range}});
  const std::unique_ptr<nvinfer1::IRuntime> runtime(nvinfer1::createInferRuntime(logger));
  const std::unique_ptr<nvinfer1::ICudaEngine> engine(runtime->deserializeCudaEngine(plan.data(), plan.size()));
  ASSERT_TRUE(engine) << logger.errors;
  const std::unique_ptr<nvinfer1::IExecutionContext> context(engine->createExecutionContext());
  ASSERT_TRUE(context);
  const auto shape_of = [&](int rows) {
    nvinfer1::Dims dims{};
    dims.nbDims = 2;
    dims.d[0] = rows;
    dims.d[1] = 2;
    return context->setInputShape("x", dims);
  };
  float x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {}, other[6] = {};

  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreate(&stream), cudaSuccess);
  ASSERT_TRUE(shape_of(2));
  ASSERT_TRUE(context->setTensorAddress("x", x));
  ASSERT_TRUE(context->setTensorAddress("y", y));
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  ASSERT_TRUE(context->enqueueV3(stream)) << logger.errors;
  EXPECT_EQ(y[0], 0) << "a capture runs nothing";
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&exec, graph), cudaSuccess);

  ASSERT_EQ(cudaGraphLaunch(exec, stream), cudaSuccess);
  EXPECT_EQ(y[3], -4);
  EXPECT_EQ(y[4], 0);
  // The context goes on with other rows and other memory; the graph stays as it is, and so does the context.
  ASSERT_TRUE(shape_of(3));
  ASSERT_TRUE(context->setTensorAddress("y", other));
  x[0] = 7;
  ASSERT_EQ(cudaGraphLaunch(exec, stream), cudaSuccess);
  EXPECT_EQ(y[0], -7);
  EXPECT_EQ(y[4], 0);
  EXPECT_EQ(other[0], 0);
  ASSERT_TRUE(context->enqueueV3(stream));
  EXPECT_EQ(other[5], -6);
  EXPECT_EQ(logger.errors, "");

  // What cannot run cannot be captured either.
  ASSERT_TRUE(context->setTensorAddress("y", nullptr));
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  EXPECT_FALSE(context->enqueueV3(stream));
  EXPECT_TRUE(logger.told("'y'")) << logger.errors;
  ASSERT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  ASSERT_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
  ASSERT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

}  // namespace
}  // namespace vivace::tensorrt
