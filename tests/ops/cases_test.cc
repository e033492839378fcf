// Operators on the cases in tests/ops/cases/*.txt.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "ops/case_file.h"
#include "ops/operator.h"

namespace vivace::ops {
namespace {

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
  if (actual.type() == DType::string) {
    for (int64_t i = 0; i < actual.count(); ++i)
      ASSERT_EQ(actual.as<std::string>()[i], expected.as<std::string>()[i]) << what << ", element " << i;
    return;
  }
  const std::vector<double> a = numbers(actual), e = numbers(expected);
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(e[i]) && std::isnan(a[i])) continue;
    if (a[i] == e[i]) continue;
    ASSERT_LE(std::abs(a[i] - e[i]), tolerance * (1 + std::abs(e[i])))
        << what << ", element " << i << ": " << a[i] << " for " << e[i];
  }
}

TEST(Cases, ReferenceKernelsGiveTheExpectedOutputs) {
  const std::vector<Case> cases = read_cases();
  ASSERT_FALSE(cases.empty());
  for (const Case& c : cases) {
    if (!find_operator(c.op)) continue;
    const std::string what = c.where + " " + c.op;
    ir::Graph graph;
    const ir::Node* node =
        make_node(graph, c, [](const Tensor& t) { return ir::Type::tensor(t.type(), ir::to_dims(t.shape())); });
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
        EXPECT_EQ(0, std::memcmp((*outputs)[i].data(), (*again)[i].data(), (*outputs)[i].bytes()))
            << what << " with threads";
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
        EXPECT_TRUE(!(*inferred.dims)[d].known() || (*inferred.dims)[d].is(shape[d]))
            << c.where << " " << c.op << ": " << inferred.to_string();
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
