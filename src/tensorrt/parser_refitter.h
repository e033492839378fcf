// Weights of an ONNX model for an engine built from one of the same structure.
#pragma once

#include "tensorrt/parser.h"

namespace vivace::tensorrt {

class OnnxRefitter final : public nvonnxparser::IParserRefitter {
 public:
  OnnxRefitter(nvinfer1::IRefitter& refitter, nvinfer1::ILogger& logger)
      : refitter_(refitter), source_({&logger, nullptr}) {}

  bool refitFromBytes(const void* model, size_t size, const char* path) noexcept override;
  bool refitFromFile(const char* path) noexcept override;
  int32_t getNbErrors() const noexcept override { return source_.count(); }
  const nvonnxparser::IParserError* getError(int32_t index) const noexcept override { return source_.error(index); }
  void clearErrors() override { source_.clear(); }
  bool loadModelProto(const void* model, size_t size, const char* path) noexcept override;
  bool loadInitializer(const char* name, const void* data, size_t size) noexcept override;
  bool refitModelProto() noexcept override;

 private:
  bool give(Result<std::unique_ptr<ir::Graph>> graph);

  nvinfer1::IRefitter& refitter_;
  ModelSource source_;
  std::unique_ptr<ir::Graph> graph_;  // its weights are read when the engine is refitted
};

}  // namespace vivace::tensorrt
