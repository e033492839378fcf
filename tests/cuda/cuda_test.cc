// What can be tested of the GPU's backend without a GPU: the kernels' text, their compilation where NVRTC is here, and
// the schedule on the null device.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "backend_cases.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/executor.h"
#include "backends/cuda/image.h"
#include "backends/cuda/lower.h"
#include "backends/cuda/rows/mma.h"
#include "backends/cuda/rows/rows.h"
#include "backends/cuda/source.h"
#include "builder/builder.h"
#include "cuda/graphs.h"
#include "element_cases.h"
#include "ir/text.h"
#include "ops/operator.h"
#include "passes/precision.h"
#include "runtime/engine.h"

namespace vivace::cuda {
namespace {

struct Bound {
  std::shared_ptr<ir::Graph> graph;
  cpu::ConcreteGraph at;
  Problem problem;
};
// In a type of 16 bits or with TF32: the node as it stands after lowering, images with their channels last.
Bound problem_of(const std::string& text, DType type = DType::f32, bool tf32 = false) {
  Bound bound;
  bound.graph = graph_of(text);
  const bool lowers = type != DType::f32 || tf32;
  if (type != DType::f32) {
    EXPECT_TRUE(passes::lower_precision(*bound.graph, type).ok());
  }
  if (lowers) {
    EXPECT_TRUE(lower(*bound.graph, type, tf32).ok());
  }
  std::vector<Shape> shapes;
  for (const ir::Value* v : bound.graph->inputs()) shapes.push_back(*v->type.shape());
  Result<cpu::ConcreteGraph> at = cpu::concretize(*bound.graph, shapes);
  EXPECT_TRUE(at.ok()) << at.status().message();
  bound.at = *std::move(at);
  const ir::Node* main = bound.graph->nodes().front().get();
  for (const ir::Node* node : bound.graph->node_list())
    if (lowers && node->op != "Cast" && node->op != "vivace.Reorder") main = node;
  bound.problem = cpu::problem_of(*main, bound.at);
  return bound;
}

std::string text_of(const Job& job) {
  std::ostringstream text;
  for (const Launch& launch : job.launches)
    text << "// grid " << launch.grid[0] << " x " << launch.grid[1] << " x " << launch.grid[2] << ", block "
         << launch.block << ", shared " << launch.shared_bytes << ", " << launch.arguments.size() << " arguments\n"
         << launch.source;
  return text.str();
}

struct Golden {
  const char *file, *tactic, *configuration, *graph;
  DType type = DType::f32;
  bool tf32 = false;
};
void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.file; }

class GoldenSource : public testing::TestWithParam<Golden> {};

// VIVACE_UPDATE_GOLDEN=1 writes the files anew, to be read before they are committed.
TEST_P(GoldenSource, IsAsItWas) {
  const Golden& golden = GetParam();
  const Bound bound = problem_of(golden.graph, golden.type, golden.tf32);
  const Tactic* tactic = find_tactic(golden.tactic);
  ASSERT_NE(tactic, nullptr);
  ASSERT_EQ(tactic->supports(bound.problem, described()).reason, "");
  const Result<Job> job = tactic->generate(bound.problem, golden.configuration, described());
  ASSERT_TRUE(job.ok()) << job.status().message();
  const std::string path = std::string(VIVACE_GOLDEN) + "/" + golden.file;
  if (std::getenv("VIVACE_UPDATE_GOLDEN")) std::ofstream(path) << text_of(*job);
  std::stringstream expected;
  expected << std::ifstream(path).rdbuf();
  EXPECT_EQ(text_of(*job), expected.str());
}

INSTANTIATE_TEST_SUITE_P(
    Cuda, GoldenSource,
    testing::Values(
        Golden{
            "pointwise.cu", "cuda_pointwise", "",
            "(%x: f32[2,3,4], %z: f32[3,1]) { %y = vivace.Pointwise(%x, %z) {program=\"t0 = mul x0 x1; t1 = clip t0 0 "
            "6; gelu t1\"} return %y }"},
        Golden{"pointwise_channels_last.cu", "cuda_pointwise", "",
               "(%x: f32[2,20,5,7]) { %a = Conv(%x, const f32[20,20,1,1] random(1)) %b = GlobalAveragePool(%a) %y = "
               "Mul(%a, %b) return %y }",
               DType::f16},
        Golden{"conv_implicit.cu", "cuda_conv_implicit", "64",
               "(%x: f32[1,6,9,9], %r: f32[1,8,5,5]) { %y = vivace.FusedConv(%x, const f32[8,3,3,3] random(1), const "
               "f32[8] random(2), %r) {group=2, pads=[1,1,1,1], strides=[2,2], activation=\"relu\"} return %y }"},
        Golden{"conv_mma.cu", "cuda_conv_mma", "64x32 warps 2x1x2 cluster 2 group 1 stages 3",
               "(%x: f32[1,40,9,9], %r: f32[1,44,5,5]) { %y = vivace.FusedConv(%x, const f32[44,40,3,3] random(1), "
               "const f32[44] random(2), %r) {pads=[1,1,1,1], strides=[2,2], activation=\"relu\"} return %y }",
               DType::f16},
        Golden{"conv_persistent.cu", "cuda_conv_persistent", "128x64 sets 2 groups 1 stages 4",
               "(%x: f32[3,40,99,90], %r: f32[3,44,99,90]) { %y = vivace.FusedConv(%x, const f32[44,40,3,3] random(1), "
               "const f32[44] random(2), %r) {pads=[1,1,1,1], activation=\"relu\"} return %y }",
               DType::f16},
        Golden{"conv_mma_tf32.cu", "cuda_conv_mma", "64x32 warps 2x1x2 cluster 2 group 1 stages 3",
               "(%x: f32[1,12,9,9], %r: f32[1,44,5,5]) { %y = vivace.FusedConv(%x, const f32[44,12,3,3] random(1), "
               "const f32[44] random(2), %r) {pads=[1,1,1,1], strides=[2,2], activation=\"relu\"} return %y }",
               DType::f32, true},
        Golden{"conv_mma_tf32_groups.cu", "cuda_conv_mma", "64x32 warps 4x1x2 cluster 1 group 2 stages 3 warp groups",
               "(%x: f32[2,80,9,9]) { %y = Conv(%x, const f32[30,80,1,1] random(1)) return %y }", DType::f32, true},
        Golden{"conv_depthwise.cu", "cuda_conv_depthwise", "pixels 2x2 threads 64",
               "(%x: f32[1,20,9,9], %r: f32[1,20,9,9]) { %y = vivace.FusedConv(%x, const f32[20,1,3,3] random(1), "
               "const f32[20] random(2), %r) {group=20, pads=[1,1,1,1], activation=\"relu\"} return %y }",
               DType::f16},
        Golden{
            "conv_depthwise_tile.cu", "cuda_conv_depthwise", "pixels 2x1 tile 4x6 blocks 2",
            "(%x: f32[1,20,14,14]) { %y = Conv(%x, const f32[20,1,5,5] random(1), const f32[20] random(2)) {group=20, "
            "pads=[2,2,2,2], strides=[2,2]} return %y }",
            DType::bf16},
        Golden{"conv_stem_pooled.cu", "cuda_conv_stem", "tiles 2x4 warps 2x1x2 shifted",
               "(%x: f32[2,3,37,30]) { %y = vivace.PooledConv(%x, const f32[20,3,7,7] random(1), const f32[20] "
               "random(2)) {pads=[3,3,3,3], strides=[2,2], activation=\"relu\", pool_kernel_shape=[3,3], "
               "pool_strides=[2,2], pool_pads=[1,1,1,1]} return %y }",
               DType::f16},
        Golden{"conv_stem.cu", "cuda_conv_stem", "tiles 2x4 warps 2x1x2 shifted",
               "(%x: f32[1,3,20,22]) { %y = Conv(%x, const f32[32,3,7,7] random(1), const f32[32] random(2)) "
               "{pads=[3,3,3,3], strides=[2,2]} return %y }",
               DType::f16},
        Golden{"conv_grouped.cu", "cuda_conv_grouped", "tiles 1x2 warps 4x1",
               "(%x: f32[1,48,9,9]) { %y = vivace.FusedConv(%x, const f32[48,16,3,3] random(1), const f32[48] "
               "random(2)) {group=3, pads=[1,1,1,1], strides=[2,2], activation=\"relu\"} return %y }",
               DType::bf16},
        Golden{"squeeze_excite.cu", "cuda_squeeze_excite", "channels 2 pixels 3 threads 256",
               "(%x: f32[2,40,5,7]) { %y = vivace.SqueezeExcite(%x, const f32[10,40,1,1] random(1), const "
               "f32[40,10,1,1] random(3), const f32[10] random(2), const f32[40] random(4)) {activation=\"relu\", "
               "gate=\"hard_sigmoid\", gate_alpha=0.2, gate_beta=0.5} return %y }",
               DType::f16},
        Golden{"inverted_residual.cu", "cuda_inverted_residual", "tile 4x7 slices 2 threads 128",
               "(%x: f32[1,24,9,8]) { %y = vivace.InvertedResidual(%x, const f32[60,1,3,3] random(1), const "
               "f32[60,24,1,1] random(2), const f32[24,60,1,1] random(3), const f32[60] random(4), _, _, %x) "
               "{depthwise_group=60, depthwise_pads=[1,1,1,1], depthwise_activation=\"relu\", "
               "expand_activation=\"relu\"} return %y }",
               DType::f16},
        Golden{"conv_direct_last.cu", "cuda_conv_direct_last", "",
               "(%x: f32[1,6,9,9]) { %y = Conv(%x, const f32[12,1,3,3] random(1)) {group=6, dilations=[2,1]} return "
               "%y }",
               DType::f16},
        Golden{"conv_mma_patch.cu", "cuda_conv_mma", "32x64 warps 1x2x2 cluster 2 group 1 stages 2 patch 4x8",
               "(%x: f32[1,200,7,8]) { %y = Conv(%x, const f32[60,200,3,3] random(1)) {pads=[1,1,1,1]} return %y }",
               DType::f16},
        Golden{"conv_mma_patch_groups.cu", "cuda_conv_mma",
               "64x64 warps 4x1x1 cluster 1 group 1 stages 4 patch 4x8 warp groups",
               "(%x: f32[1,200,7,8]) { %y = Conv(%x, const f32[60,200,3,3] random(1)) {pads=[1,1,1,1]} return %y }",
               DType::f16},
        Golden{"recurrent.cu", "cuda_recurrent", "",
               "(%x: f32[1,2,5]) { %y, %h = GRU(%x, const f32[1,18,5] random(1), const f32[1,18,6] random(2)) "
               "{hidden_size=6} return %y }"},
        Golden{
            "scatter.cu", "cuda_scatter", "",
            "(%x: f32[5,6], %i: i64[3,1], %u: f32[3,6]) { %y = ScatterND(%x, %i, %u) {reduction=\"add\"} return %y }"},
        Golden{"tensor_scatter.cu", "cuda_tensor_scatter", "",
               "(%x: f32[2,5,8], %u: f32[2,3,8], %i: i64[2]) { %y = TensorScatter(%x, %u, %i) return %y }"},
        Golden{"integer_product.cu", "cuda_integer_product", "",
               "(%x: u8[1,3,9,8], %w: i8[4,3,3,3]) { %y = QLinearConv(%x, const f32[] {0.1}, const u8[] {3}, %w, const "
               "f32[4] random(1), const i8[] {0}, const f32[] {0.2}, const u8[] {9}) {pads=[1,1,1,1]} return %y }"},
        Golden{"quantize.cu", "cuda_quantize", "",
               "(%x: f32[3,8]) { %y = QuantizeLinear(%x, const f32[3,2] random(1)) {output_dtype=22, block_size=4} "
               "return %y }"},
        Golden{"dynamic_quantize.cu", "cuda_dynamic_quantize", "",
               "(%x: f32[300]) { %y, %s, %z = DynamicQuantizeLinear(%x) return %y, %s, %z }"},
        Golden{"attention_cached.cu", "cuda_attention_cached", "",
               "(%q: f32[1,2,3,8], %k: f32[1,1,5,8], %v: f32[1,1,5,6], %p: f32[1,1,4,8], %w: f32[1,1,4,6]) { %y, %a = "
               "Attention(%q, %k, %v, _, %p, %w) {is_causal=1} return %y, %a }"},
        Golden{"rotary.cu", "cuda_rotary", "",
               "(%x: f32[1,2,5,8]) { %y = RotaryEmbedding(%x, const f32[1,5,4] random(1), const f32[1,5,4] random(2)) "
               "return %y }"},
        Golden{"linear_attention.cu", "cuda_linear_attention", "",
               "(%q: f32[1,7,12], %k: f32[1,7,6], %v: f32[1,7,10]) { %y = LinearAttention(%q, %k, %v) {q_num_heads=4, "
               "kv_num_heads=2, update_rule=\"linear\"} return %y }"},
        Golden{"causal_conv.cu", "cuda_causal_conv", "",
               "(%x: f32[1,3,20]) { %y = CausalConvWithState(%x, const f32[3,1,4] random(1)) return %y }"},
        Golden{"conv_mma_groups.cu", "cuda_conv_mma", "64x32 warps 4x1x2 cluster 1 group 2 stages 3 warp groups",
               "(%x: f32[2,64,9,9]) { %y = Conv(%x, const f32[30,64,1,1] random(1)) return %y }", DType::bf16},
        Golden{"conv_direct.cu", "cuda_conv_direct", "",
               "(%x: f32[1,4,9]) { %y = Conv(%x, const f32[4,1,3] random(1)) {group=4} return %y }"},
        Golden{"matmul_mma.cu", "cuda_matmul_mma", "32x32 warps 1x1x4 cluster 2 slots 2",
               "(%x: f32[2,33,200], %r: f32[2,33,40]) { %y = vivace.FusedMatMul(%x, const f32[40,200] random(1), const "
               "f32[40] random(2), %r) {trans_b=1, activation=\"relu\"} return %y }",
               DType::f16},
        Golden{"matmul_mma_groups.cu", "cuda_matmul_mma", "64x64 warps 4x1x2 cluster 1 slots 3 warp groups",
               "(%x: f32[70,300]) { %y = MatMul(%x, const f32[300,72] random(1)) return %y }", DType::bf16},
        Golden{"matmul_mma_batch.cu", "cuda_matmul_mma", "64x64 warps 2x2x2 cluster 1 slots 1",
               "(%x: f32[2,3,65,20], %z: f32[3,20,41]) { %y = MatMul(%x, %z) return %y }", DType::bf16},
        Golden{"matmul_mma_tf32_batch.cu", "cuda_matmul_mma", "64x64 warps 2x2x2 cluster 1 slots 1",
               "(%x: f32[2,3,65,20], %z: f32[3,20,41]) { %y = MatMul(%x, %z) return %y }", DType::f32, true},
        Golden{"matmul_rows.cu", "cuda_matmul_rows", "2x8",
               "(%x: f32[2,40]) { %y = Gemm(%x, const f32[30,40] random(1), const f32[30] random(2)) {transB=1} return "
               "%y }"},
        Golden{"matmul_tiled.cu", "cuda_matmul_tiled", "32",
               "(%x: f32[2,3,33,20], %z: f32[3,20,40]) { %y = MatMul(%x, %z) return %y }"},
        Golden{"attention.cu", "cuda_attention", "",
               "(%q: f32[1,5,16], %k: f32[1,7,8], %v: f32[1,7,8]) { %y = Attention(%q, %k, %v) {q_num_heads=2, "
               "kv_num_heads=1, is_causal=1} return %y }"},
        Golden{
            "attention_mma.cu", "cuda_attention_mma", "queries 2 keys 2x32 slots 2",
            "(%q: f32[1,33,48], %k: f32[1,130,24], %v: f32[1,130,24], %m: bool[33,130]) { %y = Attention(%q, %k, %v, "
            "%m) {q_num_heads=2, kv_num_heads=1, is_causal=1} return %y }",
            DType::f16},
        Golden{"attention_mma_tf32.cu", "cuda_attention_mma", "queries 2 keys 2x32 slots 2",
               "(%q: f32[1,33,36], %k: f32[1,130,36], %v: f32[1,130,24]) { %y = Attention(%q, %k, %v) {q_num_heads=2, "
               "kv_num_heads=2} return %y }",
               DType::f32, true},
        Golden{"softmax.cu", "cuda_softmax", "", "(%x: f32[3,5,7]) { %y = Softmax(%x) {axis=1} return %y }"},
        Golden{"softmax_long.cu", "cuda_softmax", "", "(%x: f32[2,50257]) { %y = Softmax(%x) return %y }"},
        Golden{"layer_norm_half.cu", "cuda_layer_norm", "",
               "(%x: f32[5,768]) { %y = LayerNormalization(%x, const f32[768] random(1), const f32[768] random(2)) "
               "return %y }",
               DType::f16},
        Golden{"group_norm_last.cu", "cuda_group_norm_last", "",
               "(%x: f32[1,8,9,9]) { %a = Conv(%x, const f32[24,8,1,1] random(1)) %y = GroupNormalization(%a, const "
               "f32[24] random(2), const f32[24] random(3)) {num_groups=3} return %y }",
               DType::f16},
        Golden{"lrn.cu", "cuda_lrn", "", "(%x: f32[2,19,5]) { %y = LRN(%x) {size=5} return %y }"},
        Golden{"scan.cu", "cuda_scan", "",
               "(%x: i64[3,513]) { %y = CumSum(%x, const i64[] {1}) {exclusive=1} return %y }"},
        Golden{"layer_norm.cu", "cuda_layer_norm", "",
               "(%x: f32[2,33]) { %y = LayerNormalization(%x, const f32[33] random(1)) return %y }"},
        Golden{"group_norm.cu", "cuda_group_norm", "",
               "(%x: f32[2,6,5]) { %y = GroupNormalization(%x, const f32[6] random(1), const f32[6] random(2)) "
               "{num_groups=3} return %y }"},
        Golden{"reduce_channels_last.cu", "cuda_reduce", "",
               "(%x: f32[2,20,5,7]) { %a = Conv(%x, const f32[20,20,1,1] random(1)) %y = GlobalAveragePool(%a) return "
               "%y }",
               DType::f16},
        Golden{"reduce_in_parts.cu", "cuda_reduce", "",
               "(%x: f32[3,70001]) { %y = ReduceLogSumExp(%x, const i64[1] {1}) return %y }"},
        Golden{"reduce.cu", "cuda_reduce", "", "(%x: f32[2,3,5]) { %y = ReduceMax(%x, const i64[1] {1}) return %y }"},
        Golden{"pool.cu", "cuda_pool", "",
               "(%x: f32[1,2,7,7]) { %y = AveragePool(%x) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]} return "
               "%y }"},
        Golden{"reorder_to_last.cu", "cuda_reorder", "",
               "(%x: f32[2,13,9,7]) { %y = vivace.Reorder(%x) {channel_block=16, to=10} return %y }"},
        Golden{"reorder_to_plain.cu", "cuda_reorder", "",
               "(%x: bf16[2,13,9,7]/24) { %y = vivace.Reorder(%x) {channel_block=0} return %y }"},
        Golden{
            "pool_last.cu", "cuda_pool", "",
            "(%x: f32[1,8,9,9]) { %a = Conv(%x, const f32[44,8,1,1] random(1)) %y = MaxPool(%a) {kernel_shape=[3,3], "
            "strides=[2,2], pads=[1,1,1,1]} return %y }",
            DType::f16},
        Golden{
            "concat_last.cu", "cuda_concat", "",
            "(%x: f32[2,8,3,3]) { %a = Conv(%x, const f32[16,8,1,1] random(1)) %b = MaxPool(%a) {kernel_shape=[1,1]} "
            "%c = Conv(%x, const f32[13,8,1,1] random(2)) %y = Concat(%b, %c, %a) {axis=1} return %y }",
            DType::f16},
        Golden{"split_last.cu", "cuda_concat", "",
               "(%x: f32[2,8,3,3]) { %a = Conv(%x, const f32[29,8,1,1] random(1)) %y, %z = Split(%a, const i64[2] {13, "
               "16}) {axis=1} return %y, %z }",
               DType::f16},
        Golden{
            "resize_last.cu", "cuda_resize", "",
            "(%x: f32[1,8,3,4]) { %a = Conv(%x, const f32[12,8,1,1] random(1)) %y = Resize(%a, _, _, const i64[4] {1, "
            "12, 6, 8}) {mode=\"linear\"} return %y }",
            DType::f16},
        Golden{"move_channels.cu", "cuda_move_channels", "",
               "(%x: f32[1,8,3,3]) { %a = Conv(%x, const f32[12,8,1,1] random(1)) %d = Reshape(%a, const i64[5] {1, 2, "
               "6, 3, 3}) %e = Transpose(%d) {perm=[0,2,1,3,4]} %y = Reshape(%e, const i64[4] {1, 12, 3, 3}) return %y "
               "}",
               DType::f16},
        Golden{"copy.cu", "cuda_copy", "", "(%x: f16[5,6,7]) { %y = Transpose(%x) {perm=[2,0,1]} return %y }"},
        Golden{
            "conv_transposed_apart.cu", "cuda_conv_transposed_apart", "32",
            "(%x: f32[1,20,5,5]) { %y = ConvTranspose(%x, const f32[20,9,2,2] random(1)) {strides=[2,2]} return %y }",
            DType::f16},
        Golden{"conv_transposed.cu", "cuda_conv_transposed", "",
               "(%x: f32[1,4,5,5]) { %y = ConvTranspose(%x, const f32[4,3,3,3] random(1)) {group=2, strides=[2,2], "
               "output_padding=[1,1]} return %y }"},
        Golden{"conv_mma_prologue.cu", "cuda_conv_mma", "32x32 warps 1x1x4 cluster 2 group 1 stages 4",
               "(%x: f32[1,8,5,5]) { %a = Conv(%x, const f32[200,8,1,1] random(1)) %p = vivace.Pointwise(%a, const "
               "f32[200,1,1] random(3), const f32[200,1,1] random(4)) {program=\"t0 = mul x0 x1; t1 = add t0 x2; relu "
               "t1\"} %y = Conv(%p, const f32[30,200,1,1] random(2)) return %y }",
               DType::f16},
        Golden{"move_last.cu", "cuda_move_last", "",
               "(%x: f32[1,8,5,5]) { %a = Conv(%x, const f32[20,8,1,1] random(1)) %y = Pad(%a, const i64[8] "
               "{0,0,2,1,0,0,1,0}, const f32[] {1}) return %y }",
               DType::f16},
        Golden{"conv_taps.cu", "cuda_conv_taps", "32x64 warps 1x2x4 stages 4",
               "(%x: f32[1,8,5,5]) { %a = Conv(%x, const f32[20,8,1,1] random(1)) %y = ConvTranspose(%a, const "
               "f32[20,35,3,3] random(2)) {strides=[2,2]} return %y }",
               DType::f16},
        Golden{"gather.cu", "cuda_gather", "",
               "(%x: f32[4,5,6], %i: i64[3]) { %y = Gather(%x, %i) {axis=1} return %y }"},
        Golden{"top_k.cu", "cuda_top_k", "",
               "(%x: i64[2,3000]) { %y, %i = TopK(%x, const i64[1] {1600}) {largest=0} return %y, %i }"},
        Golden{"fill.cu", "cuda_fill", "",
               "(%i: f16[3,5], %v: f32[2]) { %y = OneHot(%i, const i64[] {7}, %v) {axis=1} return %y }"},
        Golden{
            "grid_sample.cu", "cuda_grid", "",
            "(%x: f32[1,3,5,7], %g: f32[1,4,6,2]) { %y = GridSample(%x, %g) {padding_mode=\"reflection\"} return %y }"},
        Golden{"roi.cu", "cuda_roi", "",
               "(%x: f32[2,3,9,11], %r: f32[5,4], %b: i64[5]) { %y = RoiAlign(%x, %r, %b) {output_height=3, "
               "output_width=5} return %y }"},
        Golden{"unpool.cu", "cuda_unpool", "",
               "(%x: f32[2,18,15]) { %y = Col2Im(%x, const i64[2] {6, 9}, const i64[2] {3, 3}) {strides=[2,1], "
               "dilations=[1,2], pads=[0,0,1,0]} return %y }"},
        Golden{"deform_conv.cu", "cuda_deform_conv", "",
               "(%x: f32[1,6,7,9], %o: f32[1,18,5,7]) { %y = DeformConv(%x, const f32[40,6,3,3] random(1), %o, const "
               "f32[40] random(2)) return %y }"},
        Golden{"einsum.cu", "cuda_einsum", "",
               "(%x: f16[2,3,5], %z: f16[2,5,4], %w: f16[4]) { %y = Einsum(%x, %z, %w) {equation=\"bij,bjk,k->bi\"} "
               "return "
               "%y }"},
        Golden{"det.cu", "cuda_det", "", "(%x: f32[2,5,5]) { %y = Det(%x) return %y }"},
        Golden{"fourier.cu", "cuda_fourier", "",
               "(%x: f16[2,101,1], %w: f16[20]) { %y = STFT(%x, const i64[] {7}, %w, const i64[] {24}) return %y }"},
        Golden{"random.cu", "cuda_random", "",
               "(%x: f32[2,300]) { %y = Multinomial(%x) {sample_size=5, seed=6.0} return %y }"},
        Golden{"random_normal.cu", "cuda_random", "",
               "(%x: f16[30,41]) { %y = RandomNormalLike(%x) {mean=0.5} return %y }"},
        Golden{"tfidf.cu", "cuda_tfidf", "",
               "(%x: i32[2,5]) { %y = TfIdfVectorizer(%x) {mode=\"TF\", min_gram_length=1, max_gram_length=2, "
               "max_skip_count=1, ngram_counts=[0,1], ngram_indexes=[0,1], pool_int64s=[3,-8,7]} return %y }"},
        Golden{"resize.cu", "cuda_resize", "",
               "(%x: f32[1,2,3,4]) { %y = Resize(%x, _, _, const i64[4] {1, 2, 6, 8}) {mode=\"linear\"} return %y }"},
        Golden{"concat.cu", "cuda_concat", "",
               "(%x: f32[2,3,5], %z: f32[2,3,1]) { %y = Concat(%x, %z) {axis=2} return %y }"}),
    [](const auto& info) { return std::string(info.param.file, std::strlen(info.param.file) - 3); });

// Products of f32 are exact but where the node says that they need not be.
TEST(Tf32, IsOnlyWhereItIsAskedFor) {
  for (const auto& [row, text] :
       {std::pair{"cuda_conv_mma", "(%x: f32[1,8,9,9]) { %y = Conv(%x, const f32[8,8,3,3] random(1)) return %y }"},
        {"cuda_matmul_mma", "(%x: f32[33,20]) { %y = MatMul(%x, const f32[20,40] random(1)) return %y }"},
        {"cuda_attention_mma",
         "(%q: f32[1,2,33,16], %k: f32[1,2,33,16], %v: f32[1,2,33,16]) { %y = Attention(%q, %k, "
         "%v) return %y }"}}) {
    Bound asked = problem_of(text, DType::f32, true);
    EXPECT_EQ(find_tactic(row)->supports(asked.problem, described()).reason, "") << row;
    std::shared_ptr<ir::Graph> graph = asked.graph->clone();
    for (ir::Node* node : graph->node_list()) {
      if (!node->attributes.has("tf32")) continue;
      node->attributes["tf32"] = int64_t{0};
      asked.problem.node = node;
    }
    EXPECT_NE(find_tactic(row)->supports(asked.problem, described()).reason.find("TF32"), std::string::npos) << row;
  }
  const Bound plain = problem_of("(%x: f32[33,20]) { %y = MatMul(%x, const f32[20,40] random(1)) return %y }");
  EXPECT_FALSE(find_tactic("cuda_matmul_mma")->supports(plain.problem, described()));
}

TEST(Tf32, RoundsConstantsToElevenBits) {
  const float infinity = INFINITY, tie = 1 + 0x1p-11f;
  const Result<Tensor> made = as_multiplied(Tensor::of<float>({1 + 0x1p-12f, tie, -tie, 1 + 0x1p-10f, infinity, 0}));
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(to_double(*made), (std::vector<double>{1, 1 + 0x1p-10, -1 - 0x1p-10, 1 + 0x1p-10, infinity, 0}));
}

// Instructions for each type that tensor cores take: depth and sums are the type's.
TEST(Mma, MultipliesEveryElement) {
  EXPECT_EQ(mma_element(DType::f64), nullptr);
  EXPECT_EQ(mma_element(DType::f32)->depth(), 8);
  EXPECT_EQ(mma_element(DType::i8)->depth(), 32);
  if (const Result<std::string> version = compiler_version(); !version.ok()) GTEST_SKIP() << version.status().message();
  for (const DType type : {DType::f16, DType::bf16, DType::f32, DType::i8, DType::f8e4m3fn, DType::f8e5m2}) {
    const MmaElement& e = *mma_element(type);
    const std::string sum = std::string_view(e.sums) == "s32" ? "int" : "float";
    Source s;
    s.add(prelude()).add("struct float8e4 {}; struct float8e5 {};\n").add(multiply_function(e));
    s.add(group_functions(32, type));
    s.add("extern \"C\" __global__ void products(" + sum + " (*c)[4], const unsigned* a) {\n  " + sum +
          R"( sums[4][4] = {};
  multiply_as((ELEMENT*)nullptr, sums[0], a, a[4], a[5]);
  unsigned f[4] = {a[0], a[1], a[2], a[3]};
  open_group();
  multiply_group(sums, 1024u, 2048u);
  multiply_group(sums, f, 2048u);
  close_group<0>();
  for (int i = 0; i < 16; ++i) c[i / 4][i % 4] = sums[i / 4][i % 4];
}
)");
    const Result<std::string> code =
        compile("#define ELEMENT " + std::string(e.name) + "\n" + s.text(), "products", "sm_90");
    EXPECT_TRUE(code.ok()) << to_string(type) << ": " << code.status().message();
  }
}

