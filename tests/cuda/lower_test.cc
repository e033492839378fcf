// The graph that the GPU runs: layouts, and what becomes of reorders and casts.
#include "backends/cuda/lower.h"

#include <gtest/gtest.h>

#include "backends/cpu/placement.h"
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

// Which nodes of an operator need no kernel, "view" or "run" each.
std::string views_of(const ir::Graph& graph, std::string_view op) {
  std::vector<Shape> shapes;
  for (const ir::Value* v : graph.inputs()) shapes.push_back(*v->type.shape());
  const Result<cpu::ConcreteGraph> at = cpu::concretize(graph, shapes);
  EXPECT_TRUE(at.ok());
  const cpu::Placement placement = cpu::place_values(graph, *at, std::vector<size_t>(graph.nodes().size()), 16);
  std::string views;
  const std::vector<ir::Node*> nodes = graph.node_list();
  for (size_t i = 0; i < nodes.size(); ++i)
    if (nodes[i]->op == op) views += placement.is_view[i] ? "view " : "run ";
  return views;
}

TEST(Lower, SaysWhichProductsMayBeRounded) {
  const char* const text =
      "(%x: f32[1,3,5,5]) { %y = Conv(%x, const f32[12,3,3,3] random(1)) %z = Relu(%y) %r = Reshape(%z, const i64[2] "
      "{1, 108}) %m = MatMul(%r, const f32[108,7] random(2)) return %m }";
  auto graph = parsed(text);
  ASSERT_TRUE(lower(*graph, DType::f32).ok());
  EXPECT_EQ(ops_of(*graph), "Conv Relu Reshape MatMul");
  for (const auto& node : graph->nodes()) EXPECT_FALSE(node->attributes.has("tf32"));
  ASSERT_TRUE(lower(*graph, DType::f32, true).ok());
  EXPECT_EQ(ops_of(*graph), "vivace.Reorder Conv Relu vivace.Reorder Reshape MatMul");
  for (const auto& node : graph->nodes())
    EXPECT_EQ(node->attributes.has("tf32"), node->op == "Conv" || node->op == "MatMul") << node->op;
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

// A first convolution of few channels reads rows, and rounds them itself.
TEST(Lower, MergesCastsIntoFirstConvolutions) {
  const auto graph = lowered(
      "(%x: f32[1,3,6,6]) { %a = Conv(%x, const f32[8,3,3,3] random(1)) %y = Conv(%a, const f32[8,8,3,3] random(2)) "
      "return %y }");
  EXPECT_EQ(ops_of(*graph), "vivace.FusedConv Conv vivace.Reorder");
  const auto others = lowered(
      "(%x: f32[1,3,6,6]) { %a = Conv(%x, const f32[8,3,3,3] random(1)) %b = Conv(%x, const f32[8,3,1,1] random(2)) "
      "return %a, %b }");
  EXPECT_EQ(ops_of(*others), "Cast Conv Conv vivace.Reorder vivace.Reorder");
}

// Pointwise operators, too, take the type of what they follow.
TEST(Lower, ScalesChannelsInTheTypeAndLayoutOfTheirImage) {
  const auto graph = lowered(
      "(%x: f32[1,8,5,5]) { %a = Conv(%x, const f32[12,8,3,3] random(1)) %b = GlobalAveragePool(%a) %c = Sigmoid(%b) "
      "%y = Mul(%a, %c) return %y }");
  EXPECT_EQ(ops_of(*graph), "vivace.Reorder Conv GlobalAveragePool Sigmoid Mul vivace.Reorder");
}

TEST(Lower, NormalizesAndReducesWithChannelsLast) {
  const auto graph = lowered(
      "(%x: f32[1,8,5,5]) { %a = Conv(%x, const f32[12,8,3,3] random(1)) %b = InstanceNormalization(%a, const f32[12] "
      "random(2), const f32[12] random(3)) %c = PRelu(%b, const f32[12,1,1] random(4)) %d = BatchNormalization(%c, "
      "const f32[12] random(5), const f32[12] random(6), const f32[12] random(7), const f32[12] "
      "{1,2,3,4,5,6,7,8,9,1,2,3}) %e = LRN(%d) {size=3} %y = ReduceMean(%e, const i64[2] {-1, 2}) {keepdims=0} return "
      "%y }");
  EXPECT_EQ(ops_of(*graph), "vivace.Reorder Conv InstanceNormalization PRelu BatchNormalization LRN ReduceMean Cast");
}

// What else reads the value in fewer bits keeps its Cast.
TEST(Lower, KeepsACastThatIsUsedOtherwise) {
  const auto graph =
      lowered("(%x: f32[1,8,3,3]) { %y = Conv(%x, const f32[12,8,3,3] random(1)) %z = Transpose(%x) return %y, %z }");
  EXPECT_EQ(ops_of(*graph), "Cast vivace.Reorder Conv Transpose vivace.Reorder Cast");
}

// Features concatenated again and again lie in the longest concatenation; the distance between pixels is its.
TEST(Lower, MakesPartsOfConcatenationsInPlace) {
  const auto graph = lowered(
      "(%x: f32[2,8,3,3]) { %a = Conv(%x, const f32[16,8,1,1] random(1)) %b = Conv(%a, const f32[8,16,1,1] random(2)) "
      "%ab = Concat(%a, %b) {axis=1} %c = Conv(%ab, const f32[13,24,1,1] random(3)) %abc = Concat(%a, %b, %c) {axis=1} "
      "%d = Conv(%abc, const f32[8,37,1,1] random(4)) return %d }");
  EXPECT_EQ(views_of(*graph, "Concat"), "view view ");
  for (const auto& node : graph->nodes())
    if (node->op == "Concat") {
      EXPECT_EQ(node->output()->type.channel_block, 40);
      for (const ir::Value* part : node->inputs()) EXPECT_EQ(part->type.channel_block, 40);
    }
}

TEST(Lower, CopiesPartsThatBeginBetweenUnitsOrTwice) {
  const auto graph = lowered(
      "(%x: f32[1,8,3,3]) { %a = Conv(%x, const f32[12,8,1,1] random(1)) %b = Conv(%x, const f32[8,8,1,1] random(2)) "
      "%y = Concat(%a, %b) {axis=1} %z = Concat(%b, %b) {axis=1} %p, %q = Split(%a, const i64[2] {6, 6}) {axis=1} "
      "return %y, %z, %p, %q }");
  EXPECT_EQ(views_of(*graph, "Concat"), "run run ");
  EXPECT_EQ(views_of(*graph, "Split"), "run ");
}

// What is split and concatenated again with more is made where it is needed last.
TEST(Lower, SplitsInPlace) {
  const auto graph = lowered(
      "(%x: f32[1,8,3,3]) { %a = Conv(%x, const f32[32,8,1,1] random(1)) %p, %q = Split(%a, const i64[2] {16, 16}) "
      "{axis=1} %r = Conv(%q, const f32[16,16,3,3] random(2)) {pads=[1,1,1,1]} %y = Concat(%p, %q, %r) {axis=1} "
      "%z = Conv(%y, const f32[8,48,1,1] random(3)) %s, %t = Split(%z, const i64[2] {8, 0}) {axis=1} return %z }");
  EXPECT_EQ(views_of(*graph, "Concat"), "view ");
  EXPECT_EQ(views_of(*graph, "Split").substr(0, 5), "view ");
}

// ShuffleNet's units: what is concatenated, shuffled and split moves once.
TEST(Lower, MergesShufflesOfChannels) {
  const auto graph = lowered(
      "(%x: f32[2,8,3,3]) { %a = Conv(%x, const f32[29,8,1,1] random(1)) %b = Relu(%a) %c = Concat(%a, %b) {axis=1} "
      "%d = Reshape(%c, const i64[5] {2, 2, 29, 3, 3}) %e = Transpose(%d) {perm=[0,2,1,3,4]} "
      "%f = Reshape(%e, const i64[4] {2, 58, 3, 3}) %g, %h = Split(%f, const i64[2] {29, 29}) {axis=1} "
      "%i = Conv(%h, const f32[6,29,1,1] random(2)) return %g, %i }");
  EXPECT_EQ(ops_of(*graph), "vivace.Reorder Conv Relu vivace.MoveChannels Conv vivace.Reorder vivace.Reorder");
}

TEST(Lower, MergesSlicesBehindShufflesAndSplitsOthers) {
  const auto graph = lowered(
      "(%x: f32[1,8,3,3]) { %a = Conv(%x, const f32[58,8,1,1] random(1)) %d = Reshape(%a, const i64[5] {1, 2, 29, 3, "
      "3}) %e = Transpose(%d) {perm=[0,2,1,3,4]} %f = Reshape(%e, const i64[4] {1, 58, 3, 3}) %g = Slice(%f, const "
      "i64[1] {0}, const i64[1] {28}, const i64[1] {1}) %h = Slice(%f, const i64[1] {-30}, const i64[1] "
      "{9223372036854775807}, const i64[1] {-3}, const i64[1] {1}) %i = Conv(%h, const f32[32,30,1,1] random(2)) %j = "
      "Slice(%i, const i64[1] {8}, const i64[1] {24}, const i64[1] {1}) %k = Conv(%j, const f32[6,16,1,1] random(3)) "
      "return %g, %k }");
  EXPECT_EQ(ops_of(*graph), "vivace.Reorder Conv vivace.MoveChannels Conv Split Conv vivace.Reorder vivace.Reorder");
  EXPECT_EQ(views_of(*graph, "Split"), "view ");
}

// Normalizations over channels: the transpositions around them take no kernel.
TEST(Lower, TransposesChannelsInPlace) {
  const auto graph = lowered(
      "(%x: f32[2,8,3,5]) { %a = Conv(%x, const f32[16,8,1,1] random(1)) %b = Transpose(%a) {perm=[0,2,3,1]} %c = "
      "MatMul(%b, const f32[16,24] random(2)) %d = Transpose(%c) {perm=[0,3,1,2]} %e = Conv(%d, const f32[8,24,1,1] "
      "random(3)) return %e }");
  EXPECT_EQ(ops_of(*graph), "vivace.Reorder Conv Transpose MatMul Transpose Conv vivace.Reorder");
  EXPECT_EQ(views_of(*graph, "Transpose"), "view view ");
}

// As the product of all three at once makes them, and beside a product for the queries.
TEST(Lower, ReadsQueriesKeysAndValuesWhereTheyAreMade) {
  const auto graph = lowered(
      "(%x: f32[2,5,56], %c: f32[2,7,16], %m: f32[5,7]) { %v, %q, %k = Split(%x, const i64[3] {8, 32, 16}) {axis=-1} "
      "%a = Attention(%q, %k, %v) {q_num_heads=4, kv_num_heads=2} %s, %t = Split(%c, const i64[2] {8, 8}) {axis=2} "
      "%b = Attention(%v, %s, %t, %m) {q_num_heads=2, kv_num_heads=2, scale=0.5} return %a, %b }");
  EXPECT_EQ(ops_of(*graph), "Cast vivace.PackedAttention Cast Cast vivace.PackedAttention Cast Cast");
}

TEST(Lower, SplitsOtherDimensionsBeforeAttention) {
  const auto graph = lowered(
      "(%x: f32[2,12,8]) { %q, %k = Split(%x, const i64[2] {5, 7}) {axis=1} %a = Attention(%q, %k, %k) {q_num_heads=2, "
      "kv_num_heads=2} return %a }");
  EXPECT_EQ(ops_of(*graph), "Cast Split Attention Cast");
}

// DenseNet's layers: what is between a concatenation and a convolution of single pixels is part of the latter.
TEST(Lower, ScalesAndShiftsWhatConvolutionsRead) {
  const auto graph = lowered(
      "(%x: f32[1,8,5,5]) { %a = Conv(%x, const f32[12,8,3,3] random(1)) %b = vivace.Pointwise(%a, const f32[12,1,1] "
      "random(3), const f32[1,12,1,1] random(4)) {program=\"t0 = mul x0 x1; t1 = add x2 t0; relu t1\"} %c = "
      "vivace.FusedConv(%b, const f32[9,12,1,1] random(5), const f32[9] random(6)) {activation=\"relu\", "
      "strides=[2,2]} %e = vivace.Pointwise(%c, const f32[9,1,1] random(7), const f32[9,1,1] random(8)) {program=\"t0 "
      "= "
      "mul x1 x0; t1 = add t0 x2; relu t1\"} %f = Conv(%e, const f32[4,9,1,1] random(9)) %g = Conv(%e, const "
      "f32[4,9,2,2] random(9)) return %f, %g }");
  EXPECT_EQ(ops_of(*graph),
            "vivace.Reorder Conv vivace.ScaledConv vivace.Pointwise Conv Conv vivace.Reorder vivace.Reorder");
}

TEST(Lower, MovesPixelsWithChannelsLast) {
  const auto graph = lowered(
      "(%x: f32[1,8,5,5]) { %a = Conv(%x, const f32[12,8,3,3] random(1)) %b = Pad(%a, const i64[8] {0,0,1,2,0,0,0,1}) "
      "{mode=\"reflect\"} %c = DepthToSpace(%b) {blocksize=2} %d = Slice(%c, const i64[2] {1,0}, const i64[2] {7,4}, "
      "const i64[2] {2,3}) %e = SpaceToDepth(%d) {blocksize=2} %f = Conv(%e, const f32[4,12,1,1] random(2)) return %f "
      "}");
  EXPECT_EQ(ops_of(*graph), "vivace.Reorder Conv Pad DepthToSpace Slice SpaceToDepth Conv vivace.Reorder");
  EXPECT_EQ(views_of(*graph, "Slice"), "run ");
}

TEST(Lower, TransposedConvolutionsKeepChannelsLast) {
  const auto graph = lowered(
      "(%x: f32[1,8,5,5]) { %a = Conv(%x, const f32[12,8,3,3] random(1)) %b = ConvTranspose(%a, const f32[12,9,2,2] "
      "random(2), const f32[9] random(3)) {strides=[2,2]} %c = Relu(%b) %d = Conv(%c, const f32[8,9,1,1] random(4)) "
      "%e = ConvTranspose(%d, const f32[8,4,2,2] random(5)) {group=2} return %e }");
  EXPECT_EQ(ops_of(*graph), "vivace.Reorder Conv ConvTranspose Relu Conv vivace.Reorder ConvTranspose Cast");
}

// What is between has another use.
TEST(Lower, KeepsAConcatenationBeforeAShuffle) {
  const auto graph = lowered(
      "(%x: f32[1,8,3,3]) { %a = Conv(%x, const f32[12,8,1,1] random(1)) %c = Concat(%a, %a) {axis=1} "
      "%d = Reshape(%c, const i64[5] {1, 3, 8, 3, 3}) %e = Transpose(%d) {perm=[0,2,1,3,4]} "
      "%f = Reshape(%e, const i64[4] {1, 24, 3, 3}) %i = Conv(%f, const f32[6,24,1,1] random(2)) return %c, %i }");
  EXPECT_NE(ops_of(*graph).find("Conv Concat vivace.MoveChannels Conv"), std::string::npos) << ops_of(*graph);
}

// Two places in one image whose channels overlap are refused.
TEST(Lower, ConcatenatesCrossedPartsByACopy) {
  const auto graph = lowered(
      "(%x: f32[1,8,3,3]) { %a = Conv(%x, const f32[16,8,1,1] random(1)) %p, %q = Split(%a, const i64[2] {8, 8}) "
      "{axis=1} %y = Concat(%q, %p) {axis=1} %z = Conv(%y, const f32[8,16,1,1] random(3)) return %z }");
  EXPECT_NE(views_of(*graph, "Concat") + views_of(*graph, "Split"), "view view ");
}

}  // namespace
}  // namespace vivace::cuda
