// Writes plans. The metadata is made first, in memory; the weights are then copied straight from their tensors.
#include <cstring>
#include <unordered_map>

#include "base/file.h"
#include "base/hash.h"
#include "base/version.h"
#include "plan/header.h"
#include "plan/plan.h"
#include "plan/plan_generated.h"

namespace vivace::plan {

namespace {

using flatbuffers::Offset;

// FlatBuffers ends at 2 GiB; what counts here is estimated from below.
constexpr uint64_t kMetadataLimit = uint64_t{1} << 30;

struct Writer {
  flatbuffers::FlatBufferBuilder to{1 << 16};
  std::vector<format::Blob> blobs;
  std::vector<const void*> blob_data;
  uint64_t weights_bytes = 0;
  uint64_t weights_hash = 0;
  uint64_t inline_bytes = 0;  // of strings and vectors
  Status status;

  using Key = std::pair<const void*, uint64_t>;
  std::map<Key, uint32_t> blob_by_pointer;
  std::unordered_multimap<uint64_t, uint32_t> blob_by_hash;
  std::vector<Offset<format::Tensor>> tensors;
  std::map<std::tuple<const void*, uint32_t, DType, Shape>, uint32_t> tensor_index;
  std::vector<std::string> symbols;
  std::unordered_map<std::string, int64_t> symbol_index;

  bool fits(uint64_t bytes) {
    inline_bytes += bytes;
    if (inline_bytes > kMetadataLimit && status.ok())
      status = {Code::unsupported, "the plan has more than 1 GiB of strings and attributes; store large data as numbers"};
    return status.ok();
  }

  Offset<flatbuffers::String> text(const std::string& s) { return fits(s.size()) ? to.CreateString(s) : 0; }

  template <class T>
  auto vector(const std::vector<T>& values) {
    return fits(values.size() * sizeof(T)) ? to.CreateVector(values) : 0;
  }

  Offset<format::Texts> texts(std::span<const std::string> values) {
    std::vector<uint8_t> characters;
    std::vector<uint32_t> lengths;
    uint64_t bytes = values.size() * 4;
    for (const std::string& s : values) bytes += s.size();
    if (!fits(bytes)) return 0;
    for (const std::string& s : values) {
      characters.insert(characters.end(), s.begin(), s.end());
      lengths.push_back(static_cast<uint32_t>(s.size()));
    }
    const auto c = to.CreateVector(characters);
    const auto l = to.CreateVector(lengths);
    return format::CreateTexts(to, c, l);
  }

  Offset<flatbuffers::Vector<Offset<format::Option>>> pairs(const std::map<std::string, std::string>& from) {
    std::vector<Offset<format::Option>> made;
    for (const auto& [key, value] : from) {
      const auto k = text(key), v = text(value);
      made.push_back(format::CreateOption(to, k, v));
    }
    return to.CreateVector(made);
  }

  uint32_t blob(const Tensor& tensor) {
    const uint64_t bytes = tensor.bytes();
    const auto [at, fresh] = blob_by_pointer.try_emplace(Key{tensor.data(), bytes}, 0);
    if (!fresh) return at->second;
    const uint64_t hash = hash_bytes(tensor.data(), bytes);
    const auto [first, last] = blob_by_hash.equal_range(hash);
    for (auto same = first; same != last; ++same) {
      const uint32_t i = same->second;
      if (blobs[i].bytes() == bytes && (bytes == 0 || std::memcmp(blob_data[i], tensor.data(), bytes) == 0))
        return at->second = i;
    }
    const auto index = static_cast<uint32_t>(blobs.size());
    blobs.emplace_back(weights_bytes, bytes);
    blob_data.push_back(tensor.data());
    weights_bytes = align_up(weights_bytes + bytes);
    weights_hash = hash_bytes(tensor.data(), bytes, weights_hash);
    blob_by_hash.emplace(hash, index);
    return at->second = index;
  }

  uint32_t tensor(const Tensor& tensor) {
    const bool strings = tensor.type() == DType::string;
    const bool stripped = !strings && !tensor.data() && tensor.bytes() > 0;
    const uint32_t stored = stripped ? UINT32_MAX : strings ? 0 : blob(tensor);
    const void* pointer = strings ? tensor.data() : nullptr;
    const auto [at, fresh] = tensor_index.try_emplace({pointer, stored, tensor.type(), tensor.shape()}, 0);
    if (!fresh) return at->second;
    at->second = static_cast<uint32_t>(tensors.size());
    const auto values = strings ? texts(tensor.span<const std::string>()) : 0;
    const auto shape = vector(tensor.shape());
    tensors.push_back(format::CreateTensor(to, static_cast<uint8_t>(tensor.type()), shape, stored, values, stripped));
    return at->second;
  }

