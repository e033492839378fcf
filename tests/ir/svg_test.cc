#include "ir/svg.h"

#include <gtest/gtest.h>

#include "ir/text.h"

namespace vivace::ir {
namespace {

TEST(Svg, DrawsEveryNodeOnceAndEscapesNames) {
  const auto graph = parse("graph (%x: f32[2]) { %a = Relu(%x) \"a<b\" %b = Add(%a, %x) return %b }");
  ASSERT_TRUE(graph.ok());
  const std::string svg = to_svg(**graph);
  EXPECT_EQ(svg.rfind("<svg", 0), 0u);
  EXPECT_NE(svg.find("a&lt;b"), std::string::npos);
  EXPECT_EQ(svg.find("a<b"), std::string::npos);
  size_t boxes = 0, lines = 0;
  for (size_t at = 0; (at = svg.find("<rect", at)) != std::string::npos; ++at) ++boxes;
  for (size_t at = 0; (at = svg.find("<path", at)) != std::string::npos; ++at) ++lines;
  EXPECT_EQ(boxes, 3u);  // the input and two nodes
  EXPECT_EQ(lines, 3u);
  EXPECT_NE(to_svg(**graph, [](const Node&) { return "label"; }).find("label"), std::string::npos);
}

}  // namespace
}  // namespace vivace::ir