// A plan from elsewhere may ask for anything.
TEST(Configurations, ThatNoRowGivesAreRefused) {
  const Bound bound = problem_of(
      "(%x: f32[1,64,9,9]) { %y = Conv(%x, const f32[32,64,3,3] random(1)) {pads=[1,1,1,1]} return %y }", DType::f16);
  const Tactic* tactic = find_tactic("cuda_conv_mma");
  for (const char* text :
       {"", "64x32", "0x0 warps 0x0x0 cluster 0 group 0 stages 0", "64x32 warps 2x1x2 cluster 0 group 1 stages 3",
        "64x32 warps 2x1x2 cluster 3 group 1 stages 3", "64x32 warps 2x1x2 cluster 1 group 0 stages 3",
        "64x32 warps 2x1x2 cluster 1 group 1 stages 99", "64x32 warps 2x1x2 cluster 1 group 1 stages 3 patch 0x9",
        "64x32 warps 2x1x2 cluster 1 group 1 stages 3 patch 99999x99999",
        "64x32 warps 2x1x2 cluster 1 group 60000 stages 16"}) {
    const Result<Job> job = tactic->generate(bound.problem, text, described());
    ASSERT_FALSE(job.ok()) << text;
    EXPECT_EQ(job.status().code(), Code::corrupt_file) << text;
  }
}

