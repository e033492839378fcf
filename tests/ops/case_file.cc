#include "ops/case_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>

namespace vivace::ops {

namespace {

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
  for (int64_t i = 0; i < tensor.count() && in >> std::quoted(word); ++i) {
    if (dtype == DType::string) {
      tensor.as<std::string>()[i] = word;
    } else if (bits_of(dtype) < 8) {
      const int bits = bits_of(dtype), shift = static_cast<int>(i * bits % 8);
      tensor.as<uint8_t>()[i * bits / 8] |= static_cast<uint8_t>((std::stoi(word) & ((1 << bits) - 1)) << shift);
    } else if (!visit_dtype<float, double, Float16, BFloat16>(
                   dtype,
                   [&]<class T>() {
                     tensor.as<T>()[i] = static_cast<T>(static_cast<Wide<T>>(std::strtod(word.c_str(), nullptr)));
                   }) &&
               !visit_dtype<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, bool>(
                   dtype, [&]<class T>() { tensor.as<T>()[i] = static_cast<T>(std::stoll(word)); })) {
      if (dtype == DType::u64)
        tensor.as<uint64_t>()[i] = std::stoull(word);
      else
        tensor.as<uint8_t>()[i] = static_cast<uint8_t>(std::stoi(word));
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
template <>
std::vector<float> rest(std::istringstream& in) {  // which may be nan or inf
  std::vector<float> all;
  for (std::string word; in >> word;) all.push_back(std::strtof(word.c_str(), nullptr));
  return all;
}
template <>
std::vector<std::string> rest(std::istringstream& in) {
  std::vector<std::string> all;
  for (std::string value; in >> std::quoted(value);) all.push_back(value);
  return all;
}

void parse_attribute(std::istringstream& in, ir::Attributes& attributes) {
  std::string name, kind;
  in >> name >> kind;
  if (kind == "i")
    attributes[name] = rest<int64_t>(in).at(0);
  else if (kind == "f")
    attributes[name] = rest<float>(in).at(0);
  else if (kind == "s")
    attributes[name] = rest<std::string>(in).at(0);
  else if (kind == "is")
    attributes[name] = rest<int64_t>(in);
  else if (kind == "fs")
    attributes[name] = rest<float>(in);
  else if (kind == "t")
    attributes[name] = parse_tensor(in);
  else
    attributes[name] = rest<std::string>(in);
}

}  // namespace

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

ir::Node* make_node(ir::Graph& graph, const Case& c, const std::function<ir::Type(const Tensor&)>& type) {
  std::vector<ir::Value*> inputs;
  for (const Tensor& t : c.inputs) inputs.push_back(t.valid() ? graph.add_input("x", type(t)) : nullptr);
  ir::Node* node = graph.add_node(c.op, inputs, static_cast<int>(c.outputs.size()), c.attributes, "node");
  for (size_t i = 0; i < c.outputs.size(); ++i)
    if (c.outputs[i].valid()) node->outputs()[i]->name = "y";
  return node;
}

}  // namespace vivace::ops
