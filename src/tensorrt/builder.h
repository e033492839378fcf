// IBuilder.
#pragma once

#include <memory>

#include "tensorrt/build_plan.h"

namespace vivace::tensorrt {

class Builder final : public nvinfer1::IBuilder {
 public:
  /// @param narrow see CoreOptions
  Builder(nvinfer1::ILogger& logger, bool narrow) : errors_{&logger, nullptr}, own_config_(errors_), narrow_(narrow) {
    remember_logger(&logger);
  }
  ~Builder() noexcept override {
    errors_.record_to(nullptr);
    forget_logger(errors_.logger);
  }

  // The CPU computes f32 networks in f32, GPUs also in f16.
  bool platformHasFastFp16() const noexcept override;
  bool platformHasFastInt8() const noexcept override { return false; }
  bool platformHasTf32() const noexcept override { return false; }
  int32_t getMaxDLABatchSize() const noexcept override { return 0; }
  int32_t getNbDLACores() const noexcept override { return 0; }

  void setGpuAllocator(nvinfer1::IGpuAllocator* allocator) noexcept override { allocator_ = allocator; }
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override;
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return errors_.recorder; }
  nvinfer1::ILogger* getLogger() const noexcept override { return errors_.logger; }
  bool setMaxThreads(int32_t threads) noexcept override;
  int32_t getMaxThreads() const noexcept override;
  nvinfer1::IPluginRegistry& getPluginRegistry() noexcept override;
  void reset() noexcept override;

  nvinfer1::IBuilderConfig* createBuilderConfig() noexcept override;
  nvinfer1::INetworkDefinition* createNetworkV2(nvinfer1::NetworkDefinitionCreationFlags flags) noexcept override;
  nvinfer1::IOptimizationProfile* createOptimizationProfile() noexcept override;

  nvinfer1::IHostMemory* buildSerializedNetwork(nvinfer1::INetworkDefinition& network,
                                                nvinfer1::IBuilderConfig& config) noexcept override;
  nvinfer1::IHostMemory* buildSerializedNetwork(nvinfer1::INetworkDefinition& network, nvinfer1::IBuilderConfig& config,
                                                nvinfer1::IHostMemory*& kernel_text) noexcept override;
  bool buildSerializedNetworkToStream(nvinfer1::INetworkDefinition& network, nvinfer1::IBuilderConfig& config,
                                      nvinfer1::IStreamWriter& writer) noexcept override;
  nvinfer1::ICudaEngine* buildEngineWithConfig(nvinfer1::INetworkDefinition& network,
                                               nvinfer1::IBuilderConfig& config) noexcept override;
  bool isNetworkSupported(const nvinfer1::INetworkDefinition& network,
                          const nvinfer1::IBuilderConfig& config) const noexcept override;

  void setMaxBatchSize(int32_t batch) noexcept override;
  int32_t getMaxBatchSize() const noexcept override { return static_cast<int32_t>(options_.max_batch); }

