// Networks, engines and lists, written for people and programs.
#include <fmt/format.h>

#include <map>

#include <nlohmann/json.hpp>

#include "api/handles.h"
#include "api/plugins.h"
#include "backends/cpu/shapes.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/driver.h"
#include "backends/cuda/tactic.h"
#include "backends/cuda/vendor.h"
#include "ir/dot.h"
#include "ir/svg.h"
#include "ir/text.h"
#include "ops/operator.h"
#include "ops/pointwise_nodes.h"

namespace vivace::api {

namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json json_of(const std::optional<ir::Dims>& dims) {
  if (!dims) return nullptr;
  Json list = Json::array();
  for (const ir::Dim& d : *dims) {
    if (d.known()) list.push_back(d.value());
    else list.push_back(d.symbol().empty() ? Json(nullptr) : Json(d.symbol()));
  }
  return list;
}

Json json_of(const std::string& name, const ir::Type& type) {
  Json json = {{"name", name}, {"dtype", to_string(type.dtype)}, {"shape", json_of(type.dims)}};
  if (type.is_list()) json["type"] = type.to_string();
  return json;
}

Json names_of(const std::vector<ir::Value*>& values) {
  Json list = Json::array();
  for (const ir::Value* v : values) list.push_back(v ? Json(v->name) : Json(nullptr));
  return list;
}

std::string shapes_text(const ir::Node& node) {
  std::string text;
  for (const ir::Value* v : node.inputs())
    if (v && !v->is_constant()) text += (text.empty() ? "" : " ") + v->type.to_string();
  text += " ->";
  for (const ir::Value* v : node.outputs()) text += " " + v->type.to_string();
  return text;
}

size_t weight_bytes(const ir::Graph& graph) {
  size_t bytes = 0;
  for (const ir::Value* v : graph.values())
    if (v->is_constant()) bytes += v->constant().bytes();
  return bytes;
}

Json describe_json(const ir::Graph& graph) {
  Json json = {{"name", graph.name}, {"inputs", Json::array()}, {"outputs", Json::array()},
               {"weight_bytes", weight_bytes(graph)}, {"nodes", Json::array()}};
  for (const ir::Value* v : graph.inputs()) json["inputs"].push_back(json_of(v->name, v->type));
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    const ir::Value* v = graph.outputs()[i];
    json["outputs"].push_back(json_of(graph.output_name(i), v->type));
  }
  for (const auto& node : graph.nodes())
    json["nodes"].push_back({{"name", node->name}, {"op", node->op}, {"inputs", names_of(node->inputs())},
                             {"outputs", names_of(node->outputs())}, {"shapes", shapes_text(*node)}});
  return json;
}

std::string describe_text(const ir::Graph& graph) {
  std::string text = fmt::format("network  {}\n", graph.name);
  for (const ir::Value* v : graph.inputs()) text += fmt::format("input    {}: {}\n", v->name, v->type.to_string());
  for (size_t i = 0; i < graph.outputs().size(); ++i)
    text += fmt::format("output   {}: {}\n", graph.output_name(i), graph.outputs()[i]->type.to_string());
  text += fmt::format("weights  {:.1f} MiB\nnodes    {}\n\n", static_cast<double>(weight_bytes(graph)) / (1 << 20),
                      graph.nodes().size());
  for (const auto& node : graph.nodes()) text += fmt::format("{:24} {:40} {}\n", node->op, node->name, shapes_text(*node));
  return text;
}

// Outputs whose sizes are not fixed count nothing.
size_t output_bytes(const ir::Node& node) {
  size_t bytes = 0;
  for (const ir::Value* v : node.outputs())
    if (const std::optional<Shape> shape = v->type.shape()) bytes += byte_size(v->type.dtype, elements(*shape));
  return bytes;
}

// What a node reads and writes, and computes, at these shapes; null where they depend on data.
void add_work(Json& layer, const ir::Node& node, const Result<cpu::ConcreteGraph>& at) {
  layer["bytes"] = layer["flops"] = nullptr;
  if (!at.ok() || !at->concrete(node)) return;
  const cpu::Problem problem = cpu::problem_of(node, *at);
  layer["bytes"] = cpu::bytes_of(problem);
  layer["flops"] = cpu::flops_of(problem);
}

