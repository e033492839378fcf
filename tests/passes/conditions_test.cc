// What each rule asks for beyond its example: where one condition fails the rule leaves the graph alone, and where the
// pieces stand the other way round, or an optional one is absent, it fits all the same.
#include "passes/rewriting.h"
#include "passes/rules.h"

namespace vivace::passes {
namespace {

struct Case {
  const Rule& rule;
  const char* graph;
};

const Case kLeft[] = {
    // Dropout and normalization that train.
    {eliminate_dropout, "(%x: f32[2], %t: bool[]) { %y = Dropout(%x, const f32[] {0.5}, %t) return %y }"},
    {batch_norm_to_scale_and_shift,
     "(%x: f32[2,2,3]) { %y = BatchNormalization(%x, const f32[2] random(1), const f32[2] random(2), const f32[2] "
     "random(3), const f32[2] {1, 2}) {training_mode=1} return %y }"},
    {fold_batch_norm_into_conv,
     "(%x: f32[2,2,3]) { %c = Conv(%x, const f32[2,2,1] random(5)) %y = BatchNormalization(%c, const f32[2] random(1), "
     "const f32[2] random(2), const f32[2] random(3), const f32[2] {1, 2}) {training_mode=1} return %y }"},
    // Integers, which round otherwise.
    {divide_to_multiply, "(%x: i32[3]) { %y = Div(%x, const i32[] {2}) return %y }"},
    {subtract_to_add, "(%x: u8[3]) { %y = Sub(%x, const u8[] {2}) return %y }"},
    {power_to_products, "(%x: i32[3]) { %y = Pow(%x, const i32[] {2}) return %y }"},
    {power_to_products, "(%x: f32[3]) { %y = Pow(%x, const f32[3] {2, 3, 2}) return %y }"},
    {merge_scalar_factors, "(%x: i32[3]) { %a = Mul(%x, const i32[] {2}) %y = Mul(%a, const i32[] {3}) return %y }"},
    {merge_added_constants, "(%x: i32[3]) { %a = Add(%x, const i32[] {2}) %y = Add(%a, const i32[] {3}) return %y }"},
    {gemm_to_fused, "(%x: i32[2,3], %w: i32[3,4]) { %y = Gemm(%x, %w) return %y }"},
    {recognise_clip, "(%x: i32[3]) { %a = Max(%x, const i32[] {0}) %y = Min(%a, const i32[] {6}) return %y }"},
    {recognise_clip, "(%x: i32[3]) { %a = Min(%x, const i32[] {6}) %y = Max(%a, const i32[] {0}) return %y }"},
    // Constants of more than one element, where one is asked for.
    {merge_scalar_factors,
     "(%x: f32[3]) { %a = Mul(%x, const f32[3] {1, 2, 3}) %y = Mul(%a, const f32[] {3}) return %y }"},
    {merge_scalar_factors,
     "(%x: f32[3]) { %a = Mul(%x, const f32[] {3}) %y = Mul(%a, const f32[3] {1, 2, 3}) return %y }"},
    {merge_added_constants,
     "(%x: f32[3]) { %a = Add(%x, const f32[3] {1, 2, 3}) %y = Add(%a, const f32[] {3}) return %y }"},
    {merge_added_constants,
     "(%x: f32[3]) { %a = Add(%x, const f32[] {3}) %y = Add(%a, const f32[3] {1, 2, 3}) return %y }"},
    {recognise_clip, "(%x: f32[3]) { %a = Max(%x, const f32[3] {0, 1, 0}) %y = Min(%a, const f32[] {6}) return %y }"},
    {recognise_clip, "(%x: f32[3]) { %a = Max(%x, const f32[] {0}) %y = Min(%a, const f32[3] {6, 5, 4}) return %y }"},
    {recognise_clip, "(%x: f32[3]) { %a = Min(%x, const f32[3] {6, 5, 4}) %y = Max(%a, const f32[] {0}) return %y }"},
    {recognise_clip, "(%x: f32[3]) { %a = Min(%x, const f32[] {6}) %y = Max(%a, const f32[3] {0, 1, 0}) return %y }"},
    {recognise_clip, "(%x: f32[3]) { %a = Relu(%x) %y = Min(%a, const f32[3] {6, 5, 4}) return %y }"},
    {fuse_scale,
     "(%x: f32[2,3]) { %a = vivace.FusedMatMul(%x, const f32[3,4] random(1)) %y = Mul(%a, const f32[4] {1, 2, 3, 4}) "
     "return %y }"},
    // Values that somebody else reads, too: nothing would be saved.
    {fold_scale_into_conv,
     "(%x: f32[1,2,3]) { %c = Conv(%x, const f32[2,2,1] random(1)) %y = Div(%c, const f32[2,1] {2, 4}) return %y, %c "
     "}"},
    {fold_bias_into_conv,
     "(%x: f32[1,2,3]) { %c = Conv(%x, const f32[2,2,1] random(1)) %y = Add(%c, const f32[2,1] {2, 4}) return %y, %c "
     "}"},
    {fold_input_scale_into_conv,
     "(%x: f32[1,2,3]) { %s = Mul(%x, const f32[2,1] {2, 4}) %y = Conv(%s, const f32[2,2,1] random(1)) return %y, %s "
     "}"},
    {fold_pad_into_conv,
     "(%x: f32[1,2,3]) { %p = Pad(%x, const i64[6] {0, 0, 1, 0, 0, 1}) %y = Conv(%p, const f32[2,2,1] random(1)) "
     "return "
     "%y, %p }"},
    {fold_scale_into_matmul,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %y = Mul(%p, const f32[2] {2, 4}) return %y, %p }"},
    {distribute_scale_over_bias,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %a = Add(%p, const f32[2] {1, 2}) %y = Mul(%a, const "
     "f32[2] {2, 4}) return %y, %p }"},
    {distribute_scale_over_bias,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %a = Add(%p, const f32[2] {1, 2}) %y = Mul(%a, const "
     "f32[2] {2, 4}) return %y, %a }"},
    {fold_scale_into_norm,
     "(%x: f32[2,3]) { %n = RMSNormalization(%x, const f32[3] random(1)) %y = Mul(%n, const f32[3] {1, 2, 3}) return "
     "%y, %n }"},
    {fold_bias_into_norm,
     "(%x: f32[2,3]) { %n = LayerNormalization(%x, const f32[3] random(1)) %y = Add(%n, const f32[3] {1, 2, 3}) return "
     "%y, %n }"},
    {merge_scalar_factors,
     "(%x: f32[3]) { %a = Mul(%x, const f32[] {2}) %y = Mul(%a, const f32[] {3}) return %y, %a }"},
    {merge_added_constants,
     "(%x: f32[3]) { %a = Add(%x, const f32[] {2}) %y = Add(%a, const f32[] {3}) return %y, %a }"},
    {fuse_bias,
     "(%x: f32[2,3]) { %p = vivace.FusedMatMul(%x, const f32[3,2] random(1)) %y = Add(%p, const f32[2] {1, 2}) return "
     "%y, %p }"},
    {fuse_scale,
     "(%x: f32[2,3]) { %p = vivace.FusedMatMul(%x, const f32[3,2] random(1)) %y = Mul(%p, const f32[] {2}) return %y, "
     "%p }"},
    {move_scale_before_transpose,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %t = Transpose(%p) %y = Mul(%t, const f32[] {2}) "
     "return "
     "%y, %p }"},
    {move_scale_before_transpose,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %t = Transpose(%p) %y = Mul(%t, const f32[] {2}) "
     "return "
     "%y, %t }"},
    {recognise_clip, "(%x: f32[3]) { %a = Max(%x, const f32[] {0}) %y = Min(%a, const f32[] {6}) return %y, %a }"},
    {recognise_clip, "(%x: f32[3]) { %a = Min(%x, const f32[] {6}) %y = Max(%a, const f32[] {0}) return %y, %a }"},
    {recognise_clip, "(%x: f32[3]) { %a = Relu(%x) %y = Min(%a, const f32[] {6}) return %y, %a }"},
    {attention_without_transposes,
     "(%q: f32[1,2,3,4], %k: f32[1,2,5,4], %v: f32[1,2,5,4]) { %a = Attention(%q, %k, %v) %y = Transpose(%a) "
     "{perm=[0,2,1,3]} return %y, %a }"},
    // Results of another shape than the value that would take their place.
    {power_to_products, "(%x: f32[3]) { %y = Pow(%x, const f32[1,1] {2}) return %y }"},
    {merge_added_constants,
     "(%x: f32[3]) { %a = Add(%x, const f32[1,1] {2}) %y = Add(%a, const f32[] {3}) return %y }"},
    {fold_scale_into_matmul,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %y = Mul(%p, const f32[1,1,1] {2}) return %y }"},
    {distribute_scale_over_bias,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %a = Add(%p, const f32[1,1,2] {1, 2}) %y = Mul(%a, "
     "const f32[2] {2, 4}) return %y }"},
    {move_scale_before_transpose,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %t = Transpose(%p) %y = Mul(%t, const f32[1,1,1] {2}) "
     "return %y }"},
    {fuse_scale,
     "(%x: f32[2,3]) { %p = vivace.FusedMatMul(%x, const f32[3,2] random(1)) %y = Mul(%p, const f32[1,1,1] {2}) return "
     "%y }"},
    {recognise_group_norm,
     "(%x: f32[1,4,3,3]) { %g = Reshape(%x, const i64[3] {1, 2, 18}) %n = InstanceNormalization(%g, const f32[2] "
     "random(1), const f32[2] random(2)) %y = Reshape(%n, const i64[3] {1, 4, 9}) return %y }"},
    // Constants that vary along other dimensions than the weights' columns or channels.
    {fold_input_scale_into_conv,
     "(%x: f32[1,2,3]) { %s = Mul(%x, const f32[1,1,3] {2, 4, 8}) %y = Conv(%s, const f32[2,2,1] random(1)) return %y "
     "}"},
    {fold_scale_into_matmul,
     "(%x: f32[3,3]) { %p = Gemm(%x, const f32[3,2] random(1), const f32[3,1] {1, 2, 3}) %y = Mul(%p, const f32[2] {2, "
     "4}) return %y }"},
    {fold_scale_into_matmul,
     "(%x: f32[2,2,3]) { %p = MatMul(%x, const f32[2,3,4] random(1)) %y = Mul(%p, const f32[4] random(2)) return %y }"},
    {distribute_scale_over_bias,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %a = Add(%p, const f32[2,1] {1, 2}) %y = Mul(%a, "
     "const "
     "f32[2] {2, 4}) return %y }"},
    {distribute_scale_over_bias,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %a = Add(%p, const f32[2] {1, 2}) %y = Mul(%a, const "
     "f32[2,1] {2, 4}) return %y }"},
    {fuse_bias,
     "(%x: f32[3,3]) { %p = vivace.FusedMatMul(%x, const f32[3,2] random(1)) %y = Add(%p, const f32[3,1] {1, 2, 3}) "
     "return %y }"},
    {fold_scale_into_norm,
     "(%x: f32[2,3], %s: f32[3]) { %n = RMSNormalization(%x, %s) %y = Mul(%n, const f32[3] {1, 2, 3}) return %y }"},
    // Weights that would not be finite.
    {recognise_layer_norm,
     "(%x: f32[2,n]) { %m = ReduceMean(%x, const i64[1] {1}) %c = Sub(%x, %m) %q = Mul(%c, %c) %v = ReduceMean(%q, "
     "const "
     "i64[1] {1}) %e = Add(%v, const f32[] {1e-5}) %d = Sqrt(%e) %y = Div(%c, %d) return %y }"},
    {fold_input_scale_into_conv,
     "(%x: f32[1,2,3]) { %s = Mul(%x, const f32[] {1e30}) %y = Conv(%s, const f32[2,2,1] splat(1e10)) return %y }"},
    {fold_scale_into_matmul,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] splat(1e10)) %y = Mul(%p, const f32[] {1e30}) return %y }"},
    // Padding with something other than zeros, or beside the convolution's own automatic padding.
    {average_pool_to_global_pool,
     "(%x: f32[1,2,3,3]) { %y = AveragePool(%x) {kernel_shape=[3,3], strides=[3,3], pads=[1,1,1,1]} return %y }"},
    {fold_pad_into_conv,
     "(%x: f32[1,2,3]) { %p = Pad(%x, const i64[6] {0, 0, 1, 0, 0, 1}) {mode=\"reflect\"} %y = Conv(%p, const "
     "f32[2,2,1] random(1)) return %y }"},
    {fold_pad_into_conv,
     "(%x: f32[1,2,3]) { %p = Pad(%x, const i64[2] {1, 1}, _, const i64[1] {2}) %y = Conv(%p, const f32[2,2,1] "
     "random(1)) return %y }"},
    {fold_pad_into_conv,
     "(%x: f32[1,2,3]) { %p = Pad(%x, const i64[6] {0, 0, 1, 0, 0, 1}) %y = Conv(%p, const f32[2,2,2] random(1)) "
     "{auto_pad=\"SAME_UPPER\"} return %y }"},
    // A GELU with other constants, or of which somebody reads a piece.
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.4142135}) %e = Erf(%s) %a = Add(%e, const f32[] {1}) %m = Mul(%x, %a) "
     "%y = Mul(%m, const f32[] {0.5}) return %y, %s }"},
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.4142135}) %e = Erf(%s) %a = Add(%e, const f32[] {1}) %m = Mul(%x, %a) "
     "%y = Mul(%m, const f32[] {0.5}) return %y, %e }"},
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.4142135}) %e = Erf(%s) %a = Add(%e, const f32[] {1}) %m = Mul(%x, %a) "
     "%y = Mul(%m, const f32[] {0.5}) return %y, %a }"},
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.4142135}) %e = Erf(%s) %a = Add(%e, const f32[] {1}) %m = Mul(%x, %a) "
     "%y = Mul(%m, const f32[] {0.5}) return %y, %m }"},
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.5}) %e = Erf(%s) %a = Add(%e, const f32[] {1}) %m = Mul(%x, %a) %y = "
     "Mul(%m, const f32[] {0.5}) return %y }"},
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.4142135}) %e = Erf(%s) %a = Add(%e, const f32[] {2}) %m = Mul(%x, %a) "
     "%y = Mul(%m, const f32[] {0.5}) return %y }"},
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.4142135}) %e = Erf(%s) %a = Add(%e, const f32[] {1}) %m = Mul(%x, %a) "
     "%y = Mul(%m, const f32[] {0.25}) return %y }"},
    // Groups of a transposed convolution: its weights count the channels of one group only.
    {fold_batch_norm_into_conv,
     "(%x: f32[1,4,3]) { %c = ConvTranspose(%x, const f32[4,2,1] random(1)) {group=2} %y = BatchNormalization(%c, "
     "const "
     "f32[4] random(1), const f32[4] random(2), const f32[4] random(3), const f32[4] splat(1)) return %y }"},
    {fold_scale_into_conv,
     "(%x: f32[1,4,3]) { %c = ConvTranspose(%x, const f32[4,1,1] random(1)) {group=2} %y = Mul(%c, const f32[] {3}) "
     "return %y }"},
    {fold_scale_into_conv,
     "(%x: f32[1,4,3]) { %c = ConvTranspose(%x, const f32[4,1,1] random(1)) {group=2} %y = Div(%c, const f32[] {3}) "
     "return %y }"},
    {fold_bias_into_conv,
     "(%x: f32[1,4,3]) { %c = ConvTranspose(%x, const f32[4,1,1] random(1)) {group=2} %y = Add(%c, const f32[] {3}) "
     "return %y }"},
};

