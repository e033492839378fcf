#include "frontends/onnx/import.h"

#include <gtest/gtest.h>

#include "model_writer.h"

namespace vivace::onnx::test {
namespace {

TEST(Import, PlainModel) {
  const Message m = model(graph({node("Identity", {"x"}, {"y"}, {}, "first"), node("Identity", {"w"}, {"z"})},
                                {value("x", DType::f32, {"batch", "3"})},
                                {value("y", DType::f32, {"batch", "3"}), value("z", DType::i64, {"2"})},
                                {numbers("w", {7, 8})}));
  const auto g = import(m);
  ASSERT_TRUE(g.ok()) << g.status().message();
  ASSERT_EQ((*g)->inputs().size(), 1u);
  EXPECT_EQ((*g)->inputs()[0]->type.to_string(), "f32[batch,3]");
  ASSERT_EQ((*g)->outputs().size(), 2u);
  EXPECT_EQ((*g)->output_name(1), "z");
  EXPECT_EQ((*g)->outputs()[0]->type.to_string(), "f32[batch,3]");
  EXPECT_EQ((*g)->outputs()[1]->producer()->input(0)->constant().as<int64_t>()[1], 8);
  EXPECT_TRUE(ir::verify(**g).ok());
}

}  // namespace
}  // namespace vivace::onnx::test
