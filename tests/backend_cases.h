// Problems that rows of every backend are tested on.
#pragma once

namespace vivace {

// One node each; weights are constants, what is not is an input. Sizes are small, odd, and around vector widths.
inline constexpr const char* kBackendCases[] = {
    // Convolutions: channels around the block, strides, padding, dilation, groups, tiny images, batches.
    "(%x: f32[1,16,9,7]) { %y = Conv(%x, const f32[32,16,1,1] random(1)) return %y }",
    "(%x: f32[2,24,7,5]) { %y = vivace.FusedConv(%x, const f32[13,24,3,3] random(1), const f32[13] random(2)) "
    "{pads=[1,1,1,1], activation=\"relu\"} return %y }",
    "(%x: f32[1,3,19,17]) { %y = vivace.FusedConv(%x, const f32[40,3,7,7] random(1), const f32[40] random(2)) "
    "{pads=[3,3,3,3], strides=[2,2], activation=\"clip\", activation_alpha=0.0, activation_beta=6.0} return %y }",
    "(%x: f32[1,17,1,1]) { %y = vivace.FusedConv(%x, const f32[5,17,1,1] random(1), const f32[5] random(2)) "
    "{activation=\"sigmoid\"} return %y }",
    "(%x: f32[1,48,8,8], %r: f32[1,48,8,8]) { %y = vivace.FusedConv(%x, const f32[48,48,3,3] random(1), const f32[48] "
    "random(2), %r) {pads=[1,1,1,1], activation=\"relu\"} return %y }",
    "(%x: f32[1,20,5,6], %r: f32[1,20,5,6]) { %y = vivace.FusedConv(%x, const f32[20,20,3,3] random(1), _, %r) "
    "{pads=[1,1,1,1], activation=\"silu\", residual_last=1} return %y }",
    "(%x: f32[1,19,10,11]) { %y = vivace.FusedConv(%x, const f32[19,1,5,5] random(1), const f32[19] random(2)) "
    "{group=19, pads=[2,2,2,2], strides=[2,1], activation=\"hard_swish\"} return %y }",
    "(%x: f32[1,32,6,6]) { %y = Conv(%x, const f32[32,4,3,3] random(1)) {group=8, pads=[1,1,1,1]} return %y }",
    "(%x: f32[1,12,9,9]) { %y = Conv(%x, const f32[6,4,2,3] random(1), const f32[6] random(2)) {group=3, "
    "pads=[0,1,1,2], dilations=[2,1], strides=[1,2]} return %y }",
    "(%x: f32[3,64,14,14]) { %y = Conv(%x, const f32[64,64,3,3] random(1)) {pads=[1,1,1,1]} return %y }",
    "(%x: f32[1,8,5,5]) { %y = Conv(%x, const f32[8,8,3,3] random(1)) {auto_pad=\"SAME_UPPER\", strides=[2,2]} return "
    "%y }",
    // Pooling.
    "(%x: f32[1,21,13,11]) { %y = MaxPool(%x) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]} return %y }",
    "(%x: f32[2,16,8,9]) { %y = MaxPool(%x) {kernel_shape=[2,3], strides=[2,2], ceil_mode=1, dilations=[1,2]} return "
    "%y }",
    "(%x: f32[1,5,7,7]) { %y = AveragePool(%x) {kernel_shape=[3,3], strides=[1,1], pads=[1,1,1,1], "
    "count_include_pad=1} return %y }",
    "(%x: f32[1,32,7,6]) { %y = AveragePool(%x) {kernel_shape=[3,2], strides=[2,2], pads=[1,0,1,1]} return %y }",
    "(%x: f32[2,32,7,5]) { %y = GlobalAveragePool(%x) return %y }",
    "(%x: f32[1,19,3,3]) { %y = GlobalAveragePool(%x) return %y }",
    // Pointwise: every way an operand may broadcast.
    "(%x: f32[1,19,4,5], %z: f32[1,19,4,5]) { %y = Add(%x, %z) return %y }",
    "(%x: f32[2,16,4,5], %z: f32[2,16,1,1]) { %y = Mul(%x, %z) return %y }",
    "(%x: f32[1,20,4,5]) { %y = vivace.Pointwise(%x, const f32[20,1,1] random(3), const f32[1,20,1,1] random(4)) "
    "{program=\"t0 = mul x0 x1; t1 = add t0 x2; relu t1\"} return %y }",
    "(%x: f32[3,1,5], %z: f32[4,1]) { %y = Sub(%x, %z) return %y }",
    "(%x: f32[]) { %y = Exp(%x) return %y }",
    "(%x: f32[0,7]) { %y = Relu(%x) return %y }",
    "(%x: f32[3,37]) { %y = Clip(%x, const f32[] {-0.25}, const f32[] {0.5}) return %y }",
    "(%x: f32[1,17,2,2]) { %y = Sigmoid(%x) return %y }",
    "(%x: f32[2,3,4], %z: f32[4]) { %y = Div(%x, %z) return %y }",
    // Matrix products.
    "(%x: f32[1,37]) { %y = Gemm(%x, const f32[19,37] random(1), const f32[19] random(2)) {transB=1} return %y }",
    "(%x: f32[5,64]) { %y = Gemm(%x, const f32[64,33] random(1)) {alpha=0.5} return %y }",
    "(%x: f32[2,7,48]) { %y = MatMul(%x, const f32[48,50] random(1)) return %y }",
    "(%x: f32[2,3,5,8], %z: f32[2,3,8,9]) { %y = MatMul(%x, %z) return %y }",
    "(%x: f32[2,1,5,8], %z: f32[3,8,9]) { %y = MatMul(%x, %z) return %y }",
    "(%x: f32[8], %z: f32[8]) { %y = MatMul(%x, %z) return %y }",
    "(%x: f32[11,20], %r: f32[11,31]) { %y = vivace.FusedMatMul(%x, const f32[31,20] random(1), const f32[31] "
    "random(2), %r) {trans_b=1, scale=0.25, activation=\"gelu\"} return %y }",
    "(%x: f32[4,0], %z: f32[0,3]) { %y = MatMul(%x, %z) return %y }",
    "(%x: f32[1,72]) { %y = com.microsoft.MatMulNBits(%x, const u8[37,3,16] random(1), const f32[37,3] random(2), "
    "const u8[37,2] random(3), _, const f32[37] random(4)) "
    "{K=72, N=37, bits=4, block_size=32} return %y }",
    "(%x: f32[5,72]) { %y = com.microsoft.MatMulNBits(%x, const u8[37,3,16] random(1), const f32[37,3] random(2), "
    "const f32[37,3] random(3)) "
    "{K=72, N=37, bits=4, block_size=32} return %y }",
    "(%x: f32[51,72]) { %y = com.microsoft.MatMulNBits(%x, const u8[37,3,16] random(1), const f32[37,3] random(2), "
    "const u8[37,2] random(3), _, const f32[37] random(4)) "
    "{K=72, N=37, bits=4, block_size=32} return %y }",
    "(%x: f32[3,130]) { %y = com.microsoft.MatMulNBits(%x, const u8[9,9,16] random(1), const f32[9,9] random(2), const "
    "u8[9,9] random(3)) "
    "{K=130, N=9, bits=8, block_size=16} return %y }",
    "(%x: f32[2,130]) { %y = com.microsoft.MatMulNBits(%x, const u8[9,2,128] random(1), const f32[9,2] random(2), _, "
    "_, const f32[9] random(4)) "
    "{K=130, N=9, bits=8, block_size=128} return %y }",
    "(%x: f32[4,200]) { %y = com.microsoft.MatMulNBits(%x, const u8[9,4,16] random(1), const f32[9,4] random(2), const "
    "u8[9,1] random(3)) "
    "{K=200, N=9, bits=2, block_size=64} return %y }",
    "(%x: f32[2,40]) { %y = com.microsoft.MatMulNBits(%x, const u8[9,3,8] random(1), const f32[9,3] random(2)) "
    "{K=40, N=9, bits=4, block_size=16} return %y }",
    // Norms and reductions.
    "(%x: f32[3,5,7]) { %y = Softmax(%x) {axis=1} return %y }",
    "(%x: f32[4,129]) { %y = LogSoftmax(%x) return %y }",
    "(%x: f32[2,5,33]) { %y = LayerNormalization(%x, const f32[33] random(1), const f32[33] random(2)) return %y }",
    "(%x: f32[2,5,33]) { %y = RMSNormalization(%x, const f32[33] random(1)) return %y }",
    "(%x: f32[2,6,5,3]) { %y = InstanceNormalization(%x, const f32[6] random(1), const f32[6] random(2)) return %y }",
    "(%x: f32[2,6,5,3]) { %y = GroupNormalization(%x, const f32[6] random(1), const f32[6] random(2)) {num_groups=3} "
    "return %y }",
    "(%x: f32[2,3,5,7]) { %y = ReduceMean(%x, const i64[2] {2, 3}) {keepdims=0} return %y }",
    "(%x: f32[2,3,5,7]) { %y = ReduceMax(%x, const i64[1] {1}) return %y }",
    "(%x: f32[4,5]) { %y = ReduceSum(%x) return %y }",
    // Attention and recurrence.
    "(%q: f32[2,3,5,8], %k: f32[2,3,7,8], %v: f32[2,3,7,6]) { %y = Attention(%q, %k, %v) return %y }",
    "(%q: f32[2,5,24], %k: f32[2,5,24], %v: f32[2,5,24], %m: f32[5,5]) { %y = Attention(%q, %k, %v, %m) "
    "{q_num_heads=3, kv_num_heads=3, scale=0.3} return %y }",
    "(%q: f32[1,33,32], %k: f32[1,33,16], %v: f32[1,33,16]) { %y = Attention(%q, %k, %v) {q_num_heads=4, "
    "kv_num_heads=2, is_causal=1} return %y }",
    "(%x: f32[5,2,7]) { %y, %h, %c = LSTM(%x, const f32[1,44,7] random(1), const f32[1,44,11] random(2), const "
    "f32[1,88] random(3)) {hidden_size=11} return %y }",
    "(%x: f32[4,3,5], %h: f32[2,3,6], %c: f32[2,3,6]) { %y = LSTM(%x, const f32[2,24,5] random(1), const f32[2,24,6] "
    "random(2), _, _, %h, %c, const f32[2,18] random(4)) {hidden_size=6, direction=\"bidirectional\"} return %y }",
    "(%x: f32[3,1,5]) { _, %y = LSTM(%x, const f32[1,24,5] random(1), const f32[1,24,6] random(2)) {hidden_size=6, "
    "direction=\"reverse\"} return %y }",
    // Movement.
    "(%x: f32[2,16,3,2], %z: f32[2,32,3,2]) { %y = Concat(%x, %z) {axis=1} return %y }",
    "(%x: f32[2,3,5], %z: f32[2,3,1]) { %y = Concat(%x, %z) {axis=-1} return %y }",
    "(%x: f32[2,3,5,7]) { %y = Transpose(%x) {perm=[0,2,3,1]} return %y }",
    "(%x: f32[17,33]) { %y = Transpose(%x) return %y }",
    "(%x: f32[5,6,7]) { %y = Slice(%x, const i64[2] {4, 1}, const i64[2] {-100, 6}, const i64[2] {0, 2}, const i64[2] "
    "{-2, 3}) return %y }",
    "(%x: f32[3,8]) { %y, %z = Split(%x, const i64[2] {3, 5}) {axis=1} return %y }",
    "(%x: f32[3,1,4]) { %y = Expand(%x, const i64[4] {2, 1, 5, 1}) return %y }",
    "(%x: f32[5,3,2]) { %y = Gather(%x, const i64[2,2] {0, 2, -1, 1}) {axis=1} return %y }",
    "(%x: f32[1,3,5,7]) { %y = Resize(%x, _, const f32[4] {1.0, 1.0, 2.0, 2.0}) {mode=\"nearest\", "
    "coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"floor\"} return %y }",
    "(%x: f32[2,3,5,7]) { %y = Resize(%x, _, _, const i64[4] {2, 3, 11, 9}) {mode=\"linear\"} return %y }",
    "(%x: f32[1,2,8,8]) { %y = Resize(%x, _, const f32[4] {1.0, 1.0, 0.5, 0.75}) {mode=\"cubic\", antialias=1} return "
    "%y }",
};

}  // namespace vivace
