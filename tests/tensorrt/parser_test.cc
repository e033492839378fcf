#include <filesystem>
#include <fstream>

#include "NvCaffeParser.h"
#include "NvOnnxParser.h"
#include "NvUffParser.h"
#include "onnx/model_writer.h"
#include "recording.h"

namespace vivace::tensorrt {
namespace {

using namespace nvinfer1;
using onnx::test::Message;
using Severity = ILogger::Severity;

constexpr uint32_t kExplicit = 1U << static_cast<uint32_t>(NetworkDefinitionCreationFlag::kEXPLICIT_BATCH);

// y = relu(x + w)
Message add_relu(const Message& w) {
  return onnx::test::model(onnx::test::graph(
      {onnx::test::node("Add", {"x", "w"}, {"sum"}, {}, "add"), onnx::test::node("Relu", {"sum"}, {"y"}, {}, "relu")},
      {onnx::test::value("x", DType::f32, {"2", "3"})}, {onnx::test::value("y", DType::f32, {"2", "3"})}, {w}));
}
Message ones() { return onnx::test::tensor<float>("w", {3}, {1, 1, 1}); }

// w is in a file of its own.
Message external() {
  Message w = onnx::test::tensor_of("w", DType::f32, {3});
  w.add(13, Message().text(1, "location").text(2, "parser_test.weights"));
  return w.number(14, 1);
}

class ParserTest : public testing::Test {
 protected:
  Recording logger;
  std::unique_ptr<IBuilder> builder{createInferBuilder(logger)};
  std::unique_ptr<IBuilderConfig> config{builder->createBuilderConfig()};
  std::unique_ptr<INetworkDefinition> network{builder->createNetworkV2(kExplicit)};
  std::unique_ptr<nvonnxparser::IParser> parser{nvonnxparser::createParser(*network, logger)};

