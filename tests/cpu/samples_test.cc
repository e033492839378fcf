// Which layers of a large batch run sample by sample, and what a graph is with them outlined.
#include "backends/cpu/samples.h"

#include <gtest/gtest.h>

#include "ir/text.h"
#include "ops/operator.h"
#include "ops/samples.h"

namespace vivace::cpu {
namespace {

std::unique_ptr<ir::Graph> parse(const std::string& text) {
  auto graph = ir::parse("graph " + text);
  EXPECT_TRUE(graph.ok()) << graph.status().message() << "\n" << text;
  EXPECT_TRUE(ops::infer_graph(**graph).ok()) << text;
  return *std::move(graph);
}

int64_t batch_of_first(const std::string& text) { return batch_of(**parse(text)->nodes().begin()); }

TEST(Samples, AreApartInNodes) {
  for (const char* text : {
           "(%x: f32[4,8,6,6]) { %y = Conv(%x, const f32[4,8,1,1] random(1)) return %y }",
           "(%x: f32[4,8,6,6], %r: f32[4,4,6,6]) { %y = vivace.FusedConv(%x, const f32[4,8,1,1] random(1), _, %r) "
           "return %y }",
           "(%x: f32[4,8,6,6]) { %y = MaxPool(%x) {kernel_shape=[2,2]} return %y }",
           "(%x: f32[4,8,6,6]) { %y = Concat(%x, %x) {axis=1} return %y }",
           "(%x: f32[4,8,6,6]) { %y, %z = Split(%x, const i64[2] {3, 5}) {axis=-3} return %y, %z }",
           "(%x: f32[4,8,6,6]) { %y = Reshape(%x, const i64[3] {4, 2, -1}) return %y }",
           "(%x: f32[4,8,6,6]) { %y = Flatten(%x) return %y }",
           "(%x: f32[4,8,6,6]) { %y = Transpose(%x) {perm=[0,2,3,1]} return %y }",
           "(%x: f32[4,8,6,6]) { %y = Slice(%x, const i64[1] {1}, const i64[1] {3}, const i64[1] {2}) return %y }",
           "(%x: f32[4,8,6,6]) { %y = ReduceMean(%x, const i64[2] {-1, 2}) return %y }",
           "(%x: f32[4,8,1,1]) { %y = Squeeze(%x, const i64[2] {2, 3}) return %y }",
           "(%x: f32[4,8]) { %y = Softmax(%x) return %y }",
           "(%x: f32[4,8,6,6], %s: f32[4,8,1,1]) { %y = Mul(%x, %s) return %y }",
           "(%x: f32[4,8,6,6]) { %y = Add(%x, const f32[8,1,1] random(1)) return %y }",
           "(%x: f32[4,8,6,6]) { %y = Sub(const f32[] {1}, %x) return %y }",
       })
    EXPECT_EQ(batch_of_first(text), 4) << text;
}

TEST(Samples, AreMixedOrNotKnownToBeApart) {
  for (const char* text : {
           "(%x: f32[n,8,6,6]) { %y = Relu(%x) return %y }",
           "(%x: f32[4,8], %w: f32[8,4]) { %y = MatMul(%x, %w) return %y }",
           "(%x: f32[4,4]) { %y = MatMul(%x, %x) return %y }",
           "(%x: f32[4,8,6,6], %w: f32[4,8,1,1]) { %y = Conv(%x, %w) return %y }",
           "(%x: f32[4,8,6,6]) { %y = vivace.FusedConv(%x, const f32[4,8,1,1] random(1), _, const f32[4,4,6,6] "
           "random(2)) return %y }",
           "(%x: f32[4,8,6,6]) { %y, %i = MaxPool(%x) {kernel_shape=[2,2]} return %y, %i }",
           "(%x: f32[4,8,6,6]) { %y, %m, %v = BatchNormalization(%x, const f32[8] random(1), const f32[8] random(2), "
           "const f32[8] random(3), const f32[8] splat(1)) {training_mode=1} return %y, %m, %v }",
           "(%x: f32[4,8,6,6]) { %y = Concat(%x, %x) {axis=0} return %y }",
           "(%x: f32[8,8,6,6]) { %y, %z = Split(%x) {axis=-4, num_outputs=2} return %y, %z }",
           "(%x: f32[4,8,6,6]) { %y = Reshape(%x, const i64[2] {2, -1}) return %y }",
           "(%x: f32[4,4,6,6]) { %y = Transpose(%x) {perm=[1,0,2,3]} return %y }",
           "(%x: f32[4,8,6,6]) { %y = Slice(%x, const i64[1] {0}, const i64[1] {4}, const i64[1] {0}, const i64[1] "
           "{-1}) return %y }",
           "(%x: f32[4,8,6,6]) { %y = Slice(%x, const i64[1] {0}, const i64[1] {4}) return %y }",
           "(%x: f32[4,4,8]) { %y = ReduceMean(%x, const i64[1] {0}) {keepdims=0} return %y }",
           "(%x: f32[4,1,8]) { %y = Squeeze(%x) return %y }",
           "(%x: f32[4,8]) { %y = Unsqueeze(%x, const i64[1] {0}) return %y }",
           "(%x: f32[4,8]) { %y = Softmax(%x) {axis=0} return %y }",
           "(%x: f32[4,8]) { %y = Gather(%x, const i64[4] {3, 2, 1, 0}) return %y }",
           "(%x: f32[4,4,4], %b: f32[4,4]) { %y = Add(%x, %b) return %y }",
           "(%x: f32[4,8]) { %y = Add(%x, const f32[4,8] random(1)) return %y }",
           "(%x: f32[4,8], %b: f32[1,8]) { %y = Add(%x, %b) return %y }",
       })
    EXPECT_EQ(batch_of_first(text), 0) << text;
}

// Images of 64 KiB, weights of 2 KiB, then a layer whose weights are much more than its images.
const char* kNetwork = R"((%x: f32[8,3,32,32]) {
  %a = Conv(%x, const f32[16,3,3,3] random(1)) {pads=[1,1,1,1]} "first"
  %b = Conv(%a, const f32[16,16,1,1] random(2)) "second"
  %c = Add(%b, %a) "sum"
  %m = GlobalAveragePool(%c) "mean"
  %f = Reshape(%m, const i64[2] {8, 16}) "flat"
  %y = Gemm(%f, const f32[16,4000] random(3)) "classes"
  return %y, %b as "shown" })";

