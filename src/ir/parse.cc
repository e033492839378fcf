// The parser of the text form; its grammar is in text.h.
#include <unordered_map>

#include "ir/lexer.h"
#include "ir/text.h"

namespace vivace::ir {

namespace {

constexpr int kMaxDepth = 32;  // of subgraphs

class Parser {
 public:
  explicit Parser(Lexer& lexer, int depth) : in_(lexer), depth_(depth) {}

  Result<std::unique_ptr<Graph>> graph() {
    if (depth_ > kMaxDepth) return in_.error("subgraphs are nested too deeply");
    VIVACE_TRY(in_.expect("graph"));
    VIVACE_ASSIGN(graph_->name, optional_text());
    VIVACE_TRY(in_.expect("("));
    while (!in_.accept(")")) {
      VIVACE_ASSIGN(const Name name, value_name());
      VIVACE_TRY(in_.expect(":"));
      VIVACE_ASSIGN(Type type, this->type());
      VIVACE_TRY(define(name, graph_->add_input(name.name, std::move(type))));
      if (in_.peek() != ')') VIVACE_TRY(in_.expect(","));
    }
    VIVACE_TRY(in_.expect("{"));
    while (!in_.accept("return")) VIVACE_TRY(statement());
    while (in_.peek() == '%') {
      VIVACE_ASSIGN(Value * output, operand());
      const bool renamed = in_.accept("as");
      VIVACE_ASSIGN(std::string name, optional_text());
      if (renamed && name.empty()) return in_.error("the name of the output is expected here");
      graph_->mark_output(output, std::move(name));
      if (!in_.accept(",")) break;
    }
    VIVACE_TRY(in_.expect("}"));
    return std::move(graph_);
  }

  Result<Type> type(int depth = 0) {
    if (depth > kMaxTypeDepth) return in_.error("types are nested too deeply");
    const std::string word = in_.word();
    Type made;
    if (word == "seq" || word == "optional" || word == "map") {
      VIVACE_TRY(in_.expect("("));
      made.kind = word == "seq" ? Kind::sequence : word == "map" ? Kind::map : Kind::optional;
      made.dtype = DType::list;
      if (word == "map") {
        const std::string key = in_.word();
        made.key = dtype_from_string(key);
        if (made.key == DType::undefined && key != to_string(DType::undefined))
          return in_.error("'" + key + "' is not a type of keys");
        VIVACE_TRY(in_.expect(","));
      }
      if (!in_.accept("?")) {
        VIVACE_ASSIGN(Type inner, type(depth + 1));
        made.element = std::make_shared<const Type>(std::move(inner));
      }
      VIVACE_TRY(in_.expect(")"));
      return made;
    }
    made.dtype = dtype_from_string(word);
    if (made.dtype == DType::undefined && word != to_string(DType::undefined))
      return in_.error("'" + word + "' is not a type");
    VIVACE_TRY(in_.expect("["));
    if (in_.accept("*")) {
      VIVACE_TRY(in_.expect("]"));
      return made;
    }
    made.dims.emplace();
    while (!in_.accept("]")) {
      in_.peek();  // skips space
      const std::string text = in_.until(",]");
      int64_t value = 0;
      const auto digits =
          text.find_first_not_of("0123456789") == std::string::npos && !text.empty() && text.size() < 19;
      if (digits) value = std::stoll(text);
      if (text.empty()) return in_.error("a dimension is expected here");
      made.dims->push_back(digits ? Dim(value) : text == "?" ? Dim() : Dim::symbol(text));
      if (in_.peek() != ']') VIVACE_TRY(in_.expect(","));
    }
    if (in_.peek() == '/') {  // "/16" reads as a word
      const std::string block = in_.word().substr(1);
      if (block.empty() || block.size() > 4 || block.find_first_not_of("0123456789") != std::string::npos)
        return in_.error("the block of a layout is a number");
      made.channel_block = std::stoi(block);
    }
    return made;
  }

 private:
  struct Name {
    std::string key, name;  // as written, with ~number; the name alone
    Type type;
  };

  Status statement() {
    std::vector<Name> outputs;
    while (in_.peek() == '%' || in_.peek_word("_")) {
      Name output;
      if (!in_.accept("_")) {
        VIVACE_ASSIGN(output, value_name());
      }
      if (in_.accept(":")) {
        VIVACE_ASSIGN(output.type, type());
      }
      outputs.push_back(std::move(output));
      if (!in_.accept(",")) break;
    }
    if (!outputs.empty()) VIVACE_TRY(in_.expect("="));
    if (in_.peek_word("const") && outputs.size() == 1) {
      VIVACE_ASSIGN(Tensor tensor, constant());
      return define(outputs[0], graph_->add_constant(std::move(tensor), outputs[0].name));
    }
    return node(outputs);
  }

