#include "ir/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "base/hash.h"
#include "ir/lexer.h"

namespace vivace::ir {

namespace {

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "\"";
}

// Shortest text that reads back as the same number.
template <class T>
std::string number(T value) {
  char buffer[64];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}
std::string real(float value) {
  const std::string text = number(value);
  return text.find_first_of(".einf") == std::string::npos ? text + ".0" : text;
}

template <class T, class F>
std::string list(const std::vector<T>& items, const char* kind, F&& each) {
  if (items.empty()) return std::string(kind) + "[]";
  std::string text = "[";
  for (size_t i = 0; i < items.size(); ++i) text += (i ? ", " : "") + each(items[i]);
  return text + "]";
}

std::string element(const TensorView& t, int64_t i) {
  std::string text;
  const bool found = visit_dtype<float, double, Float16, BFloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
                                 uint32_t, uint64_t, bool>(t.type, [&]<class T>() {
    const Wide<T> value = t.as<T>()[i];
    if constexpr (std::is_same_v<T, bool>)
      text = value ? "1" : "0";
    else
      text = number(value);
  });
  return found ? text : quoted(t.as<std::string>()[i]);
}

bool has_text(DType type) {
  return is_float(type) || is_integer(type) || type == DType::boolean || type == DType::string;
}

bool all_equal(const TensorView& t) {
  const size_t size = byte_size(t.type, 1);
  if (are_objects(t.type) || t.count() == 0) return false;
  const auto* bytes = t.as<char>();
  return std::equal(bytes + size, bytes + t.bytes(), bytes);
}

std::string constant_text(const Tensor& tensor, const PrintOptions& options) {
  const TensorView& t = tensor;
  std::string text = "const " + Type::tensor(t.type, to_dims(t.shape)).to_string() + " ";
  if (!options.constant_values) return text + "...";
  const bool readable = has_text(t.type);
  if (readable && t.count() <= options.max_elements) {
    text += "{";
    for (int64_t i = 0; i < t.count(); ++i) text += (i ? ", " : "") + element(t, i);
    return text + "}";
  }
  if (readable && all_equal(t)) return text + "splat(" + element(t, 0) + ")";
  if (are_objects(t.type)) return text + "hash()";
  return text + "hash(" + to_hex(hash_bytes(t.data, t.bytes())) + ")";
}

bool plain(const std::string& name) { return !name.empty() && std::all_of(name.begin(), name.end(), is_word); }

class Printer {
 public:
  Printer(const Graph& graph, const PrintOptions& options, int depth)
      : graph_(graph), options_(options), depth_(depth) {
    for (const Value* value : graph.values())
      if (!value->name.empty()) ++count_[value->name];
  }

  std::string run() {
    text_ = "graph ";
    if (!graph_.name.empty() && options_.names) text_ += quoted(graph_.name) + " ";
    text_ += "(";
    for (size_t i = 0; i < graph_.inputs().size(); ++i) text_ += (i ? ", " : "") + defined(*graph_.inputs()[i], true);
    text_ += ") {\n";
    for (const auto& node : graph_.nodes()) {
      for (const Value* input : node->inputs()) define_constant(input);
      line(node_text(*node));
    }
    for (const Value* output : graph_.outputs()) define_constant(output);
    std::string results = "return";
    for (size_t i = 0; i < graph_.outputs().size(); ++i) {
      const Value& output = *graph_.outputs()[i];
      results += (i ? ", " : " ") + reference(output);
      if (options_.names && graph_.output_name(i) != output.name) results += " as " + quoted(graph_.output_name(i));
    }
    line(results);
    return text_ + std::string(static_cast<size_t>(depth_) * 2, ' ') + "}";
  }

  std::string node_text(const Node& node) {
    std::string text;
    for (const Value* output : node.outputs()) {
      if (!text.empty()) text += ", ";
      if (output->unused() && output->name.empty())
        text += "_";
      else
        text += defined(*output, options_.types);
    }
    if (!text.empty()) text += " = ";
    text += (plain(node.op) ? node.op : quoted(node.op)) + "(";
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      const Value* input = node.inputs()[i];
      text += (i ? ", " : "") + (!input             ? "_"
                                 : in_place(*input) ? constant_text(input->constant(), options_)
                                                    : reference(*input));
    }
    text += ")";
    if (!node.attributes.empty()) {
      text += " {";
      bool first = true;
      for (const auto& [key, attribute] : node.attributes) {
        text += (first ? "" : ", ") + key + "=" + attribute_text(attribute);
        first = false;
      }
      text += "}";
    }
    if (!node.name.empty() && options_.names) text += " " + quoted(node.name);
    return text;
  }