  // Generation 7: a configuration of the builder's own.
  nvinfer1::INetworkDefinition* createNetwork() noexcept override { return createNetworkV2(0); }
  nvinfer1::ICudaEngine* buildCudaEngine(nvinfer1::INetworkDefinition& network) noexcept override {
    return buildEngineWithConfig(network, own_config_);
  }
  void setMaxWorkspaceSize(std::size_t bytes) noexcept override { own_config_.setMaxWorkspaceSize(bytes); }
  std::size_t getMaxWorkspaceSize() const noexcept override { return own_config_.getMaxWorkspaceSize(); }
  void setHalf2Mode(bool on) noexcept override { set(nvinfer1::BuilderFlag::kFP16, on); }
  bool getHalf2Mode() const noexcept override { return own_config_.has(nvinfer1::BuilderFlag::kFP16); }
  void setFp16Mode(bool on) noexcept override { set(nvinfer1::BuilderFlag::kFP16, on); }
  bool getFp16Mode() const noexcept override { return own_config_.has(nvinfer1::BuilderFlag::kFP16); }
  void setInt8Mode(bool on) noexcept override { set(nvinfer1::BuilderFlag::kINT8, on); }
  bool getInt8Mode() const noexcept override { return own_config_.has(nvinfer1::BuilderFlag::kINT8); }
  void setInt8Calibrator(nvinfer1::IInt8Calibrator* calibrator) noexcept override {
    own_config_.setInt8Calibrator(calibrator);
  }
  void setDebugSync(bool on) noexcept override { set(nvinfer1::BuilderFlag::kDEBUG, on); }
  bool getDebugSync() const noexcept override { return own_config_.has(nvinfer1::BuilderFlag::kDEBUG); }
  void setMinFindIterations(int32_t n) noexcept override { own_config_.setMinTimingIterations(n); }
  int32_t getMinFindIterations() const noexcept override { return own_config_.getMinTimingIterations(); }
  void setAverageFindIterations(int32_t n) noexcept override { own_config_.setAvgTimingIterations(n); }
  int32_t getAverageFindIterations() const noexcept override { return own_config_.getAvgTimingIterations(); }
  void setDeviceType(nvinfer1::ILayer* layer, nvinfer1::DeviceType type) noexcept override {
    own_config_.setDeviceType(layer, type);
  }
  nvinfer1::DeviceType getDeviceType(const nvinfer1::ILayer* layer) const noexcept override {
    return own_config_.getDeviceType(layer);
  }
  bool isDeviceTypeSet(const nvinfer1::ILayer* layer) const noexcept override {
    return own_config_.isDeviceTypeSet(layer);
  }
  void resetDeviceType(nvinfer1::ILayer* layer) noexcept override { own_config_.resetDeviceType(layer); }
  bool canRunOnDLA(const nvinfer1::ILayer* layer) const noexcept override { return own_config_.canRunOnDLA(layer); }
  void setDefaultDeviceType(nvinfer1::DeviceType type) noexcept override { own_config_.setDefaultDeviceType(type); }
  nvinfer1::DeviceType getDefaultDeviceType() const noexcept override { return own_config_.getDefaultDeviceType(); }
  void setDLACore(int32_t core) noexcept override { own_config_.setDLACore(core); }
  int32_t getDLACore() const noexcept override { return own_config_.getDLACore(); }
  void allowGPUFallback(bool on) noexcept override { set(nvinfer1::BuilderFlag::kGPU_FALLBACK, on); }
  void setRefittable(bool on) noexcept override { set(nvinfer1::BuilderFlag::kREFIT, on); }
  bool getRefittable() const noexcept override { return own_config_.has(nvinfer1::BuilderFlag::kREFIT); }
  void setStrictTypeConstraints(bool on) noexcept override { set(nvinfer1::BuilderFlag::kSTRICT_TYPES, on); }
  bool getStrictTypeConstraints() const noexcept override {
    return own_config_.has(nvinfer1::BuilderFlag::kSTRICT_TYPES);
  }
  void setEngineCapability(nvinfer1::EngineCapability capability) noexcept override {
    own_config_.setEngineCapability(capability);
  }
  nvinfer1::EngineCapability getEngineCapability() const noexcept override { return own_config_.getEngineCapability(); }
  void reset(nvinfer1::INetworkDefinition&) noexcept override { reset(); }

 private:
  void set(nvinfer1::BuilderFlag flag, bool on) { on ? own_config_.setFlag(flag) : own_config_.clearFlag(flag); }
  Result<std::vector<std::byte>> build(nvinfer1::INetworkDefinition& network, nvinfer1::IBuilderConfig& config);

  Errors errors_;
  BuildOptions options_;
  BuilderConfig own_config_;
  bool narrow_;
  nvinfer1::IGpuAllocator* allocator_ = nullptr;
  std::vector<std::unique_ptr<OptimizationProfile>> profiles_;  // clients never delete theirs
};

}  // namespace vivace::tensorrt