  Status node(const std::vector<Name>& outputs) {
    VIVACE_ASSIGN(std::string op, optional_text());
    if (op.empty()) op = in_.word();
    if (op.empty()) return in_.error("an operator or 'return' is expected here");
    VIVACE_TRY(in_.expect("("));
    std::vector<Value*> inputs;
    while (!in_.accept(")")) {
      if (in_.accept("_")) {
        inputs.push_back(nullptr);
      } else {
        VIVACE_ASSIGN(Value * input, operand());
        inputs.push_back(input);
      }
      if (in_.peek() != ')') VIVACE_TRY(in_.expect(","));
    }
    Attributes attributes;
    if (in_.accept("{")) {
      while (!in_.accept("}")) {
        const std::string key = in_.word();
        if (key.empty()) return in_.error("the name of an attribute is expected here");
        VIVACE_TRY(in_.expect("="));
        VIVACE_ASSIGN(attributes[key], attribute());
        if (in_.peek() != '}') VIVACE_TRY(in_.expect(","));
      }
    }
    VIVACE_ASSIGN(std::string name, optional_text());
    Node* made = graph_->add_node(std::move(op), std::move(inputs), static_cast<int>(outputs.size()),
                                  std::move(attributes), name);
    for (size_t i = 0; i < outputs.size(); ++i) {
      Value* output = made->outputs()[i];
      output->name = outputs[i].name;
      output->type = outputs[i].type;
      VIVACE_TRY(define(outputs[i], output));
    }
    return {};
  }

  /// The quoted text that comes next; empty where there is none.
  Result<std::string> optional_text() { return in_.peek() == '"' ? in_.text() : std::string(); }

  // A value's name, or a constant written in place.
  Result<Value*> operand() {
    if (in_.peek_word("const")) {
      VIVACE_ASSIGN(Tensor tensor, constant());
      return graph_->add_constant(std::move(tensor));
    }
    VIVACE_ASSIGN(const Name name, value_name());
    const auto found = values_.find(name.key);
    if (found == values_.end()) return in_.error("value '%" + name.key + "' is not made above");
    return found->second;
  }

  Status define(const Name& name, Value* value) {
    if (!name.key.empty() && !values_.emplace(name.key, value).second)
      return in_.error("value '%" + name.key + "' is made twice");
    return {};
  }

  Result<Name> value_name() {
    VIVACE_TRY(in_.expect("%"));
    Name name;
    VIVACE_ASSIGN(name.name, optional_text());
    if (name.name.empty()) name.name = in_.word();
    name.key = name.name;
    if (in_.accept("~")) name.key += "~" + in_.word();
    if (name.key.empty()) return in_.error("the name of a value is expected here");
    return name;
  }

  Status set_element(const TensorView& t, int64_t i) {
    if (t.type == DType::string) {
      VIVACE_ASSIGN(t.as<std::string>()[i], in_.text());
      return {};
    }
    if (is_float(t.type)) {
      VIVACE_ASSIGN(const double value, in_.real());
      visit_dtype<float, double, Float16, BFloat16>(t.type, [&]<class T>() {
        if constexpr (std::is_same_v<T, double>)
          t.as<T>()[i] = value;
        else
          t.as<T>()[i] = T(static_cast<float>(value));
      });
      return {};
    }
    VIVACE_ASSIGN(const int64_t value, in_.integer());
    const bool found = visit_dtype<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, bool>(
        t.type, [&]<class T>() { t.as<T>()[i] = static_cast<T>(value); });
    return found ? Status() : in_.error(std::string("elements of type ") + to_string(t.type) + " have no text form");
  }

