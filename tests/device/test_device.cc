// vivace-test-device: every row of the GPU against the reference, on the GPU that is here.
//
// Each row is tested by a process of its own, which this one starts again behind the run that made the GPU unusable to
// it (an illegal address, say) or that does not end.
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include "backend_cases.h"
#include "backends/cuda/tactic.h"
#include "backends/cuda/vendor.h"
#include "base/threads.h"
#include "device/graph_test.h"
#include "device/operator_cases.h"
#include "device/row_test.h"
#include "device/select_cases.h"
#include "element_cases.h"

namespace vivace::cuda {
namespace {

// Beyond the common cases: other dimensions, sizes around the tiles, few rows.
constexpr const char* kMoreCases[] = {
    "(%x: f32[2,5,37]) { %y = Conv(%x, const f32[7,5,3] random(1), const f32[7] random(2)) {pads=[2,0], strides=[2]} "
    "return %y }",
    "(%x: f32[1,4,5,6,7]) { %y = Conv(%x, const f32[6,2,3,1,2] random(1)) {group=2, pads=[1,0,1,1,0,0]} return %y }",
    "(%x: f32[1,130,17,19]) { %y = Conv(%x, const f32[131,130,3,3] random(1)) {pads=[1,1,1,1]} return %y }",
    "(%x: f32[2,7,65,63]) { %y = vivace.FusedConv(%x, const f32[129,7,1,1] random(1), const f32[129] random(2)) "
    "{activation=\"gelu\"} return %y }",
    // More tiles than multiprocessors: one step or more than a ring's, several columns of tiles, residuals.
    "(%x: f32[1,24,131,131], %r: f32[1,40,131,131]) { %y = vivace.FusedConv(%x, const f32[40,24,3,3] random(1), const "
    "f32[40] random(2), %r) {pads=[1,1,1,1], activation=\"silu\", residual_last=1} return %y }",
    "(%x: f32[3,24,131,129]) { %y = vivace.FusedConv(%x, const f32[150,24,1,1] random(1), const f32[150] random(2)) "
    "{strides=[2,2], activation=\"sigmoid\"} return %y }",
    "(%x: f32[2,64,95,92]) { %y = Conv(%x, const f32[13,64,3,3] random(1)) {pads=[2,2,2,2], dilations=[2,2]} return "
    "%y }",
    "(%x: f32[1,16,132,131], %r: f32[1,260,132,131]) { %y = vivace.FusedConv(%x, const f32[260,16,1,1] random(1), "
    "const f32[260] random(2), %r) {activation=\"relu\"} return %y }",
    // Depthwise, whose kernels differ by size and stride; channels that are no multiple of 8.
    "(%x: f32[2,13,15,9], %r: f32[2,13,15,9]) { %y = vivace.FusedConv(%x, const f32[13,1,3,3] random(1), const f32[13] "
    "random(2), %r) {group=13, pads=[1,1,1,1], activation=\"relu\"} return %y }",
    "(%x: f32[1,72,13,13]) { %y = vivace.FusedConv(%x, const f32[72,1,7,7] random(1), const f32[72] random(2)) "
    "{group=72, pads=[3,3,3,3], activation=\"sigmoid\"} return %y }",
    "(%x: f32[1,16,13,14]) { %y = Conv(%x, const f32[16,1,3,2] random(1)) {group=16, pads=[3,1,2,3], dilations=[2,3], "
    "strides=[1,3]} return %y }",
    "(%x: f32[1,6,9,7]) { %y = Conv(%x, const f32[18,1,3,3] random(1), const f32[18] random(2)) {group=6, "
    "pads=[1,0,1,0]} return %y }",
    // Groups of channels around those of an instruction.
    "(%x: f32[2,32,9,11], %r: f32[2,32,9,11]) { %y = vivace.FusedConv(%x, const f32[32,4,3,3] random(1), const f32[32] "
    "random(2), %r) {group=8, pads=[1,1,1,1], activation=\"silu\", residual_last=1} return %y }",
    "(%x: f32[1,48,10,9]) { %y = vivace.FusedConv(%x, const f32[48,24,3,3] random(1), const f32[48] random(2)) "
    "{group=2, pads=[1,1,1,1], strides=[2,2], activation=\"relu\"} return %y }",
    "(%x: f32[1,128,7,7]) { %y = Conv(%x, const f32[128,64,3,3] random(1)) {group=2, pads=[1,1,1,1]} return %y }",
    "(%x: f32[1,33,5,6]) { %y = Conv(%x, const f32[66,11,1,1] random(1)) {group=3} return %y }",
    // Few channels: odd and even strides, sizes and pads; then maxima of windows of what they make.
    "(%x: f32[2,3,37,30]) { %y = vivace.PooledConv(%x, const f32[20,3,7,7] random(1), const f32[20] random(2)) "
    "{pads=[3,3,3,3], strides=[2,2], activation=\"relu\", pool_kernel_shape=[3,3], pool_strides=[2,2], "
    "pool_pads=[1,1,1,1]} return %y }",
    "(%x: f32[1,3,224,224]) { %y = vivace.PooledConv(%x, const f32[64,3,7,7] random(1), const f32[64] random(2)) "
    "{pads=[3,3,3,3], strides=[2,2], activation=\"relu\", pool_kernel_shape=[3,3], pool_strides=[2,2], "
    "pool_pads=[1,1,1,1]} return %y }",
    "(%x: f32[1,1,23,41]) { %y = vivace.PooledConv(%x, const f32[9,1,3,3] random(1)) {strides=[1,1], "
    "pool_kernel_shape=[3,2], pool_strides=[2,3], pool_ceil_mode=1, pool_pads=[0,1,1,0]} return %y }",
    "(%x: f32[1,3,13,5]) { %y = vivace.PooledConv(%x, const f32[24,3,2,5] random(1), const f32[24] random(2)) "
    "{pads=[1,2,0,2], strides=[3,1], activation=\"clip\", activation_beta=0.5, pool_kernel_shape=[2,2]} return %y }",
    "(%x: f32[2,3,34,30]) { %y = vivace.FusedConv(%x, const f32[64,3,7,7] random(1), const f32[64] random(2)) "
    "{pads=[3,3,3,3], strides=[2,2], activation=\"relu\"} return %y }",
    "(%x: f32[1,3,18,21], %r: f32[1,20,18,21]) { %y = vivace.FusedConv(%x, const f32[20,3,3,3] random(1), const "
    "f32[20] random(2), %r) {pads=[1,1,1,1]} return %y }",
    "(%x: f32[1,3,43,40]) { %y = Conv(%x, const f32[64,3,11,11] random(1)) {pads=[2,2,2,2], strides=[4,4]} return %y }",
    "(%x: f32[1,4,33,48]) { %y = Conv(%x, const f32[24,4,16,16] random(1)) {strides=[16,16]} return %y }",
    "(%x: f32[1,2,9,13]) { %y = Conv(%x, const f32[24,2,2,3] random(1)) {dilations=[1,2], strides=[1,3], "
    "pads=[0,2,1,1]} return %y }",
    // Blocks. Few pixels: the mean of many is next to nothing.
    "(%x: f32[2,67,2,1]) { %y = vivace.SqueezeExcite(%x, const f32[19,67,1,1] random(1), const f32[67,19,1,1] "
    "random(3), const f32[19] random(2), const f32[67] random(4)) {activation=\"silu\", gate=\"sigmoid\"} return %y }",
    "(%x: f32[1,960,1,3]) { %y = vivace.SqueezeExcite(%x, const f32[240,960,1,1] random(1), const f32[960,240,1,1] "
    "random(3)) {activation=\"relu\", gate=\"hard_sigmoid\", gate_alpha=0.01, gate_beta=0.5} return %y }",
    "(%x: f32[3,40,31,29]) { %y = vivace.SqueezeExcite(%x, const f32[10,40,1,1] random(1), const f32[40,10,1,1] "
    "random(3), const f32[10] random(2)) {activation=\"relu\", gate=\"sigmoid\"} return %y }",
    "(%x: f32[1,24,150,140]) { %y = vivace.SqueezeExcite(%x, const f32[4,24,1,1] random(1), const f32[24,4,1,1] "
    "random(3), _, const f32[24] random(4)) {gate=\"sigmoid\"} return %y }",
    "(%x: f32[1,24,14,13]) { %y = vivace.InvertedResidual(%x, const f32[144,1,3,3] random(1), const f32[144,24,1,1] "
    "random(2), const f32[24,144,1,1] random(3), const f32[144] random(4), const f32[144] random(5), const f32[24] "
    "random(6), %x) {depthwise_group=144, depthwise_pads=[1,1,1,1], depthwise_activation=\"clip\", "
    "depthwise_activation_beta=6.0, expand_activation=\"clip\", expand_activation_beta=6.0} return %y }",
    "(%x: f32[2,19,15,17]) { %y = vivace.InvertedResidual(%x, const f32[67,1,5,5] random(1), const f32[67,19,1,1] "
    "random(2), const f32[37,67,1,1] random(3), _, const f32[67] random(5)) {depthwise_group=67, "
    "depthwise_pads=[2,2,2,2], depthwise_strides=[2,2], depthwise_activation=\"hard_swish\", "
    "expand_activation=\"relu\"} return %y }",
    "(%x: f32[1,40,16,20]) { %y = vivace.InvertedResidual(%x, const f32[43,1,3,3] random(1), const f32[43,40,1,1] "
    "random(2), _, const f32[43] random(4), const f32[43] random(5)) {depthwise_group=43, depthwise_pads=[0,1,1,0], "
    "depthwise_strides=[1,2], depthwise_activation=\"silu\", expand_activation=\"sigmoid\"} return %y }",
    "(%x: f32[1,35,9,9], %r: f32[1,16,9,9]) { %y = vivace.InvertedResidual(%x, const f32[35,1,3,3] random(1), _, const "
    "f32[16,35,1,1] random(3), const f32[35] random(4), _, _, %r) {depthwise_group=35, depthwise_pads=[1,1,1,1], "
    "depthwise_activation=\"relu\", project_activation=\"relu\"} return %y }",
    "(%x: f32[1,160,7,7]) { %y = vivace.InvertedResidual(%x, const f32[960,1,3,3] random(1), const f32[960,160,1,1] "
    "random(2), const f32[320,960,1,1] random(3), const f32[960] random(4)) {depthwise_group=960, "
    "depthwise_pads=[1,1,1,1], depthwise_activation=\"relu\", expand_activation=\"relu\"} return %y }",
    "(%x: f32[8,1000]) { %y = Gemm(%x, const f32[301,1000] random(1)) {transB=1} return %y }",
    "(%x: f32[129,257]) { %y = MatMul(%x, const f32[257,131] random(1)) return %y }",
    "(%x: f32[3,65,33], %z: f32[3,33,67]) { %y = MatMul(%x, %z) return %y }",
    "(%x: f32[2,1,129,200], %z: f32[3,200,72]) { %y = MatMul(%x, %z) return %y }",
    "(%x: f32[70,36], %z: f32[5,36,257]) { %y = MatMul(%x, %z) return %y }",
    "(%x: f32[2,20,65], %z: f32[2,33,20]) { %y = vivace.FusedMatMul(%x, %z) {trans_a=1, trans_b=1, scale=2.0} return "
    "%y }",
    "(%x: f32[197,768], %r: f32[197,264]) { %y = vivace.FusedMatMul(%x, const f32[264,768] random(1), const f32[264] "
    "random(2), %r) {trans_b=1, activation=\"relu\"} return %y }",
    "(%x: f32[256,512]) { %y = vivace.FusedMatMul(%x, const f32[512,384] random(1), const f32[384] random(2)) "
    "{activation=\"gelu\"} return %y }",
    "(%x: f32[1,1001], %b: f32[129]) { %y = Gemm(%x, const f32[129,1001] random(1), %b) {transB=1} return %y }",
    "(%x: f32[3,520], %z: f32[77,520]) { %y = Gemm(%x, %z) {transB=1} return %y }",
    "(%x: f32[2,3000]) { %y = Softmax(%x) return %y }",
    "(%x: f32[3,70000]) { %y = ReduceMean(%x, const i64[1] {1}) return %y }",
    "(%q: f32[2,4,130,64], %k: f32[2,4,517,64], %v: f32[2,4,517,64], %m: f32[1,1,130,517]) { %y = Attention(%q, %k, "
    "%v, %m) return %y }",
    "(%q: f32[1,197,192], %k: f32[1,197,192], %v: f32[1,197,192]) { %y = Attention(%q, %k, %v) {q_num_heads=3, "
    "kv_num_heads=3} return %y }",
    "(%q: f32[2,70,36], %k: f32[2,257,12], %v: f32[2,257,7], %m: bool[2,1,1,257]) { %y = Attention(%q, %k, %v, %m) "
    "{q_num_heads=3, kv_num_heads=1, is_causal=1} return %y }",
    "(%q: f32[1,2,129,128], %k: f32[1,2,400,128], %v: f32[1,2,400,96]) { %y = Attention(%q, %k, %v) return %y }",
    "(%x: f32[2,130,384]) { %y = vivace.PackedAttention(%x) {q_num_heads=2, kv_num_heads=2, sources=[0,0,0], "
    "begins=[0,128,256], sizes=[128,128,128]} return %y }",
    "(%x: f32[2,37,61], %m: bool[37,37]) { %y = vivace.PackedAttention(%x, %m) {q_num_heads=3, kv_num_heads=1, "
    "is_causal=1, sources=[0,0,0], begins=[7,43,0], sizes=[36,12,7]} return %y }",
    "(%q: f32[2,5,50], %kv: f32[2,67,36], %m: f32[2,1,5,67]) { %y = vivace.PackedAttention(%q, %kv, %m) "
    "{q_num_heads=2, kv_num_heads=2, sources=[0,1,1], begins=[2,0,20], sizes=[20,20,16]} return %y }",
    "(%x: f32[64,65,66]) { %y = Transpose(%x) {perm=[2,0,1]} return %y }",
    "(%x: f32[2,6,5,7]) { %y = ConvTranspose(%x, const f32[6,4,3,2] random(1), const f32[8] random(2)) {group=2, "
    "strides=[2,3], pads=[1,0,0,1], dilations=[1,2], output_padding=[1,2]} return %y }",
    "(%x: f32[2,34,9,7]) { %y = ConvTranspose(%x, const f32[34,19,2,3] random(1), const f32[38] random(2)) {group=2, "
    "strides=[2,3]} return %y }",
    "(%x: f32[2,19,9,7]) { %y = ConvTranspose(%x, const f32[19,37,2,2] random(1), const f32[37] random(2)) "
    "{strides=[2,2]} return %y }",
    "(%x: f32[1,72,13,5]) { %y = ConvTranspose(%x, const f32[72,16,4,4] random(1)) {strides=[2,2], pads=[1,1,1,1]} "
    "return %y }",
    "(%x: f32[1,8,6,5]) { %y = ConvTranspose(%x, const f32[8,67,3,2] random(1), const f32[67] random(2)) "
    "{strides=[2,3], pads=[1,0,0,1], dilations=[1,2], output_padding=[1,2]} return %y }",
    "(%x: f32[3,65,3,4]) { %y = ConvTranspose(%x, const f32[65,130,3,3] random(1)) {pads=[1,1,1,1]} return %y }",
    "(%x: f32[1,20,129]) { %y = ConvTranspose(%x, const f32[20,33,7] random(1), const f32[33] random(2)) "
    "{strides=[3], pads=[2,2]} return %y }",
    "(%x: f32[1,9,3,5,4]) { %y = ConvTranspose(%x, const f32[9,12,2,2,3] random(1)) {strides=[2,2,2]} return %y }",
    "(%x: f32[2,21,131]) { %y = Conv(%x, const f32[34,21,5] random(1), const f32[34] random(2)) {strides=[2], "
    "pads=[3,1], dilations=[2]} return %y }",
    "(%x: f32[1,12,5,9,7], %r: f32[1,70,3,9,4]) { %y = vivace.FusedConv(%x, const f32[70,12,3,3,3] random(1), const "
    "f32[70] random(2), %r) {strides=[2,1,2], pads=[1,1,1,1,1,1], activation=\"relu\"} return %y }",
    "(%x: f32[3,300,4,3,2]) { %y = Conv(%x, const f32[150,300,1,1,1] random(1)) return %y }",
    "(%x: f32[2,75,9,7]) { %p = vivace.Pointwise(%x, const f32[75,1,1] random(3), const f32[75,1,1] random(4)) "
    "{program=\"t0 = mul x0 x1; t1 = add t0 x2; relu t1\"} %y = Conv(%p, const f32[40,75,1,1] random(1), const f32[40] "
    "random(2)) {strides=[2,1]} return %y }",
    "(%x: f32[1,1000,7,7]) { %p = vivace.Pointwise(%x, const f32[1000,1,1] random(3), const f32[1000,1,1] random(4)) "
    "{program=\"t0 = mul x0 x1; t1 = add t0 x2; relu t1\"} %y = vivace.FusedConv(%p, const f32[128,1000,1,1] "
    "random(1), "
    "const f32[128] random(2)) {activation=\"relu\"} return %y }",
    "(%x: f32[2,19,5,7]) { %y = Pad(%x, const i64[8] {0,0,2,1, 0,0,3,4}, const f32[] {2}) return %y }",
    "(%x: f32[2,16,5,7]) { %y = Pad(%x, const i64[4] {2,-1, 3,4}, const f32[] {3}, const i64[2] {-1, 2}) return %y }",
    "(%x: f32[1,24,5,7]) { %y = Pad(%x, const i64[8] {0,0,2,1, 0,0,3,4}) {mode=\"reflect\"} return %y }",
    "(%x: f32[1,5,4,3]) { %y = Pad(%x, const i64[8] {1,2,2,1, 0,9,3,4}) {mode=\"edge\"} return %y }",
    "(%x: f32[1,8,1,3]) { %y = Pad(%x, const i64[8] {0,0,2,7, 0,0,3,4}) {mode=\"wrap\"} return %y }",
    "(%x: f32[2,36,3,5]) { %y = DepthToSpace(%x) {blocksize=2} return %y }",
    "(%x: f32[2,32,3,5]) { %y = DepthToSpace(%x) {blocksize=2} return %y }",
    "(%x: f32[1,27,3,5]) { %y = DepthToSpace(%x) {blocksize=3, mode=\"CRD\"} return %y }",
    "(%x: f32[2,5,6,9]) { %y = SpaceToDepth(%x) {blocksize=3} return %y }",
    "(%x: f32[2,16,4,6]) { %y = SpaceToDepth(%x) {blocksize=2} return %y }",
    "(%x: f32[2,19,9,7]) { %y = Slice(%x, const i64[2] {1,-2}, const i64[2] {100,0}, const i64[2] {2,3}, const i64[2] "
    "{3,-2}) return %y }",
    "(%x: f32[3,11,4,5]) { %y = Slice(%x, const i64[3] {1,-1,2}, const i64[3] {3,-100,4}, const i64[3] {0,1,3}, const "
    "i64[3] {1,-1,1}) return %y }",
    "(%x: f32[1,3,9]) { %y = ConvTranspose(%x, const f32[3,5,4] random(1)) {strides=[2], pads=[1,1]} return %y }",
    "(%x: f32[2,13,9,7]) { %a = vivace.Reorder(%x) {channel_block=16, to=10} %y = vivace.Reorder(%a) {channel_block=0, "
    "to=1} return %y }",
    "(%x: f32[1,200,33,1]) { %a = vivace.Reorder(%x) {channel_block=200, to=16} %b = vivace.Reorder(%a) "
    "{channel_block=208} %y = vivace.Reorder(%b) {channel_block=0} return %y }",
    "(%x: f32[2,70,1,1]) { %a = vivace.Reorder(%x) {channel_block=72, to=10} %y = vivace.Reorder(%a) {channel_block=0, "
    "to=1} return %y }",
    "(%x: f32[2,3,17]) { %y = MaxPool(%x) {kernel_shape=[4], strides=[3], pads=[1,2], ceil_mode=1} return %y }",
    "(%x: f32[1,3,5,6,7]) { %y = AveragePool(%x) {kernel_shape=[3,2,3], strides=[2,1,2], pads=[1,0,1,1,1,0], "
    "dilations=[1,2,1]} return %y }",
    "(%x: f32[2,3,7,6]) { %y, %i = MaxPool(%x) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], storage_order=1} "
    "return %y, %i }",
    "(%x: f32[1,35,9,8]) { %y = LpPool(%x) {kernel_shape=[2,3], strides=[2,1], pads=[1,1,0,1], p=3} return %y }",
    "(%x: f32[1,35,8,8]) { %y = AveragePool(%x) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1, "
    "count_include_pad=1} return %y }",
    "(%x: f32[1,45,15,14]) { %y = MaxPool(%x) {kernel_shape=[3,3], strides=[2,2], ceil_mode=1} return %y }",
    "(%x: f32[2,58,5,3], %z: f32[2,58,5,3]) { %y = Concat(%x, %z) {axis=1} return %y }",
    "(%x: f32[2,16,5,3], %z: f32[2,8,5,3], %w: f32[2,13,5,3]) { %y = Concat(%x, %z, %w) {axis=-3} return %y }",
    "(%x: f32[3,4,6], %z: f32[3,1,6], %w: f32[3,0,6]) { %y = Concat(%x, %z, %w) {axis=1} return %y }",
    "(%x: f32[2,116,3,5]) { %y, %z = Split(%x, const i64[2] {58, 58}) {axis=1} return %y, %z }",
    "(%x: f32[2,45,3,5]) { %y, %z, %w = Split(%x, const i64[3] {16, 24, 5}) {axis=1} return %y, %w }",
    "(%x: i8[5,6,7]) { %y, %z = Split(%x, const i64[2] {2, 4}) {axis=1} return %y, %z }",
    "(%x: f32[2,13,5,7]) { %y = Resize(%x, _, const f32[4] {1.0, 1.0, 2.0, 2.0}) {mode=\"nearest\", "
    "coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"floor\"} return %y }",
    "(%x: f32[1,29,5,7]) { %y = Resize(%x, _, _, const i64[4] {1, 29, 11, 9}) {mode=\"cubic\"} return %y }",
    "(%x: u8[3,5,7]) { %y = Resize(%x, _, _, const i64[3] {3, 11, 9}) {mode=\"nearest\"} return %y }",
    "(%x: f32[2,8,3,5]) { %a = Conv(%x, const f32[29,8,1,1] random(1)) %b = Relu(%a) %c = Concat(%a, %b) {axis=1} "
    "%d = Reshape(%c, const i64[5] {2, 2, 29, 3, 5}) %e = Transpose(%d) {perm=[0,2,1,3,4]} "
    "%f = Reshape(%e, const i64[4] {2, 58, 3, 5}) %g, %h = Split(%f, const i64[2] {28, 30}) {axis=1} return %g, %h }",
    "(%x: i64[5,6]) { %y = Transpose(%x) return %y }",
    "(%x: f32[3,70,65]) { %y = Transpose(%x) {perm=[0,2,1]} return %y }",
    "(%x: u8[2,33,9,40]) { %y = Transpose(%x) {perm=[3,0,2,1]} return %y }",
    "(%x: f32[4,6,8]) { %y = Slice(%x, const i64[1] {2}, const i64[1] {6}, const i64[1] {1}) return %y }",
    "(%x: f32[2,3,4]) { %y = Tile(%x, const i64[3] {2, 1, 3}) return %y }",
    "(%x: f32[2,3,5,7]) { %y = Pad(%x, const i64[8] {0, 1, 2, 0, 0, 0, -1, 3}) return %y }",
    "(%x: f32[2,3,5,8]) { %y = Pad(%x, const i64[4] {1, 2, 3, 0}, const f32[] {1.5}, const i64[2] {1, -2}) return %y }",
    "(%x: f32[2,3,5]) { %y = Pad(%x, const i64[6] {0, 4, 1, 0, 5, 2}) {mode=\"reflect\"} return %y }",
    "(%x: f32[2,3,5]) { %y = Pad(%x, const i64[6] {1, 0, 7, 0, 2, 6}) {mode=\"wrap\"} return %y }",
    "(%x: f32[2,3,5]) { %y = Pad(%x, const i64[6] {1, 0, 2, 2, 0, 1}) {mode=\"edge\"} return %y }",
    "(%x: f32[2,12,3,5]) { %y = DepthToSpace(%x) {blocksize=2} return %y }",
    "(%x: f32[1,18,3,5]) { %y = DepthToSpace(%x) {blocksize=3, mode=\"CRD\"} return %y }",
    "(%x: f32[2,3,4,6]) { %y = SpaceToDepth(%x) {blocksize=2} return %y }",
    "(%x: f32[5,24]) { %y = Gather(%x, const i64[2,2] {0, 4, -1, 1}) return %y }",
    "(%x: f32[3,4]) { %y = GatherElements(%x, const i64[2,4] {0, 1, -1, 2, 2, 0, 1, -3}) {axis=0} return %y }",
    "(%x: f32[3,4,5,8]) { %y = GatherND(%x, const i64[2,2] {0, 3, -1, 2}) return %y }",
    "(%x: f32[2,4,5]) { %y = GatherND(%x, const i64[2,3,1] {0, 3, -1, 2, 1, 0}) {batch_dims=1} return %y }",
    "(%x: f16[5,6], %z: f16[5,3]) { %y = Concat(%x, %z) {axis=1} return %y }",
};

constexpr const char* kGraphsRow = "graphs";  // beside the rows: test_graphs()
constexpr int kSilence = 60;                  // seconds without a line after which a process is taken to hang
constexpr int kMostRestarts = 40;             // of one row
constexpr size_t kMostLines = 60, kLineWidth = 150;
constexpr int kNoGpu = 77;

struct Options {
  std::string device = "cuda", row, log;
  bool compile_only = false, every_configuration = false, small = false, child = false;
  size_t from = 0;
  std::string folder;
};

std::vector<const char*> all_cases() {
  std::vector<const char*> cases(std::begin(kBackendCases), std::end(kBackendCases));
  cases.insert(cases.end(), std::begin(kMoreCases), std::end(kMoreCases));
  cases.insert(cases.end(), std::begin(kSelectCases), std::end(kSelectCases));
  cases.insert(cases.end(), std::begin(kElementCases), std::end(kElementCases));
  cases.insert(cases.end(), std::begin(kOperatorCases), std::end(kOperatorCases));
  return cases;
}

// The rows at work at a time; each compiles on several threads.
int workers() { return std::clamp(available_processors() / 2, 1, 8); }

int run_child(const Options& options) {
  Result<Device> device = find_device(options.device);
  if (!device.ok()) {
    std::printf("case %s\n", device.status().message().c_str());
    return device.status().code() == Code::device_unavailable ? kNoGpu : 1;
  }
  const std::vector<const char*> cases = all_cases();
  if (options.row == kGraphsRow) return test_graphs(*device, kBackendCases, options.from);
  const Tactic* row = find_tactic(options.row);
  if (!row) return 1;
  return test_row(*row, cases,
                  {*std::move(device), options.compile_only, options.every_configuration, options.small, options.from,
                   options.folder, std::max(2, 2 * available_processors() / workers())});
}

struct Tally {
  int passed = 0, failed = 0;
  double worst = 0;
};

// What became of one row.
struct RowResult {
  std::map<std::string, Tally> types;
  std::vector<std::string> failures;
  bool no_gpu = false;
};

// A process that tests a row from run `from` on, and the end of the pipe to which it writes.
struct Child {
  pid_t id = -1;
  int pipe = -1;
};
Child start(const Options& options, const std::string& row, size_t from) {
  std::array<int, 2> ends{};
  if (pipe(ends.data())) return {};
  std::vector<std::string> words = {
      "vivace-test-device", "--child",  "--device",    options.device, "--row", row, "--from",
      std::to_string(from), "--folder", options.folder};
  if (options.compile_only) words.emplace_back("--compile");
  if (options.every_configuration) words.emplace_back("--all");
  if (options.small) words.emplace_back("--small");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t id = fork();
  if (id == 0) {
    (void)dup2(ends[1], STDOUT_FILENO);
    (void)close(ends[0]);
    (void)close(ends[1]);
    execv("/proc/self/exe", arguments.data());
    _exit(1);
  }
  (void)close(ends[1]);
  return {id, ends[0]};
}

// Reads a child's lines until it ends; false where it did not end in time and was killed.
template <class Take>
bool read_lines(const Child& child, Take take) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    pollfd wanted{child.pipe, POLLIN, 0};
    if (poll(&wanted, 1, kSilence * 1000) == 0) {
      (void)kill(child.id, SIGKILL);
      return false;
    }
    const ssize_t got = read(child.pipe, buffer.data(), buffer.size());
    if (got <= 0) return true;
    text.append(buffer.data(), static_cast<size_t>(got));
    for (size_t end = 0; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1))
      take(text.substr(0, end));
  }
}