TEST(Configurations, ConvolutionsOfFewTilesHaveNoPersistentBlocks) {
  const auto reason = [](const char* image, const Device& device) {
    const Bound bound = problem_of(
        "(%x: f32[" + std::string(image) + "]) { %y = Conv(%x, const f32[130,64,1,1] " + "random(1)) return %y }",
        DType::bf16);
    return find_tactic("cuda_conv_persistent")->supports(bound.problem, device).reason;
  };
  Device other = described();
  other.major = 8;
  EXPECT_EQ(reason("1,64,91,92", described()), "");
  EXPECT_NE(reason("1,64,91,92", other), "");
  EXPECT_NE(reason("1,64,91,91", described()), "") << "130 tiles for 132 multiprocessors";
}

TEST(Configurations, LargeConvolutionsAreExpectedToBeFastestAsMeasured) {
  const auto best = [](const char* graph) {
    const Bound bound = problem_of(graph, DType::f16);
    const Tactic &persistent = *find_tactic("cuda_conv_persistent"), &others = *find_tactic("cuda_conv_mma");
    const auto first = [&](const Tactic& t) { return t.configurations(bound.problem, described()).front(); };
    EXPECT_LT(persistent.estimate(bound.problem, first(persistent), described()),
              others.estimate(bound.problem, first(others), described()))
        << graph;
    return first(persistent);
  };
  EXPECT_EQ(best("(%x: f32[128,256,14,14]) { %y = Conv(%x, const f32[256,256,3,3] random(1)) {pads=[1,1,1,1]} return "
                 "%y }"),
            "64x256 sets 2 groups 1 stages 5");
  EXPECT_EQ(best("(%x: f32[128,128,28,28], %r: f32[128,512,28,28]) { %y = vivace.FusedConv(%x, const f32[512,128,1,1] "
                 "random(1), _, %r) return %y }"),
            "192x128 sets 1 groups 3 stages 5");
  EXPECT_EQ(best("(%x: f32[128,512,28,28]) { %y = Conv(%x, const f32[128,512,1,1] random(1)) return %y }"),
            "128x128 sets 2 groups 1 stages 7");
}

