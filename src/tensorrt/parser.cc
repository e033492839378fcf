#include "tensorrt/parser.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "ops/operator.h"
#include "tensorrt/plugin_nodes.h"

namespace vivace::tensorrt {

using nvonnxparser::ErrorCode;
using Severity = nvinfer1::ILogger::Severity;

namespace {

ErrorCode code_of(Code code, bool of_a_node) {
  switch (code) {
    case Code::ok: return ErrorCode::kSUCCESS;
    case Code::invalid_argument: return ErrorCode::kINVALID_VALUE;
    case Code::io_error:
    case Code::corrupt_file: return ErrorCode::kMODEL_DESERIALIZE_FAILED;
    case Code::invalid_model:
    case Code::shape_mismatch: return of_a_node ? ErrorCode::kINVALID_NODE : ErrorCode::kINVALID_GRAPH;
    case Code::unsupported: return of_a_node ? ErrorCode::kUNSUPPORTED_NODE : ErrorCode::kUNSUPPORTED_GRAPH;
    case Code::out_of_memory: return ErrorCode::kMEM_ALLOC_FAILED;
    default: return ErrorCode::kINTERNAL_ERROR;
  }
}

std::string folder_of(const char* path) {
  if (!path || !*path) return {};
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::span<const std::byte> as_bytes(const void* data, size_t size) {
  return {static_cast<const std::byte*>(data), size};
}

Status check_memory(const void* data, size_t size) {
  if (data || size == 0) return {};
  return {Code::invalid_argument, "the model's bytes are null"};
}

}  // namespace

Result<std::unique_ptr<ir::Graph>> ModelSource::import_file(const char* path) {
  notes_ = {};
  if (!path) return Status(Code::invalid_argument, "the path of the model is null");
  return onnx::import_file(path, {.notes = &notes_, .extensions = &plugin_nodes(override_operators)});
}

Result<std::unique_ptr<ir::Graph>> ModelSource::import_bytes(const void* data, size_t size, const char* path) {
  notes_ = {};
  VIVACE_TRY(check_memory(data, size));
  return onnx::import_bytes(
      as_bytes(data, size),
      {.base_dir = folder_of(path), .notes = &notes_, .extensions = &plugin_nodes(override_operators)});
}

Status ModelSource::load(const void* data, size_t size, const char* path) {
  VIVACE_TRY(check_memory(data, size));
  loaded_.assign(static_cast<const char*>(data), size);
  loaded_path_ = path ? path : "";
  loaded_initializers_.clear();
  return {};
}

Status ModelSource::load_initializer(const char* name, const void* data, size_t size) {
  if (loaded_.empty())
    return {Code::invalid_argument, "loadInitializer: no model is loaded; call loadModelProto first"};
  if (!name || (!data && size)) return {Code::invalid_argument, "loadInitializer: the name or the data are null"};
  loaded_initializers_[name].assign(static_cast<const char*>(data), size);
  return {};
}

Result<std::unique_ptr<ir::Graph>> ModelSource::import_loaded() {
  notes_ = {};
  if (loaded_.empty()) return Status(Code::invalid_argument, "no model is loaded; call loadModelProto first");
  onnx::ImportOptions options{
      .base_dir = folder_of(loaded_path_.c_str()), .notes = &notes_, .extensions = &plugin_nodes(override_operators)};
  for (const auto& [name, data] : loaded_initializers_) options.initializers[name] = as_bytes(data.data(), data.size());
  return onnx::import_bytes(as_bytes(loaded_.data(), loaded_.size()), options);
}

void ModelSource::fail(const Status& why) {
  errors_.report(why);
  for (const onnx::ImportNotes::BadNode& node : notes_.bad_nodes)
    list_.emplace_back(code_of(node.why.code(), true), node.why.message(), static_cast<int>(node.index), node.name,
                       node.op);
  if (notes_.bad_nodes.empty()) list_.emplace_back(code_of(why.code(), false), why.message());
}

// Clients of before generation 9 have no 64-bit integers.
void OnnxParser::tell_narrowed(const ir::Graph& graph) const {
  const auto is_wide = [](const ir::Value* value) { return value->type.dtype == DType::i64; };
  if (network_.narrow() && (std::any_of(graph.inputs().begin(), graph.inputs().end(), is_wide) ||
                            std::any_of(graph.outputs().begin(), graph.outputs().end(), is_wide)))
    source_.log().log(
        Severity::kWARNING,
        "the model has inputs or outputs of INT64, which clients of TensorRT 8 do not know: they are bound "
        "as INT32; within the engine they stay as they are");
}

bool OnnxParser::add(Result<std::unique_ptr<ir::Graph>> graph) {
  if (graph.ok()) tell_narrowed(**graph);
  const Status status = graph.ok() ? network_.add_graph(std::move(*graph)) : graph.status();
  if (!status.ok()) source_.fail(status);
  return status.ok();
}

bool OnnxParser::parse(const void* model, size_t size, const char* path) noexcept {
  bool done = false;
  guarded(source_.log(), [&] { return done = add(source_.import_bytes(model, size, path)), Status(); });
  return done;
}

bool OnnxParser::parseFromFile(const char* path, int /*verbosity*/) noexcept {
  bool done = false;
  guarded(source_.log(), [&] { return done = add(source_.import_file(path)), Status(); });
  return done;
}

bool OnnxParser::loadModelProto(const void* model, size_t size, const char* path) noexcept {
  return guarded(source_.log(), [&] { return source_.load(model, size, path); });
}

bool OnnxParser::loadInitializer(const char* name, const void* data, size_t size) noexcept {
  return guarded(source_.log(), [&] { return source_.load_initializer(name, data, size); });
}

bool OnnxParser::parseModelProto() noexcept {
  bool done = false;
  guarded(source_.log(), [&] { return done = add(source_.import_loaded()), Status(); });
  return done;
}

// Runs of nodes that are supported, each with those between them left out, which are runs of their own that are not.
bool OnnxParser::find_subgraphs(const void* model, size_t size, const char* path) {
  subgraphs_.clear();
  const Result<std::unique_ptr<ir::Graph>> graph = source_.import_bytes(model, size, path);
  if (!graph.ok()) source_.fail(graph.status());
  const onnx::ImportNotes& notes = source_.notes();
  // Where no node is to blame, all are: the model as a whole cannot be read.
  const bool whole = !graph.ok() && notes.bad_nodes.empty();
  for (int64_t i = 0; i < notes.nodes; ++i) {
    const bool bad = whole || std::any_of(notes.bad_nodes.begin(), notes.bad_nodes.end(),
                                          [&](const auto& node) { return node.index == i; });
    if (subgraphs_.empty() || subgraphs_.back().supported == bad) subgraphs_.push_back({{}, !bad});
    subgraphs_.back().nodes.push_back(i);
  }
  return graph.ok();
}

bool OnnxParser::supportsModelV2(const void* model, size_t size, const char* path) noexcept {
  bool supported = false;
  guarded(source_.log(), [&] { return supported = find_subgraphs(model, size, path), Status(); });
  return supported;
}

bool OnnxParser::supportsModel(const void* model, size_t size, SubGraphCollection_t& subgraphs,
                               const char* path) noexcept {
  bool supported = false;
  guarded(source_.log(), [&] {
    supported = find_subgraphs(model, size, path);
    subgraphs.clear();
    for (const Subgraph& found : subgraphs_)
      subgraphs.emplace_back(std::vector<size_t>(found.nodes.begin(), found.nodes.end()), found.supported);
    return Status();
  });
  return supported;
}

bool OnnxParser::isSubgraphSupported(int64_t index) noexcept {
  return index >= 0 && index < getNbSubgraphs() && subgraphs_[static_cast<size_t>(index)].supported;
}

int64_t* OnnxParser::getSubgraphNodes(int64_t index, int64_t& length) noexcept {
  length = 0;
  if (index < 0 || index >= getNbSubgraphs()) return nullptr;
  std::vector<int64_t>& nodes = subgraphs_[static_cast<size_t>(index)].nodes;
  length = static_cast<int64_t>(nodes.size());
  return nodes.data();
}

bool OnnxParser::supportsOperator(const char* name) const noexcept {
  if (!name) return false;
  // Those that import turns into others.
  for (const char* known : {"Constant", "Upsample", "Scatter"})
    if (std::strcmp(name, known) == 0) return true;
  return ops::find_operator(name) != nullptr;
}

const nvinfer1::ITensor* OnnxParser::getLayerOutputTensor(const char* name, int64_t index) noexcept {
  for (int32_t i = 0; name && i < network_.getNbLayers(); ++i) {
    const nvinfer1::ILayer* layer = network_.getLayer(i);
    if (std::strcmp(layer->getName(), name) == 0 && index >= 0 && index < layer->getNbOutputs())
      return layer->getOutput(static_cast<int32_t>(index));
  }
  return nullptr;
}

}  // namespace vivace::tensorrt

extern "C" __attribute__((visibility("default"))) void* vivace_tensorrt_create_onnx_parser(void* network,
                                                                                           void* logger) noexcept {
  using namespace vivace::tensorrt;
  auto& to = *static_cast<nvinfer1::ILogger*>(logger);
  OnnxParser* made = nullptr;
  guarded(Errors{&to, nullptr}, [&] {
    auto* definition = static_cast<nvinfer1::INetworkDefinition*>(network);
    made = new OnnxParser(static_cast<Network&>(*definition), to);
    return vivace::Status();
  });
  return static_cast<nvonnxparser::IParser*>(made);
}
