#include "ops/operator.h"

#include <algorithm>
#include <unordered_map>

#include "ops/extension.h"
#include "ops/extension_rows.h"

namespace vivace::ops {

// Every function named in the manifest, declared.
#define OPERATOR(name, since, inputs, outputs, types, infer_fn, reference_fn) \
  Status infer_fn(Inference&);                                                \
  Status reference_fn(Call&);
#include "ops/operators.def"
#undef OPERATOR

namespace {

struct Counts {
  int min, max;
};
constexpr int kMany = -1;
template <class... V>
std::vector<int> since(V... versions) {
  return {versions...};
}
[[maybe_unused]] constexpr Counts between(int min, int max) { return {min, max}; }
[[maybe_unused]] constexpr Counts exactly(int n) { return {n, n}; }
[[maybe_unused]] constexpr Counts at_least(int n) { return {n, kMany}; }

const std::vector<Operator>& manifest() {
  static const std::vector<Operator> rows = [] {
    using enum TypeSet;
    std::vector<Operator> list;
#define OPERATOR(name, since_versions, inputs, outputs, types, infer_fn, reference_fn)             \
  {                                                                                                \
    const Counts c = inputs;                                                                       \
    list.push_back({#name, since_versions, c.min, c.max, outputs, types, infer_fn, reference_fn}); \
  }
#include "ops/operators.def"
#undef OPERATOR
    return list;
  }();
  return rows;
}

bool allowed(TypeSet set, DType type) {
  switch (set) {
    case TypeSet::any: return type != DType::list;
    case TypeSet::values: return true;
    case TypeSet::floats: return is_float(type);
    case TypeSet::numeric: return is_float(type) || is_integer(type);
    case TypeSet::integers: return is_integer(type);
    case TypeSet::boolean: return type == DType::boolean;
    case TypeSet::boolean_or_integers: return type == DType::boolean || is_integer(type);
  }
  return false;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (std::tolower(a[i - 1]) != std::tolower(b[j - 1]));
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// What is known both by inference and by what the value's type said before (a model's declared shape).
Status merge(const ir::Node& node, ir::Value& value, const ir::Type& inferred) {
  std::optional<ir::Type> merged = ir::narrowed_type(inferred, value.type);
  if (!merged) {
    const bool shapes = !inferred.is_list() && !value.type.is_list() &&
                        (inferred.dtype == value.type.dtype || inferred.dtype == DType::undefined);
    const std::string how = !shapes                                ? "has type"
                            : inferred.rank() != value.type.rank() ? "its rank is that of"
                                                                   : "its shape works out as";
    return {Code::invalid_model, node.describe() + ": output '" + value.name + "' is declared as " +
                                     value.type.to_string() + " but " + how + " " + inferred.to_string()};
  }
  value.type = *std::move(merged);
  return {};
}

}  // namespace

std::span<const Operator> all_operators() { return manifest(); }

const Operator* find_operator(std::string_view name) {
  static const std::unordered_map<std::string_view, const Operator*> index = [] {
    std::unordered_map<std::string_view, const Operator*> map;
    for (const Operator& row : manifest()) map.emplace(row.name, &row);
    return map;
  }();
  const auto at = index.find(name);
  return at == index.end() ? find_extension_row(name) : at->second;
}

std::vector<std::string> similar_operators(std::string_view name) {
  std::vector<std::pair<size_t, std::string>> near;
  for (const Operator& row : manifest()) {
    const size_t distance = edit_distance(name, row.name);
    if (distance <= 1 + name.size() / 4) near.emplace_back(distance, row.name);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < near.size() && i < 3; ++i) names.push_back(near[i].second);
  return names;
}

namespace {
// Shapes and axes are followed through the graph, longer integer tensors are data.
constexpr int64_t kMostKnown = 64;
}  // namespace

Inference::Inference(const ir::Node& n) : node(n), attributes(n.attributes) {
  for (const ir::Value* input : n.inputs()) {
    present.push_back(input != nullptr);
    types.push_back(input ? input->type : ir::Type{});
    constants.push_back(input && input->is_constant() ? &input->constant() : nullptr);
    knowns.push_back(input ? input->known : std::nullopt);
  }
  while (!present.empty() && !present.back()) {
    present.pop_back();
    types.pop_back();
    constants.pop_back();
    knowns.pop_back();
  }
  outputs.resize(n.outputs().size());
  output_knowns.resize(n.outputs().size());
}

std::optional<std::vector<int64_t>> Inference::numbers(size_t i) const {
  if (const Tensor* tensor = constant(i); tensor && is_integer(tensor->type())) return to_int64(*tensor);
  const std::optional<ir::Dims> elements = known(i);
  return elements ? ir::to_shape(*elements) : std::nullopt;
}

void Inference::set_input(size_t i, ir::Type type, const Tensor* value) {
  types[i] = std::move(type);
  constants[i] = value;
  knowns[i] = std::nullopt;
  if (!value || !is_integer(value->type()) || value->shape().size() > 1 || value->count() > kMostKnown) return;
  const std::vector<int64_t> numbers = to_int64(*value);
  knowns[i] = ir::Dims(numbers.begin(), numbers.end());
}

ir::Type type_of_value(const ir::Node& node, size_t i, const TensorView& value) {
  if (value.type != DType::list) return ir::Type::tensor(value.type, ir::to_dims(value.shape));
  const ir::Value* declared = node.input(i);
  return declared && declared->type.is_list() ? declared->type : ir::Type::of_unknown(ir::Kind::sequence);
}

void Inference::set(size_t i, ir::Type type) {
  if (i < outputs.size()) outputs[i] = std::move(type);
}
void Inference::set(size_t i, DType dtype, ir::Dims dims) { set(i, ir::Type::tensor(dtype, std::move(dims))); }
void Inference::set_known(size_t i, ir::Dims elements) {
  if (i < output_knowns.size() && static_cast<int64_t>(elements.size()) <= kMostKnown)
    output_knowns[i] = std::move(elements);
}
Status Inference::error(const std::string& what) const { return {Code::invalid_model, node.describe() + ": " + what}; }
Status Call::error(const std::string& what) const { return {Code::invalid_argument, node.describe() + ": " + what}; }

namespace {

Status check_against_manifest(const Operator& row, const Inference& in) {
  const int64_t captures = in.attributes.integer("captures");
  if (captures < 0 || captures > static_cast<int64_t>(in.input_count()))
    return in.error("captures must count some of its " + std::to_string(in.input_count()) + " inputs");
  const int inputs = static_cast<int>(static_cast<int64_t>(in.input_count()) - captures);
  if (inputs < row.min_inputs || (row.max_inputs != kMany && inputs > row.max_inputs))
    return in.error("it has " + std::to_string(inputs) + " inputs; " + std::string(row.name) + " takes " +
                    std::to_string(row.min_inputs) +
                    (row.max_inputs == kMany            ? " or more"
                     : row.max_inputs == row.min_inputs ? ""
                                                        : " to " + std::to_string(row.max_inputs)));
  for (int i = 0; i < row.min_inputs; ++i)
    if (!in.has(static_cast<size_t>(i))) return in.error("input " + std::to_string(i) + " is required");
  if (row.max_outputs != kMany && static_cast<int>(in.output_count()) > row.max_outputs)
    return in.error("it has " + std::to_string(in.output_count()) + " outputs; " + std::string(row.name) +
                    " makes at most " + std::to_string(row.max_outputs));
  if (in.input_count() > 0 && in.has(0) && in.dtype(0) != DType::undefined && !allowed(row.types, in.dtype(0)))
    return in.error("input 0 has type " +
                    (in.type(0).is_list() ? in.type(0).to_string() : std::string(to_string(in.dtype(0)))) + ", which " +
                    std::string(row.name) + " does not take");
  if (row.types == TypeSet::values) return {};
  for (size_t i = 1; i < in.input_count(); ++i)
    if (in.type(i).is_list())
      return in.error("input " + std::to_string(i) + " is a " + in.type(i).to_string() + ", not a tensor");
  return {};
}

}  // namespace

Status infer(Inference& in) {
  const ir::Node& node = in.node;
  const Operator* row = find_operator(node.op);
  if (!row) return unknown_operator(node);
  VIVACE_TRY(check_against_manifest(*row, in));
  return row->infer(in);
}

Status infer_node(ir::Node& node) {
  if (const auto extension = find_extension(node.op)) VIVACE_TRY(extension->settle(node));
  Inference in(node);
  VIVACE_TRY(infer(in));
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    VIVACE_TRY(merge(node, *node.outputs()[i], in.outputs[i]));
    if (in.output_knowns[i]) node.outputs()[i]->known = in.output_knowns[i];
  }
  return {};
}

Status infer_graph(ir::Graph& graph) {
  for (ir::Node* node : graph.node_list()) VIVACE_TRY(infer_node(*node));
  return {};
}

Status compute(Call& call) {
  const auto empty = [](const TensorView& t) { return t.type != DType::undefined && t.count() == 0; };
  if (!call.outputs.empty() && std::all_of(call.outputs.begin(), call.outputs.end(), empty)) return {};
  const Operator* row = find_operator(call.node.op);
  return row ? row->reference(call) : unknown_operator(call.node);
}

Result<std::vector<Tensor>> run_reference(const ir::Node& node, const std::vector<Tensor>& inputs, ThreadPool* pool) {
  Inference in(node);
  for (size_t i = 0; i < in.types.size() && i < inputs.size(); ++i)
    if (in.present[i]) in.set_input(i, type_of_value(node, i, inputs[i]), &inputs[i]);
  VIVACE_TRY(infer(in));
  std::vector<Tensor> made(node.outputs().size());
  Call call(node);
  call.pool = pool;
  for (size_t i = 0; i < node.inputs().size(); ++i)
    call.inputs.push_back(node.inputs()[i] && i < inputs.size() ? inputs[i].view() : TensorView{});
  call.outputs.resize(made.size());
  call.allocate = [&](size_t i, DType type, const Shape& shape) -> Status {
    VIVACE_ASSIGN(made[i], Tensor::allocate(type, shape));
    call.outputs[i] = made[i].view();
    return {};
  };
  call.run_subgraph = [&](std::string_view attribute,
                          const std::vector<Tensor>& arguments) -> Result<std::vector<Tensor>> {
    const ir::Graph* body = node.subgraph(attribute);
    if (!body) return Status(Code::internal, node.describe() + ": no subgraph '" + std::string(attribute) + "'");
    return run_graph_reference(*body, arguments, nullptr, pool);
  };
  for (size_t i = 0; i < made.size(); ++i)
    if (const auto shape = in.outputs[i].shape()) VIVACE_TRY(call.allocate(i, in.outputs[i].dtype, *shape));
  VIVACE_TRY(compute(call));
  return made;
}

Result<std::vector<Tensor>> run_graph_reference(const ir::Graph& graph, const std::vector<Tensor>& inputs,
                                                std::vector<Tensor>* keep, ThreadPool* pool) {
  std::vector<Tensor> values(static_cast<size_t>(graph.value_id_limit()));
  const auto at = [&](const ir::Value* v) -> Tensor& { return values[static_cast<size_t>(v->id())]; };
  if (inputs.size() != graph.inputs().size())
    return Status(Code::invalid_argument, "graph '" + graph.name + "' takes " + std::to_string(graph.inputs().size()) +
                                              " inputs, not " + std::to_string(inputs.size()));
  for (size_t i = 0; i < inputs.size(); ++i) at(graph.inputs()[i]) = inputs[i];
  for (const ir::Value* v : graph.values())
    if (v->is_constant()) at(v) = v->constant();
  // A value is dropped after its last use unless the caller wants them all.
  std::vector<size_t> left(values.size());
  for (const ir::Value* v : graph.values())
    left[static_cast<size_t>(v->id())] = v->uses().size() + static_cast<size_t>(v->output_count());
  for (const auto& node : graph.nodes()) {
    std::vector<Tensor> arguments;
    for (const ir::Value* v : node->inputs()) arguments.push_back(v ? at(v) : Tensor());
    VIVACE_ASSIGN(std::vector<Tensor> made, run_reference(*node, arguments, pool));
    for (size_t i = 0; i < made.size(); ++i) at(node->outputs()[i]) = std::move(made[i]);
    if (keep) continue;
    for (const ir::Value* v : node->inputs())
      if (v && --left[static_cast<size_t>(v->id())] == 0) at(v) = Tensor();
  }
  std::vector<Tensor> outputs;
  for (const ir::Value* v : graph.outputs()) outputs.push_back(at(v));
  if (keep) *keep = std::move(values);
  return outputs;
}

}  // namespace vivace::ops
