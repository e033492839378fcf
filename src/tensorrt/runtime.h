// IRuntime.
#pragma once

#include "tensorrt/core.h"

namespace vivace::tensorrt {

class Runtime final : public nvinfer1::IRuntime {
 public:
  /// @param version the client's NV_TENSORRT_VERSION
  Runtime(nvinfer1::ILogger& logger, int32_t version) : errors_{&logger, nullptr}, version_(version) {
    remember_logger(&logger);
  }
  ~Runtime() noexcept override {
    errors_.record_to(nullptr);
    forget_logger(errors_.logger);
  }

  void setDLACore(int32_t core) noexcept override { dla_core_ = core; }
  int32_t getDLACore() const noexcept override { return dla_core_; }
  int32_t getNbDLACores() const noexcept override { return 0; }
  void setGpuAllocator(nvinfer1::IGpuAllocator* allocator) noexcept override { allocator_ = allocator; }
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { errors_.record_to(recorder); }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return errors_.recorder; }
  nvinfer1::ICudaEngine* deserializeCudaEngine(void const* blob, std::size_t size) noexcept override;
  nvinfer1::ICudaEngine* deserializeCudaEngine(nvinfer1::IStreamReader& reader) noexcept override;
  nvinfer1::ICudaEngine* deserializeCudaEngine(nvinfer1::IStreamReaderV2& reader) noexcept override;
  nvinfer1::ILogger* getLogger() const noexcept override { return errors_.logger; }
  bool setMaxThreads(int32_t threads) noexcept override;
  int32_t getMaxThreads() const noexcept override;
  void setTemporaryDirectory(char const* path) noexcept override;
  char const* getTemporaryDirectory() const noexcept override { return temporary_.c_str(); }
  void setTempfileControlFlags(nvinfer1::TempfileControlFlags flags) noexcept override { tempfile_flags_ = flags; }
  nvinfer1::TempfileControlFlags getTempfileControlFlags() const noexcept override { return tempfile_flags_; }
  nvinfer1::IPluginRegistry& getPluginRegistry() noexcept override { return *::getPluginRegistry(); }
  nvinfer1::IRuntime* loadRuntime(char const* path) noexcept override;
  void setEngineHostCodeAllowed(bool allowed) noexcept override { host_code_ = allowed; }
  bool getEngineHostCodeAllowed() const noexcept override { return host_code_; }

 private:
  template <class Read>
  nvinfer1::ICudaEngine* read_all(Read&& read) noexcept;
  nvinfer1::ICudaEngine* load(std::span<const std::byte> bytes) noexcept;

  Errors errors_;
  int32_t version_;
  nvinfer1::IGpuAllocator* allocator_ = nullptr;
  int32_t dla_core_ = 0, threads_ = 0;
  std::string temporary_ = "/tmp";
  nvinfer1::TempfileControlFlags tempfile_flags_ = 3;
  bool host_code_ = false;
};

}  // namespace vivace::tensorrt