const Case kFits[] = {
    // The other way round.
    {fold_bias_into_conv,
     "(%x: f32[1,2,3]) { %c = Conv(%x, const f32[2,2,1] random(1)) %y = Add(const f32[2,1] {2, 4}, %c) return %y }"},
    {fold_input_scale_into_conv,
     "(%x: f32[1,2,3]) { %s = Mul(const f32[2,1] {2, 4}, %x) %y = Conv(%s, const f32[2,2,1] random(1)) return %y }"},
    {fold_scale_into_matmul,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %y = Mul(const f32[2] {2, 4}, %p) return %y }"},
    {distribute_scale_over_bias,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %a = Add(const f32[2] {1, 2}, %p) %y = Mul(const "
     "f32[2] {2, 4}, %a) return %y }"},
    {fold_scale_into_norm,
     "(%x: f32[2,3]) { %n = RMSNormalization(%x, const f32[3] random(1)) %y = Mul(const f32[3] {1, 2, 3}, %n) return "
     "%y "
     "}"},
    {fold_bias_into_norm,
     "(%x: f32[2,3]) { %n = LayerNormalization(%x, const f32[3] random(1)) %y = Add(const f32[3] {1, 2, 3}, %n) return "
     "%y }"},
    {merge_scalar_factors, "(%x: f32[3]) { %a = Mul(const f32[] {2}, %x) %y = Mul(const f32[] {3}, %a) return %y }"},
    {merge_added_constants, "(%x: f32[3]) { %a = Add(const f32[] {2}, %x) %y = Add(const f32[] {3}, %a) return %y }"},
    {fuse_bias,
     "(%x: f32[2,3]) { %p = vivace.FusedMatMul(%x, const f32[3,2] random(1)) %y = Add(const f32[2] {1, 2}, %p) return "
     "%y }"},
    {fuse_scale,
     "(%x: f32[2,3]) { %p = vivace.FusedMatMul(%x, const f32[3,2] random(1)) %y = Mul(const f32[] {2}, %p) return %y "
     "}"},
    {move_scale_before_transpose,
     "(%x: f32[2,3]) { %p = MatMul(%x, const f32[3,2] random(1)) %a = Add(const f32[2] {1, 2}, %p) %t = Transpose(%a) "
     "%y "
     "= Mul(const f32[] {2}, %t) return %y }"},
    {recognise_clip, "(%x: f32[3]) { %a = Max(const f32[] {0}, %x) %y = Min(const f32[] {6}, %a) return %y }"},
    {recognise_clip, "(%x: f32[3]) { %a = Min(const f32[] {6}, %x) %y = Max(const f32[] {0}, %a) return %y }"},
    {recognise_clip, "(%x: f32[3]) { %a = Relu(%x) %y = Min(const f32[] {6}, %a) return %y }"},
    {recognise_relu, "(%x: f32[3]) { %y = Max(const f32[] {0}, %x) return %y }"},
    // Every way to write a GELU.
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.4142135}) %e = Erf(%s) %a = Add(%e, const f32[] {1}) %m = Mul(%x, %a) "
     "%y = Mul(%m, const f32[] {0.5}) return %y }"},
    {recognise_gelu,
     "(%x: f32[3]) { %s = Mul(const f32[] {0.70710677}, %x) %e = Erf(%s) %a = Add(const f32[] {1}, %e) %m = Mul(%a, "
     "%x) %y = Mul(const f32[] {0.5}, %m) return %y }"},
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.4142135}) %e = Erf(%s) %a = Add(%e, const f32[] {1}) %m = Mul(%x, %a) "
     "%y = Div(%m, const f32[] {2}) return %y }"},
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.4142135}) %e = Erf(%s) %a = Add(%e, const f32[] {1}) %m = Mul(%a, "
     "const f32[] {0.5}) %y = Mul(%x, %m) return %y }"},
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.4142135}) %e = Erf(%s) %a = Add(%e, const f32[] {1}) %m = Mul(const "
     "f32[] {0.5}, %a) %y = Mul(%m, %x) return %y }"},
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.4142135}) %e = Erf(%s) %a = Add(%e, const f32[] {1}) %m = Mul(%x, "
     "const f32[] {0.5}) %y = Mul(%m, %a) return %y }"},
    {recognise_gelu,
     "(%x: f32[3]) { %s = Div(%x, const f32[] {1.4142135}) %e = Erf(%s) %a = Add(%e, const f32[] {1}) %m = Div(%x, "
     "const f32[] {2}) %y = Mul(%a, %m) return %y }"},
    // Without the optional bias, and with it.
    {conv_to_fused, "(%x: f32[1,2,3]) { %y = Conv(%x, const f32[2,2,1] random(1)) return %y }"},
    {fold_bias_into_conv,
     "(%x: f32[1,2,3]) { %c = Conv(%x, const f32[2,2,1] random(1)) %y = Add(%c, const f32[2,1] {2, 4}) return %y }"},
    {fold_scale_into_conv,
     "(%x: f32[1,2,3]) { %c = Conv(%x, const f32[2,2,1] random(1)) %y = Mul(%c, const f32[2,1] {2, 4}) return %y }"},
    {fold_scale_into_conv,
     "(%x: f32[1,2,3]) { %c = Conv(%x, const f32[2,2,1] random(1)) %y = Div(%c, const f32[2,1] {2, 4}) return %y }"},
    {fold_input_scale_into_conv,
     "(%x: f32[1,2,3]) { %s = Mul(%x, const f32[2,1] {2, 4}) %y = Conv(%s, const f32[2,2,1] random(1), const f32[2] "
     "{1, "
     "2}) return %y }"},
    {fold_scale_into_matmul,
     "(%x: f32[2,3]) { %p = Gemm(%x, const f32[3,2] random(1)) %y = Mul(%p, const f32[2] {2, 4}) return %y }"},
    {fold_scale_into_matmul,
     "(%x: f32[2,3]) { %p = Gemm(%x, const f32[3,2] random(1), const f32[2] {1, 2}) %y = Mul(%p, const f32[2] {2, 4}) "
     "return %y }"},
    {gemm_to_fused, "(%x: f32[2,3], %w: f32[3,4]) { %y = Gemm(%x, %w) return %y }"},
};

TEST(Conditions, LeaveAloneWhatDoesNotFit) {
  for (const Case& c : kLeft) {
    SCOPED_TRACE(c.rule.name);
    expect_no_rewrite(c.rule, "graph " + std::string(c.graph));
  }
}

TEST(Conditions, FitInAnyOrderAndWithoutWhatIsOptional) {
  for (const Case& c : kFits) {
    SCOPED_TRACE(c.rule.name + std::string("\n") + c.graph);
    const auto graph = graph_of("graph " + std::string(c.graph));
    ASSERT_TRUE(graph);
    const auto before = graph->clone();
    const Result<int> changes = run_pass(pass_of(c.rule), *graph);
    ASSERT_TRUE(changes.ok()) << changes.status().message();
    EXPECT_GE(*changes, 1);
    expect_same_results(*before, *graph, random_inputs(*before, 1));
  }
}

}  // namespace
}  // namespace vivace::passes
