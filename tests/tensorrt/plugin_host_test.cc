// Plugins as nodes of a graph: shapes, running on the host, and their state in the plan.
#include "tensorrt/plugin_host.h"

#include <cmath>
#include <cstring>

#include "NvOnnxParser.h"
#include "onnx/model_writer.h"
#include "tensorrt/network.h"
#include "tensorrt/runtime_testing.h"
#include "tensorrt/test_plugins.h"

namespace vivace::tensorrt {
namespace {

// A plan of one plugin node between a Relu and a Neg. `id` other than empty: a node that no prototype is for.
std::vector<std::byte> plan_of(ir::Attributes attributes, const ir::Type& input, const plan::ShapeRange& range,
                               const std::string& id = {}, const Metadata* metadata = nullptr, int outputs = 1) {
  if (!id.empty()) attributes["id"] = id;
  auto graph = std::make_unique<ir::Graph>();
  ir::Value* x = graph->add_input("x", input);
  ir::Node* relu = graph->add_node("Relu", {x});
  ir::Node* plugin =
      graph->add_node(kPluginNode, {relu->output()}, outputs, std::move(attributes), "the plugin");
  ir::Node* neg = graph->add_node("Neg", {plugin->output()});
  graph->mark_output(neg->output(), "y");
  builder::BuildConfig config;
  config.threads = 1;
  config.effort = 0;
  config.shapes["x"] = range;
  Result<builder::BuildResult> built = builder::build(std::move(graph), config);
  EXPECT_TRUE(built.ok()) << built.status().message();
  if (!built.ok()) return {};
  if (metadata) built->plan.metadata = to_entries(*metadata);
  return *plan::to_bytes(built->plan);
}

class Plugins : public ::testing::Test {
 protected:
  std::unique_ptr<nvinfer1::IExecutionContext> context_of(const std::vector<std::byte>& bytes) {
    engine.reset(runtime->deserializeCudaEngine(bytes.data(), bytes.size()));
    return std::unique_ptr<nvinfer1::IExecutionContext>(engine ? engine->createExecutionContext() : nullptr);
  }
  TestLogger logger;
  std::unique_ptr<nvinfer1::IRuntime> runtime{nvinfer1::createInferRuntime(logger)};
  std::unique_ptr<nvinfer1::ICudaEngine> engine;
};

nvinfer1::Dims dims(int a, int b) {
  nvinfer1::Dims made{};
  made.nbDims = 2;
  made.d[0] = a;
  made.d[1] = b;
  return made;
}

const ir::Type kRows = ir::Type::tensor(DType::f32, {ir::Dim::symbol("n"), 3});
const plan::ShapeRange kUpToFour{{1, 3}, {2, 3}, {4, 3}};

TEST_F(Plugins, OfDynamicShapes) {
  const auto attributes = plugin_attributes(OwnedV2(new RepeatPlugin(10)), {kRows}, false);
  ASSERT_TRUE(attributes.ok()) << attributes.status().message();
  for (const char* id : {"", "by its creator"}) {
    SCOPED_TRACE(id);
    const auto context = context_of(plan_of(*attributes, kRows, kUpToFour, id));
    ASSERT_TRUE(context) << logger.errors;
    const float x[6] = {1, -1, 2, 3, 4, 5};
    float y[12] = {};
    void* bindings[] = {const_cast<float*>(x), y};
    for (const int n : {2, 1}) {
      ASSERT_TRUE(context->setInputShape("x", dims(n, 3)));
      EXPECT_EQ(context->getTensorShape("y").d[0], 2 * n);
      ASSERT_TRUE(context->executeV2(bindings)) << logger.errors;
      EXPECT_EQ(y[0], -10);
      EXPECT_EQ(y[1], 0);
      EXPECT_EQ(y[3 * n], -10);  // repeated
    }
  }
}

TEST_F(Plugins, AsLayersOfANetwork) {
  Network network(nullptr, &logger,
                  1U << static_cast<uint32_t>(nvinfer1::NetworkDefinitionCreationFlag::kEXPLICIT_BATCH));
  nvinfer1::ITensor* x = network.addInput("x", nvinfer1::DataType::kFLOAT, dims(-1, 3));
  RepeatPlugin repeat(2);
  nvinfer1::IPluginV2Layer* first = network.addPluginV2(&x, 1, repeat);
  ASSERT_NE(first, nullptr) << logger.errors;
  EXPECT_NE(&first->getPlugin(), &repeat);
  EXPECT_EQ(first->getOutput(0)->getDimensions().d[0], -1);
  AbovePlugin above(3);
  nvinfer1::ITensor* y = first->getOutput(0);
  nvinfer1::IPluginV3Layer* second = network.addPluginV3(&y, 1, nullptr, 0, above);
  ASSERT_NE(second, nullptr) << logger.errors;
  EXPECT_EQ(second->getNbOutputs(), 2);
  EXPECT_EQ(second->getOutput(1)->getType(), nvinfer1::DataType::kINT32);
  network.markOutput(*second->getOutput(0));
  network.markOutput(*second->getOutput(1));
  auto graph = network.to_graph();
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  const float values[3] = {1, 2, 3};
  auto made = ops::run_graph_reference(**graph, {Tensor::of<float>(values, {1, 3})});
  ASSERT_TRUE(made.ok()) << made.status().message();
  ASSERT_EQ((*made)[0].shape(), Shape{4});
  EXPECT_EQ((*made)[0].as<float>()[1], 6);
  EXPECT_EQ((*made)[1].as<int32_t>()[0], 4);
}

TEST_F(Plugins, OfAnImplicitBatch) {
  Metadata metadata;
  metadata.bindings = {{"x", true, false, {3}}, {"y", false, false, {3}}};
  metadata.profiles.resize(1);
  metadata.implicit_batch = true;
  metadata.max_batch = 4;
  const auto attributes = plugin_attributes(OwnedV2(new BatchPlugin()), {kRows}, true);
  ASSERT_TRUE(attributes.ok()) << attributes.status().message();
  const auto context = context_of(plan_of(*attributes, kRows, kUpToFour, {}, &metadata));
  ASSERT_TRUE(context) << logger.errors;
  const float x[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  float y[9] = {};
  void* bindings[] = {const_cast<float*>(x), y};
  ASSERT_TRUE(context->execute(3, bindings)) << logger.errors;
  EXPECT_EQ(y[8], -9 - 3);  // plus the batch
}

TEST_F(Plugins, OfTheThirdGenerationFindTheSizeOfTheirOutput) {
  const auto attributes = plugin_attributes(OwnedV3(new AbovePlugin(2.5F)), {kRows}, 0);
  ASSERT_TRUE(attributes.ok()) << attributes.status().message();
  for (const char* id : {"", "by its creator too"}) {
    SCOPED_TRACE(id);
    const auto context = context_of(plan_of(*attributes, kRows, kUpToFour, id, nullptr, 2));
    ASSERT_TRUE(context) << logger.errors;
    struct Allocator : nvinfer1::IOutputAllocator {
      void* reallocateOutput(char const*, void*, uint64_t size, uint64_t) noexcept override {
        return memory.assign(size / sizeof(float), 0), memory.data();
      }
      void notifyShape(char const*, nvinfer1::Dims const& dims) noexcept override { count = dims.d[0]; }
      std::vector<float> memory;
      int64_t count = -1;
    } allocator;
    const float x[6] = {1, -1, 2, 3, 4, 5};
    ASSERT_TRUE(context->setInputShape("x", dims(2, 3)));
    ASSERT_TRUE(context->setInputTensorAddress("x", x));
    ASSERT_TRUE(context->setOutputAllocator("y", &allocator));
    ASSERT_TRUE(context->enqueueV3(nullptr)) << logger.errors;
    EXPECT_EQ(allocator.count, 3);
    EXPECT_EQ(allocator.memory, (std::vector<float>{-3, -4, -5}));
  }
}

TEST_F(Plugins, ThatNobodyKnowsAreAnError) {
  auto attributes = plugin_attributes(OwnedV2(new RepeatPlugin(10)), {kRows}, false);
  ASSERT_TRUE(attributes.ok());
  const std::vector<std::byte> bytes = plan_of(*attributes, kRows, kUpToFour);
  // The name in the plan, changed to one that has no creator.
  Result<plan::Plan> plan = plan::from_bytes(bytes, nullptr);
  ASSERT_TRUE(plan.ok());
  for (ir::Node* node : plan->program.graph->node_list())
    if (node->op == kPluginNode)
      node->attributes["name"] = std::string("Other"), node->attributes["id"] = std::string("other");
  const auto changed = plan::to_bytes(*plan);
  EXPECT_EQ(context_of(*changed), nullptr);
  EXPECT_TRUE(logger.told("'Other'")) << logger.errors;
  EXPECT_TRUE(logger.told("REGISTER_TENSORRT_PLUGIN")) << logger.errors;
}

TEST_F(Plugins, ThatRefuseOrFail) {
  const ir::Type halves = ir::Type::tensor(DType::f16, {2, 3});
  const auto refused = plugin_attributes(OwnedV2(new RepeatPlugin(10)), {halves}, false);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("linear"), std::string::npos) << refused.status().message();
  const auto attributes = plugin_attributes(OwnedV2(new RepeatPlugin(-1)), {kRows}, false);  // fails when it runs
  ASSERT_TRUE(attributes.ok());
  const auto context = context_of(plan_of(*attributes, kRows, kUpToFour));
  ASSERT_TRUE(context) << logger.errors;
  float x[3] = {}, y[6] = {};
  void* bindings[] = {x, y};
  ASSERT_TRUE(context->setInputShape("x", dims(1, 3)));
  EXPECT_FALSE(context->executeV2(bindings));
  EXPECT_TRUE(logger.told("enqueue() gave 7")) << logger.errors;
}

// Remembers the fields that it is given.
class FieldsCreator final : public nvinfer1::IPluginCreator {
 public:
  explicit FieldsCreator(char const* name) : name_(name) {}
  char const* getPluginName() const noexcept override { return name_; }
  char const* getPluginVersion() const noexcept override { return "2"; }
  nvinfer1::PluginFieldCollection const* getFieldNames() noexcept override { return &collection_; }
  nvinfer1::IPluginV2* createPlugin(char const*, nvinfer1::PluginFieldCollection const* fields) noexcept override {
    for (int32_t i = 0; i < fields->nbFields; ++i) {
      const nvinfer1::PluginField& field = fields->fields[i];
      given[field.name] = {static_cast<const char*>(field.data), static_cast<size_t>(field.length)};
      if (std::strcmp(field.name, "c") != 0 && std::strcmp(field.name, "u") != 0)
        given[field.name] = std::to_string(number(field)) + " of " + std::to_string(field.length);
    }
    return new RepeatPlugin(10);
  }
  nvinfer1::IPluginV2* deserializePlugin(char const*, void const*, size_t) noexcept override { return nullptr; }
  void setPluginNamespace(char const*) noexcept override {}
  char const* getPluginNamespace() const noexcept override { return "tests"; }
  std::map<std::string, std::string> given;

