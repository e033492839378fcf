#include "ops/op_test.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/operator.h"

namespace vivace::ops {

namespace {

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  bool failed() const { return failed_; }
  bool done() { return space(), at_ == text_.size(); }
  bool take(std::string_view token) {
    space();
    if (text_.compare(at_, token.size(), token) != 0) return false;
    at_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) fail("expected '" + std::string(token) + "'");
  }
  void fail(const std::string& why) {
    if (!failed_) ADD_FAILURE() << why << " at '" << text_.substr(at_, 30) << "' of " << text_;
    failed_ = true;
  }
  std::string rest() {
    space();
    return text_.substr(at_);
  }
  std::string name() { return word("_."); }
  bool at_quote() { return space(), at_ < text_.size() && text_[at_] == '\''; }
  std::string quoted() {
    expect("'");
    const size_t end = text_.find('\'', at_);
    if (end == std::string::npos) return fail("unclosed quote"), std::string();
    const std::string inside = text_.substr(at_, end - at_);
    at_ = end + 1;
    return inside;
  }
  /// A number's characters; `real` says whether it has a fraction or an exponent, or is no number.
  std::string number(bool* real = nullptr) {
    const std::string digits = word("+-.");
    if (digits.empty()) fail("expected a number");
    if (real) *real = digits.find_first_not_of("+-0123456789") != std::string::npos;
    return digits;
  }

  Tensor tensor() {
    const std::string type_name = name();
    const DType type = dtype_from_string(type_name);
    if (type == DType::undefined) return fail("unknown type '" + type_name + "'"), Tensor();
    Shape shape;
    expect("[");
    while (!failed_ && !take("]")) {
      shape.push_back(std::strtoll(number().c_str(), nullptr, 10));
      take(",");
    }
    Result<Tensor> made = Tensor::allocate(type, shape);
    if (failed_ || !made.ok()) return fail("no tensor"), Tensor();
    const int64_t count = made->count();
    int64_t i = 0;
    if (take("{iota}")) {
      for (; i < count; ++i) store(*made, i, std::to_string(i));
    } else if (take("{")) {
      for (; !failed_ && !take("}"); ++i) {
        const std::string value = at_quote() ? quoted() : number();
        if (i < count) store(*made, i, value);
        take(",");
      }
      if (i != count) fail(std::to_string(i) + " values for " + std::to_string(count) + " elements");
    }
    return std::move(made).value();
  }

  ir::Attribute attribute() {
    if (at_quote()) return quoted();
    if (take("[")) return list();
    const size_t begin = at_;
    const bool is_tensor = dtype_from_string(name()) != DType::undefined;
    at_ = begin;
    if (is_tensor) return tensor();
    bool real = false;
    const std::string digits = number(&real);
    if (real) return std::strtof(digits.c_str(), nullptr);
    return static_cast<int64_t>(std::strtoll(digits.c_str(), nullptr, 10));
  }

 private:
  void space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  std::string word(std::string_view also) {
    space();
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || also.find(text_[at_]) != also.npos)) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  ir::Attribute list() {  // after '['
    std::vector<std::string> texts;
    std::vector<int64_t> integers;
    std::vector<float> reals;
    bool any_real = false;
    while (!failed_ && !take("]")) {
      if (at_quote()) {
        texts.push_back(quoted());
      } else {
        bool real = false;
        const std::string digits = number(&real);
        any_real |= real;
        integers.push_back(std::strtoll(digits.c_str(), nullptr, 10));
        reals.push_back(std::strtof(digits.c_str(), nullptr));
      }
      take(",");
    }
    if (!texts.empty()) return texts;
    if (any_real) return reals;
    return integers;
  }

  static void store(Tensor& t, int64_t i, const std::string& value) {
    if (t.type() == DType::string) {
      t.as<std::string>()[i] = value;
      return;
    }
    const char* text = value.c_str();
    const uint64_t integer =
        value[0] == '-' ? static_cast<uint64_t>(std::strtoll(text, nullptr, 10)) : std::strtoull(text, nullptr, 10);
    if (const int bits = bits_of(t.type()); bits < 8) {  // two's complement, low bits first
      const int64_t per_byte = 8 / bits;
      t.as<uint8_t>()[i / per_byte] |= static_cast<uint8_t>((integer & ((1u << bits) - 1)) << (i % per_byte * bits));
      return;
    }
    const bool known = visit_dtype<float, double, Float16, BFloat16, int64_t, int32_t, int16_t, int8_t, uint64_t, uint32_t,
                                   uint16_t, uint8_t, bool>(t.type(), [&]<class T>() {
      if constexpr (std::is_integral_v<T>) t.as<T>()[i] = static_cast<T>(integer);
      else t.as<T>()[i] = static_cast<T>(static_cast<Wide<T>>(std::strtod(text, nullptr)));
    });
    if (known) return;
    if (t.type() == DType::c64) t.as<float>()[2 * i] = std::strtof(text, nullptr);  // the real part
    else if (t.type() == DType::c128) t.as<double>()[2 * i] = std::strtod(text, nullptr);
    else t.as<uint8_t>()[i] = static_cast<uint8_t>(integer);  // the bits of an 8-bit float
  }

  std::string text_;
  size_t at_ = 0;
  bool failed_ = false;
};

std::string difference_at(size_t i, const std::string& actual, const std::string& expected) {
  return "has " + actual + " instead of " + expected + " at " + std::to_string(i);
}

