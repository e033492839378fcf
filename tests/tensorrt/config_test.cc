// Every setter of a configuration, and of the builder of generation 7, has its getter; what is set stays set.
#include <cstring>

#include "recording.h"

namespace vivace::tensorrt {
namespace {

using namespace nvinfer1;

template <class Interface>
class Calibrator final : public Interface {
 public:
  int32_t getBatchSize() const noexcept override { return 1; }
  bool getBatch(void*[], const char*[], int32_t) noexcept override { return false; }
  const void* readCalibrationCache(std::size_t& length) noexcept override { return length = 0, nullptr; }
  void writeCalibrationCache(const void*, std::size_t) noexcept override {}
};

class Selector final : public IAlgorithmSelector {
 public:
  int32_t selectAlgorithms(const IAlgorithmContext&, const IAlgorithm* const*, int32_t, int32_t*) noexcept override {
    return 0;
  }
  void reportAlgorithms(const IAlgorithmContext* const*, const IAlgorithm* const*, int32_t) noexcept override {}
};

class ConfigTest : public testing::Test {
 protected:
  Recording logger;
  std::unique_ptr<IBuilder> builder{createInferBuilder(logger)};
  std::unique_ptr<IBuilderConfig> config{builder->createBuilderConfig()};
  std::unique_ptr<INetworkDefinition> network{builder->createNetworkV2(1U)};

