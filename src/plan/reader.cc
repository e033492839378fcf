// Reads plans. Nothing in the bytes is believed: FlatBuffers checks that tables and vectors lie inside the metadata,
// and this file checks everything else before it becomes a graph.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/file.h"
#include "base/hash.h"
#include "base/version.h"
#include "plan/header.h"
#include "plan/plan.h"
#include "plan/plan_generated.h"

namespace vivace::plan {

namespace {

constexpr int kMaxNesting = 32;       // of control flow
constexpr size_t kMaxRank = 64;       // as many as NumPy has
constexpr int kMaxChannelBlock = 1 << 20;
constexpr size_t kMaxNodeOutputs = 1 << 20;
const char* const kBuildAgain = "; build the plan again from its model";

Status corrupt(const std::string& what) { return {Code::corrupt_file, "the plan is damaged: " + what + kBuildAgain}; }

// A name for messages: short, and printable whatever the bytes are.
std::string shown(std::string_view name) {
  std::string text;
  for (const char c : name.substr(0, 60)) text += c >= ' ' && c <= '~' ? c : '?';
  return "'" + text + "'";
}

struct Reader {
  std::span<const std::byte> weights;
  std::shared_ptr<void> owner;
  // Bytes that may still be copied out of the metadata. As no part is referred to twice, they end with it; a hostile
  // file that refers to one large part again and again runs out.
  uint64_t budget;
  bool allow_stripped;
  std::vector<std::string> symbols;
  const flatbuffers::Vector<const format::Blob*>* blobs = nullptr;
  std::vector<Tensor> tensors;

  Status spend(uint64_t bytes) {
    if (bytes > budget) return corrupt("its parts overlap");
    budget -= bytes;
    return {};
  }

  // FlatBuffers verifies where a vector lies, but not that its elements are aligned as their type wants.
  template <class T>
  Status expect_aligned(const flatbuffers::Vector<T>* from) const {
    const bool aligned = reinterpret_cast<uintptr_t>(from->Data()) % alignof(std::remove_pointer_t<T>) == 0;
    return aligned || from->size() == 0 ? Status{} : corrupt("a list lies at an odd place");
  }

  Status read(const flatbuffers::String* from, std::string& into) {
    if (!from) return {};
    VIVACE_TRY(spend(from->size()));
    into.assign(from->c_str(), from->size());
    return {};
  }

  template <class T, class U>
  Status read(const flatbuffers::Vector<T>* from, std::vector<U>& into) {
    if (!from) return {};
    VIVACE_TRY(expect_aligned(from));
    VIVACE_TRY(spend(uint64_t{from->size()} * sizeof(T)));
    into.assign(from->begin(), from->end());
    return {};
  }

  Status read(const format::Texts* from, std::vector<std::string>& into) {
    if (!from || !from->lengths()) return {};
    const auto* characters = from->characters();
    const uint64_t available = characters ? characters->size() : 0;
    VIVACE_TRY(spend(available + uint64_t{from->lengths()->size()} * 4));
    into.reserve(from->lengths()->size());
    uint64_t at = 0;
    for (const uint32_t length : *from->lengths()) {
      if (length > available - at) return corrupt("a string is longer than the text it is in");
      into.emplace_back(reinterpret_cast<const char*>(characters ? characters->data() : nullptr) + at, length);
      at += length;
    }
    return {};
  }

  Status read_blobs(const flatbuffers::Vector<const format::Blob*>* from) {
    blobs = from;
    if (!from) return {};
    VIVACE_TRY(expect_aligned(from));
    uint64_t end = 0;
    for (const format::Blob* blob : *from) {
      if (blob->offset() % kAlignment != 0 || blob->offset() < end || blob->offset() > weights.size() ||
          blob->bytes() > weights.size() - blob->offset())
        return corrupt("weights lie outside their section, overlap or are not aligned");
      end = blob->offset() + blob->bytes();
    }
    return {};
  }

