// What each row of the manifest refuses, and why: the kernels behind a row would give wrong results for these.
#include <gtest/gtest.h>

#include "backends/cpu/shapes.h"
#include "ir/text.h"
#include "ops/operator.h"

namespace vivace::cpu {
namespace {

enum class Layout { plain, blocked, blocked_but_residual, other_blocks };

struct Refusal {
  const char *tactic, *reason, *graph;
  Layout layout = Layout::plain;
};

const Refusal kRefusals[] = {
    {"attention", "f32 only",
     "(%q: f16[1,2,3,4], %k: f16[1,2,5,4], %v: f16[1,2,5,4]) { %y = Attention(%q, %k, %v) return %y }"},
    {"attention", "row-major only",
     "(%q: f32[1,16,3,4], %k: f32[1,16,5,4], %v: f32[1,16,5,4]) { %y = Attention(%q, %k, %v) return %y }",
     Layout::blocked},
    {"attention", "past keys",
     "(%q: f32[1,2,3,4], %k: f32[1,2,5,4], %v: f32[1,2,5,4], %a: f32[1,2,6,4], %b: f32[1,2,6,4]) { %y, %c, %d = "
     "Attention(%q, %k, %v, _, %a, %b) return %y }"},
    {"attention", "valid lengths",
     "(%q: f32[1,2,3,4], %k: f32[1,2,5,4], %v: f32[1,2,5,4], %n: i64[1]) { %y = Attention(%q, %k, %v, _, _, _, %n) "
     "return %y }"},
    {"attention", "softcap",
     "(%q: f32[1,2,3,4], %k: f32[1,2,5,4], %v: f32[1,2,5,4]) { %y = Attention(%q, %k, %v) {softcap=2.0} return %y }"},
    {"attention", "more than the first output",
     "(%q: f32[1,2,3,4], %k: f32[1,2,5,4], %v: f32[1,2,5,4]) { %y, _, _, %s = Attention(%q, %k, %v) return %y, %s }"},
    {"attention", "the mask is not f32",
     "(%q: f32[1,2,3,4], %k: f32[1,2,5,4], %v: f32[1,2,5,4], %m: bool[3,5]) { %y = Attention(%q, %k, %v, %m) return %y "
     "}"},
    {"concat", "whole bytes", "(%x: string[2], %z: string[3]) { %y = Concat(%x, %z) {axis=0} return %y }"},
    {"concat", "whole bytes", "(%x: u4[2], %z: u4[2]) { %y = Concat(%x, %z) {axis=0} return %y }"},
    {"concat", "blocks that are not full",
     "(%x: f32[1,5,2,2], %z: f32[1,16,2,2]) { %y = Concat(%x, %z) {axis=1} return %y }", Layout::blocked},
    {"concat", "blocks that are not full",
     "(%x: f32[1,16,2,2], %z: f32[1,16,3,2]) { %y = Concat(%x, %z) {axis=2} return %y }", Layout::blocked},
    {"conv_direct", "f32 only", "(%x: f16[1,16,5,5]) { %y = Conv(%x, const f16[16,16,1,1] random(1)) return %y }",
     Layout::blocked},
    {"conv_direct", "two spatial", "(%x: f32[1,16,5]) { %y = Conv(%x, const f32[16,16,1] random(1)) return %y }"},
    {"conv_direct", "the weights are not constant",
     "(%x: f32[1,16,5,5], %w: f32[16,16,1,1]) { %y = Conv(%x, %w) return %y }"},
    {"conv_direct", "the bias is not constant",
     "(%x: f32[1,16,5,5], %b: f32[16]) { %y = Conv(%x, const f32[16,16,1,1] random(1), %b) return %y }"},
    {"conv_direct", "writes channels in blocks",
     "(%x: f32[1,16,5,5]) { %y = Conv(%x, const f32[16,16,1,1] random(1)) return %y }"},
    {"conv_direct", "adds a residual in blocks",
     "(%x: f32[1,16,5,5], %r: f32[1,16,5,5]) { %y = vivace.FusedConv(%x, const f32[16,16,1,1] random(1), _, %r) return "
     "%y }",
     Layout::blocked_but_residual},
    {"conv_stem", "reads a row-major input",
     "(%x: f32[1,3,9,9]) { %y = Conv(%x, const f32[16,3,3,3] random(1)) return %y }", Layout::blocked},
    {"lstm", "sequence lengths",
     "(%x: f32[4,1,3], %n: i32[1]) { %y = LSTM(%x, const f32[1,8,3] random(1), const f32[1,8,2] random(2), _, %n) "
     "{hidden_size=2} return %y }"},
    {"lstm", "f32 only",
     "(%x: f16[4,1,3]) { %y = LSTM(%x, const f16[1,8,3] random(1), const f16[1,8,2] random(2)) {hidden_size=2} return "
     "%y }"},
    {"lstm", "the weights are not constant",
     "(%x: f32[4,1,3], %w: f32[1,8,3]) { %y = LSTM(%x, %w, const f32[1,8,2] random(2)) {hidden_size=2} return %y }"},
    {"lstm", "clip",
     "(%x: f32[4,1,3]) { %y = LSTM(%x, const f32[1,8,3] random(1), const f32[1,8,2] random(2)) {hidden_size=2, "
     "clip=1.0} return %y }"},
    {"lstm", "coupled gates",
     "(%x: f32[4,1,3]) { %y = LSTM(%x, const f32[1,8,3] random(1), const f32[1,8,2] random(2)) {hidden_size=2, "
     "input_forget=1} return %y }"},
    {"lstm", "batch-major",
     "(%x: f32[1,4,3]) { %y = LSTM(%x, const f32[1,8,3] random(1), const f32[1,8,2] random(2)) {hidden_size=2, "
     "layout=1} return %y }"},
    {"lstm", "activations",
     "(%x: f32[4,1,3]) { %y = LSTM(%x, const f32[1,8,3] random(1), const f32[1,8,2] random(2)) {hidden_size=2, "
     "activations=[\"Sigmoid\", \"Relu\", \"Tanh\"]} return %y }"},
    {"matmul", "A is transposed",
     "(%x: f32[3,2], %w: f32[3,4]) { %y = vivace.FusedMatMul(%x, %w) {trans_a=1} return %y }"},
    {"matmul", "row-major f32 only", "(%x: f64[3,2], %w: f64[2,4]) { %y = MatMul(%x, %w) return %y }"},
    {"matmul", "batch dimensions",
     "(%x: f32[2,1,2,1,2,1,2,3,2], %w: f32[1,2,1,2,1,2,1,2,4]) { %y = MatMul(%x, %w) return %y }"},
    {"matmul", "one number per column",
     "(%x: f32[3,2], %w: f32[2,4], %c: f32[3,1]) { %y = Gemm(%x, %w, %c) return %y }"},
    {"matmul", "beta is not 1",
     "(%x: f32[3,2], %w: f32[2,4], %c: f32[4]) { %y = Gemm(%x, %w, %c) {beta=0.5} return %y }"},
    {"matmul_packed", "B is not constant", "(%x: f32[3,2], %w: f32[2,4]) { %y = MatMul(%x, %w) return %y }"},
    {"matmul_packed", "batch of matrices",
     "(%x: f32[2,3,2]) { %y = MatMul(%x, const f32[2,2,4] random(1)) return %y }"},
    {"copy", "whole bytes", "(%x: string[2,3]) { %y = Transpose(%x) return %y }"},
    {"copy", "whole bytes", "(%x: u4[2,3]) { %y = Transpose(%x) return %y }"},
    {"copy", "known only while running", "(%x: f32[5], %b: i64[1]) { %y = Slice(%x, %b, const i64[1] {4}) return %y }"},
    {"gather", "whole bytes", "(%x: string[4], %i: i64[2]) { %y = Gather(%x, %i) return %y }"},
    {"gather", "whole bytes", "(%x: u4[4], %i: i64[2]) { %y = Gather(%x, %i) return %y }"},
    {"layer_norm", "more than the first output",
     "(%x: f32[2,5]) { %y, %m = LayerNormalization(%x, const f32[5] random(1)) return %y, %m }"},
    {"layer_norm", "scale or bias broadcasts",
     "(%x: f32[2,5]) { %y = LayerNormalization(%x, const f32[1] {2}) return %y }"},
    {"layer_norm", "row-major f32 only",
     "(%x: f16[2,5]) { %y = LayerNormalization(%x, const f16[5] random(1)) return %y }"},
    {"reduce", "no axes", "(%x: f32[2,3,4]) { %y = ReduceSum(%x) {noop_with_empty_axes=1} return %y }"},
    {"reduce", "no axes", "(%x: f32[]) { %y = ReduceSum(%x) return %y }"},
    {"reduce", "not neighbours", "(%x: f32[2,3,4]) { %y = ReduceSum(%x, const i64[2] {0, 2}) return %y }"},
    {"pointwise", "f32 only", "(%x: f16[5]) { %y = Relu(%x) return %y }"},
    {"pool", "f32 images only", "(%x: f16[1,2,5,5]) { %y = MaxPool(%x) {kernel_shape=[2,2]} return %y }"},
    {"pool", "f32 images only", "(%x: f32[1,2,5]) { %y = MaxPool(%x) {kernel_shape=[2]} return %y }"},
    {"pool", "indices are asked for", "(%x: f32[1,2,5,5]) { %y, %i = MaxPool(%x) {kernel_shape=[2,2]} return %y, %i }"},
    {"pool", "blocks of another machine", "(%x: f32[1,16,5,5]) { %y = MaxPool(%x) {kernel_shape=[2,2]} return %y }",
     Layout::other_blocks},
    {"pool", "outside the image",
     "(%x: f32[1,2,5,5]) { %y = MaxPool(%x) {kernel_shape=[2,2], pads=[2,2,2,2]} return %y }"},
    {"group_norm", "no spatial dimensions",
     "(%x: f32[2,3]) { %y = InstanceNormalization(%x, const f32[3] random(1), const f32[3] random(2)) return %y }"},
    {"attention", "shorter than the keys",
     "(%q: f32[1,2,3,4], %k: f32[1,2,5,4], %v: f32[1,2,5,4], %m: f32[3,4]) { %y = Attention(%q, %k, %v, %m) return %y "
     "}"},
    {"reorder", "f32 images only", "(%x: f16[1,16,5,5]) { %y = vivace.Reorder(%x) {channel_block=0} return %y }"},
    {"reorder", "not between", "(%x: f32[1,16,5,5]) { %y = vivace.Reorder(%x) {channel_block=0} return %y }"},
    {"reorder", "not between", "(%x: f32[1,16,5,5]) { %y = vivace.Reorder(%x) {channel_block=0} return %y }",
     Layout::blocked},
    {"resize", "images only", "(%x: f32[5]) { %y = Resize(%x, _, const f32[1] {2.0}) {mode=\"linear\"} return %y }"},
    {"resize", "known only while running",
     "(%x: f32[1,1,5,5], %s: i64[4]) { %y = Resize(%x, _, _, %s) {mode=\"linear\"} return %y }"},
    {"resize", "more than rows and columns",
     "(%x: f32[1,2,5,5]) { %y = Resize(%x, _, const f32[4] {1.0, 2.0, 2.0, 2.0}) {mode=\"linear\"} return %y }"},
    {"resize", "extrapolates",
     "(%x: f32[1,1,5,5]) { %y = Resize(%x, const f32[8] {0, 0, 0, 0, 1, 1, 2, 2}, const f32[4] {1.0, 1.0, 2.0, 2.0}) "
     "{mode=\"linear\", coordinate_transformation_mode=\"tf_crop_and_resize\"} return %y }"},
    {"int8_matmul", "of another granularity",
     "(%a: u8[2,3], %b: u8[3,4], %z: u8[2]) { %y = MatMulInteger(%a, %b, %z) return %y }"},
    {"int8_matmul", "different shapes", "(%a: u8[1,2,3], %b: i8[2,3,4]) { %y = MatMulInteger(%a, %b) return %y }"},
    {"int8_matmul", "nothing to multiply", "(%a: u8[2,0], %b: i8[0,4]) { %y = MatMulInteger(%a, %b) return %y }"},
    {"int8_conv", "images only", "(%x: u8[1,2,5]) { %y = ConvInteger(%x, const i8[3,2,2] random(1)) return %y }"},
    {"int8_conv", "not constant", "(%x: u8[1,2,5,5], %w: i8[3,2,2,2]) { %y = ConvInteger(%x, %w) return %y }"},
    {"quantize", "8 bits only",
     "(%x: f32[5]) { %y = QuantizeLinear(%x, const f32[] {0.5}) {output_dtype=4} return %y }"},
    {"quantize", "f32 only", "(%x: u8[5]) { %y = DequantizeLinear(%x, const f16[] {0.5}) return %y }"},
    {"quantize", "blocks",
     "(%x: u8[4,4]) { %y = DequantizeLinear(%x, const f32[2,4] random(1)) {axis=0, block_size=2} return %y }"},
    {"cast", "no kernel", "(%x: f64[5]) { %y = Cast(%x) {to=1} return %y }"},
    {"pad", "while running", "(%x: f32[3], %p: i64[2]) { %y = Pad(%x, %p) return %y }"},
    {"gru", "sequence lengths",
     "(%x: f32[4,1,3], %n: i32[1]) { %y = GRU(%x, const f32[1,6,3] random(1), const f32[1,6,2] random(2), _, %n) "
     "{hidden_size=2} return %y }"},
    {"rnn", "activations other",
     "(%x: f32[4,1,3]) { %y = RNN(%x, const f32[1,2,3] random(1), const f32[1,2,2] random(2)) {hidden_size=2, "
     "activations=[\"Softsign\"]} return %y }"},
    {"top_k", "not the last", "(%x: f32[4,3]) { %y, %i = TopK(%x, const i64[1] {2}) {axis=0} return %y }"},
    {"reduce_groups", "neighbours", "(%x: f32[4,3]) { %y = ReduceSum(%x, const i64[1] {0}) return %y }"},
    {"roi_align", "follows from the region",
     "(%x: f32[1,2,5,5], %r: f32[1,4], %b: i64[1]) { %y = RoiAlign(%x, %r, %b) return %y }"},
    {"rotary", "side by side",
     "(%x: f32[1,2,3,4], %c: f32[1,3,2]) { %y = RotaryEmbedding(%x, %c, %c) {interleaved=1} return %y }"},
    {"scatter", "another reduction",
     "(%x: f32[4], %i: i64[2,1], %u: f32[2]) { %y = ScatterND(%x, %i, %u) {reduction=\"mul\"} return %y }"},
    {"where", "four bytes", "(%c: bool[4], %x: f64[4]) { %y = Where(%c, %x, %x) return %y }"},
    {"reference", "row-major tensors only", "(%x: f32[1,16,5,5]) { %y = Relu(%x) return %y }", Layout::blocked},
};

TEST(Refusals, SayWhy) {
  const Machine machine = this_machine(1);
  for (const Refusal& c : kRefusals) {
    SCOPED_TRACE(std::string(c.tactic) + ": " + c.graph);
    const auto graph = ir::parse("graph " + std::string(c.graph));
    ASSERT_TRUE(graph.ok()) << graph.status().message();
    const Status inferred = ops::infer_graph(**graph);
    ASSERT_TRUE(inferred.ok()) << inferred.message();
    std::vector<Shape> shapes;
    for (const ir::Value* v : (*graph)->inputs()) shapes.push_back(*v->type.shape());
    const auto at = concretize(**graph, shapes);
    ASSERT_TRUE(at.ok()) << at.status().message();
    Problem problem = problem_of(**(*graph)->nodes().begin(), *at);
    if (c.layout != Layout::plain) {
      const int block = c.layout == Layout::other_blocks ? 2 * machine.channel_block() : machine.channel_block();
      const size_t residual = 3;
      for (size_t i = 0; i < problem.inputs.size(); ++i)
        if (!problem.inputs[i].constant && problem.inputs[i].shape.size() == 4 &&
            !(c.layout == Layout::blocked_but_residual && i == residual))
          problem.inputs[i].channel_block = block;
      if (problem.outputs[0].shape.size() == 4) problem.outputs[0].channel_block = block;
    }
    const Tactic* tactic = find_tactic(c.tactic);
    ASSERT_NE(tactic, nullptr);
    EXPECT_TRUE(tactic->runs(problem.node->op));
    EXPECT_NE(tactic->supports(problem, machine).reason.find(c.reason), std::string::npos)
        << "it says '" << tactic->supports(problem, machine).reason << "'";
  }
}

}  // namespace
}  // namespace vivace::cpu