// Bytes of the engine's GPU that are in use, by whomever; null where there is none.
Json gpu_bytes(const runtime::Engine& engine) {
  if (engine.ordinal() < 0) return nullptr;
  const Result<std::shared_ptr<cuda::Gpu>> gpu = cuda::Gpu::open(engine.ordinal());
  if (!gpu.ok()) return nullptr;
  const cuda::Gpu::Scope scope(**gpu);
  size_t free = 0, total = 0;
  if ((*gpu)->driver().cuMemGetInfo_v2(&free, &total)) return nullptr;
  return total - free;
}

Json describe_json(const runtime::Engine& engine, const backends::MemoryUse& memory, const std::vector<Shape>& shapes) {
  const plan::Plan& plan = engine.plan();
  Json json = {{"name", plan.name},
               {"vivace", plan.origin.library_version},
               {"device", plan.origin.device},
               {"machine", plan.origin.machine},
               {"runs_on", engine.place()},
               {"threads", engine.threads()},
               {"notice", engine.notice()},
               {"inputs", Json::array()},
               {"outputs", Json::array()},
               {"memory",
                {{"model_weight_bytes", memory.weights.model_bytes},
                 {"weight_bytes", memory.constant_bytes},
                 {"packed_weight_bytes", memory.weights.packed_bytes},
                 {"activation_bytes", memory.arena_bytes},
                 {"largest_live_bytes", memory.largest_live},
                 {"gpu_used_bytes", gpu_bytes(engine)}}},
               {"options", plan.options},
               {"layers", Json::array()}};
  for (size_t i = 0; i < engine.inputs().size(); ++i) {
    const runtime::TensorSpec& spec = engine.inputs()[i];
    Json input = json_of(spec.name, spec.value);
    input["min"] = engine.ranges()[i].min;
    input["opt"] = engine.ranges()[i].opt;
    input["max"] = engine.ranges()[i].max;
    json["inputs"].push_back(std::move(input));
  }
  for (const runtime::TensorSpec& spec : engine.outputs())
    json["outputs"].push_back(json_of(spec.name, spec.value));
  const plan::Program& program = engine.executor().program();
  const Result<cpu::ConcreteGraph> at = cpu::concretize(*program.graph, shapes);
  size_t i = 0;
  for (const auto& node : program.graph->nodes()) {
    const size_t weights = memory.weights.by_node[i];
    const plan::Choice& choice = program.choices[i++];
    json["layers"].push_back({{"name", node->name}, {"op", node->op}, {"tactic", choice.tactic},
                              {"configuration", choice.configuration}, {"milliseconds", choice.seconds * 1e3},
                              {"weight_bytes", weights}, {"output_bytes", output_bytes(*node)},
                              {"inputs", names_of(node->inputs())}, {"outputs", names_of(node->outputs())},
                              {"shapes", shapes_text(*node)}});
    add_work(json["layers"].back(), *node, at);
  }
  return json;
}

std::string range_text(const plan::ShapeRange& range) {
  if (range.min == range.max) return {};
  std::string most;
  for (const int64_t d : range.max) most += (most.empty() ? "" : "x") + (d < 0 ? "any" : std::to_string(d));
  return "  " + to_string(range.min) + " to " + most + ", best " + to_string(range.opt);
}