  Result<Tensor> read_tensor(const format::Tensor& from) {
    Shape shape;
    VIVACE_TRY(read(from.shape(), shape));
    const auto type = static_cast<DType>(from.dtype());
    if (from.dtype() >= kDTypeCount || type == DType::undefined) return corrupt("a tensor has an unknown element type");
    if (shape.size() > kMaxRank) return corrupt("a tensor has " + std::to_string(shape.size()) + " dimensions");
    const std::optional<int64_t> count = checked_elements(shape);
    if (!count || *count > (int64_t{1} << 56)) return corrupt("a tensor has an impossible shape");
    if (type == DType::string) {
      auto strings = std::make_shared<std::vector<std::string>>();
      VIVACE_TRY(read(from.strings(), *strings));
      if (strings->size() != static_cast<uint64_t>(*count)) return corrupt("a tensor of strings lacks some");
      void* data = strings->data();
      return Tensor::wrap(type, std::move(shape), data, std::move(strings));
    }
    if (from.stripped()) {
      if (allow_stripped) return Tensor::wrap(type, std::move(shape), nullptr, nullptr);
      return Status(Code::unsupported,
                    "the plan was stripped of its weights: give it new ones with a refitter, and serialize it again");
    }
    if (!blobs || from.blob() >= blobs->size()) return corrupt("a tensor has no weights");
    const format::Blob& blob = *blobs->Get(from.blob());
    if (blob.bytes() != byte_size(type, *count))
      return corrupt("a tensor of " + std::to_string(byte_size(type, *count)) + " bytes has " +
                     std::to_string(blob.bytes()) + " bytes of weights");
    // Weights are never written to; tensors have no read-only form.
    auto* data = const_cast<std::byte*>(weights.data() + blob.offset());
    return Tensor::wrap(type, std::move(shape), data, owner);
  }

  Result<Tensor> tensor(uint32_t index) const {
    if (index >= tensors.size()) return corrupt("it refers to a tensor that it does not have");
    return tensors[index];
  }

  Status read(const flatbuffers::Vector<const format::Dim*>* from, std::optional<ir::Dims>& into, bool sizes) {
    if (!from) return {};
    VIVACE_TRY(expect_aligned(from));
    VIVACE_TRY(spend(uint64_t{from->size()} * sizeof(format::Dim)));
    if (sizes && from->size() > kMaxRank) return corrupt("a value has " + std::to_string(from->size()) + " dimensions");
    into.emplace();
    for (const format::Dim* dim : *from) {
      const int64_t value = dim->value();
      switch (static_cast<DimKind>(dim->kind())) {
        case DimKind::number:
          if (sizes && value < 0) return corrupt("a value has a negative dimension");
          into->push_back(value);
          continue;
        case DimKind::symbol:
          if (value < 0 || static_cast<uint64_t>(value) >= symbols.size())
            return corrupt("it refers to a symbol that it does not have");
          into->push_back(ir::Dim::symbol(symbols[static_cast<size_t>(value)]));
          continue;
        case DimKind::unknown: into->push_back({}); continue;
      }
      return corrupt("a dimension is of no known kind");
    }
    return {};
  }

  Status read(const format::Type* from, ir::Type& into, int depth = 0) {
    if (!from) return corrupt("a value has no type");
    if (depth > ir::kMaxTypeDepth) return corrupt("types are nested too deeply");
    if (from->kind() > static_cast<uint8_t>(ir::Kind::map)) return corrupt("a type is of no known kind");
    if (from->dtype() >= kDTypeCount) return corrupt("a type has unknown elements");
    if (from->channel_block() < 0 || from->channel_block() > kMaxChannelBlock)
      return corrupt("a layout has blocks of " + std::to_string(from->channel_block()) + " channels");
    into.kind = static_cast<ir::Kind>(from->kind());
    (into.is_list() ? into.key : into.dtype) = static_cast<DType>(from->dtype());
    into.channel_block = from->channel_block();
    VIVACE_TRY(read(from->dims(), into.dims, true));
    if (into.channel_block && into.rank() < 2) return corrupt("a value without channels has a layout of channels");
    if (!into.is_list()) return from->element() ? corrupt("a tensor's type has elements of another type") : Status();
    into.dtype = DType::list;
    if (into.dims || into.channel_block) return corrupt("a type that is not a tensor's has dimensions");
    if (into.kind != ir::Kind::map && into.key != DType::undefined) return corrupt("a type that is no map's has keys");
    if (!from->element()) return {};
    ir::Type element;
    VIVACE_TRY(read(from->element(), element, depth + 1));
    into.element = std::make_shared<const ir::Type>(std::move(element));
    return {};
  }