std::string first_difference(const Tensor& actual, const Tensor& expected, Tolerance tolerance) {
  if (!actual.valid()) return "was not made";
  if (actual.type() != expected.type()) return std::string("is of type ") + to_string(actual.type());
  if (actual.shape() != expected.shape()) return "is " + to_string(actual.shape());
  if (is_float(actual.type())) {
    const double rounding = actual.type() == DType::f16 ? 1e-3 : actual.type() == DType::bf16 ? 8e-3 : 0;
    const std::vector<double> a = to_double(actual), e = to_double(expected);
    for (size_t i = 0; i < a.size(); ++i) {
      const double allowed = tolerance.absolute + std::max(tolerance.relative, rounding) * std::abs(e[i]);
      if (a[i] == e[i] || (a[i] != a[i] && e[i] != e[i]) || std::abs(a[i] - e[i]) <= allowed) continue;
      return difference_at(i, std::to_string(a[i]), std::to_string(e[i]));
    }
    return {};
  }
  if (actual.type() == DType::string) {
    const auto a = actual.span<std::string>(), e = expected.span<std::string>();
    for (size_t i = 0; i < a.size(); ++i)
      if (a[i] != e[i]) return difference_at(i, "'" + a[i] + "'", "'" + e[i] + "'");
    return {};
  }
  if (actual.bytes() == 0 || std::memcmp(actual.data(), expected.data(), actual.bytes()) == 0) return {};
  const std::vector<int64_t> a = to_int64(actual), e = to_int64(expected);
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] != e[i]) return difference_at(i, std::to_string(a[i]), std::to_string(e[i]));
  return "has other bytes";
}

// Nothing inferred may contradict the output.
std::string contradiction(const ir::Value& inferred, const Tensor& expected) {
  const ir::Type& type = inferred.type;
  const std::string shown = "is inferred as " + type.to_string();
  if (type.dtype != expected.type()) return shown;
  if (type.dims) {
    if (type.dims->size() != expected.shape().size()) return shown;
    for (size_t i = 0; i < type.dims->size(); ++i)
      if ((*type.dims)[i].known() && !(*type.dims)[i].is(expected.shape()[i])) return shown;
  }
  if (!inferred.known) return {};
  const std::vector<int64_t> elements = to_int64(expected);
  bool same = elements.size() == inferred.known->size();
  for (size_t i = 0; same && i < elements.size(); ++i)
    same = !(*inferred.known)[i].known() || (*inferred.known)[i].is(elements[i]);
  return same ? "" : "is thought to hold " + ir::to_string(*inferred.known);
}

enum class Facts { types, ranks, shapes, constants };

ir::Node* build(ir::Graph& graph, const OpCase& c, Facts facts) {
  std::vector<ir::Value*> inputs;
  for (const Tensor& t : c.inputs) {
    if (!t.valid()) {
      inputs.push_back(nullptr);
    } else if (facts == Facts::constants) {
      inputs.push_back(graph.add_constant(t));
    } else {
      ir::Type type = ir::Type::tensor(t.type(), facts == Facts::shapes ? ir::to_dims(t.shape()) : ir::Dims(t.shape().size()));
      if (facts == Facts::types) type.dims.reset();
      inputs.push_back(graph.add_input("input" + std::to_string(inputs.size()), type));
    }
  }
  return graph.add_node(c.op, inputs, std::max<int>(1, static_cast<int>(c.outputs.size())), c.attributes, "tested");
}

}  // namespace

Tensor tensor_of(const std::string& text) { return Parser(text).tensor(); }

OpCase parse_op_case(const std::string& text) {
  Parser p(text);
  OpCase c;
  c.op = p.name();
  if (p.take("{"))
    while (!p.failed() && !p.take("}")) {
      const std::string name = p.name();
      p.expect("=");
      c.attributes[name] = p.attribute();
      p.take(",");
    }
  p.expect("(");
  while (!p.failed() && !p.take(")")) {
    c.inputs.push_back(p.take("_") ? Tensor() : p.tensor());
    p.take(";");
  }
  p.expect("->");
  if (p.take("error:")) {
    c.error = p.rest();
  } else {
    do c.outputs.push_back(p.take("_") ? Tensor() : p.tensor());
    while (!p.failed() && p.take(";"));
    if (!p.done()) p.fail("unexpected text");
  }
  if (p.failed()) c.op.clear();
  return c;
}

void check_op(const std::string& text, Tolerance tolerance) {
  SCOPED_TRACE(text.substr(0, 400));
  const OpCase c = parse_op_case(text);
  if (c.op.empty()) return;
  for (const Facts facts : {Facts::types, Facts::ranks, Facts::shapes, Facts::constants}) {
    ir::Graph graph;
    ir::Node* node = build(graph, c, facts);
    const Status status = infer_node(*node);
    if (!c.error.empty()) continue;  // may or may not be seen yet
    ASSERT_TRUE(status.ok()) << status.message();
    for (size_t i = 0; i < c.outputs.size(); ++i) {
      if (!c.outputs[i].valid()) continue;
      EXPECT_EQ(contradiction(*node->output(i), c.outputs[i]), "") << "output " << i << ", facts " << static_cast<int>(facts);
    }
  }
  ir::Graph graph;
  const ir::Node* node = build(graph, c, Facts::shapes);
  static ThreadPool pool(3);
  for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
    const Result<std::vector<Tensor>> made = run_reference(*node, c.inputs, threads);
    if (!c.error.empty()) {
      ASSERT_FALSE(made.ok()) << "no error";
      EXPECT_NE(made.status().message().find(c.error), std::string::npos) << made.status().message();
      continue;
    }
    ASSERT_TRUE(made.ok()) << made.status().message();
    for (size_t i = 0; i < c.outputs.size(); ++i) {
      if (!c.outputs[i].valid()) continue;
      EXPECT_EQ(first_difference((*made)[i], c.outputs[i], tolerance), "") << "output " << i;
    }
  }
}

void check_ops(const std::vector<std::string>& texts, Tolerance tolerance) {
  for (const std::string& text : texts) check_op(text, tolerance);
}

}  // namespace vivace::ops
