// IRefitter: new weights for an engine that was built to take them.
#pragma once

#include <map>

#include "tensorrt/core.h"

namespace vivace::tensorrt {

class Refitter final : public nvinfer1::IRefitter {
 public:
  using Weights = nvinfer1::Weights;
  using Role = nvinfer1::WeightsRole;

  Refitter(std::shared_ptr<Core> core, const Errors& errors);
  ~Refitter() noexcept override { errors_.record_to(nullptr); }

  bool setWeights(char const* layer, Role role, Weights weights) noexcept override;
  bool setNamedWeights(char const* name, Weights weights) noexcept override;
  bool setNamedWeights(char const* name, Weights weights, nvinfer1::TensorLocation) noexcept override {
    return setNamedWeights(name, weights);  // wherever they are
  }
  bool unsetNamedWeights(char const* name) noexcept override;
  bool refitCudaEngine() noexcept override;
  bool refitCudaEngineAsync(cudaStream_t) noexcept override { return refitCudaEngine(); }
  int32_t getAll(int32_t size, char const** layers, Role* roles) noexcept override {
    return list(false, size, nullptr, layers, roles);
  }
  int32_t getMissing(int32_t size, char const** layers, Role* roles) noexcept override {
    return list(true, size, nullptr, layers, roles);
  }
  int32_t getAllWeights(int32_t size, char const** names) noexcept override {
    return list(false, size, names, nullptr, nullptr);
  }
  int32_t getMissingWeights(int32_t size, char const** names) noexcept override {
    return list(true, size, names, nullptr, nullptr);
  }
  Weights getNamedWeights(char const* name) const noexcept override;
  Weights getWeightsPrototype(char const* name) const noexcept override;
  nvinfer1::TensorLocation getWeightsLocation(char const*) const noexcept override {
    return nvinfer1::TensorLocation::kHOST;
  }
  void setWeightsValidation(bool validate) noexcept override { validate_ = validate; }
  bool getWeightsValidation() const noexcept override { return validate_; }
  bool setDynamicRange(char const*, float, float) noexcept override { return false; }
  float getDynamicRangeMin(char const*) const noexcept override;
  float getDynamicRangeMax(char const*) const noexcept override;
  int32_t getTensorsWithDynamicRange(int32_t, char const**) const noexcept override { return 0; }
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { errors_.record_to(recorder); }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return errors_.recorder; }
  nvinfer1::ILogger* getLogger() const noexcept override { return errors_.logger; }
  bool setMaxThreads(int32_t threads) noexcept override { return threads >= 1 && (threads_ = threads, true); }
  int32_t getMaxThreads() const noexcept override { return threads_; }

 private:
  // A constant of the portable graph that can be replaced.
  struct Entry {
    int id;  // of the value
    std::string name, layer;
    Role role;
    DType type;
    int64_t count;
    bool stripped;  // the plan holds none
  };
  // Weights that are neither given nor in the plan; others stay as they are.
  bool is_missing(const Entry& entry) const { return entry.stripped && !given_.contains(entry.id); }
  int32_t list(bool missing_only, int32_t size, char const** names, char const** layers, Role* roles) const;
  void collect();
  Status give(const Entry& entry, const Weights& weights);
  const Entry* named(char const* name) const;
  Status unknown(const std::string& what) const;

  std::shared_ptr<Core> core_;
  Errors errors_;
  std::vector<Entry> entries_;
  std::map<int, Weights> given_;  // by value; the client's memory, which lasts until the refit
  bool validate_ = true;
  int32_t threads_ = 1;
};

}  // namespace vivace::tensorrt