  struct Described {
    std::string name;
    ir::Type type;
    std::optional<ir::Dims> known;
  };
  Status read(const format::Value* from, Described& into) {
    if (!from) return corrupt("a value is missing");
    VIVACE_TRY(read(from->name(), into.name));
    VIVACE_TRY(read(from->known(), into.known, false));
    return read(from->type(), into.type);
  }

  Result<ir::Attribute> read_attribute(const format::Attribute& from, int depth) {
    switch (from.kind()) {
      case 0: return ir::Attribute(from.integer());
      case 1: return ir::Attribute(from.real());
      case 2: return read_as<std::string>(from.text());
      case 3: return read_as<std::vector<int64_t>>(from.integers());
      case 4: return read_as<std::vector<float>>(from.reals());
      case 5: return read_as<std::vector<std::string>>(from.texts());
      case 6: {
        VIVACE_ASSIGN(Tensor stored, tensor(from.tensor()));
        return ir::Attribute(std::move(stored));
      }
      case 7: {
        VIVACE_ASSIGN(std::shared_ptr<ir::Graph> graph, read_graph(from.graph(), depth + 1));
        return ir::Attribute(std::move(graph));
      }
      default: return corrupt("an attribute is of no known kind");
    }
  }
  static_assert(std::variant_size_v<ir::Attribute> == 8);

  template <class T, class From>
  Result<ir::Attribute> read_as(const From* from) {
    T value;
    VIVACE_TRY(read(from, value));
    return ir::Attribute(std::move(value));
  }

  Status read_constant(const format::Constant& from, ir::Graph& graph, std::vector<ir::Value*>& values) {
    Described described;
    VIVACE_TRY(read(from.value(), described));
    VIVACE_ASSIGN(Tensor stored, tensor(from.tensor()));
    const ir::Type& type = described.type;
    const std::optional<Shape> shape = type.shape();
    const bool fits = type.kind == ir::Kind::tensor && type.dtype == stored.type() && shape &&
                      (type.channel_block ? blocked_elements(*shape, type.channel_block) == stored.count()
                                          : *shape == stored.shape());
    if (!fits) return corrupt("constant " + shown(described.name) + " is not what its type says");
    ir::Value* value = graph.add_constant(std::move(stored), std::move(described.name));
    value->type = type;
    value->known = std::move(described.known);
    values.push_back(value);
    return {};
  }

  static int64_t blocked_elements(Shape shape, int64_t block) {
    int64_t padded = 0;
    if (__builtin_add_overflow(shape[1], block - 1, &padded)) return -1;
    shape[1] = padded / block * block;
    return checked_elements(shape).value_or(-1);
  }