  Offset<flatbuffers::Vector<const format::Dim*>> dims(const std::optional<ir::Dims>& dims) {
    if (!dims) return 0;
    std::vector<format::Dim> made;
    for (const ir::Dim& d : *dims) {
      if (d.known()) {
        made.emplace_back(d.value(), static_cast<uint8_t>(DimKind::number));
      } else if (d.symbol().empty()) {
        made.emplace_back(0, static_cast<uint8_t>(DimKind::unknown));
      } else {
        const auto [at, fresh] = symbol_index.try_emplace(d.symbol(), static_cast<int64_t>(symbols.size()));
        if (fresh) symbols.push_back(d.symbol());
        made.emplace_back(at->second, static_cast<uint8_t>(DimKind::symbol));
      }
    }
    return fits(made.size() * sizeof(format::Dim)) ? to.CreateVectorOfStructs(made) : 0;
  }

  Offset<format::Type> type(const ir::Type& type) {
    const auto element = type.element ? this->type(*type.element) : 0;
    const auto sizes = dims(type.dims);
    const DType elements = type.is_list() ? type.key : type.dtype;
    return format::CreateType(to, static_cast<uint8_t>(type.kind), static_cast<uint8_t>(elements), sizes,
                              type.channel_block, element);
  }

  Offset<format::Value> value(const ir::Value& value) {
    const auto name = text(value.name);
    const auto of = type(value.type);
    return format::CreateValue(to, name, of, dims(value.known));
  }

  Offset<format::Attribute> attribute(const std::string& key, const ir::Attribute& attribute) {
    const auto name = text(key);
    Offset<flatbuffers::String> string;
    Offset<flatbuffers::Vector<int64_t>> integers;
    Offset<flatbuffers::Vector<float>> reals;
    Offset<format::Texts> strings;
    Offset<format::Graph> inner;
    uint32_t stored = 0;
    if (const auto* s = std::get_if<std::string>(&attribute)) string = text(*s);
    if (const auto* i = std::get_if<std::vector<int64_t>>(&attribute)) integers = vector(*i);
    if (const auto* f = std::get_if<std::vector<float>>(&attribute)) reals = vector(*f);
    if (const auto* t = std::get_if<std::vector<std::string>>(&attribute)) strings = texts(*t);
    if (const auto* t = std::get_if<Tensor>(&attribute)) stored = tensor(*t);
    if (const auto* g = std::get_if<std::shared_ptr<ir::Graph>>(&attribute)) inner = graph(**g);
    format::AttributeBuilder made(to);
    made.add_name(name);
    made.add_kind(static_cast<uint8_t>(attribute.index()));
    if (const auto* i = std::get_if<int64_t>(&attribute)) made.add_integer(*i);
    if (const auto* f = std::get_if<float>(&attribute)) made.add_real(*f);
    made.add_text(string);
    made.add_integers(integers);
    made.add_reals(reals);
    made.add_texts(strings);
    made.add_tensor(stored);
    made.add_graph(inner);
    return made.Finish();
  }

  Offset<format::Graph> graph(const ir::Graph& graph) {
    std::unordered_map<const ir::Value*, uint32_t> index;
    const auto number = [&](const ir::Value* v) { index.emplace(v, static_cast<uint32_t>(index.size())); };
    std::vector<Offset<format::Value>> inputs;
    for (const ir::Value* input : graph.inputs()) {
      number(input);
      inputs.push_back(value(*input));
    }
    std::vector<Offset<format::Constant>> constants;
    for (const ir::Value* v : graph.values()) {
      if (!v->is_constant()) continue;
      number(v);
      const uint32_t stored = tensor(v->constant());
      const auto described = value(*v);
      constants.push_back(format::CreateConstant(to, described, stored));
    }
    std::vector<Offset<format::Node>> nodes;
    for (const auto& node : graph.nodes()) {
      std::vector<int32_t> from;
      for (const ir::Value* input : node->inputs()) from.push_back(input ? static_cast<int32_t>(index[input]) : -1);
      std::vector<Offset<format::Value>> outputs;
      for (const ir::Value* output : node->outputs()) {
        number(output);
        outputs.push_back(value(*output));
      }
      std::vector<Offset<format::Attribute>> attributes;
      for (const auto& [key, a] : node->attributes) attributes.push_back(attribute(key, a));
      const auto name = text(node->name), op = text(node->op);
      const auto f = vector(from);
      const auto o = to.CreateVector(outputs);
      const auto a = to.CreateVector(attributes);
      nodes.push_back(format::CreateNode(to, name, op, f, o, a));
    }
    std::vector<Offset<format::Output>> outputs;
    for (size_t i = 0; i < graph.outputs().size(); ++i) {
      const auto name = text(graph.output_name(i));
      outputs.push_back(format::CreateOutput(to, name, index[graph.outputs()[i]]));
    }
    const auto name = text(graph.name);
    const auto i = to.CreateVector(inputs);
    const auto c = to.CreateVector(constants);
    const auto n = to.CreateVector(nodes);
    const auto o = to.CreateVector(outputs);
    return format::CreateGraph(to, name, i, c, n, o);
  }

