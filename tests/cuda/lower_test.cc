// The graph that the GPU runs: layouts, and what becomes of reorders and casts.
#include "backends/cuda/lower.h"

#include <gtest/gtest.h>

#include "ir/text.h"
#include "ops/operator.h"
#include "passes/precision.h"

namespace vivace::cuda {
namespace {

std::unique_ptr<ir::Graph> parsed(const std::string& text) {
  Result<std::unique_ptr<ir::Graph>> graph = ir::parse("graph " + text);
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  EXPECT_TRUE(ops::infer_graph(**graph).ok());
  return *std::move(graph);
}

std::string ops_of(const ir::Graph& graph) {
  std::string ops;
  for (const auto& node : graph.nodes()) ops += (ops.empty() ? "" : " ") + node->op;
  return ops;
}

// In f16 for the GPU, and that it still means the same to the reference.
std::unique_ptr<ir::Graph> lowered(const std::string& text) {
  std::unique_ptr<ir::Graph> graph = parsed(text);
  const Result<int> changes = passes::lower_precision(*graph, DType::f16);
  EXPECT_TRUE(changes.ok());
  std::vector<Tensor> arguments;
  for (const ir::Value* v : graph->inputs())
    arguments.push_back(ir::random_tensor(v->type.dtype, *v->type.shape(), static_cast<uint64_t>(v->id()) + 10));
  const Result<std::vector<Tensor>> expected = ops::run_graph_reference(*graph, arguments);
  EXPECT_TRUE(expected.ok()) << expected.status().message();
  const Status status = lower(*graph, DType::f16);
  EXPECT_TRUE(status.ok()) << status.message();
  const Result<std::vector<Tensor>> got = ops::run_graph_reference(*graph, arguments);
  EXPECT_TRUE(got.ok()) << got.status().message();
  for (size_t i = 0; expected.ok() && got.ok() && i < expected->size(); ++i) {
    EXPECT_EQ((*got)[i].type(), (*expected)[i].type());
    EXPECT_EQ(to_double((*got)[i]), to_double((*expected)[i]));
  }
  return graph;
}

TEST(Lower, MergesCastsIntoReorders) {
  const auto graph = lowered(
      "(%x: f32[1,8,5,5]) { %y = Conv(%x, const f32[12,8,3,3] random(1)) %z = MaxPool(%y) {kernel_shape=[2,2]} return "
      "%z }");
  EXPECT_EQ(ops_of(*graph), "vivace.Reorder Conv MaxPool vivace.Reorder");
  const ir::Node& first = **graph->nodes().begin();
  EXPECT_EQ(first.output()->type.dtype, DType::f16);
  EXPECT_EQ(first.output()->type.channel_block, 8);
  EXPECT_EQ(graph->outputs()[0]->type.dtype, DType::f32);
  EXPECT_EQ(graph->outputs()[0]->type.channel_block, 0);
}

// Pointwise operators, too, take the type of what they follow.
TEST(Lower, ScalesChannelsInTheTypeAndLayoutOfTheirImage) {
  const auto graph = lowered(
      "(%x: f32[1,8,5,5]) { %a = Conv(%x, const f32[12,8,3,3] random(1)) %b = GlobalAveragePool(%a) %c = Sigmoid(%b) "
      "%y = Mul(%a, %c) return %y }");
  EXPECT_EQ(ops_of(*graph), "vivace.Reorder Conv GlobalAveragePool Sigmoid Mul vivace.Reorder");
}

// What else reads the value in fewer bits keeps its Cast.
TEST(Lower, KeepsACastThatIsUsedOtherwise) {
  const auto graph =
      lowered("(%x: f32[1,8,3,3]) { %y = Conv(%x, const f32[12,8,3,3] random(1)) %z = Transpose(%x) return %y, %z }");
  EXPECT_EQ(ops_of(*graph), "Cast vivace.Reorder Conv Transpose vivace.Reorder Cast");
}

}  // namespace
}  // namespace vivace::cuda