  Status read_node(const format::Node& from, ir::Graph& graph, std::vector<ir::Value*>& values, int depth) {
    std::string name, op;
    VIVACE_TRY(read(from.name(), name));
    VIVACE_TRY(read(from.op(), op));
    const std::string where = "node " + shown(name) + " (" + shown(op) + ")";
    if (op.empty()) return corrupt(where + " has no operator");
    std::vector<int32_t> indices;
    VIVACE_TRY(read(from.inputs(), indices));
    std::vector<ir::Value*> inputs;
    for (const int32_t i : indices) {
      if (i < -1 || i >= static_cast<int64_t>(values.size())) return corrupt(where + " uses a value that is not made yet");
      inputs.push_back(i < 0 ? nullptr : values[static_cast<size_t>(i)]);
    }
    ir::Attributes attributes;
    if (from.attributes()) {
      for (const format::Attribute* attribute : *from.attributes()) {
        std::string key;
        VIVACE_TRY(read(attribute->name(), key));
        if (!attributes.empty() && key <= attributes.rbegin()->first) return corrupt(where + " has unordered attributes");
        Result<ir::Attribute> value = read_attribute(*attribute, depth);
        if (!value.ok()) return value.status();
        attributes.emplace_hint(attributes.end(), std::move(key), std::move(*value));
      }
    }
    const size_t outputs = from.outputs() ? from.outputs()->size() : 0;
    if (outputs > kMaxNodeOutputs) return corrupt(where + " has " + std::to_string(outputs) + " outputs");
    VIVACE_TRY(spend(outputs * 4));
    ir::Node* node = graph.add_node(std::move(op), std::move(inputs), static_cast<int>(outputs), std::move(attributes),
                                    std::move(name));
    for (size_t i = 0; i < outputs; ++i) {
      Described described;
      VIVACE_TRY(read(from.outputs()->Get(static_cast<uint32_t>(i)), described));
      ir::Value* output = node->output(i);
      output->name = std::move(described.name);
      output->type = std::move(described.type);
      output->known = std::move(described.known);
      values.push_back(output);
    }
    return {};
  }

  Result<std::shared_ptr<ir::Graph>> read_graph(const format::Graph* from, int depth) {
    if (!from) return corrupt("a graph is missing");
    if (depth > kMaxNesting) return corrupt("its graphs are nested too deeply");
    auto graph = std::make_shared<ir::Graph>();
    VIVACE_TRY(read(from->name(), graph->name));
    std::vector<ir::Value*> values;
    if (from->inputs()) {
      for (const format::Value* input : *from->inputs()) {
        Described described;
        VIVACE_TRY(read(input, described));
        values.push_back(graph->add_input(std::move(described.name), std::move(described.type)));
        values.back()->known = std::move(described.known);
      }
    }
    if (from->constants())
      for (const format::Constant* constant : *from->constants()) VIVACE_TRY(read_constant(*constant, *graph, values));
    if (from->nodes())
      for (const format::Node* node : *from->nodes()) VIVACE_TRY(read_node(*node, *graph, values, depth));
    if (from->outputs()) {
      for (const format::Output* output : *from->outputs()) {
        std::string name;
        VIVACE_TRY(read(output->name(), name));
        if (output->value() >= values.size()) return corrupt("output " + shown(name) + " is never made");
        graph->mark_output(values[output->value()], std::move(name));
      }
    }
    return graph;
  }

  Status read(const format::Program* from, Program& into, int depth) {
    if (!from) return corrupt("a program is missing");
    VIVACE_ASSIGN(into.graph, read_graph(from->graph(), depth));
    const size_t nodes = into.graph->nodes().size();
    if ((from->choices() ? from->choices()->size() : 0) != nodes) return corrupt("not every node has a tactic");
    for (uint32_t i = 0; i < nodes; ++i) {
      const format::Choice& stored = *from->choices()->Get(i);
      Choice& choice = into.choices.emplace_back();
      VIVACE_TRY(read(stored.tactic(), choice.tactic));
      VIVACE_TRY(read(stored.configuration(), choice.configuration));
      choice.version = stored.version();
      choice.seconds = stored.seconds();
      if (!std::isfinite(choice.seconds) || choice.seconds < 0) return corrupt("a node takes an impossible time");
      choice.beside = stored.beside();
      if (choice.beside >= nodes - i) return corrupt("a node runs beside one that is not there");
      std::vector<uint32_t> packed;
      VIVACE_TRY(read(stored.packed(), packed));
      for (const uint32_t index : packed) {
        VIVACE_ASSIGN(Tensor tensor, this->tensor(index));
        choice.packed.push_back(std::move(tensor));
      }
    }
    if (!from->bodies()) return {};
    const std::vector<ir::Node*> list = into.graph->node_list();
    for (const format::Body* stored : *from->bodies()) {
      std::string attribute;
      VIVACE_TRY(read(stored->attribute(), attribute));
      if (stored->node() >= nodes || !list[stored->node()]->subgraph(attribute))
        return corrupt("a body belongs to no node");
      const auto [at, fresh] = into.bodies.try_emplace({stored->node(), attribute});
      if (!fresh) return corrupt("a node has one body twice");
      VIVACE_TRY(read(stored->program(), at->second, depth + 1));
    }
    return {};
  }

