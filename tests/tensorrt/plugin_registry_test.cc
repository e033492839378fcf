// Creators of plugins find their way into the registry and out of it.
#include "tensorrt/runtime_testing.h"

namespace vivace::tensorrt {
namespace {

class Creator : public nvinfer1::IPluginCreator {
 public:
  char const* getPluginName() const noexcept override { return "Thing"; }
  char const* getPluginVersion() const noexcept override { return "1"; }
  nvinfer1::PluginFieldCollection const* getFieldNames() noexcept override { return &fields; }
  nvinfer1::IPluginV2* createPlugin(char const*, nvinfer1::PluginFieldCollection const*) noexcept override {
    return nullptr;
  }
  nvinfer1::IPluginV2* deserializePlugin(char const*, void const*, size_t) noexcept override { return nullptr; }
  void setPluginNamespace(char const* name) noexcept override { space = name; }
  char const* getPluginNamespace() const noexcept override { return space.c_str(); }
  nvinfer1::PluginFieldCollection fields{0, nullptr};
  std::string space;
};

class CreatorV3 : public nvinfer1::IPluginCreatorV3One {
 public:
  char const* getPluginName() const noexcept override { return "Third"; }
  char const* getPluginVersion() const noexcept override { return "2"; }
  char const* getPluginNamespace() const noexcept override { return "mine"; }
  nvinfer1::PluginFieldCollection const* getFieldNames() noexcept override { return nullptr; }
  nvinfer1::IPluginV3* createPlugin(char const*, nvinfer1::PluginFieldCollection const*,
                                    nvinfer1::TensorRTPhase) noexcept override {
    return nullptr;
  }
};

class Registered : public Creator {
 public:
  char const* getPluginName() const noexcept override { return "Registered"; }
};
REGISTER_TENSORRT_PLUGIN(Registered);

TEST(PluginRegistry, FindsByNameVersionAndNamespace) {
  nvinfer1::IPluginRegistry& registry = *getPluginRegistry();
  Creator creator;
  CreatorV3 third;
  int32_t before = 0, after = 0;
  registry.getAllCreators(&before);
  ASSERT_TRUE(registry.registerCreator(creator, "space"));
  ASSERT_TRUE(registry.registerCreator(third, ""));
  EXPECT_FALSE(registry.registerCreator(creator, "space"));
  EXPECT_EQ(creator.space, "space");
  EXPECT_EQ(registry.getPluginCreator("Thing", "1", "space"), &creator);
  EXPECT_EQ(registry.getPluginCreator("Thing", "1"), nullptr);
  EXPECT_EQ(registry.getPluginCreator("Thing", "2", "space"), nullptr);
  EXPECT_EQ(registry.getPluginCreator("Third", "2", "mine"), nullptr);  // of another generation
  EXPECT_EQ(registry.getCreator("Third", "2", "mine"), &third);
  nvinfer1::IPluginCreatorInterface* const* all = registry.getAllCreators(&after);
  EXPECT_EQ(after, before + 2);
  EXPECT_EQ(all[after - 1], &third);
  EXPECT_TRUE(registry.deregisterCreator(creator));
  EXPECT_TRUE(registry.deregisterCreator(third));
  EXPECT_FALSE(registry.deregisterCreator(third));
  EXPECT_EQ(registry.getPluginCreator("Thing", "1", "space"), nullptr);
}

TEST(PluginRegistry, TheMacroRegisters) {
  nvinfer1::IPluginCreator* found = getPluginRegistry()->getPluginCreator("Registered", "1");
  ASSERT_NE(found, nullptr);
  EXPECT_STREQ(found->getPluginName(), "Registered");
}

TEST(PluginRegistry, SharesResources) {
  struct Resource : nvinfer1::IPluginResource {
    int32_t release() noexcept override { return 0; }
    IPluginResource* clone() noexcept override { return new Resource(*this); }
  } resource;
  nvinfer1::IPluginRegistry& registry = *getPluginRegistry();
  EXPECT_EQ(registry.acquirePluginResource("key", nullptr), nullptr);
  nvinfer1::IPluginResource* own = registry.acquirePluginResource("key", &resource);
  ASSERT_NE(own, nullptr);
  EXPECT_NE(own, &resource);
  EXPECT_EQ(registry.acquirePluginResource("key", &resource), own);
  EXPECT_EQ(registry.releasePluginResource("key"), 0);
  EXPECT_EQ(registry.releasePluginResource("key"), 0);
  EXPECT_EQ(registry.releasePluginResource("key"), -1);
}

TEST(PluginRegistry, ALibraryThatIsNoneIsAnError) {
  TestLogger logger;
  const std::unique_ptr<nvinfer1::IRuntime> runtime(nvinfer1::createInferRuntime(logger));
  EXPECT_EQ(runtime->getPluginRegistry().loadLibrary("/nowhere/libplugins.so"), nullptr);
  EXPECT_NE(logger.errors.find("/nowhere/libplugins.so"), std::string::npos) << logger.errors;
}

}  // namespace
}  // namespace vivace::tensorrt