std::string describe_text(const runtime::Engine& engine, const backends::MemoryUse& memory) {
  const plan::Plan& plan = engine.plan();
  const auto mebibytes = [](size_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
  std::string text = fmt::format("plan     {}\nmade by  Vivace {} for '{}', tuned on {}\nthreads  {}\n", plan.name,
                                 plan.origin.library_version, plan.origin.device, plan.origin.machine, engine.threads());
  if (!engine.notice().empty()) text += fmt::format("notice   {}\n", engine.notice());
  for (size_t i = 0; i < engine.inputs().size(); ++i) {
    const runtime::TensorSpec& spec = engine.inputs()[i];
    text += fmt::format("input    {}: {}{}\n", spec.name, spec.value.to_string(), range_text(engine.ranges()[i]));
  }
  for (const runtime::TensorSpec& spec : engine.outputs())
    text += fmt::format("output   {}: {}\n", spec.name, spec.value.to_string());
  text += fmt::format("weights  {:.1f} MiB in the graph; a run reads {:.1f} MiB, of which {:.1f} are packed as its tactics want\n",
                      mebibytes(memory.weights.model_bytes), mebibytes(memory.constant_bytes),
                      mebibytes(memory.weights.packed_bytes));
  text += fmt::format("memory   {:.1f} MiB of activations for each run at once, of which {:.1f} are in use at the fullest "
                      "moment\n\n",
                      mebibytes(memory.arena_bytes), mebibytes(memory.largest_live));
  const plan::Program& program = engine.executor().program();
  text += fmt::format("{:>10} {:>11} {:>11}  {:28} {:28} {:40} {}\n", "ms", "weights MiB", "outputs MiB", "operator",
                      "tactic", "layer", "shapes");
  size_t i = 0;
  for (const auto& node : program.graph->nodes()) {
    const size_t weights = memory.weights.by_node[i];
    const plan::Choice& choice = program.choices[i++];
    const std::string tactic = choice.tactic + (choice.configuration.empty() ? "" : " " + choice.configuration);
    text += fmt::format("{:10.4f} {:11.2f} {:11.2f}  {:28} {:28} {:40} {}\n", choice.seconds * 1e3,
                        mebibytes(weights), mebibytes(output_bytes(*node)), node->op, tactic, node->name,
                        shapes_text(*node));
  }
  return text;
}

Status wrong_format() { return {Code::invalid_argument, "this format does not fit here"}; }

std::string_view name_of(ops::TypeSet types) {
  switch (types) {
    case ops::TypeSet::any: return "any";
    case ops::TypeSet::values: return "any, lists";
    case ops::TypeSet::floats: return "floats";
    case ops::TypeSet::numeric: return "numbers";
    case ops::TypeSet::integers: return "integers";
    case ops::TypeSet::boolean: return "bool";
    case ops::TypeSet::boolean_or_integers: return "bool, integers";
  }
  return "";
}

// Whether it runs as a program over elements where its inputs are floats.
bool is_pointwise(const ops::Operator& op) {
  ir::Graph graph;
  std::vector<ir::Value*> inputs;
  for (int i = 0; i < op.min_inputs; ++i) inputs.push_back(graph.add_input("x", ir::Type::tensor(DType::f32, {2})));
  ir::Node* node = graph.add_node(std::string(op.name), inputs);
  node->output()->type = ir::Type::tensor(DType::f32, {2});
  return ops::pointwise_program_of(*node).has_value();
}

Json operators_json() {
  Json list = Json::array();
  for (const ops::Operator& op : ops::all_operators())
    list.push_back({{"name", op.name}, {"since", op.since}, {"min_inputs", op.min_inputs}, {"max_inputs", op.max_inputs},
                    {"max_outputs", op.max_outputs}, {"types", name_of(op.types)}, {"pointwise", is_pointwise(op)}});
  for (const PluginInfo& p : list_plugins())
    list.push_back({{"name", p.op}, {"since", {p.version}}, {"min_inputs", 0}, {"max_inputs", -1}, {"max_outputs", -1},
                    {"plugin", p.library}});
  return list;
}

Json plugins_json() {
  Json list = Json::array();
  for (const PluginInfo& p : list_plugins()) {
    Json runs_on = Json::array();
    if (p.on_cpu) runs_on.push_back("cpu");
    if (p.on_gpu) runs_on.push_back("cuda");
    list.push_back({{"name", p.name}, {"domain", p.domain}, {"version", p.version}, {"runs_on", runs_on},
                    {"library", p.library}});
  }
  return list;
}

Json tactics_json() {
  Json list = Json::array();
  for (const cpu::Tactic* tactic : cpu::all_tactics())
    list.push_back({{"name", tactic->name}, {"version", tactic->version}, {"operators", tactic->operators}});
  for (const cuda::Tactic* tactic : cuda::all_tactics())
    list.push_back({{"name", tactic->name}, {"version", tactic->version}, {"operators", tactic->operators}});
  return list;
}

Json devices_json() {
  const cpu::Machine machine = cpu::this_machine();
  Json list = Json::array({{{"name", machine.device()}, {"processor", machine.processor}, {"threads", machine.threads},
                            {"l2_bytes", machine.l2_bytes}}});
  const Result<std::vector<cuda::Device>> gpus = cuda::list_devices();
  if (!gpus.ok()) list.push_back({{"name", "cuda"}, {"processor", "not here: " + gpus.status().message()}, {"threads", "-"}});
  if (gpus.ok())
    for (const cuda::Device& gpu : *gpus)
      list.push_back({{"name", "cuda:" + std::to_string(gpu.ordinal)},
                      {"processor", gpu.name + " (" + gpu.architecture() + ", " + std::to_string(gpu.multiprocessors) +
                                        " multiprocessors, " + std::to_string(gpu.memory_bytes >> 30) + " GiB)"},
                      {"threads", "-"},
                      {"l2_bytes", gpu.l2_bytes}});
  const Result<std::string> compiler = cuda::compiler_version();
  list.push_back({{"name", "nvrtc"},
                  {"processor", compiler.ok() ? "compiles for GPUs, version " + *compiler
                                              : "not here: " + compiler.status().message()},
                  {"threads", "-"}});
  for (const cuda::VendorLibrary& library : cuda::vendor_libraries()) {
    const Result<std::string> version = library.version();
    const std::string what(library.rows);
    list.push_back({{"name", library.name},
                    {"processor", version.ok() ? "may run " + what + " of GPUs where a build allows it or compares with "
                                                     "it, version " + *version
                                               : "not here, so " + what + " run on Vivace's own kernels alone and are "
                                                     "compared with none: " + version.status().message()},
                    {"threads", "-"}});
  }
  return list;
}

// A table of a list of objects, columns as wide as they need to be.
std::string table(const Json& list, const std::vector<std::string>& columns) {
  std::vector<std::vector<std::string>> rows = {columns};
  for (const Json& item : list) {
    std::vector<std::string>& row = rows.emplace_back();
    for (const std::string& column : columns) {
      const Json cell = item.value(column, Json(""));
      std::string text;
      if (cell.is_array())
        for (const Json& part : cell) text += (text.empty() ? "" : ",") + (part.is_string() ? part.get<std::string>() : part.dump());
      else text = cell.is_string() ? cell.get<std::string>() : cell.dump();
      row.push_back(std::move(text));
    }
  }
  std::vector<size_t> widths(columns.size());
  for (const auto& row : rows)
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string text;
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c)
      text += c + 1 < row.size() ? fmt::format("{:{}}  ", row[c], widths[c]) : row[c] + "\n";
  }
  return text;
}