  Status read(const flatbuffers::Vector<flatbuffers::Offset<format::Range>>* from, const ir::Graph& graph,
              std::vector<ShapeRange>& into) {
    if ((from ? from->size() : 0) != graph.inputs().size()) return corrupt("not every input has a range of shapes");
    for (uint32_t i = 0; i < graph.inputs().size(); ++i) {
      ShapeRange& range = into.emplace_back();
      VIVACE_TRY(read(from->Get(i)->min(), range.min));
      VIVACE_TRY(read(from->Get(i)->opt(), range.opt));
      VIVACE_TRY(read(from->Get(i)->max(), range.max));
      const ir::Value& input = *graph.inputs()[i];
      const size_t rank = range.opt.size();
      bool sane = range.min.size() == rank && range.max.size() == rank &&
                  (!input.type.dims || input.type.dims->size() == rank);
      for (size_t d = 0; sane && d < rank; ++d)
        sane = 0 <= range.min[d] && range.min[d] <= range.opt[d] && (range.opt[d] <= range.max[d] || range.max[d] == -1);
      if (!sane) return corrupt("input " + shown(input.name) + " has an impossible range of shapes");
    }
    return {};
  }

  Status read(const flatbuffers::Vector<flatbuffers::Offset<format::Option>>* from,
              std::map<std::string, std::string>& into, const char* what) {
    if (!from) return {};
    for (const format::Option* option : *from) {
      std::string key, value;
      VIVACE_TRY(read(option->key(), key));
      VIVACE_TRY(read(option->value(), value));
      if (!into.emplace(std::move(key), std::move(value)).second) return corrupt(std::string(what) + " comes twice");
    }
    return {};
  }