  bool whole_subgraphs = true;

 private:
  void line(const std::string& text) { text_ += std::string(static_cast<size_t>(depth_) * 2 + 2, ' ') + text + "\n"; }

  // Constants nobody named and only one node uses are written where they are used.
  bool in_place(const Value& v) const {
    return v.is_constant() && v.single_use() && (v.name.empty() || !options_.names);
  }

  void define_constant(const Value* v) {
    if (!v || !v->is_constant() || in_place(*v) || known_.contains(v)) return;
    line(reference(*v) + " = " + constant_text(v->constant(), options_));
  }

  std::string reference(const Value& v) {
    const auto [at, fresh] = known_.emplace(&v, known_.size());
    if (!options_.names) return "%" + number(at->second);
    std::string text = "%";
    if (plain(v.name))
      text += v.name;
    else if (!v.name.empty())
      text += quoted(v.name);
    if (v.name.empty() || count_[v.name] > 1) text += "~" + number(v.id());
    return text;
  }

  std::string defined(const Value& v, bool with_type) {
    std::string text = reference(v);
    if (with_type && v.type.known()) text += ": " + v.type.to_string();
    return text;
  }

  std::string attribute_text(const Attribute& attribute) {
    struct Visitor {
      Printer& p;
      std::string operator()(int64_t v) { return number(v); }
      std::string operator()(float v) { return real(v); }
      std::string operator()(const std::string& v) { return quoted(v); }
      std::string operator()(const std::vector<int64_t>& v) { return list(v, "ints", number<int64_t>); }
      std::string operator()(const std::vector<float>& v) { return list(v, "floats", real); }
      std::string operator()(const std::vector<std::string>& v) { return list(v, "texts", quoted); }
      std::string operator()(const Tensor& v) { return constant_text(v, p.options_); }
      std::string operator()(const std::shared_ptr<Graph>& v) {
        return p.whole_subgraphs ? Printer(*v, p.options_, p.depth_ + 1).run() : "graph ...";
      }
    };
    return std::visit(Visitor{*this}, attribute);
  }

  const Graph& graph_;
  const PrintOptions& options_;
  int depth_;
  std::string text_;
  std::unordered_map<std::string, int> count_;
  std::unordered_map<const Value*, size_t> known_;  // those written already, with their number
};

}  // namespace

std::string print(const Graph& graph, const PrintOptions& options) { return Printer(graph, options, 0).run() + "\n"; }

std::string print(const Node& node) {
  const Graph none;
  const PrintOptions options;
  Printer printer(none, options, 0);
  printer.whole_subgraphs = false;
  return printer.node_text(node);
}

Tensor random_tensor(DType type, const Shape& shape, uint64_t seed) {
  Result<Tensor> made = Tensor::allocate(type, shape);
  if (!made.ok()) return {};
  Tensor tensor = *std::move(made);
  uint64_t state = seed * 0x9E3779B97F4A7C15u + 0x632BE59BD9B4E019u;
  const auto next = [&state] {  // SplitMix64
    uint64_t z = (state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  };
  const bool found = visit_dtype<float, double, Float16, BFloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
                                 uint32_t, uint64_t, bool>(type, [&]<class T>() {
    for (T& x : tensor.span<T>()) {
      const uint64_t bits = next();
      if constexpr (std::is_same_v<T, bool>)
        x = (bits >> 60) & 1;
      else if constexpr (std::is_integral_v<T>)
        x = static_cast<T>(static_cast<int64_t>(bits >> 60) - (std::is_signed_v<T> ? 8 : 0)) &
            (std::is_signed_v<T> ? T(-1) : T(7));
      else
        x = static_cast<T>(static_cast<float>(static_cast<int64_t>(bits >> 40) - (1 << 23)) * 0x1p-23f);
    }
  });
  if (!found && type == DType::string)
    for (std::string& s : tensor.span<std::string>()) s = "s" + number(next() & 7);
  else if (!found)
    for (size_t i = 0; i < tensor.bytes(); ++i) tensor.as<uint8_t>()[i] = static_cast<uint8_t>(next());
  return tensor;
}

}  // namespace vivace::ir
