#include "tensorrt/parser_refitter.h"

#include "tensorrt/types.h"

namespace vivace::tensorrt {

// Every weight that the engine has by name is one of the model's initializers.
bool OnnxRefitter::give(Result<std::unique_ptr<ir::Graph>> graph) {
  if (!graph.ok()) return source_.fail(graph.status()), false;
  std::map<std::string, const ir::Value*> constants;
  for (const ir::Value* value : (*graph)->values())
    if (value->is_constant() && !value->name.empty()) constants[value->name] = value;
  const int32_t count = refitter_.getAllWeights(0, nullptr);
  std::vector<const char*> names(static_cast<size_t>(std::max(count, 0)));
  refitter_.getAllWeights(count, names.data());
  bool all = true;
  for (const char* name : names) {
    const auto at = constants.find(name);
    if (at == constants.end()) continue;  // of a layer that the client added
    const Tensor& tensor = at->second->constant();
    const nvinfer1::Weights weights{to_data_type(tensor.type()), tensor.data(), tensor.count()};
    if (refitter_.setNamedWeights(name, weights)) continue;
    source_.fail({Code::invalid_argument, std::string("initializer '") + name + "' does not fit the engine's weights"});
    all = false;
  }
  graph_ = std::move(*graph);
  return all;
}

bool OnnxRefitter::refitFromBytes(const void* model, size_t size, const char* path) noexcept {
  bool done = false;
  guarded(source_.log(), [&] { return done = give(source_.import_bytes(model, size, path)), Status(); });
  return done;
}

bool OnnxRefitter::refitFromFile(const char* path) noexcept {
  bool done = false;
  guarded(source_.log(), [&] { return done = give(source_.import_file(path)), Status(); });
  return done;
}

bool OnnxRefitter::loadModelProto(const void* model, size_t size, const char* path) noexcept {
  return guarded(source_.log(), [&] { return source_.load(model, size, path); });
}

bool OnnxRefitter::loadInitializer(const char* name, const void* data, size_t size) noexcept {
  return guarded(source_.log(), [&] { return source_.load_initializer(name, data, size); });
}

bool OnnxRefitter::refitModelProto() noexcept {
  bool done = false;
  guarded(source_.log(), [&] { return done = give(source_.import_loaded()), Status(); });
  return done;
}

}  // namespace vivace::tensorrt

extern "C" __attribute__((visibility("default"))) void* vivace_tensorrt_create_onnx_refitter(void* refitter,
                                                                                              void* logger) noexcept {
  using namespace vivace::tensorrt;
  auto& to = *static_cast<nvinfer1::ILogger*>(logger);
  OnnxRefitter* made = nullptr;
  guarded(Errors{&to, nullptr}, [&] {
    return made = new OnnxRefitter(*static_cast<nvinfer1::IRefitter*>(refitter), to), vivace::Status();
  });
  return static_cast<nvonnxparser::IParserRefitter*>(made);
}