  Status read(const format::Plan& from, Plan& into) {
    VIVACE_TRY(read(from.library_version(), into.origin.library_version));
    VIVACE_TRY(read(from.device(), into.origin.device));
    VIVACE_TRY(read(from.machine(), into.origin.machine));
    VIVACE_TRY(read(from.name(), into.name));
    VIVACE_TRY(read(from.report(), into.report));
    VIVACE_TRY(read(from.symbols(), symbols));
    if (std::any_of(symbols.begin(), symbols.end(), [](const std::string& s) { return s.empty(); }))
      return corrupt("a symbol has no name");
    VIVACE_TRY(read_blobs(from.blobs()));
    if (from.tensors()) {
      for (const format::Tensor* stored : *from.tensors()) {
        VIVACE_ASSIGN(Tensor tensor, read_tensor(*stored));
        tensors.push_back(std::move(tensor));
      }
    }
    VIVACE_TRY(read(from.program(), into.program, 0));
    const ir::Graph& lowered = *into.program.graph;
    VIVACE_TRY(read(from.ranges(), lowered, into.ranges));
    if (from.portable()) {
      VIVACE_ASSIGN(into.portable, read_graph(from.portable(), 0));
    }
    if (into.portable && (lowered.inputs().size() != into.portable->inputs().size() ||
                          lowered.outputs().size() != into.portable->outputs().size()))
      return corrupt("the program and the portable graph have different inputs or outputs");
    VIVACE_TRY(read(from.options(), into.options, "an option"));
    VIVACE_TRY(read(from.metadata(), into.metadata, "an entry of its metadata"));
    into.memory_limit = from.memory_limit();
    return {};
  }
};

Result<Header> check_header(std::span<const std::byte> bytes) {
  if (!looks_like_plan(bytes))
    return Status(Code::corrupt_file, "this is no plan: it does not begin with the mark of one; an ONNX model needs "
                                      "`vivace build` first");
  if (bytes.size() < sizeof(Header)) return corrupt("it is cut off within its header");
  const Header header = read_header(bytes);
  if (header.format_version != kFormatVersion) {
    const std::string_view writer(header.library_version, strnlen(header.library_version, sizeof(header.library_version)));
    return Status(Code::version_mismatch,
                  "Version tag does not match: the plan was written by Vivace " + shown(writer) + " in format " +
                      std::to_string(header.format_version) + ", this is Vivace '" + version() +
                      "', which reads format " + std::to_string(kFormatVersion) + kBuildAgain);
  }
  if (header.header_bytes != sizeof(Header) || header.header_hash != header_hash(header))
    return corrupt("its header does not match its checksum");
  if (header.metadata_offset != sizeof(Header) || header.metadata_bytes > bytes.size() - sizeof(Header) ||
      header.weights_offset != align_up(sizeof(Header) + header.metadata_bytes) ||
      header.weights_bytes > bytes.size() || header.weights_offset > bytes.size() - header.weights_bytes ||
      bytes.size() - header.weights_bytes - header.weights_offset != kAlignment)
    return corrupt("it is cut off, or has too much: it has " + std::to_string(bytes.size()) +
                   " bytes where its header says " +
                   std::to_string(align_up(sizeof(Header) + header.metadata_bytes) + header.weights_bytes + kAlignment));
  return header;
}

Result<Plan> read_plan(std::span<const std::byte> bytes, std::shared_ptr<void> owner, const ReadOptions& options) {
  VIVACE_ASSIGN(const Header header, check_header(bytes));
  const auto metadata = bytes.subspan(header.metadata_offset, header.metadata_bytes);
  if (hash_bytes(metadata.data(), metadata.size()) != header.metadata_hash)
    return corrupt("its metadata does not match its checksum");
  const auto* data = reinterpret_cast<const uint8_t*>(metadata.data());
  // No table is referred to twice and none takes less than four bytes.
  flatbuffers::Verifier verifier(data, metadata.size(), /*max_depth=*/6 * kMaxNesting,
                                 /*max_tables=*/static_cast<flatbuffers::uoffset_t>(metadata.size() / 4));
  if (!format::VerifyPlanBuffer(verifier)) return corrupt("its metadata is malformed");
  Reader reader{.weights = bytes.subspan(header.weights_offset, header.weights_bytes),
                .owner = std::move(owner),
                .budget = metadata.size(),
                .allow_stripped = options.stripped,
                .symbols = {},
                .blobs = nullptr,
                .tensors = {}};
  Plan plan;
  VIVACE_TRY(reader.read(*format::GetPlan(data), plan));
  if (options.verify_weights) {
    uint64_t hash = 0;
    if (reader.blobs)
      for (const format::Blob* blob : *reader.blobs)
        hash = hash_bytes(reader.weights.data() + blob->offset(), blob->bytes(), hash);
    if (hash != header.weights_hash) return corrupt("its weights do not match their checksum");
  }
  return plan;
}

}  // namespace

bool looks_like_plan(std::span<const std::byte> bytes) {
  return bytes.size() >= sizeof(kMagic) && std::memcmp(bytes.data(), kMagic, sizeof(kMagic)) == 0;
}

Result<Plan> from_bytes(std::span<const std::byte> bytes, std::shared_ptr<void> owner, const ReadOptions& options) {
  const bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % kAlignment == 0;
  if ((owner && aligned) || !looks_like_plan(bytes)) return read_plan(bytes, std::move(owner), options);
  VIVACE_ASSIGN(const Tensor copy, Tensor::allocate(DType::u8, {static_cast<int64_t>(bytes.size())}));
  std::memcpy(copy.data(), bytes.data(), bytes.size());
  return read_plan({copy.as<std::byte>(), bytes.size()}, copy.owner(), options);
}

Result<Plan> read_file(const std::string& path, const ReadOptions& options) {
  VIVACE_ASSIGN(const MappedFile file, map_file(path));
  Result<Plan> plan = read_plan(file.bytes, file.owner, options);
  if (!plan.ok()) return plan.status().within(path);
  return plan;
}

}  // namespace vivace::plan