  Result<Tensor> constant() {
    VIVACE_TRY(in_.expect("const"));
    VIVACE_ASSIGN(const Type type, this->type());
    const std::optional<Shape> shape = type.shape();
    if (!shape) return in_.error("the type of a constant needs a shape of numbers");
    if (in_.accept("random")) {
      VIVACE_TRY(in_.expect("("));
      VIVACE_ASSIGN(const int64_t seed, in_.integer());
      VIVACE_TRY(in_.expect(")"));
      Tensor tensor = random_tensor(type.dtype, *shape, static_cast<uint64_t>(seed));
      return tensor.valid() ? Result<Tensor>(tensor) : in_.error("the constant is too large");
    }
    if (in_.accept("hash")) return in_.error("the elements of this constant are not in the text");
    VIVACE_ASSIGN(Tensor tensor, Tensor::allocate(type.dtype, *shape));
    const int64_t count = tensor.count();
    if (in_.accept("splat")) {
      VIVACE_TRY(in_.expect("("));
      if (count > 0)
        VIVACE_TRY(set_element(tensor, 0));
      else
        VIVACE_TRY(in_.number().status());
      VIVACE_TRY(in_.expect(")"));
      const size_t size = byte_size(type.dtype, 1);
      for (int64_t i = 1; i < count; ++i) {
        if (type.dtype == DType::string)
          tensor.as<std::string>()[i] = tensor.as<std::string>()[0];
        else
          std::copy_n(tensor.as<char>(), size, tensor.as<char>() + static_cast<size_t>(i) * size);
      }
      return tensor;
    }
    VIVACE_TRY(in_.expect("{"));
    for (int64_t i = 0; i < count; ++i) {
      if (i > 0) VIVACE_TRY(in_.expect(","));
      VIVACE_TRY(set_element(tensor, i));
    }
    VIVACE_TRY(in_.expect("}"));
    return tensor;
  }

  // 3 is an integer, 3.0 (3e0, inf, nan) a float.
  static bool looks_real(const std::string& text) { return text.find_first_of(".einf") != std::string::npos; }

  Result<Attribute> attribute() {
    if (in_.peek_word("const")) {
      VIVACE_ASSIGN(Tensor tensor, constant());
      return Attribute(std::move(tensor));
    }
    if (in_.peek_word("graph")) {
      VIVACE_ASSIGN(std::unique_ptr<Graph> inner, Parser(in_, depth_ + 1).graph());
      return Attribute(std::shared_ptr<Graph>(std::move(inner)));
    }
    if (in_.accept("ints[]")) return Attribute(std::vector<int64_t>());
    if (in_.accept("floats[]")) return Attribute(std::vector<float>());
    if (in_.accept("texts[]")) return Attribute(std::vector<std::string>());
    if (in_.accept("[")) return list();
    if (in_.peek() == '"') {
      VIVACE_ASSIGN(std::string text, in_.text());
      return Attribute(std::move(text));
    }
    Lexer at = in_;
    VIVACE_ASSIGN(const std::string text, at.number());
    if (looks_real(text)) {
      VIVACE_ASSIGN(const double value, in_.real());
      return Attribute(static_cast<float>(value));
    }
    VIVACE_ASSIGN(const int64_t value, in_.integer());
    return Attribute(value);
  }

  Result<Attribute> list() {
    std::vector<Attribute> items;
    while (!in_.accept("]")) {
      VIVACE_ASSIGN(Attribute item, attribute());
      if (!items.empty() && items[0].index() != item.index()) return in_.error("a list holds items of one kind");
      items.push_back(std::move(item));
      if (in_.peek() != ']') VIVACE_TRY(in_.expect(","));
    }
    const auto all = [&]<class T>(T*) {
      std::vector<T> values;
      for (Attribute& item : items) values.push_back(std::get<T>(std::move(item)));
      return Attribute(std::move(values));
    };
    if (items.empty()) return in_.error("an empty list is written ints[], floats[] or texts[]");
    if (std::holds_alternative<int64_t>(items[0])) return all(static_cast<int64_t*>(nullptr));
    if (std::holds_alternative<float>(items[0])) return all(static_cast<float*>(nullptr));
    if (std::holds_alternative<std::string>(items[0])) return all(static_cast<std::string*>(nullptr));
    return in_.error("a list holds integers, floats or texts");
  }

  Lexer& in_;
  int depth_;
  std::unique_ptr<Graph> graph_ = std::make_unique<Graph>();
  std::unordered_map<std::string, Value*> values_;
};

}  // namespace

Result<std::unique_ptr<Graph>> parse(std::string_view text) {
  Lexer lexer(text);
  VIVACE_ASSIGN(std::unique_ptr<Graph> graph, Parser(lexer, 0).graph());
  if (!lexer.at_end()) return lexer.error("there is text after the end of the graph");
  return graph;
}

Result<Type> parse_type(std::string_view text) {
  Lexer lexer(text);
  VIVACE_ASSIGN(Type type, Parser(lexer, 0).type());
  if (!lexer.at_end()) return lexer.error("there is text after the end of the type");
  return type;
}

}  // namespace vivace::ir
