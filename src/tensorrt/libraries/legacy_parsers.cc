// libnvparsers: the parsers of Caffe and UFF models. Neither format is read; each call says so.
#include <new>

#include "NvCaffeParser.h"
#include "NvUffParser.h"

namespace {

// `recorder` may be null.
void refuse(const char* what, nvinfer1::IErrorRecorder* recorder) noexcept {
  if (nvinfer1::ILogger* logger = getLogger()) logger->log(nvinfer1::ILogger::Severity::kERROR, what);
  if (recorder) recorder->reportError(nvinfer1::ErrorCode::kINVALID_ARGUMENT, what);
}

class CaffeParser final : public nvcaffeparser1::ICaffeParser {
 public:
  const nvcaffeparser1::IBlobNameToTensor* parse(const char*, const char*, nvinfer1::INetworkDefinition&,
                                                 nvinfer1::DataType) noexcept override {
    return refuse(kWhy, recorder_), nullptr;
  }
  const nvcaffeparser1::IBlobNameToTensor* parseBuffers(const char*, std::size_t, const char*, std::size_t,
                                                        nvinfer1::INetworkDefinition&,
                                                        nvinfer1::DataType) noexcept override {
    return refuse(kWhy, recorder_), nullptr;
  }
  nvcaffeparser1::IBinaryProtoBlob* parseBinaryProto(const char*) noexcept override {
    return refuse(kWhy, recorder_), nullptr;
  }
  void setProtobufBufferSize(size_t) noexcept override {}
  void setPluginFactory(nvcaffeparser1::IPluginFactory*) noexcept override {}
  void setPluginFactoryExt(nvcaffeparser1::IPluginFactoryExt*) noexcept override {}
  void setPluginFactoryV2(nvcaffeparser1::IPluginFactoryV2*) noexcept override {}
  void setPluginNamespace(const char*) noexcept override {}
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { recorder_ = recorder; }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return recorder_; }

 private:
  static constexpr const char* kWhy =
      "Caffe models are not read; convert the model to ONNX and parse it with nvonnxparser::createParser";
  nvinfer1::IErrorRecorder* recorder_ = nullptr;
};

class UffParser final : public nvuffparser::IUffParser {
 public:
  bool registerInput(const char*, nvinfer1::Dims, nvuffparser::UffInputOrder) noexcept override { return true; }
  bool registerOutput(const char*) noexcept override { return true; }
  bool parse(const char*, nvinfer1::INetworkDefinition&, nvinfer1::DataType) noexcept override {
    return refuse(kWhy, recorder_), false;
  }
  bool parseBuffer(const char*, std::size_t, nvinfer1::INetworkDefinition&, nvinfer1::DataType) noexcept override {
    return refuse(kWhy, recorder_), false;
  }
  int32_t getUffRequiredVersionMajor() noexcept override { return UFF_REQUIRED_VERSION_MAJOR; }
  int32_t getUffRequiredVersionMinor() noexcept override { return UFF_REQUIRED_VERSION_MINOR; }
  int32_t getUffRequiredVersionPatch() noexcept override { return UFF_REQUIRED_VERSION_PATCH; }
  void setPluginFactory(nvuffparser::IPluginFactory*) noexcept override {}
  void setPluginFactoryExt(nvuffparser::IPluginFactoryExt*) noexcept override {}
  void setPluginNamespace(const char*) noexcept override {}
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { recorder_ = recorder; }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return recorder_; }

 private:
  static constexpr const char* kWhy =
      "UFF models are not read; convert the TensorFlow model with tf2onnx and parse it with nvonnxparser::createParser";
  nvinfer1::IErrorRecorder* recorder_ = nullptr;
};

}  // namespace

namespace nvcaffeparser1 {
TENSORRTAPI ICaffeParser* createCaffeParser() noexcept { return new (std::nothrow) CaffeParser; }
TENSORRTAPI void shutdownProtobufLibrary() noexcept {}
}  // namespace nvcaffeparser1

namespace nvuffparser {
TENSORRTAPI IUffParser* createUffParser() noexcept { return new (std::nothrow) UffParser; }
TENSORRTAPI void shutdownProtobufLibrary(void) noexcept {}
}  // namespace nvuffparser