RowResult test_in_children(const Options& options, const std::string& row) {
  RowResult result;
  size_t next = 0;
  for (int restart = 0; restart <= kMostRestarts; ++restart) {
    const Child child = start(options, row, next);
    std::string current, type;  // the run under way
    const auto fail = [&](const std::string& why) {
      ++result.types[type].failed;
      result.failures.push_back(row + ": " + why + " | " + current);
      current.clear();
    };
    const bool ended = child.id > 0 && read_lines(child, [&](const std::string& line) {
                         if (line.starts_with("run ")) {
                           char* rest = nullptr;
                           next = std::strtoul(line.c_str() + 4, &rest, 10) + 1;
                           const std::string what = rest + 1;
                           type = what.substr(0, what.find(' '));
                           current = what.substr(std::min(what.size(), type.size() + 1));
                         } else if (line.starts_with("pass ")) {
                           Tally& tally = result.types[type];
                           ++tally.passed;
                           tally.worst = std::max(tally.worst, std::atof(line.c_str() + 5));
                           current.clear();
                         } else if (line.starts_with("fail ")) {
                           fail(line.substr(5));
                         } else if (line.starts_with("case ")) {
                           result.failures.push_back(line);
                         }
                       });
    int status = 0;
    if (child.id > 0) {
      (void)close(child.pipe);
      (void)waitpid(child.id, &status, 0);
    }
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result.no_gpu = code == kNoGpu;
    if (code == 0 || result.no_gpu) return result;
    const bool began = !current.empty();
    if (began) fail(ended ? "the process died of signal " + std::to_string(WTERMSIG(status)) : "it does not end");
    if (code != kUnusable && !began) {
      ++result.types["f32"].failed;
      result.failures.push_back(row + ": its process failed outside any run, at " + std::to_string(next));
      return result;
    }
  }
  result.failures.push_back(row + ": given up at run " + std::to_string(next) + " after many that broke the GPU");
  return result;
}

