#include "tensorrt/metadata.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace vivace::tensorrt {

namespace {

using Entries = std::map<std::string, std::string>;

const std::string kMark = "tensorrt.";
constexpr size_t kMaxRank = 64;

Status corrupt(const std::string& key) {
  return {Code::corrupt_file, "the plan is damaged: its entry '" + key + "' makes no sense; build the plan again"};
}

std::string to_list(const Shape& values) {
  std::string text;
  for (const int64_t v : values) text += (text.empty() ? "" : ",") + std::to_string(v);
  return text;
}

bool read_number(std::string_view text, int64_t& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

bool read_list(std::string_view text, Shape& into) {
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    if (!read_number(text.substr(0, comma), into.emplace_back())) return false;
    if (comma + 1 == text.size()) return false;  // nothing follows
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return true;
}

std::string to_text(const plan::ShapeRange& range) {
  return to_list(range.min) + ";" + to_list(range.opt) + ";" + to_list(range.max);
}

bool read_range(std::string_view text, plan::ShapeRange& into) {
  const size_t first = text.find(';');
  const size_t second = first == text.npos ? first : text.find(';', first + 1);
  return second != text.npos && read_list(text.substr(0, first), into.min) &&
         read_list(text.substr(first + 1, second - first - 1), into.opt) &&
         read_list(text.substr(second + 1), into.max) && into.min.size() == into.opt.size() &&
         into.opt.size() == into.max.size();
}

std::string binding_key(size_t i) { return kMark + "binding." + std::to_string(i); }
std::string profile_key(size_t i) { return kMark + "profile." + std::to_string(i); }

// Reads entries; the first that makes no sense stays as the status.
struct Reader {
  const Entries& entries;
  Status status = {};

  const std::string* find(const std::string& key) const {
    const auto at = entries.find(key);
    return at == entries.end() ? nullptr : &at->second;
  }
  void fail(const std::string& key) {
    if (status.ok()) status = corrupt(key);
  }
  template <class T>
  void number(const std::string& key, T& into, int64_t least, int64_t most) {
    const std::string* text = find(key);
    if (!text) return;
    int64_t value = 0;
    if (!read_number(*text, value) || value < least || value > most) return fail(key);
    into = static_cast<T>(value);
  }

  std::vector<std::string> names(const std::string& key) const {
    std::vector<std::string> made;
    while (const std::string* name = find(key + "." + std::to_string(made.size()))) made.push_back(*name);
    return made;
  }

  void binding(const std::string& key, Binding& into) {
    into.name = *find(key);
    number(key + ".input", into.input, 0, 1);
    number(key + ".shape_tensor", into.shape_tensor, 0, 1);
    number(key + ".formats", into.formats, 0, UINT32_MAX);
    number(key + ".host", into.host, 0, 1);
    const std::string* dims = find(key + ".dims");
    if (!dims || !read_list(*dims, into.dims) || into.dims.size() > kMaxRank ||
        std::any_of(into.dims.begin(), into.dims.end(), [](int64_t d) { return d < -1; }))
      fail(key + ".dims");
  }

  void ranges(const std::string& key, const std::vector<Binding>& bindings,
              std::map<std::string, plan::ShapeRange>& into) {
    for (size_t i = 0; i < bindings.size(); ++i) {
      const std::string own = key + "." + std::to_string(i);
      const std::string* text = find(own);
      if (text && (!bindings[i].input || !read_range(*text, into[bindings[i].name]))) fail(own);
    }
  }
};

void write_ranges(const std::string& key, const std::vector<Binding>& bindings,
                  const std::map<std::string, plan::ShapeRange>& ranges, Entries& to) {
  for (size_t i = 0; i < bindings.size(); ++i)
    if (const auto at = ranges.find(bindings[i].name); at != ranges.end() && bindings[i].input)
      to[key + "." + std::to_string(i)] = to_text(at->second);
}

Shape declared_dims(const ir::Type& type) {
  Shape dims;
  if (type.dims)
    for (const ir::Dim& d : *type.dims) dims.push_back(d.known() ? d.value() : -1);
  return dims;
}

void write_names(const std::string& key, const std::vector<std::string>& names, Entries& to) {
  for (size_t i = 0; i < names.size(); ++i) to[key + "." + std::to_string(i)] = names[i];
}

Metadata without_entries(const plan::Plan& plan) {
  Metadata made;
  made.name = plan.name;
  const ir::Graph& graph = *plan.program.graph;
  Profile profile;
  for (size_t i = 0; i < graph.inputs().size(); ++i) {
    const ir::Value& input = *graph.inputs()[i];
    made.bindings.push_back({input.name, true, false, declared_dims(input.type)});
    profile.shapes[input.name] = plan.ranges[i];
  }
  for (size_t i = 0; i < graph.outputs().size(); ++i)
    made.bindings.push_back({graph.output_name(i), false, false, declared_dims(graph.outputs()[i]->type)});
  made.profiles.push_back(std::move(profile));
  return made;
}

// The engine's inputs and outputs are the bindings, each once, and outputs for debugging.
Status check_bindings(const Metadata& metadata, const ir::Graph& graph) {
  std::multiset<std::string> inputs, outputs, bound_inputs, bound_outputs;
  for (const ir::Value* input : graph.inputs()) inputs.insert(input->name);
  for (size_t i = 0; i < graph.outputs().size(); ++i) outputs.insert(graph.output_name(i));
  for (const Binding& binding : metadata.bindings) (binding.input ? bound_inputs : bound_outputs).insert(binding.name);
  for (const std::string& name : metadata.debug)
    if (!bound_outputs.contains(name)) bound_outputs.insert(name);
  if (inputs != bound_inputs || outputs != bound_outputs) return corrupt(binding_key(0));
  return {};
}

}  // namespace

std::map<std::string, std::string> to_entries(const Metadata& metadata) {
  Entries to;
  to[kMark + "name"] = metadata.name;
  for (size_t i = 0; i < metadata.bindings.size(); ++i) {
    const Binding& binding = metadata.bindings[i];
    const std::string key = binding_key(i);
    to[key] = binding.name;
    to[key + ".dims"] = to_list(binding.dims);
    to[key + ".input"] = binding.input ? "1" : "0";
    if (binding.shape_tensor) to[key + ".shape_tensor"] = "1";
    if (binding.formats != 1) to[key + ".formats"] = std::to_string(binding.formats);
    if (binding.host) to[key + ".host"] = "1";
  }
  to[kMark + "profiles"] = std::to_string(metadata.profiles.size());
  for (size_t i = 0; i < metadata.profiles.size(); ++i) {
    write_ranges(profile_key(i) + ".shape", metadata.bindings, metadata.profiles[i].shapes, to);
    write_ranges(profile_key(i) + ".values", metadata.bindings, metadata.profiles[i].values, to);
  }
  if (metadata.implicit_batch) to[kMark + "max_batch"] = std::to_string(metadata.max_batch);
  if (metadata.refittable) to[kMark + "refittable"] = "1";
  write_names(kMark + "refittable", metadata.refittable_weights, to);
  write_names(kMark + "debug", metadata.debug, to);
  if (metadata.unfused_debug) to[kMark + "unfused_debug"] = "1";
  if (metadata.weight_streaming) to[kMark + "weight_streaming"] = "1";
  if (metadata.stripped_bytes) to[kMark + "stripped_bytes"] = std::to_string(metadata.stripped_bytes);
  to[kMark + "profiling_verbosity"] = std::to_string(metadata.profiling_verbosity);
  to[kMark + "engine_capability"] = std::to_string(metadata.engine_capability);
  to[kMark + "hardware_compatibility"] = std::to_string(metadata.hardware_compatibility);
  return to;
}

void describe(plan::Plan& plan, const Metadata& metadata) {
  std::erase_if(plan.metadata, [](const auto& entry) { return entry.first.rfind(kMark, 0) == 0; });
  plan.metadata.merge(to_entries(metadata));
}

Result<Metadata> metadata_of(const plan::Plan& plan) {
  Reader reader{plan.metadata};
  const std::string* name = reader.find(kMark + "name");
  if (!name) return without_entries(plan);
  Metadata made;
  made.name = *name;
  for (size_t i = 0; reader.find(binding_key(i)); ++i) reader.binding(binding_key(i), made.bindings.emplace_back());
  size_t profiles = 0;
  reader.number(kMark + "profiles", profiles, 1, 1 << 16);
  if (profiles == 0) reader.fail(kMark + "profiles");
  made.profiles.resize(profiles);
  for (size_t i = 0; i < profiles; ++i) {
    reader.ranges(profile_key(i) + ".shape", made.bindings, made.profiles[i].shapes);
    reader.ranges(profile_key(i) + ".values", made.bindings, made.profiles[i].values);
  }
  made.implicit_batch = reader.find(kMark + "max_batch") != nullptr;
  reader.number(kMark + "max_batch", made.max_batch, 1, INT32_MAX);
  reader.number(kMark + "refittable", made.refittable, 0, 1);
  made.refittable_weights = reader.names(kMark + "refittable");
  made.debug = reader.names(kMark + "debug");
  reader.number(kMark + "unfused_debug", made.unfused_debug, 0, 1);
  reader.number(kMark + "weight_streaming", made.weight_streaming, 0, 1);
  reader.number(kMark + "stripped_bytes", made.stripped_bytes, 1, INT64_MAX);
  reader.number(kMark + "profiling_verbosity", made.profiling_verbosity, 0, INT32_MAX);
  reader.number(kMark + "engine_capability", made.engine_capability, 0, INT32_MAX);
  reader.number(kMark + "hardware_compatibility", made.hardware_compatibility, 0, INT32_MAX);
  VIVACE_TRY(reader.status);
  VIVACE_TRY(check_bindings(made, *plan.program.graph));
  return made;
}

}  // namespace vivace::tensorrt