TEST(Source, OffsetsMergeDimensionsOfOneStride) {
  EXPECT_EQ(strided_offset("i", {2, 3, 4}, {12, 4, 1}), "(i)");
  EXPECT_EQ(strided_offset("i", {2, 3, 4}, {0, 0, 0}), "0");
  EXPECT_EQ(strided_offset("i", {2, 3, 4}, {0, 4, 1}), "(i % 12)");
  EXPECT_EQ(strided_offset("i", {2, 3, 4}, {12, 0, 1}), "(i % 4) + (i / 12) * 12");
  EXPECT_EQ(strided_offset("i", {5, 1}, {1, 7}), "(i)");
}

TEST(Source, SumsThatF16CannotHoldSaturate) {
  const auto saturates = [](const ir::Attributes& attributes, DType type) {
    return finish_function(attributes, type).find("return saturate(") != std::string::npos;
  };
  const ir::Attributes relu6 = {
      {"activation", std::string("clip")}, {"activation_alpha", 0.0F}, {"activation_beta", 6.0F}};
  EXPECT_TRUE(saturates({}, DType::f16));
  EXPECT_TRUE(saturates({{"activation", std::string("relu")}}, DType::f16));
  EXPECT_FALSE(saturates({}, DType::f32));
  EXPECT_FALSE(saturates({}, DType::bf16));
  EXPECT_FALSE(saturates(relu6, DType::f16)) << "nothing beyond 6 is left";
}