  ILayer* layer() {
    ITensor* x = network->addInput("x", DataType::kFLOAT, dims({2}));
    ILayer* made = network->addIdentity(*x);
    network->markOutput(*made->getOutput(0));
    return made;
  }
};

TEST_F(ConfigTest, NumbersAndEnumerations) {
  config->setAvgTimingIterations(4);
  EXPECT_EQ(config->getAvgTimingIterations(), 4);
  config->setMinTimingIterations(3);
  EXPECT_EQ(config->getMinTimingIterations(), 3);
  config->setEngineCapability(EngineCapability::kSAFETY);
  EXPECT_EQ(config->getEngineCapability(), EngineCapability::kSAFETY);
  config->setProfilingVerbosity(ProfilingVerbosity::kDETAILED);
  EXPECT_EQ(config->getProfilingVerbosity(), ProfilingVerbosity::kDETAILED);
  config->setHardwareCompatibilityLevel(HardwareCompatibilityLevel::kAMPERE_PLUS);
  EXPECT_EQ(config->getHardwareCompatibilityLevel(), HardwareCompatibilityLevel::kAMPERE_PLUS);
  config->setRuntimePlatform(RuntimePlatform::kWINDOWS_AMD64);
  EXPECT_EQ(config->getRuntimePlatform(), RuntimePlatform::kWINDOWS_AMD64);
  EXPECT_TRUE(config->setTilingOptimizationLevel(TilingOptimizationLevel::kFULL));
  EXPECT_EQ(config->getTilingOptimizationLevel(), TilingOptimizationLevel::kFULL);
  EXPECT_TRUE(config->setL2LimitForTiling(4096));
  EXPECT_EQ(config->getL2LimitForTiling(), 4096);
  EXPECT_TRUE(config->setMaxAuxStreams(2));
  EXPECT_EQ(config->getMaxAuxStreams(), 2);
  config->setMaxNbTactics(7);
  EXPECT_EQ(config->getMaxNbTactics(), 7);
  config->setBuilderOptimizationLevel(5);
  config->setBuilderOptimizationLevel(-1);  // refused
  EXPECT_EQ(config->getBuilderOptimizationLevel(), 5);
  EXPECT_TRUE(config->setTacticSources(1U << static_cast<uint32_t>(TacticSource::kCUDNN)));
  EXPECT_EQ(config->getTacticSources(), 4u);
  config->setDLACore(1);
  EXPECT_EQ(config->getDLACore(), 1);
  config->setQuantizationFlags(1u);
  EXPECT_TRUE(config->getQuantizationFlag(QuantizationFlag::kCALIBRATE_BEFORE_FUSION));
  config->clearQuantizationFlag(QuantizationFlag::kCALIBRATE_BEFORE_FUSION);
  EXPECT_EQ(config->getQuantizationFlags(), 0u);
  config->setQuantizationFlag(QuantizationFlag::kCALIBRATE_BEFORE_FUSION);
  EXPECT_EQ(config->getQuantizationFlags(), 1u);
  config->setFlags(5u);
  EXPECT_EQ(config->getFlags(), 5u);
}

TEST_F(ConfigTest, Texts) {
  EXPECT_TRUE(config->setRemoteAutoTuningConfig("host:1"));
  EXPECT_STREQ(config->getRemoteAutoTuningConfig(), "host:1");
  EXPECT_STREQ(config->getAllBuildRoutes(), "");
  EXPECT_FALSE(config->setBuildRoute("elsewhere"));
  EXPECT_TRUE(config->setBuildRoute(""));
  EXPECT_STREQ(config->getBuildRoute(), "");
}

TEST_F(ConfigTest, ObjectsOfTheClient) {
  Calibrator<IInt8EntropyCalibrator2> calibrator;
  EXPECT_EQ(calibrator.getAlgorithm(), CalibrationAlgoType::kENTROPY_CALIBRATION_2);
  EXPECT_EQ(Calibrator<IInt8EntropyCalibrator>().getAlgorithm(), CalibrationAlgoType::kENTROPY_CALIBRATION);
  EXPECT_EQ(Calibrator<IInt8MinMaxCalibrator>().getAlgorithm(), CalibrationAlgoType::kMINMAX_CALIBRATION);
  config->setInt8Calibrator(&calibrator);
  EXPECT_EQ(config->getInt8Calibrator(), &calibrator);
  Selector selector;
  config->setAlgorithmSelector(&selector);
  EXPECT_EQ(config->getAlgorithmSelector(), &selector);
  EXPECT_EQ(config->getProgressMonitor(), nullptr);
  int stream = 0;
  config->setProfileStream(reinterpret_cast<cudaStream_t>(&stream));
  EXPECT_EQ(config->getProfileStream(), reinterpret_cast<cudaStream_t>(&stream));
  IOptimizationProfile* profile = builder->createOptimizationProfile();
  EXPECT_TRUE(config->setCalibrationProfile(profile));
  EXPECT_EQ(config->getCalibrationProfile(), profile);
  profile->setDimensions("x", OptProfileSelector::kMIN, dims({1}));  // and no more: not valid
  EXPECT_FALSE(config->setCalibrationProfile(profile));
}

TEST_F(ConfigTest, DevicesOfLayers) {
  ILayer* identity = layer();
  EXPECT_FALSE(config->isDeviceTypeSet(identity));
  EXPECT_EQ(config->getDeviceType(identity), DeviceType::kGPU);
  config->setDefaultDeviceType(DeviceType::kDLA);
  EXPECT_EQ(config->getDefaultDeviceType(), DeviceType::kDLA);
  EXPECT_EQ(config->getDeviceType(identity), DeviceType::kDLA);
  config->setDeviceType(identity, DeviceType::kGPU);
  EXPECT_TRUE(config->isDeviceTypeSet(identity));
  EXPECT_EQ(config->getDeviceType(identity), DeviceType::kGPU);
  config->resetDeviceType(identity);
  EXPECT_FALSE(config->isDeviceTypeSet(identity));
  EXPECT_FALSE(config->canRunOnDLA(identity));
  config->setDeviceType(nullptr, DeviceType::kGPU);
  EXPECT_FALSE(logger.errors().empty());
}

TEST_F(ConfigTest, TheBuilderOfGeneration7) {
  ILayer* identity = layer();
  builder->setHalf2Mode(true);
  EXPECT_TRUE(builder->getHalf2Mode());
  builder->setDebugSync(true);
  EXPECT_TRUE(builder->getDebugSync());
  builder->setMinFindIterations(2);
  EXPECT_EQ(builder->getMinFindIterations(), 2);
  builder->setAverageFindIterations(3);
  EXPECT_EQ(builder->getAverageFindIterations(), 3);
  builder->setDefaultDeviceType(DeviceType::kGPU);
  EXPECT_EQ(builder->getDefaultDeviceType(), DeviceType::kGPU);
  builder->setDeviceType(identity, DeviceType::kDLA);
  EXPECT_TRUE(builder->isDeviceTypeSet(identity));
  EXPECT_EQ(builder->getDeviceType(identity), DeviceType::kDLA);
  builder->resetDeviceType(identity);
  EXPECT_FALSE(builder->isDeviceTypeSet(identity));
  EXPECT_FALSE(builder->canRunOnDLA(identity));
  builder->setDLACore(0);
  EXPECT_EQ(builder->getDLACore(), 0);
  EXPECT_EQ(builder->getMaxDLABatchSize(), 0);
  builder->allowGPUFallback(true);
  builder->setRefittable(true);
  EXPECT_TRUE(builder->getRefittable());
  builder->setStrictTypeConstraints(true);
  EXPECT_TRUE(builder->getStrictTypeConstraints());
  builder->setEngineCapability(EngineCapability::kSTANDARD);
  EXPECT_EQ(builder->getEngineCapability(), EngineCapability::kSTANDARD);
  Calibrator<IInt8EntropyCalibrator2> calibrator;
  builder->setInt8Calibrator(&calibrator);
  EXPECT_FALSE(builder->platformHasFastFp16());
  EXPECT_FALSE(builder->platformHasFastInt8());
  EXPECT_FALSE(builder->platformHasTf32());
  builder->setGpuAllocator(nullptr);
  EXPECT_EQ(&builder->getPluginRegistry(), getPluginRegistry());
  builder->reset(*network);
  EXPECT_FALSE(builder->getRefittable());
  const std::unique_ptr<INetworkDefinition> implicit(builder->createNetwork());
  EXPECT_TRUE(implicit->hasImplicitBatchDimension());
}

}  // namespace
}  // namespace vivace::tensorrt