  Offset<format::Program> program(const Program& program) {
    const auto lowered = graph(*program.graph);
    std::vector<Offset<format::Choice>> choices;
    for (const Choice& choice : program.choices) {
      std::vector<uint32_t> packed;
      for (const Tensor& t : choice.packed) packed.push_back(tensor(t));
      const auto tactic = text(choice.tactic), configuration = text(choice.configuration);
      const auto p = vector(packed);
      choices.push_back(format::CreateChoice(to, tactic, choice.version, configuration, p, choice.seconds, choice.beside));
    }
    std::vector<Offset<format::Body>> bodies;
    for (const auto& [where, body] : program.bodies) {
      const auto attribute = text(where.second);
      const auto inner = this->program(body);
      bodies.push_back(format::CreateBody(to, static_cast<uint32_t>(where.first), attribute, inner));
    }
    const auto c = to.CreateVector(choices);
    const auto b = to.CreateVector(bodies);
    return format::CreateProgram(to, lowered, c, b);
  }

  void plan(const Plan& plan) {
    const auto version = text(plan.origin.library_version), device = text(plan.origin.device),
               machine = text(plan.origin.machine), name = text(plan.name), report = text(plan.report);
    std::vector<Offset<format::Range>> ranges;
    for (const ShapeRange& range : plan.ranges) {
      const auto low = vector(range.min), middle = vector(range.opt), high = vector(range.max);
      ranges.push_back(format::CreateRange(to, low, middle, high));
    }
    const auto portable = plan.portable ? graph(*plan.portable) : 0;
    const auto lowered = program(plan.program);
    const auto r = to.CreateVector(ranges);
    const auto o = pairs(plan.options), m = pairs(plan.metadata);
    const auto s = texts(symbols);
    const auto t = to.CreateVector(tensors);
    const auto b = to.CreateVectorOfStructs(blobs);
    to.Finish(format::CreatePlan(to, version, device, machine, name, r, portable, lowered, o, report,
                                 plan.memory_limit, s, t, b, m));
  }

  Header header() const {
    Header header{};
    std::memcpy(header.magic, kMagic, sizeof(kMagic));
    header.format_version = kFormatVersion;
    header.header_bytes = sizeof(Header);
    std::strncpy(header.library_version, version(), sizeof(header.library_version) - 1);
    header.metadata_offset = sizeof(Header);
    header.metadata_bytes = to.GetSize();
    header.weights_offset = align_up(header.metadata_offset + header.metadata_bytes);
    header.weights_bytes = weights_bytes;
    header.metadata_hash = hash_bytes(to.GetBufferPointer(), to.GetSize());
    header.weights_hash = weights_hash;
    header.header_hash = header_hash(header);
    return header;
  }

  // The file in order: header, metadata, weights, and a spare line that vector loads may touch.
  Status emit(const Append& append) const {
    static constexpr char kZeros[kAlignment] = {};
    const Header h = header();
    VIVACE_TRY(append(&h, sizeof(h)));
    VIVACE_TRY(append(to.GetBufferPointer(), to.GetSize()));
    VIVACE_TRY(append(kZeros, h.weights_offset - h.metadata_offset - h.metadata_bytes));
    for (size_t i = 0; i < blobs.size(); ++i) {
      VIVACE_TRY(append(blob_data[i], blobs[i].bytes()));
      VIVACE_TRY(append(kZeros, align_up(blobs[i].bytes()) - blobs[i].bytes()));
    }
    return append(kZeros, sizeof(kZeros));
  }
};

Status check(const Program& program) {
  if (!program.graph) return {Code::invalid_argument, "a plan needs a program"};
  VIVACE_TRY(ir::verify(*program.graph));
  if (program.choices.size() != program.graph->nodes().size())
    return {Code::internal, "the program has " + std::to_string(program.graph->nodes().size()) + " nodes and " +
                                std::to_string(program.choices.size()) + " choices of tactics"};
  for (const auto& [where, body] : program.bodies) VIVACE_TRY(check(body));
  return {};
}

Status prepare(const Plan& plan, Writer& writer) {
  if (plan.portable) VIVACE_TRY(ir::verify(*plan.portable));
  VIVACE_TRY(check(plan.program));
  writer.plan(plan);
  return writer.status;
}

}  // namespace

Result<std::vector<std::byte>> to_bytes(const Plan& plan) {
  Writer writer;
  VIVACE_TRY(prepare(plan, writer));
  std::vector<std::byte> bytes;
  const Header header = writer.header();
  bytes.reserve(header.weights_offset + header.weights_bytes + kAlignment);
  VIVACE_TRY(writer.emit([&](const void* data, size_t size) -> Status {
    const auto* from = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), from, from + size);
    return {};
  }));
  return bytes;
}

Status write_file(const Plan& plan, const std::string& path) {
  Writer writer;
  VIVACE_TRY(prepare(plan, writer));
  return vivace::write_file(path, [&](const Append& append) { return writer.emit(append); });
}

}  // namespace vivace::plan