TEST(Source, LiteralsAreExact) {
  EXPECT_EQ(literal(0.5f), "0x1p-1f");
  EXPECT_EQ(literal(-INFINITY), "__uint_as_float(0xff800000u)");
}

TEST(Devices, AreFoundOrTheErrorTellsWhatThereIs) {
  EXPECT_EQ(described().architecture(), "sm_90");
  EXPECT_EQ(described().device(), "cuda sm_90");
  const Result<Device> wrong = find_device("gpu");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.status().code(), Code::invalid_argument);
  EXPECT_NE(wrong.status().message().find("cuda:0"), std::string::npos);
  const Result<Device> far = find_device("cuda:99");
  ASSERT_FALSE(far.ok());
  EXPECT_EQ(far.status().code(), Code::device_unavailable);
}

TEST(Images, AreFoundByWhatTheyWereCompiledFrom) {
  const Launch launch{.name = "f", .source = "text", .arguments = {}};
  const std::string key = image_key(launch, "sm_90");
  EXPECT_NE(key, image_key(launch, "sm_80"));
  const std::vector<Tensor> packed = {Tensor::of<float>({1, 2}), pack_image("0123456789abcdef", "other"),
                                      pack_image(key, std::string("co\0de", 5))};
  EXPECT_EQ(find_image(packed, key), std::string("co\0de", 5));
  EXPECT_EQ(find_image({}, key), "");
  ASSERT_EQ(without_images(packed).size(), 1u);
  EXPECT_EQ(without_images(packed)[0].type(), DType::f32);
}

