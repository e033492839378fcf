// ICudaEngine.
#pragma once

#include <algorithm>
#include <map>

#include "tensorrt/core.h"

namespace vivace::tensorrt {

class SerializationConfig final : public nvinfer1::ISerializationConfig {
 public:
  bool setFlags(nvinfer1::SerializationFlags flags) noexcept override { return flags_ = flags, true; }
  nvinfer1::SerializationFlags getFlags() const noexcept override { return flags_; }
  bool clearFlag(nvinfer1::SerializationFlag flag) noexcept override { return flags_ &= ~bit(flag), true; }
  bool setFlag(nvinfer1::SerializationFlag flag) noexcept override { return flags_ |= bit(flag), true; }
  bool getFlag(nvinfer1::SerializationFlag flag) const noexcept override { return (flags_ & bit(flag)) != 0; }

 private:
  static uint32_t bit(nvinfer1::SerializationFlag flag) { return 1U << static_cast<uint32_t>(flag); }
  nvinfer1::SerializationFlags flags_ = 0;
};

class RuntimeConfig final : public nvinfer1::IRuntimeConfig {
 public:
  using Strategy = nvinfer1::ExecutionContextAllocationStrategy;
  void setExecutionContextAllocationStrategy(Strategy strategy) noexcept override { strategy_ = strategy; }
  Strategy getExecutionContextAllocationStrategy() const noexcept override { return strategy_; }

 private:
  Strategy strategy_ = Strategy::kSTATIC;
};

class Engine final : public nvinfer1::ICudaEngine {
 public:
  using Dims = nvinfer1::Dims;
  using DataType = nvinfer1::DataType;
  using Selector = nvinfer1::OptProfileSelector;

  Engine(std::shared_ptr<Core> core, const Errors& errors) : core_(std::move(core)), errors_{errors.logger, nullptr} {
    errors_.record_to(errors.recorder);
  }
  ~Engine() noexcept override { errors_.record_to(nullptr); }

  const std::shared_ptr<Core>& core() const { return core_; }
  const Errors& errors() const { return errors_; }
  /// The slot that a binding index means, and the profile; nullptr, reported, where it is out of range.
  const Slot* binding(int32_t index, int32_t* profile = nullptr) const;
  const Slot* slot(char const* name) const;  // nullptr, reported, where there is none
  bool profile_exists(int32_t index) const;  // false, reported, where there is none
  /// The layout of a slot's memory; kLINEAR where there is no slot.
  nvinfer1::TensorFormat format(const Slot* slot) const;
  /// An input's shape at one end of a profile, as clients see it; empty where the slot is no input.
  std::optional<Shape> profile_shape(const Slot& slot, int32_t profile, Selector select) const;
  static constexpr int32_t kAllProfiles = -1;
  /// Bytes that runs of a profile need beside weights, at its largest shapes (the optimum where those have no limit).
  Result<std::size_t> memory_needed(int32_t profile) const;

