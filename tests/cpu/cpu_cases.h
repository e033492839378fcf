// Problems that only the CPU's rows have kernels for, beside those of backend_cases.h.
#pragma once

namespace vivace {

inline constexpr const char* kCpuCases[] = {
    // Products of 8-bit integers: signs, zero points, odd sizes, matrices that are not constant, batches.
    "(%a: u8[7,37]) { %y = MatMulInteger(%a, const i8[37,50] random(1), const u8[] {117}) return %y }",
    "(%a: i8[2,9,64]) { %y = MatMulInteger(%a, const u8[64,33] random(1), const i8[] {-3}, const u8[] {130}) return %y "
    "}",
    "(%a: u8[1,40], %b: i8[40,100]) { %y = MatMulInteger(%a, %b) return %y }",
    "(%a: u8[3,5,6], %b: u8[3,6,70]) { %y = MatMulInteger(%a, %b, const u8[] {9}, const u8[] {200}) return %y }",
    "(%a: i8[12,20]) { %y = MatMulInteger(%a, const i8[20,3] random(1), const i8[1] {5}, const i8[3] {1, -2, 3}) "
    "return %y }",
    "(%a: u8[19,24]) { %y = QLinearMatMul(%a, const f32[] {0.02}, const u8[] {117}, const i8[24,35] random(1), "
    "const f32[] {0.01}, const i8[] {0}, const f32[] {0.5}, const u8[] {128}) return %y }",
    "(%a: i8[2,3,8]) { %y = QLinearMatMul(%a, const f32[] {0.05}, const i8[] {-7}, const u8[8,2] random(1), "
    "const f32[2] {0.01, 0.04}, const u8[2] {120, 140}, const f32[] {0.1}, const i8[] {4}) return %y }",
    // Convolutions of 8-bit integers: padding, strides, dilation, groups, depthwise, signs.
    "(%x: u8[2,5,9,7]) { %y = ConvInteger(%x, const i8[11,5,3,3] random(1), const u8[] {117}) {pads=[1,1,1,1]} return "
    "%y }",
    "(%x: i8[1,8,11,12]) { %y = ConvInteger(%x, const u8[6,4,3,2] random(1), const i8[] {-9}, const u8[] {131}) "
    "{group=2, strides=[2,3], pads=[2,0,1,1], dilations=[2,1]} return %y }",
    "(%x: u8[1,20,6,6]) { %y = ConvInteger(%x, const i8[33,20,1,1] random(1)) return %y }",
    "(%x: u8[1,17,15,13]) { %y = QLinearConv(%x, const f32[] {0.02}, const u8[] {100}, const i8[17,1,3,3] random(1), "
    "const f32[] {0.02}, const i8[] {0}, const f32[] {0.03}, const u8[] {90}, const i32[17] random(2)) {group=17, "
    "pads=[1,1,1,1]} return %y }",
    "(%x: i8[1,16,8,8]) { %y = QLinearConv(%x, const f32[] {0.02}, const i8[] {3}, const i8[3,16,3,3] random(1), "
    "const f32[3] {0.01, 0.02, 0.03}, const i8[3] {0, 0, 0}, const f32[] {0.4}, const i8[] {-1}) {pads=[1,1,1,1], "
    "strides=[2,2]} return %y }",
    // Inverted residuals: with and without the first and the last convolution, rings of rows that wrap, single pixels.
    "(%x: f32[1,24,14,13]) { %y = vivace.InvertedResidual(%x, const f32[72,1,3,3] random(1), const f32[72,24,1,1] "
    "random(2), const f32[24,72,1,1] random(3), const f32[72] random(4), const f32[72] random(5), const f32[24] "
    "random(6), %x) {depthwise_group=72, depthwise_pads=[1,1,1,1], depthwise_activation=\"clip\", "
    "depthwise_activation_beta=6.0, expand_activation=\"clip\", expand_activation_beta=6.0} return %y }",
    "(%x: f32[1,12,31,40], %r: f32[1,20,31,40]) { %y = vivace.InvertedResidual(%x, const f32[150,1,5,5] random(1), "
    "const f32[150,12,1,1] random(2), const f32[20,150,1,1] random(3), const f32[150] random(4), const f32[150] "
    "random(5), _, %r) {depthwise_group=150, depthwise_pads=[2,2,2,2], depthwise_activation=\"hard_swish\", "
    "expand_activation=\"sigmoid\", project_activation=\"relu\", project_residual_last=1} return %y }",
    "(%x: f32[2,9,37,40]) { %y = vivace.InvertedResidual(%x, const f32[100,1,3,5] random(1), const f32[100,9,1,1] "
    "random(2), const f32[5,100,1,1] random(3), _, const f32[100] random(5)) {depthwise_group=100, "
    "depthwise_pads=[0,2,2,1], depthwise_strides=[2,1], expand_activation=\"relu\"} return %y }",
    "(%x: f32[3,40,16,20]) { %y = vivace.InvertedResidual(%x, const f32[43,1,7,3] random(1), const f32[43,40,1,1] "
    "random(2), _, const f32[43] random(4), const f32[43] random(5)) {depthwise_group=43, depthwise_pads=[3,1,3,1], "
    "depthwise_strides=[1,2], depthwise_activation=\"silu\", expand_activation=\"sigmoid\"} return %y }",
    "(%x: f32[2,35,9,9], %r: f32[2,16,9,9]) { %y = vivace.InvertedResidual(%x, const f32[35,1,3,3] random(1), _, const "
    "f32[16,35,1,1] random(3), const f32[35] random(4), _, _, %r) {depthwise_group=35, depthwise_pads=[1,1,1,1], "
    "depthwise_activation=\"relu\", project_activation=\"relu\"} return %y }",
    "(%x: f32[1,64,60,50]) { %y = vivace.InvertedResidual(%x, const f32[64,1,1,1] random(1), _, const f32[17,64,1,1] "
    "random(3)) {depthwise_group=64, depthwise_strides=[2,2]} return %y }",
    "(%x: f32[1,8,1,1]) { %y = vivace.InvertedResidual(%x, const f32[40,1,3,3] random(1), const f32[40,8,1,1] "
    "random(2), const f32[3,40,1,1] random(3), _, const f32[40] random(5)) {depthwise_group=40, "
    "depthwise_pads=[1,1,1,1], expand_activation=\"relu\"} return %y }",
    "(%x: f32[1,16,60,45]) { %y = vivace.InvertedResidual(%x, const f32[112,1,1,1] random(1), const f32[112,16,1,1] "
    "random(2), _, _, const f32[112] random(5)) {depthwise_group=112, depthwise_strides=[2,1], "
    "expand_activation=\"relu\"} return %y }",
    // Quantization and casts.
    "(%x: f32[3,41]) { %y = QuantizeLinear(%x, const f32[] {0.01}, const u8[] {128}) return %y }",
    "(%x: f32[2,3,17]) { %y = QuantizeLinear(%x, const f32[3] {0.01, 0.02, 0.5}, const i8[3] {1, -2, 0}) {axis=1} "
    "return %y }",
    "(%x: f32[4,19]) { %y = QuantizeLinear(%x, const f32[19] splat(0.02)) {axis=-1} return %y }",
    "(%x: u8[5,23]) { %y = DequantizeLinear(%x, const f32[] {0.5}, const u8[] {7}) return %y }",
    "(%x: i8[4,21]) { %y = DequantizeLinear(%x, const f32[21] random(1), const i8[21] random(2)) {axis=1} return %y }",
    "(%x: i32[2,5,9]) { %y = DequantizeLinear(%x, const f32[5] random(1)) {axis=1} return %y }",
    "(%x: f32[7,29]) { %y, %s, %z = DynamicQuantizeLinear(%x) return %y }",
    "(%x: f32[7,29]) { %y, %s, %z = DynamicQuantizeLinear(%x) return %s }",
    "(%x: u8[37]) { %y = Cast(%x) {to=1} return %y }",
    "(%x: i8[3,7]) { %y = Cast(%x) {to=1} return %y }",
    "(%x: bf16[3,7]) { %y = Cast(%x) {to=1} return %y }",
    "(%x: f32[2,19]) { %y = Cast(%x) {to=16} return %y }",
    // Movement.
    "(%x: f32[2,3,5]) { %y = Tile(%x, const i64[3] {1, 2, 3}) return %y }",
    "(%x: u8[1,8,3,5]) { %y = DepthToSpace(%x) {blocksize=2, mode=\"CRD\"} return %y }",
    "(%x: f32[2,12,3,5]) { %y = DepthToSpace(%x) {blocksize=2} return %y }",
    "(%x: f32[2,3,4,6]) { %y = SpaceToDepth(%x) {blocksize=2} return %y }",
    "(%x: f32[2,3,5,7]) { %y = Pad(%x, const i64[8] {0, 1, 2, 1, 0, 0, 1, 3}, const f32[] {0.5}) return %y }",
    "(%x: i64[3,5]) { %y = Pad(%x, const i64[4] {1, -1, 0, 2}) return %y }",
    "(%x: f32[3,5]) { %y = Pad(%x, const i64[4] {2, 6, 3, 5}) {mode=\"reflect\"} return %y }",
    "(%x: f32[3,5]) { %y = Pad(%x, const i64[2] {2, 4}, _, const i64[1] {-1}) {mode=\"edge\"} return %y }",
    "(%x: f32[3,5]) { %y = Pad(%x, const i64[4] {2, 6, 3, 5}) {mode=\"wrap\"} return %y }",
    // Recurrence.
    "(%x: f32[4,2,5]) { %y = GRU(%x, const f32[2,18,5] random(1), const f32[2,18,6] random(2), const f32[2,36] "
    "random(3)) {hidden_size=6, direction=\"bidirectional\"} return %y }",
    "(%x: f32[3,1,5], %h: f32[1,1,17]) { _, %y = GRU(%x, const f32[1,51,5] random(1), const f32[1,51,17] random(2), "
    "const f32[1,102] random(3), _, %h) {hidden_size=17, linear_before_reset=1, direction=\"reverse\"} return %y }",
    "(%x: f32[4,2,5]) { %y = RNN(%x, const f32[2,6,5] random(1), const f32[2,6,6] random(2), const f32[2,12] "
    "random(3)) {hidden_size=6, direction=\"bidirectional\"} return %y }",
    "(%x: f32[4,1,5]) { _, %y = RNN(%x, const f32[1,6,5] random(1), const f32[1,6,6] random(2)) {hidden_size=6, "
    "activations=[\"Relu\"]} return %y }",
    // Sampling and transposed convolution.
    "(%x: f32[2,5,7,9], %g: f32[2,6,7,2]) { %y = GridSample(%x, %g) {padding_mode=\"border\"} return %y }",
    "(%x: f32[1,3,7,9], %g: f32[1,16,17,2]) { %y = GridSample(%x, %g) {mode=\"cubic\", align_corners=1} return %y }",
    "(%x: f32[1,4,6,5], %g: f32[1,5,7,2]) { %y = GridSample(%x, %g) {mode=\"nearest\", padding_mode=\"reflection\"} "
    "return %y }",
    "(%x: f32[2,4,7,9], %o: f32[2,36,7,9], %m: f32[2,18,7,9]) { %y = DeformConv(%x, const f32[6,2,3,3] random(1), %o, "
    "const f32[6] random(2), %m) {group=2, offset_group=2, pads=[1,1,1,1]} return %y }",
    "(%x: f32[1,3,8,20], %o: f32[1,8,7,19]) { %y = DeformConv(%x, const f32[5,3,2,2] random(1), %o) return %y }",
    "(%x: f32[2,6,5,7]) { %y = ConvTranspose(%x, const f32[6,4,2,2] random(1), const f32[4] random(2)) {strides=[2,2]} "
    "return %y }",
    "(%x: f32[1,4,5,19]) { %y = ConvTranspose(%x, const f32[4,3,4,3] random(1)) {group=2, strides=[2,2], "
    "pads=[1,0,2,1], output_padding=[1,0], dilations=[1,2]} return %y }",
    "(%x: f32[1,5,6,33]) { %y = ConvTranspose(%x, const f32[5,2,3,3] random(1)) {strides=[1,3], pads=[1,1,1,1]} return "
    "%y }",
    "(%x: f32[2,5,9,11]) { %y = RoiAlign(%x, const f32[3,4] {1.5, 2.0, 30.0, 20.0, -9.0, 0.0, 50.0, 11.0, 4.0, 4.0, "
    "4.5, 4.25}, const i64[3] {1, 0, 1}) {output_height=3, output_width=4, sampling_ratio=2, spatial_scale=0.25} "
    "return %y }",
    "(%x: f32[3,40,5]) { %y = GatherElements(%x, const i64[3,4,5] random(1)) {axis=1} return %y }",
    "(%x: f32[20,3,5], %u: f32[2,3,3,5]) { %y = ScatterND(%x, const i64[2,3,1] {1, 0, 1, -1, 3, 1}, %u) "
    "{reduction=\"add\"} return %y }",
    "(%x: i8[6,7], %u: i8[3]) { %y = ScatterND(%x, const i64[3,2] {0, 1, 5, -1, 2, 2}, %u) return %y }",
    // Along an axis.
    "(%x: f32[5,100]) { %y = ArgMax(%x) {axis=1, keepdims=0} return %y }",
    "(%x: f32[3,7,37]) { %y = ArgMin(%x) {axis=1, select_last_index=1} return %y }",
    "(%x: f32[4,300]) { %y, %i = TopK(%x, const i64[1] {7}) return %i }",
    "(%x: f32[2,1000]) { %y, %i = TopK(%x, const i64[1] {130}) {largest=0} return %y }",
    "(%x: f32[3,4,70]) { %y = CumSum(%x, const i64[] {1}) {reverse=1} return %y }",
    "(%x: f32[3,40]) { %y = CumSum(%x, const i64[] {1}) {exclusive=1} return %y }",
    "(%x: f32[3,4,5,6]) { %y = ReduceMean(%x, const i64[3] {0, 2, 3}) return %y }",
    "(%x: f32[3,4,5,6]) { %y = ReduceSumSquare(%x, const i64[2] {-1, 1}) {keepdims=0} return %y }",
    "(%x: f32[1,3,5,20]) { %y = RotaryEmbedding(%x, const f32[9,10] random(1), const f32[9,10] random(2), "
    "const i64[1,5] {0, 8, 3, 1, 2}) return %y }",
    "(%x: f32[2,3,24]) { %y = RotaryEmbedding(%x, const f32[2,3,5] random(1), const f32[2,3,5] random(2)) "
    "{num_heads=2, rotary_embedding_dim=10} return %y }",
    // Selection.
    "(%c: bool[2,1,5,7], %x: f32[2,3,5,7]) { %y = Where(%c, %x, const f32[] {-1.5}) return %y }",
    "(%c: bool[5,1], %x: f32[4,5,1], %z: f32[5,9]) { %y = Where(%c, %x, %z) return %y }",
    "(%x: f32[1,2,5,19]) { %y = Resize(%x, _, const f32[4] {1.0, 1.0, 2.0, 2.0}) {mode=\"nearest\", "
    "coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"floor\"} return %y }",
    "(%x: f32[3,4,9,11]) { %y = Slice(%x, const i64[2] {1, 2}, const i64[2] {8, 10}, const i64[2] {2, 3}) return %y }",
};

}  // namespace vivace