// Every row that supports the problem writes text that NVRTC takes.
void compile_all(const Bound& bound, const char* architecture) {
  for (const Tactic* tactic : all_tactics()) {
    if (!tactic->runs(bound.problem.node->op) || !tactic->supports(bound.problem, described())) continue;
    const std::string configuration =
        tactic->configurations ? tactic->configurations(bound.problem, described()).front() : "";
    const Result<Job> job = tactic->generate(bound.problem, configuration, described());
    ASSERT_TRUE(job.ok()) << job.status().message();
    for (const Launch& launch : job->launches) {
      const Result<std::string> code = compile(launch.source, launch.name, architecture);
      EXPECT_TRUE(code.ok()) << code.status().message();
    }
  }
}

class Compiles : public testing::TestWithParam<const char*> {};

TEST_P(Compiles, EveryRowThatSupportsIt) {
  if (const Result<std::string> version = compiler_version(); !version.ok()) GTEST_SKIP() << version.status().message();
  const Bound bound = problem_of(GetParam());
  if (!bound.at.concrete(*bound.problem.node)) GTEST_SKIP() << "its shapes depend on data";
  compile_all(bound, "sm_90");
  const Bound lowered = problem_of(GetParam(), DType::f16);
  compile_all(lowered, "sm_80");
  const Bound with_tf32 = problem_of(GetParam(), DType::f32, true);
  if (with_tf32.problem.attributes().has("tf32")) compile_all(with_tf32, "sm_80");
}
// Every third case: compiling all takes a minute, and vivace-test-device runs them.
std::vector<const char*> some_cases() {
  std::vector<const char*> cases;
  for (size_t i = 0; i < std::size(kBackendCases); i += 3) cases.push_back(kBackendCases[i]);
  for (size_t i = 0; i < std::size(kElementCases); i += 9) cases.push_back(kElementCases[i]);
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Cuda, Compiles, testing::ValuesIn(some_cases()));

