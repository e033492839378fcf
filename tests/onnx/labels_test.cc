// Encoders of labels that became lists of keys and values.
#include <gtest/gtest.h>

#include "model_writer.h"
#include "ops/operator.h"

namespace vivace::onnx::test {
namespace {

Message texts(const std::string& name, const std::vector<std::string>& values) {
  Message m = Message().text(1, name).number(20, 8);
  for (const std::string& v : values) m.text(9, v);
  return m;
}

Result<std::vector<Tensor>> run(const Message& node, const Tensor& x) {
  const Message given = value("x", x.type(), {std::to_string(x.count())});
  const Message whole = Message()
                            .number(1, 10)
                            .add(8, opset(21))
                            .add(8, opset(1, "ai.onnx.ml"))
                            .add(7, graph({node}, {given}, {Message().text(1, "y")}));
  VIVACE_ASSIGN(const std::unique_ptr<ir::Graph> g, import(whole));
  return ops::run_graph_reference(*g, {x});
}

Tensor strings(const std::vector<std::string>& values) {
  Tensor t = Tensor::allocate(DType::string, {static_cast<int64_t>(values.size())}).value();
  std::copy(values.begin(), values.end(), t.as<std::string>());
  return t;
}

TEST(Labels, MapToIntegersOrBackByTheTypeOfTheInput) {
  const auto encode = [](const std::vector<Message>& attributes) {
    return node("ai.onnx.ml.LabelEncoder", {"x"}, {"y"}, attributes);
  };
  const Message classes = texts("classes_strings", {"a", "b"});
  auto made = run(encode({classes, attribute("default_int64", 7)}), strings({"b", "a", "z"}));
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(to_int64((*made)[0]), (std::vector<int64_t>{1, 0, 7}));
  made = run(encode({classes}), Tensor::of(std::vector<int64_t>{1, 5}));
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ((*made)[0].as<std::string>()[0], "b");
  EXPECT_EQ((*made)[0].as<std::string>()[1], "_Unused");

  const Message map = node("ai.onnx.ml.CategoryMapper", {"x"}, {"y"},
                           {texts("cats_strings", {"a", "b"}), attribute("cats_int64s", std::vector<int64_t>{4, -4})});
  made = run(map, strings({"b", "c"}));
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(to_int64((*made)[0]), (std::vector<int64_t>{-4, -1}));
  made = run(map, Tensor::of(std::vector<int64_t>{4}));
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ((*made)[0].as<std::string>()[0], "a");

  made = run(map, Tensor::of(std::vector<float>{4}));
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.status().message().find("must hold strings or i64"), std::string::npos) << made.status().message();
}

}  // namespace
}  // namespace vivace::onnx::test
