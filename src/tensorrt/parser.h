// The ONNX parser: the model is imported as a graph, which the network makes into layers.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "NvOnnxParser.h"
#include "frontends/onnx/import.h"
#include "tensorrt/network.h"
#include "tensorrt/report.h"

namespace vivace::tensorrt {

class ParserError final : public nvonnxparser::IParserError {
 public:
  ParserError(nvonnxparser::ErrorCode code, std::string text, int node = -1, std::string name = {}, std::string op = {})
      : code_(code), text_(std::move(text)), node_(node), name_(std::move(name)), op_(std::move(op)) {}

  nvonnxparser::ErrorCode code() const override { return code_; }
  const char* desc() const override { return text_.c_str(); }
  // Where in the library an error arose tells nobody anything; the description says it all.
  const char* file() const override { return ""; }
  int line() const override { return 0; }
  const char* func() const override { return ""; }
  int node() const override { return node_; }
  const char* nodeName() const override { return name_.c_str(); }
  const char* nodeOperator() const override { return op_.c_str(); }

 private:
  nvonnxparser::ErrorCode code_;
  std::string text_;
  int node_;
  std::string name_, op_;
};

/// A model to import and what went wrong with it; shared by parser and refitter.
class ModelSource {
 public:
  explicit ModelSource(Errors errors) : errors_(errors) {}

  /// The model of a file, or in memory with the path of the file that it comes from (may be null), which outlives the
  /// import only as a name.
  Result<std::unique_ptr<ir::Graph>> import_file(const char* path);
  Result<std::unique_ptr<ir::Graph>> import_bytes(const void* data, size_t size, const char* path);
  // A model kept until all its weights are given.
  Status load(const void* data, size_t size, const char* path);
  Status load_initializer(const char* name, const void* data, size_t size);
  Result<std::unique_ptr<ir::Graph>> import_loaded();

  /// Whether plugins come before operators of the same name.
  bool override_operators = false;

  /// Logs, and remembers for getError(): one error of each node that is to blame, else one.
  void fail(const Status& why);
  const onnx::ImportNotes& notes() const { return notes_; }
  const Errors& log() const { return errors_; }

  int count() const { return static_cast<int>(list_.size()); }
  const ParserError* error(int i) const { return i >= 0 && i < count() ? &list_[static_cast<size_t>(i)] : nullptr; }
  void clear() { list_.clear(); }

 private:
  Errors errors_;
  onnx::ImportNotes notes_;
  std::vector<ParserError> list_;
  std::string loaded_, loaded_path_;
  std::map<std::string, std::string> loaded_initializers_;
};

class OnnxParser final : public nvonnxparser::IParser {
 public:
  OnnxParser(Network& network, nvinfer1::ILogger& logger) : network_(network), source_({&logger, nullptr}) {}

  bool parse(const void* model, size_t size, const char* path) noexcept override;
  bool parseFromFile(const char* path, int verbosity) noexcept override;
  bool parseWithWeightDescriptors(const void* model, size_t size) noexcept override {
    return parse(model, size, nullptr);
  }
  bool supportsModel(const void* model, size_t size, SubGraphCollection_t& subgraphs,
                     const char* path) noexcept override;
  bool supportsModelV2(const void* model, size_t size, const char* path) noexcept override;
  bool supportsOperator(const char* name) const noexcept override;
  int64_t getNbSubgraphs() noexcept override { return static_cast<int64_t>(subgraphs_.size()); }
  bool isSubgraphSupported(int64_t index) noexcept override;
  int64_t* getSubgraphNodes(int64_t index, int64_t& length) noexcept override;

  int getNbErrors() const noexcept override { return source_.count(); }
  const nvonnxparser::IParserError* getError(int index) const noexcept override { return source_.error(index); }
  void clearErrors() noexcept override { source_.clear(); }

  void setFlags(nvonnxparser::OnnxParserFlags flags) noexcept override {
    flags_ = flags;
    source_.override_operators = getFlag(nvonnxparser::OnnxParserFlag::kENABLE_PLUGIN_OVERRIDE);
  }
  nvonnxparser::OnnxParserFlags getFlags() const noexcept override { return flags_; }
  void setFlag(nvonnxparser::OnnxParserFlag flag) noexcept override {
    setFlags(flags_ | 1U << static_cast<int32_t>(flag));
  }
  void clearFlag(nvonnxparser::OnnxParserFlag flag) noexcept override {
    setFlags(flags_ & ~(1U << static_cast<int32_t>(flag)));
  }
  bool getFlag(nvonnxparser::OnnxParserFlag flag) const noexcept override {
    return flags_ >> static_cast<int32_t>(flag) & 1U;
  }
  const nvinfer1::ITensor* getLayerOutputTensor(const char* name, int64_t index) noexcept override;

  bool loadModelProto(const void* model, size_t size, const char* path) noexcept override;
  bool loadInitializer(const char* name, const void* data, size_t size) noexcept override;
  bool parseModelProto() noexcept override;
  bool setBuilderConfig(const nvinfer1::IBuilderConfig* config) noexcept override { return config != nullptr; }

 private:
  struct Subgraph {
    std::vector<int64_t> nodes;
    bool supported;
  };
  bool add(Result<std::unique_ptr<ir::Graph>> graph);
  void tell_narrowed(const ir::Graph& graph) const;
  bool find_subgraphs(const void* model, size_t size, const char* path);

  Network& network_;
  ModelSource source_;
  nvonnxparser::OnnxParserFlags flags_ = NV_TENSORRT_MAJOR >= 10 ? 1U : 0U;  // kNATIVE_INSTANCENORM
  std::vector<Subgraph> subgraphs_;
};

}  // namespace vivace::tensorrt
