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
  virtual void setModelDtype(nvinfer1::DataType const type) TRTNOEXCEPT = 0;
  virtual nvinfer1::DataType getModelDtype() const TRTNOEXCEPT = 0;
  virtual char const* getModelFileName() const TRTNOEXCEPT = 0;
  virtual void setModelFileName(char const* onnxFilename) TRTNOEXCEPT = 0;
  virtual Verbosity getVerbosityLevel() const TRTNOEXCEPT = 0;
  virtual void addVerbosity() TRTNOEXCEPT = 0;
  virtual void reduceVerbosity() TRTNOEXCEPT = 0;
  virtual void setVerbosityLevel(Verbosity level) TRTNOEXCEPT = 0;
  virtual char const* getTextFileName() const TRTNOEXCEPT = 0;
  virtual void setTextFileName(char const* textFileName) TRTNOEXCEPT = 0;
  virtual char const* getFullTextFileName() const TRTNOEXCEPT = 0;
  virtual void setFullTextFileName(char const* fullTextFileName) TRTNOEXCEPT = 0;
  virtual bool getPrintLayerInfo() const TRTNOEXCEPT = 0;
  virtual void setPrintLayerInfo(bool print) TRTNOEXCEPT = 0;
  virtual void destroy() TRTNOEXCEPT { delete this; }
};

TENSORRTAPI IOnnxConfig* createONNXConfig();

}  // namespace nvonnxparser
