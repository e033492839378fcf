// Operators on the cases in tests/ops/cases/*.txt: inputs, attributes and the outputs that ONNX Runtime or the
// standard's own evaluator gave (scripts/make_operator_cases.py writes them). VIVACE_OPERATOR_CASES names one more file.
//
//   case Conv tolerance 1e-05
//   attr group i 2
//   in f32 1,2,3 : 1 2 3 4 5 6
//   in -
//   out f32 1,2,1 : 0.5 1
//
// Attribute kinds: i is f fs s ss. Elements of f8 types are their bits.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ops/operator.h"

namespace vivace::ops {
namespace {

struct Case {
  std::string where, op;
  double tolerance = 0;
  ir::Attributes attributes;
  std::vector<Tensor> inputs, outputs;  // an omitted one is not valid()
};

Shape parse_shape(const std::string& text) {
  Shape shape;
  std::istringstream in(text == "scalar" ? "" : text);
  for (std::string number; std::getline(in, number, ',');) shape.push_back(std::stoll(number));
  return shape;
}

Tensor parse_tensor(std::istringstream& in) {
  std::string type, shape, colon, word;
  in >> type;
  if (type == "-") return {};
  in >> shape >> colon;
  const DType dtype = dtype_from_string(type);
  Result<Tensor> made = Tensor::allocate(dtype, parse_shape(shape));
  EXPECT_TRUE(made.ok());
  Tensor tensor = std::move(made).value();
  for (int64_t i = 0; i < tensor.count() && in >> word; ++i) {
    if (dtype == DType::string) {
      tensor.as<std::string>()[i] = word;
    } else if (bits_of(dtype) < 8) {
      const int bits = bits_of(dtype), shift = static_cast<int>(i * bits % 8);
      tensor.as<uint8_t>()[i * bits / 8] |= static_cast<uint8_t>((std::stoi(word) & ((1 << bits) - 1)) << shift);
    } else if (!visit_dtype<float, double, Float16, BFloat16>(dtype, [&]<class T>() {
                 tensor.as<T>()[i] = static_cast<T>(static_cast<Wide<T>>(std::strtod(word.c_str(), nullptr)));
               }) && !visit_dtype<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, bool>(dtype, [&]<class T>() {
                 tensor.as<T>()[i] = static_cast<T>(std::stoll(word));
               })) {
      if (dtype == DType::u64) tensor.as<uint64_t>()[i] = std::stoull(word);
      else tensor.as<uint8_t>()[i] = static_cast<uint8_t>(std::stoi(word));
    }
  }
  return tensor;
}

template <class T>
std::vector<T> rest(std::istringstream& in) {
  std::vector<T> all;
  for (T value; in >> value;) all.push_back(value);
  return all;
}

void parse_attribute(std::istringstream& in, ir::Attributes& attributes) {
  std::string name, kind;
  in >> name >> kind;
  if (kind == "i") attributes[name] = rest<int64_t>(in).at(0);
  else if (kind == "f") attributes[name] = rest<float>(in).at(0);
  else if (kind == "s") attributes[name] = rest<std::string>(in).at(0);
  else if (kind == "is") attributes[name] = rest<int64_t>(in);
  else if (kind == "fs") attributes[name] = rest<float>(in);
  else attributes[name] = rest<std::string>(in);
}

std::vector<Case> read_cases() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(VIVACE_SOURCE_DIR "/tests/ops/cases"))
    files.push_back(entry.path());
  if (const char* more = std::getenv("VIVACE_OPERATOR_CASES")) files.push_back(more);
  std::sort(files.begin(), files.end());
  std::vector<Case> cases;
  for (const std::string& file : files) {
    std::ifstream lines(file);
    int number = 1;
    for (std::string line; std::getline(lines, line); ++number) {
      std::istringstream in(line);
      std::string word;
      in >> word;
      if (word == "case") {
        Case& c = cases.emplace_back();
        c.where = std::filesystem::path(file).filename().string() + ":" + std::to_string(number);
        in >> c.op >> word >> c.tolerance;
      } else if (word == "attr") {
        parse_attribute(in, cases.back().attributes);
      } else if (word == "in") {
        cases.back().inputs.push_back(parse_tensor(in));
      } else if (word == "out") {
        cases.back().outputs.push_back(parse_tensor(in));
      }
    }
  }
  return cases;
}

