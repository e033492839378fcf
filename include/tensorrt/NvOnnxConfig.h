// Settings of a program that parses ONNX models: what older samples pass around.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInfer.h"

namespace nvonnxparser {

/// Settings by name; what reads them is the client's own code.
class IOnnxConfig {
 public:
  typedef int32_t Verbosity;
  virtual ~IOnnxConfig() noexcept = default;
  virtual void setModelDtype(nvinfer1::DataType const type) noexcept = 0;
  virtual nvinfer1::DataType getModelDtype() const noexcept = 0;
  virtual char const* getModelFileName() const noexcept = 0;
  virtual void setModelFileName(char const* onnxFilename) noexcept = 0;
  virtual Verbosity getVerbosityLevel() const noexcept = 0;
  virtual void addVerbosity() noexcept = 0;
  virtual void reduceVerbosity() noexcept = 0;
  virtual void setVerbosityLevel(Verbosity level) noexcept = 0;
  virtual char const* getTextFileName() const noexcept = 0;
  virtual void setTextFileName(char const* textFileName) noexcept = 0;
  virtual char const* getFullTextFileName() const noexcept = 0;
  virtual void setFullTextFileName(char const* fullTextFileName) noexcept = 0;
  virtual bool getPrintLayerInfo() const noexcept = 0;
  virtual void setPrintLayerInfo(bool print) noexcept = 0;
  void destroy() noexcept { delete this; }
};

TENSORRTAPI IOnnxConfig* createONNXConfig();

}  // namespace nvonnxparser
