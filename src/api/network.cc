// Networks: read from models, or made layer by layer.
#include <cstring>

#include "api/handles.h"
#include "frontends/onnx/import.h"
#include "ir/text.h"
#include "ops/operator.h"

using namespace vivace;

namespace {

// A vivace_value is an ir::Value under another name.
vivace_value* handle(ir::Value* value) { return reinterpret_cast<vivace_value*>(value); }
const ir::Value* value_of(const vivace_value* value) { return reinterpret_cast<const ir::Value*>(value); }

Result<ir::Value*> own_value(const vivace_network& network, vivace_value* value) {
  auto* own = reinterpret_cast<ir::Value*>(value);
  if (!network.handed_out.contains(own)) return Status(Code::invalid_argument, "the value is not one of this network");
  return own;
}

vivace_value* hand_out(const vivace_network& network, ir::Value* value) {
  network.handed_out.insert(value);
  return handle(value);
}

Status adopt(Result<std::unique_ptr<ir::Graph>> graph, vivace_network** network) {
  if (!graph.ok()) return graph.status();
  *network = new vivace_network{std::move(*graph), {}, {}, {}};
  return {};
}

const vivace_tensor_info* look(api::Infos& infos, size_t index, const ir::Value& value, const std::string& name) {
  if (infos.size() <= index) infos.resize(index + 1);
  infos[index] = std::make_unique<api::Info>(name, value.type);
  return infos[index]->get();
}

}  // namespace

vivace_status vivace_network_from_onnx_file(const char* path, vivace_network** network) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(path);
    VIVACE_NEED(network);
    api::start_log();
    return adopt(onnx::import_file(path), network);
  });
}

vivace_status vivace_network_from_onnx(const void* data, size_t bytes, const char* folder, vivace_network** network) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(data);
    VIVACE_NEED(network);
    api::start_log();
    onnx::ImportOptions options;
    if (folder) options.base_dir = folder;
    return adopt(onnx::import_bytes({static_cast<const std::byte*>(data), bytes}, options), network);
  });
}

vivace_status vivace_network_from_text(const char* text, vivace_network** network) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(text);
    VIVACE_NEED(network);
    Result<std::unique_ptr<ir::Graph>> graph = ir::parse(text);
    if (graph.ok()) VIVACE_TRY(ops::infer_graph(**graph));
    return adopt(std::move(graph), network);
  });
}

vivace_status vivace_network_create(const char* name, vivace_network** network) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(network);
    auto graph = std::make_unique<ir::Graph>();
    graph->name = name ? name : "";
    return adopt(std::move(graph), network);
  });
}

void vivace_network_destroy(vivace_network* network) { delete network; }

vivace_status vivace_network_add_input(vivace_network* network, const char* name, vivace_dtype dtype, int32_t rank,
                                       const int64_t* dims, const char* const* symbols, vivace_value** value) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(network);
    VIVACE_NEED(name);
    VIVACE_NEED(value);
    if (rank > 0) VIVACE_NEED(dims);
    const std::string what = "input '" + std::string(name) + "'";
    if (dtype <= VIVACE_UNDEFINED || static_cast<int>(dtype) >= kDTypeCount)
      return {Code::invalid_argument, what + " has no element type"};
    if (rank < 0) return {Code::invalid_argument, what + " has a negative rank"};
    if (!*name || vivace_network_find_value(network, name))
      return {Code::invalid_argument, what + (*name ? " is there already" : " needs a name")};
    ir::Dims made;
    for (int32_t i = 0; i < rank; ++i) {
      if (dims[i] < -1) return {Code::invalid_argument, what + " has a dimension of " + std::to_string(dims[i])};
      const char* symbol = symbols && dims[i] < 0 ? symbols[i] : nullptr;
      if (dims[i] >= 0) made.push_back(dims[i]);
      else made.push_back(ir::Dim::symbol(symbol && *symbol ? symbol : std::string(name) + "_" + std::to_string(i)));
    }
    *value = hand_out(*network, network->graph->add_input(name, ir::Type::tensor(static_cast<DType>(dtype), made)));
    return {};
  });
}

vivace_status vivace_network_add_constant(vivace_network* network, const char* name, const vivace_tensor* tensor,
                                          vivace_value** value) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(network);
    VIVACE_NEED(tensor);
    VIVACE_NEED(value);
    VIVACE_ASSIGN(Tensor copy, api::copy_of(tensor->tensor));
    *value = hand_out(*network, network->graph->add_constant(std::move(copy), name ? name : ""));
    return {};
  });
}