Machine small_machine(int threads) {
  Machine machine;
  machine.threads = threads;
  machine.l2_bytes = 1 << 17;
  return machine;
}

std::string described(const SampleRegion& r) {
  return std::to_string(r.begin) + " to " + std::to_string(r.end) + ", " + std::to_string(r.samples) + " of " +
         std::to_string(r.batch);
}

TEST(Samples, TakeTurnsWhereTheirImagesFitTheCache) {
  const auto graph = parse(kNetwork);
  EXPECT_EQ(described(best_region(*graph, small_machine(2))), "0 to 4, 1 of 8");
  Machine large = small_machine(2);
  large.l2_bytes = 1 << 20;  // of four samples each
  EXPECT_EQ(best_region(*graph, large).gain, 0);
  Machine tiny = small_machine(2);
  tiny.l2_bytes = 1 << 10;  // not even one sample, nor the weights
  EXPECT_EQ(best_region(*graph, tiny).gain, 0);
}

TEST(Samples, AreSharedEvenly) {
  const auto graph = parse(kNetwork);
  EXPECT_EQ(best_region(*graph, small_machine(3)).samples, 0);  // 3, 3 and 2 turns
  EXPECT_EQ(best_region(*graph, small_machine(8)).samples, 0);  // one each, as without turns
  EXPECT_EQ(best_region(*graph, small_machine(1)).samples, 1);
}

TEST(Samples, AreOutlined) {
  const auto graph = parse(kNetwork);
  ASSERT_TRUE(outline_samples(*graph, small_machine(2)).ok());
  ir::Node* node = graph->nodes().begin()->get();
  ASSERT_EQ(node->op, ops::kForSamples);
  EXPECT_EQ(node->attributes.integer("samples"), 1);
  ASSERT_EQ(node->outputs().size(), 2u);
  EXPECT_EQ(node->outputs()[1]->type.to_string(), "f32[8,16,1,1]");
  EXPECT_EQ(graph->outputs()[1], node->outputs()[0]);  // asked for outside
  EXPECT_EQ(graph->output_name(1), "shown");
  const auto want = parse(R"("first to mean" (%x: f32[1,3,32,32]) {
    %a = Conv(%x, const f32[16,3,3,3] random(1)) {pads=[1,1,1,1]} "first"
    %b = Conv(%a, const f32[16,16,1,1] random(2)) "second"
    %c = Add(%b, %a) "sum"
    %m = GlobalAveragePool(%c) "mean"
    return %b, %m })");
  EXPECT_EQ(ir::print(*node->subgraph("body")), ir::print(*want));
}

TEST(Samples, KeepTheirOtherDimensions) {
  const auto graph = parse(R"((%x: f32[8,4,6,6]) {
    %a = Reshape(%x, const i64[4] {8, 2, -1, 12}) {allowzero=1}
    %b = Transpose(%a) {perm=[0,3,2,1]}
    return %b })");
  ASSERT_TRUE(outline(*graph, {0, 2, 8, 2}).ok());
  const auto want = parse(R"(" to " (%x: f32[2,4,6,6]) {
    %a = Reshape(%x, const i64[4] {0, 2, 6, 12})
    %b = Transpose(%a) {perm=[0,3,2,1]}
    return %b })");
  EXPECT_EQ(ir::print(*(*graph->nodes().begin())->subgraph("body")), ir::print(*want));
}

}  // namespace
}  // namespace vivace::cpu