  Dims getTensorShape(char const* name) const noexcept override;
  DataType getTensorDataType(char const* name) const noexcept override;
  int32_t getNbLayers() const noexcept override;
  nvinfer1::IHostMemory* serialize() const noexcept override;
  nvinfer1::IExecutionContext* createExecutionContext(
      nvinfer1::ExecutionContextAllocationStrategy strategy) noexcept override;
  nvinfer1::IExecutionContext* createExecutionContext(nvinfer1::IRuntimeConfig* config) noexcept override;
  nvinfer1::IExecutionContext* createExecutionContextWithoutDeviceMemory() noexcept override;
  nvinfer1::IRuntimeConfig* createRuntimeConfig() noexcept override;
  nvinfer1::TensorLocation getTensorLocation(char const* name) const noexcept override;
  bool isShapeInferenceIO(char const* name) const noexcept override;
  nvinfer1::TensorIOMode getTensorIOMode(char const* name) const noexcept override;
  char const* getAliasedInputTensor(char const* name) const noexcept override;
  std::size_t getDeviceMemorySize() const noexcept override;
  std::size_t getDeviceMemorySizeForProfile(int32_t profile) const noexcept override;
  int64_t getDeviceMemorySizeV2() const noexcept override {
    return static_cast<int64_t>(getDeviceMemorySize()) + getWeightStreamingScratchMemorySize();
  }
  int64_t getDeviceMemorySizeForProfileV2(int32_t profile) const noexcept override {
    return static_cast<int64_t>(getDeviceMemorySizeForProfile(profile)) + getWeightStreamingScratchMemorySize();
  }
  bool isRefittable() const noexcept override { return core_->metadata().refittable; }
  int32_t getTensorBytesPerComponent(char const* name) const noexcept override;
  int32_t getTensorBytesPerComponent(char const* name, int32_t) const noexcept override {
    return getTensorBytesPerComponent(name);
  }
  // Tensors are linear: one component an element, no vectorized dimension.
  int32_t getTensorComponentsPerElement(char const* name) const noexcept override { return components(slot(name)); }
  int32_t getTensorComponentsPerElement(char const* name, int32_t) const noexcept override {
    return getTensorComponentsPerElement(name);
  }
  nvinfer1::TensorFormat getTensorFormat(char const* name) const noexcept override { return format(slot(name)); }
  nvinfer1::TensorFormat getTensorFormat(char const* name, int32_t) const noexcept override {
    return getTensorFormat(name);
  }
  char const* getTensorFormatDesc(char const* name) const noexcept override;
  char const* getTensorFormatDesc(char const* name, int32_t) const noexcept override {
    return getTensorFormatDesc(name);
  }
  int32_t getTensorVectorizedDim(char const* name) const noexcept override { return vectorized(slot(name)); }
  int32_t getTensorVectorizedDim(char const* name, int32_t) const noexcept override {
    return getTensorVectorizedDim(name);
  }
  char const* getName() const noexcept override { return core_->metadata().name.c_str(); }
  int32_t getNbOptimizationProfiles() const noexcept override {
    return static_cast<int32_t>(core_->metadata().profiles.size());
  }
  Dims getProfileShape(char const* name, int32_t profile, Selector select) const noexcept override;
  int32_t const* getProfileTensorValues(char const* name, int32_t profile, Selector select) const noexcept override;
  int64_t const* getProfileTensorValuesV2(char const* name, int32_t profile, Selector select) const noexcept override;
  nvinfer1::EngineCapability getEngineCapability() const noexcept override {
    return static_cast<nvinfer1::EngineCapability>(core_->metadata().engine_capability);
  }
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { errors_.record_to(recorder); }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return errors_.recorder; }
  bool hasImplicitBatchDimension() const noexcept override { return core_->metadata().implicit_batch; }
  nvinfer1::TacticSources getTacticSources() const noexcept override;
  nvinfer1::ProfilingVerbosity getProfilingVerbosity() const noexcept override {
    return static_cast<nvinfer1::ProfilingVerbosity>(core_->metadata().profiling_verbosity);
  }
  nvinfer1::IEngineInspector* createEngineInspector() const noexcept override;
  int32_t getNbIOTensors() const noexcept override { return static_cast<int32_t>(core_->slots().size()); }
  char const* getIOTensorName(int32_t index) const noexcept override;
  nvinfer1::HardwareCompatibilityLevel getHardwareCompatibilityLevel() const noexcept override {
    return static_cast<nvinfer1::HardwareCompatibilityLevel>(core_->metadata().hardware_compatibility);
  }
  int32_t getNbAuxStreams() const noexcept override { return 0; }
  nvinfer1::ISerializationConfig* createSerializationConfig() noexcept override;
  nvinfer1::IHostMemory* serializeWithConfig(nvinfer1::ISerializationConfig& config) const noexcept override;
  bool setWeightStreamingBudget(int64_t bytes) noexcept override;
  int64_t getWeightStreamingBudget() const noexcept override { return std::max<int64_t>(core_->weight_budget, 0); }
  int64_t getMinimumWeightStreamingBudget() const noexcept override;
  int64_t getStreamableWeightsSize() const noexcept override;
  bool setWeightStreamingBudgetV2(int64_t bytes) noexcept override;
  int64_t getWeightStreamingBudgetV2() const noexcept override;
  // All weights fit where they are: in host memory.
  int64_t getWeightStreamingAutomaticBudget() const noexcept override { return getStreamableWeightsSize(); }
  int64_t getWeightStreamingScratchMemorySize() const noexcept override {
    return core_->weight_budget < 0 ? 0 : getMinimumWeightStreamingBudget();
  }
  bool isDebugTensor(char const* name) const noexcept override;
  int64_t getEngineStat(nvinfer1::EngineStat stat) const noexcept override;

  int32_t getNbBindings() const noexcept override { return getNbIOTensors() * getNbOptimizationProfiles(); }
  int32_t getBindingIndex(char const* name) const noexcept override;
  char const* getBindingName(int32_t index) const noexcept override;
  bool bindingIsInput(int32_t index) const noexcept override;
  Dims getBindingDimensions(int32_t index) const noexcept override;
  DataType getBindingDataType(int32_t index) const noexcept override;
  int32_t getMaxBatchSize() const noexcept override;
  std::size_t getWorkspaceSize() const noexcept override { return getDeviceMemorySize(); }
  nvinfer1::TensorLocation getLocation(int32_t index) const noexcept override;
  int32_t getBindingBytesPerComponent(int32_t index) const noexcept override;
  int32_t getBindingComponentsPerElement(int32_t index) const noexcept override { return components(binding(index)); }
  nvinfer1::TensorFormat getBindingFormat(int32_t index) const noexcept override { return format(binding(index)); }
  char const* getBindingFormatDesc(int32_t index) const noexcept override;
  int32_t getBindingVectorizedDim(int32_t index) const noexcept override { return vectorized(binding(index)); }
  Dims getProfileDimensions(int32_t index, int32_t profile, Selector select) const noexcept override;
  int32_t const* getProfileShapeValues(int32_t profile, int32_t index, Selector select) const noexcept override;
  bool isShapeBinding(int32_t index) const noexcept override;
  bool isExecutionBinding(int32_t index) const noexcept override;

 private:
  int32_t components(const Slot* slot) const;
  int32_t vectorized(const Slot* slot) const;
  nvinfer1::IHostMemory* serialized(bool with_weights, bool refittable) const noexcept;
  Status check_streaming() const;
  const Shape* profile_values(char const* name, int32_t profile, Selector select) const;

  std::shared_ptr<Core> core_;
  Errors errors_;
  mutable std::mutex mutex_;                                     // guards what follows
  mutable std::map<std::string, std::string> texts_;             // names of later profiles' bindings, by themselves
  mutable std::map<const Shape*, std::vector<int32_t>> narrow_;  // profile values in 32 bits
  mutable std::map<std::pair<uint64_t, int32_t>, std::size_t> memory_;  // needed, by generation and profile
};

}  // namespace vivace::tensorrt