vivace_status vivace_network_add_node(vivace_network* network, const char* op, const char* name,
                                      vivace_value* const* inputs, size_t input_count,
                                      const vivace_attributes* attributes, size_t output_count,
                                      vivace_value** outputs) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(network);
    VIVACE_NEED(op);
    if (input_count) VIVACE_NEED(inputs);
    if (output_count) VIVACE_NEED(outputs);
    ir::Graph& graph = *network->graph;
    std::vector<ir::Value*> from;
    for (size_t i = 0; i < input_count; ++i) {
      from.push_back(nullptr);
      if (!inputs[i]) continue;
      Result<ir::Value*> own = own_value(*network, inputs[i]);
      if (!own.ok()) return own.status().within(std::string(op) + ", input " + std::to_string(i));
      from.back() = *own;
    }
    ir::Node* node = graph.add_node(op, std::move(from), static_cast<int>(output_count),
                                    attributes ? attributes->map : ir::Attributes(), name ? name : "");
    const std::string base = name && *name ? name : std::string(op) + "_" + std::to_string(node->id());
    for (size_t i = 0; i < output_count; ++i) node->output(i)->name = i ? base + ":" + std::to_string(i) : base;
    if (Status status = ops::infer_node(*node); !status.ok()) {
      graph.erase(node);
      return status;
    }
    for (size_t i = 0; i < output_count; ++i) outputs[i] = hand_out(*network, node->output(i));
    return {};
  });
}

vivace_status vivace_network_mark_output(vivace_network* network, vivace_value* value, const char* name) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(network);
    VIVACE_NEED(value);
    VIVACE_ASSIGN(ir::Value* const own, own_value(*network, value));
    const std::string called = name && *name ? name : own->name;
    if (called.empty()) return {Code::invalid_argument, "an output needs a name"};
    for (size_t i = 0; i < network->graph->outputs().size(); ++i)
      if (network->graph->output_name(i) == called)
        return {Code::invalid_argument, "output '" + called + "' is there already"};
    network->graph->mark_output(own, called);
    return {};
  });
}

vivace_value* vivace_network_find_value(const vivace_network* network, const char* name) {
  if (!network || !name) return nullptr;
  vivace_value* found = nullptr;
  (void)api::guard([&]() -> Status {
    for (ir::Value* value : network->graph->values()) {
      if (value->name != name) continue;
      found = hand_out(*network, value);
      break;
    }
    return {};
  });
  return found;
}

size_t vivace_network_input_count(const vivace_network* network) { return network ? network->graph->inputs().size() : 0; }
size_t vivace_network_output_count(const vivace_network* network) {
  return network ? network->graph->outputs().size() : 0;
}

const vivace_tensor_info* vivace_network_input(const vivace_network* network, size_t index) {
  if (index >= vivace_network_input_count(network)) return nullptr;
  const ir::Value& value = *network->graph->inputs()[index];
  const vivace_tensor_info* info = nullptr;
  (void)api::guard([&] { return info = look(network->inputs, index, value, value.name), Status(); });
  return info;
}

const vivace_tensor_info* vivace_network_output(const vivace_network* network, size_t index) {
  if (index >= vivace_network_output_count(network)) return nullptr;
  const ir::Graph& graph = *network->graph;
  const vivace_tensor_info* info = nullptr;
  (void)api::guard([&] {
    return info = look(network->outputs, index, *graph.outputs()[index], graph.output_name(index)), Status();
  });
  return info;
}

const char* vivace_value_name(const vivace_value* value) { return value ? value_of(value)->name.c_str() : nullptr; }

vivace_status vivace_value_set_name(vivace_value* value, const char* name) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(value);
    VIVACE_NEED(name);
    reinterpret_cast<ir::Value*>(value)->name = name;
    return {};
  });
}

vivace_status vivace_network_describe(const vivace_network* network, vivace_format format, char** text) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(network);
    VIVACE_NEED(text);
    VIVACE_ASSIGN(const std::string made, api::describe(*network->graph, format));
    *text = api::copy_text(made);
    return {};
  });
}

vivace_status vivace_network_run_reference(const vivace_network* network, const vivace_tensor* const* inputs,
                                           size_t input_count, vivace_tensor** outputs, size_t output_count) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(network);
    VIVACE_NEED(outputs);
    const ir::Graph& graph = *network->graph;
    if (input_count != graph.inputs().size() || output_count != graph.outputs().size())
      return {Code::invalid_argument, "the network has " + std::to_string(graph.inputs().size()) + " inputs and " +
                                          std::to_string(graph.outputs().size()) + " outputs"};
    VIVACE_TRY(api::views_of(inputs, input_count).status());
    std::vector<Tensor> from;
    for (size_t i = 0; i < input_count; ++i) {
      const ir::Value& wanted = *graph.inputs()[i];
      if (inputs[i]->tensor.type() != wanted.type.dtype)
        return {Code::invalid_argument, "input '" + wanted.name + "' is " + to_string(wanted.type.dtype) + ", not " +
                                            to_string(inputs[i]->tensor.type())};
      from.push_back(inputs[i]->tensor);
    }
    VIVACE_ASSIGN(const int threads, api::resolve_threads(0));
    ThreadPool pool(threads ? threads : available_processors());
    VIVACE_ASSIGN(std::vector<Tensor> made, ops::run_graph_reference(graph, from, nullptr, &pool));
    std::vector<std::unique_ptr<vivace_tensor>> handles;
    for (Tensor& tensor : made) {
      // A value of the network or the caller's own must not be handed out as the caller's to write to.
      VIVACE_ASSIGN(Tensor own, api::copy_of(tensor));
      handles.push_back(std::make_unique<vivace_tensor>(vivace_tensor{std::move(own)}));
    }
    for (size_t i = 0; i < output_count; ++i) outputs[i] = handles[i].release();
    return {};
  });
}