 private:
  // The last element.
  static int number(const nvinfer1::PluginField& field) {
    const auto last = [&]<class T>(T) { return static_cast<int>(static_cast<const T*>(field.data)[field.length - 1]); };
    switch (field.type) {
      case nvinfer1::PluginFieldType::kFLOAT16:
        return static_cast<int>(float(static_cast<const Float16*>(field.data)[0]));
      case nvinfer1::PluginFieldType::kFLOAT32: return last(0.0F);
      case nvinfer1::PluginFieldType::kFLOAT64: return last(0.0);
      case nvinfer1::PluginFieldType::kINT8: return last(int8_t{});
      case nvinfer1::PluginFieldType::kINT16: return last(int16_t{});
      case nvinfer1::PluginFieldType::kINT32: return last(int32_t{});
      case nvinfer1::PluginFieldType::kINT64: return last(int64_t{});
      default: return -1;
    }
  }
  using F = nvinfer1::PluginField;
  using T = nvinfer1::PluginFieldType;
  char const* name_;
  F fields_[10] = {F("h", nullptr, T::kFLOAT16),   F("f", nullptr, T::kFLOAT32), F("d", nullptr, T::kFLOAT64),
                   F("i1", nullptr, T::kINT8),     F("i2", nullptr, T::kINT16),  F("i4", nullptr, T::kINT32),
                   F("i8", nullptr, T::kINT64),    F("c", nullptr, T::kCHAR),    F("u", nullptr, T::kUNKNOWN),
                   F("absent", nullptr, T::kINT32)};
  nvinfer1::PluginFieldCollection collection_{10, fields_};
};

TEST_F(Plugins, AreNodesOfAModelByTheirNames) {
  namespace w = onnx::test;
  const std::vector<int64_t> two{3, 4};
  const auto model = [&](const char* op, const char* name) {
    return w::model(
        w::graph({w::node(op, {"x"}, {"y"},
                          {w::attribute("h", 2.0F), w::attribute("f", std::vector<float>{1, 9}), w::attribute("d", 5),
                           w::attribute("i1", two), w::attribute("i2", two), w::attribute("i4", two),
                           w::attribute("i8", 8), w::attribute("c", "ab"), w::attribute("u", "ab"),
                           w::attribute("plugin_version", "2"), w::attribute("plugin_namespace", name)})},
                 {w::value("x", DType::f32, {"2", "3"})}, {w::value("y", DType::f32, {"rows", "3"})}));
  };
  std::unique_ptr<nvinfer1::IBuilder> builder(nvinfer1::createInferBuilder(logger));
  constexpr auto kOverride = nvonnxparser::OnnxParserFlag::kENABLE_PLUGIN_OVERRIDE;
  for (const char* op : {"Fields", "Identity"}) {
    FieldsCreator creator(op);
    ASSERT_TRUE(getPluginRegistry()->registerCreator(creator, ""));
    for (const bool first : {false, true}) {
      SCOPED_TRACE(std::string(op) + (first ? " overridden" : ""));
      creator.given.clear();
      const std::unique_ptr<nvinfer1::INetworkDefinition> network(builder->createNetworkV2(1));
      const std::unique_ptr<nvonnxparser::IParser> parser(nvonnxparser::createParser(*network, logger));
      if (first) parser->setFlag(kOverride);
      const w::Message bytes = model(op, "tests");
      const bool plugin = first || std::strcmp(op, "Fields") == 0;
      EXPECT_TRUE(parser->parse(bytes.bytes.data(), bytes.bytes.size())) << logger.errors;
      const std::map<std::string, std::string> expected{
          {"h", "2 of 1"},  {"f", "9 of 2"},  {"d", "5 of 1"},
          {"i1", "4 of 2"}, {"i2", "4 of 2"}, {"i4", "4 of 2"},
          {"i8", "8 of 1"}, {"u", "ab"},      {"c", std::string("ab\0", 3)}};
      EXPECT_EQ(creator.given, plugin ? expected : (std::map<std::string, std::string>()));
      ASSERT_EQ(network->getNbLayers(), 1);
      EXPECT_EQ(network->getLayer(0)->getType() == nvinfer1::LayerType::kPLUGIN, plugin);
      const w::Message other = model(op, "nowhere");
      EXPECT_NE(parser->parse(other.bytes.data(), other.bytes.size()), std::strcmp(op, "Fields") == 0);
    }
    EXPECT_TRUE(getPluginRegistry()->deregisterCreator(creator));
  }
}

}  // namespace
}  // namespace vivace::tensorrt
