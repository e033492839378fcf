#include "tensorrt/network_testing.h"

#include "builder/builder.h"
#include "runtime/engine.h"

namespace vivace::tensorrt {

std::vector<vivace::Tensor> NetworkTest::run(const std::vector<vivace::Tensor>& inputs) {
  Result<std::unique_ptr<ir::Graph>> graph = network.to_graph();
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  if (!graph.ok()) return {};
  EXPECT_TRUE(ir::verify(**graph).ok());
  builder::BuildConfig config;
  config.threads = 1;
  config.effort = 0;
  Result<builder::BuildResult> built = builder::build(*std::move(graph), config);
  EXPECT_TRUE(built.ok()) << built.status().message();
  if (!built.ok()) return {};
  const Result<std::shared_ptr<runtime::Engine>> engine = runtime::Engine::load(std::move(built->plan), {});
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  if (!engine.ok()) return {};
  std::vector<vivace::Tensor> made;
  const Status status = (*engine)->run({inputs.begin(), inputs.end()}, made);
  EXPECT_TRUE(status.ok()) << status.message();
  return status.ok() ? made : std::vector<vivace::Tensor>();
}

void NetworkTest::expect(nvinfer1::ILayer* layer, const std::vector<vivace::Tensor>& inputs, const Shape& shape,
                         const std::vector<double>& values, int output) {
  ASSERT_NE(layer, nullptr);
  nvinfer1::ITensor* const tensor = layer->getOutput(output);
  while (network.getNbOutputs()) network.unmarkOutput(*network.getOutput(0));
  network.markOutput(*tensor);
  const nvinfer1::Dims told = tensor->getDimensions();
  const std::vector<vivace::Tensor> made = run(inputs);
  for (const std::string& error : log.errors) ADD_FAILURE() << error;
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].shape(), shape);
  ASSERT_EQ(told.nbDims, static_cast<int>(shape.size()));
  for (size_t i = 0; i < shape.size(); ++i)
    if (told.d[i] >= 0) {
      EXPECT_EQ(told.d[i], shape[i]);
    }
  EXPECT_EQ(to_data_type(made[0].type()), tensor->getType());
  std::vector<double> got;
  if (is_float(made[0].type()))
    got = to_double(made[0]);
  else if (made[0].type() == DType::boolean)
    for (const bool one : made[0].span<bool>()) got.push_back(one);
  else
    for (const int64_t one : to_int64(made[0])) got.push_back(static_cast<double>(one));
  ASSERT_EQ(got.size(), values.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], values[i], 1e-4 * std::max(1.0, std::abs(values[i]))) << "at " << i;
}

}  // namespace vivace::tensorrt
