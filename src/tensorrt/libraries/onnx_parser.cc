// libnvonnxparser: the parser itself is in libnvinfer.
#include <string>

#include "NvOnnxConfig.h"
#include "NvOnnxParser.h"
#include "tensorrt/personality.h"

extern "C" void* vivace_tensorrt_create_onnx_parser(void* network, void* logger) noexcept;
extern "C" void* vivace_tensorrt_create_onnx_refitter(void* refitter, void* logger) noexcept;

namespace {

using Create = void* (*)(void*, void*, int);
// The headers of either generation give a version of their own.
void* create(void* (*own)(void*, void*), const char* name, void* of, void* logger, int version) noexcept {
  if (!of || !logger) return nullptr;
  if (version == NV_ONNX_PARSER_VERSION) return own(of, logger);
  const auto other = reinterpret_cast<Create>(vivace::tensorrt::other_generation("libnvonnxparser", name));
  return other ? other(of, logger, version) : nullptr;
}

// Settings that a client keeps for itself.
class OnnxConfig final : public nvonnxparser::IOnnxConfig {
 public:
  void setModelDtype(const nvinfer1::DataType type) noexcept override { type_ = type; }
  nvinfer1::DataType getModelDtype() const noexcept override { return type_; }
  const char* getModelFileName() const noexcept override { return model_.c_str(); }
  void setModelFileName(const char* name) noexcept override { set(model_, name); }
  Verbosity getVerbosityLevel() const noexcept override { return verbosity_; }
  void addVerbosity() noexcept override { ++verbosity_; }
  void reduceVerbosity() noexcept override { --verbosity_; }
  void setVerbosityLevel(Verbosity level) noexcept override { verbosity_ = level; }
  const char* getTextFileName() const noexcept override { return text_.c_str(); }
  void setTextFileName(const char* name) noexcept override { set(text_, name); }
  const char* getFullTextFileName() const noexcept override { return full_text_.c_str(); }
  void setFullTextFileName(const char* name) noexcept override { set(full_text_, name); }
  bool getPrintLayerInfo() const noexcept override { return print_; }
  void setPrintLayerInfo(bool print) noexcept override { print_ = print; }

 private:
  static void set(std::string& to, const char* name) noexcept {
    try {
      to = name ? name : "";
    } catch (...) {  // no memory: it stays as it was
    }
  }
  nvinfer1::DataType type_ = nvinfer1::DataType::kFLOAT;
  std::string model_, text_, full_text_;
  Verbosity verbosity_ = static_cast<Verbosity>(nvinfer1::ILogger::Severity::kWARNING);
  bool print_ = false;
};

}  // namespace

extern "C" TENSORRTAPI void* createNvOnnxParser_INTERNAL(void* network, void* logger, int version) noexcept {
  return create(vivace_tensorrt_create_onnx_parser, "createNvOnnxParser_INTERNAL", network, logger, version);
}

extern "C" TENSORRTAPI void* createNvOnnxParserRefitter_INTERNAL(void* refitter, void* logger,
                                                                 int32_t version) noexcept {
  return create(vivace_tensorrt_create_onnx_refitter, "createNvOnnxParserRefitter_INTERNAL", refitter, logger, version);
}

extern "C" TENSORRTAPI int getNvOnnxParserVersion() noexcept { return NV_ONNX_PARSER_VERSION; }

namespace nvonnxparser {
TENSORRTAPI IOnnxConfig* createONNXConfig() { return new (std::nothrow) OnnxConfig; }
}  // namespace nvonnxparser
