// IEngineInspector.
#pragma once

#include "tensorrt/core.h"

namespace vivace::tensorrt {

/// "Row major linear FP32".
const char* format_text(nvinfer1::DataType type);

class Inspector final : public nvinfer1::IEngineInspector {
 public:
  Inspector(std::shared_ptr<Core> core, const Errors& errors)
      : core_(std::move(core)), errors_{errors.logger, nullptr} {
    errors_.record_to(errors.recorder);
  }
  ~Inspector() noexcept override { errors_.record_to(nullptr); }

  bool setExecutionContext(nvinfer1::IExecutionContext const* context) noexcept override {
    return context_ = context, true;
  }
  nvinfer1::IExecutionContext const* getExecutionContext() const noexcept override { return context_; }
  char const* getLayerInformation(int32_t layer, nvinfer1::LayerInformationFormat format) const noexcept override;
  char const* getEngineInformation(nvinfer1::LayerInformationFormat format) const noexcept override;
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { errors_.record_to(recorder); }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return errors_.recorder; }

 private:
  std::string layer_text(size_t layer, bool json) const;

  std::shared_ptr<Core> core_;
  nvinfer1::IExecutionContext const* context_ = nullptr;
  Errors errors_;
  mutable std::string text_;
};

}  // namespace vivace::tensorrt
