// Problems of operators that no other file of cases has: updates at indices, recurrences, quantization.
#pragma once

namespace vivace {

inline constexpr const char* kOperatorCases[] = {
    // Updates: the last of several wins, sums go up in their order.
    "(%x: f32[5,7], %u: f32[3,4]) { %y = ScatterElements(%x, const i64[3,4] {0, 4, -1, 1, 4, 4, 0, -5, 0, 4, 2, 1}, "
    "%u) {axis=0} return %y }",
    "(%x: u8[3,9], %u: u8[2,5]) { %y = ScatterElements(%x, const i32[2,5] {0, 8, 0, -1, 0, 3, 3, 3, 3, -9}, %u) "
    "{axis=1, reduction=\"max\"} return %y }",
    "(%x: f32[8,2], %j: i64[70,2], %u: f32[70,2]) { %y = ScatterElements(%x, %j, %u) {axis=0, reduction=\"add\"} "
    "return %y }",
    "(%x: bf16[8,2], %j: i32[70,2], %u: bf16[70,2]) { %y = ScatterElements(%x, %j, %u) {axis=0, reduction=\"max\"} "
    "return %y }",
    "(%x: f64[8,1], %j: i64[3001,1], %u: f64[3001,1]) { %y = ScatterElements(%x, %j, %u) {axis=0, reduction=\"add\"} "
    "return %y }",
    "(%x: f32[4,5,6], %u: f32[3,6]) { %y = ScatterND(%x, const i64[3,2] {0, 4, -1, 2, 0, 4}, %u) return %y }",
    "(%x: f32[4,5,8], %u: f32[2,2,5,8]) { %y = ScatterND(%x, const i64[2,2,1] {3, 0, 0, 3}, %u) {reduction=\"add\"} "
    "return %y }",
    "(%x: i32[4,5], %u: i32[3,5]) { %y = ScatterND(%x, const i64[3,1] {3, 3, 0}, %u) {reduction=\"mul\"} return %y }",
    "(%x: f32[9], %u: f32[4]) { %y = ScatterND(%x, const i64[4,1] {8, 2, 8, -7}, %u) {reduction=\"min\"} return %y }",
    "(%x: f32[4,3], %u: f32[0,3]) { %y = ScatterND(%x, const i64[0,1] {}, %u) return %y }",
    "(%x: f32[2,3,7,4], %u: f32[2,3,2,4]) { %y = TensorScatter(%x, %u, const i64[2] {5, 0}) return %y }",
    "(%x: f16[2,7,5], %u: f16[2,3,5]) { %y = TensorScatter(%x, %u, const i64[2] {6, 30}) {mode=\"circular\", axis=1} "
    "return %y }",
    "(%x: f32[2,7,5], %u: f32[2,7,5]) { %y = TensorScatter(%x, %u) return %y }",
    // Products of bytes.
    "(%x: u8[65,37], %z: u8[37,70]) { %y = MatMulInteger(%x, %z) return %y }",
    "(%x: i8[2,1,5,130], %z: u8[3,130,7], %a: i8[], %b: u8[7]) { %y = MatMulInteger(%x, %z, %a, %b) return %y }",
    "(%x: u8[33], %z: i8[33], %a: u8[]) { %y = MatMulInteger(%x, %z, %a) return %y }",
    "(%x: u8[3,5], %z: i8[5,4], %a: u8[3], %b: i8[4]) { %y = MatMulInteger(%x, %z, %a, %b) return %y }",
    "(%x: u8[2,3,33], %z: i8[33,9], %c: i8[9]) { %y = QLinearMatMul(%x, const f32[] {0.5}, const u8[] {3}, %z, const "
    "f32[9] {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}, %c, const f32[] {0.7}, const i8[] {-3}) return %y }",
    "(%x: i8[2,5,8], %z: i8[2,8,3]) { %y = QLinearMatMul(%x, const f16[2,5,1] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, const "
    "i8[] {1}, %z, const f16[] {0.25}, const i8[] {0}, const f16[] {3}, const u8[] {99}) return %y }",
    "(%x: u8[2,6,9,7], %w: u8[8,3,3,2]) { %y = ConvInteger(%x, %w, const u8[] {3}, const u8[8] {1, 2, 3, 4, 5, 6, 7, "
    "0}) {group=2, pads=[1,0,2,1], strides=[2,1], dilations=[1,2]} return %y }",
    "(%x: u8[1,70,13], %w: i8[67,70,3]) { %y = ConvInteger(%x, %w, const u8[] {2}) {pads=[1,1]} return %y }",
    "(%x: i8[1,4,3,5,4], %w: i8[5,4,2,2,2]) { %y = ConvInteger(%x, %w) return %y }",
    "(%x: u8[2,3,12,11], %w: i8[7,3,3,3], %b: i32[7]) { %y = QLinearConv(%x, const f32[] {0.02}, const u8[] {3}, %w, "
    "const f32[7] {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7}, const i8[] {1}, const f32[] {0.05}, const u8[] {100}, %b) "
    "{pads=[1,1,1,1]} return %y }",
    "(%x: i8[1,6,8,5], %w: i8[6,1,3,3]) { %y = QLinearConv(%x, const f32[] {0.2}, const i8[] {-1}, %w, const f32[] "
    "{0.1}, const i8[] {0}, const f32[] {0.5}, const i8[] {4}) {group=6, auto_pad=\"SAME_UPPER\", strides=[2,2]} "
    "return %y }",
    // Quantization.
    "(%x: f32[3000]) { %y, %s, %z = DynamicQuantizeLinear(%x) return %y, %s, %z }",
    "(%x: f32[3,7]) { %p = Add(%x, const f32[] {5}) %y = DynamicQuantizeLinear(%p) return %y }",
    "(%x: f32[5,37]) { %y = QuantizeLinear(%x, const f32[37] random(1)) {output_dtype=17, axis=1} return %y }",
    "(%x: f32[3,90]) { %s = Mul(%x, const f32[] {100000}) %y = QuantizeLinear(%s, const f32[] {0.7}) {output_dtype=19, "
    "saturate=0} return %y }",
    "(%x: f16[3,90]) { %y = QuantizeLinear(%x, const f16[] {0.001}) {output_dtype=20, precision=10} return %y }",
    "(%x: f32[3,90]) { %y = QuantizeLinear(%x, const f32[] {0.00001}) {output_dtype=18} return %y }",
    "(%x: bf16[3,35]) { %y = QuantizeLinear(%x, const f32[] {0.2}) {output_dtype=23} return %y }",
    "(%x: f32[3,35]) { %y = QuantizeLinear(%x, const f32[3,9] random(1)) {output_dtype=22, axis=1, block_size=4} "
    "return %y }",
    "(%x: f32[7,5], %s: f8e8m0[3,5]) { %y = QuantizeLinear(%x, %s) {output_dtype=25, axis=0, block_size=3, "
    "precision=1} return %y }",
    "(%x: i32[6,5], %z: i8[2,5]) { %y = QuantizeLinear(%x, const f32[2,5] random(1), %z) {axis=0, block_size=3} return "
    "%y }",
    "(%x: f8e4m3fn[3,90]) { %y = DequantizeLinear(%x, const f32[3] random(1)) {axis=0} return %y }",
    "(%x: f8e5m2[3,90]) { %y = DequantizeLinear(%x, const f16[] {0.25}) return %y }",
    "(%x: f8e4m3fnuz[256]) { %y = DequantizeLinear(%x, const f32[] {0.25}) return %y }",
    "(%x: f8e5m2fnuz[256]) { %y = DequantizeLinear(%x, const f32[] {0.25}) return %y }",
    "(%x: u4[5,37], %z: u4[2,37]) { %y = DequantizeLinear(%x, const f32[2,37] random(1), %z) {axis=0, block_size=3} "
    "return %y }",
    "(%x: i4[4,33], %z: i4[]) { %y = DequantizeLinear(%x, const f32[] {0.5}, %z) return %y }",
    "(%x: i2[4,33]) { %y = DequantizeLinear(%x, const bf16[4] random(1)) {axis=0} return %y }",
    "(%x: f4e2m1[4,33], %s: f8e8m0[4,2]) { %y = DequantizeLinear(%x, %s) {axis=1, block_size=32, output_dtype=1} "
    "return %y }",
    "(%x: i32[4,6]) { %y = DequantizeLinear(%x, const f32[2,6] random(1)) {axis=0, block_size=2} return %y }",
    // Recurrences.
    "(%x: f32[5,6,7]) { %y, %h = GRU(%x, const f32[2,33,7] random(1), const f32[2,33,11] random(2), const f32[2,66] "
    "random(3), const i32[6] {5, 0, 3, 4, 1, 5}) {hidden_size=11, direction=\"bidirectional\", linear_before_reset=1} "
    "return %y, %h }",
    "(%x: f32[4,3,5], %h: f32[1,3,6]) { %y, %z = GRU(%x, const f32[1,18,5] random(1), const f32[1,18,6] random(2), "
    "const f32[1,36] random(3), _, %h) {hidden_size=6, direction=\"reverse\", clip=0.7} return %y, %z }",
    "(%x: f16[4,1,40]) { %y = GRU(%x, const f16[1,99,40] random(1), const f16[1,99,33] random(2), const f16[1,198] "
    "random(3)) {hidden_size=33, linear_before_reset=1} return %y }",
    "(%x: f32[2,5,3], %h: f32[2,2,4]) { %y, %z = RNN(%x, const f32[2,4,3] random(1), const f32[2,4,4] random(2), _, "
    "const i32[2] {3, 5}, %h) {hidden_size=4, layout=1, direction=\"bidirectional\", "
    "activations=[\"Softplus\",\"LeakyRelu\"], activation_alpha=[0.1]} return %y, %z }",
    "(%x: f64[3,2,3]) { %y = RNN(%x, const f64[1,5,3] random(1), const f64[1,5,5] random(2), const f64[1,10] "
    "random(3)) {hidden_size=5} return %y }",
    "(%x: bf16[3,5,9]) { %y, %h, %c = LSTM(%x, const bf16[1,40,9] random(1), const bf16[1,40,10] random(2), const "
    "bf16[1,80] random(3)) {hidden_size=10} return %y, %h, %c }",
    "(%x: f32[3,4,5], %h: f32[3,1,6], %c: f32[3,1,6]) { %y, %z, %w = LSTM(%x, const f32[1,24,5] random(1), const "
    "f32[1,24,6] random(2), const f32[1,48] random(3), const i32[3] {4, 0, 2}, %h, %c, const f32[1,18] random(4)) "
    "{hidden_size=6, layout=1, clip=0.9, input_forget=1, activations=[\"HardSigmoid\",\"Softsign\",\"Affine\"], "
    "activation_alpha=[0.3,1.5], activation_beta=[0.4,0.1]} return %y, %z, %w }",
    // Attention with a cache and what goes with it.
    "(%q: f32[2,4,3,8], %k: f32[2,2,5,8], %v: f32[2,2,5,6], %m: f32[3,7], %p: f32[2,2,4,8], %w: f32[2,2,4,6]) { %y, "
    "%a, %b, %s = Attention(%q, %k, %v, %m, %p, %w) {is_causal=1, softcap=1.5, qk_matmul_output_mode=3} return %y, %a, "
    "%b, %s }",
    "(%q: f16[2,5,24], %k: f16[2,9,12], %v: f16[2,9,10], %m: bool[2,1,5,9]) { %y, _, _, %s = Attention(%q, %k, %v, %m, "
    "_, _, const i64[2] {9, 4}) {q_num_heads=4, kv_num_heads=2, scale=0.4} return %y, %s }",
    "(%q: f32[1,1,2,16], %k: f32[1,1,2100,16], %v: f32[1,1,2100,300], %p: f32[1,1,3,16], %w: f32[1,1,3,300]) { %y = "
    "Attention(%q, %k, %v, _, %p, %w) return %y }",
    "(%q: f32[1,2,3,5], %k: f32[1,2,4,5], %v: f32[1,2,4,5]) { %y, _, _, %s = Attention(%q, %k, %v) {softcap=0.5, "
    "qk_matmul_output_mode=1} return %y, %s }",
    // Sequences.
    "(%x: f32[2,3,5,8]) { %y = RotaryEmbedding(%x, const f32[2,5,4] random(1), const f32[2,5,4] random(2)) return %y }",
    "(%x: f16[2,5,30]) { %y = RotaryEmbedding(%x, const f16[7,3] random(1), const f16[7,3] random(2), const i64[2,5] "
    "{0, 6, 2, 2, 1, 5, 4, 3, 6, 0}) {num_heads=3, rotary_embedding_dim=6, interleaved=1} return %y }",
    "(%q: f32[2,7,12], %k: f32[2,7,6], %v: f32[2,7,10]) { %y, %s = LinearAttention(%q, %k, %v) {q_num_heads=4, "
    "kv_num_heads=2, update_rule=\"linear\"} return %y, %s }",
    "(%q: f16[1,9,80], %k: f16[1,9,40], %v: f16[1,9,5], %s: f32[1,1,40,5], %d: f16[1,9,40], %b: f16[1,9,1]) { %y, %z = "
    "LinearAttention(%q, %k, %v, %s, %d, %b) {q_num_heads=2, kv_num_heads=1, scale=0.3} return %y, %z }",
    "(%x: f32[2,5,13], %s: f32[2,5,3]) { %y, %z = CausalConvWithState(%x, const f32[5,1,4] random(1), const f32[5] "
    "random(2), %s) {activation=\"silu\"} return %y, %z }",
    "(%x: f16[1,3,2]) { %y, %z = CausalConvWithState(%x, const f16[3,1,5] random(1)) return %y, %z }",
};

}  // namespace vivace