std::string text_of(const Tally& tally) {
  std::array<char, 40> text{};
  if (tally.passed + tally.failed == 0) return "-";
  std::snprintf(text.data(), text.size(), "%d/%d %.1e", tally.passed, tally.passed + tally.failed, tally.worst);
  return text.data();
}

// Of a row whose library is not here.
std::string reason_to_skip(const Tactic& row, const Options& options) {
  if (row.library.empty()) return "";
  return options.compile_only ? "it calls a library, and compiles nothing" : library_status(row.library).message();
}

int run_all(Options options) {
  std::array<char, 40> folder{"/tmp/vivace-test-device-XXXXXX"};
  if (mkdtemp(folder.data())) options.folder = folder.data();
  std::vector<std::string> rows;
  for (const Tactic* tactic : all_tactics())
    if (!tactic->operators.empty()) rows.emplace_back(tactic->name);  // not that of plugins: there are none here
  if (!options.compile_only) rows.emplace_back(kGraphsRow);
  if (!options.row.empty()) rows = {options.row};
  for (const Tactic* tactic : all_tactics()) {
    const std::string why = reason_to_skip(*tactic, options);
    if (!why.empty() && std::erase(rows, tactic->name) > 0)
      std::printf("%-24s skipped: %s\n", std::string(tactic->name).c_str(), why.c_str());
  }
  if (rows.empty()) return kNoGpu;
  std::map<std::string, RowResult> results;
  std::mutex mutex;
  size_t next = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < workers(); ++i)
    threads.emplace_back([&] {
      std::unique_lock lock(mutex);
      while (next < rows.size()) {
        const std::string row = rows[next++];
        lock.unlock();
        RowResult result = test_in_children(options, row);
        lock.lock();
        results[row] = std::move(result);
      }
    });
  for (std::thread& thread : threads) thread.join();
  std::error_code ignored;
  if (!options.folder.empty()) std::filesystem::remove_all(options.folder, ignored);

  if (results.begin()->second.no_gpu) {
    std::printf("skipped: %s\n", results.begin()->second.failures.back().c_str() + std::strlen("case "));
    return kNoGpu;
  }
  // Failures first, so that a cut-off output still ends with the table; in full where they are asked for.
  FILE* log = options.log.empty() ? nullptr : std::fopen(options.log.c_str(), "w");
  const size_t share = std::max<size_t>(3, kMostLines / rows.size());
  int failed = 0;
  size_t shown = 0;
  for (const std::string& row : rows) {
    const std::vector<std::string>& failures = results[row].failures;
    for (size_t i = 0; i < failures.size(); ++i) {
      if (log) std::fprintf(log, "%s\n", failures[i].c_str());
      if (options.row.empty() && (i >= share || shown >= kMostLines)) continue;
      const int width = static_cast<int>(options.row.empty() ? kLineWidth : failures[i].size());
      std::printf("FAILED %.*s\n", width, failures[i].c_str());
      ++shown;
    }
  }
  if (log) (void)std::fclose(log);
  constexpr const char* kTypes[] = {"f32", "tf32", "f16", "bf16"};
  std::printf("%-24s", "row");
  for (const char* type : kTypes) std::printf(" %-18s", type);
  std::printf(" (passed/run, worst error)\n");
  for (const std::string& row : rows) {
    RowResult& result = results[row];
    int runs = 0;
    failed += result.failures.empty() ? 0 : 1;
    for (const auto& [type, tally] : result.types) runs += tally.passed + tally.failed;
    std::printf("%-24s", row.c_str());
    for (const char* type : kTypes) std::printf(" %-18s", text_of(result.types[type]).c_str());
    std::printf("%s\n", runs ? "" : " no case reaches it");
    failed += runs == 0;
  }
  std::printf("%s\n", failed ? "some failed" : "all passed");
  return failed ? 1 : 0;
}

