#include "ops/extension.h"

#include <deque>
#include <map>
#include <shared_mutex>

#include "ops/extension_rows.h"

namespace vivace::ops {

namespace {

// A row stays when its extension goes, for somebody may still hold its address.
struct Entry {
  std::string name;
  Operator row;
  std::shared_ptr<const Extension> extension;
};

struct Registry {
  std::shared_mutex mutex;
  std::deque<Entry> entries;
  std::map<std::string_view, Entry*> by_name;

  Entry* find(std::string_view op) {
    const auto at = by_name.find(op);
    return at == by_name.end() ? nullptr : at->second;
  }
};

// Never destroyed: extensions may come from libraries, or call interpreters, that leave before this one.
Registry& registry() {
  static auto* made = new Registry();
  return *made;
}

Status missing(const ir::Node& node) {
  const auto dot = node.op.rfind('.');
  const std::string domain = dot == std::string::npos ? "" : node.op.substr(0, dot);
  std::string message = node.describe() + ": plugin '" + node.op.substr(dot + 1) + "', version " +
                        std::to_string(node.attributes.integer(kPluginVersion)) + ", domain '" + domain +
                        "', is not registered; load its library";
  if (const std::string library = node.attributes.text(kPluginLibrary); !library.empty())
    message += ", which was called '" + library + "',";
  return {Code::unsupported, message + " first (--plugins FILE, vivace_load_plugins(), vivace.load_plugins())"};
}

Status infer_row(Inference& in) {
  const auto extension = find_extension(in.node.op);
  return extension ? extension->infer(in) : missing(in.node);
}

Status run_row(Call& call) {
  const auto extension = find_extension(call.node.op);
  return extension ? extension->run(call) : missing(call.node);
}

}  // namespace

void register_extension(const std::string& op, std::shared_ptr<const Extension> extension) {
  std::shared_ptr<const Extension> before;  // goes after the lock
  const std::unique_lock lock(registry().mutex);
  Entry* entry = registry().find(op);
  if (!entry) {
    entry = &registry().entries.emplace_back(Entry{op, {}, nullptr});
    entry->row = {entry->name, {1}, 0, -1, -1, TypeSet::any, infer_row, run_row};
    registry().by_name[entry->name] = entry;
  }
  before = std::exchange(entry->extension, std::move(extension));
}

std::shared_ptr<const Extension> find_extension(std::string_view op) {
  const std::shared_lock lock(registry().mutex);
  const Entry* entry = registry().find(op);
  return entry ? entry->extension : nullptr;
}

const Operator* find_extension_row(std::string_view op) {
  const std::shared_lock lock(registry().mutex);
  const Entry* entry = registry().find(op);
  return entry && entry->extension ? &entry->row : nullptr;
}

Status unknown_operator(const ir::Node& node) {
  if (node.attributes.has(kPluginVersion)) return missing(node);
  std::string message = node.describe() + ": Vivace does not know this operator";
  const std::vector<std::string> near = similar_operators(node.op);
  for (size_t i = 0; i < near.size(); ++i) message += (i ? ", " : "; similar: ") + near[i];
  return {Code::unsupported, message + ". `vivace list-operators` shows all; a plugin may bring others"};
}

Result<std::shared_ptr<const Operation>> open_extension(const ir::Node& node) {
  if (const auto extension = find_extension(node.op)) return extension->open(node);
  if (!find_operator(node.op)) return unknown_operator(node);
  return std::shared_ptr<const Operation>();
}

PlacedTensors placed_tensors(const ir::Node& node) {
  const auto placed = [](const std::vector<ir::Value*>& values) {
    std::vector<PlacedTensor> list;
    for (const ir::Value* v : values) {
      PlacedTensor& t = list.emplace_back();
      if (!v) continue;
      t.view.type = v->type.dtype;
      t.channel_block = v->type.channel_block;
      t.has_shape = v->type.dims.has_value();
      if (t.has_shape)
        for (const ir::Dim& d : *v->type.dims) t.view.shape.push_back(d.known() ? d.value() : -1);
    }
    return list;
  };
  return {placed(node.inputs()), placed(node.outputs())};
}

bool is_repeatable_extension(const ir::Node& node) {
  const auto extension = find_extension(node.op);
  return !extension || extension->repeatable(node);
}

}  // namespace vivace::ops