TEST(Compiler, SaysWhatIsWrongWithASource) {
  if (const Result<std::string> version = compiler_version(); !version.ok()) GTEST_SKIP() << version.status().message();
  const Result<std::string> code = compile("int f( {", "broken", "sm_90");
  ASSERT_FALSE(code.ok());
  EXPECT_EQ(code.status().code(), Code::internal);
  EXPECT_NE(code.status().message().find("kernel 'broken' does not compile for sm_90"), std::string::npos);
}

Result<std::vector<Tensor>> run(plan::Program program, const std::vector<Tensor>& arguments) {
  VIVACE_ASSIGN(const auto executor, Executor::create(std::move(program), described(), cpu::this_machine(2)));
  std::vector<Shape> shapes;
  std::vector<TensorView> views;
  for (const Tensor& t : arguments) {
    shapes.push_back(t.shape());
    views.push_back(t.view());
  }
  VIVACE_ASSIGN(const auto instance, executor->instance(shapes));
  VIVACE_ASSIGN(const auto session, executor->session(2, {}));
  std::vector<Tensor> outputs;
  for (int i = 0; i < 2; ++i) VIVACE_TRY(session->run(*instance, views, outputs));
  // Profiled runs take another way.
  size_t observed = 0;
  std::vector<Tensor> again;
  VIVACE_TRY(session->run(*instance, views, again, [&](size_t, double) { ++observed; }));
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (are_objects(outputs[i].type()) || outputs[i].bytes() == 0) continue;
    EXPECT_EQ(std::memcmp(outputs[i].data(), again[i].data(), outputs[i].bytes()), 0);
  }
  return outputs;
}

std::vector<Tensor> random_arguments(const ir::Graph& graph) {
  std::vector<Tensor> arguments;
  for (const ir::Value* v : graph.inputs()) {
    const auto seed = static_cast<uint64_t>(v->id()) + 10;
    if (v->type.is_list())
      arguments.push_back(
          Tensor::list({ir::random_tensor(DType::f32, {2}, seed), ir::random_tensor(DType::f32, {}, 1)}));
    else
      arguments.push_back(ir::random_tensor(v->type.dtype, *v->type.shape(), seed));
  }
  return arguments;
}

class NullDevice : public testing::TestWithParam<const char*> {};

// Between the nodes stand copies to and from the device, which the null device does: the result is right where the CPU
// runs every node, and where the GPU runs them nothing goes wrong (sanitizers look on).
TEST_P(NullDevice, RunsTheSchedule) {
  const std::shared_ptr<ir::Graph> graph = graph_of(GetParam());
  const std::vector<Tensor> arguments = random_arguments(*graph);
  std::vector<Shape> shapes;
  for (const Tensor& t : arguments) shapes.push_back(t.shape());
  const Result<cpu::ConcreteGraph> at = cpu::concretize(*graph, shapes);
  ASSERT_TRUE(at.ok()) << at.status().message();
  const Result<std::vector<Tensor>> expected = ops::run_graph_reference(*graph, arguments);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  const Result<std::vector<Tensor>> got = run(program_of(graph, *at, false), arguments);
  ASSERT_TRUE(got.ok()) << got.status().message();
  for (size_t i = 0; i < expected->size(); ++i) {
    ASSERT_EQ((*got)[i].shape(), (*expected)[i].shape());
    const std::vector<double> a = to_double((*got)[i]), b = to_double((*expected)[i]);
    for (size_t k = 0; k < a.size(); ++k) ASSERT_NEAR(a[k], b[k], 1e-4) << "output " << i << ", element " << k;
  }
  const Result<std::vector<Tensor>> on_gpu = run(program_of(graph, *at, true), arguments);
  EXPECT_TRUE(on_gpu.ok()) << on_gpu.status().message();
}
INSTANTIATE_TEST_SUITE_P(
    Cuda, NullDevice,
    testing::Values(
        // A view, a concatenation made in place, and a value used twice.
        "(%x: f32[2,6]) { %a = Relu(%x) %b = Reshape(%a, const i64[2] {3, 4}) %c = Neg(%b) %y = Concat(%b, %c) "
        "{axis=0} "
        "return %y, %a }",
        // An output that is an input, and one that is a constant.
        "(%x: f32[3]) { %y = Exp(%x) return %y, %x }",
        "(%x: f32[3]) { %y = Add(%x, const f32[3] {1, 2, 3}) return %y, %y }",
        // Nothing to compute.
        "(%x: f32[0,4]) { %y = Relu(%x) %z = Transpose(%y) return %z }",
        // Sizes that follow from shapes.
        "(%x: f32[2,3]) { %s = Shape(%x) %y = Expand(%x, %s) %z = Sqrt(%y) return %s }",
        // Sizes that follow from data, among nodes whose sizes do not; an output of each kind, and an input given back.
        "(%x: f32[3,4]) { %a = Relu(%x) %i = NonZero(%a) %t = Transpose(%i) %g = GatherND(%a, %t) %s = ReduceSum(%g, "
        "const i64[1] {0}) {keepdims=0} %r = Reshape(%s, const i64[2] {1, 1}) %y = Add(%a, %r) return %g, %y, %x, %t }",
        // Sequences, which stay on the CPU: one that is given, one that is made, and both given back.
        "(%s: seq(f32[*]), %x: f32[2,3]) { %a = Relu(%x) %t = SequenceInsert(%s, %a) %b = SequenceAt(%t, const i64[] "
        "{-1}) %y = Exp(%b) %p = SplitToSequence(%a) {axis=1} %z = ConcatFromSequence(%p) {axis=1} %w = Add(%z, %y) "
        "return %w, %t, %s }",
        // Control flow.
        "(%c: bool[], %x: f32[2,3]) { %a = Relu(%x) %b = If(%c, %a) {captures=1, then_branch=graph (%i: f32[2,3]) { %o "
        "= Neg(%i) return %o }, else_branch=graph (%i: f32[2,3]) { %o = MatMul(%i, const f32[3,3] random(1)) return %o "
        "}} %y = Sqrt(%a) %z = Add(%b, %y) return %z }",
        "(%x: f32[1,3,9,9]) { %a = Conv(%x, const f32[4,3,3,3] random(1)) %b = MaxPool(%a) {kernel_shape=[2,2]} %c = "
        "Softmax(%b) return %c }"));