// A graph of the one node; `type` says what is known of each input.
ir::Node* make_node(ir::Graph& graph, const Case& c, const std::function<ir::Type(const Tensor&)>& type) {
  std::vector<ir::Value*> inputs;
  for (const Tensor& t : c.inputs) inputs.push_back(t.valid() ? graph.add_input("x", type(t)) : nullptr);
  ir::Node* node = graph.add_node(c.op, inputs, static_cast<int>(c.outputs.size()), c.attributes, "node");
  for (size_t i = 0; i < c.outputs.size(); ++i)
    if (c.outputs[i].valid()) node->outputs()[i]->name = "y";
  return node;
}

// Elements of any number type as f64; bits of the rest.
std::vector<double> numbers(const Tensor& t) {
  if (is_float(t.type())) return to_double(t);
  std::vector<double> out;
  if (is_integer(t.type()) || t.type() == DType::boolean) {
    for (const int64_t v : to_int64(t)) out.push_back(static_cast<double>(v));
    return out;
  }
  for (size_t i = 0; i < t.bytes(); ++i) out.push_back(t.as<uint8_t>()[i]);
  return out;
}

void expect_close(const Tensor& actual, const Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.type(), expected.type()) << what;
  ASSERT_EQ(actual.shape(), expected.shape()) << what;
  const std::vector<double> a = numbers(actual), e = numbers(expected);
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(e[i]) && std::isnan(a[i])) continue;
    if (a[i] == e[i]) continue;
    ASSERT_LE(std::abs(a[i] - e[i]), tolerance * (1 + std::abs(e[i]))) << what << ", element " << i << ": " << a[i] << " for " << e[i];
  }
}

TEST(Cases, ReferenceKernelsGiveTheExpectedOutputs) {
  const std::vector<Case> cases = read_cases();
  ASSERT_FALSE(cases.empty());
  for (const Case& c : cases) {
    if (!find_operator(c.op)) continue;
    const std::string what = c.where + " " + c.op;
    ir::Graph graph;
    const ir::Node* node = make_node(graph, c, [](const Tensor& t) { return ir::Type::tensor(t.type(), ir::to_dims(t.shape())); });
    const auto outputs = run_reference(*node, c.inputs);
    EXPECT_TRUE(outputs.ok()) << what << ": " << outputs.status().message();
    if (!outputs.ok()) continue;
    for (size_t i = 0; i < c.outputs.size(); ++i)
      if (c.outputs[i].valid())
        expect_close((*outputs)[i], c.outputs[i], c.tolerance, what + ", output " + std::to_string(i));
    ThreadPool pool(3);
    const auto again = run_reference(*node, c.inputs, &pool);
    ASSERT_TRUE(again.ok());
    for (size_t i = 0; i < c.outputs.size(); ++i) {
      if (c.outputs[i].valid() && c.outputs[i].type() != DType::string) {
        EXPECT_EQ(0, std::memcmp((*outputs)[i].data(), (*again)[i].data(), (*outputs)[i].bytes())) << what << " with threads";
      }
    }
  }
}

// What inference says of inputs known only by rank, or not even that, must not contradict the outputs.
TEST(Cases, InferenceWithoutShapesAgreesWithTheOutputs) {
  const auto check = [](const Case& c, const std::function<ir::Type(const Tensor&)>& type) {
    ir::Graph graph;
    ir::Node* node = make_node(graph, c, type);
    const Status status = infer_node(*node);
    EXPECT_TRUE(status.ok()) << c.where << ": " << status.message();
    if (!status.ok()) return;
    for (size_t i = 0; i < c.outputs.size(); ++i) {
      if (!c.outputs[i].valid()) continue;
      const ir::Type& inferred = node->outputs()[i]->type;
      const Shape& shape = c.outputs[i].shape();
      EXPECT_EQ(inferred.dtype, c.outputs[i].type()) << c.where << " " << c.op;
      if (!inferred.dims) continue;
      ASSERT_EQ(inferred.dims->size(), shape.size()) << c.where << " " << c.op;
      for (size_t d = 0; d < shape.size(); ++d)
        EXPECT_TRUE(!(*inferred.dims)[d].known() || (*inferred.dims)[d].is(shape[d])) << c.where << " " << c.op << ": " << inferred.to_string();
    }
  };
  for (const Case& c : read_cases()) {
    if (!find_operator(c.op)) continue;
    check(c, [](const Tensor& t) { return ir::Type::tensor_of_any_rank(t.type()); });
    check(c, [](const Tensor& t) { return ir::Type::tensor(t.type(), ir::Dims(t.shape().size())); });
    int symbols = 0;
    check(c, [&](const Tensor& t) {
      ir::Dims dims;
      for (size_t d = 0; d < t.shape().size(); ++d) dims.push_back(ir::Dim::symbol("s" + std::to_string(symbols++)));
      return ir::Type::tensor(t.type(), dims);
    });
  }
}

}  // namespace
}  // namespace vivace::ops