  bool parse(const Message& m, const char* path = nullptr) {
    return parser->parse(m.bytes.data(), m.bytes.size(), path);
  }
  std::vector<float> result() {
    const std::unique_ptr<IHostMemory> memory(builder->buildSerializedNetwork(*network, *config));
    EXPECT_TRUE(memory) << logger.errors();
    return memory ? run(*memory, {2, 3}, {-1, 2, -3, 4, -5, 6}) : std::vector<float>();
  }
};

TEST_F(ParserTest, AModelBecomesLayers) {
  ASSERT_TRUE(parse(add_relu(ones()))) << logger.errors();
  EXPECT_EQ(parser->getNbErrors(), 0);
  ASSERT_EQ(network->getNbInputs(), 1);
  EXPECT_STREQ(network->getInput(0)->getName(), "x");
  EXPECT_EQ(sizes(network->getInput(0)->getDimensions()), (Shape{2, 3}));
  ASSERT_EQ(network->getNbOutputs(), 1);
  EXPECT_STREQ(network->getOutput(0)->getName(), "y");
  EXPECT_EQ(parser->getLayerOutputTensor("relu", 0), network->getOutput(0));
  EXPECT_EQ(parser->getLayerOutputTensor("relu", 1), nullptr);
  EXPECT_EQ(parser->getLayerOutputTensor("elu", 0), nullptr);
  EXPECT_EQ(result(), (std::vector<float>{0, 3, 0, 5, 0, 7}));
}

TEST_F(ParserTest, ModelsFromFilesWithExternalData) {
  const std::string path = testing::TempDir() + "parser_test.onnx";
  std::ofstream(path, std::ios::binary) << add_relu(external()).bytes;
  std::filesystem::remove(testing::TempDir() + "parser_test.weights");  // of another test
  EXPECT_FALSE(parser->parseFromFile(path.c_str(), 2));
  ASSERT_EQ(parser->getNbErrors(), 1);
  EXPECT_NE(std::string(parser->getError(0)->desc()).find("parser_test.weights"), std::string::npos);
  parser->clearErrors();
  EXPECT_EQ(parser->getNbErrors(), 0);
  std::ofstream(testing::TempDir() + "parser_test.weights", std::ios::binary)
      << onnx::test::raw(std::vector<float>{2, 2, 2});
  ASSERT_TRUE(parser->parseFromFile(path.c_str(), 2)) << logger.errors();
  EXPECT_EQ(result(), (std::vector<float>{1, 4, 0, 6, 0, 8}));
}

TEST_F(ParserTest, ExternalDataBesideAModelInMemory) {
  std::ofstream(testing::TempDir() + "parser_test.weights", std::ios::binary)
      << onnx::test::raw(std::vector<float>{3, 3, 3});
  EXPECT_FALSE(parse(add_relu(external())));
  ASSERT_TRUE(parse(add_relu(external()), (testing::TempDir() + "any.onnx").c_str())) << logger.errors();
  EXPECT_EQ(result(), (std::vector<float>{2, 5, 0, 7, 0, 9}));
}

TEST_F(ParserTest, WeightsMayBeGivenApart) {
  const Message m = add_relu(external());
  const float w[] = {4, 4, 4};
  EXPECT_FALSE(parser->loadInitializer("w", w, sizeof w));
  EXPECT_FALSE(parser->parseModelProto());
  ASSERT_TRUE(parser->loadModelProto(m.bytes.data(), m.bytes.size()));
  ASSERT_TRUE(parser->loadInitializer("w", w, sizeof w));
  ASSERT_TRUE(parser->parseModelProto()) << logger.errors();
  EXPECT_EQ(result(), (std::vector<float>{3, 6, 1, 8, 0, 10}));
}

TEST_F(ParserTest, ErrorsNameTheNode) {
  const Message m = onnx::test::model(onnx::test::graph(
      {onnx::test::node("Relu", {"x"}, {"a"}, {}, "fine"), onnx::test::node("Frobnicate", {"a"}, {"b"}, {}, "odd"),
       onnx::test::node("Relu", {"b"}, {"y"}, {}, "last")},
      {onnx::test::value("x", DType::f32, {"2"})}, {onnx::test::value("y", DType::f32, {"2"})}));
  EXPECT_FALSE(parse(m));
  ASSERT_EQ(parser->getNbErrors(), 1);
  const nvonnxparser::IParserError* error = parser->getError(0);
  EXPECT_EQ(error->code(), nvonnxparser::ErrorCode::kUNSUPPORTED_NODE);
  EXPECT_EQ(error->node(), 1);
  EXPECT_STREQ(error->nodeName(), "odd");
  EXPECT_STREQ(error->nodeOperator(), "Frobnicate");
  EXPECT_STREQ(error->file(), "");  // where in the library an error arose is told nowhere
  EXPECT_STREQ(error->func(), "");
  EXPECT_EQ(error->line(), 0);
  EXPECT_EQ(error->localFunctionStackSize(), 0);  // functions are inlined: no error is inside one
  EXPECT_EQ(error->localFunctionStack(), nullptr);
  EXPECT_NE(std::string(error->desc()).find("Frobnicate"), std::string::npos);
  EXPECT_EQ(parser->getError(1), nullptr);
  EXPECT_EQ(parser->getError(-1), nullptr);
  EXPECT_TRUE(logger.has(Severity::kERROR, "Frobnicate"));

  EXPECT_FALSE(parser->supportsModelV2(m.bytes.data(), m.bytes.size()));
  ASSERT_EQ(parser->getNbSubgraphs(), 3);
  EXPECT_TRUE(parser->isSubgraphSupported(0));
  EXPECT_FALSE(parser->isSubgraphSupported(1));
  EXPECT_FALSE(parser->isSubgraphSupported(3));
  int64_t length = 0;
  const int64_t* nodes = parser->getSubgraphNodes(2, length);
  ASSERT_EQ(length, 1);
  EXPECT_EQ(nodes[0], 2);
  SubGraphCollection_t collection;
  EXPECT_FALSE(parser->supportsModel(m.bytes.data(), m.bytes.size(), collection));
  ASSERT_EQ(collection.size(), 3u);
  EXPECT_EQ(collection[0].first, std::vector<size_t>{0});
}

TEST_F(ParserTest, ANodeThatContradictsItself) {
  EXPECT_FALSE(parse(add_relu(onnx::test::tensor<float>("w", {4}, {1, 1, 1, 1}))));
  ASSERT_EQ(parser->getNbErrors(), 1);
  EXPECT_EQ(parser->getError(0)->code(), nvonnxparser::ErrorCode::kINVALID_NODE);
  EXPECT_EQ(parser->getError(0)->node(), 0);
  EXPECT_STREQ(parser->getError(0)->nodeName(), "add");
}

TEST_F(ParserTest, BytesThatAreNoModel) {
  EXPECT_FALSE(parser->parse("rubbish", 7, nullptr));
  ASSERT_GE(parser->getNbErrors(), 1);
  EXPECT_EQ(parser->getError(0)->code(), nvonnxparser::ErrorCode::kMODEL_DESERIALIZE_FAILED);
  EXPECT_EQ(parser->getError(0)->node(), -1);
  EXPECT_FALSE(parser->parse(nullptr, 7, nullptr));
  EXPECT_FALSE(parser->parseFromFile(nullptr, 0));
  EXPECT_FALSE(parser->parseFromFile("/nowhere/model.onnx", 0));
}

TEST_F(ParserTest, ErrorsHaveTheCodeOfTheirKind) {
  using nvonnxparser::ErrorCode;
  const auto code_of = [&](const Message& m) {
    parser->clearErrors();
    EXPECT_FALSE(parse(m));
    return parser->getNbErrors() > 0 ? parser->getError(0)->code() : ErrorCode::kSUCCESS;
  };
  using namespace onnx::test;
  const auto x = value("x", DType::f32, {"2"}), y = value("y", DType::f32, {"2"});
  // A node that takes what nobody makes, and one that says what makes no sense.
  EXPECT_EQ(code_of(model(graph({node("Relu", {"nobody"}, {"y"}, {}, "n")}, {x}, {y}))), ErrorCode::kINVALID_NODE);
  EXPECT_EQ(code_of(model(graph({node("Relu", {"x"}, {"z"}, {}, "n")}, {x}, {y}))), ErrorCode::kINVALID_GRAPH);
  EXPECT_EQ(code_of(model(graph({node("Frobnicate", {"x"}, {"y"}, {}, "n")}, {x}, {y}))), ErrorCode::kUNSUPPORTED_NODE);
  parser->clearErrors();
  EXPECT_EQ(parser->getNbErrors(), 0);
}

TEST_F(ParserTest, OtherWaysToParse) {
  EXPECT_TRUE(parser->setBuilderConfig(config.get()));
  EXPECT_FALSE(parser->setBuilderConfig(nullptr));
  EXPECT_EQ(parser->getRefitMap(nullptr, nullptr, nullptr), 0);
  const Message m = add_relu(ones());
  ASSERT_TRUE(parser->parseWithWeightDescriptors(m.bytes.data(), m.bytes.size())) << logger.errors();
  EXPECT_EQ(result(), (std::vector<float>{0, 3, 0, 5, 0, 7}));
  nvonnxparser::IParser* const old = nvonnxparser::createParser(*network, logger);
  ASSERT_NE(old, nullptr);
  old->setFlags(1U << static_cast<int32_t>(nvonnxparser::OnnxParserFlag::kNATIVE_INSTANCENORM));
  EXPECT_TRUE(old->getFlag(nvonnxparser::OnnxParserFlag::kNATIVE_INSTANCENORM));
  old->destroy();  // as programs of generation 7 do: the sanitizers see that it is gone
}

TEST_F(ParserTest, WhatIsSupported) {
  const Message m = add_relu(ones());
  EXPECT_TRUE(parser->supportsModelV2(m.bytes.data(), m.bytes.size()));
  ASSERT_EQ(parser->getNbSubgraphs(), 1);
  int64_t length = 0;
  ASSERT_NE(parser->getSubgraphNodes(0, length), nullptr);
  EXPECT_EQ(length, 2);
  EXPECT_EQ(network->getNbLayers(), 0);  // only asked
  EXPECT_TRUE(parser->supportsOperator("Conv"));
  EXPECT_TRUE(parser->supportsOperator("Constant"));
  EXPECT_FALSE(parser->supportsOperator("Frobnicate"));
  EXPECT_FALSE(parser->supportsOperator(nullptr));
}

TEST_F(ParserTest, Flags) {
  using nvonnxparser::OnnxParserFlag;
  EXPECT_FALSE(parser->getFlag(OnnxParserFlag::kNATIVE_INSTANCENORM));
  parser->setFlag(OnnxParserFlag::kNATIVE_INSTANCENORM);
  EXPECT_EQ(parser->getFlags(), 1u);
  parser->clearFlag(OnnxParserFlag::kNATIVE_INSTANCENORM);
  EXPECT_EQ(parser->getFlags(), 0u);
  int64_t libraries = 5;
  EXPECT_EQ(parser->getUsedVCPluginLibraries(libraries), nullptr);
  EXPECT_EQ(libraries, 0);
  EXPECT_EQ(getNvOnnxParserVersion(), NV_ONNX_PARSER_VERSION);
}

TEST_F(ParserTest, AnEngineTakesTheWeightsOfAnotherModel) {
  ASSERT_TRUE(parse(add_relu(ones()))) << logger.errors();
  config->setFlag(BuilderFlag::kREFIT);
  const std::unique_ptr<ICudaEngine> engine(builder->buildEngineWithConfig(*network, *config));
  ASSERT_TRUE(engine) << logger.errors();
  ASSERT_TRUE(engine->isRefittable());
  const std::unique_ptr<IRefitter> refitter(createInferRefitter(*engine, logger));
  ASSERT_TRUE(refitter) << logger.errors();
  const std::unique_ptr<nvonnxparser::IParserRefitter> models(nvonnxparser::createParserRefitter(*refitter, logger));
  ASSERT_TRUE(models);
  const Message twos = add_relu(onnx::test::tensor<float>("w", {3}, {2, 2, 2}));
  ASSERT_TRUE(models->refitFromBytes(twos.bytes.data(), twos.bytes.size())) << logger.errors();
  ASSERT_TRUE(refitter->refitCudaEngine()) << logger.errors();
  const std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  float x[] = {-1, 2, -3, 4, -5, 6}, y[6] = {};
  void* bindings[] = {x, y};
  ASSERT_TRUE(context->executeV2(bindings));
  EXPECT_EQ(std::vector<float>(y, y + 6), (std::vector<float>{1, 4, 0, 6, 0, 8}));
  EXPECT_FALSE(models->refitFromFile("/nowhere/model.onnx"));
  EXPECT_EQ(models->getNbErrors(), 1);
}

TEST_F(ParserTest, OtherFormatsAreRefusedWithTheWayOut) {
  const std::unique_ptr<nvcaffeparser1::ICaffeParser> caffe(nvcaffeparser1::createCaffeParser());
  ASSERT_TRUE(caffe);
  EXPECT_EQ(caffe->parse("a.prototxt", "a.caffemodel", *network, DataType::kFLOAT), nullptr);
  EXPECT_TRUE(logger.has(Severity::kERROR, "ONNX"));
  const std::unique_ptr<nvuffparser::IUffParser> uff(nvuffparser::createUffParser());
  ASSERT_TRUE(uff);
  EXPECT_FALSE(uff->parse("a.uff", *network, DataType::kFLOAT));
  EXPECT_TRUE(logger.has(Severity::kERROR, "tf2onnx"));

  // A program may say all it has to say before; only the parsing is refused.
  class Factory final : public nvcaffeparser1::IPluginFactoryExt {
   public:
    bool isPlugin(const char*) noexcept override { return false; }
    bool isPluginExt(const char*) noexcept override { return false; }
    IPlugin* createPlugin(const char*, const Weights*, int32_t) noexcept override { return nullptr; }
  } factory;
  caffe->setPluginFactoryExt(&factory);
  nvcaffeparser1::IBinaryProtoBlob* const mean = caffe->parseBinaryProto("mean.binaryproto");
  EXPECT_EQ(mean ? mean->getData() : nullptr, nullptr);
  for (const auto order : {nvuffparser::UffInputOrder::kNCHW, nvuffparser::UffInputOrder::kNHWC})
    EXPECT_TRUE(uff->registerInput("x", Dims3{3, 4, 5}, order));
  EXPECT_TRUE(uff->registerOutput("y"));
  EXPECT_FALSE(uff->parseBuffer("bytes", 5, *network, DataType::kFLOAT));
}

}  // namespace
}  // namespace vivace::tensorrt