vivace_status list(vivace_format format, char** text, Json (*make)(), const std::vector<std::string>& columns) {
  return guard([&]() -> Status {
    VIVACE_NEED(text);
    if (format != VIVACE_TEXT && format != VIVACE_JSON) return wrong_format();
    *text = copy_text(format == VIVACE_JSON ? dump(make()) : table(make(), columns));
    return {};
  });
}

}  // namespace

Result<std::string> describe(const ir::Graph& graph, vivace_format format) {
  switch (format) {
    case VIVACE_TEXT: return describe_text(graph);
    case VIVACE_JSON: return dump(describe_json(graph));
    case VIVACE_GRAPH: return ir::print(graph);
    case VIVACE_DOT: return ir::to_dot(graph);
    case VIVACE_SVG: return ir::to_svg(graph);
    default: return wrong_format();
  }
}

std::string picture(const plan::Program& program) {
  std::map<const ir::Node*, const plan::Choice*> choices;
  size_t next = 0;
  for (const auto& node : program.graph->nodes()) choices[node.get()] = &program.choices[next++];
  return ir::to_svg(*program.graph, [&](const ir::Node& node) {
    const plan::Choice& choice = *choices.at(&node);
    return fmt::format("{} {:.1f} us", choice.tactic, choice.seconds * 1e6);
  });
}

Result<std::string> describe(const runtime::Engine& engine, vivace_format format) {
  if (format == VIVACE_SVG) return picture(engine.executor().program());
  if (format == VIVACE_GRAPH || format == VIVACE_DOT) return describe(engine.executor().graph(), format);
  if (format != VIVACE_TEXT && format != VIVACE_JSON) return wrong_format();
  std::vector<Shape> optimum;
  for (const plan::ShapeRange& range : engine.ranges()) optimum.push_back(range.opt);
  VIVACE_ASSIGN(const backends::MemoryUse memory, engine.memory_use(optimum));
  return format == VIVACE_TEXT ? describe_text(engine, memory) : dump(describe_json(engine, memory, optimum));
}

}  // namespace vivace::api

using namespace vivace;

vivace_status vivace_list_operators(vivace_format format, char** text) {
  return api::list(format, text, api::operators_json, {"name", "since", "plugin"});
}
vivace_status vivace_list_plugins(vivace_format format, char** text) {
  return api::list(format, text, api::plugins_json, {"name", "domain", "version", "runs_on", "library"});
}
vivace_status vivace_list_tactics(vivace_format format, char** text) {
  return api::list(format, text, api::tactics_json, {"name", "version", "operators"});
}
vivace_status vivace_list_devices(vivace_format format, char** text) {
  return api::list(format, text, api::devices_json, {"name", "threads", "processor"});
}