// A kernel says what is wrong with the data through a word that is zeroed before each run and read after it; the null
// device's kernels never set it.
TEST(CudaExecutor, ReadsTheWordsThatKernelsComplainBy) {
  const std::shared_ptr<ir::Graph> graph =
      graph_of("(%x: f32[4,5], %i: i64[2]) { %a = Gather(%x, %i) {axis=1} %b = Gather(%a, %i) return %b }");
  const Result<cpu::ConcreteGraph> at = cpu::concretize(*graph, {{4, 5}, {2}});
  ASSERT_TRUE(at.ok());
  const std::vector<Tensor> arguments = {Tensor::of<float>(std::vector<float>(20), {4, 5}),
                                         Tensor::of<int64_t>({0, 1})};
  const Result<std::vector<Tensor>> got = run(program_of(graph, *at, true), arguments);
  EXPECT_TRUE(got.ok()) << got.status().message();
}

TEST(CudaPlans, HaveBlocksOfLayersAsOneUnlessDisabled) {
  if (const Result<std::string> version = compiler_version(); !version.ok()) GTEST_SKIP() << version.status().message();
  const std::shared_ptr<ir::Graph> graph = graph_of(
      "(%x: f32[1,16,5,5]) { %m = GlobalAveragePool(%x) %s = Conv(%m, const f32[8,16,1,1] random(1)) %h = Relu(%s) %e "
      "= "
      "Conv(%h, const f32[16,8,1,1] random(2)) %g = Sigmoid(%e) %y = Mul(%x, %g) return %y }");
  builder::BuildConfig config;
  config.device = "sm_90";
  config.precision = Precision::f16;
  config.effort = 0;
  for (const char* disabled : {"", "cuda_squeeze_excite"}) {
    config.disabled_tactics = {disabled};
    const Result<builder::BuildResult> built = builder::build(graph->clone(), config);
    ASSERT_TRUE(built.ok()) << built.status().message();
    const auto nodes = built->plan.program.graph->node_list();
    const auto blocks = std::count_if(nodes.begin(), nodes.end(),
                                      [](const ir::Node* node) { return node->op == "vivace.SqueezeExcite"; });
    EXPECT_EQ(blocks, *disabled ? 0 : 1);
  }
}

// One of MobileNet-V2's, which was timed on an H200.
TEST(CudaPlans, ThatNothingTimesHaveTheBlocksThatRecordedTimesArgueFor) {
  if (const Result<std::string> version = compiler_version(); !version.ok()) GTEST_SKIP() << version.status().message();
  const std::string clip = "activation=\"clip\", activation_alpha=0.0, activation_beta=6.0, ";
  const std::string pixels = "dilations=[1,1], kernel_shape=[1,1], pads=[0,0,0,0], strides=[1,1], group=1";
  const std::shared_ptr<ir::Graph> graph = graph_of(
      "(%i: f32[1,8,14,14]) { %x = Conv(%i, const f32[64,8,1,1] random(7)) "
      "%e = vivace.FusedConv(%x, const f32[384,64,1,1] random(1), const f32[384] random(2)) {" +
      clip + pixels + "} %d = vivace.FusedConv(%e, const f32[384,1,3,3] random(3), const f32[384] random(4)) {" + clip +
      "dilations=[1,1], kernel_shape=[3,3], pads=[1,1,1,1], strides=[1,1], group=384} "
      "%y = vivace.FusedConv(%d, const f32[64,384,1,1] random(5), const f32[64] random(6), %x) {" +
      pixels + "} return %y }");
  builder::BuildConfig config;
  config.device = "sm_90";
  config.precision = Precision::f16;
  config.effort = 0;
  const Result<builder::BuildResult> built = builder::build(graph->clone(), config);
  ASSERT_TRUE(built.ok()) << built.status().message();
  const auto nodes = built->plan.program.graph->node_list();
  EXPECT_EQ(std::count_if(nodes.begin(), nodes.end(),
                          [](const ir::Node* node) { return node->op == "vivace.InvertedResidual"; }),
            1);
}

// A plan for a GPU that is not here runs on the CPU, saying so.
TEST(CudaPlans, RunOnTheCpuWhereThereIsNoGpu) {
  if (list_devices().ok()) GTEST_SKIP() << "there is a GPU";
  if (const Result<std::string> version = compiler_version(); !version.ok()) GTEST_SKIP() << version.status().message();
  const std::shared_ptr<ir::Graph> graph = graph_of(
      "(%x: f32[4,8]) { %y = Gemm(%x, const f32[8,4] random(1)) %z = Relu(%y) %w = Compress(%z, const bool[4] {1, 0, "
      "1, "
      "1}) {axis=1} return %w }");
  builder::BuildConfig config;
  config.device = "sm_90";
  Result<builder::BuildResult> built = builder::build(graph->clone(), config);
  ASSERT_TRUE(built.ok()) << built.status().message();
  EXPECT_EQ(built->plan.origin.device, "cuda sm_90");
  EXPECT_TRUE(built->report.layers.back().fallback);
  EXPECT_NE(built->report.notes.back().find("runs on the CPU"), std::string::npos);
  Result<std::vector<std::byte>> bytes = plan::to_bytes(built->plan);
  ASSERT_TRUE(bytes.ok());
  runtime::EngineOptions options;
  options.lower_again = builder::lower_again;
  const auto engine = runtime::Engine::load(built->plan, options);
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  EXPECT_NE((*engine)->notice().find("cuda sm_90"), std::string::npos);
  const std::vector<Tensor> arguments = random_arguments(*graph);
  std::vector<Tensor> outputs;
  ASSERT_TRUE((*engine)->run({arguments[0].view()}, outputs).ok());
  const Result<std::vector<Tensor>> expected = ops::run_graph_reference(*graph, arguments);
  ASSERT_TRUE(expected.ok());
  for (int64_t i = 0; i < outputs[0].count(); ++i)
    EXPECT_NEAR(outputs[0].as<float>()[i], (*expected)[0].as<float>()[i], 1e-5);
  options.strict = true;
  EXPECT_EQ(runtime::Engine::load(built->plan, options).status().code(), Code::version_mismatch);
  options.device = "cuda";
  EXPECT_EQ(runtime::Engine::load(built->plan, options).status().code(), Code::device_unavailable);
}

}  // namespace
}  // namespace vivace::cuda
