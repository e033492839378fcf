#include "frontends/onnx/graph_reader.h"

#include <cctype>

#include "base/log.h"

namespace vivace::onnx {

namespace {

Status bad(const std::string& what) { return {Code::invalid_model, what}; }

// Exporters write expressions ("past + 1") and free text as names of dimensions; symbols are identifiers.
std::string symbol_name(Bytes param) {
  std::string name(param);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') c = '_';
  if (std::isdigit(static_cast<unsigned char>(name[0]))) name = "d" + name;
  return name;
}

Result<ir::Dims> read_dims(const std::vector<proto::Dimension>& from) {
  ir::Dims dims;
  for (const proto::Dimension& d : from) {
    if (d.value && *d.value < -1) return bad("dimension " + std::to_string(*d.value) + " is negative");
    if (d.value && *d.value >= 0) dims.push_back(ir::Dim(*d.value));
    else if (!d.param.empty()) dims.push_back(ir::Dim::symbol(symbol_name(d.param)));
    else dims.push_back(ir::Dim());  // -1 is how some exporters write "unknown"
  }
  return dims;
}

}  // namespace

Status too_deep() {
  return {Code::unsupported, "subgraphs, functions or types are nested more than " + std::to_string(kMaxDepth) + " deep"};
}

Opsets read_opsets(const std::vector<proto::Opset>& imports) {
  Opsets opsets;
  for (const proto::Opset& o : imports) opsets[o.domain == "ai.onnx" ? "" : std::string(o.domain)] = o.version;
  return opsets;
}

Result<ir::Type> read_type(Bytes message, int depth) {
  if (depth > kMaxDepth) return too_deep();
  const proto::Type proto = proto::decode_type(message);
  ir::Type type;
  switch (proto.kind) {
    case proto::Type::Kind::none: return type;
    case proto::Type::Kind::sparse_tensor: return Status(Code::unsupported, "sparse tensors are only supported as constants");
    case proto::Type::Kind::tensor: break;
    case proto::Type::Kind::sequence: type.kind = ir::Kind::sequence; break;
    case proto::Type::Kind::map: type.kind = ir::Kind::map; break;
    case proto::Type::Kind::optional: type.kind = ir::Kind::optional; break;
  }
  if (type.kind == ir::Kind::tensor || type.kind == ir::Kind::map) {
    DType& elements = type.is_list() ? type.key : type.dtype;
    elements = dtype_of_number(proto.element);
    if (elements == DType::undefined && proto.element != 0)
      return bad("element type " + std::to_string(proto.element) + " is not one of the standard's");
  }
  if (type.is_list()) {
    type.dtype = DType::list;
    VIVACE_ASSIGN(ir::Type inner, read_type(proto.inner, depth + 1));
    if (inner.known()) type.element = std::make_shared<const ir::Type>(std::move(inner));
  } else if (proto.dims) {
    VIVACE_ASSIGN(type.dims, read_dims(*proto.dims));
  }
  return type;
}

Result<std::unique_ptr<ir::Graph>> GraphReader::read() {
  opsets_ = read_opsets(model_.opsets);
  if (model_.ir_version < 3 && model_.opsets.empty()) opsets_[""] = 1;
  const proto::Graph proto = proto::decode_graph(model_.graph);
  VIVACE_TRY(index_functions());
  if (Status status = check_operators(proto.nodes); !status.ok()) {
    if (missing_.empty()) return status;
    problems_.push_back(std::move(status));  // the others' problems are told too
  }
  auto graph = std::make_unique<ir::Graph>();
  Scope scope{*graph, opsets_};
  VIVACE_TRY(read_declared(proto.value_info, scope));
  VIVACE_TRY(read_inputs(proto, scope));
  const Status status = read_graph(proto, scope);
  if (!problems_.empty()) return all_problems();
  VIVACE_TRY(status);
  return graph;
}

Status GraphReader::all_problems() const {
  constexpr size_t kShown = 20;
  std::string text;
  for (size_t i = 0; i < problems_.size() && i < kShown; ++i) text += (i ? "\n  " : "") + problems_[i].message();
  if (problems_.size() == 1) return {problems_[0].code(), text};
  if (problems_.size() > kShown) text += "\n  and " + std::to_string(problems_.size() - kShown) + " more";
  if (unread_ > 0) text += "\n  (not looked at, for they need what these make: " + std::to_string(unread_) + " nodes)";
  return {problems_[0].code(), std::to_string(problems_.size()) + " problems:\n  " + text};
}

// Everything after the inputs.
Status GraphReader::read_graph(const proto::Graph& proto, Scope& scope) {
  scope.graph.name = std::string(proto.name);
  VIVACE_TRY(read_declared(proto.outputs, scope));
  VIVACE_TRY(read_initializers(proto, scope));
  VIVACE_TRY(read_nodes(proto.nodes, scope));
  return read_outputs(proto, scope);
}

Status GraphReader::read_inputs(const proto::Graph& proto, Scope& scope) {
  std::unordered_set<Bytes> initialized;
  if (!options_.overridable_initializers)
    for (const Bytes message : proto.initializers) initialized.insert(proto::decode_tensor_name(message));
  for (const Bytes message : proto.inputs) {
    const proto::ValueInfo info = proto::decode_value_info(message);
    if (initialized.contains(info.name)) continue;
    const std::string where = "input '" + std::string(info.name) + "'";
    if (info.name.empty()) return bad("an input has no name");
    Result<ir::Type> type = read_type(info.type.value_or(Bytes()));
    if (!type.ok()) return type.status().within(where);
    if (scope.depth == 0 && type->dtype == DType::undefined)
      return bad(where + " has no element type");
    VIVACE_TRY(define(scope, info.name, scope.graph.add_input(scope.prefix + std::string(info.name), *type)));
  }
  return {};
}

Status GraphReader::read_initializers(const proto::Graph& proto, Scope& scope) {
  const auto add = [&](Bytes name, Result<Tensor> tensor) -> Status {
    if (!tensor.ok()) return tensor.status().within("initializer '" + std::string(name) + "'");
    if (options_.overridable_initializers && scope.values.contains(name) && scope.depth == 0) return {};
    return define(scope, name, scope.graph.add_constant(std::move(tensor).value(), scope.prefix + std::string(name)));
  };
  for (const Bytes message : proto.initializers) {
    proto::Tensor tensor = proto::decode_tensor(message);
    const auto own = options_.initializers.find(tensor.name);
    if (own == options_.initializers.end()) {
      VIVACE_TRY(add(tensor.name, tensors_.read(tensor)));
      continue;
    }
    tensor.raw = Bytes(reinterpret_cast<const char*>(own->second.data()), own->second.size());
    tensor.data_location = 0;
    VIVACE_TRY(add(tensor.name, TensorReader({}, {}, 0).read(tensor)));  // copies: the caller's memory may go
  }
  for (const Bytes message : proto.sparse_initializers)
    VIVACE_TRY(add(proto::decode_tensor_name(proto::decode_sparse_tensor(message).values), tensors_.read_sparse(message)));
  return {};
}

// Declared types help where inference knows less; one that cannot be read is not worth an error.
Status GraphReader::read_declared(const std::vector<Bytes>& value_infos, Scope& scope) {
  for (const Bytes message : value_infos) {
    const proto::ValueInfo info = proto::decode_value_info(message);
    if (!info.type) continue;
    Result<ir::Type> type = read_type(*info.type);
    if (type.ok()) scope.declared[info.name] = std::move(type).value();
    else log(Severity::warning, "value '" + std::string(info.name) + "': declared type ignored: " + type.status().message());
  }
  return {};
}

Status GraphReader::read_outputs(const proto::Graph& proto, Scope& scope) {
  std::unordered_set<Bytes> seen;
  for (const Bytes message : proto.outputs) {
    const proto::ValueInfo info = proto::decode_value_info(message);
    const std::string where = "output '" + std::string(info.name) + "'";
    const auto at = scope.values.find(info.name);
    if (at == scope.values.end() || !at->second) return bad(where + " is made by no node");
    if (scope.depth == 0 && !seen.insert(info.name).second) return bad(where + " is listed twice");
    if (const auto declared = scope.declared.find(info.name); declared != scope.declared.end())
      VIVACE_TRY(apply_declared(*at->second, declared->second, scope.depth == 0));
    scope.graph.mark_output(at->second, std::string(info.name));
  }
  return {};
}

// Takes what inference does not know from the declared type. Inference is right where the two clash, but an output
// of another element type than the model promises (strict) is an error.
Status GraphReader::apply_declared(ir::Value& value, const ir::Type& declared, bool strict) const {
  ir::Type& type = value.type;
  const auto clash = [&]() -> Status {
    const std::string what = "'" + value.name + "' is declared as " + declared.to_string() + " but works out as " + type.to_string();
    const bool same_elements = type.kind == declared.kind && type.dtype == declared.dtype;
    if (strict && !same_elements) return bad(what);
    log(Severity::warning, what + "; the declaration is ignored");
    return {};
  };
  if (!type.known()) type = declared;
  if (declared.dtype == DType::undefined) return {};
  if (type.is_list() || declared.is_list()) {
    std::optional<ir::Type> both = ir::narrowed_type(type, declared);
    if (!both) return clash();
    type = *std::move(both);
    return {};
  }
  if (type.dtype == DType::undefined) type.dtype = declared.dtype;
  if (type.dtype != declared.dtype) return clash();
  if (!declared.dims) return {};
  if (!type.dims) type.dims = declared.dims;
  if (type.dims->size() != declared.dims->size()) return clash();
  for (size_t i = 0; i < type.dims->size(); ++i) {
    ir::Dim& d = (*type.dims)[i];
    const ir::Dim& said = (*declared.dims)[i];
    if (d.known() && said.known() && !d.same(said)) return clash();
    if (!d.known() && d.symbol().empty()) d = said;
  }
  return {};
}

}  // namespace vivace::onnx