constexpr const char* kHelp =
    "usage: vivace-test-device [--row NAME] [--all] [--small] [--log FILE] [--compile] [DEVICE]\n"
    "Runs every row of the GPU on small problems, in f32, with TF32, f16 and bf16, and compares with the reference.\n"
    "  --row NAME   only this row, all failures in full\n"
    "  --list       the rows\n"
    "  --all        every configuration of every row, not some for each problem\n"
    "  --small      no problems of more than 2 million operations, for devices that are not one\n"
    "  --log FILE   all failures in full, whatever is shown\n"
    "  --compile    only compiles the kernels; needs no GPU (DEVICE sm_90, sm_80, ...)\n"
    "Exit codes: 0 all passed, 1 some failed, 77 there is no GPU, or not the library of --row.\n";

int run(const std::vector<std::string>& words) {
  Options options;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto value = [&] { return i + 1 < words.size() ? words[++i] : std::string(); };
    if (word == "--row") {
      options.row = value();
    } else if (word == "--device") {
      options.device = value();
    } else if (word == "--log") {
      options.log = value();
    } else if (word == "--from") {
      options.from = std::strtoul(value().c_str(), nullptr, 10);
    } else if (word == "--folder") {
      options.folder = value();
    } else if (word == "--compile") {
      options.compile_only = true;
    } else if (word == "--all") {
      options.every_configuration = true;
    } else if (word == "--small") {
      options.small = true;
    } else if (word == "--child") {
      options.child = true;
    } else if (word == "--list") {
      for (const Tactic* tactic : all_tactics()) std::printf("%s\n", std::string(tactic->name).c_str());
      std::printf("%s\n", kGraphsRow);
      return 0;
    } else if (word.starts_with("-")) {
      std::printf("%s", kHelp);
      return word == "-h" || word == "--help" ? 0 : 2;
    } else {
      options.device = word;
    }
  }
  return options.child ? run_child(options) : run_all(options);
}

}  // namespace
}  // namespace vivace::cuda

int main(int argc, char** argv) { return vivace::cuda::run({argv + 1, argv + argc}); }
