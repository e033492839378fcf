#include "frontends/onnx/import.h"

#include <filesystem>
#include <new>

#include "base/file.h"
#include "base/log.h"
#include "frontends/onnx/graph_reader.h"
#include "frontends/onnx/metadata.h"
#include "ops/operator.h"

namespace vivace::onnx {

namespace {

constexpr int64_t kNewestOpset = 27;

// Runs `f` where damaged bytes throw; no exception leaves this room.
template <class F>
auto guarded(F&& f) -> decltype(f()) {
  try {
    return f();
  } catch (const protozero::exception& e) {
    return Status(Code::corrupt_file, std::string("it is not an ONNX model, or it is damaged or cut off (") + e.what() + ")");
  } catch (const std::bad_alloc&) {
    return Status(Code::out_of_memory, "not enough memory to read the model");
  } catch (const std::exception& e) {
    return Status(Code::internal, e.what());
  }
}

Result<std::unique_ptr<ir::Graph>> import_model(Bytes bytes, MappedFile file, const ImportOptions& options) {
  return guarded([&]() -> Result<std::unique_ptr<ir::Graph>> {
    const proto::Model model = proto::decode_model(bytes);
    if (model.graph.empty()) return Status(Code::corrupt_file, "it holds no graph; is it an ONNX model?");
    for (const auto& [domain, version] : read_opsets(model.opsets))
      if (domain.empty() && version > kNewestOpset)
        log(Severity::warning, "opset " + std::to_string(version) + " is newer than " + std::to_string(kNewestOpset) +
                                   ", the newest Vivace knows; its operators are read as if they had not changed");
    TensorReader tensors(std::move(file), options.base_dir, options.max_sparse_bytes);
    VIVACE_ASSIGN(std::unique_ptr<ir::Graph> graph, GraphReader(model, options, tensors).read());
    ir::for_each_graph(*graph, [](ir::Graph& g) { g.erase_unused(); });
    return graph;
  });
}

Bytes as_bytes(std::span<const std::byte> model) { return {reinterpret_cast<const char*>(model.data()), model.size()}; }

Metadata metadata_of(const proto::Model& model) {
  Metadata m;
  m.ir_version = model.ir_version;
  m.model_version = model.model_version;
  m.producer_name = std::string(model.producer_name);
  m.producer_version = std::string(model.producer_version);
  m.domain = std::string(model.domain);
  m.doc_string = std::string(model.doc_string);
  for (auto& [domain, version] : read_opsets(model.opsets)) m.opsets.emplace_back(domain, version);
  for (const proto::Entry& entry : model.metadata) m.properties.emplace_back(entry.key, entry.value);
  for (const Bytes message : model.functions) {
    const proto::Function function = proto::decode_function(message);
    m.functions.push_back((function.domain.empty() ? "" : std::string(function.domain) + ".") + std::string(function.name));
  }
  return m;
}

}  // namespace

Result<std::unique_ptr<ir::Graph>> import_bytes(std::span<const std::byte> model, const ImportOptions& options) {
  return import_model(as_bytes(model), {}, options);
}

Result<std::unique_ptr<ir::Graph>> import_file(const std::string& path, const ImportOptions& options) {
  VIVACE_ASSIGN(const MappedFile file, map_file(path));
  ImportOptions with_folder = options;
  if (options.base_dir.empty()) {
    with_folder.base_dir = std::filesystem::path(path).parent_path().string();
    if (with_folder.base_dir.empty()) with_folder.base_dir = ".";
  }
  Result<std::unique_ptr<ir::Graph>> graph = import_model(as_bytes(file.bytes), file, with_folder);
  if (!graph.ok()) return graph.status().within(path);
  return graph;
}

Result<Metadata> read_metadata_bytes(std::span<const std::byte> model) {
  return guarded([&]() -> Result<Metadata> { return metadata_of(proto::decode_model(as_bytes(model))); });
}

Result<Metadata> read_metadata(const std::string& path) {
  VIVACE_ASSIGN(const MappedFile file, map_file(path));
  Result<Metadata> metadata = read_metadata_bytes(file.bytes);
  if (!metadata.ok()) return metadata.status().within(path);
  return metadata;
}

}  // namespace vivace::onnx
